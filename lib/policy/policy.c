/* SPDX-License-Identifier: Apache-2.0 */
/* DNSPolicy objects: read strictly, with the path of the field that is wrong. */
#include "lib/policy/policy.h"

#include <endian.h>
#include <jansson.h>
#include <stdio.h>

#include "lib/base/cleanup.h"
#include "lib/base/nearest.h"
#include "lib/dns/siphash.h"
#include "lib/policy/inside.h"
#include "lib/policy/pattern.h"

enum {
	/* struct nt_slot of dataplane/abi.h has room for these, as Kubernetes has. */
	NAMESPACE_MAX = 63,
	NAME_MAX_LEN = 253,
	/* NT_POLICY_ALLOW_MAX names of 255 octets, each of them written as \DDD. */
	POLICY_BYTES_MAX = 20 << 20,
};

static const char api_version[] = "nametap.io/v1alpha1";
static const char *const object_fields[] = { "apiVersion", "kind",   "metadata",
					     "spec",	   "status", NULL };
static const char *const spec_fields[] = { "podSelector", "mode", "allow", NULL };
static const char *const modes[] = { "Audit", "Enforce", NULL };

/* Words of other policies that no count of edits would find. */
static const struct {
	const char *wrong, *hint;
} known[] = {
	{ "matchLabels", "podSelector.matchLabels" },
	{ "matchExpressions", "podSelector.matchExpressions" },
	{ "names", "allow" },
	{ "domains", "allow" },
	{ "domainNames", "allow" },
	{ "allowedDomains", "allow" },
	{ "fqdns", "allow" },
	{ "action", "mode" },
};

struct parse {
	struct nt_policy *policy;
	struct nt_object_problem *problem;
};

#define refuse(p, ...) nt_object_refuse((p)->problem, __VA_ARGS__)
#define no_memory(p) nt_object_no_memory((p)->problem)

static struct nt_slice slice_of(const json_t *string)
{
	return nt_slice_mem(json_string_value(string), json_string_length(string));
}

static bool is_text(const json_t *v, const char *text)
{
	return nt_slice_eq(slice_of(v), nt_slice_str(text));
}

/* What may have been meant, "" when nothing is near. */
static const char *hint_for(const char *key, const char *const *fields)
{
	const char *near = nt_nearest_in(nt_slice_str(key), fields);

	for (size_t i = 0; !near && i < NT_ARRAY_LEN(known); i++)
		if (strcmp(known[i].wrong, key) == 0)
			near = known[i].hint;
	return near ? near : "";
}

static int check_fields(struct parse *p, const json_t *mapping, const char *path,
			const char *const *fields)
{
	const char *key = nt_fields_unknown(mapping, fields), *hint;
	char field[sizeof(p->problem->field)];

	if (!key)
		return 0;
	snprintf(field, sizeof(field), "%s%.80s", path, key);
	for (size_t i = 0; !path[0] && spec_fields[i]; i++)
		if (strcmp(spec_fields[i], key) == 0)
			return refuse(p, field, "belongs below spec: check its indent");
	hint = hint_for(key, fields);
	if (hint[0])
		return refuse(p, field, "there is no such field; did you mean %s%s?", path, hint);
	return refuse(p, field, "there is no such field%s",
		      path[0] ? ": podSelector, mode and allow are known" : "");
}

static int take_identity(struct parse *p, const struct nt_object *object)
{
	struct nt_arena *arena = &p->policy->arena;

	if (!is_text(json_object_get(object->json, "apiVersion"), api_version))
		return refuse(p, "apiVersion", "has to be %s", api_version);
	if (!is_text(json_object_get(object->json, "kind"), "DNSPolicy"))
		return refuse(p, "kind", "has to be DNSPolicy");
	if (object->namespace_.len > NAMESPACE_MAX)
		return refuse(p, "metadata.namespace", "is longer than %d octets", NAMESPACE_MAX);
	if (!object->name.len || object->name.len > NAME_MAX_LEN)
		return refuse(p, "metadata.name", "needs between 1 and %d octets", NAME_MAX_LEN);
	p->policy->namespace_ = nt_arena_copy(arena, object->namespace_);
	p->policy->name = nt_arena_copy(arena, object->name);
	return p->policy->namespace_.p && p->policy->name.p ? 0 : no_memory(p);
}

static int take_selector(struct parse *p, const json_t *selector)
{
	struct nt_selector_problem problem;
	char field[sizeof(p->problem->field)];
	int r = selector ? nt_selector_parse(selector, &p->policy->selector, &problem) : 0;

	if (!r)
		return 0;
	snprintf(field, sizeof(field), "spec.podSelector%s%s", problem.field[0] ? "." : "",
		 problem.field);
	(void)refuse(p, field, "%s", problem.msg);
	return r;
}

static int take_mode(struct parse *p, const json_t *mode)
{
	const char *near;

	if (!mode)
		return refuse(p, "spec.mode",
			      "is missing: Audit (names are judged and logged) or "
			      "Enforce (other names are denied)");
	if (!json_is_string(mode))
		return refuse(p, "spec.mode", "has to be Audit or Enforce");
	if (is_text(mode, "Audit") || is_text(mode, "Enforce")) {
		p->policy->mode = is_text(mode, "Audit") ? NT_POLICY_AUDIT : NT_POLICY_ENFORCE;
		return 0;
	}
	near = nt_nearest_in(slice_of(mode), modes);
	if (near)
		return refuse(p, "spec.mode", "\"%.40s\" is no mode; did you mean %s?",
			      json_string_value(mode), near);
	return refuse(p, "spec.mode", "\"%.40s\" is no mode: Audit or Enforce",
		      json_string_value(mode));
}

static int take_name(struct parse *p, const json_t *v, uint32_t index,
		     struct nt_policy_entry *entry)
{
	char field[64], msg[NT_PATTERN_MSG_MAX], text[NT_NAME_TEXT_MAX + 2];
	struct nt_arena *arena = &p->policy->arena;
	uint8_t reversed[NT_NAME_WIRE_MAX];
	struct nt_pattern pattern;
	size_t len;

	snprintf(field, sizeof(field), "spec.allow[%u]", index);
	if (!json_is_string(v))
		return refuse(p, field, "is no string: put it in quotes");
	if (nt_pattern_parse(slice_of(v), &pattern, msg) < 0)
		return refuse(p, field, "%s", msg);
	len = nt_pattern_reverse(&pattern.name, reversed);
	*entry = (struct nt_policy_entry){
		.reversed = (const uint8_t *)nt_arena_copy(arena, nt_slice_mem(reversed, len)).p,
		.reversed_len = (uint8_t)len,
		.wildcard = pattern.wildcard,
		.index = index,
		.text = nt_arena_copy(arena, nt_slice_mem(text, nt_pattern_text(&pattern, text))),
	};
	return entry->reversed && entry->text.p ? 0 : no_memory(p);
}

int nt_policy_entry_compare(const struct nt_policy_entry *a, const struct nt_policy_entry *b)
{
	size_t n = a->reversed_len < b->reversed_len ? a->reversed_len : b->reversed_len;
	int r = memcmp(a->reversed, b->reversed, n);

	if (!r)
		r = a->reversed_len - b->reversed_len;
	return r ? r : a->wildcard - b->wildcard;
}

static int compare_for_sort(const void *pa, const void *pb)
{
	const struct nt_policy_entry *a = pa, *b = pb;
	int r = nt_policy_entry_compare(a, b);

	return r ? r : (a->index > b->index) - (a->index < b->index);
}

/* Sorted, each name once: the first of its kind stays. */
static void sort_entries(struct nt_policy *policy)
{
	struct nt_policy_entry *e = policy->entries;
	size_t kept = 0, texts = 0;

	qsort(e, policy->len, sizeof(*e), compare_for_sort);
	for (size_t i = 0; i < policy->len; i++)
		if (!kept || nt_policy_entry_compare(&e[kept - 1], &e[i]) != 0)
			e[kept++] = e[i];
	for (size_t i = 0; i < kept; i++)
		policy->texts[e[i].index] = e[i].text;
	for (size_t i = 0; i < policy->len; i++)
		if (policy->texts[i].p)
			policy->texts[texts++] = policy->texts[i];
	policy->len = kept;
}

/* Labels of the entry that the one before it does not share, counted from the right: what
 * nt_policy_compile adds for it. */
static size_t new_suffixes(const struct nt_policy_entry *before, const struct nt_policy_entry *e)
{
	size_t count = 0;
	bool shared = before != NULL;

	for (size_t at = 0; at < e->reversed_len;) {
		size_t end = at + e->reversed[at] + 1u;

		shared = shared && end <= before->reversed_len &&
			 memcmp(before->reversed + at, e->reversed + at, end - at) == 0;
		count += !shared;
		at = end;
	}
	return count;
}

static size_t count_suffixes(const struct nt_policy *policy)
{
	size_t count = 0;

	for (size_t i = 0; i < policy->len; i++)
		count += new_suffixes(i ? &policy->entries[i - 1] : NULL, &policy->entries[i]);
	return count;
}

static int take_allow(struct parse *p, const json_t *allow)
{
	struct nt_policy *policy = p->policy;
	size_t len = json_array_size(allow);

	if (!allow)
		return refuse(p, "spec.allow", "is missing: write [] to allow no name");
	if (!json_is_array(allow))
		return refuse(p, "spec.allow", "is no list of names: write [] to allow none");
	if (len > NT_POLICY_ALLOW_MAX)
		return refuse(p, "spec.allow",
			      "has %zu names, and %d are possible: use a wildcard where names "
			      "share a parent, or several policies",
			      len, NT_POLICY_ALLOW_MAX);
	policy->entries = calloc(len + 1, sizeof(*policy->entries));
	policy->texts = calloc(len + 1, sizeof(*policy->texts));
	if (!policy->entries || !policy->texts)
		return no_memory(p);
	for (; policy->len < len; policy->len++) {
		int r = take_name(p, json_array_get(allow, policy->len), (uint32_t)policy->len,
				  &policy->entries[policy->len]);

		if (r < 0)
			return r;
	}
	sort_entries(policy);
	policy->rules_len = count_suffixes(policy);
	if (policy->rules_len > NT_POLICY_RULES_MAX)
		return refuse(p, "spec.allow",
			      "has %zu different suffixes, and the kernel's table takes %d of one "
			      "policy: use a wildcard where names share a parent",
			      policy->rules_len, NT_POLICY_RULES_MAX);
	return 0;
}

static int take_spec(struct parse *p, const json_t *spec)
{
	int r;

	if (!json_is_object(spec))
		return refuse(p, "spec", spec ? "is no mapping" : "is missing");
	r = check_fields(p, spec, "spec.", spec_fields);
	if (!r)
		r = take_selector(p, json_object_get(spec, "podSelector"));
	if (!r)
		r = take_mode(p, json_object_get(spec, "mode"));
	return r < 0 ? r : take_allow(p, json_object_get(spec, "allow"));
}

/* Two keyed hashes over mode and names; the sorted entries tell themselves apart by their lengths.
 */
static int make_digest(struct parse *p)
{
	static const struct nt_siphash_key keys[2] = { { 1, 1 }, { 2, 2 } };
	struct nt_policy *policy = p->policy;
	_cleanup_buf_ struct nt_buf all = { 0 };

	nt_buf_putc(&all, (char)policy->mode);
	for (size_t i = 0; i < policy->len; i++) {
		const struct nt_policy_entry *e = &policy->entries[i];

		nt_buf_putc(&all, e->wildcard);
		nt_buf_add(&all, e->reversed, e->reversed_len);
		nt_buf_putc(&all, '\0');
	}
	if (!nt_buf_ok(&all))
		return no_memory(p);
	for (size_t i = 0; i < NT_ARRAY_LEN(keys); i++) {
		uint64_t half = htole64(nt_siphash(&keys[i], nt_slice_mem(all.p, all.len)));

		memcpy(policy->digest + 8 * i, &half, sizeof(half));
	}
	return 0;
}

static int parse(struct parse *p, const struct nt_object *object)
{
	int r = take_identity(p, object);

	if (!r)
		r = check_fields(p, object->json, "", object_fields);
	if (!r)
		r = take_spec(p, json_object_get(object->json, "spec"));
	return r < 0 ? r : make_digest(p);
}

int nt_policy_parse(const struct nt_object *object, struct nt_policy **ret_policy,
		    struct nt_object_problem *ret_problem)
{
	_cleanup_(nt_policy_freep) struct nt_policy *policy = calloc(1, sizeof(*policy));
	struct parse p = { policy, ret_problem };
	int r;

	if (!policy)
		return no_memory(&p);
	policy->arena = NT_ARENA(POLICY_BYTES_MAX);
	r = parse(&p, object);
	if (r < 0)
		return r;
	*ret_policy = NT_TAKE_PTR(policy);
	return 0;
}

void nt_policy_free(struct nt_policy *p)
{
	if (!p)
		return;
	nt_selector_free(p->selector);
	nt_arena_done(&p->arena);
	free(p->entries);
	free(p->texts);
	free(p);
}

struct nt_slice nt_policy_namespace(const struct nt_policy *p)
{
	return p->namespace_;
}

struct nt_slice nt_policy_name(const struct nt_policy *p)
{
	return p->name;
}

enum nt_policy_mode nt_policy_mode(const struct nt_policy *p)
{
	return p->mode;
}

void nt_policy_digest(const struct nt_policy *p, uint8_t ret_digest[16])
{
	memcpy(ret_digest, p->digest, sizeof(p->digest));
}

bool nt_policy_selects_all(const struct nt_policy *p)
{
	return !p->selector || nt_selector_terms_len(p->selector) == 0;
}

bool nt_policy_selects(const struct nt_policy *p, struct nt_slice namespace_,
		       const struct nt_label *labels, size_t labels_len)
{
	return nt_slice_eq(p->namespace_, namespace_) &&
	       (!p->selector || nt_selector_matches(p->selector, labels, labels_len));
}

size_t nt_policy_rules_len(const struct nt_policy *p)
{
	return p->rules_len;
}

size_t nt_policy_allow_len(const struct nt_policy *p)
{
	return p->len;
}

struct nt_slice nt_policy_allow_at(const struct nt_policy *p, size_t index)
{
	return p->texts[index];
}
