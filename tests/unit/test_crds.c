/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the manifests hold passes the schemas of the CRDs, which an API server would hold it
 * against: else kubectl apply refuses what we would take. Knows the words of OpenAPI that crds.yaml
 * uses, and fails at others.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/objects/yaml.h"
#include "tests/unit/suite.h"

enum { DOCUMENTS_MAX = 64 };

/* Documents of one file, or of all of a folder. */
struct documents {
	json_t *all[DOCUMENTS_MAX];
	size_t len;
};

static void add_document(void *ctx, json_t *document, size_t line)
{
	struct documents *d = ctx;

	(void)line;
	ck_assert_uint_lt(d->len, DOCUMENTS_MAX);
	d->all[d->len++] = document;
}

static void read_file(const char *path, struct documents *d)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_yaml_problem problem = { 0 };
	struct nt_err err = { 0 };

	ck_assert_msg(nt_file_read_at(AT_FDCWD, path, 1 << 20, &text, &err) == 0, "%s", err.msg);
	ck_assert_msg(nt_yaml_parse(nt_slice_mem(text.p, text.len), add_document, d, &problem) == 0,
		      "%s: line %zu: %s", path, problem.line, problem.msg);
}

static void read_folder(const char *folder, struct documents *d)
{
	struct dirent **names = NULL;
	int n = scandir(folder, &names, NULL, alphasort);

	ck_assert_msg(n > 0, "%s", folder);
	for (int i = 0; i < n; i++) {
		char path[512];

		snprintf(path, sizeof(path), "%s/%s", folder, names[i]->d_name);
		if (nt_slice_ends(nt_slice_str(path), NT_SLICE_LIT(".yaml")))
			read_file(path, d);
		free(names[i]);
	}
	free(names);
}

static void documents_done(struct documents *d)
{
	for (size_t i = 0; i < d->len; i++)
		json_decref(d->all[i]);
}

static const char *text_at(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key)) ?: "";
}

/* --- one value against a schema --------------------------------------------------------------- */

static char why[512];

static bool differs(const char *path, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static bool differs(const char *path, const char *fmt, ...)
{
	int n = snprintf(why, sizeof(why), "%s: ", path);
	va_list args;

	va_start(args, fmt);
	vsnprintf(why + n, sizeof(why) - (size_t)n, fmt, args);
	va_end(args);
	return false;
}

static bool is_of_type(const json_t *v, const char *type)
{
	static const struct {
		const char *type;
		json_type first, second;
	} types[] = {
		{ "object", JSON_OBJECT, JSON_OBJECT }, { "array", JSON_ARRAY, JSON_ARRAY },
		{ "string", JSON_STRING, JSON_STRING }, { "integer", JSON_INTEGER, JSON_INTEGER },
		{ "number", JSON_INTEGER, JSON_REAL },	{ "boolean", JSON_TRUE, JSON_FALSE },
	};

	for (size_t i = 0; i < NT_ARRAY_LEN(types); i++)
		if (strcmp(types[i].type, type) == 0)
			return json_typeof(v) == types[i].first ||
			       json_typeof(v) == types[i].second;
	ck_abort_msg("a type that is none: %s", type);
	return false;
}

static bool conforms(const json_t *v, json_t *schema, const char *path);

static bool members_conform(const json_t *v, json_t *schema, const char *path)
{
	json_t *properties = json_object_get(schema, "properties");
	json_t *more = json_object_get(schema, "additionalProperties");
	bool open = json_is_true(json_object_get(schema, "x-kubernetes-preserve-unknown-fields"));
	const char *key;
	json_t *member;

	json_object_foreach((json_t *)(uintptr_t)v, key, member)
	{
		json_t *of = json_object_get(properties, key) ?: more;
		char deeper[256];

		snprintf(deeper, sizeof(deeper), "%s.%s", path, key);
		if (!of && !open)
			return differs(deeper, "is pruned");
		if (of && !conforms(member, of, deeper))
			return false;
	}
	return true;
}

static bool is_one_of(const json_t *v, const json_t *values)
{
	for (size_t i = 0; i < json_array_size(values); i++)
		if (json_equal(v, json_array_get(values, i)))
			return true;
	return false;
}

/* A word of the schema. False: it does not hold. */
static bool holds(const json_t *v, json_t *schema, const char *word, json_t *with, const char *path)
{
	double limit = json_number_value(with), size = json_number_value(v);

	if (strcmp(word, "type") == 0)
		return is_of_type(v, json_string_value(with));
	if (strcmp(word, "enum") == 0)
		return is_one_of(v, with);
	if (strcmp(word, "minimum") == 0)
		return size >= limit;
	if (strcmp(word, "maximum") == 0)
		return size <= limit;
	if (strcmp(word, "minLength") == 0)
		return (double)json_string_length(v) >= limit;
	if (strcmp(word, "maxLength") == 0)
		return (double)json_string_length(v) <= limit;
	if (strcmp(word, "maxItems") == 0)
		return (double)json_array_size(v) <= limit;
	if (strcmp(word, "required") == 0) {
		for (size_t i = 0; i < json_array_size(with); i++)
			if (!json_object_get(v, json_string_value(json_array_get(with, i))))
				return false;
		return true;
	}
	if (strcmp(word, "items") == 0) {
		for (size_t i = 0; i < json_array_size(v); i++)
			if (!conforms(json_array_get(v, i), with, path))
				return false;
		return true;
	}
	if (strcmp(word, "properties") == 0 || strcmp(word, "additionalProperties") == 0)
		return members_conform(v, schema, path);
	if (strcmp(word, "description") != 0 &&
	    strcmp(word, "x-kubernetes-preserve-unknown-fields") != 0)
		ck_abort_msg("this test does not know what %s means", word);
	return true;
}

static bool conforms(const json_t *v, json_t *schema, const char *path)
{
	const char *word;
	json_t *with;

	json_object_foreach(schema, word, with)
	{
		why[0] = '\0';
		if (!holds(v, schema, word, with, path))
			return why[0] ? false : differs(path, "%s", word);
	}
	return true;
}

/* --- the manifests ---------------------------------------------------------------------------- */

static json_t *schema_of(const struct documents *crds, const char *kind)
{
	for (size_t i = 0; i < crds->len; i++) {
		json_t *spec = json_object_get(crds->all[i], "spec");
		json_t *version = json_array_get(json_object_get(spec, "versions"), 0);
		json_t *schema =
			json_object_get(json_object_get(version, "schema"), "openAPIV3Schema");

		if (strcmp(text_at(json_object_get(spec, "names"), "kind"), kind) == 0)
			return schema;
	}
	return NULL;
}

static const struct {
	const char *folder;
	size_t wanted; /* so many of our kinds are there, or more */
} folders[] = { { "manifests/alerts", 16 },
		{ "manifests/examples/demo", 4 },
		{ "manifests/examples/feeds", 2 } };

START_TEST(manifests_pass_the_schemas)
{
	_cleanup_(documents_done) struct documents crds = { 0 }, d = { 0 };
	size_t seen = 0;

	read_file("manifests/base/crds.yaml", &crds);
	read_folder(folders[_i].folder, &d);
	for (size_t i = 0; i < d.len; i++) {
		json_t *schema = schema_of(&crds, text_at(d.all[i], "kind"));

		if (!schema)
			continue;
		seen++;
		ck_assert_str_eq(text_at(d.all[i], "apiVersion"), "nametap.io/v1alpha1");
		ck_assert_msg(conforms(d.all[i], schema, ""), "%s: %s",
			      text_at(json_object_get(d.all[i], "metadata"), "name"), why);
	}
	ck_assert_uint_ge(seen, folders[_i].wanted);
}
END_TEST

/* Fields that the schema does not name would pass as well, unseen and without kubectl explain. */
START_TEST(schema_names_all_fields_of_a_rule)
{
	static const char *const fields[] = {
		"type",	     "summary",	      "description", "severity",  "dataSet",  "period",
		"lookback",  "query",	      "aggregateBy", "field",	  "metric",   "condition",
		"threshold", "substitutions", "numerator",   "minCount",  "for",      "cooldown",
		"labels",    "notify",	      "disabled",    "unseenFor", "learnFor", "test",
	};
	_cleanup_(documents_done) struct documents crds = { 0 };
	json_t *properties;

	read_file("manifests/base/crds.yaml", &crds);
	properties = json_object_get(schema_of(&crds, "GlobalAlert"), "properties");
	properties = json_object_get(json_object_get(properties, "spec"), "properties");
	for (size_t i = 0; i < NT_ARRAY_LEN(fields); i++)
		ck_assert_msg(json_object_get(properties, fields[i]) != NULL, "%s", fields[i]);
	ck_assert_uint_eq(json_object_size(properties), NT_ARRAY_LEN(fields));
}
END_TEST

static const struct {
	const char *spec, *why;
} mistakes[] = {
	{ "{}", ".spec: required" },
	{ "{severity: 101}", ".spec.severity: maximum" },
	{ "{severity: 5, metric: median}", ".spec.metric: enum" },
	{ "{severity: 5, threshold: '5'}", ".spec.threshold: type" },
	{ "{severity: 5, substitutions: [{values: [a]}]}", ".spec.substitutions: required" },
	{ "{severity: 5, substitutions: [{name: a, values: [1]}]}",
	  ".spec.substitutions.values: type" },
	{ "{severity: 5, labels: {a: 1}}", ".spec.labels.a: type" },
	{ "{severity: 5, disabled: 'yes'}", ".spec.disabled: type" },
	{ "{severity: 5, minCount: 0}", ".spec.minCount: minimum" },
};

START_TEST(schema_refuses_mistakes)
{
	_cleanup_(documents_done) struct documents crds = { 0 }, d = { 0 };
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_yaml_problem problem = { 0 };

	read_file("manifests/base/crds.yaml", &crds);
	nt_buf_printf(&text, "spec: %s\n", mistakes[_i].spec);
	ck_assert_int_eq(nt_yaml_parse(nt_slice_mem(text.p, text.len), add_document, &d, &problem),
			 0);
	ck_assert(!conforms(d.all[0], schema_of(&crds, "GlobalAlert"), ""));
	ck_assert_str_eq(why, mistakes[_i].why);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("crds");
	TCase *tc = tcase_create("crds");

	tcase_add_loop_test(tc, manifests_pass_the_schemas, 0, NT_ARRAY_LEN(folders));
	tcase_add_test(tc, schema_names_all_fields_of_a_rule);
	tcase_add_loop_test(tc, schema_refuses_mistakes, 0, NT_ARRAY_LEN(mistakes));
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
