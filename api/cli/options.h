/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of the verbs that ask a cluster: one table of options, of which each verb takes
 * some; the text of --help is made from it. Strings are borrowed from argv and the environment.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "lib/base/buf.h"

/* Exit codes of every verb. */
enum nt_exit {
	NT_EXIT_OK = 0,
	NT_EXIT_FAILED = 1, /* it could not be done, or (doctor) something is wrong */
	NT_EXIT_USAGE = 2, /* the command line, or the filter */
};

enum nt_output {
	NT_OUTPUT_TABLE = 0,
	NT_OUTPUT_YAML = 1,
	NT_OUTPUT_WIDE = 2,
	NT_OUTPUT_JSON = 3,
	NT_OUTPUT_NAME = 4,
};

/* Which verb takes an option. */
enum nt_verb_bit {
	NT_VERB_LOGS = 1,
	NT_VERB_TOP = 2,
	NT_VERB_COVERAGE = 4,
	NT_VERB_DOCTOR = 8,
	NT_VERB_BACKTEST = 16,
	NT_VERB_EVENTS = 32,
	NT_VERB_ACK = 64,
	NT_VERB_SUPPRESS = 128,
	NT_VERB_PLAIN = 256, /* those that have no option of their own */
	NT_VERB_POLICY_PREVIEW = 512,
	NT_VERB_POLICY_SUGGEST = 1024,
	NT_VERB_ALL = 2047,
};

struct nt_verb {
	enum nt_verb_bit bit;
	unsigned outputs; /* bits of 1 << enum nt_output; the first of them is the default */
	const char *name, *arguments; /* "logs", "[-f] [FILTER]" */
	const char *about; /* what --help says before the options */
	const char *more; /* and behind them: examples, exit codes */
	const char *since; /* default of --since; NULL: none */
};

#define NT_NAMESPACES_MAX 32
/* Of tail and limit: not given; and of tail: as many as there are. */
#define NT_COUNT_DEFAULT UINT64_MAX
#define NT_COUNT_ALL (UINT64_MAX - 1)

struct nt_ctl_options {
	/* where the controller is */
	const char *server, *ca_file, *token_file, *kubeconfig, *system_namespace;
	/* what is asked for */
	const char *namespaces[NT_NAMESPACES_MAX];
	size_t namespaces_len;
	const char *since, *from, *to; /* since: "10m", checked */
	const char *side, *role, *node, *by, *sort; /* NULL: not given */
	const char *state, *rule, *workload;
	/* what is said: by whom, and until when (lasting: "8h"; end: a time; both checked) */
	const char *who, *comment, *reason, *lasting, *end;
	uint64_t tail, limit;
	bool follow, unlogged, nodes;
	/* how it is shown */
	enum nt_output output;
	bool no_headers, colour; /* colour: a terminal that is to have it */
	char **arguments; /* what is no option */
	size_t arguments_len;
};

/* argv[0] is the verb. Returns -1 to go on, else the exit code: --help (0) and mistakes (2) have
 * been printed. */
int nt_ctl_options_parse(const struct nt_verb *verb, int argc, char **argv,
			 struct nt_ctl_options *ret_options);
void nt_ctl_options_help(const struct nt_verb *verb, FILE *to);
/* Says a mistake of the command line, with the verb; returns NT_EXIT_USAGE. */
int nt_ctl_usage(const struct nt_verb *verb, const char *fmt, ...) NT_PRINTF(2, 3);
