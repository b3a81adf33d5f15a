/* SPDX-License-Identifier: Apache-2.0 */
/* DomainFeed objects: every field checked, and each mistake with what to write. */
#include "controller/feeds/spec.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/alerts/spec.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/http/fence.h"
#include "lib/kube/name.h"

#define INTERVAL_MIN_US (10 * 1000000LL) /* somebody else's server answers it */
#define INTERVAL_MAX_US (7 * 86400 * 1000000LL)
/* A URL is asked for less often than what is near. */
#define INTERVAL_URL_US (3600 * 1000000LL)
#define INTERVAL_NEAR_US (60 * 1000000LL)

enum {
	URL_LEN_MAX = 2048,
	NAME_LEN_MAX = 253, /* of objects, keys and files */
	FIELD_LEN_MAX = 256,
	ENTRIES_DEFAULT = 1000000,
	ENTRIES_MAX = 10000000, /* what memory there is decides before */
	ARENA_MAX = 64 << 10,
};

static const char *const formats[] = {
	[NT_FEED_LINES] = "lines", [NT_FEED_CSV] = "csv", [NT_FEED_JSON] = "json", NULL
};
static const char *const matches[] = {
	[NT_FEED_BELOW] = "subdomains", [NT_FEED_EXACT] = "exact", NULL
};
static const char *const sources[] = {
	[NT_FEED_URL] = "url", [NT_FEED_FILE] = "file", [NT_FEED_CONFIGMAP] = "configMap", NULL
};

const char *nt_feed_source_name(const struct nt_feed_spec *s)
{
	return sources[s->source];
}

const char *nt_feed_format_name(const struct nt_feed_spec *s)
{
	return formats[s->form.format];
}

const char *nt_feed_match_name(const struct nt_feed_spec *s)
{
	return matches[s->scope];
}

/* --- where it is ------------------------------------------------------------------------------ */

/* A file below the folder that the operator gave; what leads out of it is found when it is opened,
 * too. */
static int take_file(const struct nt_spec *s, const char *path, struct nt_slice *ret)
{
	int r = nt_spec_text(s, path, NAME_LEN_MAX, ret);

	if (r < 0 || !nt_spec_member(s, path))
		return r;
	if (!ret->len || ret->p[0] == '/' || memchr(ret->p, '\0', ret->len) ||
	    memmem(ret->p, ret->len, "..", 2))
		return nt_spec_refuse(s, path,
				      "the name of a file below the controller's --feed-files is "
				      "wanted, as malware/list.txt");
	return 0;
}

static int take_url(const struct nt_spec *s, struct nt_feed_spec *f)
{
	static const char path[] = "spec.source.url";
	const char *mistake;
	int r = nt_spec_text(s, path, URL_LEN_MAX, &f->where);

	if (r < 0)
		return r;
	mistake = strlen(f->where.p) == f->where.len ? nt_fence_url_mistake(f->where.p)
						     : "a URL has no NUL";
	if (mistake)
		return nt_spec_refuse(s, path, "%s", mistake);
	r = take_file(s, "spec.source.tokenFile", &f->token_file);
	if (r == 0)
		r = take_file(s, "spec.source.basicAuthFile", &f->basic_auth_file);
	if (r == 0)
		r = take_file(s, "spec.source.caFile", &f->ca_file);
	if (r == 0 && f->token_file.len && f->basic_auth_file.len)
		r = nt_spec_refuse(s, "spec.source.basicAuthFile",
				   "tokenFile says already who we are");
	return r == 0 ? nt_spec_bool(s, "spec.source.allowLocal", &f->allow_local) : r;
}

static int take_configmap(const struct nt_spec *s, struct nt_feed_spec *f)
{
	static const char *const known[] = { "name", "key", NULL };
	static const char name[] = "spec.source.configMap.name",
			  key[] = "spec.source.configMap.key";
	const json_t *map = nt_spec_member(s, "spec.source.configMap");
	int r;

	if (!json_is_object(map))
		return nt_spec_refuse(s, "spec.source.configMap",
				      "a mapping with name and key is wanted");
	r = nt_spec_known(s, map, "spec.source.configMap", known);
	if (r == 0)
		r = nt_spec_text(s, name, NAME_LEN_MAX, &f->where);
	if (r == 0)
		r = nt_spec_text(s, key, NAME_LEN_MAX, &f->key);
	if (r == 0 && !nt_kube_is_subdomain(f->where))
		r = nt_spec_refuse(s, name, "the name of a ConfigMap in nametap's namespace");
	if (r == 0 && !f->key.len)
		r = nt_spec_refuse(s, key, "missing: which of its data has the list");
	return r;
}

static int check_source(const struct nt_spec *s, enum nt_feed_source *ret_source)
{
	static const char path[] = "spec.source";
	static const char *const all[] = { "url",	    "file",   "configMap",  "tokenFile",
					   "basicAuthFile", "caFile", "allowLocal", NULL };
	const json_t *source = nt_spec_member(s, path);
	size_t given = 0;
	int r;

	if (!json_is_object(source))
		return nt_spec_refuse(s, path, "%sa mapping with url, file or configMap is wanted",
				      source ? "" : "missing: ");
	r = nt_spec_known(s, source, path, all);
	if (r < 0)
		return r;
	for (size_t i = 0; sources[i]; i++) {
		if (!json_object_get(source, sources[i]))
			continue;
		given++;
		*ret_source = (enum nt_feed_source)i;
	}
	if (given != 1)
		return nt_spec_refuse(s, path, "exactly one of url, file and configMap is wanted");
	for (size_t i = 3; all[i] && *ret_source != NT_FEED_URL; i++) {
		char whole[64];

		snprintf(whole, sizeof(whole), "%s.%s", path, all[i]);
		if (json_object_get(source, all[i]))
			return nt_spec_refuse(s, whole, "is for a url");
	}
	return 0;
}

static int take_source(const struct nt_spec *s, struct nt_feed_spec *f)
{
	int r = check_source(s, &f->source);

	if (r < 0)
		return r;
	if (f->source == NT_FEED_URL)
		return take_url(s, f);
	if (f->source == NT_FEED_CONFIGMAP)
		return take_configmap(s, f);
	return take_file(s, "spec.source.file", &f->where);
}

/* --- how it is read --------------------------------------------------------------------------- */

static int take_interval(const struct nt_spec *s, struct nt_feed_spec *f)
{
	static const char path[] = "spec.interval";
	int r;

	f->interval_us = f->source == NT_FEED_URL ? INTERVAL_URL_US : INTERVAL_NEAR_US;
	r = nt_spec_duration(s, path, &f->interval_us);
	if (r == 0 && (f->interval_us < INTERVAL_MIN_US || f->interval_us > INTERVAL_MAX_US))
		r = nt_spec_refuse(s, path, "from 10s to 7d");
	return r;
}

static int take_separator(const struct nt_spec *s, struct nt_feed_spec *f)
{
	static const char path[] = "spec.separator";
	struct nt_slice text = { 0 };
	int r = nt_spec_text(s, path, FIELD_LEN_MAX, &text);

	if (r < 0 || !nt_spec_member(s, path))
		return r;
	if (f->form.format != NT_FEED_CSV)
		return nt_spec_refuse(s, path, "is for format: csv");
	if (text.len != 1 || !text.p[0] || !strchr(",;|\t", text.p[0]))
		return nt_spec_refuse(s, path, "one of , ; | and a tab");
	f->form.separator = text.p[0];
	return 0;
}

static int take_form(const struct nt_spec *s, struct nt_feed_spec *f)
{
	static const char path[] = "spec.field";
	int format = NT_FEED_LINES, r = 0;

	if (nt_spec_member(s, "spec.format"))
		r = nt_spec_word(s, "spec.format", formats, &format);
	f->form.format = (enum nt_feed_format)format;
	if (r == 0)
		r = nt_spec_text(s, path, FIELD_LEN_MAX, &f->form.field);
	if (r == 0 && f->form.field.len && format == NT_FEED_LINES)
		r = nt_spec_refuse(s, path,
				   "is for format: csv (a column's name, or its number from 1) or "
				   "json (a member's name)");
	if (r == 0 && format == NT_FEED_CSV && nt_slice_eq(f->form.field, NT_SLICE_LIT("0")))
		r = nt_spec_refuse(s, path, "columns are counted from 1");
	return r == 0 ? take_separator(s, f) : r;
}

static int take_entries_max(const struct nt_spec *s, struct nt_feed_spec *f)
{
	static const char path[] = "spec.maxEntries";
	const json_t *v = nt_spec_member(s, path);
	json_int_t n = json_integer_value(v);

	f->entries_max = ENTRIES_DEFAULT;
	if (!v)
		return 0;
	if (!json_is_integer(v) || n < 1 || n > ENTRIES_MAX)
		return nt_spec_refuse(s, path, "a whole number from 1 to %d is wanted",
				      ENTRIES_MAX);
	f->entries_max = (size_t)n;
	return 0;
}

static int take_match(const struct nt_spec *s, struct nt_feed_spec *f)
{
	int match = NT_FEED_BELOW, r = 0;

	if (nt_spec_member(s, "spec.match"))
		r = nt_spec_word(s, "spec.match", matches, &match);
	f->scope = (enum nt_feed_scope)match;
	return r;
}

/* --- the whole -------------------------------------------------------------------------------- */

/* Whatever changes what the same octets mean, or where they come from. */
static int take_origin(const struct nt_spec *s, struct nt_feed_spec *f)
{
	_cleanup_buf_ struct nt_buf text = { 0 };

	nt_buf_printf(&text, "%s %.*s %.*s %s %c %.*s", nt_feed_source_name(f),
		      NT_SLICE_ARG(f->where), NT_SLICE_ARG(f->key), nt_feed_format_name(f),
		      f->form.separator ?: ',', NT_SLICE_ARG(f->form.field));
	if (!nt_buf_ok(&text))
		return nt_spec_no_memory(s);
	return nt_spec_copy(s, nt_slice_mem(text.p, text.len), &f->origin);
}

static int take_spec(const struct nt_spec *s, struct nt_feed_spec *f)
{
	static const char *const known[] = { "source",	   "interval",	  "format",
					     "field",	   "separator",	  "match",
					     "maxEntries", "description", NULL };
	static int (*const parts[])(const struct nt_spec *, struct nt_feed_spec *) = {
		take_source, take_interval, take_form, take_match, take_entries_max, take_origin,
	};
	struct nt_slice description = { 0 };
	int r;

	if (!json_is_object(s->json))
		return nt_spec_refuse(s, "spec", "missing: a mapping is wanted");
	r = nt_spec_known(s, s->json, "spec", known);
	for (size_t i = 0; i < NT_ARRAY_LEN(parts) && r == 0; i++)
		r = parts[i](s, f);
	return r == 0 ? nt_spec_text(s, "spec.description", URL_LEN_MAX, &description) : r;
}

int nt_feed_spec_parse(const struct nt_object *object, struct nt_feed_spec **ret_spec,
		       struct nt_object_problem *ret_problem)
{
	_cleanup_(nt_feed_spec_freep) struct nt_feed_spec *f = calloc(1, sizeof(*f));
	struct nt_spec s = { .json = json_object_get(object->json, "spec"),
			     .arena = f ? &f->arena : NULL,
			     .problem = ret_problem };
	int r;

	if (!f)
		return nt_spec_no_memory(&s);
	f->arena = NT_ARENA(ARENA_MAX);
	if (!nt_kube_is_subdomain(object->name))
		return nt_spec_refuse(&s, "metadata.name",
				      "lower case letters, digits, - and . are wanted");
	r = take_spec(&s, f);
	if (r == 0)
		*ret_spec = NT_TAKE_PTR(f);
	return r;
}

void nt_feed_spec_free(struct nt_feed_spec *f)
{
	if (!f)
		return;
	nt_arena_done(&f->arena);
	free(f);
}
