/* SPDX-License-Identifier: Apache-2.0 */
/* Groups the records of an answer by name, type and class, and sorts what has no order in DNS. */
#include "lib/record/rrsets.h"

#include <stdlib.h>

#include "lib/base/cleanup.h"

struct answer {
	struct nt_slice name, rdata;
	uint16_t type, class_;
	uint32_t ttl;
};

static int compare_slices(struct nt_slice a, struct nt_slice b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int r = len ? memcmp(a.p, b.p, len) : 0;

	return r ? r : (a.len > b.len) - (a.len < b.len);
}

static int compare_sets(const struct answer *a, const struct answer *b)
{
	int r = compare_slices(a->name, b->name);

	if (r == 0)
		r = (a->type > b->type) - (a->type < b->type);
	if (r == 0)
		r = (a->class_ > b->class_) - (a->class_ < b->class_);
	return r;
}

static int compare_answers(const void *x, const void *y)
{
	const struct answer *a = x, *b = y;
	int r = compare_sets(a, b);

	return r ? r : compare_slices(a->rdata, b->rdata);
}

static int read_answer(const struct nt_dns_msg *msg, const struct nt_dns_rr *rr,
		       struct nt_arena *arena, struct nt_buf *scratch, struct answer *ret)
{
	struct nt_cursor c = nt_cursor_over(msg->wire);
	struct nt_name name;
	char text[NT_NAME_TEXT_MAX];

	c.at = rr->owner_at;
	nt_name_read(&c, &name);
	nt_buf_reset(scratch);
	nt_rdata_format(msg, rr, scratch);
	if (!nt_buf_ok(scratch))
		return -ENOMEM;
	*ret = (struct answer){ .type = rr->type, .class_ = rr->class_, .ttl = rr->ttl };
	ret->name = nt_arena_copy(arena, nt_slice_mem(text, nt_name_text(&name, text)));
	ret->rdata = nt_arena_copy(arena, nt_slice_mem(scratch->p, scratch->len));
	return ret->name.p && ret->rdata.p ? 0 : -ENOMEM;
}

/* Into one set from the run of answers that share its name, type and class. */
static int make_set(const struct answer *answers, size_t len, struct nt_arena *arena,
		    struct nt_rrset *ret)
{
	struct nt_rrset set = { .name = answers->name,
				.type = answers->type,
				.class_ = answers->class_,
				.ttl_min = answers->ttl,
				.ttl_max = answers->ttl,
				.rdata_len = len };

	set.rdata = nt_arena_alloc(arena, len * sizeof(*set.rdata));
	if (!set.rdata)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++) {
		set.rdata[i] = answers[i].rdata;
		if (answers[i].ttl < set.ttl_min)
			set.ttl_min = answers[i].ttl;
		if (answers[i].ttl > set.ttl_max)
			set.ttl_max = answers[i].ttl;
	}
	*ret = set;
	return 0;
}

static int make_sets(const struct answer *answers, size_t len, struct nt_arena *arena,
		     struct nt_record *r)
{
	size_t sets = 0, n;

	for (size_t i = 0; i < len; i++)
		sets += i == 0 || compare_sets(&answers[i - 1], &answers[i]) != 0;
	r->rrsets = nt_arena_alloc(arena, sets * sizeof(*r->rrsets));
	if (!r->rrsets)
		return -ENOMEM;
	for (size_t i = 0; i < len; i += n) {
		for (n = 1; i + n < len && compare_sets(&answers[i], &answers[i + n]) == 0;)
			n++;
		if (make_set(answers + i, n, arena, &r->rrsets[r->rrsets_len]) < 0)
			return -ENOMEM;
		r->rrsets_len++;
	}
	return 0;
}

int nt_rrsets_from_msg(const struct nt_dns_msg *msg, struct nt_arena *arena, struct nt_record *r)
{
	_cleanup_buf_ struct nt_buf scratch = { 0 };
	_cleanup_free_ struct answer *answers = NULL;
	struct nt_dns_iter it = { 0 };
	struct nt_dns_rr rr;
	size_t len = 0;

	if (!msg->ancount)
		return 0;
	answers = calloc(msg->ancount, sizeof(*answers));
	if (!answers)
		return -ENOMEM;
	while (len < msg->ancount && nt_dns_next(msg, &it, &rr)) {
		if (rr.section != NT_DNS_ANSWER)
			break;
		if (read_answer(msg, &rr, arena, &scratch, &answers[len]) < 0)
			return -ENOMEM;
		len++;
	}
	if (!len)
		return 0;
	qsort(answers, len, sizeof(*answers), compare_answers);
	return make_sets(answers, len, arena, r);
}
