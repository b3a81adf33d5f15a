/* SPDX-License-Identifier: Apache-2.0 */
/* One DNS message: header, question, and a check of every record. */
#include "lib/dns/message.h"

#include <errno.h>

#include "lib/dns/edns.h"
#include "lib/dns/rdata.h"

enum {
	MESSAGE_MAX = 65535,
	HEADER_LEN = 12,
};

const char *nt_dns_strerror(int code)
{
	switch (code) {
	case NT_DNS_ESHORT:
		return "the message ends inside a field";
	case NT_DNS_ENAME:
		return "a name has a wrong label type, length or compression pointer";
	case NT_DNS_ERDATA:
		return "record data does not fit its type or its length";
	case NT_DNS_EQUESTION:
		return "more than one question";
	case NT_DNS_EOPT:
		return "two OPT records, or one in the wrong place";
	case NT_DNS_ETRAILING:
		return "octets behind the last record";
	default:
		return strerrordesc_np(code) ? strerrordesc_np(code) : "unknown error";
	}
}

/* A name reader that failed at the end was cut short, any other found a fault. */
static int name_fault(const struct nt_cursor *c)
{
	return c->at < c->len ? -NT_DNS_ENAME : -NT_DNS_ESHORT;
}

static int parse_question(struct nt_cursor *c, struct nt_dns_msg *m)
{
	if (!m->qdcount)
		return 0;
	nt_name_read(c, &m->qname);
	if (c->bad)
		return name_fault(c);
	m->qtype = nt_cursor_u16(c);
	m->qclass = nt_cursor_u16(c);
	if (c->bad)
		return -NT_DNS_ESHORT;
	m->has_question = true;
	return m->qdcount > 1 ? -NT_DNS_EQUESTION : 0;
}

/* What stands between owner and RDATA. */
struct rr_head {
	uint16_t type, class_;
	uint32_t ttl;
	uint16_t rdata_len;
} __attribute__((packed));

/* The fields of one record; its RDATA lies within the message, but is not checked. The owner is
 * skipped without a check when it points to a question that was read. */
static int read_record(struct nt_cursor *c, bool has_question, struct nt_dns_rr *ret_rr)
{
	struct nt_cursor owner = *c;
	struct rr_head head;
	struct nt_slice octets;

	ret_rr->owner_at = (uint16_t)c->at;
	if (has_question && nt_cursor_u16(&owner) == NT_DNS_QNAME_POINTER)
		*c = owner;
	else
		nt_name_read(c, NULL);
	if (c->bad)
		return name_fault(c);
	octets = nt_cursor_take(c, sizeof(head));
	if (c->bad)
		return -NT_DNS_ESHORT;
	memcpy(&head, octets.p, sizeof(head));
	ret_rr->type = be16toh(head.type);
	ret_rr->class_ = be16toh(head.class_);
	ret_rr->ttl = be32toh(head.ttl);
	ret_rr->rdata_len = be16toh(head.rdata_len);
	ret_rr->rdata_at = (uint16_t)c->at;
	(void)nt_cursor_take(c, ret_rr->rdata_len);
	return c->bad ? -NT_DNS_ESHORT : 0;
}

static enum nt_dns_section section_of(const struct nt_dns_msg *m, unsigned index)
{
	if (index < m->ancount)
		return NT_DNS_ANSWER;
	return index - m->ancount < m->nscount ? NT_DNS_AUTHORITY : NT_DNS_ADDITIONAL;
}

static int take_opt(struct nt_dns_msg *m, const struct nt_dns_rr *rr)
{
	uint8_t rcode_high = 0;
	int r;

	/* Once, additional, and its owner is the root (RFC 6891 section 6.1.1). */
	if (m->edns.present || rr->section != NT_DNS_ADDITIONAL || m->wire.p[rr->owner_at] != 0)
		return -NT_DNS_EOPT;
	r = nt_edns_parse(m->wire, rr, &m->edns, &rcode_high);
	if (r == 0)
		m->rcode |= (uint16_t)(rcode_high << 4);
	return r;
}

static int parse_records(struct nt_cursor *c, struct nt_dns_msg *m)
{
	unsigned total = (unsigned)m->ancount + m->nscount + m->arcount;
	int r;

	for (unsigned i = 0; i < total; i++) {
		struct nt_dns_rr other;
		struct nt_dns_rr *rr =
			i < m->ancount && i < NT_DNS_ANSWERS ? &m->answers[i] : &other;

		r = read_record(c, m->has_question, rr);
		if (r < 0)
			return r;
		rr->section = section_of(m, i);
		r = rr->type == NT_TYPE_OPT ? take_opt(m, rr) : nt_rdata_check(m->wire, rr);
		if (r < 0)
			return r;
	}
	return c->at < c->len ? -NT_DNS_ETRAILING : 0;
}

int nt_dns_parse(struct nt_slice wire, struct nt_dns_msg *ret_msg)
{
	struct nt_dns_msg *m = ret_msg;
	struct nt_cursor c = nt_cursor_over(wire);
	uint16_t words[HEADER_LEN / 2];
	int r;

	memset(m, 0, offsetof(struct nt_dns_msg, qname.wire)); /* the name's 255 octets can stay */
	m->edns.ede = -1;
	if (wire.len < HEADER_LEN)
		return -NT_DNS_ESHORT;
	m->wire = wire;
	memcpy(words, nt_cursor_take(&c, HEADER_LEN).p, HEADER_LEN);
	m->id = be16toh(words[0]);
	m->flags = be16toh(words[1]);
	m->opcode = m->flags >> 11 & 15;
	m->rcode = m->flags & 15;
	m->qdcount = be16toh(words[2]);
	m->ancount = be16toh(words[3]);
	m->nscount = be16toh(words[4]);
	m->arcount = be16toh(words[5]);
	if (wire.len > MESSAGE_MAX) /* no record can reach there */
		return -NT_DNS_ETRAILING;
	r = parse_question(&c, m);
	if (r < 0)
		return r;
	m->records_at = (uint16_t)c.at;
	return parse_records(&c, m);
}

bool nt_dns_next(const struct nt_dns_msg *msg, struct nt_dns_iter *it, struct nt_dns_rr *ret_rr)
{
	unsigned total = (unsigned)msg->ancount + msg->nscount + msg->arcount;
	struct nt_cursor c = nt_cursor_over(msg->wire);

	if (it->index >= total)
		return false;
	c.at = it->index ? it->at : msg->records_at;
	if (read_record(&c, msg->has_question, ret_rr) < 0)
		return false;
	ret_rr->section = section_of(msg, it->index++);
	it->at = (uint16_t)c.at;
	return true;
}
