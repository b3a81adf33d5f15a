/* SPDX-License-Identifier: Apache-2.0 */
/* A verb with verbs of its own behind it: finds the one that is meant. */
#pragma once

#include <stddef.h>

struct nt_group_verb {
	const char *name, *arguments, *what;
	int (*run)(int argc, char **argv); /* argv[0] is its name */
};

/* argv[0] is the group. Where no verb is named the usage is printed. The exit code. */
int nt_group_main(const char *group, const struct nt_group_verb *verbs, size_t len, int argc,
		  char **argv);
