/* SPDX-License-Identifier: Apache-2.0 */
/* Services and the lists of their endpoints in hash tables. */
#include "controller/enrich/services.h"

#include <stdlib.h>
#include <sys/random.h>

struct namespace
{
	struct nt_hashtable_link link;
	struct nt_enrich_service *first; /* never NULL in the table */
};

int nt_enrich_services_init(struct nt_enrich_services *s)
{
	if (getrandom(&s->key, sizeof(s->key), 0) != sizeof(s->key))
		return -EIO;
	if (nt_hashtable_init(&s->services) < 0 || nt_hashtable_init(&s->namespaces) < 0 ||
	    nt_hashtable_init(&s->slices) < 0)
		return -ENOMEM;
	return 0;
}

static uint64_t hash_of(const struct nt_enrich_services *s, struct nt_slice namespace_,
			struct nt_slice name)
{
	return nt_hash(&s->key, nt_hash(&s->key, 0, namespace_), name);
}

static bool same_name(const struct nt_object *a, const struct nt_object *b)
{
	return nt_slice_eq(a->name, b->name) && nt_slice_eq(a->namespace_, b->namespace_) &&
	       nt_slice_eq(a->kind, b->kind);
}

static struct nt_slice put_full_name(char *to, struct nt_slice namespace_, struct nt_slice name)
{
	if (namespace_.len)
		memcpy(to, namespace_.p, namespace_.len);
	to[namespace_.len] = '/';
	memcpy(to + namespace_.len + 1, name.p, name.len);
	return nt_slice_mem(to, namespace_.len + 1 + name.len);
}

static void take_addresses(struct nt_enrich_addresses *a, struct nt_enrich_address *addresses,
			   size_t len)
{
	for (size_t i = 0; i < len; i++)
		nt_enrich_addresses_take(a, &addresses[i]);
}

/* --- namespaces ------------------------------------------------------------------------------- */

static struct namespace *find_namespace(const struct nt_enrich_services *s, struct nt_slice name)
{
	struct nt_hashtable_link *link = nt_hashtable_first(&s->namespaces, hash_of(s, name, name));

	for (; link; link = nt_hashtable_next(link)) {
		struct namespace *n = NT_HASHTABLE_ITEM(link, struct namespace, link);

		if (nt_slice_eq(n->first->object->namespace_, name))
			return n;
	}
	return NULL;
}

static int add_namespace(struct nt_enrich_services *s, struct nt_enrich_service *first)
{
	struct nt_slice name = first->object->namespace_;
	struct namespace *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->first = first;
	nt_hashtable_put(&s->namespaces, &n->link, hash_of(s, name, name));
	return 0;
}

static int put_in_namespace(struct nt_enrich_services *s, struct nt_enrich_service *service)
{
	struct namespace *n = find_namespace(s, service->object->namespace_);
	struct nt_enrich_service **at;

	if (!n)
		return add_namespace(s, service);
	at = &n->first;
	while (*at && nt_slice_compare((*at)->object->name, service->object->name) < 0)
		at = &(*at)->next;
	service->next = *at;
	*at = service;
	return 0;
}

static void take_from_namespace(struct nt_enrich_services *s, struct nt_enrich_service *service)
{
	struct namespace *n = find_namespace(s, service->object->namespace_);
	struct nt_enrich_service **at = &n->first;

	if (*at == service && !service->next) {
		nt_hashtable_take(&s->namespaces, &n->link);
		free(n);
		return;
	}
	while (*at != service)
		at = &(*at)->next;
	*at = service->next;
}

/* --- Services --------------------------------------------------------------------------------- */

static int put_service(struct nt_enrich_services *s, struct nt_enrich_addresses *a,
		       const struct nt_object *object)
{
	const struct nt_object_service *detail = nt_object_service(object);
	size_t n = detail ? detail->ips_len : 0;
	size_t fixed = sizeof(struct nt_enrich_service) + n * sizeof(struct nt_enrich_address);
	struct nt_enrich_service *service =
		calloc(1, fixed + object->namespace_.len + 1 + object->name.len);

	if (!service)
		return -ENOMEM;
	service->object = object;
	service->full_name =
		put_full_name((char *)service + fixed, object->namespace_, object->name);
	if (put_in_namespace(s, service) < 0) {
		free(service);
		return -ENOMEM;
	}
	(void)nt_object_ref(object);
	nt_hashtable_put(&s->services, &service->link,
			 hash_of(s, object->namespace_, object->name));
	for (; service->addresses_len < n; service->addresses_len++) {
		struct nt_enrich_address *address = &service->addresses[service->addresses_len];

		*address = (struct nt_enrich_address){ .ip = detail->ips[service->addresses_len],
						       .type = NT_ENRICH_SERVICE,
						       .owner = service };
		nt_enrich_addresses_put(a, address);
	}
	s->generation++;
	return 0;
}

static void drop_service(struct nt_enrich_services *s, struct nt_enrich_addresses *a,
			 struct nt_enrich_service *service)
{
	s->generation++;
	take_addresses(a, service->addresses, service->addresses_len);
	take_from_namespace(s, service);
	nt_hashtable_take(&s->services, &service->link);
	nt_object_unref(service->object);
	free(service);
}

/* --- lists of endpoints ----------------------------------------------------------------------- */

static int put_slice(struct nt_enrich_services *s, struct nt_enrich_addresses *a,
		     const struct nt_object *object)
{
	const struct nt_object_endpoints *detail = nt_object_endpoints(object);
	size_t n = detail && detail->service.len ? detail->endpoints_len : 0;
	size_t fixed = sizeof(struct nt_enrich_slice) + n * sizeof(struct nt_enrich_address);
	struct nt_enrich_slice *slice;

	if (!n)
		return 0; /* nobody's, or of nothing */
	slice = calloc(1, fixed + object->namespace_.len + 1 + detail->service.len);
	if (!slice)
		return -ENOMEM;
	slice->object = nt_object_ref(object);
	slice->service = put_full_name((char *)slice + fixed, object->namespace_, detail->service);
	nt_hashtable_put(&s->slices, &slice->link, hash_of(s, object->namespace_, object->name));
	for (; slice->addresses_len < n; slice->addresses_len++) {
		struct nt_enrich_address *address = &slice->addresses[slice->addresses_len];

		*address = (struct nt_enrich_address){
			.ip = detail->endpoints[slice->addresses_len].ip,
			.type = NT_ENRICH_ENDPOINT,
			.owner = slice,
			.index = (uint32_t)slice->addresses_len,
		};
		nt_enrich_addresses_put(a, address);
	}
	return 0;
}

static void drop_slice(struct nt_enrich_services *s, struct nt_enrich_addresses *a,
		       struct nt_enrich_slice *slice)
{
	take_addresses(a, slice->addresses, slice->addresses_len);
	nt_hashtable_take(&s->slices, &slice->link);
	nt_object_unref(slice->object);
	free(slice);
}

/* --- both ------------------------------------------------------------------------------------- */

static bool is_service(const struct nt_object *o)
{
	return nt_slice_eq(o->kind, NT_SLICE_LIT("Service"));
}

int nt_enrich_services_put(struct nt_enrich_services *s, struct nt_enrich_addresses *a,
			   const struct nt_object *object)
{
	return is_service(object) ? put_service(s, a, object) : put_slice(s, a, object);
}

static struct nt_enrich_service *service_of(struct nt_hashtable_link *link)
{
	return NT_HASHTABLE_ITEM(link, struct nt_enrich_service, link);
}

static struct nt_enrich_slice *slice_of(struct nt_hashtable_link *link)
{
	return NT_HASHTABLE_ITEM(link, struct nt_enrich_slice, link);
}

void nt_enrich_services_drop(struct nt_enrich_services *s, struct nt_enrich_addresses *a,
			     const struct nt_object *o)
{
	bool service = is_service(o);
	struct nt_hashtable_link *link = nt_hashtable_first(service ? &s->services : &s->slices,
							    hash_of(s, o->namespace_, o->name));

	while (link && !same_name(service ? service_of(link)->object : slice_of(link)->object, o))
		link = nt_hashtable_next(link);
	if (!link)
		return;
	if (service)
		drop_service(s, a, service_of(link));
	else
		drop_slice(s, a, slice_of(link));
}

void nt_enrich_services_done(struct nt_enrich_services *s, struct nt_enrich_addresses *a)
{
	for (size_t i = 0; i < s->services.cap; i++)
		for (struct nt_hashtable_link *l; (l = s->services.buckets[i]);)
			drop_service(s, a, service_of(l));
	for (size_t i = 0; i < s->slices.cap; i++)
		for (struct nt_hashtable_link *l; (l = s->slices.buckets[i]);)
			drop_slice(s, a, slice_of(l));
	nt_hashtable_done(&s->services);
	nt_hashtable_done(&s->namespaces);
	nt_hashtable_done(&s->slices);
}

const struct nt_enrich_service *nt_enrich_services_in(const struct nt_enrich_services *s,
						      struct nt_slice namespace_)
{
	const struct namespace *n = find_namespace(s, namespace_);

	return n ? n->first : NULL;
}

bool nt_enrich_service_has_port(const struct nt_enrich_service *service, uint16_t port)
{
	const struct nt_object_service *s = nt_object_service(service->object);

	for (size_t i = 0; s && i < s->ports_len; i++)
		if (s->ports[i].port == port || s->ports[i].target == port)
			return true;
	return false;
}

bool nt_enrich_slice_has_port(const struct nt_enrich_slice *slice, uint16_t port)
{
	const struct nt_object_endpoints *e = nt_object_endpoints(slice->object);

	/* A port without a number is every port. */
	for (size_t i = 0; i < e->ports_len; i++)
		if (e->ports[i].port == port || !e->ports[i].port)
			return true;
	return false;
}
