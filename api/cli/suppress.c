/* SPDX-License-Identifier: Apache-2.0 */
/* `nametapctl alert suppress`, `suppressions`, `unsuppress`: of what nobody is told, and until
 * when. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api/cli/cells.h"
#include "api/cli/listing.h"
#include "api/cli/text.h"
#include "lib/base/cleanup.h"
#include "lib/base/json.h"

#define OUTPUTS (1 << NT_OUTPUT_TABLE | 1 << NT_OUTPUT_JSON)

static const struct nt_verb add_verb = {
	.bit = NT_VERB_SUPPRESS,
	.outputs = OUTPUTS,
	.name = "alert suppress",
	.arguments = "RULE [FIELD=VALUE...]",
	.about =
		"Tells nobody of events of RULE that open, until a time (--for, --until; at most "
		"90 days): of all its\n"
		"groups, or of those that have the values of fields of its aggregateBy. Events are "
		"kept and marked. Those\n"
		"that are open still when the time has come are told then, once. Who was told "
		"before that an event opened\n"
		"is told of its end.",
	.more = "Prints the suppression, with the ID that `alert unsuppress` wants. It wants the "
		"token of the controller's\n"
		"--token-file (DIR/token). Exit code: 0; 1 when it could not be done; 2 for "
		"mistakes.\n\n"
		"  nametapctl alert suppress dns.servfail client_namespace=shop --for 8h --reason "
		"'resolver moves'\n",
};

static const struct nt_verb list_verb = {
	.bit = NT_VERB_PLAIN,
	.outputs = OUTPUTS,
	.name = "alert suppressions",
	.arguments = "",
	.about = "Prints the suppressions that hold, the one that ends first before the others.",
	.more = "EVENTS: open ones that are under it. json is a line per suppression, of "
		"/api/v1/alerts/suppressions.\n"
		"Exit code: 0; 1 when it could not be asked; 2 for mistakes.\n",
};

static const struct nt_verb remove_verb = {
	.bit = NT_VERB_PLAIN,
	.outputs = OUTPUTS,
	.name = "alert unsuppress",
	.arguments = "SUPPRESSION",
	.about =
		"Ends a suppression now, by its ID of `nametapctl alert suppressions`: events that "
		"it held are told.",
	.more = "Prints the suppression as it was. It wants the token of the controller's "
		"--token-file (DIR/token).\n"
		"Exit code: 0; 1 when it could not be done; 2 for mistakes.\n",
};

/* --- a suppression ---------------------------------------------------------------------------- */

static void print_one(struct nt_listing *all, const json_t *one)
{
	struct nt_table *t = &all->table;

	if (nt_listing_json(all, one))
		return;
	nt_table_cell(t, nt_text_at(one, "id"));
	nt_table_cell(t, nt_text_at(one, "rule"));
	nt_cell_group(t, json_object_get(one, "group"));
	nt_cell_second(t, one, "until");
	nt_table_number(t, nt_number_at(one, "events"));
	nt_table_cell(t, nt_text_at(one, "by"));
	nt_table_cell(t, nt_text_at(one, "reason"));
}

static const struct nt_column columns[] = {
	{ "ID", true },	    { "RULE", false }, { "GROUP", false },  { "UNTIL", false },
	{ "EVENTS", true }, { "BY", false },   { "REASON", false },
};

/* --- questions -------------------------------------------------------------------------------- */

static void write_group(struct nt_json *j, const struct nt_ctl_options *o)
{
	nt_json_key(j, "group");
	nt_json_open(j, '{');
	for (size_t i = 1; i < o->arguments_len; i++) {
		const char *equals = strchr(o->arguments[i], '=');

		nt_json_key_slice(j, nt_slice_mem(o->arguments[i],
						  (size_t)(equals - o->arguments[i])));
		nt_json_str(j, nt_slice_str(equals + 1));
	}
	nt_json_close(j, '}');
}

static int add(struct nt_listing *all, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf body = { 0 };
	struct nt_json j = NT_JSON(&body);
	char until[64];
	int r;

	snprintf(until, sizeof(until), "%s%s", all->o.lasting ? "now+" : "",
		 all->o.lasting ? all->o.lasting : all->o.end);
	nt_json_open(&j, '{');
	nt_json_key_str(&j, "rule", nt_slice_str(all->o.arguments[0]));
	write_group(&j, &all->o);
	nt_json_key_str(&j, "until", nt_slice_str(until));
	nt_json_key_str(&j, "reason", nt_slice_str(all->o.reason));
	nt_json_key_str(&j, "by", nt_slice_str(all->o.who));
	nt_json_close(&j, '}');
	if (!nt_buf_ok(&body))
		return nt_err_set(err, ENOMEM, "no memory for a request");
	r = nt_ask_by(&all->connect, "POST", "/api/v1/alerts/suppressions",
		      nt_slice_mem(body.p, body.len), &all->answer, err);
	if (r == 0)
		print_one(all, all->answer.json);
	return r;
}

static int take_out(struct nt_listing *all, struct nt_err *err)
{
	char path[128];
	int r;

	snprintf(path, sizeof(path), "/api/v1/alerts/suppressions/%" PRIu64, all->id);
	r = nt_ask_by(&all->connect, "DELETE", path, (struct nt_slice){ 0 }, &all->answer, err);
	if (r == 0)
		print_one(all, all->answer.json);
	return r;
}

/* --- verbs ------------------------------------------------------------------------------------ */

static int run(const struct nt_verb *verb, nt_listing_fn *ask, struct nt_listing *all)
{
	return nt_listing_run(verb, columns, NT_ARRAY_LEN(columns), ask, all);
}

/* -1 to go on, else the exit code. */
static int check_new(const struct nt_ctl_options *o)
{
	if (!o->arguments_len)
		return nt_ctl_usage(&add_verb, "the name of a rule is wanted");
	for (size_t i = 1; i < o->arguments_len; i++)
		if (!strchr(o->arguments[i], '='))
			return nt_ctl_usage(&add_verb, "%.100s: FIELD=VALUE is wanted",
					    o->arguments[i]);
	if (!o->lasting == !o->end)
		return nt_ctl_usage(&add_verb, "its end is wanted: --for TIME or --until WHEN");
	if (!o->reason)
		return nt_ctl_usage(&add_verb, "--reason: why is wanted");
	return -1;
}

int nt_suppress_main(int argc, char **argv)
{
	_cleanup_(nt_listing_done) struct nt_listing all = { 0 };
	int code = nt_ctl_options_parse(&add_verb, argc, argv, &all.o);

	if (code < 0)
		code = check_new(&all.o);
	if (code < 0)
		code = nt_verb_wants_who(&add_verb, &all.o);
	return code < 0 ? run(&add_verb, add, &all) : code;
}

int nt_suppressions_main(int argc, char **argv)
{
	static const struct nt_listing_all all = {
		.verb = &list_verb,
		.columns = columns,
		.columns_len = NT_ARRAY_LEN(columns),
		.path = "/api/v1/alerts/suppressions",
		.member = "suppressions",
		.print_fn = print_one,
	};

	return nt_listing_main(&all, argc, argv);
}

int nt_unsuppress_main(int argc, char **argv)
{
	_cleanup_(nt_listing_done) struct nt_listing all = { 0 };
	int code = nt_ctl_options_parse(&remove_verb, argc, argv, &all.o);

	if (code < 0)
		code = nt_verb_wants_id(&remove_verb, &all.o, &all.id);
	return code < 0 ? run(&remove_verb, take_out, &all) : code;
}
