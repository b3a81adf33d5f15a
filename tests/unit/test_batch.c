/* SPDX-License-Identifier: Apache-2.0 */
/* Batches: round trip, what a torn or damaged file looks like, bounds. */
#include "lib/record/batch.h"

#include <check.h>
#include <zlib.h>

#include "lib/record/codec.h"
#include "tests/unit/record_random.h"
#include "tests/unit/suite.h"

enum { RECORDS = 50 };

static struct nt_arena arena = { .max_bytes = 64 << 20 };

static void teardown(void)
{
	nt_arena_done(&arena);
}

static const struct nt_batch_range ranges[] = {
	{ .ep_id = 1ull << 60, .epoch = 3, .cpu = 127, .dir = 1, .from = 5, .to = 1ull << 40 },
	{ .ep_id = 2, .from = 7, .to = 7 },
};
static const struct nt_batch_endpoint endpoints[] = {
	{ .ep_id = 77,
	  .state = NT_ENDPOINT_TAPPED,
	  .namespace_ = NT_SLICE_LIT("shop"),
	  .name = NT_SLICE_LIT("web-0"),
	  .uid = NT_SLICE_LIT("u"),
	  .container_id = NT_SLICE_LIT("c"),
	  .ifname = NT_SLICE_LIT("eth0"),
	  .host_ifname = NT_SLICE_LIT("veth0"),
	  .network = NT_SLICE_LIT("pods"),
	  .ips = { { 4, { 10, 0, 0, 1 } }, { 6, { 0xfd, [15] = 1 } } },
	  .ips_len = 2,
	  .role = NT_ROLE_RESOLVER,
	  .origin = NT_ENDPOINT_ADOPTED,
	  .dns = NT_ENDPOINT_DNS_FILE,
	  .hook = NT_ENDPOINT_HOOK_TCX,
	  .since_us = 1795414324118000,
	  .until_us = -1,
	  .seen = 12,
	  .logged = 7,
	  .unlogged = 2,
	  .stream = 3,
	  .before_tap = 3,
	  .link_rx = 1ULL << 40,
	  .link_tx = 5 },
	{ .state = NT_ENDPOINT_FAILED, .reason = NT_SLICE_LIT("no such device") },
};

static const struct nt_batch_address addresses[] = {
	{ .ep_id = 77, .ip = { 4, { 10, 0, 0, 9 } }, .since_us = 5 },
	{ .ep_id = 77, .ip = { 6, { 0xfd, 1 } }, .since_us = 6, .until_us = 1LL << 60 },
};
static const struct nt_batch_gap gaps[] = {
	{ 77, 1795414324118000, 1795414324119000, NT_SLICE_LIT("removed") },
	{ 78, 1, 0, NT_SLICE_LIT("") },
};

static struct nt_batch a_batch(void)
{
	struct nt_record *records = nt_arena_alloc(&arena, RECORDS * sizeof(*records));

	for (uint64_t i = 0; i < RECORDS; i++)
		records[i] = random_record(i, &arena);
	return (struct nt_batch){ .node = NT_SLICE_LIT("n4"),
				  .spool = NT_SLICE_LIT("8c6f2f5e-0000-4000-8000-000000000001"),
				  .seq = 12,
				  .created_us = 1795414324118000,
				  .conntrack = NT_SLICE_LIT(NT_CONNTRACK_ON),
				  .records = records,
				  .records_len = RECORDS,
				  .ranges = ranges,
				  .ranges_len = 2,
				  .endpoints = endpoints,
				  .endpoints_len = 2,
				  .gaps = gaps,
				  .gaps_len = 2,
				  .addresses = addresses,
				  .addresses_len = 2 };
}

static void encode(const struct nt_batch *b, struct nt_buf *out)
{
	struct nt_err err = { 0 };

	ck_assert_msg(nt_batch_encode(b, out, &err) == 0, "%s", err.msg);
}

static struct nt_slice slice_of(const struct nt_buf *b)
{
	return nt_slice_mem(b->p, b->len);
}

/* Makes the CRC right again after a change. */
static void seal(struct nt_buf *b)
{
	uint32_t crc = (uint32_t)crc32(0, (const Bytef *)b->p, (uInt)(b->len - 4));

	for (unsigned i = 0; i < 4; i++)
		b->p[b->len - 4 + i] = (char)(crc >> 8 * i);
}

START_TEST(test_round_trip)
{
	_cleanup_buf_ struct nt_buf wire = { 0 }, one = { 0 }, other = { 0 };
	struct nt_batch b = a_batch(), back;
	struct nt_err err;

	nt_buf_puts(&wire, "before"); /* appends */
	encode(&b, &wire);
	ck_assert_msg(nt_batch_decode(nt_slice_mem(wire.p + 6, wire.len - 6), &arena, &back,
				      &err) == 0,
		      "%s", err.msg);
	ck_assert(nt_slice_eq(back.node, b.node) && nt_slice_eq(back.spool, b.spool));
	ck_assert(back.seq == b.seq && back.created_us == b.created_us);
	ck_assert(nt_slice_eq(back.conntrack, b.conntrack));
	ck_assert(back.records_len == RECORDS && back.ranges_len == 2 && back.endpoints_len == 2);
	for (size_t i = 0; i < RECORDS; i++) {
		nt_buf_reset(&one);
		nt_buf_reset(&other);
		nt_record_wire(&b.records[i], &one);
		nt_record_wire(&back.records[i], &other);
		ck_assert(nt_slice_eq(slice_of(&one), slice_of(&other)));
	}
	ck_assert_mem_eq(back.ranges, ranges, sizeof(ranges[0]));
	ck_assert(back.ranges[1].ep_id == 2 && back.ranges[1].from == 7 && back.ranges[1].to == 7);
	nt_buf_reset(&one);
	encode(&back, &one);
	ck_assert(nt_slice_eq(slice_of(&one), nt_slice_mem(wire.p + 6, wire.len - 6)));
}
END_TEST

START_TEST(test_endpoints)
{
	_cleanup_buf_ struct nt_buf wire = { 0 };
	const struct nt_batch_endpoint *e;
	struct nt_batch b = a_batch(), back;

	encode(&b, &wire);
	ck_assert_int_eq(nt_batch_decode(slice_of(&wire), &arena, &back, NULL), 0);
	e = &back.endpoints[0];
	ck_assert(e->ep_id == 77 && e->state == NT_ENDPOINT_TAPPED && e->role == NT_ROLE_RESOLVER);
	ck_assert(nt_slice_eq(e->namespace_, NT_SLICE_LIT("shop")));
	ck_assert(nt_slice_eq(e->name, NT_SLICE_LIT("web-0")));
	ck_assert(nt_slice_eq(e->uid, NT_SLICE_LIT("u")));
	ck_assert(nt_slice_eq(e->container_id, NT_SLICE_LIT("c")));
	ck_assert(nt_slice_eq(e->ifname, NT_SLICE_LIT("eth0")));
	ck_assert(nt_slice_eq(e->host_ifname, NT_SLICE_LIT("veth0")));
	ck_assert(nt_slice_eq(e->network, NT_SLICE_LIT("pods")));
	ck_assert(e->ips_len == 2 && nt_addr_eq(&e->ips[1], &endpoints[0].ips[1]));
	ck_assert(e->since_us == 1795414324118000 && e->until_us == -1);
	ck_assert(e->origin == NT_ENDPOINT_ADOPTED && e->dns == NT_ENDPOINT_DNS_FILE);
	ck_assert(e->seen == 12 && e->logged == 7 && e->unlogged == 2 && e->stream == 3 &&
		  !e->reason.len);
	ck_assert_int_eq(e->hook, NT_ENDPOINT_HOOK_TCX);
	ck_assert_uint_eq(back.gaps_len, 2);
	ck_assert(back.gaps[0].ep_id == 77 && back.gaps[0].from_us == gaps[0].from_us &&
		  back.gaps[0].to_us == gaps[0].to_us);
	ck_assert(nt_slice_eq(back.gaps[0].reason, NT_SLICE_LIT("removed")));
	ck_assert(back.gaps[1].ep_id == 78 && back.gaps[1].to_us == 0);
	ck_assert_uint_eq(back.addresses_len, 2);
	ck_assert(back.addresses[0].ep_id == 77 && back.addresses[0].until_us == 0 &&
		  nt_addr_eq(&back.addresses[0].ip, &addresses[0].ip));
	ck_assert(nt_addr_eq(&back.addresses[1].ip, &addresses[1].ip) &&
		  back.addresses[1].since_us == 6 && back.addresses[1].until_us == 1LL << 60);
	ck_assert(e->before_tap == 3 && e->link_rx == 1ULL << 40 && e->link_tx == 5);
	e = &back.endpoints[1];
	ck_assert(e->state == NT_ENDPOINT_FAILED && !e->name.len);
	ck_assert(nt_slice_eq(e->reason, NT_SLICE_LIT("no such device")));
}
END_TEST

START_TEST(test_empty_batch)
{
	struct nt_batch b = { .node = NT_SLICE_LIT("n"), .spool = NT_SLICE_LIT("s"), .seq = 1 },
			back;
	_cleanup_buf_ struct nt_buf wire = { 0 };

	encode(&b, &wire);
	ck_assert_int_eq(nt_batch_decode(slice_of(&wire), &arena, &back, NULL), 0);
	ck_assert(!back.records_len && !back.ranges_len && !back.endpoints_len && back.seq == 1);
}
END_TEST

START_TEST(test_every_cut_is_noticed)
{
	struct nt_batch b = a_batch(), back = { .seq = 99 };
	_cleanup_buf_ struct nt_buf wire = { 0 };
	struct nt_err err;

	b.records_len = 3;
	encode(&b, &wire);
	for (size_t len = 0; len < wire.len; len++) {
		_cleanup_free_ char *copy = malloc(len + 1);

		memcpy(copy, wire.p, len);
		ck_assert_int_eq(nt_batch_decode(nt_slice_mem(copy, len), &arena, &back, &err),
				 -EBADMSG);
	}
	ck_assert_uint_eq(back.seq, 99);
	/* Two batches in one file are no batch. */
	nt_buf_add(&wire, wire.p, 40);
	ck_assert_int_eq(nt_batch_decode(slice_of(&wire), &arena, &back, &err), -EBADMSG);
}
END_TEST

START_TEST(test_every_flip_is_noticed)
{
	struct nt_batch b = a_batch(), back;
	_cleanup_buf_ struct nt_buf wire = { 0 };
	struct nt_err err;

	b.records_len = 2;
	encode(&b, &wire);
	for (size_t bit = 0; bit < wire.len * 8; bit++) {
		wire.p[bit / 8] ^= (char)(1 << bit % 8);
		ck_assert_int_eq(nt_batch_decode(slice_of(&wire), &arena, &back, &err), -EBADMSG);
		/* With the CRC made right, too, nothing worse than a refusal happens. */
		if (bit % 3 == 0 && bit / 8 < wire.len - 4) {
			char crc[4];

			memcpy(crc, wire.p + wire.len - 4, 4);
			seal(&wire);
			(void)!nt_batch_decode(slice_of(&wire), &arena, &back, &err);
			memcpy(wire.p + wire.len - 4, crc, 4);
		}
		wire.p[bit / 8] ^= (char)(1 << bit % 8);
		nt_arena_reset(&arena);
	}
}
END_TEST

static const struct {
	const char *what, *body;
	size_t len;
	const char *msg;
} bad_bodies[] = {
#define BAD(what, body, msg)                      \
	{                                         \
		what, body, sizeof(body) - 1, msg \
	}
	BAD("no node", "\x12\x01s\x18\x01", "missing"),
	BAD("no spool", "\x0a\x01n\x18\x01", "missing"),
	BAD("no sequence", "\x0a\x01n\x12\x01s", "missing"),
	BAD("record with a bad field", "\x0a\x01n\x12\x01s\x18\x01\x2a\x00\x2a\x02\x08\x07",
	    "record 2: record: field 1 (type)"),
	BAD("range that ends before it begins", "\x0a\x01n\x12\x01s\x18\x01\x32\x02\x28\x05",
	    "ends before it begins"),
	BAD("range of direction 2", "\x32\x02\x20\x02", "range has a bad field 4"),
	BAD("range of cpu 2^32", "\x32\x06\x18\x80\x80\x80\x80\x10", "range has a bad field 3"),
	BAD("endpoint without a state", "\x3a\x00", "an endpoint"),
	BAD("endpoint of state 5", "\x3a\x02\x10\x05", "an endpoint has a bad field 2"),
	BAD("five addresses",
	    "\x3a\x20\x10\x01\x52\x04"
	    "1234\x52\x04"
	    "1234\x52\x04"
	    "1234\x52\x04"
	    "1234\x52\x04"
	    "1234",
	    "an endpoint has a bad field 10"),
	BAD("record that is a number", "\x28\x01", "bad field 5"),
	BAD("node that is a number", "\x08\x01", "bad field 1"),
	BAD("NUL in the node", "\x0a\x01\x00", "bad field 1"),
	BAD("length beyond the end", "\x0a\x7fn", "broken at octet"),
};

START_TEST(test_bad_body)
{
	_cleanup_buf_ struct nt_buf wire = { 0 };
	struct nt_err err = { 0 };
	struct nt_batch b;

	nt_buf_add(&wire, "NTB1\x01", 5);
	nt_buf_add(&wire, bad_bodies[_i].body, bad_bodies[_i].len);
	nt_buf_add(&wire, "0000", 4);
	seal(&wire);
	ck_assert_msg(nt_batch_decode(slice_of(&wire), &arena, &b, &err) == -EBADMSG, "%s",
		      bad_bodies[_i].what);
	ck_assert_msg(strstr(err.msg, bad_bodies[_i].msg), "%s: %s", bad_bodies[_i].what, err.msg);
}
END_TEST

START_TEST(test_frame)
{
	struct nt_batch b = a_batch(), back;
	_cleanup_buf_ struct nt_buf wire = { 0 };
	struct nt_err err = { 0 };

	encode(&b, &wire);
	wire.p[4] = NT_BATCH_VERSION + 1;
	seal(&wire);
	ck_assert_int_eq(nt_batch_decode(slice_of(&wire), &arena, &back, &err), -EBADMSG);
	ck_assert(strstr(err.msg, "version 3"));
	wire.p[0] = 'X';
	ck_assert_int_eq(nt_batch_decode(slice_of(&wire), &arena, &back, &err), -EBADMSG);
	ck_assert(strstr(err.msg, "NTB1"));
	wire.p[0] = 'N';
	wire.p[4] = 1;
	ck_assert_int_eq(nt_batch_decode(slice_of(&wire), &arena, &back, &err), -EBADMSG);
	ck_assert(strstr(err.msg, "CRC-32"));
}
END_TEST

START_TEST(test_unknown_fields_are_skipped)
{
	_cleanup_buf_ struct nt_buf wire = { 0 };
	struct nt_batch b;

	nt_buf_puts(&wire, "NTB1\x01\x0a\x01n\x12\x01s\x18\x01");
	nt_buf_puts(&wire, "\xa2\x06\x03new"); /* field 100 */
	nt_buf_puts(&wire, "\x32\x06\x08\x01\x78\x05\x30\x02"); /* ep_id 1, field 15, to 2 */
	nt_buf_puts(&wire, "0000");
	seal(&wire);
	ck_assert_int_eq(nt_batch_decode(slice_of(&wire), &arena, &b, NULL), 0);
	ck_assert(b.ranges_len == 1 && b.ranges[0].ep_id == 1 && b.ranges[0].to == 2);
}
END_TEST

START_TEST(test_bounds)
{
	struct nt_batch b = a_batch(), back;
	struct nt_arena small = NT_ARENA(20000);
	_cleanup_buf_ struct nt_buf wire = { 0 }, tight = { .max_len = 500 };
	static char big[NT_BATCH_BYTES_MAX];
	struct nt_err err = { 0 };

	encode(&b, &wire);
	ck_assert_int_eq(nt_batch_decode(slice_of(&wire), &small, &back, &err), -ENOMEM);
	nt_arena_done(&small);
	ck_assert_int_eq(nt_batch_encode(&b, &tight, &err), -ENOMEM);
	memset(big, 'x', sizeof(big));
	b.node = nt_slice_mem(big, sizeof(big));
	nt_buf_reset(&wire);
	ck_assert_int_eq(nt_batch_encode(&b, &wire, &err), -EMSGSIZE);
	ck_assert_int_eq(nt_batch_decode(slice_of(&wire), &arena, &back, &err), -EBADMSG);
	b.node = (struct nt_slice){ 0 };
	ck_assert_int_eq(nt_batch_encode(&b, &wire, &err), -EINVAL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("batch");
	TCase *t = tcase_create("batch");

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, NULL, teardown);
	tcase_add_test(t, test_round_trip);
	tcase_add_test(t, test_endpoints);
	tcase_add_test(t, test_empty_batch);
	tcase_add_test(t, test_every_cut_is_noticed);
	tcase_add_test(t, test_every_flip_is_noticed);
	tcase_add_loop_test(t, test_bad_body, 0, (int)NT_ARRAY_LEN(bad_bodies));
	tcase_add_test(t, test_frame);
	tcase_add_test(t, test_unknown_fields_are_skipped);
	tcase_add_test(t, test_bounds);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
