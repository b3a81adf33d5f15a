/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics and /healthz. */
#include "dataplane/agent/status.h"

#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/metrics.h"
#include "lib/base/parse.h"
#include "lib/objects/metrics.h"

#define CONNECTIONS_MAX 16
#define CONNECTION_SECONDS 5u

struct nt_status {
	struct nt_status_source source;
	struct nt_loop *loop;
	struct MHD_Daemon *daemon;
	struct nt_timer *timer;
	int fd;
};

/* --- the text --------------------------------------------------------------------------------- */

/* What ends with _total is a counter, all others are gauges, as Prometheus has it. */
static void one(struct nt_buf *out, const char *name, const char *help, uint64_t value)
{
	size_t len = strlen(name);
	bool is_counter = len > 6 && strcmp(name + len - 6, "_total") == 0;

	nt_metrics_head(out, name, help, is_counter ? NT_METRIC_COUNTER : NT_METRIC_GAUGE);
	nt_metrics_sample(out, name, NULL, value);
}

static void put_losses(struct nt_buf *out, const struct nt_agent_stats *stats)
{
	const char *name = "nametap_agent_packets_unlogged_total";

	nt_metrics_head(out, name, "DNS packets that are in no LOG row, by reason",
			NT_METRIC_COUNTER);
	for (unsigned int r = 0; r < NT_REASON_MAX; r++) {
		_cleanup_buf_ struct nt_buf label = { 0 };

		if (r == NT_REASON_UNACCOUNTED ||
		    strcmp(nt_reason_name(r), nt_reason_name(NT_REASON_UNACCOUNTED)) != 0) {
			nt_metrics_label(&label, "reason", nt_slice_str(nt_reason_name(r)));
			nt_metrics_sample(out, name, nt_buf_str(&label), stats->lost[r]);
		}
	}
}

static void put_packets(struct nt_buf *out, const struct nt_agent *a)
{
	const struct nt_agent_stats *s = &a->stats;

	one(out, "nametap_agent_events_total", "Samples taken from the ring buffer", s->events);
	one(out, "nametap_agent_events_bad_total", "Samples that were no event", s->bad_events);
	one(out, "nametap_agent_packets_total", "DNS packets taken from the ring buffer",
	    s->datagrams);
	one(out, "nametap_agent_packets_logged_total", "DNS datagrams in LOG rows, or waiting",
	    s->logged);
	one(out, "nametap_agent_queries_total", "DNS queries", s->queries);
	one(out, "nametap_agent_replies_total", "DNS replies", s->replies);
	one(out, "nametap_agent_parse_errors_total", "DNS datagrams that would not parse",
	    s->parse_errors);
	one(out, "nametap_agent_lookups_folded_total", "Lookups whose name is not in their row",
	    s->folded);
	one(out, "nametap_agent_repeated_total", "Datagrams dropped as covered by the spool",
	    s->repeated);
	one(out, "nametap_agent_before_tap_packets_total",
	    "Packets of any protocol that the kernel dropped between pods and taps", s->before_tap);
	put_losses(out, s);
}

static void put_streams(struct nt_buf *out, const struct nt_agent *a)
{
	struct nt_stream_stats s = nt_streams_stats(a->streams);

	one(out, "nametap_agent_tcp_segments_total", "TCP segments taken from the ring buffer",
	    a->stats.tcp_segments);
	one(out, "nametap_agent_tcp_messages_total", "DNS messages read from TCP streams",
	    a->stats.tcp_messages);
	one(out, "nametap_agent_tcp_streams", "TCP streams in the table", s.streams);
	one(out, "nametap_agent_tcp_streams_total", "TCP streams that were begun", s.opened);
	one(out, "nametap_agent_tcp_stream_bytes", "Octets that wait for the rest of a message",
	    s.bytes);
	one(out, "nametap_agent_tcp_streams_evicted_total", "Streams that went for lack of room",
	    s.evicted);
	one(out, "nametap_agent_tcp_gaps_total", "Holes in streams that were given up", s.gaps);
	one(out, "nametap_agent_tcp_gap_bytes_total", "Octets of streams that never came",
	    s.gap_octets);
	one(out, "nametap_agent_tcp_conflicts_total",
	    "Segments that brought other octets than those that came first", s.conflicts);
	one(out, "nametap_agent_fragments_unknown_total",
	    "Fragments of UDP whose first one was not seen", a->stats.fragments_unknown);
}

static void put_tables(struct nt_buf *out, const struct nt_agent *a)
{
	struct nt_pair_stats pair = nt_pair_stats(a->pair);
	const struct nt_agent_pod *pod;
	uint64_t tapped = 0;
	size_t at = 0;

	while ((pod = nt_podtable_next(&a->pods, &at)))
		tapped += pod->known && nt_pod_is_tapped(&pod->pod);
	one(out, "nametap_agent_pods_tapped", "Pods that are tapped", tapped);
	one(out, "nametap_agent_pods", "Pods in the table, gone ones included", a->pods.map.len);
	one(out, "nametap_agent_attach_failures", "Pods whose attachment failed",
	    a->failed.failing);
	one(out, "nametap_agent_pairing_entries", "Queries in the pairing table", pair.entries);
	one(out, "nametap_agent_pairing_waiting", "Queries that wait for a reply", pair.waiting);
	one(out, "nametap_agent_pairing_evicted_total", "Queries given up early for lack of room",
	    pair.evicted);
	one(out, "nametap_agent_pod_rows", "Rows with a name that a pod may have per interval",
	    a->rows_now);
	one(out, "nametap_agent_row_bytes", "Memory of the open interval's rows",
	    nt_agent_row_bytes(a));
	one(out, "nametap_agent_rows_total", "Rows in batches", a->stats.rows);
	one(out, "nametap_agent_flushes_early_total", "Flushes because rows were many",
	    a->stats.early_flushes);
	one(out, "nametap_agent_flush_failures_total", "Batches that could not be written",
	    a->stats.write_failures);
}

static void put_host(struct nt_buf *out, const struct nt_hostaddrs *h)
{
	one(out, "nametap_agent_host_addresses", "Addresses of the host's network that are told",
	    h->known.len / sizeof(struct nt_batch_address));
	one(out, "nametap_agent_host_addresses_left_out",
	    "Further ones, for which there is no room", h->left_out);
	one(out, "nametap_agent_host_addresses_dropped_total",
	    "Begins and ends of such addresses that no batch tells", h->dropped);
}

static void put_taps(struct nt_buf *out, struct nt_keeper *keeper)
{
	struct nt_keep_stats s = nt_keeper_stats(keeper);

	one(out, "nametap_agent_taps", "Pods whose taps are kept in place", s.kept);
	one(out, "nametap_agent_taps_tcx", "Of these, by tcx and not by clsact", s.tcx);
	one(out, "nametap_agent_taps_removed_total", "Taps that another program removed",
	    s.removed);
	one(out, "nametap_agent_taps_shadowed_total",
	    "Taps before which another program was put that may hide packets", s.shadowed);
	one(out, "nametap_agent_taps_settled_total", "Links brought to their hook and place",
	    s.settled);
	one(out, "nametap_agent_taps_failures_total", "Attempts at that which failed", s.failures);
}

static void put_spool(struct nt_buf *out, const struct nt_agent *a)
{
	struct nt_spool_stats s = nt_spool_stats(a->spool);

	one(out, "nametap_agent_spool_batches", "Batches that wait for the controller", s.files);
	one(out, "nametap_agent_spool_batches_held",
	    "Of these, of a former name of the node: they are not taken from this agent", s.held);
	one(out, "nametap_agent_spool_bytes", "Octets of the spool's files", s.bytes);
	one(out, "nametap_agent_batches_written_total", "Batches written", s.written);
	one(out, "nametap_agent_batches_acknowledged_total", "Batches that the controller has",
	    s.acknowledged);
	one(out, "nametap_agent_batches_dropped_total", "Batches dropped, the spool was full",
	    s.dropped);
	one(out, "nametap_agent_batches_rejected_total", "Batches that the controller refused",
	    s.rejected);
	one(out, "nametap_agent_batches_torn_total", "Spool files set aside as damaged", s.torn);
	one(out, "nametap_agent_batches_lost_total",
	    "Batches that were damaged or that somebody removed; stated as UNLOGGED", s.lost);
	one(out, "nametap_agent_batches_lost_unnoted_total",
	    "Of these, which could not be stated: what they held was not noted", s.lost_unnoted);
	one(out, "nametap_agent_spool_batches_unnoted",
	    "Batches of which it is not noted what they hold, for lack of room or not yet",
	    s.unnoted);
	one(out, "nametap_agent_spool_note_bytes", "Memory of these notes", s.note_bytes);
}

static void put_ring(struct nt_buf *out, const struct nt_ring *ring)
{
	struct nt_ring_stats s = nt_ring_stats(ring);

	one(out, "nametap_agent_ring_bytes", "Size of the ring buffer", s.bytes);
	one(out, "nametap_agent_ring_used_bytes", "Octets in the ring buffer", s.used_bytes);
	one(out, "nametap_agent_ring_used_max_bytes", "Most that a drain found", s.used_max_bytes);
	one(out, "nametap_agent_ring_wakeups_total", "Wake-ups because a quarter was full",
	    s.wakeups);
}

static void put_export(struct nt_buf *out, const struct nt_export *export)
{
	struct nt_export_stats s = nt_export_stats(export);

	one(out, "nametap_agent_upload_failures_total", "Uploads that are tried again", s.failures);
	one(out, "nametap_agent_upload_duplicates_total", "Uploads that the controller had already",
	    s.duplicates);
}

static void put_rules(struct nt_buf *out, const struct nt_rules *rules)
{
	struct nt_rules_stats s = nt_rules_stats(rules);

	one(out, "nametap_agent_policies", "Policies in the objects", s.policies);
	one(out, "nametap_agent_policies_refused", "Of these, whose newest form is refused",
	    s.refused);
	one(out, "nametap_agent_policy_slots", "Compiled policies in the kernel", s.slots);
	one(out, "nametap_agent_endpoint_writes_total", "Pods whose policies were changed",
	    s.written);
	one(out, "nametap_agent_endpoint_failures_total",
	    "Pods whose policies could not be changed", s.failures);
}

static void put_adopt(struct nt_buf *out, const struct nt_adopt *adopt)
{
	struct nt_adopt_stats s = nt_adopt_stats(adopt);

	one(out, "nametap_agent_adopted_total", "Running pods tapped without an ADD", s.adopted);
	one(out, "nametap_agent_adopt_lost_total", "Pods whose link went without a DEL", s.lost);
	one(out, "nametap_agent_adopt_failed", "Running pods that cannot be tapped", s.failed);
	one(out, "nametap_agent_cni_cache_bad", "Files of the CNI cache that are no entries",
	    s.bad_entries);
}

static void put_events(struct nt_buf *out, const struct nt_podevents *events)
{
	const char *name = "nametap_agent_pod_events_total";
	struct nt_podevents_stats s = nt_podevents_stats(events);
	const struct {
		const char *labels;
		uint64_t value;
	} samples[] = {
		{ "outcome=\"posted\"", s.posted },
		{ "outcome=\"known\"", s.known },
		{ "outcome=\"failed\"", s.failed },
		{ "outcome=\"dropped\"", s.dropped },
	};

	nt_metrics_head(out, name, "Kubernetes Events of pods that are not tapped, by outcome",
			NT_METRIC_COUNTER);
	for (size_t i = 0; i < NT_ARRAY_LEN(samples); i++)
		nt_metrics_sample(out, name, samples[i].labels, samples[i].value);
	one(out, "nametap_agent_pod_events_waiting", "Kubernetes Events in the queue", s.waiting);
}

static void put_install(struct nt_buf *out, const struct nt_watcher *watcher)
{
	struct nt_installer_stats s = nt_watcher_stats(watcher);
	const char *name = "nametap_agent_install_state";

	nt_metrics_head(out, name, "1 for the state of the plugin's place in the CNI chain",
			NT_METRIC_GAUGE);
	for (unsigned int i = 0; i < NT_INSTALL_STATES; i++) {
		_cleanup_buf_ struct nt_buf label = { 0 };

		nt_metrics_label(&label, "state", nt_slice_str(nt_install_state_names[i]));
		nt_metrics_sample(out, name, nt_buf_str(&label), s.state == i);
	}
	one(out, "nametap_agent_install_drop_in", "Whether libcni's drop-in folder is what is used",
	    s.drop_in == NT_DROPIN_PROVEN);
	one(out, "nametap_agent_install_drop_in_fallbacks_total",
	    "Times that a sandbox without an ADD ended the use of the drop-in folder", s.fallbacks);
	one(out, "nametap_agent_install_repairs_total", "Files of the CNI folders written",
	    s.repairs);
	one(out, "nametap_agent_install_failures_total", "Looks at the CNI folders that failed",
	    s.failures);
	one(out, "nametap_agent_install_races_total",
	    "Repairs given up because another program wrote the file; tried again", s.races);
	one(out, "nametap_agent_install_half_written_total",
	    "Times that a configuration was found half-written", s.half);
	one(out, "nametap_agent_install_fights_total",
	    "Times that another program undid our entry again and again", s.fights);
}

static void put_conntrack(struct nt_buf *out, const struct nt_conntrack *conntrack)
{
	struct nt_conntrack_stats s = nt_conntrack_stats(conntrack);

	one(out, "nametap_agent_conntrack_up",
	    "Whether connection tracking tells which backend of a Service is asked",
	    !nt_conntrack_why_not(conntrack)[0]);
	one(out, "nametap_agent_conntrack_flows_total", "DNS flows that it told of",
	    s.backends.flows);
	one(out, "nametap_agent_conntrack_flows_translated_total", "Of these, to a backend",
	    s.backends.translated);
	one(out, "nametap_agent_conntrack_messages_bad_total", "Messages that were none of a flow",
	    s.backends.bad);
	one(out, "nametap_agent_conntrack_overruns_total",
	    "Times that messages were lost and all flows forgotten", s.overruns);
	one(out, "nametap_agent_conntrack_asked_total", "Flows from before that it was asked for",
	    s.asked);
	one(out, "nametap_agent_conntrack_found_total",
	    "Lookups of pods behind a Service with their backend", s.found);
	one(out, "nametap_agent_conntrack_missed_total", "The same without it", s.missed);
}

/* As an _info metric has it: the value says nothing. */
static void put_domain(struct nt_buf *out, const char *domain, const char *source)
{
	const char *name = "nametap_agent_cluster_domain_info";
	_cleanup_buf_ struct nt_buf labels = { 0 };

	nt_metrics_label(&labels, "domain", nt_slice_str(domain));
	nt_metrics_label(&labels, "source", nt_slice_str(source));
	nt_metrics_head(out, name, "The cluster domain and where it is from", NT_METRIC_GAUGE);
	nt_metrics_sample(out, name, nt_buf_str(&labels), 1);
}

void nt_status_metrics(const struct nt_status_source *source, struct nt_buf *out)
{
	put_packets(out, source->agent);
	put_streams(out, source->agent);
	put_tables(out, source->agent);
	put_host(out, &source->agent->hostaddrs);
	one(out, "nametap_agent_gaps_total", "Gaps in coverage that began",
	    source->agent->stats.gaps);
	one(out, "nametap_agent_gaps_dropped_total", "Begins and ends of gaps that no batch tells",
	    source->agent->stats.gaps_dropped);
	put_spool(out, source->agent);
	if (source->cluster_domain_source)
		put_domain(out, source->agent->config.cluster_domain,
			   source->cluster_domain_source);
	if (source->ring)
		put_ring(out, source->ring);
	if (source->export)
		put_export(out, source->export);
	if (source->keeper)
		put_taps(out, source->keeper);
	if (source->rules)
		put_rules(out, source->rules);
	if (source->objects)
		nt_objects_metrics(source->objects, "nametap_agent", out);
	if (source->adopt)
		put_adopt(out, source->adopt);
	if (source->kube && nt_kubeaccess_events(source->kube))
		put_events(out, nt_kubeaccess_events(source->kube));
	if (source->watcher)
		put_install(out, source->watcher);
	if (source->conntrack)
		put_conntrack(out, source->conntrack);
}

/* --- the port --------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned int status, struct nt_buf *text)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(
		text->len, (void *)nt_buf_str(text), MHD_RESPMEM_MUST_COPY);
	enum MHD_Result r;

	if (!response)
		return MHD_NO;
	(void)MHD_add_response_header(response, "Content-Type", "text/plain; version=0.0.4");
	r = MHD_queue_response(c, status, response);
	MHD_destroy_response(response);
	return r;
}

static enum MHD_Result on_request(void *ctx, struct MHD_Connection *c, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_len, void **state)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_status *s = ctx;
	bool is_get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

	(void)version, (void)upload;
	*upload_len = 0;
	if (!*state) { /* headers only; the answer comes with the next call */
		*state = s;
		return MHD_YES;
	}
	if (!is_get) {
		nt_buf_puts(&text, "only GET\n");
		return answer(c, MHD_HTTP_METHOD_NOT_ALLOWED, &text);
	}
	if (strcmp(url, "/healthz") == 0) {
		nt_buf_puts(&text, "ok\n");
		return answer(c, MHD_HTTP_OK, &text);
	}
	if (strcmp(url, "/metrics") != 0) {
		nt_buf_puts(&text, "there are /metrics and /healthz\n");
		return answer(c, MHD_HTTP_NOT_FOUND, &text);
	}
	nt_status_metrics(&s->source, &text);
	return answer(c, MHD_HTTP_OK, &text);
}

static void on_ready(void *ctx, int fd, uint32_t events)
{
	struct nt_status *s = ctx;

	(void)fd, (void)events;
	(void)MHD_run(s->daemon);
}

static void on_second(void *ctx)
{
	struct nt_status *s = ctx;

	(void)MHD_run(s->daemon); /* for its time-outs */
}

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static int parse_listen(const char *listen, union address *ret, struct nt_err *err)
{
	const char *colon = strrchr(listen, ':');
	struct nt_slice host = nt_slice_mem(listen, colon ? (size_t)(colon - listen) : 0);
	struct nt_addr addr;
	uint64_t port;

	if (host.len > 2 && host.p[0] == '[' && host.p[host.len - 1] == ']')
		host = nt_slice_mem(host.p + 1, host.len - 2);
	if (!colon || nt_addr_parse(host, &addr) < 0 ||
	    nt_parse_u64(nt_slice_str(colon + 1), 65535, &port) < 0)
		return nt_err_set(err, EINVAL, "--listen: \"%s\" is no address and port", listen);
	memset(ret, 0, sizeof(*ret));
	if (addr.family == 4) {
		ret->v4.sin_family = AF_INET;
		ret->v4.sin_port = htons((uint16_t)port);
		memcpy(&ret->v4.sin_addr, addr.octets, 4);
	} else {
		ret->v6.sin6_family = AF_INET6;
		ret->v6.sin6_port = htons((uint16_t)port);
		memcpy(&ret->v6.sin6_addr, addr.octets, 16);
	}
	if (addr.family == 4 ? addr.octets[0] != 127 : !IN6_IS_ADDR_LOOPBACK(&ret->v6.sin6_addr))
		return nt_err_set(err, EINVAL, "--listen: \"%s\" is no loopback address", listen);
	return 0;
}

int nt_status_check(const char *listen, struct nt_err *err)
{
	union address address;

	return parse_listen(listen, &address, err);
}

static struct MHD_Daemon *start(struct nt_status *s, union address *address)
{
	unsigned int flags = MHD_USE_EPOLL;

	if (address->any.sa_family == AF_INET6)
		flags |= MHD_USE_IPv6;
	return MHD_start_daemon(flags, 0, NULL, NULL, on_request, s, MHD_OPTION_SOCK_ADDR,
				&address->any, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
				MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_SECONDS, MHD_OPTION_END);
}

int nt_status_open(const char *listen, const struct nt_status_source *source, struct nt_loop *loop,
		   struct nt_status **ret_status, struct nt_err *err)
{
	struct nt_status *s;
	union address address;
	int r = parse_listen(listen, &address, err);

	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return nt_err_set(err, ENOMEM, "no memory for /metrics");
	s->source = *source;
	s->loop = loop;
	s->fd = -1;
	errno = 0;
	s->daemon = start(s, &address);
	if (!s->daemon) {
		r = nt_err_sys(err, errno ? errno : EIO, "listen on %s", listen);
		nt_status_close(s);
		return r;
	}
	s->fd = MHD_get_daemon_info(s->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
	r = nt_loop_watch(loop, s->fd, EPOLLIN, on_ready, s, err);
	if (r == 0) {
		s->timer = nt_loop_timer_new(loop, NT_NS_PER_S, on_second, s, err);
		r = s->timer ? 0 : -err->code;
	}
	if (r < 0) {
		nt_status_close(s);
		return r;
	}
	*ret_status = s;
	return 0;
}

void nt_status_close(struct nt_status *s)
{
	if (!s)
		return;
	if (s->fd >= 0)
		nt_loop_unwatch(s->loop, s->fd);
	nt_loop_timer_free(s->timer);
	if (s->daemon)
		MHD_stop_daemon(s->daemon);
	free(s);
}
