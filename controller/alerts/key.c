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
