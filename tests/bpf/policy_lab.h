/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A pod under one policy, queries option by option, and what must come of them: the whole packet
 * behind the program, octet by octet, the event and the counters. Needs lab.h's namespaces.
 */
#pragma once

#include "tests/bpf/lab.h"
#include "tests/bpf/packet.h"

#include "lib/policy/suffix.h"
#include "tests/unit/suite.h"

#define EP_ID 4711
#define TO_POD 7 /* TC_ACT_REDIRECT: back out of the link that it came by */
#define DROP 2 /* TC_ACT_SHOT */
#define NEXT (-1)
#define EDE_TEXT "denied by DNSPolicy"

static struct nt_taps *taps;
static struct lab_ring *ring;
static int prog;
static __u32 policy_slot;

/* --- the policy ------------------------------------------------------------------------------- */

static inline struct nt_taps_rule rule(const char *text, __u32 flags)
{
	struct nt_rules_key key;
	struct nt_name name = {};

	ck_assert_int_eq(nt_taps_rules_key(taps, &key), 0);
	for (const char *p = text; *p;) {
		size_t n = strcspn(p, ".");

		name.wire[name.len++] = (uint8_t)n;
		memcpy(name.wire + name.len, p, n);
		name.len += (uint8_t)n;
		p += n + (p[n] == '.');
	}
	name.wire[name.len++] = 0;
	return (struct nt_taps_rule){ nt_suffix_hash(key.key, &name), flags };
}

/* www.example.com is allowed, and nothing else. */
static inline void policy_publish(void)
{
	const struct nt_slot slot = { .namespace_ = "shop", .name = "web", .mode = 2 };
	const struct nt_taps_rule rules[] = { rule("com", NT_RULE_HAS_CHILD),
					      rule("example.com", NT_RULE_HAS_CHILD),
					      rule("www.example.com", NT_RULE_EXACT) };
	struct nt_err err = {};

	ck_assert_msg(nt_taps_slot_publish(taps, &slot, rules, 3, &policy_slot, &err) == 0, "%s",
		      err.msg);
}

/* audit: NT_SLOT_AUDIT or 0. */
static inline void policy_set_up(__u32 audit)
{
	struct nt_endpoint ep = { .ep_id = EP_ID, .slots_len = 1 };
	struct nt_counters *zero;
	__u32 ifindex = 1;
	__u64 ep_id = EP_ID;

	taps = lab_open(NULL);
	ring = lab_ring_new(taps);
	prog = bpf_obj_get(LAB_ROOT "/" NT_PIN_FROM_POD);
	policy_publish();
	ep.slots[0] = policy_slot | audit;
	zero = calloc((size_t)nt_taps_cpus(taps), sizeof(*zero));
	ck_assert_int_eq(bpf_map_update_elem(nt_taps_counters_fd(taps), &ep_id, zero, BPF_ANY), 0);
	ck_assert_int_eq(bpf_map_update_elem(nt_taps_endpoints_fd(taps), &ifindex, &ep, BPF_ANY),
			 0);
	free(zero);
}

static inline void policy_enforced(void)
{
	policy_set_up(0);
}

static inline void policy_audited(void)
{
	policy_set_up(NT_SLOT_AUDIT);
}

static inline void policy_tear_down(void)
{
	close(prog);
	lab_ring_free(ring);
	lab_remove(taps);
}

/* --- messages --------------------------------------------------------------------------------- */

struct message {
	__u8 octets[2048];
	size_t len;
};

static inline void put(struct message *m, const void *octets, size_t len)
{
	ck_assert_uint_le(m->len + len, sizeof(m->octets));
	memcpy(m->octets + m->len, octets, len);
	m->len += len;
}

static inline void put16(struct message *m, unsigned value)
{
	put(m, (__u8[]){ (__u8)(value >> 8), (__u8)value }, 2);
}

static inline void put32(struct message *m, unsigned value)
{
	put16(m, value >> 16);
	put16(m, value & 0xffff);
}

/* How many records of a section there are is one more; section: 4 questions to 10 additional. */
static inline void count(struct message *m, int section)
{
	m->octets[section + 1]++;
}

/* One question, id 0xbeef, recursion desired, nothing else. name: "a.b", "" is the root. */
static inline struct message query(const char *name, unsigned type)
{
	struct message m = {};

	put(&m, "\xbe\xef\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00", 12);
	for (const char *p = name; *p;) {
		size_t n = strcspn(p, ".");

		put(&m, (__u8[]){ (__u8)n }, 1);
		put(&m, p, n);
		p += n + (p[n] == '.');
	}
	put(&m, "", 1);
	put16(&m, type);
	put16(&m, 1);
	return m;
}

#define OPT_DO 0x8000

/* An OPT record with these options (octets); ttl: extended rcode, version, flags. */
static inline void put_opt(struct message *m, unsigned ttl, const void *options, size_t len)
{
	count(m, 10);
	put(m, "", 1);
	put16(m, 41);
	put16(m, 4096);
	put32(m, ttl);
	put16(m, (unsigned)len);
	put(m, options, len);
}

static inline void add_option(struct message *options, unsigned code, const void *data, size_t len)
{
	put16(options, code);
	put16(options, (unsigned)len);
	put(options, data, len);
}

/* What T28 says the kernel answers: `question_end` octets of the query with other flags, and an OPT
 * with these options and then the reason, if there was one. */
static inline struct message denial(const struct message *q, size_t question_end, bool has_opt,
				    unsigned flags, const void *options, size_t len)
{
	struct message r = {}, all = {};

	put(&r, q->octets, question_end);
	r.octets[2] = 0x80 | (q->octets[2] & 0x01);
	r.octets[3] = 0x80 | (q->octets[3] & 0x10) | 3;
	memset(r.octets + 6, 0, 6);
	if (!has_opt)
		return r;
	put(&all, options, len);
	put16(&all, 15);
	put16(&all, 2 + sizeof(EDE_TEXT) - 1);
	put16(&all, 15);
	put(&all, EDE_TEXT, sizeof(EDE_TEXT) - 1);
	put_opt(&r, flags, all.octets, all.len);
	packet_put16(r.octets + r.len - all.len - 8, 1232);
	return r;
}

/* --- packets ---------------------------------------------------------------------------------- */

static inline __u32 sum16(const __u8 *p, size_t len, __u32 sum)
{
	for (size_t i = 0; i < len; i++)
		sum += i % 2 ? p[i] : (__u32)p[i] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Of what lies behind the addresses and the pseudo header; 0xffff when it is right. */
static inline __u32 l4_sum(const struct packet *p, size_t at, unsigned proto)
{
	const __u8 *ip = p->octets + p->ip;
	size_t len = p->len - at;
	__u32 pseudo = proto + (__u32)len;

	return sum16(p->octets + at, len,
		     p->version == 4 ? sum16(ip + 12, 8, pseudo) : sum16(ip + 8, 32, pseudo));
}

/* Lengths and checksums. */
static inline void packet_sums(struct packet *p)
{
	size_t at = p->udp ? p->udp : p->tcp;
	__u8 *sum = p->octets + at + (p->udp ? 6 : 16);
	__u8 *ip = p->octets + p->ip;

	packet_done(p);
	packet_put16(sum, 0);
	packet_put16(sum, 0xffff & ~l4_sum(p, at, p->udp ? IPPROTO_UDP : IPPROTO_TCP));
	if (p->version == 4) {
		packet_put16(ip + 10, 0);
		packet_put16(ip + 10, 0xffff & ~sum16(ip, (size_t)(ip[0] & 15) * 4, 0));
	}
}

static inline void packet_head(struct packet *p, int version, unsigned proto)
{
	packet_eth(p, version == 4 ? ETH_P_IP : ETH_P_IPV6);
	if (version == 4)
		packet_ip4(p, CLIENT4, SERVER4, 0, proto);
	else
		packet_ip6(p, CLIENT6, SERVER6, proto);
}

static inline struct packet packet_of(int version, const struct message *m)
{
	struct packet p = {};

	packet_head(&p, version, IPPROTO_UDP);
	packet_udp(&p, 40000, 53, m->octets, m->len);
	packet_sums(&p);
	return p;
}

/* The packet from SERVER to CLIENT that answers p, its payload replaced. */
static inline struct packet answer_to(const struct packet *p, const struct message *m)
{
	struct packet r = *p;
	size_t addrs = p->ip + (p->version == 4 ? 12 : 8), size = p->version == 4 ? 4 : 16;

	memcpy(r.octets, p->octets + 6, 6);
	memcpy(r.octets + 6, p->octets, 6);
	memcpy(r.octets + addrs, p->octets + addrs + size, size);
	memcpy(r.octets + addrs + size, p->octets + addrs, size);
	memcpy(r.octets + p->udp, p->octets + p->udp + 2, 2);
	memcpy(r.octets + p->udp + 2, p->octets + p->udp, 2);
	r.len = p->udp + 8;
	memcpy(r.octets + r.len, m->octets, m->len);
	r.len += m->len;
	packet_sums(&r);
	return r;
}

/* --- runs ------------------------------------------------------------------------------------- */

struct outcome {
	int action;
	struct packet after;
	unsigned events;
	struct nt_event event; /* the first */
	struct nt_counters more; /* than before */
};

static inline struct outcome run_gso(const struct packet *p, unsigned gso_size)
{
	struct outcome o = { .after = *p };
	struct __sk_buff skb = { .gso_size = gso_size, .gso_segs = gso_size ? 2 : 0 };
	struct nt_counters before = lab_counters(taps, EP_ID);
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->octets, .data_size_in = (__u32)p->len,
		    .data_out = o.after.octets, .data_size_out = sizeof(o.after.octets),
		    .ctx_in = &skb, .ctx_size_in = sizeof(skb));

	ck_assert_int_eq(bpf_prog_test_run_opts(prog, &opts), 0);
	o.action = (int)opts.retval;
	o.after.len = opts.data_size_out;
	o.events = lab_drain(ring);
	o.event = ring->events[0];
	o.more = lab_counters(taps, EP_ID);
	for (size_t i = 0; i < sizeof(before) / sizeof(__u64); i++)
		((__u64 *)&o.more)[i] -= ((__u64 *)&before)[i];
	return o;
}

static inline struct outcome run(const struct packet *p)
{
	return run_gso(p, 0);
}

static inline void same_packet(const struct packet *got, const struct packet *want,
			       const char *what)
{
	ck_assert_msg(got->len == want->len, "%s: %zu octets, %zu expected", what, got->len,
		      want->len);
	for (size_t i = 0; i < want->len; i++)
		ck_assert_msg(got->octets[i] == want->octets[i], "%s: octet %zu is %02x, not %02x",
			      what, i, got->octets[i], want->octets[i]);
}

/* One event, with the payload as it was sent, under this verdict; nothing lost. */
static inline void same_event(const struct outcome *o, const struct packet *p,
			      enum nt_verdict verdict, const char *what)
{
	size_t at = p->udp + 8, len = p->len - at;
	bool decided = verdict == NT_VERDICT_DENY || verdict == NT_VERDICT_AUDIT;

	ck_assert_msg(o->events == 1, "%s: %u events", what, o->events);
	ck_assert_msg(o->event.verdict == verdict, "%s: verdict %d", what, o->event.verdict);
	ck_assert_msg(o->event.policy_slot == (decided ? policy_slot : 0), "%s: slot %u", what,
		      o->event.policy_slot);
	ck_assert_uint_eq(o->event.dir, NT_DIR_FROM_POD);
	ck_assert_uint_eq(o->event.ep_id, EP_ID);
	ck_assert_uint_eq(o->event.payload_len, len);
	ck_assert_uint_eq(o->event.cap_len, len);
	ck_assert_mem_eq(ring->payload, p->octets + at, len);
	ck_assert_uint_eq(o->more.seq[NT_DIR_FROM_POD], o->event.gso_segs);
	for (int i = 0; i < NT_LOSS_MAX; i++)
		ck_assert_uint_eq(o->more.lost[NT_DIR_FROM_POD][i], 0);
}

/* No event; so many numbers are lost for this reason, and nothing else. */
static inline void only_lost(const struct outcome *o, enum nt_loss reason, unsigned n,
			     const char *what)
{
	ck_assert_msg(o->events == 0, "%s: %u events", what, o->events);
	ck_assert_msg(o->more.seq[NT_DIR_FROM_POD] == n, "%s: %llu numbers", what,
		      (unsigned long long)o->more.seq[NT_DIR_FROM_POD]);
	for (int i = 0; i < NT_LOSS_MAX; i++)
		ck_assert_msg(o->more.lost[NT_DIR_FROM_POD][i] == (i == (int)reason ? n : 0),
			      "%s: %llu lost for reason %d", what,
			      (unsigned long long)o->more.lost[NT_DIR_FROM_POD][i], i);
}

static inline void passes_as(const struct packet *p, enum nt_verdict verdict, const char *what)
{
	struct outcome o = run(p);

	ck_assert_msg(o.action == NEXT, "%s: action %d", what, o.action);
	same_packet(&o.after, p, what);
	same_event(&o, p, verdict, what);
}

static inline void dropped_as(const struct packet *p, enum nt_verdict verdict, const char *what)
{
	struct outcome o = run(p);

	ck_assert_msg(o.action == DROP, "%s: action %d", what, o.action);
	same_packet(&o.after, p, what);
	same_event(&o, p, verdict, what);
}

/* The reply goes back to the pod; want: its message. */
static inline void denied_with(const struct packet *p, const struct message *want, const char *what)
{
	struct outcome o = run(p);
	struct packet reply = answer_to(p, want);

	ck_assert_msg(o.action == TO_POD, "%s: action %d", what, o.action);
	same_packet(&o.after, &reply, what);
	same_event(&o, p, NT_VERDICT_DENY, what);
}
