/* SPDX-License-Identifier: Apache-2.0 */
/* STATUS: could a pod be tapped now? */
#include "cni/call.h"
#include "dataplane/taps/ask.h"

static bool note_slot(void *ctx, __u32 slot, const struct nt_slot *value)
{
	(void)slot;
	(void)value;
	*(bool *)ctx = true;
	return false;
}

/* What is in force stays in force without an agent; what is changed meanwhile does not arrive, so a
 * pod may be denied a name that its policy allows by now. */
static int without_agent(struct nt_taps *taps, struct nt_err *err)
{
	bool is_any = false;
	struct nt_err other;

	if (nt_taps_slots(taps, note_slot, &is_any, &other) < 0 || !is_any)
		return -NT_CNI_NOT_AVAILABLE;
	nt_err_wrap(err, "policies are in force and cannot change");
	return -NT_CNI_LIMITED;
}

/*
 * Nobody waits for us unless the entry says `"required": true`: by default a pod starts without a
 * tap when it must, so a node is never held back. Required means what a tapped pod needs: the
 * programs are pinned (they are loaded here if they are not), and an agent of our version answers.
 */
int nt_cni_status(struct nt_cni_call *c, struct nt_err *err)
{
	const struct nt_ask ask = { .version = NT_ASK_VERSION, .op = NT_ASK_ALIVE };
	_cleanup_taps_ struct nt_taps *taps = NULL;
	struct nt_answer answer;

	if (!c->config.is_required)
		return 0;
	if (nt_cni_call_open_taps(c, NT_CNI_ALL_MAPS, &taps, err) < 0)
		return -NT_CNI_NOT_AVAILABLE;
	if (nt_ask_agent(c->config.state_dir, &ask, NT_ASK_TIMEOUT_MS, &answer, err) < 0)
		return without_agent(taps, err);
	return 0;
}
