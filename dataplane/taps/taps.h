/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pinned BPF objects: open or load and pin them, attach and detach a pod's host link, keep the
 * pods' records. The one library that both the plugin and the agent use. A pin root belongs to one
 * host network namespace and one boot (T19); a stranger's root is an error, not a takeover. Not
 * thread-safe; between processes the root's lock (flock on a file in the state folder) serialises
 * loading, attaching and detaching. Links statically: libbpf, libelf, zlib, libnl-route only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "dataplane/abi.h"
#include "dataplane/taps/linkstats.h"
#include "dataplane/taps/loadkeys.h"
#include "lib/base/err.h"

#define NT_STATE_DIR_DEFAULT "/run/nametap"

struct nt_taps;

struct nt_taps_config {
	const char *pin_root; /* NULL: NT_PIN_ROOT_DEFAULT; its parent must be a bpffs */
	const char *state_dir; /* NULL: NT_STATE_DIR_DEFAULT; made with mode 0700 */
	struct nt_loadkeys load; /* when loading; with upgrade other ports are a reason to load */
	bool must_exist; /* -ENOENT instead of loading: a DEL must not load anything */
	bool only_pods; /* for attaching and detaching alone (plugin): other maps stay closed */
	bool upgrade; /* pinned programs of an older build are replaced by this build's (agent) */
	bool no_tcx; /* clsact alone, as on a kernel without tcx */
};

/* For nt_taps_detach: the caller was told of no netns, or of one that does not exist any more. */
#define NT_NETNS_GONE ((__u64)-1)

/*
 * Generations. The agent owns the objects: it opens with `upgrade`, and where the pinned programs
 * are of another build (nt_meta.object_build) or have other ports, and are not of a newer version
 * (object_version), it loads its own with the SAME pinned maps, as the next epoch, and pins them in
 * place of the old ones.
 * Filters and links get them one by one by nt_hooks_settle, each in one step, so that every packet
 * meets the old program or the new one; sequence numbers go on. The plugin uses what is pinned,
 * older or newer.
 *
 * Another NT_ABI_VERSION has other maps. The agent takes over from it, be it older or newer: maps
 * that programs write are shared by both (numbers and ring go on), the others are copied, the root
 * is exchanged, then each program of each link in one step. What the ring has of theirs is read by
 * nt_taps_layouts. All of it under the root's lock; killed at any moment the next agent finishes.
 * A plugin of another version than the root's gets -EPROTO, one that has had the old root open
 * -ESTALE: it opens again.
 */

/* Opens the pins of the root, or, when there are none, loads the objects and pins them (first a
 * neighbour folder, then one rename). Raises RLIMIT_MEMLOCK where the kernel is older than 5.11.
 * -EPERM: not root; -EEXIST: the root belongs to somebody else; -EPROTO: another ABI version, and
 * with upgrade one that cannot be taken over from (nothing is changed then). */
int nt_taps_open(const struct nt_taps_config *config, struct nt_taps **ret_taps,
		 struct nt_err *err) NT_MUSTCHECK;
/* Closes descriptors; pins and programs stay. */
void nt_taps_close(struct nt_taps *t);

/* Descriptors of the pinned maps, borrowed. */
int nt_taps_events_fd(const struct nt_taps *t);
int nt_taps_counters_fd(const struct nt_taps *t);
int nt_taps_pods_fd(const struct nt_taps *t);
int nt_taps_endpoints_fd(const struct nt_taps *t);
int nt_taps_drain_fd(const struct nt_taps *t);
int nt_taps_shares_fd(const struct nt_taps *t);
struct nt_meta nt_taps_meta(const struct nt_taps *t);
/* After an open with `upgrade`: how events of other ABI versions lie that may be in the ring.
 * Borrowed; NULL: there are none. */
struct nt_layouts;
const struct nt_layouts *nt_taps_layouts(const struct nt_taps *t);
/* The ring was found empty since, and nobody else writes such events. True: all is said and done;
 * false: there was nothing to forget, or a link may run programs of another version still. */
bool nt_taps_forget_layouts(struct nt_taps *t);
/* Number of possible CPUs: per-CPU values come as so many. */
int nt_taps_cpus(const struct nt_taps *t);

/*
 * Makes the pod known and attaches both programs to its host link (clsact, own priority and handle,
 * the qdisc is never deleted; where clsact is refused and the kernel has it, tcx, which takes some
 * 30 ms). pod: identity fields and ifindex set by the caller; ep_id, times,
 * epoch and state are set here and written back. A live attachment under the same (container id,
 * ifname) is ended first, as by nt_taps_end (T18); a second call with the same netns and ifindex is
 * a no-op that succeeds (T27), and so is the first for what was adopted without a container id: pod
 * is then what is recorded. The pod's records are written before the programs are attached. On
 * failure nothing is left.
 */
int nt_taps_attach(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err) NT_MUSTCHECK;

/*
 * A pod that runs already. netns: path of its network namespace; pod: identity fields and ifname
 * set by the caller. The host link is found and proven under the root's lock, so that neither ADD
 * nor DEL of the same container comes in between. Returns 1 when it is attached now (origin
 * NT_ORIGIN_ADOPTED), 0 when there is nothing to do: the link or (container id, ifname) has a live
 * attachment, or a DEL has ended this very one. One id may stand for all sandboxes of a pod
 * (nt_podinfo_stand_in): a live attachment under it in another namespace is ended, as by
 * nt_taps_end. As nt_hostlink_find and nt_taps_attach otherwise.
 */
int nt_taps_adopt(struct nt_taps *t, const char *netns, struct nt_pod *pod,
		  struct nt_err *err) NT_MUSTCHECK;

/*
 * Is the record of a tap still true? netns: a path of the record's network namespace, NULL when
 * none can be seen (then only that the link is there is checked). Closes the record when its host
 * link is gone or is another pod's by now, or when its DEL came and no netns was seen for a minute,
 * and returns NT_VERIFY_ENDED where a DEL had come, else
 * NT_VERIFY_LOST, with the reason in the record; 0: it is true, or not tapped.
 */
enum nt_verify { NT_VERIFY_LOST = 1, NT_VERIFY_ENDED = 2 };

int nt_taps_verify(struct nt_taps *t, __u64 ep_id, const char *netns,
		   struct nt_err *err) NT_MUSTCHECK;

/*
 * Ends the live attachment of (container id, ifname) now; its counters and record
 * stay until nt_taps_forget. Acts only when the netns is the recorded one (T18), whose inode the
 * caller keeps from being given to another one; with NT_NETNS_GONE only when the recorded link is
 * gone or another's by now, or its peer's netns has ended; with netns_ino 0 in any case. Programs
 * are removed when the link is still there and ours.
 * Returns 0 also when there is nothing to do.
 */
int nt_taps_detach(struct nt_taps *t, const char *container_id, const char *ifname, __u64 netns_ino,
		   struct nt_err *err) NT_MUSTCHECK;

/*
 * DEL: as nt_taps_detach when the link is gone. While it is there the record becomes ENDING, not
 * live any more, but tapped until the link goes: a chain is deleted from its end, so other plugins
 * take it down after ours, and what a pod sends until then is the pod's. nt_taps_verify ends it, or
 * whoever needs its room or its link's index.
 */
int nt_taps_end(struct nt_taps *t, const char *container_id, const char *ifname, __u64 netns_ino,
		struct nt_err *err) NT_MUSTCHECK;

/*
 * GC: ends, as nt_taps_end does, the live attachments of `network` that is_valid does not know and
 * that were made before before_boot_ns (CLOCK_BOOTTIME: the runtime's list may not have
 * newer ones). Those of other networks stay, and those that the agent found without a network's
 * name. Returns how many were ended; where one could not be, the others are, and the error is
 * returned.
 */
typedef bool nt_taps_valid_fn(void *ctx, const char *container_id, const char *ifname);
int nt_taps_gc(struct nt_taps *t, const char *network, __u64 before_boot_ns,
	       nt_taps_valid_fn *is_valid, void *ctx, struct nt_err *err) NT_MUSTCHECK;

/*
 * The live attachment that a runtime tells of: that of (container id, ifname); else one that was
 * adopted without a container id (podinfo.h, nt_podinfo_stand_in), by the host link of the
 * interface in the namespace at `netns` (NULL or "": not told), or by UID when there is none: that
 * may be another sandbox of the same pod, so that the other verbs are told the namespace, too.
 * told: container id, ifname and UID, the last one may be empty. -ENOENT.
 */
int nt_taps_find_told(struct nt_taps *t, const char *netns, const struct nt_pod *told,
		      struct nt_pod *ret_pod) NT_MUSTCHECK;

/* The live attachment of (container id, ifname); -ENOENT. */
int nt_taps_find(struct nt_taps *t, const char *container_id, const char *ifname,
		 struct nt_pod *ret_pod) NT_MUSTCHECK;

/* CHECK: the record is there, both programs are attached to the link. -ENOENT with the reason. */
int nt_taps_check(struct nt_taps *t, const char *container_id, const char *ifname,
		  struct nt_err *err) NT_MUSTCHECK;

/* The agent has stored a detached pod's last record: removes record and counters. -EBUSY while the
 * pod is attached; 0 also when it is not there. */
int nt_taps_forget(struct nt_taps *t, __u64 ep_id, struct nt_err *err) NT_MUSTCHECK;

/* One pod; -ENOENT. */
int nt_taps_pod_get(struct nt_taps *t, __u64 ep_id, struct nt_pod *ret_pod) NT_MUSTCHECK;
/* All pods and tombstones, in no order; fn returns false to stop. */
typedef bool nt_taps_pod_fn(void *ctx, const struct nt_pod *pod);
int nt_taps_pods(struct nt_taps *t, nt_taps_pod_fn *fn, void *ctx, struct nt_err *err) NT_MUSTCHECK;
/* What both ends of a host link counted (linkstats.h): -ENODEV, -ENOENT; -EIO: no netlink. */
int nt_taps_link_stats(struct nt_taps *t, __u32 ifindex,
		       struct nt_linkstats *ret_stats) NT_MUSTCHECK;
/* The counters of one endpoint, one value per possible CPU (nt_taps_cpus of them); -ENOENT. */
int nt_taps_counters(struct nt_taps *t, __u64 ep_id, struct nt_counters *ret_values) NT_MUSTCHECK;

/* --- policies: the agent is the only writer, but for nt_taps_inherit --- */

/* The secret of the suffix hash (lib/policy/suffix.h), made at load. */
int nt_taps_rules_key(struct nt_taps *t, struct nt_rules_key *ret_key) NT_MUSTCHECK;

/* One compiled rule: what nt_policy_compile gives, without this library knowing lib/policy. */
struct nt_taps_rule {
	__u64 hash;
	__u32 flags; /* enum nt_rule_flag */
};

/* Writes all rules, then the slot's entry (published_boot_ns and rules are set here). Nobody reads
 * it before an endpoint refers to it. ret_slot: a number that no slot has and that was not freed
 * within the last 2 s. -ENOSPC: rules or slots are full, nothing is left. */
int nt_taps_slot_publish(struct nt_taps *t, const struct nt_slot *slot,
			 const struct nt_taps_rule *rules, size_t rules_len, __u32 *ret_slot,
			 struct nt_err *err) NT_MUSTCHECK;
/* Removes the slot's entry and its rules. The caller has taken it from all endpoints 2 s ago. */
int nt_taps_slot_remove(struct nt_taps *t, __u32 slot, struct nt_err *err) NT_MUSTCHECK;
/* All slots, also those of an agent that was killed; half-published rules have no entry and are
 * removed by nt_taps_slots_sweep. */
typedef bool nt_taps_slot_fn(void *ctx, __u32 slot, const struct nt_slot *value);
int nt_taps_slots(struct nt_taps *t, nt_taps_slot_fn *fn, void *ctx,
		  struct nt_err *err) NT_MUSTCHECK;
int nt_taps_slots_sweep(struct nt_taps *t, struct nt_err *err) NT_MUSTCHECK;

/* Puts slots (with NT_SLOT_AUDIT where so) in force for an attached pod, at once for the next
 * packet: the scope first, then the endpoint. -ENOENT: not attached. */
int nt_taps_endpoint_set(struct nt_taps *t, __u64 ep_id, const __u32 *slots, size_t slots_len,
			 const struct nt_scope_set *scope, struct nt_err *err) NT_MUSTCHECK;
/*
 * No agent answers: `pod`, attached and without policies, gets those of the pod of its kind which
 * was attached last, there still or detached, if they are pinned still (T16). Of its kind: the same
 * namespace, and a name that differs only in what a controller appends, five of its letters or a
 * number. Under the root's lock, so that no slot is freed in between. Returns 1 with that pod's
 * name in ret_from (its own where policies are in force already), 0: there is none; -ENOENT: not
 * attached.
 */
int nt_taps_inherit(struct nt_taps *t, const struct nt_pod *pod, char ret_from[256],
		    struct nt_err *err) NT_MUSTCHECK;
/* What is in force; -ENOENT. */
int nt_taps_endpoint_get(struct nt_taps *t, __u64 ep_id, struct nt_endpoint *ret_endpoint,
			 struct nt_scope_set *ret_scope) NT_MUSTCHECK;

/* Removes programs from all recorded links, then the pins and the state folder's files: uninstall,
 * and the end of a test. */
int nt_taps_remove(const struct nt_taps_config *config, struct nt_err *err) NT_MUSTCHECK;
