/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes lib/pcap: any octets as a capture file; each packet's payload lies where it may, and a
 * first fragment is found again. */
#include <stdlib.h>

#include "lib/pcap/fragments.h"
#include "lib/pcap/pcap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static volatile uint8_t sink;

static void check_frame(const struct nt_pcap_frame *f)
{
	const struct nt_packet *p = &f->packet;

	if (f->time_ns < 0 || p->payload.len > p->payload_len ||
	    (p->kind == NT_PACKET_BROKEN) != (p->fault != NULL))
		abort();
	for (size_t i = 0; i < p->payload.len; i++)
		sink ^= (uint8_t)p->payload.p[i];
}

static void check_fragment(struct nt_fragments *f, const struct nt_packet *p)
{
	if (p->is_first) {
		nt_fragments_first(f, p, NT_FRAGMENT_DNS);
		if (nt_fragments_later(f, p) != NT_FRAGMENT_DNS)
			abort();
	} else if (p->kind == NT_PACKET_FRAGMENT && nt_fragments_later(f, p) >= NT_FRAGMENT_FLOWS) {
		abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct nt_fragments fragments = {};
	FILE *stream = len ? fmemopen((void *)data, len, "r") : NULL;
	struct nt_pcap_frame frame;
	struct nt_err err;
	struct nt_pcap *p;

	/* A stream of nothing cannot be had; the folder is a file that cannot be read. */
	p = stream ? nt_pcap_open_stream(stream, &err) : nt_pcap_open("/", &err);
	while (p && nt_pcap_next(p, &frame, &err) == 1) {
		check_frame(&frame);
		check_fragment(&fragments, &frame.packet);
	}
	nt_pcap_close(p);
	return 0;
}
