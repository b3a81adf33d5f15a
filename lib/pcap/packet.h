/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One captured frame to flow and payload: Ethernet (802.1Q and 802.1ad too), Linux cooked v1 and
 * v2, raw IP, BSD loopback; IPv4 with options, IPv6 with extension headers; UDP and TCP headers.
 * Points into the frame. No state: fragments are not put together, nor TCP (lib/dns/stream is); the
 * first fragment, which has the ports, is read as far as it goes. No checksums: captures on the
 * sending host hold packets that were not summed yet.
 */
#pragma once

#include "lib/base/addr.h"

enum nt_packet_kind {
	NT_PACKET_OTHER = 0, /* not IP, or neither UDP nor TCP */
	NT_PACKET_UDP = 1,
	NT_PACKET_TCP = 2,
	NT_PACKET_FRAGMENT = 3, /* a later one of UDP or TCP, or a first one without the ports */
	NT_PACKET_BROKEN = 4, /* a header is cut or contradicts itself; fault says which */
};

struct nt_packet {
	enum nt_packet_kind kind;
	const char *fault; /* static text; NULL unless BROKEN */
	bool is_first; /* UDP, TCP: a first fragment, the payload goes on in others */
	uint64_t fragment_id; /* of a fragment: what all share that have the same addresses */
	struct nt_addr source, destination;
	uint16_t source_port, destination_port; /* host byte order */
	uint32_t tcp_seq; /* of TCP: host byte order, of the first octet of payload */
	uint8_t tcp_flags; /* of TCP: octet 13 of its header; no FIN or RST that is in others */
	struct nt_slice payload; /* of UDP or TCP, what was captured of it */
	size_t payload_len; /* as the headers say: more than payload.len when the capture cut it,
			     * and in a first fragment of UDP; in one of TCP what is in it */
};

/* True when frames of this libpcap link type (DLT_*) can be read. */
bool nt_packet_knows(int link_type);
/* Fills *ret_packet. wire_len: the length that the frame had before the capture cut it. */
void nt_packet_parse(int link_type, struct nt_slice frame, size_t wire_len,
		     struct nt_packet *ret_packet);
