/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of an interval: what keeps them apart and how they merge, for each line of fields.def. */
#include "lib/record/aggregate.h"

#include <check.h>

#include "tests/unit/record_random.h"
#include "tests/unit/record_rows.h"
#include "tests/unit/suite.h"

static struct nt_arena arena = { .max_bytes = 64 << 20 };

static void teardown(void)
{
	nt_arena_done(&arena);
}

/* A record in which each field has a value, another one for another n. */
static struct nt_record full_record(uint64_t n);

static void fill(const struct nt_fields *fields, void *base, uint64_t n);

static struct nt_slice text_of(uint64_t n)
{
	char text[32];
	int len = snprintf(text, sizeof(text), "text-%llu", (unsigned long long)n);

	return nt_arena_copy(&arena, nt_slice_mem(text, (size_t)len));
}

static void fill_list(const struct nt_field *f, void *base, uint64_t n)
{
	const struct nt_fields *members = nt_field_members(f);
	size_t size = members ? members->size : sizeof(struct nt_slice);
	struct nt_field_list list = { .len = 2 };

	list.p = nt_arena_zalloc(&arena, list.len * size);
	for (size_t i = 0; i < list.len; i++)
		if (members)
			fill(members, (char *)list.p + i * size, n + i);
		else
			((struct nt_slice *)list.p)[i] = text_of(n + i);
	nt_field_set_list(f, base, list);
}

static void set_field(const struct nt_field *f, void *base, uint64_t n)
{
	struct nt_record *r = base;
	struct nt_addr addr = { 4, { 10, 0, 0, (uint8_t)n } };
	size_t len = 0;

	switch (f->kind) {
	case NT_FIELD_ENUM:
	case NT_FIELD_FLAGS:
		while (f->values[len].name)
			len++;
		nt_field_set_uint(f, base, f->values[n % len].value);
		break;
	case NT_FIELD_BOOL:
		nt_field_set_uint(f, base, n % 2);
		break;
	case NT_FIELD_STR:
		*(struct nt_slice *)((char *)base + f->offset) = text_of(n);
		break;
	case NT_FIELD_ADDR:
		memcpy((char *)base + f->offset, &addr, sizeof(addr));
		break;
	case NT_FIELD_OPTIONS:
		r->edns_options[0] = (uint16_t)n;
		r->edns_options[1] = (uint16_t)n + 10;
		r->edns_options_len = 2;
		break;
	case NT_FIELD_HISTOGRAM:
		r->latency_histogram[n % NT_HISTOGRAM_BUCKETS] = n;
		break;
	case NT_FIELD_TTLS: /* with the members of rrsets */
		break;
	case NT_FIELD_STRS:
	case NT_FIELD_LABELS:
	case NT_FIELD_SERVERS:
	case NT_FIELD_RRSETS:
		fill_list(f, base, n);
		break;
	default:
		nt_field_set_uint(f, base, n);
	}
}

static void fill(const struct nt_fields *fields, void *base, uint64_t n)
{
	for (size_t i = 0; i < fields->len; i++)
		if (fields->fields[i].wire)
			set_field(&fields->fields[i], base, n);
}

static struct nt_record full_record(uint64_t n)
{
	struct nt_record r = { 0 };

	fill(&nt_record_fields, &r, n);
	r.latency_count = 1;
	r.scope = NT_SCOPE_SEARCH;
	return r;
}

static size_t rows_of(const struct nt_record *a, const struct nt_record *b,
		      struct nt_record *ret_first)
{
	struct nt_aggregate *agg = nt_aggregate_new(10, true, 1, NULL);
	struct nt_record *rows;
	size_t len;

	ck_assert_uint_eq(nt_aggregate_add(agg, a), 1);
	ck_assert_uint_ne(nt_aggregate_add(agg, b), 0);
	len = rows_read(agg, &arena, &rows);
	*ret_first = rows[0];
	nt_aggregate_free(agg);
	return len;
}

static uint64_t merged(const struct nt_field *f, uint64_t a, uint64_t b)
{
	switch (f->merge) {
	case NT_MERGE_FIRST:
	case NT_MERGE_MIN:
	case NT_MERGE_LATENCY_MIN:
		return a < b ? a : b;
	case NT_MERGE_LAST:
	case NT_MERGE_MAX:
		return a > b ? a : b;
	case NT_MERGE_HOP:
	case NT_MERGE_SUM:
		return a + b;
	case NT_MERGE_OR:
		return a | b;
	default:
		return a;
	}
}

static bool is_key(const struct nt_field *f)
{
	return f->merge == NT_MERGE_KEY || f->merge == NT_MERGE_KEY_SEARCH;
}

/* One field at a time differs, over the record's whole table. */
START_TEST(test_each_field)
{
	const struct nt_field *f = &nt_record_fields.fields[_i];
	struct nt_record a = full_record(3), b = full_record(3), row;
	size_t rows;

	if (!f->wire)
		return;
	set_field(f, &b, 4);
	if (strcmp(f->name, "scope") == 0) /* search has a key more: a test of its own below */
		a.scope = NT_SCOPE_EXTERNAL;
	rows = rows_of(&a, &b, &row);
	if (is_key(f)) {
		ck_assert_msg(rows == 2, "%s does not keep rows apart", f->name);
		return;
	}
	ck_assert_msg(rows == 1, "%s keeps rows apart", f->name);
	if (f->kind == NT_FIELD_STR || f->kind >= NT_FIELD_OPTIONS)
		return; /* tests of their own below */
	if (f->merge == NT_MERGE_NONE && f->kind != NT_FIELD_ID)
		ck_assert_uint_eq(nt_field_uint(f, &row), nt_field_uint(f, &a));
	if (f->merge != NT_MERGE_NONE)
		ck_assert_msg(nt_field_uint(f, &row) ==
				      merged(f, nt_field_uint(f, &a), nt_field_uint(f, &b)),
			      "%s", f->name);
	/* And the other way round. */
	if (f->merge != NT_MERGE_NONE) {
		ck_assert_uint_eq(rows_of(&b, &a, &row), 1);
		ck_assert_msg(nt_field_uint(f, &row) ==
				      merged(f, nt_field_uint(f, &a), nt_field_uint(f, &b)),
			      "%s, the other way round", f->name);
	}
}
END_TEST

/* The same for the members of lists: a key there is a key of the row. */
START_TEST(test_each_member)
{
	const struct nt_field *list = nt_field_find(
		&nt_record_fields, _i < 20 ? NT_SLICE_LIT("servers") : NT_SLICE_LIT("rrsets"));
	const struct nt_fields *members = nt_field_members(list);
	struct nt_record a = full_record(3), b = full_record(3), row;
	size_t at = (size_t)_i % 20, rows;

	if (at >= members->len)
		return;
	set_field(&members->fields[at],
		  (char *)nt_field_list(list, &b).p + members->size /* the second */, 9);
	rows = rows_of(&a, &b, &row);
	ck_assert_msg(rows == (is_key(&members->fields[at]) ? 2 : 1), "%s.%s: %zu rows", list->name,
		      members->fields[at].name, rows);
}
END_TEST

START_TEST(test_ttls_merge)
{
	struct nt_record a = full_record(3), b = full_record(3), *rows;
	struct nt_aggregate *agg = nt_aggregate_new(10, true, 1, NULL);

	a.rrsets[1].ttl_min = a.rrsets[1].ttl_max = 30;
	b.rrsets[1].ttl_min = 29;
	b.rrsets[1].ttl_max = 60;
	ck_assert_uint_eq(nt_aggregate_add(agg, &a), 1);
	ck_assert_uint_eq(nt_aggregate_add(agg, &b), 1);
	ck_assert_uint_eq(rows_read(agg, &arena, &rows), 1);
	ck_assert_uint_eq(rows[0].rrsets[1].ttl_min, 29);
	ck_assert_uint_eq(rows[0].rrsets[1].ttl_max, 60);
	ck_assert_uint_eq(a.rrsets[1].ttl_min, 30); /* the row has its own */
	nt_aggregate_free(agg);
}
END_TEST

START_TEST(test_options_unite_and_histograms_add)
{
	struct nt_record a = full_record(3), b = full_record(3), row;

	b.edns_options[0] = 5; /* 3, 13 and 5, 13 */
	b.latency_histogram[3] = 4;
	b.latency_histogram[21] = 1;
	ck_assert_uint_eq(rows_of(&a, &b, &row), 1);
	ck_assert_uint_eq(row.edns_options_len, 3);
	ck_assert_uint_eq(row.edns_options[0], 3);
	ck_assert_uint_eq(row.edns_options[1], 5);
	ck_assert_uint_eq(row.edns_options[2], 13);
	ck_assert_uint_eq(row.latency_histogram[3], 7);
	ck_assert_uint_eq(row.latency_histogram[21], 1);
	for (uint16_t i = 0; i < 8; i++)
		a.edns_options[i] = i;
	a.edns_options_len = 8;
	ck_assert_uint_eq(rows_of(&a, &b, &row), 1);
	ck_assert_uint_eq(row.edns_options_len, 8);
}
END_TEST

START_TEST(test_latency_of_rows_without_one)
{
	struct nt_record none = full_record(3), some = full_record(3), row;

	none.latency_count = none.latency_min_ns = none.latency_max_ns = none.latency_sum_ns = 0;
	some.latency_min_ns = 7;
	ck_assert_uint_eq(rows_of(&none, &some, &row), 1);
	ck_assert_uint_eq(row.latency_min_ns, 7);
	ck_assert_uint_eq(row.latency_count, 1);
	ck_assert_uint_eq(rows_of(&some, &none, &row), 1);
	ck_assert_uint_eq(row.latency_min_ns, 7);
}
END_TEST

START_TEST(test_logical_name_is_a_key_of_search_only)
{
	struct nt_record a = full_record(3), b = full_record(3), row;

	b.logical_qname = NT_SLICE_LIT("other");
	ck_assert_uint_eq(rows_of(&a, &b, &row), 2);
	a.scope = b.scope = NT_SCOPE_EXTERNAL;
	ck_assert_uint_eq(rows_of(&a, &b, &row), 1);
}
END_TEST

START_TEST(test_rows_are_copies)
{
	struct nt_aggregate *agg = nt_aggregate_new(100, true, 1, NULL);
	_cleanup_buf_ struct nt_buf want = { 0 }, got = { 0 };
	struct nt_record r = full_record(3), *rows;

	r.id = 1;
	nt_record_wire(&r, &want);
	ck_assert_uint_eq(nt_aggregate_add(agg, &r), 1);
	nt_arena_done(&arena); /* the sanitizer sees a row that still points there */
	ck_assert_uint_eq(rows_read(agg, &arena, &rows), 1);
	nt_record_wire(&rows[0], &got);
	ck_assert(nt_slice_eq(nt_slice_mem(want.p, want.len), nt_slice_mem(got.p, got.len)));
	nt_aggregate_free(agg);
}
END_TEST

START_TEST(test_many_rows_and_the_bound)
{
	enum { ROWS = 5000 };
	struct nt_aggregate *agg = nt_aggregate_new(ROWS, true, 1000, NULL);
	struct nt_record *rows;
	size_t len;

	for (int round = 0; round < 3; round++) {
		uint64_t first = 1000 + (uint64_t)round * ROWS;

		for (int again = 0; again < 2; again++)
			for (uint64_t i = 0; i < ROWS; i++) {
				struct nt_record r = { .count = 1, .qname = text_of(i) };

				ck_assert_uint_eq(nt_aggregate_add(agg, &r), first + i);
			}
		ck_assert_uint_eq(nt_aggregate_add(agg, &(struct nt_record){ .qname = NT_SLICE_LIT(
										     "one more") }),
				  0);
		len = rows_read(agg, &arena, &rows);
		ck_assert_uint_eq(len, ROWS);
		for (size_t i = 0; i < len; i++) {
			ck_assert_uint_eq(rows[i].count, 2);
			ck_assert_uint_eq(rows[i].id, first + i);
		}
		ck_assert_uint_gt(nt_aggregate_bytes(agg), ROWS * sizeof(struct nt_row));
		nt_aggregate_reset(agg);
		ck_assert_uint_eq(rows_read(agg, &arena, &rows), 0);
		nt_arena_reset(&arena);
	}
	nt_aggregate_free(agg);
}
END_TEST

START_TEST(test_memory_is_bounded)
{
	struct nt_aggregate *agg = nt_aggregate_new(1, true, 1, NULL);
	static char big[2 << 20];
	struct nt_record *rows;

	memset(big, 'x', sizeof(big));
	ck_assert_uint_eq(nt_aggregate_add(agg, &(struct nt_record){ .qname = nt_slice_mem(
									     big, sizeof(big)) }),
			  0);
	ck_assert_uint_eq(rows_read(agg, &arena, &rows), 0);
	nt_aggregate_reset(agg);
	ck_assert_uint_eq(nt_aggregate_add(agg, &(struct nt_record){ .qname = NT_SLICE_LIT("x") }),
			  1);
	nt_aggregate_free(agg);
}
END_TEST

START_TEST(test_without_merging_each_is_a_row)
{
	struct nt_aggregate *agg = nt_aggregate_new(10, false, 0, NULL);
	struct nt_record r = full_record(3), *rows;

	ck_assert_uint_eq(nt_aggregate_add(agg, &r), 1);
	ck_assert_uint_eq(nt_aggregate_add(agg, &r), 2);
	ck_assert_uint_eq(rows_read(agg, &arena, &rows), 2);
	nt_aggregate_free(agg);
}
END_TEST

static struct nt_record with_hops(uint64_t count, int64_t network_ns, int64_t server_ns)
{
	return (struct nt_record){ .count = 1,
				   .qname = NT_SLICE_LIT("x"),
				   .hop_count = count,
				   .hop_network_ns = network_ns,
				   .hop_server_ns = server_ns,
				   .hop_upstream_ns = -1 };
}

/* The hops of a row have one divisor: what some of the counted lookups lack is not known. */
START_TEST(test_hops_are_summed)
{
	static const struct {
		uint64_t a_count, b_count;
		int64_t a[2], b[2], sums[2];
	} cases[] = {
		{ 0, 0, { -1, -1 }, { -1, -1 }, { -1, -1 } },
		{ 2, 3, { 10, 20 }, { 1, 2 }, { 11, 22 } },
		{ 2, 0, { 10, 20 }, { -1, -1 }, { 10, 20 } },
		{ 0, 2, { -1, -1 }, { 10, 20 }, { 10, 20 } },
		{ 2, 3, { 10, -1 }, { 1, 2 }, { 11, -1 } },
		{ 2, 3, { 10, 20 }, { 1, -1 }, { 11, -1 } },
		{ 1, 1, { INT64_MAX - 1, 0 }, { 1, 0 }, { INT64_MAX - 1, 0 } },
	};
	const struct nt_record a = with_hops(cases[_i].a_count, cases[_i].a[0], cases[_i].a[1]);
	const struct nt_record b = with_hops(cases[_i].b_count, cases[_i].b[0], cases[_i].b[1]);
	struct nt_record row;

	ck_assert_uint_eq(rows_of(&a, &b, &row), 1);
	ck_assert_uint_eq(row.hop_count, a.hop_count + b.hop_count);
	ck_assert_int_eq(row.hop_network_ns, cases[_i].sums[0]);
	ck_assert_int_eq(row.hop_server_ns, cases[_i].sums[1]);
	ck_assert_int_eq(row.hop_upstream_ns, -1);
}
END_TEST

/* Random records in random order: each ends in the row of its key, and the counts add up. */
START_TEST(test_sums_agree_with_a_plain_count)
{
	enum { N = 400 };
	struct nt_aggregate *agg = nt_aggregate_new(N, true, 1, NULL);
	struct nt_buf keys[N] = { 0 };
	uint64_t counts[N] = { 0 };
	size_t groups = 0, len;
	struct nt_record *rows;

	for (uint64_t i = 0; i < N; i++) {
		struct nt_record r = random_record(i % 37, &arena);
		struct nt_buf key = { 0 };
		size_t g = 0;

		r.count = i;
		nt_record_key(&r, &key);
		while (g < groups && !nt_slice_eq(nt_slice_mem(keys[g].p, keys[g].len),
						  nt_slice_mem(key.p, key.len)))
			g++;
		if (g == groups)
			keys[groups++] = key;
		else
			nt_buf_done(&key);
		counts[g] += i;
		ck_assert_uint_eq(nt_aggregate_add(agg, &r), g + 1);
	}
	len = rows_read(agg, &arena, &rows);
	ck_assert_uint_eq(len, groups);
	for (size_t g = 0; g < groups; g++) {
		ck_assert_uint_eq(rows[g].count, counts[g]);
		nt_buf_done(&keys[g]);
	}
	nt_aggregate_free(agg);
}
END_TEST

/* The tests above take keys and merging from the table; here it is held against what RECORD.md says
 * and what older agents send: a number or a meaning never changes. */
static const struct {
	const char *name;
	unsigned wire;
	enum nt_field_merge merge;
} agreed[] = {
	{ "id", 60, NT_MERGE_NONE },
	{ "type", 1, NT_MERGE_KEY },
	{ "start_time", 2, NT_MERGE_FIRST },
	{ "end_time", 3, NT_MERGE_LAST },
	{ "count", 4, NT_MERGE_SUM },
	{ "queries", 5, NT_MERGE_SUM },
	{ "replies", 6, NT_MERGE_SUM },
	{ "unanswered", 7, NT_MERGE_SUM },
	{ "retries", 8, NT_MERGE_SUM },
	{ "truncated", 9, NT_MERGE_SUM },
	{ "node", 10, NT_MERGE_KEY },
	{ "side", 11, NT_MERGE_KEY },
	{ "role", 12, NT_MERGE_KEY },
	{ "client_namespace", 13, NT_MERGE_KEY },
	{ "client_name", 14, NT_MERGE_KEY },
	{ "client_uid", 15, NT_MERGE_KEY },
	{ "client_ip", 16, NT_MERGE_KEY },
	{ "client_ifname", 17, NT_MERGE_KEY },
	{ "client_container_id", 18, NT_MERGE_KEY },
	{ "client_name_aggr", 19, NT_MERGE_NONE },
	{ "client_workload_kind", 20, NT_MERGE_NONE },
	{ "client_workload_name", 21, NT_MERGE_NONE },
	{ "client_services", 22, NT_MERGE_NONE },
	{ "client_labels", 23, NT_MERGE_NONE },
	{ "servers", 24, NT_MERGE_KEY },
	{ "transport", 25, NT_MERGE_KEY },
	{ "qname", 26, NT_MERGE_KEY },
	{ "qtype", 27, NT_MERGE_KEY },
	{ "qclass", 28, NT_MERGE_KEY },
	{ "answered", 61, NT_MERGE_KEY },
	{ "rcode", 29, NT_MERGE_KEY },
	{ "rrsets", 30, NT_MERGE_KEY },
	{ "", 63, NT_MERGE_TTLS },
	{ "flags", 31, NT_MERGE_OR },
	{ "edns", 62, NT_MERGE_OR },
	{ "edns.version", 32, NT_MERGE_MAX },
	{ "edns.udp_size_max", 33, NT_MERGE_MAX },
	{ "edns.do", 34, NT_MERGE_OR },
	{ "edns.options", 35, NT_MERGE_UNION },
	{ "scope", 36, NT_MERGE_NONE },
	{ "logical_qname", 37, NT_MERGE_KEY_SEARCH },
	{ "domain", 38, NT_MERGE_NONE },
	{ "service.namespace", 39, NT_MERGE_NONE },
	{ "service.name", 40, NT_MERGE_NONE },
	{ "bytes_out", 41, NT_MERGE_SUM },
	{ "bytes_in", 42, NT_MERGE_SUM },
	{ "latency_count", 43, NT_MERGE_SUM },
	{ "latency_min", 44, NT_MERGE_LATENCY_MIN },
	{ "latency_max", 46, NT_MERGE_MAX },
	{ "latency_sum", 45, NT_MERGE_SUM },
	{ "latency_histogram", 47, NT_MERGE_HISTOGRAM },
	{ "hop_network_ns", 48, NT_MERGE_HOP },
	{ "hop_server_ns", 49, NT_MERGE_HOP },
	{ "hop_upstream_ns", 50, NT_MERGE_HOP },
	{ "hop_count", 66, NT_MERGE_SUM },
	{ "verdict", 51, NT_MERGE_KEY },
	{ "policy", 52, NT_MERGE_KEY },
	{ "late", 53, NT_MERGE_KEY },
	{ "late_of", 54, NT_MERGE_KEY },
	{ "died", 64, NT_MERGE_KEY },
	{ "died_reason", 65, NT_MERGE_KEY },
	{ "reason", 55, NT_MERGE_KEY },
	{ "error", 56, NT_MERGE_KEY },
	{ "folded", 57, NT_MERGE_SUM },
	{ "distinct", 58, NT_MERGE_MAX },
	{ "clock_step", 59, NT_MERGE_OR },
};

START_TEST(test_the_table_is_as_agreed)
{
	size_t at = 0;

	for (size_t i = 0; i < nt_record_fields.len; i++) {
		const struct nt_field *f = &nt_record_fields.fields[i];

		if (!f->wire)
			continue;
		ck_assert_msg(at < NT_ARRAY_LEN(agreed), "%s is new: add it here", f->name);
		ck_assert_msg(f->wire == agreed[at].wire && f->merge == agreed[at].merge &&
				      (!f->name[0] || strcmp(f->name, agreed[at].name) == 0),
			      "%s (%u) is not %s (%u) as agreed", f->name, f->wire, agreed[at].name,
			      agreed[at].wire);
		at++;
	}
	ck_assert_uint_eq(at, NT_ARRAY_LEN(agreed));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("aggregate");
	TCase *t = tcase_create("aggregate");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_hops_are_summed, 0, 7);
	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_loop_test(t, test_each_field, 0, (int)nt_record_fields.len);
	tcase_add_loop_test(t, test_each_member, 0, 40);
	tcase_add_test(t, test_ttls_merge);
	tcase_add_test(t, test_options_unite_and_histograms_add);
	tcase_add_test(t, test_latency_of_rows_without_one);
	tcase_add_test(t, test_logical_name_is_a_key_of_search_only);
	tcase_add_test(t, test_rows_are_copies);
	tcase_add_test(t, test_many_rows_and_the_bound);
	tcase_add_test(t, test_memory_is_bounded);
	tcase_add_test(t, test_without_merging_each_is_a_row);
	tcase_add_test(t, test_sums_agree_with_a_plain_count);
	tcase_add_test(t, test_the_table_is_as_agreed);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
