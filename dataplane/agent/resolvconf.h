/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The search domains and servers of a resolv.conf (resolv.conf(5): the last `search` or `domain`
 * line counts). Read anew on each call; bounded.
 */
#pragma once

#include <sys/types.h>

#include "dataplane/abi.h"
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

/* The cluster domain of a file that kubelet made for a pod: its list has both `svc.DOMAIN` and
 * `DOMAIN`. False: it has not, or cannot be read. */
bool nt_resolvconf_cluster_domain(const char *path, char ret_domain[NT_NAME_TEXT_MAX]);

/* Servers and search list of a resolv.conf's text into a pod's record, which is marked NT_DNS_FILE
 * when there are any. */
void nt_resolvconf_describe(struct nt_slice text, struct nt_pod *pod);
/*
 * The same from /etc/resolv.conf as process pid has it. Its root is the pod's: links are followed
 * inside of it, nothing but a regular file is read, and a child of ours does it, which is killed
 * after half a second, since a file system of the pod's own may never answer. proc: "/proc".
 * -ENOENT, -ETIMEDOUT, -EIO: the record stays as it is.
 */
int nt_resolvconf_of_process(const char *proc, pid_t pid, struct nt_pod *pod,
			     struct nt_err *err) NT_MUSTCHECK;
