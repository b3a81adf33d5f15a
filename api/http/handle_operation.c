/* SPDX-License-Identifier: Apache-2.0 */
/* What operates the controller: healthz, metrics, and the agents' batches. */
#include "api/http/handlers.h"

#include "controller/agents/who.h"
#include "controller/ingest/ingest.h"
#include "controller/leader.h"
#include "controller/servers/servers.h"
#include "controller/status/rulestatus.h"
#include "controller/tls/tls.h"
#include "lib/base/cleanup.h"
#include "lib/base/json.h"
#include "lib/base/log.h"
#include "lib/base/metrics.h"
#include "lib/objects/metrics.h"

static bool stop_at_first(void *ctx, const struct nt_store_node *node)
{
	(void)ctx;
	(void)node;
	return false;
}

void nt_handle_healthz(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	struct nt_store_reader *reader = NULL;
	struct nt_err err = { 0 };
	int r;

	(void)p;
	r = nt_readers_take(&api->readers, &reader, &err);
	if (r == 0)
		r = nt_store_nodes(reader, stop_at_first, NULL, &err);
	nt_readers_give(&api->readers, reader);
	nt_reply_text(reply, "text/plain; charset=utf-8");
	reply->status = r == 0 ? 200 : 503;
	nt_buf_printf(&reply->body, "%s\n", r == 0 ? "ok" : err.msg);
}

/* Uploads can be taken: the store answers, and HTTPS has its certificate. */
void nt_handle_readyz(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	nt_handle_healthz(api, p, reply);
	if (reply->status != 200 || !api->tls || nt_tls_ends_s(api->tls))
		return;
	nt_reply_text(reply, "text/plain; charset=utf-8");
	reply->status = 503;
	nt_buf_puts(&reply->body, "no certificate yet\n");
}

struct metric {
	const char *name, *help;
	enum nt_metric_kind kind;
	uint64_t value;
};

static void write_metrics(struct nt_buf *out, const struct metric *metrics, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		nt_metrics_head(out, metrics[i].name, metrics[i].help, metrics[i].kind);
		nt_metrics_sample(out, metrics[i].name, NULL, metrics[i].value);
	}
}

/* One name, one label whose values are the given words. */
struct labelled {
	const char *value;
	uint64_t count;
};

static void write_labelled(struct nt_buf *out, const char *name, const char *help,
			   const char *label, const struct labelled *values, size_t len)
{
	nt_metrics_head(out, name, help, NT_METRIC_COUNTER);
	for (size_t i = 0; i < len; i++) {
		_cleanup_buf_ struct nt_buf text = { 0 };

		nt_metrics_label(&text, label, nt_slice_str(values[i].value));
		nt_metrics_sample(out, name, nt_buf_str(&text), values[i].count);
	}
}

static void write_ingest_metrics(struct nt_api *api, struct nt_buf *out)
{
	struct nt_ingest_stats s = nt_ingest_stats(api->ingest);
	const struct labelled outcomes[] = {
		{ "appended", s.appended },
		{ "duplicate", s.duplicates },
		{ "refused", s.refused },
		{ "foreign_node", s.foreign },
		{ "failed", s.failed },
		{ "deferred", s.deferred },
		{ "unauthorized", atomic_load(&api->counters.refused_token) },
		{ "too_large", atomic_load(&api->counters.refused_body) },
	};
	const struct metric metrics[] = {
		{ "nametap_controller_records_total", "Records of appended batches.",
		  NT_METRIC_COUNTER, s.records },
		{ "nametap_controller_records_folded_total",
		  "Of these, of a server's side whose client is tapped: no rows of the log.",
		  NT_METRIC_COUNTER, s.folded },
		{ "nametap_controller_records_foreign_total",
		  "Records of pods that run on another node than their sender: left out.",
		  NT_METRIC_COUNTER, s.foreign_records },
		{ "nametap_controller_endpoints_foreign_total",
		  "Endpoints of such pods: left out of coverage.", NT_METRIC_COUNTER,
		  s.foreign_endpoints },
		{ "nametap_controller_addresses_foreign_total",
		  "Addresses that another node's pod has: they do not count as their sender's.",
		  NT_METRIC_COUNTER, s.foreign_addresses },
		{ "nametap_controller_unlogged_packets_total",
		  "Packets that agents reported as seen and not logged in detail.",
		  NT_METRIC_COUNTER, s.unlogged_packets },
		{ "nametap_controller_ingest_bytes_total", "Octets of appended batches.",
		  NT_METRIC_COUNTER, s.bytes },
	};

	write_labelled(out, "nametap_controller_batches_total", "Batches by what became of them.",
		       "outcome", outcomes, NT_ARRAY_LEN(outcomes));
	write_metrics(out, metrics, NT_ARRAY_LEN(metrics));
}

static void write_status_metrics(struct nt_api *api, struct nt_buf *out)
{
	struct nt_rulestatus_figures f = nt_rulestatus_figures(api->rulestatus);
	const struct metric metrics[] = {
		{ "nametap_controller_rule_status_written_total",
		  "Times that a GlobalAlert's status was written.", NT_METRIC_COUNTER, f.written },
		{ "nametap_controller_rule_status_failed_total",
		  "Requests about it that the API did not answer as they were meant.",
		  NT_METRIC_COUNTER, f.failed },
		{ "nametap_controller_rule_status_waiting",
		  "GlobalAlerts whose status may not be what it should be.", NT_METRIC_GAUGE,
		  f.waiting },
	};

	write_metrics(out, metrics, NT_ARRAY_LEN(metrics));
}

static void write_alert_metrics(struct nt_api *api, struct nt_buf *out)
{
	struct nt_alerts_stats s = nt_ingest_alerts_stats(api->ingest);
	struct nt_store_stats store = nt_store_stats(api->store);
	const struct metric metrics[] = {
		{ "nametap_controller_alert_rules", "GlobalAlert objects.", NT_METRIC_GAUGE,
		  s.rules },
		{ "nametap_controller_alert_rules_refused", "GlobalAlert objects with a mistake.",
		  NT_METRIC_GAUGE, s.rules_refused },
		{ "nametap_controller_alert_selftests_total", "Self tests of rules that were made.",
		  NT_METRIC_COUNTER, s.selftests },
		{ "nametap_controller_alert_selftests_pending", "Rules that wait for theirs.",
		  NT_METRIC_GAUGE, s.selftests_pending },
		{ "nametap_controller_alert_selftests_failed", "Rules that failed theirs.",
		  NT_METRIC_GAUGE, s.selftests_failed },
		{ "nametap_controller_alert_selftests_not_generated",
		  "Rules for whose self test no rows were made.", NT_METRIC_GAUGE,
		  s.selftests_not_generated },
		{ "nametap_controller_alert_groups", "Groups of rules in memory.", NT_METRIC_GAUGE,
		  s.groups },
		{ "nametap_controller_alert_groups_remembered",
		  "Groups of which rules with unseenFor know that they were seen.", NT_METRIC_GAUGE,
		  s.remembered },
		{ "nametap_controller_alert_over_total",
		  "Rows, events and remembered groups of alerts for which there was no room.",
		  NT_METRIC_COUNTER, s.groups_over },
		{ "nametap_controller_alert_evaluations_total", "Windows that were evaluated.",
		  NT_METRIC_COUNTER, s.evaluations },
		{ "nametap_controller_alert_late_windows_total",
		  "Windows evaluated later than a period of their rule after they were due.",
		  NT_METRIC_COUNTER, s.late_windows },
		{ "nametap_controller_alert_delay_max_milliseconds",
		  "The longest that a window waited for that, since the start.", NT_METRIC_GAUGE,
		  s.delay_max_us / 1000 },
		{ "nametap_controller_alert_events_opened_total", "Events opened.",
		  NT_METRIC_COUNTER, s.events_opened },
		{ "nametap_controller_alert_events_resolved_total", "Events that ended.",
		  NT_METRIC_COUNTER, s.events_resolved },
		{ "nametap_controller_alert_events_acknowledged_total",
		  "Acknowledgements of events.", NT_METRIC_COUNTER, store.acknowledged },
		{ "nametap_controller_alert_events_suppressed_total",
		  "Events that opened under a suppression: nobody was told.", NT_METRIC_COUNTER,
		  store.events_suppressed },
		{ "nametap_controller_alert_events_released_total",
		  "Of these the ones that were open still at its end, and are told.",
		  NT_METRIC_COUNTER, store.events_released },
		{ "nametap_controller_alert_suppressions", "Suppressions that hold now.",
		  NT_METRIC_GAUGE, store.suppressions },
		{ "nametap_controller_alert_rows_unreadable_total",
		  "Stored rows that could not be read when figures of alerts were made.",
		  NT_METRIC_COUNTER, s.rows_unreadable },
		{ "nametap_controller_alert_late_rows_total",
		  "Rows that came when their window was closed, or outside of all windows.",
		  NT_METRIC_COUNTER, s.late_rows },
	};

	write_metrics(out, metrics, NT_ARRAY_LEN(metrics));
}

static void write_leader_metrics(struct nt_api *api, struct nt_buf *out)
{
	struct nt_leader_state s;

	nt_leader_state(api->leader, &s);
	write_metrics(out,
		      (const struct metric[]){
			      { "nametap_controller_leader",
				"1: alerts are evaluated, and receivers told, by this controller.",
				NT_METRIC_GAUGE, s.leads },
			      { "nametap_controller_leader_transitions_total",
				"Times that it began to, or ceased to.", NT_METRIC_COUNTER,
				s.transitions },
			      { "nametap_controller_leader_failures_total",
				"Requests about its Lease that failed.", NT_METRIC_COUNTER,
				s.failures },
		      },
		      3);
}

static void write_enrich_metrics(struct nt_api *api, struct nt_buf *out)
{
	struct nt_ingest_enriched s = nt_ingest_enriched(api->ingest);
	const struct labelled rows[] = {
		{ "there", s.enrich.rows_there },     { "gone", s.enrich.rows_gone },
		{ "other", s.enrich.rows_other },     { "elsewhere", s.enrich.rows_elsewhere },
		{ "unknown", s.enrich.rows_unknown },
	};
	const struct metric metrics[] = {
		{ "nametap_controller_pods_gone",
		  "Pods that are gone and kept for their last batches.", NT_METRIC_GAUGE,
		  s.enrich.gone },
		{ "nametap_controller_pods_gone_early_total",
		  "Pods that are gone and were forgotten early, for want of room.",
		  NT_METRIC_COUNTER, s.enrich.gone_early },
		{ "nametap_controller_objects_lost_total",
		  "Changes of objects for which there was no memory.", NT_METRIC_COUNTER,
		  s.enrich.lost },
		{ "nametap_controller_pod_waits_total",
		  "Batches that waited for the objects of their pods.", NT_METRIC_COUNTER,
		  s.waits },
		{ "nametap_controller_pod_waits_in_vain_total",
		  "Batches that waited for an object that did not come.", NT_METRIC_COUNTER,
		  s.waits_in_vain },
	};

	write_labelled(out, "nametap_controller_client_rows_total",
		       "Rows of pods by what objects say of the pod: there, gone, only another of "
		       "that name, only such a one on another node, unknown.",
		       "pod", rows, NT_ARRAY_LEN(rows));
	write_metrics(out, metrics, NT_ARRAY_LEN(metrics));
}

static void write_object_metrics(void *ctx, const struct nt_objects *objects)
{
	if (objects)
		nt_objects_metrics(objects, "nametap_controller", ctx);
}

/* One series for each way in which servers of now are seen. */
static void write_judged(const struct nt_servers_found *found, size_t len, struct nt_buf *out)
{
	const char *name = "nametap_controller_dns_servers";
	uint64_t counts[NT_ENDS_REASONS] = { 0 };

	for (size_t i = 0; i < len; i++)
		counts[found[i].verdict.reason]++;
	nt_metrics_head(out, name,
			"DNS servers of the last hour by the ends of their lookups that are seen, "
			"and why not both.",
			NT_METRIC_GAUGE);
	for (enum nt_ends_reason r = 0; r < NT_ENDS_REASONS; r++) {
		_cleanup_buf_ struct nt_buf labels = { 0 };
		enum nt_ends ends = r == NT_ENDS_REASON_NONE	      ? NT_ENDS_BOTH
				    : r == NT_ENDS_CLIENTS_NOT_TAPPED ? NT_ENDS_SERVER
								      : NT_ENDS_CLIENT;

		nt_metrics_label(&labels, "ends", nt_slice_str(nt_ends_name(ends)));
		nt_metrics_label(&labels, "reason",
				 r ? nt_slice_str(nt_ends_reason_name(r)) : NT_SLICE_LIT("none"));
		nt_metrics_sample(out, name, nt_buf_str(&labels), counts[r]);
	}
}

static void write_server_metrics(struct nt_api *api, struct nt_buf *out)
{
	_cleanup_free_ struct nt_servers_found *found = NULL;
	struct nt_store_reader *reader = NULL;
	struct nt_err err = { 0 };
	uint64_t over = 0;
	size_t len = 0;
	int r = nt_ingest_servers(api->ingest, nt_now_us(), &found, &len, &over);

	if (r == 0)
		r = nt_readers_take(&api->readers, &reader, &err);
	if (r == 0)
		r = nt_servers_judge(found, len, reader, &err);
	nt_readers_give(&api->readers, reader);
	if (r == 0)
		write_judged(found, len, out);
	write_metrics(out,
		      &(struct metric){ "nametap_controller_dns_servers_over_total",
					"Rows whose server found no room among the DNS servers.",
					NT_METRIC_COUNTER, over },
		      1);
}

static void write_store_metrics(struct nt_api *api, struct nt_buf *out)
{
	struct nt_store_stats s = nt_store_stats(api->store);
	const struct metric metrics[] = {
		{ "nametap_controller_store_rows", "Rows in the store.", NT_METRIC_GAUGE, s.rows },
		{ "nametap_controller_store_bytes", "Octets of the store on disk.", NT_METRIC_GAUGE,
		  s.bytes },
		{ "nametap_controller_store_oldest_seconds", "Start of the oldest row.",
		  NT_METRIC_GAUGE, (uint64_t)s.oldest_us / 1000000 },
		{ "nametap_controller_store_newest_seconds", "Start of the newest row.",
		  NT_METRIC_GAUGE, (uint64_t)s.newest_us / 1000000 },
		{ "nametap_controller_rows_unreadable_total",
		  "Times that a stored row was asked for and could not be read.", NT_METRIC_COUNTER,
		  atomic_load(&api->counters.rows_unreadable) },
		{ "nametap_controller_joined_lookups_total",
		  "Lookups whose hops were found, from both ends.", NT_METRIC_COUNTER,
		  s.joined_lookups },
		{ "nametap_controller_join_rows", "Rows held to be joined with their other end.",
		  NT_METRIC_GAUGE, s.join_rows },
		{ "nametap_controller_join_forgotten_total",
		  "Rows that went before they met their other end.", NT_METRIC_COUNTER,
		  s.join_forgotten },
		{ "nametap_controller_join_peers_forgotten_total",
		  "Nodes, servers and losses of pods that the join pushed out at its bounds.",
		  NT_METRIC_COUNTER, s.join_peers_forgotten },
		{ "nametap_controller_join_rereads_total",
		  "Times that the join was made again from the store's rows, after a batch that was"
		  " not stored.",
		  NT_METRIC_COUNTER, s.join_rereads },
		{ "nametap_controller_start_seconds", "When this process began.", NT_METRIC_GAUGE,
		  (uint64_t)api->started_us / 1000000 },
	};

	write_metrics(out, metrics, NT_ARRAY_LEN(metrics));
}

static void write_http_metrics(struct nt_http_counters *c, struct nt_buf *out)
{
	const struct labelled classes[] = {
		{ "2xx", atomic_load(&c->by_class[2]) },
		{ "3xx", atomic_load(&c->by_class[3]) },
		{ "4xx", atomic_load(&c->by_class[4]) },
		{ "5xx", atomic_load(&c->by_class[5]) },
	};
	const struct labelled refused[] = {
		{ "host", atomic_load(&c->refused_host) },
		{ "origin", atomic_load(&c->refused_origin) },
		{ "token", atomic_load(&c->refused_token) + atomic_load(&c->refused_operator) },
		{ "body", atomic_load(&c->refused_body) + atomic_load(&c->refused_object) },
		{ "batch", atomic_load(&c->refused_batch) },
		{ "node", atomic_load(&c->refused_node) },
		{ "unchecked", atomic_load(&c->unchecked_token) },
		{ "tls", atomic_load(&c->refused_tls) },
		{ "slow", atomic_load(&c->slow_closed) },
	};
	const struct metric metrics[] = {
		{ "nametap_controller_http_connections_total", "Connections taken.",
		  NT_METRIC_COUNTER, atomic_load(&c->connections) },
	};

	write_labelled(out, "nametap_controller_http_replies_total", "Replies by status.", "code",
		       classes, NT_ARRAY_LEN(classes));
	write_labelled(out, "nametap_controller_http_refused_total", "Requests refused, by why.",
		       "reason", refused, NT_ARRAY_LEN(refused));
	write_metrics(out, metrics, NT_ARRAY_LEN(metrics));
}

static void write_agent_metrics(struct nt_api *api, struct nt_buf *out)
{
	struct nt_who_stats s = api->who ? nt_who_stats(api->who) : (struct nt_who_stats){ 0 };
	const struct labelled outcomes[] = {
		{ "good", s.good },
		{ "refused", s.refused },
		{ "away", s.away },
	};
	const struct metric metrics[] = {
		{ "nametap_controller_token_grace_total",
		  "Times that a token held on while the API server could not be asked.",
		  NT_METRIC_COUNTER, s.grace },
		{ "nametap_controller_token_queue_full_total",
		  "Times that a token found no room among those that wait to be checked.",
		  NT_METRIC_COUNTER, s.full },
		{ "nametap_controller_tokens", "Tokens in the cache.", NT_METRIC_GAUGE, s.known },
		{ "nametap_controller_certificate_end_seconds",
		  "When the certificate of HTTPS ends; 0: there is none.", NT_METRIC_GAUGE,
		  api->tls ? (uint64_t)nt_tls_ends_s(api->tls) : 0 },
	};

	write_labelled(out, "nametap_controller_token_reviews_total",
		       "Agents' tokens that the API server was asked about.", "outcome", outcomes,
		       NT_ARRAY_LEN(outcomes));
	write_metrics(out, metrics, NT_ARRAY_LEN(metrics));
}

void nt_handle_metrics(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	(void)p;
	nt_reply_text(reply, "text/plain; version=0.0.4; charset=utf-8");
	write_ingest_metrics(api, &reply->body);
	write_store_metrics(api, &reply->body);
	write_alert_metrics(api, &reply->body);
	write_leader_metrics(api, &reply->body);
	write_status_metrics(api, &reply->body);
	nt_receivers_metrics(api, &reply->body);
	nt_feeds_metrics(api, &reply->body);
	nt_ingest_objects(api->ingest, write_object_metrics, &reply->body);
	write_enrich_metrics(api, &reply->body);
	write_server_metrics(api, &reply->body);
	write_http_metrics(&api->counters, &reply->body);
	write_agent_metrics(api, &reply->body);
}

void nt_handle_ingest(struct nt_api *api, struct nt_slice body,
		      const struct nt_ingest_sender *sender, struct nt_reply *reply)
{
	enum nt_store_outcome outcome = NT_STORE_APPENDED;
	struct nt_json j = NT_JSON(&reply->body);
	struct nt_err err = { 0 };
	int r = nt_ingest_batch_from(api->ingest, body, sender, &outcome, &err);

	if (r == -EBADMSG || r == -EPERM) {
		nt_reply_problem(reply, r == -EPERM ? 403 : 400, "%s", err.msg);
		return;
	}
	if (r == -EAGAIN) {
		nt_reply_problem(reply, 429, "%s", err.msg);
		return;
	}
	if (r < 0) {
		nt_log_error("a batch could not be stored, its agent sends it again: %s", err.msg);
		nt_reply_problem(reply, 503, "%s", err.msg);
		return;
	}
	nt_reply_json(reply);
	nt_json_open(&j, '{');
	nt_json_key_str(&j, "outcome",
			nt_slice_str(outcome == NT_STORE_DUPLICATE ? "duplicate" : "appended"));
	nt_json_close(&j, '}');
}
