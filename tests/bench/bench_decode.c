/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nametapctl decode against tcpdump's text of the same capture, CPU time of the process. Both write
 * into a pipe that this program empties. Then memory: the file several times over in one stream.
 * Beside it, not judged, the same ratio of a capture with TCP, IPv6 and fragments.
 *
 *   bench_decode CAPTURE MIXED
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

enum { REPEATS = 3, PIPE_BYTES = 1 << 20 };

struct usage {
	double cpu_s, rss_mib;
	uint64_t bytes;
};

static pid_t start(char *const argv[], int in, int out)
{
	pid_t pid = fork();

	if (pid == -1)
		bench_die("fork: %s", strerror(errno));
	if (pid)
		return pid;
	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	if (!getenv("V")) /* tcpdump says there what it reads */
		dup2(open("/dev/null", O_WRONLY | O_CLOEXEC), STDERR_FILENO);
	execvp(argv[0], argv);
	bench_die("%s: %s", argv[0], strerror(errno));
}

static uint64_t empty(int from)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	uint64_t bytes = 0;
	ssize_t n;

	while ((n = splice(from, NULL, null, NULL, PIPE_BYTES, 0)) > 0)
		bytes += (uint64_t)n;
	close(null);
	return bytes;
}

static struct usage finish(pid_t pid, const char *what)
{
	struct rusage ru;
	int status;

	if (wait4(pid, &status, 0, &ru) == -1 || status != 0)
		bench_die("%s: status %d", what, status);
	return (struct usage){
		.cpu_s = (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
			 (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6,
		.rss_mib = (double)ru.ru_maxrss / 1024,
	};
}

static struct usage run(char *const argv[], int in)
{
	struct usage u;
	uint64_t bytes;
	int out[2];
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) == -1)
		bench_die("pipe: %s", strerror(errno));
	(void)fcntl(out[0], F_SETPIPE_SZ, PIPE_BYTES);
	pid = start(argv, in, out[1]);
	close(out[1]);
	bytes = empty(out[0]);
	close(out[0]);
	u = finish(pid, argv[0]);
	u.bytes = bytes;
	return u;
}

/* The capture's packets REPEATS times, each time later: what a long file would hold. */
static void feed(const char *path, int to)
{
	enum { HEADER = 24, RECORD = 16, SPAN_S = 3600 };
	FILE *out = fdopen(to, "w");
	unsigned char header[HEADER], octets[65536];
	uint32_t record[4];

	for (uint32_t i = 0; i < REPEATS; i++) {
		FILE *in = fopen(path, "re");

		if (!in || fread(header, HEADER, 1, in) != 1)
			bench_die("%s: %s", path, strerror(errno));
		if (i == 0)
			fwrite(header, HEADER, 1, out);
		while (fread(record, RECORD, 1, in) == 1 && record[2] <= sizeof(octets) &&
		       fread(octets, record[2], 1, in) == 1) {
			record[0] += i * SPAN_S;
			fwrite(record, RECORD, 1, out);
			fwrite(octets, record[2], 1, out);
		}
		fclose(in);
	}
	if (fclose(out))
		bench_die("feeding: %s", strerror(errno));
	_exit(0);
}

static struct usage run_long(char *decode, const char *path)
{
	char *argv[] = { decode, "decode", "-", NULL };
	struct usage u;
	int in[2], status;
	pid_t feeder;

	if (pipe2(in, O_CLOEXEC) == -1)
		bench_die("pipe: %s", strerror(errno));
	feeder = fork();
	if (feeder == 0) {
		close(in[0]);
		feed(path, in[1]);
	}
	close(in[1]);
	u = run(argv, in[0]);
	close(in[0]);
	if (waitpid(feeder, &status, 0) == -1 || status != 0)
		bench_die("feeding: status %d", status);
	return u;
}

struct pair {
	struct usage ours, theirs;
};

/* Who goes first takes turns. */
static struct pair run_both(char *decode, char *path, unsigned round)
{
	char *ours[] = { decode, "decode", path, NULL };
	char *theirs[] = { "tcpdump", "-nn", "-tt", "-r", path, NULL };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	struct pair p = { 0 };

	for (unsigned half = 0; half < 2; half++) {
		if ((round + half) % 2)
			p.ours = run(ours, null);
		else
			p.theirs = run(theirs, null);
	}
	close(null);
	return p;
}

int main(int argc, char **argv)
{
	char decode[PATH_MAX];

	if (argc != 3)
		bench_die("usage: bench_decode CAPTURE MIXED");
	snprintf(decode, sizeof(decode), "%s/nametapctl", bench_env("BUILD"));
	for (unsigned i = 0; i < bench_rounds(); i++) {
		struct pair p = run_both(decode, argv[1], i), mixed = run_both(decode, argv[2], i);

		bench_round("decode_vs_tcpdump", p.ours.cpu_s / p.theirs.cpu_s);
		bench_also("decode_mixed_vs_tcpdump", mixed.ours.cpu_s / mixed.theirs.cpu_s,
			   "ratio");
		bench_also("decode_cpu_s", p.ours.cpu_s, "CPU-s");
		bench_also("tcpdump_cpu_s", p.theirs.cpu_s, "CPU-s");
		bench_also("decode_output_mb", (double)p.ours.bytes / 1e6, "MB");
		bench_also("tcpdump_output_mb", (double)p.theirs.bytes / 1e6, "MB");
		bench_also("decode_one_file_rss_mib", p.ours.rss_mib, "MiB");
	}
	bench_round("decode_rss_mib", run_long(decode, argv[1]).rss_mib);
	return 0;
}
