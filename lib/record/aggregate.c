/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of one flush interval: found by the octets of their keys, merged by fields.def. */
#include "lib/record/aggregate.h"

#include <stdlib.h>
#include <sys/random.h>

#include "lib/base/cleanup.h"
#include "lib/base/hll.h"
#include "lib/dns/siphash.h"
#include "lib/record/fields.h"

/* Strings, lists and key of a row; a usual one needs some 600 octets, so the bound is there for
 * answers of many records. Beyond it rows are refused as beyond max_rows. */
enum { ARENA_PER_ROW = 4096, ARENA_MIN = 1 << 20, ROWS_FIRST = 64 };

struct row {
	uint64_t digest;
	struct nt_slice key; /* none: the row is merged with nothing */
	struct nt_hll *names; /* of a folded row; in the arena */
};

struct nt_aggregate {
	struct nt_record *records; /* rows_len of rows_cap */
	struct row *rows; /* beside records */
	uint32_t *slots; /* row number + 1, 0: free; a power of two, twice rows_cap or more */
	size_t rows_len, rows_cap, slots_len;
	uint32_t max_rows;
	bool merge;
	uint64_t next_id;
	struct nt_arena arena;
	struct nt_buf key; /* scratch */
	struct nt_siphash_key secret; /* names come from pods: they must not choose our buckets */
};

struct nt_aggregate *nt_aggregate_new(uint32_t max_rows, bool merge, uint64_t first_id,
				      struct nt_err *err)
{
	struct nt_aggregate *a = calloc(1, sizeof(*a));
	size_t bytes = (size_t)max_rows * ARENA_PER_ROW;

	if (!a) {
		nt_err_set(err, ENOMEM, "no memory for the rows of an interval");
		return NULL;
	}
	a->max_rows = max_rows;
	a->merge = merge;
	a->next_id = first_id ? first_id : 1; /* 0 says failure */
	a->arena = NT_ARENA(bytes > ARENA_MIN ? bytes : ARENA_MIN);
	if (getrandom(&a->secret, sizeof(a->secret), 0) != sizeof(a->secret)) {
		nt_err_sys(err, errno, "no random numbers for the rows' hash");
		nt_aggregate_free(a);
		return NULL;
	}
	return a;
}

void nt_aggregate_free(struct nt_aggregate *a)
{
	if (!a)
		return;
	free(a->records);
	free(a->rows);
	free(a->slots);
	nt_arena_done(&a->arena);
	nt_buf_done(&a->key);
	free(a);
}

/* --- copy ------------------------------------------------------------------------------------- */

static bool copy_fields(const struct nt_fields *fields, void *base, struct nt_arena *arena);

/* The list's members, moved into the arena with what they point to. */
static bool copy_list(const struct nt_field *f, void *base, struct nt_arena *arena)
{
	const struct nt_fields *members = nt_field_members(f);
	struct nt_field_list list = nt_field_list(f, base);
	size_t size = members ? members->size : sizeof(struct nt_slice);
	char *p = list.len ? nt_arena_alloc(arena, list.len * size) : NULL;

	if (list.len && !p)
		return false;
	for (size_t i = 0; i < list.len; i++) {
		struct nt_slice *s = (struct nt_slice *)(p + i * size);

		memcpy(p + i * size, (char *)list.p + i * size, size);
		if (members && !copy_fields(members, p + i * size, arena))
			return false;
		if (!members && s->len && !(*s = nt_arena_copy(arena, *s)).p)
			return false;
	}
	list.p = p;
	nt_field_set_list(f, base, list);
	return true;
}

static bool copy_fields(const struct nt_fields *fields, void *base, struct nt_arena *arena)
{
	for (size_t i = 0; i < fields->len; i++) {
		const struct nt_field *f = &fields->fields[i];
		struct nt_slice *s = (struct nt_slice *)((char *)base + f->offset);

		if (f->kind == NT_FIELD_STR && f->wire) {
			if (!s->len)
				*s = (struct nt_slice){ 0 };
			else if (!(*s = nt_arena_copy(arena, *s)).p)
				return false;
		} else if (f->kind >= NT_FIELD_STRS && !copy_list(f, base, arena)) {
			return false;
		}
	}
	return true;
}

/* --- merge ------------------------------------------------------------------------------------ */

static void merge_options(struct nt_record *into, const struct nt_record *from)
{
	for (size_t i = 0; i < from->edns_options_len; i++) {
		uint16_t option = from->edns_options[i];
		size_t at = 0;

		while (at < into->edns_options_len && into->edns_options[at] < option)
			at++;
		if (into->edns_options_len == NT_ARRAY_LEN(into->edns_options) ||
		    (at < into->edns_options_len && into->edns_options[at] == option))
			continue;
		memmove(into->edns_options + at + 1, into->edns_options + at,
			(into->edns_options_len - at) * sizeof(option));
		into->edns_options[at] = option;
		into->edns_options_len++;
	}
}

static uint64_t merged_uint(const struct nt_field *f, uint64_t a, uint64_t b)
{
	bool signed_less = (int64_t)b < (int64_t)a;
	uint64_t sum;

	switch (f->merge) {
	case NT_MERGE_FIRST:
		return signed_less ? b : a;
	case NT_MERGE_LAST:
	case NT_MERGE_MAX_SIGNED:
		return signed_less ? a : b;
	case NT_MERGE_SUM:
		return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
	case NT_MERGE_MIN:
		return a < b ? a : b;
	case NT_MERGE_MAX:
		return a > b ? a : b;
	case NT_MERGE_OR:
		return a | b;
	default:
		return a;
	}
}

static void merge_fields(const struct nt_fields *fields, void *into, const void *from);

/* Members of a key list agree one by one in their own keys; what is no key there is merged. */
static void merge_members(const struct nt_field *f, void *into, const void *from)
{
	const struct nt_fields *members = nt_field_members(f);
	struct nt_field_list a = nt_field_list(f, into), b = nt_field_list(f, from);

	for (size_t i = 0; members && i < a.len && i < b.len; i++)
		merge_fields(members, (char *)a.p + i * members->size,
			     (char *)b.p + i * members->size);
}

static void merge_field(const struct nt_field *f, void *into, const void *from)
{
	switch (f->merge) {
	case NT_MERGE_NONE:
	case NT_MERGE_KEY_SEARCH:
	case NT_MERGE_LATENCY_MIN: /* merge_latency_min */
		break;
	case NT_MERGE_KEY:
		if (f->kind >= NT_FIELD_STRS)
			merge_members(f, into, from);
		break;
	case NT_MERGE_UNION:
		merge_options(into, from);
		break;
	case NT_MERGE_HISTOGRAM:
		for (size_t i = 0; i < NT_HISTOGRAM_BUCKETS; i++)
			((struct nt_record *)into)->latency_histogram[i] +=
				((const struct nt_record *)from)->latency_histogram[i];
		break;
	default:
		nt_field_set_uint(f, into,
				  merged_uint(f, nt_field_uint(f, into), nt_field_uint(f, from)));
	}
}

static void merge_fields(const struct nt_fields *fields, void *into, const void *from)
{
	for (size_t i = 0; i < fields->len; i++)
		if (fields->fields[i].wire)
			merge_field(&fields->fields[i], into, from);
}

/* Before the counts are summed: a row without a latency has a minimum of 0 that is none. */
static void merge_latency_min(struct nt_record *into, const struct nt_record *from)
{
	if (from->latency_count &&
	    (!into->latency_count || from->latency_min_ns < into->latency_min_ns))
		into->latency_min_ns = from->latency_min_ns;
}

/* --- rows ------------------------------------------------------------------------------------- */

static uint32_t *find_slot(struct nt_aggregate *a, uint64_t digest, struct nt_slice key)
{
	size_t mask = a->slots_len - 1;

	for (size_t i = digest & mask;; i = (i + 1) & mask) {
		const struct row *row = a->slots[i] ? &a->rows[a->slots[i] - 1] : NULL;

		if (!row || (row->digest == digest && nt_slice_eq(row->key, key)))
			return &a->slots[i];
	}
}

static bool grow_slots(struct nt_aggregate *a, size_t rows_cap)
{
	size_t len = ROWS_FIRST * 2;
	uint32_t *slots;

	while (len < rows_cap * 2)
		len *= 2;
	slots = calloc(len, sizeof(*slots));
	if (!slots)
		return false;
	free(a->slots);
	a->slots = slots;
	a->slots_len = len;
	for (size_t i = 0; i < a->rows_len; i++)
		if (a->rows[i].key.len)
			*find_slot(a, a->rows[i].digest, a->rows[i].key) = (uint32_t)i + 1;
	return true;
}

static bool grow(struct nt_aggregate *a)
{
	size_t cap = a->rows_cap ? a->rows_cap * 2 : ROWS_FIRST;
	struct nt_record *records;
	struct row *rows;

	if (a->rows_len == a->max_rows)
		return false;
	if (a->rows_len < a->rows_cap)
		return true;
	records = realloc(a->records, cap * sizeof(*records));
	if (!records)
		return false;
	a->records = records;
	rows = realloc(a->rows, cap * sizeof(*rows));
	if (!rows)
		return false;
	a->rows = rows;
	if (!grow_slots(a, cap))
		return false;
	a->rows_cap = cap;
	return true;
}

/* Appends a copy of r; what a copy that did not fit took of the arena comes back at reset. key:
 * none, or with its digest. */
static struct row *add_row(struct nt_aggregate *a, const struct nt_record *r, struct nt_slice key,
			   uint64_t digest)
{
	struct nt_record *record;
	struct row *row;

	if (!grow(a))
		return NULL;
	record = &a->records[a->rows_len];
	row = &a->rows[a->rows_len];
	*record = *r;
	record->batch_spool = (struct nt_slice){ 0 };
	*row = (struct row){ .digest = digest };
	if (!copy_fields(&nt_record_fields, record, &a->arena))
		return NULL;
	if (key.len) {
		row->key = nt_arena_copy(&a->arena, key);
		if (!row->key.p)
			return NULL;
		*find_slot(a, digest, row->key) = (uint32_t)a->rows_len + 1;
	}
	record->id = a->next_id++;
	a->rows_len++;
	return row;
}

static struct row *merge_or_add(struct nt_aggregate *a, const struct nt_record *r, bool may_add)
{
	struct nt_record *into;
	struct nt_slice key;
	uint64_t digest;
	uint32_t slot;

	nt_buf_reset(&a->key);
	nt_record_key(r, &a->key);
	if (!nt_buf_ok(&a->key))
		return NULL;
	key = nt_slice_mem(a->key.p, a->key.len);
	digest = nt_siphash(&a->secret, key);
	slot = a->slots_len ? *find_slot(a, digest, key) : 0;
	if (!slot)
		return may_add ? add_row(a, r, key, digest) : NULL;
	into = &a->records[slot - 1];
	merge_latency_min(into, r);
	merge_fields(&nt_record_fields, into, r);
	return &a->rows[slot - 1];
}

static uint64_t id_of(const struct nt_aggregate *a, const struct row *row)
{
	return row ? a->records[row - a->rows].id : 0;
}

uint64_t nt_aggregate_add(struct nt_aggregate *a, const struct nt_record *r)
{
	return id_of(a, a->merge ? merge_or_add(a, r, true)
				 : add_row(a, r, (struct nt_slice){ 0 }, 0));
}

uint64_t nt_aggregate_merge(struct nt_aggregate *a, const struct nt_record *r)
{
	return a->merge ? id_of(a, merge_or_add(a, r, false)) : 0;
}

uint64_t nt_aggregate_fold(struct nt_aggregate *a, const struct nt_record *r, struct nt_slice qname,
			   bool may_add)
{
	struct row *row = merge_or_add(a, r, may_add);

	if (row && !row->names) /* without memory for it, distinct stays unknown */
		row->names = nt_arena_zalloc(&a->arena, sizeof(*row->names));
	if (row && row->names)
		nt_hll_add(row->names, nt_siphash(&a->secret, qname));
	return id_of(a, row);
}

void nt_aggregate_estimate(struct nt_aggregate *a)
{
	for (size_t i = 0; i < a->rows_len; i++)
		if (a->rows[i].names)
			a->records[i].distinct = nt_hll_estimate(a->rows[i].names);
}

size_t nt_aggregate_rows(struct nt_aggregate *a, struct nt_record **ret_rows)
{
	*ret_rows = a->records;
	return a->rows_len;
}

void nt_aggregate_reset(struct nt_aggregate *a)
{
	a->rows_len = 0;
	if (a->slots)
		memset(a->slots, 0, a->slots_len * sizeof(*a->slots));
	nt_arena_reset(&a->arena);
}

size_t nt_aggregate_bytes(const struct nt_aggregate *a)
{
	return sizeof(*a) + a->rows_cap * (sizeof(*a->records) + sizeof(*a->rows)) +
	       a->slots_len * sizeof(*a->slots) + a->arena.used_bytes + a->key.cap;
}
