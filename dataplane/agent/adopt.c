/* SPDX-License-Identifier: Apache-2.0 */
/* Pods that were there before, and records that are not true any more. */
#include "dataplane/agent/adopt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dataplane/agent/cnicache.h"
#include "dataplane/agent/netnses.h"
#include "dataplane/agent/podlist.h"
#include "dataplane/agent/resolvconf.h"
#include "dataplane/taps/failures.h"
#include "dataplane/taps/hostlink.h"
#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

/* What a look needs of an attached pod, or of one that the cache told of. */
struct tapped {
	uint64_t ep_id; /* 0: not attached */
	uint64_t ino, dev;
	struct nt_abi_addr ips[NT_POD_IPS];
};

/* An address of a veth in a namespace. */
struct place {
	struct nt_abi_addr ip;
	char ifname[16];
	const struct nt_netns *netns; /* into this look's snapshot */
};

/* Under which a note was written, to take it away. */
struct noted {
	struct nt_pod pod; /* container id and ifname */
	uint64_t look;
	bool excluded;
};

/* How much later than DEL the API may first hear that a pod ran at all. */
#define ENDED_NS (60 * NT_NS_PER_S)

/* A pod that was tapped and is over, while the API may still call it running; and its attachment,
 * while the cache may still tell of that. */
struct ended {
	char uid[sizeof(((struct nt_pod *)0)->uid)];
	char container_id[sizeof(((struct nt_pod *)0)->container_id)];
	char ifname[sizeof(((struct nt_pod *)0)->ifname)];
	uint64_t ino, dev;
	int64_t told_ns; /* CLOCK_BOOTTIME: when a record or an object told of it */
};

struct nt_adopt {
	struct nt_adopt_config config;
	struct nt_netnses nets;
	struct nt_buf tapped; /* struct tapped */
	struct nt_buf places; /* struct place; made when the first pod of the list asks */
	bool places_known;
	struct nt_buf
		left_alone; /* struct nt_pod of notes; read when the first pod of the list asks */
	bool left_alone_known;
	struct nt_buf noted; /* struct noted: what this agent has noted as not tapped */
	struct nt_buf ended; /* struct ended */
	int64_t now_ns; /* of this look */
	struct timespec cache_mtime;
	uint64_t objects_generation;
	bool dirty; /* something is left to be tried again */
	bool cache_failed; /* at the last look */
	struct nt_adopt_stats stats;
};

int nt_adopt_new(const struct nt_adopt_config *config, struct nt_adopt **ret_adopt,
		 struct nt_err *err)
{
	struct nt_adopt *a = calloc(1, sizeof(*a));

	if (!a)
		return nt_err_set(err, ENOMEM, "no memory for adoption");
	a->config = *config;
	if (!a->config.proc)
		a->config.proc = "/proc";
	if (!a->config.named_netns)
		a->config.named_netns = "/run/netns";
	a->dirty = true;
	*ret_adopt = a;
	return 0;
}

void nt_adopt_free(struct nt_adopt *a)
{
	if (!a)
		return;
	nt_netnses_done(&a->nets);
	nt_buf_done(&a->tapped);
	nt_buf_done(&a->places);
	nt_buf_done(&a->left_alone);
	nt_buf_done(&a->noted);
	nt_buf_done(&a->ended);
	free(a);
}

struct nt_adopt_stats nt_adopt_stats(const struct nt_adopt *a)
{
	return a->stats;
}

/* --- records that are there ------------------------------------------------------------------- */

static bool is_ended(struct nt_adopt *a, struct nt_slice uid)
{
	struct ended *all = (struct ended *)a->ended.p;
	bool found = false;

	for (size_t i = 0; uid.len && i < a->ended.len / sizeof(*all); i++) {
		if (!nt_slice_eq(uid, nt_slice_str(all[i].uid)))
			continue;
		all[i].told_ns = a->now_ns;
		found = true;
	}
	return found;
}

static struct ended *find_ended(struct nt_adopt *a, const struct nt_pod *pod)
{
	struct ended *all = (struct ended *)a->ended.p;

	for (size_t i = 0; i < a->ended.len / sizeof(*all); i++)
		if (all[i].ino == pod->netns_ino && all[i].dev == pod->netns_dev &&
		    strcmp(all[i].container_id, pod->container_id) == 0 &&
		    strcmp(all[i].ifname, pod->ifname) == 0)
			return &all[i];
	return NULL;
}

static void note_ended(struct nt_adopt *a, const struct nt_pod *pod)
{
	struct ended e = { .ino = pod->netns_ino, .dev = pod->netns_dev, .told_ns = a->now_ns };
	struct ended *known = find_ended(a, pod);

	if (known) {
		known->told_ns = a->now_ns;
		return;
	}
	memcpy(e.uid, pod->uid, sizeof(e.uid));
	memcpy(e.container_id, pod->container_id, sizeof(e.container_id));
	memcpy(e.ifname, pod->ifname, sizeof(e.ifname));
	nt_buf_add(&a->ended, &e, sizeof(e));
}

static void drop_old_ended(struct nt_adopt *a)
{
	struct ended *all = (struct ended *)a->ended.p;
	size_t kept = 0;

	for (size_t i = 0; i < a->ended.len / sizeof(*all); i++)
		if (a->now_ns - all[i].told_ns < ENDED_NS)
			all[kept++] = all[i];
	a->ended.len = kept * sizeof(*all);
}

static bool note_record(void *ctx, const struct nt_pod *pod)
{
	struct tapped t = { .ep_id = pod->ep_id, .ino = pod->netns_ino, .dev = pod->netns_dev };
	struct nt_adopt *a = ctx;

	/* One whose link went without a DEL may run on, untapped. */
	if (nt_pod_had_del(pod))
		note_ended(a, pod);
	if (!nt_pod_is_tapped(pod) || pod->origin == NT_ORIGIN_NODE)
		return true;
	memcpy(t.ips, pod->ips, sizeof(t.ips));
	nt_buf_add(&a->tapped, &t, sizeof(t));
	return true;
}

static void verify(struct nt_adopt *a)
{
	struct tapped *all = (struct tapped *)a->tapped.p;
	struct nt_err err;

	for (size_t i = 0; i < a->tapped.len / sizeof(*all); i++) {
		const struct nt_netns *n = nt_netnses_find(&a->nets, all[i].ino, all[i].dev);
		int r = nt_taps_verify(a->config.taps, all[i].ep_id, n ? n->path : NULL, &err);

		if (r < 0)
			nt_log_warn("look at an attachment: %s", err.msg);
		if (r <= 0)
			continue;
		if (r == NT_VERIFY_LOST)
			a->stats.lost++;
		/* The pod may be there under another link, its address another pod's. */
		a->dirty = true;
		memset(&all[i], 0, sizeof(all[i]));
	}
}

/* --- one pod ---------------------------------------------------------------------------------- */

static const struct nt_object *object_of(const struct nt_adopt *a, const struct nt_pod *pod)
{
	if (!a->config.objects || !pod->namespace_[0])
		return NULL;
	return nt_objects_find(a->config.objects, NT_SLICE_LIT("Pod"),
			       nt_slice_str(pod->namespace_), nt_slice_str(pod->name));
}

/* Runtimes say /var/run, which on a host is /run; a container may have only that of the host. */
static const char *within_reach(const char *netns)
{
	return strncmp(netns, "/var/run/", strlen("/var/run/")) == 0 ? netns + strlen("/var")
								     : netns;
}

/* The runtime's word, else the pod's own file, else what the object lets one compute. */
static void find_dns(struct nt_adopt *a, const char *netns, struct nt_pod *pod)
{
	const struct nt_netns *n = NULL;
	const struct nt_object *object;
	struct nt_err err;
	__u64 ino, dev;

	if (pod->dns != NT_DNS_UNKNOWN)
		return;
	if (nt_hostlink_netns(within_reach(netns), &ino, &dev, &err) == 0)
		n = nt_netnses_find(&a->nets, ino, dev);
	if (n && n->pid && nt_resolvconf_of_process(a->config.proc, n->pid, pod, &err) == 0 &&
	    pod->dns != NT_DNS_UNKNOWN)
		return;
	object = object_of(a, pod);
	if (object)
		nt_podlist_derive_dns(object, a->config.cluster_domain, pod);
}

static struct noted *find_noted(struct nt_adopt *a, const struct nt_pod *pod)
{
	struct noted *all = (struct noted *)a->noted.p;

	for (size_t i = 0; i < a->noted.len / sizeof(*all); i++)
		if (strcmp(all[i].pod.container_id, pod->container_id) == 0 &&
		    strcmp(all[i].pod.ifname, pod->ifname) == 0)
			return &all[i];
	return NULL;
}

/* Whatever told of the pod may cease to before the plugin's DEL could take the note away: the rest
 * of a chain is deleted after us, and the cache's entry last of all. */
static void remember_note(struct nt_adopt *a, const struct nt_pod *pod, bool excluded)
{
	struct noted *known = find_noted(a, pod);
	struct noted fresh = { .look = a->stats.looks, .excluded = excluded };

	if (known) {
		known->look = a->stats.looks;
		return;
	}
	memcpy(fresh.pod.container_id, pod->container_id, sizeof(fresh.pod.container_id));
	memcpy(fresh.pod.ifname, pod->ifname, sizeof(fresh.pod.ifname));
	nt_buf_add(&a->noted, &fresh, sizeof(fresh));
}

static void cannot(struct nt_adopt *a, const struct nt_pod *pod, const char *netns, const char *why)
{
	struct nt_err err;

	a->dirty = true;
	a->stats.failed++;
	if (nt_failure_put(a->config.state_dir, pod, netns, why, &err) < 0)
		nt_log_warn("cannot note that %s/%s is not tapped: %s", pod->namespace_, pod->name,
			    err.msg);
	remember_note(a, pod, false);
}

/* In the list "a,b". */
static bool is_listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	while (len && list) {
		const char *comma = strchr(list, ',');
		size_t n = comma ? (size_t)(comma - list) : strlen(list);

		if (n == len && memcmp(list, name, n) == 0)
			return true;
		list = comma ? comma + 1 : NULL;
	}
	return false;
}

/* The plugin has left it alone. Its DEL takes the note first, and the pod is there for a while. */
static bool was_left_alone(struct nt_adopt *a, const struct nt_pod *pod)
{
	const struct noted *known = find_noted(a, pod);

	return (known && known->excluded) ||
	       nt_failure_find(a->config.state_dir, pod) == NT_FAILURE_EXCLUDED;
}

/* By our own option, or by the plugin. */
static bool is_excluded(struct nt_adopt *a, const struct nt_pod *pod, const char *netns)
{
	char why[128];
	struct nt_err err;

	if (!is_listed(a->config.excluded, pod->namespace_)) {
		if (!was_left_alone(a, pod))
			return false;
		remember_note(a, pod, true);
		return true;
	}
	snprintf(why, sizeof(why), "namespace %s is excluded", pod->namespace_);
	if (nt_failure_put_excluded(a->config.state_dir, pod, netns, why, &err) < 0)
		nt_log_warn("cannot note that %s/%s is excluded: %s", pod->namespace_, pod->name,
			    err.msg);
	remember_note(a, pod, true);
	return true;
}

/* Is it tapped now? */
static bool adopt(struct nt_adopt *a, const char *netns, struct nt_pod *pod)
{
	struct nt_err err;
	int r;

	find_dns(a, netns, pod);
	r = nt_taps_adopt(a->config.taps, within_reach(netns), pod, &err);
	if (r < 0) {
		cannot(a, pod, netns, err.msg);
		return false;
	}
	nt_failure_drop(a->config.state_dir, pod);
	if (r == 0)
		return true;
	a->stats.adopted++;
	nt_log_info("%s/%s (%s, %s) is tapped from now on", pod->namespace_, pod->name,
		    pod->container_id, pod->host_ifname);
	return true;
}

/* --- the runtime's cache ---------------------------------------------------------------------- */

static void add_tapped(struct nt_adopt *a, const struct nt_pod *pod)
{
	struct tapped t = { 0 };

	memcpy(t.ips, pod->ips, sizeof(t.ips));
	nt_buf_add(&a->tapped, &t, sizeof(t));
}

static void on_entry(void *ctx, const struct nt_cnicache_entry *entry)
{
	struct nt_adopt *a = ctx;
	struct nt_pod pod = entry->pod, live;
	struct nt_err err;

	if (nt_hostlink_netns(within_reach(entry->netns), &pod.netns_ino, &pod.netns_dev, &err) <
	    0) {
		nt_failure_drop(a->config.state_dir, &pod); /* the sandbox is gone */
		return;
	}
	if (nt_taps_find(a->config.taps, pod.container_id, pod.ifname, &live) == 0 &&
	    live.netns_ino == pod.netns_ino && live.netns_dev == pod.netns_dev)
		return;
	/* The chain takes it down, and its record may have been told and removed by now. */
	if (find_ended(a, &pod))
		return;
	/* Adopted or not: the list of pods, which knows less, is not asked about it. */
	add_tapped(a, &pod);
	if (!is_excluded(a, &pod, entry->netns))
		(void)adopt(a, entry->netns, &pod);
}

/* Was all of it read? */
static bool look_at_cache(struct nt_adopt *a)
{
	struct nt_err err = { 0 };
	size_t bad = 0;
	int r;

	if (!a->config.cache_dir)
		return true;
	r = nt_cnicache_scan(a->config.cache_dir, on_entry, a, &bad, &err);
	if (r < 0 && !a->cache_failed)
		nt_log_warn("%s; it is tried again", err.msg);
	a->cache_failed = r < 0;
	if (bad > a->stats.bad_entries)
		nt_log_warn("%zu files are no entries, the last one: %s", bad, err.msg);
	a->stats.bad_entries = bad;
	return r == 0 && bad == 0;
}

/* --- the list of pods ------------------------------------------------------------------------- */

struct placing {
	struct nt_adopt *a;
	const struct nt_netns *netns;
};

static void note_place(void *ctx, const char *ifname, const struct nt_abi_addr *ip)
{
	const struct placing *p = ctx;
	struct place place = { .ip = *ip, .netns = p->netns };

	snprintf(place.ifname, sizeof(place.ifname), "%s", ifname);
	nt_buf_add(&p->a->places, &place, sizeof(place));
}

static void find_places(struct nt_adopt *a)
{
	struct nt_err err;

	if (a->places_known)
		return;
	a->places_known = true;
	for (size_t i = 0; i < a->nets.len; i++) {
		struct placing p = { .a = a, .netns = &a->nets.items[i] };

		if (nt_hostlink_addresses(p.netns->path, note_place, &p, &err) < 0)
			nt_log_debug("%s", err.msg); /* it went meanwhile */
	}
}

static bool has_ip(const struct nt_abi_addr ips[NT_POD_IPS], const struct nt_abi_addr *ip)
{
	for (size_t i = 0; i < NT_POD_IPS; i++)
		if (ips[i].family && memcmp(&ips[i], ip, sizeof(*ip)) == 0)
			return true;
	return false;
}

static bool is_known(const struct nt_adopt *a, const struct nt_pod *pod)
{
	const struct tapped *all = (const struct tapped *)a->tapped.p;

	for (size_t i = 0; i < a->tapped.len / sizeof(*all); i++)
		for (size_t k = 0; k < NT_POD_IPS && pod->ips[k].family; k++)
			if (has_ip(all[i].ips, &pod->ips[k]))
				return true;
	return false;
}

/* The one namespace with the pod's first address. */
static const struct place *only_place(const struct nt_adopt *a, const struct nt_pod *pod,
				      struct nt_err *err)
{
	const struct place *all = (const struct place *)a->places.p, *found = NULL;
	size_t n = 0;

	for (size_t i = 0; i < a->places.len / sizeof(*all); i++) {
		if (memcmp(&all[i].ip, &pod->ips[0], sizeof(pod->ips[0])) != 0)
			continue;
		found = &all[i];
		n++;
	}
	if (n == 1)
		return found;
	nt_err_set(err, ENOENT,
		   n ? "only its address is known, and %zu interfaces on this node have it"
		     : "only its address is known, and no network namespace that the agent can see "
		       "has it (%zu; does the agent see the host's /proc and /run/netns?)",
		   n);
	return NULL;
}

/* Anyone may give himself any address: the node must send there, too. */
static int check_route(const struct place *place, const struct nt_pod *pod, struct nt_err *err)
{
	struct nt_hostlink link;
	__u32 through;
	int r = nt_hostlink_find(place->netns->path, place->ifname, &link, err);

	if (r == 0 && link.netns_ino != place->netns->ino)
		r = nt_err_set(err, EAGAIN, "%s is another namespace by now", place->netns->path);
	if (r == 0)
		r = nt_hostlink_route(&pod->ips[0], &through, err);
	if (r < 0 || through == link.ifindex || (link.master && through == link.master))
		return r;
	return nt_err_set(err, EXDEV,
			  "only its address is known, and the node does not send there through %s, "
			  "behind which it is",
			  link.ifname);
}

static void add_left_alone(void *ctx, const struct nt_pod *pod)
{
	struct nt_adopt *a = ctx;

	nt_buf_add(&a->left_alone, pod, sizeof(*pod));
}

static bool is_same_pod(const struct nt_pod *a, const struct nt_pod *b)
{
	/* A static pod has one UID in the API and another for the runtime. */
	return (a->uid[0] && strcmp(a->uid, b->uid) == 0) ||
	       (a->namespace_[0] && strcmp(a->namespace_, b->namespace_) == 0 &&
		strcmp(a->name, b->name) == 0);
}

/* The plugin's note is under the sandbox's name, which is in no object. */
static bool is_left_alone(struct nt_adopt *a, const struct nt_pod *pod)
{
	const struct nt_pod *all;

	if (!a->left_alone_known) {
		nt_buf_reset(&a->left_alone);
		nt_failure_each_excluded(a->config.state_dir, add_left_alone, a);
		a->left_alone_known = true;
	}
	all = (const struct nt_pod *)a->left_alone.p;
	for (size_t i = 0; i < a->left_alone.len / sizeof(*all); i++) {
		if (!is_same_pod(&all[i], pod))
			continue;
		remember_note(a, &all[i], true);
		return true;
	}
	return false;
}

/* DEL comes before the kubelet says so to the API. */
static bool has_ended(struct nt_adopt *a, const struct nt_object *object)
{
	struct nt_slice hash = nt_object_pod(object)->static_hash;

	return is_ended(a, object->uid) || (hash.len && is_ended(a, hash));
}

static void on_object(struct nt_adopt *a, const struct nt_object *object)
{
	const struct place *place;
	struct nt_err err;
	struct nt_pod pod;
	int r;

	if (!nt_podlist_is_ours(object, a->config.node) || !nt_podlist_describe(object, &pod) ||
	    is_known(a, &pod))
		return;
	if (is_excluded(a, &pod, NULL) || is_left_alone(a, &pod))
		return;
	find_places(a);
	place = only_place(a, &pod, &err);
	if (!place && has_ended(a, object))
		return;
	r = place ? check_route(place, &pod, &err) : -ENOENT;
	if (r < 0) {
		cannot(a, &pod, NULL, err.msg);
		return;
	}
	memcpy(pod.ifname, place->ifname, sizeof(pod.ifname));
	pod.netns_ino = place->netns->ino;
	pod.netns_dev = place->netns->dev;
	(void)adopt(a, place->netns->path, &pod);
}

static void look_at_list(struct nt_adopt *a)
{
	const struct nt_object *object;

	if (!a->config.objects)
		return;
	for (size_t i = 0; (object = nt_objects_at(a->config.objects, NT_SLICE_LIT("Pod"), i)); i++)
		on_object(a, object);
}

/* --- a look ----------------------------------------------------------------------------------- */

static struct timespec mtime_of(const char *path)
{
	struct stat st = { 0 };

	if (path)
		(void)stat(path, &st);
	return st.st_mtim;
}

bool nt_adopt_has_news(const struct nt_adopt *a)
{
	struct timespec mtime = mtime_of(a->config.cache_dir);

	return mtime.tv_sec != a->cache_mtime.tv_sec || mtime.tv_nsec != a->cache_mtime.tv_nsec ||
	       (a->config.objects &&
		nt_objects_generation(a->config.objects) != a->objects_generation);
}

/* Notes of pods that are tapped by now, or that nobody tells of any more. A pod whose entry could
 * not be read is there still: the plugin's word that it is left alone must outlive that. */
static void drop_old_notes(struct nt_adopt *a, bool is_whole)
{
	struct noted *all = (struct noted *)a->noted.p;
	size_t kept = 0;

	for (size_t i = 0; i < a->noted.len / sizeof(*all); i++) {
		if (all[i].look == a->stats.looks || (!is_whole && all[i].excluded))
			all[kept++] = all[i];
		else
			nt_failure_drop(a->config.state_dir, &all[i].pod);
	}
	a->noted.len = kept * sizeof(*all);
}

void nt_adopt_look(struct nt_adopt *a)
{
	struct nt_clock clock = nt_clock_system();
	struct nt_err err;
	bool is_whole;
	int r;

	nt_buf_reset(&a->tapped);
	nt_buf_reset(&a->places);
	a->places_known = a->left_alone_known = false;
	a->now_ns = nt_clock_boot(&clock);
	r = nt_netnses_read(&a->nets, a->config.proc, a->config.named_netns, &err);
	if (r == 0)
		r = nt_taps_pods(a->config.taps, note_record, a, &err);
	if (r < 0) {
		nt_log_warn("look for pods: %s", err.msg);
		return;
	}
	a->stats.looks++;
	verify(a);
	if (!a->dirty && !nt_adopt_has_news(a))
		return;
	a->cache_mtime = mtime_of(a->config.cache_dir);
	a->objects_generation = a->config.objects ? nt_objects_generation(a->config.objects) : 0;
	a->dirty = false;
	a->stats.failed = 0;
	is_whole = look_at_cache(a);
	look_at_list(a);
	drop_old_notes(a, is_whole);
	drop_old_ended(a);
	a->dirty |= !is_whole;
}
