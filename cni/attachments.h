/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list of valid attachments that comes with GC. Borrows the strings of the configuration; owns
 * the list. Does no I/O.
 */
#pragma once

#include <stddef.h>

#include "cni/config.h"

struct nt_cni_attachment {
	const char *container_id;
	const char *ifname;
};

struct nt_cni_attachments {
	struct nt_cni_attachment *all; /* owned, sorted */
	size_t len;
	bool is_known; /* false: the runtime gave no list, so nothing is known to be stale */
};

/* Both spellings are in use (libcni sends both, the specification named one and the library the
 * other): what is in one of them is valid. null is the empty list, as Go writes it. Returns 0 or
 * -NT_CNI_CONFIG: a list that cannot be read whole must not end anything. Call
 * nt_cni_attachments_done in any case. */
int nt_cni_attachments_parse(const struct nt_cni_config *config,
			     struct nt_cni_attachments *ret_attachments,
			     struct nt_err *err) NT_MUSTCHECK;
void nt_cni_attachments_done(struct nt_cni_attachments *a);
#define _cleanup_attachments_ __attribute__((cleanup(nt_cni_attachments_done)))

/* ctx: struct nt_cni_attachments. Is it in the list? */
bool nt_cni_attachments_has(void *ctx, const char *container_id, const char *ifname);
