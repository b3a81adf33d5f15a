/* SPDX-License-Identifier: Apache-2.0 */
/* Memory straight from the kernel. */
#include "lib/feed/area.h"

#include <sys/mman.h>
#include <unistd.h>

enum { RELEASE_STEP = 64 << 10 }; /* a system call each */

static size_t up_to_page(size_t len)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	return (len + page - 1) / page * page;
}

int nt_feed_area_map(struct nt_feed_area *a, size_t len, struct nt_err *err)
{
	void *p;

	len = up_to_page(len ? len : 1);
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		 0);
	if (p == MAP_FAILED)
		return nt_err_sys(err, errno, "no memory for %zu octets of a domain feed", len);
	*a = (struct nt_feed_area){ .p = p, .len = len };
	return 0;
}

void nt_feed_area_trim(struct nt_feed_area *a, size_t used)
{
	size_t keep = up_to_page(used ? used : 1);

	if (keep >= a->len || munmap(a->p + keep, a->len - keep) == -1)
		return;
	a->len = keep;
}

void nt_feed_area_release(struct nt_feed_area *a, size_t read)
{
	size_t end = read / RELEASE_STEP * RELEASE_STEP;

	if (end <= a->released)
		return;
	(void)madvise(a->p + a->released, end - a->released, MADV_DONTNEED);
	a->released = end;
}

void nt_feed_area_unmap(struct nt_feed_area *a)
{
	if (a->p)
		(void)munmap(a->p, a->len);
	*a = (struct nt_feed_area){ 0 };
}
