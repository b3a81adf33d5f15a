/* SPDX-License-Identifier: Apache-2.0 */
/* Receivers' files, fences, bodies, signatures and pauses of controller/notify. What a real server
 * and a killed controller make of it is tests/netns/test_notify. */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "controller/alerts/event.h"
#include "controller/notify/letter.h"
#include "controller/notify/receivers.h"
#include "controller/notify/retry.h"
#include "controller/notify/send.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/http/fence.h"
#include "tests/unit/suite.h"

#define T0_US 1795413600000000LL /* 2026-11-23T06:00:00Z */

static struct nt_err err;

/* --- the file --------------------------------------------------------------------------------- */

/* 0, or the error with its text in err. */
static int read_text(const char *text, struct nt_receivers *ret_receivers)
{
	char path[] = "/tmp/nt-test-receivers-XXXXXX";
	int fd = mkstemp(path), r;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	r = nt_receivers_read(path, ret_receivers, &err);
	unlink(path);
	return r;
}

START_TEST(every_field_is_read)
{
	struct nt_receivers all;

	ck_assert_msg(
		read_text("externalURL: https://nametap.example.com/\n"
			  "receivers:\n"
			  "- {name: am, type: alertmanager, url: 'http://am.monitoring:9093/',\n"
			  "   resendInterval: 30s, giveUpAfter: 1h, caFile: /ca, tokenFile: /t}\n"
			  "- {name: hook, type: webhook, urlFile: /u, secretFile: /s,\n"
			  "   basicAuthFile: /b, allowLocal: true}\n"
			  "- {name: ops, type: jira, url: 'https://jira.example.com', project: "
			  "OPS}\n",
			  &all) == 0,
		"%s", err.msg);
	ck_assert_uint_eq(all.len, 3);
	ck_assert_str_eq(all.external_url, "https://nametap.example.com/");
	ck_assert_str_eq(all.at[0].name, "am");
	ck_assert_int_eq(all.at[0].type, NT_RECEIVER_ALERTMANAGER);
	ck_assert_int_eq(all.at[0].resend_ns, 30 * NT_NS_PER_S);
	ck_assert_int_eq(all.at[0].give_up_ns, 3600 * NT_NS_PER_S);
	ck_assert(!all.at[0].allow_local && all.at[1].allow_local);
	ck_assert_str_eq(all.at[0].ca_file, "/ca");
	ck_assert_str_eq(all.at[0].token_file, "/t");
	ck_assert(!all.at[1].url);
	ck_assert_str_eq(all.at[1].url_file, "/u");
	ck_assert_str_eq(all.at[1].secret_file, "/s");
	ck_assert_str_eq(all.at[1].basic_auth_file, "/b");
	ck_assert_int_eq(all.at[1].resend_ns, 60 * NT_NS_PER_S);
	ck_assert_int_eq(all.at[2].give_up_ns, 86400 * NT_NS_PER_S);
	ck_assert_str_eq(all.at[2].project, "OPS");
	ck_assert_str_eq(all.at[2].issue_type, "Task");
	nt_receivers_done(&all);
}
END_TEST

#define HOOK "receivers: [{name: a, type: webhook, url: 'http://h/'"
#define WITH_URL(url) "receivers: [{name: a, type: webhook, url: '" url "'}]"

static const struct {
	const char *text, *says;
} mistakes[] = {
	{ "", "one document" },
	{ "[]", "one document" },
	{ "receivers: {}", "receivers: a list is wanted" },
	{ "receivers: [\n", ":" },
	{ "receiver: []", "receiver: no such field; did you mean receivers?" },
	{ "receivers: [1]", "receivers[0].: a mapping" },
	{ HOOK ", resendIntervall: 1s}]",
	  "resendIntervall: no such field; did you mean resendInterval?" },
	{ "receivers: [{type: webhook, url: 'http://h/'}]", "receivers[0].name: lower case" },
	{ "receivers: [{name: A, type: webhook, url: 'http://h/'}]", "receivers[0].name:" },
	{ "receivers: [{name: -a, type: webhook, url: 'http://h/'}]", "receivers[0].name:" },
	{ HOOK "}, {name: a, type: slack, url: 'http://h/'}]", "receivers[1].name: a is there" },
	{ "receivers: [{name: a, type: email, url: 'http://h/'}]", "receivers[0].type:" },
	{ "receivers: [{name: a, type: webhook}]", "receivers[0].url: one of url and urlFile" },
	{ HOOK ", urlFile: /u}]", "receivers[0].url: one of url and urlFile" },
	{ HOOK ", url: 5}]", ":" }, /* doubled */
	{ "receivers: [{name: a, type: webhook, url: 5}]", "url: a text is wanted" },
	{ WITH_URL("file:///etc/passwd"), "url: " },
	{ WITH_URL("ftp://h/"), "url: only http and https" },
	{ WITH_URL("gopher://h/"), "url: only http and https" },
	{ WITH_URL("h/path"), "url: a URL is wanted" },
	{ WITH_URL("http://me:secret@h/"), "url: user and password" },
	{ WITH_URL("http://h/a b"), "url: a URL has no spaces" },
	{ HOOK ", allowLocal: yes please}]", "allowLocal: true or false" },
	{ HOOK ", giveUpAfter: 5}]", "giveUpAfter: a text is wanted" },
	{ HOOK ", giveUpAfter: 5x}]", "giveUpAfter: a duration" },
	{ HOOK ", giveUpAfter: 10ms}]", "giveUpAfter: a duration" },
	{ HOOK ", giveUpAfter: 2000000h}]", "giveUpAfter: a duration" },
	{ HOOK ", secretFile: }]", "secretFile: a text is wanted" },
	{ HOOK ", resendInterval: 1m}]", "resendInterval: only an Alertmanager" },
	{ HOOK ", project: X}]", "project: only jira" },
	{ HOOK ", tokenFile: /a, basicAuthFile: /b}]", "basicAuthFile: tokenFile says already" },
	{ "receivers: [{name: a, type: kubernetesEvents, url: 'http://h/'}]",
	  "receivers[0].url: kubernetesEvents go to the API of --kubeconfig" },
	{ "receivers: [{name: a, type: kubernetesEvents, tokenFile: /t}]", "].tokenFile: " },
	{ "receivers: [{name: a, type: slack, url: 'http://h/', secretFile: /s}]",
	  "secretFile: only a webhook" },
	{ "receivers: [{name: a, type: jira, url: 'http://h/'}]", "project: the key" },
	{ "externalURL: https://h\nreceivers: []", "externalURL: it ends with a slash" },
	{ "externalURL: https://h/?q=\nreceivers: []", "externalURL: it ends with a slash" },
	{ "externalURL: javascript:alert(1)\nreceivers: []", "externalURL: " },
};

START_TEST(mistake_names_its_field)
{
	struct nt_receivers all;

	ck_assert_msg(read_text(mistakes[_i].text, &all) < 0, "%s", mistakes[_i].text);
	ck_assert_msg(strstr(err.msg, mistakes[_i].says), "%s\n%s", mistakes[_i].text, err.msg);
	ck_assert_ptr_null(strstr(err.msg, "secret@"));
}
END_TEST

START_TEST(receivers_are_bounded)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_receivers all;

	nt_buf_puts(&text, "receivers:\n");
	for (int i = 0; i <= NT_STORE_RECEIVERS_MAX; i++)
		nt_buf_printf(&text, "- {name: r%d, type: webhook, url: 'http://h/'}\n", i);
	ck_assert_int_lt(read_text(text.p, &all), 0);
	ck_assert_msg(strstr(err.msg, "at most 16"), "%s", err.msg);
	ck_assert_int_lt(nt_receivers_read("/nonexistent/receivers.yaml", &all, &err), 0);
	ck_assert_msg(strstr(err.msg, "/nonexistent/receivers.yaml"), "%s", err.msg);
}
END_TEST

/* --- fences ----------------------------------------------------------------------------------- */

static const struct {
	const char *address;
	bool refused;
} addresses[] = {
	{ "127.0.0.1", true },
	{ "127.255.255.254", true },
	{ "0.0.0.0", true },
	{ "0.1.2.3", true },
	{ "169.254.169.254", true },
	{ "169.254.0.1", true },
	{ "168.63.129.16", true },
	{ "100.100.100.200", true },
	{ "192.0.0.192", true },
	{ "224.0.0.1", true },
	{ "255.255.255.255", true },
	{ "::", true },
	{ "::1", true },
	{ "fe80::1", true },
	{ "febf::1", true },
	{ "ff02::1", true },
	{ "fd00:ec2::254", true },
	{ "fd20:ce::254", true },
	{ "::ffff:127.0.0.1", true },
	{ "::ffff:169.254.169.254", true },
	{ "64:ff9b::a9fe:a9fe", true },
	{ "::127.0.0.1", true },
	{ "10.0.0.1", false },
	{ "192.168.1.1", false },
	{ "172.16.0.1", false },
	{ "168.63.129.17", false },
	{ "169.253.255.255", false },
	{ "128.0.0.1", false },
	{ "126.255.255.255", false },
	{ "223.255.255.255", false },
	{ "2001:db8::1", false },
	{ "fd00::1", false },
	{ "fec0::1", false },
	{ "::ffff:10.0.0.1", false },
	{ "64:ff9b::808:808", false },
};

START_TEST(addresses_of_ourselves_are_fenced_off)
{
	struct nt_addr a;

	ck_assert_int_eq(nt_addr_parse(nt_slice_str(addresses[_i].address), &a), 0);
	ck_assert_msg((nt_fence_refuses(&a) != NULL) == addresses[_i].refused, "%s",
		      addresses[_i].address);
}
END_TEST

START_TEST(no_address_is_refused)
{
	struct nt_addr none = { 0 };

	ck_assert_ptr_nonnull(nt_fence_refuses(&none));
}
END_TEST

static struct nt_send_result send_to(const char *url, bool allow_local)
{
	struct nt_receiver r = {
		.name = "r", .type = NT_RECEIVER_WEBHOOK, .url = url, .allow_local = allow_local
	};
	struct nt_send_result result;
	atomic_bool stop = false;

	nt_send(&r, NT_SLICE_LIT("k"), NT_SLICE_LIT("{}"), &stop, &result);
	return result;
}

static const char *const fenced_urls[] = {
	"http://127.0.0.1:1/",	     "http://[::1]:1/",	     "http://169.254.169.254/latest/",
	"http://0.0.0.0:1/",	     "http://2130706433:1/", "http://0x7f.1:1/",
	"http://[::ffff:7f00:1]:1/", "https://localhost:1/",
};

/* Whatever the URL looks like: the socket's address decides. */
START_TEST(request_does_not_pass_the_fence)
{
	struct nt_send_result result = send_to(fenced_urls[_i], false);

	ck_assert_int_eq(result.outcome, NT_OUTCOME_FAILED);
	ck_assert_int_eq(result.status, 0);
	ck_assert_msg(strstr(result.why, "allowLocal"), "%s: %s", fenced_urls[_i], result.why);
}
END_TEST

START_TEST(fence_opens_when_the_receiver_says_so)
{
	struct nt_send_result result = send_to("http://127.0.0.1:1/", true);

	ck_assert_int_eq(result.outcome, NT_OUTCOME_FAILED); /* nobody listens there */
	ck_assert_msg(!strstr(result.why, "allowLocal"), "%s", result.why);
}
END_TEST

START_TEST(files_that_are_not_there_are_named)
{
	struct nt_receiver r = { .name = "r",
				 .type = NT_RECEIVER_WEBHOOK,
				 .url = "http://127.0.0.1:1/",
				 .secret_file = "/nonexistent/key",
				 .allow_local = true };
	struct nt_send_result result;
	atomic_bool stop = false;

	nt_send(&r, NT_SLICE_LIT("k"), NT_SLICE_LIT("{}"), &stop, &result);
	ck_assert_int_eq(result.outcome, NT_OUTCOME_FAILED);
	ck_assert_msg(strstr(result.why, "/nonexistent/key"), "%s", result.why);
}
END_TEST

START_TEST(request_ends_when_it_is_asked_to)
{
	struct nt_receiver r = { .name = "r",
				 .type = NT_RECEIVER_WEBHOOK,
				 .url = "http://127.0.0.1:1/",
				 .allow_local = true };
	struct nt_send_result result;
	atomic_bool stop = true;

	nt_send(&r, NT_SLICE_LIT("k"), NT_SLICE_LIT("{}"), &stop, &result);
	ck_assert_int_eq(result.outcome, NT_OUTCOME_FAILED);
}
END_TEST

/* By Python's hmac. */
START_TEST(signature_is_that_of_timestamp_and_body)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	ck_assert(nt_send_sign(NT_SLICE_LIT("0123456789abcdef0123456789abcdef"),
			       NT_SLICE_LIT("1795413600"), NT_SLICE_LIT("{\"key\":\"17-opened\"}"),
			       &out));
	ck_assert_str_eq(out.p,
			 "sha256=273f44a95f0c7981468f28e2b86815c489a44715ee543023eb95765144473670");
}
END_TEST

/* --- pauses ----------------------------------------------------------------------------------- */

static const struct {
	int status;
	enum nt_outcome outcome;
} statuses[] = {
	{ 200, NT_OUTCOME_DELIVERED }, { 201, NT_OUTCOME_DELIVERED }, { 204, NT_OUTCOME_DELIVERED },
	{ 400, NT_OUTCOME_REFUSED },   { 413, NT_OUTCOME_REFUSED },   { 422, NT_OUTCOME_REFUSED },
	{ 0, NT_OUTCOME_FAILED },      { 302, NT_OUTCOME_FAILED },    { 307, NT_OUTCOME_FAILED },
	{ 401, NT_OUTCOME_FAILED },    { 404, NT_OUTCOME_FAILED },    { 408, NT_OUTCOME_FAILED },
	{ 429, NT_OUTCOME_FAILED },    { 500, NT_OUTCOME_FAILED },    { 503, NT_OUTCOME_FAILED },
	{ 101, NT_OUTCOME_FAILED },
};

START_TEST(status_says_whether_to_try_again)
{
	ck_assert_int_eq(nt_retry_outcome(statuses[_i].status), statuses[_i].outcome);
}
END_TEST

START_TEST(pauses_double_up_to_a_bound)
{
	int64_t before = 0;

	for (unsigned failures = 1; failures < 100; failures++) {
		int64_t least = nt_retry_wait_ns(failures, 0, 0);
		int64_t most = nt_retry_wait_ns(failures, UINT32_MAX, 0);

		ck_assert_int_ge(least, NT_NS_PER_S / 2);
		ck_assert_int_ge(least, before);
		ck_assert_int_gt(most, least);
		ck_assert_int_le(most, 300 * NT_NS_PER_S);
		before = least;
	}
	ck_assert_int_eq(before, 150 * NT_NS_PER_S);
	ck_assert_int_eq(nt_retry_wait_ns(3, 0, 0), 2 * NT_NS_PER_S);
}
END_TEST

START_TEST(pause_is_what_the_receiver_asks_for)
{
	ck_assert_int_eq(nt_retry_wait_ns(1, 0, 90 * NT_NS_PER_S), 90 * NT_NS_PER_S);
	ck_assert_int_eq(nt_retry_wait_ns(50, 0, NT_NS_PER_S), 150 * NT_NS_PER_S);
	ck_assert_int_eq(nt_retry_wait_ns(1, 0, INT64_MAX), 3600 * NT_NS_PER_S);
}
END_TEST

/* --- bodies ----------------------------------------------------------------------------------- */

static struct nt_store_notice notice(enum nt_store_change change)
{
	return (struct nt_store_notice){
		.id = 3,
		.queued_us = T0_US + 5,
		.change = change,
		.event = { .id = 17,
			   .rule = NT_SLICE_LIT("burst"),
			   .group = NT_SLICE_LIT("{\"client_name\":\"web-1\",\"servers.ip\":\"\"}"),
			   .summary = NT_SLICE_LIT("<!channel> web-1 *got* 7\n{code}"),
			   .query = NT_SLICE_LIT("rcode = NXDOMAIN AND qname = \"a&b\""),
			   .metric = NT_SLICE_LIT("count"),
			   .condition = NT_SLICE_LIT("gte"),
			   .severity = 60,
			   .threshold = 2.5,
			   .value = 7,
			   .peak = 9,
			   .first_seen_us = T0_US,
			   .last_seen_us = T0_US + 60000000,
			   .from_us = T0_US - 60000000,
			   .resolved_us = change == NT_STORE_RESOLVED ? T0_US + 120000000 : 0 },
	};
}

static json_t *body(enum nt_receiver_type type, const struct nt_store_notice *n, const char *url)
{
	struct nt_receiver r = { .name = "r", .type = type, .project = "OPS", .issue_type = "Bug" };
	struct nt_shape shape = { .receiver = &r,
				  .external_url = url,
				  .ends_us = T0_US + 99000000 };
	_cleanup_buf_ struct nt_buf out = { 0 };
	json_t *root;

	nt_shape_write(&shape, n, &out);
	root = json_loadb(out.p, out.len, JSON_REJECT_DUPLICATES, NULL);
	ck_assert_msg(root != NULL, "%s", nt_buf_str(&out));
	return root;
}

static const char *text_at(const json_t *root, const char *a, const char *b)
{
	const json_t *value = json_object_get(root, a);
	const char *text = json_string_value(b ? json_object_get(value, b) : value);

	ck_assert_msg(text != NULL, "%s.%s", a, b ? b : "");
	return text;
}

#define PAGE "https://nametap.example.com/"
#define LINK                                                               \
	PAGE "?q=rcode%20%3D%20NXDOMAIN%20AND%20qname%20%3D%20%22a%26b%22" \
	     "&from=2026-11-23T05%3A59%3A00.000000Z&to=2026-11-23T06%3A01%3A00.000000Z"

START_TEST(alertmanager_shape)
{
	struct nt_store_notice n = notice(NT_STORE_OPENED);
	json_auto_t *a = body(NT_RECEIVER_ALERTMANAGER, &n, PAGE);
	json_auto_t *b = NULL;

	ck_assert_str_eq(text_at(a, "labels", "alertname"), "burst");
	ck_assert_str_eq(text_at(a, "labels", "severity"), "60");
	ck_assert_str_eq(text_at(a, "labels", "client_name"), "web-1");
	ck_assert_str_eq(text_at(a, "labels", "servers_ip"), "");
	ck_assert_uint_eq(json_object_size(json_object_get(a, "labels")), 4);
	ck_assert_str_eq(text_at(a, "annotations", "value"), "7");
	ck_assert_str_eq(text_at(a, "annotations", "peak"), "9");
	ck_assert_str_eq(text_at(a, "annotations", "threshold"), "2.5");
	ck_assert_str_eq(text_at(a, "annotations", "summary"), "<!channel> web-1 *got* 7\n{code}");
	ck_assert_str_eq(text_at(a, "startsAt", NULL), "2026-11-23T06:00:00.000000Z");
	ck_assert_str_eq(text_at(a, "endsAt", NULL), "2026-11-23T06:01:39.000000Z");
	ck_assert_str_eq(text_at(a, "generatorURL", NULL), LINK);
	n = notice(NT_STORE_RESOLVED);
	b = body(NT_RECEIVER_ALERTMANAGER, &n, NULL);
	ck_assert_str_eq(text_at(b, "endsAt", NULL), "2026-11-23T06:02:00.000000Z");
	ck_assert_ptr_null(json_object_get(b, "generatorURL"));
	ck_assert(json_equal(json_object_get(a, "labels"), json_object_get(b, "labels")));
}
END_TEST

START_TEST(labels_of_the_rule_hide_nothing)
{
	struct nt_store_notice n = notice(NT_STORE_OPENED);
	json_auto_t *a = NULL;

	n.event.labels =
		NT_SLICE_LIT("{\"team\":\"dns\",\"severity\":\"critical\",\"alertname\":\"x\","
			     "\"client_name\":\"y\",\"servers_ip\":\"z\"}");
	a = body(NT_RECEIVER_ALERTMANAGER, &n, NULL);
	ck_assert_str_eq(text_at(a, "labels", "alertname"), "burst");
	ck_assert_str_eq(text_at(a, "labels", "client_name"), "web-1");
	ck_assert_str_eq(text_at(a, "labels", "servers_ip"), "");
	ck_assert_str_eq(text_at(a, "labels", "team"), "dns");
	ck_assert_str_eq(text_at(a, "labels", "severity"), "critical");
	ck_assert_uint_eq(json_object_size(json_object_get(a, "labels")), 5);
}
END_TEST

static const struct {
	const char *notify, *receiver;
	bool is;
} told[] = {
	{ "", "a", true },	{ ",a,", "a", true },	{ ",b,a,", "a", true },
	{ ",ab,", "a", false }, { ",ba,", "a", false }, { ",a-b,c,", "b", false },
	{ ",a,", "ab", false }, { ",ab,", "ab", true },
};

START_TEST(event_is_for_whom_it_names)
{
	struct nt_store_event e = { .notify = nt_slice_str(told[_i].notify) };

	ck_assert_int_eq(nt_event_is_for(&e, nt_slice_str(told[_i].receiver)), told[_i].is);
}
END_TEST

START_TEST(webhook_shape)
{
	struct nt_store_notice n = notice(NT_STORE_RESOLVED);
	json_auto_t *a = body(NT_RECEIVER_WEBHOOK, &n, PAGE);

	ck_assert_str_eq(text_at(a, "key", NULL), "17-resolved-r-1795413600000005");
	ck_assert_str_eq(text_at(a, "receiver", NULL), "r");
	ck_assert_str_eq(text_at(a, "change", NULL), "resolved");
	ck_assert_str_eq(text_at(a, "event", "id"), "17");
	ck_assert_str_eq(text_at(a, "event", "state"), "resolved");
	ck_assert_str_eq(text_at(json_object_get(a, "event"), "group", "client_name"), "web-1");
	ck_assert_str_eq(text_at(a, "url", NULL), LINK);
}
END_TEST

START_TEST(slack_shape_has_no_markup)
{
	struct nt_store_notice n = notice(NT_STORE_OPENED);
	json_auto_t *a = body(NT_RECEIVER_SLACK, &n, PAGE);

	ck_assert_str_eq(text_at(a, "text", NULL),
			 "Opened: &lt;!channel&gt; web-1 *got* 7 {code}\n"
			 "Rule burst, severity 60, count 7, threshold 2.5\n<" LINK ">");
	ck_assert(json_is_false(json_object_get(a, "mrkdwn")));
	ck_assert(json_is_false(json_object_get(a, "unfurl_links")));
	ck_assert_str_eq(text_at(a, "parse", NULL), "none");
}
END_TEST

START_TEST(jira_shape)
{
	struct nt_store_notice n = notice(NT_STORE_OPENED);
	json_auto_t *a = body(NT_RECEIVER_JIRA, &n, NULL);
	const json_t *fields = json_object_get(a, "fields");

	ck_assert_str_eq(text_at(fields, "project", "key"), "OPS");
	ck_assert_str_eq(text_at(fields, "issuetype", "name"), "Bug");
	ck_assert_str_eq(text_at(fields, "summary", NULL), "<!channel> web-1 *got* 7 {code}");
	ck_assert_ptr_null(strpbrk(text_at(fields, "description", NULL), "{}*<>!|[]\\_-"));
	ck_assert_ptr_nonnull(strstr(text_at(fields, "description", NULL), "&#42;got&#42; 7"));
	ck_assert_str_eq(json_string_value(json_array_get(json_object_get(fields, "labels"), 1)),
			 "17-opened-r-1795413600000005");
	ck_assert(nt_shape_wants(NT_RECEIVER_JIRA, NT_STORE_OPENED));
	ck_assert(!nt_shape_wants(NT_RECEIVER_JIRA, NT_STORE_RESOLVED));
	ck_assert(nt_shape_wants(NT_RECEIVER_SLACK, NT_STORE_RESOLVED));
}
END_TEST

START_TEST(long_summary_is_cut_between_characters)
{
	struct nt_store_notice n = notice(NT_STORE_OPENED);
	_cleanup_buf_ struct nt_buf text = { 0 };
	json_auto_t *a = NULL;

	for (int i = 0; i < 400; i++)
		nt_buf_puts(&text, "\xe2\x82\xac");
	n.event.summary = nt_slice_mem(text.p, text.len);
	a = body(NT_RECEIVER_JIRA, &n, NULL);
	ck_assert_uint_eq(strlen(text_at(json_object_get(a, "fields"), "summary", NULL)), 750);
}
END_TEST

START_TEST(long_texts_stay_within_what_jira_takes)
{
	struct nt_store_notice n = notice(NT_STORE_OPENED);
	json_auto_t *a = NULL;
	char stars[5000];

	memset(stars, '*', sizeof(stars));
	n.event.summary = n.event.query = nt_slice_mem(stars, sizeof(stars));
	a = body(NT_RECEIVER_JIRA, &n, NULL);
	ck_assert_uint_lt(strlen(text_at(json_object_get(a, "fields"), "description", NULL)),
			  32767);
}
END_TEST

START_TEST(alertmanager_gets_a_list)
{
	struct nt_receiver r = { .name = "r",
				 .type = NT_RECEIVER_ALERTMANAGER,
				 .resend_ns = 60 * NT_NS_PER_S };
	struct nt_letter l = nt_letter_for(&r, PAGE, T0_US, false);
	struct nt_store_notice n = notice(NT_STORE_OPENED);
	size_t count = 0;

	do {
		json_auto_t *root = NULL;

		n.queued_us = T0_US - 1;
		n.due_us = T0_US + (int64_t)count;
		n.id = (int64_t)++count;
		ck_assert_int_eq(nt_letter_add(&l, &n), count < NT_LETTER_NOTICES_MAX);
		root = json_loadb(l.body.p, l.body.len, 0, NULL);
		ck_assert_uint_eq(json_array_size(root), count);
		ck_assert_str_eq(text_at(json_array_get(root, 0), "endsAt", NULL),
				 "2026-11-23T06:04:00.000000Z");
	} while (count < NT_LETTER_NOTICES_MAX);
	ck_assert_uint_eq(l.ids_len, NT_LETTER_NOTICES_MAX);
	ck_assert_int_eq(l.ids[1], 2);
	ck_assert_int_eq(l.oldest_us, T0_US);
	ck_assert_uint_eq(l.key.len, 0);
	nt_letter_done(&l);
	l = nt_letter_for(&r, PAGE, T0_US, true);
	ck_assert(!nt_letter_add(&l, &n));
	nt_letter_done(&l);
}
END_TEST

START_TEST(what_is_not_told_has_no_body)
{
	struct nt_receiver r = { .name = "r", .type = NT_RECEIVER_JIRA, .project = "P" };
	struct nt_letter l = nt_letter_for(&r, NULL, T0_US, false);
	struct nt_store_notice n = notice(NT_STORE_RESOLVED);

	ck_assert(!nt_letter_add(&l, &n));
	ck_assert(l.unwanted && l.ids_len == 1 && l.body.len == 0);
	nt_letter_done(&l);
}
END_TEST

/* What is behind it is read again when the store has taken it out. */
START_TEST(letter_ends_before_what_is_not_to_be_told)
{
	struct nt_receiver r = { .name = "r", .type = NT_RECEIVER_ALERTMANAGER };
	struct nt_letter l = nt_letter_for(&r, NULL, T0_US, false);
	struct nt_store_notice n = notice(NT_STORE_OPENED);

	ck_assert(nt_letter_add(&l, &n));
	n.hushed = true;
	ck_assert(!nt_letter_add(&l, &n));
	ck_assert(l.hushed && l.ids_len == 1);
	nt_letter_done(&l);
}
END_TEST

START_TEST(webhook_says_who_knows_and_what_is_suppressed)
{
	struct nt_store_notice n = notice(NT_STORE_RESOLVED);
	json_auto_t *a = body(NT_RECEIVER_WEBHOOK, &n, NULL), *b = NULL;
	const json_t *event = json_object_get(a, "event");

	ck_assert(json_is_null(json_object_get(event, "acknowledged")));
	ck_assert(json_is_null(json_object_get(event, "suppressed")));
	n.event.acked_us = T0_US;
	n.event.acked_by = NT_SLICE_LIT("ann\n\"");
	n.event.ack_comment = NT_SLICE_LIT("known");
	n.event.suppression = 7;
	n.event.suppressed_until_us = T0_US + 1;
	b = body(NT_RECEIVER_WEBHOOK, &n, NULL);
	event = json_object_get(b, "event");
	ck_assert_str_eq(text_at(event, "acknowledged", "by"), "ann\n\"");
	ck_assert_str_eq(text_at(event, "acknowledged", "at"), "2026-11-23T06:00:00.000000Z");
	ck_assert_str_eq(text_at(event, "acknowledged", "comment"), "known");
	ck_assert_str_eq(text_at(event, "suppressed", "id"), "7");
	ck_assert_str_eq(text_at(event, "suppressed", "until"), "2026-11-23T06:00:00.000001Z");
}
END_TEST

/* Octets that are no UTF-8, or syntax somewhere, in each text and each shape. */
START_TEST(any_octets_make_a_body)
{
	char octets[256];
	struct nt_store_notice n = notice(NT_STORE_OPENED);

	for (int i = 0; i < 256; i++)
		octets[i] = (char)i;
	n.event.summary = n.event.query = n.event.rule = nt_slice_mem(octets, sizeof(octets));
	for (int type = 0; type < NT_RECEIVER_TYPES; type++) {
		struct nt_receiver r = { .name = "r",
					 .type = (enum nt_receiver_type)type,
					 .project = "P",
					 .issue_type = "T" };
		struct nt_shape shape = { .receiver = &r, .external_url = PAGE };
		_cleanup_buf_ struct nt_buf out = { 0 };
		json_auto_t *root = NULL;

		nt_shape_write(&shape, &n, &out);
		root = json_loadb(out.p, out.len, JSON_ALLOW_NUL, NULL);
		ck_assert_msg(root != NULL, "%s", nt_receiver_type_name(r.type));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("notify");
	TCase *tc = tcase_create("notify");

	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, every_field_is_read);
	tcase_add_loop_test(tc, mistake_names_its_field, 0, NT_ARRAY_LEN(mistakes));
	tcase_add_test(tc, receivers_are_bounded);
	tcase_add_loop_test(tc, addresses_of_ourselves_are_fenced_off, 0, NT_ARRAY_LEN(addresses));
	tcase_add_test(tc, no_address_is_refused);
	tcase_add_loop_test(tc, request_does_not_pass_the_fence, 0, NT_ARRAY_LEN(fenced_urls));
	tcase_add_test(tc, fence_opens_when_the_receiver_says_so);
	tcase_add_test(tc, files_that_are_not_there_are_named);
	tcase_add_test(tc, request_ends_when_it_is_asked_to);
	tcase_add_test(tc, signature_is_that_of_timestamp_and_body);
	tcase_add_loop_test(tc, status_says_whether_to_try_again, 0, NT_ARRAY_LEN(statuses));
	tcase_add_test(tc, pauses_double_up_to_a_bound);
	tcase_add_test(tc, pause_is_what_the_receiver_asks_for);
	tcase_add_test(tc, alertmanager_shape);
	tcase_add_test(tc, labels_of_the_rule_hide_nothing);
	tcase_add_loop_test(tc, event_is_for_whom_it_names, 0, NT_ARRAY_LEN(told));
	tcase_add_test(tc, webhook_shape);
	tcase_add_test(tc, slack_shape_has_no_markup);
	tcase_add_test(tc, jira_shape);
	tcase_add_test(tc, long_summary_is_cut_between_characters);
	tcase_add_test(tc, long_texts_stay_within_what_jira_takes);
	tcase_add_test(tc, alertmanager_gets_a_list);
	tcase_add_test(tc, what_is_not_told_has_no_body);
	tcase_add_test(tc, letter_ends_before_what_is_not_to_be_told);
	tcase_add_test(tc, webhook_says_who_knows_and_what_is_suppressed);
	tcase_add_test(tc, any_octets_make_a_body);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
