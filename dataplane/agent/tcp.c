/* SPDX-License-Identifier: Apache-2.0 */
/* Segments to streams, streams to messages, messages to the pairing table. */
#include "dataplane/agent/tcp.h"

#include <netinet/in.h>

#include "dataplane/agent/pipeline.h"

/* What the client asked at the server's port; only where both have one, the begin tells. */
static bool is_from_server(const struct nt_agent *a, const struct nt_event *e)
{
	bool from_pod = e->dir == NT_DIR_FROM_POD;
	bool from = nt_pipeline_is_dns(a, e->sport, from_pod);
	bool to = nt_pipeline_is_dns(a, e->dport, !from_pod);
	unsigned int syn_ack = NT_TCP_SYN | NT_TCP_ACK;

	return from && (!to || (e->tcp_flags & syn_ack) == syn_ack);
}

static int on_message(void *ctx, const struct nt_stream_message *m)
{
	static const struct nt_pair_mark none;
	struct nt_agent *a = ctx;
	struct nt_dns_msg msg;
	int r = nt_dns_parse(m->wire, &msg);

	if (r == 0 && !(msg.flags & NT_DNS_QR) == m->from_server)
		r = -NT_OWED_DIRECTION;
	if (r < 0) {
		a->stats.parse_errors++;
		return -r;
	}
	a->stats.tcp_messages++;
	if (m->from_server)
		a->stats.replies++;
	else
		a->stats.queries++;
	nt_ends_message(a, nt_podtable_find(&a->pods, m->flow->owner), m->flow, &msg, m->time_ns);
	nt_pair_marked(a->pair, m->flow, &msg, &none, m->time_ns);
	return 0;
}

static enum nt_reason reason_of(enum nt_stream_reason reason)
{
	switch (reason) {
	case NT_STREAM_REFUSED:
		return (enum nt_reason)NT_LOSS_UNPARSABLE;
	case NT_STREAM_GAP:
		return NT_REASON_TCP_GAP;
	case NT_STREAM_LIMIT:
		return NT_REASON_TCP_LIMIT;
	case NT_STREAM_MIDDLE:
		return NT_REASON_TCP_MIDDLE;
	case NT_STREAM_CUT:
		return NT_REASON_TCP_CUT;
	case NT_STREAM_RESTART:
		return NT_REASON_AGENT_RESTART;
	case NT_STREAM_READ:
	case NT_STREAM_REASONS:
		break;
	}
	return NT_REASON_UNACCOUNTED;
}

static void owe(struct nt_agent *a, struct nt_agent_pod *pod, enum nt_reason reason, int error,
		uint64_t count, int64_t first_us, int64_t last_us)
{
	if (count > pod->stream)
		count = pod->stream;
	pod->stream -= count;
	if (!count)
		return;
	nt_agent_pod_owe(pod, reason, error, count, first_us, last_us);
	a->stats.lost[reason] += count;
}

static void on_fate(void *ctx, const struct nt_stream_fate *f)
{
	struct nt_agent *a = ctx;
	struct nt_agent_pod *pod = nt_podtable_find(&a->pods, f->flow->owner);

	if (!pod || f->what.reason == NT_STREAM_READ)
		return;
	owe(a, pod, reason_of(f->what.reason), f->what.code, f->what.segments,
	    nt_timebase_us(&a->timebase, f->what.first_ns),
	    nt_timebase_us(&a->timebase, f->what.last_ns));
}

int nt_tcp_open(struct nt_agent *a, struct nt_err *err)
{
	struct nt_stream_calls calls = { .message = on_message, .fate = on_fate, .ctx = a };

	a->streams = nt_streams_new(&a->config.streams, &calls, err);
	return a->streams ? 0 : -err->code;
}

void nt_tcp_segment(struct nt_agent *a, struct nt_agent_pod *pod, const struct nt_event *e,
		    struct nt_slice payload)
{
	struct nt_stream_segment s = { .from_server = is_from_server(a, e),
				       .flags = e->tcp_flags,
				       .seq = e->tcp_seq,
				       .payload = payload,
				       .time_ns = (int64_t)e->time_ns };

	nt_pipeline_flow(e, s.from_server, &s.flow);
	pod->stream++;
	a->stats.tcp_segments++;
	nt_streams_segment(a->streams, &s);
}

void nt_tcp_write_off(struct nt_agent *a, struct nt_agent_pod *pod, enum nt_reason reason,
		      uint64_t count, int64_t first_us, int64_t last_us)
{
	owe(a, pod, reason, 0, count, first_us, last_us);
}
