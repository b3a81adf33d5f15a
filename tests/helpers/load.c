/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uploads numbered batches to a controller, as an agent does: one after the other, each again until
 * it is acknowledged, whatever happens to the controller meanwhile. Prints "SEQ OUTCOME" for each
 * acknowledgement.
 *
 *   load URL TOKEN SPOOL FIRST COUNT ROWS    ends by itself, or after the current batch on SIGTERM
 *   load --mix URL TOKEN SPOOL               one batch with a row of every sort, and endpoints
 *   load --pod URL TOKEN SPOOL SEQ NAMESPACE NAME UID SERVER   one row of now: that pod asks the
 *                                            server (ADDRESS, port 53), and its endpoint
 *   load --print NODE SPOOL SEQ NAMESPACE NAME UID QNAME   uploads nothing: such a batch of a node,
 *                                            whose pod asks for a name, goes to stdout
 */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "lib/base/parse.h"
#include "tests/unit/store_build.h"

enum { ROWS_MAX = 1000, PATIENCE_S = 60 };

static volatile sig_atomic_t stopped;

static void on_term(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static void must(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "load: %s\n", what);
	exit(1);
}

static int64_t now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

struct client {
	CURL *curl;
	struct nt_buf reply;
};

static size_t take_reply(char *p, size_t size, size_t n, void *ctx)
{
	nt_buf_add(ctx, p, size * n);
	return size * n;
}

static void client_open(struct client *c, const char *url, const char *token)
{
	struct nt_buf target = { 0 }, header = { 0 };
	struct curl_slist *headers;

	nt_buf_printf(&target, "%singest/v1/batches", url);
	nt_buf_printf(&header, "Authorization: Bearer %s", token);
	headers = curl_slist_append(NULL, header.p);
	headers = curl_slist_append(headers, "Content-Type: application/x-nametap-batch");
	c->curl = curl_easy_init();
	must(c->curl && headers, "no memory");
	curl_easy_setopt(c->curl, CURLOPT_URL, target.p);
	curl_easy_setopt(c->curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(c->curl, CURLOPT_WRITEFUNCTION, take_reply);
	curl_easy_setopt(c->curl, CURLOPT_WRITEDATA, &c->reply);
	curl_easy_setopt(c->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(c->curl, CURLOPT_TIMEOUT, 20L);
	nt_buf_done(&target);
	nt_buf_done(&header);
}

/* Until it is acknowledged; what the controller refuses for good ends the program. */
static void upload(struct client *c, const struct nt_batch *batch)
{
	_cleanup_buf_ struct nt_buf wire = { 0 };
	int64_t until_us = now_us() + PATIENCE_S * 1000000LL;
	struct nt_err err = { 0 };

	must(nt_batch_encode(batch, &wire, &err) == 0, err.msg);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)wire.len);
	curl_easy_setopt(c->curl, CURLOPT_POSTFIELDS, wire.p);
	for (;;) {
		long status = 0;

		nt_buf_reset(&c->reply);
		if (curl_easy_perform(c->curl) == CURLE_OK)
			curl_easy_getinfo(c->curl, CURLINFO_RESPONSE_CODE, &status);
		if (status == 200)
			break;
		if (status && status != 503 && status != 429) {
			fprintf(stderr, "load: status %ld: %s\n", status, nt_buf_str(&c->reply));
			exit(1);
		}
		must(now_us() < until_us, "the controller does not come back");
		usleep(10000);
	}
	printf("%llu %s\n", (unsigned long long)batch->seq,
	       strstr(nt_buf_str(&c->reply), "\"appended\"") ? "appended" : "duplicate");
	fflush(stdout);
}

static void load(struct client *c, char **argv)
{
	static struct nt_record rows[ROWS_MAX];
	uint64_t first, count = 0, n;

	must(nt_parse_u64(nt_slice_str(argv[1]), UINT32_MAX, &first) == 0 &&
		     nt_parse_u64(nt_slice_str(argv[2]), UINT32_MAX, &count) == 0 &&
		     nt_parse_u64(nt_slice_str(argv[3]), ROWS_MAX, &n) == 0,
	     "FIRST COUNT ROWS are numbers");
	for (uint64_t seq = first; seq < first + count && !stopped; seq++) {
		struct nt_batch batch = store_batch(argv[0], seq, rows, n);

		batch.created_us = now_us();
		for (uint64_t i = 0; i < n; i++)
			rows[i] = store_record(seq * ROWS_MAX + i, batch.created_us, "load.test");
		upload(c, &batch);
	}
}

/* A row of every sort that the API shows differently, a minute ago. */
static size_t mix_rows(struct nt_record *r)
{
	int64_t t = now_us() - 60000000;
	size_t n = 0;

	r[n++] = store_record(1, t, "www.example.com");
	r[n - 1].domain = NT_SLICE_LIT("example.com");
	r[n] = store_record(2, t + 1, "\\007\\\"<img src=x>.example.com");
	r[n].rcode = 3;
	r[n].client_name = NT_SLICE_LIT("</script><b>\xff\"");
	r[n++].edns = true;
	r[n++] = store_unanswered(3, t + 2, "slow.example.org", 2);
	r[n++] = store_late(4, t + 3, "slow.example.org", 3);
	r[n] = store_record(5, t + 4, "web.shop.svc.cluster.local");
	r[n].scope = NT_SCOPE_CLUSTER;
	r[n].side = NT_SIDE_SERVER;
	r[n].hop_network_ns = 12;
	r[n++].hop_count = 1;
	r[n] = store_record(6, t + 5, "up.example.net");
	r[n++].role = NT_ROLE_RESOLVER;
	r[n++] = store_unlogged(7, t + 6, 40, "ring_full");
	r[n++] = store_unlogged(8, t + 7, 2, "agent_restart");
	return n;
}

static void mix(struct client *c, const char *spool)
{
	static const uint8_t six[16] = { 0xfd, [15] = 1 };
	struct nt_batch_endpoint endpoints[4] = {
		{ .ep_id = 1,
		  .state = NT_ENDPOINT_TAPPED,
		  .name = NT_SLICE_LIT("web-1"),
		  .namespace_ = NT_SLICE_LIT("shop"),
		  .ips_len = 1,
		  .seen = 10,
		  .logged = 9,
		  .unlogged = 1 },
		{ .ep_id = 2, .state = NT_ENDPOINT_GONE, .name = NT_SLICE_LIT("job-1") },
		{ .ep_id = 3,
		  .state = NT_ENDPOINT_FAILED,
		  .name = NT_SLICE_LIT("odd\n<b>"),
		  .reason = NT_SLICE_LIT("no veth"),
		  .role = NT_ROLE_RESOLVER },
		{ .ep_id = 4,
		  .state = NT_ENDPOINT_EXCLUDED,
		  .name = NT_SLICE_LIT("left-alone"),
		  .reason = NT_SLICE_LIT("namespace dev is in excludeNamespaces") },
	};
	struct nt_record rows[16];
	struct nt_batch batch = store_batch(spool, 2, rows, mix_rows(rows));

	endpoints[0].ips[0] = nt_addr_from(6, six);
	for (size_t i = 0; i < 4; i++)
		endpoints[i].since_us = now_us() - 1000000;
	endpoints[1].until_us = now_us();
	batch.endpoints = endpoints;
	batch.endpoints_len = 4;
	upload(c, &batch);
	upload(c, &batch);
}

struct one_pod {
	struct nt_record row;
	struct nt_batch_endpoint endpoint;
	struct nt_batch batch;
};

/* One row of now. argv: SPOOL SEQ NAMESPACE NAME UID */
static void make_one_pod(struct one_pod *p, char **argv, const char *qname)
{
	p->row = store_record(1, now_us(), qname);
	p->batch = store_batch(argv[0], 0, &p->row, 1);
	must(nt_parse_u64(nt_slice_str(argv[1]), UINT32_MAX, &p->batch.seq) == 0,
	     "SEQ is a number");
	p->endpoint = (struct nt_batch_endpoint){ .ep_id = p->batch.seq,
						  .state = NT_ENDPOINT_TAPPED,
						  .namespace_ = nt_slice_str(argv[2]),
						  .name = nt_slice_str(argv[3]),
						  .uid = nt_slice_str(argv[4]),
						  .since_us = now_us() };
	p->row.id = p->batch.seq;
	p->row.client_namespace = p->endpoint.namespace_;
	p->row.client_name = p->endpoint.name;
	p->row.client_uid = p->endpoint.uid;
	p->batch.created_us = now_us();
	p->batch.endpoints = &p->endpoint;
	p->batch.endpoints_len = 1;
}

/* argv: SPOOL SEQ NAMESPACE NAME UID SERVER */
static void upload_one_pod(struct client *c, char **argv)
{
	struct one_pod p;

	make_one_pod(&p, argv, "www.example.com");
	must(nt_addr_parse(nt_slice_str(argv[5]), &p.row.servers[0].ip) == 0,
	     "SERVER is an address");
	upload(c, &p.batch);
}

/* argv: NODE SPOOL SEQ NAMESPACE NAME UID QNAME */
static void print_one_pod(char **argv)
{
	_cleanup_buf_ struct nt_buf wire = { 0 };
	struct nt_err err = { 0 };
	struct one_pod p;

	make_one_pod(&p, argv + 1, argv[6]);
	p.batch.node = p.row.node = nt_slice_str(argv[0]);
	must(nt_batch_encode(&p.batch, &wire, &err) == 0, err.msg);
	must(fwrite(wire.p, wire.len, 1, stdout) == 1 && fflush(stdout) == 0, "stdout");
}

int main(int argc, char **argv)
{
	struct sigaction term = { .sa_handler = on_term };
	bool mixed = argc == 5 && strcmp(argv[1], "--mix") == 0;
	bool pod = argc == 10 && strcmp(argv[1], "--pod") == 0;
	struct client c = { 0 };

	if (argc == 9 && strcmp(argv[1], "--print") == 0) {
		print_one_pod(argv + 2);
		return 0;
	}
	must(mixed || pod || argc == 7, "see the head of its source for the arguments");
	sigaction(SIGTERM, &term, NULL);
	client_open(&c, argv[mixed + pod + 1], argv[mixed + pod + 2]);
	if (mixed)
		mix(&c, argv[4]);
	else if (pod)
		upload_one_pod(&c, argv + 4);
	else
		load(&c, argv + 3);
	return 0;
}
