/* SPDX-License-Identifier: Apache-2.0 */
/* A record as one line for people. */
#include "api/cli/line.h"

#include <netinet/in.h>

#include "api/cli/text.h"
#include "lib/base/cleanup.h"
#include "lib/base/date.h"
#include "lib/dns/message.h"

/* RFC 3339 in UTC with microseconds. */
static void put_time(struct nt_buf *out, int64_t us)
{
	struct nt_date d = nt_date_of(us / 1000000);

	if (us < 0) {
		nt_buf_puts(out, "-");
		return;
	}
	nt_buf_padded(out, (uint64_t)d.year, 4);
	nt_buf_putc(out, '-');
	nt_buf_padded(out, d.month, 2);
	nt_buf_putc(out, '-');
	nt_buf_padded(out, d.day, 2);
	nt_buf_putc(out, 'T');
	nt_buf_padded(out, d.hour, 2);
	nt_buf_putc(out, ':');
	nt_buf_padded(out, d.minute, 2);
	nt_buf_putc(out, ':');
	nt_buf_padded(out, d.second, 2);
	nt_buf_putc(out, '.');
	nt_buf_padded(out, (uint64_t)(us % 1000000), 6);
	nt_buf_putc(out, 'Z');
}

static void put_ends(struct nt_buf *out, const struct nt_record *r)
{
	char text[NT_ADDR_TEXT_MAX];
	bool v6;

	nt_buf_puts(out, nt_addr_format(&r->client_ip, text));
	nt_buf_puts(out, " > ");
	if (!r->servers_len)
		return;
	v6 = r->servers[0].ip.family == 6;
	nt_buf_puts(out, v6 ? "[" : "");
	nt_buf_puts(out, nt_addr_format(&r->servers[0].ip, text));
	nt_buf_puts(out, v6 ? "]:" : ":");
	nt_buf_u64(out, r->servers[0].port);
}

static void put_question(struct nt_buf *out, const struct nt_record *r)
{
	char scratch[16];

	if (!r->qname.len) {
		nt_buf_puts(out, "- -");
		return;
	}
	nt_text_put(out, r->qname);
	nt_buf_putc(out, ' ');
	if (r->qclass != 1) {
		nt_buf_puts(out, nt_dns_class_name(r->qclass, scratch));
		nt_buf_putc(out, '/');
	}
	nt_buf_puts(out, nt_dns_type_name(r->qtype, scratch));
}

static void put_outcome(struct nt_buf *out, const struct nt_record *r)
{
	char scratch[16];

	if (!r->answered) {
		nt_buf_puts(out, "unanswered");
		return;
	}
	nt_buf_puts(out, nt_dns_rcode_name(r->rcode, scratch));
	if (r->late)
		nt_buf_puts(out, " late");
	else if (!r->queries)
		nt_buf_puts(out, " unpaired");
	if (!r->latency_count)
		return;
	nt_buf_putc(out, ' '); /* milliseconds, to the microsecond */
	nt_buf_u64(out, r->latency_min_ns / 1000000);
	nt_buf_putc(out, '.');
	nt_buf_padded(out, r->latency_min_ns / 1000 % 1000, 3);
	nt_buf_puts(out, "ms");
}

static void put_flags(struct nt_buf *out, uint16_t flags)
{
	static const struct {
		uint16_t bit;
		const char *name;
	} names[] = { { NT_DNS_AA, "AA" }, { NT_DNS_TC, "TC" }, { NT_DNS_RD, "RD" },
		      { NT_DNS_RA, "RA" }, { NT_DNS_AD, "AD" }, { NT_DNS_CD, "CD" } };
	const char *before = " ";

	for (size_t i = 0; i < NT_ARRAY_LEN(names); i++) {
		if (!(flags & names[i].bit))
			continue;
		nt_buf_puts(out, before);
		nt_buf_puts(out, names[i].name);
		before = ",";
	}
}

static void put_edns(struct nt_buf *out, const struct nt_record *r)
{
	if (!r->edns)
		return;
	nt_buf_puts(out, " edns=");
	nt_buf_u64(out, r->edns_version);
	nt_buf_putc(out, '/');
	nt_buf_u64(out, r->edns_udp_size_max);
	if (r->edns_do)
		nt_buf_puts(out, "/DO");
	for (size_t i = 0; i < r->edns_options_len; i++) {
		nt_buf_puts(out, i ? "," : "/options:");
		nt_buf_u64(out, r->edns_options[i]);
	}
}

static void put_answers(struct nt_buf *out, const struct nt_record *r)
{
	const char *before = " | ";
	char scratch[16];

	for (size_t i = 0; i < r->rrsets_len; i++) {
		const struct nt_rrset *set = &r->rrsets[i];

		for (size_t j = 0; j < set->rdata_len; j++) {
			nt_buf_puts(out, before);
			nt_text_put(out, set->name);
			nt_buf_putc(out, ' ');
			nt_buf_u64(out, set->ttl_min);
			nt_buf_putc(out, ' ');
			nt_buf_puts(out, nt_dns_type_name(set->type, scratch));
			nt_buf_putc(out, ' ');
			nt_text_put(out, set->rdata[j]);
		}
	}
}

void nt_line_format(const struct nt_record *r, struct nt_buf *out)
{
	put_time(out, r->start_us);
	nt_buf_putc(out, ' ');
	nt_buf_puts(out, r->transport == IPPROTO_TCP ? "tcp" : "udp");
	nt_buf_putc(out, ' ');
	put_ends(out, r);
	nt_buf_putc(out, ' ');
	put_question(out, r);
	nt_buf_putc(out, ' ');
	put_outcome(out, r);
	put_flags(out, r->flags);
	put_edns(out, r);
	if (r->retries) {
		nt_buf_puts(out, " retries=");
		nt_buf_u64(out, r->retries);
	}
	nt_buf_puts(out, " out=");
	nt_buf_u64(out, r->bytes_out);
	nt_buf_puts(out, " in=");
	nt_buf_u64(out, r->bytes_in);
	put_answers(out, r);
}
