/* SPDX-License-Identifier: Apache-2.0 */
/* Pods that are not treated as all others: left alone, or never stopped. Pure. */
#pragma once

#include "cni/config.h"

/* Its namespace is in excludeNamespaces. */
bool nt_cni_pod_is_excluded(const struct nt_cni_config *config, const struct nt_pod *pod);

/*
 * It starts whatever onAttachError and onUnknownPolicy say: pods of nametap's own namespace and of
 * kube-system, and static pods. Without them there would be no agent, no DNS and no API to ask
 * (T16). A static pod's UID is a hash (T18), and its annotations, where the runtime hands them
 * over, name the source that the kubelet had it from.
 */
bool nt_cni_pod_is_vital(const struct nt_cni_config *config, const struct nt_pod *pod);
