/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All rules that ship (manifests/alerts) over twenty minutes of pods as the demo has them
 * (tests/demo/pods.py): they raise what three of the pods are known for, and nothing else.
 */
#include "tests/unit/stock_rules_stage.h"

enum { FLUSH_S = 5, DEMO_S = 1200, WALK = 4, BOTH = 0 /* A and AAAA */ };

static const struct {
	const char *ns, *name, *kind, *workload;
	int verdict; /* of names that checkout's policy has not; 0: no policy */
} pods[] = {
	{ "shop", "web-6659c9d65f-x2x7k", "Deployment", "web", 0 },
	{ "shop", "cart-0", "StatefulSet", "cart", 0 },
	{ "shop", "payments-5d8c7b9f6d-lm2zq", "Deployment", "payments", 0 },
	{ "shop", "checkout-84b6d7c9f5-tk4wd", "Deployment", "checkout", 3 },
	{ "monitoring", "prometheus-0", "StatefulSet", "prometheus", 0 },
	{ "dev", "toolbox", "Pod", "toolbox", 2 },
	{ "dev", "legacy-7c9d4f5b8-q8w2r", "Deployment", "legacy", 0 },
	{ "dev", "scratch", "Pod", "scratch", 0 },
};
enum { WEB, CART, PAYMENTS, CHECKOUT, PROMETHEUS, TOOLBOX, LEGACY, SCRATCH };

/* steps: names of the search list that are asked for before, and do not exist; with `in` the name
 * is found at the next one. times: how often it is asked at once. */
static const struct {
	int pod, every_ms;
	const char *qname;
	int qtype, rcode, steps;
	const char *in;
	int times;
} asked[] = {
	{ WEB, 800, "www.example.com", BOTH, 0, WALK, NULL, 1 },
	{ WEB, 1100, "cart-0.cart", BOTH, 0, 0, "shop.svc.cluster.local", 1 },
	{ WEB, 1300, "img.cdn.example", BOTH, 0, WALK, NULL, 1 },
	{ WEB, 1700, "payments", BOTH, 0, 0, "shop.svc.cluster.local", 1 },
	{ WEB, 4000, "example.com", 65, 0, 0, NULL, 1 },
	{ CART, 1000, "payments.shop.svc.cluster.local", BOTH, 0, WALK, NULL, 1 },
	{ CART, 1500, "_http._tcp.web.shop.svc.cluster.local", 33, 0, 0, NULL, 1 },
	{ CART, 2500, "21.0.96.10.in-addr.arpa", 12, 0, 0, NULL, 1 },
	{ CART, 3000, "logs.example.net", BOTH, 0, WALK, NULL, 1 },
	{ CART, 500, "dns-version.cluster.local", TXT, 0, 0, NULL, 1 },
	{ PAYMENTS, 700, "api.payments.example", BOTH, 0, WALK, NULL, 1 },
	{ PAYMENTS, 1400, "gateway", BOTH, 0, 0, "shop.svc.cluster.local", 1 },
	{ PAYMENTS, 2300, "hooks.payments.example", BOTH, 0, WALK, NULL, 1 },
	{ PAYMENTS, 3100, "_api._tcp.payments.example", 33, 0, 0, NULL, 1 },
	{ CHECKOUT, 400, "www.example.com", BOTH, 0, WALK, NULL, 1 },
	{ CHECKOUT, 400, "telemetry.cdn.example", BOTH, NX, WALK, NULL, 1 },
	{ CHECKOUT, 500, "api.payments.example", BOTH, 0, WALK, NULL, 1 },
	{ CHECKOUT, 500, "pixel.example.net", A, NX, 0, NULL, 1 },
	{ PROMETHEUS, 1000, "_web._tcp.prometheus.monitoring.svc.cluster.local", 33, 0, 0, NULL,
	  1 },
	{ PROMETHEUS, 1600, "10.0.96.10.in-addr.arpa", 12, 0, 0, NULL, 1 },
	{ PROMETHEUS, 1900, "metrics.example.net", BOTH, 0, WALK, NULL, 1 },
	{ PROMETHEUS, 4300, "big.example.com", TXT, 0, 0, NULL, 1 },
	{ TOOLBOX, 2000, "example.com", 15, 0, 0, NULL, 1 },
	{ TOOLBOX, 2200, "example.com", TXT, 0, 0, NULL, 1 },
	{ TOOLBOX, 3700, "example.org", 6, 0, 0, NULL, 1 },
	{ TOOLBOX, 2700, "25.2.0.192.in-addr.arpa", 12, 0, 0, NULL, 1 },
	{ LEGACY, 1500, "old-api.example.org", BOTH, NX, WALK, NULL, 1 },
	{ LEGACY, 2000, "broken.example", A, SERVFAIL, 0, NULL, 1 },
	{ LEGACY, 2500, "dangling.example.com", A, NX, 0, NULL, 1 },
	{ LEGACY, 3000, "void.example.net", A, NOBODY, 0, NULL, 1 },
	{ SCRATCH, 45000, "orders.updates.example", TXT, NX, 0, NULL, 80 },
	{ SCRATCH, 5000, "www.example.com", A, 0, 0, NULL, 1 },
};

/* Of the policies shop/checkout-names and dev/toolbox-names. Search domains of the pod's own are no
 * names of a policy: its steps are denied. */
static int verdict_of(size_t pod, const struct nt_record *r)
{
	if (!pods[pod].verdict)
		return 0;
	return nt_slice_ends(r->qname, NT_SLICE_LIT(".cluster.local")) ||
			       nt_slice_ends(r->qname, NT_SLICE_LIT("example.com")) ||
			       nt_slice_eq(r->qname, NT_SLICE_LIT("api.payments.example"))
		       ? 1
		       : pods[pod].verdict;
}

/* The rows of one flush. */
static struct {
	struct nt_record rows[512];
	char names[512][160];
	size_t len;
} flush;

static void add_row(size_t pod, int64_t at_s, const char *qname, int qtype, int rcode,
		    uint64_t count)
{
	struct nt_record *r = &flush.rows[flush.len];
	char *name = flush.names[flush.len++], searches[96];

	ck_assert_uint_lt(flush.len, NT_ARRAY_LEN(flush.rows));
	snprintf(name, sizeof(flush.names[0]), "%s", qname);
	snprintf(searches, sizeof(searches), "%s.svc.cluster.local" SEARCHES, pods[pod].ns);
	*r = lookups(at_s, name, qtype, rcode, count);
	r->client_namespace = nt_slice_str(pods[pod].ns);
	r->client_name = nt_slice_str(pods[pod].name);
	r->client_workload_kind = nt_slice_str(pods[pod].kind);
	r->client_workload_name = nt_slice_str(pods[pod].workload);
	classify(r, searches);
	r->verdict = (uint8_t)verdict_of(pod, r);
	if (r->verdict)
		r->policy = pod == CHECKOUT ? NT_SLICE_LIT("shop/checkout-names")
					    : NT_SLICE_LIT("dev/toolbox-names");
}

static void add_types(size_t i, int64_t at_s, const char *qname, int rcode, uint64_t count)
{
	size_t pod = (size_t)asked[i].pod;

	add_row(pod, at_s, qname, asked[i].qtype == BOTH ? A : asked[i].qtype, rcode, count);
	if (asked[i].qtype == BOTH)
		add_row(pod, at_s, qname, AAAA, rcode, count);
}

/* What the pod asks in the five seconds from then on. */
static void add_asked(size_t i, int64_t at_s)
{
	int64_t before = at_s * 1000 / asked[i].every_ms;
	int64_t then = (at_s + FLUSH_S) * 1000 / asked[i].every_ms;
	uint64_t count = (uint64_t)(then - before) * (uint64_t)asked[i].times;
	const char *const begins[] = { pods[asked[i].pod].ns, "svc", "cluster", "corp" };
	static const char *const ends[] = { "svc.cluster.local", "cluster.local", "local",
					    "example" };
	char name[160];

	if (!count)
		return;
	for (int step = 0; step < asked[i].steps; step++) {
		snprintf(name, sizeof(name), "%s.%s.%s", asked[i].qname, begins[step], ends[step]);
		add_types(i, at_s, name, NX, count);
	}
	snprintf(name, sizeof(name), "%s%s%s", asked[i].qname, asked[i].in ? "." : "",
		 asked[i].in ?: "");
	add_types(i, at_s, name, asked[i].rcode, count);
}

#define WORKLOAD(rule, kind, name)                                             \
	rule " {\"client_namespace\":\"dev\",\"client_workload_kind\":\"" kind \
	     "\",\"client_workload_name\":\"" name "\"}\n"
#define DENIED(name)                                                                        \
	"dns-blocked {\"client_namespace\":\"shop\",\"client_workload_name\":\"checkout\"," \
	"\"policy\":\"shop/checkout-names\",\"qname\":\"" name "\"}\n"

static const char *const known_for[] = {
	DENIED("pixel.example.net"),
	DENIED("telemetry.cdn.example"),
	WORKLOAD("dns-nxdomain-ratio", "Deployment", "legacy"),
	WORKLOAD("dns-nxdomain-ratio", "Pod", "scratch"),
	"dns-nxdomain-txt {\"client_namespace\":\"dev\",\"client_name\":\"scratch\"}\n",
	WORKLOAD("dns-servfail", "Deployment", "legacy"),
	WORKLOAD("dns-unanswered", "Deployment", "legacy"),
};

START_TEST(demo_raises_what_its_pods_are_known_for)
{
	_cleanup_buf_ struct nt_buf rules = { 0 }, live = { 0 }, would_be = { 0 };
	_cleanup_buf_ struct nt_buf wanted = { 0 };
	char *beyond;

	for (size_t i = 0; i < NT_ARRAY_LEN(known_for); i++)
		nt_buf_puts(&wanted, known_for[i]);
	make_servers();
	ck_assert_int_gt(read_rules(&rules), 0);
	begin_with(&rules);
	for (int64_t at_s = 0; at_s < DEMO_S; at_s += FLUSH_S) {
		flush.len = 0;
		for (size_t i = 0; i < NT_ARRAY_LEN(asked); i++)
			add_asked(i, at_s);
		give(flush.rows, flush.len);
		tick(at_s + FLUSH_S);
	}
	tick(DEMO_S + DELAY_S);
	stored_events(true, &live);
	ck_assert_msg(strcmp(nt_buf_str(&live), wanted.p) == 0, "%swanted:\n%s", nt_buf_str(&live),
		      wanted.p);
	preview_events(DEMO_S, true, &would_be);
	/* A preview tries the one that is disabled, too: it comes last. */
	beyond = strstr(nt_buf_str(&would_be), "dns-unlisted-domain");
	ck_assert_ptr_nonnull(beyond);
	*beyond = '\0';
	ck_assert_msg(strcmp(nt_buf_str(&would_be), wanted.p) == 0, "preview:\n%swanted:\n%s",
		      nt_buf_str(&would_be), wanted.p);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("stock_rules_demo");

	tcase_add_checked_fixture(tc, NULL, stop);
	tcase_add_test(tc, demo_raises_what_its_pods_are_known_for);
	return store_run("stock_rules_demo", tc);
}
