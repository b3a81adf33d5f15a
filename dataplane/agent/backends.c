/* SPDX-License-Identifier: Apache-2.0 */
/* From ctnetlink's messages to a table of flows and their backends. */
#include "dataplane/agent/backends.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <sys/random.h>

#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>

#include "lib/base/cleanup.h"

void nt_backends_done(struct nt_backends *b)
{
	free(b->sets);
	*b = (struct nt_backends){ 0 };
}

void nt_backends_forget(struct nt_backends *b)
{
	if (b->sets)
		memset(b->sets, 0, NT_BACKENDS_SETS * sizeof(*b->sets));
}

/* --- messages --------------------------------------------------------------------------------- */

/* Of a tuple, its addresses or its ports what counts here, by type. */
struct attributes {
	const struct nlattr *of[CTA_IP_V6_DST + 1];
};

static struct attributes nested(const struct nlattr *attribute)
{
	struct attributes all = { 0 };
	const struct nlattr *a;

	if (!attribute)
		return all;
	mnl_attr_for_each_nested(a, attribute)
	{
		if (mnl_attr_get_type(a) < NT_ARRAY_LEN(all.of))
			all.of[mnl_attr_get_type(a)] = a;
	}
	return all;
}

static bool get_addr(const struct nlattr *v4, const struct nlattr *v6, struct nt_addr *ret)
{
	if (v4 && mnl_attr_get_payload_len(v4) == 4)
		*ret = nt_addr_from(4, mnl_attr_get_payload(v4));
	else if (v6 && mnl_attr_get_payload_len(v6) == 16)
		*ret = nt_addr_from(6, mnl_attr_get_payload(v6));
	else
		return false;
	return true;
}

static bool get_port(const struct nlattr *attribute, uint16_t *ret)
{
	if (!attribute || mnl_attr_get_payload_len(attribute) != 2)
		return false;
	*ret = ntohs(mnl_attr_get_u16(attribute));
	return true;
}

/* One direction of a tracked flow. */
struct tuple {
	struct nt_addr from, to;
	uint16_t from_port, to_port; /* host byte order */
	uint8_t transport;
};

/* *ret_zone: true when it is in a zone of its own (Open vSwitch has one per network), where
 * addresses are others'. */
static bool get_tuple(const struct nlattr *attribute, struct tuple *ret, bool *ret_zone)
{
	struct attributes tuple = nested(attribute);
	struct attributes ip = nested(tuple.of[CTA_TUPLE_IP]);
	struct attributes proto = nested(tuple.of[CTA_TUPLE_PROTO]);
	const struct nlattr *number = proto.of[CTA_PROTO_NUM];

	*ret_zone = *ret_zone || tuple.of[CTA_TUPLE_ZONE];
	if (!number || mnl_attr_get_payload_len(number) != 1)
		return false;
	ret->transport = mnl_attr_get_u8(number);
	return get_addr(ip.of[CTA_IP_V4_SRC], ip.of[CTA_IP_V6_SRC], &ret->from) &&
	       get_addr(ip.of[CTA_IP_V4_DST], ip.of[CTA_IP_V6_DST], &ret->to) &&
	       get_port(proto.of[CTA_PROTO_SRC_PORT], &ret->from_port) &&
	       get_port(proto.of[CTA_PROTO_DST_PORT], &ret->to_port);
}

/* --- the table -------------------------------------------------------------------------------- */

static bool is_open(struct nt_backends *b)
{
	if (b->sets)
		return true;
	if (getrandom(&b->key, sizeof(b->key), 0) != sizeof(b->key))
		return false;
	b->sets = calloc(NT_BACKENDS_SETS, sizeof(*b->sets));
	return b->sets;
}

static uint64_t hash_of(const struct nt_backends *b, const struct tuple *t)
{
	uint64_t ports =
		(uint64_t)t->transport << 32 | (uint64_t)t->from_port << 16 | (uint64_t)t->to_port;
	uint64_t hash = nt_hash(&b->key, ports, nt_slice_mem(&t->from, sizeof(t->from)));

	hash = nt_hash(&b->key, hash, nt_slice_mem(&t->to, sizeof(t->to)));
	return hash ? hash : 1;
}

static struct nt_backends_entry *find(const struct nt_backends *b, uint64_t hash)
{
	struct nt_backends_entry *set = b->sets[hash % NT_BACKENDS_SETS];

	for (size_t i = 0; i < NT_BACKENDS_WAYS; i++)
		if (set[i].hash == hash)
			return &set[i];
	return NULL;
}

/* The flow's own place, else that of the set which was used least lately. */
static struct nt_backends_entry *place(const struct nt_backends *b, uint64_t hash)
{
	struct nt_backends_entry *set = b->sets[hash % NT_BACKENDS_SETS], *e = find(b, hash);

	if (e)
		return e;
	e = &set[0];
	for (size_t i = 1; i < NT_BACKENDS_WAYS; i++)
		if (set[i].used_ns < e->used_ns)
			e = &set[i];
	return e;
}

bool nt_backends_is_front(const struct nt_backends *b, const struct nt_addr *server)
{
	for (size_t i = 0; i < NT_BACKENDS_FRONTS; i++)
		if (nt_addr_eq(&b->fronts[i], server))
			return true;
	return false;
}

static void note_front(struct nt_backends *b, const struct nt_addr *front)
{
	if (nt_backends_is_front(b, front))
		return;
	b->fronts[b->next_front] = *front;
	b->next_front = (b->next_front + 1) % NT_BACKENDS_FRONTS;
}

/* The same addresses and ports may be another flow's by now, which is not translated. */
static void drop(struct nt_backends *b, const struct tuple *original)
{
	struct nt_backends_entry *e = b->sets ? find(b, hash_of(b, original)) : NULL;

	if (e)
		*e = (struct nt_backends_entry){ 0 };
}

/* False: it is none. *ret_zone: one of another zone, in both directions (CTA_ZONE) or in one (in
 * that tuple). */
static bool get_flow(const struct nlmsghdr *message, struct tuple *ret_original,
		     struct tuple *ret_reply, bool *ret_zone)
{
	const struct nlattr *original = NULL, *reply = NULL, *a;

	if (message->nlmsg_len < MNL_NLMSG_HDRLEN + sizeof(struct nfgenmsg))
		return false;
	mnl_attr_for_each(a, message, sizeof(struct nfgenmsg))
	{
		original = mnl_attr_get_type(a) == CTA_TUPLE_ORIG ? a : original;
		reply = mnl_attr_get_type(a) == CTA_TUPLE_REPLY ? a : reply;
		*ret_zone = *ret_zone || mnl_attr_get_type(a) == CTA_ZONE;
	}
	return original && reply && get_tuple(original, ret_original, ret_zone) &&
	       get_tuple(reply, ret_reply, ret_zone);
}

void nt_backends_take(struct nt_backends *b, const struct nlmsghdr *message, int64_t after_ns)
{
	struct tuple original, reply;
	bool zone = false;
	uint64_t hash;

	if (!get_flow(message, &original, &reply, &zone)) {
		b->stats.bad++;
		return;
	}
	if (zone)
		return;
	b->stats.flows++;
	if (nt_addr_eq(&original.to, &reply.from) && original.to_port == reply.from_port) {
		drop(b, &original);
		return;
	}
	if (!is_open(b))
		return;
	b->stats.translated++;
	note_front(b, &original.to);
	hash = hash_of(b, &original);
	*place(b, hash) = (struct nt_backends_entry){ .hash = hash,
						      .after_ns = after_ns,
						      .used_ns = after_ns,
						      .backend = { reply.from, reply.from_port } };
}

bool nt_backends_find(struct nt_backends *b, const struct nt_flow *flow, int64_t at_ns,
		      struct nt_backend *ret_backend)
{
	const struct tuple original = { .from = flow->client,
					.to = flow->server,
					.from_port = flow->client_port,
					.to_port = flow->server_port,
					.transport = flow->transport };
	struct nt_backends_entry *e = b->sets ? find(b, hash_of(b, &original)) : NULL;

	if (!e || at_ns < e->after_ns - NT_BACKENDS_MADE_WITHIN_NS)
		return false;
	e->used_ns = at_ns;
	*ret_backend = e->backend;
	return true;
}
