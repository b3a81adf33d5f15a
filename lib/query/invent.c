/* SPDX-License-Identifier: Apache-2.0 */
/* Which conditions of a query are to hold, and a record in which they do. */
#include "lib/query/invent.h"

#include "lib/base/cleanup.h"
#include "lib/query/ast.h"
#include "lib/query/fit.h"

/* As many as a text can have; each is looked at again for each one more of its field. */
enum { TERMS_MAX = 2048, STEPS_MAX = 20000 };

/* What is still to be decided on. */
struct goal {
	const struct nt_query_node *node;
	bool holds;
	const struct goal *next;
};

struct inventing {
	const struct nt_query_invention *wanted;
	struct nt_fit fit; /* the terms that were decided on */
	struct nt_fit_term terms[TERMS_MAX];
	size_t steps;
	const struct nt_query_node *blamed; /* the latest term that found no value */
	struct nt_record *record;
};

static bool is_all_true(const struct inventing *in)
{
	for (size_t i = 0; i < in->wanted->len; i++) {
		const struct nt_query_wish *wish = &in->wanted->wishes[i];

		if (nt_query_eval(wish->query, in->record) != wish->holds)
			return false;
	}
	return true;
}

/* Field by field in the table's order: the type goes first, which says what others can be. */
static bool build(struct inventing *in)
{
	*in->record = *in->wanted->base;
	for (size_t i = 0; i < nt_record_fields.len; i++) {
		const struct nt_field *field = &nt_record_fields.fields[i];

		if (nt_fit_concerns(&in->fit, field) && !nt_fit_field(&in->fit, field, in->record))
			return false;
	}
	return is_all_true(in);
}

/* Is there a value for the field of the latest term, with all terms about it? */
static bool may_go_on(struct inventing *in)
{
	struct nt_arena_mark mark = nt_arena_mark(in->fit.arena);
	const struct nt_query_node *term = in->terms[in->fit.len - 1].node;
	struct nt_record trial = *in->wanted->base;
	bool fits;

	if (++in->steps > STEPS_MAX) {
		in->fit.unproven = true;
		return false;
	}
	fits = nt_fit_field(&in->fit, term->path.field, &trial);
	nt_arena_release(in->fit.arena, mark);
	if (!fits)
		in->blamed = term;
	return fits;
}

static bool decide(struct inventing *in, const struct goal *goals);

static bool decide_term(struct inventing *in, const struct goal *goal)
{
	bool found;

	if (in->fit.len == TERMS_MAX) {
		in->fit.unproven = true;
		return false;
	}
	in->terms[in->fit.len++] = (struct nt_fit_term){ goal->node, goal->holds };
	found = may_go_on(in) && decide(in, goal->next);
	in->fit.len--;
	return found;
}

/* The node's children from `child` on are all to be as the goal says. */
static bool decide_all(struct inventing *in, const struct nt_query_node *child,
		       const struct goal *goal, const struct goal *rest)
{
	const struct goal next = { child, goal->holds, rest };

	return child ? decide_all(in, child->next, goal, &next) : decide(in, rest);
}

/* As deep as the query has conditions. */
static bool decide(struct inventing *in, const struct goal *goals)
{
	const struct nt_query_node *node = goals ? goals->node : NULL;
	struct goal one = { .next = goals ? goals->next : NULL };

	if (!node && build(in))
		return true;
	if (!node) {
		in->fit.unproven = true;
		return false;
	}
	if (node->kind == NT_NODE_TERM)
		return decide_term(in, goals);
	one.holds = goals->holds != (node->kind == NT_NODE_NOT);
	if (node->kind != NT_NODE_NOT && (node->kind == NT_NODE_AND) == goals->holds)
		return decide_all(in, node->first, goals, goals->next);
	for (const struct nt_query_node *n = node->first; n && in->steps <= STEPS_MAX;
	     n = n->next) {
		one.node = n;
		if (decide(in, &one))
			return true;
	}
	return false;
}

/* The wishes as goals; that of a query without conditions is met, or cannot be. */
static bool decide_wishes(struct inventing *in, size_t i, const struct goal *rest)
{
	const struct nt_query_wish *wish = &in->wanted->wishes[i];

	if (i == in->wanted->len)
		return decide(in, rest);
	if (wish->query->root) {
		const struct goal goal = { wish->query->root, wish->holds, rest };

		return decide_wishes(in, i + 1, &goal);
	}
	return wish->holds && decide_wishes(in, i + 1, rest);
}

static int explain(const struct inventing *in, struct nt_err *err)
{
	const struct nt_query_path *path = in->blamed ? &in->blamed->path : NULL;
	const char *member = path && path->member ? path->member->name : "";
	const char *dot = member[0] ? "." : "";

	if (in->fit.unproven && path)
		return nt_err_set(err, EOPNOTSUPP, "no row was found for what is asked of %s%s%s",
				  path->field->name, dot, member);
	if (in->fit.unproven)
		return nt_err_set(err, EOPNOTSUPP, "no row was found for all conditions together");
	if (!path)
		return nt_err_set(err, ENOENT, "every row matches");
	return nt_err_set(err, ENOENT, "what is asked of %s%s%s can be so in no row",
			  path->field->name, dot, member);
}

int nt_query_invent(const struct nt_query_invention *wanted, struct nt_record *ret_record,
		    struct nt_err *err)
{
	_cleanup_free_ struct inventing *in = calloc(1, sizeof(*in));
	struct nt_record record;

	if (!in)
		return nt_err_set(err, ENOMEM, "no memory to make up rows");
	in->wanted = wanted;
	in->fit = (struct nt_fit){ .terms = in->terms,
				   .arena = wanted->arena,
				   .number = wanted->number };
	in->record = &record;
	if (!decide_wishes(in, 0, NULL))
		return explain(in, err);
	*ret_record = record;
	return 0;
}
