/* SPDX-License-Identifier: Apache-2.0 */
/* The answer section of a message as the record has it: grouped and sorted. For lib/record only. */
#pragma once

#include "lib/base/arena.h"
#include "lib/dns/message.h"
#include "lib/record/record.h"

/* Sets r->rrsets: one per (name, type, class), in that order; the data of each is sorted. All of it
 * lives in arena, but names that are r->qname, the question's, which must be set. -ENOMEM. */
int nt_rrsets_from_msg(const struct nt_dns_msg *msg, struct nt_arena *arena,
		       struct nt_record *r) NT_MUSTCHECK;
