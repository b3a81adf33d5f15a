/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside controller/enrich only: whose an address is and when it was. Owners have their addresses
 * in themselves; here they are found by address.
 */
#pragma once

#include "lib/base/addr.h"
#include "lib/base/hash.h"
#include "lib/base/hashtable.h"

enum nt_enrich_owner {
	NT_ENRICH_POD = 0, /* struct nt_enrich_pod */
	NT_ENRICH_SERVICE = 1, /* struct nt_enrich_service */
	NT_ENRICH_ENDPOINT = 2, /* struct nt_enrich_slice, which lists the address */
};

struct nt_enrich_address {
	struct nt_hashtable_link link;
	struct nt_addr ip;
	uint8_t type; /* enum nt_enrich_owner */
	uint32_t index; /* of an endpoint within its object */
	void *owner;
};

struct nt_enrich_addresses {
	struct nt_hashtable table;
	struct nt_hash_key key;
};

int nt_enrich_addresses_init(struct nt_enrich_addresses *a) NT_MUSTCHECK;
/* They are all taken out by their owners before. */
void nt_enrich_addresses_done(struct nt_enrich_addresses *a);
/* address: of the owner, filled except for link; stays where it is until it is taken out. */
void nt_enrich_addresses_put(struct nt_enrich_addresses *a, struct nt_enrich_address *address);
void nt_enrich_addresses_take(struct nt_enrich_addresses *a, struct nt_enrich_address *address);
/* The next of that address after previous (NULL: the first); NULL at the end. */
const struct nt_enrich_address *nt_enrich_addresses_next(const struct nt_enrich_addresses *a,
							 const struct nt_enrich_address *previous,
							 const struct nt_addr *ip);
