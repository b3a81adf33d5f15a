/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One look at the list of a DomainFeed: its octets go into a reader as they come, so that a list
 * takes no memory. A URL is asked by libcurl behind the fence (lib/http/fence.h): redirects lead to
 * the same scheme only, five at most, each behind the fence, too; 64 MiB, 30 s, no proxy. Blocks.
 * Secrets are read for each request, and are in no message. For controller/feeds only.
 */
#pragma once

#include <stdatomic.h>

#include "controller/feeds/spec.h"
#include "lib/base/buf.h"

#define NT_FEED_LIST_BYTES_MAX ((size_t)64 << 20)

/* What tells whether a list has changed: validators of a URL (RFC 9110, 8.8), of a file what stat
 * says. Zero-initialise; nothing is known then. */
struct nt_feed_memo {
	char etag[256], modified[64];
	int64_t size, mtime_ns, inode;
};

struct nt_feed_fetch {
	const struct nt_feed_spec *spec;
	int files_fd; /* -1: no folder */
	struct nt_slice text; /* of a ConfigMap */
	const atomic_bool *stop; /* true ends it within a second or so */
	struct nt_feed_memo memo; /* in: of the last list; out: of this one */
};

/* 1: pushed, to its end; 0: not changed since memo, nothing was pushed. -EINVAL, -E2BIG, -ENOMEM of
 * the list; -EFBIG; -EIO and others: it was not got, err says why and what to do. What was pushed
 * until an error is no list. */
int nt_feed_fetch(struct nt_feed_fetch *f, struct nt_feed_list *list,
		  struct nt_err *err) NT_MUSTCHECK;
