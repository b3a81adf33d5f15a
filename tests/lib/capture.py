#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The tests' own count of DNS at the host side of every veth: capture.py FILE records all UDP
packets of the network namespace that it runs in, until SIGTERM; read() gives the DNS in FILE.

An AF_PACKET socket is the most exact independent place there is: the kernel hands it a copy of each
skb of a device before the tc ingress and after the tc egress programs, so it needs no filter of its
own on the device under test, sees what those programs see, and counts in PACKET_STATISTICS what
it could not hold: a file with drops proves nothing and is refused. One socket for all devices, made
before there is any pod, so that no pod is too short-lived; the ring carries the interface's index,
which the kernel does not give twice. A UDP GSO packet comes as the one skb that it is; read() splits
it by where each message ends.

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
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6, UDP = 3, 0x0800, 0x86DD, 17
OUTGOING = 4
FRAME, FRAMES, BLOCK = 4096, 8192, 1 << 20
HEADER = struct.Struct("=IIIHHIIHH")  # status len snaplen mac net sec nsec vlan_tci vlan_tpid
ADDRESS_AT = 32  # sockaddr_ll follows tpacket2_hdr, aligned to 16
ADDRESS = struct.Struct("=HHiHBB")
SLL2 = struct.Struct("!HHiHBB8s")
SLL2_TYPE = 276


def open_ring():
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    s.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
    s.setsockopt(SOL_PACKET, PACKET_RX_RING, struct.pack("=4I", BLOCK, FRAME * FRAMES // BLOCK, FRAME, FRAMES))
    return s, mmap.mmap(s.fileno(), FRAME * FRAMES)


def take(ring, at, out):
    """Writes one frame of the ring out, when the kernel has filled it."""
    status, length, kept, _, net, sec, nsec, _, _ = HEADER.unpack_from(ring, at)
    if not status & 1:
        return False
    _, protocol, ifindex, hatype, kind, _ = ADDRESS.unpack_from(ring, at + ADDRESS_AT)
    protocol = socket.ntohs(protocol)
    next_header = {ETH_P_IP: 9, ETH_P_IPV6: 6}.get(protocol)
    if next_header and ring[at + net + next_header] == UDP:
        head = SLL2.pack(protocol, 0, ifindex, hatype, kind, 0, b"")
        out.write(struct.pack("=4I", sec, nsec, len(head) + kept, len(head) + length))
        out.write(head + ring[at + net:at + net + kept])
    struct.pack_into("=I", ring, at, 0)
    return True


def record(path):
    stop_read, stop_write = os.pipe()
    os.set_blocking(stop_write, False)
    signal.signal(signal.SIGTERM, lambda *_: os.write(stop_write, b"s"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    s, ring = open_ring()
    with open(path, "wb") as out:
        out.write(struct.pack("=IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 1 << 16, SLL2_TYPE))
        out.flush()
        print("recording", flush=True)
        frame, stopping = 0, False
        while True:
            if take(ring, frame * FRAME, out):
                frame = (frame + 1) % FRAMES
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
                 "rcode", "qname", "qtype", "truncated", "broken", "edns", "error")

    @property
    def time(self):
        return self.ns / 1e9


def ip_payload(family, packet):
    """(source, destination, offset of the UDP header) or None when it is no whole UDP datagram."""
    if family == ETH_P_IP:
        if len(packet) < 20 or packet[9] != UDP or struct.unpack_from("!H", packet, 6)[0] & 0x3FFF:
            return None
        return (socket.inet_ntop(socket.AF_INET, packet[12:16]), socket.inet_ntop(socket.AF_INET, packet[16:20]),
                (packet[0] & 15) * 4)
    if len(packet) < 40 or packet[6] != UDP:
        return None
    return (socket.inet_ntop(socket.AF_INET6, packet[8:24]), socket.inet_ntop(socket.AF_INET6, packet[24:40]), 40)


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
    if not addresses or len(packet) < addresses[2] + 8:
        return
    src, dst, at = addresses
    sport, dport, length = struct.unpack_from("!3H", packet, at)
    if 53 not in (sport, dport):
        return
    payload = packet[at + 8:at + max(8, length)]
    whole = payload and 8 <= length <= len(packet) - at
    for octets, parsed in split(payload) if whole else [(payload, None)]:
        d = Datagram()
        d.ns, d.ifindex, d.from_pod, d.src, d.dst, d.sport, d.dport = ns, ifindex, from_pod, src, dst, sport, dport
        d.octets, d.broken = len(octets), parsed is None
        d.truncated = parsed is not None and bool(octets[2] & 2)
        d.ident, d.reply, d.rcode, d.qname, d.qtype = parsed[:5] if parsed else (None, sport == 53, None, None, None)
        d.edns, d.error = dnswire.edns(octets) if parsed else (False, None)
        yield d


class Skb:
    """One packet at one device, as the kernel handed it over: several datagrams when it is GSO."""

    def __init__(self, ns, ifindex, from_pod, family, packet):
        self.ns, self.ifindex, self.from_pod, self.family, self.packet = ns, ifindex, from_pod, family, packet

    def datagrams(self):
        return datagrams_of(self.ns, self.ifindex, self.from_pod, self.family, self.packet)


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
        if kept != length:
            raise ValueError(f"a packet of {length} octets was cut to {kept}")
        yield Skb(sec * 1_000_000_000 + nsec, ifindex, kind != OUTGOING, family, data[at + 16 + SLL2.size:at + 16 + kept])
        at += 16 + kept


def skbs(path):
    """The packets that hold DNS over UDP."""
    return [p for p in packets(path) if any(True for _ in p.datagrams())]


def read(path):
    """All DNS datagrams in the file, in order of time."""
    return [d for p in packets(path) for d in p.datagrams()]


if __name__ == "__main__":
    record(sys.argv[1])
