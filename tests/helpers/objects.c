/* SPDX-License-Identifier: Apache-2.0 */
/* The objects of a cluster as lib/objects has them: objects --kubeconfig FILE [--node NAME] KIND...
 * Prints, whenever something has changed, one line of JSON: per kind its state and its objects. */
#include <jansson.h>
#include <stdio.h>

#include "lib/base/loop.h"
#include "lib/kube/client.h"
#include "lib/objects/objects.h"

static struct nt_objects *objects;

static json_t *names_of(const char *kind)
{
	json_t *names = json_array();
	const struct nt_object *o;

	for (size_t i = 0; (o = nt_objects_at(objects, nt_slice_str(kind), i)); i++)
		json_array_append_new(names, json_sprintf("%.*s%s%.*s", NT_SLICE_ARG(o->namespace_),
							  o->namespace_.len ? "/" : "",
							  NT_SLICE_ARG(o->name)));
	return names;
}

static void add_state(void *ctx, const struct nt_objects_state *s)
{
	json_t *state =
		json_pack("{s:b, s:b, s:s, s:I, s:I, s:I, s:I, s:o}", "synced", s->synced, "absent",
			  s->absent, "error", s->error, "lists", (json_int_t)s->lists, "watches",
			  (json_int_t)s->watches, "events", (json_int_t)s->events, "failures",
			  (json_int_t)s->failures, "names", names_of(s->kind));

	json_object_set_new(ctx, s->kind, state);
}

static void on_objects(void *ctx, int fd, uint32_t events)
{
	json_auto_t *states = json_object();

	(void)ctx, (void)fd, (void)events;
	(void)nt_objects_poll(objects);
	nt_objects_states(objects, add_state, states);
	json_dumpf(states, stdout, JSON_COMPACT | JSON_SORT_KEYS);
	printf("\n");
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct nt_objects_kube_config config = { 0 };
	struct nt_kube_config where;
	struct nt_kube *kube;
	struct nt_loop *loop;
	struct nt_err err;
	int first = 3;

	if (argc < 4 || strcmp(argv[1], "--kubeconfig") != 0)
		return 2;
	if (strcmp(argv[3], "--node") == 0) {
		config.node = argv[4];
		first = 5;
	}
	config.kinds = (const char *const *)argv + first;
	if (nt_kube_config_read(argv[2], &where, &err) < 0 || nt_loop_new(&loop, &err) < 0 ||
	    nt_kube_open(&where, loop, "nametap-test", &kube, &err) < 0 ||
	    nt_objects_open_kube(kube, loop, &config, &objects, &err) < 0 ||
	    nt_loop_watch(loop, nt_objects_fd(objects), EPOLLIN, on_objects, NULL, &err) < 0 ||
	    nt_loop_run(loop, &err) < 0)
		fprintf(stderr, "%s\n", err.msg);
	return 1;
}
