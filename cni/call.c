/* SPDX-License-Identifier: Apache-2.0 */
/* From a configuration to the pinned objects. */
#include "cni/call.h"

int nt_cni_call_open_taps(const struct nt_cni_call *c, unsigned how, struct nt_taps **ret_taps,
			  struct nt_err *err)
{
	struct nt_taps_config config = {
		.pin_root = c->config.bpffs,
		.state_dir = c->config.state_dir,
		.load = c->config.load,
		.must_exist = how & NT_CNI_MUST_EXIST,
		.only_pods = !(how & NT_CNI_ALL_MAPS),
	};

	return nt_taps_open(&config, ret_taps, err);
}
