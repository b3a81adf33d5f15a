/* SPDX-License-Identifier: Apache-2.0 */
/* `nametapctl alert events`, `ack`, `unack`: what fired, and who has seen it. */
#include <inttypes.h>
#include <stdio.h>

#include "api/cli/cells.h"
#include "api/cli/listing.h"
#include "api/cli/text.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/json.h"
#include "lib/base/parse.h"

#define OUTPUTS (1 << NT_OUTPUT_TABLE | 1 << NT_OUTPUT_WIDE | 1 << NT_OUTPUT_JSON)

static const struct nt_verb list_verb = {
	.bit = NT_VERB_EVENTS,
	.outputs = OUTPUTS,
	.name = "alert events",
	.arguments = "",
	.about = "Prints the events of alerts that are open, newest first; with --state resolved "
		 "or all those that are over, too.",
	.more = "ACKNOWLEDGED: who has seen it, and how long ago. SUPPRESSED: until when nobody is "
		"told. wide adds the\n"
		"comment, what happened and the query that shows the rows. json is a line per "
		"event, of\n"
		"/api/v1/alerts/events. Exit code: 0; 1 when it could not be asked; 2 for "
		"mistakes.\n",
};

static const struct nt_verb ack_verb = {
	.bit = NT_VERB_ACK,
	.outputs = OUTPUTS,
	.name = "alert ack",
	.arguments = "EVENT",
	.about = "Acknowledges an event, by its ID of `nametapctl alert events`: somebody has seen "
		 "it. It stays when the\n"
		 "event ends; the next event of the group is not acknowledged. Who is told of what "
		 "does not change.",
	.more = "Prints the event as it is now. It wants the token of the controller's "
		"--token-file "
		"(DIR/token).\n"
		"Exit code: 0; 1 when it could not be done; 2 for mistakes.\n\n"
		"  nametapctl alert ack 17 --comment 'the new resolver, see OPS-12'\n",
};

static const struct nt_verb unack_verb = {
	.bit = NT_VERB_PLAIN,
	.outputs = OUTPUTS,
	.name = "alert unack",
	.arguments = "EVENT",
	.about = "Takes the acknowledgement of an event back.",
	.more = "Prints the event as it is now. It wants the token of the controller's "
		"--token-file "
		"(DIR/token).\n"
		"Exit code: 0; 1 when it could not be done; 2 for mistakes.\n",
};

/* --- an event --------------------------------------------------------------------------------- */

/* "ann 4m" */
static void put_acknowledged(struct nt_table *t, const json_t *ack)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_clock clock = nt_clock_system();
	int64_t at_us;

	nt_buf_slice(&text, nt_text_at(ack, "by"));
	if (nt_parse_time_us(nt_text_at(ack, "at"), &at_us) == 0) {
		nt_buf_putc(&text, ' ');
		nt_text_age(&text, nt_clock_real(&clock) / NT_NS_PER_US - at_us);
	}
	nt_table_cell(t, nt_slice_mem(text.p, text.len));
}

static void put_event(struct nt_listing *all, const json_t *event)
{
	const json_t *ack = json_object_get(event, "acknowledged");
	struct nt_table *t = &all->table;

	nt_table_cell(t, nt_text_at(event, "id"));
	nt_table_cell(t, nt_text_at(event, "rule"));
	nt_table_number(t, nt_number_at(event, "severity"));
	nt_cell_second(t, event, "first_seen");
	nt_cell_second(t, event, "last_seen");
	nt_cell_second(t, event, "resolved");
	nt_cell_figure(t, (struct nt_slice){ 0 }, json_object_get(event, "value"));
	nt_cell_threshold(t, event);
	nt_cell_group(t, json_object_get(event, "group"));
	put_acknowledged(t, ack);
	nt_cell_second(t, json_object_get(event, "suppressed"), "until");
	if (all->o.output != NT_OUTPUT_WIDE)
		return;
	nt_table_cell(t, nt_text_at(ack, "comment"));
	nt_table_cell(t, nt_text_at(event, "summary"));
	nt_table_cell(t, nt_text_at(event, "query"));
}

static void print_event(struct nt_listing *all, const json_t *event)
{
	if (!nt_listing_json(all, event))
		put_event(all, event);
}

/* --- events ----------------------------------------------------------------------------------- */

static int list(struct nt_listing *all, struct nt_err *err)
{
	const struct nt_ask_param params[] = { { "state", all->o.state ? all->o.state : "open" },
					       { "rule", all->o.rule },
					       { "limit", "1000" },
					       { 0 } };
	const json_t *event;
	size_t i;
	int r = nt_ask(&all->connect, "/api/v1/alerts/events", params, &all->answer, err);

	if (r < 0)
		return r;
	json_array_foreach(json_object_get(all->answer.json, "events"), i, event)
		print_event(all, event);
	if (json_is_true(json_object_get(all->answer.json, "more")))
		nt_verb_note("these are the newest 1000; --rule gives those of one rule");
	return 0;
}

/* --- ack, unack ------------------------------------------------------------------------------- */

static int ask_about_event(struct nt_listing *all, const char *method, struct nt_slice body,
			   struct nt_err *err)
{
	char path[128];
	int r;

	snprintf(path, sizeof(path), "/api/v1/alerts/events/%" PRIu64 "/acknowledgement", all->id);
	r = nt_ask_by(&all->connect, method, path, body, &all->answer, err);
	if (r == 0)
		print_event(all, all->answer.json);
	return r;
}

static int ack(struct nt_listing *all, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf body = { 0 };
	struct nt_json j = NT_JSON(&body);

	nt_json_open(&j, '{');
	nt_json_key_str(&j, "by", nt_slice_str(all->o.who));
	nt_json_key_str(&j, "comment", nt_slice_str(all->o.comment));
	nt_json_close(&j, '}');
	if (!nt_buf_ok(&body))
		return nt_err_set(err, ENOMEM, "no memory for a request");
	return ask_about_event(all, "POST", nt_slice_mem(body.p, body.len), err);
}

static int unack(struct nt_listing *all, struct nt_err *err)
{
	return ask_about_event(all, "DELETE", (struct nt_slice){ 0 }, err);
}

/* --- verbs ------------------------------------------------------------------------------------ */

static int run(const struct nt_verb *verb, nt_listing_fn *ask, struct nt_listing *all)
{
	static const struct nt_column columns[] = {
		{ "ID", true },		 { "RULE", false },
		{ "SEVERITY", true },	 { "FIRST", false },
		{ "LAST", false },	 { "RESOLVED", false },
		{ "VALUE", true },	 { "THRESHOLD", true },
		{ "GROUP", false },	 { "ACKNOWLEDGED", false },
		{ "SUPPRESSED", false }, { "COMMENT", false },
		{ "SUMMARY", false },	 { "QUERY", false },
	};
	size_t len = NT_ARRAY_LEN(columns) - (all->o.output == NT_OUTPUT_WIDE ? 0 : 3);

	return nt_listing_run(verb, columns, len, ask, all);
}

int nt_events_main(int argc, char **argv)
{
	_cleanup_(nt_listing_done) struct nt_listing all = { 0 };
	int code = nt_ctl_options_parse(&list_verb, argc, argv, &all.o);

	if (code >= 0)
		return code;
	if (all.o.arguments_len)
		return nt_ctl_usage(&list_verb, "%s: no argument is taken", all.o.arguments[0]);
	return run(&list_verb, list, &all);
}

int nt_ack_main(int argc, char **argv)
{
	_cleanup_(nt_listing_done) struct nt_listing all = { 0 };
	int code = nt_ctl_options_parse(&ack_verb, argc, argv, &all.o);

	if (code < 0)
		code = nt_verb_wants_id(&ack_verb, &all.o, &all.id);
	if (code < 0)
		code = nt_verb_wants_who(&ack_verb, &all.o);
	return code < 0 ? run(&ack_verb, ack, &all) : code;
}

int nt_unack_main(int argc, char **argv)
{
	_cleanup_(nt_listing_done) struct nt_listing all = { 0 };
	int code = nt_ctl_options_parse(&unack_verb, argc, argv, &all.o);

	if (code < 0)
		code = nt_verb_wants_id(&unack_verb, &all.o, &all.id);
	return code < 0 ? run(&unack_verb, unack, &all) : code;
}
