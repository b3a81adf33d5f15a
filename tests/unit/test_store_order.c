/* SPDX-License-Identifier: Apache-2.0 */
/* Rows oldest first and in the order of their arrival: a part of the store's conformance suite. */
#include "tests/unit/store_fixture.h"

struct page {
	int64_t ids[64];
	char names[64][64];
	size_t len;
};

static bool keep_row(void *ctx, int64_t row_id, const struct nt_record *record, const char *why)
{
	struct page *p = ctx;

	ck_assert_msg(record != NULL, "%s", why);
	ck_assert_uint_lt(p->len, 64);
	p->ids[p->len] = row_id;
	snprintf(p->names[p->len++], 64, "%.*s", NT_SLICE_ARG(record->qname));
	return true;
}

START_TEST(oldest_first_is_the_same_backwards)
{
	struct nt_store_range range = everything();
	char names[25][16];
	struct nt_record r[25];
	struct page page = { 0 };
	int64_t cursor = 0;

	for (int i = 0; i < 25; i++) {
		snprintf(names[i], sizeof(names[i]), "q%d.test", i);
		r[i] = store_record((uint64_t)i + 1, T0_US + i / 5 * 1000, names[i]);
	}
	append_records(1, r, 25);
	do
		ck_assert_int_eq(nt_store_rows(reader, &range, NT_STORE_OLDEST, 3, cursor, keep_row,
					       &page, &cursor, &err),
				 0);
	while (cursor);
	ck_assert_uint_eq(page.len, 25);
	for (int i = 0; i < 25; i++)
		ck_assert_str_eq(page.names[i], names[i]);
}
END_TEST

/* A node that was away sends rows that are older than what is there: who goes by arrival gets them,
 * too, and each once. */
START_TEST(what_arrives_later_is_behind_the_position)
{
	struct nt_record first = store_record(1, T0_US + 10, "a.test");
	struct nt_record older = store_record(2, T0_US + 1, "b.test");
	struct nt_record other = store_record(3, T0_US + 2, "c.test");
	struct nt_store_range range = everything();
	struct page page = { 0 };
	int64_t position = 77, cursor = 0;

	ck_assert_int_eq(nt_store_position(reader, &position, &err), 0);
	ck_assert_int_eq(position, 0);
	append_records(1, &first, 1);
	ck_assert_int_eq(nt_store_position(reader, &position, &err), 0);
	ck_assert_int_gt(position, 0);
	append_records(2, &older, 1);
	append_records(3, &other, 1);
	for (cursor = position; cursor;)
		ck_assert_int_eq(nt_store_rows(reader, &range, NT_STORE_ARRIVAL, 1, cursor,
					       keep_row, &page, &cursor, &err),
				 0);
	ck_assert_uint_eq(page.len, 2);
	ck_assert_str_eq(page.names[0], "b.test");
	ck_assert_str_eq(page.names[1], "c.test");
	ck_assert_int_eq(nt_store_position(reader, &position, &err), 0);
	ck_assert_int_eq(position, page.ids[1]);
}
END_TEST

/* Rows expire, numbers do not come again; a cursor whose row is gone is good in this order. */
START_TEST(position_outlives_its_row)
{
	struct nt_record r = store_record(1, T0_US, "a.test");
	struct nt_record later = store_record(2, T0_US + 1, "b.test");
	struct nt_store_range range = everything();
	struct page page = { 0 };
	int64_t before, after, cursor = 0;
	uint64_t rows;

	append_records(1, &r, 1);
	ck_assert_int_eq(nt_store_position(reader, &before, &err), 0);
	ck_assert_int_eq(nt_store_expire(store, T0_US + 1, &rows, &err), 0);
	ck_assert_uint_eq(rows, 1);
	ck_assert_int_eq(nt_store_position(reader, &after, &err), 0);
	ck_assert_int_eq(after, before);
	append_records(2, &later, 1);
	ck_assert_int_eq(nt_store_rows(reader, &range, NT_STORE_ARRIVAL, 5, before, keep_row, &page,
				       &cursor, &err),
			 0);
	ck_assert_uint_eq(page.len, 1);
	ck_assert_int_gt(page.ids[0], before);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("store_order");

	tcase_add_test(tc, oldest_first_is_the_same_backwards);
	tcase_add_test(tc, what_arrives_later_is_behind_the_position);
	tcase_add_test(tc, position_outlives_its_row);
	return store_run("store_order", tc);
}
