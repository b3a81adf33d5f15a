/* SPDX-License-Identifier: Apache-2.0 */
/* Which pods are left alone, and which ones nothing may stop. */
#include "cni/standing.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/base/cleanup.h"
#include "tests/unit/suite.h"

#define HASH "0123456789abcdef0123456789abcdef"
#define UID "5f872824-d55e-4f59-8f0c-7d6b5a4c3b2a"
#define SOURCE(s)                                                                     \
	",\"runtimeConfig\":{\"io.kubernetes.cri.pod-annotations\":{\"kubernetes.io/" \
	"config.source\":" s "}}"

static const struct {
	const char *keys;
	const char *namespace_;
	const char *uid;
	bool is_excluded;
	bool is_vital;
} cases[] = {
	{ "", "shop", UID, false, false },
	{ "", "", "", false, false },
	{ "", "kube-system", UID, false, true },
	{ "", "kube-system2", UID, false, false },
	{ "", "nametap", UID, false, true },
	{ ",\"ownNamespace\":\"dns-watch\"", "nametap", UID, false, false },
	{ ",\"ownNamespace\":\"dns-watch\"", "dns-watch", UID, false, true },
	/* A static pod's UID is the hash of its manifest, or what the manifest says. */
	{ "", "shop", HASH, false, true },
	{ "", "shop", HASH "0", false, false },
	{ "", "shop", "0123456789ABCDEF0123456789ABCDEF", false, false },
	{ SOURCE("\"file\""), "shop", UID, false, true },
	{ SOURCE("\"http\""), "shop", UID, false, true },
	{ SOURCE("\"api\""), "shop", UID, false, false },
	{ SOURCE("7"), "shop", UID, false, false },
	{ ",\"runtimeConfig\":7", "shop", UID, false, false },
	{ ",\"excludeNamespaces\":[\"dev\",\"shop\"]", "shop", UID, true, false },
	{ ",\"excludeNamespaces\":[\"sho\",\"shop2\",\"\"]", "shop", UID, false, false },
	{ ",\"excludeNamespaces\":[\"\"]", "", UID, false, false },
	{ ",\"excludeNamespaces\":[]", "shop", UID, false, false },
	{ ",\"excludeNamespaces\":null", "shop", UID, false, false },
	{ ",\"excludeNamespaces\":[\"kube-system\"]", "kube-system", UID, true, true },
};

START_TEST(standing)
{
	_cleanup_config_ struct nt_cni_config c;
	struct nt_pod pod = {};
	char text[512];

	snprintf(text, sizeof(text), "{\"cniVersion\":\"1.0.0\",\"name\":\"n\"%s}", cases[_i].keys);
	ck_assert_int_eq(nt_cni_config_parse(nt_slice_str(text), &c, NULL), 0);
	memcpy(pod.namespace_, cases[_i].namespace_, strlen(cases[_i].namespace_));
	memcpy(pod.uid, cases[_i].uid, strlen(cases[_i].uid));
	ck_assert_int_eq(nt_cni_pod_is_excluded(&c, &pod), cases[_i].is_excluded);
	ck_assert_int_eq(nt_cni_pod_is_vital(&c, &pod), cases[_i].is_vital);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cni_standing");
	TCase *t = tcase_create("standing");

	tcase_add_loop_test(t, standing, 0, NT_ARRAY_LEN(cases));
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
