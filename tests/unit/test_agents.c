/* SPDX-License-Identifier: Apache-2.0 */
/* Agents' tokens: what the API server says of one, what is remembered of it, what is logged. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/http/refusals.h"
#include "controller/agents/review.h"
#include "controller/agents/tokens.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"
#include "tests/unit/suite.h"

static const struct nt_review_policy policy = { .account = { "nametap", "nametap-agent" },
						.audience = "nametap-controller" };

/* --- TokenReview ------------------------------------------------------------------------------ */

#define ANSWER(status) "{\"kind\":\"TokenReview\",\"status\":{" status "}}"
#define USER(name, extra) "\"user\":{\"username\":\"" name "\",\"extra\":{" extra "}}"
#define GOOD "\"authenticated\":true,\"audiences\":[\"x\",\"nametap-controller\"],"
#define US "system:serviceaccount:nametap:nametap-agent"
#define POD                                                  \
	"\"authentication.kubernetes.io/pod-name\":[\"a\"]," \
	"\"authentication.kubernetes.io/pod-uid\":[\"u-1\"]"

static const struct {
	const char *body;
	unsigned status;
	const char *words; /* of the refusal, or the node */
} answers[] = {
	{ ANSWER(GOOD USER(US, POD)), 0, "" },
	{ ANSWER(GOOD USER(US, POD ",\"authentication.kubernetes.io/node-name\":[\"n1\"]")), 0,
	  "n1" },
	{ ANSWER(GOOD USER(US, POD ",\"authentication.kubernetes.io/node-name\":[\"n1\",\"n2\"]")),
	  0, "" },
	{ ANSWER("\"user\":{},\"error\":\"[invalid bearer token]\""), 401, "does not accept" },
	{ ANSWER("\"authenticated\":\"true\""), 401, "does not accept" },
	{ ANSWER("\"authenticated\":true," USER(US, POD)), 401, "another audience" },
	{ ANSWER("\"authenticated\":true,\"audiences\":[\"x\"]," USER(US, POD)), 401,
	  "another audience" },
	{ ANSWER("\"authenticated\":true,\"audiences\":\"nametap-controller\"," USER(US, POD)), 401,
	  "another audience" },
	{ ANSWER(GOOD USER("nametap-agent", POD)), 403, "service account" },
	{ ANSWER(GOOD USER("system:serviceaccount:nametap:nametap-agent2", POD)), 403,
	  "service account" },
	{ ANSWER(GOOD "\"user\":null"), 403, "service account" },
	{ ANSWER(GOOD USER(US, "")), 403, "bound to no pod" },
	{ ANSWER(GOOD USER(US, "\"authentication.kubernetes.io/pod-name\":[\"a\"]")), 403,
	  "bound to no pod" },
	{ ANSWER(GOOD USER(US, "\"authentication.kubernetes.io/pod-name\":[\"../x\"],"
			       "\"authentication.kubernetes.io/pod-uid\":[\"u\"]")),
	  403, "bound to no pod" },
	{ "{\"kind\":\"Status\",\"status\":{}}", 503, "no TokenReview" },
	{ "{\"kind\":\"TokenReview\"}", 503, "no TokenReview" },
	{ "", 503, "no TokenReview" },
	{ "nonsense", 503, "no TokenReview" },
};

START_TEST(review)
{
	struct nt_review got = { .node = "untouched" };
	struct nt_err err = { 0 };

	ck_assert_uint_eq(nt_review_read(nt_slice_str(answers[_i].body), &policy, &got, &err),
			  answers[_i].status);
	if (answers[_i].status) {
		ck_assert_msg(strstr(err.msg, answers[_i].words), "%s", err.msg);
		ck_assert_str_eq(got.node, "untouched");
		return;
	}
	ck_assert_str_eq(got.node, answers[_i].words);
	ck_assert_str_eq(got.pod.namespace_, "nametap");
	ck_assert_str_eq(got.pod.name, "a");
	ck_assert_str_eq(got.pod_uid, "u-1");
}
END_TEST

static const struct {
	const char *body;
	unsigned status;
	const char *node;
} pods[] = {
	{ "{\"kind\":\"Pod\",\"metadata\":{\"uid\":\"u-1\"},\"spec\":{\"nodeName\":\"n1\"}}", 0,
	  "n1" },
	{ "{\"kind\":\"Pod\",\"metadata\":{\"uid\":\"u-2\"},\"spec\":{\"nodeName\":\"n1\"}}", 403,
	  "" },
	{ "{\"kind\":\"Pod\",\"metadata\":{\"uid\":\"u-1\"},\"spec\":{}}", 403, "" },
	{ "{\"kind\":\"Pod\"}", 503, "" },
	{ "{}", 503, "" },
	{ "[", 503, "" },
};

START_TEST(pod_of_the_token)
{
	const struct nt_review r = { .pod_uid = "u-1" };
	struct nt_err err = { 0 };
	char node[254] = "";

	ck_assert_uint_eq(nt_review_read_pod(nt_slice_str(pods[_i].body), &r, node, &err),
			  pods[_i].status);
	ck_assert_str_eq(node, pods[_i].node);
}
END_TEST

START_TEST(question)
{
	_cleanup_buf_ struct nt_buf out = { 0 }, bad = { 0 };

	nt_review_write(NT_SLICE_LIT("a\"b"), &policy, &out);
	ck_assert_str_eq(nt_buf_str(&out),
			 "{\"apiVersion\":\"authentication.k8s.io/v1\",\"kind\":\"TokenReview\","
			 "\"spec\":{\"token\":\"a\\\"b\",\"audiences\":[\"nametap-controller\"]}}");
	nt_review_write(NT_SLICE_LIT("\xff"), &policy, &bad);
	ck_assert(!nt_buf_ok(&bad));
}
END_TEST

static const struct {
	const char *token;
	int64_t exp;
} jwts[] = {
	{ "e30.eyJleHAiOjE3OTAwMDAwMDB9.sig", 1790000000 }, /* {"exp":1790000000} */
	{ "e30.eyJleHAiOjE3OTAwMDAwMDB9", 0 },
	{ "e30.e30.sig", 0 },
	{ "e30.eyJleHAiOi01fQ.sig", 0 }, /* {"exp":-5} */
	{ "e30.!!!.sig", 0 },
	{ "..", 0 },
	{ "", 0 },
	{ "opaque", 0 },
};

START_TEST(end_of_a_token)
{
	ck_assert_int_eq(nt_review_expires_s(nt_slice_str(jwts[_i].token)), jwts[_i].exp);
}
END_TEST

/* --- the cache -------------------------------------------------------------------------------- */

#define S NT_NS_PER_S

static struct nt_tokens *tokens;

static void setup(void)
{
	tokens = nt_tokens_new();
	ck_assert_ptr_nonnull(tokens);
}

static void teardown(void)
{
	nt_tokens_free(tokens);
}

static struct nt_token_digest digest(uint32_t n)
{
	struct nt_token_digest d = { 0 };

	memcpy(d.octets, &n, sizeof(n));
	return d;
}

static enum nt_token_state find(uint32_t n, int64_t now_ns)
{
	struct nt_token_digest d = digest(n);
	struct nt_token_verdict v = { .status = 999 };
	enum nt_token_state state = nt_tokens_find(tokens, &d, now_ns, &v);

	if (state == NT_TOKEN_GOOD)
		ck_assert_str_eq(v.node, "n1");
	if (state == NT_TOKEN_REFUSED)
		ck_assert_uint_ne(v.status, 0);
	return state;
}

static void settle(uint32_t n, unsigned status, int64_t now_ns, int64_t expires_ns)
{
	struct nt_token_verdict v = { .status = status, .node = "n1" };
	struct nt_token_digest d = digest(n);

	ck_assert(nt_tokens_pend(tokens, &d));
	ck_assert_int_eq(find(n, now_ns), NT_TOKEN_PENDING);
	(void)nt_tokens_settle(tokens, &d, now_ns, expires_ns, &v);
}

START_TEST(good_one_holds_for_a_minute)
{
	ck_assert_int_eq(find(1, 0), NT_TOKEN_UNKNOWN);
	settle(1, 0, 100 * S, 0);
	ck_assert_int_eq(find(1, 159 * S), NT_TOKEN_GOOD);
	ck_assert_int_eq(find(1, 160 * S), NT_TOKEN_UNKNOWN);
	ck_assert_int_eq(find(2, 100 * S), NT_TOKEN_UNKNOWN);
}
END_TEST

START_TEST(or_to_its_end)
{
	settle(1, 0, 100 * S, 110 * S);
	ck_assert_int_eq(find(1, 109 * S), NT_TOKEN_GOOD);
	ck_assert_int_eq(find(1, 110 * S), NT_TOKEN_UNKNOWN);
	/* By our clock it has ended, the API server accepts it: the one upload goes through. */
	settle(2, 0, 100 * S, 90 * S);
	ck_assert_int_eq(find(2, 100 * S), NT_TOKEN_GOOD);
	ck_assert_int_eq(find(2, 101 * S), NT_TOKEN_UNKNOWN);
}
END_TEST

START_TEST(refused_one_for_five_seconds)
{
	settle(1, 401, 100 * S, 0);
	ck_assert_int_eq(find(1, 104 * S), NT_TOKEN_REFUSED);
	ck_assert_int_eq(find(1, 105 * S), NT_TOKEN_UNKNOWN);
}
END_TEST

/* Ten minutes from the last time that the API server accepted it, by pieces of thirty seconds. */
START_TEST(known_one_holds_while_nobody_can_be_asked)
{
	settle(1, 0, 100 * S, 0);
	for (int64_t now = 160 * S; now < 700 * S; now += 30 * S) {
		ck_assert_int_eq(find(1, now), NT_TOKEN_UNKNOWN);
		settle(1, 503, now, 0);
		ck_assert_int_eq(find(1, now), NT_TOKEN_GOOD);
	}
	settle(1, 503, 700 * S, 0);
	ck_assert_int_eq(find(1, 700 * S), NT_TOKEN_REFUSED);
	settle(2, 503, 100 * S, 0); /* never known */
	ck_assert_int_eq(find(2, 100 * S), NT_TOKEN_REFUSED);
	ck_assert_int_eq(find(2, 102 * S), NT_TOKEN_UNKNOWN);
}
END_TEST

START_TEST(grace_ends_with_the_token_and_with_a_refusal)
{
	settle(1, 0, 100 * S, 200 * S);
	settle(1, 503, 190 * S, 0);
	ck_assert_int_eq(find(1, 194 * S), NT_TOKEN_GOOD);
	settle(1, 503, 201 * S, 0);
	ck_assert_int_eq(find(1, 201 * S), NT_TOKEN_REFUSED);
	settle(2, 0, 100 * S, 0);
	settle(2, 401, 160 * S, 0);
	settle(2, 503, 170 * S, 0);
	ck_assert_int_eq(find(2, 170 * S), NT_TOKEN_REFUSED);
}
END_TEST

/* Asked again, and the API server hangs: what was good can be given meanwhile. */
START_TEST(former_verdict_while_it_is_asked)
{
	struct nt_token_digest good = digest(1), refused = digest(2), stranger = digest(3);
	struct nt_token_verdict v = { .status = 999 };

	settle(1, 0, 100 * S, 0);
	settle(2, 401, 100 * S, 0);
	ck_assert(nt_tokens_pend(tokens, &good));
	ck_assert(nt_tokens_pend(tokens, &refused));
	ck_assert(nt_tokens_pend(tokens, &stranger));
	ck_assert(!nt_tokens_former(tokens, &refused, 170 * S, &v));
	ck_assert(!nt_tokens_former(tokens, &stranger, 170 * S, &v));
	ck_assert(!nt_tokens_former(tokens, &good, 700 * S, &v));
	ck_assert_uint_eq(v.status, 999);
	ck_assert(nt_tokens_former(tokens, &good, 699 * S, &v));
	ck_assert_uint_eq(v.status, 0);
	ck_assert_str_eq(v.node, "n1");
	ck_assert_int_eq(find(1, 170 * S), NT_TOKEN_PENDING);
}
END_TEST

START_TEST(given_up_is_as_before)
{
	struct nt_token_digest good = digest(1), stranger = digest(3);

	settle(1, 0, 100 * S, 0);
	ck_assert(nt_tokens_pend(tokens, &good));
	ck_assert(nt_tokens_pend(tokens, &stranger));
	nt_tokens_unpend(tokens, &good);
	nt_tokens_unpend(tokens, &stranger);
	ck_assert_int_eq(find(1, 159 * S), NT_TOKEN_GOOD);
	ck_assert_int_eq(find(1, 160 * S), NT_TOKEN_UNKNOWN);
	ck_assert_int_eq(find(3, 100 * S), NT_TOKEN_UNKNOWN);
}
END_TEST

/* However many strangers come, who was good stays known; and the memory is bounded. */
START_TEST(strangers_push_out_nobody)
{
	for (uint32_t i = 0; i < 100; i++)
		settle(i, 0, 0, 0);
	for (uint32_t i = 1000; i < 30000; i++)
		settle(i, 401, 0, 0);
	ck_assert_uint_eq(nt_tokens_len(tokens), 100 + NT_TOKENS_REFUSED_MAX);
	for (uint32_t i = 0; i < 100; i++)
		ck_assert_int_eq(find(i, S), NT_TOKEN_GOOD);
	ck_assert_int_eq(find(1000, S), NT_TOKEN_UNKNOWN);
	ck_assert_int_eq(find(29999, S), NT_TOKEN_REFUSED);
	for (uint32_t i = 40000; i < 60000; i++)
		settle(i, 0, S, 0);
	/* One that is asked about is with the refused ones until it is known to be good. */
	ck_assert_uint_ge(nt_tokens_len(tokens), NT_TOKENS_GOOD_MAX);
	ck_assert_uint_le(nt_tokens_len(tokens), NT_TOKENS_GOOD_MAX + NT_TOKENS_REFUSED_MAX);
	ck_assert_int_eq(find(0, S), NT_TOKEN_UNKNOWN);
	ck_assert_int_eq(find(59999, S), NT_TOKEN_GOOD);
}
END_TEST

/* --- the log ---------------------------------------------------------------------------------- */

START_TEST(refusals_are_logged_once_per_cause_and_source)
{
	struct nt_addr a = nt_addr_from(4, (const uint8_t[]){ 10, 0, 0, 1 });
	struct nt_addr b = nt_addr_from(4, (const uint8_t[]){ 10, 0, 0, 2 });
	static struct nt_refusals r;

	nt_log_init("test_agents", NT_LOG_ERROR);
	nt_refusals_init(&r);
	for (int64_t i = 0; i < 100; i++)
		nt_refusals_note(&r, NT_REFUSAL_TOKEN, &a, "no", i * S);
	ck_assert_uint_eq(r.lines, 1);
	nt_refusals_note(&r, NT_REFUSAL_TOKEN, &b, "no", 100 * S);
	nt_refusals_note(&r, NT_REFUSAL_BATCH, &a, "no", 100 * S);
	ck_assert_uint_eq(r.lines, 3);
	nt_refusals_note(&r, NT_REFUSAL_TOKEN, &a, "no", 600 * S);
	nt_refusals_note(&r, NT_REFUSAL_TOKEN, &a, "no", 601 * S);
	ck_assert_uint_eq(r.lines, 4);
	for (uint8_t i = 0; i < 255; i++) {
		struct nt_addr c = nt_addr_from(4, (const uint8_t[]){ 10, 1, i, 1 });

		nt_refusals_note(&r, NT_REFUSAL_NODE, &c, "no", 700 * S + i);
	}
	ck_assert_uint_eq(r.lines, 4 + 255);
	nt_refusals_note(&r, NT_REFUSAL_TOKEN, &a, "no", 702 * S); /* that one was seen last */
	ck_assert_uint_eq(r.lines, 4 + 255);
	nt_refusals_done(&r);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("agents");
	TCase *tc = tcase_create("review"), *cache = tcase_create("tokens");

	tcase_add_loop_test(tc, review, 0, NT_ARRAY_LEN(answers));
	tcase_add_loop_test(tc, pod_of_the_token, 0, NT_ARRAY_LEN(pods));
	tcase_add_test(tc, question);
	tcase_add_loop_test(tc, end_of_a_token, 0, NT_ARRAY_LEN(jwts));
	tcase_add_test(tc, refusals_are_logged_once_per_cause_and_source);
	suite_add_tcase(suite, tc);
	tcase_add_checked_fixture(cache, setup, teardown);
	tcase_add_test(cache, good_one_holds_for_a_minute);
	tcase_add_test(cache, or_to_its_end);
	tcase_add_test(cache, refused_one_for_five_seconds);
	tcase_add_test(cache, known_one_holds_while_nobody_can_be_asked);
	tcase_add_test(cache, grace_ends_with_the_token_and_with_a_refusal);
	tcase_add_test(cache, former_verdict_while_it_is_asked);
	tcase_add_test(cache, given_up_is_as_before);
	tcase_add_test(cache, strangers_push_out_nobody);
	suite_add_tcase(suite, cache);
	return nt_suite_run(suite);
}
