/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of a TCP stream: stories, and random message sequences that are cut, shuffled,
 * doubled and overlapped: the same messages come out, and each segment has one fate.
 */
#include "lib/dns/half.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/base/clock.h"
#include "lib/base/parse.h"
#include "tests/unit/suite.h"

#define HOLE_NS (6 * NT_NS_PER_S)

static struct {
	char text[4096]; /* what came out, in words */
	size_t bytes, bytes_max, limit;
	uint64_t fates[NT_STREAM_REASONS], missing, conflicts, messages;
	/* Property tests: the messages that must come, in order. */
	const uint8_t *expected;
	size_t expected_len, expected_at;
	bool may_skip;
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

/* In property tests: the next message of those that were sent, or, after a loss, a later one. */
static void expect(struct nt_slice wire)
{
	while (out.expected_at < out.expected_len) {
		const uint8_t *p = out.expected + out.expected_at;
		size_t len = (size_t)p[0] << 8 | p[1];

		out.expected_at += 2 + len;
		if (len == wire.len && memcmp(p + 2, wire.p, len) == 0)
			return;
		ck_assert(out.may_skip);
	}
	ck_abort_msg("a message of %zu octets that nobody sent", wire.len);
}

/* A story's messages are a header and a name of one letter; "!" is one that nobody can use. */
static int on_message(void *ctx, struct nt_slice wire, int64_t time_ns)
{
	(void)ctx;
	out.messages++;
	if (out.expected) {
		expect(wire);
		return 0;
	}
	say("%c@%d ", wire.len > 13 ? wire.p[13] : '0', (int)(time_ns / NT_NS_PER_MS));
	return wire.len > 13 && wire.p[13] != '!' ? 0 : 7;
}

static void on_fate(void *ctx, const struct nt_half_fate *f)
{
	static const char *const names[] = { "read",   "refused", "gap",    "limit",
					     "middle", "cut",	  "restart" };
	(void)ctx;
	ck_assert_int_le(f->first_ns, f->last_ns);
	ck_assert(f->segments || f->missing);
	out.fates[f->reason] += f->segments;
	out.missing += f->missing;
	if (!out.expected && f->reason != NT_STREAM_READ)
		say("%s%u", names[f->reason], f->segments);
	if (!out.expected && f->missing)
		say("(%u)", f->missing);
	if (!out.expected && f->reason != NT_STREAM_READ)
		say(" ");
}

static bool on_room(void *ctx, size_t bytes)
{
	(void)ctx;
	if (out.limit && out.bytes + bytes > out.limit)
		return false;
	out.bytes += bytes;
	if (out.bytes > out.bytes_max)
		out.bytes_max = out.bytes;
	return true;
}

static void on_freed(void *ctx, size_t bytes)
{
	(void)ctx;
	ck_assert_uint_ge(out.bytes, bytes);
	out.bytes -= bytes;
}

static void on_conflict(void *ctx)
{
	(void)ctx;
	out.conflicts++;
}

static const struct nt_half_sink sink = {
	.message = on_message,
	.fate = on_fate,
	.room = on_room,
	.freed = on_freed,
	.conflict = on_conflict,
};

static uint64_t told(void)
{
	uint64_t sum = 0;

	for (int i = 0; i < NT_STREAM_REASONS; i++)
		sum += out.fates[i];
	return sum;
}

/* --- stories ---------------------------------------------------------------------------------- */

enum { MESSAGE = 21, ISN = 0xffffffec }; /* 2 + 12 + 7; the numbers wrap inside of the first one */

/* The stream of a story: messages a, b, c, ... one after the other, 21 octets each. */
static void put_messages(uint8_t *to, const char *letters)
{
	for (; *letters; letters++, to += MESSAGE) {
		memset(to, 0, MESSAGE);
		to[1] = MESSAGE - 2;
		to[7] = 1; /* question */
		to[14] = 1;
		to[15] = (uint8_t)*letters;
		to[18] = to[20] = 1;
	}
}

/*
 * One event per word: FROM-TO@MS octets of the stream as one segment, + behind the flags: S (a SYN
 * before FROM), F (a FIN behind TO); x@MS time passes; X the same octets inverted (a conflict);
 * cut: the end.
 */
static const struct {
	const char *what, *letters, *events, *want;
	unsigned segments[NT_STREAM_REASONS];
	unsigned conflicts;
	size_t limit;
} stories[] = {
	{ "a message in a segment", "a", "S0-0@0 0-21@1", "a@1 ", { 2 }, 0, 0 },
	{ "several messages in a segment", "abc", "S0-0@0 0-63@1", "a@1 b@1 c@1 ", { 2 }, 0, 0 },
	{ "a message over many segments",
	  "a",
	  "S0-0@0 0-1@1 1-2@2 2-3@3 3-14@4 14-20@5 20-21@6",
	  "a@6 ",
	  { 7 },
	  0,
	  0 },
	{ "the length in a segment of its own",
	  "ab",
	  "S0-0@0 0-2@1 2-21@2 21-23@3 23-42@4",
	  "a@2 b@4 ",
	  { 5 },
	  0,
	  0 },
	{ "out of order", "abc", "S0-0@0 42-63@1 21-42@2 0-21@3", "a@3 b@3 c@3 ", { 4 }, 0, 0 },
	{ "a retransmission brings nothing new",
	  "ab",
	  "S0-0@0 0-21@1 0-21@2 21-42@3 0-42@4 10-30@5",
	  "a@1 b@3 ",
	  { 6 },
	  0,
	  0 },
	{ "an overlap", "abc", "S0-0@0 0-30@1 10-63@2", "a@1 b@2 c@2 ", { 3 }, 0, 0 },
	{ "an overlap of what waits",
	  "abcd",
	  "S0-0@0 30-50@1 25-60@2 40-84@3 0-26@4",
	  "a@4 b@4 c@4 d@4 ",
	  { 5 },
	  0,
	  0 },
	{ "a segment over several that wait",
	  "abcd",
	  "S0-0@0 25-30@1 40-50@2 60-70@3 0-84@4",
	  "a@4 b@4 c@4 d@4 ",
	  { 5 },
	  0,
	  0 },
	{ "first octets win", "ab", "S0-0@0 0-10@1 X0-10@2 10-42@3", "a@3 b@3 ", { 4 }, 1, 0 },
	{ "first octets win behind a hole",
	  "ab",
	  "S0-0@0 21-42@1 X25-42@2 0-21@3",
	  "a@3 b@3 ",
	  { 4 },
	  1,
	  0 },
	{ "the SYN may bring data", "a", "S0-21@1", "a@1 ", { 1 }, 0, 0 },
	{ "a SYN again", "a", "S0-0@0 S0-0@1 0-21@2", "a@2 ", { 3 }, 0, 0 },
	{ "the end with the last octets", "ab", "S0-0@0 0-21@1 F21-42@2", "a@1 b@2 ", { 3 }, 0, 0 },
	{ "the end before the rest",
	  "ab",
	  "S0-0@0 F42-42@1 21-42@2 0-21@3",
	  "a@3 b@3 ",
	  { 4 },
	  0,
	  0 },
	{ "the end inside of a message",
	  "ab",
	  "S0-0@0 0-30@1 F30-30@2",
	  "a@1 cut1 ",
	  { 2, 0, 0, 0, 0, 1 },
	  0,
	  0 },
	{ "silence inside of a message",
	  "ab",
	  "S0-0@0 0-30@1 30-40@2 cut",
	  "a@1 cut2 ",
	  { 1, 0, 0, 0, 0, 2 },
	  0,
	  0 },
	{ "a gap between messages",
	  "abc",
	  "S0-0@0 0-21@1 42-63@2 x@7000",
	  "a@1 gap0(21) c@2 ",
	  { 3 },
	  0,
	  0 },
	{ "a gap inside of a message",
	  "abcd",
	  "S0-0@0 0-30@1 35-42@2 42-63@3 x@7000 63-84@7001",
	  "a@1 gap1(5) gap1 c@3 d@7001 ",
	  { 3, 0, 2 },
	  0,
	  0 },
	{ "what waits at the end is read",
	  "abcd",
	  "S0-0@0 0-30@1 42-70@2 cut",
	  "a@1 gap1(12) c@2 cut1 ",
	  { 1, 0, 1, 0, 0, 1 },
	  0,
	  0 },
	{ "a hole is waited for",
	  "abc",
	  "S0-0@0 0-21@1 42-63@2 x@5000 21-42@5001",
	  "a@1 b@5001 c@5001 ",
	  { 4 },
	  0,
	  0 },
	{ "what comes after it was given up",
	  "abc",
	  "S0-0@0 0-21@1 42-63@2 x@7000 21-42@7001",
	  "a@1 gap0(21) c@2 gap1 ",
	  { 3, 0, 1 },
	  0,
	  0 },
	{ "behind a gap only a start is read",
	  "abc",
	  "S0-0@0 0-21@1 30-42@2 42-50@3 x@7000 50-63@7001",
	  "a@1 gap0(9) gap1 gap1 gap1 ",
	  { 2, 0, 3 },
	  0,
	  0 },
	{ "two gaps",
	  "abcde",
	  "S0-0@0 21-42@1 63-84@1 x@7000 x@14000 84-105@14001",
	  "gap0(21) b@1 gap0(21) d@1 e@14001 ",
	  { 4 },
	  0,
	  0 },
	{ "picked up at a start", "abc", "21-42@1 42-63@2", "b@1 c@2 ", { 2 }, 0, 0 },
	{ "picked up in the middle of a message",
	  "abc",
	  "10-21@1 21-42@2 42-63@3",
	  "middle1 b@2 c@3 ",
	  { 2, 0, 0, 0, 1 },
	  0,
	  0 },
	{ "from before it was picked up",
	  "abc",
	  "21-42@1 0-21@2 42-63@3",
	  "b@1 middle1 c@3 ",
	  { 2, 0, 0, 0, 1 },
	  0,
	  0 },
	{ "a SYN behind the first octets", "a", "0-21@1 S0-0@2", "a@1 ", { 2 }, 0, 0 },
	{ "a message that is refused",
	  "a!b",
	  "S0-0@0 0-21@1 21-42@2 42-63@3",
	  "a@1 !@2 refused1 b@3 ",
	  { 3, 1 },
	  0,
	  0 },
	{ "one fate for a segment of three messages",
	  "a!b",
	  "S0-0@0 0-63@1",
	  "a@1 !@1 refused1 b@1 ",
	  { 1, 1 },
	  0,
	  0 },
	{ "one fate for a segment of the end of one and the start of another",
	  "a!b",
	  "S0-0@0 0-30@1 30-50@2 50-63@3",
	  "a@1 !@2 refused2 b@3 ",
	  { 2, 2 },
	  0,
	  0 },
	{ "no room for what waits",
	  "abc",
	  "S0-0@0 42-63@1 0-42@2 42-63@3",
	  "limit1 a@2 b@2 c@3 ",
	  { 3, 0, 0, 1 },
	  0,
	  200 },
	{ "no room for a message",
	  "abc",
	  "S0-0@0 0-10@1 10-21@2 21-42@3",
	  "limit1 limit1 b@3 ",
	  { 2, 0, 0, 2 },
	  0,
	  200 },
	{ "keep-alive of one old octet",
	  "ab",
	  "S0-0@0 0-21@1 20-21@2 21-42@3",
	  "a@1 b@3 ",
	  { 4 },
	  0,
	  0 },
	{ "only an end", "", "F0-0@1", "", { 1 }, 0, 0 },
};

static void play(struct nt_half *h, uint8_t *stream, const char *event)
{
	unsigned from, to, ms;
	struct nt_half_segment s = { 0 };
	uint8_t copy[512];
	const char *range = event + strspn(event, "SFX");

	if (strcmp(event, "cut") == 0) {
		nt_half_finish(h, &sink);
		return;
	}
	if (sscanf(event, "x@%u", &ms) == 1) {
		nt_half_expire(h, ms * NT_NS_PER_MS, HOLE_NS, &sink);
		return;
	}
	ck_assert_int_eq(sscanf(range, "%u-%u@%u", &from, &to, &ms), 3);
	memcpy(copy, stream + from, to - from);
	for (unsigned i = 0; event[0] == 'X' && i < to - from; i++)
		copy[i] ^= 0xff;
	s.flags = event[0] == 'S' ? NT_TCP_SYN : event[0] == 'F' ? NT_TCP_FIN : 0;
	s.seq = ISN + from;
	s.payload = nt_slice_mem(copy, to - from);
	s.time_ns = ms * NT_NS_PER_MS;
	nt_half_segment(h, &s, HOLE_NS, &sink);
}

START_TEST(story)
{
	char events[512], *save = NULL;
	uint8_t stream[512];
	struct nt_half h;

	memset(&out, 0, sizeof(out));
	out.limit = stories[_i].limit;
	nt_half_init(&h, false);
	put_messages(stream, stories[_i].letters);
	snprintf(events, sizeof(events), "%s", stories[_i].events);
	for (char *e = strtok_r(events, " ", &save); e; e = strtok_r(NULL, " ", &save))
		play(&h, stream, e);
	ck_assert_msg(strcmp(out.text, stories[_i].want) == 0, "%s: %s", stories[_i].what,
		      out.text);
	for (int i = 0; i < NT_STREAM_REASONS; i++)
		ck_assert_msg(out.fates[i] == stories[_i].segments[i], "%s: reason %d: %d",
			      stories[_i].what, i, (int)out.fates[i]);
	ck_assert_uint_eq(out.conflicts, stories[_i].conflicts);
	ck_assert(!nt_half_is_holding(&h));
	ck_assert_uint_eq(out.bytes, 0);
}
END_TEST

/* --- properties ------------------------------------------------------------------------------- */

enum { STREAM_MAX = 200000, SEGMENTS_MAX = 6000 };

struct segment {
	uint32_t from, len;
};

static unsigned long dice_state;

static uint32_t dice(uint32_t n)
{
	dice_state = dice_state * 6364136223846793005ul + 1442695040888963407ul;
	return (uint32_t)(dice_state >> 33) % n;
}

/* Messages with a header that looks like a query, and a body that looks like nothing. */
static size_t make_stream(uint8_t *stream)
{
	unsigned messages = 1 + dice(20);
	size_t at = 0;

	for (unsigned i = 0; i < messages; i++) {
		uint32_t len = 17 + (dice(8) ? dice(80) : dice(4000));

		if (!dice(40))
			len = 65535;
		if (at + 2 + len > STREAM_MAX)
			break;
		memset(stream + at, 0xff, 2 + len);
		stream[at] = (uint8_t)(len >> 8);
		stream[at + 1] = (uint8_t)len;
		stream[at + 2] = (uint8_t)dice(256);
		stream[at + 3] = (uint8_t)dice(256);
		memcpy(stream + at + 4, "\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03", 11);
		at += 2 + len;
	}
	return at;
}

static unsigned cut(struct segment *segments, size_t len, uint32_t longest)
{
	unsigned n = 0;

	for (uint32_t at = 0; at < len && n < SEGMENTS_MAX / 2; n++) {
		uint32_t part = 1 + dice(longest);

		if (part > len - at)
			part = (uint32_t)len - at;
		segments[n] = (struct segment){ at, part };
		at += part;
	}
	return n;
}

/* More of the same octets, in other pieces. */
static unsigned overlap(struct segment *segments, unsigned n, size_t len)
{
	unsigned more = dice(n + 1);

	for (unsigned i = 0; i < more; i++) {
		uint32_t from = dice((uint32_t)len), part = 1 + dice(3000);

		if (part > len - from)
			part = (uint32_t)len - from;
		segments[n++] = (struct segment){ from, part };
	}
	return n;
}

static void shuffle(struct segment *segments, unsigned n)
{
	unsigned window = 1 + dice(n);

	for (unsigned i = 0; i < n; i++) {
		unsigned k = i + dice(window);
		struct segment swap = segments[i];

		if (k >= n)
			k = n - 1;
		segments[i] = segments[k];
		segments[k] = swap;
	}
}

static void send_segment(struct nt_half *h, const uint8_t *stream, uint32_t isn, struct segment s,
			 int64_t time_ns)
{
	struct nt_half_segment segment = { .seq = isn + s.from,
					   .payload = nt_slice_mem(stream + s.from, s.len),
					   .time_ns = time_ns };

	nt_half_segment(h, &segment, HOLE_NS, &sink);
}

static void start(struct nt_half *h, uint32_t isn, const uint8_t *stream, size_t len)
{
	struct nt_half_segment syn = { .seq = isn, .flags = NT_TCP_SYN };

	memset(&out, 0, sizeof(out));
	out.expected = stream;
	out.expected_len = len;
	nt_half_init(h, false);
	nt_half_segment(h, &syn, HOLE_NS, &sink);
}

START_TEST(the_same_messages_come_out)
{
	static uint8_t stream[STREAM_MAX];
	static struct segment segments[SEGMENTS_MAX];

	dice_state = 20261126 + (unsigned)_i;
	for (int round = 0; round < 100; round++) {
		size_t len = make_stream(stream);
		uint32_t isn = dice(2) ? dice(UINT32_MAX) : UINT32_MAX - dice((uint32_t)len + 1);
		unsigned n = cut(segments, len, (uint32_t)len / 2000 + 1 + dice(2000));
		struct nt_half h;

		n = overlap(segments, n, len);
		shuffle(segments, n);
		start(&h, isn, stream, len);
		for (unsigned i = 0; i < n; i++)
			send_segment(&h, stream, isn, segments[i], i);
		ck_assert_uint_eq(out.expected_at, len);
		ck_assert_uint_eq(out.fates[NT_STREAM_READ], n + 1);
		ck_assert_uint_eq(told(), n + 1);
		ck_assert_uint_eq(out.conflicts + out.missing + out.bytes, 0);
		ck_assert(!nt_half_is_holding(&h));
	}
}
END_TEST

/* With segments that never come, and a limit: what comes out is some of what was sent, no segment
 * is without a fate, and no octet stays behind. */
START_TEST(losses_are_told)
{
	static uint8_t stream[STREAM_MAX];
	static struct segment segments[SEGMENTS_MAX];

	dice_state = 4711 + (unsigned)_i;
	for (int round = 0; round < 100; round++) {
		size_t len = make_stream(stream);
		uint32_t isn = dice(UINT32_MAX), kept = 0;
		unsigned n = cut(segments, len, (uint32_t)len / 2000 + 1 + dice(500));
		struct nt_half h;

		shuffle(segments, n);
		start(&h, isn, stream, len);
		out.may_skip = true;
		out.limit = dice(2) ? 0 : 3000;
		for (unsigned i = 0; i < n; i++) {
			int64_t now_ns = (int64_t)i * NT_NS_PER_S;

			if (dice(10) == 0)
				continue;
			kept++;
			send_segment(&h, stream, isn, segments[i], now_ns);
			nt_half_expire(&h, now_ns, HOLE_NS, &sink);
			ck_assert(!out.limit || out.bytes_max <= out.limit);
		}
		nt_half_drop(&h, NT_STREAM_CUT, &sink);
		ck_assert_uint_eq(told(), kept + 1);
		ck_assert_uint_eq(out.bytes, 0);
		ck_assert(!nt_half_is_holding(&h));
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("half");
	TCase *t = tcase_create("stories");
	TCase *p = tcase_create("properties");

	tcase_add_loop_test(t, story, 0, sizeof(stories) / sizeof(stories[0]));
	suite_add_tcase(s, t);
	tcase_set_timeout(p, 120);
	tcase_add_loop_test(p, the_same_messages_come_out, 0, 4);
	tcase_add_loop_test(p, losses_are_told, 0, 4);
	suite_add_tcase(s, p);
	return nt_suite_run(s);
}
