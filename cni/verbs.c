/* SPDX-License-Identifier: Apache-2.0 */
/* ADD, DEL, CHECK, VERSION; STATUS and GC for configurations that know them. */
#include "cni/verbs.h"

#include <string.h>

#include "cni/config.h"
#include "cni/result.h"
#include "dataplane/taps/ask.h"
#include "dataplane/taps/failures.h"
#include "dataplane/taps/hostlink.h"
#include "dataplane/taps/taps.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

struct call {
	const struct nt_cni_env *env;
	struct nt_slice input;
	struct nt_cni_config config;
	struct nt_buf *out;
};

static void taps_closep(struct nt_taps **t)
{
	nt_taps_close(*t);
}

static int open_taps(const struct call *c, bool must_exist, struct nt_taps **ret_taps,
		     struct nt_err *err)
{
	struct nt_taps_config config = {
		.pin_root = c->config.bpffs,
		.state_dir = c->config.state_dir,
		.ring_bytes = c->config.ring_bytes,
		.must_exist = must_exist,
		.only_pods = true,
	};

	memcpy(config.ports, c->config.ports, sizeof(config.ports));
	memcpy(config.server_ports, c->config.server_ports, sizeof(config.server_ports));
	return nt_taps_open(&config, ret_taps, err);
}

/* The agent reads these: a pod that is not tapped is shown with the reason. */
static void report_failure(const struct call *c, const struct nt_pod *pod, const struct nt_err *why)
{
	struct nt_err err;

	if (nt_failure_put(c->config.state_dir, pod, c->env->netns, why->msg, &err) < 0)
		nt_log_warn("cannot note that %s has no tap: %s", pod->container_id, err.msg);
}

static void forget_failure(const struct call *c)
{
	struct nt_pod pod = {};

	memcpy(pod.container_id, c->env->container_id, strlen(c->env->container_id));
	memcpy(pod.ifname, c->env->ifname, strlen(c->env->ifname));
	nt_failure_drop(c->config.state_dir, &pod);
}

/* --- verbs: 0, or minus a code of enum nt_cni_code --- */

/* Has the agent put the pod's policies in force? -ENOENT or -ECONNREFUSED: there is no agent. */
static int ask_policies(const struct call *c, const struct nt_pod *pod, struct nt_err *err)
{
	const struct nt_ask ask = { NT_ASK_VERSION, NT_ASK_ENFORCE, pod->ep_id };
	struct nt_answer answer;
	int r = nt_ask_agent(c->config.state_dir, &ask, NT_ASK_TIMEOUT_MS, &answer, err);

	if (r < 0)
		return r;
	if (answer.status == NT_ANSWER_UNKNOWN)
		return nt_err_set(err, EAGAIN, "the pod's policies are not known: %s", answer.msg);
	if (answer.status == NT_ANSWER_FAILED)
		return nt_err_set(err, EIO, "the agent cannot enforce: %s", answer.msg);
	return 0;
}

/* The record goes too when this ADD made it: the pod has not run yet. */
static void undo(struct call *c, struct nt_taps *taps, const struct nt_pod *pod, bool is_ours)
{
	struct nt_err err;

	if (nt_taps_detach(taps, c->env->container_id, c->env->ifname, pod->netns_ino, &err) < 0 ||
	    (is_ours && nt_taps_forget(taps, pod->ep_id, &err) < 0))
		nt_log_warn("%s %s stays attached: %s", pod->container_id, pod->ifname, err.msg);
}

/* The node's own pods start whatever their policies are: without them there would be no agent, no
 * DNS and no API to ask (T16). A static pod is known by its UID, which is a hash (T18). */
static bool is_never_failed(const struct nt_pod *pod)
{
	return strcmp(pod->namespace_, "kube-system") == 0 ||
	       (strlen(pod->uid) == 32 && strspn(pod->uid, "0123456789abcdef") == 32);
}

/* After the attachment, so that no policy can be missed in between (T16). */
static int enforce(struct call *c, struct nt_taps *taps, const struct nt_pod *pod, bool is_ours,
		   struct nt_err *err)
{
	int r = ask_policies(c, pod, err);

	if (r == 0)
		return 0;
	if (c->config.on_unknown_policy == NT_CNI_FAIL && !is_never_failed(pod)) {
		undo(c, taps, pod, is_ours);
		nt_err_wrap(err, "the pod's DNS policies are not in force (start nametap-agent and "
				 "see that it knows the pod, or set \"onUnknownPolicy\": "
				 "\"Ignore\")");
		return -NT_CNI_TRY_AGAIN;
	}
	if (r != -ENOENT && r != -ECONNREFUSED)
		nt_log_warn("%s %s starts without its DNS policies: %s", pod->container_id,
			    pod->ifname, err->msg);
	return 0;
}

/* *ret_code: what ADD must fail with although the pod could be tapped. */
static int attach(struct call *c, struct nt_pod *pod, int *ret_code, struct nt_err *err)
{
	struct nt_clock clock = nt_clock_system();
	__u64 started = (__u64)nt_clock_boot(&clock);
	_cleanup_(taps_closep) struct nt_taps *taps = NULL;
	struct nt_hostlink link;
	int r = nt_hostlink_find(c->env->netns, c->env->ifname, &link, err);

	if (r < 0)
		return r;
	r = open_taps(c, false, &taps, err);
	if (r < 0)
		return r;
	pod->ifindex = link.ifindex;
	pod->netns_ino = link.netns_ino;
	pod->netns_dev = link.netns_dev;
	memcpy(pod->host_ifname, link.ifname, sizeof(pod->host_ifname));
	r = nt_taps_attach(taps, pod, err);
	if (r == 0)
		*ret_code = enforce(c, taps, pod, pod->attach_boot_ns >= started, err);
	return r;
}

/* A runtime that names no real namespace is told so whatever onAttachError says: nothing that we
 * could leave out would make this call right. */
static int check_netns(const struct call *c, struct nt_err *err)
{
	struct nt_err why;
	__u64 ino, dev;

	if (nt_hostlink_netns(c->env->netns, &ino, &dev, &why) == 0)
		return 0;
	return nt_err_set(err, NT_CNI_ENVIRONMENT, "CNI_NETNS=%.200s: %.200s", c->env->netns,
			  why.msg);
}

static int add(struct call *c, struct nt_err *err)
{
	struct nt_pod pod = {};
	int r, refused = 0;

	if (!c->config.prev_result.p)
		return nt_err_set(err, NT_CNI_CONFIG,
				  "no prevResult: nametap must be chained after a plugin that "
				  "makes the pod's interface");
	r = check_netns(c, err);
	if (r < 0)
		return r;
	r = nt_cni_args_parse(c->env->args, &pod, err);
	if (r < 0)
		return r;
	memcpy(pod.container_id, c->env->container_id, strlen(c->env->container_id));
	memcpy(pod.ifname, c->env->ifname, strlen(c->env->ifname));
	nt_cni_config_describe(&c->config, c->env->ifname, &pod);
	if (attach(c, &pod, &refused, err) == 0) {
		forget_failure(c);
		if (refused < 0)
			return refused;
	} else if (c->config.on_attach_error == NT_CNI_FAIL) {
		nt_err_wrap(err, "the pod's DNS cannot be tapped");
		return -NT_CNI_TRY_AGAIN;
	} else {
		nt_log_warn("%s %s starts without a tap: %s", pod.container_id, pod.ifname,
			    err->msg);
		report_failure(c, &pod, err);
	}
	nt_cni_result_print(c->out, c->config.prev_result);
	return 0;
}

/* Inode of the namespace that this DEL means; 0: not said. */
static __u64 meant_netns(const struct call *c)
{
	struct nt_err why;
	__u64 ino, dev;

	if (!c->env->netns || !c->env->netns[0])
		return 0;
	return nt_hostlink_netns(c->env->netns, &ino, &dev, &why) < 0 ? NT_NETNS_GONE : ino;
}

static int del(struct call *c, struct nt_err *err)
{
	_cleanup_(taps_closep) struct nt_taps *taps = NULL;
	int r = open_taps(c, true, &taps, err);

	forget_failure(c);
	if (r == 0)
		r = nt_taps_detach(taps, c->env->container_id, c->env->ifname, meant_netns(c), err);
	else if (r == -ENOENT || r == -EEXIST || r == -EPROTO || r == -EINVAL)
		/* No objects of ours: a pod must not stay terminating for that. */
		r = 0;
	return r < 0 ? -NT_CNI_IO : 0;
}

static int check(struct call *c, struct nt_err *err)
{
	_cleanup_(taps_closep) struct nt_taps *taps = NULL;
	struct nt_hostlink link;
	struct nt_pod pod;
	int r;

	if (!c->config.prev_result.p)
		return nt_err_set(err, NT_CNI_CONFIG, "no prevResult");
	r = check_netns(c, err);
	if (r < 0)
		return r;
	r = open_taps(c, true, &taps, err);
	if (r == 0)
		r = nt_taps_check(taps, c->env->container_id, c->env->ifname, err);
	if (r == 0)
		r = nt_hostlink_find(c->env->netns, c->env->ifname, &link, err);
	if (r == 0)
		r = nt_taps_find(taps, c->env->container_id, c->env->ifname, &pod);
	if (r == 0 && (pod.ifindex != link.ifindex || pod.netns_ino != link.netns_ino))
		r = nt_err_set(err, ENOENT, "the recorded attachment is that of link %s (%u)",
			       pod.host_ifname, pod.ifindex);
	return r < 0 ? -NT_CNI_TRY_AGAIN : 0;
}

static int nothing(struct call *c, struct nt_err *err)
{
	(void)c;
	(void)err;
	return 0;
}

static const struct verb {
	const char *name;
	unsigned need; /* enum nt_cni_need */
	const char *since; /* first CNI version that has it */
	int (*run)(struct call *c, struct nt_err *err);
} verbs[] = {
	{ "ADD", NT_CNI_NEED_CONTAINER | NT_CNI_NEED_NETNS, "0.3.0", add },
	{ "DEL", NT_CNI_NEED_CONTAINER, "0.3.0", del },
	{ "CHECK", NT_CNI_NEED_CONTAINER | NT_CNI_NEED_NETNS, "0.4.0", check },
	{ "GC", 0, "1.1.0", nothing },
	{ "STATUS", 0, "1.1.0", nothing },
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

static int run_verb(struct call *c, struct nt_err *err)
{
	const struct verb *verb = find_verb(c->env->command);
	int r;

	if (!verb)
		return nt_err_set(err, NT_CNI_ENVIRONMENT, "CNI_COMMAND=%.100s: unknown verb",
				  c->env->command);
	r = nt_cni_env_check(c->env, verb->need, err);
	if (r < 0)
		return r;
	r = nt_cni_config_parse(c->input, &c->config, err);
	if (r < 0)
		return r;
	if (nt_cni_version_find(c->config.cni_version) < nt_cni_version_find(verb->since))
		return nt_err_set(err, NT_CNI_VERSION, "CNI version %s does not have %s",
				  c->config.cni_version, verb->name);
	return verb->run(c, err);
}

/* Runtimes older than the specification ask without a configuration. */
static int version(struct call *c, struct nt_err *err)
{
	json_auto_t *root = NULL;
	const char *asked;
	json_error_t where;

	if (c->input.len) {
		root = json_loadb(c->input.p, c->input.len, JSON_DECODE_INT_AS_REAL, &where);
		if (!root)
			return nt_err_set(err, NT_CNI_DECODE, "stdin is no JSON: line %d: %s",
					  where.line, where.text);
	}
	asked = json_string_value(json_object_get(root, "cniVersion"));
	nt_cni_result_versions(c->out, asked);
	return 0;
}

static const char *short_message(int code)
{
	static const char *const texts[] = {
		[NT_CNI_VERSION] = "incompatible CNI version",
		[NT_CNI_UNSUPPORTED_FIELD] = "unsupported field in network configuration",
		[NT_CNI_UNKNOWN_CONTAINER] = "unknown container",
		[NT_CNI_ENVIRONMENT] = "invalid environment variable",
		[NT_CNI_IO] = "I/O failure",
		[NT_CNI_DECODE] = "cannot decode the network configuration",
		[NT_CNI_CONFIG] = "invalid network configuration",
		[NT_CNI_TRY_AGAIN] = "try again later",
	};

	return code > 0 && (size_t)code < NT_ARRAY_LEN(texts) && texts[code] ? texts[code]
									     : "failed";
}

int nt_cni_run(const struct nt_cni_env *env, struct nt_slice input, struct nt_buf *out)
{
	struct call c = { .env = env, .input = input, .out = out };
	struct nt_err err = {};
	int r;

	if (strcmp(env->command, "VERSION") == 0)
		r = version(&c, &err);
	else
		r = run_verb(&c, &err);
	if (r < 0) {
		nt_buf_reset(out);
		nt_cni_result_error(out, c.config.cni_version, -r, short_message(-r), err.msg);
	}
	nt_cni_config_done(&c.config);
	return r < 0 ? 1 : 0;
}
