/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration that the runtime takes: looked at, and our entry put in place. */
#include <stdio.h>
#include <string.h>

#include "dataplane/installer/dropdir.h"
#include "dataplane/installer/hostfs.h"
#include "dataplane/installer/installer_state.h"
#include "dataplane/installer/swap.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

/* A first file that no runtime loads: CRI-O goes on to the next one. */
#define BAD_PATIENCE_NS (10 * NT_NS_PER_S)
#define BAD_MAX 8

bool nt_installer_wants_entry(const struct nt_installer *i)
{
	return i->dropin.phase != NT_DROPIN_PROVEN && !i->no_program;
}

static struct nt_chain_want want_of(const struct nt_installer *i)
{
	return (struct nt_chain_want){ .root_fd = i->root_fd,
				       .dir = i->layout.conf_dir,
				       .entry = nt_slice_str(i->entry),
				       .former = i->record.entries,
				       .former_len = NT_INSTALL_ENTRIES_MAX,
				       .in_list = nt_installer_wants_entry(i),
				       .no_program = i->no_program };
}

/* What no runtime loads is passed over when it stays so: CRI-O does the same. *ret_first: of the
 * first file, when that is passed over. */
static int look(struct nt_installer *i, int conf_fd, int64_t now_ns, struct nt_chain *chain,
		struct nt_err *err)
{
	struct nt_chain_want want = want_of(i);
	char bad[sizeof(i->bad)];
	int r = nt_chain_look(conf_fd, &want, chain, err);

	if (r < 0 || (chain->state != NT_CHAIN_HALF && chain->state != NT_CHAIN_INVALID)) {
		i->bad[0] = '\0';
		return r;
	}
	snprintf(bad, sizeof(bad), "%s: %s", chain->file, chain->why.msg);
	if (strcmp(bad, i->bad) != 0) {
		memcpy(i->bad, bad, sizeof(bad));
		i->bad_since_ns = now_ns;
	}
	while (now_ns - i->bad_since_ns >= BAD_PATIENCE_NS && want.skip_bad < BAD_MAX) {
		struct nt_chain next;

		want.skip_bad++;
		r = nt_chain_look(conf_fd, &want, &next, err);
		if (r == 0 && next.state == NT_CHAIN_READY) {
			next.state = NT_CHAIN_INVALID; /* of containerd's point of view */
			next.why = chain->why;
			nt_chain_done(chain);
			*chain = next;
			return 0;
		}
		nt_chain_done(&next);
	}
	return r;
}

static const char *what_was_wrong(const struct nt_change *change, bool no_program)
{
	if (no_program)
		return "our entry taken out: the plugin's program is not there";
	if (change->kind == NT_CHANGE_REMOVE)
		return "removed: what it was made from is gone or changed";
	if (change->kind == NT_CHANGE_PUT)
		return change->before.len ? "made anew" : "made";
	return "our entry put in place";
}

static int apply(struct nt_installer *i, int conf_fd, const struct nt_change *change,
		 struct nt_err *err)
{
	bool takes_out = change->kind == NT_CHANGE_REMOVE ||
			 (change->kind == NT_CHANGE_REPLACE && !nt_installer_wants_entry(i));
	char path[PATH_MAX];
	int r = 0;

	snprintf(path, sizeof(path), "%s/%s", i->conf_path, change->name);
	if (change->kind == NT_CHANGE_REPLACE) /* perhaps a link to elsewhere */
		r = nt_hostfs_path(i->root_fd, change->fd, path, sizeof(path), err);
	if (r < 0)
		return r;
	nt_installer_show(i, path, &change->before, &change->after);
	if (i->config.dry_run)
		return 0;
	if (!takes_out)
		r = nt_installer_remember_entry(i, err);
	if (r == 0 && change->kind == NT_CHANGE_PUT)
		r = nt_installer_remember(i, NT_INSTALLED_MADE, path, false, err);
	else if (r == 0 && !takes_out)
		r = nt_installer_remember(i, NT_INSTALLED_ENTRY, path, false, err);
	if (r == 0)
		r = nt_chain_apply(conf_fd, change, err);
	if (r < 0)
		return r;
	i->stats.repairs++;
	/* Of a fight its begin is told. */
	nt_log(i->pace.fight_since_ns ? NT_LOG_DEBUG : NT_LOG_INFO, "install: %s: %s", path,
	       change->kind == NT_CHANGE_REPLACE && takes_out && !i->no_program
		       ? "our entry taken out"
		       : what_was_wrong(change, i->no_program));
	return takes_out ? nt_installer_forget(i, path, err) : 0;
}

static enum nt_install_state state_of(const struct nt_chain *chain)
{
	static const enum nt_install_state states[] = {
		[NT_CHAIN_NONE] = NT_INSTALL_WAITING,
		[NT_CHAIN_HALF] = NT_INSTALL_HALF,
		[NT_CHAIN_INVALID] = NT_INSTALL_INVALID,
		[NT_CHAIN_UNSUPPORTED] = NT_INSTALL_UNSUPPORTED,
		[NT_CHAIN_READY] = NT_INSTALL_READY,
	};

	return states[chain->state];
}

static int apply_all(struct nt_installer *i, int conf_fd, const struct nt_chain *chain,
		     struct nt_err *err)
{
	int r = 0;

	for (unsigned k = 0; r == 0 && k < chain->changes_len; k++)
		r = apply(i, conf_fd, &chain->changes[k], err);
	return r;
}

/* Before the entry leaves the list the drop-in must be there, and the other way round. */
static int repair_conf(struct nt_installer *i, int conf_fd, const struct nt_chain *chain,
		       bool needs_dropin, struct nt_err *err)
{
	int r = needs_dropin ? nt_installer_put_dropin(i, conf_fd, err) : 0;

	if (r == 0)
		r = apply_all(i, conf_fd, chain, err);
	if (r == 0 && chain->state != NT_CHAIN_HALF && chain->state != NT_CHAIN_NONE)
		r = nt_installer_drop_dropins(i, conf_fd, nt_installer_wants_dropin(i), err);
	if (r == -EAGAIN) /* nobody undid anything */
		nt_pace_refund(&i->pace);
	return r;
}

static bool may_repair_conf(struct nt_installer *i, const struct nt_chain *chain, int64_t now_ns,
			    int64_t *wait_ns, struct nt_err *err)
{
	char path[PATH_MAX];

	if (chain->changes_len)
		snprintf(path, sizeof(path), "%s/%s", i->conf_path, chain->changes[0].name);
	else
		nt_installer_dropin_path(i, i->network, path, sizeof(path));
	return nt_installer_may_repair(i, &i->pace, path, now_ns, wait_ns, err);
}

int nt_installer_fit_conf(struct nt_installer *i, int64_t now_ns, int64_t *wait_ns,
			  struct nt_err *err)
{
	_cleanup_chain_ struct nt_chain chain = {};
	_cleanup_close_ int conf_fd =
		nt_installer_open_dir(i, i->layout.conf_dir, i->conf_path, err);
	bool needs_dropin;
	int r;

	if (conf_fd < 0)
		return conf_fd;
	if (!i->swept && !i->config.dry_run)
		nt_swap_sweep(conf_fd);
	i->swept = true;
	r = look(i, conf_fd, now_ns, &chain, err);
	if (r == 0 && !i->no_program && nt_installer_decide_dropin(i, conf_fd, &chain)) {
		nt_chain_done(&chain);
		r = look(i, conf_fd, now_ns, &chain, err);
	}
	if (r < 0)
		return r;
	i->stats.half += chain.state == NT_CHAIN_HALF && i->stats.state != NT_INSTALL_HALF;
	i->stats.state = state_of(&chain);
	needs_dropin = nt_installer_wants_dropin(i) &&
		       !nt_dropdir_placed(conf_fd, i->network, i->dropin_text);
	if ((chain.changes_len || needs_dropin) &&
	    !may_repair_conf(i, &chain, now_ns, wait_ns, err))
		return 0;
	r = repair_conf(i, conf_fd, &chain, needs_dropin, err);
	if (r == 0 && chain.state == NT_CHAIN_READY)
		r = nt_installer_settle(i, &chain, err);
	if (r == 0 && chain.state != NT_CHAIN_READY)
		*err = chain.why;
	return r;
}
