/* SPDX-License-Identifier: Apache-2.0 */
/* What an agent leaves at the cgroup root when it is killed while it attaches the host's programs.
 * They would run for each packet for as long as the node is up, and go when the next one starts. */
#include "tests/bpf/lab.h"

#include <signal.h>
#include <time.h>

#include "tests/unit/suite.h"

#define FOLDER LAB_ROOT NT_HOST_SUFFIX

static struct nt_taps *taps;
static struct nt_hostnet *hostnet;
static char root[128]; /* a cgroup of our own plays it */
static int cgroup;

static struct nt_hostnet *open_it(void)
{
	const struct nt_hostnet_config config = { .cgroup_root = root };
	struct nt_hostnet *h = NULL;
	struct nt_err err = {};

	ck_assert_msg(nt_hostnet_open(taps, &config, &h, &err) == 0, "%s", err.msg);
	return h;
}

static void set_up(void)
{
	lab_run("ip link set lo up"); /* where the beacon is looked for */
	taps = lab_open(NULL);
	hostnet = open_it();
}

static void tear_down(void)
{
	nt_hostnet_close(hostnet);
	lab_remove(taps);
	ck_assert_int_ne(access(FOLDER, F_OK), 0);
}

static unsigned attached(enum bpf_attach_type type)
{
	__u32 n = 0;

	ck_assert_int_eq(bpf_prog_query(cgroup, type, 0, NULL, NULL, &n), 0);
	return n;
}

/* The kernel detaches a link a moment after its last pin went. */
static void check_no_remains(void)
{
	const struct timespec pause = { .tv_nsec = 10000000 };

	ck_assert_int_ne(access(FOLDER "_new", F_OK), 0);
	lab_run("test -z \"$(find " FOLDER " -name '*_new')\"");
	for (int i = 0; i < 3000; i++) {
		if (attached(BPF_CGROUP_INET_EGRESS) == 1 && attached(BPF_CGROUP_INET_INGRESS) == 1)
			return;
		nanosleep(&pause, NULL);
	}
	ck_abort_msg("%u and %u programs are attached instead of one each",
		     attached(BPF_CGROUP_INET_EGRESS), attached(BPF_CGROUP_INET_INGRESS));
}

/* The program of our own link, attached and pinned once more. */
static void leave_link(const char *path)
{
	int ours = bpf_obj_get(FOLDER "/" NT_PIN_HOST_EGRESS), program, link;
	struct bpf_link_info info = {};
	__u32 len = sizeof(info);

	ck_assert_int_eq(bpf_obj_get_info_by_fd(ours, &info, &len), 0);
	program = bpf_prog_get_fd_by_id(info.prog_id);
	link = bpf_link_create(program, cgroup, BPF_CGROUP_INET_EGRESS, NULL);
	ck_assert_int_ge(link, 0);
	ck_assert_int_eq(bpf_obj_pin(link, path), 0);
	close(link);
	close(program);
	close(ours);
}

START_TEST(remains_go_at_start)
{
	nt_hostnet_close(hostnet);
	ck_assert_int_eq(mkdir(FOLDER "_new", 0700), 0);
	leave_link(FOLDER "_new/" NT_PIN_HOST_EGRESS);
	leave_link(FOLDER "_new/" NT_PIN_HOST_EGRESS "_new");
	leave_link(FOLDER "/" NT_PIN_HOST_EGRESS "_new");
	ck_assert_uint_eq(attached(BPF_CGROUP_INET_EGRESS), 4);
	hostnet = open_it();
	check_no_remains();
}
END_TEST

/* At a random moment: the next one goes on or begins anew, and all that is left is its own. */
START_TEST(killed_while_attaching_anew)
{
	struct nt_err err = {};

	for (int i = 0; i < 20; i++) {
		const struct timespec pause = { .tv_nsec = i * 3000000L };
		pid_t pid;

		nt_hostnet_close(hostnet);
		ck_assert_msg(nt_hostnet_off(taps, &err) == 0, "%s", err.msg);
		pid = fork();
		if (pid == 0)
			_exit(open_it() ? 0 : 1);
		ck_assert_int_ge(pid, 0);
		nanosleep(&pause, NULL);
		kill(pid, SIGKILL);
		ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
		hostnet = open_it();
		check_no_remains();
	}
}
END_TEST

int main(void)
{
	Suite *s = suite_create("hostkills");
	TCase *t = tcase_create("hostkills");
	int failed;

	lab_enter();
	lab_cgroup_make(root);
	cgroup = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	tcase_set_timeout(t, 120);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_test(t, remains_go_at_start);
	tcase_add_test(t, killed_while_attaching_anew);
	suite_add_tcase(s, t);
	failed = nt_suite_run(s);
	close(cgroup);
	lab_cgroup_end(root);
	return failed;
}
