/* SPDX-License-Identifier: Apache-2.0 */
/* An upgrade that puts another plugin in our place while we run. */
#pragma once

#include "lib/base/slice.h"

/* Where the file that we were called as is another one by now, becomes that program, with the same
 * environment and input: what the pinned objects are of another ABI version for us, they are of its
 * own for that one. Does not return then. */
void nt_cni_replaced_run(struct nt_slice input);
