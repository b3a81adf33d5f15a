/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a tick changed about events, and about what rules remember, until it is written in one
 * transaction. An event that opens and
 * ends within a tick is one entry. Lives for one tick: when the store does not take it, everything
 * is built anew from the store. For controller/alerts only.
 */
#pragma once

#include "controller/alerts/memory.h"
#include "controller/alerts/window.h"

struct nt_pending_item {
	const struct nt_rule *rule; /* NULL: event is whole as it is */
	struct nt_window_group *group;
	const struct nt_window *window;
	struct nt_store_event event; /* strings in the arena; with a rule they are filled in last */
};

struct nt_pending {
	struct nt_pending_item *items;
	size_t len, cap;
	struct nt_store_memory_change *changes; /* each owns its sightings */
	size_t changes_len;
	struct nt_arena arena;
	bool failed; /* no memory: nothing may be written */
};

void nt_pending_done(struct nt_pending *p);
/* Notes the group's event as it is now; resolved_us 0: it is open. */
void nt_pending_note(struct nt_pending *p, struct nt_window *w, struct nt_window_group *g,
		     int64_t resolved_us);
/* Ends an event that no rule watches any more. */
void nt_pending_end(struct nt_pending *p, const struct nt_store_event *event, int64_t now_us);
/* What the store is to know of a rule's memory; windows that end by decided_us are evaluated. */
void nt_pending_remember(struct nt_pending *p, struct nt_slice rule, struct nt_memory *m,
			 int64_t decided_us);
/* The memory of a rule that is none any more. */
void nt_pending_forget(struct nt_pending *p, struct nt_slice rule);
/* Nothing of it is to be written. */
void nt_pending_clear(struct nt_pending *p);
/* As nt_store_alerts_put, which it is where alerts are live. */
typedef int nt_pending_put_fn(void *ctx, const struct nt_store_event *events, size_t len,
			      int64_t *ids, const struct nt_store_memory_change *changes,
			      size_t changes_len, struct nt_err *err);
/* Writes all of it by put; groups get their events' ids. The list is empty afterwards, also after a
 * failure. *ret_opened, *ret_resolved: events that are new, that ended. */
int nt_pending_write(struct nt_pending *p, nt_pending_put_fn *put, void *ctx, uint64_t *ret_opened,
		     uint64_t *ret_resolved, struct nt_err *err) NT_MUSTCHECK;
