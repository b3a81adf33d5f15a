/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of the host network on built packets, and their pins. BPF_PROG_TEST_RUN gives each
 * packet a socket of the network namespace that it runs in. */
#include "tests/bpf/lab.h"
#include "tests/bpf/packet.h"

#include "dataplane/taps/hostnet.h"
#include "tests/unit/suite.h"

static struct nt_taps *taps;
static struct lab_ring *ring;
static struct nt_hostnet *hostnet;
static char root[128];
static enum nt_host_mode mode; /* of this run of the tests */
static int prog[NT_DIR_MAX];

/* The program that a pinned link runs. */
static int program_of(const char *pin)
{
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);
	char path[256];
	int link, fd;

	snprintf(path, sizeof(path), LAB_ROOT NT_HOST_SUFFIX "/%s", pin);
	link = bpf_obj_get(path);
	ck_assert_int_ge(link, 0);
	ck_assert_int_eq(bpf_obj_get_info_by_fd(link, &info, &len), 0);
	fd = bpf_prog_get_fd_by_id(info.prog_id);
	ck_assert_int_ge(fd, 0);
	close(link);
	return fd;
}

static struct nt_hostnet *open_with(enum nt_host_mode wanted)
{
	struct nt_hostnet_config config = { .cgroup_root = root, .mode = wanted };
	struct nt_hostnet *h = NULL;
	struct nt_err err = {};

	ck_assert_msg(nt_hostnet_open(taps, &config, &h, &err) == 0, "%s", err.msg);
	return h;
}

static void set_up(void)
{
	lab_run("ip link set lo up"); /* where the beacon is looked for */
	taps = lab_open(NULL);
	ring = lab_ring_new(taps);
	hostnet = open_with(mode);
	prog[NT_DIR_FROM_POD] = program_of(NT_PIN_HOST_EGRESS);
	prog[NT_DIR_TO_POD] = program_of(NT_PIN_HOST_INGRESS);
}

static void tear_down(void)
{
	close(prog[0]);
	close(prog[1]);
	nt_hostnet_close(hostnet);
	lab_ring_free(ring);
	lab_remove(taps);
	ck_assert_int_ne(access(LAB_ROOT NT_HOST_SUFFIX, F_OK), 0);
}

static void run_gso(const struct packet *p, enum nt_dir dir, unsigned gso_size)
{
	struct __sk_buff skb = { .gso_size = gso_size, .gso_segs = gso_size ? 2 : 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = p->octets, .data_size_in = (__u32)p->len,
		    .ctx_in = &skb, .ctx_size_in = sizeof(skb));

	ck_assert_int_eq(bpf_prog_test_run_opts(prog[dir], &opts), 0);
	ck_assert_int_eq((int)opts.retval, 1); /* it always passes */
}

struct found {
	struct nt_pod node;
	unsigned attached;
};

static bool note(void *ctx, const struct nt_pod *pod)
{
	struct found *f = ctx;

	if (pod->state == NT_POD_ATTACHED) {
		f->attached++;
		f->node = *pod;
	}
	return true;
}

static struct nt_pod node(void)
{
	struct found f = {};
	struct nt_err err;

	ck_assert_int_eq(nt_taps_pods(taps, note, &f, &err), 0);
	ck_assert_uint_eq(f.attached, 1);
	ck_assert_str_eq(f.node.container_id, "node");
	ck_assert_uint_eq(f.node.origin, NT_ORIGIN_NODE);
	return f.node;
}

START_TEST(query_is_an_event)
{
	struct packet p = packet_query4();
	struct nt_pod n = node();

	run_gso(&p, NT_DIR_FROM_POD, 0);
	run_gso(&p, NT_DIR_FROM_POD, 0);
	run_gso(&p, NT_DIR_TO_POD, 0);
	ck_assert_uint_eq(lab_drain(ring), 3);
	for (unsigned i = 0; i < 3; i++) {
		const struct nt_event *e = &ring->events[i];

		ck_assert_uint_eq(e->version, NT_ABI_VERSION);
		ck_assert_uint_eq(e->ep_id, n.ep_id);
		ck_assert_uint_eq(e->dir, i < 2 ? NT_DIR_FROM_POD : NT_DIR_TO_POD);
		ck_assert_uint_eq(e->seq, i == 1);
		ck_assert_uint_eq(e->ifindex, 0);
		ck_assert_uint_eq(e->ip_version, 4);
		ck_assert_uint_eq(e->dport, 53);
		ck_assert_uint_eq(e->cap_len, e->payload_len);
		ck_assert_uint_ne(e->cookie, 0);
	}
	ck_assert_mem_eq(ring->payload, p.octets + p.len - ring->events[2].payload_len,
			 ring->events[2].payload_len);
	ck_assert_uint_eq(lab_counters(taps, n.ep_id).seq[NT_DIR_FROM_POD], 2);
	ck_assert_uint_eq(lab_counters(taps, n.ep_id).seq[NT_DIR_TO_POD], 1);
}
END_TEST

START_TEST(segments_take_numbers)
{
	struct packet p = packet_query4();
	struct nt_pod n = node();

	run_gso(&p, NT_DIR_FROM_POD, 20);
	run_gso(&p, NT_DIR_FROM_POD, 0);
	ck_assert_uint_eq(lab_drain(ring), 2);
	ck_assert_uint_gt(ring->events[0].gso_segs, 1);
	ck_assert_uint_eq(ring->events[1].seq, ring->events[0].gso_segs);
	ck_assert_uint_eq(lab_counters(taps, n.ep_id).gso[NT_DIR_FROM_POD], 1);
}
END_TEST

START_TEST(other_ports_are_nothing)
{
	struct packet p = packet_query4();
	struct nt_pod n = node();

	p.octets[36] = p.octets[37] =
		9; /* destination port, behind 14 and 20 octets and the source */
	run_gso(&p, NT_DIR_FROM_POD, 0);
	ck_assert_uint_eq(lab_drain(ring), 0);
	ck_assert_uint_eq(lab_counters(taps, n.ep_id).seq[NT_DIR_FROM_POD], 0);
}
END_TEST

/* The test runs in the network namespace of the pins, but the packet's socket in another one. */
START_TEST(another_namespace_is_nothing)
{
	struct packet p = packet_query4();
	struct nt_pod n = node();
	int own = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	lab_run("ip link set lo up");
	run_gso(&p, NT_DIR_FROM_POD, 0);
	ck_assert_int_eq(setns(own, CLONE_NEWNET), 0);
	close(own);
	ck_assert_uint_eq(lab_drain(ring), 0);
	ck_assert_uint_eq(lab_counters(taps, n.ep_id).seq[NT_DIR_FROM_POD], 0);
}
END_TEST

START_TEST(taken_over_by_the_next_agent)
{
	struct packet p = packet_query4();
	struct nt_pod before = node();

	run_gso(&p, NT_DIR_FROM_POD, 0);
	nt_hostnet_close(hostnet);
	hostnet = open_with(mode);
	ck_assert_uint_eq(node().ep_id, before.ep_id);
	run_gso(&p, NT_DIR_FROM_POD, 0);
	ck_assert_uint_eq(lab_drain(ring), 2);
	ck_assert_uint_eq(ring->events[1].seq, 1);
}
END_TEST

/* Programs of another kind number from 0: another endpoint. */
START_TEST(replaced_by_another_kind)
{
	struct nt_pod before = node();
	struct nt_err err = {};

	nt_hostnet_close(hostnet);
	ck_assert_msg(nt_hostnet_off(taps, &err) == 0, "%s", err.msg);
	ck_assert_int_ne(access(LAB_ROOT NT_HOST_SUFFIX, F_OK), 0);
	hostnet = open_with(mode);
	ck_assert_uint_ne(node().ep_id, before.ep_id);
}
END_TEST

START_TEST(no_cgroup_folder)
{
	struct nt_hostnet_config config = { .cgroup_root = "/run" };
	struct nt_hostnet *h = NULL;
	struct nt_err err = {};

	ck_assert_int_eq(nt_hostnet_open(taps, &config, &h, &err), -EINVAL);
	ck_assert_msg(strstr(err.msg, "/run is no cgroup2 folder"), "%s", err.msg);
}
END_TEST

static void add_tests(Suite *s, const char *name)
{
	TCase *t = tcase_create(name);

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, query_is_an_event);
	tcase_add_test(t, segments_take_numbers);
	tcase_add_test(t, other_ports_are_nothing);
	tcase_add_test(t, another_namespace_is_nothing);
	tcase_add_test(t, taken_over_by_the_next_agent);
	tcase_add_test(t, replaced_by_another_kind);
	tcase_add_test(t, no_cgroup_folder);
	suite_add_tcase(s, t);
}

/* Once for each way in which the programs can know the namespace. */
int main(void)
{
	bool can = libbpf_probe_bpf_helper(BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_get_netns_cookie,
					   NULL) == 1;
	bool hybrid;
	const char *machine = nt_hostnet_find_root(&hybrid);
	int failed = 0;

	lab_enter();
	/* A cgroup of our own plays the root; made here, so that it goes when a test fails, too. */
	snprintf(root, sizeof(root), "%s/nametap-test-%d", machine ? machine : "", (int)getpid());
	if (!machine || mkdir(root, 0755) == -1)
		lab_die("a cgroup2 folder");
	for (int m = NT_HOST_COOKIE; m <= NT_HOST_BEACON; m++) {
		Suite *s = suite_create(m == NT_HOST_COOKIE ? "hostnet_cookie" : "hostnet_beacon");

		if (m == NT_HOST_COOKIE && !can)
			continue;
		mode = (enum nt_host_mode)m;
		add_tests(s, "hostnet");
		failed |= nt_suite_run(s);
	}
	if (rmdir(root) == -1)
		lab_die(root);
	return failed;
}
