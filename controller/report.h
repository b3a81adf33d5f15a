/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mistakes in objects, in the log: each once when it appears, again only after it was gone. The API
 * shows them while they last (coverage, alerts, policies). One thread.
 */
#pragma once

#include "lib/base/buf.h"

struct nt_ingest;
struct nt_notify;

struct nt_report {
	struct nt_buf known; /* lines that were logged and still hold */
};

void nt_report_done(struct nt_report *r);
/* Logs at warn what was not known the last time: manifests, alert rules and whom they tell,
 * policies, feeds. notify NULL: there are no receivers. */
void nt_report_mistakes(struct nt_report *r, struct nt_ingest *ingest, struct nt_notify *notify);
