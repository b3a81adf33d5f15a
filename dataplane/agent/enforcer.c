/* SPDX-License-Identifier: Apache-2.0 */
/* Objects, rules and the plugin's socket in the agent's loop. */
#include "dataplane/agent/enforcer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/agent/source.h"
#include "lib/base/log.h"

/* Pods of a node and the cluster's policies, far from what one has. */
#define OBJECTS_MAX 20000
#define OBJECTS_BYTES_MAX ((size_t)32 << 20)
/* An API that starts, or has no DNSPolicy, needs half as long to be known as such. */
#define UNREAD_US (60 * (int64_t)1000000)

static const char *const kinds[] = { "Pod", "DNSPolicy", NULL };

struct nt_enforcer {
	const struct nt_options *options;
	struct nt_kube *kube; /* NULL: no API */
	struct nt_loop *loop;
	struct nt_clock *clock;
	struct nt_tapsource source;
	struct nt_rulesink sink;
	struct nt_objects *objects;
	struct nt_rules *rules;
	struct nt_asksock *asksock;
	uint64_t problems_generation;
	bool said_unread[sizeof(kinds) / sizeof(*kinds)], said_left_out;
};

/* A kind of the API, once each time that it cannot be read for long. */
static void log_state(void *ctx, const struct nt_objects_state *s)
{
	struct nt_enforcer *e = ctx;
	size_t i = 0;

	while (kinds[i] && strcmp(kinds[i], s->kind) != 0)
		i++;
	if (s->synced && e->said_unread[i]) {
		nt_log_info("%ss are read from the Kubernetes API again", s->kind);
		e->said_unread[i] = false;
	} else if (!s->synced && !e->said_unread[i] &&
		   nt_clock_real(e->clock) / 1000 - s->since_us >= UNREAD_US) {
		nt_log_warn(
			"%ss cannot be read from the Kubernetes API: %s; what is in force stays "
			"so",
			s->kind, s->error);
		e->said_unread[i] = true;
	}
	if (s->left_out && !e->said_left_out) {
		nt_log_error("%llu %ss of the Kubernetes API are left out: there are too many",
			     (unsigned long long)s->left_out, s->kind);
		e->said_left_out = true;
	}
}

/* Each new list of problems once. */
static void log_problems(struct nt_enforcer *e)
{
	const struct nt_objects_problem *p;

	if (!e->options->objects) {
		nt_objects_states(e->objects, log_state, e);
		return;
	}
	if (e->problems_generation == nt_objects_generation(e->objects))
		return;
	e->problems_generation = nt_objects_generation(e->objects);
	for (size_t i = 0; (p = nt_objects_problem_at(e->objects, i)) && i < 16; i++)
		nt_log_warn("objects: %s:%zu: %s", p->path, p->line, p->msg);
}

static void on_objects(void *ctx, int fd, uint32_t events)
{
	struct nt_enforcer *e = ctx;

	(void)fd, (void)events;
	if (!nt_rules_poll(e->rules))
		return;
	log_problems(e);
	nt_asksock_retry(e->asksock);
}

static void on_ask(void *ctx, uint64_t ep_id, struct nt_answer *ret_answer)
{
	struct nt_enforcer *e = ctx;

	if (e->rules) {
		nt_rules_enforce(e->rules, ep_id, ret_answer);
		return;
	}
	*ret_answer = (struct nt_answer){ .version = NT_ASK_VERSION, .status = NT_ANSWER_FAILED };
	snprintf(ret_answer->msg, sizeof(ret_answer->msg),
		 "the agent has neither the Kubernetes API nor --objects and knows no policies");
}

static int open_objects(struct nt_enforcer *e, struct nt_err *err)
{
	const struct nt_objects_kube_config config = { .kinds = kinds,
						       .node = e->options->node,
						       .objects_max = OBJECTS_MAX,
						       .bytes_max = OBJECTS_BYTES_MAX };

	return e->options->objects
		       ? nt_objects_open_dir(e->options->objects, &e->objects, err)
		       : nt_objects_open_kube(e->kube, e->loop, &config, &e->objects, err);
}

static int open_rules(struct nt_enforcer *e, struct nt_taps *taps, struct nt_err *err)
{
	struct nt_rules_config config = {
		.source = &e->source,
		.sink = &e->sink,
		.clock = e->clock,
		.cluster_domain = e->options->cluster_domain,
		.resolv_conf = e->options->node_resolv_conf,
	};
	int r;

	e->source = nt_source_of_taps(taps);
	r = nt_sink_of_taps(taps, &e->sink, err);
	if (r == 0)
		r = open_objects(e, err);
	config.objects = e->objects;
	return r < 0 ? r : nt_rules_new(&config, &e->rules, err);
}

int nt_enforcer_new(const struct nt_options *options, struct nt_kube *kube, struct nt_taps *taps,
		    struct nt_loop *loop, struct nt_clock *clock, struct nt_enforcer **ret_enforcer,
		    struct nt_err *err)
{
	struct nt_enforcer *e = calloc(1, sizeof(*e));
	int r = 0;

	if (!e)
		return nt_err_set(err, ENOMEM, "no memory for policies");
	e->options = options;
	e->kube = kube;
	e->loop = loop;
	e->clock = clock;
	if (options->objects || kube)
		r = open_rules(e, taps, err);
	if (r < 0) {
		nt_enforcer_free(e);
		return r;
	}
	*ret_enforcer = e;
	return 0;
}

void nt_enforcer_free(struct nt_enforcer *e)
{
	if (!e)
		return;
	nt_asksock_close(e->asksock);
	if (e->objects)
		nt_loop_unwatch(e->loop, nt_objects_fd(e->objects));
	nt_rules_free(e->rules);
	nt_objects_free(e->objects);
	free(e);
}

int nt_enforcer_start(struct nt_enforcer *e, struct nt_err *err)
{
	struct nt_asksock_config config = { .state_dir = e->options->state_dir,
					    .loop = e->loop,
					    .clock = e->clock,
					    .fn = on_ask,
					    .ctx = e };
	int r = 0;

	if (e->rules) {
		log_problems(e);
		nt_rules_reconcile(e->rules);
		r = nt_loop_watch(e->loop, nt_objects_fd(e->objects), EPOLLIN, on_objects, e, err);
	}
	return r < 0 ? r : nt_asksock_open(&config, &e->asksock, err);
}

void nt_enforcer_reconcile(struct nt_enforcer *e)
{
	if (!e->rules)
		return;
	nt_rules_reconcile(e->rules);
	log_problems(e);
}

struct nt_slice nt_enforcer_policy_name(void *ctx, uint32_t slot)
{
	const struct nt_enforcer *e = ctx;

	return e->rules ? nt_rules_policy_name(e->rules, slot) : (struct nt_slice){ 0 };
}

const struct nt_rules *nt_enforcer_rules(const struct nt_enforcer *e)
{
	return e->rules;
}

const struct nt_objects *nt_enforcer_objects(const struct nt_enforcer *e)
{
	return e->objects;
}
