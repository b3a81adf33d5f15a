/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A policy as policy.c makes it and judge.c and compile.c read it. For lib/policy only.
 */
#pragma once

#include "lib/base/arena.h"
#include "lib/objects/selector.h"
#include "lib/policy/policy.h"

/* One name of the allow list. */
struct nt_policy_entry {
	const uint8_t *reversed; /* nt_pattern_reverse: a suffix is a prefix of it */
	uint8_t reversed_len;
	bool wildcard;
	uint32_t index; /* in the order of the policy */
	struct nt_slice text;
};

struct nt_policy {
	struct nt_arena arena; /* texts and names */
	struct nt_slice namespace_, name;
	enum nt_policy_mode mode;
	struct nt_selector *selector; /* NULL: all pods */
	struct nt_policy_entry *entries; /* by nt_policy_entry_compare, each once */
	struct nt_slice *texts; /* in the order of the policy */
	size_t len; /* of both */
	size_t rules_len;
	uint8_t digest[16];
};

/* By name from the right, so that names with a common suffix stand together; then exact before
 * wildcard. */
int nt_policy_entry_compare(const struct nt_policy_entry *a, const struct nt_policy_entry *b);
