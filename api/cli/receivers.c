/* SPDX-License-Identifier: Apache-2.0 */
/* `nametapctl alert receivers`, `test-receiver`: who is told of events, and how that goes. */
#include <stdio.h>
#include <string.h>

#include "api/cli/cells.h"
#include "api/cli/listing.h"
#include "api/cli/text.h"
#include "lib/base/cleanup.h"

static const struct nt_verb list_verb = {
	.bit = NT_VERB_PLAIN,
	.outputs = 1 << NT_OUTPUT_TABLE | 1 << NT_OUTPUT_WIDE | 1 << NT_OUTPUT_JSON,
	.name = "alert receivers",
	.arguments = "",
	.about = "Prints who is told of events (the controller's --receivers), and how that goes, "
		 "in the order of the file.",
	.more = "PENDING: notices that wait. FAILING: requests in a row that failed; 0: all is "
		"well. REFUSED: notices that\n"
		"the receiver will not have, GIVEN-UP: that were tried for too long. Figures are "
		"since the start of the\n"
		"controller. wide adds where it is and since when the oldest notice waits. json is "
		"a line per receiver, of\n"
		"/api/v1/alerts/receivers. Exit code: 0; 1 when it could not be asked; 2 for "
		"mistakes.\n",
};

static const struct nt_verb test_verb = {
	.bit = NT_VERB_PLAIN,
	.outputs = 1 << NT_OUTPUT_TABLE | 1 << NT_OUTPUT_JSON,
	.name = "alert test-receiver",
	.arguments = "RECEIVER",
	.about = "Sends the receiver a notice of no event (rule nametap-test), once and now, and "
		 "prints what came of it.",
	.more = "STATUS: of its answer; 0: there was none. It takes up to 30 s, and it wants the "
		"token of the controller's\n"
		"--token-file (DIR/token). Exit code: 0 when the receiver took it; 1 when not; 2 "
		"for mistakes.\n\n"
		"  nametapctl alert test-receiver on-call --token-file token\n",
};

/* --- receivers -------------------------------------------------------------------------------- */

static const struct nt_column list_columns[] = {
	{ "NAME", false },   { "TYPE", false },	   { "PENDING", true }, { "DELIVERED", true },
	{ "REFUSED", true }, { "GIVEN-UP", true }, { "LAST", false },	{ "FAILING", true },
	{ "ERROR", false },  { "URL", false },	   { "OLDEST", false },
};

static void print_receiver(struct nt_listing *all, const json_t *one)
{
	struct nt_table *t = &all->table;

	if (nt_listing_json(all, one))
		return;
	nt_table_cell(t, nt_text_at(one, "name"));
	nt_table_cell(t, nt_text_at(one, "type"));
	nt_table_number(t, nt_number_at(one, "pending"));
	nt_table_number(t, nt_number_at(one, "delivered"));
	nt_table_number(t, nt_number_at(one, "refused"));
	nt_table_number(t, nt_number_at(one, "given_up"));
	nt_cell_second(t, one, "last_delivered");
	nt_table_number(t, nt_number_at(one, "failures"));
	nt_table_cell(t, nt_text_at(one, "error"));
	if (all->o.output != NT_OUTPUT_WIDE)
		return;
	nt_table_cell(t, nt_text_at(one, "url"));
	nt_cell_second(t, one, "oldest_pending");
}

int nt_receivers_main(int argc, char **argv)
{
	static const struct nt_listing_all all = {
		.verb = &list_verb,
		.columns = list_columns,
		.columns_len = NT_ARRAY_LEN(list_columns),
		.wide_len = 2,
		.path = "/api/v1/alerts/receivers",
		.member = "receivers",
		.print_fn = print_receiver,
	};

	return nt_listing_main(&all, argc, argv);
}

/* --- test-receiver ---------------------------------------------------------------------------- */

static const struct nt_column test_columns[] = {
	{ "RECEIVER", false },
	{ "OUTCOME", false },
	{ "STATUS", true },
	{ "ERROR", false },
};

static int test(struct nt_listing *all, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf path = { 0 };
	struct nt_table *t = &all->table;
	int r;

	nt_buf_printf(&path, "/api/v1/alerts/receivers/%s/test", all->o.arguments[0]);
	if (!nt_buf_ok(&path))
		return nt_err_set(err, ENOMEM, "no memory for a request");
	r = nt_ask_by(&all->connect, "POST", nt_buf_str(&path), (struct nt_slice){ 0 },
		      &all->answer, err);
	if (r < 0 || nt_listing_json(all, all->answer.json))
		return r;
	nt_table_cell(t, nt_slice_str(all->o.arguments[0]));
	nt_table_cell(t, nt_text_at(all->answer.json, "outcome"));
	nt_table_number(t, nt_number_at(all->answer.json, "status"));
	nt_table_cell(t, nt_text_at(all->answer.json, "error"));
	return 0;
}

/* It becomes a part of a path: as the file of receivers spells names. */
static bool is_name(const char *s)
{
	return s[0] && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-")] == '\0';
}

int nt_test_receiver_main(int argc, char **argv)
{
	_cleanup_(nt_listing_done) struct nt_listing all = { 0 };
	int code = nt_ctl_options_parse(&test_verb, argc, argv, &all.o);

	if (code >= 0)
		return code;
	if (all.o.arguments_len != 1 || !is_name(all.o.arguments[0]))
		return nt_ctl_usage(
			&test_verb,
			"one RECEIVER is wanted, a name of `nametapctl alert receivers`");
	code = nt_listing_run(&test_verb, test_columns, NT_ARRAY_LEN(test_columns), test, &all);
	if (code == NT_EXIT_OK &&
	    !nt_slice_eq(nt_text_at(all.answer.json, "outcome"), NT_SLICE_LIT("delivered")))
		return NT_EXIT_FAILED;
	return code;
}
