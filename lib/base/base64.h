/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 to octets (RFC 4648, both alphabets), for certificates and tokens. Pure. */
#pragma once

#include "lib/base/buf.h"

/* Appends the octets; padding may be missing. -EBADMSG: other characters or a length that no text
 * has, and `out` has what came before; -ENOMEM. */
int nt_base64_decode(struct nt_slice text, struct nt_buf *out) NT_MUSTCHECK;
