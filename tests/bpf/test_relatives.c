/* SPDX-License-Identifier: Apache-2.0 */
/* Records as a crowd: policies that a pod takes over from one of its kind when no agent answers
 * (T16), and attachments of one network that go with GC while those of others stay. */
#include "tests/bpf/lab.h"

#include "tests/unit/suite.h"

static struct nt_taps *taps;
static struct nt_err err;

static void set_up(void)
{
	/* Links end with the test's process. */
	ck_assert_int_eq(unshare(CLONE_NEWNET), 0);
	taps = lab_open(NULL);
}

static void tear_down(void)
{
	lab_remove(taps);
}

/* A veth of its own for each. */
static struct nt_pod attach(const char *ns, const char *name, const char *network)
{
	static unsigned n;
	struct nt_pod pod = { .ifname = "eth0" };
	char line[128], link[16];

	snprintf(link, sizeof(link), "h%u", ++n);
	snprintf(line, sizeof(line), "ip link add %s type veth peer name p%u", link, n);
	lab_run(line);
	pod.ifindex = if_nametoindex(link);
	pod.netns_ino = 1000 + n;
	snprintf(pod.namespace_, sizeof(pod.namespace_), "%s", ns);
	snprintf(pod.name, sizeof(pod.name), "%s", name);
	snprintf(pod.network, sizeof(pod.network), "%s", network);
	snprintf(pod.container_id, sizeof(pod.container_id), "c%u", n);
	ck_assert_msg(nt_taps_attach(taps, &pod, &err) == 0, "%s", err.msg);
	return pod;
}

static __u32 publish(const char *name)
{
	struct nt_slot slot = { .namespace_ = "shop", .mode = 1 };
	const struct nt_taps_rule rule = { .hash = 7, .flags = NT_RULE_EXACT };
	__u32 number;

	snprintf(slot.name, sizeof(slot.name), "%s", name);
	ck_assert_msg(nt_taps_slot_publish(taps, &slot, &rule, 1, &number, &err) == 0, "%s",
		      err.msg);
	return number;
}

static void enforce(const struct nt_pod *pod, __u32 slot)
{
	const struct nt_scope_set scope = {
		.len = 1, .suffixes = { { .hash = 9 + (slot & ~NT_SLOT_AUDIT) } }
	};

	ck_assert_msg(nt_taps_endpoint_set(taps, pod->ep_id, &slot, 1, &scope, &err) == 0, "%s",
		      err.msg);
}

static void detach(const struct nt_pod *pod)
{
	ck_assert_int_eq(nt_taps_detach(taps, pod->container_id, "eth0", 0, &err), 0);
}

/* The slot that is in force; 0: none. Its scope must be that of the same slot. */
static __u32 in_force(const struct nt_pod *pod)
{
	struct nt_scope_set scope;
	struct nt_endpoint ep;

	ck_assert_int_eq(nt_taps_endpoint_get(taps, pod->ep_id, &ep, &scope), 0);
	ck_assert_uint_le(ep.slots_len, 1);
	if (!ep.slots_len)
		return 0;
	ck_assert_uint_eq(scope.len, 1);
	ck_assert_uint_eq(scope.suffixes[0].hash, 9 + (ep.slots[0] & ~NT_SLOT_AUDIT));
	return ep.slots[0];
}

static int inherit(const struct nt_pod *pod, char from[256])
{
	return nt_taps_inherit(taps, pod, from, &err);
}

static const struct {
	const char *ns, *name; /* of the one with a policy */
	const char *heir_ns, *heir;
	bool takes;
} kinds[] = {
	{ "shop", "web-7d4b9c6f5-x2x4z", "shop", "web-7d4b9c6f5-bcdfg", true },
	{ "shop", "agent-x2x4z", "shop", "agent-bcdfg", true },
	{ "shop", "db-0", "shop", "db-1", true },
	{ "shop", "db-0", "shop", "db-0", true },
	{ "shop", "db-9", "shop", "db-10", true },
	{ "shop", "web-7d4b9c6f5-x2x4z", "other", "web-7d4b9c6f5-bcdfg", false },
	{ "shop", "web-7d4b9c6f5-x2x4z", "shop", "web-5f6c7d8b9-bcdfg", false },
	{ "shop", "web-x2x4z", "shop", "web-api", false },
	{ "shop", "web-0", "shop", "web-bcdfg", false },
	{ "shop", "web", "shop", "web", false },
	{ "shop", "web-api", "shop", "web-api", false },
	{ "shop", "-x2x4z", "shop", "-bcdfg", false },
	{ "shop", "web-", "shop", "web-", false },
	/* podman: who has no namespace has no kind. */
	{ "", "db-0", "", "db-1", false },
};

START_TEST(of_its_kind)
{
	struct nt_pod pod = attach(kinds[_i].ns, kinds[_i].name, "net"), heir;
	__u32 slot = publish("names");
	char from[256] = "";

	enforce(&pod, slot | NT_SLOT_AUDIT);
	heir = attach(kinds[_i].heir_ns, kinds[_i].heir, "net");
	ck_assert_uint_eq(in_force(&heir), 0);
	ck_assert_int_eq(inherit(&heir, from), kinds[_i].takes);
	ck_assert_uint_eq(in_force(&heir), kinds[_i].takes ? slot | NT_SLOT_AUDIT : 0);
	ck_assert_str_eq(from, kinds[_i].takes ? kinds[_i].name : "");
}
END_TEST

/* A pod that was alone on the node is gone before its successor comes. */
START_TEST(of_one_that_is_gone)
{
	struct nt_pod pod = attach("shop", "db-0", "net"), heir;
	__u32 slot = publish("names");
	char from[256] = "";

	enforce(&pod, slot);
	detach(&pod);
	heir = attach("shop", "db-0", "net");
	ck_assert_int_eq(inherit(&heir, from), 1);
	ck_assert_uint_eq(in_force(&heir), slot);
	/* Asked again, what is in force stays, whoever put it there. */
	ck_assert_int_eq(inherit(&heir, from), 1);
	ck_assert_uint_eq(in_force(&heir), slot);
	detach(&heir);
	/* The policy has gone meanwhile. */
	ck_assert_int_eq(nt_taps_slot_remove(taps, slot, &err), 0);
	heir = attach("shop", "db-0", "net");
	ck_assert_int_eq(inherit(&heir, from), 0);
	ck_assert_uint_eq(in_force(&heir), 0);
}
END_TEST

START_TEST(of_the_last_one)
{
	struct nt_pod a = attach("shop", "db-0", "net"), b = attach("shop", "db-1", "net"), heir;
	struct nt_pod without = attach("shop", "db-2", "net");
	__u32 old = publish("old"), new = publish("new");
	char from[256] = "";

	enforce(&b, new);
	enforce(&a, old); /* later, but of an older pod */
	heir = attach("shop", "db-3", "net");
	ck_assert_int_eq(inherit(&heir, from), 1);
	ck_assert_uint_eq(in_force(&heir), new);
	ck_assert_str_eq(from, "db-1");
	ck_assert_uint_eq(in_force(&without), 0);
	detach(&heir);
	ck_assert_int_eq(inherit(&heir, from), -ENOENT);
}
END_TEST

/* --- GC --- */

static bool is_in(void *ctx, const char *container_id, const char *ifname)
{
	return strcmp(ifname, "eth0") == 0 && strstr(ctx, container_id);
}

static __u32 state_of(const struct nt_pod *pod)
{
	struct nt_pod now;

	ck_assert_int_eq(nt_taps_pod_get(taps, pod->ep_id, &now), 0);
	return now.state;
}

static void del_link(const struct nt_pod *pod)
{
	char link[IF_NAMESIZE], line[64];

	ck_assert_ptr_nonnull(if_indextoname(pod->ifindex, link));
	snprintf(line, sizeof(line), "ip link del %s", link);
	lab_run(line);
}

START_TEST(collect)
{
	struct nt_pod valid = attach("shop", "a", "net"), stale = attach("shop", "b", "net");
	struct nt_pod other = attach("shop", "c", "other"), unknown = attach("shop", "d", "");

	/* Made after the runtime had written its list. */
	ck_assert_int_eq(nt_taps_gc(taps, "net", 1, is_in, "", &err), 0);
	ck_assert_int_eq(nt_taps_gc(taps, "net", lab_boot_ns(), is_in, valid.container_id, &err),
			 1);
	ck_assert_uint_eq(state_of(&valid), NT_POD_ATTACHED);
	/* Its link is there, and it may send. */
	ck_assert_uint_eq(state_of(&stale), NT_POD_ENDING);
	ck_assert_uint_eq(state_of(&other), NT_POD_ATTACHED);
	ck_assert_uint_eq(state_of(&unknown), NT_POD_ATTACHED);
	ck_assert_int_lt(nt_taps_check(taps, stale.container_id, "eth0", &err), 0);
	ck_assert_int_eq(nt_taps_check(taps, other.container_id, "eth0", &err), 0);
	/* Again, with nothing left to do, be its link there or not. */
	ck_assert_int_eq(nt_taps_gc(taps, "net", lab_boot_ns(), is_in, valid.container_id, &err),
			 0);
	del_link(&stale);
	ck_assert_int_eq(nt_taps_verify(taps, stale.ep_id, NULL, &err), NT_VERIFY_ENDED);
	ck_assert_int_eq(nt_taps_gc(taps, "net", lab_boot_ns(), is_in, valid.container_id, &err),
			 0);
	ck_assert_int_eq(nt_taps_gc(taps, "net", lab_boot_ns(), is_in, "", &err), 1);
	ck_assert_int_eq(nt_taps_gc(taps, "none", lab_boot_ns(), is_in, "", &err), 0);
	/* One that has none any more has ended. */
	del_link(&other);
	ck_assert_int_eq(nt_taps_gc(taps, "other", lab_boot_ns(), is_in, "", &err), 1);
	ck_assert_uint_eq(state_of(&other), NT_POD_DETACHED);
}
END_TEST

START_TEST(collect_many)
{
	for (int i = 0; i < 300; i++)
		(void)attach("shop", "a", i % 3 ? "net" : "other");
	ck_assert_int_eq(nt_taps_gc(taps, "net", lab_boot_ns(), is_in, "", &err), 200);
	ck_assert_int_eq(nt_taps_gc(taps, "other", lab_boot_ns(), is_in, "", &err), 100);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("relatives");
	TCase *t = tcase_create("relatives");

	lab_enter();
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, of_its_kind, 0, sizeof(kinds) / sizeof(kinds[0]));
	tcase_add_test(t, of_one_that_is_gone);
	tcase_add_test(t, of_the_last_one);
	tcase_add_test(t, collect);
	tcase_add_test(t, collect_many);
	suite_add_tcase(s, t);
	return nt_suite_run(s);
}
