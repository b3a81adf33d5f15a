/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokens of a query text. A fault is a token too, so that the parser has one place for errors.
 * For lib/query only.
 */
#pragma once

#include "lib/base/arena.h"

enum nt_token_kind {
	NT_TOKEN_END = 0,
	NT_TOKEN_WORD = 1, /* without quotes */
	NT_TOKEN_STRING = 2, /* in quotes */
	NT_TOKEN_CMP = 3, /* = != < <= > >= */
	NT_TOKEN_OPEN = 4, /* ( */
	NT_TOKEN_CLOSE = 5, /* ) */
	NT_TOKEN_SET_OPEN = 6, /* { */
	NT_TOKEN_SET_CLOSE = 7, /* } */
	NT_TOKEN_COMMA = 8,
	NT_TOKEN_BAD = 9, /* msg says why */
	NT_TOKEN_VARIABLE = 10, /* ${name}; text is the name */
};

struct nt_token {
	enum nt_token_kind kind;
	size_t at, len; /* octets in the text, with the quotes */
	struct nt_slice text; /* of a string: what is meant; else as written */
	const char *msg, *suggestion; /* of BAD */
};

struct nt_lexer {
	struct nt_slice text;
	size_t at;
	struct nt_arena *arena; /* for strings with doubled quotes */
};

/* Reads the next token. */
struct nt_token nt_lex(struct nt_lexer *l);
/* May these octets stand between quotes? */
bool nt_lex_quotable(struct nt_slice s);
