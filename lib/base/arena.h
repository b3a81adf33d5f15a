/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for one message or one batch: many small allocations, freed all at once. Grows in chunks,
 * never beyond max_bytes; NULL then. Zero-initialise with NT_ARENA(max). Not thread-safe.
 */
#pragma once

#include "lib/base/slice.h"

struct nt_arena_chunk;

struct nt_arena {
	struct nt_arena_chunk *chunks;
	size_t used_bytes; /* handed out since the last reset */
	size_t max_bytes;
};

#define NT_ARENA(max) ((struct nt_arena){ .max_bytes = (max) })

/* Aligned for any type, not zeroed; NULL when the bound or malloc says no. */
void *nt_arena_alloc(struct nt_arena *a, size_t len);
/* Zeroed. */
void *nt_arena_zalloc(struct nt_arena *a, size_t len);
/* A copy with a NUL behind it, not aligned; .p is NULL on failure. */
struct nt_slice nt_arena_copy(struct nt_arena *a, struct nt_slice s);
/* To give back what is allocated from now on: the latest allocations only, as a stack. */
struct nt_arena_mark {
	struct nt_arena_chunk *chunk;
	size_t used, used_bytes;
};
struct nt_arena_mark nt_arena_mark(const struct nt_arena *a);
void nt_arena_release(struct nt_arena *a, struct nt_arena_mark mark);
/* Frees all but one chunk. */
void nt_arena_reset(struct nt_arena *a);
void nt_arena_done(struct nt_arena *a);
#define _cleanup_arena_ __attribute__((cleanup(nt_arena_done)))
