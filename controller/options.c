/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of nametap-controller. */
#include "controller/options.h"

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "lib/base/clock.h"
#include "lib/base/parse.h"
#include "lib/kube/name.h"

static const char usage[] =
	"usage: nametap-controller --data DIR [options]\n"
	"  --data DIR            store and token; made when it is not there\n"
	"  --listen ADDR:PORT    page and API, loopback only, port 0 takes a free one\n"
	"                        (127.0.0.1:8053)\n"
	"  --tls-listen ADDR:PORT  HTTPS for agents, any address; also /healthz, /readyz, "
	"/metrics\n"
	"                        (none)\n"
	"  --tls-cert FILE, --tls-key FILE  its certificate (with its chain) and key, in PEM, "
	"read\n"
	"                        anew when they change\n"
	"  --tls-secret NAMESPACE/NAME  without --tls-cert: a certificate authority of our own is\n"
	"                        made, and kept there (nametap-controller-ca in our namespace)\n"
	"  --tls-configmap NAMESPACE/NAME  that authority's certificate for agents, key ca.crt\n"
	"                        (nametap-ca in our namespace)\n"
	"  --tls-names A,B       names and addresses in a certificate of that authority (those of\n"
	"                        the Service nametap-controller in our namespace)\n"
	"  --kubeconfig FILE     the Kubernetes API (the pod's service account, if it has one;\n"
	"                        none: not used)\n"
	"  --leader-elect NAMESPACE/NAME  with the API: of several controllers the one that holds "
	"this\n"
	"                        Lease evaluates alerts (nametap-controller in our namespace; "
	"none: "
	"this\n"
	"                        one does, whoever else does)\n"
	"  --agent-account NAMESPACE/NAME  with the API: agents show a token of this service\n"
	"                        account (nametap-agent in our namespace)\n"
	"  --agent-audience NAME with this audience (nametap-controller)\n"
	"  --objects DIR         Kubernetes objects as YAML, watched for changes, instead of the\n"
	"                        API's (none)\n"
	"  --token-file FILE     token of who tests a receiver and, without the API, of agents;\n"
	"                        made when it is not there (DIR/token)\n"
	"  --retention DURATION  rows are kept this long, as 36h or 8d (8d)\n"
	"  --node-rows N         rows a second that a node may send, in the long run; 0: any "
	"(10000)\n"
	"  --alert-delay TIME    rows may be under way so long before alerts look at them (15s)\n"
	"  --receivers FILE      who is told when events of alerts open and end, as YAML (nobody)\n"
	"  --feed-files DIR      what DomainFeeds may name: lists, tokens, authorities (nothing)\n"
	"  --feed-memory MIB     of all domain feeds together (24)\n"
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
	OPT_TLS_LISTEN = 10,
	OPT_TLS_CERT = 11,
	OPT_TLS_KEY = 12,
	OPT_TLS_SECRET = 13,
	OPT_TLS_CONFIGMAP = 14,
	OPT_TLS_NAMES = 15,
	OPT_KUBECONFIG = 16,
	OPT_AGENT_ACCOUNT = 17,
	OPT_AGENT_AUDIENCE = 18,
	OPT_RECEIVERS = 19,
	OPT_LEADER_ELECT = 20,
	OPT_FEED_FILES = 21,
	OPT_FEED_MEMORY = 22,
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
	{ "tls-listen", 1, NULL, OPT_TLS_LISTEN },
	{ "tls-cert", 1, NULL, OPT_TLS_CERT },
	{ "tls-key", 1, NULL, OPT_TLS_KEY },
	{ "tls-secret", 1, NULL, OPT_TLS_SECRET },
	{ "tls-configmap", 1, NULL, OPT_TLS_CONFIGMAP },
	{ "tls-names", 1, NULL, OPT_TLS_NAMES },
	{ "kubeconfig", 1, NULL, OPT_KUBECONFIG },
	{ "agent-account", 1, NULL, OPT_AGENT_ACCOUNT },
	{ "agent-audience", 1, NULL, OPT_AGENT_AUDIENCE },
	{ "receivers", 1, NULL, OPT_RECEIVERS },
	{ "leader-elect", 1, NULL, OPT_LEADER_ELECT },
	{ "feed-files", 1, NULL, OPT_FEED_FILES },
	{ "feed-memory", 1, NULL, OPT_FEED_MEMORY },
	{ 0 },
};

/* Its value is NAMESPACE/NAME. */
static bool is_object(int option, const char *value)
{
	if (option == OPT_LEADER_ELECT)
		return strcmp(value, "none") != 0;
	return option == OPT_TLS_SECRET || option == OPT_TLS_CONFIGMAP ||
	       option == OPT_AGENT_ACCOUNT;
}

/* An option that takes a value. */
static bool set(struct nt_options *o, int option, const char *value)
{
	const char **const texts[] = {
		[OPT_DATA] = &o->data,
		[OPT_LISTEN] = &o->listen,
		[OPT_OBJECTS] = &o->objects,
		[OPT_TOKEN_FILE] = &o->token_file,
		[OPT_TLS_LISTEN] = &o->tls_listen,
		[OPT_TLS_CERT] = &o->tls_cert,
		[OPT_TLS_KEY] = &o->tls_key,
		[OPT_TLS_SECRET] = &o->tls_secret,
		[OPT_TLS_CONFIGMAP] = &o->tls_configmap,
		[OPT_TLS_NAMES] = &o->tls_names,
		[OPT_KUBECONFIG] = &o->kubeconfig,
		[OPT_AGENT_ACCOUNT] = &o->agent_account,
		[OPT_AGENT_AUDIENCE] = &o->agent_audience,
		[OPT_RECEIVERS] = &o->receivers,
		[OPT_LEADER_ELECT] = &o->leader_elect,
		[OPT_FEED_FILES] = &o->feed_files,
	};
	struct nt_kube_name name;

	if (option == OPT_RETENTION)
		return nt_parse_duration_ns(nt_slice_str(value), &o->retention_ns) == 0 &&
		       o->retention_ns > 0;
	if (option == OPT_ALERT_DELAY)
		return nt_parse_duration_ns(nt_slice_str(value), &o->alert_delay_ns) == 0 &&
		       o->alert_delay_ns > 0;
	if (option == OPT_NODE_ROWS)
		return nt_parse_u64(nt_slice_str(value), 100000000, &o->node_rows) == 0;
	if (option == OPT_FEED_MEMORY)
		return nt_parse_u64(nt_slice_str(value), 4096, &o->feed_mib) == 0 && o->feed_mib;
	if (option == OPT_LOG_LEVEL)
		return nt_log_level_parse(value, &o->log_level) == 0;
	*texts[option] = value;
	return is_object(option, value) ? nt_kube_name_parse(value, &name) == 0 : value[0] != '\0';
}

/* What belongs together; NULL: all is well. */
static const char *mistake(const struct nt_options *o)
{
	if (!o->tls_cert != !o->tls_key)
		return "--tls-cert and --tls-key belong together";
	if (o->tls_cert && !o->tls_listen)
		return "--tls-cert needs --tls-listen";
	return NULL;
}

int nt_options_parse(int argc, char **argv, struct nt_options *ret_options)
{
	struct nt_options o = { .listen = "127.0.0.1:8053",
				.retention_ns = 8 * 86400 * NT_NS_PER_S,
				.node_rows = 10000,
				.feed_mib = 24,
				.agent_audience = "nametap-controller",
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
	if (mistake(&o)) {
		fprintf(stderr, "nametap-controller: %s\n", mistake(&o));
		return 2;
	}
	*ret_options = o;
	return -1;
}
