/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes the decoder of ring samples: any octets are an event or not; datagrams lie within it. */
#include <stdlib.h>

#include "dataplane/agent/split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static volatile uint8_t sink;

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* Every octet is touched, so that one outside of the sample is noticed. */
static void check_datagram(const struct nt_split *s, const struct nt_datagram *d, uint32_t index)
{
	check(d->index == index && d->seq == s->event.seq + index);
	check(d->whole || d->payload.len == 0);
	for (size_t i = 0; i < d->payload.len; i++)
		sink ^= (uint8_t)d->payload.p[i];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct nt_datagram d;
	struct nt_split s;
	struct nt_err err = { 0 };
	uint32_t n = 0;

	if (nt_split_open(nt_slice_mem(data, len), &s, &err) < 0) {
		check(err.code == EBADMSG && err.msg[0]);
		return 0;
	}
	while (nt_split_next(&s, &d))
		check_datagram(&s, &d, n++);
	check(n == s.event.gso_segs);
	check(!nt_split_next(&s, &d));
	return 0;
}
