/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the Kubernetes API is and how we say who we are: what a pod has by its service account, or
 * a kubeconfig. Owns its strings. Understood of a kubeconfig: the current context's cluster with
 * `server`, `certificate-authority(-data)`, `insecure-skip-tls-verify`; its user with `token`,
 * `tokenFile`, `client-certificate(-data)`, `client-key(-data)`. What would change who we are or
 * whom we trust and is not understood (exec, auth-provider, user names, proxy-url, tls-server-name,
 * impersonation) is an error, not left out.
 */
#pragma once

#include "lib/base/arena.h"
#include "lib/base/err.h"

/* Where a pod finds its service account. */
#define NT_KUBE_ACCOUNT_DIR "/var/run/secrets/kubernetes.io/serviceaccount"
/* With certificates of a long chain in it it is some 10 KiB. */
#define NT_KUBE_CONFIG_BYTES ((size_t)1 << 20)

/* Of two ways to have a thing one is set, or none. Slices are PEM text. */
struct nt_kube_config {
	struct nt_arena arena;
	const char *origin; /* for messages */
	const char *server; /* http(s)://host[:port][/path], without a final slash */
	const char *ca_file; /* none: the system's authorities */
	struct nt_slice ca;
	const char *token_file; /* read anew for each request */
	const char *token;
	const char *cert_file, *key_file;
	struct nt_slice cert, key;
	bool insecure; /* the server may be anybody */
	const char *namespace_; /* of the pod; NULL: not known */
	/* Connections for the first HOST:PORT go to the second one, "A:80:B:81", as through a
	 * forwarded port; the server is asked, and its certificate checked, as the first. */
	const char *connect_to;
};

/* From the environment (KUBERNETES_SERVICE_HOST, KUBERNETES_SERVICE_PORT) and account_dir (NULL:
 * NT_KUBE_ACCOUNT_DIR). -ENOENT: this is no pod, or one without a service account. */
int nt_kube_config_in_cluster(const char *account_dir, struct nt_kube_config *ret_config,
			      struct nt_err *err) NT_MUSTCHECK;
/* A kubeconfig's text; names of files in it are relative to folder. Does no I/O. */
int nt_kube_config_parse(struct nt_slice text, const char *folder,
			 struct nt_kube_config *ret_config, struct nt_err *err) NT_MUSTCHECK;
int nt_kube_config_read(const char *path, struct nt_kube_config *ret_config,
			struct nt_err *err) NT_MUSTCHECK;
/* What an option --kubeconfig says: a file's name, "none", or NULL for the pod's service account.
 * 1: there is an API; 0: none is wanted, or this is no pod, which err says (msg "" for the former).
 */
int nt_kube_config_find(const char *option, struct nt_kube_config *ret_config,
			struct nt_err *err) NT_MUSTCHECK;
/* Forgets keys and tokens, too. */
void nt_kube_config_done(struct nt_kube_config *c);
#define _cleanup_kube_config_ __attribute__((cleanup(nt_kube_config_done)))
