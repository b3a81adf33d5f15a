/* SPDX-License-Identifier: Apache-2.0 */
/* List and watch of one kind. */
#include "lib/objects/reflector.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "lib/base/cleanup.h"
#include "lib/base/parse.h"
#include "lib/objects/page.h"

/* A list of one page on a loaded server. */
#define LIST_NS (60 * NT_NS_PER_S)
/* A watch ends by itself after timeoutSeconds; a server that does not end it is not there. */
#define WATCH_GRACE_NS (15 * NT_NS_PER_S)
/* So many of the shortest pauses a watch stands before what went wrong before it is forgotten. */
#define SETTLED_PAUSES 10
/* Pages with more objects than that cost the server more than they save. */
#define PAGE_LEN_MAX 1000
/* Changes that wait for the store: its owner does not poll. */
#define QUEUE_MAX 65536
#define QUEUE_WAIT_NS (20 * NT_NS_PER_MS)

enum step {
	STEP_LIST = 0, /* from the start */
	STEP_PAGE = 1, /* the next one */
	STEP_ASK = 2,
	STEP_WATCH = 3,
	STEP_NAME = 4, /* of the object that is too large for a page of its own */
};

/* Every server from 1.15 on gives this of any kind. */
#define METADATA_ALONE "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

struct nt_reflector {
	struct nt_reflector_config config;
	const struct nt_resource *first, *resource, *listed; /* listed: whose objects there are */
	struct nt_kube_call *call; /* NULL: the timer's turn */
	struct nt_timer *timer;
	enum step step; /* that runs, or that the timer begins */
	char version[NT_RESOURCE_VERSION_MAX];
	char *next; /* page; NULL: the first */
	char *node; /* config.node; NULL: all */
	size_t page_len;
	unsigned failures; /* in a row */
	int64_t absent_since_ns; /* 0: it is there, as far as is known */
	bool whole; /* what there is was a complete list once */
	/* Of the watch that runs. */
	struct nt_buf line;
	bool said; /* something */
	bool broken; /* by us; the reason is in state_error */
	int64_t began_ns;
	/* For people. */
	struct nt_objects_state state;
	char error[256];
};

static void begin(struct nt_reflector *r);

static int64_t now_ns(void)
{
	struct nt_clock clock = nt_clock_system();

	return nt_clock_boot(&clock);
}

/* Between half of it and all: nodes that were cut off together do not come back together. */
static int64_t jitter(int64_t ns)
{
	uint32_t random = 0;

	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	return ns / 2 + (int64_t)((uint64_t)(ns / 2) * (random >> 16) >> 16);
}

/* --- state ------------------------------------------------------------------------------------ */

static void set_state(struct nt_reflector *r, bool synced, bool absent, const char *error)
{
	struct nt_clock clock = nt_clock_system();

	if (r->state.synced != synced || r->state.absent != absent || !r->state.since_us)
		r->state.since_us = nt_clock_real(&clock) / NT_NS_PER_US;
	r->state.synced = synced;
	r->state.absent = absent;
	if (error != r->error)
		snprintf(r->error, sizeof(r->error), "%.255s", error);
	nt_queue_wake(r->config.queue);
}

static void wait_for(struct nt_reflector *r, enum step step, int64_t ns)
{
	r->step = step;
	nt_loop_timer_set(r->timer, ns > 0 ? ns : 1);
}

/* One failure is told but is nothing yet: the objects are as of a moment ago. */
static void fail(struct nt_reflector *r, enum step next, int64_t at_least_ns, const char *error)
{
	int64_t ns = r->config.retry_min_ns;

	for (unsigned i = 0; i < r->failures && ns < r->config.retry_max_ns; i++)
		ns *= 2;
	if (ns > r->config.retry_max_ns)
		ns = r->config.retry_max_ns;
	r->failures++;
	r->state.failures++;
	set_state(r, r->state.synced && r->failures < 2, false, error);
	ns = jitter(ns);
	wait_for(r, next, ns > at_least_ns ? ns : at_least_ns + jitter(r->config.retry_min_ns));
}

/* All is well: the pause is short again, and what there is is what the server has. */
static void settle(struct nt_reflector *r)
{
	r->failures = 0;
	set_state(r, true, false, "");
}

static int put(struct nt_reflector *r, enum nt_change change, const char *kind,
	       struct nt_compact *object)
{
	return nt_queue_add(r->config.queue, (struct nt_queued){ .change = change,
								 .kind = kind,
								 .object = object,
								 .left_out = &r->state.left_out });
}

/* Without memory for that the next list does it. */
static void remove_all(struct nt_reflector *r, const char *kind)
{
	if (put(r, NT_CHANGE_BEGIN, kind, NULL) == 0)
		(void)!put(r, NT_CHANGE_END, kind, NULL);
}

static void set_absent(struct nt_reflector *r)
{
	remove_all(r, r->resource->object_kind);
	if (r->listed && strcmp(r->listed->object_kind, r->resource->object_kind) != 0)
		remove_all(r, r->listed->object_kind);
	r->listed = NULL;
	r->whole = true;
	r->failures = 0;
	set_state(r, true, true, "");
	wait_for(r, STEP_LIST, jitter(2 * r->config.retry_max_ns));
}

/* No such resource: another version of it, or none at all. A server that has just started says so
 * of custom resources that it has, so it has to say it for a while. */
static void take_404(struct nt_reflector *r, const struct nt_kube_answer *a)
{
	const struct nt_resource *next = nt_resource_next(r->resource);

	if (next) {
		r->resource = next;
		wait_for(r, STEP_LIST, 0);
		return;
	}
	if (r->state.absent ||
	    (r->absent_since_ns && now_ns() - r->absent_since_ns >= r->config.absent_ns)) {
		set_absent(r);
	} else {
		if (!r->absent_since_ns)
			r->absent_since_ns = now_ns();
		r->failures = 0; /* the pause is that of absent_ns */
		fail(r, STEP_LIST, r->config.absent_ns / 4, a->error.msg);
	}
	r->resource = r->first;
}

/* An answer that is none, or not the one. */
static void take_refusal(struct nt_reflector *r, const struct nt_kube_answer *a)
{
	enum step again = r->step == STEP_ASK || r->step == STEP_WATCH ? STEP_ASK : STEP_LIST;

	if (a->status == 404) {
		take_404(r, a);
		return;
	}
	r->absent_since_ns = 0;
	if (a->status == 410) {
		/* A list that takes longer than the server keeps its past: larger pages are faster.
		 */
		if (r->step == STEP_PAGE && r->page_len < PAGE_LEN_MAX)
			r->page_len *= 2;
		again = STEP_LIST;
	}
	fail(r, again, a->retry_after_ns, a->error.msg);
}

/* --- lists ------------------------------------------------------------------------------------ */

static int take_page(struct nt_reflector *r, struct nt_page *page)
{
	const char *kind = r->resource->object_kind;
	int e = 0;

	if (!r->next) {
		/* The first page's version is that of all: the list is of one moment. */
		r->state.left_out = r->state.refused = r->state.too_large = 0;
		memcpy(r->version, page->resource_version, sizeof(r->version));
		e = put(r, NT_CHANGE_BEGIN, kind, NULL);
	}
	for (size_t i = 0; i < page->len && e == 0; i++)
		e = put(r, NT_CHANGE_PUT, NULL, NT_TAKE_PTR(page->items[i]));
	r->state.refused += page->refused;
	free(r->next);
	r->next = NT_TAKE_PTR(page->next);
	if (e == 0 && !r->next)
		e = put(r, NT_CHANGE_END, kind, NULL);
	return e;
}

static void list_is_whole(struct nt_reflector *r)
{
	if (r->listed && strcmp(r->listed->object_kind, r->resource->object_kind) != 0)
		remove_all(r, r->listed->object_kind);
	r->listed = r->resource;
	r->whole = true;
	r->absent_since_ns = 0;
	set_state(r, true, false, "");
	wait_for(r, STEP_WATCH, 0);
}

/* What there is of the page is the head of one object: not to be put. */
static int take_name(struct nt_reflector *r, struct nt_page *page, struct nt_err *err)
{
	bool first = !r->next;
	size_t len = page->len;
	char name[sizeof(r->state.too_large_name)] = "";
	int e;

	if (len > 1) /* asked for was one */
		return nt_err_set(err, EBADMSG, "more objects than were asked for, too large ones");
	if (len) {
		const struct nt_object *o = &page->items[0]->object;

		snprintf(name, sizeof(name), "%.*s%s%.*s", NT_SLICE_ARG(o->namespace_),
			 o->namespace_.len ? "/" : "", NT_SLICE_ARG(o->name));
	}
	for (; page->len; page->len--)
		nt_compact_unref(page->items[page->len - 1]);
	e = take_page(r, page);
	if (len && (first || !r->state.too_large))
		memcpy(r->state.too_large_name, name, sizeof(name));
	r->state.too_large += len;
	r->page_len = r->config.page_len;
	return e < 0 ? nt_err_set(err, ENOMEM, "no memory for a page") : 0;
}

static void on_page(struct nt_reflector *r, const struct nt_kube_answer *a)
{
	struct nt_page page = { 0 };
	struct nt_err err = { 0 };
	int e;

	if (a->error.code == EFBIG && r->step != STEP_NAME) {
		enum step smaller = r->page_len > 1 ? r->step : STEP_NAME;

		r->page_len = r->page_len > 1 ? r->page_len / 2 : 1;
		wait_for(r, smaller, 0);
		return;
	}
	if (a->status != 200) {
		take_refusal(r, a);
		return;
	}
	e = nt_page_parse(a->body, r->resource, r->config.intern, &page, &err);
	if (e == 0 && r->step == STEP_NAME)
		e = take_name(r, &page, &err);
	else if (e == 0 && take_page(r, &page) < 0)
		e = nt_err_set(&err, ENOMEM, "no memory for a page");
	if (e < 0) {
		nt_err_wrap(&err, "GET %s", r->resource->path);
		fail(r, STEP_LIST, 0, err.msg);
	} else if (r->next) {
		wait_for(r, STEP_PAGE, 0);
	} else {
		list_is_whole(r);
	}
	nt_page_done(&page);
}

/* --- is it there, and not older than we are? -------------------------------------------------- */

/* Etcd may have been put back to an earlier state: a watch from our version on would be silent. */
static bool is_older(const char *theirs, const char *ours)
{
	uint64_t a, b;

	return nt_parse_u64(nt_slice_str(theirs), UINT64_MAX, &a) == 0 &&
	       nt_parse_u64(nt_slice_str(ours), UINT64_MAX, &b) == 0 && a < b;
}

static void on_ask(struct nt_reflector *r, const struct nt_kube_answer *a)
{
	struct nt_page page = { 0 };
	struct nt_err err = { 0 };

	if (a->status != 200) {
		take_refusal(r, a);
		return;
	}
	r->absent_since_ns = 0;
	if (nt_page_parse(a->body, r->resource, r->config.intern, &page, &err) < 0) {
		nt_err_wrap(&err, "GET %s", r->resource->path);
		fail(r, STEP_LIST, 0, err.msg);
		return;
	}
	wait_for(r, is_older(page.resource_version, r->version) ? STEP_LIST : STEP_WATCH, 0);
	nt_page_done(&page);
}

/* --- watches ---------------------------------------------------------------------------------- */

/* What it would go on with is not known: a list is. */
static bool break_off(struct nt_reflector *r, const char *why)
{
	r->broken = true;
	snprintf(r->error, sizeof(r->error), "watch %.100s: %.120s", r->resource->path, why);
	return false;
}

static bool take_event(struct nt_reflector *r, struct nt_event *e)
{
	enum nt_change change = e->type == NT_EVENT_DELETED ? NT_CHANGE_REMOVE : NT_CHANGE_PUT;

	r->said = true;
	r->state.events += e->type <= NT_EVENT_DELETED;
	r->state.bookmarks += e->type == NT_EVENT_BOOKMARK;
	if (e->type == NT_EVENT_ERROR)
		return break_off(r, e->message);
	if (e->type <= NT_EVENT_DELETED && !e->object)
		r->state.refused++;
	if (e->object && put(r, change, NULL, NT_TAKE_PTR(e->object)) < 0)
		return break_off(r, "no memory for an event");
	if (e->resource_version[0])
		memcpy(r->version, e->resource_version, sizeof(r->version));
	return true;
}

static bool take_line(struct nt_reflector *r, struct nt_slice line)
{
	struct nt_event event = { 0 };
	struct nt_err err = { 0 };
	bool goes_on;

	if (!line.len)
		return true;
	if (nt_event_parse(line, r->resource, r->config.intern, &event, &err) < 0)
		return break_off(r, err.msg);
	goes_on = take_event(r, &event);
	nt_event_done(&event);
	return goes_on;
}

static bool on_octets(void *ctx, int status, struct nt_slice octets)
{
	struct nt_reflector *r = ctx;
	const char *at = octets.p, *end = octets.p + octets.len, *newline;

	if (status != 200)
		return true;
	while ((newline = memchr(at, '\n', (size_t)(end - at)))) {
		struct nt_slice line = nt_slice_mem(at, (size_t)(newline - at));

		if (r->line.len) {
			nt_buf_slice(&r->line, line);
			line = nt_slice_mem(r->line.p, r->line.len);
		}
		if (!nt_buf_ok(&r->line))
			break;
		if (!take_line(r, line))
			return false;
		nt_buf_reset(&r->line);
		at = newline + 1;
	}
	nt_buf_add(&r->line, at, (size_t)(end - at));
	if (!nt_buf_ok(&r->line))
		return break_off(r, "an object is too large");
	/* From here on it goes on later. */
	return r->config.queue->len < QUEUE_MAX;
}

static void end_watch(struct nt_reflector *r)
{
	nt_buf_done(&r->line);
	r->line = (struct nt_buf){ .max_len = NT_PAGE_BYTES_MAX };
}

static void on_watch_end(struct nt_reflector *r, const struct nt_kube_answer *a)
{
	bool is_short = now_ns() - r->began_ns < r->config.retry_min_ns;
	bool said = r->said;

	end_watch(r);
	if (r->broken) {
		fail(r, STEP_LIST, 0, r->error);
	} else if (a->error.code == ECANCELED) {
		wait_for(r, STEP_WATCH, QUEUE_WAIT_NS);
	} else if (a->status == 200) {
		/* Objects that were left out may have room by now. */
		enum step next = r->state.left_out ? STEP_LIST : said ? STEP_WATCH : STEP_ASK;

		if (is_short) {
			fail(r, next, 0, "the server ends watches at once");
		} else {
			settle(r);
			wait_for(r, next, 0);
		}
	} else {
		take_refusal(r, a);
	}
}

/* --- steps ------------------------------------------------------------------------------------ */

static void on_answer(void *ctx, const struct nt_kube_answer *a)
{
	struct nt_reflector *r = ctx;

	r->call = NULL;
	if (r->step == STEP_WATCH)
		on_watch_end(r, a);
	else if (r->step == STEP_ASK)
		on_ask(r, a);
	else
		on_page(r, a);
}

/* Base64 for URLs, or whatever a server takes for its token. */
static void add_escaped(struct nt_buf *b, const char *text)
{
	for (; *text; text++) {
		bool plain = (*text >= '0' && *text <= '9') || (*text >= 'a' && *text <= 'z') ||
			     (*text >= 'A' && *text <= 'Z') || *text == '-' || *text == '_' ||
			     *text == '.';

		if (plain)
			nt_buf_putc(b, *text);
		else
			nt_buf_printf(b, "%%%02X", (unsigned char)*text);
	}
}

/* Never resourceVersion=0: it is all in one page, and of whatever time the server remembers. */
static void write_path(const struct nt_reflector *r, struct nt_buf *path)
{
	const struct nt_resource *resource = r->resource;

	nt_buf_puts(path, resource->path);
	if (r->step == STEP_WATCH)
		nt_buf_printf(path,
			      "?watch=1&allowWatchBookmarks=true&timeoutSeconds=%u"
			      "&resourceVersion=%s",
			      r->config.watch_s, r->version);
	else
		nt_buf_printf(path, "?limit=%zu", r->step == STEP_ASK ? 1 : r->page_len);
	if (r->node) {
		nt_buf_puts(path, "&fieldSelector=spec.nodeName%3D");
		add_escaped(path, r->node);
	}
	if (r->next && (r->step == STEP_PAGE || r->step == STEP_NAME)) {
		nt_buf_puts(path, "&continue=");
		add_escaped(path, r->next);
	}
}

static int send(struct nt_reflector *r, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf path = { 0 };
	struct nt_kube_request request = { .method = "GET",
					   .timeout_ns = LIST_NS,
					   .max_bytes = NT_PAGE_BYTES_MAX };

	write_path(r, &path);
	request.path = nt_buf_str(&path);
	if (!nt_buf_ok(&path))
		return nt_err_set(err, ENOMEM, "no memory for a request");
	if (r->step == STEP_WATCH) {
		request.timeout_ns = r->config.watch_s * NT_NS_PER_S + WATCH_GRACE_NS;
		request.data_fn = on_octets;
	}
	if (r->step == STEP_NAME)
		request.accept = METADATA_ALONE;
	return nt_kube_send(r->config.kube, &request, on_answer, r, &r->call, err);
}

static void begin(struct nt_reflector *r)
{
	struct nt_err err;

	if (r->step == STEP_LIST) {
		r->state.lists++;
		free(r->next);
		r->next = NULL;
	}
	if (r->step == STEP_LIST && r->page_len > r->config.page_len && !r->failures)
		r->page_len = r->config.page_len;
	if (r->step == STEP_WATCH) {
		r->state.watches++;
		r->said = r->broken = false;
		r->began_ns = now_ns();
	}
	if (send(r, &err) < 0)
		fail(r, r->step == STEP_WATCH ? STEP_ASK : STEP_LIST, 0, err.msg);
	else if (r->step == STEP_WATCH)
		nt_loop_timer_set(r->timer, SETTLED_PAUSES * r->config.retry_min_ns);
}

/* A watch runs for a while. One that nobody has answered yet says nothing: the server hangs, or
 * what is before it. */
static void look_at_watch(struct nt_reflector *r)
{
	if (nt_kube_call_status(r->call) == 200)
		settle(r);
	else
		nt_loop_timer_set(r->timer, SETTLED_PAUSES * r->config.retry_min_ns);
}

static void on_timer(void *ctx)
{
	struct nt_reflector *r = ctx;

	nt_loop_timer_set(r->timer, 0);
	if (r->call) {
		look_at_watch(r);
	} else if (r->config.queue->len >= QUEUE_MAX) {
		wait_for(r, r->step, QUEUE_WAIT_NS);
	} else {
		begin(r);
	}
}

/* --- life ------------------------------------------------------------------------------------- */

int nt_reflector_new(const struct nt_reflector_config *config, const char *kind,
		     struct nt_reflector **ret_reflector, struct nt_err *err)
{
	struct nt_reflector *r = calloc(1, sizeof(*r));

	if (!r)
		return nt_err_set(err, ENOMEM, "no memory for a kind of objects");
	r->config = *config;
	r->first = r->resource = nt_resource_find(kind);
	r->page_len = config->page_len;
	r->state.kind = r->first->kind;
	r->state.error = r->error;
	r->timer = nt_loop_timer_new(config->loop, 0, on_timer, r, err);
	r->node = config->node ? strdup(config->node) : NULL;
	if (!r->timer || (config->node && !r->node)) {
		nt_reflector_free(r);
		return nt_err_set(err, ENOMEM, "no memory for a kind of objects");
	}
	end_watch(r);
	set_state(r, false, false, "it is not read yet");
	wait_for(r, STEP_LIST, 0);
	*ret_reflector = r;
	return 0;
}

void nt_reflector_free(struct nt_reflector *r)
{
	if (!r)
		return;
	if (r->call)
		nt_kube_cancel(r->call);
	if (r->timer)
		nt_loop_timer_free(r->timer);
	nt_buf_done(&r->line);
	free(r->next);
	free(r->node);
	free(r);
}

void nt_reflector_state(const struct nt_reflector *r, struct nt_objects_state *ret_state)
{
	*ret_state = r->state;
	ret_state->error = r->error;
}

const struct nt_resource *nt_reflector_resource(const struct nt_reflector *r)
{
	return r->resource;
}

bool nt_reflector_has_synced(const struct nt_reflector *r)
{
	return r->whole;
}
