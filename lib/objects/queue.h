/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside lib/objects only: changes that have arrived and are not in the store yet, in their order.
 * The store changes within nt_objects_poll only. Owns its objects.
 */
#pragma once

#include "lib/objects/store.h"

enum nt_change {
	NT_CHANGE_PUT = 0,
	NT_CHANGE_REMOVE = 1,
	NT_CHANGE_BEGIN = 2, /* a reading of the kind */
	NT_CHANGE_END = 3,
};

struct nt_queued {
	enum nt_change change;
	const char *kind; /* BEGIN, END */
	struct nt_compact *object; /* PUT, REMOVE */
	uint64_t *left_out; /* of PUT: counts when the store has no room */
};

struct nt_queue {
	struct nt_queued *items;
	size_t len, cap;
	int fd; /* of an event loop: readable when something is in it */
};

int nt_queue_init(struct nt_queue *q, struct nt_err *err) NT_MUSTCHECK;
void nt_queue_done(struct nt_queue *q);
/* Makes fd readable, also when nothing is in it. */
void nt_queue_wake(struct nt_queue *q);
/* The object is taken over, also when this fails. -ENOMEM. */
int nt_queue_add(struct nt_queue *q, struct nt_queued change) NT_MUSTCHECK;
/* All of it into the store; fd is silent then. */
void nt_queue_apply(struct nt_queue *q, struct nt_objects *o);
