/* SPDX-License-Identifier: Apache-2.0 */
/* Pods, Services and addresses, sorted for finding. */
#include "controller/enrich/index.h"

#include <stdlib.h>

/* Names of Services and lists per pod: 100,000 pods in two Services each take a tenth of it. */
enum { INDEX_BYTES_MAX = 64 << 20 };

static struct nt_slice full_name(struct nt_arena *arena, const struct nt_object *o)
{
	size_t len = o->namespace_.len + 1 + o->name.len;
	char *p = nt_arena_alloc(arena, len);

	if (!p)
		return (struct nt_slice){ 0 };
	memcpy(p, o->namespace_.p, o->namespace_.len);
	p[o->namespace_.len] = '/';
	memcpy(p + o->namespace_.len + 1, o->name.p, o->name.len);
	return nt_slice_mem(p, len);
}

static int add_address(struct nt_enrich_index *x, struct nt_enrich_address a)
{
	if (x->addresses_len == x->addresses_cap) {
		size_t cap = x->addresses_cap ? x->addresses_cap * 2 : 64;
		struct nt_enrich_address *p = reallocarray(x->addresses, cap, sizeof(*p));

		if (!p)
			return -ENOMEM;
		x->addresses = p;
		x->addresses_cap = cap;
	}
	x->addresses[x->addresses_len++] = a;
	return 0;
}

/* The node's address is not the pod's, and that of a pod that has ended is somebody else's. */
static bool owns_its_address(const struct nt_object *object)
{
	const struct nt_object_pod *pod = nt_object_pod(object);

	return pod && !pod->host_network && pod->phase != NT_POD_SUCCEEDED &&
	       pod->phase != NT_POD_FAILED;
}

static int add_pods(struct nt_enrich_index *x)
{
	size_t n = nt_objects_count(x->objects, NT_SLICE_LIT("Pod"));
	struct nt_addr ip;

	x->pods = calloc(n + 1, sizeof(*x->pods));
	if (!x->pods)
		return -ENOMEM;
	for (; x->pods_len < n; x->pods_len++) {
		struct nt_enrich_pod *pod = &x->pods[x->pods_len];

		pod->object = nt_objects_at(x->objects, NT_SLICE_LIT("Pod"), x->pods_len);
		if (!owns_its_address(pod->object))
			continue;
		for (size_t i = 0; nt_object_ip_at(pod->object, i, &ip); i++)
			if (add_address(x, (struct nt_enrich_address){ ip, pod, NULL }) < 0)
				return -ENOMEM;
	}
	return 0;
}

static int add_services(struct nt_enrich_index *x)
{
	size_t n = nt_objects_count(x->objects, NT_SLICE_LIT("Service"));
	struct nt_addr ip;

	x->services = calloc(n + 1, sizeof(*x->services));
	if (!x->services)
		return -ENOMEM;
	for (; x->services_len < n; x->services_len++) {
		struct nt_enrich_service *s = &x->services[x->services_len];

		s->object = nt_objects_at(x->objects, NT_SLICE_LIT("Service"), x->services_len);
		s->full_name = full_name(&x->arena, s->object);
		if (!s->full_name.p)
			return -ENOMEM;
		for (size_t i = 0; nt_object_ip_at(s->object, i, &ip); i++)
			if (add_address(x, (struct nt_enrich_address){ ip, NULL, s }) < 0)
				return -ENOMEM;
	}
	return 0;
}

static int compare_addresses(const void *a, const void *b)
{
	return memcmp(&((const struct nt_enrich_address *)a)->ip,
		      &((const struct nt_enrich_address *)b)->ip, sizeof(struct nt_addr));
}

/* An address of two owners is nobody's. */
static void drop_shared_addresses(struct nt_enrich_index *x)
{
	size_t kept = 0, end;

	for (size_t i = 0; i < x->addresses_len; i = end) {
		const struct nt_enrich_address *a = &x->addresses[i];
		bool shared = false;

		for (end = i + 1; end < x->addresses_len; end++) {
			const struct nt_enrich_address *b = &x->addresses[end];

			if (!nt_addr_eq(&a->ip, &b->ip))
				break;
			shared = shared || a->pod != b->pod || a->service != b->service;
		}
		if (!shared)
			x->addresses[kept++] = *a;
	}
	x->addresses_len = kept;
}

int nt_enrich_index_init(struct nt_enrich_index *x, const struct nt_objects *objects)
{
	*x = (struct nt_enrich_index){ .objects = objects, .arena = NT_ARENA(INDEX_BYTES_MAX) };
	if (add_pods(x) < 0 || add_services(x) < 0)
		return -ENOMEM;
	if (x->addresses_len)
		qsort(x->addresses, x->addresses_len, sizeof(*x->addresses), compare_addresses);
	drop_shared_addresses(x);
	return 0;
}

void nt_enrich_index_done(struct nt_enrich_index *x)
{
	free(x->pods);
	free(x->services);
	free(x->addresses);
	nt_arena_done(&x->arena);
	*x = (struct nt_enrich_index){ 0 };
}

static int compare_slices(struct nt_slice a, struct nt_slice b)
{
	size_t n = a.len < b.len ? a.len : b.len;
	int r = n ? memcmp(a.p, b.p, n) : 0;

	return r ? r : (a.len > b.len) - (a.len < b.len);
}

static int compare_names(const struct nt_object *o, struct nt_slice namespace_,
			 struct nt_slice name)
{
	int r = compare_slices(o->namespace_, namespace_);

	return r ? r : compare_slices(o->name, name);
}

struct nt_enrich_pod *nt_enrich_index_pod(const struct nt_enrich_index *x,
					  struct nt_slice namespace_, struct nt_slice name)
{
	size_t low = 0, high = x->pods_len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int r = compare_names(x->pods[middle].object, namespace_, name);

		if (r == 0)
			return &x->pods[middle];
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct nt_enrich_address *nt_enrich_index_address(const struct nt_enrich_index *x,
							const struct nt_addr *ip)
{
	struct nt_enrich_address key = { .ip = *ip };

	if (!x->addresses_len)
		return NULL;
	return bsearch(&key, x->addresses, x->addresses_len, sizeof(key), compare_addresses);
}

/* Services of a namespace stand together: the first of them. */
static size_t first_service(const struct nt_enrich_index *x, struct nt_slice namespace_)
{
	size_t low = 0, high = x->services_len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (compare_slices(x->services[middle].object->namespace_, namespace_) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* The next Service from *position on that selects the pod; NULL at the end of its namespace. */
static const struct nt_enrich_service *next_service(const struct nt_enrich_index *x,
						    const struct nt_object *pod, size_t *position)
{
	while (*position < x->services_len) {
		const struct nt_enrich_service *s = &x->services[(*position)++];

		if (!nt_slice_eq(s->object->namespace_, pod->namespace_))
			return NULL;
		if (nt_object_service_selects(s->object, pod))
			return s;
	}
	return NULL;
}

int nt_enrich_index_derive(struct nt_enrich_index *x, struct nt_enrich_pod *pod)
{
	size_t first = first_service(x, pod->object->namespace_), at = first, n = 0;
	const struct nt_enrich_service *s;

	if (pod->derived)
		return 0;
	while (next_service(x, pod->object, &at))
		n++;
	pod->services = n ? nt_arena_alloc(&x->arena, n * sizeof(*pod->services)) : NULL;
	if (n && !pod->services)
		return -ENOMEM;
	pod->services_len = 0;
	for (at = first; pod->services_len < n && (s = next_service(x, pod->object, &at));)
		pod->services[pod->services_len++] = s->full_name;
	pod->workload = nt_object_workload(x->objects, pod->object);
	pod->derived = true;
	return 0;
}

/* By the number that clients use, or the one at the pod. */
static bool has_port(const struct nt_object *service, uint16_t port)
{
	const struct nt_object_service *s = nt_object_service(service);

	for (size_t i = 0; s && i < s->ports_len; i++)
		if (s->ports[i].port == port || s->ports[i].target == port)
			return true;
	return false;
}

static const struct nt_enrich_service *find_by_port(const struct nt_enrich_index *x,
						    const struct nt_object *pod, uint16_t port)
{
	size_t at = first_service(x, pod->namespace_);
	const struct nt_enrich_service *s, *found = NULL;

	while ((s = next_service(x, pod, &at))) {
		if (!has_port(s->object, port))
			continue;
		if (found)
			return NULL;
		found = s;
	}
	return found;
}

const struct nt_enrich_service *nt_enrich_index_service_of(const struct nt_enrich_index *x,
							   struct nt_enrich_pod *pod, uint16_t port)
{
	if (pod->port != port || !pod->port_known) {
		pod->port_service = find_by_port(x, pod->object, port);
		pod->port = port;
		pod->port_known = true;
	}
	return pod->port_service;
}
