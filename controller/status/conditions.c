/* SPDX-License-Identifier: Apache-2.0 */
/* Conditions: what is to be said of an object, and since when it is so. */
#include "controller/status/conditions.h"

#include <jansson.h>
#include <stdio.h>

#include "lib/base/date.h"

/* --- of a rule -------------------------------------------------------------------------------- */

static json_t *condition(const struct nt_alert_rule *rule, const char *type, const char *status,
			 const char *reason, const char *message)
{
	return json_pack("{s:s, s:s, s:s, s:s, s:I}", "type", type, "status", status, "reason",
			 reason, "message", message, "observedGeneration",
			 (json_int_t)rule->generation);
}

/* By the field: people look for the reason, and for what a rule of the reference asks for. */
static const char *refusal_of(const struct nt_alert_rule *rule)
{
	if (nt_slice_eq(rule->problem_field, NT_SLICE_LIT("spec.dataSet")))
		return "UnsupportedDataSet";
	if (nt_slice_eq(rule->problem_field, NT_SLICE_LIT("spec.type")) ||
	    nt_slice_eq(rule->problem_field, NT_SLICE_LIT("spec.detector")))
		return "UnsupportedType";
	return "InvalidSpec";
}

/* Has it a form that was right? Each of these has a period. */
static bool is_evaluated(const struct nt_alert_rule *rule)
{
	return rule->period_us != 0;
}

static json_t *accepted_of(const struct nt_alert_rule *rule)
{
	char message[1024];

	if (rule->accepted && rule->disabled)
		return condition(rule, "Accepted", "True", "Disabled", "spec.disabled is true");
	if (rule->accepted)
		return condition(rule, "Accepted", "True", "Accepted", "it is evaluated");
	snprintf(message, sizeof(message), "%.*s%s%.*s%s", NT_SLICE_ARG(rule->problem_field),
		 rule->problem_field.len ? ": " : "", NT_SLICE_ARG(rule->problem_msg),
		 is_evaluated(rule) ? " (the last form that was right is evaluated)" : "");
	return condition(rule, "Accepted", "False", refusal_of(rule), message);
}

/* Never "": API servers of 1.20 take that for null in a merge patch, and refuse it. */
static const char *message_of(const struct nt_selftest *t)
{
	static const char *const usual[] = {
		[NT_SELFTEST_NONE] = "no form of the rule was right yet",
		[NT_SELFTEST_PENDING] = "it waits for its turn",
		[NT_SELFTEST_PASSED] = "it fires on rows on which it must fire, and on no others",
		[NT_SELFTEST_FAILED] = "it differs",
		[NT_SELFTEST_NOT_GENERATED] = "rows could not be made",
	};

	return t->msg[0] ? t->msg : usual[t->state];
}

static json_t *tested_of(const struct nt_alert_rule *rule)
{
	static const struct {
		const char *status, *reason;
	} said[] = {
		[NT_SELFTEST_NONE] = { "Unknown", "NotAccepted" },
		[NT_SELFTEST_PENDING] = { "Unknown", "Pending" },
		[NT_SELFTEST_PASSED] = { "True", "Passed" },
		[NT_SELFTEST_FAILED] = { "False", "Failed" },
		[NT_SELFTEST_NOT_GENERATED] = { "Unknown", "NotGenerated" },
	};
	const struct nt_selftest *t = rule->selftest;

	return condition(rule, "SelfTested", said[t->state].status, said[t->state].reason,
			 message_of(t));
}

static json_t *set_of(const struct nt_selftest_set *set)
{
	return json_pack("{s:s, s:I, s:I}", "source", set->given ? "given" : "generated", "rows",
			 (json_int_t)set->rows, "events", (json_int_t)set->events);
}

/* Null takes away what is there. */
static json_t *selftest_of(const struct nt_selftest *t)
{
	if (t->state == NT_SELFTEST_NONE)
		return json_null();
	return json_pack("{s:s, s:s, s:o, s:o}", "result", nt_selftest_word(t->state), "message",
			 message_of(t), "fires", set_of(&t->fires), "silent", set_of(&t->silent));
}

json_t *nt_conditions_of_rule(const struct nt_alert_rule *rule)
{
	return json_pack("{s:I, s:[o, o], s:o}", "observedGeneration", (json_int_t)rule->generation,
			 "conditions", accepted_of(rule), tested_of(rule), "selfTest",
			 selftest_of(rule->selftest));
}

/* --- with times ------------------------------------------------------------------------------- */

static json_t *find(const json_t *conditions, const json_t *type)
{
	json_t *c;
	size_t i;

	json_array_foreach(conditions, i,
			   c) if (json_equal(json_object_get(c, "type"), type)) return c;
	return NULL;
}

static json_t *time_of(int64_t now_s)
{
	struct nt_date d = nt_date_of(now_s);

	return json_sprintf("%04lld-%02u-%02uT%02u:%02u:%02uZ", (long long)d.year, d.month, d.day,
			    d.hour, d.minute, d.second);
}

/* A time changes with the status alone: not with the reason, the message, the generation. */
static int set_time(json_t *condition, const json_t *before, int64_t now_s)
{
	json_t *since = json_object_get(before, "lastTransitionTime");

	if (json_is_string(since) &&
	    json_equal(json_object_get(before, "status"), json_object_get(condition, "status")))
		return json_object_set(condition, "lastTransitionTime", since);
	return json_object_set_new(condition, "lastTransitionTime", time_of(now_s));
}

static int keep_others(json_t *conditions, const json_t *there)
{
	json_t *c;
	size_t i;

	json_array_foreach(there, i, c) if (!find(conditions, json_object_get(c, "type")) &&
					    json_array_append(conditions, c) < 0) return -1;
	return 0;
}

json_t *nt_conditions_merge(const json_t *wanted, const json_t *there, int64_t now_s)
{
	json_t *status = json_deep_copy(wanted);
	json_t *conditions = json_object_get(status, "conditions");
	const json_t *before = json_object_get(there, "conditions");
	json_t *c;
	size_t i;
	int r = 0;

	json_array_foreach(conditions, i, c) r |=
		set_time(c, find(before, json_object_get(c, "type")), now_s);
	if (status && (r | keep_others(conditions, before)) == 0)
		return status;
	json_decref(status);
	return NULL;
}
