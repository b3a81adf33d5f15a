/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the programs are loaded with: the keys ringBytes, ports and serverPorts of the plugin's
 * entry, which the agent takes from --plugin-config. Plain data, pure functions.
 */
#pragma once

#include <stdbool.h>

#include "dataplane/abi.h"
#include "lib/base/err.h"

/* "DNS ports 53 5353 ..., of servers ..., ring of 1048576 KiB" */
#define NT_LOADKEYS_TEXT 128

struct json_t;

struct nt_loadkeys {
	__u32 ring_bytes; /* 0: not said */
	__u16 ports[NT_PORTS_MAX]; /* host byte order, of both sides; all 0: not said */
	__u16 server_ports[NT_PORTS_MAX]; /* DNS where a pod answers on it; all 0: not said */
};

/* The three keys of object, each optional; what is wrong with one of them in err, and then ret_keys
 * is not written. -EINVAL. */
int nt_loadkeys_parse(const struct json_t *object, struct nt_loadkeys *ret_keys,
		      struct nt_err *err) NT_MUSTCHECK;

/* What the programs are to have, used ports first and each once. pinned: what those that are there
 * have, NULL: there are none. Who says one kind of port says both; who says none keeps what is
 * pinned, else it is 53. The ring's size can only be chosen when there is nothing yet. */
struct nt_loadkeys nt_loadkeys_decide(const struct nt_loadkeys *said,
				      const struct nt_loadkeys *pinned);
/* Of pinned programs. */
struct nt_loadkeys nt_loadkeys_of(const struct nt_meta *meta);
bool nt_loadkeys_same_ports(const struct nt_loadkeys *a, const struct nt_loadkeys *b);
void nt_loadkeys_format(const struct nt_loadkeys *keys, char out[NT_LOADKEYS_TEXT]);
