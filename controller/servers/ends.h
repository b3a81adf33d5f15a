/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which ends of its lookups a DNS server is seen at, and why not at both: a decision over facts,
 * pure. Only what was seen counts as seen; whose the address is gives the reason.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Whose the server's address is, as far as objects and agents say. */
enum nt_whose {
	NT_WHOSE_NOBODY = 0, /* no object's */
	NT_WHOSE_POD = 1, /* a pod's own */
	NT_WHOSE_HOST_POD = 2, /* a node's, and one pod in its network is named as the server */
	NT_WHOSE_NODE = 3,
	NT_WHOSE_EACH_NODE = 4, /* each node has it for itself */
	NT_WHOSE_SERVICE = 5,
	NT_WHOSE_NOT_KNOWN = 6, /* there are no objects that would say */
};

enum nt_ends {
	NT_ENDS_BOTH = 0,
	NT_ENDS_CLIENT = 1, /* only its clients are seen */
	NT_ENDS_SERVER = 2, /* only the server is seen */
};

enum nt_ends_reason {
	NT_ENDS_REASON_NONE = 0, /* both are seen */
	NT_ENDS_HOST_NETWORK = 1,
	NT_ENDS_NODE_LOCAL = 2, /* NodeLocal DNSCache and the like */
	NT_ENDS_EXTERNAL = 3, /* outside of the cluster: managed, or a resolver of the network */
	NT_ENDS_NOT_TAPPED = 4, /* a pod without taps */
	NT_ENDS_NOT_SEEN = 5, /* a pod that is tapped, and was asked nothing that its tap saw */
	NT_ENDS_BACKEND_UNKNOWN = 6, /* a Service, and nobody tells which pod is asked */
	NT_ENDS_CLIENTS_NOT_TAPPED = 7,
	NT_ENDS_NO_OBJECTS = 8, /* whose address it is cannot be said */
};
#define NT_ENDS_REASONS 9

struct nt_ends_facts {
	bool asked; /* by clients that are tapped, lately */
	bool seen; /* its own side was, lately */
	enum nt_whose whose;
	bool tapped; /* a tapped pod has the address now */
	bool on_host; /* a node's network has the address */
};

struct nt_ends_verdict {
	enum nt_ends ends;
	enum nt_ends_reason reason;
};

struct nt_ends_verdict nt_ends_decide(const struct nt_ends_facts *f);
/* "both", "client", "server". */
const char *nt_ends_name(enum nt_ends ends);
/* "host_network", ..., "" for none. */
const char *nt_ends_reason_name(enum nt_ends_reason reason);
