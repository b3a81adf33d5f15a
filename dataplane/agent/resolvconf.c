/* SPDX-License-Identifier: Apache-2.0 */
/* Search domains and servers of a resolv.conf. */
#include "dataplane/agent/resolvconf.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/taps/podinfo.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"

/* A pod's file system that takes longer to give some octets is none to wait for. */
#define PATIENCE_MS 500

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts the next word off; empty at the end. */
static struct nt_slice next_word(struct nt_slice *text)
{
	size_t from = 0, to;

	while (from < text->len && is_blank(text->p[from]))
		from++;
	to = from;
	while (to < text->len && !is_blank(text->p[to]))
		to++;
	struct nt_slice word = nt_slice_mem(text->p + from, to - from);

	*text = nt_slice_mem(text->p + to, text->len - to);
	return word;
}

void nt_searches_parse(struct nt_slice text, struct nt_searches *ret_searches)
{
	struct nt_slice word;

	ret_searches->len = 0;
	while (ret_searches->len < NT_RESOLVCONF_SEARCHES && (word = next_word(&text)).len)
		if (nt_name_parse(word, &ret_searches->names[ret_searches->len]) == 0)
			ret_searches->len++;
}

bool nt_searches_has(const struct nt_searches *s, const struct nt_name *name)
{
	for (size_t i = 0; i < s->len; i++)
		if (nt_name_eq(&s->names[i], name))
			return true;
	return false;
}

static void take_line(struct nt_slice line, struct nt_searches *s)
{
	struct nt_slice word = next_word(&line);

	if (nt_slice_eq(word, NT_SLICE_LIT("search")) || nt_slice_eq(word, NT_SLICE_LIT("domain")))
		nt_searches_parse(line, s);
}

int nt_resolvconf_read(const char *path, struct nt_searches *ret_searches, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf text = { 0 };
	int r;

	ret_searches->len = 0;
	r = nt_file_read_at(AT_FDCWD, path, NT_RESOLVCONF_BYTES, &text, err);
	for (size_t at = 0; r == 0 && at < text.len;) {
		const char *end = memchr(text.p + at, '\n', text.len - at);
		size_t len = end ? (size_t)(end - text.p) - at : text.len - at;

		take_line(nt_slice_mem(text.p + at, len), ret_searches);
		at += len + 1;
	}
	return r;
}

/* name without `svc` in front; false: it does not begin so, or nothing follows. */
static bool below_svc(const struct nt_name *name, struct nt_name *ret_rest)
{
	static const uint8_t svc[4] = { 3, 's', 'v', 'c' };

	if (name->len < sizeof(svc) + 2 || memcmp(name->wire, svc, sizeof(svc)) != 0)
		return false;
	ret_rest->len = (uint8_t)(name->len - sizeof(svc));
	memcpy(ret_rest->wire, name->wire + sizeof(svc), ret_rest->len);
	return true;
}

bool nt_resolvconf_cluster_domain(const char *path, char ret_domain[NT_NAME_TEXT_MAX])
{
	struct nt_searches searches;
	struct nt_name domain;
	struct nt_err err;

	if (nt_resolvconf_read(path, &searches, &err) < 0)
		return false;
	for (size_t i = 0; i < searches.len; i++)
		if (below_svc(&searches.names[i], &domain) && nt_searches_has(&searches, &domain)) {
			(void)nt_name_text(&domain, ret_domain);
			return true;
		}
	return false;
}

/* --- a pod's ---------------------------------------------------------------------------------- */

static void describe_line(struct nt_slice line, struct nt_pod *pod, unsigned *servers)
{
	struct nt_slice word = next_word(&line);

	if (nt_slice_eq(word, NT_SLICE_LIT("nameserver")) && *servers < NT_POD_SERVERS)
		*servers += nt_podinfo_address(next_word(&line), &pod->servers[*servers]);
	if (!nt_slice_eq(word, NT_SLICE_LIT("search")) &&
	    !nt_slice_eq(word, NT_SLICE_LIT("domain")))
		return;
	pod->searches[0] = '\0';
	while ((word = next_word(&line)).len)
		(void)nt_podinfo_add_search(word, pod);
}

void nt_resolvconf_describe(struct nt_slice text, struct nt_pod *pod)
{
	unsigned servers = 0;

	for (size_t at = 0; at < text.len;) {
		const char *end = memchr(text.p + at, '\n', text.len - at);
		size_t len = end ? (size_t)(end - text.p) - at : text.len - at;

		describe_line(nt_slice_mem(text.p + at, len), pod, &servers);
		at += len + 1;
	}
	if (servers || pod->searches[0])
		pod->dns = NT_DNS_FILE;
}

/* In the child: copies the file to `to`. Nothing here may come back into the agent's code. */
static void copy_file(const char *root, int to)
{
	const struct open_how how = { .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY,
				      .resolve = RESOLVE_IN_ROOT };
	_cleanup_close_ int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	_cleanup_close_ int fd = -1;
	char buf[4096];
	struct stat st;
	size_t left = NT_RESOLVCONF_BYTES;
	ssize_t n;

	if (dir != -1)
		fd = (int)syscall(SYS_openat2, dir, "etc/resolv.conf", &how, sizeof(how));
	if (fd == -1 || fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		return;
	while (left && (n = read(fd, buf, left < sizeof(buf) ? left : sizeof(buf))) > 0) {
		if (write(to, buf, (size_t)n) != n)
			return;
		left -= (size_t)n;
	}
}

static int read_until_closed(int fd, struct nt_buf *out, struct nt_err *err)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char buf[4096];

	for (;;) {
		int ready = (int)NT_RETRY(poll(&p, 1, PATIENCE_MS));
		ssize_t n;

		if (ready <= 0)
			return nt_err_set(err, ETIMEDOUT, "resolv.conf of the pod: no answer");
		n = NT_RETRY(read(fd, buf, sizeof(buf)));
		if (n <= 0)
			return n == 0 ? 0 : nt_err_sys(err, errno, "resolv.conf of the pod");
		nt_buf_add(out, buf, (size_t)n);
	}
}

int nt_resolvconf_of_process(const char *proc, pid_t pid, struct nt_pod *pod, struct nt_err *err)
{
	_cleanup_close_ int from = -1;
	_cleanup_buf_ struct nt_buf text = { 0 };
	char root[PATH_MAX];
	int ends[2], r;
	pid_t child;

	snprintf(root, sizeof(root), "%s/%ld/root", proc, (long)pid);
	if (pipe2(ends, O_CLOEXEC) == -1)
		return nt_err_sys(err, errno, "pipe");
	from = ends[0];
	child = fork();
	if (child == 0) {
		copy_file(root, ends[1]);
		_exit(0);
	}
	close(ends[1]);
	if (child == -1)
		return nt_err_sys(err, errno, "fork");
	r = read_until_closed(from, &text, err);
	(void)kill(child, SIGKILL);
	(void)NT_RETRY(waitpid(child, NULL, 0));
	if (r == 0 && (!nt_buf_ok(&text) || !text.len))
		r = nt_err_set(err, ENOENT, "the pod has no resolv.conf");
	if (r == 0)
		nt_resolvconf_describe(nt_slice_mem(text.p, text.len), pod);
	return r;
}
