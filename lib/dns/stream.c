/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of TCP streams. Each is in one hash chain, in its owner's list and in the table's; both
 * lists go from the stream that was silent for longest to the one that spoke last. Those that hold
 * octets are in a list of their owner's for that, too.
 */
#include "lib/dns/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "lib/base/clock.h"
#include "lib/dns/owners.h"
#include "lib/dns/siphash.h"

enum {
	DEFAULT_STREAMS = 8192,
	DEFAULT_BYTES = 8 << 20,
	DEFAULT_STREAM_BYTES = 256 << 10,
	DEFAULT_HOLE_S = 6,
	DEFAULT_IDLE_S = 120,
	DEFAULT_LINGER_S = 2,
	STREAMS_MAX = 1 << 20,
};

struct stream {
	struct nt_flow flow;
	uint64_t hash;
	int64_t last_ns;
	bool closed; /* reset, or both halves ended */
	struct nt_half halves[2]; /* of the client, of the server */
	LIST_ENTRY(stream) chain;
	TAILQ_ENTRY(stream) age;
	struct nt_owned place; /* in the table: one */
	struct nt_owned octets; /* as many as it holds */
};

TAILQ_HEAD(stream_list, stream);
LIST_HEAD(stream_chain, stream);

struct nt_streams {
	struct nt_stream_config config;
	struct nt_stream_calls calls;
	struct nt_siphash_key key;
	struct nt_stream_stats stats;
	size_t mask;
	struct stream_chain *chains;
	struct nt_owners places, octets;
	struct stream_list all;
	int64_t looked_ns; /* when expiry last looked at all */
	/* The half that calls back. */
	struct stream *stream;
	struct nt_half *half;
};

static void set_defaults(struct nt_stream_config *c)
{
	if (!c->max_streams)
		c->max_streams = DEFAULT_STREAMS;
	if (!c->max_bytes)
		c->max_bytes = DEFAULT_BYTES;
	if (!c->max_stream_bytes)
		c->max_stream_bytes = DEFAULT_STREAM_BYTES;
	if (c->hole_ns <= 0)
		c->hole_ns = DEFAULT_HOLE_S * NT_NS_PER_S;
	if (c->idle_ns <= 0)
		c->idle_ns = DEFAULT_IDLE_S * NT_NS_PER_S;
	if (c->linger_ns <= 0)
		c->linger_ns = DEFAULT_LINGER_S * NT_NS_PER_S;
}

struct nt_streams *nt_streams_new(const struct nt_stream_config *config,
				  const struct nt_stream_calls *calls, struct nt_err *err)
{
	struct nt_streams *t = calloc(1, sizeof(*t));
	size_t chains = 1;

	if (!t) {
		nt_err_set(err, ENOMEM, "no memory for the table of streams");
		return NULL;
	}
	t->config = *config;
	t->calls = *calls;
	set_defaults(&t->config);
	t->places.max = t->config.max_streams;
	t->octets.max = t->config.max_bytes;
	TAILQ_INIT(&t->all);
	while (chains < t->config.max_streams && chains < STREAMS_MAX)
		chains *= 2;
	t->mask = chains - 1;
	t->chains = calloc(chains, sizeof(*t->chains));
	if (!t->chains || getrandom(&t->key, sizeof(t->key), 0) != sizeof(t->key)) {
		nt_err_set(err, t->chains ? EIO : ENOMEM, "the table of %zu streams: %s", chains,
			   t->chains ? "no random key" : "no memory");
		nt_streams_free(t);
		return NULL;
	}
	return t;
}

/* --- the halves call back --------------------------------------------------------------------- */

static int on_message(void *ctx, struct nt_slice wire, int64_t time_ns)
{
	struct nt_streams *t = ctx;
	struct nt_stream_message m = { .flow = &t->stream->flow,
				       .from_server = t->half->from_server,
				       .wire = wire,
				       .time_ns = time_ns };

	t->stats.messages++;
	return t->calls.message(t->calls.ctx, &m);
}

static void on_fate(void *ctx, const struct nt_half_fate *what)
{
	struct nt_streams *t = ctx;
	struct nt_stream_fate f = { .flow = &t->stream->flow,
				    .from_server = t->half->from_server,
				    .what = *what };

	t->stats.segments[what->reason] += what->segments;
	t->stats.gaps += what->missing != 0;
	t->stats.gap_octets += what->missing;
	t->calls.fate(t->calls.ctx, &f);
}

static void on_freed(void *ctx, size_t bytes)
{
	struct nt_streams *t = ctx;

	nt_owners_give(&t->octets, &t->stream->octets, bytes);
}

static void on_conflict(void *ctx)
{
	struct nt_streams *t = ctx;

	t->stats.conflicts++;
}

/* Who asks for octets: it is being read and cannot go itself. */
struct asker {
	struct nt_streams *t;
	struct stream *s;
};

static bool evict_octets(void *ctx, struct nt_owned *m);

static bool on_room(void *ctx, size_t bytes)
{
	struct nt_streams *t = ctx;
	struct nt_half *half = t->half;
	struct stream *s = t->stream;
	struct asker asker = { t, s };
	bool fits;

	if (s->octets.amount + bytes > t->config.max_stream_bytes)
		return false;
	if (s->octets.owner)
		nt_owned_touch(&s->octets);
	fits = nt_owners_make_room(&t->octets, s->flow.owner, bytes, evict_octets, &asker);
	/* Others may have called back meanwhile. */
	t->stream = s;
	t->half = half;
	return fits && nt_owners_take(&t->octets, s->flow.owner, &s->octets, bytes);
}

static struct nt_half_sink sink_of(struct nt_streams *t, struct stream *s, struct nt_half *half)
{
	t->stream = s;
	t->half = half;
	return (struct nt_half_sink){ .ctx = t,
				      .message = on_message,
				      .fate = on_fate,
				      .room = on_room,
				      .freed = on_freed,
				      .conflict = on_conflict };
}

/* --- streams ---------------------------------------------------------------------------------- */

static void drop(struct nt_streams *t, struct stream *s, enum nt_stream_reason reason)
{
	for (int i = 0; i < 2; i++) {
		struct nt_half_sink sink = sink_of(t, s, &s->halves[i]);

		if (reason == NT_STREAM_CUT)
			nt_half_finish(&s->halves[i], &sink);
		else
			nt_half_drop(&s->halves[i], reason, &sink);
	}
}

static void forget(struct nt_streams *t, struct stream *s, enum nt_stream_reason reason)
{
	drop(t, s, reason);
	TAILQ_REMOVE(&t->all, s, age);
	LIST_REMOVE(s, chain);
	nt_owners_give(&t->places, &s->place, 1);
	free(s);
}

static struct stream *oldest_of(const struct nt_owner *o)
{
	return NT_OWNED(TAILQ_FIRST(&o->list), struct stream, place);
}

static void evict(struct nt_streams *t, struct stream *s)
{
	t->stats.evicted++;
	forget(t, s, NT_STREAM_LIMIT);
}

static bool evict_place(void *ctx, struct nt_owned *m)
{
	evict(ctx, NT_OWNED(m, struct stream, place));
	return true;
}

static bool evict_octets(void *ctx, struct nt_owned *m)
{
	struct stream *s = NT_OWNED(m, struct stream, octets);
	const struct asker *asker = ctx;

	if (s == asker->s)
		return false;
	evict(asker->t, s);
	return true;
}

static uint64_t hash_of(const struct nt_streams *t, const struct nt_flow *flow)
{
	return nt_siphash(&t->key, nt_slice_mem(flow, sizeof(*flow)));
}

static struct stream *find(struct nt_streams *t, const struct nt_flow *flow, uint64_t hash)
{
	struct stream *s;

	LIST_FOREACH(s, &t->chains[hash & t->mask], chain)
	{
		if (s->hash == hash && memcmp(&s->flow, flow, sizeof(*flow)) == 0)
			return s;
	}
	return NULL;
}

static struct stream *open_stream(struct nt_streams *t, const struct nt_flow *flow, uint64_t hash)
{
	struct stream *s;

	(void)nt_owners_make_room(&t->places, flow->owner, 1, evict_place, t); /* all may go */
	s = calloc(1, sizeof(*s));
	if (!s || !nt_owners_take(&t->places, flow->owner, &s->place, 1)) {
		free(s);
		return NULL;
	}
	s->flow = *flow;
	s->hash = hash;
	for (int i = 0; i < 2; i++)
		nt_half_init(&s->halves[i], i == 1);
	LIST_INSERT_HEAD(&t->chains[hash & t->mask], s, chain);
	TAILQ_INSERT_TAIL(&t->all, s, age);
	t->stats.opened++;
	return s;
}

static void touch(struct nt_streams *t, struct stream *s, int64_t now_ns)
{
	s->last_ns = now_ns;
	TAILQ_REMOVE(&t->all, s, age);
	TAILQ_INSERT_TAIL(&t->all, s, age);
	nt_owned_touch(&s->place);
}

static void tell_nobody(void *ctx, const struct nt_stream_fate *f)
{
	(void)ctx;
	(void)f;
}

void nt_streams_free(struct nt_streams *t)
{
	struct stream *s;

	if (!t)
		return;
	t->calls.fate = tell_nobody;
	while ((s = TAILQ_FIRST(&t->all)))
		forget(t, s, NT_STREAM_LIMIT);
	nt_owners_done(&t->places);
	nt_owners_done(&t->octets);
	free(t->chains);
	free(t);
}

/* --- segments --------------------------------------------------------------------------------- */

/* For a segment that no stream will have. */
static void tell_alone(struct nt_streams *t, const struct nt_stream_segment *s,
		       enum nt_stream_reason reason)
{
	struct stream nobody = { .flow = s->flow };
	struct nt_half half = { .from_server = s->from_server };
	struct nt_half_fate fate = {
		.reason = reason, .segments = 1, .first_ns = s->time_ns, .last_ns = s->time_ns
	};
	struct nt_half_sink sink = sink_of(t, &nobody, &half);

	sink.fate(sink.ctx, &fate);
}

/* The stream of a segment; NULL when it needs none. */
static struct stream *stream_of(struct nt_streams *t, const struct nt_stream_segment *s,
				bool *ret_failed)
{
	uint64_t hash = hash_of(t, &s->flow);
	struct stream *found = find(t, &s->flow, hash);

	*ret_failed = false;
	if (found && s->flags & NT_TCP_SYN &&
	    nt_half_is_another(&found->halves[s->from_server], s->seq)) {
		forget(t, found, NT_STREAM_CUT); /* the ports are used again */
		found = NULL;
	}
	if (found || (!s->payload.len && !(s->flags & NT_TCP_SYN)))
		return found;
	found = open_stream(t, &s->flow, hash);
	*ret_failed = !found;
	return found;
}

void nt_streams_segment(struct nt_streams *t, const struct nt_stream_segment *s)
{
	struct nt_half_segment segment = {
		.seq = s->seq, .flags = s->flags, .payload = s->payload, .time_ns = s->time_ns
	};
	struct nt_half_sink sink;
	struct stream *stream;
	bool failed;

	nt_streams_expire(t, s->time_ns);
	stream = stream_of(t, s, &failed);
	if (!stream) {
		tell_alone(t, s, failed ? NT_STREAM_LIMIT : NT_STREAM_READ);
		return;
	}
	touch(t, stream, s->time_ns);
	sink = sink_of(t, stream, &stream->halves[s->from_server]);
	nt_half_segment(&stream->halves[s->from_server], &segment, t->config.hole_ns, &sink);
	if (s->flags & NT_TCP_RST ||
	    (nt_half_is_done(&stream->halves[0]) && nt_half_is_done(&stream->halves[1])))
		stream->closed = true;
}

static void expire_stream(struct nt_streams *t, struct stream *s, int64_t now_ns)
{
	int64_t silent_ns = now_ns - s->last_ns;

	if (silent_ns > (s->closed ? t->config.linger_ns : t->config.idle_ns)) {
		forget(t, s, NT_STREAM_CUT);
		return;
	}
	for (int i = 0; i < 2; i++) {
		struct nt_half_sink sink = sink_of(t, s, &s->halves[i]);

		nt_half_expire(&s->halves[i], now_ns, t->config.hole_ns, &sink);
	}
}

void nt_streams_expire(struct nt_streams *t, int64_t now_ns)
{
	struct stream *s, *next;

	if (now_ns - t->looked_ns < NT_NS_PER_S)
		return;
	t->looked_ns = now_ns;
	for (s = TAILQ_FIRST(&t->all); s; s = next) {
		next = TAILQ_NEXT(s, age);
		expire_stream(t, s, now_ns);
	}
}

void nt_streams_flush(struct nt_streams *t, uint64_t owner)
{
	struct nt_owner *o = owner ? nt_owners_find(&t->places, owner) : NULL;
	struct stream *s;

	if (!owner) {
		while ((s = TAILQ_FIRST(&t->all)))
			forget(t, s, NT_STREAM_CUT);
		return;
	}
	for (size_t left = o ? o->held : 0; left; left--)
		forget(t, oldest_of(o), NT_STREAM_CUT); /* the last one takes o along */
}

/* --- restart ---------------------------------------------------------------------------------- */

/* In front of each saved half's octets: len of the message that is being read, then the pieces. */
struct saved_half {
	uint32_t state, why, flags; /* bits: ended, by_syn, has_gap */
	uint32_t begin, next, end, gap_from, gap_to;
	uint32_t held, last_counts;
	uint32_t len, pieces;
	uint32_t dropped; /* segments whose octets were not saved */
	uint32_t reserved;
	int64_t held_first_ns, held_last_ns, moved_ns;
};

struct saved_piece {
	uint32_t seq, len;
	uint32_t counts, start;
	int64_t time_ns;
};

struct saved_stream {
	struct nt_flow flow;
	int64_t last_ns;
};

static void save_half(const struct nt_half *h, bool with_octets, struct nt_buf *out)
{
	struct saved_half saved = {
		.state = h->state,
		.why = h->why,
		.flags = h->ended | (uint32_t)h->by_syn << 1 | (uint32_t)h->has_gap << 2,
		.begin = h->begin,
		.next = h->next,
		.end = h->end,
		.gap_from = h->gap_from,
		.gap_to = h->gap_to,
		.held = with_octets ? h->held : 0,
		.last_counts = with_octets ? h->last_counts : 0,
		.len = with_octets ? h->len : 0,
		.dropped = with_octets ? 0 : h->held,
		.held_first_ns = h->held_first_ns,
		.held_last_ns = h->held_last_ns,
		.moved_ns = h->moved_ns,
	};
	const struct nt_half_piece *p;

	TAILQ_FOREACH(p, &h->pieces, link)
	{
		saved.pieces += with_octets;
		saved.dropped += !with_octets && p->counts;
	}
	nt_buf_add(out, &saved, sizeof(saved));
	if (!with_octets)
		return;
	if (h->len)
		nt_buf_add(out, h->buf, h->len);
	TAILQ_FOREACH(p, &h->pieces, link)
	{
		struct saved_piece piece = { .seq = p->seq,
					     .len = p->len,
					     .counts = p->counts,
					     .start = p->start,
					     .time_ns = p->time_ns };

		nt_buf_add(out, &piece, sizeof(piece));
		nt_buf_add(out, p->octets, p->len);
	}
}

void nt_streams_save(const struct nt_streams *t, size_t max_bytes, struct nt_buf *out)
{
	size_t bytes = 0;
	struct stream *s;

	TAILQ_FOREACH(s, &t->all, age)
	{
		struct saved_stream saved = { .flow = s->flow, .last_ns = s->last_ns };
		bool fits = bytes + s->octets.amount <= max_bytes;

		if (!nt_half_is_holding(&s->halves[0]) && !nt_half_is_holding(&s->halves[1]))
			continue;
		bytes += fits ? s->octets.amount : 0;
		nt_buf_add(out, &saved, sizeof(saved));
		save_half(&s->halves[0], fits, out);
		save_half(&s->halves[1], fits, out);
	}
}

/* Copies the next len octets of *from. */
static bool take(struct nt_slice *from, void *ret, size_t len)
{
	if (from->len < len)
		return false;
	if (len)
		memcpy(ret, from->p, len);
	*from = nt_slice_mem(from->p + len, from->len - len);
	return true;
}

static bool restore_buf(struct nt_half *h, const struct nt_half_sink *sink, uint32_t len,
			struct nt_slice *from)
{
	if (from->len < len || len > 2 + UINT16_MAX)
		return false;
	if (len && sink->room(sink->ctx, len)) {
		h->buf = malloc(len);
		h->cap = len;
		h->len = len;
		if (!h->buf) {
			sink->freed(sink->ctx, len);
			h->cap = h->len = 0;
		}
	}
	if (h->buf)
		memcpy(h->buf, from->p, len);
	*from = nt_slice_mem(from->p + len, from->len - len);
	return true;
}

static bool restore_piece(struct nt_half *h, const struct nt_half_sink *sink, uint32_t *lost,
			  struct nt_slice *from)
{
	const struct nt_half_piece *last = TAILQ_LAST(&h->pieces, nt_half_pieces);
	uint32_t behind = last ? last->seq + last->len : h->next + 1;
	struct nt_half_piece *p = NULL;
	struct saved_piece saved;

	if (!take(from, &saved, sizeof(saved)) || from->len < saved.len || !saved.len ||
	    (int32_t)(saved.seq - behind) < 0)
		return false;
	if (sink->room(sink->ctx, NT_HALF_PIECE_BYTES + saved.len)) {
		p = malloc(sizeof(*p) + saved.len);
		if (!p)
			sink->freed(sink->ctx, NT_HALF_PIECE_BYTES + saved.len);
	}
	if (p) {
		*p = (struct nt_half_piece){ .seq = saved.seq,
					     .len = saved.len,
					     .time_ns = saved.time_ns,
					     .counts = saved.counts,
					     .start = saved.start };
		memcpy(p->octets, from->p, saved.len);
		TAILQ_INSERT_TAIL(&h->pieces, p, link);
	} else {
		*lost += saved.counts != 0;
	}
	*from = nt_slice_mem(from->p + saved.len, from->len - saved.len);
	return true;
}

static bool restore_half(struct nt_half *h, const struct nt_half_sink *sink, struct nt_slice *from)
{
	struct nt_half_fate fate = { .reason = NT_STREAM_RESTART };
	struct saved_half saved;

	if (!take(from, &saved, sizeof(saved)) || saved.state > NT_HALF_LOST ||
	    saved.why >= NT_STREAM_REASONS)
		return false;
	h->state = (enum nt_half_state)saved.state;
	h->why = (enum nt_stream_reason)saved.why;
	h->ended = saved.flags & 1;
	h->by_syn = saved.flags >> 1 & 1;
	h->has_gap = saved.flags >> 2 & 1;
	h->begin = saved.begin;
	h->next = saved.next;
	h->end = saved.end;
	h->gap_from = saved.gap_from;
	h->gap_to = saved.gap_to;
	h->held_first_ns = saved.held_first_ns;
	h->held_last_ns = saved.held_last_ns;
	h->moved_ns = saved.moved_ns;
	if (!restore_buf(h, sink, saved.len, from))
		return false;
	if (h->len == saved.len) {
		h->held = saved.held;
		h->last_counts = saved.last_counts;
	} else {
		saved.dropped += saved.held;
	}
	for (uint32_t i = 0; i < saved.pieces; i++)
		if (!restore_piece(h, sink, &saved.dropped, from))
			return false;
	fate.segments = saved.dropped;
	fate.first_ns = saved.held_first_ns;
	fate.last_ns = saved.held_last_ns;
	if (!saved.dropped)
		return true;
	sink->fate(sink->ctx, &fate);
	nt_half_drop(h, NT_STREAM_RESTART, sink);
	h->state = NT_HALF_LOST;
	h->why = NT_STREAM_GAP;
	return true;
}

/* Of a stream that cannot be opened, or twice: all of its segments. */
static bool skip_halves(struct nt_streams *t, const struct saved_stream *saved,
			struct nt_slice *from)
{
	struct stream scratch = { .flow = saved->flow };
	bool ok = true;

	for (int i = 0; ok && i < 2; i++) {
		struct nt_half_sink sink = sink_of(t, &scratch, &scratch.halves[i]);

		nt_half_init(&scratch.halves[i], i == 1);
		ok = restore_half(&scratch.halves[i], &sink, from);
		nt_half_drop(&scratch.halves[i], NT_STREAM_RESTART, &sink);
	}
	return ok;
}

int nt_streams_restore(struct nt_streams *t, struct nt_slice saved)
{
	struct saved_stream head;
	bool ok = true;

	while (ok && take(&saved, &head, sizeof(head))) {
		uint64_t hash = hash_of(t, &head.flow);
		struct stream *s =
			find(t, &head.flow, hash) ? NULL : open_stream(t, &head.flow, hash);

		if (!s) {
			ok = skip_halves(t, &head, &saved);
			continue;
		}
		s->last_ns = head.last_ns;
		for (int i = 0; ok && i < 2; i++) {
			struct nt_half_sink sink = sink_of(t, s, &s->halves[i]);

			ok = restore_half(&s->halves[i], &sink, &saved);
		}
	}
	return ok && !saved.len ? 0 : -EBADMSG;
}

struct nt_stream_stats nt_streams_stats(const struct nt_streams *t)
{
	struct nt_stream_stats stats = t->stats;

	stats.streams = t->places.held;
	stats.bytes = t->octets.held;
	return stats;
}
