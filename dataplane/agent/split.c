/* SPDX-License-Identifier: Apache-2.0 */
/* Samples of the ring buffer to datagrams. */
#include "dataplane/agent/split.h"

/* All segments but the last have gso_size octets, the last has 1 to gso_size. */
static bool is_consistent(const struct nt_event *e)
{
	uint64_t before_last = (uint64_t)(e->gso_segs - 1) * e->gso_size;

	if (e->gso_segs == 1)
		return true;
	return e->gso_size && before_last < e->payload_len &&
	       e->payload_len <= before_last + e->gso_size;
}

static int check(const struct nt_event *e, size_t sample_len, struct nt_err *err)
{
	if (e->version != NT_ABI_VERSION || e->hdr_len != sizeof(*e))
		return nt_err_set(err, EBADMSG, "event version %u, header of %u octets", e->version,
				  e->hdr_len);
	if (e->cap_len > sample_len - sizeof(*e) || e->cap_len > e->payload_len)
		return nt_err_set(err, EBADMSG, "event with %u of %u octets in %zu", e->cap_len,
				  e->payload_len, sample_len);
	if (e->dir >= NT_DIR_MAX || (e->ip_version != 4 && e->ip_version != 6) || !e->ep_id)
		return nt_err_set(err, EBADMSG, "event with direction %u, IP version %u", e->dir,
				  e->ip_version);
	if (!e->gso_segs)
		return nt_err_set(err, EBADMSG, "event without a datagram");
	return 0;
}

int nt_split_open(struct nt_slice sample, struct nt_split *ret_split, struct nt_err *err)
{
	struct nt_split *s = ret_split;
	int r;

	if (sample.len < sizeof(s->event))
		return nt_err_set(err, EBADMSG, "event of %zu octets", sample.len);
	memcpy(&s->event, sample.p, sizeof(s->event));
	r = check(&s->event, sample.len, err);
	if (r < 0)
		return r;
	s->captured = nt_slice_mem(sample.p + sizeof(s->event), s->event.cap_len);
	s->consistent = is_consistent(&s->event);
	s->index = 0;
	return 0;
}

bool nt_split_next(struct nt_split *s, struct nt_datagram *ret_datagram)
{
	const struct nt_event *e = &s->event;
	struct nt_datagram d = { .seq = e->seq + s->index, .index = s->index };
	size_t from = (size_t)s->index * e->gso_size;
	size_t len = e->gso_size;

	if (s->index >= e->gso_segs)
		return false;
	if (s->index + 1 == e->gso_segs) /* the last one, or the only one */
		len = s->consistent ? e->payload_len - from : 0;
	if (s->consistent && from + len <= s->captured.len) {
		d.whole = true;
		d.payload = nt_slice_mem(s->captured.p + from, len);
	}
	s->index++;
	*ret_datagram = d;
	return true;
}
