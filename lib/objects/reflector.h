/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside lib/objects only: one kind of the Kubernetes API, listed and watched for ever. What it
 * learns goes to a queue. All of it happens in the loop's thread.
 *
 *   list, page by page -> watch -> watch from where the last one ended -> ...
 *   a watch that fails, or in which nothing was said -> ask (a list of one object): is the server
 *       there, and is it not older than we are? -> watch, or list
 *   410, in whatever form it comes -> list
 *   a page that is too large -> the same with fewer objects; one object that is -> its metadata
 *       alone, for its name and where the list goes on behind it
 *
 * Whatever fails is done again after a pause that doubles, with jitter; only a watch that has stood
 * for a while makes it short again, so that no answer of a server leads to a busy loop.
 */
#pragma once

#include "lib/base/clock.h"
#include "lib/kube/client.h"
#include "lib/objects/queue.h"
#include "lib/objects/resources.h"

struct nt_reflector_config {
	struct nt_kube *kube;
	struct nt_loop *loop;
	struct nt_intern *intern;
	struct nt_queue *queue;
	const char *node; /* field selector spec.nodeName; NULL: none */
	/* All set. */
	int64_t retry_min_ns, retry_max_ns, absent_ns;
	unsigned watch_s;
	size_t page_len;
};

struct nt_reflector;

/* kind: one that nt_resource_find knows. Begins with the list at once. */
int nt_reflector_new(const struct nt_reflector_config *config, const char *kind,
		     struct nt_reflector **ret_reflector, struct nt_err *err) NT_MUSTCHECK;
void nt_reflector_free(struct nt_reflector *r);

/* state->count is the caller's to set; error points into the reflector. */
void nt_reflector_state(const struct nt_reflector *r, struct nt_objects_state *ret_state);
/* Of the version that is in use. */
const struct nt_resource *nt_reflector_resource(const struct nt_reflector *r);
/* Read whole at least once, or known not to be there. */
bool nt_reflector_has_synced(const struct nt_reflector *r);
