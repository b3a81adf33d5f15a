/* SPDX-License-Identifier: Apache-2.0 */
/* The runtimes' CNI cache: recorded entries, the old form, everything malformed. */
#include "dataplane/agent/cnicache.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>

#include "lib/base/addr.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "tests/unit/suite.h"

#define RECORDED "tests/unit/data/cnicache"
#define WEB "8bec4aa29e0fa4316368fa9bd109eba3cac34f3adad358a3f8fd5413e274732a"
#define TWO "02e8dc445f9ff31fdad84869cdee4065513ba50fc4bd741ace12bc8b4fbfa5aa"

static int parse_recorded(const char *file, struct nt_cnicache_entry *ret, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	char path[512];

	snprintf(path, sizeof(path), RECORDED "/%s", file);
	ck_assert_int_eq(nt_file_read_at(AT_FDCWD, path, NT_CNICACHE_FILE_BYTES, &text, NULL), 0);
	return nt_cnicache_parse(file, nt_slice_mem(text.p, text.len), ret, err);
}

static const char *address(const struct nt_abi_addr *a)
{
	static char text[NT_ADDR_TEXT_MAX];
	struct nt_addr addr = nt_addr_from(a->family, a->octets);

	return nt_addr_format(&addr, text);
}

START_TEST(containerd)
{
	struct nt_cnicache_entry e;
	struct nt_err err = { 0 };

	ck_assert_msg(parse_recorded("k8s-pod-network-" WEB "-eth0", &e, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(e.pod.namespace_, "demo");
	ck_assert_str_eq(e.pod.name, "web-cff6d99c6-9n8bj");
	ck_assert_str_eq(e.pod.uid, "11aee3aa-771b-4195-ac71-1c28c0f8549e");
	ck_assert_str_eq(e.pod.container_id, WEB);
	ck_assert_str_eq(e.pod.ifname, "eth0");
	ck_assert_str_eq(e.pod.network, "k8s-pod-network");
	ck_assert_str_eq(e.netns, "/var/run/netns/cni-49a1d7cf-5e68-3edc-bbcf-4ce8152f81f7");
	ck_assert_str_eq(address(&e.pod.ips[0]), "10.244.0.18");
	ck_assert_uint_eq(e.pod.ips[1].family, 0);
	ck_assert_uint_eq(e.pod.dns, NT_DNS_RUNTIME);
	ck_assert_str_eq(address(&e.pod.servers[0]), "10.96.0.10");
	ck_assert_str_eq(e.pod.searches, "demo.svc.cluster.local svc.cluster.local cluster.local");
}
END_TEST

START_TEST(podman)
{
	struct nt_cnicache_entry e;
	struct nt_err err = { 0 };

	ck_assert_msg(parse_recorded("second-" TWO "-eth1", &e, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(e.pod.namespace_, "");
	ck_assert_str_eq(e.pod.name, "two");
	ck_assert_str_eq(e.pod.uid, "");
	ck_assert_str_eq(e.pod.ifname, "eth1");
	ck_assert_str_eq(address(&e.pod.ips[0]), "10.89.7.2");
	ck_assert_str_eq(e.netns, "/run/netns/netns-60b005ee-8d78-4435-c260-37ea180f6fe7");
	ck_assert_uint_eq(e.pod.dns, NT_DNS_UNKNOWN);
}
END_TEST

START_TEST(loopback_is_ignored)
{
	struct nt_cnicache_entry e;
	struct nt_err err = { 0 };

	ck_assert_int_eq(parse_recorded("cni-loopback-" WEB "-lo", &e, &err), -ENOENT);
}
END_TEST

/* libcni before 0.8 kept the bare result: the name says container and network, nothing says who. */
START_TEST(bare_result)
{
	static const char text[] =
		"{\"cniVersion\":\"0.3.1\",\"interfaces\":[{\"name\":\"cni0\"},"
		"{\"name\":\"eth0\",\"sandbox\":\"/proc/42/ns/net\"}],"
		"\"ips\":[{\"version\":\"4\",\"interface\":1,\"address\":\"10.1.0.9/24\"}]}";
	struct nt_cnicache_entry e;
	struct nt_err err = { 0 };
	int r = nt_cnicache_parse("my-net-0a1b2c-eth0", nt_slice_str(text), &e, &err);

	ck_assert_msg(r == 0, "%s", err.msg);
	ck_assert_str_eq(e.pod.network, "my-net");
	ck_assert_str_eq(e.pod.container_id, "0a1b2c");
	ck_assert_str_eq(e.pod.ifname, "eth0");
	ck_assert_str_eq(e.pod.name, "");
	ck_assert_str_eq(e.netns, "/proc/42/ns/net");
	ck_assert_str_eq(address(&e.pod.ips[0]), "10.1.0.9");
}
END_TEST

#define V1(rest) "{\"kind\":\"cniCacheV1\"," rest "}"
#define IDS "\"containerId\":\"c\",\"ifName\":\"eth0\",\"networkName\":\"n\""
#define RESULT "\"result\":{\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"/run/netns/x\"}]}"

static const struct {
	const char *file;
	const char *text;
	const char *says; /* NULL: fine */
} cases[] = {
	{ "f", V1(IDS "," RESULT), NULL },
	/* libcni 1.2 says the netns beside the result. */
	{ "f", V1(IDS ",\"netns\":\"/run/netns/y\",\"result\":{}"), NULL },
	{ "f", "", "no JSON object" },
	{ "f", "[]", "no JSON object" },
	{ "f", "{", "no JSON object" },
	{ "f", "{\"kind\":\"cniCacheV2\"}", "not known" },
	{ "f", V1("\"ifName\":\"eth0\",\"networkName\":\"n\"," RESULT), "no container id" },
	{ "f", V1("\"containerId\":\"../c\",\"ifName\":\"eth0\",\"networkName\":\"n\"," RESULT),
	  "no container id" },
	{ "f", V1("\"containerId\":\"c\",\"ifName\":\"a/b\",\"networkName\":\"n\"," RESULT),
	  "no interface name" },
	{ "f", V1("\"containerId\":\"c\",\"ifName\":\"eth0\"," RESULT), "no network name" },
	{ "f",
	  V1("\"containerId\":\"c\\u0000d\",\"ifName\":\"eth0\",\"networkName\":\"n\"," RESULT),
	  "no container id" },
	{ "f", V1(IDS ",\"cniArgs\":[[\"K8S_POD_NAME\"]]," RESULT), "no pairs" },
	{ "f", V1(IDS ",\"cniArgs\":[[\"K8S_POD_NAME\",1]]," RESULT), "no pairs" },
	{ "f", V1(IDS ",\"cniArgs\":[[\"K8S_POD_NAME\",\"a\\u0000b\"]]," RESULT), "no pairs" },
	{ "f", V1(IDS), "which network namespace" },
	{ "f", V1(IDS ",\"result\":{\"interfaces\":[{\"name\":\"eth0\"}]}"), "which network" },
	{ "f", V1(IDS ",\"result\":{},\"netns\":\"relative\""), "which network namespace" },
	{ "n-c-eth0", "{}", "nor a result" },
	{ "n-c-eth0", "{\"interfaces\":[{\"name\":\"eth1\",\"sandbox\":\"/x\"}]}",
	  "not NETWORK-CONTAINER" },
	{ "c-eth0", "{\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"/x\"}]}",
	  "not NETWORK-CONTAINER" },
	{ "n-c-eth0",
	  "{\"interfaces\":[{\"name\":\"eth0\",\"sandbox\":\"/x\"},{\"name\":\"e\",\"sandbox\":\"/"
	  "x\"}]}",
	  "nor a result" },
};

START_TEST(malformed)
{
	struct nt_cnicache_entry e;
	struct nt_err err = { 0 };
	int r = nt_cnicache_parse(cases[_i].file, nt_slice_str(cases[_i].text), &e, &err);

	if (!cases[_i].says) {
		ck_assert_msg(r == 0, "%s", err.msg);
		return;
	}
	ck_assert_int_eq(r, -EBADMSG);
	ck_assert_msg(strstr(err.msg, cases[_i].says), "%s", err.msg);
}
END_TEST

/* A torn entry is refused or says the same as the whole one: never half of a name. */
START_TEST(torn_anywhere)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_cnicache_entry e;

	ck_assert_int_eq(nt_file_read_at(AT_FDCWD, RECORDED "/podman-" TWO "-eth0",
					 NT_CNICACHE_FILE_BYTES, &text, NULL),
			 0);
	for (size_t len = 0; len < text.len - 1; len++)
		ck_assert_int_eq(nt_cnicache_parse("f", nt_slice_mem(text.p, len), &e, NULL),
				 -EBADMSG);
}
END_TEST

static void count(void *ctx, const struct nt_cnicache_entry *entry)
{
	(void)entry;
	++*(size_t *)ctx;
}

START_TEST(folder)
{
	struct nt_err err = { 0 };
	size_t found = 0, bad = 0;

	ck_assert_int_eq(nt_cnicache_scan(RECORDED, count, &found, &bad, &err), 0);
	ck_assert_uint_eq(found, 3);
	ck_assert_uint_eq(bad, 1); /* README.md */
	found = 0;
	ck_assert_int_eq(nt_cnicache_scan(RECORDED "/none", count, &found, &bad, &err), 0);
	ck_assert_uint_eq(found + bad, 0);
	/* Not empty, but not readable: nobody may take that for the end of its pods. */
	ck_assert_int_eq(nt_cnicache_scan(RECORDED "/README.md", count, &found, &bad, &err),
			 -ENOTDIR);
	ck_assert_uint_eq(found + bad, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("agent_cnicache");
	TCase *t = tcase_create("cnicache");

	tcase_add_test(t, containerd);
	tcase_add_test(t, podman);
	tcase_add_test(t, loopback_is_ignored);
	tcase_add_test(t, bare_result);
	tcase_add_loop_test(t, malformed, 0, NT_ARRAY_LEN(cases));
	tcase_add_test(t, torn_anywhere);
	tcase_add_test(t, folder);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
