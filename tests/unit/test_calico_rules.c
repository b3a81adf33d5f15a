/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DNS rules of Calico's documents and templates: each is taken under either apiVersion and
 * fires on rows that are made for it, or is refused with what is wrong in it. Fields and values are
 * theirs, the words are ours.
 */
#include "controller/alerts/rule.h"
#include "lib/base/cleanup.h"
#include "lib/objects/manifest.h"
#include "tests/unit/alerts_stage.h"

static const char *const versions[] = { "nametap.io/v1alpha1", "projectcalico.org/v3" };

/* --- templates, and the samples of the reference page and of the page about alerts ------------ */

#define SERVFAIL                                                                                   \
	"{description: SERVFAIL, summary: \"SERVFAIL to "                                          \
	"${client_namespace}/${client_name_aggr}\", "                                              \
	"severity: 100, period: 10m, lookback: 10m, dataSet: dns, query: \"rcode='SERVFAIL'\", "   \
	"aggregateBy: [client_namespace, client_name_aggr, qname], metric: count, condition: gt, " \
	"threshold: 0}"
#define DOS                                                                                    \
	"{description: flood, summary: \"flood by ${client_namespace}/${client_name_aggr}\", " \
	"severity: 100, period: 10m, lookback: 10m, dataSet: dns, query: \"\", "               \
	"aggregateBy: [client_namespace, client_name_aggr], metric: count, condition: gt, "    \
	"threshold: 50000}"
/* type: the sample has rtype, which no DNS log has. */
#define NXDOMAIN(type)                                                                       \
	"{description: NXDomain, summary: \"${sum} NXDomain for ${qname}\", severity: 100, " \
	"dataSet: dns, query: \"rcode = NXDomain AND (" type " = A or " type " = AAAA)\", "  \
	"aggregateBy: qname, field: count, metric: sum, condition: gte, threshold: 100}"
#define DOMAINS                                                                                  \
	"{description: other domains, summary: a domain that is not in the set, severity: 100, " \
	"dataSet: dns, query: \"qname NOTIN ${domains} \", substitutions: [{name: domains, "     \
	"values: [\"*cluster.local\", \"?.mydomain.com\"]}]}"

static void put(const char *client, const char *qname, uint16_t qtype, uint16_t rcode,
		uint64_t count)
{
	struct nt_record r = row("web-6659c9d65f-x2x4z", 41 + (int64_t)next_id % 100, count);

	r.client_name_aggr = nt_slice_str(client);
	r.qname = nt_slice_str(qname);
	r.qtype = qtype;
	r.rcode = rcode;
	give(&r, 1);
}

static void rows_of_servfail(void)
{
	put("web-*", "broken.test", 1, 2, 1);
	put("web-*", "fine.test", 1, 0, 7);
	put("cart-*", "broken.test", 1, 3, 7);
}

/* Rows are few, since they are merged: it is lookups that make a flood. */
static void rows_of_dos(void)
{
	put("web-*", "a.test", 1, 0, 40000);
	put("web-*", "b.test", 28, 3, 20000);
	put("cart-*", "a.test", 1, 0, 50000);
}

static void rows_of_nxdomain(void)
{
	put("web-*", "missing.test", 1, 3, 60);
	put("cart-*", "missing.test", 28, 3, 40);
	put("web-*", "seldom.test", 1, 3, 99);
	put("web-*", "text.test", 16, 3, 500);
	put("web-*", "there.test", 1, 0, 500);
}

static void rows_of_domains(void)
{
	put("web-*", "kubernetes.default.svc.cluster.local", 1, 0, 9);
	put("web-*", "a.mydomain.com", 1, 0, 9);
	put("web-*", "ab.mydomain.com", 1, 0, 2);
}

static const struct {
	const char *spec;
	void (*rows)(void);
	int64_t end_s; /* of the first window */
	const char *events, *note;
} rules[] = {
	{ SERVFAIL, rows_of_servfail, 600,
	  "{\"client_namespace\":\"shop\",\"client_name_aggr\":\"web-*\",\"qname\":\"broken.test\"}"
	  " 1/1 600-600 open\n",
	  "countRows" },
	{ DOS, rows_of_dos, 600,
	  "{\"client_namespace\":\"shop\",\"client_name_aggr\":\"web-*\"} 60000/60000 600-600 "
	  "open\n",
	  "countRows" },
	{ NXDOMAIN("qtype"), rows_of_nxdomain, 300,
	  "{\"qname\":\"missing.test\"} 100/100 300-300 open\n", NULL },
	{ DOMAINS, rows_of_domains, 300,
	  "{\"node\":\"n1\",\"id\":\"0000000000000003\"} 2/2 300-300 open\n", NULL },
};

START_TEST(rule_ports_and_fires)
{
	size_t i = (size_t)_i / 2;
	bool theirs = _i % 2;
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_alert_rule listed = { 0 };

	nt_buf_printf(&text, "apiVersion: %s\nkind: GlobalAlert\nmetadata: {name: r}\nspec: %s\n",
		      versions[theirs], rules[i].spec);
	store_mkdir(objects_folder);
	write_rules(text.p);
	start(0);
	tick(0);
	nt_alerts_rules(alerts, copy_rule, &listed);
	ck_assert_msg(listed.accepted, "%.*s: %.*s", NT_SLICE_ARG(listed.problem_field),
		      NT_SLICE_ARG(listed.problem_msg));
	if (theirs && rules[i].note)
		ck_assert_msg(listed.note.len && strstr(listed.note.p, rules[i].note), "%.*s",
			      NT_SLICE_ARG(listed.note));
	else
		ck_assert_uint_eq(listed.note.len, 0);
	rules[i].rows();
	tick(rules[i].end_s + DELAY_S - 1);
	expect("");
	tick(rules[i].end_s + DELAY_S);
	expect(rules[i].events);
}
END_TEST

/* --- refused, and why ------------------------------------------------------------------------- */

static const struct {
	const char *spec, *field, *says;
} refused[] = {
	{ NXDOMAIN("rtype"), "spec.query",
	  "at octet 22: rtype is not a field; did you mean qtype?" },
	/* What is asked of other logs. */
	{ "{severity: 100, dataSet: flows, metric: count, condition: gt, threshold: 100}",
	  "spec.dataSet", "flows are not recorded by nametap" },
	{ "{severity: 100, dataSet: audit, query: \"verb=create AND 'objectRef.resource'=pods\"}",
	  "spec.dataSet", "audit are not recorded by nametap" },
	{ "{severity: 100, query: 'process_name IN {\"proc1?\", \"*proc2\"} AND source_namespace = "
	  "ns1'}",
	  "spec.query", "process_name is not a field" },
	{ "{severity: 100, type: AnomalyDetection, detector: {name: dga}}", "spec.type",
	  "there is no AnomalyDetection" },
	/* The cross-checks of their CRD. */
	{ "{severity: 100, dataSet: dns, field: count}", "spec.field", "needs spec.metric" },
	{ "{severity: 100, dataSet: dns, field: count, metric: count, condition: gt, threshold: 1}",
	  "spec.field", "has no field" },
	{ "{severity: 100, dataSet: dns, metric: sum, condition: gt, threshold: 1}", "spec.field",
	  "missing" },
	{ "{severity: 100, dataSet: dns, metric: count, threshold: 1}", "spec.condition",
	  "one of" },
};

/* With the object's spec as it is; NULL when it is refused. */
static struct nt_rule *parse(const char *version, const char *spec,
			     struct nt_object_problem *problem)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_manifest manifest = { 0 };
	struct nt_rule *rule = NULL;

	nt_buf_printf(&text, "apiVersion: %s\nkind: GlobalAlert\nmetadata: {name: r}\nspec: %s\n",
		      version, spec);
	ck_assert_int_eq(
		nt_manifest_parse(nt_slice_mem(text.p, text.len), NT_MANIFEST_YAML, &manifest), 0);
	ck_assert_msg(manifest.objects_len == 1, "%s", spec);
	if (nt_rule_parse(&manifest.objects[0].compact->object, &rule, problem) < 0)
		ck_assert_ptr_null(rule);
	nt_manifest_done(&manifest);
	return rule;
}

START_TEST(rule_is_refused_with_the_reason)
{
	struct nt_object_problem problem = { 0 };

	for (size_t v = 0; v < NT_ARRAY_LEN(versions); v++) {
		ck_assert_msg(!parse(versions[v], refused[_i].spec, &problem), "%s",
			      refused[_i].spec);
		ck_assert_str_eq(problem.field, refused[_i].field);
		ck_assert_msg(strstr(problem.msg, refused[_i].says), "%s: %s", refused[_i].spec,
			      problem.msg);
	}
}
END_TEST

/* --- the reference page's queries ------------------------------------------------------------- */

/* On a lookup of pod mypod in ns1: A of a.test at 127.0.0.1, 101 times. */
static const struct {
	const char *query;
	bool noerror, nxdomain; /* does it hold with that code? */
} queries[] = {
	{ "count > 0", true, true },
	{ "\"servers.ip\" = \"127.0.0.1\"", true, true },
	{ "count > 100 AND client_name=mypod", true, true },
	{ "client_namespace = ns1 OR client_namespace = ns2", true, true },
	{ "count > 100 AND NOT (client_namespace = ns1 OR client_namespace = ns2)", false, false },
	{ "(qtype = A OR qtype = AAAA) AND rcode != NoError", false, true },
};

START_TEST(query_means_the_same)
{
	struct nt_object_problem problem = { 0 };
	_cleanup_(nt_rule_freep) struct nt_rule *rule = NULL;
	_cleanup_buf_ struct nt_buf spec = { 0 };
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };
	struct nt_record r = store_record(1, T0_US, "a.test");

	nt_buf_printf(&spec, "{severity: 100, dataSet: dns, query: '%s'}", queries[_i].query);
	rule = parse(versions[1], spec.p, &problem);
	ck_assert_msg(rule != NULL, "%s", problem.msg);
	r.count = 101;
	r.client_name = NT_SLICE_LIT("mypod");
	r.client_namespace = NT_SLICE_LIT("ns1");
	r.servers[0].ip = nt_addr_from(4, loopback);
	ck_assert(nt_query_eval(rule->query, &r) == queries[_i].noerror);
	r.rcode = 3;
	ck_assert(nt_query_eval(rule->query, &r) == queries[_i].nxdomain);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("calico_rules");

	tcase_add_checked_fixture(tc, NULL, stop);
	tcase_add_loop_test(tc, rule_ports_and_fires, 0, 2 * NT_ARRAY_LEN(rules));
	tcase_add_loop_test(tc, rule_is_refused_with_the_reason, 0, NT_ARRAY_LEN(refused));
	tcase_add_loop_test(tc, query_means_the_same, 0, NT_ARRAY_LEN(queries));
	return store_run("calico_rules", tc);
}
