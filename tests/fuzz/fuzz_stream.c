/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fuzzes the table of TCP streams: the input is a list of events (connection and verb, flags, where
 * in the stream, time passed, length) with octets behind each. Every segment has one fate, what is
 * held keeps to the bounds, and a restart carries all of it over.
 */
#include <netinet/in.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/dns/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

enum { HEAD = 6, STREAMS = 6, BYTES = 8192, STREAM_BYTES = 4096 };

struct world {
	struct nt_streams *table;
	uint64_t sent, told, messages;
	bool restoring;
};

static void check(bool holds)
{
	if (!holds)
		abort();
}

static int note_message(void *ctx, const struct nt_stream_message *m)
{
	struct world *w = ctx;

	w->messages++;
	check(m->wire.len <= UINT16_MAX && m->flow->owner >= 1 && m->flow->owner <= 2);
	return m->wire.len % 5 == 3 ? 9 : 0; /* some are of no use */
}

static void note_fate(void *ctx, const struct nt_stream_fate *f)
{
	struct world *w = ctx;

	check(f->what.reason < NT_STREAM_REASONS);
	check(f->what.segments || f->what.missing);
	check((f->what.reason == NT_STREAM_REFUSED) == (f->what.code == 9));
	check(f->what.reason != NT_STREAM_RESTART || w->restoring);
	w->told += f->what.segments;
}

static void make_table(struct world *w)
{
	struct nt_stream_config config = { .max_streams = STREAMS,
					   .max_bytes = BYTES,
					   .max_stream_bytes = STREAM_BYTES };
	struct nt_stream_calls calls = { .message = note_message, .fate = note_fate, .ctx = w };

	w->table = nt_streams_new(&config, &calls, NULL);
	check(w->table != NULL);
}

static void restart(struct world *w, size_t max_bytes)
{
	_cleanup_buf_ struct nt_buf saved = { 0 };
	struct nt_streams *last = w->table;

	nt_streams_save(last, max_bytes, &saved);
	nt_streams_free(last);
	make_table(w);
	w->restoring = true;
	check(nt_streams_restore(w->table, nt_slice_mem(saved.p, saved.len)) == 0);
	w->restoring = false;
}

/* What somebody else wrote into the spool may be anything, and must not harm. */
static void restore_anything(const uint8_t *data, size_t len)
{
	struct world other = { .restoring = true };

	make_table(&other);
	(void)!nt_streams_restore(other.table, nt_slice_mem(data, len));
	nt_streams_free(other.table);
}

static size_t send_segment(struct world *w, const uint8_t *event, struct nt_slice rest,
			   int64_t now_ns)
{
	size_t len = event[5] < rest.len ? event[5] : rest.len;
	struct nt_stream_segment s = {
		.flow = { .owner = 1 + (event[0] & 1),
			  .transport = IPPROTO_TCP,
			  .client_port = event[0] >> 1 & 3,
			  .server_port = 53 },
		.from_server = event[0] >> 3 & 1,
		.flags = event[1],
		.seq = 0xffffff80 + event[2] + (event[3] & 0xc0) * 0x100000u,
		.payload = nt_slice_mem(rest.p, len),
		.time_ns = now_ns,
	};

	w->sent++;
	nt_streams_segment(w->table, &s);
	return len;
}

static void check_bounds(const struct world *w)
{
	struct nt_stream_stats s = nt_streams_stats(w->table);

	check(s.streams <= STREAMS && s.bytes <= BYTES);
	check(w->told <= w->sent);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct world w = { 0 };
	int64_t now_ns = 1000 * NT_NS_PER_S;
	size_t at = 0;

	restore_anything(data, len);
	make_table(&w);
	while (at + HEAD <= len && w.sent < 4096) {
		const uint8_t *event = data + at;

		at += HEAD;
		now_ns += ((int8_t)event[4]) * 100 * NT_NS_PER_MS; /* backwards too */
		if (event[0] < 0xe0)
			at += send_segment(&w, event,
					   nt_slice_mem((const char *)data + at, len - at), now_ns);
		else if (event[0] < 0xe8)
			nt_streams_expire(w.table, now_ns);
		else if (event[0] < 0xf0)
			nt_streams_flush(w.table, event[1] % 4);
		else
			restart(&w, event[1] * 64u);
		check_bounds(&w);
	}
	nt_streams_flush(w.table, 0);
	check(nt_streams_stats(w.table).bytes == 0 && nt_streams_stats(w.table).streams == 0);
	check(w.told == w.sent);
	nt_streams_free(w.table);
	return 0;
}
