/* SPDX-License-Identifier: Apache-2.0 */
/* GC: what the runtime does not know any more of this network. */
#include "cni/attachments.h"
#include "cni/call.h"
#include "dataplane/taps/failures.h"

/* Without objects of ours there is nothing to collect. */
static int collect(struct nt_cni_call *c, struct nt_cni_attachments *valid, struct nt_err *err)
{
	_cleanup_taps_ struct nt_taps *taps = NULL;
	int r;

	do {
		r = nt_cni_call_open_taps(c, NT_CNI_MUST_EXIST, &taps, err);
		if (r == 0)
			r = nt_taps_gc(taps, c->config.name, c->env->started_boot_ns,
				       nt_cni_attachments_has, valid, err);
	} while (r == -ESTALE);
	return r < 0 && r != -ENOENT ? -NT_CNI_IO : 0;
}

int nt_cni_gc(struct nt_cni_call *c, struct nt_err *err)
{
	_cleanup_attachments_ struct nt_cni_attachments valid;
	int r = nt_cni_attachments_parse(&c->config, &valid, err);

	if (r < 0 || !valid.is_known)
		return r;
	nt_failure_sweep(c->config.state_dir, c->config.name, nt_cni_attachments_has, &valid);
	return collect(c, &valid, err);
}
