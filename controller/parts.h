/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a controller is made of below its API: store, objects, ingest, alerts, opened in their order
 * and closed in the reverse one. Plain data that main wires to the loop and to the API.
 */
#pragma once

#include "controller/options.h"
#include "controller/tls/files.h"
#include "lib/base/buf.h"
#include "lib/base/clock.h"
#include "lib/kube/name.h"

struct nt_kube;
struct nt_who;
struct nt_authority;
struct nt_notify;
struct nt_prover;
struct nt_leader;
struct nt_rulestatus;
struct nt_loop;

struct nt_parts {
	struct nt_kube *kube; /* NULL: no Kubernetes API */
	struct nt_objects *objects; /* NULL: no folder was given, and there is no API */
	struct nt_enrich *enrich;
	struct nt_store *store;
	struct nt_store_reader *alerts_reader;
	struct nt_alerts *alerts;
	struct nt_prover *prover; /* tests rules */
	struct nt_feeds *feeds;
	struct nt_rulestatus *rulestatus; /* NULL: rules do not come from an API */
	struct nt_notify *notify; /* NULL: there are no receivers */
	struct nt_leader *leader; /* NULL: there is nobody else */
	struct nt_ingest *ingest;
	struct nt_clock clock; /* of ingest, enrichment and tokens */
	struct nt_buf token; /* the agents', where there is no API */
	struct nt_who *who; /* NULL: no API */
	struct nt_tls *tls; /* NULL: no HTTPS */
	struct nt_tls_files tls_files; /* of --tls-cert */
	struct nt_authority *authority; /* NULL: none of our own */
};

/* Zero-initialise; loop: borrowed; what was opened before a failure is for nt_parts_close, too. */
int nt_parts_open(const struct nt_options *o, struct nt_loop *loop, struct nt_parts *p,
		  struct nt_err *err) NT_MUSTCHECK;
/* Before the HTTP server stops: nobody waits for an answer of the API any more, nobody is told. */
void nt_parts_stop(struct nt_parts *p);
/* Once a second. */
void nt_parts_tick(struct nt_parts *p);
void nt_parts_close(struct nt_parts *p);
