/* SPDX-License-Identifier: Apache-2.0 */
/* A message of which only the start is there, as in the first fragment of a datagram. */
#pragma once

#include "lib/base/buf.h"
#include "lib/dns/message.h"

/*
 * Parses header, question and the records that are whole, as nt_dns_parse does; the counts in
 * *ret_msg are those of the records that are there. part: at most 65,535 octets; scratch takes a
 * copy, in which *ret_msg points. Returns 0, -ENOMEM, or -enum nt_dns_error.
 */
int nt_dns_parse_part(struct nt_slice part, struct nt_buf *scratch,
		      struct nt_dns_msg *ret_msg) NT_MUSTCHECK;
