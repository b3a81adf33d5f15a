/* SPDX-License-Identifier: Apache-2.0 */
/* nametap-controller: arguments, wiring, the loop. */
#include <signal.h>
#include <stdio.h>

#include "api/http/server.h"
#include "controller/enrich/enrich.h"
#include "controller/ingest/ingest.h"
#include "controller/ingest/token.h"
#include "controller/options.h"
#include "controller/store/store.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"
#include "lib/base/loop.h"
#include "lib/objects/objects.h"

struct controller {
	struct nt_options options;
	struct nt_loop *loop;
	struct nt_objects *objects;
	struct nt_enrich *enrich;
	struct nt_store *store;
	struct nt_ingest *ingest;
	struct nt_http *http;
	struct nt_buf token;
};

static void controller_done(struct controller *c)
{
	nt_http_stop(c->http);
	nt_ingest_free(c->ingest);
	nt_store_close(c->store);
	nt_enrich_free(c->enrich);
	nt_objects_free(c->objects);
	nt_loop_free(c->loop);
	nt_buf_done(&c->token);
}

static void on_signal(void *ctx, int signal_number)
{
	nt_log_info("signal %d: stopping", signal_number);
	nt_loop_stop(ctx);
}

static void on_objects(void *ctx, int fd, uint32_t events)
{
	(void)fd;
	(void)events;
	nt_ingest_poll_objects(ctx);
}

static void on_hour(void *ctx)
{
	struct nt_clock clock = nt_clock_system();
	struct controller *c = ctx;
	int64_t before_ns = nt_clock_real(&clock) - c->options.retention_ns;
	struct nt_err err = { 0 };
	uint64_t rows = 0;

	if (nt_store_expire(c->store, before_ns / NT_NS_PER_US, &rows, &err) < 0)
		nt_log_error("old rows stay for another hour: %s", err.msg);
	else if (rows)
		nt_log_info("%llu rows were older than the retention", (unsigned long long)rows);
}

static void on_second(void *ctx)
{
	nt_http_tick(ctx);
}

static int open_all(struct controller *c, struct nt_err *err)
{
	const struct nt_options *o = &c->options;
	_cleanup_buf_ struct nt_buf token_path = { 0 };
	int r;

	nt_buf_printf(&token_path, "%s/token", o->data);
	r = nt_store_open(o->data, &c->store, err);
	if (r == 0)
		r = nt_token_open(o->token_file ?: nt_buf_str(&token_path), &c->token, err);
	if (r == 0 && o->objects)
		r = nt_objects_open_dir(o->objects, &c->objects, err);
	if (r == 0 && c->objects)
		r = nt_enrich_new(c->objects, &c->enrich, err);
	if (r == 0)
		r = nt_ingest_new(c->store, c->objects, c->enrich, &c->ingest, err);
	return r;
}

static int start(struct controller *c, struct nt_err *err)
{
	static const int signals[] = { SIGTERM, SIGINT, 0 };
	struct nt_http_config config = { .listen = c->options.listen };
	int r;

	/* A client that hangs up is an error of its write, not the end of this process. */
	(void)signal(SIGPIPE, SIG_IGN);
	r = nt_loop_new(&c->loop, err);
	if (r == 0)
		r = nt_loop_signals(c->loop, signals, on_signal, c->loop, err);
	if (r == 0)
		r = open_all(c, err);
	if (r == 0 && c->objects)
		r = nt_loop_watch(c->loop, nt_objects_fd(c->objects), EPOLLIN, on_objects,
				  c->ingest, err);
	if (r < 0)
		return r;
	on_hour(c);
	config.token = nt_slice_mem(c->token.p, c->token.len);
	config.store = c->store;
	config.ingest = c->ingest;
	r = nt_http_start(&config, &c->http, err);
	if (r == 0 && (!nt_loop_timer_new(c->loop, 3600 * NT_NS_PER_S, on_hour, c, err) ||
		       !nt_loop_timer_new(c->loop, NT_NS_PER_S, on_second, c->http, err)))
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
		fflush(stdout);
		if (nt_loop_run(c.loop, &err) == 0)
			return 0;
	}
	nt_log_error("%s", err.msg);
	return 1;
}
