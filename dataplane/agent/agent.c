/* SPDX-License-Identifier: Apache-2.0 */
/* The agent is made from its parts, restored from the spool, and freed. */
#include "dataplane/agent/agent.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "dataplane/agent/pipeline.h"
#include "dataplane/agent/state.h"
#include "dataplane/agent/tcp.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"

/* One transaction: at most 64 KiB of DNS message, whose text is some times longer. */
#define SCRATCH_BYTES ((size_t)4 << 20)
/* Rows that may come on top of the held ones: a full pairing table that times out, and what the
 * pods are owed. */
#define ROWS_ON_TOP (3u * 65536)

#define DNS_PORT 53

static void set_defaults(struct nt_agent_config *c)
{
	if (!c->flush_rows)
		c->flush_rows = NT_AGENT_FLUSH_ROWS;
	if (!c->hold_rows)
		c->hold_rows = NT_AGENT_HOLD_ROWS;
	if (!c->pod_rows)
		c->pod_rows = NT_AGENT_POD_ROWS;
}

static int open_parts(struct nt_agent *a, struct nt_err *err)
{
	struct nt_spool_config spool = { .path = a->config.spool_path,
					 .max_bytes = a->config.spool_max_bytes };
	struct nt_pair_config pair = { .timeout_ns = a->config.timeout_ns };
	int r;

	if (getrandom(&a->client_key, sizeof(a->client_key), 0) != sizeof(a->client_key))
		return nt_err_sys(err, errno, "getrandom");
	a->rows_now = a->config.pod_rows;
	a->account = nt_account_new(a->source.cpus, err);
	if (!a->account)
		return -err->code;
	a->pair = nt_pair_new(&pair, nt_pipeline_txn, a, err);
	if (!a->pair)
		return -err->code;
	r = nt_tcp_open(a, err);
	if (r < 0)
		return r;
	a->counters = calloc(a->source.cpus, sizeof(*a->counters));
	if (!a->counters)
		return nt_err_set(err, ENOMEM, "no memory for counters");
	/* Row ids are unique per agent: they start at the time of day in microseconds, and an agent
	 * makes less than a million rows a second. */
	a->last_row_id = (uint64_t)a->start_us;
	a->rows = nt_aggregate_new(a->config.hold_rows + ROWS_ON_TOP, a->config.merge,
				   a->last_row_id + 1, err);
	if (!a->rows)
		return -err->code;
	a->empty_bytes = nt_aggregate_bytes(a->rows);
	r = nt_names_new(a->config.cluster_domain, &a->names, err);
	return r < 0 ? r : nt_spool_open(&spool, &a->spool, err);
}

/* Fresh where nothing is known of before; sets the reason for numbers that are missing at start. */
static int restore(struct nt_agent *a, enum nt_reason *ret_reason, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf state = { 0 };
	int r = nt_spool_state(a->spool, &state, err);

	*ret_reason = NT_REASON_SPOOL_LOST;
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = nt_state_restore(a, nt_slice_mem(state.p, state.len), err);
	if (r < 0)
		nt_log_error("spool: %s; which packets it covers is not known", err->msg);
	else
		*ret_reason = NT_REASON_AGENT_RESTART;
	a->former_end = nt_spool_next(a->spool);
	return 0;
}

/* What the kernel counted before us and is not in the ring was read by an agent before us. */
static int adopt_pods(struct nt_agent *a, enum nt_reason reason, struct nt_err *err)
{
	struct nt_agent_pod *pod;
	size_t at = 0;
	int r = nt_podtable_scan(&a->pods, err);

	if (r < 0)
		return r;
	while ((pod = nt_podtable_next(&a->pods, &at)))
		if (!pod->gone &&
		    !nt_account_adopt(a->account, pod->pod.ep_id, a->source.meta.epoch, reason))
			return nt_err_set(err, ENOMEM, "no memory for the sequence numbers");
	return 0;
}

/* The log is of this boot and newer than the one sample of the state, which is for a spool without
 * it. */
static void open_clock(struct nt_agent *a)
{
	struct nt_timebase_sample last = nt_timebase_last(&a->timebase);

	a->timebase = (struct nt_timebase){ 0 };
	nt_clocklog_open(&a->clocklog, a->config.spool_path, a->source.meta.boot_id, &a->timebase);
	if (last.boot_ns)
		(void)nt_timebase_add(&a->timebase, last);
	nt_clocklog_write(&a->clocklog, &a->timebase, nt_timebase_sample(&a->timebase, a->clock));
}

int nt_agent_new(const struct nt_agent_config *config, const struct nt_tapsource *source,
		 struct nt_clock *clock, struct nt_agent **ret_agent, struct nt_err *err)
{
	struct nt_agent *a = calloc(1, sizeof(*a));
	enum nt_reason reason;
	int r;

	if (!a)
		return nt_err_set(err, ENOMEM, "no memory for the agent");
	a->config = *config;
	a->node = nt_slice_str(config->node);
	a->clock = clock;
	a->source = *source;
	if (!a->source.meta.ports[0])
		a->source.meta.ports[0] = DNS_PORT;
	a->pods.source = &a->source;
	a->scratch = NT_ARENA(SCRATCH_BYTES);
	a->start_us = nt_clock_real(clock) / NT_NS_PER_US;
	a->interval_from_us = a->start_us;
	a->first_batch = true;
	a->batch_ns = nt_clock_boot(clock);
	a->clocklog.fd = -1;
	set_defaults(&a->config);
	r = open_parts(a, err);
	if (r == 0)
		r = restore(a, &reason, err);
	if (r == 0) {
		open_clock(a);
		r = adopt_pods(a, reason, err);
	}
	if (r < 0) {
		nt_agent_free(a);
		return r;
	}
	*ret_agent = a;
	return 0;
}

void nt_agent_free(struct nt_agent *a)
{
	if (!a)
		return;
	nt_podtable_done(&a->pods);
	nt_account_free(a->account);
	nt_pair_free(a->pair);
	nt_streams_free(a->streams);
	nt_aggregate_free(a->rows);
	nt_names_free(a->names);
	nt_spool_close(a->spool);
	nt_failed_done(&a->failed);
	nt_arena_done(&a->scratch);
	nt_buf_done(&a->gaps);
	nt_hostaddrs_done(&a->hostaddrs);
	nt_ends_done(&a->ends);
	nt_buf_done(&a->part);
	nt_clocklog_close(&a->clocklog);
	free(a->counters);
	free(a);
}
