/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the programs of an attached pod run, and keeping them there. CNI ADD attaches clsact
 * filters, which takes a third of a millisecond; the agent then takes the link over to tcx, which
 * takes tens of them and has the program before all others'. At each moment of that every packet
 * is seen exactly once (T13). Other programs of the node may remove ours or go before them: look
 * says so, cover and settle put it right.
 *
 * Used by the agent's keeper alone. Calls take the root's lock for each write and never while they
 * wait. Not thread-safe: give each thread a handle of its own.
 */
#pragma once

#include "dataplane/taps/taps.h"

enum nt_hook {
	NT_HOOK_NONE = 0, /* in one direction at least nothing of ours runs */
	NT_HOOK_CLSACT = 1,
	NT_HOOK_TCX = 2,
};

enum nt_hook_fault {
	NT_FAULT_NONE = 0,
	NT_FAULT_REMOVED = 1, /* a direction without a program: packets go by unseen */
	NT_FAULT_SHADOWED = 2, /* another's program runs before ours and may hide packets from it */
	NT_FAULT_LINK_GONE = 3, /* the host link does not exist any more */
	NT_FAULT_UNMARKED = 4, /* of the host's network: see nt_hostnet_look */
	NT_FAULT_MAX = 5,
};

struct nt_hook_state {
	enum nt_hook hook;
	enum nt_hook_fault fault;
	bool is_settled; /* where it should be, first in the chain, with the pinned program */
	bool yields; /* NT_EP_YIELD is set */
};

/* The word for a fault, as coverage shows it; "" for none. Never NULL. */
const char *nt_hook_fault_name(enum nt_hook_fault fault);

/* Endpoints, that is: pods that are attached, in no order; fn returns false to stop. */
typedef bool nt_hooks_list_fn(void *ctx, __u32 ifindex, __u64 ep_id);
int nt_hooks_list(struct nt_taps *t, nt_hooks_list_fn *fn, void *ctx,
		  struct nt_err *err) NT_MUSTCHECK;

/*
 * How things stand. Cheap for a settled tcx link (two system calls). filters: look at the clsact
 * filters of such a link, too (there should be none). -ENOENT: the pod is not attached any more,
 * or its link went after its DEL;
 * another -errno: could not be found out. Where a program is missing it waits for whoever changes
 * attachments, up to 10 s.
 */
int nt_hooks_look(struct nt_taps *t, const struct nt_pod *pod, bool filters,
		  struct nt_hook_state *ret_state) NT_MUSTCHECK;

/* Puts back what is missing, the quick way: clsact, or tcx where that is not possible. -ENOENT: the
 * pod is not attached any more. */
int nt_hooks_cover(struct nt_taps *t, const struct nt_pod *pod, struct nt_err *err) NT_MUSTCHECK;

/*
 * Brings the programs where they should be: tcx and first where the kernel has it (and the handle
 * was not opened with no_tcx), else clsact; the pinned programs in place of older ones. No packet
 * goes unseen and none is seen twice while this runs.
 * May wait for some tens of milliseconds per direction. Leaves NT_EP_YIELD set.
 */
int nt_hooks_settle(struct nt_taps *t, const struct nt_pod *pod, struct nt_err *err) NT_MUSTCHECK;

/* Loads what a move to the head needs, ahead of time: the verifier can take a second on a busy
 * node. nt_hooks_settle does it by itself else. */
int nt_hooks_prepare(struct nt_taps *t, struct nt_err *err) NT_MUSTCHECK;

/* Waits until no packet is between two hooks. */
void nt_hooks_grace(void);
/* Clears NT_EP_YIELD; only after nt_hooks_settle and then nt_hooks_grace. */
int nt_hooks_calm(struct nt_taps *t, const struct nt_pod *pod, struct nt_err *err) NT_MUSTCHECK;

/* Removes what killed processes left behind: pins of links whose pod is not attached any more, and
 * entries that lead to no attached pod. */
void nt_hooks_sweep(struct nt_taps *t);
