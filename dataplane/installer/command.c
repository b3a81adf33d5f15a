/* SPDX-License-Identifier: Apache-2.0 */
/* `nametap-agent install`. */
#include "dataplane/installer/command.h"

#include <getopt.h>
#include <stdbool.h>
#include <time.h>

#include "dataplane/installer/installer.h"
#include "dataplane/installer/record.h"
#include "dataplane/taps/taps.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/log.h"

/* Somebody may be writing the configuration just now. */
#define TRIES_NS (5 * NT_NS_PER_S)

static const char usage[] =
	"usage: nametap-agent install [--dry-run] [options]\n"
	"Puts the plugin into this node's CNI chain, once: the program into the runtime's folder,\n"
	"our entry at the end of the configuration that the runtime uses. Nothing else in it is\n"
	"changed. The daemon does the same, and keeps it so, with the option --install.\n\n"
	"  --dry-run             print before and after of each file; write nothing\n"
	"  --host-root DIR       the host's root, as this container sees it (default /)\n"
	"  --cni-conf-dir DIR    the runtime's configurations, on the host (default: found)\n"
	"  --cni-bin-dir DIR     the runtime's plugins, on the host (default: found)\n"
	"  --plugin FILE         the plugin's program (default: nametap beside this one)\n"
	"  --plugin-config JSON  more keys of our entry, for example "
	"'{\"onAttachError\": \"Fail\"}'\n"
	"  --install-record FILE what was installed (default " NT_INSTALL_RECORD_DEFAULT ")\n"
	"  --pin-root DIR        as the agent has it (default " NT_PIN_ROOT_DEFAULT ")\n"
	"  --state-dir DIR       as the agent has it (default " NT_STATE_DIR_DEFAULT ")\n"
	"  --help\n";

enum option_code {
	OPT_DRY_RUN = 1,
	OPT_HOST_ROOT,
	OPT_CONF_DIR,
	OPT_BIN_DIR,
	OPT_PLUGIN,
	OPT_PLUGIN_CONFIG,
	OPT_RECORD,
	OPT_PIN_ROOT,
	OPT_STATE_DIR,
	OPT_HELP,
};

static const struct option longopts[] = {
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "host-root", required_argument, NULL, OPT_HOST_ROOT },
	{ "cni-conf-dir", required_argument, NULL, OPT_CONF_DIR },
	{ "cni-bin-dir", required_argument, NULL, OPT_BIN_DIR },
	{ "plugin", required_argument, NULL, OPT_PLUGIN },
	{ "plugin-config", required_argument, NULL, OPT_PLUGIN_CONFIG },
	{ "install-record", required_argument, NULL, OPT_RECORD },
	{ "pin-root", required_argument, NULL, OPT_PIN_ROOT },
	{ "state-dir", required_argument, NULL, OPT_STATE_DIR },
	{ "help", no_argument, NULL, OPT_HELP },
	{ 0 },
};

/* False for what is no option. */
static bool take(int code, const char *value, struct nt_installer_config *c)
{
	const char **to[] = {
		[OPT_HOST_ROOT] = &c->host_root, [OPT_CONF_DIR] = &c->conf_dir,
		[OPT_BIN_DIR] = &c->bin_dir,	 [OPT_PLUGIN] = &c->plugin,
		[OPT_RECORD] = &c->record,	 [OPT_PLUGIN_CONFIG] = &c->plugin_config,
		[OPT_PIN_ROOT] = &c->pin_root,	 [OPT_STATE_DIR] = &c->state_dir,
	};

	if (code == OPT_DRY_RUN) {
		c->dry_run = true;
		c->show = stdout;
		return true;
	}
	if (code < 0 || (size_t)code >= NT_ARRAY_LEN(to) || !to[code] || !value[0])
		return false;
	*to[code] = value;
	return true;
}

static void free_installer(struct nt_installer **i)
{
	nt_installer_free(*i);
}

static int run(const struct nt_installer_config *config)
{
	_cleanup_(free_installer) struct nt_installer *i = NULL;
	struct nt_clock clock = nt_clock_system();
	int64_t until = nt_clock_boot(&clock) + TRIES_NS;
	enum nt_install_state state;
	struct nt_err err;

	if (nt_installer_new(config, &i, &err) < 0) {
		fprintf(stderr, "nametap-agent: %s\n", err.msg);
		return 1;
	}
	for (;;) {
		int64_t now = nt_clock_boot(&clock);
		int64_t wait = nt_installer_round(i, now, &err);
		struct timespec pause = { .tv_sec = wait / NT_NS_PER_S,
					  .tv_nsec = wait % NT_NS_PER_S };

		state = nt_installer_stats(i).state;
		if (state != NT_INSTALL_HALF || now + wait > until)
			break;
		(void)nanosleep(&pause, NULL);
	}
	printf("%s%s%s\n", nt_install_state_names[state], err.msg[0] ? ": " : "", err.msg);
	return state == NT_INSTALL_READY ? 0 : 1;
}

int nt_install_command(int argc, char **argv)
{
	struct nt_installer_config config = { 0 };
	int code;

	nt_log_init("nametap-agent", NT_LOG_WARN);
	opterr = 0;
	while ((code = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		if (code == OPT_HELP) {
			fputs(usage, stdout);
			return 0;
		}
		if (!take(code, optarg, &config)) {
			fprintf(stderr,
				"nametap-agent install: %s: unknown option or missing value (see "
				"--help)\n",
				argv[optind - 1]);
			return 2;
		}
	}
	if (optind < argc) {
		fprintf(stderr, "nametap-agent install: unexpected argument \"%s\"\n",
			argv[optind]);
		return 2;
	}
	return run(&config);
}
