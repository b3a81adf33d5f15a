/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sets of lookups: rows of one client and question that meet in time. Those of a set that went to
 * different servers are told from each other.
 */
#include "controller/store/join_own.h"

#include <stdlib.h>

/* Rows of one client and question that are looked at, the newest ones: a client that asks the same
 * again and again has a few of them in an interval. */
#define ROWS_MAX 64
/* Behind a pause a new set begins: longer than the way, and than what clocks differ. */
#define PAUSE_US 1000000

struct set {
	struct nt_end **ends;
	size_t len;
	bool touched;
	bool partial; /* rows of it may be gone */
};

/* What a client asked at one server. */
struct group {
	const struct nt_end *client; /* the first of its rows */
	bool mixed; /* a server's row may be of these lookups or of others */
	struct nt_join_sum sum;
};

static const struct nt_join_sum no_sum = { .reason = NT_JOIN_UNSAID };

/* --- one server or several -------------------------------------------------------------------- */

/* How well a server's row fits to what was asked there. Of two that differ by one both may be it:
 * an address that is not known may stand for any server. */
enum fit {
	FIT_NO = 0,
	FIT_OTHERS = 1, /* others answer at that address; there may be a new one */
	FIT_UNKNOWN = 2, /* who answers there is not known */
	FIT_KNOWN = 3, /* this one was seen to */
	FIT_EQUAL = 4, /* it is the server's own address */
};

static enum fit fit_of(const struct nt_join *j, const struct group *g, const struct nt_end *server)
{
	if (g->client->target == server->target)
		return FIT_EQUAL;
	if (g->client->translated)
		return FIT_NO;
	switch (nt_peers_behind(&j->peers, g->client, server)) {
	case NT_BEHIND_IT:
		return FIT_KNOWN;
	case NT_BEHIND_OTHERS:
		return FIT_OTHERS;
	default:
		return FIT_UNKNOWN;
	}
}

/* The one group that a server's row is of; NULL: of none, or several, which are mixed then. */
static struct group *group_of_server(const struct nt_join *j, struct group *groups, size_t len,
				     const struct nt_end *server)
{
	enum fit fits[ROWS_MAX], best = FIT_NO, least;
	struct group *found = NULL;
	size_t found_len = 0;

	for (size_t i = 0; i < len; i++) {
		fits[i] = fit_of(j, &groups[i], server);
		if (fits[i] > best)
			best = fits[i];
	}
	least = best > FIT_OTHERS ? best - 1 : FIT_OTHERS;
	for (size_t i = 0; i < len; i++)
		if (fits[i] >= least) {
			found = &groups[i];
			found_len++;
		}
	for (size_t i = 0; i < len && found_len > 1; i++)
		groups[i].mixed |= fits[i] >= least;
	return found_len == 1 ? found : NULL;
}

static struct group *group_of_client(struct group *groups, size_t *len, const struct nt_end *client)
{
	for (size_t i = 0; i < *len; i++)
		if (groups[i].client->target == client->target)
			return &groups[i];
	groups[*len] = (struct group){ .client = client, .sum = no_sum };
	return &groups[(*len)++];
}

/* The rows by server; of[i] is the i-th row's, NULL where that is not known. */
static void separate(const struct nt_join *j, const struct set *s, struct group *groups,
		     struct group **of)
{
	size_t len = 0;

	for (size_t i = 0; i < s->len; i++)
		if (s->ends[i]->kind == NT_END_CLIENT)
			of[i] = group_of_client(groups, &len, s->ends[i]);
	for (size_t i = 0; i < s->len; i++)
		if (s->ends[i]->kind == NT_END_SERVER)
			of[i] = group_of_server(j, groups, len, s->ends[i]);
	for (size_t i = 0; i < s->len; i++)
		if (of[i])
			nt_join_count(&of[i]->sum, s->ends[i]);
}

/* --- what is said of a set -------------------------------------------------------------------- */

/* By times of clocks that differ, other lookups may have met. */
static bool is_off(const struct nt_join *j, const struct set *s)
{
	int64_t least = INT64_MAX, most = INT64_MIN;

	for (size_t i = 0; i < s->len; i++) {
		int64_t offset_us = nt_join_offset(j, s->ends[i]);

		if (s->ends[i]->stepped)
			return true;
		if (offset_us < least)
			least = offset_us;
		if (offset_us > most)
			most = offset_us;
	}
	return most - least > NT_JOIN_CLOCK_US;
}

/* Of rows from before the start a node's clock is known when its next batch comes: the node that is
 * waited for, NT_JOIN_NO_NODE for none. */
static uint32_t unheard(const struct nt_join *j, const struct set *s)
{
	bool several = false;

	for (size_t i = 1; i < s->len; i++)
		several |= s->ends[i]->node != s->ends[0]->node;
	for (size_t i = 0; i < s->len && several; i++)
		if (s->ends[i]->offset_us == NT_JOIN_NO_OFFSET &&
		    !nt_peers_is_heard(&j->peers, s->ends[i]->node))
			return s->ends[i]->node;
	return NT_JOIN_NO_NODE;
}

/* Who answers behind an address is learned where both sides agree; by clocks that are not known yet
 * only where they did before the start. */
static void learn(struct nt_join *j, const struct set *s, struct group *const *of, bool clocks)
{
	for (size_t c = 0; c < s->len; c++) {
		const struct nt_end *client = s->ends[c];

		if (client->kind != NT_END_CLIENT || of[c]->mixed || !nt_join_agrees(&of[c]->sum) ||
		    (!clocks && !client->result.hop_count))
			continue;
		for (size_t i = 0; i < s->len; i++)
			if (of[i] == of[c] && s->ends[i]->kind == NT_END_SERVER)
				nt_peers_met(&j->peers, client, s->ends[i]);
	}
}

static void meet(const struct set *s, struct group *const *of)
{
	bool asked = false;

	for (size_t i = 0; i < s->len; i++)
		asked |= s->ends[i]->kind == NT_END_CLIENT;
	for (size_t i = 0; i < s->len; i++)
		s->ends[i]->met |= of[i] ? of[i]->mixed || of[i]->sum.served : asked;
}

/* Not sure of any of them. */
static void say_unsure(struct nt_join *j, const struct set *s, const char *reason)
{
	for (size_t i = 0; i < s->len; i++) {
		struct nt_join_result result = nt_join_unsure(s->ends[i], reason);

		if (s->ends[i]->kind == NT_END_CLIENT)
			nt_join_say(j, s->ends[i], &result);
	}
}

/* What is known of a row stays, but for what a late reply takes back. */
static bool is_known(const struct nt_end *e)
{
	return e->result.hop_count ||
	       (e->result.died && !e->late && strcmp(e->result.reason, NT_JOIN_NOT_TOLD) != 0);
}

/* What was not known when all was there will not be. */
static void say_partial(struct nt_join *j, const struct set *s)
{
	for (size_t i = 0; i < s->len; i++) {
		struct nt_end *e = s->ends[i];
		struct nt_join_result result = nt_join_unsure(e, NT_JOIN_FORGOTTEN);

		if (e->kind == NT_END_CLIENT && !is_known(e))
			nt_join_say(j, e, &result);
	}
}

static void say_whole(struct nt_join *j, const struct set *s, struct group *const *of)
{
	for (size_t i = 0; i < s->len; i++) {
		struct nt_end *e = s->ends[i];
		struct nt_join_result result;

		if (e->kind != NT_END_CLIENT)
			continue;
		result = of[i]->mixed ? nt_join_unsure(e, NT_JOIN_SEVERAL)
				      : nt_join_judge(j, &of[i]->sum, e);
		nt_join_say(j, e, &result);
	}
}

static void say_unheard(struct nt_join *j, const struct set *s, uint32_t node)
{
	for (size_t i = 0; i < s->len; i++) {
		struct nt_end *e = s->ends[i];
		struct nt_join_result result = nt_join_unsure(
			e, nt_peers_is_aged(&j->peers, e) ? NT_JOIN_SILENT : NT_JOIN_NOT_TOLD);

		if (e->kind != NT_END_CLIENT)
			continue;
		if (!is_known(e))
			nt_join_say(j, e, &result);
		nt_join_wait(j, e, node);
	}
}

static void look_at(struct nt_join *j, const struct set *s)
{
	struct group groups[ROWS_MAX], *of[ROWS_MAX] = { 0 };
	uint32_t node = unheard(j, s);

	if (s->partial) {
		say_partial(j, s);
	} else if (node == NT_JOIN_NO_NODE && is_off(j, s)) {
		say_unsure(j, s, NT_JOIN_CLOCK);
	} else {
		separate(j, s, groups, of);
		meet(s, of);
		learn(j, s, of, node == NT_JOIN_NO_NODE);
		if (node == NT_JOIN_NO_NODE)
			say_whole(j, s, of);
		else
			say_unheard(j, s, node);
	}
	for (size_t i = 0; i < s->len; i++)
		s->ends[i]->touched = false;
}

/* --- sets ------------------------------------------------------------------------------------- */

static int by_start(const void *a, const void *b)
{
	const struct nt_end *x = *(struct nt_end *const *)a, *y = *(struct nt_end *const *)b;

	return x->start_us < y->start_us ? -1 : x->start_us > y->start_us;
}

/* The newest rows of that key. */
static size_t gather(const struct nt_join *j, uint64_t key, uint32_t at, struct nt_end **ends)
{
	size_t len = 0;

	for (; at && len < ROWS_MAX; at = j->ends[at - 1].next)
		if (j->ends[at - 1].key == key)
			ends[len++] = &j->ends[at - 1];
	return len;
}

/* The row that a late reply was for. */
static void find_late(struct nt_end *late, struct nt_end **ends, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		struct nt_end *e = ends[i];

		if (e->kind == NT_END_LATE || e->id != late->id || e->node != late->node ||
		    !e->unanswered)
			continue;
		e->late =
			e->late + late->late < e->unanswered ? e->late + late->late : e->unanswered;
		e->touched = late->used = true;
	}
}

/* Late replies go to the rows that they were for, and are of no set: they come much later. Returns
 * how many rows are left. */
static size_t take_late(struct nt_end **ends, size_t len)
{
	size_t kept = 0;

	for (size_t i = 0; i < len; i++)
		if (ends[i]->kind == NT_END_LATE && !ends[i]->used)
			find_late(ends[i], ends, len);
	for (size_t i = 0; i < len; i++) {
		if (ends[i]->kind == NT_END_LATE)
			ends[i]->touched = false;
		else
			ends[kept++] = ends[i];
	}
	return kept;
}

/* A set ends before a pause, or, when both sides have as many, before the next row that begins
 * after all of it: a client that never pauses has one set per interval so. */
static size_t next_set(struct nt_end **ends, size_t len, struct set *ret)
{
	struct nt_join_sum sum = no_sum;
	struct set s = { .ends = ends };
	int64_t end_us = INT64_MIN;

	for (; s.len < len; s.len++) {
		const struct nt_end *e = ends[s.len];

		if (s.len && e->start_us > end_us &&
		    (e->start_us - end_us > PAUSE_US || nt_join_agrees(&sum)))
			break;
		if (e->end_us > end_us)
			end_us = e->end_us;
		s.touched |= e->touched;
		nt_join_count(&sum, e);
	}
	*ret = s;
	return s.len;
}

/* Rows of before its beginning have been forgotten, or were not read after a start. */
static bool is_partial(const struct nt_join *j, const struct set *s)
{
	int64_t start_us = s->ends[0]->start_us - PAUSE_US;

	return start_us <= j->unread_us ||
	       start_us - nt_join_offset(j, s->ends[0]) <= j->forgotten_us;
}

void nt_join_look(struct nt_join *j, uint64_t key, uint32_t newest)
{
	struct nt_end *ends[ROWS_MAX];
	size_t all = gather(j, key, newest, ends), len = take_late(ends, all), at = 0;

	qsort(ends, len, sizeof(*ends), by_start);
	while (at < len) {
		struct set s;

		at += next_set(ends + at, len - at, &s);
		s.partial = is_partial(j, &s) || (all == ROWS_MAX && s.ends == ends);
		if (s.touched)
			look_at(j, &s);
	}
}
