/* SPDX-License-Identifier: Apache-2.0 */
/* Makes and signs certificates with GnuTLS. */
#include "controller/tls/cert.h"

#include <gnutls/abstract.h>
#include <sys/random.h>

#include "controller/tls/x509.h"
#include "lib/base/addr.h"
#include "lib/base/cleanup.h"

enum { SERIAL_OCTETS = 16 };

static void done_crt(gnutls_x509_crt_t *crt)
{
	if (*crt)
		gnutls_x509_crt_deinit(*crt);
}

static void done_key(gnutls_x509_privkey_t *key)
{
	if (*key)
		gnutls_x509_privkey_deinit(*key);
}

#define _cleanup_crt_ _cleanup_(done_crt)
#define _cleanup_key_ _cleanup_(done_key)

void nt_cert_done(struct nt_cert *c)
{
	if (c->key.p)
		explicit_bzero(c->key.p, c->key.len);
	nt_buf_done(&c->cert);
	nt_buf_done(&c->key);
}

static int fault(struct nt_err *err, int r, const char *what)
{
	return nt_err_set(err, r == GNUTLS_E_MEMORY_ERROR ? ENOMEM : EBADMSG, "%s: %s", what,
			  gnutls_strerror(r));
}

/* --- PEM -------------------------------------------------------------------------------------- */

/* r: what the export said. */
static int take_pem(int r, gnutls_datum_t *text, struct nt_buf *out)
{
	if (r < 0)
		return r;
	nt_buf_add(out, text->data, text->size);
	explicit_bzero(text->data, text->size);
	gnutls_free(text->data);
	return nt_buf_ok(out) ? 0 : GNUTLS_E_MEMORY_ERROR;
}

static int export_pair(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key, struct nt_cert *out)
{
	gnutls_datum_t text = { 0 };
	int r = gnutls_x509_crt_export2(crt, GNUTLS_X509_FMT_PEM, &text);

	r = take_pem(r, &text, &out->cert);
	if (r >= 0) {
		r = gnutls_x509_privkey_export2_pkcs8(key, GNUTLS_X509_FMT_PEM, NULL,
						      GNUTLS_PKCS_PLAIN, &text);
		r = take_pem(r, &text, &out->key);
	}
	out->ends_s = gnutls_x509_crt_get_expiration_time(crt);
	return r;
}

static int import_pair(struct nt_slice cert, struct nt_slice key, gnutls_x509_crt_t *ret_crt,
		       gnutls_x509_privkey_t *ret_key)
{
	gnutls_datum_t cert_text = nt_x509_datum(cert), key_text = nt_x509_datum(key);
	int r = gnutls_x509_crt_init(ret_crt);

	if (r >= 0)
		r = gnutls_x509_crt_import(*ret_crt, &cert_text, GNUTLS_X509_FMT_PEM);
	if (r >= 0)
		r = gnutls_x509_privkey_init(ret_key);
	if (r >= 0)
		r = gnutls_x509_privkey_import2(*ret_key, &key_text, GNUTLS_X509_FMT_PEM, NULL, 0);
	return r;
}

/* --- what both kinds have --------------------------------------------------------------------- */

static int make_key(gnutls_x509_privkey_t *ret_key)
{
	int r = gnutls_x509_privkey_init(ret_key);

	return r < 0 ? r
		     : gnutls_x509_privkey_generate(
			       *ret_key, GNUTLS_PK_ECDSA,
			       GNUTLS_CURVE_TO_BITS(GNUTLS_ECC_CURVE_SECP256R1), 0);
}

static int set_serial(gnutls_x509_crt_t crt)
{
	unsigned char serial[SERIAL_OCTETS];

	if (getrandom(serial, sizeof(serial), 0) != sizeof(serial))
		return GNUTLS_E_RANDOM_FAILED;
	serial[0] = (serial[0] & 0x3f) | 0x40; /* positive, and of the full length */
	return gnutls_x509_crt_set_serial(crt, serial, sizeof(serial));
}

static int set_key_id(gnutls_x509_crt_t crt)
{
	unsigned char id[64];
	size_t len = sizeof(id);
	int r = gnutls_x509_crt_get_key_id(crt, GNUTLS_KEYID_USE_SHA1, id, &len);

	return r < 0 ? r : gnutls_x509_crt_set_subject_key_id(crt, id, len);
}

static int begin(gnutls_x509_privkey_t key, const char *subject, int64_t now_s, int64_t lives_s,
		 gnutls_x509_crt_t *ret_crt)
{
	int r = gnutls_x509_crt_init(ret_crt);

	if (r >= 0)
		r = gnutls_x509_crt_set_version(*ret_crt, 3);
	if (r >= 0)
		r = set_serial(*ret_crt);
	if (r >= 0)
		r = gnutls_x509_crt_set_activation_time(*ret_crt, now_s - NT_CERT_BEFORE_S);
	if (r >= 0)
		r = gnutls_x509_crt_set_expiration_time(*ret_crt, now_s + lives_s);
	if (r >= 0)
		r = gnutls_x509_crt_set_dn_by_oid(*ret_crt, GNUTLS_OID_X520_COMMON_NAME, 0, subject,
						  (unsigned)strlen(subject));
	if (r >= 0)
		r = gnutls_x509_crt_set_key(*ret_crt, key);
	return r < 0 ? r : set_key_id(*ret_crt);
}

/* --- the authority ---------------------------------------------------------------------------- */

int nt_cert_make_authority(int64_t now_s, struct nt_cert *ret_cert, struct nt_err *err)
{
	_cleanup_cert_ struct nt_cert out = { 0 };
	_cleanup_key_ gnutls_x509_privkey_t key = NULL;
	_cleanup_crt_ gnutls_x509_crt_t crt = NULL;
	int r = make_key(&key);

	if (r >= 0)
		r = begin(key, "nametap controller", now_s, NT_CERT_AUTHORITY_S, &crt);
	if (r >= 0)
		r = gnutls_x509_crt_set_basic_constraints(crt, 1, 0);
	if (r >= 0)
		r = gnutls_x509_crt_set_key_usage(crt,
						  GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN);
	if (r >= 0)
		r = gnutls_x509_crt_sign2(crt, crt, key, GNUTLS_DIG_SHA256, 0);
	if (r >= 0)
		r = export_pair(crt, key, &out);
	if (r < 0)
		return fault(err, r, "a certificate authority cannot be made");
	*ret_cert = out;
	out = (struct nt_cert){ 0 };
	return 0;
}

static int copy_authority(struct nt_slice cert, struct nt_slice key, int64_t ends_s,
			  struct nt_cert *ret_cert, struct nt_err *err)
{
	struct nt_cert out = { .ends_s = ends_s };

	nt_buf_slice(&out.cert, cert);
	nt_buf_slice(&out.key, key);
	if (!nt_buf_ok(&out.cert) || !nt_buf_ok(&out.key)) {
		nt_cert_done(&out);
		return nt_err_set(err, ENOMEM, "no memory for a certificate authority");
	}
	*ret_cert = out;
	return 0;
}

int nt_cert_read_authority(struct nt_slice cert, struct nt_slice key, int64_t now_s,
			   struct nt_cert *ret_cert, struct nt_err *err)
{
	_cleanup_key_ gnutls_x509_privkey_t its_key = NULL;
	_cleanup_crt_ gnutls_x509_crt_t crt = NULL;
	unsigned critical;
	int64_t ends_s;
	int r = import_pair(cert, key, &crt, &its_key);

	if (r < 0)
		return fault(err, r, "the authority's certificate or key");
	ends_s = gnutls_x509_crt_get_expiration_time(crt);
	if (!nt_x509_same_key(crt, its_key))
		return nt_err_set(err, EBADMSG,
				  "the authority's certificate is not of the key beside it");
	if (gnutls_x509_crt_get_ca_status(crt, &critical) != 1)
		return nt_err_set(err, EBADMSG, "the certificate is not an authority's");
	if (ends_s <= now_s)
		return nt_err_set(err, EBADMSG, "the authority's time is over");
	return copy_authority(cert, key, ends_s, ret_cert, err);
}

/* --- the server's ----------------------------------------------------------------------------- */

static bool is_host(struct nt_slice s)
{
	if (!s.len || s.len > 253)
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-.*", s.p[i]))
			return false;
	return true;
}

static int add_name(gnutls_x509_crt_t crt, struct nt_slice name, struct nt_err *err)
{
	struct nt_addr ip;
	int r;

	if (nt_addr_parse(name, &ip) == 0)
		r = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_IPADDRESS, ip.octets,
							 ip.family == 4 ? 4 : 16,
							 GNUTLS_FSAN_APPEND);
	else if (is_host(name))
		r = gnutls_x509_crt_set_subject_alt_name(crt, GNUTLS_SAN_DNSNAME, name.p,
							 (unsigned)name.len, GNUTLS_FSAN_APPEND);
	else
		return nt_err_set(err, EINVAL, "\"%.*s\" is no host name and no address",
				  NT_SLICE_ARG(name));
	return r < 0 ? fault(err, r, "a name of the server's certificate") : 0;
}

static int add_names(gnutls_x509_crt_t crt, const char *names, struct nt_err *err)
{
	int r = 0;

	for (unsigned n = 0; r == 0 && *names; n++) {
		size_t len = strcspn(names, ",");

		if (n == NT_CERT_NAMES_MAX)
			return nt_err_set(err, EINVAL, "a certificate has at most %d names",
					  NT_CERT_NAMES_MAX);
		r = add_name(crt, nt_slice_mem(names, len), err);
		names += len + (names[len] == ',');
	}
	return r;
}

static int set_server(gnutls_x509_crt_t crt)
{
	int r = gnutls_x509_crt_set_basic_constraints(crt, 0, -1);

	if (r >= 0)
		r = gnutls_x509_crt_set_key_usage(crt, GNUTLS_KEY_DIGITAL_SIGNATURE);
	if (r >= 0)
		r = gnutls_x509_crt_set_key_purpose_oid(crt, GNUTLS_KP_TLS_WWW_SERVER, 0);
	return r;
}

/* Never beyond the authority's own end. */
static int64_t server_lives(const struct nt_cert *authority, int64_t now_s)
{
	int64_t left = authority->ends_s - now_s;

	return left < NT_CERT_SERVER_S ? left : NT_CERT_SERVER_S;
}

static int sign_and_export(gnutls_x509_crt_t crt, gnutls_x509_privkey_t key,
			   gnutls_x509_crt_t issuer, gnutls_x509_privkey_t issuer_key,
			   struct nt_cert *out)
{
	unsigned char id[64];
	size_t len = sizeof(id);
	int r = gnutls_x509_crt_get_subject_key_id(issuer, id, &len, NULL);

	if (r >= 0)
		r = gnutls_x509_crt_set_authority_key_id(crt, id, len);
	else if (r == GNUTLS_E_REQUESTED_DATA_NOT_AVAILABLE)
		r = 0; /* an authority of somebody else's making may have none */
	if (r >= 0)
		r = gnutls_x509_crt_sign2(crt, issuer, issuer_key, GNUTLS_DIG_SHA256, 0);
	return r < 0 ? r : export_pair(crt, key, out);
}

int nt_cert_make_server(const struct nt_cert *authority, const char *names, int64_t now_s,
			struct nt_cert *ret_cert, struct nt_err *err)
{
	_cleanup_key_ gnutls_x509_privkey_t key = NULL, issuer_key = NULL;
	_cleanup_crt_ gnutls_x509_crt_t crt = NULL, issuer = NULL;
	_cleanup_cert_ struct nt_cert out = { 0 };
	char subject[64]; /* RFC 5280: 64 at most, so the first label */
	int r = import_pair(nt_slice_mem(authority->cert.p, authority->cert.len),
			    nt_slice_mem(authority->key.p, authority->key.len), &issuer,
			    &issuer_key);

	snprintf(subject, sizeof(subject), "%.*s", (int)strcspn(names, ",."), names);
	if (r >= 0)
		r = make_key(&key);
	if (r >= 0)
		r = begin(key, subject, now_s, server_lives(authority, now_s), &crt);
	if (r >= 0)
		r = set_server(crt);
	if (r >= 0 && add_names(crt, names, err) < 0)
		return -err->code;
	if (r >= 0)
		r = sign_and_export(crt, key, issuer, issuer_key, &out);
	if (r < 0)
		return fault(err, r, "the server's certificate cannot be made");
	*ret_cert = out;
	out = (struct nt_cert){ 0 };
	return 0;
}
