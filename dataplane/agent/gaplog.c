/* SPDX-License-Identifier: Apache-2.0 */
/* Records of gaps, appended as they come and written anew once they are told. */
#include "dataplane/agent/gaplog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "lib/base/buf.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

struct record {
	uint64_t ep_id;
	int64_t from_us, to_us;
	uint32_t hook, fault;
	uint32_t version;
	uint32_t crc; /* CRC-32 of all before */
};
_Static_assert(sizeof(struct record) == 40, "records have no padding");
#define CRC_LEN offsetof(struct record, crc)
#define VERSION 1

struct nt_gaplog {
	char *path;
	int fd;
	size_t records; /* in the file */
	struct nt_buf left; /* struct nt_keep_news */
	struct nt_buf open; /* the same, of gaps that last */
	bool failed;
};

static void complain(struct nt_gaplog *g, const char *why)
{
	if (!g->failed)
		nt_log_warn("%s: %s; a gap in coverage may not survive the agent", g->path, why);
	g->failed = true;
}

static struct record record_of(const struct nt_keep_news *news)
{
	struct record r = { .ep_id = news->ep_id,
			    .from_us = news->from_us,
			    .to_us = news->to_us,
			    .hook = (uint32_t)news->hook,
			    .fault = (uint32_t)news->fault,
			    .version = VERSION };

	r.crc = (uint32_t)crc32(0, (const Bytef *)&r, CRC_LEN);
	return r;
}

/* Opens a gap, or closes it. */
static void follow(struct nt_gaplog *g, const struct nt_keep_news *news)
{
	struct nt_keep_news *open = (struct nt_keep_news *)g->open.p;
	size_t len = g->open.len / sizeof(*open);

	for (size_t i = 0; i < len; i++) {
		if (open[i].ep_id != news->ep_id || open[i].from_us != news->from_us)
			continue;
		if (news->to_us) {
			open[i] = open[len - 1];
			g->open.len -= sizeof(*open);
		} else {
			open[i] = *news;
		}
		return;
	}
	if (!news->to_us)
		nt_buf_add(&g->open, news, sizeof(*news));
}

/* A torn or foreign record, and what is behind it, is left out. */
static void read_left(struct nt_gaplog *g)
{
	_cleanup_buf_ struct nt_buf file = { 0 };
	struct record r;
	struct nt_err err;

	if (nt_file_read_fd(g->fd, 2 * NT_GAPLOG_MAX * sizeof(r), &file, &err) < 0) {
		complain(g, err.msg);
		return;
	}
	for (size_t at = 0; at + sizeof(r) <= file.len; at += sizeof(r)) {
		struct nt_keep_news news;

		memcpy(&r, file.p + at, sizeof(r));
		if (r.version != VERSION || r.crc != (uint32_t)crc32(0, (const Bytef *)&r, CRC_LEN))
			break;
		news = (struct nt_keep_news){ .ep_id = r.ep_id,
					      .hook = (enum nt_hook)r.hook,
					      .fault = (enum nt_hook_fault)r.fault,
					      .from_us = r.from_us,
					      .to_us = r.to_us };
		nt_buf_add(&g->left, &news, sizeof(news));
		follow(g, &news);
		g->records++;
	}
	if (ftruncate(g->fd, (off_t)(g->records * sizeof(r))) == -1)
		complain(g, strerror(errno));
}

static void open_file(struct nt_gaplog *g)
{
	g->fd = open(g->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (g->fd == -1)
		complain(g, strerror(errno));
}

struct nt_gaplog *nt_gaplog_open(const char *path)
{
	struct nt_gaplog *g = calloc(1, sizeof(*g));

	if (!g)
		return NULL;
	g->fd = -1;
	g->path = strdup(path);
	if (!g->path) {
		nt_gaplog_close(g);
		return NULL;
	}
	open_file(g);
	if (g->fd != -1)
		read_left(g);
	return g;
}

void nt_gaplog_close(struct nt_gaplog *g)
{
	if (!g)
		return;
	nt_closep(&g->fd);
	nt_buf_done(&g->left);
	nt_buf_done(&g->open);
	free(g->path);
	free(g);
}

const struct nt_keep_news *nt_gaplog_left(const struct nt_gaplog *g, size_t *ret_len)
{
	*ret_len = g->left.len / sizeof(struct nt_keep_news);
	return (const struct nt_keep_news *)g->left.p;
}

const struct nt_keep_news *nt_gaplog_open_ones(const struct nt_gaplog *g, size_t *ret_len)
{
	*ret_len = g->open.len / sizeof(struct nt_keep_news);
	return (const struct nt_keep_news *)g->open.p;
}

void nt_gaplog_add(struct nt_gaplog *g, const struct nt_keep_news *news)
{
	struct record r = record_of(news);
	ssize_t n;

	follow(g, news);
	if (g->fd == -1)
		return;
	if (g->records >= NT_GAPLOG_MAX) {
		complain(g, "too many gaps between two batches");
		return;
	}
	n = write(g->fd, &r, sizeof(r));
	if (n == (ssize_t)sizeof(r)) {
		g->records++;
		return;
	}
	/* What is behind a torn record is never read. */
	if (n > 0 && ftruncate(g->fd, (off_t)(g->records * sizeof(r))) == -1)
		complain(g, strerror(errno));
	complain(g, "cannot be written");
}

/* One rename: killed at any moment, the file has what is open. */
void nt_gaplog_told(struct nt_gaplog *g)
{
	_cleanup_buf_ struct nt_buf file = { 0 };
	const struct nt_keep_news *open = (const struct nt_keep_news *)g->open.p;
	size_t len = g->open.len / sizeof(*open);
	struct nt_err err;

	nt_buf_reset(&g->left);
	if (g->records == len)
		return;
	for (size_t i = 0; i < len; i++) {
		struct record r = record_of(&open[i]);

		nt_buf_add(&file, &r, sizeof(r));
	}
	if (!nt_buf_ok(&file) ||
	    nt_file_replace_at(AT_FDCWD, g->path, nt_slice_mem(file.p, file.len), 0600, &err) < 0) {
		complain(g, "cannot be written anew");
		return;
	}
	nt_closep(&g->fd);
	open_file(g);
	g->records = len;
	g->failed = g->fd == -1;
}
