/* SPDX-License-Identifier: Apache-2.0 */
/* Mistakes in objects, in the log, once each. */
#include "controller/report.h"

#include <stdio.h>

#include "controller/feeds/spec.h"
#include "controller/ingest/ingest.h"
#include "controller/notify/notify.h"
#include "lib/base/log.h"
#include "lib/objects/objects.h"
#include "lib/policy/policy.h"

struct round {
	const struct nt_buf *known;
	struct nt_notify *notify;
	struct nt_buf now;
};

static void say(struct round *round, const char *fmt, ...) NT_PRINTF(2, 3);
static void say(struct round *round, const char *fmt, ...)
{
	/* One NUL before and one behind: no line is a part of another. */
	char text[800] = "";
	struct nt_slice line;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text + 1, sizeof(text) - 1, fmt, ap);
	va_end(ap);
	line = nt_slice_mem(text, strlen(text + 1) + 2);
	nt_buf_slice(&round->now, line);
	if (!round->known->len || !memmem(round->known->p, round->known->len, line.p, line.len))
		nt_log_warn("%s", text + 1);
}

static void say_manifest(void *ctx, const struct nt_objects_problem *p)
{
	if (p->line)
		say(ctx, "%s:%zu: %s", p->path, p->line, p->msg);
	else
		say(ctx, "%s: %s", p->path, p->msg);
}

static bool say_rule(void *ctx, const struct nt_alert_rule *rule)
{
	struct round *round = ctx;

	for (size_t i = 0; i < rule->notify_len; i++)
		if (!nt_notify_has(round->notify, rule->notify[i]))
			say(ctx,
			    "GlobalAlert %.*s: spec.notify[%zu]: %.*s is no receiver of "
			    "--receivers: nobody of that name is told",
			    NT_SLICE_ARG(rule->name), i, NT_SLICE_ARG(rule->notify[i]));
	if (!rule->accepted)
		say(ctx, "GlobalAlert %.*s is refused: %.*s: %.*s", NT_SLICE_ARG(rule->name),
		    NT_SLICE_ARG(rule->problem_field), NT_SLICE_ARG(rule->problem_msg));
	if (rule->accepted && rule->selftest->state == NT_SELFTEST_FAILED)
		say(ctx, "GlobalAlert %.*s fails its self test: %s", NT_SLICE_ARG(rule->name),
		    rule->selftest->msg);
	if (rule->note.len)
		say(ctx, "GlobalAlert %.*s: %.*s", NT_SLICE_ARG(rule->name),
		    NT_SLICE_ARG(rule->note));
	return true;
}

static void say_policies(void *ctx, const struct nt_objects *objects)
{
	const struct nt_object *object;

	for (size_t i = 0;
	     objects && (object = nt_objects_at(objects, NT_SLICE_LIT("DNSPolicy"), i)); i++) {
		struct nt_object_problem problem = { 0 };
		struct nt_policy *policy = NULL;

		if (nt_policy_parse(object, &policy, &problem) < 0)
			say(ctx, "DNSPolicy %.*s/%.*s is refused: %s: %s",
			    NT_SLICE_ARG(object->namespace_), NT_SLICE_ARG(object->name),
			    problem.field, problem.msg);
		nt_policy_free(policy);
	}
}

static void say_feeds(void *ctx, const struct nt_objects *objects)
{
	const struct nt_object *object;

	for (size_t i = 0;
	     objects && (object = nt_objects_at(objects, NT_SLICE_LIT("DomainFeed"), i)); i++) {
		struct nt_object_problem problem = { 0 };
		struct nt_feed_spec *spec = NULL;

		if (nt_feed_spec_parse(object, &spec, &problem) < 0)
			say(ctx, "DomainFeed %.*s is refused: %s: %s", NT_SLICE_ARG(object->name),
			    problem.field, problem.msg);
		nt_feed_spec_free(spec);
	}
}

void nt_report_mistakes(struct nt_report *r, struct nt_ingest *ingest, struct nt_notify *notify)
{
	struct round round = { .known = &r->known, .notify = notify };

	nt_ingest_problems(ingest, say_manifest, &round);
	nt_ingest_alert_rules(ingest, say_rule, &round);
	nt_ingest_objects(ingest, say_policies, &round);
	nt_ingest_objects(ingest, say_feeds, &round);
	nt_buf_done(&r->known);
	r->known = round.now;
}

void nt_report_done(struct nt_report *r)
{
	nt_buf_done(&r->known);
}
