/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from files and servers on the way to the Kubernetes API: kubeconfigs, Status objects,
 * base64, answers about our DaemonSet, tokens. */
#include <stdlib.h>

#include "dataplane/agent/leave.h"
#include "lib/base/base64.h"
#include "lib/kube/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* No uninstall by an answer that does not name the object. */
static void check_leave(struct nt_slice text)
{
	static const int statuses[] = { 200, 404, 403, 500 };

	for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
		const struct nt_kube_answer answer = { .status = statuses[i], .body = text };
		enum nt_leave_word word = nt_leave_read(&answer, "nametap-agent", false);

		if (word != NT_LEAVE_NOTHING && i > 1)
			abort();
		if (word != NT_LEAVE_NOTHING && !memmem(text.p, text.len, "nametap", 7) &&
		    !memchr(text.p, '\\', text.len))
			abort();
	}
	(void)nt_leave_token_expired(text, 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_buf_ struct nt_buf octets = { .max_len = 1 << 20 };
	struct nt_slice text = nt_slice_mem(data, len);
	struct nt_kube_status status;
	struct nt_kube_config config;
	struct nt_err err = { 0 };

	if (nt_kube_config_parse(text, "/etc", &config, &err) == 0) {
		if (!config.server || (config.key.p && !config.cert.p && !config.cert_file))
			abort();
		nt_kube_config_done(&config);
	} else if (!err.msg[0]) {
		abort();
	}
	if (nt_kube_status_parse(text, &status) && strlen(status.message) >= sizeof(status.message))
		abort();
	check_leave(text);
	if (nt_base64_decode(text, &octets) == 0 && octets.len > len)
		abort();
	return 0;
}
