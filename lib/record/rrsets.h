/* SPDX-License-Identifier: Apache-2.0 */
/* The answer section of a message as the record has it: grouped and sorted. For lib/record only. */
#pragma once

#include "lib/base/arena.h"
#include "lib/dns/message.h"
#include "lib/record/record.h"

/*
 * Text of all answers of a record. A message of 64 KiB that a pod chose has 190 times as much: each
 * pointer stands for a name, each octet of a name for four. More than any message of addresses.
 */
#define NT_RRSETS_TEXT_MAX 65536
/* Then r->error says so, and the answers from the first that does not fit on are left out. */
#define NT_RRSETS_CUT "not all answers are shown: their text is too long"

/* Sets r->rrsets: one per (name, type, class), in that order; the data of each is sorted. All of it
 * lives in arena, but names that are r->qname, the question's, which must be set. -ENOMEM. */
int nt_rrsets_from_msg(const struct nt_dns_msg *msg, struct nt_arena *arena,
		       struct nt_record *r) NT_MUSTCHECK;

/* Sets by name, type and class, and the data of each, as above. */
void nt_rrsets_sort(struct nt_rrset *sets, size_t len);
