/* SPDX-License-Identifier: Apache-2.0 */
/* The programs of the host network on built packets, and their pins. BPF_PROG_TEST_RUN gives each
 * packet a socket of the network namespace that it runs in. */
#include "tests/bpf/lab.h"
#include "tests/bpf/packet.h"
#include "tests/bpf/refuse.h"
#include "tests/bpf/traffic.h"

#include <arpa/inet.h>
#include <signal.h>
#include <sys/resource.h>

#include "dataplane/taps/hostprogs.h"
#include "tests/unit/suite.h"

static struct nt_taps *taps;
static struct lab_ring *ring;
static struct nt_hostnet *hostnet;
static char root[128];
static enum nt_host_mode mode; /* of this run of the tests */
static bool without_cookie; /* SO_NETNS_COOKIE is refused in this run, as before 5.14 */
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
	if (without_cookie)
		ck_assert_int_eq(refuse_install(refuse_find("netns-cookie")), 0);
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

/* --- real packets of a socket in the cgroup --- */

struct wire {
	int from, to; /* UDP: 127.0.0.1, to port 53 there */
};

static struct wire wire_open(void)
{
	struct sockaddr_in dns = { .sin_family = AF_INET,
				   .sin_port = htons(53),
				   .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct wire w;

	ck_assert(lab_cgroup_join(root));
	w.from = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	w.to = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(w.to, (void *)&dns, sizeof(dns)), 0);
	ck_assert_int_eq(connect(w.from, (void *)&dns, sizeof(dns)), 0);
	return w;
}

static void wire_close(struct wire *w)
{
	close(w->from);
	close(w->to);
}

/* Goes out and comes in, before this returns. */
static bool wire_cross(const struct wire *w)
{
	char octets[512];

	return send(w->from, QUERY, QUERY_LEN, 0) == (ssize_t)QUERY_LEN &&
	       recv(w->to, octets, sizeof(octets), 0) == (ssize_t)QUERY_LEN;
}

static void check_seen(__u64 ep_id, __u64 count)
{
	struct nt_counters c = lab_counters(taps, ep_id);

	ck_assert_uint_eq(c.seq[NT_DIR_FROM_POD], count);
	ck_assert_uint_eq(c.seq[NT_DIR_TO_POD], count);
}

/* As many numbers as there are, all of each payload, nothing lost. */
static void check_complete(__u64 ep_id, enum nt_dir dir)
{
	struct nt_counters c = lab_counters(taps, ep_id);
	__u64 sum = 0;

	for (unsigned i = 0; i < ring->len; i++) {
		const struct nt_event *e = &ring->events[i];

		if (e->dir != dir)
			continue;
		ck_assert_uint_le(e->seq + e->gso_segs, c.seq[dir]);
		ck_assert_uint_eq(e->cap_len, e->payload_len);
		ck_assert_uint_eq(e->flags & NT_EV_TRUNCATED, 0);
		sum += e->gso_segs;
	}
	ck_assert_uint_eq(c.seq[dir], sum);
	for (int i = 0; i < NT_LOSS_MAX; i++)
		ck_assert_uint_eq(c.lost[dir][i], 0);
}

/* A train that is longer than an event may be, out of one socket; the other one takes it as it is,
 * where the link has not cut it (5.10). */
START_TEST(a_train_of_several_events)
{
	static __u8 data[60 * 400], got[65536];
	struct wire w = wire_open();
	int size = 400, on = 1;
	ssize_t sum = 0;

	fill(data, sizeof(data));
	ck_assert_int_eq(setsockopt(w.from, IPPROTO_UDP, UDP_SEGMENT, &size, sizeof(size)), 0);
	ck_assert_int_eq(setsockopt(w.to, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)), 0);
	ck_assert_int_eq(send(w.from, data, sizeof(data), 0), sizeof(data));
	while (sum < (ssize_t)sizeof(data)) {
		ssize_t n = recv(w.to, got, sizeof(got), 0);

		ck_assert_int_gt(n, 0);
		sum += n;
	}
	ring->len = 0;
	ck_assert_int_ge(ring_buffer__consume(ring->rb), 0);
	check_complete(node().ep_id, NT_DIR_FROM_POD);
	check_complete(node().ep_id, NT_DIR_TO_POD);
	check_seen(node().ep_id, 60);
	ck_assert_uint_eq(ring->events[0].gso_segs, 40);
	ck_assert_uint_eq(ring->events[1].gso_segs, 20);
	ck_assert_uint_eq(ring->events[1].seq, 40);
	ck_assert_uint_eq(ring->events[1].payload_len, 20 * 400);
	ck_assert_uint_eq(ring->stream_len, 2 * sizeof(data));
	ck_assert_mem_eq(ring->stream, data, sizeof(data));
	ck_assert_mem_eq(ring->stream + sizeof(data), data, sizeof(data));
	wire_close(&w);
}
END_TEST

START_TEST(long_segments_lose_nothing)
{
	int listener;
	pid_t pid;

	ck_assert(lab_cgroup_join(root));
	listener = stream_listen("127.0.0.1");
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0)
		_exit(stream_to("127.0.0.1"));
	stream_take(listener, pid, ring);
	check_complete(node().ep_id, NT_DIR_FROM_POD);
	check_complete(node().ep_id, NT_DIR_TO_POD);
	close(listener);
}
END_TEST

/* The next generation: the same build with other ports. hostnet borrows the handle. */
static void next_generation(void)
{
	static __u16 port = 5353;
	struct nt_taps_config config = { .upgrade = true, .load.server_ports = { ++port } };

	nt_hostnet_close(hostnet);
	hostnet = NULL;
	nt_taps_close(taps);
	taps = lab_open(&config);
}

static __u32 id_of(const char *pin)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	int fd = program_of(pin);

	ck_assert_int_eq(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
	close(fd);
	return info.id;
}

/* As fast as one process can, one at a time, so that it is known how many there were. */
static pid_t start_flood(volatile __u64 *sent)
{
	pid_t pid = fork();
	struct wire w;

	if (pid)
		return pid;
	w = wire_open();
	for (;;) {
		if (!wire_cross(&w))
			_exit(1);
		++*sent;
	}
}

static void end_flood(pid_t pid)
{
	ck_assert_int_eq(kill(pid, SIGKILL), 0);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

/* Each packet meets the old program or the new one: one endpoint, none unseen, none twice. */
START_TEST(replaced_under_a_flood)
{
	volatile __u64 *sent = mmap(NULL, sizeof(*sent), PROT_READ | PROT_WRITE,
				    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct nt_pod before = node();
	pid_t pid = start_flood(sent);
	struct nt_counters c;

	for (int round = 0; round < 8; round++) {
		__u32 egress = id_of(NT_PIN_HOST_EGRESS), ingress = id_of(NT_PIN_HOST_INGRESS);
		__u64 then = *sent;

		while (*sent < then + 100)
			usleep(1000);
		next_generation();
		hostnet = open_with(mode);
		ck_assert_ptr_null(nt_hostnet_old(hostnet));
		ck_assert_uint_ne(id_of(NT_PIN_HOST_EGRESS), egress);
		ck_assert_uint_ne(id_of(NT_PIN_HOST_INGRESS), ingress);
		ck_assert_uint_eq(node().ep_id, before.ep_id);
	}
	end_flood(pid);
	/* The last one may have gone out only, or not have been counted by its sender. */
	c = lab_counters(taps, before.ep_id);
	ck_assert_uint_ge(c.seq[NT_DIR_FROM_POD], *sent);
	ck_assert_uint_le(c.seq[NT_DIR_FROM_POD], *sent + 1);
	ck_assert_uint_ge(c.seq[NT_DIR_TO_POD], *sent);
	ck_assert_uint_le(c.seq[NT_DIR_TO_POD], *sent + 1);
}
END_TEST

/* Descriptors run out at each step of it: whatever fails, packets are seen as before. */
START_TEST(what_cannot_be_loaded_leaves_the_old)
{
	struct nt_hostnet_config config = { .cgroup_root = root, .mode = mode };
	__u64 ep_id = node().ep_id, count = 0;
	struct wire w = wire_open();
	unsigned failed = 0, kept = 0;
	struct rlimit all, few;
	struct nt_err err;

	ck_assert(wire_cross(&w)); /* from now on it is known, also where the agent has to see it */
	check_seen(ep_id, ++count);
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &all), 0);
	next_generation();
	for (int more = 0; more < 60; more++) {
		int first = dup(0), r;

		few = all;
		few.rlim_cur = (rlim_t)(first + more);
		close(first);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
		r = nt_hostnet_open(taps, &config, &hostnet, &err);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &all), 0);
		failed += r < 0;
		kept += r == 0 && nt_hostnet_old(hostnet);
		ck_assert(wire_cross(&w));
		check_seen(ep_id, ++count);
		if (r == 0) {
			nt_hostnet_close(hostnet);
			hostnet = NULL;
		}
	}
	ck_assert_uint_gt(failed, 0);
	ck_assert_uint_gt(kept, 0);
	hostnet = open_with(mode);
	ck_assert_ptr_null(nt_hostnet_old(hostnet));
	ck_assert(wire_cross(&w));
	check_seen(ep_id, ++count);
	wire_close(&w);
}
END_TEST

static struct nt_hook_state look(void)
{
	struct nt_hook_state state;

	nt_hostnet_look(hostnet, &state);
	return state;
}

static void repair(void)
{
	struct nt_err err = {};

	ck_assert_msg(nt_hostnet_repair(hostnet, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(look().fault, NT_FAULT_NONE);
	ck_assert(look().is_settled);
}

static void detach(const char *pin)
{
	char path[256];
	int link;

	snprintf(path, sizeof(path), LAB_ROOT NT_HOST_SUFFIX "/%s", pin);
	link = bpf_obj_get(path);
	ck_assert_int_ge(link, 0);
	ck_assert_int_eq(bpf_link_detach(link), 0);
	close(link);
}

/* By somebody, while the agent runs or while it is away: it is noticed, and put back. */
START_TEST(detached_from_outside)
{
	__u64 ep_id = node().ep_id;
	struct wire w = wire_open();

	ck_assert(wire_cross(&w));
	ck_assert_int_eq(look().fault, NT_FAULT_NONE);
	ck_assert(look().is_settled);
	for (__u64 round = 0; round < 2; round++) {
		if (round) {
			nt_hostnet_close(hostnet);
			detach(NT_PIN_HOST_EGRESS);
			hostnet = open_with(mode); /* its keeper says since when */
			ck_assert_int_eq(look().fault, NT_FAULT_REMOVED);
			detach(NT_PIN_HOST_INGRESS);
		} else {
			detach(NT_PIN_HOST_EGRESS);
			ck_assert_int_eq(look().fault, NT_FAULT_REMOVED);
			detach(NT_PIN_HOST_INGRESS);
		}
		ck_assert(wire_cross(&w)); /* unseen */
		check_seen(ep_id, 1 + round);
		repair();
		ck_assert(wire_cross(&w));
		check_seen(ep_id, 2 + round);
	}
	ck_assert_uint_eq(node().ep_id, ep_id);
	wire_close(&w);
}
END_TEST

/* Removed pins cost nothing as long as this process lives, which puts them back. */
START_TEST(unpinned_from_outside)
{
	__u64 ep_id = node().ep_id;
	struct wire w = wire_open();

	lab_run("rm -r " LAB_ROOT NT_HOST_SUFFIX);
	ck_assert_int_eq(look().fault, NT_FAULT_NONE);
	ck_assert(!look().is_settled);
	ck_assert(wire_cross(&w));
	check_seen(ep_id, 1);
	repair();
	nt_hostnet_close(hostnet);
	ck_assert(wire_cross(&w));
	hostnet = open_with(mode);
	ck_assert_uint_eq(node().ep_id, ep_id);
	ck_assert(wire_cross(&w));
	check_seen(ep_id, 3);
	wire_close(&w);
}
END_TEST

/* A pin that went with the agent away, and with it the link: the rest is gone on with. */
START_TEST(unpinned_with_the_agent_away)
{
	__u64 ep_id = node().ep_id;
	struct wire w = wire_open();

	ck_assert(wire_cross(&w));
	nt_hostnet_close(hostnet);
	close(prog[NT_DIR_TO_POD]);
	lab_run("rm " LAB_ROOT NT_HOST_SUFFIX "/" NT_PIN_HOST_INGRESS);
	hostnet = open_with(mode);
	ck_assert_int_eq(look().fault, NT_FAULT_REMOVED);
	repair();
	prog[NT_DIR_TO_POD] = program_of(NT_PIN_HOST_INGRESS);
	ck_assert(wire_cross(&w));
	check_seen(ep_id, 2);
	ck_assert_uint_eq(node().ep_id, ep_id);
	wire_close(&w);
}
END_TEST

static bool has_socket_hook(void)
{
	return access(LAB_ROOT NT_HOST_SUFFIX "/" NT_PIN_HOST_SOCKET, F_OK) == 0;
}

/* Only 5.10 has nothing that marks new sockets without the agent: they count when it is back. */
START_TEST(a_new_socket_while_the_agent_is_away)
{
	__u64 ep_id = node().ep_id;
	struct wire old = wire_open(), w;

	ck_assert_int_eq(has_socket_hook(), mode == NT_HOST_BEACON && !without_cookie);
	ck_assert(wire_cross(&old));
	check_seen(ep_id, 1);
	nt_hostnet_close(hostnet);
	ck_assert(wire_cross(&old)); /* was known before */
	check_seen(ep_id, 2);
	wire_close(&old);
	w = wire_open();
	ck_assert(wire_cross(&w));
	check_seen(ep_id, without_cookie ? 2 : 3);
	hostnet = open_with(mode);
	ck_assert_int_eq(look().fault, without_cookie ? NT_FAULT_UNMARKED : NT_FAULT_NONE);
	repair();
	ck_assert(wire_cross(&w));
	check_seen(ep_id, without_cookie ? 3 : 4);
	wire_close(&w);
}
END_TEST

/* What is chosen where nobody says which; the one that is not there is refused. */
START_TEST(without_a_cookie_it_is_the_beacon)
{
	struct nt_hostnet_config config = { .cgroup_root = root, .mode = NT_HOST_COOKIE };
	struct nt_hostnet *h = NULL;
	struct nt_err err = {};

	nt_hostnet_close(hostnet);
	hostnet = open_with(0);
	ck_assert_int_eq(nt_hostnet_mode(hostnet), NT_HOST_BEACON);
	ck_assert_int_eq(nt_hostnet_open(taps, &config, &h, &err), -EOPNOTSUPP);
	ck_assert_msg(strstr(err.msg, "network namespace in this kernel"), "%s", err.msg);
}
END_TEST

/* Whatever words the verifier has for it: no program of cgroup_skb sends elsewhere. */
START_TEST(helpers_that_may_be_called)
{
	const enum bpf_prog_type type = BPF_PROG_TYPE_CGROUP_SKB;

	ck_assert(nt_hostprogs_can_call(type, BPF_FUNC_ktime_get_ns));
	ck_assert(nt_hostprogs_can_call(type, BPF_FUNC_sk_storage_get));
	ck_assert(!nt_hostprogs_can_call(type, BPF_FUNC_clone_redirect));
	ck_assert(!nt_hostprogs_can_call(type, (enum bpf_func_id)100000));
}
END_TEST

static void add_tests(Suite *s, const char *name)
{
	TCase *t = tcase_create(name);

	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, query_is_an_event);
	tcase_add_test(t, segments_take_numbers);
	tcase_add_test(t, a_train_of_several_events);
	tcase_add_test(t, long_segments_lose_nothing);
	tcase_add_test(t, other_ports_are_nothing);
	tcase_add_test(t, another_namespace_is_nothing);
	tcase_add_test(t, taken_over_by_the_next_agent);
	tcase_add_test(t, replaced_by_another_kind);
	tcase_add_test(t, no_cgroup_folder);
	tcase_add_test(t, replaced_under_a_flood);
	tcase_add_test(t, what_cannot_be_loaded_leaves_the_old);
	tcase_add_test(t, detached_from_outside);
	tcase_add_test(t, unpinned_from_outside);
	tcase_add_test(t, unpinned_with_the_agent_away);
	tcase_add_test(t, a_new_socket_while_the_agent_is_away);
	tcase_add_test(t, helpers_that_may_be_called);
	if (without_cookie)
		tcase_add_test(t, without_a_cookie_it_is_the_beacon);
	suite_add_tcase(s, t);
}

static bool kernel_says_cookie(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	__u64 cookie;
	socklen_t len = sizeof(cookie);
	bool says = getsockopt(fd, SOL_SOCKET, 71 /* SO_NETNS_COOKIE */, &cookie, &len) == 0;

	close(fd);
	return says;
}

static int run(enum nt_host_mode which, bool refused, const char *name)
{
	Suite *s = suite_create(name);

	mode = which;
	without_cookie = refused;
	add_tests(s, name);
	return nt_suite_run(s);
}

/* Once for each way in which the programs can know the namespace. */
int main(void)
{
	bool can = nt_hostprogs_can_call(BPF_PROG_TYPE_CGROUP_SKB, BPF_FUNC_get_netns_cookie);
	int failed = 0;

	lab_enter();
	lab_cgroup_make(root);
	if (can)
		failed |= run(NT_HOST_COOKIE, false, "hostnet_cookie");
	else
		nt_suite_skip("hostnet_cookie", "cgroup_skb cannot ask for the network namespace "
						"in this kernel");
	if (kernel_says_cookie())
		failed |= run(NT_HOST_BEACON, false, "hostnet_beacon");
	else
		nt_suite_skip("hostnet_beacon", "the kernel has no SO_NETNS_COOKIE");
	failed |= run(NT_HOST_BEACON, true, "hostnet_beacon_without_cookie");
	lab_cgroup_end(root);
	return failed;
}
