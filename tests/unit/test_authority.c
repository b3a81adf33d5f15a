/* SPDX-License-Identifier: Apache-2.0 */
/* The authority in the cluster when something is wrong with it: ended, or nothing can be signed. */
#include "controller/tls/authority.c" /* a look is five minutes after the last one */

#include <gnutls/gnutls.h>

#include "tests/unit/kube_server.h"
#include "tests/unit/suite.h"

#define NOW_S 1790000000LL

static struct nt_loop *loop;
static struct server server;
static struct nt_kube *kube;
static struct nt_tls *tls;
static struct nt_authority *authority;
static struct nt_clock clock_;
static json_t *secret, *configmap; /* as the API has them; NULL: it has none */
static unsigned secret_looks, configmap_looks, replaced;
static struct nt_err err;

/* --- the API ---------------------------------------------------------------------------------- */

/* stringData becomes data. */
static void encode_data(json_t *object)
{
	json_t *data = json_object();
	const char *key;
	json_t *value;

	json_object_foreach(json_object_get(object, "stringData"), key, value)
	{
		const char *text = json_string_value(value);
		gnutls_datum_t raw = { (unsigned char *)(uintptr_t)text, (unsigned)strlen(text) };
		gnutls_datum_t coded;

		ck_assert_int_eq(gnutls_base64_encode2(&raw, &coded), 0);
		json_object_set_new(data, key, json_stringn((const char *)coded.data, coded.size));
		gnutls_free(coded.data);
	}
	json_object_set_new(object, "data", data);
	json_object_del(object, "stringData");
}

static void reply_object(struct server_conn *c, int status, const json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);

	server_reply(c, status, "", nt_slice_str(text));
	free(text);
}

static void answer(void *ctx, struct server_conn *c, const char *path)
{
	bool of_secrets = strstr(path, "/secrets") != NULL;
	json_t **at = of_secrets ? &secret : &configmap;

	(void)ctx;
	if (strcmp(c->method, "GET") == 0) {
		secret_looks += of_secrets;
		configmap_looks += !of_secrets;
		if (*at)
			reply_object(c, 200, *at);
		else
			server_reply(c, 404, "", NT_SLICE_LIT("{}"));
		return;
	}
	replaced += strcmp(c->method, "PUT") == 0;
	ck_assert(replaced || !*at);
	json_decref(*at);
	*at = json_loadb(c->body.p, c->body.len, 0, NULL);
	ck_assert_ptr_nonnull(*at);
	if (of_secrets)
		encode_data(*at);
	reply_object(c, strcmp(c->method, "PUT") == 0 ? 200 : 201, *at);
}

static void keep(const struct nt_cert *ca)
{
	json_decref(secret);
	secret = json_pack("{s:{s:s, s:s}}", "stringData", "tls.crt", nt_buf_str(&ca->cert),
			   "tls.key", nt_buf_str(&ca->key));
	encode_data(secret);
}

static void delete_secret(void)
{
	json_decref(secret);
	secret = NULL;
}

static const char *published(void)
{
	return json_string_value(json_object_get(json_object_get(configmap, "data"), "ca.crt"));
}

/* --- the loop --------------------------------------------------------------------------------- */

static bool (*done)(void);

static void look_whether_done(void *ctx)
{
	if (done())
		nt_loop_stop(ctx);
}

static void run_until(bool (*is_done)(void))
{
	struct nt_timer *often =
		nt_loop_timer_new(loop, NT_NS_PER_MS, look_whether_done, loop, NULL);

	done = is_done;
	ck_assert_int_eq(nt_loop_run(loop, NULL), 0);
	nt_loop_timer_free(often);
}

static bool is_published(void)
{
	return configmap && nt_tls_ends_s(tls) && !authority->pause_ns;
}

static bool has_failed(void)
{
	return authority->pause_ns > 0;
}

static bool tried_twice(void)
{
	return secret_looks >= 2 && authority->pause_ns > PAUSE_MIN_NS;
}

static void setup(void)
{
	secret = configmap = NULL;
	secret_looks = configmap_looks = replaced = 0;
	clock_ = nt_clock_virtual(0, NOW_S * NT_NS_PER_S);
	ck_assert_int_eq(nt_loop_new(&loop, &err), 0);
	server_start(&server, loop, answer, NULL);
	kube = server_client(&server);
	ck_assert_int_eq(nt_tls_new(&tls, &err), 0);
}

static void start(const char *names)
{
	const struct nt_authority_config config = { .kube = kube,
						    .loop = loop,
						    .clock = &clock_,
						    .tls = tls,
						    .names = names,
						    .secret = { "nametap", "ca" },
						    .configmap = { "nametap", "ca" } };

	ck_assert_int_eq(nt_authority_new(&config, &authority, &err), 0);
}

static void teardown(void)
{
	nt_kube_close(kube);
	nt_authority_free(authority);
	nt_tls_free(tls);
	server_stop(&server);
	nt_loop_free(loop);
	json_decref(secret);
	json_decref(configmap);
}

/* --- cases ------------------------------------------------------------------------------------ */

/* Nobody would trust what it signs; and whoever deletes it knows what he does. */
START_TEST(ended_authority_is_not_used)
{
	struct nt_cert ca = { 0 };

	ck_assert_int_eq(nt_cert_make_authority(NOW_S - NT_CERT_AUTHORITY_S - 1, &ca, &err), 0);
	keep(&ca);
	start("a");
	run_until(tried_twice);
	ck_assert_int_eq(nt_tls_ends_s(tls), 0);
	ck_assert_uint_eq(configmap_looks, 0);
	ck_assert_ptr_nonnull(secret);
	delete_secret();
	run_until(is_published);
	ck_assert_int_eq(nt_tls_ends_s(tls), NOW_S + NT_CERT_SERVER_S);
	ck_assert_str_eq(published(), nt_buf_str(&authority->ca.cert));
	ck_assert_str_ne(published(), nt_buf_str(&ca.cert));
	nt_cert_done(&ca);
}
END_TEST

static char *first; /* published */
static int64_t first_ends_s;

static bool is_renewed(void)
{
	return nt_tls_ends_s(tls) != first_ends_s;
}

static bool is_replaced(void)
{
	return strcmp(published(), first) != 0 && !authority->pause_ns;
}

/* Said in its last year; at its end what is in use stays, and another one needs a person. */
START_TEST(authority_ends_while_it_is_in_use)
{
	int64_t ends_s = NOW_S + NT_CERT_AUTHORITY_S;

	start("a");
	run_until(is_published);
	ck_assert(!authority->warned);
	first = strdup(published());
	first_ends_s = nt_tls_ends_s(tls);
	clock_.virtual_real_ns = (ends_s - 30 * 86400) * NT_NS_PER_S;
	look(authority);
	run_until(is_renewed);
	ck_assert(authority->warned);
	ck_assert_int_eq(nt_tls_ends_s(tls), ends_s);
	clock_.virtual_real_ns = ends_s * NT_NS_PER_S;
	look(authority);
	run_until(has_failed);
	ck_assert_int_eq(nt_tls_ends_s(tls), ends_s);
	ck_assert_str_eq(published(), first);
	delete_secret();
	run_until(is_replaced);
	ck_assert_int_eq(nt_tls_ends_s(tls), ends_s + NT_CERT_SERVER_S);
	ck_assert_uint_eq(replaced, 1);
	free(first);
}
END_TEST

static bool is_kept(void)
{
	return secret != NULL;
}

/* Agents know it: it is put back as it was, and what is published stays. */
START_TEST(deleted_secret_comes_back)
{
	_cleanup_buf_ struct nt_buf cert = { 0 };

	start("a");
	run_until(is_published);
	delete_secret();
	look(authority);
	run_until(is_kept);
	ck_assert_int_eq(decode(secret, "tls.crt", &cert, &err), 0);
	ck_assert_str_eq(nt_buf_str(&cert), published());
	ck_assert_uint_eq(replaced, 0);
}
END_TEST

/* An authority without a certificate of it in use is not published: agents trust the former one. */
START_TEST(nothing_is_published_when_nothing_can_be_signed)
{
	start("no host name");
	run_until(tried_twice);
	ck_assert_ptr_nonnull(secret);
	ck_assert_uint_eq(configmap_looks, 0);
	ck_assert_int_eq(nt_tls_ends_s(tls), 0);
	authority->config.names = "a";
	run_until(is_published);
	ck_assert_int_eq(nt_tls_ends_s(tls), NOW_S + NT_CERT_SERVER_S);
	ck_assert_str_eq(published(), nt_buf_str(&authority->ca.cert));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("authority");
	TCase *tc = tcase_create("authority");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, ended_authority_is_not_used);
	tcase_add_test(tc, authority_ends_while_it_is_in_use);
	tcase_add_test(tc, deleted_secret_comes_back);
	tcase_add_test(tc, nothing_is_published_when_nothing_can_be_signed);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
