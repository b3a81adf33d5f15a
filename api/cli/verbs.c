/* SPDX-License-Identifier: Apache-2.0 */
/* What the verbs share: the filter, mistakes in it, standard output. */
#include "api/cli/verbs.h"

#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/cli/text.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/parse.h"

/* --- the filter ------------------------------------------------------------------------------- */

/* Every bracket closes one that is open, so that one around it all means all of it. */
static bool is_balanced(struct nt_slice s)
{
	bool quoted = false;
	int depth = 0;

	for (size_t i = 0; i < s.len; i++) {
		if (s.p[i] == '\\' && quoted)
			i++;
		else if (s.p[i] == '"')
			quoted = !quoted;
		else if (!quoted && s.p[i] == '(')
			depth++;
		else if (!quoted && s.p[i] == ')' && --depth < 0)
			return false;
	}
	return depth == 0 && !quoted;
}

static void add_namespaces(const struct nt_ctl_options *o, struct nt_buf *out)
{
	/* Not IN: there `*` and `?` would be wildcards. */
	nt_buf_putc(out, '(');
	for (size_t i = 0; i < o->namespaces_len; i++)
		nt_buf_printf(out, "%sclient_namespace = \"%s\"", i ? " OR " : "",
			      o->namespaces[i]);
	nt_buf_putc(out, ')');
}

int nt_filter_make(const struct nt_ctl_options *o, size_t from, struct nt_filter *ret_filter,
		   struct nt_err *err)
{
	struct nt_filter f = { 0 };
	struct nt_slice text;

	for (size_t i = from; i < o->arguments_len; i++)
		nt_buf_printf(&f.text, "%s%s", i > from ? " " : "", o->arguments[i]);
	text = nt_slice_mem(f.text.p, f.text.len);
	/* A filter with a mistake goes alone, for the API to say which. */
	if (text.len && o->namespaces_len && is_balanced(text)) {
		nt_buf_putc(&f.asked, '(');
		f.shift = 1;
	}
	nt_buf_slice(&f.asked, text);
	nt_buf_puts(&f.asked, f.shift ? ") AND " : "");
	if (o->namespaces_len && (f.shift || !text.len))
		add_namespaces(o, &f.asked);
	if (!nt_buf_ok(&f.text) || !nt_buf_ok(&f.asked)) {
		nt_filter_done(&f);
		return nt_err_set(err, ENOMEM, "no memory for the filter");
	}
	*ret_filter = f;
	return 0;
}

void nt_filter_done(struct nt_filter *f)
{
	nt_buf_done(&f->text);
	nt_buf_done(&f->asked);
}

/* --- standard error --------------------------------------------------------------------------- */

void nt_verb_note(const char *fmt, ...)
{
	_cleanup_buf_ struct nt_buf shown = { 0 };
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	nt_text_put(&shown, nt_slice_str(text));
	fprintf(stderr, "nametapctl: %s\n", nt_buf_str(&shown));
}

/* The filter with its mistake underlined. */
static void show_mistake(const struct nt_ask_mistake *m, const struct nt_filter *f)
{
	struct nt_slice text = nt_slice_mem(f->text.p, f->text.len);
	size_t at = m->at > f->shift ? m->at - f->shift : 0;
	_cleanup_buf_ struct nt_buf before = { 0 }, bad = { 0 }, rest = { 0 };
	size_t len = m->len;

	at = at < text.len ? at : text.len;
	len = len < text.len - at ? len : text.len - at;
	nt_text_put(&before, nt_slice_mem(text.p, at));
	nt_text_put(&bad, nt_slice_mem(text.p + at, len));
	nt_text_put(&rest, nt_slice_mem(text.p + at + len, text.len - at - len));
	fprintf(stderr, "nametapctl: filter: %s\n  %s%s%s\n  %*s", m->message, nt_buf_str(&before),
		nt_buf_str(&bad), nt_buf_str(&rest), (int)before.len, "");
	for (size_t i = 0; i < bad.len || i == 0; i++)
		fputc(i ? '~' : '^', stderr);
	if (m->suggestion[0])
		fprintf(stderr, "  did you mean: %s", m->suggestion);
	fputc('\n', stderr);
}

int nt_verb_failed(const struct nt_verb *verb, int r, const struct nt_ask_answer *answer,
		   const struct nt_filter *filter, const struct nt_err *err)
{
	if (answer && filter && answer->mistake.message[0]) {
		show_mistake(&answer->mistake, filter);
		return NT_EXIT_USAGE;
	}
	nt_verb_note("%s: %s", verb->name, err->msg);
	return r == -EINVAL ? NT_EXIT_USAGE : NT_EXIT_FAILED;
}

int nt_verb_wants_id(const struct nt_verb *verb, const struct nt_ctl_options *o, uint64_t *ret_id)
{
	if (o->arguments_len == 1 &&
	    nt_parse_u64(nt_slice_str(o->arguments[0]), INT64_MAX, ret_id) == 0)
		return -1;
	return nt_ctl_usage(verb, "one ID is wanted, a number of the listing");
}

int nt_verb_wants_who(const struct nt_verb *verb, struct nt_ctl_options *o)
{
	if (!o->who)
		o->who = getenv("USER");
	if (o->who && o->who[0])
		return -1;
	return nt_ctl_usage(verb, "--by NAME is wanted: who says so ($USER is not set)");
}

void nt_loss_text(struct nt_buf *out, const json_t *loss)
{
	size_t before = out->len;
	const char *reason;
	json_t *n;

	json_object_foreach(json_object_get(loss, "reasons"), reason, n)
		nt_buf_printf(out, "%s%s %" JSON_INTEGER_FORMAT, out->len > before ? ", " : "",
			      reason, json_integer_value(n));
}

void nt_verb_loss(const json_t *loss)
{
	_cleanup_buf_ struct nt_buf text = { 0 };

	if (!nt_number_at(loss, "packets"))
		return;
	nt_loss_text(&text, loss);
	nt_verb_note("%" PRId64 " packets of this time were seen and are not in the log in detail "
		     "(%s); nametapctl doctor says what to do",
		     nt_number_at(loss, "packets"), nt_buf_str(&text));
}

/* --- standard output -------------------------------------------------------------------------- */

int nt_verb_write(struct nt_buf *out, struct nt_err *err)
{
	int r = nt_buf_ok(out) ? 0 : nt_err_set(err, ENOMEM, "no memory for the output");

	if (r == 0)
		r = nt_file_write_fd(STDOUT_FILENO, nt_slice_mem(out->p, out->len), err);
	nt_buf_reset(out);
	if (r == -EPIPE) {
		(void)signal(SIGPIPE, SIG_DFL);
		(void)raise(SIGPIPE);
	}
	return r < 0 ? nt_err_wrap(err, "standard output") : 0;
}

void nt_since_param(const struct nt_ctl_options *o, const char *fallback, char *param, size_t size)
{
	if (o->from)
		snprintf(param, size, "%s", o->from);
	else
		snprintf(param, size, "%s%s", o->since || fallback ? "now-" : "",
			 o->since   ? o->since
			 : fallback ? fallback
				    : "");
}
