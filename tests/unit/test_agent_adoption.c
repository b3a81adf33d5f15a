/* SPDX-License-Identifier: Apache-2.0 */
/* What adoption reads beside the cache: Pod objects, a pod's resolv.conf, network namespaces; and
 * the notes of pods that are not tapped, until they are told as gone. */
#include "dataplane/agent/failed.h"
#include "dataplane/agent/netnses.h"
#include "dataplane/agent/podcgroup.h"
#include "dataplane/agent/podlist.h"
#include "dataplane/agent/resolvconf.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/taps/failures.h"
#include "dataplane/taps/podinfo.h"
#include "lib/base/cleanup.h"
#include "lib/objects/manifest.h"
#include "tests/unit/suite.h"

static char folder[64];

static void set_up(void)
{
	snprintf(folder, sizeof(folder), "/tmp/nt-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void tear_down(void)
{
	char line[128];

	snprintf(line, sizeof(line), "rm -r %s", folder);
	ck_assert_int_eq(system(line), 0);
}

/* --- what stands for a container id --- */

#define LONG_NAME                                                                             \
	"a-name-that-the-api-takes-and-that-is-too-long-beside-a-namespace-to-be-part-of-a-"  \
	"container-id-of-191-octets-as-runtimes-may-have-them-and-file-names-here-do-and-so-" \
	"is-no-stand-in"

static const struct {
	const char *ns, *name, *uid;
	int result;
	const char *id;
} stand_ins[] = {
	{ "shop", "web", "u-1", 0, "pod-u-1" },
	{ "shop", "web", "", 0, "pod-shop.web" },
	{ "shop", LONG_NAME, "u-1", 0, "pod-u-1" },
	{ "a-namespace-of-some-length", LONG_NAME, "", -ENAMETOOLONG, "as before" },
	{ "shop", "web", "../u", -EINVAL, "as before" },
};

START_TEST(stand_in)
{
	struct nt_pod pod = { .container_id = "as before" };

	snprintf(pod.namespace_, sizeof(pod.namespace_), "%s", stand_ins[_i].ns);
	snprintf(pod.name, sizeof(pod.name), "%s", stand_ins[_i].name);
	snprintf(pod.uid, sizeof(pod.uid), "%s", stand_ins[_i].uid);
	ck_assert_int_eq(nt_podinfo_stand_in(&pod, pod.container_id), stand_ins[_i].result);
	ck_assert_str_eq(pod.container_id, stand_ins[_i].id);
}
END_TEST

/* --- objects --- */

#define HEAD "{\"apiVersion\":\"v1\",\"kind\":\"Pod\","
#define META HEAD "\"metadata\":{\"namespace\":\"shop\",\"name\":\"web\",\"uid\":\"u-1\"},"
#define RUNS "\"status\":{\"phase\":\"Running\",\"podIP\":\"10.1.0.2\"}}"

static const struct {
	const char *text;
	bool ours;
	enum nt_pod_dns dns;
	const char *searches;
} objects[] = {
	{ META "\"spec\":{\"nodeName\":\"n1\"}," RUNS, true, NT_DNS_DERIVED,
	  "shop.svc.c.local svc.c.local c.local" },
	{ META "\"spec\":{\"nodeName\":\"n1\",\"dnsConfig\":{\"searches\":[\"x.test\"]}}," RUNS,
	  true, NT_DNS_DERIVED, "shop.svc.c.local svc.c.local c.local x.test" },
	{ META "\"spec\":{\"nodeName\":\"n1\",\"dnsPolicy\":\"None\",\"dnsConfig\":{\"searches\":"
	       "[\"x.test\"],\"nameservers\":[\"9.9.9.9\"]}}," RUNS,
	  true, NT_DNS_DERIVED, "x.test" },
	{ META "\"spec\":{\"nodeName\":\"n1\",\"dnsPolicy\":\"Default\"}," RUNS, true,
	  NT_DNS_UNKNOWN, "" },
	{ META "\"spec\":{\"nodeName\":\"n2\"}," RUNS, false, 0, "" },
	{ META "\"spec\":{}," RUNS, false, 0, "" },
	{ META "\"spec\":{\"nodeName\":\"n1\",\"hostNetwork\":true}," RUNS, false, 0, "" },
	{ HEAD
	  "\"metadata\":{\"namespace\":\"shop\",\"name\":\"web\",\"uid\":\"u-1\","
	  "\"deletionTimestamp\":\"2026-11-26T19:00:00Z\"},\"spec\":{\"nodeName\":\"n1\"}," RUNS,
	  false, 0, "" },
	{ META "\"spec\":{\"nodeName\":\"n1\"},\"status\":{\"phase\":\"Succeeded\",\"podIP\":"
	       "\"10.1.0.2\"}}",
	  false, 0, "" },
	{ META "\"spec\":{\"nodeName\":\"n1\"},\"status\":{\"phase\":\"Pending\",\"podIP\":"
	       "\"10.1.0.2\"}}",
	  false, 0, "" },
	{ META "\"spec\":{\"nodeName\":\"n1\"},\"status\":{\"phase\":\"Running\"}}", false, 0, "" },
};

START_TEST(pod_objects)
{
	struct nt_manifest m = { 0 };
	const struct nt_object *object;
	struct nt_pod pod;

	ck_assert_int_eq(nt_manifest_parse(nt_slice_str(objects[_i].text), NT_MANIFEST_JSON, &m),
			 0);
	ck_assert_uint_eq(m.objects_len, 1);
	object = &m.objects[0].compact->object;
	ck_assert_int_eq(nt_podlist_is_ours(object, "n1"), objects[_i].ours);
	if (!objects[_i].ours) {
		nt_manifest_done(&m);
		return;
	}
	ck_assert(nt_podlist_describe(object, &pod));
	ck_assert_str_eq(pod.container_id, "pod-u-1");
	ck_assert_str_eq(pod.name, "web");
	ck_assert_uint_eq(pod.ips[0].family, 4);
	nt_podlist_derive_dns(object, "c.local", &pod);
	ck_assert_uint_eq(pod.dns, objects[_i].dns);
	ck_assert_str_eq(pod.searches, objects[_i].searches);
	nt_manifest_done(&m);
}
END_TEST

/* --- resolv.conf --- */

static const struct {
	const char *text;
	unsigned servers;
	const char *searches;
	enum nt_pod_dns dns;
} files[] = {
	{ "nameserver 10.96.0.10\nsearch a.test b.test\noptions ndots:5\n", 1, "a.test b.test",
	  NT_DNS_FILE },
	{ "search a.test\nsearch b.test\n", 0, "b.test", NT_DNS_FILE },
	{ "  nameserver\t::1\r\nnameserver x\nnameserver 1.2.3.4", 2, "", NT_DNS_FILE },
	{ "nameserver 1.1.1.1\nnameserver 1.1.1.2\nnameserver 1.1.1.3\nnameserver 1.1.1.4\n"
	  "nameserver 1.1.1.5\n",
	  4, "", NT_DNS_FILE },
	{ "# nothing\n", 0, "", NT_DNS_UNKNOWN },
	{ "", 0, "", NT_DNS_UNKNOWN },
};

START_TEST(resolv_conf)
{
	struct nt_pod pod = { 0 };
	unsigned n = 0;

	nt_resolvconf_describe(nt_slice_str(files[_i].text), &pod);
	while (n < NT_POD_SERVERS && pod.servers[n].family)
		n++;
	ck_assert_uint_eq(n, files[_i].servers);
	ck_assert_str_eq(pod.searches, files[_i].searches);
	ck_assert_uint_eq(pod.dns, files[_i].dns);
}
END_TEST

static void write_file(const char *below, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, below);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
}

static void make_dir(const char *below)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder, below);
	ck_assert_int_eq(mkdir(path, 0700), 0);
}

static const struct {
	const char *text, *domain; /* "": none is found */
} domains[] = {
	{ "search nametap.svc.cluster.local svc.cluster.local cluster.local corp.test\n",
	  "cluster.local" },
	{ "search a.svc.K8S.Example.ORG. svc.k8s.example.org k8s.example.org\nnameserver "
	  "10.0.0.1\n",
	  "k8s.example.org" },
	/* No list of kubelet's: the node's own, a company with a zone `svc`. */
	{ "search corp.test\n", "" },
	{ "search svc.corp.test\n", "" },
	{ "search svc.\n", "" },
	{ "search mysvc.corp.test corp.test\n", "" },
	{ "", "" },
};

START_TEST(cluster_domain_of_resolv_conf)
{
	char path[256], domain[NT_NAME_TEXT_MAX] = "";

	snprintf(path, sizeof(path), "%s/resolv", folder);
	ck_assert(!nt_resolvconf_cluster_domain(path, domain));
	write_file("resolv", domains[_i].text);
	ck_assert_int_eq(nt_resolvconf_cluster_domain(path, domain), domains[_i].domain[0] != 0);
	ck_assert_str_eq(domain, domains[_i].domain);
	unlink(path);
}
END_TEST

/* Links are the pod's to make: they must end in its root, and nothing but a file is read. */
START_TEST(resolv_conf_of_a_process)
{
	struct nt_pod pod = { 0 };
	struct nt_err err;
	char path[256];

	make_dir("7");
	make_dir("7/root");
	make_dir("7/root/etc");
	ck_assert_int_eq(nt_resolvconf_of_process(folder, 7, &pod, &err), -ENOENT);
	write_file("secret", "search stolen.test\n");
	snprintf(path, sizeof(path), "%s/7/root/etc/resolv.conf", folder);
	ck_assert_int_eq(symlink("../../../secret", path), 0);
	ck_assert_int_eq(nt_resolvconf_of_process(folder, 7, &pod, &err), -ENOENT);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_int_eq(nt_resolvconf_of_process(folder, 7, &pod, &err), -ENOENT);
	ck_assert_str_eq(pod.searches, "");
	ck_assert_int_eq(unlink(path), 0);
	write_file("7/root/run", "search own.test\n");
	ck_assert_int_eq(symlink("/run", path), 0);
	ck_assert_int_eq(nt_resolvconf_of_process(folder, 7, &pod, &err), 0);
	ck_assert_str_eq(pod.searches, "own.test");
	ck_assert_int_eq(nt_resolvconf_of_process(folder, 8, &pod, &err), -ENOENT);
}
END_TEST

/* --- cgroups --- */

#define POD_UID "5f872824-d55e-4b5c-9a3e-0123456789ab"
#define POD_HASH "ab99bac5dccf841330aa2e1715a1aaf9"

static const struct {
	const char *name, *uid; /* NULL: none */
} groups[] = {
	{ "pod" POD_UID, POD_UID },
	{ "pod" POD_HASH, POD_HASH },
	{ "kubepods-burstable-pod5f872824_d55e_4b5c_9a3e_0123456789ab.slice", POD_UID },
	{ "kubepods-pod5f872824_d55e_4b5c_9a3e_0123456789ab.slice", POD_UID },
	{ "kubepods-besteffort-pod" POD_HASH ".slice", POD_HASH },
	{ "kubepods-burstable.slice", NULL },
	{ "kubepods.slice", NULL },
	{ "system.slice", NULL },
	{ "pod", NULL },
	{ "podman", NULL },
	{ "pod5f872824", NULL },
	{ "pod" POD_UID "0", NULL },
	{ "kubepods-pod.slice", NULL },
	{ "cri-containerd-" POD_HASH ".scope", NULL },
	{ "", NULL },
};

START_TEST(cgroup_names)
{
	char uid[NT_PODCGROUP_UID];
	bool is = nt_podcgroup_uid(nt_slice_str(groups[_i].name), uid);

	ck_assert_int_eq(is, groups[_i].uid != NULL);
	if (is)
		ck_assert_str_eq(uid, groups[_i].uid);
}
END_TEST

/* --- namespaces --- */

START_TEST(namespaces)
{
	struct nt_netnses n = { 0 };
	struct nt_err err;
	struct stat own;

	ck_assert_int_eq(stat("/proc/self/ns/net", &own), 0);
	write_file("empty", "");
	ck_assert_int_eq(nt_netnses_read(&n, "/proc", folder, &err), 0);
	ck_assert_ptr_null(nt_netnses_find(&n, own.st_ino, own.st_dev));
	for (size_t i = 0; i < n.len; i++) {
		ck_assert_ptr_eq(nt_netnses_find(&n, n.items[i].ino, n.items[i].dev), &n.items[i]);
		ck_assert(i == 0 || n.items[i - 1].ino < n.items[i].ino);
	}
	ck_assert_int_eq(nt_netnses_read(&n, "/none", "/none", &err), 0);
	ck_assert_uint_eq(n.len, 0);
	nt_netnses_done(&n);
}
END_TEST

/* --- notes --- */

static void put(const char *container, const char *why)
{
	struct nt_pod pod = { .ifname = "eth0", .name = "web" };
	struct nt_err err;

	snprintf(pod.container_id, sizeof(pod.container_id), "%s", container);
	ck_assert_int_eq(nt_failure_put(folder, &pod, NULL, why, &err), 0);
}

static void drop(const char *container)
{
	struct nt_pod pod = { .ifname = "eth0" };

	snprintf(pod.container_id, sizeof(pod.container_id), "%s", container);
	nt_failure_drop(folder, &pod);
}

/* Two at once are two endpoints; one that goes is told as gone once, however late the batch is. */
START_TEST(notes)
{
	struct nt_failed f = { 0 };
	char path[128];
	uint64_t gone;

	snprintf(path, sizeof(path), "%s/failed", folder);
	nt_failed_scan(&f, path);
	ck_assert_uint_eq(f.len, 0);
	put("c1", "no veth");
	put("c2", "no link");
	usleep(50000); /* a folder that has changed just now is read again */
	nt_failed_scan(&f, path);
	ck_assert_uint_eq(f.len, 2);
	ck_assert_uint_eq(f.failing, 2);
	ck_assert(f.changed);
	ck_assert_uint_ne(f.endpoints[0].ep_id, f.endpoints[1].ep_id);
	ck_assert(f.endpoints[0].ep_id & NT_FAILED_EP_ID);
	f.changed = false; /* a batch */
	put("c1", "no veth");
	nt_failed_scan(&f, path);
	ck_assert(!f.changed);
	drop("c1");
	nt_failed_scan(&f, path);
	ck_assert_uint_eq(f.len, 2);
	ck_assert_uint_eq(f.failing, 1);
	ck_assert_int_eq(f.endpoints[1].state, NT_ENDPOINT_GONE);
	ck_assert(nt_slice_eq(f.endpoints[1].reason, NT_SLICE_LIT("no veth")));
	ck_assert_int_ge(f.endpoints[1].until_us, f.endpoints[1].since_us);
	gone = f.endpoints[1].ep_id;
	drop("c2"); /* before a batch was written */
	nt_failed_scan(&f, path);
	ck_assert_uint_eq(f.len, 2);
	ck_assert_uint_eq(f.failing, 0);
	ck_assert(f.endpoints[0].ep_id == gone || f.endpoints[1].ep_id == gone);
	f.changed = false;
	put("c3", "no route");
	nt_failed_scan(&f, path);
	ck_assert_uint_eq(f.len, 1);
	nt_failed_done(&f);
}
END_TEST

/* A note that comes after the folder was read, but within the same tick of the kernel's clock. */
START_TEST(note_within_a_tick)
{
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, { time(NULL) + 3600, 0 } };
	struct nt_failed f = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/failed", folder);
	put("c1", "no veth");
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
	nt_failed_scan(&f, path);
	ck_assert_uint_eq(f.len, 1);
	put("c2", "no link");
	ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
	nt_failed_scan(&f, path);
	ck_assert_uint_eq(f.len, 2);
	nt_failed_done(&f);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("agent_adoption");
	TCase *t = tcase_create("adoption");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, stand_in, 0, NT_ARRAY_LEN(stand_ins));
	tcase_add_loop_test(t, pod_objects, 0, NT_ARRAY_LEN(objects));
	tcase_add_loop_test(t, resolv_conf, 0, NT_ARRAY_LEN(files));
	tcase_add_loop_test(t, cluster_domain_of_resolv_conf, 0, NT_ARRAY_LEN(domains));
	tcase_add_test(t, resolv_conf_of_a_process);
	tcase_add_loop_test(t, cgroup_names, 0, NT_ARRAY_LEN(groups));
	tcase_add_test(t, namespaces);
	tcase_add_test(t, notes);
	tcase_add_test(t, note_within_a_tick);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
