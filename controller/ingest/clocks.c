/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes' clocks, by name. */
#include "controller/ingest/clocks.h"

#include <stdlib.h>

/* The first one that is not before the name. */
static size_t position(const struct nt_clocks *c, const char *node)
{
	size_t low = 0, high = c->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(c->nodes[middle].node, node) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool copy_name(struct nt_slice node, char out[254])
{
	if (!node.len || node.len > 253)
		return false;
	memcpy(out, node.p, node.len);
	out[node.len] = '\0';
	return true;
}

static bool grow(struct nt_clocks *c)
{
	size_t cap = c->cap ? c->cap * 2 : 16;
	struct nt_clock_of *nodes = realloc(c->nodes, cap * sizeof(*nodes));

	if (!nodes)
		return false;
	c->nodes = nodes;
	c->cap = cap;
	return true;
}

void nt_clocks_note(struct nt_clocks *c, struct nt_slice node, int64_t offset_us)
{
	struct nt_clock_of entry = { .offset_us = offset_us };
	size_t at;

	if (!copy_name(node, entry.node))
		return;
	at = position(c, entry.node);
	if (at < c->len && strcmp(c->nodes[at].node, entry.node) == 0) {
		c->nodes[at].offset_us = offset_us;
		return;
	}
	if (c->len == NT_CLOCKS_MAX || (c->len == c->cap && !grow(c)))
		return;
	memmove(&c->nodes[at + 1], &c->nodes[at], (c->len - at) * sizeof(entry));
	c->nodes[at] = entry;
	c->len++;
}

bool nt_clocks_find(const struct nt_clocks *c, struct nt_slice node, int64_t *ret_offset_us)
{
	char name[254];
	size_t at;

	if (!copy_name(node, name))
		return false;
	at = position(c, name);
	if (at == c->len || strcmp(c->nodes[at].node, name) != 0)
		return false;
	*ret_offset_us = c->nodes[at].offset_us;
	return true;
}

void nt_clocks_done(struct nt_clocks *c)
{
	free(c->nodes);
	*c = (struct nt_clocks){ 0 };
}
