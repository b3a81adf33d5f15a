/* SPDX-License-Identifier: Apache-2.0 */
/* Days to dates by eras of 400 years. */
#include "lib/base/date.h"

enum { DAY_S = 86400 };

/* Days since 1970. The year begins in March, so that the leap day is its last. */
static void set_day(int64_t days, struct nt_date *d)
{
	int64_t z = days + 719468;
	int64_t era = (z >= 0 ? z : z - 146096) / 146097;
	unsigned day_of_era = (unsigned)(z - era * 146097);
	unsigned year_of_era =
		(day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day_of_year =
		day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned month = (5 * day_of_year + 2) / 153; /* from March */

	d->day = day_of_year - (153 * month + 2) / 5 + 1;
	d->month = month < 10 ? month + 3 : month - 9;
	d->year = (int64_t)year_of_era + era * 400 + (d->month <= 2);
}

struct nt_date nt_date_of(int64_t second)
{
	int64_t days = second / DAY_S - (second % DAY_S < 0);
	unsigned in_day = (unsigned)(second - days * DAY_S);
	struct nt_date d = {
		.hour = in_day / 3600,
		.minute = in_day / 60 % 60,
		.second = in_day % 60,
	};

	set_day(days, &d);
	return d;
}
