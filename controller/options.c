/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of nametap-controller. */
#include "controller/options.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/base/parse.h"

static const char usage[] =
	"usage: nametap-controller --data DIR [options]\n"
	"  --data DIR            store and token; made when it is not there\n"
	"  --listen ADDR:PORT    loopback only, port 0 takes a free one (127.0.0.1:8053)\n"
	"  --objects DIR         Kubernetes objects as YAML, watched for changes\n"
	"  --token-file FILE     the agents' token, made when it is not there (DIR/token)\n"
	"  --retention DURATION  rows are kept this long, as 36h or 8d (8d)\n"
	"  --node-rows N         rows a second that a node may send, in the long run; 0: any "
	"(10000)\n"
	"  --alert-delay TIME    rows may be under way so long before alerts look at them (15s)\n"
	"  --log-level LEVEL     error, warn, info, debug (info)\n"
	"  --help, --version\n";

enum option_value {
	OPT_DATA = 0,
	OPT_LISTEN = 1,
	OPT_OBJECTS = 2,
	OPT_TOKEN_FILE = 3,
	OPT_RETENTION = 4,
	OPT_LOG_LEVEL = 5,
	OPT_ALERT_DELAY = 6,
	OPT_HELP = 7,
	OPT_VERSION = 8,
	OPT_NODE_ROWS = 9,
};

static const struct option names[] = {
	{ "data", 1, NULL, OPT_DATA },
	{ "listen", 1, NULL, OPT_LISTEN },
	{ "objects", 1, NULL, OPT_OBJECTS },
	{ "token-file", 1, NULL, OPT_TOKEN_FILE },
	{ "retention", 1, NULL, OPT_RETENTION },
	{ "alert-delay", 1, NULL, OPT_ALERT_DELAY },
	{ "log-level", 1, NULL, OPT_LOG_LEVEL },
	{ "help", 0, NULL, OPT_HELP },
	{ "version", 0, NULL, OPT_VERSION },
	{ "node-rows", 1, NULL, OPT_NODE_ROWS },
	{ 0 },
};

/* An option that takes a value. */
static bool set(struct nt_options *o, int option, const char *value)
{
	const char **const texts[] = { &o->data, &o->listen, &o->objects, &o->token_file };

	if (option == OPT_RETENTION)
		return nt_parse_duration_ns(nt_slice_str(value), &o->retention_ns) == 0 &&
		       o->retention_ns > 0;
	if (option == OPT_ALERT_DELAY)
		return nt_parse_duration_ns(nt_slice_str(value), &o->alert_delay_ns) == 0 &&
		       o->alert_delay_ns > 0;
	if (option == OPT_NODE_ROWS)
		return nt_parse_u64(nt_slice_str(value), 100000000, &o->node_rows) == 0;
	if (option == OPT_LOG_LEVEL)
		return nt_log_level_parse(value, &o->log_level) == 0;
	*texts[option] = value;
	return value[0] != '\0';
}

int nt_options_parse(int argc, char **argv, struct nt_options *ret_options)
{
	struct nt_options o = { .listen = "127.0.0.1:8053",
				.retention_ns = 8 * 86400 * NT_NS_PER_S,
				.node_rows = 10000,
				.alert_delay_ns = 15 * NT_NS_PER_S,
				.log_level = NT_LOG_INFO };
	int option, at = 0;

	while ((option = getopt_long(argc, argv, "", names, &at)) != -1) {
		if (option == OPT_HELP || option == OPT_VERSION)
			return fputs(option == OPT_HELP ? usage : "nametap-controller 0.1\n",
				     stdout) < 0;
		if (option == '?')
			return 2;
		if (!set(&o, option, optarg)) {
			fprintf(stderr, "nametap-controller: --%s: cannot read \"%s\"\n",
				names[at].name, optarg);
			return 2;
		}
	}
	if (!o.data || optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	*ret_options = o;
	return -1;
}
