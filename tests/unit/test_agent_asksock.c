/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's socket: questions over a real one, deadlines, strangers, and the file itself. */
#include "dataplane/agent/asksock.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

#define STRANGER 65534

static char base[] = "/tmp/nt-asksock-XXXXXX"; /* made and removed by main */
static char dir[64], path[96];
static struct nt_clock now;
static struct nt_loop *loop;
static struct nt_timer *stop_timer;
static struct nt_asksock *asksock;
static struct nt_asksock_config config;
static struct nt_err err;
static enum nt_answer_status status;
static unsigned questions;
static uint64_t asked_for;

static void answer(void *ctx, uint64_t ep_id, struct nt_answer *ret_answer)
{
	(void)ctx;
	questions++;
	asked_for = ep_id;
	ret_answer->status = (uint32_t)status;
	ret_answer->slots = 3;
}

static void stop(void *ctx)
{
	nt_loop_stop(ctx);
}

/* Whatever happens within ms; in several turns, so that a machine that comes late finds the rest in
 * the next one. Deadlines are of another clock, see pass(). */
static void turn(int64_t ms)
{
	for (int i = 0; i < 5; i++) {
		nt_loop_timer_set(stop_timer, ms * NT_NS_PER_MS / 5);
		ck_assert_int_eq(nt_loop_run(loop, &err), 0);
	}
}

static void pass(int64_t ms)
{
	now.virtual_boot_ns += ms * NT_NS_PER_MS;
}

static void setup(void)
{
	snprintf(dir, sizeof(dir), "%s/%d", base, (int)getpid());
	snprintf(path, sizeof(path), "%s/" NT_ASK_SOCKET, dir);
	now = nt_clock_virtual(NT_NS_PER_S, NT_NS_PER_S);
	ck_assert_int_eq(nt_loop_new(&loop, &err), 0);
	stop_timer = nt_loop_timer_new(loop, 0, stop, loop, &err);
	config = (struct nt_asksock_config){ .state_dir = dir,
					     .loop = loop,
					     .clock = &now,
					     .fn = answer,
					     .read_ns = 200 * NT_NS_PER_MS,
					     .unknown_ns = 200 * NT_NS_PER_MS };
	ck_assert_msg(nt_asksock_open(&config, &asksock, &err) == 0, "%s", err.msg);
}

static void teardown(void)
{
	nt_asksock_close(asksock);
	nt_loop_free(loop);
}

static int try_connect(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(fd, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static int ask(uint32_t version, uint32_t op)
{
	struct nt_ask a = { .version = version, .op = op, .ep_id = 77 };
	int fd = try_connect();

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(send(fd, &a, sizeof(a), 0), sizeof(a));
	return fd;
}

/* 1: an answer, 0: closed, -1: nothing yet. */
static int take(int fd, struct nt_answer *ret_answer)
{
	ssize_t n = recv(fd, ret_answer, sizeof(*ret_answer), MSG_DONTWAIT);

	if (n > 0)
		ck_assert_int_eq(n, sizeof(*ret_answer));
	return n > 0 ? 1 : n == 0 || errno == ECONNRESET ? 0 : -1;
}

START_TEST(answered)
{
	struct nt_answer a;
	struct stat st;
	int fd = ask(NT_ASK_VERSION, NT_ASK_ENFORCE);

	turn(20);
	ck_assert_int_eq(take(fd, &a), 1);
	ck_assert_uint_eq(a.version, NT_ASK_VERSION);
	ck_assert_uint_eq(a.status, NT_ANSWER_IN_FORCE);
	ck_assert_uint_eq(a.slots, 3);
	ck_assert_uint_eq(asked_for, 77);
	ck_assert_int_eq(take(fd, &a), 0);
	ck_assert_uint_eq(nt_asksock_stats(asksock).connections, 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0600);
	close(fd);
}
END_TEST

/* The manifest is on its way. */
START_TEST(unknown_waits)
{
	struct nt_answer a;
	int fd;

	status = NT_ANSWER_UNKNOWN;
	fd = ask(NT_ASK_VERSION, NT_ASK_ENFORCE);
	turn(20);
	ck_assert_int_eq(take(fd, &a), -1);
	status = NT_ANSWER_IN_FORCE;
	nt_asksock_retry(asksock);
	ck_assert_int_eq(take(fd, &a), 1);
	ck_assert_uint_eq(a.status, NT_ANSWER_IN_FORCE);
	ck_assert_uint_ge(questions, 2); /* it asks itself again at each tick */
	close(fd);
}
END_TEST

START_TEST(unknown_in_the_end)
{
	struct nt_answer a;
	int fd, quick;

	status = NT_ANSWER_UNKNOWN;
	fd = ask(NT_ASK_VERSION, NT_ASK_ENFORCE);
	turn(100);
	ck_assert_int_eq(take(fd, &a), -1);
	status = NT_ANSWER_UNKNOWN;
	quick = ask(NT_ASK_VERSION, NT_ASK_ENFORCE);
	close(quick); /* gives up */
	pass(200);
	turn(100);
	ck_assert_int_eq(take(fd, &a), 1);
	ck_assert_uint_eq(a.status, NT_ANSWER_UNKNOWN);
	ck_assert_uint_eq(nt_asksock_stats(asksock).unknown, 1);
	ck_assert_uint_eq(nt_asksock_stats(asksock).connections, 0);
	close(fd);
}
END_TEST

START_TEST(versions_and_operations)
{
	static const struct nt_ask bad[] = { { .version = 2, .op = 1 }, { .version = 1, .op = 9 } };
	struct nt_answer a;

	for (size_t i = 0; i < NT_ARRAY_LEN(bad); i++) {
		int fd = ask(bad[i].version, bad[i].op);

		turn(20);
		ck_assert_int_eq(take(fd, &a), 1);
		ck_assert_uint_eq(a.status, NT_ANSWER_FAILED);
		ck_assert_uint_eq(a.version, NT_ASK_VERSION);
		ck_assert_msg(strstr(a.msg, i == 0 ? "in version 2 with 16" : "operation"), "%s",
			      a.msg);
		close(fd);
	}
	ck_assert_uint_eq(questions, 0);
}
END_TEST

START_TEST(lengths)
{
	static char octets[4096] = { 1 };
	static const size_t sizes[] = { 1, 15, 17, 4096 };
	struct nt_answer a;

	for (size_t i = 0; i < NT_ARRAY_LEN(sizes); i++) {
		int fd = try_connect();

		ck_assert_int_eq(send(fd, octets, sizes[i], 0), (ssize_t)sizes[i]);
		turn(20);
		ck_assert_int_eq(take(fd, &a), 1);
		ck_assert_uint_eq(a.status, NT_ANSWER_FAILED);
		close(fd);
	}
	ck_assert_uint_eq(questions, 0);
}
END_TEST

START_TEST(says_nothing)
{
	struct nt_answer a;
	int fd = try_connect();

	turn(100);
	ck_assert_int_eq(take(fd, &a), -1);
	pass(200);
	turn(100);
	ck_assert_int_eq(take(fd, &a), 0);
	close(fd);
}
END_TEST

START_TEST(not_too_many)
{
	int fds[NT_ASKSOCK_CONNECTIONS + 8];
	struct nt_answer a;

	status = NT_ANSWER_IN_FORCE;
	for (size_t i = 0; i < NT_ARRAY_LEN(fds); i++) {
		fds[i] = i < NT_ASKSOCK_CONNECTIONS ? try_connect()
						    : ask(NT_ASK_VERSION, NT_ASK_ENFORCE);
		turn(1);
	}
	turn(20);
	ck_assert_uint_eq(nt_asksock_stats(asksock).connections, NT_ASKSOCK_CONNECTIONS);
	/* Nobody was turned away: who has no place waits for one. */
	for (size_t i = 0; i < NT_ARRAY_LEN(fds); i++)
		ck_assert_int_eq(take(fds[i], &a), -1);
	ck_assert_uint_eq(nt_asksock_stats(asksock).refused, 0);
	/* Those who only sit there are put out, and the others have their answer. */
	pass(200);
	turn(200);
	for (size_t i = 0; i < NT_ARRAY_LEN(fds); i++) {
		ck_assert_int_eq(take(fds[i], &a), i < NT_ASKSOCK_CONNECTIONS ? 0 : 1);
		close(fds[i]);
	}
	turn(50);
	ck_assert_uint_eq(nt_asksock_stats(asksock).connections, 0);
	ck_assert_uint_eq(questions, 8);
}
END_TEST

/* Descriptor that listens, and how many timers go every 50 ms. */
static int look_at_own(unsigned *ret_ticking)
{
	int listening = -1;

	*ret_ticking = 0;
	for (int fd = 3; fd < 256; fd++) {
		char name[64], line[128];
		int on = 0;
		FILE *f;

		if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &(socklen_t){ sizeof(on) }) ==
			    0 &&
		    on)
			listening = fd;
		snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
		f = fopen(name, "re");
		while (f && fgets(line, sizeof(line), f))
			*ret_ticking += strcmp(line, "it_interval: (0, 50000000)\n") == 0;
		if (f)
			fclose(f);
	}
	return listening;
}

/* The kernel refuses to watch the listener when the last connection ends: it is watched later, and
 * then nothing ticks for nobody. */
START_TEST(listening_again_late)
{
	int fds[NT_ASKSOCK_CONNECTIONS + 1], fd, saved, null;
	struct nt_answer a;
	unsigned ticking;

	status = NT_ANSWER_IN_FORCE;
	for (size_t i = 0; i < NT_ARRAY_LEN(fds); i++)
		fds[i] = try_connect();
	turn(20);
	fd = look_at_own(&ticking);
	ck_assert_int_ge(fd, 0);
	ck_assert_uint_eq(ticking, 1);
	saved = dup(fd);
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	ck_assert_int_eq(dup2(null, fd), fd);
	for (size_t i = 0; i < NT_ARRAY_LEN(fds); i++)
		close(fds[i]);
	turn(100);
	ck_assert_uint_eq(nt_asksock_stats(asksock).connections, 0);
	close(accept4(saved, NULL, NULL, SOCK_CLOEXEC)); /* who waited, too */
	ck_assert_int_eq(dup2(saved, fd), fd);
	close(saved);
	close(null);
	turn(200);
	(void)look_at_own(&ticking);
	ck_assert_uint_eq(ticking, 0);
	fd = ask(NT_ASK_VERSION, NT_ASK_ENFORCE);
	turn(100);
	ck_assert_int_eq(take(fd, &a), 1);
	close(fd);
}
END_TEST

/* STATUS asks whether anybody is there, not for a pod. */
START_TEST(alive)
{
	struct nt_answer a;
	int fd;

	status = NT_ANSWER_FAILED;
	fd = ask(NT_ASK_VERSION, NT_ASK_ALIVE);
	turn(20);
	ck_assert_int_eq(take(fd, &a), 1);
	ck_assert_uint_eq(a.status, NT_ANSWER_IN_FORCE);
	ck_assert_uint_eq(questions, 0);
	close(fd);
}
END_TEST

/* The file's mode keeps others out; were it open, their credentials would. */
START_TEST(strangers)
{
	pid_t child;
	int fd, code;

	if (getuid() != 0) /* only root can become somebody else */
		return;
	ck_assert_int_eq(chmod(base, 0755) | chmod(dir, 0755) | chmod(path, 0666), 0);
	child = fork();
	if (child == 0) {
		if (setgid(STRANGER) == -1 || setuid(STRANGER) == -1)
			_exit(3);
		fd = try_connect();
		_exit(fd == -1 ? 2 : 0);
	}
	ck_assert_int_eq(waitpid(child, &code, 0), child);
	ck_assert_int_eq(code, 0);
	turn(20);
	ck_assert_uint_eq(nt_asksock_stats(asksock).refused, 1);
	ck_assert_uint_eq(nt_asksock_stats(asksock).connections, 0);
}
END_TEST

START_TEST(the_file)
{
	struct nt_asksock *second = NULL;
	struct stat st;
	int fd;

	ck_assert_int_eq(nt_asksock_open(&config, &second, &err), -EADDRINUSE);
	ck_assert_int_eq(stat(path, &st), 0); /* the first one's stays */
	nt_asksock_close(asksock);
	ck_assert_int_eq(stat(path, &st), -1);

	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd); /* stale: of an agent that was killed */
	ck_assert_msg(nt_asksock_open(&config, &asksock, &err) == 0, "%s", err.msg);
	status = NT_ANSWER_IN_FORCE;
	fd = ask(NT_ASK_VERSION, NT_ASK_ENFORCE);
	turn(20);
	ck_assert_uint_eq(questions, 1);
	close(fd);
	nt_asksock_close(asksock);

	fclose(fopen(path, "we"));
	ck_assert_int_eq(nt_asksock_open(&config, &asksock, &err), -EEXIST);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(nt_asksock_open(&config, &asksock, &err), 0);
	ck_assert_int_eq(unlink(path), 0); /* and a successor's is not removed by us */
	fclose(fopen(path, "we"));
	nt_asksock_close(asksock);
	asksock = NULL;
	ck_assert_int_eq(stat(path, &st), 0);
}
END_TEST

static int remove_path(const char *name, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(name);
}

int main(void)
{
	Suite *suite = suite_create("agent_asksock");
	TCase *tc = tcase_create("asksock");
	int r;

	if (!mkdtemp(base))
		return 1;
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, answered);
	tcase_add_test(tc, unknown_waits);
	tcase_add_test(tc, unknown_in_the_end);
	tcase_add_test(tc, versions_and_operations);
	tcase_add_test(tc, lengths);
	tcase_add_test(tc, says_nothing);
	tcase_add_test(tc, not_too_many);
	tcase_add_test(tc, listening_again_late);
	tcase_add_test(tc, alive);
	tcase_add_test(tc, strangers);
	tcase_add_test(tc, the_file);
	suite_add_tcase(suite, tc);
	r = nt_suite_run(suite);
	(void)nftw(base, remove_path, 16, FTW_DEPTH | FTW_PHYS);
	return r;
}
