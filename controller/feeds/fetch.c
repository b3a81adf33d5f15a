/* SPDX-License-Identifier: Apache-2.0 */
/* A list by HTTP, from a file, or out of a ConfigMap. */
#include "controller/feeds/fetch.h"

#include <curl/curl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "controller/feeds/files.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/escape.h"
#include "lib/http/bearer.h"
#include "lib/http/fence.h"

#define REDIRECTS_MAX 5L

struct request {
	struct nt_feed_fetch *fetch;
	struct nt_feed_list *list;
	CURL *easy;
	struct curl_slist *headers;
	struct nt_buf secret;
	int ca_fd;
	struct nt_fence fence;
	size_t octets;
	struct nt_err list_err; /* why the list was refused */
};

/* --- the request ------------------------------------------------------------------------------ */

static int add_line(struct request *q, const char *name, const char *value, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf line = { 0 };

	if (!value[0])
		return 0;
	nt_buf_printf(&line, "%s: %s", name, value);
	if (!nt_buf_ok(&line))
		return nt_err_set(err, ENOMEM, "no memory for a request");
	return nt_header_add(&q->headers, line.p, err);
}

static int add_secrets(struct request *q, struct nt_err *err)
{
	const struct nt_feed_spec *s = q->fetch->spec;
	struct nt_slice file = s->token_file.len ? s->token_file : s->basic_auth_file;
	int r;

	if (!file.len)
		return 0;
	r = nt_feed_file_secret(q->fetch->files_fd, file, &q->secret, err);
	if (r < 0)
		return r;
	if (s->token_file.len) {
		curl_easy_setopt(q->easy, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		curl_easy_setopt(q->easy, CURLOPT_XOAUTH2_BEARER, q->secret.p);
	} else {
		curl_easy_setopt(q->easy, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(q->easy, CURLOPT_USERPWD, q->secret.p);
	}
	return 0;
}

/* By a path that both of curl's TLS libraries take. */
static int add_authority(struct request *q, struct nt_err *err)
{
	char path[64];

	if (!q->fetch->spec->ca_file.len)
		return 0;
	q->ca_fd = nt_feed_file_open(q->fetch->files_fd, q->fetch->spec->ca_file, err);
	if (q->ca_fd < 0)
		return -err->code;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", q->ca_fd);
	curl_easy_setopt(q->easy, CURLOPT_CAINFO, path);
	curl_easy_setopt(q->easy, CURLOPT_CAPATH, NULL);
	return 0;
}

static long status_of(CURL *easy)
{
	long status = 0;

	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	return status;
}

static size_t take_octets(char *data, size_t size, size_t n, void *ctx)
{
	struct request *q = ctx;
	size_t len = size * n;

	if (status_of(q->easy) != 200)
		return len;
	q->octets += len;
	if (q->octets > NT_FEED_LIST_BYTES_MAX)
		nt_err_set(&q->list_err, EFBIG, "longer than %zu MiB",
			   NT_FEED_LIST_BYTES_MAX >> 20);
	else if (nt_feed_list_push(q->list, nt_slice_mem(data, len), &q->list_err) == 0)
		return len;
	return CURL_WRITEFUNC_ERROR;
}

static void set_options(struct request *q)
{
	const struct nt_feed_spec *s = q->fetch->spec;
	CURL *easy = q->easy;

	nt_fence_put_up(easy, &q->fence);
	curl_easy_setopt(easy, CURLOPT_URL, s->where.p);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, q->headers);
	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 1L);
	curl_easy_setopt(easy, CURLOPT_MAXREDIRS, REDIRECTS_MAX);
	curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR,
			 strncasecmp(s->where.p, "https:", 6) == 0 ? "https" : "http");
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_octets);
	curl_easy_setopt(easy, CURLOPT_WRITEDATA, q);
}

/* --- what came of it -------------------------------------------------------------------------- */

static const char *advice(long status)
{
	if (status == 401 || status == 403)
		return "; look at tokenFile or basicAuthFile";
	if (status == 404 || status == 410)
		return "; look at the URL's path";
	return "";
}

static int fail(const struct request *q, CURLcode code, struct nt_err *err)
{
	if (q->list_err.code) {
		*err = q->list_err;
		return -err->code;
	}
	if (q->fence.why)
		return nt_err_set(err, EACCES,
				  "its address is %s, which a request may not go to unless the "
				  "feed says allowLocal: true",
				  q->fence.why);
	if (code == CURLE_UNSUPPORTED_PROTOCOL)
		return nt_err_set(err, EACCES,
				  "it redirects to another scheme, which is not followed: give the "
				  "address that it leads to");
	if (code == CURLE_PARTIAL_FILE || code == CURLE_RECV_ERROR)
		return nt_err_set(err, EIO, "the list was cut off after %zu octets", q->octets);
	return nt_err_set(err, EIO, "%.200s",
			  q->fence.error[0] ? q->fence.error : curl_easy_strerror(code));
}

/* A list whose end only the end of the connection tells may be half of one. */
static bool says_its_end(CURL *easy)
{
	struct curl_header *h;
	long version = 0;

	curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
	return version >= CURL_HTTP_VERSION_2_0 ||
	       curl_easy_header(easy, "Content-Length", 0, CURLH_HEADER, -1, &h) == CURLHE_OK ||
	       curl_easy_header(easy, "Transfer-Encoding", 0, CURLH_HEADER, -1, &h) == CURLHE_OK;
}

/* One that is too long to be kept is not kept: the list is then read whole each time. */
static void note_header(CURL *easy, const char *name, char *out, size_t size)
{
	struct curl_header *h;

	out[0] = '\0';
	if (curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK &&
	    strlen(h->value) < size)
		snprintf(out, size, "%s", h->value);
}

static int judge(struct request *q, CURLcode code, struct nt_err *err)
{
	struct nt_feed_memo *memo = &q->fetch->memo;
	long status = status_of(q->easy);

	if (code != CURLE_OK)
		return fail(q, code, err);
	if (status == 304 && (memo->etag[0] || memo->modified[0]))
		return 0;
	if (status != 200)
		return nt_err_set(err, EIO, "status %ld%s", status, advice(status));
	if (!says_its_end(q->easy))
		return nt_err_set(err, EIO,
				  "the server says neither Content-Length nor chunks, so half a "
				  "list would be taken for a whole one");
	note_header(q->easy, "ETag", memo->etag, sizeof(memo->etag));
	note_header(q->easy, "Last-Modified", memo->modified, sizeof(memo->modified));
	return nt_feed_list_end(q->list, err) < 0 ? -err->code : 1;
}

static void done(struct request *q)
{
	if (q->secret.p)
		explicit_bzero(q->secret.p, q->secret.cap);
	curl_easy_cleanup(q->easy);
	curl_slist_free_all(q->headers);
	nt_buf_done(&q->secret);
	nt_closep(&q->ca_fd);
}

static int fetch_url(struct nt_feed_fetch *f, struct nt_feed_list *list, struct nt_err *err)
{
	_cleanup_(done) struct request q = { .fetch = f,
					     .list = list,
					     .ca_fd = -1,
					     .fence = { .open = f->spec->allow_local,
							.stop = f->stop },
					     .easy = curl_easy_init() };
	int r = q.easy ? 0 : nt_err_set(err, ENOMEM, "no memory for a request");

	if (r == 0)
		r = add_line(&q, "If-None-Match", f->memo.etag, err);
	if (r == 0)
		r = add_line(&q, "If-Modified-Since", f->memo.modified, err);
	if (r == 0)
		r = add_secrets(&q, err);
	if (r == 0)
		r = add_authority(&q, err);
	if (r < 0)
		return r;
	set_options(&q);
	return judge(&q, curl_easy_perform(q.easy), err);
}

/* --- what is near ----------------------------------------------------------------------------- */

/* Returns whether it is the file of the last time. */
static bool note_file(const struct stat *st, struct nt_feed_memo *memo)
{
	struct nt_feed_memo now = { .size = st->st_size,
				    .mtime_ns =
					    st->st_mtim.tv_sec * NT_NS_PER_S + st->st_mtim.tv_nsec,
				    .inode = (int64_t)st->st_ino };
	bool same = memo->inode == now.inode && memo->size == now.size &&
		    memo->mtime_ns == now.mtime_ns;

	*memo = now;
	return same;
}

static int push_file(int fd, struct nt_feed_list *list, struct nt_err *err)
{
	char octets[16384];
	size_t all = 0;
	ssize_t n;

	while ((n = NT_RETRY(read(fd, octets, sizeof(octets)))) > 0) {
		all += (size_t)n;
		if (all > NT_FEED_LIST_BYTES_MAX)
			return nt_err_set(err, EFBIG, "longer than %zu MiB",
					  NT_FEED_LIST_BYTES_MAX >> 20);
		if (nt_feed_list_push(list, nt_slice_mem(octets, (size_t)n), err) < 0)
			return -err->code;
	}
	return n == -1 ? nt_err_sys(err, errno, "read") : 0;
}

static int fetch_file(struct nt_feed_fetch *f, struct nt_feed_list *list, struct nt_err *err)
{
	_cleanup_close_ int fd = nt_feed_file_open(f->files_fd, f->spec->where, err);
	struct nt_feed_memo before;
	struct stat st;
	int r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) == -1)
		return nt_err_sys(err, errno, "stat");
	if (!S_ISREG(st.st_mode))
		return nt_err_set(err, EINVAL, "%s is no file", f->spec->where.p);
	if (note_file(&st, &f->memo))
		return 0;
	before = f->memo;
	r = push_file(fd, list, err);
	if (r == 0 && (fstat(fd, &st) == -1 || !note_file(&st, &before)))
		return nt_err_set(err, EAGAIN,
				  "%s was written while it was read: rename a new file over it",
				  f->spec->where.p);
	if (r == 0)
		r = nt_feed_list_end(list, err);
	return r < 0 ? r : 1;
}

int nt_feed_fetch(struct nt_feed_fetch *f, struct nt_feed_list *list, struct nt_err *err)
{
	int r;

	if (f->spec->source == NT_FEED_URL)
		r = fetch_url(f, list, err);
	else if (f->spec->source == NT_FEED_FILE)
		r = fetch_file(f, list, err);
	else if (nt_feed_list_push(list, f->text, err) < 0 || nt_feed_list_end(list, err) < 0)
		r = -err->code;
	else
		r = 1;
	if (r < 0)
		nt_escape_ascii(err->msg);
	return r;
}
