/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of lookups: rows of one client and question that meet in time, and what both sides say. */
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
	bool touched, late;
	uint64_t asked, answered, unanswered; /* of the client's side */
	uint64_t latency_ns;
	uint64_t served, replied, silent; /* of the server's */
	uint64_t server_ns;
	int64_t upstream_ns; /* -1: not known of all */
	uint64_t died[NT_DIED_UNKNOWN + 1]; /* silent, by what the server's agent says */
	const char *reason; /* of NT_DIED_UNKNOWN */
};

static void count_server(struct set *s, const struct nt_end *e)
{
	s->served += e->answered + e->unanswered;
	s->replied += e->answered;
	s->silent += e->unanswered;
	s->server_ns += e->latency_ns;
	if (e->answered)
		s->upstream_ns = s->upstream_ns < 0 || e->upstream_ns < 0
					 ? -1
					 : s->upstream_ns + e->upstream_ns;
	/* An agent without a word for it is of an older build. */
	s->died[e->died ? e->died : NT_DIED_UNKNOWN] += e->unanswered;
	if (e->unanswered && e->died == NT_DIED_UNKNOWN)
		s->reason = e->reason;
}

static void count(struct set *s, const struct nt_end *e)
{
	s->touched |= e->touched;
	if (e->kind == NT_END_LATE) {
		s->late = true;
	} else if (e->kind == NT_END_SERVER) {
		count_server(s, e);
	} else {
		s->asked += e->answered + e->unanswered;
		s->answered += e->answered;
		s->unanswered += e->unanswered;
		s->latency_ns += e->latency_ns;
	}
}

/* --- hops ------------------------------------------------------------------------------------- */

static int64_t share(uint64_t whole, uint64_t part, uint64_t of)
{
	return of ? (int64_t)((unsigned __int128)whole * part / of) : 0;
}

/* Each side's sum is of one clock. Rows of a set share by their latency: the set's sums stay. */
static void find_hops(const struct set *s, const struct nt_end *e, struct nt_join_result *ret)
{
	int64_t server_ns;

	if (!e->answered || s->answered != s->replied || s->latency_ns < s->server_ns)
		return;
	server_ns = share(s->server_ns, e->latency_ns, s->latency_ns);
	ret->hop_count = e->answered;
	ret->network_ns = (int64_t)e->latency_ns - server_ns;
	if (s->upstream_ns < 0 || (uint64_t)s->upstream_ns > s->server_ns)
		return;
	ret->upstream_ns = share((uint64_t)s->upstream_ns, e->latency_ns, s->latency_ns);
	ret->server_ns = server_ns - ret->upstream_ns;
}

/* --- deaths ----------------------------------------------------------------------------------- */

static void say(struct nt_join_result *ret, enum nt_died died, const char *reason)
{
	ret->died = died;
	ret->reason = reason;
}

/* The client's side has all that was asked, the server's all that came: the rest never came. */
static void not_served(struct nt_join *j, const struct set *s, struct nt_end *e,
		       struct nt_join_result *ret)
{
	const char *reason = nt_peers_unsure(&j->peers, e);

	if (!reason)
		reason = nt_peers_missing(&j->peers, e->pod, e->start_us, e->end_us);
	if (!reason && e->start_us - PAUSE_US <= j->forgotten_us)
		reason = NT_JOIN_FORGOTTEN;
	if (!reason && (s->silent || s->replied != s->answered))
		reason = NT_JOIN_SEVERAL;
	if (reason && strcmp(reason, NT_JOIN_NOT_TOLD) == 0)
		nt_join_wait(j, e);
	say(ret, reason ? NT_DIED_UNKNOWN : NT_DIED_BEFORE, reason ? reason : "");
}

/* All that was asked came: it was answered and lost on its way, or all died at one place. */
static void served(const struct set *s, struct nt_join_result *ret)
{
	uint64_t returned = s->replied - s->answered;

	if (returned == s->unanswered) {
		say(ret, NT_DIED_RETURN, "");
		return;
	}
	for (enum nt_died d = NT_DIED_SERVER; d <= NT_DIED_UNKNOWN; d++)
		if (s->died[d] == s->unanswered) {
			say(ret, d, d == NT_DIED_UNKNOWN ? s->reason : "");
			return;
		}
	say(ret, NT_DIED_UNKNOWN, NT_JOIN_SEVERAL);
}

static void find_death(struct nt_join *j, const struct set *s, struct nt_end *e,
		       struct nt_join_result *ret)
{
	const char *lost;

	/* What came late died nowhere. */
	if (!e->unanswered || !e->open || s->late)
		return;
	if (s->served < s->asked) {
		not_served(j, s, e, ret);
		return;
	}
	lost = nt_peers_missing(&j->peers, e->pod, e->start_us, e->end_us);
	if (lost)
		say(ret, NT_DIED_UNKNOWN, lost);
	else if (s->served > s->asked || s->replied < s->answered)
		say(ret, NT_DIED_UNKNOWN, NT_JOIN_SEVERAL);
	else
		served(s, ret);
}

/* --- sets ------------------------------------------------------------------------------------- */

static void meet(struct nt_join *j, struct nt_end *client, const struct set *s)
{
	for (size_t i = 0; i < s->len; i++) {
		struct nt_end *e = s->ends[i];

		if (e->kind != NT_END_SERVER)
			continue;
		client->met = e->met = true;
		/* Not of a set that may have what another server answered. */
		if (s->asked == s->served && s->answered == s->replied)
			nt_peers_met(&j->peers, client, e);
	}
}

static void look_at(struct nt_join *j, const struct set *s)
{
	for (size_t i = 0; i < s->len; i++) {
		struct nt_end *e = s->ends[i];
		struct nt_join_result result = {
			.network_ns = -1, .server_ns = -1, .upstream_ns = -1, .reason = ""
		};

		e->touched = false;
		if (e->kind != NT_END_CLIENT)
			continue;
		if (s->served)
			meet(j, e, s);
		find_hops(s, e, &result);
		find_death(j, s, e, &result);
		nt_join_say(j, e, &result);
	}
}

static int by_start(const void *a, const void *b)
{
	const struct nt_end *x = *(struct nt_end *const *)a, *y = *(struct nt_end *const *)b;

	return x->start_us < y->start_us ? -1 : x->start_us > y->start_us;
}

/* The newest rows of that key, by their start. */
static size_t gather(const struct nt_join *j, uint64_t key, uint32_t at, struct nt_end **ends)
{
	size_t len = 0;

	for (; at && len < ROWS_MAX; at = j->ends[at - 1].next)
		if (j->ends[at - 1].key == key)
			ends[len++] = &j->ends[at - 1];
	qsort(ends, len, sizeof(*ends), by_start);
	return len;
}

/* A set ends before a pause, or, when both sides have as many, before the next row that begins
 * after all of it: a client that never pauses has one set per interval so. */
static size_t next_set(struct nt_end **ends, size_t len, struct set *ret)
{
	struct set s = { .ends = ends, .reason = NT_JOIN_UNSAID };
	int64_t end_us = INT64_MIN;

	for (; s.len < len; s.len++) {
		const struct nt_end *e = ends[s.len];

		if (s.len && e->start_us > end_us &&
		    (e->start_us - end_us > PAUSE_US ||
		     (s.asked == s.served && s.answered == s.replied)))
			break;
		if (e->end_us > end_us)
			end_us = e->end_us;
		count(&s, e);
	}
	*ret = s;
	return s.len;
}

void nt_join_look(struct nt_join *j, uint64_t key, uint32_t newest)
{
	struct nt_end *ends[ROWS_MAX];
	size_t len = gather(j, key, newest, ends), at = 0;

	while (at < len) {
		struct set s;

		at += next_set(ends + at, len - at, &s);
		/* The oldest set of many may be a part of one. */
		if (s.touched && (len < ROWS_MAX || s.ends != ends || s.len == len))
			look_at(j, &s);
	}
	for (size_t i = 0; i < len; i++)
		ends[i]->touched = false;
}
