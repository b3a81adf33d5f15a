/* SPDX-License-Identifier: Apache-2.0 */
/* A capture file read packet by packet through libpcap. */
#include "lib/pcap/pcap.h"

#include <pcap/pcap.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

#define TIME_MAX_NS (1LL << 62)

struct nt_pcap {
	pcap_t *handle;
	int link_type;
	uint64_t packets;
};

struct nt_pcap *nt_pcap_open(const char *path, struct nt_err *err)
{
	FILE *stream = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");

	if (!stream) {
		nt_err_sys(err, errno, "%s", path);
		return NULL;
	}
	return nt_pcap_open_stream(stream, err);
}

static void close_handle(pcap_t **handle)
{
	if (*handle)
		pcap_close(*handle);
}

struct nt_pcap *nt_pcap_open_stream(FILE *stream, struct nt_err *err)
{
	char why[PCAP_ERRBUF_SIZE] = "";
	_cleanup_(close_handle) pcap_t *handle =
		pcap_fopen_offline_with_tstamp_precision(stream, PCAP_TSTAMP_PRECISION_NANO, why);
	struct nt_pcap *p;
	int link_type;

	if (!handle) {
		if (stream != stdin)
			fclose(stream);
		nt_err_set(err, EINVAL, "not a capture file that libpcap can read: %s", why);
		return NULL;
	}
	link_type = pcap_datalink(handle);
	if (!nt_packet_knows(link_type)) {
		const char *name = pcap_datalink_val_to_name(link_type);

		nt_err_set(err, ENOTSUP, "link type %d (%s) is not supported", link_type,
			   name ? name : "unknown");
		return NULL;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		nt_err_set(err, ENOMEM, "no memory");
		return NULL;
	}
	p->handle = NT_TAKE_PTR(handle);
	p->link_type = link_type;
	return p;
}

void nt_pcap_close(struct nt_pcap *p)
{
	if (!p)
		return;
	pcap_close(p->handle);
	free(p);
}

/* With nanosecond precision libpcap keeps nanoseconds in tv_usec. */
static int64_t time_of(const struct pcap_pkthdr *header)
{
	int64_t ns;

	if (__builtin_mul_overflow((int64_t)header->ts.tv_sec, NT_NS_PER_S, &ns) ||
	    __builtin_add_overflow(ns, (int64_t)header->ts.tv_usec, &ns))
		return header->ts.tv_sec < 0 ? 0 : TIME_MAX_NS;
	return ns < 0 ? 0 : ns > TIME_MAX_NS ? TIME_MAX_NS : ns;
}

int nt_pcap_next(struct nt_pcap *p, struct nt_pcap_frame *ret_frame, struct nt_err *err)
{
	struct pcap_pkthdr *header;
	const u_char *data;
	int r = pcap_next_ex(p->handle, &header, &data);

	if (r == PCAP_ERROR_BREAK)
		return 0;
	if (r != 1)
		return nt_err_set(err, EIO, "damaged behind packet %llu: %s",
				  (unsigned long long)p->packets, pcap_geterr(p->handle));
	ret_frame->number = ++p->packets;
	ret_frame->time_ns = time_of(header);
	nt_packet_parse(p->link_type, nt_slice_mem(data, header->caplen), header->len,
			&ret_frame->packet);
	return 1;
}
