/* SPDX-License-Identifier: Apache-2.0 */
/* Attachments that need the plugin's file. */
#include "dataplane/installer/users.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "dataplane/installer/jsonspan.h"
#include "lib/base/base64.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"

/* All annotations of a pod may be in it. */
#define FILE_BYTES_MAX (4 * 1024 * 1024)
#define TYPE "nametap"
/* Its cniDir is /var/lib/cni/multus; libcni's cache is below that. */
#define MULTUS_CACHE "../multus/results/"
#define CONTAINERD_KEY "io.kubernetes.cri.pod-annotations"

static bool has_our_type(struct nt_slice list)
{
	struct nt_slice plugins = nt_jsonspan_find(list, "plugins"), key, plugin;
	struct nt_jsonspan s;

	if (!plugins.p || plugins.p[0] != '[') /* the old form, of a single plugin */
		return nt_jsonspan_is(nt_jsonspan_find(list, "type"), TYPE);
	s = nt_jsonspan_open(plugins);
	while (nt_jsonspan_next(&s, &key, &plugin)) {
		if (plugin.p[0] == '{' && nt_jsonspan_is(nt_jsonspan_find(plugin, "type"), TYPE))
			return true;
	}
	return false;
}

bool nt_users_names_us(struct nt_slice value)
{
	struct nt_slice key, member;
	struct nt_jsonspan s;

	if (!value.p || (value.p[0] != '{' && value.p[0] != '['))
		return false;
	if (nt_jsonspan_is(nt_jsonspan_find(value, "type"), TYPE))
		return true;
	s = nt_jsonspan_open(value);
	while (nt_jsonspan_next(&s, &key, &member)) {
		if (nt_users_names_us(member))
			return true;
	}
	return false;
}

/* config: libcni's copy of the configuration, base64 in a string. Before libcni 0.8 there was none,
 * and nobody can make a DEL from the cache. */
static bool names_us(struct nt_slice config)
{
	_cleanup_buf_ struct nt_buf octets = { .max_len = FILE_BYTES_MAX };
	struct nt_slice list = { 0 };

	if (!config.p || config.len < 2 || config.p[0] != '"')
		return config.p != NULL;
	if (nt_base64_decode(nt_slice_mem(config.p + 1, config.len - 2), &octets) == 0) {
		struct nt_jsonspan s = nt_jsonspan_init(nt_slice_mem(octets.p, octets.len));

		list = nt_jsonspan_value(&s);
	}
	return !list.p || list.p[0] != '{' || has_our_type(list);
}

/* A container id has 64 characters, perhaps more. */
static bool is_text(struct nt_slice value, const char *text)
{
	char decoded[256];

	return nt_jsonspan_text(value, decoded, sizeof(decoded)) && strcmp(decoded, text) == 0;
}

bool nt_users_needs_us(struct nt_slice text, const struct nt_users_own *own, bool *ret_own)
{
	struct nt_jsonspan s = nt_jsonspan_init(text);
	struct nt_slice root = nt_jsonspan_value(&s), capabilities;

	*ret_own = false;
	if (!root.p || root.p[0] != '{')
		return true; /* half written, perhaps */
	if (own && own->container_id && own->ifname)
		*ret_own = is_text(nt_jsonspan_find(root, "containerId"), own->container_id) &&
			   is_text(nt_jsonspan_find(root, "ifName"), own->ifname);
	capabilities = nt_jsonspan_find(root, "capabilityArgs");
	if (capabilities.p && capabilities.p[0] == '{' &&
	    nt_jsonspan_find(capabilities, CONTAINERD_KEY).p)
		return false;
	return names_us(nt_jsonspan_find(root, "config"));
}

/* `folder`: from cache_dir on. */
static int count_in(const char *cache_dir, const char *folder, struct nt_users_own *own)
{
	_cleanup_closedir_ DIR *dir = NULL;
	char path[PATH_MAX];
	int count = 0;
	struct dirent *d;

	snprintf(path, sizeof(path), "%s/%s", cache_dir, folder);
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((d = readdir(dir))) {
		_cleanup_buf_ struct nt_buf text = { 0 };
		bool is_own, needs;
		struct nt_err err;
		int r;

		if (d->d_name[0] == '.')
			continue;
		r = nt_file_read_at(dirfd(dir), d->d_name, FILE_BYTES_MAX, &text, &err);
		if (r == -ENOENT) /* a DEL was faster */
			continue;
		if (r < 0 && r != -EISDIR)
			return r;
		needs = r == 0 && nt_users_needs_us(nt_slice_mem(text.p, text.len), own, &is_own);
		if (needs && is_own) {
			own->found = true;
			snprintf(own->file, sizeof(own->file), "%s%s", folder, d->d_name);
		} else if (needs) {
			count++;
		}
	}
	return count;
}

int nt_users_count(const char *cache_dir, struct nt_users_own *own)
{
	int count, more;

	if (own)
		own->found = false;
	count = count_in(cache_dir, "", own);
	more = count < 0 ? 0 : count_in(cache_dir, MULTUS_CACHE, own);
	return more < 0 ? more : count + more;
}

bool nt_users_is_left(const char *cache_dir, const struct nt_users_own *own)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	char path[PATH_MAX];
	struct nt_err err;
	bool is_own;
	int r;

	snprintf(path, sizeof(path), "%s/%s", cache_dir, own->file);
	r = nt_file_read_at(AT_FDCWD, path, FILE_BYTES_MAX, &text, &err);
	if (r < 0)
		return r != -ENOENT;
	return nt_users_needs_us(nt_slice_mem(text.p, text.len), own, &is_own);
}
