/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The installer backwards: our entries out of the node's network configurations, the stub in the
 * plugin's place, at last that file, too. Each function does what is left to do and nothing else,
 * so that an uninstall that was interrupted goes on with the next one; what was installed is known
 * from the record (record.h), which goes last. May block on disk.
 */
#pragma once

#include <sys/types.h>

#include "dataplane/installer/record.h"

/* One line per file: "change", "remove", "replace", and its path on the host. */
typedef void nt_takeout_say_fn(void *ctx, const char *what, const char *path);

struct nt_takeout {
	const struct nt_install_record *record;
	const char *host_root; /* before all paths of the record; "": none */
	const char *cache_dir; /* libcni's, as we see it; NULL: nobody needs the stub */
	bool dry_run; /* says, but changes nothing */
	nt_takeout_say_fn *say;
	void *ctx;
};

/* All of ours out of net.d: by the record, and by a look at every file there, since others rename
 * them. What remains of a file is octet by octet what it was before us, with its mode and owner.
 * Waits 5 s for whoever writes a configuration in place. Returns how many files were changed; after
 * an error it goes on with the others, and gives the first one; -EAGAIN: one is still written. */
int nt_takeout_entries(const struct nt_takeout *t, struct nt_err *err) NT_MUSTCHECK;

/* The stub in place of each plugin of the record that is there (none is made where none is), then
 * waits until nobody runs the plugin any more, 10 s at most. Returns how many there are. */
int nt_takeout_stub(const struct nt_takeout *t, struct nt_err *err) NT_MUSTCHECK;

/* The plugin's file, when no attachment needs it. Returns how many attachments do: then the stub
 * stays and takes itself away behind the last one. -ENOENT: there is a host_root and no cache_dir;
 * -EBUSY: a configuration names us where we cannot be taken out; -EAGAIN: one is being written and
 * may name us, look at all of them again. Then the stub stays, too. */
int nt_takeout_binary(const struct nt_takeout *t, struct nt_err *err) NT_MUSTCHECK;

/* The stub stays behind the last attachment, too, until the next uninstall: something may name it.
 * What fails here changes nothing. */
void nt_takeout_keep(const struct nt_takeout *t);
