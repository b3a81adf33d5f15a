/* SPDX-License-Identifier: Apache-2.0 */
/* Sorted runs of keys, and their merge. */
#include "lib/feed/run.h"

int nt_feed_run_open(struct nt_feed_run *run, size_t len, size_t octets_len, struct nt_err *err)
{
	*run = (struct nt_feed_run){ 0 };
	return nt_feed_area_map(&run->area, octets_len + 2 * len, err);
}

void nt_feed_run_put(struct nt_feed_run *run, const struct nt_feed_key *key)
{
	uint8_t *at = run->area.p + run->octets_len;

	run->octets_len = (size_t)(nt_feed_key_write(at, &run->key, key) - run->area.p);
	run->key = *key;
}

void nt_feed_run_end(struct nt_feed_run *run)
{
	nt_feed_area_trim(&run->area, run->octets_len);
	run->key.len = 0;
}

void nt_feed_run_done(struct nt_feed_run *run)
{
	nt_feed_area_unmap(&run->area);
}

/* The next key of the run is in run->key; false at its end. */
static bool advance(struct nt_feed_run *run)
{
	if (run->read == run->octets_len)
		return false;
	run->read = (size_t)(nt_feed_key_read(run->area.p + run->read, &run->key) - run->area.p);
	nt_feed_area_release(&run->area, run->read);
	return true;
}

static bool is_less(const struct nt_feed_run *a, const struct nt_feed_run *b)
{
	return nt_feed_key_compare(a->key.octets, a->key.len, b->key.octets, b->key.len) < 0;
}

static void sink(struct nt_feed_merge *m, size_t at)
{
	for (;;) {
		size_t child = 2 * at + 1;
		struct nt_feed_run *run = m->heap[at];

		if (child >= m->heap_len)
			return;
		if (child + 1 < m->heap_len && is_less(m->heap[child + 1], m->heap[child]))
			child++;
		if (!is_less(m->heap[child], run))
			return;
		m->heap[at] = m->heap[child];
		m->heap[child] = run;
		at = child;
	}
}

void nt_feed_merge_init(struct nt_feed_merge *m, struct nt_feed_run *runs, size_t runs_len,
			struct nt_feed_run **heap)
{
	*m = (struct nt_feed_merge){ .heap = heap };
	for (size_t i = 0; i < runs_len; i++)
		if (advance(&runs[i]))
			m->heap[m->heap_len++] = &runs[i];
	for (size_t i = m->heap_len / 2; i--;)
		sink(m, i);
}

const struct nt_feed_key *nt_feed_merge_next(struct nt_feed_merge *m)
{
	while (m->heap_len) {
		struct nt_feed_run *least = m->heap[0];
		struct nt_feed_key key = least->key;

		if (!advance(least))
			m->heap[0] = m->heap[--m->heap_len];
		if (m->heap_len)
			sink(m, 0);
		if (!nt_feed_key_compare(key.octets, key.len, m->last.octets, m->last.len))
			continue;
		m->last = key;
		return &m->last;
	}
	return NULL;
}
