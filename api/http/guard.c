/* SPDX-License-Identifier: Apache-2.0 */
/* Host, Origin and token of a request. */
#include "api/http/guard.h"

#include <stdio.h>

#include "lib/base/cleanup.h"

/* "name:port", or the bare name where the port is that of the scheme. */
static bool is_authority(struct nt_slice s, const char *name, uint16_t port)
{
	char full[80];

	snprintf(full, sizeof(full), "%s:%u", name, port);
	if (nt_slice_caseeq(s, nt_slice_str(full)))
		return true;
	return port == 80 && nt_slice_caseeq(s, nt_slice_str(name));
}

bool nt_guard_host(const struct nt_guard *g, struct nt_slice host)
{
	const char *const names[] = { "localhost", "127.0.0.1", "[::1]", g->listen };

	for (size_t i = 0; i < NT_ARRAY_LEN(names); i++)
		if (names[i][0] && is_authority(host, names[i], g->port))
			return true;
	return false;
}

bool nt_guard_origin(const struct nt_guard *g, struct nt_slice origin)
{
	static const struct nt_slice scheme = { "http://", 7 };

	if (origin.len <= scheme.len ||
	    !nt_slice_caseeq(nt_slice_mem(origin.p, scheme.len), scheme))
		return false;
	return nt_guard_host(g, nt_slice_mem(origin.p + scheme.len, origin.len - scheme.len));
}

struct nt_slice nt_guard_bearer(struct nt_slice authorization)
{
	static const struct nt_slice scheme = { "Bearer ", 7 };

	if (authorization.len <= scheme.len ||
	    !nt_slice_caseeq(nt_slice_mem(authorization.p, scheme.len), scheme))
		return (struct nt_slice){ 0 };
	return nt_slice_mem(authorization.p + scheme.len, authorization.len - scheme.len);
}

bool nt_guard_token(struct nt_slice authorization, struct nt_slice token)
{
	struct nt_slice given = nt_guard_bearer(authorization);
	unsigned char different = 0;

	if (!token.len || given.len != token.len)
		return false;
	for (size_t i = 0; i < token.len; i++)
		different |= (unsigned char)(given.p[i] ^ token.p[i]);
	return different == 0;
}
