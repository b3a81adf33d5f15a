/* SPDX-License-Identifier: Apache-2.0 */
/* The DNS servers that rows name. */
#include "controller/servers/servers.h"

#include <stdlib.h>
#include <sys/random.h>

/* For one that no object names nobody of the last minute goes. */
#define BUSY_US (60LL * 1000000)

struct nt_servers_entry {
	struct nt_hashtable_link link;
	TAILQ_ENTRY(nt_servers_entry) age;
	int64_t asked_us, seen_us;
	int64_t told_us; /* of a Service: a row had the backend */
	struct nt_addr ip;
	uint16_t port;
	char host[254]; /* of an address that each node has for itself: of which node it is */
	char namespace_[64], name[254], service[320];
};

int nt_servers_init(struct nt_servers *s)
{
	*s = (struct nt_servers){ 0 };
	TAILQ_INIT(&s->entries);
	if (getrandom(&s->key, sizeof(s->key), 0) != sizeof(s->key))
		return -EIO;
	return nt_hashtable_init(&s->table);
}

static void drop(struct nt_servers *s, struct nt_servers_entry *e)
{
	nt_hashtable_take(&s->table, &e->link);
	TAILQ_REMOVE(&s->entries, e, age);
	free(e);
}

void nt_servers_done(struct nt_servers *s)
{
	struct nt_servers_entry *e;

	while ((e = TAILQ_FIRST(&s->entries)))
		drop(s, e);
	nt_hashtable_done(&s->table);
	nt_hosts_done(&s->hosts);
}

/* --- rows ------------------------------------------------------------------------------------- */

static bool is_of_each_node(const struct nt_addr *ip)
{
	const uint8_t *o = ip->octets;

	if (ip->family == 4)
		return o[0] == 127 || (o[0] == 169 && o[1] == 254);
	return (o[0] == 0xfe && (o[1] & 0xc0) == 0x80) ||
	       memcmp(o, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1", 16) == 0;
}

/* Which server a row is about. */
struct key {
	const struct nt_server *server;
	struct nt_slice host; /* see the entry's; else empty */
};

static struct key key_of(const struct nt_server *server, const struct nt_record *r)
{
	return (struct key){ server,
			     is_of_each_node(&server->ip) ? r->node : (struct nt_slice){ 0 } };
}

static uint64_t hash_of(const struct nt_servers *s, const struct key *k)
{
	return nt_hash(&s->key,
		       nt_hash(&s->key, k->server->port,
			       nt_slice_mem(&k->server->ip, sizeof(k->server->ip))),
		       k->host);
}

static struct nt_servers_entry *find(const struct nt_servers *s, const struct key *k)
{
	struct nt_hashtable_link *link = nt_hashtable_first(&s->table, hash_of(s, k));

	for (; link; link = nt_hashtable_next(link)) {
		struct nt_servers_entry *e = NT_HASHTABLE_ITEM(link, struct nt_servers_entry, link);

		if (e->port == k->server->port && nt_addr_eq(&e->ip, &k->server->ip) &&
		    nt_slice_eq(nt_slice_str(e->host), k->host))
			return e;
	}
	return NULL;
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static int64_t latest(const struct nt_servers_entry *e)
{
	return later(later(e->asked_us, e->seen_us), e->told_us);
}

static bool is_named(const struct nt_servers_entry *e)
{
	return e->name[0] || e->service[0];
}

/* Who goes for another one. */
static struct nt_servers_entry *least(const struct nt_servers *s)
{
	struct nt_servers_entry *e;

	TAILQ_FOREACH(e, &s->entries, age)
	{
		if (!is_named(e))
			return e;
	}
	return TAILQ_FIRST(&s->entries);
}

static bool make_room(struct nt_servers *s, bool named, int64_t at_us)
{
	struct nt_servers_entry *e;

	if (s->table.len < NT_SERVERS_MAX)
		return true;
	e = least(s);
	if (!named && (is_named(e) || at_us - latest(e) < BUSY_US))
		return false;
	drop(s, e);
	return true;
}

/* False: it does not fit, and is left out. */
static bool copy(char *to, size_t size, struct nt_slice from)
{
	bool fits = from.len < size;

	if (fits && from.len)
		memcpy(to, from.p, from.len);
	to[fits ? from.len : 0] = '\0';
	return fits;
}

static bool is_pod(const struct nt_server *server)
{
	return server->name.len && !nt_slice_eq(server->name, NT_SLICE_LIT("-"));
}

/* What objects, or its own agent, say of it now. The Service stays with the pod: a row of its own
 * side does not name it. */
static void describe(struct nt_servers_entry *e, const struct nt_server *server)
{
	bool pod = is_pod(server);
	struct nt_slice none = { 0 };

	if (pod != (e->name[0] != '\0') ||
	    (pod && !nt_slice_eq(server->name, nt_slice_str(e->name))))
		e->service[0] = '\0';
	if (server->service.len)
		(void)copy(e->service, sizeof(e->service), server->service);
	if (!copy(e->name, sizeof(e->name), pod ? server->name : none) ||
	    !copy(e->namespace_, sizeof(e->namespace_), pod ? server->namespace_ : none))
		e->name[0] = e->namespace_[0] = '\0';
}

static struct nt_servers_entry *get(struct nt_servers *s, const struct key *k, int64_t at_us)
{
	struct nt_servers_entry *e = find(s, k),
				fresh = { .ip = k->server->ip, .port = k->server->port };

	if (e) {
		TAILQ_REMOVE(&s->entries, e, age);
		TAILQ_INSERT_TAIL(&s->entries, e, age);
		return e;
	}
	describe(&fresh, k->server);
	e = copy(fresh.host, sizeof(fresh.host), k->host) && make_room(s, is_named(&fresh), at_us)
		    ? malloc(sizeof(*e))
		    : NULL;
	if (!e) {
		s->over++;
		return NULL;
	}
	*e = fresh;
	nt_hashtable_put(&s->table, &e->link, hash_of(s, k));
	TAILQ_INSERT_TAIL(&s->entries, e, age);
	return e;
}

/* An address goes from one pod to the next: what was asked of the one says nothing of the other.
 * False: the row is a late one of the former. */
static bool take_over(struct nt_servers_entry *e, const struct nt_server *server, int64_t at_us)
{
	if (!is_pod(server) || !e->name[0] ||
	    (nt_slice_eq(server->name, nt_slice_str(e->name)) &&
	     nt_slice_eq(server->namespace_, nt_slice_str(e->namespace_))))
		return true;
	if (at_us < latest(e))
		return false;
	e->asked_us = e->seen_us = e->told_us = 0;
	return true;
}

static void take_client(struct nt_servers *s, const struct nt_record *r, int64_t at_us)
{
	const struct nt_server *asked = &r->servers[r->servers_len - 1];
	const struct key key = key_of(asked, r), front_key = key_of(&r->servers[0], r);
	struct nt_servers_entry *e = get(s, &key, at_us), *front;

	if (e && take_over(e, asked, at_us)) {
		e->asked_us = later(e->asked_us, at_us);
		describe(e, asked);
		if (r->servers_len > 1 && !e->service[0])
			(void)copy(e->service, sizeof(e->service), r->servers[0].service);
	}
	if (r->servers_len == 1)
		return;
	front = find(s, &front_key);
	if (front)
		front->told_us = later(front->told_us, at_us);
}

static void take_server(struct nt_servers *s, const struct nt_record *r, int64_t at_us)
{
	const struct key key = key_of(&r->servers[0], r);
	struct nt_servers_entry *e = get(s, &key, at_us);

	if (!e || !take_over(e, &r->servers[0], at_us))
		return;
	e->seen_us = later(e->seen_us, at_us);
	describe(e, &r->servers[0]);
}

void nt_servers_take(struct nt_servers *s, const struct nt_record *r, int64_t now_us)
{
	/* A node whose clock is ahead must not make its rows last. */
	int64_t at_us = r->end_us < now_us ? r->end_us : now_us;

	if (r->type != NT_RECORD_LOG || !r->servers_len || !r->servers[0].ip.family)
		return;
	if (r->side == NT_SIDE_SERVER)
		take_server(s, r, at_us);
	else if (r->role == NT_ROLE_WORKLOAD)
		take_client(s, r, at_us);
}

/* --- what is said of them --------------------------------------------------------------------- */

static bool is_services(const struct nt_objects *objects, const struct nt_servers_found *f)
{
	struct nt_slice full = nt_slice_str(f->service), namespace_ = full, name;
	const char *slash = memchr(full.p, '/', full.len);
	const struct nt_object *o;

	if (!slash)
		return false;
	namespace_.len = (size_t)(slash - full.p);
	name = nt_slice_mem(slash + 1, full.len - namespace_.len - 1);
	o = nt_objects_find(objects, NT_SLICE_LIT("Service"), namespace_, name);
	return o && nt_object_has_ip(o, &f->ip);
}

/* Every cluster has some of each: without them nobody's address proves nothing. */
static bool are_telling(const struct nt_objects *objects)
{
	return objects && nt_objects_count(objects, NT_SLICE_LIT("Service")) &&
	       nt_objects_count(objects, NT_SLICE_LIT("Node"));
}

static enum nt_whose whose(const struct nt_hosts *hosts, const struct nt_objects *objects,
			   struct nt_servers_found *f)
{
	const struct nt_object *o;
	const struct nt_object_pod *pod;
	const char *host;

	if (is_of_each_node(&f->ip))
		return NT_WHOSE_EACH_NODE;
	o = objects && f->name[0]
		    ? nt_objects_find(objects, NT_SLICE_LIT("Pod"), nt_slice_str(f->namespace_),
				      nt_slice_str(f->name))
		    : NULL;
	pod = o ? nt_object_pod(o) : NULL;
	if (pod)
		(void)copy(f->node, sizeof(f->node), pod->node_name);
	if (f->name[0])
		return pod && pod->host_network ? NT_WHOSE_HOST_POD : NT_WHOSE_POD;
	if (!are_telling(objects))
		return NT_WHOSE_NOT_KNOWN;
	host = nt_hosts_find(hosts, &f->ip);
	if (host) {
		(void)copy(f->node, sizeof(f->node), nt_slice_str(host));
		return NT_WHOSE_NODE;
	}
	return is_services(objects, f) ? NT_WHOSE_SERVICE : NT_WHOSE_NOBODY;
}

static void fill(const struct nt_servers_entry *e, const struct nt_hosts *hosts,
		 const struct nt_objects *objects, struct nt_servers_found *f)
{
	int64_t at_us = later(e->asked_us, e->seen_us);

	*f = (struct nt_servers_found){
		.ip = e->ip, .port = e->port, .asked_us = e->asked_us, .seen_us = e->seen_us
	};
	memcpy(f->namespace_, e->namespace_, sizeof(f->namespace_));
	memcpy(f->name, e->name, sizeof(f->name));
	memcpy(f->service, e->service, sizeof(f->service));
	f->facts.whose = whose(hosts, objects, f);
	/* Of one that is silent now, what there was when it was not. */
	f->facts.asked = at_us - e->asked_us < NT_SERVERS_LATELY_US;
	f->facts.seen = at_us - e->seen_us < NT_SERVERS_LATELY_US;
}

/* A Service whose rows mostly have the backend is no server by itself. */
static bool is_only_front(const struct nt_servers_entry *e)
{
	return e->told_us && e->asked_us - e->told_us < NT_SERVERS_LATELY_US;
}

static void forget_old(struct nt_servers *s, int64_t now_us)
{
	struct nt_servers_entry *e, *after;

	for (e = TAILQ_FIRST(&s->entries); e; e = after) {
		after = TAILQ_NEXT(e, age);
		if (now_us - latest(e) > NT_SERVERS_KEPT_US)
			drop(s, e);
	}
}

/* Of an address that each node has for itself one is told, for all of them: both ends are seen
 * where they are on each node that asks. False: f is the first. */
static bool merge(struct nt_servers_found *found, size_t len, const struct nt_servers_found *f)
{
	for (size_t i = 0; i < len && f->facts.whose == NT_WHOSE_EACH_NODE; i++) {
		struct nt_servers_found *to = &found[i];
		bool blind =
			(to->facts.asked && !to->facts.seen) || (f->facts.asked && !f->facts.seen);

		if (to->port != f->port || !nt_addr_eq(&to->ip, &f->ip))
			continue;
		to->asked_us = later(to->asked_us, f->asked_us);
		to->seen_us = later(to->seen_us, f->seen_us);
		to->facts.asked = to->facts.asked || f->facts.asked;
		to->facts.seen = !blind && (to->facts.seen || f->facts.seen);
		return true;
	}
	return false;
}

int nt_servers_list(struct nt_servers *s, const struct nt_objects *objects, int64_t now_us,
		    struct nt_servers_found **ret_found, size_t *ret_len)
{
	struct nt_servers_found *found;
	struct nt_servers_entry *e;
	size_t len = 0;

	forget_old(s, now_us);
	if (objects && nt_hosts_look(&s->hosts, objects) < 0)
		return -ENOMEM;
	found = calloc(s->table.len + 1, sizeof(*found));
	if (!found)
		return -ENOMEM;
	TAILQ_FOREACH(e, &s->entries, age)
	{
		if (is_only_front(e))
			continue;
		fill(e, &s->hosts, objects, &found[len]);
		len += !merge(found, len, &found[len]);
	}
	*ret_found = found;
	*ret_len = len;
	return 0;
}
