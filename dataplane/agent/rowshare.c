/* SPDX-License-Identifier: Apache-2.0 */
/* A pod's share of an interval's rows. */
#include "dataplane/agent/rowshare.h"

#include <stdlib.h>
#include <string.h>

/* A server is asked by many pods. */
enum { SERVED = 4, DOMAINS = 8 };
/* Of so many depths, from the first one, clients have shares. */
#define DEPTHS_BY_CLIENT 2

static uint32_t bound_of(enum nt_fold depth, uint32_t limit)
{
	switch (depth) {
	case NT_FOLD_NONE:
		return limit;
	case NT_FOLD_DOMAIN:
		return limit / DOMAINS + 1;
	case NT_FOLD_ALL:
		return NT_ROWSHARE_ALL;
	default:
		return UINT32_MAX;
	}
}

static size_t bucket_of(enum nt_fold depth, uint64_t client)
{
	return (size_t)depth * NT_ROWSHARE_CLIENTS + client % NT_ROWSHARE_CLIENTS;
}

bool nt_rowshare_allows(const struct nt_rowshare *s, enum nt_side side, enum nt_fold depth,
			uint64_t client, uint32_t limit)
{
	bool by_client = side == NT_SIDE_SERVER && (int)depth < DEPTHS_BY_CLIENT;
	uint32_t bound = bound_of(depth, limit), used;

	if (side == NT_SIDE_CLIENT)
		return s->own[depth] < bound;
	used = s->served[depth];
	if (by_client)
		bound *= SERVED;
	if (used >= bound)
		return false;
	return !by_client || !s->clients || s->clients[bucket_of(depth, client)] < bound - used;
}

void nt_rowshare_took(struct nt_rowshare *s, enum nt_side side, enum nt_fold depth, uint64_t client,
		      uint32_t octets)
{
	uint32_t rows = 1 + octets / NT_ROWSHARE_OCTETS;
	uint16_t *n;

	if (side == NT_SIDE_CLIENT) {
		s->own[depth] += rows;
		return;
	}
	s->served[depth] += rows;
	if ((int)depth >= DEPTHS_BY_CLIENT)
		return;
	if (!s->clients) /* without memory the clients share by who comes first */
		s->clients = calloc(DEPTHS_BY_CLIENT * NT_ROWSHARE_CLIENTS, sizeof(*s->clients));
	n = s->clients ? &s->clients[bucket_of(depth, client)] : NULL;
	if (n)
		*n = (uint16_t)(rows < (uint32_t)(UINT16_MAX - *n) ? *n + rows : UINT16_MAX);
}

void nt_rowshare_reset(struct nt_rowshare *s)
{
	memset(s->own, 0, sizeof(s->own));
	memset(s->served, 0, sizeof(s->served));
	if (s->clients)
		memset(s->clients, 0, DEPTHS_BY_CLIENT * NT_ROWSHARE_CLIENTS * sizeof(*s->clients));
}

void nt_rowshare_done(struct nt_rowshare *s)
{
	free(s->clients);
	s->clients = NULL;
}
