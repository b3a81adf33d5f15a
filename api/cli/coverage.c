/* SPDX-License-Identifier: Apache-2.0 */
/* `nametapctl coverage`: per node how many pods are tapped; which are not, and why; loss. */
#include <inttypes.h>
#include <stdio.h>

#include "api/cli/table.h"
#include "api/cli/text.h"
#include "api/cli/verbs.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/parse.h"

/* Reasons of loss are asked for per node, one call each. */
#define NODES_ASKED_MAX 64

static const struct nt_verb verb = {
	.bit = NT_VERB_COVERAGE,
	.outputs = 1 << NT_OUTPUT_TABLE | 1 << NT_OUTPUT_WIDE | 1 << NT_OUTPUT_JSON,
	.name = "coverage",
	.arguments = "",
	.about = "Prints for each node how many of its pods are tapped, what its agent last said, "
		 "and "
		 "what of the last\n"
		 "hour is missing in the log and why; then each pod that is not tapped, and each "
		 "DNS server of which\n"
		 "one end is seen only, with the reason.",
	.more = "PODS: tapped of all that are there; excluded ones are not among them. CLOCK: how "
		"far "
		"the node's is ahead\n"
		"of the controller's. wide prints each pod and server. json is /api/v1/coverage.\n"
		"Exit code: 0; 1 when it could not be asked (nametapctl doctor judges); 2 for "
		"mistakes.\n",
};

struct coverage {
	struct nt_ctl_options o;
	struct nt_connect connect;
	struct nt_ask_answer answer;
	struct nt_buf out;
	int64_t now_us;
};

static void coverage_done(struct coverage *c)
{
	json_decref(c->answer.json);
	nt_buf_done(&c->out);
	nt_connect_close(&c->connect);
}

static bool is(struct nt_slice s, const char *text)
{
	return nt_slice_eq(s, nt_slice_str(text));
}

/* Is the pod one of those that were asked for? */
static bool is_wanted(const struct coverage *c, const json_t *endpoint)
{
	struct nt_slice ns = nt_text_at(endpoint, "namespace");
	bool in = c->o.namespaces_len == 0;

	for (size_t i = 0; i < c->o.namespaces_len; i++)
		in |= is(ns, c->o.namespaces[i]);
	return in && (!c->o.node || is(nt_text_at(endpoint, "node"), c->o.node));
}

/* --- nodes ------------------------------------------------------------------------------------ */

struct counts {
	int64_t tapped, failed, excluded, seen, unlogged;
};

static struct counts count(const struct coverage *c, struct nt_slice node)
{
	struct counts n = { 0 };
	const json_t *e;
	size_t i;

	json_array_foreach(json_object_get(c->answer.json, "endpoints"), i, e)
	{
		struct nt_slice state = nt_text_at(e, "state");

		if (!nt_slice_eq(nt_text_at(e, "node"), node) || !is_wanted(c, e))
			continue;
		n.tapped += is(state, "tapped");
		n.failed += is(state, "failed");
		n.excluded += is(state, "excluded");
		n.seen += nt_number_at(e, "seen");
		n.unlogged += nt_number_at(e, "unlogged");
	}
	return n;
}

/* Of the last hour, on that node: "ring_full 12, agent_restart 3". */
static void put_loss(struct coverage *c, struct nt_table *t, const char *node)
{
	_cleanup_buf_ struct nt_buf q = { 0 }, text = { 0 };
	struct nt_ask_answer answer;
	struct nt_err err;

	nt_buf_printf(&q, "node = \"%s\"", node);
	for (size_t i = 0; i < c->o.namespaces_len; i++)
		nt_buf_printf(&q, "%sclient_namespace = \"%s\"", i ? " OR " : " AND (",
			      c->o.namespaces[i]);
	nt_buf_puts(&q, c->o.namespaces_len ? ")" : "");
	const struct nt_ask_param params[] = { { "q", nt_buf_str(&q) },
					       { "from", "now-1h" },
					       { 0 } };

	if (nt_ask(&c->connect, "/api/v1/summary", params, &answer, &err) < 0) {
		nt_table_cell(t, NT_SLICE_LIT("unknown"));
		json_decref(answer.json);
		return;
	}
	nt_loss_text(&text, json_object_get(answer.json, "loss"));
	nt_table_painted(t, text.len ? NT_PAINT_BAD : NT_PAINT_NONE,
			 text.len ? nt_slice_mem(text.p, text.len) : NT_SLICE_LIT("nothing"));
	json_decref(answer.json);
}

static void put_seen(struct coverage *c, struct nt_table *t, const json_t *node)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	int64_t at_us;

	if (nt_parse_time_us(nt_text_at(node, "last_seen"), &at_us) == 0) {
		nt_text_age(&text, c->now_us - at_us);
		nt_buf_puts(&text, " ago");
	}
	nt_table_cell(t, nt_slice_mem(text.p, text.len));
}

static void put_clock(struct nt_table *t, const json_t *node)
{
	const json_t *offset = json_object_get(node, "clock_offset");
	char text[40] = "unknown";

	if (json_is_number(offset))
		snprintf(text, sizeof(text), "%+.0fms", json_number_value(offset));
	nt_table_painted(
		t, json_is_true(json_object_get(node, "clock_off")) ? NT_PAINT_BAD : NT_PAINT_NONE,
		nt_slice_str(text));
}

static void put_node(struct coverage *c, struct nt_table *t, const json_t *node, size_t index)
{
	struct counts n = count(c, nt_text_at(node, "node"));
	char pods[48];

	snprintf(pods, sizeof(pods), "%" PRId64 "/%" PRId64, n.tapped, n.tapped + n.failed);
	nt_table_cell(t, nt_text_at(node, "node"));
	nt_table_painted(t, n.failed ? NT_PAINT_BAD : NT_PAINT_NONE, nt_slice_str(pods));
	nt_table_number(t, n.excluded);
	nt_table_number(t, n.seen);
	nt_table_number(t, n.unlogged);
	put_seen(c, t, node);
	put_clock(t, node);
	nt_table_number(t, nt_number_at(node, "missing_batches"));
	if (index < NODES_ASKED_MAX)
		put_loss(c, t, json_string_value(json_object_get(node, "node")) ?: "");
	else
		nt_table_cell(t, NT_SLICE_LIT("(--node)"));
}

static void print_nodes(struct coverage *c)
{
	static const struct nt_column columns[] = {
		{ "NODE", false },	 { "PODS", true },
		{ "EXCLUDED", true },	 { "SEEN", true },
		{ "UNLOGGED", true },	 { "LAST-BATCH", true },
		{ "CLOCK", true },	 { "MISSING-BATCHES", true },
		{ "LOST-IN-1H", false },
	};
	_cleanup_table_ struct nt_table t;
	const json_t *node;
	size_t i;

	nt_table_init(&t, columns, NT_ARRAY_LEN(columns), c->o.colour);
	t.headless = c->o.no_headers;
	json_array_foreach(json_object_get(c->answer.json, "nodes"), i,
			   node) if (!c->o.node || is(nt_text_at(node, "node"), c->o.node))
		put_node(c, &t, node, i);
	nt_table_flush(&t, &c->out);
}

/* --- pods ------------------------------------------------------------------------------------- */

static void put_pod_name(struct nt_table *t, const json_t *e)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_slice ns = nt_text_at(e, "namespace");

	nt_buf_slice(&text, ns);
	nt_buf_puts(&text, ns.len ? "/" : "");
	nt_buf_slice(&text, nt_text_at(e, "name"));
	nt_table_cell(t, nt_slice_mem(text.p, text.len));
}

static void put_pod(struct nt_table *t, const json_t *e)
{
	struct nt_slice state = nt_text_at(e, "state");

	put_pod_name(t, e);
	nt_table_cell(t, nt_text_at(e, "node"));
	nt_table_painted(t, is(state, "failed") ? NT_PAINT_BAD : NT_PAINT_NONE, state);
	nt_table_cell(t, nt_text_at(e, "hook"));
	nt_table_cell(t, nt_text_at(e, "since"));
	nt_table_number(t, nt_number_at(e, "seen"));
	nt_table_number(t, nt_number_at(e, "unlogged"));
	nt_table_number(t, nt_number_at(e, "before_tap"));
	nt_table_cell(t, nt_text_at(e, "origin"));
	nt_table_cell(t, nt_text_at(e, "reason"));
}

/* All pods that are there; or only those that are not tapped. */
static void print_pods(struct coverage *c, bool all)
{
	static const struct nt_column columns[] = {
		{ "POD", false },     { "NODE", false },      { "STATE", false },
		{ "HOOK", false },    { "SINCE", false },     { "SEEN", true },
		{ "UNLOGGED", true }, { "BEFORE-TAP", true }, { "ORIGIN", false },
		{ "WHY", false },
	};
	static const struct nt_column short_columns[] = { { "NOT TAPPED", false },
							  { "NODE", false },
							  { "WHY", false } };
	_cleanup_table_ struct nt_table t;
	const json_t *e;
	size_t i;

	nt_table_init(&t, all ? columns : short_columns,
		      all ? NT_ARRAY_LEN(columns) : NT_ARRAY_LEN(short_columns), c->o.colour);
	t.headless = c->o.no_headers;
	json_array_foreach(json_object_get(c->answer.json, "endpoints"), i, e)
	{
		struct nt_slice state = nt_text_at(e, "state");

		if (!is_wanted(c, e) || is(state, "gone") || (!all && !is(state, "failed")))
			continue;
		if (all) {
			put_pod(&t, e);
			continue;
		}
		put_pod_name(&t, e);
		nt_table_cell(&t, nt_text_at(e, "node"));
		nt_table_painted(&t, NT_PAINT_BAD, nt_text_at(e, "reason"));
	}
	if (!t.cells.len)
		return;
	nt_buf_putc(&c->out, '\n');
	nt_table_flush(&t, &c->out);
}

/* Times in which a tapped pod was not: those that last. */
static void print_gaps(struct coverage *c)
{
	static const struct nt_column columns[] = {
		{ "TAP IS MISSING", false }, { "NODE", false }, { "SINCE", false }, { "WHY", false }
	};
	_cleanup_table_ struct nt_table t;
	const json_t *gap;
	size_t i;

	nt_table_init(&t, columns, NT_ARRAY_LEN(columns), c->o.colour);
	t.headless = c->o.no_headers;
	json_array_foreach(json_object_get(c->answer.json, "gaps"), i, gap)
	{
		if (!json_is_null(json_object_get(gap, "to")) || !is_wanted(c, gap))
			continue;
		put_pod_name(&t, gap);
		nt_table_cell(&t, nt_text_at(gap, "node"));
		nt_table_cell(&t, nt_text_at(gap, "from"));
		nt_table_painted(&t, NT_PAINT_BAD, nt_text_at(gap, "reason"));
	}
	if (!t.cells.len)
		return;
	nt_buf_putc(&c->out, '\n');
	nt_table_flush(&t, &c->out);
}

/* DNS servers of which one end is seen only; all of them with wide. */
static void print_servers(struct coverage *c, bool all)
{
	static const struct nt_column columns[] = {
		{ "DNS SERVER", false }, { "POD", false }, { "SERVICE", false },
		{ "ENDS", false },	 { "WHY", false },
	};
	_cleanup_table_ struct nt_table t;
	const json_t *server;
	size_t i;

	nt_table_init(&t, columns, NT_ARRAY_LEN(columns), c->o.colour);
	t.headless = c->o.no_headers;
	json_array_foreach(json_object_get(c->answer.json, "servers"), i, server)
	{
		struct nt_slice ends = nt_text_at(server, "ends");

		if (!all && is(ends, "both"))
			continue;
		nt_table_cell(&t, nt_text_at(server, "ip"));
		put_pod_name(&t, server);
		nt_table_cell(&t, nt_text_at(server, "service"));
		nt_table_cell(&t, ends);
		nt_table_cell(&t, nt_text_at(server, "detail"));
	}
	if (!t.cells.len)
		return;
	nt_buf_putc(&c->out, '\n');
	nt_table_flush(&t, &c->out);
}

/* The API lists so many endpoints and counts all of them. */
static void note_if_cut(const struct coverage *c)
{
	static const char *const states[] = { "tapped", "failed", "excluded", "gone" };
	size_t listed = json_array_size(json_object_get(c->answer.json, "endpoints"));
	int64_t all = 0;

	for (size_t i = 0; i < NT_ARRAY_LEN(states); i++)
		all += nt_number_at(c->answer.json, states[i]);
	if (all > (int64_t)listed)
		nt_verb_note("coverage: figures per node are of the %zu newest of %" PRId64
			     " pods, gone ones included; of all, %" PRId64
			     " are tapped and %" PRId64 " should be and are not",
			     listed, all, nt_number_at(c->answer.json, "tapped"),
			     nt_number_at(c->answer.json, "failed"));
}

/* Ages are of the controller's clock, which the end of a range that it answers for is. */
static int64_t controller_now_us(struct coverage *c)
{
	const struct nt_ask_param last_second[] = { { "from", "now-1s" }, { 0 } };
	struct nt_clock clock = nt_clock_system();
	struct nt_ask_answer answer = { 0 };
	struct nt_err err;
	int64_t us;

	if (nt_ask(&c->connect, "/api/v1/summary", last_second, &answer, &err) < 0 ||
	    nt_parse_time_us(nt_text_at(json_object_get(answer.json, "range"), "to"), &us) < 0)
		us = nt_clock_real(&clock) / NT_NS_PER_US;
	json_decref(answer.json);
	return us;
}

static int run(struct coverage *c, struct nt_err *err)
{
	int r = nt_ask(&c->connect, "/api/v1/coverage", NULL, &c->answer, err);

	if (r < 0)
		return r;
	note_if_cut(c);
	if (c->o.output == NT_OUTPUT_JSON) {
		nt_text_json(&c->out, c->answer.json);
		nt_buf_putc(&c->out, '\n');
	} else {
		c->now_us = controller_now_us(c);
		print_nodes(c);
		print_pods(c, c->o.output == NT_OUTPUT_WIDE);
		print_gaps(c);
		if (!c->o.node && !c->o.namespaces_len)
			print_servers(c, c->o.output == NT_OUTPUT_WIDE);
	}
	return nt_verb_write(&c->out, err);
}

int nt_coverage_main(int argc, char **argv)
{
	_cleanup_(coverage_done) struct coverage c = { 0 };
	int code = nt_ctl_options_parse(&verb, argc, argv, &c.o), r;
	struct nt_err err = { 0 };

	if (code >= 0)
		return code;
	if (c.o.arguments_len)
		return nt_ctl_usage(&verb, "%.100s: no argument is wanted", c.o.arguments[0]);
	r = nt_connect_open(&c.o, &c.connect, &err);
	if (r == 0)
		r = run(&c, &err);
	return r < 0 ? nt_verb_failed(&verb, r, &c.answer, NULL, &err) : NT_EXIT_OK;
}
