/* SPDX-License-Identifier: Apache-2.0 */
/* Chunked arena with an upper bound. */
#include "lib/base/arena.h"

#include <stdlib.h>

enum { CHUNK_BYTES = 16384, ALIGN = 16 };

struct nt_arena_chunk {
	struct nt_arena_chunk *next;
	size_t used, cap;
	_Alignas(ALIGN) char data[];
};

static struct nt_arena_chunk *new_chunk(struct nt_arena *a, size_t len)
{
	size_t cap = len > CHUNK_BYTES ? len : CHUNK_BYTES;
	struct nt_arena_chunk *c = malloc(sizeof(*c) + cap);

	if (!c)
		return NULL;
	*c = (struct nt_arena_chunk){ .next = a->chunks, .cap = cap };
	a->chunks = c;
	return c;
}

/* align: a power of two, at most ALIGN. */
static inline void *take(struct nt_arena *a, size_t len, size_t align)
{
	struct nt_arena_chunk *c = a->chunks;
	size_t at = c ? (c->used + align - 1) & ~(align - 1) : 0;
	size_t need = c ? at - c->used + len : len;

	if (need < len || need > a->max_bytes || a->used_bytes > a->max_bytes - need)
		return NULL;
	if (!c || at > c->cap || c->cap - at < len) {
		c = new_chunk(a, len);
		if (!c)
			return NULL;
		at = 0;
		need = len;
	}
	c->used = at + len;
	a->used_bytes += need;
	return c->data + at;
}

void *nt_arena_alloc(struct nt_arena *a, size_t len)
{
	return take(a, len, ALIGN);
}

void *nt_arena_zalloc(struct nt_arena *a, size_t len)
{
	void *p = nt_arena_alloc(a, len);

	return p ? memset(p, 0, len) : NULL;
}

struct nt_slice nt_arena_copy(struct nt_arena *a, struct nt_slice s)
{
	char *p = s.len < SIZE_MAX ? take(a, s.len + 1, 1) : NULL;

	if (!p)
		return (struct nt_slice){ 0 };
	if (s.len)
		memcpy(p, s.p, s.len);
	p[s.len] = '\0';
	return nt_slice_mem(p, s.len);
}

static void free_chunks(struct nt_arena_chunk *c)
{
	while (c) {
		struct nt_arena_chunk *next = c->next;

		free(c);
		c = next;
	}
}

struct nt_arena_mark nt_arena_mark(const struct nt_arena *a)
{
	return (struct nt_arena_mark){ .chunk = a->chunks,
				       .used = a->chunks ? a->chunks->used : 0,
				       .used_bytes = a->used_bytes };
}

void nt_arena_release(struct nt_arena *a, struct nt_arena_mark mark)
{
	while (a->chunks != mark.chunk) {
		struct nt_arena_chunk *c = a->chunks;

		a->chunks = c->next;
		free(c);
	}
	if (a->chunks)
		a->chunks->used = mark.used;
	a->used_bytes = mark.used_bytes;
}

void nt_arena_reset(struct nt_arena *a)
{
	if (a->chunks) {
		free_chunks(a->chunks->next);
		a->chunks->next = NULL;
		a->chunks->used = 0;
	}
	a->used_bytes = 0;
}

void nt_arena_done(struct nt_arena *a)
{
	free_chunks(a->chunks);
	*a = (struct nt_arena){ .max_bytes = a->max_bytes };
}
