/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON object that a request has as its body: its members checked, each mistake a sentence that
 * names the member. Pure functions.
 */
#pragma once

#include <jansson.h>

#include "lib/base/err.h"
#include "lib/base/slice.h"

/* Who says something, and what a person says on one line. */
enum { NT_BODY_BY_MAX = 128, NT_BODY_WORDS_MAX = 1000 };

/* known: the names of the members that there may be, ends with NULL. -EINVAL (no JSON object,
 * another member), -ENOMEM. The caller owns the result. */
int nt_body_parse(struct nt_slice body, const char *const *known, json_t **ret_object,
		  struct nt_err *err) NT_MUSTCHECK;
/* A text of at most max octets, none of them a control character; lives as long as the object.
 * required: it is there and not empty; else "" where it is not there. -EINVAL. */
int nt_body_text(const json_t *object, const char *name, size_t max, bool required,
		 struct nt_slice *ret_text, struct nt_err *err) NT_MUSTCHECK;
