# SPDX-License-Identifier: Apache-2.0
"""Controller and agent where a runtime's pods are, and a recording of all DNS packets that shares
nothing with them. The calling thread must be in the same network namespace."""
import json
import os
import re
import subprocess
from collections import Counter

from kit import BUILD, SECONDS, children, wait
import capture
from lab import Child, Failed, Lab

# Whole lookups are answered within it; the agent gives up a query later.
TIMEOUT = "3s"
NSLOOKUP_SECONDS = 20


class NodeChild(Child):
    """Started by nsenter, which hands on no signal: those go to the program itself."""

    @property
    def pid(self):
        return (children(self.process.pid) or [self.process.pid])[0]

    def end(self, number=15, seconds=30.0):
        if self.process.poll() is None:
            os.kill(self.pid, number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            os.kill(self.pid, 9)
            return self.process.wait()


class Product(Lab):
    def __init__(self, work, enter=(), bpf="/sys/fs/bpf/nametap", state="/run/nametap"):
        """enter: words that run a command on the node."""
        super().__init__(BUILD, prefix="nte2e", work=work)
        self.enter, self.bpf, self.state, self.node = list(enter), bpf, state, None

    def inside(self, netns):
        return self.enter + super().inside(netns)

    def spawn(self, *args, **kw):
        child = super().spawn(*args, **kw)
        if self.enter:
            child.__class__ = NodeChild
        return child

    def start(self, *agent_options):
        """All of it, before the first pod whose packets are to be compared."""
        self.start_controller()
        self.begin_recording()
        self.agent_options = agent_options
        self.agent = self.start_agent()

    def start_agent(self, flush="300ms", name="agent", extra=()):
        child = self.spawn(name, [f"{self.build}/nametap-agent", "--pin-root", self.bpf, "--state-dir", self.state,
                                  "--spool", f"{self.work}/spool", "--controller", self.controller_url, "--token-file",
                                  self.token_file, "--node", "node1", "--flush", flush, "--timeout", TIMEOUT,
                                  "--host-network", "off", *self.agent_options, *extra])
        self.wait_for(child, "spool")
        return child

    # --- what the product says ---------------------------------------------------------------------
    def endpoints(self, **wanted):
        """Of coverage, oldest first, those that have these values."""
        found = self.api.get("/api/v1/coverage")["endpoints"]
        return [e for e in reversed(found) if all(e[k] == v for k, v in wanted.items())]

    def endpoint(self, seconds=SECONDS, **wanted):
        """The one endpoint that is so, as soon as it is; else None."""
        found = wait(lambda: self.endpoints(**wanted), lambda v: v, seconds)
        return found[0] if len(found) == 1 else None

    def who_asked(self, qname, seconds=SECONDS):
        """The client's rows of a name, a resolver's own questions left out: {(namespace, name, uid, interface)}."""
        rows = wait(lambda: [r for r in self.api.rows(side="client", role="workload", q=f'qname = "{qname}"') if r.get("rcode")], bool,
                    seconds)
        return {tuple(r.get(f"client_{k}", "") for k in ("namespace", "name", "uid", "ifname")) for r in rows}

    def dump(self, name):
        p = self.run("bpftool", "-j", "map", "dump", "pinned", f"{self.bpf}/{name}")
        return [e.get("formatted", e)["value"] for e in json.loads(p.stdout)]

    def records(self, **wanted):
        return [r for r in self.dump("pods") if all(r[k] == v for k, v in wanted.items())]

    def attached(self, **wanted):
        return self.records(state=1, **wanted)

    # --- what the recording says ---------------------------------------------------------------------
    def begin_recording(self, *options):
        """Before the first pod whose packets are to be compared."""
        self.links = self.spawn("links", ["ip", "-o", "monitor", "link"])
        self.recording = self.start_recording(*options)
        # The recording does not have all of these; the monitor names them, too, when they change.
        self.former = {l["ifname"] for l in json.loads(self.run("ip", "-j", "link").stdout)}

    def end_recording(self):
        self.end_well(self.recording, self.links)

    def end_well(self, *children):
        for child in children:
            code = self.end(child)
            if code not in (0, -15, 143):
                raise Failed(f"{child.name} ended with {code}:\n{child.tail()}")

    def host_links(self):
        """Name -> index of the links that came since start()."""
        with open(self.links.log) as f:
            return {m[2]: int(m[1]) for m in re.finditer(r"^(\d+): ([^:@]+)[:@]", f.read(), re.M) if m[2] not in self.former}

    def settle(self):
        """The agent and the recording end; all that was seen is with the controller."""
        self.dead_is_failure()
        self.end_well(self.agent)
        self.end_recording()
        self.ship_rest()

    def disagreements(self, of=lambda endpoint: True, lossless=True):
        """Once all is shipped, in words: at each tap (of these) what it has seen against the packets that were recorded
        on its link, and what became of them. Then how many taps and packets that was. lossless: none may be unlogged."""
        path, packets, wrong, taps, total = f"{self.evidence}/packets.pcap", Counter(), [], 0, 0
        for d in capture.read(path):
            packets[d.ifindex] += not d.tcp
        for s in capture.segments(path):
            packets[s.ifindex] += s.packets
        for f in capture.later_fragments(path):
            packets[f.ifindex] += 1
        links = self.host_links()
        for e in self.endpoints():
            if e["host_ifname"] not in links or e["state"] in ("failed", "excluded") or not of(e):
                continue
            seen = packets[links[e["host_ifname"]]]
            taps, total = taps + 1, total + seen
            said = (e["seen"], e["logged"] + e["unlogged"] + e["stream"])
            if said != (seen, seen) or (lossless and e["unlogged"]):
                wrong.append(f"{e['namespace']}/{e['name']} {e['ifname']} on {e['host_ifname']}: recorded {seen}, seen {said[0]}, "
                             f"accounted for {said[1]}, of these unlogged {e['unlogged']}")
        return wrong, taps, total


