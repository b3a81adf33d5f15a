/* SPDX-License-Identifier: Apache-2.0 */
/* The text of a feed to entries: what the formats have in common. */
#include "lib/feed/list.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/escape.h"
#include "lib/feed/inside.h"

#define BYTE_ORDER_MARK NT_SLICE_LIT("\xef\xbb\xbf")

static const char *const fault_names[NT_FEED_FAULTS] = {
	[NT_FEED_FAULT_NAME] = "name",
	[NT_FEED_FAULT_FIELD] = "field",
	[NT_FEED_FAULT_SYNTAX] = "syntax",
	[NT_FEED_FAULT_LENGTH] = "length",
};

const char *nt_feed_fault_name(enum nt_feed_fault fault)
{
	return fault_names[fault];
}

int nt_feed_list_new(const struct nt_feed_form *form, struct nt_feed_builder *builder,
		     struct nt_feed_list **ret_list, struct nt_err *err)
{
	_cleanup_(nt_feed_list_freep) struct nt_feed_list *l = calloc(1, sizeof(*l));

	if (!l)
		return nt_err_set(err, ENOMEM, "no memory for a domain list");
	l->form = *form;
	l->builder = builder;
	l->line = 1;
	l->text.max_len = NT_FEED_TEXT_MAX;
	/* All at once: from then on a text that finds no room is too long. */
	if (!nt_buf_reserve(&l->text, NT_FEED_TEXT_MAX))
		return nt_err_set(err, ENOMEM, "no memory for a domain list");
	if (form->format == NT_FEED_CSV && nt_feed_csv_init(l, err) < 0)
		return -err->code;
	*ret_list = NT_TAKE_PTR(l);
	return 0;
}

void nt_feed_refuse(struct nt_feed_list *l, size_t line, enum nt_feed_fault fault, const char *fmt,
		    ...)
{
	struct nt_feed_report *r = &l->report;
	struct nt_feed_refusal *kept;
	va_list ap;

	r->refused[fault]++;
	if (r->first_len == NT_FEED_REFUSALS_KEPT)
		return;
	kept = &r->first[r->first_len++];
	kept->line = line;
	kept->fault = fault;
	va_start(ap, fmt);
	vsnprintf(kept->msg, sizeof(kept->msg), fmt, ap);
	va_end(ap);
	nt_escape_ascii(kept->msg);
}

static bool has_one_label(const struct nt_name *name)
{
	return name->len == name->wire[0] + 2u;
}

int nt_feed_take(struct nt_feed_list *l, size_t line, struct nt_slice text, struct nt_err *err)
{
	char msg[NT_PATTERN_MSG_MAX];
	struct nt_pattern entry;

	if (nt_slice_eq(text, NT_SLICE_LIT("*")) || nt_slice_eq(text, NT_SLICE_LIT("*."))) {
		nt_feed_refuse(l, line, NT_FEED_FAULT_NAME, "\"%.*s\" would be every name",
			       NT_SLICE_ARG(text));
		return 0;
	}
	if (nt_pattern_parse(text, &entry, msg) < 0) {
		nt_feed_refuse(l, line, NT_FEED_FAULT_NAME, "%s", msg);
		return 0;
	}
	if (has_one_label(&entry.name) && !entry.wildcard) {
		nt_feed_refuse(
			l, line, NT_FEED_FAULT_NAME,
			"\"%.*s\" would be a whole top-level domain: write *.%.*s when it is "
			"meant",
			NT_SLICE_ARG(text), NT_SLICE_ARG(text));
		return 0;
	}
	l->report.taken++;
	return nt_feed_builder_add(l->builder, &entry, err);
}

static int push(struct nt_feed_list *l, struct nt_slice s, struct nt_err *err)
{
	l->report.octets += s.len;
	switch (l->form.format) {
	case NT_FEED_CSV:
		return nt_feed_csv_push(l, s, err);
	case NT_FEED_JSON:
		return nt_feed_json_push(l, s, err);
	default:
		return nt_feed_lines_push(l, s, err);
	}
}

/* An editor's mark before the first octet is not of the list. It may come in pieces. */
static int push_start(struct nt_feed_list *l, struct nt_slice *s, struct nt_err *err)
{
	const struct nt_slice mark = BYTE_ORDER_MARK;

	while (!l->begun && s->len) {
		if (s->p[0] != mark.p[l->mark_len]) {
			l->begun = true;
			return push(l, nt_slice_mem(mark.p, l->mark_len), err);
		}
		*s = nt_slice_mem(s->p + 1, s->len - 1);
		l->begun = ++l->mark_len == mark.len;
	}
	return 0;
}

int nt_feed_list_push(struct nt_feed_list *l, struct nt_slice octets, struct nt_err *err)
{
	int r = push_start(l, &octets, err);

	return r < 0 || !octets.len ? r : push(l, octets, err);
}

static size_t refusals(const struct nt_feed_report *r)
{
	size_t sum = 0;

	for (int i = 0; i < NT_FEED_FAULTS; i++)
		sum += r->refused[i];
	return sum;
}

static int end(struct nt_feed_list *l, struct nt_err *err)
{
	switch (l->form.format) {
	case NT_FEED_CSV:
		return nt_feed_csv_end(l, err);
	case NT_FEED_JSON:
		return nt_feed_json_end(l, err);
	default:
		return nt_feed_lines_end(l, err);
	}
}

int nt_feed_list_end(struct nt_feed_list *l, struct nt_err *err)
{
	const struct nt_feed_report *report = &l->report;
	int r = l->begun ? 0 : push(l, nt_slice_mem(BYTE_ORDER_MARK.p, l->mark_len), err);

	if (r == 0)
		r = end(l, err);
	if (r < 0)
		return r;
	if (!report->taken && refusals(report))
		return nt_err_set(err, EINVAL,
				  "nothing but what is refused, %zu times: is it the right format? "
				  "line %zu: %s",
				  refusals(report), report->first[0].line, report->first[0].msg);
	return 0;
}

const struct nt_feed_report *nt_feed_list_report(const struct nt_feed_list *l)
{
	return &l->report;
}

void nt_feed_list_free(struct nt_feed_list *l)
{
	if (!l)
		return;
	if (l->form.format == NT_FEED_CSV)
		nt_buf_done(&l->csv.name);
	nt_buf_done(&l->text);
	free(l);
}

int nt_feed_parse(const struct nt_feed_form *form, struct nt_feed_limits limits,
		  struct nt_slice text, struct nt_feed_set **ret_set,
		  struct nt_feed_report *ret_report, struct nt_err *err)
{
	_cleanup_(nt_feed_builder_freep) struct nt_feed_builder *builder = NULL;
	_cleanup_(nt_feed_list_freep) struct nt_feed_list *l = NULL;
	int r = nt_feed_builder_new(limits, &builder, err);

	if (r == 0)
		r = nt_feed_list_new(form, builder, &l, err);
	if (r == 0)
		r = nt_feed_list_push(l, text, err);
	if (r == 0)
		r = nt_feed_list_end(l, err);
	if (ret_report)
		*ret_report = l ? l->report : (struct nt_feed_report){ 0 };
	return r < 0 ? r : nt_feed_builder_finish(builder, ret_set, err);
}
