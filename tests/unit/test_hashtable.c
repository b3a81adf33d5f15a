/* SPDX-License-Identifier: Apache-2.0 */
/* Many things, some of one hash, in and out. */
#include "lib/base/hashtable.h"

#include <check.h>

#include "tests/unit/suite.h"

struct thing {
	int number;
	struct nt_hashtable_link link;
};

static struct thing things[1000];
static struct nt_hashtable table;

/* Two and two have the same hash. */
static uint64_t hash_of(int number)
{
	return (uint64_t)(number / 2) * 64;
}

static struct thing *find(int number)
{
	for (struct nt_hashtable_link *l = nt_hashtable_first(&table, hash_of(number)); l;
	     l = nt_hashtable_next(l))
		if (NT_HASHTABLE_ITEM(l, struct thing, link)->number == number)
			return NT_HASHTABLE_ITEM(l, struct thing, link);
	return NULL;
}

START_TEST(test_finds_what_is_there)
{
	ck_assert_int_eq(nt_hashtable_init(&table), 0);
	ck_assert_ptr_null(nt_hashtable_any(&table));
	for (int i = 0; i < 1000; i++) {
		things[i].number = i;
		nt_hashtable_put(&table, &things[i].link, hash_of(i));
	}
	ck_assert_uint_eq(table.len, 1000);
	for (int i = 0; i < 1000; i++)
		ck_assert_ptr_eq(find(i), &things[i]);
	ck_assert_ptr_null(find(1000));
	for (int i = 0; i < 1000; i += 3)
		nt_hashtable_take(&table, &things[i].link);
	for (int i = 0; i < 1000; i++)
		ck_assert_ptr_eq(find(i), i % 3 ? &things[i] : NULL);
	for (struct nt_hashtable_link *l; (l = nt_hashtable_any(&table));)
		nt_hashtable_take(&table, l);
	ck_assert_uint_eq(table.len, 0);
	nt_hashtable_done(&table);
	ck_assert_ptr_null(nt_hashtable_first(&table, 0));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hashtable");
	TCase *t = tcase_create("hashtable");

	tcase_add_test(t, test_finds_what_is_there);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
