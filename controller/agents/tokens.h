/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is known of tokens that were shown, by their SHA-256: bounded, least recently used ones go
 * first, refused ones only for other refused ones. Plain data and times that the caller gives; the
 * caller locks. A token itself is never kept.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "lib/base/clock.h"
#include "lib/base/slice.h"

/* Twice the nodes that Kubernetes supports; 9,000 and 1,000 entries of some 600 octets. */
#define NT_TOKENS_GOOD_MAX 9000
#define NT_TOKENS_REFUSED_MAX 1000
/* A pod that is deleted is an agent for so long. */
#define NT_TOKENS_TTL_NS (60 * NT_NS_PER_S)
/* A good one whose question failed holds for so long before it is asked again. */
#define NT_TOKENS_HELD_NS (30 * NT_NS_PER_S)
/* A mistake that was mended is seen after it. */
#define NT_TOKENS_REFUSED_NS (5 * NT_NS_PER_S)
/* Nobody could be asked: asked again after it. */
#define NT_TOKENS_AWAY_NS (2 * NT_NS_PER_S)
/* While the API server cannot be asked, a token that it had accepted holds for so long after that,
 * and never beyond its own end: a restart of the API server costs no upload. */
#define NT_TOKENS_GRACE_NS (600 * NT_NS_PER_S)

struct nt_token_digest {
	unsigned char octets[32];
};

enum nt_token_state {
	NT_TOKEN_UNKNOWN = 0, /* never asked, or asked too long ago */
	NT_TOKEN_PENDING = 1, /* somebody asks */
	NT_TOKEN_GOOD = 2,
	NT_TOKEN_REFUSED = 3,
};

struct nt_token_verdict {
	unsigned status; /* 0: good; 401, 403, 503 */
	char node[254]; /* of a good one */
	char why[256]; /* of a refused one */
};

struct nt_tokens;

struct nt_tokens *nt_tokens_new(void);
void nt_tokens_free(struct nt_tokens *t);
size_t nt_tokens_len(const struct nt_tokens *t);

/* *ret_verdict is set for GOOD and REFUSED. */
enum nt_token_state nt_tokens_find(struct nt_tokens *t, const struct nt_token_digest *digest,
				   int64_t boot_ns, struct nt_token_verdict *ret_verdict);
/* Marks it: whoever asks until nt_tokens_settle finds PENDING. False: no memory. */
bool nt_tokens_pend(struct nt_tokens *t, const struct nt_token_digest *digest);
/* Nobody asks any more, and nothing came out: as before nt_tokens_pend. */
void nt_tokens_unpend(struct nt_tokens *t, const struct nt_token_digest *digest);
/* True: it was good, its grace lasts, and *ret_verdict is that verdict; pending or not. */
bool nt_tokens_former(struct nt_tokens *t, const struct nt_token_digest *digest, int64_t boot_ns,
		      struct nt_token_verdict *ret_verdict);
/*
 * What came out. expires_ns: the token's end in boot time, 0: none. status 503 is not remembered as
 * a refusal of the token: a good one stays good within its grace, and *verdict becomes that one;
 * true is returned then.
 */
bool nt_tokens_settle(struct nt_tokens *t, const struct nt_token_digest *digest, int64_t boot_ns,
		      int64_t expires_ns, struct nt_token_verdict *verdict);
