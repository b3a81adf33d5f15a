/* SPDX-License-Identifier: Apache-2.0 */
/* The agents' token: read, or made at the first start. */
#include "controller/ingest/token.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"

enum { TOKEN_OCTETS = 32, TOKEN_MIN = 32, TOKEN_FILE_MAX = 4096 };

static int make(const char *path, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	unsigned char octets[TOKEN_OCTETS];

	if (getrandom(octets, sizeof(octets), 0) != sizeof(octets))
		return nt_err_sys(err, errno, "getrandom");
	for (size_t i = 0; i < sizeof(octets); i++)
		nt_buf_printf(&text, "%02x", octets[i]);
	nt_buf_putc(&text, '\n');
	if (!nt_buf_ok(&text))
		return nt_err_set(err, ENOMEM, "no memory for the token");
	return nt_file_replace_at(AT_FDCWD, path, nt_slice_mem(text.p, text.len), 0600, err);
}

static int check(const char *path, struct nt_slice token, struct nt_err *err)
{
	if (token.len < TOKEN_MIN)
		return nt_err_set(err, EINVAL, "%s: a token has at least %d characters", path,
				  TOKEN_MIN);
	for (size_t i = 0; i < token.len; i++)
		if (token.p[i] <= ' ' || token.p[i] > '~')
			return nt_err_set(err, EINVAL, "%s: a token is one printable word", path);
	return 0;
}

int nt_token_open(const char *path, struct nt_buf *out, struct nt_err *err)
{
	size_t start = out->len;
	struct stat st;
	int r = 0;

	if (stat(path, &st) == -1) {
		if (errno != ENOENT)
			return nt_err_sys(err, errno, "%s", path);
		r = make(path, err);
	} else if (st.st_mode & 0077) {
		return nt_err_set(err, EPERM, "%s: others may read it: chmod 600", path);
	}
	if (r == 0)
		r = nt_file_read_at(AT_FDCWD, path, TOKEN_FILE_MAX, out, err);
	if (r < 0)
		return r;
	while (out->len > start && (out->p[out->len - 1] == '\n' || out->p[out->len - 1] == '\r'))
		out->p[--out->len] = '\0';
	return check(path, nt_slice_mem(out->p + start, out->len - start), err);
}
