/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object source over the API at the size of a large cluster: 100,000 pods of 5 KB (one that an
 * API server gave, with other names), with the Services, EndpointSlices and ReplicaSets that belong
 * to them, in pages and then as events of a watch. Figures: growth of VmRSS from before the source
 * is opened, at its highest, and the time until all is read. The server is another process on
 * another core; the client has one core.
 */
#include <fcntl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/base/buf.h"
#include "lib/base/file.h"
#include "lib/base/loop.h"
#include "lib/objects/objects.h"
#include "lib/kube/client.h"
#include "tests/bench/bench.h"

enum {
	PODS = 100000,
	REPLICAS = 20, /* pods of a workload; one Service and one EndpointSlice each */
	WORKLOADS = PODS / REPLICAS,
	SETS = 3, /* ReplicaSets of a workload: the one in use, and those of before */
	NAMESPACES = 200,
	EVENTS = 20000, /* MODIFIED, of one pod after the other */
	LIMIT_S = 300,
};

#define RECORDED "tests/unit/data/kube/02-list-pods.txt"
#define FIRST_VERSION 1000000

/* --- the server: objects by number ------------------------------------------------------------ */

static char *pod_text; /* with "@N" for the name, and so on */

static void set_strings(json_t *object, const char *const (*members)[2], size_t len)
{
	for (size_t i = 0; i < len; i++)
		json_object_set_new(object, members[i][0], json_string(members[i][1]));
}

#define SET(object, ...)                                             \
	set_strings(object, (const char *const[][2]){ __VA_ARGS__ }, \
		    sizeof((const char *const[][2]){ __VA_ARGS__ }) / sizeof(const char *[2]))

/* The text of a pod that has run, from the recording. */
static void read_pod(void)
{
	struct nt_buf text = { 0 };
	const char *body;
	json_t *root, *items, *pod = NULL, *metadata, *status, *ips;

	if (nt_file_read_at(AT_FDCWD, RECORDED, 1 << 20, &text, NULL) < 0)
		bench_die("%s: run it in the repository's folder", RECORDED);
	body = strstr(text.p, "-- response body\n");
	root = body ? json_loads(strchr(body, '\n') + 1, 0, NULL) : NULL;
	items = json_object_get(root, "items");
	for (size_t i = 0; i < json_array_size(items); i++) {
		metadata = json_object_get(json_array_get(items, i), "metadata");
		if (json_object_get(metadata, "ownerReferences"))
			pod = json_array_get(items, i);
	}
	if (!pod)
		bench_die("%s has no pod of a workload", RECORDED);
	metadata = json_object_get(pod, "metadata");
	status = json_object_get(pod, "status");
	SET(metadata, { "name", "@N" }, { "generateName", "@R-" }, { "namespace", "@S" },
	    { "uid", "@U" }, { "resourceVersion", "@V" });
	SET(json_object_get(metadata, "labels"), { "pod-template-hash", "@H" },
	    { "app.kubernetes.io/name", "app-@W" }, { "app.kubernetes.io/instance", "app-@W-prod" },
	    { "app.kubernetes.io/version", "1.4.2" }, { "app.kubernetes.io/component", "server" },
	    { "app.kubernetes.io/part-of", "shop" }, { "team", "payments" });
	SET(json_array_get(json_object_get(metadata, "ownerReferences"), 0), { "name", "@R" },
	    { "uid", "@O" });
	SET(json_object_get(pod, "spec"), { "nodeName", "node-@M" });
	SET(status, { "podIP", "@I" });
	ips = json_object_get(status, "podIPs");
	SET(json_array_get(ips, 0), { "ip", "@I" });
	pod_text = json_dumps(pod, JSON_COMPACT);
	json_decref(root);
	nt_buf_done(&text);
}

static void add_uid(struct nt_buf *b, unsigned kind, unsigned n)
{
	nt_buf_printf(b, "%08x-7e8b-4c1d-9f%02x-%012x", n * 2654435761u, kind, n);
}

static void add_set_name(struct nt_buf *b, unsigned workload, unsigned set)
{
	nt_buf_printf(b, "app-%u-%08x", workload, (workload * SETS + set) * 2246822519u);
}

static void add_pod_name(struct nt_buf *b, unsigned n)
{
	add_set_name(b, n / REPLICAS, 0);
	nt_buf_printf(b, "-%05x", n & 0xfffff);
}

static void add_ip(struct nt_buf *b, unsigned n)
{
	nt_buf_printf(b, "10.%u.%u.%u", n >> 16 & 255, n >> 8 & 255, n & 255);
}

static void add_word(struct nt_buf *b, char word, unsigned n, unsigned version)
{
	unsigned workload = n / REPLICAS;

	switch (word) {
	case 'N':
		add_pod_name(b, n);
		break;
	case 'R':
		add_set_name(b, workload, 0);
		break;
	case 'S':
		nt_buf_printf(b, "namespace-%u", workload % NAMESPACES);
		break;
	case 'U':
		add_uid(b, 1, n);
		break;
	case 'O':
		add_uid(b, 2, workload * SETS);
		break;
	case 'V':
		nt_buf_u64(b, version);
		break;
	case 'H':
		nt_buf_printf(b, "%08x", workload * SETS * 2246822519u);
		break;
	case 'W':
		nt_buf_u64(b, workload);
		break;
	case 'M':
		nt_buf_u64(b, n % 1000);
		break;
	case 'I':
		/* An event moves it. */
		add_ip(b, version >= FIRST_VERSION ? n + (1 << 20) : n);
		break;
	default:
		bench_die("@%c", word);
	}
}

static void add_pod(struct nt_buf *b, unsigned n, unsigned version)
{
	const char *at = pod_text, *mark;

	for (; (mark = strchr(at, '@')); at = mark + 2) {
		nt_buf_add(b, at, (size_t)(mark - at));
		add_word(b, mark[1], n, version);
	}
	nt_buf_puts(b, at);
}

static void add_head(struct nt_buf *b, unsigned kind, unsigned n, unsigned workload)
{
	nt_buf_puts(b, "\",\"uid\":\"");
	add_uid(b, kind, n);
	nt_buf_printf(b,
		      "\",\"namespace\":\"namespace-%u\",\"resourceVersion\":\"%u\","
		      "\"creationTimestamp\":\"2026-11-23T06:19:02Z\",\"labels\":{"
		      "\"app.kubernetes.io/name\":\"app-%u\",\"team\":\"payments\"",
		      workload % NAMESPACES, n + 1, workload);
}

static void add_service(struct nt_buf *b, unsigned n)
{
	nt_buf_printf(b, "{\"metadata\":{\"name\":\"app-%u", n);
	add_head(b, 3, n, n);
	nt_buf_printf(b,
		      "}},\"spec\":{\"ports\":[{\"name\":\"http\",\"protocol\":\"TCP\",\"port\":80,"
		      "\"targetPort\":8080}],\"selector\":{\"app.kubernetes.io/name\":\"app-%u\"},"
		      "\"clusterIP\":\"10.%u.%u.%u\",\"type\":\"ClusterIP\"},\"status\":{}}",
		      n, 96 + (n >> 16), n >> 8 & 255, n & 255);
}

static void add_slice(struct nt_buf *b, unsigned n)
{
	nt_buf_printf(b, "{\"metadata\":{\"name\":\"app-%u-x%u", n, n);
	add_head(b, 4, n, n);
	nt_buf_printf(b,
		      ",\"kubernetes.io/service-name\":\"app-%u\"}},\"addressType\":\"IPv4\","
		      "\"ports\":[{\"name\":\"http\",\"protocol\":\"TCP\",\"port\":8080}],"
		      "\"endpoints\":[",
		      n);
	for (unsigned i = 0, pod = n * REPLICAS; i < REPLICAS; i++, pod++) {
		nt_buf_puts(b, i ? ",{\"addresses\":[\"" : "{\"addresses\":[\"");
		add_ip(b, pod);
		nt_buf_printf(b,
			      "\"],\"conditions\":{\"ready\":true},\"nodeName\":\"node-%u\","
			      "\"targetRef\":{\"kind\":\"Pod\",\"name\":\"",
			      pod % 1000);
		add_pod_name(b, pod);
		nt_buf_puts(b, "\",\"uid\":\"");
		add_uid(b, 1, pod);
		nt_buf_puts(b, "\"}}");
	}
	nt_buf_puts(b, "]}");
}

static void add_set(struct nt_buf *b, unsigned n)
{
	unsigned workload = n / SETS;

	nt_buf_puts(b, "{\"metadata\":{\"name\":\"");
	add_set_name(b, workload, n % SETS);
	add_head(b, 2, n, workload);
	nt_buf_printf(b,
		      "},\"ownerReferences\":[{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\","
		      "\"name\":\"app-%u\",\"uid\":\"",
		      workload);
	add_uid(b, 5, workload);
	nt_buf_puts(b, "\",\"controller\":true}]},\"spec\":{\"replicas\":20,\"template\":");
	add_pod(b, workload, 1);
	nt_buf_puts(b, "}}");
}

static void add_pod_item(struct nt_buf *b, unsigned n)
{
	add_pod(b, n, n + 1);
}

static const struct kind {
	const char *kind, *path;
	unsigned len;
	void (*add)(struct nt_buf *b, unsigned n);
} kinds[] = {
	{ "Pod", "/api/v1/pods", PODS, add_pod_item },
	{ "Service", "/api/v1/services", WORKLOADS, add_service },
	{ "EndpointSlice", "/apis/discovery.k8s.io/v1/endpointslices", WORKLOADS, add_slice },
	{ "ReplicaSet", "/apis/apps/v1/replicasets", WORKLOADS *SETS, add_set },
};
static const char *const watched[] = { "Pod", "Service", "EndpointSlice", "ReplicaSet", NULL };

/* --- the server: requests --------------------------------------------------------------------- */

static void send_all(int fd, const char *p, size_t len)
{
	while (len) {
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL);

		if (n <= 0)
			pthread_exit(NULL);
		p += n;
		len -= (size_t)n;
	}
}

static unsigned number_behind(const char *path, const char *key)
{
	const char *at = strstr(path, key);

	return at ? (unsigned)strtoul(at + strlen(key), NULL, 10) : 0;
}

static void send_page(int fd, const struct kind *k, const char *path)
{
	unsigned n = number_behind(path, "continue="), left = number_behind(path, "limit=");
	struct nt_buf body = { 0 }, head = { 0 };

	nt_buf_printf(&body, "{\"kind\":\"%sList\",\"items\":[", k->kind);
	for (unsigned first = n; n < k->len && left; n++, left--) {
		if (n > first)
			nt_buf_putc(&body, ',');
		k->add(&body, n);
	}
	nt_buf_printf(&body, "],\"metadata\":{\"resourceVersion\":\"%u\"", FIRST_VERSION - 1);
	if (n < k->len)
		nt_buf_printf(&body, ",\"continue\":\"%u\"", n);
	nt_buf_puts(&body, "}}");
	nt_buf_printf(&head,
		      "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
		      "Content-Length: %zu\r\n\r\n",
		      body.len);
	send_all(fd, head.p, head.len);
	send_all(fd, body.p, body.len);
	nt_buf_done(&head);
	nt_buf_done(&body);
}

static void send_chunk(int fd, const struct nt_buf *text)
{
	char head[32];

	send_all(fd, head, (size_t)snprintf(head, sizeof(head), "%zx\r\n", text->len));
	send_all(fd, text->p, text->len);
	send_all(fd, "\r\n", 2);
}

/* Events of pods as soon as the client says SIGUSR1. */
static volatile sig_atomic_t may_change;

static void on_signal(int number)
{
	(void)number;
	may_change = 1;
}

static void send_watch(int fd, const struct kind *k)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";
	struct nt_buf text = { 0 };

	send_all(fd, head, sizeof(head) - 1);
	while (k != &kinds[0] || !may_change)
		usleep(1000);
	for (unsigned i = 0; i < EVENTS; i++) {
		nt_buf_reset(&text);
		nt_buf_puts(&text, "{\"type\":\"MODIFIED\",\"object\":");
		add_pod(&text, (unsigned)((uint64_t)i * 7919 % PODS), FIRST_VERSION + i);
		nt_buf_puts(&text, "}\n");
		send_chunk(fd, &text);
	}
	nt_buf_done(&text);
	for (;;)
		pause();
}

static void *serve(void *ctx)
{
	int fd = (int)(intptr_t)ctx;
	char octets[8192];
	size_t len = 0;

	for (;;) {
		ssize_t n = read(fd, octets + len, sizeof(octets) - 1 - len);
		const struct kind *k = kinds;
		char path[4096];

		if (n <= 0)
			break;
		len += (size_t)n;
		octets[len] = '\0';
		if (!strstr(octets, "\r\n\r\n") || sscanf(octets, "GET %4095s", path) != 1)
			continue;
		len = 0;
		while (strncmp(path, k->path, strlen(k->path)) != 0)
			k++;
		if (strstr(path, "watch=1"))
			send_watch(fd, k);
		send_page(fd, k, path);
	}
	close(fd);
	return NULL;
}

static void run_server(int listener)
{
	read_pod();
	signal(SIGUSR1, on_signal);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		pthread_t thread;

		if (fd == -1)
			continue;
		if (pthread_create(&thread, NULL, serve, (void *)(intptr_t)fd) != 0)
			bench_die("no thread");
		pthread_detach(thread);
	}
}

static int listen_somewhere(unsigned *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == -1 || listen(fd, 64) == -1 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) == -1)
		bench_die("no port: %s", strerror(errno));
	*ret_port = ntohs(a.sin_port);
	return fd;
}

/* --- the client ------------------------------------------------------------------------------- */

static struct nt_loop *loop;
static struct nt_objects *objects;
static uint64_t events;

static void count_events(void *ctx, const struct nt_objects_state *state)
{
	(void)ctx;
	events += state->events;
}

static void on_objects(void *ctx, int fd, uint32_t what)
{
	(void)ctx, (void)fd, (void)what;
	(void)nt_objects_poll(objects);
	events = 0;
	nt_objects_states(objects, count_events, NULL);
	if (events ? events >= EVENTS : nt_objects_have_synced(objects))
		nt_loop_stop(loop);
}

static void on_limit(void *ctx)
{
	const struct nt_objects_problem *p = nt_objects_problem_at(objects, 0);

	(void)ctx;
	bench_die("not in %d s: %s", LIMIT_S, p ? p->msg : "no problem is told");
}

static struct nt_kube *open_client(unsigned port)
{
	struct nt_kube_config config = { .arena = NT_ARENA(4096), .origin = "bench" };
	struct nt_kube *kube;
	struct nt_err err;
	char url[64];

	snprintf(url, sizeof(url), "http://127.0.0.1:%u", port);
	config.server = nt_arena_copy(&config.arena, nt_slice_str(url)).p;
	if (nt_loop_new(&loop, &err) < 0 ||
	    nt_kube_open(&config, loop, "nametap-bench", &kube, &err) < 0)
		bench_die("%s", err.msg);
	return kube;
}

static void check_counts(void)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t n = nt_objects_count(objects, nt_slice_str(kinds[i].kind));

		if (n != kinds[i].len)
			bench_die("%zu of %u %ss", n, kinds[i].len, kinds[i].kind);
	}
	if (nt_objects_problem_at(objects, 0))
		bench_die("%s", nt_objects_problem_at(objects, 0)->msg);
}

static void run(void)
{
	struct nt_err err;

	if (nt_loop_run(loop, &err) < 0)
		bench_die("%s", err.msg);
}

static void measure(struct nt_kube *kube, pid_t server)
{
	const struct nt_objects_kube_config config = { .kinds = watched };
	double before = bench_status_mib("VmRSS:");
	uint64_t began = bench_clock_ns(CLOCK_MONOTONIC), cpu = bench_cpu_ns();
	struct nt_err err;

	if (nt_objects_open_kube(kube, loop, &config, &objects, &err) < 0 ||
	    nt_loop_watch(loop, nt_objects_fd(objects), EPOLLIN, on_objects, NULL, &err) < 0 ||
	    !nt_loop_timer_new(loop, LIMIT_S * 1000000000LL, on_limit, NULL, &err))
		bench_die("%s", err.msg);
	run();
	bench_round("objects_sync_s", (double)(bench_clock_ns(CLOCK_MONOTONIC) - began) / 1e9);
	bench_also("objects_sync_cpu_s", (double)(bench_cpu_ns() - cpu) / 1e9, "CPU-s");
	check_counts();
	bench_round("objects_rss_mib", bench_status_mib("VmHWM:") - before);
	bench_also("objects_rss_after_mib", bench_status_mib("VmRSS:") - before, "MiB");
	bench_also("objects_counted_mib", (double)nt_objects_bytes(objects) / (1 << 20), "MiB");
	cpu = bench_cpu_ns();
	kill(server, SIGUSR1);
	run();
	bench_also("objects_event_us", (double)(bench_cpu_ns() - cpu) / 1e3 / EVENTS, "us");
	bench_also("objects_rss_events_mib", bench_status_mib("VmHWM:") - before, "MiB");
}

int main(void)
{
	unsigned port;
	int listener = listen_somewhere(&port);
	pid_t server = fork();
	struct nt_kube *kube;

	if (server == 0)
		run_server(listener);
	close(listener);
	bench_pin(0);
	kube = open_client(port);
	measure(kube, server);
	nt_objects_free(objects);
	nt_kube_close(kube);
	nt_loop_free(loop);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	return 0;
}
