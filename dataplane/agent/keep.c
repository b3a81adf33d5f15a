/* SPDX-License-Identifier: Apache-2.0 */
/* What to look at when, what to repair, and what to say about it. */
#include "dataplane/agent/keep.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/agent/idmap.h"
#include "lib/base/log.h"

#define LIST_NS NT_NS_PER_S
#define SWEEP_NS (10 * NT_NS_PER_S)
/* After a failed attempt, doubled each time to a minute. The first comes soon: a runtime that swaps
 * a qdisc makes one fail, and a repair is to take no second. */
#define RETRY_NS (250 * NT_NS_PER_MS)
/* Between moves to the head of a chain that another program wants, too: doubled, so that two of the
 * kind do not fight for ever. */
#define MOVE_NS NT_NS_PER_S
#define RETRY_MAX_NS (64 * NT_NS_PER_S)
/* Without a move for so long, the next one is not delayed again. */
#define PEACE_NS (300 * NT_NS_PER_S)
#define SUBJECT 400

struct retry {
	int64_t due_ns; /* not before */
	int64_t delay_ns; /* the last one */
};

struct kept {
	struct nt_pod pod;
	int64_t good_us; /* the last time that it was surely tapped */
	int64_t from_us; /* of the open gap */
	int64_t look_ns, moved_ns; /* boot time: due then; the last move to the head */
	struct retry cover, settle;
	enum nt_hook_fault fault; /* of the open gap */
	enum nt_hook hook;
	uint64_t listed; /* the last list that had it */
	bool touched, is_settled, yields;
	bool looked_at; /* in this call of nt_keep_work */
};

struct nt_keep {
	struct nt_keep_ops ops;
	struct nt_clock *clock;
	int64_t verified_us;
	nt_keep_news_fn *fn;
	void *ctx;
	struct nt_idmap pods;
	int64_t list_ns, sweep_ns; /* due then */
	int64_t quiet_us, next_quiet_us; /* see nt_keep_round */
	uint64_t lists;
	struct nt_keep_news *resumed; /* gaps of a former agent, until their pods are listed */
	size_t resumed_len;
	struct nt_keep_stats stats;
};

struct nt_keep *nt_keep_new(const struct nt_keep_ops *ops, struct nt_clock *clock,
			    int64_t verified_us, nt_keep_news_fn *fn, void *ctx, struct nt_err *err)
{
	struct nt_keep *k = calloc(1, sizeof(*k));

	if (!k) {
		nt_err_set(err, ENOMEM, "no memory to keep taps in place");
		return NULL;
	}
	k->ops = *ops;
	k->clock = clock;
	k->verified_us = verified_us;
	k->fn = fn;
	k->ctx = ctx;
	return k;
}

void nt_keep_free(struct nt_keep *k)
{
	struct kept *p;
	size_t at = 0;

	if (!k)
		return;
	while ((p = nt_idmap_next(&k->pods, &at)))
		free(p);
	nt_idmap_done(&k->pods);
	free(k->resumed);
	free(k);
}

int nt_keep_resume(struct nt_keep *k, const struct nt_keep_news *open, size_t open_len,
		   struct nt_err *err)
{
	if (!open_len)
		return 0;
	k->resumed = calloc(open_len, sizeof(*open));
	if (!k->resumed)
		return nt_err_set(err, ENOMEM, "no memory for gaps in coverage");
	memcpy(k->resumed, open, open_len * sizeof(*open));
	k->resumed_len = open_len;
	return 0;
}

static int64_t real_us(const struct nt_keep *k)
{
	return nt_clock_real(k->clock) / NT_NS_PER_US;
}

/* The node, and pods in its network: all have the same programs, and no link. */
static bool is_of_host(const struct kept *p)
{
	return p->pod.origin == NT_ORIGIN_NODE;
}

/* Who it is, for the log. */
static const char *subject(const struct kept *p, char out[SUBJECT])
{
	const struct nt_pod *pod = &p->pod;

	if (is_of_host(p) && pod->namespace_[0])
		snprintf(out, SUBJECT, "%s/%s in the host network", pod->namespace_, pod->name);
	else if (is_of_host(p))
		snprintf(out, SUBJECT, "the host network, %s", pod->uid[0] ? pod->uid : "node");
	else
		snprintf(out, SUBJECT, "%s/%s, link %u (%s)", pod->namespace_, pod->name,
			 pod->ifindex, pod->host_ifname);
	return out;
}

/* --- news ------------------------------------------------------------------------------------- */

static void tell(struct nt_keep *k, const struct kept *p, int64_t to_us)
{
	const struct nt_keep_news news = { .ep_id = p->pod.ep_id,
					   .hook = p->hook,
					   .fault = p->fault,
					   .from_us = p->fault ? p->from_us : 0,
					   .to_us = to_us };

	k->fn(k->ctx, &news);
}

/* told: netlink tells at once when a filter goes; else it may have happened right after the last
 * look. Never later than the truth. */
static void open_gap(struct nt_keep *k, struct kept *p, enum nt_hook_fault fault, bool told)
{
	char who[SUBJECT];

	p->fault = fault;
	p->from_us = told && k->quiet_us > p->good_us ? k->quiet_us : p->good_us;
	k->stats.removed += fault == NT_FAULT_REMOVED;
	k->stats.shadowed += fault == NT_FAULT_SHADOWED;
	nt_log_warn("%s: %s", subject(p, who), nt_hook_fault_name(fault));
	tell(k, p, 0);
}

static void close_gap(struct nt_keep *k, struct kept *p)
{
	char who[SUBJECT];

	tell(k, p, real_us(k));
	nt_log_info("%s: tapped again", subject(p, who));
	p->fault = NT_FAULT_NONE;
	p->good_us = real_us(k); /* a fault of another kind begins then */
}

/* --- which pods ------------------------------------------------------------------------------- */

static void resume(struct nt_keep *k, struct kept *p)
{
	for (size_t i = 0; i < k->resumed_len; i++) {
		if (k->resumed[i].ep_id != p->pod.ep_id)
			continue;
		p->fault = k->resumed[i].fault;
		p->from_us = k->resumed[i].from_us;
		k->resumed[i] = k->resumed[--k->resumed_len];
		return;
	}
}

/* Gaps of pods that went together with the former agent. */
static void end_resumed(struct nt_keep *k)
{
	while (k->resumed_len) {
		struct nt_keep_news *last = &k->resumed[--k->resumed_len];

		last->to_us = real_us(k);
		k->fn(k->ctx, last);
	}
}

static struct kept *add(struct nt_keep *k, uint64_t ep_id)
{
	struct kept *p = calloc(1, sizeof(*p));

	if (!p || k->ops.pod(k->ops.ctx, ep_id, &p->pod) < 0 || !nt_idmap_set(&k->pods, ep_id, p)) {
		free(p);
		return NULL;
	}
	p->good_us = (int64_t)(p->pod.attach_real_ns / NT_NS_PER_US);
	if (k->verified_us > p->good_us)
		p->good_us = k->verified_us;
	resume(k, p);
	return p;
}

static bool listed(void *ctx, __u32 ifindex, __u64 ep_id)
{
	struct nt_keep *k = ctx;
	struct kept *p = nt_idmap_find(&k->pods, ep_id);

	(void)ifindex;
	if (!p)
		p = add(k, ep_id);
	if (p)
		p->listed = k->lists;
	return true;
}

static struct kept *find_unlisted(const struct nt_keep *k)
{
	struct kept *p;
	size_t at = 0;

	while ((p = nt_idmap_next(&k->pods, &at)))
		if (p->listed != k->lists)
			return p;
	return NULL;
}

static void forget(struct nt_keep *k, struct kept *p)
{
	if (p->fault)
		tell(k, p, real_us(k));
	(void)nt_idmap_remove(&k->pods, p->pod.ep_id);
	free(p);
}

static void list(struct nt_keep *k)
{
	struct nt_err err;
	struct kept *p;

	k->lists++;
	if (k->ops.list(k->ops.ctx, listed, k, &err) < 0) {
		nt_log_warn("taps: %s", err.msg);
		k->lists--;
		return;
	}
	while ((p = find_unlisted(k)))
		forget(k, p);
	end_resumed(k);
}

/* --- one pod ---------------------------------------------------------------------------------- */

/* Takes over what a look found; false: the pod is not attached any more. */
static bool look(struct nt_keep *k, struct kept *p, bool filters)
{
	bool told = p->touched && p->hook == NT_HOOK_CLSACT, changed;
	int64_t now_us = real_us(k);
	struct nt_hook_state s;
	int r = k->ops.look(k->ops.ctx, &p->pod, filters, &s);

	if (r < 0)
		return r != -ENOENT;
	changed = s.hook != p->hook && s.fault == p->fault;
	p->hook = s.hook;
	p->is_settled = s.is_settled;
	p->yields = s.yields;
	if (p->fault && s.fault != p->fault)
		close_gap(k, p);
	if (s.fault && !p->fault)
		open_gap(k, p, s.fault, told);
	else if (changed)
		tell(k, p, 0);
	if (!s.fault)
		p->good_us = now_us;
	return true;
}

static void delay(struct retry *r, int64_t now_ns, int64_t first_ns)
{
	int64_t next_ns = r->delay_ns ? 2 * r->delay_ns : first_ns;

	r->delay_ns = next_ns < RETRY_MAX_NS ? next_ns : RETRY_MAX_NS;
	r->due_ns = now_ns + r->delay_ns;
}

static void failed(struct nt_keep *k, struct kept *p, struct retry *r, const struct nt_err *err)
{
	char who[SUBJECT];

	k->stats.failures++;
	nt_log_warn("%s: %s", subject(p, who), err->msg);
	delay(r, nt_clock_boot(k->clock), RETRY_NS);
}

static void cover(struct nt_keep *k, struct kept *p)
{
	struct nt_err err;
	int r = k->ops.cover(k->ops.ctx, &p->pod, &err);

	if (r < 0 && r != -ENOENT)
		failed(k, p, &p->cover, &err);
	if (r < 0)
		return;
	p->cover = (struct retry){ 0 };
	(void)look(k, p, true);
}

static void settle(struct nt_keep *k, struct kept *p, int64_t now_ns)
{
	bool is_move = p->fault == NT_FAULT_SHADOWED;
	struct nt_err err;
	int r = k->ops.settle(k->ops.ctx, &p->pod, &err);

	if (r == -ENOENT)
		return;
	(void)look(k, p, true);
	if (r < 0) {
		failed(k, p, &p->settle, &err);
		return;
	}
	k->stats.settled++;
	if (now_ns - p->moved_ns > PEACE_NS)
		p->settle = (struct retry){ 0 };
	if (is_move) {
		p->moved_ns = now_ns;
		delay(&p->settle, now_ns, MOVE_NS);
	}
}

static bool is_due(const struct kept *p, int64_t now_ns)
{
	return p->touched || now_ns >= p->look_ns;
}

static void look_at(struct nt_keep *k, struct kept *p, int64_t now_ns)
{
	bool filters = p->touched || p->hook != NT_HOOK_TCX || p->yields;

	if (!look(k, p, filters))
		return; /* the next list will not have it */
	p->touched = false;
	p->looked_at = true;
	p->look_ns = now_ns + (p->hook == NT_HOOK_CLSACT && p->is_settled ? NT_KEEP_LOOK_FILTER_NS
									  : NT_KEEP_LOOK_NS);
}

/* What is missing of the host's network is missing for all of it: each has its gap before the first
 * of them is repaired, and the others with it. */
static void look_at_due(struct nt_keep *k, int64_t now_ns)
{
	bool host_fault = false;
	struct kept *p;
	size_t at = 0;

	while ((p = nt_idmap_next(&k->pods, &at))) {
		p->looked_at = false;
		if (is_due(p, now_ns))
			look_at(k, p, now_ns);
		host_fault |= p->looked_at && p->fault && is_of_host(p);
	}
	for (at = 0; host_fault && (p = nt_idmap_next(&k->pods, &at));)
		if (is_of_host(p) && !p->looked_at)
			look_at(k, p, now_ns);
}

static bool needs_cover(const struct kept *p)
{
	return p->fault == NT_FAULT_REMOVED || p->fault == NT_FAULT_UNMARKED;
}

static void cover_all(struct nt_keep *k, int64_t now_ns)
{
	struct kept *p;
	size_t at = 0;

	while ((p = nt_idmap_next(&k->pods, &at)))
		if (p->looked_at && needs_cover(p) && now_ns >= p->cover.due_ns)
			cover(k, p);
}

/* --- all of them ------------------------------------------------------------------------------ */

void nt_keep_round(struct nt_keep *k)
{
	k->quiet_us = k->next_quiet_us;
	k->next_quiet_us = real_us(k);
}

void nt_keep_touch(struct nt_keep *k, uint32_t ifindex)
{
	struct kept *p;
	size_t at = 0;

	while ((p = nt_idmap_next(&k->pods, &at)))
		if (p->pod.ifindex == ifindex)
			p->touched = true;
}

void nt_keep_touch_all(struct nt_keep *k)
{
	struct kept *p;
	size_t at = 0;

	while ((p = nt_idmap_next(&k->pods, &at)))
		p->look_ns = 0;
	k->list_ns = 0;
}

/* One that waits to be brought in place; *more: there are others. */
static struct kept *find_unsettled(const struct nt_keep *k, int64_t now_ns, bool *more)
{
	struct kept *p, *found = NULL;
	size_t at = 0;

	*more = false;
	while ((p = nt_idmap_next(&k->pods, &at))) {
		if (p->is_settled || p->fault == NT_FAULT_LINK_GONE || now_ns < p->settle.due_ns ||
		    p->hook == NT_HOOK_NONE)
			continue;
		if (found)
			*more = true;
		else
			found = p;
	}
	return found;
}

/* Links that are in place and still say that two hooks may run. */
static void calm(struct nt_keep *k)
{
	bool waited = false;
	struct nt_err err;
	struct kept *p;
	size_t at = 0;

	while ((p = nt_idmap_next(&k->pods, &at))) {
		if (!p->yields || !p->is_settled || p->fault)
			continue;
		if (!waited)
			k->ops.grace(k->ops.ctx);
		waited = true;
		if (k->ops.calm(k->ops.ctx, &p->pod, &err) == 0)
			p->yields = false;
	}
}

bool nt_keep_work(struct nt_keep *k)
{
	int64_t now_ns = nt_clock_boot(k->clock);
	struct kept *p;
	bool more;

	if (now_ns >= k->list_ns) {
		list(k);
		k->list_ns = now_ns + LIST_NS;
	}
	if (now_ns >= k->sweep_ns) {
		k->ops.sweep(k->ops.ctx);
		k->sweep_ns = now_ns + SWEEP_NS;
	}
	look_at_due(k, now_ns);
	cover_all(k, now_ns);
	p = find_unsettled(k, now_ns, &more);
	if (p)
		settle(k, p, now_ns);
	if (!more)
		calm(k);
	return more;
}

struct nt_keep_stats nt_keep_stats(const struct nt_keep *k)
{
	struct nt_keep_stats stats = k->stats;
	const struct kept *p;
	size_t at = 0;

	while ((p = nt_idmap_next(&k->pods, &at))) {
		stats.kept += !is_of_host(p);
		stats.tcx += p->hook == NT_HOOK_TCX;
	}
	return stats;
}
