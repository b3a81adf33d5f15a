/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tells receivers what became of events: takes notices from the store's outbox, one thread per
 * receiver, so that one that hangs holds nobody up, and outside of all locks but the store's own.
 * At least once, in order, each under a key that stays the same (README.md, "What holds").
 */
#pragma once

#include "controller/notify/send.h"
#include "controller/notify/shape.h"

struct nt_notify;

/* There are no receivers: what the store's outbox has for former ones goes, with a word in the log.
 */
int nt_notify_nobody(struct nt_store *store, struct nt_err *err) NT_MUSTCHECK;
/* What it borrows. The first four are for receivers of the type kubernetesEvents. */
struct nt_notify_config {
	bool has_api; /* of Kubernetes */
	const char *kubeconfig; /* as nt_kube_config_find takes it */
	nt_shape_uid_fn *uid_fn;
	void *uid_ctx;
	bool waits; /* nobody is told before nt_notify_lead says so */
};

/* Opens the store's outbox for these receivers; nothing is sent before nt_notify_start. store:
 * borrowed; receivers: taken over, also when this fails. -EINVAL: one of them needs an API. */
int nt_notify_new(struct nt_store *store, struct nt_receivers *receivers,
		  const struct nt_notify_config *config, struct nt_notify **ret_notify,
		  struct nt_err *err) NT_MUSTCHECK;
/* Block signals before: its threads inherit the mask. */
int nt_notify_start(struct nt_notify *n, struct nt_err *err) NT_MUSTCHECK;
/* Whether receivers are told by us; requests that run end within a second or so when they are not.
 * Test calls go on. Any thread; NULL is fine. */
void nt_notify_lead(struct nt_notify *n, bool leads);
/* Requests that run end within a second or so, a test call's, too. NULL is fine. */
void nt_notify_stop(struct nt_notify *n);
/* Waits for the threads. NULL is fine. */
void nt_notify_free(struct nt_notify *n);

/* What one receiver has come to. Borrowed for the call. */
struct nt_notify_state {
	const char *name, *type, *url; /* url: scheme, host and port only; "" with urlFile */
	uint64_t delivered, refused, given_up; /* notices, since the start */
	uint64_t attempts_failed;
	uint64_t pending; /* in the outbox now */
	int64_t oldest_us; /* of these; 0: none */
	int64_t delivered_us; /* the last time; 0: not since the start */
	unsigned failures; /* in a row; 0: all is well */
	const char *why; /* what became of the last request; "" when it was taken */
};
typedef void nt_notify_state_fn(void *ctx, const struct nt_notify_state *state);
/* Each receiver, in the order of the file. Any thread; the reader is the caller's. */
int nt_notify_states(struct nt_notify *n, struct nt_store_reader *reader, nt_notify_state_fn *fn,
		     void *ctx, struct nt_err *err) NT_MUSTCHECK;
/* Is there a receiver of that name? n NULL: there are none. Any thread. */
bool nt_notify_has(struct nt_notify *n, struct nt_slice name);
/* Sends a notice of no event, now, in the caller's thread. -ENOENT: no such receiver; -EBUSY:
 * another test is running. Any thread. */
int nt_notify_test(struct nt_notify *n, struct nt_slice name, struct nt_send_result *ret_result,
		   struct nt_err *err) NT_MUSTCHECK;
