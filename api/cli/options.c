/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of the verbs that ask a cluster. */
#include "api/cli/options.h"

#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/cli/text.h"
#include "lib/base/cleanup.h"
#include "lib/base/parse.h"

enum option_code {
	OPT_SERVER = 256,
	OPT_CA_FILE,
	OPT_TOKEN_FILE,
	OPT_KUBECONFIG,
	OPT_SYSTEM_NAMESPACE,
	OPT_SINCE,
	OPT_SINCE_TIME,
	OPT_UNTIL_TIME,
	OPT_TAIL,
	OPT_LIMIT,
	OPT_SIDE,
	OPT_ROLE,
	OPT_NODE,
	OPT_BY,
	OPT_SORT,
	OPT_STATE,
	OPT_RULE,
	OPT_WHO,
	OPT_COMMENT,
	OPT_REASON,
	OPT_WORKLOAD,
	OPT_FOR,
	OPT_UNTIL,
	OPT_UNLOGGED,
	OPT_NODES,
	OPT_NO_HEADERS,
	OPT_NAMESPACE = 'n',
	OPT_ALL = 'A',
	OPT_FOLLOW = 'f',
	OPT_OUTPUT = 'o',
	OPT_HELP = 'h',
};

/* Those that ask for a range of time. */
#define NT_VERB_OF_TIME                                                           \
	(NT_VERB_LOGS | NT_VERB_TOP | NT_VERB_BACKTEST | NT_VERB_POLICY_PREVIEW | \
	 NT_VERB_POLICY_SUGGEST)

static const struct {
	unsigned verbs;
	const char *name, *value; /* value NULL: takes none */
	int code;
	const char *what;
} table[] = {
	{ NT_VERB_LOGS, "follow", NULL, OPT_FOLLOW, "go on with rows as they are stored" },
	{ NT_VERB_LOGS, "tail", "N", OPT_TAIL,
	  "the newest N rows (default: 100, all with --since; -1: all)" },
	{ NT_VERB_OF_TIME, "since", "TIME", OPT_SINCE, "rows of the last 90s, 10m, 6h, 2d" },
	{ NT_VERB_OF_TIME, "since-time", "WHEN", OPT_SINCE_TIME,
	  "rows from that time on, as 2026-11-23T06:12:04Z" },
	{ NT_VERB_OF_TIME, "until-time", "WHEN", OPT_UNTIL_TIME,
	  "rows before that time (default: now)" },
	{ NT_VERB_LOGS | NT_VERB_TOP | NT_VERB_COVERAGE, "namespace", "NAME", OPT_NAMESPACE,
	  "pods of that namespace; may come several times" },
	{ NT_VERB_POLICY_SUGGEST, "namespace", "NAME", OPT_NAMESPACE,
	  "the namespace of the workload" },
	{ NT_VERB_POLICY_SUGGEST, "workload", "[KIND/]NAME", OPT_WORKLOAD,
	  "whose pods it is for, as web or Deployment/web" },
	{ NT_VERB_LOGS | NT_VERB_TOP | NT_VERB_COVERAGE, "all-namespaces", NULL, OPT_ALL,
	  "pods of all namespaces that you may read (the default)" },
	{ NT_VERB_LOGS, "unlogged", NULL, OPT_UNLOGGED,
	  "packets that were seen and not logged in detail, and why" },
	{ NT_VERB_TOP, "by", "FIELD[,FIELD]", OPT_BY, "group by fields of the log (up to four)" },
	{ NT_VERB_TOP, "sort", "COLUMN", OPT_SORT,
	  "lookups, queries, nxdomain, servfail, noanswer, bytes, max or p95 (default lookups)" },
	{ NT_VERB_TOP, "limit", "N", OPT_LIMIT, "groups (default 10, at most 1000)" },
	{ NT_VERB_LOGS | NT_VERB_TOP, "side", "SIDE", OPT_SIDE,
	  "client, server or any end of a lookup (default client)" },
	{ NT_VERB_LOGS | NT_VERB_TOP, "role", "ROLE", OPT_ROLE,
	  "pods that are workload, resolver or any (default workload)" },
	{ NT_VERB_COVERAGE | NT_VERB_DOCTOR, "node", "NAME", OPT_NODE, "of that node alone" },
	{ NT_VERB_DOCTOR, "nodes", NULL, OPT_NODES,
	  "also run the doctor of each node's agent, by kubectl exec" },
	{ NT_VERB_EVENTS, "state", "STATE", OPT_STATE, "open, resolved or all (default open)" },
	{ NT_VERB_EVENTS, "rule", "NAME", OPT_RULE, "of that rule alone" },
	{ NT_VERB_SUPPRESS, "for", "TIME", OPT_FOR, "how long it holds: 90m, 8h, 7d" },
	{ NT_VERB_SUPPRESS, "until", "WHEN", OPT_UNTIL, "or its end, as 2026-11-23T06:12:04Z" },
	{ NT_VERB_SUPPRESS, "reason", "TEXT", OPT_REASON, "why, on one line" },
	{ NT_VERB_ACK, "comment", "TEXT", OPT_COMMENT, "what there is to say, on one line" },
	{ NT_VERB_ACK | NT_VERB_SUPPRESS, "by", "NAME", OPT_WHO, "who says so (default: $USER)" },
	{ NT_VERB_ALL, "output", "FORM", OPT_OUTPUT, "" },
	{ NT_VERB_ALL & ~(NT_VERB_DOCTOR | NT_VERB_POLICY_SUGGEST), "no-headers", NULL,
	  OPT_NO_HEADERS, "no titles above the columns" },
	{ NT_VERB_ALL, "server", "URL", OPT_SERVER,
	  "the controller: https, or http on loopback (default: $NAMETAP_SERVER)" },
	{ NT_VERB_ALL, "ca-file", "FILE", OPT_CA_FILE, "its certificate authority" },
	{ NT_VERB_ALL, "token-file", "FILE", OPT_TOKEN_FILE, "bearer token for the controller" },
	{ NT_VERB_ALL, "kubeconfig", "FILE", OPT_KUBECONFIG,
	  "else through the API server (default: $KUBECONFIG, ~/.kube/config, this pod)" },
	{ NT_VERB_ALL, "nametap-namespace", "NAME", OPT_SYSTEM_NAMESPACE,
	  "where the controller runs (default nametap)" },
	{ NT_VERB_ALL, "help", NULL, OPT_HELP, "this text" },
};

static const char *const outputs[] = { "table", "yaml", "wide", "json", "name" };

static void put_outputs(const struct nt_verb *verb, const char *between, struct nt_buf *out)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(outputs); i++)
		if (verb->outputs & 1u << i)
			nt_buf_printf(out, "%s%s", out->len ? between : "", outputs[i]);
}

void nt_ctl_options_help(const struct nt_verb *verb, FILE *to)
{
	_cleanup_buf_ struct nt_buf forms = { 0 };

	put_outputs(verb, ", ", &forms);
	fprintf(to, "usage: nametapctl %s %s [options]\n%s\n\n", verb->name, verb->arguments,
		verb->about);
	for (size_t i = 0; i < NT_ARRAY_LEN(table); i++) {
		char left[64];

		if (!(table[i].verbs & (unsigned)verb->bit))
			continue;
		snprintf(left, sizeof(left), "%s%c%s --%s%s%s", table[i].code < 256 ? "-" : " ",
			 table[i].code < 256 ? table[i].code : ' ', table[i].code < 256 ? "," : " ",
			 table[i].name, table[i].value ? " " : "",
			 table[i].value ? table[i].value : "");
		fprintf(to, "  %-28s %s\n", left,
			table[i].what[0] ? table[i].what : nt_buf_str(&forms));
	}
	fprintf(to, "\n%s", verb->more);
}

int nt_ctl_usage(const struct nt_verb *verb, const char *fmt, ...)
{
	_cleanup_buf_ struct nt_buf shown = { 0 };
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	nt_text_put(&shown, nt_slice_str(text));
	fprintf(stderr, "nametapctl %s: %s (see --help)\n", verb->name, nt_buf_str(&shown));
	return NT_EXIT_USAGE;
}

static bool take_output(const struct nt_verb *verb, const char *value, enum nt_output *ret_output)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(outputs); i++) {
		if (strcmp(value, outputs[i]) != 0 || !(verb->outputs & 1u << i))
			continue;
		*ret_output = (enum nt_output)i;
		return true;
	}
	return false;
}

static bool is_duration(const char *value)
{
	int64_t ns;

	return nt_parse_duration_ns(nt_slice_str(value), &ns) == 0 && ns > 0;
}

static bool is_time(const char *value)
{
	int64_t us;

	return nt_parse_time_us(nt_slice_str(value), &us) == 0;
}

/* As kubectl has it: -1 says all. */
static bool take_tail(const char *value, uint64_t *ret_count)
{
	if (strcmp(value, "-1") != 0)
		return nt_parse_u64(nt_slice_str(value), 10000, ret_count) == 0;
	*ret_count = NT_COUNT_ALL;
	return true;
}

static bool take_limit(const char *value, uint64_t *ret_count)
{
	return nt_parse_u64(nt_slice_str(value), 1000, ret_count) == 0 && *ret_count > 0;
}

/* A namespace's name goes into a filter between quotes. */
static bool take_namespace(const char *value, struct nt_ctl_options *o)
{
	if (!value[0] || strlen(value) > 253 || strpbrk(value, "\"\\") ||
	    o->namespaces_len == NT_NAMESPACES_MAX)
		return false;
	o->namespaces[o->namespaces_len++] = value;
	return true;
}

/* What is wanted in place of the value, NULL when it is taken. */
static const char *take(const struct nt_verb *verb, int code, const char *value,
			struct nt_ctl_options *o)
{
	switch (code) {
	case OPT_SERVER:
		o->server = value;
		return value[0] ? NULL : "a URL";
	case OPT_CA_FILE:
		o->ca_file = value;
		return value[0] ? NULL : "a file";
	case OPT_TOKEN_FILE:
		o->token_file = value;
		return value[0] ? NULL : "a file";
	case OPT_KUBECONFIG:
		o->kubeconfig = value;
		return value[0] ? NULL : "a file";
	case OPT_SYSTEM_NAMESPACE:
		o->system_namespace = value;
		return value[0] && strspn(value, "abcdefghijklmnopqrstuvwxyz0123456789-") ==
					       strlen(value)
			       ? NULL
			       : "a namespace";
	case OPT_SINCE:
		o->since = value;
		return is_duration(value) ? NULL : "a time as 90s, 10m, 6h, 2d";
	case OPT_SINCE_TIME:
		o->from = value;
		return is_time(value) ? NULL : "a time as 2026-11-23T06:12:04Z";
	case OPT_UNTIL_TIME:
		o->to = value;
		return is_time(value) ? NULL : "a time as 2026-11-23T06:12:04Z";
	case OPT_FOR:
		o->lasting = value;
		return is_duration(value) ? NULL : "a time as 90m, 8h, 7d";
	case OPT_UNTIL:
		o->end = value;
		return is_time(value) ? NULL : "a time as 2026-11-23T06:12:04Z";
	case OPT_COMMENT:
		o->comment = value;
		return NULL;
	case OPT_TAIL:
		return take_tail(value, &o->tail) ? NULL : "a number up to 10000, or -1";
	case OPT_LIMIT:
		return take_limit(value, &o->limit) ? NULL : "a number up to 1000";
	case OPT_NAMESPACE:
		return take_namespace(value, o) ? NULL : "a namespace";
	case OPT_OUTPUT:
		return take_output(verb, value, &o->output) ? NULL : "another form (see below)";
	default: {
		const char **const texts[] = {
			[OPT_SIDE - OPT_SIDE] = &o->side,
			[OPT_ROLE - OPT_SIDE] = &o->role,
			[OPT_NODE - OPT_SIDE] = &o->node,
			[OPT_BY - OPT_SIDE] = &o->by,
			[OPT_SORT - OPT_SIDE] = &o->sort,
			[OPT_STATE - OPT_SIDE] = &o->state,
			[OPT_RULE - OPT_SIDE] = &o->rule,
			[OPT_WHO - OPT_SIDE] = &o->who,
			[OPT_REASON - OPT_SIDE] = &o->reason,
			[OPT_WORKLOAD - OPT_SIDE] = &o->workload,
		};

		*texts[code - OPT_SIDE] = value;
		return value[0] ? NULL : "a value";
	}
	}
}

static void take_flag(int code, struct nt_ctl_options *o)
{
	o->follow |= code == OPT_FOLLOW;
	o->unlogged |= code == OPT_UNLOGGED;
	o->nodes |= code == OPT_NODES;
	o->no_headers |= code == OPT_NO_HEADERS;
	if (code == OPT_ALL)
		o->namespaces_len = 0;
}

/* getopt's tables of what the verb takes. */
static void make_getopt(const struct nt_verb *verb, struct option *longs, char *shorts)
{
	*shorts++ = ':';
	for (size_t i = 0; i < NT_ARRAY_LEN(table); i++) {
		if (!(table[i].verbs & (unsigned)verb->bit))
			continue;
		*longs++ = (struct option){ table[i].name,
					    table[i].value ? required_argument : no_argument, NULL,
					    table[i].code };
		if (table[i].code < 256) {
			*shorts++ = (char)table[i].code;
			if (table[i].value)
				*shorts++ = ':';
		}
	}
	*longs = (struct option){ 0 };
	*shorts = '\0';
}

static const char *name_of(int code)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(table); i++)
		if (table[i].code == code)
			return table[i].name;
	return "";
}

static bool takes_value(int code)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(table); i++)
		if (table[i].code == code)
			return table[i].value != NULL;
	return false;
}

/* https://no-color.org: set and not empty. */
static bool wants_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no && no[0]) && !(term && strcmp(term, "dumb") == 0);
}

static int check(const struct nt_verb *verb, const struct nt_ctl_options *o)
{
	if (o->server && o->kubeconfig)
		return nt_ctl_usage(verb, "--server and --kubeconfig say two ways to go");
	if (o->since && o->from)
		return nt_ctl_usage(verb, "--since and --since-time say two times");
	if (o->lasting && o->end)
		return nt_ctl_usage(verb, "--for and --until say two ends");
	if (o->follow && o->to)
		return nt_ctl_usage(verb, "--follow has no end: leave --until-time out");
	return -1;
}

int nt_ctl_options_parse(const struct nt_verb *verb, int argc, char **argv,
			 struct nt_ctl_options *ret_options)
{
	struct nt_ctl_options o = { .system_namespace = "nametap",
				    .output = (enum nt_output)__builtin_ctz(verb->outputs),
				    .tail = NT_COUNT_DEFAULT,
				    .limit = NT_COUNT_DEFAULT,
				    .colour = wants_colour() };
	struct option longs[NT_ARRAY_LEN(table) + 1];
	char shorts[2 * NT_ARRAY_LEN(table) + 2];
	const char *wanted;
	int code, result;

	make_getopt(verb, longs, shorts);
	opterr = 0;
	optind = 1;
	while ((code = getopt_long(argc, argv, shorts, longs, NULL)) != -1) {
		if (code == OPT_HELP) {
			nt_ctl_options_help(verb, stdout);
			return NT_EXIT_OK;
		}
		if (code == '?' || code == ':')
			return nt_ctl_usage(verb, "%s: %s", argv[optind - 1],
					    code == ':' ? "a value is missing" : "no such option");
		if (!takes_value(code)) {
			take_flag(code, &o);
			continue;
		}
		wanted = take(verb, code, optarg, &o);
		if (wanted)
			return nt_ctl_usage(verb, "--%s: \"%.100s\": %s is wanted", name_of(code),
					    optarg, wanted);
	}
	o.arguments = argv + optind;
	o.arguments_len = (size_t)(argc - optind);
	if (!o.server && !o.kubeconfig && getenv("NAMETAP_SERVER") && getenv("NAMETAP_SERVER")[0])
		o.server = getenv("NAMETAP_SERVER");
	result = check(verb, &o);
	if (result < 0)
		*ret_options = o;
	return result;
}
