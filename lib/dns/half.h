/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One direction of a TCP connection that carries DNS (RFC 1035 section 4.2.2, RFC 7766): segments
 * in any order in, whole messages out, and for each segment exactly once what became of it. The
 * part of stream.h that knows no table; used through that, and by its tests.
 *
 * What is kept: at most the message that is being read and the segments that came before their
 * turn, all of it asked for with `room` first. First octets win: what came once is not replaced. A
 * hole is waited for until nt_half_expire; then reading goes on at the next segment that looks like
 * the start of a message, as it does in a stream whose begin was not seen.
 *
 * Not thread-safe. nt_half_close ends it and frees what it holds.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "lib/base/slice.h"

enum nt_stream_reason {
	NT_STREAM_READ = 0, /* its octets are in messages, or were there before, or it has none */
	NT_STREAM_REFUSED = 1, /* the caller could not use a message of it */
	NT_STREAM_GAP = 2, /* octets that never came took away the sense of its own */
	NT_STREAM_LIMIT = 3, /* no room */
	NT_STREAM_MIDDLE = 4, /* the begin was not seen, and nothing looks like one of a message */
	NT_STREAM_CUT = 5, /* the stream ended, or fell silent, inside of a message */
	NT_STREAM_RESTART = 6, /* its octets were not carried over a restart */
	NT_STREAM_REASONS = 7,
};

/* TCP header, octet 13 (RFC 9293 section 3.1). */
enum nt_tcp_flag {
	NT_TCP_FIN = 0x01,
	NT_TCP_SYN = 0x02,
	NT_TCP_RST = 0x04,
	NT_TCP_ACK = 0x10,
};

/* Segments whose fate is known. */
struct nt_half_fate {
	enum nt_stream_reason reason;
	int code; /* what `message` returned, for NT_STREAM_REFUSED */
	uint32_t segments; /* may be 0 in a gap that hurt none */
	uint32_t missing; /* octets that never came, for NT_STREAM_GAP; 0: told before */
	int64_t first_ns, last_ns; /* when these segments came */
};

/* How a half talks to its owner. */
struct nt_half_sink {
	void *ctx;
	/* A whole message without its length; wire is borrowed, time_ns when it was complete. 0, or
	 * a code above 0 why it is of no use. */
	int (*message)(void *ctx, struct nt_slice wire, int64_t time_ns);
	void (*fate)(void *ctx, const struct nt_half_fate *fate);
	/* May so many octets more be held? If so they are counted. */
	bool (*room)(void *ctx, size_t bytes);
	void (*freed)(void *ctx, size_t bytes);
	/* Octets that came again are not the ones that came first. */
	void (*conflict)(void *ctx);
};

/* What a piece is charged besides its octets: more than it takes, so that a sender of single octets
 * has few of them, as each new one is compared with all. */
#define NT_HALF_PIECE_BYTES 256

struct nt_half_piece {
	TAILQ_ENTRY(nt_half_piece) link;
	uint32_t seq;
	uint32_t len;
	int64_t time_ns;
	bool counts; /* false: its segment is told of by another piece */
	bool start; /* a segment began here */
	uint8_t octets[];
};
TAILQ_HEAD(nt_half_pieces, nt_half_piece);

enum nt_half_state {
	NT_HALF_FRESH = 0, /* nothing seen */
	NT_HALF_SYNCED = 1, /* `next` is known to follow a message or to be in one */
	NT_HALF_LOST = 2, /* looks for a start of a message from `next` on */
};

/* All sequence numbers wrap. */
struct nt_half {
	enum nt_half_state state;
	enum nt_stream_reason why; /* of what is skipped while LOST */
	bool from_server;
	bool ended; /* a FIN was seen; `end` is behind the last octet */
	bool by_syn;
	bool has_gap;
	uint32_t begin; /* where reading began */
	uint32_t next; /* what was read or skipped ends here */
	uint32_t end;
	uint32_t gap_from, gap_to; /* the last gap */
	uint32_t held; /* segments with octets of the message in buf */
	uint32_t last_counts; /* of these, 1 if the last one is */
	int64_t held_first_ns, held_last_ns;
	int64_t moved_ns; /* last time that `next` moved */
	uint8_t *buf; /* the message that is being read, with its length */
	uint32_t len, cap;
	struct nt_half_pieces pieces; /* behind a hole, by number, none overlaps another */
};

struct nt_half_segment {
	uint32_t seq; /* of the first octet of payload */
	uint8_t flags; /* enum nt_tcp_flag */
	struct nt_slice payload; /* borrowed */
	int64_t time_ns;
};

void nt_half_init(struct nt_half *h, bool from_server);
/* True when a SYN with that number begins another connection than the one that is read. */
bool nt_half_is_another(const struct nt_half *h, uint32_t seq);
void nt_half_segment(struct nt_half *h, const struct nt_half_segment *s, int64_t hole_ns,
		     const struct nt_half_sink *sink);
/* Gives a hole up that was there for hole_ns without any progress. */
void nt_half_expire(struct nt_half *h, int64_t now_ns, int64_t hole_ns,
		    const struct nt_half_sink *sink);
/* Nothing comes any more: holes are given up, then the rest is cut; nothing is held then. */
void nt_half_finish(struct nt_half *h, const struct nt_half_sink *sink);
/* Everything that is held comes out with that reason; nothing is held then. */
void nt_half_drop(struct nt_half *h, enum nt_stream_reason reason, const struct nt_half_sink *sink);
/* Its FIN was reached. */
bool nt_half_is_done(const struct nt_half *h);
/* Octets or segments are held. */
bool nt_half_is_holding(const struct nt_half *h);
