/* SPDX-License-Identifier: Apache-2.0 */
/* A program of another CNI: counts the packets that it sees, and ends with a verdict. What fails
 * ends the process. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/abi.h"

enum foreign_end {
	FOREIGN_NEXT = -1, /* TCX_NEXT, TC_ACT_UNSPEC */
	FOREIGN_OK = 0, /* ends the chain, the packet goes on */
	FOREIGN_REDIRECT = 7, /* to where it goes anyway, by bpf_redirect */
};

static inline void foreign_must(bool good, const char *what)
{
	if (!good) {
		perror(what);
		abort();
	}
}

struct foreign {
	int prog;
	int map; /* ARRAY[1] of __u64 */
	int link; /* of tcx, -1 else */
};

/* bpf_redirect(ifindex, flags) where `end` says so; 0 packets so far. */
static inline struct foreign foreign_new(enum foreign_end end, int redirect_to, int redirect_flags)
{
	struct foreign f = { .link = -1 };
	struct bpf_insn insns[] = {
		{ .code = BPF_LD | BPF_DW, .dst_reg = 1, .src_reg = BPF_PSEUDO_MAP_VALUE },
		{ 0 },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = 1 },
		{ .code = BPF_STX | BPF_DW | 0xc0, .dst_reg = 1, .src_reg = 2 }, /* atomic add */
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 1, .imm = redirect_to },
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 2, .imm = redirect_flags },
		{ .code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_redirect },
		{ .code = BPF_JMP | BPF_EXIT },
	};

	if (end != FOREIGN_REDIRECT)
		insns[6] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = end };
	f.map = bpf_map_create(BPF_MAP_TYPE_ARRAY, "foreign", 4, 8, 1, NULL);
	foreign_must(f.map >= 0, "make a map");
	insns[0].imm = f.map;
	f.prog = bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "foreign", "GPL", insns,
			       sizeof(insns) / sizeof(insns[0]), NULL);
	foreign_must(f.prog >= 0, "load a program");
	return f;
}

static inline __u64 foreign_seen(const struct foreign *f)
{
	__u32 zero = 0;
	__u64 n = 0;

	foreign_must(bpf_map_lookup_elem(f->map, &zero, &n) == 0, "read a map");
	return n;
}

/* By tcx, before (all) or after (all); false: the kernel has none. */
static inline bool foreign_tcx(struct foreign *f, __u32 ifindex, enum nt_dir dir, bool before)
{
	struct {
		__u32 prog_fd, ifindex, attach_type, flags, relative_id, pad;
		__u64 revision;
	} attr = { .prog_fd = (__u32)f->prog,
		   .ifindex = ifindex,
		   .attach_type = dir == NT_DIR_FROM_POD ? 46 : 47,
		   .flags = before ? 1u << 3 : 1u << 4 };

	f->link = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));
	foreign_must(f->link >= 0 || errno == EINVAL, "make a tcx link");
	return f->link >= 0;
}

/* A clsact filter of that priority. */
static inline void foreign_filter(const struct foreign *f, __u32 ifindex, enum nt_dir dir,
				  unsigned priority)
{
	struct bpf_tc_hook hook;
	struct bpf_tc_opts opts;

	memset(&hook, 0, sizeof(hook));
	hook.sz = sizeof(hook);
	hook.ifindex = (int)ifindex;
	hook.attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS;
	(void)bpf_tc_hook_create(&hook);
	hook.attach_point = dir == NT_DIR_FROM_POD ? BPF_TC_INGRESS : BPF_TC_EGRESS;
	memset(&opts, 0, sizeof(opts));
	opts.sz = sizeof(opts);
	opts.prog_fd = f->prog;
	opts.priority = priority;
	opts.handle = 1;
	foreign_must(bpf_tc_attach(&hook, &opts) == 0, "attach a filter");
}

static inline void foreign_free(struct foreign *f)
{
	if (f->link >= 0)
		close(f->link);
	close(f->prog);
	close(f->map);
}
