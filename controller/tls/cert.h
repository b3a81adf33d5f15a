/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates of our own: an authority, and a server's certificate signed by it, both ECDSA on
 * P-256, as PEM. Pure but for random numbers. Any thread.
 */
#pragma once

#include "lib/base/buf.h"

/* Ten years: an authority's end means new trust in every agent. */
#define NT_CERT_AUTHORITY_S (3650LL * 86400)
/* Of a server: nobody keeps it, so it may be short; it is renewed when a third is over. */
#define NT_CERT_SERVER_S (90LL * 86400)
#define NT_CERT_RENEW_S (60LL * 86400)
/* Valid before now: clocks of nodes differ. */
#define NT_CERT_BEFORE_S 3600LL
/* More than a server has names for. */
#define NT_CERT_NAMES_MAX 32

struct nt_cert {
	struct nt_buf cert, key; /* PEM, owned */
	int64_t ends_s; /* UNIX time */
};

int nt_cert_make_authority(int64_t now_s, struct nt_cert *ret_cert,
			   struct nt_err *err) NT_MUSTCHECK;
/* names: host names and addresses, comma separated, the first one is the subject. -EINVAL: one of
 * them is none. */
int nt_cert_make_server(const struct nt_cert *authority, const char *names, int64_t now_s,
			struct nt_cert *ret_cert, struct nt_err *err) NT_MUSTCHECK;
/* Copies an authority out of its texts. -EBADMSG: certificate and key do not belong together, it is
 * no authority, or its time is over; err says which. */
int nt_cert_read_authority(struct nt_slice cert, struct nt_slice key, int64_t now_s,
			   struct nt_cert *ret_cert, struct nt_err *err) NT_MUSTCHECK;
/* Forgets the key, too. */
void nt_cert_done(struct nt_cert *c);
#define _cleanup_cert_ __attribute__((cleanup(nt_cert_done)))
