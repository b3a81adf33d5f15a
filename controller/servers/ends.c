/* SPDX-License-Identifier: Apache-2.0 */
/* Which ends a DNS server is seen at. */
#include "controller/servers/ends.h"

static enum nt_ends_reason why_not_seen(const struct nt_ends_facts *f)
{
	switch (f->whose) {
	case NT_WHOSE_POD:
		return f->tapped ? NT_ENDS_NOT_SEEN : NT_ENDS_NOT_TAPPED;
	case NT_WHOSE_HOST_POD:
	case NT_WHOSE_NODE:
		return NT_ENDS_HOST_NETWORK;
	case NT_WHOSE_EACH_NODE:
		return NT_ENDS_NODE_LOCAL;
	case NT_WHOSE_SERVICE: /* NodeLocal DNSCache gives a node the address of kube-dns, too */
		return f->on_host ? NT_ENDS_NODE_LOCAL : NT_ENDS_BACKEND_UNKNOWN;
	case NT_WHOSE_NOT_KNOWN:
		return f->on_host ? NT_ENDS_HOST_NETWORK : NT_ENDS_NO_OBJECTS;
	case NT_WHOSE_NOBODY:
		break;
	}
	return f->on_host ? NT_ENDS_HOST_NETWORK : NT_ENDS_EXTERNAL;
}

struct nt_ends_verdict nt_ends_decide(const struct nt_ends_facts *f)
{
	if (f->asked && f->seen)
		return (struct nt_ends_verdict){ NT_ENDS_BOTH, NT_ENDS_REASON_NONE };
	if (f->seen)
		return (struct nt_ends_verdict){ NT_ENDS_SERVER, NT_ENDS_CLIENTS_NOT_TAPPED };
	return (struct nt_ends_verdict){ NT_ENDS_CLIENT, why_not_seen(f) };
}

const char *nt_ends_name(enum nt_ends ends)
{
	static const char *const names[] = { "both", "client", "server" };

	return names[ends];
}

const char *nt_ends_reason_name(enum nt_ends_reason reason)
{
	static const char *const names[NT_ENDS_REASONS] = {
		[NT_ENDS_REASON_NONE] = "",
		[NT_ENDS_HOST_NETWORK] = "host_network",
		[NT_ENDS_NODE_LOCAL] = "node_local",
		[NT_ENDS_EXTERNAL] = "external",
		[NT_ENDS_NOT_TAPPED] = "not_tapped",
		[NT_ENDS_NOT_SEEN] = "not_seen",
		[NT_ENDS_BACKEND_UNKNOWN] = "backend_unknown",
		[NT_ENDS_CLIENTS_NOT_TAPPED] = "clients_not_tapped",
		[NT_ENDS_NO_OBJECTS] = "no_objects",
	};

	return names[reason];
}
