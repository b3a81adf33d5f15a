/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets as a batch. Magic and CRC are put right first: chance finds neither. */
#include <stdlib.h>
#include <zlib.h>

#include "lib/base/cleanup.h"
#include "lib/record/batch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

static void seal(struct nt_buf *b)
{
	uint32_t crc = (uint32_t)crc32(0, (const Bytef *)b->p, (uInt)b->len);

	for (unsigned i = 0; i < 4; i++)
		nt_buf_putc(b, (char)(crc >> 8 * i));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(16 << 20);
	_cleanup_buf_ struct nt_buf wire = { 0 }, again = { 0 };
	struct nt_err err = { 0 };
	struct nt_batch b;

	(void)!nt_batch_decode(nt_slice_mem(data, size), &arena, &b, &err);
	nt_buf_add(&wire, "NTB1\x02", 5);
	nt_buf_add(&wire, data, size);
	seal(&wire);
	err.code = 0;
	if (nt_batch_decode(nt_slice_mem(wire.p, wire.len), &arena, &b, &err) < 0) {
		must(err.code && err.msg[0]);
		return 0;
	}
	must(nt_batch_encode(&b, &again, &err) == 0);
	return 0;
}
