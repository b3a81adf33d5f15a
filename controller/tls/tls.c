/* SPDX-License-Identifier: Apache-2.0 */
/* The certificate in use. */
#include "controller/tls/tls.h"

#include <pthread.h>
#include <stdlib.h>

#include "controller/tls/x509.h"

/* Longer chains exist nowhere, and each costs every handshake. */
#define CHAIN_MAX 8

struct pair {
	gnutls_x509_crt_t chain[CHAIN_MAX];
	unsigned chain_len;
	gnutls_x509_privkey_t key;
};

struct nt_tls {
	pthread_mutex_t lock; /* covers pair */
	struct pair pair; /* chain_len 0: none */
};

static void pair_done(struct pair *p)
{
	for (unsigned i = 0; i < p->chain_len; i++)
		gnutls_x509_crt_deinit(p->chain[i]);
	if (p->key)
		gnutls_x509_privkey_deinit(p->key);
	*p = (struct pair){ 0 };
}

int nt_tls_new(struct nt_tls **ret_tls, struct nt_err *err)
{
	struct nt_tls *t = calloc(1, sizeof(*t));

	if (!t)
		return nt_err_set(err, ENOMEM, "no memory for TLS");
	pthread_mutex_init(&t->lock, NULL);
	*ret_tls = t;
	return 0;
}

void nt_tls_free(struct nt_tls *t)
{
	if (!t)
		return;
	pair_done(&t->pair);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static int read_pair(struct nt_slice chain, struct nt_slice key, struct pair *p, struct nt_err *err)
{
	gnutls_datum_t text = nt_x509_datum(chain);
	unsigned n = CHAIN_MAX;
	int r = gnutls_x509_crt_list_import(p->chain, &n, &text, GNUTLS_X509_FMT_PEM,
					    GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);

	if (r <= 0)
		return nt_err_set(err, EBADMSG, "the certificate: %s",
				  r ? gnutls_strerror(r) : "there is none in it");
	p->chain_len = (unsigned)r;
	text = nt_x509_datum(key);
	r = gnutls_x509_privkey_init(&p->key);
	if (r >= 0)
		r = gnutls_x509_privkey_import2(p->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
	return r < 0 ? nt_err_set(err, EBADMSG, "the key: %s", gnutls_strerror(r)) : 0;
}

int nt_tls_set(struct nt_tls *t, struct nt_slice chain, struct nt_slice key, struct nt_err *err)
{
	struct pair fresh = { 0 }, old;
	int r = read_pair(chain, key, &fresh, err);

	if (r == 0 && !nt_x509_same_key(fresh.chain[0], fresh.key))
		r = nt_err_set(err, EBADMSG, "the key is not the certificate's");
	if (r < 0) {
		pair_done(&fresh);
		return r;
	}
	pthread_mutex_lock(&t->lock);
	old = t->pair;
	t->pair = fresh;
	pthread_mutex_unlock(&t->lock);
	pair_done(&old);
	return 0;
}

int64_t nt_tls_ends_s(struct nt_tls *t)
{
	int64_t ends_s;

	pthread_mutex_lock(&t->lock);
	ends_s = t->pair.chain_len ? gnutls_x509_crt_get_expiration_time(t->pair.chain[0]) : 0;
	pthread_mutex_unlock(&t->lock);
	return ends_s;
}

/* Copies, since the pair may change while the handshake runs. */
static int copy_pair(const struct pair *p, gnutls_pcert_st *certs, gnutls_privkey_t *ret_key)
{
	gnutls_privkey_t key = NULL;
	unsigned done = 0;
	int r = gnutls_privkey_init(&key);

	if (r >= 0)
		r = gnutls_privkey_import_x509(key, p->key, GNUTLS_PRIVKEY_IMPORT_COPY);
	while (r >= 0 && done < p->chain_len) {
		r = gnutls_pcert_import_x509(&certs[done], p->chain[done], 0);
		done += r >= 0;
	}
	if (r >= 0) {
		*ret_key = key;
		return 0;
	}
	while (done)
		gnutls_pcert_deinit(&certs[--done]);
	if (key)
		gnutls_privkey_deinit(key);
	return -1;
}

int nt_tls_retrieve(struct nt_tls *t, gnutls_pcert_st **certs, unsigned *certs_len,
		    gnutls_privkey_t *key, unsigned *flags)
{
	gnutls_pcert_st *copies = NULL;
	int r = -1;

	pthread_mutex_lock(&t->lock);
	if (t->pair.chain_len)
		copies = gnutls_calloc(t->pair.chain_len, sizeof(*copies));
	if (copies)
		r = copy_pair(&t->pair, copies, key);
	if (r == 0)
		*certs_len = t->pair.chain_len;
	pthread_mutex_unlock(&t->lock);
	if (r < 0) {
		gnutls_free(copies);
		return -1;
	}
	*certs = copies;
	*flags |= GNUTLS_CERT_RETR_DEINIT_ALL;
	return 0;
}
