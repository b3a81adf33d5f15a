/* SPDX-License-Identifier: Apache-2.0 */
/* What a doctor says: lines and JSON, whatever the texts hold. */
#include "lib/base/finding.h"

#include <check.h>
#include <jansson.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

START_TEST(lines_have_level_what_detail_and_what_to_do)
{
	_cleanup_findings_ struct nt_findings f = { 0 };
	_cleanup_buf_ struct nt_buf out = { 0 };

	nt_findings_add(&f, NT_LEVEL_OK, "bpffs", "", "%s", "/sys/fs/bpf");
	nt_findings_add(&f, NT_LEVEL_FAIL, "a", "do this", "is %d", 7);
	nt_findings_add(&f, NT_LEVEL_WARN, "clock", "see \x1b[2J", "off\nby");
	nt_findings_text(&f, false, &out);
	ck_assert_str_eq(nt_buf_str(&out), "ok    bpffs  /sys/fs/bpf\n"
					   "fail  a      is 7  -> do this\n"
					   "warn  clock  off\\nby  -> see \\x1b[2J\n");
	ck_assert_uint_eq(f.fails, 1);
	ck_assert_uint_eq(f.warns, 1);
}
END_TEST

START_TEST(colour_is_of_the_level_alone)
{
	_cleanup_findings_ struct nt_findings f = { 0 };
	_cleanup_buf_ struct nt_buf out = { 0 };

	nt_findings_add(&f, NT_LEVEL_FAIL, "a", "", "b");
	nt_findings_text(&f, true, &out);
	ck_assert_str_eq(nt_buf_str(&out), "\x1b[31mfail\x1b[0m  a  b\n");
}
END_TEST

START_TEST(each_octet_is_escaped)
{
	char text[] = { 'x', (char)_i, 'y', '\0' };
	_cleanup_findings_ struct nt_findings f = { 0 };
	_cleanup_buf_ struct nt_buf out = { 0 }, json = { 0 };
	json_auto_t *root = NULL;

	nt_findings_add(&f, NT_LEVEL_OK, text, text, "%s", text);
	nt_findings_text(&f, false, &out);
	for (size_t i = 0; i + 1 < out.len; i++)
		ck_assert_msg(out.p[i] >= ' ' && out.p[i] <= '~', "%d", out.p[i]);
	nt_findings_json(&f, &json);
	root = json_loadb(json.p, json.len, 0, NULL);
	ck_assert_ptr_nonnull(root);
	ck_assert_uint_eq(json_array_size(json_object_get(root, "findings")), 1);
}
END_TEST

/* A cluster of many broken nodes: counted, not kept. */
START_TEST(many_are_bounded_and_counted)
{
	_cleanup_findings_ struct nt_findings f = { 0 };
	_cleanup_buf_ struct nt_buf out = { 0 };

	for (int i = 0; i < NT_FINDINGS_MAX + 5; i++)
		nt_findings_add(&f, NT_LEVEL_FAIL, "a", "", "%d", i);
	ck_assert_uint_eq(f.len, NT_FINDINGS_MAX);
	ck_assert_uint_eq(f.fails, NT_FINDINGS_MAX + 5);
	nt_findings_text(&f, false, &out);
	ck_assert_ptr_nonnull(strstr(out.p, "\nand 5 more\n"));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("finding");
	TCase *tc = tcase_create("finding");

	suite_add_tcase(suite, tc);
	tcase_add_test(tc, lines_have_level_what_detail_and_what_to_do);
	tcase_add_test(tc, colour_is_of_the_level_alone);
	tcase_add_loop_test(tc, each_octet_is_escaped, 1, 256);
	tcase_add_test(tc, many_are_bounded_and_counted);
	return nt_suite_run(suite);
}
