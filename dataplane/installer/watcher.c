/* SPDX-License-Identifier: Apache-2.0 */
/* The installer in an event loop. */
#include "dataplane/installer/watcher.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/inotify.h>

#include "dataplane/installer/hostfs.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

#define DEBOUNCE_NS (50 * NT_NS_PER_MS)
#define EVENTS                                                                              \
	(IN_CREATE | IN_DELETE | IN_MODIFY | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | \
	 IN_ATTRIB | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)
/* Our own temporary files (swap.c). */
#define OWN_PREFIX ".nametap-"

enum folder {
	FOLDER_CONF = 0,
	FOLDER_BIN = 1,
	FOLDERS = 2,
};

struct nt_watcher {
	struct nt_installer *installer;
	struct nt_loop *loop;
	struct nt_timer *timer;
	struct nt_clock clock;
	int inotify_fd; /* -1: there is none, looks only */
	int watches[FOLDERS]; /* -1: none */
	bool pending; /* a round is due because of an event */
	enum nt_install_state told_state;
	char told[sizeof(((struct nt_err *)0)->msg)];
	bool told_any;
};

/* --- folders --- */

/* The folder, or the nearest one above it that is there. */
static int open_nearest(int root_fd, const char *path)
{
	char part[PATH_MAX];
	struct nt_err err;
	int fd;

	snprintf(part, sizeof(part), "%s", path);
	for (;;) {
		char *slash;

		fd = nt_hostfs_open(root_fd, part[0] ? part : "/", O_PATH | O_DIRECTORY, &err);
		slash = strrchr(part, '/');
		if (fd >= 0 || !slash)
			return fd;
		*slash = '\0';
	}
}

static void watch(struct nt_watcher *w, enum folder which, const char *path)
{
	_cleanup_close_ int fd = open_nearest(nt_installer_root_fd(w->installer), path);
	int old = w->watches[which];
	char link[64];

	if (fd < 0)
		return;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	/* The same folder gives the same number, so this is all that a look at it costs. */
	w->watches[which] = inotify_add_watch(w->inotify_fd, link, EVENTS);
	if (old >= 0 && old != w->watches[FOLDER_CONF] && old != w->watches[FOLDER_BIN])
		(void)inotify_rm_watch(w->inotify_fd, old);
}

static void watch_all(struct nt_watcher *w)
{
	if (w->inotify_fd < 0)
		return;
	watch(w, FOLDER_CONF, nt_installer_conf_dir(w->installer));
	watch(w, FOLDER_BIN, nt_installer_bin_dir(w->installer));
}

/* --- rounds --- */

/* Once per state and reason. */
static void tell(struct nt_watcher *w, enum nt_install_state state, const struct nt_err *err)
{
	enum nt_log_level level = NT_LOG_INFO;

	if (state == NT_INSTALL_HELD) /* of a fight its begin is told */
		return;
	if (w->told_any && w->told_state == state && strcmp(w->told, err->msg) == 0)
		return;
	w->told_any = true;
	w->told_state = state;
	memcpy(w->told, err->msg, sizeof(w->told));
	if (state == NT_INSTALL_FAILED)
		level = NT_LOG_ERROR;
	else if (state == NT_INSTALL_INVALID || state == NT_INSTALL_UNSUPPORTED)
		level = NT_LOG_WARN;
	else if (state == NT_INSTALL_HALF)
		level = NT_LOG_DEBUG;
	nt_log(level, "install: %s%s%s", nt_install_state_names[state], err->msg[0] ? ": " : "",
	       err->msg);
}

static void round_now(struct nt_watcher *w)
{
	struct nt_err err;
	int64_t next_ns;

	w->pending = false;
	next_ns = nt_installer_round(w->installer, nt_clock_boot(&w->clock), &err);
	tell(w, nt_installer_stats(w->installer).state, &err);
	watch_all(w);
	nt_loop_timer_set(w->timer, next_ns);
}

static void on_timer(void *ctx)
{
	round_now(ctx);
}

static bool is_own(const struct inotify_event *event)
{
	return event->len && strncmp(event->name, OWN_PREFIX, sizeof(OWN_PREFIX) - 1) == 0;
}

static void on_events(void *ctx, int fd, uint32_t events)
{
	_Alignas(struct inotify_event) char octets[4096];
	struct nt_watcher *w = ctx;
	bool news = false;
	ssize_t n;

	(void)events;
	while ((n = read(fd, octets, sizeof(octets))) > 0) {
		for (char *p = octets; p < octets + n;) {
			const struct inotify_event *event = (const void *)p;

			news = news || !is_own(event);
			p += sizeof(*event) + event->len;
		}
	}
	/* A storm of events makes one round; it does not put it off. */
	if (!news || w->pending)
		return;
	w->pending = true;
	nt_loop_timer_set(w->timer, DEBOUNCE_NS);
}

/* --- life --- */

static int start(struct nt_watcher *w, const struct nt_installer_config *config, struct nt_err *err)
{
	int r = nt_installer_new(config, &w->installer, err);

	if (r < 0)
		return r;
	w->timer = nt_loop_timer_new(w->loop, 0, on_timer, w, err);
	if (!w->timer)
		return -err->code;
	w->inotify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (w->inotify_fd == -1)
		nt_log_warn("install: no inotify (%s; see fs.inotify.max_user_instances): the CNI "
			    "folders are looked at once a second",
			    strerror(errno));
	else
		r = nt_loop_watch(w->loop, w->inotify_fd, EPOLLIN, on_events, w, err);
	return r;
}

int nt_watcher_start(const struct nt_installer_config *config, struct nt_loop *loop,
		     struct nt_watcher **ret_watcher, struct nt_err *err)
{
	struct nt_watcher *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return nt_err_set(err, ENOMEM, "no memory for the installer");
	*w = (struct nt_watcher){
		.loop = loop, .clock = nt_clock_system(), .inotify_fd = -1, .watches = { -1, -1 }
	};
	r = start(w, config, err);
	if (r < 0) {
		nt_watcher_stop(w);
		return r;
	}
	round_now(w);
	*ret_watcher = w;
	return 0;
}

void nt_watcher_stop(struct nt_watcher *w)
{
	if (!w)
		return;
	if (w->inotify_fd >= 0)
		nt_loop_unwatch(w->loop, w->inotify_fd);
	nt_closep(&w->inotify_fd);
	nt_loop_timer_free(w->timer);
	nt_installer_free(w->installer);
	free(w);
}

struct nt_installer_stats nt_watcher_stats(const struct nt_watcher *w)
{
	return nt_installer_stats(w->installer);
}
