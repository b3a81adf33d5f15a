/* SPDX-License-Identifier: Apache-2.0 */
/* `nametapctl alert`: finds the verb behind it. */
#include "api/cli/group.h"
#include "api/cli/verbs.h"
#include "lib/base/cleanup.h"

static const struct nt_group_verb verbs[] = {
	{ "rules", "", "print the rules, refused ones too, and how their self tests went",
	  nt_rules_main },
	{ "events", "", "print the events of alerts that are open, or were", nt_events_main },
	{ "ack", "EVENT", "acknowledge an event: somebody has seen it", nt_ack_main },
	{ "unack", "EVENT", "take that back", nt_unack_main },
	{ "suppress", "RULE [FIELD=VALUE...]", "tell nobody of events of a rule, until a time",
	  nt_suppress_main },
	{ "suppressions", "", "print the suppressions that hold", nt_suppressions_main },
	{ "unsuppress", "SUPPRESSION", "end a suppression now", nt_unsuppress_main },
	{ "receivers", "", "print who is told of events, and how that goes", nt_receivers_main },
	{ "test-receiver", "RECEIVER", "send a receiver a notice of no event",
	  nt_test_receiver_main },
	{ "backtest", "FILE", "print when the rules of a file would have fired", nt_backtest_main },
};

int nt_alert_main(int argc, char **argv)
{
	return nt_group_main("alert", verbs, NT_ARRAY_LEN(verbs), argc, argv);
}
