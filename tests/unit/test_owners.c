/* SPDX-License-Identifier: Apache-2.0 */
/* Owners and their members: oldest first, gone with the last one, many owners at once. */
#include "lib/dns/owners.h"

#include <check.h>

#include "tests/unit/suite.h"

struct member {
	int n;
	struct nt_owned own;
};

static int oldest(struct nt_owners *t, uint64_t id)
{
	struct nt_owner *o = nt_owners_find(t, id);

	return o ? NT_OWNED(TAILQ_FIRST(&o->list), struct member, own)->n : -1;
}

START_TEST(test_oldest_first)
{
	static struct nt_owners t;
	struct member m[3] = { { .n = 0 }, { .n = 1 }, { .n = 2 } };

	ck_assert_int_eq(oldest(&t, 7), -1);
	for (int i = 0; i < 3; i++)
		ck_assert(nt_owners_join(&t, 7, &m[i].own));
	ck_assert_uint_eq(nt_owners_find(&t, 7)->members, 3);
	ck_assert_int_eq(oldest(&t, 7), 0);
	nt_owned_touch(&m[0].own);
	ck_assert_int_eq(oldest(&t, 7), 1);
	nt_owners_leave(&t, &m[1].own);
	ck_assert_int_eq(oldest(&t, 7), 2);
	nt_owners_leave(&t, &m[2].own);
	ck_assert_int_eq(oldest(&t, 7), 0);
	nt_owners_leave(&t, &m[0].own);
	ck_assert_int_eq(oldest(&t, 7), -1);
	nt_owners_done(&t);
}
END_TEST

/* What a former owner's place held must not come back under the next one's name. */
START_TEST(test_a_place_is_used_again)
{
	static struct nt_owners t;
	struct member a = { .n = 1 }, b = { .n = 2 };

	ck_assert(nt_owners_join(&t, 1, &a.own));
	a.own.owner->bytes = 99;
	nt_owners_leave(&t, &a.own);
	ck_assert(nt_owners_join(&t, 2, &b.own));
	ck_assert_uint_eq(b.own.owner->id, 2);
	ck_assert_uint_eq(b.own.owner->bytes, 0);
	ck_assert_uint_eq(b.own.owner->members, 1);
	ck_assert_ptr_null(nt_owners_find(&t, 1));
	nt_owners_leave(&t, &b.own);
	nt_owners_done(&t);
}
END_TEST

START_TEST(test_many_share_chains)
{
	enum { MANY = 4 * NT_OWNER_BUCKETS };
	static struct nt_owners t;
	static struct member m[MANY];

	for (int i = 0; i < MANY; i++) {
		m[i].n = i;
		ck_assert(nt_owners_join(&t, (uint64_t)i << 40, &m[i].own));
	}
	for (int i = 0; i < MANY; i += 2)
		nt_owners_leave(&t, &m[i].own);
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(oldest(&t, (uint64_t)i << 40), i % 2 ? i : -1);
	for (int i = 1; i < MANY; i += 2)
		nt_owners_leave(&t, &m[i].own);
	nt_owners_done(&t);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("owners");
	TCase *t = tcase_create("owners");

	tcase_add_test(t, test_oldest_first);
	tcase_add_test(t, test_a_place_is_used_again);
	tcase_add_test(t, test_many_share_chains);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
