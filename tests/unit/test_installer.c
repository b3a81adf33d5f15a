/* SPDX-License-Identifier: Apache-2.0 */
/* What the installer decides: which configuration, which folders, how often, drop-in or list. */
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/installer/chain.h"
#include "dataplane/installer/dropin.h"
#include "dataplane/installer/entry.h"
#include "dataplane/installer/hostfs.h"
#include "dataplane/installer/layout.h"
#include "dataplane/installer/pace.h"
#include "dataplane/installer/record.h"
#include "dataplane/installer/swap.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "tests/unit/suite.h"

#define LIST(name) "{\"cniVersion\":\"1.0.0\",\"name\":\"" name "\",\"plugins\":[{\"type\":\"a\"}]}"
#define CONF(name) "{\"cniVersion\":\"1.0.0\",\"name\":\"" name "\",\"type\":\"a\"}"
#define ENTRY "{\"type\": \"nametap\"}"

/* A host in a temporary folder; its CNI folder is /etc/cni/net.d. */
static char root[] = "/tmp/nametap-unit-XXXXXX";
static int root_fd = -1, conf_fd = -1;

static void run(const char *format)
{
	char command[512];

	snprintf(command, sizeof(command), format, root);
	ck_assert_int_eq(system(command), 0);
}

static void make_host(void)
{
	struct nt_err err;

	memcpy(root + sizeof(root) - 7, "XXXXXX", 6);
	ck_assert_ptr_nonnull(mkdtemp(root));
	run("mkdir -p %s/etc/cni/net.d");
	root_fd = nt_hostfs_root(root, &err);
	ck_assert_int_ge(root_fd, 0);
	conf_fd = nt_hostfs_open(root_fd, "/etc/cni/net.d", O_RDONLY | O_DIRECTORY, &err);
	ck_assert_int_ge(conf_fd, 0);
}

static void remove_host(void)
{
	close(conf_fd);
	close(root_fd);
	run("rm -rf %s");
}

static void put(const char *name, const char *text)
{
	ck_assert_int_eq(nt_file_replace_at(conf_fd, name, nt_slice_str(text), 0640, NULL), 0);
}

static bool has(const char *name, const char *part)
{
	_cleanup_buf_ struct nt_buf text = {};

	return nt_file_read_at(conf_fd, name, 1 << 20, &text, NULL) == 0 &&
	       strstr(nt_buf_str(&text), part);
}

static void look(unsigned skip_bad, struct nt_chain *chain)
{
	struct nt_chain_want want = { .root_fd = root_fd,
				      .dir = "/etc/cni/net.d",
				      .entry = NT_SLICE_LIT(ENTRY),
				      .in_list = true,
				      .skip_bad = skip_bad };
	struct nt_err err;

	ck_assert_msg(nt_chain_look(conf_fd, &want, chain, &err) == 0, "%s", err.msg);
}

/* Looks, applies everything, looks again: nothing is left to do. */
static void fit(enum nt_chain_state state, const char *file)
{
	struct nt_chain chain;
	struct nt_err err;

	look(0, &chain);
	ck_assert_int_eq(chain.state, state);
	ck_assert_str_eq(chain.file, file);
	for (unsigned i = 0; i < chain.changes_len; i++)
		ck_assert_int_eq(nt_chain_apply(conf_fd, &chain.changes[i], &err), 0);
	nt_chain_done(&chain);
	look(0, &chain);
	ck_assert_uint_eq(chain.changes_len, 0);
	nt_chain_done(&chain);
}

START_TEST(the_first_by_name)
{
	fit(NT_CHAIN_NONE, "");
	put("readme.txt", "x");
	put(".nametap-1.tmp", LIST("tmp"));
	put("99-loopback.conf", "{\"cniVersion\":\"1.0.0\",\"name\":\"lo\",\"type\":\"loopback\"}");
	run("mkdir %s/etc/cni/net.d/00-folder.conf");
	fit(NT_CHAIN_NONE, "");
	put("10-b.conflist", LIST("b"));
	put("9-c.conflist", LIST("c"));
	fit(NT_CHAIN_READY, "10-b.conflist");
	ck_assert(has("10-b.conflist", ENTRY) && !has("9-c.conflist", ENTRY));
	put("10-a.conflist", LIST("a"));
	fit(NT_CHAIN_READY, "10-a.conflist");
	ck_assert(has("10-a.conflist", ENTRY) && has("10-b.conflist", ENTRY));
}
END_TEST

START_TEST(a_conf_stays_and_a_list_comes_before_it)
{
	struct stat st;

	put("10-net.conf", CONF("net"));
	fit(NT_CHAIN_READY, "10-net.conf");
	ck_assert(has("10-net-nametap.conflist", ENTRY) && !has("10-net.conf", ENTRY));
	ck_assert_int_eq(fstatat(conf_fd, "10-net-nametap.conflist", &st, 0), 0);
	ck_assert_int_eq(st.st_mode & 07777, 0640); /* as the .conf has it */
	put("10-net.conf", CONF("other")); /* the primary changes it */
	fit(NT_CHAIN_READY, "10-net.conf");
	ck_assert(has("10-net-nametap.conflist", "\"other\""));
	put("05-list.conflist", LIST("list"));
	fit(NT_CHAIN_READY, "05-list.conflist");
	ck_assert(has("10-net-nametap.conflist", ENTRY)); /* still what its .conf says */
	put("10-net.conf", CONF("third"));
	fit(NT_CHAIN_READY, "05-list.conflist");
	ck_assert_int_eq(faccessat(conf_fd, "10-net-nametap.conflist", F_OK, 0), -1);
	run("rm %s/etc/cni/net.d/05-list.conflist");
	fit(NT_CHAIN_READY, "10-net.conf");
	run("rm %s/etc/cni/net.d/10-net.conf");
	fit(NT_CHAIN_NONE, "");
	ck_assert_int_eq(faccessat(conf_fd, "10-net-nametap.conflist", F_OK, 0), -1);
}
END_TEST

START_TEST(what_no_runtime_loads_is_left_alone)
{
	struct nt_chain chain;

	put("10-a.conflist", "{\"name\":\"a\",\"plugins\":[{\"ty");
	put("20-b.conflist", LIST("b"));
	fit(NT_CHAIN_HALF, "10-a.conflist");
	look(1, &chain); /* it stays so: as CRI-O does it */
	ck_assert_str_eq(chain.file, "20-b.conflist");
	ck_assert_uint_eq(chain.changes_len, 1);
	nt_chain_done(&chain);
	put("10-a.conflist", CONF("a"));
	fit(NT_CHAIN_INVALID, "10-a.conflist");
	put("10-a.conflist", "{\"name\":\"a\",\"plugins\":[{\"type\":\"a\"}]}"); /* of 0.1.0 */
	fit(NT_CHAIN_UNSUPPORTED, "10-a.conflist");
	put("10-a.conflist",
	    "{\"cniVersion\":\"0.2.0\",\"name\":\"a\",\"plugins\":[{\"type\":\"a\"}," ENTRY "]}");
	fit(NT_CHAIN_UNSUPPORTED, "10-a.conflist");
	ck_assert(!has("10-a.conflist", ENTRY)); /* no pod would start */
	put("05-x.conf", LIST("x"));
	fit(NT_CHAIN_INVALID, "05-x.conf");
	put("01-y-nametap.conflist", LIST("theirs"));
	put("01-y.conf", CONF("y"));
	fit(NT_CHAIN_READY, "01-y-nametap.conflist"); /* somebody's own, of such a name */
}
END_TEST

START_TEST(an_entry_put_by_hand_keeps_its_keys)
{
	put("10-a.conflist",
	    "{\"cniVersion\":\"1.0.0\",\"name\":\"a\",\"plugins\":[{\"type\":\"a\"},"
	    "{\"type\":\"nametap\",\"onAttachError\":\"Fail\"},{\"type\":\"b\"}]}");
	fit(NT_CHAIN_READY, "10-a.conflist");
	ck_assert(has("10-a.conflist", "{\"type\":\"b\"},{\"type\":\"nametap\",\"onAttachError\":"
				       "\"Fail\"}]"));
}
END_TEST

/* --- compare and swap --- */

static void swap(const char *name, void (*meanwhile)(void), int expected)
{
	_cleanup_close_ int fd = openat(conf_fd, name, O_RDONLY | O_CLOEXEC);
	struct stat seen;
	struct nt_err err;

	ck_assert_int_eq(fstat(fd, &seen), 0);
	if (meanwhile)
		meanwhile();
	ck_assert_int_eq(nt_swap_replace(conf_fd, name, fd, &seen, NT_SLICE_LIT("ours"), &err),
			 expected);
}

static int writer_fd = -1;

static void open_writer(void)
{
	writer_fd = openat(conf_fd, "a", O_WRONLY | O_CLOEXEC);
	ck_assert_int_ge(writer_fd, 0);
}

static void rename_over(void)
{
	put("a", "newer");
}

static void change_mode(void)
{
	ck_assert_int_eq(fchmodat(conf_fd, "a", 0604, 0), 0);
}

static void remove_it(void)
{
	ck_assert_int_eq(unlinkat(conf_fd, "a", 0), 0);
}

START_TEST(nothing_that_others_write_is_lost)
{
	struct stat before, after;

	put("a", "theirs");
	ck_assert_int_eq(fchownat(conf_fd, "a", 1234, 4321, 0) == -1 && geteuid() == 0, 0);
	ck_assert_int_eq(fstatat(conf_fd, "a", &before, 0), 0);
	swap("a", open_writer, -EAGAIN);
	ck_assert(has("a", "theirs"));
	ck_assert_int_eq(write(writer_fd, "THEIRS", 6), 6);
	close(writer_fd);
	swap("a", rename_over, -EAGAIN);
	ck_assert(has("a", "newer"));
	swap("a", change_mode, -EAGAIN);
	swap("a", remove_it, -EAGAIN);
	put("a", "again");
	ck_assert_int_eq(fstatat(conf_fd, "a", &before, 0), 0);
	swap("a", NULL, 0);
	ck_assert(has("a", "ours"));
	ck_assert_int_eq(fstatat(conf_fd, "a", &after, 0), 0);
	ck_assert(after.st_mode == before.st_mode && after.st_uid == before.st_uid &&
		  after.st_gid == before.st_gid);
	put(".nametap-77.tmp", "of one that was killed");
	nt_swap_sweep(conf_fd);
	ck_assert_int_eq(faccessat(conf_fd, ".nametap-77.tmp", F_OK, 0), -1);
}
END_TEST

/* In two containers each has process number 1. */
START_TEST(another_one_of_our_number_is_at_work)
{
	_cleanup_close_ int other = openat(conf_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct nt_err err;
	char name[64];

	snprintf(name, sizeof(name), ".nametap-%d.tmp", (int)getpid());
	put(name, "another's");
	put("a", "theirs");
	ck_assert_int_eq(flock(other, LOCK_SH), 0);
	swap("a", NULL, 0);
	ck_assert_int_eq(nt_swap_put(conf_fd, "b", -1, 0644, NT_SLICE_LIT("b"), &err), 0);
	nt_swap_sweep(conf_fd);
	ck_assert(has(name, "another's") && has("a", "ours") && has("b", "b"));
	ck_assert_int_eq(flock(other, LOCK_EX), 0); /* none of the two keeps it */
	ck_assert_int_eq(nt_swap_put(conf_fd, "b", -1, 0644, NT_SLICE_LIT("c"), &err), -EAGAIN);
	ck_assert_int_eq(flock(other, LOCK_UN), 0);
	nt_swap_sweep(conf_fd);
	ck_assert(!has(name, "another's") && has("b", "b"));
}
END_TEST

/* --- folders --- */

static const struct toml_case {
	const char *toml, *conf, *bin;
} toml_cases[] = {
	{ "", "c", "b" },
	{ "[plugins.\"io.containerd.grpc.v1.cri\".cni]\n  bin_dir = \"/x/bin\"\n\tconf_dir = "
	  "\"/y/net.d/\"\n",
	  "/y/net.d", "/x/bin" },
	{ "[plugins.'io.containerd.cri.v1.runtime'.cni]\r\nbin_dirs = ['/1', '/2']\r\nconf_dir = "
	  "'/y'",
	  "/y", "/1" },
	{ "[plugins.cri.cni]\nbin_dir=\"/x\"# why\n[other]\nconf_dir = \"/z\"\n", "c", "/x" },
	{ "bin_dir = \"/x\"\n[cni]\nbin_dir = \"/x\"\n", "c", "b" },
	{ "[plugins.cri.cni]\nbin_dir = \"relative\"\nconf_dir = \"/a\\u0041\"\n", "c", "b" },
	{ "[plugins.cri.cni]\nbin_dir = \"/x\nconf_dir = \n=\n", "c", "b" },
	{ "[plugins.cri.cni]\n#bin_dir = \"/x\"\nbin_dir = \"\"", "c", "b" },
};

START_TEST(containerd_says_where)
{
	const struct toml_case *t = &toml_cases[_i];
	char conf[64] = "c", bin[64] = "b";

	nt_layout_containerd(nt_slice_str(t->toml), conf, bin, sizeof(conf));
	ck_assert_str_eq(conf, t->conf);
	ck_assert_str_eq(bin, t->bin);
}
END_TEST

static const struct layout_case {
	const char *make; /* a shell command, %s is the root */
	const char *name, *conf, *bin;
} layout_cases[] = {
	{ "true %s", "kubeadm", "/etc/cni/net.d", "/opt/cni/bin" },
	{ "mkdir -p %s/usr/lib/cni", "kubeadm", "/etc/cni/net.d", "/usr/lib/cni" },
	{ "mkdir -p %s/var/lib/rancher/k3s/agent", "k3s",
	  "/var/lib/rancher/k3s/agent/etc/cni/net.d", "/var/lib/rancher/k3s/data/cni" },
	{ "cd %s && mkdir -p var/lib/rancher/k3s/agent var/lib/rancher/k3s/data/12/bin && "
	  "ln -s /var/lib/rancher/k3s/data/12 var/lib/rancher/k3s/data/current",
	  "k3s", "/var/lib/rancher/k3s/agent/etc/cni/net.d",
	  "/var/lib/rancher/k3s/data/current/bin" },
	{ "mkdir -p %s/var/lib/rancher/rke2/agent", "rke2", "/etc/cni/net.d", "/opt/cni/bin" },
	{ "cd %s && mkdir -p var/snap/microk8s/4 && ln -s 4 var/snap/microk8s/current", "microk8s",
	  "/var/snap/microk8s/current/args/cni-network", "/var/snap/microk8s/current/opt/cni/bin" },
	{ "cd %s && mkdir -p etc/kubernetes/cni/net.d var/lib/cni/bin", "openshift",
	  "/etc/kubernetes/cni/net.d", "/var/lib/cni/bin" },
	{ "mkdir -p %s/home/kubernetes/bin", "gke", "/etc/cni/net.d", "/home/kubernetes/bin" },
	{ "mkdir -p %s/usr/share/bottlerocket", "bottlerocket", "/etc/cni/net.d", "/opt/cni/bin" },
	{ "cd %s && mkdir -p etc/containerd && printf '[plugins.cri.cni]\\nbin_dir = "
	  "\"/my/bin\"\\n'"
	  " > etc/containerd/config.toml",
	  "kubeadm", "/etc/cni/net.d", "/my/bin" },
};

START_TEST(distributions_are_told)
{
	const struct layout_case *c = &layout_cases[_i];
	struct nt_layout layout;

	run(c->make);
	nt_layout_find(root_fd, &layout);
	ck_assert_str_eq(layout.name, c->name);
	ck_assert_str_eq(layout.conf_dir, c->conf);
	ck_assert_str_eq(layout.bin_dir, c->bin);
}
END_TEST

/* --- pace --- */

START_TEST(a_fight_is_slow_and_told_once)
{
	struct nt_pace p = {};
	int64_t now = NT_NS_PER_S, wait;
	unsigned repairs = 0, told = 0, late = 0;
	bool news;

	for (; now < 600 * NT_NS_PER_S; now += 10 * NT_NS_PER_MS) {
		wait = nt_pace_ask(&p, now, &news);
		ck_assert_int_ge(wait, 0);
		told += news;
		repairs += wait == 0 && now < 11 * NT_NS_PER_S;
		late += wait == 0 && now > 400 * NT_NS_PER_S;
	}
	ck_assert_uint_le(repairs, 31); /* 10 at once, then 2 a second */
	ck_assert_uint_ge(repairs, 25);
	ck_assert_uint_le(late, 8);
	ck_assert_uint_ge(late, 5);
	ck_assert_uint_eq(told, 1);
	ck_assert_uint_eq(p.fights, 1);
	now += 120 * NT_NS_PER_S;
	ck_assert(!nt_pace_fights(&p, now));
	ck_assert_int_eq(nt_pace_ask(&p, now, &news), 0);
}
END_TEST

START_TEST(what_is_rare_is_repaired_at_once)
{
	struct nt_pace p = {};
	bool news;

	for (int64_t now = 0; now < 3600 * NT_NS_PER_S; now += NT_NS_PER_S)
		ck_assert_int_eq(nt_pace_ask(&p, now, &news), 0);
	ck_assert_uint_eq(p.fights, 0);
}
END_TEST

START_TEST(what_was_not_made_costs_nothing)
{
	struct nt_pace p = {};
	bool news;

	for (int64_t now = NT_NS_PER_S; now < 20 * NT_NS_PER_S; now += 10 * NT_NS_PER_MS) {
		ck_assert_int_eq(nt_pace_ask(&p, now, &news), 0);
		nt_pace_refund(&p);
	}
	ck_assert_uint_eq(p.fights, 0);
}
END_TEST

/* --- drop-in or list --- */

#define S NT_NS_PER_S

static enum nt_dropin_phase at(struct nt_dropin *d, struct nt_dropin_facts *f, int64_t seconds)
{
	f->now = seconds * S;
	return nt_dropin_decide(d, f);
}

START_TEST(a_drop_in_is_proven_by_add_and_del)
{
	struct nt_dropin d = {};
	struct nt_dropin_facts f = { .possible = true };

	ck_assert_int_eq(at(&d, &f, 99), NT_DROPIN_TRYING);
	f.placed = 100 * S;
	ck_assert_int_eq(at(&d, &f, 100), NT_DROPIN_TRYING);
	f.dropin_add = f.chain_add = 150 * S;
	ck_assert_int_eq(at(&d, &f, 1000), NT_DROPIN_TRYING); /* a DEL, too */
	f.dropin_del = 1100 * S;
	f.chain_del = f.dropin_del + 5 * NT_NS_PER_MS; /* DEL goes backwards */
	ck_assert_int_eq(at(&d, &f, 1101), NT_DROPIN_PROVEN);
	f.sandbox = f.dropin_add = 2000 * S;
	ck_assert_int_eq(at(&d, &f, 2001), NT_DROPIN_PROVEN);
	/* The runtime is exchanged: a sandbox without us. */
	f.sandbox = 3000 * S;
	ck_assert_int_eq(at(&d, &f, 3001), NT_DROPIN_REFUTED);
	ck_assert_uint_eq(d.fallbacks, 1);
	f.dropin_add = f.dropin_del = 3100 * S;
	ck_assert_int_eq(at(&d, &f, 3101), NT_DROPIN_REFUTED);
	nt_dropin_reset(&d);
	ck_assert_int_eq(at(&d, &f, 3102), NT_DROPIN_PROVEN);
}
END_TEST

START_TEST(a_drop_in_that_nobody_reads)
{
	struct nt_dropin d = {};
	struct nt_dropin_facts f = { .possible = true, .placed = 100 * S };

	f.chain_add = 105 * S; /* the runtime may not have read the folder yet */
	ck_assert_int_eq(at(&d, &f, 120), NT_DROPIN_TRYING);
	/* Pods without end: the first one that was not answered counts. */
	for (int64_t t = 130; t < 139; t++) {
		f.chain_add = t * S;
		ck_assert_int_eq(at(&d, &f, t), NT_DROPIN_TRYING);
	}
	f.chain_add = 141 * S;
	ck_assert_int_eq(at(&d, &f, 141), NT_DROPIN_REFUTED);
	f.possible = false;
	ck_assert_int_eq(at(&d, &f, 150), NT_DROPIN_OFF);
}
END_TEST

/* As CRI-O does: ADD with drop-ins, DEL with the cached list. */
START_TEST(a_drop_in_that_gets_no_del)
{
	struct nt_dropin d = {};
	struct nt_dropin_facts f = { .possible = true, .placed = 100 * S };

	f.chain_add = f.dropin_add = 200 * S;
	f.chain_del = 210 * S;
	ck_assert_int_eq(at(&d, &f, 211), NT_DROPIN_TRYING);
	ck_assert_int_eq(at(&d, &f, 222), NT_DROPIN_REFUTED);
}
END_TEST

/* --- entry, record --- */

START_TEST(the_entry_says_what_is_not_usual)
{
	struct nt_err err;
	_cleanup_free_ char *usual = nt_entry_text("/sys/fs/bpf/nametap", NULL, NULL, &err);
	_cleanup_free_ char *other =
		nt_entry_text("/b", "/s", "{\"onAttachError\":\"Fail\"}", &err);
	_cleanup_free_ char *dropin = nt_entry_dropin(usual, &err);

	ck_assert_str_eq(usual, "{\"type\": \"nametap\", \"capabilities\": {\"dns\": true, "
				"\"io.kubernetes.cri.pod-annotations\": true}}");
	ck_assert_ptr_nonnull(strstr(other, "\"bpffs\": \"/b\", \"stateDir\": \"/s\", "
					    "\"onAttachError\": \"Fail\"}"));
	ck_assert_ptr_nonnull(strstr(dropin, "\"io.nametap.via\": \"drop-in\""));
	ck_assert_ptr_null(nt_entry_text(NULL, NULL, "{\"type\":\"x\"}", &err));
	ck_assert_str_eq(err.msg, "--plugin-config: \"type\" cannot be set");
	ck_assert_ptr_null(nt_entry_text(NULL, NULL, "[1", &err));
	ck_assert_ptr_nonnull(strstr(err.msg, "--plugin-config: no JSON object: "));
}
END_TEST

START_TEST(the_record_comes_back)
{
	struct nt_install_record r = { .conf_dir = "/c", .bin_dir = "/b" }, back;
	struct nt_err err;
	char path[128];

	snprintf(path, sizeof(path), "%s/var/lib/installed.json", root);
	ck_assert_int_eq(nt_install_record_load(path, &back, &err), -ENOENT);
	ck_assert_int_eq(nt_install_record_add(&r, NT_INSTALLED_BINARY, "/b/nametap", true), 1);
	ck_assert_int_eq(nt_install_record_add(&r, NT_INSTALLED_MADE, "/c/x", false), 1);
	ck_assert_int_eq(nt_install_record_add(&r, NT_INSTALLED_BINARY, "/b/nametap", false), 0);
	ck_assert_int_eq(nt_install_record_entry(&r, ENTRY), 1);
	ck_assert_int_eq(nt_install_record_save(path, &r, &err), 0);
	ck_assert_int_eq(nt_install_record_load(path, &back, &err), 0);
	ck_assert_uint_eq(back.files_len, 2);
	ck_assert_str_eq(back.files[0].path, "/b/nametap");
	ck_assert(back.files[0].was_there && back.files[0].kind == NT_INSTALLED_BINARY);
	ck_assert(nt_conflist_same(nt_slice_str(back.entries[0]), nt_slice_str(ENTRY)));
	ck_assert_ptr_null(back.entries[1]);
	ck_assert(nt_install_record_drop(&back, "/b/nametap"));
	ck_assert(!nt_install_record_drop(&back, "/b/nametap"));
	ck_assert_str_eq(back.files[0].path, "/c/x");
	nt_install_record_done(&back);
	nt_install_record_done(&r);
	ck_assert_int_eq(nt_file_replace_at(AT_FDCWD, path, NT_SLICE_LIT("{}"), 0600, &err), 0);
	ck_assert_int_eq(nt_install_record_load(path, &back, &err), -EBADMSG);
}
END_TEST

START_TEST(the_record_has_the_last_forms_of_our_entry)
{
	struct nt_install_record r = {}, back;
	struct nt_err err;
	char path[128], entry[64];

	snprintf(path, sizeof(path), "%s/record", root);
	for (unsigned i = 0; i <= NT_INSTALL_ENTRIES_MAX; i++) {
		snprintf(entry, sizeof(entry), "{\"type\": \"nametap\", \"n\": %u}", i);
		ck_assert_int_eq(nt_install_record_entry(&r, entry), 1);
	}
	ck_assert_int_eq(nt_install_record_entry(&r, "{\"n\":8,\"type\":\"nametap\"}"), 0);
	ck_assert_int_eq(nt_install_record_entry(&r, "{\"type\":\"nametap\",\"n\":4}"), 1);
	ck_assert_int_eq(nt_install_record_save(path, &r, &err), 0);
	ck_assert_int_eq(nt_install_record_load(path, &back, &err), 0);
	for (unsigned i = 0; i < NT_INSTALL_ENTRIES_MAX; i++) {
		static const unsigned numbers[NT_INSTALL_ENTRIES_MAX] = { 4, 8, 7, 6, 5, 3, 2, 1 };

		snprintf(entry, sizeof(entry), "{\"type\":\"nametap\",\"n\":%u}", numbers[i]);
		ck_assert_str_eq(back.entries[i], entry);
	}
	nt_install_record_done(&back);
	nt_install_record_done(&r);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("installer");
	TCase *tc = tcase_create("all");

	tcase_add_checked_fixture(tc, make_host, remove_host);
	tcase_add_test(tc, the_first_by_name);
	tcase_add_test(tc, a_conf_stays_and_a_list_comes_before_it);
	tcase_add_test(tc, what_no_runtime_loads_is_left_alone);
	tcase_add_test(tc, an_entry_put_by_hand_keeps_its_keys);
	tcase_add_test(tc, nothing_that_others_write_is_lost);
	tcase_add_test(tc, another_one_of_our_number_is_at_work);
	tcase_add_loop_test(tc, containerd_says_where, 0, NT_ARRAY_LEN(toml_cases));
	tcase_add_loop_test(tc, distributions_are_told, 0, NT_ARRAY_LEN(layout_cases));
	tcase_add_test(tc, a_fight_is_slow_and_told_once);
	tcase_add_test(tc, what_is_rare_is_repaired_at_once);
	tcase_add_test(tc, what_was_not_made_costs_nothing);
	tcase_add_test(tc, a_drop_in_is_proven_by_add_and_del);
	tcase_add_test(tc, a_drop_in_that_nobody_reads);
	tcase_add_test(tc, a_drop_in_that_gets_no_del);
	tcase_add_test(tc, the_entry_says_what_is_not_usual);
	tcase_add_test(tc, the_record_comes_back);
	tcase_add_test(tc, the_record_has_the_last_forms_of_our_entry);
	suite_add_tcase(suite, tc);
	return nt_suite_run(suite);
}
