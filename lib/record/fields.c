/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of lib/record/fields.def and the access to a record's members through them. */
#include "lib/record/fields.h"

#include "lib/base/cleanup.h"
#include "lib/base/escape.h"
#include "lib/record/unroll.h"

static const struct nt_field record_fields[] = {
#define NT_RECORD_FIELD(...) NT_FIELD(nt_record, __VA_ARGS__),
#include "lib/record/fields.def"
};
static const struct nt_field server_fields[] = {
#define NT_SERVER_FIELD(...) NT_FIELD(nt_server, __VA_ARGS__),
#include "lib/record/fields.def"
};
static const struct nt_field rrset_fields[] = {
#define NT_RRSET_FIELD(...) NT_FIELD(nt_rrset, __VA_ARGS__),
#include "lib/record/fields.def"
};
static const struct nt_field label_fields[] = {
#define NT_LABEL_FIELD(...) NT_FIELD(nt_label, __VA_ARGS__),
#include "lib/record/fields.def"
};

#define TABLE(t, type)                                    \
	{                                                 \
		(t), NT_ARRAY_LEN(t), sizeof(struct type) \
	}
const struct nt_fields nt_record_fields = TABLE(record_fields, nt_record);
const struct nt_fields nt_server_fields = TABLE(server_fields, nt_server);
const struct nt_fields nt_rrset_fields = TABLE(rrset_fields, nt_rrset);
const struct nt_fields nt_label_fields = TABLE(label_fields, nt_label);

/* struct nt_field_list is read over a pointer member and the length behind it. */
#define LIST_ASSERT(type, m)                                                                   \
	_Static_assert(offsetof(struct type, m##_len) ==                                       \
			       offsetof(struct type, m) + offsetof(struct nt_field_list, len), \
		       "the length follows the pointer")
LIST_ASSERT(nt_record, client_services);
LIST_ASSERT(nt_record, client_labels);
LIST_ASSERT(nt_record, servers);
LIST_ASSERT(nt_record, rrsets);
LIST_ASSERT(nt_server, labels);
LIST_ASSERT(nt_rrset, rdata);

const struct nt_fields *nt_field_members(const struct nt_field *f)
{
	switch (f->kind) {
	case NT_FIELD_LABELS:
		return &nt_label_fields;
	case NT_FIELD_SERVERS:
		return &nt_server_fields;
	case NT_FIELD_RRSETS:
		return &nt_rrset_fields;
	default:
		return NULL;
	}
}

const struct nt_field *nt_field_find(const struct nt_fields *fields, struct nt_slice name)
{
	for (size_t i = 0; i < fields->len; i++)
		if (name.len && nt_slice_caseeq(nt_slice_str(fields->fields[i].name), name))
			return &fields->fields[i];
	return NULL;
}

static struct nt_column_value text_value(const char *s)
{
	return (struct nt_column_value){ .kind = NT_COLUMN_TEXT, .text = nt_slice_str(s) };
}

/* SQLite's integers are signed: what does not fit is the largest one. */
static struct nt_column_value int_value(uint64_t v)
{
	return (struct nt_column_value){ .kind = NT_COLUMN_INT,
					 .i = v > INT64_MAX ? INT64_MAX : (int64_t)v };
}

static struct nt_column_value hex_value(uint64_t v, char small[NT_FIELD_SMALL])
{
	for (int i = 15; i >= 0; i--, v >>= 4)
		small[i] = "0123456789abcdef"[v & 15];
	small[16] = '\0';
	return (struct nt_column_value){ .kind = NT_COLUMN_TEXT, .text = { small, 16 } };
}

static uint64_t mean_of(const struct nt_record *r)
{
	return r->latency_sum_ns / r->latency_count;
}

struct nt_column_value nt_field_scalar(const struct nt_field *f, const void *base,
				       const struct nt_record *r, char small[NT_FIELD_SMALL])
{
	struct nt_addr addr;

	if (nt_field_missing(f, base, r))
		return (struct nt_column_value){ .kind = NT_COLUMN_NULL };
	switch (f->kind) {
	case NT_FIELD_ID:
		return hex_value(nt_field_uint(f, base), small);
	case NT_FIELD_ENUM:
		return text_value(nt_enum_name(f->values, (unsigned)nt_field_uint(f, base)));
	case NT_FIELD_TIME:
		return (struct nt_column_value){ .kind = NT_COLUMN_INT,
						 .i = (int64_t)nt_field_uint(f, base) };
	case NT_FIELD_MEAN:
		return int_value(mean_of(r));
	case NT_FIELD_HOP:
		return int_value(nt_field_uint(f, base) / r->hop_count);
	case NT_FIELD_STR:
		return (struct nt_column_value){ .kind = NT_COLUMN_TEXT,
						 .text = nt_field_str(f, base) };
	case NT_FIELD_ADDR:
		memcpy(&addr, (const char *)base + f->offset, sizeof(addr));
		return text_value(nt_addr_format(&addr, small));
	case NT_FIELD_TYPE:
		return text_value(nt_dns_type_name((uint16_t)nt_field_uint(f, base), small));
	case NT_FIELD_CLASS:
		return text_value(nt_dns_class_name((uint16_t)nt_field_uint(f, base), small));
	case NT_FIELD_RCODE:
		return text_value(nt_dns_rcode_name((uint16_t)nt_field_uint(f, base), small));
	default:
		return int_value(nt_field_uint(f, base));
	}
}

/* Length of a run of ASCII without NUL, eight octets at once: nearly all texts are that. */
static size_t ascii_run(struct nt_slice s)
{
	const uint64_t ones = 0x0101010101010101, highs = ones << 7;
	size_t i = 0;
	uint64_t word;

	for (; i + sizeof(word) <= s.len; i += sizeof(word)) {
		memcpy(&word, s.p + i, sizeof(word));
		if ((word | (word - ones)) & highs)
			break;
	}
	return i;
}

/* Length of the run of octets at s that are text as they are. */
static size_t clean_run(struct nt_slice s)
{
	size_t i = ascii_run(s), n;

	while (i < s.len && s.p[i] && (n = nt_utf8_len(nt_slice_mem(s.p + i, s.len - i))) > 0)
		i += n;
	return i;
}

struct nt_slice nt_text_clean(struct nt_slice s, struct nt_buf *scratch)
{
	size_t run = clean_run(s);

	if (run == s.len)
		return s;
	nt_buf_reset(scratch);
	for (;;) {
		unsigned char c;

		nt_buf_add(scratch, s.p, run);
		s = nt_slice_mem(s.p + run, s.len - run);
		if (!s.len)
			break;
		c = (unsigned char)s.p[0];
		if (!c) {
			nt_buf_puts(scratch, "\xef\xbf\xbd");
		} else {
			nt_buf_putc(scratch, (char)(0xc0 | c >> 6));
			nt_buf_putc(scratch, (char)(0x80 | (c & 0x3f)));
		}
		s = nt_slice_mem(s.p + 1, s.len - 1);
		run = clean_run(s);
	}
	return nt_buf_ok(scratch) ? nt_slice_mem(scratch->p, scratch->len) : (struct nt_slice){ 0 };
}
