/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Octets in the notations of zone files, appended to a buffer. Private to lib/dns. Any octets are
 * fine; what comes out is printable ASCII.
 */
#pragma once

#include "lib/base/buf.h"

/* Character-string without its quotes (RFC 1035 section 5.1): `\"`, `\\`, and \DDD for what is not
 * printable. */
void nt_text_string(struct nt_buf *out, struct nt_slice s);
/* The same with quotes. */
void nt_text_quoted(struct nt_buf *out, struct nt_slice s);
/* RFC 4648, upper case, no white space. */
void nt_text_hex(struct nt_buf *out, struct nt_slice s);
void nt_text_base64(struct nt_buf *out, struct nt_slice s);
/* RFC 4648 "Extended Hex", lower case, no padding, as RFC 5155 writes hashed owner names. */
void nt_text_base32hex(struct nt_buf *out, struct nt_slice s);
/* Four octets as an IPv4 address, sixteen as an IPv6 address (RFC 5952). */
void nt_text_ipv4(struct nt_buf *out, struct nt_slice s);
void nt_text_ipv6(struct nt_buf *out, struct nt_slice s);
