/* SPDX-License-Identifier: Apache-2.0 */
/* Names of types, classes and response codes after IANA's "DNS Parameters", and back. */
#include "lib/dns/message.h"

#include <errno.h>
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/base/parse.h"

static const char *const low_types[] = {
	[1] = "A",	   [2] = "NS",	     [3] = "MD",	  [4] = "MF",
	[5] = "CNAME",	   [6] = "SOA",	     [7] = "MB",	  [8] = "MG",
	[9] = "MR",	   [10] = "NULL",    [11] = "WKS",	  [12] = "PTR",
	[13] = "HINFO",	   [14] = "MINFO",   [15] = "MX",	  [16] = "TXT",
	[17] = "RP",	   [18] = "AFSDB",   [19] = "X25",	  [20] = "ISDN",
	[21] = "RT",	   [22] = "NSAP",    [23] = "NSAP-PTR",	  [24] = "SIG",
	[25] = "KEY",	   [26] = "PX",	     [27] = "GPOS",	  [28] = "AAAA",
	[29] = "LOC",	   [30] = "NXT",     [31] = "EID",	  [32] = "NIMLOC",
	[33] = "SRV",	   [34] = "ATMA",    [35] = "NAPTR",	  [36] = "KX",
	[37] = "CERT",	   [38] = "A6",	     [39] = "DNAME",	  [40] = "SINK",
	[41] = "OPT",	   [42] = "APL",     [43] = "DS",	  [44] = "SSHFP",
	[45] = "IPSECKEY", [46] = "RRSIG",   [47] = "NSEC",	  [48] = "DNSKEY",
	[49] = "DHCID",	   [50] = "NSEC3",   [51] = "NSEC3PARAM", [52] = "TLSA",
	[53] = "SMIMEA",   [55] = "HIP",     [56] = "NINFO",	  [57] = "RKEY",
	[58] = "TALINK",   [59] = "CDS",     [60] = "CDNSKEY",	  [61] = "OPENPGPKEY",
	[62] = "CSYNC",	   [63] = "ZONEMD",  [64] = "SVCB",	  [65] = "HTTPS",
	[66] = "DSYNC",	   [99] = "SPF",     [100] = "UINFO",	  [101] = "UID",
	[102] = "GID",	   [103] = "UNSPEC", [104] = "NID",	  [105] = "L32",
	[106] = "L64",	   [107] = "LP",     [108] = "EUI48",	  [109] = "EUI64",
	[128] = "NXNAME",
};

enum { HIGH_TYPES_FIRST = 249 };
static const char *const high_types[] = {
	[249 - HIGH_TYPES_FIRST] = "TKEY",    [250 - HIGH_TYPES_FIRST] = "TSIG",
	[251 - HIGH_TYPES_FIRST] = "IXFR",    [252 - HIGH_TYPES_FIRST] = "AXFR",
	[253 - HIGH_TYPES_FIRST] = "MAILB",   [254 - HIGH_TYPES_FIRST] = "MAILA",
	[255 - HIGH_TYPES_FIRST] = "ANY",     [256 - HIGH_TYPES_FIRST] = "URI",
	[257 - HIGH_TYPES_FIRST] = "CAA",     [258 - HIGH_TYPES_FIRST] = "AVC",
	[259 - HIGH_TYPES_FIRST] = "DOA",     [260 - HIGH_TYPES_FIRST] = "AMTRELAY",
	[261 - HIGH_TYPES_FIRST] = "RESINFO", [262 - HIGH_TYPES_FIRST] = "WALLET",
	[263 - HIGH_TYPES_FIRST] = "CLA",     [264 - HIGH_TYPES_FIRST] = "IPN",
};

static const char *const rcodes[] = {
	[0] = "NOERROR",  [1] = "FORMERR", [2] = "SERVFAIL",  [3] = "NXDOMAIN",
	[4] = "NOTIMP",	  [5] = "REFUSED", [6] = "YXDOMAIN",  [7] = "YXRRSET",
	[8] = "NXRRSET",  [9] = "NOTAUTH", [10] = "NOTZONE",  [11] = "DSOTYPENI",
	[16] = "BADVERS", [17] = "BADKEY", [18] = "BADTIME",  [19] = "BADMODE",
	[20] = "BADNAME", [21] = "BADALG", [22] = "BADTRUNC", [23] = "BADCOOKIE",
};

static const char *const classes[] = {
	[1] = "IN", [3] = "CH", [4] = "HS", [254] = "NONE", [255] = "ANY",
};

static const char *generic(const char *prefix, unsigned value, char out[16])
{
	snprintf(out, 16, "%s%u", prefix, value);
	return out;
}

const char *nt_dns_type_name(uint16_t type, char out[16])
{
	const char *name = NULL;

	if (type < NT_ARRAY_LEN(low_types))
		name = low_types[type];
	else if (type >= HIGH_TYPES_FIRST &&
		 type - HIGH_TYPES_FIRST < (int)NT_ARRAY_LEN(high_types))
		name = high_types[type - HIGH_TYPES_FIRST];
	else if (type == 32768)
		name = "TA";
	else if (type == 32769)
		name = "DLV";
	return name ? name : generic("TYPE", type, out);
}

const char *nt_dns_class_name(uint16_t class_, char out[16])
{
	const char *name = class_ < NT_ARRAY_LEN(classes) ? classes[class_] : NULL;

	return name ? name : generic("CLASS", class_, out);
}

const char *nt_dns_rcode_name(uint16_t rcode, char out[16])
{
	const char *name = rcode < NT_ARRAY_LEN(rcodes) ? rcodes[rcode] : NULL;

	return name ? name : generic("RCODE", rcode, out);
}

/* Index of `text` in a table with gaps, -1 when it is not there. Queries of people come through
 * here, packets do not, so a walk is fast enough. */
static int find(const char *const *table, size_t len, struct nt_slice text)
{
	for (size_t i = 0; i < len; i++)
		if (table[i] && nt_slice_caseeq(text, nt_slice_str(table[i])))
			return (int)i;
	return -1;
}

/* "TYPE64" with prefix "TYPE". */
static int parse_generic(struct nt_slice text, const char *prefix, uint64_t max, uint16_t *ret)
{
	size_t len = strlen(prefix);
	uint64_t value;

	if (text.len <= len || strncasecmp(text.p, prefix, len) != 0 ||
	    nt_parse_u64(nt_slice_mem(text.p + len, text.len - len), max, &value) < 0)
		return -EINVAL;
	*ret = (uint16_t)value;
	return 0;
}

int nt_dns_type_parse(struct nt_slice text, uint16_t *ret_type)
{
	int i = find(low_types, NT_ARRAY_LEN(low_types), text);

	if (i < 0) {
		i = find(high_types, NT_ARRAY_LEN(high_types), text);
		i = i < 0 ? i : i + HIGH_TYPES_FIRST;
	}
	if (i < 0 && nt_slice_caseeq(text, NT_SLICE_LIT("TA")))
		i = 32768;
	if (i < 0 && nt_slice_caseeq(text, NT_SLICE_LIT("DLV")))
		i = 32769;
	if (i < 0)
		return parse_generic(text, "TYPE", UINT16_MAX, ret_type);
	*ret_type = (uint16_t)i;
	return 0;
}

int nt_dns_class_parse(struct nt_slice text, uint16_t *ret_class)
{
	int i = find(classes, NT_ARRAY_LEN(classes), text);

	if (i < 0)
		return parse_generic(text, "CLASS", UINT16_MAX, ret_class);
	*ret_class = (uint16_t)i;
	return 0;
}

int nt_dns_rcode_parse(struct nt_slice text, uint16_t *ret_rcode)
{
	int i = find(rcodes, NT_ARRAY_LEN(rcodes), text);

	if (i < 0 && nt_slice_caseeq(text, NT_SLICE_LIT("BADSIG")))
		i = 16; /* the same number in a TSIG record (RFC 8945) */
	if (i < 0) /* 12 bits: 4 of the header, 8 of OPT (RFC 6891) */
		return parse_generic(text, "RCODE", 4095, ret_rcode);
	*ret_rcode = (uint16_t)i;
	return 0;
}
