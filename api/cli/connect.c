/* SPDX-License-Identifier: Apache-2.0 */
/* The way to the controller, and questions over it. */
#include "api/cli/connect.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/cli/text.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/escape.h"

/* A page of 250 rows, each with all the answers that a record may hold. */
#define ANSWER_BYTES_MAX ((size_t)64 << 20)
/* Longer than a query may take in the store. */
#define ANSWER_NS (30 * NT_NS_PER_S)
/* What is no GET. A preview: 10 s behind another one, 20 s of its own, and 20 s of the page that it
 * reads then; a receiver has 30 s to answer. */
#define ABOUT_NS (60 * NT_NS_PER_S)
/* What a controller says of a path that it does not know (api/http). */
#define NO_PATH "there is nothing at this path"
#define SERVICE "https:nametap-controller:https"

/* --- which way -------------------------------------------------------------------------------- */

static bool is_loopback(const char *url)
{
	static const char *const hosts[] = { "http://127.0.0.1", "http://localhost",
					     "http://[::1]" };

	for (size_t i = 0; i < NT_ARRAY_LEN(hosts); i++) {
		size_t len = strlen(hosts[i]);

		if (strncmp(url, hosts[i], len) == 0 &&
		    (url[len] == ':' || url[len] == '\0' || url[len] == '/'))
			return true;
	}
	return false;
}

static int straight(const struct nt_ctl_options *o, struct nt_kube_config *config,
		    struct nt_err *err)
{
	struct nt_kube_config c = { .arena = NT_ARENA(65536), .origin = "--server" };
	struct nt_slice url = nt_slice_str(o->server);

	while (url.len && url.p[url.len - 1] == '/')
		url.len--;
	if (strncmp(o->server, "https://", 8) != 0 && !is_loopback(o->server))
		return nt_err_set(err, EINVAL,
				  "server %.200s: https:// is wanted, or http:// of this machine's "
				  "loopback (127.0.0.1, localhost, [::1]); elsewhere a token would "
				  "go in clear",
				  o->server);
	if (strpbrk(o->server, " \t\r\n?#@"))
		return nt_err_set(err, EINVAL, "server %.200s: is no https://HOST:PORT", o->server);
	c.server = nt_arena_copy(&c.arena, url).p;
	c.ca_file = o->ca_file;
	c.token_file = o->token_file;
	if (!c.server)
		return nt_err_set(err, ENOMEM, "no memory");
	*config = c;
	return 0;
}

/* KUBECONFIG may name several files, which kubectl merges. One of them that is there is enough. */
static int one_of(const char *list, char *path, size_t size, struct nt_err *err)
{
	unsigned found = 0;

	while (*list) {
		size_t len = strcspn(list, ":");
		char name[4096];

		snprintf(name, sizeof(name), "%.*s", (int)len, list);
		if (len && access(name, F_OK) == 0 && found++ == 0)
			snprintf(path, size, "%s", name);
		list += len + (list[len] == ':');
	}
	if (found > 1)
		return nt_err_set(err, EINVAL,
				  "KUBECONFIG names several files; nametapctl reads one: say which "
				  "with --kubeconfig");
	return found ? 0 : nt_err_set(err, ENOENT, "KUBECONFIG: no such file");
}

/* As kubectl: --kubeconfig, $KUBECONFIG, ~/.kube/config, then the pod's service account. */
static int kube_config(const struct nt_ctl_options *o, struct nt_kube_config *config,
		       struct nt_err *err)
{
	const char *list = getenv("KUBECONFIG"), *home = getenv("HOME");
	char path[4096] = "";
	int r;

	if (o->kubeconfig)
		return nt_kube_config_read(o->kubeconfig, config, err);
	if (list && list[0]) {
		r = one_of(list, path, sizeof(path), err);
		return r < 0 ? r : nt_kube_config_read(path, config, err);
	}
	snprintf(path, sizeof(path), "%s/.kube/config", home ? home : "");
	if (home && access(path, F_OK) == 0)
		return nt_kube_config_read(path, config, err);
	r = nt_kube_config_in_cluster(NULL, config, err);
	if (r == -ENOENT)
		return nt_err_set(err, ENOENT,
				  "no way to the controller: give --server URL, or --kubeconfig "
				  "FILE (there is no $NAMETAP_SERVER, $KUBECONFIG, ~/.kube/config, "
				  "and this is no pod)");
	return r;
}

static void set_where(struct nt_connect *c, const char *server)
{
	if (c->forwarded)
		snprintf(c->where, sizeof(c->where),
			 "deployment nametap-controller of namespace %.100s, by kubectl "
			 "port-forward",
			 c->system_namespace);
	else
		snprintf(c->where, sizeof(c->where), "%.300s%s%.100s", server,
			 c->proxied ? ", service nametap-controller of namespace " : "",
			 c->proxied ? c->system_namespace : "");
}

/* A new port: at first, and each time that the controller's pod went and kubectl with it. The
 * controller answers to its own address only, so it is asked under that. */
static int forward(struct nt_connect *c, struct nt_err *err)
{
	struct nt_kube_config config = { .arena = NT_ARENA(4096),
					 .origin = "--token-file",
					 .token_file = c->token_file };
	char text[96];
	int r = nt_forward_start(&c->forward, err);

	if (r < 0)
		return r;
	snprintf(text, sizeof(text), "127.0.0.1:%d:127.0.0.1:%u", NT_FORWARD_PORT, c->forward.port);
	config.connect_to = nt_arena_copy(&config.arena, nt_slice_str(text)).p;
	snprintf(text, sizeof(text), "http://127.0.0.1:%d", NT_FORWARD_PORT);
	config.server = nt_arena_copy(&config.arena, nt_slice_str(text)).p;
	if (!config.connect_to || !config.server) {
		nt_kube_config_done(&config);
		return nt_err_set(err, ENOMEM, "no memory for a request");
	}
	if (c->kube != c->api)
		nt_kube_close(c->kube);
	c->kube = NULL;
	r = nt_kube_open(&config, c->loop, "nametapctl", &c->kube, err);
	if (r < 0)
		return r;
	c->proxied = false;
	c->forwarded = true;
	c->prefix[0] = '\0';
	set_where(c, "");
	return 0;
}

static int open_way(const struct nt_ctl_options *o, struct nt_connect *c, struct nt_err *err)
{
	_cleanup_kube_config_ struct nt_kube_config config = { 0 };
	struct nt_err other;
	int r = o->server ? straight(o, &config, err) : kube_config(o, &config, err);

	/* Who needs a plugin to say who he is has kubectl, which runs it. */
	if (r == -EOPNOTSUPP)
		return forward(c, &other) == 0 ? 0 : r;
	if (r < 0)
		return r;
	c->proxied = !o->server;
	if (c->proxied)
		snprintf(c->prefix, sizeof(c->prefix),
			 "/api/v1/namespaces/%.100s/services/" SERVICE "/proxy",
			 o->system_namespace);
	set_where(c, config.server);
	r = nt_kube_open(&config, c->loop, "nametapctl", &c->kube, err);
	c->api = c->proxied ? c->kube : NULL;
	return r;
}

int nt_connect_open(const struct nt_ctl_options *o, struct nt_connect *ret_connect,
		    struct nt_err *err)
{
	struct nt_connect c = { .system_namespace = o->system_namespace,
				.token_file = o->token_file,
				.forward.kubectl = { .kubeconfig = o->kubeconfig,
						     .namespace_ = o->system_namespace } };
	int r;

	/* A server that hangs up is an error of the call. Where nobody reads our output the process
	 * ends as the signal would have it (nt_verb_write). */
	(void)signal(SIGPIPE, SIG_IGN);
	r = nt_loop_new(&c.loop, err);
	if (r == 0)
		r = open_way(o, &c, err);
	if (r < 0) {
		nt_connect_close(&c);
		return r;
	}
	*ret_connect = c;
	return 0;
}

void nt_connect_close(struct nt_connect *c)
{
	nt_kube_close(c->kube);
	if (c->api != c->kube)
		nt_kube_close(c->api);
	nt_forward_stop(&c->forward);
	nt_loop_free(c->loop);
	*c = (struct nt_connect){ 0 };
}

/* --- what was answered ------------------------------------------------------------------------ */

/* The client's sentence is about an API server; of a controller only its reason is true. */
static int no_answer(const struct nt_connect *c, const struct nt_kube_answer *answer,
		     struct nt_err *err)
{
	const char *end = c->proxied ? NULL : strrchr(answer->error.msg, ';');
	int len = end ? (int)(end - answer->error.msg) : (int)strlen(answer->error.msg);
	const char *todo = "";

	if (c->proxied)
		return nt_err_set(err, EAGAIN, "%.*s", len, answer->error.msg);
	if (answer->error.code == EPROTO)
		todo = "; the certificate is not of the authority in --ca-file";
	else if (answer->error.code == ECONNREFUSED || answer->error.code == EHOSTUNREACH)
		todo = "; is the controller up, and is that its address?";
	return nt_err_set(err, EAGAIN, "no answer from the controller: %.*s%s", len,
			  answer->error.msg, todo);
}

/* What RBAC calls the method. */
static const char *verb_of(const char *method)
{
	if (strcmp(method, "POST") == 0)
		return "create";
	return strcmp(method, "DELETE") == 0 ? "delete" : "get";
}

static int refused_by_kube(const struct nt_connect *c, const char *method, int status,
			   const char *said, struct nt_err *err)
{
	const char *todo = "";
	int code = EPROTO;
	char ask[80];

	if (status == 401) {
		code = EACCES;
		todo = "; the kubeconfig's credentials are not, or no longer, accepted";
	} else if (status == 403) {
		code = EACCES;
		snprintf(ask, sizeof(ask),
			 "; ask for the verb %s on services/proxy in that namespace",
			 verb_of(method));
		todo = ask;
	} else if (status == 404) {
		code = ENOENT;
		todo = "; is nametap installed there? (--nametap-namespace)";
	} else if (status >= 500 || status == 429) {
		code = EAGAIN;
		todo = "; look at: kubectl get pods -n ";
	}
	return nt_err_set(err, code, "the API server says %d: %.250s%s%s", status, said, todo,
			  code == EAGAIN ? c->system_namespace : "");
}

static void take_mistake(const json_t *problem, struct nt_ask_mistake *m)
{
	const json_t *q = json_object_get(problem, "query");
	struct nt_slice message = nt_text_at(q, "message"), fix = nt_text_at(q, "suggestion");

	if (!q)
		return;
	m->at = (size_t)nt_number_at(q, "at");
	m->len = (size_t)nt_number_at(q, "length");
	snprintf(m->message, sizeof(m->message), "%.*s", NT_SLICE_ARG(message));
	snprintf(m->suggestion, sizeof(m->suggestion), "%.*s", NT_SLICE_ARG(fix));
	nt_escape_ascii(m->message);
	nt_escape_ascii(m->suggestion);
}

static int refused(const struct nt_connect *c, const json_t *problem, struct nt_ask_answer *a,
		   struct nt_err *err)
{
	struct nt_slice detail = nt_text_at(problem, "detail");
	const char *todo = "";
	char said[450]; /* a rule's mistake with its field and name */
	int code = EPROTO;

	if (!detail.len)
		detail = nt_text_at(problem, "title");
	snprintf(said, sizeof(said), "%.*s", NT_SLICE_ARG(detail));
	nt_escape_ascii(said);
	take_mistake(problem, &a->mistake);
	if (a->status == 400 || a->status == 422) {
		code = EINVAL;
	} else if (a->status == 401 || a->status == 403) {
		code = EACCES;
		todo = c->proxied ? "; the controller does not take who came through the API server"
				  : "; give a token that it accepts with --token-file";
	} else if (a->status == 404) {
		code = ENOENT;
		/* Not where it is the thing that was asked for which is not there. */
		if (!detail.len || nt_slice_eq(detail, NT_SLICE_LIT(NO_PATH)))
			todo = "; the controller is older than this nametapctl, or it is none";
	} else if (a->status == 429 || a->status >= 500) {
		code = EAGAIN;
	}
	return nt_err_set(err, code, "the controller says %d%s%s%s", a->status, said[0] ? ": " : "",
			  said, todo);
}

static int judge(const struct nt_connect *c, const char *method,
		 const struct nt_kube_answer *answer, struct nt_ask_answer *a, struct nt_err *err)
{
	json_auto_t *json = NULL;
	struct nt_kube_status status;

	a->status = answer->status;
	if (answer->status == 0)
		return no_answer(c, answer, err);
	a->by_kube =
		answer->status >= 300 && c->proxied && nt_kube_status_parse(answer->body, &status);
	if (a->by_kube)
		return refused_by_kube(c, method, answer->status, status.message, err);
	json = json_loadb(answer->body.len ? answer->body.p : "", answer->body.len, JSON_ALLOW_NUL,
			  NULL);
	if (answer->status >= 300)
		return refused(c, json, a, err);
	if (!json_is_object(json))
		return nt_err_set(err, EPROTO, "what answers at %.200s is no nametap controller",
				  c->where);
	a->json = json_incref(json);
	return 0;
}

/* --- the question ----------------------------------------------------------------------------- */

static void put_encoded(struct nt_buf *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-._~";

	for (; *text; text++) {
		if (strchr(plain, *text)) {
			nt_buf_putc(out, *text);
			continue;
		}
		nt_buf_putc(out, '%');
		nt_buf_hex(out, (unsigned char)*text, 2);
	}
}

struct question {
	const char *method, *path;
	const struct nt_ask_param *params;
	struct nt_slice about; /* the body of a POST */
	bool takes_long; /* a GET that does */
};

static int call(struct nt_connect *c, struct nt_kube *kube, const struct question *q,
		const char *url, struct nt_kube_answer *answer, struct nt_buf *body,
		struct nt_err *err)
{
	bool quick = strcmp(q->method, "GET") == 0 && !q->takes_long;
	const struct nt_kube_request request = { .method = q->method,
						 .path = url,
						 .body = q->about,
						 .timeout_ns = quick ? ANSWER_NS : ABOUT_NS,
						 .max_bytes = ANSWER_BYTES_MAX };

	return nt_kube_call(kube, c->loop, &request, answer, body, err);
}

static int put_url(const struct nt_connect *c, const struct question *q, struct nt_buf *url,
		   struct nt_err *err)
{
	const struct nt_ask_param *params = q->params;
	char before = '?';

	nt_buf_puts(url, c->prefix);
	nt_buf_puts(url, q->path);
	for (; params && params->name; params++) {
		if (!params->value)
			continue;
		nt_buf_printf(url, "%c%s=", before, params->name);
		put_encoded(url, params->value);
		before = '&';
	}
	return nt_buf_ok(url) ? 0 : nt_err_set(err, ENOMEM, "no memory for a request");
}

static int ask_once(struct nt_connect *c, const struct question *q,
		    struct nt_ask_answer *ret_answer, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf url = { 0 }, body = { 0 };
	struct nt_kube_answer answer = { 0 };
	int r = 0;

	*ret_answer = (struct nt_ask_answer){ 0 };
	if (c->forwarded && !nt_forward_is_alive(&c->forward)) {
		r = forward(c, err);
		if (r == -ETIMEDOUT)
			r = -EAGAIN; /* the same may be asked again */
	}
	if (r == 0)
		r = put_url(c, q, &url, err);
	if (r == 0)
		r = call(c, c->kube, q, nt_buf_str(&url), &answer, &body, err);
	return r < 0 ? r : judge(c, q->method, &answer, ret_answer, err);
}

/* The Service leads to the agents' port, where the API is not to be had without a login of its own:
 * then kubectl leads to the pod's loopback. */
static bool may_forward(const struct nt_connect *c, const struct nt_ask_answer *answer)
{
	return c->proxied && (answer->status == 403 || answer->status == 404 ||
			      answer->status == 502 || answer->status == 503);
}

static int ask(struct nt_connect *c, const struct question *q, struct nt_ask_answer *ret_answer,
	       struct nt_err *err)
{
	struct nt_err why, both;
	int r = ask_once(c, q, ret_answer, err), forwarded;

	if (r >= 0 || !may_forward(c, ret_answer))
		return r;
	forwarded = forward(c, &why);
	if (forwarded == 0)
		return ask_once(c, q, ret_answer, err);
	if (forwarded == -ENOENT)
		nt_err_set(
			&both, -r,
			"%.300s; with kubectl in $PATH its port-forward is tried; without, run it "
			"there: kubectl -n %.64s exec deploy/nametap-controller -- nametapctl",
			err->msg, c->system_namespace);
	else
		nt_err_set(&both, -r, "%.300s; %.180s", err->msg, why.msg);
	*err = both;
	return r;
}

int nt_ask(struct nt_connect *c, const char *path, const struct nt_ask_param *params,
	   struct nt_ask_answer *ret_answer, struct nt_err *err)
{
	const struct question q = { .method = "GET", .path = path, .params = params };

	return ask(c, &q, ret_answer, err);
}

int nt_ask_long(struct nt_connect *c, const char *path, const struct nt_ask_param *params,
		struct nt_ask_answer *ret_answer, struct nt_err *err)
{
	const struct question q = {
		.method = "GET", .path = path, .params = params, .takes_long = true
	};

	return ask(c, &q, ret_answer, err);
}

int nt_ask_about(struct nt_connect *c, const char *path, const struct nt_ask_param *params,
		 struct nt_slice body, struct nt_ask_answer *ret_answer, struct nt_err *err)
{
	const struct question q = {
		.method = "POST", .path = path, .params = params, .about = body
	};

	return ask(c, &q, ret_answer, err);
}

int nt_ask_by(struct nt_connect *c, const char *method, const char *path, struct nt_slice body,
	      struct nt_ask_answer *ret_answer, struct nt_err *err)
{
	const struct question q = { .method = method, .path = path, .about = body };

	return ask(c, &q, ret_answer, err);
}

int nt_ask_kube(struct nt_connect *c, const char *path, json_t **ret_json, struct nt_err *err)
{
	const struct question q = { .method = "GET" };
	_cleanup_buf_ struct nt_buf body = { 0 };
	struct nt_kube_answer answer = { 0 };
	json_t *json;
	int r;

	if (!c->api)
		return nt_err_set(err, EOPNOTSUPP,
				  "the controller is asked without the API server");
	r = call(c, c->api, &q, path, &answer, &body, err);
	if (r < 0)
		return r;
	if (answer.status != 200)
		return nt_err_set(err, answer.status == 403 ? EACCES : EAGAIN, "%s",
				  answer.error.msg);
	json = json_loadb(answer.body.len ? answer.body.p : "", answer.body.len, JSON_ALLOW_NUL,
			  NULL);
	if (!json)
		return nt_err_set(err, EPROTO, "the API server's answer is no JSON");
	*ret_json = json;
	return 0;
}
