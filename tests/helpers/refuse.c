/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a program as on a kernel, or file system, that lacks features (tests/bpf/refuse.h):
 *
 *   refuse FEATURE[,FEATURE]... PROGRAM
 */
#include "tests/bpf/refuse.h"

#include <stdlib.h>
#include <unistd.h>

static int usage(const char *why, const char *what)
{
	fprintf(stderr, "refuse: %s%s\nrefuse FEATURE[,FEATURE]... PROGRAM; features:", why, what);
	for (size_t i = 0; i < REFUSE_FEATURES; i++)
		fprintf(stderr, " %s", refuse_features[i].name);
	fprintf(stderr, "\n");
	return 2;
}

int main(int argc, char **argv)
{
	char *rest = argc > 2 ? argv[1] : NULL;

	if (!rest)
		return usage("not enough arguments", "");
	for (char *name; (name = strsep(&rest, ","));) {
		const struct refuse_feature *f = refuse_find(name);

		if (!f)
			return usage("no such feature: ", name);
		if (refuse_install(f) == -1) {
			fprintf(stderr, "refuse: %s: %s\n", name, strerror(errno));
			return 2;
		}
	}
	execvp(argv[2], argv + 2);
	fprintf(stderr, "refuse: %s: %s\n", argv[2], strerror(errno));
	return 127;
}
