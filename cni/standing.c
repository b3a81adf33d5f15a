/* SPDX-License-Identifier: Apache-2.0 */
/* Pods that are left alone, and pods that are never stopped. */
#include "cni/standing.h"

#include <string.h>

/* 32 hexadecimal digits without a dash: the MD5 of the manifest. */
#define CONFIG_HASH_LEN 32

bool nt_cni_pod_is_excluded(const struct nt_cni_config *config, const struct nt_pod *pod)
{
	for (size_t i = 0; i < json_array_size(config->excluded); i++) {
		const char *name = json_string_value(json_array_get(config->excluded, i));

		if (pod->namespace_[0] && name && strcmp(name, pod->namespace_) == 0)
			return true;
	}
	return false;
}

static bool is_config_hash(const char *uid)
{
	return strlen(uid) == CONFIG_HASH_LEN && strspn(uid, "0123456789abcdef") == CONFIG_HASH_LEN;
}

/* The kubelet sets it for every pod, so that nobody can give it to himself; "api" is all others. */
static bool is_from_file(const struct nt_cni_config *config)
{
	const json_t *annotations = json_object_get(json_object_get(config->root, "runtimeConfig"),
						    "io.kubernetes.cri.pod-annotations");
	const char *source =
		json_string_value(json_object_get(annotations, "kubernetes.io/config.source"));

	return source && (strcmp(source, "file") == 0 || strcmp(source, "http") == 0);
}

bool nt_cni_pod_is_vital(const struct nt_cni_config *config, const struct nt_pod *pod)
{
	return strcmp(pod->namespace_, "kube-system") == 0 ||
	       strcmp(pod->namespace_, config->own_namespace) == 0 || is_config_hash(pod->uid) ||
	       is_from_file(config);
}
