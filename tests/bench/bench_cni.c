/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our plugin's ADD of a fresh veth against Go's `tuning` that has nothing to do: CPU time and wall
 * time of the process from exec to exit. One process per call, the same environment, in turns. Then
 * the same ADD with an agent that puts a policy in force before it returns (T16).
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/bench/place.h"

#define TUNING "/usr/lib/cni/tuning"

enum { ADDS = 10 }; /* per plugin and round */

struct cost {
	double cpu_us[ADDS], wall_us[ADDS];
};

static int config_fd(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int config_fd(const char *format, ...)
{
	int fd = memfd_create("config", MFD_CLOEXEC);
	va_list args;

	va_start(args, format);
	if (fd == -1 || vdprintf(fd, format, args) < 0 || lseek(fd, 0, SEEK_SET) == -1)
		bench_die("the plugin's input: %s", strerror(errno));
	va_end(args);
	return fd;
}

static void set_environment(const char *verb, const char *container)
{
	setenv("CNI_COMMAND", verb, 1);
	setenv("CNI_CONTAINERID", container, 1);
	setenv("CNI_NETNS", "/run/netns/pod", 1);
	setenv("CNI_IFNAME", "eth0", 1);
	setenv("CNI_PATH", "/usr/lib/cni", 1);
	setenv("CNI_ARGS",
	       "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-6659c9d65f-x2x4z;"
	       "K8S_POD_UID=2b6ad0ee-6c1d-4a5a-9d3e-0f7a3c1b2d4e",
	       1);
}

/* Runs it to its end; stdin is the config, which is closed. */
static void call(const char *program, int config, double *ret_cpu_us, double *ret_wall_us)
{
	uint64_t start = bench_clock_ns(CLOCK_MONOTONIC);
	struct rusage ru;
	int status, null;
	pid_t pid = vfork();

	if (pid == 0) {
		null = open("/dev/null", O_WRONLY | O_CLOEXEC);
		dup2(config, STDIN_FILENO);
		dup2(null, STDOUT_FILENO);
		execl(program, program, (char *)NULL);
		_exit(127);
	}
	if (pid == -1 || wait4(pid, &status, 0, &ru) == -1 || status != 0)
		bench_die("%s: status %d", program, status);
	*ret_wall_us = (double)(bench_clock_ns(CLOCK_MONOTONIC) - start) / 1e3;
	*ret_cpu_us = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1e6 +
		      (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
	close(config);
}

#define RESULT                                                           \
	"{\"cniVersion\":\"1.0.0\",\"interfaces\":[{\"name\":\"podh\"}," \
	"{\"name\":\"eth0\",\"sandbox\":\"/run/netns/pod\"}],"           \
	"\"ips\":[{\"address\":\"10.9.1.2/24\",\"interface\":1}],\"dns\":{}}"

static void add_ours(const char *program, const char *unknown_policy, double *ret_cpu_us,
		     double *ret_wall_us)
{
	call(program,
	     config_fd("{\"cniVersion\":\"1.0.0\",\"name\":\"bench\",\"type\":\"nametap\","
		       "\"bpffs\":\"" PLACE_ROOT "\",\"stateDir\":\"" PLACE "/state\","
		       "\"onAttachError\":\"Fail\",\"onUnknownPolicy\":\"%s\",\"runtimeConfig\":{"
		       "\"dns\":{\"Servers\":[\"10."
		       "96.0.10\"],"
		       "\"Searches\":[\"shop.svc.cluster.local\",\"svc.cluster.local\"]}},"
		       "\"capabilities\":{\"dns\":true},\"prevResult\":" RESULT "}",
		       unknown_policy),
	     ret_cpu_us, ret_wall_us);
}

static void add_tuning(double *ret_cpu_us, double *ret_wall_us)
{
	call(TUNING,
	     config_fd("{\"cniVersion\":\"1.0.0\",\"name\":\"bench\",\"type\":\"tuning\","
		       "\"prevResult\":" RESULT "}"),
	     ret_cpu_us, ret_wall_us);
}

/* Each ADD finds a veth without clsact, as a runtime's first call does. */
static void add_both(struct nt_taps *taps, const char *program, unsigned n, bool ours_first,
		     struct cost *ours, struct cost *tuning, unsigned i)
{
	char container[32];
	struct nt_pod pod;

	snprintf(container, sizeof(container), "c%u", n);
	pod = place_pod("pod", 1);
	set_environment("ADD", container);
	if (!ours_first)
		add_tuning(&tuning->cpu_us[i], &tuning->wall_us[i]);
	add_ours(program, "Ignore", &ours->cpu_us[i], &ours->wall_us[i]);
	if (ours_first)
		add_tuning(&tuning->cpu_us[i], &tuning->wall_us[i]);
	if (nt_taps_find(taps, container, "eth0", &pod) < 0)
		bench_die("ADD left no tapped pod");
	place_detach(taps, &pod);
	place_run("ip link del podh && ip netns del pod");
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double middle(double *values)
{
	qsort(values, ADDS, sizeof(*values), by_value);
	return (values[ADDS / 2 - 1] + values[ADDS / 2]) / 2;
}

/* --- with a policy --- */

#define OBJECTS PLACE "/objects"
#define SOCKET PLACE "/state/agent.sock"

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	if (!f || fputs(text, f) == EOF || fclose(f) == EOF)
		bench_die("%s: %s", path, strerror(errno));
}

static pid_t start_agent(void)
{
	char program[PATH_MAX];
	pid_t pid;

	place_run("mkdir " OBJECTS);
	write_file(OBJECTS "/pod.yaml",
		   "apiVersion: v1\nkind: Pod\nmetadata: {name: "
		   "web-6659c9d65f-x2x4z, namespace: shop, labels: {app: web}}\n");
	write_file(OBJECTS "/policy.yaml",
		   "apiVersion: nametap.io/v1alpha1\nkind: DNSPolicy\n"
		   "metadata: {name: names, namespace: shop}\n"
		   "spec: {podSelector: {}, mode: Enforce, allow: [\"*.example.com\"]}\n");
	snprintf(program, sizeof(program), "%s/nametap-agent", bench_env("BUILD"));
	pid = vfork();
	if (pid == 0) {
		execl(program, program, "--controller", "http://127.0.0.1:9", "--spool",
		      PLACE "/spool", "--pin-root", PLACE_ROOT, "--state-dir", PLACE "/state",
		      "--objects", OBJECTS, "--host-network", "off", "--cni-cache", "none",
		      "--log-level", "error", (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 600 && access(SOCKET, F_OK) == -1; i++)
		usleep(50000);
	if (pid == -1 || access(SOCKET, F_OK) == -1)
		bench_die("no agent: %s", strerror(errno));
	return pid;
}

static void add_with_policy(struct nt_taps *taps, const char *program, unsigned n,
			    double *ret_wall_us)
{
	struct nt_scope_set scope;
	struct nt_endpoint ep;
	char container[32];
	struct nt_pod pod;
	double cpu_us;

	snprintf(container, sizeof(container), "p%u", n);
	pod = place_pod("pod", 1);
	set_environment("ADD", container);
	add_ours(program, "Fail", &cpu_us, ret_wall_us);
	if (nt_taps_find(taps, container, "eth0", &pod) < 0 ||
	    nt_taps_endpoint_get(taps, pod.ep_id, &ep, &scope) < 0 || ep.slots_len != 1)
		bench_die("ADD returned before the policy was in force");
	place_detach(taps, &pod);
	place_run("ip link del podh && ip netns del pod");
}

static void with_policies(struct nt_taps *taps, const char *program)
{
	pid_t agent = start_agent();
	unsigned n = 0;

	for (unsigned round = 0; round < bench_rounds(); round++) {
		double wall_us[ADDS];

		for (unsigned i = 0; i < ADDS; i++)
			add_with_policy(taps, program, n++, &wall_us[i]);
		bench_also("cni_add_policy_ms", middle(wall_us) / 1e3, "ms");
	}
	kill(agent, SIGTERM);
	(void)waitpid(agent, NULL, 0);
}

int main(void)
{
	char program[PATH_MAX];
	struct nt_pod neighbour;
	struct nt_taps *taps;
	unsigned n = 0;

	snprintf(program, sizeof(program), "%s/nametap", bench_env("BUILD"));
	place_enter();
	taps = place_taps();
	/* The first clsact of a machine makes the kernel patch its own code; a node has others. */
	neighbour = place_pod("other", 2);
	place_attach(taps, &neighbour);
	for (unsigned round = 0; round < bench_rounds(); round++) {
		struct cost ours, tuning;

		for (unsigned i = 0; i < ADDS; i++)
			add_both(taps, program, n++, i % 2, &ours, &tuning, i);
		bench_round("cni_add_cpu_vs_tuning", middle(ours.cpu_us) / middle(tuning.cpu_us));
		bench_round("cni_add_wall_vs_tuning",
			    middle(ours.wall_us) / middle(tuning.wall_us));
		bench_also("cni_add_cpu_us", middle(ours.cpu_us), "us");
		bench_also("cni_add_wall_us", middle(ours.wall_us), "us");
		bench_also("tuning_cpu_us", middle(tuning.cpu_us), "us");
		bench_also("tuning_wall_us", middle(tuning.wall_us), "us");
	}
	with_policies(taps, program);
	nt_taps_close(taps);
	return 0;
}
