/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin answers where no kernel is needed: versions, and each way to call it wrongly. */
#include "cni/verbs.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>

#include "cni/config.h"
#include "cni/result.h"
#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

/* Runs a verb and decodes what it printed; owned by the caller. */
static json_t *run(const struct nt_cni_env *env, const char *input, int *ret_code)
{
	_cleanup_buf_ struct nt_buf out = {};
	json_error_t where;
	json_t *root;

	*ret_code = nt_cni_run(env, nt_slice_str(input), &out);
	ck_assert(nt_buf_ok(&out));
	root = json_loadb(out.p ? out.p : "", out.len, 0, &where);
	ck_assert_msg(root || out.len == 0, "%s: %s", where.text, nt_buf_str(&out));
	return root;
}

static const char *text_of(const json_t *root, const char *key)
{
	const char *s = json_string_value(json_object_get(root, key));

	return s ? s : "";
}

#define OLD "{\"cniVersion\":\"0.3.1\",\"name\":\"n\"}"
#define NEW "{\"cniVersion\":\"1.1.0\",\"name\":\"n\"}"
#define PREV "{\"cniVersion\":\"1.0.0\",\"name\":\"n\",\"prevResult\":{}}"
#define NETNS "/nonexistent/netns"

static const struct {
	struct nt_cni_env env;
	const char *input;
	int code;
	const char *version;
	const char *details; /* part of it */
} wrong[] = {
	{ { .command = "ADD" }, PREV, 4, "1.1.0", "CNI_CONTAINERID" },
	{ { .command = "add" }, PREV, 4, "1.1.0", "CNI_COMMAND=add" },
	{ { .command = "ADD", .container_id = "c", .ifname = "eth0" },
	  PREV,
	  4,
	  "1.1.0",
	  "CNI_NETNS" },
	{ { .command = "ADD", .container_id = "../c", .ifname = "eth0", .netns = NETNS },
	  PREV,
	  4,
	  "1.1.0",
	  "CNI_CONTAINERID=../c" },
	{ { .command = "ADD", .container_id = "c", .ifname = "eth0", .netns = NETNS },
	  "",
	  6,
	  "1.1.0",
	  "no JSON" },
	{ { .command = "ADD", .container_id = "c", .ifname = "eth0", .netns = NETNS },
	  "{}",
	  1,
	  "0.1.0",
	  "not supported" },
	{ { .command = "ADD", .container_id = "c", .ifname = "eth0", .netns = NETNS },
	  NEW,
	  7,
	  "1.1.0",
	  "chained after" },
	{ { .command = "ADD", .container_id = "c", .ifname = "eth0", .netns = NETNS },
	  PREV,
	  4,
	  "1.0.0",
	  "CNI_NETNS=" NETNS },
	{ { .command = "ADD", .container_id = "c", .ifname = "eth0", .netns = "/etc/passwd" },
	  PREV,
	  4,
	  "1.0.0",
	  "/etc/passwd is no network namespace" },
	{ { .command = "ADD", .container_id = "c", .ifname = "eth0", .netns = "/proc/self/ns/mnt" },
	  PREV,
	  4,
	  "1.0.0",
	  "is no network namespace" },
	{ { .command = "ADD",
	    .container_id = "c",
	    .ifname = "eth0",
	    .netns = "/proc/self/ns/net",
	    .args = "x" },
	  PREV,
	  4,
	  "1.0.0",
	  "CNI_ARGS" },
	{ { .command = "CHECK", .container_id = "c", .ifname = "eth0", .netns = NETNS },
	  NEW,
	  7,
	  "1.1.0",
	  "no prevResult" },
	{ { .command = "CHECK", .container_id = "c", .ifname = "eth0", .netns = NETNS },
	  OLD,
	  1,
	  "0.3.1",
	  "does not have CHECK" },
	{ { .command = "GC" }, PREV, 1, "1.0.0", "does not have GC" },
	{ { .command = "STATUS" }, PREV, 1, "1.0.0", "does not have STATUS" },
	{ { .command = "DEL" }, PREV, 4, "1.1.0", "CNI_CONTAINERID" },
	{ { .command = "DEL", .container_id = "c", .ifname = "eth0" }, "{", 6, "1.1.0", "no JSON" },
	{ { .command = "VERSION" }, "{", 6, "1.1.0", "no JSON" },
};

START_TEST(wrong_calls)
{
	json_auto_t *root = NULL;
	int code;

	root = run(&wrong[_i].env, wrong[_i].input, &code);
	ck_assert_int_eq(code, 1);
	ck_assert_int_eq(json_integer_value(json_object_get(root, "code")), wrong[_i].code);
	ck_assert_str_eq(text_of(root, "cniVersion"), wrong[_i].version);
	ck_assert_str_ne(text_of(root, "msg"), "");
	ck_assert_msg(strstr(text_of(root, "details"), wrong[_i].details), "%s",
		      text_of(root, "details"));
}
END_TEST

START_TEST(version)
{
	const char *const inputs[] = { "{\"cniVersion\":\"0.4.0\"}", "{\"cniVersion\":\"9.9.9\"}",
				       "", "{}" };
	const char *const says[] = { "0.4.0", "9.9.9", "1.1.0", "1.1.0" };
	const struct nt_cni_env env = { .command = "VERSION" };
	const json_t *list;
	json_auto_t *root = NULL;
	int code;

	root = run(&env, inputs[_i], &code);
	ck_assert_int_eq(code, 0);
	ck_assert_str_eq(text_of(root, "cniVersion"), says[_i]);
	list = json_object_get(root, "supportedVersions");
	ck_assert_uint_eq(json_array_size(list), 5);
	ck_assert_str_eq(json_string_value(json_array_get(list, 0)), "0.3.0");
	ck_assert_str_eq(json_string_value(json_array_get(list, 4)), "1.1.0");
}
END_TEST

START_TEST(newest_verbs)
{
	const char *const verbs[] = { "GC", "STATUS" };
	const struct nt_cni_env env = { .command = verbs[_i] };
	int code;

	ck_assert_ptr_null(run(&env, NEW, &code));
	ck_assert_int_eq(code, 0);
}
END_TEST

/* Whatever a message holds, stdout is JSON. */
START_TEST(error_of_any_octets)
{
	char msg[257];

	for (int i = 0; i < 256; i++)
		msg[i] = (char)(i + 1);
	msg[255] = '\0';
	for (int details = 0; details < 2; details++) {
		_cleanup_buf_ struct nt_buf out = {};
		json_auto_t *root = NULL;

		nt_cni_result_error(&out, "1.0.0", 7, msg, details ? msg : NULL);
		root = json_loadb(out.p, out.len, 0, NULL);
		ck_assert_ptr_nonnull(root);
		ck_assert_int_eq(json_object_size(root), 3 + details);
	}
}
END_TEST

START_TEST(result_as_it_came)
{
	_cleanup_buf_ struct nt_buf out = {};

	nt_cni_result_print(&out, nt_slice_str("{ \"b\":1e400, \"a\":[ ] }"));
	ck_assert_str_eq(nt_buf_str(&out), "{ \"b\":1e400, \"a\":[ ] }\n");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cni_verbs");
	TCase *t = tcase_create("verbs");

	tcase_add_loop_test(t, wrong_calls, 0, NT_ARRAY_LEN(wrong));
	tcase_add_loop_test(t, version, 0, 4);
	tcase_add_loop_test(t, newest_verbs, 0, 2);
	tcase_add_test(t, error_of_any_octets);
	tcase_add_test(t, result_as_it_came);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
