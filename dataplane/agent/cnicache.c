/* SPDX-License-Identifier: Apache-2.0 */
/* The CNI cache of container runtimes. */
#include "dataplane/agent/cnicache.h"

#include <fcntl.h>
#include <jansson.h>
#include <string.h>

#include "dataplane/taps/podinfo.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"

#define CACHE_V1 "cniCacheV1"
/* jansson recurses; real entries are nested 6 deep, it stops by itself at 2048. */
#define DECODE_FLAGS (JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL)

static int bad(struct nt_err *err, const char *file, const char *why)
{
	return nt_err_set(err, EBADMSG, "CNI cache: %.200s: %s", file, why);
}

/* A string member into a field; false when it is not one or does not fit. */
static bool copy_text(const json_t *object, const char *key, char *to, size_t size)
{
	const json_t *value = json_object_get(object, key);
	const char *text = json_string_value(value);

	if (!text || !text[0] || json_string_length(value) >= size ||
	    strlen(text) != json_string_length(value))
		return false;
	memset(to, 0, size);
	memcpy(to, text, json_string_length(value));
	return true;
}

/* [["K8S_POD_NAME", "web-0"], ...]; missing for runtimes that give none. */
static bool read_args(const json_t *args, struct nt_pod *pod)
{
	for (size_t i = 0; i < json_array_size(args); i++) {
		const json_t *pair = json_array_get(args, i);
		const char *key = json_string_value(json_array_get(pair, 0));
		const json_t *value = json_array_get(pair, 1);
		const char *text = json_string_value(value);

		if (!key || !text || strlen(text) != json_string_length(value) ||
		    nt_podinfo_arg(nt_slice_str(key), nt_slice_str(text), pod) < 0)
			return false;
	}
	return true;
}

static bool read_result(const json_t *result, const json_t *netns, struct nt_cnicache_entry *entry)
{
	const char *path = nt_podinfo_sandbox(result, entry->pod.ifname);

	if (!path)
		path = json_string_value(netns); /* libcni 1.2 says it beside the result */
	if (!json_is_object(result) || !path || path[0] != '/' ||
	    strlen(path) >= sizeof(entry->netns))
		return false;
	memcpy(entry->netns, path, strlen(path) + 1);
	nt_podinfo_result(result, entry->pod.ifname, &entry->pod);
	return true;
}

static int parse_v1(const char *file, const json_t *root, struct nt_cnicache_entry *entry,
		    struct nt_err *err)
{
	struct nt_pod *pod = &entry->pod;
	const json_t *capabilities = json_object_get(root, "capabilityArgs");

	if (!copy_text(root, "containerId", pod->container_id, sizeof(pod->container_id)) ||
	    nt_podinfo_bad_container_id(pod->container_id))
		return bad(err, file, "no container id");
	if (!copy_text(root, "ifName", pod->ifname, sizeof(pod->ifname)) ||
	    nt_podinfo_bad_ifname(pod->ifname))
		return bad(err, file, "no interface name");
	if (!copy_text(root, "networkName", pod->network, sizeof(pod->network)))
		return bad(err, file, "no network name");
	if (strcmp(pod->ifname, "lo") == 0)
		return -ENOENT;
	if (!read_args(json_object_get(root, "cniArgs"), pod))
		return bad(err, file, "cniArgs are no pairs of names, or too long");
	if (!read_result(json_object_get(root, "result"), json_object_get(root, "netns"), entry))
		return bad(err, file, "the result does not say which network namespace");
	nt_podinfo_dns(json_object_get(capabilities, "dns"), pod);
	return 0;
}

/* The one interface in the pod. */
static const char *only_interface(const json_t *result)
{
	const json_t *links = json_object_get(result, "interfaces");
	const char *found = NULL;

	for (size_t i = 0; i < json_array_size(links); i++) {
		const json_t *link = json_array_get(links, i);

		if (!json_object_get(link, "sandbox"))
			continue;
		if (found)
			return NULL;
		found = json_string_value(json_object_get(link, "name"));
	}
	return found;
}

/* NETWORK-CONTAINER-IFNAME: container ids of the runtimes of that time are hexadecimal. */
static bool split_name(const char *file, const char *ifname, struct nt_pod *pod)
{
	size_t len = strlen(file), tail = strlen(ifname), from;

	if (len < tail + 4 || strcmp(file + len - tail, ifname) != 0 || file[len - tail - 1] != '-')
		return false;
	len -= tail + 1;
	for (from = len; from > 0 && file[from - 1] != '-'; from--)
		;
	if (from < 2 || len - from >= sizeof(pod->container_id) || from - 1 >= sizeof(pod->network))
		return false;
	memcpy(pod->container_id, file + from, len - from);
	memcpy(pod->network, file, from - 1);
	memcpy(pod->ifname, ifname, tail);
	return !nt_podinfo_bad_container_id(pod->container_id);
}

static int parse_bare(const char *file, const json_t *root, struct nt_cnicache_entry *entry,
		      struct nt_err *err)
{
	const char *ifname = only_interface(root);

	if (!ifname || nt_podinfo_bad_ifname(ifname))
		return bad(err, file, "neither " CACHE_V1 " nor a result with one interface");
	if (strcmp(ifname, "lo") == 0)
		return -ENOENT;
	if (!split_name(file, ifname, &entry->pod))
		return bad(err, file, "its name is not NETWORK-CONTAINER-INTERFACE");
	if (!read_result(root, NULL, entry))
		return bad(err, file, "the result does not say which network namespace");
	return 0;
}

int nt_cnicache_parse(const char *file, struct nt_slice text, struct nt_cnicache_entry *ret_entry,
		      struct nt_err *err)
{
	json_auto_t *root = json_loadb(text.p ? text.p : "", text.len, DECODE_FLAGS, NULL);
	const char *kind = json_string_value(json_object_get(root, "kind"));
	struct nt_cnicache_entry entry = { 0 };
	int r;

	if (!json_is_object(root))
		return bad(err, file, "no JSON object");
	if (kind && strcmp(kind, CACHE_V1) == 0)
		r = parse_v1(file, root, &entry, err);
	else if (kind)
		r = bad(err, file, "of a kind that is not known");
	else
		r = parse_bare(file, root, &entry, err);
	if (r == 0)
		*ret_entry = entry;
	return r;
}

int nt_cnicache_scan(const char *path, nt_cnicache_fn *fn, void *ctx, size_t *ret_bad,
		     struct nt_err *err)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	size_t files = 0, bad_files = 0;
	struct dirent *d;

	*ret_bad = 0;
	if (!dir)
		return errno == ENOENT ? 0 : nt_err_sys(err, errno, "CNI cache: open %s", path);
	while ((errno = 0, d = readdir(dir)) && files < NT_CNICACHE_FILES_MAX) {
		_cleanup_buf_ struct nt_buf text = { 0 };
		struct nt_cnicache_entry entry;
		int r;

		if (d->d_name[0] == '.')
			continue;
		files++;
		r = nt_file_read_at(dirfd(dir), d->d_name, NT_CNICACHE_FILE_BYTES, &text, err);
		if (r == -ENOENT) /* a DEL was faster */
			continue;
		if (r == 0)
			r = nt_cnicache_parse(d->d_name, nt_slice_mem(text.p, text.len), &entry,
					      err);
		if (r == 0)
			fn(ctx, &entry);
		else if (r != -ENOENT)
			bad_files++;
	}
	*ret_bad = bad_files;
	if (d)
		return nt_err_set(err, E2BIG, "CNI cache: more than %d files in %s",
				  NT_CNICACHE_FILES_MAX, path);
	return errno ? nt_err_sys(err, errno, "CNI cache: read %s", path) : 0;
}
