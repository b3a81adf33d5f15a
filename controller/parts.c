/* SPDX-License-Identifier: Apache-2.0 */
/* Opens and closes what a controller is made of below its API. */
#include "controller/parts.h"

#include <stdio.h>

#include "controller/agents/who.h"
#include "controller/alerts/alerts.h"
#include "controller/enrich/enrich.h"
#include "controller/feeds/feeds.h"
#include "controller/ingest/await.h"
#include "controller/ingest/ingest.h"
#include "controller/ingest/token.h"
#include "controller/leader.h"
#include "controller/notify/notify.h"
#include "controller/status/prover.h"
#include "controller/status/rulestatus.h"
#include "controller/store/store.h"
#include "controller/tls/authority.h"
#include "lib/base/log.h"
#include "lib/kube/client.h"
#include "lib/objects/objects.h"

static int open_alerts(const struct nt_options *o, struct nt_parts *p, struct nt_err *err)
{
	struct nt_alerts_config config = { .delay_ns = o->alert_delay_ns };
	int r = nt_store_reader_open(p->store, &p->alerts_reader, err);

	if (r == 0)
		r = nt_alerts_new(&config, p->store, p->alerts_reader, &p->alerts, err);
	if (r == 0)
		nt_alerts_use_feeds(p->alerts, p->feeds);
	if (r == 0)
		r = nt_ingest_use_alerts(p->ingest, p->alerts, err);
	return r == 0 ? nt_prover_start(p->ingest, &p->prover, err) : r;
}

/* Wherever there is an API there may be another controller: of a roll-out, on a node that is cut
 * off, by a scale that nobody meant. */
static bool elects(const struct nt_options *o, const struct nt_parts *p)
{
	return p->kube && !(o->leader_elect && strcmp(o->leader_elect, "none") == 0);
}

static void turn(void *ctx, bool leads)
{
	const struct nt_parts *p = ctx;

	nt_notify_lead(p->notify, leads);
}

static int open_leader(const struct nt_options *o, struct nt_parts *p, struct nt_err *err)
{
	struct nt_leader_config config = { .kubeconfig = o->kubeconfig, .fn = turn, .ctx = p };

	if (!elects(o, p))
		return 0;
	if (nt_kube_name_or(o->leader_elect, nt_kube_config(p->kube)->namespace_,
			    "nametap-controller", &config.lease) < 0)
		return nt_err_set(err, EINVAL, "--leader-elect");
	return nt_leader_new(&config, &p->leader, err);
}

struct looking {
	struct nt_slice kind, namespace_, name;
	char *uid;
	bool found;
};

static void look_for(void *ctx, const struct nt_objects *objects)
{
	struct looking *l = ctx;
	const struct nt_object *o =
		objects ? nt_objects_find(objects, l->kind, l->namespace_, l->name) : NULL;

	l->found = o;
	snprintf(l->uid, NT_SHAPE_UID_SIZE, "%.*s", o ? (int)o->uid.len : 0, o ? o->uid.p : "");
}

/* Of the object as it is now, whatever thread asks. */
static bool find_uid(void *ctx, struct nt_slice kind, struct nt_slice namespace_,
		     struct nt_slice name, char ret_uid[NT_SHAPE_UID_SIZE])
{
	struct looking l = { .kind = kind, .namespace_ = namespace_, .name = name, .uid = ret_uid };

	nt_ingest_objects(ctx, look_for, &l);
	return l.found;
}

static int open_feeds(const struct nt_options *o, struct nt_parts *p, struct nt_err *err)
{
	struct nt_feeds_config config = { .data = o->data,
					  .files = o->feed_files,
					  .kube = p->kube,
					  .bytes_max = (size_t)o->feed_mib << 20 };
	int r = nt_feeds_new(&config, &p->feeds, err);

	return r == 0 ? nt_feeds_start(p->feeds, err) : r;
}

/* Before the first event: what opens is queued for them in its transaction. */
static int open_notify(const struct nt_options *o, struct nt_parts *p, struct nt_err *err)
{
	struct nt_notify_config config = { .has_api = p->kube,
					   .kubeconfig = o->kubeconfig,
					   .uid_fn = find_uid,
					   .uid_ctx = p->ingest,
					   .waits = elects(o, p) };
	struct nt_receivers receivers = { 0 };
	int r;

	if (!o->receivers)
		return nt_notify_nobody(p->store, err);
	r = nt_receivers_read(o->receivers, &receivers, err);
	if (r == 0)
		r = nt_notify_new(p->store, &receivers, &config, &p->notify, err);
	return r == 0 ? nt_notify_start(p->notify, err) : r;
}

static int open_kube(const struct nt_options *o, struct nt_loop *loop, struct nt_parts *p,
		     struct nt_err *err)
{
	struct nt_kube_config config;
	int r = nt_kube_config_find(o->kubeconfig, &config, err);

	if (r == 0 && err->msg[0])
		nt_log_info("no Kubernetes API: %s", err->msg);
	if (r <= 0)
		return r;
	nt_log_info("Kubernetes API at %s, by %s", config.server, config.origin);
	return nt_kube_open(&config, loop, "nametap-controller", &p->kube, err);
}

/* A folder that somebody gave goes before the API. */
static int open_objects(const struct nt_options *o, struct nt_loop *loop, struct nt_parts *p,
			struct nt_err *err)
{
	static const char *const kinds[] = { "Pod",	   "Service",	"EndpointSlice",
					     "Namespace",  "Node",	"ReplicaSet",
					     "Job",	   "DNSPolicy", "GlobalAlert",
					     "DomainFeed", NULL };
	struct nt_objects_kube_config config = { .kinds = kinds };

	if (o->objects)
		return nt_objects_open_dir(o->objects, &p->objects, err);
	return p->kube ? nt_objects_open_kube(p->kube, loop, &config, &p->objects, err) : 0;
}

static bool is_api(const struct nt_parts *p)
{
	return p->objects && strcmp(nt_objects_origin(p->objects).type, "api") == 0;
}

static int open_rulestatus(struct nt_parts *p, struct nt_err *err)
{
	const struct nt_rulestatus_config config = { .kube = p->kube,
						     .clock = &p->clock,
						     .ingest = p->ingest };

	return is_api(p) ? nt_rulestatus_new(&config, &p->rulestatus, err) : 0;
}

static int open_who(const struct nt_options *o, struct nt_loop *loop, struct nt_parts *p,
		    struct nt_err *err)
{
	struct nt_review_policy policy = { .audience = o->agent_audience };

	if (!p->kube)
		return 0;
	if (nt_kube_name_or(o->agent_account, nt_kube_config(p->kube)->namespace_, "nametap-agent",
			    &policy.account) < 0)
		return nt_err_set(err, EINVAL, "--agent-account");
	return nt_who_new(p->kube, loop, &p->clock, &policy, &p->who, err);
}

static int open_authority(const struct nt_options *o, struct nt_loop *loop, struct nt_parts *p,
			  struct nt_err *err)
{
	struct nt_authority_config config = { .kube = p->kube,
					      .loop = loop,
					      .clock = &p->clock,
					      .tls = p->tls,
					      .names = o->tls_names };
	const char *our;

	if (!p->kube)
		return nt_err_set(err, EINVAL,
				  "--tls-listen needs --tls-cert and --tls-key where there is no "
				  "Kubernetes API to keep an authority of our own");
	our = nt_kube_config(p->kube)->namespace_;
	if (nt_kube_name_or(o->tls_secret, our, "nametap-controller-ca", &config.secret) < 0 ||
	    nt_kube_name_or(o->tls_configmap, our, "nametap-ca", &config.configmap) < 0)
		return nt_err_set(err, EINVAL, "--tls-secret, --tls-configmap");
	return nt_authority_new(&config, &p->authority, err);
}

static int open_tls(const struct nt_options *o, struct nt_loop *loop, struct nt_parts *p,
		    struct nt_err *err)
{
	int r;

	if (!o->tls_listen)
		return 0;
	r = nt_tls_new(&p->tls, err);
	if (r == 0 && o->tls_cert)
		r = nt_tls_files_init(&p->tls_files, o->tls_cert, o->tls_key, p->tls, err);
	else if (r == 0)
		r = open_authority(o, loop, p, err);
	return r;
}

int nt_parts_open(const struct nt_options *o, struct nt_loop *loop, struct nt_parts *p,
		  struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf token_path = { 0 };
	int r;

	nt_buf_printf(&token_path, "%s/token", o->data);
	p->clock = nt_clock_system();
	r = nt_store_open(o->data, &p->store, err);
	if (r == 0)
		r = open_kube(o, loop, p, err);
	if (r == 0)
		r = open_who(o, loop, p, err);
	if (r == 0)
		r = open_tls(o, loop, p, err);
	if (r == 0)
		r = nt_token_open(o->token_file ?: nt_buf_str(&token_path), &p->token, err);
	if (r == 0)
		r = open_objects(o, loop, p, err);
	if (r == 0 && p->objects)
		r = nt_enrich_new(p->objects, &p->clock, &p->enrich, err);
	if (r == 0)
		r = nt_ingest_new(p->store, p->objects, p->enrich, &p->ingest, err);
	if (r == 0 && is_api(p))
		r = nt_ingest_await(p->ingest, &p->clock, NT_AWAIT_POD_NS, NT_AWAIT_SYNC_NS, err);
	if (r < 0)
		return r;
	nt_ingest_limit(p->ingest, (uint32_t)o->node_rows, &p->clock);
	r = open_notify(o, p, err);
	if (r == 0)
		r = open_feeds(o, p, err);
	if (r == 0)
		r = open_alerts(o, p, err);
	if (r == 0)
		r = open_leader(o, p, err);
	return r == 0 ? open_rulestatus(p, err) : r;
}

void nt_parts_stop(struct nt_parts *p)
{
	nt_who_stop(p->who);
	nt_prover_stop(p->prover);
	p->prover = NULL;
	nt_leader_stop(p->leader);
	nt_notify_stop(p->notify);
	nt_feeds_stop(p->feeds);
}

static void look_at_feeds(void *ctx, const struct nt_objects *objects)
{
	if (objects)
		nt_feeds_objects(ctx, objects);
}

void nt_parts_tick(struct nt_parts *p)
{
	nt_ingest_objects(p->ingest, look_at_feeds, p->feeds);
	nt_feeds_tick(p->feeds);
	if (p->tls_files.tls)
		nt_tls_files_look(&p->tls_files);
	if (nt_leader_leads(p->leader)) /* who evaluates says how rules are */
		nt_rulestatus_tick(p->rulestatus);
}

void nt_parts_close(struct nt_parts *p)
{
	nt_notify_free(p->notify); /* its threads ask ingest for objects */
	nt_leader_free(p->leader); /* of which nobody makes use any more */
	nt_ingest_free(p->ingest);
	nt_alerts_free(p->alerts);
	nt_feeds_free(p->feeds);
	nt_store_reader_close(p->alerts_reader);
	nt_store_close(p->store);
	nt_enrich_free(p->enrich);
	nt_objects_free(p->objects);
	nt_kube_close(p->kube); /* its calls refer to the three below */
	nt_who_free(p->who);
	nt_authority_free(p->authority);
	nt_rulestatus_free(p->rulestatus);
	nt_tls_free(p->tls);
	nt_buf_done(&p->token);
}
