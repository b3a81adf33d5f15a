/* SPDX-License-Identifier: Apache-2.0 */
/* Errors, buffers, arenas, addresses, whole files, the event loop. */
#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/addr.h"
#include "lib/base/arena.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/date.h"
#include "lib/base/file.h"
#include "lib/base/loop.h"
#include "lib/base/metrics.h"
#include "tests/unit/suite.h"

START_TEST(errors_gain_context_on_the_way_up)
{
	struct nt_err err;

	ck_assert_int_eq(nt_err_sys(&err, ENOENT, "open %s", "x"), -ENOENT);
	ck_assert_int_eq(nt_err_wrap(&err, "config of %s", "pod"), -ENOENT);
	ck_assert_str_eq(err.msg, "config of pod: open x: No such file or directory");
	ck_assert_int_eq(nt_err_set(NULL, EIO, "nobody listens"), -EIO);
}
END_TEST

START_TEST(long_errors_are_cut_not_overrun)
{
	struct nt_err err;
	char text[2000];

	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	nt_err_set(&err, EIO, "%s", text);
	nt_err_wrap(&err, "%s", text);
	nt_err_sys(&err, EIO, "%s", text);
	ck_assert_uint_lt(strlen(err.msg), sizeof(err.msg));
}
END_TEST

START_TEST(buffer_stops_at_its_bound_and_says_so)
{
	_cleanup_buf_ struct nt_buf b = { .max_len = 10 };

	nt_buf_puts(&b, "12345");
	nt_buf_puts(&b, "678901");
	ck_assert(!nt_buf_ok(&b));
	nt_buf_putc(&b, 'x');
	ck_assert_str_eq(nt_buf_str(&b), "12345");
	nt_buf_reset(&b);
	nt_buf_printf(&b, "%d-%s", 7, "abc");
	ck_assert(nt_buf_ok(&b));
	ck_assert_str_eq(nt_buf_str(&b), "7-abc");
}
END_TEST

START_TEST(buffer_prints_the_extreme_numbers)
{
	_cleanup_buf_ struct nt_buf b = { 0 };

	nt_buf_i64(&b, INT64_MIN);
	nt_buf_putc(&b, ' ');
	nt_buf_u64(&b, UINT64_MAX);
	nt_buf_putc(&b, ' ');
	nt_buf_u64(&b, 0);
	ck_assert_str_eq(nt_buf_str(&b), "-9223372036854775808 18446744073709551615 0");
	nt_buf_reset(&b);
	nt_buf_padded(&b, 7, 3);
	nt_buf_padded(&b, 12345, 2);
	nt_buf_hex(&b, 0xfedcba9876543210, 16);
	nt_buf_hex(&b, 0x1f, 4);
	ck_assert_str_eq(nt_buf_str(&b), "00745fedcba9876543210001f");
}
END_TEST

START_TEST(buffer_begins_in_an_array_and_leaves_it_when_full)
{
	char first[8];
	_cleanup_buf_ struct nt_buf b = NT_BUF_OVER(first);

	nt_buf_puts(&b, "1234567");
	ck_assert_ptr_eq(b.p, first);
	nt_buf_puts(&b, "89");
	ck_assert_ptr_ne(b.p, first);
	ck_assert_str_eq(nt_buf_str(&b), "123456789");
}
END_TEST

START_TEST(dates_are_those_of_the_system)
{
	const int64_t day_s = 86400;

	/* Every day of 1,200 years, at another time of the day each. */
	for (int64_t day = -300000; day < 150000; day++) {
		int64_t second = day * day_s + (day & 0x1ff) * 168;
		struct nt_date d = nt_date_of(second);
		time_t at = (time_t)second;
		struct tm tm;

		/* A check of Check is a write to its parent, so only a fault is one. */
		if (!gmtime_r(&at, &tm) || d.year != tm.tm_year + 1900 ||
		    d.month != (unsigned)tm.tm_mon + 1 || d.day != (unsigned)tm.tm_mday ||
		    d.hour != (unsigned)tm.tm_hour || d.minute != (unsigned)tm.tm_min ||
		    d.second != (unsigned)tm.tm_sec)
			ck_abort_msg("second %lld", (long long)second);
	}
}
END_TEST

/* Groups of zeros in every place, beside short and long ones. */
START_TEST(ipv6_text_is_that_of_the_c_library)
{
	static const uint16_t values[] = { 0, 1, 0x20, 0x345, 0xffff };

	for (unsigned n = 0; n < 5 * 5 * 5 * 5 * 5 * 5 * 5 * 5; n++) {
		struct nt_addr a = { .family = 6 };
		char ours[NT_ADDR_TEXT_MAX], theirs[INET6_ADDRSTRLEN];

		for (unsigned i = 0, left = n; i < 8; i++, left /= 5) {
			a.octets[2 * i] = (uint8_t)(values[left % 5] >> 8);
			a.octets[2 * i + 1] = (uint8_t)values[left % 5];
		}
		if (strcmp(nt_addr_format(&a, ours),
			   inet_ntop(AF_INET6, a.octets, theirs, sizeof(theirs))) != 0)
			ck_abort_msg("%s is %s", theirs, ours);
	}
}
END_TEST

static const struct {
	const char *text, *head;
	bool begins;
} heads[] = {
	{ "abc", "abc", true }, { "abc", "ab", true },	  { "abc", "", true },
	{ "", "", true },	{ "ab", "abc", false },	  { "abc", "Ab", false },
	{ "", "a", false },	{ "xabc", "abc", false },
};

START_TEST(slice_begins)
{
	ck_assert_int_eq(nt_slice_begins(nt_slice_str(heads[_i].text), heads[_i].head),
			 heads[_i].begins);
	ck_assert(nt_slice_begins((struct nt_slice){ 0 }, ""));
	ck_assert(!nt_slice_begins(nt_slice_mem("ab", 1), "ab"));
}
END_TEST

static const struct {
	const char *text, *trimmed;
} blanks[] = {
	{ "", "" }, { " \t\r ", "" }, { "\t a b\r", "a b" }, { "a\n ", "a\n" }, { "\fa", "\fa" },
};

START_TEST(slice_trims)
{
	struct nt_slice s = nt_slice_trim(nt_slice_str(blanks[_i].text));

	ck_assert(nt_slice_eq(s, nt_slice_str(blanks[_i].trimmed)));
	ck_assert_uint_eq(nt_slice_trim((struct nt_slice){ 0 }).len, 0);
	ck_assert_uint_eq(nt_slice_trim(NT_SLICE_LIT(" \0 ")).len, 1); /* the NUL is no blank */
}
END_TEST

START_TEST(arena_is_bounded_and_reusable)
{
	_cleanup_arena_ struct nt_arena a = NT_ARENA(100000);
	struct nt_slice s = nt_arena_copy(&a, NT_SLICE_LIT("hello"));

	ck_assert_str_eq(s.p, "hello");
	ck_assert_ptr_nonnull(nt_arena_alloc(&a, 50000));
	ck_assert_ptr_null(nt_arena_alloc(&a, 60000));
	ck_assert_ptr_null(nt_arena_alloc(&a, SIZE_MAX - 3));
	nt_arena_reset(&a);
	ck_assert_ptr_nonnull(nt_arena_zalloc(&a, 90000));
	ck_assert_uint_eq((uintptr_t)nt_arena_alloc(&a, 1) % 16, 0);
}
END_TEST

static const struct {
	const char *text;
	bool valid, is_private;
} addr_cases[] = {
	{ "10.1.2.3", true, true },	  { "172.31.0.1", true, true },
	{ "172.32.0.1", true, false },	  { "192.168.0.1", true, true },
	{ "100.64.0.1", true, true },	  { "169.254.169.254", true, true },
	{ "8.8.8.8", true, false },	  { "fd00::1", true, true },
	{ "fe80::1", true, true },	  { "::1", true, true },
	{ "2001:db8::1", true, false },	  { "1.2.3", false, false },
	{ "1.2.3.4.5", false, false },	  { "", false, false },
	{ "fe80::1%eth0", false, false },
};

/* As a stack, over more than one chunk. */
START_TEST(arena_gives_back_the_latest)
{
	_cleanup_arena_ struct nt_arena a = NT_ARENA(1 << 20);
	struct nt_arena_mark empty = nt_arena_mark(&a), mark;
	struct nt_slice kept = nt_arena_copy(&a, NT_SLICE_LIT("kept"));
	size_t used = a.used_bytes;
	void *p;

	mark = nt_arena_mark(&a);
	p = nt_arena_alloc(&a, 100);
	ck_assert_ptr_nonnull(nt_arena_alloc(&a, 100000));
	nt_arena_release(&a, mark);
	ck_assert_uint_eq(a.used_bytes, used);
	ck_assert_ptr_eq(nt_arena_alloc(&a, 100), p);
	ck_assert_str_eq(kept.p, "kept");
	nt_arena_release(&a, empty);
	ck_assert_uint_eq(a.used_bytes, 0);
	ck_assert_ptr_nonnull(nt_arena_alloc(&a, (1 << 20) - 16));
}
END_TEST

START_TEST(addresses)
{
	char out[NT_ADDR_TEXT_MAX];
	struct nt_addr a;
	int r = nt_addr_parse(nt_slice_str(addr_cases[_i].text), &a);

	ck_assert_int_eq(r == 0, addr_cases[_i].valid);
	if (r < 0)
		return;
	ck_assert_str_eq(nt_addr_format(&a, out), addr_cases[_i].text);
	ck_assert_int_eq(nt_addr_is_private(&a), addr_cases[_i].is_private);
}
END_TEST

START_TEST(a_file_is_replaced_whole_or_not_at_all)
{
	char dir[] = "/tmp/nt-test-XXXXXX", path[64], nested[96];
	_cleanup_buf_ struct nt_buf b = { 0 };
	struct nt_err err = { 0 };
	struct stat st;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/f", dir);
	ck_assert_int_eq(nt_file_replace_at(AT_FDCWD, path, NT_SLICE_LIT("one"), 0600, &err), 0);
	ck_assert_int_eq(nt_file_replace_at(AT_FDCWD, path, NT_SLICE_LIT("two"), 0600, &err), 0);
	ck_assert_int_eq(nt_file_read_at(AT_FDCWD, path, 100, &b, &err), 0);
	ck_assert_str_eq(nt_buf_str(&b), "two");
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(st.st_mode & 0777, 0600);
	nt_buf_reset(&b);
	ck_assert_int_eq(nt_file_read_at(AT_FDCWD, path, 2, &b, &err), -EFBIG);
	ck_assert_ptr_nonnull(strstr(err.msg, path));
	snprintf(nested, sizeof(nested), "%s/gone/f", dir);
	ck_assert_int_eq(nt_file_replace_at(AT_FDCWD, nested, NT_SLICE_LIT("x"), 0600, &err),
			 -ENOENT);
	snprintf(nested, sizeof(nested), "%s/a/b", dir);
	ck_assert_int_eq(nt_file_mkdirs(nested, 0700, &err), 0);
	ck_assert_int_eq(nt_file_mkdirs(nested, 0700, &err), 0);
	ck_assert_int_eq(rmdir(nested), 0);
	snprintf(nested, sizeof(nested), "%s/a", dir);
	ck_assert_int_eq(rmdir(nested), 0);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rmdir(dir), 0);
}
END_TEST

struct loop_test {
	struct nt_loop *loop;
	struct nt_timer *timer;
	int ticks, signals, reads, fd;
};

static void on_tick(void *ctx)
{
	struct loop_test *t = ctx;

	if (++t->ticks == 3) {
		nt_loop_timer_free(t->timer); /* from its own handler */
		kill(getpid(), SIGUSR1);
	}
}

static void on_signal(void *ctx, int signal_number)
{
	struct loop_test *t = ctx;

	ck_assert_int_eq(signal_number, SIGUSR1);
	t->signals++;
	ck_assert_int_eq(write(t->fd, "x", 1), 1);
}

static void on_read(void *ctx, int fd, uint32_t events)
{
	struct loop_test *t = ctx;

	ck_assert_int_ne(events & EPOLLIN, 0);
	t->reads++;
	nt_loop_unwatch(t->loop, fd);
	nt_loop_stop(t->loop);
}

START_TEST(loop_runs_timers_signals_and_descriptors)
{
	static const int signals[] = { SIGUSR1, 0 };
	struct loop_test t = { 0 };
	struct nt_err err;
	int pipe_fds[2];

	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	t.fd = pipe_fds[1];
	ck_assert_int_eq(nt_loop_new(&t.loop, &err), 0);
	t.timer = nt_loop_timer_new(t.loop, NT_NS_PER_MS, on_tick, &t, &err);
	ck_assert_ptr_nonnull(t.timer);
	ck_assert_int_eq(nt_loop_signals(t.loop, signals, on_signal, &t, &err), 0);
	ck_assert_int_eq(nt_loop_watch(t.loop, pipe_fds[0], EPOLLIN, on_read, &t, &err), 0);
	ck_assert_int_eq(nt_loop_run(t.loop, &err), 0);
	ck_assert_int_eq(t.ticks, 3);
	ck_assert_int_eq(t.signals, 1);
	ck_assert_int_eq(t.reads, 1);
	nt_loop_free(t.loop);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}
END_TEST

START_TEST(metrics_are_prometheus_text)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	_cleanup_buf_ struct nt_buf labels = { 0 };

	nt_metrics_label(&labels, "reason", NT_SLICE_LIT("a\"b\n"));
	nt_metrics_label(&labels, "dir", NT_SLICE_LIT("in"));
	nt_metrics_head(&out, "nt_x_total", "Things.", NT_METRIC_COUNTER);
	nt_metrics_sample(&out, "nt_x_total", nt_buf_str(&labels), 3);
	nt_metrics_sample(&out, "nt_x_total", NULL, 4);
	ck_assert_str_eq(nt_buf_str(&out), "# HELP nt_x_total Things.\n# TYPE nt_x_total counter\n"
					   "nt_x_total{reason=\"a\\\"b\\n\",dir=\"in\"} 3\n"
					   "nt_x_total 4\n");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base");
	TCase *t = tcase_create("base");

	tcase_add_test(t, errors_gain_context_on_the_way_up);
	tcase_add_test(t, long_errors_are_cut_not_overrun);
	tcase_add_test(t, buffer_stops_at_its_bound_and_says_so);
	tcase_add_test(t, buffer_prints_the_extreme_numbers);
	tcase_add_loop_test(t, slice_begins, 0, NT_ARRAY_LEN(heads));
	tcase_add_loop_test(t, slice_trims, 0, NT_ARRAY_LEN(blanks));
	tcase_add_test(t, arena_is_bounded_and_reusable);
	tcase_add_test(t, buffer_begins_in_an_array_and_leaves_it_when_full);
	tcase_add_test(t, arena_gives_back_the_latest);
	tcase_add_test(t, dates_are_those_of_the_system);
	tcase_add_test(t, ipv6_text_is_that_of_the_c_library);
	tcase_add_loop_test(t, addresses, 0, NT_ARRAY_LEN(addr_cases));
	tcase_add_test(t, a_file_is_replaced_whole_or_not_at_all);
	tcase_add_test(t, loop_runs_timers_signals_and_descriptors);
	tcase_add_test(t, metrics_are_prometheus_text);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
