/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers from text, whole and in range or not at all: the wrappers that stand in for strtol and
 * atoi, which lint bans.
 */
#pragma once

#include "lib/base/err.h"
#include "lib/base/slice.h"

/* Decimal digits only, no sign, no space; -EINVAL when it is no number, -ERANGE above max. */
int nt_parse_u64(struct nt_slice s, uint64_t max, uint64_t *ret_value) NT_MUSTCHECK;
/* As nt_parse_u64 with an optional leading minus. */
int nt_parse_i64(struct nt_slice s, int64_t *ret_value) NT_MUSTCHECK;
/* Decimal floating point ("1", "0.5", "-2e3"); no inf, nan, hex. */
int nt_parse_double(struct nt_slice s, double *ret_value) NT_MUSTCHECK;
/* "250ms", "5s", "10m", "1.5h", "1d", "0"; result in ns. */
int nt_parse_duration_ns(struct nt_slice s, int64_t *ret_ns) NT_MUSTCHECK;
/* RFC 3339 ("2026-11-23T06:12:04.118Z", offsets allowed); result in us since 1970. */
int nt_parse_time_us(struct nt_slice s, int64_t *ret_us) NT_MUSTCHECK;
