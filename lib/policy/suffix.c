/* SPDX-License-Identifier: Apache-2.0 */
/* The keyed hash of suffixes: one SipHash-1-3 per label, chained from the root. */
#include "lib/policy/suffix.h"

#include <endian.h>

#include "lib/dns/siphash.h"

enum { LABEL_MAX = 63 }; /* RFC 1035 section 2.3.4 */

static struct nt_siphash_key load_key(const uint8_t key[16])
{
	uint64_t k[2];

	memcpy(k, key, sizeof(k));
	return (struct nt_siphash_key){ le64toh(k[0]), le64toh(k[1]) };
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

uint64_t nt_suffix_root(void)
{
	return 0;
}

uint64_t nt_suffix_label(const uint8_t key[16], uint64_t parent, struct nt_slice label)
{
	size_t len = label.len < LABEL_MAX ? label.len : LABEL_MAX;
	struct nt_siphash_key k = load_key(key);
	char data[8 + LABEL_MAX];

	parent = htole64(parent);
	memcpy(data, &parent, 8);
	for (size_t i = 0; i < len; i++)
		data[8 + i] = lower(label.p[i]);
	return nt_siphash(&k, nt_slice_mem(data, 8 + len));
}

uint64_t nt_suffix_hash(const uint8_t key[16], const struct nt_name *name)
{
	uint64_t hash = nt_suffix_root();
	uint8_t starts[NT_NAME_LABELS_MAX];
	size_t labels = 0;

	for (size_t at = 0; at < name->len && name->wire[at]; at += name->wire[at] + 1u)
		starts[labels++] = (uint8_t)at;
	while (labels--) {
		const uint8_t *label = &name->wire[starts[labels]];

		hash = nt_suffix_label(key, hash, nt_slice_mem(label + 1, label[0]));
	}
	return hash;
}
