/* SPDX-License-Identifier: Apache-2.0 */
/* A bearer token (RFC 6750) from a file that others renew: read anew for each request. */
#pragma once

#include <curl/curl.h>

#include "lib/base/buf.h"

/* Appends "Authorization: Bearer ..." to *headers (curl's list, owned by the caller). White space
 * at the end of the file is no part of the token; anything else that a header may not hold is
 * -EINVAL. May block on disk: a projected token is 2 KiB in memory. */
int nt_bearer_add_file(struct curl_slist **headers, const char *file,
		       struct nt_err *err) NT_MUSTCHECK;
/* The same with a token that is here already; what: its name in errors. */
int nt_bearer_add(struct curl_slist **headers, const char *token, const char *what,
		  struct nt_err *err) NT_MUSTCHECK;
/* A secret out of a file: takes white space off its end; -EINVAL when what is left is nothing, or
 * no one line. what: its name in errors. */
int nt_secret_line(struct nt_buf *secret, const char *what, struct nt_err *err) NT_MUSTCHECK;
/* Appends one header line. */
int nt_header_add(struct curl_slist **headers, const char *line, struct nt_err *err) NT_MUSTCHECK;
