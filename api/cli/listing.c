/* SPDX-License-Identifier: Apache-2.0 */
/* Asks, and prints what comes as a table or as lines of JSON. */
#include "api/cli/listing.h"

#include "api/cli/text.h"
#include "lib/base/cleanup.h"

void nt_listing_done(struct nt_listing *l)
{
	json_decref(l->answer.json);
	nt_buf_done(&l->out);
	nt_table_done(&l->table);
	nt_connect_close(&l->connect);
}

bool nt_listing_json(struct nt_listing *l, const json_t *object)
{
	if (l->o.output != NT_OUTPUT_JSON)
		return false;
	nt_text_json(&l->out, object);
	nt_buf_putc(&l->out, '\n');
	return true;
}

int nt_listing_run(const struct nt_verb *verb, const struct nt_column *columns, size_t len,
		   nt_listing_fn *ask, struct nt_listing *l)
{
	struct nt_err err = { 0 };
	int r = nt_connect_open(&l->o, &l->connect, &err);

	nt_table_init(&l->table, columns, len, l->o.colour);
	l->table.headless = l->o.no_headers;
	if (r == 0)
		r = ask(l, &err);
	if (r == 0) {
		if (l->o.output != NT_OUTPUT_JSON)
			nt_table_flush(&l->table, &l->out);
		r = nt_verb_write(&l->out, &err);
	}
	return r < 0 ? nt_verb_failed(verb, r, &l->answer, NULL, &err) : NT_EXIT_OK;
}

static int ask_for_all(struct nt_listing *l, struct nt_err *err)
{
	const json_t *object;
	size_t i;
	int r = nt_ask(&l->connect, l->all->path, NULL, &l->answer, err);

	json_array_foreach(json_object_get(l->answer.json, l->all->member), i, object)
		l->all->print_fn(l, object);
	return r;
}

int nt_listing_main(const struct nt_listing_all *all, int argc, char **argv)
{
	_cleanup_(nt_listing_done) struct nt_listing l = { .all = all };
	int code = nt_ctl_options_parse(all->verb, argc, argv, &l.o);

	if (code >= 0)
		return code;
	if (l.o.arguments_len)
		return nt_ctl_usage(all->verb, "%s: no argument is taken", l.o.arguments[0]);
	return nt_listing_run(all->verb, all->columns,
			      all->columns_len - (l.o.output == NT_OUTPUT_WIDE ? 0 : all->wide_len),
			      ask_for_all, &l);
}
