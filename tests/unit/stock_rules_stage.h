/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stage for the rules that ship (manifests/alerts): rows as agents and enrichment make them,
 * the rules' files, and events of both ways as text.
 */
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>

#include "controller/alerts/preview.h"
#include "lib/base/file.h"
#include "lib/names/names.h"
#include "tests/unit/alerts_stage.h"

/* --- rows ------------------------------------------------------------------------------------ */

#define FOLDER "manifests/alerts"
#define SEARCHES " svc.cluster.local cluster.local corp.example"

enum { NX = 3, SERVFAIL = 2, NOBODY = -1 }; /* rcodes; the last: unanswered */
enum { A = 1, CNAME = 5, TXT = 16, AAAA = 28 };

static struct nt_server cluster_dns[2] = {
	{ .port = 53,
	  .name = { "-", 1 },
	  .name_aggr = { "pvt", 3 },
	  .namespace_ = { "kube-system", 11 },
	  .service = { "kube-system/kube-dns", 20 } },
	{ .port = 53,
	  .name = { "kube-dns-0", 10 },
	  .name_aggr = { "kube-dns-*", 10 },
	  .namespace_ = { "kube-system", 11 },
	  .service = { "kube-system/kube-dns", 20 } },
};
static struct nt_server outside = { .port = 53, .name = { "-", 1 }, .name_aggr = { "pub", 3 } };
static struct nt_server node_cache = { .port = 53, .name = { "-", 1 }, .name_aggr = { "pvt", 3 } };

static inline void make_servers(void)
{
	static const uint8_t ips[][4] = {
		{ 10, 96, 0, 10 }, { 10, 244, 0, 2 }, { 192, 0, 2, 53 }, { 169, 254, 20, 10 }
	};

	cluster_dns[0].ip = nt_addr_from(4, ips[0]);
	cluster_dns[1].ip = nt_addr_from(4, ips[1]);
	outside.ip = nt_addr_from(4, ips[2]);
	node_cache.ip = nt_addr_from(4, ips[3]);
}

/* What the agent says of the name. */
static inline void classify(struct nt_record *r, const char *searches)
{
	static struct nt_names *names;
	struct nt_name_class c;

	if (!names)
		ck_assert_int_eq(nt_names_new("cluster.local", &names, &err), 0);
	c = nt_names_classify(names, r->qname, searches, r->answered && r->rcode == 0,
			      r->answered && r->rcode == NX);
	r->scope = c.scope;
	r->logical_qname = c.logical;
	r->domain = c.domain;
}

static inline void set_latency(struct nt_record *r, uint64_t ns)
{
	unsigned bucket = 0;

	while (bucket < NT_HISTOGRAM_BUCKETS - 1 && ns >> (bucket + 14))
		bucket++;
	memset(r->latency_histogram, 0, sizeof(r->latency_histogram));
	r->latency_count = r->latency_histogram[bucket] = r->count;
	r->latency_min_ns = r->latency_max_ns = ns;
	r->latency_sum_ns = ns * r->count;
}

static inline struct nt_record lookups(int64_t at_s, const char *qname, int qtype, int rcode,
				       uint64_t count)
{
	struct nt_record r = rcode == NOBODY
				     ? store_unanswered(++next_id, T0_US + at_s * S, qname, count)
				     : store_record(++next_id, T0_US + at_s * S, qname);

	r.qtype = (uint16_t)qtype;
	r.count = r.queries = count;
	r.bytes_out = 60 * count;
	r.client_workload_kind = NT_SLICE_LIT("Deployment");
	r.client_workload_name = NT_SLICE_LIT("web");
	r.servers = cluster_dns;
	r.servers_len = NT_ARRAY_LEN(cluster_dns);
	if (rcode != NOBODY) {
		r.rcode = (uint16_t)rcode;
		r.replies = count;
		set_latency(&r, 400000);
	}
	classify(&r, "shop.svc.cluster.local" SEARCHES);
	return r;
}

/* --- the stage -------------------------------------------------------------------------------- */

static inline void read_rule(const char *name, struct nt_buf *out)
{
	char path[300];

	snprintf(path, sizeof(path), FOLDER "/%s.yaml", name);
	ck_assert_msg(nt_file_read_at(AT_FDCWD, path, 1 << 20, out, &err) == 0, "%s", err.msg);
}

static inline void begin_with(struct nt_buf *rules)
{
	store_mkdir(objects_folder);
	write_rules(nt_buf_str(rules));
	start(0);
	tick(0);
}

enum { LINES_MAX = 64 };

/* Events as lines, in an order of their own: what opens together has none. */
struct lines {
	char at[LINES_MAX][400];
	size_t len;
	bool with_rule; /* and without figures */
};

static inline bool add_line(void *ctx, const struct nt_store_event *e)
{
	_cleanup_buf_ struct nt_buf line = { 0 };
	struct lines *l = ctx;

	ck_assert_uint_lt(l->len, LINES_MAX);
	if (l->with_rule)
		nt_buf_printf(&line, "%.*s %.*s\n", NT_SLICE_ARG(e->rule), NT_SLICE_ARG(e->group));
	else
		describe(&line, e);
	for (size_t i = 0; i < l->len; i++)
		if (l->with_rule && strcmp(l->at[i], nt_buf_str(&line)) == 0)
			return true; /* it came and went */
	snprintf(l->at[l->len++], sizeof(l->at[0]), "%s", nt_buf_str(&line));
	return true;
}

static inline int compare_lines(const void *a, const void *b)
{
	return strcmp(a, b);
}

static inline void write_lines(struct lines *l, struct nt_buf *out)
{
	qsort(l->at, l->len, sizeof(l->at[0]), compare_lines);
	for (size_t i = 0; i < l->len; i++)
		nt_buf_puts(out, l->at[i]);
}

static inline void stored_events(bool with_rule, struct nt_buf *out)
{
	static struct lines l;

	l = (struct lines){ .with_rule = with_rule };
	ck_assert_int_eq(
		nt_store_events(reader, -1, (struct nt_slice){ 0 }, 1000, add_line, &l, &err), 0);
	write_lines(&l, out);
}

/* Of all rules of the folder of objects, over what is stored. */
static inline void preview_events(int64_t to_s, bool with_rule, struct nt_buf *out)
{
	const struct nt_preview_config config = { .from_us = T0_US,
						  .to_us = T0_US + to_s * S,
						  .budget_ns = INT64_MAX / 2 };
	struct nt_object_problem problem;
	const struct nt_object *rule;
	static struct lines l;
	struct nt_preview p;

	l = (struct lines){ .with_rule = with_rule };
	for (size_t i = 0; (rule = nt_objects_at(objects, NT_SLICE_LIT("GlobalAlert"), i)); i++) {
		ck_assert_msg(nt_preview_run(store, reader, rule, &config, add_line, &l, &p,
					     &problem, &err) == 0,
			      "%s %s", err.msg, problem.msg);
		ck_assert_int_eq(p.end, NT_PREVIEW_WHOLE);
		ck_assert_uint_eq(p.over, 0);
		ck_assert_uint_gt(p.windows, 0);
	}
	write_lines(&l, out);
}

static inline int is_rule_file(const struct dirent *d)
{
	return strncmp(d->d_name, "dns-", 4) == 0;
}

/* All files as one; returns how many. */
static inline int read_rules(struct nt_buf *out)
{
	struct dirent **names = NULL;
	int n = scandir(FOLDER, &names, is_rule_file, alphasort);

	for (int i = 0; i < n; i++) {
		*strrchr(names[i]->d_name, '.') = '\0';
		nt_buf_puts(out, "---\n");
		read_rule(names[i]->d_name, out);
		free(names[i]);
	}
	free(names);
	return n;
}
