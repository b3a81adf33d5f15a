/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records made for queries: what is found is what was asked for, what is said to be impossible is
 * so for every record of a random crowd, and little is left unknown.
 */
#include "lib/query/invent.h"

#include <check.h>
#include <netinet/in.h>

#include "lib/base/cleanup.h"
#include "tests/unit/record_random.h"
#include "tests/unit/suite.h"

static struct nt_err err;

static struct nt_query *query(const char *text)
{
	struct nt_query_error mistake;
	struct nt_query *q = NULL;

	ck_assert_msg(nt_query_parse(nt_slice_str(text), &q, &mistake) == 0, "%s: %s", text,
		      mistake.msg);
	return q;
}

static struct nt_record plain(void)
{
	static struct nt_server server = { .ip = { 4, { 10, 96, 0, 10 } },
					   .port = 53,
					   .name = { "-", 1 } };
	static const uint8_t client[4] = { 10, 1, 0, 7 };

	return (struct nt_record){ .id = 1,
				   .count = 1,
				   .queries = 1,
				   .replies = 1,
				   .node = NT_SLICE_LIT("n1"),
				   .client_name = NT_SLICE_LIT("web-1"),
				   .client_ip = nt_addr_from(4, client),
				   .servers = &server,
				   .servers_len = 1,
				   .transport = IPPROTO_UDP,
				   .qname = NT_SLICE_LIT("www.example.com"),
				   .qtype = 1,
				   .qclass = 1,
				   .answered = true,
				   .scope = NT_SCOPE_EXTERNAL,
				   .hop_network_ns = -1,
				   .hop_server_ns = -1,
				   .hop_upstream_ns = -1 };
}

static int invent(const struct nt_query *q, bool holds, size_t number, struct nt_arena *arena,
		  struct nt_record *ret)
{
	const struct nt_query_wish wish = { q, holds };
	const struct nt_record base = plain();
	const struct nt_query_invention wanted = {
		.wishes = &wish, .len = 1, .base = &base, .number = number, .arena = arena
	};

	return nt_query_invent(&wanted, ret, &err);
}

/* --- by hand ---------------------------------------------------------------------------------- */

static const struct {
	const char *query;
	bool holds;
	int result;
	const char *why;
} cases[] = {
	{ "", true, 0, NULL },
	{ "", false, -ENOENT, "every row matches" },
	{ "rcode = NXDOMAIN", true, 0, NULL },
	{ "rcode = NXDOMAIN", false, 0, NULL },
	{ "rcode EMPTY AND rcode = NOERROR", true, -ENOENT, "asked of rcode" },
	{ "rcode = NOERROR OR rcode != NOERROR", false, -ENOENT, "asked of rcode" },
	{ "type IN {LOG, UNLOGGED}", false, -ENOENT, "asked of type" },
	{ "count > 5 AND count < 7", true, 0, NULL },
	{ "count > 5 AND count < 6", true, -ENOENT, "asked of count" },
	{ "count > 2.5 AND count < 3.5 AND count != 3", true, -ENOENT, "asked of count" },
	{ "count < 0", true, -ENOENT, "asked of count" },
	{ "count >= 0", false, -ENOENT, "asked of count" },
	{ "edns.version > 255", true, -ENOENT, "asked of edns.version" },
	{ "(rcode = REFUSED OR qname = b) AND NOT (qname = b) AND rcode != REFUSED", true, -ENOENT,
	  "can be so in no row" },
	{ "qname IN {\"*.example.com\"} AND qname NOTIN {\"a*\", \"selftest*\"}", true, 0, NULL },
	{ "qname IN {\"x?z\"}", true, 0, NULL },
	{ "servers.ip = 10.0.0.1 AND servers.port = 5353 AND servers.labels.app = dns", true, 0,
	  NULL },
	{ "servers EMPTY AND servers.ip = 10.0.0.1", true, -EOPNOTSUPP, "asked of servers" },
	{ "servers EMPTY", true, 0, NULL },
	{ "client_labels.app = cart AND client_labels.tier != back AND client_labels.x NOT EMPTY",
	  true, 0, NULL },
	{ "client_labels EMPTY OR client_labels.a = b", false, 0, NULL },
	{ "rrsets.rdata = 203.0.113.7 AND rrsets.rdata IN {\"10.*\"} AND rrsets.type = A", true, 0,
	  NULL },
	{ "client_ip IN {\"10.*\"} AND client_ip != 10.1.0.7", true, 0, NULL },
	{ "flags = TC AND flags != RA AND flags NOT EMPTY", true, 0, NULL },
	{ "edns.options = 10 AND edns.options = 8 AND edns.do = true", true, 0, NULL },
	{ "client_services = shop/cart AND client_services IN {\"*/web\"}", true, 0, NULL },
	{ "latency_max > 200ms AND latency_min EMPTY", true, -EOPNOTSUPP, NULL },
	{ "latency_mean >= 5ms AND latency_max < 4ms", true, 0, NULL },
	{ "hop_server_ns = 3ms", true, 0, NULL },
	{ "scope EMPTY AND verdict EMPTY AND died EMPTY", true, 0, NULL },
	{ "qtype IN {\"T*\"} AND qtype NOTIN {TXT, TYPE64, TKEY}", true, 0, NULL },
	{ "reason = ring_full", true, 0, NULL },
};

START_TEST(case_is_decided)
{
	_cleanup_(nt_query_freep) struct nt_query *q = NULL;
	struct nt_arena arena = NT_ARENA(1 << 20);
	struct nt_record r;
	int result;

	q = query(cases[_i].query);
	result = invent(q, cases[_i].holds, 0, &arena, &r);
	ck_assert_msg(result == cases[_i].result, "%s: %d %s", cases[_i].query, result,
		      result < 0 ? err.msg : "");
	if (result == 0)
		ck_assert(nt_query_eval(q, &r) == cases[_i].holds);
	else if (cases[_i].why)
		ck_assert_msg(strstr(err.msg, cases[_i].why), "%s: %s", cases[_i].query, err.msg);
	nt_arena_done(&arena);
}
END_TEST

START_TEST(numbers_give_other_names)
{
	_cleanup_(nt_query_freep) struct nt_query *q =
		query("qname IN {\"*.example.org\"} AND client_name IN {a, b, c}");
	struct nt_arena arena = NT_ARENA(1 << 20);
	struct nt_record a, b;

	ck_assert_int_eq(invent(q, true, 1, &arena, &a), 0);
	ck_assert_int_eq(invent(q, true, 2, &arena, &b), 0);
	ck_assert(!nt_slice_eq(a.qname, b.qname));
	ck_assert(!nt_slice_eq(a.client_name, b.client_name));
	nt_arena_done(&arena);
}
END_TEST

START_TEST(several_wishes_are_met_together)
{
	_cleanup_(nt_query_freep) struct nt_query *one = query("scope = external AND qtype != A");
	_cleanup_(nt_query_freep) struct nt_query *other = query("rcode = NXDOMAIN OR qtype = A");
	const struct nt_query_wish wishes[] = { { one, true }, { other, true } };
	struct nt_arena arena = NT_ARENA(1 << 20);
	const struct nt_record base = plain();
	const struct nt_query_invention wanted = {
		.wishes = wishes, .len = 2, .base = &base, .arena = &arena
	};
	struct nt_record r;

	ck_assert_msg(nt_query_invent(&wanted, &r, &err) == 0, "%s", err.msg);
	ck_assert(nt_query_eval(one, &r) && nt_query_eval(other, &r));
	ck_assert_uint_eq(r.rcode, 3);
	nt_arena_done(&arena);
}
END_TEST

/* --- at random -------------------------------------------------------------------------------- */

static const char *const terms[] = {
	"rcode = NXDOMAIN",
	"rcode = NOERROR",
	"rcode IN {SERVFAIL, REFUSED}",
	"rcode EMPTY",
	"qtype = A",
	"qtype IN {AAAA, TXT}",
	"count > 2",
	"count < 4",
	"count = 3",
	"count != 3",
	"unanswered > 0",
	"qname = a",
	"qname IN {\"a*\"}",
	"qname IN {\"*b\", \"?\"}",
	"qname > m",
	"client_name = web-0",
	"client_name EMPTY",
	"client_namespace NOTIN {a, \"*\"}",
	"servers.ip = 10.0.0.1",
	"servers.port > 53",
	"servers EMPTY",
	"side = client",
	"side = server",
	"late = true",
	"scope = external",
	"scope EMPTY",
	"verdict IN {deny, audit}",
	"latency_max > 100ms",
	"latency_max EMPTY",
	"flags = TC",
	"edns.do = true",
	"client_labels.a = b",
	"client_labels EMPTY",
	"type = UNLOGGED",
	"reason = ring_full",
	"rrsets.rdata = a",
	"client_ip = 10.0.0.1",
	"transport = tcp",
	"bytes_out >= 5000000",
};

static void random_query(struct random *g, int depth, struct nt_buf *out)
{
	size_t len = 1 + random_below(g, 3);
	const char *joint = random_below(g, 2) ? " AND " : " OR ";

	for (size_t i = 0; i < len; i++) {
		bool deeper = depth > 0 && random_below(g, 3) == 0;

		nt_buf_puts(out, i ? joint : "");
		nt_buf_puts(out, random_below(g, 4) == 0 ? "NOT (" : "(");
		if (deeper)
			random_query(g, depth - 1, out);
		else
			nt_buf_puts(out, terms[random_below(g, NT_ARRAY_LEN(terms))]);
		nt_buf_putc(out, ')');
	}
}

enum { ROUNDS = 3000, CROWD = 300 };

START_TEST(random_queries)
{
	static struct nt_record crowd[CROWD];
	struct nt_arena people = NT_ARENA(64 << 20), arena = NT_ARENA(4 << 20);
	struct random g = { .state = 77 };
	size_t found = 0, impossible = 0;

	for (size_t i = 0; i < CROWD; i++)
		crowd[i] = random_record(i, &people);
	for (int round = 0; round < ROUNDS; round++) {
		_cleanup_(nt_query_freep) struct nt_query *q = NULL;
		_cleanup_buf_ struct nt_buf text = { 0 };
		bool holds = random_below(&g, 2);
		struct nt_record r;
		int result;

		random_query(&g, 3, &text);
		q = query(text.p);
		result = invent(q, holds, random_below(&g, 3), &arena, &r);
		if (result == 0)
			ck_assert_msg(nt_query_eval(q, &r) == holds, "%s", text.p);
		for (size_t i = 0; result == -ENOENT && i < CROWD; i++)
			ck_assert_msg(nt_query_eval(q, &crowd[i]) != holds, "%s: %s", text.p,
				      err.msg);
		found += result == 0;
		impossible += result == -ENOENT;
		nt_arena_reset(&arena);
	}
	ck_assert_msg(found > ROUNDS * 9 / 10, "%zu found, %zu impossible of %d", found, impossible,
		      ROUNDS);
	ck_assert_uint_gt(impossible, 0); /* there was something to agree about */
	nt_arena_done(&arena);
	nt_arena_done(&people);
}
END_TEST

/* A set of a thousand values behind NOT, and many ways of which none leads anywhere. */
START_TEST(large_queries_are_bounded)
{
	_cleanup_(nt_query_freep) struct nt_query *set = NULL, *ways = NULL;
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_arena arena = NT_ARENA(16 << 20);
	struct nt_record r;

	nt_buf_puts(&text, "qname NOTIN {www.example.com");
	for (int i = 0; i < 800; i++)
		nt_buf_printf(&text, ",n%d.a", i);
	nt_buf_puts(&text, "}");
	set = query(text.p);
	ck_assert_int_eq(invent(set, true, 0, &arena, &r), 0);
	ck_assert_int_eq(invent(set, false, 0, &arena, &r), 0);
	nt_buf_reset(&text);
	for (int i = 0; i < 40; i++)
		nt_buf_printf(&text, "%s(qname > a%d OR servers.name > b%d OR client_name > c%d)",
			      i ? " AND " : "", i, i, i);
	nt_buf_puts(&text, " AND qname IN {\"*x\"} AND qname NOTIN {\"*x*\"}");
	ways = query(text.p);
	ck_assert_int_eq(invent(ways, true, 0, &arena, &r), -EOPNOTSUPP);
	nt_arena_done(&arena);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("invent");
	TCase *tc = tcase_create("invent");

	tcase_set_timeout(tc, 120);
	tcase_add_loop_test(tc, case_is_decided, 0, NT_ARRAY_LEN(cases));
	tcase_add_test(tc, numbers_give_other_names);
	tcase_add_test(tc, several_wishes_are_met_together);
	tcase_add_test(tc, random_queries);
	tcase_add_test(tc, large_queries_are_bounded);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
