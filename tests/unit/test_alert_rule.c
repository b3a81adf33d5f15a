/* SPDX-License-Identifier: Apache-2.0 */
/* GlobalAlert objects: what is taken, what is refused and in which words; texts of events. */
#include <fcntl.h>

#include "controller/alerts/rule.h"
#include "controller/alerts/text.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/objects/manifest.h"
#include "lib/query/query.h"
#include "tests/unit/store_build.h"
#include "tests/unit/suite.h"

static struct nt_manifest manifest;
static struct nt_object_problem problem;

static void free_manifest(void)
{
	nt_manifest_done(&manifest);
}

/* NULL when it is refused. spec: flow or block YAML behind "spec:". */
static struct nt_rule *parse_as(const char *version, const char *spec)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_rule *rule = NULL;

	nt_manifest_done(&manifest);
	manifest = (struct nt_manifest){ 0 };
	problem = (struct nt_object_problem){ 0 };
	nt_buf_printf(&text, "apiVersion: %s\nkind: GlobalAlert\nmetadata: {name: r}\nspec: %s\n",
		      version, spec);
	ck_assert_int_eq(
		nt_manifest_parse(nt_slice_mem(text.p, text.len), NT_MANIFEST_YAML, &manifest), 0);
	ck_assert_msg(manifest.objects_len == 1, "%s: %s", spec,
		      manifest.problems_len ? manifest.problems[0].msg : "no object");
	if (nt_rule_parse(&manifest.objects[0].compact->object, &rule, &problem) == 0)
		ck_assert_ptr_nonnull(rule);
	return rule;
}

static struct nt_rule *parse(const char *spec)
{
	return parse_as("nametap.io/v1alpha1", spec);
}

static struct nt_rule *must_parse(const char *spec)
{
	struct nt_rule *rule = parse(spec);

	ck_assert_msg(rule != NULL, "%s: %s: %s", spec, problem.field, problem.msg);
	return rule;
}

static const char *const accepted[] = {
	"{severity: 1}",
	"{severity: 100, type: RuleBased, dataSet: dns}",
	"{severity: 5, metric: count, condition: gt, threshold: 0}",
	"{severity: 5, metric: count, condition: not_eq, threshold: -1.5e3}",
	"{severity: 5, metric: sum, field: count, condition: gte, threshold: 100, aggregateBy: "
	"[qname]}",
	"{severity: 5, metric: avg, field: latency_mean, condition: lt, threshold: 5}",
	"{severity: 5, metric: max, field: hop_network_ns, condition: lte, threshold: 5}",
	"{severity: 5, metric: min, field: edns.udp_size_max, condition: eq, threshold: 5}",
	"{severity: 5, aggregateBy: [client_namespace, servers.ip, service.name, rcode]}",
	"{severity: 5, period: 1s, lookback: 1s}",
	"{severity: 5, period: 5m0s, lookback: 1h30m}",
	"{severity: 5, summary: \"x ${client_name} ${count} $ {}\", metric: count, condition: gt,"
	" threshold: 1, aggregateBy: [client_name]}",
	"{severity: 5, summary: '${QNAME}', aggregateBy: [QName]}",
	"{severity: 5, query: \"rcode='SERVFAIL' AND \\\"servers.ip\\\" = 127.0.0.1\"}",
	"{severity: 5, query: '   '}",
	"{severity: 5, field: null, metric: null, query: null, aggregateBy: []}",
	"{severity: 5, aggregateBy: qname}",
	"{severity: 5, period: 1.5h, lookback: 1h30m0s}",
	"{severity: 5, metric: countRows, condition: gt, threshold: 0, summary: '${countRows}'}",
	"{severity: 5, metric: distinct, field: qname, condition: gt, threshold: 50}",
	"{severity: 5, metric: distinct, field: servers.ip, condition: gt, threshold: 1}",
	"{severity: 5, metric: p50, condition: gt, threshold: 1}",
	"{severity: 5, metric: p95, condition: gt, threshold: 1, aggregateBy: [servers.ip]}",
	"{severity: 5, metric: p99, condition: gt, threshold: 2e8, minCount: 100}",
	"{severity: 5, metric: ratio, numerator: rcode = NXDOMAIN, condition: gt, threshold: 0.3}",
	"{severity: 5, metric: ratio, numerator: 'qname IN ${a}', condition: gt, threshold: 1,"
	" substitutions: [{name: a, values: ['*']}], minCount: 1}",
	"{severity: 5, query: 'qname NOTIN ${d} AND qtype IN ${t.1}', substitutions: [{name: d, "
	"values: ['*cluster.local', '?.mydomain.com']}, {name: t.1, values: [A, aaaa]}]}",
	"{severity: 5, substitutions: [{name: unused, values: [x]}]}",
	"{severity: 5, substitutions: []}",
	"{severity: 5, query: 'qname IN ${d} OR rrsets.rdata NOTIN ${d}', substitutions: [{name: "
	"d, "
	"feed: bad}, {name: e, feed: bad}, {name: f, values: [a]}]}",
	"{severity: 5, for: 10m, cooldown: 1h, aggregateBy: [qname]}",
	"{severity: 5, unseenFor: 1h, aggregateBy: [qname]}",
	"{severity: 5, unseenFor: 30d, learnFor: 30d, aggregateBy: [servers.ip], for: 9m59s, "
	"metric: "
	"distinct, field: qname, condition: gt, threshold: 3}",
	"{severity: 5, disabled: true, notify: [pager, team-dns], labels: {team: dns, _a1: ''}}",
	"{severity: 5, disabled: false, notify: [], labels: {}}",
	"{severity: 5, query: type = UNLOGGED, metric: distinct, field: reason, condition: gt,"
	" threshold: 1}",
	"{severity: 5, query: type = UNLOGGED, metric: distinct, field: client_name, condition: gt,"
	" threshold: 1}",
	"{severity: 5, query: type = UNLOGGED, metric: ratio, numerator: reason = ring_full OR"
	" qname = a, condition: gt, threshold: 0.1}",
	"{severity: 5, metric: ratio, numerator: qname = a OR type = UNLOGGED, condition: gt,"
	" threshold: 0.1}",
};

START_TEST(rules_that_are_taken)
{
	_cleanup_(nt_rule_freep) struct nt_rule *rule = must_parse(accepted[_i]);
	_cleanup_(nt_rule_freep) struct nt_rule *same =
		parse_as("projectcalico.org/v3", accepted[_i]);

	ck_assert_int_eq(rule->lookback_us % rule->width_us, 0);
	ck_assert_int_eq(rule->step_us % rule->width_us, 0);
	ck_assert(same != NULL);
}
END_TEST

static const struct {
	const char *spec, *field, *says;
} refused[] = {
	{ "{severity: 5, query: type = UNLOGGED, metric: p99, condition: gt, threshold: 1}",
	  "spec.metric", "UNLOGGED rows, which the query is about, have no latency" },
	{ "{severity: 5, query: reason = ring_full, metric: sum, field: unanswered, condition: gt, "
	  "threshold: 1}",
	  "spec.field", "have no unanswered: count, their packets, is there" },
	{ "{severity: 5, query: type = UNLOGGED, metric: distinct, field: qname, condition: gt, "
	  "threshold: 1}",
	  "spec.field", "have no qname to tell apart" },
	{ "{severity: 5, query: type = UNLOGGED, metric: distinct, field: servers.ip, condition: "
	  "gt, threshold: 1}",
	  "spec.field", "have no servers.ip to tell apart" },
	{ "{severity: 5, query: type = UNLOGGED, metric: ratio, numerator: rcode = NXDOMAIN, "
	  "condition: gt, threshold: 0.1}",
	  "spec.numerator", "no row can match it: UNLOGGED rows" },
	{ "{severity: 5, query: type = UNLOGGED, metric: ratio, numerator: type = LOG, "
	  "condition: gt, threshold: 0.1}",
	  "spec.numerator", "no row can match it: UNLOGGED rows" },
	{ "{severity: 5, query: type = UNLOGGED AND qname = x}", "spec.query",
	  "no row can match it: UNLOGGED rows, which the query is about, have only client_*" },
	{ "{severity: 5, query: type = LOG AND reason = ring_full}", "spec.query",
	  "no row can match it" },
	{ "{severity: 5, metric: ratio, numerator: type = UNLOGGED, condition: gt, threshold: "
	  "0.1}",
	  "spec.numerator", "the query is about LOG rows" },
	{ "{severity: 5, query: type = LOG, metric: ratio, numerator: reason = ring_full, "
	  "condition: gt, threshold: 0.1}",
	  "spec.numerator", "the query is about LOG rows" },
	{ "{}", "spec.severity", "missing" },
	{ "3", "spec", "a mapping is wanted" },
	{ "null", "spec", "a mapping is wanted" },
	{ "{severity: 0}", "spec.severity", "1 to 100" },
	{ "{severity: 101}", "spec.severity", "1 to 100" },
	{ "{severity: 5.5}", "spec.severity", "1 to 100" },
	{ "{severity: '5'}", "spec.severity", "1 to 100" },
	{ "{severity: 5, dataSet: flows}", "spec.dataSet", "flows are not recorded by nametap" },
	{ "{severity: 5, dataSet: audit}", "spec.dataSet", "audit are not recorded by nametap" },
	{ "{severity: 5, dataSet: dnss}", "spec.dataSet", "one of dns; did you mean dns?" },
	{ "{severity: 5, dataSet: 3}", "spec.dataSet", "one of dns" },
	{ "{severity: 5, type: AnomalyDetection}", "spec.type", "one of RuleBased" },
	{ "{severity: 5, type: Rulebased}", "spec.type", "did you mean RuleBased?" },
	{ "{severity: 5, detector: {name: dga}}", "spec.detector", "there is no AnomalyDetection" },
	{ "{severity: 5, treshold: 5}", "spec.treshold", "did you mean threshold?" },
	{ "{severity: 5, substitutions: {name: d, values: [a]}}", "spec.substitutions", "a list" },
	{ "{severity: 5, substitutions: [d]}", "spec.substitutions[0]", "a mapping" },
	{ "{severity: 5, substitutions: [{values: [a]}]}", "spec.substitutions[0].name",
	  "missing" },
	{ "{severity: 5, substitutions: [{name: 'a b', values: [a]}]}",
	  "spec.substitutions[0].name", "letters, digits" },
	{ "{severity: 5, substitutions: [{name: d, values: [a]}, {name: d, values: [b]}]}",
	  "spec.substitutions[1].name", "two of that name" },
	{ "{severity: 5, substitutions: [{name: d}]}", "spec.substitutions[0].values", "a list" },
	{ "{severity: 5, substitutions: [{name: d, values: [a], feed: b}]}",
	  "spec.substitutions[0]", "not both" },
	{ "{severity: 5, substitutions: [{name: d, feed: ''}]}", "spec.substitutions[0].feed",
	  "the name of a DomainFeed" },
	{ "{severity: 5, substitutions: [{name: d, feed: [a]}]}", "spec.substitutions[0].feed",
	  "the name of a DomainFeed" },
	{ "{severity: 5, query: 'qtype IN ${d}', substitutions: [{name: d, feed: bad}]}",
	  "spec.query", "this set has domain names" },
	{ "{severity: 5, substitutions: [{name: d, values: []}]}", "spec.substitutions[0].values",
	  "at least one" },
	{ "{severity: 5, substitutions: [{name: d, values: [a, 3]}]}",
	  "spec.substitutions[0].values[1]", "must be a text" },
	{ "{severity: 5, substitutions: [{name: d, values: ['']}]}",
	  "spec.substitutions[0].values[0]", "must not be empty" },
	{ "{severity: 5, substitutions: [{name: d, vals: [a]}]}", "spec.substitutions[0].vals",
	  "did you mean values?" },
	{ "{severity: 5, query: 'qname IN ${domain}', substitutions: [{name: domains, values: "
	  "[a]}]}",
	  "spec.query",
	  "at octet 9: there is no substitution of that name; did you mean "
	  "${domains}?" },
	{ "{severity: 5, query: 'qtype IN ${t}', substitutions: [{name: t, values: [A, AAA]}]}",
	  "spec.query", "at octet 9: value 2: AAA is no record type" },
	{ "{severity: 5, query: 'qname = ${t}', substitutions: [{name: t, values: [a]}]}",
	  "spec.query", "behind IN or NOTIN" },
	{ "{severity: 5, metric: distinct, condition: gt, threshold: 1}", "spec.field", "qname" },
	{ "{severity: 5, metric: distinct, field: count, condition: gt, threshold: 1}",
	  "spec.field", "not told apart" },
	{ "{severity: 5, metric: distinct, field: qnme, condition: gt, threshold: 1}", "spec.field",
	  "did you mean qname?" },
	{ "{severity: 5, metric: p99, field: latency_max, condition: gt, threshold: 1}",
	  "spec.field", "leave it out" },
	{ "{severity: 5, metric: p90, condition: gt, threshold: 1}", "spec.metric",
	  "did you mean p50?" },
	{ "{severity: 5, metric: ratio, condition: gt, threshold: 0.5}", "spec.numerator",
	  "missing" },
	{ "{severity: 5, metric: ratio, numerator: ' ', condition: gt, threshold: 0.5}",
	  "spec.numerator", "missing" },
	{ "{severity: 5, metric: ratio, numerator: 'rtype = A', condition: gt, threshold: 0.5}",
	  "spec.numerator", "at octet 0: rtype is not a field; did you mean qtype?" },
	{ "{severity: 5, metric: ratio, numerator: 'rcode = NXDOMAIN', condition: gt, threshold: "
	  "30}",
	  "spec.threshold", "0.3" },
	{ "{severity: 5, metric: ratio, field: count, numerator: 'rcode = NXDOMAIN', condition: "
	  "gt, threshold: 0.3}",
	  "spec.field", "spec.numerator" },
	{ "{severity: 5, metric: count, numerator: 'rcode = 3', condition: gt, threshold: 1}",
	  "spec.numerator", "metric: ratio" },
	{ "{severity: 5, metric: count, condition: gt, threshold: 1, minCount: 5}", "spec.minCount",
	  "for metric avg" },
	{ "{severity: 5, metric: p99, condition: gt, threshold: 1, minCount: 0}", "spec.minCount",
	  "from 1 on" },
	{ "{severity: 5, minCount: 5}", "spec.minCount", "needs spec.metric" },
	{ "{severity: 5, metric: countRows, field: count, condition: gt, threshold: 1}",
	  "spec.field", "metric countRows has no field" },
	{ "{severity: 5, for: 5m}", "spec.for", "a single row does not last" },
	{ "{severity: 5, for: 5, aggregateBy: [qname]}", "spec.for", "a duration" },
	{ "{severity: 5, for: 2h, period: 30s, lookback: 30s, aggregateBy: [qname]}", "spec.for",
	  "at most 3600 s" },
	{ "{severity: 5, unseenFor: 1h}", "spec.unseenFor", "needs spec.aggregateBy" },
	{ "{severity: 5, unseenFor: 1h, metric: count, condition: gt, threshold: 1}",
	  "spec.unseenFor", "needs spec.aggregateBy" },
	{ "{severity: 5, unseenFor: 59m, aggregateBy: [qname]}", "spec.unseenFor", "at least 1h" },
	{ "{severity: 5, unseenFor: 2h, lookback: 31m, aggregateBy: [qname]}", "spec.unseenFor",
	  "4 times the lookback" },
	{ "{severity: 5, unseenFor: 7, aggregateBy: [qname]}", "spec.unseenFor", "a duration" },
	{ "{severity: 5, unseenFor: 2h, for: 10m, aggregateBy: [qname]}", "spec.for",
	  "new for one lookback" },
	{ "{severity: 5, unseenFor: 2h, learnFor: 3h, aggregateBy: [qname]}", "spec.learnFor",
	  "longer than spec.unseenFor" },
	{ "{severity: 5, learnFor: 3h, aggregateBy: [qname]}", "spec.learnFor",
	  "needs spec.unseenFor" },
	{ "{severity: 5, cooldown: -1m}", "spec.cooldown", "a duration" },
	{ "{severity: 5, disabled: 'yes'}", "spec.disabled", "true or false" },
	{ "{severity: 5, labels: [a]}", "spec.labels", "a mapping" },
	{ "{severity: 5, labels: {a-b: c}}", "spec.labels.a-b", "letters, digits and _" },
	{ "{severity: 5, labels: {1a: c}}", "spec.labels.1a", "letters, digits and _" },
	{ "{severity: 5, labels: {a: 1}}", "spec.labels.a", "must be a text" },
	{ "{severity: 5, notify: pager}", "spec.notify", "a list of texts" },
	{ "{severity: 5, notify: [a, b, a]}", "spec.notify", "twice" },
	{ "{severity: 5, notify: ['a,b']}", "spec.notify", "no comma" },
	{ "{severity: 5, notify: ['']}", "spec.notify[0]", "must not be empty" },
	{ "{severity: 5, summary: 7}", "spec.summary", "must be a text" },
	{ "{severity: 5, period: 5}", "spec.period", "a duration" },
	{ "{severity: 5, period: 5 min}", "spec.period", "a duration" },
	{ "{severity: 5, period: 500ms}", "spec.period", "whole seconds" },
	{ "{severity: 5, period: 0}", "spec.period", "a duration" },
	{ "{severity: 5, period: 0s}", "spec.period", "from 1s" },
	{ "{severity: 5, lookback: 31d}", "spec.lookback", "a duration" },
	{ "{severity: 5, lookback: 20d20d20d20d20d20d}", "spec.lookback", "a duration" },
	{ "{severity: 5, lookback: m}", "spec.lookback", "a duration" },
	{ "{severity: 5, period: 10m, lookback: 5m}", "spec.lookback", "shorter than the period" },
	{ "{severity: 5, lookback: 1m}", "spec.lookback", "shorter than the period" },
	{ "{severity: 5, aggregateBy: {a: qname}}", "spec.aggregateBy", "must be a list" },
	{ "{severity: 5, aggregateBy: qnme}", "spec.aggregateBy", "did you mean qname?" },
	{ "{severity: 5, aggregateBy: [qname, 3]}", "spec.aggregateBy[1]", "name of a field" },
	{ "{severity: 5, aggregateBy: [qnme]}", "spec.aggregateBy[0]", "did you mean qname?" },
	{ "{severity: 5, aggregateBy: [source_namespace]}", "spec.aggregateBy[0]", "not a field" },
	{ "{severity: 5, aggregateBy: [qname, QNAME]}", "spec.aggregateBy[1]", "twice" },
	{ "{severity: 5, aggregateBy: [count]}", "spec.aggregateBy[0]", "not a field to group by" },
	{ "{severity: 5, aggregateBy: [client_labels.app]}", "spec.aggregateBy[0]", "to group by" },
	{ "{severity: 5, aggregateBy: [qname, qtype, node, side, role]}", "spec.aggregateBy",
	  "at most 4" },
	{ "{severity: 5, metric: cout, condition: gt, threshold: 1}", "spec.metric",
	  "did you mean count?" },
	{ "{severity: 5, metric: ''}", "spec.metric", "one of count, countRows" },
	{ "{severity: 5, metric: 3}", "spec.metric", "one of count, countRows" },
	{ "{severity: 5, field: count}", "spec.field", "needs spec.metric" },
	{ "{severity: 5, metric: count, field: count, condition: gt, threshold: 1}", "spec.field",
	  "metric count has no field" },
	{ "{severity: 5, metric: sum, condition: gt, threshold: 1}", "spec.field", "metric sum" },
	{ "{severity: 5, metric: sum, field: qname, condition: gt, threshold: 1}", "spec.field",
	  "no number" },
	{ "{severity: 5, metric: sum, field: servers.port, condition: gt, threshold: 1}",
	  "spec.field", "no number" },
	{ "{severity: 5, metric: max, field: start_time, condition: gt, threshold: 1}",
	  "spec.field", "no number" },
	{ "{severity: 5, metric: max, field: edns.options, condition: gt, threshold: 1}",
	  "spec.field", "no number" },
	{ "{severity: 5, metric: max, field: latency_mx, condition: gt, threshold: 1}",
	  "spec.field", "did you mean latency_max?" },
	{ "{severity: 5, metric: count}", "spec.condition", "one of eq, not_eq" },
	{ "{severity: 5, metric: count, condition: '>', threshold: 1}", "spec.condition",
	  "one of eq" },
	{ "{severity: 5, metric: count, condition: gt}", "spec.threshold", "missing" },
	{ "{severity: 5, metric: count, condition: gt, threshold: many}", "spec.threshold",
	  "a number" },
	{ "{severity: 5, condition: gt}", "spec.condition", "needs spec.metric" },
	{ "{severity: 5, threshold: 1}", "spec.threshold", "needs spec.metric" },
	{ "{severity: 5, query: 'rcode = NOERROR AND qnme = x'}", "spec.query",
	  "at octet 20: qnme is not a field; did you mean qname?" },
	{ "{severity: 5, query: 'qname IN ${domains}'}", "spec.query", "at octet" },
	{ "{severity: 5, query: '((((((((((((((((((((((((qname = a))))))))))))))))))))))))',"
	  " aggregateBy: [qname]}",
	  "spec.query", "too many brackets" },
	{ "{severity: 5, query: [a]}", "spec.query", "must be a text" },
	{ "{severity: 5, summary: '${qname}'}", "spec.summary", "only fields of aggregateBy" },
	{ "{severity: 5, description: '${qname'}", "spec.description", "not closed" },
	{ "{severity: 5, summary: '${sum}', metric: count, condition: gt, threshold: 1}",
	  "spec.summary", "${count}" },
	{ "{severity: 5, summary: \"\\x1b${\\xe9}\"}", "spec.summary", "${??}" },
};

START_TEST(rules_that_are_refused)
{
	_cleanup_(nt_rule_freep) struct nt_rule *rule = parse(refused[_i].spec);

	ck_assert_msg(!rule, "%s was taken", refused[_i].spec);
	ck_assert_msg(strcmp(problem.field, refused[_i].field) == 0, "%s: field %s: %s",
		      refused[_i].spec, problem.field, problem.msg);
	ck_assert_msg(strstr(problem.msg, refused[_i].says), "%s: %s", refused[_i].spec,
		      problem.msg);
	for (const char *p = problem.msg; *p; p++)
		ck_assert_msg(*p >= ' ' && *p <= '~', "%s", problem.msg);
}
END_TEST

START_TEST(another_version_is_refused)
{
	ck_assert(!parse_as("nametap.io/v2", "{severity: 1}"));
	ck_assert_str_eq(problem.field, "apiVersion");
}
END_TEST

static const struct {
	const char *times;
	int64_t width_s, step_s;
} times[] = {
	{ "", 300, 300 },
	{ ", period: 1m", 60, 60 },
	{ ", period: 1s, lookback: 1s", 1, 1 },
	{ ", period: 7s, lookback: 1m", 1, 7 },
	{ ", period: 1s, lookback: 2m", 1, 1 },
	/* A finer step than a 120th would not tell more. */
	{ ", period: 1s, lookback: 4m", 2, 2 },
	{ ", period: 1m, lookback: 1d", 720, 720 },
	{ ", period: 1s, lookback: 10m", 5, 5 },
};

START_TEST(buckets_divide_both_times)
{
	_cleanup_buf_ struct nt_buf spec = { 0 };
	_cleanup_(nt_rule_freep) struct nt_rule *rule = NULL;

	nt_buf_printf(&spec, "{severity: 1%s}", times[_i].times);
	rule = must_parse(spec.p);
	ck_assert_int_eq(rule->width_us, times[_i].width_s * 1000000);
	ck_assert_int_eq(rule->step_us, times[_i].step_s * 1000000);
	ck_assert_int_eq(rule->lookback_us % rule->width_us, 0);
	ck_assert_int_le(rule->lookback_us / rule->width_us, NT_RULE_BUCKETS_MAX);
}
END_TEST

START_TEST(sides_are_the_defaults_of_figures_unless_asked_for)
{
	static const struct {
		const char *query;
		int side, role;
		bool late, unlogged;
	} cases[] = {
		{ "", NT_SIDE_CLIENT, NT_ROLE_WORKLOAD, false, false },
		{ ", query: 'NOT (qname = a OR side = server)'", -1, NT_ROLE_WORKLOAD, false,
		  false },
		{ ", query: 'role = resolver AND late = true'", NT_SIDE_CLIENT, -1, true, false },
		{ ", query: 'type = UNLOGGED'", -1, NT_ROLE_WORKLOAD, false, true },
		{ ", query: 'type = UNLOGGED OR qname = a'", NT_SIDE_CLIENT, NT_ROLE_WORKLOAD,
		  false, false },
		{ ", query: 'type = UNLOGGED AND role NOT EMPTY', metric: sum, field: count, "
		  "condition: gt, threshold: 0",
		  -1, -1, false, true },
	};

	for (size_t i = 0; i < NT_ARRAY_LEN(cases); i++) {
		_cleanup_buf_ struct nt_buf spec = { 0 };
		_cleanup_(nt_rule_freep) struct nt_rule *rule = NULL;

		nt_buf_printf(&spec, "{severity: 1%s}", cases[i].query);
		rule = must_parse(spec.p);
		ck_assert_int_eq(rule->side, cases[i].side);
		ck_assert_int_eq(rule->role, cases[i].role);
		ck_assert(rule->late == cases[i].late);
		ck_assert(rule->unlogged == cases[i].unlogged);
	}
}
END_TEST

START_TEST(summary_is_filled_in)
{
	_cleanup_(nt_rule_freep) struct nt_rule *rule =
		must_parse("{severity: 1, metric: sum, field: count, condition: gt, threshold: 1,"
			   " aggregateBy: [client_name, qname],"
			   " summary: '${Client_Name} asked ${sum} times for ${qname}, $${sum}'}");
	const struct nt_slice values[] = { NT_SLICE_LIT("web ${sum}"), NT_SLICE_LIT("") };
	_cleanup_buf_ struct nt_buf text = { 0 };

	nt_text_summary(rule, values, 2.5, &text);
	ck_assert_str_eq(nt_buf_str(&text), "web ${sum} asked 2.5 times for (none), $2.5");
}
END_TEST

START_TEST(labels_and_receivers_are_kept)
{
	_cleanup_(nt_rule_freep) struct nt_rule *rule =
		must_parse("{severity: 1, labels: {team: dns, tier: '1'}, notify: [pager, mail]}");

	ck_assert_uint_eq(rule->labels_len, 2);
	for (size_t i = 0; i < 2; i++) {
		bool team = nt_slice_eq(rule->labels[i].key, NT_SLICE_LIT("team"));

		ck_assert(team || nt_slice_eq(rule->labels[i].key, NT_SLICE_LIT("tier")));
		ck_assert(nt_slice_eq(rule->labels[i].value, nt_slice_str(team ? "dns" : "1")));
	}
	ck_assert_uint_eq(rule->notify_len, 2);
	ck_assert(nt_slice_eq(rule->notify[0], NT_SLICE_LIT("pager")));
	ck_assert(nt_slice_eq(rule->notify[1], NT_SLICE_LIT("mail")));
}
END_TEST

/* Calico counts rows there: who brings a rule is told. */
START_TEST(count_of_another_product_is_noted)
{
	static const char count[] = "{severity: 1, metric: count, condition: gt, threshold: 0}";
	static const char rows[] = "{severity: 1, metric: countRows, condition: gt, threshold: 0}";
	_cleanup_(nt_rule_freep) struct nt_rule *here = must_parse(count);
	_cleanup_(nt_rule_freep) struct nt_rule *brought = parse_as("projectcalico.org/v3", count);
	_cleanup_(nt_rule_freep) struct nt_rule *same = parse_as("projectcalico.org/v3", rows);

	ck_assert_uint_eq(here->note.len, 0);
	ck_assert_uint_eq(same->note.len, 0);
	ck_assert_msg(strstr(brought->note.p, "countRows"), "%s", brought->note.p);
}
END_TEST

/* A list of many domains makes a rule, and no filter of 20,000 octets for each event. */
START_TEST(long_sets_are_left_out_of_filters)
{
	_cleanup_buf_ struct nt_buf spec = { 0 }, text = { 0 };
	_cleanup_(nt_rule_freep) struct nt_rule *rule = NULL;
	const struct nt_slice values[] = { NT_SLICE_LIT("a.test") };
	struct nt_record r = store_record(1, T0_US, "x999.example.com");

	nt_buf_puts(&spec, "{severity: 1, query: 'qname NOTIN ${d}', aggregateBy: [qname], "
			   "substitutions: [{name: d, values: [\"*.cluster.local\"");
	for (int i = 1; i < 1000; i++)
		nt_buf_printf(&spec, ", x%d.example.com", i);
	nt_buf_puts(&spec, "]}]}");
	rule = must_parse(spec.p);
	ck_assert(!nt_query_eval(rule->query, &r));
	r.qname = NT_SLICE_LIT("x1000.example.com");
	ck_assert(nt_query_eval(rule->query, &r));
	nt_text_filter(rule, values, &text);
	ck_assert_str_eq(nt_buf_str(&text), "qname = \"a.test\"");
	nt_buf_reset(&spec);
	nt_buf_puts(&spec, "{severity: 1, substitutions: [{name: d, values: [a");
	for (int i = 1; i <= 1000; i++)
		nt_buf_puts(&spec, ", a");
	nt_buf_puts(&spec, "]}]}");
	ck_assert_ptr_null(parse(spec.p));
	ck_assert_str_eq(problem.field, "spec.substitutions[0].values");
}
END_TEST

START_TEST(sets_are_written_out_in_filters)
{
	_cleanup_(nt_rule_freep) struct nt_rule *rule =
		must_parse("{severity: 1, query: 'qname NOTIN ${d}', aggregateBy: [qname], "
			   "substitutions: [{name: d, values: ['*.a', b]}]}");
	const struct nt_slice values[] = { NT_SLICE_LIT("a.test") };
	_cleanup_buf_ struct nt_buf text = { 0 };

	nt_text_filter(rule, values, &text);
	ck_assert_str_eq(nt_buf_str(&text),
			 "(qname NOTIN {\"*.a\", \"b\"}) AND qname = \"a.test\"");
}
END_TEST

/* --- the filter that leads back to the rows --------------------------------------------------- */

static const char *const odd_values[] = {
	"web-1",
	"",
	"it's",
	"say \"hi\"",
	"\"",
	"\\",
	"AND",
	"IN",
	"a b",
	"{x}",
	"*",
	"?",
	"*.a.test",
	"ends.",
	".",
	"tab\there",
	"line\nbreak\"",
	"\x7f",
	"\xc3\xa9t\xc3\xa9",
	"EMPTY",
	"'",
	"\x01",
};

START_TEST(filter_matches_the_row_that_it_was_made_from)
{
	_cleanup_(nt_rule_freep) struct nt_rule *rule =
		must_parse("{severity: 1, query: 'node = n1 OR node = n2',"
			   " aggregateBy: [client_name, qname, rcode, servers.ip]}");
	struct nt_record r = store_record(1, T0_US, odd_values[_i]), other = r;
	_cleanup_buf_ struct nt_buf text = { 0 };
	_cleanup_(nt_query_freep) struct nt_query *q = NULL;
	struct nt_query_error mistake;
	struct nt_slice values[4] = { nt_slice_str(odd_values[_i]), nt_slice_str(odd_values[_i]),
				      NT_SLICE_LIT("NOERROR"), NT_SLICE_LIT("10.96.0.10") };

	r.client_name = values[0];
	nt_text_filter(rule, values, &text);
	ck_assert_msg(nt_query_parse(nt_slice_mem(text.p, text.len), &q, &mistake) == 0, "%s: %s",
		      text.p, mistake.msg);
	ck_assert_msg(nt_query_eval(q, &r), "%s", text.p);
	other = r;
	other.client_name = NT_SLICE_LIT("somebody-else");
	ck_assert_msg(!nt_query_eval(q, &other) || strcmp(odd_values[_i], "*") == 0, "%s", text.p);
	other = r;
	other.node = NT_SLICE_LIT("n3");
	ck_assert_msg(!nt_query_eval(q, &other), "%s", text.p);
}
END_TEST

START_TEST(group_comes_back_from_its_text)
{
	_cleanup_(nt_rule_freep) struct nt_rule *rule =
		must_parse("{severity: 1, aggregateBy: [client_name, service.name]}");
	_cleanup_(nt_rule_freep) struct nt_rule *other =
		must_parse("{severity: 1, aggregateBy: [client_name, qname]}");
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(1 << 20);
	_cleanup_buf_ struct nt_buf json = { 0 };
	struct nt_slice values[4] = { nt_slice_str(odd_values[_i]), NT_SLICE_LIT("x") }, back[4];

	nt_text_group(rule, values, &json);
	ck_assert(nt_text_group_parse(rule, nt_slice_mem(json.p, json.len), &arena, back));
	ck_assert(nt_slice_eq(back[0], values[0]) && nt_slice_eq(back[1], values[1]));
	ck_assert(!nt_text_group_parse(other, nt_slice_mem(json.p, json.len), &arena, back));
	ck_assert(!nt_text_group_parse(rule, NT_SLICE_LIT("{\"client_name\":1}"), &arena, back));
	ck_assert(!nt_text_group_parse(rule, NT_SLICE_LIT(""), &arena, back));
}
END_TEST

START_TEST(filter_of_the_longest_values_is_a_query)
{
	_cleanup_buf_ struct nt_buf spec = { 0 }, text = { 0 };
	_cleanup_(nt_rule_freep) struct nt_rule *rule = NULL;
	_cleanup_(nt_query_freep) struct nt_query *q = NULL;
	struct nt_query_error mistake;
	struct nt_slice values[4];
	static char longest[4000];

	memset(longest, '"', sizeof(longest));
	nt_buf_puts(&spec, "{severity: 1, aggregateBy: [client_name, qname, policy, error], "
			   "query: 'qname IN {a");
	while (spec.len < 2900)
		nt_buf_puts(&spec, ", \"b.example.com\"");
	nt_buf_puts(&spec, "}'}");
	rule = must_parse(spec.p);
	for (size_t i = 0; i < 4; i++)
		values[i] = nt_slice_mem(longest, sizeof(longest));
	nt_text_filter(rule, values, &text);
	ck_assert_msg(nt_query_parse(nt_slice_mem(text.p, text.len), &q, &mistake) == 0, "%zu: %s",
		      text.len, mistake.msg);
}
END_TEST

/* --- the stock rules -------------------------------------------------------------------------- */

static const char *const folders[] = { "manifests/alerts", "manifests/examples/demo" };

START_TEST(examples_are_taken)
{
	struct nt_objects *objects;
	const struct nt_object *object;
	struct nt_err err = { 0 };
	size_t n = 0;

	ck_assert_msg(nt_objects_open_dir(folders[_i], &objects, &err) == 0, "%s", err.msg);
	ck_assert_ptr_null(nt_objects_problem_at(objects, 0));
	for (; (object = nt_objects_at(objects, NT_SLICE_LIT("GlobalAlert"), n)); n++) {
		_cleanup_(nt_rule_freep) struct nt_rule *rule = NULL;

		ck_assert_msg(nt_rule_parse(object, &rule, &problem) == 0, "%.*s: %s: %s",
			      NT_SLICE_ARG(object->name), problem.field, problem.msg);
	}
	ck_assert_uint_ge(n, _i == 0 ? 16 : 1);
	nt_objects_free(objects);
}
END_TEST

/* Else the API server refuses what we would take. */
START_TEST(the_crd_has_all_metrics)
{
	_cleanup_buf_ struct nt_buf crd = { 0 };
	struct nt_err err = { 0 };
	const char *list;

	ck_assert_msg(nt_file_read_at(AT_FDCWD, "manifests/base/crds.yaml", 1 << 20, &crd, &err) ==
			      0,
		      "%s", err.msg);
	nt_buf_putc(&crd, '\0');
	list = strstr(crd.p, "metric: {type: string, enum: [");
	ck_assert_ptr_nonnull(list);
	*strchr(list, '}') = '\0';
	for (int m = NT_RULE_COUNT; m <= NT_RULE_RATIO; m++) {
		const struct nt_rule rule = { .metric = (enum nt_rule_metric)m };
		char word[32];

		snprintf(word, sizeof(word), " %s%s", nt_rule_metric_name(&rule),
			 m == NT_RULE_RATIO ? "]" : ",");
		ck_assert_msg(strstr(list, word) != NULL, "%s", word);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("alert_rule");
	TCase *tc = tcase_create("alert_rule");

	tcase_add_checked_fixture(tc, NULL, free_manifest);
	tcase_add_loop_test(tc, rules_that_are_taken, 0, NT_ARRAY_LEN(accepted));
	tcase_add_loop_test(tc, rules_that_are_refused, 0, NT_ARRAY_LEN(refused));
	tcase_add_test(tc, another_version_is_refused);
	tcase_add_loop_test(tc, buckets_divide_both_times, 0, NT_ARRAY_LEN(times));
	tcase_add_test(tc, sides_are_the_defaults_of_figures_unless_asked_for);
	tcase_add_test(tc, summary_is_filled_in);
	tcase_add_test(tc, labels_and_receivers_are_kept);
	tcase_add_test(tc, count_of_another_product_is_noted);
	tcase_add_test(tc, long_sets_are_left_out_of_filters);
	tcase_add_test(tc, sets_are_written_out_in_filters);
	tcase_add_loop_test(tc, filter_matches_the_row_that_it_was_made_from, 0,
			    NT_ARRAY_LEN(odd_values));
	tcase_add_loop_test(tc, group_comes_back_from_its_text, 0, NT_ARRAY_LEN(odd_values));
	tcase_add_loop_test(tc, examples_are_taken, 0, NT_ARRAY_LEN(folders));
	tcase_add_test(tc, filter_of_the_longest_values_is_a_query);
	tcase_add_test(tc, the_crd_has_all_metrics);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
