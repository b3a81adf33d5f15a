/* SPDX-License-Identifier: Apache-2.0 */
/* A policy from what a workload asked for. */
#include "controller/policies/suggest.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/policies/asked.h"
#include "lib/base/cleanup.h"
#include "lib/policy/pattern.h"
#include "lib/policy/policy.h"
#include "lib/query/query.h"

struct run {
	const struct nt_suggest_config *config;
	struct nt_asked asked;
	struct nt_suggest *suggest;
	bool begun; /* a row of the workload was there */
	struct nt_slice other_kind;
};

/* --- the pods' labels ------------------------------------------------------------------------- */

/* What tells pods of one workload apart, or its releases: a selector with these would lose the next
 * ones. */
static const char *const passing[] = {
	"pod-template-hash",
	"controller-revision-hash",
	"pod-template-generation",
	"statefulset.kubernetes.io/pod-name",
	"apps.kubernetes.io/pod-index",
	"controller-uid",
	"job-name",
	"batch.kubernetes.io/controller-uid",
	"batch.kubernetes.io/job-name",
	"batch.kubernetes.io/job-completion-index",
	"app.kubernetes.io/version",
	"helm.sh/chart",
};

static bool is_passing(struct nt_slice key)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(passing); i++)
		if (nt_slice_eq(key, nt_slice_str(passing[i])))
			return true;
	return false;
}

static int compare_labels(const void *a, const void *b)
{
	return nt_slice_compare(((const struct nt_label *)a)->key,
				((const struct nt_label *)b)->key);
}

static int take_first(struct nt_suggest *s, const struct nt_record *r)
{
	s->workload_kind = nt_arena_copy(&s->arena, r->client_workload_kind);
	s->labels = nt_arena_alloc(&s->arena, (r->client_labels_len + 1) * sizeof(*s->labels));
	if (!s->workload_kind.p || !s->labels)
		return -ENOMEM;
	for (size_t i = 0; i < r->client_labels_len; i++) {
		struct nt_label label = r->client_labels[i];

		if (is_passing(label.key))
			continue;
		label.key = nt_arena_copy(&s->arena, label.key);
		label.value = nt_arena_copy(&s->arena, label.value);
		if (!label.key.p || !label.value.p)
			return -ENOMEM;
		s->labels[s->labels_len++] = label;
	}
	qsort(s->labels, s->labels_len, sizeof(*s->labels), compare_labels);
	return 0;
}

static bool has_label(const struct nt_record *r, const struct nt_label *label)
{
	for (size_t i = 0; i < r->client_labels_len; i++)
		if (nt_slice_eq(r->client_labels[i].key, label->key))
			return nt_slice_eq(r->client_labels[i].value, label->value);
	return false;
}

static void keep_common(struct nt_suggest *s, const struct nt_record *r)
{
	size_t kept = 0;

	for (size_t i = 0; i < s->labels_len; i++)
		if (has_label(r, &s->labels[i]))
			s->labels[kept++] = s->labels[i];
	s->labels_len = kept;
}

/* --- rows ------------------------------------------------------------------------------------- */

static bool take_row(void *ctx, const struct nt_record *r)
{
	struct run *run = ctx;
	const struct nt_suggest_config *config = run->config;
	struct nt_suggest *s = run->suggest;

	/* The query ignores case. */
	if (!nt_slice_eq(r->client_namespace, config->namespace_) ||
	    !nt_slice_eq(r->client_workload_name, config->workload) ||
	    (config->workload_kind.len &&
	     !nt_slice_eq(r->client_workload_kind, config->workload_kind)))
		return true;
	if (!run->begun && take_first(s, r) < 0)
		return true; /* nothing begins without memory */
	run->begun = true;
	if (!nt_slice_eq(r->client_workload_kind, s->workload_kind)) {
		run->other_kind = nt_arena_copy(&s->arena, r->client_workload_kind);
		return false;
	}
	keep_common(s, r);
	if (r->queries && r->count)
		nt_asked_add(&run->asked, r);
	return true;
}

static bool is_plain(struct nt_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '"' || s.p[i] == '\\')
			return false;
	return s.len && s.len <= 253;
}

static int make_query(const struct nt_suggest_config *c, struct nt_query **ret_query,
		      struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_query_error mistake;

	if (!is_plain(c->namespace_) || !is_plain(c->workload))
		return nt_err_set(err, EINVAL, "namespace, workload: each is a Kubernetes name");
	nt_buf_printf(&text, "client_namespace = \"%.*s\" AND client_workload_name = \"%.*s\"",
		      NT_SLICE_ARG(c->namespace_), NT_SLICE_ARG(c->workload));
	if (!nt_buf_ok(&text))
		return nt_err_set(err, ENOMEM, "no memory for a suggestion");
	if (nt_query_parse(nt_slice_mem(text.p, text.len), ret_query, &mistake) < 0)
		return nt_err_set(err, EIO, "a suggestion's own filter: %s", mistake.msg);
	return 0;
}

static int read_rows(struct run *run, struct nt_store *store, struct nt_store_reader *reader,
		     struct nt_err *err)
{
	_cleanup_(nt_query_freep) struct nt_query *filter = NULL;
	const struct nt_suggest_config *config = run->config;
	struct nt_store_range range = { .from_us = config->from_us,
					.to_us = config->to_us,
					.side = NT_SIDE_CLIENT,
					.role = -1 };
	int r = make_query(config, &filter, err);

	range.filter = filter;
	return r < 0 ? r
		     : nt_span_read(store, reader, &range, config->budget_ns, take_row, run,
				    &run->suggest->span, err);
}

/* --- entries ---------------------------------------------------------------------------------- */

static int by_name(const void *a, const void *b)
{
	return nt_slice_compare(((const struct nt_suggest_name *)a)->name,
				((const struct nt_suggest_name *)b)->name);
}

static void add_count(struct nt_suggest_entry *e, const struct nt_asked_count *c)
{
	e->lookups += c->lookups;
	if (c->last_us > e->last_us)
		e->last_us = c->last_us;
}

static struct nt_suggest_entry *new_entry(struct nt_suggest *s, const struct nt_asked_domain *d,
					  enum nt_suggest_fate fate)
{
	struct nt_suggest_entry *e = &s->entries[s->entries_len++];

	*e = (struct nt_suggest_entry){ .domain = d->domain, .fate = fate };
	return e;
}

/* `*.domain`, or -ENOMEM. */
static int set_below(struct nt_suggest *s, struct nt_suggest_entry *e)
{
	char *p = nt_arena_alloc(&s->arena, e->domain.len + 2);

	if (!p)
		return -ENOMEM;
	memcpy(p, "*.", 2);
	memcpy(p + 2, e->domain.p, e->domain.len);
	e->pattern = nt_slice_mem(p, e->domain.len + 2);
	return 0;
}

/* As a policy writes it; where a policy cannot, why. */
static int set_exact(struct nt_suggest *s, struct nt_suggest_entry *e, struct nt_slice name)
{
	char text[NT_NAME_TEXT_MAX + 2], msg[NT_PATTERN_MSG_MAX];
	struct nt_pattern pattern = { .wildcard = false }, read;
	size_t len = 0;

	if (nt_name_parse(name, &pattern.name) == 0)
		len = nt_pattern_text(&pattern, text);
	e->pattern = nt_arena_copy(&s->arena, len ? nt_slice_mem(text, len) : name);
	if (!e->pattern.p)
		return -ENOMEM;
	if (e->fate == NT_SUGGEST_ALLOWED && nt_pattern_parse(e->pattern, &read, msg) < 0) {
		e->fate = NT_SUGGEST_UNWRITABLE;
		snprintf(e->why, sizeof(e->why), "%s", msg);
	}
	return 0;
}

static int add_single(struct nt_suggest *s, const struct nt_asked_domain *d,
		      const struct nt_asked_name *n)
{
	static const enum nt_suggest_fate fates[] = {
		[NT_ASKED_ANSWERED] = NT_SUGGEST_ALLOWED,
		[NT_ASKED_NXDOMAIN] = NT_SUGGEST_NXDOMAIN,
		[NT_ASKED_BLOCKED] = NT_SUGGEST_BLOCKED,
		[NT_ASKED_UNANSWERED] = NT_SUGGEST_UNANSWERED,
	};
	struct nt_suggest_entry *e = new_entry(s, d, fates[nt_asked_outcome(n)]);
	struct nt_suggest_name *name = nt_arena_alloc(&s->arena, sizeof(*name));

	if (!name)
		return -ENOMEM;
	*name = (struct nt_suggest_name){ n->name, n->count.lookups, n->count.last_us };
	e->names = name;
	e->names_len = 1;
	add_count(e, &n->count);
	return set_exact(s, e, n->name);
}

static bool is_below(const struct nt_asked_domain *d, const struct nt_asked_name *n)
{
	return nt_asked_outcome(n) == NT_ASKED_ANSWERED && n->name.len > d->domain.len;
}

/* What of a domain's names is below it, answered. */
struct below {
	size_t len, octets; /* octets before the domain, of all of them */
};

static struct below look_below(const struct nt_asked_domain *d)
{
	struct below b = { 0 };

	for (const struct nt_asked_name *n = d->names; n; n = n->next) {
		if (!is_below(d, n))
			continue;
		b.len++;
		b.octets += n->name.len - d->domain.len - 1;
	}
	return b;
}

static void judge_tunnel(const struct nt_asked_domain *d, const struct below *b,
			 struct nt_suggest_entry *e)
{
	if (d->folded)
		snprintf(e->why, sizeof(e->why),
			 "looks like a tunnel: its pods asked for so many names that the log does "
			 "not have them all");
	else if (e->more || b->len >= NT_SUGGEST_TUNNEL_NAMES)
		snprintf(e->why, sizeof(e->why),
			 "looks like a tunnel: %s%zu different names below one domain",
			 e->more ? "more than " : "", b->len);
	else if (b->len && b->octets / b->len >= NT_SUGGEST_TUNNEL_OCTETS)
		snprintf(e->why, sizeof(e->why),
			 "looks like a tunnel: %zu names with %zu octets before the domain in the "
			 "mean",
			 b->len, b->octets / b->len);
	else
		return;
	e->fate = NT_SUGGEST_TUNNEL;
}

static int add_below(struct nt_suggest *s, const struct nt_asked_domain *d, const struct below *b)
{
	struct nt_suggest_name *names = nt_arena_alloc(&s->arena, (b->len + 1) * sizeof(*names));
	struct nt_suggest_entry *e = new_entry(s, d, NT_SUGGEST_ALLOWED);

	if (!names)
		return -ENOMEM;
	for (const struct nt_asked_name *n = d->names; n; n = n->next) {
		if (!is_below(d, n))
			continue;
		names[e->names_len++] =
			(struct nt_suggest_name){ n->name, n->count.lookups, n->count.last_us };
		add_count(e, &n->count);
	}
	qsort(names, e->names_len, sizeof(*names), by_name);
	e->names = names;
	e->more = d->answered_more.lookups != 0;
	add_count(e, &d->answered_more);
	judge_tunnel(d, b, e);
	return set_below(s, e);
}

/* Those beyond the bounds. */
static int add_failed_more(struct nt_suggest *s, const struct nt_asked_domain *d)
{
	struct nt_suggest_entry *e = new_entry(s, d, NT_SUGGEST_UNANSWERED);

	e->more = true;
	add_count(e, &d->failed_more);
	return set_below(s, e);
}

static int add_domain(struct nt_suggest *s, const struct nt_asked_domain *d)
{
	struct below b = look_below(d);
	bool folds = b.len >= NT_SUGGEST_FOLD_MIN || d->answered_more.lookups;
	int r = folds ? add_below(s, d, &b) : 0;

	for (const struct nt_asked_name *n = d->names; n && r == 0; n = n->next)
		if (!folds || !is_below(d, n))
			r = add_single(s, d, n);
	return r == 0 && d->failed_more.lookups ? add_failed_more(s, d) : r;
}

static int by_order(const void *left, const void *right)
{
	const struct nt_suggest_entry *a = left, *b = right;
	int r = (a->fate != NT_SUGGEST_ALLOWED) - (b->fate != NT_SUGGEST_ALLOWED);

	r = r ? r : nt_slice_compare(a->domain, b->domain);
	r = r ? r : nt_slice_compare(a->pattern, b->pattern);
	return r ? r : (int)a->fate - (int)b->fate;
}

static int make_entries(struct run *run, struct nt_err *err)
{
	const struct nt_asked *asked = &run->asked;
	struct nt_suggest *s = run->suggest;
	size_t allowed = 0;
	int r = 0;

	s->entries = calloc(asked->names.len + 2 * asked->domains.len + 1, sizeof(*s->entries));
	if (!s->entries)
		return nt_err_set(err, ENOMEM, "no memory for a suggestion");
	for (const struct nt_asked_domain *d = asked->first_domain; d && r == 0; d = d->next)
		r = add_domain(s, d);
	if (r < 0)
		return nt_err_set(err, ENOMEM, "no memory for a suggestion");
	qsort(s->entries, s->entries_len, sizeof(*s->entries), by_order);
	for (size_t i = 0; i < s->entries_len; i++)
		allowed += s->entries[i].fate == NT_SUGGEST_ALLOWED;
	if (allowed > NT_POLICY_ALLOW_MAX)
		return nt_err_set(
			err, EINVAL,
			"the workload asked for names of %zu entries, and a policy has %d: "
			"an allow-list does not suit it; or take a shorter range",
			allowed, NT_POLICY_ALLOW_MAX);
	return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int check(const struct run *run, struct nt_err *err)
{
	const struct nt_suggest_config *c = run->config;
	const struct nt_suggest *s = run->suggest;

	if (!run->begun)
		return nt_err_set(err, EINVAL,
				  "workload: nothing that %.*s in namespace %.*s asked is in the "
				  "log of this time (it has workloads of pods whose objects the "
				  "controller knew)",
				  NT_SLICE_ARG(c->workload), NT_SLICE_ARG(c->namespace_));
	if (run->other_kind.len)
		return nt_err_set(err, EINVAL,
				  "workload: there are a %.*s and a %.*s of that name: write "
				  "KIND/NAME",
				  NT_SLICE_ARG(s->workload_kind), NT_SLICE_ARG(run->other_kind));
	if (!s->labels_len)
		return nt_err_set(err, EINVAL,
				  "workload: its pods have no label in common that would stay, so "
				  "no selector takes them alone: give them one");
	return 0;
}

static void run_done(struct run *run)
{
	nt_asked_done(&run->asked);
}

int nt_suggest_run(struct nt_store *store, struct nt_store_reader *reader,
		   const struct nt_suggest_config *config, struct nt_suggest **ret_suggest,
		   struct nt_err *err)
{
	_cleanup_(nt_suggest_freep) struct nt_suggest *s = calloc(1, sizeof(*s));
	_cleanup_(run_done) struct run run = { .config = config, .suggest = s };
	int r;

	if (!s)
		return nt_err_set(err, ENOMEM, "no memory for a suggestion");
	s->arena = NT_ARENA(NT_SUGGEST_BYTES_MAX);
	r = nt_asked_init(&run.asked, config->cluster_domain, NT_SUGGEST_BYTES_MAX, err);
	if (r < 0)
		return r;
	run.asked.answered_max = NT_SUGGEST_TUNNEL_NAMES + 1; /* and the domain itself */
	run.asked.failed_max = NT_SUGGEST_FAILED_MAX;
	r = read_rows(&run, store, reader, err);
	if (r == 0)
		r = check(&run, err);
	if (r == 0)
		r = make_entries(&run, err);
	if (r < 0)
		return r;
	s->lookups = run.asked.lookups;
	s->nameless = run.asked.nameless;
	s->lost = run.asked.lost;
	s->name_texts = run.asked.arena;
	run.asked.arena = (struct nt_arena){ 0 };
	*ret_suggest = NT_TAKE_PTR(s);
	return 0;
}

void nt_suggest_free(struct nt_suggest *s)
{
	if (!s)
		return;
	nt_arena_done(&s->arena);
	nt_arena_done(&s->name_texts);
	free(s->entries);
	free(s);
}

const char *nt_suggest_fate_word(enum nt_suggest_fate fate)
{
	static const char *const words[] = {
		[NT_SUGGEST_ALLOWED] = "allowed",	[NT_SUGGEST_TUNNEL] = "tunnel",
		[NT_SUGGEST_UNWRITABLE] = "unwritable", [NT_SUGGEST_NXDOMAIN] = "nxdomain",
		[NT_SUGGEST_BLOCKED] = "blocked",	[NT_SUGGEST_UNANSWERED] = "unanswered",
	};

	return words[fate];
}
