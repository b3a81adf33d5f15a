/* SPDX-License-Identifier: Apache-2.0 */
/* The network configuration on stdin: checked keys and an untouched prevResult. */
#include "cni/config.h"

#include "dataplane/taps/podinfo.h"
#include "dataplane/taps/seen.h"
#include "lib/base/cleanup.h"

#define NETWORK_NAME_MAX (sizeof(((struct nt_pod *)0)->network) - 1)
/* Integers as reals: one that fits no C type is no error, and ours are small. */
#define DECODE_FLAGS (JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL)

const char *const nt_cni_versions[] = { "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0", NULL };

int nt_cni_version_find(const char *version)
{
	for (int i = 0; nt_cni_versions[i]; i++) {
		if (strcmp(nt_cni_versions[i], version) == 0)
			return i;
	}
	return -1;
}

static int fail(struct nt_err *err, enum nt_cni_code code, const char *msg)
{
	return nt_err_set(err, (int)code, "%s", msg);
}

/* --- the octets of prevResult --- */

/*
 * jansson decides whether the text is JSON; this walks over text that is, to find where the value
 * of one key of the outer object begins and ends. So prevResult leaves as it came: key order,
 * numbers that no C type holds, escapes and all.
 */
struct walk {
	const char *p;
	const char *end;
};

static void skip_space(struct walk *w)
{
	while (w->p < w->end && strchr(" \t\r\n", *w->p) && *w->p)
		w->p++;
}

/* At a quote; ends behind the closing one. */
static struct nt_slice take_string(struct walk *w)
{
	const char *start = ++w->p;

	while (w->p < w->end && *w->p != '"')
		w->p += *w->p == '\\' ? 2 : 1;
	if (w->p > w->end)
		w->p = w->end;
	return nt_slice_mem(start, (size_t)(w->p++ - start));
}

/* Any value: up to the comma or bracket that ends it at this depth. */
static struct nt_slice take_value(struct walk *w)
{
	const char *start = w->p;
	unsigned depth = 0;

	for (; w->p < w->end; w->p++) {
		char c = *w->p;

		if (c == '"') {
			(void)take_string(w);
			w->p--;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if (depth == 0 && (c == ',' || c == '}' || c == ']')) {
			break;
		} else if (c == '}' || c == ']') {
			depth--;
		}
	}
	if (w->p > w->end)
		w->p = w->end;
	while (w->p > start && strchr(" \t\r\n", w->p[-1]))
		w->p--;
	return nt_slice_mem(start, (size_t)(w->p - start));
}

/* What a decoder makes of a key that is written with escapes. */
static bool is_key(struct nt_slice name, struct nt_slice key)
{
	json_auto_t *text = NULL;

	if (nt_slice_eq(name, key) || !name.len || !memchr(name.p, '\\', name.len))
		return nt_slice_eq(name, key);
	/* With the quotes around it. */
	text = json_loadb(name.p - 1, name.len + 2, DECODE_FLAGS | JSON_DECODE_ANY, NULL);
	return text &&
	       nt_slice_eq(nt_slice_mem(json_string_value(text), json_string_length(text)), key);
}

/* The last one counts, as with every JSON decoder in use. */
static struct nt_slice find_value(struct nt_slice json, struct nt_slice key)
{
	struct walk w = { json.p, json.p + json.len };
	struct nt_slice found = { NULL, 0 };

	skip_space(&w);
	for (w.p++; w.p < w.end; w.p++) {
		struct nt_slice name, value;

		skip_space(&w);
		if (w.p >= w.end || *w.p != '"')
			break;
		name = take_string(&w);
		skip_space(&w);
		w.p++; /* the colon */
		skip_space(&w);
		if (w.p >= w.end)
			break;
		value = take_value(&w);
		if (is_key(name, key))
			found = value;
		skip_space(&w);
	}
	return found;
}

/* jansson recurses; this bounds how deep before it starts. */
static bool is_too_deep(struct nt_slice json)
{
	struct walk w = { json.p, json.p + json.len };
	unsigned depth = 0;

	for (; w.p < w.end; w.p++) {
		if (*w.p == '"') {
			(void)take_string(&w);
			w.p--;
		} else if (*w.p == '{' || *w.p == '[') {
			if (++depth > NT_CNI_DEPTH_MAX)
				return true;
		} else if ((*w.p == '}' || *w.p == ']') && depth) {
			depth--;
		}
	}
	return false;
}

/* --- our keys --- */

/* A string without NUL inside; NULL with *ret_bad when it is something else. */
static const char *get_string(const json_t *object, const char *key, bool *ret_bad)
{
	const json_t *v = json_object_get(object, key);
	const char *s = json_string_value(v);

	if (!v || json_is_null(v))
		return NULL;
	if (s && strlen(s) == json_string_length(v))
		return s;
	*ret_bad = true;
	return NULL;
}

static int read_path(const json_t *root, const char *key, const char **ret_path, struct nt_err *err)
{
	bool bad = false;
	const char *path = get_string(root, key, &bad);

	if (bad || (path && (path[0] != '/' || strstr(path, "/../") ||
			     nt_slice_ends(nt_slice_str(path), NT_SLICE_LIT("/..")))))
		return nt_err_set(err, NT_CNI_CONFIG, "\"%s\" must be an absolute path", key);
	*ret_path = path;
	return 0;
}

static int read_loadkeys(const json_t *root, struct nt_loadkeys *ret_keys, struct nt_err *err)
{
	int r = nt_loadkeys_parse(root, ret_keys, err);

	if (r < 0)
		err->code = NT_CNI_CONFIG;
	return r < 0 ? -NT_CNI_CONFIG : 0;
}

static int read_on_error(const json_t *root, const char *key, enum nt_cni_on_error *ret_what,
			 struct nt_err *err)
{
	bool bad = false;
	const char *text = get_string(root, key, &bad);

	if (!bad && (!text || strcmp(text, "Ignore") == 0))
		*ret_what = NT_CNI_IGNORE;
	else if (!bad && strcmp(text, "Fail") == 0)
		*ret_what = NT_CNI_FAIL;
	else
		return nt_err_set(err, NT_CNI_CONFIG, "\"%s\" must be \"Ignore\" or \"Fail\"", key);
	return 0;
}

/* Of a name or a list of them only the shape is checked: a namespace that nobody can have excludes
 * nothing. */
static int read_namespaces(struct nt_cni_config *c, struct nt_err *err)
{
	const json_t *list = json_object_get(c->root, "excludeNamespaces");
	bool bad = list && !json_is_null(list) && !json_is_array(list);
	const char *own = get_string(c->root, "ownNamespace", &bad);

	if (bad || (own && !own[0]))
		return fail(err, NT_CNI_CONFIG,
			    "\"excludeNamespaces\" must be a list, \"ownNamespace\" a name");
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (!json_is_string(json_array_get(list, i)))
			return fail(err, NT_CNI_CONFIG,
				    "\"excludeNamespaces\" must hold names of namespaces");
	}
	c->excluded = list;
	if (own)
		c->own_namespace = own;
	return 0;
}

static int read_required(const json_t *root, bool *ret_required, struct nt_err *err)
{
	const json_t *v = json_object_get(root, "required");

	if (v && !json_is_null(v) && !json_is_boolean(v))
		return fail(err, NT_CNI_CONFIG, "\"required\" must be true or false");
	*ret_required = json_is_true(v);
	return 0;
}

static int read_ours(struct nt_cni_config *c, struct nt_err *err)
{
	int r = read_namespaces(c, err);

	if (r == 0)
		r = read_required(c->root, &c->is_required, err);
	if (r == 0)
		r = read_loadkeys(c->root, &c->load, err);
	if (r == 0)
		r = read_on_error(c->root, "onAttachError", &c->on_attach_error, err);
	if (r == 0)
		r = read_on_error(c->root, "onUnknownPolicy", &c->on_unknown_policy, err);
	return r;
}

/* --- the whole --- */

/* `cniVersions` is for whoever selects; where nobody did, the newest that we speak. */
static const char *select_version(const json_t *list)
{
	const char *best = NULL;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *version = json_string_value(json_array_get(list, i));

		if (version && nt_cni_version_find(version) >= 0 &&
		    (!best || nt_cni_version_find(version) > nt_cni_version_find(best)))
			best = version;
	}
	return best;
}

static int read_version(struct nt_cni_config *c, struct nt_err *err)
{
	bool bad = false;
	const char *version = get_string(c->root, "cniVersion", &bad);

	if (bad)
		return fail(err, NT_CNI_DECODE, "\"cniVersion\" must be a string");
	if (!version)
		version = select_version(json_object_get(c->root, "cniVersions"));
	/* Configurations without one are of the time before 0.2.0. */
	c->cni_version = version ? version : "0.1.0";
	if (nt_cni_version_find(c->cni_version) < 0)
		return nt_err_set(err, NT_CNI_VERSION,
				  "CNI version \"%s\" of the configuration is not supported "
				  "(0.3.0 to 1.1.0 are)",
				  c->cni_version);
	return 0;
}

static int read_prev_result(struct nt_cni_config *c, struct nt_slice input, struct nt_err *err)
{
	const json_t *prev = json_object_get(c->root, "prevResult");
	json_auto_t *copy = NULL;
	struct nt_slice found;

	if (!prev || json_is_null(prev))
		return 0;
	if (!json_is_object(prev))
		return fail(err, NT_CNI_CONFIG, "\"prevResult\" must be an object");
	found = find_value(input, NT_SLICE_LIT("prevResult"));
	if (found.p)
		copy = json_loadb(found.p, found.len, DECODE_FLAGS, NULL);
	/* A mistake of the walk above must not become another network's result. */
	if (!json_equal(copy, prev))
		return fail(err, NT_CNI_DECODE, "\"prevResult\" cannot be found in the text");
	c->prev_result = found;
	return 0;
}

static int decode(struct nt_cni_config *c, struct nt_slice input, struct nt_err *err)
{
	json_error_t where;

	if (input.len > NT_CNI_STDIN_MAX)
		return nt_err_set(err, NT_CNI_DECODE,
				  "the configuration on stdin is larger than %d octets",
				  NT_CNI_STDIN_MAX);
	if (is_too_deep(input))
		return nt_err_set(err, NT_CNI_DECODE,
				  "the configuration on stdin is nested deeper than %d",
				  NT_CNI_DEPTH_MAX);
	c->root = json_loadb(input.p ? input.p : "", input.len, DECODE_FLAGS, &where);
	if (!c->root)
		return nt_err_set(err, NT_CNI_DECODE,
				  "the configuration on stdin is no JSON: line %d: %s", where.line,
				  where.text);
	if (!json_is_object(c->root))
		return fail(err, NT_CNI_DECODE, "the configuration on stdin is no JSON object");
	return 0;
}

/* The specification has names that can be part of a path. */
static int read_name(struct nt_cni_config *c, struct nt_err *err)
{
	bool bad = false;
	const char *name = get_string(c->root, "name", &bad);

	if (bad || !name || !name[0] || nt_podinfo_bad_container_id(name) ||
	    strlen(name) > NETWORK_NAME_MAX)
		return nt_err_set(err, NT_CNI_CONFIG,
				  "\"name\" must be 1 to %zu letters, digits, \"_\", \".\" and "
				  "\"-\", the first one a letter or digit",
				  NETWORK_NAME_MAX);
	c->name = name;
	return 0;
}

static int read_all(struct nt_cni_config *c, struct nt_slice input, struct nt_err *err)
{
	const char *via = json_string_value(json_object_get(c->root, NT_SEEN_KEY));
	struct nt_err other;
	/* Both, because a DEL goes on with what is right. */
	int r = read_path(c->root, "bpffs", &c->bpffs, err);
	int r2 = read_path(c->root, "stateDir", &c->state_dir, r < 0 ? &other : err);

	/* What a DEL leaves its mark by, too. */
	c->via_dropin = via && strcmp(via, NT_SEEN_DROPIN) == 0;
	if (r == 0)
		r = r2;
	if (r == 0)
		r = read_name(c, err);
	if (r == 0)
		r = read_ours(c, err);
	return r < 0 ? r : read_prev_result(c, input, err);
}

int nt_cni_config_parse(struct nt_slice input, struct nt_cni_config *ret_config, struct nt_err *err)
{
	struct nt_cni_config *c = ret_config;
	int r;

	*c = (struct nt_cni_config){ .own_namespace = NT_CNI_OWN_NAMESPACE_DEFAULT };
	r = decode(c, input, err);
	if (r == 0)
		r = read_version(c, err);
	if (r < 0)
		return r;
	c->valid[0] = json_object_get(c->root, "cni.dev/valid-attachments");
	c->valid[1] = json_object_get(c->root, "cni.dev/attachments");
	return read_all(c, input, err);
}

void nt_cni_config_done(struct nt_cni_config *c)
{
	json_decref(c->root);
	c->root = NULL;
}

/* --- what goes into the pod's record --- */

void nt_cni_config_describe(const struct nt_cni_config *c, const char *ifname, struct nt_pod *pod)
{
	memcpy(pod->network, c->name, strnlen(c->name, sizeof(pod->network) - 1));
	nt_podinfo_result(json_object_get(c->root, "prevResult"), ifname, pod);
	nt_podinfo_dns(json_object_get(json_object_get(c->root, "runtimeConfig"), "dns"), pod);
}
