/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may talk to a loopback server without authentication: requests whose Host is this machine's
 * loopback name and whose Origin, where there is one, is this server. A browser on a foreign page
 * (DNS rebinding, cross-site requests) fails one of the two (T37). Also the comparison of tokens.
 * Pure functions.
 */
#pragma once

#include "lib/base/slice.h"

struct nt_guard {
	char listen[64]; /* the address that was given with --listen, "[::1]" with brackets */
	uint16_t port; /* host byte order */
};

/* host: the Host header as it came. */
bool nt_guard_host(const struct nt_guard *g, struct nt_slice host);
/* origin: the Origin header as it came; "null" is foreign. */
bool nt_guard_origin(const struct nt_guard *g, struct nt_slice origin);
/* What stands behind "Bearer " in the header as it came; empty: nothing. */
struct nt_slice nt_guard_bearer(struct nt_slice authorization);
/* authorization: the header as it came ("Bearer ..."). Takes as long for a wrong token as for the
 * right one. */
bool nt_guard_token(struct nt_slice authorization, struct nt_slice token);
