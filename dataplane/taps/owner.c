/* SPDX-License-Identifier: Apache-2.0 */
/* Whose a pin root is: one host network namespace's, of one boot (T19). */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "dataplane/taps/internal.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"

#define BOOT_ID "/proc/sys/kernel/random/boot_id"

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "0f5e1a2c-...": 32 digits and dashes. */
static bool parse_uuid(const char *text, __u8 out[16])
{
	unsigned n = 0;

	for (; *text && *text != '\n' && n < 32; text++) {
		int digit = hex_digit(*text);

		if (*text == '-')
			continue;
		if (digit < 0)
			return false;
		out[n / 2] = (__u8)(n % 2 ? out[n / 2] | digit : digit << 4);
		n++;
	}
	return n == 32;
}

int nt_taps_owner(struct nt_meta *meta, struct nt_err *err)
{
	_cleanup_buf_ struct nt_buf id = {};
	struct stat st;
	int r;

	if (stat("/proc/self/ns/net", &st) == -1)
		return nt_err_sys(err, errno, "/proc/self/ns/net");
	r = nt_file_read_at(AT_FDCWD, BOOT_ID, 4096, &id, err);
	if (r < 0)
		return r;
	if (!parse_uuid(nt_buf_str(&id), meta->boot_id))
		return nt_err_set(err, EIO, "%s holds no UUID", BOOT_ID);
	meta->owner_netns_ino = st.st_ino;
	meta->owner_netns_dev = st.st_dev;
	return 0;
}

int nt_taps_check_owner(const struct nt_taps *t, const struct nt_meta *meta, struct nt_err *err)
{
	struct nt_meta self = {};
	int r = nt_taps_owner(&self, err);

	if (r < 0)
		return r;
	if (meta->owner_netns_ino == self.owner_netns_ino &&
	    meta->owner_netns_dev == self.owner_netns_dev &&
	    memcmp(meta->boot_id, self.boot_id, sizeof(self.boot_id)) == 0)
		return 0;
	return nt_err_set(err, EEXIST,
			  "pin root %s belongs to network namespace %llu, we are in %llu: give "
			  "each node a pin root of its own, or remove that folder when nobody "
			  "uses it",
			  t->pin_root, (unsigned long long)meta->owner_netns_ino,
			  (unsigned long long)self.owner_netns_ino);
}
