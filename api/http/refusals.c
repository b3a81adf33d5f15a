/* SPDX-License-Identifier: Apache-2.0 */
/* Which refusals the log has. */
#include "api/http/refusals.h"

#include <stdbool.h>
#include <stdio.h>

#include "lib/base/log.h"

void nt_refusals_init(struct nt_refusals *r)
{
	*r = (struct nt_refusals){ 0 };
	pthread_mutex_init(&r->lock, NULL);
}

void nt_refusals_done(struct nt_refusals *r)
{
	pthread_mutex_destroy(&r->lock);
}

/* The entry of cause and source, else the one to reuse. */
static size_t place(const struct nt_refusals *r, enum nt_refusal cause,
		    const struct nt_addr *source)
{
	size_t quietest = 0;

	for (size_t i = 0; i < NT_REFUSALS_MAX; i++) {
		if (r->entries[i].cause == cause && nt_addr_eq(&r->entries[i].source, source))
			return i;
		if (r->entries[i].seen_ns < r->entries[quietest].seen_ns)
			quietest = i;
	}
	return quietest;
}

/* True: it is to be said, with *ret_more that were not. */
static bool count(struct nt_refusals *r, enum nt_refusal cause, const struct nt_addr *source,
		  int64_t now_ns, uint64_t *ret_more)
{
	size_t i = place(r, cause, source);
	bool known = r->entries[i].cause == cause && nt_addr_eq(&r->entries[i].source, source);

	if (known && now_ns - r->entries[i].said_ns < NT_REFUSALS_QUIET_NS) {
		r->entries[i].seen_ns = now_ns;
		r->entries[i].since++;
		return false;
	}
	*ret_more = known ? r->entries[i].since : 0;
	r->entries[i].cause = cause;
	r->entries[i].source = *source;
	r->entries[i].said_ns = r->entries[i].seen_ns = now_ns;
	r->entries[i].since = 0;
	r->lines++;
	return true;
}

void nt_refusals_note(struct nt_refusals *r, enum nt_refusal cause, const struct nt_addr *source,
		      const char *why, int64_t now_ns)
{
	static const char *const words[] = {
		[NT_REFUSAL_TOKEN] = "its token",
		[NT_REFUSAL_NODE] = "whose token it is",
		[NT_REFUSAL_BODY] = "a body that is too large",
		[NT_REFUSAL_BATCH] = "its batch",
		[NT_REFUSAL_TLS] = "no TLS handshake",
	};
	char ip[NT_ADDR_TEXT_MAX];
	uint64_t more = 0;
	char text[64] = "";
	bool say;

	pthread_mutex_lock(&r->lock);
	say = count(r, cause, source, now_ns, &more);
	pthread_mutex_unlock(&r->lock);
	if (!say)
		return;
	if (more)
		snprintf(text, sizeof(text), " (and %llu more before)", (unsigned long long)more);
	nt_log_warn("%s is refused for %s: %s%s", nt_addr_format(source, ip), words[cause], why,
		    text);
}
