/* SPDX-License-Identifier: Apache-2.0 */
/* Our entry of a network configuration as JSON text. Pure. */
#pragma once

#include <jansson.h>

#include "lib/base/err.h"

/* pin_root and state_dir: NULL or the default are left out. more: a JSON object of further keys
 * that win, or NULL. Owned by the caller; NULL with the reason in err. */
char *nt_entry_text(const char *pin_root, const char *state_dir, const char *more,
		    struct nt_err *err) NT_MUSTCHECK;
/* The value of --plugin-config, a new reference; NULL with the reason in err. */
json_t *nt_entry_keys(const char *more, struct nt_err *err) NT_MUSTCHECK;
/* The same entry for libcni's drop-in folder: with the mark by which the plugin knows the way. */
char *nt_entry_dropin(const char *entry, struct nt_err *err) NT_MUSTCHECK;
