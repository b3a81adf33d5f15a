/* SPDX-License-Identifier: Apache-2.0 */
/* DomainFeed objects: what is taken, in which words mistakes are refused; and pauses. */
#include "controller/feeds/spec.h"

#include <check.h>

#include "controller/feeds/pace.h"
#include "lib/base/cleanup.h"
#include "lib/objects/manifest.h"
#include "tests/unit/suite.h"

static struct nt_manifest manifest;
static struct nt_feed_spec *spec;
static struct nt_object_problem problem;

static int parse(const char *name, const char *text)
{
	_cleanup_buf_ struct nt_buf yaml = { 0 };

	nt_buf_printf(&yaml,
		      "apiVersion: nametap.io/v1alpha1\nkind: DomainFeed\nmetadata: {name: %s}\n"
		      "spec: %s\n",
		      name, text);
	ck_assert_int_eq(
		nt_manifest_parse(nt_slice_mem(yaml.p, yaml.len), NT_MANIFEST_YAML, &manifest), 0);
	ck_assert_msg(manifest.objects_len == 1, "%s: %s", text, manifest.problems[0].msg);
	return nt_feed_spec_parse(&manifest.objects[0].compact->object, &spec, &problem);
}

static void done(void)
{
	nt_feed_spec_free(spec);
	nt_manifest_done(&manifest);
}

static const char *const good[] = {
	"{source: {url: 'http://feeds.test/a?b=c'}}",
	"{source: {url: 'https://[2001:db8::1]:8443/', tokenFile: a/token}, interval: 10s}",
	"{source: {url: 'https://feeds.test/', caFile: ca.crt, allowLocal: true}}",
	"{source: {url: 'https://feeds.test', basicAuthFile: a.b/c}}",
	"{source: {file: list.txt}, format: csv, field: '2', separator: \"\\t\"}",
	"{source: {file: list.txt}, format: csv, field: domain, separator: ;}",
	"{source: {configMap: {name: lists.a, key: names.txt}}, format: json, field: domain}",
	"{source: {file: a}, match: exact, maxEntries: 1, interval: 7d, description: mine}",
	"{source: {file: a}, format: lines, match: subdomains, maxEntries: 10000000}",
};

START_TEST(feeds_are_taken)
{
	ck_assert_msg(parse("bad", good[_i]) == 0, "%s: %s %s", good[_i], problem.field,
		      problem.msg);
	done();
}
END_TEST

START_TEST(what_is_left_out_has_its_default)
{
	ck_assert_int_eq(parse("bad", "{source: {url: 'http://feeds.test/'}}"), 0);
	ck_assert_int_eq(spec->interval_us, 3600 * 1000000LL);
	ck_assert_int_eq(spec->scope, NT_FEED_BELOW);
	ck_assert_int_eq(spec->form.format, NT_FEED_LINES);
	ck_assert_uint_eq(spec->entries_max, 1000000);
	ck_assert(!spec->allow_local);
	done();
	ck_assert_int_eq(parse("bad", "{source: {file: a}}"), 0);
	ck_assert_int_eq(spec->interval_us, 60 * 1000000LL);
	done();
}
END_TEST

static const struct {
	const char *spec, *field, *msg;
} mistakes[] = {
	{ "{}", "spec.source", "missing" },
	{ "[]", "spec", "a mapping" },
	{ "{source: a}", "spec.source", "a mapping with url, file or configMap" },
	{ "{source: {}}", "spec.source", "exactly one" },
	{ "{source: {url: 'http://a.test/', file: a}}", "spec.source", "exactly one" },
	{ "{source: {urll: 'http://a.test/'}}", "spec.source.urll", "did you mean url?" },
	{ "{source: {url: a.test}}", "spec.source.url", "a URL is wanted" },
	{ "{source: {url: 'file:///etc/passwd'}}", "spec.source.url", "a URL is wanted" },
	{ "{source: {url: 'gopher://a.test/'}}", "spec.source.url", "only http and https" },
	{ "{source: {url: 'http://me:pw@a.test/'}}", "spec.source.url", "a file of their own" },
	{ "{source: {url: 'http://a.test/ b'}}", "spec.source.url", "no spaces" },
	{ "{source: {url: 3}}", "spec.source.url", "a text" },
	{ "{source: {url: 'http://a.test/', tokenFile: /etc/passwd}}", "spec.source.tokenFile",
	  "--feed-files" },
	{ "{source: {url: 'http://a.test/', caFile: ../ca}}", "spec.source.caFile",
	  "--feed-files" },
	{ "{source: {url: 'http://a.test/', tokenFile: a, basicAuthFile: b}}",
	  "spec.source.basicAuthFile", "already" },
	{ "{source: {url: 'http://a.test/', allowLocal: 'yes'}}", "spec.source.allowLocal",
	  "true or false" },
	{ "{source: {file: ''}}", "spec.source.file", "--feed-files" },
	{ "{source: {file: a, tokenFile: b}}", "spec.source.tokenFile", "is for a url" },
	{ "{source: {configMap: {name: a}}}", "spec.source.configMap.key", "missing" },
	{ "{source: {configMap: {name: ../secrets/a, key: b}}}", "spec.source.configMap.name",
	  "in nametap's namespace" },
	{ "{source: {configMap: {name: a, key: b, namespace: c}}}",
	  "spec.source.configMap.namespace", "no such field" },
	{ "{source: {configMap: a}}", "spec.source.configMap", "name and key" },
	{ "{source: {file: a}, interval: 9s}", "spec.interval", "from 10s to 7d" },
	{ "{source: {file: a}, interval: 8d}", "spec.interval", "from 10s to 7d" },
	{ "{source: {file: a}, interval: 60}", "spec.interval", "a duration" },
	{ "{source: {file: a}, format: xml}", "spec.format", "one of lines, csv, json" },
	{ "{source: {file: a}, field: domain}", "spec.field", "is for format: csv" },
	{ "{source: {file: a}, format: csv, field: '0'}", "spec.field", "from 1" },
	{ "{source: {file: a}, format: csv, separator: ' '}", "spec.separator", "one of" },
	{ "{source: {file: a}, format: csv, separator: ''}", "spec.separator", "one of" },
	{ "{source: {file: a}, format: json, separator: ;}", "spec.separator", "format: csv" },
	{ "{source: {file: a}, match: exactly}", "spec.match", "did you mean exact?" },
	{ "{source: {file: a}, maxEntries: 0}", "spec.maxEntries", "from 1 to 10000000" },
	{ "{source: {file: a}, maxEntries: many}", "spec.maxEntries", "a whole number" },
	{ "{source: {file: a}, matches: exact}", "spec.matches", "did you mean match?" },
};

START_TEST(mistakes_are_told_with_their_field)
{
	ck_assert_msg(parse("bad", mistakes[_i].spec) == -EINVAL, "%s", mistakes[_i].spec);
	ck_assert_str_eq(problem.field, mistakes[_i].field);
	ck_assert_msg(strstr(problem.msg, mistakes[_i].msg), "%s: %s", mistakes[_i].spec,
		      problem.msg);
	done();
}
END_TEST

/* It is a part of a file's name. */
START_TEST(names_are_those_of_objects)
{
	static const char *const names[] = { "A", "a/b", "..", ".a", "a_b", "a-" };

	ck_assert_int_eq(parse(names[_i], "{source: {file: a}}"), -EINVAL);
	ck_assert_str_eq(problem.field, "metadata.name");
	done();
}
END_TEST

/* A set is only taken back for what it was made from. */
START_TEST(origin_tells_lists_apart)
{
	static const char *const specs[] = {
		"{source: {file: a}}",
		"{source: {file: b}}",
		"{source: {configMap: {name: a, key: b}}}",
		"{source: {configMap: {name: a, key: c}}}",
		"{source: {file: a}, format: csv}",
		"{source: {file: a}, format: csv, separator: ;}",
		"{source: {file: a}, format: csv, field: b}",
		"{source: {file: a}, format: json, field: b}",
	};
	struct nt_buf origins[NT_ARRAY_LEN(specs)] = { 0 };

	for (size_t i = 0; i < NT_ARRAY_LEN(specs); i++) {
		ck_assert_int_eq(parse("bad", specs[i]), 0);
		nt_buf_slice(&origins[i], spec->origin);
		done();
		for (size_t k = 0; k < i; k++)
			ck_assert_str_ne(origins[i].p, origins[k].p);
	}
	ck_assert_int_eq(parse("bad", "{source: {file: a}, match: exact, interval: 1h}"), 0);
	ck_assert_str_eq(spec->origin.p, origins[0].p);
	done();
	for (size_t i = 0; i < NT_ARRAY_LEN(specs); i++)
		nt_buf_done(&origins[i]);
}
END_TEST

#define S 1000000LL

START_TEST(pauses_grow_up_to_the_interval_and_differ)
{
	static const struct {
		int64_t interval_s;
		unsigned failures;
		int64_t least_s, most_s;
	} cases[] = {
		{ 3600, 0, 3240, 3960 }, { 3600, 1, 27, 33 },	  { 3600, 2, 54, 66 },
		{ 3600, 4, 216, 264 },	 { 3600, 9, 3240, 3960 }, { 3600, 4000000000u, 3240, 3960 },
		{ 10, 0, 9, 11 },	 { 10, 1, 9, 11 },	  { 604800, 30, 544320, 665280 },
	};
	int64_t least = INT64_MAX, most = 0;

	for (uint32_t i = 0; i < 4096; i++) {
		int64_t us = nt_feed_pause_us(cases[_i].interval_s * S, cases[_i].failures,
					      i * 2654435761u);

		least = us < least ? us : least;
		most = us > most ? us : most;
	}
	ck_assert_int_ge(least, cases[_i].least_s * S);
	ck_assert_int_le(most, cases[_i].most_s * S);
	ck_assert_int_gt(most - least, cases[_i].least_s * S / 6);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("feed_spec");
	TCase *tc = tcase_create("feed_spec");

	tcase_add_loop_test(tc, feeds_are_taken, 0, NT_ARRAY_LEN(good));
	tcase_add_test(tc, what_is_left_out_has_its_default);
	tcase_add_loop_test(tc, mistakes_are_told_with_their_field, 0, NT_ARRAY_LEN(mistakes));
	tcase_add_loop_test(tc, names_are_those_of_objects, 0, 6);
	tcase_add_test(tc, origin_tells_lists_apart);
	tcase_add_loop_test(tc, pauses_grow_up_to_the_interval_and_differ, 0, 9);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
