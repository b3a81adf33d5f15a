/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls a CNI plugin many times, several at once, cheaply: no interpreter between two calls.
 *
 *   cnicalls PLUGIN
 *
 * Each line of its input is a call, {"verb","id","netns","args","stdin"} (all strings, the
 * interface is eth0, what is missing is not set); {"go": N} runs the calls since the last one in
 * their order, N at a time, and prints one line per call, in their order:
 * {"code","out","err","ms"}. code is the exit status, or minus the signal that ended it.
 */
#include <errno.h>
#include <jansson.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { CALLS_MAX = 4096, OUTPUT_MAX = 65536 };

struct call {
	json_t *job;
	pid_t pid;
	int out, err;
	double started, ms;
	int code;
};

static struct call calls[CALLS_MAX];
static unsigned calls_len;

static void die(const char *what)
{
	fprintf(stderr, "cnicalls: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int memory(const char *text)
{
	int fd = memfd_create("cnicalls", MFD_CLOEXEC);

	if (fd == -1 || dprintf(fd, "%s", text) < 0 || lseek(fd, 0, SEEK_SET) == -1)
		die("memfd");
	return fd;
}

static const char *text_of(const json_t *job, const char *key)
{
	return json_string_value(json_object_get(job, key));
}

static void start(struct call *c, char *plugin)
{
	static const char *const names[][2] = {
		{ "CNI_COMMAND", "verb" },
		{ "CNI_CONTAINERID", "id" },
		{ "CNI_NETNS", "netns" },
		{ "CNI_ARGS", "args" },
	};
	char *argv[] = { plugin, NULL }, *env[8] = { NULL };
	posix_spawn_file_actions_t actions;
	const char *stdin_text = text_of(c->job, "stdin");
	int in = memory(stdin_text ? stdin_text : "");
	unsigned n = 0;

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		const char *value = text_of(c->job, names[i][1]);

		if (value && asprintf(&env[n++], "%s=%s", names[i][0], value) < 0)
			die("asprintf");
	}
	env[n++] = strdup("CNI_IFNAME=eth0");
	env[n++] = strdup("CNI_PATH=/usr/lib/cni");
	c->out = memory("");
	c->err = memory("");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, c->out, STDOUT_FILENO);
	posix_spawn_file_actions_adddup2(&actions, c->err, STDERR_FILENO);
	c->started = now_ms();
	errno = posix_spawn(&c->pid, plugin, &actions, NULL, argv, env);
	if (errno)
		die(plugin);
	posix_spawn_file_actions_destroy(&actions);
	close(in);
	while (n)
		free(env[--n]);
}

static void wait_one(void)
{
	int status;
	pid_t pid = waitpid(-1, &status, 0);

	for (unsigned i = 0; i < calls_len; i++) {
		if (calls[i].pid != pid)
			continue;
		calls[i].ms = now_ms() - calls[i].started;
		calls[i].code = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
		calls[i].pid = 0;
		return;
	}
	die("waitpid");
}

static json_t *read_back(int fd)
{
	static char text[OUTPUT_MAX];
	ssize_t n = pread(fd, text, sizeof(text), 0);

	close(fd);
	return json_stringn(text, n < 0 ? 0 : (size_t)n);
}

static void report(struct call *c)
{
	json_t *line = json_pack("{s:i, s:o, s:o, s:f}", "code", c->code, "out", read_back(c->out),
				 "err", read_back(c->err), "ms", c->ms);

	if (json_dumpf(line, stdout, JSON_COMPACT) == -1 || putchar('\n') == EOF)
		die("print");
	json_decref(line);
	json_decref(c->job);
}

static void go(char *plugin, json_int_t at_once)
{
	unsigned running = 0;

	for (unsigned i = 0; i < calls_len; i++) {
		if (running++ == at_once) {
			wait_one();
			running--;
		}
		start(&calls[i], plugin);
	}
	while (running--)
		wait_one();
	for (unsigned i = 0; i < calls_len; i++)
		report(&calls[i]);
	calls_len = 0;
	fflush(stdout);
}

int main(int argc, char **argv)
{
	size_t room = 0;
	char *line = NULL;

	if (argc != 2) {
		fprintf(stderr, "cnicalls: PLUGIN\n");
		return 2;
	}
	while (getline(&line, &room, stdin) > 0) {
		json_error_t where;
		json_t *job = json_loads(line, 0, &where);
		json_t *at_once = json_object_get(job, "go");

		if (!job || (!at_once && calls_len == CALLS_MAX)) {
			fprintf(stderr, "cnicalls: %s\n", job ? "too many calls" : where.text);
			return 2;
		}
		if (!at_once) {
			calls[calls_len++] = (struct call){ .job = job };
			continue;
		}
		go(argv[1], json_integer_value(at_once));
		json_decref(job);
	}
	free(line);
	return 0;
}
