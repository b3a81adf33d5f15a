/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many rows of an interval a pod may still have, by what kind of row (lib/record/fold.h). Of
 * lookups that the pod made itself: `limit` rows of one name each, limit / 8 of a domain, 64 of
 * all; the last kind is bounded by its keys. Of lookups that it was asked as a server: four times
 * as many, shared among its clients by a dynamic threshold: a client may have as many as are free,
 * so one that floods a resolver takes half of them at most. Clients are told apart by a keyed hash
 * into 256 buckets. Bounded, not thread-safe.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/record/fold.h"

#define NT_ROWSHARE_CLIENTS 256
/* Rows of all names per side: response codes, transports and policies, but no names nor servers. */
#define NT_ROWSHARE_ALL 64
/* A long row counts once more for each so many octets; most have some hundred. */
#define NT_ROWSHARE_OCTETS 4096

struct nt_rowshare {
	uint32_t own[NT_FOLD_MAX]; /* rows of the pod's own lookups */
	uint32_t served[NT_FOLD_MAX];
	uint16_t *clients; /* served rows by bucket; NULL before the first one */
};

/* May a row of that depth and side be added for this pod? client: keyed hash of the client's
 * address; limit: rows per pod. */
bool nt_rowshare_allows(const struct nt_rowshare *s, enum nt_side side, enum nt_fold depth,
			uint64_t client, uint32_t limit);
/* It was added, of so many octets. */
void nt_rowshare_took(struct nt_rowshare *s, enum nt_side side, enum nt_fold depth, uint64_t client,
		      uint32_t octets);
/* A new interval. */
void nt_rowshare_reset(struct nt_rowshare *s);
void nt_rowshare_done(struct nt_rowshare *s);
