/* SPDX-License-Identifier: Apache-2.0 */
/* A certificate and a key in files that somebody renews: read at the start, and again when one of
 * them is another file than before or has changed. Belongs to one thread. */
#pragma once

#include <sys/stat.h>

#include "controller/tls/tls.h"

struct nt_tls_files {
	const char *cert, *key; /* borrowed */
	struct nt_tls *tls; /* borrowed */
	struct stat cert_seen, key_seen;
	bool failing; /* said in the log */
};

/* The first reading: a failure is one of the start. */
int nt_tls_files_init(struct nt_tls_files *f, const char *cert, const char *key, struct nt_tls *tls,
		      struct nt_err *err) NT_MUSTCHECK;
/* About once a second. What cannot be read is said once in the log, and the former certificate
 * stays; it is tried again when a file changes again. */
void nt_tls_files_look(struct nt_tls_files *f);
