/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verbs of the CNI specification. Each takes the environment and the text of stdin, appends
 * what belongs on stdout, and returns the process's exit code. Logs to stderr: a verb is the
 * outermost caller.
 */
#pragma once

#include "cni/args.h"
#include "lib/base/buf.h"

/* stdin: borrowed. Returns 0, or 1 with the CNI error object in out. */
int nt_cni_run(const struct nt_cni_env *env, struct nt_slice input, struct nt_buf *out);
