/* SPDX-License-Identifier: Apache-2.0 */
/* TokenReview and Pod as text. */
#include "controller/agents/review.h"

#include <jansson.h>
#include <stdio.h>

#include "lib/base/base64.h"
#include "lib/base/cleanup.h"

#define CLAIM "authentication.kubernetes.io/"
/* A projected token's claims are some 700 octets. */
#define CLAIMS_BYTES_MAX 16384

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

/* Copies a text that fits; else it is as if it were not there. */
static void copy_text(const char *text, char *to, size_t size)
{
	if (strlen(text) < size)
		snprintf(to, size, "%s", text);
}

void nt_review_write(struct nt_slice token, const struct nt_review_policy *policy,
		     struct nt_buf *out)
{
	json_auto_t *root = json_pack("{s:s, s:s, s:{s:s%, s:[s]}}", "apiVersion",
				      "authentication.k8s.io/v1", "kind", "TokenReview", "spec",
				      "token", token.p, token.len, "audiences", policy->audience);
	char *text = root ? json_dumps(root, JSON_COMPACT) : NULL;

	if (text)
		nt_buf_puts(out, text);
	else
		out->failed = true;
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}

/* --- the answer ------------------------------------------------------------------------------- */

static unsigned refuse(struct nt_err *err, unsigned status, const char *why)
{
	nt_err_set(err, status == 503 ? EBADMSG : EACCES, "%s", why);
	return status;
}

/* A server that does not know of audiences answers without any (T30). */
static bool has_audience(const json_t *status, const char *audience)
{
	const json_t *borrowed_list = json_object_get(status, "audiences");

	for (size_t i = 0; i < json_array_size(borrowed_list); i++) {
		const char *one = json_string_value(json_array_get(borrowed_list, i));

		if (one && strcmp(one, audience) == 0)
			return true;
	}
	return false;
}

static bool is_account(const json_t *user, const struct nt_kube_name *account)
{
	char wanted[400];

	snprintf(wanted, sizeof(wanted), "system:serviceaccount:%s:%s", account->namespace_,
		 account->name);
	return strcmp(text_of(user, "username"), wanted) == 0;
}

/* The one value of a claim in extra; "" when there is none or several. */
static const char *claim(const json_t *user, const char *name)
{
	const json_t *borrowed_values = json_object_get(json_object_get(user, "extra"), name);
	const char *value = json_string_value(json_array_get(borrowed_values, 0));

	return value && json_array_size(borrowed_values) == 1 ? value : "";
}

static unsigned take_claims(const json_t *user, const struct nt_review_policy *policy,
			    struct nt_review *out, struct nt_err *err)
{
	char name[sizeof(out->pod.namespace_) + sizeof(out->pod.name) + 1];

	snprintf(name, sizeof(name), "%s/%.253s", policy->account.namespace_,
		 claim(user, CLAIM "pod-name"));
	copy_text(claim(user, CLAIM "pod-uid"), out->pod_uid, sizeof(out->pod_uid));
	copy_text(claim(user, CLAIM "node-name"), out->node, sizeof(out->node));
	if (nt_kube_name_parse(name, &out->pod) < 0 || !out->pod_uid[0])
		return refuse(err, 403,
			      "the token is bound to no pod: a projected token is wanted, not one "
			      "out of a Secret");
	return 0;
}

unsigned nt_review_read(struct nt_slice body, const struct nt_review_policy *policy,
			struct nt_review *ret_review, struct nt_err *err)
{
	json_auto_t *root = json_loadb(body.p, body.len, 0, NULL);
	const json_t *status = json_object_get(root, "status");
	const json_t *user = json_object_get(status, "user");
	struct nt_review out = { 0 };
	unsigned refused;

	if (strcmp(text_of(root, "kind"), "TokenReview") != 0 || !json_is_object(status))
		return refuse(err, 503, "the API server's answer is no TokenReview");
	if (!json_is_true(json_object_get(status, "authenticated")))
		return refuse(err, 401, "the API server does not accept the token");
	if (!has_audience(status, policy->audience))
		return refuse(err, 401, "the token is for another audience");
	if (!is_account(user, &policy->account))
		return refuse(err, 403, "the token is not of the agents' service account");
	refused = take_claims(user, policy, &out, err);
	if (!refused)
		*ret_review = out;
	return refused;
}

unsigned nt_review_read_pod(struct nt_slice body, const struct nt_review *review,
			    char ret_node[254], struct nt_err *err)
{
	json_auto_t *root = json_loadb(body.p, body.len, 0, NULL);
	const json_t *meta = json_object_get(root, "metadata");
	char node[254] = "";

	if (strcmp(text_of(root, "kind"), "Pod") != 0 || !json_is_object(meta))
		return refuse(err, 503, "the API server's answer is no Pod");
	if (strcmp(text_of(meta, "uid"), review->pod_uid) != 0)
		return refuse(err, 403, "the token's pod is gone, another one has its name");
	copy_text(text_of(json_object_get(root, "spec"), "nodeName"), node, sizeof(node));
	if (!node[0])
		return refuse(err, 403, "the token's pod has no node");
	memcpy(ret_node, node, sizeof(node));
	return 0;
}

int64_t nt_review_expires_s(struct nt_slice token)
{
	_cleanup_buf_ struct nt_buf claims = { .max_len = CLAIMS_BYTES_MAX };
	const char *from = token.len ? memchr(token.p, '.', token.len) : NULL;
	const char *to;
	json_t *root;
	int64_t exp;

	if (!from)
		return 0;
	from++;
	to = memchr(from, '.', token.len - (size_t)(from - token.p));
	if (!to || nt_base64_decode(nt_slice_mem(from, (size_t)(to - from)), &claims) < 0 ||
	    !nt_buf_ok(&claims))
		return 0;
	root = json_loadb(claims.p, claims.len, 0, NULL);
	exp = json_integer_value(json_object_get(root, "exp"));
	json_decref(root);
	return exp > 0 ? exp : 0;
}
