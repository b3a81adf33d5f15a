/* SPDX-License-Identifier: Apache-2.0 */
/* Our entry in, and out of, CNI network configurations, octet by octet. */
#include "dataplane/installer/conflist.h"

#include <jansson.h>
#include <string.h>

#include "dataplane/installer/jsonspan.h"
#include "lib/base/cleanup.h"
#include "lib/base/escape.h"

/* The versions that the plugin speaks (cni/config.h; a unit test compares them). */
static const char *const versions[] = { "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0" };

/* --- reading --- */

static int not_json(const struct nt_jsonspan *s, struct nt_slice text, struct nt_err *err)
{
	return nt_err_set(err, EBADMSG, "line %u: %s", nt_jsonspan_line(s, text), s->error);
}

/* The whole text as one object. */
static int take_root(struct nt_slice text, struct nt_slice *ret_root, struct nt_err *err)
{
	struct nt_jsonspan s = nt_jsonspan_init(text);
	struct nt_slice root;

	if (text.len > NT_CONFLIST_MAX)
		return nt_err_set(err, EFBIG, "larger than %d octets", NT_CONFLIST_MAX);
	root = nt_jsonspan_value(&s);
	if (!root.p || !nt_jsonspan_end(&s))
		return not_json(&s, text, err);
	if (root.p[0] != '{')
		return nt_err_set(err, EINVAL, "JSON, but no object");
	*ret_root = root;
	return 0;
}

static bool is_ours(struct nt_slice entry)
{
	return nt_jsonspan_is(nt_jsonspan_find(entry, "type"), NT_CONFLIST_TYPE);
}

static int read_plugins(struct nt_slice list, struct nt_conflist *c, struct nt_err *err)
{
	struct nt_slice key, entry;
	struct nt_jsonspan s;
	char type[sizeof(c->type)];

	if (list.p[0] != '[')
		return nt_err_set(err, EINVAL, "\"plugins\" is no list");
	s = nt_jsonspan_open(list);
	while (nt_jsonspan_next(&s, &key, &entry)) {
		if (entry.p[0] != '{')
			return nt_err_set(err, EINVAL, "entry %u of \"plugins\" is no object",
					  c->plugins + 1);
		if (!nt_jsonspan_text(nt_jsonspan_find(entry, "type"), type, sizeof(type)) ||
		    !type[0])
			return nt_err_set(err, EINVAL, "entry %u of \"plugins\" has no \"type\"",
					  c->plugins + 1);
		if (c->plugins++ == 0)
			memcpy(c->type, type, sizeof(type));
		c->last = strcmp(type, NT_CONFLIST_TYPE) == 0;
		c->ours += c->last;
		if (c->last)
			c->entry = entry;
	}
	if (c->plugins == 0)
		return nt_err_set(err, EINVAL, "\"plugins\" is empty");
	return 0;
}

/* As libcni has it: true, or the text "true" in any case. */
static bool is_true(struct nt_slice value)
{
	char text[8];

	return nt_slice_eq(value, NT_SLICE_LIT("true")) ||
	       (nt_jsonspan_text(value, text, sizeof(text)) && strcasecmp(text, "true") == 0);
}

static int read_root(struct nt_slice root, struct nt_conflist *c, struct nt_err *err)
{
	struct nt_slice name = nt_jsonspan_find(root, "name");
	struct nt_slice plugins = nt_jsonspan_find(root, "plugins");

	if (!nt_jsonspan_text(name, c->network, sizeof(c->network)) || !c->network[0])
		return nt_err_set(err, EINVAL, "\"name\" is no text of 1 to 127 octets");
	c->only_inlined = is_true(nt_jsonspan_find(root, "loadOnlyInlinedPlugins"));
	if (!nt_jsonspan_text(nt_jsonspan_find(root, NT_CONFLIST_FROM), c->from, sizeof(c->from)))
		c->from[0] = '\0';
	if (plugins.p)
		return read_plugins(plugins, c, err);
	if (!nt_jsonspan_text(nt_jsonspan_find(root, "type"), c->type, sizeof(c->type)) ||
	    !c->type[0])
		return nt_err_set(err, EINVAL, "neither \"plugins\" nor \"type\"");
	c->kind = NT_CONFLIST_SINGLE;
	c->plugins = 1;
	return 0;
}

int nt_conflist_read(struct nt_slice text, struct nt_conflist *ret_conflist, struct nt_err *err)
{
	struct nt_conflist c = { .kind = NT_CONFLIST_LIST };
	struct nt_slice root;
	int r = take_root(text, &root, err);

	if (r == 0)
		r = read_root(root, &c, err);
	if (r == 0)
		*ret_conflist = c;
	return r;
}

static int check_version(struct nt_slice value, struct nt_err *err)
{
	char text[32];

	if (!nt_jsonspan_text(value, text, sizeof(text)))
		return nt_err_set(err, ENOTSUP, "a CNI version is no text");
	for (size_t i = 0; i < NT_ARRAY_LEN(versions); i++) {
		if (strcmp(versions[i], text) == 0)
			return 0;
	}
	nt_escape_ascii(text);
	return nt_err_set(err, ENOTSUP, "CNI version \"%s\"; the plugin speaks %s to %s", text,
			  versions[0], versions[NT_ARRAY_LEN(versions) - 1]);
}

int nt_conflist_check_version(struct nt_slice text, struct nt_err *err)
{
	struct nt_slice root, version, list, key, value;
	bool any = false;
	int r = take_root(text, &root, err);

	if (r < 0)
		return r;
	version = nt_jsonspan_find(root, "cniVersion");
	list = nt_jsonspan_find(root, "cniVersions");
	if (list.p && list.p[0] == '[') {
		struct nt_jsonspan s = nt_jsonspan_open(list);

		for (; r == 0 && nt_jsonspan_next(&s, &key, &value); any = true)
			r = check_version(value, err);
	}
	if (r == 0 && version.p)
		r = check_version(version, err);
	if (r == 0 && !version.p && !any)
		r = nt_err_set(err, ENOTSUP,
			       "no \"cniVersion\": runtimes take it for 0.1.0, which "
			       "chains no plugins");
	return r;
}

/* --- writing --- */

static int finish(const struct nt_buf *out, int changed, struct nt_err *err)
{
	return nt_buf_ok(out) ? changed : nt_err_set(err, ENOMEM, "no memory for a configuration");
}

static void put_range(struct nt_buf *out, const char *from, const char *to)
{
	nt_buf_add(out, from, (size_t)(to - from));
}

static struct nt_slice space_before(const char *p)
{
	const char *from = p;

	while (strchr(" \t\r\n", from[-1])) /* a comma or the bracket ends it */
		from--;
	return nt_slice_mem(from, (size_t)(p - from));
}

/*
 * The text without our entries. Each goes with what stands between it and the entry before it, or,
 * when it is the first, with what stands between it and the next one: so the brackets' own space
 * stays. Returns where the last entry that is left ends in out, and in *ret_gap the space that
 * stood before it.
 */
static size_t put_others(struct nt_slice text, struct nt_slice list, struct nt_buf *out,
			 struct nt_slice *ret_gap)
{
	struct nt_jsonspan s = nt_jsonspan_open(list);
	const char *copied = text.p; /* so far; NULL: goes on at the next entry */
	struct nt_slice key, entry;
	size_t last_end = 0;

	while (nt_jsonspan_next(&s, &key, &entry)) {
		if (!copied)
			copied = entry.p;
		if (!is_ours(entry)) {
			put_range(out, copied, entry.p + entry.len);
			last_end = out->len;
			*ret_gap = space_before(entry.p);
			copied = entry.p + entry.len;
		} else if (last_end) {
			copied = entry.p + entry.len;
		} else {
			put_range(out, copied, entry.p);
			copied = NULL;
		}
	}
	put_range(out, copied, text.p + text.len);
	return last_end;
}

static int others_of(struct nt_slice text, struct nt_conflist *c, struct nt_slice *ret_list,
		     struct nt_err *err)
{
	struct nt_slice root;
	int r = nt_conflist_read(text, c, err);

	if (r == 0)
		r = take_root(text, &root, err);
	if (r < 0)
		return r;
	if (c->kind != NT_CONFLIST_LIST)
		return nt_err_set(err, EINVAL, "one plugin's configuration, no list");
	if (c->ours == c->plugins)
		return nt_err_set(err, EINVAL, "no plugin but ours in the list");
	*ret_list = nt_jsonspan_find(root, "plugins");
	return 0;
}

int nt_conflist_add(struct nt_slice text, struct nt_slice entry, bool keep, struct nt_buf *out,
		    struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf others = {};
	struct nt_slice list, gap = { NULL, 0 };
	struct nt_conflist c;
	size_t at;
	int r = others_of(text, &c, &list, err);

	if (r < 0)
		return r;
	if (c.ours == 1 && c.last && (keep || nt_conflist_same(c.entry, entry)))
		return 0;
	at = put_others(text, list, &others, &gap);
	if (!nt_buf_ok(&others))
		return finish(&others, 1, err);
	nt_buf_add(out, others.p, at);
	nt_buf_putc(out, ',');
	nt_buf_slice(out, gap);
	nt_buf_slice(out, entry);
	nt_buf_add(out, others.p + at, others.len - at);
	return finish(out, 1, err);
}

int nt_conflist_remove(struct nt_slice text, struct nt_buf *out, struct nt_err *err)
{
	struct nt_slice list, gap;
	struct nt_conflist c;
	int r = nt_conflist_read(text, &c, err);

	if (r < 0 || c.ours == 0)
		return r;
	r = others_of(text, &c, &list, err);
	if (r < 0)
		return r;
	(void)put_others(text, list, out, &gap);
	return finish(out, 1, err);
}

int nt_conflist_of_conf(struct nt_slice text, const char *from, struct nt_slice entry,
			struct nt_buf *out, struct nt_err *err)
{
	struct nt_slice root, version;
	struct nt_conflist c;
	int r = nt_conflist_read(text, &c, err);

	if (r == 0)
		r = take_root(text, &root, err);
	if (r < 0)
		return r;
	if (c.kind != NT_CONFLIST_SINGLE)
		return nt_err_set(err, EINVAL,
				  "a list of plugins, where one plugin's "
				  "configuration should be");
	if (is_ours(root))
		return nt_err_set(err, EINVAL, "our own entry as a network");
	version = nt_jsonspan_find(root, "cniVersion");
	nt_buf_puts(out, "{\n  \"cniVersion\": ");
	nt_buf_slice(out, version.p ? version : NT_SLICE_LIT("\"\""));
	nt_buf_puts(out, ",\n  \"name\": ");
	nt_buf_slice(out, nt_jsonspan_find(root, "name"));
	nt_buf_puts(out, ",\n  \"" NT_CONFLIST_FROM "\": ");
	nt_escape_json_string(out, nt_slice_str(from));
	nt_buf_puts(out, ",\n  \"plugins\": [\n    ");
	nt_buf_slice(out, root);
	nt_buf_puts(out, ",\n    ");
	nt_buf_slice(out, entry);
	nt_buf_puts(out, "\n  ]\n}\n");
	return finish(out, 0, err);
}

bool nt_conflist_same(struct nt_slice a, struct nt_slice b)
{
	const size_t flags = JSON_DECODE_INT_AS_REAL | JSON_ALLOW_NUL | JSON_DECODE_ANY;
	json_auto_t *x = json_loadb(a.p ? a.p : "", a.len, flags, NULL);
	json_auto_t *y = json_loadb(b.p ? b.p : "", b.len, flags, NULL);

	return nt_slice_eq(a, b) || (x && y && json_equal(x, y));
}
