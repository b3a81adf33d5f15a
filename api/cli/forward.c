/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl port-forward as a child. */
#include "api/cli/forward.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/escape.h"
#include "lib/base/parse.h"

#define READY_NS (30 * NT_NS_PER_S)

/* In the child. kubectl's words go where its port does: we show them when it fails. */
static void run_kubectl(const struct nt_forward *f, int fd, pid_t parent)
{
	char port[16];
	const char *argv[16] = { "kubectl" };
	int n = 1;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	(void)signal(SIGPIPE, SIG_DFL);
	if (dup2(fd, STDOUT_FILENO) == -1 || dup2(fd, STDERR_FILENO) == -1)
		_exit(1);
	snprintf(port, sizeof(port), ":%d", NT_FORWARD_PORT);
	if (f->kubeconfig) {
		argv[n++] = "--kubeconfig";
		argv[n++] = f->kubeconfig;
	}
	argv[n++] = "--namespace";
	argv[n++] = f->namespace_;
	argv[n++] = "port-forward";
	argv[n++] = "--address=127.0.0.1";
	argv[n++] = "deployment/nametap-controller";
	argv[n++] = port;
	argv[n] = NULL;
	execvp("kubectl", (char *const *)(uintptr_t)argv);
	_exit(errno == ENOENT ? 127 : 126);
}

/* "Forwarding from 127.0.0.1:40123 -> 8053" */
static bool find_port(const char *text, uint16_t *ret_port)
{
	static const char lead[] = "Forwarding from 127.0.0.1:";
	const char *at = strstr(text, lead);
	struct nt_slice digits;
	uint64_t port;

	if (!at)
		return false;
	at += sizeof(lead) - 1;
	digits = nt_slice_mem(at, strspn(at, "0123456789"));
	if (!at[digits.len] || nt_parse_u64(digits, 65535, &port) < 0)
		return false;
	*ret_port = (uint16_t)port;
	return true;
}

/* kubectl says at last what it ends for. */
static char *last_line(char *text)
{
	size_t len = strlen(text);
	char *newline;

	while (len && text[len - 1] == '\n')
		text[--len] = '\0';
	newline = strrchr(text, '\n');
	return newline ? newline + 1 : text;
}

/* It has closed its output: it is over. */
static int explain_end(struct nt_forward *f, char *text, struct nt_err *err)
{
	int status = 0;
	char *last;

	(void)kill(f->pid, SIGTERM);
	(void)NT_RETRY(waitpid(f->pid, &status, 0));
	f->pid = 0;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
		return nt_err_set(err, ENOENT, "there is no kubectl in $PATH");
	last = last_line(text);
	nt_escape_ascii(last);
	return nt_err_set(err, EAGAIN,
			  "kubectl port-forward of deployment/nametap-controller in "
			  "namespace %.64s: %.250s",
			  f->namespace_, last[0] ? last : "it ended");
}

static int wait_for_port(struct nt_forward *f, struct nt_err *err)
{
	struct nt_clock clock = nt_clock_system();
	int64_t until = nt_clock_boot(&clock) + READY_NS;
	char text[2048] = "";
	size_t len = 0;

	while (!find_port(text, &f->port)) {
		int64_t left = until - nt_clock_boot(&clock);
		struct pollfd p = { .fd = f->fd, .events = POLLIN };
		ssize_t n;

		if (left <= 0 || NT_RETRY(poll(&p, 1, (int)(left / NT_NS_PER_MS) + 1)) == 0)
			return nt_err_set(err, ETIMEDOUT,
					  "kubectl port-forward is not there after %lld s",
					  READY_NS / NT_NS_PER_S);
		n = NT_RETRY(read(f->fd, text + len, sizeof(text) - 1 - len));
		if (n <= 0)
			return explain_end(f, text, err);
		len += (size_t)n;
		text[len] = '\0';
	}
	return 0;
}

int nt_forward_start(struct nt_forward *f, struct nt_err *err)
{
	int pipes[2], r;
	pid_t parent = getpid();

	nt_forward_stop(f);
	if (pipe2(pipes, O_CLOEXEC) == -1)
		return nt_err_sys(err, errno, "make a pipe");
	f->pid = fork();
	if (f->pid == 0)
		run_kubectl(f, pipes[1], parent);
	close(pipes[1]);
	if (f->pid == -1) {
		f->pid = 0;
		close(pipes[0]);
		return nt_err_sys(err, errno, "start kubectl");
	}
	f->fd = pipes[0];
	r = wait_for_port(f, err);
	if (r < 0)
		nt_forward_stop(f);
	return r;
}

/* What it says later ("Handling connection") is read, so that it never waits for us. */
bool nt_forward_is_alive(struct nt_forward *f)
{
	char text[4096];
	struct pollfd p = { .fd = f->fd, .events = POLLIN };

	if (!f->pid)
		return false;
	while (NT_RETRY(poll(&p, 1, 0)) == 1)
		if (NT_RETRY(read(f->fd, text, sizeof(text))) <= 0)
			return false;
	return true;
}

void nt_forward_stop(struct nt_forward *f)
{
	if (f->pid) {
		(void)kill(f->pid, SIGTERM);
		(void)NT_RETRY(waitpid(f->pid, NULL, 0));
	}
	if (f->fd > 0)
		close(f->fd);
	f->pid = 0;
	f->fd = 0;
}
