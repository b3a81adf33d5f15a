/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values that a record has for keys of a rule. Rules that group by the same share them: they
 * are made once for each record. One thread. For controller/alerts only.
 */
#pragma once

#include "controller/alerts/rule.h"
#include "lib/dns/siphash.h"

struct nt_query_terms;

/* A record that all rules look at, one after the other. */
struct nt_row {
	const struct nt_record *r;
	uint64_t number; /* another one for each record, from 1 */
	struct nt_query_terms *terms; /* of the rules' queries */
	const struct nt_siphash_key *hash_key;
};

/* What rules group by, or count the different values of; zeroed but for the first two, nothing is
 * made. */
struct nt_keys {
	const struct nt_rule_key *keys; /* borrowed of a rule */
	size_t len;
	uint64_t row; /* of which the rest is */
	const struct nt_server *server;
	struct nt_buf text; /* values, each with a NUL behind it */
	uint64_t hash; /* of text */
	uint64_t changes; /* of text, so far: rows of one pod come together */
	struct nt_buf before; /* room for the text of before */
};

/* As the JSON form has it, "" for none. server: whose member is meant; NULL: there is none.
 * scratch holds the text until the next call. */
struct nt_slice nt_key_text(const struct nt_rule_key *key, const struct nt_record *r,
			    const struct nt_server *server, struct nt_buf *scratch);

void nt_keys_done(struct nt_keys *k);
/* Makes text and hash, unless they are this record's and server's. False: no memory. */
bool nt_keys_take(struct nt_keys *k, const struct nt_row *row, const struct nt_server *server);
static inline struct nt_slice nt_keys_slice(const struct nt_keys *k)
{
	return nt_slice_mem(k->text.len ? k->text.p : "", k->text.len);
}
