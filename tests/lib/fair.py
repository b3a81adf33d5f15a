# SPDX-License-Identifier: Apache-2.0
"""One pod that floods beside pods that do not: the real plugin, programs, agent and controller, a
responder and clients in C (tests/helpers/dnsload). tests/netns/test_fair tells it in seconds,
tests/soak/soak for a minute or for hours.

    story = Fair(lab, quiet=50, rate=20, rows=2000, flush="5s")
    figures = story.phase("quiet", seconds)          # what was sent, and how the store grew
    figures = story.phase("flood", seconds, 20000)
    story.judge(...)                                 # TAP lines
"""
import json
import os
import sqlite3
import subprocess
import time

import tap
from api import until
from lab import METRICS_AT, Failed

FLOODER = "flooder"


class Fair:
    def __init__(self, lab, quiet, rate, rows, flush):
        self.lab, self.rate, self.rows = lab, rate, rows
        self.dnsload = f"{lab.build}/tests/helpers/dnsload"
        self.sent, self.received, self.dropped, self.phases, self.numbers = {}, {}, {}, 0, quiet
        self.starts = 0
        lab.start_node()
        self.start_controller()
        self.server = lab.add_pod("dns", "server")
        self.flooder = lab.add_pod("shop", FLOODER)
        self.quiet = [lab.add_pod("shop", f"quiet-{i}") for i in range(quiet)]
        self.address = next(ip for ip in self.server.ips if ":" not in ip)
        self.responder = lab.spawn("responder", [self.dnsload, "respond", f"/run/netns/{self.server.netns}", self.address])
        lab.wait_for(self.responder, "ready")
        self.flush = flush
        self.start_agent()

    def start_controller(self, listen="127.0.0.1:0", *extra):
        self.starts += 1
        self.controller = self.lab.start_controller(listen, f"controller{self.starts}", extra)

    def start_agent(self):
        self.starts += 1
        self.agent = self.lab.start_agent(self.flush, name=f"agent{self.starts}", extra=(
            "--timeout", "2s", "--rows", str(self.rows), "--listen", METRICS_AT))
        self.lab.wait_for(self.agent, "spool")

    def store(self):
        """Rows and octets of the store, whatever of it is still in the write-ahead log."""
        db = sqlite3.connect(f"file:{self.lab.work}/data/records.db?mode=ro", uri=True, timeout=30)
        try:
            one = lambda sql: db.execute(sql).fetchone()[0]
            return one("SELECT count(*) FROM rows"), one("PRAGMA page_count") * one("PRAGMA page_size")
        finally:
            db.close()

    def clients(self, flood, names):
        label = f"p{self.phases}"
        lines = [f"/run/netns/{p.netns} {self.rate} {names} {label}.{p.name}.example" for p in self.quiet]
        if flood:
            lines.append(f"/run/netns/{self.flooder.netns} {flood} 0 {label}.flood.example")
        return "".join(l + "\n" for l in lines)

    def phase(self, seconds, flood=0):
        """Traffic for so long; returns counts, rows and octets that the store grew by, the label."""
        rows, octets = self.store()
        result = self.traffic(seconds, flood)
        self.settle()
        after = self.store()
        return {"rows": after[0] - rows, "octets": after[1] - octets, **result}

    def traffic(self, seconds, flood=0):
        return self.end_traffic(self.start_traffic(seconds, flood))

    def start_traffic(self, seconds, flood=0, names=0):
        """names: so many of each pod, 0: a new one with each query."""
        self.phases += 1
        p = subprocess.Popen([self.dnsload, "ask", self.address, str(seconds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
        p.stdin.write(self.clients(flood, names))
        p.stdin.close()
        p.stdin = None
        return p

    def end_traffic(self, load):
        """Waits for its end, adds what was sent and received to the books."""
        out, err = load.communicate(timeout=900)
        if load.returncode:
            raise Failed(f"dnsload: {err}")
        counts = {}
        for line in out.splitlines()[1:]:
            c = json.loads(line)
            name = os.path.basename(c["netns"]).split("-", 2)[2]
            c["received"] += self.not_read(os.path.basename(c["netns"]))
            counts[name] = c
            self.sent[name] = self.sent.get(name, 0) + c["sent"]
            self.received[name] = self.received.get(name, 0) + c["received"]
        return {"counts": counts, "label": f"p{self.phases}"}

    def not_read(self, netns):
        """Replies since the last call that came to this pod, and its socket had no room for them: a client that gets
        too little of a shared machine."""
        lines = self.lab.run("cat", "/proc/net/snmp", netns=netns).stdout.splitlines()
        head, values = (l.split() for l in lines if l.startswith("Udp:"))
        now = int(values[head.index("RcvbufErrors")])
        before, self.dropped[netns] = self.dropped.get(netns, 0), now
        return now - before

    def endpoints(self):
        return {e["name"]: e for e in self.lab.api.get("/api/v1/coverage")["endpoints"]}

    def counted(self, name):
        return self.sent[name] + self.received[name]

    def wrong_sums(self):
        """Pods of whose packets rows and UNLOGGED do not make what they counted themselves, but for packets that the kernel says it
        has dropped between pod and tap (a backlog that is full). Those that ended longer ago than the retention are forgotten."""
        ends, live = self.endpoints(), {p.name for p in [self.flooder, *self.quiet]}

        def is_right(e, counted):
            return e["logged"] + e["unlogged"] == e["seen"] and e["seen"] <= counted <= e["seen"] + e["before_tap"]
        return {n: (ends.get(n), self.counted(n)) for n in self.sent
                if (n in ends or n in live) and not (n in ends and is_right(ends[n], self.counted(n)))}

    def unseen(self):
        """Pod -> packets that it counted and its tap has not seen."""
        unseen = {n: self.counted(n) - e["seen"] for n, e in self.endpoints().items() if n in self.sent}
        return {n: count for n, count in unseen.items() if count}

    def settle(self, seconds=60):
        """All that the taps saw is in the store: rows and what is stated as lost."""
        def settled():
            self.lab.dead_is_failure()
            return not self.wrong_sums()
        until(settled, seconds, 0.25)
        # A query that nobody answered waits 2 s, and counts as logged meanwhile.
        time.sleep(3)

    def sums(self, label):
        """Per pod, of its own lookups in that phase: what its LOG rows add up to. once: names that are in
        one row with one lookup, each."""
        columns = 'client_name, qname, "count", queries, replies, folded, "distinct"'
        sums = {}
        db = sqlite3.connect(f"file:{self.lab.work}/data/records.db?mode=ro", uri=True, timeout=30)
        for name, qname, count, queries, replies, folded, distinct in db.execute(
                f"SELECT {columns} FROM rows WHERE nt_type = 0 AND nt_side = 0"):
            if f".{label}." not in qname and not folded:
                continue
            s = sums.setdefault(name, {"rows": 0, "once": 0, "count": 0, "queries": 0, "replies": 0, "folded": 0, "distinct": 0})
            s["rows"] += 1
            s["once"] += count == 1 and not folded
            s["count"] += count
            s["queries"] += queries
            s["replies"] += replies
            s["folded"] += folded or 0
            s["distinct"] = max(s["distinct"], distinct or 0)
        db.close()
        return sums

    def unlogged(self):
        """Per pod and reason."""
        db = sqlite3.connect(f"file:{self.lab.work}/data/records.db?mode=ro", uri=True, timeout=30)
        rows = db.execute('SELECT client_name, reason, sum("count") FROM rows WHERE nt_type = 1 GROUP BY 1, 2').fetchall()
        db.close()
        return {(name, reason): n for name, reason, n in rows}

    def judge(self, quiet, flood, seconds, least, whole):
        """quiet, flood: what phase() returned for the same time without and with the flood. least: queries a
        second that make it a flood; whole: nothing of the flooder's own may be lost either."""
        sums, lost, ends = self.sums(flood["label"]), self.unlogged(), self.endpoints()
        names = [p.name for p in self.quiet]
        same, ok = tap.same, tap.ok
        same("the others' rows are complete: each name once, all replies", {n: (sums[n]["once"], sums[n]["count"], sums[n]["replies"]) for n in names},
             {n: (c["sent"], c["sent"], c["received"]) for n, c in flood["counts"].items() if n in names}, lost)
        same("nothing of the others is lost", {k: n for k, n in lost.items() if k[0] in names}, {})
        c, s, e = flood["counts"][FLOODER], sums[FLOODER], ends[FLOODER]
        own = sum(n for k, n in lost.items() if k[0] == FLOODER)
        ok(f"the flood was one ({c['sent'] / seconds:.0f} queries a second, {c['received']} of {c['sent']} answered)", c["sent"] >= least * seconds)
        if whole:
            same("nothing of the flooder is lost", own, 0, lost)
        same("the flooder's packets: rows + UNLOGGED = what it sent and got", s["queries"] + s["replies"] + own, self.sent[FLOODER] + self.received[FLOODER], lost)
        same("and so says the tap", e["seen"], self.sent[FLOODER] + self.received[FLOODER])
        if not own:
            same("the flooder's counts are exact", (s["count"], s["queries"], s["replies"]), (c["sent"], c["sent"], c["received"]))
        ok(f"its names are folded ({s['folded']} of {s['count']} lookups, {s['rows']} rows)", s["folded"] > s["count"] / 2)
        ok("distinct names of an interval are estimated", 0 < s["distinct"] <= 1.13 * c["sent"], s)
        same("per pod: seen = logged + unlogged", {n: (v["logged"] + v["unlogged"]) for n, v in ends.items()}, {n: v["seen"] for n, v in ends.items()})
        ratio = flood["octets"] / max(1, quiet["octets"])
        ok(f"the store grew by {flood['octets'] / 1048576:.1f} MiB, {ratio:.2f} times the quiet run's (rows {flood['rows']} to {quiet['rows']})", ratio <= 2.0)
        return ratio

    def memory(self):
        """KiB of the agent, by kind."""
        with open(f"/proc/{self.agent.pid}/status") as f:
            return {l.split(":")[0]: int(l.split()[1]) for l in f if l.startswith(("VmRSS", "VmHWM", "Rss"))}
