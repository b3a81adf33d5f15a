/* SPDX-License-Identifier: Apache-2.0 */
/* Any YAML as GlobalAlerts: a refusal has a reason, what is taken makes a filter that parses. */
#include <stdlib.h>

#include "controller/alerts/rule.h"
#include "controller/alerts/sample.h"
#include "controller/alerts/text.h"
#include "lib/base/cleanup.h"
#include "lib/objects/manifest.h"
#include "lib/query/query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
	if (!ok)
		abort();
}

/* An event of the rule, with a piece of the input for each key. */
static void use(const struct nt_rule *rule, struct nt_slice piece)
{
	_cleanup_buf_ struct nt_buf filter = { 0 }, group = { 0 }, summary = { 0 }, clean = { 0 };
	_cleanup_arena_ struct nt_arena arena = NT_ARENA(1 << 20);
	_cleanup_(nt_query_freep) struct nt_query *q = NULL;
	struct nt_slice values[NT_STORE_GROUP_KEYS], back[NT_STORE_GROUP_KEYS];
	struct nt_query_error mistake;

	piece = nt_text_clean(piece, &clean);
	/* A text may hold anything; values of other types are those that records have, or none. */
	for (size_t i = 0; i < rule->keys_len; i++) {
		const struct nt_rule_key *key = &rule->keys[i];
		bool text = (key->member ?: key->field)->kind == NT_FIELD_STR;

		values[i] = text ? piece : (struct nt_slice){ 0 };
	}
	nt_text_filter(rule, values, &filter);
	nt_text_group(rule, values, &group);
	nt_text_summary(rule, values, 1.5, &summary);
	must(nt_query_parse(nt_slice_mem(filter.p, filter.len), &q, &mistake) == 0);
	must(nt_text_group_parse(rule, nt_slice_mem(group.p, group.len), &arena, back));
	for (size_t i = 0; i < rule->keys_len; i++)
		must(nt_slice_eq(back[i], values[i]));
	must(rule->width_us > 0 && rule->step_us >= rule->period_us);
	must(rule->lookback_us % rule->width_us == 0 && rule->step_us % rule->width_us == 0);
	must(rule->lookback_us / rule->width_us <= NT_RULE_BUCKETS_MAX);
	must(rule->for_us / rule->width_us <= NT_RULE_BUCKETS_MAX);
	must((rule->metric == NT_RULE_RATIO) == (rule->numerator != NULL));
}

/* Rows that are made for the rule are rows of it. */
static void make_sample(const struct nt_rule *rule, bool fires)
{
	struct nt_sample sample;
	char why[256];

	if (nt_sample_make(rule, fires, &sample, why) == NT_SAMPLE_MADE)
		for (size_t i = 0; i < sample.len && !sample.given; i++)
			must(nt_query_eval(rule->query, &sample.rows[i].record));
	nt_sample_done(&sample);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nt_slice text = nt_slice_mem(data, size);
	struct nt_manifest manifest = { 0 };

	must(nt_manifest_parse(text, NT_MANIFEST_YAML, &manifest) == 0);
	for (size_t i = 0; i < manifest.objects_len; i++) {
		struct nt_object_problem problem = { 0 };
		struct nt_rule *rule = NULL;

		if (nt_rule_parse(&manifest.objects[i].compact->object, &rule, &problem) < 0)
			must(problem.msg[0] != '\0');
		else
			use(rule, nt_slice_mem(text.p, size < 2000 ? size : 2000));
		for (int fires = 0; rule && fires < 2; fires++)
			make_sample(rule, fires);
		nt_rule_free(rule);
	}
	nt_manifest_done(&manifest);
	return 0;
}
