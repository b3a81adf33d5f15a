/* SPDX-License-Identifier: Apache-2.0 */
/* The DomainFeeds that there are, and what is told of them. */
#include "controller/feeds/feeds.h"

#include <curl/curl.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

#include "controller/feeds/inside.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#define STACK_BYTES (512u << 10)
#define KIND NT_SLICE_LIT("DomainFeed")

/* --- entries ---------------------------------------------------------------------------------- */

static void free_entry(struct nt_feeds_entry *e)
{
	if (!e)
		return;
	if (e->call)
		nt_kube_cancel(e->call);
	nt_feed_names_unref(e->names);
	nt_feed_spec_free(e->spec);
	nt_feed_spec_free(e->next_spec);
	nt_buf_done(&e->configmap);
	free(e->name);
	free(e->text);
	free(e);
}

static struct nt_feeds_entry *find(const struct nt_feeds *f, struct nt_slice name)
{
	for (size_t i = 0; i < f->entries_len; i++)
		if (!f->entries[i]->gone && nt_slice_eq(nt_slice_str(f->entries[i]->name), name))
			return f->entries[i];
	return NULL;
}

static struct nt_feeds_entry *new_entry(struct nt_feeds *f, struct nt_slice name)
{
	struct nt_feeds_entry *e = calloc(1, sizeof(*e));

	if (e)
		e->name = strndup(name.p, name.len);
	if (!e || !e->name) {
		free(e);
		return NULL;
	}
	e->feeds = f;
	return e;
}

/* At its place in the order of names. NULL: there is no room, or no memory. */
static struct nt_feeds_entry *add_entry(struct nt_feeds *f, struct nt_slice name)
{
	struct nt_feeds_entry *e = f->entries_len < NT_FEEDS_MAX ? new_entry(f, name) : NULL;
	size_t at = f->entries_len;

	if (!e)
		return NULL;
	for (; at && strcmp(f->entries[at - 1]->name, e->name) > 0; at--)
		f->entries[at] = f->entries[at - 1];
	f->entries[at] = e;
	f->entries_len++;
	return e;
}

/* --- objects ---------------------------------------------------------------------------------- */

/* The object as it is now: a new form of the feed, or a mistake. -ENOMEM. */
static int read_object(struct nt_feeds_entry *e, const struct nt_object *object)
{
	struct nt_feed_spec *spec = NULL;
	char *text = json_dumps(json_object_get(object->json, "spec"),
				JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
	int r;

	if (e->text && text && strcmp(e->text, text) == 0) {
		free(text);
		return 0;
	}
	r = nt_feed_spec_parse(object, &spec, &e->problem);
	if (r == -ENOMEM) {
		free(text);
		return r;
	}
	free(e->text);
	e->text = text; /* NULL: no spec, or no memory to know it again */
	e->accepted = r == 0;
	if (spec) {
		nt_feed_spec_free(e->next_spec);
		e->next_spec = spec;
	}
	return 0;
}

static void take_object(struct nt_feeds *f, const struct nt_object *object)
{
	struct nt_feeds_entry *e = find(f, object->name);

	if (!e)
		e = add_entry(f, object->name);
	if (!e) {
		f->over++;
		nt_log_warn("DomainFeed %.*s is not read: there are %d already, or no memory",
			    NT_SLICE_ARG(object->name), NT_FEEDS_MAX);
		return;
	}
	e->seen = true;
	if (read_object(e, object) < 0)
		nt_log_warn("DomainFeed %s: no memory for its new form", e->name);
}

/* What is no longer there goes, with its file, as soon as the worker does not have it. */
static void drop_gone(struct nt_feeds *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->entries_len; i++) {
		struct nt_feeds_entry *e = f->entries[i];
		char path[300];

		if (!e->gone || e->busy) {
			f->entries[n++] = e;
			continue;
		}
		nt_feeds_kept_path(e, path);
		(void)unlinkat(f->dir_fd, path, 0);
		free_entry(e);
	}
	f->entries_len = n;
}

/* May it go? Files of feeds that went while this process was not there, and what the kill of
 * another one left half written: that of ours is written anew, maybe just now. */
static bool is_waste(const struct nt_feeds *f, const char *file)
{
	size_t len = strlen(file);
	char ours[32];

	snprintf(ours, sizeof(ours), ".set.tmp.%d", (int)getpid());
	if (file[0] == '.' || strstr(file, ours))
		return false;
	return len < 4 || strcmp(file + len - 4, ".set") != 0 ||
	       !find(f, nt_slice_mem(file, len - 4));
}

static void clean_folder(struct nt_feeds *f)
{
	int fd = openat(f->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	const struct dirent *file;

	while (dir && (file = readdir(dir)))
		if (is_waste(f, file->d_name))
			(void)unlinkat(f->dir_fd, file->d_name, 0);
}

void nt_feeds_objects(struct nt_feeds *f, const struct nt_objects *objects)
{
	uint64_t generation = nt_objects_kind_generation(objects, KIND);
	const struct nt_object *object;

	pthread_mutex_lock(&f->lock);
	if (generation != f->generation) {
		f->generation = generation;
		for (size_t i = 0; i < f->entries_len; i++)
			f->entries[i]->seen = false;
		for (size_t i = 0; (object = nt_objects_at(objects, KIND, i)); i++)
			take_object(f, object);
		for (size_t i = 0; i < f->entries_len; i++)
			f->entries[i]->gone |= !f->entries[i]->seen;
		pthread_cond_signal(&f->wake);
	}
	if (!f->cleaned && nt_objects_have_synced(objects)) {
		clean_folder(f);
		f->cleaned = true;
	}
	pthread_mutex_unlock(&f->lock);
}

void nt_feeds_tick(struct nt_feeds *f)
{
	pthread_mutex_lock(&f->lock);
	drop_gone(f);
	pthread_mutex_unlock(&f->lock);
	nt_feeds_ask(f);
}

/* --- the whole -------------------------------------------------------------------------------- */

static int open_folders(struct nt_feeds *f, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf path = { 0 };

	nt_buf_printf(&path, "%s/feeds", f->config.data);
	if (!nt_buf_ok(&path))
		return nt_err_set(err, ENOMEM, "no memory for the feeds");
	if (nt_file_mkdirs(path.p, 0700, err) < 0)
		return -err->code;
	f->dir_fd = open(path.p, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (f->dir_fd == -1)
		return nt_err_sys(err, errno, "%s", path.p);
	if (!f->config.files)
		return 0;
	f->files_fd = open(f->config.files, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return f->files_fd == -1 ? nt_err_sys(err, errno, "--feed-files %s", f->config.files) : 0;
}

static struct nt_feeds *new_feeds(const struct nt_feeds_config *config, struct nt_err *err)
{
	struct nt_feeds *f = calloc(1, sizeof(*f));

	if (!f || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		nt_err_set(err, ENOMEM, "no memory for the feeds");
		free(f);
		return NULL;
	}
	f->config = *config;
	f->dir_fd = f->files_fd = -1;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->wake, NULL);
	return f;
}

int nt_feeds_pretend(struct nt_feeds **ret_feeds, struct nt_err *err)
{
	const struct nt_feeds_config none = { 0 };
	const struct nt_feed_form lines = { .format = NT_FEED_LINES };
	struct nt_feeds *f = new_feeds(&none, err);
	struct nt_feed_set *set = NULL;

	if (!f)
		return -ENOMEM;
	if (nt_feed_parse(&lines, NT_FEED_LIMITS_DEFAULT, NT_SLICE_LIT(NT_FEEDS_PRETENDED), &set,
			  NULL, err) == 0)
		f->pretended = nt_feed_names_new(set, NT_FEED_BELOW, &f->bytes);
	if (f->pretended) {
		*ret_feeds = f;
		return 0;
	}
	nt_feed_set_free(set);
	nt_feeds_free(f);
	return nt_err_set(err, ENOMEM, "no memory for the feeds");
}

int nt_feeds_new(const struct nt_feeds_config *config, struct nt_feeds **ret_feeds,
		 struct nt_err *err)
{
	struct nt_feeds *f = new_feeds(config, err);
	int r;

	if (!f)
		return -ENOMEM;
	r = open_folders(f, err);
	if (r < 0)
		nt_feeds_free(f);
	else
		*ret_feeds = f;
	return r;
}

int nt_feeds_start(struct nt_feeds *f, struct nt_err *err)
{
	pthread_attr_t attr;
	int r;

	pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	r = pthread_create(&f->thread, &attr, nt_feeds_work, f);
	pthread_attr_destroy(&attr);
	f->running = r == 0;
	return r == 0 ? 0 : nt_err_sys(err, r, "a thread for the feeds");
}

void nt_feeds_stop(struct nt_feeds *f)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	atomic_store(&f->stopping, true);
	pthread_cond_broadcast(&f->wake);
	pthread_mutex_unlock(&f->lock);
	if (f->running)
		pthread_join(f->thread, NULL);
	f->running = false;
}

void nt_feeds_free(struct nt_feeds *f)
{
	if (!f)
		return;
	nt_feeds_stop(f);
	nt_feed_names_unref(f->pretended);
	for (size_t i = 0; i < f->entries_len; i++)
		free_entry(f->entries[i]);
	nt_closep(&f->dir_fd);
	nt_closep(&f->files_fd);
	pthread_cond_destroy(&f->wake);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* --- names ------------------------------------------------------------------------------------ */

static void say_why(const struct nt_feeds_entry *e, struct nt_slice name, char out[NT_FEED_WHY_MAX])
{
	if (!e)
		snprintf(out, NT_FEED_WHY_MAX, "there is no DomainFeed %.*s",
			 name.len < 100 ? (int)name.len : 100, name.p);
	else if (!e->spec && !e->next_spec)
		snprintf(out, NT_FEED_WHY_MAX, "DomainFeed %.60s is refused: %.60s: %.100s",
			 e->name, e->problem.field, e->problem.msg);
	else
		snprintf(out, NT_FEED_WHY_MAX, "DomainFeed %.60s has no list yet%s%.150s", e->name,
			 e->error[0] ? ": " : "", e->error);
}

struct nt_feed_names *nt_feeds_find(struct nt_feeds *f, struct nt_slice name,
				    char ret_why[NT_FEED_WHY_MAX])
{
	struct nt_feed_names *names = NULL;
	const struct nt_feeds_entry *e = NULL;

	if (f) {
		pthread_mutex_lock(&f->lock);
		e = find(f, name);
		names = nt_feed_names_ref(e ? e->names : f->pretended);
	}
	if (!names && ret_why)
		say_why(e, name, ret_why);
	if (f)
		pthread_mutex_unlock(&f->lock);
	return names;
}

static bool take_one(struct nt_feeds_taken *t, const struct nt_feeds_entry *e)
{
	char *text = strdup(e->name);

	if (!text)
		return false;
	t->texts[t->len] = text;
	t->names[t->len] = nt_feed_names_ref(e->names);
	t->subs[t->len++] = (struct nt_query_substitution){
		.name = nt_slice_str(text),
		.names = nt_feed_names_query(e->names),
		.names_name = nt_slice_str(text),
	};
	return true;
}

struct nt_feeds_taken *nt_feeds_take_all(struct nt_feeds *f)
{
	struct nt_feeds_taken *t = calloc(1, sizeof(*t));
	bool good = t != NULL;

	if (!f || !t)
		return t;
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->entries_len && good; i++)
		if (f->entries[i]->names && !f->entries[i]->gone)
			good = take_one(t, f->entries[i]);
	pthread_mutex_unlock(&f->lock);
	if (good)
		return t;
	nt_feeds_taken_free(t);
	return NULL;
}

void nt_feeds_taken_free(struct nt_feeds_taken *t)
{
	for (size_t i = 0; t && i < t->len; i++) {
		nt_feed_names_unref(t->names[i]);
		free(t->texts[i]);
	}
	free(t);
}

/* --- for people ------------------------------------------------------------------------------- */

static const char *state_of(const struct nt_feeds_entry *e)
{
	if (e->names)
		return e->error[0] || e->other_origin ? "stale" : "ready";
	if (!e->spec && !e->next_spec)
		return "refused";
	return e->error[0] ? "failed" : "loading";
}

static int64_t next_look_us(const struct nt_feeds_entry *e)
{
	struct nt_clock clock = nt_clock_system();
	int64_t in_us = e->due_us - nt_clock_boot_now() / NT_NS_PER_US;

	return in_us > 0 ? nt_clock_real(&clock) / NT_NS_PER_US + in_us : 0;
}

/* Strings of a spec end in a NUL. */
static void tell(const struct nt_feeds_entry *e, nt_feed_state_fn *fn, void *ctx)
{
	const struct nt_feed_spec *s = e->next_spec ?: e->spec;
	struct nt_feed_state state = {
		.name = e->name,
		.accepted = e->accepted,
		.problem_field = e->accepted ? "" : e->problem.field,
		.problem_msg = e->accepted ? "" : e->problem.msg,
		.source = s ? nt_feed_source_name(s) : "",
		.where = s ? s->where.p : "",
		.key = s && s->key.len ? s->key.p : "",
		.format = s ? nt_feed_format_name(s) : "",
		.match = s ? nt_feed_match_name(s) : "",
		.interval_us = s ? s->interval_us : 0,
		.state = state_of(e),
		.read_us = e->names ? e->read_us : 0,
		.checked_us = e->checked_us,
		.next_us = next_look_us(e),
		.error = e->error,
		.failures = e->failures,
		.updated = e->updated,
		.unchanged = e->unchanged,
		.failed = e->failed,
		.report = &e->report,
	};

	if (e->names) {
		state.entries = nt_feed_set_len(nt_feed_names_set(e->names));
		state.bytes = nt_feed_set_bytes(nt_feed_names_set(e->names));
	}
	fn(ctx, &state);
}

void nt_feeds_states(struct nt_feeds *f, nt_feed_state_fn *fn, void *ctx)
{
	if (!f)
		return;
	pthread_mutex_lock(&f->lock);
	for (size_t i = 0; i < f->entries_len; i++)
		if (!f->entries[i]->gone)
			tell(f->entries[i], fn, ctx);
	pthread_mutex_unlock(&f->lock);
}

struct nt_feeds_stats nt_feeds_stats(struct nt_feeds *f)
{
	struct nt_feeds_stats s = { 0 };

	if (!f)
		return s;
	pthread_mutex_lock(&f->lock);
	s = (struct nt_feeds_stats){ .bytes = atomic_load(&f->bytes),
				     .bytes_max = f->config.bytes_max,
				     .over = f->over,
				     .kept_failed = f->kept_failed };
	pthread_mutex_unlock(&f->lock);
	return s;
}
