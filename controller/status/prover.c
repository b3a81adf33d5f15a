/* SPDX-License-Identifier: Apache-2.0 */
/* A thread that tests alert rules. */
#include "controller/status/prover.h"

#include <pthread.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "controller/alerts/selftest.h"
#include "controller/ingest/ingest.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/objects/manifest.h"

enum {
	/* Evaluation goes before it; but who holds the ingestion's lock must get to its end. */
	NICE = 10,
	STACK_BYTES = 2 << 20,
};
#define LOOK_NS NT_NS_PER_S

struct nt_prover {
	struct nt_ingest *ingest;
	pthread_t thread;
	atomic_bool stopping;
	pthread_mutex_t lock; /* of the two below */
	pthread_cond_t wake;
};

/* Until then, or until it is to stop. */
static void rest(struct nt_prover *p, int64_t ns)
{
	int64_t until_ns = nt_clock_monotonic_now() + ns;
	struct timespec until = { .tv_sec = until_ns / NT_NS_PER_S,
				  .tv_nsec = until_ns % NT_NS_PER_S };

	pthread_mutex_lock(&p->lock);
	while (!atomic_load(&p->stopping) &&
	       pthread_cond_timedwait(&p->wake, &p->lock, &until) == 0)
		;
	pthread_mutex_unlock(&p->lock);
}

static void test(struct nt_prover *p, struct nt_slice text, struct nt_selftest *result)
{
	const struct nt_selftest_config config = { .stop = &p->stopping };
	struct nt_manifest manifest = { 0 };

	*result = (struct nt_selftest){ .state = NT_SELFTEST_NOT_GENERATED };
	snprintf(result->msg, sizeof(result->msg), "no memory");
	if (nt_manifest_parse(text, NT_MANIFEST_JSON, &manifest) == 0 && manifest.objects_len == 1)
		nt_selftest_run(&manifest.objects[0].compact->object, &config, result);
	nt_manifest_done(&manifest);
}

static void *run(void *ctx)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_prover *p = ctx;
	uint64_t ticket;

	/* Of this thread alone, in Linux. */
	(void)setpriority(PRIO_PROCESS, (id_t)gettid(), NICE);
	while (!atomic_load(&p->stopping)) {
		int64_t begun_ns = nt_clock_monotonic_now();
		struct nt_selftest result;

		if (!nt_ingest_selftest_next(p->ingest, &text, &ticket)) {
			rest(p, LOOK_NS);
			continue;
		}
		test(p, nt_slice_mem(text.p, text.len), &result);
		if (!atomic_load(&p->stopping)) /* else it was cut short */
			nt_ingest_selftest_done(p->ingest, ticket, &result);
		rest(p, nt_clock_monotonic_now() - begun_ns);
	}
	return NULL;
}

int nt_prover_start(struct nt_ingest *ingest, struct nt_prover **ret_prover, struct nt_err *err)
{
	struct nt_prover *p = calloc(1, sizeof(*p));
	pthread_condattr_t clock;
	pthread_attr_t attr;
	int r;

	if (!p)
		return nt_err_set(err, ENOMEM, "no memory to test rules");
	p->ingest = ingest;
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&clock);
	pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
	pthread_cond_init(&p->wake, &clock);
	pthread_condattr_destroy(&clock);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	r = pthread_create(&p->thread, &attr, run, p);
	pthread_attr_destroy(&attr);
	if (r) {
		pthread_mutex_destroy(&p->lock);
		pthread_cond_destroy(&p->wake);
		free(p);
		return nt_err_sys(err, r, "start the thread that tests rules");
	}
	*ret_prover = p;
	return 0;
}

void nt_prover_stop(struct nt_prover *p)
{
	if (!p)
		return;
	atomic_store(&p->stopping, true);
	pthread_mutex_lock(&p->lock);
	pthread_cond_broadcast(&p->wake);
	pthread_mutex_unlock(&p->lock);
	pthread_join(p->thread, NULL);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->wake);
	free(p);
}
