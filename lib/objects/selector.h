/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Kubernetes label selector (metav1.LabelSelector: matchLabels and matchExpressions), checked as
 * the API server checks it and matched against labels. Immutable after parsing and without a link
 * to the JSON that it came from: several threads may match. No I/O, no globals.
 */
#pragma once

#include "lib/objects/objects.h"

struct json_t;
struct nt_selector;

/* Matching costs terms times labels. Kubernetes has no bound; real selectors have a handful. */
#define NT_SELECTOR_TERMS_MAX 64
#define NT_SELECTOR_VALUES_MAX 256 /* of one expression */

/* Why a selector is refused: the path within it ("matchExpressions[1].operator", "" for itself)
 * and a sentence with what to do; ASCII. */
struct nt_selector_problem {
	char field[96];
	char msg[256];
};

/* 0, or with *ret_problem -EINVAL, -ENOMEM. An empty mapping is a selector without terms; null is
 * refused, because it is what a block with a wrong indent becomes. */
int nt_selector_parse(const struct json_t *json, struct nt_selector **ret_selector,
		      struct nt_selector_problem *ret_problem) NT_MUSTCHECK;
void nt_selector_free(struct nt_selector *s);
static inline void nt_selector_freep(struct nt_selector **s)
{
	nt_selector_free(*s);
}

/* 0: matches every set of labels, known or not. */
size_t nt_selector_terms_len(const struct nt_selector *s);
/* All terms hold. In and NotIn as in Kubernetes: NotIn holds where the label is missing. */
bool nt_selector_matches(const struct nt_selector *s, const struct nt_label *labels,
			 size_t labels_len);
