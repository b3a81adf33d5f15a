/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses in a hash table. */
#include "controller/enrich/addresses.h"

#include <sys/random.h>

int nt_enrich_addresses_init(struct nt_enrich_addresses *a)
{
	if (getrandom(&a->key, sizeof(a->key), 0) != sizeof(a->key))
		return -EIO;
	return nt_hashtable_init(&a->table);
}

void nt_enrich_addresses_done(struct nt_enrich_addresses *a)
{
	nt_hashtable_done(&a->table);
}

static uint64_t hash_of(const struct nt_enrich_addresses *a, const struct nt_addr *ip)
{
	return nt_hash(&a->key, ip->family, nt_slice_mem(ip->octets, sizeof(ip->octets)));
}

void nt_enrich_addresses_put(struct nt_enrich_addresses *a, struct nt_enrich_address *address)
{
	nt_hashtable_put(&a->table, &address->link, hash_of(a, &address->ip));
}

void nt_enrich_addresses_take(struct nt_enrich_addresses *a, struct nt_enrich_address *address)
{
	nt_hashtable_take(&a->table, &address->link);
}

const struct nt_enrich_address *nt_enrich_addresses_next(const struct nt_enrich_addresses *a,
							 const struct nt_enrich_address *previous,
							 const struct nt_addr *ip)
{
	struct nt_hashtable_link *link = previous ? nt_hashtable_next(&previous->link)
						  : nt_hashtable_first(&a->table, hash_of(a, ip));

	for (; link; link = nt_hashtable_next(link)) {
		const struct nt_enrich_address *found =
			NT_HASHTABLE_ITEM(link, struct nt_enrich_address, link);

		if (nt_addr_eq(&found->ip, ip))
			return found;
	}
	return NULL;
}
