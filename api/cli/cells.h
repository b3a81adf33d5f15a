/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the verbs about alerts put into the cells of their tables: times, figures and groups of an
 * event, as the API has them in JSON. Each adds one cell.
 */
#pragma once

#include <jansson.h>

#include "api/cli/table.h"

/* The time at that key, to the second: windows end at whole ones. */
void nt_cell_second(struct nt_table *t, const json_t *object, const char *key);
/* before: a word in front of it, or none. */
void nt_cell_figure(struct nt_table *t, struct nt_slice before, const json_t *figure);
/* "gt 100"; "-" of a rule without metric, which asks only whether there are rows. */
void nt_cell_threshold(struct nt_table *t, const json_t *event);
/* "client_namespace=shop,client_name=web-1" */
void nt_cell_group(struct nt_table *t, const json_t *group);
