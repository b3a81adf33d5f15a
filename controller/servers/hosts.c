/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes by their addresses. */
#include "controller/servers/hosts.h"

#include <stdlib.h>

struct host_address {
	struct nt_addr ip;
	size_t name; /* its offset */
};

static int compare(const void *a, const void *b)
{
	const struct host_address *x = a, *y = b;

	return memcmp(&x->ip, &y->ip, sizeof(x->ip));
}

static void add(struct nt_hosts *h, const struct nt_object *node)
{
	struct host_address a = { .name = h->names.len };

	nt_buf_slice(&h->names, node->name);
	nt_buf_putc(&h->names, '\0');
	for (size_t i = 0; nt_object_ip_at(node, i, &a.ip); i++)
		nt_buf_add(&h->addresses, &a, sizeof(a));
}

int nt_hosts_look(struct nt_hosts *h, const struct nt_objects *objects)
{
	const struct nt_slice kind = NT_SLICE_LIT("Node");
	uint64_t generation = nt_objects_kind_generation(objects, kind) + 1;
	const struct nt_object *o;

	if (h->generation == generation)
		return 0;
	nt_hosts_done(h);
	for (size_t i = 0; (o = nt_objects_at(objects, kind, i)); i++)
		add(h, o);
	if (!nt_buf_ok(&h->addresses) || !nt_buf_ok(&h->names)) {
		nt_hosts_done(h);
		return -ENOMEM;
	}
	if (h->addresses.len)
		qsort(h->addresses.p, h->addresses.len / sizeof(struct host_address),
		      sizeof(struct host_address), compare);
	h->generation = generation;
	return 0;
}

const char *nt_hosts_find(const struct nt_hosts *h, const struct nt_addr *ip)
{
	const struct host_address key = { .ip = *ip }, *found;

	found = h->addresses.len ? bsearch(&key, h->addresses.p, h->addresses.len / sizeof(key),
					   sizeof(key), compare)
				 : NULL;
	return found ? h->names.p + found->name : NULL;
}

void nt_hosts_done(struct nt_hosts *h)
{
	nt_buf_done(&h->addresses);
	nt_buf_done(&h->names);
	h->generation = 0;
}
