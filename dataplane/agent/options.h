/* SPDX-License-Identifier: Apache-2.0 */
/* The agent's command line. Strings are borrowed from argv. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/abi.h"
#include "dataplane/installer/installer.h"
#include "dataplane/taps/loadkeys.h"
#include "lib/base/err.h"
#include "lib/base/log.h"

struct nt_options {
	const char *pin_root, *state_dir, *spool, *controller, *token_file, *node, *cluster_domain;
	const char *cluster_domain_source; /* where it is from, for people */
	const char *ca_file, *ca_configmap; /* one of them or none; NULL */
	const char *listen; /* NULL: no /metrics */
	const char *objects; /* folder of manifests; NULL: those of the API, if there is one */
	const char *node_resolv_conf;
	const char *cni_cache; /* the runtime's; NULL: not looked at for adoption */
	const char *users_cache; /* the same, for an uninstall; never NULL */
	const char *exclude_namespaces; /* "a,b"; NULL: none */
	const char *cgroup_root; /* NULL: this machine's */
	const char *install_record, *host_root; /* for install and uninstall */
	const char *kubeconfig; /* NULL: the pod's service account, if it has one; "none" */
	const char *daemonset; /* namespace/name; NULL: SIGTERM takes nothing off */
	bool purge; /* with the rest SIGTERM takes the spool, too */
	bool host_network;
	enum nt_host_mode host_mode; /* 0: the best that the kernel has */
	int64_t flush_ns, timeout_ns, ship_timeout_ns;
	uint64_t spool_max_bytes;
	uint32_t pod_rows;
	bool no_tcx; /* --hook clsact */
	bool installs; /* --install: the plugin is put into the CNI chain and kept there */
	struct nt_installer_config install;
	struct nt_loadkeys load; /* of --plugin-config; with --install what it does not say is 53 */
	enum nt_log_level log_level;
};

enum nt_options_action {
	NT_OPTIONS_RUN = 0,
	NT_OPTIONS_HELP = 1,
	NT_OPTIONS_VERSION = 2,
};

/* Returns an action, or -EINVAL with the mistake in err. */
int nt_options_parse(int argc, char **argv, struct nt_options *ret_options,
		     struct nt_err *err) NT_MUSTCHECK;
/* The same without --controller being needed: for who looks at an agent and is none. */
int nt_options_parse_some(int argc, char **argv, struct nt_options *ret_options,
			  struct nt_err *err) NT_MUSTCHECK;
extern const char nt_options_usage[];
