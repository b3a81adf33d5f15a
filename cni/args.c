/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin's environment, checked. */
#include "cni/args.h"

#include <string.h>

#include "cni/config.h"
#include "dataplane/taps/podinfo.h"
#include "lib/base/cleanup.h"
#include "lib/base/slice.h"

static int bad(struct nt_err *err, const char *name, const char *value, const char *why)
{
	return nt_err_set(err, NT_CNI_ENVIRONMENT, "%s=%.200s: %s", name, value ? value : "", why);
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
	const char *why = NULL;

	for (size_t i = 0; i < NT_ARRAY_LEN(vars); i++) {
		if ((need & vars[i].need) && (!vars[i].value || !vars[i].value[0]))
			return bad(err, vars[i].name, vars[i].value, "is required for this verb");
	}
	if (env->container_id)
		why = nt_podinfo_bad_container_id(env->container_id);
	if (why)
		return bad(err, vars[0].name, env->container_id, why);
	if (env->ifname)
		why = nt_podinfo_bad_ifname(env->ifname);
	return why ? bad(err, vars[1].name, env->ifname, why) : 0;
}

/* Half a name would be another pod's name. */
static int take_pair(struct nt_slice key, struct nt_slice value, struct nt_pod *pod,
		     struct nt_err *err)
{
	if (nt_podinfo_arg(key, value, pod) == 0)
		return 0;
	return nt_err_set(err, NT_CNI_ENVIRONMENT, "CNI_ARGS: the value of %.*s is too long",
			  NT_SLICE_ARG(key));
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
