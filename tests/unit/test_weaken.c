/* SPDX-License-Identifier: Apache-2.0 */
/* A query weakened to what UNLOGGED rows can tell: on the row of pod shop/web-1, and on all kinds
 * of nesting against the definition itself. */
#include <check.h>

#include "lib/base/cleanup.h"
#include "lib/query/query.h"
#include "tests/unit/store_build.h"
#include "tests/unit/suite.h"

static struct nt_query *parse(const char *text, bool weaken)
{
	struct nt_query_error mistake;
	struct nt_query *q = NULL;

	ck_assert_msg(nt_query_parse(nt_slice_str(text), &q, &mistake) == 0, "%s: %s", text,
		      mistake.msg);
	if (weaken)
		nt_query_weaken_to_unlogged(q);
	return q;
}

static const struct {
	const char *text;
	bool matches;
} cases[] = {
	{ "", true },
	{ "qname = a", true },
	{ "NOT qname = a", true },
	{ "rcode EMPTY", true },
	{ "side = server", true },
	{ "client_name = web-1", true },
	{ "client_name = other", false },
	{ "NOT client_name = web-1", false },
	{ "client_name = other AND qname = a", false },
	{ "client_name = other OR qname = a", true },
	{ "client_name = other OR NOT qname = a", true },
	{ "NOT (client_name = web-1 AND qname = a)", true },
	{ "NOT (client_name = web-1 OR qname = a)", false },
	{ "NOT (client_name = other OR NOT (qname = a AND node = n1))", true },
	{ "node = n2", false },
	{ "reason = ring_full AND role = workload", true },
	{ "reason = agent_restart", false },
};

START_TEST(unlogged_row_matches_when_it_might)
{
	struct nt_record r = store_unlogged(1, T0_US, 5, "ring_full");
	_cleanup_(nt_query_freep) struct nt_query *q = parse(cases[_i].text, true);

	ck_assert_msg(nt_query_eval(q, &r) == cases[_i].matches, "%s", cases[_i].text);
}
END_TEST

/* Builds a nested text from bits: two terms that are known, two that are not. */
static uint32_t build(struct nt_buf *out, uint32_t bits, int depth)
{
	static const char *const terms[] = { "client_name = web-1", "node = n2", "qname = a.test",
					     "rcode = NXDOMAIN" };
	uint32_t kind = bits & 3;

	bits = bits >> 2 | bits << 30;
	if (depth == 0 || kind == 3) {
		nt_buf_puts(out, terms[bits & 3]);
		return bits >> 2 | bits << 30;
	}
	nt_buf_puts(out, kind == 2 ? "NOT (" : "(");
	bits = build(out, bits, depth - 1);
	if (kind < 2) {
		nt_buf_puts(out, kind ? " OR " : " AND ");
		bits = build(out, bits, depth - 1);
	}
	nt_buf_putc(out, ')');
	return bits;
}

/* Of the LOG rows that an UNLOGGED row may stand for, one that the query matches is enough. */
START_TEST(no_possible_match_is_lost)
{
	uint32_t state = 12345;

	for (int round = 0; round < 2000; round++) {
		_cleanup_buf_ struct nt_buf text = { 0 };
		struct nt_record lost = store_unlogged(1, T0_US, 5, "ring_full");
		bool might = false;

		state = state * 1664525 + 1013904223;
		(void)build(&text, state, 4);
		_cleanup_(nt_query_freep) struct nt_query *q = parse(text.p, false);
		_cleanup_(nt_query_freep) struct nt_query *weak = parse(text.p, true);

		for (int i = 0; i < 4; i++) {
			struct nt_record r = store_record(1, T0_US, i & 1 ? "a.test" : "b.test");

			r.rcode = i & 2 ? 3 : 0;
			might |= nt_query_eval(q, &r);
		}
		if (might)
			ck_assert_msg(nt_query_eval(weak, &lost), "%s", text.p);
	}
}
END_TEST

START_TEST(fields_that_a_query_is_about)
{
	_cleanup_(nt_query_freep) struct nt_query *q =
		parse("qname = a AND NOT (rcode = NOERROR OR (side = server))", false);
	_cleanup_(nt_query_freep) struct nt_query *none = parse("", false);

	ck_assert(nt_query_mentions(q, "side") && nt_query_mentions(q, "qname"));
	ck_assert(!nt_query_mentions(q, "role") && !nt_query_mentions(none, "side"));
}
END_TEST

static const struct {
	const char *text;
	bool log, unlogged; /* may it hold for a row of that type? */
} types[] = {
	{ "", true, true },
	{ "type = UNLOGGED", false, true },
	{ "type = LOG", true, false },
	{ "type != log", false, true },
	{ "NOT type NOTIN {unlogged}", false, true },
	{ "type EMPTY", false, false },
	{ "qname = a", true, false },
	{ "NOT qname = a", true, true },
	{ "qname EMPTY AND rcode != NXDOMAIN AND unanswered EMPTY", true, true },
	{ "NOT qname EMPTY", true, false },
	{ "type = UNLOGGED AND rcode = NXDOMAIN", false, false },
	{ "type = UNLOGGED AND (qname = a OR servers.ip = 192.0.2.1)", false, false },
	{ "type = UNLOGGED AND (qname = a OR node = n1)", false, true },
	{ "error = x AND count > 3 AND client_labels.a = b", true, true },
	{ "client_ip = 192.0.2.1 AND start_time > 2026-01-01T00:00:00Z", true, true },
	{ "reason = ring_full", false, true },
	{ "reason NOT EMPTY AND node = n1", false, true },
	{ "reason NOTIN {before_tap}", true, true },
	{ "reason EMPTY", true, true },
	{ "node = n1 AND (type = UNLOGGED AND reason = ring_full)", false, true },
	{ "qname = a OR type = UNLOGGED", true, true },
	{ "(qname = a OR type = LOG) AND NOT type = LOG", false, false },
	{ "(node = n1 OR type = LOG) AND NOT type = LOG", false, true },
	{ "NOT (type = LOG OR qname = a)", false, true },
	{ "NOT (type = LOG AND qname = a)", true, true },
	{ "reason = ring_full OR type = UNLOGGED", false, true },
	{ "type = LOG AND type = UNLOGGED", false, false },
};

START_TEST(types_that_a_query_is_about)
{
	_cleanup_(nt_query_freep) struct nt_query *q = parse(types[_i].text, false);

	ck_assert_msg(nt_query_may_hold(q, NT_RECORD_LOG) == types[_i].log, "%s", types[_i].text);
	ck_assert_msg(nt_query_may_hold(q, NT_RECORD_UNLOGGED) == types[_i].unlogged, "%s",
		      types[_i].text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("weaken");
	TCase *tc = tcase_create("weaken");

	tcase_add_loop_test(tc, unlogged_row_matches_when_it_might, 0, NT_ARRAY_LEN(cases));
	tcase_add_test(tc, no_possible_match_is_lost);
	tcase_add_test(tc, fields_that_a_query_is_about);
	tcase_add_loop_test(tc, types_that_a_query_is_about, 0, NT_ARRAY_LEN(types));
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
