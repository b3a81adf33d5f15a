/* SPDX-License-Identifier: Apache-2.0 */
/* The query language: what it means on one record, what it refuses and what it offers instead. */
#include "lib/query/query.h"

#include <check.h>
#include <netinet/in.h>

#include "dataplane/abi.h"
#include "lib/base/cleanup.h"
#include "lib/dns/message.h"
#include "lib/record/record.h"
#include "tests/unit/suite.h"

static struct nt_slice rdata[] = { NT_SLICE_LIT("10.2.0.7"), NT_SLICE_LIT("10.2.0.8") };
static struct nt_rrset rrsets[] = {
	{ .name = NT_SLICE_LIT("api.stripe.com"), .type = NT_TYPE_CNAME, .class_ = 1 },
	{ .name = NT_SLICE_LIT("edge.example"),
	  .type = NT_TYPE_A,
	  .class_ = 1,
	  .ttl_min = 30,
	  .ttl_max = 60,
	  .rdata = rdata,
	  .rdata_len = 2 },
};
static struct nt_label labels[] = {
	{ NT_SLICE_LIT("app.kubernetes.io/name"), NT_SLICE_LIT("cart") },
	{ NT_SLICE_LIT("canary"), NT_SLICE_LIT("") },
};
static struct nt_slice services[] = { NT_SLICE_LIT("shop/cart"), NT_SLICE_LIT("shop/all") };
static struct nt_server servers[] = {
	{ .ip = { 4, { 10, 96, 0, 10 } },
	  .port = 53,
	  .name = NT_SLICE_LIT("-"),
	  .name_aggr = NT_SLICE_LIT("pvt"),
	  .labels = labels,
	  .labels_len = 1 },
};

static struct nt_record the_record(void)
{
	struct nt_record r = {
		.id = 0x2a,
		.start_us = 1795414324118000, /* 2026-11-23T06:12:04.118Z */
		.end_us = 1795414324118900,
		.count = 3,
		.queries = 3,
		.replies = 3,
		.node = NT_SLICE_LIT("n4"),
		.client_namespace = NT_SLICE_LIT("shop"),
		.client_name = NT_SLICE_LIT("cart-6659c9d65f-x2x4p"),
		.client_ip = { 6, { 0xfd, [15] = 1 } },
		.client_services = services,
		.client_services_len = 2,
		.client_labels = labels,
		.client_labels_len = 2,
		.servers = servers,
		.servers_len = 1,
		.transport = IPPROTO_UDP,
		.qname = NT_SLICE_LIT("api.stripe.com"),
		.qtype = NT_TYPE_A,
		.qclass = 1,
		.answered = true,
		.rcode = 3,
		.rrsets = rrsets,
		.rrsets_len = 2,
		.flags = NT_DNS_RD | NT_DNS_RA,
		.edns = true,
		.edns_udp_size_max = 1232,
		.edns_options = { 8, 10 },
		.edns_options_len = 2,
		.scope = NT_SCOPE_EXTERNAL,
		.logical_qname = NT_SLICE_LIT("api.stripe.com"),
		.domain = NT_SLICE_LIT("stripe.com"),
		.latency_count = 3,
		.latency_min_ns = 1000000,
		.latency_sum_ns = 9000000,
		.latency_max_ns = 5000000,
		.hop_network_ns = -1,
		.hop_server_ns = -1,
		.hop_upstream_ns = -1,
		.verdict = NT_VERDICT_AUDIT,
	};

	return r;
}

static const struct {
	const char *text;
	bool want;
} meanings[] = {
	{ "", true },
	{ " \t\n", true },
	/* precedence and keywords */
	{ "count = 3", true },
	{ "count = 4 AND count = 4 OR count = 3", true },
	{ "count = 3 OR count = 4 AND count = 4", true },
	{ "(count = 3 OR count = 4) AND count = 4", false },
	{ "NOT count = 3 AND count = 4", false },
	{ "NOT (count = 3 AND count = 4)", true },
	{ "not not count=3", true },
	{ "count=4 oR count=3 aNd nOt count=4", true },
	{ "NOT count = 4 OR count = 3", true },
	/* text ignores case */
	{ "client_namespace = SHOP", true },
	{ "CLIENT_NAMESPACE = 'Shop'", true },
	{ "\"client_namespace\" != shop", false },
	{ "client_namespace < tango", true },
	{ "qname = api.stripe.com", true },
	{ "qname = \"*.stripe.com\"", false },
	{ "qname IN {\"*.stripe.com\"}", true },
	{ "qname IN {*.STRIPE.com, example.com}", true },
	{ "qname IN {\"stripe.com\"}", false },
	{ "qname NOTIN {\"*stripe*\"}", false },
	{ "qname NOT IN {a, b}", true },
	{ "qname IN {\"api.?tripe.com\"}", true },
	{ "qname IN {\"api.??tripe.com\"}", false },
	/* codes and types in all their forms */
	{ "rcode = NXDomain", true },
	{ "rcode = 3", true },
	{ "rcode = RCODE3", true },
	{ "rcode IN {NoError, servfail}", false },
	{ "qtype = a", true },
	{ "qtype = TYPE1", true },
	{ "qtype = 1", true },
	{ "qtype IN {\"A*\"}", true },
	{ "qtype = 65400", false },
	{ "qclass = IN", true },
	{ "qclass IN {IN, CH}", true },
	{ "type = log", true },
	{ "scope != search", true },
	{ "verdict IN {deny, audit}", true },
	{ "transport = UDP", true },
	/* numbers, durations, times */
	{ "count >= 2.5", true },
	{ "count < 1e3", true },
	{ "count IN {1, 3}", true },
	{ "latency_max = 5ms", true },
	{ "latency_max > 5ms", false },
	{ "latency_mean = 3000000", true },
	{ "latency_min < 1.5ms", true },
	{ "start_time >= 2026-11-23T06:12:04.118Z", true },
	{ "start_time < '2026-11-23T08:12:04.118001+02:00'", true },
	{ "late = false", true },
	{ "edns.do = TRUE", false },
	/* addresses in any spelling */
	{ "client_ip = FD00:0:0:0::1", true },
	{ "client_ip = 10.0.0.1", false },
	{ "client_ip IN {\"fd00::*\"}", true },
	/* what is missing */
	{ "policy EMPTY", true },
	{ "policy NOT EMPTY", false },
	{ "NOT policy empty", false },
	{ "policy != x", true },
	{ "policy = x", false },
	{ "policy NOTIN {x}", true },
	{ "hop_server_ns < 5ms", false },
	{ "NOT hop_server_ns < 5ms", true },
	{ "hop_server_ns >= 0", false },
	{ "qname EMPTY", false },
	/* lists: any of them */
	{ "servers.ip = 10.96.0.10", true },
	{ "\"servers.ip\" = \"10.96.0.10\"", true },
	{ "servers.port > 53", false },
	{ "servers.namespace EMPTY", true },
	{ "rrsets.rdata = 10.2.0.8", true },
	{ "rrsets.rdata != 10.2.0.8", false },
	{ "rrsets.rdata IN {10.2.*}", true },
	{ "rrsets.type = CNAME AND rrsets.type = A", true },
	{ "rrsets.ttl_min < 10", true },
	{ "rrsets EMPTY", false },
	{ "client_services = shop/all", true },
	{ "client_labels.app.kubernetes.io/name = cart", true },
	{ "'client_labels.app.kubernetes.io/name' = cart", true },
	{ "client_labels.canary EMPTY", false },
	{ "client_labels.canary = \"\"", true },
	{ "client_labels.other EMPTY", true },
	{ "servers.labels.canary EMPTY", true },
	{ "flags = rd", true },
	{ "flags IN {aa, tc}", false },
	{ "edns.options = 10", true },
	{ "edns.options > 10", false },
	{ "service.name EMPTY", true },
	{ "id = 000000000000002A", true },
	/* quotes */
	{ "qname = 'it''s'", false },
	{ "qname IN {\"a\"\"b\", 'api.stripe.com'}", true },
};

START_TEST(test_meaning)
{
	_cleanup_(nt_query_freep) struct nt_query *q = NULL;
	struct nt_record r = the_record();
	struct nt_query_error e;
	const char *text = meanings[_i].text;

	ck_assert_msg(nt_query_parse(nt_slice_str(text), &q, &e) == 0, "%s: %s", text, e.msg);
	ck_assert_msg(nt_query_eval(q, &r) == meanings[_i].want, "%s", text);
}
END_TEST

/* at and len as marks below the text; fixed: the text with the suggestion put in. */
static const struct {
	const char *text, *marks, *msg, *fixed;
} faults[] = {
	{ "rtype = A", "^^^^^    ", "rtype is not a field", "qtype = A" },
	{ "qnmae = a", "^^^^^    ", "qnmae is not a field", "qname = a" },
	{ "host = n4", "^^^^     ", "host is not a field", "node = n4" },
	{ "server_ip = 1.1.1.1", "^^^^^^^^^", "is not a field", "servers.ip = 1.1.1.1" },
	{ "servers.ipp = 1.1.1.1", "^^^^^^^^^^^", "is not a field", "servers.ip = 1.1.1.1" },
	{ "xyzzyxyzzy = a", "^^^^^^^^^^", "is not a field", NULL },
	{ "qname.x = a", "^^^^^^^", "is not a field", "qname = a" },
	{ "servers.ip.x = 1.1.1.1", "^^^^^^^^^^^^", "is not a field", "servers.ip = 1.1.1.1" },
	{ "latency_histogram = 1", "^^^^^^^^^^^^^^^^^", "cannot be asked for", "latency_max = 1" },
	{ "stripe", "^^^^^^", "a word alone", "qname IN {\"*stripe*\"}" },
	{ "count=3 AND stripe", "            ^^^^^^", "a word alone",
	  "count=3 AND qname IN {\"*stripe*\"}" },
	{ "my cart", "^^", "a word alone", NULL },
	{ "qname", "^^^^^", "An operator is missing", "NOT qname EMPTY" },
	{ "late", "^^^^", "An operator is missing", "late = true" },
	{ "qname stripe.com", "^^^^^", "An operator is missing", NULL },
	{ "qtype = AAA", "        ^^^", "AAA is no record type", "qtype = AAAA" },
	{ "qtype = TYPE70000", "        ^^^^^^^^^", "no record type", NULL },
	{ "rcode = NXDOMIAN", "        ^^^^^^^^", "is no response code", "rcode = NXDOMAIN" },
	{ "qclass = INN", "         ^^^", "is no class", NULL },
	{ "scope = extrenal", "        ^^^^^^^^", "cluster, external, reverse, search",
	  "scope = external" },
	{ "verdict IN {deny, alow}", "                  ^^^^", "verdict is one of",
	  "verdict IN {deny, allow}" },
	{ "late = maybe", "       ^^^^^", "true or false", "late = true" },
	{ "count = many", "        ^^^^", "count is a number of transactions", NULL },
	{ "count = 5ms", "        ^^^", "is a number", NULL },
	{ "latency_max > 5sec", "              ^^^^", "is no duration", NULL },
	{ "count IN {\"1*\"}", "          ^^^^", "compare text", NULL },
	{ "start_time IN {2026*}", "               ^^^^^", "is a time", NULL },
	{ "start_time > 2026-11-23", "             ^^^^^^^^^^", "no point in time",
	  "start_time > 2026-11-23T00:00:00Z" },
	{ "start_time > yesterday", "             ^^^^^^^^^", "such as 2026-", NULL },
	{ "client_ip = 10.0.0.300", "            ^^^^^^^^^^", "no IP address", NULL },
	{ "client_ip = 10.0.0.0/8", "^^^^^^^^^^^^^^^^^^^^^^", "prefixes",
	  "client_ip IN {\"10.*\"}" },
	{ "servers.ip IN {1.1.1.1, 192.168.0.0/16}", "                        ^^^^^^^^^^^^^^",
	  "prefixes", "servers.ip IN {1.1.1.1, \"192.168.*\"}" },
	{ "client_ip = 10.0.0.0/9", "            ^^^^^^^^^^", "prefixes", NULL },
	{ "client_ip = fd00::/8", "            ^^^^^^^^", "prefixes", NULL },
	{ "qname = \"a.b.\"", "        ^^^^^^", "without the final dot", "qname = \"a.b\"" },
	{ "qname = \"\"", "^^^^^^^^^^", "EMPTY", "qname EMPTY" },
	{ "qname IN {\"\"}", "          ^^", "EMPTY", NULL },
	{ "rcode > 3", "      ^", "has no order", "rcode = 3" },
	{ "servers = 10.0.0.1", "        ^", "servers.ip", NULL },
	{ "client_labels IN {a}", "              ^^", "the label app", NULL },
	{ "count == 3", "      ^^", "one =", "count = 3" },
	{ "count <> 3", "      ^^", "!=", "count != 3" },
	{ "qname =~ x", "      ^^", "no regular expressions", NULL },
	{ "count=3 && count=3", "        ^^", "the word AND", "count=3 AND count=3" },
	{ "count=3 || count=3", "        ^^", "the word OR", "count=3 OR count=3" },
	{ "! count=3", "^", "the word NOT", "NOT count=3" },
	{ "count = ", "        ", "a value is missing", NULL },
	{ "qname = AND count = 3", "        ^^^", "needs quotes", NULL },
	{ "AND count = 3", "^^^", "a condition is missing", NULL },
	{ "count = 3 count = 4", "          ^^^^^", "AND or OR is missing", NULL },
	{ "count = 3 OR", "            ", "a condition is missing", NULL },
	{ "(count = 3", "          ", "octet 0 is not closed", "(count = 3)" },
	{ "count = 3)", "         ^", "never opened", NULL },
	{ "()", " ^", "a condition is missing", NULL },
	{ "qname IN a", "         ^", "a set goes into { }", NULL },
	{ "qname IN {}", "          ^", "a value is missing", NULL },
	{ "qname IN {a", "           ", "not closed", "qname IN {a}" },
	{ "qname IN {a b}", "            ^", "comma", NULL },
	{ "qname NOTIN ${domains}", "            ^^^^^^^^^^", "substitutions", NULL },
	{ "qname = ${d}", "      ^", "stands for a set", NULL },
	{ "qname!=${d}", "     ^^", "stands for a set", NULL },
	{ "count > ${d}", "      ^", "stands for a set", NULL },
	{ "qname IN {${d}}", "          ^^^^", "a whole set", NULL },
	{ "qname IN ${d", "         ^^^", "a name of letters", NULL },
	{ "qname IN ${}", "         ^^", "a name of letters", NULL },
	{ "qname IN ${a b}", "         ^^^", "a name of letters", NULL },
	{ "qname NOT x", "          ^", "IN or EMPTY", NULL },
	{ "qname = \"x", "          ", "a quote is not closed", "qname = \"x\"" },
	{ "qname = 'x", "          ", "a quote is not closed", "qname = 'x'" },
	{ "qname = a\x01", "         ^", "a control character", NULL },
	{ "qname = \"a\x7f\"", "          ^", "a control character", NULL },
	{ "qname = a\xff", "         ^", "no UTF-8", NULL },
	{ "qname = \"\xc3\"", "         ^", "no UTF-8", NULL },
};

static void apply(const char *text, const struct nt_query_error *e, char out[256])
{
	snprintf(out, 256, "%.*s%s%s", (int)e->at, text, e->suggestion, text + e->at + e->len);
}

START_TEST(test_fault)
{
	_cleanup_(nt_query_freep) struct nt_query *q = NULL;
	const char *text = faults[_i].text, *marks = faults[_i].marks;
	struct nt_query_error e;
	char fixed[256];

	ck_assert_msg(nt_query_parse(nt_slice_str(text), &q, &e) == -EINVAL, "%s", text);
	ck_assert_ptr_null(q);
	ck_assert_msg(strstr(e.msg, faults[_i].msg), "%s: %s", text, e.msg);
	ck_assert_msg(e.at == strspn(marks, " ") && e.len == strspn(marks + e.at, "^"),
		      "%s: %zu and %zu octets", text, e.at, e.len);
	if (!faults[_i].fixed)
		return;
	apply(text, &e, fixed);
	ck_assert_str_eq(fixed, faults[_i].fixed);
	ck_assert_msg(nt_query_parse(nt_slice_str(fixed), &q, &e) == 0, "%s: %s", fixed, e.msg);
}
END_TEST

START_TEST(test_every_suggestion_leads_on)
{
	_cleanup_(nt_query_freep) struct nt_query *q = NULL;
	const char *text = faults[_i].text;
	struct nt_query_error first, e;
	char fixed[256];

	ck_assert_int_eq(nt_query_parse(nt_slice_str(text), &q, &first), -EINVAL);
	if (!first.suggestion[0])
		return;
	apply(text, &first, fixed);
	/* What is wrong then is further on. */
	if (nt_query_parse(nt_slice_str(fixed), &q, &e) < 0)
		ck_assert_msg(e.at > first.at, "%s became %s: %s", text, fixed, e.msg);
}
END_TEST

/* --- substitutions ---------------------------------------------------------------------------- */

static const struct nt_slice domains[] = { { "*cluster.local", 14 },
					   { "?.mydomain.com", 14 },
					   { "say \"hi\"", 8 } };
static const struct nt_slice types[] = { { "A", 1 }, { "aaaa", 4 }, { "TYPE16", 6 } };
static const struct nt_slice faulty[] = { { "A", 1 }, { "AAA", 3 } };
static const struct nt_slice control[] = { { "a\nb", 3 }, { "a\x01", 2 } };
static const struct nt_query_substitution substitutions[] = {
	{ .name = { "domains", 7 }, .values = domains, .values_len = 3 },
	{ .name = { "types", 5 }, .values = types, .values_len = 3 },
	{ .name = { "faulty", 6 }, .values = faulty, .values_len = 2 },
	{ .name = { "control", 7 }, .values = control, .values_len = 2 },
};

static const struct {
	const char *text, *qname;
	bool want;
} substituted[] = {
	{ "qname IN ${domains}", "a.svc.cluster.local", true },
	{ "qname IN ${domains}", "cluster.local", true },
	{ "qname IN ${domains}", "x.mydomain.com", true },
	{ "qname IN ${domains}", "xy.mydomain.com", false },
	{ "qname NOTIN ${domains}", "xy.mydomain.com", true },
	{ "qname NOT IN ${domains} and qtype in ${types}", "xy.mydomain.com", true },
	{ "qname NOTIN ${domains}", "SAY \"HI\"", false },
	{ "NOT (qname IN ${domains} OR qtype NOTIN ${types})", "a", true },
	/* In quotes it is a value like any other. */
	{ "qname IN {\"${domains}\"}", "${domains}", true },
};

START_TEST(test_substitutions)
{
	_cleanup_(nt_query_freep) struct nt_query *q = NULL, *alone = NULL;
	struct nt_slice text = nt_slice_str(substituted[_i].text);
	struct nt_record r = { .qname = nt_slice_str(substituted[_i].qname), .qtype = 1 };
	_cleanup_buf_ struct nt_buf written = { 0 };
	struct nt_query_error e;

	ck_assert_msg(nt_query_parse_with(text, substitutions, 4, &q, &e) == 0, "%s: %s", text.p,
		      e.msg);
	ck_assert_msg(nt_query_eval(q, &r) == substituted[_i].want, "%s", text.p);
	nt_query_expand(text, substitutions, 4, &written);
	ck_assert_msg(nt_query_parse(nt_slice_mem(written.p, written.len), &alone, &e) == 0,
		      "%s: %s", nt_buf_str(&written), e.msg);
	ck_assert_msg(nt_query_eval(alone, &r) == substituted[_i].want, "%s", written.p);
}
END_TEST

START_TEST(test_expansion)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	nt_query_expand((struct nt_slice){ 0 }, substitutions, 4, &out);
	ck_assert_uint_eq(out.len, 0);
	nt_query_expand(NT_SLICE_LIT(" a IN ${types} AND qname IN {'${types}'} or b NOTIN${types}"),
			substitutions, 4, &out);
	ck_assert_str_eq(nt_buf_str(&out),
			 " a IN {\"A\", \"aaaa\", \"TYPE16\"} AND qname IN {'${types}'} or b "
			 "NOTIN{\"A\", \"aaaa\", \"TYPE16\"}");
}
END_TEST

/* A set that is kept elsewhere: here of one name, in ctx. */
static bool is_that_name(void *ctx, struct nt_slice name)
{
	return nt_slice_eq(name, nt_slice_str(ctx));
}

static const struct nt_query_names bad_names = { .has = is_that_name, .ctx = "bad.test" };
static const struct nt_query_substitution with_names[] = {
	{ .name = { "bad", 3 }, .names = &bad_names, .names_name = { "malware", 7 } },
	{ .name = { "types", 5 }, .values = types, .values_len = 3 },
};

static const struct {
	const char *text, *qname, *target;
	bool want;
} named[] = {
	{ "qname IN ${bad}", "bad.test", "", true },
	{ "qname IN ${bad}", "good.test", "bad.test", false },
	{ "qname NOTIN ${bad}", "good.test", "", true },
	{ "qname NOTIN ${bad}", "bad.test", "", false },
	{ "rrsets.rdata IN ${bad}", "good.test", "bad.test", true },
	{ "rrsets.name IN ${bad}", "good.test", "bad.test", false },
	{ "qname IN ${bad} OR rrsets.rdata IN ${bad}", "good.test", "bad.test", true },
	{ "qname IN ${bad} OR rrsets.rdata IN ${bad}", "good.test", "good.test", false },
	{ "rrsets.rdata NOT IN ${bad} AND qtype IN ${types}", "good.test", "good.test", true },
	/* What is missing is in no set. */
	{ "domain IN ${bad}", "bad.test", "", false },
};

START_TEST(test_sets_of_names)
{
	_cleanup_(nt_query_freep) struct nt_query *q = NULL;
	struct nt_slice text = nt_slice_str(named[_i].text);
	struct nt_slice target = nt_slice_str(named[_i].target);
	struct nt_rrset rrset = { .name = nt_slice_str(named[_i].qname),
				  .type = 5,
				  .class_ = 1,
				  .rdata = &target,
				  .rdata_len = 1 };
	struct nt_record r = { .qname = nt_slice_str(named[_i].qname),
			       .qtype = 1,
			       .rrsets = &rrset,
			       .rrsets_len = 1 };
	struct nt_query_error e;

	ck_assert_msg(nt_query_parse_with(text, with_names, 2, &q, &e) == 0, "%s: %s", text.p,
		      e.msg);
	ck_assert_msg(nt_query_eval(q, &r) == named[_i].want, "%s", text.p);
}
END_TEST

START_TEST(test_sets_of_names_are_written_by_their_own_name)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	nt_query_expand(NT_SLICE_LIT("qname IN ${bad} AND qtype IN ${types}"), with_names, 2, &out);
	ck_assert_str_eq(nt_buf_str(&out),
			 "qname IN ${malware} AND qtype IN {\"A\", \"aaaa\", \"TYPE16\"}");
}
END_TEST

static const char *const not_of_names[] = {
	"qtype IN ${bad}",	 "client_ip NOTIN ${bad}",	  "client_name IN ${bad}",
	"rrsets.type IN ${bad}", "client_labels.qname IN ${bad}", "count IN ${bad}"
};

START_TEST(test_sets_of_names_go_with_names)
{
	struct nt_slice text = nt_slice_str(not_of_names[_i]);
	struct nt_query *q = NULL;
	struct nt_query_error e;

	ck_assert_int_eq(nt_query_parse_with(text, with_names, 2, &q, &e), -EINVAL);
	ck_assert_msg(strstr(e.msg, "this set has domain names"), "%s: %s", text.p, e.msg);
	ck_assert_uint_eq(e.at, text.len - strlen("${bad}"));
}
END_TEST

static const struct {
	const char *text, *marks, *msg, *suggestion;
} unsubstituted[] = {
	{ "qname IN ${domain}", "         ^^^^^^^^^", "no substitution of that name",
	  "${domains}" },
	{ "qname IN ${else}", "         ^^^^^^^", "no substitution of that name", "" },
	{ "qtype IN ${faulty}", "         ^^^^^^^^^", "value 2: AAA is no record type", "" },
	{ "qname IN ${control}", "         ^^^^^^^^^^", "value 2: a control character", "" },
	{ "qname = ${domains}", "      ^", "stands for a set", " IN " },
	{ "qname!=${domains}", "     ^^", "stands for a set", " NOTIN " },
};

START_TEST(test_substitutions_that_are_wrong)
{
	_cleanup_(nt_query_freep) struct nt_query *q = NULL;
	const char *text = unsubstituted[_i].text, *marks = unsubstituted[_i].marks;
	struct nt_query_error e;

	ck_assert_int_eq(nt_query_parse_with(nt_slice_str(text), substitutions, 4, &q, &e),
			 -EINVAL);
	ck_assert_msg(strstr(e.msg, unsubstituted[_i].msg), "%s: %s", text, e.msg);
	ck_assert_str_eq(e.suggestion, unsubstituted[_i].suggestion);
	ck_assert_uint_eq(e.at, strspn(marks, " "));
	ck_assert_uint_eq(e.len, strspn(marks + e.at, "^"));
}
END_TEST

START_TEST(test_octets_that_no_query_has)
{
	static const char nul[] = "qname = a\0b";
	struct nt_query *q = NULL;
	struct nt_query_error e;

	ck_assert_int_eq(nt_query_parse(nt_slice_mem(nul, sizeof(nul) - 1), &q, &e), -EINVAL);
	ck_assert_uint_eq(e.at, 9);
	for (int c = 0; c < 256; c++) {
		char text[] = "qname = a?b";

		text[9] = (char)c;
		if (nt_query_parse(nt_slice_mem(text, sizeof(text) - 1), &q, &e) == 0)
			nt_query_free(q);
		else
			ck_assert_msg(e.at >= 9 && e.at <= 11 && e.msg[0], "octet %d at %zu", c,
				      e.at);
	}
}
END_TEST

START_TEST(test_bounds)
{
	struct nt_buf text = { 0 };
	struct nt_query_error e;
	struct nt_query *q = NULL;

	for (int i = 0; i < NT_QUERY_TEXT_MAX; i++)
		nt_buf_putc(&text, ' ');
	ck_assert_int_eq(nt_query_parse(nt_slice_mem(text.p, text.len), &q, &e), 0);
	nt_query_free(q);
	nt_buf_putc(&text, ' ');
	ck_assert_int_eq(nt_query_parse(nt_slice_mem(text.p, text.len), &q, &e), -EINVAL);
	ck_assert(strstr(e.msg, "8192"));
	for (int words = 0; words < 2; words++) {
		nt_buf_reset(&text);
		for (int i = 0; i < NT_QUERY_DEPTH_MAX - 1; i++)
			nt_buf_puts(&text, words ? "NOT " : "(");
		nt_buf_puts(&text, "count = 3");
		for (int i = 0; i < NT_QUERY_DEPTH_MAX - 1 && !words; i++)
			nt_buf_puts(&text, ")");
		ck_assert_int_eq(nt_query_parse(nt_slice_mem(text.p, text.len), &q, &e), 0);
		nt_query_free(q);
		nt_buf_reset(&text);
		for (int i = 0; i < 4000; i++)
			nt_buf_puts(&text, words ? "NOT " : "(");
		text.len = text.len > NT_QUERY_TEXT_MAX ? NT_QUERY_TEXT_MAX : text.len;
		ck_assert_int_eq(nt_query_parse(nt_slice_mem(text.p, text.len), &q, &e), -EINVAL);
		ck_assert(strstr(e.msg, "too many"));
	}
	nt_buf_done(&text);
}
END_TEST

START_TEST(test_a_star_pattern_stays_cheap)
{
	struct nt_buf text = { 0 };
	static char name[60000];
	struct nt_record r = the_record();
	struct nt_query_error e;
	struct nt_query *q = NULL;

	memset(name, 'a', sizeof(name));
	r.qname = nt_slice_mem(name, sizeof(name));
	nt_buf_puts(&text, "qname IN {\"");
	for (int i = 0; i < 2000; i++)
		nt_buf_puts(&text, "*a");
	nt_buf_puts(&text, "b\"}");
	ck_assert_int_eq(nt_query_parse(nt_slice_mem(text.p, text.len), &q, &e), 0);
	ck_assert(!nt_query_eval(q, &r));
	nt_query_free(q);
	nt_buf_done(&text);
}
END_TEST

START_TEST(test_schema)
{
	static const char *const types[] = { "string",	"integer", "time",  "duration", "boolean",
					     "address", "type",	   "class", "rcode",	"enum" };
	const struct nt_query_field *f;
	size_t len = 0;

	for (; (f = nt_query_field_at(len)); len++) {
		bool known = false;

		for (size_t i = 0; i < NT_ARRAY_LEN(types); i++)
			known = known || strcmp(f->type, types[i]) == 0;
		ck_assert_msg(known, "%s has type %s", f->name, f->type);
		ck_assert_msg(f->description[0] &&
				      f->description[strlen(f->description) - 1] == '.',
			      "%s", f->name);
		ck_assert_int_eq(f->values != NULL, strcmp(f->type, "enum") == 0);
		ck_assert_ptr_eq(nt_query_field_find(nt_slice_str(f->name)), f);
	}
	ck_assert_uint_gt(len, 60);
	ck_assert_ptr_null(nt_query_field_find(NT_SLICE_LIT("rtype")));
	ck_assert_ptr_null(nt_query_field_find(NT_SLICE_LIT("")));
	ck_assert_ptr_null(nt_query_field_find(NT_SLICE_LIT("servers")));
	f = nt_query_field_find(NT_SLICE_LIT("client_labels.app"));
	ck_assert_str_eq(f->name, "client_labels.");
	f = nt_query_field_find(NT_SLICE_LIT("Servers.IP"));
	ck_assert(f->groupable);
	f = nt_query_field_find(NT_SLICE_LIT("scope"));
	ck_assert_str_eq(f->values[0], "cluster");
	ck_assert_str_eq(f->values[3], "search");
	ck_assert_ptr_null(f->values[4]);
}
END_TEST

START_TEST(test_sql_binds_all_text)
{
	_cleanup_(nt_query_sql_done) struct nt_query_sql sql = { 0 };
	_cleanup_(nt_query_freep) struct nt_query *q = NULL;
	struct nt_query_error e;

	ck_assert_int_eq(
		nt_query_parse(nt_slice_str("'client_labels.it''s' IN {\"%'*\"} OR qname = "
					    "\"x'); DROP TABLE rows; --\""),
			       &q, &e),
		0);
	ck_assert_int_eq(nt_query_to_sql(q, &sql), 0);
	ck_assert(!strstr(nt_buf_str(&sql.text), "DROP") && !strstr(nt_buf_str(&sql.text), "it"));
	ck_assert_uint_eq(sql.binds_len, 3);
	ck_assert(nt_slice_eq(sql.binds[0].text, NT_SLICE_LIT("it's")));
	ck_assert(nt_slice_eq(sql.binds[1].text, NT_SLICE_LIT("\\%'%")));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("query");
	TCase *t = tcase_create("query");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_meaning, 0, (int)NT_ARRAY_LEN(meanings));
	tcase_add_loop_test(t, test_fault, 0, (int)NT_ARRAY_LEN(faults));
	tcase_add_loop_test(t, test_every_suggestion_leads_on, 0, (int)NT_ARRAY_LEN(faults));
	tcase_add_loop_test(t, test_substitutions, 0, (int)NT_ARRAY_LEN(substituted));
	tcase_add_test(t, test_expansion);
	tcase_add_loop_test(t, test_sets_of_names, 0, (int)NT_ARRAY_LEN(named));
	tcase_add_test(t, test_sets_of_names_are_written_by_their_own_name);
	tcase_add_loop_test(t, test_sets_of_names_go_with_names, 0,
			    (int)NT_ARRAY_LEN(not_of_names));
	tcase_add_loop_test(t, test_substitutions_that_are_wrong, 0,
			    (int)NT_ARRAY_LEN(unsubstituted));
	tcase_add_test(t, test_octets_that_no_query_has);
	tcase_add_test(t, test_bounds);
	tcase_add_test(t, test_a_star_pattern_stays_cheap);
	tcase_add_test(t, test_schema);
	tcase_add_test(t, test_sql_binds_all_text);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
