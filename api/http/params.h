/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parameters of a request: names and values as they came, checked and turned into what the
 * store takes. Every mistake is a sentence that names the parameter. Pure functions; nothing here
 * knows of sockets.
 */
#pragma once

#include "controller/feeds/feeds.h"
#include "controller/store/store.h"
#include "lib/query/query.h"

struct nt_param {
	struct nt_slice name, value;
};

/* More than any operation has. */
#define NT_PARAMS_MAX 16

struct nt_params {
	struct nt_param items[NT_PARAMS_MAX];
	size_t len;
	struct nt_slice body; /* of an operation that takes one */
	struct nt_feeds *feeds; /* that q may name; NULL: none; borrowed */
};

/* NULL when the parameter was not given. */
const struct nt_slice *nt_params_find(const struct nt_params *p, const char *name);
/* Each must be one of `allowed` (space separated) and come once; -EINVAL. */
int nt_params_check(const struct nt_params *p, const char *allowed,
		    struct nt_err *err) NT_MUSTCHECK;
/* A whole number from 1 to max, `fallback` when not given. */
int nt_params_u32(const struct nt_params *p, const char *name, uint32_t max, uint32_t fallback,
		  uint32_t *ret_value, struct nt_err *err) NT_MUSTCHECK;
/* One of `words` (ends with NULL) as its index, `fallback` when not given. */
int nt_params_word(const struct nt_params *p, const char *name, const char *const *words,
		   int fallback, int *ret_index, struct nt_err *err) NT_MUSTCHECK;

/* `id` of the path, above 0. */
int nt_params_id(const struct nt_params *p, int64_t *ret_id, struct nt_err *err) NT_MUSTCHECK;

/* "now", "now-15m", "now+5s", or RFC 3339. */
int nt_time_param_parse(struct nt_slice text, int64_t now_us, int64_t *ret_us) NT_MUSTCHECK;

/* What every query of figures takes: q, from, to, side, role. */
struct nt_figures {
	struct nt_query *query; /* owned; NULL without q */
	struct nt_query *lost_query; /* owned; what of it applies to UNLOGGED rows */
	struct nt_feeds_taken *feeds; /* owned; what the queries may name; NULL: nothing */
	struct nt_store_range range; /* filter is query */
	struct nt_store_range lost; /* the UNLOGGED rows beside it: what was lost may have been of
				       either side, and has neither name nor code */
};

/* -EINVAL with err; a mistake in q sets query_error->msg as well (else it is ""). */
int nt_figures_parse(const struct nt_params *p, int64_t now_us, struct nt_figures *ret_figures,
		     struct nt_query_error *query_error, struct nt_err *err) NT_MUSTCHECK;
void nt_figures_done(struct nt_figures *f);
#define _cleanup_figures_ __attribute__((cleanup(nt_figures_done)))

/* A field or several, comma separated, none twice. Names are copied into names. */
struct nt_by {
	char names[NT_STORE_GROUP_KEYS][64];
	size_t len;
};
int nt_by_parse(struct nt_slice text, size_t max, struct nt_by *ret_by,
		struct nt_err *err) NT_MUSTCHECK;

/* The smallest width of 1 2 5 10 15 30 s, 1 2 5 10 15 30 min, 1 3 6 12 h, 1 d with which a range of
 * that length has at most `wanted` buckets; 1 d when none has. */
int64_t nt_bucket_us(int64_t length_us, uint32_t wanted);
