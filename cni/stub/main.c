/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands in the plugin's place after an uninstall, while attachments are left whose DEL names
 * it (dataplane/installer/users.h): passes results through, succeeds at whatever takes something
 * down, and removes itself behind the last such DEL. Static, with libc only; keeps nothing, touches
 * nothing but its own file.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/installer/jsonspan.h"
#include "dataplane/installer/users.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"

#define STDIN_BYTES_MAX (4 * 1024 * 1024)
/* libcni takes the cache entry away right after a DEL that succeeded; when it does not, another
 * plugin of the chain has failed, and there will be another DEL, which needs us. */
#define WAIT_MS 30000
#define POLL_MS 50
#define FORK_TRIES 40

/* As the plugin's (cni/config.c; tests/netns/test_uninstall compares them). */
#define VERSIONS "\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\""

static int fail(int code, const char *msg)
{
	printf("{\"cniVersion\":\"1.0.0\",\"code\":%d,\"msg\":\"%s\"}\n", code, msg);
	return 1;
}

/* The configuration on stdin; empty when there is none or it is no object. */
static struct nt_slice read_config(struct nt_buf *text)
{
	struct nt_slice root = { 0 };

	if (nt_file_read_fd(STDIN_FILENO, STDIN_BYTES_MAX, text, NULL) == 0 && text->len) {
		struct nt_jsonspan s = nt_jsonspan_init(nt_slice_mem(text->p, text->len));

		root = nt_jsonspan_value(&s);
	}
	return root.p && root.p[0] == '{' ? root : (struct nt_slice){ 0 };
}

static int add(struct nt_slice config)
{
	struct nt_slice prev = config.p ? nt_jsonspan_find(config, "prevResult") : config;

	if (!prev.p || prev.p[0] != '{')
		return fail(7, "no prevResult; nametap has been uninstalled");
	printf("%.*s\n", NT_SLICE_ARG(prev));
	return 0;
}

static int version(struct nt_slice config)
{
	struct nt_slice asked = config.p ? nt_jsonspan_find(config, "cniVersion") : config;
	char text[32];

	if (!asked.p || !nt_jsonspan_text(asked, text, sizeof(text)) ||
	    strspn(text, "0123456789.") != strlen(text))
		snprintf(text, sizeof(text), "1.1.0");
	printf("{\"cniVersion\":\"%s\",\"supportedVersions\":[" VERSIONS "]}\n", text);
	return 0;
}

/* --- the end ---------------------------------------------------------------------------------- */

/* Not what somebody has put there since: an installation that came back. */
static void remove_self(void)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof(path) - 1);
	struct stat self, there;

	if (len <= 0)
		return;
	path[len] = '\0';
	if (stat("/proc/self/exe", &self) == 0 && lstat(path, &there) == 0 &&
	    self.st_ino == there.st_ino && self.st_dev == there.st_dev &&
	    !(there.st_mode & NT_STUB_STAYS))
		(void)unlink(path);
}

/* Where there are too many processes just now: 2 s. */
static pid_t fork_patiently(void)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	pid_t pid = fork();

	for (int i = 0; i < FORK_TRIES && pid == -1; i++) {
		nanosleep(&pause, NULL);
		pid = fork();
	}
	return pid;
}

/* In a process of its own, since the runtime goes on only when this one has ended. Also while
 * others need us: their DELs may come at the same time, and then whoever's entry goes last has to
 * see that nobody is left. */
static void wait_for_cache(const struct nt_users_own *own)
{
	const struct timespec pause = { .tv_nsec = POLL_MS * 1000000L };
	int null;

	if (fork_patiently() != 0)
		return;
	(void)setsid();
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3 && null >= 0; fd++)
		(void)dup2(null, fd);
	for (int waited = 0; waited < WAIT_MS; waited += POLL_MS) {
		if (!nt_users_is_left(NT_USERS_CACHE_DIR, own)) {
			if (nt_users_count(NT_USERS_CACHE_DIR, NULL) == 0)
				remove_self();
			break;
		}
		nanosleep(&pause, NULL);
	}
	_exit(0);
}

static int del(void)
{
	struct nt_users_own own = { .container_id = getenv("CNI_CONTAINERID"),
				    .ifname = getenv("CNI_IFNAME") };

	/* One that is not in the cache comes by the configuration of now: that names us, and new
	 * pods need us. */
	(void)nt_users_count(NT_USERS_CACHE_DIR, &own);
	if (own.found)
		wait_for_cache(&own);
	return 0;
}

int main(void)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	const char *verb = getenv("CNI_COMMAND");
	struct nt_slice config;

	if (!verb || !verb[0]) {
		fputs("nametap has been uninstalled from this node; this file goes with the last "
		      "pod that names it\n",
		      stderr);
		return 1;
	}
	config = read_config(&text);
	if (strcmp(verb, "ADD") == 0)
		return add(config);
	if (strcmp(verb, "VERSION") == 0)
		return version(config);
	if (strcmp(verb, "DEL") == 0)
		return del();
	if (strcmp(verb, "CHECK") == 0 || strcmp(verb, "GC") == 0 || strcmp(verb, "STATUS") == 0)
		return 0;
	return fail(4, "unknown CNI_COMMAND");
}
