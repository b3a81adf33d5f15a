/* SPDX-License-Identifier: Apache-2.0 */
/* A plain row, and what makes rows differ. */
#include "controller/alerts/sample_base.h"

#include <netinet/in.h>
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/dns/message.h"

static struct nt_server server = {
	.ip = { 4, { 192, 0, 2, 53 } },
	.port = 53,
	.name = { "selftest-dns", 12 },
	.name_aggr = { "selftest-dns", 12 },
	.namespace_ = { "selftest", 8 },
	.service = { "selftest/dns", 12 },
};
static struct nt_slice address = { "192.0.2.80", 10 };
static struct nt_rrset answer = {
	.name = { "www.selftest.example", 20 },
	.type = 1,
	.class_ = 1,
	.ttl_min = 30,
	.ttl_max = 30,
	.rdata = &address,
	.rdata_len = 1,
};

static struct nt_record packets(uint64_t count)
{
	return (struct nt_record){
		.type = NT_RECORD_UNLOGGED,
		.node = NT_SLICE_LIT("selftest"),
		.count = count,
		.hop_network_ns = -1,
		.hop_server_ns = -1,
		.hop_upstream_ns = -1,
		.client_namespace = NT_SLICE_LIT("selftest"),
		.client_name = NT_SLICE_LIT("selftest-1"),
		.client_uid = NT_SLICE_LIT("selftest-uid"),
		.client_ip = { 4, { 192, 0, 2, 10 } },
		.client_ifname = NT_SLICE_LIT("eth0"),
		.client_container_id = NT_SLICE_LIT("selftest-container"),
		.client_name_aggr = NT_SLICE_LIT("selftest-*"),
		.client_workload_kind = NT_SLICE_LIT("Deployment"),
		.client_workload_name = NT_SLICE_LIT("selftest"),
		.reason = NT_SLICE_LIT("ring_full"),
	};
}

static struct nt_record lookups(uint64_t count)
{
	struct nt_record r = packets(count);

	r.type = NT_RECORD_LOG;
	r.reason = (struct nt_slice){ 0 };
	r.queries = r.replies = count;
	r.bytes_out = 60 * count;
	r.bytes_in = 120 * count;
	r.servers = &server;
	r.servers_len = 1;
	r.transport = IPPROTO_UDP;
	r.qname = NT_SLICE_LIT("www.selftest.example");
	r.qtype = r.qclass = 1;
	r.answered = true;
	r.rrsets = &answer;
	r.rrsets_len = 1;
	r.flags = NT_DNS_RD | NT_DNS_RA;
	r.scope = NT_SCOPE_EXTERNAL;
	r.logical_qname = r.qname;
	r.domain = NT_SLICE_LIT("selftest.example");
	nt_sample_set_latency(&r, 1000000);
	return r;
}

struct nt_record nt_sample_base(const struct nt_rule *r, uint64_t count)
{
	struct nt_record record = r->unlogged ? packets(count) : lookups(count);

	record.side = r->side >= 0 ? (enum nt_side)r->side : NT_SIDE_CLIENT;
	record.role = r->role >= 0 ? (enum nt_role)r->role : NT_ROLE_WORKLOAD;
	return record;
}

struct nt_record nt_sample_other(const struct nt_rule *r)
{
	return r->unlogged ? lookups(1) : packets(1);
}

void nt_sample_set_histogram(struct nt_record *record)
{
	unsigned bucket = 0;

	while (bucket < NT_HISTOGRAM_BUCKETS - 1 && record->latency_max_ns >> (bucket + 14))
		bucket++;
	memset(record->latency_histogram, 0, sizeof(record->latency_histogram));
	record->latency_histogram[bucket] = record->latency_count;
}

void nt_sample_set_latency(struct nt_record *record, uint64_t ns)
{
	record->latency_count = record->count;
	record->latency_min_ns = record->latency_max_ns = ns;
	/* Beyond that no sum of a row is. */
	if (__builtin_mul_overflow(ns, record->latency_count, &record->latency_sum_ns))
		record->latency_sum_ns = INT64_MAX;
	nt_sample_set_histogram(record);
}

/* --- differing -------------------------------------------------------------------------------- */

static struct nt_column_value text_value(const char *text)
{
	return (struct nt_column_value){ .kind = NT_COLUMN_TEXT, .text = nt_slice_str(text) };
}

static struct nt_column_value value_of(const struct nt_field *f, size_t number, char text[64])
{
	size_t values = 0;
	char scratch[16];

	switch (f->kind) {
	case NT_FIELD_ENUM:
		while (f->values[values].name)
			values++;
		return text_value(f->values[number % values].name);
	case NT_FIELD_ADDR:
		snprintf(text, 64, "10.%zu.%zu.%zu", number >> 16 & 255, number >> 8 & 255,
			 number & 255);
		return text_value(text);
	case NT_FIELD_TYPE:
		snprintf(text, 64, "%s", nt_dns_type_name((uint16_t)number, scratch));
		return text_value(text);
	case NT_FIELD_CLASS:
		snprintf(text, 64, "%s", nt_dns_class_name((uint16_t)number, scratch));
		return text_value(text);
	case NT_FIELD_RCODE:
		snprintf(text, 64, "%s", nt_dns_rcode_name((uint16_t)number, scratch));
		return text_value(text);
	case NT_FIELD_STR:
		snprintf(text, 64, "n%zu.selftest.example", number);
		return text_value(text);
	default:
		return (struct nt_column_value){ .kind = NT_COLUMN_INT, .i = (int64_t)number };
	}
}

void nt_sample_vary(struct nt_record *record, const struct nt_rule_key *key, size_t number,
		    struct nt_arena *arena)
{
	char text[64];
	const struct nt_field *f = key->member ?: key->field;
	struct nt_column_value value = value_of(f, number, text);
	struct nt_server *copy;

	/* What a field cannot be is as it was: the query may give it other values. */
	if (!key->member) {
		(void)!nt_field_set(f, record, record, value, arena);
		return;
	}
	copy = nt_arena_alloc(arena, sizeof(*copy));
	if (!copy || key->field->kind != NT_FIELD_SERVERS)
		return;
	*copy = server;
	(void)!nt_field_set(f, copy, record, value, arena);
	record->servers = copy;
	record->servers_len = 1;
}

static bool put_number(struct nt_slice *text, uint32_t number, struct nt_arena *arena)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	size_t last = 0;

	for (size_t i = 0; i + 4 <= text->len; i++) {
		if (memcmp(text->p + i, "${n}", 4) != 0)
			continue;
		nt_buf_add(&out, text->p + last, i - last);
		nt_buf_u64(&out, number);
		last = i + 4;
		i += 3;
	}
	if (!last)
		return true;
	nt_buf_add(&out, text->p + last, text->len - last);
	if (!nt_buf_ok(&out))
		return false;
	*text = nt_arena_copy(arena, nt_slice_mem(out.p, out.len));
	return text->p != NULL;
}

bool nt_sample_number(struct nt_record *record, uint32_t number, struct nt_arena *arena)
{
	for (size_t i = 0; i < nt_record_fields.len; i++) {
		const struct nt_field *f = &nt_record_fields.fields[i];

		if (f->kind == NT_FIELD_STR && f->name[0] &&
		    !put_number((struct nt_slice *)((char *)record + f->offset), number, arena))
			return false;
	}
	return true;
}
