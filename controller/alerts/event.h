/* SPDX-License-Identifier: Apache-2.0 */
/* An event as JSON, the same in the API's answers and in webhooks (api/openapi.yaml, AlertEvent).
 * Pure. */
#pragma once

#include "controller/store/store.h"
#include "lib/base/json.h"

/* One value: an object. */
void nt_event_json(struct nt_json *j, const struct nt_store_event *e);
/* "open" or "resolved". */
const char *nt_event_state(const struct nt_store_event *e);
