/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML and JSON text to documents (jansson values). Bounded: NT_YAML_DEPTH_MAX levels,
 * NT_YAML_NODES_MAX values; aliases are refused, so nothing is ever larger than its text. Pure, no
 * I/O, one thread.
 */
#pragma once

#include <jansson.h>

#include "lib/base/err.h"
#include "lib/base/slice.h"

/* Deep enough for any Kubernetes object; the recursion of jansson stays small. */
#define NT_YAML_DEPTH_MAX 64
/* 8 MiB of real manifests hold about half of it; 64 MiB of jansson values at most. */
#define NT_YAML_NODES_MAX 1000000

struct nt_yaml_problem {
	size_t line; /* 1-based */
	char msg[256];
};

/* Called per document that is not empty; takes the reference. line: where its content starts. */
typedef void nt_yaml_document_fn(void *ctx, json_t *document, size_t line);

/* Each document of a YAML stream, in order. -EBADMSG with *ret_problem at the first mistake (those
 * before it were handed out), -ENOMEM. */
int nt_yaml_parse(struct nt_slice text, nt_yaml_document_fn *fn, void *ctx,
		  struct nt_yaml_problem *ret_problem) NT_MUSTCHECK;
/* The same for one JSON text. */
int nt_yaml_parse_json(struct nt_slice text, nt_yaml_document_fn *fn, void *ctx,
		       struct nt_yaml_problem *ret_problem) NT_MUSTCHECK;
