/* SPDX-License-Identifier: Apache-2.0 */
/* The OPT pseudo record (RFC 6891). Private to lib/dns. */
#pragma once

#include "lib/dns/message.h"

/* Reads an OPT record into *ret_edns and its upper eight bits of the response code into
 * *ret_rcode_high. 0, or -NT_DNS_ERDATA when an option does not fit. */
int nt_edns_parse(struct nt_slice wire, const struct nt_dns_rr *rr, struct nt_dns_edns *ret_edns,
		  uint8_t *ret_rcode_high) NT_MUSTCHECK;
