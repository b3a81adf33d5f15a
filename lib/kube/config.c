/* SPDX-License-Identifier: Apache-2.0 */
/* Service accounts and kubeconfigs. */
#include "lib/kube/config.h"

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>

#include "lib/base/base64.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/parse.h"
#include "lib/objects/yaml.h"

/* --- in a pod --------------------------------------------------------------------------------- */

static const char *keep(struct nt_kube_config *c, const char *text)
{
	return nt_arena_copy(&c->arena, nt_slice_str(text)).p;
}

/* An IPv6 address as the environment has it needs its brackets. */
static int set_server(struct nt_kube_config *c, const char *host, const char *port,
		      struct nt_err *err)
{
	char url[512];
	uint64_t number;
	bool v6 = strchr(host, ':') != NULL;

	if (nt_parse_u64(nt_slice_str(port), 65535, &number) < 0 ||
	    strspn(host, "0123456789abcdefABCDEFghijklmnopqrstuvwxyzGHIJKLMNOPQRSTUVWXYZ.:-") !=
		    strlen(host))
		return nt_err_set(err, EINVAL,
				  "KUBERNETES_SERVICE_HOST and _PORT are '%.200s' and '%.20s': no "
				  "address and port",
				  host, port);
	snprintf(url, sizeof(url), "https://%s%.300s%s:%s", v6 ? "[" : "", host, v6 ? "]" : "",
		 port);
	c->server = keep(c, url);
	return 0;
}

/* Not known is no error: who needs it says so. */
static void set_namespace(struct nt_kube_config *c, const char *dir)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/namespace", dir);
	if (nt_file_read_at(AT_FDCWD, path, NAME_MAX, &text, NULL) < 0)
		return;
	nt_buf_str(&text);
	if (text.len)
		text.p[strcspn(text.p, "\r\n ")] = '\0';
	if (text.len && text.p[0])
		c->namespace_ = keep(c, text.p);
}

int nt_kube_config_in_cluster(const char *account_dir, struct nt_kube_config *ret_config,
			      struct nt_err *err)
{
	_cleanup_kube_config_ struct nt_kube_config c = { .arena = NT_ARENA(NT_KUBE_CONFIG_BYTES) };
	const char *host = getenv("KUBERNETES_SERVICE_HOST");
	const char *port = getenv("KUBERNETES_SERVICE_PORT");
	const char *dir = account_dir ? account_dir : NT_KUBE_ACCOUNT_DIR;
	char token[PATH_MAX], ca[PATH_MAX];
	int r;

	if (!host || !host[0] || !port || !port[0])
		return nt_err_set(err, ENOENT,
				  "KUBERNETES_SERVICE_HOST is not set: this is no pod");
	snprintf(token, sizeof(token), "%s/token", dir);
	snprintf(ca, sizeof(ca), "%s/ca.crt", dir);
	if (access(token, R_OK) == -1)
		return nt_err_set(err, ENOENT, "%s is not there: the pod has no service account",
				  token);
	r = set_server(&c, host, port, err);
	if (r < 0)
		return r;
	c.origin = keep(&c, dir);
	c.token_file = keep(&c, token);
	c.ca_file = keep(&c, ca);
	if (!c.server || !c.origin || !c.token_file || !c.ca_file)
		return nt_err_set(err, ENOMEM, "no memory for %s", dir);
	set_namespace(&c, dir);
	*ret_config = c;
	c = (struct nt_kube_config){ 0 };
	return 0;
}

/* --- a kubeconfig ----------------------------------------------------------------------------- */

struct reader {
	struct nt_kube_config *c;
	const char *folder;
	struct nt_err *err;
	int r; /* the first error */
};

static void fail(struct reader *w, int code, const char *what, const char *why)
{
	if (w->r == 0)
		w->r = nt_err_set(w->err, code, "%s: %s", what, why);
}

/* A string without NUL inside; NULL when it is not there. */
static const char *text_of(struct reader *w, const json_t *object, const char *key)
{
	const json_t *v = json_object_get(object, key);
	const char *text = json_string_value(v);
	const char *kept;

	if (!v || json_is_null(v) || (text && !text[0]))
		return NULL;
	if (!text || strlen(text) != json_string_length(v)) {
		fail(w, EBADMSG, key, "must be a string");
		return NULL;
	}
	kept = keep(w->c, text);
	if (!kept)
		fail(w, ENOMEM, key, "no memory");
	return kept;
}

static const char *file_of(struct reader *w, const json_t *object, const char *key)
{
	const char *name = text_of(w, object, key);
	char path[PATH_MAX];

	if (!name || name[0] == '/')
		return name;
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", w->folder, name) >= sizeof(path)) {
		fail(w, ENAMETOOLONG, key, "the path is too long");
		return NULL;
	}
	return keep(w->c, path);
}

static struct nt_slice data_of(struct reader *w, const json_t *object, const char *key)
{
	_cleanup_buf_ struct nt_buf octets = { .max_len = NT_KUBE_CONFIG_BYTES };
	const char *text = text_of(w, object, key);
	struct nt_slice kept = { 0 };

	if (!text)
		return kept;
	if (nt_base64_decode(nt_slice_str(text), &octets) < 0 || !octets.len) {
		fail(w, EBADMSG, key, "must be base64");
		return kept;
	}
	kept = nt_arena_copy(&w->c->arena, nt_slice_mem(octets.p, octets.len));
	explicit_bzero(octets.p, octets.len);
	if (!kept.p)
		fail(w, ENOMEM, key, "no memory");
	return kept;
}

static void refuse(struct reader *w, const json_t *object, const char *const *keys)
{
	for (; *keys; keys++) {
		const json_t *v = json_object_get(object, *keys);

		if (v && !json_is_null(v) && !(json_is_string(v) && !json_string_length(v)))
			fail(w, EOPNOTSUPP, *keys,
			     "is not supported; use a token or a client certificate");
	}
}

/* The object under `inner` of the list's entry of that name, as `clusters`, `users`, `contexts`
 * have it. */
static const json_t *named(struct reader *w, const json_t *root, const char *list,
			   const char *inner, const char *name)
{
	const json_t *entries = json_object_get(root, list);

	for (size_t i = 0; name && i < json_array_size(entries); i++) {
		const json_t *entry = json_array_get(entries, i);
		const char *text = json_string_value(json_object_get(entry, "name"));

		if (text && strcmp(text, name) == 0 &&
		    json_is_object(json_object_get(entry, inner)))
			return json_object_get(entry, inner);
	}
	if (w->r == 0)
		w->r = nt_err_set(w->err, EBADMSG, "%s: there is none named \"%.100s\"", list,
				  name ? name : "");
	return NULL;
}

static void read_cluster(struct reader *w, const json_t *cluster)
{
	static const char *const unknown[] = { "proxy-url", "tls-server-name", NULL };
	struct nt_kube_config *c = w->c;
	size_t len;
	char *server;

	refuse(w, cluster, unknown);
	c->ca = data_of(w, cluster, "certificate-authority-data");
	if (!c->ca.p)
		c->ca_file = file_of(w, cluster, "certificate-authority");
	c->insecure = json_is_true(json_object_get(cluster, "insecure-skip-tls-verify"));
	server = (char *)(uintptr_t)text_of(w, cluster, "server");
	len = server ? strlen(server) : 0;
	while (len && server[len - 1] == '/')
		server[--len] = '\0';
	c->server = server;
	if (!server ||
	    (strncmp(server, "https://", 8) != 0 && strncmp(server, "http://", 7) != 0) ||
	    strpbrk(server, " \t\r\n?#@"))
		fail(w, EBADMSG, "server", "must be an https:// URL without a query");
}

static void read_user(struct reader *w, const json_t *user)
{
	static const char *const unknown[] = { "exec", "auth-provider", "username", "password",
					       "as",   "as-groups",	"as-uid",   "as-user-extra",
					       NULL };
	struct nt_kube_config *c = w->c;

	refuse(w, user, unknown);
	c->token = text_of(w, user, "token");
	if (!c->token)
		c->token_file = file_of(w, user, "tokenFile");
	c->cert = data_of(w, user, "client-certificate-data");
	if (!c->cert.p)
		c->cert_file = file_of(w, user, "client-certificate");
	c->key = data_of(w, user, "client-key-data");
	if (!c->key.p)
		c->key_file = file_of(w, user, "client-key");
	if ((c->cert.p || c->cert_file) != (c->key.p || c->key_file))
		fail(w, EBADMSG, "client-certificate", "certificate and key belong together");
}

static void read_root(struct reader *w, const json_t *root)
{
	const char *current = text_of(w, root, "current-context");
	const json_t *context = named(w, root, "contexts", "context", current);
	const char *cluster = text_of(w, context, "cluster");
	const char *user = text_of(w, context, "user");
	const json_t *object = context ? named(w, root, "clusters", "cluster", cluster) : NULL;

	if (object)
		read_cluster(w, object);
	object = context && user ? named(w, root, "users", "user", user) : NULL;
	if (object)
		read_user(w, object);
}

static void take_document(void *ctx, json_t *document, size_t line)
{
	json_t **root = ctx;

	(void)line;
	json_decref(*root);
	*root = document;
}

int nt_kube_config_parse(struct nt_slice text, const char *folder,
			 struct nt_kube_config *ret_config, struct nt_err *err)
{
	_cleanup_kube_config_ struct nt_kube_config c = { .arena = NT_ARENA(NT_KUBE_CONFIG_BYTES) };
	struct reader w = { .c = &c, .folder = folder, .err = err };
	json_auto_t *root = NULL;
	struct nt_yaml_problem problem;

	if (text.len > NT_KUBE_CONFIG_BYTES)
		return nt_err_set(err, EFBIG, "larger than %zu octets", NT_KUBE_CONFIG_BYTES);
	if (nt_yaml_parse(text, take_document, &root, &problem) < 0)
		return nt_err_set(err, EBADMSG, "line %zu: %s", problem.line, problem.msg);
	if (!json_is_object(root))
		return nt_err_set(err, EBADMSG, "no kubeconfig: it has no keys");
	c.origin = "kubeconfig";
	read_root(&w, root);
	if (w.r < 0)
		return w.r;
	*ret_config = c;
	c = (struct nt_kube_config){ 0 };
	return 0;
}

int nt_kube_config_read(const char *path, struct nt_kube_config *ret_config, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX];
	int r = nt_file_read_at(AT_FDCWD, path, NT_KUBE_CONFIG_BYTES, &text, err);

	if (r < 0)
		return nt_err_wrap(err, "kubeconfig");
	snprintf(folder, sizeof(folder), "%.*s", slash ? (int)(slash - path) : 1,
		 slash ? path : ".");
	r = nt_kube_config_parse(nt_slice_mem(text.p, text.len), folder, ret_config, err);
	if (text.len)
		explicit_bzero(text.p, text.len);
	if (r < 0)
		return nt_err_wrap(err, "kubeconfig %s", path);
	ret_config->origin = keep(ret_config, path);
	if (ret_config->origin)
		return 0;
	nt_kube_config_done(ret_config);
	return nt_err_set(err, ENOMEM, "no memory for %s", path);
}

void nt_kube_config_done(struct nt_kube_config *c)
{
	if (c->key.p)
		explicit_bzero((char *)(uintptr_t)c->key.p, c->key.len);
	if (c->token)
		explicit_bzero((char *)(uintptr_t)c->token, strlen(c->token));
	nt_arena_done(&c->arena);
	*c = (struct nt_kube_config){ 0 };
}

int nt_kube_config_find(const char *option, struct nt_kube_config *ret_config, struct nt_err *err)
{
	int r;

	if (option && strcmp(option, "none") == 0) {
		err->msg[0] = '\0';
		return 0;
	}
	if (option)
		r = nt_kube_config_read(option, ret_config, err);
	else
		r = nt_kube_config_in_cluster(NULL, ret_config, err);
	if (!option && r == -ENOENT)
		return 0;
	return r < 0 ? r : 1;
}
