/* SPDX-License-Identifier: Apache-2.0 */
/* `nametapctl policy preview`: what the policies of a file would newly deny of what is stored. */
#include <inttypes.h>
#include <stdio.h>

#include "api/cli/cells.h"
#include "api/cli/listing.h"
#include "api/cli/manifests.h"
#include "api/cli/text.h"
#include "lib/base/cleanup.h"

#define POLICY "DNSPolicy"

static const struct nt_verb verb = {
	.bit = NT_VERB_POLICY_PREVIEW,
	.outputs = 1 << NT_OUTPUT_TABLE | 1 << NT_OUTPUT_WIDE | 1 << NT_OUTPUT_JSON,
	.name = "policy preview",
	.arguments = "FILE",
	.about = "Prints which lookups of the last 7 days (--since) that the controller has stored "
		 "would newly be denied, or\n"
		 "marked in Audit mode, if the DNSPolicies of FILE (YAML, or JSON by its name "
		 "*.json; "
		 "- is standard input)\n"
		 "were there beside those that are in force. Nothing is changed.",
	.more = "Pods are selected by the labels that they had when they asked. UNSURE says why a "
		"verdict is not certain:\n"
		"search_domain (it depends on whether the pod's node has that domain in its "
		"resolv.conf), cluster_domain (no\n"
		"agent has told which it is), folded (the log has no names of these lookups), "
		"many_names (a workload has more\n"
		"than 1,000). json is the answer of /api/v1/policies/preview. 20 s, 1,000 lines, "
		"16 MiB "
		"of names: what was cut\n"
		"there, and what the log does not have, is said on standard error.\n"
		"Exit code: 0, whether anything would be denied or not; 1 when it could not be "
		"asked; "
		"2 for mistakes, in the\n"
		"policies, too.\n\n"
		"  nametapctl policy preview policy.yaml --since 7d\n",
};

struct preview {
	struct nt_listing l; /* first: what asks is given this */
	struct nt_manifest manifest;
};

static void put_entry(struct nt_listing *l, const json_t *entry)
{
	_cleanup_buf_ struct nt_buf workload = { 0 };
	struct nt_slice verdict = nt_text_at(entry, "verdict");
	struct nt_table *t = &l->table;

	nt_buf_slice(&workload, nt_text_at(entry, "namespace"));
	nt_buf_putc(&workload, '/');
	nt_buf_slice(&workload, nt_text_at(entry, "workload"));
	nt_table_painted(t,
			 nt_slice_eq(verdict, NT_SLICE_LIT("audit")) ? NT_PAINT_WARN : NT_PAINT_BAD,
			 verdict);
	nt_table_cell(t, nt_slice_mem(workload.p, workload.len));
	nt_table_cell(t, nt_text_at(entry, "name"));
	nt_table_number(t, nt_number_at(entry, "lookups"));
	nt_cell_second(t, entry, "first_seen");
	nt_cell_second(t, entry, "last_seen");
	nt_table_cell(t, nt_text_at(entry, "doubt"));
	if (l->o.output != NT_OUTPUT_WIDE)
		return;
	nt_table_cell(t, nt_text_at(entry, "policy"));
	nt_table_cell(t, nt_text_at(entry, "workload_kind"));
}

static void say_sums(const json_t *answer)
{
	const json_t *sums = json_object_get(answer, "new"), *limit;
	size_t i;

	nt_verb_note(
		"%" PRId64 " of %" PRId64 " lookups of the pods would newly be denied, %" PRId64
		" marked (Audit), %" PRId64 " unsure; over %.2f days of log, from %.*s to %.*s",
		nt_number_at(sums, "deny"), nt_number_at(answer, "lookups"),
		nt_number_at(sums, "audit"), nt_number_at(sums, "unsure"),
		json_number_value(json_object_get(answer, "days")),
		NT_SLICE_ARG(nt_text_at(answer, "covered_from")),
		NT_SLICE_ARG(nt_text_at(answer, "covered_to")));
	json_array_foreach(json_object_get(answer, "limits"), i, limit)
		nt_verb_note("not whole: %.*s", NT_SLICE_ARG(nt_text_at(limit, "message")));
	nt_verb_loss(json_object_get(answer, "loss"));
}

/* All policies of the file in one question: together they say what is allowed. */
static char *make_body(const struct nt_manifest *m)
{
	json_auto_t *items = json_array();
	json_auto_t *list =
		json_pack("{s:s, s:s, s:O}", "apiVersion", "v1", "kind", "List", "items", items);
	const struct nt_object *o;
	size_t at = 0;

	while (list && (o = nt_manifests_next(m, POLICY, &at)))
		if (json_array_append(items, (json_t *)o->json) < 0)
			return NULL;
	return list ? json_dumps(list, JSON_COMPACT) : NULL;
}

static int ask(struct nt_listing *l, struct nt_err *err)
{
	_cleanup_free_ char *body = make_body(&((struct preview *)l)->manifest);
	const json_t *entry;
	char from[64];
	const struct nt_ask_param params[] = { { "from", from }, { "to", l->o.to }, { 0 } };
	size_t i;
	int r;

	if (!body)
		return nt_err_set(err, ENOMEM, "no memory for the policies");
	nt_since_param(&l->o, "7d", from, sizeof(from));
	r = nt_ask_about(&l->connect, "/api/v1/policies/preview", params, nt_slice_str(body),
			 &l->answer, err);
	if (r < 0)
		return r;
	if (!nt_listing_json(l, l->answer.json))
		json_array_foreach(json_object_get(l->answer.json, "entries"), i, entry)
			put_entry(l, entry);
	say_sums(l->answer.json);
	return 0;
}

int nt_policy_preview_main(int argc, char **argv)
{
	static const struct nt_column columns[] = {
		{ "VERDICT", false }, { "WORKLOAD", false }, { "NAME", false },
		{ "LOOKUPS", true },  { "FIRST", false },    { "LAST", false },
		{ "UNSURE", false },  { "POLICY", false },   { "KIND", false },
	};
	struct preview p = { 0 };
	int code = nt_ctl_options_parse(&verb, argc, argv, &p.l.o), r;
	struct nt_err err = { 0 };
	size_t len;

	if (code >= 0)
		return code;
	if (p.l.o.arguments_len != 1)
		return nt_ctl_usage(&verb, "one FILE is wanted");
	len = NT_ARRAY_LEN(columns) - (p.l.o.output == NT_OUTPUT_WIDE ? 0 : 2);
	r = nt_manifests_read(p.l.o.arguments[0], POLICY, &p.manifest, &err);
	code = r < 0 ? nt_verb_failed(&verb, r, NULL, NULL, &err)
		     : nt_listing_run(&verb, columns, len, ask, &p.l);
	nt_listing_done(&p.l);
	nt_manifest_done(&p.manifest);
	return code;
}
