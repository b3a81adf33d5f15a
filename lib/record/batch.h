/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A numbered batch: what an agent spools and ships, what the controller stores exactly once. Key:
 * (node, spool UUID, seq). Besides records it carries the sequence ranges it covers (T7) and the
 * state of the endpoints (coverage). Wire form: lib/record/README.md; it ends in a CRC-32 (zlib) so
 * that a torn spool file is known as such.
 */
#pragma once

#include "lib/base/buf.h"
#include "lib/record/record.h"

/* The newest that is read; a batch of records alone is written as the first one. */
#define NT_BATCH_VERSION 2
/* A batch above this is refused by both sides: it bounds the controller's memory per upload. */
#define NT_BATCH_BYTES_MAX (64u << 20)

/* An agent sends a batch each half a minute, also when it has nothing to tell; one of which nothing
 * has come for so long is silent. */
#define NT_BATCH_SILENT_US (120 * 1000000LL)
/* What `conntrack` of a batch says when all is well. */
#define NT_CONNTRACK_ON "on"

/* Header of an upload: the sender's CLOCK_REALTIME in us since 1970 when it began to send. */
#define NT_CLOCK_HEADER "Nametap-Clock"

/* DNS datagrams from .. to - 1 of that key are accounted for: logged by now, or UNLOGGED. */
struct nt_batch_range {
	uint64_t ep_id;
	uint32_t epoch;
	uint32_t cpu;
	uint8_t dir; /* enum nt_dir of dataplane/abi.h */
	uint64_t from, to;
};

enum nt_endpoint_state {
	NT_ENDPOINT_TAPPED = 1,
	NT_ENDPOINT_GONE = 2, /* DEL came, all its records are in */
	NT_ENDPOINT_FAILED = 3, /* not tapped; reason says why */
	NT_ENDPOINT_EXCLUDED = 4, /* not tapped, as somebody wanted; reason says who */
};

/* How an endpoint came to be known; the values of enum nt_pod_origin in dataplane/abi.h. */
enum nt_endpoint_origin {
	NT_ENDPOINT_ADD = 0, /* CNI ADD: seen from its first packet on */
	NT_ENDPOINT_ADOPTED = 1, /* it ran already: seen from since_us on */
	NT_ENDPOINT_NODE = 2, /* sockets of the host's network namespace */
};

/* Where its resolvers and search list come from; the values of enum nt_pod_dns there. */
enum nt_endpoint_dns {
	NT_ENDPOINT_DNS_UNKNOWN = 0,
	NT_ENDPOINT_DNS_RUNTIME = 1,
	NT_ENDPOINT_DNS_FILE = 2,
	NT_ENDPOINT_DNS_DERIVED = 3,
};

/* Where the programs of a tapped endpoint run. */
enum nt_endpoint_hook {
	NT_ENDPOINT_HOOK_NONE = 0, /* nowhere, in one direction at least: a gap says since when */
	NT_ENDPOINT_HOOK_CLSACT = 1,
	NT_ENDPOINT_HOOK_TCX = 2,
};

struct nt_batch_endpoint {
	uint64_t ep_id;
	enum nt_endpoint_state state;
	struct nt_slice namespace_, name, uid, container_id, ifname, host_ifname, network;
	struct nt_addr ips[4];
	size_t ips_len;
	enum nt_role role;
	enum nt_endpoint_origin origin;
	enum nt_endpoint_dns dns;
	enum nt_endpoint_hook hook;
	int64_t since_us, until_us; /* tapped since; until 0 while it is */
	uint64_t seen; /* DNS datagrams at the tap, both directions, since attach */
	uint64_t logged; /* of these in LOG rows, or held as waiting queries */
	uint64_t unlogged; /* in UNLOGGED rows */
	uint64_t stream; /* TCP segments of streams that were read; rows have their messages */
	/* Packets of any protocol, never part of the four above: dropped between the pod and the
	 * tap; and what the host's end of the link took from the pod and gave to it. */
	uint64_t before_tap, link_rx, link_tx;
	struct nt_slice reason;
};

/* The endpoint was not tapped, or it is not sure that it was. Comes again, with to_us, when it is
 * over. */
struct nt_batch_gap {
	uint64_t ep_id;
	int64_t from_us, to_us; /* to_us 0: it lasts */
	struct nt_slice reason;
};

/* A further address of an endpoint, beside its own ones: the host's network has many, which come
 * and go. Comes again, with until_us, when it is gone. */
struct nt_batch_address {
	uint64_t ep_id;
	struct nt_addr ip;
	/* until_us 0: it is there. since_us not before it: this only ends what was told before. */
	int64_t since_us, until_us;
};

struct nt_batch {
	struct nt_slice node;
	struct nt_slice spool; /* UUID text */
	uint64_t seq; /* from 1, without gaps per spool */
	int64_t created_us; /* CLOCK_REALTIME */
	/* Of rows that are no records (lib/record/lookup.h): what they have in common, in wire
	 * form, and the cluster domain by which their names are classified. A batch that was
	 * decoded has records instead. */
	const struct nt_slice *bases;
	size_t bases_len;
	struct nt_slice cluster_domain;
	/* NT_CONNTRACK_ON: the kernel's connection tracking tells which pod is asked behind a
	 * Service. Else why not. Empty: an agent that does not know of this. */
	struct nt_slice conntrack;
	const struct nt_record *records;
	size_t records_len;
	const struct nt_batch_range *ranges;
	size_t ranges_len;
	const struct nt_batch_endpoint *endpoints;
	size_t endpoints_len;
	const struct nt_batch_gap *gaps;
	size_t gaps_len;
	const struct nt_batch_address *addresses;
	size_t addresses_len;
	/* Not on the wire: records_len flags that a store sets when it appends, NULL: nobody asks.
	 * True: the record is of a server's side and its client is tapped, so it is no row. */
	bool *ret_folded;
	/* Not on the wire either: the node's clock less that of who took it; 0: not known. */
	int64_t clock_offset_us;
};

int nt_batch_encode(const struct nt_batch *b, struct nt_buf *out, struct nt_err *err) NT_MUSTCHECK;
/* The same in steps, for rows that exist in wire form only: what stands before them; each as field
 * NT_BATCH_RECORD or NT_BATCH_ROW; what stands behind, and the frame. from: out->len at the
 * beginning. Of b the list of records is not looked at. */
#define NT_BATCH_RECORD 5
#define NT_BATCH_ROW 11
void nt_batch_begin(const struct nt_batch *b, struct nt_buf *out);
int nt_batch_end(const struct nt_batch *b, size_t from, struct nt_buf *out,
		 struct nt_err *err) NT_MUSTCHECK;
/* The result points into wire and arena. -EBADMSG with a reason when it is no whole, valid batch;
 * -ENOMEM when it does not fit in the arena. */
int nt_batch_decode(struct nt_slice wire, struct nt_arena *arena, struct nt_batch *ret_batch,
		    struct nt_err *err) NT_MUSTCHECK;
