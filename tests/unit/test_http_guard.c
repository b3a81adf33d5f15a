/* SPDX-License-Identifier: Apache-2.0 */
/* Host, Origin, token, listening address, and how figures are written. */
#include <check.h>

#include "api/http/figures.h"
#include "api/http/guard.h"
#include "api/http/listen.h"
#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

static const struct nt_guard guard = { .listen = "127.0.0.5", .port = 8053 };

static const struct {
	const char *host;
	bool ok;
} hosts[] = {
	{ "localhost:8053", true },
	{ "LOCALHOST:8053", true },
	{ "127.0.0.1:8053", true },
	{ "[::1]:8053", true },
	{ "127.0.0.5:8053", true },
	{ "localhost", false },
	{ "localhost:80", false },
	{ "localhost:8053.evil.example", false },
	{ "localhost:80530", false },
	{ "evil.example:8053", false },
	{ "localhost.evil.example:8053", false },
	{ "127.0.0.2:8053", false },
	{ "::1:8053", false },
	{ "0.0.0.0:8053", false },
	{ "", false },
	{ ":8053", false },
	{ "user@localhost:8053", false },
	{ "localhost:8053 ", false },
};

START_TEST(host_is_ours)
{
	ck_assert_int_eq(nt_guard_host(&guard, nt_slice_str(hosts[_i].host)), hosts[_i].ok);
}
END_TEST

START_TEST(host_without_port_is_port_80)
{
	const struct nt_guard web = { .port = 80 };

	ck_assert(nt_guard_host(&web, NT_SLICE_LIT("localhost")));
	ck_assert(nt_guard_host(&web, NT_SLICE_LIT("localhost:80")));
	ck_assert(!nt_guard_host(&web, NT_SLICE_LIT("")));
}
END_TEST

static const struct {
	const char *origin;
	bool ok;
} origins[] = {
	{ "http://localhost:8053", true },
	{ "http://127.0.0.1:8053", true },
	{ "http://[::1]:8053", true },
	{ "null", false },
	{ "", false },
	{ "http://", false },
	{ "https://localhost:8053", false },
	{ "http://localhost", false },
	{ "http://evil.example", false },
	{ "http://localhost:8053.evil.example", false },
	{ "http://localhost:8053/", false },
	{ "file://", false },
};

START_TEST(origin_is_ours)
{
	ck_assert_int_eq(nt_guard_origin(&guard, nt_slice_str(origins[_i].origin)), origins[_i].ok);
}
END_TEST

static const struct {
	const char *header;
	bool ok;
} tokens[] = {
	{ "Bearer 0123456789abcdef", true },
	{ "bearer 0123456789abcdef", true },
	{ "Bearer 0123456789abcdeF", false },
	{ "Bearer 0123456789abcde", false },
	{ "Bearer 0123456789abcdef0", false },
	{ "Bearer ", false },
	{ "", false },
	{ "0123456789abcdef", false },
	{ "Basic 0123456789abcdef", false },
	{ "Bearer  0123456789abcdef", false },
};

START_TEST(token_is_the_one)
{
	ck_assert_int_eq(nt_guard_token(nt_slice_str(tokens[_i].header),
					NT_SLICE_LIT("0123456789abcdef")),
			 tokens[_i].ok);
}
END_TEST

START_TEST(no_token_is_no_access)
{
	ck_assert(!nt_guard_token(NT_SLICE_LIT("Bearer "), (struct nt_slice){ 0 }));
	ck_assert(!nt_guard_token(NT_SLICE_LIT("Bearer x"), (struct nt_slice){ 0 }));
}
END_TEST

static const struct {
	const char *text;
	int code;
	const char *says;
} listens[] = {
	{ "0.0.0.0:0", -EPERM, "refusing to listen on 0.0.0.0:0: it is no loopback address" },
	{ "[::]:0", -EPERM, "no loopback address" },
	{ "192.0.2.1:8053", -EPERM, "without a password" },
	{ "[::ffff:127.0.0.1]:0", -EPERM, "no loopback address" },
	{ "127.0.0.1", -EINVAL, "an address and a port are wanted" },
	{ "127.0.0.1:", -EINVAL, "an address and a port are wanted" },
	{ "127.0.0.1:65536", -EINVAL, "an address and a port are wanted" },
	{ "example.org:80", -EINVAL, "is no address" },
	{ "", -EINVAL, "an address and a port are wanted" },
};

START_TEST(listening_elsewhere_is_refused)
{
	struct nt_guard g = { 0 };
	struct nt_err err = { 0 };
	int fd = -1;

	ck_assert_int_eq(nt_listen_open(listens[_i].text, true, &fd, &g, &err), listens[_i].code);
	ck_assert_msg(strstr(err.msg, listens[_i].says), "%s", err.msg);
	ck_assert_int_eq(fd, -1);
}
END_TEST

START_TEST(with_tls_any_address_will_do)
{
	_cleanup_close_ int fd = -1;
	struct nt_guard g = { 0 };
	struct nt_err err = { 0 };

	ck_assert_msg(nt_listen_open("0.0.0.0:0", false, &fd, &g, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(g.listen, "0.0.0.0");
}
END_TEST

START_TEST(busy_port_is_named)
{
	_cleanup_close_ int fd = -1;
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_guard g = { 0 };
	struct nt_err err = { 0 };
	int second = -1;

	ck_assert_int_eq(nt_listen_open("localhost:0", true, &fd, &g, &err), 0);
	ck_assert_uint_ne(g.port, 0);
	ck_assert_str_eq(g.listen, "127.0.0.1");
	nt_buf_printf(&text, "127.0.0.1:%u", g.port);
	ck_assert_int_eq(nt_listen_open(text.p, true, &second, &g, &err), -EADDRINUSE);
	ck_assert_msg(strstr(err.msg, text.p) && strstr(err.msg, "another process"), "%s", err.msg);
}
END_TEST

START_TEST(percentiles_are_upper_bounds)
{
	struct nt_store_sums s = { .latency_count = 100, .latency_max_ns = 1ULL << 40 };

	ck_assert_uint_eq(nt_sums_percentile(&(struct nt_store_sums){ 0 }, 50), 0);
	s.latency_histogram[0] = 50; /* below 2^14 */
	s.latency_histogram[3] = 45; /* below 2^17 */
	s.latency_histogram[NT_HISTOGRAM_BUCKETS - 1] = 5;
	ck_assert_uint_eq(nt_sums_percentile(&s, 50), 1 << 14);
	ck_assert_uint_eq(nt_sums_percentile(&s, 51), 1 << 17);
	ck_assert_uint_eq(nt_sums_percentile(&s, 95), 1 << 17);
	ck_assert_uint_eq(nt_sums_percentile(&s, 99), 1ULL << 40);
	s.latency_max_ns = 100000; /* no bound is above what was measured */
	ck_assert_uint_eq(nt_sums_percentile(&s, 95), 100000);
}
END_TEST

START_TEST(one_measurement_is_every_percentile)
{
	struct nt_store_sums s = { .latency_count = 1, .latency_max_ns = 30000 };

	s.latency_histogram[1] = 1;
	ck_assert_uint_eq(nt_sums_percentile(&s, 50), 30000);
	ck_assert_uint_eq(nt_sums_percentile(&s, 99), 30000);
}
END_TEST

static const struct {
	int64_t us;
	const char *text;
} json_times[] = {
	{ 1795413600000001LL, "\"2026-11-23T06:00:00.000001Z\"" },
	{ 0, "\"1970-01-01T00:00:00.000000Z\"" },
	{ -1, "\"1969-12-31T23:59:59.999999Z\"" },
};

START_TEST(time_is_written)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_json j = NT_JSON(&out);

	nt_json_time(&j, json_times[_i].us);
	ck_assert_str_eq(out.p, json_times[_i].text);
}
END_TEST

START_TEST(commas_and_escapes)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_json j = NT_JSON(&out);

	nt_json_open(&j, '{');
	nt_json_key_str(&j, "a", NT_SLICE_LIT("<\"\n\xff"));
	nt_json_key(&j, "b");
	nt_json_open(&j, '[');
	nt_json_u64(&j, UINT64_MAX);
	nt_json_null(&j);
	nt_json_open(&j, '{');
	nt_json_close(&j, '}');
	nt_json_bool(&j, false);
	nt_json_close(&j, ']');
	nt_json_key_slice(&j, NT_SLICE_LIT("\\"));
	nt_json_bool(&j, true);
	nt_json_close(&j, '}');
	ck_assert_str_eq(out.p, "{\"a\":\"<\\\"\\n\\u00ff\",\"b\":[18446744073709551615,null,{},"
				"false],\"\\\\\":true}");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_guard");
	TCase *tc = tcase_create("guard");

	tcase_add_loop_test(tc, host_is_ours, 0, NT_ARRAY_LEN(hosts));
	tcase_add_test(tc, host_without_port_is_port_80);
	tcase_add_loop_test(tc, origin_is_ours, 0, NT_ARRAY_LEN(origins));
	tcase_add_loop_test(tc, token_is_the_one, 0, NT_ARRAY_LEN(tokens));
	tcase_add_test(tc, no_token_is_no_access);
	tcase_add_loop_test(tc, listening_elsewhere_is_refused, 0, NT_ARRAY_LEN(listens));
	tcase_add_test(tc, busy_port_is_named);
	tcase_add_test(tc, with_tls_any_address_will_do);
	tcase_add_test(tc, percentiles_are_upper_bounds);
	tcase_add_test(tc, one_measurement_is_every_percentile);
	tcase_add_loop_test(tc, time_is_written, 0, NT_ARRAY_LEN(json_times));
	tcase_add_test(tc, commas_and_escapes);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
