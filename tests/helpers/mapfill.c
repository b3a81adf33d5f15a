/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fills a pinned map with entries that are nobody's, until the kernel takes no more, or takes them
 * out again.
 *
 *   mapfill ROOT pods|live|counters|endpoints fill|clear
 *
 * Records are those of attached pods, so that none of them may be evicted. Prints how many entries
 * were written or removed.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/abi.h"

/* Interface indexes and endpoints that no test has. */
#define FIRST 0x10000000u

static struct nt_pod pod = { .version = NT_ABI_VERSION,
			     .state = NT_POD_ATTACHED,
			     .ifname = "eth0" };
static struct nt_live_key live;
static struct nt_endpoint endpoint;
static __u64 ep_id;
static __u32 ifindex;

/* Key and value number n of the map. */
static const void *entry(const char *map, unsigned n, const void *zeroes, const void **ret_value)
{
	ep_id = pod.ep_id = endpoint.ep_id = FIRST + n;
	ifindex = pod.ifindex = FIRST + n;
	snprintf(pod.container_id, sizeof(pod.container_id), "fill-%u", n);
	snprintf(live.container_id, sizeof(live.container_id), "fill-%u", n);
	if (strcmp(map, NT_PIN_LIVE) == 0) {
		*ret_value = &ep_id;
		return &live;
	}
	if (strcmp(map, NT_PIN_ENDPOINTS) == 0) {
		*ret_value = &endpoint;
		return &ifindex;
	}
	*ret_value = strcmp(map, NT_PIN_PODS) == 0 ? &pod : zeroes;
	return &ep_id;
}

static bool put(int fd, const void *key, const void *value, bool fill)
{
	int r = fill ? bpf_map_update_elem(fd, key, value, BPF_NOEXIST)
		     : bpf_map_delete_elem(fd, key);

	/* Where the kernel's reserve is used up it takes a moment to get more. */
	for (unsigned i = 0; r == -ENOMEM && i < 1000; i++) {
		usleep(1000);
		r = bpf_map_update_elem(fd, key, value, BPF_NOEXIST);
	}
	return r == 0;
}

int main(int argc, char **argv)
{
	void *zeroes = calloc((size_t)libbpf_num_possible_cpus(), sizeof(struct nt_counters));
	char path[4096];
	unsigned done = 0;
	int fd;

	if (argc != 4 || !zeroes) {
		fprintf(stderr, "mapfill: ROOT MAP fill|clear\n");
		return 2;
	}
	snprintf(path, sizeof(path), "%s/%s", argv[1], argv[2]);
	fd = bpf_obj_get(path);
	if (fd < 0) {
		fprintf(stderr, "mapfill: %s: %s\n", path, strerror(errno));
		return 1;
	}
	for (unsigned n = 0; n < NT_PODS_MAX; n++) {
		const void *value, *key = entry(argv[2], n, zeroes, &value);

		done += put(fd, key, value, strcmp(argv[3], "fill") == 0);
	}
	printf("%u\n", done);
	free(zeroes);
	return 0;
}
