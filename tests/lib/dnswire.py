# SPDX-License-Identifier: Apache-2.0
"""Just enough DNS to build queries and to read headers and questions: the tests' and the judge's
own reading of the wire, sharing nothing with lib/dns."""
import struct

TYPES = {1: "A", 2: "NS", 5: "CNAME", 6: "SOA", 12: "PTR", 15: "MX", 16: "TXT", 28: "AAAA", 33: "SRV",
         35: "NAPTR", 43: "DS", 48: "DNSKEY", 64: "SVCB", 65: "HTTPS", 255: "ANY", 257: "CAA"}
NUMBERS = {name: number for number, name in TYPES.items()}
OPT, EXTENDED_ERROR = 41, 15
RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


class Broken(ValueError):
    """No DNS message."""


def type_name(number):
    return TYPES.get(number, f"TYPE{number}")


def query(name, qtype="A", ident=1):
    """One query with RD, without EDNS."""
    labels = b"".join(bytes([len(l)]) + l.encode() for l in name.rstrip(".").split(".") if l)
    return struct.pack("!6H", ident, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!2H", NUMBERS[qtype], 1)


def octet(o):
    if o in b".\\":
        return "\\" + chr(o)
    return chr(o).lower() if 0x21 <= o <= 0x7e else f"\\{o:03d}"


def question_name(data, at):
    """Presentation form in lower case, and where it ends. A question holds no pointers."""
    labels = []
    while True:
        if at >= len(data):
            raise Broken("the name ends outside of the message")
        length = data[at]
        at += 1
        if length == 0:
            return ".".join(labels) or ".", at
        if length > 63 or at + length > len(data):
            raise Broken("bad label")
        labels.append("".join(map(octet, data[at:at + length])))
        at += length


def message(data):
    """(id, is_reply, rcode, qname, qtype, end of the question). Broken when it cannot be read."""
    if len(data) < 12:
        raise Broken("shorter than a header")
    ident, flags, questions = struct.unpack("!3H", data[:6])
    if questions != 1:
        raise Broken(f"{questions} questions")
    qname, at = question_name(data, 12)
    if at + 4 > len(data):
        raise Broken("the question is cut off")
    qtype = struct.unpack("!H", data[at:at + 2])[0]
    return ident, bool(flags & 0x8000), RCODES.get(flags & 15, str(flags & 15)), qname, type_name(qtype), at + 4


def skip_name(data, at):
    """Where a name ends; a pointer is its end."""
    while at < len(data) and 0 < data[at] < 64:
        at += 1 + data[at]
    return at + (2 if at < len(data) and data[at] else 1)


def edns(data):
    """(has an OPT record, info code of its extended error or None); of a message that message() reads."""
    at = message(data)[5]
    try:
        for _ in range(sum(struct.unpack("!3H", data[6:12]))):
            at = skip_name(data, at)
            rtype, _, _, length = struct.unpack_from("!HHIH", data, at)
            at += 10 + length
            if rtype == OPT:
                return True, extended_error(data[at - length:at])
    except struct.error:
        pass
    return False, None


def extended_error(options):
    at = 0
    while at + 4 <= len(options):
        code, length = struct.unpack_from("!HH", options, at)
        if code == EXTENDED_ERROR and length >= 2:
            return struct.unpack_from("!H", options, at + 4)[0]
        at += 4 + length
    return None
