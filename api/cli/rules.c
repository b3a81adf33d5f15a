/* SPDX-License-Identifier: Apache-2.0 */
/* `nametapctl alert rules`: which rules there are, and whether all is well with them. */
#include "api/cli/cells.h"
#include "api/cli/listing.h"
#include "api/cli/text.h"
#include "lib/base/cleanup.h"

static const struct nt_verb verb = {
	.bit = NT_VERB_PLAIN,
	.outputs = 1 << NT_OUTPUT_TABLE | 1 << NT_OUTPUT_WIDE | 1 << NT_OUTPUT_JSON,
	.name = "alert rules",
	.arguments = "",
	.about = "Prints the alert rules.",
	.more = "STATE: accepted, refused, or disabled. SELF-TEST: whether rows that the rule must "
		"fire on open an event,\n"
		"and others do not. EVALUATED: end of the newest window. WHY: what is wrong with "
		"the rule, or what its self\n"
		"test says. wide adds the query. json is a line per rule, of /api/v1/alerts. Exit "
		"code: 0; 1 when it could\n"
		"not be asked; 2 for mistakes.\n",
};

static struct nt_slice state_of(const json_t *rule)
{
	if (!json_is_true(json_object_get(rule, "accepted")))
		return nt_slice_str("refused");
	return nt_slice_str(json_is_true(json_object_get(rule, "disabled")) ? "disabled"
									    : "accepted");
}

static void put_why(struct nt_table *t, const json_t *rule)
{
	const json_t *problem = json_object_get(rule, "problem");
	struct nt_slice field = nt_text_at(problem, "field");
	_cleanup_buf_ struct nt_buf text = { 0 };

	if (!json_is_object(problem)) {
		nt_table_cell(t, nt_text_at(json_object_get(rule, "self_test"), "message"));
		return;
	}
	nt_buf_slice(&text, field);
	nt_buf_puts(&text, field.len ? ": " : "");
	nt_buf_slice(&text, nt_text_at(problem, "message"));
	nt_table_cell(t, nt_slice_mem(nt_buf_str(&text), text.len));
}

static void put_rule(struct nt_listing *all, const json_t *rule)
{
	struct nt_table *t = &all->table;

	if (nt_listing_json(all, rule))
		return;
	nt_table_cell(t, nt_text_at(rule, "name"));
	nt_table_cell(t, state_of(rule));
	nt_table_cell(t, nt_text_at(json_object_get(rule, "self_test"), "result"));
	nt_table_number(t, nt_number_at(rule, "severity"));
	nt_table_number(t, nt_number_at(rule, "open_events"));
	nt_cell_second(t, rule, "last_evaluated");
	put_why(t, rule);
	if (all->o.output == NT_OUTPUT_WIDE)
		nt_table_cell(t, nt_text_at(rule, "query"));
}

int nt_rules_main(int argc, char **argv)
{
	static const struct nt_column columns[] = {
		{ "RULE", false },    { "STATE", false }, { "SELF-TEST", false },
		{ "SEVERITY", true }, { "OPEN", true },	  { "EVALUATED", false },
		{ "WHY", false },     { "QUERY", false },
	};
	static const struct nt_listing_all all = {
		.verb = &verb,
		.columns = columns,
		.columns_len = NT_ARRAY_LEN(columns),
		.wide_len = 1,
		.path = "/api/v1/alerts",
		.member = "rules",
		.print_fn = put_rule,
	};

	return nt_listing_main(&all, argc, argv);
}
