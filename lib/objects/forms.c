/* SPDX-License-Identifier: Apache-2.0 */
/* What is kept of each kind. Structs are compared as memory: they are zeroed before they are
 * filled, and equal strings of a pool have one address. */
#include "lib/objects/forms.h"

#include <netinet/in.h>

#include "lib/base/cleanup.h"
#include "lib/base/parse.h"

/* --- pieces ----------------------------------------------------------------------------------- */

static const json_t *at(const json_t *root, const char *a, const char *b)
{
	return json_object_get(json_object_get(root, a), b);
}

static bool is_text(const json_t *string, const char *text)
{
	return nt_slice_eq(nt_json_slice(string), nt_slice_str(text));
}

static bool same(const void *a, const void *b, size_t size, size_t n)
{
	return n == 0 || memcmp(a, b, size * n) == 0;
}

/* At most: of a list, or of the single one that stands for it. */
static size_t list_len(const json_t *list)
{
	return json_array_size(list) ? json_array_size(list) : 1;
}

/* The single address, which the list repeats as its first. key: of the items, NULL: texts. */
static const struct nt_addr *take_ips(struct nt_build *b, const json_t *list, const json_t *single,
				      const char *key, size_t *ret_len)
{
	struct nt_addr *ips = nt_build_alloc(b, sizeof(*ips), list_len(list));
	size_t n = 0;

	*ret_len = 0;
	if (!ips)
		return NULL;
	if (!json_array_size(list))
		n = nt_addr_parse(nt_json_slice(single), &ips[0]) == 0;
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		struct nt_slice text = nt_json_slice(key ? json_object_get(item, key) : item);

		n += nt_addr_parse(text, &ips[n]) == 0;
	}
	*ret_len = n;
	return ips;
}

static const struct nt_slice *take_texts(struct nt_build *b, const json_t *list, size_t *ret_len)
{
	struct nt_slice *texts = nt_build_alloc(b, sizeof(*texts), json_array_size(list));
	size_t n = 0;

	*ret_len = 0;
	for (size_t i = 0; texts && i < json_array_size(list); i++) {
		texts[n] = nt_build_text(b, json_array_get(list, i));
		n += texts[n].len != 0;
	}
	*ret_len = n;
	return texts;
}

static void drop_texts(struct nt_intern *x, const struct nt_slice *texts, size_t len)
{
	for (size_t i = 0; i < len; i++)
		nt_intern_drop(x, texts[i]);
}

static int64_t time_of(const json_t *string)
{
	int64_t us;

	return nt_parse_time_us(nt_json_slice(string), &us) < 0 ? 0 : us;
}

static unsigned word_of(const json_t *string, const char *const *words, unsigned len)
{
	for (unsigned i = 1; i < len; i++)
		if (is_text(string, words[i]))
			return i;
	return 0;
}

/* --- Pod -------------------------------------------------------------------------------------- */

static const char *const phases[] = {
	[NT_POD_PENDING] = "Pending",
	[NT_POD_RUNNING] = "Running",
	[NT_POD_SUCCEEDED] = "Succeeded",
	[NT_POD_FAILED] = "Failed",
};

static const char *const dns_policies[] = {
	[NT_POD_DNS_CLUSTER_FIRST_HOST] = "ClusterFirstWithHostNet",
	[NT_POD_DNS_DEFAULT] = "Default",
	[NT_POD_DNS_NONE] = "None",
};

static size_t pod_size(const json_t *root)
{
	const json_t *dns = at(root, "spec", "dnsConfig");
	size_t n = nt_build_size(sizeof(struct nt_object_pod), 1) +
		   nt_build_size(sizeof(struct nt_addr), list_len(at(root, "status", "podIPs")));

	if (json_is_object(dns))
		n += nt_build_size(sizeof(struct nt_object_dns), 1) +
		     nt_build_size(sizeof(struct nt_slice),
				   json_array_size(json_object_get(dns, "nameservers"))) +
		     nt_build_size(sizeof(struct nt_slice),
				   json_array_size(json_object_get(dns, "searches")));
	return n;
}

static const struct nt_object_dns *take_dns(struct nt_build *b, const json_t *config)
{
	struct nt_object_dns *dns = nt_build_alloc(b, sizeof(*dns), json_is_object(config));

	if (!dns)
		return NULL;
	dns->servers = take_texts(b, json_object_get(config, "nameservers"), &dns->servers_len);
	dns->searches = take_texts(b, json_object_get(config, "searches"), &dns->searches_len);
	return dns;
}

static void *fill_pod(struct nt_build *b, const json_t *root, const struct nt_object *object)
{
	struct nt_object_pod *pod = nt_build_alloc(b, sizeof(*pod), 1);
	const json_t *spec = json_object_get(root, "spec");
	const json_t *status = json_object_get(root, "status");
	const json_t *notes = at(root, "metadata", "annotations");

	(void)object;
	if (!pod)
		return NULL;
	pod->node_name = nt_build_text(b, json_object_get(spec, "nodeName"));
	pod->static_hash = nt_build_text(b, json_object_get(notes, "kubernetes.io/config.hash"));
	pod->ips = take_ips(b, json_object_get(status, "podIPs"), json_object_get(status, "podIP"),
			    "ip", &pod->ips_len);
	pod->started_us = time_of(json_object_get(status, "startTime"));
	pod->phase = word_of(json_object_get(status, "phase"), phases, NT_ARRAY_LEN(phases));
	pod->dns_policy = word_of(json_object_get(spec, "dnsPolicy"), dns_policies,
				  NT_ARRAY_LEN(dns_policies));
	pod->host_network = json_is_true(json_object_get(spec, "hostNetwork"));
	pod->dns = take_dns(b, json_object_get(spec, "dnsConfig"));
	return pod;
}

static void release_pod(struct nt_intern *x, void *detail)
{
	struct nt_object_pod *pod = detail;

	nt_intern_drop(x, pod->node_name);
	nt_intern_drop(x, pod->static_hash);
	if (!pod->dns)
		return;
	drop_texts(x, pod->dns->servers, pod->dns->servers_len);
	drop_texts(x, pod->dns->searches, pod->dns->searches_len);
}

static bool same_dns(const struct nt_object_dns *a, const struct nt_object_dns *b)
{
	if (!a || !b)
		return a == b;
	return a->servers_len == b->servers_len && a->searches_len == b->searches_len &&
	       same(a->servers, b->servers, sizeof(*a->servers), a->servers_len) &&
	       same(a->searches, b->searches, sizeof(*a->searches), a->searches_len);
}

static bool same_pod(const void *pa, const void *pb)
{
	const struct nt_object_pod *a = pa, *b = pb;

	return a->node_name.p == b->node_name.p && a->static_hash.p == b->static_hash.p &&
	       a->started_us == b->started_us && a->phase == b->phase &&
	       a->dns_policy == b->dns_policy && a->host_network == b->host_network &&
	       a->ips_len == b->ips_len && same(a->ips, b->ips, sizeof(*a->ips), a->ips_len) &&
	       same_dns(a->dns, b->dns);
}

/* --- ports ------------------------------------------------------------------------------------ */

static uint8_t protocol_of(const json_t *string)
{
	if (is_text(string, "UDP"))
		return IPPROTO_UDP;
	return is_text(string, "SCTP") ? IPPROTO_SCTP : IPPROTO_TCP;
}

static uint16_t number_of(const json_t *integer)
{
	json_int_t n = json_integer_value(integer);

	return n > 0 && n <= UINT16_MAX ? (uint16_t)n : 0;
}

/* all: a port without a number is every port, and is kept. */
static size_t fill_ports(struct nt_build *b, const json_t *list, bool all,
			 struct nt_object_port *ports)
{
	size_t n = 0;

	for (size_t i = 0; ports && i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		const json_t *port = json_object_get(item, "port");
		struct nt_object_port *p = &ports[n];

		p->port = number_of(port);
		if (!p->port && !(all && (!port || json_is_null(port))))
			continue;
		p->name = nt_build_text(b, json_object_get(item, "name"));
		p->target = number_of(json_object_get(item, "targetPort"));
		p->target_name = nt_build_text(b, json_object_get(item, "targetPort"));
		p->protocol = protocol_of(json_object_get(item, "protocol"));
		n++;
	}
	return n;
}

static void drop_ports(struct nt_intern *x, const struct nt_object_port *ports, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		nt_intern_drop(x, ports[i].name);
		nt_intern_drop(x, ports[i].target_name);
	}
}

/* --- Service ---------------------------------------------------------------------------------- */

static size_t service_size(const json_t *root)
{
	return nt_build_size(sizeof(struct nt_object_service), 1) +
	       nt_build_size(sizeof(struct nt_addr), list_len(at(root, "spec", "clusterIPs"))) +
	       nt_build_size(sizeof(struct nt_object_port),
			     json_array_size(at(root, "spec", "ports")));
}

static void *fill_service(struct nt_build *b, const json_t *root, const struct nt_object *object)
{
	struct nt_object_service *s = nt_build_alloc(b, sizeof(*s), 1);
	const json_t *spec = json_object_get(root, "spec");
	const json_t *selector = json_object_get(spec, "selector");
	const json_t *ports = json_object_get(spec, "ports");
	struct nt_object_port *p;

	(void)object;
	if (!s)
		return NULL;
	s->selector = nt_build_labels(b, selector, &s->selector_len);
	if (s->selector_len != json_object_size(selector)) {
		/* Less of a selector would select more. */
		nt_intern_drop_labels(b->intern, s->selector);
		s->selector = NULL;
		s->selector_len = 0;
	}
	s->ips = take_ips(b, json_object_get(spec, "clusterIPs"),
			  json_object_get(spec, "clusterIP"), NULL, &s->ips_len);
	p = nt_build_alloc(b, sizeof(*p), json_array_size(ports));
	s->ports_len = fill_ports(b, ports, false, p);
	s->ports = p;
	s->external_name = nt_build_text(b, json_object_get(spec, "externalName"));
	s->headless = is_text(json_object_get(spec, "clusterIP"), "None");
	s->is_external = is_text(json_object_get(spec, "type"), "ExternalName");
	return s;
}

static void release_service(struct nt_intern *x, void *detail)
{
	struct nt_object_service *s = detail;

	nt_intern_drop_labels(x, s->selector);
	drop_ports(x, s->ports, s->ports_len);
	nt_intern_drop(x, s->external_name);
}

static bool same_service(const void *pa, const void *pb)
{
	const struct nt_object_service *a = pa, *b = pb;

	return a->selector == b->selector && a->external_name.p == b->external_name.p &&
	       a->headless == b->headless && a->is_external == b->is_external &&
	       a->ips_len == b->ips_len && same(a->ips, b->ips, sizeof(*a->ips), a->ips_len) &&
	       a->ports_len == b->ports_len &&
	       same(a->ports, b->ports, sizeof(*a->ports), a->ports_len);
}

/* --- EndpointSlice, Endpoints ----------------------------------------------------------------- */

static size_t slice_size(const json_t *root)
{
	const json_t *endpoints = json_object_get(root, "endpoints");
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(endpoints); i++)
		n += json_array_size(json_object_get(json_array_get(endpoints, i), "addresses"));
	return nt_build_size(sizeof(struct nt_object_endpoints), 1) +
	       nt_build_size(sizeof(struct nt_object_endpoint), n) +
	       nt_build_size(sizeof(struct nt_object_port),
			     json_array_size(json_object_get(root, "ports")));
}

/* What v1 and v1beta1 of a slice and Endpoints have in common; false: it is no address. */
static bool fill_endpoint(struct nt_build *b, const json_t *item, const json_t *address,
			  struct nt_object_endpoint *e)
{
	const json_t *target = json_object_get(item, "targetRef");
	const json_t *node =
		json_object_get(item, "nodeName") ?: at(item, "topology", "kubernetes.io/hostname");

	if (nt_addr_parse(nt_json_slice(address), &e->ip) < 0)
		return false;
	e->hostname = nt_build_text(b, json_object_get(item, "hostname"));
	e->node_name = nt_build_text(b, node);
	if (is_text(json_object_get(target, "kind"), "Pod")) {
		e->pod_name = nt_build_text(b, json_object_get(target, "name"));
		e->pod_uid = nt_build_text(b, json_object_get(target, "uid"));
	}
	return true;
}

static size_t fill_slice_endpoints(struct nt_build *b, const json_t *list,
				   struct nt_object_endpoint *endpoints)
{
	size_t n = 0;

	for (size_t i = 0; endpoints && i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		const json_t *addresses = json_object_get(item, "addresses");
		/* Nothing said is to be taken as ready. */
		bool ready = !json_is_false(at(item, "conditions", "ready"));

		for (size_t k = 0; k < json_array_size(addresses); k++) {
			if (!fill_endpoint(b, item, json_array_get(addresses, k), &endpoints[n]))
				continue;
			endpoints[n++].ready = ready;
		}
	}
	return n;
}

static size_t count_addresses(const json_t *list)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		n += json_array_size(json_object_get(json_array_get(list, i), "addresses"));
	return n;
}

static void *fill_slice(struct nt_build *b, const json_t *root, const struct nt_object *object)
{
	struct nt_object_endpoints *s = nt_build_alloc(b, sizeof(*s), 1);
	const json_t *list = json_object_get(root, "endpoints");
	const json_t *ports = json_object_get(root, "ports");
	struct nt_object_endpoint *e;
	struct nt_object_port *p;

	(void)object;
	if (!s)
		return NULL;
	s->service = nt_build_text(b, json_object_get(at(root, "metadata", "labels"),
						      "kubernetes.io/service-name"));
	e = nt_build_alloc(b, sizeof(*e), count_addresses(list));
	s->endpoints_len = fill_slice_endpoints(b, list, e);
	s->endpoints = e;
	p = nt_build_alloc(b, sizeof(*p), json_array_size(ports));
	s->ports_len = fill_ports(b, ports, true, p);
	s->ports = p;
	return s;
}

static const char *const address_lists[] = { "addresses", "notReadyAddresses" };

static size_t endpoints_len(const json_t *subsets, const char *key)
{
	size_t n = 0;

	for (size_t i = 0; i < json_array_size(subsets); i++)
		n += json_array_size(json_object_get(json_array_get(subsets, i), key));
	return n;
}

static size_t endpoints_size(const json_t *root)
{
	const json_t *subsets = json_object_get(root, "subsets");

	return nt_build_size(sizeof(struct nt_object_endpoints), 1) +
	       nt_build_size(sizeof(struct nt_object_endpoint),
			     endpoints_len(subsets, address_lists[0]) +
				     endpoints_len(subsets, address_lists[1])) +
	       nt_build_size(sizeof(struct nt_object_port), endpoints_len(subsets, "ports"));
}

static size_t fill_subset(struct nt_build *b, const json_t *list, bool ready,
			  struct nt_object_endpoint *endpoints)
{
	size_t n = 0;

	for (size_t i = 0; endpoints && i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);

		if (!fill_endpoint(b, item, json_object_get(item, "ip"), &endpoints[n]))
			continue;
		endpoints[n++].ready = ready;
	}
	return n;
}

static void *fill_endpoints(struct nt_build *b, const json_t *root, const struct nt_object *object)
{
	struct nt_object_endpoints *s = nt_build_alloc(b, sizeof(*s), 1);
	const json_t *subsets = json_object_get(root, "subsets");
	size_t max =
		endpoints_len(subsets, address_lists[0]) + endpoints_len(subsets, address_lists[1]);
	struct nt_object_endpoint *e = nt_build_alloc(b, sizeof(*e), max);
	struct nt_object_port *p = nt_build_alloc(b, sizeof(*p), endpoints_len(subsets, "ports"));

	if (!s)
		return NULL;
	s->endpoints = e;
	s->ports = p;
	s->service = nt_intern_take(b->intern, object->name);
	b->failed = b->failed || !s->service.p;
	for (size_t i = 0; i < json_array_size(subsets); i++) {
		const json_t *subset = json_array_get(subsets, i);

		for (size_t k = 0; e && k < NT_ARRAY_LEN(address_lists); k++)
			s->endpoints_len +=
				fill_subset(b, json_object_get(subset, address_lists[k]), k == 0,
					    e + s->endpoints_len);
		if (p)
			s->ports_len += fill_ports(b, json_object_get(subset, "ports"), false,
						   p + s->ports_len);
	}
	return s;
}

static void release_endpoints(struct nt_intern *x, void *detail)
{
	struct nt_object_endpoints *s = detail;

	nt_intern_drop(x, s->service);
	for (size_t i = 0; i < s->endpoints_len; i++) {
		nt_intern_drop(x, s->endpoints[i].hostname);
		nt_intern_drop(x, s->endpoints[i].node_name);
		nt_intern_drop(x, s->endpoints[i].pod_name);
		nt_intern_drop(x, s->endpoints[i].pod_uid);
	}
	drop_ports(x, s->ports, s->ports_len);
}

static bool same_endpoints(const void *pa, const void *pb)
{
	const struct nt_object_endpoints *a = pa, *b = pb;

	return a->service.p == b->service.p && a->endpoints_len == b->endpoints_len &&
	       same(a->endpoints, b->endpoints, sizeof(*a->endpoints), a->endpoints_len) &&
	       a->ports_len == b->ports_len &&
	       same(a->ports, b->ports, sizeof(*a->ports), a->ports_len);
}

/* --- Node ------------------------------------------------------------------------------------- */

static size_t node_size(const json_t *root)
{
	return nt_build_size(sizeof(struct nt_object_node), 1) +
	       nt_build_size(sizeof(struct nt_addr),
			     json_array_size(at(root, "status", "addresses"))) +
	       nt_build_size(sizeof(struct nt_slice),
			     json_array_size(at(root, "spec", "podCIDRs")));
}

static void *fill_node(struct nt_build *b, const json_t *root, const struct nt_object *object)
{
	struct nt_object_node *node = nt_build_alloc(b, sizeof(*node), 1);
	const json_t *list = at(root, "status", "addresses");
	struct nt_addr *ips = nt_build_alloc(b, sizeof(*ips), json_array_size(list));

	(void)object;
	if (!node)
		return NULL;
	for (size_t i = 0; ips && i < json_array_size(list); i++) {
		const json_t *item = json_array_get(list, i);
		const json_t *type = json_object_get(item, "type");

		if (is_text(type, "InternalIP") || is_text(type, "ExternalIP"))
			node->ips_len +=
				nt_addr_parse(nt_json_slice(json_object_get(item, "address")),
					      &ips[node->ips_len]) == 0;
	}
	node->ips = ips;
	node->pod_cidrs = take_texts(b, at(root, "spec", "podCIDRs"), &node->pod_cidrs_len);
	return node;
}

static void release_node(struct nt_intern *x, void *detail)
{
	struct nt_object_node *node = detail;

	drop_texts(x, node->pod_cidrs, node->pod_cidrs_len);
}

static bool same_node(const void *pa, const void *pb)
{
	const struct nt_object_node *a = pa, *b = pb;

	return a->ips_len == b->ips_len && same(a->ips, b->ips, sizeof(*a->ips), a->ips_len) &&
	       a->pod_cidrs_len == b->pod_cidrs_len &&
	       same(a->pod_cidrs, b->pod_cidrs, sizeof(*a->pod_cidrs), a->pod_cidrs_len);
}

/* --- all of them ------------------------------------------------------------------------------ */

enum { POD, SERVICE, SLICE, ENDPOINTS, NODE };

static const struct nt_form forms[] = {
	[POD] = { "Pod", pod_size, fill_pod, release_pod, same_pod },
	[SERVICE] = { "Service", service_size, fill_service, release_service, same_service },
	[SLICE] = { "EndpointSlice", slice_size, fill_slice, release_endpoints, same_endpoints },
	[ENDPOINTS] = { "Endpoints", endpoints_size, fill_endpoints, release_endpoints,
			same_endpoints },
	[NODE] = { "Node", node_size, fill_node, release_node, same_node },
	/* Names, labels and owners are all that is read. */
	{ .kind = "Namespace" },
	{ .kind = "ReplicaSet" },
	{ .kind = "Deployment" },
	{ .kind = "StatefulSet" },
	{ .kind = "DaemonSet" },
	{ .kind = "Job" },
	{ .kind = "CronJob" },
};

const struct nt_form *nt_form_find(struct nt_slice kind)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(forms); i++)
		if (nt_slice_eq(kind, nt_slice_str(forms[i].kind)))
			return &forms[i];
	return NULL;
}

static const void *detail_of(const struct nt_object *o, size_t form)
{
	return nt_slice_eq(o->kind, nt_slice_str(forms[form].kind)) ? o->detail : NULL;
}

const struct nt_object_pod *nt_object_pod(const struct nt_object *o)
{
	return detail_of(o, POD);
}

const struct nt_object_service *nt_object_service(const struct nt_object *o)
{
	return detail_of(o, SERVICE);
}

const struct nt_object_endpoints *nt_object_endpoints(const struct nt_object *o)
{
	return detail_of(o, SLICE) ?: detail_of(o, ENDPOINTS);
}

const struct nt_object_node *nt_object_node(const struct nt_object *o)
{
	return detail_of(o, NODE);
}
