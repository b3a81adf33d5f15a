/* SPDX-License-Identifier: Apache-2.0 */
/* Samples of the ring buffer: what is refused, and GSO packets taken apart (T1). */
#include "dataplane/agent/split.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/suite.h"

static const struct nt_event good = {
	.version = NT_ABI_VERSION,
	.dir = NT_DIR_FROM_POD,
	.ip_version = 4,
	.hdr_len = sizeof(struct nt_event),
	.ep_id = 7,
	.seq = 100,
	.payload_len = 40,
	.cap_len = 40,
	.gso_segs = 1,
};

/* An array of exactly that size, so that ASan sees each octet read beyond it. */
static int open_exact(const struct nt_event *e, size_t payload_len, struct nt_split *s,
		      uint8_t **ret_copy)
{
	uint8_t *copy = malloc(sizeof(*e) + payload_len);

	ck_assert_ptr_nonnull(copy);
	memcpy(copy, e, sizeof(*e));
	for (size_t i = 0; i < payload_len; i++)
		copy[sizeof(*e) + i] = (uint8_t)i;
	*ret_copy = copy;
	return nt_split_open(nt_slice_mem(copy, sizeof(*e) + payload_len), s, NULL);
}

START_TEST(one_datagram)
{
	struct nt_datagram d;
	struct nt_split s;
	uint8_t *copy;

	ck_assert_int_eq(open_exact(&good, 40, &s, &copy), 0);
	ck_assert(nt_split_next(&s, &d));
	ck_assert(d.whole);
	ck_assert_uint_eq(d.seq, 100);
	ck_assert_uint_eq(d.payload.len, 40);
	ck_assert(!nt_split_next(&s, &d));
	free(copy);
}
END_TEST

static const struct {
	const char *what;
	size_t offset, len;
	uint64_t value;
} bad[] = {
	{ "version", offsetof(struct nt_event, version), 1, NT_ABI_VERSION + 1 },
	{ "direction", offsetof(struct nt_event, dir), 1, 2 },
	{ "IP version", offsetof(struct nt_event, ip_version), 1, 5 },
	{ "header length", offsetof(struct nt_event, hdr_len), 2, 95 },
	{ "endpoint 0", offsetof(struct nt_event, ep_id), 8, 0 },
	{ "more captured than there is", offsetof(struct nt_event, cap_len), 4, 41 },
	{ "captured far beyond", offsetof(struct nt_event, cap_len), 4, 0xffffffff },
	{ "less payload than captured", offsetof(struct nt_event, payload_len), 4, 39 },
	{ "no segment", offsetof(struct nt_event, gso_segs), 2, 0 },
};

START_TEST(refused)
{
	struct nt_event e = good;
	struct nt_split s;
	uint8_t *copy;

	memcpy((char *)&e + bad[_i].offset, &bad[_i].value, bad[_i].len);
	ck_assert_msg(open_exact(&e, 40, &s, &copy) == -EBADMSG, "%s", bad[_i].what);
	free(copy);
}
END_TEST

START_TEST(too_short)
{
	struct nt_split s;

	for (size_t len = 0; len < sizeof(good); len++)
		ck_assert_int_eq(nt_split_open(nt_slice_mem(&good, len), &s, NULL), -EBADMSG);
}
END_TEST

static const struct {
	const char *what;
	uint32_t payload_len, cap_len;
	uint16_t gso_size, gso_segs;
	const char *lengths; /* of the datagrams; -1 not whole */
} gso[] = {
	{ "two of the same size", 40, 40, 20, 2, "20 20 " },
	{ "a shorter last one", 45, 45, 20, 3, "20 20 5 " },
	{ "the last one is not whole", 45, 43, 20, 3, "20 20 -1 " },
	{ "only the first one is whole", 45, 20, 20, 3, "20 -1 -1 " },
	{ "nothing captured", 45, 0, 20, 3, "-1 -1 -1 " },
	{ "fewer octets than segments", 20, 20, 20, 2, "-1 -1 " },
	{ "more octets than segments", 41, 41, 20, 2, "-1 -1 " },
	{ "no size", 40, 40, 0, 2, "-1 -1 " },
	{ "one segment of some size", 40, 40, 40, 1, "40 " },
};

START_TEST(segments)
{
	struct nt_event e = good;
	char lengths[64] = "";
	struct nt_datagram d;
	struct nt_split s;
	uint64_t seq = e.seq;
	uint8_t *copy;

	e.payload_len = gso[_i].payload_len;
	e.cap_len = gso[_i].cap_len;
	e.gso_size = gso[_i].gso_size;
	e.gso_segs = gso[_i].gso_segs;
	ck_assert_int_eq(open_exact(&e, e.cap_len, &s, &copy), 0);
	while (nt_split_next(&s, &d)) {
		size_t n = strlen(lengths);

		ck_assert_uint_eq(d.seq, seq++);
		snprintf(lengths + n, sizeof(lengths) - n, "%d ",
			 d.whole ? (int)d.payload.len : -1);
		if (d.whole)
			ck_assert_int_eq((uint8_t)d.payload.p[0], d.index * e.gso_size);
	}
	ck_assert_msg(strcmp(lengths, gso[_i].lengths) == 0, "%s: %s", gso[_i].what, lengths);
	free(copy);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("agent_split");
	TCase *tc = tcase_create("split");

	tcase_add_test(tc, one_datagram);
	tcase_add_loop_test(tc, refused, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tc, too_short);
	tcase_add_loop_test(tc, segments, 0, sizeof(gso) / sizeof(gso[0]));
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
