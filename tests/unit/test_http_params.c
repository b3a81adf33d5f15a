/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters of requests: times, numbers, words, fields, bucket widths, mistakes as sentences. */
#include <check.h>

#include "api/http/params.h"
#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

#define NOW_US 1795413600000000LL /* 2026-11-23T06:00:00Z */

static const struct {
	const char *text;
	int64_t us; /* -1: refused */
} times[] = {
	{ "now", NOW_US },
	{ "now-15m", NOW_US - 900 * 1000000LL },
	{ "now+5s", NOW_US + 5000000 },
	{ "now-250ms", NOW_US - 250000 },
	{ "now-0", NOW_US },
	{ "2026-11-23T06:00:00Z", NOW_US },
	{ "2026-11-23T07:00:00.000001+01:00", NOW_US + 1 },
	{ "1970-01-01T00:00:00Z", 0 },
	{ "", -1 },
	{ "no", -1 },
	{ "now-", -1 },
	{ "now15m", -1 },
	{ "now-15", -1 },
	{ "now--15m", -1 },
	{ "now-15m ", -1 },
	{ "nowhere", -1 },
	{ "Now", -1 },
	{ "2026-11-23", -1 },
	{ "2026-11-23T06:00:00", -1 },
	{ "1795413600", -1 },
};

START_TEST(time_is_read_or_refused)
{
	int64_t us = -1;
	int r = nt_time_param_parse(nt_slice_str(times[_i].text), NOW_US, &us);

	ck_assert_int_eq(us, times[_i].us);
	ck_assert_int_eq(r < 0, times[_i].us == -1);
}
END_TEST

static const struct {
	const char *text;
	int64_t id; /* 0: refused */
} ids[] = {
	{ "1", 1 },
	{ "9223372036854775807", INT64_MAX },
	{ "9223372036854775808", 0 },
	{ "0", 0 },
	{ "", 0 },
	{ "-1", 0 },
	{ "1x", 0 },
	{ "x", 0 },
};

START_TEST(id_is_a_number)
{
	const struct nt_params p = {
		.items = { { NT_SLICE_LIT("id"), nt_slice_str(ids[_i].text) } }, .len = 1
	};
	struct nt_err err = { 0 };
	int64_t id = 0;

	ck_assert_int_eq(nt_params_id(&p, &id, &err), ids[_i].id ? 0 : -EINVAL);
	ck_assert_int_eq(id, ids[_i].id);
	if (!ids[_i].id)
		ck_assert_msg(strstr(err.msg, "id: a number"), "%s", err.msg);
}
END_TEST

static const struct {
	int64_t length_s;
	uint32_t wanted;
	int64_t width_s;
} widths[] = {
	{ 1, 60, 1 },
	{ 60, 60, 1 },
	{ 61, 60, 2 },
	{ 3600, 60, 60 },
	{ 3600, 61, 60 },
	{ 3600, 59, 120 },
	{ 86400, 60, 1800 },
	{ 86400, 1, 86400 },
	{ 8 * 86400, 60, 21600 },
	{ 900, 1000, 1 },
	{ 365 * 86400, 10, 86400 },
};

START_TEST(width_is_the_smallest_that_fits)
{
	ck_assert_int_eq(nt_bucket_us(widths[_i].length_s * 1000000, widths[_i].wanted),
			 widths[_i].width_s * 1000000);
}
END_TEST

static struct nt_params params_of(const char *const *pairs)
{
	struct nt_params p = { 0 };

	for (; *pairs; pairs += 2)
		p.items[p.len++] =
			(struct nt_param){ nt_slice_str(pairs[0]), nt_slice_str(pairs[1]) };
	return p;
}

static const struct {
	const char *pairs[5];
	const char *message; /* NULL: fine */
} figures[] = {
	{ { NULL }, NULL },
	{ { "from", "now-1d", "to", "now-23h", NULL }, NULL },
	{ { "side", "any", "role", "resolver", NULL }, NULL },
	{ { "q", "qname = a.test", NULL }, NULL },
	{ { "q", "", NULL }, NULL },
	{ { "from", "yesterday", NULL }, "from: a time is wanted" },
	{ { "to", "", NULL }, "to: a time is wanted" },
	{ { "from", "now", "to", "now", NULL }, "from: must be before to" },
	{ { "from", "now", "to", "now-1s", NULL }, "from: must be before to" },
	{ { "side", "left", NULL }, "side: one of client, server, any" },
	{ { "role", "", NULL }, "role: one of workload, resolver, any" },
	{ { "q", "qnme = a", NULL }, "q: " },
};

START_TEST(figures_are_read_or_refused)
{
	struct nt_params p = params_of(figures[_i].pairs);
	_cleanup_figures_ struct nt_figures f = { 0 };
	struct nt_query_error mistake;
	struct nt_err err = { 0 };
	int r = nt_figures_parse(&p, NOW_US, &f, &mistake, &err);

	if (!figures[_i].message) {
		ck_assert_msg(r == 0, "%s", err.msg);
		return;
	}
	ck_assert_int_eq(r, -EINVAL);
	ck_assert_msg(strncmp(err.msg, figures[_i].message, strlen(figures[_i].message)) == 0, "%s",
		      err.msg);
	ck_assert_int_eq(mistake.msg[0] != '\0', strcmp(figures[_i].message, "q: ") == 0);
}
END_TEST

START_TEST(figures_default_to_workloads_of_the_last_hour)
{
	const struct nt_params none = { 0 };
	_cleanup_figures_ struct nt_figures f = { 0 };
	struct nt_query_error mistake;

	ck_assert_int_eq(nt_figures_parse(&none, NOW_US, &f, &mistake, NULL), 0);
	ck_assert_int_eq(f.range.from_us, NOW_US - 3600 * 1000000LL);
	ck_assert_int_eq(f.range.to_us, NOW_US);
	ck_assert_int_eq(f.range.side, NT_SIDE_CLIENT);
	ck_assert_int_eq(f.range.role, NT_ROLE_WORKLOAD);
	ck_assert_ptr_null(f.range.filter);
	ck_assert(!f.range.unlogged);
}
END_TEST

START_TEST(filter_that_names_a_side_is_not_cut_by_the_default)
{
	const char *const asked[] = { "q", "side = server OR qname = a", NULL };
	const char *const both[] = { "q", "role = resolver", "role", "workload", NULL };
	const struct nt_params p = params_of(asked), explicit_role = params_of(both);
	_cleanup_figures_ struct nt_figures f = { 0 }, g = { 0 };
	struct nt_query_error mistake;

	ck_assert_int_eq(nt_figures_parse(&p, NOW_US, &f, &mistake, NULL), 0);
	ck_assert_int_eq(f.range.side, -1);
	ck_assert_int_eq(f.range.role, NT_ROLE_WORKLOAD);
	ck_assert_int_eq(nt_figures_parse(&explicit_role, NOW_US, &g, &mistake, NULL), 0);
	ck_assert_int_eq(g.range.role, NT_ROLE_WORKLOAD);
}
END_TEST

START_TEST(unknown_and_doubled_parameters_are_named)
{
	const char *const unknown[] = { "q", "", "qq", "", NULL };
	const char *const doubled[] = { "q", "a", "q", "b", NULL };
	const char *const prefix[] = { "fro", "now", NULL };
	struct nt_params p = params_of(unknown);
	struct nt_err err = { 0 };

	ck_assert_int_eq(nt_params_check(&p, "q from", &err), -EINVAL);
	ck_assert_str_eq(err.msg, "no such parameter: qq (there are: q from)");
	ck_assert_int_eq(nt_params_check(&p, "", &err), -EINVAL);
	ck_assert_str_eq(err.msg, "no such parameter: q (there are none)");
	p = params_of(doubled);
	ck_assert_int_eq(nt_params_check(&p, "q from", &err), -EINVAL);
	ck_assert_str_eq(err.msg, "q: given twice");
	p = params_of(prefix);
	ck_assert_int_eq(nt_params_check(&p, "q from", &err), -EINVAL);
}
END_TEST

static const struct {
	const char *text;
	int value; /* -1: refused */
} numbers[] = { { "1", 1 },   { "50", 50 },  { "51", -1 },
		{ "0", -1 },  { "", -1 },    { "-1", -1 },
		{ "5 ", -1 }, { "0x5", -1 }, { "99999999999999999999", -1 } };

START_TEST(number_is_in_range)
{
	const char *const pairs[] = { "limit", numbers[_i].text, NULL };
	struct nt_params p = params_of(pairs);
	uint32_t v = 0;
	int r = nt_params_u32(&p, "limit", 50, 10, &v, NULL);

	ck_assert_int_eq(r == 0 ? (int)v : -1, numbers[_i].value);
}
END_TEST

static const struct {
	const char *text;
	size_t max, len; /* len 0: refused */
} bys[] = {
	{ "qname", 1, 1 },
	{ "client_namespace,client_name", 4, 2 },
	{ "servers.ip,qtype,rcode,node", 4, 4 },
	{ "qname,qtype", 1, 0 },
	{ "node,side,role,type,qname", 4, 0 },
	{ "", 4, 0 },
	{ "qname,", 4, 0 },
	{ "qname,qname", 4, 0 },
	{ "qname, qtype", 4, 0 },
	{ "count", 4, 0 },
	{ "client_labels.app", 4, 0 },
	{ "nonsense", 4, 0 },
};

START_TEST(fields_to_group_by)
{
	struct nt_by by = { 0 };
	struct nt_err err = { 0 };
	int r = nt_by_parse(nt_slice_str(bys[_i].text), bys[_i].max, &by, &err);

	ck_assert_uint_eq(r == 0 ? by.len : 0, bys[_i].len);
	if (r < 0)
		ck_assert_int_eq(strncmp(err.msg, "by: ", 4), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("http_params");
	TCase *tc = tcase_create("params");

	tcase_add_loop_test(tc, time_is_read_or_refused, 0, NT_ARRAY_LEN(times));
	tcase_add_loop_test(tc, id_is_a_number, 0, NT_ARRAY_LEN(ids));
	tcase_add_loop_test(tc, width_is_the_smallest_that_fits, 0, NT_ARRAY_LEN(widths));
	tcase_add_loop_test(tc, figures_are_read_or_refused, 0, NT_ARRAY_LEN(figures));
	tcase_add_test(tc, figures_default_to_workloads_of_the_last_hour);
	tcase_add_test(tc, filter_that_names_a_side_is_not_cut_by_the_default);
	tcase_add_test(tc, unknown_and_doubled_parameters_are_named);
	tcase_add_loop_test(tc, number_is_in_range, 0, NT_ARRAY_LEN(numbers));
	tcase_add_loop_test(tc, fields_to_group_by, 0, NT_ARRAY_LEN(bys));
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
