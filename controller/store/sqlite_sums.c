/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The aggregate nt_sums(): all figures of a group in one pass, as the octets of a struct
 * nt_store_sums. SQL's SUM would need a column per histogram bucket, and fails on overflow; these
 * sums saturate. The result never leaves the process that made it.
 */
#include "controller/store/sqlite.h"

#include "lib/base/cleanup.h"

/* In the order of the arguments. */
enum argument {
	ARG_TYPE = 0,
	ARG_COUNT = 1,
	ARG_QUERIES = 2,
	ARG_REPLIES = 3,
	ARG_UNANSWERED = 4,
	ARG_LATE_REPLIES = 5,
	ARG_RETRIES = 6,
	ARG_TRUNCATED = 7,
	ARG_BYTES_OUT = 8,
	ARG_BYTES_IN = 9,
	ARG_LATENCY_COUNT = 10,
	ARG_LATENCY_MIN = 11,
	ARG_LATENCY_MAX = 12,
	ARG_LATENCY_SUM = 13,
	ARG_HISTOGRAM = 14,
	ARG_BLOCKED = 15, /* 1: a policy stopped the query */
	ARG_NXDOMAIN = 16, /* 1: that code */
	ARG_SERVFAIL = 17,
	ARG_HOP_COUNT = 18,
	ARG_HOP_NETWORK = 19, /* means; NULL: not known */
	ARG_HOP_SERVER = 20,
	ARG_HOP_UPSTREAM = 21,
	ARG_MAX = 22,
};

const char nt_sqlite_sums_call[] =
	"nt_sums(nt_type, \"count\", queries, replies, unanswered, nt_late_replies, retries,"
	" truncated, bytes_out, bytes_in, latency_count, latency_min, latency_max, latency_sum,"
	" nt_histogram, verdict IN ('deny', 'unjudgeable'), rcode IS 'NXDOMAIN',"
	" rcode IS 'SERVFAIL', hop_count, hop_network_ns, hop_server_ns, hop_upstream_ns)";

void nt_sqlite_histogram(const uint64_t *histogram, struct nt_buf *out)
{
	for (size_t i = 0; i < NT_HISTOGRAM_BUCKETS; i++) {
		uint64_t v = histogram[i];

		if (!v)
			continue;
		nt_buf_putc(out, (char)i);
		for (; v >= 0x80; v >>= 7)
			nt_buf_putc(out, (char)(v & 0x7f) | (char)0x80);
		nt_buf_putc(out, (char)v);
	}
}

static void add(uint64_t *sum, uint64_t v)
{
	if (__builtin_add_overflow(*sum, v, sum))
		*sum = UINT64_MAX;
}

static uint64_t value(sqlite3_value **argv, enum argument i)
{
	sqlite3_int64 v = sqlite3_value_int64(argv[i]);

	return v > 0 ? (uint64_t)v : 0;
}

static void add_histogram(struct nt_store_sums *s, const unsigned char *p, size_t len)
{
	size_t at = 0;

	while (at < len) {
		size_t bucket = p[at++];
		unsigned shift = 0;
		uint64_t v = 0;

		while (at < len && shift < 64) {
			unsigned char octet = p[at++];

			v |= (uint64_t)(octet & 0x7f) << shift;
			shift += 7;
			if (octet < 0x80)
				break;
		}
		if (bucket < NT_HISTOGRAM_BUCKETS)
			add(&s->latency_histogram[bucket], v);
	}
}

static void add_latency(struct nt_store_sums *s, sqlite3_value **argv)
{
	uint64_t count = value(argv, ARG_LATENCY_COUNT);
	uint64_t min = value(argv, ARG_LATENCY_MIN), max = value(argv, ARG_LATENCY_MAX);

	if (!count)
		return;
	if (!s->latency_count || min < s->latency_min_ns)
		s->latency_min_ns = min;
	if (max > s->latency_max_ns)
		s->latency_max_ns = max;
	add(&s->latency_count, count);
	add(&s->latency_sum_ns, value(argv, ARG_LATENCY_SUM));
	add_histogram(s, sqlite3_value_blob(argv[ARG_HISTOGRAM]),
		      (size_t)sqlite3_value_bytes(argv[ARG_HISTOGRAM]));
}

/* Rows have means, rounded down to a nanosecond. */
static void add_hop(struct nt_store_hop *hop, sqlite3_value **argv, enum argument mean)
{
	uint64_t count = value(argv, ARG_HOP_COUNT), sum_ns;

	if (!count || sqlite3_value_type(argv[mean]) == SQLITE_NULL)
		return;
	if (__builtin_mul_overflow(value(argv, mean), count, &sum_ns))
		sum_ns = UINT64_MAX;
	add(&hop->count, count);
	add(&hop->sum_ns, sum_ns);
}

static void sums_step(sqlite3_context *ctx, int argc, sqlite3_value **argv)
{
	struct nt_store_sums *s = sqlite3_aggregate_context(ctx, sizeof(*s));
	uint64_t unanswered, late;

	(void)argc;
	if (!s) {
		sqlite3_result_error_nomem(ctx);
		return;
	}
	add(&s->rows, 1);
	if (value(argv, ARG_TYPE) == NT_RECORD_UNLOGGED) {
		add(&s->packets, value(argv, ARG_COUNT));
		return;
	}
	unanswered = value(argv, ARG_UNANSWERED);
	late = value(argv, ARG_LATE_REPLIES);
	unanswered = unanswered > late ? unanswered - late : 0;
	if (value(argv, ARG_BLOCKED)) {
		add(&s->blocked, value(argv, ARG_COUNT));
		add(&s->blocked_unanswered, unanswered);
	} else {
		if (value(argv, ARG_NXDOMAIN))
			add(&s->nxdomain, value(argv, ARG_COUNT));
		if (value(argv, ARG_SERVFAIL))
			add(&s->servfail, value(argv, ARG_COUNT));
	}
	add(&s->count, value(argv, ARG_COUNT));
	add(&s->queries, value(argv, ARG_QUERIES));
	add(&s->replies, value(argv, ARG_REPLIES));
	add(&s->unanswered, unanswered);
	add(&s->retries, value(argv, ARG_RETRIES));
	add(&s->truncated, value(argv, ARG_TRUNCATED));
	add(&s->bytes_out, value(argv, ARG_BYTES_OUT));
	add(&s->bytes_in, value(argv, ARG_BYTES_IN));
	add_latency(s, argv);
	add_hop(&s->hop_network, argv, ARG_HOP_NETWORK);
	add_hop(&s->hop_server, argv, ARG_HOP_SERVER);
	add_hop(&s->hop_upstream, argv, ARG_HOP_UPSTREAM);
}

static void sums_final(sqlite3_context *ctx)
{
	static const struct nt_store_sums none;
	const struct nt_store_sums *s = sqlite3_aggregate_context(ctx, 0);

	sqlite3_result_blob(ctx, s ? s : &none, sizeof(none), SQLITE_TRANSIENT);
}

int nt_sqlite_sums_register(sqlite3 *db)
{
	return sqlite3_create_function_v2(db, "nt_sums", ARG_MAX,
					  SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
					  NULL, NULL, sums_step, sums_final, NULL);
}
