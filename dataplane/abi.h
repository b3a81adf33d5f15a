/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/*
 * The contract between the BPF programs and everybody in userspace: the event header, the values of
 * the pinned maps and their names. The only file that both sides include.
 *
 * Rules: only __u8 to __u64, natural alignment, no holes, sizes asserted below. All integers are in
 * host byte order unless a field says otherwise; addresses are in network byte order. A change of
 * layout raises NT_ABI_VERSION; a plugin refuses what it does not know.
 *
 * An agent takes over what another version has pinned, a newer or an older one, field by field and
 * by name (dataplane/taps/layout.h). So: a field whose meaning changes gets another name; one that
 * is left out must be one that an older agent can do without; version stays the first octet of an
 * event and the first field of nt_meta and nt_host_conf. Never changed, since programs of two
 * versions write them beside each other: nt_counters, nt_drain, nt_share, nt_rule_key,
 * nt_rules_key, nt_host_key, and keys and values that are numbers. What has to be new there is a
 * new map.
 *
 * Version 2: policy_slot is the slot itself (32 bits), so that an event names its policy even when
 * the pod's slots changed while it was in the ring; maps of rules, slots and scopes.
 * Version 3: TCP segments, first fragments and packets of host sockets are events too.
 * Version 4: the record of a pod that is gone says which policies it had.
 */
#pragma once

#include <linux/types.h>

#define NT_ABI_VERSION 4
/* Goes up with each release that changes the programs but not the layout of the maps: the agent
 * replaces older ones in place, and leaves newer ones alone. */
#define NT_OBJECT_VERSION 1

/* Names of the pins below the pin root (default /sys/fs/bpf/nametap). */
#define NT_PIN_ROOT_DEFAULT "/sys/fs/bpf/nametap"
#define NT_PIN_META "meta" /* ARRAY[1]: struct nt_meta */
#define NT_PIN_ENDPOINTS "endpoints" /* HASH: __u32 host ifindex -> struct nt_endpoint */
#define NT_PIN_COUNTERS "counters" /* PERCPU_HASH: __u64 ep_id -> struct nt_counters */
#define NT_PIN_PODS "pods" /* HASH: __u64 ep_id -> struct nt_pod */
#define NT_PIN_LIVE "live" /* HASH: struct nt_live_key -> __u64 ep_id */
#define NT_PIN_EVENTS "events" /* RINGBUF: struct nt_event + cap_len octets */
#define NT_PIN_DRAIN "drain" /* ARRAY[1], mmapable: struct nt_drain */
#define NT_PIN_SHARES "shares" /* ARRAY[NT_SHARES], mmapable: struct nt_share */
#define NT_PIN_RULES "rules" /* HASH: struct nt_rule_key -> __u32 enum nt_rule_flag */
#define NT_PIN_SLOTS "slots" /* HASH: __u32 slot -> struct nt_slot */
#define NT_PIN_SCOPES "scopes" /* HASH: __u64 ep_id -> struct nt_scope_set */
#define NT_PIN_RULES_KEY "rules_key" /* ARRAY[1]: struct nt_rules_key */
#define NT_PIN_FROM_POD "from_pod" /* program, tc ingress of the host link */
#define NT_PIN_TO_POD "to_pod" /* program, tc egress of the host link */
#define NT_PIN_LINKS "links" /* folder of tcx links: <ep_id>-<NT_PIN_FROM_POD or _TO_POD> */
/* Folder of meta maps of other versions, by version: their BTF says how events of theirs lie that
 * are in the ring still. */
#define NT_PIN_LAYOUTS "layouts"

/* 65,536 pods and tombstones: what a node may collect while the agent is away (T8). */
#define NT_PODS_MAX 65536
/* An event has so many octets of payload at most; a power of two for the verifier's masks. */
#define NT_CAP_MAX 16384
/* Ring of 4 MiB: 8.4 MiB of resident memory once mapped twice (T12). Must be a power of two. */
#define NT_RING_BYTES_DEFAULT (4 * 1024 * 1024)
#define NT_PORTS_MAX 4
#define NT_POLICY_SLOTS 8

/* Seen from the pod: what it sends enters the host link (tc ingress), what it gets leaves it. */
enum nt_dir {
	NT_DIR_FROM_POD = 0,
	NT_DIR_TO_POD = 1,
	NT_DIR_MAX = 2,
};

/* Why packets that took a sequence number are not in the ring; index of nt_counters.lost. */
enum nt_loss {
	NT_LOSS_RING_FULL = 0,
	NT_LOSS_SHARE_EXCEEDED = 1, /* the pod had as much in the ring as was free (T12) */
	NT_LOSS_UNPARSABLE = 2, /* to a DNS port, but the headers or payload could not be read */
	NT_LOSS_FRAGMENT = 3, /* a later one of DNS; a first one of TCP without the header */
	NT_LOSS_TCP_RESET = 4, /* TCP to a DNS port from an enforced pod: reset, not logged */
	NT_LOSS_DROPPED = 5, /* from an enforced pod, could not be judged nor logged: dropped */
	NT_LOSS_MAX = 8,
};

/*
 * Policies. A slot is one compiled policy, immutable once an endpoint refers to it; slot numbers go
 * up from 1 and come back only after nobody can read them any more (T14). A rule is one suffix of a
 * name under the chained keyed hash of lib/policy/suffix.h.
 */
#define NT_RULES_MAX 1048576
#define NT_SLOTS_MAX 4096
/* In nt_endpoint.slots: the policy only says what it would deny. */
#define NT_SLOT_AUDIT 0x80000000u

enum nt_rule_flag {
	NT_RULE_EXACT = 1, /* the name itself is allowed */
	NT_RULE_WILDCARD = 2, /* every name below is, the name itself is not */
	NT_RULE_HAS_CHILD = 4, /* a longer suffix is in the set: go on */
};

struct nt_rule_key {
	__u32 slot;
	__u32 reserved; /* 0 */
	__u64 hash;
};
_Static_assert(sizeof(struct nt_rule_key) == 16, "struct nt_rule_key is part of the contract");

/* Which policy a slot is: for the log, and for an agent that starts anew. */
struct nt_slot {
	char namespace_[64];
	char name[256];
	__u32 mode; /* enum nt_policy_mode of lib/policy/policy.h */
	__u32 rules; /* entries in the rules map */
	__u8 digest[16]; /* nt_policy_digest */
	__u64 published_boot_ns;
};
_Static_assert(sizeof(struct nt_slot) == 352, "struct nt_slot is part of the contract");

#define NT_SCOPE_SUFFIXES 8

enum nt_scope_kind {
	NT_SCOPE_KIND_CLUSTER = 1, /* it and every name below stay allowed */
	NT_SCOPE_KIND_SEARCH = 2, /* a name below is judged by what is left of it, too */
};

/* Suffixes that mean something for one pod, whatever its policies say. */
struct nt_scope_set {
	__u32 len;
	__u32 reserved;
	struct {
		__u64 hash;
		__u32 kind; /* enum nt_scope_kind */
		__u32 labels; /* of the suffix */
	} suffixes[NT_SCOPE_SUFFIXES];
};
_Static_assert(sizeof(struct nt_scope_set) == 136, "struct nt_scope_set is part of the contract");

/* The secret of the suffix hash, made when the programs are loaded; mode 0600 as all pins. */
struct nt_rules_key {
	__u8 key[16];
};

enum nt_verdict {
	NT_VERDICT_NONE = 0, /* no policy selects the pod */
	NT_VERDICT_ALLOW = 1,
	NT_VERDICT_AUDIT = 2,
	NT_VERDICT_DENY = 3,
	NT_VERDICT_UNJUDGEABLE = 4,
};

enum nt_event_flag {
	NT_EV_TRUNCATED = 1 << 0, /* cap_len < payload_len */
	NT_EV_GSO = 1 << 1, /* gso_size and gso_segs are set: several datagrams (T1) */
	NT_EV_VLAN = 1 << 2, /* an 802.1Q tag was skipped */
	NT_EV_FRAGMENT =
		1 << 3, /* first fragment: the payload goes on in others, which are no events */
};

/*
 * One captured skb, followed by cap_len octets of UDP or TCP payload. gso_segs datagrams took the
 * sequence numbers seq .. seq + gso_segs - 1 (gso_segs is 1 where the skb was one datagram). The
 * sequence is given per (ep_id, dir, cpu) before the ring is reserved, so that a gap is a proof of
 * loss (T8). A train of datagrams that is longer than NT_CAP_MAX is several events, of whole
 * datagrams each; one datagram that is longer is cut (NT_EV_TRUNCATED), and inside of a train it is
 * lost (NT_LOSS_UNPARSABLE).
 *
 * TCP: a segment with payload, or with SYN, FIN or RST. One that is longer than NT_CAP_MAX (TSO,
 * GRO) is several events, each with a number and a tcp_seq of its own; FIN and RST are on the last,
 * SYN on the first. gso_segs is always 1, and so nothing is ever truncated. Of a first fragment
 * payload_len is what it holds; its FIN and RST are not told.
 */
struct nt_event {
	__u8 version; /* NT_ABI_VERSION */
	__u8 dir; /* enum nt_dir */
	__u8 ip_version; /* 4 or 6 */
	__u8 l4proto; /* IPPROTO_UDP or IPPROTO_TCP */
	__u16 hdr_len; /* sizeof(struct nt_event): where the payload begins */
	__u16 flags; /* enum nt_event_flag */
	__u64 ep_id;
	__u64 time_ns; /* CLOCK_BOOTTIME (kernel 5.8, commit 71d19214776e) */
	__u64 seq; /* of the first datagram */
	__u32 epoch; /* generation of the BPF object that wrote this */
	__u32 cpu;
	__u32 ifindex; /* host link; 0: a socket of the host's network namespace */
	__u32 payload_len; /* UDP: octets of the skb, all segments, or of the whole datagram where
			    * this is its first fragment; TCP: octets in this event */
	__u32 cap_len; /* octets that follow this header */
	__u16 gso_size; /* octets per segment, 0: one datagram */
	__u16 gso_segs; /* >= 1 */
	__u16 sport; /* host byte order */
	__u16 dport; /* host byte order */
	__u8 verdict; /* enum nt_verdict */
	__u8 tcp_flags; /* octet 13 of the TCP header; 0 for UDP */
	__u16 vlan; /* 802.1Q identifier, 0: none */
	__u8 saddr[16]; /* IPv4 in the first four octets, rest zero */
	__u8 daddr[16];
	__u32 policy_slot; /* the slot that decided; 0: none did */
	__u32 tcp_seq; /* host byte order, of the first octet of payload; 0 for UDP */
	__u64 cookie; /* of the socket (host network); 0 on a veth */
};
_Static_assert(sizeof(struct nt_event) == 112, "struct nt_event is part of the contract");

/* Two hooks can run the programs of a link: tcx links, pinned below NT_PIN_LINKS, and clsact
 * filters. While a link is taken over from one to the other both do (T13). */
enum nt_endpoint_flag {
	NT_EP_TCX = 1 << 0, /* tcx links are pinned; the filters are gone, or about to go */
	NT_EP_YIELD = 1 << 1, /* both may run: who finds the stamp of the other lets it pass */
};

/* What the programs know about a host link. Written by the plugin, read by the programs. */
struct nt_endpoint {
	__u64 ep_id;
	__u32 flags; /* enum nt_endpoint_flag */
	__u32 slots_len;
	__u32 slots[NT_POLICY_SLOTS];
};
_Static_assert(sizeof(struct nt_endpoint) == 48, "struct nt_endpoint is part of the contract");

/*
 * Per CPU. seq is the next sequence number, that is: DNS packets seen so far in that direction on
 * that CPU: datagrams, fragments of them, and TCP segments that are events. seq - sum(lost) of them
 * are in the ring or were taken out of it.
 */
struct nt_counters {
	__u64 seq[NT_DIR_MAX];
	__u64 bytes[NT_DIR_MAX]; /* payload octets of DNS packets */
	__u64 gso[NT_DIR_MAX]; /* skbs that held more than one datagram or segment */
	__u64 fragments[NT_DIR_MAX]; /* later fragments of UDP whose first one was not seen; no
				      * numbers
				      */
	__u64 lost[NT_DIR_MAX][NT_LOSS_MAX];
};
_Static_assert(sizeof(struct nt_counters) == 192, "struct nt_counters is part of the contract");

enum nt_pod_state {
	NT_POD_ATTACHED = 1,
	NT_POD_DETACHED =
		2, /* not tapped any more; kept until the agent has stored the last record */
	NT_POD_ENDING = 3, /* DEL came, and the host link is there still: tapped until it goes */
};

/* How the pod's record came to be. */
enum nt_pod_origin {
	NT_ORIGIN_ADD = 0, /* CNI ADD: seen from its first packet on */
	NT_ORIGIN_ADOPTED = 1, /* it ran already: seen since attach_real_ns */
	NT_ORIGIN_NODE = 2, /* no pod: sockets of the host's network namespace */
};

/* Where servers and searches of a pod's record come from. */
enum nt_pod_dns {
	NT_DNS_UNKNOWN = 0, /* both are empty */
	NT_DNS_RUNTIME = 1, /* the runtime said so: runtimeConfig.dns, or its cache of it */
	NT_DNS_FILE = 2, /* resolv.conf as a process in the pod has it */
	NT_DNS_DERIVED = 3, /* computed from the Pod object's dnsPolicy; servers may be missing */
};

/* Why a record is no longer attached. */
enum nt_pod_end {
	NT_END_DEL = 0, /* CNI DEL, or an ADD of the same container elsewhere */
	NT_END_LINK_GONE = 1, /* the host link went without a DEL */
	NT_END_LINK_REUSED = 2, /* the link's index belongs to somebody else now */
	NT_END_LINK_STAYED = 3, /* DEL came, the netns went, and the link did not go with it */
};

#define NT_POD_IPS 4
#define NT_POD_SERVERS 4

/* An address: family 0 none, 4 or 6; octets in network byte order, IPv4 in the first four. */
struct nt_abi_addr {
	__u8 family;
	__u8 reserved[3];
	__u8 octets[16];
};
_Static_assert(sizeof(struct nt_abi_addr) == 20, "struct nt_abi_addr is part of the contract");

/*
 * Identity of one attachment, taken at CNI ADD or adoption and kept after DEL. ep_id is unique on
 * the node: the CLOCK_BOOTTIME ns of the attach, raised by one until free. Strings end in NUL and
 * are empty where the runtime did not say (podman gives no namespace: T18); nothing is guessed.
 */
struct nt_pod {
	__u32 version; /* NT_ABI_VERSION */
	__u32 state; /* enum nt_pod_state */
	__u64 ep_id;
	__u64 attach_boot_ns;
	__u64 attach_real_ns; /* CLOCK_REALTIME, ns since 1970 */
	/* 0 while attached; of an ending one when its link and its netns were there still */
	__u64 detach_boot_ns;
	__u64 netns_ino; /* of CNI_NETNS, with netns_dev */
	__u64 netns_dev;
	__u32 ifindex; /* host link */
	__u32 epoch; /* object generation at attach */
	char namespace_[64];
	char name[256];
	char uid[64];
	char container_id[192];
	char ifname[16]; /* in the pod */
	char host_ifname[16]; /* on the host, at attach */
	char network[128]; /* name of the network configuration */
	struct nt_abi_addr ips[NT_POD_IPS];
	struct nt_abi_addr servers[NT_POD_SERVERS]; /* resolvers */
	char searches[512]; /* search list, space separated, most specific first */
	__u8 origin; /* enum nt_pod_origin */
	__u8 dns; /* enum nt_pod_dns */
	__u8 end; /* enum nt_pod_end, when detached */
	__u8 cgroup_v1; /* of the node: pods in its network cannot be told from it (T15) */
	__u8 slots_len; /* when detached */
	__u8 reserved[3];
	/* As nt_endpoint.slots at the end, for a successor that comes while no agent answers. */
	__u32 slots[NT_POLICY_SLOTS];
};
_Static_assert(sizeof(struct nt_pod) == 1512, "struct nt_pod is part of the contract");

/* Are its programs to be on its link? */
static inline int nt_pod_is_tapped(const struct nt_pod *pod)
{
	return pod->state == NT_POD_ATTACHED || pod->state == NT_POD_ENDING;
}

/* Has the runtime ended it? One that ended otherwise may run on. */
static inline int nt_pod_had_del(const struct nt_pod *pod)
{
	return pod->state != NT_POD_ATTACHED &&
	       (pod->end == NT_END_DEL || pod->end == NT_END_LINK_STAYED);
}

struct nt_live_key {
	char container_id[192];
	char ifname[16];
};
_Static_assert(sizeof(struct nt_live_key) == 208, "struct nt_live_key is part of the contract");

/* Who owns the pin root, and node-level counters. One writer at a time, under the root's lock. */
struct nt_meta {
	__u32 version; /* NT_ABI_VERSION */
	__u32 epoch;
	__u64 owner_netns_ino; /* host network namespace of the owner (T19) */
	__u64 owner_netns_dev;
	__u8 boot_id[16];
	__u64 created_boot_ns;
	__u64 tombstones_evicted; /* pods forgotten before the agent read their last numbers */
	__u64 tombstones_evicted_packets; /* DNS packets that those pods had seen */
	__u32 ring_bytes;
	__u32 last_slot; /* given out last: numbers go up over restarts of the agent */
	/* Random, the same for all generations: what one hook writes into skb->cb for the other. */
	__u64 stamp[NT_DIR_MAX];
	/* DNS ports as the programs have them, host byte order, used ones first, then 0. Both what
	 * a pod asks and what it answers, or only what it answers. */
	__u16 ports[NT_PORTS_MAX];
	__u16 server_ports[NT_PORTS_MAX];
	__u32 object_version; /* NT_OBJECT_VERSION of the pinned programs */
	__u32 reserved;
	__u8 object_build[16]; /* digest of the object file that they come from */
};
_Static_assert(sizeof(struct nt_meta) == 128, "struct nt_meta is part of the contract");

/* Wake-up once per drain: the agent sets armed, the program that crosses a quarter of the ring
 * clears it and wakes. */
struct nt_drain {
	__u32 armed;
	__u32 reserved;
	__u64 wakeups;
};
_Static_assert(sizeof(struct nt_drain) == 16, "struct nt_drain is part of the contract");

/*
 * The share of the ring: octets that the links of one index (host ifindex modulo NT_SHARES) ever
 * put in, and that the agent ever took out. Interface indexes go up one by one, so two pods of a
 * node have the same index by rare chance only, and then they have one share. The difference is
 * what is in flight; it may be below zero by the one event that a killed agent had counted and not
 * passed.
 */
#define NT_SHARES 16384
/* Of all sockets of the host's network namespace together; no link has index 0. */
#define NT_SHARE_HOST 0
/* What a record of len octets takes of the ring: a header of 8, and rounded up. */
#define NT_RING_TAKES(len) (((__u64)(len) + 8 + 7) & ~7ULL)
struct nt_share {
	__u64 produced; /* programs add */
	__u64 consumed; /* the reader of the ring sets */
};
_Static_assert(sizeof(struct nt_share) == 16, "struct nt_share is part of the contract");

/*
 * Sockets of the host's network namespace, seen by cgroup_skb on the cgroup2 root (T15). Pinned in
 * a folder beside the pin root, `<root>_host`; counters, ring and shares are those of the root.
 */
#define NT_HOST_SUFFIX "_host"
#define NT_PIN_HOST_GROUPS "groups" /* HASH: __u64 cgroup id -> __u64 ep_id; 0: everything else */
#define NT_PIN_HOST_NUMBERS "numbers" /* HASH: struct nt_host_key -> struct nt_host_number */
#define NT_PIN_HOST_CONF "conf" /* ARRAY[1]: struct nt_host_conf */
#define NT_PIN_HOST_INGRESS "ingress" /* links */
#define NT_PIN_HOST_EGRESS "egress"
#define NT_PIN_HOST_SOCKET "socket"

/* cgroup ids of pods in the host's network, all their descendants included. */
#define NT_HOST_GROUPS_MAX 16384
/* Per endpoint of the host network, CPU and direction. */
#define NT_HOST_NUMBERS_MAX 65536

/* How the programs tell whose network namespace a socket is in. */
enum nt_host_mode {
	NT_HOST_COOKIE = 1, /* bpf_get_netns_cookie in cgroup_skb (6.15, commit c221d3744ad3) */
	NT_HOST_BEACON = 2, /* a socket of the agent's is found where the packet is */
};

/* Next sequence number. With a lock, because a task can be interrupted between looking and
 * counting, and 5.10 has no atomic with a result (T8). */
struct nt_host_key {
	__u64 ep_id;
	__u32 cpu;
	__u32 dir;
};
_Static_assert(sizeof(struct nt_host_key) == 16, "struct nt_host_key is part of the contract");

struct nt_host_conf {
	__u32 version; /* NT_ABI_VERSION */
	__u32 epoch; /* of the pin root */
	__u64 root_created_boot_ns; /* of the pin root: another one has other maps */
	__u64 cgroup; /* inode of the cgroup root */
	__u32 mode; /* enum nt_host_mode */
	__u32 beacon_mark; /* SO_MARK of the beacon, random: nobody else can make one */
	__u32 beacon_port; /* on 127.0.0.1, host byte order */
	__u32 object_build; /* digest of the object file that the programs come from */
};
_Static_assert(sizeof(struct nt_host_conf) == 40, "struct nt_host_conf is part of the contract");
