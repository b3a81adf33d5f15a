/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the alerts share: the rules at work, and when their windows are. alerts.c keeps
 * the list, build.c makes figures from the store, evaluate.c turns them into events, preview.c does
 * both for a rule that is not at work. For controller/alerts only.
 */
#pragma once

#include "controller/alerts/alerts.h"
#include "controller/alerts/pending.h"
#include "controller/alerts/shared.h"

/* More open events of one rule than a person can look at say only that the rule is wrong. */
#define NT_ALERTS_OPEN_MAX 1000

/* A GlobalAlert: the last form of it that was right, and what is wrong with the present one. */
struct nt_alerts_entry {
	char *name, *spec; /* owned; spec: the object's text, to know whether it changed */
	struct nt_rule *rule; /* NULL: it never was right */
	struct nt_window window; /* of rule */
	struct nt_memory memory; /* of rule, where that has unseenFor */
	bool accepted;
	struct nt_object_problem problem;
	struct nt_selftest selftest; /* of rule */
	char *untested; /* its object's text until it was tested; owned */
	uint64_t ticket; /* of that test */
	bool waits; /* a feed of the rule has no list: nothing is counted and nothing judged */
	char why_waits[NT_FEED_WHY_MAX];
	char *uid; /* of the object; owned */
	int64_t generation;
	uint64_t standing;
	bool seen; /* by the round over the objects */
	bool built; /* the window holds what the store has */
	bool catch_up; /* evaluate past windows, too: this process was not there */
	bool redo; /* a group has late rows */
	int64_t evaluated_us; /* end of the newest window that was evaluated */
	int64_t listed_us; /* the same, 0 before the first: for people */
	uint64_t open_events;
	uint64_t over; /* times that a row or an event of it found no room */
};

struct nt_alerts {
	struct nt_alerts_config config;
	struct nt_store *store;
	struct nt_store_reader *reader;
	struct nt_feeds *feeds; /* NULL: there are none */
	struct nt_alerts_entry **entries; /* in order of name, as objects come */
	size_t entries_len;
	struct nt_siphash_key hash_key;
	uint64_t bytes; /* of all windows and memories */
	uint64_t remembered; /* groups in all memories */
	struct nt_shared shared; /* of the entries as they are, if shares */
	bool shares;
	uint64_t *order; /* of the records of a batch */
	struct nt_pending pending;
	int64_t now_us; /* of the last tick; 0 before the first */
	int64_t tick_ns; /* of the boot clock, when it began */
	int64_t start_us; /* the first tick */
	int64_t known_us; /* since when there is a log */
	int64_t ready_us; /* nothing is evaluated before: agents come back after a restart */
	int64_t retry_us; /* the store failed: nothing before that */
	bool rules_whole; /* all GlobalAlerts that there are are known: one that is not is gone */
	bool check_orphans; /* rules went: look for their events */
	bool rests; /* another controller evaluates */
	bool caught_up; /* what happened to events before the start, or start_over, is written */
	uint64_t tickets, standing;
	struct nt_alerts_stats stats;
};

static inline bool nt_alerts_runs(const struct nt_alerts_entry *e)
{
	return e->rule && !e->rule->disabled;
}

/* Can it be asked about rows? */
static inline bool nt_alerts_is_ready(const struct nt_alerts_entry *e)
{
	return nt_alerts_runs(e) && !e->waits;
}

/* The newest closed window's end. */
int64_t nt_alerts_newest_end(const struct nt_alerts *a, const struct nt_rule *r);
/* For how long closed windows may still be raised. */
int64_t nt_alerts_late_span(const struct nt_rule *r);
/* Rows from here on are in figures. */
int64_t nt_alerts_keep_from(const struct nt_alerts *a, const struct nt_rule *r);

/* A GlobalAlert as it is now becomes an entry, or the entry's next form; one with a mistake is in
 * problem. -ENOMEM. */
int nt_alerts_take_object(struct nt_alerts *a, const struct nt_object *object) NT_MUSTCHECK;
void nt_alerts_init_window(struct nt_alerts *a, struct nt_alerts_entry *e);
/* An empty window in place of the one that is there. */
int nt_alerts_begin_window(struct nt_alerts *a, struct nt_alerts_entry *e,
			   struct nt_err *err) NT_MUSTCHECK;
/* NULL when there is no rule of that name. */
struct nt_alerts_entry *nt_alerts_find(const struct nt_alerts *a, struct nt_slice name);
/* Before records come, and after a rule did. -ENOMEM. */
int nt_alerts_share(struct nt_alerts *a) NT_MUSTCHECK;
/* A record that the store has to the figures of the rules that are built (or are not: they find the
 * rows in the store) and of which it is one of the rows. */
void nt_alerts_add_record(struct nt_alerts *a, const struct nt_record *r, bool built);

/* To the rule's memory alone: a row of a time before its windows, for which the query holds. */
void nt_alerts_add_past(struct nt_alerts *a, struct nt_alerts_entry *e, const struct nt_record *r);

/* Figures, memories and events of the rules that have none yet. */
int nt_alerts_build(struct nt_alerts *a, struct nt_err *err) NT_MUSTCHECK;
/* Ends the events whose rules are gone or disabled, and forgets what rules remember that are gone
 * or do not any more. */
int nt_alerts_end_orphans(struct nt_alerts *a, struct nt_err *err) NT_MUSTCHECK;
/* All windows of the rule that are due, in order of time for each group. */
void nt_alerts_evaluate(struct nt_alerts *a, struct nt_alerts_entry *e);
