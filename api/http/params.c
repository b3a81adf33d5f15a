/* SPDX-License-Identifier: Apache-2.0 */
/* The parameters of a request, checked. */
#include "api/http/params.h"

#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/base/parse.h"

const struct nt_slice *nt_params_find(const struct nt_params *p, const char *name)
{
	for (size_t i = 0; i < p->len; i++)
		if (nt_slice_eq(p->items[i].name, nt_slice_str(name)))
			return &p->items[i].value;
	return NULL;
}

static bool is_word_of(struct nt_slice word, const char *list)
{
	while (*list) {
		size_t len = strcspn(list, " ");

		if (nt_slice_eq(word, nt_slice_mem(list, len)))
			return true;
		list += len;
		list += strspn(list, " ");
	}
	return false;
}

/* At most this much of a name is said back. */
enum { NAME_SHOWN = 64 };

int nt_params_check(const struct nt_params *p, const char *allowed, struct nt_err *err)
{
	for (size_t i = 0; i < p->len; i++) {
		struct nt_slice name = p->items[i].name;
		int shown = name.len < NAME_SHOWN ? (int)name.len : NAME_SHOWN;

		if (!is_word_of(name, allowed))
			return nt_err_set(err, EINVAL, "no such parameter: %.*s (there %s%s)",
					  shown, name.p, allowed[0] ? "are: " : "are none",
					  allowed);
		for (size_t k = 0; k < i; k++)
			if (nt_slice_eq(name, p->items[k].name))
				return nt_err_set(err, EINVAL, "%.*s: given twice", shown, name.p);
	}
	return 0;
}

int nt_params_u32(const struct nt_params *p, const char *name, uint32_t max, uint32_t fallback,
		  uint32_t *ret_value, struct nt_err *err)
{
	const struct nt_slice *text = nt_params_find(p, name);
	uint64_t v = fallback;

	if (text && (nt_parse_u64(*text, max, &v) < 0 || v == 0))
		return nt_err_set(err, EINVAL, "%s: a whole number from 1 to %u is wanted", name,
				  max);
	*ret_value = (uint32_t)v;
	return 0;
}

int nt_params_word(const struct nt_params *p, const char *name, const char *const *words,
		   int fallback, int *ret_index, struct nt_err *err)
{
	const struct nt_slice *text = nt_params_find(p, name);
	_cleanup_buf_ struct nt_buf all = { 0 };

	if (!text) {
		*ret_index = fallback;
		return 0;
	}
	for (int i = 0; words[i]; i++) {
		if (nt_slice_eq(*text, nt_slice_str(words[i]))) {
			*ret_index = i;
			return 0;
		}
		nt_buf_printf(&all, "%s%s", i ? ", " : "", words[i]);
	}
	return nt_err_set(err, EINVAL, "%s: one of %s is wanted", name, nt_buf_str(&all));
}

int nt_params_id(const struct nt_params *p, int64_t *ret_id, struct nt_err *err)
{
	const struct nt_slice *text = nt_params_find(p, "id");
	uint64_t id = 0;

	if (!text || nt_parse_u64(*text, INT64_MAX, &id) < 0 || id == 0)
		return nt_err_set(err, EINVAL,
				  "id: a number is wanted, as the listing has it under id");
	*ret_id = (int64_t)id;
	return 0;
}

int nt_time_param_parse(struct nt_slice text, int64_t now_us, int64_t *ret_us)
{
	static const struct nt_slice now = { "now", 3 };
	struct nt_slice rest;
	int64_t ns;
	int r;

	if (text.len < now.len || !nt_slice_eq(nt_slice_mem(text.p, now.len), now))
		return nt_parse_time_us(text, ret_us);
	if (text.len == now.len) {
		*ret_us = now_us;
		return 0;
	}
	rest = nt_slice_mem(text.p + now.len + 1, text.len - now.len - 1);
	if (text.p[now.len] != '-' && text.p[now.len] != '+')
		return -EINVAL;
	r = nt_parse_duration_ns(rest, &ns);
	if (r < 0)
		return r;
	*ret_us = text.p[now.len] == '-' ? now_us - ns / 1000 : now_us + ns / 1000;
	return 0;
}

static int parse_time(const struct nt_params *p, const char *name, struct nt_slice fallback,
		      int64_t now_us, int64_t *ret_us, struct nt_err *err)
{
	const struct nt_slice *text = nt_params_find(p, name);

	if (nt_time_param_parse(text ? *text : fallback, now_us, ret_us) < 0)
		return nt_err_set(err, EINVAL,
				  "%s: a time is wanted, as 2026-11-23T06:12:04Z, now or now-15m",
				  name);
	return 0;
}

/* The feeds are taken where a ${name} may ask for one. */
static int take_feeds(const struct nt_params *p, struct nt_slice text, struct nt_figures *f,
		      struct nt_err *err)
{
	if (!p->feeds || !memmem(text.p, text.len, "${", 2))
		return 0;
	f->feeds = nt_feeds_take_all(p->feeds);
	return f->feeds ? 0 : nt_err_set(err, ENOMEM, "no memory for a query");
}

static int parse_one(struct nt_slice text, const struct nt_figures *f, struct nt_query **ret_query,
		     struct nt_query_error *query_error)
{
	return nt_query_parse_with(text, f->feeds ? f->feeds->subs : NULL,
				   f->feeds ? f->feeds->len : 0, ret_query, query_error);
}

static int parse_query(const struct nt_params *p, struct nt_figures *f,
		       struct nt_query_error *query_error, struct nt_err *err)
{
	const struct nt_slice *text = nt_params_find(p, "q");

	if (!text || !text->len)
		return 0;
	if (text->len > NT_QUERY_TEXT_MAX)
		return nt_err_set(err, EINVAL, "q: longer than %d octets", NT_QUERY_TEXT_MAX);
	if (take_feeds(p, *text, f, err) < 0)
		return -err->code;
	if (parse_one(*text, f, &f->query, query_error) < 0 ||
	    parse_one(*text, f, &f->lost_query, query_error) < 0)
		return nt_err_set(err, EINVAL, "q: %s", query_error->msg);
	nt_query_weaken_to_unlogged(f->lost_query);
	return 0;
}

/* A filter that says which side it means is not cut by the default. Alert rules do the same, so
 * that an event's query gives the event's rows. */
static bool is_overridden(const struct nt_params *p, const struct nt_figures *f, const char *field)
{
	return f->query && !nt_params_find(p, field) && nt_query_mentions(f->query, field);
}

int nt_figures_parse(const struct nt_params *p, int64_t now_us, struct nt_figures *ret_figures,
		     struct nt_query_error *query_error, struct nt_err *err)
{
	static const char *const sides[] = { "client", "server", "any", NULL };
	static const char *const roles[] = { "workload", "resolver", "any", NULL };
	_cleanup_figures_ struct nt_figures f = { 0 };
	int r;

	query_error->msg[0] = '\0';
	r = parse_time(p, "from", NT_SLICE_LIT("now-1h"), now_us, &f.range.from_us, err);
	if (r == 0)
		r = parse_time(p, "to", NT_SLICE_LIT("now"), now_us, &f.range.to_us, err);
	if (r == 0 && f.range.from_us >= f.range.to_us)
		r = nt_err_set(err, EINVAL, "from: must be before to");
	if (r == 0)
		r = nt_params_word(p, "side", sides, NT_SIDE_CLIENT, &f.range.side, err);
	if (r == 0)
		r = nt_params_word(p, "role", roles, NT_ROLE_WORKLOAD, &f.range.role, err);
	if (r == 0)
		r = parse_query(p, &f, query_error, err);
	if (r < 0)
		return r;
	/* The third word is "any". */
	if (f.range.side > NT_SIDE_SERVER || is_overridden(p, &f, "side"))
		f.range.side = -1;
	if (f.range.role > NT_ROLE_RESOLVER || is_overridden(p, &f, "role"))
		f.range.role = -1;
	f.range.filter = f.query;
	f.lost = f.range;
	f.lost.filter = f.lost_query;
	f.lost.unlogged = true;
	f.lost.side = -1;
	*ret_figures = f;
	f.query = f.lost_query = NULL;
	f.feeds = NULL;
	return 0;
}

void nt_figures_done(struct nt_figures *f)
{
	nt_query_free(f->query);
	nt_query_free(f->lost_query);
	f->query = f->lost_query = NULL;
	nt_feeds_taken_free(f->feeds);
	f->feeds = NULL;
}

static int add_by(struct nt_slice name, size_t max, struct nt_by *by, struct nt_err *err)
{
	const struct nt_query_field *field = nt_query_field_find(name);
	int shown = name.len < NAME_SHOWN ? (int)name.len : NAME_SHOWN;

	if (!field || !field->groupable || name.len >= sizeof(by->names[0]))
		return nt_err_set(err, EINVAL,
				  "by: %.*s is not a field to group by (/api/v1/fields has them)",
				  shown, name.p);
	if (by->len == max)
		return nt_err_set(err, EINVAL, "by: at most %zu field%s", max, max == 1 ? "" : "s");
	/* The schema's spelling: the answer's keys do not depend on how it was asked. */
	snprintf(by->names[by->len], sizeof(by->names[0]), "%s", field->name);
	for (size_t i = 0; i < by->len; i++)
		if (strcmp(by->names[i], by->names[by->len]) == 0)
			return nt_err_set(err, EINVAL, "by: %s is there twice", by->names[i]);
	by->len++;
	return 0;
}

int nt_by_parse(struct nt_slice text, size_t max, struct nt_by *ret_by, struct nt_err *err)
{
	struct nt_by by = { 0 };
	size_t start = 0;

	for (size_t i = 0; i <= text.len; i++) {
		int r;

		if (i < text.len && text.p[i] != ',')
			continue;
		r = add_by(nt_slice_mem(text.p + start, i - start), max, &by, err);
		if (r < 0)
			return r;
		start = i + 1;
	}
	*ret_by = by;
	return 0;
}

int64_t nt_bucket_us(int64_t length_us, uint32_t wanted)
{
	static const int64_t widths_s[] = { 1,	 2,   5,   10,	 15,   30,    60,    120,
					    300, 600, 900, 1800, 3600, 10800, 21600, 43200 };

	for (size_t i = 0; i < NT_ARRAY_LEN(widths_s); i++) {
		int64_t width_us = widths_s[i] * 1000000;

		if ((length_us + width_us - 1) / width_us <= (int64_t)wanted)
			return width_us;
	}
	return 86400 * 1000000LL;
}
