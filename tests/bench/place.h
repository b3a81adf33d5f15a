/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A place for measurements with real programs: mount and network namespaces that end with the
 * process, a bpffs in them, pods (a network namespace with a veth), the product's pins, the
 * yardsticks' object.
 */
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fcntl.h>
#include <limits.h>
#include <net/if.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/agent/ring.h"
#include "dataplane/taps/hooks.h"
#include "tests/bench/bench.h"

#define PLACE "/run/nt-bench" /* on a tmpfs that only this process sees */
#define PLACE_ROOT PLACE "/bpf/nametap"

static inline void place_run(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline void place_run(const char *format, ...)
{
	char line[512];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	if (system(line) != 0)
		bench_die("%s: failed", line);
}

static inline void place_enter(void)
{
	if (unshare(CLONE_NEWNS | CLONE_NEWNET) == -1 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
	    mount("tmpfs", "/run", "tmpfs", 0, "mode=0755") == -1 || mkdir(PLACE, 0700) == -1 ||
	    mkdir("/run/netns", 0755) == -1 || mkdir(PLACE "/bpf", 0700) == -1 ||
	    mount("bpf", PLACE "/bpf", "bpf", 0, "mode=0700") == -1)
		bench_die("a namespace of our own (root is needed): %s", strerror(errno));
	place_run("ip link set lo up");
}

static inline struct nt_taps *place_taps(void)
{
	struct nt_taps_config config = { .pin_root = PLACE_ROOT, .state_dir = PLACE "/state" };
	struct nt_taps *taps = NULL;
	struct nt_err err = { 0 };

	if (nt_taps_open(&config, &taps, &err) < 0)
		bench_die("%s", err.msg);
	return taps;
}

/* One of the product's pinned programs. */
static inline int place_program(const char *pin)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), PLACE_ROOT "/%s", pin);
	fd = bpf_obj_get(path);
	if (fd < 0)
		bench_die("%s: %s", path, strerror(errno));
	return fd;
}

static inline struct bpf_object *place_yardsticks(void)
{
	char path[PATH_MAX];
	struct bpf_object *object;

	snprintf(path, sizeof(path), "%s/tests/bench/yardstick.bpf.o", bench_env("BUILD"));
	object = bpf_object__open_file(path, NULL);
	if (!object || bpf_object__load(object) < 0)
		bench_die("%s does not load", path);
	return object;
}

static inline int place_yardstick(const struct bpf_object *object, const char *name)
{
	return bpf_program__fd(bpf_object__find_program_by_name(object, name));
}

/* --- rings: what comes in is thrown away --- */

static inline int place_discard(void *ctx, void *data, size_t len)
{
	(void)ctx, (void)data, (void)len;
	return 0;
}

static inline struct ring_buffer *place_ring(int events_fd)
{
	struct ring_buffer *rb = ring_buffer__new(events_fd, place_discard, NULL, NULL);

	if (!rb)
		bench_die("ring buffer: %s", strerror(errno));
	return rb;
}

static inline void place_take(void *ctx, struct nt_slice sample)
{
	(void)ctx, (void)sample;
}

/* The product's, read as the agent reads it. */
static inline struct nt_ring *place_our_ring(const struct nt_taps *taps)
{
	const struct nt_ring_maps maps = { .events_fd = nt_taps_events_fd(taps),
					   .drain_fd = nt_taps_drain_fd(taps),
					   .shares_fd = nt_taps_shares_fd(taps) };
	struct nt_ring *ring = NULL;
	struct nt_err err = { 0 };

	if (nt_ring_open(&maps, place_take, NULL, &ring, &err) < 0)
		bench_die("%s", err.msg);
	return ring;
}

static inline void place_drain(struct nt_ring *ring)
{
	bool empty;

	(void)nt_ring_drain(ring, &empty);
}

/* --- a pod --- */

/* Namespace NAME with eth0 10.9.N.2; on our side veth NAMEh with 10.9.N.1. They know each other's
 * link addresses, so that no ARP comes between. */
static inline struct nt_pod place_pod(const char *name, unsigned n)
{
	struct nt_pod pod = { .ifname = "eth0" };
	char path[64];
	struct stat st;

	place_run("ip netns add %s && ip link add %sh address 02:00:00:00:%02x:01 type veth"
		  " peer name eth0 netns %s address 02:00:00:00:%02x:02",
		  name, name, n, name, n);
	place_run("ip addr add 10.9.%u.1/24 dev %sh && ip link set %sh up", n, name, name);
	place_run("ip -n %s addr add 10.9.%u.2/24 dev eth0 && ip -n %s link set eth0 up", name, n,
		  name);
	place_run("ip -n %s route add default via 10.9.%u.1", name, n);
	place_run("ip neigh add 10.9.%u.2 lladdr 02:00:00:00:%02x:02 dev %sh nud permanent", n, n,
		  name);
	place_run("ip -n %s neigh add 10.9.%u.1 lladdr 02:00:00:00:%02x:01 dev eth0 nud permanent",
		  name, n, n);
	snprintf(path, sizeof(path), "/run/netns/%s", name);
	if (stat(path, &st) == -1)
		bench_die("%s: %s", path, strerror(errno));
	pod.netns_ino = st.st_ino;
	pod.netns_dev = st.st_dev;
	snprintf(pod.container_id, sizeof(pod.container_id), "%s", name);
	snprintf(pod.host_ifname, sizeof(pod.host_ifname), "%sh", name);
	snprintf(pod.namespace_, sizeof(pod.namespace_), "bench");
	snprintf(pod.name, sizeof(pod.name), "%s", name);
	pod.ifindex = if_nametoindex(pod.host_ifname);
	return pod;
}

static inline void place_attach(struct nt_taps *taps, struct nt_pod *pod)
{
	struct nt_err err = { 0 };

	if (nt_taps_attach(taps, pod, &err) < 0)
		bench_die("%s", err.msg);
}

/* As the agent does soon after: tcx where the kernel has it. */
static inline void place_settle(struct nt_taps *taps, const struct nt_pod *pod)
{
	struct nt_err err = { 0 };

	if (nt_hooks_settle(taps, pod, &err) < 0)
		bench_die("%s", err.msg);
	nt_hooks_grace();
	if (nt_hooks_calm(taps, pod, &err) < 0)
		bench_die("%s", err.msg);
}

static inline void place_detach(struct nt_taps *taps, const struct nt_pod *pod)
{
	struct nt_err err = { 0 };

	if (nt_taps_detach(taps, pod->container_id, pod->ifname, pod->netns_ino, &err) < 0 ||
	    nt_taps_forget(taps, pod->ep_id, &err) < 0)
		bench_die("%s", err.msg);
}
