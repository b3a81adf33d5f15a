/* SPDX-License-Identifier: Apache-2.0 */
/* GET policies/suggest: a policy from what a workload asked for. */
#include "api/http/frame.h"

#include <inttypes.h>

#include "api/http/about.h"
#include "api/http/figures.h"
#include "controller/ingest/ingest.h"
#include "controller/policies/suggest.h"
#include "lib/base/cleanup.h"

struct asked {
	struct nt_store_range range; /* its times, as they were asked for */
	struct nt_slice namespace_, workload_kind, workload;
};

/* --- the policy ------------------------------------------------------------------------------- */

static void write_metadata(struct nt_json *j, const struct asked *asked)
{
	char name[300];

	/* Not the name of a policy that is there by chance. */
	snprintf(name, sizeof(name), "%.*s-suggested", NT_SLICE_ARG(asked->workload));
	nt_json_key(j, "metadata");
	nt_json_open(j, '{');
	nt_json_key_str(j, "namespace", asked->namespace_);
	nt_json_key_str(j, "name", nt_slice_str(name));
	nt_json_close(j, '}');
}

static void write_spec(struct nt_json *j, const struct nt_suggest *s)
{
	nt_json_key(j, "spec");
	nt_json_open(j, '{');
	nt_json_key(j, "podSelector");
	nt_json_open(j, '{');
	nt_json_key(j, "matchLabels");
	nt_json_open(j, '{');
	for (size_t i = 0; i < s->labels_len; i++) {
		nt_json_key_slice(j, s->labels[i].key);
		nt_json_str(j, s->labels[i].value);
	}
	nt_json_close(j, '}');
	nt_json_close(j, '}');
	nt_json_key_str(j, "mode", NT_SLICE_LIT("Audit"));
	nt_json_key(j, "allow");
	nt_json_open(j, '[');
	for (size_t i = 0; i < s->entries_len; i++)
		if (s->entries[i].fate == NT_SUGGEST_ALLOWED)
			nt_json_str(j, s->entries[i].pattern);
	nt_json_close(j, ']');
	nt_json_close(j, '}');
}

static void write_policy(struct nt_json *j, const struct asked *asked, const struct nt_suggest *s)
{
	nt_json_key(j, "policy");
	nt_json_open(j, '{');
	nt_json_key_str(j, "apiVersion", NT_SLICE_LIT("nametap.io/v1alpha1"));
	nt_json_key_str(j, "kind", NT_SLICE_LIT("DNSPolicy"));
	write_metadata(j, asked);
	write_spec(j, s);
	nt_json_close(j, '}');
}

/* --- what it is made from --------------------------------------------------------------------- */

static void write_entry(struct nt_json *j, const struct nt_suggest_entry *e)
{
	nt_json_open(j, '{');
	nt_json_key_str(j, "pattern", e->pattern);
	nt_json_key_str(j, "fate", nt_slice_str(nt_suggest_fate_word(e->fate)));
	nt_json_key_str(j, "why", nt_slice_str(e->why));
	nt_json_key_u64(j, "lookups", e->lookups);
	nt_json_key_time(j, "last_seen", e->last_us);
	nt_json_key(j, "names");
	nt_json_open(j, '[');
	for (size_t i = 0; i < e->names_len; i++) {
		nt_json_open(j, '{');
		nt_json_key_str(j, "name", e->names[i].name);
		nt_json_key_u64(j, "lookups", e->names[i].lookups);
		nt_json_key_time(j, "last_seen", e->names[i].last_us);
		nt_json_close(j, '}');
	}
	nt_json_close(j, ']');
	nt_json_key(j, "more");
	nt_json_bool(j, e->more);
	nt_json_close(j, '}');
}

static void write_limits(struct nt_json *j, const struct asked *asked, const struct nt_suggest *s)
{
	nt_json_key(j, "limits");
	nt_json_open(j, '[');
	nt_about_span_limits(j, &asked->range, &s->span);
	if (s->nameless)
		nt_about_limit(j, "nameless",
			       "%" PRIu64 " lookups are in no entry: the log has no names of them",
			       s->nameless);
	if (s->lost)
		nt_about_limit(j, "room",
			       "%" PRIu64 " lookups are in no entry: there are %u MiB for names",
			       s->lost, NT_SUGGEST_BYTES_MAX >> 20);
	nt_json_close(j, ']');
}

static int suggest(struct nt_api *api, struct nt_store_reader *reader, void *ctx,
		   struct nt_reply *reply, struct nt_err *err)
{
	_cleanup_(nt_suggest_freep) struct nt_suggest *s = NULL;
	struct nt_json j = NT_JSON(&reply->body);
	const struct asked *asked = ctx;
	int64_t now_us = nt_now_us();
	char cluster_domain[256];
	struct nt_suggest_config config = {
		.from_us = asked->range.from_us,
		.to_us = asked->range.to_us < now_us ? asked->range.to_us : now_us,
		.namespace_ = asked->namespace_,
		.workload = asked->workload,
		.workload_kind = asked->workload_kind,
	};
	int r;

	nt_ingest_cluster_domain(api->ingest, cluster_domain);
	config.cluster_domain = nt_slice_str(cluster_domain);
	r = nt_suggest_run(api->store, reader, &config, &s, err);
	if (r < 0)
		return r;
	nt_reply_json(reply);
	nt_json_open(&j, '{');
	nt_json_key_str(&j, "workload_kind", s->workload_kind);
	nt_json_key_str(&j, "workload", asked->workload);
	write_policy(&j, asked, s);
	nt_about_span(&j, &asked->range, &s->span);
	nt_json_key_u64(&j, "lookups", s->lookups);
	nt_json_key(&j, "entries");
	nt_json_open(&j, '[');
	for (size_t i = 0; i < s->entries_len; i++)
		write_entry(&j, &s->entries[i]);
	nt_json_close(&j, ']');
	write_limits(&j, asked, s);
	nt_json_close(&j, '}');
	return 0;
}

/* --- the question ----------------------------------------------------------------------------- */

static int take_names(const struct nt_params *p, struct asked *asked, struct nt_err *err)
{
	const struct nt_slice *namespace_ = nt_params_find(p, "namespace");
	const struct nt_slice *workload = nt_params_find(p, "workload");
	const char *slash;

	if (!namespace_ || !namespace_->len || !workload || !workload->len)
		return nt_err_set(err, EINVAL,
				  "namespace and workload are wanted: whose pods it is about");
	asked->namespace_ = *namespace_;
	asked->workload = *workload;
	slash = memchr(workload->p, '/', workload->len);
	if (slash) {
		size_t len = (size_t)(slash - workload->p);

		asked->workload_kind = nt_slice_mem(workload->p, len);
		asked->workload = nt_slice_mem(slash + 1, workload->len - len - 1);
	}
	return 0;
}

void nt_handle_policy_suggest(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	struct asked asked = { 0 };
	struct nt_err err = { 0 };
	int r = nt_about_range(p, "namespace workload", &asked.range, &err);

	if (r == 0)
		r = take_names(p, &asked, &err);
	if (r < 0)
		nt_reply_problem(reply, 400, "%s", err.msg);
	else
		nt_frame_from_store_at_leisure(api, suggest, &asked, reply);
}
