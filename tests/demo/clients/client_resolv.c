/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks names up as programs do: getaddrinfo and getnameinfo of the C library that it is built with
 * (glibc, and static musl), with the resolv.conf of its namespace. No library of ours, so that it
 * builds with either.
 *
 *	client_resolv [--seconds S] [--interval MS] [NAME | NAME/A | NAME/AAAA | ADDRESS/PTR]...
 *
 * Names come from standard input, one per line, when none is given. One round, or rounds for S
 * seconds with MS between lookups; SIGTERM and SIGINT end it after the lookup that runs. One JSON
 * line per lookup, at the end {"lookups":N,"ok":N,"failed":N}. A lookup that fails is a result, not
 * an error: exit 0. What went over the wire is the resolver's business; count it at the veth.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { QUESTIONS_MAX = 1024 };

struct totals {
	unsigned long lookups, ok, failed;
};

static volatile sig_atomic_t stopped;

static void stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

static long long now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000LL + t.tv_nsec / 1000;
}

static void sleep_us(long long us)
{
	struct timespec t = { us / 1000000, us % 1000000 * 1000 };

	while (us > 0 && !stopped && nanosleep(&t, &t) == -1 && errno == EINTR)
		;
}

static void print_string(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			printf("\\%c", c);
		else if (c < 0x20 || c >= 0x7f)
			printf("\\u%04x", c);
		else
			putchar(c);
	}
	putchar('"');
}

/* Prints the addresses as a JSON list; returns getaddrinfo's code. */
static int look_up_name(const char *name, int family)
{
	struct addrinfo hints = { .ai_family = family, .ai_socktype = SOCK_STREAM }, *found = NULL;
	int r = getaddrinfo(name, NULL, &hints, &found);

	printf(",\"answer\":[");
	for (const struct addrinfo *a = found; a; a = a->ai_next) {
		char text[NI_MAXHOST] = "";

		(void)getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0,
				  NI_NUMERICHOST);
		print_string(text);
		if (a->ai_next)
			putchar(',');
	}
	putchar(']');
	if (found)
		freeaddrinfo(found);
	return r;
}

static int look_up_address(const char *address)
{
	struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	struct addrinfo *numeric = NULL;
	char name[NI_MAXHOST] = "";
	int r = getaddrinfo(address, NULL, &hints, &numeric);

	if (r == 0) {
		r = getnameinfo(numeric->ai_addr, numeric->ai_addrlen, name, sizeof(name), NULL, 0,
				NI_NAMEREQD);
		freeaddrinfo(numeric);
	}
	printf(",\"answer\":[");
	if (r == 0)
		print_string(name);
	putchar(']');
	return r;
}

static void look_up(const char *question, struct totals *totals)
{
	const char *slash = strrchr(question, '/'), *type = slash ? slash + 1 : "";
	char name[NI_MAXHOST];
	long long start = now_us();
	int r;

	snprintf(name, sizeof(name), "%.*s",
		 slash ? (int)(slash - question) : (int)strlen(question), question);
	printf("{\"name\":");
	print_string(name);
	printf(",\"type\":");
	print_string(slash ? type : "any");
	if (strcmp(type, "PTR") == 0)
		r = look_up_address(name);
	else
		r = look_up_name(name, strcmp(type, "A") == 0	   ? AF_INET
				       : strcmp(type, "AAAA") == 0 ? AF_INET6
								   : AF_UNSPEC);
	printf(",\"error\":");
	print_string(r ? gai_strerror(r) : "");
	printf(",\"us\":%lld}\n", now_us() - start);
	fflush(stdout);
	totals->lookups++;
	totals->ok += r == 0;
	totals->failed += r != 0;
}

static bool known_type(const char *question)
{
	const char *slash = strrchr(question, '/');

	return !slash || strcmp(slash, "/A") == 0 || strcmp(slash, "/AAAA") == 0 ||
	       strcmp(slash, "/PTR") == 0;
}

static int read_questions(char **questions)
{
	char line[1100];
	int n = 0;

	while (n < QUESTIONS_MAX && fgets(line, sizeof(line), stdin)) {
		line[strcspn(line, "\r\n")] = '\0';
		if (!line[0])
			continue;
		questions[n] = strdup(line);
		if (!questions[n])
			break;
		n++;
	}
	return n;
}

/* A number of the command line; exits when it is none. */
static long long number(const char *option, const char *text)
{
	char *end;
	long long v = text ? strtoll(text, &end, 10) : -1;

	if (v < 0 || v > 1000000000 || !*text || *end) {
		fprintf(stderr, "client_resolv: %s needs a number\n", option);
		exit(2);
	}
	return v;
}

int main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = stop };
	static char *from_stdin[QUESTIONS_MAX];
	long long seconds = 0, interval_ms = 0, until;
	struct totals totals = { 0 };
	char **questions = from_stdin;
	int i = 1, n;

	for (; i < argc && strncmp(argv[i], "--", 2) == 0; i += 2) {
		if (strcmp(argv[i], "--seconds") == 0)
			seconds = number(argv[i], argv[i + 1]);
		else if (strcmp(argv[i], "--interval") == 0)
			interval_ms = number(argv[i], argv[i + 1]);
		else
			return fprintf(stderr, "client_resolv: no option %s\n", argv[i]), 2;
	}
	n = argc - i;
	if (n > 0)
		questions = argv + i;
	else
		n = read_questions(from_stdin);
	for (i = 0; i < n; i++)
		if (!known_type(questions[i]))
			return fprintf(stderr, "client_resolv: %s: type is A, AAAA or PTR\n",
				       questions[i]),
			       2;
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	until = now_us() + seconds * 1000000;
	do {
		for (i = 0; i < n && !stopped; i++) {
			look_up(questions[i], &totals);
			sleep_us(interval_ms * 1000);
		}
	} while (n && !stopped && now_us() < until);
	printf("{\"lookups\":%lu,\"ok\":%lu,\"failed\":%lu}\n", totals.lookups, totals.ok,
	       totals.failed);
	return 0;
}
