/* SPDX-License-Identifier: Apache-2.0 */
/* What a name is: scope, logical name, registrable domain, Service; a table of questions. */
#include "lib/names/names.h"

#include <check.h>
#include <libpsl.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/suite.h"

#define DEMO "demo.svc.cluster.local svc.cluster.local cluster.local"

enum outcome { FOUND, NXDOMAIN, NO_REPLY };

struct row {
	const char *qname, *searches;
	enum outcome outcome;
	enum nt_scope scope;
	const char *logical, *domain, *service_namespace, *service_name;
};

static const struct row rows[] = {
	/* The cluster's own names. */
	{ "web.demo.svc.cluster.local", DEMO, FOUND, NT_SCOPE_CLUSTER, "web.demo.svc.cluster.local",
	  "", "demo", "web" },
	{ "web.demo.svc.cluster.local", "", NXDOMAIN, NT_SCOPE_CLUSTER,
	  "web.demo.svc.cluster.local", "", "demo", "web" },
	{ "web.demo.svc.cluster.local", DEMO, NO_REPLY, NT_SCOPE_CLUSTER,
	  "web.demo.svc.cluster.local", "", "demo", "web" },
	{ "web.demo.svc.cluster.local", "corp.example", NXDOMAIN, NT_SCOPE_CLUSTER,
	  "web.demo.svc.cluster.local", "", "demo", "web" },
	{ "db-0.db.shop.svc.cluster.local", DEMO, FOUND, NT_SCOPE_CLUSTER,
	  "db-0.db.shop.svc.cluster.local", "", "shop", "db" },
	{ "_http._tcp.web.demo.svc.cluster.local", DEMO, FOUND, NT_SCOPE_CLUSTER,
	  "_http._tcp.web.demo.svc.cluster.local", "", "demo", "web" },
	{ "_tcp.web.demo.svc.cluster.local", "", FOUND, NT_SCOPE_CLUSTER,
	  "_tcp.web.demo.svc.cluster.local", "", "", "" },
	{ "10-0-0-7.demo.pod.cluster.local", DEMO, FOUND, NT_SCOPE_CLUSTER,
	  "10-0-0-7.demo.pod.cluster.local", "", "", "" },
	{ "cluster.local", DEMO, NXDOMAIN, NT_SCOPE_CLUSTER, "cluster.local", "", "", "" },
	{ "dns-version.cluster.local", DEMO, FOUND, NT_SCOPE_CLUSTER, "dns-version.cluster.local",
	  "", "", "" },
	{ "demo.svc.cluster.local", DEMO, FOUND, NT_SCOPE_CLUSTER, "demo.svc.cluster.local", "", "",
	  "" },
	{ "w\\101b.demo.svc.cluster.local", "", FOUND, NT_SCOPE_CLUSTER,
	  "w\\101b.demo.svc.cluster.local", "", "", "" },

	/* The walk, step by step: ndots:5, api.stripe.com, then web.other. */
	{ "api.stripe.com.demo.svc.cluster.local", DEMO, NXDOMAIN, NT_SCOPE_SEARCH,
	  "api.stripe.com", "", "", "" },
	{ "api.stripe.com.svc.cluster.local", DEMO, NXDOMAIN, NT_SCOPE_SEARCH, "api.stripe.com", "",
	  "", "" },
	{ "api.stripe.com.cluster.local", DEMO, NXDOMAIN, NT_SCOPE_SEARCH, "api.stripe.com", "", "",
	  "" },
	{ "api.stripe.com", DEMO, FOUND, NT_SCOPE_EXTERNAL, "api.stripe.com", "stripe.com", "",
	  "" },
	{ "web.other.demo.svc.cluster.local", DEMO, NXDOMAIN, NT_SCOPE_SEARCH, "web.other", "", "",
	  "" },
	{ "web.other.svc.cluster.local", DEMO, FOUND, NT_SCOPE_CLUSTER,
	  "web.other.svc.cluster.local", "", "other", "web" },
	{ "web.demo.svc.cluster.local.demo.svc.cluster.local", DEMO, NXDOMAIN, NT_SCOPE_SEARCH,
	  "web.demo.svc.cluster.local", "", "", "" },
	{ "web.demo.svc.cluster.local.corp.example", DEMO " corp.example", FOUND, NT_SCOPE_SEARCH,
	  "web.demo.svc.cluster.local", "", "", "" },
	{ "www.corp.example", DEMO " corp.example", NXDOMAIN, NT_SCOPE_SEARCH, "www", "", "", "" },
	{ "www.corp.example", DEMO " corp.example", FOUND, NT_SCOPE_EXTERNAL, "www.corp.example",
	  "corp.example", "", "" },
	{ "www.corp.example", DEMO " corp.example", NO_REPLY, NT_SCOPE_EXTERNAL, "www.corp.example",
	  "corp.example", "", "" },
	/* A typo of a full name, or the first step for `wbe`? README.md: search. */
	{ "wbe.demo.svc.cluster.local", DEMO, NXDOMAIN, NT_SCOPE_SEARCH, "wbe", "", "", "" },
	/* No reply: only what cannot be a name of the cluster. */
	{ "api.stripe.com.demo.svc.cluster.local", DEMO, NO_REPLY, NT_SCOPE_SEARCH,
	  "api.stripe.com", "", "", "" },
	{ "api.stripe.com.cluster.local", DEMO, NO_REPLY, NT_SCOPE_SEARCH, "api.stripe.com", "", "",
	  "" },
	{ "stripe.com.demo.svc.cluster.local", DEMO, NO_REPLY, NT_SCOPE_CLUSTER,
	  "stripe.com.demo.svc.cluster.local", "", "demo", "com" },
	/* CoreDNS autopath answers the first step with the external name. */
	{ "api.stripe.com.demo.svc.cluster.local", DEMO, FOUND, NT_SCOPE_SEARCH, "api.stripe.com",
	  "", "", "" },
	/* A suffix itself is what is left of the next shorter one. */
	{ "demo.svc.cluster.local", DEMO, NXDOMAIN, NT_SCOPE_SEARCH, "demo", "", "", "" },
	/* How lists are written: dots, case, blanks, order, the root. */
	{ "x.y.demo.svc.cluster.local", " cluster.local.  Demo.SVC.cluster.local. . ", NXDOMAIN,
	  NT_SCOPE_SEARCH, "x.y", "", "", "" },
	/* A suffix counts at a label boundary only. */
	{ "mydemo.svc.cluster.local", "demo.svc.cluster.local", NXDOMAIN, NT_SCOPE_CLUSTER,
	  "mydemo.svc.cluster.local", "", "", "" },
	{ "notcluster.local", DEMO, NXDOMAIN, NT_SCOPE_EXTERNAL, "notcluster.local",
	  "notcluster.local", "", "" },

	/* Without a list: only what no Service can be called. */
	{ "api.stripe.com.demo.svc.cluster.local", "", NXDOMAIN, NT_SCOPE_SEARCH, "api.stripe.com",
	  "", "", "" },
	{ "www.api.stripe.com.svc.cluster.local", NULL, NXDOMAIN, NT_SCOPE_SEARCH,
	  "www.api.stripe.com", "", "", "" },
	{ "api.stripe.com.dev.svc.cluster.local", "", NXDOMAIN, NT_SCOPE_SEARCH, "api.stripe.com",
	  "", "", "" },
	{ "api.stripe.com.cluster.local", " ", NXDOMAIN, NT_SCOPE_SEARCH, "api.stripe.com", "", "",
	  "" },
	{ "web.svc.cluster.local", "", NXDOMAIN, NT_SCOPE_SEARCH, "web", "", "", "" },
	{ "web.cluster.local", "", FOUND, NT_SCOPE_CLUSTER, "web.cluster.local", "", "", "" },
	{ "svc.cluster.local", "", NXDOMAIN, NT_SCOPE_SEARCH, "svc", "", "", "" },

	/* Reverse. */
	{ "50.0.96.10.in-addr.arpa", DEMO, FOUND, NT_SCOPE_REVERSE, "50.0.96.10.in-addr.arpa", "",
	  "", "" },
	{ "ip6.arpa", "", NXDOMAIN, NT_SCOPE_REVERSE, "ip6.arpa", "", "", "" },
	{ "1.0.0.2.ip6.arpa", "", NO_REPLY, NT_SCOPE_REVERSE, "1.0.0.2.ip6.arpa", "", "", "" },
	{ "example.arpa", "", NXDOMAIN, NT_SCOPE_EXTERNAL, "example.arpa", "example.arpa", "", "" },

	/* Outside. */
	{ "www.bbc.co.uk", DEMO, FOUND, NT_SCOPE_EXTERNAL, "www.bbc.co.uk", "bbc.co.uk", "", "" },
	{ "co.uk", "", FOUND, NT_SCOPE_EXTERNAL, "co.uk", "co.uk", "", "" },
	{ "com", "", FOUND, NT_SCOPE_EXTERNAL, "com", "com", "", "" },
	{ "web", DEMO, NXDOMAIN, NT_SCOPE_EXTERNAL, "web", "web", "", "" },
	{ ".", DEMO, FOUND, NT_SCOPE_EXTERNAL, ".", ".", "", "" },
	{ "", "", NO_REPLY, NT_SCOPE_EXTERNAL, "", "", "", "" },
	{ "a.b.bucket.s3.amazonaws.com", "", FOUND, NT_SCOPE_EXTERNAL,
	  "a.b.bucket.s3.amazonaws.com", "bucket.s3.amazonaws.com", "", "" },
	{ "www.city.kawasaki.jp", "", FOUND, NT_SCOPE_EXTERNAL, "www.city.kawasaki.jp",
	  "city.kawasaki.jp", "", "" },
	{ "a.unheard-of", "", FOUND, NT_SCOPE_EXTERNAL, "a.unheard-of", "a.unheard-of", "", "" },
	{ "_dmarc.example.com", "", FOUND, NT_SCOPE_EXTERNAL, "_dmarc.example.com", "example.com",
	  "", "" },
	{ "a\\046b\\000.example.com", "", FOUND, NT_SCOPE_EXTERNAL, "a\\046b\\000.example.com",
	  "example.com", "", "" },
	{ "example\\046com", "", FOUND, NT_SCOPE_EXTERNAL, "example\\046com", "example\\046com", "",
	  "" },
	{ "*.example.org", "", NO_REPLY, NT_SCOPE_EXTERNAL, "*.example.org", "example.org", "",
	  "" },
};

static struct nt_names *names;

static void setup(void)
{
	struct nt_err err;

	ck_assert_msg(nt_names_new("cluster.local", &names, &err) == 0, "%s", err.msg);
}

static void teardown(void)
{
	nt_names_free(names);
}

static void expect(const char *what, struct nt_slice got, const char *want, const struct row *row)
{
	ck_assert_msg(nt_slice_eq(got, nt_slice_str(want)), "%s [%s]: %s is \"%.*s\", not \"%s\"",
		      row->qname, row->searches ? row->searches : "", what, NT_SLICE_ARG(got),
		      want);
}

static void check_row(const struct row *row)
{
	struct nt_name_class c = nt_names_classify(names, nt_slice_str(row->qname), row->searches,
						   row->outcome == FOUND, row->outcome == NXDOMAIN);

	ck_assert_msg(c.scope == row->scope, "%s: scope %d, not %d", row->qname, c.scope,
		      row->scope);
	expect("logical name", c.logical, row->logical, row);
	expect("domain", c.domain, row->domain, row);
	expect("namespace", c.service_namespace, row->service_namespace, row);
	expect("service", c.service_name, row->service_name, row);
}

START_TEST(test_classify)
{
	check_row(&rows[_i]);
}
END_TEST

/* The same name with other lists and outcomes in between, then out of what is remembered. */
START_TEST(test_asked_again)
{
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
			check_row(&rows[i]);
}
END_TEST

/* The longest names that can come: 253 octets of \DDD, and 127 labels. */
START_TEST(test_longest_names)
{
	char text[1024];
	size_t len = 0;
	struct nt_name_class c;

	for (int i = 0; i < 253; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s",
					i % 64 == 63 ? "." : "\\255");
	c = nt_names_classify(names, nt_slice_mem(text, len), DEMO, true, false);
	ck_assert_int_eq(c.scope, NT_SCOPE_EXTERNAL);
	ck_assert_uint_gt(c.domain.len, 0);
	ck_assert_ptr_eq(c.domain.p + c.domain.len, text + len);
	len = 0;
	for (int i = 0; i < 127; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, i ? ".a" : "a");
	c = nt_names_classify(names, nt_slice_mem(text, len), DEMO, false, true);
	ck_assert_int_eq(c.scope, NT_SCOPE_EXTERNAL);
	expect("domain", c.domain, "a.a", &rows[0]);
}
END_TEST

START_TEST(test_other_cluster_domain)
{
	struct nt_names *n;
	struct nt_name_class c;

	ck_assert_int_eq(nt_names_new("K8s.Example.COM.", &n, NULL), 0);
	c = nt_names_classify(n, NT_SLICE_LIT("web.demo.svc.k8s.example.com"), "", true, false);
	ck_assert_int_eq(c.scope, NT_SCOPE_CLUSTER);
	ck_assert(nt_slice_eq(c.service_name, NT_SLICE_LIT("web")));
	c = nt_names_classify(n, NT_SLICE_LIT("www.example.com"), "", true, false);
	ck_assert_int_eq(c.scope, NT_SCOPE_EXTERNAL);
	c = nt_names_classify(n, NT_SLICE_LIT("web.demo.svc.cluster.local"), "", true, false);
	ck_assert_int_eq(c.scope, NT_SCOPE_EXTERNAL);
	nt_names_free(n);
}
END_TEST

static const char *const bad_domains[] = { "", ".", "..", ".a", "a..b", "a b", "a..", "a/b", NULL };

START_TEST(test_bad_cluster_domain)
{
	struct nt_err err = { 0 };
	struct nt_names *n = NULL;

	ck_assert_int_eq(nt_names_new(bad_domains[_i], &n, &err), -EINVAL);
	ck_assert_ptr_null(n);
	ck_assert_ptr_nonnull(strstr(err.msg, "cluster domain"));
}
END_TEST

/* Many more names than the answers that are kept, so that they push each other out; each asked in
 * two passes, with libpsl itself beside it. */
START_TEST(test_kept_answers)
{
	static const char *const ends[] = { "com",	     "example.com",
					    "co.uk",	     "s3.amazonaws.com",
					    "amazonaws.com", "b.ck",
					    "www.ck",	     "invalid" };

	for (unsigned i = 0; i < 2 * 16000; i++) {
		char name[64];
		struct nt_name_class c;
		const char *want;

		snprintf(name, sizeof(name), "h%u.%s", i / 8 % 2000, ends[i % 8]);
		c = nt_names_classify(names, nt_slice_str(name), "", true, false);
		want = psl_registrable_domain(psl_builtin(), name);
		if (!nt_slice_eq(c.domain, nt_slice_str(want ? want : name)))
			ck_abort_msg("%s: %.*s", name, NT_SLICE_ARG(c.domain));
		c = nt_names_classify(names, nt_slice_str(ends[i % 8]), "", true, false);
		want = psl_registrable_domain(psl_builtin(), ends[i % 8]);
		if (!nt_slice_eq(c.domain, nt_slice_str(want ? want : ends[i % 8])))
			ck_abort_msg("%s: %.*s", ends[i % 8], NT_SLICE_ARG(c.domain));
	}
}
END_TEST

/* It runs once per packet. */
START_TEST(test_no_allocation)
{
	size_t before = mallinfo2().uordblks;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		for (int found = 0; found < 2; found++)
			(void)nt_names_classify(names, nt_slice_str(rows[i].qname),
						rows[i].searches, found, !found);
	ck_assert_uint_eq(mallinfo2().uordblks, before);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("names");
	TCase *t = tcase_create("names");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, test_classify, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(t, test_asked_again);
	tcase_add_test(t, test_longest_names);
	tcase_add_test(t, test_other_cluster_domain);
	tcase_add_loop_test(t, test_bad_cluster_domain, 0,
			    (int)(sizeof(bad_domains) / sizeof(bad_domains[0])));
	tcase_add_test(t, test_kept_answers);
	tcase_add_test(t, test_no_allocation);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
