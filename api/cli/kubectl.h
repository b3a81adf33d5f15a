/* SPDX-License-Identifier: Apache-2.0 */
/*
 * kubectl as a child, for what needs its ways into a pod (port-forward, exec) or its ways to say
 * who somebody is. The child ends with us, whatever we end by. Blocks; one thread.
 */
#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "lib/base/buf.h"

#define NT_KUBECTL_ARGUMENTS 16

struct nt_kubectl {
	const char *kubeconfig; /* NULL: as kubectl finds it; borrowed */
	const char *namespace_; /* borrowed */
	pid_t pid; /* 0: none runs */
	int fd; /* what it prints, both outputs; it ends when nobody reads */
};

/* Starts it with these arguments (NULL at the end). */
int nt_kubectl_start(struct nt_kubectl *k, const char *const *arguments,
		     struct nt_err *err) NT_MUSTCHECK;
/* Ends it, and waits for that. Its exit code; 127: there is no kubectl; -1: by a signal, or none
 * ran. */
int nt_kubectl_stop(struct nt_kubectl *k);
/* Runs it to its end, with all that it prints in out (bounded by its max_len). Its exit code, or
 * -ENOENT: there is no kubectl; -ETIMEDOUT; -EFBIG. */
int nt_kubectl_run(struct nt_kubectl *k, const char *const *arguments, int64_t timeout_ns,
		   struct nt_buf *out, struct nt_err *err) NT_MUSTCHECK;
/* The last line of what it printed: what it ended for. Printable ASCII; changes text. */
char *nt_kubectl_last_line(char *text);
