/* SPDX-License-Identifier: Apache-2.0 */
/* A set in a file: a header, the origin, and the keys as they stand in memory. */
#include "lib/feed/kept.h"

#include <fcntl.h>
#include <libdeflate.h>
#include <sys/stat.h>

#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/feed/run.h"

/* Its last octet is the version. */
static const uint32_t MAGIC = 0x6e744601;

/* In host byte order. */
struct header {
	uint32_t magic;
	uint32_t crc; /* of all behind it */
	uint32_t origin_len;
	uint32_t octets_len;
	uint64_t len; /* entries */
	int64_t read_us;
};

static uint32_t crc_of(const struct header *h, struct nt_slice origin, struct nt_slice octets)
{
	const char *from = (const char *)&h->origin_len;
	uint32_t crc = libdeflate_crc32(0, from, (size_t)((const char *)(h + 1) - from));

	crc = libdeflate_crc32(crc, origin.p, origin.len);
	return libdeflate_crc32(crc, octets.p, octets.len);
}

int nt_feed_kept_write(int dir_fd, const char *path, const struct nt_feed_set *s,
		       struct nt_slice origin, int64_t read_us, struct nt_err *err)
{
	struct nt_slice octets = nt_feed_set_octets(s);
	struct header h = { .magic = MAGIC,
			    .origin_len = (uint32_t)origin.len,
			    .octets_len = (uint32_t)octets.len,
			    .len = nt_feed_set_len(s),
			    .read_us = read_us };
	const struct nt_slice parts[] = { nt_slice_mem(&h, sizeof(h)), origin, octets };

	if (origin.len > NT_FEED_ORIGIN_MAX)
		return nt_err_set(err, EINVAL, "%s: an origin of %zu octets, %d at most", path,
				  origin.len, NT_FEED_ORIGIN_MAX);
	h.crc = crc_of(&h, origin, octets);
	return nt_file_replace_parts_at(dir_fd, path, parts, NT_ARRAY_LEN(parts), 0600, err);
}

/* All of `len` octets, or -EBADMSG. */
static int read_all(int fd, void *to, size_t len, struct nt_err *err)
{
	while (len) {
		ssize_t n = NT_RETRY(read(fd, to, len));

		if (n == -1)
			return nt_err_sys(err, errno, "read");
		if (n == 0)
			return nt_err_set(err, EBADMSG, "cut off");
		to = (char *)to + n;
		len -= (size_t)n;
	}
	return 0;
}

static int read_header(int fd, struct nt_slice origin, struct header *ret_header,
		       struct nt_err *err)
{
	char kept[NT_FEED_ORIGIN_MAX];
	struct stat st;
	int r = read_all(fd, ret_header, sizeof(*ret_header), err);

	if (r < 0)
		return r;
	if (ret_header->magic != MAGIC || ret_header->origin_len > sizeof(kept))
		return nt_err_set(err, EBADMSG, "no feed of this version and byte order");
	if (fstat(fd, &st) == -1)
		return nt_err_sys(err, errno, "stat");
	if ((uint64_t)st.st_size !=
	    sizeof(*ret_header) + (uint64_t)ret_header->origin_len + ret_header->octets_len)
		return nt_err_set(err, EBADMSG, "%lld octets long, which is not what it says",
				  (long long)st.st_size);
	r = read_all(fd, kept, ret_header->origin_len, err);
	if (r == 0 && !nt_slice_eq(origin, nt_slice_mem(kept, ret_header->origin_len)))
		return nt_err_set(err, ESTALE, "of another origin");
	return r;
}

/* Labels, and at most one octet 0 behind them: what nt_feed_key_from() makes. */
static bool is_key(const struct nt_feed_key *key)
{
	size_t at = 0;

	while (at < key->len && key->octets[at] && key->octets[at] < 64)
		at += key->octets[at] + 1u;
	return at && (at == key->len || (at + 1 == key->len && !key->octets[at]));
}

/* Whether it holds so many keys, each as it may stand there and above the one before it. */
static bool are_keys(struct nt_slice octets, uint64_t len)
{
	const uint8_t *at = (const uint8_t *)octets.p, *end = at + octets.len;
	struct nt_feed_key before = { 0 }, key = { 0 };

	for (; at < end && len; len--, before = key) {
		if (end - at < 2 || end - at - 2 < at[1] || at[0] > key.len ||
		    at[0] + at[1] > NT_FEED_KEY_MAX)
			return false;
		at = nt_feed_key_read(at, &key);
		if (!is_key(&key) ||
		    nt_feed_key_compare(before.octets, before.len, key.octets, key.len) >= 0)
			return false;
	}
	return at == end && !len;
}

static int read_set(int fd, struct nt_slice origin, const struct header *h,
		    struct nt_feed_limits limits, struct nt_feed_run *run,
		    struct nt_feed_set **ret_set, struct nt_err *err)
{
	struct nt_feed_run *heap[1];
	struct nt_feed_merge keys;
	struct nt_slice octets;
	int r;

	if (h->octets_len > limits.bytes_max || h->len > limits.names_max)
		return nt_err_set(err, E2BIG, "%llu names in %u octets, %zu in %zu at most",
				  (unsigned long long)h->len, h->octets_len, limits.names_max,
				  limits.bytes_max);
	if (nt_feed_area_map(&run->area, h->octets_len, err) < 0)
		return -err->code;
	r = read_all(fd, run->area.p, h->octets_len, err);
	if (r < 0)
		return r;
	octets = nt_slice_mem(run->area.p, h->octets_len);
	if (crc_of(h, origin, octets) != h->crc || !are_keys(octets, h->len))
		return nt_err_set(err, EBADMSG, "damaged: the checksum or the names are wrong");
	run->octets_len = h->octets_len;
	nt_feed_merge_init(&keys, run, 1, heap);
	return nt_feed_set_new(&keys, h->len, h->octets_len, limits.bytes_max, ret_set, err);
}

int nt_feed_kept_read(int dir_fd, const char *path, struct nt_slice origin,
		      struct nt_feed_limits limits, struct nt_feed_set **ret_set,
		      int64_t *ret_read_us, struct nt_err *err)
{
	_cleanup_close_ int fd = (int)NT_RETRY(openat(dir_fd, path, O_RDONLY | O_CLOEXEC));
	struct nt_feed_run run = { 0 };
	struct header h;
	int r;

	if (fd == -1)
		return nt_err_sys(err, errno, "open %s", path);
	r = read_header(fd, origin, &h, err);
	if (r == 0)
		r = read_set(fd, origin, &h, limits, &run, ret_set, err);
	nt_feed_run_done(&run);
	if (r < 0)
		return nt_err_wrap(err, "%s", path);
	*ret_read_us = h.read_us;
	return 0;
}
