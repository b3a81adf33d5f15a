/* SPDX-License-Identifier: Apache-2.0 */
/* Inside controller/tls only: what the users of GnuTLS there have in common. */
#pragma once

#include <gnutls/x509.h>
#include <stdbool.h>

#include "lib/base/slice.h"

static inline gnutls_datum_t nt_x509_datum(struct nt_slice s)
{
	return (gnutls_datum_t){ .data = (unsigned char *)(uintptr_t)s.p, .size = (unsigned)s.len };
}

/* Is it this key's certificate? */
static inline bool nt_x509_same_key(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key)
{
	unsigned char a[64], b[64];
	size_t a_len = sizeof(a), b_len = sizeof(b);

	return gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA256, a, &a_len) >= 0 &&
	       gnutls_x509_privkey_get_key_id(key, GNUTLS_KEYID_USE_SHA256, b, &b_len) >= 0 &&
	       a_len == b_len && memcmp(a, b, a_len) == 0;
}
