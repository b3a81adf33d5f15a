/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of this folder only: the open handle, the root's lock, tc filters and the
 * pods' records. Callers hold the lock wherever something is written.
 */
#pragma once

#include <limits.h>

#include "dataplane/taps/layout.h"
#include "dataplane/taps/taps.h"

/* A pin root or state folder leaves room for the names below it. */
#define NT_ROOT_MAX (PATH_MAX - 64)

struct nt_taps {
	char pin_root[NT_ROOT_MAX];
	char state_dir[NT_ROOT_MAX];
	int events_fd;
	int drain_fd;
	int shares_fd;
	int endpoints_fd;
	int counters_fd;
	int pods_fd;
	int live_fd;
	int meta_fd;
	int rules_fd;
	int slots_fd;
	int scopes_fd;
	int rules_key_fd;
	int prog_fd[NT_DIR_MAX];
	__u32 prog_id[NT_DIR_MAX];
	__u32 counters_id; /* of the map: a program that uses it is ours, of whatever generation */
	__u32 endpoints_id; /* the same of this ABI version's programs */
	int cpus;
	__u64 opened_boot_ns;
	int copy_fd[NT_DIR_MAX]; /* see nt_taps_copy; -1 until then */
	struct nt_linkstats_reader *links; /* NULL before the first question */
	bool only_pods; /* as the config says; then the other descriptors are -1 */
	bool kernel_has_tcx;
	bool has_tcx; /* and it may be used */
	struct nt_layouts *layouts; /* nt_taps_layouts; NULL: there are none */
	bool is_taken_over; /* no link runs programs of another ABI version any more */
};

/* --- lock.c --- */

/* Takes the root's lock; -ETIMEDOUT after 10 s, so that a stuck process does not stop pods for
 * ever. Close the descriptor to give it back. */
int nt_taps_lock(const char *state_dir, int *ret_fd, struct nt_err *err) NT_MUSTCHECK;
/* The same, and makes sure that the root is the one that t has open. -ENOENT: there is none any
 * more; -ESTALE: it was made anew, or an agent of another ABI version has taken it over. */
int nt_taps_lock_root(const struct nt_taps *t, int *ret_fd, struct nt_err *err) NT_MUSTCHECK;
int nt_taps_map_id(const struct nt_taps *t, int fd, __u32 *ret_id, struct nt_err *err) NT_MUSTCHECK;

/* --- taps.c --- */

/* Pins fd at path, in place of what is there: whoever opens it gets the one or the other. */
int nt_taps_put_pin(const char *path, int fd, struct nt_err *err) NT_MUSTCHECK;
/* Copies paths with their defaults into t; -EINVAL or -ENAMETOOLONG. */
int nt_taps_set_paths(struct nt_taps *t, const struct nt_taps_config *config,
		      struct nt_err *err) NT_MUSTCHECK;
/* The neighbour folder with that suffix ("_new", "_old"). */
void nt_taps_neighbour(const struct nt_taps *t, const char *suffix, char out[PATH_MAX]);
/* Removes such a folder with its pins; nothing happens when there is none. */
void nt_taps_remove_folder(const char *folder);
/* Removes what a killed process left beside the root; puts back a root that one had moved away. */
void nt_taps_clean(const struct nt_taps *t);
/* Name of the i-th pin; NULL behind the last. */
const char *nt_taps_pin_name(unsigned i);

/* --- owner.c --- */

/* Who we are, as it is written into a new root. */
int nt_taps_owner(struct nt_meta *meta, struct nt_err *err) NT_MUSTCHECK;
/* -EEXIST: the root of that meta is another network namespace's or boot's. */
int nt_taps_check_owner(const struct nt_taps *t, const struct nt_meta *meta,
			struct nt_err *err) NT_MUSTCHECK;

/* --- load.c --- */

/* Loads the objects, pins them beside the root and renames. Root must not exist. */
int nt_taps_load(struct nt_taps *t, const struct nt_taps_config *config,
		 struct nt_err *err) NT_MUSTCHECK;
/* Replaces the pinned programs by this build's where those are older or have other ports than said,
 * keeping the maps that t has open. Returns 1 when it did (t's programs are the old ones still), 0
 * when there was no need. */
int nt_taps_upgrade(struct nt_taps *t, const struct nt_loadkeys *said,
		    struct nt_err *err) NT_MUSTCHECK;
/* Puts objects of ours in the place of a root of another ABI version. Links run its programs still
 * (nt_hooks_take_over). What cannot be done leaves everything as it was. */
int nt_taps_take_over(struct nt_taps *t, const struct nt_loadkeys *said,
		      struct nt_err *err) NT_MUSTCHECK;
/* How events of other ABI versions lie, into t->layouts. */
int nt_taps_read_layouts(struct nt_taps *t, struct nt_err *err) NT_MUSTCHECK;
/* Loads the programs once more over the same maps, into copy_fd: the kernel takes no program twice
 * in one chain. Nothing to do when they are there. */
int nt_taps_copy(struct nt_taps *t, struct nt_err *err) NT_MUSTCHECK;
/* Descriptor of the pin of that name; -1: there is none. */
int nt_taps_pin_fd(const struct nt_taps *t, const char *name);
/* For programs of which t's map behind fd is one: -EPROTO when it is laid out otherwise. */
struct bpf_map;
int nt_taps_reuse_map(struct bpf_map *map, int fd, struct nt_err *err) NT_MUSTCHECK;
/* Tells builds apart (FNV-1a); nobody has a reason to forge one. */
#define NT_DIGEST_BASIS 0xcbf29ce484222325ULL
__u64 nt_taps_digest(__u64 basis, const void *octets, size_t len);
/* True for a program of this root, of the pinned generation or another. */
bool nt_taps_is_ours(const struct nt_taps *t, enum nt_dir dir, __u32 prog_id);
/* True for such a program of another ABI version: what is written into our maps it does not see. */
bool nt_taps_is_foreign(const struct nt_taps *t, enum nt_dir dir, __u32 prog_id);

/* --- hooks.c --- */

/* Puts the pinned programs in place of those of another ABI version, each in one step, in whatever
 * hook they are; the caller has the lock. Returns how many links could not be done: the keeper
 * tries again. */
int nt_hooks_take_over(struct nt_taps *t, struct nt_err *err) NT_MUSTCHECK;

/* --- rules.c --- */

/* An attached pod and its link's entry; -ENOENT. */
int nt_endpoint_find(struct nt_taps *t, __u64 ep_id, struct nt_pod *ret_pod,
		     struct nt_endpoint *ret_ep, struct nt_err *err) NT_MUSTCHECK;
/* What is in force for an attached pod: the scope first, then the endpoint. */
int nt_endpoint_put(struct nt_taps *t, const struct nt_pod *pod, const struct nt_endpoint *ep,
		    const struct nt_scope_set *scope, struct nt_err *err) NT_MUSTCHECK;

/* --- tc.c --- */

/* Makes the clsact qdisc if need be; -EBUSY when something else sits in its place. */
int nt_tc_prepare(__u32 ifindex, struct nt_err *err) NT_MUSTCHECK;
/* Our filter; replaces an older one of ours, so that each packet meets one of them. */
int nt_tc_attach(__u32 ifindex, enum nt_dir dir, int prog_fd, struct nt_err *err) NT_MUSTCHECK;
/* Removes our filter when it runs a program of this root; else nothing. */
void nt_tc_detach(const struct nt_taps *t, __u32 ifindex, enum nt_dir dir);
/* The program that our filter runs; 0 when there is none. */
__u32 nt_tc_program(__u32 ifindex, enum nt_dir dir);

struct nt_tc_view {
	__u32 prog_id; /* as nt_tc_program */
	bool is_shadowed; /* another filter runs before it */
	unsigned filters; /* of anybody */
};
/* Lists the filters of a direction; -errno (-ENODEV: no such link). */
int nt_tc_look(__u32 ifindex, enum nt_dir dir, struct nt_tc_view *ret_view) NT_MUSTCHECK;

/* Uninstall: the clsact qdisc, too, when nobody has a filter in it. It does nothing then, whoever
 * made it; while nametap is in use it is never removed (T13). */
void nt_tc_prune(__u32 ifindex);

/* --- tcx.c --- */

/* The kernel's own limit (BPF_MPROG_MAX). */
#define NT_TCX_MAX 64

/* The programs of a direction, first to last; a link_id is 0 where a program has no link. */
struct nt_tcx_chain {
	unsigned len;
	__u32 prog_ids[NT_TCX_MAX];
	__u32 link_ids[NT_TCX_MAX];
};

bool nt_tcx_is_known(void);
/* -ENODEV: no such link; -EINVAL: the kernel has no tcx. */
int nt_tcx_chain(__u32 ifindex, enum nt_dir dir, struct nt_tcx_chain *ret_chain) NT_MUSTCHECK;
/* A link before all others; it ends with its last descriptor or pin. Waits until nobody runs the
 * chain of before. */
int nt_tcx_attach(__u32 ifindex, enum nt_dir dir, int prog_fd, int *ret_link_fd,
		  struct nt_err *err) NT_MUSTCHECK;
/* In place of a pin that is there already. */
int nt_tcx_pin(const struct nt_taps *t, __u64 ep_id, enum nt_dir dir, int link_fd,
	       struct nt_err *err) NT_MUSTCHECK;
/* Descriptor of the pinned link, or -errno. */
int nt_tcx_open(const struct nt_taps *t, __u64 ep_id, enum nt_dir dir);
/* Removes the pin; the kernel detaches a moment later. */
void nt_tcx_unpin(const struct nt_taps *t, __u64 ep_id, enum nt_dir dir);
/* Detaches (waiting for it), then removes the pin. */
void nt_tcx_drop(const struct nt_taps *t, __u64 ep_id, enum nt_dir dir);
/* Removes pins whose pod is not attached any more. */
void nt_tcx_sweep(struct nt_taps *t);
/* The folder of links below root, with all its pins. */
void nt_tcx_remove_folder(const char *root);

/* --- foreign.c --- */

/* The folder of layouts below root, with all its pins. */
void nt_layouts_remove_folder(const char *root);

/* --- attach.c, for who has the lock --- */

/* nt_taps_attach without taking the lock; pod's origin is the caller's. */
int nt_attach_locked(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err) NT_MUSTCHECK;
/* Ends an attachment with its link: ENDING while that is there and its own, else closed. */
int nt_attach_end(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err) NT_MUSTCHECK;
bool nt_link_exists(__u32 ifindex);
/* Times, epoch and number of a new attachment; writes its records, attaches nothing. */
int nt_attach_record(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err) NT_MUSTCHECK;

/* --- adopt.c --- */

/* The attachment at a host link, if it is recorded under a stand-in (podinfo.h), because adoption
 * knew no container id; -ENOENT. */
int nt_adopted_at(struct nt_taps *t, __u32 ifindex, struct nt_pod *ret_pod) NT_MUSTCHECK;

/* --- pods.c --- */

/* The attached pod under (container id, ifname); -ENOENT. A live entry that a killed process left
 * behind without its record counts as none. */
int nt_pods_find_live(const struct nt_taps *t, const char *container_id, const char *ifname,
		      struct nt_pod *ret_pod) NT_MUSTCHECK;
/* Removes the live entry of a key of which nt_pods_find_live has just found nothing. */
void nt_pods_drop_stale(struct nt_taps *t, const char *container_id, const char *ifname);
/* Removes all live entries without an attached record, which killed processes left behind. */
void nt_pods_sweep_live(struct nt_taps *t);
/* Chooses ep_id and writes live entry, record, counters and endpoint, in this order; on failure
 * nothing of it stays. */
int nt_pods_write(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err) NT_MUSTCHECK;
/* Takes all four away again. */
void nt_pods_unwrite(struct nt_taps *t, const struct nt_pod *pod);
/* Writes counters and endpoint of an attached pod where they are missing, as after a kill. */
int nt_pods_ensure(struct nt_taps *t, const struct nt_pod *pod, struct nt_err *err) NT_MUSTCHECK;
/* Marks the pod as detached (the caller has set pod->end), removes its programs (when the link is
 * ours), endpoint and live entry; record and counters stay. */
int nt_pods_close(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err) NT_MUSTCHECK;
/* DEL came while the link is there: live no more, tapped until the link goes. */
int nt_pods_end(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err) NT_MUSTCHECK;
/* An ending pod's link and netns were there just now. */
int nt_pods_still_there(struct nt_taps *t, struct nt_pod *pod, struct nt_err *err) NT_MUSTCHECK;
/* ep_id of the endpoint at a link; 0 when there is none. */
__u64 nt_pods_at(const struct nt_taps *t, __u32 ifindex);
