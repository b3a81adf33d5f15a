/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of pods that are not tapped: who may take them away, and which of a network go with GC. */
#include "dataplane/taps/failures.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

static char folder[64];

static struct nt_pod pod_of(const char *container, const char *ifname, const char *network)
{
	struct nt_pod pod = {};

	snprintf(pod.container_id, sizeof(pod.container_id), "%s", container);
	snprintf(pod.ifname, sizeof(pod.ifname), "%s", ifname);
	snprintf(pod.network, sizeof(pod.network), "%s", network);
	return pod;
}

static void make_folder(void)
{
	snprintf(folder, sizeof(folder), "/tmp/nt-failures-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", folder);
	ck_assert_int_eq(system(command), 0);
}

START_TEST(kinds)
{
	struct nt_pod a = pod_of("a", "eth0", "n"), b = pod_of("b", "eth0", "n");
	struct nt_err err;

	ck_assert_int_eq(nt_failure_find(folder, &a), NT_FAILURE_NONE);
	ck_assert_int_eq(nt_failure_put(folder, &a, "/n/a", "no veth", &err), 0);
	ck_assert_int_eq(nt_failure_put_excluded(folder, &b, "/n/b", "excluded", &err), 0);
	ck_assert_int_eq(nt_failure_find(folder, &a), NT_FAILURE_FAILED);
	ck_assert_int_eq(nt_failure_find(folder, &b), NT_FAILURE_EXCLUDED);
	/* The reason for the same pod changes. */
	ck_assert_int_eq(nt_failure_put(folder, &b, "/n/b", "excluded", &err), 0);
	ck_assert_int_eq(nt_failure_find(folder, &b), NT_FAILURE_FAILED);
	nt_failure_drop(folder, &a);
	ck_assert_int_eq(nt_failure_find(folder, &a), NT_FAILURE_NONE);
}
END_TEST

/* A DEL of the old netns comes when the container was added anew (T18). */
START_TEST(late_end)
{
	struct nt_pod a = pod_of("a", "eth0", "n");
	static const struct {
		const char *netns;
		bool stays;
	} ends[] = { { "/n/old", true }, { "/n/new", false }, { "", false }, { NULL, false } };
	struct nt_err err;

	for (size_t i = 0; i < NT_ARRAY_LEN(ends); i++) {
		ck_assert_int_eq(nt_failure_put(folder, &a, "/n/new", "no veth", &err), 0);
		nt_failure_end(folder, &a, ends[i].netns);
		ck_assert_int_eq(nt_failure_find(folder, &a) != NT_FAILURE_NONE, ends[i].stays);
	}
	/* Nor does one that names none, as long as what the note names is there. */
	for (size_t i = 0; i < 2; i++) {
		ck_assert_int_eq(nt_failure_put(folder, &a, "/proc/self/ns/net", "no veth", &err),
				 0);
		nt_failure_end(folder, &a, i ? "" : NULL);
		ck_assert_int_eq(nt_failure_find(folder, &a), NT_FAILURE_FAILED);
	}
	/* Where the note names none nobody can say that it is another's. */
	ck_assert_int_eq(nt_failure_put(folder, &a, NULL, "no veth", &err), 0);
	nt_failure_end(folder, &a, "/n/old");
	ck_assert_int_eq(nt_failure_find(folder, &a), NT_FAILURE_NONE);
}
END_TEST

static void add_name(void *ctx, const struct nt_pod *pod)
{
	char *names = ctx;
	size_t len = strlen(names);

	snprintf(names + len, 256 - len, "%s %s %s/%s %s;", pod->container_id, pod->ifname,
		 pod->namespace_, pod->name, pod->uid);
}

START_TEST(those_left_alone)
{
	struct nt_pod a = pod_of("a", "eth0", "n"), b = pod_of("b", "eth1", "n");
	char names[256] = "";
	struct nt_err err;

	nt_failure_each_excluded("/none", add_name, names);
	ck_assert_int_eq(nt_failure_put(folder, &a, "/n/a", "no veth", &err), 0);
	snprintf(b.namespace_, sizeof(b.namespace_), "kube-system");
	snprintf(b.name, sizeof(b.name), "proxy");
	snprintf(b.uid, sizeof(b.uid), "u-1");
	ck_assert_int_eq(nt_failure_put_excluded(folder, &b, "/n/b", "excluded", &err), 0);
	nt_failure_each_excluded(folder, add_name, names);
	ck_assert_str_eq(names, "b eth1 kube-system/proxy u-1;");
}
END_TEST

static bool is_a(void *ctx, const char *container_id, const char *ifname)
{
	(*(unsigned *)ctx)++;
	return strcmp(container_id, "a") == 0 && strcmp(ifname, "eth0") == 0;
}

START_TEST(sweep)
{
	const struct {
		struct nt_pod pod;
		bool stays;
	} notes[] = {
		{ pod_of("a", "eth0", "n"), true },  { pod_of("a", "eth1", "n"), false },
		{ pod_of("b", "eth0", "n"), false }, { pod_of("c", "eth0", "other"), true },
		{ pod_of("d", "eth0", ""), true },
	};
	unsigned asked = 0;
	struct nt_err err;

	for (size_t i = 0; i < NT_ARRAY_LEN(notes); i++)
		ck_assert_int_eq(nt_failure_put(folder, &notes[i].pod, NULL, "x", &err), 0);
	nt_failure_sweep(folder, "n", is_a, &asked);
	for (size_t i = 0; i < NT_ARRAY_LEN(notes); i++)
		ck_assert_int_eq(nt_failure_find(folder, &notes[i].pod) != NT_FAILURE_NONE,
				 notes[i].stays);
	ck_assert_uint_eq(asked, 3);
	nt_failure_sweep("/none", "n", is_a, &asked);
}
END_TEST

/* What is no note is nobody's, and is left where it is. */
START_TEST(odd_files)
{
	static const char *const texts[] = { "", "{", "[]", "7", "{\"network\":7}", "\xff" };
	unsigned asked = 0;
	char path[128];

	snprintf(path, sizeof(path), "%s/failed", folder);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/failed/a-eth0.json", folder);
	for (size_t i = 0; i < NT_ARRAY_LEN(texts); i++) {
		struct nt_pod a = pod_of("a", "eth0", "n");
		FILE *f = fopen(path, "w");

		ck_assert_ptr_nonnull(f);
		fputs(texts[i], f);
		fclose(f);
		nt_failure_sweep(folder, "n", is_a, &asked);
		ck_assert_int_eq(access(path, F_OK), 0);
		ck_assert_int_ne(nt_failure_find(folder, &a), NT_FAILURE_EXCLUDED);
		nt_failure_end(folder, &a, "/n");
		ck_assert_int_ne(access(path, F_OK), 0);
	}
	ck_assert_uint_eq(asked, 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("failures");
	TCase *t = tcase_create("notes");

	tcase_add_checked_fixture(t, make_folder, remove_folder);
	tcase_add_test(t, kinds);
	tcase_add_test(t, late_end);
	tcase_add_test(t, those_left_alone);
	tcase_add_test(t, sweep);
	tcase_add_test(t, odd_files);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
