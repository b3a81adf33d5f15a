/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches that are lost with their files, because somebody removed them or they are damaged: of
 * each one that waits a note is left in the spool, and what it held is owed and told again when it
 * is lost. Those that a former agent left are read for it a few at a time, beside the drains: the
 * spool may be hundreds of MiB, and the ring does not wait.
 */
#pragma once

#include "dataplane/agent/state.h"

/* Notes the batch that was just written. */
void nt_lost_note(struct nt_agent *a, const struct nt_state_holds *holds);
/* Reads some of a former agent's batches; true while more are left. */
bool nt_lost_read_some(struct nt_agent *a);
/* The pods owe what lost batches held, and what only these told is told with the next one. */
void nt_lost_tell(struct nt_agent *a);
