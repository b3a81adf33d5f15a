/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's loop: drain, flush, ship, end. */
#include "dataplane/agent/daemon.h"

#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <time.h>

#include "dataplane/agent/adopt.h"
#include "dataplane/agent/agent.h"
#include "dataplane/agent/conntrack.h"
#include "dataplane/agent/enforcer.h"
#include "dataplane/agent/export.h"
#include "dataplane/agent/hostpods.h"
#include "dataplane/agent/keeper.h"
#include "dataplane/agent/kubeaccess.h"
#include "dataplane/agent/lost.h"
#include "dataplane/agent/ring.h"
#include "dataplane/agent/source.h"
#include "dataplane/agent/status.h"
#include "dataplane/installer/watcher.h"
#include "lib/base/cleanup.h"

#define DRAIN_NS (10 * NT_NS_PER_MS)
#define DRAIN_IDLE_NS (50 * NT_NS_PER_MS)
/* Empty drains before the pace slows: half a second of silence. */
#define IDLE_AFTER 50
/* Without merging each transaction is its own row; they still travel together. */
#define FLUSH_UNMERGED_NS NT_NS_PER_S
/* At the end: longer than any packet is between its number and the ring. */
#define LAST_PACKETS_NS (50 * NT_NS_PER_MS)
#define SHIP_AT_END_NS (2 * NT_NS_PER_S)
/* Drains in a row before a flush goes on with what it has. */
#define DRAIN_ROUNDS 16
/* Pods that run already: what could not be tapped is tried again after so long, records are looked
 * at again so soon after a link went. */
#define LOOK_NS (10 * NT_NS_PER_S)
#define LOOK_SOON_NS (100 * NT_NS_PER_MS)

struct daemon {
	struct nt_clock clock;
	struct nt_loop *loop;
	struct nt_taps *taps; /* borrowed */
	struct nt_enforcer *enforcer;
	struct nt_agent *agent;
	struct nt_ring *ring;
	struct nt_export *export;
	struct nt_status *status;
	struct nt_adopt *adopt;
	struct nt_keeper *keeper;
	struct nt_hostpods *hostpods; /* NULL: the host's network is not to be tapped */
	struct nt_conntrack *conntrack;
	struct nt_kubeaccess *kube;
	struct nt_watcher *watcher; /* NULL: the plugin is installed by others */
	struct nt_timer *drain_timer, *flush_timer, *second_timer, *end_timer, *look_timer;
	unsigned int empty_drains;
	bool idle_pace, ending, flush_failing, look_soon;
	bool is_host_old; /* programs of a former agent may be at work in the host's network */
	bool may_have_old_events; /* of another ABI version (nt_taps_layouts) */
	bool last_written, uninstall; /* at the end */
	int result;
};

static void on_event(void *ctx, struct nt_slice sample)
{
	struct daemon *d = ctx;

	nt_agent_event(d->agent, sample);
}

/* --- drain ------------------------------------------------------------------------------------ */

static void set_pace(struct daemon *d, int events)
{
	bool idle;

	d->empty_drains = events ? 0 : d->empty_drains + 1;
	idle = d->empty_drains >= IDLE_AFTER;
	if (idle == d->idle_pace)
		return;
	d->idle_pace = idle;
	nt_loop_timer_set(d->drain_timer, idle ? DRAIN_IDLE_NS : DRAIN_NS);
}

/* The programs of the former version were replaced before the first drain, but for those of the
 * host's network where the kernel takes no others. */
static void forget_layouts(struct daemon *d)
{
	d->may_have_old_events = false;
	if (!d->is_host_old && nt_taps_forget_layouts(d->taps))
		nt_log_info("all events of the former ABI version were read");
}

static bool drain_once(struct daemon *d)
{
	int64_t now = nt_clock_boot(&d->clock);
	bool empty;
	int events;

	nt_conntrack_read(d->conntrack);
	events = nt_ring_drain(d->ring, &empty);
	if (empty) {
		if (d->may_have_old_events)
			forget_layouts(d);
		nt_agent_drained(d->agent, now);
		(void)nt_lost_read_some(d->agent);
	}
	set_pace(d, events);
	return empty;
}

/* False when events come faster than they are taken. */
static bool drain_all(struct daemon *d)
{
	for (int i = 0; i < DRAIN_ROUNDS; i++)
		if (drain_once(d))
			return true;
	return false;
}

static void on_drain_timer(void *ctx)
{
	(void)drain_once(ctx);
}

static void on_ring_filling(void *ctx, int fd, uint32_t events)
{
	(void)fd, (void)events;
	(void)drain_once(ctx);
}

/* --- pods that run already -------------------------------------------------------------------- */

static void look(struct daemon *d)
{
	uint64_t adopted = nt_adopt_stats(d->adopt).adopted;

	d->look_soon = false;
	nt_loop_timer_set(d->look_timer, LOOK_NS);
	nt_conntrack_look(d->conntrack);
	nt_adopt_look(d->adopt);
	if (d->hostpods) {
		nt_hostpods_look(d->hostpods);
		nt_keeper_host(d->keeper, nt_hostpods_taps(d->hostpods));
	}
	if (nt_adopt_stats(d->adopt).adopted != adopted)
		nt_enforcer_reconcile(d->enforcer);
}

static void on_look_timer(void *ctx)
{
	struct daemon *d = ctx;

	if (!d->ending)
		look(d);
}

/* A storm of them makes one look; it does not put it off. */
static void on_link_gone(void *ctx, int fd, uint32_t events)
{
	struct daemon *d = ctx;

	(void)fd, (void)events;
	nt_keeper_links(d->keeper);
	if (d->look_soon)
		return;
	d->look_soon = true;
	nt_loop_timer_set(d->look_timer, LOOK_SOON_NS);
}

/* --- flush ------------------------------------------------------------------------------------ */

static void on_tapped(void *ctx, const struct nt_keep_news *news)
{
	struct daemon *d = ctx;

	nt_agent_tapped(d->agent, news);
}

static int flush(struct daemon *d, bool drained)
{
	struct nt_err err;
	int r;

	if (d->keeper)
		nt_keeper_take(d->keeper, on_tapped, d);
	r = nt_agent_flush(d->agent, drained, &err);

	if (r < 0 && !d->flush_failing)
		nt_log_error("flush: %s; kept in memory, trying again", err.msg);
	if (r >= 0 && d->flush_failing)
		nt_log_info("flush: the spool can be written again");
	d->flush_failing = r < 0;
	if (r >= 0 && d->keeper)
		nt_keeper_told(d->keeper);
	nt_export_kick(d->export);
	return r < 0 ? r : 0;
}

static void on_flush_timer(void *ctx)
{
	struct daemon *d = ctx;

	(void)flush(d, drain_all(d));
	nt_enforcer_reconcile(d->enforcer);
}

static void on_second(void *ctx)
{
	struct daemon *d = ctx;

	nt_agent_second(d->agent);
	(void)nt_lost_read_some(d->agent); /* in a ring that never empties, too */
	if (!d->ending && nt_adopt_has_news(d->adopt))
		look(d);
	if (!d->ending)
		nt_kubeaccess_look(d->kube, &d->agent->failed);
	nt_export_kick(d->export);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void on_shipped(void *ctx)
{
	struct daemon *d = ctx;

	nt_loop_stop(d->loop);
}

/* The first flush takes a snapshot of the counters, the second one settles it: whatever had a
 * number by then is in a row or stated as lost. */
static void write_last(struct daemon *d)
{
	struct timespec pause = { .tv_nsec = LAST_PACKETS_NS };

	d->last_written = true;
	nt_loop_timer_set(d->flush_timer, 0);
	(void)flush(d, drain_all(d));
	(void)nanosleep(&pause, NULL);
	d->result = flush(d, drain_all(d));
	nt_loop_timer_set(d->drain_timer, 0);
	nt_loop_unwatch(d->loop, nt_ring_fd(d->ring));
}

static void end(struct daemon *d)
{
	nt_log_info("the last batch, then the end");
	write_last(d);
	nt_loop_timer_set(d->end_timer, SHIP_AT_END_NS);
	nt_export_when_idle(d->export, on_shipped, d);
}

static void on_judged(void *ctx, bool uninstall)
{
	struct daemon *d = ctx;

	d->uninstall = uninstall;
	end(d);
}

/* The API may be asked for 40 s: until it is known, packets are taken and written as ever. What is
 * there goes to disk first, since the kubelet's patience may be shorter. */
static void on_signal(void *ctx, int signal_number)
{
	struct daemon *d = ctx;

	if (d->ending) {
		if (!d->last_written)
			write_last(d);
		nt_loop_stop(d->loop);
		return;
	}
	nt_log_info("signal %d", signal_number);
	d->ending = true;
	if (signal_number != SIGTERM) {
		end(d);
		return;
	}
	(void)flush(d, drain_all(d));
	nt_kubeaccess_ask(d->kube, on_judged, d);
}

/* --- life ------------------------------------------------------------------------------------- */

static bool backend_of(void *ctx, const struct nt_flow *flow, int64_t at_ns,
		       struct nt_backend *ret_backend)
{
	return nt_conntrack_find(ctx, flow, at_ns, ret_backend);
}

static const char *why_no_backend(void *ctx)
{
	return nt_conntrack_why_not(ctx);
}

/* Before the agent: what its first lookups are asked of is known, then. */
static int open_conntrack(struct daemon *d, const struct nt_tapsource *source, struct nt_err *err)
{
	int r = nt_conntrack_new(source->meta.ports, NT_PORTS_MAX, &d->clock, &d->conntrack, err);

	if (r == 0)
		nt_conntrack_look(d->conntrack);
	return r;
}

static int open_agent(struct daemon *d, const struct nt_options *o, struct nt_taps *taps,
		      struct nt_err *err)
{
	static char failed[PATH_MAX];
	struct nt_agent_config config = {
		.node = o->node,
		.spool_path = o->spool,
		.failed_path = failed,
		.cluster_domain = o->cluster_domain,
		.spool_max_bytes = o->spool_max_bytes,
		.timeout_ns = o->timeout_ns,
		.merge = o->flush_ns > 0,
		.interval_ns = o->flush_ns,
		.pod_rows = o->pod_rows,
		.policy_name = nt_enforcer_policy_name,
		.policy_ctx = d->enforcer,
		.backend = backend_of,
		.why_no_backend = why_no_backend,
	};
	struct nt_tapsource source = nt_source_of_taps(taps);
	int r = open_conntrack(d, &source, err);

	config.backend_ctx = d->conntrack;
	snprintf(failed, sizeof(failed), "%s/failed", o->state_dir);
	return r < 0 ? r : nt_agent_new(&config, &source, &d->clock, &d->agent, err);
}

/* The former agent's taps were in place when it wrote its last batch; without one nobody knows. */
static int start_keeper(struct daemon *d, const struct nt_options *o, struct nt_err *err)
{
	const struct nt_taps_config taps = { .pin_root = o->pin_root,
					     .state_dir = o->state_dir,
					     .no_tcx = o->no_tcx };
	int64_t verified_us = nt_spool_is_fresh(d->agent->spool) ? 0 : d->agent->interval_from_us;
	char gaplog[PATH_MAX];
	int r;

	snprintf(gaplog, sizeof(gaplog), "%s/gaps", o->spool);
	r = nt_keeper_start(&taps, d->hostpods ? nt_hostpods_taps(d->hostpods) : NULL, gaplog,
			    verified_us, &d->keeper, err);
	return r < 0 ? r
		     : nt_loop_watch(d->loop, nt_keeper_links_fd(d->keeper), EPOLLIN, on_link_gone,
				     d, err);
}

static void on_authority(void *ctx, struct nt_slice pem)
{
	struct daemon *d = ctx;

	nt_export_trust(d->export, pem);
}

static void on_distrust(void *ctx)
{
	struct daemon *d = ctx;

	nt_kubeaccess_distrust(d->kube);
}

static int open_outside(struct daemon *d, const struct nt_options *o, struct nt_taps *taps,
			struct nt_err *err)
{
	struct nt_export_config export = { .controller = o->controller,
					   .token_file = o->token_file,
					   .ca_file = o->ca_file,
					   .ca_comes = o->ca_configmap != NULL,
					   .timeout_ns = o->ship_timeout_ns };
	struct nt_status_source status = { .agent = d->agent };
	const struct nt_ring_maps maps = { .events_fd = nt_taps_events_fd(taps),
					   .drain_fd = nt_taps_drain_fd(taps),
					   .shares_fd = nt_taps_shares_fd(taps),
					   .layouts = nt_taps_layouts(taps) };
	int r = nt_ring_open(&maps, on_event, d, &d->ring, err);

	if (r == 0)
		r = start_keeper(d, o, err);
	if (r == 0)
		r = nt_export_new(&export, d->loop, d->agent, &d->export, err);
	if (r == 0)
		r = nt_kubeaccess_trust(d->kube, o, d->loop, on_authority, d, err);
	if (r < 0)
		return r;
	nt_export_when_distrusted(d->export, on_distrust, d);
	if (!o->listen)
		return 0;
	status.ring = d->ring;
	status.export = d->export;
	status.adopt = d->adopt;
	status.keeper = d->keeper;
	status.rules = nt_enforcer_rules(d->enforcer);
	status.objects = nt_enforcer_objects(d->enforcer);
	status.kube = d->kube;
	status.watcher = d->watcher;
	status.conntrack = d->conntrack;
	status.cluster_domain_source = o->cluster_domain_source;
	return nt_status_open(o->listen, &status, d->loop, &d->status, err);
}

static int open_adoption(struct daemon *d, const struct nt_options *o, struct nt_taps *taps,
			 struct nt_err *err)
{
	struct nt_adopt_config config = { .taps = taps,
					  .state_dir = o->state_dir,
					  .cache_dir = o->cni_cache,
					  .node = o->node,
					  .cluster_domain = o->cluster_domain,
					  .objects = nt_enforcer_objects(d->enforcer),
					  .excluded = o->exclude_namespaces };

	return nt_adopt_new(&config, &d->adopt, err);
}

static int open_host_network(struct daemon *d, const struct nt_options *o, struct nt_taps *taps,
			     struct nt_err *err)
{
	struct nt_hostpods_config config = { .taps = taps,
					     .state_dir = o->state_dir,
					     .cgroup_root = o->cgroup_root,
					     .mode = o->host_mode,
					     .objects = nt_enforcer_objects(d->enforcer) };

	int r = o->host_network ? nt_hostpods_new(&config, &d->hostpods, err)
				: nt_hostnet_off(taps, err);

	const struct nt_hostnet *host = d->hostpods ? nt_hostpods_taps(d->hostpods) : NULL;

	d->is_host_old = host ? nt_hostnet_old(host) != NULL : nt_hostnet_is_pinned(taps);
	return r;
}

static int start_timers(struct daemon *d, const struct nt_options *o, struct nt_err *err)
{
	int64_t flush_ns = o->flush_ns ? o->flush_ns : FLUSH_UNMERGED_NS;

	d->drain_timer = nt_loop_timer_new(d->loop, DRAIN_NS, on_drain_timer, d, err);
	d->flush_timer = nt_loop_timer_new(d->loop, flush_ns, on_flush_timer, d, err);
	d->second_timer = nt_loop_timer_new(d->loop, NT_NS_PER_S, on_second, d, err);
	d->end_timer = nt_loop_timer_new(d->loop, 0, on_shipped, d, err);
	d->look_timer = nt_loop_timer_new(d->loop, LOOK_NS, on_look_timer, d, err);
	if (!d->drain_timer || !d->flush_timer || !d->second_timer || !d->end_timer ||
	    !d->look_timer)
		return -err->code;
	return nt_loop_watch(d->loop, nt_ring_fd(d->ring), EPOLLIN | EPOLLET, on_ring_filling, d,
			     err);
}

static void done(struct daemon *d)
{
	nt_keeper_stop(d->keeper);
	nt_status_close(d->status);
	nt_watcher_stop(d->watcher);
	nt_adopt_free(d->adopt);
	nt_hostpods_free(d->hostpods);
	nt_export_free(d->export);
	nt_ring_close(d->ring);
	nt_agent_free(d->agent);
	nt_conntrack_free(d->conntrack);
	nt_enforcer_free(d->enforcer);
	nt_kubeaccess_close(d->kube);
	nt_loop_free(d->loop);
}

static int start(struct daemon *d, const struct nt_options *o, struct nt_taps *taps,
		 struct nt_err *err)
{
	static const int signals[] = { SIGTERM, SIGINT, 0 };
	int r = nt_loop_new(&d->loop, err);

	if (r == 0)
		r = nt_loop_signals(d->loop, signals, on_signal, d, err);
	if (r == 0)
		r = nt_kubeaccess_open(o, d->loop, &d->clock, &d->kube, err);
	if (r == 0)
		r = nt_enforcer_new(o, nt_kubeaccess_client(d->kube), taps, d->loop, &d->clock,
				    &d->enforcer, err);
	if (r == 0)
		r = open_agent(d, o, taps, err);
	if (r == 0)
		r = open_adoption(d, o, taps, err);
	if (r == 0)
		r = open_host_network(d, o, taps, err);
	if (r == 0 && o->installs)
		r = nt_watcher_start(&o->install, d->loop, &d->watcher, err);
	if (r == 0)
		r = open_outside(d, o, taps, err);
	return r == 0 ? start_timers(d, o, err) : r;
}

int nt_daemon_run(const struct nt_options *options, struct nt_taps *taps, bool *ret_uninstall,
		  struct nt_err *err)
{
	_cleanup_(done) struct daemon d = { .clock = nt_clock_system(),
					    .taps = taps,
					    .may_have_old_events = nt_taps_layouts(taps) };
	int r = start(&d, options, taps, err);

	if (r < 0)
		return r;
	nt_log_info("node %s, spool %s (%s), %u CPUs, cluster domain %s (%s)", options->node,
		    options->spool, nt_spool_uuid(d.agent->spool), d.agent->source.cpus,
		    options->cluster_domain, options->cluster_domain_source);
	/* Before the ring is touched: the counters of now tell what an agent before us had read,
	 * and a first batch on disk makes the next start know that there was one. */
	(void)flush(&d, true);
	r = nt_enforcer_start(d.enforcer, err);
	if (r == 0)
		look(&d);
	if (r == 0)
		r = nt_loop_run(d.loop, err);
	if (r == 0 && d.result < 0)
		r = nt_err_set(err, -d.result, "the last batch could not be written");
	*ret_uninstall = d.uninstall;
	return r;
}
