/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One escape function per sink: what a DNS name or a TXT string may hold must never become syntax
 * where it is printed (T37). Each appends to a buffer and accepts any octets.
 */
#pragma once

#include "lib/base/buf.h"

/* Inside a JSON string, without the quotes. Valid UTF-8 passes, other octets become \u00XX of the
 * same value (RFC 8259, section 7). */
void nt_escape_json(struct nt_buf *out, struct nt_slice s);
/* A JSON string with its quotes. */
void nt_escape_json_string(struct nt_buf *out, struct nt_slice s);
/* Terminals and log lines: printable ASCII passes, backslash and the rest become \xXX or \n, \t. */
void nt_escape_terminal(struct nt_buf *out, struct nt_slice s);
/* One CSV cell (RFC 4180), quoted; a cell that a spreadsheet would take for a formula gets a
 * leading apostrophe. */
void nt_escape_csv(struct nt_buf *out, struct nt_slice s);
/* Text of a Slack message without mark-up: no mention, no link; control characters become a space.
 */
void nt_escape_slack(struct nt_buf *out, struct nt_slice s);
/* Jira's wiki mark-up: what is neither letter, digit, space, dot nor comma becomes its numeric
 * entity, control characters a space. */
void nt_escape_jira(struct nt_buf *out, struct nt_slice s);
/* A Prometheus label value: backslash, quote, newline; octets that are not UTF-8 become U+FFFD. */
void nt_escape_prometheus(struct nt_buf *out, struct nt_slice s);
/* Messages about somebody's text that were cut to fit: what is not printable ASCII becomes `?`, in
 * place, so that no half of a character is left. */
void nt_escape_ascii(char *s);
/* Length of the UTF-8 sequence at s.p (1 to 4), 0 when it is not valid (RFC 3629). */
size_t nt_utf8_len(struct nt_slice s);
