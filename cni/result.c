/* SPDX-License-Identifier: Apache-2.0 */
/* Results, versions and errors as JSON text. */
#include "cni/result.h"

#include "cni/config.h"
#include "lib/base/escape.h"

#define NEWEST "1.1.0"

void nt_cni_result_print(struct nt_buf *out, struct nt_slice prev_result)
{
	nt_buf_slice(out, prev_result);
	nt_buf_putc(out, '\n');
}

static void put_pair(struct nt_buf *out, const char *key, const char *value)
{
	nt_buf_printf(out, "\"%s\":", key);
	nt_escape_json_string(out, nt_slice_str(value));
}

void nt_cni_result_versions(struct nt_buf *out, const char *version)
{
	nt_buf_putc(out, '{');
	put_pair(out, "cniVersion", version ? version : NEWEST);
	nt_buf_puts(out, ",\"supportedVersions\":[");
	for (int i = 0; nt_cni_versions[i]; i++)
		nt_buf_printf(out, "%s\"%s\"", i ? "," : "", nt_cni_versions[i]);
	nt_buf_puts(out, "]}\n");
}

void nt_cni_result_error(struct nt_buf *out, const char *version, int code, const char *msg,
			 const char *details)
{
	nt_buf_putc(out, '{');
	put_pair(out, "cniVersion", version ? version : NEWEST);
	nt_buf_printf(out, ",\"code\":%d,", code);
	put_pair(out, "msg", msg);
	if (details && details[0]) {
		nt_buf_putc(out, ',');
		put_pair(out, "details", details);
	}
	nt_buf_puts(out, "}\n");
}
