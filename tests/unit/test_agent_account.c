/* SPDX-License-Identifier: Apache-2.0 */
/* Sequence numbers: small stories of what came, what the kernel counted, and what is stated. */
#include "dataplane/agent/account.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

/*
 * A story is a list of words, all of endpoint 1, epoch 1, direction 0:
 *   s CPU SEQ       number SEQ came          s- CPU SEQ   it must be refused as covered
 *   k CPU SEQ LOST  the kernel's counters of that CPU from now on (LOST as ring_full)
 *   f CPU LOST      ... and LOST as fragment
 *   flush           losses are stated with the counters
 *   restart         saved, and restored into a new account
 *   adopt           the endpoint was there before (agent_restart)
 * What is stated comes out as "reason:count " and, at "flush", "| ".
 */
static const struct {
	const char *what, *events, *want;
	uint64_t covered;
} stories[] = {
	{ "all came", "s 0 0 s 0 1 k 0 2 0 flush", "| ", 2 },
	{ "the kernel had no room", "s 0 0 k 0 3 1 s 0 2 flush", "ring_full:1 | ", 3 },
	{ "two reasons", "s 0 0 k 0 5 2 f 0 1 s 0 4 flush", "ring_full:2 fragment:1 | ", 5 },
	{ "a loss at the tail is stated once the next flush shows it",
	  "s 0 0 k 0 3 2 flush flush flush", "| ring_full:2 | | ", 3 },
	{ "on its way is not lost", "s 0 0 k 0 3 0 flush s 0 1 s 0 2 flush", "| | ", 3 },
	{ "a gap that nothing explains is a bug", "s 0 0 s 0 5 k 0 6 0 flush flush",
	  "| unaccounted:4 | ", 6 },
	{ "overtaken by another task", "s 0 1 s 0 0 s- 0 0 s 0 2 k 0 3 0 flush flush", "| | ", 3 },
	{ "overtaken, and a flush comes in between", "s 0 2 k 0 3 0 flush s 0 0 s 0 1 flush flush",
	  "| | | ", 3 },
	{ "what was stated as lost stays lost", "s 0 0 s 0 2 k 0 3 0 flush flush s- 0 1 flush",
	  "| unaccounted:1 | | ", 3 },
	{ "only of the last 64", "s 0 65 s- 0 1 s 0 2 s 0 3", "", 66 },
	{ "a tail that nothing explains is one too", "s 0 0 k 0 3 0 flush flush",
	  "| unaccounted:2 | ", 3 },
	{ "CPUs have numbers of their own", "s 1 0 s 0 0 s 1 1 k 0 1 0 k 1 2 0 flush", "| ", 3 },
	{ "covered numbers are refused", "s 0 0 s 0 1 s- 0 0 s- 0 1 s 0 2", "", 3 },
	{ "the killed agent had read some", "s 0 0 restart k 0 6 0 flush s 0 4 s 0 5 flush flush",
	  "| agent_restart:3 | | ", 6 },
	{ "it had read all, and nothing more comes", "s 0 0 restart k 0 6 0 flush flush flush",
	  "| agent_restart:5 | | ", 6 },
	{ "the ring was full as well", "s 0 0 restart k 0 9 2 flush s 0 8 flush flush",
	  "| ring_full:2 agent_restart:5 | | ", 9 },
	{ "a tail loss of the kernel does not hide as restart",
	  "s 0 0 restart k 0 9 0 flush s 0 4 s 0 5 k 0 9 2 flush flush flush",
	  "| ring_full:2 agent_restart:3 unaccounted:1 | | | ", 9 },
	{ "an endpoint from before without a spool's word", "adopt k 0 4 0 flush s 0 3 flush flush",
	  "| agent_restart:3 | | ", 4 },
	{ "ring kept everything while nobody read", "adopt k 0 3 0 flush s 0 0 s 0 1 s 0 2 flush",
	  "| | ", 3 },
	{ "quiet at the start, then a bug", "adopt flush s 0 0 s 0 2 k 0 3 0 flush flush",
	  "| | unaccounted:1 | ", 3 },
	{ "stated losses are not stated again", "s 0 0 k 0 3 1 s 0 2 flush restart flush flush",
	  "ring_full:1 | | | ", 3 },
	{ "a gap that was saved before it was stated", "s 0 0 s 0 3 k 0 4 2 restart flush flush",
	  "ring_full:2 | | ", 4 },
};

struct story {
	struct nt_account *account;
	struct nt_counters counters[2];
	char out[512];
};

static void stated(void *ctx, enum nt_reason reason, uint64_t count)
{
	struct story *s = ctx;
	size_t n = strlen(s->out);

	snprintf(s->out + n, sizeof(s->out) - n, "%s:%llu ", nt_reason_name(reason),
		 (unsigned long long)count);
}

static void restart(struct story *s)
{
	_cleanup_buf_ struct nt_buf saved = { 0 };

	nt_account_save(s->account, &saved);
	nt_account_free(s->account);
	s->account = nt_account_new(2, NULL);
	for (size_t at = 0; at < saved.len; at += sizeof(struct nt_account_saved)) {
		struct nt_account_saved one;

		memcpy(&one, saved.p + at, sizeof(one));
		ck_assert(nt_account_restore(s->account, &one));
	}
	/* A new agent adopts all pods that it finds. */
	ck_assert(nt_account_adopt(s->account, 1, 1, NT_REASON_AGENT_RESTART));
}

static const char *play(struct story *s, const char *at)
{
	char word[16] = "";
	unsigned cpu = 0, n = 0, lost = 0;
	int used = 0;

	ck_assert_int_eq(sscanf(at, "%15s%n", word, &used), 1);
	at += used;
	if (strcmp(word, "flush") == 0) {
		nt_account_counters(s->account, 1, 1, s->counters, stated, s);
		strncat(s->out, "| ", sizeof(s->out) - strlen(s->out) - 1);
	} else if (strcmp(word, "restart") == 0) {
		restart(s);
	} else if (strcmp(word, "adopt") == 0) {
		ck_assert(nt_account_adopt(s->account, 1, 1, NT_REASON_AGENT_RESTART));
	} else if (strcmp(word, "k") == 0) {
		ck_assert_int_eq(sscanf(at, "%u %u %u%n", &cpu, &n, &lost, &used), 3);
		s->counters[cpu].seq[0] = n;
		s->counters[cpu].lost[0][NT_LOSS_RING_FULL] = lost;
		at += used;
	} else if (strcmp(word, "f") == 0) {
		ck_assert_int_eq(sscanf(at, "%u %u%n", &cpu, &lost, &used), 2);
		s->counters[cpu].lost[0][NT_LOSS_FRAGMENT] = lost;
		at += used;
	} else {
		struct nt_event e = { .ep_id = 1, .epoch = 1 };

		ck_assert_int_eq(sscanf(at, "%u %u%n", &cpu, &n, &used), 2);
		e.cpu = cpu;
		ck_assert_int_eq(nt_account_seen(s->account, &e, n), strcmp(word, "s") == 0);
		at += used;
	}
	return at + strspn(at, " ");
}

START_TEST(story)
{
	struct story s = { .account = nt_account_new(2, NULL) };

	for (const char *at = stories[_i].events; *at;)
		at = play(&s, at);
	ck_assert_msg(strcmp(s.out, stories[_i].want) == 0, "%s: stated \"%s\"", stories[_i].what,
		      s.out);
	ck_assert_msg(nt_account_covered(s.account, 1) == stories[_i].covered, "%s: covered %llu",
		      stories[_i].what, (unsigned long long)nt_account_covered(s.account, 1));
	nt_account_free(s.account);
}
END_TEST

START_TEST(ranges)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_account *a = nt_account_new(2, NULL);
	struct nt_event e = { .ep_id = 9, .epoch = 3, .cpu = 1, .dir = NT_DIR_TO_POD };
	struct nt_batch_range range;

	for (uint64_t seq = 0; seq < 5; seq++)
		ck_assert(nt_account_seen(a, &e, seq));
	nt_account_ranges(a, &out);
	ck_assert_uint_eq(out.len, sizeof(range));
	memcpy(&range, out.p, sizeof(range));
	ck_assert(range.ep_id == 9 && range.epoch == 3 && range.cpu == 1 && range.dir == 1);
	ck_assert(range.from == 0 && range.to == 5);
	nt_account_commit(a);
	nt_buf_reset(&out);
	nt_account_ranges(a, &out);
	ck_assert_uint_eq(out.len, 0);
	ck_assert(nt_account_seen(a, &e, 5));
	e.epoch =
		4; /* newer programs: the numbers go on, and late ones of the older come between */
	ck_assert(nt_account_seen(a, &e, 6));
	e.epoch = 3;
	ck_assert(nt_account_seen(a, &e, 7));
	ck_assert(!nt_account_seen(a, &e, 6));
	nt_account_ranges(a, &out);
	ck_assert_uint_eq(out.len, sizeof(range));
	memcpy(&range, out.p, sizeof(range));
	ck_assert(range.epoch == 4 && range.from == 5 && range.to == 8);
	ck_assert_uint_eq(nt_account_covered(a, 9), 8);
	nt_account_remove(a, 9);
	nt_buf_reset(&out);
	nt_account_ranges(a, &out);
	ck_assert_uint_eq(out.len, 0);
	nt_account_free(a);
}
END_TEST

START_TEST(complete)
{
	struct nt_account *a = nt_account_new(2, NULL);
	struct nt_counters c[2] = { { .seq = { 0, 0 } } };
	struct nt_event e = { .ep_id = 9, .epoch = 3 };

	ck_assert(nt_account_complete(a, 9, c));
	c[0].seq[0] = 1;
	ck_assert(!nt_account_complete(a, 9, c));
	ck_assert(nt_account_seen(a, &e, 0));
	ck_assert(nt_account_complete(a, 9, c));
	c[1].seq[1] = 1;
	ck_assert(!nt_account_complete(a, 9, c));
	nt_account_free(a);
}
END_TEST

START_TEST(other_cpus)
{
	struct nt_account *a = nt_account_new(2, NULL);
	struct nt_account_saved saved = { .ep_id = 1, .cpu = 2 };
	struct nt_event e = { .ep_id = 1, .cpu = 7 };

	ck_assert(!nt_account_restore(a, &saved));
	ck_assert(nt_account_seen(a, &e, 5)); /* logged, though it is not checked */
	nt_account_free(a);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("agent_account");
	TCase *tc = tcase_create("account");

	tcase_add_loop_test(tc, story, 0, sizeof(stories) / sizeof(stories[0]));
	tcase_add_test(tc, ranges);
	tcase_add_test(tc, complete);
	tcase_add_test(tc, other_cpus);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
