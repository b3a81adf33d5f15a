# SPDX-License-Identifier: Apache-2.0
"""Plugin and agent of one build in place of another's, under traffic: what the tests of upgrades share."""
import glob
import json
import os
import shutil
import threading

from api import until
from chain import BUILD
from lab import Failed
from tap import ok, same

LANES = 2


class Churn:
    """Pods that come, ask once and go, in lanes, until end()."""

    def __init__(self, chain):
        self.chain, self.ending, self.count, self.failures = chain, threading.Event(), 0, []
        self.threads = [threading.Thread(target=self.lane, args=(n,)) for n in range(LANES)]
        for t in self.threads:
            t.start()

    def lane(self, lane):
        number = 0
        while not self.ending.is_set():
            name = f"short-{lane}-{number}"
            number += 1
            try:
                pod = self.chain.lab.add_pod("burst", name)
                counts = self.chain.ask(pod, f"{name}.apps.example.com", "--once")
                self.chain.lab.del_pod(pod)
                if (counts["sent"], counts["received"]) != (1, 1):
                    self.failures.append(f"{name}: {counts}")
                self.count += 1
            except Exception as e:  # whatever failed, it is a pod that an upgrade cost something
                self.failures.append(f"{name}: {e}")

    def more(self, n):
        """Waits until so many more have come and gone."""
        wanted = self.count + n
        until(lambda: self.failures or self.count >= wanted, 60)

    def end(self):
        self.ending.set()
        for t in self.threads:
            t.join()


class Upgrading:
    """Two pods that the caller asks from, and a plugin and an agent that change."""

    def __init__(self, chain):
        self.chain, self.lab, self.agents, self.extra = chain, chain.lab, 1, ()
        self.plugin = f"{self.lab.work}/cni/bin/nametap"
        self.put_plugin(BUILD)
        self.pods = [self.lab.add_pod("shop", f"web-{network}", network=network) for network in ("bridge", "ptp")]

    def put_plugin(self, build):
        """As the installer does: a whole file beside it, then one rename."""
        shutil.copy(f"{build}/nametap", self.plugin + ".new")
        os.rename(self.plugin + ".new", self.plugin)

    def programs(self):
        return {json.loads(self.lab.run("bpftool", "-j", "prog", "show", "pinned", f"{self.lab.bpf}/{n}").stdout)["id"]
                for n in ("from_pod", "to_pod")}

    def in_links(self):
        """Programs of the pinned links; empty on a kernel without tcx."""
        found = set()
        for pin in glob.glob(f"{self.lab.bpf}/links/*"):
            p = self.lab.run("bpftool", "-j", "link", "show", "pinned", pin, check=False)
            if p.returncode == 0:  # else the pod went meanwhile
                found.add(json.loads(p.stdout)["prog_id"])
        return found

    def change_agent(self, build):
        self.end_agent()
        self.next_agent(build)

    def end_agent(self):
        if self.lab.end(self.chain.agent):
            raise Failed(f"the agent failed:\n{self.chain.agent.tail()}")

    def next_agent(self, build):
        self.lab.build, self.agents = build, self.agents + 1
        self.chain.agent = self.lab.start_agent(self.chain.flush, name=f"agent{self.agents}", extra=self.extra)
        self.lab.wait_for(self.chain.agent, "node node1")

    def upgrade(self, what, build, churn):
        before = self.programs()
        self.put_plugin(build)
        churn.more(6)
        self.change_agent(build)
        ok(f"{what}: the agent pins the programs of its build", not before & self.programs(), self.chain.agent.tail())
        churn.more(6)
        if glob.glob(f"{self.lab.bpf}/links/*"):
            until(lambda: not self.in_links() & before, 20)
            same(f"{what}: no link runs the old ones", self.in_links() & before, set(), self.chain.agent.tail())

    def gaps(self):
        return [g for g in self.lab.api.get("/api/v1/coverage")["gaps"] if g["name"].startswith(("web-", "short-"))]
