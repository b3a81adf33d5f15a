/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin's environment, checked. */
#include "cni/args.h"

#include <ctype.h>
#include <stddef.h>

#include "cni/config.h"
#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

static int bad(struct nt_err *err, const char *name, const char *value, const char *why)
{
	return nt_err_set(err, NT_CNI_ENVIRONMENT, "%s=%.200s: %s", name, value ? value : "", why);
}

/* The specification: an alphanumeric character, then alphanumerics, "_", "." and "-". That leaves
 * no room for "../", so the id may be part of a file name. */
static int check_container_id(const char *id, struct nt_err *err)
{
	size_t len = strlen(id);

	if (len >= sizeof(((struct nt_pod *)0)->container_id))
		return bad(err, "CNI_CONTAINERID", id, "longer than 191 octets");
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)id[i];

		if (c < 0x80 && (isalnum(c) || (i > 0 && strchr("_.-", c))))
			continue;
		return bad(err, "CNI_CONTAINERID", id,
			   "must begin with a letter or digit and hold only these and _.-");
	}
	return 0;
}

/* As the kernel's dev_valid_name() has it. */
static int check_ifname(const char *name, struct nt_err *err)
{
	size_t len = strlen(name);

	if (len >= sizeof(((struct nt_pod *)0)->ifname))
		return bad(err, "CNI_IFNAME", name, "longer than 15 octets");
	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return bad(err, "CNI_IFNAME", name, "no name for an interface");
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)name[i];

		if (c == '/' || c == ':' || c <= ' ' || c >= 0x7f)
			return bad(err, "CNI_IFNAME", name, "no name for an interface");
	}
	return 0;
}

int nt_cni_env_check(const struct nt_cni_env *env, unsigned need, struct nt_err *err)
{
	const struct {
		const char *name;
		const char *value;
		unsigned need;
	} vars[] = {
		{ "CNI_CONTAINERID", env->container_id, NT_CNI_NEED_CONTAINER },
		{ "CNI_IFNAME", env->ifname, NT_CNI_NEED_CONTAINER },
		{ "CNI_NETNS", env->netns, NT_CNI_NEED_NETNS },
	};
	int r = 0;

	for (size_t i = 0; i < NT_ARRAY_LEN(vars); i++) {
		if ((need & vars[i].need) && (!vars[i].value || !vars[i].value[0]))
			return bad(err, vars[i].name, vars[i].value, "is required for this verb");
	}
	if (env->container_id)
		r = check_container_id(env->container_id, err);
	if (r == 0 && env->ifname)
		r = check_ifname(env->ifname, err);
	return r;
}

static const struct {
	const char *name;
	size_t offset;
	size_t size;
} identity[] = {
	{ "K8S_POD_NAMESPACE", offsetof(struct nt_pod, namespace_),
	  sizeof(((struct nt_pod *)0)->namespace_) },
	{ "K8S_POD_NAME", offsetof(struct nt_pod, name), sizeof(((struct nt_pod *)0)->name) },
	{ "K8S_POD_UID", offsetof(struct nt_pod, uid), sizeof(((struct nt_pod *)0)->uid) },
};

static int take_pair(struct nt_slice key, struct nt_slice value, struct nt_pod *pod,
		     struct nt_err *err)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(identity); i++) {
		char *to = (char *)pod + identity[i].offset;

		if (!nt_slice_eq(key, nt_slice_str(identity[i].name)))
			continue;
		/* Half a name would be another pod's name. */
		if (value.len >= identity[i].size)
			return nt_err_set(err, NT_CNI_ENVIRONMENT,
					  "CNI_ARGS: %s is longer than %zu octets",
					  identity[i].name, identity[i].size - 1);
		memset(to, 0, identity[i].size);
		if (value.len)
			memcpy(to, value.p, value.len);
	}
	return 0;
}

int nt_cni_args_parse(const char *args, struct nt_pod *pod, struct nt_err *err)
{
	const char *p = args ? args : "";

	while (*p) {
		size_t len = strcspn(p, ";");
		const char *equals = memchr(p, '=', len);
		int r;

		if (len && !equals)
			return nt_err_set(err, NT_CNI_ENVIRONMENT,
					  "CNI_ARGS: '%.*s' is no KEY=VALUE",
					  (int)(len > 100 ? 100 : len), p);
		if (len) {
			size_t key_len = (size_t)(equals - p);

			r = take_pair(nt_slice_mem(p, key_len),
				      nt_slice_mem(equals + 1, len - key_len - 1), pod, err);
			if (r < 0)
				return r;
		}
		p += len;
		p += *p == ';';
	}
	return 0;
}
