/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RDATA by type: one walk that checks it and, with a buffer, writes its presentation form, so that
 * what was accepted can always be formatted. Private to lib/dns. No heap but the buffer's.
 */
#pragma once

#include "lib/base/buf.h"
#include "lib/dns/message.h"

struct nt_rdata_walk {
	struct nt_cursor c; /* over the message up to the end of this RDATA */
	struct nt_buf *out; /* NULL: check only */
	bool bad_name; /* the fault is a name, not a length */
};

/* 0, -NT_DNS_ENAME or -NT_DNS_ERDATA; rr's offsets lie within wire. */
int nt_rdata_check(struct nt_slice wire, const struct nt_dns_rr *rr) NT_MUSTCHECK;

/* Pieces of the walk that svcb.c shares. Nothing is written once the cursor is bad. */
void nt_rdata_walk_name(struct nt_rdata_walk *w);
/* What is left of SVCB and HTTPS behind the target name (RFC 9460 section 2.2). */
void nt_svcb_walk_params(struct nt_rdata_walk *w);
