/* SPDX-License-Identifier: Apache-2.0 */
/* A batch and a state under one checksum. */
#include "dataplane/agent/spoolfile.h"

#include <libdeflate.h>
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/parse.h"
#include "lib/record/batch.h"

#define NAME_LEN 20
/* A file holds one batch and a state; the state of 65,536 waiting queries is 30 MiB. */
#define FILE_BYTES_MAX ((size_t)NT_BATCH_BYTES_MAX * 2)

static const char magic[8] = { 'N', 'T', 'S', 'P', 'O', 'O', 'L', '1' };
static const char *const suffixes[NT_SPOOLFILE_KINDS] = { ".batch", ".done", ".rejected", ".torn" };

struct file_head {
	char magic[8];
	uint32_t crc; /* CRC-32 of all that follows this field's 8 octets */
	uint32_t reserved;
	uint64_t seq;
	uint64_t batch_len;
	uint64_t state_len;
};
#define CRC_FROM offsetof(struct file_head, seq)

struct nt_spoolfile_name nt_spoolfile_name(uint64_t seq, enum nt_spoolfile_kind kind)
{
	struct nt_spoolfile_name n;

	snprintf(n.text, sizeof(n.text), "%0*llu%s", NAME_LEN, (unsigned long long)seq,
		 suffixes[kind]);
	return n;
}

bool nt_spoolfile_parse(const char *text, uint64_t *ret_seq, enum nt_spoolfile_kind *ret_kind)
{
	if (strlen(text) <= NAME_LEN ||
	    nt_parse_u64(nt_slice_mem(text, NAME_LEN), UINT64_MAX - 1, ret_seq) < 0)
		return false;
	for (int k = 0; k < NT_SPOOLFILE_KINDS; k++) {
		if (strcmp(text + NAME_LEN, suffixes[k]) == 0) {
			*ret_kind = (enum nt_spoolfile_kind)k;
			return *ret_seq != 0;
		}
	}
	return false;
}

uint64_t nt_spoolfile_bytes(struct nt_slice batch, struct nt_slice state)
{
	return sizeof(struct file_head) + batch.len + state.len;
}

static uint32_t crc_of(const struct file_head *h, struct nt_slice batch, struct nt_slice state)
{
	uint32_t crc = libdeflate_crc32(0, (const char *)h + CRC_FROM, sizeof(*h) - CRC_FROM);

	crc = libdeflate_crc32(crc, batch.p, batch.len);
	return libdeflate_crc32(crc, state.p, state.len);
}

int nt_spoolfile_write(int dir_fd, uint64_t seq, struct nt_slice batch, struct nt_slice state,
		       struct nt_err *err)
{
	struct file_head h = { .seq = seq, .batch_len = batch.len, .state_len = state.len };
	struct nt_slice parts[] = { nt_slice_mem(&h, sizeof(h)), batch, state };

	memcpy(h.magic, magic, sizeof(magic));
	h.crc = crc_of(&h, batch, state);
	return nt_file_replace_parts_at(dir_fd, nt_spoolfile_name(seq, NT_SPOOLFILE_WAITING).text,
					parts, NT_ARRAY_LEN(parts), 0600, err);
}

int nt_spoolfile_read(int dir_fd, uint64_t seq, enum nt_spoolfile_kind kind, struct nt_buf *out,
		      struct nt_slice *ret_batch, struct nt_slice *ret_state, struct nt_err *err)
{
	struct nt_spoolfile_name name = nt_spoolfile_name(seq, kind);
	struct file_head h;
	int r;

	nt_buf_reset(out);
	r = nt_file_read_at(dir_fd, name.text, FILE_BYTES_MAX, out, err);
	if (r < 0)
		return r;
	if (out->len < sizeof(h))
		return nt_err_set(err, EBADMSG, "%s: %zu octets", name.text, out->len);
	memcpy(&h, out->p, sizeof(h));
	if (memcmp(h.magic, magic, sizeof(magic)) != 0 || h.seq != seq || h.batch_len > out->len ||
	    h.state_len != out->len - sizeof(h) - h.batch_len)
		return nt_err_set(err, EBADMSG, "%s: not a whole spool file", name.text);
	*ret_batch = nt_slice_mem(out->p + sizeof(h), h.batch_len);
	*ret_state = nt_slice_mem(out->p + sizeof(h) + h.batch_len, h.state_len);
	if (crc_of(&h, *ret_batch, *ret_state) != h.crc)
		return nt_err_set(err, EBADMSG, "%s: checksum", name.text);
	return 0;
}
