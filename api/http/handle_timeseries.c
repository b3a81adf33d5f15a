/* SPDX-License-Identifier: Apache-2.0 */
/* GET timeseries: every bucket of the range, zeros included, as a whole or split by one field. */
#include "api/http/frame.h"

#include <stdlib.h>

#include "api/http/figures.h"
#include "lib/base/cleanup.h"

/* With the widest bucket, one day: bounds the answer where the range is not bounded. */
#define BUCKETS_MAX 2000
/* The contract's limit on `limit`, and the rest. */
#define SERIES_MAX 51
/* Of a key in memory; longer ones cannot be (a name has 255 octets, escaped four times that). */
#define KEY_MAX 1100

struct point {
	uint64_t count, queries, replies, unanswered, blocked, blocked_unanswered;
	uint64_t bytes_out, bytes_in;
	uint64_t latency_count, latency_min_ns, latency_max_ns, latency_sum_ns;
	struct nt_store_hop hop_network, hop_server, hop_upstream;
};

struct series {
	char key[KEY_MAX];
	size_t key_len;
	bool other;
	struct point *points; /* owned */
};

struct timeseries {
	struct nt_figures figures;
	struct nt_by by; /* len 0 or 1 */
	uint32_t limit;
	int64_t bucket_us, first_us; /* start of the first bucket */
	size_t buckets;
	struct series series[SERIES_MAX];
	size_t series_len;
	bool more; /* there are keys beyond the limit */
	bool no_memory;
	uint64_t *lost; /* owned, packets per bucket */
};

static void timeseries_free(struct timeseries *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->series_len; i++)
		free(t->series[i].points);
	free(t->lost);
	nt_figures_done(&t->figures);
	free(t);
}

static void timeseries_freep(struct timeseries **t)
{
	timeseries_free(*t);
}

static bool add_series(struct timeseries *t, struct nt_slice key, bool other)
{
	struct series *s = &t->series[t->series_len];

	s->points = calloc(t->buckets, sizeof(*s->points));
	if (!s->points || key.len > sizeof(s->key)) {
		free(s->points);
		t->no_memory = true;
		return false;
	}
	if (key.len)
		memcpy(s->key, key.p, key.len);
	s->key_len = key.len;
	s->other = other;
	t->series_len++;
	return true;
}

/* The largest keys of the whole range, in that order; one more says that there is a rest. */
static bool take_key(void *ctx, const struct nt_store_group *group)
{
	struct timeseries *t = ctx;

	if (t->series_len == t->limit) {
		t->more = true;
		return false;
	}
	return add_series(t, group->keys[0], false);
}

static struct series *find_series(struct timeseries *t, struct nt_slice key)
{
	for (size_t i = 0; i < t->series_len; i++) {
		struct series *s = &t->series[i];

		if (s->other || nt_slice_eq(key, nt_slice_mem(s->key, s->key_len)))
			return s;
	}
	return NULL;
}

static void point_add(struct point *p, const struct nt_store_sums *s)
{
	p->count += s->count;
	p->queries += s->queries;
	p->replies += s->replies;
	p->unanswered += s->unanswered;
	p->blocked += s->blocked;
	p->blocked_unanswered += s->blocked_unanswered;
	p->bytes_out += s->bytes_out;
	p->bytes_in += s->bytes_in;
	if (s->latency_count && (!p->latency_count || s->latency_min_ns < p->latency_min_ns))
		p->latency_min_ns = s->latency_min_ns;
	if (s->latency_max_ns > p->latency_max_ns)
		p->latency_max_ns = s->latency_max_ns;
	p->latency_count += s->latency_count;
	p->latency_sum_ns += s->latency_sum_ns;
	nt_hop_merge(&p->hop_network, &s->hop_network);
	nt_hop_merge(&p->hop_server, &s->hop_server);
	nt_hop_merge(&p->hop_upstream, &s->hop_upstream);
}

static size_t bucket_of(const struct timeseries *t, int64_t bucket_us)
{
	return (size_t)((bucket_us - t->first_us) / t->bucket_us);
}

static bool take_bucket(void *ctx, const struct nt_store_group *group)
{
	struct timeseries *t = ctx;
	struct series *s = find_series(t, group->keys[0]);
	size_t at = bucket_of(t, group->bucket_us);

	/* A key that came between the two queries, without a rest to put it in, waits for the next
	 * call; the clock's end of the range keeps that rare. */
	if (s && at < t->buckets)
		point_add(&s->points[at], &group->sums);
	return true;
}

static bool take_lost(void *ctx, const struct nt_store_group *group)
{
	struct timeseries *t = ctx;
	size_t at = bucket_of(t, group->bucket_us);

	if (at < t->buckets)
		t->lost[at] += group->sums.packets;
	return true;
}

static int gather(struct nt_api *api, struct nt_store_reader *reader, void *ctx,
		  struct nt_reply *reply, struct nt_err *err)
{
	struct timeseries *t = ctx;
	struct nt_store_grouping top = { .keys_len = t->by.len, .limit = t->limit + 1 };
	struct nt_store_grouping buckets = { .keys_len = t->by.len, .bucket_us = t->bucket_us };
	const struct nt_store_grouping lost = { .bucket_us = t->bucket_us };
	int r = 0;

	(void)api;
	(void)reply;
	t->lost = calloc(t->buckets, sizeof(*t->lost));
	if (!t->lost)
		return nt_err_set(err, ENOMEM, "no memory for the answer");
	if (t->by.len) {
		top.keys[0] = buckets.keys[0] = t->by.names[0];
		r = nt_store_group(reader, &t->figures.range, &top, take_key, t, err);
		if (r == 0 && t->more)
			(void)add_series(t, NT_SLICE_LIT("~other"), true);
	} else {
		(void)add_series(t, (struct nt_slice){ 0 }, false);
	}
	if (r == 0 && t->no_memory)
		return nt_err_set(err, ENOMEM, "no memory for the answer");
	if (r == 0)
		r = nt_store_group(reader, &t->figures.range, &buckets, take_bucket, t, err);
	if (r == 0)
		r = nt_store_group(reader, &t->figures.lost, &lost, take_lost, t, err);
	return r;
}

static void write_point(struct nt_json *j, int64_t us, const struct point *p)
{
	const struct nt_store_sums s = { .latency_count = p->latency_count,
					 .latency_sum_ns = p->latency_sum_ns };

	nt_json_open(j, '{');
	nt_json_key_time(j, "time", us);
	nt_json_key_u64(j, "count", p->count);
	nt_json_key_u64(j, "queries", p->queries);
	nt_json_key_u64(j, "replies", p->replies);
	nt_json_key_u64(j, "unanswered", p->unanswered);
	nt_json_key_u64(j, "blocked", p->blocked);
	nt_json_key_u64(j, "blocked_unanswered", p->blocked_unanswered);
	nt_json_key_u64(j, "bytes_out", p->bytes_out);
	nt_json_key_u64(j, "bytes_in", p->bytes_in);
	nt_json_key_latency(j, "latency_min", &s, p->latency_min_ns);
	nt_json_key_latency(j, "latency_mean", &s, nt_sums_latency_mean(&s));
	nt_json_key_latency(j, "latency_max", &s, p->latency_max_ns);
	nt_json_key_hop(j, "hop_network_mean", &p->hop_network);
	nt_json_key_hop(j, "hop_server_mean", &p->hop_server);
	nt_json_key_hop(j, "hop_upstream_mean", &p->hop_upstream);
	nt_json_close(j, '}');
}

static void write_series(struct nt_json *j, const struct timeseries *t)
{
	nt_json_key(j, "series");
	nt_json_open(j, '[');
	for (size_t i = 0; i < t->series_len; i++) {
		const struct series *s = &t->series[i];

		nt_json_open(j, '{');
		nt_json_key_str(j, "key", nt_slice_mem(s->key, s->key_len));
		nt_json_key(j, "points");
		nt_json_open(j, '[');
		for (size_t k = 0; k < t->buckets; k++)
			write_point(j, t->first_us + (int64_t)k * t->bucket_us, &s->points[k]);
		nt_json_close(j, ']');
		nt_json_close(j, '}');
	}
	nt_json_close(j, ']');
}

static void write_loss(struct nt_json *j, const struct timeseries *t)
{
	nt_json_key(j, "loss");
	nt_json_open(j, '[');
	for (size_t k = 0; k < t->buckets; k++) {
		if (!t->lost[k])
			continue;
		nt_json_open(j, '{');
		nt_json_key_time(j, "time", t->first_us + (int64_t)k * t->bucket_us);
		nt_json_key_u64(j, "packets", t->lost[k]);
		nt_json_close(j, '}');
	}
	nt_json_close(j, ']');
}

static void write_timeseries(const struct timeseries *t, struct nt_reply *reply)
{
	struct nt_json j = NT_JSON(&reply->body);

	nt_json_open(&j, '{');
	nt_json_range(&j, &t->figures.range);
	nt_json_key(&j, "exact");
	nt_json_bool(&j, true);
	nt_json_key_u64(&j, "bucket_seconds", (uint64_t)(t->bucket_us / 1000000));
	nt_json_key(&j, "by");
	if (t->by.len)
		nt_json_str(&j, nt_slice_str(t->by.names[0]));
	else
		nt_json_null(&j);
	write_series(&j, t);
	write_loss(&j, t);
	nt_json_close(&j, '}');
}

/* Buckets begin at multiples of their width since 1970, so that two calls can be laid over each
 * other; the first and the last may reach beyond the range. */
static int choose_buckets(struct timeseries *t, uint32_t wanted, struct nt_err *err)
{
	const struct nt_store_range *range = &t->figures.range;
	int64_t width_us = nt_bucket_us(range->to_us - range->from_us, wanted);
	int64_t into = range->from_us % width_us;
	int64_t first_us = range->from_us - (into < 0 ? into + width_us : into);
	int64_t buckets = (range->to_us - first_us + width_us - 1) / width_us;

	if (buckets > BUCKETS_MAX)
		return nt_err_set(err, EINVAL, "from, to: at most %d days", BUCKETS_MAX);
	t->bucket_us = width_us;
	t->first_us = first_us;
	t->buckets = (size_t)buckets;
	return 0;
}

static bool parse(const struct nt_params *p, struct timeseries *t, struct nt_reply *reply)
{
	const struct nt_slice *by = nt_params_find(p, "by");
	struct nt_err err = { 0 };
	uint32_t wanted;
	int r = 0;

	if (!nt_figures_begin(p, "by buckets limit", &t->figures, reply))
		return false;
	if (by)
		r = nt_by_parse(*by, 1, &t->by, &err);
	if (r == 0)
		r = nt_params_u32(p, "buckets", 1000, 60, &wanted, &err);
	if (r == 0)
		r = nt_params_u32(p, "limit", SERIES_MAX - 1, 10, &t->limit, &err);
	if (r == 0)
		r = choose_buckets(t, wanted, &err);
	if (r < 0)
		nt_reply_problem(reply, 400, "%s", err.msg);
	return r == 0;
}

void nt_handle_timeseries(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	_cleanup_(timeseries_freep) struct timeseries *t = calloc(1, sizeof(*t));

	if (!t) {
		nt_reply_problem(reply, 503, "no memory for the answer");
		return;
	}
	if (!parse(p, t, reply))
		return;
	nt_reply_json(reply);
	nt_frame_from_store(api, gather, t, reply);
	if (reply->status == 200) /* without a reader in hand */
		write_timeseries(t, reply);
}
