/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificate that the HTTPS server shows: set by whoever has it (files, authority), taken by
 * each handshake as it is then. Without one no handshake succeeds. Any thread.
 */
#pragma once

#include <gnutls/abstract.h>

#include "lib/base/err.h"
#include "lib/base/slice.h"

struct nt_tls;

int nt_tls_new(struct nt_tls **ret_tls, struct nt_err *err) NT_MUSTCHECK;
void nt_tls_free(struct nt_tls *t);

/* From now on this one: certificate with its chain, and key, as PEM; copied. -EBADMSG: they cannot
 * be read or do not belong together; what was there stays. */
int nt_tls_set(struct nt_tls *t, struct nt_slice chain, struct nt_slice key,
	       struct nt_err *err) NT_MUSTCHECK;
/* UNIX time at which it ends; 0: there is none. */
int64_t nt_tls_ends_s(struct nt_tls *t);
/* For gnutls_certificate_retrieve_function3: the outputs are GnuTLS's then. 0, or -1. */
int nt_tls_retrieve(struct nt_tls *t, gnutls_pcert_st **certs, unsigned *certs_len,
		    gnutls_privkey_t *key, unsigned *flags);
