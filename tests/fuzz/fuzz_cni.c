/* SPDX-License-Identifier: Apache-2.0 */
/* What a runtime hands to the plugin: stdin and the environment. */
#include <stdint.h>
#include <stdlib.h>

#include "cni/args.h"
#include "cni/config.h"
#include "lib/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* What we print must be the very value that a decoder finds under the key. */
static void check_prev_result(const struct nt_cni_config *c)
{
	json_auto_t *copy = NULL;

	if (!c->prev_result.p)
		return;
	copy = json_loadb(c->prev_result.p, c->prev_result.len,
			  JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);
	if (!json_equal(copy, json_object_get(c->root, "prevResult")))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	_cleanup_config_ struct nt_cni_config c;
	_cleanup_free_ char *text = calloc(1, len + 1);
	struct nt_cni_env env = { .command = "ADD", .netns = "/n" };
	struct nt_err err = {};
	struct nt_pod pod = {};

	if (!text)
		return 0;
	if (len)
		memcpy(text, data, len);
	env.container_id = env.ifname = text;
	(void)!nt_cni_env_check(&env, NT_CNI_NEED_CONTAINER, &err);
	(void)!nt_cni_args_parse(text, &pod, &err);
	if (nt_cni_config_parse(nt_slice_mem(data, len), &c, &err) == 0) {
		check_prev_result(&c);
		nt_cni_config_describe(&c, "eth0", &pod);
	}
	if (pod.searches[sizeof(pod.searches) - 1] || pod.name[sizeof(pod.name) - 1])
		abort();
	return 0;
}
