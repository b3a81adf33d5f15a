/* SPDX-License-Identifier: Apache-2.0 */
/* ${name} in a query: which set is meant, and the text with the sets written out. */
#include "lib/query/substitute.h"

#include "lib/query/lex.h"

const struct nt_query_substitution *
nt_query_substitution_find(const struct nt_query_substitution *substitutions, size_t len,
			   struct nt_slice name)
{
	for (size_t i = 0; i < len; i++)
		if (nt_slice_eq(substitutions[i].name, name))
			return &substitutions[i];
	return NULL;
}

static void put_set(const struct nt_query_substitution *s, struct nt_buf *out)
{
	if (s->names) {
		nt_buf_printf(out, "${%.*s}", NT_SLICE_ARG(s->names_name));
		return;
	}
	for (size_t i = 0; i < s->values_len; i++) {
		nt_buf_puts(out, i ? ", \"" : "{\"");
		for (size_t n = 0; n < s->values[i].len; n++) {
			nt_buf_putc(out, s->values[i].p[n]);
			if (s->values[i].p[n] == '"')
				nt_buf_putc(out, '"');
		}
		nt_buf_putc(out, '"');
	}
	nt_buf_putc(out, '}');
}

void nt_query_expand(struct nt_slice text, const struct nt_query_substitution *substitutions,
		     size_t substitutions_len, struct nt_buf *out)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(NT_QUERY_TEXT_MAX + 4096);
	struct nt_lexer lexer = { .text = text, .arena = &arena };
	struct nt_token t;
	size_t copied = 0;

	if (!text.len) /* p may be NULL */
		return;
	do {
		const struct nt_query_substitution *s;

		t = nt_lex(&lexer);
		if (t.kind != NT_TOKEN_VARIABLE)
			continue;
		s = nt_query_substitution_find(substitutions, substitutions_len, t.text);
		if (!s)
			continue;
		nt_buf_slice(out, nt_slice_mem(text.p + copied, t.at - copied));
		put_set(s, out);
		copied = t.at + t.len;
	} while (t.kind != NT_TOKEN_END && t.kind != NT_TOKEN_BAD);
	nt_buf_slice(out, nt_slice_mem(text.p + copied, text.len - copied));
}
