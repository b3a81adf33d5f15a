/* SPDX-License-Identifier: Apache-2.0 */
/* Where the runtime has its CNI folders. */
#include "dataplane/installer/layout.h"

#include <fcntl.h>
#include <stdio.h>

#include "dataplane/installer/hostfs.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"

#define TOML_MAX (1 << 20)

struct known {
	const char *name;
	const char *evidence; /* it is this one when this path is there */
	const char *containerd; /* its configuration, which wins; NULL: none */
	const char *conf_dir;
	const char *bin_dirs[4]; /* the first one that is there; else the first one */
};

/*
 * Sources: k3s: pkg/agent/config (net.d below the data folder; plugins in data/current/bin, since
 * 1.29 in data/cni) and its generated containerd configurations. RKE2: generated ones, too: the
 * usual folders. MicroK8s: microk8s-resources/default-args/containerd-template.toml. OpenShift:
 * [crio.network] of its nodes. GKE: Istio's and Cilium's installation pages. Bottlerocket:
 * packages/containerd. /usr/lib/cni is Debian's package, /usr/libexec/cni Fedora's.
 */
static const struct known known[] = {
	{ "microk8s",
	  "/var/snap/microk8s/current",
	  "/var/snap/microk8s/current/args/containerd.toml",
	  "/var/snap/microk8s/current/args/cni-network",
	  { "/var/snap/microk8s/current/opt/cni/bin" } },
	{ "k3s",
	  "/var/lib/rancher/k3s/agent",
	  "/var/lib/rancher/k3s/agent/etc/containerd/config.toml",
	  "/var/lib/rancher/k3s/agent/etc/cni/net.d",
	  { "/var/lib/rancher/k3s/data/cni", "/var/lib/rancher/k3s/data/current/bin" } },
	{ "rke2",
	  "/var/lib/rancher/rke2/agent",
	  "/var/lib/rancher/rke2/agent/etc/containerd/config.toml",
	  "/etc/cni/net.d",
	  { "/opt/cni/bin" } },
	{ "openshift",
	  "/etc/kubernetes/cni/net.d",
	  NULL,
	  "/etc/kubernetes/cni/net.d",
	  { "/var/lib/cni/bin", "/opt/cni/bin" } },
	{ "gke",
	  "/home/kubernetes/bin",
	  "/etc/containerd/config.toml",
	  "/etc/cni/net.d",
	  { "/home/kubernetes/bin" } },
	{ "bottlerocket",
	  "/usr/share/bottlerocket",
	  "/etc/containerd/config.toml",
	  "/etc/cni/net.d",
	  { "/opt/cni/bin" } },
	{ "kubeadm",
	  NULL,
	  "/etc/containerd/config.toml",
	  "/etc/cni/net.d",
	  { "/opt/cni/bin", "/usr/lib/cni", "/usr/libexec/cni" } },
};

/* --- containerd's configuration --- */

static struct nt_slice take_line(struct nt_slice *text)
{
	const char *end = memchr(text->p, '\n', text->len);
	size_t len = end ? (size_t)(end - text->p) : text->len;
	struct nt_slice line = nt_slice_mem(text->p, len);

	len += end ? 1 : 0;
	*text = nt_slice_mem(text->p + len, text->len - len);
	return nt_slice_trim(line);
}

/* `[plugins."io.containerd.grpc.v1.cri".cni]`, of containerd 2 `'io.containerd.cri.v1.runtime'`, of
 * version 1 `[plugins.cri.cni]`. */
static bool is_cni_section(struct nt_slice line)
{
	return nt_slice_begins(line, "[plugins") && nt_slice_ends(line, NT_SLICE_LIT(".cni]"));
}

/* A string in double or single quotes, without escapes, into `to` when it is an absolute path. */
static void take_path(struct nt_slice value, char *to, size_t size)
{
	const char *end;

	if (value.len && value.p[0] == '[') /* the first of a list in one line */
		value = nt_slice_trim(nt_slice_mem(value.p + 1, value.len - 1));
	if (value.len < 3 || (value.p[0] != '"' && value.p[0] != '\'') || value.p[1] != '/')
		return;
	end = memchr(value.p + 1, value.p[0], value.len - 1);
	value = nt_slice_mem(value.p + 1, end ? (size_t)(end - value.p - 1) : 0);
	if (!end || value.len >= size || memchr(value.p, '\\', value.len) ||
	    memchr(value.p, '\0', value.len))
		return;
	memcpy(to, value.p, value.len);
	to[value.len] = '\0';
	while (value.len > 1 && to[value.len - 1] == '/')
		to[--value.len] = '\0';
}

void nt_layout_containerd(struct nt_slice toml, char *conf_dir, char *bin_dir, size_t size)
{
	bool in_section = false;

	while (toml.len) {
		struct nt_slice line = take_line(&toml), key;
		const char *equals;

		if (line.len && line.p[0] == '[') {
			in_section = is_cni_section(line);
			continue;
		}
		equals = in_section && line.len ? memchr(line.p, '=', line.len) : NULL;
		if (!equals)
			continue;
		key = nt_slice_trim(nt_slice_mem(line.p, (size_t)(equals - line.p)));
		line = nt_slice_trim(
			nt_slice_mem(equals + 1, line.len - (size_t)(equals + 1 - line.p)));
		if (nt_slice_eq(key, NT_SLICE_LIT("conf_dir")))
			take_path(line, conf_dir, size);
		else if (nt_slice_eq(key, NT_SLICE_LIT("bin_dir")) ||
			 nt_slice_eq(key, NT_SLICE_LIT("bin_dirs")))
			take_path(line, bin_dir, size);
	}
}

/* --- what is there --- */

static bool exists(int root_fd, const char *path)
{
	struct nt_err err;
	_cleanup_close_ int fd = nt_hostfs_open(root_fd, path, O_PATH, &err);

	return fd >= 0;
}

static const char *first_there(int root_fd, const char *const *paths, size_t n)
{
	for (size_t i = 0; i < n && paths[i]; i++) {
		if (exists(root_fd, paths[i]))
			return paths[i];
	}
	return paths[0];
}

static void read_containerd(int root_fd, const char *path, struct nt_layout *l)
{
	_cleanup_buf_ struct nt_buf text = {};
	struct nt_layout before = *l;
	struct nt_err err;
	_cleanup_close_ int fd = nt_hostfs_open(root_fd, path, O_RDONLY | O_NONBLOCK, &err);

	if (fd < 0 || nt_file_read_fd(fd, TOML_MAX, &text, &err) < 0)
		return;
	nt_layout_containerd(nt_slice_mem(nt_buf_str(&text), text.len), l->conf_dir, l->bin_dir,
			     sizeof(l->conf_dir));
	if (strcmp(before.conf_dir, l->conf_dir) != 0 || strcmp(before.bin_dir, l->bin_dir) != 0)
		snprintf(l->source, sizeof(l->source), "%s", path);
}

void nt_layout_find(int root_fd, struct nt_layout *ret_layout)
{
	const struct known *k = known;

	while (k->evidence && !exists(root_fd, k->evidence))
		k++;
	*ret_layout = (struct nt_layout){ .name = k->name };
	snprintf(ret_layout->conf_dir, sizeof(ret_layout->conf_dir), "%s", k->conf_dir);
	snprintf(ret_layout->bin_dir, sizeof(ret_layout->bin_dir), "%s",
		 first_there(root_fd, k->bin_dirs, NT_ARRAY_LEN(k->bin_dirs)));
	snprintf(ret_layout->source, sizeof(ret_layout->source), "%s",
		 k->evidence ? k->evidence : "the usual folders");
	if (k->containerd)
		read_containerd(root_fd, k->containerd, ret_layout);
}
