/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules that ship (manifests/alerts): each fires on rows that it is for, at its threshold and
 * not below it, while batches arrive and over stored rows alike.
 */
#include "tests/unit/stock_rules_stage.h"

/* --- rows of a pod --------------------------------------------------------------------------- */

static void put(const char *qname, int qtype, int rcode, uint64_t count)
{
	struct nt_record r = lookups(41, qname, qtype, rcode, count);

	give(&r, 1);
}

/* So many different names, each asked for once. */
static void put_names(size_t n, const char *under, int rcode)
{
	static char names[128][256];
	static struct nt_record rows[128];

	ck_assert_uint_le(n, NT_ARRAY_LEN(rows));
	for (size_t i = 0; i < n; i++) {
		snprintf(names[i], sizeof(names[i]), "x%zu%s", i, under);
		rows[i] = lookups(41, names[i], A, rcode, 1);
	}
	give(rows, n);
}

static void put_denied(const char *qname, uint8_t verdict, uint64_t count)
{
	struct nt_record r = lookups(41, qname, A, NX, count);

	r.verdict = verdict;
	r.policy = NT_SLICE_LIT("shop/web-names");
	give(&r, 1);
}

static void put_at(struct nt_server *server, uint64_t count)
{
	struct nt_record r = lookups(41, "www.example.com", A, 0, count);

	r.servers = server;
	r.servers_len = server != NULL;
	give(&r, 1);
}

/* --- each rule -------------------------------------------------------------------------------- */

/* Which rows a case is given: those at the threshold (0) fire, all others do not. */
enum { AT = 0, BELOW = 1, OTHER = 2, MORE = 3, MORE2 = 4, MORE3 = 5 };

static void servfail(int which)
{
	put("broken.example.com", A, which == OTHER ? NX : SERVFAIL, which == BELOW ? 19 : 20);
	put("fine.example.com", A, 0, 500);
}

static void nxdomain_ratio(int which)
{
	if (which == OTHER) { /* fewer than minCount */
		put("gone.example.com", A, NX, 99);
		return;
	}
	if (which == MORE) { /* steps of the search list, and addresses of pods */
		put("gone.example.com.corp.example", A, NX, 500);
		put("7.0.244.10.in-addr.arpa", 12, NX, 500);
	} else if (which == MORE2) { /* a policy says NXDOMAIN, too */
		put_denied("gone.example.com", 3, 500);
	} else {
		put("gone.example.com", A, NX, which == AT ? 51 : 50);
	}
	put("fine.example.com", A, 0, 50);
}

static void query_flood(int which)
{
	put("a.example.com", A, 0, 20000);
	put("b.example.com", AAAA, NX, which == AT ? 10001 : 10000);
}

static void unanswered(int which)
{
	if (which == OTHER) { /* fewer than minCount */
		put("void.example.com", A, NOBODY, 249);
		return;
	}
	put("void.example.com", A, NOBODY, which == AT ? 6 : 5);
	put("fine.example.com", A, 0, 245);
}

/* Two latencies each minute: the window of two minutes has twice as many. */
static void slow_server(const char *qname, uint64_t bound_ns, int which)
{
	static const struct {
		uint64_t fast, slow;
	} counts[] = { { 494, 6 }, { 495, 5 }, { 240, 9 }, { 494, 6 }, { 494, 6 }, { 494, 6 } };

	for (int64_t minute = 0; minute < 8; minute++) {
		struct nt_record r[2] = {
			lookups(minute * 60 + 41, qname, A, 0, counts[which].fast),
			lookups(minute * 60 + 42, qname, A, 0, counts[which].slow),
		};

		if (which != MORE || minute < 5) /* it does not last */
			set_latency(&r[1], bound_ns + 1);
		if (which == MORE2) { /* all just below */
			set_latency(&r[0], bound_ns);
			set_latency(&r[1], bound_ns);
		}
		give(r, 2);
	}
}

static void server_slow(int which)
{
	slow_server(which == MORE3 ? "www.example.com" : "web.shop.svc.cluster.local", 1ULL << 26,
		    which);
}

static void upstream_slow(int which)
{
	slow_server(which == MORE3 ? "web.shop.svc.cluster.local" : "www.example.com", 1ULL << 30,
		    which);
}

static void nxdomain_txt(int which)
{
	int rcode = which == MORE ? 0 : NX;

	if (which == MORE2) {
		put("_acme-challenge.www.example.com", TXT, NX, 500);
		return;
	}
	put("a.orders.example", which == OTHER ? A : TXT, rcode, which == BELOW ? 59 : 60);
	put("b.orders.example", which == OTHER ? AAAA : CNAME, rcode, 40);
}

static void generated_domains(int which)
{
	put_names(which == BELOW ? 49 : 50, which == MORE ? ".gone.example" : ".example",
		  which == OTHER ? 0 : NX);
}

static void tunnel(int which)
{
	if (which == MORE) /* of one name more often */
		put("www.evil.example", A, 0, 5000);
	else if (which == MORE2) /* in the cluster */
		put_names(100, ".cart.shop.svc.cluster.local", 0);
	else
		put_names(which == BELOW ? 99 : 100,
			  which == OTHER ? ".zen.spamhaus.org" : ".t.evil.example", NX);
}

static void tunnel_folded(int which)
{
	struct nt_record r = lookups(41, "*.evil.example", A, 0, 5000);

	r.folded = 5000;
	r.distinct = which == AT ? 100 : 99;
	give(&r, 1);
}

/* Of 100 characters and 101; the others are of 98 and 99. */
static void long_names(int which)
{
	static const char label[] = "mfrggzdfmztwq2lknnwg23tpobyxe43uov3ho6dzpiyt";
	char under[128];

	snprintf(under, sizeof(under), ".%.42s.%.41s%s", label, label,
		 which == OTHER ? ".c2.example" : ".c2b9.example");
	put_names(which == BELOW ? 19 : 20, under, NX);
}

static void exfiltration(int which)
{
	struct nt_record r = lookups(
		41, which == OTHER ? "web.shop.svc.cluster.local" : "x.evil.example", TXT, 0, 4000);

	r.bytes_out = which == BELOW ? 999999 : 1000000;
	give(&r, 1);
}

static void foreign_resolver(int which)
{
	if (which == AT || which == BELOW)
		put_at(&outside, which == AT ? 5 : 4);
	if (which == OTHER)
		put_at(&node_cache, 500);
	if (which == MORE) /* a folded row */
		put_at(NULL, 500);
	put_at(cluster_dns, 500);
}

static void blocked(int which)
{
	uint8_t verdict = which == OTHER ? 2 : 3;

	if (which == MORE) /* the limit: nothing tells it from a step */
		put_denied("wiki.corp.example", verdict, 500);
	else
		put_denied("ads.example.net", verdict, which == BELOW ? 9 : 10);
	put_denied("www.example.com.corp.example", verdict, 500);
}

static void log_loss(int which)
{
	struct nt_record r = store_unlogged(++next_id, T0_US + 41 * S, 1,
					    which == OTHER ? "before_tap" : "ring_full");

	if (which == BELOW)
		put("a.example.com", A, NOBODY, 500);
	else
		give(&r, 1);
}

static void silence(int which)
{
	put("a.example.com", A, 0, 1);
	if (which == BELOW) {
		struct nt_record r = lookups(590, "a.example.com", A, 0, 1);

		give(&r, 1);
	}
}

static void unlisted_domain(int which)
{
	static const char *const names[] = { "www.example.net", "example.com", "www.example.org",
					     "web.shop.svc.cluster.local" };

	put(names[which], A, 0, 1);
}

/* Another of its domains was asked for before, while the rule learned. */
static void first_seen_domain(int which)
{
	static const char *const names[] = { "www.example.net", "www.example.net",
					     "img.example.org", "web.shop.svc.cluster.local" };
	struct nt_record before = lookups(-60, "www.example.org", A, 0, 1);

	give(&before, 1);
	put(names[which], A, which == BELOW ? NX : 0, 1);
}

#define POD "{\"client_namespace\":\"shop\",\"client_name\":\"web-1\""
#define WORKLOAD                                                                  \
	"{\"client_namespace\":\"shop\",\"client_workload_kind\":\"Deployment\"," \
	"\"client_workload_name\":\"web\"}"
#define BOTH_SERVERS(tail)                                                      \
	"{\"servers.ip\":\"10.244.0.2\",\"servers.name\":\"kube-dns-0\"} " tail \
	"{\"servers.ip\":\"10.96.0.10\",\"servers.name\":\"-\"} " tail

static const struct {
	const char *name;
	void (*rows)(int which);
	int ways; /* AT and so many less one that do not fire */
	int64_t until_s; /* end of the last window */
	const char *events; /* of AT */
} cases[] = {
	{ "dns-servfail", servfail, 3, 60, WORKLOAD " 20/20 60-60 open\n" },
	{ "dns-nxdomain-ratio", nxdomain_ratio, 5, 60, WORKLOAD " 0.50495/0.50495 60-60 open\n" },
	{ "dns-query-flood", query_flood, 2, 60, POD "} 30001/30001 60-60 open\n" },
	{ "dns-unanswered", unanswered, 3, 60, WORKLOAD " 0.0239044/0.0239044 60-60 open\n" },
	{ "dns-server-slow", server_slow, 6, 420,
	  BOTH_SERVERS("6.71089e+07/6.71089e+07 60-420 open\n") },
	{ "dns-upstream-slow", upstream_slow, 6, 420,
	  BOTH_SERVERS("1.07374e+09/1.07374e+09 60-420 open\n") },
	{ "dns-nxdomain-txt", nxdomain_txt, 5, 60, POD "} 100/100 60-60 open\n" },
	{ "dns-generated-domains", generated_domains, 4, 60, POD "} 50/50 60-60 open\n" },
	{ "dns-tunnel", tunnel, 5, 60, POD ",\"domain\":\"evil.example\"} 100/100 60-60 open\n" },
	{ "dns-tunnel", tunnel_folded, 2, 60,
	  POD ",\"domain\":\"evil.example\"} 100/100 60-60 open\n" },
	{ "dns-long-names", long_names, 3, 60,
	  POD ",\"domain\":\"c2b9.example\"} 20/20 60-60 open\n" },
	{ "dns-exfiltration", exfiltration, 3, 60, POD "} 1e+06/1e+06 60-60 open\n" },
	{ "dns-foreign-resolver", foreign_resolver, 4, 60,
	  POD ",\"servers.ip\":\"192.0.2.53\"} 5/5 60-60 open\n" },
	{ "dns-blocked", blocked, 4, 60,
	  "{\"client_namespace\":\"shop\",\"client_workload_name\":\"web\",\"policy\":\"shop/"
	  "web-names\",\"qname\":\"ads.example.net\"} 10/10 60-60 open\n" },
	{ "dns-log-loss", log_loss, 3, 600,
	  "{\"node\":\"n1\",\"reason\":\"ring_full\"} 1/1 600-600 open\n" },
	{ "dns-silence", silence, 2, 660, "{} 0/0 660-660 open\n" },
	{ "dns-unlisted-domain", unlisted_domain, 4, 60,
	  "{\"client_namespace\":\"shop\",\"client_workload_name\":\"web\",\"domain\":\"example."
	  "net\"} 1/1 60-60 open\n" },
	{ "dns-first-seen-domain", first_seen_domain, 4, 60,
	  "{\"client_namespace\":\"shop\",\"domain\":\"example.net\"} 1/1 60-60 open\n" },
};

/* --- each rule by itself ---------------------------------------------------------------------- */

static void change(struct nt_buf *text, const char *from, const char *to)
{
	char *at = strstr(nt_buf_str(text), from);

	ck_assert_uint_eq(strlen(from), strlen(to));
	if (at)
		memcpy(at, to, strlen(to));
}

/* A rule that ships disabled is there to be enabled, and one that learns for a day has learned. */
static void enable(struct nt_buf *text)
{
	change(text, "disabled: true", "disabled: no  ");
	change(text, "learnFor: 24h", "learnFor: 1s ");
}

/* The event leads to rows that are there; of silence there are none. */
static void check_evidence(const char *name)
{
	bool unlogged = strcmp(name, "dns-log-loss") == 0;
	struct nt_store_range range = everything();
	struct nt_store_sums sums;
	struct rows_behind b;

	ck_assert_int_eq(
		nt_store_events(reader, -1, (struct nt_slice){ 0 }, 1, keep_query, &b, &err), 0);
	range.from_us = b.from_us;
	range.to_us = b.to_us;
	range.filter = query(b.query);
	range.unlogged = unlogged;
	sums = total(&range);
	ck_assert_msg((sums.count + sums.packets > 0) == (strcmp(name, "dns-silence") != 0), "%s",
		      b.query);
	nt_query_free((struct nt_query *)(uintptr_t)range.filter);
}

static void play(size_t i, int which)
{
	_cleanup_buf_ struct nt_buf rule = { 0 }, live = { 0 }, would_be = { 0 };
	const char *wanted = which == AT ? cases[i].events : "";

	make_servers();
	read_rule(cases[i].name, &rule);
	enable(&rule);
	begin_with(&rule);
	cases[i].rows(which);
	for (int64_t end_s = 60; end_s <= cases[i].until_s; end_s += 60)
		tick(end_s + DELAY_S);
	stored_events(false, &live);
	ck_assert_msg(strcmp(nt_buf_str(&live), wanted) == 0, "%s %d:\n%swanted:\n%s",
		      cases[i].name, which, nt_buf_str(&live), wanted);
	preview_events(cases[i].until_s, false, &would_be);
	ck_assert_msg(strcmp(nt_buf_str(&would_be), wanted) == 0, "%s %d, preview:\n%swanted:\n%s",
		      cases[i].name, which, nt_buf_str(&would_be), wanted);
	if (which == AT)
		check_evidence(cases[i].name);
}

START_TEST(rule_fires_at_its_threshold)
{
	play((size_t)_i, AT);
}
END_TEST

START_TEST(rule_is_quiet_below_and_beside_it)
{
	for (int which = BELOW; which < cases[_i].ways; which++) {
		play((size_t)_i, which);
		stop();
		close_store();
		setup();
	}
}
END_TEST

/* As manifests/alerts/README.md has it, for names below a search domain. */
START_TEST(blocked_without_its_term_tells_of_names_below_a_search_domain)
{
	static const char term[] = " AND scope != search";
	_cleanup_buf_ struct nt_buf rule = { 0 }, events = { 0 };
	char *at;

	make_servers();
	read_rule("dns-blocked", &rule);
	at = strstr(nt_buf_str(&rule), term);
	ck_assert_ptr_nonnull(at);
	memset(at, ' ', sizeof(term) - 1);
	begin_with(&rule);
	put_denied("wiki.corp.example", 3, 10);
	tick(60 + DELAY_S);
	stored_events(true, &events);
	ck_assert_str_eq(
		nt_buf_str(&events),
		"dns-blocked {\"client_namespace\":\"shop\",\"client_workload_name\":\"web\","
		"\"policy\":\"shop/web-names\",\"qname\":\"wiki.corp.example\"}\n");
}
END_TEST

/* --- all of them ------------------------------------------------------------------------------ */

static bool check_listed(void *ctx, const struct nt_alert_rule *rule)
{
	_cleanup_buf_ struct nt_buf kustomization = { 0 };
	bool tested = false;
	char line[128];
	int *n = ctx;

	(*n)++;
	ck_assert_msg(rule->accepted, "%.*s: %.*s: %.*s", NT_SLICE_ARG(rule->name),
		      NT_SLICE_ARG(rule->problem_field), NT_SLICE_ARG(rule->problem_msg));
	ck_assert_int_eq(rule->note.len != 0, rule->learning_until_us != 0);
	ck_assert(rule->description.len && rule->summary.len && rule->labels_len == 1);
	ck_assert_msg(strstr(rule->description.p, "Tune: ") != NULL, "%.*s",
		      NT_SLICE_ARG(rule->name));
	ck_assert(rule->disabled == nt_slice_eq(rule->name, NT_SLICE_LIT("dns-unlisted-domain")));
	for (size_t i = 0; i < NT_ARRAY_LEN(cases); i++)
		tested |= nt_slice_eq(rule->name, nt_slice_str(cases[i].name));
	ck_assert_msg(tested, "%.*s is in no case", NT_SLICE_ARG(rule->name));
	snprintf(line, sizeof(line), "- %.*s.yaml\n", NT_SLICE_ARG(rule->name));
	ck_assert_int_eq(nt_file_read_at(AT_FDCWD, FOLDER "/kustomization.yaml", 1 << 16,
					 &kustomization, &err),
			 0);
	ck_assert_msg(strstr(nt_buf_str(&kustomization), line) != NULL, "%s", line);
	return true;
}

/* A file's name is that of its rule, each is in the kustomization, and each is tried above. */
START_TEST(rules_are_taken_as_they_are)
{
	_cleanup_buf_ struct nt_buf rules = { 0 };
	int files = read_rules(&rules), listed = 0;

	begin_with(&rules);
	ck_assert_ptr_null(nt_objects_problem_at(objects, 0));
	nt_alerts_rules(alerts, check_listed, &listed);
	ck_assert_int_eq(listed, files);
	ck_assert_int_ge(files, 16);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("stock_rules");

	tcase_add_checked_fixture(tc, NULL, stop);
	tcase_add_loop_test(tc, rule_fires_at_its_threshold, 0, NT_ARRAY_LEN(cases));
	tcase_add_loop_test(tc, rule_is_quiet_below_and_beside_it, 0, NT_ARRAY_LEN(cases));
	tcase_add_test(tc, blocked_without_its_term_tells_of_names_below_a_search_domain);
	tcase_add_test(tc, rules_are_taken_as_they_are);
	return store_run("stock_rules", tc);
}
