/* SPDX-License-Identifier: Apache-2.0 */
/* A Lease, and whose it is. */
#include "lib/kube/lease.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "lib/base/cleanup.h"
#include "lib/base/escape.h"
#include "lib/base/json.h"

/* A duration that somebody wrote by hand holds nobody up for ever. */
#define DURATION_MAX_S 3600

enum asking {
	ASK_NOTHING = 0,
	ASK_READ = 1,
	ASK_CREATE = 2,
	ASK_TAKE = 3, /* of nobody, of another whose time is over, or again what is ours */
	ASK_RELEASE = 4,
};

struct nt_lease {
	struct nt_kube_name name;
	char identity[NT_LEASE_IDENTITY_SIZE];
	struct nt_clock *clock;
	enum asking next, asked; /* asked: without an answer yet */
	int64_t next_ns; /* when `next` is due; these are of nt_clock_boot */
	int64_t sent_ns;
	json_t *object; /* as the API gave it last; NULL: not known */
	int64_t observed_ns; /* since when its spec is what it is */
	int64_t until_ns;
	bool releasing;
	char holder[NT_LEASE_IDENTITY_SIZE];
	char why[256];
};

int nt_lease_new(const struct nt_kube_name *name, const char *identity, struct nt_clock *clock,
		 struct nt_lease **ret_lease, struct nt_err *err)
{
	struct nt_lease *l = calloc(1, sizeof(*l));

	if (!l)
		return nt_err_set(err, ENOMEM, "no memory for a Lease");
	l->name = *name;
	snprintf(l->identity, sizeof(l->identity), "%s", identity);
	l->clock = clock;
	l->next = ASK_READ;
	*ret_lease = l;
	return 0;
}

void nt_lease_free(struct nt_lease *l)
{
	if (!l)
		return;
	json_decref(l->object);
	free(l);
}

/* --- what the object says --------------------------------------------------------------------- */

static const json_t *spec_of(const json_t *object)
{
	return json_object_get(object, "spec");
}

static const char *holder_of(const json_t *object)
{
	const char *holder = json_string_value(json_object_get(spec_of(object), "holderIdentity"));

	return holder ? holder : "";
}

static json_int_t transitions_of(const json_t *object)
{
	return json_integer_value(json_object_get(spec_of(object), "leaseTransitions"));
}

static bool is_ours(const struct nt_lease *l)
{
	return l->object && strcmp(holder_of(l->object), l->identity) == 0;
}

/* Until when another one's is not to be taken. */
static int64_t theirs_until_ns(const struct nt_lease *l)
{
	json_int_t s =
		json_integer_value(json_object_get(spec_of(l->object), "leaseDurationSeconds"));

	if (!holder_of(l->object)[0])
		return 0;
	if (s < 1)
		s = NT_LEASE_DURATION_S;
	return l->observed_ns + (s < DURATION_MAX_S ? s : DURATION_MAX_S) * NT_NS_PER_S;
}

/* Others' labels and the like are no sign of life. */
static void observe(struct nt_lease *l, json_t *object, int64_t since_ns)
{
	if (!l->object || !json_equal(spec_of(l->object), spec_of(object)))
		l->observed_ns = since_ns;
	json_decref(l->object);
	l->object = json_incref(object);
	snprintf(l->holder, sizeof(l->holder), "%s", holder_of(object));
	nt_escape_ascii(l->holder);
}

static void forget(struct nt_lease *l)
{
	json_decref(NT_TAKE_PTR(l->object));
	l->holder[0] = '\0';
}

/* --- what we say ------------------------------------------------------------------------------ */

/* MicroTime, as the API writes it. */
static json_t *time_now(const struct nt_lease *l)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct nt_json j = NT_JSON(&text);

	nt_json_time(&j, nt_clock_real(l->clock) / NT_NS_PER_US);
	return text.len > 2 ? json_stringn(text.p + 1, text.len - 2) : NULL;
}

/* Into the object as it came, so that its version is held and what others wrote stays. */
static json_t *with_spec(struct nt_lease *l, const char *holder, int duration_s)
{
	json_t *object =
		l->object ? json_deep_copy(l->object)
			  : json_pack("{s:s, s:s, s:{s:s, s:s}, s:{}}", "apiVersion",
				      "coordination.k8s.io/v1", "kind", "Lease", "metadata", "name",
				      l->name.name, "namespace", l->name.namespace_, "spec");
	json_t *spec = json_object_get(object, "spec");
	bool fresh = !is_ours(l);
	int r = 0;

	if (object && !json_is_object(spec)) {
		r = json_object_set_new(object, "spec", json_object());
		spec = json_object_get(object, "spec");
	}
	r |= json_object_set_new(spec, "holderIdentity", json_string(holder));
	r |= json_object_set_new(spec, "leaseDurationSeconds", json_integer(duration_s));
	r |= json_object_set_new(spec, "renewTime", time_now(l));
	if (fresh || !holder[0])
		r |= json_object_set_new(spec, "acquireTime", time_now(l));
	if (fresh)
		r |= json_object_set_new(spec, "leaseTransitions",
					 json_integer(l->object ? transitions_of(l->object) + 1
								: 0));
	if (r == 0)
		return object;
	json_decref(object);
	return NULL;
}

static bool write_body(struct nt_lease *l, struct nt_buf *body)
{
	json_auto_t *object = l->asked == ASK_RELEASE
				      ? with_spec(l, "", 1)
				      : with_spec(l, l->identity, NT_LEASE_DURATION_S);
	char *text = object ? json_dumps(object, JSON_COMPACT) : NULL;

	nt_buf_puts(body, text ? text : "");
	free(text);
	return body->len;
}

static void write_path(const struct nt_lease *l, struct nt_buf *path)
{
	nt_buf_printf(path, "/apis/coordination.k8s.io/v1/namespaces/%s/leases",
		      l->name.namespace_);
	if (l->asked != ASK_CREATE)
		nt_buf_printf(path, "/%s", l->name.name);
}

/* --- the course of it ------------------------------------------------------------------------- */

static void plan(struct nt_lease *l, enum asking next, int64_t at_ns)
{
	l->next = next;
	l->next_ns = at_ns;
}

/* With jitter, so that those who wait do not ask together. */
static int64_t soon_ns(const struct nt_lease *l)
{
	uint32_t random = 0;

	(void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
	return nt_clock_boot(l->clock) + NT_LEASE_RETRY_NS +
	       (int64_t)((uint64_t)NT_LEASE_RETRY_NS / 5 * (random >> 16) >> 16);
}

bool nt_lease_due(struct nt_lease *l, const char **ret_method, struct nt_buf *path,
		  struct nt_buf *body)
{
	static const char *const methods[] = {
		[ASK_READ] = "GET", [ASK_CREATE] = "POST", [ASK_TAKE] = "PUT", [ASK_RELEASE] = "PUT"
	};

	if (l->asked || !l->next || nt_clock_boot(l->clock) < l->next_ns)
		return false;
	l->asked = l->next;
	l->next = ASK_NOTHING;
	l->sent_ns = nt_clock_boot(l->clock);
	write_path(l, path);
	if ((l->asked == ASK_READ || write_body(l, body)) && nt_buf_ok(path) && nt_buf_ok(body)) {
		*ret_method = methods[l->asked];
		return true;
	}
	l->asked = ASK_NOTHING;
	plan(l, ASK_READ, soon_ns(l));
	return false;
}

/* It is another's, or nobody's: taken at once, or as soon as it may be. */
static void look(struct nt_lease *l)
{
	int64_t now_ns = nt_clock_boot(l->clock), free_ns = theirs_until_ns(l);

	if (is_ours(l)) {
		plan(l, ASK_TAKE, now_ns);
		return;
	}
	l->until_ns = 0;
	if (free_ns <= now_ns) {
		plan(l, ASK_TAKE, now_ns);
		return;
	}
	plan(l, ASK_READ, soon_ns(l));
	if (free_ns < l->next_ns)
		l->next_ns = free_ns;
}

static void have(struct nt_lease *l)
{
	l->until_ns = l->sent_ns + NT_LEASE_DEADLINE_NS;
	plan(l, ASK_TAKE, l->sent_ns + NT_LEASE_RETRY_NS);
}

static void read_object(struct nt_lease *l, enum asking asked, struct nt_slice text)
{
	json_auto_t *object = json_loadb(text.p ? text.p : "", text.len, 0, NULL);

	if (!json_is_object(object)) {
		snprintf(l->why, sizeof(l->why), "the API's answer is no Lease");
		plan(l, ASK_READ, soon_ns(l));
		return;
	}
	observe(l, object, asked == ASK_READ ? nt_clock_boot(l->clock) : l->sent_ns);
	if (asked == ASK_READ)
		look(l);
	else
		have(l);
}

/* Somebody wrote it after we had read it: of what was ours that is looked at at once. */
static void lost_race(struct nt_lease *l, enum asking asked)
{
	bool was_ours = asked == ASK_TAKE && is_ours(l);

	plan(l, ASK_READ, was_ours ? nt_clock_boot(l->clock) : soon_ns(l));
}

static void note_failure(struct nt_lease *l, const struct nt_kube_answer *answer)
{
	int64_t asked_ns = nt_clock_boot(l->clock) + answer->retry_after_ns;

	snprintf(l->why, sizeof(l->why), "%.255s", answer->error.msg);
	plan(l, ASK_READ, soon_ns(l));
	if (asked_ns > l->next_ns)
		l->next_ns = asked_ns;
}

static void plan_release(struct nt_lease *l, bool once)
{
	l->until_ns = 0;
	plan(l, once && is_ours(l) ? ASK_RELEASE : ASK_NOTHING, 0);
}

void nt_lease_release(struct nt_lease *l)
{
	l->releasing = true;
	if (l->asked)
		l->until_ns = 0;
	else
		plan_release(l, true);
}

void nt_lease_answer(struct nt_lease *l, const struct nt_kube_answer *answer)
{
	enum asking asked = l->asked;
	struct nt_kube_status said;

	l->asked = ASK_NOTHING;
	l->why[0] = '\0';
	if (answer->status == 200 || answer->status == 201) {
		read_object(l, asked, answer->body);
	} else if (answer->status == 409) {
		lost_race(l, asked);
	} else if (answer->status == 404 && nt_kube_status_parse(answer->body, &said) &&
		   asked != ASK_CREATE) {
		forget(l);
		plan(l, ASK_CREATE, nt_clock_boot(l->clock));
	} else {
		note_failure(l, answer);
	}
	if (l->releasing)
		plan_release(l, asked != ASK_RELEASE);
}

int64_t nt_lease_until_ns(const struct nt_lease *l)
{
	return l->until_ns;
}

const char *nt_lease_holder(const struct nt_lease *l)
{
	return l->holder;
}

const char *nt_lease_why(const struct nt_lease *l)
{
	return l->why;
}
