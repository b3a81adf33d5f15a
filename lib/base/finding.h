/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a doctor finds: one line per look, with a level, what was looked at, how it is, and what to
 * do about it. Texts may hold anything; they are escaped where they are printed. Bounded: beyond
 * NT_FINDINGS_MAX the rest is counted. One thread.
 */
#pragma once

#include "lib/base/buf.h"

#define NT_FINDINGS_MAX 512

enum nt_level {
	NT_LEVEL_OK = 0,
	NT_LEVEL_WARN = 1, /* it works, and something is to be known or may go wrong */
	NT_LEVEL_FAIL = 2,
};

struct nt_finding {
	enum nt_level level;
	char what[64]; /* "bpffs", "node n1: clock" */
	char detail[384];
	char todo[256]; /* "": nothing */
};

struct nt_findings {
	struct nt_finding *list; /* owned */
	size_t len, cap;
	size_t left_out, fails, warns; /* also of those left out */
};

void nt_findings_done(struct nt_findings *f);
#define _cleanup_findings_ __attribute__((cleanup(nt_findings_done)))

/* Adds one; todo: "" or a sentence; the detail is formatted and cut to fit. */
void nt_findings_add(struct nt_findings *f, enum nt_level level, const char *what, const char *todo,
		     const char *fmt, ...) NT_PRINTF(5, 6);
/* "ok    what  detail  -> what to do", printable ASCII; colour: with escapes for the level. */
void nt_findings_text(const struct nt_findings *f, bool colour, struct nt_buf *out);
/* One JSON object: findings, and the counts of fail and warn. */
void nt_findings_json(const struct nt_findings *f, struct nt_buf *out);
