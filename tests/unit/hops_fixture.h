/* SPDX-License-Identifier: Apache-2.0 */
/* Two nodes that write of the same lookups into a store: a client's n1, and n2 of the server that
 * answers behind the address that is asked. */
#pragma once

#include "controller/store/join.h"
#include "tests/unit/store_fixture.h"

#define S 1000000LL
#define MS 1000LL
#define FLUSH (5 * S)

static const uint8_t pod_ip[4] = { 10, 2, 0, 5 };
static uint64_t seqs[2];

enum { CLIENT = 0, SERVER = 1 };

static inline struct nt_record of_server(uint64_t id, int64_t at_us, const char *qname)
{
	static struct nt_server pod = { .port = 53,
					.name = { "dns-0", 5 },
					.name_aggr = { "dns-*", 5 },
					.namespace_ = { "kube-system", 11 } };
	struct nt_record r = store_record(id, at_us, qname);

	pod.ip = nt_addr_from(4, pod_ip);
	r.node = NT_SLICE_LIT("n2");
	r.side = NT_SIDE_SERVER;
	r.role = NT_ROLE_RESOLVER;
	r.client_name = r.client_namespace = (struct nt_slice){ 0 };
	r.servers = &pod;
	return r;
}

static inline void measured(struct nt_record *r, uint64_t count, uint64_t latency_ns)
{
	r->count = r->queries = r->replies = r->latency_count = count;
	r->latency_sum_ns = latency_ns;
	r->latency_min_ns = r->latency_max_ns = latency_ns / count;
}

static inline void hops(struct nt_record *r, int64_t server_ns, int64_t upstream_ns)
{
	r->hop_count = r->latency_count;
	r->hop_server_ns = server_ns;
	r->hop_upstream_ns = upstream_ns;
}

static inline void silent(struct nt_record *r, uint64_t count)
{
	r->answered = false;
	r->count = r->queries = r->unanswered = count;
	r->replies = r->bytes_in = 0;
	r->latency_count = r->latency_min_ns = r->latency_max_ns = r->latency_sum_ns = 0;
	r->latency_histogram[1] = 0;
}

/* The next batch of a node, made at that time. */
static inline struct nt_batch next(int side, int64_t at_us, const struct nt_record *records,
				   size_t len)
{
	struct nt_batch b =
		store_batch(side == CLIENT ? "client" : "server", ++seqs[side], records, len);

	b.node = side == CLIENT ? NT_SLICE_LIT("n1") : NT_SLICE_LIT("n2");
	b.created_us = at_us;
	return b;
}

static inline void tell(int side, int64_t at_us, const struct nt_record *records, size_t len)
{
	struct nt_batch b = next(side, at_us, records, len);

	append(&b, NT_STORE_APPENDED);
}

/* The server's node goes on: whatever it has seen and lost by then, it has said. */
static inline void goes_on(int64_t from_us)
{
	for (int i = 1; i <= 4; i++)
		tell(SERVER, from_us + i * FLUSH, NULL, 0);
}

static char said[512];

static inline bool say(void *ctx, int64_t row, const struct nt_record *r, const char *mistake)
{
	size_t len = strlen(said);

	(void)row;
	(void)ctx;
	ck_assert_ptr_null(mistake);
	snprintf(said + len, sizeof(said) - len, "%llu:%lld,%lld,%lld %d %.*s;",
		 (unsigned long long)r->hop_count, (long long)r->hop_network_ns,
		 (long long)r->hop_server_ns, (long long)r->hop_upstream_ns, r->died,
		 NT_SLICE_ARG(r->died_reason));
	return true;
}

/* What the client's rows of that time and after say, the oldest first. */
static inline const char *client_says(int64_t from_us)
{
	struct nt_store_range range = everything();
	int64_t cursor;

	said[0] = '\0';
	range.from_us = from_us;
	range.side = NT_SIDE_CLIENT;
	ck_assert_int_eq(
		nt_store_rows(reader, &range, NT_STORE_OLDEST, 10, 0, say, NULL, &cursor, &err), 0);
	return said;
}

static inline void check_died(int64_t from_us, enum nt_died died, const char *reason)
{
	char expected[128];

	snprintf(expected, sizeof(expected), "0:-1,-1,-1 %d %s;", died, reason);
	ck_assert_str_eq(client_says(from_us), expected);
}

/* One lookup that both sides have: from then on it is known who answers at the Service. */
static inline void has_met(int64_t at_us)
{
	struct nt_record c = store_record(1, at_us, "met.test");
	struct nt_record s = of_server(1, at_us, "met.test");

	measured(&c, 1, 5000);
	measured(&s, 1, 3000);
	tell(CLIENT, at_us + S, &c, 1);
	tell(SERVER, at_us + S, &s, 1);
}
