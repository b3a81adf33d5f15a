/* SPDX-License-Identifier: Apache-2.0 */
/* Inside lib/objects only: between the two halves of the store, objects.c and changes.c. */
#pragma once

#include "lib/objects/store.h"

/* NULL: there was none of it yet. */
struct nt_objects_kind *nt_objects_find_kind(const struct nt_objects *o, struct nt_slice kind);
/* Gives back all objects. */
void nt_objects_changes_done(struct nt_objects *o);
