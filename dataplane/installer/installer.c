/* SPDX-License-Identifier: Apache-2.0 */
/* One round of the installer: binary, list, drop-in. */
#include "dataplane/installer/installer.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "dataplane/installer/binary.h"
#include "dataplane/installer/chain.h"
#include "dataplane/installer/dropdir.h"
#include "dataplane/installer/entry.h"
#include "dataplane/installer/hostfs.h"
#include "dataplane/installer/layout.h"
#include "dataplane/installer/pace.h"
#include "dataplane/installer/record.h"
#include "dataplane/installer/swap.h"
#include "dataplane/taps/seen.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

/* Without any news: what inotify does not tell is seen after so long. */
#define LOOK_NS NT_NS_PER_S
/* Somebody writes the configuration, or was faster. */
#define SOON_NS (100 * NT_NS_PER_MS)
/* A first file that no runtime loads: CRI-O goes on to the next one. */
#define BAD_PATIENCE_NS (10 * NT_NS_PER_S)
#define BAD_MAX 8

const char *const nt_install_state_names[NT_INSTALL_STATES] = {
	[NT_INSTALL_WAITING] = "waiting", [NT_INSTALL_HALF] = "half_written",
	[NT_INSTALL_INVALID] = "invalid", [NT_INSTALL_UNSUPPORTED] = "unsupported",
	[NT_INSTALL_READY] = "ready",	  [NT_INSTALL_FAILED] = "failed",
	[NT_INSTALL_HELD] = "held_back",
};

struct nt_installer {
	struct nt_installer_config config;
	int root_fd;
	struct nt_layout layout;
	struct nt_layout next; /* another one, as the last look found it */
	/* The same folders, links followed: what the record names, for an uninstall that joins
	 * --host-root and a path. */
	char conf_path[512], bin_path[512];
	char plugin[PATH_MAX];
	char *entry, *dropin_text; /* owned */
	struct nt_install_record record;
	bool knows_record; /* it was read, or there is none */
	bool no_program; /* not in its folder, and not to be put there: no entry either */
	struct nt_binary binary;
	struct nt_pace pace, binary_pace; /* of the folder of configurations; of the program */
	struct nt_dropin dropin;
	char network[128]; /* the drop-in's */
	char bad[1024]; /* the first bad file and why, since bad_since_ns */
	int64_t bad_since_ns;
	bool swept;
	struct nt_installer_stats stats;
};

/* --- life --- */

/* `nametap` beside the running program. */
static int find_plugin(struct nt_installer *i, struct nt_err *err)
{
	ssize_t len;
	char *slash;

	if (i->config.plugin) {
		snprintf(i->plugin, sizeof(i->plugin), "%s", i->config.plugin);
		return 0;
	}
	len = readlink("/proc/self/exe", i->plugin, sizeof(i->plugin) - sizeof(NT_BINARY_NAME));
	if (len == -1)
		return nt_err_sys(err, errno,
				  "/proc/self/exe (name the plugin's program by "
				  "--plugin)");
	i->plugin[len] = '\0';
	slash = strrchr(i->plugin, '/');
	memcpy(slash + 1, NT_BINARY_NAME, sizeof(NT_BINARY_NAME));
	return 0;
}

static int init(struct nt_installer *i, struct nt_err *err)
{
	int r = find_plugin(i, err);

	if (r < 0)
		return r;
	i->root_fd = nt_hostfs_root(i->config.host_root, err);
	if (i->root_fd < 0)
		return i->root_fd;
	i->entry = nt_entry_text(i->config.pin_root, i->config.state_dir, i->config.plugin_config,
				 err);
	i->dropin_text = i->entry ? nt_entry_dropin(i->entry, err) : NULL;
	if (!i->dropin_text)
		return -err->code;
	if (!i->config.record)
		i->config.record = NT_INSTALL_RECORD_DEFAULT;
	return 0;
}

/* Not at the start only: a damaged one stops the installer and not the agent, and one that was
 * removed is noticed. */
static int load_record(struct nt_installer *i, struct nt_err *err)
{
	int r;

	if (i->knows_record)
		return 0;
	r = nt_install_record_load(i->config.record, &i->record, err);
	i->knows_record = r == 0 || r == -ENOENT;
	if (!i->knows_record)
		return r;
	err->msg[0] = '\0';
	return 0;
}

int nt_installer_new(const struct nt_installer_config *config, struct nt_installer **ret_installer,
		     struct nt_err *err)
{
	struct nt_installer *i = calloc(1, sizeof(*i));
	int r;

	if (!i)
		return nt_err_set(err, ENOMEM, "no memory for the installer");
	i->config = *config;
	i->root_fd = -1;
	r = init(i, err);
	if (r < 0) {
		nt_installer_free(i);
		return nt_err_wrap(err, "install");
	}
	*ret_installer = i;
	return 0;
}

void nt_installer_free(struct nt_installer *i)
{
	if (!i)
		return;
	nt_install_record_done(&i->record);
	nt_closep(&i->root_fd);
	free(i->dropin_text);
	free(i->entry);
	free(i);
}

const char *nt_installer_conf_dir(const struct nt_installer *i)
{
	return i->layout.conf_dir;
}

const char *nt_installer_bin_dir(const struct nt_installer *i)
{
	return i->layout.bin_dir;
}

int nt_installer_root_fd(const struct nt_installer *i)
{
	return i->root_fd;
}

struct nt_installer_stats nt_installer_stats(const struct nt_installer *i)
{
	struct nt_installer_stats s = i->stats;

	s.drop_in = i->dropin.phase;
	s.fallbacks = i->dropin.fallbacks;
	s.fights = i->pace.fights + i->binary_pace.fights;
	return s;
}

/* --- what is about to be written --- */

static void show_text(FILE *to, const char *title, const char *path, const struct nt_buf *text)
{
	fprintf(to, "%s %s\n", title, path);
	if (text->len)
		fwrite(text->p, 1, text->len, to);
	if (text->len && text->p[text->len - 1] != '\n')
		fputs("\n\\ no newline at the end of the file\n", to);
}

static void show(const struct nt_installer *i, const char *path, const struct nt_buf *before,
		 const struct nt_buf *after)
{
	FILE *to = i->config.show;

	if (!to)
		return;
	if (before && before->len)
		show_text(to, "--- before:", path, before);
	else
		fprintf(to, "--- before: %s does not exist\n", path);
	if (after && after->len)
		show_text(to, "+++ after:", path, after);
	else
		fprintf(to, "+++ after: %s does not exist\n", path);
}

static int save(struct nt_installer *i, struct nt_err *err)
{
	snprintf(i->record.conf_dir, sizeof(i->record.conf_dir), "%s", i->conf_path);
	snprintf(i->record.bin_dir, sizeof(i->record.bin_dir), "%s", i->bin_path);
	return nt_install_record_save(i->config.record, &i->record, err);
}

/* Files that are not there any more: they make room. */
static void forget_lost(struct nt_installer *i)
{
	for (unsigned k = i->record.files_len; k-- > 0;) {
		const char *path = i->record.files[k].path;
		struct nt_err err;
		_cleanup_close_ int fd = nt_hostfs_open(i->root_fd, path, O_PATH, &err);

		if (fd == -ENOENT)
			(void)nt_install_record_drop(&i->record, path);
	}
}

/* Before the thing itself: an uninstall must find it whatever happens in between. */
static int remember(struct nt_installer *i, enum nt_installed_kind kind, const char *path,
		    bool was_there, struct nt_err *err)
{
	int r = nt_install_record_add(&i->record, kind, path, was_there);

	if (r == -ENOSPC) {
		forget_lost(i);
		r = nt_install_record_add(&i->record, kind, path, was_there);
	}
	if (r < 0)
		return nt_err_sys(err, -r, "%s: cannot remember %s", i->config.record, path);
	return r ? save(i, err) : 0;
}

/* Before it is written: after a kill in between it is still known as ours. */
static int remember_entry(struct nt_installer *i, struct nt_err *err)
{
	int r = nt_install_record_entry(&i->record, i->entry);

	if (r < 0)
		return nt_err_sys(err, -r, "%s: cannot remember our entry", i->config.record);
	return r ? save(i, err) : 0;
}

static int forget(struct nt_installer *i, const char *path, struct nt_err *err)
{
	return nt_install_record_drop(&i->record, path) ? save(i, err) : 0;
}

/* May it be repaired now? If not, *wait_ns says when, and *err why. */
static bool may_repair(struct nt_installer *i, struct nt_pace *pace, const char *path,
		       int64_t now_ns, int64_t *wait_ns, struct nt_err *err)
{
	bool is_fight;

	if (i->config.dry_run)
		return true;
	*wait_ns = nt_pace_ask(pace, now_ns, &is_fight);
	if (is_fight)
		nt_log_warn("install: another program changes %s again and again; from now on it "
			    "is repaired at most twice a second, later once in 30 s. Find out "
			    "which one owns the file",
			    path);
	if (*wait_ns)
		nt_err_set(err, EAGAIN, "another program changes %s again and again", path);
	return *wait_ns == 0;
}

/* --- the folders --- */

static bool is_same_layout(const struct nt_layout *a, const struct nt_layout *b)
{
	return strcmp(a->conf_dir, b->conf_dir) == 0 && strcmp(a->bin_dir, b->bin_dir) == 0;
}

/* In each round: the runtime's configuration may name other folders after an upgrade. While all is
 * well a change counts when two looks have seen it, since the file may be half-written. */
static void find_layout(struct nt_installer *i)
{
	struct nt_layout found, last = i->next;

	nt_layout_find(i->root_fd, &found);
	if (i->config.conf_dir)
		snprintf(found.conf_dir, sizeof(found.conf_dir), "%s", i->config.conf_dir);
	if (i->config.bin_dir)
		snprintf(found.bin_dir, sizeof(found.bin_dir), "%s", i->config.bin_dir);
	i->next = found;
	if (i->layout.name && is_same_layout(&found, &i->layout))
		return;
	if (i->layout.name && i->stats.state == NT_INSTALL_READY && !is_same_layout(&found, &last))
		return;
	i->layout = found;
	i->swept = false;
	nt_log_info("install: CNI configurations in %s, programs in %s (%s: %s)",
		    i->layout.conf_dir, i->layout.bin_dir, i->layout.name, i->layout.source);
}

/* Descriptor; ret_path gets 512 octets. */
static int open_dir(const struct nt_installer *i, const char *dir, char *ret_path,
		    struct nt_err *err)
{
	_cleanup_close_ int fd = nt_hostfs_open(i->root_fd, dir, O_RDONLY | O_DIRECTORY, err);
	struct stat st;
	int r;

	if (fd < 0)
		return NT_TAKE_FD(fd);
	if (fstat(fd, &st) == 0 && st.st_nlink == 0)
		return nt_err_set(err, ESTALE,
				  "%s was removed on the host and made anew: this "
				  "container still has the old one; mount its parent "
				  "folder instead",
				  dir);
	r = nt_hostfs_path(i->root_fd, fd, ret_path, 512, err);
	return r < 0 ? r : NT_TAKE_FD(fd);
}

/* --- the binary --- */

static int repair_binary(struct nt_installer *i, int dir_fd, int64_t now_ns, int64_t *wait_ns,
			 struct nt_err *err)
{
	int r = nt_binary_check(&i->binary, dir_fd, i->plugin, err);
	char path[PATH_MAX];

	if (r <= 0)
		return r;
	snprintf(path, sizeof(path), "%s/%s", i->bin_path, NT_BINARY_NAME);
	if (i->config.show)
		fprintf(i->config.show, "%s: %s, becomes a copy of %s\n", path,
			r == NT_BINARY_MISSING ? "not there" : "differs", i->plugin);
	if (i->config.dry_run || !may_repair(i, &i->binary_pace, path, now_ns, wait_ns, err))
		return 0;
	r = remember(i, NT_INSTALLED_BINARY, path, r != NT_BINARY_MISSING, err);
	if (r == 0)
		r = nt_binary_place(&i->binary, dir_fd, i->plugin, err);
	if (r == 0) {
		i->stats.repairs++;
		nt_log_info("install: %s placed", path);
	}
	return r;
}

/* *ret_go_on: also when it failed the list can be looked at. */
static int fit_binary(struct nt_installer *i, int64_t now_ns, int64_t *wait_ns, bool *ret_go_on,
		      struct nt_err *err)
{
	_cleanup_close_ int dir_fd = open_dir(i, i->layout.bin_dir, i->bin_path, err);
	struct stat st;
	int r;

	*ret_go_on = dir_fd >= 0;
	if (dir_fd < 0)
		return dir_fd;
	if (!i->swept && !i->config.dry_run)
		nt_swap_sweep(dir_fd);
	r = repair_binary(i, dir_fd, now_ns, wait_ns, err);
	i->no_program = (r < 0 || *wait_ns) && fstatat(dir_fd, NT_BINARY_NAME, &st, 0) == -1 &&
			errno == ENOENT;
	return r;
}

/* --- the list --- */

static bool wants_entry(const struct nt_installer *i)
{
	return i->dropin.phase != NT_DROPIN_PROVEN && !i->no_program;
}

static bool wants_dropin(const struct nt_installer *i)
{
	return !i->no_program &&
	       (i->dropin.phase == NT_DROPIN_TRYING || i->dropin.phase == NT_DROPIN_PROVEN);
}

static struct nt_chain_want want_of(const struct nt_installer *i)
{
	return (struct nt_chain_want){ .root_fd = i->root_fd,
				       .dir = i->layout.conf_dir,
				       .entry = nt_slice_str(i->entry),
				       .former = i->record.entries,
				       .former_len = NT_INSTALL_ENTRIES_MAX,
				       .in_list = wants_entry(i),
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
			 (change->kind == NT_CHANGE_REPLACE && !wants_entry(i));
	char path[PATH_MAX];
	int r = 0;

	snprintf(path, sizeof(path), "%s/%s", i->conf_path, change->name);
	if (change->kind == NT_CHANGE_REPLACE) /* perhaps a link to elsewhere */
		r = nt_hostfs_path(i->root_fd, change->fd, path, sizeof(path), err);
	if (r < 0)
		return r;
	show(i, path, &change->before, &change->after);
	if (i->config.dry_run)
		return 0;
	if (!takes_out)
		r = remember_entry(i, err);
	if (r == 0 && change->kind == NT_CHANGE_PUT)
		r = remember(i, NT_INSTALLED_MADE, path, false, err);
	else if (r == 0 && !takes_out)
		r = remember(i, NT_INSTALLED_ENTRY, path, false, err);
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
	return takes_out ? forget(i, path, err) : 0;
}

/* --- the drop-in --- */

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

/* True when the list must be looked at once more. */
static bool decide_dropin(struct nt_installer *i, int conf_fd, const struct nt_chain *chain)
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

static void dropin_path(const struct nt_installer *i, const char *network, char *out, size_t size)
{
	snprintf(out, size, "%s/%s/%s", i->conf_path, network, NT_DROPDIR_FILE);
}

static int put_dropin(struct nt_installer *i, int conf_fd, struct nt_err *err)
{
	struct nt_buf text = { .p = i->dropin_text, .len = strlen(i->dropin_text) };
	char path[PATH_MAX];
	int r;

	dropin_path(i, i->network, path, sizeof(path));
	show(i, path, NULL, &text);
	if (i->config.dry_run)
		return 0;
	r = remember(i, NT_INSTALLED_DROPIN, path, nt_dropdir_exists(conf_fd, i->network), err);
	if (r == 0)
		r = nt_dropdir_put(conf_fd, i->network, i->dropin_text, err);
	if (r < 0)
		return r;
	i->stats.repairs++;
	/* It may have read the folder when that was made, and the file came after. */
	nt_chain_kick(conf_fd);
	return 0;
}

/* Drop-ins that are remembered and not wanted: of this network or of a former one. */
static int drop_dropins(struct nt_installer *i, int conf_fd, bool keep_ours, struct nt_err *err)
{
	size_t dir_len = strlen(i->conf_path);
	int r = 0;

	for (unsigned k = 0; r == 0 && k < i->record.files_len; k++) {
		struct nt_installed f = i->record.files[k];
		char wanted[PATH_MAX], network[128];

		dropin_path(i, i->network, wanted, sizeof(wanted));
		if (f.kind != NT_INSTALLED_DROPIN || (keep_ours && strcmp(wanted, f.path) == 0) ||
		    strncmp(f.path, i->conf_path, dir_len) != 0 || f.path[dir_len] != '/' ||
		    sscanf(f.path + dir_len + 1, "%127[^/]", network) != 1)
			continue;
		if (i->config.dry_run)
			continue;
		r = nt_dropdir_remove(conf_fd, network, !f.was_there, err);
		if (r == 0)
			r = forget(i, f.path, err);
		k = (unsigned)-1; /* the list has changed: from its begin */
	}
	return r;
}

/* --- the round --- */

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

static bool is_recorded(const struct nt_installer *i)
{
	return strcmp(i->record.conf_dir, i->conf_path) == 0 &&
	       strcmp(i->record.bin_dir, i->bin_path) == 0;
}

/* The list that has our entry, by where it really is; one that we made beside a .conf. */
static int remember_list(struct nt_installer *i, const struct nt_chain *chain, struct nt_err *err)
{
	char path[PATH_MAX], name[256];
	_cleanup_close_ int fd = -1;
	int r;

	snprintf(path, sizeof(path), "%s/%s", i->conf_path, chain->file);
	if (!chain->is_list) {
		if (!nt_chain_made_name(chain->file, name, sizeof(name)))
			return 0;
		snprintf(path, sizeof(path), "%s/%s", i->conf_path, name);
		return remember(i, NT_INSTALLED_MADE, path, false, err);
	}
	fd = nt_hostfs_open(i->root_fd, path, O_PATH, err);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd; /* since the look; the next round sees it */
	r = nt_hostfs_path(i->root_fd, fd, path, sizeof(path), err);
	return r < 0 ? r : remember(i, NT_INSTALLED_ENTRY, path, false, err);
}

/* What is in place without having been changed: the record of it may be lost. */
static int remember_all(struct nt_installer *i, const struct nt_chain *chain, struct nt_err *err)
{
	char path[PATH_MAX];
	int r = 0;

	snprintf(path, sizeof(path), "%s/%s", i->bin_path, NT_BINARY_NAME);
	if (!i->no_program)
		r = remember(i, NT_INSTALLED_BINARY, path, true, err);
	if (r == 0 && wants_dropin(i)) {
		dropin_path(i, i->network, path, sizeof(path));
		r = remember(i, NT_INSTALLED_DROPIN, path, false, err);
	}
	return r == 0 && wants_entry(i) ? remember_list(i, chain, err) : r;
}

/* Our entry is in place: where the folders were does not matter any more. */
static int settle(struct nt_installer *i, const struct nt_chain *chain, struct nt_err *err)
{
	int r;

	if (i->config.dry_run)
		return 0;
	r = remember_all(i, chain, err);
	if (r == 0)
		r = remember_entry(i, err);
	return r < 0 || is_recorded(i) ? r : save(i, err);
}

/* Before the entry leaves the list the drop-in must be there, and the other way round. */
static int repair_conf(struct nt_installer *i, int conf_fd, const struct nt_chain *chain,
		       bool needs_dropin, struct nt_err *err)
{
	int r = needs_dropin ? put_dropin(i, conf_fd, err) : 0;

	if (r == 0)
		r = apply_all(i, conf_fd, chain, err);
	if (r == 0 && chain->state != NT_CHAIN_HALF && chain->state != NT_CHAIN_NONE)
		r = drop_dropins(i, conf_fd, wants_dropin(i), err);
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
		dropin_path(i, i->network, path, sizeof(path));
	return may_repair(i, &i->pace, path, now_ns, wait_ns, err);
}

/* 0; *wait_ns is set when a repair was due and must wait. */
static int fit_conf(struct nt_installer *i, int64_t now_ns, int64_t *wait_ns, struct nt_err *err)
{
	_cleanup_chain_ struct nt_chain chain = {};
	_cleanup_close_ int conf_fd = open_dir(i, i->layout.conf_dir, i->conf_path, err);
	bool needs_dropin;
	int r;

	if (conf_fd < 0)
		return conf_fd;
	if (!i->swept && !i->config.dry_run)
		nt_swap_sweep(conf_fd);
	i->swept = true;
	r = look(i, conf_fd, now_ns, &chain, err);
	if (r == 0 && !i->no_program && decide_dropin(i, conf_fd, &chain)) {
		nt_chain_done(&chain);
		r = look(i, conf_fd, now_ns, &chain, err);
	}
	if (r < 0)
		return r;
	i->stats.half += chain.state == NT_CHAIN_HALF && i->stats.state != NT_INSTALL_HALF;
	i->stats.state = state_of(&chain);
	needs_dropin = wants_dropin(i) && !nt_dropdir_placed(conf_fd, i->network, i->dropin_text);
	if ((chain.changes_len || needs_dropin) &&
	    !may_repair_conf(i, &chain, now_ns, wait_ns, err))
		return 0;
	r = repair_conf(i, conf_fd, &chain, needs_dropin, err);
	if (r == 0 && chain.state == NT_CHAIN_READY)
		r = settle(i, &chain, err);
	if (r == 0 && chain.state != NT_CHAIN_READY)
		*err = chain.why;
	return r;
}

static int64_t end_failed(struct nt_installer *i)
{
	i->stats.failures++;
	i->stats.state = NT_INSTALL_FAILED;
	return LOOK_NS;
}

/* What is not there yet is waited for. */
static int64_t end_round(struct nt_installer *i, int r, int64_t wait_ns, struct nt_err *err)
{
	if (r == -EAGAIN) {
		i->stats.races++;
		i->stats.state = NT_INSTALL_HALF;
		return SOON_NS;
	}
	if (r == -ENOENT || r == -ENOTDIR) {
		i->stats.state = NT_INSTALL_WAITING;
		return LOOK_NS;
	}
	if (r < 0)
		return end_failed(i);
	if (wait_ns) {
		i->stats.state = NT_INSTALL_HELD;
		return wait_ns;
	}
	if (i->stats.state == NT_INSTALL_READY)
		err->msg[0] = '\0';
	return i->stats.state == NT_INSTALL_HALF ? SOON_NS : LOOK_NS;
}

int64_t nt_installer_round(struct nt_installer *i, int64_t now_ns, struct nt_err *err)
{
	int64_t binary_wait_ns = 0, conf_wait_ns = 0;
	struct nt_err other;
	bool go_on;
	int r;

	err->msg[0] = '\0';
	if (load_record(i, err) < 0)
		return end_failed(i);
	find_layout(i);
	/* An entry whose program is not there would keep every pod from starting. */
	r = fit_binary(i, now_ns, &binary_wait_ns, &go_on, err);
	if (r < 0 && go_on) {
		(void)!fit_conf(i, now_ns, &conf_wait_ns, &other);
		return end_failed(i);
	}
	if (r == 0)
		r = fit_conf(i, now_ns, &conf_wait_ns, binary_wait_ns ? &other : err);
	if (r < 0 && binary_wait_ns)
		*err = other;
	return end_round(i, r, binary_wait_ns ? binary_wait_ns : conf_wait_ns, err);
}
