/* SPDX-License-Identifier: Apache-2.0 */
/* ADD, DEL, CHECK, VERSION, and the call of all verbs. */
#include "cni/verbs.h"

#include <stdio.h>
#include <string.h>

#include "cni/call.h"
#include "cni/enforce.h"
#include "cni/result.h"
#include "cni/standing.h"
#include "dataplane/taps/failures.h"
#include "dataplane/taps/hostlink.h"
#include "dataplane/taps/seen.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"

/* The agent reads these: a pod that is not tapped is shown with the reason. */
static void report_failure(const struct nt_cni_call *c, const struct nt_pod *pod,
			   const struct nt_err *why)
{
	struct nt_err err;

	if (nt_failure_put(c->config.state_dir, pod, c->env->netns, why->msg, &err) < 0)
		nt_log_warn("cannot note that %s has no tap: %s", pod->container_id, err.msg);
}

static void report_excluded(const struct nt_cni_call *c, const struct nt_pod *pod)
{
	struct nt_err err;
	char why[128];

	snprintf(why, sizeof(why), "namespace %s is in excludeNamespaces", pod->namespace_);
	if (nt_failure_put_excluded(c->config.state_dir, pod, c->env->netns, why, &err) < 0)
		nt_log_warn("cannot note that %s is excluded: %s", pod->container_id, err.msg);
}

static void name_attachment(const struct nt_cni_call *c, struct nt_pod *pod)
{
	memcpy(pod->container_id, c->env->container_id, strlen(c->env->container_id));
	memcpy(pod->ifname, c->env->ifname, strlen(c->env->ifname));
}

/* --- verbs: 0, or minus a code of enum nt_cni_code --- */

/* The record goes too when this ADD made it: the pod has not run yet. */
static void undo(struct nt_taps *taps, const struct nt_pod *pod, bool is_ours)
{
	struct nt_err err;

	if (nt_taps_detach(taps, pod->container_id, pod->ifname, pod->netns_ino, &err) < 0 ||
	    (is_ours && nt_taps_forget(taps, pod->ep_id, &err) < 0))
		nt_log_warn("%s %s stays attached: %s", pod->container_id, pod->ifname, err.msg);
}

/* *ret_code: what ADD must fail with although the pod could be tapped. */
static int attach(struct nt_cni_call *c, struct nt_pod *pod, int *ret_code, struct nt_err *err)
{
	_cleanup_taps_ struct nt_taps *taps = NULL;
	struct nt_hostlink link;
	int r = nt_hostlink_find(c->env->netns, c->env->ifname, &link, err);

	if (r < 0)
		return r;
	pod->ifindex = link.ifindex;
	pod->netns_ino = link.netns_ino;
	pod->netns_dev = link.netns_dev;
	memcpy(pod->host_ifname, link.ifname, sizeof(pod->host_ifname));
	do {
		r = nt_cni_call_open_taps(c, NT_CNI_WAIT, &taps, err);
		if (r == 0)
			r = nt_taps_attach(taps, pod, err);
	} while (r == -ESTALE);
	if (r < 0)
		return r;
	/* After the attachment, so that no policy can be missed in between (T16). */
	*ret_code = nt_cni_enforce(c, taps, pod, err);
	if (*ret_code < 0)
		undo(taps, pod, pod->attach_boot_ns >= c->env->started_boot_ns);
	return 0;
}

/* A runtime that names no real namespace is told so whatever onAttachError says: nothing that we
 * could leave out would make this call right. */
static int check_netns(const struct nt_cni_call *c, struct nt_err *err)
{
	struct nt_err why = { .msg = "is no absolute path" };
	__u64 ino, dev;

	if (c->env->netns[0] == '/' && nt_hostlink_netns(c->env->netns, &ino, &dev, &why) == 0)
		return 0;
	return nt_err_set(err, NT_CNI_ENVIRONMENT, "CNI_NETNS=%.200s: %.200s", c->env->netns,
			  why.msg);
}

/* Everything that must be right before a pod is touched. */
static int describe(const struct nt_cni_call *c, struct nt_pod *pod, struct nt_err *err)
{
	int r;

	if (!c->config.prev_result.p)
		return nt_err_set(err, NT_CNI_CONFIG,
				  "no prevResult: nametap must be chained after a plugin that "
				  "makes the pod's interface");
	r = check_netns(c, err);
	if (r == 0)
		r = nt_cni_args_parse(c->env->args, pod, err);
	if (r < 0)
		return r;
	name_attachment(c, pod);
	nt_cni_config_describe(&c->config, c->env->ifname, pod);
	return 0;
}

static bool may_fail(const struct nt_cni_call *c, const struct nt_pod *pod)
{
	return c->config.on_attach_error == NT_CNI_FAIL && !nt_cni_pod_is_vital(&c->config, pod);
}

static int tap(struct nt_cni_call *c, const struct nt_pod *pod, struct nt_err *err)
{
	struct nt_pod tapped = *pod; /* may be recorded under another id */
	int refused = 0;

	if (attach(c, &tapped, &refused, err) == 0) {
		nt_failure_drop(c->config.state_dir, pod);
		return refused;
	}
	if (may_fail(c, pod)) {
		nt_err_wrap(err, "the pod's DNS cannot be tapped");
		return -NT_CNI_TRY_AGAIN;
	}
	nt_log_warn("%s %s starts without a tap: %s", pod->container_id, pod->ifname, err->msg);
	report_failure(c, pod, err);
	return 0;
}

static int add(struct nt_cni_call *c, struct nt_err *err)
{
	struct nt_pod pod = {};
	int r = describe(c, &pod, err);

	if (r < 0)
		return r;
	if (nt_cni_pod_is_excluded(&c->config, &pod))
		report_excluded(c, &pod);
	else
		r = tap(c, &pod, err);
	if (r == 0)
		nt_cni_result_print(c->out, c->config.prev_result);
	return r;
}

/* Inode of the namespace that this DEL means. Runtimes leave it out once it has ended, and such a
 * DEL may come late, when the same container has another one (T18): it ends what has ended. */
static __u64 meant_netns(const struct nt_cni_call *c, int *ret_fd)
{
	const char *path = c->env->netns;
	struct nt_err why;
	__u64 ino, dev;

	if (!path || !path[0] || nt_hostlink_open_netns(path, ret_fd, &ino, &dev, &why) < 0)
		return NT_NETNS_GONE;
	return ino;
}

/* As it is recorded; where it is not, as the runtime says. */
static struct nt_pod recorded(const struct nt_cni_call *c, struct nt_taps *taps,
			      const struct nt_pod *told)
{
	struct nt_pod pod;

	return nt_taps_find_told(taps, c->env->netns, told, &pod) == 0 ? pod : *told;
}

static int end(const struct nt_cni_call *c, struct nt_taps *taps, const struct nt_pod *told,
	       __u64 netns_ino, struct nt_err *err)
{
	struct nt_pod pod = recorded(c, taps, told);

	return nt_taps_end(taps, pod.container_id, pod.ifname, netns_ino, err);
}

/*
 * Whatever cannot be done here, the pod's end takes with it: the programs go with the link, and the
 * agent, or the next tenant of the link's index, closes the record. A pod that stays terminating
 * helps nobody, so that a DEL which was called rightly succeeds.
 */
static int del(struct nt_cni_call *c, struct nt_err *err)
{
	_cleanup_taps_ struct nt_taps *taps = NULL;
	_cleanup_close_ int netns = -1;
	struct nt_pod pod = {};
	struct nt_err why;
	__u64 meant;
	int r;

	name_attachment(c, &pod);
	if (nt_cni_args_parse(c->env->args, &pod, &why) < 0)
		pod.uid[0] = '\0'; /* one way less to find it */
	nt_failure_end(c->config.state_dir, &pod, c->env->netns);
	meant = meant_netns(c, &netns);
	do {
		r = nt_cni_call_open_taps(c, NT_CNI_MUST_EXIST | NT_CNI_WAIT, &taps, err);
		if (r == 0)
			r = end(c, taps, &pod, meant, err);
	} while (r == -ESTALE);
	if (r < 0 && r != -ENOENT)
		nt_log_warn("%s %s: the tap is left to the agent: %s", pod.container_id, pod.ifname,
			    err->msg);
	return 0;
}

static int check_tap(struct nt_cni_call *c, const struct nt_pod *told, struct nt_err *err)
{
	_cleanup_taps_ struct nt_taps *taps = NULL;
	struct nt_hostlink link;
	struct nt_pod pod;
	int r = nt_cni_call_open_taps(c, NT_CNI_MUST_EXIST, &taps, err);

	if (r < 0)
		return r;
	pod = recorded(c, taps, told);
	r = nt_taps_check(taps, pod.container_id, pod.ifname, err);
	if (r == 0)
		r = nt_hostlink_find(c->env->netns, c->env->ifname, &link, err);
	if (r == 0 && (pod.ifindex != link.ifindex || pod.netns_ino != link.netns_ino))
		r = nt_err_set(err, ENOENT, "the recorded attachment is that of link %s (%u)",
			       pod.host_ifname, pod.ifindex);
	return r;
}

/* A pod that ADD let start without a tap is as it was meant to be, and a runtime may take a failed
 * CHECK for a pod that must be made anew. */
static bool started_untapped(const struct nt_cni_call *c, const struct nt_pod *pod)
{
	enum nt_failure note = nt_failure_find(c->config.state_dir, pod);

	return note == NT_FAILURE_EXCLUDED || (note == NT_FAILURE_FAILED && !may_fail(c, pod));
}

static int check(struct nt_cni_call *c, struct nt_err *err)
{
	struct nt_pod pod = {};
	int r = describe(c, &pod, err);

	if (r < 0)
		return r;
	r = check_tap(c, &pod, err);
	return r < 0 && !started_untapped(c, &pod) ? -NT_CNI_TRY_AGAIN : 0;
}

static const struct verb {
	const char *name;
	unsigned need; /* enum nt_cni_need */
	const char *since; /* first CNI version that has it */
	int (*run)(struct nt_cni_call *c, struct nt_err *err);
} verbs[] = {
	{ "ADD", NT_CNI_NEED_CONTAINER | NT_CNI_NEED_NETNS, "0.3.0", add },
	{ "DEL", NT_CNI_NEED_CONTAINER, "0.3.0", del },
	{ "CHECK", NT_CNI_NEED_CONTAINER | NT_CNI_NEED_NETNS, "0.4.0", check },
	{ "GC", 0, "1.1.0", nt_cni_gc },
	{ "STATUS", 0, "1.1.0", nt_cni_status },
};

/* By which way the runtime comes to us (T27). */
static void leave_mark(const struct nt_cni_call *c, const struct verb *verb)
{
	if (verb->run == add)
		nt_seen_put(c->config.state_dir, c->config.via_dropin, NT_SEEN_ADD);
	else if (verb->run == del)
		nt_seen_put(c->config.state_dir, c->config.via_dropin, NT_SEEN_DEL);
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, name) == 0)
			return &verbs[i];
	}
	return NULL;
}

static int run_verb(struct nt_cni_call *c, struct nt_err *err)
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
	/* Written wrongly after the pod was made: what is right of it is enough to end the pod. */
	if (r == -NT_CNI_CONFIG && verb->run == del)
		nt_log_warn("%s", err->msg);
	else if (r < 0)
		return r;
	if (nt_cni_version_find(c->config.cni_version) < nt_cni_version_find(verb->since))
		return nt_err_set(err, NT_CNI_VERSION, "CNI version %s does not have %s",
				  c->config.cni_version, verb->name);
	r = verb->run(c, err);
	leave_mark(c, verb);
	return r;
}

/* Runtimes older than the specification ask without a configuration. */
static int version(struct nt_cni_call *c, struct nt_err *err)
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
		[NT_CNI_NOT_AVAILABLE] = "the plugin is not available",
		[NT_CNI_LIMITED] = "the plugin is not available, and pods may be limited",
	};

	return code > 0 && (size_t)code < NT_ARRAY_LEN(texts) && texts[code] ? texts[code]
									     : "failed";
}

int nt_cni_run(const struct nt_cni_env *env, struct nt_slice input, struct nt_buf *out)
{
	struct nt_cni_call c = { .env = env, .input = input, .out = out };
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
