/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a rule would have fired: one GlobalAlert over the rows of a store, by the code that
 * evaluates rules while batches arrive (evaluate.c, window.c), under a clock that goes by the rows'
 * times. No event is stored and nobody is told. Takes no lock of the alerts or of ingestion: any
 * thread, as long as the reader is its own. Reads page by page, so that writers never wait for it.
 */
#pragma once

#include "controller/alerts/alerts.h"
#include "lib/objects/fields.h"

/* Of one preview; what it found until then is told with the reason why it ended. The time is looked
 * at with each row and window; a page out of which no row comes may take the store's 20 s more. */
#define NT_PREVIEW_SECONDS 20
#define NT_PREVIEW_EVENTS_MAX 1000
#define NT_PREVIEW_BYTES_MAX (16u << 20) /* of figures */

struct nt_preview_config {
	int64_t from_us, to_us; /* windows that end in (from, to] */
	int64_t budget_ns; /* of time; 0: NT_PREVIEW_SECONDS */
	struct nt_feeds *feeds; /* that the rule may name, as they are now; NULL: none */
};

enum nt_preview_end {
	NT_PREVIEW_WHOLE = 0,
	NT_PREVIEW_TIME = 1, /* the budget of time was used up */
	NT_PREVIEW_EVENTS = 2, /* there would be more than NT_PREVIEW_EVENTS_MAX */
};

struct nt_preview {
	enum nt_preview_end end;
	/* End of the last window that was evaluated. None was (windows 0): the last end of one up
	 * to from or up to the store's oldest row, whichever is later. */
	int64_t covered_us;
	uint64_t windows; /* that were evaluated; 0: none */
	uint64_t rows, rows_unreadable; /* of the rule's query; the latter are in no figure */
	uint64_t over; /* times that a row or an event found no room within the bounds */
	/* Of a rule with unseenFor: since when rows were looked at for what was seen before, and
	 * until when it would have learned in the range; 0: not in it. */
	int64_t known_since_us, learning_until_us;
	struct nt_slice note; /* as nt_alert_rule has it; static */
};

/*
 * Calls fn for each event that the rule would have opened, in order of first_seen and group;
 * borrowed for the call; return false to stop. Ids count from 1. Of what was before from nothing is
 * known: an event begins with the first window behind it; but a rule with unseenFor learns from the
 * rows of before, as far as half of the time goes. Rows count as if they had all come in
 * time. 0; -EINVAL with *ret_problem: the rule has a mistake; -EBUSY: retention took rows away
 * while they were read, the same may be asked again; -ENOMEM, or what the store says, with err.
 */
int nt_preview_run(struct nt_store *store, struct nt_store_reader *reader,
		   const struct nt_object *object, const struct nt_preview_config *config,
		   nt_store_event_fn *fn, void *ctx, struct nt_preview *ret_preview,
		   struct nt_object_problem *ret_problem, struct nt_err *err) NT_MUSTCHECK;
