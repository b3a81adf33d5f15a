/* SPDX-License-Identifier: Apache-2.0 */
/* The time base's runs in a file of slots. */
#include "dataplane/agent/clocklog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"

/* 172 KiB with all slots in use. */
struct slot {
	uint64_t number; /* of the run */
	uint8_t boot_id[16];
	struct nt_timebase_sample run;
	uint32_t crc; /* CRC-32 of all before */
	uint32_t reserved;
};
_Static_assert(sizeof(struct slot) == 56, "slots are at multiples of their size");
#define CRC_LEN offsetof(struct slot, crc)

static uint32_t crc_of(const struct slot *s)
{
	return (uint32_t)crc32(0, (const Bytef *)s, CRC_LEN);
}

static void complain(struct nt_clocklog *c, const char *what)
{
	if (!c->failed)
		nt_log_warn("clock log: %s: %s; times of late events may be less exact", what,
			    strerror(errno));
	c->failed = true;
}

static int by_number(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	return (x->number > y->number) - (x->number < y->number);
}

/* Whole slots of this boot, in order. */
static size_t read_slots(struct nt_clocklog *c, struct slot *slots)
{
	ssize_t len = pread(c->fd, slots, NT_TIMEBASE_SAMPLES * sizeof(*slots), 0);
	size_t kept = 0;

	if (len < 0)
		complain(c, "read");
	for (size_t i = 0; len > 0 && i < (size_t)len / sizeof(*slots); i++)
		if (slots[i].crc == crc_of(&slots[i]) &&
		    memcmp(slots[i].boot_id, c->boot_id, sizeof(c->boot_id)) == 0)
			slots[kept++] = slots[i];
	qsort(slots, kept, sizeof(*slots), by_number);
	return kept;
}

void nt_clocklog_open(struct nt_clocklog *c, const char *folder, const uint8_t boot_id[16],
		      struct nt_timebase *t)
{
	_cleanup_free_ struct slot *slots = calloc(NT_TIMEBASE_SAMPLES, sizeof(*slots));
	_cleanup_buf_ struct nt_buf path = { 0 };
	size_t len;

	*c = (struct nt_clocklog){ .fd = -1 };
	memcpy(c->boot_id, boot_id, sizeof(c->boot_id));
	nt_buf_printf(&path, "%s/clock", folder);
	if (!slots || !nt_buf_ok(&path))
		return;
	c->fd = open(path.p, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (c->fd == -1) {
		complain(c, path.p);
		return;
	}
	len = read_slots(c, slots);
	for (size_t i = 0; i < len; i++)
		(void)nt_timebase_add(t, slots[i].run);
	c->next = len ? slots[len - 1].number + 1 : 0;
	t->stepped = false; /* what happened then is no news of this interval */
}

void nt_clocklog_write(struct nt_clocklog *c, const struct nt_timebase *t, bool fresh)
{
	struct slot s = { .run = nt_timebase_last(t) };
	off_t at;

	if (c->fd == -1)
		return;
	c->next += fresh || !c->next;
	s.number = c->next - 1;
	memcpy(s.boot_id, c->boot_id, sizeof(s.boot_id));
	s.crc = crc_of(&s);
	at = (off_t)(s.number % NT_TIMEBASE_SAMPLES * sizeof(s));
	if (pwrite(c->fd, &s, sizeof(s), at) != (ssize_t)sizeof(s))
		complain(c, "write");
}

void nt_clocklog_close(struct nt_clocklog *c)
{
	nt_closep(&c->fd);
}
