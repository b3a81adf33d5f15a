/* SPDX-License-Identifier: Apache-2.0 */
/* What the node's kernel has. */
#include "dataplane/doctor/doctor.h"

#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

#include <bpf/libbpf.h>

#include "dataplane/agent/conntrack.h"
#include "dataplane/taps/hostnet.h"
#include "lib/base/cleanup.h"
#include "lib/base/parse.h"

/* Of "6.1.0-18-amd64": 6001; 0 when it is none. */
static unsigned version_of(const char *release)
{
	struct nt_slice major = nt_slice_mem(release, strspn(release, "0123456789"));
	const char *rest = release + major.len + (release[major.len] == '.');
	struct nt_slice minor = nt_slice_mem(rest, strspn(rest, "0123456789"));
	uint64_t a, b;

	if (nt_parse_u64(major, 999, &a) < 0 || nt_parse_u64(minor, 999, &b) < 0)
		return 0;
	return (unsigned)(a * 1000 + b);
}

static void look_at_version(struct nt_doctor *d)
{
	struct utsname u;
	unsigned version;

	if (uname(&u) == -1)
		return;
	version = version_of(u.release);
	if (version < 5010)
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "kernel",
				"nametap needs Linux 5.10: take a newer node image", "Linux %s",
				u.release);
	else
		nt_findings_add(&d->findings, NT_LEVEL_OK, "kernel", "", "Linux %s, %s", u.release,
				version >= 6006 ? "has tcx" : "clsact (tcx is there from 6.6 on)");
}

struct feature {
	const char *what;
	bool is_map;
	int type;
	const char *config; /* of the kernel */
};

static void look_at_feature(struct nt_doctor *d, const struct feature *f)
{
	int r = f->is_map ? libbpf_probe_bpf_map_type((enum bpf_map_type)f->type, NULL)
			  : libbpf_probe_bpf_prog_type((enum bpf_prog_type)f->type, NULL);

	if (r == 1)
		return;
	nt_findings_add(&d->findings, NT_LEVEL_FAIL, "bpf",
			r == -EPERM
				? "run it as the agent runs: as root, with CAP_BPF, CAP_NET_ADMIN "
				  "and CAP_PERFMON (or CAP_SYS_ADMIN)"
				: f->config,
			"%s: %s", f->what, r == 0 ? "this kernel has none" : strerror(-r));
}

static void look_at_features(struct nt_doctor *d)
{
	static const struct feature features[] = {
		{ "programs of tc", false, BPF_PROG_TYPE_SCHED_CLS,
		  "the kernel needs CONFIG_NET_CLS_BPF and CONFIG_NET_CLS_ACT" },
		{ "programs of cgroups", false, BPF_PROG_TYPE_CGROUP_SKB,
		  "the kernel needs CONFIG_CGROUP_BPF; or give --host-network off" },
		{ "ring buffer", true, BPF_MAP_TYPE_RINGBUF,
		  "the kernel needs CONFIG_BPF_SYSCALL and Linux 5.8" },
		{ "hash per CPU", true, BPF_MAP_TYPE_PERCPU_HASH,
		  "the kernel needs CONFIG_BPF_SYSCALL" },
	};
	size_t before = d->findings.fails;

	for (size_t i = 0; i < NT_ARRAY_LEN(features); i++)
		look_at_feature(d, &features[i]);
	if (d->findings.fails == before)
		nt_findings_add(&d->findings, NT_LEVEL_OK, "bpf", "",
				"programs of tc and of cgroups, ring buffer");
}

static void look_at_bpffs(struct nt_doctor *d)
{
	const char *root = d->options->pin_root, *slash = strrchr(root, '/');
	char parent[512], todo[256];
	struct statfs fs;

	snprintf(parent, sizeof(parent), "%.*s", slash && slash > root ? (int)(slash - root) : 1,
		 slash ? root : "/");
	snprintf(todo, sizeof(todo),
		 "on the node: mount -t bpf bpf %.80s; in the DaemonSet: that folder as hostPath "
		 "with "
		 "mountPropagation",
		 parent);
	if (statfs(parent, &fs) == -1)
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "bpffs", todo, "%s: %s", parent,
				strerror(errno));
	else if (fs.f_type != BPF_FS_MAGIC)
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "bpffs", todo,
				"%s is no BPF file system: nothing can be pinned there", parent);
	else
		nt_findings_add(&d->findings, NT_LEVEL_OK, "bpffs", "", "%s", parent);
}

static void look_at_cgroup(struct nt_doctor *d)
{
	const char *root = d->options->cgroup_root;
	bool hybrid = false;
	struct statfs fs;

	if (!d->options->host_network)
		return;
	if (!root)
		root = nt_hostnet_find_root(&hybrid);
	if (!root)
		nt_findings_add(&d->findings, NT_LEVEL_WARN, "cgroup2",
				"lookups of the host's network are not seen; boot with "
				"systemd.unified_cgroup_hierarchy=1, or give --host-network off",
				"no cgroup2 is mounted");
	else if (statfs(root, &fs) == -1 || fs.f_type != CGROUP2_SUPER_MAGIC)
		nt_findings_add(&d->findings, NT_LEVEL_WARN, "cgroup2",
				"give --cgroup-root the folder where cgroup2 is mounted",
				"%s is no cgroup2", root);
	else if (hybrid)
		nt_findings_add(&d->findings, NT_LEVEL_WARN, "cgroup2",
				"of host-network pods only the node can be said; boot with "
				"systemd.unified_cgroup_hierarchy=1 to tell them apart",
				"%s, beside hierarchies of v1", root);
	else
		nt_findings_add(&d->findings, NT_LEVEL_OK, "cgroup2", "", "%s", root);
}

static void look_at_conntrack(struct nt_doctor *d)
{
	struct nt_err err = { 0 };
	int r = nt_conntrack_check(&err);

	if (r == 0)
		nt_findings_add(&d->findings, NT_LEVEL_OK, "conntrack", "",
				"connection tracking tells which pod is asked behind a Service");
	else
		nt_findings_add(&d->findings, NT_LEVEL_WARN, "conntrack",
				r == -ENODATA ? "sysctl net.netfilter.nf_conntrack_events=2"
				: r == -EPERM ? "run it as the agent runs: with CAP_NET_ADMIN"
					      : "modprobe nf_conntrack_netlink; a cluster without "
						"kube-proxy (Cilium) has no use for it",
				"which pod is asked behind a Service is not known: %s", err.msg);
}

void nt_doctor_kernel(struct nt_doctor *d)
{
	look_at_version(d);
	look_at_features(d);
	look_at_bpffs(d);
	look_at_cgroup(d);
	look_at_conntrack(d);
}
