/* SPDX-License-Identifier: Apache-2.0 */
/* Paths to operations. */
#include "api/http/route.h"

#include "api/http/assets.h"
#include "lib/base/cleanup.h"

enum sort {
	READ = 0, /* GET */
	OPERATE = 1, /* GET, of operating the controller */
	ACT = 2, /* POST, with the token */
	ASK = 3, /* POST whose body is an object: the question is too long for a path */
};

/* A GlobalAlert with all the values that its sets may have is about half as long. */
#define OBJECT_BYTES_MAX (256u << 10)

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
	{ "/api/v1/alerts/preview", nt_handle_alert_preview, ASK },
	{ "/api/v1/alerts/receivers", nt_handle_receivers, READ },
	{ "/api/v1/alerts/receivers/{name}/test", nt_handle_receiver_test, ACT },
	{ "/api/v1/policies", nt_handle_policies, READ },
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

/* A path of the table; {name} is one segment that is not empty. */
static bool matches(const char *path, const char *pattern, char *ret_name, size_t size)
{
	const char *open = strstr(pattern, "{name}"), *rest;
	size_t before = open ? (size_t)(open - pattern) : 0, len;

	if (!open)
		return strcmp(path, pattern) == 0;
	if (strncmp(path, pattern, before) != 0)
		return false;
	len = strcspn(path + before, "/");
	rest = path + before + len;
	if (!len || len >= size || strcmp(rest, open + strlen("{name}")) != 0)
		return false;
	memcpy(ret_name, path + before, len);
	ret_name[len] = '\0';
	return true;
}

/* Names are compared whole with what is in the tables, so no path leads to another file. */
static bool find(const char *path, struct nt_route *route)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(operations); i++)
		if (matches(path, operations[i].path, route->name, sizeof(route->name))) {
			route->handler = operations[i].handler;
			route->operation = operations[i].sort == OPERATE;
			route->token = operations[i].sort == ACT;
			route->post = route->token || operations[i].sort == ASK;
			route->body_max = operations[i].sort == ASK ? OBJECT_BYTES_MAX : 0;
		}
	route->ingest = strcmp(path, ingest_path) == 0;
	if (route->ingest)
		route->body_max = NT_BATCH_BYTES_MAX;
	route->operation |= route->ingest;
	if (!route->handler && !route->ingest)
		route->asset = find_asset(path);
	return route->handler || route->ingest || route->asset;
}

unsigned nt_route_find(const char *method, const char *path, struct nt_route *ret_route,
		       const char **ret_allow)
{
	bool get = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
	struct nt_route route = { 0 };

	if (!find(path, &route))
		return 404;
	if (route.ingest || route.post ? strcmp(method, "POST") != 0 : !get) {
		*ret_allow = route.ingest || route.post ? "POST" : "GET, HEAD";
		return 405;
	}
	*ret_route = route;
	return 0;
}
