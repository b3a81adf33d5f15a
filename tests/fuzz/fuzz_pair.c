/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the pairing table: the input is a list of events of four octets (verb and owner, id, port,
 * time passed). What is reported must add up to what was sent, and the bounds must hold.
 */
#include <netinet/in.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/dns/pair.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { ENTRIES = 12, PER_OWNER = 5 };

struct world {
	struct nt_pair *pair;
	uint64_t queries, replies; /* sent */
	uint64_t out_queries, out_replies; /* reported */
	uint64_t tag;
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static uint64_t note(void *ctx, const struct nt_txn *t)
{
	struct world *w = ctx;

	check((t->kind == NT_TXN_UNANSWERED) == (t->reply == NULL));
	check((t->kind == NT_TXN_UNPAIRED) == (t->query->queries == 0));
	check((t->kind == NT_TXN_LATE) == (t->query->tag != 0));
	check(t->query->tag <= w->tag);
	check(!t->reply || t->reply_ns >= t->query->first_ns);
	w->out_replies += t->reply != NULL;
	if (t->kind != NT_TXN_LATE) /* its queries were in the row before */
		w->out_queries += t->query->queries;
	return t->kind == NT_TXN_UNANSWERED ? ++w->tag : 0;
}

static void count_waiting(void *ctx, const struct nt_pair_query *q)
{
	*(uint64_t *)ctx += q->queries;
}

static void restore(void *ctx, const struct nt_pair_query *q)
{
	check(nt_pair_restore(ctx, q) == 0);
}

static struct nt_pair *make_pair(struct world *w)
{
	struct nt_pair_config config = { .max_entries = ENTRIES, .max_per_owner = PER_OWNER };
	struct nt_pair *p = nt_pair_new(&config, note, w, NULL);

	check(p != NULL);
	return p;
}

static void send_message(struct world *w, const uint8_t *event, int64_t now_ns)
{
	struct nt_flow flow = { .owner = 1 + event[0] % 4,
				.transport = IPPROTO_UDP,
				.client_port = event[2] % 4,
				.server_port = 53 };
	struct nt_dns_msg msg = { .wire = nt_slice_mem(event, 4),
				  .id = event[1] % 8,
				  .flags = event[0] & 0x10 ? NT_DNS_QR : 0,
				  .has_question = event[1] < 0xf8,
				  .qtype = 1,
				  .qclass = 1 };

	if (msg.has_question) /* a message has a name or no question */
		msg.qname = (struct nt_name){ .len = 1 };
	if (msg.flags)
		w->replies++;
	else
		w->queries++;
	nt_pair_message(w->pair, &flow, &msg, now_ns);
}

static void restart(struct world *w)
{
	struct nt_pair *next = make_pair(w);

	nt_pair_each(w->pair, restore, next);
	nt_pair_free(w->pair);
	w->pair = next;
}

static void play(struct world *w, const uint8_t *event, int64_t now_ns)
{
	switch (event[0] >> 5) {
	case 6:
		nt_pair_expire(w->pair, now_ns);
		break;
	case 7:
		if (event[1] & 1)
			restart(w);
		else
			nt_pair_flush(w->pair, event[0] % 6);
		break;
	default:
		send_message(w, event, now_ns);
	}
}

static void check_sums(struct world *w)
{
	struct nt_pair_stats stats = nt_pair_stats(w->pair);
	uint64_t waiting = 0;

	nt_pair_each(w->pair, count_waiting, &waiting);
	check(stats.entries <= ENTRIES && stats.waiting <= stats.entries && !stats.failed);
	check(w->out_queries + waiting == w->queries);
	check(w->out_replies == w->replies);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct world w = { 0 };
	int64_t now_ns = 100 * NT_NS_PER_S;

	w.pair = make_pair(&w);
	for (size_t i = 0; i + 4 <= len && i < 4096; i += 4) {
		now_ns += ((int8_t)data[i + 3]) * 100 * NT_NS_PER_MS; /* backwards too */
		if (now_ns < 0)
			now_ns = 0;
		play(&w, data + i, now_ns);
		check_sums(&w);
	}
	nt_pair_flush(w.pair, 0);
	check(nt_pair_stats(w.pair).entries == 0);
	check_sums(&w);
	nt_pair_free(w.pair);
	return 0;
}
