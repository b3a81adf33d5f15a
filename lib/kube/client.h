/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests to the Kubernetes API from an event loop: one call is method, path and body in, status,
 * body and Retry-After out. Calls run side by side and block nobody; each has a time-out. Retrying,
 * pacing and what a status means for the caller are the caller's. Belongs to the loop's thread.
 */
#pragma once

#include "lib/base/loop.h"
#include "lib/base/slice.h"
#include "lib/kube/config.h"

/* Bound of an answer's body when the request has none of its own: a LIST of 200 large pods. */
#define NT_KUBE_BODY_BYTES ((size_t)16 << 20)
#define NT_KUBE_TIMEOUT_NS (10LL * 1000000000)

struct nt_kube;
struct nt_kube_call;

struct nt_kube_answer {
	int status; /* of HTTP; 0: there was none, the reason is in error */
	struct nt_slice body; /* valid until the function returns; empty when data_fn took it */
	int64_t date_s; /* the server's clock when it answered, by its header Date; 0: none */
	int64_t retry_after_ns; /* what the server asked for; 0: nothing */
	/* status 0: ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH (no such name or route), EPROTO (TLS),
	 * EFBIG (the body), ECANCELED (data_fn), EIO; with what, where and what to do. From 300 on:
	 * EREMOTEIO with the API's own words. */
	struct nt_err error;
};

/* The call is over; it may start others. */
typedef void nt_kube_fn(void *ctx, const struct nt_kube_answer *answer);
/* Octets of the body as they come, of any answer below 300; status is known by then. False ends the
 * call (-ECANCELED in the answer). For watches and lists that are read as they arrive. */
typedef bool nt_kube_data_fn(void *ctx, int status, struct nt_slice octets);

struct nt_kube_request {
	const char *method; /* GET, POST, PUT, PATCH, DELETE */
	const char *path; /* "/api/v1/..." with its query, escaped */
	struct nt_slice body; /* borrowed for the call of nt_kube_send */
	const char *content_type; /* of the body; NULL: application/json */
	const char *accept; /* NULL: application/json */
	int64_t timeout_ns; /* of the whole call; 0: NT_KUBE_TIMEOUT_NS, -1: none */
	int64_t silence_ns; /* no octet for so long ends the call, whole seconds; 0: no matter */
	size_t max_bytes; /* of the body; 0: NT_KUBE_BODY_BYTES */
	nt_kube_data_fn *data_fn; /* NULL: the body comes with the answer */
};

/* config: taken over, also when this fails; loop: borrowed until nt_kube_close. Connects to nothing
 * yet. */
int nt_kube_open(struct nt_kube_config *config, struct nt_loop *loop, const char *user_agent,
		 struct nt_kube **ret_kube, struct nt_err *err) NT_MUSTCHECK;
/* Ends the calls that are open without calling their functions. */
void nt_kube_close(struct nt_kube *k);
const struct nt_kube_config *nt_kube_config(const struct nt_kube *k);

/* Starts a call; fn is called exactly once, never from within, unless it is cancelled. ret_call may
 * be NULL; it is valid until fn is called. */
int nt_kube_send(struct nt_kube *k, const struct nt_kube_request *request, nt_kube_fn *fn,
		 void *ctx, struct nt_kube_call **ret_call, struct nt_err *err) NT_MUSTCHECK;
void nt_kube_cancel(struct nt_kube_call *call);
/* Of HTTP, as soon as the answer's headers are there; 0 before. */
int nt_kube_call_status(const struct nt_kube_call *call);

/* For callers without a loop: sends and waits. The body is copied to ret_body (its own bound
 * applies, too), which ret_answer refers to. Only failures to send are errors of this function. */
struct nt_buf;
int nt_kube_call(struct nt_kube *k, struct nt_loop *loop, const struct nt_kube_request *request,
		 struct nt_kube_answer *ret_answer, struct nt_buf *ret_body,
		 struct nt_err *err) NT_MUSTCHECK;

/* What a Status object says (k8s.io/apimachinery, meta/v1); empty when the body is none. */
struct nt_kube_status {
	char reason[64]; /* "NotFound", "Forbidden", "AlreadyExists", ... */
	char message[256]; /* printable ASCII */
	char kind[64], name[256]; /* of details: what was asked for */
};

/* True when the body is a Status. Bounded; does no I/O. */
bool nt_kube_status_parse(struct nt_slice body, struct nt_kube_status *ret_status);
