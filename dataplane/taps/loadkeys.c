/* SPDX-License-Identifier: Apache-2.0 */
/* Which ports are DNS, and how large the ring is: said, pinned, or the default. */
#include "dataplane/taps/loadkeys.h"

#include <stdio.h>
#include <string.h>

#define DNS_PORT 53

/* The programs stop at the first that is 0. */
static void set_ports(const __u16 from[NT_PORTS_MAX], __u16 to[NT_PORTS_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; i < NT_PORTS_MAX; i++) {
		bool known = !from[i];

		for (unsigned k = 0; k < n; k++)
			known |= to[k] == from[i];
		if (!known)
			to[n++] = from[i];
	}
}

static bool says_ports(const struct nt_loadkeys *said)
{
	bool any = false;

	for (unsigned i = 0; i < NT_PORTS_MAX; i++)
		any |= said->ports[i] || said->server_ports[i];
	return any;
}

struct nt_loadkeys nt_loadkeys_decide(const struct nt_loadkeys *said,
				      const struct nt_loadkeys *pinned)
{
	const struct nt_loadkeys *ports = pinned && !says_ports(said) ? pinned : said;
	struct nt_loadkeys keys = { .ring_bytes = pinned	     ? pinned->ring_bytes
						  : said->ring_bytes ? said->ring_bytes
								     : NT_RING_BYTES_DEFAULT };

	set_ports(ports->ports, keys.ports);
	set_ports(ports->server_ports, keys.server_ports);
	if (!keys.ports[0])
		keys.ports[0] = DNS_PORT;
	return keys;
}

struct nt_loadkeys nt_loadkeys_of(const struct nt_meta *meta)
{
	struct nt_loadkeys keys = { .ring_bytes = meta->ring_bytes };

	memcpy(keys.ports, meta->ports, sizeof(keys.ports));
	memcpy(keys.server_ports, meta->server_ports, sizeof(keys.server_ports));
	return keys;
}

bool nt_loadkeys_same_ports(const struct nt_loadkeys *a, const struct nt_loadkeys *b)
{
	return memcmp(a->ports, b->ports, sizeof(a->ports)) == 0 &&
	       memcmp(a->server_ports, b->server_ports, sizeof(a->server_ports)) == 0;
}

static int print_ports(char *out, size_t room, const char *what, const __u16 ports[NT_PORTS_MAX])
{
	int len = snprintf(out, room, "%s", what);

	for (unsigned i = 0; i < NT_PORTS_MAX && ports[i]; i++)
		len += snprintf(out + len, room - (size_t)len, " %u", ports[i]);
	return len;
}

/* At most 97 octets. */
void nt_loadkeys_format(const struct nt_loadkeys *keys, char out[NT_LOADKEYS_TEXT])
{
	int len = print_ports(out, NT_LOADKEYS_TEXT, "DNS ports", keys->ports);

	if (keys->server_ports[0])
		len += print_ports(out + len, NT_LOADKEYS_TEXT - (size_t)len, ", of servers",
				   keys->server_ports);
	(void)snprintf(out + len, NT_LOADKEYS_TEXT - (size_t)len, ", ring of %u KiB",
		       keys->ring_bytes / 1024);
}
