/* SPDX-License-Identifier: Apache-2.0 */
/* The Event of a pod that is not tapped as a request to the API. Pure. */
#pragma once

#include "lib/record/batch.h"

/* Of pod and reason; never 0. */
uint64_t nt_podeventtext_key(const struct nt_batch_endpoint *pod);

/*
 * Path and body, appended. The pod's uid is what the runtime was told: of a static pod the hash of
 * its configuration, which is also what the kubelet's own Events have, and what `kubectl describe`
 * looks for. -EINVAL: namespace or name are none that Kubernetes gives.
 */
int nt_podeventtext_format(const struct nt_batch_endpoint *pod, const char *node, int64_t now_us,
			   struct nt_buf *ret_path, struct nt_buf *ret_body) NT_MUSTCHECK;
