/* SPDX-License-Identifier: Apache-2.0 */
/* What the agents told of servers' addresses and pods; the verdict in words. */
#include "controller/servers/servers.h"

#include <stdio.h>
#include <stdlib.h>

#include "controller/store/store.h"

/* Where it is not tapped its agent has said why; a tapped pod's node is known without objects. */
static bool note_endpoint(void *ctx, struct nt_slice node, const struct nt_batch_endpoint *e)
{
	struct nt_servers_found *f = ctx;

	if (e->state == NT_ENDPOINT_GONE || e->origin == NT_ENDPOINT_NODE)
		return true;
	snprintf(f->node, sizeof(f->node), "%.*s", NT_SLICE_ARG(node));
	f->facts.tapped = f->facts.tapped || e->state == NT_ENDPOINT_TAPPED;
	if (e->state != NT_ENDPOINT_TAPPED)
		snprintf(f->detail, sizeof(f->detail), "it is not tapped: %.*s",
			 NT_SLICE_ARG(e->reason));
	return true;
}

/* A pod without any endpoint: does its node have an agent at all? */
static int look_for_agent(struct nt_servers_found *f, struct nt_store_reader *reader,
			  struct nt_err *err)
{
	bool knows = false;
	int r = nt_store_knows_node(reader, nt_slice_str(f->node), &knows, err);

	if (knows)
		snprintf(f->detail, sizeof(f->detail),
			 "it is not tapped, and node %s's agent has not said why", f->node);
	return r;
}

static int learn(struct nt_servers_found *f, struct nt_store_reader *reader, struct nt_err *err)
{
	bool is_pod = f->facts.whose == NT_WHOSE_POD;
	int r = 0;

	if (is_pod && f->name[0])
		r = nt_store_endpoints_of(reader, nt_slice_str(f->namespace_),
					  nt_slice_str(f->name), note_endpoint, f, err);
	if (r == 0 && is_pod && !f->facts.tapped && !f->detail[0])
		r = look_for_agent(f, reader, err);
	return r == 0 ? nt_store_on_host(reader, &f->ip, &f->facts.on_host, err) : r;
}

static const char *sentence(const struct nt_servers_found *f)
{
	switch (f->verdict.reason) {
	case NT_ENDS_HOST_NETWORK:
		return "it is in its node's network, where no lookup was seen to reach it";
	case NT_ENDS_NODE_LOCAL:
		return "each node has this address for itself (NodeLocal DNSCache), and no lookup "
		       "was seen to reach it there";
	case NT_ENDS_EXTERNAL:
		return nt_addr_is_private(&f->ip)
			       ? "outside of the cluster: a private address of no pod, Service or "
				 "node"
			       : "outside of the cluster: a public address";
	case NT_ENDS_NOT_TAPPED:
		return f->node[0] ? "its node has no agent that has ever reported"
				  : "which node it is on is not known";
	case NT_ENDS_NOT_SEEN:
		return "it is tapped, and no lookup was seen there";
	case NT_ENDS_BACKEND_UNKNOWN:
		return "nobody tells which pod is asked behind this Service: see conntrack of the "
		       "nodes";
	case NT_ENDS_CLIENTS_NOT_TAPPED:
		return "no tapped client has asked it";
	case NT_ENDS_NO_OBJECTS:
		return "whose address it is cannot be said: Service or Node objects are not there";
	default:
		return "";
	}
}

static int by_use(const void *a, const void *b)
{
	const struct nt_servers_found *x = a, *y = b;

	if (x->asked_us != y->asked_us)
		return x->asked_us > y->asked_us ? -1 : 1;
	return memcmp(&x->ip, &y->ip, sizeof(x->ip));
}

int nt_servers_judge(struct nt_servers_found *found, size_t len, struct nt_store_reader *reader,
		     struct nt_err *err)
{
	int r = 0;

	for (size_t i = 0; i < len && r == 0; i++)
		r = learn(&found[i], reader, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < len; i++) {
		struct nt_servers_found *f = &found[i];

		f->verdict = nt_ends_decide(&f->facts);
		if (f->verdict.reason != NT_ENDS_NOT_TAPPED || !f->detail[0])
			snprintf(f->detail, sizeof(f->detail), "%s", sentence(f));
	}
	qsort(found, len, sizeof(*found), by_use);
	return 0;
}
