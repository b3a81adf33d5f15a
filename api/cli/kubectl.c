/* SPDX-License-Identifier: Apache-2.0 */
/* kubectl as a child. */
#include "api/cli/kubectl.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/escape.h"

/* In the child. */
static void become_kubectl(const struct nt_kubectl *k, const char *const *arguments, int fd,
			   pid_t parent)
{
	const char *argv[NT_KUBECTL_ARGUMENTS + 6] = { "kubectl" };
	int n = 1;

	(void)prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		_exit(1);
	(void)signal(SIGPIPE, SIG_DFL);
	if (dup2(fd, STDOUT_FILENO) == -1 || dup2(fd, STDERR_FILENO) == -1)
		_exit(1);
	if (k->kubeconfig) {
		argv[n++] = "--kubeconfig";
		argv[n++] = k->kubeconfig;
	}
	argv[n++] = "--namespace";
	argv[n++] = k->namespace_;
	for (int i = 0; arguments[i] && i < NT_KUBECTL_ARGUMENTS; i++)
		argv[n++] = arguments[i];
	argv[n] = NULL;
	execvp("kubectl", (char *const *)(uintptr_t)argv);
	_exit(errno == ENOENT ? 127 : 126);
}

int nt_kubectl_start(struct nt_kubectl *k, const char *const *arguments, struct nt_err *err)
{
	pid_t parent = getpid();
	int pipes[2];

	(void)nt_kubectl_stop(k);
	if (pipe2(pipes, O_CLOEXEC) == -1)
		return nt_err_sys(err, errno, "make a pipe");
	k->pid = fork();
	if (k->pid == 0)
		become_kubectl(k, arguments, pipes[1], parent);
	close(pipes[1]);
	if (k->pid == -1) {
		k->pid = 0;
		close(pipes[0]);
		return nt_err_sys(err, errno, "start kubectl");
	}
	k->fd = pipes[0];
	return 0;
}

int nt_kubectl_stop(struct nt_kubectl *k)
{
	int status = 0, code = -1;

	if (k->pid) {
		(void)kill(k->pid, SIGTERM);
		(void)NT_RETRY(waitpid(k->pid, &status, 0));
		code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	}
	if (k->fd > 0)
		close(k->fd);
	k->pid = 0;
	k->fd = 0;
	return code;
}

/* 1: it has printed something, 0: its output has ended. */
static int read_some(struct nt_kubectl *k, int64_t left_ns, struct nt_buf *out, struct nt_err *err)
{
	struct pollfd p = { .fd = k->fd, .events = POLLIN };
	char text[4096];
	ssize_t n;

	if (left_ns <= 0 || NT_RETRY(poll(&p, 1, (int)(left_ns / NT_NS_PER_MS) + 1)) == 0)
		return nt_err_set(err, ETIMEDOUT, "kubectl does not come to an end");
	n = NT_RETRY(read(k->fd, text, sizeof(text)));
	if (n <= 0)
		return 0;
	nt_buf_add(out, text, (size_t)n);
	return nt_buf_ok(out) ? 1
			      : nt_err_set(err, EFBIG, "kubectl prints more than was asked for");
}

int nt_kubectl_run(struct nt_kubectl *k, const char *const *arguments, int64_t timeout_ns,
		   struct nt_buf *out, struct nt_err *err)
{
	struct nt_clock clock = nt_clock_system();
	int64_t until = nt_clock_boot(&clock) + timeout_ns;
	int r = nt_kubectl_start(k, arguments, err), code;

	if (r < 0)
		return r;
	do
		r = read_some(k, until - nt_clock_boot(&clock), out, err);
	while (r > 0);
	/* Its output is closed at its end; the signal that comes behind finds it ending. */
	code = nt_kubectl_stop(k);
	if (r < 0)
		return r;
	return code == 127 ? nt_err_set(err, ENOENT, "there is no kubectl in $PATH") : code;
}

static char *cut_last_line(char *text)
{
	size_t len = strlen(text);
	char *newline;

	while (len && text[len - 1] == '\n')
		text[--len] = '\0';
	newline = strrchr(text, '\n');
	return newline ? newline + 1 : text;
}

/* Of exec, kubectl's own last line only says that there was an end. */
char *nt_kubectl_last_line(char *text)
{
	static const char exited[] = "command terminated with exit code";
	char *last = cut_last_line(text);

	if (last != text && strncmp(last, exited, sizeof(exited) - 1) == 0) {
		*last = '\0';
		last = cut_last_line(text);
	}
	nt_escape_ascii(last);
	return last;
}
