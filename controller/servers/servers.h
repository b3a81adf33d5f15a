/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DNS servers that rows name: when a tapped client last asked each, and when the server's own
 * side last saw a lookup. From that and from what objects, agents and coverage say of its address
 * follows which ends are seen (ends.h). In memory, from rows of now: after a restart it fills with
 * the next batches. Bounded; the caller locks.
 */
#pragma once

#include <sys/queue.h>

#include "controller/servers/ends.h"
#include "controller/servers/hosts.h"
#include "lib/base/hash.h"
#include "lib/base/hashtable.h"
#include "lib/objects/objects.h"
#include "lib/record/record.h"

struct nt_store_reader;

/* A cluster has some tens. Those outside are as many as pods choose to ask: when there is no room,
 * the one goes that was silent for longest, one that no object names first, but none of the last
 * minute for one that no object names. */
#define NT_SERVERS_MAX 512
/* Silent for so long, a server is forgotten. */
#define NT_SERVERS_KEPT_US (3600LL * 1000000)
/* Batches of two nodes come some seconds apart, and a cluster of few lookups asks each server but
 * now and then. */
#define NT_SERVERS_LATELY_US (600LL * 1000000)

struct nt_servers_entry;

struct nt_servers {
	struct nt_hashtable table;
	TAILQ_HEAD(nt_servers_all, nt_servers_entry) entries; /* silent for longest: first */
	struct nt_hash_key key;
	struct nt_hosts hosts;
	uint64_t over; /* rows whose server found no room */
};

/* -ENOMEM, -EIO. */
int nt_servers_init(struct nt_servers *s) NT_MUSTCHECK;
void nt_servers_done(struct nt_servers *s);
/* An enriched row that came at now_us (CLOCK_REALTIME): its own time counts, but none after that.
 * Rows of resolvers' own lookups do not count. */
void nt_servers_take(struct nt_servers *s, const struct nt_record *r, int64_t now_us);

/* What there is to say of one; of an address that each node has for itself, of all of these. */
struct nt_servers_found {
	struct nt_addr ip;
	uint16_t port; /* host byte order */
	char namespace_[64], name[254]; /* of the pod, "" when it is none */
	char service[320]; /* namespace/name */
	char node[254]; /* that it is on; "": not known, or each */
	int64_t asked_us, seen_us; /* CLOCK_REALTIME of the agents; 0: never */
	struct nt_ends_facts facts;
	struct nt_ends_verdict verdict;
	char detail[320]; /* a sentence for people; "" when both ends are seen */
};

/* Those of the last hour (now_us: CLOCK_REALTIME), *ret_found to be freed; objects: NULL when there
 * are none. tapped and on_host, the verdict and detail are for nt_servers_judge. -ENOMEM. */
int nt_servers_list(struct nt_servers *s, const struct nt_objects *objects, int64_t now_us,
		    struct nt_servers_found **ret_found, size_t *ret_len) NT_MUSTCHECK;
/* By what the agents told of addresses and pods; reads the store. Sorted: what is asked first. */
int nt_servers_judge(struct nt_servers_found *found, size_t len, struct nt_store_reader *reader,
		     struct nt_err *err) NT_MUSTCHECK;
