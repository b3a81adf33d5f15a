/* SPDX-License-Identifier: Apache-2.0 */
/* Query text to tokens. */
#include "lib/query/lex.h"

#include "lib/base/cleanup.h"
#include "lib/base/escape.h"

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_control(char c)
{
	return ((unsigned char)c < 0x20 && !is_space(c)) || c == 0x7f;
}

/* Addresses, durations, names, times and patterns need no quotes. */
static bool is_word(char c)
{
	return !is_space(c) && !is_control(c) && !strchr("(){},=!<>\"'&|", c);
}

static struct nt_token token(struct nt_lexer *l, enum nt_token_kind kind, size_t len)
{
	struct nt_token t = {
		.kind = kind, .at = l->at, .len = len, .text = nt_slice_mem(l->text.p + l->at, len)
	};

	l->at += len;
	return t;
}

static struct nt_token bad(struct nt_lexer *l, size_t len, const char *msg, const char *suggestion)
{
	struct nt_token t = token(l, NT_TOKEN_BAD, len);

	t.msg = msg;
	t.suggestion = suggestion;
	return t;
}

/* Checks the octet (or sequence) at i; its length, 0 when it may not be in a query. */
static size_t text_step(const struct nt_lexer *l, size_t i)
{
	if (is_control(l->text.p[i]))
		return 0;
	return nt_utf8_len(nt_slice_mem(l->text.p + i, l->text.len - i));
}

static struct nt_token bad_octet(struct nt_lexer *l, size_t at)
{
	l->at = at;
	return bad(l, 1,
		   is_control(l->text.p[at]) ? "a control character" : "an octet that is no UTF-8",
		   "");
}

/* A copy with one of each doubled quote. */
static struct nt_slice undouble(struct nt_lexer *l, size_t from, size_t to, char quote)
{
	char *p = nt_arena_alloc(l->arena, to - from + 1);
	size_t n = 0;

	for (size_t i = from; p && i < to; i++) {
		p[n++] = l->text.p[i];
		if (l->text.p[i] == quote)
			i++;
	}
	return nt_slice_mem(p, p ? n : 0);
}

static struct nt_token lex_string(struct nt_lexer *l)
{
	char quote = l->text.p[l->at];
	size_t from = l->at + 1, i = from;
	bool doubled = false;
	struct nt_token t;

	while (i < l->text.len) {
		size_t step = text_step(l, i);

		if (!step)
			return bad_octet(l, i);
		if (l->text.p[i] != quote) {
			i += step;
			continue;
		}
		if (i + 1 == l->text.len || l->text.p[i + 1] != quote)
			break;
		doubled = true;
		i += 2;
	}
	if (i >= l->text.len) {
		l->at = l->text.len;
		return bad(l, 0, "a quote is not closed", quote == '"' ? "\"" : "'");
	}
	t = token(l, NT_TOKEN_STRING, i + 1 - l->at);
	t.text = doubled ? undouble(l, from, i, quote) : nt_slice_mem(l->text.p + from, i - from);
	return t;
}

static bool is_variable_at(const struct nt_lexer *l, size_t i)
{
	return l->text.p[i] == '$' && i + 1 < l->text.len && l->text.p[i + 1] == '{';
}

static struct nt_token lex_word(struct nt_lexer *l)
{
	size_t i = l->at;

	while (i < l->text.len && is_word(l->text.p[i]) && !is_variable_at(l, i)) {
		size_t step = text_step(l, i);

		if (!step)
			return bad_octet(l, i);
		i += step;
	}
	if (i == l->at)
		return bad_octet(l, i);
	return token(l, NT_TOKEN_WORD, i - l->at);
}

static bool is_variable(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_' || c == '-' || c == '.';
}

static struct nt_token lex_variable(struct nt_lexer *l)
{
	size_t from = l->at + 2, i = from;
	struct nt_token t;

	while (i < l->text.len && is_variable(l->text.p[i]))
		i++;
	if (i == from || i == l->text.len || l->text.p[i] != '}')
		return bad(l, i - l->at,
			   "here a name of letters, digits, _, - and . in ${ } is meant", "");
	t = token(l, NT_TOKEN_VARIABLE, i + 1 - l->at);
	t.text = nt_slice_mem(l->text.p + from, i - from);
	return t;
}

bool nt_lex_quotable(struct nt_slice s)
{
	const struct nt_lexer l = { .text = s };
	size_t step;

	for (size_t i = 0; i < s.len; i += step) {
		step = text_step(&l, i);
		if (!step)
			return false;
	}
	return true;
}

/* How other languages write it. */
static const struct {
	const char *text, *msg, *suggestion;
} foreign[] = {
	{ "==", "equality is one =", "=" },
	{ "=~", "there are no regular expressions; a pattern goes into { }", "" },
	{ "!~", "there are no regular expressions; a pattern goes into { }", "" },
	{ "<>", "\"not equal\" is !=", "!=" },
	{ "&&", "\"and\" is the word AND", "AND" },
	{ "||", "\"or\" is the word OR", "OR" },
	{ "&", "\"and\" is the word AND", "AND" },
	{ "|", "\"or\" is the word OR", "OR" },
};

static const struct {
	const char *text;
	enum nt_token_kind kind;
} signs[] = {
	{ "!=", NT_TOKEN_CMP },	     { "<=", NT_TOKEN_CMP },  { ">=", NT_TOKEN_CMP },
	{ "=", NT_TOKEN_CMP },	     { "<", NT_TOKEN_CMP },   { ">", NT_TOKEN_CMP },
	{ "(", NT_TOKEN_OPEN },	     { ")", NT_TOKEN_CLOSE }, { "{", NT_TOKEN_SET_OPEN },
	{ "}", NT_TOKEN_SET_CLOSE }, { ",", NT_TOKEN_COMMA },
};

struct nt_token nt_lex(struct nt_lexer *l)
{
	struct nt_slice rest;

	while (l->at < l->text.len && is_space(l->text.p[l->at]))
		l->at++;
	rest = nt_slice_mem(l->text.p + l->at, l->text.len - l->at);
	if (!rest.len)
		return token(l, NT_TOKEN_END, 0);
	for (size_t i = 0; i < NT_ARRAY_LEN(foreign); i++)
		if (nt_slice_begins(rest, foreign[i].text))
			return bad(l, strlen(foreign[i].text), foreign[i].msg,
				   foreign[i].suggestion);
	for (size_t i = 0; i < NT_ARRAY_LEN(signs); i++)
		if (nt_slice_begins(rest, signs[i].text))
			return token(l, signs[i].kind, strlen(signs[i].text));
	if (is_variable_at(l, l->at))
		return lex_variable(l);
	if (rest.p[0] == '!')
		return bad(l, 1, "\"not\" is the word NOT", "NOT");
	if (rest.p[0] == '"' || rest.p[0] == '\'')
		return lex_string(l);
	return lex_word(l);
}
