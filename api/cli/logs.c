/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `nametapctl logs`: rows oldest first, and then those that come. What follows goes by the numbers
 * of rows (order=arrival), so nothing is missed or doubled, whatever times the rows have and
 * whatever becomes of the controller meanwhile.
 */
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#include "api/cli/row.h"
#include "api/cli/text.h"
#include "api/cli/verbs.h"
#include "lib/base/cleanup.h"
#include "lib/base/parse.h"

/* Of rows that each have all the answers that a record may hold, this many fit an answer. */
#define PAGE_ROWS 250
#define TAIL_DEFAULT 100
#define POLL_S 1

static const struct nt_verb verb = {
	.bit = NT_VERB_LOGS,
	.outputs = 1 << NT_OUTPUT_TABLE | 1 << NT_OUTPUT_WIDE | 1 << NT_OUTPUT_JSON |
		   1 << NT_OUTPUT_NAME,
	.name = "logs",
	.arguments = "[-f] [FILTER]",
	.about = "Prints rows of the DNS log, oldest first. Without --since, --since-time or "
		 "--tail: the newest 100.\n"
		 "FILTER is the language of the dashboard and of alert rules, for example "
		 "'rcode = NXDOMAIN AND scope != search'.",
	.more = "Forms: json prints one record per line, name the name that was asked for.\n"
		"Exit code: 0; 1 when the log could not be read; 2 for mistakes, in the filter, "
		"too.\n\n"
		"  nametapctl logs -f -n shop\n"
		"  nametapctl logs --since 1h 'unanswered > 0'\n"
		"  nametapctl logs --since 10m -o name 'rcode = NXDOMAIN' | sort | uniq -c | sort "
		"-n\n",
};

struct logs {
	struct nt_ctl_options o;
	struct nt_connect connect;
	struct nt_filter filter;
	struct nt_ask_answer answer;
	struct nt_table table;
	const struct nt_row_form *form;
	struct nt_buf out;
	char from[64], to[64]; /* of the rows that are there */
	char cursor[24];
	int64_t position; /* rows up to this number are those that are there */
	bool started, away;
};

static void logs_done(struct logs *l)
{
	json_decref(l->answer.json);
	nt_table_done(&l->table);
	nt_buf_done(&l->out);
	nt_filter_done(&l->filter);
	nt_connect_close(&l->connect);
}

static int64_t number(struct nt_slice s)
{
	int64_t n;

	return nt_parse_i64(s, &n) == 0 ? n : 0;
}

/* --- one page --------------------------------------------------------------------------------- */

/* The rest of the page is printed. */
static void note_unreadable(const struct logs *l)
{
	const json_t *unreadable = json_object_get(l->answer.json, "unreadable");
	const json_t *first = json_array_get(unreadable, 0);
	struct nt_slice row = nt_text_at(first, "row"), reason = nt_text_at(first, "reason");

	if (first)
		nt_verb_note("%zu rows of the store cannot be read; row %.*s: %.*s",
			     json_array_size(unreadable), NT_SLICE_ARG(row), NT_SLICE_ARG(reason));
}

static int ask(struct logs *l, const char *order, uint64_t limit, struct nt_err *err)
{
	char text[24];
	const struct nt_ask_param params[] = {
		{ "q", l->filter.asked.len ? nt_buf_str(&l->filter.asked) : NULL },
		{ "from", l->from },
		{ "to", l->to },
		{ "side", l->o.side },
		{ "role", l->o.role },
		{ "type", l->o.unlogged ? "UNLOGGED" : NULL },
		{ "order", order },
		{ "limit", text },
		{ "cursor", l->cursor[0] ? l->cursor : NULL },
		{ 0 },
	};
	int r;

	snprintf(text, sizeof(text), "%" PRIu64, limit);
	json_decref(l->answer.json);
	r = nt_ask(&l->connect, "/api/v1/logs", params, &l->answer, err);
	if (r == 0)
		note_unreadable(l);
	return r;
}

static const json_t *rows_of(const struct logs *l)
{
	return json_object_get(l->answer.json, "rows");
}

/* The cursor of the next page; false at the end. */
static bool go_on(struct logs *l)
{
	struct nt_slice next = nt_text_at(l->answer.json, "next_cursor");

	snprintf(l->cursor, sizeof(l->cursor), "%.*s", NT_SLICE_ARG(next));
	return next.len > 0;
}

/* The number of the log's last row, which what follows goes by. */
static int read_position(const struct logs *l, int64_t *ret, struct nt_err *err)
{
	if (nt_parse_i64(nt_text_at(l->answer.json, "position"), ret) == 0)
		return 0;
	return nt_err_set(err, EPROTO,
			  "the controller is older than this program: it does not say the log's "
			  "position, which -f needs; use the nametapctl of its release");
}

/* The first answer says what "now" is, for all pages, and what follows later. */
static int keep_start(struct logs *l, struct nt_err *err)
{
	const json_t *range = json_object_get(l->answer.json, "range");

	if (l->started)
		return 0;
	if (l->o.follow && read_position(l, &l->position, err) < 0)
		return -EPROTO;
	l->started = true;
	snprintf(l->from, sizeof(l->from), "%.*s", NT_SLICE_ARG(nt_text_at(range, "from")));
	snprintf(l->to, sizeof(l->to), "%.*s", NT_SLICE_ARG(nt_text_at(range, "to")));
	return 0;
}

/* --- a row ------------------------------------------------------------------------------------ */

static void put_row(struct logs *l, const json_t *row)
{
	const json_t *record = json_object_get(row, "record");

	switch (l->o.output) {
	case NT_OUTPUT_JSON:
		nt_text_json(&l->out, record);
		nt_buf_putc(&l->out, '\n');
		break;
	case NT_OUTPUT_NAME:
		nt_text_put(&l->out, nt_text_at(record, "qname"));
		nt_buf_putc(&l->out, '\n');
		break;
	default:
		l->form->put(&l->table, record);
	}
}

static int write_rows(struct logs *l, struct nt_err *err)
{
	if (l->o.output == NT_OUTPUT_TABLE || l->o.output == NT_OUTPUT_WIDE)
		nt_table_flush(&l->table, &l->out);
	return nt_verb_write(&l->out, err);
}

/* --- what is there ---------------------------------------------------------------------------- */

/* Rows that came since the position was read are left to what follows. */
static bool is_there(const struct logs *l, const json_t *row)
{
	return !l->o.follow || number(nt_text_at(row, "row")) <= l->position;
}

/* Pages from the newest on, then printed the other way round. */
static int print_tail(struct logs *l, uint64_t tail, struct nt_err *err)
{
	json_auto_t *kept = json_array();
	int r = 0;

	do {
		uint64_t left = tail - json_array_size(kept);

		r = ask(l, "newest", left > PAGE_ROWS ? PAGE_ROWS : left ? left : 1, err);
		if (r == 0)
			r = keep_start(l, err);
		if (r < 0)
			return r;
		if (left && json_array_extend(kept, (json_t *)(uintptr_t)rows_of(l)) < 0)
			return nt_err_set(err, ENOMEM, "no memory for %" PRIu64 " rows", tail);
	} while (go_on(l) && json_array_size(kept) < tail);
	for (size_t i = json_array_size(kept); i-- > 0;)
		if (is_there(l, json_array_get(kept, i)))
			put_row(l, json_array_get(kept, i));
	return write_rows(l, err);
}

static int print_all(struct logs *l, struct nt_err *err)
{
	const json_t *row;
	size_t i;
	int r;

	do {
		r = ask(l, "oldest", PAGE_ROWS, err);
		if (r == 0)
			r = keep_start(l, err);
		if (r < 0)
			return r;
		json_array_foreach((json_t *)(uintptr_t)rows_of(l), i, row) if (is_there(l, row))
			put_row(l, row);
		r = write_rows(l, err);
	} while (r == 0 && go_on(l));
	return r;
}

/* A filter does not hide what was lost. */
static void print_loss(struct logs *l)
{
	const struct nt_ask_param params[] = {
		{ "q", l->filter.asked.len ? nt_buf_str(&l->filter.asked) : NULL },
		{ "from", l->from },
		{ "to", l->to },
		{ 0 },
	};
	struct nt_err err;

	json_decref(l->answer.json);
	if (nt_ask(&l->connect, "/api/v1/summary", params, &l->answer, &err) == 0)
		nt_verb_loss(json_object_get(l->answer.json, "loss"));
}

/* --- what comes ------------------------------------------------------------------------------- */

static int by_time(const void *a, const void *b)
{
	const json_t *const *left = a, *const *right = b;
	struct nt_slice l = nt_text_at(json_object_get(*left, "record"), "start_time");
	struct nt_slice r = nt_text_at(json_object_get(*right, "record"), "start_time");

	return l.len == r.len && l.len ? memcmp(l.p, r.p, l.len) : 0;
}

/* Rows of a page in the order of their times: batches of several nodes come in turns. */
static int put_page(struct logs *l, struct nt_err *err)
{
	size_t len = json_array_size(rows_of(l));
	_cleanup_free_ const json_t **rows = calloc(len + 1, sizeof(*rows));

	if (!rows)
		return nt_err_set(err, ENOMEM, "no memory for a page");
	for (size_t i = 0; i < len; i++)
		rows[i] = json_array_get(rows_of(l), i);
	qsort(rows, len, sizeof(*rows), by_time);
	for (size_t i = 0; i < len; i++)
		put_row(l, rows[i]);
	return write_rows(l, err);
}

/* 1: the store is another one than that whose numbers we have. */
static int is_new_log(struct logs *l, struct nt_err *err)
{
	int64_t position;
	int r = read_position(l, &position, err);

	if (r < 0 || position >= number(nt_slice_str(l->cursor)))
		return r;
	nt_verb_note("the controller's log was begun anew (is its volume there?); going on with "
		     "its first row");
	snprintf(l->cursor, sizeof(l->cursor), "0");
	return 1;
}

static void wait_for_controller(struct logs *l, const struct nt_err *why)
{
	const struct timespec pause = { .tv_sec = POLL_S };

	if (why && !l->away)
		nt_verb_note("%s; trying again", why->msg);
	l->away = why != NULL;
	(void)nanosleep(&pause, NULL);
}

static int follow(struct logs *l, struct nt_err *err)
{
	int r;

	/* Whatever their times are: a node that was away sends old rows, a fast clock new ones. */
	snprintf(l->from, sizeof(l->from), "1970-01-01T00:00:00Z");
	snprintf(l->to, sizeof(l->to), "now+3650d");
	snprintf(l->cursor, sizeof(l->cursor), "%" PRId64, l->position);
	for (;;) {
		r = ask(l, "arrival", PAGE_ROWS, err);
		if (r == -EAGAIN) {
			wait_for_controller(l, err);
			continue;
		}
		if (r < 0)
			return r;
		if (l->away)
			nt_verb_note("the controller answers again");
		l->away = false;
		r = is_new_log(l, err);
		if (r > 0)
			continue;
		if (r == 0)
			r = put_page(l, err);
		if (r < 0)
			return r;
		(void)go_on(l);
		if (json_array_size(rows_of(l)) < PAGE_ROWS)
			wait_for_controller(l, NULL);
	}
}

/* --- the verb --------------------------------------------------------------------------------- */

static int run(struct logs *l, struct nt_err *err)
{
	bool all = l->o.tail == NT_COUNT_ALL ||
		   (l->o.tail == NT_COUNT_DEFAULT && (l->o.since || l->o.from));
	int r;

	nt_since_param(&l->o, NULL, l->from, sizeof(l->from));
	if (!l->from[0])
		snprintf(l->from, sizeof(l->from), "1970-01-01T00:00:00Z");
	/* Rows of a node whose clock is ahead are rows, too. */
	snprintf(l->to, sizeof(l->to), "%s", l->o.to ? l->o.to : "now+24h");
	r = all ? print_all(l, err)
		: print_tail(l, l->o.tail == NT_COUNT_DEFAULT ? TAIL_DEFAULT : l->o.tail, err);
	if (r < 0)
		return r;
	if (l->o.follow)
		return follow(l, err);
	if (!l->o.unlogged && (l->o.since || l->o.from))
		print_loss(l);
	return 0;
}

int nt_logs_main(int argc, char **argv)
{
	_cleanup_(logs_done) struct logs l = { 0 };
	int code = nt_ctl_options_parse(&verb, argc, argv, &l.o), r;
	struct nt_err err = { 0 };

	if (code >= 0)
		return code;
	l.form = l.o.unlogged			? &nt_row_unlogged
		 : l.o.output == NT_OUTPUT_WIDE ? &nt_row_wide
						: &nt_row_table;
	nt_table_init(&l.table, l.form->columns, l.form->columns_len, l.o.colour);
	l.table.headless = l.o.no_headers;
	r = nt_filter_make(&l.o, 0, &l.filter, &err);
	if (r == 0)
		r = nt_connect_open(&l.o, &l.connect, &err);
	if (r == 0)
		r = run(&l, &err);
	return r < 0 ? nt_verb_failed(&verb, r, &l.answer, &l.filter, &err) : NT_EXIT_OK;
}
