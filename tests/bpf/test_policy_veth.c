/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's answers on a real veth, as the pod's own kernel takes them: checksums are right when
 * devices compute them (CHECKSUM_PARTIAL), when software does, and when the two ends differ.
 */
#include "tests/bpf/policy_lab.h"

#include <linux/ethtool.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <linux/virtio_net.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "lib/base/cleanup.h"

#define WAIT_MS 60000 /* what is expected comes in a fraction of it */

static struct nt_pod pod;

static const struct {
	const char *pod, *host;
	int family;
} families[] = { { "10.1.0.2", "10.1.0.1", AF_INET }, { "fd01::2", "fd01::1", AF_INET6 } };

/* Whether the device at each end computes checksums of what it sends. */
static const struct {
	bool pod, host;
} offloads[] = { { true, true }, { true, false }, { false, true }, { false, false } };

static void set_up(void)
{
	struct nt_err err = {};

	taps = lab_open(NULL);
	ring = lab_ring_new(taps);
	policy_publish();
	pod = lab_pod("pod", "h0", "c1");
	lab_run("ip addr add 10.1.0.1/24 dev h0 && ip -6 addr add fd01::1/64 dev h0 nodad && "
		"ip link set h0 up && ip link set lo up");
	lab_run("ip -n pod addr add 10.1.0.2/24 dev eth0 && "
		"ip -n pod -6 addr add fd01::2/64 dev eth0 nodad && ip -n pod link set eth0 up");
	ck_assert_msg(nt_taps_attach(taps, &pod, &err) == 0, "%s", err.msg);
}

static void tear_down(void)
{
	lab_pod_end("pod", "h0");
	lab_ring_free(ring);
	lab_remove(taps);
}

static void enforce(void)
{
	const struct nt_scope_set none = {};
	struct nt_err err = {};

	ck_assert_int_eq(nt_taps_endpoint_set(taps, pod.ep_id, &policy_slot, 1, &none, &err), 0);
}

/* --- in the pod ------------------------------------------------------------------------------- */

static void enter_pod(void)
{
	int ns = open("/run/netns/pod", O_RDONLY | O_CLOEXEC);

	if (setns(ns, CLONE_NEWNET) == -1)
		lab_die("setns");
}

static void need(bool good, const char *what)
{
	if (good)
		return;
	fprintf(stderr, "in the pod: %s (%s)\n", what, strerror(errno));
	_exit(1);
}

static void in_pod(void (*fn)(void *ctx), void *ctx)
{
	pid_t pid = fork();
	int status;

	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		enter_pod();
		fn(ctx);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
}

struct device {
	const char *name;
	bool on;
};

static void set_tx_checksums(void *ctx)
{
	const struct device *d = ctx;
	struct ethtool_value value = { .cmd = ETHTOOL_STXCSUM, .data = d->on };
	struct ifreq ifr = { .ifr_data = (void *)&value };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", d->name);
	need(ioctl(fd, SIOCETHTOOL, &ifr) == 0, "ethtool -K tx");
	close(fd);
}

static void set_offloads(int i)
{
	struct device in = { "eth0", offloads[i].pod }, out = { "h0", offloads[i].host };

	in_pod(set_tx_checksums, &in);
	set_tx_checksums(&out);
}

/* Where the pod's kernel is asked: with its own checks, and a copy of each frame with what the
 * device says of its checksum. */
struct asked {
	int i; /* of families */
	bool partial; /* what comes is expected to have its checksum left to the device */
	struct message send;
};

static int tap_open(void)
{
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL)), one = 1;

	need(fd != -1 && setsockopt(fd, SOL_PACKET, PACKET_VNET_HDR, &one, sizeof(one)) == 0,
	     "a packet socket");
	return fd;
}

struct frame {
	struct virtio_net_hdr device;
	struct packet p;
};

/* Finds headers; false when it is no packet of this protocol from port 53, or no reset. */
static bool frame_parse(struct frame *f, unsigned proto)
{
	struct packet *p = &f->p;
	size_t at;

	p->ip = ETH_HLEN;
	p->version = p->octets[p->ip] >> 4;
	at = p->ip + (p->version == 4 ? 20 : 40);
	if (p->octets[p->ip + (p->version == 4 ? 9 : 6)] != proto || p->octets[at] != 0 ||
	    p->octets[at + 1] != 53)
		return false;
	p->udp = proto == IPPROTO_UDP ? at : 0;
	p->tcp = proto == IPPROTO_TCP ? at : 0;
	return proto == IPPROTO_UDP || p->octets[at + 13] & 0x04;
}

static bool frame_take(int fd, struct frame *f)
{
	struct sockaddr_ll from = {};
	struct iovec parts[] = { { &f->device, sizeof(f->device) },
				 { f->p.octets, sizeof(f->p.octets) } };
	struct msghdr msg = {
		.msg_name = &from, .msg_namelen = sizeof(from), .msg_iov = parts, .msg_iovlen = 2
	};
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n;

	need(poll(&p, 1, WAIT_MS) == 1, "no frame");
	n = recvmsg(fd, &msg, 0);
	need(n > (ssize_t)sizeof(f->device), "recvmsg");
	f->p.len = (size_t)n - sizeof(f->device);
	return from.sll_pkttype == PACKET_HOST;
}

/* The next frame from port 53; its checksum is right, or what a device would make of it is. */
static void check_frame(int fd, const struct asked *a, unsigned proto, struct frame *f)
{
	size_t at, sum_at = proto == IPPROTO_UDP ? 6 : 16;

	do
		memset(f, 0, sizeof(*f));
	while (!frame_take(fd, f) || !frame_parse(f, proto));
	at = f->p.udp + f->p.tcp;
	need(!!(f->device.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == a->partial,
	     a->partial ? "the checksum is not left to the device"
			: "the checksum is left to the device");
	if (a->partial) {
		need(f->device.csum_start == at && f->device.csum_offset == sum_at,
		     "the device would look elsewhere");
		packet_put16(f->p.octets + at + sum_at,
			     0xffff & ~sum16(f->p.octets + at, f->p.len - at, 0));
	}
	need(l4_sum(&f->p, at, proto) == 0xffff, "a wrong checksum");
	if (f->p.version == 4)
		need(sum16(f->p.octets + f->p.ip, 20, 0) == 0xffff, "a wrong IP checksum");
}

static int connect_to(const struct asked *a, int type, int *ret_error)
{
	struct sockaddr_storage ss = {};
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ss;
	int fd = socket(families[a->i].family, type | SOCK_CLOEXEC, 0);

	ss.ss_family = (sa_family_t)families[a->i].family;
	if (ss.ss_family == AF_INET) {
		v4->sin_port = htons(53);
		inet_pton(AF_INET, families[a->i].host, &v4->sin_addr);
	} else {
		v6->sin6_port = htons(53);
		inet_pton(AF_INET6, families[a->i].host, &v6->sin6_addr);
	}
	*ret_error = 0;
	if (connect(fd, (void *)&ss, ss.ss_family == AF_INET ? sizeof(*v4) : sizeof(*v6)) == -1)
		*ret_error = errno;
	return fd;
}

static void ask_over_udp(void *ctx)
{
	struct asked *a = ctx;
	int error, tap = tap_open(), fd = connect_to(a, SOCK_DGRAM, &error);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct message got = {}, cookie = {}, want;
	size_t question_end;
	struct frame f;

	need(error == 0, "connect");
	a->send = query("api.example.com", 1);
	question_end = a->send.len;
	add_option(&cookie, 10, "0123456789abcdefg", 17); /* an odd length */
	put_opt(&a->send, OPT_DO, cookie.octets, cookie.len);
	want = denial(&a->send, question_end, true, OPT_DO, cookie.octets, cookie.len);
	need(send(fd, a->send.octets, a->send.len, 0) == (ssize_t)a->send.len, "send");
	need(poll(&p, 1, WAIT_MS) == 1, "the kernel gives the socket no reply");
	got.len = (size_t)recv(fd, got.octets, sizeof(got.octets), 0);
	need(got.len == want.len && memcmp(got.octets, want.octets, want.len) == 0,
	     "another reply");
	check_frame(tap, a, IPPROTO_UDP, &f);
}

START_TEST(denied_over_udp)
{
	struct asked a = { .i = _i % 2 };

	set_offloads(_i / 2);
	a.partial = offloads[_i / 2].pod && offloads[_i / 2].host;
	enforce();
	in_pod(ask_over_udp, &a);
	/* The query, denied; and the reply as it goes to the pod. */
	ck_assert_uint_eq(lab_drain(ring), 2);
	ck_assert_uint_eq(ring->events[0].dir, NT_DIR_FROM_POD);
	ck_assert_uint_eq(ring->events[0].verdict, NT_VERDICT_DENY);
	ck_assert_uint_eq(ring->events[0].policy_slot, policy_slot);
	ck_assert_uint_eq(ring->events[1].dir, NT_DIR_TO_POD);
	ck_assert_uint_eq(ring->events[1].sport, 53);
	ck_assert_uint_eq(ring->events[1].dport, ring->events[0].sport);
	ck_assert_uint_ge(ring->events[1].time_ns, ring->events[0].time_ns);
}
END_TEST

static void connect_over_tcp(void *ctx)
{
	struct asked *a = ctx;
	int error, tap = tap_open(), fd = connect_to(a, SOCK_STREAM, &error);
	struct frame f;

	need(fd != -1 && error == ECONNREFUSED, "the connection is not refused");
	check_frame(tap, a, IPPROTO_TCP, &f);
	need(f.p.octets[f.p.tcp + 13] == 0x14, "no RST and ACK");
}

START_TEST(connection_is_refused)
{
	struct asked a = { .i = _i % 2 };

	set_offloads(_i / 2);
	a.partial = offloads[_i / 2].pod && offloads[_i / 2].host;
	enforce();
	in_pod(connect_over_tcp, &a);
	ck_assert_uint_eq(lab_counters(taps, pod.ep_id).lost[NT_DIR_FROM_POD][NT_LOSS_TCP_RESET],
			  1);
}
END_TEST

/* A connection that is older than the policy. The pipe's end says when that is in force. */
struct older {
	struct asked a;
	int ready[2], go[2];
};

static void write_to_an_older_connection(void *ctx)
{
	struct older *o = ctx;
	int error, tap = tap_open(), fd = connect_to(&o->a, SOCK_STREAM, &error);
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char octet = 'x';
	struct frame f;

	need(error == 0, "connect");
	need(write(o->ready[1], &octet, 1) == 1 && read(o->go[0], &octet, 1) == 1, "a pipe");
	need(send(fd, "\x00\x0dsome octets", 13, MSG_NOSIGNAL) == 13, "send");
	need(poll(&p, 1, WAIT_MS) == 1 && recv(fd, &octet, 1, 0) == -1 && errno == ECONNRESET,
	     "the connection is not reset");
	check_frame(tap, &o->a, IPPROTO_TCP, &f);
	need(f.p.octets[f.p.tcp + 13] == 0x04, "no RST alone");
}

static int listen_at(int i)
{
	struct sockaddr_in6 any6 = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
	struct sockaddr_in any4 = { .sin_family = AF_INET, .sin_port = htons(53) };
	int fd = socket(families[i].family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (families[i].family == AF_INET)
		ck_assert_int_eq(bind(fd, (void *)&any4, sizeof(any4)), 0);
	else
		ck_assert_int_eq(bind(fd, (void *)&any6, sizeof(any6)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

START_TEST(older_connection_is_reset)
{
	struct older o = { .a = { .i = _i % 2 } };
	int status, listener, accepted;
	char octet;
	pid_t pid;

	set_offloads(_i / 2);
	o.a.partial = offloads[_i / 2].pod && offloads[_i / 2].host;
	listener = listen_at(_i % 2);
	ck_assert_int_eq(pipe(o.ready) | pipe(o.go), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		enter_pod();
		close(o.ready[0]);
		close(o.go[1]);
		write_to_an_older_connection(&o);
		_exit(0);
	}
	close(o.ready[1]);
	ck_assert_int_eq(read(o.ready[0], &octet, 1), 1);
	/* Now the handshake's last packet is there, too; it would be answered with a reset. */
	accepted = accept(listener, NULL, NULL);
	ck_assert_int_ge(accepted, 0);
	enforce();
	ck_assert_int_eq(write(o.go[1], "x", 1), 1);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	ck_assert_uint_ge(lab_counters(taps, pod.ep_id).lost[NT_DIR_FROM_POD][NT_LOSS_TCP_RESET],
			  1);
	close(accepted);
	close(listener);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("policy_veth");
	TCase *t = tcase_create("veth");

	lab_enter();
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, denied_over_udp, 0, 2 * NT_ARRAY_LEN(offloads));
	tcase_add_loop_test(t, connection_is_refused, 0, 2 * NT_ARRAY_LEN(offloads));
	tcase_add_loop_test(t, older_connection_is_reset, 0, 2 * NT_ARRAY_LEN(offloads));
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
