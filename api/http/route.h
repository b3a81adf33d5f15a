/* SPDX-License-Identifier: Apache-2.0 */
/* Which operation a path and a method mean. Pure, over the tables of operations and of the page's
 * files. */
#pragma once

#include "api/http/handlers.h"

struct nt_asset;

struct nt_route {
	nt_handler_fn *handler; /* of all but uploads */
	bool ingest; /* the agents' uploads */
	bool token; /* for who shows the token */
	size_t body_max; /* octets; 0: no body is taken */
	struct nt_slice segment_name; /* "id" of {id} in the path; empty: it has none */
	char segment[64]; /* what stands there */
	bool operation; /* of operating the controller: no pod's DNS is in its answer */
	const struct nt_asset *asset; /* a file of the page */
};

/* 0 with *ret_route, or 404, or 405 with *ret_allow. HEAD is GET. */
unsigned nt_route_find(const char *method, const char *path, struct nt_route *ret_route,
		       const char **ret_allow);
