/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin prints on stdout: results, versions, errors (CNI specification 1.1.0). */
#pragma once

#include "lib/base/buf.h"

/* prevResult exactly as it came. */
void nt_cni_result_print(struct nt_buf *out, struct nt_slice prev_result);
/* {"cniVersion", "supportedVersions"}; version: what the runtime asked with, NULL: our newest. */
void nt_cni_result_versions(struct nt_buf *out, const char *version);
/* {"cniVersion", "code", "msg", "details"}; details may be NULL. */
void nt_cni_result_error(struct nt_buf *out, const char *version, int code, const char *msg,
			 const char *details);
