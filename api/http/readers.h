/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A few readers of the store for many requests: at most `max` queries run at once, the others
 * wait for a bounded time. Thread-safe. The store outlives it.
 */
#pragma once

#include <pthread.h>

#include "controller/store/store.h"

/* More would only share the same two to four CPUs of a small controller. */
#define NT_READERS 4
/* A person has gone by then. */
#define NT_READERS_WAIT_S 10

struct nt_readers {
	struct nt_store *store;
	size_t max; /* at most NT_READERS */
	pthread_mutex_t lock; /* covers idle, idle_len, opened */
	pthread_cond_t freed;
	struct nt_store_reader *idle[NT_READERS];
	size_t idle_len, opened;
};

void nt_readers_init(struct nt_readers *p, struct nt_store *store, size_t max);
/* All must have been given back. */
void nt_readers_done(struct nt_readers *p);
/* Waits while all are in use; -EBUSY after NT_READERS_WAIT_S. */
int nt_readers_take(struct nt_readers *p, struct nt_store_reader **ret_reader,
		    struct nt_err *err) NT_MUSTCHECK;
/* r may be NULL. */
void nt_readers_give(struct nt_readers *p, struct nt_store_reader *r);
