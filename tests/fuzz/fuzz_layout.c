/* SPDX-License-Identifier: Apache-2.0 */
/* containerd's configuration, as far as the installer reads it. */
#include <stdint.h>
#include <stdlib.h>

#include "dataplane/installer/layout.h"
#include "lib/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_free_ char *copy = malloc(len ? len : 1);
	char conf[32] = "/c", bin[32] = "/b";

	if (!copy)
		return 0;
	if (len)
		memcpy(copy, data, len);
	nt_layout_containerd(nt_slice_mem(copy, len), conf, bin, sizeof(conf));
	if (conf[0] != '/' || bin[0] != '/' || !memchr(conf, '\0', sizeof(conf)) ||
	    !memchr(bin, '\0', sizeof(bin)))
		abort();
	return 0;
}
