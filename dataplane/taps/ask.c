/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin's end of the agent's socket: one question, one answer, one deadline. */
#include "dataplane/taps/ask.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "dataplane/taps/taps.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

#define RETRY_MS 5

static int left_ms(int64_t deadline)
{
	struct nt_clock clock = nt_clock_system();
	int64_t left = deadline - nt_clock_boot(&clock);

	return left <= 0 ? 0 : (int)(left / 1000000) + 1;
}

/* By the folder's descriptor, because a socket's path is limited to 107 octets. A full backlog is
 * EAGAIN here, and nothing can be polled for it. */
static int connect_agent(int fd, const char *state_dir, int64_t deadline)
{
	const struct timespec pause = { .tv_nsec = RETRY_MS * 1000000L };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	_cleanup_close_ int dir = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (dir == -1)
		return -errno;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "/proc/self/fd/%d/%s", dir, NT_ASK_SOCKET);
	while (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == -1) {
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (left_ms(deadline) == 0)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
	return 0;
}

static int wait_for(int fd, short events, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = events };
	int r = NT_RETRY(poll(&p, 1, left_ms(deadline)));

	if (r == -1)
		return -errno;
	return r == 0 ? -ETIMEDOUT : 0;
}

static int exchange(int fd, const struct nt_ask *ask, int64_t deadline,
		    struct nt_answer *ret_answer, ssize_t *ret_len)
{
	int r = wait_for(fd, POLLOUT, deadline);

	if (r < 0)
		return r;
	if (NT_RETRY(send(fd, ask, sizeof(*ask), MSG_NOSIGNAL)) == -1)
		return -errno;
	r = wait_for(fd, POLLIN, deadline);
	if (r < 0)
		return r;
	*ret_len = NT_RETRY(recv(fd, ret_answer, sizeof(*ret_answer), MSG_TRUNC));
	ret_answer->msg[sizeof(ret_answer->msg) - 1] = '\0';
	return *ret_len == -1 ? -errno : 0;
}

static int check_answer(const struct nt_answer *a, ssize_t len, const char *state_dir,
			struct nt_err *err)
{
	if (len == 0)
		return nt_err_set(err, EPROTO, "the agent at %s/%s hung up", state_dir,
				  NT_ASK_SOCKET);
	if (len != (ssize_t)sizeof(*a) || a->version != NT_ASK_VERSION)
		return nt_err_set(err, EPROTO,
				  "the agent at %s/%s answers in version %u with %zd octets, this "
				  "plugin knows version %d (%.160s)",
				  state_dir, NT_ASK_SOCKET, a->version, len, NT_ASK_VERSION,
				  a->msg);
	if (a->status > NT_ANSWER_FAILED)
		return nt_err_set(err, EPROTO, "the agent at %s/%s answers %u, which means nothing",
				  state_dir, NT_ASK_SOCKET, a->status);
	return 0;
}

int nt_ask_peer(const char *state_dir, pid_t *ret_pid, struct nt_err *err)
{
	struct nt_clock clock = nt_clock_system();
	int64_t deadline = nt_clock_boot(&clock) + (int64_t)NT_ASK_TIMEOUT_MS * 1000000;
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct ucred peer;
	socklen_t len = sizeof(peer);
	int r;

	if (fd == -1)
		return nt_err_sys(err, errno, "make a socket");
	r = connect_agent(fd, state_dir, deadline);
	if (r == 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1)
		r = -errno;
	if (r < 0)
		return nt_err_sys(err, -r, "ask the agent at %s/%s", state_dir, NT_ASK_SOCKET);
	*ret_pid = peer.pid;
	return 0;
}

int nt_ask_agent(const char *state_dir, const struct nt_ask *ask, int timeout_ms,
		 struct nt_answer *ret_answer, struct nt_err *err)
{
	struct nt_clock clock = nt_clock_system();
	int64_t deadline = nt_clock_boot(&clock) + (int64_t)timeout_ms * 1000000;
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct nt_answer answer = {};
	ssize_t len = 0;
	int r;

	if (!state_dir)
		state_dir = NT_STATE_DIR_DEFAULT;
	if (fd == -1)
		return nt_err_sys(err, errno, "make a socket");
	r = connect_agent(fd, state_dir, deadline);
	if (r == 0)
		r = exchange(fd, ask, deadline, &answer, &len);
	if (r == -ETIMEDOUT)
		return nt_err_set(err, ETIMEDOUT, "the agent at %s/%s does not answer in %d ms",
				  state_dir, NT_ASK_SOCKET, timeout_ms);
	if (r < 0)
		return nt_err_sys(err, -r, "ask the agent at %s/%s", state_dir, NT_ASK_SOCKET);
	r = check_answer(&answer, len, state_dir, err);
	if (r == 0)
		*ret_answer = answer;
	return r;
}
