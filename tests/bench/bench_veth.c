/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Real lookups over two equal veths: pod, node, DNS pod, as in a cluster. Client and responder are
 * processes on one CPU, the ring's reader is a thread on another. The veths change roles every
 * round.
 *
 *   bench_veth tap     time of a lookup through a tapped and an untapped veth
 *   bench_veth live    BPF run time per packet, ours against the plain filter's (BPF statistics)
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/bench/place.h"

enum {
	BLOCK = 100, /* lookups in a row over one veth */
	BLOCKS = 50,
	LOOKUPS = BLOCK * BLOCKS, /* per veth and round */
	DRAIN_US = 5000,
	VETHS = 2,
};

#define SERVER "dns"
#define SERVER_ADDRESS "10.9.9.2"

struct lab {
	struct nt_taps *taps;
	struct bpf_object *yardsticks;
	struct nt_pod pods[VETHS];
	int sockets[VETHS]; /* in the pods' namespaces */
	double *times_ns[VETHS];
	struct nt_ring *ours;
	struct ring_buffer *theirs;
	int from_pod, to_pod, filter;
};

/* --- responder and reader --------------------------------------------------------------------- */

/* A socket in a pod's namespace. */
static int udp_socket(const char *pod)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC), there, fd;
	char path[64];

	snprintf(path, sizeof(path), "/run/netns/%s", pod);
	there = open(path, O_RDONLY | O_CLOEXEC);
	if (there == -1 || setns(there, CLONE_NEWNET) == -1)
		bench_die("%s: %s", path, strerror(errno));
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1 || setns(home, CLONE_NEWNET) == -1)
		bench_die("a socket in %s: %s", pod, strerror(errno));
	close(home);
	close(there);
	return fd;
}

/* Turns the QR bit and sends it back. */
static void respond(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(53) };
	unsigned char message[512];
	int fd = udp_socket(SERVER);

	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) == -1)
		bench_die("bind: %s", strerror(errno));
	for (;;) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n =
			recvfrom(fd, message, sizeof(message), 0, (struct sockaddr *)&from, &len);

		if (n < 12)
			continue;
		message[2] |= 0x80;
		(void)sendto(fd, message, (size_t)n, 0, (struct sockaddr *)&from, len);
	}
}

static pid_t start_responder(void)
{
	pid_t pid = fork();

	if (pid == -1)
		bench_die("fork: %s", strerror(errno));
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		respond();
	}
	return pid;
}

static void *drain(void *ctx)
{
	struct lab *lab = ctx;

	bench_pin(1 % (int)sysconf(_SC_NPROCESSORS_ONLN));
	for (;;) {
		usleep(DRAIN_US);
		place_drain(lab->ours);
		(void)ring_buffer__consume(lab->theirs);
	}
	return NULL;
}

/* --- lookups ---------------------------------------------------------------------------------- */

static int connected_socket(const char *pod)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(53) };
	struct timeval patience = { .tv_sec = 2 };
	int fd = udp_socket(pod);

	inet_pton(AF_INET, SERVER_ADDRESS, &to.sin_addr);
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == -1)
		bench_die("connect: %s", strerror(errno));
	return fd;
}

static double lookup_ns(int fd, unsigned id)
{
	static unsigned char query[] =
		"\0\0\x01\0\0\x01\0\0\0\0\0\0\x0ckafka-yazeki\4ns07\3svc\7cluster\5"
		"local\0\0\1\0\1";
	unsigned char reply[512];
	uint64_t start;

	query[0] = (unsigned char)(id >> 8);
	query[1] = (unsigned char)id;
	start = bench_clock_ns(CLOCK_MONOTONIC);
	if (send(fd, query, sizeof(query) - 1, 0) == -1)
		bench_die("send: %s", strerror(errno));
	do
		if (recv(fd, reply, sizeof(reply), 0) == -1)
			bench_die("recv: %s", strerror(errno));
	while (reply[0] != query[0] || reply[1] != query[1]);
	return (double)(bench_clock_ns(CLOCK_MONOTONIC) - start);
}

/* Blocks over one veth and the other in turns. */
static void look_up_all(struct lab *lab)
{
	static unsigned id;

	for (unsigned b = 0; b < BLOCKS * VETHS; b++) {
		unsigned v = (b + b / VETHS) % VETHS; /* ABBA */
		double *times = lab->times_ns[v] + (size_t)b / VETHS * BLOCK;

		for (unsigned i = 0; i < BLOCK; i++)
			times[i] = lookup_ns(lab->sockets[v], ++id);
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

/* Sorts. */
static double quantile(double *values, double q)
{
	qsort(values, LOOKUPS, sizeof(*values), by_value);
	return values[(size_t)(LOOKUPS * q)];
}

/* Ratio of the medians. */
static double tap_ratio(struct lab *lab, unsigned tapped, bool settle)
{
	double *with = lab->times_ns[tapped], *without = lab->times_ns[!tapped], ratio;

	place_attach(lab->taps, &lab->pods[tapped]);
	if (settle)
		place_settle(lab->taps, &lab->pods[tapped]);
	look_up_all(lab);
	place_detach(lab->taps, &lab->pods[tapped]);
	ratio = quantile(with, 0.5) / quantile(without, 0.5);
	if (settle) {
		bench_also("tap_p50_us", quantile(with, 0.5) / 1e3, "us");
		bench_also("untapped_p50_us", quantile(without, 0.5) / 1e3, "us");
		bench_also("tap_p99_us", quantile(with, 0.99) / 1e3, "us");
		bench_also("untapped_p99_us", quantile(without, 0.99) / 1e3, "us");
	}
	return ratio;
}

static void tap_round(struct lab *lab, unsigned tapped)
{
	bench_round("tap_p50_ratio", tap_ratio(lab, tapped, true));
	bench_also("tap_clsact_p50_ratio", tap_ratio(lab, tapped, false), "ratio");
}

/* --- BPF statistics --------------------------------------------------------------------------- */

struct spent {
	uint64_t ns, packets;
};

static struct spent spent(int prog_fd)
{
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	if (bpf_obj_get_info_by_fd(prog_fd, &info, &len) < 0)
		bench_die("program info: %s", strerror(errno));
	return (struct spent){ .ns = info.run_time_ns, .packets = info.run_cnt };
}

static void filter_attach(const struct lab *lab, unsigned ifindex)
{
	DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
			    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS);
	enum bpf_tc_attach_point points[] = { BPF_TC_INGRESS, BPF_TC_EGRESS };

	(void)bpf_tc_hook_create(&hook);
	for (int i = 0; i < 2; i++) {
		DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = lab->filter, .handle = 1,
				    .priority = 1);

		hook.attach_point = points[i];
		if (bpf_tc_attach(&hook, &opts) < 0)
			bench_die("attach the filter: %s", strerror(errno));
	}
}

static void filter_detach(unsigned ifindex)
{
	enum bpf_tc_attach_point points[] = { BPF_TC_INGRESS, BPF_TC_EGRESS };

	for (int i = 0; i < 2; i++) {
		DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)ifindex,
				    .attach_point = points[i]);
		DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .handle = 1, .priority = 1);

		if (bpf_tc_detach(&hook, &opts) < 0)
			bench_die("detach the filter: %s", strerror(errno));
	}
}

static struct spent sum(struct spent a, struct spent b)
{
	return (struct spent){ .ns = a.ns + b.ns, .packets = a.packets + b.packets };
}

static double per_packet(struct spent before, struct spent after)
{
	if (after.packets - before.packets < 2ull * LOOKUPS)
		bench_die("%llu packets counted, %d sent",
			  (unsigned long long)(after.packets - before.packets), 2 * LOOKUPS);
	return (double)(after.ns - before.ns) / (double)(after.packets - before.packets);
}

static void live_round(struct lab *lab, unsigned tapped)
{
	struct spent ours, theirs;
	double a, b;

	place_attach(lab->taps, &lab->pods[tapped]);
	place_settle(lab->taps, &lab->pods[tapped]);
	filter_attach(lab, lab->pods[!tapped].ifindex);
	ours = sum(spent(lab->from_pod), spent(lab->to_pod));
	theirs = spent(lab->filter);
	look_up_all(lab);
	a = per_packet(ours, sum(spent(lab->from_pod), spent(lab->to_pod)));
	b = per_packet(theirs, spent(lab->filter));
	filter_detach(lab->pods[!tapped].ifindex);
	place_detach(lab->taps, &lab->pods[tapped]);
	bench_round("live_packet_vs_filter", a / b);
	bench_also("live_packet_ns", a, "ns");
	bench_also("live_filter_ns", b, "ns");
}

/* --- main ------------------------------------------------------------------------------------- */

static void lab_open(struct lab *lab)
{
	static const char *const names[VETHS] = { "left", "right" };

	place_enter();
	place_run("echo 1 > /proc/sys/net/ipv4/ip_forward");
	(void)place_pod(SERVER, 9);
	lab->taps = place_taps();
	lab->yardsticks = place_yardsticks();
	lab->from_pod = place_program(NT_PIN_FROM_POD);
	lab->to_pod = place_program(NT_PIN_TO_POD);
	lab->filter = place_yardstick(lab->yardsticks, "filter");
	lab->ours = place_our_ring(lab->taps);
	lab->theirs = place_ring(bpf_object__find_map_fd_by_name(lab->yardsticks, "events"));
	for (unsigned v = 0; v < VETHS; v++) {
		lab->pods[v] = place_pod(names[v], v + 1);
		lab->sockets[v] = connected_socket(names[v]);
		lab->times_ns[v] = calloc(LOOKUPS, sizeof(double));
		if (!lab->times_ns[v])
			bench_die("no memory");
	}
}

int main(int argc, char **argv)
{
	bool live = argc == 2 && strcmp(argv[1], "live") == 0;
	struct lab lab = { 0 };
	pthread_t reader;
	pid_t responder;
	int stats_fd = -1;

	if (!live && (argc != 2 || strcmp(argv[1], "tap") != 0))
		bench_die("usage: bench_veth tap|live");
	lab_open(&lab);
	if (pthread_create(&reader, NULL, drain, &lab) != 0)
		bench_die("no thread");
	bench_pin(0);
	responder = start_responder();
	usleep(100000);
	look_up_all(&lab);
	if (live) /* ends with this process */
		stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (live && stats_fd < 0)
		bench_die("BPF statistics: %s", strerror(errno));
	for (unsigned i = 0; i < bench_rounds(); i++) {
		if (live)
			live_round(&lab, i % VETHS);
		else
			tap_round(&lab, i % VETHS);
	}
	kill(responder, SIGKILL);
	(void)waitpid(responder, NULL, 0);
	return 0;
}
