/* SPDX-License-Identifier: Apache-2.0 */
/* `nametapctl policy suggest`: a policy from what a workload asked for, as YAML. */
#include <inttypes.h>
#include <stdio.h>

#include "api/cli/text.h"
#include "api/cli/verbs.h"
#include "lib/base/cleanup.h"

/* Names of an entry that is left out: enough to see what they are. */
#define SAMPLE_NAMES 5

static const struct nt_verb verb = {
	.bit = NT_VERB_POLICY_SUGGEST,
	.outputs = 1 << NT_OUTPUT_YAML | 1 << NT_OUTPUT_JSON,
	.name = "policy suggest",
	.arguments = "--namespace NAME --workload [KIND/]NAME",
	.about =
		"Writes a DNSPolicy for the pods of a workload to standard output, from the names "
		"outside the cluster that they\n"
		"asked for in the last 7 days (--since) and that were answered. Its mode is Audit: "
		"kubectl apply -f changes no\n"
		"lookup. What each entry stands for, and what was left out and why, is in its "
		"comments.",
	.more = "Five names or more below one registrable domain become *.domain. Where they look "
		"like a tunnel (200 names, or\n"
		"names as long as data), the entry is a comment: read it before it is allowed. "
		"Names "
		"that were never answered\n"
		"are left out. json is the answer of /api/v1/policies/suggest.\n"
		"Exit code: 0; 1 when it could not be asked; 2 for mistakes, and where the log has "
		"nothing of the workload.\n\n"
		"  nametapctl policy suggest -n shop --workload web > web.yaml\n"
		"  nametapctl policy preview web.yaml --since 7d\n",
};

struct suggestion {
	struct nt_ctl_options o;
	struct nt_connect connect;
	struct nt_ask_answer answer;
	struct nt_buf out;
};

static void suggestion_done(struct suggestion *s)
{
	json_decref(s->answer.json);
	nt_buf_done(&s->out);
	nt_connect_close(&s->connect);
}

/* --- YAML ------------------------------------------------------------------------------------- */

/* In single quotes, where only these are special; no octet of the text is a control character. */
static void put_quoted(struct nt_buf *out, struct nt_slice text)
{
	_cleanup_buf_ struct nt_buf plain = { 0 };

	nt_text_put(&plain, text);
	nt_buf_putc(out, '\'');
	for (size_t i = 0; i < plain.len; i++) {
		if (plain.p[i] == '\'')
			nt_buf_putc(out, '\'');
		nt_buf_putc(out, plain.p[i]);
	}
	nt_buf_putc(out, '\'');
}

static void put_counts(struct nt_buf *out, const json_t *value)
{
	int64_t lookups = nt_number_at(value, "lookups");
	struct nt_slice last = nt_text_at(value, "last_seen");

	nt_buf_printf(out, "%" PRId64 " lookup%s, last ", lookups, lookups == 1 ? "" : "s");
	nt_text_put(out, nt_slice_mem(last.p, last.len < 19 ? last.len : 19)); /* to the second */
	nt_buf_putc(out, 'Z');
}

static size_t names_of(const json_t *entry)
{
	return json_array_size(json_object_get(entry, "names"));
}

static void put_names_line(struct nt_buf *out, const json_t *entry)
{
	bool more = json_is_true(json_object_get(entry, "more"));

	if (names_of(entry) > 1 || more)
		nt_buf_printf(out, "%s%zu names, ", more ? "more than " : "", names_of(entry));
	put_counts(out, entry);
}

static void put_names(struct nt_buf *out, const json_t *entry, size_t most)
{
	const json_t *names = json_object_get(entry, "names"), *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		if (i == most) {
			nt_buf_printf(out, "  #   ... and %zu more\n", names_of(entry) - most);
			return;
		}
		nt_buf_puts(out, "  #   ");
		nt_text_put(out, nt_text_at(name, "name"));
		nt_buf_puts(out, ": ");
		put_counts(out, name);
		nt_buf_putc(out, '\n');
	}
}

static bool is_allowed(const json_t *entry)
{
	return nt_slice_eq(nt_text_at(entry, "fate"), NT_SLICE_LIT("allowed"));
}

static void put_allowed(struct nt_buf *out, const json_t *entries)
{
	const json_t *entry;
	size_t i, n = 0;

	json_array_foreach(entries, i, entry) n += is_allowed(entry);
	nt_buf_puts(out, n ? "  allow:\n" : "  allow: []\n");
	json_array_foreach(entries, i, entry)
	{
		if (!is_allowed(entry))
			continue;
		nt_buf_puts(out, "  - ");
		put_quoted(out, nt_text_at(entry, "pattern"));
		nt_buf_puts(out, "  # ");
		put_names_line(out, entry);
		nt_buf_putc(out, '\n');
		if (names_of(entry) > 1)
			put_names(out, entry, SIZE_MAX);
	}
}

static void put_why(struct nt_buf *out, const json_t *entry)
{
	static const struct {
		const char *fate, *text;
	} fates[] = {
		{ "nxdomain", "never there (NXDOMAIN)" },
		{ "blocked", "stopped by a policy each time" },
		{ "unanswered", "never answered" },
	};
	struct nt_slice why = nt_text_at(entry, "why"), fate = nt_text_at(entry, "fate");

	for (size_t i = 0; i < NT_ARRAY_LEN(fates); i++)
		if (nt_slice_eq(fate, nt_slice_str(fates[i].fate)))
			why = nt_slice_str(fates[i].text);
	nt_text_put(out, why);
}

static void put_left_out(struct nt_buf *out, const json_t *entries)
{
	bool begun = false;
	const json_t *entry;
	size_t i;

	json_array_foreach(entries, i, entry)
	{
		if (is_allowed(entry))
			continue;
		if (!begun)
			nt_buf_puts(out, "  # Left out:\n");
		begun = true;
		nt_buf_puts(out, "  # - ");
		put_quoted(out, nt_text_at(entry, "pattern"));
		nt_buf_puts(out, "  # ");
		put_why(out, entry);
		nt_buf_puts(out, ": ");
		put_names_line(out, entry);
		nt_buf_putc(out, '\n');
		if (names_of(entry) > 1)
			put_names(out, entry, SAMPLE_NAMES);
	}
}

static void put_head(struct nt_buf *out, const json_t *answer)
{
	const json_t *limit;
	size_t i;

	nt_buf_puts(out, "# What the pods of ");
	nt_text_put(out, nt_text_at(answer, "workload_kind"));
	nt_buf_putc(out, '/');
	nt_text_put(out, nt_text_at(answer, "workload"));
	nt_buf_printf(out,
		      " asked for outside the cluster: %" PRId64
		      " lookups in all,\n# over %.2f days of log up "
		      "to ",
		      nt_number_at(answer, "lookups"),
		      json_number_value(json_object_get(answer, "days")));
	nt_text_put(out, nt_text_at(answer, "covered_to"));
	nt_buf_puts(out,
		    ".\n# Mode Audit denies nothing. `nametapctl policy preview FILE` says what "
		    "would be denied.\n");
	json_array_foreach(json_object_get(answer, "limits"), i, limit)
	{
		nt_buf_puts(out, "# Not whole: ");
		nt_text_put(out, nt_text_at(limit, "message"));
		nt_buf_putc(out, '\n');
	}
}

static void put_policy(struct nt_buf *out, const json_t *answer)
{
	json_t *policy = json_object_get(answer, "policy"), *value;
	json_t *metadata = json_object_get(policy, "metadata");
	json_t *selector = json_object_get(json_object_get(policy, "spec"), "podSelector");
	const char *key;

	nt_buf_puts(out, "apiVersion: nametap.io/v1alpha1\nkind: DNSPolicy\nmetadata:\n"
			 "  namespace: ");
	put_quoted(out, nt_text_at(metadata, "namespace"));
	nt_buf_puts(out, "\n  name: ");
	put_quoted(out, nt_text_at(metadata, "name"));
	nt_buf_puts(out, "\nspec:\n  podSelector:\n    matchLabels:\n");
	json_object_foreach(json_object_get(selector, "matchLabels"), key, value)
	{
		nt_buf_puts(out, "      ");
		put_quoted(out, nt_slice_str(key));
		nt_buf_puts(out, ": ");
		put_quoted(out, nt_slice_str(json_string_value(value)));
		nt_buf_putc(out, '\n');
	}
	nt_buf_puts(out, "  mode: Audit\n");
	put_allowed(out, json_object_get(answer, "entries"));
	put_left_out(out, json_object_get(answer, "entries"));
}

/* --- the verb --------------------------------------------------------------------------------- */

static int run(struct suggestion *s, struct nt_err *err)
{
	char from[64];
	const struct nt_ask_param params[] = { { "namespace", s->o.namespaces[0] },
					       { "workload", s->o.workload },
					       { "from", from },
					       { "to", s->o.to },
					       { 0 } };
	int r = nt_connect_open(&s->o, &s->connect, err);

	if (r < 0)
		return r;
	nt_since_param(&s->o, "7d", from, sizeof(from));
	r = nt_ask_long(&s->connect, "/api/v1/policies/suggest", params, &s->answer, err);
	if (r < 0)
		return r;
	if (s->o.output == NT_OUTPUT_JSON) {
		nt_text_json(&s->out, s->answer.json);
		nt_buf_putc(&s->out, '\n');
	} else {
		put_head(&s->out, s->answer.json);
		put_policy(&s->out, s->answer.json);
	}
	return nt_verb_write(&s->out, err);
}

int nt_policy_suggest_main(int argc, char **argv)
{
	_cleanup_(suggestion_done) struct suggestion s = { .o.output = NT_OUTPUT_YAML };
	int code = nt_ctl_options_parse(&verb, argc, argv, &s.o), r;
	struct nt_err err = { 0 };

	if (code >= 0)
		return code;
	if (s.o.arguments_len || s.o.namespaces_len != 1 || !s.o.workload)
		return nt_ctl_usage(&verb, "--namespace NAME and --workload NAME are wanted");
	r = run(&s, &err);
	return r < 0 ? nt_verb_failed(&verb, r, &s.answer, NULL, &err) : NT_EXIT_OK;
}
