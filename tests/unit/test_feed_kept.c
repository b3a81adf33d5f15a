/* SPDX-License-Identifier: Apache-2.0 */
/* The last good set in a file: it comes back as it was, and what is damaged does not. */
#include "lib/feed/kept.c"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/feed/list.h"
#include "tests/unit/suite.h"

#define ORIGIN NT_SLICE_LIT("https://feeds.example/list lines")

static char folder[] = "/tmp/test_feed_kept.XXXXXX";
static int dir = -1;
static const char file[] = "feed";

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
	dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(dir, 0);
}

static void teardown(void)
{
	(void)unlinkat(dir, file, 0);
	close(dir);
	ck_assert_int_eq(rmdir(folder), 0);
}

static struct nt_feed_set *build(unsigned len)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_feed_set *s;
	struct nt_err err;

	for (unsigned i = 0; i < len; i++)
		nt_buf_printf(&text, "%shost-%u.example%u\n", i % 3 ? "" : "*.", i * 7919 % 10007,
			      i % 5);
	ck_assert_int_eq(nt_feed_parse(&(struct nt_feed_form){ 0 }, NT_FEED_LIMITS_DEFAULT,
				       nt_slice_mem(text.p, text.len), &s, NULL, &err),
			 0);
	return s;
}

static void keep(unsigned len, int64_t read_us)
{
	_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = build(len);
	struct nt_err err;

	ck_assert_msg(nt_feed_kept_write(dir, file, s, ORIGIN, read_us, &err) == 0, "%s", err.msg);
}

static int read_back(struct nt_slice origin, struct nt_feed_limits limits, struct nt_err *err)
{
	_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = NULL;
	int64_t read_us = 0;
	int r = nt_feed_kept_read(dir, file, origin, limits, &s, &read_us, err);

	ck_assert_int_eq(r == 0, s != NULL);
	return r;
}

START_TEST(test_comes_back)
{
	unsigned len = (unsigned[]){ 0, 1, 16, 17, 5000 }[_i];
	_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = build(len), *back = NULL;
	struct nt_feed_walk a = { .set = s }, b;
	struct nt_pattern x, y;
	int64_t read_us;
	struct nt_err err;

	keep(3, 1);
	keep(len, 1795417200000000);
	ck_assert_msg(nt_feed_kept_read(dir, file, ORIGIN, NT_FEED_LIMITS_DEFAULT, &back, &read_us,
					&err) == 0,
		      "%s", err.msg);
	ck_assert_int_eq(read_us, 1795417200000000);
	ck_assert_uint_eq(nt_feed_set_len(back), nt_feed_set_len(s));
	for (b = (struct nt_feed_walk){ .set = back }; nt_feed_walk_next(&a, &x);) {
		ck_assert(nt_feed_walk_next(&b, &y));
		ck_assert(x.wildcard == y.wildcard && nt_name_eq(&x.name, &y.name));
		ck_assert(x.wildcard || nt_feed_set_find(back, &x.name, NT_FEED_EXACT, NULL));
	}
}
END_TEST

START_TEST(test_not_taken)
{
	struct nt_feed_limits few = { .names_max = 99, .bytes_max = 1 << 20 };
	struct nt_feed_limits small = { .names_max = 100, .bytes_max = 100 };
	struct nt_err err;

	ck_assert_int_eq(read_back(ORIGIN, NT_FEED_LIMITS_DEFAULT, &err), -ENOENT);
	keep(100, 1);
	ck_assert_int_eq(read_back(NT_SLICE_LIT("elsewhere"), NT_FEED_LIMITS_DEFAULT, &err),
			 -ESTALE);
	ck_assert_int_eq(read_back(ORIGIN, few, &err), -E2BIG);
	ck_assert_int_eq(read_back(ORIGIN, small, &err), -E2BIG);
	ck_assert_int_eq(read_back(ORIGIN, NT_FEED_LIMITS_DEFAULT, &err), 0);
}
END_TEST

static void put_file(struct nt_slice text)
{
	ck_assert_int_eq(nt_file_replace_at(dir, file, text, 0600, NULL), 0);
}

/* Each octet of it wrong, each length but the right one: refused, and nothing else. */
START_TEST(test_damaged)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_err err;

	keep(40, 1);
	ck_assert_int_eq(nt_file_read_at(dir, file, 1 << 20, &text, &err), 0);
	for (size_t i = 0; i < text.len; i++) {
		int r;

		text.p[i] ^= 0x41;
		put_file(nt_slice_mem(text.p, text.len));
		r = read_back(ORIGIN, NT_FEED_LIMITS_DEFAULT, &err);
		ck_assert_msg(r == -EBADMSG || r == -ESTALE || r == -E2BIG, "octet %zu: %d", i, r);
		ck_assert(strstr(err.msg, "feed: "));
		text.p[i] ^= 0x41;
		put_file(nt_slice_mem(text.p, i));
		ck_assert_int_eq(read_back(ORIGIN, NT_FEED_LIMITS_DEFAULT, &err), -EBADMSG);
	}
	nt_buf_putc(&text, 'x');
	put_file(nt_slice_mem(text.p, text.len));
	ck_assert_int_eq(read_back(ORIGIN, NT_FEED_LIMITS_DEFAULT, &err), -EBADMSG);
}
END_TEST

/* With the right checksum, too: each would be read beyond a bound, or found wrongly. */
static const struct {
	struct nt_slice octets;
	unsigned len;
	bool good;
} keys[] = {
	{ NT_SLICE_LIT(""), 0, true },
	{ NT_SLICE_LIT("\0\4\3com"), 1, true },
	{ NT_SLICE_LIT("\0\4\3com\4\2\1a\6\1\0"), 3, true }, /* com, a.com, *.a.com */
	{ NT_SLICE_LIT("\0\4\3com"), 2, false },
	{ NT_SLICE_LIT("\0\4\3com\4\2\1a"), 1, false },
	{ NT_SLICE_LIT("\0\4\3co"), 1, false },
	{ NT_SLICE_LIT("\0"), 1, false },
	{ NT_SLICE_LIT("\1\4\3com"), 1, false }, /* shares with nothing */
	{ NT_SLICE_LIT("\0\4\3com\5\2\1a"), 2, false },
	{ NT_SLICE_LIT("\0\4\3com\4\0"), 2, false }, /* the same again */
	{ NT_SLICE_LIT("\0\4\3com\0\4\3cam"), 2, false }, /* order */
	{ NT_SLICE_LIT("\0\4\4com"), 1, false }, /* a label beyond the key */
	{ NT_SLICE_LIT("\0\6\3com\0\0"), 1, false },
	{ NT_SLICE_LIT("\0\1\0"), 1, false }, /* the root's wildcard */
	{ NT_SLICE_LIT("\0\0"), 1, false },
	{ NT_SLICE_LIT("\0\2\100a"), 1, false },
};

START_TEST(test_keys)
{
	ck_assert_int_eq(are_keys(keys[_i].octets, keys[_i].len), keys[_i].good);
}
END_TEST

/* The disk says no: the file that is there stays. */
START_TEST(test_cannot_be_written)
{
	_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = build(1);
	_cleanup_free_ char *origin = calloc(1, NT_FEED_ORIGIN_MAX + 1);
	struct nt_err err;

	ck_assert_int_eq(nt_feed_kept_write(dir, "none/feed", s, ORIGIN, 1, &err), -ENOENT);
	keep(5, 1);
	ck_assert_int_eq(nt_feed_kept_write(dir, file, s,
					    nt_slice_mem(origin, NT_FEED_ORIGIN_MAX + 1), 1, &err),
			 -EINVAL);
	ck_assert_int_eq(read_back(ORIGIN, NT_FEED_LIMITS_DEFAULT, &err), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("feed_kept");
	TCase *t = tcase_create("feed_kept");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_comes_back, 0, 5);
	tcase_add_test(t, test_not_taken);
	tcase_add_test(t, test_damaged);
	tcase_add_loop_test(t, test_keys, 0, (int)NT_ARRAY_LEN(keys));
	tcase_add_test(t, test_cannot_be_written);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
