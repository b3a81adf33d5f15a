/* SPDX-License-Identifier: Apache-2.0 */
/* POST policies/preview: what policies would stop or mark of stored lookups. */
#include "api/http/frame.h"

#include <inttypes.h>

#include "api/http/about.h"
#include "api/http/figures.h"
#include "controller/ingest/ingest.h"
#include "controller/policies/replay.h"
#include "lib/base/cleanup.h"
#include "lib/query/query.h"

struct asked {
	struct nt_store_range range; /* its times, as they were asked for */
	struct nt_plans *plans;
	int added; /* of the policies that are there */
};

/* --- what is not whole ------------------------------------------------------------------------ */

/* What the log does not have. */
static void write_log_limits(struct nt_json *j, const struct nt_store_range *range,
			     const struct nt_replay *r)
{
	nt_about_span_limits(j, range, &r->span);
	if (r->unlabelled)
		nt_about_limit(j, "labels",
			       "%" PRIu64 " lookups are not judged: when they were stored nothing "
			       "was known of their pods' labels, by which policies select",
			       r->unlabelled);
	if (r->nameless)
		nt_about_limit(j, "nameless",
			       "%" PRIu64 " lookups are not judged: the log has no name of them; a "
			       "malformed query is dropped where a policy is enforced",
			       r->nameless);
}

static void write_limits(struct nt_json *j, const struct asked *asked, const struct nt_replay *r)
{
	struct nt_slice first;
	size_t refused = nt_plans_refused(asked->plans, &first);

	nt_json_key(j, "limits");
	nt_json_open(j, '[');
	write_log_limits(j, &asked->range, r);
	if (r->other || r->lost)
		nt_about_limit(j, "room",
			       "%" PRIu64 " lookups are told without their names (" NT_REPLAY_OTHER
			       "), %" PRIu64 " not at all: a workload has %d names here, all "
			       "together %u MiB",
			       r->other, r->lost, NT_REPLAY_NAMES_MAX, NT_REPLAY_BYTES_MAX >> 20);
	if (r->entries_more)
		nt_about_limit(j, "entries",
			       "%zu entries with fewer lookups are not listed, and are in the sums",
			       r->entries_more);
	if (r->searches.over)
		nt_about_limit(j, "search_domains",
			       "the log has more than %d search domains: the others are taken for "
			       "none",
			       NT_SEARCHES_SEEN_MAX);
	if (r->crowded)
		nt_about_limit(j, "slots",
			       "a pod would be selected by more than %d policies: as in an agent "
			       "only the first %d count, Enforce before Audit, by name",
			       NT_POLICY_SLOTS, NT_POLICY_SLOTS);
	if (refused)
		nt_about_limit(
			j, "refused",
			"%zu policies that are there are refused (%.*s): what agents may have "
			"in force of an earlier form is not known here",
			refused, NT_SLICE_ARG(first));
	nt_json_close(j, ']');
}

/* --- the answer ------------------------------------------------------------------------------- */

static void write_policies(struct nt_json *j, const struct nt_plans *plans)
{
	struct nt_plan_policy p;

	nt_json_key(j, "policies");
	nt_json_open(j, '[');
	for (size_t i = 0; nt_plans_at(plans, i, &p); i++) {
		bool enforce = nt_policy_mode(p.policy) == NT_POLICY_ENFORCE;

		nt_json_open(j, '{');
		nt_json_key_str(j, "namespace", nt_policy_namespace(p.policy));
		nt_json_key_str(j, "name", nt_policy_name(p.policy));
		nt_json_key_str(j, "mode", nt_slice_str(enforce ? "Enforce" : "Audit"));
		nt_json_key(j, "replaces");
		nt_json_bool(j, p.replaces);
		nt_json_close(j, '}');
	}
	nt_json_close(j, ']');
}

static void write_entry(struct nt_json *j, const struct nt_replay_entry *e)
{
	nt_json_open(j, '{');
	nt_json_key_str(j, "namespace", e->namespace_);
	nt_json_key_str(j, "workload_kind", e->workload_kind);
	nt_json_key_str(j, "workload", e->workload);
	nt_json_key_str(j, "name", e->name);
	nt_json_key_str(j, "verdict", nt_slice_str(nt_replay_verdict_word(e->verdict)));
	nt_json_key_str(j, "policy", e->policy);
	nt_json_key_str(j, "doubt", nt_slice_str(nt_replay_doubt_word(e->doubt)));
	nt_json_key_u64(j, "lookups", e->lookups);
	nt_json_key_time(j, "first_seen", e->first_us);
	nt_json_key_time(j, "last_seen", e->last_us);
	nt_json_close(j, '}');
}

static void write_new(struct nt_json *j, const struct nt_replay *r)
{
	nt_json_key(j, "new");
	nt_json_open(j, '{');
	nt_json_key_u64(j, "deny", r->deny);
	nt_json_key_u64(j, "audit", r->audit);
	nt_json_key_u64(j, "unsure", r->unsure);
	nt_json_close(j, '}');
	nt_json_key(j, "entries");
	nt_json_open(j, '[');
	for (size_t i = 0; i < r->entries_len; i++)
		write_entry(j, &r->entries[i]);
	nt_json_close(j, ']');
}

/* By what names were judged, besides policies. */
static void write_domains(struct nt_json *j, const char *cluster_domain, const struct nt_replay *r)
{
	nt_json_key_str(j, "cluster_domain", nt_slice_str(cluster_domain));
	nt_json_key(j, "search_domains");
	nt_json_open(j, '[');
	for (size_t i = 0; i < r->searches.len; i++)
		nt_json_str(j, r->searches.domains[i]);
	nt_json_close(j, ']');
}

static int write_replay(struct nt_reply *reply, const struct asked *asked,
			const struct nt_query *filter, const char *cluster_domain,
			const struct nt_replay *r, struct nt_store_reader *reader,
			struct nt_err *err)
{
	const struct nt_store_range lost = { .from_us = r->span.from_us,
					     .to_us = r->span.to_us,
					     .filter = filter,
					     .side = -1,
					     .role = -1,
					     .unlogged = true };
	struct nt_json j = NT_JSON(&reply->body);
	int result;

	nt_reply_json(reply);
	nt_json_open(&j, '{');
	write_policies(&j, asked->plans);
	nt_about_span(&j, &asked->range, &r->span);
	nt_json_key_u64(&j, "lookups", r->lookups);
	write_domains(&j, cluster_domain, r);
	write_new(&j, r);
	result = nt_figures_loss(reader, &lost, &j, err);
	write_limits(&j, asked, r);
	nt_json_close(&j, '}');
	return result;
}

static int preview(struct nt_api *api, struct nt_store_reader *reader, void *ctx,
		   struct nt_reply *reply, struct nt_err *err)
{
	_cleanup_(nt_query_freep) struct nt_query *filter = NULL;
	_cleanup_(nt_replay_freep) struct nt_replay *replay = NULL;
	const struct asked *asked = ctx;
	int64_t now_us = nt_now_us();
	char cluster_domain[256];
	struct nt_replay_config config = {
		.from_us = asked->range.from_us,
		.to_us = asked->range.to_us < now_us ? asked->range.to_us : now_us,
	};
	int r = nt_plans_query(asked->plans, &filter, err);

	nt_ingest_cluster_domain(api->ingest, cluster_domain);
	config.cluster_domain = nt_slice_str(cluster_domain);
	config.filter = filter;
	if (r == 0)
		r = nt_replay_run(api->store, reader, asked->plans, &config, &replay, err);
	if (r < 0)
		return r;
	return write_replay(reply, asked, filter, cluster_domain, replay, reader, err);
}

/* --- the question ----------------------------------------------------------------------------- */

static void add_current(void *ctx, const struct nt_objects *objects)
{
	struct asked *asked = ctx;

	asked->added = nt_plans_add_current(asked->plans, objects);
}

static void answer(struct nt_api *api, const struct nt_manifest *m, struct asked *asked,
		   struct nt_reply *reply)
{
	const struct nt_object *objects[NT_PLANS_FILE_MAX];
	struct nt_object_problem problem = { 0 };
	size_t bad;
	int r;

	for (size_t i = 0; i < m->objects_len; i++)
		objects[i] = &m->objects[i].compact->object;
	r = nt_plans_new(objects, m->objects_len, &asked->plans, &bad, &problem);
	if (r == -EINVAL) {
		nt_reply_object_problem(reply, objects[bad], &problem);
		return;
	}
	if (r == 0)
		nt_ingest_objects(api->ingest, add_current, asked);
	if (r < 0 || asked->added < 0)
		nt_reply_problem(reply, 503, "no memory for the policies");
	else
		nt_frame_from_store_at_leisure(api, preview, asked, reply);
	nt_plans_free(asked->plans);
}

void nt_handle_policy_preview(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	_cleanup_(nt_manifest_done) struct nt_manifest manifest = { 0 };
	struct asked asked = { 0 };
	struct nt_err err = { 0 };
	int r = nt_about_range(p, "", &asked.range, &err);

	if (r == 0)
		r = nt_about_objects(p->body, "DNSPolicy", NT_PLANS_FILE_MAX, &manifest, &err);
	if (r < 0)
		nt_reply_problem(reply, r == -ENOMEM ? 503 : 400, "%s", err.msg);
	else
		answer(api, &manifest, &asked, reply);
}
