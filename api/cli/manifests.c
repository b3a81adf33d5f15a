/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of one kind in a file. */
#include "api/cli/manifests.h"

#include <fcntl.h>
#include <unistd.h>

#include "lib/base/file.h"

#define FILE_BYTES_MAX (8u << 20) /* as in a folder of manifests */

static int read_text(const char *path, struct nt_buf *text, struct nt_err *err)
{
	int r = strcmp(path, "-") == 0 ? nt_file_read_fd(STDIN_FILENO, FILE_BYTES_MAX, text, err)
				       : nt_file_read_at(AT_FDCWD, path, FILE_BYTES_MAX, text, err);

	if (r == -EINVAL) /* a file that is none, not a mistake in an object */
		err->code = EIO;
	return r < 0 ? nt_err_wrap(err, "%.200s", path) : 0;
}

const struct nt_object *nt_manifests_next(const struct nt_manifest *m, const char *kind, size_t *at)
{
	while (*at < m->objects_len) {
		const struct nt_object *o = &m->objects[(*at)++].compact->object;

		if (nt_slice_eq(o->kind, nt_slice_str(kind)))
			return o;
	}
	return NULL;
}

int nt_manifests_read(const char *path, const char *kind, struct nt_manifest *ret_manifest,
		      struct nt_err *err)
{
	bool json = nt_slice_ends(nt_slice_str(path), NT_SLICE_LIT(".json"));
	const struct nt_manifest *m = ret_manifest;
	_cleanup_buf_ struct nt_buf text = { 0 };
	size_t at = 0;
	int r = read_text(path, &text, err);

	if (r < 0)
		return r;
	r = nt_manifest_parse(nt_slice_mem(nt_buf_str(&text), text.len),
			      json ? NT_MANIFEST_JSON : NT_MANIFEST_YAML, ret_manifest);
	if (r < 0)
		return nt_err_set(err, ENOMEM, "%.200s: no memory for it", path);
	if (m->problems_len)
		return nt_err_set(err, EINVAL, "%.150s, line %zu: %s", path, m->problems[0].line,
				  m->problems[0].msg);
	if (!nt_manifests_next(m, kind, &at))
		return nt_err_set(err, EINVAL,
				  "%.200s: there is no %s of nametap.io/v1alpha1 in it", path,
				  kind);
	return 0;
}
