/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a name is to the one who asked: in the cluster, outside, reverse, or only there because the
 * resolver walked its search list; the logical name behind it, the registrable domain (public
 * suffix list, libpsl) and the Service it means. The same question has the same answer, whenever it
 * is asked; answers of the list are remembered (512 KiB), so one thread at a time.
 */
#pragma once

#include "lib/base/buf.h"
#include "lib/record/record.h"

struct nt_names;

struct nt_name_class {
	enum nt_scope scope;
	struct nt_slice logical; /* points into qname */
	struct nt_slice domain; /* points into qname; empty when not external */
	struct nt_slice service_namespace, service_name; /* point into qname; empty when none */
};

/* cluster_domain: "cluster.local" without final dot. The public suffix list is the one built into
 * libpsl. */
int nt_names_new(const char *cluster_domain, struct nt_names **ret_names,
		 struct nt_err *err) NT_MUSTCHECK;
void nt_names_free(struct nt_names *n);

/*
 * qname: text form as in the record. searches: the pod's list, space separated, may be empty (then
 * only what lies under the cluster domain can be `search`). found: the reply had NOERROR;
 * not_found: NXDOMAIN; both false: no reply or another code. A name S-suffixed by a search domain S
 * is `search` when it was not found, or when what is left of S could not be a Service there; its
 * logical name is what is left.
 */
struct nt_name_class nt_names_classify(struct nt_names *n, struct nt_slice qname,
				       const char *searches, bool found, bool not_found);

/* What a record's name is folded below when its pod has too many: the registrable domain, the
 * cluster domain, the reverse tree's apex, what the search list put behind it; empty when the name
 * has no domain above it. Points into r's texts or into n. */
struct nt_slice nt_names_under(const struct nt_names *n, const struct nt_record *r);
