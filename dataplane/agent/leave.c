/* SPDX-License-Identifier: Apache-2.0 */
/* Why the agent ends. */
#include "dataplane/agent/leave.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdlib.h>

#include "dataplane/agent/nodelock.h"
#include "lib/base/base64.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#define LOOK_NS (30 * NT_NS_PER_S)
#define ASK_NS NT_NS_PER_S
#define ANSWER_NS (3 * NT_NS_PER_S)
/* A DaemonSet with all its managed fields is some 20 KiB. */
#define ANSWER_BYTES_MAX ((size_t)1 << 20)
#define TOKEN_BYTES_MAX 16384

/* --- what an answer means --------------------------------------------------------------------- */

static enum nt_leave_word read_object(struct nt_slice body, const char *name)
{
	json_auto_t *root = json_loadb(body.p ? body.p : "", body.len, 0, NULL);
	const char *kind = json_string_value(json_object_get(root, "kind"));
	const json_t *meta = json_object_get(root, "metadata");
	const char *its_name = json_string_value(json_object_get(meta, "name"));

	if (!kind || strcmp(kind, "DaemonSet") != 0 || !its_name || strcmp(its_name, name) != 0)
		return NT_LEAVE_NOTHING;
	return json_is_string(json_object_get(meta, "deletionTimestamp")) ? NT_LEAVE_DELETED
									  : NT_LEAVE_THERE;
}

/* A proxy, or an API server that has not got its groups together yet, says 404, too: only what is
 * said about this object counts. */
static bool is_not_found(struct nt_slice body, const char *name)
{
	struct nt_kube_status said;

	return nt_kube_status_parse(body, &said) && strcmp(said.reason, "NotFound") == 0 &&
	       strcmp(said.kind, "daemonsets") == 0 && strcmp(said.name, name) == 0;
}

enum nt_leave_word nt_leave_read(const struct nt_kube_answer *answer, const char *name,
				 bool token_expired)
{
	switch (answer->status) {
	case 200:
		return read_object(answer->body, name);
	case 401:
		return token_expired ? NT_LEAVE_NOTHING : NT_LEAVE_UNAUTHORIZED;
	case 404:
		return is_not_found(answer->body, name) ? NT_LEAVE_DELETED : NT_LEAVE_NOTHING;
	default:
		return NT_LEAVE_NOTHING;
	}
}

enum nt_leave_verdict nt_leave_judge(struct nt_leave_state *s, enum nt_leave_word word,
				     int64_t now_ns)
{
	if (word != NT_LEAVE_UNAUTHORIZED)
		s->unauthorized_ns = 0;
	else if (!s->unauthorized_ns)
		s->unauthorized_ns = now_ns;
	if (!s->seen)
		return NT_LEAVE_STAY;
	if (word == NT_LEAVE_THERE)
		return now_ns - s->asked_ns >= NT_LEAVE_THERE_NS ? NT_LEAVE_STAY : NT_LEAVE_WAIT;
	if (word == NT_LEAVE_DELETED)
		return NT_LEAVE_UNINSTALL;
	if (s->unauthorized_ns && s->is_wanted)
		return NT_LEAVE_STAY;
	if (s->unauthorized_ns) /* 10 s of it end before the patience and 10 s are over */
		return now_ns - s->unauthorized_ns >= NT_LEAVE_UNAUTHORIZED_NS ? NT_LEAVE_UNINSTALL
									       : NT_LEAVE_WAIT;
	return now_ns - s->asked_ns >= NT_LEAVE_PATIENCE_NS ? NT_LEAVE_STAY : NT_LEAVE_WAIT;
}

bool nt_leave_token_expired(struct nt_slice token, int64_t now_s)
{
	_cleanup_buf_ struct nt_buf claims = { .max_len = TOKEN_BYTES_MAX };
	const char *end = token.p + token.len;
	const char *first = token.len ? memchr(token.p, '.', token.len) : NULL;
	const char *second = first ? memchr(first + 1, '.', (size_t)(end - first - 1)) : NULL;
	json_auto_t *root = NULL;
	const json_t *expires;

	if (!second ||
	    nt_base64_decode(nt_slice_mem(first + 1, (size_t)(second - first - 1)), &claims) < 0)
		return false;
	root = json_loadb(nt_buf_str(&claims), claims.len, 0, NULL);
	expires = json_object_get(root, "exp");
	return json_is_number(expires) && json_number_value(expires) <= (double)now_s;
}

/* --- in the loop ------------------------------------------------------------------------------ */

struct nt_leave {
	struct nt_kube *kube;
	struct nt_clock *clock;
	const char *name, *spool;
	char *path;
	int64_t wanted_ns; /* nt_nodelock_wanted_ns at SIGTERM */
	struct nt_timer *timer;
	struct nt_leave_state state;
	struct nt_kube_call *call; /* that is open */
	nt_leave_fn *fn; /* NULL: nobody asks yet, we look */
	void *ctx;
	struct nt_err last; /* why there is no answer */
	bool said;
};

static bool has_expired(const struct nt_leave *l)
{
	_cleanup_buf_ struct nt_buf token = { 0 };
	const char *file = nt_kube_config(l->kube)->token_file;

	if (!file || nt_file_read_at(AT_FDCWD, file, TOKEN_BYTES_MAX, &token, NULL) < 0)
		return false;
	return nt_leave_token_expired(nt_slice_mem(token.p, token.len),
				      nt_clock_real(l->clock) / NT_NS_PER_S);
}

static void tell(struct nt_leave *l, enum nt_leave_verdict verdict)
{
	nt_leave_fn *fn = l->fn;

	if (verdict == NT_LEAVE_UNINSTALL)
		nt_log_info("%s is gone: nametap is taken off this node", l->path);
	else if (!l->state.seen)
		nt_log_info("%s was never seen: everything stays", l->path);
	else if (l->state.is_wanted)
		nt_log_info("another agent waits for this node: everything stays");
	else if (l->last.code)
		nt_log_info("no answer about %s (%s): everything stays", l->path, l->last.msg);
	nt_loop_timer_set(l->timer, 0);
	l->fn = NULL;
	fn(l->ctx, verdict == NT_LEAVE_UNINSTALL);
}

/* Before anybody asks: is it there at all? */
static void note_seen(struct nt_leave *l, enum nt_leave_word word)
{
	if (word == NT_LEAVE_THERE || word == NT_LEAVE_DELETED) {
		bool there = word == NT_LEAVE_THERE;

		if (there)
			nt_log_info("%s is there: after its deletion the end of this agent takes "
				    "nametap off this node",
				    l->path);
		else if (!l->said)
			nt_log_warn("%s is not there: whatever ends this agent, nothing is taken "
				    "off; see --daemonset",
				    l->path);
		l->said = l->said || !there;
		l->state.seen = there;
		nt_loop_timer_set(l->timer, there ? 0 : LOOK_NS);
		return;
	}
	if (!l->said)
		nt_log_warn("cannot see our DaemonSet: %s; trying again", l->last.msg);
	l->said = true;
}

static void on_answer(void *ctx, const struct nt_kube_answer *answer)
{
	struct nt_leave *l = ctx;
	enum nt_leave_word word = nt_leave_read(answer, l->name, has_expired(l));
	enum nt_leave_verdict verdict;

	l->call = NULL;
	l->last = answer->error;
	if (!l->fn) {
		note_seen(l, word);
		return;
	}
	l->state.is_wanted = nt_nodelock_wanted_ns(l->spool) != l->wanted_ns;
	verdict = nt_leave_judge(&l->state, word, nt_clock_boot(l->clock));
	if (verdict != NT_LEAVE_WAIT)
		tell(l, verdict);
}

static void look(void *ctx)
{
	struct nt_leave *l = ctx;
	struct nt_kube_request request = { .method = "GET",
					   .path = l->path,
					   .timeout_ns = ANSWER_NS,
					   .max_bytes = ANSWER_BYTES_MAX };
	struct nt_kube_answer none = { 0 };

	if (l->call)
		return;
	if (nt_kube_send(l->kube, &request, on_answer, l, &l->call, &none.error) < 0)
		on_answer(l, &none);
}

void nt_leave_ask(struct nt_leave *l, nt_leave_fn *fn, void *ctx)
{
	if (l->call)
		nt_kube_cancel(l->call);
	l->call = NULL;
	l->fn = fn;
	l->ctx = ctx;
	l->state.asked_ns = nt_clock_boot(l->clock);
	l->state.unauthorized_ns = 0;
	l->wanted_ns = nt_nodelock_wanted_ns(l->spool);
	nt_loop_timer_set(l->timer, ASK_NS);
	if (l->state.seen)
		look(l);
	else
		tell(l, NT_LEAVE_STAY);
}

/* --- life ------------------------------------------------------------------------------------- */

int nt_leave_new(struct nt_kube *kube, struct nt_loop *loop, struct nt_clock *clock,
		 const char *namespace_, const char *name, const char *spool,
		 struct nt_leave **ret_leave, struct nt_err *err)
{
	struct nt_leave *l = calloc(1, sizeof(*l));

	if (!l ||
	    asprintf(&l->path, "/apis/apps/v1/namespaces/%s/daemonsets/%s", namespace_, name) < 0) {
		free(l);
		return nt_err_set(err, ENOMEM, "no memory for the DaemonSet");
	}
	l->kube = kube;
	l->clock = clock;
	l->name = name;
	l->spool = spool;
	l->timer = nt_loop_timer_new(loop, LOOK_NS, look, l, err);
	if (!l->timer) {
		nt_leave_free(l);
		return -err->code;
	}
	look(l);
	*ret_leave = l;
	return 0;
}

void nt_leave_free(struct nt_leave *l)
{
	if (!l)
		return;
	if (l->call)
		nt_kube_cancel(l->call);
	nt_loop_timer_free(l->timer);
	free(l->path);
	free(l);
}
