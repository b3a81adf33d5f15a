/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a verb is called with, and the pinned objects that its configuration means. A verb returns
 * 0, or minus a code of enum nt_cni_code with the reason in err.
 */
#pragma once

#include "cni/args.h"
#include "cni/config.h"
#include "dataplane/taps/taps.h"
#include "lib/base/buf.h"

struct nt_cni_call {
	const struct nt_cni_env *env;
	struct nt_slice input;
	struct nt_cni_config config;
	struct nt_buf *out;
};

/* Bits of `how`. */
enum nt_cni_open {
	NT_CNI_MUST_EXIST = 1 << 0, /* nothing is loaded */
	NT_CNI_ALL_MAPS = 1 << 1, /* not only what attaching and detaching needs */
	NT_CNI_WAIT = 1 << 2, /* for the end of an upgrade to another ABI version */
};

/* As nt_taps_open, first closing what *ret_taps is. With NT_CNI_WAIT it does not come back when a
 * newer plugin takes our place. Close with nt_taps_close. */
int nt_cni_call_open_taps(const struct nt_cni_call *c, unsigned how, struct nt_taps **ret_taps,
			  struct nt_err *err) NT_MUSTCHECK;
static inline void nt_cni_taps_closep(struct nt_taps **t)
{
	nt_taps_close(*t);
}
#define _cleanup_taps_ __attribute__((cleanup(nt_cni_taps_closep)))

/* The verbs that are not about one attachment. */
int nt_cni_gc(struct nt_cni_call *c, struct nt_err *err) NT_MUSTCHECK;
int nt_cni_status(struct nt_cni_call *c, struct nt_err *err) NT_MUSTCHECK;
