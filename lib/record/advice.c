/* SPDX-License-Identifier: Apache-2.0 */
/* Reasons of loss and what to do. dataplane/agent/README.md has the same reasons. */
#include "lib/record/advice.h"

#include <string.h>

#include "lib/base/cleanup.h"

static const struct nt_advice table[] = {
	{ "ring_full", "the node's ring buffer was full",
	  "the agent had no CPU for them: raise its CPU limit; see "
	  "nametap_agent_ring_used_max_bytes",
	  false },
	{ "share_exceeded", "a pod asked faster than its share of the ring",
	  "find it (nametapctl logs --unlogged) and stop its flood; the other pods lose nothing",
	  false },
	{ "fragment", "later fragments of large datagrams",
	  "nothing is broken: the first fragment is logged; smaller EDNS buffers (1232) avoid "
	  "them",
	  false },
	{ "unparsable", "packets on the DNS port that are no DNS",
	  "see the errors (nametapctl logs --unlogged); a pod may tunnel or scan there", false },
	{ "tcp_gap", "octets of a TCP stream never came",
	  "usually beside ring_full: see there; else packets were dropped before the tap", false },
	{ "tcp_limit", "a pod had more TCP streams than its share",
	  "find it (nametapctl logs --unlogged) and let it keep connections open", false },
	{ "tcp_middle", "TCP streams from before the tap",
	  "nothing is broken: it ends when those connections do", true },
	{ "tcp_cut", "TCP streams that ended inside of a message",
	  "look at that server or the network between: it closes connections early", false },
	{ "agent_restart", "an agent was killed before it wrote them",
	  "see why: kubectl -n nametap describe pod (out of memory, evicted, node restart)",
	  false },
	{ "spool_lost", "the spool that would account for them is gone",
	  "keep the spool's folder on the host (hostPath), and do not delete it", false },
	{ "spool_full", "the controller was away for longer than the spool lasts",
	  "bring the controller back; raise --spool-max to bridge longer times", false },
	{ "rejected", "the controller refused batches",
	  "versions of agent and controller differ, or data is damaged: see the agent's log; the "
	  "batches are kept as N.rejected in its spool",
	  false },
	{ "disk_full", "the node's disk was full",
	  "make room below the spool's folder on that node", false },
	{ "no_memory", "the agent had no memory for them", "raise the agent's memory limit",
	  false },
	{ "before_tap", "a pod sent before it was tapped",
	  "it ran already when nametap came; a restart of the pod shows it from its first packet",
	  true },
	{ "tcp_reset",
	  "TCP to a DNS port from a pod under a policy, reset since it could not be judged",
	  "the pod sends no whole messages in order: see lib/policy/README.md, TCP", false },
	{ "dropped", "from a pod under a policy, neither judged nor logged: dropped",
	  "usually beside ring_full: see there", false },
	{ "unaccounted", "a number is missing and nothing explains it",
	  "this is a bug of nametap: report it with the agent's log", false },
};

static const struct nt_advice unknown = {
	"",
	"for a reason that this nametapctl does not know",
	"see dataplane/agent/README.md of the agents' version",
	false,
};

const struct nt_advice *nt_advice_find(const char *reason)
{
	for (size_t i = 0; i < NT_ARRAY_LEN(table); i++)
		if (strcmp(table[i].reason, reason) == 0)
			return &table[i];
	return &unknown;
}

const struct nt_advice *nt_advice_at(unsigned index)
{
	return index < NT_ARRAY_LEN(table) ? &table[index] : NULL;
}
