/* SPDX-License-Identifier: Apache-2.0 */
/* A record as cells of a table. */
#include "api/cli/row.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/cli/text.h"
#include "lib/base/cleanup.h"

static void put(struct nt_table *t, struct nt_buf *text)
{
	nt_table_cell(t, nt_slice_mem(text->p, text->len));
	nt_buf_reset(text);
}

static bool is(struct nt_slice s, const char *text)
{
	return nt_slice_eq(s, nt_slice_str(text));
}

/* With milliseconds: what a person compares. */
static void put_time(struct nt_table *t, const json_t *record)
{
	struct nt_slice s = nt_text_at(record, "start_time");
	char text[32];

	/* 2026-11-23T06:12:04.118021Z */
	if (s.len == 27 && s.p[26] == 'Z')
		snprintf(text, sizeof(text), "%.23sZ", s.p);
	else
		snprintf(text, sizeof(text), "%.*s", s.len < 31 ? (int)s.len : 31,
			 s.len ? s.p : "");
	nt_table_painted(t, NT_PAINT_DIM, nt_slice_str(text));
}

void nt_row_client(struct nt_buf *out, const json_t *record)
{
	struct nt_slice ns = nt_text_at(record, "client_namespace");
	struct nt_slice name = nt_text_at(record, "client_name");

	if (!name.len || is(name, "-")) {
		nt_buf_puts(out, "node ");
		nt_buf_slice(out, nt_text_at(record, "node"));
		return;
	}
	nt_buf_slice(out, ns);
	nt_buf_puts(out, ns.len ? "/" : "");
	nt_buf_slice(out, name);
}

static void put_client(struct nt_table *t, const json_t *record)
{
	_cleanup_buf_ struct nt_buf text = { 0 };

	nt_row_client(&text, record);
	put(t, &text);
}

static void put_question(struct nt_table *t, const json_t *record)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_slice class_ = nt_text_at(record, "qclass");

	if (class_.len && !is(class_, "IN")) {
		nt_buf_slice(&text, class_);
		nt_buf_putc(&text, '/');
	}
	nt_buf_slice(&text, nt_text_at(record, "qtype"));
	nt_buf_puts(&text, text.len ? " " : "");
	nt_buf_slice(&text, nt_text_at(record, "qname"));
	put(t, &text);
}

/* What came of it, in one word. A policy's answer is none of DNS. */
static struct nt_slice outcome(const json_t *record, enum nt_paint *ret_paint)
{
	struct nt_slice verdict = nt_text_at(record, "verdict");
	struct nt_slice rcode = nt_text_at(record, "rcode");

	*ret_paint = NT_PAINT_WARN;
	if (is(verdict, "deny"))
		return NT_SLICE_LIT("denied");
	if (is(verdict, "unjudgeable"))
		return NT_SLICE_LIT("unjudgeable");
	*ret_paint = NT_PAINT_BAD;
	if (!rcode.len)
		return NT_SLICE_LIT("no answer");
	*ret_paint = is(rcode, "NXDOMAIN")  ? NT_PAINT_WARN
		     : is(rcode, "NOERROR") ? NT_PAINT_NONE
					    : NT_PAINT_BAD;
	if (is(rcode, "NOERROR") && !json_array_size(json_object_get(record, "rrsets")) &&
	    !nt_number_at(record, "truncated") && !nt_number_at(record, "folded"))
		return NT_SLICE_LIT("NODATA");
	return rcode;
}

static void put_outcome(struct nt_table *t, const json_t *record)
{
	struct nt_slice died = nt_text_at(record, "died");
	_cleanup_buf_ struct nt_buf text = { 0 };
	enum nt_paint paint;

	nt_buf_slice(&text, outcome(record, &paint));
	if (json_is_true(json_object_get(record, "late")))
		nt_buf_puts(&text, " late");
	if (died.len && !is(died, "unknown"))
		nt_buf_printf(&text, " (%.*s)", NT_SLICE_ARG(died));
	nt_table_painted(t, paint, nt_slice_mem(text.p, text.len));
}

static void put_ns(struct nt_table *t, const json_t *record, const char *key)
{
	_cleanup_buf_ struct nt_buf text = { 0 };

	if (json_is_number(json_object_get(record, key)))
		nt_text_ns(&text, nt_number_at(record, key));
	put(t, &text);
}

/* One is not worth a word. */
static void put_count(struct nt_table *t, const json_t *record, const char *key, int64_t silent)
{
	int64_t n = nt_number_at(record, key);

	if (n == silent)
		nt_table_cell(t, NT_SLICE_LIT(""));
	else
		nt_table_number(t, n);
}

/* The first of the answer's data; how many there are besides. */
static void put_answer(struct nt_table *t, const json_t *record)
{
	const json_t *rrsets = json_object_get(record, "rrsets"), *set, *first = NULL;
	_cleanup_buf_ struct nt_buf text = { 0 };
	size_t i, n = 0;

	json_array_foreach((json_t *)(uintptr_t)rrsets, i, set)
	{
		const json_t *data = json_object_get(set, "rdata");

		if (!first || is(nt_text_at(set, "type"),
				 json_string_value(json_object_get(record, "qtype")) ?: ""))
			first = json_array_get(data, 0) ?: first;
		n += json_array_size(data);
	}
	nt_buf_add(&text, json_string_value(first) ?: "", json_string_length(first));
	if (n > 1)
		nt_buf_printf(&text, " +%zu", n - 1);
	if (nt_number_at(record, "folded"))
		nt_buf_printf(&text, "(about %" PRId64 " names)", nt_number_at(record, "distinct"));
	put(t, &text);
}

/* The Service that was asked, else the pod, else the address. */
static void put_server(struct nt_table *t, const json_t *record)
{
	const json_t *server = json_array_get(json_object_get(record, "servers"), 0);
	struct nt_slice service = nt_text_at(server, "service"), name = nt_text_at(server, "name");
	_cleanup_buf_ struct nt_buf text = { 0 };

	if (service.len) {
		nt_buf_slice(&text, service);
	} else if (name.len && !is(name, "-")) {
		nt_buf_slice(&text, nt_text_at(server, "namespace"));
		nt_buf_putc(&text, '/');
		nt_buf_slice(&text, name);
	} else {
		nt_buf_slice(&text, nt_text_at(server, "ip"));
	}
	put(t, &text);
}

static void put_workload(struct nt_table *t, const json_t *record)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_slice kind = nt_text_at(record, "client_workload_kind");

	nt_buf_slice(&text, kind);
	nt_buf_puts(&text, kind.len ? "/" : "");
	nt_buf_slice(&text, nt_text_at(record, "client_workload_name"));
	put(t, &text);
}

static void put_text(struct nt_table *t, const json_t *record, const char *key)
{
	nt_table_cell(t, nt_text_at(record, key));
}

static void put_row(struct nt_table *t, const json_t *record)
{
	put_time(t, record);
	put_client(t, record);
	put_question(t, record);
	put_outcome(t, record);
	put_ns(t, record, "latency_mean");
	put_count(t, record, "count", 1);
	put_answer(t, record);
}

static void put_wide(struct nt_table *t, const json_t *record)
{
	put_time(t, record);
	put_text(t, record, "node");
	put_client(t, record);
	put_workload(t, record);
	put_server(t, record);
	put_text(t, record, "transport");
	put_question(t, record);
	put_text(t, record, "scope");
	put_outcome(t, record);
	put_text(t, record, "policy");
	put_ns(t, record, "latency_mean");
	put_ns(t, record, "hop_network_ns");
	put_ns(t, record, "hop_server_ns");
	put_ns(t, record, "hop_upstream_ns");
	put_count(t, record, "count", 1);
	put_count(t, record, "retries", 0);
	put_answer(t, record);
}

static void put_unlogged(struct nt_table *t, const json_t *record)
{
	put_time(t, record);
	put_text(t, record, "node");
	put_client(t, record);
	nt_table_number(t, nt_number_at(record, "count"));
	nt_table_painted(t, NT_PAINT_BAD, nt_text_at(record, "reason"));
	put_text(t, record, "error");
}

static const struct nt_column table_columns[] = {
	{ "TIME", false },   { "POD", false }, { "QUERY", false },  { "RESULT", false },
	{ "LATENCY", true }, { "N", true },    { "ANSWER", false },
};

static const struct nt_column wide_columns[] = {
	{ "TIME", false },     { "NODE", false },      { "POD", false },    { "WORKLOAD", false },
	{ "SERVER", false },   { "TRANSPORT", false }, { "QUERY", false },  { "SCOPE", false },
	{ "RESULT", false },   { "POLICY", false },    { "LATENCY", true }, { "NETWORK", true },
	{ "IN-SERVER", true }, { "UPSTREAM", true },   { "N", true },	    { "RETRIES", true },
	{ "ANSWER", false },
};

static const struct nt_column unlogged_columns[] = {
	{ "TIME", false },   { "NODE", false },	  { "POD", false },
	{ "PACKETS", true }, { "REASON", false }, { "ERROR", false },
};

const struct nt_row_form nt_row_table = { table_columns, NT_ARRAY_LEN(table_columns), put_row };
const struct nt_row_form nt_row_wide = { wide_columns, NT_ARRAY_LEN(wide_columns), put_wide };
const struct nt_row_form nt_row_unlogged = { unlogged_columns, NT_ARRAY_LEN(unlogged_columns),
					     put_unlogged };
