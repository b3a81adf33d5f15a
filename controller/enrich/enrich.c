/* SPDX-License-Identifier: Apache-2.0 */
/* Client and servers of a record from the index of objects. */
#include "controller/enrich/enrich.h"

#include <stdlib.h>

#include "controller/enrich/index.h"
#include "lib/base/cleanup.h"
#include "lib/record/aggregate.h"

struct nt_enrich {
	const struct nt_objects *objects;
	struct nt_enrich_index index;
	uint64_t generation; /* of the index; 0: there is none */
};

int nt_enrich_new(const struct nt_objects *objects, struct nt_enrich **ret_enrich,
		  struct nt_err *err)
{
	struct nt_enrich *e = calloc(1, sizeof(*e));

	if (!e)
		return nt_err_set(err, ENOMEM, "no memory for enrichment");
	e->objects = objects;
	*ret_enrich = e;
	return 0;
}

void nt_enrich_free(struct nt_enrich *e)
{
	if (!e)
		return;
	nt_enrich_index_done(&e->index);
	free(e);
}

static int refresh(struct nt_enrich *e)
{
	uint64_t now = nt_objects_generation(e->objects);

	if (e->generation == now)
		return 0;
	nt_enrich_index_done(&e->index);
	e->generation = 0;
	if (nt_enrich_index_init(&e->index, e->objects) < 0) {
		nt_enrich_index_done(&e->index);
		return -ENOMEM;
	}
	e->generation = now;
	return 0;
}

/* Was it there at that time? An address, and a name too, may have had another owner before. Objects
 * count in whole seconds, rounded down. */
static bool existed(const struct nt_object *o, int64_t at_us)
{
	const struct nt_object_pod *pod = nt_object_pod(o);
	int64_t since_us = pod && pod->started_us ? pod->started_us : o->created_us;

	return since_us <= at_us;
}

/* Where one of the two has no UID, namespace, name and time have to do. */
static bool same_pod(const struct nt_object *pod, const struct nt_record *r)
{
	if (!r->client_uid.len || !pod->uid.len)
		return existed(pod, r->start_us);
	return nt_object_has_uid(pod, r->client_uid);
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

static int copy_services(struct nt_arena *arena, const struct nt_enrich_pod *pod,
			 struct nt_slice **ret_services)
{
	struct nt_slice *out = nt_arena_alloc(arena, pod->services_len * sizeof(*out));

	if (!out)
		return -ENOMEM;
	for (size_t i = 0; i < pod->services_len; i++) {
		out[i] = nt_arena_copy(arena, pod->services[i]);
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

static int enrich_client(struct nt_enrich *e, struct nt_arena *arena, struct nt_record *r)
{
	struct nt_enrich_pod *pod;

	if (!r->client_name.len)
		return 0;
	pod = nt_enrich_index_pod(&e->index, r->client_namespace, r->client_name);
	if (!pod || !same_pod(pod->object, r))
		return 0;
	if (nt_enrich_index_derive(&e->index, pod) < 0)
		return -ENOMEM;
	return set_client(arena, pod, r);
}

static int set_server_pod(struct nt_enrich *e, struct nt_arena *arena, struct nt_enrich_pod *pod,
			  struct nt_server *server)
{
	const struct nt_enrich_service *service =
		nt_enrich_index_service_of(&e->index, pod, server->port);
	struct nt_server new = { .ip = server->ip, .port = server->port };

	new.name = nt_arena_copy(arena, pod->object->name);
	new.namespace_ = nt_arena_copy(arena, pod->object->namespace_);
	if (service)
		new.service = nt_arena_copy(arena, service->full_name);
	if (!new.name.p || !new.namespace_.p || (service && !new.service.p) ||
	    nt_record_name_aggr(new.name, arena, &new.name_aggr) < 0 ||
	    copy_labels(arena, pod->object, &new.labels) < 0)
		return -ENOMEM;
	new.labels_len = pod->object->labels_len;
	*server = new;
	return 0;
}

static int set_server_service(struct nt_arena *arena, const struct nt_enrich_service *service,
			      struct nt_server *server)
{
	struct nt_slice full_name = nt_arena_copy(arena, service->full_name);

	if (!full_name.p)
		return -ENOMEM;
	server->service = full_name;
	server->namespace_ = nt_slice_mem(full_name.p, service->object->namespace_.len);
	return 0;
}

static int enrich_by_address(struct nt_enrich *e, struct nt_arena *arena, int64_t at_us,
			     struct nt_server *server)
{
	const struct nt_enrich_address *a = nt_enrich_index_address(&e->index, &server->ip);

	server->name = NT_SLICE_LIT("-");
	server->name_aggr =
		nt_addr_is_private(&server->ip) ? NT_SLICE_LIT("pvt") : NT_SLICE_LIT("pub");
	if (!a || !existed(a->pod ? a->pod->object : a->service->object, at_us))
		return 0;
	if (a->pod)
		return set_server_pod(e, arena, a->pod, server);
	return set_server_service(arena, a->service, server);
}

/* A pod object that has addresses, none of them this one, is another pod of that name. */
static bool may_have_address(const struct nt_object *pod, const struct nt_addr *ip)
{
	struct nt_addr own;

	for (size_t i = 0; nt_object_ip_at(pod, i, &own); i++)
		if (nt_addr_eq(&own, ip))
			return true;
	return !nt_object_ip_at(pod, 0, &own);
}

/* The pod whose veth saw the query is the server; the agent knows its name from CNI ADD. */
static int enrich_by_name(struct nt_enrich *e, struct nt_arena *arena, int64_t at_us,
			  struct nt_server *server)
{
	struct nt_enrich_pod *pod =
		nt_enrich_index_pod(&e->index, server->namespace_, server->name);

	if (!pod || !may_have_address(pod->object, &server->ip) || !existed(pod->object, at_us))
		return 0;
	return set_server_pod(e, arena, pod, server);
}

int nt_enrich_record(struct nt_enrich *e, struct nt_arena *arena, struct nt_record *r)
{
	int result = refresh(e);

	if (result < 0)
		return result;
	if (r->side == NT_SIDE_CLIENT)
		result = enrich_client(e, arena, r);
	for (size_t i = 0; i < r->servers_len; i++) {
		struct nt_server *server = &r->servers[i];
		bool named = r->side == NT_SIDE_SERVER && server->name.len &&
			     !nt_slice_eq(server->name, NT_SLICE_LIT("-"));
		int one = named ? enrich_by_name(e, arena, r->start_us, server)
				: enrich_by_address(e, arena, r->start_us, server);

		result = one < 0 ? one : result;
	}
	return result;
}
