/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration on stdin: recorded ones of real runtimes, our keys, everything malformed. */
#include "cni/config.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/addr.h"
#include "dataplane/taps/seen.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "tests/unit/suite.h"

#define RECORDED "tests/unit/data/cni"

static int parse(const char *text, struct nt_cni_config *c, struct nt_err *err)
{
	return nt_cni_config_parse(nt_slice_str(text), c, err);
}

static void read_recorded(const char *name, struct nt_buf *text)
{
	char path[512];

	snprintf(path, sizeof(path), RECORDED "/%s", name);
	ck_assert_int_eq(nt_file_read_at(AT_FDCWD, path, NT_CNI_STDIN_MAX, text, NULL), 0);
}

/* Not our own walk over the text, but a decoder, says whether it is the same value. */
static void check_same_value(const struct nt_cni_config *c, struct nt_slice whole)
{
	json_auto_t *root = json_loadb(whole.p, whole.len, 0, NULL);
	json_auto_t *out = NULL;
	const json_t *prev = json_object_get(root, "prevResult");

	ck_assert_ptr_nonnull(root);
	if (!prev) {
		ck_assert_ptr_null(c->prev_result.p);
		return;
	}
	out = json_loadb(c->prev_result.p, c->prev_result.len, 0, NULL);
	ck_assert_ptr_nonnull(out);
	ck_assert(json_equal(prev, out));
	/* And not one octet is new. */
	ck_assert(c->prev_result.p > whole.p);
	ck_assert(c->prev_result.p + c->prev_result.len < whole.p + whole.len);
}

START_TEST(recorded_ones_pass)
{
	_cleanup_closedir_ DIR *dir = opendir(RECORDED);
	const struct dirent *entry;
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir))) {
		_cleanup_buf_ struct nt_buf text = {};
		_cleanup_config_ struct nt_cni_config c;
		struct nt_err err = {};

		if (!strstr(entry->d_name, ".json"))
			continue;
		read_recorded(entry->d_name, &text);
		ck_assert_msg(nt_cni_config_parse(nt_slice_mem(text.p, text.len), &c, &err) == 0,
			      "%s: %s", entry->d_name, err.msg);
		check_same_value(&c, nt_slice_mem(text.p, text.len));
		n++;
	}
	ck_assert_uint_ge(n, 9);
}
END_TEST

static const char *address(const struct nt_abi_addr *a)
{
	static char text[NT_ADDR_TEXT_MAX];
	struct nt_addr addr = nt_addr_from(a->family, a->octets);

	return nt_addr_format(&addr, text);
}

static struct nt_pod describe(const char *recorded, const char *ifname)
{
	_cleanup_buf_ struct nt_buf text = {};
	_cleanup_config_ struct nt_cni_config c;
	struct nt_pod pod = {};

	read_recorded(recorded, &text);
	ck_assert_int_eq(nt_cni_config_parse(nt_slice_mem(text.p, text.len), &c, NULL), 0);
	nt_cni_config_describe(&c, ifname, &pod);
	return pod;
}

START_TEST(pod_of_containerd)
{
	struct nt_pod pod = describe("containerd-1.0.0-add.json", "eth0");

	ck_assert_str_eq(pod.network, "k8s-pod-network");
	ck_assert_str_eq(address(&pod.ips[0]), "10.244.0.21");
	ck_assert_uint_eq(pod.ips[1].family, 0);
	ck_assert_str_eq(address(&pod.servers[0]), "10.96.0.10");
	ck_assert_uint_eq(pod.servers[1].family, 0);
	ck_assert_str_eq(pod.searches, "demo.svc.cluster.local svc.cluster.local cluster.local");
}
END_TEST

START_TEST(pod_with_two_families)
{
	struct nt_pod pod = describe("containerd-dualstack-add.json", "eth0");

	ck_assert_str_eq(address(&pod.ips[0]), "10.244.0.10");
	ck_assert_str_eq(address(&pod.ips[1]), "fd00:10:244::2");
	ck_assert_str_eq(pod.searches, "");
}
END_TEST

START_TEST(pod_of_podman)
{
	struct nt_pod pod = describe("podman-second-add.json", "eth1");

	ck_assert_str_eq(pod.network, "second");
	ck_assert_str_eq(address(&pod.ips[0]), "10.89.7.2");
	/* The address is that of another interface. */
	pod = describe("podman-second-add.json", "eth0");
	ck_assert_uint_eq(pod.ips[0].family, 0);
}
END_TEST

#define HEAD "{\"cniVersion\":\"1.0.0\",\"name\":\"n\","

/* What must come out octet by octet: things that decoders like to change. */
static const char *const values[] = {
	"{}",
	"{ }",
	"{\"z\":1,\"a\":2}",
	"{\"a\":1,\"a\":2}",
	"{\"big\":123456789012345678901234567890}",
	"{\"big\":18446744073709551615,\"neg\":-9223372036854775809}",
	"{\"real\":1.0,\"e\":1E5,\"small\":0.1000}",
	"{\"s\":\"\\u00e9\\/\\\"}],{\\\\\"}",
	"{\"s\":\"}\",\"t\":[\"]\",{\"u\":\"\\\\\"}]}",
	"{\n\t\"nested\" : [ [ { \"prevResult\": 1 } ] ],\r\n \"n\":null }",
	"{\"nul\":\"\\u0000\"}",
	"{\"\xc3\xa9\":\"\xf0\x9f\x90\xb3\"}",
};

START_TEST(prev_result_as_it_came)
{
	static const char *const frames[] = {
		HEAD "\"prevResult\":%s}",
		"{\"prevResult\":%s,\"cniVersion\":\"1.0.0\",\"name\":\"n\"}",
		" {\"cniVersion\" :\"1.0.0\" , \"a\\\"b\":[1,{\"x\":\"}\"}],\"name\":\"n\",\n"
		"\t\"prevResult\" :\r\n %s  \n, \"later\":{\"prevResult\":7}} \n",
		HEAD "\"prevResult\":{\"old\":1},\"prevResult\":%s}",
		HEAD "\"prevR\\u0065sult\":%s}",
		HEAD "\"prevResult\":{\"old\":1},\"\\u0070revResult\":%s}",
		HEAD "\"prevResults\":{\"no\":1},\"prevResult\":%s,\"prev\\nResult\":7}",
	};

	for (size_t i = 0; i < NT_ARRAY_LEN(frames); i++) {
		_cleanup_config_ struct nt_cni_config c;
		struct nt_err err = {};
		char text[2048];

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		snprintf(text, sizeof(text), frames[i], values[_i]);
#pragma GCC diagnostic pop
		ck_assert_msg(parse(text, &c, &err) == 0, "%s: %s", text, err.msg);
		ck_assert(nt_slice_eq(c.prev_result, nt_slice_str(values[_i])));
	}
}
END_TEST

#define SPECIFIED "tests/unit/data/cni-spec"

/* Each example of the specification, as a previous result and, where it is one, as a request. */
START_TEST(examples_of_the_specification)
{
	_cleanup_closedir_ DIR *dir = opendir(SPECIFIED);
	const struct dirent *entry;
	unsigned n = 0, requests = 0;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir))) {
		_cleanup_buf_ struct nt_buf example = {}, frame = {};
		_cleanup_config_ struct nt_cni_config c, request;
		struct nt_slice whole;
		char path[512];

		if (!strstr(entry->d_name, ".json"))
			continue;
		snprintf(path, sizeof(path), SPECIFIED "/%s", entry->d_name);
		ck_assert_int_eq(nt_file_read_at(AT_FDCWD, path, 65536, &example, NULL), 0);
		/* Without the newline at the end of the file. */
		whole = nt_slice_mem(example.p, example.len - 1);
		nt_buf_puts(&frame, HEAD "\"prevResult\":");
		nt_buf_slice(&frame, whole);
		nt_buf_puts(&frame, "}");
		ck_assert_msg(nt_cni_config_parse(nt_slice_mem(frame.p, frame.len), &c, NULL) == 0,
			      "%s", path);
		ck_assert_msg(nt_slice_eq(c.prev_result, whole), "%s", path);
		if (nt_cni_config_parse(whole, &request, NULL) == 0 && request.prev_result.p) {
			check_same_value(&request, whole);
			requests++;
		}
		n++;
	}
	ck_assert_uint_ge(n, 42);
	ck_assert_uint_ge(requests, 10);
}
END_TEST

static const struct {
	const char *text;
	int code;
	const char *says; /* part of the message */
} bad[] = {
	{ "", NT_CNI_DECODE, "no JSON" },
	{ "{", NT_CNI_DECODE, "no JSON" },
	{ "not json", NT_CNI_DECODE, "no JSON" },
	{ "[]", NT_CNI_DECODE, "no JSON object" },
	{ "\"text\"", NT_CNI_DECODE, "no JSON" },
	{ HEAD "\"prevResult\":{}", NT_CNI_DECODE, "no JSON" },
	{ HEAD "\"a\":\"\xff\xfe\"}", NT_CNI_DECODE, "no JSON" },
	{ HEAD "\"a\":\"\xc3\"}", NT_CNI_DECODE, "no JSON" },
	{ HEAD "\"a\":1} trailing", NT_CNI_DECODE, "no JSON" },
	{ "{}", NT_CNI_VERSION, "0.1.0" },
	{ "{\"cniVersion\":\"0.2.0\",\"name\":\"n\"}", NT_CNI_VERSION, "0.2.0" },
	{ "{\"cniVersion\":\"2.0.0\",\"name\":\"n\"}", NT_CNI_VERSION, "2.0.0" },
	{ "{\"cniVersion\":\"\",\"name\":\"n\"}", NT_CNI_VERSION, "not supported" },
	{ "{\"cniVersion\":1,\"name\":\"n\"}", NT_CNI_DECODE, "cniVersion" },
	{ "{\"cniVersion\":\"1.0.0\\u0000\",\"name\":\"n\"}", NT_CNI_DECODE, "cniVersion" },
	{ "{\"cniVersions\":[\"0.2.0\",\"1.2.0\",7],\"name\":\"n\"}", NT_CNI_VERSION, "0.1.0" },
	{ "{\"cniVersions\":\"1.0.0\",\"name\":\"n\"}", NT_CNI_VERSION, "0.1.0" },
	{ "{\"cniVersion\":\"1.0.0\"}", NT_CNI_CONFIG, "name" },
	{ "{\"cniVersion\":\"1.0.0\",\"name\":\"\"}", NT_CNI_CONFIG, "name" },
	{ "{\"cniVersion\":\"1.0.0\",\"name\":{}}", NT_CNI_CONFIG, "name" },
	{ "{\"cniVersion\":\"1.0.0\",\"name\":\"../n\"}", NT_CNI_CONFIG, "name" },
	{ "{\"cniVersion\":\"1.0.0\",\"name\":\"-n\"}", NT_CNI_CONFIG, "name" },
	{ "{\"cniVersion\":\"1.0.0\",\"name\":\"a b\"}", NT_CNI_CONFIG, "name" },
	{ "{\"cniVersion\":\"1.0.0\",\"name\":\"a\\u0000b\"}", NT_CNI_CONFIG, "name" },
	{ HEAD "\"prevResult\":[]}", NT_CNI_CONFIG, "prevResult" },
	{ HEAD "\"prevResult\":\"x\"}", NT_CNI_CONFIG, "prevResult" },
	{ HEAD "\"bpffs\":\"relative\"}", NT_CNI_CONFIG, "bpffs" },
	{ HEAD "\"bpffs\":\"/a/../b\"}", NT_CNI_CONFIG, "bpffs" },
	{ HEAD "\"bpffs\":\"/a/..\"}", NT_CNI_CONFIG, "bpffs" },
	{ HEAD "\"bpffs\":7}", NT_CNI_CONFIG, "bpffs" },
	{ HEAD "\"stateDir\":\"\"}", NT_CNI_CONFIG, "stateDir" },
	{ HEAD "\"ringBytes\":1000}", NT_CNI_CONFIG, "ringBytes" },
	{ HEAD "\"ringBytes\":8192}", NT_CNI_CONFIG, "ringBytes" },
	{ HEAD "\"ringBytes\":-16384}", NT_CNI_CONFIG, "ringBytes" },
	{ HEAD "\"ringBytes\":16384.5}", NT_CNI_CONFIG, "ringBytes" },
	{ HEAD "\"ringBytes\":1e300}", NT_CNI_CONFIG, "ringBytes" },
	{ HEAD "\"ringBytes\":\"65536\"}", NT_CNI_CONFIG, "ringBytes" },
	{ HEAD "\"ports\":53}", NT_CNI_CONFIG, "ports" },
	{ HEAD "\"ports\":[]}", NT_CNI_CONFIG, "ports" },
	{ HEAD "\"ports\":[0]}", NT_CNI_CONFIG, "ports" },
	{ HEAD "\"ports\":[65536]}", NT_CNI_CONFIG, "ports" },
	{ HEAD "\"ports\":[53.5]}", NT_CNI_CONFIG, "ports" },
	{ HEAD "\"ports\":[1,2,3,4,5]}", NT_CNI_CONFIG, "ports" },
	{ HEAD "\"serverPorts\":5353}", NT_CNI_CONFIG, "serverPorts" },
	{ HEAD "\"serverPorts\":[0]}", NT_CNI_CONFIG, "serverPorts" },
	{ HEAD "\"onAttachError\":\"ignore\"}", NT_CNI_CONFIG, "onAttachError" },
	{ HEAD "\"onAttachError\":true}", NT_CNI_CONFIG, "onAttachError" },
	{ HEAD "\"onUnknownPolicy\":\"fail\"}", NT_CNI_CONFIG, "onUnknownPolicy" },
	{ HEAD "\"excludeNamespaces\":\"dev\"}", NT_CNI_CONFIG, "excludeNamespaces" },
	{ HEAD "\"excludeNamespaces\":{}}", NT_CNI_CONFIG, "excludeNamespaces" },
	{ HEAD "\"excludeNamespaces\":[\"dev\",7]}", NT_CNI_CONFIG, "excludeNamespaces" },
	{ HEAD "\"ownNamespace\":\"\"}", NT_CNI_CONFIG, "ownNamespace" },
	{ HEAD "\"ownNamespace\":[]}", NT_CNI_CONFIG, "ownNamespace" },
	{ HEAD "\"required\":\"true\"}", NT_CNI_CONFIG, "required" },
	{ HEAD "\"required\":1}", NT_CNI_CONFIG, "required" },
};

START_TEST(malformed)
{
	_cleanup_config_ struct nt_cni_config c;
	struct nt_err err = {};

	ck_assert_int_eq(parse(bad[_i].text, &c, &err), -bad[_i].code);
	ck_assert_int_eq(err.code, bad[_i].code);
	ck_assert_msg(strstr(err.msg, bad[_i].says), "%s", err.msg);
}
END_TEST

/* Each octet cut off and each octet changed: an answer, and never a crash. */
START_TEST(truncated_and_damaged)
{
	_cleanup_buf_ struct nt_buf text = {};

	read_recorded("containerd-1.0.0-add.json", &text);
	for (size_t len = 0; len < text.len; len++) {
		_cleanup_config_ struct nt_cni_config cut, damaged;
		_cleanup_free_ char *copy = malloc(text.len);

		ck_assert_ptr_nonnull(copy);
		memcpy(copy, text.p, text.len);
		ck_assert_int_eq(nt_cni_config_parse(nt_slice_mem(copy, len), &cut, NULL),
				 -NT_CNI_DECODE);
		copy[len] ^= 0x02;
		if (nt_cni_config_parse(nt_slice_mem(copy, text.len), &damaged, NULL) == 0) {
			struct nt_pod pod = {};

			nt_cni_config_describe(&damaged, "eth0", &pod);
		}
	}
}
END_TEST

START_TEST(too_deep)
{
	_cleanup_config_ struct nt_cni_config c;
	_cleanup_buf_ struct nt_buf text = {};
	struct nt_err err = {};

	nt_buf_puts(&text, HEAD "\"a\":");
	for (int i = 0; i < 100000; i++)
		nt_buf_putc(&text, _i ? '[' : '{');
	ck_assert_int_eq(nt_cni_config_parse(nt_slice_mem(text.p, text.len), &c, &err),
			 -NT_CNI_DECODE);
	ck_assert_msg(strstr(err.msg, "deep"), "%s", err.msg);
}
END_TEST

START_TEST(too_large)
{
	_cleanup_config_ struct nt_cni_config c;
	_cleanup_free_ char *text = malloc(NT_CNI_STDIN_MAX + 1);
	struct nt_err err = {};

	ck_assert_ptr_nonnull(text);
	memset(text, ' ', NT_CNI_STDIN_MAX + 1);
	ck_assert_int_eq(nt_cni_config_parse(nt_slice_mem(text, NT_CNI_STDIN_MAX + 1), &c, &err),
			 -NT_CNI_DECODE);
	ck_assert_msg(strstr(err.msg, "larger"), "%s", err.msg);
}
END_TEST

START_TEST(our_keys)
{
	_cleanup_config_ struct nt_cni_config c;

	ck_assert_int_eq(parse(HEAD
			       "\"bpffs\":\"/sys/fs/bpf/other\",\"stateDir\":\"/run/x..y\","
			       "\"ringBytes\":65536,\"ports\":[53,5353],\"serverPorts\":[5353],"
			       "\"onAttachError\":\"Fail\",\"unknown\":{\"a\":1}}",
			       &c, NULL),
			 0);
	ck_assert_str_eq(c.bpffs, "/sys/fs/bpf/other");
	ck_assert_str_eq(c.state_dir, "/run/x..y");
	ck_assert_uint_eq(c.load.ring_bytes, 65536);
	ck_assert_uint_eq(c.load.ports[0], 53);
	ck_assert_uint_eq(c.load.ports[1], 5353);
	ck_assert_uint_eq(c.load.ports[2], 0);
	ck_assert_uint_eq(c.load.server_ports[0], 5353);
	ck_assert_uint_eq(c.load.server_ports[1], 0);
	ck_assert_int_eq(c.on_attach_error, NT_CNI_FAIL);
	ck_assert_ptr_null(c.prev_result.p);
}
END_TEST

START_TEST(defaults)
{
	_cleanup_config_ struct nt_cni_config c;

	ck_assert_int_eq(parse(HEAD "\"prevResult\":null,\"bpffs\":null}", &c, NULL), 0);
	ck_assert_ptr_null(c.bpffs);
	ck_assert_ptr_null(c.state_dir);
	ck_assert_uint_eq(c.load.ring_bytes, 0);
	ck_assert_uint_eq(c.load.ports[0], 0);
	ck_assert_uint_eq(c.load.server_ports[0], 0);
	ck_assert_int_eq(c.on_attach_error, NT_CNI_IGNORE);
	ck_assert_int_eq(c.on_unknown_policy, NT_CNI_IGNORE);
	ck_assert_str_eq(c.own_namespace, "nametap");
	ck_assert(!c.excluded && !c.is_required && !c.valid[0] && !c.valid[1]);
	ck_assert_ptr_null(c.prev_result.p);
}
END_TEST

/* `cniVersion` is what the runtime has chosen; the list is for whoever has not. */
START_TEST(versions)
{
	static const struct {
		const char *text;
		const char *version;
	} cases[] = {
		{ "\"cniVersion\":\"0.4.0\",\"cniVersions\":[\"1.0.0\",\"1.1.0\"]", "0.4.0" },
		{ "\"cniVersion\":\"1.1.0\",\"cniVersions\":[\"0.3.1\"]", "1.1.0" },
		{ "\"cniVersion\":\"1.0.0\",\"cniVersions\":7", "1.0.0" },
		{ "\"cniVersions\":[\"0.3.1\",\"1.1.0\",\"1.0.0\",\"2.0.0\"]", "1.1.0" },
		{ "\"cniVersions\":[\"0.2.0\",\"0.3.0\"],\"cniVersion\":null", "0.3.0" },
	};
	_cleanup_config_ struct nt_cni_config c;
	char text[256];

	snprintf(text, sizeof(text), "{\"name\":\"n\",%s}", cases[_i].text);
	ck_assert_int_eq(parse(text, &c, NULL), 0);
	ck_assert_str_eq(c.cni_version, cases[_i].version);
}
END_TEST

/* A DEL goes on with what is right of it: somebody wrote a key wrongly after the pod was made. */
START_TEST(what_is_right_of_a_wrong_one)
{
	_cleanup_config_ struct nt_cni_config c;

	ck_assert_int_eq(parse("{\"cniVersion\":\"1.0.0\",\"name\":7,\"bpffs\":\"relative\","
			       "\"stateDir\":\"/run/x\",\"prevResult\":[]}",
			       &c, NULL),
			 -NT_CNI_CONFIG);
	ck_assert_ptr_null(c.bpffs);
	ck_assert_str_eq(c.state_dir, "/run/x");
	ck_assert_str_eq(c.cni_version, "1.0.0");
	ck_assert_ptr_null(c.name);
}
END_TEST

static struct nt_pod describe_text(const char *text)
{
	_cleanup_config_ struct nt_cni_config c;
	struct nt_err err = {};
	struct nt_pod pod = {};

	ck_assert_msg(parse(text, &c, &err) == 0, "%s", err.msg);
	nt_cni_config_describe(&c, "eth0", &pod);
	return pod;
}

START_TEST(dns_in_lower_case)
{
	struct nt_pod pod = describe_text(
		HEAD "\"runtimeConfig\":{\"dns\":{\"servers\":[\"fd00::a\",\"1.2.3.4\"],"
		     "\"searches\":[\"a.b\",\"c\"]}}}");

	ck_assert_str_eq(address(&pod.servers[0]), "fd00::a");
	ck_assert_str_eq(address(&pod.servers[1]), "1.2.3.4");
	ck_assert_str_eq(pod.searches, "a.b c");
}
END_TEST

/* What is odd is left out, what is too much is cut between names; the pod starts all the same. */
START_TEST(odd_descriptions)
{
	char text[4096], name[300];
	struct nt_pod pod;

	pod = describe_text(HEAD "\"runtimeConfig\":{\"dns\":{\"Servers\":[7,\"no\",\"1.1.1.1\","
				 "\"1.1.1.2\",\"1.1.1.3\",\"1.1.1.4\",\"1.1.1.5\"],\"Searches\":"
				 "[\"\",\"a b\",null,\"ok\"]}},\"prevResult\":{\"ips\":[1,{},"
				 "{\"address\":\"10.0.0.300/8\"},{\"address\":\"10.0.0.3/8\"},"
				 "{\"address\":\"10.0.0.4\",\"interface\":99},"
				 "{\"address\":\"10.0.0.5\",\"interface\":-1}]}}");
	ck_assert_str_eq(address(&pod.servers[0]), "1.1.1.1");
	ck_assert_str_eq(address(&pod.servers[3]), "1.1.1.4");
	ck_assert_str_eq(pod.searches, "ok");
	ck_assert_str_eq(address(&pod.ips[0]), "10.0.0.3");
	ck_assert_uint_eq(pod.ips[1].family, 0);
	memset(name, 'x', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	snprintf(text, sizeof(text),
		 HEAD "\"runtimeConfig\":{\"dns\":{\"Searches\":[\"%s\",\"%s\",\"short\"]}}}", name,
		 name);
	pod = describe_text(text);
	ck_assert_uint_eq(strlen(pod.searches), sizeof(name) - 1 + 6);
	ck_assert_str_eq(pod.searches + sizeof(name) - 1, " short");
	pod = describe_text(HEAD "\"runtimeConfig\":[],\"prevResult\":{\"ips\":{}}}");
	ck_assert_uint_eq(pod.ips[0].family, 0);
}
END_TEST

/* A DEL goes on with a configuration like this one, and leaves its mark by the way that it came. */
START_TEST(way_of_a_wrong_one)
{
	static const char *const wrong[] = { "\"name\":\"../n\"",
					     "\"name\":\"n\",\"bpffs\":\"x\"" };
	char text[256];

	for (size_t i = 0; i < NT_ARRAY_LEN(wrong); i++) {
		_cleanup_config_ struct nt_cni_config c;

		snprintf(text, sizeof(text), "{\"cniVersion\":\"1.0.0\",%s,\"%s\":\"%s\"}",
			 wrong[i], NT_SEEN_KEY, NT_SEEN_DROPIN);
		ck_assert_int_eq(nt_cni_config_parse(nt_slice_str(text), &c, NULL), -NT_CNI_CONFIG);
		ck_assert(c.via_dropin);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cni_config");
	TCase *t = tcase_create("config");

	tcase_set_timeout(t, 60);
	tcase_add_test(t, recorded_ones_pass);
	tcase_add_test(t, pod_of_containerd);
	tcase_add_test(t, pod_with_two_families);
	tcase_add_test(t, pod_of_podman);
	tcase_add_loop_test(t, prev_result_as_it_came, 0, NT_ARRAY_LEN(values));
	tcase_add_test(t, examples_of_the_specification);
	tcase_add_loop_test(t, malformed, 0, NT_ARRAY_LEN(bad));
	tcase_add_test(t, truncated_and_damaged);
	tcase_add_loop_test(t, too_deep, 0, 2);
	tcase_add_test(t, too_large);
	tcase_add_test(t, our_keys);
	tcase_add_test(t, defaults);
	tcase_add_loop_test(t, versions, 0, 5);
	tcase_add_test(t, what_is_right_of_a_wrong_one);
	tcase_add_test(t, dns_in_lower_case);
	tcase_add_test(t, odd_descriptions);
	tcase_add_test(t, way_of_a_wrong_one);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
