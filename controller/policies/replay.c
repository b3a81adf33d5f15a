/* SPDX-License-Identifier: Apache-2.0 */
/* The log's lookups, judged by policies as they are and as they would be. */
#include "controller/policies/replay.h"

#include <netinet/in.h>
#include <stdlib.h>

#include "controller/policies/ledger.h"
#include "lib/base/cleanup.h"

enum { SEARCHES_BYTES_MAX = 256 << 10 };

struct run {
	const struct nt_plans *plans;
	const struct nt_replay_config *config;
	struct nt_ledger ledger;
	struct nt_policy_scope scope; /* the cluster domain alone */
	char cluster_text[NT_NAME_TEXT_MAX];
	struct nt_slice cluster; /* the same; empty: not known */
	struct nt_replay *replay;
};

/* --- one lookup ------------------------------------------------------------------------------- */

static int rank(uint8_t verdict)
{
	return verdict == NT_VERDICT_DENY || verdict == NT_VERDICT_UNJUDGEABLE ? 2
	       : verdict == NT_VERDICT_AUDIT				       ? 1
									       : 0;
}

/* What becomes of it that does not now; NT_VERDICT_NONE: nothing. */
static uint8_t newly(const struct nt_plan_picks *picks, const struct nt_policy_scope *scope,
		     const struct nt_name *name, bool tcp, const struct nt_policy **ret_policy)
{
	const struct nt_policy *policy;
	uint8_t now = nt_plan_judge(&picks->by[NT_PLAN_NOW], scope, name, tcp, &policy);
	uint8_t then = nt_plan_judge(&picks->by[NT_PLAN_THEN], scope, name, tcp, ret_policy);

	return rank(then) > rank(now) ? then : NT_VERDICT_NONE;
}

/* Whatever search domain there is besides, it only allows more: what is let through without one is
 * so with any. */
static bool passes(const struct run *run, const struct nt_plan_picks *picks,
		   const struct nt_record *r, const struct nt_name *name)
{
	const struct nt_policy *policy;

	/* By the cluster domain of the row's own agent. */
	if (r->scope == NT_SCOPE_CLUSTER && r->transport != IPPROTO_TCP)
		return true;
	return !rank(nt_plan_judge(&picks->by[NT_PLAN_THEN], &run->scope, name,
				   r->transport == IPPROTO_TCP, &policy));
}

/* Without a search domain; with one it may be otherwise. */
static bool is_new(const struct run *run, const struct nt_plan_picks *picks,
		   const struct nt_record *r, const struct nt_name *name)
{
	const struct nt_policy *policy;

	return newly(picks, &run->scope, name, r->transport == IPPROTO_TCP, &policy) !=
	       NT_VERDICT_NONE;
}

static int take_lookups(struct run *run, const struct nt_record *r)
{
	struct nt_replay *replay = run->replay;
	struct nt_slice search = nt_searches_of(r);
	struct nt_ledger_workload *w;
	struct nt_plan_picks picks;
	struct nt_name name;

	if (nt_searches_add(&replay->searches, search, run->cluster, &replay->arena) < 0)
		return -ENOMEM;
	/* The controller names the workload of each pod whose labels it knows. */
	nt_plans_pick(run->plans, r->client_namespace, r->client_labels, r->client_labels_len,
		      r->client_workload_kind.len != 0, &picks);
	replay->unlabelled += picks.unknown ? r->count : 0;
	if (picks.unknown || !picks.by[NT_PLAN_THEN].len)
		return 0;
	replay->crowded |= picks.by[NT_PLAN_THEN].selected > picks.by[NT_PLAN_THEN].len;
	replay->lookups += r->count;
	if (!r->qname.len || nt_name_parse(r->qname, &name) < 0) {
		replay->nameless += r->count;
		return 0;
	}
	if (passes(run, &picks, r, &name))
		return 0;
	w = nt_ledger_workload(&run->ledger, r, &picks);
	if (!w)
		replay->lost += r->count;
	else if (!nt_ledger_count(&run->ledger, w, r, search) && is_new(run, &picks, r, &name))
		nt_ledger_count_other(w, r);
	return 0;
}

static bool take_row(void *ctx, const struct nt_record *record)
{
	struct run *run = ctx;

	/* A late reply is counted where its query was; what no query was seen of, nobody judges;
	 * the host's network has no policies. */
	if (record->queries && record->count && record->client_name.len &&
	    take_lookups(run, record) < 0)
		run->replay->lost += record->count;
	return true;
}

static int read_rows(struct run *run, struct nt_store *store, struct nt_store_reader *reader,
		     struct nt_err *err)
{
	const struct nt_store_range range = {
		.from_us = run->config->from_us,
		.to_us = run->config->to_us,
		.filter = run->config->filter,
		.side = NT_SIDE_CLIENT,
		.role = -1, /* policies are for resolvers, too */
	};

	return nt_span_read(store, reader, &range, run->config->budget_ns, take_row, run,
			    &run->replay->span, err);
}

/* --- what became of a name -------------------------------------------------------------------- */

struct finding {
	uint8_t verdict;
	enum nt_replay_doubt doubt;
	const struct nt_policy *policy;
};

static void look(const struct run *run, const struct nt_ledger_name *n, struct nt_slice cluster,
		 struct nt_slice search, enum nt_replay_doubt doubt, struct finding *f)
{
	struct nt_policy_scope scope = run->scope;
	const struct nt_policy *policy;
	struct nt_name name;
	uint8_t verdict;

	if (nt_name_parse(n->qname, &name) < 0 ||
	    (cluster.len && nt_name_parse(cluster, &scope.cluster_domain) < 0) ||
	    (search.len && nt_name_parse(search, &scope.searches[0]) < 0))
		return;
	scope.searches_len = search.len != 0;
	verdict = newly(&n->workload->picks, &scope, &name, n->tcp, &policy);
	if (doubt && rank(verdict) != rank(f->verdict) && !f->doubt)
		f->doubt = doubt;
	if (rank(verdict) > rank(f->verdict)) {
		f->verdict = verdict;
		f->policy = policy;
	}
}

/* By each domain that may be the one that counts. */
static struct finding find(const struct run *run, const struct nt_ledger_name *n)
{
	const struct nt_searches_seen *seen = &run->replay->searches;
	const struct nt_slice none = { 0 };
	struct finding f = { 0 };

	look(run, n, none, none, NT_REPLAY_CERTAIN, &f);
	for (size_t i = 0; i < seen->len; i++)
		if (nt_searches_ends(n->qname, seen->domains[i]))
			look(run, n, none, seen->domains[i], NT_REPLAY_SEARCH_DOMAIN, &f);
	if (!run->cluster.len && n->search.len)
		look(run, n, n->search, none, NT_REPLAY_CLUSTER_DOMAIN, &f);
	if (n->folded && !n->tcp)
		f.doubt = NT_REPLAY_FOLDED;
	return f;
}

static void add_entry(struct nt_replay *replay, const struct nt_ledger_workload *w,
		      struct nt_slice name, const struct finding *f,
		      const struct nt_ledger_count *count)
{
	replay->entries[replay->entries_len++] = (struct nt_replay_entry){
		.namespace_ = w->namespace_,
		.workload_kind = w->kind,
		.workload = w->name,
		.name = name,
		.policy = f->policy ? nt_policy_name(f->policy) : (struct nt_slice){ 0 },
		.verdict = f->verdict,
		.doubt = f->doubt,
		.lookups = count->lookups,
		.first_us = count->first_us,
		.last_us = count->last_us,
	};
}

/* Nobody knows any more which names they were. */
static void add_others(struct nt_replay *replay, const struct nt_ledger_workload *w)
{
	const struct nt_plan_pick *then = &w->picks.by[NT_PLAN_THEN];
	struct finding f = { .doubt = NT_REPLAY_MANY, .policy = then->at[0] };

	f.verdict = nt_policy_mode(then->at[0]) == NT_POLICY_ENFORCE ? NT_VERDICT_DENY
								     : NT_VERDICT_AUDIT;
	replay->other += w->other.lookups;
	add_entry(replay, w, NT_SLICE_LIT(NT_REPLAY_OTHER), &f, &w->other);
}

/* --- entries ---------------------------------------------------------------------------------- */

static int compare_workloads(const struct nt_replay_entry *a, const struct nt_replay_entry *b)
{
	int r = nt_slice_compare(a->namespace_, b->namespace_);

	r = r ? r : nt_slice_compare(a->workload, b->workload);
	return r ? r : nt_slice_compare(a->workload_kind, b->workload_kind);
}

static int compare_keys(const struct nt_replay_entry *a, const struct nt_replay_entry *b)
{
	int r = compare_workloads(a, b);

	r = r ? r : nt_slice_compare(a->name, b->name);
	r = r ? r : nt_slice_compare(a->policy, b->policy);
	r = r ? r : (int)a->verdict - (int)b->verdict;
	return r ? r : (int)a->doubt - (int)b->doubt;
}

static int by_keys(const void *a, const void *b)
{
	return compare_keys(a, b);
}

static int by_weight(const void *left, const void *right)
{
	const struct nt_replay_entry *a = left, *b = right;
	int r = rank(b->verdict) - rank(a->verdict);

	r = r ? r : (a->doubt != 0) - (b->doubt != 0);
	r = r ? r : (a->lookups < b->lookups) - (a->lookups > b->lookups);
	return r ? r : compare_keys(a, b);
}

/* Pods of a workload that other policies select, and ways to the same name, are one to the reader.
 */
static void merge_entries(struct nt_replay *replay)
{
	struct nt_replay_entry *e = replay->entries;
	size_t kept = 0;

	qsort(e, replay->entries_len, sizeof(*e), by_keys);
	for (size_t i = 0; i < replay->entries_len; i++) {
		if (!kept || compare_keys(&e[kept - 1], &e[i]) != 0) {
			e[kept++] = e[i];
			continue;
		}
		e[kept - 1].lookups += e[i].lookups;
		if (e[i].first_us < e[kept - 1].first_us)
			e[kept - 1].first_us = e[i].first_us;
		if (e[i].last_us > e[kept - 1].last_us)
			e[kept - 1].last_us = e[i].last_us;
	}
	replay->entries_len = kept;
}

static void sum_entries(struct nt_replay *replay)
{
	for (size_t i = 0; i < replay->entries_len; i++) {
		const struct nt_replay_entry *e = &replay->entries[i];

		*(e->doubt		  ? &replay->unsure
		  : rank(e->verdict) == 2 ? &replay->deny
					  : &replay->audit) += e->lookups;
	}
}

static int by_workload(const void *left, const void *right)
{
	const struct nt_replay_entry *a = left, *b = right;
	int r = compare_workloads(a, b);

	return r ? r : by_weight(a, b);
}

static int by_place(const void *left, const void *right)
{
	const struct nt_replay_entry *a = left, *b = right;

	return a->place == b->place ? by_weight(a, b) : a->place < b->place ? -1 : 1;
}

/* Each workload's first ones before another one's second: one with a thousand names hides nobody.
 */
static void cut_entries(struct nt_replay *replay)
{
	struct nt_replay_entry *e = replay->entries;
	size_t len = replay->entries_len;

	qsort(e, len, sizeof(*e), by_workload);
	for (size_t i = 1; i < len; i++)
		e[i].place = compare_workloads(&e[i - 1], &e[i]) == 0 ? e[i - 1].place + 1 : 0;
	qsort(e, len, sizeof(*e), by_place);
	replay->entries_more = len - NT_REPLAY_ENTRIES_MAX;
	replay->entries_len = NT_REPLAY_ENTRIES_MAX;
}

/* Texts of entries are the ledger's, which the result keeps. */
static int make_entries(struct run *run, struct nt_err *err)
{
	struct nt_replay *replay = run->replay;
	size_t len = run->ledger.names.len + run->ledger.workloads.len;

	replay->entries = calloc(len + 1, sizeof(*replay->entries));
	if (!replay->entries)
		return nt_err_set(err, ENOMEM, "no memory for a preview");
	for (const struct nt_ledger_name *n = run->ledger.first_name; n; n = n->next) {
		struct finding f = find(run, n);

		if (rank(f.verdict))
			add_entry(replay, n->workload, n->qname, &f, &n->count);
	}
	for (const struct nt_ledger_workload *w = run->ledger.first_workload; w; w = w->next)
		if (w->other.lookups)
			add_others(replay, w);
	merge_entries(replay);
	sum_entries(replay);
	if (replay->entries_len > NT_REPLAY_ENTRIES_MAX)
		cut_entries(replay);
	qsort(replay->entries, replay->entries_len, sizeof(*replay->entries), by_weight);
	return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int begin_run(struct run *run, struct nt_err *err)
{
	const struct nt_replay_config *config = run->config;
	struct nt_replay *replay = run->replay;

	replay->arena = NT_ARENA(SEARCHES_BYTES_MAX);
	if (config->cluster_domain.len &&
	    nt_name_parse(config->cluster_domain, &run->scope.cluster_domain) < 0)
		return nt_err_set(err, EIO, "the agents' cluster domain is no name");
	if (run->scope.cluster_domain.len > 1)
		run->cluster =
			nt_slice_mem(run->cluster_text,
				     nt_name_text(&run->scope.cluster_domain, run->cluster_text));
	return nt_ledger_init(&run->ledger, NT_REPLAY_BYTES_MAX, NT_REPLAY_NAMES_MAX, err);
}

static void run_done(struct run *run)
{
	nt_ledger_done(&run->ledger);
}

int nt_replay_run(struct nt_store *store, struct nt_store_reader *reader,
		  const struct nt_plans *plans, const struct nt_replay_config *config,
		  struct nt_replay **ret_replay, struct nt_err *err)
{
	_cleanup_(nt_replay_freep) struct nt_replay *replay = calloc(1, sizeof(*replay));
	_cleanup_(run_done) struct run run = { .plans = plans, .config = config, .replay = replay };
	int r;

	if (!replay)
		return nt_err_set(err, ENOMEM, "no memory for a preview");
	r = begin_run(&run, err);
	if (r == 0)
		r = read_rows(&run, store, reader, err);
	if (r == 0)
		r = make_entries(&run, err);
	if (r < 0)
		return r;
	replay->entry_texts = run.ledger.arena;
	run.ledger.arena = (struct nt_arena){ 0 };
	*ret_replay = NT_TAKE_PTR(replay);
	return 0;
}

void nt_replay_free(struct nt_replay *r)
{
	if (!r)
		return;
	nt_arena_done(&r->arena);
	nt_arena_done(&r->entry_texts);
	free(r->entries);
	free(r);
}

const char *nt_replay_verdict_word(uint8_t verdict)
{
	return verdict == NT_VERDICT_DENY	   ? "deny"
	       : verdict == NT_VERDICT_UNJUDGEABLE ? "unjudgeable"
						   : "audit";
}

const char *nt_replay_doubt_word(enum nt_replay_doubt doubt)
{
	static const char *const words[] = {
		[NT_REPLAY_CERTAIN] = "",
		[NT_REPLAY_SEARCH_DOMAIN] = "search_domain",
		[NT_REPLAY_CLUSTER_DOMAIN] = "cluster_domain",
		[NT_REPLAY_FOLDED] = "folded",
		[NT_REPLAY_MANY] = "many_names",
	};

	return words[doubt];
}
