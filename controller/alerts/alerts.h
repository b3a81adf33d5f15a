/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GlobalAlert: rules over the log, evaluated in event time while batches arrive, one open event per
 * rule and group. Events are kept in the store; accumulators live here, bounded, and are rebuilt
 * from stored rows at start. One thread at a time (the caller's lock).
 *
 * Time: a window [end - lookback, end) is closed when end <= now - delay; ends are multiples of the
 * rule's period. Rows that come later than that re-evaluate nothing that is resolved; they may only
 * raise (T29).
 */
#pragma once

#include "controller/store/store.h"
#include "lib/objects/objects.h"

struct nt_alerts;

struct nt_alerts_config {
	int64_t delay_ns; /* how long rows may be under way: flush interval + 10 s; default 15 s */
	uint32_t max_groups; /* per rule, default 10,000; more are counted, not evaluated */
};

struct nt_alerts_stats {
	uint64_t rules, rules_refused, groups; /* now */
	uint64_t remembered; /* groups that rules with unseenFor know of, now */
	uint64_t groups_over; /* times that a row or an event found no room within the bounds */
	uint64_t evaluations, events_opened, events_resolved;
	uint64_t rows_unreadable; /* of the store, when figures were made: in none */
	/* Self tests: all since the start; now those that wait, failed, had no rows. */
	uint64_t selftests, selftests_pending, selftests_failed, selftests_not_generated;
	/* Windows that were evaluated later than a period after they were due, which is the
	 * config's delay behind their end; and the longest that one waited. Without the first ones
	 * of a rule after the start, or a change of it. */
	uint64_t late_windows, delay_max_us;
	uint64_t late_rows; /* whose window was closed; and those too old, or ahead, to count */
};

/* store and reader are borrowed and must outlive the result. */
int nt_alerts_new(const struct nt_alerts_config *config, struct nt_store *store,
		  struct nt_store_reader *reader, struct nt_alerts **ret_alerts,
		  struct nt_err *err) NT_MUSTCHECK;
void nt_alerts_free(struct nt_alerts *a);
/* Rules may name feeds (borrowed) from now on; before the first tick. */
struct nt_feeds;
void nt_alerts_use_feeds(struct nt_alerts *a, struct nt_feeds *feeds);

/* Takes the GlobalAlert objects as they are now; a rule with a mistake is listed with its reason
 * and its last good form goes on. An event whose rule is gone is resolved, and
 * what the rule remembered goes, once all objects were read: see nt_objects_have_synced. */
int nt_alerts_objects(struct nt_alerts *a, const struct nt_objects *objects,
		      struct nt_err *err) NT_MUSTCHECK;
/* The records of a batch that the store has just taken (never of a duplicate). */
void nt_alerts_records(struct nt_alerts *a, const struct nt_record *records, size_t len);
/* Evaluates what is due at now_us (CLOCK_REALTIME), and ends suppressions whose time has come
 * (after a start not before the first evaluation: what is over by then is not told). */
int nt_alerts_tick(struct nt_alerts *a, int64_t now_us, struct nt_err *err) NT_MUSTCHECK;

/* Another controller evaluates: figures are not kept. The next tick begins as after a start, with
 * the windows of meanwhile, from what the store has then. May be called again and again. */
void nt_alerts_rest(struct nt_alerts *a);

/* Of a rule: whether rows that it must fire on open an event, and others do not (selftest.h). */
enum nt_selftest_state {
	NT_SELFTEST_NONE = 0, /* the rule never was right */
	NT_SELFTEST_PENDING = 1,
	NT_SELFTEST_PASSED = 2,
	NT_SELFTEST_FAILED = 3,
	NT_SELFTEST_NOT_GENERATED = 4, /* rows could not be made from the rule */
};

/* A set of rows, and the events that they opened. */
struct nt_selftest_set {
	bool given; /* by spec.test, not generated */
	uint32_t rows; /* of one lookback */
	uint32_t events; /* by the live evaluation */
};

struct nt_selftest {
	enum nt_selftest_state state;
	struct nt_selftest_set fires, silent;
	char msg[512]; /* what differed, or which part of the rule is in the way; else "" */
};
/* "pending", "passed", "failed", "notGenerated"; "" for none. */
const char *nt_selftest_word(enum nt_selftest_state state);

/* What a rule says to who is told of its events. */
struct nt_rule_label {
	struct nt_slice key, value;
};

/* A rule as it is listed. Borrowed for the call. */
struct nt_alert_rule {
	struct nt_slice name, description, summary, query, metric, field, condition;
	struct nt_slice numerator; /* of metric ratio */
	uint64_t min_count; /* 0: none */
	const struct nt_slice *aggregate_by;
	size_t aggregate_by_len;
	double threshold;
	bool unlogged; /* of UNLOGGED rows, whose counts are packets */
	uint32_t severity;
	int64_t period_us, lookback_us, for_us, cooldown_us;
	int64_t unseen_for_us, learn_for_us; /* 0: the rule is of all groups */
	/* Since when it watches for them; 0: it does not yet, or is disabled. And until when
	 * nothing is new to it; 0: that is over. */
	int64_t known_since_us, learning_until_us;
	uint64_t remembered; /* groups that it knows */
	bool disabled;
	const struct nt_rule_label *labels;
	size_t labels_len;
	const struct nt_slice *notify; /* names of receivers */
	size_t notify_len;
	bool waits; /* a feed that it names has no list: nothing is judged; the note says which */
	struct nt_slice note; /* what it means here and not where it came from; "": nothing */
	bool accepted; /* else problem_* say why */
	struct nt_slice problem_field, problem_msg;
	struct nt_slice uid; /* of the object; empty: it comes from a folder */
	int64_t generation; /* its metadata.generation of which accepted is said; 0: the same */
	uint64_t standing; /* rises when what is said of this rule changes */
	const struct nt_selftest *selftest; /* of the last form that was right */
	int64_t last_evaluated_us; /* end of the newest closed window; 0: none yet */
	uint64_t open_events;
	uint64_t over; /* times that a row or an event of it found no room within the bounds */
};
typedef bool nt_alert_rule_fn(void *ctx, const struct nt_alert_rule *rule);
void nt_alerts_rules(const struct nt_alerts *a, nt_alert_rule_fn *fn, void *ctx);
/* Rises when a rule is accepted or refused, comes, goes or has been tested. */
uint64_t nt_alerts_standing(const struct nt_alerts *a);

/* The rule that waits longest for its self test: its object as JSON. False: none waits. The same
 * one comes again until it is done. */
bool nt_alerts_selftest_next(const struct nt_alerts *a, struct nt_buf *out, uint64_t *ret_ticket);
/* Forgotten when the rule has changed meanwhile. */
void nt_alerts_selftest_done(struct nt_alerts *a, uint64_t ticket,
			     const struct nt_selftest *result);
/* How long after its end a window is closed: config's delay. Any thread. */
int64_t nt_alerts_delay_us(const struct nt_alerts *a);
struct nt_alerts_stats nt_alerts_stats(const struct nt_alerts *a);
