/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of several controllers evaluates rules and tells receivers: the one that holds the Lease
 * (lib/kube/lease.h). A thread of its own renews it, with connections of its own, so that an
 * evaluation that takes long does not lose it.
 */
#pragma once

#include <stdint.h>

#include "lib/base/err.h"
#include "lib/kube/name.h"

struct nt_leader;

/* We are the one from now on, or no more; in the leader's thread. */
typedef void nt_leader_fn(void *ctx, bool leads);

struct nt_leader_config {
	const char *kubeconfig; /* as nt_kube_config_find takes it */
	struct nt_kube_name lease;
	nt_leader_fn *fn;
	void *ctx;
};

/* Returns at once; fn says when it is us. Block signals before: the thread inherits the mask. */
int nt_leader_new(const struct nt_leader_config *config, struct nt_leader **ret_leader,
		  struct nt_err *err) NT_MUSTCHECK;
/* fn is called no more, the Lease stays ours; whoever evaluates or tells is to end now. NULL is
 * fine. */
void nt_leader_stop(struct nt_leader *l);
/* Gives the Lease back, in a few seconds at the most. NULL is fine. */
void nt_leader_free(struct nt_leader *l);

/* Now, by the clock alone; any thread. NULL: there is nobody else. */
bool nt_leader_leads(const struct nt_leader *l);

struct nt_leader_state {
	bool leads;
	uint64_t transitions; /* times that we began to, or ceased to */
	uint64_t failures; /* requests about the Lease that failed */
	char lease[320]; /* "nametap/nametap-controller"; "": there is none */
	char holder[288]; /* who it is, as far as is known; "": nobody */
	char why[256]; /* what is wrong with it; "": nothing */
};
/* Any thread. NULL: that of one who is alone. */
void nt_leader_state(struct nt_leader *l, struct nt_leader_state *ret_state);
