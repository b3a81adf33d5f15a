/* SPDX-License-Identifier: Apache-2.0 */
/* The controller's command line. */
#include "controller/options.c" /* the agent has functions of the same name */

#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/suite.h"

static struct nt_options o;

/* The exit code, or -1 to go on. */
static int parse(const char *line)
{
	static char words[1024];
	char *argv[32] = { (char *)(uintptr_t) "nametap-controller" };
	char *save = NULL;
	int argc = 1;

	snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	optind = 0;
	return nt_options_parse(argc, argv, &o);
}

/* What it says on standard error. */
static const char *says(const char *line)
{
	static char text[8192];
	int saved = dup(STDERR_FILENO), pipes[2];
	ssize_t n;

	ck_assert_int_eq(pipe2(pipes, O_CLOEXEC), 0);
	fflush(stderr);
	dup2(pipes[1], STDERR_FILENO);
	close(pipes[1]);
	ck_assert_int_eq(parse(line), 2);
	fflush(stderr);
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = read(pipes[0], text, sizeof(text) - 1);
	close(pipes[0]);
	text[n > 0 ? n : 0] = '\0';
	return text;
}

START_TEST(defaults)
{
	ck_assert_int_eq(parse("--data /d"), -1);
	ck_assert_str_eq(o.listen, "127.0.0.1:8053");
	ck_assert_str_eq(o.agent_audience, "nametap-controller");
	ck_assert(!o.tls_listen && !o.tls_cert && !o.tls_key && !o.tls_secret);
	ck_assert(!o.receivers && !o.tls_configmap && !o.tls_names && !o.kubeconfig &&
		  !o.agent_account);
}
END_TEST

START_TEST(values)
{
	ck_assert_int_eq(parse("--data /d --tls-listen 0.0.0.0:8443 --tls-cert /c --tls-key /k "
			       "--tls-secret a/b --tls-configmap c/d.e --tls-names x,10.0.0.1 "
			       "--kubeconfig none --agent-account n/a --agent-audience aud "
			       "--receivers /r"),
			 -1);
	ck_assert_str_eq(o.tls_listen, "0.0.0.0:8443");
	ck_assert_str_eq(o.tls_cert, "/c");
	ck_assert_str_eq(o.tls_key, "/k");
	ck_assert_str_eq(o.tls_secret, "a/b");
	ck_assert_str_eq(o.tls_configmap, "c/d.e");
	ck_assert_str_eq(o.tls_names, "x,10.0.0.1");
	ck_assert_str_eq(o.kubeconfig, "none");
	ck_assert_str_eq(o.agent_account, "n/a");
	ck_assert_str_eq(o.agent_audience, "aud");
	ck_assert_str_eq(o.receivers, "/r");
}
END_TEST

static const struct {
	const char *line, *message;
} mistakes[] = {
	{ "--data /d --tls-listen :1 --tls-cert /c", "--tls-cert and --tls-key belong together" },
	{ "--data /d --tls-cert /c --tls-key /k", "--tls-cert needs --tls-listen" },
	{ "--data /d --tls-secret b", "--tls-secret: cannot read \"b\"" },
	{ "--data /d --tls-configmap a/", "--tls-configmap: cannot read \"a/\"" },
	{ "--data /d --agent-account a/../b", "--agent-account: cannot read \"a/../b\"" },
	{ "--data /d --tls-listen=", "--tls-listen: cannot read \"\"" },
	{ "--data /d --node-rows many", "--node-rows: cannot read \"many\"" },
};

START_TEST(mistake_is_said)
{
	char wanted[256];

	snprintf(wanted, sizeof(wanted), "nametap-controller: %s\n", mistakes[_i].message);
	ck_assert_str_eq(says(mistakes[_i].line), wanted);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("controller_options");
	TCase *tc = tcase_create("options");

	tcase_add_test(tc, defaults);
	tcase_add_test(tc, values);
	tcase_add_loop_test(tc, mistake_is_said, 0, sizeof(mistakes) / sizeof(mistakes[0]));
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
