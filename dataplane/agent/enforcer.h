/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies with their outside: the objects and the plugin's socket in the event loop, rules over
 * the pinned maps. The objects are those of the folder --objects, else of the Kubernetes API: the
 * pods of this node and all DNSPolicies. Without either there is none of it but the socket, which
 * says so to each question. Not thread-safe.
 */
#pragma once

#include "dataplane/agent/asksock.h"
#include "dataplane/agent/options.h"
#include "dataplane/agent/rules.h"
#include "lib/kube/client.h"

struct nt_enforcer;

/* Everything is borrowed; kube: NULL without the API. Reads a folder's objects, and slots;
 * endpoints are first written by nt_enforcer_start. */
int nt_enforcer_new(const struct nt_options *options, struct nt_kube *kube, struct nt_taps *taps,
		    struct nt_loop *loop, struct nt_clock *clock, struct nt_enforcer **ret_enforcer,
		    struct nt_err *err) NT_MUSTCHECK;
/* The socket's file goes; rules stay in force. */
void nt_enforcer_free(struct nt_enforcer *e);

/* Puts all endpoints right, with the API once it was read, and answers the plugin from now on. */
int nt_enforcer_start(struct nt_enforcer *e, struct nt_err *err) NT_MUSTCHECK;
void nt_enforcer_reconcile(struct nt_enforcer *e);
/* As nt_rules_policy_name; ctx: struct nt_enforcer. */
struct nt_slice nt_enforcer_policy_name(void *ctx, uint32_t slot);
/* Both NULL without a source of objects. */
const struct nt_objects *nt_enforcer_objects(const struct nt_enforcer *e);
const struct nt_rules *nt_enforcer_rules(const struct nt_enforcer *e);
