/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request to a receiver while it is made: the notices that it tells and its body. Of an
 * Alertmanager a list of alerts, of others one notice. For controller/notify only.
 */
#pragma once

#include "controller/notify/shape.h"

/* Alerts in one request to an Alertmanager: some 100 KiB. */
#define NT_LETTER_NOTICES_MAX 64

struct nt_letter {
	struct nt_shape shape;
	size_t max;
	int64_t ids[NT_LETTER_NOTICES_MAX]; /* of the notices */
	size_t ids_len;
	int64_t oldest_us; /* since when the first of them may be told */
	bool unwanted; /* the receiver is not told of the one notice: there is no body */
	bool hushed; /* it was given a notice that is not to be told (nt_store_outbox_hush) */
	struct nt_buf body, key; /* key: empty of a list */
};

/* Empty; receiver and external_url are borrowed. alone: one notice, also of what takes lists. */
struct nt_letter nt_letter_for(const struct nt_receiver *receiver, const char *external_url,
			       int64_t now_us, bool alone);
void nt_letter_done(struct nt_letter *l);
/* False: it is full now, or hushed. */
bool nt_letter_add(struct nt_letter *l, const struct nt_store_notice *notice);
