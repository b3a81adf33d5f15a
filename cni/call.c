/* SPDX-License-Identifier: Apache-2.0 */
/* From a configuration to the pinned objects. */
#include "cni/call.h"

#include <time.h>

#include "cni/replaced.h"

/* As long as for the root's lock. Agent and plugin of an upgrade come one after the other, with the
 * agent's start in between at most. */
#define UPGRADE_WAIT_MS 10000
#define UPGRADE_POLL_MS 50

int nt_cni_call_open_taps(const struct nt_cni_call *c, unsigned how, struct nt_taps **ret_taps,
			  struct nt_err *err)
{
	const struct timespec pause = { .tv_nsec = UPGRADE_POLL_MS * 1000000L };
	struct nt_taps_config config = {
		.pin_root = c->config.bpffs,
		.state_dir = c->config.state_dir,
		.load = c->config.load,
		.must_exist = how & NT_CNI_MUST_EXIST,
		.only_pods = !(how & NT_CNI_ALL_MAPS),
	};
	int r;

	nt_taps_close(*ret_taps);
	*ret_taps = NULL;
	r = nt_taps_open(&config, ret_taps, err);
	for (int ms = 0; how & NT_CNI_WAIT && r == -EPROTO && ms < UPGRADE_WAIT_MS;
	     ms += UPGRADE_POLL_MS) {
		nt_cni_replaced_run(c->input);
		(void)nanosleep(&pause, NULL);
		r = nt_taps_open(&config, ret_taps, err);
	}
	return r;
}
