/* SPDX-License-Identifier: Apache-2.0 */
/* Asks, and prints what comes as a table or as lines of JSON. */
#include "api/cli/listing.h"

#include "api/cli/text.h"

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
