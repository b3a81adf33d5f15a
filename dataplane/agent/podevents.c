/* SPDX-License-Identifier: Apache-2.0 */
/* Kubernetes Events of pods that are not tapped. */
#include "dataplane/agent/podevents.h"

#include <stdlib.h>

#include "dataplane/agent/podeventtext.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "lib/kube/event.h"

/* As many pods and reasons as can fail at all. */
#define KNOWN_MAX NT_FAILED_MAX
#define ATTEMPTS_MAX 5
#define PAUSE_MIN_NS NT_NS_PER_S
#define PAUSE_MAX_NS (60 * NT_NS_PER_S)
#define ANSWER_BYTES_MAX 65536
/* By then the queue has moved on. */
#define DROPPED_AGAIN_NS (60 * NT_NS_PER_S)

struct known {
	uint64_t key; /* 0: free */
	int64_t due_ns; /* CLOCK_BOOTTIME, when it is posted again */
};

struct event {
	struct event *next;
	struct nt_buf path, body;
	unsigned attempts;
};

struct nt_podevents {
	struct nt_kube *kube;
	struct nt_clock *clock;
	const char *node;
	struct nt_timer *timer; /* tokens, and the pause */
	struct known *known; /* KNOWN_MAX, open addressing by key */
	struct event *first, **last;
	bool in_flight;
	unsigned tokens;
	int64_t pause_ns, paused_until_ns;
	int last_fault; /* so that a lasting one is logged once */
	struct nt_podevents_stats stats;
};

static void free_event(struct event *e)
{
	nt_buf_done(&e->path);
	nt_buf_done(&e->body);
	free(e);
}

static void drop_first(struct nt_podevents *p)
{
	struct event *e = p->first;

	p->first = e->next;
	if (!p->first)
		p->last = &p->first;
	p->stats.waiting--;
	free_event(e);
}

/* --- an attempt ------------------------------------------------------------------------------- */

static void send_first(struct nt_podevents *p);

static void log_fault(struct nt_podevents *p, const struct nt_kube_answer *answer)
{
	int fault = answer->status ? answer->status : -answer->error.code;

	if (fault == p->last_fault)
		return;
	p->last_fault = fault;
	nt_log_warn("events: %s", answer->error.msg);
}

static void pause_all(struct nt_podevents *p, int64_t asked_ns)
{
	p->pause_ns = p->pause_ns ? p->pause_ns * 2 : PAUSE_MIN_NS;
	if (p->pause_ns > PAUSE_MAX_NS)
		p->pause_ns = PAUSE_MAX_NS;
	p->paused_until_ns =
		nt_clock_boot(p->clock) + (asked_ns > p->pause_ns ? asked_ns : p->pause_ns);
}

static void on_answer(void *ctx, const struct nt_kube_answer *answer)
{
	enum nt_kube_event_fate fate = nt_kube_event_fate(answer);
	struct nt_podevents *p = ctx;

	p->in_flight = false;
	if (fate == NT_KUBE_EVENT_TAKEN || fate == NT_KUBE_EVENT_KNOWN) {
		p->stats.posted += fate == NT_KUBE_EVENT_TAKEN;
		p->stats.known += fate == NT_KUBE_EVENT_KNOWN;
		if (p->last_fault)
			nt_log_info("events: the API takes them");
		p->last_fault = 0;
		p->pause_ns = 0;
		drop_first(p);
	} else if (fate == NT_KUBE_EVENT_LATER && ++p->first->attempts < ATTEMPTS_MAX) {
		log_fault(p, answer);
		pause_all(p, answer->retry_after_ns);
	} else {
		log_fault(p, answer);
		p->stats.failed++;
		drop_first(p);
	}
	send_first(p);
}

static void send_first(struct nt_podevents *p)
{
	struct event *e = p->first;
	struct nt_kube_request request = { .method = "POST", .max_bytes = ANSWER_BYTES_MAX };
	struct nt_err err;

	if (!e || p->in_flight || !p->tokens || nt_clock_boot(p->clock) < p->paused_until_ns)
		return;
	request.path = nt_buf_str(&e->path);
	request.body = nt_slice_mem(e->body.p, e->body.len);
	if (nt_kube_send(p->kube, &request, on_answer, p, NULL, &err) < 0) {
		struct nt_kube_answer answer = { .error = err };

		log_fault(p, &answer);
		pause_all(p, 0);
		return;
	}
	p->tokens--;
	p->in_flight = true;
}

static void on_second(void *ctx)
{
	struct nt_podevents *p = ctx;

	if (p->tokens < NT_PODEVENTS_BURST)
		p->tokens++;
	send_first(p);
}

/* --- what is new ------------------------------------------------------------------------------ */

/* The entry of that key, or the one that it replaces: a free one, or the oldest nearby, whose event
 * comes once more if it is still true; the API knows it then. */
static struct known *find_known(struct nt_podevents *p, uint64_t key)
{
	struct known *oldest = NULL;

	for (size_t i = 0; i < 16; i++) {
		struct known *k = &p->known[(key + i) % KNOWN_MAX];

		if (k->key == key)
			return k;
		if (!oldest || k->due_ns < oldest->due_ns)
			oldest = k;
	}
	*oldest = (struct known){ .key = key };
	return oldest;
}

/* When it is due again. */
static int64_t queue(struct nt_podevents *p, const struct nt_batch_endpoint *pod)
{
	struct event *e = p->stats.waiting < NT_PODEVENTS_QUEUE ? calloc(1, sizeof(*e)) : NULL;
	int64_t now_us = nt_clock_real(p->clock) / NT_NS_PER_US;

	if (!e) {
		p->stats.dropped++;
		return DROPPED_AGAIN_NS;
	}
	if (nt_podeventtext_format(pod, p->node, now_us, &e->path, &e->body) < 0) {
		p->stats.failed++;
		free_event(e);
		return NT_PODEVENTS_AGAIN_NS;
	}
	*p->last = e;
	p->last = &e->next;
	p->stats.waiting++;
	return NT_PODEVENTS_AGAIN_NS;
}

void nt_podevents_look(struct nt_podevents *p, const struct nt_failed *failed)
{
	int64_t now = nt_clock_boot(p->clock);

	for (size_t i = 0; i < failed->noted; i++) {
		const struct nt_batch_endpoint *pod = &failed->endpoints[i];
		struct known *k;

		if (pod->state != NT_ENDPOINT_FAILED || !pod->namespace_.len || !pod->name.len)
			continue;
		k = find_known(p, nt_podeventtext_key(pod));
		if (k->due_ns > now)
			continue;
		k->due_ns = now + queue(p, pod);
	}
	send_first(p);
}

/* --- life ------------------------------------------------------------------------------------- */

int nt_podevents_new(struct nt_kube *kube, struct nt_loop *loop, struct nt_clock *clock,
		     const char *node, struct nt_podevents **ret_events, struct nt_err *err)
{
	struct nt_podevents *p = calloc(1, sizeof(*p));

	if (p)
		p->known = calloc(KNOWN_MAX, sizeof(*p->known));
	if (!p || !p->known) {
		free(p);
		return nt_err_set(err, ENOMEM, "no memory for events");
	}
	p->kube = kube;
	p->clock = clock;
	p->node = node;
	p->last = &p->first;
	p->tokens = NT_PODEVENTS_BURST;
	p->timer = nt_loop_timer_new(loop, NT_NS_PER_S, on_second, p, err);
	if (!p->timer) {
		nt_podevents_free(p);
		return -err->code;
	}
	*ret_events = p;
	return 0;
}

void nt_podevents_free(struct nt_podevents *p)
{
	if (!p)
		return;
	while (p->first)
		drop_first(p);
	nt_loop_timer_free(p->timer);
	free(p->known);
	free(p);
}

struct nt_podevents_stats nt_podevents_stats(const struct nt_podevents *p)
{
	return p->stats;
}
