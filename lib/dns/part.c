/* SPDX-License-Identifier: Apache-2.0 */
/* The start of a message: cut back to what is whole of it. */
#include "lib/dns/part.h"

#include <errno.h>

enum { COUNTS_AT = 6 }; /* of the records of three sections, behind that of the questions */

static uint16_t take_count(unsigned int *left, uint16_t wanted)
{
	uint16_t n = *left < wanted ? (uint16_t)*left : wanted;

	*left -= n;
	return n;
}

int nt_dns_parse_part(struct nt_slice part, struct nt_buf *scratch, struct nt_dns_msg *ret_msg)
{
	struct nt_dns_iter it = { 0 };
	struct nt_dns_rr rr;
	uint16_t counts[3];
	unsigned int left;
	int r = nt_dns_parse(part, ret_msg);

	/* records_at: the fault lies behind the question. */
	if (r != -NT_DNS_ESHORT || !ret_msg->records_at)
		return r;
	while (nt_dns_next(ret_msg, &it, &rr))
		continue;
	left = it.index;
	counts[0] = take_count(&left, ret_msg->ancount);
	counts[1] = take_count(&left, ret_msg->nscount);
	counts[2] = take_count(&left, ret_msg->arcount);
	nt_buf_reset(scratch);
	nt_buf_add(scratch, part.p, it.index ? it.at : ret_msg->records_at);
	if (!nt_buf_ok(scratch))
		return -ENOMEM;
	for (size_t i = 0; i < 3; i++) {
		scratch->p[COUNTS_AT + 2 * i] = (char)(counts[i] >> 8);
		scratch->p[COUNTS_AT + 2 * i + 1] = (char)counts[i];
	}
	return nt_dns_parse(nt_slice_mem(scratch->p, scratch->len), ret_msg);
}
