/* SPDX-License-Identifier: Apache-2.0 */
/* POST alerts/suppressions as its handler is called: what is stored and what is answered. The rest
 * of it is tests/netns/test_controller. */
#include <jansson.h>

#include "api/http/handlers.h"
#include "api/http/reply.h"
#include "controller/ingest/ingest.h"
#include "lib/base/cleanup.h"
#include "tests/unit/alerts_stage.h"

static struct nt_ingest *ingest;

/* The rule "r", and a server that has no reader of the store to give. */
static void post(const char *group, struct nt_reply *reply)
{
	_cleanup_buf_ struct nt_buf body = { 0 };
	struct nt_params params = { 0 };
	struct nt_api api = { .store = store };

	nt_buf_printf(&body,
		      "{\"rule\":\"r\",\"group\":%s,\"until\":\"now+1h\",\"reason\":\"moves\","
		      "\"by\":\"ann\"}",
		      group);
	params.body = nt_slice_mem(body.p, body.len);
	begin(RULE);
	ck_assert_int_eq(nt_ingest_new(store, NULL, NULL, &ingest, &err), 0);
	ck_assert_int_eq(nt_ingest_use_alerts(ingest, alerts, &err), 0);
	api.ingest = ingest;
	nt_readers_init(&api.readers, store, 0);
	nt_handle_suppress(&api, &params, reply);
	nt_readers_done(&api.readers);
	nt_ingest_free(ingest);
	stop();
}

/* Who is told that it failed asks again, and there are two. */
START_TEST(what_is_stored_is_answered_without_a_reader)
{
	_cleanup_reply_ struct nt_reply reply = { 0 };
	const char *id, *rule, *reason, *by, *name;
	json_int_t events;
	json_t *one;

	post("{\"CLIENT_NAME\":\"a\"}", &reply);
	ck_assert_msg(reply.status == 200, "%u: %s", reply.status, nt_buf_str(&reply.body));
	one = json_loadb(reply.body.p, reply.body.len, 0, NULL);
	ck_assert_int_eq(json_unpack(one, "{s:s, s:s, s:s, s:s, s:{s:s}, s:I}", "id", &id, "rule",
				     &rule, "reason", &reason, "by", &by, "group", "client_name",
				     &name, "events", &events),
			 0);
	ck_assert_str_eq(id, "1");
	ck_assert_str_eq(rule, "r");
	ck_assert_str_eq(reason, "moves");
	ck_assert_str_eq(by, "ann");
	ck_assert_str_eq(name, "a");
	ck_assert_int_eq(events, 0);
	json_decref(one);
	ck_assert_uint_eq(nt_store_stats(store).suppressions, 1);
}
END_TEST

START_TEST(field_that_is_there_twice_is_refused)
{
	_cleanup_reply_ struct nt_reply reply = { 0 };

	post("{\"client_name\":\"a\",\"CLIENT_NAME\":\"a\"}", &reply);
	ck_assert_uint_eq(reply.status, 400);
	ck_assert_msg(strstr(nt_buf_str(&reply.body),
			     "group.client_name: the field is there twice"),
		      "%s", nt_buf_str(&reply.body));
	ck_assert_uint_eq(nt_store_stats(store).suppressions, 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("http_suppress");

	tcase_add_test(tc, what_is_stored_is_answered_without_a_reader);
	tcase_add_test(tc, field_that_is_there_twice_is_refused);
	return store_run("http_suppress", tc);
}
