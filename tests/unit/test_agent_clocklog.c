/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of the wall clock over restarts: found again; torn ones and another boot's are not. */
#include "dataplane/agent/clocklog.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/unit/suite.h"

#define S NT_NS_PER_S

static char folder[] = "/tmp/nt-clocklog-XXXXXX", path[64];
static const uint8_t boot[16] = { 1 }, other_boot[16] = { 2 };
static struct nt_timebase t;
static struct nt_clocklog c;

static void restart(const uint8_t *boot_id)
{
	nt_clocklog_close(&c);
	t = (struct nt_timebase){ 0 };
	nt_clocklog_open(&c, folder, boot_id, &t);
}

static void setup(void)
{
	(void)unlink(path);
	c.fd = -1;
	restart(boot);
}

static void teardown(void)
{
	nt_clocklog_close(&c);
}

static void sample(int64_t boot_s, int64_t offset_s)
{
	bool fresh = nt_timebase_add(&t, (struct nt_timebase_sample){ .boot_ns = boot_s * S,
								      .real_minus_boot_ns =
									      offset_s * S });

	nt_clocklog_write(&c, &t, fresh);
}

static int64_t offset_at(int64_t boot_s)
{
	return nt_timebase_at(&t, boot_s * S).real_minus_boot_ns / S;
}

START_TEST(found_again)
{
	for (int i = 0; i < 300; i++)
		sample(i, 1000 + i / 100 * 10);
	for (int round = 0; round < 3; round++) {
		restart(boot);
		ck_assert_uint_eq(t.len, 3);
		ck_assert_int_eq(offset_at(99), 1000);
		ck_assert_int_eq(offset_at(150), 1010);
		ck_assert_int_eq(offset_at(299), 1020);
		ck_assert(!nt_timebase_interval(&t));
	}
	sample(400, 1020); /* the run goes on */
	restart(boot);
	ck_assert_uint_eq(t.len, 3);
	sample(500, 0);
	ck_assert(nt_timebase_interval(&t));
	ck_assert(nt_timebase_at(&t, 450 * S).clock_step);
	ck_assert(!nt_timebase_at(&t, 400 * S).clock_step);
}
END_TEST

START_TEST(bounded)
{
	struct stat st;

	for (int i = 0; i < NT_TIMEBASE_SAMPLES * 2 + 7; i++)
		sample(i, i);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_lt(st.st_size, 256 * 1024);
	restart(boot);
	ck_assert_uint_eq(t.len, NT_TIMEBASE_SAMPLES);
	for (int i = NT_TIMEBASE_SAMPLES + 7; i < NT_TIMEBASE_SAMPLES * 2 + 7; i++)
		ck_assert_int_eq(offset_at(i), i);
}
END_TEST

START_TEST(another_boot)
{
	sample(10, 5);
	restart(other_boot);
	ck_assert_uint_eq(t.len, 0);
	sample(1, 7);
	restart(other_boot);
	ck_assert_int_eq(offset_at(1), 7);
}
END_TEST

/* Cut at any length, and with any octet changed, it is read without what is damaged. */
START_TEST(torn)
{
	struct stat st;
	int fd;

	for (int i = 0; i < 5; i++)
		sample(i, i * 10);
	ck_assert_int_eq(stat(path, &st), 0);
	fd = open(path, O_RDWR);
	for (off_t at = 0; at < st.st_size; at += 3) {
		uint8_t octet;

		ck_assert_int_eq(pread(fd, &octet, 1, at), 1);
		octet ^= 0x40;
		ck_assert_int_eq(pwrite(fd, &octet, 1, at), 1);
		restart(boot);
		ck_assert_uint_ge(t.len, 4);
		octet ^= 0x40;
		ck_assert_int_eq(pwrite(fd, &octet, 1, at), 1);
	}
	ck_assert_int_eq(ftruncate(fd, st.st_size - 1), 0);
	restart(boot);
	ck_assert_uint_eq(t.len, 4);
	close(fd);
}
END_TEST

START_TEST(no_folder)
{
	nt_clocklog_close(&c);
	nt_clocklog_open(&c, "/nonexistent", boot, &t);
	ck_assert_int_eq(c.fd, -1);
	sample(1, 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("agent_clocklog");
	TCase *tc = tcase_create("clocklog");
	int status;

	if (!mkdtemp(folder))
		return 99;
	snprintf(path, sizeof(path), "%s/clock", folder);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, found_again);
	tcase_add_test(tc, bounded);
	tcase_add_test(tc, another_boot);
	tcase_add_test(tc, torn);
	tcase_add_test(tc, no_folder);
	suite_add_tcase(s, tc);
	status = nt_suite_run(s);
	(void)unlink(path);
	(void)rmdir(folder);
	return status;
}
