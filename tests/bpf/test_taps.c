/* SPDX-License-Identifier: Apache-2.0 */
/* The pinned objects: who may open them, what attach and detach leave behind, and in which order
 * runtimes may ask for it (T18, T19). */
#include "tests/bpf/lab.h"

#include <signal.h>
#include <sys/file.h>
#include <time.h>

#include "tests/unit/suite.h"

static struct nt_taps *taps;

static const struct nt_taps_config lab_config = { .pin_root = LAB_ROOT, .state_dir = LAB_STATE };

static void set_up(void)
{
	taps = lab_open(NULL);
}

static void tear_down(void)
{
	lab_remove(taps);
}

static int open_with(const struct nt_taps_config *config, struct nt_err *err)
{
	struct nt_taps *t = NULL;
	int r = nt_taps_open(config, &t, err);

	nt_taps_close(t);
	return r;
}

static struct nt_pod get(__u64 ep_id)
{
	struct nt_pod pod;

	ck_assert_int_eq(nt_taps_pod_get(taps, ep_id, &pod), 0);
	return pod;
}

static bool is_attached(const char *container_id)
{
	struct nt_err err = {};

	return nt_taps_check(taps, container_id, "eth0", &err) == 0;
}

static void attach(struct nt_pod *pod)
{
	struct nt_err err = {};

	ck_assert_msg(nt_taps_attach(taps, pod, &err) == 0, "%s", err.msg);
}

static void detach(const char *container_id, __u64 netns_ino)
{
	struct nt_err err = {};

	ck_assert_msg(nt_taps_detach(taps, container_id, "eth0", netns_ino, &err) == 0, "%s",
		      err.msg);
}

struct tally {
	unsigned attached;
	unsigned detached;
};

static bool tally_one(void *ctx, const struct nt_pod *pod)
{
	struct tally *n = ctx;

	if (pod->state == NT_POD_ATTACHED)
		n->attached++;
	else
		n->detached++;
	return true;
}

static struct tally tally(void)
{
	struct tally n = {};
	struct nt_err err = {};

	ck_assert_msg(nt_taps_pods(taps, tally_one, &n, &err) == 0, "%s", err.msg);
	return n;
}

/* --- the root --- */

START_TEST(second_open_finds_the_first)
{
	struct nt_meta first = nt_taps_meta(taps), second;
	struct nt_taps *t = lab_open(NULL);

	second = nt_taps_meta(t);
	ck_assert_mem_eq(&first, &second, sizeof(first));
	ck_assert_uint_eq(first.version, NT_ABI_VERSION);
	ck_assert_uint_eq(first.epoch, 1);
	ck_assert_uint_eq(first.ring_bytes, NT_RING_BYTES_DEFAULT);
	ck_assert_uint_gt(first.created_boot_ns, 0);
	nt_taps_close(t);
}
END_TEST

START_TEST(stranger_is_refused)
{
	struct nt_err err = {};
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		int r;

		if (unshare(CLONE_NEWNET) == -1)
			_exit(9);
		r = open_with(&lab_config, &err);
		_exit(r == -EEXIST && strstr(err.msg, "belongs to network namespace") ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

START_TEST(other_version_and_other_boot)
{
	struct nt_meta meta = nt_taps_meta(taps), changed = meta;
	struct nt_err err = {};

	changed.version = NT_ABI_VERSION + 1;
	lab_write_meta(&changed);
	ck_assert_int_eq(open_with(&lab_config, &err), -EPROTO);
	changed = meta;
	changed.boot_id[7] ^= 1;
	lab_write_meta(&changed);
	ck_assert_int_eq(open_with(&lab_config, &err), -EEXIST);
	lab_write_meta(&meta);
	ck_assert_int_eq(open_with(&lab_config, &err), 0);
}
END_TEST

START_TEST(no_bpffs_says_what_to_do)
{
	struct nt_taps_config config = { .pin_root = "/run/nametap", .state_dir = LAB_STATE };
	struct nt_err err = {};

	ck_assert_int_eq(open_with(&config, &err), -EINVAL);
	ck_assert_msg(strstr(err.msg, "mount -t bpf bpf /run"), "%s", err.msg);
	config.pin_root = "/nonexistent/nametap";
	ck_assert_int_eq(open_with(&config, &err), -ENOENT);
	config.pin_root = "relative";
	ck_assert_int_eq(open_with(&config, &err), -EINVAL);
	config.pin_root = "/";
	ck_assert_int_eq(open_with(&config, &err), -EINVAL);
	config = lab_config;
	config.pin_root = LAB "/bpf/other";
	config.load.ring_bytes = 5000;
	ck_assert_int_eq(open_with(&config, &err), -EINVAL);
	ck_assert_int_ne(access(LAB "/bpf/other", F_OK), 0);
}
END_TEST

START_TEST(not_root)
{
	struct nt_err err = {};
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		if (setresuid(65534, 65534, 65534) == -1)
			_exit(9);
		_exit(open_with(&lab_config, &err) == -EPERM ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}
END_TEST

/* A DEL loads nothing, not even a state folder. */
START_TEST(must_exist)
{
	struct nt_taps_config config = { .pin_root = LAB "/bpf/other",
					 .state_dir = LAB "/other-state",
					 .must_exist = true };
	struct nt_err err = {};

	ck_assert_int_eq(open_with(&config, &err), -ENOENT);
	ck_assert_int_ne(access(config.pin_root, F_OK), 0);
	ck_assert_int_ne(access(config.state_dir, F_OK), 0);
	config = lab_config;
	config.must_exist = true;
	ck_assert_int_eq(open_with(&config, &err), 0);
}
END_TEST

/* What a killed process leaves: a half-filled neighbour, an empty root. The next one works. */
START_TEST(leftovers_of_a_killed_process)
{
	struct nt_taps_config agent = lab_config;
	struct nt_err err = {};

	agent.upgrade = true;
	lab_remove(taps);
	ck_assert_int_eq(mkdir(LAB_ROOT "_new", 0700), 0);
	ck_assert_int_eq(mkdir(LAB_ROOT "_old", 0700), 0);
	taps = lab_open(NULL);
	ck_assert_int_ne(access(LAB_ROOT "_new", F_OK), 0);
	ck_assert_int_ne(access(LAB_ROOT "_old", F_OK), 0);
	ck_assert_int_eq(bpf_obj_pin(nt_taps_pods_fd(taps), LAB "/bpf/stray"), 0);
	ck_assert_int_eq(mkdir(LAB_ROOT "_new", 0700), 0);
	ck_assert_int_eq(rename(LAB "/bpf/stray", LAB_ROOT "_new/" NT_PIN_PODS), 0);
	ck_assert_int_eq(open_with(&agent, &err), 0);
	ck_assert_int_ne(access(LAB_ROOT "_new", F_OK), 0);
	/* Nor does an uninstall leave any, also where no other process came. */
	ck_assert_int_eq(bpf_obj_pin(nt_taps_pods_fd(taps), LAB "/bpf/stray"), 0);
	lab_remove(taps);
	ck_assert_int_eq(mkdir(LAB_ROOT "_new", 0700), 0);
	ck_assert_int_eq(rename(LAB "/bpf/stray", LAB_ROOT "_new/" NT_PIN_PODS), 0);
	ck_assert_int_eq(nt_taps_remove(&lab_config, &err), 0);
	ck_assert_int_ne(access(LAB_ROOT "_new", F_OK), 0);
	ck_assert_int_ne(access(LAB_STATE, F_OK), 0);
	taps = lab_open(NULL);
}
END_TEST

/* An ADD that has opened the pins when an uninstall comes: it attached to maps that nobody could
 * reach any more, and its filters stayed. */
START_TEST(removed_before_the_attach)
{
	struct nt_pod pod = lab_pod("p1", "h1", "c1");
	struct nt_taps *late = lab_open(NULL);
	struct nt_err err = {};

	lab_remove(taps);
	ck_assert_int_eq(nt_taps_attach(late, &pod, &err), -ENOENT);
	ck_assert_msg(strstr(err.msg, "was removed meanwhile"), "%s", err.msg);
	lab_run("test -z \"$(tc filter show dev h1 ingress; tc filter show dev h1 egress)\"");
	/* And when somebody has made it anew since. */
	taps = lab_open(NULL);
	ck_assert_int_eq(nt_taps_attach(late, &pod, &err), -ESTALE);
	ck_assert_msg(strstr(err.msg, "made anew"), "%s", err.msg);
	lab_run("test -z \"$(tc filter show dev h1 ingress; tc filter show dev h1 egress)\"");
	nt_taps_close(late);
	lab_pod_end("p1", "h1");
}
END_TEST

/* Killed at a random moment of loading, again and again; each time the next one works. */
START_TEST(killed_while_loading)
{
	struct nt_err err = {};

	lab_remove(taps);
	for (int i = 0; i < 40; i++) {
		const struct timespec pause = { .tv_nsec = i * 300000L };
		pid_t pid = fork();

		if (pid == 0)
			_exit(open_with(&lab_config, &err) == 0 ? 0 : 1);
		ck_assert_int_ge(pid, 0);
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		taps = lab_open(NULL);
		if (i < 39)
			lab_remove(taps);
	}
}
END_TEST

/* Many at once on an unloaded node: all of them get the same objects. */
START_TEST(first_opened_by_many)
{
	pid_t pids[20];
	int status;

	lab_remove(taps);
	for (int i = 0; i < 20; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			struct nt_err err = {};
			struct nt_taps *t = NULL;
			int r;

			/* The lock's patience is for a process that hangs, not for a slow machine.
			 */
			do {
				r = nt_taps_open(&lab_config, &t, &err);
			} while (r == -ETIMEDOUT);
			_exit(r < 0);
		}
	}
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
		ck_assert_int_eq(status, 0);
	}
	taps = lab_open(NULL);
}
END_TEST

START_TEST(removed_without_trace)
{
	struct nt_pod pod = lab_pod("p1", "h1", "c1");
	struct nt_err err = {};

	attach(&pod);
	lab_run("mkdir -p " LAB_STATE "/failed && touch " LAB_STATE "/failed/c9-eth0.json");
	nt_taps_close(taps);
	ck_assert_msg(nt_taps_remove(&lab_config, &err) == 0, "%s", err.msg);
	/* The kernel puts two files of its own into each bpffs. */
	lab_run("test -z \"$(ls -A " LAB "/bpf | grep -v debug$)\"");
	ck_assert_int_ne(access(LAB_STATE, F_OK), 0);
	lab_run("test -z \"$(tc filter show dev h1 ingress; tc filter show dev h1 egress)\"");
	/* Nothing is there: fine too. */
	ck_assert_int_eq(nt_taps_remove(&lab_config, &err), 0);
	lab_pod_end("p1", "h1");
	taps = lab_open(NULL);
}
END_TEST

/* --- one pod --- */

START_TEST(attach_and_detach)
{
	struct nt_pod pod = lab_pod("p1", "h1", "c1"), found;
	struct nt_err err = {};

	ck_assert_int_eq(nt_taps_find(taps, "c1", "eth0", &found), -ENOENT);
	ck_assert_int_eq(nt_taps_check(taps, "c1", "eth0", &err), -ENOENT);
	attach(&pod);
	ck_assert_uint_eq(pod.ep_id, pod.attach_boot_ns);
	ck_assert_uint_eq(pod.state, NT_POD_ATTACHED);
	ck_assert_uint_eq(pod.epoch, 1);
	ck_assert_uint_gt(pod.attach_real_ns, 1700000000000000000ULL);
	found = get(pod.ep_id);
	ck_assert_mem_eq(&found, &pod, sizeof(pod));
	ck_assert(is_attached("c1"));
	ck_assert_uint_eq(lab_counters(taps, pod.ep_id).seq[0], 0);
	ck_assert_int_eq(nt_taps_forget(taps, pod.ep_id, &err), -EBUSY);
	detach("c1", pod.netns_ino);
	ck_assert(!is_attached("c1"));
	found = get(pod.ep_id);
	ck_assert_uint_eq(found.state, NT_POD_DETACHED);
	ck_assert_uint_ge(found.detach_boot_ns, pod.attach_boot_ns);
	lab_run("test -z \"$(tc filter show dev h1 ingress; tc filter show dev h1 egress)\"");
	/* The qdisc may be somebody else's by now. */
	lab_run("tc qdisc show dev h1 | grep -q clsact");
	detach("c1", pod.netns_ino);
	ck_assert_uint_eq(get(pod.ep_id).detach_boot_ns, found.detach_boot_ns);
	ck_assert_int_eq(nt_taps_forget(taps, pod.ep_id, &err), 0);
	ck_assert_int_eq(nt_taps_forget(taps, pod.ep_id, &err), 0);
	ck_assert_int_eq(nt_taps_pod_get(taps, pod.ep_id, &found), -ENOENT);
	ck_assert_uint_eq(tally().detached, 0);
	lab_pod_end("p1", "h1");
}
END_TEST

START_TEST(attach_twice_is_once)
{
	struct nt_pod pod = lab_pod("p1", "h1", "c1"), again = pod;

	attach(&pod);
	attach(&again);
	ck_assert_mem_eq(&again, &pod, sizeof(pod));
	ck_assert_uint_eq(tally().attached, 1);
	/* Somebody flushed the qdisc: the second ADD repairs it. */
	lab_run("tc qdisc del dev h1 clsact");
	ck_assert(!is_attached("c1"));
	ck_assert_int_eq(bpf_map_delete_elem(nt_taps_endpoints_fd(taps), &pod.ifindex), 0);
	ck_assert_int_eq(bpf_map_delete_elem(nt_taps_counters_fd(taps), &pod.ep_id), 0);
	again.ep_id = 0;
	attach(&again);
	ck_assert_uint_eq(lab_counters(taps, pod.ep_id).seq[0], 0);
	ck_assert(is_attached("c1"));
	ck_assert_uint_eq(again.ep_id, pod.ep_id);
	lab_pod_end("p1", "h1");
}
END_TEST

/* podman restart: same container id, new namespace; the DEL of the old one comes late. */
START_TEST(same_id_in_a_new_namespace)
{
	struct nt_pod old = lab_pod("p1", "h1", "c1"), fresh = lab_pod("p2", "h2", "c1");
	struct nt_err err = {};

	attach(&old);
	attach(&fresh);
	ck_assert_uint_ne(old.ep_id, fresh.ep_id);
	/* What is there still may send: tapped until its link goes. */
	ck_assert_uint_eq(get(old.ep_id).state, NT_POD_ENDING);
	lab_run("test -n \"$(tc filter show dev h1 ingress)\"");
	ck_assert(is_attached("c1"));
	detach("c1", old.netns_ino);
	ck_assert(is_attached("c1"));
	lab_pod_end("p1", "h1");
	ck_assert_int_eq(nt_taps_verify(taps, old.ep_id, NULL, &err), NT_VERIFY_ENDED);
	ck_assert_uint_eq(get(old.ep_id).state, NT_POD_DETACHED);
	/* Now its path leads nowhere. */
	detach("c1", NT_NETNS_GONE);
	ck_assert(is_attached("c1"));
	/* The link goes with its namespace: then nothing speaks for the attachment any more. */
	lab_pod_end("p2", "h2");
	detach("c1", NT_NETNS_GONE);
	ck_assert_uint_eq(get(fresh.ep_id).state, NT_POD_DETACHED);
	ck_assert_uint_eq(tally().attached, 0);
}
END_TEST

START_TEST(detach_without_namespace)
{
	struct nt_pod pod = lab_pod("p1", "h1", "c1");

	attach(&pod);
	detach("c2", 0);
	detach("c1", pod.netns_ino + 1);
	ck_assert(is_attached("c1"));
	lab_pod_end("p1", "h1");
	detach("c1", 0);
	ck_assert_uint_eq(get(pod.ep_id).state, NT_POD_DETACHED);
}
END_TEST

/* The index of a link that is gone was given again; nobody told us of the end of the first. */
START_TEST(index_used_again)
{
	struct nt_pod first = lab_pod("p1", "h1", "c1"), second;
	char line[256];

	attach(&first);
	lab_pod_end("p1", "h1");
	lab_run("ip netns add p2");
	snprintf(line, sizeof(line), "ip link add h2 index %u type veth peer name eth0 netns p2",
		 first.ifindex);
	lab_run(line);
	second = first;
	memcpy(second.container_id, "c2", 3);
	second.netns_ino++;
	ck_assert_uint_eq(if_nametoindex("h2"), first.ifindex);
	attach(&second);
	ck_assert_uint_eq(get(first.ep_id).state, NT_POD_DETACHED);
	ck_assert(is_attached("c2"));
	/* The late DEL of the first leaves the second alone. */
	detach("c1", 0);
	ck_assert(is_attached("c2"));
	lab_pod_end("p2", "h2");
}
END_TEST

START_TEST(nothing_left_when_attach_fails)
{
	struct nt_pod pod = { .container_id = "c1", .ifname = "eth0", .ifindex = 999999 };
	struct nt_pod shaped = lab_pod("p1", "h1", "c2");
	struct nt_taps_config no_tcx = { .no_tcx = true };
	struct nt_taps *old_way = lab_open(&no_tcx);
	struct nt_endpoint ep;
	struct nt_err err = {};

	ck_assert_int_lt(nt_taps_attach(taps, &pod, &err), 0);
	ck_assert_msg(strstr(err.msg, "999999"), "%s", err.msg);
	ck_assert_int_lt(bpf_map_lookup_elem(nt_taps_endpoints_fd(taps), &pod.ifindex, &ep), 0);
	/* The bandwidth plugin's qdisc would run our egress program at ingress. */
	lab_run("tc qdisc add dev h1 ingress");
	ck_assert_int_eq(nt_taps_attach(old_way, &shaped, &err), -EBUSY);
	ck_assert_msg(strstr(err.msg, "'ingress'"), "%s", err.msg);
	nt_taps_close(old_way);
	ck_assert_uint_eq(tally().attached + tally().detached, 0);
	ck_assert_int_eq(nt_taps_find(taps, "c1", "eth0", &pod), -ENOENT);
	lab_run("tc qdisc show dev h1 | grep -q ingress");
	lab_pod_end("p1", "h1");
}
END_TEST

static struct nt_live_key live_key(const char *container_id)
{
	struct nt_live_key key = { .ifname = "eth0" };

	memcpy(key.container_id, container_id, strlen(container_id));
	return key;
}

/* An ADD that was killed before it wrote the record, and a DEL that was killed after: the entry
 * stayed for ever, because the next DEL found no record and thought that nothing was to do. */
START_TEST(live_entry_of_a_killed_process)
{
	struct nt_pod pod = lab_pod("p1", "h1", "c1");
	struct nt_live_key keys[] = { live_key("c1"), live_key("c9") };
	int fd = bpf_obj_get(LAB_ROOT "/" NT_PIN_LIVE);
	__u64 ids[] = { 0, 12345 }, found;

	attach(&pod);
	detach("c1", pod.netns_ino);
	ids[0] = pod.ep_id;
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(bpf_map_update_elem(fd, &keys[i], &ids[i], BPF_ANY), 0);
		detach(keys[i].container_id, NT_NETNS_GONE);
		ck_assert_int_lt(bpf_map_lookup_elem(fd, &keys[i], &found), 0);
	}
	close(fd);
	lab_pod_end("p1", "h1");
}
END_TEST

/* A DEL that names no netns, or one that is gone, while the record's link is there but is another
 * attachment's by now: the record stayed attached for ever. */
START_TEST(namespace_gone_and_link_taken)
{
	struct nt_pod pod = lab_pod("p1", "h1", "c1");
	struct nt_endpoint ep = { .ep_id = 4711 };
	int endpoints = nt_taps_endpoints_fd(taps);

	attach(&pod);
	detach("c1", NT_NETNS_GONE);
	ck_assert(is_attached("c1"));
	ck_assert_int_eq(bpf_map_update_elem(endpoints, &pod.ifindex, &ep, BPF_ANY), 0);
	detach("c1", NT_NETNS_GONE);
	ck_assert_uint_eq(get(pod.ep_id).state, NT_POD_DETACHED);
	ck_assert_int_eq(bpf_map_lookup_elem(endpoints, &pod.ifindex, &ep), 0);
	ck_assert_uint_eq(ep.ep_id, 4711);
	lab_pod_end("p1", "h1");
}
END_TEST

/* Beside another CNI's filters; theirs stay. */
START_TEST(other_filters_stay)
{
	struct nt_pod pod = lab_pod("p1", "h1", "c1");

	lab_run("tc qdisc add dev h1 clsact && "
		"tc filter add dev h1 ingress prio 1 bpf bytecode '1,6 0 0 0,' && "
		"tc filter add dev h1 egress prio 9 bpf bytecode '1,6 0 0 0,'");
	attach(&pod);
	ck_assert(is_attached("c1"));
	detach("c1", 0);
	lab_run("tc filter show dev h1 ingress | grep -q 'pref 1 bpf' && "
		"tc filter show dev h1 egress | grep -q 'pref 9 bpf'");
	lab_run("test -z \"$(tc filter show dev h1 ingress | grep nametap; "
		"tc filter show dev h1 egress | grep to_pod)\"");
	lab_pod_end("p1", "h1");
}
END_TEST

/* --- many --- */

/* Fills the records up to the last with detached pods, the oldest first. */
static void fill(unsigned n)
{
	struct nt_pod pod = { .version = NT_ABI_VERSION, .state = NT_POD_DETACHED };
	struct nt_counters *zero = calloc((size_t)nt_taps_cpus(taps), sizeof(*zero));

	zero[0].seq[NT_DIR_FROM_POD] = 3;
	for (unsigned i = 0; i < n; i++) {
		pod.ep_id = i + 1;
		pod.detach_boot_ns = 1000 + (i * 7919ULL) % n; /* in no order */
		ck_assert_int_eq(bpf_map_update_elem(nt_taps_pods_fd(taps), &pod.ep_id, &pod,
						     BPF_NOEXIST),
				 0);
		if (i < 1000)
			ck_assert_int_eq(bpf_map_update_elem(nt_taps_counters_fd(taps), &pod.ep_id,
							     zero, BPF_NOEXIST),
					 0);
	}
	free(zero);
}

static bool is_recent(void *ctx, const struct nt_pod *pod)
{
	__u64 *min = ctx;

	if (pod->state == NT_POD_DETACHED && pod->detach_boot_ns < *min)
		*min = pod->detach_boot_ns;
	return true;
}

START_TEST(oldest_tombstones_make_room)
{
	struct nt_pod pod = lab_pod("p1", "h1", "c1");
	struct nt_err err = {};
	struct nt_meta meta;
	__u64 min = UINT64_MAX;

	fill(NT_PODS_MAX);
	ck_assert_uint_eq(tally().detached, NT_PODS_MAX);
	attach(&pod);
	ck_assert(is_attached("c1"));
	meta = nt_taps_meta(taps);
	ck_assert_uint_gt(meta.tombstones_evicted, 0);
	ck_assert_uint_eq(tally().detached + meta.tombstones_evicted, NT_PODS_MAX);
	ck_assert_int_eq(nt_taps_pods(taps, is_recent, &min, &err), 0);
	ck_assert_uint_eq(min, 1000 + meta.tombstones_evicted);
	/* Packets of which nobody read the numbers are counted; few of these pods had any. */
	ck_assert_uint_eq(meta.tombstones_evicted_packets % 3, 0);
	ck_assert_uint_gt(meta.tombstones_evicted_packets, 0);
	lab_pod_end("p1", "h1");
}
END_TEST

static bool stop_at_once(void *ctx, const struct nt_pod *pod)
{
	(void)pod;
	++*(unsigned *)ctx;
	return false;
}

START_TEST(listing_stops_when_told)
{
	struct nt_err err = {};
	unsigned n = 0;

	fill(1000);
	ck_assert_uint_eq(tally().detached, 1000);
	ck_assert_int_eq(nt_taps_pods(taps, stop_at_once, &n, &err), 0);
	ck_assert_uint_eq(n, 1);
}
END_TEST

/* One of three parties that race over the same container id. */
static pid_t race(int role, const struct nt_pod *fresh, __u64 old_ino)
{
	pid_t pid = fork();
	struct nt_pod pod = *fresh;
	struct nt_err err = {};
	struct nt_taps *t = NULL;
	int r;

	if (pid != 0)
		return pid;
	r = nt_taps_open(&lab_config, &t, &err);
	if (r == 0)
		r = role == 0 ? nt_taps_attach(t, &pod, &err)
			      : nt_taps_detach(t, "c1", "eth0", role == 1 ? old_ino : NT_NETNS_GONE,
					       &err);
	_exit(r == 0 ? 0 : 1);
}

/* DEL, DEL and ADD of the same id at once, a thousand times: the new attachment always stands, the
 * old one has always ended (T18). */
START_TEST(late_deletes_race_with_an_add)
{
	struct nt_pod sides[2] = { lab_pod("p1", "h1", "c1"), lab_pod("p2", "h2", "c1") };
	struct nt_err err = {};

	attach(&sides[0]);
	for (int round = 0; round < 1000; round++) {
		const struct nt_pod *fresh = &sides[(round + 1) % 2];
		__u64 old_ino = sides[round % 2].netns_ino;
		struct nt_pod found;
		pid_t pids[3];
		int status;

		for (int i = 0; i < 3; i++)
			pids[i] = race((i + round) % 3, fresh, old_ino);
		for (int i = 0; i < 3; i++) {
			ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
			ck_assert_int_eq(status, 0);
		}
		ck_assert_int_eq(nt_taps_find(taps, "c1", "eth0", &found), 0);
		ck_assert_uint_eq(found.ifindex, fresh->ifindex);
		ck_assert_msg(nt_taps_check(taps, "c1", "eth0", &err) == 0, "%s", err.msg);
	}
	ck_assert_uint_eq(tally().attached, 1);
	ck_assert_uint_eq(tally().detached, 1000);
	lab_pod_end("p1", "h1");
	lab_pod_end("p2", "h2");
}
END_TEST

/* Killed at any moment of an ADD: the next ADD and DEL put it right. */
START_TEST(killed_while_attaching)
{
	struct nt_pod pod = lab_pod("p1", "h1", "c1");

	for (int i = 0; i < 60; i++) {
		const struct timespec pause = { .tv_nsec = 200000L + i * 20000L };
		pid_t pid = race(0, &pod, 0);
		struct nt_pod next = pod;

		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		attach(&next);
		ck_assert(is_attached("c1"));
		ck_assert_uint_eq(tally().attached, 1);
		ck_assert_uint_eq(lab_counters(taps, next.ep_id).seq[0], 0);
		detach("c1", pod.netns_ino);
		ck_assert_uint_eq(tally().attached, 0);
	}
	lab_pod_end("p1", "h1");
}
END_TEST

/* Somebody sits on the lock: an error in bounded time, not a pod that never starts. What is there
 * can be opened all the same. */
START_TEST(lock_is_not_waited_for_for_ever)
{
	struct nt_err err = {};
	int fd = open(LAB_STATE "/lock", O_RDWR | O_CLOEXEC);
	pid_t pid;
	int status;

	ck_assert_int_eq(flock(fd, LOCK_EX), 0);
	pid = fork();
	if (pid == 0) {
		int r;

		/* The child shares the lock with its descriptor; it opens the file anew. */
		if (open_with(&lab_config, &err) < 0)
			_exit(2);
		r = nt_taps_detach(taps, "c1", "eth0", 0, &err);
		_exit(r == -ETIMEDOUT && strstr(err.msg, "locked by another process") ? 0 : 1);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	close(fd);
	ck_assert_int_eq(nt_taps_detach(taps, "c1", "eth0", 0, &err), 0);
}
END_TEST

/* A handle for attaching alone: a pod's whole life, also when it is the one that loads. */
START_TEST(only_pods)
{
	struct nt_taps_config config = lab_config;
	struct nt_err err = {};

	config.only_pods = true;
	for (int i = 0; i < 2; i++) {
		struct nt_pod pod = lab_pod("p1", "h1", "c1");

		lab_remove(taps);
		taps = lab_open(&config);
		if (i == 1) { /* it finds the objects */
			nt_taps_close(taps);
			taps = lab_open(&config);
		}
		ck_assert_int_eq(nt_taps_events_fd(taps), -1);
		attach(&pod);
		ck_assert(is_attached("c1"));
		ck_assert_int_eq(nt_taps_check(taps, "c1", "eth0", &err), 0);
		detach("c1", pod.netns_ino);
		ck_assert_int_eq(nt_taps_forget(taps, pod.ep_id, &err), 0);
		lab_pod_end("p1", "h1");
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("taps");
	TCase *t = tcase_create("taps");

	lab_enter();
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, second_open_finds_the_first);
	tcase_add_test(t, stranger_is_refused);
	tcase_add_test(t, other_version_and_other_boot);
	tcase_add_test(t, no_bpffs_says_what_to_do);
	tcase_add_test(t, not_root);
	tcase_add_test(t, must_exist);
	tcase_add_test(t, leftovers_of_a_killed_process);
	tcase_add_test(t, removed_before_the_attach);
	tcase_add_test(t, killed_while_loading);
	tcase_add_test(t, first_opened_by_many);
	tcase_add_test(t, removed_without_trace);
	tcase_add_test(t, attach_and_detach);
	tcase_add_test(t, attach_twice_is_once);
	tcase_add_test(t, same_id_in_a_new_namespace);
	tcase_add_test(t, detach_without_namespace);
	tcase_add_test(t, index_used_again);
	tcase_add_test(t, nothing_left_when_attach_fails);
	tcase_add_test(t, live_entry_of_a_killed_process);
	tcase_add_test(t, namespace_gone_and_link_taken);
	tcase_add_test(t, other_filters_stay);
	tcase_add_test(t, oldest_tombstones_make_room);
	tcase_add_test(t, listing_stops_when_told);
	tcase_add_test(t, late_deletes_race_with_an_add);
	tcase_add_test(t, killed_while_attaching);
	tcase_add_test(t, lock_is_not_waited_for_for_ever);
	tcase_add_test(t, only_pods);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
