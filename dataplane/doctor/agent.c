/* SPDX-License-Identifier: Apache-2.0 */
/* The running agent, its spool, and the disk below it. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>

#include "dataplane/doctor/doctor.h"
#include "dataplane/taps/ask.h"
#include "lib/base/cleanup.h"

/* A batch that waits for longer says that the controller does not take them. */
#define WAITS_S 60

static void look_at_socket(struct nt_doctor *d)
{
	const struct nt_ask ask = { .version = NT_ASK_VERSION, .op = NT_ASK_ALIVE };
	struct nt_answer answer;
	struct nt_err err = { 0 };
	pid_t pid = 0;
	int r = nt_ask_peer(d->options->state_dir, &pid, &err);

	if (r < 0) {
		nt_findings_add(
			&d->findings, NT_LEVEL_FAIL, "agent",
			"no agent runs here: kubectl -n nametap get pods -o wide, and its log. "
			"Taps and policies stay in force without it; rows wait in the ring",
			"%s", err.msg);
		return;
	}
	r = nt_ask_agent(d->options->state_dir, &ask, NT_ASK_TIMEOUT_MS, &answer, &err);
	if (r == 0)
		nt_findings_add(&d->findings, NT_LEVEL_OK, "agent", "",
				"process %d answers at %s/" NT_ASK_SOCKET, (int)pid,
				d->options->state_dir);
	else
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "agent",
				r == -EPROTO
					? "agent and this program are of different releases"
					: "it is stopped or stuck: see its log and CPU limit; the "
					  "kubelet restarts it by its probe",
				"process %d: %s", (int)pid, err.msg);
}

struct spool {
	uint64_t bytes, waiting, rejected, torn;
	int64_t oldest_s; /* of a batch that waits; 0: none does */
};

static bool ends(const char *name, const char *tail)
{
	return nt_slice_ends(nt_slice_str(name), nt_slice_str(tail));
}

static int read_spool(const char *path, struct spool *s)
{
	_cleanup_closedir_ DIR *dir = opendir(path);
	struct dirent *e;

	if (!dir)
		return -errno;
	while ((e = readdir(dir))) {
		struct stat st;

		if (fstatat(dirfd(dir), e->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
		    !S_ISREG(st.st_mode))
			continue;
		s->bytes += (uint64_t)st.st_size;
		s->rejected += ends(e->d_name, ".rejected");
		s->torn += ends(e->d_name, ".torn");
		if (!ends(e->d_name, ".batch"))
			continue;
		s->waiting++;
		if (!s->oldest_s || st.st_mtime < s->oldest_s)
			s->oldest_s = st.st_mtime;
	}
	return 0;
}

static void tell_files(struct nt_doctor *d, const struct spool *s)
{
	const char *path = d->options->spool;
	int64_t waits_s = s->oldest_s ? time(NULL) - s->oldest_s : 0;
	double full = (double)s->bytes * 100 / (double)d->options->spool_max_bytes;

	if (s->rejected || s->torn)
		nt_findings_add(
			&d->findings, NT_LEVEL_WARN, "spool",
			"see the agent's log of that time; remove the files when they are of no "
			"more use",
			"%s: batches refused by the controller: %llu, damaged: %llu", path,
			(unsigned long long)s->rejected, (unsigned long long)s->torn);
	if (waits_s > WAITS_S || full > 50)
		nt_findings_add(
			&d->findings, full > 90 ? NT_LEVEL_FAIL : NT_LEVEL_WARN, "spool",
			"see controller below; beyond --spool-max the oldest rows go, and are "
			"counted as spool_full",
			"%s is %.0f %% full; %llu batches wait, the oldest for %lld s", path, full,
			(unsigned long long)s->waiting, (long long)waits_s);
	else
		nt_findings_add(&d->findings, NT_LEVEL_OK, "spool", "",
				"%s is %.0f %% full; %llu batches wait", path, full,
				(unsigned long long)s->waiting);
}

static void look_at_disk(struct nt_doctor *d, const struct spool *s)
{
	struct statvfs fs;
	uint64_t bytes, wants = d->options->spool_max_bytes;

	if (statvfs(d->options->spool, &fs) == -1)
		return;
	bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
	wants = wants > s->bytes ? wants - s->bytes : 0;
	if (fs.f_flag & ST_RDONLY)
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "disk",
				"mount it for writing: no row outlives the agent's memory",
				"%s is read-only", d->options->spool);
	else if (bytes < wants)
		nt_findings_add(&d->findings, bytes < (8 << 20) ? NT_LEVEL_FAIL : NT_LEVEL_WARN,
				"disk", "make room on the node, or lower --spool-max",
				"%llu MiB are free below %s, the spool may need %llu more",
				(unsigned long long)(bytes >> 20), d->options->spool,
				(unsigned long long)(wants >> 20));
	else
		nt_findings_add(&d->findings, NT_LEVEL_OK, "disk", "", "%llu MiB are free below %s",
				(unsigned long long)(bytes >> 20), d->options->spool);
}

void nt_doctor_agent(struct nt_doctor *d)
{
	struct spool s = { 0 };
	int r;

	look_at_socket(d);
	r = read_spool(d->options->spool, &s);
	if (r < 0) {
		nt_findings_add(&d->findings, NT_LEVEL_FAIL, "spool",
				"mount the folder (hostPath), and name it by --spool", "%s: %s",
				d->options->spool, strerror(-r));
		return;
	}
	tell_files(d, &s);
	look_at_disk(d, &s);
}
