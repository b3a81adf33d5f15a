/* SPDX-License-Identifier: Apache-2.0 */
/* Rounds of the real installer on a host in a temporary folder. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/installer/installer.h"
#include "dataplane/installer/record.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"
#include "tests/unit/suite.h"

#define LIST "{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"plugins\":[{\"type\":\"a\"}]}"
#define CONF "{\"cniVersion\":\"1.0.0\",\"name\":\"net\",\"type\":\"a\"}"
#define NETD "host/etc/cni/net.d"
#define PLUGIN "host/opt/cni/bin/nametap"

static char root[] = "/tmp/nametap-unit-XXXXXX";
static char host[64], plugin[64], record[64], cache[64];
static int root_fd = -1;
static struct nt_installer *installer;
static const char *plugin_config;
static int64_t now_ns;
static struct nt_err why;

static void put(const char *path, const char *text)
{
	ck_assert_int_eq(nt_file_replace_at(root_fd, path, nt_slice_str(text), 0644, NULL), 0);
}

static void make_dirs(const char *path)
{
	char full[256];

	snprintf(full, sizeof(full), "%s/%s", root, path);
	ck_assert_int_eq(nt_file_mkdirs(full, 0755, NULL), 0);
}

static void start(void)
{
	const struct nt_installer_config config = {
		.host_root = host,
		.plugin = plugin,
		.record = record,
		.plugin_config = plugin_config,
		.cni_cache = cache,
		.state_dir = root,
		.drop_in = true,
	};

	nt_installer_free(installer);
	ck_assert_msg(nt_installer_new(&config, &installer, &why) == 0, "%s", why.msg);
}

static void make_host(void)
{
	nt_log_init("test", NT_LOG_ERROR);
	memcpy(root + sizeof(root) - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(root));
	root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(host, sizeof(host), "%s/host", root);
	snprintf(plugin, sizeof(plugin), "%s/plugin", root);
	snprintf(record, sizeof(record), "%s/installed.json", root);
	snprintf(cache, sizeof(cache), "%s/none", root);
	make_dirs(NETD);
	make_dirs("host/opt/cni/bin");
	put("plugin", "\177ELF ours");
	now_ns = NT_NS_PER_S;
	plugin_config = NULL;
	start();
}

static void remove_host(void)
{
	char command[128];

	nt_installer_free(installer);
	installer = NULL;
	close(root_fd);
	snprintf(command, sizeof(command), "rm -rf %s", root);
	ck_assert_int_eq(system(command), 0);
}

static int64_t round_after(int64_t ns)
{
	now_ns += ns;
	return nt_installer_round(installer, now_ns, &why);
}

static void expect(enum nt_install_state state)
{
	(void)round_after(NT_NS_PER_S);
	ck_assert_msg(nt_installer_stats(installer).state == state, "%s: %s",
		      nt_install_state_names[nt_installer_stats(installer).state], why.msg);
}

static bool is_there(const char *path)
{
	return faccessat(root_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool has(const char *path, const char *part)
{
	_cleanup_buf_ struct nt_buf text = {};

	return nt_file_read_at(root_fd, path, 1 << 20, &text, NULL) == 0 &&
	       strstr(nt_buf_str(&text), part);
}

static void lose(const char *path)
{
	ck_assert_int_eq(unlinkat(root_fd, path, 0), 0);
}

/* --- a program that cannot be put there --- */

START_TEST(no_program_no_entry)
{
	put(NETD "/10-net.conflist", LIST);
	expect(NT_INSTALL_READY);
	ck_assert(has(NETD "/10-net.conflist", "nametap"));
	lose("plugin");
	expect(NT_INSTALL_FAILED); /* the program of a former start is there */
	ck_assert_ptr_nonnull(strstr(why.msg, "--plugin"));
	ck_assert(has(NETD "/10-net.conflist", "nametap"));
	lose(PLUGIN);
	expect(NT_INSTALL_FAILED);
	ck_assert(has(NETD "/10-net.conflist", LIST));
	expect(NT_INSTALL_FAILED);
	put("plugin", "\177ELF ours");
	expect(NT_INSTALL_READY);
	ck_assert(is_there(PLUGIN) && has(NETD "/10-net.conflist", "nametap"));
}
END_TEST

START_TEST(no_program_no_list_of_ours)
{
	put(NETD "/10-net.conf", CONF);
	expect(NT_INSTALL_READY);
	ck_assert(has(NETD "/10-net-nametap.conflist", "nametap"));
	lose("plugin");
	lose(PLUGIN);
	expect(NT_INSTALL_FAILED);
	ck_assert(!is_there(NETD "/10-net-nametap.conflist"));
	put("plugin", "\177ELF ours");
	expect(NT_INSTALL_READY);
	ck_assert(has(NETD "/10-net-nametap.conflist", "nametap"));
}
END_TEST

/* A wrong program in the way, and ours is gone: the list is looked after all the same. */
START_TEST(another_program_keeps_the_entry)
{
	put(PLUGIN, "\177ELF former");
	lose("plugin");
	put(NETD "/10-net.conflist", LIST);
	expect(NT_INSTALL_FAILED);
	ck_assert(has(NETD "/10-net.conflist", "nametap"));
}
END_TEST

/* --- folders --- */

#define TOML(dir) "[plugins.\"io.containerd.grpc.v1.cri\".cni]\n  bin_dir = \"" dir "\"\n"

START_TEST(the_runtime_moves)
{
	make_dirs("host/etc/containerd");
	make_dirs("host/one");
	make_dirs("host/two");
	put("host/etc/containerd/config.toml", TOML("/one"));
	put(NETD "/10-net.conflist", LIST);
	expect(NT_INSTALL_READY);
	ck_assert(is_there("host/one/nametap"));
	put("host/etc/containerd/config.toml", "");
	expect(NT_INSTALL_READY);
	put("host/etc/containerd/config.toml", TOML("/two"));
	expect(NT_INSTALL_READY);
	ck_assert(!is_there(PLUGIN)); /* seen once: it was being written */
	expect(NT_INSTALL_READY);
	ck_assert(is_there("host/two/nametap"));
	ck_assert(has("installed.json", "/one/nametap") && has("installed.json", "/two/nametap"));
}
END_TEST

/* --- the record --- */

START_TEST(a_damaged_record_is_said_and_may_go)
{
	put("installed.json", "{\"version\": 99}");
	put(NETD "/10-net.conflist", LIST);
	start();
	expect(NT_INSTALL_FAILED);
	ck_assert_ptr_nonnull(strstr(why.msg, "no record of an installation"));
	ck_assert(has(NETD "/10-net.conflist", LIST));
	lose("installed.json");
	expect(NT_INSTALL_READY);
	ck_assert(has(NETD "/10-net.conflist", "nametap"));
}
END_TEST

START_TEST(a_lost_record_is_made_anew)
{
	make_dirs("none");
	put("host/var-list", LIST);
	ck_assert_int_eq(symlinkat("/var-list", root_fd, NETD "/10-net.conflist"), 0);
	expect(NT_INSTALL_READY);
	expect(NT_INSTALL_READY);
	ck_assert(is_there(NETD "/net/zz-nametap.conf"));
	lose("installed.json");
	start();
	expect(NT_INSTALL_READY);
	ck_assert(has("installed.json", "/opt/cni/bin/nametap"));
	ck_assert(has("installed.json", "/var-list"));
	ck_assert(has("installed.json", "/etc/cni/net.d/net/zz-nametap.conf"));
	put(NETD "/05-one.conf", CONF);
	expect(NT_INSTALL_READY);
	lose("installed.json");
	start();
	expect(NT_INSTALL_READY);
	ck_assert(has("installed.json", "/etc/cni/net.d/05-one-nametap.conflist"));
}
END_TEST

START_TEST(what_is_gone_makes_room_in_the_record)
{
	struct nt_install_record r = { .conf_dir = "/c", .bin_dir = "/b" };
	char path[64];

	put("host/kept", "x");
	ck_assert_int_eq(nt_install_record_add(&r, NT_INSTALLED_ENTRY, "/kept", false), 1);
	for (unsigned i = 1; i < NT_INSTALL_FILES_MAX; i++) {
		snprintf(path, sizeof(path), "/gone/%u", i);
		ck_assert_int_eq(nt_install_record_add(&r, NT_INSTALLED_ENTRY, path, false), 1);
	}
	ck_assert_int_eq(nt_install_record_save(record, &r, &why), 0);
	nt_install_record_done(&r);
	put(NETD "/10-net.conflist", LIST);
	start();
	expect(NT_INSTALL_READY);
	ck_assert(has("installed.json", "/kept") && !has("installed.json", "/gone/"));
	ck_assert(has("installed.json", "/opt/cni/bin/nametap"));
}
END_TEST

START_TEST(an_old_entry_of_ours_is_not_by_hand)
{
	put(NETD "/10-net.conflist", LIST);
	expect(NT_INSTALL_READY);
	put(NETD "/05-first.conflist", LIST);
	for (unsigned i = 0; i < 3; i++) {
		static const char *const configs[] = { "{\"onAttachError\": \"Fail\"}",
						       "{\"onAttachError\": \"Ignore\"}", NULL };

		plugin_config = configs[i];
		start();
		expect(NT_INSTALL_READY);
	}
	plugin_config = "{\"onAttachError\": \"Fail\"}";
	start();
	expect(NT_INSTALL_READY);
	ck_assert(has(NETD "/05-first.conflist", "Fail"));
	ck_assert(!has(NETD "/10-net.conflist", "Fail"));
	lose(NETD "/05-first.conflist");
	expect(NT_INSTALL_READY);
	ck_assert(has(NETD "/10-net.conflist", "Fail"));
}
END_TEST

/* --- others that write --- */

/* Nearly five seconds of rounds, 50 ms each, as events make them; what(n) before each. How many
 * repairs. */
static uint64_t storm(void (*what)(void), enum nt_install_state *ret_state)
{
	uint64_t before = nt_installer_stats(installer).repairs;

	for (unsigned i = 0; i < 95; i++) {
		what();
		(void)round_after(50 * NT_NS_PER_MS);
	}
	*ret_state = nt_installer_stats(installer).state;
	return nt_installer_stats(installer).repairs - before;
}

static void undo_list(void)
{
	put(NETD "/10-net.conflist", LIST);
}

static void undo_dropin(void)
{
	put(NETD "/net/zz-nametap.conf", "{}");
}

static void undo_program(void)
{
	put(PLUGIN, "\177ELF other");
}

static void remove_program(void)
{
	if (is_there(PLUGIN))
		lose(PLUGIN);
}

START_TEST(against_another_writer_it_is_slow_and_says_so)
{
	static void (*const ways[])(void) = { undo_list, undo_dropin, undo_program };
	enum nt_install_state state;
	uint64_t repairs;

	make_dirs("none"); /* a cache, so that there is a drop-in */
	undo_list();
	expect(NT_INSTALL_READY);
	repairs = storm(ways[_i], &state);
	ck_assert_msg(repairs >= 10 && repairs <= 21, "%lu repairs", (unsigned long)repairs);
	ck_assert_int_eq(state, NT_INSTALL_HELD);
	ck_assert_ptr_nonnull(strstr(why.msg, "again and again"));
	ck_assert_uint_eq(nt_installer_stats(installer).fights, 1);
	expect(NT_INSTALL_READY);
	ck_assert_str_eq(why.msg, "");
}
END_TEST

START_TEST(without_the_program_the_entry_does_not_wait)
{
	enum nt_install_state state;

	undo_list();
	expect(NT_INSTALL_READY);
	(void)storm(remove_program, &state);
	ck_assert_int_eq(state, NT_INSTALL_HELD);
	ck_assert(!is_there(PLUGIN) && has(NETD "/10-net.conflist", LIST));
	expect(NT_INSTALL_READY);
	ck_assert(is_there(PLUGIN) && has(NETD "/10-net.conflist", "nametap"));
}
END_TEST

static void nothing(void)
{
}

START_TEST(a_file_that_is_open_for_writing_is_no_fight)
{
	enum nt_install_state state;
	int fd;

	undo_list();
	fd = openat(root_fd, NETD "/10-net.conflist", O_WRONLY | O_CLOEXEC);
	ck_assert_uint_eq(storm(nothing, &state), 1); /* the program */
	ck_assert_int_eq(state, NT_INSTALL_HALF);
	close(fd);
	expect(NT_INSTALL_READY);
	ck_assert_uint_eq(nt_installer_stats(installer).fights, 0);
}
END_TEST

/* containerd reads the folder of configurations anew when something in that one changes. */
START_TEST(the_folder_changes_after_the_drop_in)
{
	_Alignas(struct inotify_event) char events[4096];
	_cleanup_close_ int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	char folder[128];
	ssize_t n;
	bool seen = false;

	make_dirs("none");
	make_dirs(NETD "/net");
	undo_list();
	expect(NT_INSTALL_READY);
	lose(NETD "/net/zz-nametap.conf");
	snprintf(folder, sizeof(folder), "%s/" NETD, root);
	ck_assert_int_ge(inotify_add_watch(fd, folder, IN_MOVED_TO), 0);
	expect(NT_INSTALL_READY);
	ck_assert(is_there(NETD "/net/zz-nametap.conf"));
	n = read(fd, events, sizeof(events));
	for (char *p = events; p < events + n;) {
		const struct inotify_event *event = (const void *)p;

		seen = seen || strcmp(event->name, ".nametap-kick") == 0;
		p += sizeof(*event) + event->len;
	}
	ck_assert(seen);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("install_round");
	TCase *tc = tcase_create("install_round");

	tcase_add_checked_fixture(tc, make_host, remove_host);
	tcase_add_test(tc, no_program_no_entry);
	tcase_add_test(tc, no_program_no_list_of_ours);
	tcase_add_test(tc, another_program_keeps_the_entry);
	tcase_add_test(tc, the_runtime_moves);
	tcase_add_test(tc, a_damaged_record_is_said_and_may_go);
	tcase_add_test(tc, a_lost_record_is_made_anew);
	tcase_add_test(tc, what_is_gone_makes_room_in_the_record);
	tcase_add_test(tc, an_old_entry_of_ours_is_not_by_hand);
	tcase_add_loop_test(tc, against_another_writer_it_is_slow_and_says_so, 0, 3);
	tcase_add_test(tc, without_the_program_the_entry_does_not_wait);
	tcase_add_test(tc, a_file_that_is_open_for_writing_is_no_fight);
	tcase_add_test(tc, the_folder_changes_after_the_drop_in);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
