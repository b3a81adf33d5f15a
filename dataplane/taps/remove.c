/* SPDX-License-Identifier: Apache-2.0 */
/* Uninstall: programs off the links, pins and state files gone. */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "dataplane/taps/hostnet.h"
#include "dataplane/taps/internal.h"
#include "lib/base/cleanup.h"

struct detach_ctx {
	struct nt_taps *t;
};

static bool detach_one(void *ctx, const struct nt_pod *pod)
{
	struct nt_taps *t = ((struct detach_ctx *)ctx)->t;

	if (!nt_pod_is_tapped(pod) || pod->origin == NT_ORIGIN_NODE)
		return true;
	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		if (nt_pods_at(t, pod->ifindex) == pod->ep_id)
			nt_tc_detach(t, pod->ifindex, dir);
		nt_tcx_drop(t, pod->ep_id, dir);
	}
	if (nt_pods_at(t, pod->ifindex) == pod->ep_id)
		nt_tc_prune(pod->ifindex);
	return true;
}

/* One rename first: a killed process leaves the root whole or not there at all. */
static int remove_root(const struct nt_taps *t, struct nt_err *err)
{
	char old[PATH_MAX];

	nt_hostnet_remove(t->pin_root);
	nt_taps_neighbour(t, "_old", old);
	nt_taps_remove_folder(old);
	if (rename(t->pin_root, old) == -1)
		return nt_err_sys(err, errno, "rename %s to %s", t->pin_root, old);
	nt_taps_remove_folder(old);
	return 0;
}

/* All that is in it is ours by its folder. */
static void remove_folder_of(int state_fd, const char *name)
{
	int fd = openat(state_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	_cleanup_closedir_ DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		(void)unlinkat(dirfd(dir), entry->d_name, 0);
	(void)unlinkat(state_fd, name, AT_REMOVEDIR);
}

static void remove_state(const char *state_dir)
{
	_cleanup_close_ int fd = open(state_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd == -1)
		return;
	remove_folder_of(fd, "failed"); /* notes of attachments that failed */
	remove_folder_of(fd, "seen"); /* marks of the plugin's calls, for the installer */
	(void)unlinkat(fd, "lock", 0);
	/* Stays when the agent keeps something there. */
	(void)rmdir(state_dir);
}

static void taps_closep(struct nt_taps **t)
{
	nt_taps_close(*t);
}

static int detach_all_and_remove(struct nt_taps *t, struct nt_err *err)
{
	struct detach_ctx ctx = { .t = t };
	int r = nt_taps_pods(t, detach_one, &ctx, err);

	return r < 0 ? r : remove_root(t, err);
}

int nt_taps_remove(const struct nt_taps_config *config, struct nt_err *err)
{
	_cleanup_(taps_closep) struct nt_taps *t = NULL;
	_cleanup_close_ int lock = -1;
	struct nt_taps_config only_open = *config;
	struct nt_taps paths = {};
	int r = nt_taps_set_paths(&paths, config, err);

	if (r < 0)
		return r;
	only_open.must_exist = true;
	r = nt_taps_open(&only_open, &t, err);
	if (r < 0 && r != -ENOENT)
		return r;
	r = nt_taps_lock(paths.state_dir, &lock, err);
	if (r == 0 && t)
		r = detach_all_and_remove(t, err);
	if (r < 0)
		return r;
	/* A process that was killed while it loaded, and no other came after it. */
	nt_taps_clean(&paths);
	remove_state(paths.state_dir);
	return 0;
}
