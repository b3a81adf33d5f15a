/* SPDX-License-Identifier: Apache-2.0 */
/* One captured frame to flow and payload. */
#include "lib/pcap/packet.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pcap/dlt.h>

#include "lib/dns/cursor.h"

enum {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_QINQ = 0x88a8,
	EXTENSIONS_MAX = 16, /* RFC 8504 section 5.3 lets a host refuse at fewer */
};

enum piece { WHOLE = 0, FIRST = 1, LATER = 2 }; /* of an IP packet */

/* What parsing has so far. `cut` octets of the frame were not captured. */
struct parse {
	struct nt_cursor c;
	size_t cut;
	enum piece piece;
	struct nt_packet *packet;
};

static void broken(struct parse *p, const char *fault)
{
	p->packet->kind = NT_PACKET_BROKEN;
	p->packet->fault = fault;
}

/* A first fragment may end inside of its headers: it tells no more than a later one then. */
static void without_header(struct parse *p, const char *fault)
{
	if (p->piece == FIRST && !p->cut)
		p->packet->kind = NT_PACKET_FRAGMENT;
	else
		broken(p, fault);
}

/* The IP packet may be shorter than what is left of the frame (Ethernet pads), or longer: then the
 * capture cut it, or it lies. A length of zero is a packet too long for the field (segmentation
 * offload, jumbo): it goes to the end. */
static bool limit_to(struct parse *p, size_t len)
{
	size_t left = nt_cursor_left(&p->c);

	if (!len)
		return true;
	if (len > left + p->cut)
		return false;
	p->cut = len > left ? len - left : 0;
	if (len < left)
		p->c.len = p->c.at + len;
	return true;
}

static void parse_udp(struct parse *p)
{
	struct nt_packet *out = p->packet;
	size_t ip_left = nt_cursor_left(&p->c) + p->cut;
	size_t len;

	out->source_port = nt_cursor_u16(&p->c);
	out->destination_port = nt_cursor_u16(&p->c);
	len = nt_cursor_u16(&p->c);
	(void)nt_cursor_u16(&p->c); /* checksum */
	if (p->c.bad)
		return without_header(p, "the UDP header is cut short");
	if (!len && p->piece == WHOLE)
		len = ip_left;
	if (len < 8 || (len > ip_left && p->piece == WHOLE))
		return broken(p, "the UDP length does not fit the packet");
	out->payload_len = len - 8;
	out->payload = nt_cursor_take(&p->c, out->payload_len < nt_cursor_left(&p->c)
						     ? out->payload_len
						     : nt_cursor_left(&p->c));
	out->is_first = p->piece == FIRST;
	out->kind = NT_PACKET_UDP;
}

static void parse_tcp(struct parse *p)
{
	struct nt_packet *out = p->packet;
	size_t ip_left = nt_cursor_left(&p->c) + p->cut;
	size_t header;

	out->source_port = nt_cursor_u16(&p->c);
	out->destination_port = nt_cursor_u16(&p->c);
	out->tcp_seq = nt_cursor_u32(&p->c);
	(void)nt_cursor_u32(&p->c); /* acknowledgement */
	header = (size_t)(nt_cursor_u8(&p->c) >> 4) * 4;
	out->tcp_flags = nt_cursor_u8(&p->c);
	out->tcp_seq += (out->tcp_flags & TH_SYN) != 0; /* it has a number of its own */
	if (p->c.bad || header < 20 || header > ip_left)
		return without_header(p, "the TCP header is cut short");
	(void)nt_cursor_take(&p->c, header - 14);
	out->payload_len = ip_left - header;
	out->payload = nt_cursor_take(&p->c, nt_cursor_left(&p->c));
	out->is_first = p->piece == FIRST;
	if (out->is_first) /* the stream ends behind the last one */
		out->tcp_flags &= (uint8_t) ~(TH_FIN | TH_RST);
	out->kind = NT_PACKET_TCP;
}

static void parse_transport(struct parse *p, uint8_t protocol)
{
	if (protocol != IPPROTO_UDP && protocol != IPPROTO_TCP)
		return;
	if (p->piece == LATER)
		p->packet->kind = NT_PACKET_FRAGMENT;
	else if (protocol == IPPROTO_UDP)
		parse_udp(p);
	else
		parse_tcp(p);
}

static struct nt_addr take_addr(struct nt_cursor *c, int family)
{
	struct nt_slice s = nt_cursor_take(c, family == 4 ? 4 : 16);

	return c->bad ? (struct nt_addr){ 0 } : nt_addr_from(family, (const uint8_t *)s.p);
}

/* offset, more: of the fragment; none of them: a whole packet. */
static void take_piece(struct parse *p, unsigned int offset, unsigned int more, uint64_t id)
{
	p->piece = offset ? LATER : more ? FIRST : WHOLE;
	p->packet->fragment_id = p->piece == WHOLE ? 0 : id;
}

static void parse_ipv4(struct parse *p)
{
	size_t start = p->c.at;
	uint8_t first = nt_cursor_u8(&p->c);
	size_t header = (size_t)(first & 15) * 4, total;
	uint16_t id, fragment;
	uint8_t protocol;

	(void)nt_cursor_u8(&p->c);
	total = nt_cursor_u16(&p->c);
	id = nt_cursor_u16(&p->c);
	fragment = nt_cursor_u16(&p->c);
	(void)nt_cursor_u8(&p->c);
	protocol = nt_cursor_u8(&p->c);
	take_piece(p, fragment & 0x1fff, fragment & 0x2000, (uint64_t)protocol << 32 | id);
	(void)nt_cursor_u16(&p->c);
	p->packet->source = take_addr(&p->c, 4);
	p->packet->destination = take_addr(&p->c, 4);
	if (p->c.bad)
		return broken(p, "the IPv4 header is cut short");
	if (first >> 4 != 4 || header < 20 || (total && total < header))
		return broken(p, "the IPv4 header contradicts itself");
	(void)nt_cursor_take(&p->c, header - 20);
	if (p->c.bad)
		return broken(p, "the IPv4 options are cut short");
	if (total == header || !limit_to(p, total ? total - (p->c.at - start) : 0))
		return broken(p, "the IPv4 length does not fit the frame");
	parse_transport(p, protocol);
}

static bool is_extension(uint8_t next)
{
	switch (next) {
	case IPPROTO_HOPOPTS:
	case IPPROTO_ROUTING:
	case IPPROTO_FRAGMENT:
	case IPPROTO_AH:
	case IPPROTO_DSTOPTS:
	case IPPROTO_MH:
	case 139: /* HIP */
	case 140: /* Shim6 */
		return true;
	default:
		return false;
	}
}

/* One extension header at the cursor (RFC 8200 section 4). Returns the next header. */
static uint8_t skip_extension(struct parse *p, uint8_t kind)
{
	struct nt_cursor *c = &p->c;
	uint8_t next = nt_cursor_u8(c);
	uint8_t len = nt_cursor_u8(c);

	if (kind == IPPROTO_FRAGMENT) {
		uint16_t fragment = nt_cursor_u16(c);

		take_piece(p, fragment & 0xfff8, fragment & 1, nt_cursor_u32(c));
	} else if (kind == IPPROTO_AH) {
		(void)nt_cursor_take(c, (len + 2u) * 4 - 2);
	} else {
		(void)nt_cursor_take(c, (len + 1u) * 8 - 2);
	}
	return next;
}

static void parse_ipv6(struct parse *p)
{
	uint8_t version = (uint8_t)(nt_cursor_u32(&p->c) >> 28);
	size_t len = nt_cursor_u16(&p->c);
	uint8_t next = nt_cursor_u8(&p->c);

	(void)nt_cursor_u8(&p->c);
	p->packet->source = take_addr(&p->c, 6);
	p->packet->destination = take_addr(&p->c, 6);
	if (p->c.bad)
		return broken(p, "the IPv6 header is cut short");
	if (version != 6)
		return broken(p, "the IPv6 header contradicts itself");
	if (!limit_to(p, len))
		return broken(p, "the IPv6 length does not fit the frame");
	for (int i = 0; is_extension(next); i++) {
		if (i == EXTENSIONS_MAX)
			return broken(p, "too many IPv6 extension headers");
		next = skip_extension(p, next);
		if (p->c.bad)
			return without_header(p, "an IPv6 extension header is cut short");
		if (p->piece == LATER) /* what follows is in the first fragment only */
			break;
	}
	if (p->piece == LATER && is_extension(next))
		next = IPPROTO_UDP; /* unknown; counted with the fragments all the same */
	parse_transport(p, next);
}

static void parse_ethertype(struct parse *p, uint16_t type)
{
	while (type == ETHERTYPE_VLAN || type == ETHERTYPE_QINQ) {
		(void)nt_cursor_u16(&p->c);
		type = nt_cursor_u16(&p->c);
	}
	if (p->c.bad)
		broken(p, "the link header is cut short");
	else if (type == ETHERTYPE_IPV4)
		parse_ipv4(p);
	else if (type == ETHERTYPE_IPV6)
		parse_ipv6(p);
}

/* By the version in the first octet. */
static void parse_raw(struct parse *p)
{
	uint8_t version;

	if (!nt_cursor_left(&p->c))
		return broken(p, "the frame is empty");
	version = p->c.start[p->c.at] >> 4;
	if (version == 4)
		parse_ipv4(p);
	else if (version == 6)
		parse_ipv6(p);
}

static void parse_cooked(struct parse *p, bool v2)
{
	uint16_t type;

	if (!v2)
		(void)nt_cursor_take(&p->c, 14);
	type = nt_cursor_u16(&p->c);
	if (v2)
		(void)nt_cursor_take(&p->c, 18);
	parse_ethertype(p, type);
}

bool nt_packet_knows(int link_type)
{
	switch (link_type) {
	case DLT_EN10MB:
	case DLT_LINUX_SLL:
	case DLT_LINUX_SLL2:
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
	case DLT_NULL:
	case DLT_LOOP:
		return true;
	default:
		return false;
	}
}

void nt_packet_parse(int link_type, struct nt_slice frame, size_t wire_len,
		     struct nt_packet *ret_packet)
{
	struct parse p = {
		.c = nt_cursor_over(frame),
		.cut = wire_len > frame.len ? wire_len - frame.len : 0,
		.packet = ret_packet,
	};

	*ret_packet = (struct nt_packet){ 0 };
	switch (link_type) {
	case DLT_EN10MB:
		(void)nt_cursor_take(&p.c, 12);
		return parse_ethertype(&p, nt_cursor_u16(&p.c));
	case DLT_LINUX_SLL:
	case DLT_LINUX_SLL2:
		return parse_cooked(&p, link_type == DLT_LINUX_SLL2);
	case DLT_NULL:
	case DLT_LOOP:
		/* The address family's number is the system's; the version says the same. */
		(void)nt_cursor_u32(&p.c);
		return parse_raw(&p);
	default:
		return parse_raw(&p);
	}
}
