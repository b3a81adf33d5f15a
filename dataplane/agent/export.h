/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ships the batches of the spool to the controller: POST {url}/ingest/v1/batches, one in flight, in
 * the order of their numbers, by libcurl inside the event loop. Acknowledged (200 or 204, also for
 * a duplicate) ones go; a batch that the controller will never take (400, 413, 422) is set aside;
 * one of a former name of the node that is refused with 403 is held in the spool (spool.h);
 * anything else is tried again after a pause of 0.2 to 5 s with jitter. The token file is read
 * before every attempt. Not thread-safe.
 */
#pragma once

#include "dataplane/agent/agent.h"
#include "lib/base/loop.h"

struct nt_export_config {
	const char *controller; /* http(s)://host:port[/path], without the final slash */
	const char *token_file; /* NULL: no Authorization */
	const char *ca_file; /* PEM, who may have signed its certificate; NULL: the system's */
	bool ca_comes; /* nothing is sent before nt_export_trust */
	int64_t timeout_ns; /* of one upload, connect included */
};

struct nt_export_stats {
	uint64_t shipped, duplicates, refused, failures;
	bool in_flight;
};

struct nt_export;

/* loop, agent: borrowed. */
int nt_export_new(const struct nt_export_config *config, struct nt_loop *loop,
		  struct nt_agent *agent, struct nt_export **ret_export,
		  struct nt_err *err) NT_MUSTCHECK;
void nt_export_free(struct nt_export *e);

/* From now on who may have signed the controller's certificate, PEM, copied; instead of ca_file. */
void nt_export_trust(struct nt_export *e, struct nt_slice pem);
/* fn is called when the controller's certificate does not fit, each time. */
void nt_export_when_distrusted(struct nt_export *e, nt_loop_fn *fn, void *ctx);
/* There may be a new batch. */
void nt_export_kick(struct nt_export *e);
/* Calls fn once when nothing waits any more (at once when nothing does). */
void nt_export_when_idle(struct nt_export *e, nt_loop_fn *fn, void *ctx);
struct nt_export_stats nt_export_stats(const struct nt_export *e);

/* True for a URL that nt_export_new takes; else the reason is in err. */
bool nt_export_check_url(const char *url, struct nt_err *err);
