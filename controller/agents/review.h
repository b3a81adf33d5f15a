/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TokenReview (authentication.k8s.io/v1) and Pod as text: what is asked, and what an answer means
 * for an agent's token. Pure, no I/O; bodies are bounded by who read them.
 */
#pragma once

#include "lib/base/buf.h"
#include "lib/kube/name.h"

#define NT_REVIEW_PATH "/apis/authentication.k8s.io/v1/tokenreviews"

/* Whom an agent's token has to name. */
struct nt_review_policy {
	struct nt_kube_name account; /* of the agents */
	const char *audience; /* borrowed */
};

struct nt_review {
	struct nt_kube_name pod; /* the token is bound to */
	char pod_uid[64];
	char node[254]; /* "": the server does not say (before 1.30) */
};

/* The body of a TokenReview; in JSON whatever octets token has. */
void nt_review_write(struct nt_slice token, const struct nt_review_policy *policy,
		     struct nt_buf *out);
/* 0 with *ret_review; else the HTTP status that the agent gets, with the reason in err: 401 the
 * token is none, or is for another audience; 403 it is somebody else's, or bound to no pod; 503 the
 * answer is none that we understand. */
unsigned nt_review_read(struct nt_slice body, const struct nt_review_policy *policy,
			struct nt_review *ret_review, struct nt_err *err) NT_MUSTCHECK;
/* The pod's node, from a Pod object: 0, or 403 when it is another pod of that name or has no node,
 * 503 when it is no Pod. */
unsigned nt_review_read_pod(struct nt_slice body, const struct nt_review *review,
			    char ret_node[254], struct nt_err *err) NT_MUSTCHECK;
/* "exp" of a JSON Web Token (RFC 7519), UNIX time; 0: it has none, or is no such token. Not
 * verified: only for a token that the API server has accepted. */
int64_t nt_review_expires_s(struct nt_slice token);
