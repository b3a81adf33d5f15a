/* SPDX-License-Identifier: Apache-2.0 */
/* `nametapctl policy`: finds the verb behind it. */
#include "api/cli/group.h"
#include "api/cli/verbs.h"
#include "lib/base/cleanup.h"

static const struct nt_group_verb verbs[] = {
	{ "preview", "FILE", "print what the policies of a file would newly deny",
	  nt_policy_preview_main },
	{ "suggest", "--namespace NAME --workload NAME",
	  "write a policy from what a workload asked for", nt_policy_suggest_main },
};

int nt_policy_main(int argc, char **argv)
{
	return nt_group_main("policy", verbs, NT_ARRAY_LEN(verbs), argc, argv);
}
