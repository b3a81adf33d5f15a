/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row of the DNS log in memory. Plain data with borrowed pointers: strings and lists live in
 * the arena or the buffer that the record was made from and must outlive it. What each field means,
 * its unit and whether it is a key is in lib/record/fields.def, from which the encoders, the query
 * language's schema and the store's columns are made; lib/record/README.md has the table in words.
 */
#pragma once

#include "lib/base/addr.h"
#include "lib/base/arena.h"

/* Latency buckets: bucket i counts latencies below 2^(i+14) ns (16.4 us, 32.8 us, ... 17.2 s), the
 * last one everything above. Fixed: histograms merge by adding. */
#define NT_HISTOGRAM_BUCKETS 22

enum nt_record_type {
	NT_RECORD_LOG = 0,
	NT_RECORD_UNLOGGED = 1,
};

enum nt_side {
	NT_SIDE_CLIENT = 0,
	NT_SIDE_SERVER = 1,
};

enum nt_role {
	NT_ROLE_WORKLOAD = 0,
	NT_ROLE_RESOLVER = 1,
};

enum nt_scope {
	NT_SCOPE_NONE = 0, /* UNLOGGED rows */
	NT_SCOPE_CLUSTER = 1,
	NT_SCOPE_EXTERNAL = 2,
	NT_SCOPE_REVERSE = 3,
	NT_SCOPE_SEARCH = 4,
};

/* Where a lookup that nobody answered ended. */
enum nt_died {
	NT_DIED_NONE = 0, /* answered, or nothing is said */
	NT_DIED_BEFORE = 1, /* before the server */
	NT_DIED_SERVER = 2, /* in the server */
	NT_DIED_UPSTREAM = 3, /* the server's own lookup was not answered */
	NT_DIED_RETURN = 4, /* the server answered */
	NT_DIED_UNKNOWN = 5, /* died_reason says why */
};

struct nt_label {
	struct nt_slice key, value;
};

struct nt_server {
	struct nt_addr ip;
	uint16_t port; /* host byte order */
	struct nt_slice name; /* "-" when it is no pod */
	struct nt_slice name_aggr; /* then "pvt" or "pub" */
	struct nt_slice namespace_;
	struct nt_slice service; /* "namespace/name" */
	struct nt_label *labels;
	size_t labels_len;
};

struct nt_rrset {
	struct nt_slice name;
	uint16_t type, class_;
	uint32_t ttl_min, ttl_max; /* seconds */
	struct nt_slice *rdata; /* presentation form, sorted */
	size_t rdata_len;
};

/* What changes while rows of the same keys become one (lib/record/aggregate.h): the figures of a
 * row, and its number. */
struct nt_tally {
	uint64_t id; /* unique per agent; late_of refers to it */
	int64_t start_us, end_us; /* CLOCK_REALTIME since 1970 */
	uint64_t count;
	uint64_t queries, replies, unanswered, retries, truncated; /* packets */
	uint64_t bytes_out, bytes_in; /* octets of DNS messages, from the client's view */
	uint64_t latency_count;
	uint64_t latency_min_ns, latency_max_ns, latency_sum_ns;
	uint64_t latency_histogram[NT_HISTOGRAM_BUCKETS];
	/* Sums over hop_count lookups; -1: not known. */
	int64_t hop_network_ns, hop_server_ns, hop_upstream_ns;
	uint64_t hop_count;
	uint64_t folded, distinct;
	uint16_t flags; /* enum nt_dns_flag: AA TC RD RA AD CD */

	bool edns;
	uint8_t edns_version;
	uint16_t edns_udp_size_max;
	bool edns_do;
	bool clock_step;
	uint16_t edns_options[8]; /* ascending, no doubles */
	size_t edns_options_len;
};

struct nt_record {
	union { /* the members are the record's own */
		struct nt_tally;
		struct nt_tally tally;
	};
	enum nt_record_type type;
	struct nt_slice node;
	enum nt_side side;
	enum nt_role role;

	struct nt_slice client_namespace, client_name, client_uid;
	struct nt_addr client_ip;
	struct nt_slice client_ifname;
	struct nt_slice client_container_id; /* sandbox */
	struct nt_slice client_name_aggr;
	/* Node and the client's text as they are written (nt_record_client); empty: not made. */
	struct nt_slice client_wire;
	struct nt_slice client_workload_kind, client_workload_name; /* by the controller */
	struct nt_slice *client_services; /* "namespace/name" */
	size_t client_services_len;
	struct nt_label *client_labels;
	size_t client_labels_len;

	struct nt_server *servers;
	size_t servers_len;
	uint8_t transport; /* IPPROTO_UDP, IPPROTO_TCP */

	struct nt_slice qname;
	uint16_t qtype, qclass;
	bool answered; /* rcode is meaningful */
	uint16_t rcode;
	struct nt_rrset *rrsets; /* answer section, sorted */
	size_t rrsets_len;

	enum nt_scope scope;
	struct nt_slice logical_qname;
	struct nt_slice domain;
	struct nt_slice service_namespace, service_name;

	uint8_t verdict; /* enum nt_verdict of dataplane/abi.h: 0 is none */
	struct nt_slice policy;
	bool late;
	uint64_t late_of;
	enum nt_died died;
	struct nt_slice died_reason;
	struct nt_slice reason; /* UNLOGGED: why; else empty (RECORD.md lists the words) */
	struct nt_slice error; /* type LOG with a packet that would not parse: what was wrong */

	/* The batch that brought it; set by the store. */
	struct nt_slice batch_spool; /* UUID text */
	uint64_t batch_seq;
};
