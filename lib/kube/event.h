/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events (events.k8s.io/v1) as text, and what the API's answer to one means. An Event's name is
 * made of what it is about, so that a repeated POST makes no second one: it is answered with 409.
 * Pure.
 */
#pragma once

#include <jansson.h>

#include "lib/base/buf.h"
#include "lib/kube/client.h"

/* An object, as Events refer to it. */
struct nt_kube_ref {
	struct nt_slice api_version, kind;
	struct nt_slice namespace_; /* empty: it is in none */
	struct nt_slice name; /* empty: no object */
	/* Empty, or longer than the API's 128 octets: left out. `kubectl describe` finds an
	 * object's Events by it. */
	struct nt_slice uid;
};

struct nt_kube_event {
	/* Where it is kept: the namespace of `regarding`, or "default" where that has none
	 * ("kube-system" for an API server of 1.20; others are 422). */
	struct nt_slice namespace_;
	struct nt_slice stem; /* its name begins so; a name as Kubernetes gives them */
	uint64_t key; /* and ends so, see nt_kube_event_mix */
	int64_t time_us; /* CLOCK_REALTIME, since when it is true */
	struct nt_slice type; /* "Warning", "Normal" */
	struct nt_slice reason, action; /* as CamelCase */
	struct nt_slice controller; /* "nametap.io/agent" */
	struct nt_slice instance; /* cut at 128 octets */
	struct nt_slice note; /* any octets: escaped as the log has it, then cut at 1,024 */
	struct nt_kube_ref regarding, related;
};

#define NT_KUBE_EVENT_KEY 0xcbf29ce484222325u
/* FNV-1a over texts, each with its end; begins with NT_KUBE_EVENT_KEY. */
uint64_t nt_kube_event_mix(uint64_t key, struct nt_slice s);

/* The object, appended. -EINVAL: namespace or stem are no names; -ENOMEM. */
int nt_kube_event_format(const struct nt_kube_event *e, struct nt_buf *out) NT_MUSTCHECK;
/* Where it is posted, appended. core: see NT_KUBE_EVENT_ABSENT. */
void nt_kube_event_path(struct nt_slice namespace_, bool core, struct nt_buf *out);
/* The same Event for the core API (v1): its names of the fields. False: no memory. */
bool nt_kube_event_to_core(json_t *event) NT_MUSTCHECK;

enum nt_kube_event_fate {
	NT_KUBE_EVENT_TAKEN = 0,
	NT_KUBE_EVENT_KNOWN = 1, /* it was there already */
	NT_KUBE_EVENT_LATER = 2, /* somebody may mend it, or time does */
	NT_KUBE_EVENT_NEVER = 3, /* this one is refused */
	NT_KUBE_EVENT_GONE = 4, /* the namespace is gone, or going: it takes none any more */
	NT_KUBE_EVENT_ABSENT = 5, /* the API does not serve events.k8s.io/v1: ask the core API */
};
enum nt_kube_event_fate nt_kube_event_fate(const struct nt_kube_answer *answer);
