/* SPDX-License-Identifier: Apache-2.0 */
/* Classification of names: whatever name and search list come, all results lie within the name. */
#include "lib/names/names.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static bool is_same(struct nt_slice a, struct nt_slice b)
{
	return a.len == b.len && (!a.len || a.p == b.p);
}

/* The second time it is remembered. */
static void check_again(const struct nt_name_class *c, const struct nt_name_class *again)
{
	if (again->scope != c->scope || !is_same(again->logical, c->logical) ||
	    !is_same(again->domain, c->domain) ||
	    !is_same(again->service_namespace, c->service_namespace) ||
	    !is_same(again->service_name, c->service_name))
		abort();
}

static void check_within(struct nt_slice part, struct nt_slice whole)
{
	if (part.len && (part.p < whole.p || part.p + part.len > whole.p + whole.len))
		abort();
}

/* Input: the search list, a line feed, the name. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct nt_names *names;
	const uint8_t *end = len ? memchr(data, '\n', len) : NULL;
	char searches[4096];
	struct nt_slice name;

	if (!names && nt_names_new("cluster.local", &names, NULL) < 0)
		abort();
	if (!end || (size_t)(end - data) >= sizeof(searches))
		return 0;
	memcpy(searches, data, (size_t)(end - data));
	searches[end - data] = '\0';
	name = nt_slice_mem(end + 1, len - (size_t)(end + 1 - data));
	for (int outcome = 0; outcome < 3; outcome++) {
		struct nt_name_class c =
			nt_names_classify(names, name, searches, outcome == 1, outcome == 2);
		struct nt_name_class again =
			nt_names_classify(names, name, searches, outcome == 1, outcome == 2);

		check_again(&c, &again);
		check_within(c.logical, name);
		check_within(c.domain, name);
		check_within(c.service_name, name);
		check_within(c.service_namespace, name);
		if (c.scope == NT_SCOPE_SEARCH && (!c.logical.len || c.logical.len >= name.len))
			abort();
		if ((c.scope == NT_SCOPE_EXTERNAL) != (c.domain.len != 0) && name.len)
			abort();
		if (c.service_name.len && c.scope != NT_SCOPE_CLUSTER)
			abort();
	}
	return 0;
}
