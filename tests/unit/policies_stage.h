/* SPDX-License-Identifier: Apache-2.0 */
/* The stage for stories of policies over stored rows: a real store, and policies from YAML. */
#pragma once

#include "controller/policies/plans.h"
#include "lib/objects/manifest.h"
#include "tests/unit/store_fixture.h"

static struct nt_objects *current; /* NULL: no policy is there */
static uint64_t next_id, next_seq;

/* A DNSPolicy with that spec, as flow YAML. */
#define POLICY(namespace_, name, spec)                                                        \
	"apiVersion: nametap.io/v1alpha1\nkind: DNSPolicy\nmetadata: {namespace: " namespace_ \
	", name: " name "}\nspec: {" spec "}\n---\n"

static inline void write_current(const char *text)
{
	char objects_folder[96], path[128];
	FILE *f;

	store_mkdir(objects_folder);
	snprintf(path, sizeof(path), "%s/a.yaml", objects_folder);
	f = fopen(path, "we");
	ck_assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
	ck_assert_msg(nt_objects_open_dir(objects_folder, &current, &err) == 0, "%s", err.msg);
}

/* -errno of nt_plans_new. */
static inline int parse_plans(const char *text, struct nt_plans **ret_plans, size_t *ret_index,
			      struct nt_object_problem *ret_problem)
{
	const struct nt_object *at[NT_PLANS_FILE_MAX + 1];
	struct nt_manifest m = { 0 };
	int r;

	ck_assert_int_eq(nt_manifest_parse(nt_slice_str(text), NT_MANIFEST_YAML, &m), 0);
	ck_assert_msg(m.problems_len == 0, "%s", m.problems_len ? m.problems[0].msg : "");
	ck_assert_uint_le(m.objects_len, NT_ARRAY_LEN(at));
	for (size_t i = 0; i < m.objects_len; i++)
		at[i] = &m.objects[i].compact->object;
	r = nt_plans_new(at, m.objects_len, ret_plans, ret_index, ret_problem);
	nt_manifest_done(&m);
	return r;
}

static inline struct nt_plans *plans_of(const char *text)
{
	struct nt_object_problem problem = { 0 };
	struct nt_plans *plans = NULL;
	size_t index;

	ck_assert_msg(parse_plans(text, &plans, &index, &problem) == 0, "%zu: %s %s", index,
		      problem.field, problem.msg);
	ck_assert_int_eq(nt_plans_add_current(plans, current), 0);
	return plans;
}

/* A lookup of a pod of the workload `web` with the label app: web. */
static inline struct nt_record lookup(const char *qname, int64_t at_us)
{
	static struct nt_label labels[] = { { { "app", 3 }, { "web", 3 } } };
	struct nt_record r = store_record(++next_id, T0_US + at_us, qname);

	r.client_workload_kind = NT_SLICE_LIT("Deployment");
	r.client_workload_name = NT_SLICE_LIT("web");
	r.client_labels = labels;
	r.client_labels_len = 1;
	return r;
}

/* A step of the search list that was not found. */
static inline struct nt_record step(const char *logical, const char *qname, int64_t at_us)
{
	struct nt_record r = lookup(qname, at_us);

	r.scope = NT_SCOPE_SEARCH;
	r.logical_qname = nt_slice_str(logical);
	r.rcode = 3;
	return r;
}

static inline void give(struct nt_record r)
{
	append_records(++next_seq, &r, 1);
}
