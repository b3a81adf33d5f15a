/* SPDX-License-Identifier: Apache-2.0 */
/* Where the API is: a pod's service account, kubeconfigs, base64, Status objects. */
#include "lib/kube/config.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/base/base64.h"
#include "lib/base/file.h"
#include "lib/kube/client.h"
#include "lib/kube/name.h"
#include "tests/unit/suite.h"

static int parse(const char *text, struct nt_kube_config *ret, struct nt_err *err)
{
	return nt_kube_config_parse(nt_slice_str(text), "/etc/kube", ret, err);
}

/* As kubeadm writes it (data cut). */
static const char admin[] = "apiVersion: v1\n"
			    "clusters:\n"
			    "- cluster:\n"
			    "    certificate-authority-data: LS0tLS1CRUdJTi0t\n"
			    "    server: https://172.30.0.10:6443/\n"
			    "  name: kubernetes\n"
			    "contexts:\n"
			    "- context: {cluster: other, user: other}\n"
			    "  name: other\n"
			    "- context:\n"
			    "    cluster: kubernetes\n"
			    "    user: kubernetes-admin\n"
			    "  name: kubernetes-admin@kubernetes\n"
			    "current-context: kubernetes-admin@kubernetes\n"
			    "kind: Config\n"
			    "preferences: {}\n"
			    "users:\n"
			    "- name: kubernetes-admin\n"
			    "  user:\n"
			    "    client-certificate-data: Y2VydA==\n"
			    "    client-key-data: a2V5\n";

START_TEST(admin_conf)
{
	struct nt_kube_config c;
	struct nt_err err = { 0 };

	ck_assert_msg(parse(admin, &c, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(c.server, "https://172.30.0.10:6443");
	ck_assert(nt_slice_eq(c.ca, NT_SLICE_LIT("-----BEGIN--")));
	ck_assert(nt_slice_eq(c.cert, NT_SLICE_LIT("cert")));
	ck_assert(nt_slice_eq(c.key, NT_SLICE_LIT("key")));
	ck_assert_ptr_null(c.token);
	ck_assert_ptr_null(c.ca_file);
	ck_assert(!c.insecure);
	nt_kube_config_done(&c);
}
END_TEST

#define HEAD                                                                                    \
	"current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: " \
	"[{name: c, cluster: {server: 'https://api:6443'"

START_TEST(files_and_token)
{
	struct nt_kube_config c;
	struct nt_err err = { 0 };

	ck_assert_msg(parse(HEAD
			    ", certificate-authority: ca.crt, insecure-skip-tls-verify: true}}]\n"
			    "users: [{name: u, user: {tokenFile: /run/t, client-certificate: "
			    "pki/a.crt, client-key: pki/a.key}}]\n",
			    &c, &err) == 0,
		      "%s", err.msg);
	ck_assert_str_eq(c.ca_file, "/etc/kube/ca.crt");
	ck_assert_str_eq(c.token_file, "/run/t");
	ck_assert_str_eq(c.cert_file, "/etc/kube/pki/a.crt");
	ck_assert_str_eq(c.key_file, "/etc/kube/pki/a.key");
	ck_assert(c.insecure);
	nt_kube_config_done(&c);
	ck_assert_msg(parse(HEAD "}}]\nusers: [{name: u, user: {token: abc}}]\n", &c, &err) == 0,
		      "%s", err.msg);
	ck_assert_str_eq(c.token, "abc");
	nt_kube_config_done(&c);
}
END_TEST

/* Each would be another identity, or trust in another server, than the file asks for. */
static const struct {
	const char *text, *words;
} refused[] = {
	{ "", "it has no keys" },
	{ "{", "line 2" },
	{ "[]", "it has no keys" },
	{ "a: b", "contexts: there is none named \"\"" },
	{ "current-context: x", "contexts: there is none named \"x\"" },
	{ "current-context: 5", "current-context: must be a string" },
	{ "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]",
	  "clusters: there is none named \"c\"" },
	{ HEAD "}}]\n", "users: there is none named \"u\"" },
	{ HEAD ", proxy-url: 'http://p'}}]\nusers: [{name: u, user: {token: t}}]\n",
	  "proxy-url: is not supported" },
	{ HEAD ", tls-server-name: x}}]\nusers: [{name: u, user: {token: t}}]\n",
	  "tls-server-name: is not supported" },
	{ HEAD ", certificate-authority-data: '*'}}]\nusers: [{name: u, user: {token: t}}]\n",
	  "certificate-authority-data: must be base64" },
	{ HEAD "}}]\nusers: [{name: u, user: {exec: {command: aws}}}]\n",
	  "exec: is not supported" },
	{ HEAD "}}]\nusers: [{name: u, user: {username: admin, password: x}}]\n",
	  "username: is not supported" },
	{ HEAD "}}]\nusers: [{name: u, user: {token: t, as: root}}]\n", "as: is not supported" },
	{ HEAD "}}]\nusers: [{name: u, user: {client-certificate-data: Y2VydA==}}]\n",
	  "certificate and key belong together" },
	{ "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n"
	  "clusters: [{name: c, cluster: {server: 'ftp://x'}}]",
	  "server: must be an https:// URL" },
	{ "current-context: a\ncontexts: [{name: a, context: {cluster: c}}]\n"
	  "clusters: [{name: c, cluster: {server: 'https://x/?a'}}]",
	  "server: must be an https:// URL" },
};

START_TEST(refused_with_reason)
{
	struct nt_kube_config c;
	struct nt_err err = { 0 };

	ck_assert_int_lt(parse(refused[_i].text, &c, &err), 0);
	ck_assert_msg(strstr(err.msg, refused[_i].words) != NULL, "%s", err.msg);
}
END_TEST

START_TEST(service_account)
{
	char dir[] = "/tmp/nt-kube-XXXXXX", token[64], namespace_[64];
	struct nt_kube_config c;
	struct nt_err err = { 0 };

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(token, sizeof(token), "%s/token", dir);
	unsetenv("KUBERNETES_SERVICE_HOST");
	ck_assert_int_eq(nt_kube_config_in_cluster(dir, &c, &err), -ENOENT);
	setenv("KUBERNETES_SERVICE_HOST", "fd00::1", 1);
	setenv("KUBERNETES_SERVICE_PORT", "443", 1);
	ck_assert_int_eq(nt_kube_config_in_cluster(dir, &c, &err), -ENOENT);
	ck_assert(strstr(err.msg, "no service account"));
	ck_assert_int_eq(nt_file_replace_at(AT_FDCWD, token, NT_SLICE_LIT("t"), 0600, &err), 0);
	ck_assert_msg(nt_kube_config_in_cluster(dir, &c, &err) == 0, "%s", err.msg);
	ck_assert_str_eq(c.server, "https://[fd00::1]:443");
	ck_assert_str_eq(c.token_file, token);
	ck_assert_ptr_null(c.namespace_);
	nt_kube_config_done(&c);
	snprintf(namespace_, sizeof(namespace_), "%s/namespace", dir);
	ck_assert_int_eq(
		nt_file_replace_at(AT_FDCWD, namespace_, NT_SLICE_LIT("dns\n"), 0600, &err), 0);
	ck_assert_int_eq(nt_kube_config_in_cluster(dir, &c, &err), 0);
	ck_assert_str_eq(c.namespace_, "dns");
	nt_kube_config_done(&c);
	setenv("KUBERNETES_SERVICE_HOST", "10.96.0.1/x@y", 1);
	ck_assert_int_eq(nt_kube_config_in_cluster(dir, &c, &err), -EINVAL);
	unlink(namespace_);
	unlink(token);
	rmdir(dir);
}
END_TEST

static const struct {
	const char *text, *octets; /* NULL: refused */
} base64s[] = {
	{ "", "" },	    { "Zg==", "f" },	  { "Zg", "f" },	 { "Zm8=", "fo" },
	{ "Zm9v", "foo" },  { "Zm9vYg", "foob" }, { "_-8", "\xff\xef" }, { "/+8=", "\xff\xef" },
	{ "Z", NULL },	    { "Zg=", NULL },	  { "Zg===", NULL },	 { "Z===", NULL },
	{ "Zm9v\n", NULL }, { "Z g=", NULL },	  { "=", NULL },	 { "==", NULL },
};

START_TEST(base64)
{
	_cleanup_buf_ struct nt_buf out = { 0 };
	int r = nt_base64_decode(nt_slice_str(base64s[_i].text), &out);

	ck_assert_int_eq(r, base64s[_i].octets ? 0 : -EBADMSG);
	if (r == 0)
		ck_assert_str_eq(nt_buf_str(&out), base64s[_i].octets);
}
END_TEST

static const struct {
	const char *text, *namespace_, *name; /* NULL: refused */
} names[] = {
	{ "nametap/nametap-agent", "nametap", "nametap-agent" },
	{ "a/b.c", "a", "b.c" },
	{ "a", NULL, NULL },
	{ "a/", NULL, NULL },
	{ "/b", NULL, NULL },
	{ "a/b/c", NULL, NULL },
	{ "a/..", NULL, NULL },
	{ "a/b?x=1", NULL, NULL },
	{ "A/b", NULL, NULL },
	{ "a.b/c", NULL, NULL },
};

START_TEST(names_of_objects)
{
	struct nt_kube_name n = { .name = "untouched" };
	int r = nt_kube_name_parse(names[_i].text, &n);

	ck_assert_int_eq(r, names[_i].name ? 0 : -EINVAL);
	ck_assert_str_eq(n.name, names[_i].name ? names[_i].name : "untouched");
	if (r == 0)
		ck_assert_str_eq(n.namespace_, names[_i].namespace_);
}
END_TEST

START_TEST(names_by_default)
{
	struct nt_kube_name n;

	ck_assert_int_eq(nt_kube_name_or("a/b", "x", "c", &n), 0);
	ck_assert_str_eq(n.namespace_, "a");
	ck_assert_int_eq(nt_kube_name_or(NULL, "x", "c", &n), 0);
	ck_assert_str_eq(n.namespace_, "x");
	ck_assert_str_eq(n.name, "c");
	ck_assert_int_eq(nt_kube_name_or(NULL, NULL, "c", &n), 0);
	ck_assert_str_eq(n.namespace_, "nametap");
}
END_TEST

START_TEST(status_objects)
{
	struct nt_kube_status s;

	ck_assert(!nt_kube_status_parse(NT_SLICE_LIT(""), &s));
	ck_assert(!nt_kube_status_parse(NT_SLICE_LIT("404 page not found\n"), &s));
	ck_assert(!nt_kube_status_parse(NT_SLICE_LIT("{\"kind\":\"Pod\"}"), &s));
	ck_assert(nt_kube_status_parse(
		NT_SLICE_LIT("{\"kind\":\"Status\",\"message\":\"a\\nb\",\"reason\":\"NotFound\","
			     "\"details\":{\"name\":\"none\",\"kind\":\"pods\"},\"code\":404}"),
		&s));
	ck_assert_str_eq(s.reason, "NotFound");
	ck_assert_str_eq(s.message, "a?b");
	ck_assert_str_eq(s.kind, "pods");
	ck_assert_str_eq(s.name, "none");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("kube_config");
	TCase *tc = tcase_create("all");

	tcase_add_test(tc, admin_conf);
	tcase_add_test(tc, files_and_token);
	tcase_add_loop_test(tc, refused_with_reason, 0, (int)(sizeof(refused) / sizeof(*refused)));
	tcase_add_test(tc, service_account);
	tcase_add_loop_test(tc, base64, 0, (int)(sizeof(base64s) / sizeof(*base64s)));
	tcase_add_loop_test(tc, names_of_objects, 0, sizeof(names) / sizeof(names[0]));
	tcase_add_test(tc, names_by_default);
	tcase_add_test(tc, status_objects);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
