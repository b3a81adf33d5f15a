/* SPDX-License-Identifier: Apache-2.0 */
/* Adoption and verification of attachments, alone and against ADD and DEL of the same container. */
#include "tests/bpf/lab.h"

#include <bpf/bpf.h>

#include "dataplane/taps/hooks.h"
#include "dataplane/taps/hostlink.h"
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

/* As adoption has it: no link known yet. */
static struct nt_pod stranger(const char *container_id)
{
	struct nt_pod pod = { .ifname = "eth0" };

	snprintf(pod.container_id, sizeof(pod.container_id), "%s", container_id);
	return pod;
}

static int adopt(struct nt_pod *pod, const char *netns)
{
	struct nt_err err = {};
	int r = nt_taps_adopt(taps, netns, pod, &err);

	ck_assert_msg(r >= 0, "%s", err.msg);
	return r;
}

static int verify(__u64 ep_id, const char *netns)
{
	struct nt_err err = {};
	int r = nt_taps_verify(taps, ep_id, netns, &err);

	ck_assert_msg(r >= 0, "%s", err.msg);
	return r;
}

static struct nt_pod get(__u64 ep_id)
{
	struct nt_pod pod;

	ck_assert_int_eq(nt_taps_pod_get(taps, ep_id, &pod), 0);
	return pod;
}

START_TEST(adopted_once)
{
	struct nt_pod link = lab_pod("p1", "h1", "c1"), pod = stranger("c1"),
		      again = stranger("c1");
	struct nt_pod by_list = stranger("pod-uid-1");
	struct nt_err err = {};

	ck_assert_int_eq(adopt(&pod, "/run/netns/p1"), 1);
	ck_assert_uint_eq(pod.ifindex, link.ifindex);
	ck_assert_uint_eq(pod.netns_ino, link.netns_ino);
	ck_assert_str_eq(pod.host_ifname, "h1");
	ck_assert_uint_eq(pod.origin, NT_ORIGIN_ADOPTED);
	ck_assert_int_eq(nt_taps_check(taps, "c1", "eth0", &err), 0);
	ck_assert_int_eq(adopt(&again, "/run/netns/p1"), 0);
	/* Under another name it is the same link. */
	ck_assert_int_eq(adopt(&by_list, "/run/netns/p1"), 0);
	/* ADD says what is known already: nothing changes, not even the origin. */
	ck_assert_int_eq(nt_taps_attach(taps, &link, &err), 0);
	ck_assert_uint_eq(link.ep_id, pod.ep_id);
	ck_assert_uint_eq(get(pod.ep_id).origin, NT_ORIGIN_ADOPTED);
	lab_pod_end("p1", "h1");
}
END_TEST

START_TEST(another_namespace_by_now)
{
	struct nt_pod pod = stranger("c1");
	struct nt_err err = {};

	(void)lab_pod("p1", "h1", "c1");
	pod.netns_ino = 1;
	ck_assert_int_eq(nt_taps_adopt(taps, "/run/netns/p1", &pod, &err), -EAGAIN);
	ck_assert_int_eq(nt_taps_adopt(taps, "/run/netns/none", &pod, &err), -ENOENT);
	lab_pod_end("p1", "h1");
}
END_TEST

START_TEST(not_after_its_end)
{
	struct nt_pod pod = stranger("c1"), again = stranger("c1");
	struct nt_err err = {};

	(void)lab_pod("p1", "h1", "c1");
	ck_assert_int_eq(adopt(&pod, "/run/netns/p1"), 1);
	ck_assert_int_eq(nt_taps_detach(taps, "c1", "eth0", pod.netns_ino, &err), 0);
	ck_assert_int_eq(adopt(&again, "/run/netns/p1"), 0);
	ck_assert_int_eq(nt_taps_find(taps, "c1", "eth0", &again), -ENOENT);
	lab_pod_end("p1", "h1");
}
END_TEST

START_TEST(link_that_went)
{
	struct nt_pod pod = stranger("c1");

	(void)lab_pod("p1", "h1", "c1");
	ck_assert_int_eq(adopt(&pod, "/run/netns/p1"), 1);
	ck_assert_int_eq(verify(pod.ep_id, "/run/netns/p1"), 0);
	lab_run("ip link del h1");
	ck_assert_int_eq(verify(pod.ep_id, "/run/netns/p1"), 1);
	ck_assert_uint_eq(get(pod.ep_id).state, NT_POD_DETACHED);
	ck_assert_uint_eq(get(pod.ep_id).end, NT_END_LINK_GONE);
	ck_assert_int_eq(verify(pod.ep_id, "/run/netns/p1"), 0);
	lab_run("ip netns del p1");
}
END_TEST

/* The path of a process that was in the namespace for a moment leads to another one. */
START_TEST(path_of_another_namespace)
{
	struct nt_pod pod = stranger("c1");

	(void)lab_pod("p1", "h1", "c1");
	ck_assert_int_eq(adopt(&pod, "/run/netns/p1"), 1);
	ck_assert_int_eq(verify(pod.ep_id, "/proc/self/ns/net"), 0);
	ck_assert_uint_eq(get(pod.ep_id).state, NT_POD_ATTACHED);
	lab_pod_end("p1", "h1");
}
END_TEST

static void end(const struct nt_pod *pod)
{
	struct nt_err err = {};

	ck_assert_msg(nt_taps_end(taps, "c1", "eth0", pod->netns_ino, &err) == 0, "%s", err.msg);
	ck_assert_uint_eq(get(pod->ep_id).state, NT_POD_ENDING);
	ck_assert_int_eq(nt_taps_find(taps, "c1", "eth0", &(struct nt_pod){}), -ENOENT);
}

static void age(__u64 ep_id, __u64 ns)
{
	struct nt_pod pod = get(ep_id);

	pod.detach_boot_ns -= ns;
	ck_assert_int_eq(bpf_map_update_elem(nt_taps_pods_fd(taps), &ep_id, &pod, BPF_EXIST), 0);
}

/* DEL comes while the link is there: tapped until it goes, and it goes as was said. */
START_TEST(ends_with_its_link)
{
	struct nt_hook_state state;
	struct nt_pod pod = stranger("c1");
	__u64 del_ns;

	(void)lab_pod("p1", "h1", "c1");
	ck_assert_int_eq(adopt(&pod, "/run/netns/p1"), 1);
	end(&pod);
	ck_assert_int_eq(nt_hooks_look(taps, &pod, true, &state), 0);
	ck_assert_int_eq(state.fault, NT_FAULT_NONE);
	ck_assert_int_eq(verify(pod.ep_id, "/run/netns/p1"), 0);
	del_ns = get(pod.ep_id).detach_boot_ns;
	lab_run("ip link del h1");
	ck_assert_int_eq(nt_hooks_look(taps, &pod, true, &state), -ENOENT);
	ck_assert_int_eq(verify(pod.ep_id, "/run/netns/p1"), NT_VERIFY_ENDED);
	ck_assert_uint_eq(get(pod.ep_id).state, NT_POD_DETACHED);
	ck_assert_uint_eq(get(pod.ep_id).end, NT_END_DEL);
	ck_assert_uint_gt(get(pod.ep_id).detach_boot_ns, del_ns);
	ck_assert_int_eq(verify(pod.ep_id, "/run/netns/p1"), 0);
	lab_run("ip netns del p1");
}
END_TEST

/* The chain has taken the link away, and neither the namespace nor the runtime's cache: that is no
 * pod which cannot be tapped. */
START_TEST(ended_and_its_namespace_is_there)
{
	struct nt_pod pod = stranger("c1"), cached = stranger("c1"), other = stranger("c2");

	(void)lab_pod("p1", "h1", "c1");
	ck_assert_int_eq(adopt(&pod, "/run/netns/p1"), 1);
	end(&pod);
	lab_run("ip link del h1");
	cached.netns_ino = other.netns_ino = pod.netns_ino;
	cached.netns_dev = other.netns_dev = pod.netns_dev;
	ck_assert_int_eq(adopt(&cached, "/run/netns/p1"), 0);
	ck_assert_int_eq(nt_taps_adopt(taps, "/run/netns/p1", &other, &(struct nt_err){}), -ENOENT);
	lab_run("ip netns del p1");
}
END_TEST

/* Nobody of us looked for an hour: it went soon after its DEL. */
START_TEST(ended_unseen)
{
	const __u64 second = 1000000000, hour = 3600 * second;
	struct nt_pod pod = stranger("c1");
	__u64 del_ns;

	(void)lab_pod("p1", "h1", "c1");
	ck_assert_int_eq(adopt(&pod, "/run/netns/p1"), 1);
	end(&pod);
	age(pod.ep_id, hour);
	del_ns = get(pod.ep_id).detach_boot_ns;
	lab_run("ip link del h1");
	ck_assert_int_eq(verify(pod.ep_id, "/run/netns/p1"), NT_VERIFY_ENDED);
	ck_assert_uint_eq(get(pod.ep_id).detach_boot_ns, del_ns + second);
	lab_run("ip netns del p1");
}
END_TEST

/* Somebody has moved the pod's end of the link: it does not go with the namespace. Without a DEL
 * nobody knows better; with one it is not tapped for ever. */
START_TEST(link_that_stays)
{
	const __u64 minute = 60000000000ull;
	struct nt_pod pod = stranger("c1");
	__u64 del_ns;

	(void)lab_pod("p1", "h1", "c1");
	ck_assert_int_eq(adopt(&pod, "/run/netns/p1"), 1);
	ck_assert_int_eq(verify(pod.ep_id, NULL), 0);
	end(&pod);
	del_ns = get(pod.ep_id).detach_boot_ns;
	age(pod.ep_id, 2 * minute);
	ck_assert_int_eq(verify(pod.ep_id, "/run/netns/p1"), 0);
	ck_assert_int_eq(verify(pod.ep_id, NULL), 0);
	lab_run("ip netns add p2; ip -n p1 link set eth0 netns p2; ip netns del p1");
	ck_assert_int_eq(verify(pod.ep_id, NULL), 0);
	ck_assert_uint_eq(get(pod.ep_id).state, NT_POD_ENDING);
	age(pod.ep_id, minute);
	ck_assert_int_eq(verify(pod.ep_id, NULL), NT_VERIFY_ENDED);
	ck_assert_uint_eq(get(pod.ep_id).state, NT_POD_DETACHED);
	ck_assert_uint_eq(get(pod.ep_id).end, NT_END_LINK_STAYED);
	ck_assert_uint_gt(get(pod.ep_id).detach_boot_ns, del_ns);
	lab_run("test -z \"$(tc filter show dev h1 ingress; tc filter show dev h1 egress)\"");
	lab_pod_end("p2", "h1");
}
END_TEST

/* The same link is attached again: the old record ends, as by DEL. */
START_TEST(added_again)
{
	struct nt_pod pod = stranger("c1"), again = stranger("c1");

	(void)lab_pod("p1", "h1", "c1");
	ck_assert_int_eq(adopt(&pod, "/run/netns/p1"), 1);
	end(&pod);
	ck_assert_int_eq(adopt(&again, "/run/netns/p1"), 0); /* it is tapped, and is to end */
	again = pod;
	ck_assert_int_eq(nt_taps_attach(taps, &again, &(struct nt_err){}), 0);
	ck_assert_uint_ne(again.ep_id, pod.ep_id);
	ck_assert_uint_eq(get(pod.ep_id).state, NT_POD_DETACHED);
	ck_assert_uint_eq(get(pod.ep_id).end, NT_END_DEL);
	ck_assert_int_eq(nt_taps_check(taps, "c1", "eth0", &(struct nt_err){}), 0);
	lab_pod_end("p1", "h1");
}
END_TEST

static struct nt_pod told(const char *container_id, const char *uid)
{
	struct nt_pod pod = stranger(container_id);

	snprintf(pod.uid, sizeof(pod.uid), "%s", uid);
	return pod;
}

/* ep_id of what is found, 0: nothing. */
static __u64 found(const char *netns, struct nt_pod who)
{
	struct nt_pod pod = {};

	return nt_taps_find_told(taps, netns, &who, &pod) == 0 ? pod.ep_id : 0;
}

/* Adopted without a container id; the runtime names it by one. */
START_TEST(found_as_the_runtime_tells)
{
	struct nt_pod link = lab_pod("p1", "h1", "c1"), pod = told("pod-uid-1", "uid-1");
	struct nt_pod named = told("pod-uid-3", "uid-2"); /* a real id, whatever it looks like */
	struct nt_err err = {};

	(void)lab_pod("p2", "h2", "c2");
	ck_assert_int_eq(adopt(&pod, "/run/netns/p1"), 1);
	ck_assert_int_eq(adopt(&named, "/run/netns/p2"), 1);
	ck_assert_uint_eq(found("/run/netns/p1", told("c1", "")), pod.ep_id);
	ck_assert_uint_eq(found("/run/netns/p1", told("c1", "hash")), pod.ep_id);
	ck_assert_uint_eq(found(NULL, told("c1", "uid-1")), pod.ep_id);
	ck_assert_uint_eq(found("/run/netns/none", told("c1", "uid-1")), pod.ep_id);
	ck_assert_uint_eq(found(NULL, told("c1", "")), 0);
	ck_assert_uint_eq(found(NULL, told("c1", "uid-2")), 0);
	ck_assert_uint_eq(found("/run/netns/p2", told("c1", "")), 0);
	ck_assert_uint_eq(found("/run/netns/p2", told("pod-uid-3", "")), named.ep_id);
	/* ADD: it is attached already. */
	ck_assert_int_eq(nt_taps_attach(taps, &link, &err), 0);
	ck_assert_uint_eq(link.ep_id, pod.ep_id);
	ck_assert_str_eq(link.container_id, "pod-uid-1");
	ck_assert_int_eq(nt_taps_end(taps, "pod-uid-1", "eth0", pod.netns_ino, &err), 0);
	ck_assert_uint_eq(get(pod.ep_id).state, NT_POD_ENDING);
	ck_assert_uint_eq(found("/run/netns/p1", told("c1", "uid-1")), 0);
	lab_pod_end("p1", "h1");
	lab_pod_end("p2", "h2");
}
END_TEST

/* The pod may call its interface whatever it likes: it stays tapped. */
START_TEST(renamed_inside)
{
	struct nt_pod pod = stranger("c1");

	(void)lab_pod("p1", "h1", "c1");
	ck_assert_int_eq(adopt(&pod, "/run/netns/p1"), 1);
	lab_run("ip -n p1 link set eth0 name other0");
	ck_assert_int_eq(verify(pod.ep_id, "/run/netns/p1"), 0);
	lab_pod_end("p1", "h1");
}
END_TEST

START_TEST(index_of_another_pod)
{
	struct nt_pod pod = stranger("c1"), heir = stranger("c2");
	char line[160];

	(void)lab_pod("p1", "h1", "c1");
	ck_assert_int_eq(adopt(&pod, "/run/netns/p1"), 1);
	lab_run("ip link del h1; ip netns add p2");
	snprintf(line, sizeof(line), "ip link add h2 index %u type veth peer name eth0 netns p2",
		 pod.ifindex);
	lab_run(line);
	ck_assert_int_eq(verify(pod.ep_id, "/run/netns/p1"), 1);
	ck_assert_uint_eq(get(pod.ep_id).end, NT_END_LINK_REUSED);
	ck_assert_int_eq(adopt(&heir, "/run/netns/p2"), 1);
	ck_assert_uint_eq(heir.ifindex, pod.ifindex);
	ck_assert_uint_ne(heir.ep_id, pod.ep_id);
	lab_run("ip netns del p1");
	lab_pod_end("p2", "h2");
}
END_TEST

/* --- races --- */

struct found {
	unsigned attached;
	__u64 ep_id;
};

static bool note(void *ctx, const struct nt_pod *pod)
{
	struct found *f = ctx;

	if (pod->state == NT_POD_ATTACHED) {
		f->attached++;
		f->ep_id = pod->ep_id;
	}
	return true;
}

static pid_t racer(int role, const struct nt_pod *link)
{
	struct nt_pod by_add = *link, by_agent = stranger("c1");
	struct nt_err err = {};
	struct nt_taps *t = NULL;
	pid_t pid = fork();
	int r;

	if (pid != 0)
		return pid;
	r = nt_taps_open(&lab_config, &t, &err);
	if (r == 0 && role == 0)
		r = nt_taps_attach(t, &by_add, &err);
	else if (r == 0 && role == 1)
		r = nt_taps_detach(t, "c1", "eth0", link->netns_ino, &err);
	else if (r == 0)
		r = nt_taps_adopt(t, "/run/netns/p1", &by_agent, &err);
	_exit(r >= 0 ? 0 : 1);
}

/* ADD, DEL and adoption of the same container at once: whoever is last, there is at most one
 * attachment, and it is whole. */
START_TEST(adoption_races_with_add_and_del)
{
	struct nt_pod link = lab_pod("p1", "h1", "c1");
	struct nt_err err = {};

	for (int round = 0; round < 200; round++) {
		struct found f = {};
		struct nt_pod live;
		pid_t pids[4];
		int status;

		for (int i = 0; i < 4; i++)
			pids[i] = racer((i + round) % 4 == 3 ? 2 : (i + round) % 4, &link);
		for (int i = 0; i < 4; i++) {
			ck_assert_int_eq(waitpid(pids[i], &status, 0), pids[i]);
			ck_assert_int_eq(status, 0);
		}
		ck_assert_int_eq(nt_taps_pods(taps, note, &f, &err), 0);
		ck_assert_uint_le(f.attached, 1);
		if (nt_taps_find(taps, "c1", "eth0", &live) == 0) {
			ck_assert_uint_eq(live.ep_id, f.ep_id);
			ck_assert_msg(nt_taps_check(taps, "c1", "eth0", &err) == 0, "%s", err.msg);
		} else {
			ck_assert_uint_eq(f.attached, 0);
		}
	}
	lab_pod_end("p1", "h1");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("adopt");
	TCase *t = tcase_create("adopt");

	lab_enter();
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, adopted_once);
	tcase_add_test(t, another_namespace_by_now);
	tcase_add_test(t, not_after_its_end);
	tcase_add_test(t, link_that_went);
	tcase_add_test(t, path_of_another_namespace);
	tcase_add_test(t, ends_with_its_link);
	tcase_add_test(t, ended_and_its_namespace_is_there);
	tcase_add_test(t, ended_unseen);
	tcase_add_test(t, link_that_stays);
	tcase_add_test(t, added_again);
	tcase_add_test(t, found_as_the_runtime_tells);
	tcase_add_test(t, renamed_inside);
	tcase_add_test(t, index_of_another_pod);
	tcase_add_test(t, adoption_races_with_add_and_del);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
