/* SPDX-License-Identifier: Apache-2.0 */
/* `nametapctl alert backtest`: when the rules of a file would have fired over what is stored. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/cli/cells.h"
#include "api/cli/manifests.h"
#include "api/cli/text.h"
#include "api/cli/verbs.h"
#include "lib/base/cleanup.h"

#define RULE "GlobalAlert"

static const struct nt_verb verb = {
	.bit = NT_VERB_BACKTEST,
	.outputs = 1 << NT_OUTPUT_TABLE | 1 << NT_OUTPUT_WIDE | 1 << NT_OUTPUT_JSON,
	.name = "alert backtest",
	.arguments = "FILE",
	.about = "Prints when the GlobalAlerts of FILE (YAML, or JSON by its name *.json; - is "
		 "standard input) would have\n"
		 "fired over the last day (--since) of what the controller has stored. Nothing is "
		 "stored, nobody is told.",
	.more = "Columns: FIRST and LAST are ends of windows in which the condition held, RESOLVED "
		"the end of the first in\n"
		"which it did not (-: it still held at the end); VALUE is that of LAST. wide adds "
		"the query that shows the\n"
		"rows. json is a line per rule, of /api/v1/alerts/preview. Each rule has 20 s (up "
		"to 40 s where few of many\n"
		"rows match), 1,000 events and 16 MiB of figures; what was cut there is said on "
		"standard error.\n"
		"Exit code: 0, whether rules fired or not; 1 when it could not be asked; 2 for "
		"mistakes, in the rules, too.\n\n"
		"  nametapctl alert backtest rules.yaml --since 7d\n",
};

struct backtest {
	struct nt_ctl_options o;
	struct nt_connect connect;
	struct nt_manifest manifest;
	struct nt_table table;
	struct nt_ask_answer answer;
	struct nt_buf out;
	int code; /* NT_EXIT_USAGE: a rule has a mistake */
};

static void backtest_done(struct backtest *b)
{
	json_decref(b->answer.json);
	nt_buf_done(&b->out);
	nt_table_done(&b->table);
	nt_manifest_done(&b->manifest);
	nt_connect_close(&b->connect);
}

/* --- the table -------------------------------------------------------------------------------- */

static void put_event(struct backtest *b, const json_t *event)
{
	struct nt_table *t = &b->table;

	nt_table_cell(t, nt_text_at(event, "rule"));
	nt_cell_second(t, event, "first_seen");
	nt_cell_second(t, event, "last_seen");
	nt_cell_second(t, event, "resolved");
	nt_cell_figure(t, (struct nt_slice){ 0 }, json_object_get(event, "value"));
	nt_cell_figure(t, (struct nt_slice){ 0 }, json_object_get(event, "peak"));
	nt_cell_threshold(t, event);
	nt_cell_group(t, json_object_get(event, "group"));
	if (b->o.output == NT_OUTPUT_WIDE)
		nt_table_cell(t, nt_text_at(event, "query"));
}

static void init_table(struct backtest *b)
{
	static const struct nt_column columns[] = {
		{ "RULE", false },     { "FIRST", false }, { "LAST", false },
		{ "RESOLVED", false }, { "VALUE", true },  { "PEAK", true },
		{ "THRESHOLD", true }, { "GROUP", false }, { "QUERY", false },
	};
	size_t len = NT_ARRAY_LEN(columns) - (b->o.output != NT_OUTPUT_WIDE);

	nt_table_init(&b->table, columns, len, b->o.colour);
	b->table.headless = b->o.no_headers;
}

/* --- one rule --------------------------------------------------------------------------------- */

static void say_sums(const json_t *answer)
{
	struct nt_slice rule = nt_text_at(answer, "rule"), note = nt_text_at(answer, "note");
	size_t events = json_array_size(json_object_get(answer, "events")), i;
	struct nt_slice to = nt_text_at(answer, "covered_to");
	const json_t *limit;

	nt_verb_note("%.*s: %zu event%s, of %" PRId64 " rows in %" PRId64 " windows up to %.*s",
		     NT_SLICE_ARG(rule), events, events == 1 ? "" : "s",
		     nt_number_at(answer, "rows"), nt_number_at(answer, "windows"),
		     NT_SLICE_ARG(to));
	if (note.len)
		nt_verb_note("%.*s: %.*s", NT_SLICE_ARG(rule), NT_SLICE_ARG(note));
	json_array_foreach(json_object_get(answer, "limits"), i, limit)
		nt_verb_note("%.*s: not whole: %.*s", NT_SLICE_ARG(rule),
			     NT_SLICE_ARG(nt_text_at(limit, "message")));
}

static int print_rule(struct backtest *b, struct nt_err *err)
{
	const json_t *event;
	size_t i;

	if (b->o.output == NT_OUTPUT_JSON) {
		nt_text_json(&b->out, b->answer.json);
		nt_buf_putc(&b->out, '\n');
	} else {
		json_array_foreach(json_object_get(b->answer.json, "events"), i, event)
			put_event(b, event);
		nt_table_flush(&b->table, &b->out);
	}
	say_sums(b->answer.json);
	return nt_verb_write(&b->out, err);
}

static int test_rule(struct backtest *b, const struct nt_object *rule, struct nt_err *err)
{
	_cleanup_free_ char *text = json_dumps(rule->json, JSON_COMPACT);
	char from[64];
	const struct nt_ask_param params[] = { { "from", from }, { "to", b->o.to }, { 0 } };
	int r;

	if (!text)
		return nt_err_set(err, ENOMEM, "no memory for a rule");
	json_decref(b->answer.json);
	nt_since_param(&b->o, "1d", from, sizeof(from));
	r = nt_ask_about(&b->connect, "/api/v1/alerts/preview", params, nt_slice_str(text),
			 &b->answer, err);
	if (r != -EINVAL)
		return r < 0 ? r : print_rule(b, err);
	/* The others may be right. */
	b->code = nt_verb_failed(&verb, r, NULL, NULL, err);
	return 0;
}

/* --- the file --------------------------------------------------------------------------------- */

static int run(struct backtest *b, struct nt_err *err)
{
	int r = nt_manifests_read(b->o.arguments[0], RULE, &b->manifest, err);
	const struct nt_object *rule;
	size_t at = 0;

	if (r == 0)
		r = nt_connect_open(&b->o, &b->connect, err);
	init_table(b);
	while (r == 0 && (rule = nt_manifests_next(&b->manifest, RULE, &at)))
		r = test_rule(b, rule, err);
	return r;
}

int nt_backtest_main(int argc, char **argv)
{
	_cleanup_(backtest_done) struct backtest b = { 0 };
	int code = nt_ctl_options_parse(&verb, argc, argv, &b.o), r;
	struct nt_err err = { 0 };

	if (code >= 0)
		return code;
	if (b.o.arguments_len != 1)
		return nt_ctl_usage(&verb, "one FILE is wanted");
	r = run(&b, &err);
	return r < 0 ? nt_verb_failed(&verb, r, &b.answer, NULL, &err) : b.code;
}
