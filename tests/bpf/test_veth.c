/* SPDX-License-Identifier: Apache-2.0 */
/* What only a real veth shows: GSO from a process without privileges (T1), tags that the kernel
 * took out of the frame, fragments, and both directions. */
#include "tests/bpf/packet.h"
#include "tests/bpf/traffic.h"

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

static struct nt_taps *taps;
static struct lab_ring *ring;
static struct nt_pod pod;

static void set_up(void)
{
	struct nt_err err = {};

	taps = lab_open(NULL);
	ring = lab_ring_new(taps);
	pod = traffic_pod();
	ck_assert_msg(nt_taps_attach(taps, &pod, &err) == 0, "%s", err.msg);
}

static void tear_down(void)
{
	lab_pod_end("pod", "h0");
	lab_ring_free(ring);
	lab_remove(taps);
}

/* Two messages, the second shorter. */
START_TEST(two_messages_in_one_send)
{
	__u8 both[2 * QUERY_LEN - 3];
	const struct nt_event *e = &ring->events[0];

	memcpy(both, QUERY, QUERY_LEN);
	memcpy(both + QUERY_LEN, QUERY, QUERY_LEN - 3);
	both[QUERY_LEN + 1] ^= 0xff;
	pod_sends(families[_i].pod, families[_i].host, both, sizeof(both), QUERY_LEN);
	if (!veth_takes_trains()) {
		wait_events(ring, 2);
		return;
	}
	wait_events(ring, 1);
	ck_assert_uint_eq(e->gso_segs, 2);
	ck_assert_uint_eq(e->gso_size, QUERY_LEN);
	ck_assert_uint_eq(e->flags, NT_EV_GSO);
	ck_assert_uint_eq(e->ip_version, families[_i].version);
	ck_assert_uint_eq(e->payload_len, sizeof(both));
	ck_assert_uint_eq(e->cap_len, sizeof(both));
	ck_assert_uint_eq(e->dport, 53);
	ck_assert_uint_eq(e->ifindex, pod.ifindex);
	ck_assert_uint_eq(e->ep_id, pod.ep_id);
	ck_assert_mem_eq(ring->payload, both, sizeof(both));
	ck_assert_uint_eq(lab_counters(taps, pod.ep_id).seq[NT_DIR_FROM_POD], 2);
	ck_assert_uint_eq(lab_counters(taps, pod.ep_id).gso[NT_DIR_FROM_POD], 1);
}
END_TEST

/* Trains that are longer than an event may be, and how many datagrams there are in one. */
static const struct {
	unsigned size, count, per_event;
} trains[] = { { 400, 60, 40 }, { 1000, 64, 16 }, { 8193, 7, 1 }, { 16384, 3, 1 } };

/* Several events, of whole datagrams with numbers of their own: no octet is missing. */
START_TEST(a_train_of_several_events)
{
	static __u8 data[65536];
	const unsigned size = trains[_i].size, count = trains[_i].count;
	const unsigned events = (count + trains[_i].per_event - 1) / trains[_i].per_event;
	struct nt_counters c;

	fill(data, size * count);
	lab_run("ip link set h0 mtu 20000 && ip -n pod link set eth0 mtu 20000");
	pod_sends("10.1.0.2", "10.1.0.1", data, size * count - 100, (int)size);
	wait_events(ring, veth_takes_trains() ? events : count);
	for (unsigned i = 0, seq = 0; i < ring->len; i++) {
		const struct nt_event *e = &ring->events[i];

		ck_assert_uint_eq(e->seq, seq);
		ck_assert_uint_eq(e->flags, e->gso_segs > 1 ? NT_EV_GSO : 0);
		ck_assert_uint_eq(e->gso_size, e->gso_segs > 1 ? size : 0);
		ck_assert_uint_eq(e->cap_len, e->payload_len);
		seq += e->gso_segs;
	}
	c = lab_counters(taps, pod.ep_id);
	ck_assert_uint_eq(c.seq[NT_DIR_FROM_POD], count);
	ck_assert_uint_eq(c.bytes[NT_DIR_FROM_POD], size * count - 100);
	for (int i = 0; i < NT_LOSS_MAX; i++)
		ck_assert_uint_eq(c.lost[NT_DIR_FROM_POD][i], 0);
	ck_assert_uint_eq(ring->stream_len, size * count - 100);
	ck_assert_mem_eq(ring->stream, data, ring->stream_len);
}
END_TEST

/* A frame as it is out of the pod of that name, `times` of them with IPv4 identifications from
 * `id` on. */
static void frames_from(const char *name, struct packet *p, unsigned id, unsigned times)
{
	int fd = packet_socket(name, "eth0", 0);

	for (unsigned i = 0; i < times; i++) {
		if (times > 1)
			packet_put16(p->octets + p->ip + 4, id + i);
		ck_assert_int_eq(send(fd, p->octets, p->len, 0), (ssize_t)p->len);
		if (i % 256 == 255) /* the queue between the ends of a link holds 1,000 */
			poll(NULL, 0, 1);
	}
	close(fd);
}

static void pod_sends_frame(struct packet *p)
{
	frames_from("pod", p, 0, 1);
}

/* The kernel takes the tag out of a received frame before the programs run. */
START_TEST(tag_in_the_skb)
{
	const struct nt_event *e = &ring->events[0];
	struct packet p = {};

	packet_eth(&p, ETH_P_8021Q);
	packet_tag(&p, 5, ETH_P_IP);
	packet_ip4(&p, CLIENT4, SERVER4, 4, IPPROTO_UDP);
	packet_udp(&p, 40000, 53, QUERY, QUERY_LEN);
	packet_done(&p);
	pod_sends_frame(&p);
	wait_events(ring, 1);
	ck_assert_uint_eq(e->flags, NT_EV_VLAN);
	ck_assert_uint_eq(e->vlan, 5);
	ck_assert_mem_eq(e->daddr, p.octets + p.ip + 16, 4);
	ck_assert_mem_eq(ring->payload, QUERY, QUERY_LEN);
}
END_TEST

/* The first fragment comes up; the others are packets of the same pod that nobody reads. */
START_TEST(fragmented_datagram)
{
	static __u8 data[4000];
	struct nt_counters c = {};

	pod_sends(families[_i].pod, families[_i].host, data, sizeof(data), 0);
	for (int i = 0; i < 200 && c.seq[NT_DIR_FROM_POD] < 3; i++) {
		poll(NULL, 0, 10);
		c = lab_counters(taps, pod.ep_id);
	}
	ck_assert_uint_eq(c.seq[NT_DIR_FROM_POD], 3);
	ck_assert_uint_eq(c.lost[NT_DIR_FROM_POD][NT_LOSS_FRAGMENT], 2);
	ck_assert_uint_eq(c.fragments[NT_DIR_FROM_POD], 0);
	ck_assert_uint_eq(lab_drain(ring), 1);
	ck_assert_uint_eq(ring->events[0].flags, NT_EV_FRAGMENT | NT_EV_TRUNCATED);
	ck_assert_uint_eq(ring->events[0].payload_len, sizeof(data));
	ck_assert_uint_gt(ring->events[0].cap_len, 1400);
}
END_TEST

static struct packet fragment4(unsigned id, unsigned offset, bool more)
{
	struct packet p = {};
	struct iphdr *ip;

	packet_eth(&p, ETH_P_IP);
	ip = packet_ip4(&p, CLIENT4, SERVER4, 0, IPPROTO_UDP);
	ip->id = htons((__u16)id);
	ip->frag_off = htons((__u16)((more ? 0x2000 : 0) | offset / 8));
	if (offset == 0)
		packet_udp(&p, 40000, 53, QUERY, QUERY_LEN);
	else
		packet_add(&p, 16);
	packet_done(&p);
	if (offset == 0)
		packet_put16(p.octets + p.ip + 24, 1000); /* of the whole datagram */
	return p;
}

/* Until the tap has seen so many packets of that pod, numbered or not. */
static struct nt_counters counted(__u64 ep_id, __u64 packets)
{
	struct nt_counters c = lab_counters(taps, ep_id);

	for (int i = 0; i < PATIENCE_MS / 10 &&
			c.seq[NT_DIR_FROM_POD] + c.fragments[NT_DIR_FROM_POD] < packets;
	     i++) {
		poll(NULL, 0, 10);
		c = lab_counters(taps, ep_id);
	}
	return c;
}

/* One pod begins more datagrams than a node's table ever held, between the fragments of another's:
 * once they shared that table, and the other's later ones were nobody's. */
START_TEST(fragments_have_shares)
{
	enum { FLOOD = 6000, QUIET = 20, KEPT = 32 /* fragments.bpf.h */ };
	struct nt_pod loud = lab_pod("loud", "h1", "c2");
	struct packet p = fragment4(0, 0, true);
	struct nt_counters c;
	struct nt_err err = {};

	lab_run("ip link set h1 up && ip -n loud link set eth0 up");
	ck_assert_msg(nt_taps_attach(taps, &loud, &err) == 0, "%s", err.msg);
	frames_from("pod", &p, 0, QUIET);
	counted(pod.ep_id, QUIET);
	frames_from("loud", &p, 0, FLOOD);
	c = counted(loud.ep_id, FLOOD);
	ck_assert_uint_gt(c.seq[NT_DIR_FROM_POD], FLOOD / 2);
	p = fragment4(0, 1000, false);
	frames_from("pod", &p, 0, QUIET);
	c = counted(pod.ep_id, 2 * QUIET);
	ck_assert_uint_eq(c.lost[NT_DIR_FROM_POD][NT_LOSS_FRAGMENT], QUIET);
	ck_assert_uint_eq(c.fragments[NT_DIR_FROM_POD], 0);
	/* The flooder's own: the latest are known, older ones are counted as nobody's. */
	c = lab_counters(taps, loud.ep_id);
	frames_from("loud", &p, FLOOD - 2 * KEPT, 2 * KEPT);
	c = counted(loud.ep_id, c.seq[NT_DIR_FROM_POD] + 2 * KEPT);
	ck_assert_uint_ge(c.lost[NT_DIR_FROM_POD][NT_LOSS_FRAGMENT], 1);
	ck_assert_uint_le(c.lost[NT_DIR_FROM_POD][NT_LOSS_FRAGMENT], KEPT);
	ck_assert_uint_eq(c.lost[NT_DIR_FROM_POD][NT_LOSS_FRAGMENT] + c.fragments[NT_DIR_FROM_POD],
			  2 * KEPT);
	lab_pod_end("loud", "h1");
}
END_TEST

/*
 * The pod's connections send long segments however slow the machine is. The kernel makes them as
 * long as what goes out in a millisecond, which in an emulated machine is little, and within the
 * congestion window, which begins with 14 KiB.
 */
static void wish_for_long_segments(void)
{
	lab_run("ip -n pod route add 10.1.0.1/32 dev eth0 src 10.1.0.2 initcwnd 64 && "
		"ip -n pod -6 route add fd01::1/128 dev eth0 initcwnd 64 && "
		"ip netns exec pod sh -c 'echo 44 >/proc/sys/net/ipv4/tcp_min_tso_segs'");
}

/* With segmentation offload one skb holds up to 64 KiB: no octet is missing in the events, and each
 * event has a number. */
START_TEST(long_segments_lose_nothing)
{
	int listener = stream_listen(families[_i].host);
	struct nt_counters c;
	unsigned from_pod = 0;
	pid_t pid;

	wish_for_long_segments();
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		int ns = open("/run/netns/pod", O_RDONLY | O_CLOEXEC);

		_exit(setns(ns, CLONE_NEWNET) == -1 ? 1 : stream_to(families[_i].host));
	}
	stream_take(listener, pid, ring);
	c = lab_counters(taps, pod.ep_id);
	for (unsigned i = 0; i < ring->len; i++)
		from_pod += ring->events[i].dir == NT_DIR_FROM_POD;
	ck_assert_uint_eq(c.seq[NT_DIR_FROM_POD], from_pod);
	/* A machine that is slow enough sends some of it twice. */
	ck_assert_uint_ge(c.bytes[NT_DIR_FROM_POD], STREAM_LEN);
	ck_assert_uint_gt(c.gso[NT_DIR_FROM_POD], 0);
	close(listener);
}
END_TEST

START_TEST(both_directions)
{
	const struct nt_event *e = ring->events;

	pod_sends(families[_i].pod, families[_i].host, QUERY, QUERY_LEN, 0);
	wait_events(ring, 1);
	ck_assert_uint_eq(e->dir, NT_DIR_FROM_POD);
	ck_assert_int_eq(
		send_one(families[_i].host, 53, families[_i].pod, 40000, QUERY, QUERY_LEN, 0), 0);
	wait_events(ring, 1);
	ck_assert_uint_eq(e->dir, NT_DIR_TO_POD);
	ck_assert_uint_eq(e->sport, 53);
	ck_assert_uint_eq(e->dport, 40000);
	ck_assert_uint_eq(e->seq, 0);
	ck_assert_mem_eq(ring->payload, QUERY, QUERY_LEN);
}
END_TEST

/* After DEL nothing is seen, and what was seen can still be read. */
START_TEST(detached_is_silent)
{
	struct nt_err err = {};

	pod_sends("10.1.0.2", "10.1.0.1", QUERY, QUERY_LEN, 0);
	wait_events(ring, 1);
	ck_assert_int_eq(nt_taps_detach(taps, "c1", "eth0", 0, &err), 0);
	pod_sends("10.1.0.2", "10.1.0.1", QUERY, QUERY_LEN, 0);
	poll(NULL, 0, 50);
	ck_assert_uint_eq(lab_drain(ring), 0);
	ck_assert_uint_eq(lab_counters(taps, pod.ep_id).seq[NT_DIR_FROM_POD], 1);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("veth");
	TCase *t = tcase_create("veth");

	lab_enter();
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, two_messages_in_one_send, 0, 2);
	tcase_add_loop_test(t, a_train_of_several_events, 0, (int)NT_ARRAY_LEN(trains));
	tcase_add_test(t, tag_in_the_skb);
	tcase_add_loop_test(t, fragmented_datagram, 0, 2);
	tcase_add_test(t, fragments_have_shares);
	tcase_add_loop_test(t, long_segments_lose_nothing, 0, 2);
	tcase_add_loop_test(t, both_directions, 0, 2);
	tcase_add_test(t, detached_is_silent);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
