/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of our own, the one in use, and files that are renewed. */
#include "controller/tls/tls.h"

#include <check.h>
#include <fcntl.h>
#include <gnutls/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "controller/tls/cert.h"
#include "controller/tls/files.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "tests/unit/suite.h"

#define NOW_S 1790000000LL

static struct nt_err err;

static struct nt_slice text(const struct nt_buf *b)
{
	return nt_slice_mem(b->p, b->len);
}

static struct nt_cert new_authority(void)
{
	struct nt_cert ca = { 0 };

	ck_assert_msg(nt_cert_make_authority(NOW_S, &ca, &err) == 0, "%s", err.msg);
	return ca;
}

static gnutls_x509_crt_t crt_of(const struct nt_cert *c)
{
	gnutls_datum_t pem = { (unsigned char *)c->cert.p, (unsigned)c->cert.len };
	gnutls_x509_crt_t crt;

	ck_assert_int_eq(gnutls_x509_crt_init(&crt), 0);
	ck_assert_int_eq(gnutls_x509_crt_import(crt, &pem, GNUTLS_X509_FMT_PEM), 0);
	return crt;
}

START_TEST(server_is_of_the_authority_and_has_its_names)
{
	struct nt_cert ca = new_authority(), server = { 0 };
	gnutls_x509_crt_t issuer = crt_of(&ca), crt;
	gnutls_x509_trust_list_t trust;
	const unsigned char ip[] = { 10, 0, 0, 1 };
	unsigned verdict = 1;

	ck_assert_int_eq(ca.ends_s, NOW_S + NT_CERT_AUTHORITY_S);
	ck_assert_msg(nt_cert_make_server(&ca, "nametap-controller.nametap.svc,x.test,10.0.0.1,::1",
					  NOW_S, &server, &err) == 0,
		      "%s", err.msg);
	ck_assert_int_eq(server.ends_s, NOW_S + NT_CERT_SERVER_S);
	crt = crt_of(&server);
	ck_assert(gnutls_x509_crt_check_hostname(crt, "nametap-controller.nametap.svc"));
	ck_assert(gnutls_x509_crt_check_hostname(crt, "x.test"));
	ck_assert(!gnutls_x509_crt_check_hostname(crt, "y.test"));
	ck_assert(gnutls_x509_crt_check_ip(crt, ip, sizeof(ip), 0));
	ck_assert_int_eq(gnutls_x509_trust_list_init(&trust, 0), 0);
	ck_assert_int_eq(gnutls_x509_trust_list_add_cas(trust, &issuer, 1, 0), 1);
	ck_assert_int_eq(gnutls_x509_trust_list_verify_crt(
				 trust, &crt, 1, GNUTLS_VERIFY_DISABLE_TIME_CHECKS, &verdict, NULL),
			 0);
	ck_assert_uint_eq(verdict, 0);
	ck_assert_int_le(gnutls_x509_crt_get_activation_time(crt), NOW_S - NT_CERT_BEFORE_S);
	gnutls_x509_trust_list_deinit(trust, 0);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_crt_deinit(issuer);
	nt_cert_done(&server);
	nt_cert_done(&ca);
}
END_TEST

/* A server's certificate never outlives who signed it. */
START_TEST(server_ends_with_its_authority)
{
	struct nt_cert ca = new_authority(), server = { 0 };
	int64_t late_s = ca.ends_s - 5 * 86400;

	ck_assert_int_eq(nt_cert_make_server(&ca, "a", late_s, &server, &err), 0);
	ck_assert_int_eq(server.ends_s, ca.ends_s);
	nt_cert_done(&server);
	nt_cert_done(&ca);
}
END_TEST

/* The same authority, signed anew without its subjectKeyIdentifier. */
static void drop_key_id(struct nt_cert *ca)
{
	gnutls_datum_t pem = { (unsigned char *)ca->key.p, (unsigned)ca->key.len }, out;
	gnutls_x509_crt_t crt;
	gnutls_x509_privkey_t key;

	ck_assert_int_eq(gnutls_x509_privkey_init(&key), 0);
	ck_assert_int_eq(gnutls_x509_privkey_import2(key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0), 0);
	ck_assert_int_eq(gnutls_x509_crt_init(&crt), 0);
	ck_assert_int_eq(gnutls_x509_crt_set_version(crt, 3), 0);
	ck_assert_int_eq(gnutls_x509_crt_set_serial(crt, "1", 1), 0);
	ck_assert_int_eq(gnutls_x509_crt_set_activation_time(crt, NOW_S), 0);
	ck_assert_int_eq(gnutls_x509_crt_set_expiration_time(crt, ca->ends_s), 0);
	ck_assert_int_eq(gnutls_x509_crt_set_dn(crt, "CN=other", NULL), 0);
	ck_assert_int_eq(gnutls_x509_crt_set_key(crt, key), 0);
	ck_assert_int_eq(gnutls_x509_crt_set_basic_constraints(crt, 1, 0), 0);
	ck_assert_int_eq(gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0), 0);
	ck_assert_int_eq(gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &out), 0);
	nt_buf_done(&ca->cert);
	ca->cert = (struct nt_buf){ 0 };
	nt_buf_add(&ca->cert, out.data, out.size);
	gnutls_free(out.data);
	gnutls_x509_crt_deinit(crt);
	gnutls_x509_privkey_deinit(key);
}

START_TEST(authority_may_have_no_key_id)
{
	struct nt_cert ca = new_authority(), server = { 0 };

	drop_key_id(&ca);
	ck_assert_msg(nt_cert_make_server(&ca, "a", NOW_S, &server, &err) == 0, "%s", err.msg);
	ck_assert_int_eq(server.ends_s, NOW_S + NT_CERT_SERVER_S);
	nt_cert_done(&server);
	nt_cert_done(&ca);
}
END_TEST

static const char *const bad_names[] = { "a b", "A.test", "a,,b", "x/y", "a\nb" };

START_TEST(bad_name_is_said)
{
	struct nt_cert ca = new_authority(), server = { 0 };

	ck_assert_int_eq(nt_cert_make_server(&ca, bad_names[_i], NOW_S, &server, &err), -EINVAL);
	ck_assert_msg(strstr(err.msg, "is no host name and no address"), "%s", err.msg);
	ck_assert_ptr_null(server.cert.p);
	nt_cert_done(&ca);
}
END_TEST

START_TEST(authority_is_read_back)
{
	struct nt_cert ca = new_authority(), other = new_authority(), got = { 0 }, server = { 0 };

	ck_assert_int_eq(nt_cert_read_authority(text(&ca.cert), text(&ca.key), NOW_S, &got, &err),
			 0);
	ck_assert(nt_slice_eq(text(&got.cert), text(&ca.cert)));
	ck_assert_int_eq(got.ends_s, ca.ends_s);
	nt_cert_done(&got);
	got = (struct nt_cert){ 0 };
	ck_assert_int_eq(nt_cert_read_authority(text(&ca.cert), text(&other.key), NOW_S, &got,
						&err),
			 -EBADMSG);
	ck_assert_msg(strstr(err.msg, "not of the key"), "%s", err.msg);
	ck_assert_int_eq(nt_cert_read_authority(text(&ca.cert), text(&ca.key), ca.ends_s, &got,
						&err),
			 -EBADMSG);
	ck_assert_msg(strstr(err.msg, "time is over"), "%s", err.msg);
	ck_assert_int_eq(nt_cert_read_authority(NT_SLICE_LIT("x"), text(&ca.key), NOW_S, &got,
						&err),
			 -EBADMSG);
	ck_assert_int_eq(nt_cert_make_server(&ca, "a", NOW_S, &server, &err), 0);
	ck_assert_int_eq(nt_cert_read_authority(text(&server.cert), text(&server.key), NOW_S, &got,
						&err),
			 -EBADMSG);
	ck_assert_msg(strstr(err.msg, "not an authority's"), "%s", err.msg);
	nt_cert_done(&server);
	nt_cert_done(&other);
	nt_cert_done(&ca);
}
END_TEST

/* What GnuTLS gets, and gives back as it does. */
static bool shows(struct nt_tls *t)
{
	gnutls_pcert_st *certs = NULL;
	gnutls_privkey_t key = NULL;
	unsigned len = 0, flags = 0;

	if (nt_tls_retrieve(t, &certs, &len, &key, &flags) < 0)
		return false;
	ck_assert_uint_ge(len, 1);
	ck_assert(flags & GNUTLS_CERT_RETR_DEINIT_ALL);
	for (unsigned i = 0; i < len; i++)
		gnutls_pcert_deinit(&certs[i]);
	gnutls_free(certs);
	gnutls_privkey_deinit(key);
	return true;
}

START_TEST(one_in_use_stays_until_a_good_one_comes)
{
	struct nt_cert ca = new_authority(), other = new_authority();
	struct nt_tls *t;

	ck_assert_int_eq(nt_tls_new(&t, &err), 0);
	ck_assert(!shows(t));
	ck_assert_int_eq(nt_tls_ends_s(t), 0);
	ck_assert_int_eq(nt_tls_set(t, text(&ca.cert), text(&ca.key), &err), 0);
	ck_assert(shows(t));
	ck_assert_int_eq(nt_tls_ends_s(t), ca.ends_s);
	ck_assert_int_eq(nt_tls_set(t, text(&ca.cert), text(&other.key), &err), -EBADMSG);
	ck_assert_int_eq(nt_tls_set(t, NT_SLICE_LIT(""), text(&other.key), &err), -EBADMSG);
	ck_assert_int_eq(nt_tls_set(t, text(&ca.cert), NT_SLICE_LIT("key"), &err), -EBADMSG);
	ck_assert(shows(t));
	nt_tls_free(t);
	nt_cert_done(&other);
	nt_cert_done(&ca);
}
END_TEST

START_TEST(files_are_taken_up_when_they_change)
{
	char dir[] = "/tmp/nt-tls-XXXXXX", cert[64], key[64];
	struct nt_cert one = new_authority(), two = { 0 };
	struct nt_tls_files files;
	struct nt_tls *t;

	ck_assert_int_eq(nt_cert_make_authority(NOW_S + 86400, &two, &err), 0);
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(cert, sizeof(cert), "%s/c", dir);
	snprintf(key, sizeof(key), "%s/k", dir);
	ck_assert_int_eq(nt_tls_new(&t, &err), 0);
	ck_assert_int_eq(nt_tls_files_init(&files, cert, key, t, &err), -ENOENT);
	ck_assert_int_eq(nt_file_replace_at(AT_FDCWD, cert, text(&one.cert), 0600, &err), 0);
	ck_assert_int_eq(nt_file_replace_at(AT_FDCWD, key, text(&one.key), 0600, &err), 0);
	ck_assert_msg(nt_tls_files_init(&files, cert, key, t, &err) == 0, "%s", err.msg);
	/* Half of a renewal is none; the rest of it makes it whole. */
	ck_assert_int_eq(nt_file_replace_at(AT_FDCWD, cert, text(&two.cert), 0600, &err), 0);
	nt_tls_files_look(&files);
	ck_assert(files.failing);
	ck_assert_int_eq(nt_tls_ends_s(t), one.ends_s);
	ck_assert_int_eq(nt_file_replace_at(AT_FDCWD, key, text(&two.key), 0600, &err), 0);
	nt_tls_files_look(&files);
	ck_assert(!files.failing);
	ck_assert_int_eq(nt_tls_ends_s(t), two.ends_s);
	unlink(cert);
	nt_tls_files_look(&files);
	ck_assert_int_eq(nt_tls_ends_s(t), two.ends_s);
	unlink(key);
	rmdir(dir);
	nt_tls_free(t);
	nt_cert_done(&one);
	nt_cert_done(&two);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("tls");
	TCase *tc = tcase_create("tls");

	tcase_add_test(tc, server_is_of_the_authority_and_has_its_names);
	tcase_add_test(tc, server_ends_with_its_authority);
	tcase_add_test(tc, authority_may_have_no_key_id);
	tcase_add_loop_test(tc, bad_name_is_said, 0, sizeof(bad_names) / sizeof(bad_names[0]));
	tcase_add_test(tc, authority_is_read_back);
	tcase_add_test(tc, one_in_use_stays_until_a_good_one_comes);
	tcase_add_test(tc, files_are_taken_up_when_they_change);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
