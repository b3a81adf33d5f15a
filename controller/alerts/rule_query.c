/* SPDX-License-Identifier: Apache-2.0 */
/* Which rows a rule is about: its query and numerator, with the sets that they name. */
#include "controller/alerts/rule_parts.h"

#include <jansson.h>
#include <stdio.h>

#include "controller/alerts/text.h"
#include "lib/base/cleanup.h"
#include "lib/query/query.h"

/* Every row is compared with each of a set's values. */
enum {
	SUBSTITUTIONS_MAX = 16,
	VALUES_MAX = 1000,
	VALUE_LEN_MAX = 256,
	VALUES_LEN_MAX = 64 << 10,
	FEED_LEN_MAX = 253, /* an object's name */
};

struct substitutions {
	struct nt_query_substitution all[SUBSTITUTIONS_MAX];
	size_t len, values_len, bytes;
	struct nt_rule *rule; /* takes the feeds */
};

/* --- substitutions ---------------------------------------------------------------------------- */

static int take_name(const struct nt_spec *s, struct substitutions *subs, const json_t *item,
		     const char *path)
{
	const json_t *name = json_object_get(item, "name");
	struct nt_query_substitution *new = &subs->all[subs->len];
	const char *p = json_string_value(name);
	char whole[64];

	snprintf(whole, sizeof(whole), "%s.name", path);
	if (!p || !*p || strlen(p) != json_string_length(name) ||
	    p[strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.")])
		return nt_spec_refuse(s, whole, "%sletters, digits, _, - and . are wanted",
				      p ? "" : "missing: ");
	for (size_t i = 0; i < subs->len; i++)
		if (nt_slice_eq(subs->all[i].name, nt_slice_str(p)))
			return nt_spec_refuse(s, whole, "there are two of that name");
	return nt_spec_copy(s, nt_slice_str(p), &new->name);
}

static int take_values(const struct nt_spec *s, struct substitutions *subs, const json_t *item,
		       const char *path)
{
	struct nt_query_substitution *new = &subs->all[subs->len];
	struct nt_slice *values;
	char whole[64];
	int r;

	snprintf(whole, sizeof(whole), "%s.values", path);
	r = nt_spec_texts(s, json_object_get(item, "values"), whole, VALUES_MAX, VALUE_LEN_MAX,
			  &values, &new->values_len);
	if (r < 0)
		return r;
	new->values = values;
	if (!new->values_len)
		return nt_spec_refuse(s, whole, "at least one value is wanted");
	subs->values_len += new->values_len;
	for (size_t i = 0; i < new->values_len; i++)
		subs->bytes += values[i].len;
	if (subs->values_len > VALUES_MAX || subs->bytes > VALUES_LEN_MAX)
		return nt_spec_refuse(s, "spec.substitutions",
				      "at most %d values and %d octets in all", VALUES_MAX,
				      VALUES_LEN_MAX);
	return 0;
}

static bool is_listed(void *ctx, struct nt_slice name)
{
	const struct nt_rule_feed *feed = ctx;
	const struct nt_query_names *query;

	if (!feed->names)
		return false; /* nobody asks a rule that waits */
	query = nt_feed_names_query(feed->names);
	return query->has(query->ctx, name);
}

/* Whether there is such a feed is no matter of the rule: it may come later, or go. */
static int take_feed(const struct nt_spec *s, struct substitutions *subs, const json_t *name,
		     const char *path)
{
	struct nt_query_substitution *new = &subs->all[subs->len];
	struct nt_rule *r = subs->rule;
	struct nt_rule_feed *feed;
	char whole[64];
	int result;

	snprintf(whole, sizeof(whole), "%s.feed", path);
	if (!json_is_string(name) || !json_string_length(name) ||
	    json_string_length(name) > FEED_LEN_MAX)
		return nt_spec_refuse(s, whole, "the name of a DomainFeed is wanted");
	if (!r->feeds)
		r->feeds = nt_arena_zalloc(s->arena, SUBSTITUTIONS_MAX * sizeof(*r->feeds));
	if (!r->feeds)
		return nt_spec_no_memory(s);
	feed = &r->feeds[r->feeds_len];
	result = nt_spec_copy(s, nt_slice_mem(json_string_value(name), json_string_length(name)),
			      &feed->feed);
	if (result < 0)
		return result;
	feed->query = (struct nt_query_names){ .has = is_listed,
					       .ctx = feed,
					       .example = NT_SLICE_LIT("*." NT_FEEDS_PRETENDED) };
	r->feeds_len++;
	new->names = &feed->query;
	new->names_name = feed->feed;
	return 0;
}

static int take_substitution(const struct nt_spec *s, struct substitutions *subs,
			     const json_t *item, const char *path)
{
	static const char *const known[] = { "name", "values", "feed", NULL };
	const json_t *feed = json_object_get(item, "feed");
	int r;

	if (!json_is_object(item))
		return nt_spec_refuse(s, path, "a mapping with name and values or feed is wanted");
	r = nt_spec_known(s, item, path, known);
	if (r == 0)
		r = take_name(s, subs, item, path);
	if (r == 0 && feed && json_object_get(item, "values"))
		r = nt_spec_refuse(s, path, "values or feed, not both");
	if (r == 0)
		r = feed ? take_feed(s, subs, feed, path) : take_values(s, subs, item, path);
	subs->len += r == 0;
	return r;
}

static int take_substitutions(const struct nt_spec *s, struct substitutions *subs)
{
	static const char field[] = "spec.substitutions";
	json_t *list = nt_spec_member(s, field);
	int r = 0;

	if (!list)
		return 0;
	if (!json_is_array(list))
		return nt_spec_refuse(s, field,
				      "must be a list of mappings with name and values or feed");
	if (json_array_size(list) > SUBSTITUTIONS_MAX)
		return nt_spec_refuse(s, field, "at most %d", SUBSTITUTIONS_MAX);
	for (size_t i = 0; i < json_array_size(list) && r == 0; i++) {
		char path[48];

		snprintf(path, sizeof(path), "%s[%zu]", field, i);
		r = take_substitution(s, subs, json_array_get(list, i), path);
	}
	return r;
}

/* --- queries ---------------------------------------------------------------------------------- */

static bool is_blank(struct nt_slice text)
{
	for (size_t i = 0; i < text.len; i++)
		if (!strchr(" \t\r\n", text.p[i]))
			return false;
	return true;
}

static int take_query(const struct nt_spec *s, const char *path, const struct substitutions *subs,
		      struct nt_slice *ret_text, struct nt_query **ret_query)
{
	struct nt_query_error mistake = { 0 };
	int r = nt_spec_text(s, path, NT_RULE_QUERY_MAX, ret_text);

	if (r < 0)
		return r;
	if (is_blank(*ret_text))
		ret_text->len = 0;
	if (nt_query_parse_with(*ret_text, subs->all, subs->len, ret_query, &mistake) < 0)
		return nt_spec_refuse(s, path, "at octet %zu: %s%s%s%s", mistake.at, mistake.msg,
				      mistake.suggestion[0] ? "; did you mean " : "",
				      mistake.suggestion, mistake.suggestion[0] ? "?" : "");
	return 0;
}

static int take_numerator(const struct nt_spec *s, struct nt_rule *r,
			  const struct substitutions *subs)
{
	static const char field[] = "spec.numerator";
	bool there = nt_spec_member(s, field);
	int result;

	if (there && r->metric != NT_RULE_RATIO)
		return nt_spec_refuse(s, field, "is for metric: ratio");
	if (r->metric != NT_RULE_RATIO)
		return 0;
	result = take_query(s, field, subs, &r->numerator_text, &r->numerator);
	if (result == 0 && !r->numerator_text.len)
		return nt_spec_refuse(s, field,
				      "missing: a query for the lookups of which metric ratio "
				      "tells the share, such as rcode = NXDOMAIN");
	return result;
}

/* The filter of an event has one pair of brackets and some conditions more than the rule's. */
static bool filter_fits(const struct nt_rule *r)
{
	struct nt_query_substitution feeds[SUBSTITUTIONS_MAX];
	_cleanup_(nt_query_freep) struct nt_query *q = NULL;
	_cleanup_buf_ struct nt_buf text = { 0 };
	const struct nt_slice values[NT_STORE_GROUP_KEYS] = { 0 };
	struct nt_query_error mistake;

	for (size_t i = 0; i < r->feeds_len; i++)
		feeds[i] = (struct nt_query_substitution){ .name = r->feeds[i].feed,
							   .names = &r->feeds[i].query };
	nt_text_filter(r, values, &text);
	return nt_buf_ok(&text) && nt_query_parse_with(nt_slice_mem(text.p, text.len), feeds,
						       r->feeds_len, &q, &mistake) == 0;
}

static int take_filter(const struct nt_spec *s, struct nt_rule *r, const struct substitutions *subs)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	int result = 0;

	nt_query_expand(r->query_text, subs->all, subs->len, &text);
	if (!nt_buf_ok(&text))
		return nt_spec_no_memory(s);
	if (text.len && text.len <= NT_RULE_QUERY_MAX)
		result = nt_spec_copy(s, nt_slice_mem(text.p, text.len), &r->filter_text);
	if (result == 0 && !filter_fits(r))
		return nt_spec_refuse(s, "spec.query", "too many brackets in each other");
	return result;
}

#define UNLOGGED_HAVE                                                                        \
	"no row can match it: UNLOGGED rows, which the query is about, have only client_*, " \
	"node, role, reason, error, count and times"

/* Packets that were not logged have no latency and none of the other figures, and no name or code:
 * a rule about those would never fire. */
static int check_unlogged(const struct nt_spec *s, const struct nt_rule *r)
{
	bool of_field = r->metric >= NT_RULE_SUM && r->metric <= NT_RULE_AVG;

	if (!nt_query_may_hold(r->query, NT_RECORD_UNLOGGED))
		return nt_spec_refuse(s, "spec.query", UNLOGGED_HAVE);
	if (r->numerator && !nt_query_may_hold(r->numerator, NT_RECORD_UNLOGGED))
		return nt_spec_refuse(s, "spec.numerator", UNLOGGED_HAVE);
	if (r->metric == NT_RULE_DISTINCT && !nt_query_unlogged_has(r->field.field))
		return nt_spec_refuse(s, "spec.field",
				      "UNLOGGED rows, which the query is about, have no %.*s to "
				      "tell apart: client_name, node or reason would be there",
				      NT_SLICE_ARG(r->field.name));
	if (of_field && !nt_slice_eq(r->field.name, NT_SLICE_LIT("count")))
		return nt_spec_refuse(s, "spec.field",
				      "UNLOGGED rows, which the query is about, have no %.*s: "
				      "count, their packets, is there",
				      NT_SLICE_ARG(r->field.name));
	if (nt_rule_is_percentile(r))
		return nt_spec_refuse(s, "spec.metric",
				      "UNLOGGED rows, which the query is about, have no latency: "
				      "count would be of their packets");
	return 0;
}

static int check_logged(const struct nt_spec *s, const struct nt_rule *r)
{
	if (r->numerator && !nt_query_may_hold(r->numerator, NT_RECORD_LOG))
		return nt_spec_refuse(s, "spec.numerator",
				      "no row can match it: the query is about LOG rows, which are "
				      "never counted together with UNLOGGED ones");
	return 0;
}

/* Which rows: those of the API's figures, unless the query says otherwise. */
static void take_kind(struct nt_rule *r)
{
	r->unlogged = !nt_query_may_hold(r->query, NT_RECORD_LOG);
	r->side = r->unlogged || nt_query_mentions(r->query, "side") ? -1 : NT_SIDE_CLIENT;
	r->role = nt_query_mentions(r->query, "role") ? -1 : NT_ROLE_WORKLOAD;
	r->late = nt_query_mentions(r->query, "late") || nt_query_mentions(r->query, "late_of");
}

int nt_rule_take_queries(const struct nt_spec *s, struct nt_rule *r)
{
	struct substitutions subs = { .rule = r };
	int result = take_substitutions(s, &subs);

	if (result == 0)
		result = take_query(s, "spec.query", &subs, &r->query_text, &r->query);
	if (result == 0)
		result = take_numerator(s, r, &subs);
	if (result == 0)
		result = take_filter(s, r, &subs);
	if (result < 0)
		return result;
	take_kind(r);
	return r->unlogged ? check_unlogged(s, r) : check_logged(s, r);
}
