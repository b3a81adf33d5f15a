/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One file of the spool: its name, and what is in it, a batch and the agent's state beside it under
 * a checksum. Written whole, synced and renamed. spool.h has the folder. Blocks on disk.
 */
#pragma once

#include "lib/base/buf.h"

enum nt_spoolfile_kind {
	NT_SPOOLFILE_WAITING = 0,
	NT_SPOOLFILE_DONE = 1,
	NT_SPOOLFILE_REJECTED = 2,
	NT_SPOOLFILE_TORN = 3,
	NT_SPOOLFILE_KINDS = 4,
};

struct nt_spoolfile_name {
	char text[40];
};

/* "00000000000000000001.batch". */
struct nt_spoolfile_name nt_spoolfile_name(uint64_t seq, enum nt_spoolfile_kind kind);
/* False for what is no such name. */
bool nt_spoolfile_parse(const char *text, uint64_t *ret_seq, enum nt_spoolfile_kind *ret_kind);
/* Octets of a file with these. */
uint64_t nt_spoolfile_bytes(struct nt_slice batch, struct nt_slice state);

int nt_spoolfile_write(int dir_fd, uint64_t seq, struct nt_slice batch, struct nt_slice state,
		       struct nt_err *err) NT_MUSTCHECK;
/* Reads and checks one file into out, to which the slices point. -EBADMSG: it is damaged. */
int nt_spoolfile_read(int dir_fd, uint64_t seq, enum nt_spoolfile_kind kind, struct nt_buf *out,
		      struct nt_slice *ret_batch, struct nt_slice *ret_state,
		      struct nt_err *err) NT_MUSTCHECK;
