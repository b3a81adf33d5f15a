/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that reads lists, one after the other. */
#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#include "controller/feeds/inside.h"
#include "controller/feeds/pace.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/feed/kept.h"

/* Something may become due that nobody wakes us for. */
#define LOOK_S 1

static int64_t boot_us(void)
{
	return nt_clock_boot_now() / NT_NS_PER_US;
}

static int64_t real_us(void)
{
	struct nt_clock clock = nt_clock_system();

	return nt_clock_real(&clock) / NT_NS_PER_US;
}

void nt_feeds_kept_path(const struct nt_feeds_entry *e, char out[300])
{
	snprintf(out, 300, "%s.set", e->name);
}

/* --- what came of a look ---------------------------------------------------------------------- */

void nt_feeds_looked(struct nt_feeds_entry *e, const char *why)
{
	uint32_t random = 0;

	if (why && strcmp(why, e->error) != 0)
		nt_log_warn("DomainFeed %s: %s; %s", e->name, why,
			    e->names ? "its last good list goes on" : "it has no list");
	if (!why && e->failures)
		nt_log_info("DomainFeed %s: all is well again", e->name);
	snprintf(e->error, sizeof(e->error), "%s", why ?: "");
	e->failures = why ? e->failures + 1 : 0;
	e->failed += why != NULL;
	if (!why)
		e->checked_us = real_us();
	(void)!getrandom(&random, sizeof(random), 0);
	e->due_us = boot_us() + nt_feed_pause_us(e->spec->interval_us, e->failures, random);
}

/* The set is the feed's from now on. Returns false without memory; the set is gone then. */
static bool use_set(struct nt_feeds_entry *e, struct nt_feed_set *set, int64_t read_us)
{
	size_t entries = nt_feed_set_len(set);

	if (e->names)
		nt_feed_names_exchange(e->names, set, e->spec->scope);
	else
		e->names = nt_feed_names_new(set, e->spec->scope, &e->feeds->bytes);
	if (!e->names) {
		nt_feed_set_free(set);
		return false;
	}
	e->other_origin = false;
	e->read_us = read_us;
	nt_log_info("DomainFeed %s: %zu names", e->name, entries);
	return true;
}

/* --- the kept set ----------------------------------------------------------------------------- */

/* Room for the feed's next set, beside those of the others. */
static struct nt_feed_limits limits_of(const struct nt_feeds_entry *e)
{
	size_t others = atomic_load(&e->feeds->bytes), max = e->feeds->config.bytes_max;

	if (e->names)
		others -= nt_feed_set_bytes(nt_feed_names_set(e->names));
	return (struct nt_feed_limits){ .names_max = e->spec->entries_max,
					.bytes_max = others < max ? max - others : 0 };
}

/* Once, before the list itself is read. The lock is held, but while the file is read. */
static void load_kept(struct nt_feeds_entry *e)
{
	struct nt_feed_limits limits = limits_of(e);
	struct nt_feeds *f = e->feeds;
	struct nt_feed_set *set = NULL;
	struct nt_err err = { 0 };
	int64_t read_us = 0;
	char path[300];
	int r;

	nt_feeds_kept_path(e, path);
	pthread_mutex_unlock(&f->lock);
	r = nt_feed_kept_read(f->dir_fd, path, e->spec->origin, limits, &set, &read_us, &err);
	pthread_mutex_lock(&f->lock);
	e->kept_tried = true;
	if (r == 0 && !e->names && use_set(e, set, read_us))
		return;
	if (r == 0 && e->names)
		nt_feed_set_free(set);
	if (r < 0 && r != -ENOENT && r != -ESTALE) {
		f->kept_failed++;
		nt_log_warn("DomainFeed %s: its kept list cannot be used: %s", e->name, err.msg);
	}
}

/* The lock is held, but while the file is written: only this thread exchanges sets. */
static void keep(struct nt_feeds_entry *e)
{
	const struct nt_feed_set *set = nt_feed_names_set(e->names);
	struct nt_feeds *f = e->feeds;
	int64_t read_us = e->read_us;
	struct nt_err err = { 0 };
	char path[300];
	int r;

	nt_feeds_kept_path(e, path);
	pthread_mutex_unlock(&f->lock);
	r = nt_feed_kept_write(f->dir_fd, path, set, e->spec->origin, read_us, &err);
	pthread_mutex_lock(&f->lock);
	if (r == 0)
		return;
	f->kept_failed++;
	nt_log_warn("DomainFeed %s: its list is not kept for a restart: %s", e->name, err.msg);
}

/* --- the list --------------------------------------------------------------------------------- */

/* 1: *ret_set; 0: not changed. */
static int read_list(struct nt_feed_fetch *fetch, struct nt_feed_limits limits,
		     struct nt_feed_set **ret_set, struct nt_feed_report *ret_report,
		     struct nt_err *err)
{
	_cleanup_(nt_feed_builder_freep) struct nt_feed_builder *builder = NULL;
	_cleanup_(nt_feed_list_freep) struct nt_feed_list *list = NULL;
	int r = nt_feed_builder_new(limits, &builder, err);

	if (r == 0)
		r = nt_feed_list_new(&fetch->spec->form, builder, &list, err);
	if (r < 0)
		return r;
	r = nt_feed_fetch(fetch, list, err);
	if (r != 0)
		*ret_report = *nt_feed_list_report(list);
	if (r <= 0)
		return r;
	/* With NOTIN it would be a list of everything. */
	if (!ret_report->taken)
		return nt_err_set(err, EINVAL, "the list is empty");
	return nt_feed_builder_finish(builder, ret_set, err) < 0 ? -err->code : 1;
}

static void take_list(struct nt_feeds_entry *e, struct nt_feed_set *set,
		      const struct nt_feed_memo *memo)
{
	if (!use_set(e, set, real_us())) {
		nt_feeds_looked(e, "no memory for its list");
		return;
	}
	e->memo = *memo;
	e->updated++;
	nt_feeds_looked(e, NULL);
	keep(e);
}

/* Did the object change or go while its list was read? What was read is not for what is there now.
 */
static bool is_stale(const struct nt_feeds_entry *e)
{
	return e->gone || e->next_spec;
}

/* The lock is held, but while the list is read. */
static void look(struct nt_feeds_entry *e)
{
	struct nt_feed_limits limits = limits_of(e);
	struct nt_feed_report report = { 0 };
	struct nt_feeds *f = e->feeds;
	struct nt_feed_fetch fetch = {
		.spec = e->spec,
		.files_fd = f->files_fd,
		.text = nt_slice_mem(e->configmap.p, e->configmap.len),
		.stop = &f->stopping,
		.memo = e->memo,
	};
	struct nt_feed_set *set = NULL;
	struct nt_err err = { 0 };
	int r;

	if (!e->names || e->other_origin)
		fetch.memo = (struct nt_feed_memo){ 0 };
	if (e->given)
		snprintf(fetch.memo.etag, sizeof(fetch.memo.etag), "%s", e->version);
	pthread_mutex_unlock(&f->lock);
	r = read_list(&fetch, limits, &set, &report, &err);
	pthread_mutex_lock(&f->lock);
	nt_buf_done(&e->configmap);
	e->given = false;
	if (is_stale(e) || atomic_load(&f->stopping)) {
		nt_feed_set_free(set);
		return;
	}
	if (r != 0)
		e->report = report;
	f->over += r == -E2BIG;
	if (r > 0) {
		take_list(e, set, &fetch.memo);
		return;
	}
	e->unchanged += r == 0;
	nt_feeds_looked(e, r < 0 ? err.msg : NULL);
}

/* --- the thread ------------------------------------------------------------------------------- */

static bool wants_look(const struct nt_feeds_entry *e, int64_t now_us)
{
	if (e->gone || !(e->spec || e->next_spec))
		return false;
	if (e->next_spec || !e->kept_tried || e->given)
		return true;
	return e->spec->source != NT_FEED_CONFIGMAP && e->due_us <= now_us;
}

/* The feed that waits longest. */
static struct nt_feeds_entry *find_due(struct nt_feeds *f)
{
	struct nt_feeds_entry *first = NULL;
	int64_t now_us = boot_us();

	for (size_t i = 0; i < f->entries_len; i++) {
		struct nt_feeds_entry *e = f->entries[i];

		if (wants_look(e, now_us) && (!first || e->due_us < first->due_us))
			first = e;
	}
	return first;
}

/* Its next form, from the object. */
static void take_spec(struct nt_feeds_entry *e)
{
	bool same = e->spec && nt_slice_eq(e->spec->origin, e->next_spec->origin);

	nt_feed_spec_free(e->spec);
	e->spec = e->next_spec;
	e->next_spec = NULL;
	e->due_us = 0;
	e->given = false;
	e->kept_tried = same && e->kept_tried;
	e->other_origin = e->names && (!same || e->other_origin);
	e->memo = (struct nt_feed_memo){ 0 };
}

static void work(struct nt_feeds_entry *e)
{
	e->busy = true;
	if (e->next_spec)
		take_spec(e);
	else if (!e->kept_tried)
		load_kept(e);
	else
		look(e);
	e->busy = false;
}

static void rest(struct nt_feeds *f)
{
	int64_t until_ns = nt_clock_monotonic_now() + LOOK_S * NT_NS_PER_S;
	struct timespec ts = { .tv_sec = until_ns / NT_NS_PER_S,
			       .tv_nsec = until_ns % NT_NS_PER_S };

	(void)pthread_cond_clockwait(&f->wake, &f->lock, CLOCK_MONOTONIC, &ts);
}

void *nt_feeds_work(void *ctx)
{
	struct nt_feeds *f = ctx;

	pthread_mutex_lock(&f->lock);
	while (!atomic_load(&f->stopping)) {
		struct nt_feeds_entry *e = find_due(f);

		if (e)
			work(e);
		else
			rest(f);
	}
	pthread_mutex_unlock(&f->lock);
	return NULL;
}
