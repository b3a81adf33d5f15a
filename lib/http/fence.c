/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses that a URL in a configuration must not lead to by itself. */
#include "lib/http/fence.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "lib/base/cleanup.h"

#define CONNECT_MS 5000L
#define TIMEOUT_MS 30000L

struct range {
	uint8_t octets[16];
	unsigned bits;
	const char *what;
};

/* Metadata services outside of the link-local range: Azure, Alibaba, Oracle. */
static const struct range four[] = {
	{ { 0 }, 8, "an address of this host" },
	{ { 127 }, 8, "loopback" },
	{ { 169, 254 }, 16, "link-local (there are metadata services)" },
	{ { 168, 63, 129, 16 }, 32, "a metadata service" },
	{ { 100, 100, 100, 200 }, 32, "a metadata service" },
	{ { 192, 0, 0, 192 }, 32, "a metadata service" },
	{ { 224 }, 4, "multicast" },
	{ { 240 }, 4, "reserved" },
};

/* The same of Amazon and Google. */
static const struct range six[] = {
	{ { 0 }, 128, "an address of this host" },
	{ { [15] = 1 }, 128, "loopback" },
	{ { 0xfe, 0x80 }, 10, "link-local" },
	{ { 0xfd, 0x00, 0x0e, 0xc2 }, 32, "a metadata service" },
	{ { 0xfd, 0x20, 0x00, 0xce }, 32, "a metadata service" },
	{ { 0xff }, 8, "multicast" },
};

/* IPv4 in the last four octets: mapped, compatible, NAT64 (RFC 6052). */
static const struct range holds_four[] = {
	{ { [10] = 0xff, [11] = 0xff }, 96, NULL },
	{ { 0 }, 96, NULL },
	{ { 0x00, 0x64, 0xff, 0x9b }, 96, NULL },
};

static bool is_in(const uint8_t *octets, const struct range *range)
{
	unsigned whole = range->bits / 8, rest = range->bits % 8;
	uint8_t mask = (uint8_t)(0xff00 >> rest);

	return memcmp(octets, range->octets, whole) == 0 &&
	       (!rest || ((octets[whole] ^ range->octets[whole]) & mask) == 0);
}

static const char *find(const uint8_t *octets, const struct range *ranges, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (is_in(octets, &ranges[i]))
			return ranges[i].what;
	return NULL;
}

const char *nt_fence_refuses(const struct nt_addr *a)
{
	const char *what;

	if (a->family == 4)
		return find(a->octets, four, NT_ARRAY_LEN(four));
	if (a->family != 6)
		return "no IP address";
	what = find(a->octets, six, NT_ARRAY_LEN(six));
	for (size_t i = 0; i < NT_ARRAY_LEN(holds_four) && !what; i++)
		if (is_in(a->octets, &holds_four[i]))
			what = find(a->octets + 12, four, NT_ARRAY_LEN(four));
	return what;
}

/* --- around a request ------------------------------------------------------------------------- */

static struct nt_addr addr_of(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return nt_addr_from(4, (const void *)&((const struct sockaddr_in *)sa)->sin_addr);
	if (sa->sa_family == AF_INET6)
		return nt_addr_from(6, (const void *)&((const struct sockaddr_in6 *)sa)->sin6_addr);
	return (struct nt_addr){ 0 };
}

static curl_socket_t open_socket(void *ctx, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct nt_addr ip = addr_of(&to->addr);
	struct nt_fence *fence = ctx;

	(void)purpose;
	fence->why = fence->open ? NULL : nt_fence_refuses(&ip);
	if (fence->why)
		return CURL_SOCKET_BAD;
	return socket(to->family, to->socktype | SOCK_CLOEXEC, to->protocol);
}

static int may_go_on(void *ctx, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	const struct nt_fence *fence = ctx;

	(void)a, (void)b, (void)c, (void)d;
	return atomic_load(fence->stop);
}

void nt_fence_put_up(CURL *easy, struct nt_fence *fence)
{
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
	curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, fence);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, CONNECT_MS);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, TIMEOUT_MS);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, may_go_on);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, fence);
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, fence->error);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "nametap-controller");
}

/* --- URLs ------------------------------------------------------------------------------------- */

static bool has_part(CURLU *u, CURLUPart part)
{
	char *text = NULL;
	bool has = curl_url_get(u, part, &text, 0) == CURLUE_OK && text && text[0];

	curl_free(text);
	return has;
}

static bool is_http(CURLU *u)
{
	char *text = NULL;
	bool http = curl_url_get(u, CURLUPART_SCHEME, &text, 0) == CURLUE_OK &&
		    (strcmp(text, "http") == 0 || strcmp(text, "https") == 0);

	curl_free(text);
	return http;
}

const char *nt_fence_url_mistake(const char *url)
{
	const char *mistake = NULL;
	CURLU *u;

	for (const char *at = url; *at; at++)
		if (*at <= ' ' || *at > '~' || strchr("<>|\"\\^`{}", *at))
			return "a URL has no spaces and no such characters: percent-encode them";
	u = curl_url();
	if (!u || curl_url_set(u, CURLUPART_URL, url, CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK ||
	    !has_part(u, CURLUPART_HOST))
		mistake = "a URL is wanted, as https://alerts.example.com/hook";
	else if (!is_http(u))
		mistake = "only http and https are spoken";
	else if (has_part(u, CURLUPART_USER) || has_part(u, CURLUPART_PASSWORD))
		mistake = "user and password go into a file of their own (basicAuthFile)";
	curl_url_cleanup(u);
	return mistake;
}
