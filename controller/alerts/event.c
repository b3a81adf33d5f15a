/* SPDX-License-Identifier: Apache-2.0 */
/* An event as JSON. */
#include "controller/alerts/event.h"

#include "lib/base/cleanup.h"

bool nt_event_is_for(const struct nt_store_event *e, struct nt_slice receiver)
{
	for (size_t i = 0; i + receiver.len + 1 < e->notify.len; i++)
		if (e->notify.p[i] == ',' && e->notify.p[i + receiver.len + 1] == ',' &&
		    nt_slice_eq(nt_slice_mem(e->notify.p + i + 1, receiver.len), receiver))
			return true;
	return e->notify.len == 0;
}

bool nt_event_copy(const struct nt_store_event *e, struct nt_arena *arena,
		   struct nt_store_event *ret_event)
{
	struct nt_store_event copy = *e;
	struct nt_slice *const texts[] = { &copy.rule,	     &copy.group,  &copy.summary,
					   &copy.query,	     &copy.metric, &copy.condition,
					   &copy.labels,     &copy.notify, &copy.acked_by,
					   &copy.ack_comment };

	for (size_t i = 0; i < NT_ARRAY_LEN(texts); i++) {
		*texts[i] = nt_arena_copy(arena, *texts[i]);
		if (!texts[i]->p)
			return false;
	}
	*ret_event = copy;
	return true;
}

static void write_id(struct nt_json *j, int64_t id)
{
	nt_json_key(j, "id");
	nt_json_value(j);
	nt_buf_printf(j->out, "\"%lld\"", (long long)id);
}

static void write_acknowledged(struct nt_json *j, const struct nt_store_event *e)
{
	nt_json_key(j, "acknowledged");
	if (!e->acked_us) {
		nt_json_null(j);
		return;
	}
	nt_json_open(j, '{');
	nt_json_key_str(j, "by", e->acked_by);
	nt_json_key_time(j, "at", e->acked_us);
	nt_json_key_str(j, "comment", e->ack_comment);
	nt_json_close(j, '}');
}

static void write_suppressed(struct nt_json *j, const struct nt_store_event *e)
{
	nt_json_key(j, "suppressed");
	if (!e->suppression) {
		nt_json_null(j);
		return;
	}
	nt_json_open(j, '{');
	write_id(j, e->suppression);
	nt_json_key_time(j, "until", e->suppressed_until_us);
	nt_json_close(j, '}');
}

void nt_event_json(struct nt_json *j, const struct nt_store_event *e)
{
	nt_json_open(j, '{');
	write_id(j, e->id);
	nt_json_key_str(j, "rule", e->rule);
	nt_json_key(j, "group");
	nt_json_value(j);
	nt_buf_slice(j->out, e->group); /* JSON as it is stored */
	nt_json_key(j, "labels");
	nt_json_value(j);
	nt_buf_slice(j->out, e->labels.len ? e->labels : NT_SLICE_LIT("{}"));
	nt_json_key_str(j, "summary", e->summary);
	nt_json_key_u64(j, "severity", e->severity);
	nt_json_key_str(j, "state", nt_slice_str(e->resolved_us ? "resolved" : "open"));
	nt_json_key_str(j, "metric", e->metric);
	nt_json_key_str(j, "condition", e->condition);
	nt_json_key(j, "threshold");
	nt_json_double(j, e->threshold);
	nt_json_key(j, "value");
	nt_json_double(j, e->value);
	nt_json_key(j, "peak");
	nt_json_double(j, e->peak);
	nt_json_key_time(j, "first_seen", e->first_seen_us);
	nt_json_key_time(j, "last_seen", e->last_seen_us);
	nt_json_key_time_or_null(j, "resolved", e->resolved_us);
	nt_json_key_str(j, "query", e->query);
	nt_json_key_time(j, "from", e->from_us);
	nt_json_key_time(j, "to", e->last_seen_us);
	write_acknowledged(j, e);
	write_suppressed(j, e);
	nt_json_close(j, '}');
}
