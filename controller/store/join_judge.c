/* SPDX-License-Identifier: Apache-2.0 */
/* What both sides of the same lookups say: how long each part took, and where they died. */
#include "controller/store/join_own.h"

static void count_server(struct nt_join_sum *s, const struct nt_end *e)
{
	uint64_t silent = e->unanswered - e->late;

	s->served += e->answered + e->unanswered;
	s->replied += e->answered;
	s->replied_late += e->late;
	s->silent += silent;
	s->server_ns += e->latency_ns;
	if (e->answered)
		s->upstream_ns = s->upstream_ns < 0 || e->upstream_ns < 0
					 ? -1
					 : s->upstream_ns + e->upstream_ns;
	/* An agent without a word for it is of an older build. */
	s->died[e->died ? e->died : NT_DIED_UNKNOWN] += silent;
	if (silent && e->died == NT_DIED_UNKNOWN)
		s->reason = e->reason;
}

void nt_join_count(struct nt_join_sum *s, const struct nt_end *e)
{
	if (e->kind == NT_END_SERVER) {
		count_server(s, e);
		return;
	}
	s->asked += e->answered + e->unanswered;
	s->answered += e->answered;
	s->unanswered += e->unanswered - e->late;
	s->late += e->late;
	s->latency_ns += e->latency_ns;
}

/* In time or late. */
static uint64_t answered(const struct nt_join_sum *s)
{
	return s->answered + s->late;
}

static uint64_t replied(const struct nt_join_sum *s)
{
	return s->replied + s->replied_late;
}

bool nt_join_agrees(const struct nt_join_sum *s)
{
	return s->asked == s->served && answered(s) == replied(s);
}

/* --- hops ------------------------------------------------------------------------------------- */

static int64_t share(uint64_t whole, uint64_t part, uint64_t of)
{
	return of ? (int64_t)((unsigned __int128)whole * part / of) : 0;
}

/* Each side's sum is of one clock. Rows of a set share by their latency: the set's sums stay. */
static void find_hops(const struct nt_join_sum *s, const struct nt_end *e,
		      struct nt_join_result *ret)
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
static void not_served(struct nt_join *j, const struct nt_join_sum *s, struct nt_end *e,
		       struct nt_join_result *ret)
{
	const char *reason = nt_peers_unsure(&j->peers, e);

	if (!reason)
		reason = nt_losses_missing(&j->peers.losses, e->pod, e->start_us, e->end_us);
	if (!reason && (s->silent || replied(s) != answered(s)))
		reason = NT_JOIN_SEVERAL;
	if (reason && strcmp(reason, NT_JOIN_NOT_TOLD) == 0)
		nt_join_wait(j, e, NT_JOIN_NO_NODE);
	say(ret, reason ? NT_DIED_UNKNOWN : NT_DIED_BEFORE, reason ? reason : "");
}

/* All that was asked came: it was answered and lost on its way, or all died at one place. */
static void served(const struct nt_join_sum *s, struct nt_join_result *ret)
{
	if (replied(s) - answered(s) == s->unanswered) {
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

static void find_death(struct nt_join *j, const struct nt_join_sum *s, struct nt_end *e,
		       struct nt_join_result *ret)
{
	const char *lost;

	if (s->served < s->asked) {
		not_served(j, s, e, ret);
		return;
	}
	lost = nt_losses_missing(&j->peers.losses, e->pod, e->start_us, e->end_us);
	if (lost)
		say(ret, NT_DIED_UNKNOWN, lost);
	else if (s->served > s->asked || replied(s) < answered(s))
		say(ret, NT_DIED_UNKNOWN, NT_JOIN_SEVERAL);
	else
		served(s, ret);
}

/* What came late died nowhere, whatever its agent said. */
static bool came_late(const struct nt_end *e)
{
	return e->late && e->late >= e->unanswered;
}

/* Some agents know themselves. */
static bool is_open(const struct nt_end *e)
{
	return e->open && e->unanswered > e->late;
}

struct nt_join_result nt_join_judge(struct nt_join *j, const struct nt_join_sum *s,
				    struct nt_end *e)
{
	struct nt_join_result result = nt_join_unsure(e, "");

	find_hops(s, e, &result);
	if (is_open(e))
		find_death(j, s, e, &result);
	return result;
}

struct nt_join_result nt_join_unsure(const struct nt_end *e, const char *reason)
{
	struct nt_join_result result = { .network_ns = -1,
					 .server_ns = -1,
					 .upstream_ns = -1,
					 .judged = e->result.judged || came_late(e),
					 .reason = "" };

	if (is_open(e))
		say(&result, NT_DIED_UNKNOWN, reason);
	return result;
}
