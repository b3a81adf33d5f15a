/* SPDX-License-Identifier: Apache-2.0 */
/* GET and POST alerts/suppressions, DELETE alerts/suppressions/{id}. */
#include "api/http/frame.h"

#include <inttypes.h>

#include "api/http/body.h"
#include "controller/ingest/ingest.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"

/* What lasts longer is a rule to be changed; and who set it may be gone. */
#define DAYS_MAX 90
/* Of a rule, and of a value: longer than a name of DNS with each octet escaped. */
enum { RULE_MAX = 253, VALUE_MAX = 1100 };

/* --- the listing ------------------------------------------------------------------------------ */

static void write_suppression(struct nt_json *j, const struct nt_store_suppression *s)
{
	nt_json_open(j, '{');
	nt_json_key(j, "id");
	nt_json_value(j);
	nt_buf_printf(j->out, "\"%" PRId64 "\"", s->id);
	nt_json_key_str(j, "rule", s->rule);
	nt_json_key(j, "group");
	nt_json_value(j);
	nt_buf_slice(j->out, s->group); /* JSON as it is stored */
	nt_json_key_time(j, "until", s->until_us);
	nt_json_key_str(j, "reason", s->reason);
	nt_json_key_str(j, "by", s->by);
	nt_json_key_time(j, "created", s->created_us);
	nt_json_key_u64(j, "events", s->events);
	nt_json_close(j, '}');
}

static bool add_suppression(void *ctx, const struct nt_store_suppression *s)
{
	write_suppression(ctx, s);
	return true;
}

static int write_suppressions(struct nt_api *api, struct nt_store_reader *reader, void *ctx,
			      struct nt_reply *reply, struct nt_err *err)
{
	struct nt_json j = nt_frame_list_open(reply, "suppressions");
	int r = nt_store_suppressions(reader, add_suppression, &j, err);

	(void)api;
	(void)ctx;
	nt_frame_list_close(&j);
	return r;
}

void nt_handle_suppressions(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	if (nt_frame_plain(p, reply))
		nt_frame_from_store(api, write_suppressions, NULL, reply);
}

/* --- one of them ------------------------------------------------------------------------------ */

struct one {
	int64_t id;
	struct nt_reply *reply; /* 200 when it is there */
};

static bool keep_one(void *ctx, const struct nt_store_suppression *s)
{
	struct one *one = ctx;
	struct nt_json j = NT_JSON(&one->reply->body);

	if (s->id != one->id)
		return true;
	nt_reply_json(one->reply);
	write_suppression(&j, s);
	return false;
}

static int write_one(struct nt_api *api, struct nt_store_reader *reader, void *ctx,
		     struct nt_reply *reply, struct nt_err *err)
{
	struct one one = { .id = *(const int64_t *)ctx, .reply = reply };

	(void)api;
	nt_reply_problem(reply, 404, "there is no suppression %" PRId64, one.id);
	return nt_store_suppressions(reader, keep_one, &one, err);
}

void nt_handle_unsuppress(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	struct nt_err err = { 0 };
	int64_t id = 0;
	int r;

	if (nt_params_check(p, "id", &err) < 0 || nt_params_id(p, &id, &err) < 0) {
		nt_reply_problem(reply, 400, "%s", err.msg);
		return;
	}
	/* As it was: it can be made again. */
	nt_frame_from_store(api, write_one, &id, reply);
	if (reply->status != 200)
		return;
	r = nt_store_unsuppress(api->store, id, nt_now_us(), &err);
	if (r == -ENOENT)
		nt_reply_problem(reply, 404, "%s", err.msg);
	else if (r < 0)
		nt_reply_store_problem(reply, &err);
	else
		nt_log_info("suppression %" PRId64 " is taken out", id);
}

/* --- a new one -------------------------------------------------------------------------------- */

/* What is asked for, checked against the rule that it is about. */
struct asked {
	struct nt_store_suppression s;
	json_t *group; /* borrowed; NULL: all groups */
	struct nt_buf group_text; /* of s.group */
	bool found; /* the rule */
	struct nt_err *err;
	int result;
};

/* The rule's spelling of a field; empty: it does not group by that. */
static struct nt_slice field_of(const struct nt_alert_rule *rule, const char *key)
{
	for (size_t i = 0; i < rule->aggregate_by_len; i++)
		if (nt_slice_caseeq(rule->aggregate_by[i], nt_slice_str(key)))
			return rule->aggregate_by[i];
	return (struct nt_slice){ 0 };
}

static int refuse_field(const struct nt_alert_rule *rule, const char *key, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf all = { 0 };

	if (!rule->aggregate_by_len)
		return nt_err_set(err, EINVAL,
				  "group: %.*s has no groups (no aggregateBy): leave group out",
				  NT_SLICE_ARG(rule->name));
	for (size_t i = 0; i < rule->aggregate_by_len; i++)
		nt_buf_printf(&all, "%s%.*s", i ? ", " : "", NT_SLICE_ARG(rule->aggregate_by[i]));
	return nt_err_set(err, EINVAL, "group.%.60s: %.*s does not group by that, but by %s", key,
			  NT_SLICE_ARG(rule->name), nt_buf_str(&all));
}

/* JSON knows names by their case, a field has one name: which of two values was meant? */
static bool is_said_twice(json_t *group, struct nt_slice field)
{
	unsigned times = 0;
	const char *key;
	json_t *value;

	json_object_foreach(group, key, value) times += nt_slice_caseeq(field, nt_slice_str(key));
	return times > 1;
}

static int write_group(struct asked *asked, const struct nt_alert_rule *rule)
{
	struct nt_json j = NT_JSON(&asked->group_text);
	const char *key;
	json_t *value;

	nt_json_open(&j, '{');
	json_object_foreach(asked->group, key, value)
	{
		struct nt_slice field = field_of(rule, key), text;

		if (!field.len)
			return refuse_field(rule, key, asked->err);
		if (is_said_twice(asked->group, field))
			return nt_err_set(asked->err, EINVAL,
					  "group.%.*s: the field is there twice (upper and lower "
					  "case are the same)",
					  NT_SLICE_ARG(field));
		if (!json_is_string(value) || json_string_length(value) > VALUE_MAX)
			return nt_err_set(asked->err, EINVAL,
					  "group.%.*s: a text of at most %d octets is wanted",
					  NT_SLICE_ARG(field), VALUE_MAX);
		text = nt_slice_mem(json_string_value(value), json_string_length(value));
		nt_json_key_slice(&j, field);
		nt_json_str(&j, text);
	}
	nt_json_close(&j, '}');
	if (!nt_buf_ok(&asked->group_text))
		return nt_err_set(asked->err, ENOMEM, "no memory for a suppression");
	asked->s.group = nt_slice_mem(asked->group_text.p, asked->group_text.len);
	return 0;
}

static bool check_rule(void *ctx, const struct nt_alert_rule *rule)
{
	struct asked *asked = ctx;

	asked->found = nt_slice_eq(rule->name, asked->s.rule);
	if (asked->found)
		asked->result = write_group(asked, rule);
	return !asked->found;
}

static int take_until(const json_t *object, struct asked *asked, struct nt_err *err)
{
	const int64_t now_us = asked->s.created_us, max_us = DAYS_MAX * 86400 * 1000000LL;
	struct nt_slice text;
	int r = nt_body_text(object, "until", 64, true, &text, err);

	if (r < 0)
		return r;
	if (nt_time_param_parse(text, now_us, &asked->s.until_us) < 0)
		return nt_err_set(err, EINVAL,
				  "until: a time is wanted, as 2026-11-23T06:12:04Z or now+8h");
	if (asked->s.until_us <= now_us)
		return nt_err_set(err, EINVAL, "until: that is no time to come");
	if (asked->s.until_us - now_us > max_us)
		return nt_err_set(err, EINVAL, "until: at most %d days ahead", DAYS_MAX);
	return 0;
}

static int take_group(const json_t *object, struct asked *asked, struct nt_err *err)
{
	asked->group = json_object_get(object, "group");
	if (asked->group && !json_is_object(asked->group))
		return nt_err_set(err, EINVAL,
				  "group: an object is wanted, as {\"client_name\": \"web-1\"}");
	return 0;
}

static int take_suppression(const json_t *object, struct asked *asked, struct nt_err *err)
{
	int r = nt_body_text(object, "rule", RULE_MAX, true, &asked->s.rule, err);

	if (r == 0)
		r = take_group(object, asked, err);
	if (r == 0)
		r = take_until(object, asked, err);
	if (r == 0)
		r = nt_body_text(object, "reason", NT_BODY_WORDS_MAX, true, &asked->s.reason, err);
	return r == 0 ? nt_body_text(object, "by", NT_BODY_BY_MAX, true, &asked->s.by, err) : r;
}

static int take(struct nt_api *api, const struct nt_params *p, json_t **object, struct asked *asked,
		struct nt_err *err)
{
	static const char *const known[] = { "rule", "group", "until", "reason", "by", NULL };
	int r = nt_params_check(p, "", err);

	if (r == 0)
		r = nt_body_parse(p->body, known, object, err);
	if (r == 0)
		r = take_suppression(*object, asked, err);
	if (r < 0)
		return r;
	nt_ingest_alert_rules(api->ingest, check_rule, asked);
	if (!asked->found)
		return nt_err_set(err, EINVAL,
				  "rule: there is no GlobalAlert %.*s (/api/v1/alerts has them)",
				  NT_SLICE_ARG(asked->s.rule));
	return asked->result;
}

/* Answered without another look into the store: one that fails would make the caller ask again for
 * what is there. */
static void suppress(struct nt_api *api, struct asked *asked, struct nt_reply *reply)
{
	struct nt_store_suppression *s = &asked->s;
	struct nt_json j = NT_JSON(&reply->body);
	struct nt_err err = { 0 };
	int r = nt_store_suppress(api->store, s, &err);

	if (r == -EDQUOT)
		nt_reply_problem(reply, 409, "%s", err.msg);
	else if (r < 0)
		nt_reply_store_problem(reply, &err);
	if (r < 0)
		return;
	nt_log_info("suppression %" PRId64 " of %.*s %.*s by %.*s: %.*s", s->id,
		    NT_SLICE_ARG(s->rule), NT_SLICE_ARG(s->group), NT_SLICE_ARG(s->by),
		    NT_SLICE_ARG(s->reason));
	nt_reply_json(reply);
	write_suppression(&j, s);
}

void nt_handle_suppress(struct nt_api *api, const struct nt_params *p, struct nt_reply *reply)
{
	struct nt_err err = { 0 };
	struct asked asked = { .s.created_us = nt_now_us(), .err = &err };
	json_auto_t *object = NULL;
	int r = take(api, p, &object, &asked, &err);

	if (r < 0)
		nt_reply_problem(reply, r == -ENOMEM ? 503 : 400, "%s", err.msg);
	else
		suppress(api, &asked, reply);
	nt_buf_done(&asked.group_text);
}
