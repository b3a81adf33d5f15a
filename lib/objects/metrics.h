/* SPDX-License-Identifier: Apache-2.0 */
/* What a source of objects has of each kind, for the /metrics of whoever reads it. */
#pragma once

#include "lib/objects/objects.h"

/* Appends <prefix>_objects, _objects_synced and so on, each with the label `kind`, whose values are
 * the kinds that are watched. prefix: "nametap_agent". */
void nt_objects_metrics(const struct nt_objects *o, const char *prefix, struct nt_buf *out);
