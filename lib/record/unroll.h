/* SPDX-License-Identifier: Apache-2.0 */
/*
 * lib/record/fields.def unrolled, for lib/record only. What is done for each field of each record
 * walks no table at run time: the preprocessor repeats it per field, and since the field is a
 * constant there, the compiler leaves of each repetition what its kind needs.
 *
 *	#define NT_RECORD_FIELD(...) NT_UNROLLED(nt_record, put_field(&field, r, out), __VA_ARGS__)
 *	#include "lib/record/fields.def"
 *
 * What is called so must be NT_UNROLL, and branch on members of `field` only.
 */
#pragma once

#include <netinet/in.h>

#include "dataplane/abi.h"
#include "lib/dns/message.h"
#include "lib/record/fields.h"

#define NT_UNROLL static inline __attribute__((always_inline))

#define NT_UNROLLED(type, call, ...)                                              \
	{                                                                         \
		static const struct nt_field field = NT_FIELD(type, __VA_ARGS__); \
		call;                                                             \
	}

#define NT_FIELD(type, w, n, m, k, g, v, u, f, d)                                             \
	{                                                                                     \
		.name = (n), .lead = ",\"" n "\":", .lead_len = sizeof(",\"" n "\":") - 1,    \
		.values = (v), .unit = (u), .description = (d),                               \
		.offset = offsetof(struct type, m), .size = sizeof(((struct type *)NULL)->m), \
		.wire = (w), .kind = NT_FIELD_##k, .merge = NT_MERGE_##g, .flags = (f)        \
	}

enum { /* as fields.def writes them */
       COL = NT_FF_COL,
       QRY = NT_FF_QRY,
       GRP = NT_FF_GRP,
       LOG = NT_FF_LOG,
       NZ = NT_FF_NZ,
       EDNS = NT_FF_EDNS,
       SQL = NT_FF_SQL,
       BATCH = NT_FF_BATCH,
};

static const struct nt_enum_value type_values[] = { { NT_RECORD_LOG, "LOG" },
						    { NT_RECORD_UNLOGGED, "UNLOGGED" },
						    { 0, NULL } };
static const struct nt_enum_value side_values[] = { { NT_SIDE_CLIENT, "client" },
						    { NT_SIDE_SERVER, "server" },
						    { 0, NULL } };
static const struct nt_enum_value role_values[] = { { NT_ROLE_WORKLOAD, "workload" },
						    { NT_ROLE_RESOLVER, "resolver" },
						    { 0, NULL } };
static const struct nt_enum_value transport_values[] = { { IPPROTO_UDP, "udp" },
							 { IPPROTO_TCP, "tcp" },
							 { 0, NULL } };
static const struct nt_enum_value scope_values[] = {
	{ NT_SCOPE_CLUSTER, "cluster" },
	{ NT_SCOPE_EXTERNAL, "external" },
	{ NT_SCOPE_REVERSE, "reverse" },
	{ NT_SCOPE_SEARCH, "search" },
	{ 0, NULL },
};
static const struct nt_enum_value verdict_values[] = {
	{ NT_VERDICT_ALLOW, "allow" },
	{ NT_VERDICT_AUDIT, "audit" },
	{ NT_VERDICT_DENY, "deny" },
	{ NT_VERDICT_UNJUDGEABLE, "unjudgeable" },
	{ 0, NULL },
};
static const struct nt_enum_value died_values[] = {
	{ NT_DIED_BEFORE, "before_server" }, { NT_DIED_SERVER, "server" },
	{ NT_DIED_UPSTREAM, "upstream" },    { NT_DIED_RETURN, "return" },
	{ NT_DIED_UNKNOWN, "unknown" },	     { 0, NULL },
};
static const struct nt_enum_value flag_values[] = {
	{ NT_DNS_AA, "AA" }, { NT_DNS_TC, "TC" }, { NT_DNS_RD, "RD" }, { NT_DNS_RA, "RA" },
	{ NT_DNS_AD, "AD" }, { NT_DNS_CD, "CD" }, { 0, NULL },
};
