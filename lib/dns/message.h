/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One DNS message (RFC 1035) as a view: header, question, and an iterator over the resource records
 * that points back into the packet. Every name of every section is checked while parsing, so that
 * formatting afterwards cannot fail for a reason that lies in the packet. No I/O, no globals, no
 * heap.
 */
#pragma once

#include "lib/base/buf.h"
#include "lib/dns/name.h"

enum nt_dns_flag { /* bits as in the header's second 16-bit word */
		   NT_DNS_QR = 0x8000,
		   NT_DNS_AA = 0x0400,
		   NT_DNS_TC = 0x0200,
		   NT_DNS_RD = 0x0100,
		   NT_DNS_RA = 0x0080,
		   NT_DNS_AD = 0x0020,
		   NT_DNS_CD = 0x0010,
};

enum nt_dns_section {
	NT_DNS_ANSWER = 1,
	NT_DNS_AUTHORITY = 2,
	NT_DNS_ADDITIONAL = 3,
};

/* Types whose RDATA holds names or that the code names; others by number. */
enum nt_dns_type {
	NT_TYPE_A = 1,
	NT_TYPE_NS = 2,
	NT_TYPE_CNAME = 5,
	NT_TYPE_SOA = 6,
	NT_TYPE_PTR = 12,
	NT_TYPE_MX = 15,
	NT_TYPE_TXT = 16,
	NT_TYPE_AAAA = 28,
	NT_TYPE_SRV = 33,
	NT_TYPE_OPT = 41,
	NT_TYPE_DS = 43,
	NT_TYPE_DNSKEY = 48,
	NT_TYPE_SVCB = 64,
	NT_TYPE_HTTPS = 65,
	NT_TYPE_CAA = 257,
};

/* The compression pointer to the question's name, which is what most owner names are. */
#define NT_DNS_QNAME_POINTER 0xc00c

struct nt_dns_edns {
	bool present;
	uint8_t version;
	bool dnssec_ok;
	uint16_t udp_size;
	uint16_t options[8]; /* option codes in order, at most 8 */
	uint8_t options_len;
	int32_t ede; /* info code of the first Extended DNS Error (RFC 8914), -1: none */
};

struct nt_dns_rr {
	enum nt_dns_section section;
	uint16_t owner_at; /* offset of the owner name in the message */
	uint16_t type;
	uint16_t class_;
	uint32_t ttl;
	uint16_t rdata_at; /* offset and length of RDATA in the message */
	uint16_t rdata_len;
};

/* So many answers are kept as they are parsed: more than nearly every message has. */
#define NT_DNS_ANSWERS 16

struct nt_dns_msg {
	struct nt_slice wire; /* borrowed: the whole message */
	uint16_t id;
	uint16_t flags; /* second word: enum nt_dns_flag, opcode, low rcode bits */
	uint8_t opcode;
	uint16_t rcode; /* extended (RFC 6891) where there is an OPT record */
	uint16_t qdcount, ancount, nscount, arcount;
	bool has_question;
	uint16_t qtype;
	uint16_t qclass;
	uint16_t records_at; /* offset behind the question section */
	struct nt_dns_edns edns;
	/* What is behind here nt_dns_parse does not set to zero. */
	struct nt_name qname; /* lower case; the first question's */
	struct nt_dns_rr answers[NT_DNS_ANSWERS]; /* the first ones of ancount */
};

/* Domain errors beside errno values; nt_dns_strerror names them. */
enum nt_dns_error {
	NT_DNS_ESHORT = 1000, /* the message ends inside a field */
	NT_DNS_ENAME = 1001, /* a name: label type, length, or a pointer that does not go back */
	NT_DNS_ERDATA = 1002, /* RDATA does not fit its type or its length */
	NT_DNS_EQUESTION = 1003, /* more than one question */
	NT_DNS_EOPT = 1004, /* two OPT records, or one outside the additional section */
	NT_DNS_ETRAILING = 1005, /* octets behind the last record */
};

/* Text for a code above, or for an errno value. */
const char *nt_dns_strerror(int code);

/*
 * Parses and checks `wire`, at most 65,535 octets. Returns 0, or -enum nt_dns_error; *ret_msg is
 * then unspecified, except that id, flags and has_question/qname hold what was read before the
 * fault (msg->wire.len is 0 when not even the header was there).
 */
int nt_dns_parse(struct nt_slice wire, struct nt_dns_msg *ret_msg) NT_MUSTCHECK;

/* Iterates over all records of a message that parsed. Zero-initialise the iterator state. */
struct nt_dns_iter {
	uint16_t at;
	uint16_t index;
};
/* False at the end. */
bool nt_dns_next(const struct nt_dns_msg *msg, struct nt_dns_iter *it, struct nt_dns_rr *ret_rr);

/* Appends RDATA in presentation form (one line, RFC 1035/3597/9460; names in lower case without the
 * final dot, TXT strings quoted, unknown types as `\# LEN HEX`). */
void nt_rdata_format(const struct nt_dns_msg *msg, const struct nt_dns_rr *rr, struct nt_buf *out);
/* Appends RDATA as octets that need no message: its names uncompressed and in lower case. */
void nt_rdata_octets(const struct nt_dns_msg *msg, const struct nt_dns_rr *rr, struct nt_buf *out);
/* Such octets, of whatever origin, to what nt_rdata_format would say. 0, or -enum nt_dns_error. */
int nt_rdata_text(uint16_t type, uint16_t class_, struct nt_slice octets,
		  struct nt_buf *out) NT_MUSTCHECK;

/* IANA mnemonic or TYPE64 / CLASS3 / RCODE24 / OPCODE9 (RFC 3597). Never NULL; out is scratch. */
const char *nt_dns_type_name(uint16_t type, char out[16]);
const char *nt_dns_class_name(uint16_t class_, char out[16]);
const char *nt_dns_rcode_name(uint16_t rcode, char out[16]);
/* The reverse, ASCII case ignored; -EINVAL when it is neither a mnemonic nor the generic form. */
int nt_dns_type_parse(struct nt_slice text, uint16_t *ret_type) NT_MUSTCHECK;
int nt_dns_class_parse(struct nt_slice text, uint16_t *ret_class) NT_MUSTCHECK;
int nt_dns_rcode_parse(struct nt_slice text, uint16_t *ret_rcode) NT_MUSTCHECK;
