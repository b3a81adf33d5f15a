/* SPDX-License-Identifier: Apache-2.0 */
/* The accumulators of one rule. */
#include "controller/alerts/window.h"

#include <stdlib.h>

#include "controller/alerts/key.h"
#include "lib/base/cleanup.h"

void nt_window_init(struct nt_window *w, const struct nt_rule *rule,
		    const struct nt_siphash_key *hash_key, uint32_t groups_max, uint64_t *bytes)
{
	*w = (struct nt_window){
		.rule = rule, .hash_key = hash_key, .groups_max = groups_max, .bytes = bytes
	};
}

static void free_group(struct nt_window *w, struct nt_window_group *g)
{
	for (size_t i = 0; i < g->buckets_len; i++)
		nt_figure_done(&g->buckets[i].figure, w->rule, w->bytes);
	*w->bytes -= sizeof(*g) + g->key_len + g->buckets_cap * sizeof(*g->buckets);
	w->groups_len--;
	w->last = NULL;
	free(g->buckets);
	free(g);
}

void nt_window_done(struct nt_window *w)
{
	for (size_t i = 0; i < w->table_len; i++) {
		while (w->table[i]) {
			struct nt_window_group *g = w->table[i];

			w->table[i] = g->next;
			free_group(w, g);
		}
	}
	*w->bytes -= w->table_len * sizeof(*w->table);
	free(w->table);
	w->table = NULL;
	w->table_len = 0;
}

/* --- the table -------------------------------------------------------------------------------- */

static bool grow_table(struct nt_window *w)
{
	size_t len = w->table_len ? w->table_len * 2 : 16;
	struct nt_window_group **table;

	if (!nt_budget_take(w->bytes, (len - w->table_len) * sizeof(*table)))
		return false;
	table = calloc(len, sizeof(*table));
	if (!table) {
		*w->bytes -= (len - w->table_len) * sizeof(*table);
		return false;
	}
	for (size_t i = 0; i < w->table_len; i++) {
		while (w->table[i]) {
			struct nt_window_group *g = w->table[i];

			w->table[i] = g->next;
			g->next = table[g->hash & (len - 1)];
			table[g->hash & (len - 1)] = g;
		}
	}
	free(w->table);
	w->table = table;
	w->table_len = len;
	return true;
}

static struct nt_window_group *new_group(struct nt_window *w, uint64_t hash, struct nt_slice key)
{
	struct nt_window_group *g;

	if (w->groups_len >= w->groups_max || (w->groups_len >= w->table_len && !grow_table(w)) ||
	    !nt_budget_take(w->bytes, sizeof(*g) + key.len))
		return NULL;
	g = calloc(1, sizeof(*g) + key.len);
	if (!g) {
		*w->bytes -= sizeof(*g) + key.len;
		return NULL;
	}
	g->hash = hash;
	g->key_len = key.len;
	if (key.len)
		memcpy(g->key, key.p, key.len);
	g->next = w->table[hash & (w->table_len - 1)];
	w->table[hash & (w->table_len - 1)] = g;
	w->groups_len++;
	return g;
}

static struct nt_window_group *find_group(struct nt_window *w, struct nt_slice key, uint64_t hash,
					  bool create)
{
	struct nt_window_group *g = w->table_len ? w->table[hash & (w->table_len - 1)] : NULL;

	for (; g; g = g->next)
		if (g->hash == hash && nt_slice_eq(nt_window_key(g), key))
			return g;
	return create ? new_group(w, hash, key) : NULL;
}

struct nt_window_group *nt_window_group(struct nt_window *w, const struct nt_slice *values,
					bool create)
{
	_cleanup_buf_ struct nt_buf key = { 0 };
	struct nt_slice k;

	for (size_t i = 0; i < w->rule->keys_len; i++) {
		nt_buf_slice(&key, values[i]);
		nt_buf_putc(&key, '\0');
	}
	if (!nt_buf_ok(&key))
		return NULL;
	k = nt_slice_mem(nt_buf_str(&key), key.len);
	return find_group(w, k, nt_siphash(w->hash_key, k), create);
}

void nt_window_values(const struct nt_window *w, const struct nt_window_group *g,
		      struct nt_slice *ret_values)
{
	const char *p = g->key;

	for (size_t i = 0; i < w->rule->keys_len; i++) {
		ret_values[i] = nt_slice_str(p);
		p += ret_values[i].len + 1;
	}
}

struct nt_window_group *nt_window_next(const struct nt_window *w, const struct nt_window_group *g)
{
	size_t i = 0;

	if (g && g->next)
		return g->next;
	if (g)
		i = (g->hash & (w->table_len - 1)) + 1;
	for (; i < w->table_len; i++)
		if (w->table[i])
			return w->table[i];
	return NULL;
}

/* --- adding ----------------------------------------------------------------------------------- */

/* Rows come nearly in order: the place is at the end or close to it. */
static struct nt_window_bucket *find_bucket(struct nt_window *w, struct nt_window_group *g,
					    int64_t us)
{
	int64_t index;
	size_t at = g->buckets_len;

	/* Nearly always, and a division costs as much as all the rest. */
	if (at && (uint64_t)(us - g->newest_us) < (uint64_t)w->rule->width_us)
		return &g->buckets[at - 1];
	index = us / w->rule->width_us;
	while (at && g->buckets[at - 1].index > index)
		at--;
	if (at && g->buckets[at - 1].index == index)
		return &g->buckets[at - 1];
	if (g->buckets_len == g->buckets_cap) {
		size_t cap = g->buckets_cap ? g->buckets_cap * 2 : 2;
		size_t more = (cap - g->buckets_cap) * sizeof(*g->buckets);
		struct nt_window_bucket *buckets;

		if (!nt_budget_take(w->bytes, more))
			return NULL;
		buckets = reallocarray(g->buckets, cap, sizeof(*buckets));
		if (!buckets) {
			*w->bytes -= more;
			return NULL;
		}
		g->buckets = buckets;
		g->buckets_cap = cap;
	}
	memmove(&g->buckets[at + 1], &g->buckets[at], (g->buckets_len - at) * sizeof(*g->buckets));
	g->buckets[at] = (struct nt_window_bucket){ .index = index };
	g->buckets_len++;
	g->newest_us = g->buckets[g->buckets_len - 1].index * w->rule->width_us;
	return &g->buckets[at];
}

static bool with_key(const struct nt_window *w, const struct nt_row *row,
		     const struct nt_server *server, nt_window_key_fn *fn, void *ctx)
{
	return nt_keys_take(w->keys, row, server) && fn(ctx, nt_keys_slice(w->keys), server);
}

bool nt_window_keys(const struct nt_window *w, const struct nt_row *row, nt_window_key_fn *fn,
		    void *ctx)
{
	const struct nt_record *r = row->r;
	bool per_server = false, whole = true;

	for (size_t i = 0; i < w->rule->keys_len; i++)
		per_server |= w->rule->keys[i].member != NULL;
	if (!per_server || !r->servers_len)
		return with_key(w, row, NULL, fn, ctx);
	for (size_t i = 0; i < r->servers_len; i++)
		whole &= with_key(w, row, &r->servers[i], fn, ctx);
	return whole;
}

struct adding {
	struct nt_window *window;
	const struct nt_row *row;
	nt_window_group_fn *fn;
	void *ctx;
};

static bool add_to_group(void *ctx, struct nt_slice key, const struct nt_server *server)
{
	const struct adding *a = ctx;
	struct nt_window *w = a->window;
	const struct nt_figure_row figure_row = { a->row, server, w->field };
	struct nt_window_bucket *bucket;
	struct nt_window_group *g;
	bool whole;

	if (!w->last || w->last_keys != w->keys->changes) {
		w->last = find_group(w, key, w->keys->hash, true);
		w->last_keys = w->keys->changes;
	}
	g = w->last;
	bucket = g ? find_bucket(w, g, a->row->r->start_us) : NULL;
	if (!bucket)
		return false;
	whole = nt_figure_add(&bucket->figure, w->rule, &figure_row, w->bytes);
	a->fn(a->ctx, g);
	return whole;
}

bool nt_window_add(struct nt_window *w, const struct nt_row *row, nt_window_group_fn *fn, void *ctx)
{
	struct adding adding = { .window = w, .row = row, .fn = fn, .ctx = ctx };

	return nt_window_keys(w, row, add_to_group, &adding);
}

/* --- evaluating ------------------------------------------------------------------------------- */

static void total(const struct nt_window *w, const struct nt_window_group *g, int64_t end_us,
		  struct nt_figure_sum *sum)
{
	int64_t to = end_us / w->rule->width_us;
	int64_t from = to - w->rule->lookback_us / w->rule->width_us;

	for (size_t i = g->buckets_len; i && g->buckets[i - 1].index >= from; i--)
		if (g->buckets[i - 1].index < to)
			nt_figure_unite(sum, w->rule, &g->buckets[i - 1].figure);
}

bool nt_window_fires(const struct nt_window *w, const struct nt_window_group *g, int64_t end_us,
		     double *ret_value)
{
	struct nt_figure_sum sum = { 0 };

	if (w->rule->unseen_us &&
	    (g->new_us < end_us - w->rule->lookback_us || g->new_us >= end_us))
		return false;
	total(w, g, end_us, &sum);
	return nt_figure_value(&sum, w->rule, ret_value) &&
	       (w->rule->metric == NT_RULE_ANY || nt_rule_holds(w->rule, *ret_value));
}

static void expire_buckets(struct nt_window *w, struct nt_window_group *g, int64_t before_us)
{
	size_t n = 0;

	while (n < g->buckets_len && (g->buckets[n].index + 1) * w->rule->width_us <= before_us)
		nt_figure_done(&g->buckets[n++].figure, w->rule, w->bytes);
	if (!n)
		return;
	g->buckets_len -= n;
	memmove(g->buckets, g->buckets + n, g->buckets_len * sizeof(*g->buckets));
}

void nt_window_expire(struct nt_window *w, int64_t before_us)
{
	for (size_t i = 0; i < w->table_len; i++) {
		struct nt_window_group **at = &w->table[i];

		while (*at) {
			struct nt_window_group *g = *at;

			expire_buckets(w, g, before_us);
			if (w->rule->keys_len && !g->buckets_len && !g->event.open &&
			    g->settled_us < before_us) {
				*at = g->next;
				free_group(w, g);
			} else {
				at = &g->next;
			}
		}
	}
}
