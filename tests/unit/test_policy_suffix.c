/* SPDX-License-Identifier: Apache-2.0 */
/* The keyed hash of suffixes: values of another implementation, and the chain. */
#include "lib/policy/suffix.h"

#include <check.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

#define L63 "lllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll"

static const uint8_t key[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

/* By a SipHash-1-3 in Python, whose 2-4 gives the vector of the paper for this key. */
static const struct {
	const char *name;
	uint64_t hash;
} vectors[] = {
	{ ".", 0 },
	{ "com", 0x6c080182a21a3efb },
	{ "example.com", 0xff7d47b9f3078c7e },
	{ "WWW.Example.com", 0x75f40b6299b1cd7 },
	{ L63 ".a", 0x88c55422483de63a },
	{ "\\042.x\\000\\195.net", 0x60b4538079f20b23 },
};

START_TEST(test_vectors)
{
	struct nt_name name;

	ck_assert_int_eq(nt_name_parse(nt_slice_str(vectors[_i].name), &name), 0);
	ck_assert_uint_eq(nt_suffix_hash(key, &name), vectors[_i].hash);
}
END_TEST

START_TEST(test_longest_name)
{
	struct nt_name name = { .len = 255 };

	for (size_t i = 0; i < 254; i += 2) {
		name.wire[i] = 1;
		name.wire[i + 1] = 'a';
	}
	ck_assert_uint_eq(nt_suffix_hash(key, &name), 0x5a41a7ea3a456263);
}
END_TEST

START_TEST(test_no_name_is_the_root)
{
	struct nt_name name = { .len = 0 };

	ck_assert_uint_eq(nt_suffix_hash(key, &name), nt_suffix_root());
}
END_TEST

START_TEST(test_chain)
{
	uint64_t com = nt_suffix_label(key, nt_suffix_root(), NT_SLICE_LIT("com"));
	uint8_t other[16] = { 1 };

	ck_assert_uint_eq(nt_suffix_label(key, com, NT_SLICE_LIT("Example")), 0xff7d47b9f3078c7e);
	ck_assert_uint_ne(nt_suffix_label(other, nt_suffix_root(), NT_SLICE_LIT("com")), com);
	/* Only ASCII has case: these are two octets that differ in the same bit. */
	ck_assert_uint_ne(nt_suffix_label(key, 0, NT_SLICE_LIT("@")),
			  nt_suffix_label(key, 0, NT_SLICE_LIT("`")));
	ck_assert_uint_ne(nt_suffix_label(key, 0, NT_SLICE_LIT("\xc9")),
			  nt_suffix_label(key, 0, NT_SLICE_LIT("\xe9")));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy_suffix");
	TCase *t = tcase_create("policy_suffix");

	tcase_add_loop_test(t, test_vectors, 0, (int)NT_ARRAY_LEN(vectors));
	tcase_add_test(t, test_longest_name);
	tcase_add_test(t, test_no_name_is_the_root);
	tcase_add_test(t, test_chain);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
