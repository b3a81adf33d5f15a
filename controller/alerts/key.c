/* SPDX-License-Identifier: Apache-2.0 */
/* Values of keys as text. */
#include "controller/alerts/key.h"

#include "lib/base/cleanup.h"

struct nt_slice nt_key_text(const struct nt_rule_key *key, const struct nt_record *r,
			    const struct nt_server *server, struct nt_buf *scratch)
{
	const struct nt_field *f = key->member ?: key->field;
	const void *base = key->member ? (const void *)server : r;
	char small[NT_FIELD_SMALL];
	struct nt_column_value v;
	struct nt_slice clean;

	nt_buf_reset(scratch);
	if (!base || nt_field_missing(f, base, r))
		return (struct nt_slice){ 0 };
	v = nt_field_scalar(f, base, r, small);
	if (v.kind == NT_COLUMN_NULL)
		return (struct nt_slice){ 0 };
	if (v.kind != NT_COLUMN_TEXT) {
		if (f->kind == NT_FIELD_BOOL)
			nt_buf_puts(scratch, v.i ? "true" : "false");
		else
			nt_buf_i64(scratch, v.i);
		return nt_slice_mem(scratch->p, scratch->len);
	}
	clean = nt_text_clean(v.text, scratch);
	if (clean.p != small)
		return clean;
	nt_buf_reset(scratch);
	nt_buf_slice(scratch, clean);
	return nt_slice_mem(scratch->p, scratch->len);
}

void nt_keys_done(struct nt_keys *k)
{
	nt_buf_done(&k->text);
	nt_buf_done(&k->before);
}

static bool make(struct nt_keys *k, const struct nt_row *row, const struct nt_server *server)
{
	_cleanup_buf_ struct nt_buf scratch = { 0 };
	struct nt_buf before = k->text;

	k->text = k->before;
	k->before = before;
	k->row = 0;
	nt_buf_reset(&k->text);
	for (size_t i = 0; i < k->len; i++) {
		nt_buf_slice(&k->text, nt_key_text(&k->keys[i], row->r, server, &scratch));
		nt_buf_putc(&k->text, '\0');
	}
	if (!nt_buf_ok(&k->text))
		return false;
	if (!k->changes || !nt_slice_eq(nt_keys_slice(k), nt_slice_mem(before.p, before.len))) {
		k->hash = nt_siphash(row->hash_key, nt_keys_slice(k));
		k->changes++;
	}
	k->row = row->number;
	k->server = server;
	return true;
}

bool nt_keys_take(struct nt_keys *k, const struct nt_row *row, const struct nt_server *server)
{
	return (k->row == row->number && k->server == server) || make(k, row, server);
}
