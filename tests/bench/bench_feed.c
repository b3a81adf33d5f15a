/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A domain feed of a million names: its memory while it is built and after, and a lookup of a name
 * and all that is above it, against a hash set that has each name in an allocation of its own. One
 * lookup in ten is of a name below a listed one, the others find nothing.
 */
#include "lib/base/cleanup.h"
#include "lib/base/hash.h"
#include "lib/base/hashtable.h"
#include "lib/feed/list.h"
#include "tests/bench/bench.h"

enum {
	NAMES = 1000000,
	HOSTS = 20000, /* registrable domains that have names below them listed */
	QUERIES = 200000,
	PIECE = 64 << 10,
};

static uint64_t state;

static unsigned next_random(unsigned below)
{
	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(state >> 33) % below;
}

/* --- names ----------------------------------------------------------------------------------- */

static void put_word(struct nt_buf *out, unsigned syllables)
{
	static const char *const parts[] = { "ba",   "co", "di",    "fer", "gan", "ho",
					     "ki",   "lo", "mer",   "net", "pay", "ri",
					     "shop", "ta", "vi",    "web", "in",  "on",
					     "st",   "ex", "cloud", "log", "sec", "up" };

	while (syllables--)
		nt_buf_puts(out, parts[next_random(NT_ARRAY_LEN(parts))]);
}

static void put_random(struct nt_buf *out, unsigned len)
{
	while (len--)
		nt_buf_putc(out, "abcdefghijklmnopqrstuvwxyz0123456789"[next_random(36)]);
}

/* Half of all names are in .com, as in the lists that one finds. */
static void put_tld(struct nt_buf *out)
{
	static const char *const tlds[] = { ".com", ".com", ".com", ".com",    ".com",
					    ".net", ".org", ".top", ".xyz",    ".info",
					    ".ru",  ".cn",  ".de",  ".com.br", ".shop" };

	nt_buf_puts(out, tlds[next_random(NT_ARRAY_LEN(tlds))]);
}

/* Domains of words (half), hosts below domains that many share (three in ten), and such as
 * programs generate. The same for the same number. */
static void put_name(struct nt_buf *out, unsigned i)
{
	unsigned kind = i % 10;

	state = i;
	(void)next_random(1);
	if (kind < 5) {
		put_word(out, 3 + next_random(3));
		if (next_random(2))
			nt_buf_putc(out, '-');
		put_random(out, 3 + next_random(5));
	} else if (kind < 8) {
		put_random(out, 6 + next_random(9));
		nt_buf_putc(out, '.');
		state = 77777777 + next_random(HOSTS);
		(void)next_random(1);
		put_word(out, 2 + next_random(3));
	} else {
		put_random(out, 12 + next_random(14));
	}
	put_tld(out);
}

static struct nt_name query(unsigned i)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_name n;

	nt_buf_puts(&text, i % 3 ? "www." : "a.b.");
	put_name(&text, i % 10 ? NAMES + i : i);
	if (nt_name_parse(nt_slice_mem(text.p, text.len), &n) < 0)
		bench_die("%s is no name", text.p);
	return n;
}

/* --- the feed -------------------------------------------------------------------------------- */

static void push_piece(struct nt_feed_list *l, struct nt_buf *piece, struct nt_err *err)
{
	if (nt_feed_list_push(l, nt_slice_mem(piece->p, piece->len), err) < 0)
		bench_die("%s", err->msg);
	nt_buf_reset(piece);
}

static struct nt_feed_set *build(void)
{
	_cleanup_(nt_feed_builder_freep) struct nt_feed_builder *b = NULL;
	_cleanup_(nt_feed_list_freep) struct nt_feed_list *l = NULL;
	_cleanup_buf_ struct nt_buf piece = { 0 };
	struct nt_feed_set *s;
	struct nt_err err;

	if (nt_feed_builder_new(NT_FEED_LIMITS_DEFAULT, &b, &err) < 0 ||
	    nt_feed_list_new(&(struct nt_feed_form){ 0 }, b, &l, &err) < 0)
		bench_die("%s", err.msg);
	for (unsigned i = 0; i < NAMES; i++) {
		put_name(&piece, i);
		nt_buf_putc(&piece, '\n');
		if (piece.len > PIECE)
			push_piece(l, &piece, &err);
	}
	push_piece(l, &piece, &err);
	if (nt_feed_list_end(l, &err) < 0 || nt_feed_builder_finish(b, &s, &err) < 0)
		bench_die("%s", err.msg);
	bench_also("feed_name_octets", (double)nt_feed_list_report(l)->octets / NAMES - 1,
		   "octets");
	return s;
}

/* --- the hash set ---------------------------------------------------------------------------- */

struct node {
	struct nt_hashtable_link link;
	uint8_t len;
	uint8_t wire[];
};

static struct nt_hashtable table;
static struct nt_hash_key key;

static const struct node *table_find(struct nt_slice wire)
{
	struct nt_hashtable_link *link = nt_hashtable_first(&table, nt_hash(&key, 0, wire));

	for (; link; link = nt_hashtable_next(link)) {
		const struct node *n = NT_HASHTABLE_ITEM(link, struct node, link);

		if (n->len == wire.len && !memcmp(n->wire, wire.p, wire.len))
			return n;
	}
	return NULL;
}

static void fill_table(const struct nt_feed_set *s)
{
	struct nt_feed_walk w = { .set = s };
	struct nt_pattern entry;

	if (nt_hashtable_init(&table) < 0)
		bench_die("no memory");
	while (nt_feed_walk_next(&w, &entry)) {
		struct nt_slice wire = nt_slice_mem(entry.name.wire, entry.name.len);
		struct node *n = malloc(sizeof(*n) + wire.len);

		if (!n)
			bench_die("no memory");
		n->len = entry.name.len;
		memcpy(n->wire, wire.p, wire.len);
		nt_hashtable_put(&table, &n->link, nt_hash(&key, 0, wire));
	}
}

static bool table_has(const struct nt_name *n)
{
	for (size_t at = 0; n->wire[at]; at += n->wire[at] + 1u)
		if (table_find(nt_slice_mem(n->wire + at, n->len - at)))
			return true;
	return false;
}

/* --- rounds ---------------------------------------------------------------------------------- */

static struct nt_name *queries;

static double feed_ns(const struct nt_feed_set *s, size_t *ret_found)
{
	uint64_t start = bench_cpu_ns();
	struct nt_pattern entry;

	*ret_found = 0;
	for (size_t i = 0; i < QUERIES; i++)
		*ret_found += nt_feed_set_find(s, &queries[i], NT_FEED_BELOW, &entry);
	return (double)(bench_cpu_ns() - start) / QUERIES;
}

static double table_ns(size_t *ret_found)
{
	uint64_t start = bench_cpu_ns();

	*ret_found = 0;
	for (size_t i = 0; i < QUERIES; i++)
		*ret_found += table_has(&queries[i]);
	return (double)(bench_cpu_ns() - start) / QUERIES;
}

static void measure(const struct nt_feed_set *s)
{
	size_t found, found_slowly;
	double feed = feed_ns(s, &found), hashes = table_ns(&found_slowly);

	if (found != found_slowly || found < QUERIES / 10)
		bench_die("%zu found, the hash set has %zu", found, found_slowly);
	bench_round("feed_lookup_vs_hashset", feed / hashes);
	bench_also("feed_lookup_ns", feed, "ns");
	bench_also("feed_hashset_ns", hashes, "ns");
}

static struct nt_feed_set *build_measured(void)
{
	double before = bench_status_mib("RssAnon:"), rss = bench_status_mib("VmRSS:");
	uint64_t start = bench_cpu_ns();
	struct nt_feed_set *s = build();
	double taken = bench_status_mib("RssAnon:") - before;

	bench_also("feed_build_s", (double)(bench_cpu_ns() - start) / 1e9, "CPU-s");
	bench_round("feed_rss_anon_mib", taken);
	bench_round("feed_build_peak_mib", bench_status_mib("VmHWM:") - rss);
	bench_also("feed_names", (double)nt_feed_set_len(s), "names");
	bench_also("feed_counted_mib", (double)nt_feed_set_bytes(s) / (1 << 20), "MiB");
	before = bench_status_mib("RssAnon:");
	fill_table(s);
	bench_round("feed_memory_vs_hashset", taken / (bench_status_mib("RssAnon:") - before));
	bench_also("feed_bytes_per_name", taken * (1 << 20) / (double)nt_feed_set_len(s), "octets");
	return s;
}

int main(void)
{
	unsigned rounds = bench_rounds();
	size_t found;

	bench_pin(0);
	key = (struct nt_hash_key){ { 0x243f6a8885a308d3, 0x13198a2e03707344,
				      0xa4093822299f31d0 } };
	_cleanup_(nt_feed_set_freep) struct nt_feed_set *s = build_measured();

	queries = calloc(QUERIES, sizeof(*queries));
	if (!queries)
		bench_die("no memory");
	for (unsigned i = 0; i < QUERIES; i++)
		queries[i] = query(i);
	(void)feed_ns(s, &found);
	(void)table_ns(&found);
	while (rounds--)
		measure(s);
	return 0;
}
