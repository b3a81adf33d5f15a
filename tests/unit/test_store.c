/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance suite of a store, written against store.h only: another backend runs the same
 * cases. What goes wrong (kills, full disks, damage) is in test_store_faults.c.
 */
#include "lib/record/codec.h"
#include "tests/unit/store_fixture.h"

/* --- exactly once ----------------------------------------------------------------------------- */

START_TEST(empty_store_has_zero_sums)
{
	struct nt_store_range range = everything();
	struct nt_store_sums sums = total(&range);
	struct nt_store_stats stats = nt_store_stats(store);

	ck_assert_uint_eq(sums.rows + sums.count + sums.queries + sums.latency_count, 0);
	ck_assert_uint_eq(stats.rows + stats.batches + stats.records, 0);
	ck_assert_int_eq(stats.newest_us, 0);
}
END_TEST

START_TEST(duplicate_writes_nothing)
{
	struct nt_record r[2] = { store_record(1, T0_US, "a.test"),
				  store_record(2, T0_US + 5, "b.test") };
	struct nt_batch batch = store_batch("s", 1, r, 2);
	struct nt_store_range range = everything();
	struct nt_store_stats stats;

	append(&batch, NT_STORE_APPENDED);
	append(&batch, NT_STORE_DUPLICATE);
	batch.records_len = 1; /* the key decides, not the content */
	append(&batch, NT_STORE_DUPLICATE);
	close_store();
	open_store();
	append(&batch, NT_STORE_DUPLICATE);
	ck_assert_uint_eq(total(&range).count, 2);
	stats = nt_store_stats(store);
	ck_assert_uint_eq(stats.rows, 2);
	ck_assert_uint_eq(stats.batches, 1);
	ck_assert_int_eq(stats.oldest_us, T0_US);
	ck_assert_int_eq(stats.newest_us, T0_US + 5);
}
END_TEST

START_TEST(order_of_batches_does_not_matter)
{
	static const uint64_t order[] = { 3, 1, 5, 2, 3, 4, 1, 5 };
	struct nt_store_range range = everything();
	bool seen[6] = { false };

	for (size_t i = 0; i < NT_ARRAY_LEN(order); i++) {
		struct nt_record r = store_record(order[i], T0_US + (int64_t)order[i], "a.test");
		struct nt_batch batch = store_batch("s", order[i], &r, 1);

		append(&batch, seen[order[i]] ? NT_STORE_DUPLICATE : NT_STORE_APPENDED);
		seen[order[i]] = true;
	}
	ck_assert_uint_eq(total(&range).count, 5);
}
END_TEST

START_TEST(same_number_of_another_spool_or_node_is_another_batch)
{
	struct nt_record r = store_record(1, T0_US, "a.test");
	struct nt_batch one = store_batch("spool-one", 1, &r, 1);
	struct nt_batch two = store_batch("spool-two", 1, &r, 1);
	struct nt_batch other = store_batch("spool-one", 1, &r, 1);
	struct nt_store_range range = everything();

	other.node = NT_SLICE_LIT("n2");
	append(&one, NT_STORE_APPENDED);
	append(&two, NT_STORE_APPENDED);
	append(&other, NT_STORE_APPENDED);
	append(&two, NT_STORE_DUPLICATE);
	ck_assert_uint_eq(total(&range).count, 3);
}
END_TEST

START_TEST(empty_batch_is_taken)
{
	struct nt_batch batch = store_batch("s", 1, NULL, 0);

	append(&batch, NT_STORE_APPENDED);
	append(&batch, NT_STORE_DUPLICATE);
}
END_TEST

/* --- rows ------------------------------------------------------------------------------------- */

struct page {
	int64_t ids[64];
	char names[64][64];
	size_t len;
	size_t stop_at;
};

static bool keep_row(void *ctx, int64_t row_id, const struct nt_record *record, const char *why)
{
	struct page *p = ctx;

	ck_assert_msg(record != NULL, "%s", why);
	ck_assert_uint_lt(p->len, 64);
	p->ids[p->len] = row_id;
	snprintf(p->names[p->len++], 64, "%.*s", NT_SLICE_ARG(record->qname));
	return p->len != p->stop_at;
}

START_TEST(pages_are_newest_first_and_miss_nothing)
{
	struct nt_store_range range = everything();
	char names[25][16];
	struct nt_record r[25];
	struct page page = { 0 };
	int64_t cursor = 0;

	/* Five rows each share a start, so that pages break among equals. */
	for (int i = 0; i < 25; i++) {
		snprintf(names[i], sizeof(names[i]), "q%d.test", i);
		r[i] = store_record((uint64_t)i + 1, T0_US + i / 5 * 1000, names[i]);
	}
	append_records(1, r, 25);
	for (int calls = 0; calls == 0 || cursor; calls++) {
		ck_assert_int_lt(calls, 10);
		ck_assert_int_eq(nt_store_rows(reader, &range, NT_STORE_NEWEST, 3, cursor, keep_row,
					       &page, &cursor, &err),
				 0);
	}
	ck_assert_uint_eq(page.len, 25);
	for (int i = 0; i < 25; i++)
		ck_assert_str_eq(page.names[i], names[24 - i]);
}
END_TEST

START_TEST(page_that_ends_exactly_has_no_next)
{
	struct nt_record r[3] = { store_record(1, T0_US, "a.test"),
				  store_record(2, T0_US + 1, "b.test"),
				  store_record(3, T0_US + 2, "c.test") };
	struct nt_store_range range = everything();
	struct page page = { 0 };
	int64_t cursor = 77;

	append_records(1, r, 3);
	ck_assert_int_eq(nt_store_rows(reader, &range, NT_STORE_NEWEST, 3, 0, keep_row, &page,
				       &cursor, &err),
			 0);
	ck_assert_uint_eq(page.len, 3);
	ck_assert_int_eq(cursor, 0);
}
END_TEST

START_TEST(new_rows_do_not_shift_a_page)
{
	struct nt_record r[3] = { store_record(1, T0_US, "a.test"),
				  store_record(2, T0_US + 1, "b.test"),
				  store_record(3, T0_US + 2, "c.test") };
	struct nt_record newer = store_record(4, T0_US + 3, "d.test");
	struct nt_store_range range = everything();
	struct page page = { 0 };
	int64_t cursor = 0;

	append_records(1, r, 3);
	ck_assert_int_eq(nt_store_rows(reader, &range, NT_STORE_NEWEST, 2, 0, keep_row, &page,
				       &cursor, &err),
			 0);
	append_records(2, &newer, 1);
	ck_assert_int_eq(nt_store_rows(reader, &range, NT_STORE_NEWEST, 2, cursor, keep_row, &page,
				       &cursor, &err),
			 0);
	ck_assert_uint_eq(page.len, 3);
	ck_assert_str_eq(page.names[2], "a.test");
}
END_TEST

START_TEST(unknown_cursor_is_an_error)
{
	struct nt_store_range range = everything();
	struct page page = { 0 };
	int64_t cursor = 0;

	ck_assert_int_eq(nt_store_rows(reader, &range, NT_STORE_NEWEST, 2, 4711, keep_row, &page,
				       &cursor, &err),
			 -ENOENT);
}
END_TEST

static bool compare_row(void *ctx, int64_t row_id, const struct nt_record *record, const char *why)
{
	_cleanup_buf_ struct nt_buf expected = { 0 }, found = { 0 };

	(void)row_id;
	ck_assert_msg(record != NULL, "%s", why);
	nt_record_json(ctx, &expected);
	nt_record_json(record, &found);
	ck_assert_str_eq(nt_buf_str(&found), nt_buf_str(&expected));
	return true;
}

START_TEST(row_comes_back_as_the_very_record)
{
	struct nt_slice services[] = { NT_SLICE_LIT("shop/web"), NT_SLICE_LIT("shop/all") };
	struct nt_slice rdata[] = { NT_SLICE_LIT("192.0.2.1"), NT_SLICE_LIT("192.0.2.2") };
	struct nt_label labels[] = { { NT_SLICE_LIT("app"), NT_SLICE_LIT("web") } };
	struct nt_rrset rrset = { .name = NT_SLICE_LIT("\\007x.test"),
				  .type = 1,
				  .class_ = 1,
				  .ttl_min = 3,
				  .ttl_max = 30,
				  .rdata = rdata,
				  .rdata_len = 2 };
	struct nt_record r = store_record(UINT64_MAX - 1, T0_US, "\\007x.test");
	struct nt_store_range range = everything();
	int64_t cursor;

	r.client_services = services;
	r.client_services_len = 2;
	r.client_labels = labels;
	r.client_labels_len = 1;
	r.rrsets = &rrset;
	r.rrsets_len = 1;
	r.edns = r.edns_do = r.clock_step = true;
	r.edns_udp_size_max = 1232;
	r.hop_network_ns = 17;
	r.hop_count = 1;
	r.error = NT_SLICE_LIT("a \" quote, a ' quote; DROP TABLE rows");
	append_records(7, &r, 1);
	r.batch_spool = NT_SLICE_LIT("s");
	r.batch_seq = 7;
	ck_assert_int_eq(nt_store_rows(reader, &range, NT_STORE_NEWEST, 1, 0, compare_row, &r,
				       &cursor, &err),
			 0);
}
END_TEST

/* --- sums and groups -------------------------------------------------------------------------- */

/* ctx: names[][64], filled from the front. */
static bool keep_name(void *ctx, const struct nt_store_group *group)
{
	char(*names)[64] = ctx;

	while ((*names)[0])
		names++;
	snprintf(*names, 64, "%.*s", NT_SLICE_ARG(group->keys[0]));
	return true;
}

/* What a policy stopped is in the sums, and apart: whoever shows outcomes takes it out. */
START_TEST(what_policies_stopped_is_told_apart)
{
	static const uint8_t verdicts[] = { 0, 1, 2, 3, 3, 4 }; /* none to unjudgeable */
	struct nt_record r[NT_ARRAY_LEN(verdicts)];
	struct nt_store_range range = everything();
	struct nt_store_sums s;

	for (uint64_t i = 0; i < NT_ARRAY_LEN(r); i++) {
		r[i] = i < 4 ? store_record(i + 1, T0_US, "a.test")
			     : store_unanswered(i + 1, T0_US, "a.test", 5);
		r[i].verdict = verdicts[i];
	}
	append_records(1, r, NT_ARRAY_LEN(r));
	s = total(&range);
	ck_assert_uint_eq(s.count, 4 + 2 * 5);
	ck_assert_uint_eq(s.unanswered, 2 * 5);
	ck_assert_uint_eq(s.blocked, 1 + 2 * 5);
	ck_assert_uint_eq(s.blocked_unanswered, 2 * 5);
}
END_TEST

/* The code that a policy gave is none of DNS. */
START_TEST(codes_of_dns_are_counted_and_ordered_by)
{
	static const struct {
		const char *qname;
		uint16_t rcode;
		uint8_t verdict;
		uint32_t count;
	} rows[] = { { "a.test", 3, 0, 2 }, { "a.test", 2, 1, 9 }, { "a.test", 3, 3, 40 },
		     { "b.test", 3, 1, 3 }, { "b.test", 0, 0, 5 }, { "c.test", 0, 0, 100 } };
	struct nt_store_grouping by = { .keys = { "qname" }, .keys_len = 1, .order = "nxdomain" };
	struct nt_store_range range = everything();
	struct nt_record r[NT_ARRAY_LEN(rows)];
	struct nt_store_sums s;
	char names[3][64] = { 0 };

	for (size_t i = 0; i < NT_ARRAY_LEN(r); i++) {
		r[i] = store_record(i + 1, T0_US, rows[i].qname);
		r[i].rcode = rows[i].rcode;
		r[i].verdict = rows[i].verdict;
		r[i].count = rows[i].count;
	}
	append_records(1, r, NT_ARRAY_LEN(r));
	s = total(&range);
	ck_assert_uint_eq(s.nxdomain, 5);
	ck_assert_uint_eq(s.servfail, 9);
	ck_assert_uint_eq(s.blocked, 40);
	by.limit = 2;
	ck_assert_int_eq(nt_store_group(reader, &range, &by, keep_name, names, &err), 0);
	ck_assert_str_eq(names[0], "b.test");
	ck_assert_str_eq(names[1], "a.test");
	by.order = "servfail";
	by.limit = 1;
	memset(names, 0, sizeof(names));
	ck_assert_int_eq(nt_store_group(reader, &range, &by, keep_name, names, &err), 0);
	ck_assert_str_eq(names[0], "a.test");
}
END_TEST

START_TEST(sums_add_and_extremes_widen)
{
	struct nt_record r[3] = { store_record(1, T0_US, "a.test"),
				  store_record(2, T0_US + 1, "b.test"),
				  store_unanswered(3, T0_US + 2, "c.test", 2) };
	struct nt_store_range range = everything();
	struct nt_store_sums s;

	r[1].count = r[1].queries = r[1].replies = r[1].latency_count = 4;
	r[1].retries = 2;
	r[1].truncated = 1;
	r[1].latency_min_ns = 100;
	r[1].latency_max_ns = 9000000;
	r[1].latency_sum_ns = 9100000;
	r[1].latency_histogram[1] = 3;
	r[1].latency_histogram[NT_HISTOGRAM_BUCKETS - 1] = 300;
	append_records(1, r, 3);
	s = total(&range);
	ck_assert_uint_eq(s.rows, 3);
	ck_assert_uint_eq(s.count, 7);
	ck_assert_uint_eq(s.queries, 7);
	ck_assert_uint_eq(s.replies, 5);
	ck_assert_uint_eq(s.unanswered, 2);
	ck_assert_uint_eq(s.retries, 2);
	ck_assert_uint_eq(s.truncated, 1);
	ck_assert_uint_eq(s.bytes_out, 90);
	ck_assert_uint_eq(s.bytes_in, 120);
	ck_assert_uint_eq(s.latency_count, 5);
	ck_assert_uint_eq(s.latency_min_ns, 100);
	ck_assert_uint_eq(s.latency_max_ns, 9000000);
	ck_assert_uint_eq(s.latency_sum_ns, 9120000);
	ck_assert_uint_eq(s.latency_histogram[1], 4);
	ck_assert_uint_eq(s.latency_histogram[NT_HISTOGRAM_BUCKETS - 1], 300);
	ck_assert_uint_eq(s.packets, 0);
}
END_TEST

START_TEST(range_holds_its_start_and_not_its_end)
{
	struct nt_record r[3] = { store_record(1, T0_US, "a.test"),
				  store_record(2, T0_US + 10, "b.test"),
				  store_record(3, T0_US + 20, "c.test") };
	struct nt_store_range range = everything();

	append_records(1, r, 3);
	range.from_us = T0_US;
	range.to_us = T0_US + 20;
	ck_assert_uint_eq(total(&range).count, 2);
	range.from_us = T0_US + 1;
	range.to_us = T0_US + 21;
	ck_assert_uint_eq(total(&range).count, 2);
}
END_TEST

START_TEST(side_and_role_choose)
{
	struct nt_record r[4];
	struct nt_store_range range = everything();

	for (unsigned i = 0; i < 4; i++) {
		r[i] = store_record(i + 1, T0_US, "a.test");
		r[i].side = i & 1 ? NT_SIDE_SERVER : NT_SIDE_CLIENT;
		r[i].role = i & 2 ? NT_ROLE_RESOLVER : NT_ROLE_WORKLOAD;
		r[i].count = 1u << i;
	}
	append_records(1, r, 4);
	ck_assert_uint_eq(total(&range).count, 15);
	range.side = NT_SIDE_CLIENT;
	ck_assert_uint_eq(total(&range).count, 5);
	range.role = NT_ROLE_WORKLOAD;
	ck_assert_uint_eq(total(&range).count, 1);
	range.side = -1;
	ck_assert_uint_eq(total(&range).count, 3);
}
END_TEST

static void append_mix(void)
{
	struct nt_record r[4] = { store_record(1, T0_US, "a.test"),
				  store_record(2, T0_US + MINUTE_US, "b.test"),
				  store_record(3, T0_US + MINUTE_US + 1, "a.test"),
				  store_unanswered(4, T0_US + 3 * MINUTE_US, "c.test", 5) };

	r[1].rcode = 3;
	r[1].bytes_in = 4000;
	r[1].latency_max_ns = 7000000;
	r[3].client_namespace = (struct nt_slice){ 0 };
	append_records(1, r, 4);
}

static const struct {
	const char *order;
	const char *keys[3];
} orders[] = {
	{ NULL, { "c.test", "a.test", "b.test" } },
	{ "count", { "c.test", "a.test", "b.test" } },
	{ "queries", { "c.test", "a.test", "b.test" } },
	{ "unanswered", { "c.test", "a.test", "b.test" } },
	{ "bytes", { "b.test", "a.test", "c.test" } },
	{ "latency_max", { "b.test", "a.test", "c.test" } },
};

START_TEST(groups_come_in_order)
{
	const struct nt_store_grouping g = { .keys = { "qname" },
					     .keys_len = 1,
					     .order = orders[_i].order };
	struct nt_store_range range = everything();
	struct groups *groups;

	append_mix();
	groups = group(&range, &g);
	ck_assert_uint_eq(groups->len, 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert_str_eq(groups->keys[i][0], orders[_i].keys[i]);
}
END_TEST

START_TEST(limit_and_stop_end_early)
{
	struct nt_store_grouping g = { .keys = { "qname" }, .keys_len = 1, .limit = 2 };
	struct groups stopped = { .stop_at = 1 };
	struct nt_store_range range = everything();

	append_mix();
	ck_assert_uint_eq(group(&range, &g)->len, 2);
	ck_assert_int_eq(nt_store_group(reader, &range, &g, keep_group, &stopped, &err), 0);
	ck_assert_uint_eq(stopped.len, 1);
	ck_assert_uint_eq(group(&range, &g)->len, 2);
}
END_TEST

START_TEST(several_keys_and_missing_values)
{
	const struct nt_store_grouping g = {
		.keys = { "client_namespace", "rcode", "qtype", "late" }, .keys_len = 4
	};
	struct nt_store_range range = everything();
	struct groups *groups;

	append_mix();
	groups = group(&range, &g);
	ck_assert_uint_eq(groups->len, 3);
	ck_assert_str_eq(groups->keys[0][0], ""); /* 5 unanswered of no namespace */
	ck_assert_str_eq(groups->keys[0][1], "");
	ck_assert_str_eq(groups->keys[0][2], "A");
	ck_assert_str_eq(groups->keys[0][3], "false");
	ck_assert_str_eq(groups->keys[1][0], "shop");
	ck_assert_str_eq(groups->keys[1][1], "NOERROR");
	ck_assert_uint_eq(groups->at[1].sums.count, 2);
	ck_assert_str_eq(groups->keys[2][1], "NXDOMAIN");
}
END_TEST

START_TEST(members_of_a_list_group)
{
	const struct nt_store_grouping g = { .keys = { "servers.ip", "servers.port", "qname" },
					     .keys_len = 3 };
	static const uint8_t other[4] = { 10, 96, 0, 11 };
	struct nt_store_range range = everything();
	struct nt_record r[2] = { store_record(1, T0_US, "a.test"),
				  store_record(2, T0_US, "none.test") };
	struct nt_server servers[2];
	struct groups *groups;

	servers[0] = servers[1] = r[0].servers[0];
	servers[1].ip = nt_addr_from(4, other);
	r[0].servers = servers;
	r[0].servers_len = 2;
	r[1].servers_len = 0;
	append_records(1, r, 2);
	groups = group(&range, &g);
	ck_assert_uint_eq(groups->len, 3);
	ck_assert_str_eq(groups->keys[0][0], "");
	ck_assert_str_eq(groups->keys[0][2], "none.test");
	ck_assert_str_eq(groups->keys[1][0], "10.96.0.10");
	ck_assert_str_eq(groups->keys[1][1], "53");
	ck_assert_str_eq(groups->keys[2][0], "10.96.0.11");
	ck_assert_uint_eq(groups->at[2].sums.count, 1);
}
END_TEST

START_TEST(what_cannot_be_grouped_is_refused)
{
	static const char *const names[] = { "nonsense", "count", "client_labels.app",
					     "rrsets.rdata", "qname\" FROM rows; --" };
	const struct nt_store_grouping g = { .keys = { names[_i] }, .keys_len = 1 };
	struct nt_store_range range = everything();

	ck_assert_int_eq(nt_store_group(reader, &range, &g, keep_group, NULL, &err), -EINVAL);
}
END_TEST

START_TEST(time_buckets_come_in_order_of_time)
{
	const struct nt_store_grouping g = { .bucket_us = MINUTE_US };
	const struct nt_store_grouping by_name = { .keys = { "qname" },
						   .keys_len = 1,
						   .bucket_us = MINUTE_US };
	struct nt_store_range range = everything();
	struct groups *groups;

	append_mix();
	groups = group(&range, &g);
	ck_assert_uint_eq(groups->len, 3); /* empty buckets are not there */
	ck_assert_int_eq(groups->at[0].bucket_us, T0_US);
	ck_assert_int_eq(groups->at[1].bucket_us, T0_US + MINUTE_US);
	ck_assert_uint_eq(groups->at[1].sums.count, 2);
	ck_assert_int_eq(groups->at[2].bucket_us, T0_US + 3 * MINUTE_US);
	groups = group(&range, &by_name);
	ck_assert_uint_eq(groups->len, 4);
	ck_assert_int_eq(groups->at[3].bucket_us, T0_US + 3 * MINUTE_US);
}
END_TEST

static const struct {
	const char *text;
	uint64_t count;
} filters[] = {
	{ "", 8 },
	{ "qname = a.test", 2 },
	{ "QNAME = A.TEST", 2 },
	{ "NOT qname = a.test", 6 },
	{ "rcode = nxdomain OR unanswered > 0", 6 },
	{ "qname IN { \"a.*\", c.test } AND client_namespace EMPTY", 5 },
	{ "servers.ip = 10.96.0.10", 8 },
	{ "qname = \"'; DROP TABLE rows; --\"", 0 },
};

START_TEST(filter_applies_to_sums_and_rows)
{
	struct nt_query *q = query(filters[_i].text);
	struct nt_store_range range = everything();
	struct page page = { 0 };
	int64_t cursor;

	append_mix();
	range.filter = q;
	ck_assert_uint_eq(total(&range).count, filters[_i].count);
	ck_assert_int_eq(nt_store_rows(reader, &range, NT_STORE_NEWEST, 50, 0, keep_row, &page,
				       &cursor, &err),
			 0);
	ck_assert_uint_eq(page.len, total(&range).rows);
	nt_query_free(q);
}
END_TEST

static struct nt_query *deepest_query(void)
{
	for (int depth = NT_QUERY_DEPTH_MAX; depth > 0; depth--) {
		_cleanup_buf_ struct nt_buf text = { 0 };
		struct nt_query_error mistake;
		struct nt_query *q = NULL;

		for (int i = 0; i < depth; i++)
			nt_buf_puts(&text, i % 2 ? "NOT (" : "(qname = x OR ");
		nt_buf_puts(&text, "servers.name = \"-\" AND rrsets.rdata NOT EMPTY");
		for (int i = 0; i < depth; i++)
			nt_buf_putc(&text, ')');
		if (nt_query_parse(nt_slice_mem(text.p, text.len), &q, &mistake) == 0)
			return q;
	}
	ck_abort_msg("no depth is taken");
}

static struct nt_query *longest_query(void)
{
	_cleanup_buf_ struct nt_buf text = { 0 };

	while (text.len < NT_QUERY_TEXT_MAX - 20)
		nt_buf_puts(&text, "count=2 OR ");
	nt_buf_puts(&text, "count=1");
	return query(text.p);
}

/* What the parser takes, the store must answer: nested and long to the limits. */
START_TEST(largest_filters_are_answered)
{
	const struct nt_store_grouping g = { .keys = { "servers.ip" }, .keys_len = 1 };
	struct nt_query *q = _i ? longest_query() : deepest_query();
	struct nt_store_range range = everything();

	append_mix();
	range.filter = q;
	ck_assert_uint_eq(group(&range, &g)->len, 1);
	nt_query_free(q);
}
END_TEST

/* --- UNLOGGED and late ------------------------------------------------------------------------ */

START_TEST(unlogged_rows_are_apart)
{
	struct nt_record r[4] = { store_record(1, T0_US, "a.test"),
				  store_unlogged(2, T0_US, 70, "ring_full"),
				  store_unlogged(3, T0_US, 5, "agent_restart"),
				  store_unlogged(4, T0_US + MINUTE_US, 2, "ring_full") };
	const struct nt_store_grouping by_reason = { .keys = { "reason" }, .keys_len = 1 };
	struct nt_store_range range = everything();
	struct nt_store_sums s;
	struct groups *groups;
	struct page page = { 0 };
	int64_t cursor;

	append_records(1, r, 4);
	s = total(&range);
	ck_assert_uint_eq(s.rows, 1);
	ck_assert_uint_eq(s.count, 1);
	ck_assert_uint_eq(s.packets, 0);
	range.unlogged = true;
	s = total(&range);
	ck_assert_uint_eq(s.rows, 3);
	ck_assert_uint_eq(s.packets, 77);
	ck_assert_uint_eq(s.count + s.queries + s.unanswered, 0);
	groups = group(&range, &by_reason);
	ck_assert_uint_eq(groups->len, 2);
	ck_assert_str_eq(groups->keys[0][0], "ring_full");
	ck_assert_uint_eq(groups->at[0].sums.packets, 72);
	ck_assert_int_eq(nt_store_rows(reader, &range, NT_STORE_NEWEST, 9, 0, keep_row, &page,
				       &cursor, &err),
			 0);
	ck_assert_uint_eq(page.len, 3);
}
END_TEST

/* _i: in which order the two come, and in one batch or in two. */
START_TEST(late_reply_corrects_the_unanswered_row)
{
	struct nt_record un = store_unanswered(10, T0_US, "slow.test", 2);
	struct nt_record late = store_late(11, T0_US + 5 * MINUTE_US, "slow.test", 10);
	struct nt_record both[2] = { _i & 1 ? late : un, _i & 1 ? un : late };
	const struct nt_store_grouping buckets = { .bucket_us = MINUTE_US };
	struct nt_store_range range = everything();
	struct nt_store_sums s;
	struct groups *groups;

	if (_i & 2) {
		append_records(1, &both[0], 1);
		append_records(2, &both[1], 1);
	} else {
		append_records(1, both, 2);
	}
	s = total(&range);
	ck_assert_uint_eq(s.count, 2);
	ck_assert_uint_eq(s.queries, 2);
	ck_assert_uint_eq(s.replies, 1);
	ck_assert_uint_eq(s.unanswered, 1);
	/* The correction is where the query was. */
	groups = group(&range, &buckets);
	ck_assert_uint_eq(groups->len, 2);
	ck_assert_uint_eq(groups->at[0].sums.unanswered, 1);
	ck_assert_uint_eq(groups->at[1].sums.unanswered, 0);
	ck_assert_uint_eq(groups->at[1].sums.replies, 1);
	close_store();
	open_store();
	ck_assert_uint_eq(total(&range).unanswered, 1);
}
END_TEST

START_TEST(late_replies_never_make_unanswered_negative)
{
	struct nt_record r[4] = { store_unanswered(10, T0_US, "slow.test", 1),
				  store_late(11, T0_US + 1, "slow.test", 10),
				  store_late(12, T0_US + 2, "slow.test", 10),
				  store_late(13, T0_US + 3, "slow.test", 999) };
	struct nt_record other = store_late(14, T0_US + 4, "slow.test", 10);
	struct nt_store_range range = everything();
	struct nt_batch batch = store_batch("s", 2, &other, 1);

	r[1].replies = 3;
	append_records(1, r, 4);
	ck_assert_uint_eq(total(&range).unanswered, 0);
	ck_assert_uint_eq(total(&range).replies, 5);
	/* Another node's row of the same number is another row. */
	r[0].id = 20;
	append_records(3, r, 1);
	other.late_of = 20;
	batch.node = other.node = NT_SLICE_LIT("n2");
	append(&batch, NT_STORE_APPENDED);
	ck_assert_uint_eq(total(&range).unanswered, 1);
}
END_TEST

/* Means of rows weigh by their lookups, each of those of which it is known. */
START_TEST(hops_are_means_over_lookups)
{
	struct nt_record r[4] = { store_record(1, T0_US, "a.test"),
				  store_record(2, T0_US, "b.test"),
				  store_record(3, T0_US, "c.test"),
				  store_record(4, T0_US, "d.test") };
	struct nt_store_range range = everything();
	struct nt_store_sums s;

	r[0].hop_count = 3;
	r[0].hop_network_ns = 3 * 1000;
	r[0].hop_server_ns = 3 * 100;
	r[0].hop_upstream_ns = 0;
	r[1].hop_count = 1;
	r[1].hop_network_ns = 5000;
	r[2].side = NT_SIDE_SERVER;
	r[2].hop_count = 1;
	r[2].hop_server_ns = 500;
	r[2].hop_upstream_ns = 8000;
	append_records(1, r, 4);
	s = total(&range);
	ck_assert_uint_eq(s.hop_network.count, 4);
	ck_assert_uint_eq(s.hop_network.sum_ns, 8000);
	ck_assert_uint_eq(s.hop_server.count, 4);
	ck_assert_uint_eq(s.hop_server.sum_ns, 800);
	ck_assert_uint_eq(s.hop_upstream.count, 4);
	ck_assert_uint_eq(s.hop_upstream.sum_ns, 8000);
	range.side = NT_SIDE_CLIENT;
	s = total(&range);
	ck_assert_uint_eq(s.hop_server.count, 3);
	ck_assert_uint_eq(s.hop_upstream.sum_ns, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("store");

	tcase_add_test(tc, hops_are_means_over_lookups);
	tcase_add_test(tc, empty_store_has_zero_sums);
	tcase_add_test(tc, duplicate_writes_nothing);
	tcase_add_test(tc, order_of_batches_does_not_matter);
	tcase_add_test(tc, same_number_of_another_spool_or_node_is_another_batch);
	tcase_add_test(tc, empty_batch_is_taken);
	tcase_add_test(tc, pages_are_newest_first_and_miss_nothing);
	tcase_add_test(tc, page_that_ends_exactly_has_no_next);
	tcase_add_test(tc, new_rows_do_not_shift_a_page);
	tcase_add_test(tc, unknown_cursor_is_an_error);
	tcase_add_test(tc, row_comes_back_as_the_very_record);
	tcase_add_test(tc, what_policies_stopped_is_told_apart);
	tcase_add_test(tc, codes_of_dns_are_counted_and_ordered_by);
	tcase_add_test(tc, sums_add_and_extremes_widen);
	tcase_add_test(tc, range_holds_its_start_and_not_its_end);
	tcase_add_test(tc, side_and_role_choose);
	tcase_add_loop_test(tc, groups_come_in_order, 0, NT_ARRAY_LEN(orders));
	tcase_add_test(tc, limit_and_stop_end_early);
	tcase_add_test(tc, several_keys_and_missing_values);
	tcase_add_test(tc, members_of_a_list_group);
	tcase_add_loop_test(tc, what_cannot_be_grouped_is_refused, 0, 5);
	tcase_add_test(tc, time_buckets_come_in_order_of_time);
	tcase_add_loop_test(tc, filter_applies_to_sums_and_rows, 0, NT_ARRAY_LEN(filters));
	tcase_add_loop_test(tc, largest_filters_are_answered, 0, 2);
	tcase_add_test(tc, unlogged_rows_are_apart);
	tcase_add_loop_test(tc, late_reply_corrects_the_unanswered_row, 0, 4);
	tcase_add_test(tc, late_replies_never_make_unanswered_negative);
	return store_run("store", tc);
}
