/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `nametapctl doctor`: the cluster as the controller and the API server see it. What only a node
 * can tell is nametap-agent's doctor.
 */
#include <inttypes.h>
#include <stdio.h>

#include "api/cli/kubectl.h"
#include "api/cli/text.h"
#include "api/cli/verbs.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/finding.h"
#include "lib/base/parse.h"
#include "lib/record/advice.h"
#include "lib/record/batch.h"

#define CLOCK_OFF_US 500000
/* So long after its last batch a node may be one that left the cluster. */
#define REMOVED_US (24 * 3600 * 1000000LL)
/* Of each kind of fault so many are named one by one. */
#define NAMED_MAX 10
/* A list of pods, or what a node's doctor says. */
#define KUBECTL_BYTES_MAX ((size_t)64 << 20)
#define KUBECTL_NS (60 * NT_NS_PER_S)

static const char node_doctor[] =
	"kubectl -n nametap exec POD -- nametap-agent doctor, in the agent's "
	"pod of that node";

static const struct nt_verb verb = {
	.bit = NT_VERB_DOCTOR,
	.outputs = 1 << NT_OUTPUT_TABLE | 1 << NT_OUTPUT_JSON,
	.name = "doctor",
	.arguments = "",
	.about = "Looks at nametap in the cluster: the way to the controller, its clock, the "
		 "objects "
		 "that it watches,\n"
		 "agents and their clocks, pods that are not tapped, taps that were removed, loss "
		 "of the "
		 "last hour.\n"
		 "Each line is ok, warn or fail, and says what to do. What only a node can tell is "
		 "added by --nodes, or by\n"
		 "  kubectl -n nametap exec ds/nametap-agent -- nametap-agent doctor",
	.more = "Exit code: 0 nothing fails; 1 something does, or the controller could not be "
		"asked; 2 for "
		"mistakes.\n",
};

struct doctor {
	struct nt_ctl_options o;
	struct nt_connect connect;
	struct nt_findings f;
	struct nt_ask_answer coverage, summary;
	json_t *cluster; /* the API's list of nodes; NULL: it cannot be read */
	int64_t now_us; /* the controller's, where it says it */
};

static void doctor_done(struct doctor *d)
{
	json_decref(d->coverage.json);
	json_decref(d->summary.json);
	json_decref(d->cluster);
	nt_findings_done(&d->f);
	nt_connect_close(&d->connect);
}

static bool is(struct nt_slice s, const char *text)
{
	return nt_slice_eq(s, nt_slice_str(text));
}

static int64_t time_at(const json_t *object, const char *key)
{
	int64_t us;

	return nt_parse_time_us(nt_text_at(object, key), &us) == 0 ? us : 0;
}

static int64_t now_us(void)
{
	struct nt_clock clock = nt_clock_system();

	return nt_clock_real(&clock) / NT_NS_PER_US;
}

/* "12s": for sentences. */
static const char *age(int64_t us, char text[16])
{
	struct nt_buf b = { .p = text, .cap = 16, .borrowed = true };

	nt_text_age(&b, us);
	return text;
}

/* --- the controller --------------------------------------------------------------------------- */

/* An error says what is wrong, and behind a semicolon what to do. */
static void add_error(struct doctor *d, const char *what, const struct nt_err *err)
{
	const char *todo = strstr(err->msg, "; ");

	nt_findings_add(&d->f, NT_LEVEL_FAIL, what, todo ? todo + 2 : "see its log", "%.*s",
			todo ? (int)(todo - err->msg) : (int)strlen(err->msg), err->msg);
}

/* The answer's range ends at the controller's now, which lies between our two looks. */
static void look_at_our_clock(struct doctor *d, int64_t before_us, int64_t after_us)
{
	int64_t theirs_us = time_at(json_object_get(d->summary.json, "range"), "to");
	int64_t off_us = theirs_us > after_us	 ? theirs_us - after_us
			 : theirs_us < before_us ? theirs_us - before_us
						 : 0;

	if (!theirs_us)
		return;
	if (off_us > CLOCK_OFF_US || off_us < -CLOCK_OFF_US)
		nt_findings_add(&d->f, NT_LEVEL_WARN, "clock",
				"synchronise the clocks: --since and ages are of the controller's",
				"the controller's is %.1f s %s this machine's",
				(double)(off_us < 0 ? -off_us : off_us) / 1e6,
				off_us < 0 ? "behind" : "ahead of");
	else
		nt_findings_add(&d->f, NT_LEVEL_OK, "clock", "",
				"this machine's and the controller's agree");
}

static void look_at_newest(struct doctor *d)
{
	int64_t newest_us = time_at(d->summary.json, "newest");
	char text[16] = "";

	if (!newest_us)
		nt_findings_add(&d->f, NT_LEVEL_WARN, "log",
				"start a pod that asks; then see coverage and the agents below",
				"no row has ever been stored");
	else
		nt_findings_add(&d->f, NT_LEVEL_OK, "log", "",
				"newest row of %s ago; %" PRId64 " lookups in the last hour",
				age(d->now_us - newest_us, text),
				nt_number_at(json_object_get(d->summary.json, "sums"), "count"));
}

/* False: there is nothing more to look at. */
static bool look_at_controller(struct doctor *d)
{
	const struct nt_ask_param last_hour[] = { { "from", "now-1h" }, { 0 } };
	int64_t before_us, after_us;
	struct nt_err err = { 0 };

	if (nt_ask(&d->connect, "/api/v1/coverage", NULL, &d->coverage, &err) < 0) {
		add_error(d, "controller", &err);
		return false;
	}
	nt_findings_add(&d->f, NT_LEVEL_OK, "controller", "", "answers at %s", d->connect.where);
	before_us = now_us();
	if (nt_ask(&d->connect, "/api/v1/summary", last_hour, &d->summary, &err) < 0) {
		add_error(d, "log", &err);
		return true;
	}
	after_us = now_us();
	d->now_us = time_at(json_object_get(d->summary.json, "range"), "to") ?: after_us;
	look_at_our_clock(d, before_us, after_us);
	look_at_newest(d);
	return true;
}

/* --- objects ---------------------------------------------------------------------------------- */

static void look_at_kind(struct doctor *d, const json_t *kind, int64_t *count)
{
	struct nt_slice name = nt_text_at(kind, "kind"), error = nt_text_at(kind, "error");
	char text[16] = "";

	*count += nt_number_at(kind, "count");
	if (json_is_true(json_object_get(kind, "synced")) && !error.len)
		return;
	nt_findings_add(
		&d->f,
		json_is_true(json_object_get(kind, "synced")) ? NT_LEVEL_WARN : NT_LEVEL_FAIL,
		"objects",
		"see the controller's log and its rules (manifests/base); names of workloads "
		"and services may be missing or old",
		"%.*s: not up to date since %s: %.*s", NT_SLICE_ARG(name),
		age(d->now_us - time_at(kind, "since"), text), NT_SLICE_ARG(error));
}

static void look_at_objects(struct doctor *d)
{
	const json_t *objects = json_object_get(d->coverage.json, "objects"), *kind, *problem;
	struct nt_slice source = nt_text_at(objects, "source");
	size_t before = d->f.fails + d->f.warns, i;
	int64_t count = 0;

	if (is(source, "none"))
		nt_findings_add(
			&d->f, NT_LEVEL_WARN, "objects",
			"give the controller --objects DIR, or a service account",
			"the controller has no source of objects: no workloads, services, policies "
			"or alerts");
	json_array_foreach(json_object_get(objects, "kinds"), i, kind)
		look_at_kind(d, kind, &count);
	json_array_foreach(json_object_get(d->coverage.json, "problems"), i,
			   problem) if (i < NAMED_MAX)
		nt_findings_add(&d->f, NT_LEVEL_WARN, "objects", "correct the object", "%.*s: %.*s",
				NT_SLICE_ARG(nt_text_at(problem, "path")),
				NT_SLICE_ARG(nt_text_at(problem, "message")));
	if (d->f.fails + d->f.warns == before && objects)
		nt_findings_add(&d->f, NT_LEVEL_OK, "objects", "",
				"%" PRId64 " of %zu kinds, from the %.*s %.*s", count,
				json_array_size(json_object_get(objects, "kinds")),
				NT_SLICE_ARG(source), NT_SLICE_ARG(nt_text_at(objects, "where")));
}

/* --- agents ----------------------------------------------------------------------------------- */

static bool is_wanted(const struct doctor *d, const json_t *object)
{
	return !d->o.node || is(nt_text_at(object, "node"), d->o.node);
}

static const char *label(const char *prefix, struct nt_slice node, char text[80])
{
	snprintf(text, 80, "%s %.*s", prefix, NT_SLICE_ARG(node));
	return text;
}

static void look_at_node_clock(struct doctor *d, const json_t *node, const char *what)
{
	const json_t *offset = json_object_get(node, "clock_offset");

	if (json_is_true(json_object_get(node, "clock_off")))
		nt_findings_add(
			&d->f, NT_LEVEL_FAIL, what,
			"synchronise that node's clock (chrony, systemd-timesyncd): its rows stand "
			"at wrong times",
			"its clock is %.1f s %s the controller's",
			json_number_value(offset) < 0 ? -json_number_value(offset) / 1000
						      : json_number_value(offset) / 1000,
			json_number_value(offset) < 0 ? "behind" : "ahead of");
}

/* Null: an older agent, or none has come since the controller started. */
static void look_at_conntrack(struct doctor *d, const json_t *node, const char *what)
{
	struct nt_slice conntrack = nt_text_at(node, "conntrack");

	if (conntrack.len && !is(conntrack, "on"))
		nt_findings_add(&d->f, NT_LEVEL_WARN, what,
				"nametap-agent doctor there; without kube-proxy (Cilium) it is as "
				"it is",
				"which pod is asked behind a Service is not known: %.*s",
				NT_SLICE_ARG(conntrack));
}

static bool is_in_cluster(const struct doctor *d, struct nt_slice name)
{
	const json_t *node;
	size_t i;

	json_array_foreach(
		json_object_get(d->cluster, "items"), i,
		node) if (nt_slice_eq(nt_text_at(json_object_get(node, "metadata"), "name"),
				      name)) return true;
	return false;
}

static void add_perhaps_removed(struct doctor *d, struct nt_slice name, int64_t silent_us)
{
	char what[80], todo[512], text[16] = "";

	snprintf(todo, sizeof(todo),
		 "kubectl get node %.*s: if it was removed, nothing is to be done; else see its "
		 "agent's pod and log",
		 NT_SLICE_ARG(name));
	nt_findings_add(&d->f, NT_LEVEL_WARN, label("node", name, what), todo,
			"its agent has sent nothing for %s: a removed node?", age(silent_us, text));
}

static void look_at_node(struct doctor *d, const json_t *node)
{
	int64_t silent_us = d->now_us - time_at(node, "last_seen");
	const json_t *offset = json_object_get(node, "clock_offset");
	size_t before = d->f.fails + d->f.warns;
	char what[80], text[16] = "";

	if (silent_us > REMOVED_US && !d->cluster) {
		add_perhaps_removed(d, nt_text_at(node, "node"), silent_us);
		return;
	}
	(void)label("node", nt_text_at(node, "node"), what);
	if (silent_us > NT_BATCH_SILENT_US)
		nt_findings_add(
			&d->f, NT_LEVEL_FAIL, what, node_doctor,
			"its agent has sent nothing for %s: ended, stuck, or it does not reach the "
			"controller",
			age(silent_us, text));
	look_at_node_clock(d, node, what);
	look_at_conntrack(d, node, what);
	if (nt_number_at(node, "missing_batches"))
		nt_findings_add(
			&d->f, NT_LEVEL_WARN, what,
			"they were dropped or refused there, or are under way: the agent's log and "
			"the loss below say which",
			"%" PRId64 " batches never came", nt_number_at(node, "missing_batches"));
	if (d->f.fails + d->f.warns != before)
		return;
	if (json_is_number(offset))
		nt_findings_add(&d->f, NT_LEVEL_OK, what, "", "last batch %s ago, clock %+.0f ms",
				age(silent_us, text), json_number_value(offset));
	else
		nt_findings_add(&d->f, NT_LEVEL_OK, what, "", "last batch %s ago",
				age(silent_us, text));
}

static void look_at_nodes(struct doctor *d)
{
	const json_t *nodes = json_object_get(d->coverage.json, "nodes"), *node;
	size_t i, n = 0, removed = 0;

	json_array_foreach((json_t *)(uintptr_t)nodes, i, node)
	{
		if (!is_wanted(d, node))
			continue;
		n++;
		if (d->cluster && !is_in_cluster(d, nt_text_at(node, "node")))
			removed++;
		else
			look_at_node(d, node);
	}
	if (removed)
		nt_findings_add(&d->f, NT_LEVEL_OK, "nodes", "",
				"%zu with rows in the log are not in the cluster any more",
				removed);
	if (!n)
		nt_findings_add(&d->f, NT_LEVEL_FAIL, "nodes", node_doctor,
				"%s%s has ever sent a batch",
				d->o.node ? "no agent of node " : "no agent",
				d->o.node ? d->o.node : "");
}

static bool has_agent(const struct doctor *d, struct nt_slice name)
{
	const json_t *node;
	size_t i;

	json_array_foreach(json_object_get(d->coverage.json, "nodes"), i,
			   node) if (nt_slice_eq(nt_text_at(node, "node"), name)) return true;
	return false;
}

/* A list that is cut says of no node that it is not there. */
static void read_cluster(struct doctor *d)
{
	struct nt_err err = { 0 };
	int r = nt_ask_kube(&d->connect, "/api/v1/nodes?limit=5000", &d->cluster, &err);

	if (r < 0 && r != -EOPNOTSUPP)
		nt_findings_add(&d->f, NT_LEVEL_WARN, "cluster",
				"ask for the verb list on nodes; it is only used for this look",
				"nodes without an agent, and removed ones, cannot be told: %s",
				err.msg);
	if (r == 0 && (!json_array_size(json_object_get(d->cluster, "items")) ||
		       nt_text_at(json_object_get(d->cluster, "metadata"), "continue").len)) {
		nt_findings_add(&d->f, NT_LEVEL_WARN, "cluster", "compare with kubectl get nodes",
				"its list of nodes is not whole: nodes without an agent, and "
				"removed ones, cannot be told");
		r = -ENODATA;
	}
	if (r < 0) {
		json_decref(d->cluster);
		d->cluster = NULL;
	}
}

/* The cluster's own list: a node whose agent never came is in no report of ours. */
static void look_at_cluster(struct doctor *d)
{
	const json_t *node;
	size_t i, n = 0, missing = 0;

	if (!d->cluster || d->o.node)
		return;
	json_array_foreach(json_object_get(d->cluster, "items"), i, node)
	{
		struct nt_slice name = nt_text_at(json_object_get(node, "metadata"), "name");

		n++;
		if (has_agent(d, name) || missing++ >= NAMED_MAX)
			continue;
		nt_findings_add(&d->f, NT_LEVEL_FAIL, "cluster",
				"kubectl -n nametap get pods -o wide: is there an agent on it, and "
				"what does "
				"its log say?",
				"node %.*s: no agent has ever sent a batch", NT_SLICE_ARG(name));
	}
	if (!missing)
		nt_findings_add(&d->f, NT_LEVEL_OK, "cluster", "",
				"each of its %zu nodes has an agent", n);
}

/* --- pods ------------------------------------------------------------------------------------- */

static const char *pod_of(const json_t *object, char text[256])
{
	struct nt_slice ns = nt_text_at(object, "namespace");

	snprintf(text, 256, "%.*s%s%.*s", NT_SLICE_ARG(ns), ns.len ? "/" : "",
		 NT_SLICE_ARG(nt_text_at(object, "name")));
	return text;
}

static void look_at_endpoint(struct doctor *d, const json_t *e, size_t *bad)
{
	struct nt_slice state = nt_text_at(e, "state"), node = nt_text_at(e, "node");
	char text[256];

	if (is(state, "failed")) {
		if ((*bad)++ < NAMED_MAX)
			nt_findings_add(
				&d->f, NT_LEVEL_FAIL, "pods",
				"its DNS is in no row; when the reason is gone the agent taps it "
				"within 10 s",
				"%s on %.*s is not tapped: %.*s", pod_of(e, text),
				NT_SLICE_ARG(node), NT_SLICE_ARG(nt_text_at(e, "reason")));
	} else if (is(state, "tapped") && !nt_text_at(e, "hook").len &&
		   !is(nt_text_at(e, "origin"), "node")) {
		if ((*bad)++ < NAMED_MAX)
			nt_findings_add(&d->f, NT_LEVEL_FAIL, "pods", node_doctor,
					"%s on %.*s: the programs are not on its link",
					pod_of(e, text), NT_SLICE_ARG(node));
	}
}

static void look_at_pods(struct doctor *d)
{
	int64_t tapped = 0, excluded = 0;
	size_t i, bad = 0;
	const json_t *e;

	json_array_foreach(json_object_get(d->coverage.json, "endpoints"), i, e)
	{
		if (!is_wanted(d, e))
			continue;
		tapped += is(nt_text_at(e, "state"), "tapped");
		excluded += is(nt_text_at(e, "state"), "excluded");
		look_at_endpoint(d, e, &bad);
	}
	if (bad > NAMED_MAX)
		nt_findings_add(&d->f, NT_LEVEL_FAIL, "pods", "nametapctl coverage lists them",
				"and %zu more", bad - NAMED_MAX);
	if (!bad)
		nt_findings_add(&d->f, tapped ? NT_LEVEL_OK : NT_LEVEL_WARN, "pods",
				tapped ? "" : "start a pod, or see the chain: nametap-agent doctor",
				"%" PRId64 " tapped, none that should be is not; %" PRId64
				" excluded",
				tapped, excluded);
}

static void look_at_gaps(struct doctor *d)
{
	char pod[256], text[16] = "";
	const json_t *gap;
	size_t i, n = 0;

	json_array_foreach(json_object_get(d->coverage.json, "gaps"), i, gap)
	{
		if (!is_wanted(d, gap) || !json_is_null(json_object_get(gap, "to")) ||
		    n++ >= NAMED_MAX)
			continue;
		nt_findings_add(
			&d->f, NT_LEVEL_FAIL, "taps",
			"find out which program does it (another CNI?), and see the agent's log",
			"%s on %.*s, for %s: %.*s", pod_of(gap, pod),
			NT_SLICE_ARG(nt_text_at(gap, "node")),
			age(d->now_us - time_at(gap, "from"), text),
			NT_SLICE_ARG(nt_text_at(gap, "reason")));
	}
	if (n > NAMED_MAX)
		nt_findings_add(&d->f, NT_LEVEL_FAIL, "taps", "nametapctl coverage lists them",
				"and %zu more", n - NAMED_MAX);
}

/* --- DNS servers ------------------------------------------------------------------------------ */

/* What somebody can do about it; "": it is as it is. */
static const char *todo_of(struct nt_slice reason)
{
	if (is(reason, "not_tapped") || is(reason, "not_seen"))
		return "see pods above, and nametap-agent doctor on its node";
	if (is(reason, "backend_unknown"))
		return "see conntrack of the nodes, and nametap-agent doctor there";
	if (is(reason, "clients_not_tapped"))
		return "see pods above: who asks it is not tapped";
	return "";
}

static void look_at_server(struct doctor *d, const json_t *server)
{
	struct nt_slice reason = nt_text_at(server, "reason");
	const char *todo = todo_of(reason);
	char what[80], pod[256];

	nt_findings_add(&d->f, todo[0] ? NT_LEVEL_WARN : NT_LEVEL_OK,
			label("dns server", nt_text_at(server, "ip"), what), todo,
			"only the %s's end of its lookups is seen (%.*s%s%s): %.*s",
			is(nt_text_at(server, "ends"), "client") ? "client" : "server",
			NT_SLICE_ARG(reason), nt_text_at(server, "name").len ? ", " : "",
			pod_of(server, pod), NT_SLICE_ARG(nt_text_at(server, "detail")));
}

/* Hop times and where a lookup died need both ends. */
static void look_at_servers(struct doctor *d)
{
	const json_t *server;
	size_t i, n = 0, both = 0;

	if (d->o.node)
		return;
	json_array_foreach(json_object_get(d->coverage.json, "servers"), i, server)
	{
		if (is(nt_text_at(server, "ends"), "both"))
			both++;
		else if (n++ < NAMED_MAX)
			look_at_server(d, server);
	}
	if (n > NAMED_MAX)
		nt_findings_add(&d->f, NT_LEVEL_OK, "dns servers", "nametapctl coverage lists them",
				"and %zu more", n - NAMED_MAX);
	if (both)
		nt_findings_add(&d->f, NT_LEVEL_OK, "dns servers", "",
				"%zu of %zu are seen at both ends", both, both + n);
	else if (n)
		nt_findings_add(&d->f, NT_LEVEL_WARN, "dns servers",
				"the lines above say why, for each",
				"none of %zu is seen at both ends: hop times, and where a lookup "
				"died, cannot be told",
				n);
}

/* --- loss ------------------------------------------------------------------------------------- */

static void look_at_loss(struct doctor *d)
{
	struct nt_ask_answer of_node = { 0 };
	const json_t *loss = json_object_get(d->summary.json, "loss");
	_cleanup_buf_ struct nt_buf q = { 0 };
	struct nt_err err;
	const char *reason;
	json_t *n;

	if (d->o.node) {
		nt_buf_printf(&q, "node = \"%s\"", d->o.node);
		const struct nt_ask_param params[] = { { "q", nt_buf_str(&q) },
						       { "from", "now-1h" },
						       { 0 } };

		if (nt_ask(&d->connect, "/api/v1/summary", params, &of_node, &err) == 0)
			loss = json_object_get(of_node.json, "loss");
	}
	json_object_foreach(json_object_get(loss, "reasons"), reason, n)
	{
		const struct nt_advice *a = nt_advice_find(reason);

		nt_findings_add(&d->f, a->is_usual ? NT_LEVEL_OK : NT_LEVEL_WARN, "loss", a->todo,
				"%s: %" JSON_INTEGER_FORMAT " packets in the last hour, %s", reason,
				json_integer_value(n), a->what);
	}
	if (loss && !nt_number_at(loss, "packets"))
		nt_findings_add(&d->f, NT_LEVEL_OK, "loss", "",
				"no packet of the last hour is missing in the log");
	json_decref(of_node.json);
}

/* --- the agents' own doctor ------------------------------------------------------------------- */

/* The object that kubectl printed, between lines that it or the program there wrote to stderr. */
static json_t *json_of(const struct nt_buf *text)
{
	const char *at = text->len ? text->p : NULL;
	json_t *root = NULL;

	while (at && !root) {
		if (*at == '{')
			root = json_loads(at, JSON_DISABLE_EOF_CHECK, NULL);
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	return root;
}

/* What a node's doctor said, without what is well. */
static bool take_findings(struct doctor *d, const char *node, const struct nt_buf *text)
{
	json_auto_t *root = json_of(text);
	const json_t *list = json_object_get(root, "findings"), *one;
	size_t i, bad = 0;

	json_array_foreach((json_t *)(uintptr_t)list, i, one)
	{
		struct nt_slice level = nt_text_at(one, "level"), todo = nt_text_at(one, "todo");
		char what[128], todo_text[256];

		if (is(level, "ok"))
			continue;
		bad++;
		snprintf(what, sizeof(what), "node %.80s: %.*s", node,
			 NT_SLICE_ARG(nt_text_at(one, "what")));
		snprintf(todo_text, sizeof(todo_text), "%.*s", NT_SLICE_ARG(todo));
		nt_findings_add(&d->f, is(level, "fail") ? NT_LEVEL_FAIL : NT_LEVEL_WARN, what,
				todo_text, "%.*s", NT_SLICE_ARG(nt_text_at(one, "detail")));
	}
	if (list && !bad) {
		char what[128];

		snprintf(what, sizeof(what), "node %.80s", node);
		nt_findings_add(&d->f, NT_LEVEL_OK, what, "", "its agent's doctor finds nothing");
	}
	return list != NULL;
}

static void ask_agent(struct doctor *d, struct nt_kubectl *k, const json_t *pod)
{
	const char *name =
		json_string_value(json_object_get(json_object_get(pod, "metadata"), "name")) ?: "";
	const char *node =
		json_string_value(json_object_get(json_object_get(pod, "spec"), "nodeName")) ?: "";
	const char *const arguments[] = { "exec",   name,     "--", "nametap-agent",
					  "doctor", "--json", NULL };
	_cleanup_buf_ struct nt_buf text = { .max_len = KUBECTL_BYTES_MAX };
	struct nt_err err = { 0 };
	char what[128];
	int r;

	if (!name[0] || name[0] == '-' || (d->o.node && strcmp(d->o.node, node) != 0))
		return;
	r = nt_kubectl_run(k, arguments, KUBECTL_NS, &text, &err);
	if (r >= 0 && take_findings(d, node, &text))
		return;
	snprintf(what, sizeof(what), "node %.80s", node);
	nt_findings_add(&d->f, NT_LEVEL_FAIL, what,
			"is its pod running? kubectl -n nametap get pods",
			"the doctor in pod %s does not answer: %s", name,
			r < 0	   ? err.msg
			: text.len ? nt_kubectl_last_line(text.p)
				   : "it said nothing");
}

static void look_at_agents(struct doctor *d)
{
	static const char *const list[] = { "get",	     "pods",
					    "--selector",    "app.kubernetes.io/name=nametap-agent",
					    "--output=json", NULL };
	struct nt_kubectl k = { .kubeconfig = d->o.kubeconfig,
				.namespace_ = d->o.system_namespace };
	_cleanup_buf_ struct nt_buf text = { .max_len = KUBECTL_BYTES_MAX };
	json_auto_t *root = NULL;
	struct nt_err err = { 0 };
	const json_t *pod;
	size_t i;
	int r = nt_kubectl_run(&k, list, KUBECTL_NS, &text, &err);

	root = r == 0 ? json_of(&text) : NULL;
	if (!root) {
		nt_findings_add(
			&d->f, NT_LEVEL_FAIL, "nodes",
			"--nodes needs a kubectl that may list pods and create pods/exec there",
			"the agents' pods are not known: %s",
			r < 0	   ? err.msg
			: text.len ? nt_kubectl_last_line(text.p)
				   : "kubectl said nothing");
		return;
	}
	json_array_foreach(json_object_get(root, "items"), i, pod) ask_agent(d, &k, pod);
}

/* --- the verb --------------------------------------------------------------------------------- */

static int run(struct doctor *d)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_err err = { 0 };

	d->now_us = now_us();
	if (look_at_controller(d)) {
		look_at_objects(d);
		read_cluster(d);
		look_at_nodes(d);
		look_at_cluster(d);
		look_at_pods(d);
		look_at_gaps(d);
		look_at_servers(d);
		look_at_loss(d);
	}
	if (d->o.nodes)
		look_at_agents(d);
	if (d->o.output == NT_OUTPUT_JSON)
		nt_findings_json(&d->f, &out);
	else
		nt_findings_text(&d->f, d->o.colour, &out);
	if (nt_verb_write(&out, &err) < 0) {
		nt_verb_note("doctor: %s", err.msg);
		return NT_EXIT_FAILED;
	}
	return d->f.fails ? NT_EXIT_FAILED : NT_EXIT_OK;
}

int nt_doctor_main(int argc, char **argv)
{
	_cleanup_(doctor_done) struct doctor d = { 0 };
	int code = nt_ctl_options_parse(&verb, argc, argv, &d.o), r;
	struct nt_err err = { 0 };

	if (code >= 0)
		return code;
	if (d.o.arguments_len)
		return nt_ctl_usage(&verb, "%.100s: no argument is wanted", d.o.arguments[0]);
	if (d.o.node && (strpbrk(d.o.node, "\"\\") || strlen(d.o.node) > 253))
		return nt_ctl_usage(&verb, "--node: that is no node's name");
	r = nt_connect_open(&d.o, &d.connect, &err);
	if (r < 0)
		return nt_verb_failed(&verb, r, NULL, NULL, &err);
	return run(&d);
}
