#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the captures of the golden tests: make-pcaps.py DIR, or the fuzzers' seeds from them:
make-pcaps.py --corpus DIR. Deterministic, standard library only. What each capture is to show is said
where it is made; the .gold files beside them say what decode has to print."""
import os, struct, sys

START = 1767323045  # 2026-01-02T03:04:05Z
A, NS, CNAME, SOA, PTR, HINFO, MX, TXT, RP, AAAA = 1, 2, 5, 6, 12, 13, 15, 16, 17, 28
LOC, SRV, NAPTR, DNAME, OPT, DS, SSHFP, RRSIG, NSEC = 29, 33, 35, 39, 41, 43, 44, 46, 47
DNSKEY, NSEC3, NSEC3PARAM, TLSA, SVCB, HTTPS, ANY, URI, CAA = 48, 50, 51, 52, 64, 65, 255, 256, 257
QR, AA, TC, RD, RA, AD, CD = 0x8000, 0x400, 0x200, 0x100, 0x80, 0x20, 0x10


def name(text):
    """Wire form without compression; bytes pass as they are."""
    if isinstance(text, bytes):
        return text
    return b"".join(bytes([len(l)]) + l.encode("latin-1") for l in text.split(".") if l) + b"\0"


def u8(*v): return bytes(v)
def u16(*v): return b"".join(struct.pack(">H", x) for x in v)
def u32(*v): return b"".join(struct.pack(">I", x) for x in v)
def string(s): return bytes([len(s)]) + (s if isinstance(s, bytes) else s.encode("latin-1"))


Q = b"\xc0\x0c"  # the question's name


def rr(owner, rtype, rdata, ttl=300, cls=1):
    return name(owner) + u16(rtype, cls) + u32(ttl) + u16(len(rdata)) + rdata


def opt(size=1232, rcode_high=0, version=0, do=False, options=()):
    data = b"".join(u16(code, len(v)) + v for code, v in options)
    return rr(b"\0", OPT, data, rcode_high << 24 | version << 16 | do << 15, size)


def message(ident, flags, question=None, answer=(), authority=(), additional=(), tail=b"", counts=None):
    body = b""
    if question:
        qname, qtype, qclass = (*question, 1)[:3]
        body = name(qname) + u16(qtype, qclass)
    counts = counts or (bool(question), len(answer), len(authority), len(additional))
    return u16(ident, flags, *counts) + body + b"".join((*answer, *authority, *additional)) + tail


def query(ident, qname, qtype, flags=RD, **more):
    return message(ident, flags, (qname, qtype), **more)


def reply(ident, qname, qtype, answer=(), flags=QR | RD | RA, rcode=0, **more):
    return message(ident, flags | rcode, (qname, qtype), answer, **more)


CLIENT4, SERVER4 = bytes([10, 0, 0, 5]), bytes([10, 0, 0, 53])
CLIENT6 = bytes.fromhex("fd000000000000000000000000000005")
SERVER6 = bytes.fromhex("fd000000000000000000000000000053")


def udp(payload, sport, dport, length=None):
    return u16(sport, dport, 8 + len(payload) if length is None else length, 0) + payload


def ipv4(payload, src, dst, proto=17, options=b"", fragment=0, total=None, version=4, header=None, ident=1):
    ihl = 5 + len(options) // 4 if header is None else header
    total = 20 + len(options) + len(payload) if total is None else total
    return u8(version << 4 | ihl, 0) + u16(total, ident, fragment) + u8(64, proto) + u16(0) + src + dst + options + payload


def ipv6(payload, src, dst, proto=17, extensions=(), length=None):
    """extensions: (kind, octets behind the next-header octet)."""
    kinds = [k for k, _ in extensions] + [proto]
    body = b"".join(u8(after) + octets for after, (_, octets) in zip(kinds[1:], extensions)) + payload
    return u32(6 << 28) + u16(len(body) if length is None else length) + u8(kinds[0], 64) + src + dst + body


def ethernet(packet, tags=(), ethertype=None):
    ethertype = (0x800 if packet[0] >> 4 == 4 else 0x86dd) if ethertype is None else ethertype
    vlan = b"".join(u16(kind, tag) for kind, tag in tags)
    return b"\x02\0\0\0\0\1\x02\0\0\0\0\2" + vlan + u16(ethertype) + packet


class Capture:
    def __init__(self, link=1, wrap=ethernet, order="<", nano=False):
        self.link, self.wrap, self.order, self.nano = link, wrap, order, nano
        self.packets, self.payloads, self.port = [], [], 40000

    def frame(self, ms, frame, wire_len=None):
        self.packets.append((round(ms * 1000), frame, wire_len or len(frame)))

    def send(self, ms, payload, port, to_server=True, v6=False, wrap=None):
        """One DNS message between the client's port and the server's port 53."""
        client, server, ip = (CLIENT6, SERVER6, ipv6) if v6 else (CLIENT4, SERVER4, ipv4)
        src, dst = (client, server) if to_server else (server, client)
        datagram = udp(payload, port, 53) if to_server else udp(payload, 53, port)
        self.payloads.append(payload)
        self.frame(ms, (wrap or self.wrap)(ip(datagram, src, dst)))

    def ask(self, ms, ask, answer=None, took=1.5, **how):
        """A query from a port of its own, and its reply."""
        self.port += 1
        self.send(ms, ask, self.port, **how)
        if answer is not None:
            self.send(ms + took, answer, self.port, to_server=False, **how)

    def octets(self):
        o = self.order
        out = struct.pack(o + "IHHiIII", 0xa1b23c4d if self.nano else 0xa1b2c3d4, 2, 4, 0, 0, 262144, self.link)
        for us, frame, wire_len in sorted(self.packets, key=lambda p: p[0]):
            part = us % 1000000 * (1000 if self.nano else 1)
            out += struct.pack(o + "IIII", START + us // 1000000, part, len(frame), wire_len) + frame
        return out


def types():
    """Every record type by name, one lookup each; names compressed where senders do so."""
    c, ms = Capture(), 0
    v4, v6 = bytes([192, 0, 2, 1]), bytes.fromhex("20010db8000000000000000000000001")
    when = u32(1767225600, 1764547200)  # 2026-01-01, 2025-12-01
    rrsig = u16(A) + u8(13, 2) + u32(300) + when + u16(12345) + name("Example.com") + b"signature"
    soa = name("ns1") [:-1] + Q + name("hostmaster")[:-1] + Q + u32(2026010201, 7200, 3600, 1209600, 300)
    for rtype, rdatas in (
        (A, [v4, bytes([192, 0, 2, 200])]),
        (AAAA, [v6]),
        (CNAME, [name("target.other.example")]),
        (MX, [u16(10) + name("mail1")[:-1] + Q, u16(5) + name("MAIL2")[:-1] + Q, u16(0) + b"\0"]),
        (NS, [name("ns1")[:-1] + Q, name("ns2")[:-1] + Q]),
        (PTR, [name("host")[:-1] + Q]),
        (SOA, [soa]),
        (SRV, [u16(0, 5, 5060) + name("sip.example.com")]),
        (TXT, [string("v=spf1 -all"), string("two") + string("strings"), string("")]),
        (SVCB, [u16(0) + name("svc.example.net"),
                u16(16) + name("foo.example.org") + u16(0, 4, 1, 4) + u16(1, 9) + string("h2") + string("h3-19") +
                u16(4, 4) + v4]),
        (HTTPS, [u16(1) + b"\0" + u16(1, 6) + string("h3") + string("h2") + u16(3, 2, 8443) + u16(4, 8) + v4 + v4 +
                 u16(5, 3) + b"ech" + u16(6, 16) + v6 + u16(65280, 3) + b"a\"\xff"]),
        (CAA, [u8(0) + string("issue") + b"ca.example.net", u8(128) + string("iodef") + b"mailto:a@b.example"]),
        (DS, [u16(60485) + u8(5, 1) + bytes.fromhex("2BB183AF5F22588179A53B0A98631FAD1A292118")]),
        (DNSKEY, [u16(257) + u8(3, 13) + bytes(range(64))]),
        (RRSIG, [rrsig]),
        (NSEC, [name("host.example.com") + bytes.fromhex("0006400100000003041b") + bytes(26) + b"\x20"]),
        (NSEC3, [u8(1, 1) + u16(12) + string(b"\xaa\xbb\xcc\xdd") + string(bytes.fromhex(
            "174eb2409fe28bcb4887a1836f957f0a8425e27b")) + bytes.fromhex("0007220100000002 90")]),
        (NSEC3PARAM, [u8(1, 0) + u16(0) + string("")]),
        (DNAME, [name("other.example")]),
        (NAPTR, [u16(100, 10) + string("U") + string("E2U+sip") + string("!^.*$!sip:info@example.com!") + b"\0"]),
        (RP, [name("admin")[:-1] + Q + b"\0"]),
        (HINFO, [string("RFC8482") + string("")]),
        (SSHFP, [u8(4, 2) + bytes(range(32))]),
        (TLSA, [u8(3, 1, 1) + bytes(range(32))]),
        (URI, [u16(10, 1) + b"https://example.com/\""]),
        (LOC, [bytes.fromhex("0012161389174f4a700be2a000989ce0")]),
        (65280, [bytes.fromhex("0a000001"), b""]),
    ):
        owner = "example.com"
        c.ask(ms, query(ms, owner, rtype), reply(ms, owner, rtype, [rr(Q, rtype, d) for d in rdatas]))
        ms += 10
    # A chain, its records in any order, data of an upper-case owner; the rest of the sections is not logged.
    chain = [rr("c.example.net", A, v4, 30), rr(Q, CNAME, name("B.example.net"), 60),
             rr("b.example.NET", CNAME, name("c.example.net"), 5), rr("c.example.net", A, v4, 20)]
    c.ask(ms, query(ms, "www.example.com", A), reply(ms, "WWW.example.com", A, chain, QR | AA | RD | AD,
          authority=[rr(Q, NS, name("ns.example.com"))], additional=[rr("ns.example.com", A, v4)]))
    c.ask(ms + 10, message(1, 0, ("version.bind", TXT, 3)),
          message(1, QR | AA, ("version.bind", TXT, 3), [rr(Q, TXT, string("9.18"), 0, 3)]))
    c.ask(ms + 20, query(2, "example.com", ANY), reply(2, "example.com", ANY, [], rcode=4))
    return c


def edns():
    """OPT: sizes, DO, options, extended response codes, Extended DNS Errors, truncation."""
    c = Capture()
    cookie = (10, bytes(range(8)))
    c.ask(0, query(1, "plain.example", A, additional=[opt(4096)]), reply(1, "plain.example", A, additional=[opt(1232)]))
    c.ask(10, query(2, "do.example", A, RD | AD | CD, additional=[opt(do=True, options=[cookie, (3, b"")])]),
          reply(2, "do.example", A, flags=QR | RD | RA | AD | CD, additional=[opt(do=True, options=[(10, bytes(24))])]))
    c.ask(20, query(3, "vers.example", A, additional=[opt(version=1)]),
          reply(3, "vers.example", A, additional=[opt(rcode_high=1)]))
    c.ask(30, query(4, "cookie.example", A, additional=[opt(options=[cookie])]),
          reply(4, "cookie.example", A, rcode=7, additional=[opt(rcode_high=1, options=[(10, bytes(16))])]))
    c.ask(40, query(5, "blocked.example", A, additional=[opt()]),
          reply(5, "blocked.example", A, rcode=3, additional=[opt(options=[(15, u16(15) + b"by policy")])]))
    c.ask(50, query(6, "big.example", TXT, additional=[opt()]), reply(6, "big.example", TXT, flags=QR | TC | RD | RA))
    c.ask(60, query(7, "odd.example", A), reply(7, "odd.example", A, rcode=12, additional=[opt(rcode_high=255)]))
    c.ask(70, query(8, "fail.example", A), reply(8, "fail.example", A, rcode=2))
    return c


def pairing():
    """Retries, silence, replies that are late, doubled, early, unasked for; the ends of the table."""
    c = Capture()
    answer = lambda ident, qname: reply(ident, qname, A, [rr(Q, A, bytes([192, 0, 2, ident]))])
    c.send(0, query(1, "retry.example", A), 1001)
    c.send(2500, query(1, "retry.example", A), 1001)
    c.send(2600, answer(1, "retry.example"), 1001, False)
    c.send(0, query(2, "silent.example", A), 1002)
    c.send(5005, query(2, "silent.example", A), 1002)  # glibc's second try
    c.send(10, query(3, "late.example", A), 1003)
    c.send(9000, answer(3, "late.example"), 1003, False)
    c.send(20, query(4, "double.example", A), 1004)
    c.send(21, answer(4, "double.example"), 1004, False)
    c.send(22, answer(4, "double.example"), 1004, False)
    c.send(29, answer(5, "early.example"), 1005, False)
    c.send(30, query(5, "early.example", A), 1005)
    c.send(31, answer(5, "early.example"), 1005, False)
    c.send(40, answer(6, "unasked.example"), 1006, False)
    c.send(50, query(7, "case.EXAMPLE", A), 1007)
    c.send(51, answer(7, "CASE.example"), 1007, False)
    c.send(60, query(8, "same.example", A), 1008)  # the same name and id from two ports
    c.send(60, query(8, "same.example", A), 1009)
    c.send(61, answer(8, "same.example"), 1009, False)
    c.send(63, answer(8, "same.example"), 1008, False)
    c.send(70, query(9, "wrongid.example", A), 1010)
    c.send(71, answer(10, "wrongid.example"), 1010, False)
    c.send(80, query(11, "toolate.example", A), 1011)
    c.send(37000, answer(11, "toolate.example"), 1011, False)
    c.send(90, message(12, QR | 1), 1012, False)  # FORMERR without a question
    c.send(95, message(13, 0), 1013)
    c.send(40000, query(14, "atend.example", A), 1014)
    return c


def names():
    """Octets that are no letters, in names and in text; the longest name; the root."""
    c = Capture()
    label = lambda b: bytes([len(b)]) + b
    odd = label(b"a.b c") + label(b"\x1b[31m\0\xff") + label(b"<\\\"$@;()>") + name("Example.COM")
    txt = [string(b"\x1b]0;title\x07"), string(b"say \"hi\" \\ \xc3\xa9\n")]
    c.ask(0, query(1, odd, TXT), reply(1, odd, TXT, [rr(Q, TXT, t) for t in txt]))
    longest = label(b"x" * 63) * 3 + label(b"\xee" * 61) + b"\0"
    c.ask(10, query(2, longest, CNAME), reply(2, longest, CNAME, [rr(Q, CNAME, Q)]))
    c.ask(20, query(3, ".", NS), reply(3, ".", NS, [rr(".", NS, name("A.ROOT-SERVERS.NET"))]))
    c.ask(30, query(4, "*._x.under-score.example", A), reply(4, "*._x.under-score.example", A, rcode=3))
    c.ask(40, query(5, "web.shop.svc.cluster.local", A),
          reply(5, "web.shop.svc.cluster.local", A, [rr(Q, A, bytes([10, 96, 0, 9]), 5)]))
    c.ask(50, query(6, "9.0.96.10.in-addr.arpa", PTR),
          reply(6, "9.0.96.10.in-addr.arpa", PTR, [rr(Q, PTR, name("web.shop.svc.cluster.local"))]))
    c.ask(60, query(7, "api.stripe.com.shop.svc.cluster.local", A),
          reply(7, "api.stripe.com.shop.svc.cluster.local", A, rcode=3))
    return c


def malformed():
    """Faults of every layer between good lookups: each is named with its packet number."""
    c = Capture()
    good = lambda ms, i: c.ask(ms, query(i, "good.example", A), reply(i, "good.example", A))
    bad = lambda ms, payload: c.ask(ms, payload)
    good(0, 1)  # packets 1, 2
    bad(10, b"\0\1\1\0\0\1")  # 3: half a header
    bad(11, message(1, RD, (b"\xc0\x0c", A)))  # 4: the name points to itself
    bad(12, message(1, RD, (b"\xc0\x40", A)))  # 5: it points forward
    bad(13, message(1, RD, (b"\x80abc\0", A)))  # 6: label type 10
    bad(14, message(1, RD, (b"\x3f" + b"a" * 63, A)))  # 7: the name does not end
    bad(15, message(1, RD, ((b"\x3f" + b"a" * 63) * 4 + b"\0", A)))  # 8: 257 octets
    bad(16, message(1, RD, ("a.example", A), counts=(2, 0, 0, 0), tail=name("b.example") + u16(A, 1)))  # 9
    bad(17, query(1, "two.example", A, additional=[opt(), opt()]))  # 10
    bad(18, message(1, QR, ("opt.example", A), [opt()]))  # 11: OPT as an answer
    bad(19, query(1, "tail.example", A, tail=b"\0"))  # 12
    bad(20, message(1, QR, ("a.example", A), [rr(Q, A, b"\1\2\3")]))  # 13
    bad(21, message(1, QR, ("a.example", CNAME), [rr(Q, CNAME, b"\xc0\x27")]))  # 14: points to itself
    bad(22, message(1, QR, ("a.example", TXT), [rr(Q, TXT, b"\x05abc")]))  # 15
    bad(23, message(1, QR, ("a.example", HTTPS), [rr(Q, HTTPS, u16(1) + b"\0" + u16(3, 2, 1, 3, 2, 2))]))  # 16
    bad(24, message(1, QR, ("a.example", A), [rr(Q, A, bytes(4))], counts=(1, 2, 0, 0)))  # 17
    bad(25, b"")  # 18
    good(30, 2)  # 19, 20
    whole = ethernet(ipv4(udp(query(3, "cut.example", A), 5000, 53), CLIENT4, SERVER4))
    c.frame(40, whole[:60], len(whole))  # 21: cut in the message
    c.frame(41, whole[:40], len(whole))  # 22: cut in the UDP header
    c.frame(42, whole[:20], len(whole))  # 23: cut in the IP header
    c.frame(43, whole[:10], len(whole))  # 24: cut in the link header
    q = query(4, "bad.example", A)
    c.frame(44, ethernet(ipv4(udp(q, 5000, 53, 7), CLIENT4, SERVER4)))  # 25: UDP length below 8
    c.frame(45, ethernet(ipv4(udp(q, 5000, 53, 500), CLIENT4, SERVER4)))  # 26: above the packet's
    c.frame(46, ethernet(ipv4(udp(q, 5000, 53), CLIENT4, SERVER4, total=900)))  # 27
    c.frame(47, ethernet(ipv4(udp(q, 5000, 53), CLIENT4, SERVER4, header=3)))  # 28
    c.frame(48, ethernet(ipv4(udp(q, 5000, 53), CLIENT4, SERVER4, total=10)))  # 29
    c.frame(49, ethernet(ipv6(udp(q, 5000, 53), CLIENT6, SERVER6, length=900)))  # 30
    c.frame(50, ethernet(ipv6(b"", CLIENT6, SERVER6, 0, [])))  # 31: hop-by-hop options are not there
    c.frame(51, ethernet(ipv4(b"", CLIENT4, SERVER4, version=5), ethertype=0x800))  # 32
    good(60, 5)  # 33, 34
    return c


LOOKUP = ("linked.example", A)


def linked(c, **how):
    c.ask(0, query(1, *LOOKUP), reply(1, *LOOKUP, [rr(Q, A, bytes([192, 0, 2, 7]))]), **how)
    c.ask(10, query(2, *LOOKUP), reply(2, *LOOKUP, rcode=5), v6=True, **how)
    return c


def vlan():
    """802.1Q, and 802.1ad around it."""
    c = linked(Capture(wrap=lambda p: ethernet(p, [(0x8100, 42)])))
    return linked_at(c, 20, lambda p: ethernet(p, [(0x88a8, 7), (0x8100, 42)]))


def linked_at(c, ms, wrap):
    c.ask(ms, query(3, *LOOKUP), reply(3, *LOOKUP, rcode=3), wrap=wrap)
    return c


def ethertype_of(packet): return u16(0x800 if packet[0] >> 4 == 4 else 0x86dd)
def sll(): return linked(Capture(113, lambda p: u16(0, 1, 6) + b"\x02\0\0\0\0\1\0\0" + ethertype_of(p) + p))
def sll2(): return linked(Capture(276, lambda p: ethertype_of(p) + u16(0) + u32(3) + u16(1) + u8(4, 6) +
                                  b"\x02\0\0\0\0\1\0\0" + p))
def raw(): return linked(Capture(101, lambda p: p))
def null(): return linked(Capture(0, lambda p: struct.pack("<I", 2 if p[0] >> 4 == 4 else 24) + p))
def swapped(): return linked(Capture(order=">", nano=True))


def ip():
    """IPv4 options, Ethernet's padding, a length of zero; IPv6 extension headers, an atomic fragment."""
    c = Capture()
    datagram = lambda i: udp(query(i, "ip.example", A), 6000 + i, 53)
    c.frame(0, ethernet(ipv4(datagram(1), CLIENT4, SERVER4, options=b"\x94\4\0\0\1\1\1\0")))
    c.frame(1, ethernet(ipv4(datagram(2), CLIENT4, SERVER4)) + b"\0" * 18)
    c.frame(2, ethernet(ipv4(datagram(3), CLIENT4, SERVER4, total=0)))
    hop, dst = (0, u8(0, 1, 4, 0, 0, 0, 0)), (60, u8(1) + bytes(14))
    routing = (43, u8(0, 0, 0, 0, 0, 0, 0))
    auth = (51, u8(4) + bytes(22))
    c.frame(3, ethernet(ipv6(datagram(4), CLIENT6, SERVER6, extensions=[hop, dst, routing])))
    c.frame(4, ethernet(ipv6(datagram(5), CLIENT6, SERVER6, extensions=[(44, u8(0) + u16(0) + u32(9))])))
    c.frame(5, ethernet(ipv6(datagram(6), CLIENT6, SERVER6, extensions=[auth])))
    return c


class Connection:
    """One TCP connection of a capture; each side's stream is bytes, segments are ranges of them."""

    def __init__(self, capture, port, v6=False, begin=0xfffffff0):
        self.c, self.port, self.v6 = capture, port, v6
        self.begin, self.stream = [begin, 7000], [b"", b""]

    def segment(self, ms, side, at=0, data=b"", flags=0x18, cut=0):
        """side 0: to the server; at: where in the side's stream; cut: octets that were not captured."""
        sport, dport = (self.port, 53) if side == 0 else (53, self.port)
        frame = ethernet(self.packet(side, at, data, flags))
        self.c.frame(ms, frame[:len(frame) - cut], len(frame))

    def packet(self, side, at, data, flags):
        sport, dport = (self.port, 53) if side == 0 else (53, self.port)
        tcp = u16(sport, dport) + u32((self.begin[side] + at) & 0xffffffff, 1) + u8(0x50, flags) + u16(500, 0, 0) + data
        client, server, ip = (CLIENT6, SERVER6, ipv6) if self.v6 else (CLIENT4, SERVER4, ipv4)
        src, dst = (client, server) if side == 0 else (server, client)
        return ip(tcp, src, dst, 6)

    def pieces(self, ms, side, at, first):
        """The stream from there on in a segment that ends it, in two fragments."""
        for frame in pieces(self.packet(side, at, self.stream[side][at:], 0x19), first, ident=self.port):
            self.c.frame(ms, frame)

    def open(self, ms):
        for side, flags in ((0, 0x02), (1, 0x12), (0, 0x10)):
            self.segment(ms, side, -1 if flags & 2 else 0, flags=flags)
        return self

    def close(self, ms):
        for side in (0, 1):
            self.segment(ms, side, len(self.stream[side]), flags=0x11)

    def put(self, side, *messages):
        """Appends messages to a side's stream; where they begin."""
        at = len(self.stream[side])
        self.stream[side] += b"".join(u16(len(m)) + m for m in messages)
        return at

    def send(self, ms, side, first, last=None, **how):
        """A range of the stream."""
        self.segment(ms, side, first, self.stream[side][first:last], **how)

    def say(self, ms, side, *messages):
        """Messages in a segment of their own."""
        self.send(ms, side, self.put(side, *messages))


def tcp():
    """DNS over TCP as it should be: one lookup, then several in one connection, pipelined, split, with the length in a
    segment of its own, replies in another order, over IPv6, a reply of 64 KiB in long segments, and numbers that wrap."""
    c = Capture()
    one = Connection(c, 5001).open(0)
    one.say(1, 0, query(1, "tcp.example", A))
    one.say(2.5, 1, reply(1, "tcp.example", A, [rr(Q, A, bytes([192, 0, 2, 1]))]))
    one.close(3)
    many = Connection(c, 5002, v6=True).open(10)
    many.say(11, 0, *(query(i, f"n{i}.example", A) for i in range(1, 5)))
    for i, ms in ((3, 12), (1, 13)):
        many.say(ms, 1, reply(i, f"n{i}.example", A, rcode=3))
    at = many.put(1, reply(4, "n4.example", A), reply(2, "n2.example", A))
    many.send(14, 1, at, at + 1)
    many.send(15, 1, at + 1, at + 40)
    many.send(16, 1, at + 40)
    at = many.put(0, query(5, "length.example", A))
    many.send(20, 0, at, at + 2)
    many.send(20.5, 0, at + 2)
    many.say(21, 1, reply(5, "length.example", A))
    many.close(22)
    big = Connection(c, 5003, begin=0xffff8000).open(30)
    big.say(31, 0, query(6, "big.example", TXT))
    records = [rr(Q, TXT, string("x" * 250)) for _ in range(249)]
    big.put(1, reply(6, "big.example", TXT, records))
    for i in range(0, len(big.stream[1]), 14480):
        big.send(32 + i / 10000, 1, i, i + 14480)
    big.close(40)
    return c


def tcp_disorder():
    """What networks do to segments: out of order, sent again, overlapping; and other octets the second time."""
    c = Capture()
    x = Connection(c, 5001).open(0)
    at = [x.put(0, query(i, f"d{i}.example", A)) for i in range(6)]
    end = len(x.stream[0])
    x.send(1, 0, at[2], at[4])
    x.send(2, 0, at[1], at[3])
    x.send(3, 0, at[0], at[1] + 5)
    x.send(4, 0, at[0], at[2])
    x.send(5, 0, at[4] + 9, end)
    x.segment(6, 0, at[4] + 12, b"!" * 10)
    x.send(7, 0, at[4], end)
    x.say(8, 1, *(reply(i, f"d{i}.example", A) for i in range(6)))
    x.send(9, 1, 0)
    x.close(10)
    return c


def tcp_gaps():
    """What is missing: segments that never came, a begin that is not in the file, an end inside of a message, a cut
    capture, no message at all, a QR bit that contradicts the ports; and what can be read all the same."""
    c = Capture()
    lost = Connection(c, 5001).open(0)
    lost.say(1, 0, query(1, "before.example", A))
    lost.put(0, query(2, "lost.example", A))
    lost.say(3, 0, query(3, "after.example", A))
    middle = Connection(c, 5002)
    middle.put(0, query(4, "middle.example", A))
    middle.send(4, 0, 9)
    middle.say(5, 0, query(5, "found.example", A))
    middle.say(6, 1, reply(5, "found.example", A))
    end = Connection(c, 5003).open(7)
    end.put(0, query(6, "half.example", A))
    end.send(8, 0, 0, 20)
    end.segment(9, 0, 20, flags=0x11)
    short = Connection(c, 5004).open(10)
    short.put(0, query(7, "short.example", A))
    short.send(11, 0, 0, cut=12)
    noise = Connection(c, 5005).open(12)
    noise.say(13, 0, b"GET / HTTP/1.1")
    noise.say(14, 0, query(8, "noise.example", A))
    noise.say(15, 0, reply(9, "noise.example", A))
    c.ask(9000, query(10, "later.example", A), reply(10, "later.example", A))
    return c


def pieces(packet, *lens, ident=1):
    """An IP packet without options or extension headers in fragments; lens: octets of all but the last."""
    v4 = packet[0] >> 4 == 4
    header = 20 if v4 else 40
    proto, src, dst = (packet[9], packet[12:16], packet[16:20]) if v4 else (packet[6], packet[8:24], packet[24:40])
    payload, at = packet[header:], 0
    for n in (*lens, len(payload)):
        part, more = payload[at:at + n], at + n < len(payload)
        if v4:
            yield ethernet(ipv4(part, src, dst, proto, fragment=more << 13 | at // 8, ident=ident))
        else:
            yield ethernet(ipv6(part, src, dst, proto, [(44, u8(0) + u16(at | more) + u32(ident))]))
        at += n


def fragments():
    """First fragments are read as far as they go: a reply over UDP whose last records are elsewhere, over IPv4 and over
    IPv6, one that was captured in part, one that holds no whole question; over TCP, where the next segment shows the
    gap, and where the stream ends. Later ones are counted: of DNS, and of what nobody knows; none of what is no DNS."""
    c = Capture()
    records = [rr(Q, TXT, string(f"record {i} " + "x" * 90)) for i in range(12)]
    answer = reply(1, "cut.example", TXT, records)
    for i, (ip, client, server) in enumerate(((ipv4, CLIENT4, SERVER4), (ipv6, CLIENT6, SERVER6))):
        c.frame(10 * i, ethernet(ip(udp(query(1, "cut.example", TXT), 5000, 53), client, server)))
        other_port = pieces(ip(udp(bytes(1200), 5000, 123), server, client), 560, ident=8)
        for ms, frame in enumerate(pieces(ip(udp(answer, 53, 5000), server, client), 560, 560, ident=7)):
            c.frame(10 * i + 1 + ms, frame)
            c.frame(10 * i + 1.5 + ms, next(other_port, b"\2" * 14))
    asked = [udp(query(i, "cut.example", TXT), 6000 + i, 53) for i in range(2)]
    for i, (first, cut) in enumerate(((560, 300), (16, 0))):  # of the second one not even all of the header is here
        c.frame(20 + 10 * i, ethernet(ipv4(asked[i], CLIENT4, SERVER4)))
        frames = list(pieces(ipv4(udp(answer[:1] + bytes([i]) + answer[2:], 53, 6000 + i), SERVER4, CLIENT4), first,
                             ident=9 + i))
        c.frame(21 + 10 * i, frames[0][:len(frames[0]) - cut], len(frames[0]))
        c.frame(22 + 10 * i, frames[1])
    for ms, v6 in ((40, False), (50, True)):
        x = Connection(c, 5001, v6).open(ms)
        x.say(ms + 1, 0, query(3, "tcp.example", TXT))
        x.pieces(ms + 2, 1, x.put(1, reply(3, "tcp.example", TXT), reply(4, "tcp.example", TXT, records)), 560)
        if v6:
            x.say(ms + 4, 1, reply(5, "tcp.example", TXT))
    c.frame(60, ethernet(ipv4(bytes(16), CLIENT4, SERVER4, fragment=5, ident=11)))
    c.frame(61, ethernet(ipv4(udp(query(6, "cut.example", A), 5000, 53)[:8], CLIENT4, SERVER4, 6, fragment=0x2000)))
    c.frame(62, ethernet(ipv6(bytes(16), CLIENT6, SERVER6, extensions=[(44, u8(0) + u16(8 << 3) + u32(12))])))
    return c


def other():
    """What is no DNS, or not to be decoded: other protocols and ports."""
    c = Capture()
    q = query(1, "other.example", A)
    http = lambda data: u16(5000, 80) + u32(1, 1) + u8(0x50, 0x18) + u16(500, 0, 0) + data
    c.frame(1, ethernet(ipv4(http(u16(len(q)) + q), CLIENT4, SERVER4, 6)))
    c.frame(2, ethernet(ipv6(http(u16(len(q)) + q), CLIENT6, SERVER6, 6)))
    c.frame(6, ethernet(ipv4(b"x" * 16, CLIENT4, SERVER4, 1, fragment=5)))  # ICMP
    c.frame(7, ethernet(ipv4(udp(q, 5000, 5353), CLIENT4, SERVER4)))
    c.frame(8, ethernet(b"\0\1\x08\0\6\4\0\1" + bytes(20), ethertype=0x806))  # ARP
    c.frame(9, ethernet(b"\x42\x42\3" + bytes(20), ethertype=23))  # LLC
    c.ask(10, q, reply(1, "other.example", A))
    return c


CAPTURES = [types, edns, pairing, names, malformed, vlan, sll, sll2, raw, null, swapped, ip, tcp, tcp_disorder,
            tcp_gaps, fragments, other]


def pcapng(c):
    """Section header, one interface (nanoseconds), enhanced packets."""
    block = lambda kind, body: struct.pack("<II", kind, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    out = block(0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 1, 0, -1))
    out += block(1, struct.pack("<HHI", c.link, 0, 0) + struct.pack("<HHB3xHH", 9, 1, 9, 0, 0))
    for us, frame, wire_len in c.packets:
        ns = START * 10**9 + us * 1000
        pad = -len(frame) % 4
        out += block(6, struct.pack("<IIIII", 0, ns >> 32, ns & 0xffffffff, len(frame), wire_len) + frame + bytes(pad))
    return out


def files():
    for make in CAPTURES:
        yield make.__name__ + ".pcap", make().octets()
    yield "next.pcapng", pcapng(raw())
    yield "damaged.pcap", raw().octets()[:-10]
    yield "unsupported.pcap", Capture(105).octets()  # IEEE 802.11


def write(path, octets):
    with open(path, "wb") as f:
        f.write(octets)


def main():
    if sys.argv[1] != "--corpus":
        for file, octets in files():
            write(os.path.join(sys.argv[1], file), octets)
        return
    for folder in ("dns", "pcap"):
        os.makedirs(os.path.join(sys.argv[2], folder), exist_ok=True)
    for file, octets in files():
        if not file.startswith(("types", "names", "pairing", "edns", "tcp.")):
            write(os.path.join(sys.argv[2], "pcap", file), octets)
    seen = set()
    for make in CAPTURES[:5]:
        for payload in make().payloads:
            if payload in seen:
                continue
            seen.add(payload)
            write(os.path.join(sys.argv[2], "dns", f"{make.__name__}-{len(seen):03}"), payload)


main()
