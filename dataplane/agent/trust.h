/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom we take for the controller: the authority's certificate that it publishes in a ConfigMap
 * (key ca.crt), read by the Kubernetes API. Asked for until it is there, with pauses of 1 to 10 s,
 * and again when somebody finds that it does not fit. Belongs to the loop's thread.
 */
#pragma once

#include "lib/base/loop.h"
#include "lib/base/slice.h"
#include "lib/kube/client.h"
#include "lib/kube/name.h"

struct nt_trust;

/* pem: the certificate, borrowed for the call; each time that it is another one. */
typedef void nt_trust_fn(void *ctx, struct nt_slice pem);

/* kube, loop: borrowed. */
int nt_trust_new(struct nt_kube *kube, struct nt_loop *loop, const struct nt_kube_name *configmap,
		 nt_trust_fn *fn, void *ctx, struct nt_trust **ret_trust,
		 struct nt_err *err) NT_MUSTCHECK;
/* Ask again, in five seconds. */
void nt_trust_renew(struct nt_trust *t);
/* After nt_kube_close. */
void nt_trust_free(struct nt_trust *t);
