/* SPDX-License-Identifier: Apache-2.0 */
/* nametap-controller: arguments, wiring, the loop. */
#include <signal.h>
#include <stdio.h>

#include "api/http/server.h"
#include "controller/ingest/ingest.h"
#include "controller/leader.h"
#include "controller/parts.h"
#include "controller/report.h"
#include "controller/store/store.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/objects/objects.h"

/* Of the log, about objects that the API has not given yet. */
#define QUIET_NS (20 * NT_NS_PER_S)

struct controller {
	struct nt_options options;
	struct nt_loop *loop;
	struct nt_parts parts;
	struct nt_report report;
	int64_t started_ns, reported_ns; /* CLOCK_BOOTTIME */
	bool report_due; /* objects have changed since */
	uint64_t standing; /* of alert rules, as reported */
	struct nt_http *http;
};

static void controller_done(struct controller *c)
{
	nt_parts_stop(&c->parts);
	nt_http_stop(c->http);
	nt_parts_close(&c->parts);
	nt_report_done(&c->report);
	nt_loop_free(c->loop);
}

static void on_signal(void *ctx, int signal_number)
{
	nt_log_info("signal %d: stopping", signal_number);
	nt_loop_stop(ctx);
}

/* Objects of a cluster change all the time: at most once a second. */
static void report(struct controller *c)
{
	struct nt_clock clock = nt_clock_system();
	int64_t now_ns = nt_clock_boot(&clock);

	/* Nor of objects that an API has just been asked for. */
	c->report_due = now_ns - c->reported_ns < NT_NS_PER_S ||
			(now_ns - c->started_ns < QUIET_NS && c->parts.objects &&
			 !nt_objects_have_synced(c->parts.objects));
	if (c->report_due)
		return;
	c->reported_ns = now_ns;
	c->standing = nt_ingest_alerts_standing(c->parts.ingest);
	nt_report_mistakes(&c->report, c->parts.ingest, c->parts.notify);
}

static void on_objects(void *ctx, int fd, uint32_t events)
{
	struct controller *c = ctx;
	struct nt_err err = { 0 };

	(void)fd;
	(void)events;
	if (nt_ingest_poll_objects(c->parts.ingest, &err) < 0)
		nt_log_error("%s", err.msg);
	report(c);
}

static void on_hour(void *ctx)
{
	struct nt_clock clock = nt_clock_system();
	struct controller *c = ctx;
	int64_t before_ns = nt_clock_real(&clock) - c->options.retention_ns;
	struct nt_err err = { 0 };
	uint64_t rows = 0;

	if (nt_store_expire(c->parts.store, before_ns / NT_NS_PER_US, &rows, &err) < 0)
		nt_log_error("old rows stay for another hour: %s", err.msg);
	else if (rows)
		nt_log_info("%llu rows were older than the retention", (unsigned long long)rows);
}

/* Agents find a controller that was away within the time after which they count as silent. */
static void on_minute(void *ctx)
{
	struct nt_clock clock = nt_clock_system();
	struct controller *c = ctx;
	struct nt_err err = { 0 };
	uint64_t nodes = 0;

	if (nt_clock_boot(&clock) - c->started_ns < NT_BATCH_SILENT_US * NT_NS_PER_US)
		return;
	if (nt_store_note_silent(c->parts.store,
				 nt_clock_real(&clock) / NT_NS_PER_US - NT_BATCH_SILENT_US, &nodes,
				 &err) < 0)
		nt_log_error("silent nodes count as tapped for another minute: %s", err.msg);
	else if (nodes)
		nt_log_info("%llu nodes have fallen silent: their pods count as untapped",
			    (unsigned long long)nodes);
}

static void on_second(void *ctx)
{
	struct nt_clock clock = nt_clock_system();
	struct controller *c = ctx;
	struct nt_err err = { 0 };

	/* Rules are tested by and by. */
	if (c->report_due || c->standing != nt_ingest_alerts_standing(c->parts.ingest))
		report(c);
	nt_http_tick(c->http);
	nt_parts_tick(&c->parts);
	if (nt_ingest_tick(c->parts.ingest, nt_clock_real(&clock) / NT_NS_PER_US,
			   nt_leader_leads(c->parts.leader), &err) < 0)
		nt_log_error("%s", err.msg);
}

static int start(struct controller *c, struct nt_err *err)
{
	static const int signals[] = { SIGTERM, SIGINT, 0 };
	struct nt_http_config config = { .listen = c->options.listen,
					 .tls_listen = c->options.tls_listen };
	struct nt_clock clock = nt_clock_system();
	int r;

	/* A client that hangs up is an error of its write, not the end of this process. */
	(void)signal(SIGPIPE, SIG_IGN);
	r = nt_loop_new(&c->loop, err);
	if (r == 0)
		r = nt_loop_signals(c->loop, signals, on_signal, c->loop, err);
	if (r == 0)
		r = nt_parts_open(&c->options, c->loop, &c->parts, err);
	if (r == 0 && c->parts.objects)
		r = nt_loop_watch(c->loop, nt_objects_fd(c->parts.objects), EPOLLIN, on_objects, c,
				  err);
	if (r < 0)
		return r;
	c->started_ns = nt_clock_boot(&clock);
	report(c);
	on_hour(c);
	config.token = nt_slice_mem(c->parts.token.p, c->parts.token.len);
	config.tls = c->parts.tls;
	config.who = c->parts.who;
	config.store = c->parts.store;
	config.ingest = c->parts.ingest;
	config.notify = c->parts.notify;
	config.leader = c->parts.leader;
	config.feeds = c->parts.feeds;
	config.rulestatus = c->parts.rulestatus;
	r = nt_http_start(&config, &c->http, err);
	if (r == 0 && (!nt_loop_timer_new(c->loop, 3600 * NT_NS_PER_S, on_hour, c, err) ||
		       !nt_loop_timer_new(c->loop, 60 * NT_NS_PER_S, on_minute, c, err) ||
		       !nt_loop_timer_new(c->loop, NT_NS_PER_S, on_second, c, err)))
		r = -err->code;
	return r;
}

int main(int argc, char **argv)
{
	_cleanup_(controller_done) struct controller c = { 0 };
	int code = nt_options_parse(argc, argv, &c.options);
	struct nt_err err = { 0 };

	if (code >= 0)
		return code;
	nt_log_init("nametap-controller", c.options.log_level);
	if (start(&c, &err) == 0) {
		printf("listening on %s\n", nt_http_url(c.http));
		if (nt_http_tls_url(c.http))
			printf("agents upload to %s\n", nt_http_tls_url(c.http));
		fflush(stdout);
		if (nt_loop_run(c.loop, &err) == 0)
			return 0;
	}
	nt_log_error("%s", err.msg);
	return 1;
}
