/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values of an object's spec, by path ("spec.period", "spec.source.url"): taken when they are
 * what they must be, refused with the reason otherwise. What is not there (or null) leaves *ret as
 * it is and is no mistake. Strings are copied into the arena. 0, -EINVAL, -ENOMEM. For
 * controller/alerts and controller/feeds.
 */
#pragma once

#include "lib/base/arena.h"
#include "lib/objects/fields.h"

struct json_t;

struct nt_spec {
	const struct json_t *json; /* the mapping; borrowed */
	struct nt_arena *arena;
	struct nt_object_problem *problem;
};

#define nt_spec_refuse(s, ...) nt_object_refuse((s)->problem, __VA_ARGS__)
#define nt_spec_no_memory(s) nt_object_no_memory((s)->problem)

/* Borrowed; NULL when it is not there. */
struct json_t *nt_spec_member(const struct nt_spec *s, const char *path);
/* Refuses the mapping's first key that is not in the list, which ends in NULL. */
int nt_spec_known(const struct nt_spec *s, const struct json_t *mapping, const char *path,
		  const char *const *known) NT_MUSTCHECK;
int nt_spec_copy(const struct nt_spec *s, struct nt_slice text, struct nt_slice *ret) NT_MUSTCHECK;
int nt_spec_text(const struct nt_spec *s, const char *path, size_t len_max,
		 struct nt_slice *ret) NT_MUSTCHECK;
/* One of the words, which end in NULL; "" in the list is for none and is never taken. It has to be
 * there. */
int nt_spec_word(const struct nt_spec *s, const char *path, const char *const *words,
		 int *ret_index) NT_MUSTCHECK;
int nt_spec_bool(const struct nt_spec *s, const char *path, bool *ret) NT_MUSTCHECK;
/* Whole seconds as Go writes them ("1h30m", "1.5h"), from one to 30 days. */
int nt_spec_duration(const struct nt_spec *s, const char *path, int64_t *ret_us) NT_MUSTCHECK;
/* The same of a value that is there, at path. */
int nt_spec_duration_of(const struct nt_spec *s, const struct json_t *v, const char *path,
			int64_t *ret_us) NT_MUSTCHECK;
/* list: at path, a list of at most values_max texts, none empty or longer than len_max. */
int nt_spec_texts(const struct nt_spec *s, const struct json_t *list, const char *path,
		  size_t values_max, size_t len_max, struct nt_slice **ret_values,
		  size_t *ret_len) NT_MUSTCHECK;
