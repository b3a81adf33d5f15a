/* SPDX-License-Identifier: Apache-2.0 */
/* The installer backwards, below a host root of its own: each kind of file, names that others gave,
 * links, dry runs, what is nobody's of ours. */
#include "dataplane/installer/takeout.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dataplane/installer/conflist.h"
#include "dataplane/installer/stub.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "tests/unit/suite.h"

#define NET_D "/etc/cni/net.d"
#define BIN "/opt/cni/bin"
#define ENTRY NT_SLICE_LIT("{\"type\":\"nametap\",\"capabilities\":{\"dns\":true}}")

/* As somebody wrote it, with what an encoder would change. */
static const char plain[] = "{ \"cniVersion\": \"1.0.0\",\n\t\"name\":\"net\", \"x\": 1e3,\n"
			    "  \"plugins\": [\n    {\"type\": \"ptp\"}\n  ]\n}\n\n";
static const char single[] = "{\"cniVersion\":\"0.4.0\",\"name\":\"one\",\"type\":\"bridge\"}\n";

static char root[] = "/tmp/nt-takeout-XXXXXX";
static struct nt_buf said;

static void path_of(const char *path, char out[256])
{
	snprintf(out, 256, "%s%s", root, path);
}

static void put(const char *path, struct nt_slice text, mode_t mode)
{
	char full[256];
	struct nt_err err;

	path_of(path, full);
	ck_assert_int_eq(nt_file_replace_at(AT_FDCWD, full, text, 0600, &err), 0);
	ck_assert_int_eq(chmod(full, mode), 0);
}

static void has(const char *path, struct nt_slice text, mode_t mode)
{
	_cleanup_buf_ struct nt_buf there = { 0 };
	char full[256];
	struct stat st;

	path_of(path, full);
	ck_assert_msg(nt_file_read_at(AT_FDCWD, full, 1 << 20, &there, NULL) == 0, "%s", path);
	ck_assert_msg(nt_slice_eq(nt_slice_mem(there.p, there.len), text), "%s: %.*s", path,
		      (int)there.len, nt_buf_str(&there));
	ck_assert_int_eq(lstat(full, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, mode);
}

static bool is_there(const char *path)
{
	char full[256];
	struct stat st;

	path_of(path, full);
	return lstat(full, &st) == 0;
}

static void with_entry(const char *path, mode_t mode)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_err err;

	ck_assert_int_eq(nt_conflist_add(nt_slice_str(plain), ENTRY, false, &out, &err), 1);
	put(path, nt_slice_mem(out.p, out.len), mode);
}

static void say(void *ctx, const char *what, const char *path)
{
	(void)ctx;
	nt_buf_printf(&said, "%s %s\n", what, path);
}

static void add(struct nt_install_record *r, enum nt_installed_kind kind, const char *path)
{
	ck_assert_int_eq(nt_install_record_add(r, kind, path, false), 1);
}

static void make_node(struct nt_install_record *r)
{
	_cleanup_buf_ struct nt_buf made = { 0 };
	char full[256];
	struct nt_err err;

	ck_assert_ptr_nonnull(mkdtemp(root));
	path_of(NET_D "/net", full);
	ck_assert_int_eq(nt_file_mkdirs(full, 0755, &err), 0);
	path_of(BIN, full);
	ck_assert_int_eq(nt_file_mkdirs(full, 0755, &err), 0);
	path_of("/elsewhere", full);
	ck_assert_int_eq(nt_file_mkdirs(full, 0755, &err), 0);
	with_entry(NET_D "/10-net.conflist", 0640);
	with_entry(NET_D "/10-net.conflist.cilium_bak", 0600);
	with_entry("/elsewhere/linked.conflist", 0644);
	path_of(NET_D "/20-linked.conflist", full);
	ck_assert_int_eq(symlink("/elsewhere/linked.conflist", full), 0); /* of the host */
	ck_assert_int_eq(
		nt_conflist_of_conf(nt_slice_str(single), "30-one.conf", ENTRY, &made, &err), 0);
	put(NET_D "/30-one.conf", nt_slice_str(single), 0644);
	put(NET_D "/30-one-nametap.conflist", nt_slice_mem(made.p, made.len), 0644);
	put(NET_D "/40-other.conflist", nt_slice_str(plain), 0604);
	put(NET_D "/50-broken.conflist", NT_SLICE_LIT("{ \"type\": \"nametap\""), 0644);
	put(NET_D "/net/99-nametap.conf", NT_SLICE_LIT("{\"type\":\"nametap\"}"), 0644);
	put(BIN "/nametap", NT_SLICE_LIT("the plugin"), 0711);
	memcpy(r->conf_dir, NET_D, sizeof(NET_D));
	memcpy(r->bin_dir, BIN, sizeof(BIN));
	add(r, NT_INSTALLED_ENTRY, NET_D "/10-net.conflist");
	add(r, NT_INSTALLED_ENTRY, NET_D "/gone.conflist");
	add(r, NT_INSTALLED_MADE, NET_D "/30-one-nametap.conflist");
	add(r, NT_INSTALLED_DROPIN, NET_D "/net/99-nametap.conf");
	add(r, NT_INSTALLED_BINARY, BIN "/nametap");
}

static void remove_node(void)
{
	char command[300];

	snprintf(command, sizeof(command), "rm -rf %s", root);
	ck_assert_int_eq(system(command), 0);
	nt_buf_done(&said);
}

static void is_as_before(void)
{
	has(NET_D "/10-net.conflist", nt_slice_str(plain), 0640);
	has(NET_D "/10-net.conflist.cilium_bak", nt_slice_str(plain), 0600);
	has("/elsewhere/linked.conflist", nt_slice_str(plain), 0644);
	has(NET_D "/30-one.conf", nt_slice_str(single), 0644);
	has(NET_D "/40-other.conflist", nt_slice_str(plain), 0604);
	has(NET_D "/50-broken.conflist", NT_SLICE_LIT("{ \"type\": \"nametap\""), 0644);
	ck_assert(!is_there(NET_D "/30-one-nametap.conflist"));
	ck_assert(!is_there(NET_D "/net"));
	ck_assert(is_there(NET_D "/20-linked.conflist"));
}

START_TEST(backwards)
{
	struct nt_install_record record = { 0 };
	struct nt_takeout t = { .record = &record, .host_root = root, .say = say };
	struct nt_err err = { 0 };

	make_node(&record);
	ck_assert_msg(nt_takeout_entries(&t, &err) == 5, "%s", err.msg);
	is_as_before();
	ck_assert_int_eq(nt_takeout_entries(&t, &err), 0);
	ck_assert_msg(nt_takeout_stub(&t, &err) == 1, "%s", err.msg);
	has(BIN "/nametap", nt_stub_image(), 0711);
	ck_assert_int_eq(nt_takeout_binary(&t, &err), 0);
	ck_assert(!is_there(BIN "/nametap"));
	ck_assert_int_eq(nt_takeout_stub(&t, &err), 0);
	ck_assert_int_eq(nt_takeout_binary(&t, &err), 0);
	nt_install_record_done(&record);
	remove_node();
}
END_TEST

/* Does containerd, which watches the folder itself, notice what is taken out? It goes by the
 * renames, writes and removals there. */
static bool is_noticed(const struct nt_takeout *t)
{
	char events[4096] __attribute__((aligned(8))), full[256];
	int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	struct nt_err err = { 0 };
	ssize_t len;

	path_of(NET_D, full);
	ck_assert_int_ge(inotify_add_watch(fd, full, IN_MODIFY | IN_MOVED_FROM | IN_DELETE), 0);
	ck_assert_msg(nt_takeout_entries(t, &err) == 1, "%s", err.msg);
	len = read(fd, events, sizeof(events));
	close(fd);
	return len > 0;
}

/* What changes is in another folder: of a link, the drop-in's. */
START_TEST(elsewhere)
{
	struct nt_install_record record = { 0 };
	struct nt_takeout t = { .record = &record, .host_root = root, .say = say };
	struct nt_err err = { 0 };

	make_node(&record);
	ck_assert_int_eq(nt_takeout_entries(&t, &err), 5);
	with_entry("/elsewhere/linked.conflist", 0644);
	ck_assert(is_noticed(&t));
	has("/elsewhere/linked.conflist", nt_slice_str(plain), 0644);
	nt_install_record_done(&record);
	remove_node();
}
END_TEST

START_TEST(elsewhere_dropin)
{
	struct nt_install_record record = { 0 };
	struct nt_takeout t = { .record = &record, .host_root = root, .say = say };
	struct nt_err err = { 0 };
	char full[256];

	make_node(&record);
	path_of(NET_D "/net", full);
	ck_assert_int_eq(nt_takeout_entries(&t, &err), 5);
	ck_assert_int_eq(nt_file_mkdirs(full, 0755, &err), 0);
	put(NET_D "/net/other.conf", NT_SLICE_LIT("{\"type\":\"tuning\"}"), 0644);
	put(NET_D "/net/99-nametap.conf", NT_SLICE_LIT("{\"type\":\"nametap\"}"), 0644);
	ck_assert(is_noticed(&t));
	ck_assert(!is_there(NET_D "/net/99-nametap.conf"));
	ck_assert(is_there(NET_D "/net/other.conf"));
	nt_install_record_done(&record);
	remove_node();
}
END_TEST

static void make_socket(const char *path)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char full[256];

	path_of(path, full);
	ck_assert_uint_lt(strlen(full), sizeof(a.sun_path));
	strcpy(a.sun_path, full);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
}

/* What is no configuration, and one that is held open for writing: they keep our entry in no other
 * file. */
START_TEST(odd_files)
{
	static const char only_ours[] = "{\"cniVersion\":\"1.0.0\",\"name\":\"n\","
					"\"plugins\":[{\"type\":\"nametap\"}]}";
	struct nt_install_record record = { 0 };
	struct nt_takeout t = { .record = &record, .host_root = root, .say = say };
	struct nt_err err = { 0 };
	char full[256];
	int writer;

	make_node(&record);
	make_socket(NET_D "/00-a");
	put(NET_D "/01-only.conflist", nt_slice_str(only_ours), 0644);
	path_of(NET_D "/02-fifo.conflist", full);
	ck_assert_int_eq(mkfifo(full, 0600), 0);
	with_entry(NET_D "/03-busy.conflist", 0640);
	path_of(NET_D "/03-busy.conflist", full);
	writer = open(full, O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(writer, 0);
	ck_assert_int_eq(nt_takeout_entries(&t, &err), -EAGAIN);
	ck_assert_ptr_nonnull(strstr(err.msg, "03-busy.conflist"));
	is_as_before();
	has(NET_D "/01-only.conflist", nt_slice_str(only_ours), 0644);
	close(writer);
	ck_assert_msg(nt_takeout_entries(&t, &err) == 1, "%s", err.msg);
	has(NET_D "/03-busy.conflist", nt_slice_str(plain), 0640);
	nt_install_record_done(&record);
	remove_node();
}
END_TEST

/* Without our entry, or no JSON yet, and somebody has it open: the plugin went, and the finished
 * file named it. */
START_TEST(written_in_place)
{
	_cleanup_buf_ struct nt_buf whole = { 0 };
	struct nt_install_record record = { 0 };
	struct nt_takeout t = { .record = &record, .host_root = root, .say = say };
	struct nt_err err = { 0 };
	char full[256];
	int writer;

	make_node(&record);
	ck_assert_int_eq(nt_takeout_entries(&t, &err), 5);
	ck_assert_int_eq(nt_takeout_stub(&t, &err), 1);
	ck_assert_int_eq(nt_conflist_add(nt_slice_str(plain), ENTRY, false, &whole, &err), 1);
	path_of(NET_D "/40-other.conflist", full);
	writer = open(full, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ck_assert_int_eq(write(writer, whole.p, whole.len / 2), whole.len / 2);
	ck_assert_int_eq(nt_takeout_entries(&t, &err), -EAGAIN);
	ck_assert_ptr_nonnull(strstr(err.msg, "40-other.conflist"));
	ck_assert_int_eq(nt_takeout_binary(&t, &err), -EAGAIN);
	has(BIN "/nametap", nt_stub_image(), 01711);
	ck_assert_int_eq(write(writer, whole.p + whole.len / 2, whole.len - whole.len / 2),
			 whole.len - whole.len / 2);
	close(writer);
	ck_assert_int_eq(nt_takeout_entries(&t, &err), 1);
	has(NET_D "/40-other.conflist", nt_slice_str(plain), 0604);
	ck_assert_int_eq(nt_takeout_stub(&t, &err), 1);
	ck_assert_int_eq(nt_takeout_binary(&t, &err), 0);
	ck_assert(!is_there(BIN "/nametap"));
	nt_install_record_done(&record);
	remove_node();
}
END_TEST

START_TEST(dry)
{
	struct nt_install_record record = { 0 };
	struct nt_takeout t = { .record = &record, .host_root = root, .say = say, .dry_run = true };
	struct nt_err err = { 0 };

	make_node(&record);
	ck_assert_int_ge(nt_takeout_entries(&t, &err), 5);
	ck_assert_int_eq(nt_takeout_stub(&t, &err), 1);
	ck_assert_int_eq(nt_takeout_binary(&t, &err), 0);
	has(BIN "/nametap", NT_SLICE_LIT("the plugin"), 0711);
	ck_assert(is_there(NET_D "/net/99-nametap.conf"));
	ck_assert(is_there(NET_D "/30-one-nametap.conflist"));
	ck_assert_ptr_nonnull(strstr(said.p, "change " NET_D "/10-net.conflist\n"));
	ck_assert_ptr_nonnull(strstr(said.p, "remove " NET_D "/30-one-nametap.conflist\n"));
	ck_assert_ptr_nonnull(strstr(said.p, "replace by the stub " BIN "/nametap\n"));
	ck_assert_ptr_null(strstr(said.p, "40-other"));
	nt_install_record_done(&record);
	remove_node();
}
END_TEST

/* An attachment that needs us, and a plugin that somebody linked by hand. */
START_TEST(users_and_links)
{
	struct nt_install_record record = { 0 };
	struct nt_takeout t = { .record = &record, .host_root = root, .say = say };
	struct nt_err err = { 0 };
	char cache[256], full[256];

	make_node(&record);
	path_of("/cache", cache);
	ck_assert_int_eq(nt_file_mkdirs(cache, 0755, &err), 0);
	put("/cache/net-c1-eth0", NT_SLICE_LIT("{\"config\":\"eyJ0eXBlIjoibmFtZXRhcCJ9\"}"), 0600);
	put("/elsewhere/nametap", NT_SLICE_LIT("the plugin"), 0755);
	path_of(BIN "/nametap", full);
	ck_assert_int_eq(unlink(full), 0);
	ck_assert_int_eq(symlink("../../../elsewhere/nametap", full), 0);
	t.cache_dir = "/nowhere/at/all"; /* not mounted */
	ck_assert_msg(nt_takeout_stub(&t, &err) == 1, "%s", err.msg);
	ck_assert_int_eq(nt_takeout_binary(&t, &err), -ENOENT);
	ck_assert(is_there(BIN "/nametap"));
	t.cache_dir = cache;
	has("/elsewhere/nametap", NT_SLICE_LIT("the plugin"), 0755);
	has(BIN "/nametap", nt_stub_image(), 0755);
	ck_assert_int_eq(nt_takeout_binary(&t, &err), 1);
	ck_assert(is_there(BIN "/nametap"));
	nt_install_record_done(&record);
	remove_node();
}
END_TEST

/* As Multus makes its own from the first network of the node. */
START_TEST(inside)
{
	static const char multus[] = "{\"cniVersion\":\"0.3.1\",\"name\":\"multus\",\"type\":"
				     "\"multus\",\"delegates\":[{\"plugins\":[{\"type\":\"ptp\"},"
				     "{\"type\":\"nametap\"}]}]}";
	struct nt_install_record record = { 0 };
	struct nt_takeout t = { .record = &record, .host_root = root, .say = say };
	struct nt_err err = { 0 };
	char full[256];

	make_node(&record);
	put(NET_D "/00-multus.conf", nt_slice_str(multus), 0600);
	ck_assert_int_eq(nt_takeout_entries(&t, &err), 5);
	has(NET_D "/00-multus.conf", nt_slice_str(multus), 0600);
	ck_assert_int_eq(nt_takeout_stub(&t, &err), 1);
	ck_assert_int_eq(nt_takeout_binary(&t, &err), -EBUSY);
	ck_assert_ptr_nonnull(strstr(err.msg, "00-multus.conf"));
	has(BIN "/nametap", nt_stub_image(), 01711);
	path_of(NET_D "/00-multus.conf", full);
	ck_assert_int_eq(unlink(full), 0);
	ck_assert_int_eq(nt_takeout_stub(&t, &err), 1);
	has(BIN "/nametap", nt_stub_image(), 0711);
	ck_assert_int_eq(nt_takeout_binary(&t, &err), 0);
	ck_assert(!is_there(BIN "/nametap"));
	nt_install_record_done(&record);
	remove_node();
}
END_TEST

/* Nothing was ever installed, or its folders are gone. */
START_TEST(nothing)
{
	struct nt_install_record record = { 0 };
	struct nt_takeout t = { .record = &record, .host_root = "", .say = say };
	struct nt_err err = { 0 };

	ck_assert_int_eq(nt_takeout_entries(&t, &err), 0);
	memcpy(record.conf_dir, "/nowhere/at/all", 16);
	add(&record, NT_INSTALLED_ENTRY, "/nowhere/at/all/a");
	add(&record, NT_INSTALLED_DROPIN, "/nowhere/at/all/b/c");
	add(&record, NT_INSTALLED_BINARY, "/nowhere/at/all/d");
	ck_assert_msg(nt_takeout_entries(&t, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(nt_takeout_stub(&t, &err), 0);
	ck_assert_int_eq(nt_takeout_binary(&t, &err), 0);
	ck_assert_uint_eq(said.len, 0);
	nt_install_record_done(&record);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("takeout");
	TCase *tc = tcase_create("all");

	tcase_add_test(tc, backwards);
	tcase_add_test(tc, elsewhere);
	tcase_add_test(tc, elsewhere_dropin);
	tcase_add_test(tc, odd_files);
	tcase_add_test(tc, written_in_place);
	tcase_add_test(tc, dry);
	tcase_add_test(tc, users_and_links);
	tcase_add_test(tc, inside);
	tcase_add_test(tc, nothing);
	tcase_set_timeout(tc, 60); /* a file that is busy is waited for, 5 s */
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
