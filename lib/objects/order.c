/* SPDX-License-Identifier: Apache-2.0 */
/* Sorted blocks of pointers. */
#include "lib/objects/order.h"

#include <stdlib.h>

/* Half full after a split: 100,000 objects are some 1,000 blocks, and a move is 1 KiB at most. */
enum { BLOCK_LEN = 128 };

struct nt_order_block {
	size_t len;
	struct nt_compact *items[BLOCK_LEN];
};

int nt_order_compare(struct nt_slice namespace_a, struct nt_slice name_a,
		     struct nt_slice namespace_b, struct nt_slice name_b)
{
	int r = nt_slice_compare(namespace_a, namespace_b);

	return r ? r : nt_slice_compare(name_a, name_b);
}

static int compare(const struct nt_compact *c, struct nt_slice namespace_, struct nt_slice name)
{
	return nt_order_compare(c->object.namespace_, c->object.name, namespace_, name);
}

struct place {
	size_t block, item;
	bool found;
};

/* The last block that does not begin behind it, and where it is there or belongs. */
static struct place find(const struct nt_order *o, struct nt_slice namespace_, struct nt_slice name)
{
	size_t low = 0, high = o->blocks_len;
	struct place at = { 0 };
	const struct nt_order_block *b;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare(o->blocks[middle]->items[0], namespace_, name) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	at.block = low ? low - 1 : 0;
	if (!o->blocks_len)
		return at;
	b = o->blocks[at.block];
	for (high = b->len; at.item < high;) {
		size_t middle = at.item + (high - at.item) / 2;
		int r = compare(b->items[middle], namespace_, name);

		if (r == 0)
			at.found = true;
		if (r < 0)
			at.item = middle + 1;
		else
			high = middle;
	}
	return at;
}

struct nt_compact *nt_order_find(const struct nt_order *o, struct nt_slice namespace_,
				 struct nt_slice name)
{
	struct place at = find(o, namespace_, name);

	return at.found ? o->blocks[at.block]->items[at.item] : NULL;
}

struct nt_compact *nt_order_replace(struct nt_order *o, struct nt_compact *c)
{
	struct place at = find(o, c->object.namespace_, c->object.name);
	struct nt_compact *old;

	if (!at.found)
		return NULL;
	old = o->blocks[at.block]->items[at.item];
	o->blocks[at.block]->items[at.item] = c;
	return old;
}

/* A new one at that position; NULL without memory. */
static struct nt_order_block *add_block(struct nt_order *o, size_t position)
{
	struct nt_order_block *b = calloc(1, sizeof(*b));

	if (o->blocks_len == o->blocks_cap) {
		size_t cap = o->blocks_cap ? o->blocks_cap * 2 : 8;
		struct nt_order_block **p = reallocarray(o->blocks, cap, sizeof(*p));

		if (!p) {
			free(b);
			return NULL;
		}
		o->blocks = p;
		o->blocks_cap = cap;
	}
	if (!b)
		return NULL;
	memmove(o->blocks + position + 1, o->blocks + position,
		(o->blocks_len - position) * sizeof(*o->blocks));
	o->blocks[position] = b;
	o->blocks_len++;
	return b;
}

/* Objects mostly come in their order: a full last block is left full then. */
static int make_room(struct nt_order *o, struct place *at)
{
	struct nt_order_block *b = o->blocks_len ? o->blocks[at->block] : NULL, *next;
	bool append = b && at->block + 1 == o->blocks_len && at->item == b->len;
	size_t keep = append ? BLOCK_LEN : BLOCK_LEN / 2;

	if (b && b->len < BLOCK_LEN)
		return 0;
	next = add_block(o, b ? at->block + 1 : 0);
	if (!next)
		return -ENOMEM;
	if (!b)
		return 0;
	next->len = b->len - keep;
	memcpy(next->items, b->items + keep, next->len * sizeof(*next->items));
	b->len = keep;
	if (append || at->item > keep) {
		at->block++;
		at->item -= keep;
	}
	return 0;
}

int nt_order_insert(struct nt_order *o, struct nt_compact *c)
{
	struct place at = find(o, c->object.namespace_, c->object.name);
	struct nt_order_block *b;

	if (make_room(o, &at) < 0)
		return -ENOMEM;
	b = o->blocks[at.block];
	memmove(b->items + at.item + 1, b->items + at.item, (b->len - at.item) * sizeof(*b->items));
	b->items[at.item] = c;
	b->len++;
	o->len++;
	o->last_block = o->last_first = 0;
	return 0;
}

static void drop_block(struct nt_order *o, size_t position)
{
	free(o->blocks[position]);
	o->blocks_len--;
	memmove(o->blocks + position, o->blocks + position + 1,
		(o->blocks_len - position) * sizeof(*o->blocks));
}

/* Two that fit well into one become one: what shrinks does not keep its blocks. */
static void merge(struct nt_order *o, size_t position)
{
	struct nt_order_block *b = o->blocks[position], *next;

	if (position + 1 == o->blocks_len)
		return;
	next = o->blocks[position + 1];
	if (b->len + next->len > BLOCK_LEN / 2)
		return;
	memcpy(b->items + b->len, next->items, next->len * sizeof(*b->items));
	b->len += next->len;
	drop_block(o, position + 1);
}

void nt_order_remove(struct nt_order *o, const struct nt_compact *c)
{
	struct place at = find(o, c->object.namespace_, c->object.name);
	struct nt_order_block *b = o->blocks[at.block];

	b->len--;
	memmove(b->items + at.item, b->items + at.item + 1, (b->len - at.item) * sizeof(*b->items));
	o->len--;
	o->last_block = o->last_first = 0;
	if (!b->len)
		drop_block(o, at.block);
	else
		merge(o, at.block);
}

struct nt_compact *nt_order_at(struct nt_order *o, size_t index)
{
	if (index >= o->len)
		return NULL;
	if (index < o->last_first)
		o->last_block = o->last_first = 0;
	while (index - o->last_first >= o->blocks[o->last_block]->len)
		o->last_first += o->blocks[o->last_block++]->len;
	return o->blocks[o->last_block]->items[index - o->last_first];
}

void nt_order_done(struct nt_order *o)
{
	for (size_t i = 0; i < o->blocks_len; i++)
		free(o->blocks[i]);
	free(o->blocks);
	*o = (struct nt_order){ 0 };
}
