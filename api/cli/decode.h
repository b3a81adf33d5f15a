/* SPDX-License-Identifier: Apache-2.0 */
/* `nametapctl decode`: a capture file in, the DNS transactions in it out. */
#pragma once

/* argv[0] is the verb. Returns the process's exit code: 0, 1 (file or output), 2 (usage). */
int nt_decode_main(int argc, char **argv);
