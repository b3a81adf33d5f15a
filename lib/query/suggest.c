/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the nearest known word, by the edits that typing errors are. */
#include "lib/base/cleanup.h"
#include "lib/dns/message.h"
#include "lib/query/schema.h"

/* Longer words than any field has are not compared. */
enum { WORD_MAX = 40 };

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

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edits from a to b (insert, delete, replace, swap two neighbours), case ignored. */
static size_t distance(struct nt_slice a, struct nt_slice b)
{
	size_t rows[3][WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];

	if (a.len > WORD_MAX || b.len > WORD_MAX)
		return WORD_MAX;
	for (size_t j = 0; j <= b.len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t *spare = before;

		now[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			bool same = lower(a.p[i - 1]) == lower(b.p[j - 1]);

			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + !same);
			if (i > 1 && j > 1 && lower(a.p[i - 1]) == lower(b.p[j - 2]) &&
			    lower(a.p[i - 2]) == lower(b.p[j - 1]) && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[b.len];
}

/* Keeps the better one; a third of the letters may be wrong. */
static void consider(struct nt_slice wrong, const char *candidate, const char **best,
		     size_t *best_edits)
{
	struct nt_slice s = nt_slice_str(candidate);
	size_t edits = distance(wrong, s);

	if (edits < *best_edits && edits <= 1 + s.len / 4) {
		*best = candidate;
		*best_edits = edits;
	}
}

const char *nt_query_suggest_field(struct nt_slice wrong)
{
	const struct nt_query_field *f;
	const char *best = NULL;
	size_t edits = WORD_MAX;

	for (size_t i = 0; i < NT_ARRAY_LEN(known); i++)
		if (nt_slice_caseeq(nt_slice_str(known[i].wrong), wrong))
			return known[i].right;
	for (size_t i = 0; (f = nt_query_field_at(i)); i++)
		consider(wrong, f->name, &best, &edits);
	return best;
}

const char *nt_query_suggest_enum(const struct nt_enum_value *values, struct nt_slice wrong)
{
	const char *best = NULL;
	size_t edits = WORD_MAX;

	for (; values->name; values++)
		consider(wrong, values->name, &best, &edits);
	return best;
}

const char *nt_query_suggest_mnemonic(enum nt_query_type type, struct nt_slice wrong, char out[16])
{
	size_t edits = WORD_MAX;
	char best[16] = "", scratch[16];

	/* The registries end well below; what has no mnemonic is printed as TYPE64. */
	for (uint16_t i = 0; i < 300; i++) {
		const char *name = type == NT_QUERY_DNS_TYPE	? nt_dns_type_name(i, scratch)
				   : type == NT_QUERY_DNS_CLASS ? nt_dns_class_name(i, scratch)
								: nt_dns_rcode_name(i, scratch);
		const char *better = NULL;

		if (name == scratch)
			continue;
		consider(wrong, name, &better, &edits);
		if (better)
			snprintf(best, sizeof(best), "%s", better);
	}
	snprintf(out, 16, "%s", best);
	return out[0] ? out : NULL;
}
