/* SPDX-License-Identifier: Apache-2.0 */
/* `nametapctl feed list`: domain feeds, how old their lists are, and what is wrong with them. */
#include <string.h>

#include "api/cli/cells.h"
#include "api/cli/listing.h"
#include "api/cli/text.h"
#include "lib/base/cleanup.h"

static const struct nt_verb verb = {
	.bit = NT_VERB_PLAIN,
	.outputs = 1 << NT_OUTPUT_TABLE | 1 << NT_OUTPUT_JSON,
	.name = "feed list",
	.arguments = "",
	.about = "Prints the domain feeds (DomainFeed), how old their lists are, and what is wrong "
		 "with them.",
	.more = "READ: when the list in use was read. REFUSED: lines of it that are no names. json "
		"is a line per feed, of\n"
		"/api/v1/feeds. Exit code: 0; 1 when it could not be asked; 2 for mistakes.\n",
};

static const struct nt_column columns[] = {
	{ "NAME", false }, { "STATE", false },	{ "ENTRIES", true },
	{ "READ", false }, { "REFUSED", true }, { "ERROR", false },
};

static json_int_t refused_of(const json_t *feed)
{
	json_int_t sum = 0;
	const char *kind;
	json_t *count;

	json_object_foreach(json_object_get(feed, "refused"), kind, count) sum +=
		json_integer_value(count);
	return sum;
}

/* A mistake of the object goes before what became of its last good form. */
static void add_error(struct nt_table *t, const json_t *feed)
{
	const json_t *problem = json_object_get(feed, "problem");
	_cleanup_buf_ struct nt_buf text = { 0 };

	if (!json_is_object(problem)) {
		nt_table_cell(t, nt_text_at(feed, "error"));
		return;
	}
	nt_buf_printf(&text, "%.*s: %.*s", NT_SLICE_ARG(nt_text_at(problem, "field")),
		      NT_SLICE_ARG(nt_text_at(problem, "message")));
	nt_table_cell(t, nt_slice_mem(text.p, text.len));
}

static void print_feed(struct nt_listing *all, const json_t *feed)
{
	struct nt_table *t = &all->table;

	if (nt_listing_json(all, feed))
		return;
	nt_table_cell(t, nt_text_at(feed, "name"));
	nt_table_cell(t, nt_text_at(feed, "state"));
	nt_table_number(t, nt_number_at(feed, "entries"));
	nt_cell_second(t, feed, "read");
	nt_table_number(t, refused_of(feed));
	add_error(t, feed);
}

int nt_feed_main(int argc, char **argv)
{
	static const struct nt_listing_all all = {
		.verb = &verb,
		.columns = columns,
		.columns_len = NT_ARRAY_LEN(columns),
		.path = "/api/v1/feeds",
		.member = "feeds",
		.print_fn = print_feed,
	};
	bool named = argc >= 2 && strcmp(argv[1], "list") == 0;

	if (!named && (argc < 2 || strcmp(argv[1], "--help") != 0))
		return nt_ctl_usage(&verb, "the verb list is wanted");
	return nt_listing_main(&all, argc - named, argv + named);
}
