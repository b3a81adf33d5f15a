/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin's environment: who the pod is, and what is refused. */
#include "cni/args.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cni/config.h"
#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

static const struct {
	const char *args;
	const char *ns;
	const char *name;
	const char *uid;
} good[] = {
	{ "IgnoreUnknown=1;K8S_POD_NAMESPACE=demo;K8S_POD_NAME=web-0;K8S_POD_UID=u-1;"
	  "K8S_POD_INFRA_CONTAINER_ID=abc",
	  "demo", "web-0", "u-1" },
	{ "K8S_POD_UID=u;K8S_POD_NAME=n;K8S_POD_NAMESPACE=s;IgnoreUnknown=1", "s", "n", "u" },
	/* podman knows a name only. */
	{ "IgnoreUnknown=1;K8S_POD_NAME=two", "", "two", "" },
	{ NULL, "", "", "" },
	{ "", "", "", "" },
	{ ";;", "", "", "" },
	{ "K8S_POD_NAME=;K8S_POD_NAMESPACE=x", "x", "", "" },
	{ "K8S_POD_NAME=a=b", "", "a=b", "" },
	{ "K8S_POD_NAME=longer;K8S_POD_NAME=b", "", "b", "" },
	{ "k8s_pod_name=x;K8S_POD_NAMES=y;K8S_POD_NAM=z;=", "", "", "" },
};

START_TEST(identity)
{
	struct nt_pod pod = {};
	struct nt_err err = {};

	ck_assert_msg(nt_cni_args_parse(good[_i].args, &pod, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(pod.namespace_, good[_i].ns);
	ck_assert_str_eq(pod.name, good[_i].name);
	ck_assert_str_eq(pod.uid, good[_i].uid);
}
END_TEST

START_TEST(no_pair)
{
	struct nt_pod pod = {};
	struct nt_err err = {};

	ck_assert_int_eq(nt_cni_args_parse("K8S_POD_NAME=a;nonsense", &pod, &err),
			 -NT_CNI_ENVIRONMENT);
	ck_assert_msg(strstr(err.msg, "nonsense"), "%s", err.msg);
}
END_TEST

/* Never cut: half a name is another pod's name. */
START_TEST(longest_names)
{
	static const struct {
		const char *key;
		size_t max;
	} keys[] = { { "K8S_POD_NAMESPACE=", 63 },
		     { "K8S_POD_NAME=", 255 },
		     { "K8S_POD_UID=", 63 } };
	struct nt_pod pod = {};
	char text[1024] = "";
	size_t n = strlen(keys[_i].key);

	memcpy(text, keys[_i].key, n);
	memset(text + n, 'x', keys[_i].max);
	ck_assert_int_eq(nt_cni_args_parse(text, &pod, NULL), 0);
	text[n + keys[_i].max] = 'x';
	ck_assert_int_eq(nt_cni_args_parse(text, &pod, NULL), -NT_CNI_ENVIRONMENT);
}
END_TEST

#define X10 "xxxxxxxxxx"
#define X190 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

static const struct {
	const char *id;
	const char *ifname;
	const char *netns;
	unsigned need;
	const char *says; /* NULL: fine */
} cases[] = {
	{ "946671b112d5", "eth0", "/run/netns/x", 3, NULL },
	{ "a", "e", NULL, 1, NULL },
	{ "0_.-A", "eth0.5@x", "", 1, NULL },
	{ X190 "x", "eth0", "", 1, NULL },
	{ NULL, NULL, NULL, 0, NULL },
	{ NULL, "eth0", "/n", 3, "CNI_CONTAINERID=" },
	{ "", "eth0", "/n", 3, "CNI_CONTAINERID=" },
	{ "a", NULL, "/n", 3, "CNI_IFNAME=" },
	{ "a", "eth0", NULL, 3, "CNI_NETNS=" },
	{ "a", "eth0", "", 3, "CNI_NETNS=" },
	{ X190 "xx", "eth0", "/n", 3, "CNI_CONTAINERID=" },
	{ "../../etc/passwd", "eth0", "/n", 3, "CNI_CONTAINERID=../../etc/passwd" },
	{ "a/b", "eth0", "/n", 3, "CNI_CONTAINERID=a/b" },
	{ ".a", "eth0", "/n", 3, "CNI_CONTAINERID=.a" },
	{ "-a", "eth0", "/n", 3, "CNI_CONTAINERID=-a" },
	{ "a b", "eth0", "/n", 3, "CNI_CONTAINERID=a b" },
	{ "a\n", "eth0", "/n", 3, "CNI_CONTAINERID" },
	{ "\xc3\xa4", "eth0", "/n", 3, "CNI_CONTAINERID" },
	{ "a", "..", "/n", 3, "CNI_IFNAME=.." },
	{ "a", ".", "/n", 3, "CNI_IFNAME=." },
	{ "a", "a/b", "/n", 3, "CNI_IFNAME=a/b" },
	{ "a", "a:b", "/n", 3, "CNI_IFNAME=a:b" },
	{ "a", "a b", "/n", 3, "CNI_IFNAME=a b" },
	{ "a", "sixteen-octets-0", "/n", 3, "CNI_IFNAME=sixteen-octets-0" },
	/* Not needed by this verb, but no better for that. */
	{ "../x", NULL, NULL, 0, "CNI_CONTAINERID=../x" },
};

START_TEST(environment)
{
	struct nt_cni_env env = { .command = "ADD",
				  .container_id = cases[_i].id,
				  .ifname = cases[_i].ifname,
				  .netns = cases[_i].netns };
	struct nt_err err = {};
	int r = nt_cni_env_check(&env, cases[_i].need, &err);

	if (!cases[_i].says) {
		ck_assert_msg(r == 0, "%s", err.msg);
		return;
	}
	ck_assert_int_eq(r, -NT_CNI_ENVIRONMENT);
	ck_assert_msg(strstr(err.msg, cases[_i].says), "%s", err.msg);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cni_args");
	TCase *t = tcase_create("args");

	tcase_add_loop_test(t, identity, 0, NT_ARRAY_LEN(good));
	tcase_add_test(t, no_pair);
	tcase_add_loop_test(t, longest_names, 0, 3);
	tcase_add_loop_test(t, environment, 0, NT_ARRAY_LEN(cases));
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
