/* SPDX-License-Identifier: Apache-2.0 */
/* nametapctl: finds the verb. */
#include <stdio.h>
#include <string.h>

#include "api/cli/decode.h"
#include "api/cli/verbs.h"
#include "lib/base/cleanup.h"

#define VERSION "0.1.0"

static const struct verb {
	const char *name, *arguments, *what;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{ "logs", "[-f] [FILTER]", "print rows of the DNS log, and those that come", nt_logs_main },
	{ "top", "[WHAT] [FILTER]",
	  "print the most frequent names, pods, servers, domains, ... with their figures",
	  nt_top_main },
	{ "coverage", "", "print per node which pods are tapped, which are not and why, and loss",
	  nt_coverage_main },
	{ "alert", "VERB",
	  "events, and who has seen them; of what nobody is to be told; when rules would have "
	  "fired",
	  nt_alert_main },
	{ "policy", "VERB",
	  "what DNS policies would newly deny; one from what a workload asked for",
	  nt_policy_main },
	{ "feed", "list", "print the domain feeds, how old they are, and what is wrong with them",
	  nt_feed_main },
	{ "doctor", "", "look at nametap in the cluster, and say what to do", nt_doctor_main },
	{ "decode", "[--format json|text] FILE.pcap",
	  "print the DNS transactions in a capture file (- is standard input)", nt_decode_main },
};

static void usage(FILE *to)
{
	fputs("usage: nametapctl VERB [ARGUMENTS]\n"
	      "       nametapctl VERB --help\n"
	      "       nametapctl --help | --version\n\n",
	      to);
	for (size_t i = 0; i < NT_ARRAY_LEN(verbs); i++)
		fprintf(to, "  %s %s\n      %s\n", verbs[i].name, verbs[i].arguments,
			verbs[i].what);
}

int main(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return 0;
	}
	if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
		puts("nametapctl " VERSION);
		return 0;
	}
	for (size_t i = 0; argc >= 2 && i < NT_ARRAY_LEN(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	if (argc >= 2)
		fprintf(stderr, "nametapctl: no such verb: %s\n", argv[1]);
	usage(stderr);
	return 2;
}
