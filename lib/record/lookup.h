/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lookup as an agent keeps and ships it: names and data as the octets that DNS has for them,
 * uncompressed and in lower case, instead of their text; who asked whom as the number of an entry
 * in a table beside the rows (a base); what follows from these (scope, logical name, domain,
 * Service) not at all. Whoever reads the row makes the record from it (lib/record/expand.h), the
 * same one that nt_record_from_txn makes. lib/record/README.md has the form. Pure, any thread; one
 * struct nt_lookup at a time each.
 */
#pragma once

#include "lib/record/aggregate.h"

/* Answers, and octets of them, that a row has in this form. What is above becomes a record: its
 * text may have to be cut (NT_RRSETS_TEXT_MAX), which only text can be. */
#define NT_LOOKUP_ANSWERS NT_DNS_ANSWERS
#define NT_LOOKUP_OCTETS 3072
/* Octets that are copied while they are read, owners that are the question's name too: so it is
 * always the bound above that answers pass, however a server writes them. */
#define NT_LOOKUP_NAMES (NT_LOOKUP_OCTETS + NT_LOOKUP_ANSWERS * NT_NAME_WIRE_MAX)

/* Numbers of a row's fields; all but the last four are its key. */
enum nt_row_field {
	NT_ROW_BASE = 1, /* plus one */
	NT_ROW_QNAME = 2,
	NT_ROW_QTYPE = 3,
	NT_ROW_QCLASS = 4,
	NT_ROW_RCODE = 5, /* plus one; not there: no reply */
	NT_ROW_ANSWERS = 6,
	NT_ROW_VERDICT = 7,
	NT_ROW_POLICY = 8,
	NT_ROW_LATE_OF = 9, /* plus one */
	NT_ROW_ONE = 10,
	NT_ROW_TTLS = 11,
	NT_ROW_FIELDS = 12, /* of a record: what has no other place */
	NT_ROW_ROLE = 13,
};

struct nt_lookup {
	uint8_t transport;
	enum nt_side side;
	bool has_one; /* else `tally` has the figures */
	struct nt_one one;
	struct nt_tally tally;
	struct nt_ttls ttls[NT_LOOKUP_ANSWERS];
	size_t ttls_len;
	size_t key_len;
	char key[NT_LOOKUP_OCTETS + 1024];
	uint8_t names[NT_LOOKUP_NAMES + NT_NAME_WIRE_MAX]; /* scratch: names of the answers */
};

/* Fills *ret_lookup, all but the figures. base: number of the entry that has the ends; policy: that
 * gave the verdict, may be empty. False: a message without a question, or answers that are many,
 * long or of rare types: it takes a record. */
bool nt_lookup_make(const struct nt_txn *txn, uint32_t base, struct nt_slice policy,
		    struct nt_lookup *ret_lookup);
/* And the figures. */
void nt_lookup_count(const struct nt_txn *txn, const struct nt_time_base *time,
		     struct nt_lookup *ret_lookup);

/* What is equal in all rows of the same ends: of the record the node, the client, the servers. */
int nt_record_ends(const struct nt_txn *txn, const struct nt_identity *identity,
		   struct nt_arena *arena, struct nt_record *ret_record) NT_MUSTCHECK;
/* Sets scope, logical name, domain and Service from name and code. searches: may be NULL. */
void nt_record_meaning(struct nt_names *names, const char *searches, struct nt_record *r);

/* The figures of one transaction, and the same in short; false: it has more than fits there. */
void nt_tally_from_txn(const struct nt_txn *txn, const struct nt_time_base *time,
		       struct nt_tally *ret_tally);
/* Of a server's side: upstream_ns of its latency it waited for its own lookup of that name, the
 * rest it took itself. Negative: not known, nothing is set. */
void nt_tally_set_hops(struct nt_tally *t, int64_t upstream_ns);
bool nt_one_from_txn(const struct nt_txn *txn, const struct nt_time_base *time,
		     struct nt_one *ret_one);
/* From short to long. */
void nt_one_tally(const struct nt_one *one, struct nt_tally *ret_tally);
/* Writes the short form, at most NT_ONE_WIRE_MAX octets; returns behind it. And reads it. */
#define NT_ONE_WIRE_MAX 96
char *nt_one_at(char *at, const struct nt_one *one);
bool nt_one_read(struct nt_slice wire, struct nt_one *ret_one);
