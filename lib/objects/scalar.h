/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a plain (unquoted) YAML scalar is, as kubectl reads it (YAML 1.1 by way of
 * sigs.k8s.io/yaml): null, bool, integer, float or string. Pure.
 */
#pragma once

#include <jansson.h>

#include "lib/base/slice.h"

/* New reference. NULL when JSON has no such number (.inf, .nan), the text is not UTF-8, or memory
 * is short. */
json_t *nt_scalar_plain(struct nt_slice text);
