/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kubernetes objects (Pod, Namespace, Service, ...) from an object source: a directory of YAML
 * manifests watched for changes now, the Kubernetes API later. The store of objects belongs to one
 * thread; the source's descriptor goes into that thread's event loop.
 */
#pragma once

#include "lib/base/buf.h"
#include "lib/base/addr.h"
#include "lib/record/record.h"

struct nt_objects;

/* A view into the store; valid while nt_objects_generation stays the same. */
struct nt_object {
	struct nt_slice kind, namespace_, name, uid;
	const struct nt_label *labels;
	size_t labels_len;
	const void *json; /* json_t *: the whole object, borrowed */
};

/* Who a pod belongs to: the top of its owner chain as far as the objects tell. */
struct nt_workload {
	struct nt_slice kind, name;
};

/* A document that could not be taken: file, line, what to do. Kept until the file changes. */
struct nt_objects_problem {
	const char *path;
	size_t line; /* 1-based, 0: the whole file */
	char msg[256];
};

/* Reads every *.yaml, *.yml and *.json below path (not recursive) and watches it with inotify. A
 * document with a mistake is a problem (nt_objects_problem_at), never a reason to fail; a directory
 * that does not exist is. */
int nt_objects_open_dir(const char *path, struct nt_objects **ret_objects,
			struct nt_err *err) NT_MUSTCHECK;
void nt_objects_free(struct nt_objects *o);

/* For an event loop: readable when something may have changed. */
int nt_objects_fd(const struct nt_objects *o);
/* Takes in what changed. Returns 1 when the objects are not what they were, 0 when they are. A file
 * with a mistake keeps its last good objects. */
int nt_objects_poll(struct nt_objects *o);
/* Raised by each change: callers compare to know whether what they derived is stale. */
uint64_t nt_objects_generation(const struct nt_objects *o);

const struct nt_object *nt_objects_find(const struct nt_objects *o, struct nt_slice kind,
					struct nt_slice namespace_, struct nt_slice name);
/* All of a kind, in order of namespace and name; NULL at the end. */
const struct nt_object *nt_objects_at(const struct nt_objects *o, struct nt_slice kind,
				      size_t index);
const struct nt_objects_problem *nt_objects_problem_at(const struct nt_objects *o, size_t index);

/* An object came (before is NULL), changed, or went (after is NULL). Both are valid for the call
 * only; the store holds after already. */
typedef void nt_objects_change_fn(void *ctx, const struct nt_object *before,
				  const struct nt_object *after);
/* fn is called now for each object that is there, and from then on within nt_objects_poll for each
 * change, so that what is derived of objects is kept in the time of the change and not of the
 * store. One listener; another one takes its place, NULL: none. */
void nt_objects_listen(struct nt_objects *o, nt_objects_change_fn *fn, void *ctx);
/* As nt_objects_generation, of one of the kinds that nametap reads; of others: of all. */
uint64_t nt_objects_kind_generation(const struct nt_objects *o, struct nt_slice kind);

/* What the source has of a kind that nametap reads, for people. */
struct nt_objects_state {
	const char *kind;
	size_t count;
	bool synced; /* these are all, as of a moment ago */
	int64_t since_us; /* CLOCK_REALTIME: synced, or not, since then */
	const char *error; /* why not; "" when all is well */
};
struct nt_objects_origin {
	const char *type; /* "directory" or "api" */
	const char *where; /* its path, or the server's URL */
};
typedef void nt_objects_state_fn(void *ctx, const struct nt_objects_state *state);
/* Each kind that is watched, once; of a directory those of which there is an object. */
void nt_objects_states(const struct nt_objects *o, nt_objects_state_fn *fn, void *ctx);
struct nt_objects_origin nt_objects_origin(const struct nt_objects *o);

/* Deployment for a ReplicaSet by its name's hash, CronJob for a Job, else the controller owner,
 * else the pod itself. */
struct nt_workload nt_object_workload(const struct nt_objects *o, const struct nt_object *pod);
/* Is this Pod the one to which the runtime gave that UID? To a static pod it gives the hash of its
 * configuration, which the mirror pod carries as an annotation (T18). Where one of the two has no
 * UID nothing speaks against it: namespace and name have to do. */
bool nt_object_has_uid(const struct nt_object *pod, struct nt_slice uid);
/* matchLabels of a Service (spec.selector) against a pod's labels in the same namespace. */
bool nt_object_service_selects(const struct nt_object *service, const struct nt_object *pod);
/* status.podIP(s) of a Pod, spec.clusterIP(s) of a Service: the index-th, false at the end. */
bool nt_object_ip_at(const struct nt_object *object, size_t index, struct nt_addr *ret_addr);
