/* SPDX-License-Identifier: Apache-2.0 */
/* RDATA by type: a line of field letters per type, one walk for checking and for formatting. */
#include "lib/dns/rdata.h"

#include "lib/base/cleanup.h"
#include "lib/base/date.h"
#include "lib/dns/text.h"

/*
 * The fields of each type in wire order:
 *   n name          1 2 4 number of so many octets    t type mnemonic     d time of RRSIG
 *   a IPv4 address  A IPv6 address                    s character-string  S one or more of them
 *   q rest, quoted  h rest in hex   b rest in base 64 (both may be empty)
 *   x length, hex ("-" when empty)  y length, base 32  m type bitmap      e rest as EUI
 *   c CAA tag       v SVCB parameters
 * NULL: RFC 3597. Names of every type are decompressed, also where a sender must not compress
 * (RFC 3597 section 4): what a lenient client understands must be in the log.
 */
static const char *const low_fields[] = {
	[NT_TYPE_A] = "a",
	[NT_TYPE_NS] = "n",
	[3] = "n", /* MD */
	[4] = "n", /* MF */
	[NT_TYPE_CNAME] = "n",
	[NT_TYPE_SOA] = "nn44444",
	[7] = "n", /* MB */
	[8] = "n", /* MG */
	[9] = "n", /* MR */
	[NT_TYPE_PTR] = "n",
	[13] = "ss", /* HINFO */
	[14] = "nn", /* MINFO */
	[NT_TYPE_MX] = "2n",
	[NT_TYPE_TXT] = "S",
	[17] = "nn", /* RP */
	[18] = "2n", /* AFSDB */
	[19] = "s", /* X25 */
	[20] = "S", /* ISDN */
	[21] = "2n", /* RT */
	[23] = "n", /* NSAP-PTR */
	[24] = "t114dd2nb", /* SIG */
	[25] = "211b", /* KEY */
	[26] = "2nn", /* PX */
	[27] = "sss", /* GPOS */
	[NT_TYPE_AAAA] = "A",
	[NT_TYPE_SRV] = "222n",
	[35] = "22sssn", /* NAPTR */
	[36] = "2n", /* KX */
	[37] = "221b", /* CERT */
	[39] = "n", /* DNAME */
	[NT_TYPE_DS] = "211h",
	[44] = "11h", /* SSHFP */
	[46] = "t114dd2nb", /* RRSIG */
	[47] = "nm", /* NSEC */
	[NT_TYPE_DNSKEY] = "211b",
	[49] = "b", /* DHCID */
	[50] = "112xym", /* NSEC3 */
	[51] = "112x", /* NSEC3PARAM */
	[52] = "111h", /* TLSA */
	[53] = "111h", /* SMIMEA */
	[58] = "nn", /* TALINK */
	[59] = "211h", /* CDS */
	[60] = "211b", /* CDNSKEY */
	[61] = "b", /* OPENPGPKEY */
	[62] = "42m", /* CSYNC */
	[63] = "411h", /* ZONEMD */
	[NT_TYPE_SVCB] = "2nv",
	[NT_TYPE_HTTPS] = "2nv",
	[99] = "S", /* SPF */
	[105] = "2a", /* L32 */
	[107] = "2n", /* LP */
	[108] = "e", /* EUI48 */
	[109] = "e", /* EUI64 */
};

enum { CLASS_IN = 1, CLASS_HS = 4, CLASS_NONE = 254, CLASS_ANY = 255 };

static const char *fields_of(const struct nt_dns_rr *rr)
{
	/* Addresses of other classes have another form (CHAOS: a name and a number). */
	if ((rr->type == NT_TYPE_A || rr->type == NT_TYPE_AAAA) && rr->class_ != CLASS_IN &&
	    rr->class_ != CLASS_HS && rr->class_ != CLASS_NONE && rr->class_ != CLASS_ANY)
		return NULL;
	/* A dynamic update deletes by class, without data (RFC 2136 section 2.5). */
	if (!rr->rdata_len && (rr->class_ == CLASS_NONE || rr->class_ == CLASS_ANY))
		return NULL;
	if (rr->type < NT_ARRAY_LEN(low_fields))
		return low_fields[rr->type];
	switch (rr->type) {
	case 256: /* URI */
		return "22q";
	case NT_TYPE_CAA:
		return "1cq";
	case 258: /* AVC */
	case 261: /* RESINFO */
	case 262: /* WALLET */
		return "S";
	case 32768: /* TA */
	case 32769: /* DLV */
		return "211h";
	default:
		return NULL;
	}
}

static struct nt_slice take_rest(struct nt_cursor *c)
{
	return nt_cursor_take(c, nt_cursor_left(c));
}

void nt_rdata_walk_name(struct nt_rdata_walk *w)
{
	struct nt_name name;

	nt_name_read(&w->c, w->out ? &name : NULL);
	if (w->c.bad)
		w->bad_name = w->c.at < w->c.len;
	else if (w->out)
		nt_name_format(&name, w->out);
}

static void walk_number(struct nt_rdata_walk *w, char width)
{
	uint32_t v = width == '1'   ? nt_cursor_u8(&w->c)
		     : width == '2' ? nt_cursor_u16(&w->c)
				    : nt_cursor_u32(&w->c);

	if (w->out)
		nt_buf_u64(w->out, v);
}

static void walk_type(struct nt_rdata_walk *w)
{
	uint16_t type = nt_cursor_u16(&w->c);
	char scratch[16];

	if (w->out)
		nt_buf_puts(w->out, nt_dns_type_name(type, scratch));
}

/* YYYYMMDDHHmmSS (RFC 4034 section 3.2). The number counts modulo 2^32; it is read as a time up to
 * 2106, so that the same packet gives the same text in any year. */
static void walk_time(struct nt_rdata_walk *w)
{
	struct nt_date d = nt_date_of(nt_cursor_u32(&w->c));

	if (!w->out)
		return;
	nt_buf_padded(w->out, (uint64_t)d.year, 4);
	nt_buf_padded(w->out, d.month, 2);
	nt_buf_padded(w->out, d.day, 2);
	nt_buf_padded(w->out, d.hour, 2);
	nt_buf_padded(w->out, d.minute, 2);
	nt_buf_padded(w->out, d.second, 2);
}

static void walk_address(struct nt_rdata_walk *w, char field)
{
	struct nt_slice s = nt_cursor_take(&w->c, field == 'a' ? 4 : 16);

	if (!w->out || w->c.bad)
		return;
	if (field == 'a')
		nt_text_ipv4(w->out, s);
	else
		nt_text_ipv6(w->out, s);
}

static struct nt_slice take_string(struct nt_cursor *c)
{
	size_t len = nt_cursor_u8(c);

	return nt_cursor_take(c, len);
}

static void walk_strings(struct nt_rdata_walk *w, bool many)
{
	bool first = true;

	do {
		struct nt_slice s = take_string(&w->c);

		if (!w->out || w->c.bad)
			continue;
		if (!first)
			nt_buf_putc(w->out, ' ');
		nt_text_quoted(w->out, s);
		first = false;
	} while (many && nt_cursor_left(&w->c));
}

static void walk_rest(struct nt_rdata_walk *w, char field)
{
	struct nt_slice s = take_rest(&w->c);

	if (!w->out)
		return;
	if (field == 'q')
		nt_text_quoted(w->out, s);
	else if (field == 'h')
		nt_text_hex(w->out, s);
	else
		nt_text_base64(w->out, s);
}

/* The salt and the next hashed owner of NSEC3 (RFC 5155 section 3.3). */
static void walk_counted(struct nt_rdata_walk *w, char field)
{
	struct nt_slice s = take_string(&w->c);

	if (field == 'y' && !s.len)
		nt_cursor_fail(&w->c);
	if (!w->out)
		return;
	if (field == 'y')
		nt_text_base32hex(w->out, s);
	else if (s.len)
		nt_text_hex(w->out, s);
	else
		nt_buf_putc(w->out, '-');
}

static void format_window(struct nt_buf *out, uint8_t window, struct nt_slice map, bool *first)
{
	char scratch[16];

	for (unsigned bit = 0; bit < map.len * 8; bit++) {
		if (!((uint8_t)map.p[bit / 8] & (0x80 >> bit % 8)))
			continue;
		if (!*first)
			nt_buf_putc(out, ' ');
		*first = false;
		nt_buf_puts(out, nt_dns_type_name((uint16_t)(window << 8 | bit), scratch));
	}
}

/* RFC 4034 section 4.1.2: windows ascend, each has 1 to 32 octets. */
static void walk_bitmap(struct nt_rdata_walk *w)
{
	bool first = true;
	int last = -1;

	while (nt_cursor_left(&w->c)) {
		uint8_t window = nt_cursor_u8(&w->c);
		struct nt_slice map = take_string(&w->c);

		if (!map.len || map.len > 32 || window <= last) {
			nt_cursor_fail(&w->c);
			return;
		}
		last = window;
		if (w->out)
			format_window(w->out, window, map, &first);
	}
}

static void walk_eui(struct nt_rdata_walk *w, uint16_t type)
{
	struct nt_slice s = nt_cursor_take(&w->c, type == 108 ? 6 : 8);

	for (size_t i = 0; w->out && i < s.len; i++) {
		nt_buf_puts(w->out, i ? "-" : "");
		nt_buf_hex(w->out, (uint8_t)s.p[i], 2);
	}
}

/* RFC 8659 section 4.1: at least one octet, letters and digits; others come out as \DDD. */
static void walk_caa_tag(struct nt_rdata_walk *w)
{
	struct nt_slice s = take_string(&w->c);

	if (!s.len)
		nt_cursor_fail(&w->c);
	for (size_t i = 0; w->out && i < s.len; i++) {
		uint8_t c = (uint8_t)s.p[i];

		if ((c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z')) {
			nt_buf_putc(w->out, (char)c);
		} else {
			nt_buf_putc(w->out, '\\');
			nt_buf_padded(w->out, c, 3);
		}
	}
}

static void walk_field(struct nt_rdata_walk *w, char field, uint16_t type)
{
	switch (field) {
	case 'n':
		return nt_rdata_walk_name(w);
	case 'a':
	case 'A':
		return walk_address(w, field);
	case '1':
	case '2':
	case '4':
		return walk_number(w, field);
	case 's':
	case 'S':
		return walk_strings(w, field == 'S');
	case 'q':
	case 'h':
	case 'b':
		return walk_rest(w, field);
	case 'x':
	case 'y':
		return walk_counted(w, field);
	case 't':
		return walk_type(w);
	case 'd':
		return walk_time(w);
	case 'm':
		return walk_bitmap(w);
	case 'e':
		return walk_eui(w, type);
	case 'c':
		return walk_caa_tag(w);
	case 'v':
		return nt_svcb_walk_params(w);
	}
}

static bool may_be_empty(char field)
{
	return field == 'h' || field == 'b' || field == 'm' || field == 'v';
}

/* Numbers that are only checked to be there; returns behind them. */
static const char *skip_numbers(struct nt_rdata_walk *w, const char *f)
{
	size_t len = 0;

	for (; *f == '1' || *f == '2' || *f == '4'; f++)
		len += (size_t)(*f - '0');
	(void)nt_cursor_take(&w->c, len);
	return f;
}

static void walk_fields(struct nt_rdata_walk *w, const char *fields, uint16_t type)
{
	for (const char *f = fields; *f && !w->c.bad; f++) {
		if (!w->out && !*(f = skip_numbers(w, f)))
			break;
		if (w->out && f != fields && (nt_cursor_left(&w->c) || !may_be_empty(*f)))
			nt_buf_putc(w->out, ' ');
		walk_field(w, *f, type);
	}
	if (nt_cursor_left(&w->c))
		nt_cursor_fail(&w->c);
}

static struct nt_rdata_walk walk_over(struct nt_slice wire, const struct nt_dns_rr *rr)
{
	struct nt_rdata_walk w = { .c = nt_cursor_over(wire) };

	w.c.len = (size_t)rr->rdata_at + rr->rdata_len;
	w.c.at = rr->rdata_at;
	return w;
}

/* The same check for data of names and numbers alone, which is most of what is no address. */
static int check_names(struct nt_cursor *c, const char *fields)
{
	for (const char *f = fields; *f; f++) {
		if (*f != 'n') {
			(void)nt_cursor_take(c, (size_t)(*f - '0'));
			continue;
		}
		nt_name_read(c, NULL);
		if (c->bad)
			return c->at < c->len ? -NT_DNS_ENAME : -NT_DNS_ERDATA;
	}
	return c->bad || c->at < c->len ? -NT_DNS_ERDATA : 0;
}

static bool is_names(uint16_t type)
{
	return type == NT_TYPE_CNAME || type == NT_TYPE_SOA || type == NT_TYPE_SRV ||
	       type == NT_TYPE_PTR || type == NT_TYPE_NS || type == NT_TYPE_MX;
}

int nt_rdata_check(struct nt_slice wire, const struct nt_dns_rr *rr)
{
	const char *fields = fields_of(rr);
	struct nt_rdata_walk w;

	if (!fields)
		return 0;
	if (fields[0] == 'a' || fields[0] == 'A') /* three of four records; no walk needed */
		return rr->rdata_len == (fields[0] == 'a' ? 4 : 16) ? 0 : -NT_DNS_ERDATA;
	w = walk_over(wire, rr);
	if (!rr->rdata_len)
		nt_cursor_fail(&w.c);
	if (is_names(rr->type))
		return check_names(&w.c, fields);
	walk_fields(&w, fields, rr->type);
	if (!w.c.bad)
		return 0;
	return w.bad_name ? -NT_DNS_ENAME : -NT_DNS_ERDATA;
}

/* RFC 3597 section 5. */
static void format_unknown(struct nt_rdata_walk *w, struct nt_buf *out)
{
	struct nt_slice s = take_rest(&w->c);

	nt_buf_puts(out, "\\# ");
	nt_buf_u64(out, s.len);
	if (!s.len)
		return;
	nt_buf_putc(out, ' ');
	nt_text_hex(out, s);
}

void nt_rdata_format(const struct nt_dns_msg *msg, const struct nt_dns_rr *rr, struct nt_buf *out)
{
	struct nt_rdata_walk w = walk_over(msg->wire, rr);
	const char *fields = fields_of(rr);

	w.out = out;
	if (fields)
		walk_fields(&w, fields, rr->type);
	else
		format_unknown(&w, out);
}

/* RFC 1035, 4.1.4: names are all that depends on the message around the data. */
void nt_rdata_octets(const struct nt_dns_msg *msg, const struct nt_dns_rr *rr, struct nt_buf *out)
{
	struct nt_rdata_walk w = walk_over(msg->wire, rr);
	const char *fields = fields_of(rr);
	size_t at = w.c.at;
	struct nt_name name;

	for (const char *f = fields ? fields : ""; *f; f++) {
		if (*f != 'n') {
			walk_field(&w, *f, rr->type);
			continue;
		}
		nt_buf_add(out, w.c.start + at, w.c.at - at);
		nt_name_read(&w.c, &name);
		nt_buf_add(out, name.wire, name.len);
		at = w.c.at;
	}
	nt_buf_add(out, w.c.start + at, w.c.len - at);
}

int nt_rdata_text(uint16_t type, uint16_t class_, struct nt_slice octets, struct nt_buf *out)
{
	const struct nt_dns_rr rr = { .type = type,
				      .class_ = class_,
				      .rdata_len = (uint16_t)octets.len };
	const struct nt_dns_msg msg = { .wire = octets };
	int r = octets.len <= UINT16_MAX ? nt_rdata_check(octets, &rr) : -NT_DNS_ERDATA;

	if (r == 0)
		nt_rdata_format(&msg, &rr, out);
	return r;
}
