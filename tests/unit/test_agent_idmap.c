/* SPDX-License-Identifier: Apache-2.0 */
/* The id map against an array, over random sets and removals. */
#include "dataplane/agent/idmap.h"

#include <check.h>
#include <stdlib.h>

#include "tests/unit/suite.h"

#define IDS 500

START_TEST(like_an_array)
{
	static int values[IDS];
	void *there[IDS] = { NULL };
	struct nt_idmap m = { 0 };
	unsigned seed = (unsigned)_i + 1;

	for (int step = 0; step < 20000; step++) {
		unsigned id = (unsigned)rand_r(&seed) % (IDS - 1) + 1;

		if (rand_r(&seed) % 100 < (step / 4000 % 2 ? 30 : 60)) {
			ck_assert(nt_idmap_set(&m, (uint64_t)id << (_i * 8), &values[id]));
			there[id] = &values[id];
		} else {
			ck_assert_ptr_eq(nt_idmap_remove(&m, (uint64_t)id << (_i * 8)), there[id]);
			there[id] = NULL;
		}
	}
	for (unsigned id = 1; id < IDS; id++)
		ck_assert_ptr_eq(nt_idmap_find(&m, (uint64_t)id << (_i * 8)), there[id]);
	for (size_t at = 0, n = 0;; n++) {
		int *value = nt_idmap_next(&m, &at);

		if (!value) {
			ck_assert_uint_eq(n, m.len);
			break;
		}
		ck_assert_ptr_eq(there[value - values], value);
	}
	nt_idmap_done(&m);
}
END_TEST

START_TEST(empty)
{
	struct nt_idmap m = { 0 };
	size_t at = 0;

	ck_assert_ptr_null(nt_idmap_find(&m, 1));
	ck_assert_ptr_null(nt_idmap_remove(&m, 1));
	ck_assert_ptr_null(nt_idmap_next(&m, &at));
	ck_assert(!nt_idmap_set(&m, 0, &m));
	nt_idmap_done(&m);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("agent_idmap");
	TCase *tc = tcase_create("idmap");

	tcase_add_loop_test(tc, like_an_array, 0, 7);
	tcase_add_test(tc, empty);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
