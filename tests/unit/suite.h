/* SPDX-License-Identifier: Apache-2.0 */
/* Runs one Check suite as a program; Check prints the line that tests/house/run-tests counts. */
#pragma once

#include <check.h>
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
