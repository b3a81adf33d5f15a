/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often the installer may repair: at once as long as that is rare, twice a second against a
 * program that undoes it again and again, and once in 30 s when that goes on for minutes. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct nt_pace {
	int64_t debt_until_ns; /* each repair costs an interval; free again from then on */
	int64_t last_ns; /* what the last repair cost */
	int64_t fight_since_ns; /* 0: none */
	uint64_t fights; /* begun so far */
};

/* May a repair be made at now_ns (any clock that does not step)? 0: yes, and it is counted; else
 * how long to wait, in ns. *ret_news: a fight begins with this call. */
int64_t nt_pace_ask(struct nt_pace *p, int64_t now_ns, bool *ret_news);
/* The repair that was allowed last has not been made after all. */
void nt_pace_refund(struct nt_pace *p);
/* Is there one? */
bool nt_pace_fights(const struct nt_pace *p, int64_t now_ns);
