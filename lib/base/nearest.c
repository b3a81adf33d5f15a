/* SPDX-License-Identifier: Apache-2.0 */
/* The nearest known word, by optimal string alignment distance. */
#include "lib/base/nearest.h"

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edits from a to b (insert, delete, replace, swap two neighbours), case ignored. */
static size_t distance(struct nt_slice a, struct nt_slice b)
{
	size_t rows[3][NT_NEAREST_WORD_MAX + 1];
	size_t *before = rows[0], *last = rows[1], *now = rows[2];

	if (a.len > NT_NEAREST_WORD_MAX || b.len > NT_NEAREST_WORD_MAX)
		return NT_NEAREST_WORD_MAX;
	for (size_t j = 0; j <= b.len; j++)
		last[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t *spare = before;

		now[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			bool same = lower(a.p[i - 1]) == lower(b.p[j - 1]);

			now[j] = min3(last[j] + 1, now[j - 1] + 1, last[j - 1] + !same);
			if (i > 1 && j > 1 && lower(a.p[i - 1]) == lower(b.p[j - 2]) &&
			    lower(a.p[i - 2]) == lower(b.p[j - 1]) && before[j - 2] + 1 < now[j])
				now[j] = before[j - 2] + 1;
		}
		before = last;
		last = now;
		now = spare;
	}
	return last[b.len];
}

void nt_nearest_consider(struct nt_nearest *n, const char *candidate)
{
	struct nt_slice s = nt_slice_str(candidate);
	size_t edits = distance(n->wrong, s);

	if (edits < n->edits && edits <= 1 + s.len / 4) {
		n->best = candidate;
		n->edits = edits;
	}
}

const char *nt_nearest_in(struct nt_slice wrong, const char *const *candidates)
{
	struct nt_nearest n = nt_nearest_of(wrong);

	for (; *candidates; candidates++)
		nt_nearest_consider(&n, *candidates);
	return n.best;
}
