# SPDX-License-Identifier: Apache-2.0
"""libcni by its command-line tool, in a sandbox whose own network namespace is the node: conflists of Debian's
plugins and ours, pods that are network namespaces, a resolver that answers everything, controller and agent."""
import ctypes
import json
import os
import subprocess
import sys

import kit
import sandbox
import tap
from lab import Failed, ROUTES
from product import Product

PLUGINS = "/usr/lib/cni"
DNS = {"servers": ["10.244.0.1"], "searches": ["shop.svc.cluster.local"], "options": ["ndots:5"]}
UNBOUND = """server:
  interface: 0.0.0.0
  interface-automatic: yes
  access-control: 0.0.0.0/0 allow
  do-daemonize: no
  username: ""
  chroot: ""
  directory: "@WORK@"
  pidfile: ""
  use-syslog: no
  local-zone: "e2e.test." redirect
  local-data: "e2e.test. A 192.0.2.7"
  local-zone: "." static
"""


class Answer:
    def __init__(self, p):
        self.code, self.out, self.err = p.returncode, p.stdout, p.stderr.strip()

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.out}\nstderr: {self.err}"

    @property
    def result(self):
        return json.loads(self.out)


def sh(*argv, check=True):
    p = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    if check and p.returncode:
        raise Failed(f"{' '.join(argv)}: {p.stderr.strip()}")
    return p.stdout


class Node:
    """One per test program: the sandbox's network namespace, with all that runs in it."""

    def __init__(self):
        self.product = Product(sandbox.WORK, bpf=f"{sandbox.BPFFS}/nametap", state=f"{sandbox.WORK}/state")
        self.work, self.bin, self.cache = sandbox.WORK, f"{sandbox.WORK}/cni/bin", f"{sandbox.WORK}/cache"
        for plugin in os.listdir(PLUGINS):
            os.symlink(f"{PLUGINS}/{plugin}", f"{self.bin}/{plugin}")
        os.symlink(f"{kit.BUILD}/nametap", f"{self.bin}/nametap")
        os.symlink(os.path.realpath(f"{kit.KIT}/cni-capture"), f"{self.bin}/cni-capture")
        sh("ip", "link", "set", "lo", "up")
        for key in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
            with open(f"/proc/sys/net/{key}", "w") as f:
                f.write("1")

    def start(self):
        with open(f"{self.work}/unbound.conf", "w") as f:
            f.write(UNBOUND.replace("@WORK@", self.work))
        resolver = self.product.spawn("unbound", ["unbound", "-d", "-c", f"{self.work}/unbound.conf"])
        self.product.wait_for(resolver, "start of service")
        self.product.start("--cni-cache", f"{self.cache}/results")

    def ours(self, **keys):
        return {"type": "nametap", "capabilities": {"dns": True}, "bpffs": self.product.bpf, "stateDir": self.product.state, **keys}

    def primary(self, kind, subnet="10.244.0.0/24", **keys):
        ipam = {"type": "host-local", "ranges": [[{"subnet": subnet}]], "routes": ROUTES[:1], "dataDir": f"{self.work}/cni/ipam"}
        if kind == "bridge":
            keys = {"bridge": "cni0", "isGateway": True, **keys}
        return {"type": kind, "ipam": ipam, **keys}

    def conflist(self, name, *plugins, version="1.0.0"):
        path = f"{self.work}/{name}.conflist"
        with open(path, "w") as f:
            json.dump({"cniVersion": version, "name": name, "plugins": plugins}, f)
        return path

    def call(self, verb, conflist, pod, netns=None, namespace="shop", ifname="eth0", capabilities=None):
        """One call of libcni for a pod of that name, whose netns and container id have its name, too."""
        env = {"PATH": os.environ["PATH"], "CNI_PATH": self.bin, "CNI_IFNAME": ifname, "CACHE_DIR": self.cache,
               "CNI_ARGS": f"IgnoreUnknown=1;K8S_POD_NAMESPACE={namespace};K8S_POD_NAME={pod};K8S_POD_UID=uid-{pod}",
               "CAP_ARGS": json.dumps({"dns": DNS, **(capabilities or {})})}
        netns = f"/run/netns/{pod}" if netns is None else netns
        return Answer(subprocess.run([kit.CNITOOL, verb, conflist, netns, f"id-{pod}"], env=env, capture_output=True, text=True,
                                     timeout=120))

    def add(self, conflist, pod, **kw):
        """A pod; its netns is made first. Failed when ADD fails."""
        sh("ip", "netns", "add", pod)
        sh("ip", "-n", pod, "link", "set", "lo", "up")
        a = self.call("add", conflist, pod, **kw)
        if a.code:
            raise Failed(f"ADD of {pod}: {a}")
        return a

    def delete(self, conflist, pod, **kw):
        a = self.call("del", conflist, pod, **kw)
        sh("ip", "netns", "del", pod)
        return a

    def ask(self, pod, qname, server="10.244.0.1"):
        p = subprocess.run(["ip", "netns", "exec", pod, "busybox", "nslookup", "-type=a", f"{qname}.", server], capture_output=True,
                           text=True, timeout=60)
        return "192.0.2.7" in p.stdout

    def host_link(self, pod, ifname="eth0"):
        """The name of the other end of a pod's veth."""
        peer = json.loads(sh("ip", "-n", pod, "-j", "link", "show", "dev", ifname))[0]["link_index"]
        return next(l["ifname"] for l in json.loads(sh("ip", "-j", "link")) if l["ifindex"] == peer)

    def captured(self, folder, verb):
        """stdin of the calls that a cni-capture wrote there, oldest first."""
        names = sorted(f for f in os.listdir(folder) if f.endswith(".stdin") and f"-{verb}-" in f) if os.path.isdir(folder) else []
        return [json.load(open(f"{folder}/{n}")) for n in names]

    def leftovers(self, *kept):
        """What is there although all pods are deleted, in words; kept: links and namespaces that are no pods'."""
        found = [f"{r['container_id']} is attached" for r in self.product.attached()]
        for folder in (f"{self.product.state}/failed", f"{self.cache}/results"):
            found += [f"{folder}/{f}" for f in (os.listdir(folder) if os.path.isdir(folder) else [])]
        found += [l for l in sh("ip", "-o", "link").splitlines() if not any(k in l for k in (": lo:", *kept))]
        return found + [l for l in sh("ip", "netns", "list").splitlines() if l.split()[0] not in kept]


def run(story, commands=()):
    """story(node) in a sandbox; exit code."""
    def check():
        if not kit.ready("ip", "tc", "unbound", "bpftool", "busybox", "jq", *commands):
            return False
        kit.tool("cnitool-build")
        return True

    def inside(_stop):
        if ctypes.CDLL(None, use_errno=True).unshare(kit.CLONE_NEWNET):
            sys.exit("cannot make a network namespace")
        node = Node()
        try:
            with kit.told("the story is told to its end"):
                node.start()
                story(node)
        finally:
            problems = node.product.close()
            tap.ok("controller, agent and resolver ended", not problems, *problems)
        return tap.done()

    if sandbox.INSIDE not in os.environ and not os.path.exists(f"{kit.KIT}/up"):
        kit.ready()
        return 0
    return sandbox.run(inside, check)
