/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place of its own for a BPF test: mount and network namespaces that end with the process, a
 * bpffs in them, one CPU, and a reader of the ring. lab_enter() once in main(), before Check forks.
 */
#pragma once

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/taps/hooks.h"
#include "dataplane/taps/hostnet.h"

#define LAB "/run/nt-lab" /* on a tmpfs that only this process sees */
#define LAB_ROOT LAB "/bpf/nametap"
#define LAB_STATE LAB "/state"

static inline void lab_die(const char *what)
{
	perror(what);
	exit(99);
}

/* Per-CPU sequences are checked, so tests stay on one CPU. */
static inline void lab_one_cpu(void)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(sched_getcpu(), &set);
	if (sched_setaffinity(0, sizeof(set), &set) == -1)
		lab_die("sched_setaffinity");
}

static inline void lab_enter(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") == -1 || mkdir(LAB, 0700) == -1 ||
	    mkdir("/run/netns", 0755) == -1 || mkdir(LAB "/bpf", 0700) == -1 ||
	    mount("bpf", LAB "/bpf", "bpf", 0, "mode=0700") == -1)
		lab_die("a namespace for the test (root is needed)");
	lab_one_cpu();
}

/* The clock of events. */
static inline __u64 lab_boot_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_BOOTTIME, &now);
	return (__u64)now.tv_sec * 1000000000ULL + (__u64)now.tv_nsec;
}

/* Runs a command line of ours and fails the test when it fails. */
static inline void lab_run(const char *line)
{
	int status = system(line);

	ck_assert_msg(status == 0, "%s: status %d", line, status);
}

static inline struct nt_taps *lab_open(const struct nt_taps_config *config)
{
	struct nt_taps_config c = config ? *config : (struct nt_taps_config){ 0 };
	struct nt_taps *t = NULL;
	struct nt_err err = {};

	c.pin_root = c.pin_root ? c.pin_root : LAB_ROOT;
	c.state_dir = c.state_dir ? c.state_dir : LAB_STATE;
	ck_assert_msg(nt_taps_open(&c, &t, &err) == 0, "%s", err.msg);
	return t;
}

static inline void lab_remove(struct nt_taps *t)
{
	struct nt_taps_config c = { .pin_root = LAB_ROOT, .state_dir = LAB_STATE };
	struct nt_err err = {};

	nt_taps_close(t);
	ck_assert_msg(nt_taps_remove(&c, &err) == 0, "%s", err.msg);
}

/* What the pins at LAB_ROOT say of themselves. */
static inline void lab_write_meta(const struct nt_meta *meta)
{
	int fd = bpf_obj_get(LAB_ROOT "/" NT_PIN_META);
	__u32 zero = 0;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(bpf_map_update_elem(fd, &zero, meta, BPF_ANY), 0);
	close(fd);
}

/* They say that they are of the next ABI version; their layout is this one's. */
static inline void lab_become_another_version(const struct nt_taps *t)
{
	struct nt_meta meta = nt_taps_meta(t);

	meta.version = NT_ABI_VERSION + 1;
	lab_write_meta(&meta);
}

/* The programs are where the handle wants them, and no packet is between two hooks. */
static inline void lab_settle(struct nt_taps *t, const struct nt_pod *pod)
{
	struct nt_err err = {};

	ck_assert_msg(nt_hooks_settle(t, pod, &err) == 0, "%s", err.msg);
	nt_hooks_grace();
	ck_assert_msg(nt_hooks_calm(t, pod, &err) == 0, "%s", err.msg);
}

/* --- a cgroup that plays the root --- */

/* Made in main(), so that lab_cgroup_end() comes when a test fails, too. SIGKILL leaves it. */
static inline void lab_cgroup_make(char path[128])
{
	bool hybrid;
	const char *machine = nt_hostnet_find_root(&hybrid);

	snprintf(path, 128, "%s/nametap-test-%d", machine ? machine : "", (int)getpid());
	if (!machine || mkdir(path, 0755) == -1)
		lab_die("a cgroup2 folder");
}

/* Check has killed whom a failed test left in it; they may not be gone yet. */
static inline void lab_cgroup_end(const char *path)
{
	for (int i = 0; rmdir(path) == -1; i++) {
		if (errno != EBUSY || i == 1000)
			lab_die(path);
		usleep(10000);
	}
}

/* The caller goes there. Sockets belong to the cgroup in which they are made. */
static inline bool lab_cgroup_join(const char *path)
{
	char procs[160];
	FILE *f;

	snprintf(procs, sizeof(procs), "%s/cgroup.procs", path);
	f = fopen(procs, "we");
	return f && fprintf(f, "%d\n", (int)getpid()) > 0 && fclose(f) == 0;
}

/* --- what came out of the ring --- */

#define LAB_EVENTS 4096
#define LAB_OCTETS 65536
#define LAB_STREAM (1 << 20)

struct lab_ring {
	struct ring_buffer *rb;
	unsigned len; /* events since lab_drain */
	struct nt_event events[LAB_EVENTS];
	__u8 payload[LAB_OCTETS]; /* of the last event */
	struct nt_share *shares; /* mapped: what was taken out is told, as the agent does */
	size_t stream_len;
	/* Of all events to a DNS port: TCP in the order of numbers, UDP as it comes, while there is
	 * room. */
	__u8 stream[LAB_STREAM];
};

/* Puts what goes to a DNS port into the stream. TCP: where its number says, counted from the first
 * segment with payload since stream_len was 0, so of one connection. UDP: behind what is there;
 * what has no room any more is left out. */
static inline void lab_put_stream(struct lab_ring *r, const struct nt_event *e, const __u8 *payload)
{
	static __u32 begin;
	size_t at;

	if (e->dport != 53 || !e->payload_len)
		return;
	if (!r->stream_len)
		begin = e->tcp_seq;
	at = e->l4proto == IPPROTO_TCP ? e->tcp_seq - begin : r->stream_len;
	if (at + e->cap_len > LAB_STREAM) {
		ck_assert_uint_eq(e->l4proto, IPPROTO_UDP);
		return;
	}
	memcpy(r->stream + at, payload, e->cap_len);
	if (at + e->cap_len > r->stream_len)
		r->stream_len = at + e->cap_len;
}

static inline int lab_take(void *ctx, void *data, size_t size)
{
	struct lab_ring *r = ctx;
	const struct nt_event *e = data;

	ck_assert_uint_ge(size, sizeof(*e));
	/* At a socket of the host a record has one of two sizes. */
	if (e->ifindex)
		ck_assert_uint_eq(size, sizeof(*e) + e->cap_len);
	else
		ck_assert_uint_ge(size, sizeof(*e) + e->cap_len);
	ck_assert_uint_lt(r->len, LAB_EVENTS);
	memcpy(&r->events[r->len++], e, sizeof(*e));
	memcpy(r->payload, (const __u8 *)data + sizeof(*e), e->cap_len);
	r->shares[e->ifindex % NT_SHARES].consumed += NT_RING_TAKES(size);
	lab_put_stream(r, e, (const __u8 *)data + sizeof(*e));
	return 0;
}

static inline struct lab_ring *lab_ring_new(const struct nt_taps *t)
{
	struct lab_ring *r = calloc(1, sizeof(*r));

	ck_assert_ptr_nonnull(r);
	r->rb = ring_buffer__new(nt_taps_events_fd(t), lab_take, r, NULL);
	ck_assert_ptr_nonnull(r->rb);
	r->shares = mmap(NULL, NT_SHARES * sizeof(*r->shares), PROT_READ | PROT_WRITE, MAP_SHARED,
			 nt_taps_shares_fd(t), 0);
	ck_assert_ptr_ne(r->shares, MAP_FAILED);
	return r;
}

static inline void lab_ring_free(struct lab_ring *r)
{
	ring_buffer__free(r->rb);
	munmap(r->shares, NT_SHARES * sizeof(*r->shares));
	free(r);
}

/* Number of events taken out; they are in events[]. */
static inline unsigned lab_drain(struct lab_ring *r)
{
	r->len = 0;
	ck_assert_int_ge(ring_buffer__consume(r->rb), 0);
	return r->len;
}

/* Counters of one endpoint, summed over CPUs. */
static inline struct nt_counters lab_counters(struct nt_taps *t, __u64 ep_id)
{
	struct nt_counters *values = calloc((size_t)nt_taps_cpus(t), sizeof(*values));
	struct nt_counters sum = {};

	ck_assert_ptr_nonnull(values);
	ck_assert_int_eq(nt_taps_counters(t, ep_id, values), 0);
	for (int cpu = 0; cpu < nt_taps_cpus(t); cpu++) {
		const __u64 *from = (const __u64 *)&values[cpu];
		__u64 *to = (__u64 *)&sum;

		for (size_t i = 0; i < sizeof(sum) / sizeof(__u64); i++)
			to[i] += from[i];
	}
	free(values);
	return sum;
}

/* --- a pod: a network namespace with a veth --- */

/* Namespace `pod`, link eth0 in it, host link `host`. */
static inline struct nt_pod lab_pod(const char *pod, const char *host, const char *container_id)
{
	struct nt_pod p = { .ifname = "eth0" };
	char line[256], path[64];
	struct stat st;

	/* What a failed test left; a link goes at once, its namespace takes its time. */
	snprintf(line, sizeof(line),
		 "ip link del %s 2>/dev/null; ip netns del %s 2>/dev/null; true", host, pod);
	lab_run(line);
	snprintf(line, sizeof(line),
		 "ip netns add %s && ip link add %s type veth peer name eth0 netns %s", pod, host,
		 pod);
	lab_run(line);
	snprintf(path, sizeof(path), "/run/netns/%s", pod);
	ck_assert_int_eq(stat(path, &st), 0);
	p.netns_ino = st.st_ino;
	p.netns_dev = st.st_dev;
	p.ifindex = if_nametoindex(host);
	ck_assert_uint_ne(p.ifindex, 0);
	snprintf(p.container_id, sizeof(p.container_id), "%s", container_id);
	snprintf(p.host_ifname, sizeof(p.host_ifname), "%s", host);
	return p;
}

static inline void lab_pod_end(const char *pod, const char *host)
{
	char line[128];

	snprintf(line, sizeof(line), "ip link del %s; ip netns del %s", host, pod);
	lab_run(line);
}
