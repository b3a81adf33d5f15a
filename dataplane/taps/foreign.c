/* SPDX-License-Identifier: Apache-2.0 */
/* Pins of another ABI version: shared, copied, or kept for their layout. */
#include "dataplane/taps/foreign.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>

#include "dataplane/taps/layout.h"
#include "lib/base/cleanup.h"
#include "lib/base/parse.h"

/* Written by programs of both versions, or too large to copy; of the same layout in all of them. */
static const char *const shared[] = { NT_PIN_COUNTERS, NT_PIN_EVENTS, NT_PIN_DRAIN,
				      NT_PIN_SHARES,   NT_PIN_RULES,  NT_PIN_RULES_KEY };

/* Written by userspace alone. key: NULL where it is a number. */
static const struct copied {
	const char *pin, *key, *value, *needs;
} copied[] = {
	{ NT_PIN_ENDPOINTS, NULL, "nt_endpoint", "ep_id flags slots_len slots" },
	{ NT_PIN_PODS, NULL, "nt_pod",
	  "state ep_id attach_boot_ns ifindex netns_ino netns_dev container_id ifname" },
	{ NT_PIN_LIVE, "nt_live_key", NULL, "container_id ifname" },
	{ NT_PIN_SLOTS, NULL, "nt_slot", "namespace_ name mode digest" },
	{ NT_PIN_SCOPES, NULL, "nt_scope_set", "len suffixes" },
};

static const char meta_needs[] = "version epoch owner_netns_ino owner_netns_dev boot_id "
				 "created_boot_ns ring_bytes last_slot stamp ports server_ports";
static const char event_needs[] = "version dir ip_version l4proto hdr_len flags ep_id time_ns seq "
				  "epoch cpu ifindex payload_len cap_len gso_size gso_segs sport "
				  "dport saddr daddr";

static int open_pin(const struct nt_taps *t, const char *name, struct nt_err *err)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", t->pin_root, name);
	fd = bpf_obj_get(path);
	return fd < 0 ? nt_err_sys(err, errno, "open pin %s", path) : fd;
}

static int map_info(int fd, struct bpf_map_info *ret_info, struct nt_err *err)
{
	__u32 len = sizeof(*ret_info);

	*ret_info = (struct bpf_map_info){};
	return bpf_obj_get_info_by_fd(fd, ret_info, &len) < 0 ? nt_err_sys(err, errno, "read a map")
							      : 0;
}

static void btf_freep(struct btf **btf)
{
	btf__free(*btf);
}

int nt_foreign_read(int map_fd, const struct btf *ours, const char *name, const char *needs,
		    void *ret_value, struct nt_err *err)
{
	_cleanup_(btf_freep) struct btf *theirs = nt_layout_btf(map_fd, err);
	_cleanup_free_ struct nt_layout *l = malloc(sizeof(*l));
	_cleanup_free_ void *value = NULL;
	struct bpf_map_info info;
	__u32 zero = 0;
	int r = theirs ? map_info(map_fd, &info, err) : -err->code;

	if (r == 0 && !l)
		r = nt_err_set(err, ENOMEM, "no memory for a layout");
	if (r == 0)
		r = nt_layout_plan(theirs, ours, name, needs, l, err);
	if (r == 0 && info.value_size != l->from_size)
		r = nt_err_set(err, EPROTO, "values of %u octets are no struct %s", info.value_size,
			       name);
	if (r < 0)
		return r;
	value = malloc(info.value_size);
	if (!value)
		return nt_err_set(err, ENOMEM, "no memory for a struct %s", name);
	if (bpf_map_lookup_elem(map_fd, &zero, value) < 0)
		return nt_err_sys(err, errno, "read a struct %s", name);
	nt_layout_read(l, value, ret_value);
	return 0;
}

/* What is copied and read; nt_foreign_share looks at the maps that both builds write. Both before
 * anything is loaded. */
static int check(const struct nt_foreign *f, struct nt_err *err)
{
	_cleanup_free_ struct nt_layout *l = malloc(sizeof(*l));
	int r;

	if (!l)
		return nt_err_set(err, ENOMEM, "no memory for a layout");
	r = nt_layout_plan(f->btf, f->ours, "nt_event", event_needs, l, err);
	for (size_t i = 0; r == 0 && i < NT_ARRAY_LEN(copied); i++) {
		const struct copied *c = &copied[i];

		r = nt_layout_plan(f->btf, f->ours, c->key ? c->key : c->value, c->needs, l, err);
	}
	return r;
}

int nt_foreign_open(struct nt_foreign *f, struct nt_taps *t, const struct btf *ours,
		    struct nt_err *err)
{
	int r;

	*f = (struct nt_foreign){ .t = t, .ours = ours, .meta_fd = open_pin(t, NT_PIN_META, err) };
	if (f->meta_fd < 0)
		return f->meta_fd;
	r = nt_foreign_read(f->meta_fd, ours, "nt_meta", meta_needs, &f->meta, err);
	if (r == 0)
		r = nt_taps_check_owner(t, &f->meta, err);
	if (r < 0)
		return r;
	f->btf = nt_layout_btf(f->meta_fd, err);
	return f->btf ? check(f, err) : -err->code;
}

void nt_foreign_done(struct nt_foreign *f)
{
	btf__free(f->btf);
	nt_closep(&f->meta_fd);
}

int nt_foreign_share(const struct nt_foreign *f, struct bpf_object *obj, struct nt_err *err)
{
	int r = 0;

	for (size_t i = 0; i < NT_ARRAY_LEN(shared) && r == 0; i++) {
		_cleanup_close_ int fd = open_pin(f->t, shared[i], err);
		struct bpf_map *map = bpf_object__find_map_by_name(obj, shared[i]);

		r = fd < 0 ? fd : nt_taps_reuse_map(map, fd, err);
	}
	return r;
}

/* --- entries ---------------------------------------------------------------------------------- */

/* One map while it is copied: keys and values as they have them, and as we do. */
struct copying {
	const struct copied *map;
	int from, to;
	struct nt_layout layout; /* of key or value */
	__u32 key_size, value_size; /* theirs */
	char *keys[2], *value, *made;
};

static void copying_done(struct copying *c)
{
	nt_closep(&c->from);
	free(c->keys[0]);
	free(c->keys[1]);
	free(c->value);
	free(c->made);
}

static int copy_entry(struct copying *c, const void *key, struct nt_err *err)
{
	const void *to_key = key, *to_value = c->value;

	if (bpf_map_lookup_elem(c->from, key, c->value) < 0)
		return 0; /* nobody removes anything meanwhile */
	nt_layout_read(&c->layout, c->map->key ? key : c->value, c->made);
	if (c->map->key)
		to_key = c->made;
	else
		to_value = c->made;
	if (strcmp(c->map->pin, NT_PIN_PODS) == 0)
		((struct nt_pod *)c->made)->version = NT_ABI_VERSION;
	if (bpf_map_update_elem(c->to, to_key, to_value, BPF_ANY) < 0)
		return nt_err_sys(err, errno, "copy into map %s", c->map->pin);
	return 0;
}

static int copy_entries(struct copying *c, struct nt_err *err)
{
	const void *before = NULL;
	int r = 0;

	for (int i = 0; r == 0 && bpf_map_get_next_key(c->from, before, c->keys[i]) == 0; i = !i) {
		before = c->keys[i];
		r = copy_entry(c, before, err);
	}
	return r;
}

/* What is no structure of ours must be the same number in both. */
static int check_sizes(const struct copying *c, const struct bpf_map *ours, struct nt_err *err)
{
	__u32 key = c->map->key ? c->layout.from_size : bpf_map__key_size(ours);
	__u32 value = c->map->value ? c->layout.from_size : bpf_map__value_size(ours);

	if (c->key_size == key && c->value_size == value)
		return 0;
	return nt_err_set(err, EPROTO, "map %s has keys of %u and values of %u octets", c->map->pin,
			  c->key_size, c->value_size);
}

static int open_copying(const struct nt_foreign *f, struct copying *c, const struct bpf_map *ours,
			struct nt_err *err)
{
	const char *name = c->map->key ? c->map->key : c->map->value;
	struct bpf_map_info info;
	int r;

	c->to = bpf_map__fd(ours);
	c->from = open_pin(f->t, c->map->pin, err);
	r = c->from < 0 ? c->from : map_info(c->from, &info, err);
	if (r == 0)
		r = nt_layout_plan(f->btf, f->ours, name, c->map->needs, &c->layout, err);
	if (r < 0)
		return r;
	c->key_size = info.key_size;
	c->value_size = info.value_size;
	r = check_sizes(c, ours, err);
	c->keys[0] = malloc(c->key_size);
	c->keys[1] = malloc(c->key_size);
	c->value = malloc(c->value_size);
	c->made = malloc(c->layout.to_size);
	if (r == 0 && (!c->keys[0] || !c->keys[1] || !c->value || !c->made))
		r = nt_err_set(err, ENOMEM, "no memory to copy map %s", c->map->pin);
	return r;
}

int nt_foreign_copy(const struct nt_foreign *f, struct bpf_object *obj, struct nt_err *err)
{
	int r = 0;

	for (size_t i = 0; i < NT_ARRAY_LEN(copied) && r == 0; i++) {
		struct copying c = { .map = &copied[i], .from = -1 };

		r = open_copying(f, &c, bpf_object__find_map_by_name(obj, copied[i].pin), err);
		if (r == 0)
			r = copy_entries(&c, err);
		copying_done(&c);
	}
	return r;
}

/* --- pins that stay --------------------------------------------------------------------------- */

/* A second pin of the same object. */
static int pin_again(int from_dir, const char *folder, const char *name, struct nt_err *err)
{
	char from[64 + NAME_MAX], to[PATH_MAX + NAME_MAX];
	_cleanup_close_ int fd = -1;

	snprintf(from, sizeof(from), "/proc/self/fd/%d/%s", from_dir, name);
	snprintf(to, sizeof(to), "%s/%s", folder, name);
	fd = bpf_obj_get(from);
	if (fd < 0 || bpf_obj_pin(fd, to) < 0)
		return nt_err_sys(err, errno, "pin %s", to);
	return 0;
}

/* The pins in a folder of the root, but for one name. */
static int pin_all_again(const struct nt_foreign *f, const char *name, const char *folder,
			 const char *but, struct nt_err *err)
{
	char path[PATH_MAX];
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	int r = 0;

	snprintf(path, sizeof(path), "%s/%s", f->t->pin_root, name);
	dir = opendir(path);
	while (r == 0 && dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, but) != 0 &&
		    !strstr(entry->d_name, "_new")) /* of a process that was killed */
			r = pin_again(dirfd(dir), folder, entry->d_name, err);
	}
	return r;
}

static int make_folder(const char *folder, const char *name, char out[PATH_MAX], struct nt_err *err)
{
	snprintf(out, PATH_MAX, "%s/%s", folder, name);
	return mkdir(out, 0700) == -1 ? nt_err_sys(err, errno, "make %s", out) : 0;
}

int nt_foreign_keep(const struct nt_foreign *f, const char *folder, struct nt_err *err)
{
	char made[PATH_MAX], path[PATH_MAX + 16], own[16], theirs[16];
	int r = make_folder(folder, NT_PIN_LINKS, made, err);

	if (r == 0)
		r = pin_all_again(f, NT_PIN_LINKS, made, "", err);
	if (r == 0)
		r = make_folder(folder, NT_PIN_LAYOUTS, made, err);
	snprintf(own, sizeof(own), "%d", NT_ABI_VERSION);
	snprintf(theirs, sizeof(theirs), "%u", f->meta.version);
	snprintf(path, sizeof(path), "%s/%s", made, theirs);
	if (r == 0 && bpf_obj_pin(f->meta_fd, path) < 0)
		r = nt_err_sys(err, errno, "pin %s", path);
	return r < 0 ? r : pin_all_again(f, NT_PIN_LAYOUTS, made, own, err);
}

static bool add_layout(struct nt_layouts *l, int dir, const char *name, const struct btf *ours)
{
	_cleanup_(btf_freep) struct btf *theirs = NULL;
	_cleanup_close_ int fd = -1;
	char path[64 + NAME_MAX];
	uint64_t version;
	struct nt_err err;

	if (l->len == NT_LAYOUTS_MAX || nt_parse_u64(nt_slice_str(name), UINT8_MAX, &version) < 0)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d/%s", dir, name);
	fd = bpf_obj_get(path);
	theirs = fd < 0 ? NULL : nt_layout_btf(fd, &err);
	if (!theirs ||
	    nt_layout_plan(theirs, ours, "nt_event", event_needs, &l->of[l->len].event, &err) < 0)
		return false;
	l->of[l->len++].version = (__u32)version;
	return true;
}

void nt_foreign_layouts(const struct nt_taps *t, const struct btf *ours,
			struct nt_layouts *ret_layouts)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[PATH_MAX];

	ret_layouts->len = 0;
	snprintf(path, sizeof(path), "%s/" NT_PIN_LAYOUTS, t->pin_root);
	dir = opendir(path);
	/* One that cannot be read is met again as events that cannot: those are stated as lost. */
	while (dir && (entry = readdir(dir)))
		(void)add_layout(ret_layouts, dirfd(dir), entry->d_name, ours);
}

void nt_layouts_remove_folder(const char *root)
{
	_cleanup_closedir_ DIR *dir = NULL;
	const struct dirent *entry;
	char path[PATH_MAX];

	if ((size_t)snprintf(path, sizeof(path), "%s/" NT_PIN_LAYOUTS, root) >= sizeof(path))
		return;
	dir = opendir(path);
	while (dir && (entry = readdir(dir))) {
		if (entry->d_name[0] != '.')
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	}
	(void)rmdir(path);
}
