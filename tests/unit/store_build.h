/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records and batches for tests of store, ingest and API: a plausible row of which a case changes
 * what it is about. Strings are literals or the caller's.
 */
#pragma once

#include <ftw.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>

#include "controller/store/store.h"
#include "lib/base/cleanup.h"

/* 2026-11-23T06:00:00Z, a multiple of a day's and every bucket's width of minutes and hours. */
#define T0_US 1795413600000000LL
#define MINUTE_US 60000000LL

static inline struct nt_record store_record(uint64_t id, int64_t start_us, const char *qname)
{
	static struct nt_server server = { .port = 53,
					   .name = { "-", 1 },
					   .name_aggr = { "pvt", 3 } };
	static const uint8_t client[4] = { 10, 1, 0, 7 }, resolver[4] = { 10, 96, 0, 10 };
	struct nt_record r = {
		.id = id,
		.type = NT_RECORD_LOG,
		.start_us = start_us,
		.end_us = start_us + 1000,
		.count = 1,
		.queries = 1,
		.replies = 1,
		.node = NT_SLICE_LIT("n1"),
		.client_namespace = NT_SLICE_LIT("shop"),
		.client_name = NT_SLICE_LIT("web-1"),
		.client_ip = nt_addr_from(4, client),
		.transport = IPPROTO_UDP,
		.qname = nt_slice_str(qname),
		.qtype = 1,
		.qclass = 1,
		.answered = true,
		.scope = NT_SCOPE_EXTERNAL,
		.bytes_out = 30,
		.bytes_in = 60,
		.latency_count = 1,
		.latency_min_ns = 20000,
		.latency_max_ns = 20000,
		.latency_sum_ns = 20000,
		.hop_network_ns = -1,
		.hop_server_ns = -1,
		.hop_upstream_ns = -1,
	};

	server.ip = nt_addr_from(4, resolver);
	r.servers = &server;
	r.servers_len = 1;
	r.latency_histogram[1] = 1; /* below 2^15 ns */
	return r;
}

static inline struct nt_record store_unanswered(uint64_t id, int64_t start_us, const char *qname,
						uint64_t queries)
{
	struct nt_record r = store_record(id, start_us, qname);

	r.answered = false;
	r.count = r.queries = r.unanswered = queries;
	r.replies = r.bytes_in = 0;
	r.latency_count = r.latency_min_ns = r.latency_max_ns = r.latency_sum_ns = 0;
	r.latency_histogram[1] = 0;
	return r;
}

static inline struct nt_record store_late(uint64_t id, int64_t start_us, const char *qname,
					  uint64_t late_of)
{
	struct nt_record r = store_record(id, start_us, qname);

	r.count = r.queries = r.bytes_out = 0;
	r.late = true;
	r.late_of = late_of;
	return r;
}

static inline struct nt_record store_unlogged(uint64_t id, int64_t start_us, uint64_t packets,
					      const char *reason)
{
	return (struct nt_record){ .id = id,
				   .type = NT_RECORD_UNLOGGED,
				   .start_us = start_us,
				   .end_us = start_us,
				   .count = packets,
				   .node = NT_SLICE_LIT("n1"),
				   .client_namespace = NT_SLICE_LIT("shop"),
				   .client_name = NT_SLICE_LIT("web-1"),
				   .reason = nt_slice_str(reason),
				   .hop_network_ns = -1,
				   .hop_server_ns = -1,
				   .hop_upstream_ns = -1 };
}

static inline struct nt_batch store_batch(const char *spool, uint64_t seq,
					  const struct nt_record *records, size_t len)
{
	return (struct nt_batch){ .node = NT_SLICE_LIT("n1"),
				  .spool = nt_slice_str(spool),
				  .seq = seq,
				  .created_us = T0_US + (int64_t)seq,
				  .records = records,
				  .records_len = len };
}

static char store_base[64];

/* All folders of a test program are in one, which main makes and removes: a case that fails does
 * not get to its teardown. */
static inline void store_base_make(void)
{
	snprintf(store_base, sizeof(store_base), "/tmp/nt-test-store-XXXXXX");
	if (!mkdtemp(store_base))
		abort();
}

static inline int store_remove_one(const char *path, const struct stat *st, int type,
				   struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static inline void store_base_remove(void)
{
	(void)nftw(store_base, store_remove_one, 8, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* An empty folder for one case. */
static inline void store_mkdir(char path[96])
{
	snprintf(path, 96, "%s/XXXXXX", store_base);
	if (!mkdtemp(path))
		abort();
}
