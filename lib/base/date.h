/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seconds since 1970 to a date in UTC: what gmtime_r does, for any number of seconds, without locks
 * and fast enough for every record. Pure.
 */
#pragma once

#include <stdint.h>

struct nt_date {
	int64_t year; /* proleptic Gregorian */
	unsigned month, day; /* from 1 */
	unsigned hour, minute, second;
};

struct nt_date nt_date_of(int64_t second);
