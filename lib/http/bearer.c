/* SPDX-License-Identifier: Apache-2.0 */
/* Bearer tokens and other lines of a request's head. */
#include "lib/http/bearer.h"

#include <fcntl.h>

#include "lib/base/file.h"

/* A projected service-account token is some 2 KiB. */
#define TOKEN_BYTES_MAX 16384

int nt_header_add(struct curl_slist **headers, const char *line, struct nt_err *err)
{
	struct curl_slist *longer = curl_slist_append(*headers, line);

	if (!longer)
		return nt_err_set(err, ENOMEM, "no memory for a request");
	*headers = longer;
	return 0;
}

int nt_secret_line(struct nt_buf *secret, const char *what, struct nt_err *err)
{
	while (secret->len && strchr("\r\n \t", secret->p[secret->len - 1]))
		secret->p[--secret->len] = '\0';
	for (size_t i = 0; i < secret->len; i++)
		if ((unsigned char)secret->p[i] < ' ' || secret->p[i] == 0x7f)
			return nt_err_set(err, EINVAL, "%s: not one line", what);
	return secret->len ? 0 : nt_err_set(err, EINVAL, "%s: empty", what);
}

int nt_bearer_add(struct curl_slist **headers, const char *token, const char *what,
		  struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf line = { 0 };

	nt_buf_puts(&line, "Authorization: Bearer ");
	nt_buf_puts(&line, token);
	if (!nt_buf_ok(&line))
		return nt_err_set(err, ENOMEM, "no memory for a request");
	if (nt_secret_line(&line, what, err) < 0)
		return -err->code;
	return nt_header_add(headers, line.p, err);
}

int nt_bearer_add_file(struct curl_slist **headers, const char *file, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf token = { 0 };
	int r = nt_file_read_at(AT_FDCWD, file, TOKEN_BYTES_MAX, &token, err);

	if (r < 0)
		return r;
	if (!token.len || memchr(token.p, '\0', token.len))
		return nt_err_set(err, EINVAL, "%s: not one line", file);
	return nt_bearer_add(headers, token.p, file, err);
}
