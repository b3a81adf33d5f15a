/* SPDX-License-Identifier: Apache-2.0 */
/* Pairing under virtual time: small stories, the bounds, a restart, the keyed hash. */
#include "lib/dns/pair.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/parse.h"
#include "lib/dns/siphash.h"
#include "tests/unit/dns_build.h"
#include "tests/unit/suite.h"

/*
 * A story has one line per event, "MS VERB ARGUMENTS":
 *   q OWNER ID NAME   a query        r OWNER ID NAME   a reply (rcode 0)
 *   Q, R              the same without a question section
 *   x                 time passes    flush OWNER       restart   over each() and restore()
 * What comes out is one line each: kind, owner, name, packets, latency or "-", tag.
 * Table: 10 entries, 4 per owner, 5 s, 30 s.
 */
static const struct {
	const char *what, *events, *want;
	uint64_t entries, evicted; /* at the end */
} stories[] = {
	{ "a reply", "0 q 1 7 a\n2 r 1 7 a\n", "answered 1 a x1 2ms\n", 0, 0 },
	{ "a second reply is nobody's", "0 q 1 7 a\n2 r 1 7 a\n3 r 1 7 a\n",
	  "answered 1 a x1 2ms\nunpaired 1 a x0 0ms\n", 0, 0 },
	{ "no latency is negative", "5 q 1 7 a\n4 r 1 7 a\n6 r 1 7 a\n",
	  "unpaired 1 a x0 0ms\nanswered 1 a x1 1ms\n", 0, 0 },
	{ "at the very same time", "5 q 1 7 a\n5 r 1 7 a\n", "answered 1 a x1 0ms\n", 0, 0 },
	{ "id, name, owner must agree", "0 q 1 7 a\n1 r 1 8 a\n1 r 1 7 b\n1 r 2 7 a\n1 r 1 7 a\n",
	  "unpaired 1 a x0 0ms\nunpaired 1 b x0 0ms\nunpaired 2 a x0 0ms\nanswered 1 a x1 1ms\n", 0,
	  0 },
	{ "case does not matter", "0 q 1 7 A.Example\n1 r 1 7 a.eXample\n",
	  "answered 1 a.example x1 1ms\n", 0, 0 },
	{ "retries are no transactions", "0 q 1 7 a\n1000 q 1 7 a\n2000 q 1 7 a\n2001 r 1 7 a\n",
	  "answered 1 a x3 2001ms\n", 0, 0 },
	{ "the timeout goes from the latest packet", "0 q 1 7 a\n3000 q 1 7 a\n8000 x\n8001 x\n",
	  "unanswered 1 a x2 - tag 1\n", 1, 0 },
	{ "not before the timeout", "0 q 1 7 a\n5000 x\n5000 r 1 7 a\n", "answered 1 a x1 5000ms\n",
	  0, 0 },
	{ "without a tick, a message lets time pass", "0 q 1 7 a\n5001 r 1 7 a\n",
	  "unanswered 1 a x1 - tag 1\nlate 1 a x1 5001ms of 1\n", 0, 0 },
	{ "late, then nobody's", "0 q 1 7 a\n35000 r 1 7 a\n35000 r 1 7 a\n",
	  "unanswered 1 a x1 - tag 1\nlate 1 a x1 35000ms of 1\nunpaired 1 a x0 0ms\n", 0, 0 },
	{ "too late", "0 q 1 7 a\n35001 r 1 7 a\n",
	  "unanswered 1 a x1 - tag 1\nunpaired 1 a x0 0ms\n", 0, 0 },
	{ "asked again after its row is out", "0 q 1 7 a\n6000 q 1 7 a\n6001 r 1 7 a\n",
	  "unanswered 1 a x1 - tag 1\nanswered 1 a x1 1ms\n", 0, 0 },
	{ "repetition without end is reported all the same",
	  "0 q 1 7 a\n4000 q 1 7 a\n8000 q 1 7 a\n12000 q 1 7 a\n16000 q 1 7 a\n20000 q 1 7 a\n"
	  "24000 q 1 7 a\n28000 q 1 7 a\n32000 q 1 7 a\n33001 x\n",
	  "unanswered 1 a x9 - tag 1\n", 1, 0 },
	{ "a retry makes it young again", "0 q 1 1 a\n1 q 1 2 b\n2 q 1 1 a\n5002 x\n5003 x\n",
	  "unanswered 1 b x1 - tag 1\nunanswered 1 a x2 - tag 2\n", 2, 0 },
	{ "packets out of order", "5 q 1 7 a\n3 q 1 7 a\n4 r 1 7 a\n", "answered 1 a x2 1ms\n", 0,
	  0 },
	{ "oldest first", "0 q 1 1 a\n1 q 2 1 b\n2 q 1 2 c\n9000 x\n",
	  "unanswered 1 a x1 - tag 1\nunanswered 2 b x1 - tag 2\nunanswered 1 c x1 - tag 3\n", 3,
	  0 },
	{ "a share per owner: its own oldest goes",
	  "0 q 2 1 z\n1 q 1 1 a\n2 q 1 2 b\n3 q 1 3 c\n4 q 1 4 d\n5 q 1 5 e\n6 r 2 1 z\n6 r 1 1 a\n"
	  "6 r 1 2 b\n",
	  "unanswered 1 a x1 - tag 1\nanswered 2 z x1 6ms\nunpaired 1 a x0 0ms\n"
	  "answered 1 b x1 4ms\n",
	  3, 1 },
	{ "owners that ask without end leave as much free as each has",
	  "0 q 1 1 a\n1 q 1 2 b\n2 q 1 3 c\n3 q 1 4 d\n4 q 2 1 e\n5 q 2 2 f\n6 q 2 3 g\n7 q 2 4 h\n"
	  "8 q 3 1 i\n9 q 3 2 j\n10 q 1 5 k\n11 q 1 6 l\n",
	  "unanswered 1 a x1 - tag 1\nunanswered 2 e x1 - tag 2\nunanswered 1 b x1 - tag 3\n"
	  "unanswered 1 c x1 - tag 4\n",
	  8, 4 },
	{ "who asks little keeps all, though another one came first and has more than is free",
	  "0 q 1 1 a\n1 q 1 2 b\n2 q 1 3 c\n3 q 1 4 d\n4 q 2 1 e\n5 q 2 2 f\n6 q 2 3 g\n"
	  "7 q 3 1 h\n8 q 3 2 i\n9 q 3 3 j\n10 r 3 1 h\n10 r 3 2 i\n10 r 3 3 j\n",
	  "unanswered 1 a x1 - tag 1\nunanswered 1 b x1 - tag 2\nanswered 3 h x1 3ms\n"
	  "answered 3 i x1 2ms\nanswered 3 j x1 1ms\n",
	  5, 2 },
	{ "a full table of owners with one each: one goes",
	  "0 q 2 1 z\n1 q 1 1 a\n2 q 3 2 b\n3 q 4 3 c\n4 q 5 4 d\n5 q 6 5 e\n6 q 7 6 f\n7 q 8 6 g\n"
	  "8 q 9 6 h\n9 q 10 6 i\n10 q 11 6 j\n",
	  "unanswered 2 z x1 - tag 1\n", 10, 1 },
	{ "who was reported goes in silence",
	  "0 q 2 1 z\n6000 q 1 1 a\n6000 q 3 2 b\n6000 q 4 3 c\n6000 q 5 4 d\n6000 q 6 5 e\n"
	  "6000 q 7 6 f\n6000 q 8 6 g\n6000 q 9 6 h\n6000 q 10 6 i\n6000 q 11 6 j\n",
	  "unanswered 2 z x1 - tag 1\n", 10, 0 },
	{ "an owner that is gone",
	  "0 q 1 1 a\n0 q 2 1 b\n1 q 1 2 c\n1 flush 1\n1 flush 9\n"
	  "2 r 1 1 a\n2 r 2 1 b\n",
	  "unanswered 1 a x1 - tag 1\nunanswered 1 c x1 - tag 2\nunpaired 1 a x0 0ms\n"
	  "answered 2 b x1 2ms\n",
	  0, 0 },
	{ "gone with a late one", "0 q 1 1 a\n6000 q 1 2 b\n6000 flush 1\n",
	  "unanswered 1 a x1 - tag 1\nunanswered 1 b x1 - tag 2\n", 0, 0 },
	{ "the end", "0 q 1 1 a\n0 q 2 1 b\n6000 q 3 1 c\n6000 flush 0\n6001 r 1 1 a\n",
	  "unanswered 1 a x1 - tag 1\nunanswered 2 b x1 - tag 2\nunanswered 3 c x1 - tag 3\n"
	  "unpaired 1 a x0 0ms\n",
	  0, 0 },
	{ "no question", "0 Q 1 1 -\n1 R 1 1 -\n",
	  "unanswered 1 - x1 - tag 1\nunpaired 1 - x0 0ms\n", 0, 0 },
	{ "a restart", "0 q 1 1 a\n1 q 2 1 b\n2 q 1 1 a\n3 restart\n4 r 1 1 a\n6000 x\n",
	  "answered 1 a x2 4ms\nunanswered 2 b x1 - tag 1\n", 1, 0 },
};

static struct dns_build b;

struct world {
	struct nt_pair *pair;
	struct nt_buf out;
	uint64_t tags;
};

static uint64_t note(void *ctx, const struct nt_txn *t)
{
	static const char *const kinds[] = { "answered", "unanswered", "unpaired", "late" };
	struct world *w = ctx;
	char name[NT_NAME_TEXT_MAX];

	nt_name_text(&t->query->qname, name);
	nt_buf_printf(&w->out, "%s %d %s x%u ", kinds[t->kind], (int)t->query->flow.owner,
		      name[0] ? name : "-", t->query->queries);
	ck_assert_int_eq(t->kind == NT_TXN_UNANSWERED, t->reply == NULL);
	ck_assert_uint_eq(t->query->tag, t->kind == NT_TXN_LATE ? w->tags : 0);
	if (!t->reply) {
		nt_buf_printf(&w->out, "- tag %d\n", (int)++w->tags);
		return w->tags;
	}
	ck_assert_int_ge(t->reply_ns, t->query->first_ns);
	ck_assert_uint_eq(t->reply_bytes, t->reply->wire.len);
	nt_buf_printf(&w->out, "%dms", (int)((t->reply_ns - t->query->first_ns) / NT_NS_PER_MS));
	if (t->kind == NT_TXN_LATE)
		nt_buf_printf(&w->out, " of %d", (int)t->query->tag);
	nt_buf_putc(&w->out, '\n');
	return 0;
}

static struct nt_pair *make_pair(struct world *w)
{
	struct nt_pair_config config = { .max_entries = 10,
					 .max_per_owner = 4,
					 .timeout_ns = 5 * NT_NS_PER_S,
					 .late_ns = 30 * NT_NS_PER_S };
	struct nt_err err;
	struct nt_pair *p = nt_pair_new(&config, note, w, &err);

	ck_assert_msg(p != NULL, "%s", err.msg);
	return p;
}

static struct nt_flow flow_of(uint64_t owner)
{
	return (struct nt_flow){
		.owner = owner,
		.transport = IPPROTO_UDP,
		.client_port = 40000,
		.server_port = 53,
		.client = nt_addr_from(4, (const uint8_t[]){ 10, 0, 0, 1 }),
		.server = nt_addr_from(4, (const uint8_t[]){ 10, 0, 0, 2 }),
	};
}

/* A whole message, parsed, so that the names have come the same way as in life. */
static struct nt_dns_msg message(char verb, unsigned id, const char *text)
{
	bool question = verb == 'q' || verb == 'r';
	struct nt_name name = { 0 };
	struct nt_dns_msg m;

	put_header(&b, id, verb == 'q' || verb == 'Q' ? NT_DNS_RD : NT_DNS_QR, question, 0, 0, 0);
	if (question) {
		ck_assert_int_eq(nt_name_parse(nt_slice_str(text), &name), 0);
		put_slice(&b, nt_slice_mem(name.wire, name.len));
		put_u16(&b, NT_TYPE_A);
		put_u16(&b, 1);
	}
	ck_assert_int_eq(nt_dns_parse(nt_slice_mem(b.wire, b.len), &m), 0);
	return m;
}

static void carry_over(void *ctx, const struct nt_pair_query *q)
{
	ck_assert_int_eq(nt_pair_restore(ctx, q), 0);
	ck_assert_int_eq(nt_pair_restore(ctx, q), -EEXIST);
}

static void restart(struct world *w)
{
	struct nt_pair *next = make_pair(w);

	nt_pair_each(w->pair, carry_over, next);
	ck_assert_uint_eq(nt_pair_stats(next).waiting, nt_pair_stats(w->pair).waiting);
	nt_pair_free(w->pair);
	w->pair = next;
}

static void play(struct world *w, const char *line)
{
	char verb[16], name[64] = "";
	int ms, id = 0, owner = 0;

	ck_assert_int_ge(sscanf(line, "%d %15s %d %d %63s", &ms, verb, &owner, &id, name), 2);
	if (strcmp(verb, "x") == 0) {
		nt_pair_expire(w->pair, ms * NT_NS_PER_MS);
	} else if (strcmp(verb, "flush") == 0) {
		nt_pair_flush(w->pair, (uint64_t)owner);
	} else if (strcmp(verb, "restart") == 0) {
		restart(w);
	} else {
		struct nt_dns_msg m = message(verb[0], (unsigned)id, name);
		struct nt_flow flow = flow_of((uint64_t)owner);

		nt_pair_message(w->pair, &flow, &m, ms * NT_NS_PER_MS);
	}
}

START_TEST(test_story)
{
	struct world w = { 0 };
	struct nt_pair_stats stats;
	const char *line = stories[_i].events;

	w.pair = make_pair(&w);
	for (const char *end; (end = strchr(line, '\n')); line = end + 1) {
		char one[100] = "";

		memcpy(one, line, (size_t)(end - line));
		play(&w, one);
	}
	stats = nt_pair_stats(w.pair);
	ck_assert_msg(strcmp(nt_buf_str(&w.out), stories[_i].want) == 0, "%s:\n%s",
		      stories[_i].what, nt_buf_str(&w.out));
	ck_assert_uint_eq(stats.entries, stories[_i].entries);
	ck_assert_uint_eq(stats.evicted, stories[_i].evicted);
	ck_assert_uint_eq(stats.failed, 0);
	nt_pair_free(w.pair);
	nt_buf_done(&w.out);
}
END_TEST

/* Each part of the flow is part of the key. */
START_TEST(test_flow_is_key)
{
	struct nt_dns_msg query = message('q', 1, "a");
	struct nt_flow base = flow_of(1);
	struct world w = { 0 };

	w.pair = make_pair(&w);
	for (size_t i = 0; i < sizeof(base); i++) {
		struct nt_dns_msg reply;
		struct nt_flow other = base;

		query = message('q', 1, "a");
		nt_pair_message(w.pair, &base, &query, 0);
		((uint8_t *)&other)[i] ^= 1;
		reply = message('r', 1, "a");
		nt_buf_reset(&w.out);
		nt_pair_message(w.pair, &other, &reply, 0);
		ck_assert(strncmp(nt_buf_str(&w.out), "unpaired", 8) == 0);
	}
	nt_pair_free(w.pair);
	nt_buf_done(&w.out);
}
END_TEST

static uint64_t count_kind(void *ctx, const struct nt_txn *t)
{
	((uint64_t *)ctx)[t->kind] += 1;
	return 1;
}

/* Nothing is lost: with more queries than room, each is reported once, and the bounds hold. */
/* A socket of the host behind kube-proxy: out to the backend, in from the Service (T15). */
static uint64_t note_servers(void *ctx, const struct nt_txn *t)
{
	struct nt_buf *out = ctx;

	nt_buf_printf(out, "%d %u", t->kind, t->query->flow.server_port);
	if (t->reply_flow)
		nt_buf_printf(out, " %u", t->reply_flow->server_port);
	nt_buf_puts(out, "\n");
	return 1;
}

START_TEST(test_cookie_is_key)
{
	struct nt_pair_config config = { .timeout_ns = 5 * NT_NS_PER_S };
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_pair *pair = nt_pair_new(&config, note_servers, &out, NULL);
	struct nt_flow query = { .owner = 1,
				 .cookie = 9,
				 .transport = IPPROTO_UDP,
				 .client_port = 5000,
				 .server_port = 53,
				 .client = { 4, { 10, 9, 1, 1 } },
				 .server = { 4, { 10, 9, 1, 2 } } };
	struct nt_flow reply = query;
	static const struct {
		char kind;
		uint64_t cookie;
	} steps[] = { { 'q', 9 }, { 'r', 9 }, { 'q', 8 }, { 'r', 9 }, { 'q', 0 }, { 'r', 0 } };

	reply.server = (struct nt_addr){ 4, { 10, 96, 0, 10 } };
	reply.server_port = 5353;
	for (size_t i = 0; i < NT_ARRAY_LEN(steps); i++) {
		struct nt_dns_msg m = message(steps[i].kind, 1, "a");
		struct nt_flow *flow = steps[i].kind == 'q' ? &query : &reply;

		flow->cookie = steps[i].cookie; /* 0: not known, the server counts */
		nt_pair_message(pair, flow, &m, (int64_t)i);
	}
	nt_pair_free(pair);
	ck_assert_str_eq(nt_buf_str(&out), "0 53 5353\n2 5353 5353\n2 5353 5353\n");
}
END_TEST

static uint64_t note_clients(void *ctx, const struct nt_txn *t)
{
	struct nt_buf *out = ctx;

	nt_buf_printf(out, "%d %u.%u\n", t->kind, t->query->flow.client.octets[3],
		      t->query->flow.client_port);
	return 1;
}

/* kube-proxy masquerades what a node's process sends to a Service: out it goes under another
 * address and port, and each lookup was there twice, unanswered and unpaired. */
START_TEST(test_masqueraded_query)
{
	struct nt_pair_config config = { .timeout_ns = 5 * NT_NS_PER_S };
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_pair *pair = nt_pair_new(&config, note_clients, &out, NULL);
	struct nt_dns_msg q = message('q', 1, "a"), r = message('r', 1, "a");
	struct nt_flow own = { .owner = 1,
			       .cookie = 9,
			       .transport = IPPROTO_UDP,
			       .client_port = 5000,
			       .server_port = 53,
			       .client = { 4, { 10, 9, 1, 1 } },
			       .server = { 4, { 10, 96, 0, 10 } } };
	struct nt_flow out_there = own;

	out_there.client = (struct nt_addr){ 4, { 10, 9, 1, 2 } };
	out_there.client_port = 6000;
	nt_pair_message(pair, &out_there, &q, 0);
	nt_pair_message(pair, &own, &r, 1);
	/* Late: as the row that it corrects. */
	nt_pair_message(pair, &out_there, &q, 2);
	nt_pair_expire(pair, 6 * NT_NS_PER_S);
	nt_pair_message(pair, &own, &r, 7 * NT_NS_PER_S);
	/* A server's socket has many clients. */
	own.side = out_there.side = 1;
	nt_pair_message(pair, &out_there, &q, 8 * NT_NS_PER_S);
	nt_pair_message(pair, &own, &r, 8 * NT_NS_PER_S + 1);
	nt_pair_flush(pair, 0);
	nt_pair_free(pair);
	ck_assert_str_eq(nt_buf_str(&out), "0 1.5000\n1 2.6000\n3 2.6000\n2 1.5000\n1 2.6000\n");
}
END_TEST

/* More at a time than the table begins with, some of them late: each reply finds its query. */
START_TEST(test_table_grows)
{
	enum { OWNERS = 4, EACH = 3000, LATE = 500 };
	struct nt_pair_config config = { 0 };
	uint64_t kinds[4] = { 0 };
	struct nt_err err;
	struct nt_pair *p = nt_pair_new(&config, count_kind, kinds, &err);
	struct nt_dns_msg q = message('q', 1, "grow.example"), r = message('q', 1, "grow.example");

	ck_assert_ptr_nonnull(p);
	r.flags |= NT_DNS_QR;
	for (unsigned i = 0; i < OWNERS * EACH; i++) {
		struct nt_flow flow = flow_of(1 + i % OWNERS);

		q.id = (uint16_t)i;
		nt_pair_message(p, &flow, &q, i < LATE ? 0 : 7 * NT_NS_PER_S);
	}
	ck_assert_uint_eq(nt_pair_stats(p).entries, OWNERS * EACH);
	for (unsigned i = 0; i < OWNERS * EACH; i++) {
		struct nt_flow flow = flow_of(1 + i % OWNERS);

		r.id = (uint16_t)i;
		nt_pair_message(p, &flow, &r, 8 * NT_NS_PER_S);
	}
	ck_assert_uint_eq(kinds[NT_TXN_LATE], LATE);
	ck_assert_uint_eq(kinds[NT_TXN_ANSWERED], OWNERS * EACH - LATE);
	ck_assert_uint_eq(nt_pair_stats(p).entries, 0);
	nt_pair_free(p);
}
END_TEST

START_TEST(test_flood)
{
	struct nt_pair_config config = { .max_entries = 1000, .max_per_owner = 100 };
	uint64_t kinds[4] = { 0 };
	struct nt_err err;
	struct nt_pair *p = nt_pair_new(&config, count_kind, kinds, &err);
	struct nt_dns_msg m = message('q', 1, "flood.example");
	struct nt_flow quiet = flow_of(77), loud;

	ck_assert_ptr_nonnull(p);
	nt_pair_message(p, &quiet, &m, 0);
	for (int i = 0; i < 30000; i++) {
		loud = flow_of((uint64_t)(1 + i % 5));
		m.id = (uint16_t)(i / 5);
		nt_pair_message(p, &loud, &m, i);
		ck_assert_uint_le(nt_pair_stats(p).entries, 1000);
	}
	ck_assert_uint_eq(nt_pair_stats(p).entries, 501);
	ck_assert_uint_eq(nt_pair_stats(p).evicted, 30000 - 500);
	m = message('r', 1, "flood.example");
	nt_pair_message(p, &quiet, &m, 40000);
	ck_assert_uint_eq(kinds[NT_TXN_ANSWERED],
			  1); /* five loud ones cost the quiet one nothing */
	nt_pair_flush(p, 0);
	ck_assert_uint_eq(kinds[NT_TXN_UNANSWERED], 30000);
	ck_assert_uint_eq(nt_pair_stats(p).entries, 0);
	ck_assert_uint_eq(nt_pair_stats(p).waiting, 0);
	nt_pair_free(p);
}
END_TEST

/* Thirty that flood could fill the table three times; nobody else loses a query by it. */
START_TEST(test_many_floods)
{
	struct nt_pair_config config = { .max_entries = 1000, .max_per_owner = 100 };
	uint64_t kinds[4] = { 0 };
	struct nt_pair *p = nt_pair_new(&config, count_kind, kinds, NULL);
	struct nt_dns_msg m = message('q', 1, "flood.example");
	struct nt_flow loud, quiet;

	ck_assert_ptr_nonnull(p);
	for (int i = 0; i < 60000; i++) {
		loud = flow_of((uint64_t)(1 + i % 30));
		m.id = (uint16_t)i;
		nt_pair_message(p, &loud, &m, i / 100);
		if (i % 2000)
			continue;
		quiet = flow_of((uint64_t)(100 + i / 2000));
		nt_pair_message(p, &quiet, &m, i / 100);
	}
	for (int i = 0; i < 60000; i += 2000) {
		m = message('r', (unsigned)(uint16_t)i, "flood.example");
		quiet = flow_of((uint64_t)(100 + i / 2000));
		nt_pair_message(p, &quiet, &m, 600);
	}
	ck_assert_uint_eq(kinds[NT_TXN_ANSWERED], 30);
	ck_assert_uint_eq(kinds[NT_TXN_UNPAIRED], 0);
	nt_pair_free(p);
}
END_TEST

START_TEST(test_restore_refuses)
{
	struct world w = { 0 };
	struct nt_pair_query q = { .flow = flow_of(1), .qname = { .len = 1 } };

	w.pair = make_pair(&w);
	ck_assert_int_eq(nt_pair_restore(w.pair, &q), 0);
	q.id = 1;
	q.first_ns = 5;
	ck_assert_int_eq(nt_pair_restore(w.pair, &q), -EINVAL);
	q.last_ns = 5;
	q.qname.len = 0;
	ck_assert_int_eq(nt_pair_restore(w.pair, &q), -EINVAL);
	nt_pair_free(w.pair);
	nt_pair_free(NULL);
}
END_TEST

START_TEST(test_defaults)
{
	struct nt_pair_config config = { 0 };
	uint64_t kinds[4] = { 0 };
	struct nt_err err;
	struct nt_pair *p = nt_pair_new(&config, count_kind, kinds, &err);
	struct nt_flow flow = flow_of(1);
	struct nt_dns_msg m = message('q', 1, "a");

	ck_assert_ptr_nonnull(p);
	nt_pair_message(p, &flow, &m, 0);
	/* glibc's second try comes a moment after five seconds. */
	nt_pair_message(p, &flow, &m, 5005 * NT_NS_PER_MS);
	ck_assert_uint_eq(kinds[NT_TXN_UNANSWERED], 0);
	nt_pair_expire(p, 11006 * NT_NS_PER_MS);
	ck_assert_uint_eq(kinds[NT_TXN_UNANSWERED], 1);
	nt_pair_expire(p, 42000 * NT_NS_PER_MS);
	ck_assert_uint_eq(nt_pair_stats(p).entries, 0);
	nt_pair_free(p);
}
END_TEST

/* Key zero: what CPython's siphash13 gives for these octets under PYTHONHASHSEED=0. */
START_TEST(test_siphash)
{
	struct nt_siphash_key zero = { 0, 0 }, other = { 0, 1 };

	ck_assert_uint_eq(nt_siphash(&zero, NT_SLICE_LIT("a")), 0x407448d2b89b1813);
	ck_assert_uint_eq(nt_siphash(&zero, NT_SLICE_LIT("abcdefgh")), 0x3f7b849c0b8e35ea);
	ck_assert_uint_eq(nt_siphash(&zero, NT_SLICE_LIT("abcdefghijklmno")), 0x1fd27a29b0e9dc7a);
	ck_assert_uint_ne(nt_siphash(&other, NT_SLICE_LIT("a")), 0x407448d2b89b1813);
}
END_TEST

/* What a program in another language gives that has the published vectors of SipHash-2-4-128. */
START_TEST(test_siphash128)
{
	const struct nt_siphash_key zero = { 0, 0 };
	const struct nt_siphash_key counting = { 0x0706050403020100, 0x0f0e0d0c0b0a0908 };
	const uint8_t data[15] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14 };
	struct nt_siphash128 digest = nt_siphash128(&zero, NT_SLICE_LIT("a"));

	ck_assert_uint_eq(digest.low, 0x3710b5e872fbf647);
	ck_assert_uint_eq(digest.high, 0x5fcd71c255370408);
	digest = nt_siphash128(&counting, nt_slice_mem(data, sizeof(data)));
	ck_assert_uint_eq(digest.low, 0x6c52bdb205557ec1);
	ck_assert_uint_eq(digest.high, 0x09017e1eeccd2129);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pair");
	TCase *t = tcase_create("pair");

	tcase_add_loop_test(t, test_story, 0, (int)NT_ARRAY_LEN(stories));
	tcase_add_test(t, test_flow_is_key);
	tcase_add_test(t, test_cookie_is_key);
	tcase_add_test(t, test_masqueraded_query);
	tcase_add_test(t, test_table_grows);
	tcase_add_test(t, test_flood);
	tcase_add_test(t, test_many_floods);
	tcase_add_test(t, test_restore_refuses);
	tcase_add_test(t, test_defaults);
	tcase_add_test(t, test_siphash);
	tcase_add_test(t, test_siphash128);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
