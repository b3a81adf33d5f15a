/* SPDX-License-Identifier: Apache-2.0 */
/* A request's body, and the notices in it. */
#include "controller/notify/letter.h"

#include "lib/base/clock.h"

/* An alert is believed for so many intervals, so that a few lost requests end none. */
#define BELIEVED 4

/* The receiver takes lists. */
static bool is_list(const struct nt_letter *l)
{
	return l->shape.receiver->type == NT_RECEIVER_ALERTMANAGER;
}

struct nt_letter nt_letter_for(const struct nt_receiver *receiver, const char *external_url,
			       int64_t now_us, bool alone)
{
	struct nt_letter l = {
		.shape = { .receiver = receiver,
			   .external_url = external_url,
			   .ends_us = now_us + BELIEVED * receiver->resend_ns / NT_NS_PER_US },
	};

	l.max = is_list(&l) && !alone ? NT_LETTER_NOTICES_MAX : 1;
	return l;
}

void nt_letter_done(struct nt_letter *l)
{
	nt_buf_done(&l->body);
	nt_buf_done(&l->key);
}

/* The list is closed at any time: what follows takes the bracket's place. */
static void add_to_list(struct nt_letter *l, const struct nt_store_notice *notice)
{
	if (l->ids_len && l->body.len)
		l->body.len--;
	nt_buf_putc(&l->body, l->ids_len ? ',' : '[');
	nt_shape_write(&l->shape, notice, &l->body);
	nt_buf_putc(&l->body, ']');
}

bool nt_letter_add(struct nt_letter *l, const struct nt_store_notice *notice)
{
	const struct nt_receiver *receiver = l->shape.receiver;

	l->hushed = notice->hushed;
	if (l->hushed)
		return false;
	l->unwanted = !nt_shape_wants(receiver->type, notice->change);
	if (is_list(l)) {
		add_to_list(l, notice);
	} else if (!l->unwanted) {
		nt_shape_key(receiver, notice, &l->key);
		nt_shape_write(&l->shape, notice, &l->body);
	}
	if (!l->ids_len)
		l->oldest_us = notice->due_us;
	l->ids[l->ids_len++] = notice->id;
	return l->ids_len < l->max;
}
