/* SPDX-License-Identifier: Apache-2.0 */
/* What the join knows of nodes and servers: enough to say that nobody saw a lookup, or why not. */
#include "controller/store/join_own.h"

#include <stdlib.h>

#include "lib/base/cleanup.h"

int nt_peers_init(struct nt_join_peers *p)
{
	p->nodes = calloc(NT_JOIN_NODES, sizeof(*p->nodes));
	p->servers = calloc(NT_JOIN_SERVERS, sizeof(*p->servers));
	return nt_losses_init(&p->losses) == 0 && p->nodes && p->servers ? 0 : -ENOMEM;
}

void nt_peers_done(struct nt_join_peers *p)
{
	free(p->nodes);
	free(p->servers);
	nt_losses_done(&p->losses);
}

void nt_peers_clear(struct nt_join_peers *p)
{
	p->nodes_len = p->servers_len = 0;
	nt_losses_clear(&p->losses);
}

/* --- nodes ------------------------------------------------------------------------------------ */

/* NULL: it gave way to another one. */
static struct nt_join_node *find_node(const struct nt_join_peers *p, uint32_t handle)
{
	struct nt_join_node *n = &p->nodes[handle % NT_JOIN_NODES];

	return handle % NT_JOIN_NODES < p->nodes_len && n->handle == handle ? n : NULL;
}

static struct nt_join_node *new_node(struct nt_join_peers *p)
{
	struct nt_join_node *n = &p->nodes[0];

	if (p->nodes_len < NT_JOIN_NODES) {
		n = &p->nodes[p->nodes_len];
		*n = (struct nt_join_node){ .handle = (uint32_t)p->nodes_len++ };
		return n;
	}
	for (size_t i = 1; i < p->nodes_len; i++)
		if (p->nodes[i].used_us < n->used_us)
			n = &p->nodes[i];
	p->forgotten++;
	*n = (struct nt_join_node){ .handle = n->handle + NT_JOIN_NODES };
	return n;
}

uint32_t nt_peers_node(struct nt_join_peers *p, uint64_t name)
{
	struct nt_join_node *n = NULL;

	for (size_t i = 0; i < p->nodes_len && !n; i++)
		if (p->nodes[i].name == name)
			n = &p->nodes[i];
	if (!n)
		n = new_node(p);
	n->name = name;
	n->used_us = p->now_us;
	return n->handle;
}

bool nt_peers_is_heard(const struct nt_join_peers *p, uint32_t node)
{
	const struct nt_join_node *n = find_node(p, node);

	return n && n->heard;
}

static int64_t offset_of(const struct nt_join_node *n)
{
	size_t len =
		n->offsets < NT_ARRAY_LEN(n->offsets_us) ? n->offsets : NT_ARRAY_LEN(n->offsets_us);
	int64_t offset_us = len ? n->offsets_us[0] : 0;

	for (size_t i = 1; i < len; i++)
		if (n->offsets_us[i] > offset_us)
			offset_us = n->offsets_us[i];
	return offset_us;
}

int64_t nt_peers_offset(const struct nt_join_peers *p, uint32_t node)
{
	const struct nt_join_node *n = find_node(p, node);

	return n ? offset_of(n) : 0;
}

bool nt_peers_is_aged(const struct nt_join_peers *p, const struct nt_end *e)
{
	return e->arrived_us + NT_JOIN_WAIT_US <= p->now_us;
}

void nt_peers_batch(struct nt_join_peers *p, uint32_t node, uint64_t spool,
		    const struct nt_batch *b)
{
	struct nt_join_node *n = find_node(p, node);

	n->heard = true;
	if (b->clock_offset_us)
		n->offsets_us[n->offsets++ % NT_ARRAY_LEN(n->offsets_us)] = b->clock_offset_us;
	if (n->seq && (n->spool != spool || b->seq != n->seq + 1))
		n->hole_us = b->created_us;
	n->spool = spool;
	n->seq = b->seq;
	if (b->created_us < n->told_us[0])
		return;
	memmove(n->told_us + 1, n->told_us, sizeof(n->told_us) - sizeof(*n->told_us));
	n->told_us[0] = b->created_us;
}

/* --- servers ---------------------------------------------------------------------------------- */

static struct nt_join_server *find_server(const struct nt_join_peers *p, const struct nt_addr *ip)
{
	for (size_t i = 0; i < p->servers_len; i++)
		if (nt_addr_eq(&p->servers[i].ip, ip))
			return &p->servers[i];
	return NULL;
}

/* The one that was met the longest ago gives way. */
static struct nt_join_server *get_server(struct nt_join_peers *p, const struct nt_addr *ip)
{
	struct nt_join_server *s = find_server(p, ip);

	if (!s && p->servers_len < NT_JOIN_SERVERS) {
		s = &p->servers[p->servers_len++];
	} else if (!s) {
		s = &p->servers[0];
		for (size_t i = 1; i < p->servers_len; i++)
			if (p->servers[i].used_us < s->used_us)
				s = &p->servers[i];
		p->forgotten++;
	} else {
		s->used_us = p->now_us;
		return s;
	}
	*s = (struct nt_join_server){ .ip = *ip, .used_us = p->now_us };
	return s;
}

static struct nt_join_pod *get_pod(struct nt_join_server *s, const struct nt_end *server)
{
	struct nt_join_pod *oldest = NULL;

	for (size_t i = 0; i < s->pods_len; i++) {
		struct nt_join_pod *pod = &s->pods[i];

		if (pod->pod == server->pod && pod->node == server->node)
			return pod;
		if (!oldest || pod->met_us < oldest->met_us)
			oldest = pod;
	}
	if (s->pods_len < NT_JOIN_PODS)
		oldest = &s->pods[s->pods_len++];
	else if (oldest->met_us + NT_JOIN_MEMORY_US > server->start_us)
		s->crowded = true;
	*oldest = (struct nt_join_pod){ .pod = server->pod, .node = server->node };
	return oldest;
}

void nt_peers_met(struct nt_join_peers *p, const struct nt_end *client, const struct nt_end *server)
{
	struct nt_join_server *s = get_server(p, &client->server);
	struct nt_join_pod *pod = get_pod(s, server);

	if (pod->met_us < client->start_us)
		pod->met_us = client->start_us;
}

void nt_peers_unmet(struct nt_join_peers *p, const struct nt_end *client)
{
	struct nt_join_server *s = find_server(p, &client->server);

	if (s && s->unmet_us < client->start_us)
		s->unmet_us = client->start_us;
}

/* Not so long ago that others may answer there now. */
static bool is_behind(const struct nt_join_pod *pod, const struct nt_end *client)
{
	return pod->met_us + NT_JOIN_MEMORY_US >= client->start_us;
}

enum nt_join_behind nt_peers_behind(const struct nt_join_peers *p, const struct nt_end *client,
				    const struct nt_end *server)
{
	const struct nt_join_server *s = find_server(p, &client->server);
	enum nt_join_behind behind = NT_BEHIND_UNKNOWN;

	for (size_t i = 0; s && i < s->pods_len; i++) {
		const struct nt_join_pod *pod = &s->pods[i];

		if (!is_behind(pod, client))
			continue;
		if (pod->pod == server->pod && pod->node == server->node)
			return NT_BEHIND_IT;
		behind = NT_BEHIND_OTHERS;
	}
	return s && s->crowded ? NT_BEHIND_UNKNOWN : behind;
}

static bool off(const struct nt_join_node *a, const struct nt_join_node *b)
{
	return llabs(offset_of(a) - offset_of(b)) > NT_JOIN_CLOCK_US;
}

static const char *unsure_of(const struct nt_join_peers *p, const struct nt_join_pod *pod,
			     const struct nt_end *client)
{
	const struct nt_join_node *n = find_node(p, pod->node), *own = find_node(p, client->node);

	if (!n || !own)
		return NT_JOIN_SILENT;
	if (off(n, own))
		return NT_JOIN_CLOCK;
	/* When the client's node gave it up, the server's had, too. */
	if (n->told_us[NT_JOIN_TOLD - 1] < client->told_us + NT_JOIN_CLOCK_US)
		return nt_peers_is_aged(p, client) ? NT_JOIN_SILENT : NT_JOIN_NOT_TOLD;
	if (n->hole_us && n->hole_us + NT_JOIN_MEMORY_US > client->start_us)
		return NT_JOIN_LOST;
	return nt_losses_missing(&p->losses, pod->pod, client->start_us, client->end_us);
}

const char *nt_peers_unsure(const struct nt_join_peers *p, const struct nt_end *client)
{
	const struct nt_join_server *s = find_server(p, &client->server);
	const char *reason = NT_JOIN_NOT_TAPPED;

	if (!s || s->crowded || (s->unmet_us && s->unmet_us + NT_JOIN_MEMORY_US > client->start_us))
		return reason;
	for (size_t i = 0; i < s->pods_len; i++) {
		if (!is_behind(&s->pods[i], client))
			continue;
		reason = unsure_of(p, &s->pods[i], client);
		if (reason)
			return reason;
	}
	return reason;
}
