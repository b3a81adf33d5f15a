/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slots of compiled policies: one per policy and form, used again when the same rules come
 * again, also after an agent's restart; removed 2 s after the last endpoint left them. Removed ones
 * keep their name for a while, because events and waiting queries still bear their number. Bounded
 * by NT_SLOTS_MAX and as many removed ones. Not thread-safe.
 */
#pragma once

#include "dataplane/agent/policies.h"
#include "dataplane/taps/taps.h"

/* The kernel's side, or a test's. As the functions of the same names in dataplane/taps/taps.h. */
struct nt_rulesink {
	void *ctx;
	struct nt_rules_key key;
	int (*publish)(void *ctx, const struct nt_slot *slot, const struct nt_taps_rule *rules,
		       size_t rules_len, uint32_t *ret_slot, struct nt_err *err);
	int (*remove)(void *ctx, uint32_t slot, struct nt_err *err);
	int (*slots)(void *ctx, nt_taps_slot_fn *fn, void *fn_ctx, struct nt_err *err);
	int (*sweep)(void *ctx, struct nt_err *err);
	int (*set)(void *ctx, uint64_t ep_id, const uint32_t *slots, size_t slots_len,
		   const struct nt_scope_set *scope, struct nt_err *err);
	int (*get)(void *ctx, uint64_t ep_id, struct nt_endpoint *ret_endpoint,
		   struct nt_scope_set *ret_scope);
};

struct nt_slotentry {
	uint32_t id;
	bool removed, referenced;
	bool inherited; /* of an agent before us, and its policy was not seen since the start */
	bool kept; /* the owner: stays where it is in force, its policy cannot be read */
	int64_t idle_ns; /* since when no endpoint refers to it; 0: one does */
	int64_t removed_ns;
	struct nt_slot value;
	char label[sizeof(((struct nt_slot *)0)->namespace_) +
		   sizeof(((struct nt_slot *)0)->name)]; /* "namespace/name" */
};

struct nt_slottable {
	struct nt_slotentry *entries; /* by id */
	size_t len, cap;
	const struct nt_rulesink *sink; /* borrowed */
};

/* Takes over the slots that are there, and sweeps rules that no slot owns. */
int nt_slottable_load(struct nt_slottable *t, struct nt_err *err) NT_MUSTCHECK;
void nt_slottable_done(struct nt_slottable *t);

/* NULL when it is not known; removed ones are. */
const struct nt_slotentry *nt_slottable_find(const struct nt_slottable *t, uint32_t id);
/* The slot of the policy's last good form, published when there is none. */
int nt_slottable_get(struct nt_slottable *t, struct nt_agent_policy *policy, uint32_t *ret_slot,
		     struct nt_err *err) NT_MUSTCHECK;

/* Around a look at all endpoints: who is referred to, and who has not been for 2 s and goes. */
void nt_slottable_begin(struct nt_slottable *t);
void nt_slottable_refer(struct nt_slottable *t, uint32_t id);
int nt_slottable_end(struct nt_slottable *t, int64_t boot_ns, struct nt_err *err) NT_MUSTCHECK;
