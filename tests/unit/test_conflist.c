/* SPDX-License-Identifier: Apache-2.0 */
/* Our entry in and out of network configurations: nothing else changes, not by one octet. */
#include "dataplane/installer/conflist.h"

#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>

#include "cni/config.h"
#include "dataplane/installer/jsonspan.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "tests/unit/suite.h"

#define DATA "tests/unit/data/conflist"
#define ENTRY "{\"type\": \"nametap\", \"capabilities\": {\"dns\": true}}"

static const struct nt_slice entry = NT_SLICE_LIT(ENTRY);

static struct nt_slice slice_of(const struct nt_buf *b)
{
	return nt_slice_mem(nt_buf_str(b), b->len);
}

static void read_data(const char *name, struct nt_buf *text)
{
	char path[512];

	snprintf(path, sizeof(path), DATA "/%s", name);
	ck_assert_int_eq(nt_file_read_at(AT_FDCWD, path, NT_CONFLIST_MAX, text, NULL), 0);
}

static void check_added(struct nt_slice before, struct nt_slice after)
{
	json_auto_t *a = json_loadb(before.p, before.len, 0, NULL);
	json_auto_t *b = json_loadb(after.p, after.len, 0, NULL);
	json_t *list;
	size_t n;

	if (!a) /* octets that are not UTF-8: libcni takes them, jansson does not */
		return;
	ck_assert_ptr_nonnull(b);
	list = json_object_get(b, "plugins");
	n = json_array_size(list);
	ck_assert_str_eq(json_string_value(json_object_get(json_array_get(list, n - 1), "type")),
			 "nametap");
	json_array_remove(list, n - 1);
	ck_assert(json_equal(a, b));
}

START_TEST(add_then_remove_is_nothing)
{
	_cleanup_closedir_ DIR *dir = opendir(DATA);
	const struct dirent *file;
	unsigned n = 0;

	ck_assert_ptr_nonnull(dir);
	while ((file = readdir(dir))) {
		_cleanup_buf_ struct nt_buf text = {}, added = {}, again = {}, removed = {};
		struct nt_conflist c;
		struct nt_err err;

		if (!strstr(file->d_name, ".conflist"))
			continue;
		read_data(file->d_name, &text);
		ck_assert_msg(nt_conflist_read(slice_of(&text), &c, &err) == 0, "%s: %s",
			      file->d_name, err.msg);
		ck_assert_uint_eq(c.ours, 0);
		ck_assert_int_eq(nt_conflist_check_version(slice_of(&text), &err), 0);
		ck_assert_int_eq(nt_conflist_add(slice_of(&text), entry, false, &added, &err), 1);
		check_added(slice_of(&text), slice_of(&added));
		ck_assert_int_eq(nt_conflist_add(slice_of(&added), entry, false, &again, &err), 0);
		ck_assert_int_eq(nt_conflist_remove(slice_of(&added), &removed, &err), 1);
		ck_assert(nt_slice_eq(slice_of(&removed), slice_of(&text)));
		ck_assert_int_eq(nt_conflist_remove(slice_of(&text), &again, &err), 0);
		n++;
	}
	ck_assert_uint_ge(n, 9);
}
END_TEST

/* Texts around `plugins`, before and after; and what removing leaves, when that is not `before`. */
static const struct edit {
	const char *before, *after, *removed;
} edits[] = {
	{ "[{\"type\":\"a\"}]", "[{\"type\":\"a\"}," ENTRY "]", NULL },
	{ "[ {\"type\":\"a\"} ]", "[ {\"type\":\"a\"}, " ENTRY " ]", NULL },
	{ "[\n\t{\"type\":\"a\"}\n]", "[\n\t{\"type\":\"a\"},\n\t" ENTRY "\n]", NULL },
	{ "[{\"type\":\"a\"},\n {\"type\":\"b\"}\n]",
	  "[{\"type\":\"a\"},\n {\"type\":\"b\"},\n " ENTRY "\n]", NULL },
	{ "[{\"type\":\"a\"} , {\"type\":\"b\"}]",
	  "[{\"type\":\"a\"} , {\"type\":\"b\"}, " ENTRY "]", NULL },
	/* Ours in other places moves to the end. */
	{ "[{\"type\":\"nametap\"}, {\"type\":\"a\"}]", "[{\"type\":\"a\"}, " ENTRY "]",
	  "[{\"type\":\"a\"}]" },
	{ "[ {\"type\":\"nametap\"},{\"type\":\"nametap\"},  {\"type\":\"a\"} ]",
	  "[ {\"type\":\"a\"},  " ENTRY " ]", "[ {\"type\":\"a\"} ]" },
	{ "[{\"type\":\"a\"}, {\"type\":\"nametap\"} , {\"type\":\"b\"}]",
	  "[{\"type\":\"a\"} , {\"type\":\"b\"}, " ENTRY "]",
	  "[{\"type\":\"a\"} , {\"type\":\"b\"}]" },
	{ "[{\"type\":\"a\"},{\"type\":\"nametap\"},{\"type\":\"nametap\"}]",
	  "[{\"type\":\"a\"}," ENTRY "]", "[{\"type\":\"a\"}]" },
	/* What only looks like ours. */
	{ "[{\"type\":\"nametap2\",\"t\":\"nametap\",\"x\":{\"type\":\"nametap\"}}]",
	  "[{\"type\":\"nametap2\",\"t\":\"nametap\",\"x\":{\"type\":\"nametap\"}}," ENTRY "]",
	  NULL },
	/* The last key of a name counts, and escapes are names, too. */
	{ "[{\"type\":\"a\"},{\"type\":\"x\",\"\\u0074ype\":\"name\\u0074ap\"}]",
	  "[{\"type\":\"a\"}," ENTRY "]", "[{\"type\":\"a\"}]" },
};

static void around(struct nt_buf *text, const char *plugins)
{
	nt_buf_printf(text, " {\"name\": \"n\", \"plugins\": %s,\"z\":[1,{}]}\n", plugins);
}

START_TEST(entry_is_put_last)
{
	const struct edit *e = &edits[_i];
	_cleanup_buf_ struct nt_buf before = {}, after = {}, out = {}, removed = {}, left = {};
	struct nt_err err;

	around(&before, e->before);
	around(&after, e->after);
	around(&removed, e->removed ? e->removed : e->before);
	ck_assert_int_eq(nt_conflist_add(slice_of(&before), entry, false, &out, &err), 1);
	ck_assert_str_eq(nt_buf_str(&out), nt_buf_str(&after));
	ck_assert_int_eq(nt_conflist_remove(slice_of(&out), &left, &err), 1);
	ck_assert_str_eq(nt_buf_str(&left), nt_buf_str(&removed));
}
END_TEST

START_TEST(an_entry_of_other_keys_is_kept_or_replaced)
{
	_cleanup_buf_ struct nt_buf text = {}, out = {};
	struct nt_err err;

	around(&text, "[{\"type\":\"a\"},{\"type\":\"nametap\",\"onAttachError\":\"Fail\"}]");
	ck_assert_int_eq(nt_conflist_add(slice_of(&text), entry, true, &out, &err), 0);
	ck_assert_uint_eq(out.len, 0);
	ck_assert_int_eq(nt_conflist_add(slice_of(&text), entry, false, &out, &err), 1);
	ck_assert_ptr_nonnull(strstr(nt_buf_str(&out), ENTRY));
	/* The same value in another spelling stays. */
	nt_buf_reset(&text);
	nt_buf_reset(&out);
	around(&text, "[{\"type\":\"a\"},{\"capabilities\":{\"dns\":true},\"type\":\"nametap\"}]");
	ck_assert_int_eq(nt_conflist_add(slice_of(&text), entry, false, &out, &err), 0);
}
END_TEST

static const struct refused {
	const char *text;
	int code;
	const char *msg;
} refused[] = {
	{ "", EBADMSG, "line 1: the text ends where a value should be" },
	{ " \n\n ", EBADMSG, "line 3: the text ends where a value should be" },
	{ "\xef\xbb\xbf{}", EBADMSG, "line 1: no value" },
	{ "{\n\"name\": \"n\",\n\"plugins\": [{\"type\": \"a\"}", EBADMSG,
	  "line 3: the text ends inside of brackets" },
	{ "{\n\"name\": \"n\",\n\"plu", EBADMSG, "line 3: the text ends inside of a string" },
	{ "{\"a\":1,}", EBADMSG, "line 1: no key in quotes" },
	{ "{\"a\":01}", EBADMSG, "line 1: no comma between values" },
	{ "{\"a\":-}", EBADMSG, "line 1: a number without a digit" },
	{ "{\"a\":1.}", EBADMSG, "line 1: a number without a digit" },
	{ "{\"a\":\"\\x\"}", EBADMSG, "line 1: no such escape in a string" },
	{ "{\"a\":\"\\u12g4\"}", EBADMSG,
	  "line 1: \\u is not followed by four hexadecimal digits" },
	{ "{\"a\":\"\n\"}", EBADMSG, "line 1: a control character in a string" },
	{ "{} x", EBADMSG, "line 1: something behind the value" },
	{ "{\"a\" 1}", EBADMSG, "line 1: no colon behind a key" },
	{ "[]", EINVAL, "JSON, but no object" },
	{ "{}", EINVAL, "\"name\" is no text of 1 to 127 octets" },
	{ "{\"name\":\"\"}", EINVAL, "\"name\" is no text of 1 to 127 octets" },
	{ "{\"name\":\"n\"}", EINVAL, "neither \"plugins\" nor \"type\"" },
	{ "{\"name\":\"n\",\"plugins\":{}}", EINVAL, "\"plugins\" is no list" },
	{ "{\"name\":\"n\",\"plugins\":[]}", EINVAL, "\"plugins\" is empty" },
	{ "{\"name\":\"n\",\"plugins\":[1]}", EINVAL, "entry 1 of \"plugins\" is no object" },
	{ "{\"name\":\"n\",\"plugins\":[{\"type\":\"a\"},{}]}", EINVAL,
	  "entry 2 of \"plugins\" has no \"type\"" },
	{ "{\"name\":\"n\",\"type\":\"a\"}", EINVAL, "one plugin's configuration, no list" },
	{ "{\"name\":\"n\",\"plugins\":[{\"type\":\"nametap\"}]}", EINVAL,
	  "no plugin but ours in the list" },
};

START_TEST(what_is_no_list_is_refused)
{
	const struct refused *c = &refused[_i];
	_cleanup_buf_ struct nt_buf out = {};
	struct nt_err err;

	ck_assert_int_eq(nt_conflist_add(nt_slice_str(c->text), entry, false, &out, &err),
			 -c->code);
	ck_assert_str_eq(err.msg, c->msg);
	ck_assert_uint_eq(out.len, 0);
}
END_TEST

START_TEST(every_beginning_of_a_file_is_half)
{
	_cleanup_buf_ struct nt_buf text = {};
	struct nt_conflist c;
	struct nt_err err;

	read_data("10-calico.conflist", &text);
	for (size_t len = 0; len + 2 < text.len; len++) {
		/* A copy of exactly this size: reading past it is seen by ASan. */
		_cleanup_free_ char *part = malloc(len ? len : 1);

		memcpy(part, text.p, len);
		ck_assert_int_eq(nt_conflist_read(nt_slice_mem(part, len), &c, &err), -EBADMSG);
	}
}
END_TEST

START_TEST(deep_and_large_is_refused)
{
	_cleanup_buf_ struct nt_buf text = {};
	struct nt_conflist c;
	struct nt_err err;

	for (int i = 0; i < 100000; i++)
		nt_buf_putc(&text, '[');
	ck_assert_int_eq(nt_conflist_read(slice_of(&text), &c, &err), -EBADMSG);
	ck_assert_str_eq(err.msg, "line 1: nested too deep");
	for (int i = 0; i < NT_CONFLIST_MAX; i++)
		nt_buf_putc(&text, ' ');
	ck_assert_int_eq(nt_conflist_read(slice_of(&text), &c, &err), -EFBIG);
}
END_TEST

START_TEST(a_conf_becomes_a_list)
{
	_cleanup_buf_ struct nt_buf text = {}, list = {};
	json_auto_t *root = NULL, *plugin = NULL;
	struct nt_conflist c;
	struct nt_err err;

	read_data("10-mynet.conf", &text);
	ck_assert_int_eq(nt_conflist_of_conf(slice_of(&text), "10-mynet.conf", entry, &list, &err),
			 0);
	ck_assert_int_eq(nt_conflist_read(slice_of(&list), &c, &err), 0);
	ck_assert_int_eq(c.kind, NT_CONFLIST_LIST);
	ck_assert_str_eq(c.network, "mynet");
	ck_assert_str_eq(c.from, "10-mynet.conf");
	ck_assert(c.plugins == 2 && c.ours == 1 && c.last);
	root = json_loads(nt_buf_str(&list), 0, NULL);
	plugin = json_loads(nt_buf_str(&text), 0, NULL);
	ck_assert(json_equal(json_array_get(json_object_get(root, "plugins"), 0), plugin));
	ck_assert_str_eq(json_string_value(json_object_get(root, "cniVersion")), "0.4.0");
	nt_buf_reset(&text);
	read_data("10-calico.conflist", &text);
	ck_assert_int_eq(nt_conflist_of_conf(slice_of(&text), "x", entry, &list, &err), -EINVAL);
}
END_TEST

START_TEST(what_is_read)
{
	_cleanup_buf_ struct nt_buf text = {};
	struct nt_conflist c;
	struct nt_err err;

	read_data("40-inlined.conflist", &text);
	ck_assert_int_eq(nt_conflist_read(slice_of(&text), &c, &err), 0);
	ck_assert(c.only_inlined);
	ck_assert_str_eq(c.network, "dropin");
	nt_buf_reset(&text);
	read_data("30-twice.conflist", &text);
	ck_assert_int_eq(nt_conflist_read(slice_of(&text), &c, &err), 0);
	ck_assert_uint_eq(c.plugins, 2); /* of the last "plugins" */
	ck_assert(!c.only_inlined);
}
END_TEST

static const struct version_case {
	const char *text;
	bool ok;
} version_cases[] = {
	{ "{\"cniVersion\":\"0.3.0\"}", true },
	{ "{\"cniVersion\":\"1.1.0\"}", true },
	{ "{\"cniVersions\":[\"0.4.0\",\"1.1.0\"]}", true },
	{ "{\"cniVersion\":\"0.4.0\",\"cniVersions\":[\"1.0.0\"]}", true },
	{ "{}", false },
	{ "{\"cniVersions\":[]}", false },
	{ "{\"cniVersion\":\"0.2.0\"}", false },
	{ "{\"cniVersion\":\"\"}", false },
	{ "{\"cniVersion\":1}", false },
	{ "{\"cniVersion\":\"1.2.0\"}", false },
	{ "{\"cniVersions\":[\"1.0.0\",\"1.2.0\"]}", false }, /* a newer runtime takes the latter */
};

START_TEST(versions_that_the_plugin_does_not_speak)
{
	struct nt_err err = {};
	int r = nt_conflist_check_version(nt_slice_str(version_cases[_i].text), &err);

	ck_assert_int_eq(r, version_cases[_i].ok ? 0 : -ENOTSUP);
	ck_assert(version_cases[_i].ok || strstr(err.msg, "ersion"));
}
END_TEST

START_TEST(versions_are_the_plugins)
{
	for (int i = 0; nt_cni_versions[i]; i++) {
		_cleanup_buf_ struct nt_buf text = {};
		struct nt_err err;

		nt_buf_printf(&text, "{\"cniVersion\":\"%s\"}", nt_cni_versions[i]);
		ck_assert_int_eq(nt_conflist_check_version(slice_of(&text), &err), 0);
	}
}
END_TEST

static const struct string_case {
	const char *json, *text; /* NULL: refused */
} string_cases[] = {
	{ "\"\"", "" },
	{ "\"a\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "a\"\\/\b\f\n\r\t" },
	{ "\"\\u00e9\\u20aC\"", "\xc3\xa9\xe2\x82\xac" },
	{ "\"\\ud83d\\ude00\"", "\xf0\x9f\x98\x80" },
	{ "\"\\ud83dx\\ude00\"", "\xef\xbf\xbdx\xef\xbf\xbd" },
	{ "\"\\ud83d\\u0041\"", "\xef\xbf\xbd"
				"A" },
	{ "\"a\\u0000\"", NULL },
	{ "\"0123456789abcde\"", "0123456789abcde" },
	{ "\"0123456789abcdef\"", NULL },
	{ "7", NULL },
};

START_TEST(strings_are_decoded)
{
	const struct string_case *c = &string_cases[_i];
	char text[16];

	ck_assert_int_eq(nt_jsonspan_text(nt_slice_str(c->json), text, sizeof(text)), !!c->text);
	if (c->text)
		ck_assert_str_eq(text, c->text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("conflist");
	TCase *tc = tcase_create("all");

	tcase_add_test(tc, add_then_remove_is_nothing);
	tcase_add_loop_test(tc, entry_is_put_last, 0, NT_ARRAY_LEN(edits));
	tcase_add_test(tc, an_entry_of_other_keys_is_kept_or_replaced);
	tcase_add_loop_test(tc, what_is_no_list_is_refused, 0, NT_ARRAY_LEN(refused));
	tcase_add_test(tc, every_beginning_of_a_file_is_half);
	tcase_add_test(tc, deep_and_large_is_refused);
	tcase_add_test(tc, a_conf_becomes_a_list);
	tcase_add_test(tc, what_is_read);
	tcase_add_loop_test(tc, versions_that_the_plugin_does_not_speak, 0,
			    NT_ARRAY_LEN(version_cases));
	tcase_add_test(tc, versions_are_the_plugins);
	tcase_add_loop_test(tc, strings_are_decoded, 0, NT_ARRAY_LEN(string_cases));
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
