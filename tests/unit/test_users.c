/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments that need the plugin's file at their end: recorded entries, and doubtful ones. */
#include "dataplane/installer/users.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "tests/unit/suite.h"

#define RECORDED "tests/unit/data/cnicache/"
/* {"plugins":[{"type":"ptp"},{"type":"nametap"}]}, the same without us, {"type":"nametap"}. */
#define OURS "\"eyJwbHVnaW5zIjpbeyJ0eXBlIjoicHRwIn0seyJ0eXBlIjoibmFtZXRhcCJ9XX0=\""
#define OTHERS "\"eyJwbHVnaW5zIjpbeyJ0eXBlIjoicHRwIn1dfQ==\""
#define SINGLE "\"eyJ0eXBlIjoibmFtZXRhcCJ9\""
#define ENTRY(config, more)                                                                      \
	"{\"kind\":\"cniCacheV1\",\"containerId\":\"c1\",\"ifName\":\"eth0\",\"config\":" config \
		more "}"

static const struct {
	const char *text;
	bool needs;
} entries[] = {
	{ ENTRY(OURS, ""), true },
	{ ENTRY(SINGLE, ""), true },
	{ ENTRY(OTHERS, ""), false },
	{ ENTRY(OURS, ",\"capabilityArgs\":{\"dns\":{}}"), true },
	/* containerd's: its DEL takes the conflist of now. */
	{ ENTRY(OURS, ",\"capabilityArgs\":{\"io.kubernetes.cri.pod-annotations\":null}"), false },
	{ ENTRY(OURS, ",\"cniArgs\":[[\"io.kubernetes.cri.pod-annotations\",\"x\"]]"), true },
	{ ENTRY("\"%%%\"", ""), true },
	{ ENTRY("\"\"", ""), true },
	{ ENTRY("5", ""), true },
	{ "{\"cniVersion\":\"0.3.1\",\"interfaces\":[]}", false }, /* libcni before 0.8 */
	{ "{\"kind\":\"cniCacheV1\",\"contai", true }, /* being written */
	{ "", true },
	{ "[]", true },
};

START_TEST(needs_us)
{
	struct nt_users_own own = { .container_id = "c1", .ifname = "eth0" },
			    other = { .container_id = "c2", .ifname = "eth0" };
	struct nt_slice text = nt_slice_str(entries[_i].text);
	bool is_own;

	ck_assert_int_eq(nt_users_needs_us(text, NULL, &is_own), entries[_i].needs);
	ck_assert(!is_own);
	ck_assert_int_eq(nt_users_needs_us(text, &own, &is_own), entries[_i].needs);
	ck_assert_int_eq(is_own, strstr(entries[_i].text, "\"c1\"") != NULL);
	ck_assert_int_eq(nt_users_needs_us(text, &other, &is_own), entries[_i].needs);
	ck_assert(!is_own);
}
END_TEST

/* Real ones, which have another chained plugin instead of ours. */
START_TEST(recorded)
{
	_cleanup_closedir_ DIR *dir = opendir(RECORDED);
	struct dirent *d;
	bool is_own;
	int n = 0;

	while ((d = readdir(dir))) {
		_cleanup_buf_ struct nt_buf text = { 0 };

		if (d->d_name[0] == '.' || strcmp(d->d_name, "README.md") == 0)
			continue;
		ck_assert_int_eq(nt_file_read_at(dirfd(dir), d->d_name, 1 << 20, &text, NULL), 0);
		ck_assert_msg(!nt_users_needs_us(nt_slice_mem(text.p, text.len), NULL, &is_own),
			      "%s", d->d_name);
		n++;
	}
	ck_assert_int_gt(n, 2);
}
END_TEST

/* Under podman the stub did not know its own entry, whose id has 64 characters, and stayed. */
START_TEST(long_id)
{
	const char *id = "a62e71169a7c317da5d134a507d491f1a4c8a98a969411e1210be35816d24bfd";
	struct nt_users_own own = { .container_id = id, .ifname = "eth0" };
	char text[512];
	bool is_own;

	snprintf(text, sizeof(text),
		 "{\"containerId\":\"%s\",\"ifName\":\"eth0\",\"config\":" OURS "}", id);
	ck_assert(nt_users_needs_us(nt_slice_str(text), &own, &is_own));
	ck_assert(is_own);
}
END_TEST

static void put(const char *dir, const char *name, const char *text)
{
	char path[256];
	struct nt_err err;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	ck_assert_int_eq(nt_file_replace_at(AT_FDCWD, path, nt_slice_str(text), 0600, &err), 0);
}

START_TEST(counted)
{
	struct nt_users_own own = { .container_id = "c1", .ifname = "eth0" };
	char dir[] = "/tmp/nt-users-XXXXXX", command[300];

	ck_assert_int_eq(nt_users_count("/nowhere/at/all", &own), 0);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	ck_assert_int_eq(nt_users_count(dir, &own), 0);
	put(dir, "net-c1-eth0", ENTRY(OURS, ""));
	ck_assert_int_eq(nt_users_count(dir, NULL), 1);
	ck_assert_int_eq(nt_users_count(dir, &own), 0);
	ck_assert(own.found);
	ck_assert_str_eq(own.file, "net-c1-eth0");
	ck_assert(nt_users_is_left(dir, &own));
	put(dir, "net-c1-eth0", ENTRY(OTHERS, "")); /* the same id again, without us */
	ck_assert(!nt_users_is_left(dir, &own));
	snprintf(command, sizeof(command), "rm %s/net-c1-eth0", dir);
	ck_assert_int_eq(system(command), 0);
	ck_assert(!nt_users_is_left(dir, &own));
	put(dir, "net-c1-eth0", ENTRY(OURS, ""));
	own.container_id = "c2";
	ck_assert_int_eq(nt_users_count(dir, &own), 1);
	ck_assert(!own.found);
	put(dir, "net-c3-eth0", ENTRY(OTHERS, ""));
	put(dir, "net-c4-eth0", "{");
	ck_assert_int_eq(nt_users_count(dir, &own), 2);
	snprintf(command, sizeof(command), "mkdir %s/folder && chmod 000 %s/folder", dir, dir);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(nt_users_count(dir, &own), 2);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(nt_users_count("/dev/null", &own), -ENOTDIR);
}
END_TEST

/* Multus gives libcni a cache of its own. */
START_TEST(counted_of_multus)
{
	struct nt_users_own own = { .container_id = "c1", .ifname = "eth0" };
	char dir[] = "/tmp/nt-users-XXXXXX", command[300], cache[64];

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(command, sizeof(command), "mkdir -p %s/results %s/multus/results", dir, dir);
	ck_assert_int_eq(system(command), 0);
	put(dir, "multus/results/net-c1-eth0", ENTRY(OURS, ""));
	snprintf(cache, sizeof(cache), "%s/results", dir);
	ck_assert_int_eq(nt_users_count(cache, NULL), 1);
	ck_assert_int_eq(nt_users_count(cache, &own), 0);
	ck_assert(own.found);
	ck_assert(nt_users_is_left(cache, &own));
	put(dir, "multus/results/net-c1-eth0", ENTRY(OTHERS, ""));
	ck_assert(!nt_users_is_left(cache, &own));
	ck_assert_int_eq(nt_users_count(cache, NULL), 0);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	ck_assert_int_eq(system(command), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("users");
	TCase *tc = tcase_create("all");

	tcase_add_loop_test(tc, needs_us, 0, (int)NT_ARRAY_LEN(entries));
	tcase_add_test(tc, recorded);
	tcase_add_test(tc, long_id);
	tcase_add_test(tc, counted);
	tcase_add_test(tc, counted_of_multus);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
