/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods that are not tapped, as Kubernetes Events (events.k8s.io/v1, which every API server
 * from 1.19 on takes): `kubectl describe pod` says why. One Event per pod and reason: its name is
 * made of both, so that neither a repeated POST nor an agent that starts anew makes a second one.
 * It is posted again every half hour for as long as it is true, because the API forgets Events
 * after an hour. Bounded queue, bounded rate, one request at a time; belongs to the loop's thread.
 */
#pragma once

#include "dataplane/agent/failed.h"
#include "lib/base/clock.h"
#include "lib/base/loop.h"
#include "lib/kube/client.h"

/* As many as wait at most, some 1.5 KiB each; more are counted, and come with a later look. */
#define NT_PODEVENTS_QUEUE 256
/* A burst, then one a second: what client-go's own rate for a busy source comes to. */
#define NT_PODEVENTS_BURST 25
#define NT_PODEVENTS_AGAIN_NS (1200 * NT_NS_PER_S)

struct nt_podevents_stats {
	uint64_t posted; /* taken by the API */
	uint64_t known; /* were there already */
	uint64_t failed; /* refused, or given up after several attempts */
	uint64_t dropped; /* no room in the queue */
	uint64_t waiting; /* now */
};

struct nt_podevents;

/* kube, loop, clock, node: borrowed. */
int nt_podevents_new(struct nt_kube *kube, struct nt_loop *loop, struct nt_clock *clock,
		     const char *node, struct nt_podevents **ret_events,
		     struct nt_err *err) NT_MUSTCHECK;
void nt_podevents_free(struct nt_podevents *p);
/* Queues what is new among the pods that are not tapped. Those that are excluded on purpose, and
 * those that no namespace is known of (a podman's), are left out. */
void nt_podevents_look(struct nt_podevents *p, const struct nt_failed *failed);
struct nt_podevents_stats nt_podevents_stats(const struct nt_podevents *p);
