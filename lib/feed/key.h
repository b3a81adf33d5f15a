/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry of a feed as octets whose order puts names below one another together: the labels from
 * the right, each behind its length (nt_pattern_reverse), and one octet 0, which is no length of a
 * label, behind those of a wildcard. So the key of a name is the start of the keys of all names
 * below it. In memory keys stand in their order, each as what it shares with the one before it
 * (one octet), the length of the rest (one octet) and the rest. For lib/feed only. Pure.
 */
#pragma once

#include "lib/policy/pattern.h"

#define NT_FEED_KEY_MAX (NT_NAME_WIRE_MAX - 1)
/* What one key takes at most where it stands. */
#define NT_FEED_CODED_MAX (2 + NT_FEED_KEY_MAX)

struct nt_feed_key {
	uint8_t len;
	uint8_t octets[NT_FEED_KEY_MAX];
};

void nt_feed_key_from(const struct nt_pattern *entry, struct nt_feed_key *ret_key);
/* key: as nt_feed_key_from made it. */
void nt_feed_key_pattern(const struct nt_feed_key *key, struct nt_pattern *ret_entry);
/* <0, 0, >0. */
int nt_feed_key_compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len);
/* Writes `key` behind `before` (empty: nothing is shared); room for NT_FEED_CODED_MAX. Returns
 * behind it. */
uint8_t *nt_feed_key_write(uint8_t *at, const struct nt_feed_key *before,
			   const struct nt_feed_key *key);
/* key: the one before in, this one out. Returns behind it. */
const uint8_t *nt_feed_key_read(const uint8_t *at, struct nt_feed_key *key);

/* Octets of the labels: all, but for the last one of a wildcard's. A label may end in 0, too. */
static inline size_t nt_feed_key_labels_len(const struct nt_feed_key *key)
{
	size_t at = 0;

	while (at < key->len && key->octets[at])
		at += key->octets[at] + 1u;
	return at;
}
