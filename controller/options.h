/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of nametap-controller. The strings are argv's. */
#pragma once

#include <stdint.h>

#include "lib/base/log.h"

struct nt_options {
	const char *data; /* folder of store and token */
	const char *listen;
	const char *objects; /* NULL: none */
	const char *token_file; /* NULL: in data */
	const char *receivers; /* file; NULL: nobody is told of events */
	const char *tls_listen; /* NULL: no HTTPS */
	const char *tls_cert, *tls_key; /* both or none */
	const char *tls_secret, *tls_configmap; /* namespace/name; NULL: in our namespace */
	const char *tls_names; /* NULL: those of the Service */
	const char *kubeconfig; /* NULL: the pod's service account, if it has one; "none" */
	const char *leader_elect; /* namespace/name of a Lease; NULL: in our namespace; "none" */
	const char *agent_account; /* namespace/name; NULL: in our namespace */
	const char *agent_audience;
	int64_t retention_ns;
	int64_t alert_delay_ns;
	const char *feed_files; /* folder; NULL: feeds may name no files */
	uint64_t feed_mib; /* of all sets of feeds */
	uint64_t node_rows; /* a second, of a node; 0: without limit */
	enum nt_log_level log_level;
};

/* Prints help, version or what is wrong. Returns -1 to go on, else the exit code. */
int nt_options_parse(int argc, char **argv, struct nt_options *ret_options);
