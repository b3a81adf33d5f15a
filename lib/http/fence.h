/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a request to a URL of a configuration may not go unless somebody says so (T37): addresses
 * that mean this machine, its link, or a cloud's metadata. Looked at when a socket is made, after
 * name resolution, so that no name and no redirect leads past it; and only http and https.
 */
#pragma once

#include <curl/curl.h>
#include <stdatomic.h>

#include "lib/base/addr.h"

struct nt_fence {
	bool open; /* any address may be asked */
	const atomic_bool *stop; /* true ends the request within a second or so; borrowed */
	const char *why; /* what an address was that was refused; NULL: none was */
	char error[CURL_ERROR_SIZE]; /* curl's own words; "" when it has none */
};

/* NULL: it may be asked; else what it is, in words. Pure. */
const char *nt_fence_refuses(const struct nt_addr *a);
/* Puts it around a request (fence: borrowed for its life): its sockets, its protocols, no proxy,
 * no redirect, 5 s to connect and 30 s for the whole. */
void nt_fence_put_up(CURL *easy, struct nt_fence *fence);
/* NULL, or what is wrong with a URL: no http(s), no host, a user or password in it, no octets that
 * a URL may have. */
const char *nt_fence_url_mistake(const char *url);
