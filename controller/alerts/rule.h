/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A GlobalAlert after checking: what it looks for, in which groups, over which time, and what it
 * says. Immutable after parsing, but for its feeds, and without a link to the object; no I/O, no
 * globals. The language in words is in controller/alerts/README.md. For controller/alerts only.
 */
#pragma once

#include "controller/alerts/alerts.h"
#include "controller/feeds/feeds.h"
#include "controller/store/store.h"
#include "lib/base/arena.h"
#include "lib/objects/fields.h"
#include "lib/objects/objects.h"
#include "lib/record/fields.h"

/* A window has at most so many buckets: 1% of a lookback is a fine enough step, and it bounds what
 * a group takes. */
#define NT_RULE_BUCKETS_MAX 120

enum nt_rule_metric {
	NT_RULE_ANY = 0, /* whether there are rows at all */
	NT_RULE_COUNT = 1, /* transactions: the sum of `count` (T29) */
	NT_RULE_COUNT_ROWS = 2,
	NT_RULE_SUM = 3,
	NT_RULE_MIN = 4,
	NT_RULE_MAX = 5,
	NT_RULE_AVG = 6,
	NT_RULE_DISTINCT = 7, /* how many values of the field */
	NT_RULE_P50 = 8, /* of the latencies of lookups, in ns */
	NT_RULE_P95 = 9,
	NT_RULE_P99 = 10,
	NT_RULE_RATIO = 11, /* transactions that match the numerator, of all */
};

enum nt_rule_condition {
	NT_RULE_EQ = 0,
	NT_RULE_NOT_EQ = 1,
	NT_RULE_LT = 2,
	NT_RULE_LTE = 3,
	NT_RULE_GT = 4,
	NT_RULE_GTE = 5,
};

/* A field of the record or, with member, of each of its servers. */
struct nt_rule_key {
	struct nt_slice name; /* the schema's spelling */
	const struct nt_field *field, *member;
};

/* Of a set of rows in spec.test: `times` rows that differ where their text has ${n}. */
struct nt_rule_test_row {
	struct nt_record record; /* texts in the rule's arena */
	uint32_t times;
	int64_t offset_us; /* behind the beginning of the lookback */
};

struct nt_rule_test {
	bool given;
	struct nt_rule_test_row *rows;
	size_t len;
};

/* A DomainFeed that a substitution names. */
struct nt_rule_feed {
	struct nt_slice feed; /* the object's name */
	struct nt_query_names query; /* what the rule's queries ask */
	struct nt_feed_names *names; /* taken; NULL: there is no list, and the rule waits */
};

struct nt_rule {
	struct nt_arena arena; /* all strings */
	struct nt_slice name, description, summary;
	struct nt_slice query_text; /* as it was written */
	/* The same with substitutions written out, for the filter of events; empty when that is
	 * longer than NT_RULE_QUERY_MAX. */
	struct nt_slice filter_text;
	struct nt_query *query;
	int side, role; /* -1: any, because the query says which */
	bool unlogged; /* about UNLOGGED rows, which LOG rows never count together with */
	bool late; /* the query is about late replies: they count as rows */
	/* Without metric and aggregateBy each row is a group: the keys are what tells it. */
	bool per_row;
	struct nt_rule_key keys[NT_STORE_GROUP_KEYS];
	struct nt_slice key_names[NT_STORE_GROUP_KEYS];
	size_t keys_len;
	enum nt_rule_metric metric;
	struct nt_rule_key field; /* of SUM, MIN, MAX, AVG (no member), DISTINCT */
	struct nt_slice numerator_text;
	struct nt_query *numerator; /* of RATIO */
	enum nt_rule_condition condition;
	double threshold;
	uint64_t min_count; /* of lookups in a window, for it to tell anything */
	uint32_t severity;
	int64_t period_us, lookback_us;
	int64_t width_us; /* of a bucket; divides lookback_us and step_us */
	int64_t step_us; /* between two evaluations: the period, or more (NT_RULE_BUCKETS_MAX) */
	int64_t for_us; /* how long the condition holds before an event opens */
	int64_t cooldown_us; /* how long after an event its group opens no other */
	/* Only of groups that are new: so long no row of the group was there. 0: of all. */
	int64_t unseen_us;
	int64_t learn_us; /* how long the rule watches before anything is new to it */
	uint64_t memory_of; /* the same for rules that look for the same groups in the same rows */
	bool disabled;
	struct nt_rule_label *labels; /* for who is told */
	size_t labels_len;
	struct nt_slice *notify; /* names of receivers */
	size_t notify_len;
	struct nt_rule_test fires, silent; /* of spec.test */
	struct nt_slice note; /* what means something else than where it came from; "" if nothing */
	struct nt_rule_feed *feeds; /* of substitutions; the one part that changes */
	size_t feeds_len;
};

/* 0, or -EINVAL (-ENOMEM) with *ret_problem. */
int nt_rule_parse(const struct nt_object *object, struct nt_rule **ret_rule,
		  struct nt_object_problem *ret_problem) NT_MUSTCHECK;
void nt_rule_free(struct nt_rule *r);
static inline void nt_rule_freep(struct nt_rule **r)
{
	nt_rule_free(*r);
}

/* Takes the feeds that the rule names as they are now. False: one has no list, ret_why says which
 * and why. The rule must not be asked about rows then: a NOTIN would hold for all of them. */
bool nt_rule_take_feeds(struct nt_rule *r, struct nt_feeds *feeds, char ret_why[NT_FEED_WHY_MAX]);

/* The spec's words; "" for NT_RULE_ANY, and for a condition without a metric. */
const char *nt_rule_metric_name(const struct nt_rule *r);
const char *nt_rule_condition_name(const struct nt_rule *r);
static inline bool nt_rule_is_percentile(const struct nt_rule *r)
{
	return r->metric == NT_RULE_P50 || r->metric == NT_RULE_P95 || r->metric == NT_RULE_P99;
}

/* Is the metric of something that is 0 when there is nothing? */
static inline bool nt_rule_counts(const struct nt_rule *r)
{
	return r->metric == NT_RULE_COUNT || r->metric == NT_RULE_COUNT_ROWS ||
	       r->metric == NT_RULE_SUM || r->metric == NT_RULE_DISTINCT;
}
bool nt_rule_holds(const struct nt_rule *r, double value);
/* Is `value` further from peace than `than`? For the peak. */
bool nt_rule_worse(const struct nt_rule *r, double value, double than);
