/* SPDX-License-Identifier: Apache-2.0 */
/* The name of one object with its namespace, as options have it: NAMESPACE/NAME. Both are safe in a
 * path of the API. Pure. */
#pragma once

#include "lib/base/err.h"
#include "lib/base/slice.h"

struct nt_kube_name {
	char namespace_[64]; /* an RFC 1123 label */
	char name[254]; /* an RFC 1123 subdomain */
};

/* As an RFC 1123 label, or subdomain: the names that the API itself gives and takes, both safe in a
 * path. */
bool nt_kube_is_label(struct nt_slice s);
bool nt_kube_is_subdomain(struct nt_slice s);

/* -EINVAL: no such name, *ret_name is untouched. */
int nt_kube_name_parse(const char *text, struct nt_kube_name *ret_name) NT_MUSTCHECK;
/* text, or where that is NULL the name in the namespace (NULL: "nametap"); both must be good. */
int nt_kube_name_or(const char *text, const char *namespace_, const char *name,
		    struct nt_kube_name *ret_name) NT_MUSTCHECK;
