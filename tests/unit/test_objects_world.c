/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A cluster that changes at random behind a server that fails at random: at the end the store has
 * what the cluster has, and the server was not asked more often than pauses allow. The model keeps
 * the history of all changes, as etcd does, and forgets its beginning now and then.
 */
#include "lib/objects/objects.h"

#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "tests/unit/kube_server.h"
#include "tests/unit/suite.h"

enum {
	NAMES = 40, /* per kind */
	KINDS = 3,
	SEEDS = 6,
	TICKS = 600, /* of a millisecond, with changes and faults */
	HISTORY = 1 << 16,
};

static const struct {
	const char *kind, *path;
	bool in_namespace, custom;
} kinds[KINDS] = {
	{ "Pod", "/api/v1/pods", true, false },
	{ "Namespace", "/api/v1/namespaces", false, false },
	{ "GlobalAlert", "/apis/nametap.io/v1alpha1/globalalerts", false, true },
};
static const char *const watched[] = { "Pod", "Namespace", "GlobalAlert", NULL };

struct change {
	unsigned kind, name;
	unsigned value; /* 0: deleted */
	bool was_there;
};

/* Of a page that is to be continued: what there was then. */
struct snapshot {
	unsigned kind, version;
	unsigned values[NAMES];
};

struct watch {
	unsigned kind, version; /* that it was told of */
};

static struct world {
	unsigned values[KINDS][NAMES]; /* 0: not there */
	struct change history[HISTORY]; /* of version i + 1 */
	unsigned version, forgotten; /* versions below it are */
	struct snapshot snapshots[64];
	unsigned snapshots_len;
	bool faulty, has_custom;
	unsigned ticks, counter;
	unsigned random;
} world;

static struct nt_loop *loop;
static struct nt_kube *kube;
static struct nt_objects *objects;
static struct server server;

static unsigned dice(unsigned n)
{
	world.random = world.random * 1103515245 + 12345;
	return (world.random >> 16) % n;
}

/* --- the cluster ------------------------------------------------------------------------------ */

static void set_value(unsigned kind, unsigned name, unsigned value)
{
	unsigned *at = &world.values[kind][name];

	if (*at == value || world.version == HISTORY)
		return;
	world.history[world.version++] = (struct change){ kind, name, value, *at != 0 };
	*at = value;
}

static void write_object(struct nt_buf *b, unsigned kind, unsigned name, unsigned value,
			 unsigned version)
{
	nt_buf_printf(b, "{\"metadata\":{\"name\":\"x%02u\",\"resourceVersion\":\"%u\"", name,
		      version);
	if (kinds[kind].in_namespace)
		nt_buf_printf(b, ",\"namespace\":\"n%u\"", name % 3);
	nt_buf_printf(b, ",\"uid\":\"u-%u-%u\",\"labels\":{\"v\":\"%u\",\"same\":\"for all\"}}}",
		      kind, name, value);
}

static void change_something(void)
{
	unsigned kind = dice(KINDS), name = dice(NAMES);

	if (kinds[kind].custom && !world.has_custom)
		return;
	set_value(kind, name, dice(3) ? ++world.counter : 0);
}

/* All of its objects go with it. */
static void toggle_custom(void)
{
	for (unsigned i = 0; world.has_custom && i < NAMES; i++)
		set_value(2, i, 0);
	world.has_custom = !world.has_custom;
}

/* --- the server ------------------------------------------------------------------------------- */

static unsigned number_behind(const char *path, const char *key)
{
	const char *at = strstr(path, key);
	unsigned n = 0;

	if (at)
		ck_assert_int_eq(sscanf(at + strlen(key), "%u", &n), 1);
	return n;
}

static void say(struct server_conn *c, int status, const char *text)
{
	server_reply(c, status, "", nt_slice_str(text));
}

static void list(struct server_conn *c, unsigned kind, const char *path)
{
	_cleanup_buf_ struct nt_buf b = { 0 };
	unsigned limit = number_behind(path, "limit="), token = number_behind(path, "continue=");
	unsigned from = token % 100, n = 0, i;
	struct snapshot *s;

	if (!token) {
		s = &world.snapshots[world.snapshots_len++ % 64];
		*s = (struct snapshot){ .kind = kind, .version = world.version };
		memcpy(s->values, world.values[kind], sizeof(s->values));
		token = (unsigned)(s - world.snapshots + 1) * 100;
	}
	s = &world.snapshots[token / 100 - 1];
	if (s->kind != kind || s->version < world.forgotten) {
		say(c, 410, "{\"kind\":\"Status\",\"code\":410,\"message\":\"too old\"}");
		return;
	}
	nt_buf_puts(&b, "{\"items\":[");
	for (i = from; i < NAMES && n < limit; i++) {
		if (!s->values[i])
			continue;
		if (n++)
			nt_buf_putc(&b, ',');
		write_object(&b, kind, i, s->values[i], s->version);
	}
	nt_buf_printf(&b, "],\"metadata\":{\"resourceVersion\":\"%u\"", s->version + 1);
	if (i < NAMES)
		nt_buf_printf(&b, ",\"continue\":\"%u\"", token / 100 * 100 + i);
	nt_buf_puts(&b, "}}");
	if (world.faulty && dice(12) == 0) { /* the body is cut */
		nt_buf_printf(&c->out, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", b.len);
		nt_buf_add(&c->out, b.p, dice((unsigned)b.len));
		server_cut(c);
		return;
	}
	server_reply(c, 200, "", nt_slice_mem(b.p, b.len));
}

static void begin_watch(struct server_conn *c, unsigned kind, const char *path)
{
	struct watch *w = calloc(1, sizeof(*w));

	*w = (struct watch){ kind, number_behind(path, "resourceVersion=") - 1 };
	server_stream(c);
	if (w->version >= world.forgotten) {
		c->tag = w;
		return;
	}
	free(w);
	server_chunk(c, NT_SLICE_LIT("{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\","
				     "\"code\":410,\"message\":\"too old\"}}\n"));
	server_end_stream(c);
}

static void on_request(void *ctx, struct server_conn *c, const char *path)
{
	static const int statuses[] = { 401, 403, 429, 500, 503, 504 };
	unsigned kind = 0;

	(void)ctx;
	while (strncmp(path, kinds[kind].path, strlen(kinds[kind].path)) != 0)
		ck_assert_uint_lt(++kind, KINDS);
	if (kinds[kind].custom && !world.has_custom)
		say(c, 404, "404 page not found\n");
	else if (world.faulty && dice(6) == 0)
		say(c, statuses[dice(6)], "{\"kind\":\"Status\",\"message\":\"no\"}");
	else if (world.faulty && dice(20) == 0)
		say(c, 404, "404 page not found\n"); /* it has just started */
	else if (world.faulty && dice(20) == 0)
		say(c, 200, "{\"kind\":\"PodList\"");
	else if (strstr(path, "watch=1"))
		begin_watch(c, kind, path);
	else
		list(c, kind, path);
}

static void write_event(struct nt_buf *b, const struct change *change, unsigned version)
{
	const char *type = !change->value ? "DELETED" : change->was_there ? "MODIFIED" : "ADDED";

	nt_buf_printf(b, "{\"type\":\"%s\",\"object\":", type);
	write_object(b, change->kind, change->name, change->value ?: 1, version);
	nt_buf_puts(b, "}\n");
}

/* Lines in chunks that end anywhere. */
static void send_chunks(struct server_conn *c, const struct nt_buf *text)
{
	for (size_t at = 0, n; at < text->len; at += n) {
		n = 1 + dice(300);
		if (n > text->len - at)
			n = text->len - at;
		server_chunk(c, nt_slice_mem(text->p + at, n));
	}
}

static void end_watch(struct server_conn *c)
{
	free(c->tag);
	c->tag = NULL;
}

static void feed_watch(struct server_conn *c)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	struct watch *w = c->tag;

	for (; w->version < world.version; w->version++)
		if (world.history[w->version].kind == w->kind)
			write_event(&text, &world.history[w->version], w->version + 2);
	if (dice(50) == 0)
		nt_buf_printf(&text,
			      "{\"type\":\"BOOKMARK\",\"object\":{\"metadata\":{"
			      "\"creationTimestamp\":null,\"resourceVersion\":\"%u\"}}}\n",
			      w->version + 1);
	if (world.faulty && dice(100) == 0)
		nt_buf_puts(&text, dice(2) ? "{\"type\":\"ERROR\",\"object\":{\"code\":500}}\n"
					   : "upstream went away\n");
	send_chunks(c, &text);
	if (world.faulty && dice(40) == 0) {
		server_chunk(c, NT_SLICE_LIT("{\"type\":\"MODI"));
		server_cut(c);
		end_watch(c);
	} else if (dice(60) == 0 || (kinds[w->kind].custom && !world.has_custom)) {
		server_end_stream(c);
		end_watch(c);
	}
}

/* Every connection is gone, and the past with it: the newest version is too old, too. */
static void restart(void)
{
	world.version++;
	world.history[world.version - 1] = (struct change){ .kind = KINDS };
	world.forgotten = world.version;
	for (struct server_conn *c = server.conns, *next; c; c = next) {
		next = c->next;
		server_drop(c);
	}
}

static void on_tick(void *ctx)
{
	struct server_conn *c, *next;

	(void)ctx;
	if (world.ticks < TICKS) {
		world.faulty = ++world.ticks < TICKS;
		for (unsigned i = dice(4); i; i--)
			change_something();
		if (dice(60) == 0)
			world.forgotten = world.version;
		if (dice(120) == 0)
			restart();
		if (dice(120) == 0)
			toggle_custom();
	}
	for (c = server.conns; c; c = next) {
		next = c->next;
		if (c->tag)
			feed_watch(c);
	}
}

/* --- the client ------------------------------------------------------------------------------- */

static void on_objects(void *ctx, int fd, uint32_t events)
{
	(void)ctx, (void)fd, (void)events;
	(void)nt_objects_poll(objects);
}

/* Told of every change, one that is derived of changes is the store's. */
static unsigned derived[KINDS][NAMES];

static unsigned kind_of(const struct nt_object *o)
{
	unsigned kind = 0;

	while (!nt_slice_eq(o->kind, nt_slice_str(kinds[kind].kind)))
		kind++;
	return kind;
}

static unsigned name_of(const struct nt_object *o)
{
	unsigned name;

	ck_assert_int_eq(sscanf(o->name.p, "x%u", &name), 1);
	return name;
}

static unsigned value_of(const struct nt_object *o)
{
	unsigned value;

	ck_assert_uint_eq(o->labels_len, 2);
	ck_assert_int_eq(sscanf(o->labels[1].value.p, "%u", &value), 1);
	return value;
}

static void on_change(void *ctx, const struct nt_object *before, const struct nt_object *after)
{
	const struct nt_object *o = after ?: before;
	unsigned *at = &derived[kind_of(o)][name_of(o)];

	(void)ctx;
	ck_assert_uint_eq(*at, before ? value_of(before) : 0);
	*at = after ? value_of(after) : 0;
}

static void check_problem(void *ctx, const struct nt_objects_state *state)
{
	bool *well = ctx;

	*well = *well && state->synced && (kinds[2].kind[0] || !state->absent);
}

static bool is_equal(void)
{
	unsigned seen = 0, wanted = 0;
	bool well = true;

	nt_objects_states(objects, check_problem, &well);
	for (unsigned k = 0; k < KINDS; k++) {
		const struct nt_object *o;

		for (unsigned i = 0; i < NAMES; i++)
			wanted += world.values[k][i] != 0;
		for (size_t i = 0; (o = nt_objects_at(objects, nt_slice_str(kinds[k].kind), i));
		     i++, seen++)
			if (value_of(o) != world.values[k][name_of(o)])
				return false;
	}
	return well && seen == wanted;
}

static void look(void *ctx)
{
	(void)ctx;
	if (world.ticks == TICKS && is_equal())
		nt_loop_stop(loop);
}

static void print_state(void *ctx, const struct nt_objects_state *s)
{
	(void)ctx;
	fprintf(stderr, "%s: %zu, %s%s, lists %llu, watches %llu, failures %llu: %s\n", s->kind,
		s->count, s->synced ? "synced" : "not synced", s->absent ? ", absent" : "",
		(unsigned long long)s->lists, (unsigned long long)s->watches,
		(unsigned long long)s->failures, s->error);
}

static void give_up(void *ctx)
{
	(void)ctx;
	nt_objects_states(objects, print_state, NULL);
	ck_abort_msg("the store has not become what the cluster is");
}

/* Each namespace and name in order, found by both of its names. */
static void check_store(void)
{
	const struct nt_object *o, *before = NULL;

	for (size_t i = 0; (o = nt_objects_at(objects, NT_SLICE_LIT("Pod"), i)); i++) {
		ck_assert_ptr_eq(nt_objects_find(objects, o->kind, o->namespace_, o->name), o);
		ck_assert_ptr_eq(nt_objects_find_pod_uid(objects, o->uid), o);
		if (before)
			ck_assert_int_lt(strcmp(before->namespace_.p, o->namespace_.p)
						 ?: strcmp(before->name.p, o->name.p),
					 0);
		before = o;
	}
	ck_assert_int_eq(memcmp(derived, world.values, sizeof(derived)), 0);
}

static void open_all(void)
{
	static const struct nt_objects_kube_config config = {
		.kinds = watched,
		.retry_min_ns = 2 * NT_NS_PER_MS,
		.retry_max_ns = 20 * NT_NS_PER_MS,
		.absent_ns = 30 * NT_NS_PER_MS,
		.page_len = 7,
	};
	struct nt_err err;

	ck_assert_int_eq(nt_loop_new(&loop, &err), 0);
	server_start(&server, loop, on_request, NULL);
	kube = server_client(&server);
	ck_assert_int_eq(nt_objects_open_kube(kube, loop, &config, &objects, &err), 0);
	nt_objects_listen(objects, on_change, NULL);
	ck_assert_int_eq(
		nt_loop_watch(loop, nt_objects_fd(objects), EPOLLIN, on_objects, NULL, &err), 0);
	ck_assert_ptr_nonnull(nt_loop_timer_new(loop, NT_NS_PER_MS, on_tick, NULL, &err));
	ck_assert_ptr_nonnull(nt_loop_timer_new(loop, NT_NS_PER_MS, look, NULL, &err));
	ck_assert_ptr_nonnull(nt_loop_timer_new(loop, 40 * NT_NS_PER_S, give_up, NULL, &err));
}

START_TEST(store_is_what_the_cluster_is)
{
	struct nt_clock clock = nt_clock_system();
	int64_t began = nt_clock_boot(&clock), ms;

	memset(&world, 0, sizeof(world));
	memset(derived, 0, sizeof(derived));
	world.random = 77 + (unsigned)_i;
	world.faulty = world.has_custom = true;
	open_all();
	ck_assert_int_eq(nt_loop_run(loop, NULL), 0);
	check_store();
	/* Of three kinds, each at most once a millisecond with a page or two in between. */
	ms = (nt_clock_boot(&clock) - began) / NT_NS_PER_MS;
	ck_assert_uint_lt(server.requests, 3 * ms * 3);
	ck_assert_uint_gt(world.version, TICKS / 2);
	nt_objects_free(objects);
	nt_kube_close(kube);
	server_stop(&server);
	nt_loop_free(loop);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("objects_world");
	TCase *t = tcase_create("objects_world");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, store_is_what_the_cluster_is, 0, SEEDS);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
