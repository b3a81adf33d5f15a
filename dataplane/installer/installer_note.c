/* SPDX-License-Identifier: Apache-2.0 */
/* What the installer did and may do: the record, what a dry run shows, the pace of repairs. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/installer/hostfs.h"
#include "dataplane/installer/installer_state.h"
#include "lib/base/cleanup.h"
#include "lib/base/log.h"

/* --- shown --- */

static void show_text(FILE *to, const char *title, const char *path, const struct nt_buf *text)
{
	fprintf(to, "%s %s\n", title, path);
	if (text->len)
		fwrite(text->p, 1, text->len, to);
	if (text->len && text->p[text->len - 1] != '\n')
		fputs("\n\\ no newline at the end of the file\n", to);
}

void nt_installer_show(const struct nt_installer *i, const char *path, const struct nt_buf *before,
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

/* --- the record --- */

/* Not at the start only: a damaged one stops the installer and not the agent, and one that was
 * removed is noticed. */
int nt_installer_load_record(struct nt_installer *i, struct nt_err *err)
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

int nt_installer_remember(struct nt_installer *i, enum nt_installed_kind kind, const char *path,
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

int nt_installer_remember_entry(struct nt_installer *i, struct nt_err *err)
{
	int r = nt_install_record_entry(&i->record, i->entry);

	if (r < 0)
		return nt_err_sys(err, -r, "%s: cannot remember our entry", i->config.record);
	return r ? save(i, err) : 0;
}

int nt_installer_forget(struct nt_installer *i, const char *path, struct nt_err *err)
{
	return nt_install_record_drop(&i->record, path) ? save(i, err) : 0;
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
		return nt_installer_remember(i, NT_INSTALLED_MADE, path, false, err);
	}
	fd = nt_hostfs_open(i->root_fd, path, O_PATH, err);
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd; /* since the look; the next round sees it */
	r = nt_hostfs_path(i->root_fd, fd, path, sizeof(path), err);
	return r < 0 ? r : nt_installer_remember(i, NT_INSTALLED_ENTRY, path, false, err);
}

/* The configuration that is in place without having been changed: the record of it may be lost. */
static int remember_all(struct nt_installer *i, const struct nt_chain *chain, struct nt_err *err)
{
	char path[PATH_MAX];
	int r = 0;

	if (nt_installer_wants_dropin(i)) {
		nt_installer_dropin_path(i, i->network, path, sizeof(path));
		r = nt_installer_remember(i, NT_INSTALLED_DROPIN, path, false, err);
	}
	return r == 0 && nt_installer_wants_entry(i) ? remember_list(i, chain, err) : r;
}

int nt_installer_settle(struct nt_installer *i, const struct nt_chain *chain, struct nt_err *err)
{
	int r;

	if (i->config.dry_run)
		return 0;
	r = remember_all(i, chain, err);
	if (r == 0)
		r = nt_installer_remember_entry(i, err);
	return r < 0 || is_recorded(i) ? r : save(i, err);
}

/* --- the pace --- */

bool nt_installer_may_repair(struct nt_installer *i, struct nt_pace *pace, const char *path,
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
