/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The installer in an event loop, for ever: a round at the start, one 50 ms after inotify told of a
 * change in a CNI folder (or in the nearest folder above one that is not there yet), and one a
 * second, since links, mounts and a full inotify table tell nothing. What inotify says only makes a
 * round come sooner; what is to do is found by looking.
 */
#pragma once

#include "dataplane/installer/installer.h"
#include "lib/base/loop.h"

struct nt_watcher;

/* config as for nt_installer_new(); loop borrowed. The first round is done before it returns. */
int nt_watcher_start(const struct nt_installer_config *config, struct nt_loop *loop,
		     struct nt_watcher **ret_watcher, struct nt_err *err) NT_MUSTCHECK;
/* What is installed stays. */
void nt_watcher_stop(struct nt_watcher *w);
struct nt_installer_stats nt_watcher_stats(const struct nt_watcher *w);
