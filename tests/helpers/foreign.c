/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another CNI's programs on a link, in both directions, until its standard input ends; then prints
 * how many packets they saw: {"from_pod":N,"to_pod":N}.
 *
 *   foreign LINK tcx-before|tcx-after|PRIORITY next|ok
 *
 * Prints "ready" when they are attached, "none" when the kernel has no tcx.
 */
#include <errno.h>
#include <net/if.h>
#include <stdbool.h>

#include "tests/bpf/foreign.h"

int main(int argc, char **argv)
{
	struct foreign f[NT_DIR_MAX];
	__u32 ifindex = argc == 4 ? if_nametoindex(argv[1]) : 0;
	bool attached = true;

	if (!ifindex) {
		fprintf(stderr, "foreign: LINK tcx-before|tcx-after|PRIORITY next|ok\n");
		return 2;
	}
	libbpf_set_print(NULL);
	for (int dir = 0; dir < NT_DIR_MAX; dir++) {
		f[dir] = foreign_new(strcmp(argv[3], "ok") ? FOREIGN_NEXT : FOREIGN_OK, 0, 0);
		if (strncmp(argv[2], "tcx", 3) == 0)
			attached &= foreign_tcx(&f[dir], ifindex, dir,
						strcmp(argv[2], "tcx-before") == 0);
		else
			foreign_filter(&f[dir], ifindex, dir, (unsigned)strtoul(argv[2], NULL, 10));
	}
	puts(attached ? "ready" : "none");
	fflush(stdout);
	while (getchar() != EOF)
		;
	printf("{\"from_pod\":%llu,\"to_pod\":%llu}\n",
	       (unsigned long long)foreign_seen(&f[NT_DIR_FROM_POD]),
	       (unsigned long long)foreign_seen(&f[NT_DIR_TO_POD]));
	return 0;
}
