/* SPDX-License-Identifier: Apache-2.0 */
/* A policy from what a workload asked for; and that it denies nothing of what it was made from. */
#include <stdlib.h>

#include "controller/policies/replay.h"
#include "controller/policies/suggest.h"
#include "tests/unit/policies_stage.h"

#define S 1000000LL

static const struct nt_suggest_config of_web = { .from_us = T0_US - 86400 * S,
						 .to_us = T0_US + 86400 * S,
						 .namespace_ = { "shop", 4 },
						 .workload = { "web", 3 },
						 .cluster_domain = { "cluster.local", 13 } };

static struct nt_suggest *suggest(void)
{
	struct nt_suggest *s = NULL;

	ck_assert_msg(nt_suggest_run(store, reader, &of_web, &s, &err) == 0, "%s", err.msg);
	return s;
}

/* "allowed a.example 1x 3", a line for each entry: fate, pattern, names, lookups. */
static void put_entries(const struct nt_suggest *s, struct nt_buf *out)
{
	for (size_t i = 0; i < s->entries_len; i++) {
		const struct nt_suggest_entry *e = &s->entries[i];

		nt_buf_printf(out, "%s %.*s %zu%s %llu\n", nt_suggest_fate_word(e->fate),
			      NT_SLICE_ARG(e->pattern), e->names_len, e->more ? "+" : "x",
			      (unsigned long long)e->lookups);
	}
}

static void expect_at(int line, const char *wanted)
{
	struct nt_suggest *s = suggest();
	_cleanup_buf_ struct nt_buf got = { 0 };

	put_entries(s, &got);
	ck_assert_msg(strcmp(nt_buf_str(&got), wanted) == 0, "line %d:\n%swanted:\n%s", line,
		      nt_buf_str(&got), wanted);
	nt_suggest_free(s);
}
#define expect(wanted) expect_at(__LINE__, wanted)

static void fails_with(const char *words)
{
	struct nt_suggest *s = NULL;

	ck_assert_int_eq(nt_suggest_run(store, reader, &of_web, &s, &err), -EINVAL);
	ck_assert_msg(strstr(err.msg, words), "%s", err.msg);
	ck_assert_ptr_null(s);
}

static struct nt_record with(struct nt_record r, uint16_t rcode)
{
	r.rcode = rcode;
	return r;
}

/* So many names `nI.domain`, or `PREFIXnI.domain`, each asked for once. */
static void below(const char *prefix, const char *domain, size_t len, uint16_t rcode)
{
	_cleanup_free_ struct nt_record *r = calloc(len, sizeof(*r));
	_cleanup_free_ char(*names)[160] = calloc(len, sizeof(*names));

	for (size_t i = 0; i < len; i++) {
		snprintf(names[i], sizeof(names[i]), "%sn%zu.%s", prefix, i, domain);
		r[i] = with(lookup(names[i], (int64_t)i), rcode);
	}
	append_records(++next_seq, r, len);
}

/* --- names ------------------------------------------------------------------------------------ */

START_TEST(answered_names_are_listed_in_order)
{
	give(lookup("www.b.com", 0));
	give(lookup("api.a.com", S));
	give(lookup("a.com", 2 * S));
	give(lookup("api.a.com", 3 * S));
	give(lookup("localhost", 0));
	expect("allowed a.com 1x 1\nallowed api.a.com 1x 2\nallowed www.b.com 1x 1\n"
	       "allowed localhost 1x 1\n");
}
END_TEST

START_TEST(many_below_a_domain_are_one)
{
	below("", "cdn.com", NT_SUGGEST_FOLD_MIN, 0);
	below("", "few.com", NT_SUGGEST_FOLD_MIN - 1, 0);
	below("", "github.io", NT_SUGGEST_FOLD_MIN, 0); /* each is its own's */
	give(lookup("cdn.com", 0));
	expect("allowed *.cdn.com 5x 5\nallowed cdn.com 1x 1\n"
	       "allowed n0.few.com 1x 1\nallowed n1.few.com 1x 1\n"
	       "allowed n2.few.com 1x 1\nallowed n3.few.com 1x 1\n"
	       "allowed n0.github.io 1x 1\nallowed n1.github.io 1x 1\n"
	       "allowed n2.github.io 1x 1\nallowed n3.github.io 1x 1\n"
	       "allowed n4.github.io 1x 1\n");
}
END_TEST

START_TEST(names_of_an_entry_are_told)
{
	struct nt_suggest *s;

	below("", "cdn.com", NT_SUGGEST_FOLD_MIN, 0);
	give(lookup("n3.cdn.com", 7 * S));
	s = suggest();
	ck_assert_uint_eq(s->entries_len, 1);
	ck_assert_uint_eq(s->entries[0].names_len, NT_SUGGEST_FOLD_MIN);
	for (size_t i = 0; i < NT_SUGGEST_FOLD_MIN; i++) {
		const struct nt_suggest_name *n = &s->entries[0].names[i];

		ck_assert_int_eq(n->name.p[1], (char)('0' + i));
		ck_assert_uint_eq(n->lookups, i == 3 ? 2 : 1);
	}
	ck_assert_int_eq(s->entries[0].names[3].last_us, T0_US + 7 * S + 1000);
	ck_assert_int_eq(s->entries[0].last_us, T0_US + 7 * S + 1000);
	ck_assert_uint_eq(s->lookups, 6);
	nt_suggest_free(s);
}
END_TEST

START_TEST(what_was_never_answered_is_left_out)
{
	struct nt_record silent = lookup("silent.com", 0),
			 denied = with(lookup("denied.com", 0), 3);

	silent.answered = false;
	denied.verdict = NT_VERDICT_DENY;
	denied.policy = NT_SLICE_LIT("p");
	give(with(lookup("gone.com", 0), 3));
	give(with(lookup("broken.com", 0), 2));
	give(silent);
	give(denied);
	give(with(lookup("mixed.com", 0), 3));
	give(lookup("mixed.com", S));
	expect("allowed mixed.com 1x 2\n"
	       "unanswered broken.com 1x 1\n"
	       "blocked denied.com 1x 1\n"
	       "nxdomain gone.com 1x 1\n"
	       "unanswered silent.com 1x 1\n");
}
END_TEST

START_TEST(tunnel_is_never_allowed_in_silence)
{
	struct nt_suggest *s;

	below("", "tunnel.com", NT_SUGGEST_TUNNEL_NAMES, 0);
	below("", "large.com", NT_SUGGEST_TUNNEL_NAMES - 1, 0);
	below("", "larger.com", NT_SUGGEST_TUNNEL_NAMES + 20, 0);
	below("0123456789abcdef0123456789abcdef0123456789abcdef.", "data.com", 6, 0);
	give(lookup("tunnel.com", 0));
	expect("allowed *.large.com 199x 199\n"
	       "allowed tunnel.com 1x 1\n"
	       "tunnel *.data.com 6x 6\n"
	       "tunnel *.larger.com 201+ 220\n"
	       "tunnel *.tunnel.com 200x 200\n");
	s = suggest();
	ck_assert_msg(strstr(s->entries[2].why, "6 names with 51 octets"), "%s", s->entries[2].why);
	ck_assert_msg(strstr(s->entries[3].why, "more than 201 different"), "%s",
		      s->entries[3].why);
	nt_suggest_free(s);
}
END_TEST

START_TEST(folded_rows_are_a_tunnel)
{
	struct nt_record r = lookup("*.tunnel.com", 0), all = lookup("*", 0);

	r.folded = r.count = r.queries = 50;
	all.folded = all.count = all.queries = 3;
	all.scope = NT_SCOPE_NONE;
	give(r);
	give(all);
	give(lookup("x.tunnel.com", 0));
	expect("tunnel *.tunnel.com 1+ 51\n");
}
END_TEST

START_TEST(junk_does_not_hide_what_was_answered)
{
	give(lookup("api.a.com", 0)); /* the oldest: is read last */
	below("", "a.com", NT_SUGGEST_FAILED_MAX + 10, 3);
	struct nt_suggest *s = suggest();

	ck_assert_uint_eq(s->entries_len, NT_SUGGEST_FAILED_MAX + 2);
	ck_assert(s->entries[0].fate == NT_SUGGEST_ALLOWED);
	ck_assert(nt_slice_eq(s->entries[1].pattern, NT_SLICE_LIT("*.a.com")));
	ck_assert_uint_eq(s->entries[1].lookups, 10);
	nt_suggest_free(s);
}
END_TEST

START_TEST(names_of_cluster_and_search_list)
{
	struct nt_record service = lookup("db.shop.svc.cluster.local", 0),
			 autopath = step("api.a.com", "api.a.com.shop.svc.cluster.local", 0),
			 found = step("db.shop.svc.cluster.local",
				      "db.shop.svc.cluster.local.corp.example", 0);

	service.scope = NT_SCOPE_CLUSTER;
	autopath.rcode = found.rcode = 0;
	give(service);
	give(autopath);
	give(found);
	give(step("b.com", "b.com.corp.example", 0));
	give(step("c.com", "c.com.shop.svc.cluster.local", 0));
	expect("allowed api.a.com 1x 1\n"
	       "allowed db.shop.svc.cluster.local.corp.example 1x 1\n");
}
END_TEST

START_TEST(odd_names_are_written_so_that_they_are_read)
{
	struct nt_suggest *s;

	give(lookup("*.a.com", 0)); /* a label, no wildcard */
	give(lookup("it's\\032odd.a.com", 0));
	give(lookup("10.1.2.3", 0));
	s = suggest();
	ck_assert_uint_eq(s->entries_len, 3);
	ck_assert_msg(nt_slice_eq(s->entries[0].pattern, NT_SLICE_LIT("\\042.a.com")), "%.*s",
		      NT_SLICE_ARG(s->entries[0].pattern));
	ck_assert(s->entries[1].fate == NT_SUGGEST_ALLOWED);
	ck_assert(s->entries[2].fate == NT_SUGGEST_UNWRITABLE && s->entries[2].why[0]);
	nt_suggest_free(s);
}
END_TEST

/* --- pods ------------------------------------------------------------------------------------- */

START_TEST(selector_is_what_pods_have_in_common)
{
	static struct nt_label one[] = { { { "tier", 4 }, { "front", 5 } },
					 { { "pod-template-hash", 17 }, { "1", 1 } },
					 { { "app", 3 }, { "web", 3 } },
					 { { "track", 5 }, { "stable", 6 } } },
			       two[] = { { { "app", 3 }, { "web", 3 } },
					 { { "pod-template-hash", 17 }, { "1", 1 } },
					 { { "tier", 4 }, { "front", 5 } },
					 { { "track", 5 }, { "canary", 6 } } };
	struct nt_record a = lookup("a.com", 0), b = lookup("a.com", S);
	struct nt_suggest *s;

	a.client_labels = one;
	b.client_labels = two;
	a.client_labels_len = b.client_labels_len = 4;
	give(a);
	give(b);
	s = suggest();
	ck_assert_uint_eq(s->labels_len, 2);
	ck_assert(nt_slice_eq(s->labels[0].key, NT_SLICE_LIT("app")));
	ck_assert(nt_slice_eq(s->labels[1].key, NT_SLICE_LIT("tier")));
	ck_assert(nt_slice_eq(s->labels[1].value, NT_SLICE_LIT("front")));
	nt_suggest_free(s);
}
END_TEST

START_TEST(what_cannot_be_suggested)
{
	struct nt_record other = lookup("a.com", 0), bare = lookup("a.com", 0);

	fails_with("nothing that web in namespace shop asked is in the log");
	bare.client_labels_len = 0;
	give(bare);
	fails_with("no label in common");
	other.client_workload_kind = NT_SLICE_LIT("StatefulSet");
	give(other);
	fails_with("of that name: write KIND/NAME");
}
END_TEST

START_TEST(other_workloads_are_not_its)
{
	struct nt_record kind = lookup("kind.com", 0), name = lookup("name.com", 0),
			 space = lookup("space.com", 0);
	struct nt_suggest_config config = of_web;
	struct nt_suggest *s = NULL;

	config.workload_kind = NT_SLICE_LIT("Deployment");
	kind.client_workload_kind = NT_SLICE_LIT("StatefulSet");
	name.client_workload_name = NT_SLICE_LIT("web2");
	space.client_namespace = NT_SLICE_LIT("other");
	give(kind);
	give(name);
	give(space);
	give(lookup("a.com", 0));
	ck_assert_int_eq(nt_suggest_run(store, reader, &config, &s, &err), 0);
	ck_assert_uint_eq(s->entries_len, 1);
	ck_assert(nt_slice_eq(s->entries[0].pattern, NT_SLICE_LIT("a.com")));
	nt_suggest_free(s);
}
END_TEST

/* --- previewed over what it was made from ----------------------------------------------------- */

enum { ROUNDS = 12, ROWS = 150 };

static const char *const random_domains[] = { "a.com",	      "b.co.uk",    "c.github.io",
					      "corp.example", "tunnel.net", "2.0.192.in-addr.arpa",
					      "single" };
static const char *const random_labels[] = {
	"www", "api", "x.y", "*", "it's", "n\\009", "a-b", "z"
};

/* "" and up to two labels of many before one of the domains. */
static const char *random_name(struct nt_arena *texts)
{
	const char *domain = random_domains[(size_t)random() % NT_ARRAY_LEN(random_domains)];
	char text[200];

	if (random() % 6 == 0)
		snprintf(text, sizeof(text), "%s", domain);
	else if (strcmp(domain, "tunnel.net") == 0)
		snprintf(text, sizeof(text), "%lx%lx.tunnel.net", random(), random());
	else
		snprintf(text, sizeof(text), "%s%ld.%s",
			 random_labels[(size_t)random() % NT_ARRAY_LEN(random_labels)],
			 random() % 5, domain);
	return nt_arena_copy(texts, nt_slice_str(text)).p;
}

static struct nt_record random_row(struct nt_arena *texts)
{
	static const char *const suffixes[] = { "shop.svc.cluster.local", "svc.cluster.local",
						"corp.example" };
	static struct nt_label labels[] = { { { "app", 3 }, { "web", 3 } },
					    { { "track", 5 }, { "a", 1 } } };
	const char *name = random_name(texts);
	struct nt_record r = lookup(name, (int64_t)(random() % 1000) * S);

	if (random() % 4 == 0) {
		char text[300];

		snprintf(text, sizeof(text), "%s.%s", name,
			 suffixes[(size_t)random() % NT_ARRAY_LEN(suffixes)]);
		r = step(name, nt_arena_copy(texts, nt_slice_str(text)).p, r.start_us - T0_US);
		if (random() % 8 == 0)
			r.rcode = 0;
	} else if (random() % 3 == 0) {
		r.rcode = random() % 2 ? 3 : 2;
		r.answered = random() % 4;
	}
	r.client_labels = labels;
	r.client_labels_len = 1 + (size_t)random() % 2;
	r.count = r.queries = 1 + (uint64_t)random() % 5;
	if (random() % 40 == 0) {
		r.qname = r.logical_qname = NT_SLICE_LIT("*.folded.net");
		r.scope = NT_SCOPE_EXTERNAL;
		r.folded = r.count;
	}
	return r;
}

static struct nt_plans *plans_of_suggestion(const struct nt_suggest *s, const char *mode)
{
	_cleanup_buf_ struct nt_buf text = { 0 };

	nt_buf_printf(&text,
		      "apiVersion: nametap.io/v1alpha1\nkind: DNSPolicy\nmetadata: {namespace: "
		      "shop, name: s}\nspec:\n  mode: %s\n  podSelector:\n    matchLabels:\n",
		      mode);
	for (size_t i = 0; i < s->labels_len; i++)
		nt_buf_printf(&text, "      '%.*s': '%.*s'\n", NT_SLICE_ARG(s->labels[i].key),
			      NT_SLICE_ARG(s->labels[i].value));
	nt_buf_puts(&text, "  allow:\n");
	for (size_t i = 0; i < s->entries_len && s->entries[i].fate == NT_SUGGEST_ALLOWED; i++) {
		nt_buf_puts(&text, "  - '");
		for (size_t k = 0; k < s->entries[i].pattern.len; k++)
			nt_buf_printf(&text, "%s%c", s->entries[i].pattern.p[k] == '\'' ? "'" : "",
				      s->entries[i].pattern.p[k]);
		nt_buf_puts(&text, "'\n");
	}
	return plans_of(text.p);
}

/* Is that a name from which an allowed entry was made? */
static bool is_source(const struct nt_suggest *s, struct nt_slice name)
{
	for (size_t i = 0; i < s->entries_len && s->entries[i].fate == NT_SUGGEST_ALLOWED; i++)
		for (size_t k = 0; k < s->entries[i].names_len; k++)
			if (nt_slice_eq(s->entries[i].names[k].name, name))
				return true;
	return false;
}

static bool is_left_out(const struct nt_suggest *s, struct nt_slice name)
{
	for (size_t i = 0; i < s->entries_len; i++) {
		const struct nt_suggest_entry *e = &s->entries[i];

		if (e->fate == NT_SUGGEST_ALLOWED)
			continue;
		if (nt_slice_eq(e->pattern, name) || (e->more && nt_searches_ends(name, e->domain)))
			return true;
		for (size_t k = 0; k < e->names_len; k++)
			if (nt_slice_eq(e->names[k].name, name))
				return true;
	}
	return false;
}

/* All that was answered is allowed or told to be left out; nothing that was taken is denied. */
static void check_preview(const struct nt_suggest *s, const struct nt_record *rows,
			  const char *mode)
{
	const struct nt_replay_config config = { .from_us = of_web.from_us,
						 .to_us = of_web.to_us,
						 .cluster_domain = of_web.cluster_domain };
	struct nt_plans *plans = plans_of_suggestion(s, mode);
	struct nt_replay *replay = NULL;

	ck_assert_int_eq(nt_replay_run(store, reader, plans, &config, &replay, &err), 0);
	ck_assert_uint_eq(replay->lookups, s->lookups);
	for (size_t i = 0; i < replay->entries_len; i++) {
		struct nt_slice name = replay->entries[i].name;

		ck_assert_msg(!is_source(s, name), "%.*s", NT_SLICE_ARG(name));
		for (size_t k = 0; k < ROWS; k++)
			ck_assert_msg(!nt_slice_eq(rows[k].qname, name) || !rows[k].answered ||
					      rows[k].rcode || is_left_out(s, name),
				      "%.*s", NT_SLICE_ARG(name));
	}
	nt_replay_free(replay);
	nt_plans_free(plans);
}

START_TEST(preview_denies_nothing_that_it_was_made_from)
{
	size_t allowed = 0, folded = 0, left_out = 0;

	for (unsigned round = 0; round < ROUNDS; round++) {
		_cleanup_arena_ struct nt_arena texts = NT_ARENA(1 << 20);
		_cleanup_buf_ struct nt_buf one = { 0 }, other = { 0 };
		struct nt_record rows[ROWS], turned[ROWS];
		struct nt_suggest *s;

		srandom((unsigned)_i * ROUNDS + round);
		for (size_t i = 0; i < ROWS; i++)
			turned[ROWS - 1 - i] = rows[i] = random_row(&texts);
		append_records(++next_seq, rows, ROWS);
		s = suggest();
		check_preview(s, rows, "Audit");
		check_preview(s, rows, "Enforce");
		for (size_t i = 0; i < s->entries_len; i++) {
			const struct nt_suggest_entry *e = &s->entries[i];

			allowed += e->fate == NT_SUGGEST_ALLOWED;
			folded += e->fate == NT_SUGGEST_ALLOWED && e->names_len > 1;
			left_out += e->fate != NT_SUGGEST_ALLOWED;
		}
		/* The same rows in another order: the same policy. */
		put_entries(s, &one);
		nt_suggest_free(s);
		close_store();
		setup();
		append_records(++next_seq, turned, ROWS);
		s = suggest();
		put_entries(s, &other);
		ck_assert_str_eq(nt_buf_str(&one), nt_buf_str(&other));
		nt_suggest_free(s);
		close_store();
		setup();
	}
	ck_assert(allowed && folded && left_out); /* there was something to say */
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("suggest");

	tcase_add_test(tc, answered_names_are_listed_in_order);
	tcase_add_test(tc, many_below_a_domain_are_one);
	tcase_add_test(tc, names_of_an_entry_are_told);
	tcase_add_test(tc, what_was_never_answered_is_left_out);
	tcase_add_test(tc, tunnel_is_never_allowed_in_silence);
	tcase_add_test(tc, folded_rows_are_a_tunnel);
	tcase_add_test(tc, junk_does_not_hide_what_was_answered);
	tcase_add_test(tc, names_of_cluster_and_search_list);
	tcase_add_test(tc, odd_names_are_written_so_that_they_are_read);
	tcase_add_test(tc, selector_is_what_pods_have_in_common);
	tcase_add_test(tc, what_cannot_be_suggested);
	tcase_add_test(tc, other_workloads_are_not_its);
	tcase_add_loop_test(tc, preview_denies_nothing_that_it_was_made_from, 0, 4);
	return store_run("suggest", tc);
}
