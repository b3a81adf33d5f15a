/* SPDX-License-Identifier: Apache-2.0 */
/* The question whether a pod's policies are in force, and what becomes of the pod if not. */
#include "cni/enforce.h"

#include "cni/standing.h"
#include "dataplane/taps/ask.h"
#include "lib/base/log.h"

/* -EAGAIN, -EIO: the agent has answered. All else: nobody has. */
static int ask_policies(const struct nt_cni_call *c, const struct nt_pod *pod, struct nt_err *err)
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

static bool is_absent(int r)
{
	return r == -ENOENT || r == -ECONNREFUSED;
}

static bool inherits(struct nt_taps *taps, const struct nt_pod *pod)
{
	char from[sizeof(pod->name)];
	struct nt_err why;
	int r = nt_taps_inherit(taps, pod, from, &why);

	if (r < 0)
		nt_log_warn("%s %s: look for policies of its kind: %s", pod->container_id,
			    pod->ifname, why.msg);
	else if (r > 0)
		nt_log_warn("%s %s starts under the policies of %s/%s until an agent answers",
			    pod->container_id, pod->ifname, pod->namespace_, from);
	return r > 0;
}

int nt_cni_enforce(const struct nt_cni_call *c, struct nt_taps *taps, const struct nt_pod *pod,
		   struct nt_err *err)
{
	int r = ask_policies(c, pod, err);

	if (r == 0 || (r != -EAGAIN && r != -EIO && inherits(taps, pod)))
		return 0;
	if (c->config.on_unknown_policy == NT_CNI_FAIL && !nt_cni_pod_is_vital(&c->config, pod)) {
		nt_err_wrap(err, "the pod's DNS policies are not in force (start nametap-agent and "
				 "see that it knows the pod, or set \"onUnknownPolicy\": "
				 "\"Ignore\")");
		return -NT_CNI_TRY_AGAIN;
	}
	if (!is_absent(r))
		nt_log_warn("%s %s starts without its DNS policies: %s", pod->container_id,
			    pod->ifname, err->msg);
	return 0;
}
