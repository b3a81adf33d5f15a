/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One entry of a list of names, be it an allow list (lib/policy) or a domain feed (lib/feed):
 * checked, or refused with the reason. Pure.
 */
#pragma once

#include "lib/base/err.h"
#include "lib/dns/name.h"

struct nt_pattern {
	bool wildcard; /* below name, and not name itself */
	struct nt_name name;
};

/* The length of msg, with its NUL. */
#define NT_PATTERN_MSG_MAX 256

/* Reads `example.com`, `*.example.com` or either with one final dot; labels in UTF-8 become
 * A-labels (RFC 5890, IDNA2008). -EINVAL with a sentence for the author in ret_msg, in ASCII. */
int nt_pattern_parse(struct nt_slice text, struct nt_pattern *ret_pattern,
		     char ret_msg[NT_PATTERN_MSG_MAX]) NT_MUSTCHECK;
/* Lower case, no final dot, into a caller's array, NUL-terminated; parses to the same pattern.
 * Returns the length. */
size_t nt_pattern_text(const struct nt_pattern *p, char out[NT_NAME_TEXT_MAX + 2]);

/* The labels of a name from the right, each behind its length, without the root: a suffix of a name
 * is a prefix of this. Returns its length, below NT_NAME_WIRE_MAX. */
size_t nt_pattern_reverse(const struct nt_name *name, uint8_t out[NT_NAME_WIRE_MAX]);
