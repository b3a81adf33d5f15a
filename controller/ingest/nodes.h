/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of each node that sends batches: how far its clock is from ours (T39), how many
 * rows it may still send (T10), whether its kernel tells the pod behind a Service, and the cluster
 * domain that its agent goes by.
 *
 * The clock is what its agent said when it sent a batch; for coverage alone: times of records stay
 * as the agents wrote them. The way of the request counts as a part of the difference, so it is
 * good for tenths of a second. Rows are a bucket that fills at so many a second and holds 300
 * seconds' worth; a batch that finds something in it may take more than there is. Bounded; the
 * caller locks.
 */
#pragma once

#include <stdbool.h>

#include "lib/base/slice.h"

/* Twice the nodes that Kubernetes supports; of later ones nothing is known nor limited. */
#define NT_NODES_MAX 10000
/* Beyond this, rows of two nodes do not stand in the order in which things happened. */
#define NT_NODES_CLOCK_OFF_US 500000
/* What a controller that was away for long is sent at once. */
#define NT_NODES_BURST_SECONDS 300

struct nt_node {
	char name[254];
	bool has_clock, has_rows;
	bool said_foreign; /* in the log: it sends what is of another node (foreign.h) */
	char conntrack[160]; /* of its latest batch (lib/record/batch.h); "": not known */
	char cluster_domain[256]; /* of its latest batch with rows; "": not known */
	int64_t clock_offset_us; /* the node's less ours */
	int64_t rows; /* it may send; below 0 after a large batch */
	int64_t rows_boot_ns; /* when that was so */
};

struct nt_nodes {
	struct nt_node *nodes; /* by name, ascending */
	size_t len, cap;
};

/* Makes it when it is not there; NULL: there are too many, no memory, or no name. Valid until the
 * next call. */
struct nt_node *nt_nodes_get(struct nt_nodes *n, struct nt_slice name);
struct nt_node *nt_nodes_find(const struct nt_nodes *n, struct nt_slice name);
void nt_nodes_done(struct nt_nodes *n);

/* May a batch of that many rows be stored? Takes them, if so. per_second: at least 1. */
bool nt_node_take_rows(struct nt_node *node, size_t rows, uint32_t per_second, int64_t boot_ns);
