/* SPDX-License-Identifier: Apache-2.0 */
/* What was installed, on disk. */
#include "dataplane/installer/record.h"

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <string.h>
#include <sys/file.h>

#include "dataplane/installer/conflist.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"

#define RECORD_MAX (1 << 20)
#define VERSION 1

static const char *const kinds[] = {
	[NT_INSTALLED_ENTRY] = "entry",
	[NT_INSTALLED_MADE] = "made",
	[NT_INSTALLED_DROPIN] = "drop-in",
	[NT_INSTALLED_BINARY] = "binary",
};

void nt_install_record_done(struct nt_install_record *r)
{
	for (unsigned i = 0; i < NT_INSTALL_ENTRIES_MAX; i++)
		free(r->entries[i]);
	free(r->files);
	*r = (struct nt_install_record){ 0 };
}

static struct nt_installed *find(struct nt_install_record *r, const char *path)
{
	for (unsigned i = 0; i < r->files_len; i++) {
		if (strcmp(r->files[i].path, path) == 0)
			return &r->files[i];
	}
	return NULL;
}

int nt_install_record_add(struct nt_install_record *r, enum nt_installed_kind kind,
			  const char *path, bool was_there)
{
	struct nt_installed *f = find(r, path);
	bool known = f && f->kind == kind;

	if (f) {
		f->kind = kind;
		return known ? 0 : 1;
	}
	if (strlen(path) >= sizeof(f->path))
		return -ENAMETOOLONG;
	if (r->files_len == NT_INSTALL_FILES_MAX)
		return -ENOSPC;
	if (!r->files)
		r->files = calloc(NT_INSTALL_FILES_MAX, sizeof(*r->files));
	if (!r->files)
		return -ENOMEM;
	f = &r->files[r->files_len++];
	*f = (struct nt_installed){ .kind = kind, .was_there = was_there };
	memcpy(f->path, path, strlen(path) + 1);
	return 1;
}

bool nt_install_record_drop(struct nt_install_record *r, const char *path)
{
	struct nt_installed *f = find(r, path);

	if (!f)
		return false;
	*f = r->files[--r->files_len];
	return true;
}

static bool is_same_entry(const char *a, const char *b)
{
	return nt_conflist_same(nt_slice_str(a), nt_slice_str(b));
}

int nt_install_record_entry(struct nt_install_record *r, const char *entry)
{
	unsigned at = 0;
	char *text;

	while (at < NT_INSTALL_ENTRIES_MAX && r->entries[at] &&
	       !is_same_entry(r->entries[at], entry))
		at++;
	if (at == 0 && r->entries[0])
		return 0;
	text = strdup(entry);
	if (!text)
		return -ENOMEM;
	if (at == NT_INSTALL_ENTRIES_MAX)
		at--;
	free(r->entries[at]);
	memmove(r->entries + 1, r->entries, at * sizeof(r->entries[0]));
	r->entries[0] = text;
	return 1;
}

/* --- from disk --- */

static bool copy_text(const json_t *value, char *to, size_t size)
{
	const char *text = json_string_value(value);

	if (!text || json_string_length(value) >= size || strlen(text) != json_string_length(value))
		return false;
	memcpy(to, text, strlen(text) + 1);
	return true;
}

static int kind_of(const json_t *value)
{
	const char *text = json_string_value(value);

	for (size_t i = 0; text && i < NT_ARRAY_LEN(kinds); i++) {
		if (strcmp(kinds[i], text) == 0)
			return (int)i;
	}
	return -1;
}

static bool read_files(const json_t *list, struct nt_install_record *r)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *file = json_array_get(list, i);
		int kind = kind_of(json_object_get(file, "kind"));
		char path[sizeof(r->files[0].path)];

		if (kind < 0 || !copy_text(json_object_get(file, "path"), path, sizeof(path)) ||
		    path[0] != '/' ||
		    nt_install_record_add(r, (enum nt_installed_kind)kind, path,
					  json_is_true(json_object_get(file, "wasThere"))) < 0)
			return false;
	}
	return true;
}

static bool read_entry(const json_t *entry, struct nt_install_record *r, unsigned *len)
{
	if (!json_is_object(entry) || *len == NT_INSTALL_ENTRIES_MAX)
		return true;
	r->entries[*len] = json_dumps(entry, JSON_COMPACT);
	return r->entries[(*len)++];
}

static bool read_entries(const json_t *root, struct nt_install_record *r)
{
	const json_t *former = json_object_get(root, "formerEntries");
	unsigned len = 0;
	bool good = read_entry(json_object_get(root, "entry"), r, &len);

	for (size_t i = 0; good && i < json_array_size(former); i++)
		good = read_entry(json_array_get(former, i), r, &len);
	return good;
}

static bool read_root(const json_t *root, struct nt_install_record *r)
{
	if (json_integer_value(json_object_get(root, "version")) != VERSION ||
	    !copy_text(json_object_get(root, "confDir"), r->conf_dir, sizeof(r->conf_dir)) ||
	    !copy_text(json_object_get(root, "binDir"), r->bin_dir, sizeof(r->bin_dir)))
		return false;
	return read_entries(root, r) && read_files(json_object_get(root, "files"), r);
}

int nt_install_record_load(const char *path, struct nt_install_record *ret_record,
			   struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf text = {};
	json_auto_t *root = NULL;
	int r;

	*ret_record = (struct nt_install_record){ 0 };
	r = nt_file_read_at(AT_FDCWD, path, RECORD_MAX, &text, err);
	if (r < 0)
		return r;
	root = json_loadb(nt_buf_str(&text), text.len, 0, NULL);
	if (root && read_root(root, ret_record))
		return 0;
	nt_install_record_done(ret_record);
	return nt_err_set(err, EBADMSG,
			  "%s: this is no record of an installation; remove it, and "
			  "the running agent writes it anew",
			  path);
}

/* --- to disk --- */

static json_t *files_json(const struct nt_install_record *r)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < r->files_len; i++) {
		const struct nt_installed *f = &r->files[i];

		json_array_append_new(list, json_pack("{s:s, s:s, s:b}", "kind", kinds[f->kind],
						      "path", f->path, "wasThere", f->was_there));
	}
	return list;
}

static json_t *entry_json(const char *entry)
{
	return entry ? json_loads(entry, 0, NULL) : json_null();
}

static json_t *former_json(const struct nt_install_record *r)
{
	json_t *list = json_array();

	for (unsigned i = 1; i < NT_INSTALL_ENTRIES_MAX && r->entries[i]; i++)
		json_array_append_new(list, entry_json(r->entries[i]));
	return list;
}

static char *text_of(const struct nt_install_record *r)
{
	json_auto_t *root =
		json_pack("{s:i, s:s, s:s, s:o, s:o, s:o}", "version", VERSION, "confDir",
			  r->conf_dir, "binDir", r->bin_dir, "entry", entry_json(r->entries[0]),
			  "formerEntries", former_json(r), "files", files_json(r));

	return root ? json_dumps(root, JSON_INDENT(2)) : NULL;
}

int nt_install_record_save(const char *path, const struct nt_install_record *record,
			   struct nt_err *err)
{
	char folder[PATH_MAX];
	const char *slash = strrchr(path, '/');
	_cleanup_free_ char *text = text_of(record);
	_cleanup_close_ int lock = -1;
	int r;

	if (!text)
		return nt_err_set(err, EINVAL, "%s: a path is no UTF-8, or no memory", path);
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 0, path);
	r = folder[0] ? nt_file_mkdirs(folder, 0755, err) : 0;
	if (r < 0)
		return r;
	/* In another container somebody of our process number has the same temporary name. */
	lock = open(folder[0] ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (lock >= 0)
		(void)!nt_file_lock_briefly(lock, LOCK_EX);
	return nt_file_replace_at(AT_FDCWD, path, nt_slice_str(text), 0644, err);
}
