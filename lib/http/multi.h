/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's multi interface in an event loop: transfers run between the loop's other handlers and
 * block none of them. Belongs to the loop's thread.
 */
#pragma once

#include <curl/curl.h>

#include "lib/base/loop.h"

struct nt_multi;

/* The transfer is over and its handle is out of the multi; the handle may be added again, or freed,
 * from within. */
typedef void nt_multi_fn(void *ctx, CURLcode code);

/* loop: borrowed until nt_multi_free. */
int nt_multi_new(struct nt_loop *loop, struct nt_multi **ret_multi,
		 struct nt_err *err) NT_MUSTCHECK;
/* All handles have been removed. */
void nt_multi_free(struct nt_multi *m);

/* One transfer of a handle: its state with us. Memory of the caller, until it is over. */
struct nt_multi_transfer {
	nt_multi_fn *fn;
	void *ctx;
};

/* Starts the transfer; easy (borrowed) has all its options but CURLOPT_PRIVATE, which is ours. */
int nt_multi_add(struct nt_multi *m, CURL *easy, struct nt_multi_transfer *transfer,
		 struct nt_err *err) NT_MUSTCHECK;
/* Ends a transfer that is not over; its function is not called. */
void nt_multi_remove(struct nt_multi *m, CURL *easy);
