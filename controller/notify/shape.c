/* SPDX-License-Identifier: Apache-2.0 */
/* Bodies of requests, by type of receiver. */
#include "controller/notify/shape.h"

#include <curl/curl.h>

#include "controller/alerts/event.h"
#include "controller/notify/kubeevents.h"
#include "lib/base/cleanup.h"
#include "lib/base/escape.h"
#include "lib/base/json.h"

/* Jira's own bounds are 255 characters of a summary and 32,767 of a description, in which an octet
 * may take five. */
#define JIRA_SUMMARY_MAX 250
#define JIRA_TEXT_MAX ((size_t)2000)

static const char *name_of(enum nt_store_change change)
{
	return change == NT_STORE_RESOLVED ? "resolved" : "opened";
}

bool nt_shape_wants(enum nt_receiver_type type, enum nt_store_change change)
{
	return type != NT_RECEIVER_JIRA || change == NT_STORE_OPENED;
}

void nt_shape_key(const struct nt_receiver *r, const struct nt_store_notice *notice,
		  struct nt_buf *out)
{
	nt_buf_printf(out, "%lld-%s-%s-%lld", (long long)notice->event.id, name_of(notice->change),
		      r->name, (long long)notice->queued_us);
}

struct nt_store_notice nt_shape_test(int64_t now_us)
{
	return (struct nt_store_notice){
		.queued_us = now_us,
		.due_us = now_us,
		.change = NT_STORE_OPENED,
		.event = { .rule = NT_SLICE_LIT("nametap-test"),
			   .group = NT_SLICE_LIT("{}"),
			   .summary = NT_SLICE_LIT("A test of this receiver: nothing happened"),
			   .severity = 1,
			   .first_seen_us = now_us,
			   .last_seen_us = now_us,
			   .from_us = now_us },
	};
}

/* --- the page that shows the rows ------------------------------------------------------------- */

static void put_encoded(struct nt_buf *out, const char *name, struct nt_slice value)
{
	char *text = curl_easy_escape(NULL, value.len ? value.p : "", (int)value.len);

	nt_buf_printf(out, "%s=%s", name, text ? text : "");
	curl_free(text);
}

static void put_encoded_time(struct nt_buf *out, const char *name, int64_t us)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_json j = NT_JSON(&text);

	nt_json_time(&j, us);
	nt_buf_puts(out, "&");
	if (text.len > 2) /* without its quotes */
		put_encoded(out, name, nt_slice_mem(text.p + 1, text.len - 2));
}

static void put_link(const struct nt_shape *shape, const struct nt_store_event *e,
		     struct nt_buf *out)
{
	nt_buf_puts(out, shape->external_url);
	put_encoded(out, "?q", e->query);
	put_encoded_time(out, "from", e->from_us);
	put_encoded_time(out, "to", e->last_seen_us);
}

static void write_link(const struct nt_shape *shape, const char *key,
		       const struct nt_store_event *e, struct nt_json *j)
{
	_cleanup_buf_ struct nt_buf link = { 0 };

	if (!shape->external_url)
		return;
	put_link(shape, e, &link);
	nt_json_key_str(j, key, nt_slice_mem(link.p, link.len));
}

/* --- Alertmanager, API v2 --------------------------------------------------------------------- */

/* A label's name has no dots ("servers.ip"). */
static void write_label_name(struct nt_json *j, const char *key)
{
	_cleanup_buf_ struct nt_buf name = { 0 };

	for (; *key; key++)
		nt_buf_putc(&name, *key == '.' ? '_' : *key);
	nt_json_key_slice(j, nt_slice_mem(name.p, name.len));
}

static bool is_label_name(const char *key, const char *name)
{
	for (; *key && (*key == '.' ? '_' : *key) == *name; key++)
		name++;
	return !*key && !*name;
}

/* The rule's own labels do not hide what tells alerts apart; severity they may say in other words.
 */
static bool is_ours(json_t *group, const char *name)
{
	const char *key;
	json_t *value;

	json_object_foreach(group, key, value) if (is_label_name(key, name)) return true;
	return strcmp(name, "alertname") == 0;
}

static void write_own_labels(json_t *own, json_t *group, struct nt_json *j)
{
	const char *key;
	json_t *value;

	json_object_foreach(own, key, value) if (!is_ours(group, key))
	{
		nt_json_key_slice(j, nt_slice_str(key));
		nt_json_str(j, nt_slice_str(json_string_value(value)));
	}
}

/* They are the alert's identity there: only what stays while an event is open. When somebody
 * changes the rule's severity, the alert as it was ends there by itself. */
static void write_labels(const struct nt_store_event *e, struct nt_json *j)
{
	_cleanup_buf_ struct nt_buf severity = { 0 };
	json_auto_t *group = json_loadb(e->group.len ? e->group.p : "", e->group.len, 0, NULL);
	json_auto_t *own = json_loadb(e->labels.len ? e->labels.p : "", e->labels.len, 0, NULL);
	const char *key;
	json_t *value;

	nt_json_open(j, '{');
	nt_buf_u64(&severity, e->severity);
	nt_json_key_str(j, "alertname", e->rule);
	if (!json_object_get(own, "severity"))
		nt_json_key_str(j, "severity", nt_slice_mem(severity.p, severity.len));
	write_own_labels(own, group, j);
	json_object_foreach(group, key, value)
	{
		write_label_name(j, key);
		nt_json_str(j, nt_slice_str(json_string_value(value)));
	}
	nt_json_close(j, '}');
}

static void write_figure(struct nt_json *j, const char *key, double figure)
{
	_cleanup_buf_ struct nt_buf text = { 0 };

	nt_buf_double(&text, figure);
	nt_json_key_str(j, key, nt_slice_mem(text.p, text.len));
}

static void write_annotations(const struct nt_store_event *e, struct nt_json *j)
{
	nt_json_open(j, '{');
	nt_json_key_str(j, "summary", e->summary);
	nt_json_key_str(j, "query", e->query);
	if (e->metric.len) {
		nt_json_key_str(j, "metric", e->metric);
		write_figure(j, "value", e->value);
		write_figure(j, "peak", e->peak);
		write_figure(j, "threshold", e->threshold);
	}
	nt_json_close(j, '}');
}

static void write_alert(const struct nt_shape *shape, const struct nt_store_notice *n,
			struct nt_json *j)
{
	const struct nt_store_event *e = &n->event;

	nt_json_open(j, '{');
	nt_json_key(j, "labels");
	write_labels(e, j);
	nt_json_key(j, "annotations");
	write_annotations(e, j);
	nt_json_key_time(j, "startsAt", e->first_seen_us);
	nt_json_key_time(j, "endsAt", e->resolved_us ? e->resolved_us : shape->ends_us);
	write_link(shape, "generatorURL", e, j);
	nt_json_close(j, '}');
}

/* --- webhook ---------------------------------------------------------------------------------- */

static void write_webhook(const struct nt_shape *shape, const struct nt_store_notice *n,
			  struct nt_json *j)
{
	_cleanup_buf_ struct nt_buf key = { 0 };

	nt_shape_key(shape->receiver, n, &key);
	nt_json_open(j, '{');
	nt_json_key_str(j, "key", nt_slice_mem(key.p, key.len));
	nt_json_key_str(j, "receiver", nt_slice_str(shape->receiver->name));
	nt_json_key_str(j, "change", nt_slice_str(name_of(n->change)));
	nt_json_key(j, "event");
	nt_event_json(j, &n->event);
	write_link(shape, "url", &n->event, j);
	nt_json_close(j, '}');
}

/* --- messages for people ---------------------------------------------------------------------- */

typedef void escape_fn(struct nt_buf *out, struct nt_slice s);

static void put_facts(const struct nt_store_event *e, escape_fn *escape, struct nt_buf *out)
{
	nt_buf_puts(out, "Rule ");
	escape(out, e->rule);
	nt_buf_printf(out, ", severity %u", e->severity);
	if (e->metric.len) {
		nt_buf_puts(out, ", ");
		escape(out, e->metric);
		nt_buf_putc(out, ' ');
		nt_buf_double(out, e->value);
		nt_buf_puts(out, ", threshold ");
		nt_buf_double(out, e->threshold);
	}
}

/* No mark-up, no links but ours, and nothing that Slack would fetch: the names of an attack are in
 * there. */
static void write_slack(const struct nt_shape *shape, const struct nt_store_notice *n,
			struct nt_json *j)
{
	_cleanup_buf_ struct nt_buf text = { 0 };

	nt_buf_puts(&text, n->change == NT_STORE_RESOLVED ? "Resolved: " : "Opened: ");
	nt_escape_slack(&text, n->event.summary);
	nt_buf_putc(&text, '\n');
	put_facts(&n->event, nt_escape_slack, &text);
	if (shape->external_url) {
		nt_buf_puts(&text, "\n<");
		put_link(shape, &n->event, &text);
		nt_buf_putc(&text, '>');
	}
	nt_json_open(j, '{');
	nt_json_key_str(j, "text", nt_slice_mem(text.p, text.len));
	nt_json_key(j, "mrkdwn");
	nt_json_bool(j, false);
	nt_json_key_str(j, "parse", NT_SLICE_LIT("none"));
	nt_json_key(j, "unfurl_links");
	nt_json_bool(j, false);
	nt_json_key(j, "unfurl_media");
	nt_json_bool(j, false);
	nt_json_close(j, '}');
}

static void write_named(struct nt_json *j, const char *field, const char *key, const char *value)
{
	nt_json_key(j, field);
	nt_json_open(j, '{');
	nt_json_key_str(j, key, nt_slice_str(value));
	nt_json_close(j, '}');
}

/* One line of plain text, cut between two characters. */
static void write_jira_summary(struct nt_json *j, const struct nt_store_event *e)
{
	_cleanup_buf_ struct nt_buf line = { 0 };
	size_t at = 0;

	for (unsigned count = 0; at < e->summary.len && count < JIRA_SUMMARY_MAX; count++) {
		size_t n = nt_utf8_len(nt_slice_mem(e->summary.p + at, e->summary.len - at));

		if (n && (unsigned char)e->summary.p[at] >= ' ' && e->summary.p[at] != 0x7f)
			nt_buf_add(&line, e->summary.p + at, n);
		else
			nt_buf_putc(&line, ' ');
		at += n ? n : 1;
	}
	nt_json_key_str(j, "summary", nt_slice_mem(line.p, line.len));
}

static void put_cut(struct nt_buf *out, struct nt_slice s)
{
	nt_escape_jira(out, nt_slice_mem(s.p, s.len < JIRA_TEXT_MAX ? s.len : JIRA_TEXT_MAX));
	if (s.len > JIRA_TEXT_MAX)
		nt_buf_puts(out, "...");
}

static void write_jira_description(const struct nt_shape *shape, const struct nt_store_event *e,
				   struct nt_json *j)
{
	_cleanup_buf_ struct nt_buf text = { 0 };

	put_cut(&text, e->summary);
	nt_buf_puts(&text, "\n\n");
	put_facts(e, nt_escape_jira, &text);
	nt_buf_puts(&text, "\nQuery: ");
	put_cut(&text, e->query);
	if (shape->external_url) {
		nt_buf_puts(&text, "\n[Rows|");
		put_link(shape, e, &text);
		nt_buf_putc(&text, ']');
	}
	nt_json_key_str(j, "description", nt_slice_mem(text.p, text.len));
}

/* POST /rest/api/2/issue. The label finds an issue that a killed controller made twice. */
static void write_jira(const struct nt_shape *shape, const struct nt_store_notice *n,
		       struct nt_json *j)
{
	_cleanup_buf_ struct nt_buf key = { 0 };

	nt_shape_key(shape->receiver, n, &key);
	nt_json_open(j, '{');
	nt_json_key(j, "fields");
	nt_json_open(j, '{');
	write_named(j, "project", "key", shape->receiver->project);
	write_named(j, "issuetype", "name", shape->receiver->issue_type);
	write_jira_summary(j, &n->event);
	write_jira_description(shape, &n->event, j);
	nt_json_key(j, "labels");
	nt_json_open(j, '[');
	nt_json_str(j, NT_SLICE_LIT("nametap"));
	nt_json_str(j, nt_slice_mem(key.p, key.len));
	nt_json_close(j, ']');
	nt_json_close(j, '}');
	nt_json_close(j, '}');
}

void nt_shape_write(const struct nt_shape *shape, const struct nt_store_notice *notice,
		    struct nt_buf *out)
{
	static void (*const write[NT_RECEIVER_TYPES])(const struct nt_shape *shape,
						      const struct nt_store_notice *n,
						      struct nt_json *j) = {
		[NT_RECEIVER_ALERTMANAGER] = write_alert,
		[NT_RECEIVER_WEBHOOK] = write_webhook,
		[NT_RECEIVER_SLACK] = write_slack,
		[NT_RECEIVER_JIRA] = write_jira,
		[NT_RECEIVER_KUBERNETES_EVENTS] = nt_kubeevents_write,
	};
	struct nt_json j = NT_JSON(out);

	write[shape->receiver->type](shape, notice, &j);
}
