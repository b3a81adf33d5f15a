/* SPDX-License-Identifier: Apache-2.0 */
/* Slots: found, published, aged. */
#include "dataplane/agent/slots.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/base/clock.h"

/* A packet reads its endpoint's slots once; nobody is inside a program for so long. */
#define IDLE_NS (2 * NT_NS_PER_S)
/* Longer than a query may wait (--timeout is at most 10 minutes) and its reply be late. */
#define NAME_NS (15 * 60 * NT_NS_PER_S)

void nt_slottable_done(struct nt_slottable *t)
{
	free(t->entries);
	t->entries = NULL;
	t->len = t->cap = 0;
}

/* Index of the first entry with an id not below `id`. */
static size_t place_of(const struct nt_slottable *t, uint32_t id)
{
	size_t low = 0, high = t->len;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (t->entries[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct nt_slotentry *find(const struct nt_slottable *t, uint32_t id)
{
	size_t at = place_of(t, id);

	return at < t->len && t->entries[at].id == id ? &t->entries[at] : NULL;
}

const struct nt_slotentry *nt_slottable_find(const struct nt_slottable *t, uint32_t id)
{
	return find(t, id);
}

static bool make_room(struct nt_slottable *t)
{
	size_t cap = t->cap ? 2 * t->cap : 16;
	struct nt_slotentry *grown;

	if (t->len < t->cap)
		return true;
	grown = realloc(t->entries, cap * sizeof(*grown));
	if (!grown)
		return false;
	t->entries = grown;
	t->cap = cap;
	return true;
}

/* There is room. */
static struct nt_slotentry *insert(struct nt_slottable *t, uint32_t id, const struct nt_slot *value)
{
	size_t at = place_of(t, id);
	struct nt_slotentry *e = &t->entries[at];

	if (at == t->len || e->id != id) { /* else a number that came back */
		memmove(e + 1, e, (t->len - at) * sizeof(*e));
		t->len++;
	}
	*e = (struct nt_slotentry){ .id = id, .value = *value };
	e->value.namespace_[sizeof(e->value.namespace_) - 1] = '\0';
	e->value.name[sizeof(e->value.name) - 1] = '\0';
	snprintf(e->label, sizeof(e->label), "%s/%s", e->value.namespace_, e->value.name);
	return e;
}

struct loading {
	struct nt_slottable *t;
	bool failed;
};

static bool loaded(void *ctx, uint32_t slot, const struct nt_slot *value)
{
	struct loading *l = ctx;

	l->failed = !make_room(l->t);
	if (!l->failed)
		insert(l->t, slot, value)->inherited = true;
	return !l->failed;
}

int nt_slottable_load(struct nt_slottable *t, struct nt_err *err)
{
	struct loading l = { .t = t };
	int r = t->sink->slots(t->sink->ctx, loaded, &l, err);

	if (r == 0 && l.failed)
		r = nt_err_set(err, ENOMEM, "no memory for the slots of policies");
	return r < 0 ? r : t->sink->sweep(t->sink->ctx, err);
}

/* --- publish ---------------------------------------------------------------------------------- */

static bool is_form_of(const struct nt_slotentry *e, const struct nt_slot *value)
{
	return !e->removed && e->value.mode == value->mode &&
	       memcmp(e->value.digest, value->digest, sizeof(value->digest)) == 0 &&
	       strcmp(e->value.namespace_, value->namespace_) == 0 &&
	       strcmp(e->value.name, value->name) == 0;
}

static int publish(struct nt_slottable *t, const struct nt_policy *policy,
		   const struct nt_slot *value, uint32_t *ret_slot, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf compiled = { 0 }, rules = { 0 };
	size_t len;
	int r = nt_policy_compile(policy, t->sink->key.key, &compiled);

	if (r < 0)
		return nt_err_sys(err, -r, "policy %s/%s: compile", value->namespace_, value->name);
	len = compiled.len / sizeof(struct nt_policy_rule);
	for (size_t i = 0; i < len; i++) {
		const struct nt_policy_rule *from = (const void *)compiled.p;
		struct nt_taps_rule rule = { .hash = from[i].hash, .flags = from[i].flags };

		nt_buf_add(&rules, &rule, sizeof(rule));
	}
	if (!nt_buf_ok(&rules) || !make_room(t))
		return nt_err_set(err, ENOMEM, "policy %s/%s: no memory", value->namespace_,
				  value->name);
	r = t->sink->publish(t->sink->ctx, value, (const void *)rules.p, len, ret_slot, err);
	if (r < 0)
		return nt_err_wrap(err, "policy %s/%s", value->namespace_, value->name);
	insert(t, *ret_slot, value);
	return 0;
}

int nt_slottable_get(struct nt_slottable *t, struct nt_agent_policy *policy, uint32_t *ret_slot,
		     struct nt_err *err)
{
	struct nt_slot value = { .mode = (uint32_t)nt_policy_mode(policy->good) };
	const struct nt_slotentry *e = policy->slot ? find(t, policy->slot) : NULL;
	int r;

	memcpy(value.namespace_, policy->namespace_, sizeof(value.namespace_));
	memcpy(value.name, policy->name, sizeof(value.name));
	nt_policy_digest(policy->good, value.digest);
	if (e && !is_form_of(e, &value))
		e = NULL;
	for (size_t i = t->len; !e && i--;)
		e = is_form_of(&t->entries[i], &value) ? &t->entries[i] : NULL;
	if (e) {
		*ret_slot = policy->slot = e->id;
		return 0;
	}
	r = publish(t, policy->good, &value, ret_slot, err);
	policy->slot = r < 0 ? 0 : *ret_slot;
	return r;
}

/* --- age -------------------------------------------------------------------------------------- */

void nt_slottable_begin(struct nt_slottable *t)
{
	for (size_t i = 0; i < t->len; i++)
		t->entries[i].referenced = false;
}

void nt_slottable_refer(struct nt_slottable *t, uint32_t id)
{
	struct nt_slotentry *e = find(t, id & ~(uint32_t)NT_SLOT_AUDIT);

	if (!e)
		return;
	e->referenced = true;
	e->idle_ns = 0;
}

/* Forgets the names of slots that went long ago; of too many the ones with the lowest numbers. */
static void forget(struct nt_slottable *t, int64_t boot_ns)
{
	size_t kept = 0, removed = 0;

	for (size_t i = 0; i < t->len; i++)
		removed += t->entries[i].removed;
	for (size_t i = 0; i < t->len; i++) {
		struct nt_slotentry *e = &t->entries[i];

		if (e->removed && (boot_ns - e->removed_ns > NAME_NS || removed > NT_SLOTS_MAX)) {
			removed--;
			continue;
		}
		if (kept != i)
			t->entries[kept] = *e;
		kept++;
	}
	t->len = kept;
}

int nt_slottable_end(struct nt_slottable *t, int64_t boot_ns, struct nt_err *err)
{
	int result = 0;

	for (size_t i = 0; i < t->len; i++) {
		struct nt_slotentry *e = &t->entries[i];
		int r = 0;

		if (e->removed || e->referenced)
			continue;
		if (!e->idle_ns)
			e->idle_ns = boot_ns;
		if (boot_ns - e->idle_ns < IDLE_NS)
			continue;
		r = t->sink->remove(t->sink->ctx, e->id, err);
		e->removed = r == 0;
		e->removed_ns = boot_ns;
		result = r < 0 ? r : result;
	}
	forget(t, boot_ns);
	return result;
}
