/* SPDX-License-Identifier: Apache-2.0 */
/* The spool: order, acknowledgement, bound, refusal, damage, a folder that goes away. */
#include "dataplane/agent/spool.h"

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"

static char base[] = "/tmp/nt-spool-XXXXXX"; /* made and removed by main, whatever fails */
static char folder[64], path[80];
static struct nt_spool *spool;
static struct nt_err err;

static void reopen(uint64_t max_bytes)
{
	struct nt_spool_config config = { .path = path, .max_bytes = max_bytes };

	nt_spool_close(spool);
	spool = NULL;
	ck_assert_msg(nt_spool_open(&config, &spool, &err) == 0, "%s", err.msg);
}

static void setup(void)
{
	snprintf(folder, sizeof(folder), "%s/XXXXXX", base);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/spool", folder);
	reopen(1 << 20);
}

static void teardown(void)
{
	nt_spool_close(spool);
	spool = NULL;
}

/* Batch n holds n times 'b' and the state n times 's'. */
static void put(size_t n)
{
	char batch[256], state[256];

	memset(batch, 'b', sizeof(batch));
	memset(state, 's', sizeof(state));
	ck_assert_msg(nt_spool_write(spool, nt_slice_mem(batch, n), nt_slice_mem(state, n), &err) ==
			      0,
		      "%s", err.msg);
}

static size_t state_len(void)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	int r = nt_spool_state(spool, &out, &err);

	return r == 0 ? out.len : 0;
}

static bool is_there(const char *name)
{
	char full[160];

	snprintf(full, sizeof(full), "%s/%s", path, name);
	return access(full, F_OK) == 0;
}

static void damage(const char *name, off_t at)
{
	char full[160];
	int fd;

	snprintf(full, sizeof(full), "%s/%s", path, name);
	fd = open(full, O_WRONLY);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, "X", 1, at), 1);
	close(fd);
}

START_TEST(in_order)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	ck_assert(nt_spool_is_fresh(spool));
	ck_assert_uint_eq(nt_spool_head(spool), 0);
	ck_assert_uint_eq(state_len(), 0);
	for (size_t n = 1; n <= 3; n++)
		put(n);
	for (uint64_t n = 1; n <= 3; n++) {
		ck_assert_uint_eq(nt_spool_head(spool), n);
		ck_assert_int_eq(nt_spool_read(spool, n, &out, &err), 0);
		ck_assert_uint_eq(out.len, n);
		ck_assert_int_eq(out.p[0], 'b');
		nt_spool_acknowledge(spool, n);
	}
	ck_assert_uint_eq(nt_spool_head(spool), 0);
	ck_assert_uint_eq(nt_spool_stats(spool).files, 0);
	ck_assert_uint_eq(nt_spool_stats(spool).acknowledged, 3);
}
END_TEST

START_TEST(newest_stays_for_its_state)
{
	char uuid[64];

	put(1);
	put(2);
	nt_spool_acknowledge(spool, 1);
	nt_spool_acknowledge(spool, 2);
	ck_assert(is_there("00000000000000000002.done"));
	snprintf(uuid, sizeof(uuid), "%s", nt_spool_uuid(spool));
	reopen(1 << 20);
	ck_assert(!nt_spool_is_fresh(spool));
	ck_assert_str_eq(nt_spool_uuid(spool), uuid);
	ck_assert_uint_eq(nt_spool_next(spool), 3);
	ck_assert_uint_eq(nt_spool_head(spool), 0);
	ck_assert_uint_eq(state_len(), 2);
	put(3);
	ck_assert(!is_there("00000000000000000002.done"));
	ck_assert_uint_eq(state_len(), 3);
}
END_TEST

START_TEST(unacknowledged_survive)
{
	put(1);
	put(2);
	reopen(1 << 20);
	ck_assert_uint_eq(nt_spool_head(spool), 1);
	ck_assert_uint_eq(nt_spool_stats(spool).files, 2);
}
END_TEST

START_TEST(torn_newest_is_set_aside)
{
	put(1);
	put(2);
	damage("00000000000000000002.batch", 45);
	reopen(1 << 20);
	ck_assert_uint_eq(state_len(), 1);
	ck_assert(is_there("00000000000000000002.torn"));
	ck_assert_uint_eq(nt_spool_next(spool), 3); /* its number may be known to the controller */
	ck_assert_uint_eq(nt_spool_stats(spool).torn, 1);
	ck_assert_uint_eq(nt_spool_head(spool), 1);
}
END_TEST

/* Every octet of the file is under the checksum, and every shorter file is known as such. */
START_TEST(any_damage_is_seen)
{
	struct stat st;

	put(3);
	ck_assert_int_eq(stat(path, &st), 0);
	for (off_t at = 0; at < 46; at++) {
		_cleanup_buf_ struct nt_buf out = { 0 };
		char name[64], full[160];

		snprintf(name, sizeof(name), "%020llu.batch",
			 (unsigned long long)nt_spool_next(spool) - 1);
		snprintf(full, sizeof(full), "%s/%s", path, name);
		if (at >= 12 && at < 16) /* reserved */
			continue;
		damage(name, at);
		ck_assert_int_eq(nt_spool_read(spool, nt_spool_next(spool) - 1, &out, &err),
				 -EBADMSG);
		put(3);
	}
	for (off_t len = 0; len < 46; len++) {
		_cleanup_buf_ struct nt_buf out = { 0 };
		char full[160];

		snprintf(full, sizeof(full), "%s/%020llu.batch", path,
			 (unsigned long long)nt_spool_next(spool) - 1);
		ck_assert_int_eq(truncate(full, len), 0);
		ck_assert_int_eq(nt_spool_read(spool, nt_spool_next(spool) - 1, &out, &err),
				 -EBADMSG);
		put(3);
	}
}
END_TEST

START_TEST(uuid_is_made_anew_when_damaged)
{
	char uuid[64];

	put(1);
	snprintf(uuid, sizeof(uuid), "%s", nt_spool_uuid(spool));
	damage("uuid", 3);
	reopen(1 << 20);
	ck_assert_str_ne(nt_spool_uuid(spool), uuid);
	ck_assert(nt_spool_is_fresh(spool));
	ck_assert_uint_eq(nt_spool_head(spool), 1); /* says in itself under which UUID it is */
}
END_TEST

START_TEST(folder_removed_while_running)
{
	char uuid[64], command[128];

	put(1);
	snprintf(uuid, sizeof(uuid), "%s", nt_spool_uuid(spool));
	snprintf(command, sizeof(command), "rm -rf %s", path);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(nt_spool_write(spool, NT_SLICE_LIT("b"), NT_SLICE_LIT("s"), &err),
			 -ESTALE);
	ck_assert_str_ne(nt_spool_uuid(spool), uuid);
	ck_assert_uint_eq(nt_spool_head(spool), 0);
	ck_assert_uint_eq(nt_spool_next(spool), 2);
	put(1);
	ck_assert(is_there("00000000000000000002.batch"));
}
END_TEST

/* The folder is there, and nothing is in it any more. */
START_TEST(content_removed_while_running)
{
	char command[128];

	put(1);
	snprintf(command, sizeof(command), "rm -rf %s/*", path);
	ck_assert(!nt_spool_is_gone(spool));
	ck_assert_int_eq(system(command), 0);
	ck_assert(nt_spool_is_gone(spool));
	ck_assert_int_eq(nt_spool_write(spool, NT_SLICE_LIT("b"), NT_SLICE_LIT("s"), &err),
			 -ESTALE);
	ck_assert_uint_eq(nt_spool_head(spool), 0);
	ck_assert_uint_eq(nt_spool_stats(spool).lost, 1);
	put(1);
	ck_assert(is_there("00000000000000000002.batch"));
}
END_TEST

static void note(uint64_t seq, const char *text)
{
	ck_assert(nt_spool_note(spool, seq, nt_slice_str(text)));
}

static void lost_are(const char *wanted)
{
	_cleanup_buf_ struct nt_buf lost = { 0 };
	struct nt_slice note;

	while (nt_spool_lost(spool, &note)) {
		nt_buf_slice(&lost, note);
		nt_spool_lost_done(spool);
	}
	ck_assert_str_eq(nt_buf_str(&lost), wanted);
}

static void remove_file(const char *name)
{
	char file[160];

	snprintf(file, sizeof(file), "%s/%s", path, name);
	ck_assert_int_eq(unlink(file), 0);
}

START_TEST(notes_of_lost_batches)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	for (size_t i = 1; i <= 5; i++)
		put(i);
	note(1, "a");
	note(2, "b");
	note(3, "c");
	note(4, "d");
	nt_spool_acknowledge(spool, 1);
	lost_are("");
	remove_file("00000000000000000002.batch");
	ck_assert_int_eq(nt_spool_read(spool, 2, &out, &err), -ENOENT);
	ck_assert_uint_eq(nt_spool_head(spool), 3);
	lost_are("b");
	lost_are("");
	damage("00000000000000000004.batch", 50);
	ck_assert_int_eq(nt_spool_read(spool, 4, &out, &err), -EBADMSG);
	lost_are("d");
	nt_spool_mark(spool, 3); /* its packets are stated elsewhere */
	remove_file("00000000000000000003.batch");
	ck_assert_int_eq(nt_spool_read(spool, 3, &out, &err), -ENOENT);
	lost_are("");
}
END_TEST

/* The one that is being sent is not lost with its folder, nor what somebody puts back. */
START_TEST(folder_removed_with_notes)
{
	struct nt_slice batch;
	char command[640];

	for (size_t i = 1; i <= 4; i++)
		put(i);
	note(1, "a");
	note(2, "b");
	note(3, "c");
	note(4, "d");
	ck_assert_int_eq(nt_spool_send(spool, 1, &batch, &err), 0);
	nt_spool_reject(spool, 4);
	snprintf(command, sizeof(command),
		 "cp -a %s %s.copy && rm -rf %s && mkdir %s && cp -a %s.copy/*3.batch %s", path,
		 path, path, path, path, path);
	ck_assert_int_eq(system(command), 0);
	ck_assert_int_eq(nt_spool_write(spool, NT_SLICE_LIT("b"), NT_SLICE_LIT("s"), &err),
			 -ESTALE);
	lost_are("db");
	ck_assert_uint_eq(nt_spool_head(spool), 1);
	ck_assert_uint_eq(nt_spool_next(spool), 5);
	put(5);
	nt_spool_acknowledge(spool, 1);
	ck_assert_uint_eq(nt_spool_head(spool), 3);
	nt_spool_acknowledge(spool, 3);
	ck_assert_uint_eq(nt_spool_head(spool), 5);
	ck_assert_uint_eq(nt_spool_stats(spool).bytes, 40 + 2 * 5);
	lost_are("");
}
END_TEST

/* 8 MiB at most; what has none is known as such, and counted when it is lost. */
START_TEST(notes_are_bounded)
{
	char *large = calloc(1, 3 << 20);

	ck_assert_ptr_nonnull(large);
	for (size_t i = 1; i <= 4; i++)
		put(i);
	for (uint64_t seq = 1; seq <= 4; seq++)
		ck_assert_int_eq(nt_spool_note(spool, seq, nt_slice_mem(large, 3 << 20)), seq < 3);
	ck_assert_uint_eq(nt_spool_unnoted(spool, 0), 3);
	ck_assert_uint_eq(nt_spool_unnoted(spool, 3), 4);
	ck_assert_uint_eq(nt_spool_stats(spool).unnoted, 2);
	nt_spool_acknowledge(spool, 1); /* makes room */
	ck_assert(nt_spool_note(spool, 3, nt_slice_mem(large, 3 << 20)));
	remove_file("00000000000000000004.batch");
	ck_assert_int_eq(nt_spool_read(spool, 4, &(struct nt_buf){ 0 }, &err), -ENOENT);
	ck_assert_uint_eq(nt_spool_stats(spool).lost, 1);
	ck_assert_uint_eq(nt_spool_stats(spool).lost_unnoted, 1);
	lost_are("");
	free(large);
}
END_TEST

/* 40 octets of head each. */
START_TEST(bound_drops_the_second_oldest)
{
	_cleanup_buf_ struct nt_buf marked = { 0 };
	bool rejected;

	reopen(1000);
	for (int i = 0; i < 4; i++)
		put(100); /* 240 octets each */
	ck_assert_uint_eq(nt_spool_victim(spool, 0, &rejected), 0);
	ck_assert_uint_eq(nt_spool_victim(spool, 100, &rejected), 2);
	ck_assert(!rejected);
	nt_spool_mark(spool, 2);
	ck_assert_uint_eq(nt_spool_victim(spool, 100, &rejected), 0);
	ck_assert_uint_eq(nt_spool_victim(spool, 400, &rejected), 3);
	nt_spool_mark(spool, 3);
	ck_assert_uint_eq(nt_spool_victim(spool, 4000, &rejected), 0); /* head and newest stay */
	nt_spool_marked(spool, &marked);
	ck_assert_uint_eq(marked.len, 2 * sizeof(uint64_t));
	put(100);
	nt_spool_sweep(spool);
	ck_assert(!is_there("00000000000000000002.batch"));
	ck_assert_uint_eq(nt_spool_stats(spool).dropped, 2);
	ck_assert_uint_eq(nt_spool_stats(spool).bytes, 3 * 240);
	ck_assert_uint_eq(nt_spool_head(spool), 1);
	nt_spool_acknowledge(spool, 1);
	ck_assert_uint_eq(nt_spool_head(spool), 4);
}
END_TEST

START_TEST(held_ones_are_passed_over)
{
	bool rejected;

	reopen(1000);
	for (int i = 0; i < 4; i++)
		put(100); /* 240 octets each */
	nt_spool_hold(spool, 1, false);
	ck_assert_uint_eq(nt_spool_head(spool), 2);
	ck_assert_uint_eq(nt_spool_stats(spool).files, 4);
	ck_assert_uint_eq(nt_spool_stats(spool).held, 1);
	ck_assert_uint_eq(nt_spool_stats(spool).held_bytes, 240);
	ck_assert_uint_eq(nt_spool_victim(spool, 0, &rejected), 0);
	ck_assert_uint_eq(nt_spool_victim(spool, 100, &rejected), 1);
	reopen(1000);
	ck_assert_uint_eq(nt_spool_head(spool), 1); /* perhaps it is taken now */
	ck_assert_uint_eq(nt_spool_stats(spool).held, 0);
}
END_TEST

/* Another agent may have sent it, and the controller may have it: it can be stated neither way. */
START_TEST(doubtful_one_is_never_dropped)
{
	bool rejected;

	reopen(1000);
	for (int i = 0; i < 4; i++)
		put(100); /* 240 octets each */
	nt_spool_hold(spool, 1, true);
	nt_spool_hold(spool, 2, false);
	ck_assert_uint_eq(nt_spool_victim(spool, 500, &rejected), 2);
	nt_spool_mark(spool, 2);
	ck_assert_uint_eq(nt_spool_victim(spool, 5000, &rejected), 0); /* 3 is the head */
}
END_TEST

START_TEST(refused_ones_are_stated_once_and_kept)
{
	bool rejected = false;

	put(1);
	put(2);
	nt_spool_reject(spool, 1);
	ck_assert(is_there("00000000000000000001.rejected"));
	ck_assert_uint_eq(nt_spool_head(spool), 2);
	ck_assert_uint_eq(nt_spool_victim(spool, 0, &rejected), 1);
	ck_assert(rejected);
	nt_spool_mark(spool, 1);
	ck_assert_uint_eq(nt_spool_victim(spool, 0, &rejected), 0);
	nt_spool_sweep(spool);
	ck_assert(is_there("00000000000000000001.rejected"));
	for (uint64_t seq = 2; seq < 40; seq++) {
		put(1);
		nt_spool_reject(spool, seq);
		nt_spool_mark(spool, seq);
		nt_spool_sweep(spool);
	}
	ck_assert(!is_there("00000000000000000001.rejected"));
	ck_assert(is_there("00000000000000000039.rejected"));
	ck_assert(!is_there("00000000000000000020.rejected"));
}
END_TEST

START_TEST(refused_newest_keeps_its_state)
{
	put(5);
	nt_spool_reject(spool, 1);
	reopen(1 << 20);
	ck_assert_uint_eq(state_len(), 5);
	ck_assert_uint_eq(nt_spool_next(spool), 2);
}
END_TEST

/* A write that fails leaves nothing, and the next one succeeds under the same number. */
START_TEST(failed_write_changes_nothing)
{
	struct rlimit none = { .rlim_cur = 60, .rlim_max = RLIM_INFINITY }, old;

	put(1);
	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &none), 0);
	ck_assert_int_eq(nt_spool_write(spool, NT_SLICE_LIT("0123456789012345678901234567890123"),
					NT_SLICE_LIT("s"), &err),
			 -EFBIG);
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
	ck_assert_uint_eq(nt_spool_next(spool), 2);
	ck_assert(!is_there("00000000000000000002.batch"));
	put(2);
	ck_assert_uint_eq(nt_spool_stats(spool).written, 2);
}
END_TEST

START_TEST(strangers_are_left_alone)
{
	static const char *const names[] = { "README",
					     "1.batch",
					     "00000000000000000000.batch",
					     "99999999999999999999.batch",
					     "0000000000000000000x.batch",
					     "00000000000000000007.other" };

	for (size_t i = 0; i < NT_ARRAY_LEN(names); i++) {
		char full[160];

		snprintf(full, sizeof(full), "%s/%s", path, names[i]);
		ck_assert_int_eq(nt_file_replace_at(AT_FDCWD, full, NT_SLICE_LIT("x"), 0600, &err),
				 0);
	}
	reopen(1 << 20);
	ck_assert_uint_eq(nt_spool_next(spool), 1);
	put(1);
	for (size_t i = 0; i < NT_ARRAY_LEN(names); i++)
		ck_assert_msg(is_there(names[i]), "%s", names[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("agent_spool");
	TCase *tc = tcase_create("spool");
	SRunner *runner = srunner_create(suite);
	char command[64];
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, in_order);
	tcase_add_test(tc, newest_stays_for_its_state);
	tcase_add_test(tc, unacknowledged_survive);
	tcase_add_test(tc, torn_newest_is_set_aside);
	tcase_add_test(tc, any_damage_is_seen);
	tcase_add_test(tc, uuid_is_made_anew_when_damaged);
	tcase_add_test(tc, folder_removed_while_running);
	tcase_add_test(tc, content_removed_while_running);
	tcase_add_test(tc, notes_of_lost_batches);
	tcase_add_test(tc, notes_are_bounded);
	tcase_add_test(tc, folder_removed_with_notes);
	tcase_add_test(tc, bound_drops_the_second_oldest);
	tcase_add_test(tc, held_ones_are_passed_over);
	tcase_add_test(tc, doubtful_one_is_never_dropped);
	tcase_add_test(tc, refused_ones_are_stated_once_and_kept);
	tcase_add_test(tc, refused_newest_keeps_its_state);
	tcase_add_test(tc, failed_write_changes_nothing);
	tcase_add_test(tc, strangers_are_left_alone);
	suite_add_tcase(suite, tc);
	if (!mkdtemp(base))
		return 1;
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	snprintf(command, sizeof(command), "rm -rf %s", base);
	if (system(command) != 0)
		return 1;
	return failed != 0;
}
