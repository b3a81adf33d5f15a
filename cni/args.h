/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a runtime says in the environment, and when: verb, container, interface, netns, and in
 * CNI_ARGS who the pod is. Borrows the environment's strings. Does no I/O.
 */
#pragma once

#include "dataplane/abi.h"
#include "lib/base/err.h"

struct nt_cni_env {
	const char *command; /* CNI_COMMAND */
	const char *container_id; /* CNI_CONTAINERID */
	const char *netns; /* CNI_NETNS */
	const char *ifname; /* CNI_IFNAME */
	const char *args; /* CNI_ARGS */
	__u64 started_boot_ns; /* CLOCK_BOOTTIME when the plugin was called */
};

/* Bits of `need`. */
enum nt_cni_need {
	NT_CNI_NEED_CONTAINER = 1 << 0, /* container id and interface */
	NT_CNI_NEED_NETNS = 1 << 1,
};

/* Checks what the verb needs and whatever else is given. Returns 0 or -NT_CNI_ENVIRONMENT with the
 * variable's name and value in err, as the specification asks. */
int nt_cni_env_check(const struct nt_cni_env *env, unsigned need, struct nt_err *err) NT_MUSTCHECK;

/* K8S_POD_NAMESPACE, _NAME and _UID of CNI_ARGS ("A=b;C=d" in any order; other keys are ignored)
 * into the record; what is not given stays empty. Returns 0 or -NT_CNI_ENVIRONMENT. */
int nt_cni_args_parse(const char *args, struct nt_pod *pod, struct nt_err *err) NT_MUSTCHECK;
