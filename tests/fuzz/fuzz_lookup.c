/* SPDX-License-Identifier: Apache-2.0 */
/* Any message as a reply: the row of its lookup reads back as the record that the lookup makes. */
#include <netinet/in.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/names/names.h"
#include "lib/record/codec.h"
#include "lib/record/expand.h"
#include "lib/record/lookup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct nt_names *names;
static const struct nt_time_base base = { .real_minus_boot_ns = 1000000000000 };
static const struct nt_identity pod = { .node = NT_SLICE_LIT("n4"),
					.namespace_ = NT_SLICE_LIT("shop"),
					.name = NT_SLICE_LIT("web-6659c9d65f-x2x4p"),
					.searches = "shop.svc.cluster.local cluster.local" };

static void must(bool ok)
{
	if (!ok)
		abort();
}

static struct nt_pair_query query_of(const struct nt_dns_msg *reply, uint8_t seed)
{
	struct nt_pair_query q = { .flow = { .owner = 3,
					     .side = seed & 1,
					     .transport = IPPROTO_UDP,
					     .client = { 4, { 10, 1, 0, 9 } },
					     .server = { 4, { 10, 96, 0, 10 } } },
				   .qtype = reply->qtype,
				   .qclass = reply->qclass,
				   .edns = { .ede = -1 },
				   .first_ns = 5000,
				   .last_ns = 6000,
				   .queries = 1 + (seed >> 6),
				   .bytes = 40 };

	nt_name_copy(&q.qname, &reply->qname);
	return q;
}

static void put_row(struct nt_aggregate *agg, struct nt_arena *arena, struct nt_buf *json)
{
	_cleanup_buf_ struct nt_buf wire = { 0 };
	struct nt_row_reader reader = { .bases_len = 1, .names = names };
	const struct nt_slice *octets = NULL;
	struct nt_base ends;
	struct nt_row *rows = NULL;
	struct nt_record r;
	struct nt_err err;

	must(nt_aggregate_rows(agg, &rows) == 1 && nt_aggregate_bases(agg, &octets) == 1);
	must(nt_base_from_wire(octets[0], arena, &ends, &err) == 0);
	reader.bases = &ends;
	nt_row_wire(&rows[0], &wire);
	must(nt_row_from_wire(&reader, nt_slice_mem(wire.p, wire.len), arena, &r, &err) == 0);
	nt_record_json(&r, json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(64 << 20);
	_cleanup_buf_ struct nt_buf got = { 0 }, want = { 0 };
	struct nt_aggregate *agg;
	struct nt_pair_query q;
	struct nt_dns_msg reply;
	struct nt_record r;
	struct nt_txn txn;

	if (!size || nt_dns_parse(nt_slice_mem(data + 1, size - 1), &reply) < 0)
		return 0;
	if (!names)
		must(nt_names_new("cluster.local", &names, NULL) == 0);
	agg = nt_aggregate_new(8, true, 7, NULL);
	must(agg);
	q = query_of(&reply, data[0]);
	txn = (struct nt_txn){ .kind = (enum nt_txn_kind)(data[0] >> 1 & 3),
			       .query = &q,
			       .reply = &reply,
			       .reply_flow = &q.flow,
			       .reply_ns = 5000 + data[0] * 100,
			       .reply_bytes = (uint32_t)size - 1 };
	if (txn.kind == NT_TXN_UNANSWERED)
		txn = (struct nt_txn){ .kind = txn.kind, .query = &q };
	if (nt_aggregate_take(agg, &txn, &pod, &base, (struct nt_slice){ 0 }, true)) {
		must(nt_aggregate_commit_taken(agg, true) == 7);
		must(nt_record_from_txn(&txn, &pod, &base, names, &arena, &r) == 0);
		must(!r.error.len);
		r.id = 7;
		nt_record_json(&r, &want);
		put_row(agg, &arena, &got);
		must(nt_slice_eq(nt_slice_mem(got.p, got.len), nt_slice_mem(want.p, want.len)));
	}
	nt_aggregate_free(agg);
	return 0;
}
