/* SPDX-License-Identifier: Apache-2.0 */
/* The pod in a cgroup's name, as kubelets write it. Pure. */
#pragma once

#include <stdbool.h>

#include "lib/base/slice.h"

#define NT_PODCGROUP_UID 64

/*
 * The name of one folder: "pod<UID>" (cgroupfs driver) or "kubepods[-<class>]-pod<UID>.slice"
 * (systemd driver, where "_" stands for "-"). The UID of a static pod is its hash. False when it is
 * none.
 */
bool nt_podcgroup_uid(struct nt_slice name, char ret_uid[NT_PODCGROUP_UID]);
