/* SPDX-License-Identifier: Apache-2.0 */
/* What is of another node goes out of the batch. */
#include "controller/ingest/foreign.h"

static void note(struct nt_foreign *f, struct nt_slice namespace_, struct nt_slice name,
		 struct nt_slice uid, struct nt_slice node)
{
	if (f->records + f->endpoints)
		return;
	f->namespace_ = namespace_;
	f->name = name;
	f->uid = uid;
	f->node = node;
}

static void drop_records(const struct nt_enrich *e, struct nt_batch *b, struct nt_foreign *f)
{
	/* The decoder made them, as the endpoints, in memory that is ours. */
	struct nt_record *records = (struct nt_record *)(uintptr_t)b->records;
	size_t kept = 0;

	for (size_t i = 0; i < b->records_len; i++) {
		const struct nt_record *r = &records[i];
		struct nt_slice node = nt_enrich_record_elsewhere(e, r);

		if (!node.len) {
			records[kept++] = *r;
			continue;
		}
		note(f, r->client_namespace, r->client_name, r->client_uid, node);
		f->records++;
	}
	b->records_len = kept;
}

static void drop_endpoints(const struct nt_enrich *e, struct nt_batch *b, struct nt_foreign *f)
{
	struct nt_batch_endpoint *endpoints = (struct nt_batch_endpoint *)(uintptr_t)b->endpoints;
	size_t kept = 0;

	for (size_t i = 0; i < b->endpoints_len; i++) {
		const struct nt_batch_endpoint *p = &endpoints[i];
		struct nt_slice node = nt_enrich_endpoint_elsewhere(e, b->node, p);

		if (!node.len) {
			endpoints[kept++] = *p;
			continue;
		}
		note(f, p->namespace_, p->name, p->uid, node);
		f->endpoints++;
	}
	b->endpoints_len = kept;
}

struct nt_foreign nt_foreign_drop(const struct nt_enrich *e, struct nt_batch *b)
{
	struct nt_foreign f = { 0 };

	drop_records(e, b, &f);
	drop_endpoints(e, b, &f);
	return f;
}
