/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel, or a file system, that lacks something: a seccomp filter answers just the system calls
 * that ask for it, with the error that they get there. It cannot be taken off, and holds for what
 * the process starts, too. Root; before there are threads.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/bpf.h>
#include <linux/filter.h>
#include <linux/netlink.h>
#include <linux/seccomp.h>

/* Of an argument, the bits in mask are those of value. */
struct refuse_argument {
	unsigned index;
	uint32_t mask, value;
};

#define WHOLE UINT32_MAX

static const struct refuse_feature {
	const char *name;
	uint32_t call;
	uint32_t error;
	struct refuse_argument arguments[2]; /* with mask 0 any will do */
} refuse_features[] = {
	/* CONFIG_MEMBARRIER */
	{ "membarrier", __NR_membarrier, ENOSYS, {} },
	/* SO_NETNS_COOKIE, kernel 5.14 */
	{ "netns-cookie",
	  __NR_getsockopt,
	  ENOPROTOOPT,
	  { { 1, WHOLE, SOL_SOCKET }, { 2, WHOLE, 71 } } },
	/* Kernel 6.6; nothing else of ours asks what is attached in this way. */
	{ "tcx", __NR_bpf, EINVAL, { { 0, WHOLE, BPF_PROG_QUERY } } },
	/* CONFIG_NETFILTER_NETLINK */
	{ "conntrack",
	  __NR_socket,
	  EPROTONOSUPPORT,
	  { { 0, WHOLE, AF_NETLINK }, { 2, WHOLE, NETLINK_NETFILTER } } },
	/* The user's instances are all taken (fs.inotify.max_user_instances). */
	{ "inotify", __NR_inotify_init1, EMFILE, {} },
	/* What file systems have or have not. */
	{ "rename-exchange", __NR_renameat2, EINVAL, { { 4, RENAME_EXCHANGE, RENAME_EXCHANGE } } },
	{ "leases", __NR_fcntl, EINVAL, { { 1, WHOLE, F_SETLEASE } } },
	{ "o-tmpfile", __NR_openat, EOPNOTSUPP, { { 2, O_TMPFILE, O_TMPFILE } } },
};

#define REFUSE_FEATURES (sizeof(refuse_features) / sizeof(refuse_features[0]))

/* The feature of that name; NULL. */
static inline const struct refuse_feature *refuse_find(const char *name)
{
	for (size_t i = 0; i < REFUSE_FEATURES; i++) {
		if (strcmp(refuse_features[i].name, name) == 0)
			return &refuse_features[i];
	}
	return NULL;
}

/* Arguments are compared by their lower halves (of a little-endian machine). -1 with errno. */
static inline int refuse_install(const struct refuse_feature *f)
{
	const struct refuse_argument *a = &f->arguments[0], *b = &f->arguments[1];
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, f->call, 0, 7),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[a->index])),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, a->mask),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, a->value, 0, 4),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[b->index])),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, b->mask),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, b->value, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | f->error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
