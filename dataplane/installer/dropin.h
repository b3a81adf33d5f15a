/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is libcni's drop-in folder honoured by this node's runtime? libcni reads `<net.d>/<network>/` and
 * its files `*.conf` behind a list's own plugins since 1.3.0 (LoadNetworkConf's
 * NetworkPluginConfsFromFiles), older ones do not, and which one a runtime has says nobody. So it
 * is tried: our file lies there *and* our entry is in the list (the plugin does one ADD once),
 * until the plugin was called through the drop-in, for an ADD and for a DEL. DEL counts, because a
 * runtime that takes the cached configuration for it (CRI-O) gets the list without drop-ins: libcni
 * caches the file's octets only. Then the list is given back as it was. It is watched for ever: a
 * sandbox that was made without an ADD of ours means that the runtime was exchanged for an older
 * one: back to the list.
 *
 * Pure: facts in, phase out.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum nt_dropin_phase {
	NT_DROPIN_OFF = 0, /* not possible, or not wanted: the list only */
	NT_DROPIN_TRYING = 1, /* both */
	NT_DROPIN_PROVEN = 2, /* the drop-in only */
	NT_DROPIN_REFUTED = 3, /* the list only */
};

/* Times are CLOCK_REALTIME, ns since 1970; 0: never. */
struct nt_dropin_facts {
	bool possible;
	int64_t now;
	int64_t placed; /* our file in the drop-in folder */
	int64_t dropin_add, dropin_del; /* last calls of the plugin through the drop-in */
	int64_t chain_add, chain_del; /* through the list */
	int64_t sandbox; /* newest entry of the runtime's cache for this network */
};

struct nt_dropin {
	enum nt_dropin_phase phase;
	/* First call through the list since the trial began that the drop-in has not answered. */
	int64_t unanswered_add, unanswered_del;
	int64_t proven_at;
	uint64_t fallbacks;
};

/* Longest time between our call and the end of its ADD, and for a runtime to read its folder. */
#define NT_DROPIN_PATIENCE_NS 10000000000LL

/* The phase from now on. A phase that is REFUTED stays so until the network changes
 * (nt_dropin_reset). */
enum nt_dropin_phase nt_dropin_decide(struct nt_dropin *d, const struct nt_dropin_facts *f);
/* Another network, or a new start. */
void nt_dropin_reset(struct nt_dropin *d);
