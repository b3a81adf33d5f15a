/* SPDX-License-Identifier: Apache-2.0 */
/* Policies now and then, and which of them select a pod. */
#include "controller/policies/plans.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/query/query.h"

struct plan_policy {
	struct nt_policy *policy;
	bool in[NT_PLAN_LEN];
	bool replaces;
};

struct nt_plans {
	struct plan_policy *all; /* Enforce first, then by namespace and name, as in agents */
	size_t len, cap;
	struct nt_policy *file[NT_PLANS_FILE_MAX]; /* borrowed from all */
	size_t file_len;
	size_t refused;
	char first_refused[NT_NAME_TEXT_MAX];
};

static int compare(const struct nt_policy *a, const struct nt_policy *b)
{
	int r = (int)nt_policy_mode(b) - (int)nt_policy_mode(a);

	if (!r)
		r = nt_slice_compare(nt_policy_namespace(a), nt_policy_namespace(b));
	return r ? r : nt_slice_compare(nt_policy_name(a), nt_policy_name(b));
}

/* Takes the policy when it returns 0. */
static int add(struct nt_plans *p, struct nt_policy *policy, bool now, bool then)
{
	size_t at = p->len;

	if (p->len == p->cap) {
		size_t cap = p->cap ? 2 * p->cap : 16;
		struct plan_policy *all = reallocarray(p->all, cap, sizeof(*all));

		if (!all)
			return -ENOMEM;
		p->all = all;
		p->cap = cap;
	}
	while (at && compare(p->all[at - 1].policy, policy) > 0)
		at--;
	memmove(&p->all[at + 1], &p->all[at], (p->len - at) * sizeof(*p->all));
	p->all[at] = (struct plan_policy){ policy, { now, then }, false };
	p->len++;
	return 0;
}

static struct plan_policy *of_file(const struct nt_plans *p, struct nt_slice namespace_,
				   struct nt_slice name)
{
	for (size_t i = 0; i < p->len; i++)
		if (!p->all[i].in[NT_PLAN_NOW] &&
		    nt_slice_eq(nt_policy_namespace(p->all[i].policy), namespace_) &&
		    nt_slice_eq(nt_policy_name(p->all[i].policy), name))
			return &p->all[i];
	return NULL;
}

/* --- the file's ------------------------------------------------------------------------------- */

static int add_of_file(struct nt_plans *p, const struct nt_object *object,
		       struct nt_object_problem *problem)
{
	_cleanup_(nt_policy_freep) struct nt_policy *policy = NULL;
	int r;

	if (of_file(p, object->namespace_, object->name))
		return nt_object_refuse(problem, "metadata.name",
					"another policy before this one has the same name, in the "
					"same namespace: only one of them can be there");
	r = nt_policy_parse(object, &policy, problem);
	if (r < 0)
		return r;
	if (add(p, policy, false, true) < 0)
		return nt_object_no_memory(problem);
	p->file[p->file_len++] = NT_TAKE_PTR(policy);
	return 0;
}

int nt_plans_new(const struct nt_object *const *objects, size_t len, struct nt_plans **ret_plans,
		 size_t *ret_index, struct nt_object_problem *ret_problem)
{
	_cleanup_(nt_plans_freep) struct nt_plans *p = calloc(1, sizeof(*p));

	*ret_index = 0;
	if (!p)
		return nt_object_no_memory(ret_problem);
	for (size_t i = 0; i < len; i++) {
		int r = i < NT_PLANS_FILE_MAX
				? add_of_file(p, objects[i], ret_problem)
				: nt_object_refuse(ret_problem, "",
						   "is one of %zu policies, and %d are possible at "
						   "once",
						   len, NT_PLANS_FILE_MAX);

		*ret_index = i;
		if (r < 0)
			return r;
	}
	*ret_plans = NT_TAKE_PTR(p);
	return 0;
}

void nt_plans_free(struct nt_plans *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->len; i++)
		nt_policy_free(p->all[i].policy);
	free(p->all);
	free(p);
}

bool nt_plans_at(const struct nt_plans *p, size_t index, struct nt_plan_policy *ret_policy)
{
	if (index >= p->file_len)
		return false;
	*ret_policy = (struct nt_plan_policy){ p->file[index],
					       of_file(p, nt_policy_namespace(p->file[index]),
						       nt_policy_name(p->file[index]))
						       ->replaces };
	return true;
}

static bool is_about(const struct nt_plans *p, struct nt_slice namespace_)
{
	for (size_t i = 0; i < p->file_len; i++)
		if (nt_slice_eq(nt_policy_namespace(p->file[i]), namespace_))
			return true;
	return false;
}

/* --- those that are there --------------------------------------------------------------------- */

static int add_object(struct nt_plans *p, const struct nt_object *object)
{
	_cleanup_(nt_policy_freep) struct nt_policy *policy = NULL;
	struct plan_policy *instead = of_file(p, object->namespace_, object->name);
	struct nt_object_problem problem;
	int r = nt_policy_parse(object, &policy, &problem);

	if (instead)
		instead->replaces = true;
	if (r == -EINVAL && !p->refused++)
		snprintf(p->first_refused, sizeof(p->first_refused), "%.*s/%.*s",
			 NT_SLICE_ARG(object->namespace_), NT_SLICE_ARG(object->name));
	if (r < 0)
		return r == -EINVAL ? 0 : r;
	r = add(p, policy, true, !instead);
	if (r == 0)
		policy = NULL;
	return r;
}

int nt_plans_add_current(struct nt_plans *p, const struct nt_objects *objects)
{
	const struct nt_object *object;
	int r = 0;

	for (size_t i = 0;
	     objects && r == 0 && (object = nt_objects_at(objects, NT_SLICE_LIT("DNSPolicy"), i));
	     i++)
		if (is_about(p, object->namespace_))
			r = add_object(p, object);
	return r;
}

size_t nt_plans_refused(const struct nt_plans *p, struct nt_slice *ret_first)
{
	*ret_first = nt_slice_str(p->first_refused);
	return p->refused;
}

/* --- the log's rows --------------------------------------------------------------------------- */

static bool is_plain(struct nt_slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!memchr("abcdefghijklmnopqrstuvwxyz0123456789-", s.p[i], 37))
			return false;
	return s.len != 0;
}

int nt_plans_query(const struct nt_plans *p, struct nt_query **ret_query, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_query_error mistake;

	*ret_query = NULL;
	nt_buf_puts(&text, "client_namespace IN {");
	for (size_t i = 0; i < p->file_len; i++) {
		struct nt_slice namespace_ = nt_policy_namespace(p->file[i]);

		if (!is_plain(namespace_))
			return 0;
		nt_buf_printf(&text, "%s%.*s", i ? ", " : "", NT_SLICE_ARG(namespace_));
	}
	nt_buf_putc(&text, '}');
	if (!nt_buf_ok(&text))
		return nt_err_set(err, ENOMEM, "no memory for a preview");
	if (text.len > NT_QUERY_TEXT_MAX)
		return 0;
	if (nt_query_parse(nt_slice_mem(text.p, text.len), ret_query, &mistake) < 0)
		return nt_err_set(err, EIO, "a preview's own filter: %s", mistake.msg);
	return 0;
}

/* --- pods and lookups ------------------------------------------------------------------------- */

static void pick(struct nt_plan_pick *pick, const struct nt_policy *policy)
{
	if (pick->selected++ < NT_POLICY_SLOTS)
		pick->at[pick->len++] = policy;
}

void nt_plans_pick(const struct nt_plans *p, struct nt_slice namespace_,
		   const struct nt_label *labels, size_t labels_len, bool known,
		   struct nt_plan_picks *ret_picks)
{
	struct nt_plan_picks picks = { 0 };

	for (size_t i = 0; i < p->len; i++) {
		const struct plan_policy *one = &p->all[i];

		if (!nt_slice_eq(nt_policy_namespace(one->policy), namespace_))
			continue;
		picks.unknown |= !known && !nt_policy_selects_all(one->policy);
		if (!nt_policy_selects(one->policy, namespace_, labels, labels_len))
			continue;
		for (size_t plan = 0; plan < NT_PLAN_LEN; plan++)
			if (one->in[plan])
				pick(&picks.by[plan], one->policy);
	}
	*ret_picks = picks;
}

uint8_t nt_plan_judge(const struct nt_plan_pick *pick, const struct nt_policy_scope *scope,
		      const struct nt_name *name, bool tcp, const struct nt_policy **ret_policy)
{
	bool enforced = pick->len && nt_policy_mode(pick->at[0]) == NT_POLICY_ENFORCE;
	uint8_t verdict;
	size_t index;

	*ret_policy = NULL;
	if (tcp) {
		*ret_policy = enforced ? pick->at[0] : NULL;
		return enforced ? NT_VERDICT_UNJUDGEABLE : NT_VERDICT_NONE;
	}
	verdict = nt_policy_judge(pick->at, pick->len, scope, name, &index);
	if (verdict == NT_VERDICT_DENY || verdict == NT_VERDICT_AUDIT)
		*ret_policy = pick->at[index];
	return verdict;
}
