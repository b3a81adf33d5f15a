/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pin root holds and what the kernel says of it, as one JSON object, without
 * dataplane/taps: nothing is locked, loaded or repaired.
 *
 *   tapstate ROOT
 *
 * "pods": each record with the packets that it counts ("seq", null without counters) and whether
 * this root's programs are on the record's link, by direction, as a filter or as a tcx program
 * ("tapped": [[filter, tcx], [filter, tcx]]); "links": the indexes of all links that have any of
 * them; "live": [id, ifname, ep_id]; "endpoints": [ifindex, ep_id]; "entries": how many each
 * further map has. Run in the host's network namespace.
 */
#include <errno.h>
#include <jansson.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dataplane/abi.h"

/* Ours, as dataplane/taps/README.md has them. */
#define PRIORITY 2
#define HANDLE 0x4e540001
/* Of linux/bpf.h since 6.6. */
#define TCX_INGRESS 46
#define TCX_EGRESS 47

static const char *root;
static int cpus;
static __u32 prog_id[NT_DIR_MAX];

static void die(const char *what)
{
	fprintf(stderr, "tapstate: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int open_pin(const char *name)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", root, name);
	fd = bpf_obj_get(path);
	if (fd < 0)
		die(path);
	return fd;
}

static bool has_filter(__u32 ifindex, int dir)
{
	struct bpf_tc_hook hook;
	struct bpf_tc_opts opts;

	memset(&hook, 0, sizeof(hook));
	memset(&opts, 0, sizeof(opts));
	hook.sz = sizeof(hook);
	hook.ifindex = (int)ifindex;
	hook.attach_point = dir == NT_DIR_FROM_POD ? BPF_TC_INGRESS : BPF_TC_EGRESS;
	opts.sz = sizeof(opts);
	opts.handle = HANDLE;
	opts.priority = PRIORITY;
	return bpf_tc_query(&hook, &opts) == 0 && opts.prog_id == prog_id[dir];
}

static bool has_tcx(__u32 ifindex, int dir)
{
	__u32 ids[64], n = 64, flags;

	if (bpf_prog_query((int)ifindex, dir == NT_DIR_FROM_POD ? TCX_INGRESS : TCX_EGRESS, 0,
			   &flags, ids, &n) < 0)
		return false;
	for (__u32 i = 0; i < n; i++) {
		if (ids[i] == prog_id[dir])
			return true;
	}
	return false;
}

static json_t *packets_of(int counters, __u64 ep_id)
{
	struct nt_counters *values = calloc((size_t)cpus, sizeof(*values));
	__u64 seq[NT_DIR_MAX] = { 0 };
	json_t *pair = NULL;

	if (values && bpf_map_lookup_elem(counters, &ep_id, values) == 0) {
		for (int i = 0; i < cpus; i++) {
			for (int dir = 0; dir < NT_DIR_MAX; dir++)
				seq[dir] += values[i].seq[dir];
		}
		pair = json_pack("[I, I]", (json_int_t)seq[0], (json_int_t)seq[1]);
	}
	free(values);
	return pair ? pair : json_null();
}

static json_t *describe(int counters, const struct nt_pod *p)
{
	bool attached = p->state == NT_POD_ATTACHED, ending = p->state == NT_POD_ENDING;
	json_t *tapped = json_array();

	for (int dir = 0; dir < NT_DIR_MAX && nt_pod_is_tapped(p); dir++)
		json_array_append_new(tapped, json_pack("[b, b]", has_filter(p->ifindex, dir),
							has_tcx(p->ifindex, dir)));
	return json_pack("{s:I, s:s, s:s, s:s, s:s, s:s, s:I, s:i, s:b, s:b, s:o, s:o}", "ep_id",
			 (json_int_t)p->ep_id, "id", p->container_id, "ifname", p->ifname,
			 "namespace", p->namespace_, "name", p->name, "uid", p->uid, "netns",
			 (json_int_t)p->netns_ino, "ifindex", (int)p->ifindex, "attached", attached,
			 "ending", ending, "seq", packets_of(counters, p->ep_id), "tapped", tapped);
}

static json_t *list_pods(void)
{
	int fd = open_pin(NT_PIN_PODS), counters = open_pin(NT_PIN_COUNTERS);
	json_t *list = json_array();
	struct nt_pod pod;
	__u64 key;

	for (void *at = NULL; bpf_map_get_next_key(fd, at, &key) == 0; at = &key) {
		if (bpf_map_lookup_elem(fd, &key, &pod) == 0)
			json_array_append_new(list, describe(counters, &pod));
	}
	return list;
}

static json_t *list_links(void)
{
	struct if_nameindex *links = if_nameindex();
	json_t *list = json_array();

	for (struct if_nameindex *l = links; l && l->if_index; l++) {
		bool any = false;

		for (int dir = 0; dir < NT_DIR_MAX; dir++)
			any |= has_filter(l->if_index, dir) || has_tcx(l->if_index, dir);
		if (any)
			json_array_append_new(list, json_integer(l->if_index));
	}
	if_freenameindex(links);
	return list;
}

static json_t *list_live(void)
{
	int fd = open_pin(NT_PIN_LIVE);
	json_t *list = json_array();
	struct nt_live_key key;
	__u64 ep_id;

	for (void *at = NULL; bpf_map_get_next_key(fd, at, &key) == 0; at = &key) {
		if (bpf_map_lookup_elem(fd, &key, &ep_id) == 0)
			json_array_append_new(list, json_pack("[s, s, I]", key.container_id,
							      key.ifname, (json_int_t)ep_id));
	}
	return list;
}

static json_t *list_endpoints(void)
{
	int fd = open_pin(NT_PIN_ENDPOINTS);
	json_t *list = json_array();
	struct nt_endpoint ep;
	__u32 key;

	for (void *at = NULL; bpf_map_get_next_key(fd, at, &key) == 0; at = &key) {
		if (bpf_map_lookup_elem(fd, &key, &ep) == 0)
			json_array_append_new(list,
					      json_pack("[i, I]", (int)key, (json_int_t)ep.ep_id));
	}
	return list;
}

static json_t *count_entries(void)
{
	static const char *const names[] = { NT_PIN_COUNTERS, NT_PIN_SCOPES, NT_PIN_RULES,
					     NT_PIN_SLOTS };
	json_t *all = json_object();

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int fd = open_pin(names[i]), n = 0;
		char key[256];

		for (void *at = NULL; bpf_map_get_next_key(fd, at, key) == 0; at = key)
			n++;
		json_object_set_new(all, names[i], json_integer(n));
	}
	return all;
}

int main(int argc, char **argv)
{
	static const char *const names[] = { NT_PIN_FROM_POD, NT_PIN_TO_POD };
	json_t *all;

	if (argc != 2) {
		fprintf(stderr, "tapstate: ROOT\n");
		return 2;
	}
	root = argv[1];
	cpus = libbpf_num_possible_cpus();
	libbpf_set_print(NULL);
	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		struct bpf_prog_info info = {};
		__u32 len = sizeof(info);

		if (bpf_obj_get_info_by_fd(open_pin(names[dir]), &info, &len) < 0)
			die(names[dir]);
		prog_id[dir] = info.id;
	}
	all = json_pack("{s:o, s:o, s:o, s:o, s:o}", "pods", list_pods(), "links", list_links(),
			"live", list_live(), "endpoints", list_endpoints(), "entries",
			count_entries());
	if (json_dumpf(all, stdout, JSON_COMPACT) == -1)
		die("print");
	return 0;
}
