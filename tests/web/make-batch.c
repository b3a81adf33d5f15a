/* SPDX-License-Identifier: Apache-2.0 */
/* Turns a JSON description on stdin into one batch on stdout, with the agent's own encoder. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/cleanup.h"
#include "lib/dns/message.h"
#include "lib/record/batch.h"

/* A description is written by a test: what is wrong with it ends the program. */
static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "make-batch: %s\n", what);
	exit(1);
}

static struct nt_slice text(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	return nt_slice_mem(json_string_value(v), json_string_length(v));
}

static uint64_t number(const json_t *o, const char *key)
{
	return (uint64_t)json_integer_value(json_object_get(o, key));
}

static struct nt_addr address(struct nt_slice s)
{
	struct nt_addr a = { 0 };

	must(s.len == 0 || nt_addr_parse(s, &a) == 0, "an address is none");
	return a;
}

static uint16_t type_of(struct nt_slice s)
{
	uint16_t type = 0;

	must(s.len == 0 || nt_dns_type_parse(s, &type) == 0, "a record type is none");
	return type;
}

static unsigned one_of(struct nt_slice s, const char *const *words)
{
	for (unsigned i = 0; words[i]; i++)
		if (nt_slice_eq(s, nt_slice_str(words[i])))
			return i;
	return 0;
}

static void *zalloc(struct nt_arena *arena, size_t n, size_t size)
{
	void *p = nt_arena_zalloc(arena, (n ? n : 1) * size);

	must(p != NULL, "no memory");
	return p;
}

static void set_latency(const json_t *list, struct nt_record *r)
{
	size_t i;
	json_t *v;

	json_array_foreach(list, i, v)
	{
		uint64_t ns = (uint64_t)json_integer_value(v);
		unsigned bucket = 0;

		while (bucket + 1 < NT_HISTOGRAM_BUCKETS && ns >= 1ULL << (bucket + 14))
			bucket++;
		r->latency_histogram[bucket]++;
		if (!r->latency_count || ns < r->latency_min_ns)
			r->latency_min_ns = ns;
		if (ns > r->latency_max_ns)
			r->latency_max_ns = ns;
		r->latency_sum_ns += ns;
		r->latency_count++;
	}
}

static void set_rrsets(const json_t *list, struct nt_arena *arena, struct nt_record *r)
{
	size_t i, k;
	json_t *o, *v;

	r->rrsets_len = json_array_size(list);
	r->rrsets = zalloc(arena, r->rrsets_len, sizeof(*r->rrsets));
	json_array_foreach(list, i, o)
	{
		const json_t *rdata = json_object_get(o, "rdata");
		struct nt_rrset *s = &r->rrsets[i];

		s->name = text(o, "name");
		s->type = type_of(text(o, "type"));
		s->class_ = 1;
		s->ttl_min = s->ttl_max = (uint32_t)number(o, "ttl");
		s->rdata_len = json_array_size(rdata);
		s->rdata = zalloc(arena, s->rdata_len, sizeof(*s->rdata));
		json_array_foreach(rdata, k, v) s->rdata[k] =
			nt_slice_mem(json_string_value(v), json_string_length(v));
	}
}

static void set_server(const json_t *o, struct nt_arena *arena, struct nt_record *r)
{
	if (!o)
		return;
	r->servers = zalloc(arena, 1, sizeof(*r->servers));
	r->servers_len = 1;
	r->servers->ip = address(text(o, "ip"));
	r->servers->port = 53;
	r->servers->name = text(o, "name");
	r->servers->name_aggr = text(o, "name_aggr");
	r->servers->namespace_ = text(o, "namespace");
	r->servers->service = text(o, "service");
}

static void set_client(const json_t *o, struct nt_record *r)
{
	r->client_namespace = text(o, "client_namespace");
	r->client_name = text(o, "client_name");
	r->client_name_aggr = text(o, "client_name_aggr");
	r->client_uid = text(o, "client_uid");
	r->client_ip = address(text(o, "client_ip"));
	r->client_ifname = text(o, "client_ifname");
}

static void set_name(const json_t *o, struct nt_record *r)
{
	static const char *const names[] = { "", "cluster", "external", "reverse", "search", NULL };
	static const char *const verdicts[] = { "", "allow", "audit", "deny", "unjudgeable", NULL };
	struct nt_slice rcode = text(o, "rcode");

	r->qname = text(o, "qname");
	r->qtype = type_of(text(o, "qtype"));
	r->qclass = 1;
	r->answered = rcode.len > 0;
	must(!r->answered || nt_dns_rcode_parse(rcode, &r->rcode) == 0, "a response code is none");
	r->scope = (enum nt_scope)one_of(text(o, "scope"), names);
	r->verdict = (uint8_t)one_of(text(o, "verdict"), verdicts);
	r->policy = text(o, "policy");
	r->logical_qname = text(o, "logical_qname");
	r->domain = text(o, "domain");
}

static struct nt_record record_of(const json_t *o, struct nt_arena *arena, uint64_t id)
{
	static const char *const types[] = { "LOG", "UNLOGGED", NULL };
	static const char *const roles[] = { "workload", "resolver", NULL };
	static const char *const sides[] = { "client", "server", NULL };
	struct nt_record r = {
		.id = id,
		.type = (enum nt_record_type)one_of(text(o, "type"), types),
		.side = (enum nt_side)one_of(text(o, "side"), sides),
		.role = (enum nt_role)one_of(text(o, "role"), roles),
		.start_us = (int64_t)number(o, "start_us"),
		.end_us = (int64_t)number(o, "end_us"),
		.count = number(o, "count"),
		.queries = number(o, "queries"),
		.replies = number(o, "replies"),
		.unanswered = number(o, "unanswered"),
		.retries = number(o, "retries"),
		.truncated = number(o, "truncated"),
		.bytes_out = number(o, "bytes_out"),
		.bytes_in = number(o, "bytes_in"),
		.node = text(o, "node"),
		.reason = text(o, "reason"),
		.transport = 17,
		.hop_network_ns = -1,
		.hop_server_ns = -1,
		.hop_upstream_ns = -1,
	};

	set_client(o, &r);
	if (r.type == NT_RECORD_UNLOGGED)
		return r;
	set_name(o, &r);
	set_server(json_object_get(o, "server"), arena, &r);
	set_rrsets(json_object_get(o, "rrsets"), arena, &r);
	set_latency(json_object_get(o, "latencies"), &r);
	return r;
}

static struct nt_batch_endpoint endpoint_of(const json_t *o, uint64_t id)
{
	static const char *const states[] = { "", "tapped", "gone", "failed", "excluded", NULL };
	struct nt_batch_endpoint e = {
		.ep_id = id,
		.state = (enum nt_endpoint_state)one_of(text(o, "state"), states),
		.namespace_ = text(o, "namespace"),
		.name = text(o, "name"),
		.uid = text(o, "uid"),
		.container_id = text(o, "container_id"),
		.ifname = NT_SLICE_LIT("eth0"),
		.since_us = (int64_t)number(o, "since_us"),
		.seen = number(o, "seen"),
		.logged = number(o, "logged"),
		.unlogged = number(o, "unlogged"),
		.stream = number(o, "stream"),
		.reason = text(o, "reason"),
	};

	return e;
}

static void add_gap(const json_t *o, uint64_t id, struct nt_buf *gaps)
{
	const struct nt_batch_gap gap = { .ep_id = id,
					  .from_us = (int64_t)number(o, "from_us"),
					  .to_us = (int64_t)number(o, "to_us"),
					  .reason = text(o, "reason") };

	if (o)
		nt_buf_add(gaps, &gap, sizeof(gap));
}

int main(void)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(256u << 20);
	_cleanup_buf_ struct nt_buf out = { 0 }, gaps = { 0 };
	json_error_t bad;
	json_auto_t *o = json_loadf(stdin, JSON_ALLOW_NUL, &bad);
	json_t *records = json_object_get(o, "records");
	json_t *endpoints = json_object_get(o, "endpoints");
	struct nt_batch batch = {
		.node = text(o, "node"),
		.spool = text(o, "spool"),
		.seq = number(o, "seq"),
		.created_us = (int64_t)number(o, "created_us"),
		.records_len = json_array_size(records),
		.endpoints_len = json_array_size(endpoints),
	};
	struct nt_batch_endpoint *eps = zalloc(&arena, batch.endpoints_len, sizeof(*eps));
	struct nt_record *rows = zalloc(&arena, batch.records_len, sizeof(*rows));
	struct nt_err err = { 0 };

	must(o != NULL, bad.text);
	for (size_t i = 0; i < batch.records_len; i++)
		rows[i] = record_of(json_array_get(records, i), &arena, i + 1);
	for (size_t i = 0; i < batch.endpoints_len; i++)
		eps[i] = endpoint_of(json_array_get(endpoints, i), i + 1);
	for (size_t i = 0; i < batch.endpoints_len; i++)
		add_gap(json_object_get(json_array_get(endpoints, i), "gap"), i + 1, &gaps);
	batch.gaps = (const struct nt_batch_gap *)gaps.p;
	batch.gaps_len = gaps.len / sizeof(*batch.gaps);
	batch.records = rows;
	batch.endpoints = eps;
	must(nt_batch_encode(&batch, &out, &err) == 0, err.msg);
	must(fwrite(out.p, 1, out.len, stdout) == out.len && fflush(stdout) == 0, "cannot write");
	return 0;
}
