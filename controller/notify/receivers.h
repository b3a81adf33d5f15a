/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whom events are told: the file of --receivers, checked (README.md, "The file"). Read once, at
 * start; immutable then, any thread. Secrets are not in it: it names files, which are read anew for
 * each request.
 */
#pragma once

#include <jansson.h>

#include "controller/store/store.h"

enum nt_receiver_type {
	NT_RECEIVER_ALERTMANAGER = 0,
	NT_RECEIVER_WEBHOOK = 1,
	NT_RECEIVER_SLACK = 2,
	NT_RECEIVER_JIRA = 3,
	NT_RECEIVER_KUBERNETES_EVENTS = 4,
	NT_RECEIVER_TYPES = 5,
};

/* Strings are those of the file, NULL where it says nothing. */
struct nt_receiver {
	const char *name; /* as a Kubernetes label's name: [a-z0-9]([-a-z0-9]*[a-z0-9])?, unique */
	enum nt_receiver_type type;
	const char *url, *url_file; /* exactly one, of kubernetesEvents none; url is checked */
	const char *secret_file; /* key of the signature; webhook only */
	const char *token_file, *basic_auth_file; /* at most one */
	const char *ca_file; /* instead of the system's authorities */
	const char *project, *issue_type; /* jira */
	bool allow_local; /* loopback, link-local and the like may be where it is */
	int64_t resend_ns; /* alertmanager, kubernetesEvents: open events are told again so often */
	int64_t give_up_ns; /* a notice that fails is tried for so long */
};

struct nt_receivers {
	json_t *root; /* owns the strings */
	const char *external_url; /* of the page, with its final slash; NULL: not known */
	struct nt_receiver at[NT_STORE_RECEIVERS_MAX];
	size_t len;
};

/* Errors name the file and the field, and say what to do. *ret_receivers is written on success. */
int nt_receivers_read(const char *file, struct nt_receivers *ret_receivers,
		      struct nt_err *err) NT_MUSTCHECK;
void nt_receivers_done(struct nt_receivers *r);
/* "alertmanager" and so on, as the file has it. */
const char *nt_receiver_type_name(enum nt_receiver_type type);
