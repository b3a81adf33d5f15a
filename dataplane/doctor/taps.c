/* SPDX-License-Identifier: Apache-2.0 */
/* Pins, programs on the pods' links, and what the kernel counted. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/doctor/doctor.h"
#include "dataplane/taps/taps.h"
#include "lib/base/cleanup.h"
#include "lib/record/advice.h"

/* Pods that are named one by one. */
#define NAMED_MAX 10

static void look_at_open_fault(struct nt_doctor *d, int r, const struct nt_err *err)
{
	const char *todo = "see the agent's log: it loads and pins them when it starts";

	if (r == -EPROTO)
		todo = "the objects are of another release: its doctor reads them; this release's "
		       "agent takes them over when it starts";
	else if (r == -EEXIST)
		todo = "another node or boot owns them: give this node its own --pin-root";
	else if (r == -EPERM)
		todo = "run it as the agent runs (root, CAP_BPF)";
	else if (r == -EINVAL)
		todo = "see bpffs above";
	nt_findings_add(&d->findings, NT_LEVEL_FAIL, "pins", todo, "%s", err->msg);
}

static void look_at_version(struct nt_doctor *d, struct nt_taps *taps)
{
	struct nt_meta meta = nt_taps_meta(taps);
	struct nt_loadkeys keys = nt_loadkeys_of(&meta);
	char text[NT_LOADKEYS_TEXT];

	nt_loadkeys_format(&keys, text);
	if (meta.object_version < NT_OBJECT_VERSION)
		nt_findings_add(&d->findings, NT_LEVEL_WARN, "pins",
				"the agent replaces them when it starts: is it running, is it this "
				"release?",
				"programs of version %u, this agent's are %d", meta.object_version,
				NT_OBJECT_VERSION);
	else
		nt_findings_add(&d->findings, NT_LEVEL_OK, "pins", "",
				"%s: ABI %u, programs of version %u, epoch %u, %s",
				d->options->pin_root, meta.version, meta.object_version, meta.epoch,
				text);
	if (meta.tombstones_evicted_packets)
		nt_findings_add(&d->findings, NT_LEVEL_WARN, "pins",
				"the agent was away while very many pods came and went",
				"%llu packets of %llu pods were forgotten before they were read",
				(unsigned long long)meta.tombstones_evicted_packets,
				(unsigned long long)meta.tombstones_evicted);
}

struct round {
	struct nt_doctor *d;
	struct nt_taps *taps;
	struct nt_counters *counters; /* room for one endpoint's, per CPU */
	uint64_t attached, bad, lost[NT_LOSS_MAX];
	char foreign[256]; /* a pod whose search list has another cluster domain */
};

/* "shop.svc.example.org": does it end in ".svc.<domain>", with another domain than ours? */
static void look_at_searches(struct round *r, const struct nt_pod *pod)
{
	const char *ours = r->d->options->cluster_domain, *svc = strstr(pod->searches, "svc.");
	size_t len = svc ? strcspn(svc + 4, " ") : 0;

	if (pod->dns != NT_DNS_RUNTIME || !len || r->foreign[0])
		return;
	if (len != strlen(ours) || strncasecmp(svc + 4, ours, len) != 0)
		snprintf(r->foreign, sizeof(r->foreign), "%.*s", (int)len, svc + 4);
}

static void add_losses(struct round *r, const struct nt_pod *pod)
{
	if (nt_taps_counters(r->taps, pod->ep_id, r->counters) < 0)
		return;
	for (int cpu = 0; cpu < nt_taps_cpus(r->taps); cpu++)
		for (int dir = 0; dir < NT_DIR_MAX; dir++)
			for (int loss = 0; loss < NT_LOSS_MAX; loss++)
				r->lost[loss] += r->counters[cpu].lost[dir][loss];
}

static bool look_at_pod(void *ctx, const struct nt_pod *pod)
{
	struct round *r = ctx;
	struct nt_err err = { 0 };

	add_losses(r, pod);
	if (pod->state != NT_POD_ATTACHED || pod->origin == NT_ORIGIN_NODE)
		return true;
	r->attached++;
	look_at_searches(r, pod);
	if (nt_taps_check(r->taps, pod->container_id, pod->ifname, &err) == 0)
		return true;
	if (r->bad++ < NAMED_MAX)
		nt_findings_add(
			&r->d->findings, NT_LEVEL_FAIL, "programs",
			"a running agent attaches them again within a second; if it does not, "
			"see its log for who removes them",
			"%.63s/%.200s: %s", pod->namespace_, pod->name, err.msg);
	return true;
}

static void tell_losses(const struct round *r)
{
	static const char *const reasons[NT_LOSS_MAX] = {
		[NT_LOSS_RING_FULL] = "ring_full",   [NT_LOSS_SHARE_EXCEEDED] = "share_exceeded",
		[NT_LOSS_UNPARSABLE] = "unparsable", [NT_LOSS_FRAGMENT] = "fragment",
		[NT_LOSS_TCP_RESET] = "tcp_reset",   [NT_LOSS_DROPPED] = "dropped",
	};
	uint64_t all = 0;

	for (int i = 0; i < NT_LOSS_MAX; i++) {
		const struct nt_advice *a;

		if (!reasons[i] || !r->lost[i])
			continue;
		a = nt_advice_find(reasons[i]);
		all += r->lost[i];
		nt_findings_add(&r->d->findings, a->is_usual ? NT_LEVEL_OK : NT_LEVEL_WARN, "loss",
				a->todo, "%s: %llu packets, %s", reasons[i],
				(unsigned long long)r->lost[i], a->what);
	}
	if (!all)
		nt_findings_add(&r->d->findings, NT_LEVEL_OK, "loss", "",
				"no packet of the pods that are there was lost in the kernel");
}

static void tell_domain(const struct round *r)
{
	const char *ours = r->d->options->cluster_domain;
	char todo[256];

	if (!r->foreign[0]) {
		nt_findings_add(&r->d->findings, NT_LEVEL_OK, "domain", "",
				"cluster domain %s, by %s; no pod's search list says another", ours,
				r->d->options->cluster_domain_source);
		return;
	}
	snprintf(todo, sizeof(todo), "start agents with --cluster-domain %.100s", r->foreign);
	nt_findings_add(&r->d->findings, NT_LEVEL_FAIL, "domain", todo,
			"cluster domain %s, by %s, but the runtime gives pods the search list of "
			"%s",
			ours, r->d->options->cluster_domain_source, r->foreign);
}

void nt_doctor_taps(struct nt_doctor *d)
{
	const struct nt_taps_config config = { .pin_root = d->options->pin_root,
					       .state_dir = d->options->state_dir,
					       .must_exist = true };
	struct round r = { .d = d };
	struct nt_err err = { 0 };
	int result = nt_taps_open(&config, &r.taps, &err);

	if (result < 0)
		return look_at_open_fault(d, result, &err);
	look_at_version(d, r.taps);
	r.counters = calloc((size_t)nt_taps_cpus(r.taps), sizeof(*r.counters));
	if (!r.counters || nt_taps_pods(r.taps, look_at_pod, &r, &err) < 0)
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "programs", "", "%s",
				r.counters ? err.msg : "no memory");
	else if (!r.bad)
		nt_findings_add(&d->findings, NT_LEVEL_OK, "programs", "",
				"in place on the links of %llu pods",
				(unsigned long long)r.attached);
	else if (r.bad > NAMED_MAX)
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "programs", "",
				"and on the links of %llu more of %llu pods",
				(unsigned long long)(r.bad - NAMED_MAX),
				(unsigned long long)r.attached);
	tell_losses(&r);
	tell_domain(&r);
	free(r.counters);
	nt_taps_close(r.taps);
}
