/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cgroup_skb programs of the host network: loaded and pinned in `<pin root>_host`, replaced in
 * place, looked at, put back. For hostnet.c. Not thread-safe, but that look and repair may be
 * called by one other thread than the rest.
 */
#pragma once

#include <limits.h>
#include <linux/bpf.h>
#include <stdbool.h>

#include "dataplane/abi.h"
#include "lib/base/err.h"

struct nt_taps;

enum nt_host_hook {
	NT_HOST_HOOK_SOCKET = 0, /* before the first packet of a socket */
	NT_HOST_HOOK_EGRESS = 1,
	NT_HOST_HOOK_INGRESS = 2,
	NT_HOST_HOOK_MAX = 3,
};

enum nt_host_map {
	NT_HOST_MAP_GROUPS = 0,
	NT_HOST_MAP_NUMBERS = 1,
	NT_HOST_MAP_CONF = 2,
	NT_HOST_MAP_MAX = 3,
};

struct nt_hostprogs {
	struct nt_taps *taps; /* borrowed */
	int cgroup_fd; /* owned */
	int map_fds[NT_HOST_MAP_MAX];
	bool wants_socket; /* else that hook is not used */
	struct {
		int prog_fd, link_fd; /* -1: none; a link may be detached, too */
	} hooks[NT_HOST_HOOK_MAX];
};

void nt_hostprogs_init(struct nt_hostprogs *p, struct nt_taps *taps);
void nt_hostprogs_done(struct nt_hostprogs *p);

/*
 * Takes over what is pinned when it is what conf says; else replaces the programs of the pinned
 * links, each in one step, with the same maps, so that numbers go on; else, where the maps are of
 * another root or layout, attaches everything anew and then ends what was there (ret_is_new:
 * numbers begin at 0, and nothing is counted before the map of groups has an entry). p->cgroup_fd
 * is set by the caller. Links that somebody detached stay so until nt_hostprogs_repair. cookie: of
 * the host's network namespace, 0 when unknown. When the kernel refuses the new programs and old
 * ones run, these stay: conf says then what is in force and old_why the reason ("" else).
 */
int nt_hostprogs_open(struct nt_hostprogs *p, struct nt_host_conf *conf, __u64 cookie,
		      bool *ret_is_new, struct nt_err *old_why, struct nt_err *err) NT_MUSTCHECK;

/* Do the links run our programs? *ret_pinned: and would they do so without this process? */
bool nt_hostprogs_look(const struct nt_hostprogs *p, bool *ret_pinned);
/* Puts back what is missing: links, programs of links, pins. */
int nt_hostprogs_repair(struct nt_hostprogs *p, struct nt_err *err) NT_MUSTCHECK;

/* Does this kernel let programs of that type call the helper? */
bool nt_hostprogs_can_call(enum bpf_prog_type type, enum bpf_func_id helper);

/* Detaches and unpins what a killed process left: programs that it had attached and not put in
 * force, which run for each packet and count nothing. */
void nt_hostprogs_clean(const char *pin_root);
/* Detaches and unpins all, remains of killed processes, too. */
void nt_hostprogs_remove(const char *pin_root);

/* --- between hostprogs.c and hostload.c --- */

extern const char *const nt_hostprogs_hook_pins[NT_HOST_HOOK_MAX];
extern const char *const nt_hostprogs_map_pins[NT_HOST_MAP_MAX];

bool nt_hostprogs_wants(const struct nt_hostprogs *p, enum nt_host_hook hook);
void nt_hostprogs_close_hook(struct nt_hostprogs *p, enum nt_host_hook hook);
/* Maps and hooks; pins stay. */
void nt_hostprogs_close_objects(struct nt_hostprogs *p);
/* The folder of pins, with a suffix its neighbour. */
void nt_hostprogs_folder(const char *pin_root, const char *suffix, char out[PATH_MAX]);
void nt_hostprogs_unpin(const char *folder, const char *name);
void nt_hostprogs_remove_folder(const char *folder);
/* Does the link lead to the cgroup, with whatever program; with ours? */
bool nt_hostprogs_is_attached(const struct nt_hostprogs *p, enum nt_host_hook hook);
bool nt_hostprogs_is_in_place(const struct nt_hostprogs *p, enum nt_host_hook hook);
/* In place where the link is attached, so that each packet meets the old program or the new one;
 * else by a new link, which is not pinned yet. */
int nt_hostprogs_put_program(struct nt_hostprogs *p, enum nt_host_hook hook,
			     struct nt_err *err) NT_MUSTCHECK;
/* What is missing of a hook, or of all and the maps, with its pins in folder, made if need be. */
int nt_hostprogs_put_hook(struct nt_hostprogs *p, enum nt_host_hook hook, const char *folder,
			  struct nt_err *err) NT_MUSTCHECK;
int nt_hostprogs_put_all(struct nt_hostprogs *p, const char *folder,
			 struct nt_err *err) NT_MUSTCHECK;
