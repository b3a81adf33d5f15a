/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of pods that are not tapped. */
#include "dataplane/taps/failures.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/taps/hostlink.h"
#include "dataplane/taps/taps.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/escape.h"
#include "lib/base/file.h"

/* A note is some hundred octets. */
#define NOTE_BYTES_MAX 8192

static void folder_of(const char *state_dir, char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/failed", state_dir ? state_dir : NT_STATE_DIR_DEFAULT);
}

static void path_of(const char *state_dir, const struct nt_pod *pod, char out[PATH_MAX])
{
	const char *dir = state_dir ? state_dir : NT_STATE_DIR_DEFAULT;

	snprintf(out, PATH_MAX, "%s/failed/%s-%s.json", dir,
		 pod->container_id[0] ? pod->container_id : pod->uid, pod->ifname);
}

static void put_field(struct nt_buf *b, const char *key, const char *value)
{
	nt_buf_printf(b, ",\"%s\":", key);
	nt_escape_json_string(b, nt_slice_str(value));
}

static void put_fields(struct nt_buf *b, const struct nt_pod *pod, const char *netns,
		       const char *why, bool excluded)
{
	if (excluded)
		nt_buf_puts(b, ",\"excluded\":true");
	put_field(b, "container_id", pod->container_id);
	put_field(b, "ifname", pod->ifname);
	put_field(b, "netns", netns ? netns : "");
	put_field(b, "network", pod->network);
	put_field(b, "namespace", pod->namespace_);
	put_field(b, "name", pod->name);
	put_field(b, "uid", pod->uid);
	put_field(b, "error", why);
	nt_buf_puts(b, "}\n");
}

/* What follows the time is the same in both. */
static bool says_the_same(const char *path, const struct nt_buf *fields)
{
	_cleanup_buf_ struct nt_buf there = {};
	const char *comma;

	if (nt_file_read_at(AT_FDCWD, path, NOTE_BYTES_MAX, &there, NULL) < 0 || !nt_buf_ok(&there))
		return false;
	comma = there.len ? memchr(there.p, ',', there.len) : NULL;
	return comma && nt_slice_eq(nt_slice_mem(comma, there.len - (size_t)(comma - there.p)),
				    nt_slice_mem(fields->p, fields->len));
}

/* Without a name until it is whole: a temporary one would stay for ever where the process is killed
 * in between. */
static int put_file(const char *folder, const char *path, struct nt_slice text, struct nt_err *err)
{
	_cleanup_close_ int fd = open(folder, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	char self[64];

	if (fd == -1 && (errno == EOPNOTSUPP || errno == EISDIR)) /* the file system has none */
		return nt_file_replace_at(AT_FDCWD, path, text, 0600, err);
	if (fd == -1)
		return nt_err_sys(err, errno, "create a file in %s", folder);
	if (nt_file_write_fd(fd, text, err) < 0)
		return nt_err_wrap(err, "write %s", path);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	(void)unlink(path);
	if (linkat(AT_FDCWD, self, AT_FDCWD, path, AT_SYMLINK_FOLLOW) == -1 && errno != EEXIST)
		return nt_err_sys(err, errno, "create %s", path);
	return 0;
}

static int put(const char *state_dir, const struct nt_pod *pod, const char *netns, const char *why,
	       bool excluded, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf text = {}, fields = {};
	struct nt_clock clock = nt_clock_system();
	char path[PATH_MAX], folder[PATH_MAX];
	int r;

	path_of(state_dir, pod, path);
	folder_of(state_dir, folder);
	put_fields(&fields, pod, netns, why, excluded);
	nt_buf_printf(&text, "{\"time_ns\":%" PRId64, nt_clock_real(&clock));
	nt_buf_add(&text, fields.p, fields.len);
	if (!nt_buf_ok(&fields) || !nt_buf_ok(&text))
		return nt_err_set(err, ENOMEM, "no memory for %s", path);
	if (says_the_same(path, &fields))
		return 0;
	r = nt_file_mkdirs(folder, 0700, err);
	if (r < 0)
		return r;
	return put_file(folder, path, nt_slice_mem(text.p, text.len), err);
}

int nt_failure_put(const char *state_dir, const struct nt_pod *pod, const char *netns,
		   const char *why, struct nt_err *err)
{
	return put(state_dir, pod, netns, why, false, err);
}

int nt_failure_put_excluded(const char *state_dir, const struct nt_pod *pod, const char *netns,
			    const char *why, struct nt_err *err)
{
	return put(state_dir, pod, netns, why, true, err);
}

void nt_failure_drop(const char *state_dir, const struct nt_pod *pod)
{
	char path[PATH_MAX];

	path_of(state_dir, pod, path);
	(void)unlink(path);
}

/* --- reading them --- */

/* NULL: there is none, or it is no note. Owned by the caller. */
static json_t *read_note(int dir_fd, const char *path)
{
	_cleanup_buf_ struct nt_buf text = {};
	json_t *note;

	if (nt_file_read_at(dir_fd, path, NOTE_BYTES_MAX, &text, NULL) < 0 || !nt_buf_ok(&text))
		return NULL;
	note = json_loadb(nt_buf_str(&text), text.len, 0, NULL);
	return note;
}

static const char *text_of(const json_t *note, const char *key)
{
	const char *text = json_string_value(json_object_get(note, key));

	return text ? text : "";
}

/* Where the DEL does not say which netns it means, it means one that is gone. */
static bool is_of_another(const char *noted, const char *netns)
{
	struct nt_err err;
	__u64 ino, dev;

	if (!noted[0])
		return false;
	return netns && netns[0] ? strcmp(noted, netns) != 0
				 : nt_hostlink_netns(noted, &ino, &dev, &err) == 0;
}

void nt_failure_end(const char *state_dir, const struct nt_pod *pod, const char *netns)
{
	json_auto_t *note = NULL;
	char path[PATH_MAX];

	path_of(state_dir, pod, path);
	note = read_note(AT_FDCWD, path);
	if (!is_of_another(text_of(note, "netns"), netns))
		(void)unlink(path);
}

enum nt_failure nt_failure_find(const char *state_dir, const struct nt_pod *pod)
{
	json_auto_t *note = NULL;
	char path[PATH_MAX];

	path_of(state_dir, pod, path);
	note = read_note(AT_FDCWD, path);
	if (!note)
		return NT_FAILURE_NONE;
	return json_is_true(json_object_get(note, "excluded")) ? NT_FAILURE_EXCLUDED
							       : NT_FAILURE_FAILED;
}

static struct nt_pod pod_of(const json_t *note)
{
	struct nt_pod pod = {};

	snprintf(pod.container_id, sizeof(pod.container_id), "%s", text_of(note, "container_id"));
	snprintf(pod.ifname, sizeof(pod.ifname), "%s", text_of(note, "ifname"));
	snprintf(pod.namespace_, sizeof(pod.namespace_), "%s", text_of(note, "namespace"));
	snprintf(pod.name, sizeof(pod.name), "%s", text_of(note, "name"));
	snprintf(pod.uid, sizeof(pod.uid), "%s", text_of(note, "uid"));
	return pod;
}

/* The next note that can be read, owned by the caller; NULL behind the last. dir may be NULL. */
static json_t *next_note(DIR *dir, const char **ret_name)
{
	const struct dirent *d;

	while (dir && (d = readdir(dir))) {
		json_t *note = d->d_name[0] == '.' ? NULL : read_note(dirfd(dir), d->d_name);

		*ret_name = d->d_name;
		if (note)
			return note;
	}
	return NULL;
}

static DIR *open_notes(const char *state_dir)
{
	char folder[PATH_MAX];

	folder_of(state_dir, folder);
	return opendir(folder);
}

void nt_failure_each_excluded(const char *state_dir, nt_failure_excluded_fn *fn, void *ctx)
{
	_cleanup_closedir_ DIR *dir = open_notes(state_dir);
	const char *name;
	json_t *next;

	while ((next = next_note(dir, &name))) {
		json_auto_t *note = next;
		struct nt_pod pod;

		if (!json_is_true(json_object_get(note, "excluded")))
			continue;
		pod = pod_of(note);
		fn(ctx, &pod);
	}
}

void nt_failure_sweep(const char *state_dir, const char *network, nt_failure_valid_fn *is_valid,
		      void *ctx)
{
	_cleanup_closedir_ DIR *dir = open_notes(state_dir);
	const char *name;
	json_t *next;

	while ((next = next_note(dir, &name))) {
		json_auto_t *note = next;

		if (strcmp(text_of(note, "network"), network) == 0 &&
		    !is_valid(ctx, text_of(note, "container_id"), text_of(note, "ifname")))
			(void)unlinkat(dirfd(dir), name, 0);
	}
}
