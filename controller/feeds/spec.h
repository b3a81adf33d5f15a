/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DomainFeed after checking: where its list is, how it is read, and what a name of it stands for.
 * Immutable after parsing and without a link to the object; no I/O. In words: README.md. For
 * controller/feeds and for whoever tells of mistakes.
 */
#pragma once

#include "lib/base/arena.h"
#include "lib/feed/list.h"
#include "lib/objects/fields.h"
#include "lib/objects/objects.h"

enum nt_feed_source {
	NT_FEED_URL = 0,
	NT_FEED_FILE = 1,
	NT_FEED_CONFIGMAP = 2,
};

struct nt_feed_spec {
	struct nt_arena arena; /* all strings, each with a NUL behind it */
	enum nt_feed_source source;
	struct nt_slice where; /* the URL, the file's name, the ConfigMap's name */
	struct nt_slice key; /* of the ConfigMap */
	/* Of a URL; files below --feed-files, empty: none. */
	struct nt_slice token_file, basic_auth_file, ca_file;
	bool allow_local;
	int64_t interval_us;
	struct nt_feed_form form;
	enum nt_feed_scope scope;
	size_t entries_max;
	struct nt_slice origin; /* what a set is made from (lib/feed/kept.h) */
};

/* "url", "file", "configMap"; "lines", "csv", "json"; "subdomains", "exact". */
const char *nt_feed_source_name(const struct nt_feed_spec *s);
const char *nt_feed_format_name(const struct nt_feed_spec *s);
const char *nt_feed_match_name(const struct nt_feed_spec *s);

/* 0, or -EINVAL (-ENOMEM) with *ret_problem. */
int nt_feed_spec_parse(const struct nt_object *object, struct nt_feed_spec **ret_spec,
		       struct nt_object_problem *ret_problem) NT_MUSTCHECK;
void nt_feed_spec_free(struct nt_feed_spec *s);
static inline void nt_feed_spec_freep(struct nt_feed_spec **s)
{
	nt_feed_spec_free(*s);
}
