/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a rule says about a group: the summary with its ${fields} filled in, the group as JSON, and
 * the filter that gives the rows behind it. Values of keys are UTF-8 without NUL, "" for none.
 * Pure. For controller/alerts only.
 */
#pragma once

#include "controller/alerts/rule.h"

/* Room that the filter of a group needs beside the rule's own query, and what is left for that. */
#define NT_RULE_QUERY_MAX 3000

/* Next ${name} in text from *at on: false when there is none; *ret_open: a ${ without its }.
 * *ret_before: the text up to it. */
bool nt_text_placeholder(struct nt_slice text, size_t *at, struct nt_slice *ret_before,
			 struct nt_slice *ret_name, bool *ret_open);
/* The summary, else the description, else the name. */
void nt_text_summary(const struct nt_rule *r, const struct nt_slice *values, double value,
		     struct nt_buf *out);
/* The rule's labels as a JSON object, "" without; its receivers as nt_store_event has them. */
void nt_text_labels(const struct nt_rule *r, struct nt_buf *out);
void nt_text_notify(const struct nt_rule *r, struct nt_buf *out);
void nt_text_group(const struct nt_rule *r, const struct nt_slice *values, struct nt_buf *out);
/* As nt_text_group wrote it, back into values (in arena). False: it is no group of this rule. */
bool nt_text_group_parse(const struct nt_rule *r, struct nt_slice json, struct nt_arena *arena,
			 struct nt_slice *ret_values);
/* "(rule's query) AND client_name = \"web-1\"", which lib/query parses. Without the rule's query
 * when its sets make that too long: it may ask for more then, never for less. */
void nt_text_filter(const struct nt_rule *r, const struct nt_slice *values, struct nt_buf *out);
