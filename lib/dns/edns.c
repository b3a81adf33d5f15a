/* SPDX-License-Identifier: Apache-2.0 */
/* The OPT pseudo record (RFC 6891) and the Extended DNS Error in it (RFC 8914). */
#include "lib/dns/edns.h"

#include "lib/base/cleanup.h"

enum { OPTION_EDE = 15, TTL_DO = 0x8000 };

/* One option at the cursor, into what is kept of it. */
static void read_option(struct nt_cursor *c, struct nt_dns_edns *edns)
{
	uint16_t code = nt_cursor_u16(c);
	uint16_t len = nt_cursor_u16(c);
	struct nt_cursor value = *c;

	(void)nt_cursor_take(c, len);
	if (c->bad)
		return;
	if (edns->options_len < NT_ARRAY_LEN(edns->options))
		edns->options[edns->options_len++] = code;
	if (code != OPTION_EDE)
		return;
	if (len < 2)
		nt_cursor_fail(c);
	else if (edns->ede < 0)
		edns->ede = nt_cursor_u16(&value);
}

int nt_edns_parse(struct nt_slice wire, const struct nt_dns_rr *rr, struct nt_dns_edns *ret_edns,
		  uint8_t *ret_rcode_high)
{
	struct nt_cursor c = nt_cursor_over(wire);
	struct nt_dns_edns edns = {
		.present = true,
		.version = (uint8_t)(rr->ttl >> 16),
		.dnssec_ok = rr->ttl & TTL_DO,
		.udp_size = rr->class_,
		.ede = -1,
	};

	c.at = rr->rdata_at;
	c.len = (size_t)rr->rdata_at + rr->rdata_len;
	while (nt_cursor_left(&c))
		read_option(&c, &edns);
	if (c.bad)
		return -NT_DNS_ERDATA;
	*ret_edns = edns;
	*ret_rcode_high = (uint8_t)(rr->ttl >> 24);
	return 0;
}
