/* SPDX-License-Identifier: Apache-2.0 */
/* The CNI chain that the node's runtime takes. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/doctor/doctor.h"
#include "dataplane/installer/binary.h"
#include "dataplane/installer/chain.h"
#include "dataplane/installer/dropdir.h"
#include "dataplane/installer/entry.h"
#include "dataplane/installer/hostfs.h"
#include "dataplane/installer/layout.h"
#include "lib/base/cleanup.h"

static const char put_it[] = "start the agent with --install, or run: nametap-agent install";

static void layout_of(const struct nt_options *o, int root_fd, struct nt_layout *ret)
{
	nt_layout_find(root_fd, ret);
	if (o->install.conf_dir)
		snprintf(ret->conf_dir, sizeof(ret->conf_dir), "%s", o->install.conf_dir);
	if (o->install.bin_dir)
		snprintf(ret->bin_dir, sizeof(ret->bin_dir), "%s", o->install.bin_dir);
}

/* `nametap` beside this program, as the installer has it. */
static void our_plugin(const struct nt_options *o, char *path, size_t size)
{
	ssize_t len;
	char *slash;

	snprintf(path, size, "%s", o->install.plugin ? o->install.plugin : "");
	if (path[0])
		return;
	len = readlink("/proc/self/exe", path, size - sizeof(NT_BINARY_NAME));
	path[len > 0 ? len : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash)
		memcpy(slash + 1, NT_BINARY_NAME, sizeof(NT_BINARY_NAME));
}

static void look_at_program(struct nt_doctor *d, int root_fd, const struct nt_layout *layout)
{
	struct nt_binary binary = { 0 };
	char plugin[PATH_MAX];
	struct nt_err err = { 0 };
	_cleanup_close_ int fd =
		nt_hostfs_open(root_fd, layout->bin_dir, O_RDONLY | O_DIRECTORY, &err);
	int r;

	our_plugin(d->options, plugin, sizeof(plugin));
	r = fd < 0 ? fd : nt_binary_check(&binary, fd, plugin, &err);
	if (r == NT_BINARY_SAME)
		nt_findings_add(&d->findings, NT_LEVEL_OK, "plugin", "", "%s/%s is this release's",
				layout->bin_dir, NT_BINARY_NAME);
	else if (r == NT_BINARY_DIFFERS)
		nt_findings_add(&d->findings, NT_LEVEL_WARN, "plugin", put_it,
				"%s/%s is not this release's", layout->bin_dir, NT_BINARY_NAME);
	else if (r == NT_BINARY_MISSING)
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "plugin", put_it, "%s/%s is not there",
				layout->bin_dir, NT_BINARY_NAME);
	else
		nt_findings_add(
			&d->findings, NT_LEVEL_FAIL, "plugin",
			"is the host's root mounted, and are --host-root and --cni-bin-dir right?",
			"%s", err.msg);
}

static void tell_no_list(struct nt_doctor *d, const struct nt_layout *layout,
			 const struct nt_chain *chain)
{
	if (chain->state == NT_CHAIN_NONE)
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "chain",
				"install a CNI network first; if there is one, give --cni-conf-dir",
				"%s has no network configuration (%s)", layout->conf_dir,
				layout->source);
	else
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "chain",
				"whoever owns that file has to put it right", "%s/%s: %s",
				layout->conf_dir, chain->file, chain->why.msg);
}

/* As it is: what the installer would change is what is wrong. */
static void look_at_list(struct nt_doctor *d, int root_fd, int conf_fd,
			 const struct nt_layout *layout, char *entry)
{
	_cleanup_free_ char *drop_in = NULL;
	_cleanup_chain_ struct nt_chain chain = { 0 };
	struct nt_chain_want want = { .root_fd = root_fd,
				      .dir = layout->conf_dir,
				      .entry = nt_slice_str(entry),
				      .in_list = true };
	struct nt_err err = { 0 };

	if (nt_chain_look(conf_fd, &want, &chain, &err) < 0) {
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "chain", "", "%s", err.msg);
		return;
	}
	drop_in = nt_entry_dropin(entry, &err);
	if (chain.state != NT_CHAIN_READY)
		tell_no_list(d, layout, &chain);
	else if (!chain.changes_len)
		nt_findings_add(&d->findings, NT_LEVEL_OK, "chain", "",
				"%s/%s (network %s) ends in our entry; folder told by %s",
				layout->conf_dir, chain.file, chain.network, layout->source);
	else if (drop_in && nt_dropdir_placed(conf_fd, chain.network, drop_in))
		nt_findings_add(&d->findings, NT_LEVEL_OK, "chain", "",
				"%s/%s/ has our entry (libcni's drop-in folder of network %s)",
				layout->conf_dir, chain.network, chain.network);
	else
		nt_findings_add(
			&d->findings, NT_LEVEL_FAIL, "chain", put_it,
			"%s/%s, which the runtime takes, has no entry of ours as it should be: "
			"new pods are not tapped before they send",
			layout->conf_dir, chain.file);
}

void nt_doctor_chain(struct nt_doctor *d)
{
	const struct nt_options *o = d->options;
	_cleanup_close_ int root_fd = -1, conf_fd = -1;
	_cleanup_free_ char *entry = NULL;
	struct nt_layout layout;
	struct nt_err err = { 0 };

	root_fd = nt_hostfs_root(o->host_root, &err);
	if (root_fd < 0) {
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "chain",
				"mount the host's root, and name it by --host-root", "%s", err.msg);
		return;
	}
	layout_of(o, root_fd, &layout);
	look_at_program(d, root_fd, &layout);
	entry = nt_entry_text(o->pin_root, o->state_dir, o->install.plugin_config, &err);
	conf_fd = nt_hostfs_open(root_fd, layout.conf_dir, O_RDONLY | O_DIRECTORY, &err);
	if (!entry || conf_fd < 0)
		nt_findings_add(
			&d->findings, NT_LEVEL_FAIL, "chain",
			"is the host's root mounted, and are --host-root and --cni-conf-dir "
			"right?",
			"%s", err.msg);
	else
		look_at_list(d, root_fd, conf_fd, &layout, entry);
}
