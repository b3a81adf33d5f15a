/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network configuration that a runtime writes to the plugin's stdin: our own keys, what the
 * runtime says about DNS, and prevResult as the very octets that came. Owns all memory; strings
 * live until nt_cni_config_done. Does no I/O.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "dataplane/abi.h"
#include "dataplane/taps/loadkeys.h"
#include "lib/base/err.h"
#include "lib/base/slice.h"

/* A configuration with all annotations of a pod in it is some 300 KiB at most (the API server's
 * limit for them is 256 KiB). */
#define NT_CNI_STDIN_MAX (4 * 1024 * 1024)
/* Real ones are nested 6 deep. */
#define NT_CNI_DEPTH_MAX 64

/* Error codes of the CNI specification (1.1.0, "Error"). */
enum nt_cni_code {
	NT_CNI_VERSION = 1, /* incompatible CNI version */
	NT_CNI_UNSUPPORTED_FIELD = 2,
	NT_CNI_UNKNOWN_CONTAINER = 3,
	NT_CNI_ENVIRONMENT = 4,
	NT_CNI_IO = 5,
	NT_CNI_DECODE = 6,
	NT_CNI_CONFIG = 7,
	NT_CNI_TRY_AGAIN = 11,
	NT_CNI_NOT_AVAILABLE = 50, /* STATUS: ADD would not work */
	NT_CNI_LIMITED = 51, /* STATUS: and pods that run may lack something */
};

enum nt_cni_on_error {
	NT_CNI_IGNORE = 0, /* the pod starts without a tap, and a file says why */
	NT_CNI_FAIL = 1,
};

struct nt_cni_config {
	json_t *root; /* owned */
	struct nt_slice prev_result; /* into the caller's input; p NULL: none */
	const char *cni_version;
	const char *name;
	const char *bpffs; /* NULL: default */
	const char *state_dir; /* NULL: default */
	struct nt_loadkeys load;
	enum nt_cni_on_error on_attach_error;
	enum nt_cni_on_error on_unknown_policy; /* policies that the agent cannot put in force */
	const char *own_namespace; /* never NULL: pods of nametap itself */
	const json_t *excluded; /* list of namespaces whose pods are not tapped; NULL: none */
	const json_t *valid[2]; /* GC: attachments that are still valid, in both spellings */
	bool via_dropin; /* the entry of libcni's drop-in folder (dataplane/taps/seen.h) */
	bool is_required; /* STATUS says so when pods cannot be tapped */
};

#define NT_CNI_OWN_NAMESPACE_DEFAULT "nametap"

/* input: borrowed, must outlive ret_config. Returns 0 or minus a code of enum nt_cni_code, with the
 * reason in err. After NT_CNI_VERSION and _CONFIG ret_config->cni_version is set when it was there;
 * after _CONFIG all fields are either as configured or at their default, so that a DEL need not
 * stop at a key that somebody wrote wrongly after the pod was made. Call nt_cni_config_done in any
 * case. */
int nt_cni_config_parse(struct nt_slice input, struct nt_cni_config *ret_config,
			struct nt_err *err) NT_MUSTCHECK;
void nt_cni_config_done(struct nt_cni_config *c);
#define _cleanup_config_ __attribute__((cleanup(nt_cni_config_done)))

/* Addresses of the interface in the pod from prevResult, resolvers and search list from
 * runtimeConfig.dns into the record. What cannot be read or does not fit is left out. */
void nt_cni_config_describe(const struct nt_cni_config *c, const char *ifname, struct nt_pod *pod);

/* The versions that we speak, oldest first, NULL at the end. */
extern const char *const nt_cni_versions[];
/* Position in nt_cni_versions; -1 when unknown. */
int nt_cni_version_find(const char *version);
