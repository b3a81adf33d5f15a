/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the nearest known word, by the edits that typing errors are. */
#include "lib/base/cleanup.h"
#include "lib/base/nearest.h"
#include "lib/dns/message.h"
#include "lib/query/schema.h"

/* Words of other tools (Calico's documents, tcpdump, kubectl) that no count of edits would find. */
static const struct {
	const char *wrong, *right;
} known[] = {
	{ "rtype", "qtype" },
	{ "type_", "qtype" },
	{ "rrtype", "qtype" },
	{ "record", "qtype" },
	{ "host", "node" },
	{ "name", "qname" },
	{ "query", "qname" },
	{ "question", "qname" },
	{ "hostname", "qname" },
	{ "fqdn", "qname" },
	{ "namespace", "client_namespace" },
	{ "ns", "client_namespace" },
	{ "pod", "client_name" },
	{ "pod_name", "client_name" },
	{ "client", "client_name" },
	{ "source", "client_name" },
	{ "uid", "client_uid" },
	{ "ip", "client_ip" },
	{ "src", "client_ip" },
	{ "workload", "client_workload_name" },
	{ "server", "servers.ip" },
	{ "server_ip", "servers.ip" },
	{ "dst", "servers.ip" },
	{ "rdata", "rrsets.rdata" },
	{ "answer", "rrsets.rdata" },
	{ "answers", "rrsets.rdata" },
	{ "code", "rcode" },
	{ "response", "rcode" },
	{ "status", "rcode" },
	{ "latency", "latency_max" },
	{ "time", "start_time" },
	{ "timestamp", "start_time" },
	{ "timeout", "unanswered" },
	{ "timeouts", "unanswered" },
	{ "protocol", "transport" },
	{ "proto", "transport" },
	{ "bytes", "bytes_in" },
};

const char *nt_query_suggest_field(struct nt_slice wrong)
{
	const struct nt_query_field *f;
	struct nt_nearest n = nt_nearest_of(wrong);

	for (size_t i = 0; i < NT_ARRAY_LEN(known); i++)
		if (nt_slice_caseeq(nt_slice_str(known[i].wrong), wrong))
			return known[i].right;
	for (size_t i = 0; (f = nt_query_field_at(i)); i++)
		nt_nearest_consider(&n, f->name);
	return n.best;
}

const char *nt_query_suggest_enum(const struct nt_enum_value *values, struct nt_slice wrong)
{
	struct nt_nearest n = nt_nearest_of(wrong);

	for (; values->name; values++)
		nt_nearest_consider(&n, values->name);
	return n.best;
}

const char *nt_query_suggest_mnemonic(enum nt_query_type type, struct nt_slice wrong, char out[16])
{
	struct nt_nearest n = nt_nearest_of(wrong);
	char scratch[16];

	/* The registries end well below; what has no mnemonic is printed as TYPE64. */
	for (uint16_t i = 0; i < 300; i++) {
		const char *name = type == NT_QUERY_DNS_TYPE	? nt_dns_type_name(i, scratch)
				   : type == NT_QUERY_DNS_CLASS ? nt_dns_class_name(i, scratch)
								: nt_dns_rcode_name(i, scratch);

		if (name != scratch)
			nt_nearest_consider(&n, name);
	}
	snprintf(out, 16, "%s", n.best ? n.best : "");
	return out[0] ? out : NULL;
}
