/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside lib/objects only: what the API sends without the members that nobody reads, before it is
 * parsed: of a Pod's 5 KiB some 700 octets are left, and a tree of all of it costs ten times its
 * text. Text in, text out; what is left is for jansson to check. Pure.
 */
#pragma once

#include "lib/base/buf.h"

/* Appends the page of a list, or the event of a watch, of a kind that is not kept whole. Text that
 * is valid JSON stays so; of other text something is appended or nothing. -EBADMSG: it ends too
 * early, or is nested too deeply. */
int nt_prune(struct nt_slice text, struct nt_buf *out) NT_MUSTCHECK;
