/* SPDX-License-Identifier: Apache-2.0 */
/* What nametapctl prints and takes: no octet of a name becomes an escape of the terminal (T37). */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/cli/kubectl.h"
#include "api/cli/row.h"
#include "api/cli/text.h"
#include "api/cli/verbs.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/record/advice.h"
#include "tests/unit/suite.h"

static void assert_plain(const struct nt_buf *b)
{
	for (size_t i = 0; i < b->len; i++)
		ck_assert_msg((b->p[i] >= ' ' && b->p[i] <= '~') || b->p[i] == '\n',
			      "octet %zu is %d in: %s", i, b->p[i], b->p);
}

/* --- text ------------------------------------------------------------------------------------- */

START_TEST(each_octet_is_printed_as_ascii)
{
	char text[] = { 'a', (char)_i, 'z' };
	_cleanup_buf_ struct nt_buf out = { 0 };

	nt_text_put(&out, nt_slice_mem(text, sizeof(text)));
	assert_plain(&out);
	ck_assert_ptr_null(strchr(nt_buf_str(&out), '\n'));
	if (_i >= ' ' && _i <= '~')
		ck_assert_uint_eq(out.len, 3);
	else
		ck_assert_uint_gt(out.len, 3);
}
END_TEST

START_TEST(each_character_survives_json)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	char utf8[3] = { 0 };
	json_auto_t *object = json_object(), *back = NULL;
	json_t *value;

	if (_i < 0x80) {
		utf8[0] = (char)_i;
	} else {
		utf8[0] = (char)(0xc0 | _i >> 6);
		utf8[1] = (char)(0x80 | (_i & 0x3f));
	}
	value = json_stringn(utf8, _i < 0x80 ? 1 : 2);
	ck_assert_ptr_nonnull(value);
	json_object_set_new(object, "name", value);
	nt_text_json(&out, object);
	assert_plain(&out);
	back = json_loadb(out.p, out.len, JSON_ALLOW_NUL, NULL);
	ck_assert(json_equal(back, object));
}
END_TEST

static const struct {
	void (*put)(struct nt_buf *out, int64_t v);
	int64_t v;
	const char *text;
} figures[] = {
	{ nt_text_ns, 0, "0us" },
	{ nt_text_ns, 740400, "740us" },
	{ nt_text_ns, 999499, "999us" },
	{ nt_text_ns, 999500, "1.00ms" },
	{ nt_text_ns, 1240000, "1.24ms" },
	{ nt_text_ns, 12345678, "12.3ms" },
	{ nt_text_ns, 312400000, "312ms" },
	{ nt_text_ns, 4920000000, "4.92s" },
	{ nt_text_age, -5, "0s" },
	{ nt_text_age, 119999999, "119s" },
	{ nt_text_age, 120000000, "2m" },
	{ nt_text_age, 7200000000, "2h" },
	{ nt_text_age, 172800000000, "2d" },
};

START_TEST(figures_have_three_digits_and_a_unit)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	figures[_i].put(&out, figures[_i].v);
	ck_assert_str_eq(nt_buf_str(&out), figures[_i].text);
}
END_TEST

static const struct {
	uint64_t bytes;
	const char *text;
} sizes[] = { { 0, "0B" },
	      { 1023, "1023B" },
	      { 1024, "1.0KiB" },
	      { 4200, "4.1KiB" },
	      { 10240, "10KiB" },
	      { (1 << 20) - 1, "1.0MiB" },
	      { 3ull << 30, "3.0GiB" } };

START_TEST(sizes_are_binary)
{
	_cleanup_buf_ struct nt_buf out = { 0 };

	nt_text_bytes(&out, sizes[_i].bytes);
	ck_assert_str_eq(nt_buf_str(&out), sizes[_i].text);
}
END_TEST

/* --- tables ----------------------------------------------------------------------------------- */

static const struct nt_column columns[] = { { "N", true }, { "NAME", false }, { "WHAT", false } };

START_TEST(columns_are_as_wide_as_what_is_shown)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	_cleanup_table_ struct nt_table t;

	nt_table_init(&t, columns, 3, false);
	nt_table_number(&t, 7);
	nt_table_cell(&t, NT_SLICE_LIT("\x1b[31mred"));
	nt_table_cell(&t, NT_SLICE_LIT("x"));
	nt_table_number(&t, 1234);
	nt_table_cell(&t, NT_SLICE_LIT("b"));
	nt_table_cell(&t, NT_SLICE_LIT(""));
	nt_table_flush(&t, &out);
	ck_assert_str_eq(nt_buf_str(&out), "   N  NAME         WHAT\n"
					   "   7  \\x1b[31mred  x\n"
					   "1234  b            -\n");
	nt_buf_reset(&out);
	nt_table_number(&t, 5); /* later pages stay in the columns, without titles */
	nt_table_cell(&t, NT_SLICE_LIT("c"));
	nt_table_cell(&t, NT_SLICE_LIT("d"));
	nt_table_flush(&t, &out);
	ck_assert_str_eq(nt_buf_str(&out), "   5  c            d\n");
}
END_TEST

START_TEST(colour_is_around_what_is_shown)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	_cleanup_table_ struct nt_table t;

	nt_table_init(&t, columns + 1, 2, true);
	t.headless = true;
	nt_table_painted(&t, NT_PAINT_BAD, NT_SLICE_LIT("bad"));
	nt_table_cell(&t, NT_SLICE_LIT("x"));
	nt_table_flush(&t, &out);
	ck_assert_str_eq(nt_buf_str(&out), "\x1b[31mbad\x1b[0m   x\n");
}
END_TEST

/* A record in which every text holds every octet that a terminal may take for a command. */
static json_t *hostile(void)
{
	static const char *const keys[] = {
		"start_time",
		"node",
		"client_namespace",
		"client_name",
		"client_workload_kind",
		"client_workload_name",
		"transport",
		"qname",
		"qtype",
		"qclass",
		"rcode",
		"scope",
		"policy",
		"verdict",
		"reason",
		"error",
	};
	static const char *const server_keys[] = { "ip", "name", "namespace", "service" };
	json_t *record = json_object(), *server = json_object();
	char evil[80];

	for (int i = 0; i < 32; i++)
		evil[i] = (char)i;
	memcpy(evil + 32,
	       "\x7f\xc2\x9b"
	       "31m\xe2\x80\xae",
	       10);
	for (size_t i = 0; i < NT_ARRAY_LEN(keys); i++)
		json_object_set_new(record, keys[i], json_stringn_nocheck(evil, 42));
	for (size_t i = 0; i < NT_ARRAY_LEN(server_keys); i++)
		json_object_set_new(server, server_keys[i], json_stringn_nocheck(evil, 42));
	json_object_set_new(record, "servers", json_pack("[o]", server));
	json_object_set_new(record, "rrsets",
			    json_pack("[{s:[o]}]", "rdata", json_stringn_nocheck(evil, 42)));
	json_object_set_new(record, "count", json_integer(3));
	return record;
}

START_TEST(no_field_of_a_row_reaches_the_terminal_raw)
{
	static const struct nt_row_form *const forms[] = { &nt_row_table, &nt_row_wide,
							   &nt_row_unlogged };
	_cleanup_buf_ struct nt_buf out = { 0 };
	json_auto_t *record = hostile(), *empty = json_object();
	_cleanup_table_ struct nt_table t;

	nt_table_init(&t, forms[_i]->columns, forms[_i]->columns_len, false);
	forms[_i]->put(&t, record);
	forms[_i]->put(&t, empty); /* and nothing has to be there */
	nt_table_flush(&t, &out);
	assert_plain(&out);
	ck_assert_ptr_nonnull(strstr(out.p, "\\x1b"));
	ck_assert_ptr_nonnull(strstr(out.p, "node "));
}
END_TEST

static const struct {
	const char *record, *cells;
} rows[] = {
	{ "{\"start_time\":\"2026-11-23T06:12:04.118021Z\",\"client_namespace\":\"shop\",\"client_"
	  "name\":"
	  "\"web-1\",\"qname\":\"a.test\",\"qtype\":\"A\",\"qclass\":\"IN\",\"rcode\":\"NOERROR\","
	  "\"latency_mean\":1500000,\"count\":1,\"rrsets\":[{\"type\":\"CNAME\",\"rdata\":[\"b."
	  "test\"]},"
	  "{\"type\":\"A\",\"rdata\":[\"192.0.2.1\",\"192.0.2.2\"]}]}",
	  "2026-11-23T06:12:04.118Z  shop/web-1  A a.test  NOERROR   1.50ms  -  192.0.2.1 +2\n" },
	{ "{\"start_time\":\"2026-11-23T06:12:04.118021Z\",\"client_name\":\"-\",\"node\":\"n1\","
	  "\"qname\":"
	  "\"a.test\",\"qtype\":\"TXT\",\"qclass\":\"CH\",\"rcode\":\"\",\"count\":12}",
	  "2026-11-23T06:12:04.118Z  node n1  CH/TXT a.test  no answer        -  12  -\n" },
	{ "{\"start_time\":\"2026-11-23T06:12:04.118021Z\",\"client_name\":\"p\",\"qname\":\"a."
	  "test\","
	  "\"qtype\":\"A\",\"rcode\":\"NXDOMAIN\",\"verdict\":\"deny\",\"count\":1}",
	  "2026-11-23T06:12:04.118Z  p    A a.test  denied        -  -  -\n" },
	{ "{\"start_time\":\"2026-11-23T06:12:04.118021Z\",\"client_name\":\"p\",\"qname\":\"a."
	  "test\","
	  "\"qtype\":\"A\",\"rcode\":\"NOERROR\",\"late\":true,\"count\":0}",
	  "2026-11-23T06:12:04.118Z  p    A a.test  NODATA late        -  0  -\n" },
	{ "{\"start_time\":\"2026-11-23T06:12:04.118021Z\",\"client_name\":\"p\",\"qname\":\"*.a."
	  "test\","
	  "\"qtype\":\"A\",\"rcode\":\"NOERROR\",\"count\":900,\"folded\":900,\"distinct\":512}",
	  "2026-11-23T06:12:04.118Z  p    A *.a.test  NOERROR        -  900  (about 512 names)\n" },
};

START_TEST(row_says_what_came_of_the_lookup)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	json_auto_t *record = json_loads(rows[_i].record, 0, NULL);
	_cleanup_table_ struct nt_table t;

	ck_assert_ptr_nonnull(record);
	nt_table_init(&t, nt_row_table.columns, nt_row_table.columns_len, false);
	t.headless = true;
	nt_row_table.put(&t, record);
	nt_table_flush(&t, &out);
	ck_assert_str_eq(nt_buf_str(&out), rows[_i].cells);
}
END_TEST

/* --- the command line ------------------------------------------------------------------------- */

static const struct nt_verb verb = { .bit = NT_VERB_LOGS,
				     .outputs = 1 << NT_OUTPUT_TABLE | 1 << NT_OUTPUT_JSON,
				     .name = "logs",
				     .arguments = "",
				     .about = "",
				     .more = "" };

static int parse(const char *line, struct nt_ctl_options *o)
{
	static char text[512];
	static char *argv[32];
	int argc = 0;

	snprintf(text, sizeof(text), "logs %s", line);
	for (char *at = text; at && argc < 31;) {
		argv[argc++] = strsep(&at, " ");
	}
	argv[argc] = NULL;
	return nt_ctl_options_parse(&verb, argc, argv, o);
}

static const char *const mistakes[] = {
	"--nonsense",
	"--since",
	"--since 10",
	"--since 0s",
	"--since 10m --since-time 2026-11-23T06:12:04Z",
	"--since-time yesterday",
	"--until-time 2026-11-23T06:12:04Z -f",
	"--tail -2",
	"--tail 10001",
	"-n a\"b",
	"-o wide", /* not a form of that verb */
	"-o yaml",
	"--server https://a --kubeconfig b",
	"--nametap-namespace a/b",
	"--by qname", /* another verb's */
};

START_TEST(mistakes_of_the_command_line_are_refused)
{
	struct nt_ctl_options o;

	(void)freopen("/dev/null", "w", stderr);
	ck_assert_int_eq(parse(mistakes[_i], &o), NT_EXIT_USAGE);
}
END_TEST

START_TEST(options_are_taken_wherever_they_stand)
{
	struct nt_ctl_options o;

	unsetenv("NAMETAP_SERVER");
	ck_assert_int_eq(parse("-f rcode -n shop --tail=-1 = -n kube-system NXDOMAIN -ojson", &o),
			 -1);
	ck_assert(o.follow);
	ck_assert_uint_eq(o.tail, NT_COUNT_ALL);
	ck_assert_int_eq(o.output, NT_OUTPUT_JSON);
	ck_assert_uint_eq(o.namespaces_len, 2);
	ck_assert_str_eq(o.namespaces[1], "kube-system");
	ck_assert_uint_eq(o.arguments_len, 3);
	ck_assert_str_eq(o.arguments[2], "NXDOMAIN");
	ck_assert_ptr_null(o.server);
	ck_assert(!o.colour); /* the tests' output is no terminal */
	ck_assert_int_eq(parse("-n shop -A", &o), -1);
	ck_assert_uint_eq(o.namespaces_len, 0);
	ck_assert_uint_eq(o.tail, NT_COUNT_DEFAULT);
}
END_TEST

START_TEST(environment_is_behind_the_options)
{
	struct nt_ctl_options o;

	setenv("NAMETAP_SERVER", "http://127.0.0.1:1", 1);
	ck_assert_int_eq(parse("", &o), -1);
	ck_assert_str_eq(o.server, "http://127.0.0.1:1");
	ck_assert_int_eq(parse("--server https://b", &o), -1);
	ck_assert_str_eq(o.server, "https://b");
	ck_assert_int_eq(parse("--kubeconfig f", &o), -1);
	ck_assert_ptr_null(o.server);
}
END_TEST

/* --- the filter ------------------------------------------------------------------------------- */

static const struct {
	const char *line, *asked;
	size_t shift;
} filters[] = {
	{ "", "", 0 },
	{ "rcode = NXDOMAIN", "rcode = NXDOMAIN", 0 },
	{ "-n shop", "(client_namespace = \"shop\")", 0 },
	{ "a = 1 OR b = 2 -n shop -n dev",
	  "(a = 1 OR b = 2) AND (client_namespace = \"shop\" OR client_namespace = \"dev\")", 1 },
	/* What is no filter by itself does not become one by our brackets. */
	{ "a = 1) OR (b = 2 -n shop", "a = 1) OR (b = 2", 0 },
	{ "a = \"x -n shop", "a = \"x", 0 },
	{ "a = \"(\" -n shop", "(a = \"(\") AND (client_namespace = \"shop\")", 1 },
	{ "a = \"\\\")\" -n shop", "(a = \"\\\")\") AND (client_namespace = \"shop\")", 1 },
};

START_TEST(namespaces_are_a_part_of_the_filter)
{
	struct nt_ctl_options o;
	_cleanup_filter_ struct nt_filter f = { 0 };
	struct nt_err err;

	ck_assert_int_eq(parse(filters[_i].line, &o), -1);
	/* A line without words gives one empty argument. */
	ck_assert_int_eq(nt_filter_make(&o, 0, &f, &err), 0);
	ck_assert_str_eq(nt_buf_str(&f.asked), filters[_i].asked);
	ck_assert_uint_eq(f.shift, filters[_i].shift);
}
END_TEST

/* --- the way to the controller ---------------------------------------------------------------- */

static const struct {
	const char *server, *says;
} servers[] = {
	{ "http://192.0.2.1:8053", "in clear" },
	{ "http://127.0.0.1.example:8053", "in clear" },
	{ "http://localhost.example", "in clear" },
	{ "ftp://127.0.0.1", "https:// is wanted" },
	{ "https://host/?a=b", "no https://HOST:PORT" },
	{ "https://me@host", "no https://HOST:PORT" },
};

START_TEST(servers_that_would_tell_the_token_are_refused)
{
	struct nt_ctl_options o = { .server = servers[_i].server, .system_namespace = "nametap" };
	struct nt_connect c;
	struct nt_err err = { 0 };

	ck_assert_int_eq(nt_connect_open(&o, &c, &err), -EINVAL);
	ck_assert_msg(strstr(err.msg, servers[_i].says) != NULL, "%s", err.msg);
}
END_TEST

static void write_file(const char *name, const char *text)
{
	ck_assert_int_eq(nt_file_replace_at(AT_FDCWD, name, nt_slice_str(text), 0600, NULL), 0);
}

/* As kubectl has it, with the Service's proxy behind it. */
START_TEST(kubeconfig_is_found_where_kubectl_finds_it)
{
	static const char config[] =
		"{current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}],\n"
		" clusters: [{name: k, cluster: {server: \"https://%s:6443\"}}],\n"
		" users: [{name: u, user: {token: t}}]}\n";
	char folder[] = "/tmp/nametap-cli-XXXXXX", one[64], two[64], text[512], list[200];
	struct nt_ctl_options o = { .system_namespace = "dns" };
	struct nt_connect c;
	struct nt_err err = { 0 };

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(one, sizeof(one), "%s/one", folder);
	snprintf(two, sizeof(two), "%s/two", folder);
	snprintf(text, sizeof(text), config, "one.example");
	write_file(one, text);
	setenv("HOME", folder, 1);
	unsetenv("KUBERNETES_SERVICE_HOST");
	unsetenv("KUBECONFIG");
	ck_assert_int_eq(nt_connect_open(&o, &c, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "--server URL"));
	snprintf(list, sizeof(list), "%s/none:%s:", folder, one);
	setenv("KUBECONFIG", list, 1);
	ck_assert_msg(nt_connect_open(&o, &c, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(c.prefix, "/api/v1/namespaces/dns/services/https:nametap-controller:https/"
				   "proxy");
	ck_assert_ptr_nonnull(strstr(c.where, "https://one.example:6443"));
	nt_connect_close(&c);
	write_file(two, text);
	snprintf(list, sizeof(list), "%s:%s", one, two);
	setenv("KUBECONFIG", list, 1);
	ck_assert_int_eq(nt_connect_open(&o, &c, &err), -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.msg, "several files"));
	o.kubeconfig = two; /* the option wins */
	ck_assert_int_eq(nt_connect_open(&o, &c, &err), 0);
	nt_connect_close(&c);
	write_file(two,
		   "{current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}],\n"
		   " clusters: [{name: k, cluster: {server: \"https://x\"}}],\n"
		   " users: [{name: u, user: {exec: {command: aws}}}]}\n");
	ck_assert_int_eq(nt_connect_open(&o, &c, &err), -EOPNOTSUPP);
	ck_assert_msg(strstr(err.msg, "exec: is not supported") != NULL, "%s", err.msg);
	(void)unlink(one);
	(void)unlink(two);
	(void)rmdir(folder);
}
END_TEST

/* --- kubectl ---------------------------------------------------------------------------------- */

static const struct {
	const char *text, *last;
} outputs[] = {
	{ "", "" },
	{ "\n\n", "" },
	{ "error: no", "error: no" },
	{ "noise\nerror: no\n\n", "error: no" },
	{ "what it said\ncommand terminated with exit code 2\n", "what it said" },
	{ "command terminated with exit code 1\n", "command terminated with exit code 1" },
	{ "a\nb\x1b[2J\n", "b?[2J" },
};

START_TEST(last_line_says_what_kubectl_ended_for)
{
	char text[128];

	snprintf(text, sizeof(text), "%s", outputs[_i].text);
	ck_assert_str_eq(nt_kubectl_last_line(text), outputs[_i].last);
}
END_TEST

/* A kubectl of ours in $PATH: a script with this body. */
static void put_kubectl(const char *folder, const char *body)
{
	char path[96], text[256];

	snprintf(path, sizeof(path), "%s/kubectl", folder);
	snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", body);
	ck_assert_int_eq(nt_file_replace_at(AT_FDCWD, path, nt_slice_str(text), 0755, NULL), 0);
	snprintf(text, sizeof(text), "%s:/usr/bin:/bin", folder);
	setenv("PATH", text, 1);
}

START_TEST(kubectl_is_run_and_bounded)
{
	static const char *const arguments[] = { "get", "pods", NULL };
	char folder[] = "/tmp/nametap-cli-XXXXXX", path[64];
	struct nt_kubectl k = { .kubeconfig = "a file", .namespace_ = "nametap" };
	_cleanup_buf_ struct nt_buf out = { .max_len = 100 };
	struct nt_err err = { 0 };

	ck_assert_ptr_nonnull(mkdtemp(folder));
	put_kubectl(folder, "for a; do echo \"$a\"; done; echo no >&2; exit 3");
	ck_assert_int_eq(nt_kubectl_run(&k, arguments, 10000000000, &out, &err), 3);
	ck_assert_str_eq(nt_buf_str(&out),
			 "--kubeconfig\na file\n--namespace\nnametap\nget\npods\nno\n");
	nt_buf_reset(&out);
	put_kubectl(folder, "exec yes");
	ck_assert_int_eq(nt_kubectl_run(&k, arguments, 10000000000, &out, &err), -EFBIG);
	nt_buf_reset(&out);
	put_kubectl(folder, "exec sleep 100");
	ck_assert_int_eq(nt_kubectl_run(&k, arguments, 50000000, &out, &err), -ETIMEDOUT);
	ck_assert_int_eq(k.pid, 0);
	setenv("PATH", "/nowhere", 1);
	ck_assert_int_eq(nt_kubectl_run(&k, arguments, 10000000000, &out, &err), -ENOENT);
	ck_assert_ptr_nonnull(strstr(err.msg, "no kubectl"));
	snprintf(path, sizeof(path), "%s/kubectl", folder);
	(void)unlink(path);
	(void)rmdir(folder);
}
END_TEST

/* --- advice ----------------------------------------------------------------------------------- */

/* The table of reasons in the agent's README, and what is said about each. */
START_TEST(each_reason_of_loss_has_something_to_do)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	unsigned found = 0;
	char *line, *at;

	ck_assert_int_eq(
		nt_file_read_at(AT_FDCWD, "dataplane/agent/README.md", 1 << 20, &text, NULL), 0);
	at = strstr(text.p, "| reason | the packets |");
	ck_assert_ptr_nonnull(at);
	(void)strsep(&at, "\n");
	while ((line = strsep(&at, "\n")) && line[0] == '|') {
		char *cell = line + 1;

		cell[strcspn(cell, "|")] = '\0';
		for (char *tick; (tick = strchr(cell, '`')); cell = tick) {
			size_t len = strcspn(++tick, "`");

			tick[len] = '\0';
			if (strcmp(tick, "error") != 0) {
				ck_assert_str_eq(nt_advice_find(tick)->reason, tick);
				found++;
			}
			tick += len + 1;
		}
	}
	ck_assert_uint_ge(found, 14);
	ck_assert_str_eq(nt_advice_find("new_reason")->reason, "");
}
END_TEST

START_TEST(advice_fits_a_line)
{
	const struct nt_advice *a;

	for (unsigned i = 0; (a = nt_advice_at(i)); i++) {
		ck_assert_uint_gt(strlen(a->what), 10);
		ck_assert_uint_gt(strlen(a->todo), 10);
		ck_assert_uint_lt(strlen(a->todo), 160);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("cli");
	TCase *tc = tcase_create("cli");

	suite_add_tcase(suite, tc);
	tcase_add_loop_test(tc, each_octet_is_printed_as_ascii, 0, 256);
	tcase_add_loop_test(tc, each_character_survives_json, 0, 256);
	tcase_add_loop_test(tc, figures_have_three_digits_and_a_unit, 0, NT_ARRAY_LEN(figures));
	tcase_add_loop_test(tc, sizes_are_binary, 0, NT_ARRAY_LEN(sizes));
	tcase_add_test(tc, columns_are_as_wide_as_what_is_shown);
	tcase_add_test(tc, colour_is_around_what_is_shown);
	tcase_add_loop_test(tc, no_field_of_a_row_reaches_the_terminal_raw, 0, 3);
	tcase_add_loop_test(tc, row_says_what_came_of_the_lookup, 0, NT_ARRAY_LEN(rows));
	tcase_add_loop_test(tc, mistakes_of_the_command_line_are_refused, 0,
			    NT_ARRAY_LEN(mistakes));
	tcase_add_test(tc, options_are_taken_wherever_they_stand);
	tcase_add_test(tc, environment_is_behind_the_options);
	tcase_add_loop_test(tc, namespaces_are_a_part_of_the_filter, 0, NT_ARRAY_LEN(filters));
	tcase_add_loop_test(tc, servers_that_would_tell_the_token_are_refused, 0,
			    NT_ARRAY_LEN(servers));
	tcase_add_test(tc, kubeconfig_is_found_where_kubectl_finds_it);
	tcase_add_loop_test(tc, last_line_says_what_kubectl_ended_for, 0, NT_ARRAY_LEN(outputs));
	tcase_add_test(tc, kubectl_is_run_and_bounded);
	tcase_add_test(tc, each_reason_of_loss_has_something_to_do);
	tcase_add_test(tc, advice_fits_a_line);
	return nt_suite_run(suite);
}
