/* SPDX-License-Identifier: Apache-2.0 */
/* At ADD, after the attachment: are the pod's DNS policies in force? */
#pragma once

#include "cni/call.h"

/*
 * Asks the agent, which alone decides what a pod's policies are, and waits NT_ASK_TIMEOUT_MS for it
 * at most (T16). Where nobody answers the pod gets what its nearest relative on this node has
 * (nt_taps_inherit). 0: in force, or the pod may start without; -NT_CNI_TRY_AGAIN with the reason
 * in err: it may not.
 */
int nt_cni_enforce(const struct nt_cni_call *c, struct nt_taps *taps, const struct nt_pod *pod,
		   struct nt_err *err) NT_MUSTCHECK;
