/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP streams that carry DNS: segments of many connections in, in any order, messages out, and for
 * each segment exactly once what became of it. A bounded table under the caller's clock; no I/O, no
 * globals, not thread-safe.
 *
 * Reading begins at the SYN, or, in a stream whose begin was not seen, at the first segment that
 * looks like the start of a message. Octets that came once are not replaced. A hole is waited for
 * hole_ns, then it is a gap: what waited behind it is tried like a stream picked up in the middle.
 * A stream may hold max_stream_bytes, the table max_streams and max_bytes, and of each an owner
 * (the pod whose veth saw it) has a share (owners.h). Of whom is to give way the stream goes that
 * was silent for longest, or for octets the one that holds some and got none for longest; what it
 * held comes out as NT_STREAM_LIMIT.
 */
#pragma once

#include "lib/base/buf.h"
#include "lib/dns/half.h"
#include "lib/dns/pair.h"

struct nt_streams;

struct nt_stream_config { /* 0: the default */
	uint32_t max_streams; /* 8,192: some hundred octets each, a node's resolver has so many */
	size_t max_bytes; /* 8 MiB */
	size_t max_stream_bytes; /* 256 KiB: one, and a window of segments in disorder behind it */
	int64_t hole_ns; /* 6 s: a sender has tried again three times by then (RFC 6298) */
	int64_t idle_ns; /* 120 s without a segment: forgotten; servers close after 10 (RFC 7766) */
	int64_t linger_ns; /* 2 s after its end: for what another CPU brings late */
};

struct nt_stream_segment {
	struct nt_flow flow; /* as the client sees it */
	bool from_server;
	uint8_t flags; /* enum nt_tcp_flag */
	uint32_t seq; /* host byte order, of the first octet of payload */
	struct nt_slice payload; /* borrowed */
	int64_t time_ns;
};

struct nt_stream_message {
	const struct nt_flow *flow;
	bool from_server;
	struct nt_slice wire; /* without its length; borrowed */
	int64_t time_ns; /* when its last octet could be read */
};

struct nt_stream_fate {
	const struct nt_flow *flow;
	bool from_server;
	struct nt_half_fate what;
};

struct nt_stream_calls {
	/* 0, or a code above 0: then the segments that brought it are NT_STREAM_REFUSED with it. */
	int (*message)(void *ctx, const struct nt_stream_message *m);
	void (*fate)(void *ctx, const struct nt_stream_fate *f);
	void *ctx;
};

struct nt_stream_stats {
	uint64_t streams, bytes; /* now */
	uint64_t opened, messages;
	uint64_t segments[NT_STREAM_REASONS]; /* whose fate is known */
	uint64_t gaps, gap_octets;
	uint64_t conflicts; /* segments that brought other octets than those that were there */
	uint64_t evicted; /* streams that went for lack of room */
};

struct nt_streams *nt_streams_new(const struct nt_stream_config *config,
				  const struct nt_stream_calls *calls, struct nt_err *err);
void nt_streams_free(struct nt_streams *t);

/* Calls back from within. Expires first. */
void nt_streams_segment(struct nt_streams *t, const struct nt_stream_segment *s);
/* Holes that are too old, streams that ended or fell silent. Looks once a second at most. */
void nt_streams_expire(struct nt_streams *t, int64_t now_ns);
/* Forgets the streams of one owner (gone), or with owner 0 all; what they hold is cut. */
void nt_streams_flush(struct nt_streams *t, uint64_t owner);

/* What is half read, to be carried over a restart: the streams that hold something, of their octets
 * at most max_bytes. */
void nt_streams_save(const struct nt_streams *t, size_t max_bytes, struct nt_buf *out);
/* Into a new table. Segments whose octets were not saved, or for which there is no room, come out
 * as NT_STREAM_RESTART. -EBADMSG: not what nt_streams_save wrote. */
int nt_streams_restore(struct nt_streams *t, struct nt_slice saved) NT_MUSTCHECK;

struct nt_stream_stats nt_streams_stats(const struct nt_streams *t);
