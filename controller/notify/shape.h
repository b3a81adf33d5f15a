/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a receiver of each type is told of an event: bodies of requests. What a pod asked for is in
 * them, so each text passes the escape of its sink. Pure.
 */
#pragma once

#include "controller/notify/receivers.h"
#include "lib/base/buf.h"

#define NT_SHAPE_UID_SIZE 129
/* Is there such a Kubernetes object? Its uid ("" where it has none). Any thread. */
typedef bool nt_shape_uid_fn(void *ctx, struct nt_slice kind, struct nt_slice namespace_,
			     struct nt_slice name, char ret_uid[NT_SHAPE_UID_SIZE]);

struct nt_shape {
	const struct nt_receiver *receiver;
	const char *external_url; /* NULL: bodies have no link */
	int64_t ends_us; /* alertmanager: until when an open event is believed without us */
	nt_shape_uid_fn *uid_fn; /* kubernetesEvents; NULL: nobody knows */
	void *uid_ctx;
};

/* Does this type want to be told of the change? Jira gets an issue when an event opens, and no
 * more: it would take a search for the issue to tell its end. */
bool nt_shape_wants(enum nt_receiver_type type, enum nt_store_change change);
/* Appends the body; of an Alertmanager one alert: its body is a list of them. */
void nt_shape_write(const struct nt_shape *shape, const struct nt_store_notice *notice,
		    struct nt_buf *out);
/* "17-opened-on-call-1795413600000000": event, change, receiver, when it was queued (events count
 * from 1 again in a new data folder). The same whenever the notice is sent. */
void nt_shape_key(const struct nt_receiver *r, const struct nt_store_notice *notice,
		  struct nt_buf *out);
/* A notice of no event, to try a receiver with. */
struct nt_store_notice nt_shape_test(int64_t now_us);
