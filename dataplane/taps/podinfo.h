/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runtimes say of a pod, into its record: the same whether it comes as a plugin's environment
 * and stdin or out of the runtime's CNI cache. Pure; jansson values are borrowed. What cannot be
 * read or does not fit is left out, never cut.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "dataplane/abi.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

/* One of CNI_ARGS: K8S_POD_NAMESPACE, _NAME and _UID go into the record, other keys are ignored.
 * -ENAMETOOLONG: half a name would be another pod's name. */
int nt_podinfo_arg(struct nt_slice key, struct nt_slice value, struct nt_pod *pod) NT_MUSTCHECK;

/* NULL when it is one, else what is wrong. Such a container id may be part of a file name. */
const char *nt_podinfo_bad_container_id(const char *id);
const char *nt_podinfo_bad_ifname(const char *name);

/* What stands in a record for the container id of a pod whose sandbox nobody named: `pod-UID`,
 * without a UID `pod-NAMESPACE.NAME`. ret_id may be the pod's own. Returns 0, or
 * -ENAMETOOLONG or -EINVAL: it would be no container id. */
#define NT_STAND_IN_LEN sizeof(((struct nt_pod *)0)->container_id)
int nt_podinfo_stand_in(const struct nt_pod *pod, char ret_id[NT_STAND_IN_LEN]) NT_MUSTCHECK;

/* Addresses of the pod's interface from a CNI result (any version from 0.3.0 on). */
void nt_podinfo_result(const json_t *result, const char *ifname, struct nt_pod *pod);
/* The netns path of the pod's interface in a CNI result; NULL when it is not there. */
const char *nt_podinfo_sandbox(const json_t *result, const char *ifname);
/* Resolvers and search list from the capability `dns`; marks the record with NT_DNS_RUNTIME when
 * there are any. */
void nt_podinfo_dns(const json_t *dns, struct nt_pod *pod);
/* One more domain at the end of the record's search list; false when it does not fit. */
bool nt_podinfo_add_search(struct nt_slice name, struct nt_pod *pod);
/* The text of an address with or without prefix length and zone; false when it is none. */
bool nt_podinfo_address(struct nt_slice text, struct nt_abi_addr *ret_addr);
