# SPDX-License-Identifier: Apache-2.0
"""A node with pods that ran before nametap, by Debian's ptp and bridge without our plugin, and what the
tests of adoption ask of it."""
import json
import os
import subprocess
import sys

import tap
from lab import ROUTES, Failed, Lab
from api import until
from sink import Sink
from tap import ok, same
import cni_runtime

ADD, ADOPTED = 0, 1
RUNTIME, FILE, DERIVED = 1, 2, 3
TAPPED, GONE, NOT_TAPPED, EXCLUDED = 1, 2, 3, 4
SECONDS = 60  # ends as soon as it is so
SUBNETS = {"plain-ptp": ("ptp", "10.244.2.0/24"), "plain-bridge": ("bridge", "10.244.3.0/24"),
           "six-ptp": ("ptp", "fd00:10:244:4::/64"), "six-bridge": ("bridge", "fd00:10:244:5::/64"),
           "dual-ptp": ("ptp", "10.244.6.0/24", "fd00:10:244:6::/64"), "dual-bridge": ("bridge", "10.244.7.0/24", "fd00:10:244:7::/64")}

SERVER = r"""
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.bind((sys.argv[1], 53))
print("ready", flush=True)
while True:
    q, who = s.recvfrom(4096)
    s.sendto(q[:2] + b"\x81\x80" + q[4:], who)
"""

CLIENT = r"""
import socket, struct, sys
server, name, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
s = socket.socket(socket.AF_INET6 if ":" in server else socket.AF_INET, socket.SOCK_DGRAM)
s.settimeout(60)
answers = 0
for i in range(count):
    q = struct.pack("!6H", i, 0x0100, 1, 0, 0, 0) + b"".join(bytes([len(l)]) + l.encode() for l in name.split("."))
    s.sendto(q + b"\0\0\1\0\1", (server, 53))
    try:
        answers += s.recv(4096)[:2] == q[:2]
    except socket.timeout:
        pass
print(answers)
"""


class Story:
    def __init__(self, lab, build):
        self.lab, self.agents, self.agent = lab, 0, None
        self.cache, self.objects = f"{lab.work}/cni-cache", f"{lab.work}/objects"
        os.makedirs(self.cache)
        self.sink = Sink(f"{lab.work}/sink", f"{build}/tests/helpers/batchdump", open(lab.token_file).read().strip())
        lab.controller_url = self.sink.url
        lab.start_node()
        for n, (name, (kind, *subnets)) in enumerate(SUBNETS.items()):
            routes = [r for r in ROUTES if any((":" in r["dst"]) == (":" in subnet) for subnet in subnets)]
            first = {"type": kind, "ipam": {"type": "host-local", "ranges": [[{"subnet": subnet}] for subnet in subnets],
                                            "routes": routes, "dataDir": f"{lab.work}/cni/ipam"}}
            if kind == "bridge":
                first.update(bridge=f"cni{n + 1}", isGateway=True)
            conflist = {"cniVersion": "1.0.0", "name": name, "plugins": [first]}
            lab.networks[name] = cni_runtime.Network(conflist, [f"{lab.work}/cni/bin"], lab.inside(lab.node), self.cache)
        self.server = lab.add_pod("dns", "server")
        self.addresses = {":" in ip: ip for ip in self.server.ips}  # by: is it IPv6?
        for ip in self.server.ips:
            lab.wait_for(lab.spawn_in(self.server, f"server-{ip}", [sys.executable, "-c", SERVER, ip]), "ready")

    def start_agent(self):
        self.agents += 1
        self.agent = self.lab.start_agent("200ms", name=f"agent{self.agents}", extra=(
            "--timeout", "1s", "--cni-cache", self.cache, "--objects", self.objects))
        self.lab.wait_for(self.agent, "spool")

    def ask(self, pod, name, count=3, six=False):
        p = self.lab.run(*self.lab.in_pod(pod, [sys.executable, "-c", CLIENT, self.addresses[six], name, str(count)]), timeout=300)
        return int(p.stdout)

    def write_pod(self, name, ips, uid, **more):
        spec = {"nodeName": "node1", "containers": [{"name": "c", "image": "i"}], **more.get("spec", {})}
        status = {"phase": more.get("phase", "Running"), "podIP": ips[0], "podIPs": [{"ip": ip} for ip in ips]}
        o = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "shop", "uid": uid}, "spec": spec,
             "status": status}
        with open(f"{self.lab.work}/new", "w") as f:
            json.dump(o, f)
        os.rename(f"{self.lab.work}/new", f"{self.objects}/{name}.json")

    def raw(self, name):
        return json.loads(self.lab.run("bpftool", "-j", "map", "dump", "pinned", f"{self.lab.bpf}/{name}").stdout)

    def dump(self, name):
        return [e.get("formatted", e)["value"] for e in self.raw(name)]

    def tcx(self, ifindex):
        """Links to a host link, by any program."""
        return [l for l in json.loads(self.lab.run("bpftool", "-j", "link", "show", netns=self.lab.node).stdout)
                if l["type"] == "tcx" and l.get("ifindex") == ifindex]

    def record(self, name):
        """The attached record of a pod by name, None without one."""
        return next((p for p in self.dump("pods") if p["name"] == name and p["state"] == 1), None)

    def records(self, name):
        return [p for p in self.dump("pods") if p["name"] == name]

    def tapped(self, name):
        return until(lambda: self.record(name), SECONDS)

    def coverage(self, name):
        """The last that the controller heard of a pod, by container."""
        return {e["container_id"]: e for e in self.sink.lines("endpoint") if e["name"] == name}

    def covered(self, name, check):
        until(lambda: any(check(e) for e in self.coverage(name).values()), SECONDS)
        return next((e for e in self.coverage(name).values() if check(e)), None)

    def logged(self, name):
        return sum(r["queries"] + r["replies"] for r in self.sink.lines("record")
                   if r.get("client_name") == name and r["type"] == "LOG" and r["side"] == "client")

    def delete_behind_our_back(self, pod):
        """The host's veth, as it would go with a runtime that calls nobody."""
        link = self.lab.host_link(pod)
        self.lab.run("ip", "link", "del", link, netns=self.lab.node)
        return link


def inode(pod):
    return os.stat(f"/run/netns/{pod.netns}").st_ino


def write(path, value, text=None):
    with open(path, "w") as f:
        f.write(text if text is not None else json.dumps(value))


def play(stop, build, prefix, stories):
    """The stories one after the other, each with what all of them share."""
    lab, s = Lab(build, prefix=prefix), None
    try:
        s = Story(lab, build)
        for story in stories:
            if stop.asked():
                raise Failed("stopped")
            story(s)
        ok("each upload was a whole batch", not s.sink.bad, s.sink.bad)
        same("SIGTERM ends the agent", lab.end(s.agent), 0)
        ok("no packet is unaccounted for", not [r for r in s.sink.lines("record") if r.get("reason") == "unaccounted"])
    except (Failed, subprocess.SubprocessError, OSError, KeyError, TypeError, cni_runtime.Error) as e:
        import traceback
        ok(f"the story goes on ({type(e).__name__})", False, traceback.format_exc(), s.agent.tail() if s and s.agent else "")
    finally:
        same("nothing is left", lab.close(), [])
        if s:
            s.sink.close()
    return tap.done()
