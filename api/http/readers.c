/* SPDX-License-Identifier: Apache-2.0 */
/* A pool of the store's readers. */
#include "api/http/readers.h"

#include <time.h>

void nt_readers_init(struct nt_readers *p, struct nt_store *store, size_t max)
{
	pthread_condattr_t attr;

	*p = (struct nt_readers){ .store = store, .max = max };
	pthread_mutex_init(&p->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->freed, &attr);
	pthread_condattr_destroy(&attr);
}

void nt_readers_done(struct nt_readers *p)
{
	while (p->idle_len)
		nt_store_reader_close(p->idle[--p->idle_len]);
	pthread_cond_destroy(&p->freed);
	pthread_mutex_destroy(&p->lock);
}

static int wait_for_one(struct nt_readers *p, struct nt_err *err)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += NT_READERS_WAIT_S;
	while (!p->idle_len && p->opened == p->max)
		if (pthread_cond_timedwait(&p->freed, &p->lock, &until) == ETIMEDOUT)
			return nt_err_set(err, EBUSY, "too many queries at once");
	return 0;
}

int nt_readers_take(struct nt_readers *p, struct nt_store_reader **ret_reader, struct nt_err *err)
{
	int r;

	pthread_mutex_lock(&p->lock);
	r = wait_for_one(p, err);
	if (r == 0 && p->idle_len) {
		*ret_reader = p->idle[--p->idle_len];
	} else if (r == 0) {
		r = nt_store_reader_open(p->store, ret_reader, err);
		if (r == 0)
			p->opened++;
	}
	pthread_mutex_unlock(&p->lock);
	return r;
}

void nt_readers_give(struct nt_readers *p, struct nt_store_reader *r)
{
	if (!r)
		return;
	pthread_mutex_lock(&p->lock);
	p->idle[p->idle_len++] = r;
	pthread_cond_signal(&p->freed);
	pthread_mutex_unlock(&p->lock);
}
