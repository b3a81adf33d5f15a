/* SPDX-License-Identifier: Apache-2.0 */
/* Owners and their members: oldest first, gone with the last one, many at once; who gives way. */
#include "lib/dns/owners.h"

#include <check.h>
#include <string.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

struct member {
	int n;
	struct nt_owned own;
};

static int oldest(struct nt_owners *t, uint64_t id)
{
	struct nt_owner *o = nt_owners_find(t, id);

	return o ? NT_OWNED(TAILQ_FIRST(&o->list), struct member, own)->n : -1;
}

START_TEST(test_oldest_first)
{
	static struct nt_owners t;
	struct member m[3] = { { .n = 0 }, { .n = 1 }, { .n = 2 } };

	ck_assert_int_eq(oldest(&t, 7), -1);
	for (int i = 0; i < 3; i++)
		ck_assert(nt_owners_take(&t, 7, &m[i].own, 1));
	ck_assert_uint_eq(nt_owners_find(&t, 7)->held, 3);
	ck_assert_int_eq(oldest(&t, 7), 0);
	nt_owned_touch(&m[0].own);
	ck_assert_int_eq(oldest(&t, 7), 1);
	nt_owners_give(&t, &m[1].own, 1);
	ck_assert_int_eq(oldest(&t, 7), 2);
	nt_owners_give(&t, &m[2].own, 1);
	ck_assert_int_eq(oldest(&t, 7), 0);
	nt_owners_give(&t, &m[0].own, 1);
	ck_assert_int_eq(oldest(&t, 7), -1);
	nt_owners_done(&t);
}
END_TEST

/* What a former owner's place held must not come back under the next one's name. */
START_TEST(test_a_place_is_used_again)
{
	static struct nt_owners t;
	struct member a = { .n = 1 }, b = { .n = 2 };

	ck_assert(nt_owners_take(&t, 1, &a.own, 99));
	nt_owners_give(&t, &a.own, 98);
	ck_assert_uint_eq(nt_owners_find(&t, 1)->held, 1);
	nt_owners_give(&t, &a.own, 1);
	ck_assert_ptr_null(a.own.owner);
	ck_assert(nt_owners_take(&t, 2, &b.own, 7));
	ck_assert_uint_eq(b.own.owner->id, 2);
	ck_assert_uint_eq(b.own.owner->held, 7);
	ck_assert_uint_eq(t.held, 7);
	ck_assert_ptr_null(nt_owners_find(&t, 1));
	nt_owners_give(&t, &b.own, 7);
	nt_owners_done(&t);
}
END_TEST

START_TEST(test_many_share_chains)
{
	enum { MANY = 4 * NT_OWNER_BUCKETS };
	static struct nt_owners t;
	static struct member m[MANY];

	for (int i = 0; i < MANY; i++) {
		m[i].n = i;
		ck_assert(nt_owners_take(&t, (uint64_t)i << 40, &m[i].own, 1));
	}
	for (int i = 0; i < MANY; i += 2)
		nt_owners_give(&t, &m[i].own, 1);
	for (int i = 0; i < MANY; i++)
		ck_assert_int_eq(oldest(&t, (uint64_t)i << 40), i % 2 ? i : -1);
	for (int i = 1; i < MANY; i += 2)
		nt_owners_give(&t, &m[i].own, 1);
	nt_owners_done(&t);
}
END_TEST

/* A table of `max` units, of which members of up to `large` are taken by owners 0 to `owners`, low
 * numbers far more often; and what each owner holds by our own count. */
enum { OWNERS = 12, MEMBERS = 512 };

static const struct {
	size_t max, owner_max, large;
} tables[] = { { 100, 0, 1 }, { 100, 30, 1 }, { 8192, 0, 700 }, { 3, 0, 1 }, { 40, 0, 40 } };

static struct world {
	struct nt_owners t;
	struct member members[MEMBERS];
	size_t held[OWNERS];
	uint64_t asks;
	size_t large;
	size_t evictions, evicted; /* of the last one that asked */
} w;

static size_t most_held(void)
{
	size_t most = 0;

	for (int i = 0; i < OWNERS; i++)
		most = w.held[i] > most ? w.held[i] : most;
	return most;
}

static void go(struct nt_owned *m, size_t amount)
{
	w.held[m->owner->id] -= amount;
	nt_owners_give(&w.t, m, amount);
}

/* The rule itself: who gives way holds most of all, or is above what one may have. */
static bool evict(void *ctx, struct nt_owned *m)
{
	size_t asking = w.held[w.asks], victims = w.held[m->owner->id];

	ck_assert_ptr_eq(ctx, &w);
	ck_assert_ptr_eq(m, TAILQ_FIRST(&m->owner->list));
	ck_assert_msg(victims == most_held() || (w.t.owner_max && m->owner->id == w.asks),
		      "%zu of %zu goes for one that holds %zu", victims, most_held(), asking);
	w.evictions++;
	w.evicted += m->amount;
	go(m, m->amount);
	return true;
}

static void check_world(void)
{
	size_t sum = 0;

	for (uint64_t i = 0; i < OWNERS; i++) {
		struct nt_owner *o = nt_owners_find(&w.t, i);

		sum += w.held[i];
		ck_assert_uint_eq(o ? o->held : 0, w.held[i]);
	}
	ck_assert_uint_eq(w.t.held, sum);
	ck_assert_uint_le(sum, w.t.max);
	ck_assert_uint_eq(w.t.ranked_len ? w.t.ranked[0]->held : 0, most_held());
}

static void ask(struct nt_owned *m, size_t amount)
{
	size_t had = w.held[w.asks], most = most_held();
	bool fits, shared = had + amount <= w.t.max - w.t.held &&
			    (!w.t.owner_max || had + amount <= w.t.owner_max);

	w.evictions = w.evicted = 0;
	fits = nt_owners_make_room(&w.t, w.asks, amount, evict, &w);
	ck_assert_msg(!shared || (fits && !w.evictions), "within its share nobody gives way");
	ck_assert_uint_lt(w.evicted, 2 * amount + w.large);
	if (!fits)
		return;
	ck_assert(nt_owners_take(&w.t, w.asks, m, amount));
	w.held[w.asks] += amount;
	if (!shared && had == most && w.large == 1)
		ck_assert_msg(w.held[w.asks] <= had,
			      "who holds most does not grow above its share");
}

static void all_go(struct member *m, int len)
{
	for (int i = 0; i < len; i++)
		if (m[i].own.owner)
			go(&m[i].own, m[i].own.amount);
	ck_assert_uint_eq(w.t.held, 0);
	nt_owners_done(&w.t);
}

START_TEST(test_who_gives_way)
{
	unsigned seed = (unsigned)_i + 1;

	memset(&w, 0, sizeof(w));
	w.t.max = tables[_i].max;
	w.t.owner_max = tables[_i].owner_max;
	w.large = tables[_i].large;
	for (int step = 0; step < 20000; step++) {
		unsigned a = (unsigned)rand_r(&seed), b = (unsigned)rand_r(&seed);
		struct nt_owned *m = &w.members[(unsigned)rand_r(&seed) % MEMBERS].own;
		size_t amount = 1 + (unsigned)rand_r(&seed) % w.large;

		w.asks = a % OWNERS * (b % OWNERS) / OWNERS; /* low ones more often */
		if (m->owner && (a >> 16) % 4 == 0)
			nt_owned_touch(m);
		else if (m->owner)
			go(m, (a >> 16) % 2 ? m->amount : 1 + b % m->amount);
		else
			ask(m, amount);
		check_world();
	}
	all_go(w.members, MEMBERS);
}
END_TEST

static size_t flood(struct member *m, int len, uint64_t id)
{
	size_t before = w.held[id];

	w.asks = id;
	for (int i = 0; i < len; i++)
		ask(&m[i].own, 1);
	return w.held[id] - before;
}

/* One that wants all has half, two a third, three a quarter; who comes late finds as much free. */
START_TEST(test_shares)
{
	static struct member m[4 * 300];

	memset(&w, 0, sizeof(w));
	w.large = 1;
	w.t.max = 120;
	ck_assert_uint_eq(flood(m, 300, 0), 60);
	flood(m + 300, 300, 1);
	ck_assert_uint_eq(w.held[0], 40);
	ck_assert_uint_eq(w.held[1], 40);
	flood(m + 600, 300, 2);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(w.held[i], 30);
	ck_assert_uint_eq(flood(m + 900, 15, 3), 15);
	for (int i = 0; i < 3; i++)
		ck_assert_uint_eq(w.held[i], 30);
	all_go(m, 4 * 300);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("owners");
	TCase *t = tcase_create("owners");

	tcase_add_test(t, test_oldest_first);
	tcase_add_test(t, test_a_place_is_used_again);
	tcase_add_test(t, test_many_share_chains);
	tcase_add_loop_test(t, test_who_gives_way, 0, NT_ARRAY_LEN(tables));
	tcase_add_test(t, test_shares);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
