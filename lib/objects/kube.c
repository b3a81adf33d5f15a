/* SPDX-License-Identifier: Apache-2.0 */
/* The Kubernetes API as a source of objects: a reflector for each kind, one store. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "lib/objects/page.h"
#include "lib/objects/reflector.h"

enum {
	/* Values of client-go: pages are some 1 MiB, watches end before proxies forget them. */
	PAGE_LEN = 250,
	WATCH_S = 240,
	KINDS_MAX = 16,
};

#define RETRY_MIN_NS NT_NS_PER_S
#define RETRY_MAX_NS (30 * NT_NS_PER_S)
/* An API server that starts has its custom resources after a second or two. */
#define ABSENT_NS (20 * NT_NS_PER_S)

/* As of the latest poll: readers have these while the loop goes on. */
struct shown {
	struct nt_objects_state state;
	const struct nt_resource *resource;
	char error[256];
};

struct kube {
	struct nt_queue queue;
	const char *server; /* of the kube's configuration */
	struct nt_reflector *reflectors[KINDS_MAX];
	struct shown shown[KINDS_MAX];
	size_t len;
	bool have_synced;
};

/* --- what is shown ---------------------------------------------------------------------------- */

static void show(struct kube *k, size_t i, struct nt_objects *o)
{
	struct shown *s = &k->shown[i], before = *s;

	nt_reflector_state(k->reflectors[i], &s->state);
	s->resource = nt_reflector_resource(k->reflectors[i]);
	snprintf(s->error, sizeof(s->error), "%s", s->state.error);
	s->state.error = s->error;
	/* Whether what is there is all matters to whoever derives from it. */
	if (s->state.synced != before.state.synced || s->state.absent != before.state.absent)
		nt_objects_touch(o);
}

static void add_problems(const struct kube *k, size_t i, struct nt_objects *o)
{
	const struct shown *s = &k->shown[i];
	char msg[256];

	if (!s->state.synced)
		nt_objects_add_problem(o, s->resource->path, 0, s->error);
	if (s->state.too_large) {
		snprintf(msg, sizeof(msg), "%llu %ss above %zu MiB are left out: %.150s%s",
			 (unsigned long long)s->state.too_large, s->resource->object_kind,
			 NT_PAGE_BYTES_MAX >> 20, s->state.too_large_name,
			 s->state.too_large > 1 ? " and others" : "");
		nt_objects_add_problem(o, s->resource->path, 0, msg);
	}
	if (!s->state.left_out)
		return;
	snprintf(msg, sizeof(msg),
		 "%llu %ss are left out: there are more objects than %zu, or they need more than "
		 "%zu MiB",
		 (unsigned long long)s->state.left_out, s->resource->object_kind, o->objects_max,
		 o->bytes_max >> 20);
	nt_objects_add_problem(o, s->resource->path, 0, msg);
}

/* What the pages of the first lists needed goes back to the system. */
static void note_first_sync(struct kube *k)
{
	for (size_t i = 0; i < k->len; i++)
		if (!nt_reflector_has_synced(k->reflectors[i]))
			return;
	k->have_synced = true;
	(void)malloc_trim(0);
}

static void poll_kube(void *ctx, struct nt_objects *o)
{
	struct kube *k = ctx;

	nt_queue_apply(&k->queue, o);
	nt_objects_problems_reset(o);
	for (size_t i = 0; i < k->len; i++) {
		show(k, i, o);
		add_problems(k, i, o);
	}
	if (!k->have_synced)
		note_first_sync(k);
}

static int fd_of(void *ctx)
{
	return ((struct kube *)ctx)->queue.fd;
}

static void tell_states(void *ctx, const struct nt_objects *o, nt_objects_state_fn *fn,
			void *fn_ctx)
{
	struct kube *k = ctx;

	for (size_t i = 0; i < k->len; i++) {
		struct nt_objects_state state = k->shown[i].state;

		state.kind = k->shown[i].resource->object_kind;
		state.count = nt_objects_count(o, nt_slice_str(state.kind));
		fn(fn_ctx, &state);
	}
}

static struct nt_objects_origin origin_of(void *ctx)
{
	return (struct nt_objects_origin){ "api", ((struct kube *)ctx)->server };
}

static bool have_synced(void *ctx)
{
	return ((struct kube *)ctx)->have_synced;
}

static void free_kube(void *ctx)
{
	struct kube *k = ctx;

	for (size_t i = 0; i < k->len; i++)
		nt_reflector_free(k->reflectors[i]);
	nt_queue_done(&k->queue);
	free(k);
}

static const struct nt_objects_source source = {
	.fd = fd_of,
	.poll = poll_kube,
	.states = tell_states,
	.origin = origin_of,
	.have_synced = have_synced,
	.free = free_kube,
};

/* --- opening ---------------------------------------------------------------------------------- */

static struct nt_reflector_config config_of(const struct nt_objects_kube_config *c,
					    struct nt_kube *kube, struct nt_loop *loop,
					    struct kube *k, struct nt_intern *intern)
{
	return (struct nt_reflector_config){
		.kube = kube,
		.loop = loop,
		.intern = intern,
		.queue = &k->queue,
		.retry_min_ns = c->retry_min_ns ?: RETRY_MIN_NS,
		.retry_max_ns = c->retry_max_ns ?: RETRY_MAX_NS,
		.absent_ns = c->absent_ns ?: ABSENT_NS,
		.watch_s = c->watch_s ?: WATCH_S,
		.page_len = c->page_len ?: PAGE_LEN,
	};
}

static int add_kind(struct kube *k, struct nt_reflector_config *config, const char *kind,
		    const char *node, struct nt_err *err)
{
	int r;

	if (k->len == KINDS_MAX || !nt_resource_find(kind))
		return nt_err_set(err, EINVAL, "objects of kind %.100s cannot be watched", kind);
	config->node = strcmp(kind, "Pod") == 0 ? node : NULL;
	r = nt_reflector_new(config, kind, &k->reflectors[k->len], err);
	k->len += r == 0;
	return r;
}

static void free_objectsp(struct nt_objects **o)
{
	nt_objects_free(*o);
}

int nt_objects_open_kube(struct nt_kube *kube, struct nt_loop *loop,
			 const struct nt_objects_kube_config *config,
			 struct nt_objects **ret_objects, struct nt_err *err)
{
	_cleanup_(free_objectsp) struct nt_objects *o = NULL;
	struct nt_reflector_config each;
	struct kube *k;
	int r = nt_objects_new(&o, err);

	if (r < 0)
		return r;
	o->objects_max = config->objects_max ?: NT_OBJECTS_MAX;
	o->bytes_max = config->bytes_max ?: NT_OBJECTS_BYTES_MAX;
	k = calloc(1, sizeof(*k));
	if (!k)
		return nt_err_set(err, ENOMEM, "no memory for objects");
	k->queue.fd = -1;
	o->source = &source;
	o->source_ctx = k;
	k->server = nt_kube_config(kube)->server;
	r = nt_queue_init(&k->queue, err);
	each = config_of(config, kube, loop, k, o->intern);
	for (size_t i = 0; r == 0 && config->kinds[i]; i++)
		r = add_kind(k, &each, config->kinds[i], config->node, err);
	if (r < 0)
		return r;
	nt_objects_begin(o);
	poll_kube(k, o);
	nt_objects_touch(o);
	*ret_objects = NT_TAKE_PTR(o);
	return 0;
}
