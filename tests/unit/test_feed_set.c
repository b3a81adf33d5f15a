/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of domains: what matches what, against a list that is walked, and past the limits. */
#include "lib/feed/set.h"

#include <check.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/feed/builder.h"
#include "tests/unit/suite.h"

static struct nt_pattern pattern(const char *text)
{
	char msg[NT_PATTERN_MSG_MAX];
	struct nt_pattern p;

	ck_assert_msg(nt_pattern_parse(nt_slice_str(text), &p, msg) == 0, "%s", msg);
	return p;
}

static struct nt_name name(const char *text)
{
	struct nt_name n;

	ck_assert_int_eq(nt_name_parse(nt_slice_str(text), &n), 0);
	return n;
}

static struct nt_feed_set *build(const struct nt_pattern *entries, size_t len)
{
	_cleanup_(nt_feed_builder_freep) struct nt_feed_builder *b = NULL;
	struct nt_feed_set *s;
	struct nt_err err;

	ck_assert_int_eq(nt_feed_builder_new(NT_FEED_LIMITS_DEFAULT, &b, &err), 0);
	for (size_t i = 0; i < len; i++)
		ck_assert_int_eq(nt_feed_builder_add(b, &entries[i], &err), 0);
	ck_assert_msg(nt_feed_builder_finish(b, &s, &err) == 0, "%s", err.msg);
	return s;
}

/* "": none. */
static void check_find(const struct nt_feed_set *s, const char *asked, enum nt_feed_scope scope,
		       const char *want)
{
	char text[NT_NAME_TEXT_MAX + 2] = "";
	struct nt_name n = name(asked);
	struct nt_pattern entry;

	if (nt_feed_set_find(s, &n, scope, &entry))
		nt_pattern_text(&entry, text);
	ck_assert_msg(!strcmp(text, want), "%s: %s, not %s", asked, text, want);
	ck_assert_int_eq(nt_feed_set_find(s, &n, scope, NULL), *want != '\0');
}

static const struct {
	const char *asked, *below, *exact;
} matches[] = {
	{ "bad.example", "bad.example", "bad.example" },
	{ "BAD.Example.", "bad.example", "bad.example" },
	{ "www.bad.example", "bad.example", "" },
	{ "a.b.c.bad.example", "bad.example", "" },
	{ "deep.bad.example", "deep.bad.example", "deep.bad.example" },
	{ "x.deep.bad.example", "deep.bad.example", "" },
	{ "example", "", "" },
	{ ".", "", "" },
	{ "good.example", "", "" },
	/* Labels are compared whole. */
	{ "notbad.example", "", "" },
	{ "bad.example.net", "", "" },
	{ "ad.example", "", "" },
	/* A wildcard is not the name itself. */
	{ "cdn.example", "", "" },
	{ "img.cdn.example", "*.cdn.example", "*.cdn.example" },
	{ "a.img.cdn.example", "*.cdn.example", "*.cdn.example" },
	{ "zip", "", "" },
	{ "any.zip", "*.zip", "*.zip" },
	/* Both are listed. */
	{ "both.example", "both.example", "both.example" },
	{ "a.both.example", "both.example", "*.both.example" },
	/* Octets that are dots and stars within labels are no syntax. */
	{ "a\\046b.example", "a\\046b.example", "a\\046b.example" },
	{ "b.example", "", "" },
	{ "x.\\042.example", "\\042.example", "" },
	{ "\\000.null.example", "\\000.null.example", "\\000.null.example" },
	{ "null.example", "", "" },
};

START_TEST(test_matches)
{
	const struct nt_pattern entries[] = {
		pattern("bad.example"),	       pattern("deep.bad.example"),
		pattern("*.cdn.example"),      pattern("*.zip"),
		pattern("*.both.example"),     pattern("both.example"),
		pattern("a\\046b.example"),    pattern("\\042.example"),
		pattern("\\000.null.example"),
	};
	_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = build(entries, NT_ARRAY_LEN(entries));

	check_find(s, matches[_i].asked, NT_FEED_BELOW, matches[_i].below);
	check_find(s, matches[_i].asked, NT_FEED_EXACT, matches[_i].exact);
}
END_TEST

START_TEST(test_empty)
{
	_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = build(NULL, 0);
	struct nt_feed_walk w = { .set = s };
	struct nt_pattern entry;

	ck_assert_uint_eq(nt_feed_set_len(s), 0);
	check_find(s, "example.com", NT_FEED_BELOW, "");
	check_find(s, ".", NT_FEED_BELOW, "");
	ck_assert(!nt_feed_walk_next(&w, &entry));
}
END_TEST

#define L63 "lllllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll"
#define L61 "lllllllllllllllllllllllllllllllllllllllllllllllllllllllllllll"

START_TEST(test_longest)
{
	const char *whole = L63 "." L63 "." L63 "." L61;
	const char *below = "*." L63 "." L63 "." L63 ".lllllllllllllllllllllllllllllllllllllllllll"
			    "llllllllllllllll";
	const struct nt_pattern entries[] = { pattern(whole), pattern(below) };
	_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = build(entries, 2);
	char asked[NT_NAME_TEXT_MAX], labels[NT_NAME_TEXT_MAX] = "a";

	check_find(s, whole, NT_FEED_EXACT, whole);
	snprintf(asked, sizeof(asked), "x%s", below + 1);
	check_find(s, asked, NT_FEED_EXACT, below);
	for (int i = 1; i < 127; i++)
		memcpy(labels + 2 * i - 1, ".a", 3);
	check_find(s, labels, NT_FEED_BELOW, "");
}
END_TEST

/* --- against a list that is walked ---------------------------------------------------------- */

static uint64_t state;

static unsigned next_random(unsigned below)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(state >> 33) % below;
}

/* Few labels, of which some begin like others, so that names are often above one another. */
static struct nt_pattern random_entry(void)
{
	static const char *const labels[] = {
		"a", "b", "ab", "abc", "b-c", "com", "x\\000", "\\042"
	};
	char text[128] = "";
	size_t len = 0;

	for (unsigned left = 1 + next_random(5); left; left--)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", len ? "." : "",
					labels[next_random(NT_ARRAY_LEN(labels))]);
	return (struct nt_pattern){ .wildcard = next_random(4) == 0, .name = name(text) };
}

static bool is_below(const struct nt_name *n, const struct nt_name *above)
{
	for (size_t at = 0; n->wire[at]; at += n->wire[at] + 1u)
		if (at && n->len - at == above->len &&
		    !memcmp(n->wire + at, above->wire, above->len))
			return true;
	return false;
}

/* What set.h says, one entry after the other. */
static const struct nt_pattern *find_slowly(const struct nt_pattern *entries, size_t len,
					    const struct nt_name *n, enum nt_feed_scope scope)
{
	const struct nt_pattern *best = NULL;

	for (const struct nt_pattern *e = entries; e < entries + len; e++) {
		bool below = is_below(n, &e->name) && (e->wildcard || scope == NT_FEED_BELOW);

		if (!below && (e->wildcard || !nt_name_eq(n, &e->name)))
			continue;
		if (!best || e->name.len > best->name.len ||
		    (e->name.len == best->name.len && !e->wildcard))
			best = e;
	}
	return best;
}

static bool is_same(const struct nt_pattern *a, const struct nt_pattern *b)
{
	return a->wildcard == b->wildcard && nt_name_eq(&a->name, &b->name);
}

static void check_same(const struct nt_feed_set *s, const struct nt_pattern *entries, size_t len)
{
	for (int i = 0; i < 400; i++) {
		struct nt_name n = random_entry().name;
		enum nt_feed_scope scope = i & 1 ? NT_FEED_EXACT : NT_FEED_BELOW;
		const struct nt_pattern *want = find_slowly(entries, len, &n, scope);
		struct nt_pattern got;

		ck_assert_int_eq(nt_feed_set_find(s, &n, scope, &got), want != NULL);
		ck_assert(!want || is_same(want, &got));
	}
}

/* All different ones and no others come back, in ascending order. */
static void check_walk(const struct nt_feed_set *s, const struct nt_pattern *entries, size_t len)
{
	struct nt_feed_walk w = { .set = s };
	struct nt_feed_key before = { 0 }, key;
	struct nt_pattern entry;
	size_t seen = 0, different = 0;

	for (size_t i = 0; i < len; i++) {
		size_t j = 0;

		while (!is_same(&entries[j], &entries[i]))
			j++;
		different += j == i;
	}
	for (; nt_feed_walk_next(&w, &entry); seen++, before = key) {
		size_t i = 0;

		while (i < len && !is_same(&entries[i], &entry))
			i++;
		ck_assert_uint_lt(i, len);
		nt_feed_key_from(&entry, &key);
		ck_assert_int_lt(
			nt_feed_key_compare(before.octets, before.len, key.octets, key.len), 0);
	}
	ck_assert_uint_eq(seen, different);
	ck_assert_uint_eq(nt_feed_set_len(s), different);
}

START_TEST(test_against_a_list)
{
	static struct nt_pattern entries[300];
	size_t len;

	state = (uint64_t)_i;
	len = next_random(NT_ARRAY_LEN(entries));
	for (size_t i = 0; i < len; i++)
		entries[i] = random_entry();
	_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = build(entries, len);

	check_same(s, entries, len);
	check_walk(s, entries, len);
}
END_TEST

/* --- many, in several runs ------------------------------------------------------------------- */

enum { MANY = 400000 };

/* The same for the same number; `other` are names beside them. */
static struct nt_pattern numbered(unsigned i, const char *other)
{
	char text[96];

	snprintf(text, sizeof(text), "%08x%s.host-%u.example%u", i * 2654435761u, other, i % 5000,
		 i % 7);
	return (struct nt_pattern){ .wildcard = i % 10 == 0, .name = name(text) };
}

START_TEST(test_many)
{
	_cleanup_(nt_feed_builder_freep) struct nt_feed_builder *b = NULL;
	_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = NULL;
	struct nt_err err;

	ck_assert_int_eq(nt_feed_builder_new(NT_FEED_LIMITS_DEFAULT, &b, &err), 0);
	for (unsigned i = 0; i < 2 * MANY; i++) { /* each twice, in different runs */
		struct nt_pattern entry = numbered(i % MANY, "");

		ck_assert_int_eq(nt_feed_builder_add(b, &entry, &err), 0);
	}
	ck_assert_msg(nt_feed_builder_finish(b, &s, &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(nt_feed_set_len(s), MANY);
	for (unsigned i = 0; i < MANY; i++) {
		struct nt_pattern in = numbered(i, ""), out = numbered(i, "x"), got;

		if (in.wildcard)
			continue;
		ck_assert(nt_feed_set_find(s, &in.name, NT_FEED_BELOW, &got) && is_same(&in, &got));
		ck_assert(!nt_feed_set_find(s, &out.name, NT_FEED_BELOW, NULL));
	}
}
END_TEST

/* --- limits ---------------------------------------------------------------------------------- */

/* Adds until it is refused or all are in. */
static int add_many(struct nt_feed_limits limits, unsigned len, struct nt_err *err)
{
	_cleanup_(nt_feed_builder_freep) struct nt_feed_builder *b = NULL;
	_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = NULL;
	int r = nt_feed_builder_new(limits, &b, err);

	for (unsigned i = 0; i < len && r == 0; i++) {
		struct nt_pattern entry = numbered(i, "");

		r = nt_feed_builder_add(b, &entry, err);
	}
	return r < 0 ? r : nt_feed_builder_finish(b, &s, err);
}

START_TEST(test_limits)
{
	struct nt_feed_limits few = { .names_max = 1000, .bytes_max = 1 << 20 };
	struct nt_feed_limits small = { .names_max = MANY, .bytes_max = 64 << 10 };
	struct nt_err err;

	ck_assert_int_eq(add_many(few, 1000, &err), 0);
	ck_assert_int_eq(add_many(few, 1001, &err), -E2BIG);
	ck_assert(strstr(err.msg, "1001 names, 1000 at most"));
	ck_assert_int_eq(add_many(small, 7000, &err), -E2BIG);
	ck_assert(strstr(err.msg, "7000 names take "));
	/* Refused before it is all in memory. */
	ck_assert_int_eq(add_many(small, MANY, &err), -E2BIG);
	ck_assert(strstr(err.msg, "more than twice 65536 octets"));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("feed_set");
	TCase *t = tcase_create("feed_set");

	tcase_set_timeout(t, 120);
	tcase_add_loop_test(t, test_matches, 0, (int)NT_ARRAY_LEN(matches));
	tcase_add_test(t, test_empty);
	tcase_add_test(t, test_longest);
	tcase_add_loop_test(t, test_against_a_list, 0, 100);
	tcase_add_test(t, test_many);
	tcase_add_test(t, test_limits);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
