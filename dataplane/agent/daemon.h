/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The agent with its outside: the ring is drained every 5 ms (50 ms when nothing came for a while),
 * an interval is flushed on its timer, batches are shipped, signals end it. SIGTERM and SIGINT:
 * drain, flush, ship for at most two seconds, return; what could not be shipped stays in the spool.
 * After SIGTERM all this comes when it is known whether nametap is taken off this node (leave.h);
 * till then it goes on. A second signal does not wait.
 */
#pragma once

#include "dataplane/agent/options.h"
#include "dataplane/taps/taps.h"

/* Runs until a signal; 0, or -errno when it could not start or its spool failed at the end.
 * ret_uninstall, also then: the caller is to take nametap off, once taps is closed. */
int nt_daemon_run(const struct nt_options *options, struct nt_taps *taps, bool *ret_uninstall,
		  struct nt_err *err) NT_MUSTCHECK;
