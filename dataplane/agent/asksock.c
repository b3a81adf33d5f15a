/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's socket: connections, questions, deadlines. */
#include "dataplane/agent/asksock.h"

#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#define WAIT_NS NT_NS_PER_S
/* Deadlines and second looks; runs only while somebody waits. */
#define TICK_NS (50 * NT_NS_PER_MS)

struct connection {
	int fd; /* -1: free */
	bool asked; /* the question is there, the answer is not */
	uint64_t ep_id;
	int64_t deadline_ns;
};

struct nt_asksock {
	struct nt_asksock_config config;
	int fd;
	bool listening; /* fd is watched */
	char path[PATH_MAX];
	struct stat file; /* ours; st_ino 0: not there yet */
	struct nt_timer *timer;
	struct connection connections[NT_ASKSOCK_CONNECTIONS];
	struct nt_asksock_stats stats;
};

/* --- connections ------------------------------------------------------------------------------ */

static void on_connect(void *ctx, int listen_fd, uint32_t events);

/* With all places taken whoever comes waits in the backlog, where his deadline runs, and is not
 * turned away. */
static void set_listening(struct nt_asksock *s, bool on)
{
	struct nt_err err;

	if (on == s->listening)
		return;
	if (!on)
		nt_loop_unwatch(s->config.loop, s->fd);
	else if (nt_loop_watch(s->config.loop, s->fd, EPOLLIN, on_connect, s, &err) < 0)
		return; /* tried again on the next tick */
	s->listening = on;
}

/* No ticks while there is nothing to wait for. */
static void rest(struct nt_asksock *s)
{
	if (s->stats.connections == 0 && s->listening)
		nt_loop_timer_set(s->timer, 0);
}

static void end(struct nt_asksock *s, struct connection *c)
{
	nt_loop_unwatch(s->config.loop, c->fd);
	close(c->fd);
	c->fd = -1;
	s->stats.connections--;
	set_listening(s, true);
	rest(s);
}

static void send_answer(struct nt_asksock *s, struct connection *c, const struct nt_answer *a)
{
	/* A fresh socket's buffer has room; who does not read has no answer. */
	(void)send(c->fd, a, sizeof(*a), MSG_DONTWAIT | MSG_NOSIGNAL);
	s->stats.answered++;
	s->stats.unknown += a->status == NT_ANSWER_UNKNOWN;
	end(s, c);
}

/* final: the answer goes out whatever it is. */
static void try_answer(struct nt_asksock *s, struct connection *c, bool final)
{
	struct nt_answer a = { 0 };

	s->config.fn(s->config.ctx, c->ep_id, &a);
	a.version = NT_ASK_VERSION;
	a.msg[sizeof(a.msg) - 1] = '\0';
	if (a.status != NT_ANSWER_UNKNOWN || final)
		send_answer(s, c, &a);
}

static void fail(struct nt_asksock *s, struct connection *c, const char *text)
{
	struct nt_answer a = { .version = NT_ASK_VERSION, .status = NT_ANSWER_FAILED };

	snprintf(a.msg, sizeof(a.msg), "%s", text);
	s->stats.refused++;
	send_answer(s, c, &a);
}

/* A plugin of another version reads at least the version and the text: both begin every answer. */
static void fail_version(struct nt_asksock *s, struct connection *c, ssize_t n, uint32_t version)
{
	char text[sizeof(((struct nt_answer *)0)->msg)];

	snprintf(text, sizeof(text),
		 "the plugin asks in version %u with %zd octets, this agent knows version %d: "
		 "install the plugin that belongs to the agent",
		 version, n, NT_ASK_VERSION);
	fail(s, c, text);
}

static void answer_alive(struct nt_asksock *s, struct connection *c)
{
	const struct nt_answer a = { .version = NT_ASK_VERSION, .status = NT_ANSWER_IN_FORCE };

	send_answer(s, c, &a);
}

static struct connection *connection_of(struct nt_asksock *s, int fd)
{
	for (size_t i = 0; i < NT_ASKSOCK_CONNECTIONS; i++)
		if (s->connections[i].fd == fd)
			return &s->connections[i];
	return NULL;
}

static void on_readable(void *ctx, int fd, uint32_t events)
{
	struct nt_asksock *s = ctx;
	struct connection *c = connection_of(s, fd);
	struct nt_ask ask = { 0 };
	ssize_t n;

	(void)events;
	if (!c)
		return;
	n = recv(fd, &ask, sizeof(ask), MSG_DONTWAIT | MSG_TRUNC);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) /* gave up, or never asked */
		end(s, c);
	else if (c->asked)
		fail(s, c, "one question at a time");
	else if (n != sizeof(ask) || ask.version != NT_ASK_VERSION)
		fail_version(s, c, n, ask.version);
	else if (ask.op == NT_ASK_ALIVE)
		answer_alive(s, c);
	else if (ask.op != NT_ASK_ENFORCE)
		fail(s, c, "no such operation");
	else {
		c->asked = true;
		c->ep_id = ask.ep_id;
		c->deadline_ns = nt_clock_boot(s->config.clock) + s->config.unknown_ns;
		try_answer(s, c, false);
	}
}

static bool is_root(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.uid == 0;
}

static void on_connect(void *ctx, int listen_fd, uint32_t events)
{
	struct nt_asksock *s = ctx;
	struct connection *c = connection_of(s, -1);
	struct nt_err err;
	int fd;

	(void)events;
	if (!c) {
		set_listening(s, false);
		return;
	}
	fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd == -1)
		return;
	if (!is_root(fd) || nt_loop_watch(s->config.loop, fd, EPOLLIN, on_readable, s, &err) < 0) {
		s->stats.refused++;
		close(fd);
		return;
	}
	*c = (struct connection){ .fd = fd,
				  .deadline_ns =
					  nt_clock_boot(s->config.clock) + s->config.read_ns };
	if (s->stats.connections++ == 0)
		nt_loop_timer_set(s->timer, TICK_NS);
}

static void look_at_all(struct nt_asksock *s)
{
	int64_t now = nt_clock_boot(s->config.clock);

	if (connection_of(s, -1))
		set_listening(s, true);
	rest(s);
	for (size_t i = 0; i < NT_ASKSOCK_CONNECTIONS; i++) {
		struct connection *c = &s->connections[i];

		if (c->fd == -1)
			continue;
		if (c->asked)
			try_answer(s, c, now >= c->deadline_ns);
		else if (now >= c->deadline_ns) {
			s->stats.refused++;
			end(s, c);
		}
	}
}

static void on_tick(void *ctx)
{
	look_at_all(ctx);
}

void nt_asksock_retry(struct nt_asksock *s)
{
	if (s)
		look_at_all(s);
}

/* --- the file --------------------------------------------------------------------------------- */

static int address_of(const char *path, struct sockaddr_un *ret_address, struct nt_err *err)
{
	size_t len = strlen(path);

	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (len >= sizeof(ret_address->sun_path))
		return nt_err_set(err, ENAMETOOLONG, "%s: too long for a socket", path);
	memcpy(ret_address->sun_path, path, len + 1);
	return 0;
}

/* 0 when the file is not there or nobody listens on it. */
static int check_stale(const char *path, struct nt_err *err)
{
	_cleanup_close_ int fd = -1;
	struct sockaddr_un address;
	struct stat st;
	int r = address_of(path, &address, err);

	if (r < 0)
		return r;
	if (lstat(path, &st) == -1)
		return errno == ENOENT ? 0 : nt_err_sys(err, errno, "%s", path);
	if (!S_ISSOCK(st.st_mode))
		return nt_err_set(err, EEXIST, "%s is there and no socket", path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd == -1)
		return nt_err_sys(err, errno, "socket");
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 || errno == EAGAIN)
		return nt_err_set(err, EADDRINUSE, "%s: another agent listens", path);
	if (errno != ECONNREFUSED && errno != ENOENT && errno != EPROTOTYPE)
		return nt_err_sys(err, errno, "%s", path);
	return 0;
}

/* Under a name of our own, then renamed: the plugin finds the old one, refusing, or this one. */
static int listen_at(struct nt_asksock *s, struct nt_err *err)
{
	struct sockaddr_un address;
	char neighbour[PATH_MAX];
	int r;

	if (snprintf(neighbour, sizeof(neighbour), "%s.%ld", s->path, (long)getpid()) >=
	    (int)sizeof(neighbour))
		return nt_err_set(err, ENAMETOOLONG, "%s: too long", s->path);
	r = address_of(neighbour, &address, err);
	if (r < 0)
		return r;
	s->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd == -1)
		return nt_err_sys(err, errno, "socket");
	(void)unlink(neighbour);
	if (bind(s->fd, (struct sockaddr *)&address, sizeof(address)) == -1)
		return nt_err_sys(err, errno, "%s: bind", neighbour);
	if (chmod(neighbour, 0600) == -1 || listen(s->fd, NT_ASKSOCK_CONNECTIONS) == -1 ||
	    lstat(neighbour, &s->file) == -1 || rename(neighbour, s->path) == -1) {
		r = nt_err_sys(err, errno, "%s", neighbour);
		s->file.st_ino = 0;
		(void)unlink(neighbour);
	}
	return r;
}

static void remove_file(struct nt_asksock *s)
{
	struct stat st;

	if (s->file.st_ino && lstat(s->path, &st) == 0 && st.st_ino == s->file.st_ino &&
	    st.st_dev == s->file.st_dev)
		(void)unlink(s->path);
}

/* --- life ------------------------------------------------------------------------------------- */

static int open_socket(struct nt_asksock *s, struct nt_err *err)
{
	const struct nt_asksock_config *c = &s->config;
	int r = nt_file_mkdirs(c->state_dir, 0700, err);

	if (r < 0)
		return r;
	if (snprintf(s->path, sizeof(s->path), "%s/" NT_ASK_SOCKET, c->state_dir) >=
	    (int)sizeof(s->path))
		return nt_err_set(err, ENAMETOOLONG, "%s: too long", c->state_dir);
	r = check_stale(s->path, err);
	if (r == 0)
		r = listen_at(s, err);
	if (r < 0)
		return r;
	s->timer = nt_loop_timer_new(c->loop, 0, on_tick, s, err);
	if (!s->timer)
		return -err->code;
	r = nt_loop_watch(c->loop, s->fd, EPOLLIN, on_connect, s, err);
	s->listening = r == 0;
	return r;
}

int nt_asksock_open(const struct nt_asksock_config *config, struct nt_asksock **ret_asksock,
		    struct nt_err *err)
{
	struct nt_asksock *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return nt_err_set(err, ENOMEM, "no memory for the agent's socket");
	s->config = *config;
	s->config.read_ns = config->read_ns ? config->read_ns : WAIT_NS;
	s->config.unknown_ns = config->unknown_ns ? config->unknown_ns : WAIT_NS;
	s->fd = -1;
	for (size_t i = 0; i < NT_ASKSOCK_CONNECTIONS; i++)
		s->connections[i].fd = -1;
	r = open_socket(s, err);
	if (r < 0) {
		nt_asksock_close(s);
		return r;
	}
	*ret_asksock = s;
	return 0;
}

void nt_asksock_close(struct nt_asksock *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < NT_ASKSOCK_CONNECTIONS; i++)
		if (s->connections[i].fd != -1)
			end(s, &s->connections[i]);
	remove_file(s);
	if (s->fd != -1) {
		set_listening(s, false);
		close(s->fd);
	}
	nt_loop_timer_free(s->timer);
	free(s);
}

struct nt_asksock_stats nt_asksock_stats(const struct nt_asksock *s)
{
	return s->stats;
}
