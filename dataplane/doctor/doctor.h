/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `nametap-agent doctor`: looks at one node, from where its agent stands, and says what to do.
 * Only reads, but for one upload that is stored nowhere (the controller says whether it takes token
 * and node).
 * Each look adds its findings; none stops the others. Blocks; one thread.
 */
#pragma once

#include "dataplane/agent/options.h"
#include "lib/base/finding.h"

struct nt_loop;

struct nt_doctor {
	const struct nt_options *options; /* borrowed */
	struct nt_loop *loop; /* borrowed */
	struct nt_findings findings;
};

/* Version of the kernel, kinds of programs and maps, bpffs, cgroup2, connection tracking. */
void nt_doctor_kernel(struct nt_doctor *d);
/* Pins, the programs on each pod's link, what the kernel could not pass on, search domains. */
void nt_doctor_taps(struct nt_doctor *d);
/* The plugin's program, and the configuration that the runtime takes. */
void nt_doctor_chain(struct nt_doctor *d);
/* The running agent, its spool and the disk below it. */
void nt_doctor_agent(struct nt_doctor *d);
/* Kubernetes API, controller, token, and the clock by both. */
void nt_doctor_reach(struct nt_doctor *d);

/* argv[0] is "doctor". Exit code: 0 nothing fails, 1 something does, 2 usage. */
int nt_doctor_command(int argc, char **argv);
