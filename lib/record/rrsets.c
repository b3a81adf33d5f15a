/* SPDX-License-Identifier: Apache-2.0 */
/* Groups the records of an answer by name, type and class, and sorts what has no order in DNS. */
#include "lib/record/rrsets.h"

#include <stdlib.h>

#include "lib/base/cleanup.h"

enum { FEW = 16, CLASS_IN = 1 };
/* A pointer (RFC 1035, 4.1.4) reaches no further. */
enum { POINTER_MAX = 0x3fff };

struct answer {
	struct nt_slice name, rdata;
	uint16_t type, class_;
	uint32_t ttl;
};

static int compare_sets(const struct answer *a, const struct answer *b)
{
	int r = nt_slice_compare(a->name, b->name);

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

	return r ? r : nt_slice_compare(a->rdata, b->rdata);
}

static int compare_data(const void *x, const void *y)
{
	return nt_slice_compare(*(const struct nt_slice *)x, *(const struct nt_slice *)y);
}

static int compare_rrsets(const void *x, const void *y)
{
	const struct nt_rrset *a = x, *b = y;
	const struct answer left = { .name = a->name, .type = a->type, .class_ = a->class_ };
	const struct answer right = { .name = b->name, .type = b->type, .class_ = b->class_ };

	return compare_sets(&left, &right);
}

void nt_rrsets_sort(struct nt_rrset *sets, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (sets[i].rdata_len > 1)
			qsort(sets[i].rdata, sets[i].rdata_len, sizeof(*sets[i].rdata),
			      compare_data);
	if (len > 1)
		qsort(sets, len, sizeof(*sets), compare_rrsets);
}

/* Answers are in a message one behind the other; what is read of it. */
struct reader {
	const struct nt_dns_msg *msg;
	struct nt_arena *arena;
	struct nt_slice qname;
	/* The name in the data of the answer before, an alias: the next one's owner, mostly. */
	uint16_t alias_at;
	struct nt_slice alias;
};

static int read_name(const struct reader *rd, uint16_t at, struct nt_slice *ret_text)
{
	struct nt_cursor c = nt_cursor_over(rd->msg->wire);
	struct nt_name name;

	c.at = at;
	nt_name_read(&c, &name);
	*ret_text = nt_name_copy_text(&name, rd->arena);
	return ret_text->p ? 0 : -ENOMEM;
}

/* Most owners are pointers to a name whose text is there. */
static int read_owner(const struct reader *rd, uint16_t at, struct nt_slice *ret_text)
{
	struct nt_cursor c = nt_cursor_over(rd->msg->wire);
	uint16_t pointer;

	c.at = at;
	pointer = nt_cursor_u16(&c);
	if (rd->msg->has_question && pointer == NT_DNS_QNAME_POINTER)
		*ret_text = rd->qname;
	else if (rd->alias.p && rd->alias_at <= POINTER_MAX && pointer == (0xc000 | rd->alias_at))
		*ret_text = rd->alias;
	else
		return read_name(rd, at, ret_text);
	return 0;
}

/* Three of four answers are addresses: nt_rdata_format would say the same in some more steps. */
static bool is_address(const struct nt_dns_rr *rr)
{
	return rr->class_ == CLASS_IN && (rr->type == NT_TYPE_A || rr->type == NT_TYPE_AAAA);
}

static struct nt_slice copy_address(const struct reader *rd, const struct nt_dns_rr *rr)
{
	struct nt_addr addr = nt_addr_from(rr->type == NT_TYPE_A ? 4 : 6,
					   (const uint8_t *)rd->msg->wire.p + rr->rdata_at);
	char text[NT_ADDR_TEXT_MAX];

	return nt_arena_copy(rd->arena, nt_slice_mem(text, nt_addr_text(&addr, text)));
}

static struct nt_slice copy_data(const struct reader *rd, const struct nt_dns_rr *rr)
{
	/* A name and some numbers; what is longer goes to the heap. */
	char first[NT_NAME_TEXT_MAX + 64];
	_cleanup_buf_ struct nt_buf text = NT_BUF_OVER(first);

	nt_rdata_format(rd->msg, rr, &text);
	return nt_buf_ok(&text) ? nt_arena_copy(rd->arena, nt_slice_mem(text.p, text.len))
				: (struct nt_slice){ 0 };
}

static int read_data(struct reader *rd, const struct nt_dns_rr *rr, struct nt_slice *ret_text)
{
	*ret_text = is_address(rr) ? copy_address(rd, rr) : copy_data(rd, rr);
	rd->alias = rr->type == NT_TYPE_CNAME ? *ret_text : (struct nt_slice){ 0 };
	rd->alias_at = rr->rdata_at;
	return ret_text->p ? 0 : -ENOMEM;
}

static int read_answer(struct reader *rd, const struct nt_dns_rr *rr, struct answer *ret)
{
	*ret = (struct answer){ .type = rr->type, .class_ = rr->class_, .ttl = rr->ttl };
	if (read_owner(rd, rr->owner_at, &ret->name) < 0)
		return -ENOMEM;
	return read_data(rd, rr, &ret->rdata);
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

/* A few are sorted faster where they are than by a call per comparison. */
static void sort(struct answer *answers, size_t len)
{
	if (len > FEW) {
		qsort(answers, len, sizeof(*answers), compare_answers);
		return;
	}
	for (size_t i = 1; i < len; i++) {
		struct answer a = answers[i];
		size_t at = i;

		for (; at && compare_answers(&answers[at - 1], &a) > 0; at--)
			answers[at] = answers[at - 1];
		answers[at] = a;
	}
}

/* The name is in the record once for a run of answers of one set. */
static size_t text_len(const struct answer *a, const struct answer *before)
{
	bool same = before && compare_sets(a, before) == 0;

	return a->rdata.len + (same ? 0 : a->name.len);
}

/* In the order of the message, so that a server's first answers are the ones that are shown. */
static int read_answers(struct reader *rd, struct answer *answers, size_t *ret_len, bool *ret_cut)
{
	struct nt_dns_iter it = { 0 };
	struct nt_dns_rr rr;
	size_t len = 0, text = 0;

	*ret_cut = false;
	while (len < rd->msg->ancount && nt_dns_next(rd->msg, &it, &rr)) {
		if (rr.section != NT_DNS_ANSWER)
			break;
		if (read_answer(rd, &rr, &answers[len]) < 0)
			return -ENOMEM;
		text += text_len(&answers[len], len ? &answers[len - 1] : NULL);
		*ret_cut = text > NT_RRSETS_TEXT_MAX;
		if (*ret_cut)
			break;
		len++;
	}
	*ret_len = len;
	return 0;
}

int nt_rrsets_from_msg(const struct nt_dns_msg *msg, struct nt_arena *arena, struct nt_record *r)
{
	struct reader rd = { .msg = msg, .arena = arena, .qname = r->qname };
	struct answer few[FEW], *answers = few;
	_cleanup_free_ struct answer *many = NULL;
	size_t len;
	bool cut;

	if (msg->ancount > FEW) {
		answers = many = calloc(msg->ancount, sizeof(*answers));
		if (!many)
			return -ENOMEM;
	}
	if (read_answers(&rd, answers, &len, &cut) < 0)
		return -ENOMEM;
	if (cut)
		r->error = NT_SLICE_LIT(NT_RRSETS_CUT);
	if (!len)
		return 0;
	sort(answers, len);
	return make_sets(answers, len, arena, r);
}
