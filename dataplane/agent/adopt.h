/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pods that were there before: those without a live attachment are found in the runtime's CNI
 * cache, else in the list of pods, and tapped; records whose link went without a DEL are closed.
 * A pod that cannot be tied to exactly one veth is not tapped, and a note for coverage says why.
 *
 * What is proof: for a cached entry, that the interface is in the netns that the runtime named and
 * its peer on this host. For a pod of the list, whose address alone is known, that exactly one
 * network namespace here has that address on a veth, and that the node sends to the address through
 * that very veth or its bridge. Blocks for as long as the kernel takes to answer (netlink, /proc);
 * one thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/taps/taps.h"
#include "lib/objects/objects.h"

struct nt_adopt_config {
	struct nt_taps *taps;
	const char *state_dir; /* notes of what could not be tapped */
	const char *cache_dir; /* the runtime's CNI cache; NULL: not looked at */
	const char *node; /* whose pods of the list are ours */
	const char *cluster_domain;
	const struct nt_objects *objects; /* NULL: no list */
	const char *excluded; /* namespaces whose pods are left alone, "a,b"; NULL: none */
	const char *proc, *named_netns; /* NULL: /proc, /run/netns */
};

struct nt_adopt_stats {
	uint64_t adopted; /* attachments made */
	uint64_t lost; /* records closed because their link was gone or another's */
	uint64_t failed; /* pods that are not tapped, at the last look */
	uint64_t bad_entries; /* cache files that are no entries, at the last look */
	uint64_t looks;
};

struct nt_adopt;

/* Everything in config is borrowed. */
int nt_adopt_new(const struct nt_adopt_config *config, struct nt_adopt **ret_adopt,
		 struct nt_err *err) NT_MUSTCHECK;
void nt_adopt_free(struct nt_adopt *a);

/* Has the folder of the cache or a list of objects changed since the last look? Costs one stat. */
bool nt_adopt_has_news(const struct nt_adopt *a);
/* One look: records first, then pods. Cheap when cache and objects are as at the last look. */
void nt_adopt_look(struct nt_adopt *a);
struct nt_adopt_stats nt_adopt_stats(const struct nt_adopt *a);
