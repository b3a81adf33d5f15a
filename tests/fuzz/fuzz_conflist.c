/* SPDX-License-Identifier: Apache-2.0 */
/* Files of net.d, which other programs write. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "dataplane/installer/conflist.h"
#include "lib/base/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct nt_slice entry = NT_SLICE_LIT("{\"type\": \"nametap\", \"x\": [1, {}]}");

static void expect(bool holds)
{
	if (!holds)
		abort();
}

static struct nt_slice slice_of(const struct nt_buf *b)
{
	return nt_slice_mem(nt_buf_str(b), b->len);
}

/* What a decoder takes, we take: a configuration that a runtime loads must not be refused. But for
 * a NUL: jansson passes over one behind a number (its stream takes it for the end of a buffer when
 * it is given back), which Go's decoder does not, and neither do we. */
static void compare_with_decoder(struct nt_slice text, int r, const struct nt_err *err)
{
	json_auto_t *root =
		json_loadb(text.p, text.len, JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL, NULL);

	if (root && r == -EBADMSG && !memchr(text.p, '\0', text.len))
		expect(strstr(err->msg, "too deep"));
	if (r == 0 && root) {
		expect(json_is_string(json_object_get(root, "name")));
		expect(json_object_get(root, "plugins") || json_object_get(root, "type"));
	}
}

static void add_and_remove(struct nt_slice text, const struct nt_conflist *before)
{
	_cleanup_buf_ struct nt_buf added = {}, again = {}, removed = {};
	struct nt_conflist after;
	struct nt_err err;

	if (nt_conflist_add(text, entry, false, &added, &err) <= 0)
		return;
	expect(nt_conflist_read(slice_of(&added), &after, &err) == 0);
	expect(after.ours == 1 && after.last);
	expect(after.plugins == before->plugins - before->ours + 1);
	expect(nt_conflist_add(slice_of(&added), entry, false, &again, &err) == 0);
	expect(nt_conflist_remove(slice_of(&added), &removed, &err) == 1);
	if (before->ours == 0)
		expect(nt_slice_eq(slice_of(&removed), text));
	nt_buf_reset(&again);
	expect(nt_conflist_remove(slice_of(&removed), &again, &err) == 0);
}

static void make_list(struct nt_slice text)
{
	_cleanup_buf_ struct nt_buf made = {};
	struct nt_conflist c;
	struct nt_err err;

	if (nt_conflist_of_conf(text, "1.conf", entry, &made, &err) < 0)
		return;
	expect(nt_conflist_read(slice_of(&made), &c, &err) == 0);
	expect(c.kind == NT_CONFLIST_LIST && c.plugins == 2 && c.ours == 1 && c.last);
	expect(strcmp(c.from, "1.conf") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	/* A copy of exactly this size: reading past it is seen. */
	_cleanup_free_ char *copy = malloc(len ? len : 1);
	struct nt_slice text = nt_slice_mem(copy, len);
	struct nt_err err = {}, why = {};
	struct nt_conflist c;
	int r;

	if (!copy)
		return 0;
	if (len)
		memcpy(copy, data, len);
	r = nt_conflist_read(text, &c, &err);
	compare_with_decoder(text, r, &err);
	(void)!nt_conflist_check_version(text, &why);
	if (r < 0)
		return 0;
	if (c.kind == NT_CONFLIST_LIST)
		add_and_remove(text, &c);
	else
		make_list(text);
	return 0;
}
