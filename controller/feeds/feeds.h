/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DomainFeeds: lists of domains, read again and again by a thread of its own, whose sets rules and
 * queries ask (names.h). The last good set of each is kept in a file and is there again after a
 * start, before its list was read. A list that could not be read changes nothing but what is told
 * of the feed. Memory of all sets together is bounded; a list that would pass it is refused, and
 * counted. README.md has the rest.
 *
 * Objects, ticks and answers of the Kubernetes API come in one thread, all else from any.
 */
#pragma once

#include "controller/feeds/names.h"
#include "lib/feed/list.h"
#include "lib/objects/objects.h"

/* More feeds than that are no feeds that somebody looks after. */
#define NT_FEEDS_MAX 64
/* The length of a sentence about one, with its NUL. */
#define NT_FEED_WHY_MAX 256

struct nt_feeds;
struct nt_kube;

struct nt_feeds_config {
	const char *data; /* folder; the sets are in its folder feeds, made when it is not there */
	const char *files; /* folder of what feeds may name; NULL: none */
	struct nt_kube *kube; /* for ConfigMaps of its namespace; NULL: there is no API; borrowed */
	size_t bytes_max; /* of all sets together */
};

int nt_feeds_new(const struct nt_feeds_config *config, struct nt_feeds **ret_feeds,
		 struct nt_err *err) NT_MUSTCHECK;
/* For tests of rules: every feed that is asked for is there and has this one name. Takes no
 * objects. */
#define NT_FEEDS_PRETENDED "listed.example"
int nt_feeds_pretend(struct nt_feeds **ret_feeds, struct nt_err *err) NT_MUSTCHECK;
/* Begins to read lists. Block signals before: the thread inherits the mask. */
int nt_feeds_start(struct nt_feeds *f, struct nt_err *err) NT_MUSTCHECK;
/* Ends the thread, within a second or so; names that were taken stay valid until nt_feeds_free. */
void nt_feeds_stop(struct nt_feeds *f);
/* Nobody may have names any more. Before nt_kube_close. NULL is fine. */
void nt_feeds_free(struct nt_feeds *f);
static inline void nt_feeds_freep(struct nt_feeds **f)
{
	nt_feeds_free(*f);
}

/* Takes the DomainFeed objects as they are now. One with a mistake goes on as it was. */
void nt_feeds_objects(struct nt_feeds *f, const struct nt_objects *objects);
/* About once a second. */
void nt_feeds_tick(struct nt_feeds *f);

/* The caller's, for nt_feed_names_unref. NULL: there is no such feed, or it has no list yet, and
 * ret_why (may be NULL) says what of that, in a sentence. f NULL: there are no feeds here. */
struct nt_feed_names *nt_feeds_find(struct nt_feeds *f, struct nt_slice name,
				    char ret_why[NT_FEED_WHY_MAX]);

/* All feeds that have a list, as substitutions under their own names, for a query. */
struct nt_feeds_taken {
	struct nt_query_substitution subs[NT_FEEDS_MAX];
	struct nt_feed_names *names[NT_FEEDS_MAX];
	char *texts[NT_FEEDS_MAX];
	size_t len;
};
/* NULL: no memory. */
struct nt_feeds_taken *nt_feeds_take_all(struct nt_feeds *f);
void nt_feeds_taken_free(struct nt_feeds_taken *t);

/* A feed as it is listed. Borrowed for the call. */
struct nt_feed_state {
	const char *name;
	bool accepted; /* else problem_* say why; what follows is its last good form */
	const char *problem_field, *problem_msg;
	const char *source, *where, *key, *format, *match; /* "" when it never was right */
	int64_t interval_us;
	const char *state; /* loading, ready, stale (of the last good list), failed, refused */
	size_t entries, bytes;
	int64_t read_us; /* when the list in use was read, CLOCK_REALTIME; 0: there is none */
	int64_t checked_us; /* when it was last known to be the newest; 0: not since the start */
	int64_t next_us; /* when it is looked at again; 0: now */
	const char *error; /* of the last look; "": all is well */
	unsigned failures; /* in a row */
	uint64_t updated, unchanged, failed; /* looks since the start, by what came of them */
	const struct nt_feed_report *report; /* of the last list that was read; zero: none was */
};
typedef void nt_feed_state_fn(void *ctx, const struct nt_feed_state *state);
/* In order of name. f NULL: none. */
void nt_feeds_states(struct nt_feeds *f, nt_feed_state_fn *fn, void *ctx);

struct nt_feeds_stats {
	size_t bytes, bytes_max; /* of all sets */
	uint64_t over; /* lists that were refused for want of memory, and feeds beyond the most */
	uint64_t kept_failed; /* sets that could not be written into their file, or read from it */
};
struct nt_feeds_stats nt_feeds_stats(struct nt_feeds *f);
