/* SPDX-License-Identifier: Apache-2.0 */
/* nametap-agent: options, pinned objects, loop. */
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "dataplane/agent/daemon.h"
#include "dataplane/agent/nodelock.h"
#include "dataplane/agent/uninstall.h"
#include "dataplane/doctor/doctor.h"
#include "dataplane/installer/command.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"

#define VERSION "0.1.0"
#define MMAP_THRESHOLD_BYTES (128 << 10)

/* Through our log, one level lower: what libbpf warns of, we report as an error of our own. */
static int libbpf_log(enum libbpf_print_level level, const char *format, va_list ap)
{
	char line[512];

	if (level == LIBBPF_DEBUG)
		return 0;
	vsnprintf(line, sizeof(line), format, ap);
	line[strcspn(line, "\n")] = '\0';
	nt_log_debug("libbpf: %s", line);
	return 0;
}

static void close_taps(struct nt_taps **taps)
{
	nt_taps_close(*taps);
}

/* What was asked for and is not so. */
static void tell_loadkeys(const struct nt_loadkeys *said, const struct nt_meta *meta)
{
	struct nt_loadkeys pinned = nt_loadkeys_of(meta), due = nt_loadkeys_decide(said, &pinned);
	char text[NT_LOADKEYS_TEXT];

	nt_loadkeys_format(&pinned, text);
	nt_log_info("programs: epoch %u, version %u%s; %s", meta->epoch, meta->object_version,
		    meta->object_version > NT_OBJECT_VERSION ? ", newer than this agent's" : "",
		    text);
	if (!nt_loadkeys_same_ports(&due, &pinned))
		nt_log_warn("--plugin-config says other ports: programs of a newer agent are "
			    "pinned and stay; start that one with these ports");
	if (said->ring_bytes && said->ring_bytes != pinned.ring_bytes)
		nt_log_warn(
			"--plugin-config says a ring of %u KiB: the ring is made once, when the "
			"objects are loaded first; for another one restart the node, or take "
			"nametap off it (nametap-agent uninstall) and start it again",
			said->ring_bytes / 1024);
}

static int run(const struct nt_options *o, bool *ret_uninstall, struct nt_err *err)
{
	_cleanup_(close_taps) struct nt_taps *taps = NULL;
	struct nt_meta meta;
	struct nt_taps_config config = {
		.pin_root = o->pin_root, .state_dir = o->state_dir, .load = o->load, .upgrade = true
	};
	int r = nt_taps_open(&config, &taps, err);

	if (r < 0)
		return r;
	meta = nt_taps_meta(taps);
	if (nt_taps_layouts(taps))
		nt_log_info("the objects of another ABI version were taken over; events of theirs "
			    "that wait in the ring are read");
	tell_loadkeys(&o->load, &meta);
	return nt_daemon_run(o, taps, ret_uninstall, err);
}

/* Before anything is touched, and to the end of the process: an uninstall behind run() has it. */
static int lock_node(const struct nt_options *o, int *ret_fd, struct nt_err *err)
{
	int r = nt_file_mkdirs(o->spool, 0700, err);

	return r < 0 ? nt_err_wrap(err, "spool folder %s", o->spool)
		     : nt_nodelock_take(o->spool, ret_fd, err);
}

static void say(const char *line)
{
	nt_log_info("uninstall: %s", line);
}

/* The API has said that nametap is taken off. */
static int leave(const struct nt_options *o, struct nt_err *err)
{
	const struct nt_uninstall u = { .record = o->install_record,
					.host_root = o->host_root,
					.pin_root = o->pin_root,
					.state_dir = o->state_dir,
					.spool = o->spool,
					.cni_cache = o->users_cache,
					.purge = o->purge,
					.has_lock = true };
	int r = nt_uninstall(&u, say, err);

	return r < 0 ? nt_err_wrap(err, "uninstall (nametap-agent uninstall goes on with it)") : 0;
}

int main(int argc, char **argv)
{
	_cleanup_close_ int lock = -1;
	struct nt_options options;
	bool uninstall = false;
	struct nt_err err;
	int r;

	if (argc > 1 && strcmp(argv[1], "uninstall") == 0)
		return nt_uninstall_main(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "install") == 0)
		return nt_install_command(argc - 1, argv + 1);
	if (argc > 1 && strcmp(argv[1], "doctor") == 0)
		return nt_doctor_command(argc - 1, argv + 1);
	r = nt_options_parse(argc, argv, &options, &err);
	if (r == NT_OPTIONS_HELP || r == NT_OPTIONS_VERSION) {
		fputs(r == NT_OPTIONS_HELP ? nt_options_usage : "nametap-agent " VERSION "\n",
		      stdout);
		return 0;
	}
	if (r < 0) {
		fprintf(stderr, "nametap-agent: %s (see --help)\n", err.msg);
		return 2;
	}
	/* What a flush needs is large and short-lived: it goes back to the system at once, and does
	 * not make the threshold grow. */
	(void)mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, MMAP_THRESHOLD_BYTES);
	nt_log_init("nametap-agent", options.log_level);
	libbpf_set_print(libbpf_log);
	signal(SIGPIPE, SIG_IGN);
	r = lock_node(&options, &lock, &err);
	if (r == 0)
		r = run(&options, &uninstall, &err);
	if (r < 0)
		nt_log_error("%s", err.msg);
	/* Also when the last batch could not be written: nobody else takes nametap off. */
	if (uninstall && leave(&options, &err) < 0) {
		nt_log_error("%s", err.msg);
		r = -err.code;
	}
	return r < 0 ? 1 : 0;
}
