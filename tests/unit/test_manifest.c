/* SPDX-License-Identifier: Apache-2.0 */
/* Documents to objects: what is taken, where it lives, what is said about the rest. */
#include "lib/objects/manifest.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

struct row {
	const char *text;
	const char *objects; /* "Kind ns/name" each, joined with ", " */
	const char *problem; /* "line: text" of the first one, a part of it; "" for none */
};

#define HEAD(version, kind) "apiVersion: " version "\nkind: " kind "\n"

static const struct row rows[] = {
	{ HEAD("v1", "Pod") "metadata: {name: a}\n", "Pod default/a", "" },
	{ HEAD("v1", "Pod") "metadata: {name: a, namespace: demo}\n", "Pod demo/a", "" },
	{ HEAD("v1", "Namespace") "metadata: {name: demo}\n", "Namespace demo", "" },
	{ HEAD("v1", "Node") "metadata: {name: n1, namespace: x}\n", "Node n1", "" },
	{ HEAD("nametap.io/v1alpha1", "DNSPolicy") "metadata: {name: p}\n", "DNSPolicy default/p",
	  "" },
	{ HEAD("nametap.io/v1alpha1", "GlobalAlert") "metadata: {name: g}\n", "GlobalAlert g", "" },
	{ HEAD("example.com/v1", "Thing") "metadata: {name: t}\n", "Thing default/t", "" },
	/* Of another group: nothing of ours, and no mistake. */
	{ HEAD("serving.knative.dev/v1", "Service") "metadata: {name: s}\n", "", "" },
	{ HEAD("kustomize.config.k8s.io/v1beta1", "Kustomization") "resources: [a.yaml]\n", "",
	  "" },
	/* Lists. */
	{ HEAD("v1", "List") "items:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n"
			     "- {apiVersion: v1, kind: Service, metadata: {name: b}}\n",
	  "Pod default/a, Service default/b", "" },
	{ HEAD("v1", "PodList") "items:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n",
	  "Pod default/a", "" },
	{ HEAD("v1", "List") "items: []\n", "", "" },
	{ HEAD("v1", "List") "items:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n- 5\n"
			     "- {apiVersion: v1, kind: Pod, metadata: {}}\n",
	  "Pod default/a",
	  "1: no object: apiVersion, kind and metadata are expected here (item 2" },
	/* Mistakes of one document leave the others. */
	{ "kind: Pod\nmetadata: {name: a}\n---\n" HEAD("v1", "Pod") "metadata: {name: b}\n",
	  "Pod default/b", "1: apiVersion is missing" },
	{ HEAD("v1", "Pod") "metadata: {name: a}\n---\n\nkind: Pod\napiVersion: v1\n",
	  "Pod default/a", "6: metadata.name is missing" },
	{ HEAD("v1", "Pod") "metadata: {name: 12}\n", "", "1: metadata.name is no string" },
	{ HEAD("v1", "Pod") "metadata: {name: a, namespace: 12}\n", "",
	  "1: metadata.namespace is no string" },
	{ HEAD("v1", "Pod") "metadata: {name: a, uid: 1e3}\n", "", "1: metadata.uid is no string" },
	{ HEAD("v1", "Pod") "metadata: x\n", "", "1: metadata.name is missing" },
	{ HEAD("v1", "Pod") "metadata: {name: a, labels: {on: yes}}\n", "",
	  "1: metadata.labels.true is no string: put it in quotes" },
	{ HEAD("v1", "Pod") "metadata: {name: a, labels: [x]}\n", "", "labels is no mapping" },
	{ HEAD("v1", "Pod") "metadata: {name: a, labels: null, namespace: null}\n", "Pod default/a",
	  "" },
	{ "- a\n- b\n", "", "1: no object" },
	{ "hello\n", "", "1: no object" },
	/* What stands before a mistake of syntax is taken. */
	{ HEAD("v1", "Pod") "metadata: {name: a}\n---\na: [\n", "Pod default/a",
	  "6: did not find expected node content" },
	{ "", "", "" },
	{ "---\n# nothing\n---\n", "", "" },
};

static void list_objects(const struct nt_manifest *m, struct nt_buf *out)
{
	for (size_t i = 0; i < m->objects_len; i++) {
		const struct nt_object *o = &m->objects[i].compact->object;

		nt_buf_printf(out, "%s%.*s %.*s%s%.*s", i ? ", " : "", NT_SLICE_ARG(o->kind),
			      NT_SLICE_ARG(o->namespace_), o->namespace_.len ? "/" : "",
			      NT_SLICE_ARG(o->name));
	}
}

START_TEST(test_manifest)
{
	const struct row *row = &rows[_i];
	_cleanup_buf_ struct nt_buf got = { 0 }, problem = { 0 };
	struct nt_manifest m = { 0 };

	ck_assert_int_eq(nt_manifest_parse(nt_slice_str(row->text), NT_MANIFEST_YAML, &m), 0);
	list_objects(&m, &got);
	ck_assert_str_eq(nt_buf_str(&got), row->objects);
	if (m.problems_len)
		nt_buf_printf(&problem, "%zu: %s", m.problems[0].line, m.problems[0].msg);
	ck_assert_int_eq(m.problems_len != 0, row->problem[0] != '\0');
	ck_assert_msg(strstr(nt_buf_str(&problem), row->problem) != NULL, "\"%s\" lacks \"%s\"",
		      nt_buf_str(&problem), row->problem);
	nt_manifest_done(&m);
}
END_TEST

START_TEST(test_labels_and_uid)
{
	struct nt_manifest m = { 0 };

	ck_assert_int_eq(
		nt_manifest_parse(NT_SLICE_LIT("{\"apiVersion\":\"v1\",\"kind\":\"Pod\","
					       "\"metadata\":{\"name\":\"a\",\"uid\":\"u-1\","
					       "\"labels\":{\"app\":\"web\",\"x\":\"\"}}}"),
				  NT_MANIFEST_JSON, &m),
		0);
	ck_assert_uint_eq(m.problems_len, 0);
	ck_assert_uint_eq(m.objects_len, 1);
	ck_assert(nt_slice_eq(m.objects[0].compact->object.uid, NT_SLICE_LIT("u-1")));
	ck_assert_uint_eq(m.objects[0].compact->object.labels_len, 2);
	ck_assert(nt_slice_eq(m.objects[0].compact->object.labels[0].key, NT_SLICE_LIT("app")));
	ck_assert(nt_slice_eq(m.objects[0].compact->object.labels[0].value, NT_SLICE_LIT("web")));
	nt_manifest_done(&m);
}
END_TEST

START_TEST(test_problems_are_bounded)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_manifest m = { 0 };

	for (int i = 0; i < 1000; i++)
		nt_buf_puts(&text, "---\nx: y\n");
	ck_assert_int_eq(nt_manifest_parse(nt_slice_mem(text.p, text.len), NT_MANIFEST_YAML, &m),
			 0);
	ck_assert_uint_eq(m.problems_len, NT_MANIFEST_PROBLEMS_MAX + 1);
	ck_assert_str_eq(m.problems[NT_MANIFEST_PROBLEMS_MAX].msg, "and more from here on");
	nt_manifest_done(&m);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("manifest");
	TCase *t = tcase_create("manifest");

	tcase_add_loop_test(t, test_manifest, 0, (int)NT_ARRAY_LEN(rows));
	tcase_add_test(t, test_labels_and_uid);
	tcase_add_test(t, test_problems_are_bounded);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
