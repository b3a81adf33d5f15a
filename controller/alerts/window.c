/* SPDX-License-Identifier: Apache-2.0 */
/* The accumulators of one rule. */
#include "controller/alerts/window.h"

#include <stdio.h>
#include <stdlib.h>

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
	*w->bytes -= sizeof(*g) + g->key_len + g->buckets_cap * sizeof(*g->buckets);
	w->groups_len--;
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

static bool take_bytes(struct nt_window *w, size_t n)
{
	if (*w->bytes + n > NT_WINDOW_BYTES_MAX)
		return false;
	*w->bytes += n;
	return true;
}

static bool grow_table(struct nt_window *w)
{
	size_t len = w->table_len ? w->table_len * 2 : 16;
	struct nt_window_group **table;

	if (!take_bytes(w, (len - w->table_len) * sizeof(*table)))
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
	    !take_bytes(w, sizeof(*g) + key.len))
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

struct nt_window_group *nt_window_group(struct nt_window *w, const struct nt_slice *values,
					bool create)
{
	_cleanup_buf_ struct nt_buf key = { 0 };
	struct nt_window_group *g;
	struct nt_slice k;
	uint64_t hash;

	for (size_t i = 0; i < w->rule->keys_len; i++) {
		nt_buf_slice(&key, values[i]);
		nt_buf_putc(&key, '\0');
	}
	if (!nt_buf_ok(&key))
		return NULL;
	k = nt_slice_mem(nt_buf_str(&key), key.len);
	hash = nt_siphash(w->hash_key, k);
	for (g = w->table_len ? w->table[hash & (w->table_len - 1)] : NULL; g; g = g->next)
		if (g->hash == hash && nt_slice_eq(nt_slice_mem(g->key, g->key_len), k))
			return g;
	return create ? new_group(w, hash, k) : NULL;
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
					    int64_t index)
{
	size_t at = g->buckets_len;

	while (at && g->buckets[at - 1].index > index)
		at--;
	if (at && g->buckets[at - 1].index == index)
		return &g->buckets[at - 1];
	if (g->buckets_len == g->buckets_cap) {
		size_t cap = g->buckets_cap ? g->buckets_cap * 2 : 2;
		size_t more = (cap - g->buckets_cap) * sizeof(*g->buckets);
		struct nt_window_bucket *buckets;

		if (!take_bytes(w, more))
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
	return &g->buckets[at];
}

/* Of the rule's field; false when the record has none. The mean of a row weighs as much as what was
 * measured for it. */
static bool value_of(const struct nt_rule *rule, const struct nt_record *r, double *ret_value,
		     double *ret_weight)
{
	char small[NT_FIELD_SMALL];
	struct nt_column_value v;

	if (nt_field_missing(rule->field, r, r))
		return false;
	v = nt_field_scalar(rule->field, r, r, small);
	if (v.kind != NT_COLUMN_INT && v.kind != NT_COLUMN_DOUBLE)
		return false;
	*ret_value = v.kind == NT_COLUMN_INT ? (double)v.i : v.d;
	*ret_weight = rule->field->kind == NT_FIELD_MEAN ? (double)r->latency_count : 1;
	return true;
}

static void accumulate(const struct nt_rule *rule, const struct nt_record *r,
		       struct nt_window_bucket *b)
{
	double value, weight;

	/* A late reply is no lookup of its own: it makes no group. */
	b->rows += !r->late || rule->late;
	b->count += (double)r->count;
	if (!rule->field || !value_of(rule, r, &value, &weight))
		return;
	b->min = b->weight == 0 || value < b->min ? value : b->min;
	b->max = b->weight == 0 || value > b->max ? value : b->max;
	b->sum += rule->metric == NT_RULE_AVG ? value * weight : value;
	b->weight += weight;
}

/* A value as the JSON form has it, "" for none. scratch holds it until the next call. */
static struct nt_slice key_text(const struct nt_rule_key *key, const struct nt_record *r,
				const struct nt_server *server, struct nt_buf *scratch)
{
	const struct nt_field *f = key->member ?: key->field;
	const void *base = key->member ? (const void *)server : r;
	char small[NT_FIELD_SMALL];
	struct nt_column_value v;
	struct nt_slice clean;

	nt_buf_reset(scratch);
	if (!base || nt_field_missing(f, base, r))
		return (struct nt_slice){ 0 };
	v = nt_field_scalar(f, base, r, small);
	if (v.kind == NT_COLUMN_NULL)
		return (struct nt_slice){ 0 };
	if (v.kind != NT_COLUMN_TEXT) {
		if (f->kind == NT_FIELD_BOOL)
			nt_buf_puts(scratch, v.i ? "true" : "false");
		else
			nt_buf_i64(scratch, v.i);
		return nt_slice_mem(scratch->p, scratch->len);
	}
	clean = nt_text_clean(v.text, scratch);
	if (clean.p != small)
		return clean;
	nt_buf_reset(scratch);
	nt_buf_slice(scratch, clean);
	return nt_slice_mem(scratch->p, scratch->len);
}

static bool add_to_group(struct nt_window *w, const struct nt_record *r,
			 const struct nt_server *server, nt_window_group_fn *fn, void *ctx)
{
	struct nt_buf scratch[NT_STORE_GROUP_KEYS] = { 0 };
	struct nt_slice values[NT_STORE_GROUP_KEYS];
	struct nt_window_bucket *bucket = NULL;
	struct nt_window_group *g;

	for (size_t i = 0; i < w->rule->keys_len; i++)
		values[i] = key_text(&w->rule->keys[i], r, server, &scratch[i]);
	g = nt_window_group(w, values, true);
	if (g)
		bucket = find_bucket(w, g, r->start_us / w->rule->width_us);
	if (bucket) {
		accumulate(w->rule, r, bucket);
		fn(ctx, g);
	}
	for (size_t i = 0; i < w->rule->keys_len; i++)
		nt_buf_done(&scratch[i]);
	return bucket;
}

bool nt_window_add(struct nt_window *w, const struct nt_record *r, nt_window_group_fn *fn,
		   void *ctx)
{
	bool per_server = false, whole = true;

	for (size_t i = 0; i < w->rule->keys_len; i++)
		per_server |= w->rule->keys[i].member != NULL;
	if (!per_server || !r->servers_len)
		return add_to_group(w, r, NULL, fn, ctx);
	for (size_t i = 0; i < r->servers_len; i++)
		whole &= add_to_group(w, r, &r->servers[i], fn, ctx);
	return whole;
}

/* --- evaluating ------------------------------------------------------------------------------- */

static struct nt_window_bucket total(const struct nt_window *w, const struct nt_window_group *g,
				     int64_t end_us)
{
	int64_t to = end_us / w->rule->width_us;
	int64_t from = to - w->rule->lookback_us / w->rule->width_us;
	struct nt_window_bucket sum = { 0 };

	for (size_t i = g->buckets_len; i && g->buckets[i - 1].index >= from; i--) {
		const struct nt_window_bucket *b = &g->buckets[i - 1];

		if (b->index >= to)
			continue;
		if (b->weight > 0) {
			sum.min = sum.weight == 0 || b->min < sum.min ? b->min : sum.min;
			sum.max = sum.weight == 0 || b->max > sum.max ? b->max : sum.max;
		}
		sum.rows += b->rows;
		sum.count += b->count;
		sum.sum += b->sum;
		sum.weight += b->weight;
	}
	return sum;
}

bool nt_window_fires(const struct nt_window *w, const struct nt_window_group *g, int64_t end_us,
		     double *ret_value)
{
	const struct nt_rule *rule = w->rule;
	struct nt_window_bucket sum = total(w, g, end_us);
	double value = sum.count;

	/* A group is there while it has rows; the one of a rule without aggregateBy always is, so
	 * that "count lt 1" can say that nothing came. */
	if (!sum.rows && sum.weight == 0 && (rule->keys_len || rule->metric == NT_RULE_ANY))
		return false;
	if (rule->metric > NT_RULE_SUM && sum.weight == 0)
		return false;
	if (rule->metric == NT_RULE_SUM)
		value = sum.sum;
	else if (rule->metric == NT_RULE_MIN)
		value = sum.min;
	else if (rule->metric == NT_RULE_MAX)
		value = sum.max;
	else if (rule->metric == NT_RULE_AVG)
		value = sum.sum / sum.weight;
	*ret_value = value;
	return rule->metric == NT_RULE_ANY || nt_rule_holds(rule, value);
}

static void expire_buckets(const struct nt_window *w, struct nt_window_group *g, int64_t before_us)
{
	size_t n = 0;

	while (n < g->buckets_len && (g->buckets[n].index + 1) * w->rule->width_us <= before_us)
		n++;
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
