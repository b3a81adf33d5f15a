# SPDX-License-Identifier: Apache-2.0
"""The whole chain for a test: node, controller, resolver and outside world, agent, and the judge at
the end. tell(story) runs one test program inside the sandbox:

    def story(chain):
        pod = chain.lab.add_pod("shop", "web")
        ...
        chain.settle()
        chain.judged("what the judge's verdict stands for")
    sys.exit(tell(story))
"""
import json
import os
import shutil
import subprocess
import sys
import traceback

import sandbox
import tap
from lab import COMMANDS, OURS, PLUGINS, TREE, Failed, Lab
from world import World

BUILD = os.path.abspath(os.environ.get("BUILD") or f"{TREE}/build")
CLIENT_RAW = f"{BUILD}/demo/client_raw"
# Longer than a lookup may wait for its reply (6 s), so that none is open when the judge looks.
LAST_ANSWER_SECONDS = 7.0


class Chain:
    def __init__(self, stop, flush, agent, controller):
        self.stop, self.lab, self.flush = stop, Lab(BUILD, prefix="nttest"), flush
        self.agent_options, self.controller_options = agent, controller
        self.world = World(self.lab)

    def start(self):
        lab = self.lab
        lab.start_node()
        self.controller = lab.start_controller(extra=self.controller_options)
        self.recording = lab.start_recording()
        self.outside = self.world.start_outside()
        dns = lab.add_pod("kube-system", "kube-dns-0")
        self.agent = lab.start_agent(self.flush, extra=self.agent_options)
        self.resolver = self.world.start_resolver(dns)

    def ask(self, pod, name, *options, server="10.96.0.10"):
        """One run of client_raw in the pod; its counts."""
        p = subprocess.run(self.lab.in_pod(pod, [CLIENT_RAW, "--server", server, "--name", name, *options]),
                           capture_output=True, text=True, timeout=60)
        if p.returncode:
            raise Failed(f"client_raw: {p.stderr.strip()}")
        return json.loads(p.stdout.splitlines()[-1])

    def settle(self, unanswered=False):
        """Nothing more is sent; everything that the tap saw is on its way into the store. unanswered:
        some lookup never got its reply, so wait until the agent has given it up."""
        lab = self.lab
        lab.dead_is_failure()
        if self.stop.asked(LAST_ANSWER_SECONDS if unanswered else 0.3):
            raise Failed("stopped")
        for child in (self.resolver, self.agent, self.recording):
            code = lab.end(child)
            if code:
                raise Failed(f"{child.name} ended with {code}:\n{child.tail()}")
        lab.ship_rest()
        for name in ("resolver", "outside"):
            shutil.copy(f"{lab.work}/log/{name}.log", lab.evidence)

    def judge(self):
        """Exit code, verdict, everything that it said."""
        argv = [f"{TREE}/tests/demo/judge", "--evidence", self.lab.evidence, "--api", self.lab.controller_url]
        p = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        try:
            verdict = json.loads(p.stdout.splitlines()[-1])
        except (IndexError, ValueError):
            verdict = {}
        return p.returncode, verdict, p.stdout + p.stderr

    def judged(self, what):
        code, verdict, said = self.judge()
        tap.ok(what, code == 0, said)
        return verdict


def kernel_has_tcx():
    major, minor = os.uname().release.split(".")[:2]
    return (int(major), int(minor)) >= (6, 6)


class Asking:
    """A pod that asks one lookup after the other until told to end."""

    def __init__(self, chain, pod, name, interval_ms=2):
        loop = 'n=0; while ! read -t 0; do "$@" >/dev/null || exit 1; n=$((n+1)); done; echo $n'
        self.process = subprocess.Popen(
            chain.lab.in_pod(pod, ["bash", "-c", loop, "bash", CLIENT_RAW, "--server", "10.96.0.10", "--name", name,
                                   "--count", "40", "--interval", str(interval_ms)]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def end(self):
        out, _ = self.process.communicate("end\n", timeout=60)
        if self.process.returncode:
            raise Failed(f"a client ended with {self.process.returncode}")
        return int(out)


def tell(story, flush="500ms", agent=(), controller=(), before=lambda chain: None):
    """agent, controller: more of their command lines. before(chain) is called when nothing of the chain is there yet."""
    def check():
        problems = sandbox.missing(COMMANDS, PLUGINS + [f"{BUILD}/{n}" for n in OURS] + [CLIENT_RAW])
        for p in problems:
            tap.ok(f"prerequisites of {os.path.basename(sys.argv[0])}", False, p)
        return not problems

    def inside(stop):
        chain = Chain(stop, flush, agent, controller)
        try:
            before(chain)
            chain.start()
            story(chain)
        except Exception:  # whatever it was, the chain is taken down and the test has failed
            logs = [f"{c.name}: {c.tail(8)}" for c in chain.lab.children]
            tap.ok(f"{os.path.basename(sys.argv[0])} runs to its end", False, *logs, traceback.format_exc())
        finally:
            problems = chain.lab.close()
            tap.ok("everything could be taken down", not problems, *problems)
        return tap.done()

    return sandbox.run(inside, check)
