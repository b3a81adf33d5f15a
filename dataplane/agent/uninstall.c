/* SPDX-License-Identifier: Apache-2.0 */
/* nametap off this node. */
#include "dataplane/agent/uninstall.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "dataplane/agent/nodelock.h"
#include "dataplane/installer/takeout.h"
#include "dataplane/taps/ask.h"
#include "dataplane/taps/taps.h"
#include "lib/base/cleanup.h"

/* containerd 1.6 takes a changed configuration within a second. */
#define RUNTIME_TAKES_S 2

struct run {
	const struct nt_uninstall *u;
	nt_uninstall_say_fn *say;
	struct nt_takeout takeout;
};

static void say_file(void *ctx, const char *what, const char *path)
{
	struct run *run = ctx;
	char line[PATH_MAX + 64];

	snprintf(line, sizeof(line), "%s%s %s", run->u->dry_run ? "would " : "", what, path);
	run->say(line);
}

/* It would put everything back that we take away. */
static int check_no_agent(const struct nt_uninstall *u, struct nt_err *err)
{
	const struct nt_ask ask = { NT_ASK_VERSION, NT_ASK_ENFORCE, 0 };
	struct nt_answer answer;
	struct nt_err why;
	int r = nt_ask_agent(u->state_dir, &ask, NT_ASK_TIMEOUT_MS, &answer, &why);

	if (r == -ENOENT || r == -ECONNREFUSED)
		return 0;
	return nt_err_set(err, EBUSY,
			  "an agent is running on this node (it listens in %s): end it first, it "
			  "would install again",
			  u->state_dir);
}

/* Without a spool's folder there is, and was, no agent to keep out. */
static int lock_node(const struct nt_uninstall *u, int *ret_fd, struct nt_err *err)
{
	int r = u->has_lock || u->dry_run ? 0 : nt_nodelock_take(u->spool, ret_fd, err);

	return r == -ENOENT ? 0 : r;
}

/* A program that puts our entry back: so many looks, then we give up. */
#define LOOKS 3

/* --- steps ------------------------------------------------------------------------------------ */

static int take_plugin_out(struct run *run, struct nt_err *err)
{
	int r = nt_takeout_entries(&run->takeout, err);

	if (r < 0)
		return nt_err_wrap(err, "take our entry out of the network configurations");
	if (r > 0 && !run->u->dry_run)
		(void)sleep(RUNTIME_TAKES_S);
	r = nt_takeout_stub(&run->takeout, err);
	return r < 0 ? nt_err_wrap(err, "put the stub in the plugin's place") : 0;
}

static int take_taps_off(struct run *run, struct nt_err *err)
{
	const struct nt_taps_config config = { .pin_root = run->u->pin_root,
					       .state_dir = run->u->state_dir };
	char path[PATH_MAX];

	if (access(run->u->pin_root, F_OK) == 0)
		say_file(run, "take programs off the links, and remove", run->u->pin_root);
	if (access(run->u->state_dir, F_OK) == 0)
		say_file(run, "remove", run->u->state_dir);
	if (run->u->dry_run)
		return 0;
	/* Of an agent that was killed; nobody listens, as we have seen. */
	snprintf(path, sizeof(path), "%s/" NT_ASK_SOCKET, run->u->state_dir);
	(void)unlink(path);
	return nt_taps_remove(&config, err);
}

/* All of it is the agent's by its folder: batches, those set aside, its lock and clock. */
static void remove_spool(struct run *run)
{
	_cleanup_closedir_ DIR *dir = opendir(run->u->spool);
	struct dirent *d;

	if (!dir)
		return;
	say_file(run, "remove", run->u->spool);
	while (!run->u->dry_run && (d = readdir(dir)))
		(void)unlinkat(dirfd(dir), d->d_name, 0);
	if (!run->u->dry_run)
		(void)rmdir(run->u->spool);
}

static void remove_parent(const char *path)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');

	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 0, path);
	if (folder[0])
		(void)rmdir(folder); /* stays when something else is in it */
}

/* Another program may have put our entry back since: without the plugin no pod would start. */
static int look_again(struct run *run, struct nt_err *err)
{
	for (int i = 0; i < LOOKS && !run->u->dry_run; i++) {
		int r = nt_takeout_entries(&run->takeout, err);

		if (r <= 0)
			return r;
		(void)sleep(RUNTIME_TAKES_S);
	}
	return run->u->dry_run ? 0
			       : nt_err_set(err, EBUSY,
					    "a program puts our entry back into the network "
					    "configurations; the stub stays: end that program, "
					    "then uninstall again");
}

static int remove_binary(struct run *run, struct nt_err *err)
{
	char line[128];
	int users = -EAGAIN;

	for (int i = 0; i < LOOKS && users == -EAGAIN; i++) {
		int r = look_again(run, err);

		if (r < 0) {
			nt_takeout_keep(&run->takeout);
			return r;
		}
		users = nt_takeout_binary(&run->takeout, err);
	}
	if (users <= 0)
		return users;
	snprintf(line, sizeof(line), "the stub stays for %d attachment%s and goes with the last",
		 users, users == 1 ? "" : "s");
	run->say(line);
	return 0;
}

static int remove_record(struct run *run, struct nt_err *err)
{
	const struct nt_uninstall *u = run->u;

	if (access(u->record, F_OK) == 0)
		say_file(run, "remove", u->record);
	if (!u->dry_run && unlink(u->record) == -1 && errno != ENOENT)
		return nt_err_sys(err, errno, "remove %s", u->record);
	if (u->purge)
		remove_spool(
			run); /* with our lock: the last thing that could be in an agent's way */
	if (u->dry_run)
		return 0;
	remove_parent(u->record);
	remove_parent(u->spool);
	return 0;
}

int nt_uninstall(const struct nt_uninstall *u, nt_uninstall_say_fn *say, struct nt_err *err)
{
	_cleanup_(nt_install_record_done) struct nt_install_record record = { 0 };
	struct run run = { .u = u, .say = say };
	_cleanup_close_ int lock = -1;
	int r = check_no_agent(u, err);

	if (r == 0)
		r = lock_node(u, &lock, err);
	if (r < 0)
		return r;
	r = nt_install_record_load(u->record, &record, err);
	if (r < 0 && r != -ENOENT)
		return nt_err_wrap(err, "what was installed is not known");
	run.takeout = (struct nt_takeout){ .record = &record,
					   .host_root = u->host_root,
					   .cache_dir = u->cni_cache,
					   .dry_run = u->dry_run,
					   .say = say_file,
					   .ctx = &run };
	r = take_plugin_out(&run, err);
	if (r == 0)
		r = take_taps_off(&run, err);
	if (r == 0)
		r = remove_binary(&run, err);
	return r == 0 ? remove_record(&run, err) : r;
}
