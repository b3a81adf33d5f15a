/* SPDX-License-Identifier: Apache-2.0 */
/* The verbs that ask a cluster. argv[0] is the verb; each returns an exit code (options.h). */
#pragma once

#include "api/cli/connect.h"

int nt_logs_main(int argc, char **argv);
int nt_top_main(int argc, char **argv);
int nt_coverage_main(int argc, char **argv);
int nt_doctor_main(int argc, char **argv);
int nt_alert_main(int argc, char **argv);
int nt_policy_main(int argc, char **argv);
int nt_feed_main(int argc, char **argv);
/* Behind `alert`. */
int nt_rules_main(int argc, char **argv);
int nt_events_main(int argc, char **argv);
int nt_ack_main(int argc, char **argv);
int nt_unack_main(int argc, char **argv);
int nt_suppress_main(int argc, char **argv);
int nt_suppressions_main(int argc, char **argv);
int nt_unsuppress_main(int argc, char **argv);
int nt_receivers_main(int argc, char **argv);
int nt_test_receiver_main(int argc, char **argv);
int nt_backtest_main(int argc, char **argv);
/* Behind `policy`. */
int nt_policy_preview_main(int argc, char **argv);
int nt_policy_suggest_main(int argc, char **argv);

/* --- what they share (verbs.c) --- */

/* The filter of the arguments, and of the namespaces, as one. shift: how many octets of ours stand
 * before the user's. */
struct nt_filter {
	struct nt_buf text; /* as it was typed, arguments with a blank between */
	struct nt_buf asked; /* what the API is asked */
	size_t shift;
};
int nt_filter_make(const struct nt_ctl_options *o, size_t from, struct nt_filter *ret_filter,
		   struct nt_err *err) NT_MUSTCHECK;
void nt_filter_done(struct nt_filter *f);
#define _cleanup_filter_ __attribute__((cleanup(nt_filter_done)))

/* Says on standard error why a question failed; where it is the filter, with the place. The exit
 * code. filter may be NULL. */
int nt_verb_failed(const struct nt_verb *verb, int r, const struct nt_ask_answer *answer,
		   const struct nt_filter *filter, const struct nt_err *err);
/* -1 when the one argument is an id of a listing, else the exit code of a mistake. */
int nt_verb_wants_id(const struct nt_verb *verb, const struct nt_ctl_options *o, uint64_t *ret_id);
/* Who says something: --by, else $USER. -1, or the exit code of a mistake: it is neither. */
int nt_verb_wants_who(const struct nt_verb *verb, struct nt_ctl_options *o);
/* A note on standard error that is no failure. */
void nt_verb_note(const char *fmt, ...) NT_PRINTF(1, 2);

/* Writes to standard output and empties the buffer. Ends the process where nobody reads any more,
 * as SIGPIPE would. -errno else. */
int nt_verb_write(struct nt_buf *out, struct nt_err *err) NT_MUSTCHECK;

/* "now-10m", or the time as it was given; `fallback` without either (NULL: the API's default). */
void nt_since_param(const struct nt_ctl_options *o, const char *fallback, char *param, size_t size);
/* "ring_full 200, agent_restart 14": the reasons of a Loss object of the API. */
void nt_loss_text(struct nt_buf *out, const json_t *loss);
/* Packets that are missing in the figures, on standard error: "214 packets ... ring_full 200". */
void nt_verb_loss(const json_t *loss);
