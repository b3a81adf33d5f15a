/* SPDX-License-Identifier: Apache-2.0 */
/* `nametapctl top`: the largest groups of lookups, with what became of them. */
#include <inttypes.h>
#include <stdio.h>

#include "api/cli/table.h"
#include "api/cli/text.h"
#include "api/cli/verbs.h"
#include "lib/base/cleanup.h"

#define GROUPS_DEFAULT 10
/* What the API gives at most: among so many p95 is sorted here. */
#define GROUPS_MAX 1000

static const struct nt_verb verb = {
	.bit = NT_VERB_TOP,
	.outputs = 1 << NT_OUTPUT_TABLE | 1 << NT_OUTPUT_WIDE | 1 << NT_OUTPUT_JSON |
		   1 << NT_OUTPUT_NAME,
	.name = "top",
	.arguments = "[WHAT] [FILTER]",
	.about = "Prints the largest groups of lookups of the last hour (--since). WHAT is names "
		 "(the "
		 "default), domains,\n"
		 "pods, workloads, namespaces, nodes, servers, services, types, codes, policies or "
		 "scopes. Names are those\n"
		 "that applications asked for: tries of a resolver's search list count under them.",
	.more = "Columns: LOOKUPS; of these NXDOMAIN, SERVFAIL, NO-ANSWER and BLOCKED (by a "
		"policy; in "
		"none of the others);\n"
		"latencies of those that were answered. Percentiles are upper bounds of log2 "
		"buckets.\n"
		"With -o wide also the mean parts of the latency: NETWORK, SERVER and its wait for "
		"UPSTREAM, of\n"
		"lookups that were seen at both ends.\n"
		"Exit code: 0; 1 when it could not be asked; 2 for mistakes, in the filter, "
		"too.\n\n"
		"  nametapctl top\n"
		"  nametapctl top pods --since 10m --sort nxdomain\n"
		"  nametapctl top servers 'client_namespace = shop' --sort p95\n",
};

static const struct grouping_word {
	const char *name, *by;
} groupings[] = {
	{ "names", "logical_qname" },
	{ "domains", "domain" },
	{ "pods", "client_namespace,client_name" },
	{ "workloads", "client_namespace,client_workload_kind,client_workload_name" },
	{ "namespaces", "client_namespace" },
	{ "nodes", "node" },
	{ "servers", "servers.ip,servers.name,servers.service" },
	{ "services", "service.namespace,service.name" },
	{ "types", "qtype" },
	{ "codes", "rcode" },
	{ "policies", "policy,verdict" },
	{ "scopes", "scope" },
};

static const struct sort {
	const char *name, *order;
} sorts[] = {
	{ "lookups", "count" },	    { "queries", "queries" },	  { "nxdomain", "nxdomain" },
	{ "servfail", "servfail" }, { "noanswer", "unanswered" }, { "bytes", "bytes" },
	{ "max", "latency_max" },   { "p95", "latency_max" },
};

struct top {
	struct nt_ctl_options o;
	struct nt_connect connect;
	struct nt_filter filter;
	struct nt_ask_answer answer;
	struct nt_buf out;
	const char *by, *order;
	bool by_p95;
	uint64_t limit;
};

static void top_done(struct top *t)
{
	json_decref(t->answer.json);
	nt_buf_done(&t->out);
	nt_filter_done(&t->filter);
	nt_connect_close(&t->connect);
}

/* --- the table -------------------------------------------------------------------------------- */

static void put_key(struct nt_table *t, const json_t *group)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(group, "key"), name, value)
	{
		if (!json_string_length(value) || strcmp(json_string_value(value), "-") == 0)
			continue;
		nt_buf_puts(&text, text.len ? "/" : "");
		nt_buf_add(&text, json_string_value(value), json_string_length(value));
	}
	nt_table_cell(t, text.len ? nt_slice_mem(text.p, text.len) : NT_SLICE_LIT("(none)"));
}

static void put_bad(struct nt_table *t, enum nt_paint paint, int64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRId64, n);
	nt_table_painted(t, n ? paint : NT_PAINT_NONE, nt_slice_str(text));
}

static void put_latency(struct nt_table *t, const json_t *sums, const char *key)
{
	const json_t *latency = json_object_get(sums, "latency");
	_cleanup_buf_ struct nt_buf text = { 0 };

	if (json_is_number(json_object_get(latency, key)))
		nt_text_ns(&text, nt_number_at(latency, key));
	nt_table_cell(t, nt_slice_mem(text.p, text.len));
}

static void put_hop(struct nt_table *t, const json_t *sums, const char *key)
{
	const json_t *hop = json_object_get(json_object_get(sums, "hops"), key);
	_cleanup_buf_ struct nt_buf text = { 0 };

	if (json_is_number(json_object_get(hop, "mean")))
		nt_text_ns(&text, nt_number_at(hop, "mean"));
	nt_table_cell(t, nt_slice_mem(text.p, text.len));
}

static void put_bytes(struct nt_table *t, const json_t *sums, const char *key)
{
	_cleanup_buf_ struct nt_buf text = { 0 };

	nt_text_bytes(&text, (uint64_t)nt_number_at(sums, key));
	nt_table_cell(t, nt_slice_mem(text.p, text.len));
}

static void put_group(struct nt_table *t, const json_t *group, bool wide)
{
	const json_t *sums = json_object_get(group, "sums");

	nt_table_number(t, nt_number_at(sums, "count"));
	put_bad(t, NT_PAINT_WARN, nt_number_at(sums, "nxdomain"));
	put_bad(t, NT_PAINT_BAD, nt_number_at(sums, "servfail"));
	put_bad(t, NT_PAINT_BAD,
		nt_number_at(sums, "unanswered") - nt_number_at(sums, "blocked_unanswered"));
	put_bad(t, NT_PAINT_WARN, nt_number_at(sums, "blocked"));
	put_latency(t, sums, "p50");
	put_latency(t, sums, "p95");
	if (wide) {
		put_latency(t, sums, "p99");
		put_latency(t, sums, "max");
		put_hop(t, sums, "network");
		put_hop(t, sums, "server");
		put_hop(t, sums, "upstream");
		nt_table_number(t, nt_number_at(sums, "queries"));
		nt_table_number(t, nt_number_at(sums, "retries"));
		nt_table_number(t, nt_number_at(sums, "truncated"));
		put_bytes(t, sums, "bytes_out");
		put_bytes(t, sums, "bytes_in");
	}
	put_key(t, group);
}

static void print_table(struct top *t)
{
	static const struct nt_column narrow[] = {
		{ "LOOKUPS", true },   { "NXDOMAIN", true }, { "SERVFAIL", true },
		{ "NO-ANSWER", true }, { "BLOCKED", true },  { "P50", true },
		{ "P95", true },       { "WHAT", false },
	};
	static const struct nt_column all[] = {
		{ "LOOKUPS", true },   { "NXDOMAIN", true }, { "SERVFAIL", true },
		{ "NO-ANSWER", true }, { "BLOCKED", true },  { "P50", true },
		{ "P95", true },       { "P99", true },	     { "MAX", true },
		{ "NETWORK", true },   { "SERVER", true },   { "UPSTREAM", true },
		{ "QUERIES", true },   { "RETRIES", true },  { "TRUNCATED", true },
		{ "OUT", true },       { "IN", true },	     { "WHAT", false },
	};
	bool wide = t->o.output == NT_OUTPUT_WIDE;
	_cleanup_table_ struct nt_table table;
	const json_t *group;
	size_t i;

	nt_table_init(&table, wide ? all : narrow, wide ? NT_ARRAY_LEN(all) : NT_ARRAY_LEN(narrow),
		      t->o.colour);
	table.headless = t->o.no_headers;
	json_array_foreach(json_object_get(t->answer.json, "groups"), i, group)
	{
		if (i == t->limit)
			break;
		put_group(&table, group, wide);
	}
	nt_table_flush(&table, &t->out);
}

static void print_names(struct top *t)
{
	const json_t *group;
	size_t i;

	json_array_foreach(json_object_get(t->answer.json, "groups"), i, group)
	{
		bool first = true;
		const char *name;
		json_t *value;

		if (i == t->limit)
			break;
		json_object_foreach(json_object_get(group, "key"), name, value)
		{
			nt_buf_puts(&t->out, first ? "" : "/");
			nt_text_put(&t->out, nt_slice_mem(json_string_value(value),
							  json_string_length(value)));
			first = false;
		}
		nt_buf_putc(&t->out, '\n');
	}
}

/* --- the question ----------------------------------------------------------------------------- */

static int64_t p95_of(const json_t *group)
{
	return nt_number_at(json_object_get(json_object_get(group, "sums"), "latency"), "p95");
}

static int by_p95(const void *a, const void *b)
{
	int64_t left = p95_of(*(json_t *const *)a), right = p95_of(*(json_t *const *)b);

	return left == right ? 0 : left < right ? 1 : -1;
}

/* The store has no order of percentiles: the groups with the slowest single lookup are asked for,
 * all that the API gives, and sorted. */
static int sort_p95(struct top *t, struct nt_err *err)
{
	json_t *groups = json_object_get(t->answer.json, "groups");
	size_t len = json_array_size(groups);
	_cleanup_free_ json_t **list = calloc(len + 1, sizeof(*list));
	json_t *sorted = json_array();

	if (!list || !sorted) {
		json_decref(sorted);
		return nt_err_set(err, ENOMEM, "no memory for %zu groups", len);
	}
	for (size_t i = 0; i < len; i++)
		list[i] = json_array_get(groups, i);
	qsort(list, len, sizeof(json_t *), by_p95);
	for (size_t i = 0; i < len && i < t->limit; i++)
		if (json_array_append(sorted, list[i]) < 0) {
			json_decref(sorted);
			return nt_err_set(err, ENOMEM, "no memory for %zu groups", len);
		}
	if (json_is_true(json_object_get(t->answer.json, "more")))
		nt_verb_note("top: there are more than %d groups; p95 is sorted among those with "
			     "the slowest single lookups",
			     GROUPS_MAX);
	return json_object_set_new(t->answer.json, "groups", sorted) < 0
		       ? nt_err_set(err, ENOMEM, "no memory for %zu groups", len)
		       : 0;
}

static int ask(struct top *t, struct nt_err *err)
{
	char limit[24], from[64];
	const struct nt_ask_param params[] = {
		{ "q", t->filter.asked.len ? nt_buf_str(&t->filter.asked) : NULL },
		{ "from", from },
		{ "to", t->o.to },
		{ "side", t->o.side },
		{ "role", t->o.role },
		{ "by", t->by },
		{ "order", t->order },
		{ "limit", limit },
		{ 0 },
	};
	int r;

	nt_since_param(&t->o, "1h", from, sizeof(from));
	snprintf(limit, sizeof(limit), "%" PRIu64, t->by_p95 ? (uint64_t)GROUPS_MAX : t->limit);
	r = nt_ask(&t->connect, "/api/v1/top", params, &t->answer, err);
	return r == 0 && t->by_p95 ? sort_p95(t, err) : r;
}

/* Beside the figures, what is missing in them. */
static void print_loss(struct top *t)
{
	struct nt_ask_answer summary;
	const json_t *range = json_object_get(t->answer.json, "range");
	const struct nt_ask_param params[] = {
		{ "q", t->filter.asked.len ? nt_buf_str(&t->filter.asked) : NULL },
		{ "from", json_string_value(json_object_get(range, "from")) },
		{ "to", json_string_value(json_object_get(range, "to")) },
		{ 0 },
	};
	struct nt_err err;

	if (nt_ask(&t->connect, "/api/v1/summary", params, &summary, &err) == 0)
		nt_verb_loss(json_object_get(summary.json, "loss"));
	json_decref(summary.json);
}

static int run(struct top *t, struct nt_err *err)
{
	int r = ask(t, err);

	if (r < 0)
		return r;
	if (t->o.output == NT_OUTPUT_JSON) {
		nt_text_json(&t->out, t->answer.json);
		nt_buf_putc(&t->out, '\n');
	} else if (t->o.output == NT_OUTPUT_NAME) {
		print_names(t);
	} else {
		print_table(t);
	}
	r = nt_verb_write(&t->out, err);
	if (r < 0)
		return r;
	if (!t->by_p95 && t->o.output != NT_OUTPUT_JSON &&
	    json_is_true(json_object_get(t->answer.json, "more")))
		nt_verb_note("top: there are more; --limit shows them");
	print_loss(t);
	return 0;
}

/* --- the command line ------------------------------------------------------------------------- */

/* The first argument when it is a WHAT; else all of them are the filter. */
static size_t take_what(struct top *t)
{
	t->by = t->o.by ? t->o.by : groupings[0].by;
	for (size_t i = 0; t->o.arguments_len && i < NT_ARRAY_LEN(groupings); i++) {
		if (strcmp(t->o.arguments[0], groupings[i].name) != 0)
			continue;
		t->by = t->o.by ? t->o.by : groupings[i].by;
		return 1;
	}
	return 0;
}

/* One word that is no filter is a WHAT that there is not. */
static int check_what(const struct top *t, size_t filter_from)
{
	const char *word = t->o.arguments_len ? t->o.arguments[0] : "";

	if (filter_from && t->o.by)
		return nt_ctl_usage(&verb, "%s and --by say two things to group by", word);
	if (filter_from || !word[0] ||
	    strspn(word, "abcdefghijklmnopqrstuvwxyz_") != strlen(word) || t->o.arguments_len > 1)
		return -1;
	return nt_ctl_usage(&verb, "there is no \"%.50s\" to count (a field is counted with --by)",
			    word);
}

static int take_sort(struct top *t)
{
	const char *wanted = t->o.sort ? t->o.sort : sorts[0].name;

	for (size_t i = 0; i < NT_ARRAY_LEN(sorts); i++) {
		if (strcmp(wanted, sorts[i].name) != 0)
			continue;
		t->order = sorts[i].order;
		t->by_p95 = strcmp(wanted, "p95") == 0;
		return -1;
	}
	return nt_ctl_usage(&verb, "--sort: there is no column \"%.50s\"", wanted);
}

int nt_top_main(int argc, char **argv)
{
	_cleanup_(top_done) struct top t = { 0 };
	int code = nt_ctl_options_parse(&verb, argc, argv, &t.o), r;
	struct nt_err err = { 0 };
	size_t from;

	if (code >= 0)
		return code;
	t.limit = t.o.limit == NT_COUNT_DEFAULT ? GROUPS_DEFAULT : t.o.limit;
	from = take_what(&t);
	code = check_what(&t, from);
	if (code < 0)
		code = take_sort(&t);
	if (code >= 0)
		return code;
	r = nt_filter_make(&t.o, from, &t.filter, &err);
	if (r == 0)
		r = nt_connect_open(&t.o, &t.connect, &err);
	if (r == 0)
		r = run(&t, &err);
	return r < 0 ? nt_verb_failed(&verb, r, &t.answer, &t.filter, &err) : NT_EXIT_OK;
}
