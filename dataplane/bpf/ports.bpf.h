/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* Which ports are DNS. */
#pragma once

#include "dataplane/bpf/transport.bpf.h"

/* Host byte order, used ones first, then 0; set before loading. The verifier knows their values, so
 * that unused ones cost nothing. */
const volatile __u16 nt_ports[NT_PORTS_MAX] = { 53 };
/* DNS only where the pod is the one that is asked. */
const volatile __u16 nt_server_ports[NT_PORTS_MAX] = {};

static __always_inline int nt_is_in(const volatile __u16 *ports, __u16 port)
{
	for (int i = 0; i < NT_PORTS_MAX; i++) {
		__u16 dns = ports[i];

		if (dns == 0)
			return 0;
		if (port == dns)
			return 1;
	}
	return 0;
}

static __always_inline int nt_is_dns_port(__u16 port)
{
	return nt_is_in(nt_ports, port);
}

/* Between two of the server's ports there is something else: multicast DNS has 5353 on both. */
static __always_inline int nt_is_dns(__u16 sport, __u16 dport, __u32 dir)
{
	__u16 pod = dir == NT_DIR_FROM_POD ? sport : dport;
	__u16 peer = dir == NT_DIR_FROM_POD ? dport : sport;

	if (nt_is_dns_port(sport) || nt_is_dns_port(dport))
		return 1;
	return nt_is_in(nt_server_ports, pod) && !nt_is_in(nt_server_ports, peer);
}
