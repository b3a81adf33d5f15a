/* SPDX-License-Identifier: Apache-2.0 */
/* When the log misses something of a pod: losses, and gaps of its coverage. */
#include "controller/store/join_own.h"

#include <stdlib.h>

#define SECOND_US 1000000LL

int nt_losses_init(struct nt_join_losses *l)
{
	l->pods = calloc(NT_JOIN_LOST_PODS, sizeof(*l->pods));
	l->buckets = calloc(NT_JOIN_LOST_PODS, sizeof(*l->buckets));
	return l->pods && l->buckets ? 0 : -ENOMEM;
}

void nt_losses_done(struct nt_join_losses *l)
{
	free(l->pods);
	free(l->buckets);
}

void nt_losses_clear(struct nt_join_losses *l)
{
	memset(l->buckets, 0, NT_JOIN_LOST_PODS * sizeof(*l->buckets));
	l->pods_len = 0;
	l->lost_us = 0;
}

/* --- pods ------------------------------------------------------------------------------------- */

static uint32_t *bucket(const struct nt_join_losses *l, uint64_t pod)
{
	return &l->buckets[pod % NT_JOIN_LOST_PODS];
}

static struct nt_join_lost_pod *find_pod(const struct nt_join_losses *l, uint64_t pod)
{
	for (uint32_t at = *bucket(l, pod); at; at = l->pods[at - 1].next)
		if (l->pods[at - 1].pod == pod)
			return &l->pods[at - 1];
	return NULL;
}

static int64_t end_of(const struct nt_join_lost_pod *p)
{
	int64_t end_us = INT64_MIN;

	for (uint32_t i = 0; i < p->spans_len; i++)
		if (p->spans[i].to_us > end_us)
			end_us = p->spans[i].to_us;
	return end_us;
}

/* What ended the longest ago goes; a gap that lasts only when all are such. */
static struct nt_join_lost_pod *evict(struct nt_join_losses *l, int64_t now_us)
{
	struct nt_join_lost_pod *oldest = &l->pods[0];
	int64_t end_us = end_of(oldest);
	uint32_t *at;

	for (size_t i = 1; i < l->pods_len; i++)
		if (end_of(&l->pods[i]) < end_us) {
			oldest = &l->pods[i];
			end_us = end_of(oldest);
		}
	for (at = bucket(l, oldest->pod); &l->pods[*at - 1] != oldest;)
		at = &l->pods[*at - 1].next;
	*at = oldest->next;
	/* Nothing of what comes is forgotten, however far ahead that node's clock is. */
	if (end_us > now_us)
		end_us = now_us;
	if (end_us > l->lost_us)
		l->lost_us = end_us;
	l->forgotten++;
	return oldest;
}

static struct nt_join_lost_pod *get_pod(struct nt_join_losses *l, uint64_t pod, int64_t now_us)
{
	struct nt_join_lost_pod *p = find_pod(l, pod);

	if (p)
		return p;
	p = l->pods_len < NT_JOIN_LOST_PODS ? &l->pods[l->pods_len++] : evict(l, now_us);
	p->pod = pod;
	p->spans_len = 0;
	p->next = *bucket(l, pod);
	*bucket(l, pod) = (uint32_t)(p - l->pods) + 1;
	return p;
}

/* --- spans ------------------------------------------------------------------------------------ */

static void widen(struct nt_join_span *span, const struct nt_join_span *by)
{
	if (by->from_us < span->from_us)
		span->from_us = by->from_us;
	if (by->to_us > span->to_us)
		span->to_us = by->to_us;
	span->gap &= by->gap;
}

static bool is_near(const struct nt_join_span *a, const struct nt_join_span *b)
{
	return a->gap == b->gap && a->from_us <= b->to_us + 2 * SECOND_US &&
	       b->from_us <= a->to_us + 2 * SECOND_US;
}

/* The span that a new one is more of; NULL: it is one for itself. */
static struct nt_join_span *find_span(struct nt_join_lost_pod *p, const struct nt_join_span *span)
{
	for (uint32_t i = 0; i < p->spans_len; i++) {
		struct nt_join_span *s = &p->spans[i];

		/* A gap that lasts comes again with its end, not as more of another. */
		if (s->gap && span->gap ? s->from_us == span->from_us : is_near(s, span))
			return s;
	}
	return NULL;
}

/* The two that ended first become one, so that those that last stay what they are. */
static void shrink(struct nt_join_lost_pod *p)
{
	uint32_t first = 0, second = 1;

	if (p->spans[second].to_us < p->spans[first].to_us) {
		first = 1;
		second = 0;
	}
	for (uint32_t i = 2; i < p->spans_len; i++) {
		if (p->spans[i].to_us < p->spans[first].to_us) {
			second = first;
			first = i;
		} else if (p->spans[i].to_us < p->spans[second].to_us) {
			second = i;
		}
	}
	widen(&p->spans[second], &p->spans[first]);
	p->spans[first] = p->spans[--p->spans_len];
}

void nt_losses_add(struct nt_join_losses *l, uint64_t pod, const struct nt_join_span *span,
		   int64_t now_us)
{
	struct nt_join_lost_pod *p = get_pod(l, pod, now_us);
	struct nt_join_span *more = find_span(p, span);

	if (more && span->gap) {
		*more = *span;
	} else if (more) {
		widen(more, span);
	} else {
		if (p->spans_len == NT_JOIN_SPANS)
			shrink(p);
		p->spans[p->spans_len++] = *span;
	}
}

const char *nt_losses_missing(const struct nt_join_losses *l, uint64_t pod, int64_t from_us,
			      int64_t to_us)
{
	const struct nt_join_lost_pod *p = find_pod(l, pod);

	/* The times of losses are those of flushes. */
	from_us -= SECOND_US;
	to_us += SECOND_US;
	for (uint32_t i = 0; p && i < p->spans_len; i++) {
		const struct nt_join_span *s = &p->spans[i];

		if (s->from_us <= to_us && s->to_us >= from_us)
			return s->gap ? NT_JOIN_GAP : NT_JOIN_LOST;
	}
	return l->lost_us >= from_us ? NT_JOIN_LOST : NULL;
}
