/* SPDX-License-Identifier: Apache-2.0 */
/* Is the drop-in folder honoured? */
#include "dataplane/installer/dropin.h"

void nt_dropin_reset(struct nt_dropin *d)
{
	*d = (struct nt_dropin){ .fallbacks = d->fallbacks };
}

/* Both calls of one ADD are moments apart; a DEL goes through the drop-in first. */
static bool is_answered(int64_t chain, int64_t dropin)
{
	return dropin > chain - NT_DROPIN_PATIENCE_NS;
}

/* A call through the list without one through the drop-in, for long enough. */
static bool stays_unanswered(int64_t *since, int64_t chain, int64_t dropin,
			     const struct nt_dropin_facts *f)
{
	/* Before that the runtime may not have read the folder yet. */
	int64_t from = f->placed + NT_DROPIN_PATIENCE_NS;

	if (chain < from || is_answered(chain, dropin) || (*since && is_answered(*since, dropin))) {
		*since = 0;
		return false;
	}
	if (!*since)
		*since = chain;
	return f->now - *since > NT_DROPIN_PATIENCE_NS;
}

static enum nt_dropin_phase try_on(struct nt_dropin *d, const struct nt_dropin_facts *f)
{
	if (f->dropin_add > f->placed && f->dropin_del > f->placed) {
		d->proven_at = f->now;
		return NT_DROPIN_PROVEN;
	}
	if (stays_unanswered(&d->unanswered_add, f->chain_add, f->dropin_add, f) ||
	    stays_unanswered(&d->unanswered_del, f->chain_del, f->dropin_del, f))
		return NT_DROPIN_REFUTED;
	return NT_DROPIN_TRYING;
}

/* The plugin is the last of the chain, so its call is at most moments older than the sandbox. */
static bool is_missed(const struct nt_dropin *d, const struct nt_dropin_facts *f)
{
	return f->sandbox > d->proven_at + NT_DROPIN_PATIENCE_NS &&
	       f->dropin_add < f->sandbox - NT_DROPIN_PATIENCE_NS;
}

enum nt_dropin_phase nt_dropin_decide(struct nt_dropin *d, const struct nt_dropin_facts *f)
{
	if (!f->possible) {
		nt_dropin_reset(d);
		return NT_DROPIN_OFF;
	}
	if (d->phase == NT_DROPIN_REFUTED)
		return d->phase;
	if (d->phase == NT_DROPIN_PROVEN) {
		if (!is_missed(d, f))
			return d->phase;
		d->fallbacks++;
		d->phase = NT_DROPIN_REFUTED;
		return d->phase;
	}
	d->phase = f->placed ? try_on(d, f) : NT_DROPIN_TRYING;
	return d->phase;
}
