/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record as one line for people: stable, so that scripts and diffs may rely on it, and safe for
 * terminals, whatever octets names and data hold. api/cli/README.md describes it.
 */
#pragma once

#include "lib/base/buf.h"
#include "lib/record/record.h"

/* Appends the line without a newline. */
void nt_line_format(const struct nt_record *r, struct nt_buf *out);
