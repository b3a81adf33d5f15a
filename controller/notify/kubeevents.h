/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes Events of alerts (README.md, "Shapes"): a notice becomes one Event regarding its
 * GlobalAlert and, where the group names a pod that is there, one regarding that pod. Names come
 * from rule, group, change and first_seen alone, so that a notice that is sent again makes none.
 * For controller/notify only.
 */
#pragma once

#include <stdatomic.h>

#include "controller/notify/send.h"
#include "controller/notify/shape.h"
#include "lib/base/json.h"

/* The body of a letter: a JSON list of the Events. */
void nt_kubeevents_write(const struct nt_shape *shape, const struct nt_store_notice *notice,
			 struct nt_json *j);
/* POSTs them one after the other, in the caller's thread; blocks for 30 s at the most. kubeconfig:
 * as nt_kube_config_find takes it, read anew. stop (borrowed): true ends it within a second. */
void nt_kubeevents_send(const char *kubeconfig, struct nt_slice body, const atomic_bool *stop,
			struct nt_send_result *ret_result);
