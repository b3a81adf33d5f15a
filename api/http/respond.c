/* SPDX-License-Identifier: Apache-2.0 */
/* Replies as HTTP responses: security headers, caching, the page's files. */
#include "api/http/respond.h"

#include <zlib.h>

#include "api/http/assets.h"
#include "lib/base/cleanup.h"

/* Everything from here and nothing inline: what a DNS name holds cannot become script even if an
 * escape were forgotten. No other page may frame this one or read what it serves. */
static const struct {
	const char *name, *value;
} security_headers[] = {
	{ "Content-Security-Policy",
	  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
	  "img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; "
	  "frame-ancestors 'none'" },
	{ "X-Content-Type-Options", "nosniff" },
	{ "X-Frame-Options", "DENY" },
	{ "Referrer-Policy", "no-referrer" },
	{ "Cross-Origin-Resource-Policy", "same-origin" },
	{ "Cross-Origin-Opener-Policy", "same-origin" },
};

static void add_header(struct MHD_Response *response, const char *name, const char *value)
{
	(void)MHD_add_response_header(response, name, value);
}

static const char *request_header(struct MHD_Connection *connection, const char *name)
{
	const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);

	return value ? value : "";
}

/* The word stands in the header's list, without a "q=0" behind it. */
static bool accepts_gzip(const char *header)
{
	while (*header) {
		size_t len = strcspn(header, ",");
		struct nt_slice item;

		while (len && (*header == ' ' || *header == '\t')) {
			header++;
			len--;
		}
		item = nt_slice_mem(header, strcspn(header, ",; \t"));
		if (nt_slice_caseeq(item, NT_SLICE_LIT("gzip")))
			return !memmem(header, len, "q=0", 3) || memmem(header, len, "q=0.", 4);
		header += len;
		header += *header == ',';
	}
	return false;
}

/* For clients without gzip, which are rare: unpacked at each request. */
static struct MHD_Response *unpacked(const struct nt_asset *asset)
{
	enum { ASSET_MAX = 32 << 20 }; /* our own files are far below */
	_cleanup_buf_ struct nt_buf out = { .max_len = ASSET_MAX };
	z_stream z = { .next_in = (Bytef *)(uintptr_t)asset->data, .avail_in = (uInt)asset->len };
	struct MHD_Response *response = NULL;
	int r = inflateInit2(&z, 16 + MAX_WBITS);

	while (r == Z_OK) {
		char *at = nt_buf_reserve(&out, 65536);

		if (!at)
			break;
		z.next_out = (Bytef *)at;
		z.avail_out = 65536;
		r = inflate(&z, Z_NO_FLUSH);
		out.len += 65536 - z.avail_out;
	}
	(void)inflateEnd(&z);
	if (r == Z_STREAM_END)
		response = MHD_create_response_from_buffer(out.len, NT_TAKE_PTR(out.p),
							   MHD_RESPMEM_MUST_FREE);
	return response;
}

static struct MHD_Response *asset_response(struct MHD_Connection *connection,
					   const struct nt_asset *asset, unsigned *status)
{
	bool packed = asset->gzip && accepts_gzip(request_header(connection, "Accept-Encoding"));
	bool has_tag = packed || !asset->gzip; /* the tag is of what is stored */
	struct MHD_Response *response;

	if (has_tag && strstr(request_header(connection, "If-None-Match"), asset->etag)) {
		*status = MHD_HTTP_NOT_MODIFIED;
		response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	} else if (asset->gzip && !packed) {
		response = unpacked(asset);
	} else {
		response = MHD_create_response_from_buffer(
			asset->len, (void *)(uintptr_t)asset->data, MHD_RESPMEM_PERSISTENT);
	}
	if (!response)
		return NULL;
	if (packed && *status == MHD_HTTP_OK)
		add_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	if (has_tag)
		add_header(response, MHD_HTTP_HEADER_ETAG, asset->etag);
	if (asset->gzip)
		add_header(response, MHD_HTTP_HEADER_VARY, "Accept-Encoding");
	add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, asset->type);
	add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL,
		   asset->immutable ? "public, max-age=31536000, immutable" : "no-cache");
	return response;
}

static struct MHD_Response *body_response(struct nt_reply *reply)
{
	struct MHD_Response *response;

	response = MHD_create_response_from_buffer(reply->body.len, NT_TAKE_PTR(reply->body.p),
						   MHD_RESPMEM_MUST_FREE);
	reply->body = (struct nt_buf){ 0 };
	if (!response)
		return NULL;
	add_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
	add_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
	if (reply->allow)
		add_header(response, MHD_HTTP_HEADER_ALLOW, reply->allow);
	if (reply->status == MHD_HTTP_UNAUTHORIZED)
		add_header(response, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
	if (reply->status == MHD_HTTP_SERVICE_UNAVAILABLE)
		add_header(response, MHD_HTTP_HEADER_RETRY_AFTER, "5");
	return response;
}

enum MHD_Result nt_respond(struct MHD_Connection *connection, struct nt_reply *reply)
{
	struct MHD_Response *response;
	enum MHD_Result queued;

	if (!reply->asset && !nt_buf_ok(&reply->body))
		nt_reply_problem(reply, 503, "no memory for the answer; ask for less");
	response = reply->asset ? asset_response(connection, reply->asset, &reply->status)
				: body_response(reply);
	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < NT_ARRAY_LEN(security_headers); i++)
		add_header(response, security_headers[i].name, security_headers[i].value);
	queued = MHD_queue_response(connection, reply->status, response);
	MHD_destroy_response(response);
	return queued;
}
