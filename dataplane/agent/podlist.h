/* SPDX-License-Identifier: Apache-2.0 */
/* Pod objects as adoption needs them: which run here in a network of their own, and the resolver
 * that the kubelet gives them. Pure; objects are borrowed. */
#pragma once

#include <stdbool.h>

#include "dataplane/abi.h"
#include "lib/objects/objects.h"

/* Does it run on `node`, not in the host's network, with an address? */
bool nt_podlist_is_ours(const struct nt_object *pod, const char *node);
/* Names, UID and addresses; container id "pod-UID" (or "pod-NAMESPACE.NAME"), since the sandbox's
 * is in no object. False when something does not fit. */
bool nt_podlist_describe(const struct nt_object *pod, struct nt_pod *ret_pod);
/* Search list (and servers, where the object has them) by dnsPolicy and dnsConfig, marked
 * NT_DNS_DERIVED; nothing for dnsPolicy Default, whose file is the node's. */
void nt_podlist_derive_dns(const struct nt_object *pod, const char *cluster_domain,
			   struct nt_pod *record);
