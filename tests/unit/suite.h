/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one Check suite as a program; Check prints the line that tests/house/run-tests counts. */
#pragma once

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

/* Takes the suite. The exit status for main. */
static inline int nt_suite_run(Suite *suite)
{
	SRunner *runner = srunner_create(suite);
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* What cannot be tested on this machine, and why: a line of TAP beside Check's. Flushed, since each
 * test is a fork. */
static inline void nt_suite_skip(const char *what, const char *why)
{
	printf("ok - %s # SKIP %s\n", what, why);
	fflush(stdout);
}
