/* SPDX-License-Identifier: Apache-2.0 */
/* Fuzzes lib/dns: any octets parse or not; what parsed formats, and its names survive text. */
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/dns/message.h"
#include "lib/dns/part.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void check_printable(const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		check(p[i] >= ' ' && p[i] <= '~');
}

static void check_name(const struct nt_name *name)
{
	char text[NT_NAME_TEXT_MAX];
	struct nt_name back;
	size_t len = nt_name_text(name, text);

	check(name->len > 0 && len < sizeof(text));
	check_printable(text, len);
	check(nt_name_parse(nt_slice_mem(text, len), &back) == 0);
	check(nt_name_eq(name, &back));
}

static void check_mnemonics(uint16_t type, uint16_t class_, uint16_t rcode)
{
	char scratch[16];
	uint16_t back;

	check(nt_dns_type_parse(nt_slice_str(nt_dns_type_name(type, scratch)), &back) == 0);
	check(back == type);
	check(nt_dns_class_parse(nt_slice_str(nt_dns_class_name(class_, scratch)), &back) == 0);
	check(back == class_);
	check(nt_dns_rcode_parse(nt_slice_str(nt_dns_rcode_name(rcode, scratch)), &back) == 0);
	check(back == rcode);
}

/* Data whose names are spelled out says the same as it did in its message. */
static void check_octets(const struct nt_dns_msg *msg, const struct nt_dns_rr *rr,
			 struct nt_slice text)
{
	_cleanup_buf_ struct nt_buf octets = { 0 }, again = { 0 };

	nt_rdata_octets(msg, rr, &octets);
	check(nt_buf_ok(&octets));
	if (octets.len > UINT16_MAX)
		return;
	check(nt_rdata_text(rr->type, rr->class_, nt_slice_mem(octets.p, octets.len), &again) == 0);
	check(nt_slice_eq(nt_slice_mem(again.p, again.len), text));
}

static void check_records(const struct nt_dns_msg *msg)
{
	struct nt_dns_iter it = { 0 };
	struct nt_dns_rr rr;
	unsigned n = 0;

	while (nt_dns_next(msg, &it, &rr)) {
		/* A new buffer each time: one that has grown would hide a write beyond. */
		_cleanup_buf_ struct nt_buf out = { 0 };
		struct nt_cursor c = nt_cursor_over(msg->wire);
		struct nt_name owner;

		n++;
		c.at = rr.owner_at;
		nt_name_read(&c, &owner);
		check(!c.bad);
		check_name(&owner);
		check_mnemonics(rr.type, rr.class_, msg->rcode);
		nt_rdata_format(msg, &rr, &out);
		check(nt_buf_ok(&out));
		check_printable(out.p, out.len);
		check_octets(msg, &rr, nt_slice_mem(out.p, out.len));
	}
	check(n == (unsigned)msg->ancount + msg->nscount + msg->arcount);
}

/* The input as text of a name, of a mnemonic. */
static void check_text(const uint8_t *data, size_t len)
{
	struct nt_slice text = nt_slice_mem(data, len);
	struct nt_name name;
	uint16_t code;

	if (nt_name_parse(text, &name) == 0)
		check_name(&name);
	if (nt_dns_type_parse(text, &code) == 0)
		check_mnemonics(code, 1, 0);
	if (nt_dns_class_parse(text, &code) == 0)
		check_mnemonics(1, code, 0);
	if (nt_dns_rcode_parse(text, &code) == 0)
		check_mnemonics(1, 1, code);
}

/* The input as the start of a message that goes on elsewhere. */
static void check_part(struct nt_slice part)
{
	_cleanup_buf_ struct nt_buf scratch = { 0 };
	struct nt_dns_msg msg;

	if (part.len > UINT16_MAX || nt_dns_parse_part(part, &scratch, &msg) < 0)
		return;
	if (msg.has_question)
		check_name(&msg.qname);
	check_records(&msg);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct nt_dns_msg msg;
	int r = nt_dns_parse(nt_slice_mem(data, len), &msg);

	check(r <= 0);
	if (msg.has_question)
		check_name(&msg.qname);
	if (r == 0)
		check_records(&msg);
	else
		check(nt_dns_strerror(-r)[0] != '\0');
	check_part(nt_slice_mem(data, len));
	check_text(data, len);
	return 0;
}
