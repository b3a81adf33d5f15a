/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent's doctor makes of the answers of API server and controller, over real sockets. */
#include "dataplane/doctor/doctor.h"

#include <arpa/inet.h>
#include <check.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/loop.h"
#include "tests/unit/suite.h"

/* Answers each connection with the next text, and keeps what it was asked. */
static struct {
	int fd;
	unsigned port;
	const char *const *texts;
	struct nt_buf asked;
	pthread_t thread;
} server;

static void *serve(void *ctx)
{
	(void)ctx;
	for (size_t i = 0; server.texts[i]; i++) {
		char octets[8192];
		int fd = accept(server.fd, NULL, NULL);
		ssize_t n = read(fd, octets, sizeof(octets));

		nt_buf_add(&server.asked, octets, n > 0 ? (size_t)n : 0);
		(void)!write(fd, server.texts[i], strlen(server.texts[i]));
		/* Closed with something unread it would be reset, and the answer with it. */
		(void)shutdown(fd, SHUT_WR);
		while (read(fd, octets, sizeof(octets)) > 0)
			;
		close(fd);
	}
	return NULL;
}

static void server_start(const char *const *texts)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	server.texts = texts;
	server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(server.fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(server.fd, 8), 0);
	ck_assert_int_eq(getsockname(server.fd, (struct sockaddr *)&a, &len), 0);
	server.port = ntohs(a.sin_port);
	ck_assert_int_eq(pthread_create(&server.thread, NULL, serve, NULL), 0);
}

#define HEAD(status) "HTTP/1.1 " status "\r\nConnection: close\r\n"
#define VERSION_OK HEAD("200 OK") "Content-Length: 2\r\n\r\n{}"
#define BAD_BATCH HEAD("400 Bad Request") "Content-Length: 2\r\n\r\n{}"

/* Level, what and a part of the detail of what must be found; the paths that were asked for. */
static const struct {
	const char *texts[4];
	bool configmap;
	struct {
		enum nt_level level;
		const char *what, *detail;
	} finds[2];
	const char *asked;
} cases[] = {
	{ { VERSION_OK, BAD_BATCH },
	  false,
	  { { NT_LEVEL_OK, "api", "answers" }, { NT_LEVEL_OK, "controller", "takes the token" } },
	  "POST /ingest/v1/batches" },
	{ { HEAD("403 Forbidden") "\r\n", HEAD("401 Unauthorized") "\r\n" },
	  false,
	  { { NT_LEVEL_FAIL, "api", "403" }, { NT_LEVEL_FAIL, "controller", "answers 401" } },
	  "GET /version" },
	{ { VERSION_OK, HEAD("403 Forbidden") "\r\n{\"detail\":\"a batch of node n1 by an agent on "
					      "node n2\"}" },
	  false,
	  { { NT_LEVEL_FAIL, "controller", "403: a batch of node n1 by an agent on node n2" } },
	  "" },
	{ { VERSION_OK, HEAD("503 Service Unavailable") "\r\n" },
	  false,
	  { { NT_LEVEL_WARN, "controller", "answers 503" } },
	  "" },
	{ { VERSION_OK, HEAD("404 Not Found") "\r\n" },
	  false,
	  { { NT_LEVEL_FAIL, "controller", "answers 404" } },
	  "" },
	/* The authority comes from the API. */
	{ { VERSION_OK,
	    HEAD("200 OK") "\r\n{\"data\":{\"ca.crt\":\"-----BEGIN CERTIFICATE-----\\n\"}}",
	    BAD_BATCH },
	  true,
	  { { NT_LEVEL_OK, "controller", "takes the token" } },
	  "GET /api/v1/namespaces/nametap/configmaps/nametap-ca" },
	{ { VERSION_OK, HEAD("200 OK") "\r\n{\"data\":{}}" },
	  true,
	  { { NT_LEVEL_FAIL, "controller", "no ca.crt yet" } },
	  "" },
	{ { VERSION_OK,
	    HEAD("404 Not Found") "\r\n{\"kind\":\"Status\",\"message\":\"not found\"}" },
	  true,
	  { { NT_LEVEL_FAIL, "controller", "404 not found" } },
	  "" },
	/* An hour off, by the answer's Date. */
	{ { VERSION_OK, HEAD("400 Bad Request") "Date: Thu, 01 Jan 2015 00:00:00 GMT\r\n\r\n" },
	  false,
	  { { NT_LEVEL_FAIL, "clock", "ahead of that of the controller" } },
	  "" },
};

static const struct nt_finding *find(const struct nt_doctor *d, enum nt_level level,
				     const char *what, const char *detail)
{
	for (size_t i = 0; i < d->findings.len; i++) {
		const struct nt_finding *f = &d->findings.list[i];

		if (f->level == level && strcmp(f->what, what) == 0 && strstr(f->detail, detail))
			return f;
	}
	return NULL;
}

START_TEST(answers_become_findings)
{
	char folder[] = "/tmp/nametap-doctor-XXXXXX", config[64], text[512], url[64];
	struct nt_options options = { .kubeconfig = config, .controller = url, .node = "n1" };
	struct nt_doctor d = { .options = &options };
	struct nt_err err;

	(void)signal(SIGPIPE, SIG_IGN);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	server_start(cases[_i].texts);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u", server.port);
	snprintf(config, sizeof(config), "%s/config", folder);
	snprintf(text, sizeof(text),
		 "{current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}], "
		 "clusters: [{name: k, cluster: {server: \"%s\"}}], "
		 "users: [{name: u, user: {token: t}}]}\n",
		 url);
	ck_assert_int_eq(nt_file_replace_at(AT_FDCWD, config, nt_slice_str(text), 0600, NULL), 0);
	options.ca_configmap = cases[_i].configmap ? "nametap/nametap-ca" : NULL;
	ck_assert_int_eq(nt_loop_new(&d.loop, &err), 0);
	nt_doctor_reach(&d);
	pthread_join(server.thread, NULL);
	for (size_t i = 0; i < 2 && cases[_i].finds[i].what; i++) {
		const struct nt_finding *f =
			find(&d, cases[_i].finds[i].level, cases[_i].finds[i].what,
			     cases[_i].finds[i].detail);
		_cleanup_buf_ struct nt_buf all = { 0 };

		nt_findings_text(&d.findings, false, &all);
		ck_assert_msg(f != NULL, "%s", nt_buf_str(&all));
		ck_assert(f->level == NT_LEVEL_OK || f->todo[0]);
	}
	ck_assert_ptr_nonnull(strstr(server.asked.p, cases[_i].asked));
	nt_findings_done(&d.findings);
	nt_loop_free(d.loop);
	close(server.fd);
	nt_buf_done(&server.asked);
	(void)unlink(config);
	(void)rmdir(folder);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("doctor");
	TCase *tc = tcase_create("doctor");

	suite_add_tcase(suite, tc);
	tcase_add_loop_test(tc, answers_become_findings, 0, NT_ARRAY_LEN(cases));
	return nt_suite_run(suite);
}
