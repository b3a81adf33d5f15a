/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's command line. */
#include "dataplane/agent/options.h"

#include <getopt.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/agent/agent.h"
#include "dataplane/agent/cnicache.h"
#include "dataplane/agent/export.h"
#include "dataplane/agent/resolvconf.h"
#include "dataplane/agent/status.h"
#include "dataplane/installer/entry.h"
#include "dataplane/installer/record.h"
#include "dataplane/taps/taps.h"
#include "lib/base/cleanup.h"
#include "lib/base/parse.h"
#include "lib/kube/name.h"

const char nt_options_usage[] =
	"usage: nametap-agent --controller URL [options]\n"
	"       nametap-agent install | uninstall | doctor [options]\n"
	"Reads the DNS packets of this node's tapped pods and ships them as log records.\n\n"
	"  --controller URL      where batches go, for example http://127.0.0.1:8080\n"
	"  --node NAME           name of this node in the log (default: the host name)\n"
	"  --spool DIR           batches on disk (default /var/lib/nametap/spool)\n"
	"  --spool-max SIZE      bound of the spool, for example 64M (default 256M)\n"
	"  --token-file FILE     bearer token, read before each upload\n"
	"  --ca-file FILE        authorities that the controller's certificate may be of, in PEM,\n"
	"                        read anew for each connection (default: the system's)\n"
	"  --ca-configmap NAMESPACE/NAME  the same, from the key ca.crt there by the Kubernetes\n"
	"                        API; asked for again when the certificate does not fit\n"
	"  --pin-root DIR        pinned BPF objects (default " NT_PIN_ROOT_DEFAULT ")\n"
	"  --state-dir DIR       shared with the plugin (default " NT_STATE_DIR_DEFAULT ")\n"
	"  --hook HOOK           auto, or clsact: as on a kernel without tcx (default auto)\n"
	"  --flush TIME          rows are merged over this time (default 5s; 0: not merged)\n"
	"  --rows N              rows of a pod per flush, then names are folded (default 2000)\n"
	"  --timeout TIME        a query without a reply is given up after it (default 6s)\n"
	"  --ship-timeout TIME   one upload (default 30s)\n"
	"  --cluster-domain NAME (default: that of our own /etc/resolv.conf when kubelet made it,\n"
	"                        else cluster.local)\n"
	"  --objects DIR         manifests (Pod, DNSPolicy): policies are put in force (default:\n"
	"                        pods of this node and policies from the Kubernetes API)\n"
	"  --node-resolv-conf FILE  its search domains are trusted (default /etc/resolv.conf)\n"
	"  --cni-cache DIR       pods that run already are found there (default\n"
	"                        " NT_CNICACHE_DIR_DEFAULT " below --host-root; none: not\n"
	"                        looked at)\n"
	"  --exclude-namespaces A,B  pods of these are left alone, as the plugin does with the\n"
	"                        same in its key excludeNamespaces (default: none)\n"
	"  --host-network MODE   auto, off, or how sockets of the host are told: cookie, beacon\n"
	"                        (default auto)\n"
	"  --cgroup-root DIR     cgroup2 folder of all sockets (default: this machine's)\n"
	"  --kubeconfig FILE     the Kubernetes API (default: by the pod's service account, if it\n"
	"                        has one; none: not used)\n"
	"  --daemonset NAMESPACE/NAME  our own: SIGTERM uninstalls when the API says that it is\n"
	"                        gone (default: never)\n"
	"  --purge               that uninstall takes the spool, too: what was not shipped is\n"
	"                        lost (default: it stays)\n"
	"  --install-record FILE what was installed (default " NT_INSTALL_RECORD_DEFAULT ")\n"
	"  --host-root DIR       the host's root, as this container sees it (default /)\n"
	"  --install             put the plugin into the CNI chain and keep it there (default: "
	"no)\n"
	"  --cni-conf-dir DIR    the runtime's configurations, on the host (default: found)\n"
	"  --cni-bin-dir DIR     the runtime's plugins, on the host (default: found)\n"
	"  --cni-drop-in auto|off  libcni's drop-in folder, where the runtime honours it (default "
	"auto)\n"
	"  --plugin FILE         the plugin's program (default: nametap beside this one)\n"
	"  --plugin-config JSON  more keys of the plugin's entry (default: none); the agent takes\n"
	"                        ports, serverPorts and ringBytes of it, without --install, too\n"
	"  --listen 127.0.0.1:PORT  /metrics and /healthz (default: none)\n"
	"  --log-level LEVEL     error, warn, info or debug (default info)\n"
	"  --help, --version\n";

enum option_code {
	OPT_PIN_ROOT = 1,
	OPT_STATE_DIR,
	OPT_SPOOL,
	OPT_SPOOL_MAX,
	OPT_CONTROLLER,
	OPT_TOKEN_FILE,
	OPT_CA_FILE,
	OPT_CA_CONFIGMAP,
	OPT_NODE,
	OPT_HOOK,
	OPT_FLUSH,
	OPT_ROWS,
	OPT_TIMEOUT,
	OPT_SHIP_TIMEOUT,
	OPT_CLUSTER_DOMAIN,
	OPT_OBJECTS,
	OPT_NODE_RESOLV_CONF,
	OPT_CNI_CACHE,
	OPT_EXCLUDE,
	OPT_HOST_NETWORK,
	OPT_CGROUP_ROOT,
	OPT_KUBECONFIG,
	OPT_DAEMONSET,
	OPT_PURGE,
	OPT_INSTALL_RECORD,
	OPT_HOST_ROOT,
	OPT_INSTALL,
	OPT_CNI_CONF_DIR,
	OPT_CNI_BIN_DIR,
	OPT_CNI_DROP_IN,
	OPT_PLUGIN,
	OPT_PLUGIN_CONFIG,
	OPT_LISTEN,
	OPT_LOG_LEVEL,
	OPT_HELP,
	OPT_VERSION,
};

static const struct option longopts[] = {
	{ "pin-root", required_argument, NULL, OPT_PIN_ROOT },
	{ "state-dir", required_argument, NULL, OPT_STATE_DIR },
	{ "spool", required_argument, NULL, OPT_SPOOL },
	{ "spool-max", required_argument, NULL, OPT_SPOOL_MAX },
	{ "controller", required_argument, NULL, OPT_CONTROLLER },
	{ "token-file", required_argument, NULL, OPT_TOKEN_FILE },
	{ "ca-file", required_argument, NULL, OPT_CA_FILE },
	{ "ca-configmap", required_argument, NULL, OPT_CA_CONFIGMAP },
	{ "node", required_argument, NULL, OPT_NODE },
	{ "hook", required_argument, NULL, OPT_HOOK },
	{ "flush", required_argument, NULL, OPT_FLUSH },
	{ "rows", required_argument, NULL, OPT_ROWS },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "ship-timeout", required_argument, NULL, OPT_SHIP_TIMEOUT },
	{ "cluster-domain", required_argument, NULL, OPT_CLUSTER_DOMAIN },
	{ "objects", required_argument, NULL, OPT_OBJECTS },
	{ "node-resolv-conf", required_argument, NULL, OPT_NODE_RESOLV_CONF },
	{ "cni-cache", required_argument, NULL, OPT_CNI_CACHE },
	{ "exclude-namespaces", required_argument, NULL, OPT_EXCLUDE },
	{ "host-network", required_argument, NULL, OPT_HOST_NETWORK },
	{ "cgroup-root", required_argument, NULL, OPT_CGROUP_ROOT },
	{ "kubeconfig", required_argument, NULL, OPT_KUBECONFIG },
	{ "daemonset", required_argument, NULL, OPT_DAEMONSET },
	{ "purge", no_argument, NULL, OPT_PURGE },
	{ "install-record", required_argument, NULL, OPT_INSTALL_RECORD },
	{ "host-root", required_argument, NULL, OPT_HOST_ROOT },
	{ "install", no_argument, NULL, OPT_INSTALL },
	{ "cni-conf-dir", required_argument, NULL, OPT_CNI_CONF_DIR },
	{ "cni-bin-dir", required_argument, NULL, OPT_CNI_BIN_DIR },
	{ "cni-drop-in", required_argument, NULL, OPT_CNI_DROP_IN },
	{ "plugin", required_argument, NULL, OPT_PLUGIN },
	{ "plugin-config", required_argument, NULL, OPT_PLUGIN_CONFIG },
	{ "listen", required_argument, NULL, OPT_LISTEN },
	{ "log-level", required_argument, NULL, OPT_LOG_LEVEL },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ 0 },
};

static int take_time(const char *name, const char *text, int64_t least_ns, int64_t most_ns,
		     int64_t *ret_ns, struct nt_err *err)
{
	int64_t ns;

	if (nt_parse_duration_ns(nt_slice_str(text), &ns) < 0 || ns < least_ns || ns > most_ns)
		return nt_err_set(err, EINVAL, "--%s: \"%s\" is no time from %lldms to %llds", name,
				  text, (long long)(least_ns / NT_NS_PER_MS),
				  (long long)(most_ns / NT_NS_PER_S));
	*ret_ns = ns;
	return 0;
}

static int take_size(const char *text, uint64_t *ret_bytes, struct nt_err *err)
{
	static const char units[] = "KMG";
	struct nt_slice digits = nt_slice_str(text);
	const char *unit = digits.len ? strchr(units, digits.p[digits.len - 1]) : NULL;
	unsigned int shift = unit && *unit ? 10 * (unsigned int)(unit - units + 1) : 0;
	uint64_t n;

	if (shift)
		digits.len--;
	if (nt_parse_u64(digits, UINT64_MAX >> shift, &n) < 0 || n << shift < 1 << 20)
		return nt_err_set(err, EINVAL, "--spool-max: \"%s\" is no size of at least 1M",
				  text);
	*ret_bytes = n << shift;
	return 0;
}

static int take_rows(const char *text, uint32_t *ret_rows, struct nt_err *err)
{
	uint64_t n;

	if (nt_parse_u64(nt_slice_str(text), 1000000, &n) < 0 || n < 16)
		return nt_err_set(err, EINVAL, "--rows: \"%s\" is no number from 16 to 1000000",
				  text);
	*ret_rows = (uint32_t)n;
	return 0;
}

static int take_host_network(const char *value, struct nt_options *o, struct nt_err *err)
{
	static const struct {
		const char *name;
		bool on;
		enum nt_host_mode mode;
	} modes[] = { { "auto", true, 0 },
		      { "cookie", true, NT_HOST_COOKIE },
		      { "beacon", true, NT_HOST_BEACON },
		      { "off", false, 0 } };

	for (size_t i = 0; i < NT_ARRAY_LEN(modes); i++) {
		if (strcmp(value, modes[i].name) != 0)
			continue;
		o->host_network = modes[i].on;
		o->host_mode = modes[i].mode;
		return 0;
	}
	return nt_err_set(err, EINVAL,
			  "--host-network: \"%s\" is none of auto, cookie, beacon, off", value);
}

static int check_name(const char *option, const char *value, struct nt_err *err)
{
	struct nt_kube_name name;

	return nt_kube_name_parse(value, &name) == 0
		       ? 0
		       : nt_err_set(err, EINVAL, "--%s: \"%s\" is no NAMESPACE/NAME", option,
				    value);
}

static int take_install(int code, const char *value, struct nt_options *o, struct nt_err *err)
{
	struct nt_installer_config *c = &o->install;

	if (code != OPT_INSTALL && !value[0])
		return nt_err_set(err, EINVAL, "an option of --install has an empty value");
	switch (code) {
	case OPT_INSTALL:
		o->installs = true;
		return 0;
	case OPT_CNI_CONF_DIR:
		c->conf_dir = value;
		return 0;
	case OPT_CNI_BIN_DIR:
		c->bin_dir = value;
		return 0;
	case OPT_PLUGIN:
		c->plugin = value;
		return 0;
	case OPT_PLUGIN_CONFIG:
		c->plugin_config = value;
		return 0;
	default:
		c->drop_in = strcmp(value, "auto") == 0;
		return c->drop_in || strcmp(value, "off") == 0
			       ? 0
			       : nt_err_set(err, EINVAL,
					    "--cni-drop-in: \"%s\" is none of auto, off", value);
	}
}

static int take(int code, const char *value, struct nt_options *o, struct nt_err *err)
{
	switch (code) {
	case OPT_PIN_ROOT:
		o->pin_root = value;
		return 0;
	case OPT_STATE_DIR:
		o->state_dir = value;
		return 0;
	case OPT_SPOOL:
		o->spool = value;
		return 0;
	case OPT_SPOOL_MAX:
		return take_size(value, &o->spool_max_bytes, err);
	case OPT_CONTROLLER:
		o->controller = value;
		return nt_export_check_url(value, err) ? 0 : nt_err_wrap(err, "--controller");
	case OPT_TOKEN_FILE:
		o->token_file = value;
		return 0;
	case OPT_CA_FILE:
		o->ca_file = value;
		return value[0] ? 0 : nt_err_set(err, EINVAL, "--ca-file: the name is empty");
	case OPT_CA_CONFIGMAP:
		o->ca_configmap = value;
		return check_name("ca-configmap", value, err);
	case OPT_NODE:
		o->node = value;
		return value[0] ? 0 : nt_err_set(err, EINVAL, "--node: the name is empty");
	case OPT_HOOK:
		o->no_tcx = strcmp(value, "clsact") == 0;
		return o->no_tcx || strcmp(value, "auto") == 0
			       ? 0
			       : nt_err_set(err, EINVAL, "--hook: \"%s\" is none of auto, clsact",
					    value);
	case OPT_FLUSH:
		return take_time("flush", value, 0, 600 * NT_NS_PER_S, &o->flush_ns, err);
	case OPT_ROWS:
		return take_rows(value, &o->pod_rows, err);
	case OPT_TIMEOUT:
		return take_time("timeout", value, NT_NS_PER_MS, 600 * NT_NS_PER_S, &o->timeout_ns,
				 err);
	case OPT_SHIP_TIMEOUT:
		return take_time("ship-timeout", value, NT_NS_PER_MS, 600 * NT_NS_PER_S,
				 &o->ship_timeout_ns, err);
	case OPT_CLUSTER_DOMAIN:
		o->cluster_domain = value;
		o->cluster_domain_source = "--cluster-domain";
		return 0;
	case OPT_OBJECTS:
		o->objects = value;
		return value[0] ? 0 : nt_err_set(err, EINVAL, "--objects: the name is empty");
	case OPT_NODE_RESOLV_CONF:
		o->node_resolv_conf = value;
		return 0;
	case OPT_CNI_CACHE:
		o->cni_cache = strcmp(value, "none") == 0 ? NULL : value;
		return value[0] ? 0 : nt_err_set(err, EINVAL, "--cni-cache: the name is empty");
	case OPT_EXCLUDE:
		o->exclude_namespaces = value;
		return 0;
	case OPT_HOST_NETWORK:
		return take_host_network(value, o, err);
	case OPT_CGROUP_ROOT:
		o->cgroup_root = value;
		return value[0] ? 0 : nt_err_set(err, EINVAL, "--cgroup-root: the name is empty");
	case OPT_KUBECONFIG:
		o->kubeconfig = value;
		return value[0] ? 0 : nt_err_set(err, EINVAL, "--kubeconfig: the name is empty");
	case OPT_DAEMONSET:
		o->daemonset = value;
		return check_name("daemonset", value, err);
	case OPT_PURGE:
		o->purge = true;
		return 0;
	case OPT_INSTALL_RECORD:
		o->install_record = value;
		return 0;
	case OPT_HOST_ROOT:
		o->host_root = value;
		return 0;
	case OPT_INSTALL:
	case OPT_CNI_CONF_DIR:
	case OPT_CNI_BIN_DIR:
	case OPT_CNI_DROP_IN:
	case OPT_PLUGIN:
	case OPT_PLUGIN_CONFIG:
		return take_install(code, value, o, err);
	case OPT_LISTEN:
		o->listen = value;
		return nt_status_check(value, err);
	case OPT_LOG_LEVEL:
		return nt_log_level_parse(value, &o->log_level) == 0
			       ? 0
			       : nt_err_set(
					 err, EINVAL,
					 "--log-level: \"%s\" is none of error, warn, info, debug",
					 value);
	default:
		return nt_err_set(err, EINVAL, "unknown option or missing value");
	}
}

static int check(const struct nt_options *o, struct nt_err *err)
{
	if (o->ca_file && o->ca_configmap)
		return nt_err_set(err, EINVAL, "--ca-file and --ca-configmap: one of them");
	if (!o->pin_root[0] || !o->state_dir[0] || !o->spool[0])
		return nt_err_set(err, EINVAL, "a folder's name is empty");
	return 0;
}

/* The agent's programs are there before the plugin's first call. An entry that we write says all: a
 * port that was taken out of it is DNS no more. */
static int read_loadkeys(struct nt_options *o, struct nt_err *err)
{
	const char *text = o->install.plugin_config;
	json_auto_t *keys = text ? nt_entry_keys(text, err) : NULL;
	int r = 0;

	if (text)
		r = keys ? nt_loadkeys_parse(keys, &o->load, err) : -err->code;
	if (r < 0)
		return keys ? nt_err_wrap(err, "--plugin-config") : r;
	if (o->installs) {
		__u32 said =
			o->load.ring_bytes; /* of the ring only what was said is held against it */

		o->load = nt_loadkeys_decide(&o->load, NULL);
		o->load.ring_bytes = said;
	}
	return 0;
}

/* kubelet writes it for a pod of dnsPolicy ClusterFirst or ClusterFirstWithHostNet. */
static void detect_cluster_domain(struct nt_options *o)
{
	static char domain[NT_NAME_TEXT_MAX];

	o->cluster_domain = "cluster.local";
	o->cluster_domain_source = "default";
	if (!nt_resolvconf_cluster_domain("/etc/resolv.conf", domain))
		return;
	o->cluster_domain = domain;
	o->cluster_domain_source = "/etc/resolv.conf";
}

int nt_options_parse_some(int argc, char **argv, struct nt_options *ret_options, struct nt_err *err)
{
	static char host[256], cache[PATH_MAX];
	struct nt_options o = {
		.pin_root = NT_PIN_ROOT_DEFAULT,
		.state_dir = NT_STATE_DIR_DEFAULT,
		.spool = "/var/lib/nametap/spool",
		.node_resolv_conf = "/etc/resolv.conf",
		.cni_cache = cache,
		.install_record = NT_INSTALL_RECORD_DEFAULT,
		.host_root = "",
		.host_network = true,
		.install.drop_in = true,
		.flush_ns = 5 * NT_NS_PER_S,
		.pod_rows = NT_AGENT_POD_ROWS,
		.timeout_ns = 6 * NT_NS_PER_S,
		.ship_timeout_ns = 30 * NT_NS_PER_S,
		.spool_max_bytes = (uint64_t)256 << 20,
		.log_level = NT_LOG_INFO,
	};
	int code, r;

	opterr = 0;
	while ((code = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (code == OPT_HELP)
			return NT_OPTIONS_HELP;
		if (code == OPT_VERSION)
			return NT_OPTIONS_VERSION;
		if (code == '?')
			return nt_err_set(err, EINVAL, "%s: unknown option or missing value",
					  argv[optind - 1]);
		r = take(code, optarg, &o, err);
		if (r < 0)
			return r;
	}
	if (optind < argc)
		return nt_err_set(err, EINVAL, "unexpected argument \"%s\"", argv[optind]);
	if (!o.cluster_domain)
		detect_cluster_domain(&o);
	if (!o.node) {
		if (gethostname(host, sizeof(host) - 1) == -1)
			return nt_err_sys(err, errno, "--node is missing, and gethostname");
		o.node = host;
	}
	if ((size_t)snprintf(cache, sizeof(cache), "%s" NT_CNICACHE_DIR_DEFAULT, o.host_root) >=
	    sizeof(cache))
		return nt_err_set(err, ENAMETOOLONG, "--host-root");
	o.users_cache = o.cni_cache ? o.cni_cache : cache;
	o.install.host_root = o.host_root;
	o.install.record = o.install_record;
	o.install.state_dir = o.state_dir;
	o.install.pin_root = o.pin_root;
	o.install.cni_cache = o.cni_cache;
	r = check(&o, err);
	if (r == 0)
		r = read_loadkeys(&o, err);
	if (r == 0)
		*ret_options = o;
	return r;
}

int nt_options_parse(int argc, char **argv, struct nt_options *ret_options, struct nt_err *err)
{
	struct nt_options o;
	int r = nt_options_parse_some(argc, argv, &o, err);

	if (r != NT_OPTIONS_RUN)
		return r;
	if (!o.controller)
		return nt_err_set(err, EINVAL, "--controller is missing");
	*ret_options = o;
	return NT_OPTIONS_RUN;
}
