/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enriching rows in a cluster of 100,000 pods while 100 of them are replaced in each 10,000 rows
 * (a second of a busy controller), against the same rows while nothing changes; CPU time, in turns.
 * Half of the rows are of pods that are there, a hundredth of pods that went.
 */
#include <jansson.h>
#include <malloc.h>

#include "controller/enrich/enrich.h"
#include "lib/base/cleanup.h"
#include "lib/objects/store.h"
#include "tests/bench/bench.h"

enum {
	NAMESPACES = 200,
	PODS = 100000, /* 500 in each */
	SERVICES = 25, /* in each */
	ROWS = 10000,
	CHANGES = 100,
};

static struct nt_objects *objects;
static struct nt_enrich *enrich;
static struct nt_clock clock_;
static unsigned lives[PODS]; /* how often it was replaced */

static void put(json_t *json, const char *kind, const char *ns, const char *name, const char *uid)
{
	struct nt_compact_head head = { nt_slice_str(kind), nt_slice_str(ns), nt_slice_str(name),
					nt_slice_str(uid) };
	struct nt_compact *c;

	if (!json || nt_compact_new(objects->intern, &head, json, &c) < 0 ||
	    !nt_objects_put(objects, c))
		bench_die("an object could not be made");
	json_decref(json);
}

struct names {
	char ns[16], name[64], uid[48], ip[24], owner[32], app[16];
};

static void name_pod(unsigned i, struct names *n)
{
	unsigned workload = i % 500 / 10;

	snprintf(n->ns, sizeof(n->ns), "team-%u", i / 500);
	snprintf(n->app, sizeof(n->app), "app-%u", workload % SERVICES);
	snprintf(n->owner, sizeof(n->owner), "app-%u-6659c9d65f", workload);
	snprintf(n->name, sizeof(n->name), "%s-%05u%u", n->owner, i % 500, lives[i] % 10);
	snprintf(n->uid, sizeof(n->uid), "2c1d0f6e-%08u-%04u-9e2a-000000000000", i, lives[i]);
	snprintf(n->ip, sizeof(n->ip), "10.%u.%u.%u", i >> 16, i >> 8 & 255, i & 255);
}

static void put_pod(unsigned i)
{
	struct names n;

	name_pod(i, &n);
	put(json_pack("{s:{s:{s:s,s:s,s:s},s:[{s:s,s:s,s:s,s:b}],s:s},s:{s:s,s:s,s:s}}", "metadata",
		      "labels", "app", n.app, "pod-template-hash", "6659c9d65f", "tier", "back",
		      "ownerReferences", "apiVersion", "apps/v1", "kind", "ReplicaSet", "name",
		      n.owner, "controller", 1, "creationTimestamp", "2026-11-23T06:00:00Z",
		      "status", "phase", "Running", "podIP", n.ip, "startTime",
		      "2026-11-23T06:00:00Z"),
	    "Pod", n.ns, n.name, n.uid);
}

static void remove_pod(unsigned i)
{
	struct names n;

	name_pod(i, &n);
	nt_objects_remove(objects, NT_SLICE_LIT("Pod"), nt_slice_str(n.ns), nt_slice_str(n.name));
}

static void put_service(unsigned ns, unsigned i)
{
	char namespace_[16], name[16], ip[24];

	snprintf(namespace_, sizeof(namespace_), "team-%u", ns);
	snprintf(name, sizeof(name), "app-%u", i);
	snprintf(ip, sizeof(ip), "10.96.%u.%u", ns, i);
	put(json_pack("{s:{s:{s:s},s:s,s:[{s:i,s:i}]}}", "spec", "selector", "app", name,
		      "clusterIP", ip, "ports", "port", 80, "targetPort", 8080),
	    "Service", namespace_, name, name);
}

static void put_replica_set(unsigned ns, unsigned i)
{
	char namespace_[16], name[32], owner[16];

	snprintf(namespace_, sizeof(namespace_), "team-%u", ns);
	snprintf(owner, sizeof(owner), "app-%u", i);
	snprintf(name, sizeof(name), "app-%u-6659c9d65f", i);
	put(json_pack("{s:{s:[{s:s,s:s,s:s,s:b}]}}", "metadata", "ownerReferences", "apiVersion",
		      "apps/v1", "kind", "Deployment", "name", owner, "controller", 1),
	    "ReplicaSet", namespace_, name, name);
}

static double mib(void)
{
	return (double)mallinfo2().uordblks / (1 << 20);
}

static void fill(void)
{
	struct nt_err err = { 0 };
	double before;

	if (nt_objects_new(&objects, &err) < 0)
		bench_die("%s", err.msg);
	nt_objects_begin(objects);
	for (unsigned ns = 0; ns < NAMESPACES; ns++) {
		for (unsigned i = 0; i < SERVICES; i++)
			put_service(ns, i);
		for (unsigned i = 0; i < 50; i++)
			put_replica_set(ns, i);
	}
	for (unsigned i = 0; i < PODS; i++)
		put_pod(i);
	before = mib();
	if (nt_enrich_new(objects, &clock_, &enrich, &err) < 0)
		bench_die("%s", err.msg);
	bench_also("enrich_objects_mib", before, "MiB");
	bench_also("enrich_index_mib", mib() - before, "MiB");
}

static unsigned next_random(void)
{
	static uint64_t state = 20;

	state = state * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)(state >> 33);
}

/* The rows of one pod in a hundred are of the life before, if there was one. */
static void enrich_row(struct nt_arena *arena, unsigned i, bool former)
{
	struct nt_server server = { .port = 53 };
	struct nt_record r = { .start_us = nt_clock_real(&clock_) / NT_NS_PER_US,
			       .servers = &server,
			       .servers_len = 1 };
	struct names n;

	former = former && lives[i];
	lives[i] -= former;
	name_pod(i, &n);
	lives[i] += former;
	r.client_namespace = nt_slice_str(n.ns);
	r.client_name = nt_slice_str(n.name);
	r.client_uid = nt_slice_str(n.uid);
	server.ip = nt_addr_from(4, (const uint8_t[4]){ 10, 96, 0, 10 });
	if (nt_enrich_record(enrich, arena, &r) < 0 || !r.client_workload_name.len ||
	    r.client_services_len != 1)
		bench_die("%s/%s is not enriched", n.ns, n.name);
}

static void replace(void)
{
	unsigned i = next_random() % PODS;

	remove_pod(i);
	lives[i]++;
	put_pod(i);
}

/* CPU of the rows, with so many changes among them; the changes' own beside. */
static double rows_ns(unsigned changes, double *ret_change_ns)
{
	struct nt_arena arena = NT_ARENA(64 << 20);
	uint64_t start = bench_cpu_ns(), changing = 0;

	for (unsigned i = 0; i < ROWS; i++) {
		if (changes && i % (ROWS / changes) == 0) {
			uint64_t from = bench_cpu_ns();

			clock_.virtual_real_ns += 10 * NT_NS_PER_MS;
			replace();
			changing += bench_cpu_ns() - from;
		}
		enrich_row(&arena, next_random() % PODS, i % 100 == 0);
		if (i % 100 == 0)
			nt_arena_reset(&arena);
	}
	nt_arena_done(&arena);
	if (ret_change_ns)
		*ret_change_ns = changes ? (double)changing / changes : 0;
	return (double)(bench_cpu_ns() - start);
}

int main(void)
{
	unsigned rounds = bench_rounds();

	bench_pin(0);
	clock_ = nt_clock_virtual(0, 1795417200LL * NT_NS_PER_S);
	fill();
	(void)rows_ns(CHANGES, NULL);
	for (unsigned i = 0; i < rounds; i++) {
		double change_ns, quiet = rows_ns(0, NULL), busy = rows_ns(CHANGES, &change_ns);

		bench_round("enrich_churn_vs_quiet", busy / quiet);
		bench_also("enrich_row_ns", quiet / ROWS, "ns");
		bench_also("enrich_change_us", change_ns / 1000, "us");
	}
	nt_enrich_free(enrich);
	nt_objects_free(objects);
	return 0;
}
