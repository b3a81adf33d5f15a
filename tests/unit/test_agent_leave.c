/* SPDX-License-Identifier: Apache-2.0 */
/* Does the agent end for good? What each answer of the API says, and what a sequence of them comes
 * to (T24): an uninstall never by accident. */
#include "dataplane/agent/leave.h"

#include <check.h>
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

#define NAME "nametap-agent"
#define META(more) "{\"kind\":\"DaemonSet\",\"metadata\":{\"name\":\"nametap-agent\"" more "}}"
#define STATUS(reason, kind, name)                                                     \
	"{\"kind\":\"Status\",\"reason\":\"" reason "\",\"details\":{\"kind\":\"" kind \
	"\",\"name\":\"" name "\"}}"

static const struct {
	int status;
	const char *body;
	bool expired;
	enum nt_leave_word word;
} answers[] = {
	{ 200, META(""), false, NT_LEAVE_THERE },
	{ 200, META(",\"deletionTimestamp\":null"), false, NT_LEAVE_THERE },
	{ 200, META(",\"deletionTimestamp\":\"2026-11-26T21:00:00Z\""), false, NT_LEAVE_DELETED },
	{ 200, "{\"kind\":\"DaemonSet\",\"metadata\":{\"name\":\"other\"}}", false,
	  NT_LEAVE_NOTHING },
	{ 200, "{\"kind\":\"Deployment\",\"metadata\":{\"name\":\"" NAME "\"}}", false,
	  NT_LEAVE_NOTHING },
	{ 200, "", false, NT_LEAVE_NOTHING },
	{ 200, "<html>", false, NT_LEAVE_NOTHING },
	{ 404, STATUS("NotFound", "daemonsets", NAME), false, NT_LEAVE_DELETED },
	{ 404, STATUS("NotFound", "daemonsets", "other"), false, NT_LEAVE_NOTHING },
	{ 404, STATUS("NotFound", "namespaces", NAME), false, NT_LEAVE_NOTHING },
	{ 404, STATUS("", "daemonsets", NAME), false, NT_LEAVE_NOTHING },
	/* The API server has not its groups together yet, or is somebody's proxy. */
	{ 404, "404 page not found\n", false, NT_LEAVE_NOTHING },
	{ 401, STATUS("Unauthorized", "", ""), false, NT_LEAVE_UNAUTHORIZED },
	{ 401, STATUS("Unauthorized", "", ""), true, NT_LEAVE_NOTHING },
	{ 403, STATUS("Forbidden", "daemonsets", NAME), false, NT_LEAVE_NOTHING },
	{ 403, STATUS("Forbidden", "daemonsets", "other"), false, NT_LEAVE_NOTHING },
	{ 403, "<html>", false, NT_LEAVE_NOTHING },
	{ 410, STATUS("Gone", "daemonsets", NAME), false, NT_LEAVE_NOTHING },
	{ 429, "", false, NT_LEAVE_NOTHING },
	{ 500, STATUS("NotFound", "daemonsets", NAME), false, NT_LEAVE_NOTHING },
	{ 503, "", false, NT_LEAVE_NOTHING },
	{ 301, "", false, NT_LEAVE_NOTHING },
	{ 0, NULL, false, NT_LEAVE_NOTHING },
};

START_TEST(words)
{
	const struct nt_kube_answer answer = { .status = answers[_i].status,
					       .body = nt_slice_str(answers[_i].body) };

	ck_assert_int_eq(nt_leave_read(&answer, NAME, answers[_i].expired), answers[_i].word);
}
END_TEST

/* 30 s without an answer of use. */
#define NOBODY ".............................."
#define UNAUTHORIZED "UUUUUUUUUUUUUUUU"

/* One letter a second from SIGTERM on: T there, D deleted, U 401, W 401 while another agent waits,
 * . nothing. The verdict, and after how many letters. */
static const struct {
	const char *words;
	bool seen;
	enum nt_leave_verdict verdict;
	int after;
} stories[] = {
	{ "TTTTTT", true, NT_LEAVE_STAY, 6 }, /* a roll-out */
	{ "TTD", true, NT_LEAVE_UNINSTALL, 3 }, /* a namespace: the pods went first */
	{ "TUUUUUUUUUUU", true, NT_LEAVE_UNINSTALL, 12 },
	{ "T" NOBODY, true, NT_LEAVE_STAY, 31 },
	{ "D", true, NT_LEAVE_UNINSTALL, 1 },
	{ "D", false, NT_LEAVE_STAY, 1 }, /* a wrong name in the configuration */
	{ "U", false, NT_LEAVE_STAY, 1 },
	{ "...TTT", true, NT_LEAVE_STAY, 6 }, /* a roll-out while the API restarts */
	{ "..D", true, NT_LEAVE_UNINSTALL, 3 },
	{ NOBODY ".", true, NT_LEAVE_STAY, 31 }, /* nobody there for 30 s */
	{ UNAUTHORIZED, true, NT_LEAVE_UNINSTALL, 11 }, /* 10 s lie between 11 */
	{ "............................." UNAUTHORIZED, true, NT_LEAVE_UNINSTALL, 40 },
	{ "UUUUUUUUUT....", true, NT_LEAVE_STAY, 10 },
	{ "UUUUUUUUU.UUUUUUUUUUU", true, NT_LEAVE_UNINSTALL, 21 }, /* not on end: anew */
	{ "UUUUUUUUU......T", true, NT_LEAVE_STAY, 16 },
	{ "U.U.U.U.U.U.U.U.U.U.U.U.U.U.U.U...", true, NT_LEAVE_STAY, 32 },
	/* The pod was deleted by force, and the DaemonSet has made another one. */
	{ "UUUUUUUUUW", true, NT_LEAVE_STAY, 10 },
};

START_TEST(verdicts)
{
	static const char letters[] = ".TDU";
	struct nt_leave_state s = { .seen = stories[_i].seen, .asked_ns = 100 * NT_NS_PER_S };
	enum nt_leave_verdict verdict = NT_LEAVE_WAIT;
	int64_t now = s.asked_ns;
	int n = 0;

	while (stories[_i].words[n] && verdict == NT_LEAVE_WAIT) {
		char letter = stories[_i].words[n];
		enum nt_leave_word word = strchr(letters, letter == 'W' ? 'U' : letter) - letters;

		s.is_wanted = letter == 'W';
		verdict = nt_leave_judge(&s, word, now);
		now += NT_NS_PER_S;
		n++;
	}
	ck_assert_int_eq(verdict, stories[_i].verdict);
	ck_assert_int_eq(n, stories[_i].after);
}
END_TEST

/* {"exp":1000}, {"exp":1000.5}, {"sub":"x"}, and what is no token. */
static const struct {
	const char *token;
	int64_t now_s;
	bool expired;
} tokens[] = {
	{ "e30.eyJleHAiOjEwMDB9.c2ln", 999, false },
	{ "e30.eyJleHAiOjEwMDB9.c2ln", 1000, true },
	{ "e30.eyJleHAiOjEwMDAuNX0.c2ln\n", 1001, true },
	{ "e30.eyJzdWIiOiJ4In0.c2ln", 1 << 30, false },
	{ "e30.eyJleHAiOiJ4In0.c2ln", 1 << 30, false },
	{ "secret", 1 << 30, false },
	{ "", 1 << 30, false },
	{ "a.b", 1 << 30, false },
	{ "a.%%.b", 1 << 30, false },
};

START_TEST(expiry)
{
	ck_assert_int_eq(nt_leave_token_expired(nt_slice_str(tokens[_i].token), tokens[_i].now_s),
			 tokens[_i].expired);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("agent_leave");
	TCase *tc = tcase_create("all");

	tcase_add_loop_test(tc, words, 0, (int)NT_ARRAY_LEN(answers));
	tcase_add_loop_test(tc, verdicts, 0, (int)NT_ARRAY_LEN(stories));
	tcase_add_loop_test(tc, expiry, 0, (int)NT_ARRAY_LEN(tokens));
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
