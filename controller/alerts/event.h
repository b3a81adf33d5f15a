/* SPDX-License-Identifier: Apache-2.0 */
/* An event as JSON, the same in the API's answers and in webhooks (api/openapi.yaml, AlertEvent).
 * Pure. */
#pragma once

#include "controller/store/store.h"
#include "lib/base/arena.h"
#include "lib/base/json.h"

/* One value: an object. */
void nt_event_json(struct nt_json *j, const struct nt_store_event *e);
/* A copy whose texts are in the arena; false: there is no room. */
bool nt_event_copy(const struct nt_store_event *e, struct nt_arena *arena,
		   struct nt_store_event *ret_event);
/* Is that receiver to be told of it? */
bool nt_event_is_for(const struct nt_store_event *e, struct nt_slice receiver);
