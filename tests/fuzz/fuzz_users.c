/* SPDX-License-Identifier: Apache-2.0 */
/* Entries of libcni's cache: whether their DEL needs the plugin's file, whatever is in them. */
#include "dataplane/installer/users.h"

#include <stdlib.h>

#include "dataplane/installer/jsonspan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct nt_users_own own = { .container_id = "c1", .ifname = "eth0" };
	struct nt_slice text = nt_slice_mem(data, len);
	bool is_own, needs = nt_users_needs_us(text, &own, &is_own);
	struct nt_jsonspan s = nt_jsonspan_init(text);

	/* What is no object might be being written. */
	if (!needs && (!len || !memchr(data, '{', len)))
		abort();
	if (is_own && !memmem(data, len, "containerId", 11) && !memchr(data, '\\', len))
		abort();
	if (nt_users_names_us(nt_jsonspan_value(&s)) && !memmem(data, len, "nametap", 7) &&
	    !memchr(data, '\\', len))
		abort();
	return 0;
}
