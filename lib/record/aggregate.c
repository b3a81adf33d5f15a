/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of one flush interval: found by a digest of their keys, merged by fields.def. */
#include "lib/record/aggregate.h"

#include <stdlib.h>
#include <sys/random.h>

#include "lib/base/cleanup.h"
#include "lib/base/hll.h"
#include "lib/dns/siphash.h"
#include "lib/record/unroll.h"

/* Strings and lists of a row; a usual one needs some 300 octets, so the bound is there for answers
 * of many records. Beyond it rows are refused as beyond max_rows. */
enum { ARENA_PER_ROW = 4096, ARENA_MIN = 1 << 20, ROWS_FIRST = 64 };

/* The digest of a client's text, found again by where that text is. */
enum { CLIENTS = 512 };
struct client {
	uint64_t interval; /* in which the text is there */
	struct nt_slice text[6];
	struct nt_siphash128 digest;
	size_t key_bytes;
};

struct row {
	struct nt_siphash128 digest; /* of its key */
	bool alone; /* it is merged with nothing */
	struct nt_hll *names; /* of a folded row; in the arena */
};

struct nt_aggregate {
	struct nt_record *records; /* rows_len of rows_cap, and one that is being made */
	struct row *rows; /* beside records */
	uint32_t *slots; /* row number + 1, 0: free; a power of two, twice rows_cap or more */
	size_t rows_len, rows_cap, slots_len;
	uint32_t max_rows;
	bool merge;
	uint64_t next_id;
	uint64_t interval; /* number of resets, and one */
	struct nt_arena arena;
	struct nt_arena_mark mark; /* before the row that is being made */
	struct nt_buf key; /* scratch */
	size_t key_bytes; /* of the keys of all rows; they are not kept */
	struct client clients[CLIENTS];
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
	a->interval = 1;
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

static void merge_histogram(struct nt_record *into, const struct nt_record *from)
{
	for (size_t i = 0; i < NT_HISTOGRAM_BUCKETS; i++)
		into->latency_histogram[i] += from->latency_histogram[i];
}

NT_UNROLL uint64_t merged_uint(const struct nt_field *f, uint64_t a, uint64_t b)
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
	default: /* NT_MERGE_OR */
		return a | b;
	}
}

NT_UNROLL void merge_field(const struct nt_field *f, void *into, const void *from)
{
	if (!f->wire)
		return;
	switch (f->merge) {
	case NT_MERGE_NONE:
	case NT_MERGE_KEY: /* of lists: merge_servers, merge_rrsets */
	case NT_MERGE_KEY_SEARCH:
	case NT_MERGE_LATENCY_MIN: /* merge_latency_min */
		break;
	case NT_MERGE_UNION:
		merge_options(into, from);
		break;
	case NT_MERGE_HISTOGRAM:
		merge_histogram(into, from);
		break;
	default:
		nt_field_set_uint(f, into,
				  merged_uint(f, nt_field_uint(f, into), nt_field_uint(f, from)));
	}
}

/* Members of a list that is a key agree one by one in their own keys; the rest is merged. */
static void merge_servers(struct nt_record *into, const struct nt_record *from)
{
	for (size_t i = 0; i < into->servers_len && i < from->servers_len; i++) {
#define NT_SERVER_FIELD(...)                                                              \
	NT_UNROLLED(nt_server, merge_field(&field, &into->servers[i], &from->servers[i]), \
		    __VA_ARGS__)
#include "lib/record/fields.def"
	}
}

static void merge_rrsets(struct nt_record *into, const struct nt_record *from)
{
	for (size_t i = 0; i < into->rrsets_len && i < from->rrsets_len; i++) {
#define NT_RRSET_FIELD(...) \
	NT_UNROLLED(nt_rrset, merge_field(&field, &into->rrsets[i], &from->rrsets[i]), __VA_ARGS__)
#include "lib/record/fields.def"
	}
}

/* Before the counts are summed: a row without a latency has a minimum of 0 that is none. */
static void merge_latency_min(struct nt_record *into, const struct nt_record *from)
{
	if (from->latency_count &&
	    (!into->latency_count || from->latency_min_ns < into->latency_min_ns))
		into->latency_min_ns = from->latency_min_ns;
}

static void merge_record(struct nt_record *into, const struct nt_record *from)
{
	merge_latency_min(into, from);
#define NT_RECORD_FIELD(...) NT_UNROLLED(nt_record, merge_field(&field, into, from), __VA_ARGS__)
#include "lib/record/fields.def"
	merge_servers(into, from);
	merge_rrsets(into, from);
}

/* --- rows ------------------------------------------------------------------------------------- */

/* The key is secret and the digest long, so rows whose digests agree are the same row. */
static uint32_t *find_slot(struct nt_aggregate *a, const struct nt_siphash128 *digest)
{
	size_t mask = a->slots_len - 1;

	for (size_t i = digest->low & mask;; i = (i + 1) & mask) {
		const struct nt_siphash128 *row =
			a->slots[i] ? &a->rows[a->slots[i] - 1].digest : NULL;

		if (!row || (row->low == digest->low && row->high == digest->high))
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
		if (!a->rows[i].alone)
			*find_slot(a, &a->rows[i].digest) = (uint32_t)i + 1;
	return true;
}

static bool grow(struct nt_aggregate *a)
{
	size_t cap = a->rows_cap ? a->rows_cap * 2 : ROWS_FIRST;
	struct nt_record *records;
	struct row *rows;

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

struct nt_record *nt_aggregate_begin(struct nt_aggregate *a)
{
	if (!grow(a))
		return NULL;
	a->mark = nt_arena_mark(&a->arena);
	return &a->records[a->rows_len];
}

struct nt_arena *nt_aggregate_arena(struct nt_aggregate *a)
{
	return &a->arena;
}

void nt_aggregate_cancel(struct nt_aggregate *a)
{
	nt_arena_release(&a->arena, a->mark);
}

static struct nt_siphash128 digest_of_key(const struct nt_aggregate *a)
{
	return nt_siphash128(&a->secret, nt_slice_mem(a->key.p, a->key.len));
}

/* NULL: no memory. */
static const struct client *client_of(struct nt_aggregate *a, const struct nt_record *r)
{
	struct client now = { .interval = a->interval,
			      .text = { r->node, r->client_namespace, r->client_name, r->client_uid,
					r->client_ifname, r->client_container_id } };
	struct client *c = &a->clients[(uintptr_t)r->client_container_id.p / 64 % CLIENTS];

	if (c->interval == now.interval && memcmp(c->text, now.text, sizeof(now.text)) == 0)
		return c;
	nt_buf_reset(&a->key);
	nt_record_client_key(r, &a->key);
	if (!nt_buf_ok(&a->key))
		return NULL;
	now.digest = digest_of_key(a);
	now.key_bytes = a->key.len;
	*c = now;
	return c;
}

/* The digest of the record's key into its row; the key's length, 0 without memory. */
static size_t make_digest(struct nt_aggregate *a, const struct nt_record *r, struct row *row)
{
	const struct client *client = client_of(a, r);

	if (!client)
		return 0;
	nt_buf_reset(&a->key);
	nt_buf_add(&a->key, &client->digest, sizeof(client->digest));
	nt_record_other_key(r, &a->key);
	if (!nt_buf_ok(&a->key))
		return 0;
	row->digest = digest_of_key(a);
	return client->key_bytes + a->key.len;
}

static struct row *commit(struct nt_aggregate *a, bool merge, bool may_add)
{
	struct nt_record *r = &a->records[a->rows_len];
	struct row *row = &a->rows[a->rows_len];
	size_t key_bytes = make_digest(a, r, row);
	uint32_t *slot;

	if (!key_bytes)
		return NULL;
	slot = merge ? find_slot(a, &row->digest) : NULL;
	if (slot && *slot) {
		row = &a->rows[*slot - 1];
		merge_record(&a->records[*slot - 1], r);
		nt_aggregate_cancel(a);
		return row;
	}
	if (!may_add || a->rows_len == a->max_rows)
		return NULL;
	a->rows_len++;
	a->key_bytes += key_bytes;
	if (slot)
		*slot = (uint32_t)a->rows_len;
	row->alone = !merge;
	row->names = NULL;
	r->id = a->next_id++;
	return row;
}

static uint64_t id_of(const struct nt_aggregate *a, const struct row *row)
{
	return row ? a->records[row - a->rows].id : 0;
}

uint64_t nt_aggregate_commit(struct nt_aggregate *a, bool may_add)
{
	return id_of(a, commit(a, a->merge, may_add));
}

uint64_t nt_aggregate_commit_folded(struct nt_aggregate *a, struct nt_slice qname, bool may_add)
{
	uint64_t hash = nt_siphash(&a->secret, qname); /* its text may go now */
	struct row *row = commit(a, true, may_add);

	if (row && !row->names) /* without memory for it, distinct stays unknown */
		row->names = nt_arena_zalloc(&a->arena, sizeof(*row->names));
	if (row && row->names)
		nt_hll_add(row->names, hash);
	return id_of(a, row);
}

void nt_aggregate_estimate(struct nt_aggregate *a)
{
	for (size_t i = 0; i < a->rows_len; i++)
		if (a->rows[i].names)
			a->records[i].distinct = nt_hll_estimate(a->rows[i].names);
}

uint64_t nt_aggregate_add(struct nt_aggregate *a, const struct nt_record *r)
{
	struct nt_record *row = nt_aggregate_begin(a);
	uint64_t id = 0;

	if (!row)
		return 0;
	*row = *r;
	row->batch_spool = (struct nt_slice){ 0 };
	if (copy_fields(&nt_record_fields, row, &a->arena))
		id = nt_aggregate_commit(a, true);
	if (!id)
		nt_aggregate_cancel(a);
	return id;
}

size_t nt_aggregate_rows(struct nt_aggregate *a, struct nt_record **ret_rows)
{
	*ret_rows = a->records;
	return a->rows_len;
}

uint64_t nt_aggregate_interval(const struct nt_aggregate *a)
{
	return a->interval;
}

void nt_aggregate_reset(struct nt_aggregate *a)
{
	a->rows_len = 0;
	a->key_bytes = 0;
	a->interval++;
	if (a->slots)
		memset(a->slots, 0, a->slots_len * sizeof(*a->slots));
	nt_arena_reset(&a->arena);
}

size_t nt_aggregate_bytes(const struct nt_aggregate *a)
{
	return sizeof(*a) + a->rows_cap * (sizeof(*a->records) + sizeof(*a->rows)) +
	       a->slots_len * sizeof(*a->slots) + a->arena.used_bytes + a->key.cap +
	       2 * a->key_bytes;
}
