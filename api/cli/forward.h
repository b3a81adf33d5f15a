/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kubectl port-forward` as a child: the API listens on the loopback address of the controller's
 * pod, and kubectl knows every way to say who somebody is. The child ends with us, whatever we end
 * by. Blocks while it comes up; one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lib/base/err.h"

/* Where the controller listens inside of its pod. */
#define NT_FORWARD_PORT 8053

struct nt_forward {
	const char *kubeconfig; /* NULL: as kubectl finds it; borrowed */
	const char *namespace_; /* borrowed */
	pid_t pid; /* 0: none runs */
	int fd; /* what it prints; it ends when nobody reads */
	uint16_t port; /* of 127.0.0.1 */
};

/* Starts it and waits for its port. -ENOENT: there is no kubectl; -EAGAIN with kubectl's words: it
 * does not get there; -ETIMEDOUT. */
int nt_forward_start(struct nt_forward *f, struct nt_err *err) NT_MUSTCHECK;
/* False when it has ended, which it does when the pod goes. */
bool nt_forward_is_alive(struct nt_forward *f);
void nt_forward_stop(struct nt_forward *f);
