/* SPDX-License-Identifier: Apache-2.0 */
/* What each supported kernel must do: take every program, see what crosses a veth, answer what is
 * denied. One load for all tests, so that it is quick in an emulated machine (tests/kernels). */
#include "tests/bpf/packet.h"
#include "tests/bpf/traffic.h"

#include <glob.h>
#include <linux/capability.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "dataplane/taps/hooks.h"
#include "lib/dns/name.h"
#include "lib/policy/suffix.h"
#include "tests/unit/suite.h"

#define LOG_BYTES (1 << 20)
#define POD_PORT 40000

static struct nt_taps *taps;
static struct lab_ring *ring;
static struct nt_pod pod;
static int server[2]; /* UDP port 53 of the host's side, per family */
static __u32 slot_www, slot_api; /* policies that allow www.example.com, api.example.com */

/* www.example.com A with an OPT record; QUERY is without. */
static __u8 edns_query[QUERY_LEN + 11];

static struct nt_taps_rule rule(const char *text, __u32 flags)
{
	struct nt_rules_key key;
	struct nt_name name;

	ck_assert_int_eq(nt_taps_rules_key(taps, &key), 0);
	ck_assert_int_eq(nt_name_parse(nt_slice_str(text), &name), 0);
	return (struct nt_taps_rule){ nt_suffix_hash(key.key, &name), flags };
}

static __u32 publish(const char *allowed)
{
	const struct nt_slot slot = { .namespace_ = "shop", .name = "web", .mode = 2 };
	const struct nt_taps_rule rules[] = { rule("com", NT_RULE_HAS_CHILD),
					      rule("example.com", NT_RULE_HAS_CHILD),
					      rule(allowed, NT_RULE_EXACT) };
	struct nt_err err = {};
	__u32 number;

	ck_assert_msg(nt_taps_slot_publish(taps, &slot, rules, 3, &number, &err) == 0, "%s",
		      err.msg);
	return number;
}

static void put_in_force(__u32 slot)
{
	const struct nt_scope_set scope = {};
	struct nt_err err = {};

	ck_assert_msg(nt_taps_endpoint_set(taps, pod.ep_id, &slot, slot != 0, &scope, &err) == 0,
		      "%s", err.msg);
}

static void set_up(void)
{
	struct nt_err err = {};

	memcpy(edns_query, QUERY, QUERY_LEN);
	edns_query[11] = 1;
	memcpy(edns_query + QUERY_LEN, "\x00\x00\x29\x04\xd0\x00\x00\x00\x00\x00\x00", 11);
	taps = lab_open(NULL);
	ring = lab_ring_new(taps);
	pod = traffic_pod();
	ck_assert_msg(nt_taps_attach(taps, &pod, &err) == 0, "%s", err.msg);
	slot_www = publish("www.example.com");
	slot_api = publish("api.example.com");
	for (int i = 0; i < 2; i++) {
		server[i] = bound_socket(families[i].host, 53, SOCK_DGRAM);
		ck_assert_int_ge(server[i], 0);
	}
}

static void tear_down(void)
{
	close(server[0]);
	close(server[1]);
	lab_pod_end("pod", "h0");
	lab_ring_free(ring);
	lab_remove(taps);
}

/* --- the verifier --- */

/* Loads all programs of a file; *log is what the verifier said of each, LOG_BYTES apart. */
static int load_object(const char *path, __u32 log_level, char *log, size_t log_len)
{
	struct bpf_object *obj = bpf_object__open_file(path, NULL);
	struct bpf_program *p;
	size_t n = 0;
	int r;

	ck_assert_msg(obj != NULL, "open %s", path);
	bpf_object__for_each_program(p, obj)
	{
		ck_assert_uint_lt(n, log_len / LOG_BYTES);
		ck_assert_int_eq(bpf_program__set_log_level(p, log_level), 0);
		ck_assert_int_eq(bpf_program__set_log_buf(p, log + n++ * LOG_BYTES, LOG_BYTES), 0);
	}
	r = bpf_object__load(obj);
	n = 0;
	bpf_object__for_each_program(p, obj)
	{
		const char *said = strstr(log + n++ * LOG_BYTES, "processed ");
		unsigned insns;

		if (r == 0 && log_level == 4 && said && sscanf(said, "processed %u", &insns) == 1)
			printf("# verified_insns %s %s %u\n", strrchr(path, '/') + 1,
			       bpf_program__name(p), insns);
	}
	bpf_object__close(obj);
	return r;
}

static void complain(const char *path, const char *log, size_t log_len, int r)
{
	for (size_t i = 0; i < log_len / LOG_BYTES; i++) {
		const char *text = log + i * LOG_BYTES;
		size_t len = strnlen(text, LOG_BYTES);

		if (len)
			printf("%s\n", len > 4000 ? text + len - 4000 : text);
	}
	fflush(stdout);
	ck_abort_msg("%s: %s", path, strerror(-r));
}

/* In the objects as they are built, and each program in them, also those that are not attached
 * here. */
START_TEST(every_program_is_verified)
{
	const size_t log_len = 16 * LOG_BYTES;
	char *log = calloc(1, log_len), pattern[256];
	const char *build = getenv("BUILD");
	glob_t found;

	ck_assert_ptr_nonnull(log);
	snprintf(pattern, sizeof(pattern), "%s/bpf/*.bpf.o", build ? build : "build");
	ck_assert_msg(glob(pattern, 0, NULL, &found) == 0, "%s: nothing", pattern);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const char *path = found.gl_pathv[i];
		int r = load_object(path, 4, log, log_len);

		if (r < 0) {
			memset(log, 0, log_len);
			(void)load_object(path, 1, log, log_len);
			complain(path, log, log_len, r);
		}
		memset(log, 0, log_len);
	}
	fflush(stdout);
	globfree(&found);
	free(log);
}
END_TEST

/* --- who may load --- */

static void drop_sys_resource(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[2];
	const struct rlimit small = { 65536, 65536 };

	if (syscall(SYS_capget, &head, sets) == -1)
		_exit(9);
	sets[0].effective &= ~(1u << CAP_SYS_RESOURCE);
	sets[0].permitted &= ~(1u << CAP_SYS_RESOURCE);
	if (setrlimit(RLIMIT_MEMLOCK, &small) == -1 || syscall(SYS_capset, &head, sets) == -1)
		_exit(9);
}

/* Before 5.11 maps are charged to RLIMIT_MEMLOCK: who may not raise it is told so, not "operation
 * not permitted". From 5.11 on the limit does not matter. */
START_TEST(memlock_limit)
{
	const struct nt_taps_config config = { .pin_root = LAB "/bpf/other",
					       .state_dir = LAB "/other-state" };
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct nt_taps *t = NULL;
		struct nt_err err = {};
		int r;

		drop_sys_resource();
		r = nt_taps_open(&config, &t, &err);
		if (is_older_than(5, 11))
			_exit(r == -EPERM && strstr(err.msg, "RLIMIT_MEMLOCK") ? 0 : 1);
		if (r < 0)
			_exit(2);
		nt_taps_close(t);
		_exit(nt_taps_remove(&config, &err) == 0 ? 0 : 3);
	}
	reap(pid);
	ck_assert_int_ne(access(config.pin_root, F_OK), 0);
}
END_TEST

/* --- traffic --- */

struct asker {
	pid_t pid;
	int fd; /* where the answer comes out */
};

/* A process in the pod that sends a query and waits for one datagram. */
static struct asker ask(int family, const void *query, size_t len)
{
	struct asker a;
	int ends[2];

	ck_assert_int_eq(pipe2(ends, O_CLOEXEC), 0);
	a.pid = fork();
	ck_assert_int_ge(a.pid, 0);
	if (a.pid == 0) {
		__u8 reply[4096];
		struct pollfd p = { .events = POLLIN };
		socklen_t to_len;
		struct sockaddr_storage to = address(families[family].host, 53, &to_len);
		ssize_t n;

		become_pod();
		p.fd = bound_socket(families[family].pod, POD_PORT, SOCK_DGRAM);
		if (sendto(p.fd, query, len, 0, (void *)&to, to_len) != (ssize_t)len)
			_exit(2);
		if (poll(&p, 1, PATIENCE_MS) != 1)
			_exit(3);
		n = recv(p.fd, reply, sizeof(reply), 0);
		_exit(n >= 0 && write(ends[1], reply, (size_t)n) == n ? 0 : 4);
	}
	close(ends[1]);
	a.fd = ends[0];
	return a;
}

static size_t answer(struct asker *a, __u8 reply[4096])
{
	ssize_t n;

	reap(a->pid);
	n = read(a->fd, reply, 4096);
	ck_assert_int_ge(n, 0);
	close(a->fd);
	return (size_t)n;
}

/* The server gets one datagram, and it is this one. Returns who sent it. */
static struct sockaddr_storage served(int family, const void *want, size_t len)
{
	struct pollfd p = { .fd = server[family], .events = POLLIN };
	struct sockaddr_storage from;
	socklen_t from_len = sizeof(from);
	__u8 got[4096];

	ck_assert_int_eq(poll(&p, 1, PATIENCE_MS), 1);
	ck_assert_int_eq(recvfrom(p.fd, got, sizeof(got), MSG_TRUNC, (void *)&from, &from_len),
			 (ssize_t)len);
	ck_assert_mem_eq(got, want, len);
	return from;
}

static struct nt_counters counters(void)
{
	return lab_counters(taps, pod.ep_id);
}

static void put_addr(__u8 to[16], const char *text, int version)
{
	ck_assert_int_eq(inet_pton(version == 4 ? AF_INET : AF_INET6, text, to), 1);
}

static struct nt_event expected(int family, enum nt_dir dir, size_t len, __u64 seq)
{
	const int version = families[family].version;
	struct nt_event e = {
		.version = NT_ABI_VERSION,
		.dir = (__u8)dir,
		.ip_version = (__u8)version,
		.l4proto = IPPROTO_UDP,
		.hdr_len = sizeof(e),
		.ep_id = pod.ep_id,
		.seq = seq,
		.epoch = 1,
		.cpu = (__u32)sched_getcpu(),
		.ifindex = pod.ifindex,
		.payload_len = (__u32)len,
		.cap_len = (__u32)len,
		.gso_segs = 1,
		.sport = dir == NT_DIR_FROM_POD ? POD_PORT : 53,
		.dport = dir == NT_DIR_FROM_POD ? 53 : POD_PORT,
	};

	put_addr(dir == NT_DIR_FROM_POD ? e.saddr : e.daddr, families[family].pod, version);
	put_addr(dir == NT_DIR_FROM_POD ? e.daddr : e.saddr, families[family].host, version);
	return e;
}

/* The next event is that one in each octet, its time is of CLOCK_BOOTTIME. */
static void check_event(struct nt_event want, __u64 since_ns, const void *payload)
{
	struct nt_event got;

	wait_events(ring, 1);
	got = ring->events[0];
	ck_assert_uint_ge(got.time_ns, since_ns);
	ck_assert_uint_le(got.time_ns, lab_boot_ns());
	want.time_ns = got.time_ns;
	ck_assert_mem_eq(&got, &want, sizeof(got));
	ck_assert_mem_eq(ring->payload, payload, want.cap_len);
}

/* A query and its reply, both ways, and what was counted. */
START_TEST(query_and_reply)
{
	struct nt_counters before = counters(), after;
	__u8 reply[4096], sent[QUERY_LEN];
	__u64 since = lab_boot_ns();
	struct sockaddr_storage from;
	struct asker a;

	put_in_force(0);
	a = ask(_i, QUERY, QUERY_LEN);
	from = served(_i, QUERY, QUERY_LEN);
	check_event(expected(_i, NT_DIR_FROM_POD, QUERY_LEN, before.seq[NT_DIR_FROM_POD]), since,
		    QUERY);
	memcpy(sent, QUERY, QUERY_LEN);
	sent[2] |= 0x80;
	ck_assert_int_eq(sendto(server[_i], sent, QUERY_LEN, 0, (void *)&from, sizeof(from)),
			 QUERY_LEN);
	ck_assert_uint_eq(answer(&a, reply), QUERY_LEN);
	ck_assert_mem_eq(reply, sent, QUERY_LEN);
	check_event(expected(_i, NT_DIR_TO_POD, QUERY_LEN, before.seq[NT_DIR_TO_POD]), since, sent);
	after = counters();
	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		before.seq[dir]++;
		before.bytes[dir] += QUERY_LEN;
	}
	ck_assert_mem_eq(&after, &before, sizeof(after));
}
END_TEST

/* Two messages in one send, the second shorter: one event, two numbers, two datagrams (T1). */
START_TEST(two_messages_in_one_send)
{
	struct nt_counters before = counters();
	__u8 both[2 * QUERY_LEN - 3];
	__u64 since = lab_boot_ns();
	struct nt_event want =
		expected(_i, NT_DIR_FROM_POD, sizeof(both), before.seq[NT_DIR_FROM_POD]);

	memcpy(both, QUERY, QUERY_LEN);
	memcpy(both + QUERY_LEN, QUERY, QUERY_LEN - 3);
	both[QUERY_LEN + 1] ^= 0xff;
	put_in_force(0);
	pod_sends(families[_i].pod, families[_i].host, both, sizeof(both), QUERY_LEN);
	(void)served(_i, both, QUERY_LEN);
	(void)served(_i, both + QUERY_LEN, QUERY_LEN - 3);
	if (veth_takes_trains()) {
		want.flags = NT_EV_GSO;
		want.gso_segs = 2;
		want.gso_size = QUERY_LEN;
		check_event(want, since, both);
	} else {
		wait_events(ring, 2);
		ck_assert_uint_eq(ring->events[0].seq, want.seq);
		ck_assert_uint_eq(ring->events[0].payload_len, QUERY_LEN);
		ck_assert_uint_eq(ring->events[1].seq, want.seq + 1);
		ck_assert_uint_eq(ring->events[1].payload_len, QUERY_LEN - 3);
		ck_assert_mem_eq(ring->payload, both + QUERY_LEN, QUERY_LEN - 3);
	}
	ck_assert_uint_eq(counters().seq[NT_DIR_FROM_POD], before.seq[NT_DIR_FROM_POD] + 2);
	ck_assert_uint_eq(counters().gso[NT_DIR_FROM_POD],
			  before.gso[NT_DIR_FROM_POD] + veth_takes_trains());
}
END_TEST

/* --- hooks --- */

/* The programs run where the handle wants them, and a packet is seen once there. */
static void settle_and_send(struct nt_taps *t, enum nt_hook want)
{
	struct nt_hook_state state;
	__u64 since = lab_boot_ns(), seq = counters().seq[NT_DIR_FROM_POD];

	lab_settle(t, &pod);
	ck_assert_int_eq(nt_hooks_look(t, &pod, true, &state), 0);
	ck_assert_int_eq(state.hook, want);
	ck_assert(state.is_settled);
	pod_sends(families[0].pod, families[0].host, QUERY, QUERY_LEN, 0);
	(void)served(0, QUERY, QUERY_LEN);
	check_event(expected(0, NT_DIR_FROM_POD, QUERY_LEN, seq), since, QUERY);
	ck_assert_uint_eq(counters().seq[NT_DIR_FROM_POD], seq + 1);
}

/* tcx where the kernel has it; clsact where it has not, and where it may not be used. */
START_TEST(tcx_or_clsact)
{
	const struct nt_taps_config config = { .no_tcx = true };
	struct nt_taps *old_way = lab_open(&config);

	put_in_force(0);
	settle_and_send(taps, is_older_than(6, 6) ? NT_HOOK_CLSACT : NT_HOOK_TCX);
	settle_and_send(old_way, NT_HOOK_CLSACT);
	nt_taps_close(old_way);
}
END_TEST

/* --- policies --- */

/* Whether the kernel of the pod leaves checksums to "hardware": with it, nobody checks them. */
static void offload_checksums(bool on)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		struct ethtool_value value = { .cmd = ETHTOOL_STXCSUM, .data = on };
		struct ifreq request = { .ifr_name = "eth0", .ifr_data = (void *)&value };
		int ns = open("/run/netns/pod", O_RDONLY | O_CLOEXEC);

		if (setns(ns, CLONE_NEWNET) == -1)
			_exit(1);
		_exit(ioctl(socket(AF_INET, SOCK_DGRAM, 0), SIOCETHTOOL, &request) == 0 ? 0 : 2);
	}
	reap(pid);
}

/* The server has got nothing since: what it gets next is this. */
static void nothing_served(int family)
{
	__u8 marker[QUERY_LEN];

	memcpy(marker, QUERY, QUERY_LEN);
	marker[0] = 0xee;
	put_in_force(0);
	pod_sends(families[family].pod, families[family].host, marker, sizeof(marker), 0);
	(void)served(family, marker, sizeof(marker));
	wait_events(ring, 1);
}

/* The pod's own kernel takes the reply, checksums included when they are not offloaded: NXDOMAIN
 * and Extended DNS Error 15 where the query had an OPT record. */
START_TEST(denied_query_gets_its_answer)
{
	const int family = _i % 2, with_opt = _i / 2 % 2;
	const __u8 *query = with_opt ? edns_query : QUERY;
	const size_t len = with_opt ? sizeof(edns_query) : QUERY_LEN;
	const __u8 *opt;
	__u64 since = lab_boot_ns();
	struct nt_event want =
		expected(family, NT_DIR_FROM_POD, len, counters().seq[NT_DIR_FROM_POD]);
	__u8 reply[4096];
	struct asker a;

	offload_checksums(_i / 4);
	put_in_force(slot_api);
	a = ask(family, query, len);
	ck_assert_uint_ge(answer(&a, reply), len);
	ck_assert_mem_eq(reply, query, 2);
	ck_assert_uint_eq(reply[2], 0x81);
	ck_assert_uint_eq(reply[3], 0x83);
	ck_assert_mem_eq(reply + 12, query + 12, QUERY_LEN - 12);
	ck_assert_uint_eq(reply[11], with_opt);
	opt = reply + QUERY_LEN;
	if (with_opt)
		ck_assert_mem_eq(opt + 11, "\x00\x0f", 2);
	if (with_opt)
		ck_assert_mem_eq(opt + 15, "\x00\x0f", 2);
	want.verdict = NT_VERDICT_DENY;
	want.policy_slot = slot_api;
	wait_events(ring, 2); /* the query, and the reply on its way out */
	want.time_ns = ring->events[0].time_ns;
	ck_assert_uint_ge(want.time_ns, since);
	ck_assert_mem_eq(&ring->events[0], &want, sizeof(want));
	ck_assert_uint_eq(ring->events[1].dir, NT_DIR_TO_POD);
	nothing_served(family);
}
END_TEST

START_TEST(allowed_query_is_served)
{
	__u8 upper[QUERY_LEN];
	__u64 since = lab_boot_ns();
	struct nt_event want =
		expected(_i, NT_DIR_FROM_POD, QUERY_LEN, counters().seq[NT_DIR_FROM_POD]);

	memcpy(upper, QUERY, QUERY_LEN);
	upper[13] = 'W';
	put_in_force(slot_www);
	pod_sends(families[_i].pod, families[_i].host, upper, QUERY_LEN, 0);
	(void)served(_i, upper, QUERY_LEN);
	want.verdict = NT_VERDICT_ALLOW;
	check_event(want, since, upper);
}
END_TEST

/* One denied message among the datagrams of one send: where they come as one skb, none of them
 * passes (T1); else each gets what it deserves. */
START_TEST(denied_among_several)
{
	__u8 both[2 * QUERY_LEN];

	memcpy(both, QUERY, QUERY_LEN);
	memcpy(both + QUERY_LEN, QUERY, QUERY_LEN);
	both[QUERY_LEN + 13] = 'x';
	put_in_force(slot_www);
	pod_sends(families[_i].pod, families[_i].host, both, sizeof(both), QUERY_LEN);
	if (veth_takes_trains()) {
		wait_events(ring, 1);
		ck_assert_uint_eq(ring->events[0].verdict, NT_VERDICT_DENY);
		ck_assert_uint_eq(ring->events[0].gso_segs, 2);
	} else {
		(void)served(_i, both, QUERY_LEN);
		wait_events(ring, 3);
		ck_assert_uint_eq(ring->events[0].verdict, NT_VERDICT_ALLOW);
		ck_assert_uint_eq(ring->events[1].verdict, NT_VERDICT_DENY);
		ck_assert_uint_eq(ring->events[2].dir, NT_DIR_TO_POD);
	}
	nothing_served(_i);
}
END_TEST

/* --- TCP --- */

/* The pod connects, sends `len` octets and waits for as many; the errno of what failed. */
static pid_t dial(int family, const void *data, size_t len)
{
	pid_t pid = fork();

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		socklen_t to_len;
		struct sockaddr_storage to = address(families[family].host, 53, &to_len);
		__u8 back[4096];
		int fd;

		become_pod();
		fd = bound_socket(families[family].pod, POD_PORT, SOCK_STREAM);
		if (fd == -1 || connect(fd, (void *)&to, to_len) == -1 ||
		    send(fd, data, len, 0) != (ssize_t)len)
			_exit(errno);
		if (recv(fd, back, len, MSG_WAITALL) != (ssize_t)len || memcmp(back, data, len))
			_exit(255);
		_exit(0);
	}
	return pid;
}

static int listener(int family)
{
	int fd = bound_socket(families[family].host, 53, SOCK_STREAM);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

/* All events until the pod has closed; SYN, data and FIN of both ends at least. */
static unsigned tcp_events(unsigned ret_of_dir[NT_DIR_MAX])
{
	unsigned ends = 0;

	ring->len = 0;
	ring->stream_len = 0;
	for (int i = 0; i < PATIENCE_MS / 10 && ends < 2; i++) {
		ck_assert_int_ge(ring_buffer__consume(ring->rb), 0);
		ends = ret_of_dir[NT_DIR_FROM_POD] = ret_of_dir[NT_DIR_TO_POD] = 0;
		for (unsigned k = 0; k < ring->len; k++) {
			ends += ring->events[k].tcp_flags & 1; /* FIN */
			ret_of_dir[ring->events[k].dir]++;
			ck_assert_uint_eq(ring->events[k].l4proto, IPPROTO_TCP);
		}
		poll(NULL, 0, 10);
	}
	ck_assert_uint_eq(ends, 2);
	return ring->len;
}

/* Whoever is not under a policy speaks DNS over TCP as ever, and each segment is an event. */
START_TEST(tcp_conversation)
{
	__u8 message[2 + QUERY_LEN] = { 0, QUERY_LEN }, got[sizeof(message)];
	struct nt_counters before = counters();
	unsigned of_dir[NT_DIR_MAX];
	int fd = listener(_i), peer;
	pid_t pid;

	memcpy(message + 2, QUERY, QUERY_LEN);
	put_in_force(0);
	pid = dial(_i, message, sizeof(message));
	peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(peer, 0);
	ck_assert_int_eq(recv(peer, got, sizeof(got), MSG_WAITALL), sizeof(got));
	ck_assert_mem_eq(got, message, sizeof(got));
	ck_assert_int_eq(send(peer, got, sizeof(got), 0), sizeof(got));
	reap(pid);
	close(peer);
	close(fd);
	ck_assert_uint_ge(tcp_events(of_dir), 6);
	ck_assert_uint_eq(ring->events[0].dir, NT_DIR_FROM_POD);
	ck_assert_uint_eq(ring->events[0].tcp_flags, 2); /* SYN */
	ck_assert_uint_eq(ring->stream_len, sizeof(message));
	ck_assert_mem_eq(ring->stream, message, sizeof(message));
	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		ck_assert_uint_eq(counters().seq[dir], before.seq[dir] + of_dir[dir]);
		ck_assert_uint_eq(counters().bytes[dir], before.bytes[dir] + sizeof(message));
	}
}
END_TEST

START_TEST(tcp_of_an_enforced_pod_is_reset)
{
	__u64 before = counters().lost[NT_DIR_FROM_POD][NT_LOSS_TCP_RESET];
	int fd = listener(_i), status;
	pid_t pid;

	put_in_force(slot_www);
	pid = dial(_i, QUERY, QUERY_LEN);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(WEXITSTATUS(status), ECONNREFUSED);
	ck_assert_uint_eq(counters().lost[NT_DIR_FROM_POD][NT_LOSS_TCP_RESET], before + 1);
	close(fd);
	(void)lab_drain(ring);
}
END_TEST

/* --- another ABI version; its layout is ours here (tests/netns/test_upgrade_abi has others) --- */

/* BTF of the pins, links that are pinned twice, roots that change places: the policy stays in
 * force, numbers go on in the same ring. */
START_TEST(another_version_is_taken_over)
{
	const struct nt_taps_config config = { .upgrade = true };
	__u64 since = lab_boot_ns(), seq = counters().seq[NT_DIR_FROM_POD];
	struct nt_event want = expected(0, NT_DIR_FROM_POD, QUERY_LEN, seq);
	struct nt_scope_set scope;
	struct nt_endpoint ep;
	struct nt_err err = {};
	struct nt_taps *fresh;

	put_in_force(slot_www);
	lab_become_another_version(taps);
	fresh = lab_open(&config);
	ck_assert_uint_eq(nt_taps_meta(fresh).version, NT_ABI_VERSION);
	ck_assert_ptr_nonnull(nt_taps_layouts(fresh));
	ck_assert_msg(nt_taps_check(fresh, pod.container_id, pod.ifname, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(nt_taps_endpoint_get(fresh, pod.ep_id, &ep, &scope), 0);
	ck_assert_uint_eq(ep.slots_len, 1);
	ck_assert_uint_eq(ep.slots[0], slot_www);
	pod_sends(families[0].pod, families[0].host, QUERY, QUERY_LEN, 0);
	(void)served(0, QUERY, QUERY_LEN);
	want.epoch = 2;
	want.verdict = NT_VERDICT_ALLOW;
	check_event(want, since, QUERY);
	ck_assert_uint_eq(counters().seq[NT_DIR_FROM_POD], seq + 1);
	ck_assert(nt_taps_forget_layouts(fresh));
	nt_taps_close(fresh);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("kernel");
	TCase *t = tcase_create("kernel");

	lab_enter();
	tcase_set_timeout(t, 120);
	tcase_add_unchecked_fixture(t, set_up, tear_down);
	tcase_add_test(t, every_program_is_verified);
	tcase_add_test(t, memlock_limit);
	tcase_add_loop_test(t, query_and_reply, 0, 2);
	tcase_add_loop_test(t, two_messages_in_one_send, 0, 2);
	tcase_add_test(t, tcx_or_clsact);
	tcase_add_loop_test(t, denied_query_gets_its_answer, 0, 8);
	tcase_add_loop_test(t, allowed_query_is_served, 0, 2);
	tcase_add_loop_test(t, denied_among_several, 0, 2);
	tcase_add_loop_test(t, tcp_conversation, 0, 2);
	tcase_add_loop_test(t, tcp_of_an_enforced_pod_is_reset, 0, 2);
	/* The last one: the others have the old root open. */
	tcase_add_test(t, another_version_is_taken_over);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
