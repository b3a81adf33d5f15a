/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Domain lists: whatever comes, whole and in pieces, gives the same set, report and error; the set
 * holds what a walk over it says, in order, and finds each of it by itself and by a name below.
 */
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/feed/list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

struct outcome {
	int r;
	struct nt_feed_set *set;
	struct nt_feed_report report;
};

static struct outcome read_pieces(const struct nt_feed_form *form, struct nt_slice text,
				  size_t piece)
{
	const struct nt_feed_limits limits = { .names_max = 10000, .bytes_max = 1 << 20 };
	_cleanup_(nt_feed_builder_freep) struct nt_feed_builder *b = NULL;
	_cleanup_(nt_feed_list_freep) struct nt_feed_list *l = NULL;
	struct outcome o = { 0 };
	struct nt_err err;

	if (nt_feed_builder_new(limits, &b, &err) < 0)
		abort();
	o.r = nt_feed_list_new(form, b, &l, &err);
	for (size_t at = 0; at < text.len && o.r == 0; at += piece)
		o.r = nt_feed_list_push(
			l, nt_slice_mem(text.p + at, text.len - at < piece ? text.len - at : piece),
			&err);
	if (o.r == 0)
		o.r = nt_feed_list_end(l, &err);
	if (l)
		o.report = *nt_feed_list_report(l);
	if (o.r == 0)
		o.r = nt_feed_builder_finish(b, &o.set, &err);
	return o;
}

static void check_report(const struct nt_feed_report *r)
{
	size_t refused = 0;

	for (int i = 0; i < NT_FEED_FAULTS; i++)
		refused += r->refused[i];
	if (r->first_len > refused || (refused && !r->first_len))
		abort();
	for (size_t i = 0; i < r->first_len; i++)
		if (!r->first[i].line || !r->first[i].msg[0])
			abort();
}

static void check_found(const struct nt_feed_set *s, const struct nt_pattern *entry)
{
	struct nt_name below = { .len = (uint8_t)(entry->name.len + 2), .wire = { 1, 'x' } };
	struct nt_pattern got;

	if (!entry->wildcard && (!nt_feed_set_find(s, &entry->name, NT_FEED_EXACT, &got) ||
				 got.wildcard || !nt_name_eq(&got.name, &entry->name)))
		abort();
	if (entry->name.len > NT_NAME_WIRE_MAX - 2)
		return;
	memcpy(below.wire + 2, entry->name.wire, entry->name.len);
	if (!nt_feed_set_find(s, &below, NT_FEED_BELOW, &got) || got.name.len < entry->name.len)
		abort();
}

static void check_set(const struct outcome *o)
{
	struct nt_feed_walk w = { .set = o->set };
	struct nt_feed_key before = { 0 }, key;
	struct nt_pattern entry;
	size_t len = 0;

	for (; nt_feed_walk_next(&w, &entry); len++, before = key) {
		nt_feed_key_from(&entry, &key);
		if (nt_feed_key_compare(before.octets, before.len, key.octets, key.len) >= 0)
			abort();
		check_found(o->set, &entry);
	}
	if (len != nt_feed_set_len(o->set) || len > o->report.taken || (o->report.taken && !len))
		abort();
}

static void check_same(const struct outcome *a, const struct outcome *b)
{
	struct nt_feed_walk x = { .set = a->set }, y = { .set = b->set };
	struct nt_pattern p, q;

	if (a->r != b->r || a->report.taken != b->report.taken ||
	    a->report.first_len != b->report.first_len ||
	    memcmp(a->report.refused, b->report.refused, sizeof(a->report.refused)) ||
	    memcmp(a->report.first, b->report.first, sizeof(a->report.first)))
		abort();
	while (a->set && nt_feed_walk_next(&x, &p))
		if (!nt_feed_walk_next(&y, &q) || p.wildcard != q.wildcard ||
		    !nt_name_eq(&p.name, &q.name))
			abort();
}

/* Input: format and size of pieces, the field, a line feed, the list. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *end = len ? memchr(data, '\n', len) : NULL;
	struct outcome whole, pieces;
	struct nt_feed_form form;
	struct nt_slice text;

	if (!end || end == data)
		return 0;
	form = (struct nt_feed_form){ .format = data[0] % 3,
				      .separator = data[0] & 0x80 ? ';' : 0,
				      .field = nt_slice_mem(data + 1, (size_t)(end - data) - 1) };
	text = nt_slice_mem(end + 1, len - (size_t)(end + 1 - data));
	whole = read_pieces(&form, text, text.len + 1);
	pieces = read_pieces(&form, text, 1 + data[0] / 3 % 8);
	check_report(&whole.report);
	check_same(&whole, &pieces);
	if (whole.set)
		check_set(&whole);
	nt_feed_set_free(whole.set);
	nt_feed_set_free(pieces.set);
	return 0;
}
