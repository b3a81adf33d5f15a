/* SPDX-License-Identifier: Apache-2.0 */
/* GET alerts/receivers, POST alerts/receivers/{name}/test, and their metrics. */
#include "api/http/frame.h"

#include "controller/notify/notify.h"
#include "lib/base/cleanup.h"
#include "lib/base/metrics.h"

static void add_receiver(void *ctx, const struct nt_notify_state *s)
{
	struct nt_json *j = ctx;

	nt_json_open(j, '{');
	nt_json_key_str(j, "name", nt_slice_str(s->name));
	nt_json_key_str(j, "type", nt_slice_str(s->type));
	nt_json_key_str(j, "url", nt_slice_str(s->url));
	nt_json_key_u64(j, "pending", s->pending);
	nt_json_key_time_or_null(j, "oldest_pending", s->oldest_us);
	nt_json_key_u64(j, "delivered", s->delivered);
	nt_json_key_u64(j, "refused", s->refused);
	nt_json_key_u64(j, "given_up", s->given_up);
	nt_json_key_time_or_null(j, "last_delivered", s->delivered_us);
	nt_json_key_u64(j, "failures", s->failures);
	nt_json_key_str(j, "error", nt_slice_str(s->why));
	nt_json_close(j, '}');
}

static int write_receivers(struct nt_api *api, struct nt_store_reader *reader, void *ctx,
			   struct nt_reply *reply, struct nt_err *err)
{
	struct nt_json j = nt_frame_list_open(reply, "receivers");
	int r = 0;

	(void)ctx;
	if (api->notify)
		r = nt_notify_states(api->notify, reader, add_receiver, &j, err);
	nt_frame_list_close(&j);
	return r;
}

void nt_handle_receivers(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	if (nt_frame_plain(p, reply))
		nt_frame_from_store(api, write_receivers, NULL, reply);
}

void nt_handle_receiver_test(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	static const char *const outcomes[] = { [NT_OUTCOME_DELIVERED] = "delivered",
						[NT_OUTCOME_REFUSED] = "refused",
						[NT_OUTCOME_FAILED] = "failed" };
	const struct nt_slice *name = nt_params_find(p, "name");
	struct nt_json j = NT_JSON(&reply->body);
	struct nt_send_result result;
	struct nt_err err = { 0 };
	int r;

	if (nt_params_check(p, "name", &err) < 0) {
		nt_reply_problem(reply, 400, "%s", err.msg);
		return;
	}
	r = api->notify ? nt_notify_test(api->notify, *name, &result, &err)
			: nt_err_set(&err, ENOENT, "there are no receivers: see --receivers");
	if (r < 0) {
		nt_reply_problem(reply, r == -ENOENT ? 404 : 503, "%s", err.msg);
		return;
	}
	nt_reply_json(reply);
	nt_json_open(&j, '{');
	nt_json_key_str(&j, "outcome", nt_slice_str(outcomes[result.outcome]));
	nt_json_key_u64(&j, "status", (uint64_t)result.status);
	nt_json_key_str(&j, "error", nt_slice_str(result.why));
	nt_json_close(&j, '}');
}

/* --- metrics ---------------------------------------------------------------------------------- */

/* Of all receivers at once: a metric's samples stand together. */
struct states {
	struct nt_notify_state at[NT_STORE_RECEIVERS_MAX];
	size_t len;
};

static void keep_state(void *ctx, const struct nt_notify_state *s)
{
	struct states *all = ctx;

	all->at[all->len++] = *s;
}

static void sample(struct nt_buf *out, const char *metric, const struct nt_notify_state *s,
		   const char *outcome, uint64_t value)
{
	_cleanup_buf_ struct nt_buf labels = { 0 };

	nt_metrics_label(&labels, "receiver", nt_slice_str(s->name));
	if (outcome)
		nt_metrics_label(&labels, "outcome", nt_slice_str(outcome));
	nt_metrics_sample(out, metric, nt_buf_str(&labels), value);
}

static void write_states(const struct states *all, struct nt_buf *out)
{
	static const char notices[] = "nametap_controller_notify_notices_total",
			  failures[] = "nametap_controller_notify_attempts_failed_total",
			  pending[] = "nametap_controller_notify_pending",
			  oldest[] = "nametap_controller_notify_oldest_pending_seconds";

	nt_metrics_head(out, notices, "Notices of events, by what became of them.",
			NT_METRIC_COUNTER);
	for (size_t i = 0; i < all->len; i++) {
		sample(out, notices, &all->at[i], "delivered", all->at[i].delivered);
		sample(out, notices, &all->at[i], "refused", all->at[i].refused);
		sample(out, notices, &all->at[i], "given_up", all->at[i].given_up);
	}
	nt_metrics_head(out, failures, "Requests to receivers that failed and are tried again.",
			NT_METRIC_COUNTER);
	for (size_t i = 0; i < all->len; i++)
		sample(out, failures, &all->at[i], NULL, all->at[i].attempts_failed);
	nt_metrics_head(out, pending, "Notices that wait to be delivered.", NT_METRIC_GAUGE);
	for (size_t i = 0; i < all->len; i++)
		sample(out, pending, &all->at[i], NULL, all->at[i].pending);
	nt_metrics_head(out, oldest, "When the oldest of these was queued; 0: none waits.",
			NT_METRIC_GAUGE);
	for (size_t i = 0; i < all->len; i++)
		sample(out, oldest, &all->at[i], NULL, (uint64_t)all->at[i].oldest_us / 1000000);
}

void nt_receivers_metrics(struct nt_api *api, struct nt_buf *out)
{
	static const char dropped[] = "nametap_controller_notify_dropped_total";
	struct nt_store_reader *reader = NULL;
	struct nt_err err = { 0 };
	struct states all = { 0 };
	int r;

	nt_metrics_head(out, dropped, "Notices that found no room in the outbox.",
			NT_METRIC_COUNTER);
	nt_metrics_sample(out, dropped, NULL, nt_store_stats(api->store).outbox_dropped);
	if (!api->notify)
		return;
	r = nt_readers_take(&api->readers, &reader, &err);
	if (r == 0)
		r = nt_notify_states(api->notify, reader, keep_state, &all, &err);
	nt_readers_give(&api->readers, reader);
	if (r == 0)
		write_states(&all, out);
}
