/* SPDX-License-Identifier: Apache-2.0 */
/* Numbered batches with the agent's state in a bounded folder. */
#include "dataplane/agent/spool.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "dataplane/agent/spoolfile.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"

#define UUID_LEN 36
/* Refused batches kept to be looked at. */
#define REJECTED_MAX 16
/* Of all notes: 50 busy pods in 7,000 batches. */
#define NOTES_BYTES_MAX ((size_t)8 << 20)

/* What the caller wants back when the batch is lost. */
struct note {
	struct note *next; /* of the lost ones */
	size_t len;
	char octets[];
};

struct file {
	uint64_t seq;
	uint64_t bytes;
	enum nt_spoolfile_kind kind;
	bool marked; /* its packets are stated elsewhere */
	bool held;
	bool doubtful; /* held, and perhaps stored */
	struct note *note; /* NULL: none */
};

struct nt_spool {
	struct nt_spool_config config;
	char *path;
	int dir_fd;
	char uuid[UUID_LEN + 1];
	bool fresh;
	uint64_t next;
	struct file *files; /* by seq, ascending */
	size_t len, cap;
	/* The batch that is being sent: its file's octets; seq 0: none. */
	uint64_t sending;
	struct nt_buf sent;
	struct nt_slice sent_batch, sent_state;
	struct note *lost; /* not taken yet */
	struct nt_spool_stats stats;
};

/* --- the index -------------------------------------------------------------------------------- */

static bool grow(struct nt_spool *s)
{
	size_t cap = s->cap ? s->cap * 2 : 64;
	struct file *files = realloc(s->files, cap * sizeof(*files));

	if (!files)
		return false;
	s->files = files;
	s->cap = cap;
	return true;
}

static bool append(struct nt_spool *s, struct file f)
{
	if (s->len == s->cap && !grow(s))
		return false;
	s->files[s->len++] = f;
	s->stats.bytes += f.bytes;
	return true;
}

static struct file *find(const struct nt_spool *s, uint64_t seq)
{
	size_t low = 0, high = s->len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->files[middle].seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low < s->len && s->files[low].seq == seq ? &s->files[low] : NULL;
}

static size_t note_bytes(size_t len)
{
	return sizeof(struct note) + len;
}

static void free_note(struct nt_spool *s, struct note *note)
{
	if (note)
		s->stats.note_bytes -= note_bytes(note->len);
	free(note);
}

static void drop_note(struct nt_spool *s, struct file *f)
{
	free_note(s, NT_TAKE_PTR(f->note));
}

static void drop(struct nt_spool *s, struct file *f)
{
	(void)unlinkat(s->dir_fd, nt_spoolfile_name(f->seq, f->kind).text, 0);
	s->stats.bytes -= f->bytes;
	drop_note(s, f);
	memmove(f, f + 1, (size_t)(s->files + s->len - (f + 1)) * sizeof(*f));
	s->len--;
}

static void change_kind(struct nt_spool *s, struct file *f, enum nt_spoolfile_kind kind)
{
	(void)renameat(s->dir_fd, nt_spoolfile_name(f->seq, f->kind).text, s->dir_fd,
		       nt_spoolfile_name(f->seq, kind).text);
	f->kind = kind;
}

/* Does nothing but it say what it holds? */
static bool is_owed(const struct file *f)
{
	return !f->marked && (f->kind == NT_SPOOLFILE_WAITING || f->kind == NT_SPOOLFILE_REJECTED);
}

/* What only it had is not to be had any more. */
static void lose(struct nt_spool *s, struct file *f)
{
	struct note *note = NT_TAKE_PTR(f->note);

	if (!is_owed(f)) {
		free_note(s, note);
		return;
	}
	s->stats.lost++;
	if (!note) {
		s->stats.lost_unnoted++;
		return;
	}
	note->next = s->lost;
	s->lost = note;
}

/* The newest file that holds a state; NULL when there is none. */
static struct file *newest(const struct nt_spool *s)
{
	for (size_t i = s->len; i > 0; i--)
		if (s->files[i - 1].kind != NT_SPOOLFILE_TORN)
			return &s->files[i - 1];
	return NULL;
}

/* --- opening ---------------------------------------------------------------------------------- */

static int compare_files(const void *a, const void *b)
{
	const struct file *x = a, *y = b;

	return (x->seq > y->seq) - (x->seq < y->seq);
}

static int scan(struct nt_spool *s, struct nt_err *err)
{
	int fd = openat(s->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	_cleanup_closedir_ DIR *dir = fd == -1 ? NULL : fdopendir(fd);
	struct dirent *d;

	if (!dir) {
		int code = errno;

		nt_closep(&fd);
		return nt_err_sys(err, code, "list %s", s->path);
	}
	while ((d = readdir(dir))) {
		struct file f = { 0 };
		struct stat st;

		if (strstr(d->d_name, ".tmp.")) /* a write that a crash cut off */
			(void)unlinkat(s->dir_fd, d->d_name, 0);
		if (!nt_spoolfile_parse(d->d_name, &f.seq, &f.kind) ||
		    fstatat(s->dir_fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue;
		f.bytes = (uint64_t)st.st_size;
		if (!append(s, f))
			return nt_err_set(err, ENOMEM, "no memory for the spool's index");
	}
	if (s->len)
		qsort(s->files, s->len, sizeof(*s->files), compare_files);
	s->next = s->len ? s->files[s->len - 1].seq + 1 : 1;
	return 0;
}

static bool is_uuid(struct nt_slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;

		if (dash ? text.p[i] != '-' : !strchr("0123456789abcdef", text.p[i]))
			return false;
	}
	return text.len == UUID_LEN;
}

/* Version 4, RFC 9562. */
static int make_uuid(char out[UUID_LEN + 1], struct nt_err *err)
{
	uint8_t r[16];

	if (getrandom(r, sizeof(r), 0) != sizeof(r))
		return nt_err_sys(err, errno, "getrandom");
	r[6] = (r[6] & 0x0f) | 0x40;
	r[8] = (r[8] & 0x3f) | 0x80;
	for (size_t i = 0, at = 0; i < sizeof(r); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			out[at++] = '-';
		snprintf(out + at, 3, "%02x", r[i]);
		at += 2;
	}
	return 0;
}

static int load_uuid(struct nt_spool *s, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	int r = nt_file_read_at(s->dir_fd, "uuid", 4096, &text, err);

	if (r == 0 && text.len == UUID_LEN + 1 && text.p[UUID_LEN] == '\n' &&
	    is_uuid(nt_slice_mem(text.p, UUID_LEN))) {
		memcpy(s->uuid, text.p, UUID_LEN);
		s->fresh = false;
		return 0;
	}
	if (r < 0 && r != -ENOENT && r != -EFBIG)
		return r;
	s->fresh = true;
	r = make_uuid(s->uuid, err);
	if (r < 0)
		return r;
	nt_buf_reset(&text);
	nt_buf_printf(&text, "%s\n", s->uuid);
	return nt_file_replace_at(s->dir_fd, "uuid", nt_slice_mem(text.p, text.len), 0600, err);
}

static int open_folder(struct nt_spool *s, struct nt_err *err)
{
	int r = nt_file_mkdirs(s->path, 0700, err);

	if (r < 0)
		return r;
	nt_closep(&s->dir_fd);
	s->dir_fd = open(s->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dir_fd == -1)
		return nt_err_sys(err, errno, "open %s", s->path);
	if (flock(s->dir_fd, LOCK_EX | LOCK_NB) == -1)
		return errno == EWOULDBLOCK
			       ? nt_err_set(err, EBUSY, "another agent is running on it")
			       : nt_err_sys(err, errno, "lock");
	s->len = 0;
	s->stats.bytes = 0;
	r = load_uuid(s, err);
	return r < 0 ? r : scan(s, err);
}

/* The batch that is being sent goes into the new folder, under the old UUID, which is in its
 * octets: whoever sends it once more does not store it twice. Where that fails it is in memory. */
static bool send_again(struct nt_spool *s, struct file f)
{
	struct nt_err err;
	int r = nt_spoolfile_write(s->dir_fd, f.seq, s->sent_batch, s->sent_state, &err);

	f.bytes = r < 0 ? 0 : nt_spoolfile_bytes(s->sent_batch, s->sent_state);
	if (!append(s, f))
		return false;
	qsort(s->files, s->len, sizeof(*s->files), compare_files);
	return true;
}

/* A file that was there when the folder went: there again (somebody put a copy back), being sent,
 * or lost. */
static void find_again(struct nt_spool *s, struct file *old)
{
	struct file *f = find(s, old->seq);
	bool sending = old->kind == NT_SPOOLFILE_WAITING && !old->marked && !old->held &&
		       old->seq == s->sending;

	if (f && f->kind == old->kind) {
		f->marked = old->marked;
		f->held = old->held;
		f->doubtful = old->doubtful;
		f->note = old->note;
	} else if (!sending || !send_again(s, *old)) {
		lose(s, old);
	}
}

/* The folder was removed. Numbers go on, because uploads and gone pods are known by them. */
static int reopen(struct nt_spool *s, struct nt_err *err)
{
	_cleanup_free_ struct file *old = NT_TAKE_PTR(s->files);
	size_t len = s->len;
	uint64_t next = s->next;
	int r;

	s->len = s->cap = 0;
	r = open_folder(s, err);
	for (size_t i = 0; i < len; i++)
		find_again(s, &old[i]);
	if (s->next < next)
		s->next = next;
	return r;
}

/* --- files ------------------------------------------------------------------------------------ */

/* Keeps `part` of the file that was read into out. */
static void keep(struct nt_buf *out, struct nt_slice part)
{
	memmove(out->p, part.p, part.len);
	out->len = part.len;
	out->p[out->len] = '\0';
}

static void set_aside(struct nt_spool *s, struct file *f)
{
	lose(s, f);
	change_kind(s, f, NT_SPOOLFILE_TORN);
	s->stats.torn++;
}

int nt_spool_open(const struct nt_spool_config *config, struct nt_spool **ret_spool,
		  struct nt_err *err)
{
	struct nt_spool *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return nt_err_set(err, ENOMEM, "no memory for the spool");
	s->config = *config;
	s->dir_fd = -1;
	s->path = strdup(config->path);
	r = s->path ? open_folder(s, err) : nt_err_set(err, ENOMEM, "no memory for the spool");
	if (r < 0) {
		nt_spool_close(s);
		return nt_err_wrap(err, "spool %s", config->path);
	}
	*ret_spool = s;
	return 0;
}

void nt_spool_close(struct nt_spool *s)
{
	if (!s)
		return;
	nt_closep(&s->dir_fd);
	for (size_t i = 0; i < s->len; i++)
		free(s->files[i].note);
	free(s->files);
	while (s->lost)
		nt_spool_lost_done(s);
	nt_buf_done(&s->sent);
	free(s->path);
	free(s);
}

const char *nt_spool_uuid(const struct nt_spool *s)
{
	return s->uuid;
}

bool nt_spool_is_fresh(const struct nt_spool *s)
{
	return s->fresh;
}

uint64_t nt_spool_next(const struct nt_spool *s)
{
	return s->next;
}

int nt_spool_state(struct nt_spool *s, struct nt_buf *out, struct nt_err *err)
{
	struct nt_slice batch, state;
	struct file *f;

	while ((f = newest(s))) {
		int r = nt_spoolfile_read(s->dir_fd, f->seq, f->kind, out, &batch, &state, err);

		if (r == 0) {
			keep(out, state);
			return 0;
		}
		if (r != -EBADMSG)
			return r;
		set_aside(s, f);
	}
	return nt_err_set(err, ENOENT, "the spool has no batch");
}

bool nt_spool_is_gone(const struct nt_spool *s)
{
	struct stat ours, there;

	return fstat(s->dir_fd, &ours) == -1 || stat(s->path, &there) == -1 ||
	       ours.st_ino != there.st_ino || ours.st_dev != there.st_dev ||
	       faccessat(s->dir_fd, "uuid", F_OK, 0) == -1;
}

static void drop_old_done(struct nt_spool *s)
{
	for (size_t i = s->len; i > 0; i--)
		if (s->files[i - 1].kind == NT_SPOOLFILE_DONE && i < s->len)
			drop(s, &s->files[i - 1]);
}

int nt_spool_write(struct nt_spool *s, struct nt_slice batch, struct nt_slice state,
		   struct nt_err *err)
{
	struct file f = { .seq = s->next, .bytes = nt_spoolfile_bytes(batch, state) };
	int r;

	if (nt_spool_is_gone(s)) {
		r = reopen(s, err);
		return r < 0 ? r : nt_err_set(err, ESTALE, "%s was removed", s->path);
	}
	if (s->len == s->cap && !grow(s))
		return nt_err_set(err, ENOMEM, "no memory to write a batch");
	r = nt_spoolfile_write(s->dir_fd, f.seq, batch, state, err);
	if (r < 0)
		return r;
	(void)append(s, f);
	s->next++;
	s->stats.written++;
	drop_old_done(s);
	return 0;
}

/* --- the queue -------------------------------------------------------------------------------- */

uint64_t nt_spool_head(const struct nt_spool *s)
{
	for (size_t i = 0; i < s->len; i++)
		if (s->files[i].kind == NT_SPOOLFILE_WAITING && !s->files[i].marked &&
		    !s->files[i].held)
			return s->files[i].seq;
	return 0;
}

/* Reads one file; what is damaged or not there is lost. */
static int read_file(struct nt_spool *s, uint64_t seq, struct nt_buf *out,
		     struct nt_slice *ret_batch, struct nt_slice *ret_state, struct nt_err *err)
{
	struct file *f = find(s, seq);
	int r;

	if (!f)
		return nt_err_set(err, ENOENT, "batch %llu is not in the spool",
				  (unsigned long long)seq);
	r = nt_spoolfile_read(s->dir_fd, seq, f->kind, out, ret_batch, ret_state, err);
	if (r == -EBADMSG) {
		set_aside(s, f);
	} else if (r == -ENOENT) {
		lose(s, f);
		drop(s, f);
	}
	return r;
}

int nt_spool_read(struct nt_spool *s, uint64_t seq, struct nt_buf *out, struct nt_err *err)
{
	struct nt_slice batch, state;
	int r = read_file(s, seq, out, &batch, &state, err);

	if (r == 0)
		keep(out, batch);
	return r;
}

int nt_spool_read_state(struct nt_spool *s, uint64_t seq, struct nt_buf *out, struct nt_err *err)
{
	struct nt_slice batch, state;
	int r = read_file(s, seq, out, &batch, &state, err);

	if (r == 0)
		keep(out, state);
	return r;
}

void nt_spool_acknowledge(struct nt_spool *s, uint64_t seq)
{
	struct file *f = find(s, seq);

	if (!f || f->kind != NT_SPOOLFILE_WAITING)
		return;
	s->stats.acknowledged++;
	if (f == newest(s))
		change_kind(s, f, NT_SPOOLFILE_DONE);
	else
		drop(s, f);
}

int nt_spool_send(struct nt_spool *s, uint64_t seq, struct nt_slice *ret_batch, struct nt_err *err)
{
	int r = 0;

	if (s->sending != seq) {
		s->sending = 0;
		r = read_file(s, seq, &s->sent, &s->sent_batch, &s->sent_state, err);
	}
	if (r < 0)
		return r;
	s->sending = seq;
	*ret_batch = s->sent_batch;
	return 0;
}

/* --- notes ------------------------------------------------------------------------------------ */

bool nt_spool_note(struct nt_spool *s, uint64_t seq, struct nt_slice octets)
{
	struct file *f = find(s, seq);
	struct note *note;

	if (!f)
		return true;
	drop_note(s, f);
	if (s->stats.note_bytes + note_bytes(octets.len) > NOTES_BYTES_MAX)
		return false;
	note = malloc(note_bytes(octets.len));
	if (!note)
		return false;
	note->len = octets.len;
	if (octets.len)
		memcpy(note->octets, octets.p, octets.len);
	f->note = note;
	s->stats.note_bytes += note_bytes(octets.len);
	return true;
}

static bool is_unnoted(const struct file *f)
{
	return !f->note && is_owed(f);
}

uint64_t nt_spool_unnoted(const struct nt_spool *s, uint64_t seq)
{
	for (size_t i = 0; i < s->len; i++)
		if (s->files[i].seq > seq && is_unnoted(&s->files[i]))
			return s->files[i].seq;
	return 0;
}

bool nt_spool_lost(const struct nt_spool *s, struct nt_slice *ret_note)
{
	if (!s->lost)
		return false;
	*ret_note = nt_slice_mem(s->lost->octets, s->lost->len);
	return true;
}

void nt_spool_lost_done(struct nt_spool *s)
{
	struct note *note = s->lost;

	s->lost = note->next;
	free_note(s, note);
}

/* --- what goes -------------------------------------------------------------------------------- */

static void drop_old_rejected(struct nt_spool *s)
{
	size_t kept = 0;

	for (size_t i = s->len; i > 0; i--) {
		struct file *f = &s->files[i - 1];

		if (f->kind == NT_SPOOLFILE_REJECTED && f->marked && f != newest(s) &&
		    ++kept > REJECTED_MAX)
			drop(s, f);
	}
}

void nt_spool_reject(struct nt_spool *s, uint64_t seq)
{
	struct file *f = find(s, seq);

	if (!f || f->kind != NT_SPOOLFILE_WAITING)
		return;
	s->stats.rejected++;
	change_kind(s, f, NT_SPOOLFILE_REJECTED);
}

void nt_spool_hold(struct nt_spool *s, uint64_t seq, bool doubtful)
{
	struct file *f = find(s, seq);

	if (!f)
		return;
	f->held = true;
	f->doubtful = doubtful;
}

uint64_t nt_spool_victim(const struct nt_spool *s, uint64_t more_bytes, bool *ret_rejected)
{
	uint64_t head = nt_spool_head(s), bytes = s->stats.bytes + more_bytes;
	const struct file *last = newest(s);

	for (size_t i = 0; i < s->len; i++) {
		*ret_rejected = s->files[i].kind == NT_SPOOLFILE_REJECTED;
		if (*ret_rejected && !s->files[i].marked)
			return s->files[i].seq;
		if (s->files[i].kind == NT_SPOOLFILE_WAITING && s->files[i].marked)
			bytes -= s->files[i].bytes;
	}
	for (size_t i = 0; i < s->len && bytes > s->config.max_bytes; i++) {
		const struct file *f = &s->files[i];

		if (f->kind == NT_SPOOLFILE_WAITING && !f->marked && !f->doubtful &&
		    f->seq != head && f != last)
			return f->seq;
	}
	return 0;
}

void nt_spool_mark(struct nt_spool *s, uint64_t seq)
{
	struct file *f = find(s, seq);

	if (f)
		f->marked = true;
}

void nt_spool_marked(const struct nt_spool *s, struct nt_buf *out)
{
	for (size_t i = 0; i < s->len; i++)
		if (s->files[i].marked)
			nt_buf_add(out, &s->files[i].seq, sizeof(s->files[i].seq));
}

void nt_spool_sweep(struct nt_spool *s)
{
	for (size_t i = s->len; i > 0; i--) {
		struct file *f = &s->files[i - 1];

		if (!f->marked || f->kind != NT_SPOOLFILE_WAITING || f == newest(s))
			continue;
		s->stats.dropped++;
		drop(s, f);
	}
	drop_old_rejected(s);
}

uint64_t nt_spool_capacity(const struct nt_spool *s)
{
	uint64_t bytes = s->config.max_bytes;
	struct statvfs fs;

	if (fstatvfs(s->dir_fd, &fs) == 0 && (uint64_t)fs.f_blocks * fs.f_frsize < bytes)
		bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
	return bytes;
}

struct nt_spool_stats nt_spool_stats(const struct nt_spool *s)
{
	struct nt_spool_stats stats = s->stats;

	stats.files = 0;
	for (size_t i = 0; i < s->len; i++) {
		const struct file *f = &s->files[i];

		stats.files += f->kind == NT_SPOOLFILE_WAITING;
		stats.held += f->held;
		stats.unnoted += is_unnoted(f);
		stats.held_bytes += f->held ? f->bytes : 0;
	}
	return stats;
}
