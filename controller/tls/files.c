/* SPDX-License-Identifier: Apache-2.0 */
/* Certificate and key in files. */
#include "controller/tls/files.h"

#include <fcntl.h>

#include "lib/base/file.h"
#include "lib/base/log.h"

#define PEM_BYTES_MAX (1u << 20)

static int load(struct nt_tls_files *f, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf cert = { 0 }, key = { 0 };
	int r = nt_file_read_at(AT_FDCWD, f->cert, PEM_BYTES_MAX, &cert, err);

	if (r == 0)
		r = nt_file_read_at(AT_FDCWD, f->key, PEM_BYTES_MAX, &key, err);
	if (r == 0)
		r = nt_tls_set(f->tls, nt_slice_mem(cert.p, cert.len), nt_slice_mem(key.p, key.len),
			       err);
	if (key.p)
		explicit_bzero(key.p, key.len);
	return r < 0 ? nt_err_wrap(err, "--tls-cert %s, --tls-key %s", f->cert, f->key) : 0;
}

/* A volume of Kubernetes changes by a link's rename: the file behind the name is another one. */
static bool changed(const char *path, struct stat *seen)
{
	struct stat now = { 0 };
	bool differs;

	(void)stat(path, &now);
	differs = now.st_ino != seen->st_ino || now.st_size != seen->st_size ||
		  now.st_mtim.tv_sec != seen->st_mtim.tv_sec ||
		  now.st_mtim.tv_nsec != seen->st_mtim.tv_nsec;
	*seen = now;
	return differs;
}

int nt_tls_files_init(struct nt_tls_files *f, const char *cert, const char *key, struct nt_tls *tls,
		      struct nt_err *err)
{
	*f = (struct nt_tls_files){ .cert = cert, .key = key, .tls = tls };
	(void)changed(cert, &f->cert_seen);
	(void)changed(key, &f->key_seen);
	return load(f, err);
}

void nt_tls_files_look(struct nt_tls_files *f)
{
	bool cert_changed = changed(f->cert, &f->cert_seen);
	bool key_changed = changed(f->key, &f->key_seen);
	struct nt_err err = { 0 };

	if (!cert_changed && !key_changed)
		return;
	if (load(f, &err) == 0) {
		nt_log_info("%s: a new certificate is in use", f->cert);
		f->failing = false;
		return;
	}
	if (!f->failing)
		nt_log_error("%s; the former certificate stays", err.msg);
	f->failing = true;
}
