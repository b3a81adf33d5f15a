/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that holds the Lease. */
#include "controller/leader.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/kube/lease.h"

/* How late a change is noticed; much less than what is between deadline and duration. */
#define LOOK_NS (200 * NT_NS_PER_MS)
/* To give it back. */
#define RELEASE_NS (3 * NT_NS_PER_S)
#define ANSWER_BYTES_MAX ((size_t)1 << 20)

struct nt_leader {
	struct nt_leader_config config;
	struct nt_clock clock;
	struct nt_loop *loop; /* these three: the thread's */
	struct nt_kube *kube;
	struct nt_lease *lease;
	bool asking, leads, failing; /* the same */
	int64_t release_by_ns; /* the same; 0: not yet */
	pthread_t thread;
	bool running;
	_Atomic int64_t until_ns; /* of the lease */
	atomic_bool ending;
	pthread_mutex_t lock; /* covers the two below; held while fn runs */
	bool stopped;
	struct nt_leader_state state;
};

/* --- the thread ------------------------------------------------------------------------------- */

static void turn(struct nt_leader *l)
{
	bool leads = nt_clock_boot(&l->clock) < nt_lease_until_ns(l->lease);

	if (leads == l->leads)
		return;
	l->leads = leads;
	nt_log_info("Lease %s: %s", l->state.lease,
		    leads ? "ours: rules are evaluated and receivers are told by us"
			  : "not ours any more: another one may evaluate rules");
	pthread_mutex_lock(&l->lock);
	l->state.leads = leads;
	l->state.transitions++;
	if (!l->stopped)
		l->config.fn(l->config.ctx, leads);
	pthread_mutex_unlock(&l->lock);
}

static void note(struct nt_leader *l)
{
	const char *why = nt_lease_why(l->lease), *holder = nt_lease_holder(l->lease);
	bool other;

	pthread_mutex_lock(&l->lock);
	other = strcmp(l->state.holder, holder) != 0;
	l->state.failures += why[0] != '\0';
	snprintf(l->state.holder, sizeof(l->state.holder), "%s", holder);
	snprintf(l->state.why, sizeof(l->state.why), "%s", why);
	pthread_mutex_unlock(&l->lock);
	if (why[0] && !l->failing)
		nt_log_warn("Lease %s: %s; without it no rules are evaluated here", l->state.lease,
			    why);
	else if (!why[0] && l->failing)
		nt_log_info("Lease %s: the API answers", l->state.lease);
	l->failing = why[0] != '\0';
	if (other && holder[0])
		nt_log_info("Lease %s is held by %s", l->state.lease, holder);
}

static void ask(struct nt_leader *l);

static void on_answer(void *ctx, const struct nt_kube_answer *answer)
{
	struct nt_leader *l = ctx;

	l->asking = false;
	nt_lease_answer(l->lease, answer);
	atomic_store(&l->until_ns, nt_lease_until_ns(l->lease));
	note(l);
	turn(l);
	ask(l);
}

static void ask(struct nt_leader *l)
{
	_cleanup_buf_ struct nt_buf path = { 0 }, body = { 0 };
	struct nt_kube_request request = { .timeout_ns = NT_LEASE_TIMEOUT_NS,
					   .max_bytes = ANSWER_BYTES_MAX };
	struct nt_kube_answer answer = { 0 };

	if (l->asking || !nt_lease_due(l->lease, &request.method, &path, &body))
		return;
	request.path = path.p;
	request.body = nt_slice_mem(body.p, body.len);
	l->asking = true;
	if (nt_kube_send(l->kube, &request, on_answer, l, NULL, &answer.error) == 0)
		return;
	l->asking = false;
	nt_lease_answer(l->lease, &answer);
	note(l);
}

static void look(void *ctx)
{
	struct nt_leader *l = ctx;
	int64_t now_ns = nt_clock_boot(&l->clock);

	if (atomic_load(&l->ending) && !l->release_by_ns) {
		nt_lease_release(l->lease);
		atomic_store(&l->until_ns, 0);
		l->release_by_ns = now_ns + RELEASE_NS;
	}
	turn(l);
	ask(l);
	if (l->release_by_ns && (!l->asking || now_ns >= l->release_by_ns))
		nt_loop_stop(l->loop);
}

static void *run(void *ctx)
{
	struct nt_leader *l = ctx;
	struct nt_err err = { 0 };

	if (nt_loop_run(l->loop, &err) < 0)
		nt_log_error("Lease %s: %s; no rules are evaluated here", l->state.lease, err.msg);
	return NULL;
}

/* --- life ------------------------------------------------------------------------------------- */

static int open_kube(struct nt_leader *l, struct nt_err *err)
{
	_cleanup_kube_config_ struct nt_kube_config config = { 0 };
	int r = nt_kube_config_find(l->config.kubeconfig, &config, err);

	if (r == 0)
		return nt_err_set(err, ENOENT, "there is no Kubernetes API");
	return r < 0 ? r : nt_kube_open(&config, l->loop, "nametap-controller", &l->kube, err);
}

/* As client-go's: the host's name, for people, and what no other process has. */
static int make_lease(struct nt_leader *l, struct nt_err *err)
{
	char host[256] = "", identity[NT_LEASE_IDENTITY_SIZE];
	uint64_t random;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		return nt_err_set(err, EIO, "no random octets");
	(void)gethostname(host, sizeof(host) - 1);
	snprintf(identity, sizeof(identity), "%s_%016llx", host, (unsigned long long)random);
	return nt_lease_new(&l->config.lease, identity, &l->clock, &l->lease, err);
}

static int start(struct nt_leader *l, struct nt_err *err)
{
	int r = nt_loop_new(&l->loop, err);

	if (r == 0)
		r = open_kube(l, err);
	if (r == 0)
		r = make_lease(l, err);
	if (r == 0 && !nt_loop_timer_new(l->loop, LOOK_NS, look, l, err))
		r = -err->code;
	if (r < 0)
		return r;
	r = pthread_create(&l->thread, NULL, run, l);
	l->running = r == 0;
	return r == 0 ? 0 : nt_err_sys(err, r, "no thread for the Lease");
}

int nt_leader_new(const struct nt_leader_config *config, struct nt_leader **ret_leader,
		  struct nt_err *err)
{
	struct nt_leader *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return nt_err_set(err, ENOMEM, "no memory for the Lease");
	l->config = *config;
	l->clock = nt_clock_system();
	pthread_mutex_init(&l->lock, NULL);
	snprintf(l->state.lease, sizeof(l->state.lease), "%s/%s", config->lease.namespace_,
		 config->lease.name);
	r = start(l, err);
	if (r < 0) {
		nt_leader_free(l);
		return nt_err_wrap(err, "--leader-elect");
	}
	*ret_leader = l;
	return 0;
}

void nt_leader_stop(struct nt_leader *l)
{
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	l->stopped = true;
	pthread_mutex_unlock(&l->lock);
}

void nt_leader_free(struct nt_leader *l)
{
	if (!l)
		return;
	nt_leader_stop(l);
	atomic_store(&l->ending, true);
	if (l->running)
		pthread_join(l->thread, NULL);
	nt_kube_close(l->kube);
	nt_lease_free(l->lease);
	nt_loop_free(l->loop);
	pthread_mutex_destroy(&l->lock);
	free(l);
}

bool nt_leader_leads(const struct nt_leader *l)
{
	return !l || nt_clock_boot_now() < atomic_load(&l->until_ns);
}

void nt_leader_state(struct nt_leader *l, struct nt_leader_state *ret_state)
{
	*ret_state = (struct nt_leader_state){ .leads = true };
	if (!l)
		return;
	pthread_mutex_lock(&l->lock);
	*ret_state = l->state;
	pthread_mutex_unlock(&l->lock);
	ret_state->leads = nt_leader_leads(l);
}
