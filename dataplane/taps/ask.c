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
		    struct nt_answer *ret_answer)
{
	struct nt_answer answer;
	ssize_t n;
	int r = wait_for(fd, POLLOUT, deadline);

	if (r < 0)
		return r;
	if (NT_RETRY(send(fd, ask, sizeof(*ask), MSG_NOSIGNAL)) == -1)
		return -errno;
	r = wait_for(fd, POLLIN, deadline);
	if (r < 0)
		return r;
	n = NT_RETRY(recv(fd, &answer, sizeof(answer), MSG_TRUNC));
	if (n == -1)
		return -errno;
	if (n != (ssize_t)sizeof(answer) || answer.version != NT_ASK_VERSION ||
	    answer.status > NT_ANSWER_FAILED)
		return -EPROTO;
	answer.msg[sizeof(answer.msg) - 1] = '\0';
	*ret_answer = answer;
	return 0;
}

int nt_ask_agent(const char *state_dir, const struct nt_ask *ask, int timeout_ms,
		 struct nt_answer *ret_answer, struct nt_err *err)
{
	struct nt_clock clock = nt_clock_system();
	int64_t deadline = nt_clock_boot(&clock) + (int64_t)timeout_ms * 1000000;
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (!state_dir)
		state_dir = NT_STATE_DIR_DEFAULT;
	if (fd == -1)
		return nt_err_sys(err, errno, "make a socket");
	r = connect_agent(fd, state_dir, deadline);
	if (r == 0)
		r = exchange(fd, ask, deadline, ret_answer);
	if (r == -ETIMEDOUT)
		return nt_err_set(err, ETIMEDOUT, "the agent at %s/%s does not answer in %d ms",
				  state_dir, NT_ASK_SOCKET, timeout_ms);
	return r < 0 ? nt_err_sys(err, -r, "ask the agent at %s/%s", state_dir, NT_ASK_SOCKET) : 0;
}
