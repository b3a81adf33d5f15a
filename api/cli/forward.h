/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `kubectl port-forward` as a child: the API listens on the loopback address of the controller's
 * pod, and kubectl knows every way to say who somebody is. Blocks while it comes up; one thread.
 */
#pragma once

#include <stdbool.h>

#include "api/cli/kubectl.h"

/* Where the controller listens inside of its pod. */
#define NT_FORWARD_PORT 8053

struct nt_forward {
	struct nt_kubectl kubectl;
	uint16_t port; /* of 127.0.0.1 */
};

/* Starts it and waits for its port. -ENOENT: there is no kubectl; -EAGAIN with kubectl's words: it
 * does not get there; -ETIMEDOUT. */
int nt_forward_start(struct nt_forward *f, struct nt_err *err) NT_MUSTCHECK;
/* False when it has ended, which it does when the pod goes. */
bool nt_forward_is_alive(struct nt_forward *f);
void nt_forward_stop(struct nt_forward *f);
