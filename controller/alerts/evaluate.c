/* SPDX-License-Identifier: Apache-2.0 */
/* What a rule's closed windows do to the events of its groups. */
#include "controller/alerts/inside.h"

#include "lib/base/clock.h"

/* A rule that fires when there is too little. It has to wait for a window that lies in the time of
 * which the log tells, and that was not open while this process was away. */
static bool knows_too_little(const struct nt_alerts *a, const struct nt_rule *r, int64_t end_us)
{
	bool of_little = !r->keys_len && nt_rule_counts(r) && nt_rule_holds(r, 0);

	return of_little && (end_us - r->lookback_us < a->known_us || end_us <= a->start_us);
}

/* The worst that the condition showed since it holds. */
static double peak_since(const struct nt_alerts_entry *e, const struct nt_window_group *g,
			 int64_t end_us, double value)
{
	double peak = value, before;

	for (int64_t end = g->since_us; end < end_us; end += e->rule->step_us)
		if (nt_window_fires(&e->window, g, end, &before) &&
		    nt_rule_worse(e->rule, before, peak))
			peak = before;
	return peak;
}

static void open_event(struct nt_alerts *a, struct nt_alerts_entry *e, struct nt_window_group *g,
		       int64_t end_us, double value)
{
	if (e->open_events >= NT_ALERTS_OPEN_MAX) {
		a->stats.groups_over++;
		e->over++;
		return;
	}
	e->open_events++;
	g->event = (struct nt_window_event){
		.open = true,
		.first_us = g->since_us,
		.last_us = end_us,
		.from_us = g->since_us - e->rule->lookback_us,
		.value = value,
		.peak = peak_since(e, g, end_us, value),
	};
	nt_pending_note(&a->pending, &e->window, g, 0);
	if (e->memory.loaded)
		nt_memory_tell(&e->memory, nt_window_key(g));
}

/* May this window be the reason of an event? */
static bool begins(const struct nt_alerts *a, const struct nt_alerts_entry *e,
		   const struct nt_window_group *g, int64_t end_us, double *ret_value)
{
	return end_us > g->settled_us && nt_window_fires(&e->window, g, end_us, ret_value) &&
	       !knows_too_little(a, e->rule, end_us);
}

/* Did the condition hold from this window up to where the event begins? Else it was another event,
 * or none. */
static bool leads_to(const struct nt_alerts *a, const struct nt_alerts_entry *e,
		     const struct nt_window_group *g, int64_t end_us)
{
	double value;

	for (; end_us < g->event.first_us; end_us += e->rule->step_us)
		if (!begins(a, e, g, end_us, &value))
			return false;
	return true;
}

static void raise_event(struct nt_alerts *a, struct nt_alerts_entry *e, struct nt_window_group *g,
			int64_t end_us, double value)
{
	struct nt_window_event *event = &g->event;
	bool worse = nt_rule_worse(e->rule, value, event->peak);
	bool inside = end_us >= event->first_us && end_us < event->last_us;

	if (!worse && (inside || (end_us == event->last_us && value == event->value)))
		return;
	if (!leads_to(a, e, g, end_us))
		return;
	if (end_us >= event->last_us) {
		event->last_us = end_us;
		event->value = value;
	}
	if (end_us < event->first_us) {
		event->first_us = end_us;
		event->from_us = end_us - e->rule->lookback_us;
	}
	if (worse)
		event->peak = value;
	nt_pending_note(&a->pending, &e->window, g, 0);
}

static void resolve_event(struct nt_alerts *a, struct nt_alerts_entry *e, struct nt_window_group *g,
			  int64_t end_us)
{
	nt_pending_note(&a->pending, &e->window, g, end_us);
	g->event = (struct nt_window_event){ 0 };
	g->since_us = 0;
	g->settled_us = end_us + e->rule->cooldown_us;
	e->open_events--;
}

static void evaluate(struct nt_alerts *a, struct nt_alerts_entry *e, struct nt_window_group *g,
		     int64_t end_us)
{
	double value = 0;

	if (g->event.open) {
		if (nt_window_fires(&e->window, g, end_us, &value))
			raise_event(a, e, g, end_us, value);
		else if (end_us > g->event.last_us)
			resolve_event(a, e, g, end_us);
		return;
	}
	if (!begins(a, e, g, end_us, &value)) {
		g->since_us = 0;
		return;
	}
	if (!g->since_us)
		g->since_us = end_us;
	if (end_us - g->since_us >= e->rule->for_us)
		open_event(a, e, g, end_us, value);
}

/* Since when the condition held before the window that a late row changed. */
static int64_t since_before(const struct nt_alerts *a, const struct nt_alerts_entry *e,
			    const struct nt_window_group *g, int64_t end_us)
{
	int64_t step = e->rule->step_us, since = 0;
	double value;

	for (int64_t end = end_us - step; end > end_us - step - e->rule->for_us; end -= step) {
		if (!begins(a, e, g, end, &value))
			break;
		since = end;
	}
	return since;
}

/* The first of these windows waited longest. This tick began at now_us, and works since then. */
static void note_delay(struct nt_alerts *a, const struct nt_rule *r, int64_t first_us)
{
	int64_t worked_us = (nt_clock_boot_now() - a->tick_ns) / NT_NS_PER_US;
	int64_t delay_us = a->now_us + worked_us - nt_alerts_delay_us(a) - first_us;

	a->stats.late_windows += (uint64_t)(delay_us / r->step_us);
	if ((uint64_t)delay_us > a->stats.delay_max_us)
		a->stats.delay_max_us = (uint64_t)delay_us;
}

/* Windows in order of time for each group: those that late rows changed, then the new ones. */
void nt_alerts_evaluate(struct nt_alerts *a, struct nt_alerts_entry *e)
{
	int64_t step = e->rule->step_us, newest = nt_alerts_newest_end(a, e->rule);
	int64_t oldest = newest - nt_alerts_late_span(e->rule) + step;
	int64_t from = e->evaluated_us + step > oldest ? e->evaluated_us + step : oldest;

	for (struct nt_window_group *g = NULL; (g = nt_window_next(&e->window, g));) {
		int64_t redo = g->redo_us && g->redo_us < oldest ? oldest : g->redo_us;

		if (redo && !g->event.open)
			g->since_us = since_before(a, e, g, redo);
		for (int64_t end = redo ?: from; end <= newest; end += step)
			evaluate(a, e, g, end);
		g->redo_us = 0;
	}
	if (from <= newest) {
		if (e->listed_us)
			note_delay(a, e->rule, from);
		a->stats.evaluations += (uint64_t)((newest - from) / step) + 1;
		e->evaluated_us = e->listed_us = newest;
		nt_window_expire(&e->window, nt_alerts_keep_from(a, e->rule));
	}
	e->redo = false;
}
