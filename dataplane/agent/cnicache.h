/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CNI cache of container runtimes (/var/lib/cni/results): what libcni keeps of each ADD until
 * the DEL, and the same for podman. One file per attachment, named NETWORK-CONTAINER-IFNAME. Two
 * forms: cniCacheV1 (libcni 0.8 and later: arguments, capabilities, result) and, before, the bare
 * result, which does not say who the pod is. An entry proves nothing: runtimes leave stale ones.
 * Bounded; parsing does no I/O.
 */
#pragma once

#include "dataplane/abi.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

#define NT_CNICACHE_DIR_DEFAULT "/var/lib/cni/results"
/* As the plugin's stdin: all annotations of a pod may be in it. */
#define NT_CNICACHE_FILE_BYTES (4 * 1024 * 1024)
#define NT_CNICACHE_FILES_MAX 16384

struct nt_cnicache_entry {
	struct nt_pod pod; /* identity, network, addresses, resolvers */
	char netns[256]; /* path, as the runtime named it */
};

/* file: name without the folder. -ENOENT: an entry of the loopback interface, to be ignored;
 * -EBADMSG with the reason. */
int nt_cnicache_parse(const char *file, struct nt_slice text, struct nt_cnicache_entry *ret_entry,
		      struct nt_err *err) NT_MUSTCHECK;

/* Calls fn for each entry of the folder; a missing folder is an empty one. ret_bad: files that are
 * no entries, a reason of the last one in err. 0: all files were looked at; else -errno
 * with the reason in err (-E2BIG: there are more than NT_CNICACHE_FILES_MAX). */
typedef void nt_cnicache_fn(void *ctx, const struct nt_cnicache_entry *entry);
int nt_cnicache_scan(const char *path, nt_cnicache_fn *fn, void *ctx, size_t *ret_bad,
		     struct nt_err *err) NT_MUSTCHECK;
