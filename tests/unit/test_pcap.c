/* SPDX-License-Identifier: Apache-2.0 */
/* Frames to flows: links, IP, UDP and TCP headers, each cut everywhere, fragments; captures. */
#include "lib/pcap/pcap.h"
#include "lib/pcap/fragments.h"

#include <check.h>
#include <pcap/dlt.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

#define V4 "\x45\0\0\x20\0\1\0\0\x40\x11\0\0\x0a\0\0\5\x0a\0\0\x35"
/* protocol, total length, flags and offset */
#define V4_PIECE(protocol, total, fragment) \
	"\x45\0" total "\0\1" fragment "\x40" protocol "\0\0\x0a\0\0\5\x0a\0\0\x35"
#define V6 "\x60\0\0\0\0\x0c\x11\x40" V6_ADDRESSES
#define V6_ADDRESSES                         \
	"\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\5" \
	"\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x35"
#define UDP "\x9c\x40\0\x35\0\x0c\0\0dns!"
#define MACS "\2\0\0\0\0\1\2\0\0\0\0\2"

static const struct {
	const char *what;
	int link;
	struct nt_slice frame;
	enum nt_packet_kind kind;
	int family; /* 0: no addresses are looked at */
} frames[] = {
	{ "ethernet", DLT_EN10MB, NT_SLICE_LIT(MACS "\x08\0" V4 UDP), NT_PACKET_UDP, 4 },
	{ "ethernet, IPv6", DLT_EN10MB, NT_SLICE_LIT(MACS "\x86\xdd" V6 UDP), NT_PACKET_UDP, 6 },
	{ "padding", DLT_EN10MB, NT_SLICE_LIT(MACS "\x08\0" V4 UDP "\0\0\0\0\0"), NT_PACKET_UDP,
	  4 },
	{ "one tag", DLT_EN10MB, NT_SLICE_LIT(MACS "\x81\0\0\x2a\x08\0" V4 UDP), NT_PACKET_UDP, 4 },
	{ "two tags", DLT_EN10MB, NT_SLICE_LIT(MACS "\x88\xa8\0\7\x81\0\0\x2a\x86\xdd" V6 UDP),
	  NT_PACKET_UDP, 6 },
	{ "ARP", DLT_EN10MB, NT_SLICE_LIT(MACS "\x08\6\0\1"), NT_PACKET_OTHER, 0 },
	{ "cooked", DLT_LINUX_SLL, NT_SLICE_LIT("\0\0\0\1\0\6\2\0\0\0\0\1\0\0\x08\0" V4 UDP),
	  NT_PACKET_UDP, 4 },
	{ "cooked, version 2", DLT_LINUX_SLL2,
	  NT_SLICE_LIT("\x86\xdd\0\0\0\0\0\3\0\1\4\6\2\0\0\0\0\1\0\0" V6 UDP), NT_PACKET_UDP, 6 },
	{ "raw, IPv4", DLT_RAW, NT_SLICE_LIT(V4 UDP), NT_PACKET_UDP, 4 },
	{ "raw, IPv6", DLT_IPV6, NT_SLICE_LIT(V6 UDP), NT_PACKET_UDP, 6 },
	{ "raw, neither", DLT_RAW, NT_SLICE_LIT("\x50\0"), NT_PACKET_OTHER, 0 },
	{ "loopback of BSD", DLT_NULL, NT_SLICE_LIT("\2\0\0\0" V4 UDP), NT_PACKET_UDP, 4 },
	{ "options", DLT_RAW,
	  NT_SLICE_LIT("\x46\0\0\x24\0\1\0\0\x40\x11\0\0\x0a\0\0\5\x0a\0\0\x35\1\1\1\0" UDP),
	  NT_PACKET_UDP, 4 },
	{ "length zero", DLT_RAW,
	  NT_SLICE_LIT("\x45\0\0\0\0\1\0\0\x40\x11\0\0\x0a\0\0\5\x0a\0\0\x35" UDP), NT_PACKET_UDP,
	  4 },
	{ "hop-by-hop, destination options", DLT_RAW,
	  NT_SLICE_LIT("\x60\0\0\0\0\x24\0\x40" V6_ADDRESSES "\x3c\0\1\4\0\0\0\0"
		       "\x11\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0" UDP),
	  NT_PACKET_UDP, 6 },
	{ "atomic fragment", DLT_RAW,
	  NT_SLICE_LIT("\x60\0\0\0\0\x14\x2c\x40" V6_ADDRESSES "\x11\0\0\0\0\0\0\1" UDP),
	  NT_PACKET_UDP, 6 },
	{ "first fragment, IPv6", DLT_RAW,
	  NT_SLICE_LIT("\x60\0\0\0\0\x14\x2c\x40" V6_ADDRESSES "\x11\0\0\1\0\0\0\1" UDP),
	  NT_PACKET_UDP, 6 },
	{ "first fragment, IPv4", DLT_RAW, NT_SLICE_LIT(V4_PIECE("\x11", "\0\x20", "\x20\0") UDP),
	  NT_PACKET_UDP, 4 },
	{ "later fragment, IPv4", DLT_RAW, NT_SLICE_LIT(V4_PIECE("\x11", "\0\x20", "\x20\1") UDP),
	  NT_PACKET_FRAGMENT, 0 },
	{ "do not fragment is no fragment", DLT_RAW,
	  NT_SLICE_LIT("\x45\0\0\x20\0\1\x40\0\x40\x11\0\0\x0a\0\0\5\x0a\0\0\x35" UDP),
	  NT_PACKET_UDP, 4 },
	{ "TCP", DLT_RAW,
	  NT_SLICE_LIT("\x45\0\0\x30\0\1\0\0\x40\6\0\0\x0a\0\0\5\x0a\0\0\x35\x9c\x40\0\x35\0\0\0\1"
		       "\0\0\0\1\x60\x18\1\0\0\0\0\0\1\1\1\0dns!"),
	  NT_PACKET_TCP, 4 },
	{ "TCP, header length 4", DLT_RAW,
	  NT_SLICE_LIT("\x45\0\0\x2c\0\1\0\0\x40\6\0\0\x0a\0\0\5\x0a\0\0\x35\x9c\x40\0\x35\0\0\0\1"
		       "\0\0\0\1\x10\x18\1\0\0\0\0\0dns!"),
	  NT_PACKET_BROKEN, 0 },
	{ "ICMP", DLT_RAW,
	  NT_SLICE_LIT("\x45\0\0\x18\0\1\0\0\x40\1\0\0\x0a\0\0\5\x0a\0\0\x35\x08\0\0\0"),
	  NT_PACKET_OTHER, 0 },
	{ "UDP length 7", DLT_RAW, NT_SLICE_LIT(V4 "\x9c\x40\0\x35\0\7\0\0dns!"), NT_PACKET_BROKEN,
	  0 },
	{ "UDP length beyond", DLT_RAW, NT_SLICE_LIT(V4 "\x9c\x40\0\x35\0\x0d\0\0dns!"),
	  NT_PACKET_BROKEN, 0 },
	{ "header of 16 octets", DLT_RAW,
	  NT_SLICE_LIT("\x44\0\0\x20\0\1\0\0\x40\x11\0\0\x0a\0\0\5\x0a\0\0\x35" UDP),
	  NT_PACKET_BROKEN, 0 },
	{ "nothing", DLT_RAW, NT_SLICE_LIT(""), NT_PACKET_BROKEN, 0 },
};

static void check_flow(const struct nt_packet *p, int family)
{
	static const uint8_t v6[16] = { 0xfd, [15] = 5 };
	char text[NT_ADDR_TEXT_MAX];

	ck_assert_uint_eq(p->source_port, 40000);
	ck_assert_uint_eq(p->destination_port, 53);
	ck_assert_uint_eq(p->payload_len, 4);
	ck_assert(nt_slice_eq(p->payload, NT_SLICE_LIT("dns!")));
	ck_assert_str_eq(nt_addr_format(&p->destination, text),
			 family == 4 ? "10.0.0.53" : "fd00::35");
	if (family == 6)
		ck_assert_int_eq(memcmp(p->source.octets, v6, 16), 0);
}

START_TEST(test_frame)
{
	struct nt_packet p;

	ck_assert(nt_packet_knows(frames[_i].link));
	nt_packet_parse(frames[_i].link, frames[_i].frame, frames[_i].frame.len, &p);
	ck_assert_msg(p.kind == frames[_i].kind, "%s: %d, %s", frames[_i].what, p.kind,
		      p.fault ? p.fault : "no fault");
	ck_assert_int_eq(p.kind == NT_PACKET_BROKEN, p.fault != NULL);
	if (frames[_i].family)
		check_flow(&p, frames[_i].family);
}
END_TEST

/* Cut everywhere, as by a snap length and as a lie: no octet beyond is read, and what is cut in
 * the payload says so. */
START_TEST(test_cut)
{
	struct nt_slice whole = frames[_i].frame;

	for (size_t len = 0; len < whole.len; len++) {
		/* Exactly as long, so that ASan sees each octet read beyond it. */
		_cleanup_free_ char *copy = malloc(len ? len : 1);
		struct nt_slice cut = nt_slice_mem(memcpy(copy, whole.p, len), len);
		struct nt_packet p;

		nt_packet_parse(frames[_i].link, cut, len, &p);
		ck_assert_int_eq(p.kind == NT_PACKET_BROKEN, p.fault != NULL);
		nt_packet_parse(frames[_i].link, cut, whole.len, &p);
		ck_assert_uint_le(p.payload.len, p.payload_len);
		if (p.kind == NT_PACKET_UDP && frames[_i].family)
			ck_assert_uint_eq(p.payload_len, 4);
	}
}
END_TEST

static struct nt_packet parsed(struct nt_slice frame)
{
	struct nt_packet p;

	nt_packet_parse(DLT_RAW, frame, frame.len, &p);
	return p;
}

/* The whole datagram's length, and the octets that are here. */
START_TEST(test_first_of_udp)
{
	struct nt_packet p = parsed(NT_SLICE_LIT(
		V4_PIECE("\x11", "\0\x20", "\x20\0") "\x9c\x40\0\x35\x0b\xc0\0\0dns!"));

	ck_assert_int_eq(p.kind, NT_PACKET_UDP);
	ck_assert(p.is_first);
	ck_assert_uint_eq(p.payload_len, 3000);
	ck_assert(nt_slice_eq(p.payload, NT_SLICE_LIT("dns!")));
	p = parsed(NT_SLICE_LIT(V4 UDP));
	ck_assert(!p.is_first);
	/* No length is none: offload's long packets are not in fragments. */
	p = parsed(NT_SLICE_LIT(V4_PIECE("\x11", "\0\x20", "\x20\0") "\x9c\x40\0\x35\0\0\0\0dns!"));
	ck_assert_int_eq(p.kind, NT_PACKET_BROKEN);
}
END_TEST

#define TCP_PORTS "\x9c\x40\0\x35\0\0\0\1"

/* As a segment of what it holds, whose end is in others; without a header no more than a later one.
 */
START_TEST(test_first_of_tcp)
{
	static const char v6[] =
		"\x60\0\0\0\0\x10\x2c\x40" V6_ADDRESSES "\x3c\0\0\1\0\0\0\1\6\1\0\0\0\0\0\0";
	struct nt_packet p = parsed(NT_SLICE_LIT(V4_PIECE("\6", "\0\x2c", "\x20\0") TCP_PORTS
						 "\0\0\0\1\x50\x1f\1\0\0\0\0\0dns!"));

	ck_assert_int_eq(p.kind, NT_PACKET_TCP);
	ck_assert(p.is_first);
	ck_assert_uint_eq(p.tcp_flags, 0x1a);
	ck_assert_uint_eq(p.tcp_seq, 2);
	ck_assert_uint_eq(p.payload_len, 4);
	p = parsed(NT_SLICE_LIT(V4_PIECE("\6", "\0\x1c", "\x20\0") TCP_PORTS));
	ck_assert_int_eq(p.kind, NT_PACKET_FRAGMENT);
	p = parsed(nt_slice_mem(v6, sizeof(v6) - 1)); /* headers that go on elsewhere (RFC 7112) */
	ck_assert_int_eq(p.kind, NT_PACKET_FRAGMENT);
	/* The capture cut it: that is another fault. */
	nt_packet_parse(DLT_RAW, NT_SLICE_LIT(V4_PIECE("\6", "\0\x2c", "\x20\0") TCP_PORTS), 44,
			&p);
	ck_assert_int_eq(p.kind, NT_PACKET_BROKEN);
}
END_TEST

/* Known by addresses, identification and protocol; those of the latest first ones. */
START_TEST(test_whose_fragments)
{
	struct nt_packet first = parsed(NT_SLICE_LIT(V4_PIECE("\x11", "\0\x20", "\x20\0") UDP));
	struct nt_packet later = parsed(NT_SLICE_LIT(V4_PIECE("\x11", "\0\x20", "\0\2") UDP));
	struct nt_packet tcp = parsed(NT_SLICE_LIT(V4_PIECE("\6", "\0\x20", "\0\2") UDP));
	struct nt_fragments f = { 0 };

	ck_assert_int_eq(nt_fragments_later(&f, &later), NT_FRAGMENT_UNKNOWN);
	nt_fragments_first(&f, &first, NT_FRAGMENT_DNS);
	ck_assert_int_eq(nt_fragments_later(&f, &later), NT_FRAGMENT_DNS);
	ck_assert_int_eq(nt_fragments_later(&f, &tcp), NT_FRAGMENT_UNKNOWN);
	later.source.octets[3]++;
	ck_assert_int_eq(nt_fragments_later(&f, &later), NT_FRAGMENT_UNKNOWN);
	later.source.octets[3]--;
	nt_fragments_first(&f, &first, NT_FRAGMENT_OTHER); /* the number is used again */
	ck_assert_int_eq(nt_fragments_later(&f, &later), NT_FRAGMENT_OTHER);
	for (int i = 0; i < NT_FRAGMENTS_KEPT; i++) {
		ck_assert_int_eq(nt_fragments_later(&f, &later), NT_FRAGMENT_OTHER);
		first.fragment_id++;
		nt_fragments_first(&f, &first, NT_FRAGMENT_DNS);
	}
	ck_assert_int_eq(nt_fragments_later(&f, &later), NT_FRAGMENT_UNKNOWN);
}
END_TEST

START_TEST(test_endless_extensions)
{
	char frame[40 + 20 * 8] = "\x60\0\0\0\0\xa0\0\x40";
	struct nt_packet p;

	nt_packet_parse(DLT_RAW, nt_slice_mem(frame, sizeof(frame)), sizeof(frame), &p);
	ck_assert_int_eq(p.kind, NT_PACKET_BROKEN);
	ck_assert_str_eq(p.fault, "too many IPv6 extension headers");
}
END_TEST

static struct nt_pcap *open_golden(const char *name, struct nt_err *err)
{
	char path[200];

	snprintf(path, sizeof(path), "tests/golden/%s", name);
	return nt_pcap_open(path, err);
}

/* The committed captures of the golden tests; microseconds, nanoseconds of the other byte order,
 * and pcapng hold the same times. */
START_TEST(test_file)
{
	static const char *const names[] = { "raw.pcap", "swapped.pcap", "next.pcapng" };
	struct nt_err err = { 0 };
	struct nt_pcap_frame f;

	for (size_t i = 0; i < NT_ARRAY_LEN(names); i++) {
		struct nt_pcap *p = open_golden(names[i], &err);
		uint64_t n = 0;

		ck_assert_msg(p != NULL, "%s: %s", names[i], err.msg);
		while (nt_pcap_next(p, &f, &err) == 1) {
			ck_assert_uint_eq(f.number, ++n);
			ck_assert_int_eq(f.packet.kind, NT_PACKET_UDP);
			if (n == 2)
				ck_assert_int_eq(f.time_ns, 1767323045001500000);
		}
		ck_assert_uint_eq(n, 4);
		nt_pcap_close(p);
	}
}
END_TEST

START_TEST(test_file_faults)
{
	struct nt_err err = { 0 };
	struct nt_pcap_frame f;
	struct nt_pcap *p = open_golden("damaged.pcap", &err);

	ck_assert_ptr_nonnull(p);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(nt_pcap_next(p, &f, &err), 1);
	ck_assert_int_eq(nt_pcap_next(p, &f, &err), -EIO);
	ck_assert(strstr(err.msg, "behind packet 3"));
	nt_pcap_close(p);
	ck_assert_ptr_null(open_golden("unsupported.pcap", &err));
	ck_assert_int_eq(err.code, ENOTSUP);
	ck_assert_ptr_null(open_golden("make-pcaps.py", &err));
	ck_assert_int_eq(err.code, EINVAL);
	ck_assert_ptr_null(open_golden("no such file", &err));
	ck_assert_int_eq(err.code, ENOENT);
	nt_pcap_close(NULL);
}
END_TEST

/* Seconds with their upper bit set are after 2038, and no time leaves 0 to 2^62 ns. */
START_TEST(test_file_times)
{
	static const char bytes[] = "\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\xff\xff\0\0\x65\0\0\0"
				    "\xff\xff\xff\xff\xff\xff\xff\xff\1\0\0\0\1\0\0\0\x50";
	FILE *stream = fmemopen((void *)bytes, sizeof(bytes) - 1, "r");
	struct nt_err err = { 0 };
	struct nt_pcap_frame f;
	struct nt_pcap *p;

	ck_assert_ptr_nonnull(stream);
	p = nt_pcap_open_stream(stream, &err);
	ck_assert_msg(p != NULL, "%s", err.msg);
	ck_assert_int_eq(nt_pcap_next(p, &f, &err), 1);
	ck_assert_int_ge(f.time_ns, 0);
	ck_assert_int_le(f.time_ns, 1LL << 62);
	ck_assert_int_eq(f.packet.kind, NT_PACKET_OTHER);
	ck_assert_int_eq(nt_pcap_next(p, &f, &err), 0);
	nt_pcap_close(p);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("pcap");
	TCase *t = tcase_create("pcap");

	tcase_add_loop_test(t, test_frame, 0, (int)NT_ARRAY_LEN(frames));
	tcase_add_loop_test(t, test_cut, 0, (int)NT_ARRAY_LEN(frames));
	tcase_add_test(t, test_first_of_udp);
	tcase_add_test(t, test_first_of_tcp);
	tcase_add_test(t, test_whose_fragments);
	tcase_add_test(t, test_endless_extensions);
	tcase_add_test(t, test_file);
	tcase_add_test(t, test_file_faults);
	tcase_add_test(t, test_file_times);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
