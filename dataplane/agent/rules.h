/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which policies are in force for which pod of this node. Policies and pods' labels come from the
 * objects, endpoints and slots from the kernel behind function pointers; what the kernel has is
 * compared with what it should have, and written only where it differs, so that a restart changes
 * nothing. Nothing is removed at the end: rules stay in force without an agent. Not thread-safe.
 *
 * A pod whose Pod object is not known gets the policies that take every pod of its namespace, and
 * keeps those that it has (in their newest form) until they are gone: its object may be deleted
 * while its containers still run. Of more than NT_POLICY_SLOTS policies the Enforce ones come
 * first, then by name.
 */
#pragma once

#include "dataplane/agent/podtable.h"
#include "dataplane/agent/resolvconf.h"
#include "dataplane/agent/slots.h"
#include "dataplane/taps/ask.h"
#include "lib/base/clock.h"

struct nt_rules;

struct nt_rules_config {
	struct nt_objects *objects; /* borrowed, as all of these */
	const struct nt_tapsource *source;
	const struct nt_rulesink *sink;
	struct nt_clock *clock;
	const char *cluster_domain; /* "" or ".": none */
	const char *resolv_conf; /* the node's: its search domains are trusted */
};

struct nt_rules_stats {
	uint64_t policies, refused; /* now; refused: the newest form is */
	uint64_t slots; /* now in the kernel */
	uint64_t written, failures; /* endpoints */
};

/* Takes over the slots that are there; writes nothing to endpoints yet. */
int nt_rules_new(const struct nt_rules_config *config, struct nt_rules **ret_rules,
		 struct nt_err *err) NT_MUSTCHECK;
void nt_rules_free(struct nt_rules *r);

/* Polls the objects; when they changed, all endpoints are put right. True when they changed. */
bool nt_rules_poll(struct nt_rules *r);
/* Puts all endpoints right, and removes slots that nobody has referred to for 2 s. Logs. Until the
 * objects have been read whole nothing is touched: what is in force stays. */
void nt_rules_reconcile(struct nt_rules *r);
/* The plugin's question: polls the objects, puts this pod's policies in force, answers. Until the
 * objects have been read whole the answer is NT_ANSWER_UNKNOWN, and nothing is touched. */
void nt_rules_enforce(struct nt_rules *r, uint64_t ep_id, struct nt_answer *ret_answer);

/* "namespace/name" of a slot, also of one removed lately; empty when it is not known. ctx: struct
 * nt_rules. Valid until the next call of another function here. */
struct nt_slice nt_rules_policy_name(void *ctx, uint32_t slot);
struct nt_rules_stats nt_rules_stats(const struct nt_rules *r);
