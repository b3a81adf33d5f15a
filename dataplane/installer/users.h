/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who still needs the plugin's file: attachments in libcni's cache whose DEL will be made from the
 * cached configuration, and that configuration names us. CRI-O and podman do so. containerd does
 * not: its DEL takes the conflist of now, so that its entries need nothing once our entry is out of
 * that; they are known by a capability that only containerd gives (and always gives). In doubt an
 * entry counts as one. Also used by the stub (cni/stub): needs nothing but libc.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/slice.h"

#define NT_USERS_CACHE_DIR "/var/lib/cni/results"
/* In the mode of the stub's file: it does not remove itself. The sticky bit says nothing else of a
 * file. */
#define NT_STUB_STAYS 01000

/* One attachment to be left out. Strings are borrowed; NULL: none. */
struct nt_users_own {
	const char *container_id, *ifname;
	bool found; /* set: it is in the cache still */
	char file[288]; /* set with it: its file, from cache_dir on */
};

/* Attachments that need us, `own` left out; a missing folder has none. -errno: a folder cannot be
 * read. Multus has a cache of its own beside cache_dir, for the lists that it delegates to. */
int nt_users_count(const char *cache_dir, struct nt_users_own *own);
/* Is `own`, which nt_users_count() has found, in the cache still? Looks at its file only. */
bool nt_users_is_left(const char *cache_dir, const struct nt_users_own *own);
/* Is our plugin named anywhere in this value, as nt_jsonspan_value() gave it, however deep? Multus
 * has the lists that it delegates to inside of its own configuration. */
bool nt_users_names_us(struct nt_slice value);
/* Does the DEL of this cache entry need our plugin? *ret_own: it is `own`. Pure. */
bool nt_users_needs_us(struct nt_slice text, const struct nt_users_own *own, bool *ret_own);
