/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The conformance suite of a store, second part: killed writers, full disks, damaged files. Written
 * against store.h only.
 */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>

#include "tests/unit/store_fixture.h"

START_TEST(second_opener_is_refused)
{
	struct nt_store *second = NULL;

	ck_assert_int_eq(nt_store_open(folder, &second, &err), -EBUSY);
	ck_assert_ptr_nonnull(strstr(err.msg, folder));
	ck_assert_ptr_null(second);
}
END_TEST

/* Overwrites the middle of each larger file of the folder. */
static void damage_files(void)
{
	_cleanup_closedir_ DIR *dir = opendir(folder);
	struct dirent *entry;
	char garbage[8192];

	memset(garbage, 0xa5, sizeof(garbage));
	while ((entry = readdir(dir))) {
		_cleanup_close_ int fd = openat(dirfd(dir), entry->d_name, O_RDWR);
		struct stat st;

		if (fd == -1 || fstat(fd, &st) == -1 || st.st_size < 3 * (off_t)sizeof(garbage))
			continue;
		for (off_t at = 4096; at + (off_t)sizeof(garbage) < st.st_size; at += 4096)
			ck_assert_int_eq(pwrite(fd, garbage, sizeof(garbage), at), sizeof(garbage));
	}
}

START_TEST(damaged_file_is_named)
{
	struct nt_store *damaged = NULL;

	for (uint64_t seq = 1; seq < 100; seq++) {
		struct nt_record r = store_record(seq, T0_US, "a.test");

		append_records(seq, &r, 1);
	}
	close_store();
	damage_files();
	ck_assert_int_lt(nt_store_open(folder, &damaged, &err), 0);
	ck_assert_msg(strstr(err.msg, folder) && strstr(err.msg, "damaged"), "%s", err.msg);
	ck_assert_ptr_null(damaged);
}
END_TEST

START_TEST(folder_that_cannot_be_made_is_an_error)
{
	struct nt_store *none = NULL;

	ck_assert_int_lt(nt_store_open("/proc/nowhere/store", &none, &err), 0);
	ck_assert_ptr_nonnull(strstr(err.msg, "/proc/nowhere"));
}
END_TEST

/* Acknowledged sequence numbers of the child that is being killed. */
static void write_until_killed(int ack_fd, uint64_t first_seq)
{
	open_store();
	for (uint64_t seq = first_seq;; seq++) {
		char name[32];
		struct nt_record r[3];

		snprintf(name, sizeof(name), "b%llu.test", (unsigned long long)seq);
		for (unsigned i = 0; i < 3; i++)
			r[i] = store_record(seq * 10 + i, T0_US + (int64_t)seq, name);
		append_records(seq, r, 3);
		if (write(ack_fd, &seq, sizeof(seq)) != sizeof(seq))
			_exit(1);
	}
}

/* Kills a writer after a while; returns the last number that it had acknowledged. */
static uint64_t kill_a_writer(uint64_t first_seq, unsigned after_us)
{
	uint64_t seq, last = first_seq - 1;
	int pipe_fds[2];
	pid_t child;

	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		close(pipe_fds[0]);
		write_until_killed(pipe_fds[1], first_seq);
		_exit(1);
	}
	close(pipe_fds[1]);
	/* The first acknowledgement says that it is at work. */
	ck_assert_int_eq(read(pipe_fds[0], &last, sizeof(last)), sizeof(last));
	usleep(after_us);
	ck_assert_int_eq(kill(child, SIGKILL), 0);
	ck_assert_int_eq(waitpid(child, NULL, 0), child);
	while (read(pipe_fds[0], &seq, sizeof(seq)) == sizeof(seq))
		last = seq;
	close(pipe_fds[0]);
	return last;
}

struct batch_counts {
	uint64_t batches, wrong;
};

static bool check_batch(void *ctx, const struct nt_store_group *group)
{
	struct batch_counts *c = ctx;

	c->batches++;
	c->wrong += group->sums.count != 3 || group->sums.rows != 3;
	return true;
}

START_TEST(killed_writer_loses_no_acknowledged_batch)
{
	enum { KILLS = 12 };
	const struct nt_store_grouping by_name = { .keys = { "qname" }, .keys_len = 1 };
	struct nt_store_range range = everything();
	uint64_t next = 1;

	close_store();
	srand(7);
	for (int kill_number = 0; kill_number < KILLS; kill_number++) {
		uint64_t last = kill_a_writer(next, (unsigned)rand() % 20000);
		struct batch_counts c = { 0 };

		open_store();
		ck_assert_int_eq(nt_store_group(reader, &range, &by_name, check_batch, &c, &err),
				 0);
		/* One more may be durable without its acknowledgement having arrived. */
		ck_assert_uint_eq(c.wrong, 0);
		ck_assert_uint_ge(c.batches, last);
		ck_assert_uint_le(c.batches, last + 1);
		for (uint64_t seq = 1; seq <= last; seq++) {
			struct nt_batch again = store_batch("s", seq, NULL, 0);

			append(&again, NT_STORE_DUPLICATE);
		}
		next = c.batches + 1;
		close_store();
	}
	ck_assert_uint_gt(next, KILLS);
	open_store();
}
END_TEST

static void write_ballast(const char *path, size_t bytes)
{
	_cleanup_close_ int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(posix_fallocate(fd, 0, (off_t)bytes), 0);
}

/* Big enough that a few fill a small disk. */
static int append_big(uint64_t seq)
{
	enum { BIG = 200 };
	struct nt_record r[BIG];
	struct nt_batch batch;
	enum nt_store_outcome outcome;

	for (unsigned i = 0; i < BIG; i++)
		r[i] = store_record(seq * BIG + i, T0_US + (int64_t)seq,
				    "a-name-of-some-length.some-domain.example");
	batch = store_batch("s", seq, r, BIG);
	return nt_store_append(store, &batch, &outcome, &err);
}

START_TEST(full_disk_refuses_and_recovers)
{
	struct nt_store_range range = everything();
	char ballast[128];
	uint64_t seq = 1;
	int r = 0;

	if (geteuid() != 0)
		return; /* the small disk is a mount of our own */
	close_store();
	/* Of this process alone: nothing is left when it ends, however it ends. */
	ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
	ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	ck_assert_int_eq(mount("tmpfs", folder, "tmpfs", 0, "size=8m"), 0);
	snprintf(ballast, sizeof(ballast), "%s/ballast", folder);
	write_ballast(ballast, 4 << 20);
	open_store();
	while (seq < 200 && (r = append_big(seq)) == 0)
		seq++;
	ck_assert_msg(r == -ENOSPC, "%d: %s", r, err.msg);
	ck_assert_uint_gt(seq, 1);
	ck_assert_uint_eq(total(&range).rows, (seq - 1) * 200);
	ck_assert_int_eq(append_big(seq), -ENOSPC);
	ck_assert_uint_eq(nt_store_stats(store).rows, (seq - 1) * 200);
	ck_assert_int_eq(unlink(ballast), 0);
	ck_assert_msg(append_big(seq) == 0, "%s", err.msg);
	ck_assert_uint_eq(total(&range).rows, seq * 200);
	close_store();
	open_store();
	ck_assert_uint_eq(total(&range).rows, seq * 200);
	close_store();
	ck_assert_int_eq(umount2(folder, MNT_DETACH), 0);
	open_store();
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("store_faults");

	tcase_add_test(tc, second_opener_is_refused);
	tcase_add_test(tc, damaged_file_is_named);
	tcase_add_test(tc, folder_that_cannot_be_made_is_an_error);
	tcase_add_test(tc, killed_writer_loses_no_acknowledged_batch);
	tcase_add_test(tc, full_disk_refuses_and_recovers);
	return store_run("store_faults", tc);
}
