/* SPDX-License-Identifier: Apache-2.0 */
/* Changes on their way to the store. */
#include "lib/objects/queue.h"

#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "lib/base/cleanup.h"

/* Room of a page stays, that of a burst goes. */
enum { CAP_KEPT = 1024 };

int nt_queue_init(struct nt_queue *q, struct nt_err *err)
{
	*q = (struct nt_queue){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	return q->fd == -1 ? nt_err_sys(err, errno, "eventfd") : 0;
}

static void drop_all(struct nt_queue *q)
{
	for (size_t i = 0; i < q->len; i++)
		nt_compact_unref(q->items[i].object);
	q->len = 0;
}

void nt_queue_done(struct nt_queue *q)
{
	drop_all(q);
	free(q->items);
	q->items = NULL;
	nt_closep(&q->fd);
}

void nt_queue_wake(struct nt_queue *q)
{
	uint64_t one = 1;

	(void)!write(q->fd, &one, sizeof(one));
}

int nt_queue_add(struct nt_queue *q, struct nt_queued change)
{
	if (q->len == q->cap) {
		size_t cap = q->cap ? q->cap * 2 : CAP_KEPT;
		struct nt_queued *p = reallocarray(q->items, cap, sizeof(*p));

		if (!p) {
			nt_compact_unref(change.object);
			return -ENOMEM;
		}
		q->items = p;
		q->cap = cap;
	}
	q->items[q->len++] = change;
	if (q->len == 1)
		nt_queue_wake(q);
	return 0;
}

static void apply(const struct nt_queued *c, struct nt_objects *o)
{
	const struct nt_object *object = c->object ? &c->object->object : NULL;

	switch (c->change) {
	case NT_CHANGE_PUT:
		if (!nt_objects_put(o, nt_compact_ref(c->object)))
			++*c->left_out;
		break;
	case NT_CHANGE_REMOVE:
		nt_objects_remove(o, object->kind, object->namespace_, object->name);
		break;
	case NT_CHANGE_BEGIN:
		nt_objects_read_begin(o, nt_slice_str(c->kind));
		break;
	case NT_CHANGE_END:
		nt_objects_read_end(o, nt_slice_str(c->kind));
		break;
	}
}

void nt_queue_apply(struct nt_queue *q, struct nt_objects *o)
{
	uint64_t count;

	(void)!read(q->fd, &count, sizeof(count));
	for (size_t i = 0; i < q->len; i++)
		apply(&q->items[i], o);
	drop_all(q);
	if (q->cap <= CAP_KEPT)
		return;
	free(q->items);
	q->items = NULL;
	q->cap = 0;
}
