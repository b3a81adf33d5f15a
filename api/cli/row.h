/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record as the API gives it (JSON), as cells of a table: for `logs`. Nothing is trusted to be
 * there; what is not is "-".
 */
#pragma once

#include <jansson.h>

#include "api/cli/table.h"

struct nt_row_form {
	const struct nt_column *columns;
	size_t columns_len;
	void (*put)(struct nt_table *t, const json_t *record);
};

/* Rows of lookups, the same with all that may matter, and rows of packets that were not logged. */
extern const struct nt_row_form nt_row_table, nt_row_wide, nt_row_unlogged;

/* "namespace/pod", "pod" without a namespace, "node NAME" of what no pod sent, "" else. */
void nt_row_client(struct nt_buf *out, const json_t *record);
