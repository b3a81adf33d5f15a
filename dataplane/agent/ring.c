/* SPDX-License-Identifier: Apache-2.0 */
/* Consumer of the pinned ring buffer, by libbpf. */
#include "dataplane/agent/ring.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dataplane/abi.h"
#include "dataplane/taps/layout.h"

/* Events of one drain: some 50 ms of work, then signals and timers get their turn. */
#define DRAIN_MAX 65536

struct nt_ring {
	struct ring_buffer *rb;
	int events_fd;
	nt_ring_fn *fn;
	void *ctx;
	size_t page_bytes, size_bytes;
	struct nt_drain *drain; /* mapped, shared with the programs */
	struct nt_share *shares; /* mapped, too */
	const volatile unsigned long *consumer, *producer; /* positions, mapped */
	const struct nt_layouts *layouts;
	void *translated; /* NT_LAYOUT_SAMPLE; NULL without layouts */
	unsigned int left; /* of DRAIN_MAX */
	uint64_t used_max_bytes;
};

/* What cannot be is given on as it is, to be counted. */
static struct nt_slice translate(struct nt_ring *r, struct nt_slice sample)
{
	size_t len = nt_layouts_event(r->layouts, sample.p, sample.len, r->translated);

	return len ? nt_slice_mem(r->translated, len) : sample;
}

static int on_sample(void *ctx, void *data, size_t len)
{
	struct nt_ring *r = ctx;
	struct nt_slice sample = nt_slice_mem(data, len);
	const struct nt_event *e;
	struct nt_share *share;

	if (r->layouts && len && *(const __u8 *)data != NT_ABI_VERSION)
		sample = translate(r, sample);
	r->fn(r->ctx, sample);
	e = (const struct nt_event *)sample.p;
	if (sample.len >= sizeof(*e) && e->version == NT_ABI_VERSION) {
		share = &r->shares[e->ifindex % NT_SHARES];
		__atomic_store_n(&share->consumed, share->consumed + NT_RING_TAKES(len),
				 __ATOMIC_RELAXED);
	}
	/* libbpf has moved the position behind this sample already: nothing comes twice. */
	return --r->left ? 0 : -EAGAIN;
}

static void *map_page(int fd, size_t len, int prot, off_t at)
{
	void *p = mmap(NULL, len, prot, MAP_SHARED, fd, at);

	return p == MAP_FAILED ? NULL : p;
}

static int map_all(struct nt_ring *r, const struct nt_ring_maps *maps, struct nt_err *err)
{
	const int shared = PROT_READ | PROT_WRITE;
	struct bpf_map_info info = { 0 };
	unsigned int len = sizeof(info);

	if (bpf_obj_get_info_by_fd(r->events_fd, &info, &len) < 0)
		return nt_err_sys(err, errno, "look at the ring buffer");
	r->size_bytes = info.max_entries;
	r->page_bytes = (size_t)sysconf(_SC_PAGESIZE);
	r->consumer = map_page(r->events_fd, r->page_bytes, PROT_READ, 0);
	r->producer = map_page(r->events_fd, r->page_bytes, PROT_READ, (off_t)r->page_bytes);
	r->drain = map_page(maps->drain_fd, r->page_bytes, shared, 0);
	r->shares = map_page(maps->shares_fd, NT_SHARES * sizeof(*r->shares), shared, 0);
	if (!r->consumer || !r->producer || !r->drain || !r->shares)
		return nt_err_sys(err, errno, "map the ring buffer's positions");
	return 0;
}

int nt_ring_open(const struct nt_ring_maps *maps, nt_ring_fn *fn, void *ctx,
		 struct nt_ring **ret_ring, struct nt_err *err)
{
	struct nt_ring *r = calloc(1, sizeof(*r));
	int code;

	if (!r)
		return nt_err_set(err, ENOMEM, "no memory for the ring buffer");
	r->events_fd = maps->events_fd;
	r->fn = fn;
	r->ctx = ctx;
	r->layouts = maps->layouts;
	r->translated = r->layouts ? malloc(NT_LAYOUT_SAMPLE) : NULL;
	if (r->layouts && !r->translated)
		code = nt_err_set(err, ENOMEM, "no memory for events of another version");
	else
		code = map_all(r, maps, err);
	if (code == 0) {
		r->rb = ring_buffer__new(maps->events_fd, on_sample, r, NULL);
		if (!r->rb)
			code = nt_err_sys(err, errno, "open the ring buffer");
	}
	if (code < 0) {
		nt_ring_close(r);
		return code;
	}
	*ret_ring = r;
	return 0;
}

static void unmap(const volatile void *p, size_t len)
{
	if (p)
		munmap((void *)p, len);
}

void nt_ring_close(struct nt_ring *r)
{
	if (!r)
		return;
	ring_buffer__free(r->rb);
	unmap(r->consumer, r->page_bytes);
	unmap(r->producer, r->page_bytes);
	unmap(r->drain, r->page_bytes);
	unmap(r->shares, NT_SHARES * sizeof(*r->shares));
	free(r->translated);
	free(r);
}

static uint64_t used(const struct nt_ring *r)
{
	return *r->producer - *r->consumer;
}

int nt_ring_drain(struct nt_ring *r, bool *ret_empty)
{
	uint64_t before = used(r);

	if (before > r->used_max_bytes)
		r->used_max_bytes = before;
	r->left = DRAIN_MAX;
	(void)ring_buffer__consume(r->rb);
	*ret_empty = r->left != 0;
	__atomic_store_n(&r->drain->armed, 1, __ATOMIC_RELAXED);
	return (int)(DRAIN_MAX - r->left);
}

int nt_ring_fd(const struct nt_ring *r)
{
	return r->events_fd;
}

struct nt_ring_stats nt_ring_stats(const struct nt_ring *r)
{
	return (struct nt_ring_stats){
		.bytes = r->size_bytes,
		.used_bytes = used(r),
		.used_max_bytes = r->used_max_bytes,
		.wakeups = __atomic_load_n(&r->drain->wakeups, __ATOMIC_RELAXED),
	};
}
