/* SPDX-License-Identifier: Apache-2.0 */
/* Verbs behind a verb. */
#include "api/cli/group.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "api/cli/options.h"

static void usage(const char *group, const struct nt_group_verb *verbs, size_t len, FILE *to)
{
	fprintf(to,
		"usage: nametapctl %s VERB [ARGUMENTS] [options]\n"
		"       nametapctl %s VERB --help\n\n",
		group, group);
	for (size_t i = 0; i < len; i++)
		fprintf(to, "  nametapctl %s %s%s%s\n      %s\n", group, verbs[i].name,
			verbs[i].arguments[0] ? " " : "", verbs[i].arguments, verbs[i].what);
	fputs("\nExit code: 0; 1 when it could not be done; 2 for mistakes.\n", to);
}

int nt_group_main(const char *group, const struct nt_group_verb *verbs, size_t len, int argc,
		  char **argv)
{
	bool help = argc >= 2 && strcmp(argv[1], "--help") == 0;

	for (size_t i = 0; argc >= 2 && i < len; i++)
		if (strcmp(argv[1], verbs[i].name) == 0)
			return verbs[i].run(argc - 1, argv + 1);
	usage(group, verbs, len, help ? stdout : stderr);
	return help ? NT_EXIT_OK : NT_EXIT_USAGE;
}
