/* SPDX-License-Identifier: Apache-2.0 */
/* One round of the installer: the folders, the program, then the configuration. */
#include "dataplane/installer/installer.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dataplane/installer/entry.h"
#include "dataplane/installer/hostfs.h"
#include "dataplane/installer/installer_state.h"
#include "dataplane/installer/swap.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

/* Without any news: what inotify does not tell is seen after so long. */
#define LOOK_NS NT_NS_PER_S
/* Somebody writes the configuration, or was faster. */
#define SOON_NS (100 * NT_NS_PER_MS)

const char *const nt_install_state_names[NT_INSTALL_STATES] = {
	[NT_INSTALL_WAITING] = "waiting", [NT_INSTALL_HALF] = "half_written",
	[NT_INSTALL_INVALID] = "invalid", [NT_INSTALL_UNSUPPORTED] = "unsupported",
	[NT_INSTALL_READY] = "ready",	  [NT_INSTALL_FAILED] = "failed",
	[NT_INSTALL_HELD] = "held_back",
};

/* --- life --- */

/* `nametap` beside the running program. */
static int find_plugin(struct nt_installer *i, struct nt_err *err)
{
	ssize_t len;
	char *slash;

	if (i->config.plugin) {
		snprintf(i->plugin, sizeof(i->plugin), "%s", i->config.plugin);
		return 0;
	}
	len = readlink("/proc/self/exe", i->plugin, sizeof(i->plugin) - sizeof(NT_BINARY_NAME));
	if (len == -1)
		return nt_err_sys(err, errno,
				  "/proc/self/exe (name the plugin's program by "
				  "--plugin)");
	i->plugin[len] = '\0';
	slash = strrchr(i->plugin, '/');
	memcpy(slash + 1, NT_BINARY_NAME, sizeof(NT_BINARY_NAME));
	return 0;
}

static int init(struct nt_installer *i, struct nt_err *err)
{
	int r = find_plugin(i, err);

	if (r < 0)
		return r;
	i->root_fd = nt_hostfs_root(i->config.host_root, err);
	if (i->root_fd < 0)
		return i->root_fd;
	i->entry = nt_entry_text(i->config.pin_root, i->config.state_dir, i->config.plugin_config,
				 err);
	i->dropin_text = i->entry ? nt_entry_dropin(i->entry, err) : NULL;
	if (!i->dropin_text)
		return -err->code;
	if (!i->config.record)
		i->config.record = NT_INSTALL_RECORD_DEFAULT;
	return 0;
}

int nt_installer_new(const struct nt_installer_config *config, struct nt_installer **ret_installer,
		     struct nt_err *err)
{
	struct nt_installer *i = calloc(1, sizeof(*i));
	int r;

	if (!i)
		return nt_err_set(err, ENOMEM, "no memory for the installer");
	i->config = *config;
	i->root_fd = -1;
	r = init(i, err);
	if (r < 0) {
		nt_installer_free(i);
		return nt_err_wrap(err, "install");
	}
	*ret_installer = i;
	return 0;
}

void nt_installer_free(struct nt_installer *i)
{
	if (!i)
		return;
	nt_install_record_done(&i->record);
	nt_closep(&i->root_fd);
	free(i->dropin_text);
	free(i->entry);
	free(i);
}

const char *nt_installer_conf_dir(const struct nt_installer *i)
{
	return i->layout.conf_dir;
}

const char *nt_installer_bin_dir(const struct nt_installer *i)
{
	return i->layout.bin_dir;
}

int nt_installer_root_fd(const struct nt_installer *i)
{
	return i->root_fd;
}

struct nt_installer_stats nt_installer_stats(const struct nt_installer *i)
{
	struct nt_installer_stats s = i->stats;

	s.drop_in = i->dropin.phase;
	s.fallbacks = i->dropin.fallbacks;
	s.fights = i->pace.fights + i->binary_pace.fights;
	return s;
}

/* --- the folders --- */

static bool is_same_layout(const struct nt_layout *a, const struct nt_layout *b)
{
	return strcmp(a->conf_dir, b->conf_dir) == 0 && strcmp(a->bin_dir, b->bin_dir) == 0;
}

/* In each round: the runtime's configuration may name other folders after an upgrade. While all is
 * well a change counts when two looks have seen it, since the file may be half-written. */
static void find_layout(struct nt_installer *i)
{
	struct nt_layout found, last = i->next;

	nt_layout_find(i->root_fd, &found);
	if (i->config.conf_dir)
		snprintf(found.conf_dir, sizeof(found.conf_dir), "%s", i->config.conf_dir);
	if (i->config.bin_dir)
		snprintf(found.bin_dir, sizeof(found.bin_dir), "%s", i->config.bin_dir);
	i->next = found;
	if (i->layout.name && is_same_layout(&found, &i->layout))
		return;
	if (i->layout.name && i->stats.state == NT_INSTALL_READY && !is_same_layout(&found, &last))
		return;
	i->layout = found;
	i->swept = false;
	nt_log_info("install: CNI configurations in %s, programs in %s (%s: %s)",
		    i->layout.conf_dir, i->layout.bin_dir, i->layout.name, i->layout.source);
}

/* Descriptor; ret_path gets 512 octets. */
int nt_installer_open_dir(const struct nt_installer *i, const char *dir, char *ret_path,
			  struct nt_err *err)
{
	_cleanup_close_ int fd = nt_hostfs_open(i->root_fd, dir, O_RDONLY | O_DIRECTORY, err);
	struct stat st;
	int r;

	if (fd < 0)
		return NT_TAKE_FD(fd);
	if (fstat(fd, &st) == 0 && st.st_nlink == 0)
		return nt_err_set(err, ESTALE,
				  "%s was removed on the host and made anew: this "
				  "container still has the old one; mount its parent "
				  "folder instead",
				  dir);
	r = nt_hostfs_path(i->root_fd, fd, ret_path, 512, err);
	return r < 0 ? r : NT_TAKE_FD(fd);
}

/* --- the program --- */

static int repair_binary(struct nt_installer *i, int dir_fd, int64_t now_ns, int64_t *wait_ns,
			 struct nt_err *err)
{
	int r = nt_binary_check(&i->binary, dir_fd, i->plugin, err);
	char path[PATH_MAX];

	if (r < 0)
		return r;
	snprintf(path, sizeof(path), "%s/%s", i->bin_path, NT_BINARY_NAME);
	/* Also when nothing is configured yet: the record of it may be lost. */
	if (r == 0)
		return i->config.dry_run
			       ? 0
			       : nt_installer_remember(i, NT_INSTALLED_BINARY, path, true, err);
	if (i->config.show)
		fprintf(i->config.show, "%s: %s, becomes a copy of %s\n", path,
			r == NT_BINARY_MISSING ? "not there" : "differs", i->plugin);
	if (i->config.dry_run ||
	    !nt_installer_may_repair(i, &i->binary_pace, path, now_ns, wait_ns, err))
		return 0;
	r = nt_installer_remember(i, NT_INSTALLED_BINARY, path, r != NT_BINARY_MISSING, err);
	if (r == 0)
		r = nt_binary_place(&i->binary, dir_fd, i->plugin, err);
	if (r == 0) {
		i->stats.repairs++;
		nt_log_info("install: %s placed", path);
	}
	return r;
}

/* *ret_go_on: also when it failed the list can be looked at. */
static int fit_binary(struct nt_installer *i, int64_t now_ns, int64_t *wait_ns, bool *ret_go_on,
		      struct nt_err *err)
{
	_cleanup_close_ int dir_fd = nt_installer_open_dir(i, i->layout.bin_dir, i->bin_path, err);
	struct stat st;
	int r;

	*ret_go_on = dir_fd >= 0;
	if (dir_fd < 0)
		return dir_fd;
	if (!i->swept && !i->config.dry_run)
		nt_swap_sweep(dir_fd);
	r = repair_binary(i, dir_fd, now_ns, wait_ns, err);
	i->no_program = (r < 0 || *wait_ns) && fstatat(dir_fd, NT_BINARY_NAME, &st, 0) == -1 &&
			errno == ENOENT;
	return r;
}

/* --- the round --- */

static int64_t end_failed(struct nt_installer *i)
{
	i->stats.failures++;
	i->stats.state = NT_INSTALL_FAILED;
	return LOOK_NS;
}

/* What is not there yet is waited for. */
static int64_t end_round(struct nt_installer *i, int r, int64_t wait_ns, struct nt_err *err)
{
	if (r == -EAGAIN) {
		i->stats.races++;
		i->stats.state = NT_INSTALL_HALF;
		return SOON_NS;
	}
	if (r == -ENOENT || r == -ENOTDIR) {
		i->stats.state = NT_INSTALL_WAITING;
		return LOOK_NS;
	}
	if (r < 0)
		return end_failed(i);
	if (wait_ns) {
		i->stats.state = NT_INSTALL_HELD;
		return wait_ns;
	}
	if (i->stats.state == NT_INSTALL_READY)
		err->msg[0] = '\0';
	return i->stats.state == NT_INSTALL_HALF ? SOON_NS : LOOK_NS;
}

int64_t nt_installer_round(struct nt_installer *i, int64_t now_ns, struct nt_err *err)
{
	int64_t binary_wait_ns = 0, conf_wait_ns = 0;
	struct nt_err other;
	bool go_on;
	int r;

	err->msg[0] = '\0';
	if (nt_installer_load_record(i, err) < 0)
		return end_failed(i);
	find_layout(i);
	/* An entry whose program is not there would keep every pod from starting. */
	r = fit_binary(i, now_ns, &binary_wait_ns, &go_on, err);
	if (r < 0 && go_on) {
		(void)!nt_installer_fit_conf(i, now_ns, &conf_wait_ns, &other);
		return end_failed(i);
	}
	if (r == 0)
		r = nt_installer_fit_conf(i, now_ns, &conf_wait_ns, binary_wait_ns ? &other : err);
	if (r < 0 && binary_wait_ns)
		*err = other;
	return end_round(i, r, binary_wait_ns ? binary_wait_ns : conf_wait_ns, err);
}
