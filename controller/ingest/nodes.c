/* SPDX-License-Identifier: Apache-2.0 */
/* The nodes that send batches, by name. */
#include "controller/ingest/nodes.h"

#include <stdlib.h>

#include "lib/base/clock.h"

/* The first one that is not before the name. */
static size_t position(const struct nt_nodes *n, const char *name)
{
	size_t low = 0, high = n->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(n->nodes[middle].name, name) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool copy_name(struct nt_slice name, char out[254])
{
	if (!name.len || name.len > 253)
		return false;
	memcpy(out, name.p, name.len);
	out[name.len] = '\0';
	return true;
}

static bool grow(struct nt_nodes *n)
{
	size_t cap = n->cap ? n->cap * 2 : 16;
	struct nt_node *nodes = realloc(n->nodes, cap * sizeof(*nodes));

	if (!nodes)
		return false;
	n->nodes = nodes;
	n->cap = cap;
	return true;
}

struct nt_node *nt_nodes_find(const struct nt_nodes *n, struct nt_slice name)
{
	char text[254];
	size_t at;

	if (!copy_name(name, text))
		return NULL;
	at = position(n, text);
	return at < n->len && strcmp(n->nodes[at].name, text) == 0 ? &n->nodes[at] : NULL;
}

struct nt_node *nt_nodes_get(struct nt_nodes *n, struct nt_slice name)
{
	struct nt_node *found = nt_nodes_find(n, name), entry = { 0 };
	size_t at;

	if (found || !copy_name(name, entry.name) || n->len == NT_NODES_MAX ||
	    (n->len == n->cap && !grow(n)))
		return found;
	at = position(n, entry.name);
	memmove(&n->nodes[at + 1], &n->nodes[at], (n->len - at) * sizeof(entry));
	n->nodes[at] = entry;
	n->len++;
	return &n->nodes[at];
}

void nt_nodes_done(struct nt_nodes *n)
{
	free(n->nodes);
	*n = (struct nt_nodes){ 0 };
}

bool nt_node_take_rows(struct nt_node *node, size_t rows, uint32_t per_second, int64_t boot_ns)
{
	int64_t most = (int64_t)per_second * NT_NODES_BURST_SECONDS;
	int64_t passed_ms = (boot_ns - node->rows_boot_ns) / NT_NS_PER_MS;

	if (!node->has_rows) {
		node->has_rows = true;
		node->rows = most;
		node->rows_boot_ns = boot_ns;
	} else if (passed_ms > 0) {
		/* No product of these overflows: what fills the bucket is enough. */
		if (passed_ms > 2 * NT_NODES_BURST_SECONDS * 1000 && node->rows >= -most)
			passed_ms = 2 * NT_NODES_BURST_SECONDS * 1000;
		node->rows += passed_ms * (int64_t)per_second / 1000;
		node->rows = node->rows < most ? node->rows : most;
		node->rows_boot_ns = boot_ns;
	}
	if (node->rows <= 0)
		return false;
	node->rows -= (int64_t)rows;
	return true;
}
