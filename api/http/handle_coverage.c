/* SPDX-License-Identifier: Apache-2.0 */
/* GET coverage: which pod is tapped since when, or not and why; agents; objects with mistakes. */
#include "api/http/frame.h"

#include "controller/ingest/ingest.h"
#include "controller/ingest/nodes.h"
#include "controller/servers/servers.h"
#include "lib/base/cleanup.h"
#include "lib/objects/objects.h"

/* The contract's limit on the list; the counts are of all. */
#define ENDPOINTS_MAX 10000
#define GAPS_MAX 1000

struct endpoints {
	struct nt_json *j;
	uint64_t tapped, failed, excluded, gone, listed, before_tap;
};

static const char *state_name(enum nt_endpoint_state state)
{
	switch (state) {
	case NT_ENDPOINT_TAPPED:
		return "tapped";
	case NT_ENDPOINT_GONE:
		return "gone";
	case NT_ENDPOINT_EXCLUDED:
		return "excluded";
	default:
		return "failed";
	}
}

/* Of a pod that never was tapped nothing is known. */
static const char *origin_name(const struct nt_batch_endpoint *e)
{
	if (e->state == NT_ENDPOINT_FAILED || e->state == NT_ENDPOINT_EXCLUDED)
		return "none";
	switch (e->origin) {
	case NT_ENDPOINT_ADOPTED:
		return "adopted";
	case NT_ENDPOINT_NODE:
		return "node";
	default:
		return "add";
	}
}

static const char *dns_name(enum nt_endpoint_dns dns)
{
	switch (dns) {
	case NT_ENDPOINT_DNS_RUNTIME:
		return "runtime";
	case NT_ENDPOINT_DNS_FILE:
		return "resolv.conf";
	case NT_ENDPOINT_DNS_DERIVED:
		return "derived";
	default:
		return "unknown";
	}
}

static const char *hook_name(enum nt_endpoint_hook hook)
{
	static const char *const names[] = {
		[NT_ENDPOINT_HOOK_NONE] = "",
		[NT_ENDPOINT_HOOK_CLSACT] = "clsact",
		[NT_ENDPOINT_HOOK_TCX] = "tcx",
	};

	return names[hook];
}

static void write_ips(struct nt_json *j, const struct nt_batch_endpoint *e)
{
	char text[NT_ADDR_TEXT_MAX];

	nt_json_key(j, "ips");
	nt_json_open(j, '[');
	for (size_t i = 0; i < e->ips_len; i++)
		nt_json_str(j, nt_slice_str(nt_addr_format(&e->ips[i], text)));
	nt_json_close(j, ']');
}

static void write_endpoint(struct nt_json *j, struct nt_slice node,
			   const struct nt_batch_endpoint *e)
{
	const char *role = e->role == NT_ROLE_RESOLVER ? "resolver" : "workload";

	nt_json_open(j, '{');
	nt_json_key_str(j, "node", node);
	nt_json_key_str(j, "state", nt_slice_str(state_name(e->state)));
	nt_json_key_str(j, "namespace", e->namespace_);
	nt_json_key_str(j, "name", e->name);
	nt_json_key_str(j, "uid", e->uid);
	nt_json_key_str(j, "container_id", e->container_id);
	nt_json_key_str(j, "ifname", e->ifname);
	nt_json_key_str(j, "host_ifname", e->host_ifname);
	nt_json_key_str(j, "network", e->network);
	write_ips(j, e);
	nt_json_key_str(j, "role", nt_slice_str(role));
	nt_json_key_str(j, "hook", nt_slice_str(hook_name(e->hook)));
	nt_json_key_time(j, "since", e->since_us);
	nt_json_key_time_or_null(j, "until", e->until_us);
	nt_json_key_u64(j, "seen", e->seen);
	nt_json_key_u64(j, "logged", e->logged);
	nt_json_key_u64(j, "unlogged", e->unlogged);
	nt_json_key_u64(j, "stream", e->stream);
	nt_json_key_str(j, "reason", e->reason);
	nt_json_key_str(j, "origin", nt_slice_str(origin_name(e)));
	nt_json_key_str(j, "resolver_source", nt_slice_str(dns_name(e->dns)));
	nt_json_key_u64(j, "before_tap", e->before_tap);
	nt_json_key_u64(j, "link_rx", e->link_rx);
	nt_json_key_u64(j, "link_tx", e->link_tx);
	nt_json_close(j, '}');
}

static bool add_endpoint(void *ctx, struct nt_slice node, const struct nt_batch_endpoint *e)
{
	struct endpoints *all = ctx;

	all->tapped += e->state == NT_ENDPOINT_TAPPED;
	all->gone += e->state == NT_ENDPOINT_GONE;
	all->failed += e->state == NT_ENDPOINT_FAILED;
	all->excluded += e->state == NT_ENDPOINT_EXCLUDED;
	all->before_tap += e->before_tap;
	if (all->listed < ENDPOINTS_MAX) {
		all->listed++;
		write_endpoint(all->j, node, e);
	}
	return true;
}

static bool add_gap(void *ctx, const struct nt_store_gap *gap)
{
	struct nt_json *j = ctx;

	nt_json_open(j, '{');
	nt_json_key_str(j, "node", gap->node);
	nt_json_key_str(j, "namespace", gap->namespace_);
	nt_json_key_str(j, "name", gap->name);
	nt_json_key_str(j, "uid", gap->uid);
	nt_json_key_str(j, "host_ifname", gap->host_ifname);
	nt_json_key_time(j, "from", gap->from_us);
	nt_json_key_time_or_null(j, "to", gap->to_us);
	nt_json_key_str(j, "reason", gap->reason);
	nt_json_close(j, '}');
	return true;
}

/* In ms, null when it is not known, and whether it is too much. */
static void write_clock(struct nt_json *j, struct nt_ingest *ingest, struct nt_slice node)
{
	int64_t offset_us = 0;
	bool known = nt_ingest_clock(ingest, node, &offset_us);

	nt_json_key(j, "clock_offset");
	if (known)
		nt_json_double(j, (double)(offset_us / 1000));
	else
		nt_json_null(j);
	nt_json_key(j, "clock_off");
	nt_json_bool(j, offset_us > NT_NODES_CLOCK_OFF_US || offset_us < -NT_NODES_CLOCK_OFF_US);
}

static void write_conntrack(struct nt_json *j, struct nt_ingest *ingest, struct nt_slice node)
{
	char text[160];

	nt_ingest_conntrack(ingest, node, text);
	nt_json_key(j, "conntrack");
	if (text[0])
		nt_json_str(j, nt_slice_str(text));
	else
		nt_json_null(j);
}

struct nodes {
	struct nt_json *j;
	struct nt_ingest *ingest;
};

static bool add_node(void *ctx, const struct nt_store_node *node)
{
	struct nodes *nodes = ctx;
	struct nt_json *j = nodes->j;

	nt_json_open(j, '{');
	nt_json_key_str(j, "node", node->node);
	nt_json_key_str(j, "spool", node->spool);
	nt_json_key_time(j, "last_seen", node->last_seen_us);
	nt_json_key_u64(j, "last_seq", node->last_seq);
	nt_json_key_u64(j, "missing_batches", node->missing_batches);
	write_clock(j, nodes->ingest, node->node);
	write_conntrack(j, nodes->ingest, node->node);
	nt_json_close(j, '}');
	return true;
}

/* --- DNS servers ------------------------------------------------------------------------------ */

static void write_server(struct nt_json *j, const struct nt_servers_found *f)
{
	char text[NT_ADDR_TEXT_MAX];

	nt_json_open(j, '{');
	nt_json_key_str(j, "ip", nt_slice_str(nt_addr_format(&f->ip, text)));
	nt_json_key_u64(j, "port", f->port);
	nt_json_key_str(j, "namespace", nt_slice_str(f->namespace_));
	nt_json_key_str(j, "name", nt_slice_str(f->name));
	nt_json_key_str(j, "service", nt_slice_str(f->service));
	nt_json_key_str(j, "node", nt_slice_str(f->node));
	nt_json_key_str(j, "ends", nt_slice_str(nt_ends_name(f->verdict.ends)));
	nt_json_key_str(j, "reason", nt_slice_str(nt_ends_reason_name(f->verdict.reason)));
	nt_json_key_str(j, "detail", nt_slice_str(f->detail));
	nt_json_key_time_or_null(j, "asked", f->asked_us);
	nt_json_key_time_or_null(j, "seen", f->seen_us);
	nt_json_close(j, '}');
}

static int write_servers(struct nt_api *api, struct nt_store_reader *reader, struct nt_json *j,
			 struct nt_err *err)
{
	_cleanup_free_ struct nt_servers_found *found = NULL;
	uint64_t over;
	size_t len;
	int r = nt_ingest_servers(api->ingest, nt_now_us(), &found, &len, &over);

	if (r < 0)
		return nt_err_set(err, -r, "no memory for the DNS servers");
	r = nt_servers_judge(found, len, reader, err);
	nt_json_key(j, "servers");
	nt_json_open(j, '[');
	for (size_t i = 0; i < len && r == 0; i++)
		write_server(j, &found[i]);
	nt_json_close(j, ']');
	return r;
}

/* --- objects ---------------------------------------------------------------------------------- */

static void add_problem(void *ctx, const struct nt_objects_problem *problem)
{
	struct nt_json *j = ctx;

	nt_json_open(j, '{');
	nt_json_key_str(j, "path", nt_slice_str(problem->path));
	nt_json_key_u64(j, "line", problem->line);
	nt_json_key_str(j, "message", nt_slice_str(problem->msg));
	nt_json_close(j, '}');
}

static void add_state(void *ctx, const struct nt_objects_state *state)
{
	struct nt_json *j = ctx;

	nt_json_open(j, '{');
	nt_json_key_str(j, "kind", nt_slice_str(state->kind));
	nt_json_key_u64(j, "count", state->count);
	nt_json_key(j, "synced");
	nt_json_bool(j, state->synced);
	nt_json_key_time(j, "since", state->since_us);
	nt_json_key_str(j, "error", nt_slice_str(state->error));
	nt_json_close(j, '}');
}

static void write_objects(void *ctx, const struct nt_objects *objects)
{
	struct nt_objects_origin origin = { "none", "" };
	struct nt_json *j = ctx;

	if (objects)
		origin = nt_objects_origin(objects);
	nt_json_key(j, "objects");
	nt_json_open(j, '{');
	nt_json_key_str(j, "source", nt_slice_str(origin.type));
	nt_json_key_str(j, "where", nt_slice_str(origin.where));
	nt_json_key(j, "kinds");
	nt_json_open(j, '[');
	if (objects)
		nt_objects_states(objects, add_state, j);
	nt_json_close(j, ']');
	nt_json_close(j, '}');
}

static int write_coverage(struct nt_api *api, struct nt_store_reader *reader, void *ctx,
			  struct nt_reply *reply, struct nt_err *err)
{
	struct nt_json j = nt_frame_list_open(reply, "endpoints");
	struct endpoints all = { .j = &j };
	struct nodes nodes = { .j = &j, .ingest = api->ingest };
	int r;

	(void)ctx;
	r = nt_store_endpoints(reader, add_endpoint, &all, err);
	nt_json_close(&j, ']');
	nt_json_key_u64(&j, "tapped", all.tapped);
	nt_json_key_u64(&j, "failed", all.failed);
	nt_json_key_u64(&j, "excluded", all.excluded);
	nt_json_key_u64(&j, "gone", all.gone);
	nt_json_key(&j, "gaps");
	nt_json_open(&j, '[');
	if (r == 0)
		r = nt_store_gaps(reader, GAPS_MAX, add_gap, &j, err);
	nt_json_close(&j, ']');
	nt_json_key_u64(&j, "before_tap", all.before_tap);
	nt_json_key(&j, "nodes");
	nt_json_open(&j, '[');
	if (r == 0)
		r = nt_store_nodes(reader, add_node, &nodes, err);
	nt_json_close(&j, ']');
	if (r == 0)
		r = write_servers(api, reader, &j, err);
	nt_ingest_objects(api->ingest, write_objects, &j);
	nt_json_key(&j, "problems");
	nt_json_open(&j, '[');
	nt_ingest_problems(api->ingest, add_problem, &j);
	nt_frame_list_close(&j);
	return r;
}

void nt_handle_coverage(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	if (nt_frame_plain(p, reply))
		nt_frame_from_store(api, write_coverage, NULL, reply);
}
