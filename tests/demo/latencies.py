# SPDX-License-Identifier: Apache-2.0
"""How long each lookup took, from both sides, by the judge's own packets.

The tap and the recording (tests/lib/capture.py) stamp the same packet at two moments, and a busy
machine may put any time between them: a difference of the two says nothing. Their order says it
all, because the kernel hands a packet over before the tc ingress and after the tc egress programs:

    own link    query recorded <= tap        tap <= reply recorded          at most: the span here
    other link       tap <= query recorded        reply recorded <= tap     at least: the span there

So what the tap measured lies between two spans that were recorded, however slow the machine is. A
denied lookup is on no other link: at least 0."""
from bisect import bisect_left
from collections import defaultdict

# The tap reads the kernel's fast clock and the recording the slow one, and both are rounded: what
# they may disagree about one moment. No time for anything to happen in.
CLOCK_NS = 10_000


class Elsewhere:
    """Moments at which a lookup left the node towards its server and came back, on other links than
    the client's own."""

    def __init__(self):
        self.left, self.came = defaultdict(list), defaultdict(list)

    def add(self, d):
        if d.broken:
            return
        if d.dport == 53 and not d.from_pod:
            self.left[d.src, d.sport, d.dst, d.ident, d.qname, d.qtype].append(d.ns)
        elif d.sport == 53 and d.from_pod:
            self.came[d.dst, d.dport, d.src, d.ident, d.qname, d.qtype].append(d.ns)

    def least(self, query, reply):
        """Within these two packets of the client's own link."""
        key = (query.src, query.sport, query.dst, query.ident, query.qname, query.qtype)
        left = first(self.left.get(key, ()), query.ns)
        came = left and first(self.came.get(key, ()), left)
        return came - left if came and came <= reply.ns else 0


def first(times, since):
    """The first of these times, which are in order, that is not before `since`."""
    at = bisect_left(times, since)
    return times[at] if at < len(times) else None


class Spans:
    """Lookups of one kind: the least and the most that each may have taken, ns."""

    def __init__(self):
        self.least, self.most = [], []

    def add(self, least, most):
        self.least.append(least)
        self.most.append(most)

    def faults(self, told):
        """What cannot be, in words; told has as many lookups."""
        n = len(self.most)
        for what, theirs, low, high in (("mean", told.total / n, sum(self.least) / n, sum(self.most) / n),
                                        ("shortest", told.shortest, min(self.least), min(self.most)),
                                        ("longest", told.longest, max(self.least), max(self.most))):
            if not max(0, low - CLOCK_NS) <= theirs <= high + CLOCK_NS:
                yield f"{what} {theirs / 1e6:.3f} ms, seen {low / 1e6:.3f} to {high / 1e6:.3f} ms"


class Told:
    """The rows of these lookups, added up."""

    def __init__(self):
        self.count = self.total = 0
        self.shortest, self.longest = None, None

    def add(self, row):
        n = row.get("latency_count") or 0
        if n:
            self.count += n
            self.total += n * row["latency_mean"]
            self.shortest = min(x for x in (self.shortest, row["latency_min"]) if x is not None)
            self.longest = max(x for x in (self.longest, row["latency_max"]) if x is not None)


def compare(report, key, seen, told):
    """seen: (name, type, code) -> Spans, told: the same -> Told, of one pod. Returns how many lookups
    are in rows whose latency cannot be. Kinds of another number are another fault, told elsewhere."""
    wrong = 0
    for item in sorted(set(seen) & set(told)):
        if told[item].count != len(seen[item].most):
            continue
        faults = list(seen[item].faults(told[item]))
        wrong += told[item].count if faults else 0
        for fault in faults:
            report.differ(f"wrong latency: {key}: {' '.join(item)}, {told[item].count} lookups: nametap says {fault}")
    return wrong
