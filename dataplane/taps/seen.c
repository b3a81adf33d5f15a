/* SPDX-License-Identifier: Apache-2.0 */
/* Marks of the plugin's calls. */
#include "dataplane/taps/seen.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "dataplane/taps/taps.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"

static void path_of(const char *state_dir, bool via_dropin, enum nt_seen_verb verb,
		    char out[PATH_MAX])
{
	snprintf(out, PATH_MAX, "%s/seen/%s-%s", state_dir ? state_dir : NT_STATE_DIR_DEFAULT,
		 via_dropin ? NT_SEEN_DROPIN : "chain", verb == NT_SEEN_ADD ? "ADD" : "DEL");
}

void nt_seen_put(const char *state_dir, bool via_dropin, enum nt_seen_verb verb)
{
	char path[PATH_MAX];

	path_of(state_dir, via_dropin, verb, path);
	if (utimensat(AT_FDCWD, path, NULL, 0) == -1 && errno == ENOENT) {
		_cleanup_close_ int fd = -1;
		char *slash = strrchr(path, '/');

		*slash = '\0';
		(void)mkdir(path, 0755); /* the state folder is there, or nobody looks */
		*slash = '/';
		fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	}
}

int64_t nt_seen_get(const char *state_dir, bool via_dropin, enum nt_seen_verb verb)
{
	char path[PATH_MAX];
	struct stat st;

	path_of(state_dir, via_dropin, verb, path);
	if (stat(path, &st) == -1)
		return 0;
	return st.st_mtim.tv_sec * NT_NS_PER_S + st.st_mtim.tv_nsec;
}
