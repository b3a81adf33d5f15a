/* SPDX-License-Identifier: Apache-2.0 */
/* Gaps on disk: what a killed agent left is there, what was told is not, what lasts stays. */
#include "dataplane/agent/gaplog.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/log.h"
#include "tests/unit/suite.h"

static char folder[] = "/tmp/nt-gaplog-XXXXXX", path[64];
static struct nt_gaplog *g;

/* As after kill -9: nothing was said to the file. */
static void restart(void)
{
	nt_gaplog_close(g);
	g = nt_gaplog_open(path);
	ck_assert_ptr_nonnull(g);
}

static void setup(void)
{
	(void)unlink(path);
	g = NULL;
	restart();
}

static void teardown(void)
{
	nt_gaplog_close(g);
}

static void add(uint64_t ep_id, int64_t from_us, int64_t to_us)
{
	const struct nt_keep_news news = { ep_id, NT_HOOK_TCX, NT_FAULT_REMOVED, from_us, to_us };

	nt_gaplog_add(g, &news);
}

/* "ep from-to;" for each. */
static const char *text(const struct nt_keep_news *news, size_t len)
{
	static char out[512];

	out[0] = '\0';
	for (size_t i = 0; i < len; i++)
		snprintf(out + strlen(out), sizeof(out) - strlen(out), "%llu %lld-%lld;",
			 (unsigned long long)news[i].ep_id, (long long)news[i].from_us,
			 (long long)news[i].to_us);
	return out;
}

static void check(const char *left, const char *open)
{
	const struct nt_keep_news *news;
	size_t len;

	news = nt_gaplog_left(g, &len);
	ck_assert_str_eq(text(news, len), left);
	news = nt_gaplog_open_ones(g, &len);
	ck_assert_str_eq(text(news, len), open);
}

START_TEST(what_was_not_told_is_left)
{
	check("", "");
	add(1, 100, 0);
	add(2, 110, 0);
	add(1, 100, 130);
	restart();
	check("1 100-0;2 110-0;1 100-130;", "2 110-0;");
	restart(); /* killed again before a batch */
	check("1 100-0;2 110-0;1 100-130;", "2 110-0;");
	nt_gaplog_told(g);
	restart();
	check("2 110-0;", "2 110-0;");
	add(2, 110, 500);
	nt_gaplog_told(g);
	restart();
	check("", "");
}
END_TEST

START_TEST(told_at_once)
{
	struct stat st;

	for (int64_t i = 1; i < 50; i++) {
		add(1, i, 0);
		add(1, i, i + 1);
		nt_gaplog_told(g);
	}
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_size, 0);
	add(3, 7, 0);
	restart();
	check("3 7-0;", "3 7-0;");
}
END_TEST

/* A torn record, and what does not belong there: what is before it counts, and the file goes on. */
START_TEST(torn_or_foreign)
{
	struct stat st;
	int fd;

	add(1, 100, 0);
	add(2, 200, 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(truncate(path, st.st_size - 5), 0);
	restart();
	check("1 100-0;", "1 100-0;");
	add(3, 300, 0);
	restart();
	check("1 100-0;3 300-0;", "1 100-0;3 300-0;");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(write(fd, "no record", 9), 9);
	close(fd);
	restart();
	check("", "");
}
END_TEST

static void limit_files(rlim_t octets)
{
	struct rlimit limit;

	ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = octets == RLIM_INFINITY ? limit.rlim_max : octets;
	ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* A full disk takes half a record: those that come when there is room again are read. */
START_TEST(torn_by_a_full_disk)
{
	struct stat st;

	signal(SIGXFSZ, SIG_IGN);
	add(1, 100, 0);
	ck_assert_int_eq(stat(path, &st), 0);
	limit_files((rlim_t)st.st_size + 20);
	add(2, 200, 0);
	limit_files(RLIM_INFINITY);
	add(3, 300, 0);
	restart();
	check("1 100-0;3 300-0;", "1 100-0;3 300-0;");
}
END_TEST

START_TEST(bounded)
{
	struct stat st;
	size_t len;

	for (int64_t i = 1; i <= NT_GAPLOG_MAX + 100; i++) {
		add(1, i, 0);
		add(1, i, i + 1);
	}
	ck_assert_int_eq(stat(path, &st), 0);
	restart();
	(void)nt_gaplog_left(g, &len);
	ck_assert_uint_eq(len, NT_GAPLOG_MAX);
	nt_gaplog_told(g);
	add(5, 9, 0);
	restart();
	check("5 9-0;", "5 9-0;");
}
END_TEST

/* Without a file there is no memory over a restart, and no harm. */
START_TEST(no_file)
{
	nt_gaplog_close(g);
	g = nt_gaplog_open("/nonexistent/nt/gaps");
	ck_assert_ptr_nonnull(g);
	add(1, 100, 0);
	check("", "1 100-0;");
	nt_gaplog_told(g);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("agent_gaplog");
	TCase *t = tcase_create("gaplog");
	int failed;

	nt_log_init("test_agent_gaplog", NT_LOG_ERROR);
	if (!mkdtemp(folder))
		return 1;
	snprintf(path, sizeof(path), "%s/gaps", folder);
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, what_was_not_told_is_left);
	tcase_add_test(t, told_at_once);
	tcase_add_test(t, torn_or_foreign);
	tcase_add_test(t, torn_by_a_full_disk);
	tcase_add_test(t, bounded);
	tcase_add_test(t, no_file);
	suite_add_tcase(s, t);
	failed = nt_suite_run(s);
	(void)unlink(path);
	return rmdir(folder) == -1 || failed;
}
