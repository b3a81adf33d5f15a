/* SPDX-License-Identifier: Apache-2.0 */
/* Figures and open events of rules, made anew from what is stored. */
#include "controller/alerts/inside.h"
#include "controller/alerts/text.h"
#include "lib/base/cleanup.h"

struct loading {
	struct nt_alerts *a;
	struct nt_alerts_entry *entry;
};

static bool load_event(void *ctx, const struct nt_store_event *event)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(1 << 20);
	struct loading *l = ctx;
	struct nt_alerts_entry *e = l->entry;
	int64_t newest = nt_alerts_newest_end(l->a, e->rule);
	struct nt_slice values[NT_STORE_GROUP_KEYS];
	struct nt_window_group *g = NULL;

	if (event->resolved_us &&
	    event->last_seen_us < newest - nt_alerts_late_span(e->rule) - e->rule->cooldown_us)
		return false;
	if (nt_text_group_parse(e->rule, event->group, &arena, values))
		g = nt_window_group(&e->window, values, true);
	if (!g && !event->resolved_us)
		nt_pending_end(&l->a->pending, event, l->a->now_us);
	if (!g)
		return true;
	/* A clock that went back must not make an event last for ever. */
	if (event->resolved_us) {
		int64_t ended = event->resolved_us < newest ? event->resolved_us : newest;

		if (ended + e->rule->cooldown_us > g->settled_us)
			g->settled_us = ended + e->rule->cooldown_us;
		return true;
	}
	g->event = (struct nt_window_event){
		.id = event->id,
		.open = true,
		.first_us = event->first_seen_us,
		.last_us = event->last_seen_us < newest ? event->last_seen_us : newest,
		.from_us = event->from_us,
		.value = event->value,
		.peak = event->peak,
	};
	e->open_events++;
	return true;
}

int nt_alerts_begin_window(struct nt_alerts *a, struct nt_alerts_entry *e, struct nt_err *err)
{
	nt_window_done(&e->window);
	nt_alerts_init_window(a, e);
	/* A rule without aggregateBy has its one group from the start. */
	if (!e->rule->keys_len && !nt_window_group(&e->window, NULL, true))
		return nt_err_set(err, ENOMEM, "no memory for the rule %s", e->name);
	return 0;
}

static int load_events(struct nt_alerts *a, struct nt_alerts_entry *e, struct nt_err *err)
{
	struct loading l = { a, e };
	struct nt_slice name = nt_slice_str(e->name);
	int r = nt_alerts_begin_window(a, e, err);

	e->open_events = 0;
	e->redo = false;
	if (r == 0)
		r = nt_store_events(a->reader, 1, name, UINT32_MAX, load_event, &l, err);
	if (r == 0)
		r = nt_store_events(a->reader, 0, name, UINT32_MAX, load_event, &l, err);
	return r;
}

/* --- memories --------------------------------------------------------------------------------- */

static bool find_memory(void *ctx, const struct nt_store_memory *memory)
{
	struct nt_alerts_entry *e = ctx;

	if (!nt_slice_eq(memory->rule, nt_slice_str(e->name)))
		return true;
	if (memory->what == e->rule->memory_of) {
		e->memory.head = *memory;
		e->memory.head.rule = (struct nt_slice){ 0 };
		e->memory.loaded = true;
	}
	return false;
}

static bool load_sighting(void *ctx, const struct nt_store_sighting *sighting)
{
	struct loading *l = ctx;

	if (nt_memory_load(&l->entry->memory, sighting))
		return true;
	l->a->stats.groups_over++;
	l->entry->over++;
	return true;
}

/* A rule that the store knows nothing of, or that looks for something else now, learns. */
static int load_memory(struct nt_alerts *a, struct nt_alerts_entry *e, struct nt_err *err)
{
	struct loading l = { a, e };
	int r;

	if (!e->rule->unseen_us || e->memory.loaded)
		return 0;
	nt_memory_done(&e->memory);
	nt_memory_init(&e->memory, e->rule, &a->bytes, &a->remembered);
	r = nt_store_memories(a->reader, find_memory, e, err);
	if (r < 0)
		return r;
	if (!e->memory.loaded)
		return nt_memory_begin(&e->memory, a->now_us, err);
	return nt_store_sightings(a->reader, nt_slice_str(e->name), load_sighting, &l, err);
}

/* --- rows ------------------------------------------------------------------------------------- */

static bool wants(const struct nt_alerts_entry *e)
{
	return nt_alerts_is_ready(e) && !e->built;
}

static bool load_row(void *ctx, int64_t row_id, const struct nt_record *record, const char *why)
{
	struct nt_alerts *a = ctx;

	(void)row_id;
	(void)why;
	a->stats.rows_unreadable += !record;
	if (record)
		nt_alerts_add_record(a, record, false);
	return true;
}

/* One pass over the rows of a type for all rules that need it, as far back as the longest wants. */
static int load_rows(struct nt_alerts *a, bool unlogged, struct nt_err *err)
{
	enum { PAGE_ROWS = 20000 };
	struct nt_store_range range = { .from_us = INT64_MAX,
					.to_us = INT64_MAX,
					.side = -1,
					.role = -1,
					.unlogged = unlogged };
	int64_t cursor = 0;
	int r;

	for (size_t i = 0; i < a->entries_len; i++) {
		const struct nt_alerts_entry *e = a->entries[i];

		if (wants(e) && e->rule->unlogged == unlogged &&
		    nt_alerts_keep_from(a, e->rule) < range.from_us)
			range.from_us = nt_alerts_keep_from(a, e->rule);
	}
	if (range.from_us == INT64_MAX)
		return 0;
	do {
		r = nt_store_rows(a->reader, &range, NT_STORE_NEWEST, PAGE_ROWS, cursor, load_row,
				  a, &cursor, err);
	} while (r == 0 && cursor);
	return r;
}

static void begin(struct nt_alerts *a, struct nt_alerts_entry *e)
{
	int64_t back = e->catch_up ? nt_alerts_late_span(e->rule) : e->rule->step_us;

	e->evaluated_us = nt_alerts_newest_end(a, e->rule) - back;
	e->built = true;
	e->catch_up = false;
}

int nt_alerts_build(struct nt_alerts *a, struct nt_err *err)
{
	int r = 0;

	for (size_t i = 0; i < a->entries_len && r == 0; i++) {
		if (!wants(a->entries[i]))
			continue;
		r = load_memory(a, a->entries[i], err);
		if (r == 0)
			r = load_events(a, a->entries[i], err);
	}
	if (r == 0 && nt_alerts_share(a) < 0)
		r = nt_err_set(err, ENOMEM, "no memory for the rules");
	if (r == 0)
		r = load_rows(a, false, err);
	if (r == 0)
		r = load_rows(a, true, err);
	for (size_t i = 0; i < a->entries_len && r == 0; i++)
		if (wants(a->entries[i]))
			begin(a, a->entries[i]);
	return r;
}

static bool end_orphan(void *ctx, const struct nt_store_event *event)
{
	struct nt_alerts *a = ctx;
	const struct nt_alerts_entry *e = nt_alerts_find(a, event->rule);

	if (!e || !nt_alerts_runs(e))
		nt_pending_end(&a->pending, event, a->now_us);
	return true;
}

static bool forget_orphan(void *ctx, const struct nt_store_memory *memory)
{
	struct nt_alerts *a = ctx;
	const struct nt_alerts_entry *e = nt_alerts_find(a, memory->rule);

	if (!e || !e->rule || !e->rule->unseen_us)
		nt_pending_forget(&a->pending, memory->rule);
	return true;
}

int nt_alerts_end_orphans(struct nt_alerts *a, struct nt_err *err)
{
	int r = nt_store_events(a->reader, 1, (struct nt_slice){ 0 }, UINT32_MAX, end_orphan, a,
				err);

	return r == 0 ? nt_store_memories(a->reader, forget_orphan, a, err) : r;
}
