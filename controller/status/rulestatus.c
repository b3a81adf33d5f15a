/* SPDX-License-Identifier: Apache-2.0 */
/* From the rules' standing to the objects' status, one object after the other. */
#include "controller/status/rulestatus.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controller/ingest/ingest.h"
#include "controller/status/conditions.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

#define PAUSE_MIN_NS NT_NS_PER_S
#define PAUSE_MAX_NS (60 * NT_NS_PER_S)
/* Of one object, with all that others wrote into it. */
#define OBJECT_BYTES_MAX ((size_t)2 << 20)
/* After an answer that is about one object alone. */
#define SET_ASIDE_NS (60 * NT_NS_PER_S)

struct item {
	char *name, *uid;
	uint64_t standing; /* of the rule, when it was last looked at */
	json_t *wanted; /* status without times */
	bool seen; /* by the round over the rules */
	bool settled; /* the API has it */
	int64_t not_before_ns; /* CLOCK_BOOTTIME */
};

struct nt_rulestatus {
	struct nt_rulestatus_config config;
	struct item **items;
	size_t len, turn; /* turn: which one is asked about next */
	uint64_t standing; /* of the rules, when they were last gone through */
	/* Of the request that is under way; NULL: none is. The item may go meanwhile. */
	char *current;
	json_t *sent; /* the status that was wanted then */
	int64_t pause_ns; /* 0: the last request went well */
	int64_t not_before_ns;
	atomic_uint_fast64_t written, failed, waiting;
};

/* --- what is wanted --------------------------------------------------------------------------- */

static void free_item(struct item *i)
{
	if (!i)
		return;
	json_decref(i->wanted);
	free(i->name);
	free(i->uid);
	free(i);
}

static struct item *find(const struct nt_rulestatus *s, struct nt_slice name)
{
	for (size_t i = 0; i < s->len; i++)
		if (nt_slice_eq(nt_slice_str(s->items[i]->name), name))
			return s->items[i];
	return NULL;
}

static struct item *add(struct nt_rulestatus *s, struct nt_slice name)
{
	struct item **items = reallocarray(s->items, s->len + 1, sizeof(struct item *));
	struct item *i = items ? calloc(1, sizeof(*i)) : NULL;

	if (items)
		s->items = items;
	if (!i)
		return NULL;
	i->name = strndup(name.p, name.len);
	i->uid = strdup("");
	if (!i->name || !i->uid) {
		free_item(i);
		return NULL;
	}
	s->items[s->len++] = i;
	return i;
}

/* For lack of memory it is as it was: the next round sees. */
static bool want(struct item *i, const struct nt_alert_rule *rule)
{
	bool same_uid = nt_slice_eq(nt_slice_str(i->uid), rule->uid);
	json_t *wanted = nt_conditions_of_rule(rule);
	char *uid = strndup(rule->uid.p ?: "", rule->uid.len);

	if (!wanted || !uid) {
		json_decref(wanted);
		free(uid);
		return false;
	}
	if (!same_uid || !i->wanted || !json_equal(i->wanted, wanted)) {
		i->settled = false;
		i->not_before_ns = 0;
	}
	json_decref(i->wanted);
	free(i->uid);
	i->wanted = wanted;
	i->uid = uid;
	return true;
}

struct round {
	struct nt_rulestatus *s;
	size_t next; /* the item of the next rule, most often: both are in one order */
	bool whole;
};

static struct item *item_of(struct round *round, struct nt_slice name)
{
	struct nt_rulestatus *s = round->s;
	size_t at = round->next++;

	if (at < s->len && nt_slice_eq(nt_slice_str(s->items[at]->name), name))
		return s->items[at];
	return find(s, name) ?: add(s, name);
}

/* The ingestion's lock is held: no more than what has changed. */
static bool take_rule(void *ctx, const struct nt_alert_rule *rule)
{
	struct round *round = ctx;
	struct item *i = item_of(round, rule->name);

	round->whole &= i != NULL;
	if (!i)
		return true;
	i->seen = true;
	if (i->standing == rule->standing)
		return true;
	/* Two writes would follow each other in a second. */
	if (!rule->accepted || rule->selftest->state != NT_SELFTEST_PENDING) {
		if (!want(i, rule))
			round->whole = false;
		else
			i->standing = rule->standing;
	}
	return true;
}

static void drop_unseen(struct nt_rulestatus *s)
{
	size_t n = 0;

	for (size_t i = 0; i < s->len; i++) {
		if (s->items[i]->seen)
			s->items[n++] = s->items[i];
		else
			free_item(s->items[i]);
	}
	s->len = n;
}

static void look_at_rules(struct nt_rulestatus *s)
{
	struct round round = { .s = s, .whole = true };
	uint64_t standing = nt_ingest_alerts_standing(s->config.ingest);

	if (standing == s->standing)
		return;
	for (size_t i = 0; i < s->len; i++)
		s->items[i]->seen = false;
	nt_ingest_alert_rules(s->config.ingest, take_rule, &round);
	drop_unseen(s);
	if (round.whole)
		s->standing = standing;
}

/* --- what came of a request ------------------------------------------------------------------- */

static void go_on(struct nt_rulestatus *s);

/* The item of the request that has ended, NULL: its rule is gone. */
static struct item *end_request(struct nt_rulestatus *s)
{
	struct item *i = find(s, nt_slice_str(s->current));

	free(s->current);
	s->current = NULL;
	return i;
}

static void pause_all(struct nt_rulestatus *s, const char *name,
		      const struct nt_kube_answer *answer)
{
	int64_t min = s->config.pause_min_ns, max = s->config.pause_max_ns;
	int64_t wait;

	if (!s->pause_ns)
		nt_log_warn("the status of GlobalAlert %s cannot be written, those of all wait: %s",
			    name, answer->error.msg);
	s->pause_ns = s->pause_ns ? s->pause_ns * 2 : min;
	s->pause_ns = s->pause_ns < max ? s->pause_ns : max;
	wait = s->pause_ns > answer->retry_after_ns ? s->pause_ns : answer->retry_after_ns;
	s->not_before_ns = nt_clock_boot(s->config.clock) + wait;
}

/* Another object may go well. */
static void set_aside(struct nt_rulestatus *s, struct item *i, const char *why)
{
	nt_log_warn("the status of GlobalAlert %s cannot be written: %s", i->name, why);
	i->not_before_ns = nt_clock_boot(s->config.clock) + SET_ASIDE_NS;
}

static void failed(struct nt_rulestatus *s, struct item *i, const struct nt_kube_answer *answer)
{
	atomic_fetch_add(&s->failed, 1);
	if (!i)
		return;
	if (answer->status == 404) /* the watch will tell of it */
		i->settled = true;
	else if (answer->status == 409) /* somebody else wrote: look again, a moment later */
		i->not_before_ns = nt_clock_boot(s->config.clock) + s->config.pause_min_ns;
	else if (answer->status == 400 || answer->status == 413 || answer->status == 422)
		set_aside(s, i, answer->error.msg);
	else
		pause_all(s, i->name, answer);
}

static void went_well(struct nt_rulestatus *s)
{
	if (s->pause_ns)
		nt_log_info("the status of GlobalAlerts is written again");
	s->pause_ns = 0;
}

/* What was wanted meanwhile is another request. */
static void settle(struct nt_rulestatus *s, struct item *i)
{
	went_well(s);
	if (i)
		i->settled = json_equal(i->wanted, s->sent);
}

static void on_written(void *ctx, const struct nt_kube_answer *answer)
{
	struct nt_rulestatus *s = ctx;
	struct item *i = end_request(s);

	if (answer->status == 200) {
		atomic_fetch_add(&s->written, 1);
		settle(s, i);
	} else {
		failed(s, i, answer);
	}
	go_on(s);
}

/* --- requests --------------------------------------------------------------------------------- */

static int ask(struct nt_rulestatus *s, const struct item *i, const char *method,
	       const char *suffix, const json_t *body, nt_kube_fn *fn, struct nt_err *err)
{
	_cleanup_free_ char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	_cleanup_free_ char *name = strdup(i->name);
	char path[512];
	struct nt_kube_request request = { .method = method,
					   .path = path,
					   .content_type = "application/merge-patch+json",
					   .max_bytes = OBJECT_BYTES_MAX };
	int r;

	snprintf(path, sizeof(path), "/apis/nametap.io/v1alpha1/globalalerts/%.300s%s", i->name,
		 suffix);
	if (!name || (body && !text))
		return nt_err_set(err, ENOMEM, "no memory for a request");
	if (text)
		request.body = nt_slice_str(text);
	r = nt_kube_send(s->config.kube, &request, fn, s, NULL, err);
	if (r == 0)
		s->current = NT_TAKE_PTR(name);
	return r;
}

static void ask_or_fail(struct nt_rulestatus *s, struct item *i, const char *method,
			const char *suffix, const json_t *body, nt_kube_fn *fn)
{
	struct nt_kube_answer answer = { 0 };

	if (ask(s, i, method, suffix, body, fn, &answer.error) < 0)
		failed(s, i, &answer);
}

/* All that is ours is there already? Null is not there. */
static bool is_there(const json_t *status, const json_t *there)
{
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)status, key, value)
	{
		const json_t *old = json_object_get(there, key);

		if (json_is_null(value) ? old != NULL : !json_equal(value, old))
			return false;
	}
	return true;
}

/* resourceVersion: what was written since we looked is not overwritten, but a 409. */
static void write_status(struct nt_rulestatus *s, struct item *i, const json_t *object,
			 json_t *status)
{
	json_auto_t *patch =
		json_pack("{s:{s:O}, s:O}", "metadata", "resourceVersion",
			  json_object_get(json_object_get(object, "metadata"), "resourceVersion"),
			  "status", status);
	struct nt_kube_answer answer = { 0 };

	if (patch) {
		ask_or_fail(s, i, "PATCH", "/status", patch, on_written);
		return;
	}
	(void)nt_err_set(&answer.error, EBADMSG, "the API's answer is no object");
	failed(s, i, &answer);
}

/* Not of the object that the rule is of: the watch will bring that one. */
static bool is_same_object(const struct item *i, const json_t *object)
{
	const json_t *meta = json_object_get(object, "metadata");
	const char *uid = json_string_value(json_object_get(meta, "uid"));

	return uid && strcmp(uid, i->uid) == 0;
}

static void compare(struct nt_rulestatus *s, struct item *i, struct nt_slice text)
{
	json_auto_t *object = json_loadb(text.p ?: "", text.len, 0, NULL);
	const json_t *there = json_object_get(object, "status");
	int64_t now_s = nt_clock_real(s->config.clock) / NT_NS_PER_S;
	json_auto_t *status = nt_conditions_merge(i->wanted, there, now_s);

	json_decref(s->sent);
	s->sent = json_incref(i->wanted);
	if (object && (!is_same_object(i, object) || is_there(status, there)))
		settle(s, i);
	else
		write_status(s, i, object, status);
}

static void on_object(void *ctx, const struct nt_kube_answer *answer)
{
	struct nt_rulestatus *s = ctx;
	struct item *i = end_request(s);

	if (answer->status != 200)
		failed(s, i, answer);
	else if (i)
		compare(s, i, answer->body);
	go_on(s);
}

/* --- which one is next ------------------------------------------------------------------------ */

static void count_waiting(struct nt_rulestatus *s)
{
	uint64_t n = 0;

	for (size_t i = 0; i < s->len; i++)
		n += s->items[i]->wanted && !s->items[i]->settled;
	atomic_store(&s->waiting, n);
}

static void go_on(struct nt_rulestatus *s)
{
	int64_t now_ns = nt_clock_boot(s->config.clock);

	count_waiting(s);
	for (size_t k = 0; k < s->len && !s->current && now_ns >= s->not_before_ns; k++) {
		struct item *i = s->items[(s->turn + k) % s->len];

		if (!i->wanted || i->settled || now_ns < i->not_before_ns)
			continue;
		/* One that fails time and again is not always the first. */
		s->turn = (s->turn + k + 1) % s->len;
		ask_or_fail(s, i, "GET", "", NULL, on_object);
	}
}

void nt_rulestatus_tick(struct nt_rulestatus *s)
{
	if (!s)
		return;
	look_at_rules(s);
	go_on(s);
}

/* --- life ------------------------------------------------------------------------------------- */

int nt_rulestatus_new(const struct nt_rulestatus_config *config, struct nt_rulestatus **ret_status,
		      struct nt_err *err)
{
	struct nt_rulestatus *s = calloc(1, sizeof(*s));

	if (!s)
		return nt_err_set(err, ENOMEM, "no memory for the status of rules");
	s->config = *config;
	s->config.pause_min_ns = config->pause_min_ns ?: PAUSE_MIN_NS;
	s->config.pause_max_ns = config->pause_max_ns ?: PAUSE_MAX_NS;
	*ret_status = s;
	return 0;
}

struct nt_rulestatus_figures nt_rulestatus_figures(struct nt_rulestatus *s)
{
	if (!s)
		return (struct nt_rulestatus_figures){ 0 };
	return (struct nt_rulestatus_figures){ .written = atomic_load(&s->written),
					       .failed = atomic_load(&s->failed),
					       .waiting = atomic_load(&s->waiting) };
}

void nt_rulestatus_free(struct nt_rulestatus *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->len; i++)
		free_item(s->items[i]);
	free(s->items);
	free(s->current);
	json_decref(s->sent);
	free(s);
}
