/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status of an object as Kubernetes has it: observedGeneration, and conditions with the time at
 * which each became what it is. What is wanted has no times; these come from what is there, or are
 * now. Pure; jansson values are the caller's.
 */
#pragma once

#include "controller/alerts/alerts.h"

struct json_t;

/* Of a GlobalAlert: {observedGeneration, conditions: [Accepted, SelfTested], selfTest}, NULL: no
 * memory. */
struct json_t *nt_conditions_of_rule(const struct nt_alert_rule *rule);
/* The wanted status with its times. there: the object's status now, or NULL. Conditions of types
 * that are none of ours stay. NULL: no memory. */
struct json_t *nt_conditions_merge(const struct json_t *wanted, const struct json_t *there,
				   int64_t now_s);
