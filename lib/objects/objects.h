/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes objects (Pod, Namespace, Service, ...) from an object source: a directory of YAML
 * manifests that is watched, or lists and watches of the Kubernetes API. Both keep the same of an
 * object: what nametap reads. The store belongs to one thread, whose event loop has the source's
 * descriptor; others may read it while that thread is kept from nt_objects_poll.
 */
#pragma once

#include "lib/base/buf.h"
#include "lib/base/addr.h"
#include "lib/record/record.h"

struct nt_objects;

/* One of metadata.ownerReferences. */
struct nt_object_owner {
	struct nt_slice api_version, kind, name, uid;
};

/* A view into the store; valid while nt_objects_generation stays the same. What is missing in the
 * object is empty, 0 or NULL. */
struct nt_object {
	struct nt_slice kind, namespace_, name, uid;
	const struct nt_label *labels; /* by key */
	size_t labels_len;
	const struct nt_object_owner *owner; /* the one with controller: true; NULL: none */
	int64_t created_us; /* since 1970, in whole seconds */
	bool deleting; /* it has a deletionTimestamp */
	/* Of kinds that have no struct below the whole object without its status and what only the
	 * API server needs, a json_t *, borrowed; else NULL. */
	const void *json;
	const void *detail; /* nt_object_pod() and so on */
};

enum nt_pod_phase {
	NT_POD_PHASE_UNKNOWN = 0,
	NT_POD_PENDING = 1,
	NT_POD_RUNNING = 2,
	NT_POD_SUCCEEDED = 3,
	NT_POD_FAILED = 4,
};

enum nt_pod_dns_policy {
	NT_POD_DNS_CLUSTER_FIRST = 0, /* also when nothing is said */
	NT_POD_DNS_CLUSTER_FIRST_HOST = 1, /* ClusterFirstWithHostNet */
	NT_POD_DNS_DEFAULT = 2,
	NT_POD_DNS_NONE = 3,
};

/* spec.dnsConfig, as text. */
struct nt_object_dns {
	const struct nt_slice *servers, *searches;
	size_t servers_len, searches_len;
};

struct nt_object_pod {
	struct nt_slice node_name;
	struct nt_slice static_hash; /* annotation kubernetes.io/config.hash of a mirror pod */
	const struct nt_addr *ips;
	size_t ips_len;
	int64_t started_us; /* status.startTime, whole seconds; 0: unknown */
	const struct nt_object_dns *dns; /* NULL: none */
	enum nt_pod_phase phase;
	enum nt_pod_dns_policy dns_policy;
	bool host_network;
};

struct nt_object_port {
	struct nt_slice name, target_name; /* of a Service: targetPort when it is a name */
	/* Host byte order. port 0: every port (EndpointSlice only); target 0: target_name, or the
	 * same as port. */
	uint16_t port, target;
	uint8_t protocol; /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP */
};

struct nt_object_service {
	const struct nt_label *selector; /* by key */
	size_t selector_len;
	const struct nt_addr *ips;
	size_t ips_len;
	const struct nt_object_port *ports;
	size_t ports_len;
	struct nt_slice external_name; /* of type ExternalName */
	bool headless; /* clusterIP: None */
	bool is_external; /* type: ExternalName; selects nothing */
};

/* One address of one endpoint. */
struct nt_object_endpoint {
	struct nt_addr ip;
	bool ready;
	struct nt_slice hostname, node_name;
	struct nt_slice pod_name, pod_uid; /* of its targetRef, when that is a Pod */
};

/* EndpointSlice (discovery.k8s.io/v1, v1beta1), or Endpoints. */
struct nt_object_endpoints {
	struct nt_slice service; /* in the same namespace; empty: of none */
	const struct nt_object_port *ports;
	size_t ports_len;
	const struct nt_object_endpoint *endpoints;
	size_t endpoints_len;
};

struct nt_object_node {
	const struct nt_addr *ips; /* InternalIP, ExternalIP */
	size_t ips_len;
	const struct nt_slice *pod_cidrs; /* as text */
	size_t pod_cidrs_len;
};

/* NULL when it is of another kind. */
const struct nt_object_pod *nt_object_pod(const struct nt_object *o);
const struct nt_object_service *nt_object_service(const struct nt_object *o);
const struct nt_object_endpoints *nt_object_endpoints(const struct nt_object *o);
const struct nt_object_node *nt_object_node(const struct nt_object *o);

/* Keeps a view valid, and what it points to, until it is given back; the store must outlive that.
 * To give back is for the store's own thread, which shares strings outside of nt_objects_poll. */
const struct nt_object *nt_object_ref(const struct nt_object *o);
void nt_object_unref(const struct nt_object *o); /* NULL: nothing happens */

/* Who a pod belongs to: the top of its owner chain as far as the objects tell. */
struct nt_workload {
	struct nt_slice kind, name;
	const struct nt_object *object; /* has the texts: the pod, or an owner */
	bool guessed; /* an owner's object is not there, its name had to do */
};

/* A document that could not be taken: file, line, what to do, until the file changes. Or a kind
 * that the API does not give, as long as it does not: then the objects are not all, or not new. */
struct nt_objects_problem {
	const char *path; /* of the file, or in the API */
	size_t line; /* 1-based, 0: the whole file */
	char msg[256];
};

/* Reads every *.yaml, *.yml and *.json below path (not recursive) and watches it with inotify. A
 * document with a mistake is a problem (nt_objects_problem_at), never a reason to fail; a directory
 * that does not exist is. */
int nt_objects_open_dir(const char *path, struct nt_objects **ret_objects,
			struct nt_err *err) NT_MUSTCHECK;

struct nt_kube;
struct nt_loop;
struct nt_clock;

/* The bounds of nt_objects_open_kube: objects beyond them are left out, which is a problem that
 * says so. A cluster of 150,000 pods with its Services and ReplicaSets. */
#define NT_OBJECTS_MAX 400000
#define NT_OBJECTS_BYTES_MAX ((size_t)320 << 20)

struct nt_objects_kube_config {
	/* Ends in NULL: Pod, Service, EndpointSlice (stands for discovery v1, else v1beta1, else
	 * Endpoints, whose objects have that kind), Namespace, Node, ReplicaSet, Job, CronJob,
	 * DNSPolicy, ClusterDNSPolicy, GlobalAlert, DomainFeed. */
	const char *const *kinds;
	const char *node; /* only Pods with this spec.nodeName; NULL: all */
	/* For tests; 0: what is right for a cluster. */
	int64_t retry_min_ns, retry_max_ns, absent_ns;
	unsigned watch_s;
	size_t page_len;
	size_t objects_max, bytes_max;
};

/*
 * Lists and watches the kinds in the loop, each on its own, and goes on with that whatever the API
 * says. Objects are there as they arrive (see nt_objects_states), and stay while the API is away.
 * A kind that the API does not have (a custom resource that is not installed) is no problem and is
 * asked for again at intervals; one that it no longer has keeps its objects for absent_ns, because
 * a server that has just started says so, too. Changes are taken in by nt_objects_poll only.
 * kube, loop: borrowed until nt_objects_free; config: for the call, its strings too.
 */
int nt_objects_open_kube(struct nt_kube *kube, struct nt_loop *loop,
			 const struct nt_objects_kube_config *config,
			 struct nt_objects **ret_objects, struct nt_err *err) NT_MUSTCHECK;
/* In the thread of the loop. */
void nt_objects_free(struct nt_objects *o);

/* For an event loop: readable when something may have changed. */
int nt_objects_fd(const struct nt_objects *o);
/* Takes in what changed. Returns 1 when the objects, or whether those of a kind are all, are not
 * what they were, 0 when they are. A file with a mistake keeps its last good objects. */
int nt_objects_poll(struct nt_objects *o);
/* Raised by each change: callers compare to know whether what they derived is stale. */
uint64_t nt_objects_generation(const struct nt_objects *o);

const struct nt_object *nt_objects_find(const struct nt_objects *o, struct nt_slice kind,
					struct nt_slice namespace_, struct nt_slice name);
/* All of a kind, in order of namespace and name; NULL at the end. */
const struct nt_object *nt_objects_at(const struct nt_objects *o, struct nt_slice kind,
				      size_t index);
size_t nt_objects_count(const struct nt_objects *o, struct nt_slice kind);
/* The Pod with that metadata.uid or, of a static pod, that hash of its configuration. */
const struct nt_object *nt_objects_find_pod_uid(const struct nt_objects *o, struct nt_slice uid);
const struct nt_objects_problem *nt_objects_problem_at(const struct nt_objects *o, size_t index);

/* An object came (before is NULL), changed, or went (after is NULL). Both are valid for the call
 * only; the store holds after already. */
typedef void nt_objects_change_fn(void *ctx, const struct nt_object *before,
				  const struct nt_object *after);
/* fn is called now for each object that is there, and from then on within nt_objects_poll for each
 * change, so that what is derived of objects is kept in the time of the change and not of the
 * store. One listener; another one takes its place, NULL: none. */
void nt_objects_listen(struct nt_objects *o, nt_objects_change_fn *fn, void *ctx);
/* As nt_objects_generation, of one kind; 0 when there was no object of it yet. */
uint64_t nt_objects_kind_generation(const struct nt_objects *o, struct nt_slice kind);

/* What the source has of a kind that nametap reads, for people. */
struct nt_objects_state {
	const char *kind;
	size_t count;
	bool synced; /* these are all, as of a moment ago */
	int64_t since_us; /* CLOCK_REALTIME: synced, or not, since then */
	const char *error; /* why not; "" when all is well */
	/* Of the API only. */
	bool absent; /* the API has no such kind: synced, count 0 */
	uint64_t lists, watches; /* begun; a list is all of its pages */
	uint64_t events, bookmarks;
	uint64_t failures; /* lists and watches that ended otherwise than they should */
	uint64_t refused; /* objects without a name and the like */
	uint64_t left_out; /* objects beyond the bounds, of the latest list and since */
	uint64_t too_large; /* of the latest list: objects above 4 MiB, which are left out, too */
	char too_large_name[320]; /* the first of them, with its namespace */
};
struct nt_objects_origin {
	const char *type; /* "directory" or "api" */
	const char *where; /* its path, or the server's URL */
};
typedef void nt_objects_state_fn(void *ctx, const struct nt_objects_state *state);
/* Each kind that is watched, once; of a directory those of which there is an object. */
void nt_objects_states(const struct nt_objects *o, nt_objects_state_fn *fn, void *ctx);
struct nt_objects_origin nt_objects_origin(const struct nt_objects *o);
/* Every kind was read whole at least once, or is not there: what has no object has none. A
 * directory is that always. */
bool nt_objects_have_synced(const struct nt_objects *o);
/* Memory of the objects, of malloc's own overhead not all. */
size_t nt_objects_bytes(const struct nt_objects *o);

/* Follows the controller owners: ReplicaSet to Deployment, Job to CronJob. Where such a one is not
 * there: Deployment by the ReplicaSet's name and the pod's hash, CronJob by the Job's name and the
 * minute in it. Without an owner the pod itself; a static pod (its owner is a Node) is a StaticPod
 * by its name without the node's. */
struct nt_workload nt_object_workload(const struct nt_objects *o, const struct nt_object *pod);
/* Is this Pod the one to which the runtime gave that UID? To a static pod it gives the hash of its
 * configuration, which the mirror pod carries as an annotation (T18). Where one of the two has no
 * UID nothing speaks against it: namespace and name have to do. */
bool nt_object_has_uid(const struct nt_object *pod, struct nt_slice uid);
/* matchLabels of a Service (spec.selector) against a pod's labels in the same namespace. */
bool nt_object_service_selects(const struct nt_object *service, const struct nt_object *pod);
/* status.podIP(s) of a Pod, spec.clusterIP(s) of a Service, of a Node those of nt_object_node: the
 * index-th, false at the end. */
bool nt_object_ip_at(const struct nt_object *object, size_t index, struct nt_addr *ret_addr);
bool nt_object_has_ip(const struct nt_object *object, const struct nt_addr *ip);
