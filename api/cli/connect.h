/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The way to the controller, and one question at a time over it. Straight (--server); or, with what
 * a kubeconfig or a pod's service account says, through the API server's proxy of the controller's
 * Service, and where that does not lead to the API, through a port that kubectl forwards. Blocks;
 * one thread.
 */
#pragma once

#include <jansson.h>

#include "api/cli/forward.h"
#include "api/cli/options.h"
#include "lib/base/loop.h"
#include "lib/kube/client.h"

struct nt_connect {
	struct nt_loop *loop;
	struct nt_kube *kube; /* the way to the controller; NULL: not there yet */
	struct nt_kube
		*api; /* the API server; NULL: straight, or only kubectl understands the file */
	bool proxied; /* kube is api */
	bool forwarded; /* kube is kubectl's port */
	struct nt_forward forward;
	char prefix[256]; /* of the controller's paths: "" or the Service's proxy */
	char where[512]; /* for people: the URL, or the way through which API server */
	const char *system_namespace, *token_file; /* borrowed */
};

int nt_connect_open(const struct nt_ctl_options *o, struct nt_connect *ret_connect,
		    struct nt_err *err) NT_MUSTCHECK;
void nt_connect_close(struct nt_connect *c);
#define _cleanup_connect_ __attribute__((cleanup(nt_connect_close)))

/* A parameter of a question; value NULL: it is left out. The last one has no name. */
struct nt_ask_param {
	const char *name, *value;
};

/* Where a filter is wrong, as the API tells it; len 0 and message "": it is not. */
struct nt_ask_mistake {
	size_t at, len;
	char message[256], suggestion[128];
};

struct nt_ask_answer {
	int status; /* of HTTP; 0: nobody answered */
	bool by_kube; /* the answer is the API server's, not the controller's */
	json_t *json; /* of 200; owned by the caller, NULL else */
	struct nt_ask_mistake mistake;
};

/*
 * GET of path ("/api/v1/logs") with the parameters. 0 with ret_answer->json, or what is wrong, in
 * one sentence that says what to do, as err: -EINVAL (400, a mistake of ours or the user's),
 * -EACCES (401, 403), -ENOENT (404), -EAGAIN (nobody answers, or not now: the same may be asked
 * again), -EPROTO (no answer of a controller).
 */
int nt_ask(struct nt_connect *c, const char *path, const struct nt_ask_param *params,
	   struct nt_ask_answer *ret_answer, struct nt_err *err) NT_MUSTCHECK;
/* The same, where the answer may take a minute. */
int nt_ask_long(struct nt_connect *c, const char *path, const struct nt_ask_param *params,
		struct nt_ask_answer *ret_answer, struct nt_err *err) NT_MUSTCHECK;
/* The same by POST, about what is in the body, a JSON object; the answer may take a minute. */
int nt_ask_about(struct nt_connect *c, const char *path, const struct nt_ask_param *params,
		 struct nt_slice body, struct nt_ask_answer *ret_answer,
		 struct nt_err *err) NT_MUSTCHECK;
/* The same by that method, POST or DELETE: something changes. body: a JSON object, or empty; the
 * answer may take a minute. */
int nt_ask_by(struct nt_connect *c, const char *method, const char *path, struct nt_slice body,
	      struct nt_ask_answer *ret_answer, struct nt_err *err) NT_MUSTCHECK;
/* nt_ask from the Kubernetes API, when the way goes through it: path as "/api/v1/nodes".
 * -EOPNOTSUPP: it does not. */
int nt_ask_kube(struct nt_connect *c, const char *path, json_t **ret_json,
		struct nt_err *err) NT_MUSTCHECK;
