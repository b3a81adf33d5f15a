/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies: the text of an object, then lines of names behind a NUL, the first of them the cluster
 * domain and the next two the search domains. Any object ends in a policy or in a reason; the
 * compiled table, walked as the kernel does, says what nt_policy_judge says.
 */
#include "lib/policy/policy.h"

#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/objects/manifest.h"
#include "tests/unit/policy_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* Enough lines to find something, few enough to stay fast. */
enum { NAMES_MAX = 64 };

static struct nt_slice take_line(struct nt_slice *text)
{
	const char *end = text->len ? memchr(text->p, '\n', text->len) : NULL;
	size_t len = end ? (size_t)(end - text->p) : text->len;
	struct nt_slice line = nt_slice_mem(text->p, len);

	*text = nt_slice_mem(text->p + len + (end != NULL), text->len - len - (end != NULL));
	return line;
}

static void take_scope(struct nt_slice *text, struct nt_policy_scope *scope)
{
	struct nt_name name;

	if (nt_name_parse(take_line(text), &name) == 0)
		scope->cluster_domain = name;
	for (int i = 0; i < 2; i++)
		if (nt_name_parse(take_line(text), &name) == 0)
			scope->searches[scope->searches_len++] = name;
}

static void judge(const struct nt_policy *p, const struct walk *w,
		  const struct nt_policy_scope *scope, const struct nt_name *name)
{
	size_t index, walked_index;
	uint8_t verdict = nt_policy_judge(&p, 1, scope, name, &index);

	if (walk_judge(w, scope, name, &walked_index) != verdict || walked_index != index)
		abort();
}

/* Each listed name is allowed; what it is the star of is allowed by the star only below it. */
static void judge_own_names(const struct nt_policy *p)
{
	for (size_t i = 0; i < nt_policy_allow_len(p); i++) {
		struct nt_slice text = nt_policy_allow_at(p, i);
		struct nt_name name;

		/* `*.x` read as a name is the name `\042.x`, one label below x. */
		if (nt_name_parse(text, &name) < 0 || !nt_policy_allows(p, &name))
			abort();
	}
}

static void check(const struct nt_policy *p, struct nt_slice names)
{
	struct nt_policy_scope scope = { .searches_len = 0 };
	struct walk w = { .key = "key of a fuzzer" };

	take_scope(&names, &scope);
	if (walk_add(&w, p) < 0 ||
	    w.tables[0].rules.len != nt_policy_rules_len(p) * sizeof(struct nt_policy_rule))
		abort();
	judge_own_names(p);
	for (int i = 0; names.len && i < NAMES_MAX; i++) {
		struct nt_name name;

		if (nt_name_parse(take_line(&names), &name) == 0)
			judge(p, &w, &scope, &name);
	}
	walk_done(&w);
}

static void check_problem(const struct nt_object_problem *problem)
{
	if (!memchr(problem->field, 0, sizeof(problem->field)) ||
	    !memchr(problem->msg, 0, sizeof(problem->msg)) || !problem->msg[0])
		abort();
	for (const char *c = problem->msg; *c; c++)
		if (*c < ' ' || *c > '~')
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	const uint8_t *nul = len ? memchr(data, 0, len) : NULL;
	size_t text_len = nul ? (size_t)(nul - data) : len;
	struct nt_slice names =
		nul ? nt_slice_mem(nul + 1, len - text_len - 1) : (struct nt_slice){ "", 0 };
	struct nt_manifest m = { 0 };

	if (nt_manifest_parse(nt_slice_mem(data, text_len), NT_MANIFEST_JSON, &m) < 0)
		return 0;
	for (size_t i = 0; i < m.objects_len; i++) {
		struct nt_object_problem problem = { .msg = "" };
		_cleanup_(nt_policy_freep) struct nt_policy *p = NULL;

		if (nt_policy_parse(&m.objects[i].compact->object, &p, &problem) == 0)
			check(p, names);
		else
			check_problem(&problem);
	}
	nt_manifest_done(&m);
	return 0;
}
