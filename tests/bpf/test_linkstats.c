/* SPDX-License-Identifier: Apache-2.0 */
/* Both ends of real veths: what the host reads of a pod's end, and packets that never reach the
 * tap. */
#include "dataplane/taps/linkstats.h"

#include "tests/bpf/packet.h"
#include "tests/bpf/traffic.h"

#include "tests/unit/suite.h"

/* A receiver that is slower than the sender, and several times what a backlog holds. */
#define LISTENERS 200
#define BURST 20000
#define BURSTS_MAX 50
#define ONE_CALL 64

static struct nt_taps *taps;
static struct nt_linkstats_reader *reader;
static struct nt_pod pod;

static void set_up(void)
{
	struct nt_err err = {};

	taps = lab_open(NULL);
	ck_assert_msg(nt_linkstats_open(&reader, &err) == 0, "%s", err.msg);
	pod = lab_pod("ntstats", "stats0", "c1");
	/* Without IPv6, whose own packets would be dropped with the others. */
	lab_run("nsenter --net=/run/netns/ntstats sh -c 'echo 1 "
		">/proc/sys/net/ipv6/conf/all/disable_ipv6;"
		" ip link set eth0 up'; ip link set stats0 up");
	ck_assert_msg(nt_taps_attach(taps, &pod, &err) == 0, "%s", err.msg);
}

static void tear_down(void)
{
	nt_linkstats_close(reader);
	lab_remove(taps);
	lab_pod_end("ntstats", "stats0");
}

/* At the pod's end. It does not wait for its own buffer before a backlog is full. */
static int sender_open(void)
{
	const int much = 1 << 28;
	int fd = packet_socket("ntstats", "eth0", 0);

	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &much, sizeof(much)), 0);
	return fd;
}

/* ENOBUFS: the link took it and dropped it (a UDP socket is not even told). When it was not the
 * first one of a call, all that shows is that the call ended there. */
static void send_queries(int fd, unsigned n)
{
	static struct mmsghdr msgs[ONE_CALL];
	struct packet p = packet_query4();
	struct iovec iov = { .iov_base = p.octets, .iov_len = p.len };

	for (size_t i = 0; i < ONE_CALL; i++)
		msgs[i].msg_hdr = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
	while (n) {
		unsigned some = n < ONE_CALL ? n : ONE_CALL;
		int sent = sendmmsg(fd, msgs, some, 0);

		ck_assert_msg(sent > 0 || errno == ENOBUFS, "sendmmsg: %s", strerror(errno));
		sent = sent < 0 ? 0 : sent;
		n -= (unsigned)sent + ((unsigned)sent < some);
	}
}

static struct nt_linkstats stats(void)
{
	struct nt_linkstats s = {};

	ck_assert_int_eq(nt_linkstats_read(reader, pod.ifindex, &s), 0);
	return s;
}

static __u64 seen(void)
{
	return lab_counters(taps, pod.ep_id).seq[NT_DIR_FROM_POD];
}

START_TEST(counts_of_both_ends)
{
	struct nt_linkstats before = stats(), after;
	int fd = sender_open();

	send_queries(fd, 100);
	after = stats();
	ck_assert_uint_eq(seen(), 100);
	ck_assert_uint_ge(after.rx_packets - before.rx_packets, 100);
	ck_assert_uint_eq(after.before_tap, 0);
	close(fd);
}
END_TEST

/* Packets of the link are handled by the other CPU, which is kept busy by listeners, while this one
 * sends: the backlog overflows. True when that can be had here. */
static bool steer_to_other_cpu(void)
{
	FILE *f;
	bool ok;

	if (sysconf(_SC_NPROCESSORS_ONLN) < 2)
		return false;
	mkdir(LAB "/sys", 0700);
	if (mount("sysfs", LAB "/sys", "sysfs", 0, NULL) == -1)
		return false;
	f = fopen(LAB "/sys/class/net/stats0/queues/rx-0/rps_cpus", "w");
	ok = f && fprintf(f, "%x", sched_getcpu() == 0 ? 2 : 1) > 0;
	if (f)
		ok = fclose(f) == 0 && ok;
	umount2(LAB "/sys", MNT_DETACH);
	return ok;
}

START_TEST(sent_is_seen_and_before_tap)
{
	int fd = sender_open(), listeners[LISTENERS];
	struct nt_linkstats s = {};
	__u64 sent = 0;

	if (!steer_to_other_cpu())
		printf("# no second CPU to steer packets to: no backlog overflows here\n");
	for (int i = 0; i < LISTENERS; i++)
		listeners[i] = packet_socket(NULL, "stats0", ETH_P_ALL);
	for (int i = 0; i < BURSTS_MAX && !s.before_tap; i++) {
		send_queries(fd, BURST);
		sent += BURST;
		s = stats();
	}
	/* What is in the backlog still gets through. */
	for (int i = 0; i < 3000 && seen() + s.before_tap < sent; i++)
		usleep(10000);
	s = stats();
	printf("# sent %llu, seen at the tap %llu, before the tap %llu\n", (unsigned long long)sent,
	       (unsigned long long)seen(), (unsigned long long)s.before_tap);
	ck_assert_uint_eq(seen() + s.before_tap, sent);
	for (int i = 0; i < LISTENERS; i++)
		close(listeners[i]);
	close(fd);
}
END_TEST

/* The certain case: veth drops what the other end is too narrow for. Newer kernels say so to a
 * packet socket, too. */
START_TEST(too_long_for_the_other_end)
{
	enum { TIMES = 50 };
	static __u8 frame[800];
	struct packet p = packet_query4();
	int fd = sender_open();
	__u64 before = stats().before_tap;

	memcpy(frame, p.octets, p.len);
	lab_run("ip link set stats0 mtu 600");
	for (int i = 0; i < TIMES; i++)
		ck_assert(send(fd, frame, sizeof(frame), 0) == sizeof(frame) || errno == ENOBUFS);
	ck_assert_uint_eq(stats().before_tap - before, TIMES);
	ck_assert_uint_eq(seen(), 0);
	send_queries(fd, 1);
	ck_assert_uint_eq(stats().before_tap - before, TIMES);
	ck_assert_uint_eq(seen(), 1);
	close(fd);
}
END_TEST

START_TEST(links_that_say_nothing)
{
	struct nt_linkstats s;

	ck_assert_int_eq(nt_linkstats_read(reader, 123456, &s), -ENODEV);
	ck_assert_int_eq(nt_linkstats_read(reader, if_nametoindex("lo"), &s), -ENOENT);
	/* And the next question is answered as if nothing had been. */
	ck_assert_int_eq(nt_linkstats_read(reader, pod.ifindex, &s), 0);
	/* Both ends in one namespace. */
	lab_run("ip link add here0 type veth peer name here1");
	ck_assert_int_eq(nt_linkstats_read(reader, if_nametoindex("here0"), &s), 0);
	lab_run("ip link del here0");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("linkstats");
	TCase *t = tcase_create("veth");

	lab_enter();
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, counts_of_both_ends);
	tcase_add_test(t, sent_is_seen_and_before_tap);
	tcase_add_test(t, too_long_for_the_other_end);
	tcase_add_test(t, links_that_say_nothing);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
