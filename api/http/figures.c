/* SPDX-License-Identifier: Apache-2.0 */
/* Sums, latencies and ranges as JSON. */
#include "api/http/figures.h"

#include "lib/record/histogram.h"

uint64_t nt_sums_percentile(const struct nt_store_sums *s, unsigned percent)
{
	return nt_histogram_percentile(s->latency_histogram, s->latency_max_ns, percent);
}

uint64_t nt_sums_latency_mean(const struct nt_store_sums *s)
{
	return s->latency_count ? s->latency_sum_ns / s->latency_count : 0;
}

void nt_hop_merge(struct nt_store_hop *into, const struct nt_store_hop *hop)
{
	into->count += hop->count;
	into->sum_ns += hop->sum_ns;
}

void nt_sums_merge(struct nt_store_sums *into, const struct nt_store_sums *s)
{
	if (s->latency_count && (!into->latency_count || s->latency_min_ns < into->latency_min_ns))
		into->latency_min_ns = s->latency_min_ns;
	if (s->latency_max_ns > into->latency_max_ns)
		into->latency_max_ns = s->latency_max_ns;
	into->rows += s->rows;
	into->count += s->count;
	into->queries += s->queries;
	into->replies += s->replies;
	into->unanswered += s->unanswered;
	into->blocked += s->blocked;
	into->blocked_unanswered += s->blocked_unanswered;
	into->nxdomain += s->nxdomain;
	into->servfail += s->servfail;
	into->retries += s->retries;
	into->truncated += s->truncated;
	into->bytes_out += s->bytes_out;
	into->bytes_in += s->bytes_in;
	into->latency_count += s->latency_count;
	into->latency_sum_ns += s->latency_sum_ns;
	nt_hop_merge(&into->hop_network, &s->hop_network);
	nt_hop_merge(&into->hop_server, &s->hop_server);
	nt_hop_merge(&into->hop_upstream, &s->hop_upstream);
	into->packets += s->packets;
	nt_histogram_add(into->latency_histogram, s->latency_histogram);
}

void nt_json_range(struct nt_json *j, const struct nt_store_range *range)
{
	nt_json_key(j, "range");
	nt_json_open(j, '{');
	nt_json_key_time(j, "from", range->from_us);
	nt_json_key_time(j, "to", range->to_us);
	nt_json_close(j, '}');
}

void nt_json_key_latency(struct nt_json *j, const char *key, const struct nt_store_sums *s,
			 uint64_t ns)
{
	nt_json_key(j, key);
	if (s->latency_count)
		nt_json_u64(j, ns);
	else
		nt_json_null(j);
}

void nt_json_key_hop(struct nt_json *j, const char *key, const struct nt_store_hop *hop)
{
	nt_json_key(j, key);
	if (hop->count)
		nt_json_u64(j, hop->sum_ns / hop->count);
	else
		nt_json_null(j);
}

static void write_hop(struct nt_json *j, const char *key, const struct nt_store_hop *hop)
{
	nt_json_key(j, key);
	nt_json_open(j, '{');
	nt_json_key_u64(j, "count", hop->count);
	nt_json_key_hop(j, "mean", hop);
	nt_json_close(j, '}');
}

void nt_json_sums(struct nt_json *j, const struct nt_store_sums *s)
{
	nt_json_key(j, "sums");
	nt_json_open(j, '{');
	nt_json_key_u64(j, "count", s->count);
	nt_json_key_u64(j, "queries", s->queries);
	nt_json_key_u64(j, "replies", s->replies);
	nt_json_key_u64(j, "unanswered", s->unanswered);
	nt_json_key_u64(j, "blocked", s->blocked);
	nt_json_key_u64(j, "blocked_unanswered", s->blocked_unanswered);
	nt_json_key_u64(j, "nxdomain", s->nxdomain);
	nt_json_key_u64(j, "servfail", s->servfail);
	nt_json_key_u64(j, "retries", s->retries);
	nt_json_key_u64(j, "truncated", s->truncated);
	nt_json_key_u64(j, "bytes_out", s->bytes_out);
	nt_json_key_u64(j, "bytes_in", s->bytes_in);
	nt_json_key(j, "latency");
	nt_json_open(j, '{');
	nt_json_key_u64(j, "count", s->latency_count);
	nt_json_key_latency(j, "min", s, s->latency_min_ns);
	nt_json_key_latency(j, "mean", s, nt_sums_latency_mean(s));
	nt_json_key_latency(j, "max", s, s->latency_max_ns);
	nt_json_key_latency(j, "p50", s, nt_sums_percentile(s, 50));
	nt_json_key_latency(j, "p95", s, nt_sums_percentile(s, 95));
	nt_json_key_latency(j, "p99", s, nt_sums_percentile(s, 99));
	nt_json_close(j, '}');
	nt_json_key(j, "hops");
	nt_json_open(j, '{');
	write_hop(j, "network", &s->hop_network);
	write_hop(j, "server", &s->hop_server);
	write_hop(j, "upstream", &s->hop_upstream);
	nt_json_close(j, '}');
	nt_json_close(j, '}');
}
