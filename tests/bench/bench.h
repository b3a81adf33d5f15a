/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the measuring programs share. A program measures one group of figures in interleaved rounds
 * and prints, per round, "round FIGURE VALUE" for what is judged and "also FIGURE VALUE UNIT" for
 * absolute values beside it; the script `bench` does the statistics and judges. CPU time, not wall
 * time, wherever a figure allows it: the machine is not ours alone.
 */
#pragma once

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Ends the program; the group has no figures then. */
static inline void bench_die(const char *format, ...)
	__attribute__((noreturn, format(printf, 1, 2)));
static inline void bench_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("bench: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	exit(1);
}

static inline const char *bench_env(const char *name)
{
	const char *value = getenv(name);

	if (!value || !*value)
		bench_die("%s is not set: run make bench", name);
	return value;
}

static inline unsigned bench_rounds(void)
{
	return (unsigned)strtoul(bench_env("BENCH_ROUNDS"), NULL, 10);
}

static inline uint64_t bench_clock_ns(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* CPU time of this thread. */
static inline uint64_t bench_cpu_ns(void)
{
	return bench_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static inline void bench_pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) == -1)
		bench_die("sched_setaffinity: %s", strerror(errno));
}

/* A figure of this process in /proc/self/status, "VmHWM:". */
static inline double bench_status_mib(const char *key)
{
	FILE *f = fopen("/proc/self/status", "re");
	char line[256];
	double kib = -1;

	while (f && kib < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			kib = strtod(line + strlen(key), NULL);
	if (kib < 0)
		bench_die("/proc/self/status has no %s", key);
	fclose(f);
	return kib / 1024;
}

static inline void bench_round(const char *figure, double value)
{
	printf("round %s %.6g\n", figure, value);
	fflush(stdout);
}

static inline void bench_also(const char *figure, double value, const char *unit)
{
	printf("also %s %.6g %s\n", figure, value, unit);
	fflush(stdout);
}
