/* SPDX-License-Identifier: Apache-2.0 */
/* `nametap-agent install`: one round, by hand or of an init container. */
#pragma once

/* argv[0] is "install". The program's exit status: 0 installed (or, with --dry-run, shown), 1 not,
 * 2 a mistake in the arguments. Prints. */
int nt_install_command(int argc, char **argv);
