/* SPDX-License-Identifier: Apache-2.0 */
/* What a tick changed about events. */
#include "controller/alerts/pending.h"

#include <stdlib.h>

#include "controller/alerts/event.h"
#include "controller/alerts/text.h"
#include "lib/base/cleanup.h"

void nt_pending_clear(struct nt_pending *p)
{
	for (size_t i = 0; i < p->changes_len; i++)
		free((void *)(uintptr_t)p->changes[i].sightings);
	free(p->changes);
	p->changes = NULL;
	p->len = p->changes_len = 0;
	p->failed = false;
	nt_arena_reset(&p->arena);
}

void nt_pending_done(struct nt_pending *p)
{
	nt_pending_clear(p);
	nt_arena_done(&p->arena);
	free(p->items);
	*p = (struct nt_pending){ 0 };
}

static struct nt_pending_item *push(struct nt_pending *p)
{
	if (p->len == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 64;
		struct nt_pending_item *items = reallocarray(p->items, cap, sizeof(*items));

		if (!items) {
			p->failed = true;
			return NULL;
		}
		p->items = items;
		p->cap = cap;
	}
	p->items[p->len] = (struct nt_pending_item){ 0 };
	return &p->items[p->len++];
}

void nt_pending_note(struct nt_pending *p, struct nt_window *w, struct nt_window_group *g,
		     int64_t resolved_us)
{
	struct nt_pending_item *item = g->pending ? &p->items[g->pending - 1] : push(p);
	const struct nt_window_event *e = &g->event;

	if (!item)
		return;
	*item = (struct nt_pending_item){ .rule = w->rule, .group = g, .window = w };
	item->event = (struct nt_store_event){ .id = e->id,
					       .value = e->value,
					       .peak = e->peak,
					       .first_seen_us = e->first_us,
					       .last_seen_us = e->last_us,
					       .from_us = e->from_us,
					       .resolved_us = resolved_us };
	/* What comes behind the end is another event. */
	g->pending = resolved_us ? 0 : (size_t)(item - p->items) + 1;
}

static struct nt_slice keep(struct nt_pending *p, struct nt_slice s)
{
	struct nt_slice copy = nt_arena_copy(&p->arena, s);

	p->failed |= !copy.p;
	return copy;
}

void nt_pending_end(struct nt_pending *p, const struct nt_store_event *event, int64_t now_us)
{
	struct nt_pending_item *item = push(p);

	if (!item)
		return;
	if (!nt_event_copy(event, &p->arena, &item->event)) {
		p->failed = true;
		return;
	}
	item->event.resolved_us = now_us > event->last_seen_us ? now_us : event->last_seen_us;
}

/* --- what rules remember ---------------------------------------------------------------------- */

static struct nt_store_memory_change *push_change(struct nt_pending *p, struct nt_slice rule)
{
	struct nt_store_memory_change *changes =
		reallocarray(p->changes, p->changes_len + 1, sizeof(*changes));

	if (!changes) {
		p->failed = true;
		return NULL;
	}
	p->changes = changes;
	changes[p->changes_len] = (struct nt_store_memory_change){ .head.rule = keep(p, rule) };
	return &changes[p->changes_len++];
}

void nt_pending_forget(struct nt_pending *p, struct nt_slice rule)
{
	struct nt_store_memory_change *change = push_change(p, rule);

	if (change)
		change->gone = true;
}

static void take_sightings(struct nt_pending *p, struct nt_memory *m, int64_t decided_us,
			   struct nt_store_memory_change *change)
{
	struct nt_store_sighting *all = NULL, next;
	size_t at = 0, len = 0, cap = 0;

	while (nt_memory_take(m, decided_us, len >= NT_MEMORY_WRITES_MAX, &at, &next)) {
		if (len == cap) {
			struct nt_store_sighting *more =
				reallocarray(all, cap + 256, sizeof(*more));

			if (!more) {
				p->failed = true;
				break;
			}
			all = more;
			cap += 256;
		}
		all[len++] = next;
	}
	change->sightings = all;
	change->sightings_len = len;
}

void nt_pending_remember(struct nt_pending *p, struct nt_slice rule, struct nt_memory *m,
			 int64_t decided_us)
{
	struct nt_store_memory_change *change = push_change(p, rule);

	if (!change)
		return;
	rule = change->head.rule;
	change->head = m->head;
	change->head.rule = rule;
	change->begins = m->begins;
	change->forget_us = m->forget_us;
	take_sightings(p, m, decided_us, change);
	m->begins = m->urgent = false;
	m->forget_us = 0;
	if (!change->begins && !change->forget_us && !change->sightings_len)
		p->changes_len--;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* What the event says, by its rule. */
static void fill(struct nt_pending *p, struct nt_pending_item *item)
{
	_cleanup_buf_ struct nt_buf group = { 0 }, summary = { 0 }, query = { 0 };
	_cleanup_buf_ struct nt_buf labels = { 0 }, notify = { 0 };
	const struct nt_rule *r = item->rule;
	struct nt_slice values[NT_STORE_GROUP_KEYS];

	nt_window_values(item->window, item->group, values);
	nt_text_group(r, values, &group);
	nt_text_summary(r, values, item->event.value, &summary);
	nt_text_filter(r, values, &query);
	nt_text_labels(r, &labels);
	nt_text_notify(r, &notify);
	p->failed |= !nt_buf_ok(&group) || !nt_buf_ok(&summary) || !nt_buf_ok(&query) ||
		     !nt_buf_ok(&labels) || !nt_buf_ok(&notify);
	item->event.rule = r->name;
	item->event.group = keep(p, nt_slice_mem(group.p, group.len));
	item->event.summary = keep(p, nt_slice_mem(summary.p, summary.len));
	item->event.query = keep(p, nt_slice_mem(query.p, query.len));
	item->event.labels = keep(p, nt_slice_mem(labels.p, labels.len));
	item->event.notify = keep(p, nt_slice_mem(notify.p, notify.len));
	item->event.metric = nt_slice_str(nt_rule_metric_name(r));
	item->event.condition = nt_slice_str(nt_rule_condition_name(r));
	item->event.severity = r->severity;
	item->event.threshold = r->threshold;
}

static int write_all(struct nt_pending *p, nt_pending_put_fn *put, void *ctx, int64_t *ids,
		     struct nt_err *err)
{
	_cleanup_free_ struct nt_store_event *events = calloc(p->len + 1, sizeof(*events));

	for (size_t i = 0; i < p->len && events && !p->failed; i++) {
		if (p->items[i].rule)
			fill(p, &p->items[i]);
		events[i] = p->items[i].event;
	}
	if (!events || p->failed)
		return nt_err_set(err, ENOMEM, "no memory for the events of alerts");
	return put(ctx, events, p->len, ids, p->changes, p->changes_len, err);
}

int nt_pending_write(struct nt_pending *p, nt_pending_put_fn *put, void *ctx, uint64_t *ret_opened,
		     uint64_t *ret_resolved, struct nt_err *err)
{
	_cleanup_free_ int64_t *ids = calloc(p->len + 1, sizeof(*ids));
	uint64_t opened = 0, resolved = 0;
	int r = 0;

	if (!ids)
		r = nt_err_set(err, ENOMEM, "no memory for the events of alerts");
	else if (p->len || p->changes_len || p->failed)
		r = write_all(p, put, ctx, ids, err);
	for (size_t i = 0; i < p->len; i++) {
		struct nt_pending_item *item = &p->items[i];

		if (item->group && item->group->pending == i + 1) {
			item->group->event.id = r == 0 ? ids[i] : item->group->event.id;
			item->group->pending = 0;
		}
		opened += !item->event.id;
		resolved += item->event.resolved_us != 0;
	}
	nt_pending_clear(p);
	if (r == 0) {
		*ret_opened = opened;
		*ret_resolved = resolved;
	}
	return r;
}
