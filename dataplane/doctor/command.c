/* SPDX-License-Identifier: Apache-2.0 */
/* `nametap-agent doctor`. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "dataplane/doctor/doctor.h"
#include "dataplane/taps/ask.h"
#include "dataplane/taps/taps.h"
#include "lib/base/cleanup.h"
#include "lib/base/file.h"
#include "lib/base/loop.h"

#define ARGUMENTS_MAX 128
#define COMMAND_BYTES_MAX 65536

static const char usage[] =
	"usage: nametap-agent doctor [--json] [options]\n"
	"Looks at this node: kernel, BPF file system, pins, the programs on each pod's link, the "
	"CNI\n"
	"chain, the agent, its spool, the Kubernetes API, the controller and whether it takes our\n"
	"token, clock, cluster domain, loss. Each line is ok, warn or fail, and says what to "
	"do.\n\n"
	"Without options it takes those of the agent that runs here, so in its pod:\n"
	"  kubectl -n nametap exec ds/nametap-agent -- nametap-agent doctor\n"
	"Options are the agent's (nametap-agent --help). nametapctl doctor looks at the "
	"cluster.\n\n"
	"  --json   one JSON object instead of lines\n"
	"  --help\n\n"
	"Exit code: 0 nothing fails, 1 something does, 2 a mistake in the arguments.\n";

struct command {
	char *argv[ARGUMENTS_MAX + 1];
	int argc;
	struct nt_buf text; /* of the running agent's arguments */
	char origin[256]; /* where the options come from */
	bool json;
};

static void command_done(struct command *c)
{
	nt_buf_done(&c->text);
}

/* Ours out, the rest is the agent's. */
static bool take_arguments(struct command *c, int argc, char **argv)
{
	c->argv[c->argc++] = argv[0];
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--json") == 0)
			c->json = true;
		else if (c->argc == ARGUMENTS_MAX)
			return false;
		else
			c->argv[c->argc++] = argv[i];
	}
	return true;
}

static bool sees_the_same_files(pid_t pid)
{
	struct stat theirs, ours;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/mnt", (int)pid);
	return stat(path, &theirs) == 0 && stat("/proc/self/ns/mnt", &ours) == 0 &&
	       theirs.st_ino == ours.st_ino && theirs.st_dev == ours.st_dev;
}

/* The command line of the process that has the agent's socket. */
static void take_from_agent(struct command *c)
{
	struct nt_err err = { 0 };
	char path[64];
	pid_t pid;

	snprintf(c->origin, sizeof(c->origin), "the agent's defaults");
	if (nt_ask_peer(NT_STATE_DIR_DEFAULT, &pid, &err) < 0)
		return;
	if (!sees_the_same_files(pid)) {
		snprintf(c->origin, sizeof(c->origin),
			 "the agent's defaults, as the agent (process %d) sees other files; run "
			 "this "
			 "in its pod",
			 (int)pid);
		return;
	}
	snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
	if (nt_file_read_at(AT_FDCWD, path, COMMAND_BYTES_MAX, &c->text, &err) < 0 || !c->text.len)
		return;
	c->argc = 0;
	for (char *at = c->text.p; at < c->text.p + c->text.len && c->argc < ARGUMENTS_MAX;
	     at += strlen(at) + 1)
		c->argv[c->argc++] = at;
	snprintf(c->origin, sizeof(c->origin), "those of the running agent (process %d)", (int)pid);
}

static int silent(enum libbpf_print_level level, const char *format, va_list ap)
{
	(void)level, (void)format, (void)ap;
	return 0;
}

static int run(const struct command *c, const struct nt_options *o)
{
	struct nt_doctor d = { .options = o };
	_cleanup_buf_ struct nt_buf out = { 0 };
	struct nt_err err = { 0 };
	int code;

	libbpf_set_print(silent);
	if (nt_loop_new(&d.loop, &err) < 0) {
		fprintf(stderr, "nametap-agent doctor: %s\n", err.msg);
		return 1;
	}
	nt_findings_add(&d.findings, NT_LEVEL_OK, "options", "", "%s", c->origin);
	nt_doctor_kernel(&d);
	nt_doctor_taps(&d);
	nt_doctor_chain(&d);
	nt_doctor_agent(&d);
	nt_doctor_reach(&d);
	if (c->json)
		nt_findings_json(&d.findings, &out);
	else
		nt_findings_text(&d.findings, false, &out);
	code = d.findings.fails > 0;
	if (!nt_buf_ok(&out) ||
	    nt_file_write_fd(STDOUT_FILENO, nt_slice_mem(out.p, out.len), &err) < 0)
		code = 1;
	nt_findings_done(&d.findings);
	nt_loop_free(d.loop);
	return code;
}

int nt_doctor_command(int argc, char **argv)
{
	_cleanup_(command_done) struct command c = { 0 };
	struct nt_options options;
	struct nt_err err = { 0 };
	int r;

	if (!take_arguments(&c, argc, argv)) {
		fputs("nametap-agent doctor: too many arguments\n", stderr);
		return 2;
	}
	if (c.argc > 1)
		snprintf(c.origin, sizeof(c.origin), "those of this command line");
	else
		take_from_agent(&c);
	c.argv[c.argc] = NULL;
	r = nt_options_parse_some(c.argc, c.argv, &options, &err);
	if (r == NT_OPTIONS_HELP || r == NT_OPTIONS_VERSION) {
		fputs(usage, stdout);
		return 0;
	}
	if (r < 0) {
		fprintf(stderr, "nametap-agent doctor: %s (see --help)\n", err.msg);
		return 2;
	}
	return run(&c, &options);
}
