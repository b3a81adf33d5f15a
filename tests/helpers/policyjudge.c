/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges names: reads lines on standard input and answers each with one line. `{"policies": [...],
 * "cluster": "cluster.local", "searches": [...]}` sets the policies and the scope, answered by "ok"
 * or by "FIELD: why" of the first policy that is refused; any other line is a name, answered by the
 * verdict and the policy's index, "DENY 0". A compiled table that says otherwise adds its own
 * verdict to the line.
 */
#include <jansson.h>
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/objects/manifest.h"
#include "tests/unit/policy_walk.h"

static struct nt_policy *policies[WALK_POLICIES_MAX];
static size_t policies_len;
static struct nt_policy_scope scope;
static struct walk walk = { .key = "key of the tests" };

static const char *const verdicts[] = { "NONE", "ALLOW", "AUDIT", "DENY", "UNJUDGEABLE" };

static void clear(void)
{
	while (policies_len)
		nt_policy_free(policies[--policies_len]);
	walk_done(&walk);
	scope = (struct nt_policy_scope){ .searches_len = 0 };
}

static bool set_name(const json_t *text, struct nt_name *ret_name)
{
	struct nt_slice s = nt_slice_mem(json_string_value(text), json_string_length(text));

	return s.len == 0 || nt_name_parse(s, ret_name) == 0;
}

static bool set_scope(const json_t *set)
{
	const json_t *searches = json_object_get(set, "searches");

	if (!set_name(json_object_get(set, "cluster"), &scope.cluster_domain))
		return false;
	for (size_t i = 0; i < json_array_size(searches); i++)
		if (i == NT_ARRAY_LEN(scope.searches) ||
		    !set_name(json_array_get(searches, i), &scope.searches[scope.searches_len++]))
			return false;
	return true;
}

/* The way of an object from its directory, by text. */
static bool add_policy(const json_t *json)
{
	_cleanup_free_ char *text = json_dumps(json, 0);
	struct nt_object_problem problem = { .msg = "is no object" };
	struct nt_manifest m = { 0 };
	bool ok = text && policies_len < WALK_POLICIES_MAX &&
		  nt_manifest_parse(nt_slice_str(text), NT_MANIFEST_JSON, &m) == 0 &&
		  m.objects_len == 1 &&
		  nt_policy_parse(&m.objects[0].compact->object, &policies[policies_len],
				  &problem) == 0;

	nt_manifest_done(&m);
	if (!ok)
		printf("%s: %s\n", problem.field, problem.msg);
	return ok && walk_add(&walk, policies[policies_len++]) == 0;
}

static void take_set(const char *line)
{
	json_auto_t *set = json_loads(line, 0, NULL);
	const json_t *list = json_object_get(set, "policies");

	clear();
	if (!set || !set_scope(set)) {
		puts("no set");
		return;
	}
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (add_policy(json_array_get(list, i)))
			continue;
		clear();
		return;
	}
	puts("ok");
}

static void judge(struct nt_slice text)
{
	struct nt_name name;
	size_t index, walked_index;
	uint8_t verdict, walked;

	if (nt_name_parse(text, &name) < 0) {
		puts("no name");
		return;
	}
	verdict = nt_policy_judge((const struct nt_policy *const *)policies, policies_len, &scope,
				  &name, &index);
	walked = walk_judge(&walk, &scope, &name, &walked_index);
	printf("%s %zu", verdicts[verdict], index);
	if (walked != verdict || walked_index != index)
		printf(" but %s %zu by the compiled tables", verdicts[walked], walked_index);
	putchar('\n');
}

int main(void)
{
	_cleanup_free_ char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	while ((len = getline(&line, &cap, stdin)) > 0) {
		if (line[len - 1] == '\n')
			line[--len] = '\0';
		if (line[0] == '{')
			take_set(line);
		else
			judge(nt_slice_mem(line, (size_t)len));
	}
	clear();
	return 0;
}
