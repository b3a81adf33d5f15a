/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A capture file (pcap, pcapng) read packet by packet through libpcap. Memory: one packet. Reads
 * block on the file. One thread.
 */
#pragma once

#include <stdio.h>

#include "lib/base/err.h"
#include "lib/pcap/packet.h"

struct nt_pcap;

/* "-" is standard input. NULL with the reason when it cannot be opened, is no capture, or has a
 * link type that lib/pcap/packet.h does not know. */
struct nt_pcap *nt_pcap_open(const char *path, struct nt_err *err);
/* As above from a stream, which belongs to the result, and is closed when there is none. */
struct nt_pcap *nt_pcap_open_stream(FILE *stream, struct nt_err *err);
void nt_pcap_close(struct nt_pcap *p);

struct nt_pcap_frame {
	uint64_t number; /* from 1, as tcpdump and Wireshark count */
	int64_t time_ns; /* since 1970, 0 to 2^62: times beyond are cut to that */
	struct nt_packet packet; /* valid until the next call */
};

/* 1: the next packet, 0: the end, -EIO: the file is damaged from here on. */
int nt_pcap_next(struct nt_pcap *p, struct nt_pcap_frame *ret_frame,
		 struct nt_err *err) NT_MUSTCHECK;
