/* SPDX-License-Identifier: Apache-2.0 */
/* The table of streams: who is who, the bounds and whom they hit, time, a restart. */
#include "lib/dns/stream.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "tests/unit/suite.h"

static struct nt_streams *table;
static struct {
	char text[2048];
	uint64_t told, sent; /* segments */
	uint64_t owner_limit[16]; /* NT_STREAM_LIMIT by owner */
} out;

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void say(const char *format, ...)
{
	size_t len = strlen(out.text);
	va_list ap;

	va_start(ap, format);
	vsnprintf(out.text + len, sizeof(out.text) - len, format, ap);
	va_end(ap);
}

static int on_message(void *ctx, const struct nt_stream_message *m)
{
	(void)ctx;
	say("%c%d.%d ", m->from_server ? 'r' : 'q', m->flow->client_port, (int)m->wire.len);
	return 0;
}

/* Every stream of held is half read, so one that goes is told. */
static struct {
	uint32_t held[NT_ARRAY_LEN(out.owner_limit)]; /* by owner */
	bool is_used;
} model;

static void model_fate(const struct nt_stream_fate *f)
{
	uint64_t owner = f->flow->owner;

	if (!model.is_used)
		return;
	for (size_t i = 0; f->what.reason == NT_STREAM_LIMIT && i < NT_ARRAY_LEN(model.held); i++)
		ck_assert_msg(model.held[owner] >= model.held[i],
			      "owner %u with %u goes, and %zu has %u", (unsigned)owner,
			      model.held[owner], i, model.held[i]);
	model.held[owner]--;
}

static void on_fate(void *ctx, const struct nt_stream_fate *f)
{
	static const char *const names[] = { "read",   "refused", "gap",    "limit",
					     "middle", "cut",	  "restart" };

	(void)ctx;
	model_fate(f);
	out.told += f->what.segments;
	if (f->what.reason == NT_STREAM_LIMIT)
		out.owner_limit[f->flow->owner] += f->what.segments;
	if (f->what.reason != NT_STREAM_READ)
		say("%s%d.%u ", names[f->what.reason], f->flow->client_port, f->what.segments);
}

static uint64_t limited(void)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < NT_ARRAY_LEN(out.owner_limit); i++)
		sum += out.owner_limit[i];
	return sum;
}

static struct nt_streams *make(const struct nt_stream_config *config)
{
	struct nt_stream_calls calls = { .message = on_message, .fate = on_fate };
	struct nt_err err = { 0 };
	struct nt_streams *t = nt_streams_new(config, &calls, &err);

	ck_assert_msg(t != NULL, "%s", err.msg);
	return t;
}

static void set_up(void)
{
	memset(&out, 0, sizeof(out));
	table = make(&(struct nt_stream_config){ 0 });
}

static void tear_down(void)
{
	nt_streams_free(table);
}

static void again_with(const struct nt_stream_config *config)
{
	tear_down();
	memset(&out, 0, sizeof(out));
	table = make(config);
}

struct part {
	uint64_t owner;
	uint16_t port;
	bool reply;
	unsigned flags;
	uint32_t seq;
	const char *octets;
	size_t len;
	int64_t ms;
};

static void send_part(struct part p)
{
	struct nt_stream_segment s = {
		.flow = { .owner = p.owner ? p.owner : 1,
			  .transport = IPPROTO_TCP,
			  .client_port = p.port ? p.port : 4000,
			  .server_port = 53,
			  .client = { 4, { 10, 0, 0, 1 } },
			  .server = { 4, { 10, 0, 0, 2 } } },
		.from_server = p.reply,
		.flags = (uint8_t)p.flags,
		.seq = p.seq,
		.payload = nt_slice_mem(p.octets, p.len),
		.time_ns = (100000 + p.ms) * NT_NS_PER_MS,
	};

	out.sent++;
	nt_streams_segment(table, &s);
}

#define SEND(...) send_part((struct part){ __VA_ARGS__ })
/* A header that asks nothing, behind its length; of a client and of a server. */
#define QUERY .octets = "\0\14\0\1\1\0\0\0\0\0\0\0\0\0", .len = 14
#define REPLY .octets = "\0\14\0\1\201\0\0\0\0\0\0\0\0\0", .len = 14, .reply = true
#define HALF .octets = "\0\14\0\1\1", .len = 5

static void pass(int64_t ms)
{
	nt_streams_expire(table, (100000 + ms) * NT_NS_PER_MS);
}

static void check(const char *want)
{
	ck_assert_str_eq(out.text, want);
	out.text[0] = '\0';
}

START_TEST(both_directions)
{
	SEND(.flags = NT_TCP_SYN, .seq = 1);
	SEND(.flags = NT_TCP_SYN | NT_TCP_ACK, .seq = 500, .reply = true);
	SEND(QUERY, .seq = 1);
	SEND(REPLY, .seq = 500);
	check("q4000.12 r4000.12 ");
	SEND(.flags = NT_TCP_FIN, .seq = 15);
	SEND(.flags = NT_TCP_FIN, .seq = 514, .reply = true);
	ck_assert_uint_eq(nt_streams_stats(table).streams, 1);
	SEND(QUERY, .seq = 1, .ms = 1000); /* again, while it lingers */
	pass(5000);
	check("");
	ck_assert_uint_eq(nt_streams_stats(table).streams, 0);
	ck_assert_uint_eq(out.told, out.sent);
}
END_TEST

/* The same ports for another owner, the same ports again. */
START_TEST(who_is_who)
{
	SEND(HALF, .flags = NT_TCP_SYN, .seq = 1, .owner = 1);
	SEND(QUERY, .flags = NT_TCP_SYN, .seq = 9, .owner = 2);
	check("q4000.12 ");
	SEND(QUERY, .flags = NT_TCP_SYN, .seq = 70000, .owner = 1);
	check("cut4000.1 q4000.12 ");
	ck_assert_uint_eq(nt_streams_stats(table).streams, 2);
}
END_TEST

START_TEST(ends_without_a_stream_open_none)
{
	SEND(.flags = NT_TCP_FIN, .seq = 15);
	SEND(.flags = NT_TCP_RST, .seq = 15);
	ck_assert_uint_eq(nt_streams_stats(table).streams, 0);
	ck_assert_uint_eq(out.told, 2);
}
END_TEST

START_TEST(a_reset_ends_it)
{
	SEND(HALF, .flags = NT_TCP_SYN, .seq = 1);
	SEND(.flags = NT_TCP_RST, .seq = 6, .reply = true);
	pass(1500);
	check("");
	pass(4000);
	check("cut4000.1 ");
}
END_TEST

START_TEST(silence)
{
	SEND(HALF, .flags = NT_TCP_SYN, .seq = 1);
	pass(100000);
	check("");
	pass(125000);
	check("cut4000.1 ");
	ck_assert_uint_eq(nt_streams_stats(table).bytes, 0);
}
END_TEST

START_TEST(a_hole_in_time)
{
	SEND(.flags = NT_TCP_SYN, .seq = 1);
	SEND(QUERY, .seq = 15, .ms = 10);
	pass(5000);
	check("");
	pass(7000);
	check("gap4000.0 q4000.12 ");
	ck_assert_uint_eq(nt_streams_stats(table).gaps, 1);
	ck_assert_uint_eq(nt_streams_stats(table).gap_octets, 14);
}
END_TEST

/* One owner's many streams cost nobody else's. */
START_TEST(streams_are_shared)
{
	again_with(&(struct nt_stream_config){ .max_streams = 20 });
	for (uint16_t i = 0; i < 5; i++)
		SEND(HALF, .flags = NT_TCP_SYN, .seq = 1, .owner = 2, .port = (uint16_t)(100 + i));
	for (uint16_t i = 0; i < 100; i++)
		SEND(HALF, .flags = NT_TCP_SYN, .seq = 1, .owner = 1, .port = (uint16_t)(1000 + i));
	ck_assert_uint_eq(out.owner_limit[1], 92);
	ck_assert_uint_eq(out.owner_limit[2], 0);
	ck_assert_uint_eq(nt_streams_stats(table).streams, 13);
	ck_assert_uint_eq(nt_streams_stats(table).evicted, 92);
	nt_streams_flush(table, 1);
	ck_assert_uint_eq(nt_streams_stats(table).streams, 5);
	nt_streams_flush(table, 0);
	ck_assert_uint_eq(nt_streams_stats(table).bytes, 0);
	ck_assert_uint_eq(out.told, out.sent);
}
END_TEST

/* More owners than places: nobody has more than another, so anyone goes. */
START_TEST(a_full_table)
{
	again_with(&(struct nt_stream_config){ .max_streams = 4 });
	for (uint64_t owner = 1; owner <= 6; owner++)
		SEND(HALF, .flags = NT_TCP_SYN, .seq = 1, .owner = owner);
	ck_assert_uint_eq(limited(), 2);
	ck_assert_uint_eq(nt_streams_stats(table).evicted, 2);
	ck_assert_uint_eq(nt_streams_stats(table).streams, 4);
}
END_TEST

/* Nine pods at once, each of which could fill the table, and a tenth with a query that is half read
 * all the while. Fixed caps per pod, whose sum was more than the table, cost the tenth its own. */
START_TEST(nine_floods)
{
	uint16_t port = 0;

	again_with(&(struct nt_stream_config){ .max_streams = 500 });
	for (uint16_t i = 0; i < 1000; i++) {
		if (i % 50 == 0)
			SEND(HALF, .flags = NT_TCP_SYN, .seq = 1, .owner = 10, .port = ++port);
		for (uint64_t owner = 1; owner <= 9; owner++)
			SEND(HALF, .flags = NT_TCP_SYN, .seq = 1, .owner = owner,
			     .port = (uint16_t)(1000 + i));
	}
	ck_assert_uint_eq(out.owner_limit[10], 0);
	ck_assert_uint_gt(limited(), 9 * (1000 - 51));
	out.text[0] = '\0';
	for (; port; port--)
		SEND(.octets = "\0\0\0\0\0\0\0\0\0", .len = 9, .seq = 6, .owner = 10, .port = port);
	check("q20.12 q19.12 q18.12 q17.12 q16.12 q15.12 q14.12 q13.12 q12.12 q11.12 q10.12 q9.12 "
	      "q8.12 q7.12 q6.12 q5.12 q4.12 q3.12 q2.12 q1.12 ");
	nt_streams_flush(table, 0);
	ck_assert_uint_eq(out.told, out.sent);
}
END_TEST

/* Owners of all sorts, some that flood, some that are gone at once: no stream is lost while another
 * owner holds more than its own. */
START_TEST(no_quiet_one_is_lost)
{
	unsigned seed = (unsigned)_i + 1;
	uint16_t ports[NT_ARRAY_LEN(model.held)] = { 0 };

	again_with(&(struct nt_stream_config){ .max_streams = 10u << _i });
	model.is_used = true;
	for (int i = 0; i < 20000; i++) {
		unsigned a = (unsigned)rand_r(&seed), b = (unsigned)rand_r(&seed);
		uint64_t owner = 1 + a % 15 * (b % 15) / 15;

		out.text[0] = '\0';
		if ((a >> 16) % 400 == 0) {
			nt_streams_flush(table, owner);
			ck_assert_uint_eq(model.held[owner], 0);
			continue;
		}
		model.held[owner]++;
		SEND(HALF, .flags = NT_TCP_SYN, .seq = 1, .owner = owner, .port = ++ports[owner]);
	}
	ck_assert_uint_gt(nt_streams_stats(table).evicted, 0);
	nt_streams_flush(table, 0);
	model.is_used = false;
	ck_assert_uint_eq(out.told, out.sent);
}
END_TEST

START_TEST(octets_are_shared)
{
	static char much[4000] = "\377\377";

	again_with(&(struct nt_stream_config){ .max_bytes = 20000, .max_stream_bytes = 5000 });
	SEND(HALF, .flags = NT_TCP_SYN, .seq = 1, .owner = 2);
	for (uint16_t i = 0; i < 20; i++) {
		SEND(.octets = much, .len = sizeof(much), .flags = NT_TCP_SYN, .seq = 1, .owner = 1,
		     .port = (uint16_t)(1000 + i));
		ck_assert_uint_le(nt_streams_stats(table).bytes, 10000 + 512);
	}
	ck_assert_uint_eq(out.owner_limit[2], 0);
	ck_assert_uint_eq(out.owner_limit[1], 18);
	SEND(.octets = much, .len = sizeof(much), .seq = 4001, .owner = 1, .port = 1019);
	ck_assert_uint_eq(out.owner_limit[1], 20); /* more than one stream may have */
	nt_streams_flush(table, 0);
	ck_assert_uint_eq(out.told, out.sent);
}
END_TEST

static void restart(size_t max_bytes, const struct nt_stream_config *config)
{
	_cleanup_buf_ struct nt_buf saved = { 0 };
	int r;

	nt_streams_save(table, max_bytes, &saved);
	nt_streams_free(table);
	table = make(config);
	r = nt_streams_restore(table, nt_slice_mem(saved.p, saved.len));
	ck_assert_int_eq(r, 0);
}

/* Half a message and a segment behind a hole, over a restart; what is complete is not saved. */
START_TEST(carried_over)
{
	static const struct nt_stream_config none;

	SEND(HALF, .flags = NT_TCP_SYN, .seq = 0xfffffff0);
	SEND(REPLY, .seq = 90);
	SEND(REPLY, .seq = 118);
	SEND(QUERY, .port = 7, .seq = 1);
	check("r4000.12 q7.12 ");
	restart(1 << 20, &none);
	ck_assert_uint_eq(nt_streams_stats(table).streams, 1);
	SEND(.octets = "\0\0\0\0\0\0\0\0\0", .len = 9, .seq = 0xfffffff5);
	check("q4000.12 ");
	SEND(REPLY, .seq = 104);
	check("r4000.12 r4000.12 ");
	ck_assert_uint_eq(nt_streams_stats(table).bytes, 0);
	ck_assert_uint_eq(out.told, out.sent);
}
END_TEST

/* What is too much to carry is told, and the stream is picked up at its next message. */
START_TEST(not_carried_over)
{
	const struct nt_stream_config small = { .max_stream_bytes = 1 };

	SEND(HALF, .flags = NT_TCP_SYN, .seq = 1);
	SEND(REPLY, .seq = 90);
	SEND(REPLY, .seq = 118);
	check("r4000.12 ");
	if (_i == 0)
		restart(0, &(struct nt_stream_config){ 0 });
	else
		restart(1 << 20, &small);
	check("restart4000.1 restart4000.1 ");
	SEND(QUERY, .seq = 50);
	check("q4000.12 ");
	ck_assert_uint_eq(out.told, out.sent);
}
END_TEST

START_TEST(a_state_of_something_else)
{
	_cleanup_buf_ struct nt_buf saved = { 0 };

	SEND(HALF, .flags = NT_TCP_SYN, .seq = 1);
	SEND(REPLY, .seq = 90);
	SEND(REPLY, .seq = 118);
	nt_streams_save(table, 1 << 20, &saved);
	for (size_t len = 1; len < saved.len; len++) {
		again_with(&(struct nt_stream_config){ 0 });
		ck_assert_int_eq(nt_streams_restore(table, nt_slice_mem(saved.p, len)), -EBADMSG);
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("stream");
	TCase *t = tcase_create("stream");

	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, both_directions);
	tcase_add_test(t, who_is_who);
	tcase_add_test(t, ends_without_a_stream_open_none);
	tcase_add_test(t, a_reset_ends_it);
	tcase_add_test(t, silence);
	tcase_add_test(t, a_hole_in_time);
	tcase_add_test(t, streams_are_shared);
	tcase_add_test(t, a_full_table);
	tcase_add_test(t, nine_floods);
	tcase_add_loop_test(t, no_quiet_one_is_lost, 0, 5);
	tcase_add_test(t, octets_are_shared);
	tcase_add_test(t, carried_over);
	tcase_add_loop_test(t, not_carried_over, 0, 2);
	tcase_add_test(t, a_state_of_something_else);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
