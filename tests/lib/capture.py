#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tests' own count of DNS at the host side of every veth: capture.py FILE [FRAME] records all UDP and TCP
packets of the network namespace that it runs in, until SIGTERM; read() gives the DNS in FILE: datagrams,
and the messages of TCP streams, which are put together here; segments() the packets of those streams.

An AF_PACKET socket is the most exact independent place there is: the kernel hands it a copy of each skb of a
device before the tc ingress and after the tc egress programs, so it needs no filter of its own on the device
under test, sees what those programs see (but not what a link that is going down drops behind its tc egress
programs), and counts in PACKET_STATISTICS what it could not hold: a file with drops proves nothing and is
refused. One socket for all devices, made before there is any pod, so that no pod is too short-lived; the ring
carries the interface's index, which the kernel does not give twice. A UDP GSO packet comes as the one skb
that it is; read() splits it by where each message ends.

A TCP segment is an skb: what offload keeps together is one, and counts as a packet once per started
16 KiB; what only acknowledges is none. A first IP fragment of a datagram or of a segment is read as far as it goes;
later_fragments() are those that follow such a one.

FRAME is how many octets of the ring a packet gets: the fewer, the more packets may wait while the machine is busy elsewhere. A
UDP packet that does not fit makes the recording useless, which packets() says.

FILE is a pcap of link type LINUX_SLL2, so that other tools read it too. FILE.stats has the drops.
"""
import json
import mmap
import os
import select
import signal
import socket
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import dnswire  # noqa: E402

SOL_PACKET, PACKET_RX_RING, PACKET_STATISTICS, PACKET_VERSION, TPACKET_V2 = 263, 5, 6, 10, 1
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6, UDP, TCP = 3, 0x0800, 0x86DD, 17, 6
FIN, SYN, RST = 1, 2, 4
SEGMENT_PACKET = 16384
OUTGOING = 4
FRAGMENT = 44
RING, BLOCK, FRAME = 128 << 20, 1 << 20, 32768
HEADER = struct.Struct("=IIIHHIIHH")  # status len snaplen mac net sec nsec vlan_tci vlan_tpid
ADDRESS_AT = 32  # sockaddr_ll follows tpacket2_hdr, aligned to 16
ADDRESS = struct.Struct("=HHiHBB")
SLL2 = struct.Struct("!HHiHBB8s")
SLL2_TYPE = 276


def open_ring(frame):
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    s.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
    s.setsockopt(SOL_PACKET, PACKET_RX_RING, struct.pack("=4I", BLOCK, RING // BLOCK, frame, RING // frame))
    return s, mmap.mmap(s.fileno(), RING)


def take(ring, at, out):
    """Writes one frame of the ring out, when the kernel has filled it."""
    status, length, kept, _, net, sec, nsec, _, _ = HEADER.unpack_from(ring, at)
    if not status & 1:
        return False
    _, protocol, ifindex, hatype, kind, _ = ADDRESS.unpack_from(ring, at + ADDRESS_AT)
    protocol = socket.ntohs(protocol)
    next_header = {ETH_P_IP: 9, ETH_P_IPV6: 6}.get(protocol)
    if next_header and ring[at + net + next_header] in (UDP, TCP, FRAGMENT):
        head = SLL2.pack(protocol, 0, ifindex, hatype, kind, 0, b"")
        out.write(struct.pack("=4I", sec, nsec, len(head) + kept, len(head) + length))
        out.write(head + ring[at + net:at + net + kept])
    struct.pack_into("=I", ring, at, 0)
    return True


def record(path, size):
    stop_read, stop_write = os.pipe()
    os.set_blocking(stop_write, False)
    signal.signal(signal.SIGTERM, lambda *_: os.write(stop_write, b"s"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    s, ring = open_ring(size)
    with open(path, "wb") as out:
        out.write(struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 1 << 16, SLL2_TYPE))
        out.flush()
        print("recording", flush=True)
        frame, stopping = 0, False
        while True:
            if take(ring, frame * size, out):
                frame = (frame + 1) % (RING // size)
                continue
            out.flush()
            if stopping:
                break
            ready = select.select([s, stop_read], [], [])[0]
            stopping = stop_read in ready
    packets, drops = struct.unpack("=2I", s.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
    with open(path + ".stats", "w") as f:
        json.dump({"packets": packets, "drops": drops}, f)


class Datagram:
    """One DNS datagram at one device. from_pod: the device is the host side of a veth and got
    it; edns: it has an OPT record; error: the info code of its extended DNS error. ns: when, since 1970."""
    __slots__ = ("ns", "ifindex", "from_pod", "src", "dst", "sport", "dport", "octets", "ident", "reply",
                 "rcode", "qname", "qtype", "truncated", "broken", "edns", "error", "tcp")

    @property
    def time(self):
        return self.ns / 1e9


def ip_payload(family, packet, proto=UDP):
    """(source, destination, offset of the UDP or TCP header) or None when it is no whole packet of that kind."""
    if family == ETH_P_IP:
        if len(packet) < 20 or packet[9] != proto or struct.unpack_from("!H", packet, 6)[0] & 0x3FFF:
            return None
        return (socket.inet_ntop(socket.AF_INET, packet[12:16]), socket.inet_ntop(socket.AF_INET, packet[16:20]),
                (packet[0] & 15) * 4)
    if len(packet) < 40 or packet[6] != proto:
        return None
    return (socket.inet_ntop(socket.AF_INET6, packet[8:24]), socket.inet_ntop(socket.AF_INET6, packet[24:40]), 40)


def fragment_of(family, packet):
    """(what all fragments of the datagram share, whether this is the first one, source, destination, offset of
    what is behind the IP header) or None when it is no fragment."""
    if family == ETH_P_IP and len(packet) >= 20:
        flags = struct.unpack_from("!H", packet, 6)[0]
        if not flags & 0x3FFF:
            return None
        return ((packet[12:20], packet[4:6], packet[9]), not flags & 0x1FFF,
                socket.inet_ntop(socket.AF_INET, packet[12:16]), socket.inet_ntop(socket.AF_INET, packet[16:20]),
                (packet[0] & 15) * 4)
    if family == ETH_P_IPV6 and len(packet) >= 48 and packet[6] == FRAGMENT:
        return ((packet[8:40], packet[44:48], packet[40]), not struct.unpack_from("!H", packet, 42)[0] & 0xFFF8,
                socket.inet_ntop(socket.AF_INET6, packet[8:24]), socket.inet_ntop(socket.AF_INET6, packet[24:40]), 48)
    return None


def parse(octets):
    try:
        return dnswire.message(octets)
    except dnswire.Broken:
        return None


def split(payload):
    """Messages of one skb: replies and broken ones are one; queries without a tail may be several."""
    at = 0
    while at < len(payload):
        rest = payload[at:]
        try:
            parsed = dnswire.message(rest)
        except dnswire.Broken:
            yield rest, None
            return
        additional = any(struct.unpack("!3H", rest[6:12]))
        whole = len(rest) if parsed[1] or additional else parsed[5]
        yield rest[:whole], parsed
        at += whole


def datagrams_of(ns, ifindex, from_pod, family, packet):
    addresses = ip_payload(family, packet)
    fragment = None if addresses else fragment_of(family, packet)
    if fragment and fragment[1] and fragment[0][2] == UDP:
        addresses = fragment[2:]
    if not addresses or len(packet) < addresses[2] + 8:
        return
    src, dst, at = addresses
    sport, dport, length = struct.unpack_from("!3H", packet, at)
    if 53 not in (sport, dport):
        return
    payload = packet[at + 8:at + max(8, length)]
    if fragment:
        yield datagram((ns, ifindex, from_pod, src, dst, sport, dport), payload, parse(payload))
        return
    whole = payload and 8 <= length <= len(packet) - at
    for octets, parsed in split(payload) if whole else [(payload, None)]:
        yield datagram((ns, ifindex, from_pod, src, dst, sport, dport), octets, parsed)


def datagram(where, octets, parsed, tcp=False):
    d = Datagram()
    d.ns, d.ifindex, d.from_pod, d.src, d.dst, d.sport, d.dport = where
    d.octets, d.broken, d.tcp = len(octets), parsed is None, tcp
    d.truncated = parsed is not None and bool(octets[2] & 2)
    d.ident, d.reply, d.rcode, d.qname, d.qtype = parsed[:5] if parsed else (None, d.sport == 53, None, None, None)
    d.edns, d.error = dnswire.edns(octets) if parsed else (False, None)
    return d


class Segment:
    """One TCP segment of a DNS connection at one device that has payload or begins or ends a stream.
    packets: how many it counts as; fragment: it is the first one of such a segment."""
    __slots__ = ("ns", "ifindex", "from_pod", "src", "dst", "sport", "dport", "seq", "flags", "payload", "length",
                 "packets", "fragment")


def segment_of(ns, ifindex, from_pod, family, packet, whole_length):
    addresses, fragment = ip_payload(family, packet, TCP), fragment_of(family, packet)
    if fragment and fragment[1] and fragment[0][2] == TCP:
        addresses = fragment[2:]
    if not addresses or len(packet) < addresses[2] + 20:
        return None
    s = Segment()
    s.src, s.dst, at = addresses
    s.sport, s.dport, s.seq = struct.unpack_from("!HHI", packet, at)
    if 53 not in (s.sport, s.dport):
        return None
    total = struct.unpack_from("!H", packet, 2 if family == ETH_P_IP else 4)[0] + (0 if family == ETH_P_IP else 40)
    data = at + (packet[at + 12] >> 4) * 4
    s.ns, s.ifindex, s.from_pod, s.flags = ns, ifindex, from_pod, packet[at + 13]
    s.length, s.payload = min(total, whole_length) - data, packet[data:min(total, len(packet))]
    s.packets = max(1, -(-s.length // SEGMENT_PACKET))
    s.fragment = fragment is not None
    if s.fragment:  # the stream goes on, and ends, in others
        s.flags &= ~(FIN | RST)
    return s if s.fragment or s.length or s.flags & (FIN | SYN | RST) else None


class Stream:
    """One direction of a connection, read from its SYN on. messages() yields what a segment completes."""

    def __init__(self, syn):
        self.next, self.waiting, self.octets = (syn.seq + 1) & 0xffffffff, {}, b""

    def messages(self, s):
        if len(s.payload) != s.length:
            raise ValueError(f"a TCP segment of {s.length} octets was cut to {len(s.payload)}")
        at = s.seq + bool(s.flags & SYN) & 0xffffffff
        if s.length:
            self.waiting.setdefault(at, s.payload)
        while (ready := [k for k in self.waiting if (self.next - k) & 0xffffffff < 1 << 31]):
            new = self.waiting.pop(ready[0])[(self.next - ready[0]) & 0xffffffff:]
            self.octets += new
            self.next = (self.next + len(new)) & 0xffffffff
        while len(self.octets) >= 2 and len(self.octets) >= 2 + int.from_bytes(self.octets[:2], "big"):
            end = 2 + int.from_bytes(self.octets[:2], "big")
            yield self.octets[2:end]
            self.octets = self.octets[end:]


class Skb:
    """One packet at one device, as the kernel handed it over: several datagrams when it is GSO."""

    def __init__(self, ns, ifindex, from_pod, family, packet, length):
        self.ns, self.ifindex, self.from_pod, self.family, self.packet = ns, ifindex, from_pod, family, packet
        self.length = length  # before it was cut

    def datagrams(self):
        return datagrams_of(self.ns, self.ifindex, self.from_pod, self.family, self.packet)

    def segment(self):
        return segment_of(self.ns, self.ifindex, self.from_pod, self.family, self.packet, self.length)


def packets(path):
    """All packets in the file, in order of time. ValueError when the recording had gaps."""
    with open(path + ".stats") as f:
        stats = json.load(f)
    if stats["drops"]:
        raise ValueError(f"the recording lost {stats['drops']} packets: it proves nothing")
    with open(path, "rb") as f:
        data = f.read()
    at = 24
    while at < len(data):
        sec, nsec, kept, length = struct.unpack_from("=4I", data, at)
        family, _, ifindex, _, kind, _, _ = SLL2.unpack_from(data, at + 16)
        packet = data[at + 16 + SLL2.size:at + 16 + kept]
        if kept != length and packet[9 if family == ETH_P_IP else 6] != TCP:
            raise ValueError(f"a packet of {length} octets was cut to {kept}")
        yield Skb(sec * 1_000_000_000 + nsec, ifindex, kind != OUTGOING, family, packet, length - SLL2.size)
        at += 16 + kept


def skbs(path):
    """The packets that hold DNS over UDP."""
    return [p for p in packets(path) if any(True for _ in p.datagrams())]


def later_fragments(path):
    """The packets that go on with a DNS datagram or segment whose first fragment came before them."""
    firsts, found = set(), []
    for p in packets(path):
        fragment = fragment_of(p.family, p.packet)
        if not fragment:
            continue
        key = (p.ifindex, p.from_pod, fragment[0])
        if fragment[1] and (p.segment() or any(True for _ in p.datagrams())):
            firsts.add(key)
        elif not fragment[1] and key in firsts:
            found.append(p)
    return found


def segments(path):
    """The TCP segments of DNS connections, in order of time."""
    return [s for s in (p.segment() for p in packets(path)) if s]


def tcp_messages(streams, s):
    """Messages that this segment completes, as Datagrams; streams: what is known of earlier ones."""
    key = (s.ifindex, s.from_pod, s.src, s.sport, s.dst, s.dport)
    if s.flags & SYN:
        streams[key] = Stream(s)
    if key not in streams:
        raise ValueError(f"a TCP stream of {s.src} port {s.sport} whose begin was not recorded")
    for octets in streams[key].messages(s):
        yield datagram((s.ns, s.ifindex, s.from_pod, s.src, s.dst, s.sport, s.dport), octets, parse(octets), tcp=True)


def read(path):
    """All DNS in the file, datagrams and messages over TCP, in order of time."""
    streams, found = {}, []
    for p in packets(path):
        found.extend(p.datagrams())
        s = p.segment()
        if s:
            found.extend(tcp_messages(streams, s))
    return found


if __name__ == "__main__":
    record(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else FRAME)
