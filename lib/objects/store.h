/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside lib/objects only: the store that a source (dir.c, kube.c) fills, within nt_objects_poll
 * and while it is opened, and that objects.c reads.
 */
#pragma once

#include "lib/objects/compact.h"
#include "lib/objects/order.h"

/* A kind of which there is, or was, an object. */
struct nt_objects_kind {
	struct nt_slice kind; /* interned */
	struct nt_order order;
	uint64_t generation; /* of the latest change */
	uint32_t mark; /* of the latest reading */
};

struct nt_objects;

struct nt_objects_source {
	int (*fd)(void *ctx);
	/* Puts and removes. */
	void (*poll)(void *ctx, struct nt_objects *o);
	void (*states)(void *ctx, const struct nt_objects *o, nt_objects_state_fn *fn,
		       void *fn_ctx);
	struct nt_objects_origin (*origin)(void *ctx);
	bool (*have_synced)(void *ctx);
	void (*free)(void *ctx);
};

struct nt_objects {
	const struct nt_objects_source *source;
	void *source_ctx;

	struct nt_intern *intern;
	struct nt_objects_kind **kinds; /* by name */
	size_t kinds_len, kinds_cap;
	struct nt_hashtable uids; /* Pods, by metadata.uid */
	struct nt_hashtable hashes; /* struct hash of static pods */
	size_t objects, object_bytes;
	size_t objects_max, bytes_max; /* 0: no bound */

	struct nt_objects_problem *problems; /* path is the source's */
	size_t problems_len, problems_cap;

	uint64_t generation;
	bool changing; /* something changed since nt_objects_begin */
	nt_objects_change_fn *change_fn;
	void *change_ctx;
};

/* An empty store without a source. */
int nt_objects_new(struct nt_objects **ret_objects, struct nt_err *err) NT_MUSTCHECK;

/* Around all changes of one poll: the generation is raised by the first. True: there was one. */
void nt_objects_begin(struct nt_objects *o);
bool nt_objects_end(struct nt_objects *o);
/* As if an object had changed. */
void nt_objects_touch(struct nt_objects *o);

/* A reading of all there is of a kind (empty: of each) begins; those that are not put until its end
 * are removed then. */
void nt_objects_read_begin(struct nt_objects *o, struct nt_slice kind);
void nt_objects_read_end(struct nt_objects *o, struct nt_slice kind);
/* c is taken over; what the store has in its place is returned, borrowed: one that says the same
 * and was there already, or c. NULL: it was left out, for the bounds or for want of memory. */
struct nt_compact *nt_objects_put(struct nt_objects *o, struct nt_compact *c);
void nt_objects_remove(struct nt_objects *o, struct nt_slice kind, struct nt_slice namespace_,
		       struct nt_slice name);

/* Problems are told, not vital: without memory one is missing. path: borrowed until the next
 * reset. */
void nt_objects_problems_reset(struct nt_objects *o);
void nt_objects_add_problem(struct nt_objects *o, const char *path, size_t line, const char *msg);
