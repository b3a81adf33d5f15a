/* SPDX-License-Identifier: Apache-2.0 */
/* Rules prove themselves: those that ship and the samples of the reference pass, each wrong one
 * fails with what differed. */
#include "controller/alerts/selftest.h"

#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>

#include "lib/base/file.h"
#include "lib/base/clock.h"
#include "lib/objects/manifest.h"
#include "tests/unit/suite.h"
#include "lib/base/cleanup.h"

static struct nt_err err;
static const struct nt_selftest_config unlimited = { .budget_ns = 60 * NT_NS_PER_S };

static void test_text(struct nt_slice text, struct nt_selftest *ret)
{
	struct nt_manifest m = { 0 };

	ck_assert_int_eq(nt_manifest_parse(text, NT_MANIFEST_YAML, &m), 0);
	ck_assert_msg(m.objects_len == 1, "%.*s", NT_SLICE_ARG(text));
	nt_selftest_run(&m.objects[0].compact->object, &unlimited, ret);
	nt_manifest_done(&m);
}

static struct nt_selftest test_spec(const char *spec)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_selftest result;

	nt_buf_printf(&text,
		      "apiVersion: nametap.io/v1alpha1\nkind: GlobalAlert\nmetadata: {name: r}\n"
		      "spec: {severity: 1, %s}\n",
		      spec);
	test_text(nt_slice_mem(text.p, text.len), &result);
	return result;
}

static void expect(const char *spec, enum nt_selftest_state state, const char *says)
{
	struct nt_selftest r = test_spec(spec);

	ck_assert_msg(r.state == state && strstr(r.msg, says), "%s\n%s: %s", spec,
		      nt_selftest_word(r.state), r.msg);
}

/* --- rules that are there --------------------------------------------------------------------- */

START_TEST(rules_that_ship_pass)
{
	struct dirent **names = NULL;
	int n = scandir("manifests/alerts", &names, NULL, alphasort), rules = 0;

	for (int i = 0; i < n; i++) {
		_cleanup_buf_ struct nt_buf text = { 0 };
		struct nt_selftest result;
		char path[512];

		snprintf(path, sizeof(path), "manifests/alerts/%s", names[i]->d_name);
		if (strncmp(names[i]->d_name, "dns-", 4) == 0) {
			ck_assert_int_eq(nt_file_read_at(AT_FDCWD, path, 1 << 20, &text, &err), 0);
			test_text(nt_slice_mem(text.p, text.len), &result);
			ck_assert_msg(result.state == NT_SELFTEST_PASSED, "%s: %s: %s", path,
				      nt_selftest_word(result.state), result.msg);
			ck_assert_msg(result.fires.events && !result.silent.events, "%s", path);
			rules++;
		}
		free(names[i]);
	}
	free(names);
	ck_assert_int_ge(rules, 16);
}
END_TEST

/* As test_calico_rules has them. */
static const char *const references[] = {
	"period: 10m, lookback: 10m, dataSet: dns, query: \"rcode='SERVFAIL'\", aggregateBy: "
	"[client_namespace, client_name_aggr, qname], metric: count, condition: gt, threshold: 0",
	"period: 10m, lookback: 10m, dataSet: dns, query: \"\", aggregateBy: [client_namespace, "
	"client_name_aggr], metric: count, condition: gt, threshold: 50000",
	"dataSet: dns, query: \"rcode = NXDomain AND (qtype = A or qtype = AAAA)\", aggregateBy: "
	"qname, field: count, metric: sum, condition: gte, threshold: 100",
	"dataSet: dns, query: \"qname NOTIN ${domains} \", substitutions: [{name: domains, values: "
	"[\"*cluster.local\", \"?.mydomain.com\"]}]",
	"query: 'count > 100 AND client_name=mypod'",
	"query: '\"servers.ip\" = \"127.0.0.1\"'",
	"query: 'client_namespace = ns1 OR client_namespace = ns2'",
	"query: 'count > 100 AND NOT (client_namespace = ns1 OR client_namespace = ns2)'",
	"query: '(qtype = A OR qtype = AAAA) AND rcode != NoError'",
};

START_TEST(samples_of_the_reference_pass)
{
	expect(references[_i], NT_SELFTEST_PASSED, "");
}
END_TEST

/* --- every construct -------------------------------------------------------------------------- */

#define FED \
	"aggregateBy: [client_name], metric: count, condition: gt, threshold: 0, substitutions: "
static const char *const good[] = {
	"query: 'qname IN ${a}', " FED "[{name: a, feed: bad}]",
	"query: 'qname NOTIN ${a}', " FED "[{name: a, feed: bad}]",
	"query: 'qname NOTIN ${a} AND rrsets.rdata IN ${b}', " FED
	"[{name: a, feed: good}, {name: b, feed: bad}]",
	"query: 'qname IN ${a} OR rrsets.rdata IN ${a}', metric: distinct, field: qname, "
	"condition: gt, threshold: 9, substitutions: [{name: a, feed: bad}]",
	"query: 'qname IN ${a}', " FED "[{name: a, feed: bad}], test: {fires: [{record: {qname: "
	"x.listed.example}}], silent: [{record: {qname: listed.example.org}}]}",
	"metric: count, condition: lt, threshold: 1",
	"metric: count, condition: lt, threshold: 1, for: 20m",
	"metric: count, condition: lte, threshold: 5.5, aggregateBy: [client_name]",
	"metric: count, condition: eq, threshold: 7, aggregateBy: [qname]",
	"metric: count, condition: not_eq, threshold: 7",
	"metric: countRows, condition: gt, threshold: 3, for: 30m, aggregateBy: [client_name]",
	"metric: sum, field: bytes_out, condition: gte, threshold: 1000000, aggregateBy: "
	"[client_name]",
	"metric: sum, field: unanswered, condition: gt, threshold: 3",
	"metric: min, field: latency_min, condition: lt, threshold: 5000000",
	"metric: max, field: latency_max, condition: gt, threshold: 200000000, query: latency_max "
	"> 150ms",
	"metric: avg, field: latency_mean, condition: gt, threshold: 12345678.5, minCount: 40",
	"metric: p99, condition: gt, threshold: 67108864, minCount: 500, lookback: 2m, period: 1m, "
	"for: 5m",
	"metric: p50, condition: lt, threshold: 1000000, minCount: 10, aggregateBy: [servers.ip]",
	"metric: ratio, numerator: rcode = NXDOMAIN, condition: gt, threshold: 0.5, minCount: 100",
	"metric: ratio, numerator: rcode = NXDOMAIN, condition: lte, threshold: 0.25, aggregateBy: "
	"[client_name]",
	"metric: ratio, numerator: unanswered > 0, condition: gt, threshold: 0.02, minCount: 250, "
	"query: 'verdict NOTIN {deny, unjudgeable}'",
	"metric: ratio, numerator: rcode = NXDOMAIN, condition: gt, threshold: 0.9, aggregateBy: "
	"[rcode]",
	"metric: distinct, field: qname, condition: gte, threshold: 20, query: 'qname IN "
	"{\"*.example.com\"}'",
	"metric: distinct, field: qname, condition: gte, threshold: 1000, aggregateBy: "
	"[client_name]",
	"metric: distinct, field: servers.ip, condition: gt, threshold: 9",
	"metric: distinct, field: qtype, condition: gt, threshold: 12",
	"metric: distinct, field: domain, condition: lt, threshold: 1, aggregateBy: [client_name]",
	"query: 'type = UNLOGGED AND reason NOTIN {before_tap}', metric: count, condition: gt, "
	"threshold: 0, aggregateBy: [node]",
	"query: side = server AND role = resolver",
	"query: 'NOT (rcode = NOERROR OR rcode EMPTY) AND client_labels.app = cart AND "
	"client_services = shop/cart'",
	"query: 'servers.service = kube-system/kube-dns AND servers.port != 53 AND rrsets.rdata = "
	"203.0.113.7'",
	"query: 'client_ip IN {\"10.*\"} AND flags = TC AND edns.do = true AND edns.options = 10'",
	"query: 'hop_network_ns > 5ms AND late = true'",
	"query: 'verdict = deny AND policy IN {\"shop/*\"} AND NOT qname IN {\"a*\", b?}'",
	"query: 'servers EMPTY AND transport = tcp'",
	"query: 'qname > m AND qname < n AND qtype NOTIN {A, AAAA, TYPE5}'",
	"query: 'count > 3 AND count < 9 AND count != 4 AND count != 5 AND count != 6', metric: "
	"count, condition: gte, threshold: 100",
	"query: 'rcode = NXDOMAIN', cooldown: 1h, aggregateBy: [client_name, qname]",
	"disabled: true, query: rcode = NXDOMAIN",
	"period: 7s, lookback: 21s, metric: count, condition: gt, threshold: 5, for: 15s, "
	"aggregateBy: [client_name, qname]",
	"period: 50s, lookback: 2m, metric: count, condition: lt, threshold: 3, aggregateBy: "
	"[client_name]",
	"query: rcode = NXDOMAIN, aggregateBy: [client_namespace, domain], unseenFor: 7d",
	"metric: count, condition: gte, threshold: 20, aggregateBy: [domain], unseenFor: 30d, "
	"learnFor: 30d, for: 5m",
	"period: 50s, lookback: 2m, metric: distinct, field: qname, condition: gt, threshold: 3, "
	"aggregateBy: [client_name, servers.ip], unseenFor: 1h, for: 50s",
};

START_TEST(construct_passes)
{
	expect(good[_i], NT_SELFTEST_PASSED, "");
}
END_TEST

static const struct {
	const char *spec;
	enum nt_selftest_state state;
	const char *says;
} bad[] = {
	{ "query: 'rcode = NXDOMAIN AND rcode = NOERROR'", NT_SELFTEST_FAILED,
	  "there are no rows that make it fire: spec.query: what is asked of rcode can be so in no "
	  "row" },
	{ "query: 'count > 5 AND count < 6'", NT_SELFTEST_FAILED, "what is asked of count" },
	{ "query: 'verdict = deny AND verdict EMPTY', metric: count, condition: gt, threshold: 9",
	  NT_SELFTEST_FAILED, "what is asked of verdict" },
	{ "metric: count, condition: lt, threshold: 1, aggregateBy: [client_name]",
	  NT_SELFTEST_FAILED, "it can never fire: no number of lookups is lt 1" },
	{ "metric: count, condition: lt, threshold: 0", NT_SELFTEST_FAILED, "it can never fire" },
	{ "metric: count, condition: eq, threshold: 2.5", NT_SELFTEST_FAILED, "it can never fire" },
	{ "metric: ratio, numerator: rcode = NXDOMAIN, condition: gt, threshold: 1",
	  NT_SELFTEST_FAILED, "it can never fire: no ratio is gt 1" },
	{ "metric: ratio, query: rcode = NOERROR, numerator: rcode = NXDOMAIN, condition: gt, "
	  "threshold: 0.5",
	  NT_SELFTEST_FAILED, "spec.query with spec.numerator: what is asked of rcode" },
	{ "metric: count, condition: gte, threshold: 0", NT_SELFTEST_FAILED,
	  "there are no rows that leave it silent: it always fires" },
	{ "query: 'start_time > 2026-01-01T00:00:00Z'", NT_SELFTEST_NOT_GENERATED,
	  "the query asks for start_time, which the test chooses; give them in spec.test.fires" },
	{ "query: 'servers.ip = 10.0.0.1 AND servers.ip = 10.0.0.2'", NT_SELFTEST_NOT_GENERATED,
	  "no row was found for what is asked of servers.ip" },
	{ "metric: distinct, field: qname, condition: gt, threshold: 2, query: 'qname IN {a, b}'",
	  NT_SELFTEST_NOT_GENERATED, "different values of qname" },
	{ "metric: distinct, field: qname, condition: gt, threshold: 9000",
	  NT_SELFTEST_NOT_GENERATED, "more than 4096 rows" },
};

START_TEST(what_cannot_be_is_said)
{
	expect(bad[_i].spec, bad[_i].state, bad[_i].says);
}
END_TEST

/* --- spec.test -------------------------------------------------------------------------------- */

#define TUNNEL                                                                                   \
	"metric: distinct, field: qname, condition: gte, threshold: 50, aggregateBy: [domain], " \
	"query: scope = external, test: "

static const struct {
	const char *spec;
	enum nt_selftest_state state;
	const char *says;
} given[] = {
	{ TUNNEL
	  "{fires: [{times: 50, record: {qname: '${n}.evil.example', domain: evil.example}}], "
	  "silent: [{times: 400, offset: 5m, record: {qname: www.evil.example}}]}",
	  NT_SELFTEST_PASSED, "" },
	{ TUNNEL "{fires: [{times: 50, record: {qname: 'www.evil.example'}}]}", NT_SELFTEST_FAILED,
	  "spec.test.fires (50 a lookback) opened no event, where one must open" },
	{ TUNNEL "{silent: [{times: 60, record: {qname: '${n}.evil.example'}}]}",
	  NT_SELFTEST_FAILED,
	  "spec.test.silent (60 a lookback) opened 1 event, where none must open" },
	{ "query: rcode = NXDOMAIN, test: {fires: [{record: {rcode: NOERROR}}]}",
	  NT_SELFTEST_FAILED, "spec.test.fires (1 a lookback) opened no event" },
	{ "query: rcode EMPTY, test: {fires: [{record: {rcode: ''}}], silent: [{record: {rcode: "
	  "NOERROR}}]}",
	  NT_SELFTEST_PASSED, "" },
	{ "metric: count, condition: lt, threshold: 1, test: {fires: [], silent: [{record: "
	  "{count: 1}}]}",
	  NT_SELFTEST_PASSED, "" },
	{ "query: 'servers.ip = 10.0.0.1 AND servers.ip = 10.0.0.2', test: {fires: [{record: "
	  "{servers: [{ip: 10.0.0.1}, {ip: 10.0.0.2}]}}]}",
	  NT_SELFTEST_PASSED, "" },
	{ "query: 'type = UNLOGGED', metric: count, condition: gt, threshold: 3, test: {fires: "
	  "[{record: {count: 4, reason: ring_full}}], silent: [{record: {type: LOG, count: 99}}]}",
	  NT_SELFTEST_PASSED, "" },
	{ "query: 'edns.do = true AND client_labels.a = b AND flags = TC AND latency_max > 1s', "
	  "test: "
	  "{fires: [{record: {edns: {do: true}, client_labels: {a: b}, flags: [TC], latency_max: "
	  "2000000000}}]}",
	  NT_SELFTEST_PASSED, "" },
	{ "query: scope = external, aggregateBy: [domain], metric: count, condition: gte, "
	  "threshold: 2, unseenFor: 7d, test: {fires: [{times: 2, offset: 9m, record: {}}], "
	  "silent: [{record: {}}]}",
	  NT_SELFTEST_PASSED, "" },
	/* Once in a lookback: new is only the first. */
	{ "query: scope = external, aggregateBy: [domain], unseenFor: 7d, test: {fires: [{times: "
	  "3, record: {domain: 'd${n}.example'}}], silent: [{record: {}}]}",
	  NT_SELFTEST_FAILED, "spec.test.silent (1 a lookback) opened 1 event, where none must" },
};

START_TEST(given_rows_are_tried)
{
	expect(given[_i].spec, given[_i].state, given[_i].says);
}
END_TEST

static bool keep_problem(void *ctx, const struct nt_alert_rule *rule)
{
	nt_buf_printf(ctx, "%.*s: %.*s", NT_SLICE_ARG(rule->problem_field),
		      NT_SLICE_ARG(rule->problem_msg));
	return true;
}

static const struct {
	const char *test, *says;
} mistakes[] = {
	{ "[]", "spec.test: a mapping with fires and silent is wanted" },
	{ "{fire: []}", "spec.test.fire: no such field; did you mean fires?" },
	{ "{fires: {}}", "spec.test.fires: a list of at most 32 rows is wanted" },
	{ "{fires: [a]}", "spec.test.fires[0]: a mapping with record" },
	{ "{fires: [{times: 2}]}", "spec.test.fires[0].record: missing" },
	{ "{silent: [{record: {}}, {record: {}, times: 0}]}",
	  "spec.test.silent[1].times: a whole number from 1 to 4096 is wanted" },
	{ "{silent: [{record: {}, offset: 10m}]}",
	  "spec.test.silent[0].offset: it is behind the beginning of a lookback, and shorter" },
	{ "{silent: [{record: {}, offset: 5}]}", "spec.test.silent[0].offset: a duration" },
	{ "{fires: [{record: {qtyp: A}}]}",
	  "spec.test.fires[0].record.qtyp: no such field of a row; did you mean qtype?" },
	{ "{fires: [{record: {qtype: AAAAA}}]}",
	  "spec.test.fires[0].record.qtype: a mnemonic of DNS is wanted" },
	{ "{fires: [{record: {count: many}}]}", "spec.test.fires[0].record.count: a whole number" },
	{ "{fires: [{record: {count: -1}}]}", "spec.test.fires[0].record.count: a whole number" },
	{ "{fires: [{record: {count: true}}]}", "spec.test.fires[0].record.count: a whole number" },
	{ "{fires: [{record: {start_time: '2026-01-01T00:00:00Z'}}]}",
	  "spec.test.fires[0].record.start_time: the test gives it each row" },
	{ "{fires: [{record: {servers: [{ip: 10.0.0}]}}]}",
	  "spec.test.fires[0].record.servers[0].ip: an IP address is wanted" },
	{ "{fires: [{record: {servers: [{addr: 10.0.0.1}]}}]}",
	  "spec.test.fires[0].record.servers[0].addr: no such field of a row" },
	{ "{fires: [{record: {scope: outside}}]}",
	  "spec.test.fires[0].record.scope: it is none of the field's values" },
	{ "{fires: [{record: {edns: {doo: true}}}]}",
	  "spec.test.fires[0].record.edns.doo: no such field of a row" },
	{ "{fires: [{record: {type: UNLOGGED, rcode: NOERROR}}]}",
	  "spec.test.fires[0].record.rcode: an UNLOGGED row has no rcode" },
};

START_TEST(mistake_in_a_test_is_named)
{
	_cleanup_buf_ struct nt_buf said = { 0 };
	const struct nt_alerts_config config = { 0 };
	struct nt_objects *objects;
	struct nt_alerts *alerts;
	char folder[] = "/tmp/nt-test-selftest-XXXXXX", path[64];
	FILE *f;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/r.yaml", folder);
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fprintf(f,
		"apiVersion: nametap.io/v1alpha1\nkind: GlobalAlert\nmetadata: {name: r}\n"
		"spec: {severity: 1, query: rcode = NXDOMAIN, test: %s}\n",
		mistakes[_i].test);
	fclose(f);
	ck_assert_int_eq(nt_objects_open_dir(folder, &objects, &err), 0);
	(void)unlink(path);
	(void)rmdir(folder);
	ck_assert_int_eq(nt_alerts_new(&config, NULL, NULL, &alerts, &err), 0);
	ck_assert_int_eq(nt_alerts_objects(alerts, objects, &err), 0);
	nt_alerts_rules(alerts, keep_problem, &said);
	ck_assert_msg(strstr(nt_buf_str(&said), mistakes[_i].says) == nt_buf_str(&said), "%s",
		      nt_buf_str(&said));
	nt_alerts_free(alerts);
	nt_objects_free(objects);
}
END_TEST

START_TEST(time_is_bounded)
{
	struct nt_manifest m = { 0 };
	const struct nt_selftest_config config = { .budget_ns = 1 };
	struct nt_selftest r;
	static const char rule[] =
		"apiVersion: nametap.io/v1alpha1\nkind: GlobalAlert\nmetadata: {name: r}\nspec: "
		"{severity: 1, query: rcode = NXDOMAIN}\n";

	ck_assert_int_eq(nt_manifest_parse(nt_slice_str(rule), NT_MANIFEST_YAML, &m), 0);
	nt_selftest_run(&m.objects[0].compact->object, &config, &r);
	ck_assert_int_eq(r.state, NT_SELFTEST_NOT_GENERATED);
	ck_assert_msg(strstr(r.msg, "could not be tried: it took longer than its time"), "%s",
		      r.msg);
	nt_manifest_done(&m);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("selftest");
	TCase *tc = tcase_create("selftest");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, rules_that_ship_pass);
	tcase_add_loop_test(tc, samples_of_the_reference_pass, 0, NT_ARRAY_LEN(references));
	tcase_add_loop_test(tc, construct_passes, 0, NT_ARRAY_LEN(good));
	tcase_add_loop_test(tc, what_cannot_be_is_said, 0, NT_ARRAY_LEN(bad));
	tcase_add_loop_test(tc, given_rows_are_tried, 0, NT_ARRAY_LEN(given));
	tcase_add_loop_test(tc, mistake_in_a_test_is_named, 0, NT_ARRAY_LEN(mistakes));
	tcase_add_test(tc, time_is_bounded);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
