/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TCP segments of the ring to messages and rows: gives them to the table of streams
 * (lib/dns/stream) and states what does not become a message. A segment counts as `stream` of its
 * pod at once; when its fate is another one it moves to UNLOGGED. No I/O.
 */
#pragma once

#include "dataplane/agent/agent.h"

/* config.streams: bounds, 0 the defaults. */
int nt_tcp_open(struct nt_agent *a, struct nt_err *err) NT_MUSTCHECK;
/* One event of TCP, its number covered; all of its payload is there. */
void nt_tcp_segment(struct nt_agent *a, struct nt_agent_pod *pod, const struct nt_event *e,
		    struct nt_slice payload);
/* Of packets that count as stream and cannot be stored or continued: they are stated. */
void nt_tcp_write_off(struct nt_agent *a, struct nt_agent_pod *pod, enum nt_reason reason,
		      uint64_t count, int64_t first_us, int64_t last_us);
