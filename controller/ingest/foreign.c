/* SPDX-License-Identifier: Apache-2.0 */
/* What is of another node goes out of the batch. */
#include "controller/ingest/foreign.h"

#include <stdio.h>

static bool is_first(const struct nt_foreign *f)
{
	return !(f->records + f->endpoints + f->addresses);
}

static void note_pod(struct nt_foreign *f, struct nt_slice namespace_, struct nt_slice name,
		     struct nt_slice uid, struct nt_slice node)
{
	if (is_first(f))
		snprintf(f->what, sizeof(f->what),
			 "rows of pod %.*s/%.*s (%.*s), which runs on node %.*s",
			 NT_SLICE_ARG(namespace_), NT_SLICE_ARG(name), NT_SLICE_ARG(uid),
			 NT_SLICE_ARG(node));
}

static void note_address(struct nt_foreign *f, const struct nt_addr *ip,
			 const struct nt_enrich_holder *h)
{
	char text[NT_ADDR_TEXT_MAX];

	if (is_first(f))
		snprintf(f->what, sizeof(f->what),
			 "%s as an address of its own, which pod %.*s/%.*s on node %.*s has",
			 nt_addr_format(ip, text), NT_SLICE_ARG(h->pod->namespace_),
			 NT_SLICE_ARG(h->pod->name), NT_SLICE_ARG(h->node));
}

static bool is_record_foreign(const struct nt_enrich *e, const struct nt_batch *b,
			      const struct nt_record *r, struct nt_foreign *f)
{
	struct nt_slice node = nt_enrich_record_elsewhere(e, r);
	struct nt_enrich_holder holder;

	if (node.len) {
		note_pod(f, r->client_namespace, r->client_name, r->client_uid, node);
		return true;
	}
	if (!nt_enrich_server_elsewhere(e, r, r->start_us - b->clock_offset_us, &holder))
		return false;
	note_address(f, &r->servers[0].ip, &holder);
	return true;
}

static void drop_records(const struct nt_enrich *e, struct nt_batch *b, struct nt_foreign *f)
{
	/* The decoder made them, as what follows, in memory that is ours. */
	struct nt_record *records = (struct nt_record *)(uintptr_t)b->records;
	size_t kept = 0;

	for (size_t i = 0; i < b->records_len; i++) {
		if (is_record_foreign(e, b, &records[i], f))
			f->records++;
		else
			records[kept++] = records[i];
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
		note_pod(f, p->namespace_, p->name, p->uid, node);
		f->endpoints++;
	}
	b->endpoints_len = kept;
}

/* --- addresses -------------------------------------------------------------------------------- */

/* What is left of an address that the batch's node says it has had. Until another node's pod had
 * it, it may well have; and its end is told in any case, because it may have begun when nobody knew
 * better. False: nothing is left. */
static bool cut(const struct nt_enrich *e, const struct nt_batch *b, struct nt_batch_address *a,
		struct nt_foreign *f)
{
	struct nt_enrich_holder holder = nt_enrich_holder(e, &a->ip, b->node);

	if (holder.from_us == INT64_MAX || (a->until_us && a->until_us <= holder.from_us))
		return true;
	note_address(f, &a->ip, &holder);
	f->addresses++;
	if (a->since_us < holder.from_us)
		a->until_us = holder.from_us;
	else
		a->since_us = a->until_us;
	return a->until_us != 0;
}

static void cut_addresses(const struct nt_enrich *e, struct nt_batch *b,
			  struct nt_batch_address *addresses, size_t len, struct nt_foreign *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < len; i++) {
		struct nt_batch_address a = addresses[i];

		if (cut(e, b, &a, f))
			addresses[kept++] = a;
	}
	b->addresses = addresses;
	b->addresses_len = kept;
}

static bool is_contested(const struct nt_enrich *e, struct nt_slice node, const struct nt_addr *ip)
{
	return nt_enrich_holder(e, ip, node).from_us != INT64_MAX;
}

/* What an endpoint has by itself and somebody else has, too, is judged as a further address. */
static size_t move_contested(const struct nt_enrich *e, const struct nt_batch *b,
			     struct nt_batch_endpoint *p, struct nt_batch_address *out)
{
	size_t kept = 0, n = 0;

	for (size_t i = 0; i < p->ips_len; i++) {
		if (!is_contested(e, b->node, &p->ips[i]))
			p->ips[kept++] = p->ips[i];
		else if (p->state == NT_ENDPOINT_TAPPED || p->state == NT_ENDPOINT_GONE)
			out[n++] = (struct nt_batch_address){ .ep_id = p->ep_id,
							      .ip = p->ips[i],
							      .since_us = p->since_us,
							      .until_us = p->until_us };
	}
	p->ips_len = kept;
	return n;
}

static size_t count_contested(const struct nt_enrich *e, const struct nt_batch *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->endpoints_len; i++)
		for (size_t k = 0; k < b->endpoints[i].ips_len; k++)
			n += is_contested(e, b->node, &b->endpoints[i].ips[k]);
	return n;
}

static int drop_addresses(const struct nt_enrich *e, struct nt_arena *arena, struct nt_batch *b,
			  struct nt_foreign *f)
{
	struct nt_batch_endpoint *endpoints = (struct nt_batch_endpoint *)(uintptr_t)b->endpoints;
	struct nt_batch_address *all = (struct nt_batch_address *)(uintptr_t)b->addresses;
	size_t n = count_contested(e, b), len = b->addresses_len;

	if (n) {
		all = nt_arena_alloc(arena, (len + n) * sizeof(*all));
		if (!all)
			return -ENOMEM;
		if (len)
			memcpy(all, b->addresses, len * sizeof(*all));
		for (size_t i = 0; i < b->endpoints_len; i++)
			len += move_contested(e, b, &endpoints[i], all + len);
	}
	cut_addresses(e, b, all, len, f);
	return 0;
}

int nt_foreign_drop(const struct nt_enrich *e, struct nt_arena *arena, struct nt_batch *b,
		    struct nt_foreign *ret_foreign)
{
	struct nt_foreign f = { 0 };
	int r;

	drop_records(e, b, &f);
	drop_endpoints(e, b, &f);
	r = drop_addresses(e, arena, b, &f);
	if (r == 0)
		*ret_foreign = f;
	return r;
}
