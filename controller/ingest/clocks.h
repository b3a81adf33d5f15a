/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the nodes' clocks are from ours, as their agents said when they sent a batch (T39). For
 * coverage alone: times of records stay as the agents wrote them. The way of the request counts as
 * a part of the difference, so it is good for tenths of a second. Bounded by nodes; the caller
 * locks.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/slice.h"

/* Twice the nodes that Kubernetes supports; later ones are not noted. */
#define NT_CLOCKS_MAX 10000
/* Beyond this, rows of two nodes do not stand in the order in which things happened. */
#define NT_CLOCKS_OFF_US 500000

struct nt_clock_of {
	char node[254];
	int64_t offset_us; /* the node's less ours */
};

struct nt_clocks {
	struct nt_clock_of *nodes; /* by name, ascending */
	size_t len, cap;
};

void nt_clocks_note(struct nt_clocks *c, struct nt_slice node, int64_t offset_us);
/* False: the node has not said anything since we started. */
bool nt_clocks_find(const struct nt_clocks *c, struct nt_slice node, int64_t *ret_offset_us);
void nt_clocks_done(struct nt_clocks *c);
