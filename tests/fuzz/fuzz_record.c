/* SPDX-License-Identifier: Apache-2.0 */
/* Any octets as a record: what is accepted has JSON, columns and one wire form. */
#include <jansson.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/record/codec.h"
#include "lib/record/columns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* Numbers above 2^63 are no integers to jansson; all else it must read. */
static void check_json(const struct nt_record *r)
{
	_cleanup_buf_ struct nt_buf json = { 0 };
	json_error_t error;
	json_t *root;

	nt_record_json(r, &json);
	must(nt_buf_ok(&json));
	root = json_loadb(json.p, json.len, 0, &error);
	must(root || json_error_code(&error) == json_error_numeric_overflow);
	json_decref(root);
}

static void check_columns(const struct nt_record *r)
{
	_cleanup_buf_ struct nt_buf scratch = { 0 };
	struct nt_column_value v;

	for (size_t i = 0; i < nt_columns_len(); i++)
		must(nt_column_value(r, i, &scratch, &v) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(8 << 20);
	_cleanup_buf_ struct nt_buf wire = { 0 }, again = { 0 };
	struct nt_record r, back;
	struct nt_err err = { 0 };

	if (nt_record_from_wire(nt_slice_mem(data, size), &arena, &r, &err) < 0)
		return 0;
	check_json(&r);
	check_columns(&r);
	nt_record_wire(&r, &wire);
	must(nt_record_from_wire(nt_slice_mem(wire.p, wire.len), &arena, &back, &err) == 0 ||
	     err.code == ENOMEM);
	if (err.code == ENOMEM)
		return 0;
	nt_record_wire(&back, &again);
	must(nt_slice_eq(nt_slice_mem(wire.p, wire.len), nt_slice_mem(again.p, again.len)));
	return 0;
}
