/* SPDX-License-Identifier: Apache-2.0 */
/* Paths to operations. */
#include "api/http/route.h"

#include "api/http/assets.h"
#include "lib/base/cleanup.h"

enum method {
	GET = 1, /* HEAD is GET */
	POST = 2,
	DELETE = 4,
};

enum sort {
	READ = 0,
	OPERATE = 1, /* of operating the controller */
	ACT = 2, /* the controller does something */
	ASK = 3, /* with an object as its body: the question is too long for a path */
	NOTE = 4, /* with what somebody says as its body; it is kept */
	REMOVE = 5, /* such a note goes */
	ASK_MUCH = 6, /* as ASK, about several objects */
};

/* A GlobalAlert with all the values that its sets may have is about half as long. */
#define OBJECT_BYTES_MAX (256u << 10)
/* A DNSPolicy with all the names that it may have, of 60 octets and with indents; or many smaller
 * ones. */
#define OBJECTS_BYTES_MAX (1u << 20)
/* A reason and the values of a group, each octet of which may take six. */
#define NOTE_BYTES_MAX (16u << 10)

static const struct {
	enum method method;
	bool operation, token;
	size_t body_max;
} sorts[] = {
	[READ] = { .method = GET },
	[OPERATE] = { .method = GET, .operation = true },
	[ACT] = { .method = POST, .token = true },
	[ASK] = { .method = POST, .body_max = OBJECT_BYTES_MAX },
	[NOTE] = { .method = POST, .token = true, .body_max = NOTE_BYTES_MAX },
	[ASK_MUCH] = { .method = POST, .body_max = OBJECTS_BYTES_MAX },
	[REMOVE] = { .method = DELETE, .token = true },
};

static const struct {
	const char *path;
	nt_handler_fn *handler;
	enum sort sort;
} operations[] = {
	{ "/api/v1/summary", nt_handle_summary, READ },
	{ "/api/v1/timeseries", nt_handle_timeseries, READ },
	{ "/api/v1/top", nt_handle_top, READ },
	{ "/api/v1/logs", nt_handle_logs, READ },
	{ "/api/v1/fields", nt_handle_fields, READ },
	{ "/api/v1/coverage", nt_handle_coverage, READ },
	{ "/api/v1/alerts", nt_handle_alerts, READ },
	{ "/api/v1/alerts/events", nt_handle_alert_events, READ },
	{ "/api/v1/alerts/events/{id}/acknowledgement", nt_handle_acknowledge, NOTE },
	{ "/api/v1/alerts/events/{id}/acknowledgement", nt_handle_unacknowledge, REMOVE },
	{ "/api/v1/alerts/preview", nt_handle_alert_preview, ASK },
	{ "/api/v1/alerts/receivers", nt_handle_receivers, READ },
	{ "/api/v1/alerts/receivers/{name}/test", nt_handle_receiver_test, ACT },
	{ "/api/v1/alerts/suppressions", nt_handle_suppressions, READ },
	{ "/api/v1/alerts/suppressions", nt_handle_suppress, NOTE },
	{ "/api/v1/alerts/suppressions/{id}", nt_handle_unsuppress, REMOVE },
	{ "/api/v1/feeds", nt_handle_feeds, READ },
	{ "/api/v1/policies", nt_handle_policies, READ },
	{ "/api/v1/policies/preview", nt_handle_policy_preview, ASK_MUCH },
	{ "/api/v1/policies/suggest", nt_handle_policy_suggest, READ },
	{ "/healthz", nt_handle_healthz, OPERATE },
	{ "/readyz", nt_handle_readyz, OPERATE },
	{ "/metrics", nt_handle_metrics, OPERATE },
};

static const char ingest_path[] = "/ingest/v1/batches";

/* The page's own routes (api/web/src/url.ts): all of them are the one page. */
static const char *const pages[] = { "/", "/alerts", "/policies" };

static const struct nt_asset *find_asset(const char *path)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(pages); i++)
		if (strcmp(path, pages[i]) == 0)
			path = "/index.html";
	for (size_t i = 0; i < nt_assets_len; i++)
		if (strcmp(nt_assets[i].path, path) == 0)
			return &nt_assets[i];
	return NULL;
}

/* A path of the table; {id} is one segment that is not empty. */
static bool matches(const char *path, const char *pattern, struct nt_route *route)
{
	const char *open = strchr(pattern, '{'), *close = open ? strchr(open, '}') : NULL;
	size_t before = open ? (size_t)(open - pattern) : 0, len;

	if (!close)
		return strcmp(path, pattern) == 0;
	if (strncmp(path, pattern, before) != 0)
		return false;
	len = strcspn(path + before, "/");
	if (!len || len >= sizeof(route->segment) || strcmp(path + before + len, close + 1) != 0)
		return false;
	memcpy(route->segment, path + before, len);
	route->segment[len] = '\0';
	route->segment_name = nt_slice_mem(open + 1, (size_t)(close - open) - 1);
	return true;
}

/* The methods that the path takes; the operation of `method`, where it is one of them. Names are
 * compared whole with what is in the tables, so no path leads to another file. */
static unsigned find(const char *path, enum method method, struct nt_route *route)
{
	unsigned methods = 0;

	for (size_t i = 0; i < NT_ARRAY_LEN(operations); i++) {
		enum sort sort = operations[i].sort;

		if (!matches(path, operations[i].path, route))
			continue;
		methods |= sorts[sort].method;
		if (sorts[sort].method != method)
			continue;
		route->handler = operations[i].handler;
		route->operation = sorts[sort].operation;
		route->token = sorts[sort].token;
		route->body_max = sorts[sort].body_max;
	}
	if (strcmp(path, ingest_path) == 0) {
		methods = POST;
		route->ingest = route->operation = true;
		route->body_max = NT_BATCH_BYTES_MAX;
	}
	if (!methods) {
		route->asset = find_asset(path);
		methods = route->asset ? GET : 0;
	}
	return methods;
}

static enum method method_of(const char *name)
{
	if (strcmp(name, "GET") == 0 || strcmp(name, "HEAD") == 0)
		return GET;
	if (strcmp(name, "POST") == 0)
		return POST;
	return strcmp(name, "DELETE") == 0 ? DELETE : 0;
}

unsigned nt_route_find(const char *method, const char *path, struct nt_route *ret_route,
		       const char **ret_allow)
{
	static const char *const allow[] = {
		[GET] = "GET, HEAD",
		[POST] = "POST",
		[GET | POST] = "GET, HEAD, POST",
		[DELETE] = "DELETE",
		[GET | DELETE] = "GET, HEAD, DELETE",
		[POST | DELETE] = "POST, DELETE",
		[GET | POST | DELETE] = "GET, HEAD, POST, DELETE",
	};
	struct nt_route route = { 0 };
	enum method asked = method_of(method);
	unsigned methods = find(path, asked, &route);

	if (!methods)
		return 404;
	if (!(methods & asked)) {
		*ret_allow = allow[methods];
		return 405;
	}
	*ret_route = route;
	return 0;
}
