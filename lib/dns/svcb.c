/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of SVCB and HTTPS records (RFC 9460): check and presentation form. */
#include "lib/base/cleanup.h"
#include "lib/dns/rdata.h"
#include "lib/dns/text.h"

/* The form of a parameter's value, beside the two below. */
enum form {
	FORM_OPAQUE = 0, /* quoted, nothing at all when empty */
	FORM_KEYS = 1, /* ascending 16-bit keys */
	FORM_STRINGS = 2, /* length-prefixed, not empty */
	FORM_NOTHING = 3, /* the value must be empty */
	FORM_PORT = 4,
	FORM_IPV4 = 5,
	FORM_BASE64 = 6,
	FORM_IPV6 = 7,
};

static const struct {
	const char *name;
	enum form form;
} params[] = {
	{ "mandatory", FORM_KEYS }, { "alpn", FORM_STRINGS },	{ "no-default-alpn", FORM_NOTHING },
	{ "port", FORM_PORT },	    { "ipv4hint", FORM_IPV4 },	{ "ech", FORM_BASE64 },
	{ "ipv6hint", FORM_IPV6 },  { "dohpath", FORM_OPAQUE }, { "ohttp", FORM_NOTHING },
};

static void put_key(struct nt_buf *out, uint16_t key)
{
	if (key < NT_ARRAY_LEN(params)) {
		nt_buf_puts(out, params[key].name);
		return;
	}
	nt_buf_puts(out, "key");
	nt_buf_u64(out, key);
}

static void put_comma(struct nt_buf *out, bool *first)
{
	if (!*first)
		nt_buf_putc(out, ',');
	*first = false;
}

/* Section 8: not empty, ascending, without "mandatory" itself. */
static void walk_keys(struct nt_rdata_walk *v)
{
	bool first = true;
	uint16_t last = 0;

	while (nt_cursor_left(&v->c)) {
		uint16_t key = nt_cursor_u16(&v->c);

		if (key <= last)
			nt_cursor_fail(&v->c);
		last = key;
		if (!v->out)
			continue;
		put_comma(v->out, &first);
		put_key(v->out, key);
	}
}

/* An item of a comma-separated list is escaped twice: its commas and backslashes for the list, and
 * the result for the character-string (appendix A.1). */
static void put_item(struct nt_buf *out, struct nt_slice item)
{
	for (size_t i = 0; i < item.len; i++) {
		if (item.p[i] == ',')
			nt_buf_puts(out, "\\\\,");
		else if (item.p[i] == '\\')
			nt_buf_puts(out, "\\\\\\\\");
		else
			nt_text_string(out, nt_slice_mem(item.p + i, 1));
	}
}

static void walk_items(struct nt_rdata_walk *v)
{
	bool first = true;

	if (v->out)
		nt_buf_putc(v->out, '"');
	while (nt_cursor_left(&v->c)) {
		size_t len = nt_cursor_u8(&v->c);
		struct nt_slice item = nt_cursor_take(&v->c, len);

		if (!item.len)
			nt_cursor_fail(&v->c);
		if (!v->out)
			continue;
		put_comma(v->out, &first);
		put_item(v->out, item);
	}
	if (v->out)
		nt_buf_putc(v->out, '"');
}

static void walk_hints(struct nt_rdata_walk *v, size_t size)
{
	bool first = true;

	while (nt_cursor_left(&v->c)) {
		struct nt_slice addr = nt_cursor_take(&v->c, size);

		if (!v->out || v->c.bad)
			continue;
		put_comma(v->out, &first);
		if (size == 4)
			nt_text_ipv4(v->out, addr);
		else
			nt_text_ipv6(v->out, addr);
	}
}

static void walk_port(struct nt_rdata_walk *v)
{
	uint16_t port = nt_cursor_u16(&v->c);

	if (v->out)
		nt_buf_u64(v->out, port);
}

static void walk_opaque(struct nt_rdata_walk *v, enum form form)
{
	struct nt_slice s = nt_cursor_take(&v->c, nt_cursor_left(&v->c));

	if (!v->out)
		return;
	if (form == FORM_BASE64)
		nt_text_base64(v->out, s);
	else
		nt_text_quoted(v->out, s);
}

static void walk_value(struct nt_rdata_walk *v, enum form form)
{
	switch (form) {
	case FORM_NOTHING:
		break;
	case FORM_KEYS:
		return walk_keys(v);
	case FORM_STRINGS:
		return walk_items(v);
	case FORM_PORT:
		return walk_port(v);
	case FORM_IPV4:
		return walk_hints(v, 4);
	case FORM_IPV6:
		return walk_hints(v, 16);
	case FORM_OPAQUE:
	case FORM_BASE64:
		return walk_opaque(v, form);
	}
}

static void walk_param(struct nt_rdata_walk *w, uint16_t key)
{
	enum form form = key < NT_ARRAY_LEN(params) ? params[key].form : FORM_OPAQUE;
	size_t len = nt_cursor_u16(&w->c);
	struct nt_rdata_walk v = *w;

	(void)nt_cursor_take(&w->c, len);
	if (w->c.bad)
		return;
	v.c.len = w->c.at;
	if (w->out)
		put_key(w->out, key);
	if (!len) { /* only these have a meaning without a value */
		if (form != FORM_NOTHING && form != FORM_OPAQUE)
			nt_cursor_fail(&w->c);
		return;
	}
	if (w->out && form != FORM_NOTHING)
		nt_buf_putc(w->out, '=');
	walk_value(&v, form);
	if (v.c.bad || nt_cursor_left(&v.c))
		nt_cursor_fail(&w->c);
}

void nt_svcb_walk_params(struct nt_rdata_walk *w)
{
	bool first = true;
	int last = -1;

	while (nt_cursor_left(&w->c)) {
		uint16_t key = nt_cursor_u16(&w->c);

		if (key <= last) { /* section 2.2: strictly ascending, so no doubles */
			nt_cursor_fail(&w->c);
			return;
		}
		last = key;
		if (w->out && !first)
			nt_buf_putc(w->out, ' ');
		first = false;
		walk_param(w, key);
	}
}
