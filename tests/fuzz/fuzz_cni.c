/* SPDX-License-Identifier: Apache-2.0 */
/* What a runtime hands to the plugin: stdin with GC's lists in it, the environment, CNI_ARGS. */
#include <stdint.h>
#include <stdlib.h>

#include "cni/args.h"
#include "cni/attachments.h"
#include "cni/config.h"
#include "cni/result.h"
#include "cni/standing.h"
#include "lib/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define FLAGS (JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL)
#define FRAME "{\"cniVersion\":\"1.1.0\",\"name\":\"n\",\"prevResult\":"

/* What we print must be the very value that a decoder finds under the key. */
static void check_prev_result(const struct nt_cni_config *c)
{
	json_auto_t *copy = NULL;

	if (!c->prev_result.p)
		return;
	copy = json_loadb(c->prev_result.p, c->prev_result.len, FLAGS, NULL);
	if (!json_equal(copy, json_object_get(c->root, "prevResult")))
		abort();
}

/* Whatever is an object comes out octet by octet as a previous result. */
static void check_as_result(const uint8_t *data, size_t len)
{
	_cleanup_buf_ struct nt_buf frame = {}, out = {};
	_cleanup_config_ struct nt_cni_config c = {};
	struct nt_slice text = nt_slice_mem(data, len);

	while (text.len && strchr(" \t\r\n", text.p[0]) && text.p[0])
		text = nt_slice_mem(text.p + 1, text.len - 1);
	while (text.len && strchr(" \t\r\n", text.p[text.len - 1]) && text.p[text.len - 1])
		text.len--;
	if (!text.len || text.p[0] != '{')
		return;
	nt_buf_puts(&frame, FRAME);
	nt_buf_slice(&frame, text);
	nt_buf_putc(&frame, '}');
	/* The text may close the frame by itself and go on with keys of its own. */
	if (nt_cni_config_parse(nt_slice_mem(frame.p, frame.len), &c, NULL) < 0 ||
	    c.prev_result.len != text.len)
		return;
	nt_cni_result_print(&out, c.prev_result);
	if (out.len != text.len + 1 || memcmp(out.p, text.p, text.len) != 0)
		abort();
}

static void check_lists(const struct nt_cni_config *c)
{
	_cleanup_attachments_ struct nt_cni_attachments a;
	struct nt_err err = {};

	if (nt_cni_attachments_parse(c, &a, &err) < 0)
		return;
	if (a.len && !a.is_known)
		abort();
	for (size_t i = 0; i < a.len; i++)
		if (!nt_cni_attachments_has(&a, a.all[i].container_id, a.all[i].ifname))
			abort();
	if (nt_cni_attachments_has(&a, "no\x01one", "\x01") && !a.len)
		abort();
}

/* An error object is JSON whatever was in the text. */
static void check_error(const struct nt_cni_config *c, const struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf out = {};
	json_auto_t *root = NULL;

	nt_cni_result_error(&out, c->cni_version, err->code, "x", err->msg);
	root = json_loadb(nt_buf_str(&out), out.len, 0, NULL);
	if (!root)
		abort();
}

static void check_config(const uint8_t *data, size_t len, struct nt_pod *pod)
{
	_cleanup_config_ struct nt_cni_config c;
	struct nt_err err = {};
	int r = nt_cni_config_parse(nt_slice_mem(data, len), &c, &err);

	if (r < 0)
		check_error(&c, &err);
	if (r == -NT_CNI_CONFIG && (!c.cni_version || !c.own_namespace))
		abort();
	if (r < 0)
		return;
	check_prev_result(&c);
	check_lists(&c);
	nt_cni_config_describe(&c, "eth0", pod);
	(void)nt_cni_pod_is_excluded(&c, pod);
	(void)nt_cni_pod_is_vital(&c, pod);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
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
	check_config(data, len, &pod);
	check_as_result(data, len);
	if (pod.searches[sizeof(pod.searches) - 1] || pod.name[sizeof(pod.name) - 1])
		abort();
	return 0;
}
