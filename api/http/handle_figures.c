/* SPDX-License-Identifier: Apache-2.0 */
/* GET summary and top: totals, loss beside them, and the largest groups. */
#include "api/http/frame.h"

#include <inttypes.h>

#include "api/http/figures.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

int64_t nt_now_us(void)
{
	struct nt_clock clock = nt_clock_system();

	return nt_clock_real(&clock) / NT_NS_PER_US;
}

bool nt_figures_begin(const struct nt_params *p, const char *more, struct nt_figures *ret_figures,
		      struct nt_reply *reply)
{
	_cleanup_buf_ struct nt_buf allowed = { 0 };
	struct nt_query_error mistake = { 0 };
	struct nt_err err = { 0 };
	int r;

	nt_buf_printf(&allowed, "q from to side role%s%s", more[0] ? " " : "", more);
	r = nt_params_check(p, nt_buf_str(&allowed), &err);
	if (r == 0)
		r = nt_figures_parse(p, nt_now_us(), ret_figures, &mistake, &err);
	if (r == 0)
		return true;
	if (mistake.msg[0])
		nt_reply_query_problem(reply, &mistake);
	else
		nt_reply_problem(reply, 400, "%s", err.msg);
	return false;
}

static bool keep_sums(void *ctx, const struct nt_store_group *group)
{
	*(struct nt_store_sums *)ctx = group->sums;
	return true;
}

struct reasons {
	struct nt_json *j;
	uint64_t packets;
};

static bool add_reason(void *ctx, const struct nt_store_group *group)
{
	struct reasons *r = ctx;

	r->packets += group->sums.packets;
	nt_json_key_slice(r->j, group->keys[0]);
	nt_json_u64(r->j, group->sums.packets);
	return true;
}

int nt_figures_loss(struct nt_store_reader *reader, const struct nt_store_range *lost,
		    struct nt_json *j, struct nt_err *err)
{
	/* Reasons are a handful of words; the limit is against an agent gone mad. */
	const struct nt_store_grouping by_reason = { .keys = { "reason" },
						     .keys_len = 1,
						     .limit = 100 };
	struct reasons reasons = { .j = j };
	int r;

	nt_json_key(j, "loss");
	nt_json_open(j, '{');
	nt_json_key(j, "reasons");
	nt_json_open(j, '{');
	r = nt_store_group(reader, lost, &by_reason, add_reason, &reasons, err);
	nt_json_close(j, '}');
	nt_json_key_u64(j, "packets", reasons.packets);
	nt_json_close(j, '}');
	return r;
}

struct covered {
	uint64_t tapped, failed, nodes;
};

static bool count_endpoint(void *ctx, struct nt_slice node, const struct nt_batch_endpoint *e)
{
	struct covered *c = ctx;

	(void)node;
	c->tapped += e->state == NT_ENDPOINT_TAPPED;
	c->failed += e->state == NT_ENDPOINT_FAILED;
	return true;
}

static bool count_node(void *ctx, const struct nt_store_node *node)
{
	struct covered *c = ctx;

	(void)node;
	c->nodes++;
	return true;
}

static int write_covered(struct nt_store_reader *reader, struct nt_json *j, struct nt_err *err)
{
	struct covered c = { 0 };
	int r = nt_store_endpoints(reader, count_endpoint, &c, err);

	if (r == 0)
		r = nt_store_nodes(reader, count_node, &c, err);
	nt_json_key(j, "coverage");
	nt_json_open(j, '{');
	nt_json_key_u64(j, "tapped", c.tapped);
	nt_json_key_u64(j, "failed", c.failed);
	nt_json_key_u64(j, "nodes", c.nodes);
	nt_json_close(j, '}');
	return r;
}

static int write_summary(struct nt_api *api, struct nt_store_reader *reader, void *ctx,
			 struct nt_reply *reply, struct nt_err *err)
{
	const struct nt_figures *figures = ctx;
	const struct nt_store_grouping all = { 0 };
	struct nt_json j = NT_JSON(&reply->body);
	struct nt_store_sums sums = { 0 };
	int64_t newest_us = nt_store_stats(api->store).newest_us;
	int r;

	r = nt_store_group(reader, &figures->range, &all, keep_sums, &sums, err);
	nt_json_open(&j, '{');
	nt_json_range(&j, &figures->range);
	nt_json_key(&j, "exact");
	nt_json_bool(&j, true);
	nt_json_sums(&j, &sums);
	if (r == 0)
		r = nt_figures_loss(reader, &figures->lost, &j, err);
	if (r == 0)
		r = write_covered(reader, &j, err);
	nt_json_key(&j, "newest");
	if (newest_us)
		nt_json_time(&j, newest_us);
	else
		nt_json_null(&j);
	nt_json_close(&j, '}');
	return r;
}

void nt_handle_summary(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	_cleanup_figures_ struct nt_figures figures = { 0 };

	if (!nt_figures_begin(p, "", &figures, reply))
		return;
	nt_reply_json(reply);
	nt_frame_from_store(api, write_summary, &figures, reply);
}

struct top {
	struct nt_json *j;
	const struct nt_by *by;
	uint32_t left;
	bool more;
};

static bool add_group(void *ctx, const struct nt_store_group *group)
{
	struct top *t = ctx;

	if (!t->left) {
		t->more = true;
		return false;
	}
	t->left--;
	nt_json_open(t->j, '{');
	nt_json_key(t->j, "key");
	nt_json_open(t->j, '{');
	for (size_t i = 0; i < t->by->len; i++)
		nt_json_key_str(t->j, t->by->names[i], group->keys[i]);
	nt_json_close(t->j, '}');
	nt_json_sums(t->j, &group->sums);
	nt_json_close(t->j, '}');
	return true;
}

static const char *const top_orders[] = { "count",    "queries", "unanswered",	"nxdomain",
					  "servfail", "bytes",	 "latency_max", NULL };

struct top_params {
	struct nt_figures figures;
	struct nt_by by;
	int order;
	uint32_t limit;
};

static int write_top(struct nt_api *api, struct nt_store_reader *reader, void *ctx,
		     struct nt_reply *reply, struct nt_err *err)
{
	const struct top_params *tp = ctx;
	struct nt_json j = NT_JSON(&reply->body);
	struct top top = { .j = &j, .by = &tp->by, .left = tp->limit };
	struct nt_store_grouping g = { .keys_len = tp->by.len,
				       .order = top_orders[tp->order],
				       .limit = tp->limit + 1 };
	int r;

	(void)api;
	nt_json_open(&j, '{');
	nt_json_range(&j, &tp->figures.range);
	nt_json_key(&j, "exact");
	nt_json_bool(&j, true);
	nt_json_key(&j, "by");
	nt_json_open(&j, '[');
	for (size_t i = 0; i < tp->by.len; i++) {
		g.keys[i] = tp->by.names[i];
		nt_json_str(&j, nt_slice_str(tp->by.names[i]));
	}
	nt_json_close(&j, ']');
	nt_json_key(&j, "groups");
	nt_json_open(&j, '[');
	r = nt_store_group(reader, &tp->figures.range, &g, add_group, &top, err);
	nt_json_close(&j, ']');
	nt_json_key(&j, "more");
	nt_json_bool(&j, top.more);
	nt_json_close(&j, '}');
	return r;
}

static bool parse_top(const struct nt_params *p, struct top_params *tp, struct nt_reply *reply)
{
	const struct nt_slice *by = nt_params_find(p, "by");
	struct nt_err err = { 0 };
	int r;

	if (!nt_figures_begin(p, "by order limit", &tp->figures, reply))
		return false;
	r = by ? nt_by_parse(*by, NT_STORE_GROUP_KEYS, &tp->by, &err)
	       : nt_err_set(&err, EINVAL, "by: one to %d fields are wanted", NT_STORE_GROUP_KEYS);
	if (r == 0)
		r = nt_params_word(p, "order", top_orders, 0, &tp->order, &err);
	if (r == 0)
		r = nt_params_u32(p, "limit", 1000, 10, &tp->limit, &err);
	if (r < 0)
		nt_reply_problem(reply, 400, "%s", err.msg);
	return r == 0;
}

static void top_params_done(struct top_params *tp)
{
	nt_figures_done(&tp->figures);
}

void nt_handle_top(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	_cleanup_(top_params_done) struct top_params tp = { 0 };

	if (!parse_top(p, &tp, reply))
		return;
	nt_reply_json(reply);
	nt_frame_from_store(api, write_top, &tp, reply);
}
