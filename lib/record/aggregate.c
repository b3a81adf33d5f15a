/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of one flush interval: found by their keys in wire form, merged by fields.def. */
#include "lib/record/aggregate.h"

#include <stdlib.h>
#include <sys/random.h>

#include "lib/base/cleanup.h"
#include "lib/base/hash.h"
#include "lib/base/hll.h"
#include "lib/dns/siphash.h"
#include "lib/record/batch.h"
#include "lib/record/expand.h"
#include "lib/record/histogram.h"
#include "lib/record/lookup.h"
#include "lib/record/unroll.h"
#include "lib/record/wire.h"

/* What a row keeps beside its figures is some 300 octets, so the bound is there for answers of many
 * records. Beyond it rows are refused as beyond max_rows. */
enum { ARENA_PER_ROW = 4096, ARENA_MIN = 1 << 20, ROWS_FIRST = 64 };
/* Of one record's text: 5,956 answers fit in a message, by compression each with two long names. */
enum { TEXT_MAX = 64 << 20 };
/* Of a row's figures; the TTLs of many answers are more and go to the heap. */
enum { FIGURES = 1024 };

struct slot {
	uint32_t row; /* its number + 1, 0: free */
	uint32_t tag; /* of its hash, the part that did not choose the slot */
};

/* Whose lookups of whom have a base in common: all that nt_record_ends looks at. Compared as
 * octets, so there is no padding. */
struct base_key {
	struct nt_flow flow; /* without what differs from lookup to lookup */
	struct nt_addr answering; /* the reply's source, family 0: as in flow */
	uint8_t role;
	uint16_t answering_port;
	uint32_t version;
};
_Static_assert(sizeof(struct base_key) == sizeof(struct nt_flow) + sizeof(struct nt_addr) + 7,
	       "base_key has padding");

struct nt_aggregate {
	struct nt_row *rows; /* rows_len of rows_cap */
	struct slot *slots; /* a power of two, twice rows_cap or more */
	size_t rows_len, rows_cap, slots_len;
	uint32_t max_rows;
	bool merge;
	bool has_folded; /* rows with names */
	uint64_t next_id;
	struct nt_arena arena; /* of the rows */
	/* Bases: octets and keys by number, and an open hash of numbers plus one. */
	struct nt_slice *bases;
	struct base_key *base_keys;
	uint32_t *base_slots;
	size_t bases_len, bases_cap; /* slots: a power of two, twice bases_cap */
	struct nt_lookup lookup; /* that is being made */
	uint64_t lookup_hash; /* of its key */
	struct nt_record record; /* that is being made */
	struct nt_arena text; /* of it */
	struct nt_buf wire; /* scratch: its octets */
	/* Names come from pods: they must not choose our slots. */
	struct nt_hash_key key;
	struct nt_siphash_key secret; /* of the names that are counted */
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
	a->text = NT_ARENA(TEXT_MAX);
	if (getrandom(&a->key, sizeof(a->key), 0) != sizeof(a->key) ||
	    getrandom(&a->secret, sizeof(a->secret), 0) != sizeof(a->secret)) {
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
	free(a->rows);
	free(a->slots);
	free(a->bases);
	free(a->base_keys);
	free(a->base_slots);
	nt_arena_done(&a->arena);
	nt_arena_done(&a->text);
	nt_buf_done(&a->wire);
	free(a);
}

/* --- merge ------------------------------------------------------------------------------------ */

static void merge_options(struct nt_tally *into, const struct nt_tally *from)
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

NT_UNROLL uint64_t merged_uint(const struct nt_field *f, uint64_t a, uint64_t b)
{
	bool signed_less = (int64_t)b < (int64_t)a;
	uint64_t sum;

	switch (f->merge) {
	case NT_MERGE_FIRST:
		return signed_less ? b : a;
	case NT_MERGE_LAST:
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

NT_UNROLL void merge_field(const struct nt_field *f, struct nt_tally *into,
			   const struct nt_tally *from)
{
	if (!f->wire || f->offset >= sizeof(*into))
		return;
	switch (f->merge) {
	case NT_MERGE_NONE:
	case NT_MERGE_LATENCY_MIN: /* merge_latency_min */
	case NT_MERGE_HOP: /* merge_hops */
		break;
	case NT_MERGE_UNION:
		merge_options(into, from);
		break;
	case NT_MERGE_HISTOGRAM:
		nt_histogram_add(into->latency_histogram, from->latency_histogram);
		break;
	default:
		nt_field_set_uint(f, into,
				  merged_uint(f, nt_field_uint(f, into), nt_field_uint(f, from)));
	}
}

/* Before the counts are summed: a row without a latency has a minimum of 0 that is none. */
static void merge_latency_min(struct nt_tally *into, const struct nt_tally *from)
{
	if (from->latency_count &&
	    (!into->latency_count || from->latency_min_ns < into->latency_min_ns))
		into->latency_min_ns = from->latency_min_ns;
}

static int64_t merged_hop(int64_t a, bool a_counts, int64_t b, bool b_counts)
{
	int64_t sum;

	if ((a < 0 && a_counts) || (b < 0 && b_counts))
		return -1;
	if (a < 0 || b < 0)
		return a < 0 ? b : a;
	/* On the wire it is plus one. */
	return __builtin_add_overflow(a, b, &sum) || sum == INT64_MAX ? INT64_MAX - 1 : sum;
}

/* Before the counts are summed, too: one divisor is for all three. */
static void merge_hops(struct nt_tally *into, const struct nt_tally *from)
{
	bool a = into->hop_count, b = from->hop_count;

	if (!a && !b)
		return;
	into->hop_network_ns = merged_hop(into->hop_network_ns, a, from->hop_network_ns, b);
	into->hop_server_ns = merged_hop(into->hop_server_ns, a, from->hop_server_ns, b);
	into->hop_upstream_ns = merged_hop(into->hop_upstream_ns, a, from->hop_upstream_ns, b);
}

static void merge_tally(struct nt_tally *into, const struct nt_tally *from)
{
	merge_latency_min(into, from);
	merge_hops(into, from);
#define NT_RECORD_FIELD(...) NT_UNROLLED(nt_record, merge_field(&field, into, from), __VA_ARGS__)
#include "lib/record/fields.def"
}

static void merge_ttl(struct nt_ttls *into, uint32_t min, uint32_t max)
{
	if (min < into->min)
		into->min = min;
	if (max > into->max)
		into->max = max;
}

/* The row's keys are those of the record, so it has the same sets. */
static void merge_ttls(struct nt_row *into, const struct nt_record *from)
{
	for (size_t i = 0; i < into->ttls_len; i++)
		merge_ttl(&into->ttls[i], from->rrsets[i].ttl_min, from->rrsets[i].ttl_max);
}

/* --- rows ------------------------------------------------------------------------------------- */

/* Where the row of that key is, or goes. */
static struct slot *find_slot(struct nt_aggregate *a, uint64_t hash, struct nt_slice key)
{
	size_t mask = a->slots_len - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct slot *s = &a->slots[i];
		const struct nt_row *row;

		if (!s->row)
			return s;
		if (s->tag != hash >> 32)
			continue;
		row = &a->rows[s->row - 1];
		if (nt_slice_eq(nt_slice_mem(row->octets, row->key_len), key))
			return s;
	}
}

static void take_slot(struct nt_aggregate *a, struct slot *s, size_t row)
{
	*s = (struct slot){ .row = (uint32_t)row + 1, .tag = (uint32_t)(a->rows[row].hash >> 32) };
}

static bool grow_slots(struct nt_aggregate *a, size_t rows_cap)
{
	size_t len = ROWS_FIRST * 2;
	struct slot *slots;

	while (len < rows_cap * 2)
		len *= 2;
	slots = calloc(len, sizeof(*slots));
	if (!slots)
		return false;
	free(a->slots);
	a->slots = slots;
	a->slots_len = len;
	for (size_t i = 0; i < a->rows_len; i++) {
		const struct nt_row *row = &a->rows[i];

		if (!row->alone)
			take_slot(a,
				  find_slot(a, row->hash, nt_slice_mem(row->octets, row->key_len)),
				  i);
	}
	return true;
}

/* Room for one more row. */
static bool grow(struct nt_aggregate *a)
{
	size_t cap = a->rows_cap ? a->rows_cap * 2 : ROWS_FIRST;
	struct nt_row *rows;

	if (a->rows_len < a->rows_cap)
		return true;
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
	nt_arena_reset(&a->text);
	return grow(a) ? &a->record : NULL;
}

struct nt_arena *nt_aggregate_arena(struct nt_aggregate *a)
{
	return &a->text;
}

static bool keep_ttls(struct nt_aggregate *a, const struct nt_record *r, struct nt_row *row)
{
	row->ttls_len = (uint32_t)r->rrsets_len;
	row->ttls = nt_arena_alloc(&a->arena, r->rrsets_len * sizeof(*row->ttls));
	for (size_t i = 0; row->ttls && i < r->rrsets_len; i++)
		row->ttls[i] = (struct nt_ttls){ r->rrsets[i].ttl_min, r->rrsets[i].ttl_max };
	return row->ttls;
}

static struct nt_tally *keep_tally(struct nt_aggregate *a, const struct nt_tally *tally)
{
	struct nt_tally *t = nt_arena_alloc(&a->arena, sizeof(*t));

	if (t)
		*t = *tally;
	return t;
}

/* The last row is the record, whose key is in `wire`. False without memory. */
static bool fill_row(struct nt_aggregate *a, const struct nt_record *r, struct nt_row *row)
{
	struct nt_arena_mark mark = nt_arena_mark(&a->arena);
	struct nt_slice octets;

	*row = (struct nt_row){ .type = r->type, .transport = r->transport };
	row->key_len = (uint32_t)a->wire.len;
	nt_record_details(r, &a->wire);
	octets = nt_buf_ok(&a->wire)
			 ? nt_arena_copy(&a->arena, nt_slice_mem(a->wire.p, a->wire.len))
			 : (struct nt_slice){ 0 };
	row->tally = octets.p ? keep_tally(a, &r->tally) : NULL;
	if (!row->tally || !keep_ttls(a, r, row)) {
		nt_arena_release(&a->arena, mark);
		return false;
	}
	row->octets = octets.p;
	row->octets_len = (uint32_t)octets.len;
	return true;
}

/* The last row is there. slot: NULL when it is alone. */
static struct nt_row *add_row(struct nt_aggregate *a, struct slot *slot, uint64_t hash)
{
	struct nt_row *row = &a->rows[a->rows_len];

	row->hash = hash;
	row->alone = !slot;
	row->id = row->one.id = a->next_id++;
	if (row->tally)
		row->tally->id = row->id;
	if (slot)
		take_slot(a, slot, a->rows_len);
	a->rows_len++;
	return row;
}

static struct nt_row *commit(struct nt_aggregate *a, const struct nt_record *r, bool merge,
			     bool may_add)
{
	struct nt_row *row = &a->rows[a->rows_len];
	struct slot *slot;
	uint64_t hash;

	nt_buf_reset(&a->wire);
	nt_record_key(r, &a->wire);
	if (!nt_buf_ok(&a->wire))
		return NULL;
	hash = nt_hash(&a->key, 0, nt_slice_mem(a->wire.p, a->wire.len));
	slot = merge ? find_slot(a, hash, nt_slice_mem(a->wire.p, a->wire.len)) : NULL;
	if (slot && slot->row) {
		row = &a->rows[slot->row - 1];
		merge_tally(row->tally, &r->tally);
		merge_ttls(row, r);
		return row;
	}
	if (!may_add || a->rows_len == a->max_rows || !fill_row(a, r, row))
		return NULL;
	return add_row(a, slot, hash);
}

/* --- lookups ---------------------------------------------------------------------------------- */

static struct base_key base_key_of(const struct nt_txn *txn, const struct nt_identity *identity)
{
	const struct nt_flow *answering = txn->reply_flow;
	struct base_key key = { .flow = txn->query->flow,
				.role = (uint8_t)identity->role,
				.version = identity->version };

	key.flow.client_port = 0;
	key.flow.cookie = 0;
	if (answering && (!nt_addr_eq(&answering->server, &key.flow.server) ||
			  answering->server_port != key.flow.server_port)) {
		key.answering = answering->server;
		key.answering_port = answering->server_port;
	}
	return key;
}

static uint32_t *find_base(struct nt_aggregate *a, const struct base_key *key)
{
	size_t mask = a->bases_cap * 2 - 1;
	size_t i = nt_hash(&a->key, 0, nt_slice_mem(key, sizeof(*key))) & mask;

	while (a->base_slots[i] &&
	       memcmp(&a->base_keys[a->base_slots[i] - 1], key, sizeof(*key)) != 0)
		i = (i + 1) & mask;
	return &a->base_slots[i];
}

/* Room for one more base. */
static bool grow_bases(struct nt_aggregate *a)
{
	size_t cap = a->bases_cap ? a->bases_cap * 2 : ROWS_FIRST;
	_cleanup_free_ uint32_t *slots = NULL;
	struct nt_slice *bases;
	struct base_key *keys;

	if (a->bases_len < a->bases_cap)
		return true;
	bases = realloc(a->bases, cap * sizeof(*bases));
	if (bases)
		a->bases = bases;
	keys = realloc(a->base_keys, cap * sizeof(*keys));
	if (keys)
		a->base_keys = keys;
	slots = calloc(cap * 2, sizeof(*slots));
	if (!bases || !keys || !slots)
		return false;
	free(a->base_slots);
	a->base_slots = NT_TAKE_PTR(slots);
	a->bases_cap = cap;
	for (size_t i = 0; i < a->bases_len; i++)
		*find_base(a, &a->base_keys[i]) = (uint32_t)i + 1;
	return true;
}

/* Its octets, in the rows' arena. .p NULL without memory. */
static struct nt_slice make_base(struct nt_aggregate *a, const struct nt_txn *txn,
				 const struct nt_identity *identity)
{
	struct nt_slice record;

	nt_arena_reset(&a->text);
	if (nt_record_ends(txn, identity, &a->text, &a->record) < 0)
		return (struct nt_slice){ 0 };
	nt_buf_reset(&a->wire);
	nt_record_key(&a->record, &a->wire);
	nt_record_details(&a->record, &a->wire);
	record = nt_buf_ok(&a->wire) ? nt_arena_copy(&a->text, nt_slice_mem(a->wire.p, a->wire.len))
				     : (struct nt_slice){ 0 };
	if (!record.p)
		return record;
	nt_buf_reset(&a->wire);
	nt_base_wire(record, nt_slice_str(identity->searches), &a->wire);
	return nt_buf_ok(&a->wire) ? nt_arena_copy(&a->arena, nt_slice_mem(a->wire.p, a->wire.len))
				   : (struct nt_slice){ 0 };
}

/* Where the number of the base of these ends is, or goes when there may be a new one. NULL: there
 * is none, or no memory. */
static uint32_t *base_slot(struct nt_aggregate *a, const struct base_key *key, bool may_add)
{
	uint32_t *slot;

	if (may_add ? !grow_bases(a) : !a->bases_len)
		return NULL;
	slot = find_base(a, key);
	return *slot || may_add ? slot : NULL;
}

/* The next base. False without memory. */
static bool add_base(struct nt_aggregate *a, const struct nt_txn *txn,
		     const struct nt_identity *identity, const struct base_key *key, uint32_t *slot)
{
	struct nt_slice base = make_base(a, txn, identity);

	if (!base.p)
		return false;
	a->bases[a->bases_len] = base;
	a->base_keys[a->bases_len] = *key;
	*slot = (uint32_t)++a->bases_len;
	return true;
}

/* Ends that have no base have no row. So a base is made with a row only, or their number had no
 * bound but that of the addresses that a pod may ask. */
bool nt_aggregate_take(struct nt_aggregate *a, const struct nt_txn *txn,
		       const struct nt_identity *identity, const struct nt_time_base *time,
		       struct nt_slice policy, bool may_add)
{
	struct base_key key = base_key_of(txn, identity);
	struct nt_lookup *l = &a->lookup;
	uint32_t *slot;

	if (!grow(a))
		return false;
	slot = base_slot(a, &key, may_add && a->rows_len < a->max_rows);
	if (!slot || !nt_lookup_make(txn, *slot ? *slot - 1 : (uint32_t)a->bases_len, policy, l) ||
	    (!*slot && !add_base(a, txn, identity, &key, slot)))
		return false;
	a->lookup_hash = nt_hash(&a->key, 0, nt_slice_mem(l->key, l->key_len));
	/* Neither is in the cache; while the figures are made they come. */
	__builtin_prefetch(&a->slots[a->lookup_hash & (a->slots_len - 1)]);
	__builtin_prefetch(&a->rows[a->rows_len], 1);
	nt_lookup_count(txn, time, l);
	return true;
}

/* Key and TTLs in one piece. */
static bool fill_lookup_row(struct nt_aggregate *a, const struct nt_lookup *l, struct nt_row *row)
{
	size_t ttls = l->ttls_len * sizeof(*l->ttls);
	char *p = nt_arena_alloc(&a->arena, ttls + l->key_len);

	if (!p)
		return false;
	*row = (struct nt_row){ .type = NT_RECORD_LOG,
				.transport = l->transport,
				.is_lookup = true,
				.octets_len = (uint32_t)l->key_len,
				.key_len = (uint32_t)l->key_len,
				.octets = p + ttls,
				.ttls = (struct nt_ttls *)(void *)p,
				.ttls_len = (uint32_t)l->ttls_len };
	memcpy(p, l->ttls, ttls);
	memcpy(p + ttls, l->key, l->key_len);
	if (l->has_one)
		row->one = l->one;
	else
		row->tally = keep_tally(a, &l->tally);
	return l->has_one || row->tally;
}

/* False without memory; nothing has changed then. */
static bool merge_lookup(struct nt_aggregate *a, struct nt_row *into, const struct nt_lookup *l)
{
	struct nt_tally tally;

	if (!into->tally) {
		nt_one_tally(&into->one, &tally);
		into->tally = keep_tally(a, &tally);
		if (!into->tally)
			return false;
	}
	if (l->has_one)
		nt_one_tally(&l->one, &tally);
	merge_tally(into->tally, l->has_one ? &tally : &l->tally);
	for (size_t i = 0; i < into->ttls_len; i++)
		merge_ttl(&into->ttls[i], l->ttls[i].min, l->ttls[i].max);
	return true;
}

void nt_aggregate_take_upstream(struct nt_aggregate *a, int64_t upstream_ns)
{
	if (a->lookup.has_one)
		a->lookup.one.upstream_ns = upstream_ns;
	else
		nt_tally_set_hops(&a->lookup.tally, upstream_ns);
}

uint64_t nt_aggregate_commit_taken(struct nt_aggregate *a, bool may_add)
{
	const struct nt_lookup *l = &a->lookup;
	struct nt_slice key = nt_slice_mem(l->key, l->key_len);
	uint64_t hash = a->lookup_hash;
	struct slot *slot = a->merge ? find_slot(a, hash, key) : NULL;
	struct nt_arena_mark mark = nt_arena_mark(&a->arena);

	if (slot && slot->row) {
		struct nt_row *row = &a->rows[slot->row - 1];

		return merge_lookup(a, row, l) ? row->id : 0;
	}
	if (!may_add || a->rows_len == a->max_rows)
		return 0;
	if (!fill_lookup_row(a, l, &a->rows[a->rows_len])) {
		nt_arena_release(&a->arena, mark);
		return 0;
	}
	return add_row(a, slot, hash)->id;
}

size_t nt_aggregate_bases(const struct nt_aggregate *a, const struct nt_slice **ret_bases)
{
	*ret_bases = a->bases;
	return a->bases_len;
}

/* ---------------------------------------------------------------------------------------------- */

uint64_t nt_aggregate_commit(struct nt_aggregate *a, bool may_add)
{
	struct nt_row *row = commit(a, &a->record, a->merge, may_add);

	return row ? row->id : 0;
}

uint64_t nt_aggregate_commit_folded(struct nt_aggregate *a, struct nt_slice qname, bool may_add)
{
	struct nt_row *row = commit(a, &a->record, true, may_add);

	if (!row)
		return 0;
	if (!row->names) /* without memory for it, distinct stays unknown */
		row->names = nt_arena_zalloc(&a->arena, sizeof(*row->names));
	a->has_folded = true;
	if (row->names)
		nt_hll_add(row->names, nt_siphash(&a->secret, qname));
	return row->id;
}

void nt_aggregate_estimate(struct nt_aggregate *a)
{
	for (size_t i = 0; a->has_folded && i < a->rows_len; i++)
		if (a->rows[i].names)
			a->rows[i].tally->distinct = nt_hll_estimate(a->rows[i].names);
}

uint64_t nt_aggregate_add(struct nt_aggregate *a, const struct nt_record *r)
{
	struct nt_row *row = grow(a) ? commit(a, r, a->merge, true) : NULL;

	return row ? row->id : 0;
}

size_t nt_aggregate_rows(struct nt_aggregate *a, struct nt_row **ret_rows)
{
	*ret_rows = a->rows;
	return a->rows_len;
}

static void put_tally(const struct nt_row *row, struct nt_buf *out)
{
	nt_tally_wire(row->tally, out);
	nt_ttls_wire(row->ttls, row->ttls_len, out);
	if (row->resolver)
		nt_role_wire(NT_ROLE_RESOLVER, out);
}

/* What stands behind the key of a lookup; at most NT_WIRE_HEAD_MAX + what is in the row. */
static char *put_ttls(const struct nt_row *row, char *at)
{
	char *begin = nt_wire_at_open(at, NT_ROW_TTLS);

	at = begin;
	for (size_t i = 0; i < row->ttls_len; i++)
		at = nt_wire_at_varint(nt_wire_at_varint(at, row->ttls[i].min), row->ttls[i].max);
	return nt_wire_at_close(begin, at);
}

static void put_lookup_figures(const struct nt_row *row, struct nt_buf *out)
{
	size_t at_tally;
	char *at, *begin;

	if (row->tally) {
		at_tally = nt_wire_begin(out, NT_ROW_FIELDS);
		nt_tally_wire(row->tally, out);
		nt_wire_end(out, at_tally);
	}
	at = nt_buf_reserve(out, NT_ONE_WIRE_MAX + 3 * NT_WIRE_HEAD_MAX +
					 row->ttls_len * 2 * NT_WIRE_VARINT_MAX);
	if (!at)
		return;
	if (!row->tally) {
		begin = nt_wire_at_open(at, NT_ROW_ONE);
		at = nt_wire_at_close(begin, nt_one_at(begin, &row->one));
	}
	if (row->ttls_len)
		at = put_ttls(row, at);
	at = nt_wire_at_uint(at, NT_ROW_ROLE, row->resolver ? NT_ROLE_RESOLVER : 0);
	nt_buf_wrote(out, at);
}

static void put_figures(const struct nt_row *row, struct nt_buf *out)
{
	if (row->is_lookup)
		put_lookup_figures(row, out);
	else
		put_tally(row, out);
}

void nt_row_wire(const struct nt_row *row, struct nt_buf *out)
{
	nt_buf_add(out, row->octets, row->octets_len);
	put_figures(row, out);
}

void nt_row_put(const struct nt_row *row, struct nt_buf *out)
{
	unsigned number = row->is_lookup ? NT_BATCH_ROW : NT_BATCH_RECORD;
	char first[FIGURES];
	_cleanup_buf_ struct nt_buf figures = NT_BUF_OVER(first);
	size_t len;
	char *at;

	put_figures(row, &figures);
	len = row->octets_len + figures.len;
	at = nt_buf_ok(&figures) ? nt_buf_reserve(out, NT_WIRE_HEAD_MAX + len) : NULL;
	if (!at) {
		out->failed = true;
		return;
	}
	at = nt_wire_at_varint(nt_wire_at_tag(at, number, NT_WIRE_BYTES), len);
	memcpy(at, row->octets, row->octets_len);
	memcpy(at + row->octets_len, figures.p, figures.len);
	nt_buf_wrote(out, at + len);
}

void nt_aggregate_reset(struct nt_aggregate *a)
{
	a->rows_len = 0;
	a->has_folded = false;
	if (a->slots)
		memset(a->slots, 0, a->slots_len * sizeof(*a->slots));
	if (a->base_slots)
		memset(a->base_slots, 0, a->bases_cap * 2 * sizeof(*a->base_slots));
	a->bases_len = 0;
	nt_arena_reset(&a->arena);
}

size_t nt_aggregate_bytes(const struct nt_aggregate *a)
{
	return sizeof(*a) + a->rows_cap * sizeof(*a->rows) + a->slots_len * sizeof(*a->slots) +
	       a->arena.used_bytes + a->wire.cap +
	       a->bases_cap * (sizeof(*a->bases) + sizeof(*a->base_keys) + 2 * sizeof(uint32_t));
}
