/* SPDX-License-Identifier: Apache-2.0 */
/* The keyed hash of tables: every octet, the length, the key and what stands before count. */
#include "lib/base/hash.h"

#include <check.h>
#include <stdlib.h>

#include "tests/unit/suite.h"

enum { LEN_MAX = 80 };

static const struct nt_hash_key key = { { 0x243f6a8885a308d3, 0x13198a2e03707344,
					  0xa4093822299f31d0 } };

static struct nt_slice first(const char *octets, size_t len)
{
	return nt_slice_mem(octets, len);
}

START_TEST(every_octet_counts)
{
	char octets[LEN_MAX] = { 0 };

	for (size_t len = 1; len <= LEN_MAX; len++) {
		uint64_t hash = nt_hash(&key, 0, first(octets, len));

		ck_assert_uint_ne(hash, nt_hash(&key, 0, first(octets, len - 1)));
		for (size_t i = 0; i < len; i++) {
			octets[i] ^= 0x40;
			ck_assert_msg(hash != nt_hash(&key, 0, first(octets, len)),
				      "octet %zu of %zu", i, len);
			octets[i] ^= 0x40;
		}
	}
}
END_TEST

START_TEST(nothing_behind_the_end_counts)
{
	char octets[LEN_MAX + 1] = { 0 };

	for (size_t len = 0; len <= LEN_MAX; len++) {
		uint64_t hash = nt_hash(&key, 0, first(octets, len));

		octets[len] = 'x';
		ck_assert_uint_eq(hash, nt_hash(&key, 0, first(octets, len)));
		octets[len] = 0;
	}
}
END_TEST

START_TEST(each_part_of_the_key_counts)
{
	for (size_t i = 0; i < 3; i++) {
		struct nt_hash_key other = key;

		other.k[i] ^= 1;
		ck_assert_uint_ne(nt_hash(&key, 0, NT_SLICE_LIT("example.com")),
				  nt_hash(&other, 0, NT_SLICE_LIT("example.com")));
	}
	ck_assert_uint_ne(nt_hash(&key, 0, NT_SLICE_LIT("x")), nt_hash(&key, 1, NT_SLICE_LIT("x")));
}
END_TEST

/* Numbers in a row, in buckets by the low bits: no bucket has much more than its share. */
START_TEST(buckets_are_even)
{
	enum { BUCKETS = 256, EACH = 64 };
	unsigned full[BUCKETS] = { 0 };

	for (uint64_t n = 0; n < BUCKETS * EACH; n++) {
		uint64_t octets[2] = { n << _i, 0 };

		full[nt_hash(&key, 0, nt_slice_mem(octets, sizeof(octets))) % BUCKETS]++;
	}
	for (size_t i = 0; i < BUCKETS; i++)
		ck_assert_uint_lt(full[i], EACH * 2);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hash");
	TCase *t = tcase_create("hash");

	tcase_add_test(t, every_octet_counts);
	tcase_add_test(t, nothing_behind_the_end_counts);
	tcase_add_test(t, each_part_of_the_key_counts);
	tcase_add_loop_test(t, buckets_are_even, 0, 48);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
