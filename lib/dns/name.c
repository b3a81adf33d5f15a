/* SPDX-License-Identifier: Apache-2.0 */
/* Domain names: packet to lower-case wire form, wire form to text and back. */
#include "lib/dns/name.h"

#include <errno.h>

enum {
	LABEL_MAX = 63,
	/* A pointer without a label before it serves nothing. The limit keeps a chain of pointers
	 * from making each name of a message cost the whole message. */
	POINTERS_MAX = NT_NAME_LABELS_MAX,
};

static uint8_t lower(uint8_t c)
{
	return (uint8_t)(c | ((uint8_t)(c - 'A') < 26) << 5);
}

/* Eight octets at once. An octet above 0x7f has no high bit in `ascii` and stays. */
static uint64_t lower_word(uint64_t word)
{
	const uint64_t ones = 0x0101010101010101;
	uint64_t ascii = ~word & ones * 0x80, low = word & ones * 0x7f;
	uint64_t from_a = low + ones * (0x80 - 'A'), above_z = low + ones * (0x7f - 'Z');

	return word | (from_a & ~above_z & ascii) >> 2;
}

static void lower_8(uint8_t *to, const uint8_t *from)
{
	uint64_t word;

	memcpy(&word, from, sizeof(word));
	word = lower_word(word);
	memcpy(to, &word, sizeof(word));
}

/* Sixteen, as one register of whatever the machine has. */
typedef uint8_t octets16 __attribute__((vector_size(16)));

static void lower_16(uint8_t *to, const uint8_t *from)
{
	octets16 v;

	memcpy(&v, from, sizeof(v));
	v |= (octets16)((octets16)(v - 'A') < 26) & 0x20;
	memcpy(to, &v, sizeof(v));
}

/* Labels in wire form, whose lengths are below 'A' and stay. The last octets overlap others: what
 * is in lower case stays so. */
static void copy_lower(uint8_t *to, const uint8_t *from, size_t len)
{
	if (len >= 16) {
		for (size_t i = 0; i + 16 < len; i += 16)
			lower_16(to + i, from + i);
		lower_16(to + len - 16, from + len - 16);
	} else if (len >= 8) {
		lower_8(to, from);
		lower_8(to + len - 8, from + len - 8);
	} else {
		for (size_t i = 0; i < len; i++)
			to[i] = lower(from[i]);
	}
}

/* Length of the name at p if it stands there whole and without a pointer, as most do; else 0. */
static size_t whole_len(const uint8_t *p, size_t left)
{
	size_t max = left < NT_NAME_WIRE_MAX ? left : NT_NAME_WIRE_MAX, at = 0;

	while (at < max) {
		unsigned len = p[at++];

		if (len - 1 >= LABEL_MAX) /* the root's 0, too */
			return len ? 0 : at;
		at += len;
	}
	return 0;
}

/* Moves `w` to where the pointer leads: before everything that this name was read from so far. */
static bool follow(struct nt_cursor *w, uint8_t high, size_t *lowest)
{
	size_t target = (size_t)(high & 0x3f) << 8 | nt_cursor_u8(w);

	if (w->bad || target >= *lowest)
		return false;
	w->at = *lowest = target;
	return true;
}

/* Takes labels up to the root or a pointer, whose first octet it returns; the root's is 0. What it
 * took is at *ret_run. Above 0xff: a fault. */
static unsigned take_labels(struct nt_cursor *w, size_t total, struct nt_slice *ret_run)
{
	size_t from = w->at;

	for (;;) {
		uint8_t len = nt_cursor_u8(w);

		if (w->bad || (len > LABEL_MAX && len < 0xc0))
			return 0x100;
		if (len <= LABEL_MAX) {
			(void)nt_cursor_take(w, len);
			if (w->bad || total + (w->at - from) > NT_NAME_WIRE_MAX)
				return 0x100;
			if (len)
				continue;
		}
		*ret_run = nt_slice_mem(w->start + from, w->at - from - (len > LABEL_MAX));
		return len;
	}
}

/* A name with pointers, or one that is none. */
static void read_pieces(struct nt_cursor *c, struct nt_name *ret_name)
{
	struct nt_cursor w = *c;
	size_t lowest = c->at, after = 0, total = 0;
	unsigned pointers = 0;
	struct nt_slice run;

	if (ret_name)
		ret_name->len = 0;
	for (;;) {
		unsigned end = take_labels(&w, total, &run);

		if (end > 0xff)
			break;
		if (ret_name)
			copy_lower(ret_name->wire + total, (const uint8_t *)run.p, run.len);
		total += run.len;
		if (!end) {
			if (ret_name)
				ret_name->len = (uint8_t)total;
			c->at = after ? after : w.at;
			return;
		}
		if (!after)
			after = w.at + 1;
		if (++pointers > POINTERS_MAX || !follow(&w, (uint8_t)end, &lowest))
			break;
	}
	if (w.bad) /* ran past the end; message.c tells this from a name that is wrong */
		c->at = c->len;
	c->bad = true;
}

void nt_name_read(struct nt_cursor *c, struct nt_name *ret_name)
{
	size_t len = whole_len(c->start + c->at, nt_cursor_left(c));

	if (!len) {
		read_pieces(c, ret_name);
		return;
	}
	if (ret_name) {
		copy_lower(ret_name->wire, c->start + c->at, len);
		ret_name->len = (uint8_t)len;
	}
	c->at += len;
}

/* What stands for itself in a name: no white space, and no syntax of zone files or ours, which are
 * " $ ( ) . ; @ and the backslash. */
static const uint8_t plain[256] = {
	['!'] = 1,	   ['#'] = 1,	      ['%' ... '\''] = 1, ['*' ... '-'] = 1,
	['/' ... ':'] = 1, ['<' ... '?'] = 1, ['A' ... '['] = 1,  [']' ... '~'] = 1,
};

static char *put_label(char *at, const uint8_t *label, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		uint8_t c = label[i];

		if (plain[c]) {
			*at++ = (char)c;
			continue;
		}
		*at++ = '\\';
		*at++ = (char)('0' + c / 100);
		*at++ = (char)('0' + c / 10 % 10);
		*at++ = (char)('0' + c % 10);
	}
	return at;
}

/* The text of a name whose octets all stand for themselves, as nearly every name's: as long as its
 * labels with a dot between them. */
static bool copy_plain(const struct nt_name *n, char *out)
{
	uint8_t all = 1;

	memcpy(out, n->wire + 1, n->len - 2u);
	for (size_t at = 0; n->wire[at]; at += 1u + n->wire[at]) {
		if (at)
			out[at - 1] = '.';
		for (size_t i = at + 1; i <= at + n->wire[at]; i++)
			all &= plain[n->wire[i]];
	}
	out[n->len - 2] = '\0';
	return all;
}

size_t nt_name_text(const struct nt_name *n, char out[NT_NAME_TEXT_MAX])
{
	char *to = out;
	size_t at = 0;

	if (n->len > 1 && copy_plain(n, out))
		return n->len - 2u;
	while (at < n->len && n->wire[at]) {
		if (at)
			*to++ = '.';
		to = put_label(to, n->wire + at + 1, n->wire[at]);
		at += 1u + n->wire[at];
	}
	if (!at && n->len)
		*to++ = '.';
	*to = '\0';
	return (size_t)(to - out);
}

struct nt_slice nt_name_copy_text(const struct nt_name *n, struct nt_arena *arena)
{
	char *text = nt_arena_alloc(arena, n->len * 4u + 1); /* each octet as \DDD */

	return text ? nt_slice_mem(text, nt_name_text(n, text)) : (struct nt_slice){ 0 };
}

void nt_name_format(const struct nt_name *n, struct nt_buf *out)
{
	char *at = nt_buf_reserve(out, NT_NAME_TEXT_MAX);

	if (at)
		out->len += nt_name_text(n, at);
}

/* One octet of text at *pos: as it is, \DDD or \X. -1 when an escape is not whole. */
static int read_octet(struct nt_slice text, size_t *pos)
{
	const uint8_t *p = (const uint8_t *)text.p + *pos;
	size_t left = text.len - *pos;
	int value = 0;

	if (p[0] != '\\') {
		*pos += 1;
		return p[0];
	}
	if (left < 2)
		return -1;
	if (p[1] < '0' || p[1] > '9') {
		*pos += 2;
		return p[1];
	}
	if (left < 4)
		return -1;
	for (int i = 1; i <= 3; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		value = value * 10 + (p[i] - '0');
	}
	*pos += 4;
	return value > 255 ? -1 : value;
}

/* One label at *pos, up to a dot or the end, into n->wire[at]. Returns its length or -1. */
static int read_label(struct nt_slice text, size_t *pos, struct nt_name *n, size_t at)
{
	int len = 0;

	while (*pos < text.len && text.p[*pos] != '.') {
		int c = read_octet(text, pos);

		if (c < 0 || len == LABEL_MAX || at + 1 + (size_t)len >= NT_NAME_WIRE_MAX)
			return -1;
		n->wire[at + 1 + (size_t)len++] = lower((uint8_t)c);
	}
	n->wire[at] = (uint8_t)len;
	return len;
}

int nt_name_parse(struct nt_slice text, struct nt_name *ret_name)
{
	struct nt_name n = { 0 };
	size_t pos = 0, at = 0;

	if (nt_slice_eq(text, NT_SLICE_LIT("."))) {
		*ret_name = (struct nt_name){ .len = 1 };
		return 0;
	}
	do {
		int len = at < NT_NAME_WIRE_MAX ? read_label(text, &pos, &n, at) : -1;

		if (len <= 0)
			return -EINVAL;
		at += (size_t)len + 1;
		pos++; /* the dot */
	} while (pos < text.len);
	if (at >= NT_NAME_WIRE_MAX)
		return -EINVAL;
	n.wire[at] = 0;
	n.len = (uint8_t)(at + 1);
	*ret_name = n;
	return 0;
}
