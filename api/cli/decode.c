/* SPDX-License-Identifier: Apache-2.0 */
/* A capture file through the parser and the pairing of the agent, one line per transaction. */
#include "api/cli/decode.h"

#include <getopt.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <unistd.h>

#include "api/cli/line.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/dns/pair.h"
#include "lib/dns/part.h"
#include "lib/dns/stream.h"
#include "lib/names/names.h"
#include "lib/pcap/fragments.h"
#include "lib/pcap/pcap.h"
#include "lib/record/aggregate.h"
#include "lib/record/codec.h"

enum {
	EXIT_USAGE = 2,
	DNS_PORT = 53,
	/* One file has no owners to be fair to. 30 MiB, so that decode stays within 64 whatever is
	 * in the file: beyond it the oldest query counts as unanswered. */
	WAITING_MAX = 1 << 16,
	/* One transaction: 5,956 records fit 64 KiB, by compression each with two names of 1,000
	 * characters of text. */
	ARENA_MAX = 64 << 20,
	OUTPUT_CHUNK = 1 << 16,
	/* Connections that are open at once, and the octets of their half-read messages; the one
	 * owner's share is half of either. */
	STREAMS_MAX = 1 << 16,
	STREAM_BYTES_MAX = 32 << 20,
};

struct decode {
	bool text;
	struct nt_names *names;
	struct nt_pair *pair;
	struct nt_streams *streams;
	struct nt_arena arena;
	struct nt_fragments fragments;
	struct nt_buf out;
	struct nt_buf part; /* of one first fragment */
	int failed; /* errno of the first write that failed, 0 */
	uint64_t packet, rows;
	uint64_t later[NT_FRAGMENT_FLOWS]; /* fragments, by whose they are */
	uint64_t segments[NT_STREAM_REASONS]; /* of TCP, by what became of them */
};

static void write_out(struct decode *d)
{
	struct nt_err err = { 0 };

	if (!nt_buf_ok(&d->out))
		d->failed = ENOMEM;
	if (!d->failed &&
	    nt_file_write_fd(STDOUT_FILENO, nt_slice_mem(d->out.p, d->out.len), &err) < 0)
		d->failed = err.code;
	nt_buf_reset(&d->out);
}

/* Complaints and transactions go to different files, which may be the same terminal: in order. */
static void complain(struct decode *d, const char *what)
{
	write_out(d);
	fprintf(stderr, "nametapctl: packet %" PRIu64 ": %s\n", d->packet, what);
}

static uint64_t take_transaction(void *ctx, const struct nt_txn *txn)
{
	struct decode *d = ctx;
	struct nt_identity nobody = { .searches = "" };
	struct nt_time_base time = { 0 };
	struct nt_record record;

	if (d->failed)
		return 0;
	if (nt_record_from_txn(txn, &nobody, &time, d->names, &d->arena, &record) < 0) {
		complain(d, "the transaction that ends here does not fit the memory for one");
		nt_arena_reset(&d->arena);
		return 0;
	}
	record.id = ++d->rows;
	if (d->text)
		nt_line_format(&record, &d->out);
	else
		nt_record_json(&record, &d->out);
	nt_buf_putc(&d->out, '\n');
	nt_arena_reset(&d->arena);
	if (d->out.len >= OUTPUT_CHUNK)
		write_out(d);
	return d->rows;
}

/* Of a fragmented message what its first fragment holds. */
static int parse(struct decode *d, const struct nt_packet *p, struct nt_dns_msg *ret_msg)
{
	char why[160];
	int r;

	if (!p->is_first && p->payload.len < p->payload_len) {
		snprintf(why, sizeof(why),
			 "only %zu of %zu octets of the DNS message were captured", p->payload.len,
			 p->payload_len);
		complain(d, why);
		return -EBADMSG;
	}
	r = p->is_first ? nt_dns_parse_part(p->payload, &d->part, ret_msg)
			: nt_dns_parse(p->payload, ret_msg);
	if (r < 0) {
		snprintf(why, sizeof(why), "malformed DNS message: %s", nt_dns_strerror(-r));
		complain(d, why);
	}
	return r;
}

static void take_message(struct decode *d, const struct nt_pcap_frame *f)
{
	const struct nt_packet *p = &f->packet;
	struct nt_dns_msg msg;
	struct nt_flow flow;
	bool is_reply;

	if (parse(d, p, &msg) < 0)
		return;
	is_reply = msg.flags & NT_DNS_QR;
	flow = (struct nt_flow){
		.transport = IPPROTO_UDP,
		.client_port = is_reply ? p->destination_port : p->source_port,
		.server_port = is_reply ? p->source_port : p->destination_port,
		.client = is_reply ? p->destination : p->source,
		.server = is_reply ? p->source : p->destination,
	};
	nt_pair_message(d->pair, &flow, &msg, f->time_ns);
}

/* --- TCP -------------------------------------------------------------------------------------- */

static int take_tcp_message(void *ctx, const struct nt_stream_message *m)
{
	struct decode *d = ctx;
	struct nt_dns_msg msg;
	char why[160];
	int r = nt_dns_parse(m->wire, &msg);

	if (r == 0 && !(msg.flags & NT_DNS_QR) == m->from_server) {
		complain(d, "the QR bit of a message over TCP contradicts the ports");
		return EPROTO;
	}
	if (r < 0) {
		snprintf(why, sizeof(why), "malformed DNS message over TCP: %s",
			 nt_dns_strerror(-r));
		complain(d, why);
		return -r;
	}
	nt_pair_message(d->pair, m->flow, &msg, m->time_ns);
	return 0;
}

/* What is no message, where it can be told of one stream; the rest is counted. */
static void take_fate(void *ctx, const struct nt_stream_fate *f)
{
	struct decode *d = ctx;
	char why[200], client[NT_ADDR_TEXT_MAX];

	d->segments[f->what.reason] += f->what.segments;
	nt_addr_format(&f->flow->client, client);
	if (f->what.missing) {
		snprintf(why, sizeof(why),
			 "%u octets are missing %s port %u of %s: a gap in the TCP stream",
			 f->what.missing, f->from_server ? "to" : "from", f->flow->client_port,
			 client);
		complain(d, why);
	}
	if (f->what.reason == NT_STREAM_CUT) {
		snprintf(why, sizeof(why),
			 "the TCP stream %s port %u of %s ends inside of a message",
			 f->from_server ? "to" : "from", f->flow->client_port, client);
		complain(d, why);
	}
}

static void take_segment(struct decode *d, const struct nt_pcap_frame *f)
{
	const struct nt_packet *p = &f->packet;
	const unsigned int syn_ack = NT_TCP_SYN | NT_TCP_ACK;
	bool from_server = p->source_port == DNS_PORT &&
			   (p->destination_port != DNS_PORT || (p->tcp_flags & syn_ack) == syn_ack);
	struct nt_stream_segment s = {
		.flow = { .transport = IPPROTO_TCP,
			  .client_port = from_server ? p->destination_port : p->source_port,
			  .server_port = from_server ? p->source_port : p->destination_port,
			  .client = from_server ? p->destination : p->source,
			  .server = from_server ? p->source : p->destination },
		.from_server = from_server,
		.flags = p->tcp_flags,
		.seq = p->tcp_seq,
		.payload = p->payload,
		.time_ns = f->time_ns,
	};
	char why[160];

	if (!p->payload_len && !p->is_first &&
	    !(p->tcp_flags & (NT_TCP_SYN | NT_TCP_FIN | NT_TCP_RST)))
		return;
	if (p->payload.len < p->payload_len) {
		snprintf(why, sizeof(why),
			 "only %zu of %zu octets of the TCP segment were captured", p->payload.len,
			 p->payload_len);
		complain(d, why);
		s.flags &= (uint8_t)~NT_TCP_FIN; /* it is behind what is missing */
	}
	nt_streams_segment(d->streams, &s);
}

/* --- the file --------------------------------------------------------------------------------- */

static void take_frame(struct decode *d, const struct nt_pcap_frame *f)
{
	const struct nt_packet *p = &f->packet;
	bool dns = p->source_port == DNS_PORT || p->destination_port == DNS_PORT;

	d->packet = f->number;
	nt_streams_expire(d->streams, f->time_ns);
	if (p->is_first)
		nt_fragments_first(&d->fragments, p, dns ? NT_FRAGMENT_DNS : NT_FRAGMENT_OTHER);
	switch (p->kind) {
	case NT_PACKET_OTHER:
		break;
	case NT_PACKET_UDP:
		if (dns)
			take_message(d, f);
		break;
	case NT_PACKET_TCP:
		if (dns)
			take_segment(d, f);
		break;
	case NT_PACKET_FRAGMENT:
		d->later[nt_fragments_later(&d->fragments, p)]++;
		break;
	case NT_PACKET_BROKEN:
		complain(d, p->fault);
		break;
	}
}

static void tell_count(uint64_t n, const char *what)
{
	if (n)
		fprintf(stderr, "nametapctl: not decoded: %" PRIu64 " %s\n", n, what);
}

static void finish(struct decode *d)
{
	nt_streams_flush(d->streams, 0);
	nt_pair_flush(d->pair, 0);
	write_out(d);
	tell_count(d->segments[NT_STREAM_REFUSED], "TCP segments of malformed messages");
	tell_count(d->segments[NT_STREAM_GAP], "TCP segments around gaps");
	tell_count(d->segments[NT_STREAM_CUT], "TCP segments of messages that were cut off");
	tell_count(d->segments[NT_STREAM_MIDDLE],
		   "TCP segments of streams whose begin is not in the file");
	tell_count(d->segments[NT_STREAM_LIMIT], "TCP segments for lack of room");
	tell_count(d->later[NT_FRAGMENT_DNS], "later IP fragments of DNS");
	tell_count(d->later[NT_FRAGMENT_UNKNOWN],
		   "IP fragments whose first one, with the ports, is not in the file");
}

static int open_tables(struct decode *d, struct nt_err *err)
{
	struct nt_pair_config pair = { .max_entries = WAITING_MAX, .max_per_owner = WAITING_MAX };
	struct nt_stream_config streams = { .max_streams = STREAMS_MAX,
					    .max_bytes = STREAM_BYTES_MAX };
	struct nt_stream_calls calls = { .message = take_tcp_message, .fate = take_fate, .ctx = d };

	d->pair = nt_pair_new(&pair, take_transaction, d, err);
	if (!d->pair)
		return -err->code;
	d->streams = nt_streams_new(&streams, &calls, err);
	return d->streams ? 0 : -err->code;
}

static int run(struct decode *d, const char *path, struct nt_err *err)
{
	struct nt_pcap *pcap;
	struct nt_pcap_frame frame;
	int r;

	r = nt_names_new("cluster.local", &d->names, err);
	if (r == 0)
		r = open_tables(d, err);
	if (r < 0)
		return r;
	pcap = nt_pcap_open(path, err);
	if (!pcap)
		return -err->code;
	while ((r = nt_pcap_next(pcap, &frame, err)) > 0 && !d->failed)
		take_frame(d, &frame);
	nt_pcap_close(pcap);
	finish(d);
	if (d->failed)
		return nt_err_sys(err, d->failed, "writing");
	return r;
}

static int usage(FILE *to, int status)
{
	fputs("usage: nametapctl decode [--format json|text] FILE.pcap\n"
	      "Prints one line per DNS transaction in a capture file; - is standard input.\n"
	      "Packets that cannot be parsed go to standard error, with their number.\n\n"
	      "  --format json  one JSON object, fields as in the log (default)\n"
	      "  --format text  for reading\n",
	      to);
	return status;
}

int nt_decode_main(int argc, char **argv)
{
	static const struct option options[] = { { "format", required_argument, NULL, 'f' },
						 { "help", no_argument, NULL, 'h' },
						 { 0 } };
	struct decode d = { .arena = NT_ARENA(ARENA_MAX) };
	struct nt_err err = { 0 };
	int option, r;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'h')
			return usage(stdout, EXIT_SUCCESS);
		if (option != 'f' || (strcmp(optarg, "json") != 0 && strcmp(optarg, "text") != 0))
			return usage(stderr, EXIT_USAGE);
		d.text = optarg[0] == 't';
	}
	if (argc - optind != 1)
		return usage(stderr, EXIT_USAGE);
	r = run(&d, argv[optind], &err);
	nt_streams_free(d.streams);
	nt_pair_free(d.pair);
	nt_names_free(d.names);
	nt_arena_done(&d.arena);
	nt_buf_done(&d.out);
	nt_buf_done(&d.part);
	if (r < 0)
		fprintf(stderr, "nametapctl: %s: %s\n", argv[optind], err.msg);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
