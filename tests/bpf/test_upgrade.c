/* SPDX-License-Identifier: Apache-2.0 */
/* A newer build takes over from an older one under a flood: each packet meets one of them, the
 * numbers go on, and the events say which it was. The other build is a real one, see
 * other_build.bpf.c. */
#include "tests/bpf/flood.h"

#include "dataplane/taps/hooks.h"
#include "tests/unit/suite.h"

static struct nt_taps *taps;
static struct nt_pod pod;

static struct nt_taps *open_upgrading(void)
{
	struct nt_taps_config config = { .upgrade = true };

	return lab_open(&config);
}

/* --- the other build takes the place of ours --- */

/* The section of the object's own constants, not the compiler's. */
static bool is_rodata(const char *name)
{
	size_t len = strlen(name);

	return len >= 7 && strcmp(name + len - 7, ".rodata") == 0;
}

/* What the pinned programs have as constants: keys, stamps, ports. */
static void copy_constants(struct bpf_map *to)
{
	__u32 ids[64], len, zero = 0;
	struct bpf_prog_info prog = { .map_ids = (__u64)(uintptr_t)ids, .nr_map_ids = 64 };
	int fd = bpf_obj_get(LAB_ROOT "/" NT_PIN_FROM_POD);
	size_t size;
	void *value = (void *)(uintptr_t)bpf_map__initial_value(to, &size);
	bool done = false;

	len = sizeof(prog);
	ck_assert_int_eq(bpf_obj_get_info_by_fd(fd, &prog, &len), 0);
	close(fd);
	for (__u32 i = 0; i < prog.nr_map_ids && !done; i++) {
		struct bpf_map_info info = {};

		len = sizeof(info);
		fd = bpf_map_get_fd_by_id(ids[i]);
		ck_assert_int_eq(bpf_obj_get_info_by_fd(fd, &info, &len), 0);
		if (is_rodata(info.name)) {
			ck_assert_uint_eq(info.value_size, bpf_map__value_size(to));
			ck_assert_int_eq(bpf_map_lookup_elem(fd, &zero, value), 0);
			done = true;
		}
		close(fd);
	}
	ck_assert(done);
}

static void share_maps(struct bpf_object *obj)
{
	struct bpf_map *map;
	char path[128];

	bpf_object__for_each_map(map, obj)
	{
		int fd;

		if (is_rodata(bpf_map__name(map))) {
			copy_constants(map);
			continue;
		}
		snprintf(path, sizeof(path), LAB_ROOT "/%s", bpf_map__name(map));
		fd = bpf_obj_get(path);
		if (fd >= 0)
			ck_assert_int_eq(bpf_map__reuse_fd(map, fd), 0);
		close(fd);
	}
}

static void pin(struct bpf_object *obj, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(obj, name);
	char path[128];

	snprintf(path, sizeof(path), LAB_ROOT "/%s", name);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(bpf_obj_pin(bpf_program__fd(prog), path), 0);
}

static void install_other_build(__u32 version)
{
	struct nt_taps *t = lab_open(NULL);
	struct nt_meta meta = nt_taps_meta(t);
	const char *build = getenv("BUILD");
	struct bpf_object *obj;
	char path[512];

	snprintf(path, sizeof(path), "%s/tests/bpf/other_build.bpf.o", build ? build : "build");
	obj = bpf_object__open_file(path, NULL);
	ck_assert_msg(obj != NULL, "%s", path);
	share_maps(obj);
	ck_assert_int_eq(bpf_object__load(obj), 0);
	pin(obj, NT_PIN_FROM_POD);
	pin(obj, NT_PIN_TO_POD);
	bpf_object__close(obj);
	memset(meta.object_build, 7, sizeof(meta.object_build));
	meta.object_version = version;
	lab_write_meta(&meta);
	nt_taps_close(t);
}

static void set_up(void)
{
	struct nt_err err = {};

	nt_taps_close(lab_open(NULL));
	install_other_build(NT_OBJECT_VERSION);
	taps = lab_open(NULL);
	pod = flood_pod();
	ck_assert_msg(nt_taps_attach(taps, &pod, &err) == 0, "%s", err.msg);
}

static void tear_down(void)
{
	lab_pod_end("pod", "h0");
	lab_remove(taps);
}

static bool is_settled(struct nt_taps *t)
{
	struct nt_hook_state state;

	ck_assert_int_eq(nt_hooks_look(t, &pod, true, &state), 0);
	ck_assert_int_eq(state.fault, NT_FAULT_NONE);
	return state.is_settled;
}

/* --- tests --- */

/* In both hooks: old filter to new filter, old link to new link. */
START_TEST(replaced_under_a_flood)
{
	struct nt_taps_config clsact = { .no_tcx = true };
	struct nt_taps *fresh;
	struct nt_meta meta;
	struct flood f;

	if (_i)
		lab_settle(taps, &pod); /* tcx where the kernel has it */
	f = flood_begin();
	for (__u32 round = 0; round < 6; round++) {
		fresh = open_upgrading();
		meta = nt_taps_meta(fresh);
		ck_assert_uint_eq(meta.epoch, round + 2);
		ck_assert_uint_eq(meta.object_version, NT_OBJECT_VERSION);
		nt_taps_close(fresh);
		fresh = lab_open(_i ? NULL : &clsact);
		ck_assert(!is_settled(fresh));
		lab_settle(fresh, &pod);
		ck_assert(is_settled(fresh));
		nt_taps_close(fresh);
		/* And back to the other build, as a downgrade by hand would. */
		install_other_build(NT_OBJECT_VERSION);
		fresh = lab_open(_i ? NULL : &clsact);
		lab_settle(fresh, &pod);
		ck_assert(is_settled(fresh));
		nt_taps_close(fresh);
	}
	flood_end(&f);
	flood_check(taps, pod.ep_id);
}
END_TEST

/* The numbers of one direction and CPU go on, and the epoch changes once. */
START_TEST(numbers_go_on)
{
	struct lab_ring *ring = lab_ring_new(taps);
	struct nt_taps *fresh;
	__u64 next[NT_DIR_MAX][64] = { { 0 } };
	__u32 newest[NT_DIR_MAX][64] = { { 0 } }, epochs = 0;

	for (int round = 0; round < 2; round++) {
		if (round) {
			fresh = open_upgrading();
			lab_settle(fresh, &pod);
			nt_taps_close(fresh);
		}
		lab_run("ip netns exec pod timeout 1 bash -c "
			"'for i in 1 2 3 4 5; do printf 12345678901234567890 >/dev/udp/" FLOOD_HOST
			"/53; done'");
		lab_drain(ring);
		ck_assert_uint_ge(ring->len, 5);
		for (unsigned i = 0; i < ring->len; i++) {
			const struct nt_event *e = &ring->events[i];

			ck_assert_uint_lt(e->cpu, 64);
			ck_assert_uint_eq(e->seq, next[e->dir][e->cpu]);
			next[e->dir][e->cpu]++;
			ck_assert_uint_ge(e->epoch, newest[e->dir][e->cpu]);
			newest[e->dir][e->cpu] = e->epoch;
			epochs |= 1u << e->epoch;
			ck_assert_uint_eq(e->epoch, (__u32)round + 1);
		}
	}
	ck_assert_uint_eq(epochs, 1u << 1 | 1u << 2);
	lab_ring_free(ring);
}
END_TEST

/* The same build with other ports is another generation, too; who says none keeps them. */
START_TEST(ports_are_replaced_under_a_flood)
{
	struct nt_taps_config config = { .upgrade = true, .load.server_ports = { 5353 } };
	struct nt_taps *fresh = open_upgrading();
	struct nt_meta meta;
	struct flood f;

	lab_settle(fresh, &pod);
	nt_taps_close(fresh);
	f = flood_begin();
	for (__u16 round = 0; round < 4; round++) {
		config.load.server_ports[0] = 5353 + round % 2;
		fresh = lab_open(&config);
		lab_settle(fresh, &pod);
		meta = nt_taps_meta(fresh);
		ck_assert_uint_eq(meta.epoch, 3 + round);
		ck_assert_uint_eq(meta.ports[0], 53);
		ck_assert_uint_eq(meta.server_ports[0], config.load.server_ports[0]);
		nt_taps_close(fresh);
	}
	flood_end(&f);
	flood_check(taps, pod.ep_id);
	nt_taps_close(open_upgrading());
	ck_assert_uint_eq(nt_taps_meta(taps).epoch, 6);
	ck_assert_uint_eq(nt_taps_meta(taps).server_ports[0], 5354);
}
END_TEST

START_TEST(same_build_changes_nothing)
{
	struct nt_taps *t = open_upgrading();
	struct nt_meta first = nt_taps_meta(t), second;

	nt_taps_close(t);
	t = open_upgrading();
	second = nt_taps_meta(t);
	nt_taps_close(t);
	ck_assert_uint_eq(first.epoch, 2);
	ck_assert_mem_eq(&first, &second, sizeof(first));
	lab_run("test -z \"$(ls " LAB_ROOT " | grep _new)\"");
}
END_TEST

/* An agent that was rolled back, a plugin that was not updated yet: what is pinned stays. */
START_TEST(newer_objects_stay)
{
	struct nt_meta before, after;
	struct nt_err err = {};
	struct nt_taps *t;

	install_other_build(NT_OBJECT_VERSION + 1);
	before = nt_taps_meta(taps);
	t = open_upgrading();
	after = nt_taps_meta(t);
	ck_assert_mem_eq(&before, &after, sizeof(before));
	ck_assert_int_eq(nt_taps_check(t, "c1", "eth0", &err), 0);
	nt_taps_close(t);
	/* And who does not ask for it never replaces anything. */
	install_other_build(0);
	t = lab_open(NULL);
	ck_assert_uint_eq(nt_taps_meta(t).object_version, 0);
	nt_taps_close(t);
}
END_TEST

/* A plugin of whatever build finds a pod that another generation taps, by CHECK, ADD and DEL. */
START_TEST(generations_know_each_other)
{
	struct nt_taps *fresh = open_upgrading();
	struct nt_pod again = pod;
	struct nt_err err = {};

	ck_assert_int_eq(nt_taps_check(fresh, "c1", "eth0", &err), 0);
	ck_assert_int_eq(nt_taps_attach(fresh, &again, &err), 0);
	ck_assert_uint_eq(again.ep_id, pod.ep_id);
	ck_assert_int_eq(nt_taps_detach(fresh, "c1", "eth0", 0, &err), 0);
	lab_run("test -z \"$(tc filter show dev h0 ingress; tc filter show dev h0 egress)\"");
	nt_taps_close(fresh);
}
END_TEST

/* Killed at any moment of it, the next agent finishes. */
START_TEST(killed_while_upgrading)
{
	struct flood f = flood_begin();
	struct nt_taps *fresh;

	for (int i = 0; i < 20; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			fresh = open_upgrading();
			lab_settle(fresh, &pod);
			_exit(0);
		}
		ck_assert_int_ge(pid, 0);
		poll(NULL, 0, 5 + 13 * i);
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		fresh = open_upgrading();
		lab_settle(fresh, &pod);
		ck_assert(is_settled(fresh));
		nt_taps_close(fresh);
		lab_run("test -z \"$(ls " LAB_ROOT " | grep _new)\"");
		install_other_build(NT_OBJECT_VERSION);
	}
	flood_end(&f);
	flood_check(taps, pod.ep_id);
}
END_TEST

START_TEST(other_layout_is_refused)
{
	struct nt_taps_config config = { .pin_root = LAB_ROOT,
					 .state_dir = LAB_STATE,
					 .upgrade = true };
	struct nt_err err = {};
	struct nt_taps *t = NULL;
	struct nt_meta before = nt_taps_meta(taps), after;
	int fd = bpf_map_create(
		BPF_MAP_TYPE_HASH, "endpoints", 4, 40, NT_PODS_MAX,
		&(struct bpf_map_create_opts){ .sz = sizeof(struct bpf_map_create_opts),
					       .map_flags = BPF_F_NO_PREALLOC });

	ck_assert_int_ge(fd, 0);
	lab_run("mv " LAB_ROOT "/endpoints " LAB_ROOT "/endpoints_kept");
	ck_assert_int_eq(bpf_obj_pin(fd, LAB_ROOT "/endpoints"), 0);
	ck_assert_int_eq(nt_taps_open(&config, &t, &err), -EPROTO);
	ck_assert_msg(strstr(err.msg, "endpoints has another layout"), "%s", err.msg);
	lab_run("mv " LAB_ROOT "/endpoints_kept " LAB_ROOT "/endpoints");
	after = nt_taps_meta(taps);
	ck_assert_mem_eq(&before, &after, sizeof(before));
	close(fd);
}
END_TEST

/* --- another ABI version; one with another layout is in tests/netns/test_upgrade_abi --- */

/* Whoever had the old root open is told so; whoever opens it anew finds everything, in either hook.
 */
START_TEST(another_version_is_taken_over_under_a_flood)
{
	struct nt_pod again = pod;
	struct nt_taps *fresh;
	struct nt_err err = {};
	struct nt_meta meta;
	struct flood f;

	if (_i)
		lab_settle(taps, &pod); /* tcx where the kernel has it */
	f = flood_begin();
	lab_become_another_version(taps);
	fresh = open_upgrading();
	meta = nt_taps_meta(fresh);
	ck_assert_uint_eq(meta.version, NT_ABI_VERSION);
	ck_assert_uint_eq(meta.epoch, 2);
	ck_assert_ptr_nonnull(nt_taps_layouts(fresh));
	ck_assert_int_eq(nt_taps_attach(taps, &again, &err), -ESTALE);
	ck_assert_int_eq(nt_taps_end(taps, "c1", "eth0", 0, &err), -ESTALE);
	ck_assert_int_eq(nt_taps_check(fresh, "c1", "eth0", &err), 0);
	ck_assert_int_eq(nt_taps_attach(fresh, &again, &err), 0);
	ck_assert_uint_eq(again.ep_id, pod.ep_id);
	lab_settle(fresh, &pod);
	ck_assert(is_settled(fresh));
	ck_assert(nt_taps_forget_layouts(fresh));
	nt_taps_close(fresh);
	flood_end(&f);
	flood_check(taps, pod.ep_id); /* its maps of counters and links are the new root's */
	nt_taps_close(taps);
	taps = lab_open(NULL);
	lab_run("test -z \"$(ls " LAB_ROOT " | grep layouts)\"");
}
END_TEST

/* An agent that was killed between the two renames. */
START_TEST(a_root_that_was_moved_away_comes_back)
{
	struct nt_taps_config config = { .must_exist = true };
	struct nt_taps *t;
	struct nt_err err = {};

	lab_run("mv " LAB_ROOT " " LAB_ROOT "_was");
	t = lab_open(&config);
	ck_assert_int_eq(nt_taps_check(t, "c1", "eth0", &err), 0);
	nt_taps_close(t);
	lab_run("test ! -e " LAB_ROOT "_was");
}
END_TEST

/* What programs of both write must be the same for both. */
START_TEST(another_layout_of_counters_is_refused)
{
	struct nt_taps_config config = { .pin_root = LAB_ROOT,
					 .state_dir = LAB_STATE,
					 .upgrade = true };
	int fd = bpf_map_create(
		BPF_MAP_TYPE_PERCPU_HASH, "counters", 8, sizeof(struct nt_counters) + 8,
		NT_PODS_MAX,
		&(struct bpf_map_create_opts){ .sz = sizeof(struct bpf_map_create_opts),
					       .map_flags = BPF_F_NO_PREALLOC });
	struct nt_taps *t = NULL;
	struct nt_meta before, after;
	struct nt_err err = {};

	lab_become_another_version(taps);
	before = nt_taps_meta(taps);
	lab_run("mv " LAB_ROOT "/counters " LAB_ROOT "/counters_kept");
	ck_assert_int_eq(bpf_obj_pin(fd, LAB_ROOT "/counters"), 0);
	ck_assert_int_eq(nt_taps_open(&config, &t, &err), -EPROTO);
	ck_assert_msg(strstr(err.msg, "counters has another layout"), "%s", err.msg);
	ck_assert_msg(strstr(err.msg, "cannot take over"), "%s", err.msg);
	lab_run("mv " LAB_ROOT "/counters_kept " LAB_ROOT "/counters");
	after = nt_taps_meta(taps);
	ck_assert_mem_eq(&before, &after, sizeof(before));
	lab_run("test -z \"$(ls -d " LAB_ROOT "_* 2>/dev/null)\"");
	close(fd);
	after.version = NT_ABI_VERSION;
	lab_write_meta(&after);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("upgrade");
	TCase *t = tcase_create("upgrade");

	lab_enter();
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, replaced_under_a_flood, 0, 2);
	tcase_add_test(t, numbers_go_on);
	tcase_add_test(t, ports_are_replaced_under_a_flood);
	tcase_add_test(t, same_build_changes_nothing);
	tcase_add_test(t, newer_objects_stay);
	tcase_add_test(t, generations_know_each_other);
	tcase_add_test(t, killed_while_upgrading);
	tcase_add_test(t, other_layout_is_refused);
	tcase_add_loop_test(t, another_version_is_taken_over_under_a_flood, 0, 2);
	tcase_add_test(t, a_root_that_was_moved_away_comes_back);
	tcase_add_test(t, another_layout_of_counters_is_refused);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
