/* SPDX-License-Identifier: Apache-2.0 */
/* Tokens by their digest: a hash table, and a list by last use for each of two kinds. */
#include "controller/agents/tokens.h"

#include <stdlib.h>

#define BUCKETS 4096 /* a power of two */

struct entry {
	struct nt_token_digest digest;
	struct entry *chain; /* of the bucket */
	struct entry *newer, *older; /* of its list */
	bool good; /* it is in that list, else in the other one */
	bool pending;
	int64_t until_ns; /* the verdict holds */
	int64_t grace_ns; /* a good one, while nobody can be asked; 0: it never was good */
	struct nt_token_verdict verdict;
};

struct list {
	struct entry *newest, *oldest;
	size_t len, max;
};

struct nt_tokens {
	struct entry *buckets[BUCKETS];
	struct list lists[2]; /* [good] */
};

struct nt_tokens *nt_tokens_new(void)
{
	struct nt_tokens *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->lists[false].max = NT_TOKENS_REFUSED_MAX;
	t->lists[true].max = NT_TOKENS_GOOD_MAX;
	return t;
}

void nt_tokens_free(struct nt_tokens *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < BUCKETS; i++) {
		struct entry *next;

		for (struct entry *e = t->buckets[i]; e; e = next) {
			next = e->chain;
			free(e);
		}
	}
	free(t);
}

size_t nt_tokens_len(const struct nt_tokens *t)
{
	return t->lists[0].len + t->lists[1].len;
}

/* A digest is as good as random. */
static struct entry **place(struct nt_tokens *t, const struct nt_token_digest *digest)
{
	uint32_t word;
	struct entry **at;

	memcpy(&word, digest->octets, sizeof(word));
	at = &t->buckets[word % BUCKETS];
	while (*at && memcmp(&(*at)->digest, digest, sizeof(*digest)) != 0)
		at = &(*at)->chain;
	return at;
}

/* --- the lists -------------------------------------------------------------------------------- */

static void unlink_entry(struct nt_tokens *t, struct entry *e)
{
	struct list *l = &t->lists[e->good];

	*(e->newer ? &e->newer->older : &l->newest) = e->older;
	*(e->older ? &e->older->newer : &l->oldest) = e->newer;
	l->len--;
}

static void link_newest(struct nt_tokens *t, struct entry *e)
{
	struct list *l = &t->lists[e->good];

	e->newer = NULL;
	e->older = l->newest;
	*(l->newest ? &l->newest->newer : &l->oldest) = e;
	l->newest = e;
	l->len++;
}

/* One that somebody waits for stays. */
static void make_room(struct nt_tokens *t, bool good)
{
	struct list *l = &t->lists[good];
	struct entry *e = l->oldest;

	while (e && l->len > l->max) {
		struct entry *newer = e->newer;

		if (!e->pending) {
			unlink_entry(t, e);
			*place(t, &e->digest) = e->chain;
			free(e);
		}
		e = newer;
	}
}

static void file_as(struct nt_tokens *t, struct entry *e, bool good)
{
	unlink_entry(t, e);
	e->good = good;
	link_newest(t, e);
	make_room(t, good);
}

/* --- verdicts --------------------------------------------------------------------------------- */

enum nt_token_state nt_tokens_find(struct nt_tokens *t, const struct nt_token_digest *digest,
				   int64_t boot_ns, struct nt_token_verdict *ret_verdict)
{
	struct entry *e = *place(t, digest);

	if (!e)
		return NT_TOKEN_UNKNOWN;
	if (e->pending)
		return NT_TOKEN_PENDING;
	if (boot_ns >= e->until_ns)
		return NT_TOKEN_UNKNOWN;
	file_as(t, e, e->good);
	*ret_verdict = e->verdict;
	return e->verdict.status ? NT_TOKEN_REFUSED : NT_TOKEN_GOOD;
}

bool nt_tokens_pend(struct nt_tokens *t, const struct nt_token_digest *digest)
{
	struct entry **at = place(t, digest), *e = *at;

	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e)
			return false;
		e->digest = *digest;
		*at = e;
		e->pending = true;
		link_newest(t, e);
		make_room(t, false);
	}
	e->pending = true;
	return true;
}

void nt_tokens_unpend(struct nt_tokens *t, const struct nt_token_digest *digest)
{
	struct entry *e = *place(t, digest);

	if (!e)
		return;
	e->pending = false;
	make_room(t, e->good);
}

bool nt_tokens_former(struct nt_tokens *t, const struct nt_token_digest *digest, int64_t boot_ns,
		      struct nt_token_verdict *ret_verdict)
{
	struct entry *e = *place(t, digest);

	if (!e || boot_ns >= e->grace_ns)
		return false;
	*ret_verdict = e->verdict;
	file_as(t, e, true);
	return true;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return b && b < a ? b : a;
}

static void settle_good(struct nt_tokens *t, struct entry *e, int64_t boot_ns, int64_t expires_ns)
{
	e->until_ns = earlier(boot_ns + NT_TOKENS_TTL_NS, expires_ns);
	/* By our clock it is over, by the API server's it is not: who waits for it has it. */
	if (e->until_ns < boot_ns + NT_NS_PER_S)
		e->until_ns = boot_ns + NT_NS_PER_S;
	e->grace_ns = earlier(boot_ns + NT_TOKENS_GRACE_NS, expires_ns);
	file_as(t, e, true);
}

bool nt_tokens_settle(struct nt_tokens *t, const struct nt_token_digest *digest, int64_t boot_ns,
		      int64_t expires_ns, struct nt_token_verdict *verdict)
{
	struct entry *e = *place(t, digest);

	if (!e)
		return false;
	e->pending = false;
	if (verdict->status == 503 && boot_ns < e->grace_ns) {
		e->until_ns = earlier(boot_ns + NT_TOKENS_HELD_NS, e->grace_ns);
		*verdict = e->verdict;
		return true;
	}
	e->verdict = *verdict;
	if (verdict->status == 0) {
		settle_good(t, e, boot_ns, expires_ns);
		return false;
	}
	e->grace_ns = 0;
	e->until_ns = boot_ns + (verdict->status == 503 ? NT_TOKENS_AWAY_NS : NT_TOKENS_REFUSED_NS);
	file_as(t, e, false);
	return false;
}
