/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plugin's question to the agent over <state dir>/agent.sock (SOCK_SEQPACKET, root 0600, T16):
 * "this pod is attached; put its policies in force". One packet each way, versioned, with a
 * deadline. The agent alone writes an endpoint's slots, so that a change of policy meanwhile cannot
 * be undone by an old answer.
 */
#pragma once

#include <sys/types.h>

#include "dataplane/abi.h"
#include "lib/base/err.h"

#define NT_ASK_SOCKET "agent.sock"
#define NT_ASK_VERSION 1
/* What ADD waits for at most; the agent answers from memory. */
#define NT_ASK_TIMEOUT_MS 2000

enum nt_ask_op {
	NT_ASK_ENFORCE = 1,
	NT_ASK_ALIVE = 2, /* answered at once with NT_ANSWER_IN_FORCE; ep_id is 0 */
};

struct nt_ask {
	__u32 version; /* NT_ASK_VERSION */
	__u32 op; /* enum nt_ask_op */
	__u64 ep_id; /* the pod's record is in the pinned map */
};
_Static_assert(sizeof(struct nt_ask) == 16, "struct nt_ask is part of the contract");

enum nt_answer_status {
	NT_ANSWER_IN_FORCE = 0, /* the pod's policies (slots of them, maybe none) are in force */
	NT_ANSWER_UNKNOWN = 1, /* a policy may select the pod, but its labels are not known */
	NT_ANSWER_FAILED = 2, /* msg says what went wrong */
};

/* Size, version, status and msg stay where they are in every version, so that the two can say in
 * words that they do not belong together. */
struct nt_answer {
	__u32 version;
	__u32 status; /* enum nt_answer_status */
	__u32 slots; /* policies in force */
	__u32 reserved;
	char msg[240];
};
_Static_assert(sizeof(struct nt_answer) == 256, "struct nt_answer is part of the contract");

/* Who listens there, by the kernel's word: also an agent that is stopped or stuck. -errno as below.
 */
int nt_ask_peer(const char *state_dir, pid_t *ret_pid, struct nt_err *err) NT_MUSTCHECK;

/* Asks and waits at most timeout_ms. -ECONNREFUSED or -ENOENT: no agent; -ETIMEDOUT; -EPROTO:
 * the two are of different versions, or the agent hung up. */
int nt_ask_agent(const char *state_dir, const struct nt_ask *ask, int timeout_ms,
		 struct nt_answer *ret_answer, struct nt_err *err) NT_MUSTCHECK;
