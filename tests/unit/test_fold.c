/* SPDX-License-Identifier: Apache-2.0 */
/* Folded records: which keys are gone at which depth, and counts that stay. */
#include "lib/record/fold.h"

#include "lib/base/cleanup.h"
#include "lib/names/names.h"
#include "lib/record/aggregate.h"
#include "lib/record/fields.h"
#include "tests/unit/record_rows.h"
#include "tests/unit/suite.h"

static struct nt_names *names;
static struct nt_arena arena;

static void set_up(void)
{
	struct nt_err err;

	arena = NT_ARENA(1 << 20);
	ck_assert_int_eq(nt_names_new("cluster.local", &names, &err), 0);
}

static void tear_down(void)
{
	nt_names_free(names);
	nt_arena_done(&arena);
}

static struct nt_addr address(uint8_t last)
{
	const uint8_t octets[4] = { 10, 0, 0, last };

	return nt_addr_from(4, octets);
}

static struct nt_record record(const char *qname, const char *searches, bool found)
{
	struct nt_name_class c =
		nt_names_classify(names, nt_slice_str(qname), searches, found, !found);

	return (struct nt_record){ .qname = nt_slice_str(qname),
				   .count = 1,
				   .queries = 2,
				   .replies = 1,
				   .side = NT_SIDE_CLIENT,
				   .client_ip = address(7),
				   .client_name = NT_SLICE_LIT("web"),
				   .qtype = 28,
				   .qclass = 1,
				   .answered = true,
				   .rcode = found ? 0 : 3,
				   .scope = c.scope,
				   .logical_qname = c.logical,
				   .domain = c.domain };
}

/* Names below it fold to it. */
static const struct {
	const char *qname, *searches;
	bool found;
	const char *want, *logical;
} stories[] = {
	{ "x1.evil.example.com", "", true, "*.example.com", "*.example.com" },
	{ "example.com", "", true, "*.example.com", "*.example.com" },
	{ "a.b.co.uk", "", false, "*.b.co.uk", "*.b.co.uk" },
	{ "co.uk", "", true, "*.co.uk", "*.co.uk" },
	{ "qzkxjw", "", false, "*", "*" },
	{ ".", "", true, "*", "*" },
	{ "web.shop.svc.cluster.local", "", true, "*.cluster.local", "*.cluster.local" },
	{ "9.0.0.10.in-addr.arpa", "", true, "*.in-addr.arpa", "*.in-addr.arpa" },
	{ "1.0.8.b.d.0.1.0.0.2.ip6.arpa", "", true, "*.ip6.arpa", "*.ip6.arpa" },
	{ "x.evil.com.shop.svc.cluster.local", "shop.svc.cluster.local", false,
	  "*.shop.svc.cluster.local", "*" },
};

static uint64_t fold(struct nt_aggregate *agg, const struct nt_record *r, struct nt_slice qname,
		     bool may_add)
{
	*nt_aggregate_begin(agg) = *r;
	return nt_aggregate_commit_folded(agg, qname, may_add);
}

static uint64_t merge(struct nt_aggregate *agg, const struct nt_record *r)
{
	*nt_aggregate_begin(agg) = *r;
	return nt_aggregate_commit(agg, false);
}

START_TEST(names_below_the_domain)
{
	struct nt_record r = record(stories[_i].qname, stories[_i].searches, stories[_i].found);
	struct nt_addr own = address(1);

	ck_assert_int_eq(
		nt_record_fold(&r, NT_FOLD_DOMAIN, nt_names_under(names, &r), &own, &arena), 0);
	ck_assert_msg(nt_slice_eq(r.qname, nt_slice_str(stories[_i].want)), "%.*s",
		      NT_SLICE_ARG(r.qname));
	ck_assert_msg(nt_slice_eq(r.logical_qname, nt_slice_str(stories[_i].logical)), "%.*s",
		      NT_SLICE_ARG(r.logical_qname));
	ck_assert_uint_eq(r.folded, 1);
	ck_assert_uint_eq(r.qtype, 28);
	ck_assert_uint_eq(r.count, 1);
	ck_assert_uint_eq(r.queries, 2);
}
END_TEST

static bool is_missing(const struct nt_record *r, const char *field)
{
	return nt_field_missing(nt_field_find(&nt_record_fields, nt_slice_str(field)), r, r);
}

START_TEST(rows_of_all_names)
{
	struct nt_server server = { .port = 53 };
	struct nt_addr own = address(1);
	struct nt_record r = record("a.b.example", "", true), rest;

	r.servers = &server;
	r.servers_len = 1;
	r.late = true;
	r.late_of = 9;
	r.verdict = 3;
	r.policy = NT_SLICE_LIT("shop/p");
	r.rcode = 24;
	rest = r;
	ck_assert_int_eq(nt_record_fold(&r, NT_FOLD_ALL, NT_SLICE_LIT("b.example"), &own, &arena),
			 0);
	ck_assert(nt_slice_eq(r.qname, NT_SLICE_LIT("*")));
	ck_assert_uint_eq(r.rcode, NT_FOLD_RCODE_OTHER);
	ck_assert_uint_eq(r.late_of, 0);
	ck_assert(r.late);
	ck_assert_uint_eq(r.verdict, 3);
	ck_assert(nt_slice_eq(r.policy, NT_SLICE_LIT("shop/p")));
	ck_assert(nt_addr_eq(&r.client_ip, &own));
	for (size_t i = 0; i < 5; i++)
		ck_assert(is_missing(&r, (const char *[]){ "qtype", "qclass", "servers", "domain",
							   "rrsets" }[i]));
	rest.rcode = 3;
	ck_assert_int_eq(nt_record_fold(&rest, NT_FOLD_REST, (struct nt_slice){ 0 }, &own, &arena),
			 0);
	ck_assert_uint_eq(rest.rcode, NT_FOLD_RCODE_OTHER);
}
END_TEST

/* A type that is 0 in the packet is one in a row of its own. */
START_TEST(type_zero_of_a_packet_is_there)
{
	struct nt_record r = record("a.example", "", true);

	r.qtype = 0;
	ck_assert(!is_missing(&r, "qtype"));
}
END_TEST

START_TEST(no_memory_changes_nothing)
{
	struct nt_record r = record("a.b.example", "", true), before = r;
	struct nt_arena none = NT_ARENA(0);
	struct nt_addr own = address(1);

	ck_assert_int_eq(nt_record_fold(&r, NT_FOLD_DOMAIN, r.domain, &own, &none), -ENOMEM);
	ck_assert_mem_eq(&r, &before, sizeof(r));
	nt_arena_done(&none);
}
END_TEST

/* What one pod can make of its rows at the last depth, whatever it sends: few. Counts are exact,
 * distinct names within the sketch's error, also where rows are not merged. */
START_TEST(rows_of_a_pod_that_varies_all)
{
	struct nt_aggregate *agg = nt_aggregate_new(10000, _i != 0, 1, NULL);
	struct nt_record *rows;
	struct nt_addr own = address(1);
	uint64_t count = 0, distinct = 0, folded = 0;
	size_t len;

	srand(7);
	for (int i = 0; i < 50000; i++) {
		struct nt_server server = { .ip = address((uint8_t)rand()),
					    .port = (uint16_t)rand() };
		char name[64];
		struct nt_record r;

		snprintf(name, sizeof(name), "n%d.d%d.example", i / 2, rand());
		r = record(name, "", rand() % 2);
		r.qtype = (uint16_t)rand();
		r.qclass = (uint16_t)rand();
		r.answered = rand() % 2;
		r.rcode = r.answered ? (uint16_t)(rand() % 4096) : 0;
		r.client_ip = address((uint8_t)rand());
		r.servers = &server;
		r.servers_len = 1;
		r.late = rand() % 2;
		r.late_of = (uint64_t)rand();
		nt_arena_reset(&arena);
		ck_assert_int_eq(nt_record_fold(&r, NT_FOLD_REST, r.domain, &own, &arena), 0);
		ck_assert_uint_ne(fold(agg, &r, nt_slice_str(name), true), 0);
	}
	nt_aggregate_estimate(agg);
	len = rows_read(agg, &arena, &rows);
	ck_assert_uint_eq(len, 4); /* answered or not, late or not (scope is no key) */
	for (size_t i = 0; i < len; i++) {
		count += rows[i].count;
		folded += rows[i].folded;
		distinct += rows[i].distinct;
	}
	ck_assert_uint_eq(count, 50000);
	ck_assert_uint_eq(folded, 50000);
	ck_assert_uint_gt(distinct, 50000 * 9 / 10);
	ck_assert_uint_lt(distinct, 50000 * 11 / 10);
	nt_aggregate_free(agg);
}
END_TEST

START_TEST(a_row_only_if_it_may)
{
	struct nt_aggregate *agg = nt_aggregate_new(100, true, 1, NULL);
	struct nt_record a = record("a.example", "", true), b = record("b.example", "", true);

	ck_assert_uint_eq(merge(agg, &a), 0);
	ck_assert_uint_eq(nt_aggregate_add(agg, &a), 1);
	ck_assert_uint_eq(merge(agg, &a), 1);
	ck_assert_uint_eq(merge(agg, &b), 0);
	ck_assert_uint_eq(fold(agg, &b, b.qname, false), 0);
	ck_assert_uint_eq(fold(agg, &b, b.qname, true), 2);
	nt_aggregate_free(agg);
}
END_TEST

/* A row of several lookups, or of folded ones: all of them have no name then. */
START_TEST(rows_without_names)
{
	struct nt_rrset set = { .name = NT_SLICE_LIT("a.example.com"), .type = 1, .class_ = 1 };
	struct nt_record r = record("a.example.com", "", true), unlogged;

	r.count = 7;
	r.rrsets = &set;
	r.rrsets_len = 1;
	nt_record_lighten(&r);
	ck_assert(nt_slice_eq(r.qname, NT_SLICE_LIT("*")));
	ck_assert(nt_slice_eq(r.logical_qname, NT_SLICE_LIT("*")));
	ck_assert(r.count == 7 && r.folded == 7 && r.distinct == 1);
	ck_assert(r.rrsets_len == 0 && r.domain.len == 0 && r.qtype == 28 && r.queries == 2);
	r.count = 9;
	r.distinct = 3;
	nt_record_lighten(&r);
	ck_assert(r.folded == 7 && r.distinct == 3);
	unlogged = (struct nt_record){ .type = NT_RECORD_UNLOGGED, .count = 4 };
	nt_record_lighten(&unlogged);
	ck_assert(unlogged.folded == 0 && unlogged.qname.len == 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("fold");
	TCase *tc = tcase_create("fold");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_loop_test(tc, names_below_the_domain, 0, (int)NT_ARRAY_LEN(stories));
	tcase_add_test(tc, rows_of_all_names);
	tcase_add_test(tc, type_zero_of_a_packet_is_there);
	tcase_add_test(tc, no_memory_changes_nothing);
	tcase_add_loop_test(tc, rows_of_a_pod_that_varies_all, 0, 2);
	tcase_add_test(tc, a_row_only_if_it_may);
	tcase_add_test(tc, rows_without_names);
	suite_add_tcase(s, tc);
	return nt_suite_run(s);
}
