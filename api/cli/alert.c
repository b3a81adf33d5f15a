/* SPDX-License-Identifier: Apache-2.0 */
/* `nametapctl alert`: finds the verb behind it. */
#include <stdio.h>
#include <string.h>

#include "api/cli/verbs.h"
#include "lib/base/cleanup.h"

static const struct {
	const char *name, *arguments, *what;
	int (*run)(int argc, char **argv);
} verbs[] = {
	{ "rules", "", "print the rules, refused ones too, and how their self tests went",
	  nt_rules_main },
	{ "events", "", "print the events of alerts that are open, or were", nt_events_main },
	{ "ack", "EVENT", "acknowledge an event: somebody has seen it", nt_ack_main },
	{ "unack", "EVENT", "take that back", nt_unack_main },
	{ "suppress", "RULE [FIELD=VALUE...]", "tell nobody of events of a rule, until a time",
	  nt_suppress_main },
	{ "suppressions", "", "print the suppressions that hold", nt_suppressions_main },
	{ "unsuppress", "SUPPRESSION", "end a suppression now", nt_unsuppress_main },
	{ "receivers", "", "print who is told of events, and how that goes", nt_receivers_main },
	{ "test-receiver", "RECEIVER", "send a receiver a notice of no event",
	  nt_test_receiver_main },
	{ "backtest", "FILE", "print when the rules of a file would have fired", nt_backtest_main },
};

static void usage(FILE *to)
{
	fputs("usage: nametapctl alert VERB [ARGUMENTS] [options]\n"
	      "       nametapctl alert VERB --help\n\n",
	      to);
	for (size_t i = 0; i < NT_ARRAY_LEN(verbs); i++)
		fprintf(to, "  nametapctl alert %s%s%s\n      %s\n", verbs[i].name,
			verbs[i].arguments[0] ? " " : "", verbs[i].arguments, verbs[i].what);
	fputs("\nExit code: 0; 1 when it could not be done; 2 for mistakes.\n", to);
}

int nt_alert_main(int argc, char **argv)
{
	bool help = argc >= 2 && strcmp(argv[1], "--help") == 0;

	for (size_t i = 0; argc >= 2 && i < NT_ARRAY_LEN(verbs); i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	usage(help ? stdout : stderr);
	return help ? NT_EXIT_OK : NT_EXIT_USAGE;
}
