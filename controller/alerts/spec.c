/* SPDX-License-Identifier: Apache-2.0 */
/* Values of a spec, and in which words they are refused. */
#include "controller/alerts/spec.h"

#include <jansson.h>
#include <stdio.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/nearest.h"
#include "lib/base/parse.h"

#define DURATION_MAX_US (30 * 86400 * 1000000LL) /* longer than rows are kept */

json_t *nt_spec_member(const struct nt_spec *s, const char *path)
{
	const json_t *v = s->json;

	do {
		size_t len;

		path += strcspn(path, ".") + 1;
		len = strcspn(path, ".");
		v = json_object_getn(v, path, len);
		path += len;
	} while (*path);
	return json_is_null(v) ? NULL : (json_t *)(uintptr_t)v;
}

int nt_spec_known(const struct nt_spec *s, const json_t *mapping, const char *path,
		  const char *const *known)
{
	const char *unknown = nt_fields_unknown(mapping, known), *near;
	char whole[128];

	if (!unknown)
		return 0;
	snprintf(whole, sizeof(whole), "%s.%s", path, unknown);
	near = nt_nearest_in(nt_slice_str(unknown), known);
	return nt_spec_refuse(s, whole, "no such field%s%s%s", near ? "; did you mean " : "",
			      near ? near : "", near ? "?" : "");
}

int nt_spec_copy(const struct nt_spec *s, struct nt_slice text, struct nt_slice *ret)
{
	*ret = nt_arena_copy(s->arena, text);
	return ret->p ? 0 : nt_spec_no_memory(s);
}

static int take_text(const struct nt_spec *s, const json_t *v, const char *path, size_t len_max,
		     struct nt_slice *ret)
{
	if (!json_is_string(v))
		return nt_spec_refuse(s, path, "must be a text: put it in quotes");
	if (json_string_length(v) > len_max)
		return nt_spec_refuse(s, path, "longer than %zu octets", len_max);
	return nt_spec_copy(s, nt_slice_mem(json_string_value(v), json_string_length(v)), ret);
}

int nt_spec_text(const struct nt_spec *s, const char *path, size_t len_max, struct nt_slice *ret)
{
	json_t *v = nt_spec_member(s, path);

	return v ? take_text(s, v, path, len_max, ret) : 0;
}

int nt_spec_word(const struct nt_spec *s, const char *path, const char *const *words,
		 int *ret_index)
{
	const char *text = json_string_value(nt_spec_member(s, path)), *near;
	_cleanup_buf_ struct nt_buf all = { 0 };

	for (int i = 0; text && text[0] && words[i]; i++) {
		if (strcmp(words[i], text) == 0) {
			*ret_index = i;
			return 0;
		}
	}
	for (; *words && !**words; words++)
		; /* the word for none */
	for (int i = 0; words[i]; i++)
		nt_buf_printf(&all, "%s%s", i ? ", " : "", words[i]);
	near = text ? nt_nearest_in(nt_slice_str(text), words) : NULL;
	return nt_spec_refuse(s, path, "one of %s%s%s%s", nt_buf_str(&all),
			      near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

int nt_spec_bool(const struct nt_spec *s, const char *path, bool *ret)
{
	json_t *v = nt_spec_member(s, path);

	if (!v)
		return 0;
	if (!json_is_boolean(v))
		return nt_spec_refuse(s, path, "must be true or false, without quotes");
	*ret = json_is_true(v);
	return 0;
}

static bool parse_duration(struct nt_slice text, int64_t *ret_us)
{
	int64_t sum_ns = 0, ns;
	size_t from = 0;

	for (size_t i = 0; i < text.len; i++) {
		bool unit = text.p[i] >= 'a' && text.p[i] <= 'z';
		bool next = i + 1 < text.len && text.p[i + 1] >= 'a' && text.p[i + 1] <= 'z';

		if (!unit || next)
			continue;
		if (nt_parse_duration_ns(nt_slice_mem(text.p + from, i + 1 - from), &ns) < 0 ||
		    ns > DURATION_MAX_US * NT_NS_PER_US)
			return false;
		sum_ns += ns;
		if (sum_ns > DURATION_MAX_US * NT_NS_PER_US)
			return false;
		from = i + 1;
	}
	*ret_us = sum_ns / NT_NS_PER_US;
	return from && from == text.len && sum_ns % NT_NS_PER_S == 0;
}

int nt_spec_duration(const struct nt_spec *s, const char *path, int64_t *ret_us)
{
	json_t *v = nt_spec_member(s, path);

	return v ? nt_spec_duration_of(s, v, path, ret_us) : 0;
}

int nt_spec_duration_of(const struct nt_spec *s, const json_t *v, const char *path, int64_t *ret_us)
{
	int64_t us;

	if (!json_is_string(v) ||
	    !parse_duration(nt_slice_mem(json_string_value(v), json_string_length(v)), &us))
		return nt_spec_refuse(s, path,
				      "a duration in whole seconds, such as 30s, 5m or 1h30m");
	if (us < NT_NS_PER_S / NT_NS_PER_US || us > DURATION_MAX_US)
		return nt_spec_refuse(s, path, "from 1s to 30d");
	*ret_us = us;
	return 0;
}

int nt_spec_texts(const struct nt_spec *s, const json_t *list, const char *path, size_t values_max,
		  size_t len_max, struct nt_slice **ret_values, size_t *ret_len)
{
	size_t len = json_array_size(list);
	struct nt_slice *values;

	if (!json_is_array(list))
		return nt_spec_refuse(s, path, "must be a list of texts, such as [a, b]");
	if (len > values_max)
		return nt_spec_refuse(s, path, "at most %zu", values_max);
	values = nt_arena_zalloc(s->arena, (len + 1) * sizeof(*values));
	if (!values)
		return nt_spec_no_memory(s);
	for (size_t i = 0; i < len; i++) {
		char whole[128];
		int r;

		snprintf(whole, sizeof(whole), "%s[%zu]", path, i);
		r = take_text(s, json_array_get(list, i), whole, len_max, &values[i]);
		if (r < 0)
			return r;
		if (!values[i].len)
			return nt_spec_refuse(s, whole, "must not be empty");
	}
	*ret_values = values;
	*ret_len = len;
	return 0;
}
