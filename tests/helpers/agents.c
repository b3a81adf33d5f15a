/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agents of some nodes: uploads the log of their pods to one controller or several, each batch
 * to all of them before the next one is due. The same rows each time but for their times.
 *
 *   agents NODES PODS RATE SECONDS (URL TOKEN)...           RATE rows a second of all nodes, in a
 *                                                           batch of each node every 5 s
 *   agents --history NODES PODS RATE SECONDS (URL TOKEN)... the rows of the SECONDS before now, at
 *                                                           once
 *
 * PODS (a multiple of NODES) are in each of the namespaces team-0 to team-19, by turns on the
 * nodes. For each 5 s a line on stdout: "ROWS US...", rows that all have acknowledged, and for each
 * controller the time from the first octet of an upload to its acknowledgement, summed.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/parse.h"
#include "tests/unit/store_build.h"

enum { NAMESPACES = 20, FLUSH_S = 5, CONTROLLERS_MAX = 4, PODS_MAX = 100, NODES_MAX = 100 };

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "agents: %s\n", what);
	exit(1);
}

static int64_t now_us(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

/* xorshift64*: the same numbers each time. */
static uint64_t state = 88172645463325252ULL;

static unsigned below(unsigned n)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return (unsigned)((state * 2685821657736338717ULL) >> 33) % n;
}

/* --- rows ------------------------------------------------------------------------------------- */

struct pod {
	char namespace_[16], name[32], uid[40];
	uint8_t ip[4];
};

static uint64_t pods_per_namespace, nodes;

/* The n-th pod of all. */
static struct pod pod_at(unsigned n)
{
	struct pod p = { .ip = { 10, 32, (uint8_t)(n >> 8), (uint8_t)n } };
	unsigned pod = n / NAMESPACES;

	snprintf(p.namespace_, sizeof(p.namespace_), "team-%u", n % NAMESPACES);
	snprintf(p.name, sizeof(p.name), "app-%u-%u", pod % 5, pod / 5);
	snprintf(p.uid, sizeof(p.uid), "2c1d0f6e-0000-4000-9e2a-%012u", n);
	return p;
}

static const char *text(struct nt_arena *arena, const char *format, unsigned a, unsigned b)
{
	char *s = nt_arena_alloc(arena, 128);

	must(s, "no memory");
	snprintf(s, 128, format, a, b);
	return s;
}

/* One or two addresses, in the text of the wire form. */
static void answer(struct nt_record *r, struct nt_arena *arena)
{
	size_t len = 1 + below(2);
	struct nt_rrset *set = nt_arena_alloc(arena, sizeof(*set));
	struct nt_slice *rdata = nt_arena_alloc(arena, len * sizeof(*rdata));

	if (r->rcode)
		return;
	must(set && rdata, "no memory");
	for (size_t i = 0; i < len; i++)
		rdata[i] =
			nt_slice_str(text(arena, r->qtype == 28 ? "2001:db8::%x:%x" : "192.0.%u.%u",
					  below(100), 2 * below(100) + (unsigned)i));
	*set = (struct nt_rrset){ r->qname, r->qtype, 1, 30, 30, rdata, len };
	r->rrsets = set;
	r->rrsets_len = 1;
}

/* What is asked: most of it is there, in the proportions of a cluster whose pods use a search list.
 * A pod has services of its own, and eight outside domains. */
static void ask(struct nt_record *r, unsigned pod, struct nt_arena *arena)
{
	unsigned what = below(1000), own = pod * 7 + below(8);

	r->qtype = below(2) ? 1 : 28;
	if (what < 420) {
		r->scope = NT_SCOPE_CLUSTER;
		r->qname = nt_slice_str(text(arena, "app-%u.team-%u.svc.cluster.local", own % 25,
					     pod % NAMESPACES));
	} else if (what < 640) {
		r->scope = NT_SCOPE_SEARCH;
		r->rcode = 3;
		r->qname =
			nt_slice_str(text(arena, "api.domain-%u.example.team-%u.svc.cluster.local",
					  own % 200, pod % NAMESPACES));
		r->logical_qname = nt_slice_str(text(arena, "api.domain-%u.example", own % 200, 0));
	} else {
		r->scope = NT_SCOPE_EXTERNAL;
		r->rcode = what < 970 ? 0 : what < 985 ? 3 : what < 990 ? 2 : 0;
		r->qtype = what >= 960 && what < 970 ? 16 : r->qtype;
		r->qname =
			nt_slice_str(text(arena, "host-%u.domain-%u.example", below(4), own % 200));
		r->domain = nt_slice_str(text(arena, "domain-%u.example", own % 200, 0));
	}
	if (what < 997) {
		answer(r, arena);
		return;
	}
	r->answered = false;
	r->unanswered = 1;
	r->replies = r->latency_count = r->bytes_in = 0;
}

static struct nt_record row(unsigned n, int64_t start_us, const char *node, struct nt_arena *arena)
{
	static uint64_t id;
	struct pod *p = nt_arena_alloc(arena, sizeof(*p));
	struct nt_record r = store_record(++id, start_us, "");

	must(p, "no memory");
	*p = pod_at(n);
	r.node = nt_slice_str(node);
	r.client_namespace = nt_slice_str(p->namespace_);
	r.client_name = nt_slice_str(p->name);
	r.client_uid = nt_slice_str(p->uid);
	r.client_ifname = NT_SLICE_LIT("eth0");
	r.client_container_id = nt_slice_str(text(arena, "8d2f5c04b1a9e37760c2%08u%08u", n, n));
	r.client_name_aggr = nt_slice_str(text(arena, "app-%u-*", n / NAMESPACES % 5, 0));
	r.flags = 0x180; /* RD RA */
	r.client_ip = nt_addr_from(4, p->ip);
	r.bytes_out = 40 + below(40);
	r.bytes_in = 80 + below(200);
	ask(&r, n, arena);
	r.latency_histogram[1] = 0;
	if (r.latency_count) {
		unsigned bucket = below(6);

		r.latency_histogram[bucket] = 1;
		r.latency_min_ns = r.latency_max_ns = r.latency_sum_ns = 12000ULL << bucket;
	}
	return r;
}

/* --- uploads ---------------------------------------------------------------------------------- */

struct controller {
	CURL *curl;
	int64_t us; /* of its uploads, since the last line */
};

static size_t drop_reply(char *p, size_t size, size_t n, void *ctx)
{
	(void)p;
	(void)ctx;
	return size * n;
}

static void controller_open(struct controller *c, const char *url, const char *token)
{
	struct nt_buf target = { 0 }, header = { 0 };
	struct curl_slist *headers;

	nt_buf_printf(&target, "%singest/v1/batches", url);
	nt_buf_printf(&header, "Authorization: Bearer %s", token);
	headers = curl_slist_append(NULL, nt_buf_str(&header));
	headers = curl_slist_append(headers, "Content-Type: application/x-nametap-batch");
	headers = curl_slist_append(headers, "Expect:");
	c->curl = curl_easy_init();
	must(c->curl && headers, "no memory");
	curl_easy_setopt(c->curl, CURLOPT_URL, nt_buf_str(&target));
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, drop_reply);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, 120L);
	nt_buf_done(&target);
	nt_buf_done(&header);
}

static void upload(struct controller *c, const struct nt_buf *wire)
{
	int64_t began_us = now_us(CLOCK_MONOTONIC);
	long status = 0;

	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)wire->len);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, wire->p);
	must(curl_easy_perform(c->curl) == CURLE_OK, "a controller does not answer");
	curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
	must(status == 200, "a controller does not take a batch");
	c->us += now_us(CLOCK_MONOTONIC) - began_us;
}

/* --- batches ---------------------------------------------------------------------------------- */

struct load {
	struct controller controllers[CONTROLLERS_MAX];
	size_t controllers_len;
	char spool[64];
	uint64_t seq[NODES_MAX];
	uint64_t batches; /* so far */
	struct nt_record *rows;
	size_t rows_len; /* of a batch */
};

/* Rows of FLUSH_S before end_us, of the pods of one node. */
static void send_batch(struct load *l, unsigned node, int64_t end_us)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(64u << 20);
	_cleanup_buf_ struct nt_buf wire = { 0 };
	unsigned pods = (unsigned)(pods_per_namespace / nodes); /* of a namespace */
	struct nt_err err = { 0 };
	struct nt_batch batch;
	char name[16];

	snprintf(name, sizeof(name), "node-%u", node);
	for (size_t i = 0; i < l->rows_len; i++) {
		int64_t before_us =
			FLUSH_S * 1000000LL * (int64_t)(l->rows_len - i) / (int64_t)l->rows_len;

		unsigned pod = below(pods) * (unsigned)nodes + node;

		l->rows[i] =
			row(pod * NAMESPACES + below(NAMESPACES), end_us - before_us, name, &arena);
	}
	batch = store_batch(l->spool, ++l->seq[node], l->rows, l->rows_len);
	batch.node = nt_slice_str(name);
	batch.created_us = end_us;
	must(nt_batch_encode(&batch, &wire, &err) == 0, err.msg);
	/* Whoever is second finds the first one's writes still on their way to the disk. */
	for (size_t i = 0; i < l->controllers_len; i++)
		upload(&l->controllers[(i + l->batches) % l->controllers_len], &wire);
	l->batches++;
}

static void print_line(struct load *l)
{
	printf("%llu", (unsigned long long)(l->rows_len * nodes));
	for (size_t i = 0; i < l->controllers_len; i++) {
		printf(" %lld", (long long)l->controllers[i].us);
		l->controllers[i].us = 0;
	}
	printf("\n");
	fflush(stdout);
}

/* A batch of each node, one after the other within the time of a flush. */
static void run(struct load *l, uint64_t seconds, bool history)
{
	int64_t begin_us = now_us(CLOCK_MONOTONIC), wall_us = now_us(CLOCK_REALTIME);
	int64_t step_us = FLUSH_S * 1000000LL / (int64_t)nodes, due_us = begin_us;

	if (history)
		wall_us -= (int64_t)seconds * 1000000;
	for (uint64_t round = 0; round < seconds / FLUSH_S; round++) {
		for (unsigned node = 0; node < nodes; node++) {
			int64_t left_us = due_us - now_us(CLOCK_MONOTONIC);

			if (!history && left_us > 0)
				usleep((useconds_t)left_us);
			send_batch(l, node, wall_us + due_us - begin_us);
			due_us += step_us;
		}
		print_line(l);
	}
}

int main(int argc, char **argv)
{
	bool history = argc > 1 && strcmp(argv[1], "--history") == 0;
	char **at = argv + 1 + history;
	uint64_t rate, seconds;
	struct load l = { 0 };

	must(argc >= 7 + history && (argc - history) % 2 == 1 &&
		     nt_parse_u64(nt_slice_str(at[0]), NODES_MAX, &nodes) == 0 && nodes &&
		     nt_parse_u64(nt_slice_str(at[1]), PODS_MAX, &pods_per_namespace) == 0 &&
		     pods_per_namespace && pods_per_namespace % nodes == 0 &&
		     nt_parse_u64(nt_slice_str(at[2]), 100000, &rate) == 0 &&
		     nt_parse_u64(nt_slice_str(at[3]), 86400, &seconds) == 0,
	     "see the head of its source for the arguments");
	for (at += 4; *at; at += 2) {
		must(l.controllers_len < CONTROLLERS_MAX, "too many controllers");
		controller_open(&l.controllers[l.controllers_len++], at[0], at[1]);
	}
	snprintf(l.spool, sizeof(l.spool), "%08x-%lld", (unsigned)getpid(),
		 (long long)now_us(CLOCK_REALTIME));
	l.rows_len = rate * FLUSH_S / nodes;
	l.rows = calloc(l.rows_len + 1, sizeof(*l.rows));
	must(l.rows, "no memory");
	run(&l, seconds, history);
	free(l.rows);
	return 0;
}
