/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nametap off this node, in the order that leaves no pod stuck at any moment: our entry out of the
 * network configurations; a pause, so that the runtime has them; the stub in the plugin's place;
 * programs off the links, pins, state; the plugin's file, unless an attachment needs the stub
 * still; the record. Killed anywhere, it goes on with the next call. Blocks for some seconds. No
 * agent starts meanwhile (nodelock.h).
 */
#pragma once

#include <stdbool.h>

#include "lib/base/err.h"

struct nt_uninstall {
	const char *record; /* what was installed; a file of ours */
	const char *host_root; /* before the paths in it; "" */
	const char *pin_root, *state_dir, *spool;
	const char
		*cni_cache; /* libcni's, as we see it; NULL: not looked at, nobody needs the stub */
	bool purge; /* the spool, too: batches that were not shipped are lost */
	bool dry_run; /* says what it would do */
	bool has_lock; /* the caller has nodelock.h's */
};

/* Lines for a person: what is done, or would be. */
typedef void nt_uninstall_say_fn(const char *line);

int nt_uninstall(const struct nt_uninstall *u, nt_uninstall_say_fn *say,
		 struct nt_err *err) NT_MUSTCHECK;

/* `nametap-agent uninstall [options]`: the exit status. */
int nt_uninstall_main(int argc, char **argv);
