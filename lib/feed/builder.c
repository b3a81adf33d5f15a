/* SPDX-License-Identifier: Apache-2.0 */
/* Entries to sorted runs, runs to a set. */
#include "lib/feed/builder.h"

#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/feed/run.h"

enum {
	BATCH_OCTETS = 2 << 20,
	/* A name like `a.bc` takes six octets, with the one of its length. Where many are shorter
	 * (`*.a` takes four), a batch ends before its octets are full. */
	BATCH_LEN = BATCH_OCTETS / 6,
};

struct nt_feed_builder {
	struct nt_feed_limits limits;
	struct nt_feed_area batch; /* keys as they came, each behind its length */
	struct nt_feed_area order; /* uint32_t each: where a key begins in the batch */
	size_t batch_octets, batch_len;
	struct nt_feed_run *runs; /* owned */
	size_t runs_len, runs_cap;
	size_t len, octets_len; /* of all runs */
};

int nt_feed_builder_new(struct nt_feed_limits limits, struct nt_feed_builder **ret_builder,
			struct nt_err *err)
{
	_cleanup_(nt_feed_builder_freep) struct nt_feed_builder *b = calloc(1, sizeof(*b));

	if (!b)
		return nt_err_set(err, ENOMEM, "no memory for a domain feed");
	b->limits = limits;
	if (nt_feed_area_map(&b->batch, BATCH_OCTETS, err) < 0 ||
	    nt_feed_area_map(&b->order, BATCH_LEN * sizeof(uint32_t), err) < 0)
		return -err->code;
	*ret_builder = NT_TAKE_PTR(b);
	return 0;
}

static int compare(const void *a, const void *b, void *batch)
{
	const uint8_t *x = (const uint8_t *)batch + *(const uint32_t *)a;
	const uint8_t *y = (const uint8_t *)batch + *(const uint32_t *)b;

	return nt_feed_key_compare(x + 1, x[0], y + 1, y[0]);
}

static struct nt_feed_run *new_run(struct nt_feed_builder *b, struct nt_err *err)
{
	size_t cap = b->runs_cap ? 2 * b->runs_cap : 16;

	if (b->runs_len == b->runs_cap) {
		struct nt_feed_run *runs = reallocarray(b->runs, cap, sizeof(*runs));

		if (!runs) {
			(void)nt_err_set(err, ENOMEM, "no memory for a domain feed");
			return NULL;
		}
		b->runs = runs;
		b->runs_cap = cap;
	}
	if (nt_feed_run_open(&b->runs[b->runs_len], b->batch_len, b->batch_octets, err) < 0)
		return NULL;
	return &b->runs[b->runs_len++];
}

/* The batch becomes a run. */
static int flush(struct nt_feed_builder *b, struct nt_err *err)
{
	struct nt_feed_run *run = b->batch_len ? new_run(b, err) : NULL;
	uint32_t *order = (uint32_t *)b->order.p;
	struct nt_feed_key key;

	if (!b->batch_len)
		return 0;
	if (!run)
		return -err->code;
	qsort_r(order, b->batch_len, sizeof(*order), compare, b->batch.p);
	for (size_t i = 0; i < b->batch_len; i++) {
		const uint8_t *at = b->batch.p + order[i];

		key.len = at[0];
		memcpy(key.octets, at + 1, key.len);
		nt_feed_run_put(run, &key);
	}
	nt_feed_run_end(run);
	b->len += b->batch_len;
	b->octets_len += run->octets_len;
	b->batch_len = b->batch_octets = 0;
	if (b->octets_len > 2 * b->limits.bytes_max)
		return nt_err_set(err, E2BIG,
				  "the first %zu entries take more than twice %zu octets, which is "
				  "the limit of the whole: shorten the list, or raise the limit",
				  b->len, b->limits.bytes_max);
	return 0;
}

int nt_feed_builder_add(struct nt_feed_builder *b, const struct nt_pattern *entry,
			struct nt_err *err)
{
	struct nt_feed_key key;

	nt_feed_key_from(entry, &key);
	if (b->batch_len == BATCH_LEN || b->batch_octets + 1 + key.len > BATCH_OCTETS) {
		int r = flush(b, err);

		if (r < 0)
			return r;
	}
	((uint32_t *)b->order.p)[b->batch_len++] = (uint32_t)b->batch_octets;
	b->batch.p[b->batch_octets++] = key.len;
	memcpy(b->batch.p + b->batch_octets, key.octets, key.len);
	b->batch_octets += key.len;
	return 0;
}

int nt_feed_builder_finish(struct nt_feed_builder *b, struct nt_feed_set **ret_set,
			   struct nt_err *err)
{
	_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = NULL;
	_cleanup_free_ struct nt_feed_run **heap = NULL;
	struct nt_feed_merge keys;
	int r = flush(b, err);

	if (r < 0)
		return r;
	nt_feed_area_unmap(&b->batch);
	nt_feed_area_unmap(&b->order);
	heap = calloc(b->runs_len + 1, sizeof(struct nt_feed_run *));
	if (!heap)
		return nt_err_set(err, ENOMEM, "no memory for a domain feed");
	nt_feed_merge_init(&keys, b->runs, b->runs_len, heap);
	r = nt_feed_set_new(&keys, b->len, b->octets_len, b->limits.bytes_max, &s, err);
	if (r < 0)
		return r;
	if (nt_feed_set_len(s) > b->limits.names_max)
		return nt_err_set(err, E2BIG,
				  "%zu names, %zu at most: shorten the list, or raise the limit",
				  nt_feed_set_len(s), b->limits.names_max);
	*ret_set = NT_TAKE_PTR(s);
	return 0;
}

void nt_feed_builder_free(struct nt_feed_builder *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < b->runs_len; i++)
		nt_feed_run_done(&b->runs[i]);
	free(b->runs);
	nt_feed_area_unmap(&b->batch);
	nt_feed_area_unmap(&b->order);
	free(b);
}
