/* SPDX-License-Identifier: Apache-2.0 */
/* GC's list of valid attachments: both spellings, all shapes, and what must end nothing. */
#include "cni/attachments.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

#define NEW "\"cni.dev/valid-attachments\""
#define OLD "\"cni.dev/attachments\""
#define A "{\"containerID\":\"a\",\"ifname\":\"eth0\"}"
#define B "{\"containerID\":\"b\",\"ifname\":\"eth1\",\"more\":[1]}"

static const struct {
	const char *keys;
	bool is_known;
	const char *has; /* of a0 (a, eth0) and b1 (b, eth1), a1 */
} good[] = {
	{ "", false, "" },
	{ "," NEW ":[]", true, "" },
	{ "," NEW ":null", true, "" },
	{ "," OLD ":null", true, "" },
	{ "," NEW ":[" A "," B "]", true, "a0b1" },
	{ "," OLD ":[" B "," A "]", true, "a0b1" },
	{ "," NEW ":[" A "]," OLD ":[" A "]", true, "a0" },
	/* One that either list has is not stale. */
	{ "," NEW ":[" A "]," OLD ":[" B "]", true, "a0b1" },
	{ "," NEW ":[]," OLD ":[" B "]", true, "b1" },
	{ "," NEW ":[{\"containerID\":\"a\",\"ifname\":\"eth1\"}]", true, "a1" },
	{ "," NEW ":[{\"containerID\":\"\",\"ifname\":\"\"}]", true, "" },
	{ ",\"cni.dev/other\":[" A "]", false, "" },
};

static int parse(const char *keys, struct nt_cni_config *c, struct nt_cni_attachments *a,
		 struct nt_err *err)
{
	char text[512];

	snprintf(text, sizeof(text), "{\"cniVersion\":\"1.1.0\",\"name\":\"n\"%s}", keys);
	ck_assert_int_eq(nt_cni_config_parse(nt_slice_str(text), c, err), 0);
	return nt_cni_attachments_parse(c, a, err);
}

START_TEST(lists)
{
	_cleanup_config_ struct nt_cni_config c;
	_cleanup_attachments_ struct nt_cni_attachments a;
	struct nt_err err = {};

	ck_assert_msg(parse(good[_i].keys, &c, &a, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(a.is_known, good[_i].is_known);
	ck_assert_int_eq(nt_cni_attachments_has(&a, "a", "eth0"), !!strstr(good[_i].has, "a0"));
	ck_assert_int_eq(nt_cni_attachments_has(&a, "a", "eth1"), !!strstr(good[_i].has, "a1"));
	ck_assert_int_eq(nt_cni_attachments_has(&a, "b", "eth1"), !!strstr(good[_i].has, "b1"));
	ck_assert(!nt_cni_attachments_has(&a, "b", "eth0"));
	ck_assert(!nt_cni_attachments_has(&a, "ab", "eth0"));
}
END_TEST

static const char *const bad[] = {
	"," NEW ":{}",
	"," NEW ":\"\"",
	"," NEW ":0",
	"," OLD ":true",
	"," NEW ":[" A ",7]",
	"," NEW ":[" A ",null]",
	"," NEW ":[[" A "]]",
	"," NEW ":[{\"containerID\":\"a\"}]",
	"," NEW ":[{\"ifname\":\"eth0\"}]",
	"," NEW ":[{\"containerID\":7,\"ifname\":\"eth0\"}]",
	"," NEW ":[{\"containerID\":\"a\\u0000b\",\"ifname\":\"eth0\"}]",
	"," NEW ":[" A "]," OLD ":[7]",
};

START_TEST(no_lists)
{
	_cleanup_config_ struct nt_cni_config c;
	_cleanup_attachments_ struct nt_cni_attachments a;
	struct nt_err err = {};

	ck_assert_int_eq(parse(bad[_i], &c, &a, &err), -NT_CNI_CONFIG);
	ck_assert_str_ne(err.msg, "");
}
END_TEST

START_TEST(many)
{
	_cleanup_config_ struct nt_cni_config c;
	_cleanup_attachments_ struct nt_cni_attachments a;
	_cleanup_buf_ struct nt_buf text = {};
	char id[32];

	nt_buf_puts(&text, "{\"cniVersion\":\"1.1.0\",\"name\":\"n\"," NEW ":[");
	for (int i = 0; i < 20000; i++)
		nt_buf_printf(&text, "%s{\"containerID\":\"c%d\",\"ifname\":\"eth0\"}",
			      i ? "," : "", (i * 7919) % 20000);
	nt_buf_puts(&text, "]}");
	ck_assert_int_eq(nt_cni_config_parse(nt_slice_mem(text.p, text.len), &c, NULL), 0);
	ck_assert_int_eq(nt_cni_attachments_parse(&c, &a, NULL), 0);
	ck_assert_uint_eq(a.len, 20000);
	for (int i = 0; i < 20001; i++) {
		snprintf(id, sizeof(id), "c%d", i);
		ck_assert_int_eq(nt_cni_attachments_has(&a, id, "eth0"), i < 20000);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cni_attachments");
	TCase *t = tcase_create("attachments");

	tcase_add_loop_test(t, lists, 0, NT_ARRAY_LEN(good));
	tcase_add_loop_test(t, no_lists, 0, NT_ARRAY_LEN(bad));
	tcase_add_test(t, many);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
