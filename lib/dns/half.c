/* SPDX-License-Identifier: Apache-2.0 */
/* One direction of a TCP connection: segments to messages. */
#include "lib/dns/half.h"

#include <stdlib.h>
#include <string.h>

enum {
	PREFIX = 2, /* the length in front of each message */
	HEADER = 12,
	QUESTION_MIN = 5, /* root, type, class */
	RECORD_MIN = 11, /* root, type, class, TTL, length */
	BUF_MIN = 512,
	/* Further away than a receiver's window ever is (tcp_rmem allows 6 MiB): of another
	 * connection, or forged. */
	WINDOW = 8 << 20,
};

/* Octets of one segment that are not taken yet. */
struct run {
	uint32_t seq;
	const uint8_t *p;
	uint32_t len;
	int64_t time_ns;
	bool counts; /* nobody knows of the segment yet */
	bool start;
};

static int32_t distance(uint32_t from, uint32_t to)
{
	return (int32_t)(to - from);
}

static void advance(struct run *r, uint32_t n)
{
	r->seq += n;
	r->p += n;
	r->len -= n;
	r->start = false;
}

static void tell_run(const struct run *r, enum nt_stream_reason reason,
		     const struct nt_half_sink *sink)
{
	struct nt_half_fate fate = {
		.reason = reason, .segments = 1, .first_ns = r->time_ns, .last_ns = r->time_ns
	};

	if (r->counts)
		sink->fate(sink->ctx, &fate);
}

void nt_half_init(struct nt_half *h, bool from_server)
{
	*h = (struct nt_half){ .from_server = from_server };
	TAILQ_INIT(&h->pieces);
}

bool nt_half_is_done(const struct nt_half *h)
{
	return h->ended && h->state != NT_HALF_FRESH && distance(h->end, h->next) >= 0;
}

bool nt_half_is_holding(const struct nt_half *h)
{
	return h->held || h->len || !TAILQ_EMPTY(&h->pieces);
}

/* --- what is held ----------------------------------------------------------------------------- */

static void free_buf(struct nt_half *h, const struct nt_half_sink *sink)
{
	if (h->cap)
		sink->freed(sink->ctx, h->cap);
	free(h->buf);
	h->buf = NULL;
	h->len = h->cap = 0;
}

static void free_piece(struct nt_half *h, struct nt_half_piece *p, const struct nt_half_sink *sink)
{
	TAILQ_REMOVE(&h->pieces, p, link);
	sink->freed(sink->ctx, NT_HALF_PIECE_BYTES + p->len);
	free(p);
}

/* The held segments come out but for the last `keep`. */
static void tell_held(struct nt_half *h, struct nt_half_fate fate, uint32_t keep,
		      const struct nt_half_sink *sink)
{
	fate.segments = h->held - keep;
	fate.first_ns = h->held_first_ns;
	fate.last_ns = h->held_last_ns;
	h->held = h->last_counts = keep;
	h->held_first_ns = h->held_last_ns;
	if (fate.segments || fate.missing)
		sink->fate(sink->ctx, &fate);
}

static void drop_piece(struct nt_half *h, struct nt_half_piece *p, enum nt_stream_reason reason,
		       const struct nt_half_sink *sink)
{
	struct run r = { .time_ns = p->time_ns, .counts = p->counts };

	tell_run(&r, reason, sink);
	free_piece(h, p, sink);
}

void nt_half_drop(struct nt_half *h, enum nt_stream_reason reason, const struct nt_half_sink *sink)
{
	struct nt_half_piece *p;

	tell_held(h, (struct nt_half_fate){ .reason = reason }, 0, sink);
	free_buf(h, sink);
	while ((p = TAILQ_FIRST(&h->pieces))) {
		h->next = p->seq + p->len;
		drop_piece(h, p, reason, sink);
	}
}

static void lose(struct nt_half *h, enum nt_stream_reason reason, const struct nt_half_sink *sink)
{
	nt_half_drop(h, reason, sink);
	h->state = NT_HALF_LOST;
	h->why = reason;
}

/* --- octets in order -------------------------------------------------------------------------- */

static uint32_t message_len(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

/* Room for `need` octets, by doubling: a length alone, which costs a sender nothing, takes none. */
static bool grow(struct nt_half *h, uint32_t need, const struct nt_half_sink *sink)
{
	uint32_t cap = h->cap ? h->cap : BUF_MIN;
	uint8_t *bigger;

	while (cap < need)
		cap *= 2;
	if (cap > PREFIX + UINT16_MAX)
		cap = PREFIX + UINT16_MAX;
	if (cap == h->cap)
		return true;
	if (!sink->room(sink->ctx, cap - h->cap))
		return false;
	bigger = realloc(h->buf, cap);
	if (!bigger) {
		sink->freed(sink->ctx, cap - h->cap);
		return false;
	}
	h->buf = bigger;
	h->cap = cap;
	return true;
}

static void give(struct nt_half *h, struct nt_slice wire, bool leftover, int64_t time_ns,
		 const struct nt_half_sink *sink)
{
	int code = sink->message(sink->ctx, wire, time_ns);
	struct nt_half_fate fate = { .reason = code ? NT_STREAM_REFUSED : NT_STREAM_READ,
				     .code = code };

	/* The last segment goes on: the next message decides, unless it is refused already. */
	tell_held(h, fate, leftover && !code ? h->last_counts : 0, sink);
}

/* Takes from the front of r into buf until the message there is whole. False: no room. */
static bool fill(struct nt_half *h, struct run *r, bool *ret_whole, const struct nt_half_sink *sink)
{
	*ret_whole = false;
	while (!*ret_whole && r->len) {
		uint32_t need = PREFIX + (h->len < PREFIX ? 0 : message_len(h->buf));
		uint32_t n = need - h->len < r->len ? need - h->len : r->len;

		if (!grow(h, h->len + n, sink))
			return false;
		memcpy(h->buf + h->len, r->p, n);
		h->len += n;
		advance(r, n);
		*ret_whole = h->len >= PREFIX && h->len == PREFIX + message_len(h->buf);
	}
	return true;
}

/* r begins at `next` and overlaps no piece. */
static void read_run(struct nt_half *h, struct run r, const struct nt_half_sink *sink)
{
	int64_t time_ns = r.time_ns;
	bool whole;

	if (!h->held)
		h->held_first_ns = r.time_ns;
	h->held_last_ns = r.time_ns;
	h->held += r.counts;
	h->last_counts = r.counts;
	h->next += r.len;
	h->moved_ns = r.time_ns;
	while (r.len) {
		uint32_t len = r.len >= PREFIX ? message_len(r.p) : UINT16_MAX;

		if (!h->len && r.len >= PREFIX + len) { /* most messages: nothing is copied */
			struct nt_slice wire = nt_slice_mem(r.p + PREFIX, len);

			advance(&r, PREFIX + len);
			give(h, wire, r.len > 0, time_ns, sink);
			continue;
		}
		if (!fill(h, &r, &whole, sink))
			return lose(h, NT_STREAM_LIMIT, sink);
		if (!whole)
			return;
		give(h, nt_slice_mem(h->buf + PREFIX, h->len - PREFIX), r.len > 0, time_ns, sink);
		free_buf(h, sink);
	}
}

static void read_piece(struct nt_half *h, struct nt_half_piece *p, int64_t now_ns,
		       const struct nt_half_sink *sink)
{
	struct run r = { .seq = p->seq,
			 .p = p->octets,
			 .len = p->len,
			 .time_ns = p->time_ns > now_ns ? p->time_ns : now_ns,
			 .counts = p->counts,
			 .start = p->start };

	TAILQ_REMOVE(&h->pieces, p, link);
	read_run(h, r, sink);
	sink->freed(sink->ctx, NT_HALF_PIECE_BYTES + p->len);
	free(p);
}

/* What waited for the octets that are here now. */
static void read_pieces(struct nt_half *h, int64_t now_ns, const struct nt_half_sink *sink)
{
	struct nt_half_piece *p;

	while (h->state == NT_HALF_SYNCED && (p = TAILQ_FIRST(&h->pieces)) && p->seq == h->next)
		read_piece(h, p, now_ns, sink);
}

/* r begins at `next`. Pieces came first, so they win where both have octets. */
static void read_between(struct nt_half *h, struct run r, const struct nt_half_sink *sink)
{
	while (r.len && h->state == NT_HALF_SYNCED) {
		struct nt_half_piece *p = TAILQ_FIRST(&h->pieces);
		int32_t old = distance(r.seq, h->next);
		struct run part;

		if (old > 0) {
			advance(&r, (uint32_t)old < r.len ? (uint32_t)old : r.len);
			continue;
		}
		if (p && p->seq == h->next) {
			read_piece(h, p, r.time_ns, sink);
			continue;
		}
		part = r;
		if (p && p->seq - r.seq < r.len)
			part.len = p->seq - r.seq;
		advance(&r, part.len);
		r.counts = false;
		read_run(h, part, sink);
	}
	tell_run(&r, h->state == NT_HALF_SYNCED ? NT_STREAM_READ : h->why, sink);
	read_pieces(h, r.time_ns, sink);
}

/* --- octets before their turn ----------------------------------------------------------------- */

static bool add_piece(struct nt_half *h, struct nt_half_piece *before, struct run *r, uint32_t len,
		      const struct nt_half_sink *sink)
{
	struct nt_half_piece *p = NULL;

	if (sink->room(sink->ctx, NT_HALF_PIECE_BYTES + len)) {
		p = malloc(sizeof(*p) + len);
		if (!p)
			sink->freed(sink->ctx, NT_HALF_PIECE_BYTES + len);
	}
	if (!p)
		return false;
	*p = (struct nt_half_piece){ .seq = r->seq,
				     .len = len,
				     .time_ns = r->time_ns,
				     .counts = r->counts,
				     .start = r->start };
	memcpy(p->octets, r->p, len);
	if (before)
		TAILQ_INSERT_BEFORE(before, p, link);
	else
		TAILQ_INSERT_TAIL(&h->pieces, p, link);
	advance(r, len);
	r->counts = false;
	return true;
}

/* r is behind a hole: kept where no piece has its octets yet. */
static void keep(struct nt_half *h, struct run r, const struct nt_half_sink *sink)
{
	struct nt_half_piece *p;

	TAILQ_FOREACH(p, &h->pieces, link)
	{
		uint32_t behind = p->seq + p->len;

		if (!r.len || distance(behind, r.seq) >= 0)
			continue;
		if (distance(r.seq, p->seq) > 0) {
			uint32_t n = p->seq - r.seq < r.len ? p->seq - r.seq : r.len;

			if (!add_piece(h, p, &r, n, sink))
				return tell_run(&r, NT_STREAM_LIMIT, sink);
		}
		if (r.len)
			advance(&r, behind - r.seq < r.len ? behind - r.seq : r.len);
	}
	if (r.len && !add_piece(h, NULL, &r, r.len, sink))
		return tell_run(&r, NT_STREAM_LIMIT, sink);
	tell_run(&r, NT_STREAM_READ, sink);
}

/* Octets that come again must be what they were; an observer cannot tell which the host took. */
static bool differs(const struct run *r, uint32_t seq, const uint8_t *octets, uint32_t len)
{
	uint32_t from = distance(seq, r->seq) > 0 ? r->seq : seq;
	uint32_t to = distance(seq + len, r->seq + r->len) > 0 ? seq + len : r->seq + r->len;

	return distance(from, to) > 0 &&
	       memcmp(r->p + (from - r->seq), octets + (from - seq), to - from) != 0;
}

static void check_overlap(const struct nt_half *h, const struct run *r,
			  const struct nt_half_sink *sink)
{
	const struct nt_half_piece *p;
	bool conflict = h->len && differs(r, h->next - h->len, h->buf, h->len);

	TAILQ_FOREACH(p, &h->pieces, link)
	{
		conflict = conflict || differs(r, p->seq, p->octets, p->len);
	}
	if (conflict)
		sink->conflict(sink->ctx);
}

/* --- where reading begins --------------------------------------------------------------------- */

/* A message may begin here: its length, and what can be seen of its header, are possible. */
static bool looks_like_start(const struct nt_half *h, const uint8_t *p, uint32_t len)
{
	uint32_t message, flags, questions, records;

	if (len < PREFIX + HEADER)
		return false;
	message = message_len(p);
	flags = message_len(p + 4);
	questions = message_len(p + 6);
	records = message_len(p + 8) + message_len(p + 10) + message_len(p + 12);
	if ((flags >> 15 & 1) != h->from_server || (flags >> 11 & 15) > 6 || questions > 1)
		return false;
	if (len > PREFIX + HEADER && questions && p[PREFIX + HEADER] > 63)
		return false;
	return message >= HEADER + questions * QUESTION_MIN + records * RECORD_MIN;
}

static void begin_at(struct nt_half *h, uint32_t seq)
{
	if (h->state == NT_HALF_FRESH)
		h->begin = seq;
	h->state = NT_HALF_SYNCED;
	h->next = seq;
}

/* LOST, with pieces: the first one that looks like a start is read, those before are not. Its
 * messages could be read when it came: the hole is ours and not the receiver's. */
static void resume(struct nt_half *h, const struct nt_half_sink *sink)
{
	struct nt_half_piece *p;

	while (h->state == NT_HALF_LOST && (p = TAILQ_FIRST(&h->pieces))) {
		if (p->start && looks_like_start(h, p->octets, p->len)) {
			begin_at(h, p->seq);
			return read_pieces(h, p->time_ns, sink);
		}
		h->next = p->seq + p->len;
		drop_piece(h, p, h->why, sink);
	}
}

static void give_up_hole(struct nt_half *h, int64_t now_ns, const struct nt_half_sink *sink)
{
	uint32_t missing = TAILQ_FIRST(&h->pieces)->seq - h->next;

	tell_held(h, (struct nt_half_fate){ .reason = NT_STREAM_GAP, .missing = missing }, 0, sink);
	free_buf(h, sink);
	h->has_gap = true;
	h->gap_from = h->next;
	h->gap_to = h->next + missing;
	h->next = h->gap_to;
	h->moved_ns = now_ns;
	h->state = NT_HALF_LOST;
	h->why = NT_STREAM_GAP;
	resume(h, sink);
}

void nt_half_expire(struct nt_half *h, int64_t now_ns, int64_t hole_ns,
		    const struct nt_half_sink *sink)
{
	const struct nt_half_piece *p = TAILQ_FIRST(&h->pieces);
	int64_t since_ns = p && p->time_ns > h->moved_ns ? p->time_ns : h->moved_ns;

	if (p && now_ns - since_ns >= hole_ns)
		give_up_hole(h, now_ns, sink);
}

void nt_half_finish(struct nt_half *h, const struct nt_half_sink *sink)
{
	while (!TAILQ_EMPTY(&h->pieces))
		give_up_hole(h, h->moved_ns, sink);
	nt_half_drop(h, NT_STREAM_CUT, sink);
}

/* --- segments --------------------------------------------------------------------------------- */

static void take_unsynced(struct nt_half *h, struct run r, const struct nt_half_sink *sink)
{
	if (h->state == NT_HALF_FRESH) {
		h->why = NT_STREAM_MIDDLE;
		h->begin = h->next = r.seq;
	}
	if (distance(h->next, r.seq) < 0 && distance(h->next, r.seq) > -WINDOW)
		return tell_run(&r, h->why, sink);
	if (looks_like_start(h, r.p, r.len)) {
		begin_at(h, r.seq);
		return read_run(h, r, sink);
	}
	h->state = NT_HALF_LOST;
	h->next = r.seq + r.len;
	tell_run(&r, h->why, sink);
}

/* All of r is below `next`. */
static enum nt_stream_reason reason_of_old(const struct nt_half *h, const struct run *r)
{
	if (h->has_gap && distance(h->gap_from, r->seq + r->len) > 0 &&
	    distance(r->seq, h->gap_to) > 0)
		return NT_STREAM_GAP; /* came after it was given up */
	return distance(r->seq, h->begin) > 0 && !h->by_syn ? NT_STREAM_MIDDLE : NT_STREAM_READ;
}

/* Beyond any window. Of a stream that moves it is none of its own; one that has stood still for
 * long may have gone on unseen. */
static void take_far(struct nt_half *h, struct run r, int64_t hole_ns,
		     const struct nt_half_sink *sink)
{
	if (r.time_ns - h->moved_ns < hole_ns)
		return tell_run(&r, NT_STREAM_GAP, sink);
	lose(h, NT_STREAM_GAP, sink);
	h->next = r.seq;
	take_unsynced(h, r, sink);
}

static void take_run(struct nt_half *h, struct run r, int64_t hole_ns,
		     const struct nt_half_sink *sink)
{
	int32_t ahead = distance(h->next, r.seq);

	if (h->state != NT_HALF_SYNCED)
		return take_unsynced(h, r, sink);
	if (ahead > WINDOW || ahead < -WINDOW)
		return take_far(h, r, hole_ns, sink);
	check_overlap(h, &r, sink);
	if (ahead > 0)
		return keep(h, r, sink);
	if ((uint32_t)-ahead >= r.len)
		return tell_run(&r, reason_of_old(h, &r), sink);
	if (ahead < 0)
		advance(&r, (uint32_t)-ahead);
	read_between(h, r, sink);
}

bool nt_half_is_another(const struct nt_half *h, uint32_t seq)
{
	if (h->state == NT_HALF_FRESH || seq == h->begin)
		return false;
	/* A SYN that another CPU brought behind the first octets. */
	return h->by_syn || distance(seq, h->begin) < 0 || distance(seq, h->begin) > UINT16_MAX;
}

void nt_half_segment(struct nt_half *h, const struct nt_half_segment *s, int64_t hole_ns,
		     const struct nt_half_sink *sink)
{
	struct run r = { .seq = s->seq,
			 .p = (const uint8_t *)s->payload.p,
			 .len = (uint32_t)s->payload.len,
			 .time_ns = s->time_ns,
			 .counts = true,
			 .start = true };

	if (s->flags & NT_TCP_SYN && h->state == NT_HALF_FRESH) {
		begin_at(h, s->seq);
		h->by_syn = true;
		h->moved_ns = s->time_ns;
	}
	if (s->flags & NT_TCP_FIN && !h->ended) {
		h->ended = true;
		h->end = s->seq + r.len;
		if (h->state == NT_HALF_FRESH && !r.len) {
			h->state = NT_HALF_LOST;
			h->begin = h->next = s->seq;
		}
	}
	if (r.len)
		take_run(h, r, hole_ns, sink);
	else
		tell_run(&r, NT_STREAM_READ, sink);
	if (nt_half_is_done(h))
		nt_half_drop(h, NT_STREAM_CUT, sink);
}
