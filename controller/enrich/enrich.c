/* SPDX-License-Identifier: Apache-2.0 */
/* Client and servers of a record from the index of objects. */
#include "controller/enrich/enrich.h"

#include <stdlib.h>

#include "controller/enrich/index.h"
#include "lib/base/cleanup.h"
#include "lib/record/aggregate.h"

struct nt_enrich {
	struct nt_objects *objects;
	struct nt_clock *clock;
	struct nt_enrich_index index;
	struct nt_enrich_stats stats; /* the counters of it */
};

static int64_t now_us(const struct nt_enrich *e)
{
	return nt_clock_real(e->clock) / NT_NS_PER_US;
}

static void on_change(void *ctx, const struct nt_object *before, const struct nt_object *after)
{
	struct nt_enrich *e = ctx;

	nt_enrich_index_change(&e->index, before, after, now_us(e));
}

static void free_enrichp(struct nt_enrich **e)
{
	nt_enrich_free(*e);
}

int nt_enrich_new(struct nt_objects *objects, struct nt_clock *clock, struct nt_enrich **ret_enrich,
		  struct nt_err *err)
{
	_cleanup_(free_enrichp) struct nt_enrich *e = calloc(1, sizeof(*e));

	if (!e)
		return nt_err_set(err, ENOMEM, "no memory for enrichment");
	e->objects = objects;
	e->clock = clock;
	if (nt_enrich_index_init(&e->index, objects) < 0)
		return nt_err_set(err, ENOMEM, "no memory for the index of objects");
	nt_objects_listen(objects, on_change, e);
	*ret_enrich = NT_TAKE_PTR(e);
	return 0;
}

void nt_enrich_free(struct nt_enrich *e)
{
	if (!e)
		return;
	nt_objects_listen(e->objects, NULL, NULL);
	nt_enrich_index_done(&e->index);
	free(e);
}

void nt_enrich_tick(struct nt_enrich *e)
{
	nt_enrich_pods_forget(&e->index.pods, &e->index.addresses, now_us(e));
}

struct nt_enrich_stats nt_enrich_stats(const struct nt_enrich *e)
{
	struct nt_enrich_stats s = e->stats;

	s.gone = e->index.pods.gone_len;
	s.pods = e->index.pods.table.len - s.gone;
	s.gone_early = e->index.pods.gone_early;
	s.lost = e->index.lost;
	return s;
}

static int copy_labels(struct nt_arena *arena, const struct nt_object *o,
		       struct nt_label **ret_labels)
{
	struct nt_label *out = nt_arena_alloc(arena, o->labels_len * sizeof(*out));

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < o->labels_len; i++) {
		out[i].key = nt_arena_copy(arena, o->labels[i].key);
		out[i].value = nt_arena_copy(arena, o->labels[i].value);
		if (!out[i].key.p || !out[i].value.p)
			return -ENOMEM;
	}
	*ret_labels = out;
	return 0;
}

/* --- clients ---------------------------------------------------------------------------------- */

static struct nt_slice service_name(const struct nt_enrich_pod *pod, size_t i)
{
	return nt_enrich_pod_is_gone(pod) ? pod->service_names[i] : pod->services[i]->full_name;
}

static int copy_services(struct nt_arena *arena, const struct nt_enrich_pod *pod,
			 struct nt_slice **ret_services)
{
	struct nt_slice *out = nt_arena_alloc(arena, pod->services_len * sizeof(*out));

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < pod->services_len; i++) {
		out[i] = nt_arena_copy(arena, service_name(pod, i));
		if (!out[i].p)
			return -ENOMEM;
	}
	*ret_services = out;
	return 0;
}

static int set_client(struct nt_arena *arena, const struct nt_enrich_pod *pod, struct nt_record *r)
{
	struct nt_slice kind = nt_arena_copy(arena, pod->workload.kind);
	struct nt_slice name = nt_arena_copy(arena, pod->workload.name);
	struct nt_slice *services;
	struct nt_label *labels;

	if (!kind.p || !name.p || copy_services(arena, pod, &services) < 0 ||
	    copy_labels(arena, pod->object, &labels) < 0)
		return -ENOMEM;
	r->client_workload_kind = kind;
	r->client_workload_name = name;
	r->client_services = services;
	r->client_services_len = pod->services_len;
	r->client_labels = labels;
	r->client_labels_len = pod->object->labels_len;
	return 0;
}

/* The runtime knows a static pod by the hash of its configuration, everybody else by its mirror. */
static int set_uid(struct nt_arena *arena, const struct nt_object *o, struct nt_slice *uid)
{
	const struct nt_object_pod *pod = nt_object_pod(o);
	struct nt_slice copy;

	if (!pod || !pod->static_hash.len || !o->uid.len || !nt_slice_eq(*uid, pod->static_hash))
		return 0;
	copy = nt_arena_copy(arena, o->uid);
	if (!copy.p)
		return -ENOMEM;
	*uid = copy;
	return 0;
}

static struct nt_enrich_identity client_of(const struct nt_record *r)
{
	return (struct nt_enrich_identity){ r->client_namespace, r->client_name, r->client_uid,
					    r->node };
}

static struct nt_enrich_pod *find_client(const struct nt_enrich *e, const struct nt_record *r)
{
	const struct nt_enrich_identity who = client_of(r);

	return nt_enrich_index_pod(&e->index, &who, r->start_us);
}

static void count_stranger(struct nt_enrich *e, const struct nt_record *r)
{
	struct nt_enrich_identity who = client_of(r);

	if (nt_enrich_index_any_pod(&e->index, &who)) {
		e->stats.rows_other++;
		return;
	}
	who.node = (struct nt_slice){ 0 };
	if (nt_enrich_index_any_pod(&e->index, &who))
		e->stats.rows_elsewhere++;
	else
		e->stats.rows_unknown++;
}

static void count_client(struct nt_enrich *e, const struct nt_record *r,
			 const struct nt_enrich_pod *pod)
{
	if (!pod)
		count_stranger(e, r);
	else if (nt_enrich_pod_is_gone(pod))
		e->stats.rows_gone++;
	else
		e->stats.rows_there++;
}

static int enrich_client(struct nt_enrich *e, struct nt_arena *arena, struct nt_record *r)
{
	struct nt_enrich_pod *pod;
	int result;

	if (!r->client_name.len)
		return 0;
	pod = find_client(e, r);
	count_client(e, r, pod);
	if (!pod)
		return 0;
	result = nt_enrich_index_derive(&e->index, pod);
	if (result == 0)
		result = set_client(arena, pod, r);
	return result == 0 ? set_uid(arena, pod->object, &r->client_uid) : result;
}

static struct nt_enrich_identity endpoint_of(struct nt_slice node,
					     const struct nt_batch_endpoint *endpoint)
{
	return (struct nt_enrich_identity){ endpoint->namespace_, endpoint->name, endpoint->uid,
					    node };
}

int nt_enrich_endpoint(struct nt_enrich *e, struct nt_arena *arena, struct nt_slice node,
		       struct nt_batch_endpoint *endpoint)
{
	const struct nt_enrich_identity who = endpoint_of(node, endpoint);
	const struct nt_enrich_pod *pod = nt_enrich_index_pod(&e->index, &who, endpoint->since_us);

	return pod ? set_uid(arena, pod->object, &endpoint->uid) : 0;
}

struct nt_slice nt_enrich_record_elsewhere(const struct nt_enrich *e, const struct nt_record *r)
{
	const struct nt_enrich_identity who = client_of(r);

	return nt_enrich_index_other_node(&e->index, &who);
}

struct nt_slice nt_enrich_endpoint_elsewhere(const struct nt_enrich *e, struct nt_slice node,
					     const struct nt_batch_endpoint *endpoint)
{
	const struct nt_enrich_identity who = endpoint_of(node, endpoint);

	return nt_enrich_index_other_node(&e->index, &who);
}

struct nt_enrich_holder nt_enrich_holder(const struct nt_enrich *e, const struct nt_addr *ip,
					 struct nt_slice node)
{
	return nt_enrich_index_holder(&e->index, ip, node);
}

/* As the agent that saw it calls it, whose node it is on. */
static struct nt_enrich_identity server_of(const struct nt_record *r, const struct nt_server *s)
{
	return (struct nt_enrich_identity){ .namespace_ = s->namespace_,
					    .name = s->name,
					    .node = r->node };
}

bool nt_enrich_server_elsewhere(const struct nt_enrich *e, const struct nt_record *r, int64_t at_us,
				struct nt_enrich_holder *ret_holder)
{
	struct nt_enrich_identity who;

	if (r->side != NT_SIDE_SERVER || !r->servers_len)
		return false;
	who = server_of(r, &r->servers[0]);
	if (nt_enrich_index_any_pod(&e->index, &who))
		return false;
	*ret_holder = nt_enrich_index_holder(&e->index, &r->servers[0].ip, r->node);
	return at_us >= ret_holder->from_us;
}

bool nt_enrich_awaits(const struct nt_enrich *e, const struct nt_record *r)
{
	return r->side == NT_SIDE_CLIENT && r->client_name.len && r->client_uid.len &&
	       !find_client(e, r);
}

/* --- servers ---------------------------------------------------------------------------------- */

/* What is said of a server that is a pod. service: empty when none is certain. */
static int set_server_pod(struct nt_arena *arena, const struct nt_object *o,
			  struct nt_slice service, struct nt_server *server)
{
	struct nt_server new = { .ip = server->ip, .port = server->port };

	new.name = nt_arena_copy(arena, o->name);
	new.namespace_ = nt_arena_copy(arena, o->namespace_);
	if (service.len)
		new.service = nt_arena_copy(arena, service);
	if (!new.name.p || !new.namespace_.p || (service.len && !new.service.p) ||
	    nt_record_name_aggr(new.name, arena, &new.name_aggr) < 0 ||
	    copy_labels(arena, o, &new.labels) < 0)
		return -ENOMEM;
	new.labels_len = o->labels_len;
	*server = new;
	return 0;
}

/* The Service that selects it and has the port; else the one that lists it, without a selector or
 * with a port that has only a name. */
static struct nt_slice service_of(struct nt_enrich *e, struct nt_enrich_pod *pod,
				  const struct nt_server *server, int64_t at_us)
{
	const struct nt_enrich_service *service =
		nt_enrich_index_service_of(&e->index, pod, server->port);

	if (service)
		return service->full_name;
	return nt_enrich_index_endpoint(&e->index, &server->ip, server->port, at_us).service;
}

static int set_server_service(struct nt_arena *arena, struct nt_slice full_name,
			      struct nt_server *server)
{
	struct nt_slice copy = nt_arena_copy(arena, full_name);

	if (!copy.p)
		return -ENOMEM;
	server->service = copy;
	server->namespace_ =
		nt_slice_mem(copy.p, (size_t)((char *)memchr(copy.p, '/', copy.len) - copy.p));
	return 0;
}

static int enrich_by_address(struct nt_enrich *e, struct nt_arena *arena, int64_t at_us,
			     struct nt_server *server)
{
	struct nt_enrich_at at = nt_enrich_index_address(&e->index, &server->ip, at_us);
	struct nt_enrich_endpoint endpoint;

	server->name = NT_SLICE_LIT("-");
	server->name_aggr =
		nt_addr_is_private(&server->ip) ? NT_SLICE_LIT("pvt") : NT_SLICE_LIT("pub");
	if (at.pod)
		return set_server_pod(arena, at.pod->object, service_of(e, at.pod, server, at_us),
				      server);
	if (at.service)
		return set_server_service(arena, at.service->full_name, server);
	endpoint = nt_enrich_index_endpoint(&e->index, &server->ip, server->port, at_us);
	if (endpoint.pod)
		return set_server_pod(arena, endpoint.pod->object, endpoint.service, server);
	return endpoint.service.len ? set_server_service(arena, endpoint.service, server) : 0;
}

/* A pod object that has addresses, none of them this one, is another pod of that name. */
static bool may_have_address(const struct nt_object *pod, const struct nt_addr *ip)
{
	struct nt_addr own;

	return nt_object_has_ip(pod, ip) || !nt_object_ip_at(pod, 0, &own);
}

/* The pod whose veth saw the query is the server; the agent knows its name from CNI ADD. */
static int enrich_by_name(struct nt_enrich *e, struct nt_arena *arena, const struct nt_record *r,
			  struct nt_server *server)
{
	const struct nt_enrich_identity who = server_of(r, server);
	struct nt_enrich_pod *pod = nt_enrich_index_pod(&e->index, &who, r->start_us);

	if (!pod || !may_have_address(pod->object, &server->ip))
		return 0;
	return set_server_pod(arena, pod->object, service_of(e, pod, server, r->start_us), server);
}

int nt_enrich_record(struct nt_enrich *e, struct nt_arena *arena, struct nt_record *r)
{
	int result = 0;

	if (r->side == NT_SIDE_CLIENT)
		result = enrich_client(e, arena, r);
	for (size_t i = 0; i < r->servers_len; i++) {
		struct nt_server *server = &r->servers[i];
		bool named = r->side == NT_SIDE_SERVER && server->name.len &&
			     !nt_slice_eq(server->name, NT_SLICE_LIT("-"));
		int one = named ? enrich_by_name(e, arena, r, server)
				: enrich_by_address(e, arena, r->start_us, server);

		result = one < 0 ? one : result;
	}
	return result;
}
