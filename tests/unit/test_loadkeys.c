/* SPDX-License-Identifier: Apache-2.0 */
/* Ports and ring: what is said, what is pinned, what comes of it. */
#include "dataplane/taps/loadkeys.h"

#include <check.h>
#include <errno.h>
#include <jansson.h>
#include <string.h>

#include "tests/unit/suite.h"

#define PINNED "{\"ports\":[53,1053],\"serverPorts\":[5353],\"ringBytes\":65536}"
#define RING "ring of 4096 KiB"

static const struct {
	const char *said, *pinned, *text;
} cases[] = {
	{ "{}", NULL, "DNS ports 53, " RING },
	{ "{\"serverPorts\":[5353]}", NULL, "DNS ports 53, of servers 5353, " RING },
	{ "{\"ports\":[5353,1053,5353]}", NULL, "DNS ports 5353 1053, " RING },
	{ "{\"ringBytes\":16384}", NULL, "DNS ports 53, ring of 16 KiB" },
	{ "{\"ports\":[65532,65533,65534,65535],\"serverPorts\":[65532,65533,65534,65535],"
	  "\"ringBytes\":1073741824}",
	  NULL,
	  "DNS ports 65532 65533 65534 65535, of servers 65532 65533 65534 65535, "
	  "ring of 1048576 KiB" },
	{ "{}", PINNED, "DNS ports 53 1053, of servers 5353, ring of 64 KiB" },
	{ "{\"ports\":[53]}", PINNED, "DNS ports 53, ring of 64 KiB" },
	{ "{\"serverPorts\":[8053]}", PINNED, "DNS ports 53, of servers 8053, ring of 64 KiB" },
	{ "{\"ringBytes\":16384}", PINNED, "DNS ports 53 1053, of servers 5353, ring of 64 KiB" },
};

static struct nt_loadkeys parsed(const char *text)
{
	json_auto_t *object = json_loads(text, 0, NULL);
	struct nt_loadkeys keys;
	struct nt_err err = { 0 };

	ck_assert_msg(nt_loadkeys_parse(object, &keys, &err) == 0, "%s: %s", text, err.msg);
	return keys;
}

START_TEST(decided)
{
	struct nt_loadkeys said = parsed(cases[_i].said), pinned, due;
	char text[NT_LOADKEYS_TEXT];

	if (cases[_i].pinned)
		pinned = parsed(cases[_i].pinned);
	due = nt_loadkeys_decide(&said, cases[_i].pinned ? &pinned : NULL);
	nt_loadkeys_format(&due, text);
	ck_assert_str_eq(text, cases[_i].text);
}
END_TEST

START_TEST(other_ports_are_told_apart)
{
	struct nt_loadkeys a = parsed(PINNED), b = a;

	ck_assert(nt_loadkeys_same_ports(&a, &b));
	b.ring_bytes = 0;
	ck_assert(nt_loadkeys_same_ports(&a, &b));
	b.server_ports[1] = 1;
	ck_assert(!nt_loadkeys_same_ports(&a, &b));
}
END_TEST

/* Shapes of each key: test_cni_config. */
START_TEST(mistakes_change_nothing)
{
	json_auto_t *object = json_loads("{\"ports\":[54],\"serverPorts\":[0]}", 0, NULL);
	struct nt_loadkeys keys = parsed(PINNED), before = keys;
	struct nt_err err = { 0 };

	ck_assert_int_eq(nt_loadkeys_parse(object, &keys, &err), -EINVAL);
	ck_assert_str_eq(err.msg, "\"serverPorts\" must hold numbers from 1 to 65535");
	ck_assert_mem_eq(&keys, &before, sizeof(keys));
}
END_TEST

int main(void)
{
	Suite *s = suite_create("loadkeys");
	TCase *t = tcase_create("loadkeys");

	tcase_add_loop_test(t, decided, 0, (int)(sizeof(cases) / sizeof(cases[0])));
	tcase_add_test(t, other_ports_are_told_apart);
	tcase_add_test(t, mistakes_change_nothing);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
