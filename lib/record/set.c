/* SPDX-License-Identifier: Apache-2.0 */
/* A field of a record from the value that nt_field_scalar gives of it. */
#include "lib/record/fields.h"

#include "lib/base/cleanup.h"
#include "lib/dns/message.h"

struct setting {
	const struct nt_field *field;
	void *base;
	struct nt_record *record;
	struct nt_column_value value;
	struct nt_arena *arena;
};

static void *member_of(const struct setting *s)
{
	return (char *)s->base + s->field->offset;
}

static uint64_t lookups_of(const struct nt_record *r)
{
	return r->count ? r->count : 1;
}

static bool set_int(const struct setting *s, uint64_t factor)
{
	unsigned bits = s->field->size * 8;
	uint64_t v = (uint64_t)s->value.i;

	if (s->value.i < 0 || (bits < 64 && v >> bits) ||
	    (s->field->kind == NT_FIELD_BOOL && v > 1) || v > (uint64_t)INT64_MAX / factor)
		return false;
	nt_field_set_uint(s->field, s->base, v * factor);
	return true;
}

/* A latency is there as soon as one was measured. */
static bool set_latency(const struct setting *s)
{
	struct nt_record *r = s->record;

	if (!r->latency_count)
		r->latency_count = lookups_of(r);
	return set_int(s, s->field->kind == NT_FIELD_MEAN ? r->latency_count : 1);
}

static bool set_hop(const struct setting *s)
{
	struct nt_record *r = s->record;

	if (!r->hop_count)
		r->hop_count = lookups_of(r);
	return set_int(s, r->hop_count);
}

static bool set_enum(const struct setting *s)
{
	for (const struct nt_enum_value *v = s->field->values; v->name; v++) {
		uint64_t old =
			s->field->kind == NT_FIELD_FLAGS ? nt_field_uint(s->field, s->base) : 0;

		if (!nt_slice_caseeq(nt_slice_str(v->name), s->value.text))
			continue;
		nt_field_set_uint(s->field, s->base, old | v->value);
		return true;
	}
	return false;
}

static bool set_id(const struct setting *s)
{
	uint64_t v = 0;

	if (s->value.text.len != 16)
		return false;
	for (size_t i = 0; i < 16; i++) {
		char c = s->value.text.p[i];

		if (c >= '0' && c <= '9')
			v = v << 4 | (uint64_t)(c - '0');
		else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
			v = v << 4 | (uint64_t)((c | 0x20) - 'a' + 10);
		else
			return false;
	}
	nt_field_set_uint(s->field, s->base, v);
	return v != 0;
}

static bool set_mnemonic(const struct setting *s)
{
	uint16_t number;
	int r;

	if (s->field->kind == NT_FIELD_TYPE)
		r = nt_dns_type_parse(s->value.text, &number);
	else if (s->field->kind == NT_FIELD_CLASS)
		r = nt_dns_class_parse(s->value.text, &number);
	else
		r = nt_dns_rcode_parse(s->value.text, &number);
	if (r < 0)
		return false;
	if (s->field->kind == NT_FIELD_RCODE)
		s->record->answered = true;
	nt_field_set_uint(s->field, s->base, number);
	return true;
}

static bool set_text(const struct setting *s)
{
	struct nt_slice copy;

	if (s->value.text.len && memchr(s->value.text.p, 0, s->value.text.len))
		return false;
	copy = nt_arena_copy(s->arena, s->value.text);
	if (!copy.p)
		return false;
	*(struct nt_slice *)member_of(s) = copy;
	return true;
}

static bool set_addr(const struct setting *s)
{
	struct nt_addr addr;

	if (nt_addr_parse(s->value.text, &addr) < 0)
		return false;
	memcpy(member_of(s), &addr, sizeof(addr));
	return true;
}

static bool add_option(const struct setting *s)
{
	struct nt_record *r = s->record;
	size_t at = r->edns_options_len;

	if (s->value.i < 0 || s->value.i > UINT16_MAX || at == NT_ARRAY_LEN(r->edns_options))
		return false;
	while (at && r->edns_options[at - 1] > s->value.i) {
		r->edns_options[at] = r->edns_options[at - 1];
		at--;
	}
	r->edns_options[at] = (uint16_t)s->value.i;
	r->edns_options_len++;
	return true;
}

void *nt_field_add(const struct nt_field *f, void *base, struct nt_arena *arena)
{
	const struct nt_fields *members = nt_field_members(f);
	size_t size = members ? members->size : sizeof(struct nt_slice);
	struct nt_field_list old = nt_field_list(f, base);
	struct nt_field_list list = { .len = old.len + 1 };

	list.p = nt_arena_zalloc(arena, list.len * size);
	if (!list.p)
		return NULL;
	if (old.len)
		memcpy(list.p, old.p, old.len * size);
	nt_field_set_list(f, base, list);
	return (char *)list.p + old.len * size;
}

static bool add_text(const struct setting *s)
{
	struct nt_slice copy = nt_arena_copy(s->arena, s->value.text);
	struct nt_slice *text = copy.p ? nt_field_add(s->field, s->base, s->arena) : NULL;

	if (text)
		*text = copy;
	return text != NULL;
}

static bool clear(const struct setting *s)
{
	struct nt_record *r = s->record;

	switch (s->field->kind) {
	case NT_FIELD_NS:
	case NT_FIELD_MEAN:
	case NT_FIELD_HISTOGRAM:
		r->latency_count = 0;
		break;
	case NT_FIELD_HOP:
		nt_field_set_uint(s->field, s->base, UINT64_MAX);
		break;
	case NT_FIELD_RCODE:
		r->answered = false;
		break;
	case NT_FIELD_OPTIONS:
		r->edns_options_len = 0;
		break;
	default:
		if (s->field->flags & NT_FF_EDNS)
			r->edns = false;
		else
			memset(member_of(s), 0, s->field->size);
	}
	if (s->field->kind >= NT_FIELD_STRS)
		nt_field_set_list(s->field, s->base, (struct nt_field_list){ 0 });
	return nt_field_missing(s->field, s->base, r);
}

static bool is_number(enum nt_field_kind kind)
{
	return kind == NT_FIELD_TIME || kind == NT_FIELD_UINT || kind == NT_FIELD_BOOL ||
	       kind == NT_FIELD_NS || kind == NT_FIELD_MEAN || kind == NT_FIELD_HOP ||
	       kind == NT_FIELD_OPTIONS;
}

static bool set(const struct setting *s)
{
	if (s->value.kind != (is_number(s->field->kind) ? NT_COLUMN_INT : NT_COLUMN_TEXT))
		return false;
	switch (s->field->kind) {
	case NT_FIELD_ID:
		return set_id(s);
	case NT_FIELD_ENUM:
	case NT_FIELD_FLAGS:
		return set_enum(s);
	case NT_FIELD_TIME:
	case NT_FIELD_UINT:
	case NT_FIELD_BOOL:
		return set_int(s, 1);
	case NT_FIELD_NS:
	case NT_FIELD_MEAN:
		return set_latency(s);
	case NT_FIELD_HOP:
		return set_hop(s);
	case NT_FIELD_STR:
		return set_text(s);
	case NT_FIELD_ADDR:
		return set_addr(s);
	case NT_FIELD_TYPE:
	case NT_FIELD_CLASS:
	case NT_FIELD_RCODE:
		return set_mnemonic(s);
	case NT_FIELD_OPTIONS:
		return add_option(s);
	case NT_FIELD_STRS:
		return add_text(s);
	default:
		return false;
	}
}

bool nt_field_set(const struct nt_field *f, void *base, struct nt_record *r,
		  struct nt_column_value value, struct nt_arena *arena)
{
	const struct setting s = { f, base, r, value, arena };

	if (value.kind == NT_COLUMN_NULL)
		return clear(&s);
	if (f->flags & NT_FF_EDNS)
		r->edns = true;
	return set(&s) && !nt_field_missing(f, base, r);
}
