/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/record/fields.def as tables that code can walk: one for the record, one for each kind of list
 * member. Encoders, merging, columns and the query language go through these, so that a new field
 * is one new line. Constant data and pure functions, any thread. `base` below is the struct
 * nt_record (or nt_server, nt_rrset, nt_label) that the table is of.
 */
#pragma once

#include "lib/record/columns.h"
#include "lib/record/record.h"

enum nt_field_kind {
	NT_FIELD_ID = 0, /* uint64_t, hexadecimal text; 0 is missing */
	NT_FIELD_ENUM = 1, /* integer with names */
	NT_FIELD_TIME = 2, /* int64_t us since 1970 */
	NT_FIELD_UINT = 3, /* unsigned of any size */
	NT_FIELD_NS = 4, /* uint64_t, missing when latency_count is 0 */
	NT_FIELD_MEAN = 5, /* member is the sum */
	NT_FIELD_HOP = 6, /* member is the sum over hop_count, int64_t ns; -1 is missing */
	NT_FIELD_BOOL = 7,
	NT_FIELD_STR = 8, /* empty is missing */
	NT_FIELD_ADDR = 9,
	NT_FIELD_TYPE = 10, /* missing where there was no question */
	NT_FIELD_CLASS = 11,
	NT_FIELD_RCODE = 12, /* missing when not answered */
	NT_FIELD_FLAGS = 13, /* bits with names */
	NT_FIELD_OPTIONS = 14, /* uint16_t[8] and a length */
	NT_FIELD_HISTOGRAM = 15,
	NT_FIELD_TTLS = 16, /* of all members of rrsets, on the wire only */
	NT_FIELD_STRS = 17, /* pointer and length from here on */
	NT_FIELD_LABELS = 18,
	NT_FIELD_SERVERS = 19,
	NT_FIELD_RRSETS = 20,
};

enum nt_field_merge {
	NT_MERGE_NONE = 0, /* follows from the keys, or is set later: the first row's */
	NT_MERGE_KEY = 1,
	NT_MERGE_KEY_SEARCH = 2, /* a key when scope is search */
	NT_MERGE_FIRST = 3,
	NT_MERGE_LAST = 4,
	NT_MERGE_SUM = 5,
	NT_MERGE_MIN = 6,
	NT_MERGE_MAX = 7,
	NT_MERGE_HOP = 8, /* summed, unless one counts lookups without it */
	NT_MERGE_OR = 9,
	NT_MERGE_UNION = 10,
	NT_MERGE_LATENCY_MIN = 11, /* of those rows that have a latency */
	NT_MERGE_HISTOGRAM = 12,
	NT_MERGE_TTLS = 13, /* smallest and largest, set by set */
};

enum nt_field_flag {
	NT_FF_COL = 1 << 0, /* column in SQL */
	NT_FF_QRY = 1 << 1, /* field of the query language */
	NT_FF_GRP = 1 << 2, /* groupable */
	NT_FF_LOG = 1 << 3, /* missing in UNLOGGED rows */
	NT_FF_NZ = 1 << 4, /* JSON leaves zero and false out */
	NT_FF_EDNS = 1 << 5, /* missing without EDNS */
	NT_FF_SQL = 1 << 6, /* column only: not in JSON */
	NT_FF_BATCH = 1 << 7, /* missing until the store set the batch */
};

struct nt_enum_value {
	unsigned value;
	const char *name;
};

struct nt_field {
	const char *name;
	const char *lead; /* `,"name":` */
	const struct nt_enum_value *values; /* of ENUM and FLAGS, ends in name NULL */
	const char *unit;
	const char *description;
	uint16_t offset, size; /* of the member */
	uint8_t lead_len;
	uint8_t wire; /* 0: not on the wire */
	uint8_t kind; /* enum nt_field_kind */
	uint8_t merge; /* enum nt_field_merge */
	uint8_t flags; /* enum nt_field_flag */
};

struct nt_fields {
	const struct nt_field *fields;
	size_t len;
	size_t size; /* of the struct */
};

extern const struct nt_fields nt_record_fields, nt_server_fields, nt_rrset_fields, nt_label_fields;

/* Pointer and length of STRS, LABELS, SERVERS and RRSETS members. */
struct nt_field_list {
	void *p;
	size_t len;
};

/* Of LABELS, SERVERS, RRSETS: the table of the members; NULL for other kinds. */
const struct nt_fields *nt_field_members(const struct nt_field *f);
const struct nt_field *nt_field_find(const struct nt_fields *fields, struct nt_slice name);

/* The member as an unsigned number; of signed ones the two's complement. */
static inline uint64_t nt_field_uint(const struct nt_field *f, const void *base)
{
	const char *p = (const char *)base + f->offset;

	switch (f->size) {
	case 1:
		return *(const uint8_t *)p;
	case 2:
		return *(const uint16_t *)p;
	case 4:
		return *(const uint32_t *)p;
	default:
		return *(const uint64_t *)p;
	}
}

static inline void nt_field_set_uint(const struct nt_field *f, void *base, uint64_t value)
{
	char *p = (char *)base + f->offset;

	switch (f->size) {
	case 1:
		*(uint8_t *)p = (uint8_t)value;
		break;
	case 2:
		*(uint16_t *)p = (uint16_t)value;
		break;
	case 4:
		*(uint32_t *)p = (uint32_t)value;
		break;
	default:
		*(uint64_t *)p = value;
	}
}

static inline struct nt_slice nt_field_str(const struct nt_field *f, const void *base)
{
	return *(const struct nt_slice *)((const char *)base + f->offset);
}

static inline struct nt_field_list nt_field_list(const struct nt_field *f, const void *base)
{
	struct nt_field_list list;

	memcpy(&list, (const char *)base + f->offset, sizeof(list));
	return list;
}

static inline void nt_field_set_list(const struct nt_field *f, void *base,
				     struct nt_field_list list)
{
	memcpy((char *)base + f->offset, &list, sizeof(list));
}

/* NULL when the table has no such value. */
static inline const char *nt_enum_name(const struct nt_enum_value *values, unsigned value)
{
	for (; values->name; values++)
		if (values->value == value)
			return values->name;
	return NULL;
}

/* Part of nt_field_missing. */
static inline bool nt_field_flags_missing(const struct nt_field *f, const struct nt_record *r)
{
	return ((f->flags & NT_FF_LOG) && r->type == NT_RECORD_UNLOGGED) ||
	       ((f->flags & NT_FF_EDNS) && !r->edns) ||
	       ((f->flags & NT_FF_BATCH) && !r->batch_spool.len);
}

/* True when the field does not apply to the record or is not known. r is the record that base is,
 * or is part of. */
static inline bool nt_field_missing(const struct nt_field *f, const void *base,
				    const struct nt_record *r)
{
	if (nt_field_flags_missing(f, r))
		return true;
	switch (f->kind) {
	case NT_FIELD_ID:
		return !nt_field_uint(f, base);
	case NT_FIELD_ENUM:
		return !nt_enum_name(f->values, (unsigned)nt_field_uint(f, base));
	case NT_FIELD_NS:
	case NT_FIELD_MEAN:
	case NT_FIELD_HISTOGRAM:
		return !r->latency_count;
	case NT_FIELD_HOP:
		return !r->hop_count || (int64_t)nt_field_uint(f, base) < 0;
	case NT_FIELD_STR:
		return !nt_field_str(f, base).len;
	case NT_FIELD_ADDR:
		return !((const uint8_t *)base)[f->offset];
	case NT_FIELD_TYPE:
	case NT_FIELD_CLASS: /* of an answer it is always there */
		return base == (const void *)r &&
		       (!r->qname.len || (r->folded && !nt_field_uint(f, base)));
	case NT_FIELD_RCODE:
		return !r->answered;
	case NT_FIELD_FLAGS:
		return !nt_field_uint(f, base);
	case NT_FIELD_OPTIONS:
		return !r->edns_options_len;
	case NT_FIELD_STRS:
	case NT_FIELD_LABELS:
	case NT_FIELD_SERVERS:
	case NT_FIELD_RRSETS:
		return !nt_field_list(f, base).len;
	default:
		return false;
	}
}

#define NT_FIELD_SMALL 64
/* The value of a field that is no list, missing: NT_COLUMN_NULL. Text points into base, small, or a
 * constant; it may hold any octets (nt_text_clean). */
struct nt_column_value nt_field_scalar(const struct nt_field *f, const void *base,
				       const struct nt_record *r, char small[NT_FIELD_SMALL]);

/* The way back: gives the field that value, and what it needs to be there (a latency has been
 * measured, there was an answer). A list gets the value as one more element. NULL: it is missing
 * then. Text goes into the arena. False: the field cannot have it. */
bool nt_field_set(const struct nt_field *f, void *base, struct nt_record *r,
		  struct nt_column_value value, struct nt_arena *arena) NT_MUSTCHECK;
/* One more element of a list, all zero; NULL: no memory. */
void *nt_field_add(const struct nt_field *f, void *base, struct nt_arena *arena);

/* How a string reads wherever text is UTF-8: octets that are not become the character of the same
 * number (as nt_escape_json does), NUL becomes U+FFFD, since SQLite ends JSON strings there.
 * Returns s itself when there is nothing to do, else what it put into scratch (emptied first). */
struct nt_slice nt_text_clean(struct nt_slice s, struct nt_buf *scratch);

/* Appends the field's value as JSON (a list as array or object); nothing checked for missing. */
void nt_field_json(const struct nt_field *f, const void *base, const struct nt_record *r,
		   struct nt_buf *out);
/* The wire form in its three parts: the fields by which rows differ (equal octets, same row), what
 * follows from them, and the figures. The TTLs of the answers are no part of the first two. */
void nt_record_key(const struct nt_record *r, struct nt_buf *out);
/* Of the keys the first part, which is the same for all rows of a pod: nt_record.client_wire. */
void nt_record_client(const struct nt_record *r, struct nt_buf *out);
void nt_record_details(const struct nt_record *r, struct nt_buf *out);
void nt_tally_wire(const struct nt_tally *t, struct nt_buf *out);

/* Smallest and largest TTL of each of a row's sets, in the order of rrsets. */
struct nt_ttls {
	uint32_t min, max;
};
/* A role that is written after the keys takes the place of the one there. */
void nt_role_wire(enum nt_role role, struct nt_buf *out);
void nt_ttls_wire(const struct nt_ttls *ttls, size_t len, struct nt_buf *out);
