/* SPDX-License-Identifier: Apache-2.0 */
/* What comes from files and servers on the way to the Kubernetes API: kubeconfigs, Status objects,
 * base64. */
#include <stdlib.h>

#include "lib/base/base64.h"
#include "lib/kube/client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

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
	if (nt_base64_decode(text, &octets) == 0 && octets.len > len)
		abort();
	return 0;
}
