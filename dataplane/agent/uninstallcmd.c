/* SPDX-License-Identifier: Apache-2.0 */
/* `nametap-agent uninstall`. */
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/agent/uninstall.h"
#include "dataplane/installer/record.h"
#include "dataplane/installer/users.h"
#include "dataplane/taps/taps.h"

static const char usage[] =
	"usage: nametap-agent uninstall [options]\n"
	"Takes nametap off this node: our entry out of the network configurations, the programs\n"
	"off the links, pins and state, the plugin. Pods go on; no DEL fails. Ends when an agent\n"
	"is running here: that one would install again.\n\n"
	"  --dry-run             says what it would do, and does nothing\n"
	"  --purge               the spool, too: what was not shipped is lost\n"
	"  --install-record FILE what was installed (default " NT_INSTALL_RECORD_DEFAULT ")\n"
	"  --host-root DIR       the host's root, where it is not our own\n"
	"  --pin-root DIR        (default " NT_PIN_ROOT_DEFAULT ")\n"
	"  --state-dir DIR       (default " NT_STATE_DIR_DEFAULT ")\n"
	"  --spool DIR           (default /var/lib/nametap/spool)\n"
	"  --cni-cache DIR       attachments that need the plugin at their end are found there\n"
	"                        (default " NT_USERS_CACHE_DIR " below --host-root; none: no\n"
	"                        attachment needs it)\n"
	"  --help\n";

enum {
	OPT_DRY_RUN = 1,
	OPT_PURGE,
	OPT_RECORD,
	OPT_HOST_ROOT,
	OPT_PIN_ROOT,
	OPT_STATE_DIR,
	OPT_SPOOL,
	OPT_CNI_CACHE,
	OPT_HELP,
};

static const struct option longopts[] = {
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "purge", no_argument, NULL, OPT_PURGE },
	{ "install-record", required_argument, NULL, OPT_RECORD },
	{ "host-root", required_argument, NULL, OPT_HOST_ROOT },
	{ "pin-root", required_argument, NULL, OPT_PIN_ROOT },
	{ "state-dir", required_argument, NULL, OPT_STATE_DIR },
	{ "spool", required_argument, NULL, OPT_SPOOL },
	{ "cni-cache", required_argument, NULL, OPT_CNI_CACHE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

static void take(struct nt_uninstall *u, int code, const char *value)
{
	const char **const texts[] = {
		[OPT_RECORD] = &u->record,     [OPT_HOST_ROOT] = &u->host_root,
		[OPT_PIN_ROOT] = &u->pin_root, [OPT_STATE_DIR] = &u->state_dir,
		[OPT_SPOOL] = &u->spool,       [OPT_CNI_CACHE] = &u->cni_cache,
	};

	if (code == OPT_DRY_RUN)
		u->dry_run = true;
	else if (code == OPT_PURGE)
		u->purge = true;
	else
		*texts[code] = value;
}

static void say(const char *line)
{
	puts(line);
}

int nt_uninstall_main(int argc, char **argv)
{
	static char cache[PATH_MAX];
	struct nt_uninstall u = { .record = NT_INSTALL_RECORD_DEFAULT,
				  .host_root = "",
				  .pin_root = NT_PIN_ROOT_DEFAULT,
				  .state_dir = NT_STATE_DIR_DEFAULT,
				  .spool = "/var/lib/nametap/spool",
				  .cni_cache = cache };
	struct nt_err err;
	int code;

	opterr = 0;
	while ((code = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (code == OPT_HELP) {
			fputs(usage, stdout);
			return 0;
		}
		if (code == '?') {
			fprintf(stderr,
				"nametap-agent uninstall: %s: unknown option or missing "
				"value (see --help)\n",
				argv[optind - 1]);
			return 2;
		}
		take(&u, code, optarg);
	}
	if (optind < argc) {
		fprintf(stderr, "nametap-agent uninstall: unexpected argument \"%s\"\n",
			argv[optind]);
		return 2;
	}
	snprintf(cache, sizeof(cache), "%s" NT_USERS_CACHE_DIR, u.host_root);
	if (strcmp(u.cni_cache, "none") == 0)
		u.cni_cache = NULL;
	if (nt_uninstall(&u, say, &err) < 0) {
		fprintf(stderr, "nametap-agent uninstall: %s\n", err.msg);
		return 1;
	}
	return 0;
}
