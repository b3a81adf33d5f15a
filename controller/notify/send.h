/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to a receiver, by libcurl, in the caller's thread: blocks for 30 s at the most.
 * Nothing is followed anywhere (T37): no redirect, no proxy, no address behind the fence
 * (lib/http/fence.h). Files of secrets are read for each request, and what is in them is in no
 * message.
 */
#pragma once

#include <stdatomic.h>

#include "controller/notify/receivers.h"
#include "controller/notify/retry.h"
#include "lib/base/buf.h"

struct nt_send_result {
	enum nt_outcome outcome;
	int status; /* of HTTP; 0: there was no answer */
	int64_t retry_after_ns; /* what the receiver asked for; 0: nothing */
	char why[256]; /* not delivered: what happened, printable ASCII, with what to do */
};

/* POSTs body (JSON) under that key. stop (borrowed): true ends it within a second or so. */
void nt_send(const struct nt_receiver *r, struct nt_slice key, struct nt_slice body,
	     const atomic_bool *stop, struct nt_send_result *ret_result);
/* "sha256=..." of timestamp, a dot and the body, as X-Nametap-Signature has it. False: GnuTLS
 * cannot. */
bool nt_send_sign(struct nt_slice secret, struct nt_slice timestamp, struct nt_slice body,
		  struct nt_buf *out);
