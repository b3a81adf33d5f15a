/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of a feed as keys, and keys in their order. */
#include "lib/feed/key.h"

void nt_feed_key_from(const struct nt_pattern *entry, struct nt_feed_key *ret_key)
{
	uint8_t reversed[NT_NAME_WIRE_MAX];
	size_t len = nt_pattern_reverse(&entry->name, reversed);

	if (entry->wildcard)
		reversed[len++] = 0;
	memcpy(ret_key->octets, reversed, len);
	ret_key->len = (uint8_t)len;
}

void nt_feed_key_pattern(const struct nt_feed_key *key, struct nt_pattern *ret_entry)
{
	struct nt_pattern *e = ret_entry;
	size_t left = nt_feed_key_labels_len(key);

	e->wildcard = left < key->len;
	e->name.len = (uint8_t)(left + 1);
	e->name.wire[left] = 0;
	for (size_t at = 0; left;) {
		size_t whole = key->octets[at] + 1u;

		left -= whole;
		memcpy(e->name.wire + left, key->octets + at, whole);
		at += whole;
	}
}

int nt_feed_key_compare(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order ? order : (a_len > b_len) - (a_len < b_len);
}

uint8_t *nt_feed_key_write(uint8_t *at, const struct nt_feed_key *before,
			   const struct nt_feed_key *key)
{
	size_t max = before->len < key->len ? before->len : key->len, shared = 0, rest;

	while (shared < max && before->octets[shared] == key->octets[shared])
		shared++;
	rest = key->len - shared;
	*at++ = (uint8_t)shared;
	*at++ = (uint8_t)rest;
	memcpy(at, key->octets + shared, rest);
	return at + rest;
}

const uint8_t *nt_feed_key_read(const uint8_t *at, struct nt_feed_key *key)
{
	size_t shared = at[0], rest = at[1];

	memcpy(key->octets + shared, at + 2, rest);
	key->len = (uint8_t)(shared + rest);
	return at + 2 + rest;
}
