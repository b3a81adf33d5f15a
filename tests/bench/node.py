# SPDX-License-Identifier: Apache-2.0
"""A node for measurements with real processes, on tests/lib/lab.py: links to network namespaces that
are no pods, the agent's metrics, CPU and memory of a process, run time of BPF programs."""
import ctypes
import json
import os
import re
import subprocess
import sys

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../lib"))
import sandbox  # noqa: E402
from lab import COMMANDS, METRICS_AT, OURS, PLUGINS, Failed, Lab  # noqa: E402,F401

BUILD = os.path.abspath(os.environ["BUILD"])
ROUNDS = int(os.environ["BENCH_ROUNDS"])
DNSLOAD = f"{BUILD}/tests/helpers/dnsload"
BPF_ENABLE_STATS, SYS_BPF = 32, {"x86_64": 321, "aarch64": 280}


def say(word, figure, value, unit=""):
    print(f"{word} {figure} {value:.6g} {unit}".rstrip(), flush=True)


class Node(Lab):
    def __init__(self):
        super().__init__(BUILD, prefix="ntbench")
        self.links = 0

    def link(self, name):
        """A network namespace that is no pod, with a veth to the node; its address."""
        n, netns = self.links, f"{self.prefix}-{name}"
        self.links += 1
        self.make_netns(netns)
        self.run("ip", "-n", self.node, "link", "add", f"{name}0", "type", "veth", "peer", "name", "eth0", "netns", netns)
        self.run("ip", "-n", self.node, "addr", "add", f"172.30.{n}.1/24", "dev", f"{name}0")
        self.run("ip", "-n", self.node, "link", "set", f"{name}0", "up")
        self.run("ip", "-n", netns, "addr", "add", f"172.30.{n}.2/24", "dev", "eth0")
        self.run("ip", "-n", netns, "link", "set", "eth0", "up")
        self.run("ip", "-n", netns, "route", "add", "default", "via", f"172.30.{n}.1")
        return netns, f"172.30.{n}.2"

    def start_measured_agent(self, flush):
        agent = self.start_agent(flush, extra=("--listen", METRICS_AT))
        self.wait_for_agent()
        return agent

    def ask(self, server, seconds, clients):
        """Runs dnsload; clients: (netns, rate, names, label, count). Its counts."""
        lines = "".join(f"/run/netns/{netns} {rate} {names} {label} {count}\n"
                        for netns, rate, names, label, count in clients)
        p = subprocess.run([DNSLOAD, "ask", server, str(seconds)], input=lines, capture_output=True, text=True,
                           timeout=seconds + 120)
        if p.returncode:
            raise Failed(f"dnsload: {p.stderr.strip()}")
        return [json.loads(line) for line in p.stdout.splitlines()[1:]]

    def program_ns(self):
        """Run time of both programs of the taps since they were loaded; 0 where nobody counted."""
        total = 0
        for name in ("from_pod", "to_pod"):
            p = self.run("bpftool", "-j", "prog", "show", "pinned", f"{self.bpf}/{name}")
            total += json.loads(p.stdout).get("run_time_ns", 0)
        return total


def cpu_ns(pid):
    """Of all threads that the process has now."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as f:
            total += int(f.read().split()[0])
    return total


def memory_kib(pid):
    with open(f"/proc/{pid}/status") as f:
        return {m[1]: int(m[2]) for m in re.finditer(r"^(\w+):\s+(\d+) kB$", f.read(), re.M)}


def enable_bpf_stats():
    """Until this process ends."""
    attr = (ctypes.c_uint32 * 32)()  # type 0: run time
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(SYS_BPF[os.uname().machine], BPF_ENABLE_STATS, ctypes.byref(attr), ctypes.sizeof(attr))
    if fd < 0:
        raise Failed(f"BPF statistics: {os.strerror(ctypes.get_errno())}")
    return fd


def measure(story):
    """Runs story(node) in a sandbox; the exit code."""
    def check():
        problems = sandbox.missing([*COMMANDS, "curl", "bpftool"],
                                   PLUGINS + [f"{BUILD}/{n}" for n in OURS] + [DNSLOAD])
        for p in problems:
            print(f"bench: {p}", file=sys.stderr)
        return not problems

    def inside(stop):
        node = Node()
        try:
            node.start_node()
            story(node, stop)
            return 0
        except Failed as e:
            print(f"bench: {e}", file=sys.stderr)
            return 1
        finally:
            for p in node.close():
                print(f"bench: {p}", file=sys.stderr)

    return sandbox.run(inside, check)
