/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search domains of a resolv.conf (resolv.conf(5): the last `search` or `domain` line counts).
 * Read anew on each call; bounded.
 */
#pragma once

#include "lib/dns/name.h"

#define NT_RESOLVCONF_BYTES 65536
#define NT_RESOLVCONF_SEARCHES 32

struct nt_searches {
	struct nt_name names[NT_RESOLVCONF_SEARCHES];
	size_t len;
};

/* Empty with an error when it cannot be read. */
int nt_resolvconf_read(const char *path, struct nt_searches *ret_searches,
		       struct nt_err *err) NT_MUSTCHECK;
/* Domains of a text, separated by blanks; what is no name is left out. */
void nt_searches_parse(struct nt_slice text, struct nt_searches *ret_searches);
bool nt_searches_has(const struct nt_searches *s, const struct nt_name *name);
