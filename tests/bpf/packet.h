/* SPDX-License-Identifier: Apache-2.0 */
/* Packets, header by header, for BPF_PROG_TEST_RUN; packet_done() fills in the lengths. */
#pragma once

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <string.h>

struct packet {
	__u8 octets[4096];
	size_t len;
	size_t ip; /* where it begins */
	size_t udp; /* 0: none */
	size_t tcp; /* 0: none */
	int version;
	__u8 *next; /* where the next protocol number belongs */
};

#define CLIENT4 "10.244.0.21"
#define SERVER4 "10.96.0.10"
#define CLIENT6 "fd00:10:244::21"
#define SERVER6 "fd00:10:96::a"

static inline void *packet_add(struct packet *p, size_t len)
{
	void *at = p->octets + p->len;

	memset(at, 0, len);
	p->len += len;
	return at;
}

static inline void packet_put16(__u8 *at, unsigned value)
{
	at[0] = (__u8)(value >> 8);
	at[1] = (__u8)value;
}

static inline void packet_eth(struct packet *p, unsigned type)
{
	__u8 *eth = packet_add(p, ETH_HLEN);

	memcpy(eth, "\x02\x00\x00\x00\x00\x01\x02\x00\x00\x00\x00\x02", 12);
	packet_put16(eth + 12, type);
}

/* Behind packet_eth(p, ETH_P_8021Q). */
static inline void packet_tag(struct packet *p, unsigned control, unsigned type)
{
	__u8 *tag = packet_add(p, 4);

	packet_put16(tag, control);
	packet_put16(tag + 2, type);
}

static inline struct iphdr *packet_ip4(struct packet *p, const char *from, const char *to,
				       unsigned options_len, unsigned proto)
{
	struct iphdr *ip = packet_add(p, sizeof(*ip) + options_len);

	p->version = 4;
	p->ip = (size_t)((__u8 *)ip - p->octets);
	ip->version = 4;
	ip->ihl = (5 + options_len / 4) & 0xf;
	ip->ttl = 64;
	ip->protocol = (__u8)proto;
	inet_pton(AF_INET, from, &ip->saddr);
	inet_pton(AF_INET, to, &ip->daddr);
	memset(ip + 1, 1, options_len); /* no-operation */
	return ip;
}

static inline void packet_ip6(struct packet *p, const char *from, const char *to, unsigned next)
{
	struct ipv6hdr *ip = packet_add(p, sizeof(*ip));

	p->version = 6;
	p->ip = (size_t)((__u8 *)ip - p->octets);
	ip->version = 6;
	ip->hop_limit = 64;
	ip->nexthdr = (__u8)next;
	p->next = &ip->nexthdr;
	inet_pton(AF_INET6, from, &ip->saddr);
	inet_pton(AF_INET6, to, &ip->daddr);
}

/* An extension header of `type` with `len` octets (a multiple of 8) in front of what follows. */
static inline __u8 *packet_ext(struct packet *p, unsigned type, unsigned len)
{
	__u8 *ext = packet_add(p, len);

	ext[0] = *p->next;
	*p->next = (__u8)type;
	p->next = ext;
	if (type == IPPROTO_AH)
		ext[1] = (__u8)(len / 4 - 2);
	else if (type != IPPROTO_FRAGMENT)
		ext[1] = (__u8)(len / 8 - 1);
	return ext;
}

static inline struct udphdr *packet_udp(struct packet *p, unsigned sport, unsigned dport,
					const void *payload, size_t len)
{
	struct udphdr *udp = packet_add(p, sizeof(*udp));

	p->udp = (size_t)((__u8 *)udp - p->octets);
	udp->source = htons((__u16)sport);
	udp->dest = htons((__u16)dport);
	memcpy(packet_add(p, len), payload, len);
	return udp;
}

/* options_len: a multiple of 4. */
static inline struct tcphdr *packet_tcp(struct packet *p, unsigned sport, unsigned dport,
					unsigned flags, unsigned options_len, const void *payload,
					size_t len)
{
	struct tcphdr *tcp = packet_add(p, sizeof(*tcp) + options_len);
	__u8 *octets = (__u8 *)tcp;

	p->tcp = (size_t)(octets - p->octets);
	tcp->source = htons((__u16)sport);
	tcp->dest = htons((__u16)dport);
	tcp->seq = htonl(0xfffffff0); /* numbers wrap */
	octets[12] = (__u8)((5 + options_len / 4) << 4);
	octets[13] = (__u8)flags;
	memset(octets + sizeof(*tcp), 1, options_len); /* no-operation */
	memcpy(packet_add(p, len), payload, len);
	return tcp;
}

static inline void packet_done(struct packet *p)
{
	if (p->udp)
		packet_put16(p->octets + p->udp + 4, (unsigned)(p->len - p->udp));
	if (p->version == 4)
		packet_put16(p->octets + p->ip + 2, (unsigned)(p->len - p->ip));
	else if (p->version == 6)
		packet_put16(p->octets + p->ip + 4, (unsigned)(p->len - p->ip - 40));
}

/* "www.example.com A", id 0x1234. */
static const __u8 QUERY[] = "\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
			    "\x03www\x07"
			    "example\x03"
			    "com\x00\x00\x01\x00\x01";
#define QUERY_LEN (sizeof(QUERY) - 1)

static inline struct packet packet_query4(void)
{
	struct packet p = {};

	packet_eth(&p, ETH_P_IP);
	packet_ip4(&p, CLIENT4, SERVER4, 0, IPPROTO_UDP);
	packet_udp(&p, 40000, 53, QUERY, QUERY_LEN);
	packet_done(&p);
	return p;
}

static inline struct packet packet_reply4(void)
{
	struct packet p = {};

	packet_eth(&p, ETH_P_IP);
	packet_ip4(&p, SERVER4, CLIENT4, 0, IPPROTO_UDP);
	packet_udp(&p, 53, 40000, QUERY, QUERY_LEN);
	packet_done(&p);
	return p;
}

/* The query behind its length. */
static inline struct packet packet_tcp4(unsigned flags)
{
	__u8 message[2 + QUERY_LEN] = { 0, QUERY_LEN };
	struct packet p = {};

	memcpy(message + 2, QUERY, QUERY_LEN);
	packet_eth(&p, ETH_P_IP);
	packet_ip4(&p, CLIENT4, SERVER4, 0, IPPROTO_TCP);
	packet_tcp(&p, 40000, 53, flags, 0, message, sizeof(message));
	packet_done(&p);
	return p;
}

static inline struct packet packet_query6(void)
{
	struct packet p = {};

	packet_eth(&p, ETH_P_IPV6);
	packet_ip6(&p, CLIENT6, SERVER6, IPPROTO_UDP);
	packet_udp(&p, 40000, 53, QUERY, QUERY_LEN);
	packet_done(&p);
	return p;
}
