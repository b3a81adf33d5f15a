/* SPDX-License-Identifier: Apache-2.0 */
/* The wire form both ways, JSON (read back with jansson) and columns, over random records. */
#include "lib/record/codec.h"

#include <check.h>
#include <jansson.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/escape.h"
#include "lib/base/parse.h"
#include "lib/dns/message.h"
#include "lib/record/wire.h"
#include "tests/unit/record_random.h"
#include "tests/unit/suite.h"

enum { ROUNDS = 3000 };

static struct nt_arena arena = { .max_bytes = 64 << 20 };

static void teardown(void)
{
	nt_arena_done(&arena);
}

static struct nt_slice slice_of(const struct nt_buf *b)
{
	return nt_slice_mem(b->p, b->len);
}

/* --- wire ------------------------------------------------------------------------------------- */

static void assert_same(const struct nt_fields *fields, const void *a, const void *b);

static void assert_same_field(const struct nt_field *f, const void *a, const void *b)
{
	const struct nt_fields *members = nt_field_members(f);
	struct nt_field_list x, y;

	if (f->kind == NT_FIELD_STR) {
		ck_assert_msg(nt_slice_eq(nt_field_str(f, a), nt_field_str(f, b)), "%s", f->name);
		return;
	}
	if (f->kind == NT_FIELD_TTLS) /* with the members of rrsets */
		return;
	if (f->kind < NT_FIELD_STRS) {
		ck_assert_msg(memcmp((const char *)a + f->offset, (const char *)b + f->offset,
				     f->size) == 0,
			      "%s", f->name);
		return;
	}
	x = nt_field_list(f, a);
	y = nt_field_list(f, b);
	ck_assert_msg(x.len == y.len, "%s has %zu and %zu members", f->name, x.len, y.len);
	for (size_t i = 0; i < x.len; i++)
		if (members)
			assert_same(members, (char *)x.p + i * members->size,
				    (char *)y.p + i * members->size);
		else
			ck_assert(nt_slice_eq(((struct nt_slice *)x.p)[i],
					      ((struct nt_slice *)y.p)[i]));
}

static void assert_same(const struct nt_fields *fields, const void *a, const void *b)
{
	for (size_t i = 0; i < fields->len; i++)
		if (fields->fields[i].wire)
			assert_same_field(&fields->fields[i], a, b);
}

START_TEST(test_round_trip)
{
	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		struct nt_record r = random_record(seed, &arena), back;
		_cleanup_buf_ struct nt_buf wire = { 0 }, again = { 0 };
		struct nt_err err;

		nt_record_wire(&r, &wire);
		ck_assert_msg(nt_record_from_wire(slice_of(&wire), &arena, &back, &err) == 0,
			      "seed %llu: %s", (unsigned long long)seed, err.msg);
		assert_same(&nt_record_fields, &r, &back);
		ck_assert_uint_eq(back.edns_options_len, r.edns_options_len);
		nt_record_wire(&back, &again);
		ck_assert(nt_slice_eq(slice_of(&wire), slice_of(&again)));
		nt_arena_reset(&arena);
	}
}
END_TEST

/* Around each power of two: as short as it can be, and the number again. */
START_TEST(test_varints)
{
	for (unsigned bit = 0; bit < 64; bit++) {
		for (int off = -1; off <= 1; off++) {
			uint64_t v = ((uint64_t)1 << bit) + (uint64_t)off;
			char octets[NT_WIRE_VARINT_MAX + 1];
			size_t want = 1, len;
			struct nt_cursor c;

			for (uint64_t rest = v >> 7; rest; rest >>= 7)
				want++;
			octets[NT_WIRE_VARINT_MAX] = 'x';
			len = (size_t)(nt_wire_at_varint(octets, v) - octets);
			ck_assert_uint_eq(len, want);
			ck_assert_int_eq(octets[NT_WIRE_VARINT_MAX], 'x');
			c = nt_cursor_over(nt_slice_mem(octets, len));
			ck_assert_uint_eq(nt_wire_read_varint(&c), v);
			ck_assert(!c.bad && !nt_cursor_left(&c));
		}
	}
}
END_TEST

START_TEST(test_unknown_fields_are_skipped)
{
	/* Number 300, each wire type; number 7 is known and comes again: the last one counts. */
	static const char extra[] = "\xe0\x12\x05"
				    "\xe1\x12"
				    "12345678"
				    "\xe2\x12\x03"
				    "abc"
				    "\xe5\x12"
				    "1234"
				    "\x38\x09";
	struct nt_record r = random_record(7, &arena), back;
	_cleanup_buf_ struct nt_buf wire = { 0 };

	nt_record_wire(&r, &wire);
	nt_buf_add(&wire, extra, sizeof(extra) - 1);
	ck_assert_int_eq(nt_record_from_wire(slice_of(&wire), &arena, &back, NULL), 0);
	ck_assert_uint_eq(back.unanswered, 9);
	r.unanswered = 9;
	assert_same(&nt_record_fields, &r, &back);
}
END_TEST

START_TEST(test_every_cut_and_every_flip_is_survived)
{
	struct nt_record r = random_record(11, &arena), back;
	_cleanup_buf_ struct nt_buf wire = { 0 };
	unsigned refused = 0;

	nt_record_wire(&r, &wire);
	ck_assert_uint_gt(wire.len, 200);
	for (size_t len = 0; len < wire.len; len++) {
		/* In memory of its own, so that the sanitizer sees a read beyond it. */
		_cleanup_free_ char *copy = malloc(len + 1);

		memcpy(copy, wire.p, len);
		refused += nt_record_from_wire(nt_slice_mem(copy, len), &arena, &back, NULL) < 0;
	}
	ck_assert_uint_gt(refused, wire.len / 2);
	for (size_t bit = 0; bit < wire.len * 8; bit++) {
		wire.p[bit / 8] ^= (char)(1 << bit % 8);
		(void)!nt_record_from_wire(slice_of(&wire), &arena, &back, NULL);
		wire.p[bit / 8] ^= (char)(1 << bit % 8);
		nt_arena_reset(&arena);
	}
}
END_TEST

static const struct {
	const char *what, *wire;
	size_t len;
	const char *msg;
} bad_wires[] = {
#define BAD(what, wire, msg)                      \
	{                                         \
		what, wire, sizeof(wire) - 1, msg \
	}
	BAD("varint without an end", "\x20\x80", "broken at octet"),
	BAD("varint of 11 octets", "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "broken"),
	BAD("varint above 64 bits", "\x20\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", "broken"),
	BAD("length beyond the end", "\x52\x05node", "broken at octet"),
	BAD("length near 2^64", "\x52\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "broken"),
	BAD("field number 0", "\x00\x01", "broken"),
	BAD("group", "\x0b", "broken"),
	BAD("text as a number", "\x50\x01", "field 10 (node) has wire type 0"),
	BAD("number as text", "\x22\x01x", "field 4 (count) has wire type 2"),
	BAD("unknown enum value", "\x08\x07", "field 1 (type)"),
	BAD("bool of 2", "\xa8\x03\x02", "field 53 (late)"),
	BAD("qtype above 16 bits", "\xd8\x01\x80\x80\x04", "field 27 (qtype)"),
	BAD("address of 5 octets",
	    "\x82\x01\x05"
	    "12345",
	    "field 16 (client_ip)"),
	BAD("NUL in a name", "\x52\x03n\0e", "field 10 (node)"),
	BAD("options out of order", "\x9a\x02\x02\x05\x04", "field 35 (edns.options)"),
	BAD("nine options", "\x9a\x02\x09\x01\x02\x03\x04\x05\x06\x07\x08\x09", "field 35"),
	BAD("23 buckets",
	    "\xfa\x02\x17\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
	    "\x01\x01\x01\x01\x01",
	    "field 47"),
	BAD("port above 16 bits", "\xc2\x01\x04\x10\x80\x80\x04", "field 2 (port)"),
	BAD("hop above 63 bits", "\x80\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "field 48"),
};

START_TEST(test_bad_wire)
{
	struct nt_record r = { .count = 42 };
	struct nt_err err = { 0 };
	struct nt_slice wire = nt_slice_mem(bad_wires[_i].wire, bad_wires[_i].len);

	ck_assert_msg(nt_record_from_wire(wire, &arena, &r, &err) == -EBADMSG, "%s",
		      bad_wires[_i].what);
	ck_assert_msg(strstr(err.msg, bad_wires[_i].msg), "%s: %s", bad_wires[_i].what, err.msg);
	ck_assert_uint_eq(r.count, 42);
}
END_TEST

START_TEST(test_lists_are_bounded)
{
	_cleanup_buf_ struct nt_buf wire = { 0 };
	struct nt_arena small = NT_ARENA(4096);
	struct nt_err err = { 0 };
	struct nt_record r;

	for (int i = 0; i < 100; i++)
		nt_buf_add(&wire, "\xc2\x01\x00", 3); /* a server, empty */
	ck_assert_int_eq(nt_record_from_wire(slice_of(&wire), &small, &r, &err), -ENOMEM);
	ck_assert_int_eq(nt_record_from_wire(slice_of(&wire), &arena, &r, &err), 0);
	ck_assert_uint_eq(r.servers_len, 100);
	for (int i = 0; i < 10000; i++)
		nt_buf_add(&wire, "\xc2\x01\x00", 3);
	ck_assert_int_eq(nt_record_from_wire(slice_of(&wire), &arena, &r, &err), -EBADMSG);
	ck_assert(strstr(err.msg, "8192"));
	nt_arena_done(&small);
}
END_TEST

START_TEST(test_numbers_on_the_wire_are_unique)
{
	const struct nt_fields *tables[] = { &nt_record_fields, &nt_server_fields, &nt_rrset_fields,
					     &nt_label_fields };

	for (size_t t = 0; t < NT_ARRAY_LEN(tables); t++)
		for (size_t i = 0; i < tables[t]->len; i++)
			for (size_t k = i + 1; k < tables[t]->len; k++) {
				const struct nt_field *a = &tables[t]->fields[i];
				const struct nt_field *b = &tables[t]->fields[k];

				ck_assert_msg(!a->wire || a->wire != b->wire, "%s and %s", a->name,
					      b->name);
				ck_assert_msg(!a->name[0] || strcmp(a->name, b->name) != 0, "%s",
					      a->name);
			}
}
END_TEST

/* --- JSON ------------------------------------------------------------------------------------- */

static json_t *json_of(const struct nt_record *r, struct nt_buf *text)
{
	json_error_t error;
	json_t *root;

	nt_buf_reset(text);
	nt_record_json(r, text);
	ck_assert(nt_buf_ok(text) && !memchr(text->p, '\n', text->len));
	root = json_loadb(text->p, text->len, JSON_REJECT_DUPLICATES, &error);
	/* Labels of a random record may have the same key twice. */
	if (!root)
		root = json_loadb(text->p, text->len, 0, &error);
	ck_assert_msg(root, "%s: %s", error.text, nt_buf_str(text));
	return root;
}

/* The value that a dotted name leads to. */
static json_t *json_at(json_t *root, const char *name)
{
	const char *dot = strchr(name, '.');
	char first[32];

	if (!dot)
		return json_object_get(root, name);
	snprintf(first, sizeof(first), "%.*s", (int)(dot - name), name);
	return json_object_get(json_object_get(root, first), dot + 1);
}

static void assert_json_text(json_t *v, struct nt_slice want, const char *name)
{
	_cleanup_buf_ struct nt_buf scratch = { 0 };
	struct nt_slice clean = nt_text_clean(want, &scratch);

	ck_assert_msg(json_is_string(v) &&
			      nt_slice_eq(nt_slice_mem(json_string_value(v), json_string_length(v)),
					  clean),
		      "%s", name);
}

static void assert_json_members(const struct nt_fields *fields, json_t *object, const void *base,
				const struct nt_record *r);

static void assert_json_list(const struct nt_field *f, json_t *v, const void *base,
			     const struct nt_record *r)
{
	const struct nt_fields *members = nt_field_members(f);
	struct nt_field_list list = nt_field_list(f, base);

	if (f->kind == NT_FIELD_LABELS) {
		for (size_t i = 0; i < list.len; i++) {
			_cleanup_buf_ struct nt_buf scratch = { 0 };
			struct nt_slice key =
				nt_text_clean(((struct nt_label *)list.p)[i].key, &scratch);

			ck_assert(json_object_getn(v, key.p ? key.p : "", key.len));
		}
		return;
	}
	ck_assert_uint_eq(json_array_size(v), list.len);
	for (size_t i = 0; i < list.len; i++)
		if (members)
			assert_json_members(members, json_array_get(v, i),
					    (char *)list.p + i * members->size, r);
		else
			assert_json_text(json_array_get(v, i), ((struct nt_slice *)list.p)[i],
					 f->name);
}

/* What the record has, read by hand and not through nt_field_scalar. */
static void assert_json_value(const struct nt_field *f, json_t *v, const void *base,
			      const struct nt_record *r)
{
	char text[64], scratch[16];
	struct nt_addr addr;
	int64_t us;

	switch (f->kind) {
	case NT_FIELD_ID:
		snprintf(text, sizeof(text), "%016llx", (unsigned long long)nt_field_uint(f, base));
		ck_assert_str_eq(json_string_value(v), text);
		break;
	case NT_FIELD_ENUM:
		ck_assert_str_eq(json_string_value(v),
				 nt_enum_name(f->values, (unsigned)nt_field_uint(f, base)));
		break;
	case NT_FIELD_TIME:
		ck_assert_int_eq(nt_parse_time_us(nt_slice_str(json_string_value(v)), &us), 0);
		ck_assert_int_eq(us, (int64_t)nt_field_uint(f, base));
		break;
	case NT_FIELD_MEAN:
		ck_assert_int_eq(json_integer_value(v),
				 (json_int_t)(r->latency_sum_ns / r->latency_count));
		break;
	case NT_FIELD_HOP:
		ck_assert_int_eq(json_integer_value(v),
				 (json_int_t)(nt_field_uint(f, base) / r->hop_count));
		break;
	case NT_FIELD_BOOL:
		ck_assert_int_eq(json_is_true(v), (int)nt_field_uint(f, base));
		break;
	case NT_FIELD_STR:
		assert_json_text(v, nt_field_str(f, base), f->name);
		break;
	case NT_FIELD_ADDR:
		memcpy(&addr, (const char *)base + f->offset, sizeof(addr));
		ck_assert_str_eq(json_string_value(v), nt_addr_format(&addr, text));
		break;
	case NT_FIELD_TYPE:
		ck_assert_str_eq(json_string_value(v),
				 nt_dns_type_name((uint16_t)nt_field_uint(f, base), scratch));
		break;
	case NT_FIELD_CLASS:
		ck_assert_str_eq(json_string_value(v),
				 nt_dns_class_name((uint16_t)nt_field_uint(f, base), scratch));
		break;
	case NT_FIELD_RCODE:
		ck_assert_str_eq(json_string_value(v), nt_dns_rcode_name(r->rcode, scratch));
		break;
	case NT_FIELD_FLAGS:
		for (size_t i = 0; i < json_array_size(v); i++)
			ck_assert_uint_eq(strlen(json_string_value(json_array_get(v, i))), 2);
		ck_assert_uint_eq(json_array_size(v), (size_t)__builtin_popcount(r->flags));
		break;
	case NT_FIELD_OPTIONS:
		ck_assert_uint_eq(json_array_size(v), r->edns_options_len);
		for (size_t i = 0; i < r->edns_options_len; i++)
			ck_assert_int_eq(json_integer_value(json_array_get(v, i)),
					 r->edns_options[i]);
		break;
	case NT_FIELD_HISTOGRAM:
		ck_assert_uint_eq(json_array_size(v), NT_HISTOGRAM_BUCKETS);
		for (size_t i = 0; i < NT_HISTOGRAM_BUCKETS; i++)
			ck_assert_int_eq(json_integer_value(json_array_get(v, i)),
					 (json_int_t)r->latency_histogram[i]);
		break;
	case NT_FIELD_STRS:
	case NT_FIELD_LABELS:
	case NT_FIELD_SERVERS:
	case NT_FIELD_RRSETS:
		assert_json_list(f, v, base, r);
		break;
	default:
		ck_assert_msg(json_is_integer(v), "%s", f->name);
		ck_assert_int_eq(json_integer_value(v), (json_int_t)nt_field_uint(f, base));
	}
}

static void assert_json_members(const struct nt_fields *fields, json_t *object, const void *base,
				const struct nt_record *r)
{
	for (size_t i = 0; i < fields->len; i++) {
		const struct nt_field *f = &fields->fields[i];
		json_t *v = json_at(object, f->name);
		bool there = !nt_field_missing(f, base, r) && !(f->flags & NT_FF_SQL) &&
			     !((f->flags & NT_FF_NZ) && !nt_field_uint(f, base));

		if (!f->name[0])
			continue;
		if (there)
			assert_json_value(f, v, base, r);
		else if (f->kind == NT_FIELD_RCODE && r->type == NT_RECORD_LOG)
			ck_assert_str_eq(json_string_value(v), "");
		else
			ck_assert_msg(!v, "%s is there", f->name);
	}
}

START_TEST(test_json_agrees_field_by_field)
{
	_cleanup_buf_ struct nt_buf text = { 0 };

	for (uint64_t seed = 0; seed < ROUNDS; seed++) {
		struct nt_record r = random_record(seed, &arena);
		json_t *root;

		if (seed % 3 == 0) {
			r.batch_spool = NT_SLICE_LIT("2b2e");
			r.batch_seq = seed;
		}
		root = json_of(&r, &text);
		assert_json_members(&nt_record_fields, root, &r, &r);
		json_decref(root);
		nt_arena_reset(&arena);
	}
}
END_TEST

START_TEST(test_json_text)
{
	static struct nt_label label = { NT_SLICE_LIT("app"), NT_SLICE_LIT("we\0b") };
	static struct nt_slice rdata[] = { NT_SLICE_LIT("10.0.0.9") };
	static struct nt_rrset set = { .name = NT_SLICE_LIT("a.example"),
				       .type = 1,
				       .class_ = 1,
				       .ttl_min = 5,
				       .ttl_max = 30,
				       .rdata = rdata,
				       .rdata_len = 1 };
	static struct nt_server server = { .name = NT_SLICE_LIT("-"),
					   .name_aggr = NT_SLICE_LIT("pvt"),
					   .port = 53 };
	struct nt_record r = { .id = 0x1234567890abcdef,
			       .start_us = -1,
			       .count = 1,
			       .qname = NT_SLICE_LIT("a.example"),
			       .qtype = 1,
			       .qclass = 1,
			       .hop_network_ns = -1,
			       .hop_server_ns = -1,
			       .hop_upstream_ns = -1 };
	_cleanup_buf_ struct nt_buf text = { 0 };

	r.client_labels = &label;
	r.servers = &server;
	r.rrsets = &set;
	r.client_labels_len = r.servers_len = r.rrsets_len = 1;
	ck_assert_int_eq(nt_addr_parse(NT_SLICE_LIT("10.96.0.10"), &server.ip), 0);
	nt_record_json(&r, &text);
	ck_assert_str_eq(
		nt_buf_str(&text),
		"{\"id\":\"1234567890abcdef\",\"type\":\"LOG\","
		"\"start_time\":\"1969-12-31T23:59:59.999999Z\","
		"\"end_time\":\"1970-01-01T00:00:00.000000Z\",\"count\":1,\"queries\":0,"
		"\"replies\":0,\"unanswered\":0,\"retries\":0,\"truncated\":0,\"side\":\"client\","
		"\"role\":\"workload\",\"client_labels\":{\"app\":\"we\xef\xbf\xbd"
		"b\"},"
		"\"servers\":[{\"ip\":\"10.96.0.10\",\"port\":53,\"name\":\"-\",\"name_aggr\":"
		"\"pvt\"}],\"qname\":\"a.example\",\"qtype\":\"A\",\"qclass\":\"IN\","
		"\"rcode\":\"\",\"rrsets\":[{\"name\":\"a.example\",\"type\":\"A\",\"class\":"
		"\"IN\","
		"\"ttl_min\":5,\"ttl_max\":30,\"rdata\":[\"10.0.0.9\"]}],"
		"\"bytes_out\":0,\"bytes_in\":0,\"latency_count\":0}");
}
END_TEST

START_TEST(test_json_of_unlogged)
{
	struct nt_record r = { .type = NT_RECORD_UNLOGGED,
			       .id = 1,
			       .count = 214,
			       .client_name = NT_SLICE_LIT("web-0"),
			       .node = NT_SLICE_LIT("n4"),
			       .reason = NT_SLICE_LIT("ring_full"),
			       .start_us = 1795414324118000,
			       .end_us = 1795414324118001 };
	_cleanup_buf_ struct nt_buf text = { 0 };

	nt_record_json(&r, &text);
	ck_assert_str_eq(nt_buf_str(&text),
			 "{\"id\":\"0000000000000001\",\"type\":\"UNLOGGED\","
			 "\"start_time\":\"2026-11-23T06:12:04.118000Z\","
			 "\"end_time\":\"2026-11-23T06:12:04.118001Z\",\"count\":214,"
			 "\"node\":\"n4\",\"side\":\"client\",\"role\":\"workload\","
			 "\"client_name\":\"web-0\",\"reason\":\"ring_full\"}");
}
END_TEST

START_TEST(test_times_agree_with_the_system)
{
	struct random g = { .state = 5 };

	for (int i = 0; i < 20000; i++) {
		/* 1900 to 2260 */
		int64_t second = (int64_t)random_below(&g, 11360000000) - 2208988800;
		time_t t = (time_t)second;
		struct nt_record r = { .start_us = second * 1000000 + 7 };
		_cleanup_buf_ struct nt_buf text = { 0 };
		char want[64];
		struct tm tm;

		gmtime_r(&t, &tm);
		strftime(want, sizeof(want), "\"start_time\":\"%Y-%m-%dT%H:%M:%S.000007Z\"", &tm);
		nt_record_json(&r, &text);
		ck_assert_msg(strstr(nt_buf_str(&text), want), "%s", want);
	}
}
END_TEST

/* --- columns ---------------------------------------------------------------------------------- */

START_TEST(test_columns)
{
	_cleanup_buf_ struct nt_buf scratch = { 0 };

	ck_assert_uint_gt(nt_columns_len(), 50);
	for (uint64_t seed = 0; seed < 300; seed++) {
		struct nt_record r = random_record(seed, &arena);

		for (size_t i = 0; i < nt_columns_len(); i++) {
			bool text = strcmp(nt_column_sql_type(i), "TEXT") == 0;
			struct nt_column_value v;
			size_t at = 0, n;

			ck_assert_int_eq(nt_column_value(&r, i, &scratch, &v), 0);
			ck_assert(v.kind == NT_COLUMN_NULL ||
				  v.kind == (text ? NT_COLUMN_TEXT : NT_COLUMN_INT));
			ck_assert(!strchr(nt_column_name(i), '.'));
			while (v.kind == NT_COLUMN_TEXT && at < v.text.len) {
				n = nt_utf8_len(nt_slice_mem(v.text.p + at, v.text.len - at));
				ck_assert(n > 0 && v.text.p[at]);
				at += n;
			}
		}
		nt_arena_reset(&arena);
	}
}
END_TEST

START_TEST(test_column_of_a_huge_number_is_the_largest)
{
	struct nt_record r = { .count = UINT64_MAX };
	_cleanup_buf_ struct nt_buf scratch = { 0 };
	struct nt_column_value v;

	for (size_t i = 0; i < nt_columns_len(); i++) {
		if (strcmp(nt_column_name(i), "count") != 0)
			continue;
		ck_assert_int_eq(nt_column_value(&r, i, &scratch, &v), 0);
		ck_assert_int_eq(v.i, INT64_MAX);
	}
	nt_record_json(&r, &scratch);
	ck_assert(strstr(nt_buf_str(&scratch), "\"count\":18446744073709551615"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("codec");
	TCase *t = tcase_create("codec");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_varints);
	tcase_add_test(t, test_unknown_fields_are_skipped);
	tcase_add_test(t, test_every_cut_and_every_flip_is_survived);
	tcase_add_loop_test(t, test_bad_wire, 0, (int)NT_ARRAY_LEN(bad_wires));
	tcase_add_test(t, test_lists_are_bounded);
	tcase_add_test(t, test_numbers_on_the_wire_are_unique);
	tcase_add_test(t, test_json_agrees_field_by_field);
	tcase_add_test(t, test_json_text);
	tcase_add_test(t, test_json_of_unlogged);
	tcase_add_test(t, test_times_agree_with_the_system);
	tcase_add_test(t, test_columns);
	tcase_add_test(t, test_column_of_a_huge_number_is_the_largest);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
