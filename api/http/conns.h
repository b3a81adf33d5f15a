/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open connections with a deadline for each stage, against clients that send or read one octet now
 * and then: an idle timeout alone never ends those. Thread-safe. As many entries as the server's
 * limit of connections allows.
 */
#pragma once

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum nt_conn_stage {
	NT_CONN_HEADERS = 0, /* waiting for, or in the middle of, a request's header */
	NT_CONN_BODY = 1, /* reading a body */
	NT_CONN_REPLY = 2, /* working and sending */
	NT_CONN_STAGES = 3,
};

struct nt_conn;

struct nt_conns {
	pthread_mutex_t lock; /* covers first and the entries */
	struct nt_conn *first;
	int64_t deadline_ns[NT_CONN_STAGES];
};

void nt_conns_init(struct nt_conns *c, const unsigned seconds[NT_CONN_STAGES]);
void nt_conns_done(struct nt_conns *c);
/* fd: borrowed until nt_conns_remove. NULL without memory: the connection has no deadline then. */
struct nt_conn *nt_conns_add(struct nt_conns *c, int fd);
/* conn may be NULL. Must come before fd is closed. */
void nt_conns_remove(struct nt_conns *c, struct nt_conn *conn);
/* conn may be NULL. */
void nt_conns_stage(struct nt_conns *c, struct nt_conn *conn, enum nt_conn_stage stage);
/* Has a request's header come? conn may be NULL. */
bool nt_conns_asked(struct nt_conns *c, const struct nt_conn *conn);
/* Shuts down what is past its deadline; returns how many. Call about once a second. */
unsigned nt_conns_sweep(struct nt_conns *c);
