/* SPDX-License-Identifier: Apache-2.0 */
/* Libcni's drop-in folder: is it used, and our file in it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/installer/dropdir.h"
#include "dataplane/installer/installer_state.h"
#include "dataplane/taps/seen.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

bool nt_installer_wants_dropin(const struct nt_installer *i)
{
	return !i->no_program &&
	       (i->dropin.phase == NT_DROPIN_TRYING || i->dropin.phase == NT_DROPIN_PROVEN);
}

static struct nt_dropin_facts facts_of(const struct nt_installer *i, int conf_fd,
				       const struct nt_chain *chain)
{
	struct nt_clock clock = nt_clock_system();
	const char *state = i->config.state_dir, *cache = i->config.cni_cache;
	struct nt_dropin_facts f = { .now = nt_clock_real(&clock) };

	/* Without the cache nobody would notice when the runtime stops to read the folder. */
	f.possible = i->config.drop_in && cache && access(cache, R_OK | X_OK) == 0 &&
		     chain->is_list && !chain->only_inlined && chain->state == NT_CHAIN_READY &&
		     nt_dropdir_is_name(chain->network);
	if (!f.possible)
		return f;
	f.placed = nt_dropdir_placed(conf_fd, chain->network, i->dropin_text);
	f.dropin_add = nt_seen_get(state, true, NT_SEEN_ADD);
	f.dropin_del = nt_seen_get(state, true, NT_SEEN_DEL);
	f.chain_add = nt_seen_get(state, false, NT_SEEN_ADD);
	f.chain_del = nt_seen_get(state, false, NT_SEEN_DEL);
	if (i->dropin.phase == NT_DROPIN_PROVEN)
		f.sandbox = nt_dropdir_newest_sandbox(cache, chain->network);
	return f;
}

static void tell_phase(const struct nt_installer *i, enum nt_dropin_phase before)
{
	static const char *const texts[] = {
		[NT_DROPIN_OFF] = "not used",
		[NT_DROPIN_TRYING] = "tried beside the entry in the list",
		[NT_DROPIN_PROVEN] = "honoured by the runtime: the list gets back its own text",
		[NT_DROPIN_REFUTED] = "not honoured by the runtime: the entry is in the list",
	};

	if (before != i->dropin.phase)
		nt_log_info("install: drop-in folder of network %s: %s", i->network,
			    texts[i->dropin.phase]);
}

bool nt_installer_decide_dropin(struct nt_installer *i, int conf_fd, const struct nt_chain *chain)
{
	enum nt_dropin_phase before = i->dropin.phase;
	struct nt_dropin_facts facts;

	if (chain->network[0] && strcmp(chain->network, i->network) != 0) {
		nt_dropin_reset(&i->dropin);
		snprintf(i->network, sizeof(i->network), "%s", chain->network);
	}
	/* A list that is being written says nothing about the runtime. */
	if (chain->state != NT_CHAIN_READY && chain->state != NT_CHAIN_UNSUPPORTED)
		return false;
	facts = facts_of(i, conf_fd, chain);
	(void)nt_dropin_decide(&i->dropin, &facts);
	tell_phase(i, before);
	return (before == NT_DROPIN_PROVEN) != (i->dropin.phase == NT_DROPIN_PROVEN);
}

void nt_installer_dropin_path(const struct nt_installer *i, const char *network, char *out,
			      size_t size)
{
	snprintf(out, size, "%s/%s/%s", i->conf_path, network, NT_DROPDIR_FILE);
}

int nt_installer_put_dropin(struct nt_installer *i, int conf_fd, struct nt_err *err)
{
	struct nt_buf text = { .p = i->dropin_text, .len = strlen(i->dropin_text) };
	char path[PATH_MAX];
	int r;

	nt_installer_dropin_path(i, i->network, path, sizeof(path));
	nt_installer_show(i, path, NULL, &text);
	if (i->config.dry_run)
		return 0;
	r = nt_installer_remember(i, NT_INSTALLED_DROPIN, path,
				  nt_dropdir_exists(conf_fd, i->network), err);
	if (r == 0)
		r = nt_dropdir_put(conf_fd, i->network, i->dropin_text, err);
	if (r < 0)
		return r;
	i->stats.repairs++;
	/* It may have read the folder when that was made, and the file came after. */
	nt_chain_kick(conf_fd);
	return 0;
}

int nt_installer_drop_dropins(struct nt_installer *i, int conf_fd, bool keep_ours,
			      struct nt_err *err)
{
	size_t dir_len = strlen(i->conf_path);
	int r = 0;

	for (unsigned k = 0; r == 0 && k < i->record.files_len; k++) {
		struct nt_installed f = i->record.files[k];
		char wanted[PATH_MAX], network[128];

		nt_installer_dropin_path(i, i->network, wanted, sizeof(wanted));
		if (f.kind != NT_INSTALLED_DROPIN || (keep_ours && strcmp(wanted, f.path) == 0) ||
		    strncmp(f.path, i->conf_path, dir_len) != 0 || f.path[dir_len] != '/' ||
		    sscanf(f.path + dir_len + 1, "%127[^/]", network) != 1)
			continue;
		if (i->config.dry_run)
			continue;
		r = nt_dropdir_remove(conf_fd, network, !f.was_there, err);
		if (r == 0)
			r = nt_installer_forget(i, f.path, err);
		k = (unsigned)-1; /* the list has changed: from its begin */
	}
	return r;
}
