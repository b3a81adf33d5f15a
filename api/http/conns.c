/* SPDX-License-Identifier: Apache-2.0 */
/* Deadlines of connections. */
#include "api/http/conns.h"

#include <stdlib.h>
#include <sys/socket.h>

#include "lib/base/clock.h"

struct nt_conn {
	struct nt_conn *next, **at; /* at: what points here */
	int fd;
	enum nt_conn_stage stage;
	int64_t since_ns;
	bool shut;
	bool asked; /* it was in another stage than the first one */
};

void nt_conns_init(struct nt_conns *c, const unsigned seconds[NT_CONN_STAGES])
{
	*c = (struct nt_conns){ 0 };
	pthread_mutex_init(&c->lock, NULL);
	for (int i = 0; i < NT_CONN_STAGES; i++)
		c->deadline_ns[i] = (int64_t)seconds[i] * NT_NS_PER_S;
}

void nt_conns_done(struct nt_conns *c)
{
	while (c->first)
		nt_conns_remove(c, c->first);
	pthread_mutex_destroy(&c->lock);
}

struct nt_conn *nt_conns_add(struct nt_conns *c, int fd)
{
	struct nt_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->fd = fd;
	conn->since_ns = nt_clock_monotonic_now();
	pthread_mutex_lock(&c->lock);
	conn->next = c->first;
	conn->at = &c->first;
	if (conn->next)
		conn->next->at = &conn->next;
	c->first = conn;
	pthread_mutex_unlock(&c->lock);
	return conn;
}

void nt_conns_remove(struct nt_conns *c, struct nt_conn *conn)
{
	if (!conn)
		return;
	pthread_mutex_lock(&c->lock);
	*conn->at = conn->next;
	if (conn->next)
		conn->next->at = conn->at;
	pthread_mutex_unlock(&c->lock);
	free(conn);
}

void nt_conns_stage(struct nt_conns *c, struct nt_conn *conn, enum nt_conn_stage stage)
{
	if (!conn)
		return;
	pthread_mutex_lock(&c->lock);
	conn->asked |= stage != NT_CONN_HEADERS;
	if (conn->stage != stage) {
		conn->stage = stage;
		conn->since_ns = nt_clock_monotonic_now();
	}
	pthread_mutex_unlock(&c->lock);
}

bool nt_conns_asked(struct nt_conns *c, const struct nt_conn *conn)
{
	bool asked;

	if (!conn)
		return true;
	pthread_mutex_lock(&c->lock);
	asked = conn->asked;
	pthread_mutex_unlock(&c->lock);
	return asked;
}

unsigned nt_conns_sweep(struct nt_conns *c)
{
	int64_t now = nt_clock_monotonic_now();
	unsigned closed = 0;

	pthread_mutex_lock(&c->lock);
	for (struct nt_conn *conn = c->first; conn; conn = conn->next) {
		if (conn->shut || now - conn->since_ns <= c->deadline_ns[conn->stage])
			continue;
		/* The server's own thread notices, and closes the descriptor. */
		(void)shutdown(conn->fd, SHUT_RDWR);
		conn->shut = true;
		closed++;
	}
	pthread_mutex_unlock(&c->lock);
	return closed;
}
