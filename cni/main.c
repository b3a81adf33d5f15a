/* SPDX-License-Identifier: Apache-2.0 */
/* nametap: the chained CNI plugin. Environment and stdin in, result or error object on stdout. */
#include <stdio.h>
#include <string.h>

#include "cni/config.h"
#include "cni/result.h"
#include "cni/verbs.h"
#include "lib/base/cleanup.h"
#include "lib/base/clock.h"
#include "lib/base/file.h"
#include "lib/base/log.h"

#define VERSION "0.1.0"

static void print_about(FILE *to)
{
	fprintf(to, "nametap %s, a chained CNI plugin\nCNI protocol versions supported: ", VERSION);
	for (int i = 0; nt_cni_versions[i]; i++)
		fprintf(to, "%s%s", i ? ", " : "", nt_cni_versions[i]);
	fputc('\n', to);
}

static void print_help(void)
{
	print_about(stdout);
	puts("\n"
	     "Container runtimes call it; CNI_COMMAND and the other variables of the CNI\n"
	     "specification say what to do, stdin holds the network configuration.\n\n"
	     "In a conflist, behind the plugin that makes the pod's interface:\n"
	     "  { \"type\": \"nametap\", \"capabilities\": { \"dns\": true,\n"
	     "    \"io.kubernetes.cri.pod-annotations\": true } }\n"
	     "Keys: bpffs, stateDir, ringBytes, ports, serverPorts, excludeNamespaces,\n"
	     "ownNamespace, required; onAttachError and onUnknownPolicy (Ignore or Fail).");
}

/* Without a verb a person called us. */
static int run_without_verb(int argc, char **argv)
{
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		print_help();
		return 0;
	}
	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		print_about(stdout);
		return 0;
	}
	print_about(stderr);
	return argc > 1;
}

static int run_verb(const struct nt_cni_env *env, struct nt_buf *out)
{
	_cleanup_buf_ struct nt_buf input = {};
	struct nt_err err;

	if (nt_file_read_fd(STDIN_FILENO, NT_CNI_STDIN_MAX, &input, &err) < 0) {
		int code = err.code == EFBIG ? NT_CNI_DECODE : NT_CNI_IO;

		nt_cni_result_error(out, NULL, code, "cannot read the network configuration",
				    err.msg);
		return 1;
	}
	return nt_cni_run(env, nt_slice_mem(input.p, input.len), out);
}

int main(int argc, char **argv)
{
	_cleanup_buf_ struct nt_buf out = {};
	struct nt_clock clock = nt_clock_system();
	struct nt_cni_env env = {
		.command = getenv("CNI_COMMAND"),
		.container_id = getenv("CNI_CONTAINERID"),
		.netns = getenv("CNI_NETNS"),
		.ifname = getenv("CNI_IFNAME"),
		.args = getenv("CNI_ARGS"),
		.started_boot_ns = (__u64)nt_clock_boot(&clock),
	};
	struct nt_err err;
	int code;

	nt_log_init("nametap", NT_LOG_WARN);
	if (!env.command || !env.command[0])
		return run_without_verb(argc, argv);
	code = run_verb(&env, &out);
	if (!nt_buf_ok(&out) ||
	    nt_file_write_fd(STDOUT_FILENO, nt_slice_mem(out.p, out.len), &err) < 0) {
		nt_log_error("cannot write the result");
		return 1;
	}
	return code;
}
