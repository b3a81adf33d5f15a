/* SPDX-License-Identifier: Apache-2.0 */
/* What the join knows of nodes and servers: enough to say that nobody saw a lookup, or why not. */
#include "controller/store/join_own.h"

#include <stdlib.h>

#define SECOND_US 1000000LL

int nt_peers_init(struct nt_join_peers *p)
{
	p->nodes = calloc(NT_JOIN_NODES, sizeof(*p->nodes));
	p->servers = calloc(NT_JOIN_SERVERS, sizeof(*p->servers));
	p->losses = calloc(NT_JOIN_LOSSES, sizeof(*p->losses));
	return p->nodes && p->servers && p->losses ? 0 : -ENOMEM;
}

void nt_peers_done(struct nt_join_peers *p)
{
	free(p->nodes);
	free(p->servers);
	free(p->losses);
}

void nt_peers_clear(struct nt_join_peers *p)
{
	p->nodes_len = p->servers_len = 0;
	p->losses_len = 0;
	p->lost_us = 0;
}

/* --- nodes ------------------------------------------------------------------------------------ */

uint32_t nt_peers_node(struct nt_join_peers *p, uint64_t name)
{
	for (size_t i = 0; i < p->nodes_len; i++)
		if (p->nodes[i].name == name)
			return (uint32_t)i;
	if (p->nodes_len == NT_JOIN_NODES)
		return NT_JOIN_NO_NODE;
	p->nodes[p->nodes_len] = (struct nt_join_node){ .name = name };
	return (uint32_t)p->nodes_len++;
}

void nt_peers_batch(struct nt_join_peers *p, uint32_t node, uint64_t spool,
		    const struct nt_batch *b)
{
	struct nt_join_node *n;

	if (node == NT_JOIN_NO_NODE)
		return;
	n = &p->nodes[node];
	n->offset_us = b->clock_offset_us;
	if (n->seq && (n->spool != spool || b->seq != n->seq + 1))
		n->hole_us = b->created_us;
	n->spool = spool;
	n->seq = b->seq;
	if (b->created_us < n->told_us[0])
		return;
	memmove(n->told_us + 1, n->told_us, sizeof(n->told_us) - sizeof(*n->told_us));
	n->told_us[0] = b->created_us;
}

/* --- losses ----------------------------------------------------------------------------------- */

static size_t losses_kept(const struct nt_join_peers *p)
{
	return p->losses_len < NT_JOIN_LOSSES ? p->losses_len : NT_JOIN_LOSSES;
}

void nt_peers_lost(struct nt_join_peers *p, const struct nt_join_loss *loss)
{
	struct nt_join_loss *at = &p->losses[p->losses_len % NT_JOIN_LOSSES];
	size_t kept = losses_kept(p);

	/* A gap that lasted comes again with its end. */
	for (size_t i = 0; loss->gap && i < kept; i++) {
		struct nt_join_loss *old = &p->losses[i];

		if (old->gap && old->pod == loss->pod && old->from_us == loss->from_us) {
			*old = *loss;
			return;
		}
	}
	if (kept == NT_JOIN_LOSSES && at->to_us > p->lost_us)
		p->lost_us = at->to_us;
	*at = *loss;
	p->losses_len++;
}

const char *nt_peers_missing(const struct nt_join_peers *p, uint64_t pod, int64_t from_us,
			     int64_t to_us)
{
	size_t kept = losses_kept(p);

	/* The times of losses are those of flushes. */
	from_us -= SECOND_US;
	to_us += SECOND_US;
	for (size_t i = 0; i < kept; i++) {
		const struct nt_join_loss *l = &p->losses[i];

		if (l->pod == pod && l->from_us <= to_us && l->to_us >= from_us)
			return l->gap ? NT_JOIN_GAP : NT_JOIN_LOST;
	}
	return p->lost_us >= from_us ? NT_JOIN_LOST : NULL;
}

/* --- servers ---------------------------------------------------------------------------------- */

static struct nt_join_server *find_server(const struct nt_join_peers *p, const struct nt_addr *ip)
{
	for (size_t i = 0; i < p->servers_len; i++)
		if (nt_addr_eq(&p->servers[i].ip, ip))
			return &p->servers[i];
	return NULL;
}

static struct nt_join_server *get_server(struct nt_join_peers *p, const struct nt_addr *ip)
{
	struct nt_join_server *s = find_server(p, ip);

	if (s || p->servers_len == NT_JOIN_SERVERS)
		return s;
	s = &p->servers[p->servers_len++];
	s->ip = *ip;
	s->pods_len = 0;
	s->crowded = false;
	s->unmet_us = 0;
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
	struct nt_join_pod *pod = s ? get_pod(s, server) : NULL;

	if (pod && pod->met_us < client->start_us)
		pod->met_us = client->start_us;
}

void nt_peers_unmet(struct nt_join_peers *p, const struct nt_end *client)
{
	struct nt_join_server *s = find_server(p, &client->server);

	if (s && s->unmet_us < client->start_us)
		s->unmet_us = client->start_us;
}

static bool off(const struct nt_join_node *a, const struct nt_join_node *b)
{
	return llabs(a->offset_us - b->offset_us) > NT_JOIN_CLOCK_US;
}

static const char *unsure_of(const struct nt_join_peers *p, const struct nt_join_pod *pod,
			     const struct nt_end *client)
{
	const struct nt_join_node *n = &p->nodes[pod->node], *own = &p->nodes[client->node];

	if (off(n, own))
		return NT_JOIN_CLOCK;
	/* When the client's node gave it up, the server's had, too. */
	if (n->told_us[NT_JOIN_TOLD - 1] < client->told_us + NT_JOIN_CLOCK_US)
		return NT_JOIN_NOT_TOLD;
	if (n->hole_us && n->hole_us + NT_JOIN_MEMORY_US > client->start_us)
		return NT_JOIN_LOST;
	return nt_peers_missing(p, pod->pod, client->start_us, client->end_us);
}

const char *nt_peers_unsure(const struct nt_join_peers *p, const struct nt_end *client)
{
	const struct nt_join_server *s = find_server(p, &client->server);
	const char *reason = NT_JOIN_NOT_TAPPED;

	if (!s || s->crowded || client->node == NT_JOIN_NO_NODE ||
	    (s->unmet_us && s->unmet_us + NT_JOIN_MEMORY_US > client->start_us))
		return reason;
	for (size_t i = 0; i < s->pods_len; i++) {
		const struct nt_join_pod *pod = &s->pods[i];

		if (pod->met_us + NT_JOIN_MEMORY_US < client->start_us)
			continue;
		if (pod->node == NT_JOIN_NO_NODE)
			return NT_JOIN_NOT_TAPPED;
		reason = unsure_of(p, pod, client);
		if (reason)
			return reason;
	}
	return reason;
}
