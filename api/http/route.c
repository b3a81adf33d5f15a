/* SPDX-License-Identifier: Apache-2.0 */
/* Paths to operations. */
#include "api/http/route.h"

#include "api/http/assets.h"
#include "lib/base/cleanup.h"

static const struct {
	const char *path;
	nt_handler_fn *handler;
	bool operation;
} operations[] = {
	{ "/api/v1/summary", nt_handle_summary, false },
	{ "/api/v1/timeseries", nt_handle_timeseries, false },
	{ "/api/v1/top", nt_handle_top, false },
	{ "/api/v1/logs", nt_handle_logs, false },
	{ "/api/v1/fields", nt_handle_fields, false },
	{ "/api/v1/coverage", nt_handle_coverage, false },
	{ "/api/v1/alerts", nt_handle_alerts, false },
	{ "/api/v1/alerts/events", nt_handle_alert_events, false },
	{ "/api/v1/policies", nt_handle_policies, false },
	{ "/healthz", nt_handle_healthz, true },
	{ "/readyz", nt_handle_readyz, true },
	{ "/metrics", nt_handle_metrics, true },
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

/* Names are compared whole with what is in the tables, so no path leads to another file. */
static bool find(const char *path, struct nt_route *route)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(operations); i++)
		if (strcmp(operations[i].path, path) == 0) {
			route->handler = operations[i].handler;
			route->operation = operations[i].operation;
		}
	route->ingest = strcmp(path, ingest_path) == 0;
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
	if (route.ingest ? strcmp(method, "POST") != 0 : !get) {
		*ret_allow = route.ingest ? "POST" : "GET, HEAD";
		return 405;
	}
	*ret_route = route;
	return 0;
}
