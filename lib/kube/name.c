/* SPDX-License-Identifier: Apache-2.0 */
/* NAMESPACE/NAME. */
#include "lib/kube/name.h"

#include <stdio.h>
#include <string.h>

#define LABEL "abcdefghijklmnopqrstuvwxyz0123456789-"

/* At the ends no hyphen and no dot. */
static bool is_name(struct nt_slice s, size_t max, bool dots)
{
	if (!s.len || s.len > max)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		bool alnum = (s.p[i] >= 'a' && s.p[i] <= 'z') || (s.p[i] >= '0' && s.p[i] <= '9');
		bool inner = i > 0 && i < s.len - 1 && (s.p[i] == '-' || (dots && s.p[i] == '.'));

		if (!alnum && !inner)
			return false;
	}
	return true;
}

bool nt_kube_is_label(struct nt_slice s)
{
	return is_name(s, 63, false);
}

bool nt_kube_is_subdomain(struct nt_slice s)
{
	return is_name(s, 253, true);
}

int nt_kube_name_parse(const char *text, struct nt_kube_name *ret_name)
{
	size_t namespace_len = strcspn(text, "/");
	const char *name = text + namespace_len + (text[namespace_len] == '/');
	struct nt_kube_name n = { 0 };

	if (!namespace_len || namespace_len >= sizeof(n.namespace_) || !name[0] ||
	    strlen(name) >= sizeof(n.name) || strspn(text, LABEL) != namespace_len ||
	    strspn(name, LABEL ".") != strlen(name) || name[0] == '.')
		return -EINVAL;
	memcpy(n.namespace_, text, namespace_len);
	memcpy(n.name, name, strlen(name));
	*ret_name = n;
	return 0;
}

int nt_kube_name_or(const char *text, const char *namespace_, const char *name,
		    struct nt_kube_name *ret_name)
{
	char whole[512];

	if (!text) {
		snprintf(whole, sizeof(whole), "%s/%s", namespace_ ? namespace_ : "nametap", name);
		text = whole;
	}
	return nt_kube_name_parse(text, ret_name);
}
