# SPDX-License-Identifier: Apache-2.0
"""Pods by the thousand: network namespaces that are used again, a fresh veth for each pod, the
plugin called twenty at a time, and what kernel and maps say afterwards. Inside sandbox.run(), in a
network namespace of the test's own, which is the node.

A pod here is a veth whose one end is eth0 in its namespace; no primary plugin and no address,
because a DNS packet needs neither when it is sent as a frame.
"""
import ctypes
import fcntl
import json
import os
import socket
import struct
import subprocess
import time
import uuid

import sandbox
from sink import Sink

TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
BUILD = os.path.abspath(os.environ.get("BUILD") or f"{TREE}/build")
NAMETAP = f"{BUILD}/nametap"
HELPERS = [f"{BUILD}/tests/helpers/{n}" for n in ("cnicalls", "tapstate")]
AGENT = [f"{BUILD}/nametap-agent", f"{BUILD}/tests/helpers/batchdump"]
ROOT = f"{sandbox.BPFFS}/nametap"
STATE = f"{sandbox.WORK}/state"
CLONE_NEWNET = 0x40000000
SIOCSIFFLAGS, IFF_UP = 0x8914, 1
MNT_DETACH = 2
# The pins of a loaded root, links apart.
PINS = sorted("meta endpoints counters pods live events drain shares rules slots scopes rules_key from_pod to_pod".split())
MARKS = [f"{way}-{verb}" for way in ("chain", "drop-in") for verb in ("ADD", "DEL")]
LIBC = ctypes.CDLL(None, use_errno=True)


def new_node():
    """This process and its children are on a node of their own from now on."""
    if LIBC.unshare(CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "unshare")
    sh("ip", "link", "set", "lo", "up")


def sh(*argv, check=True, stdin=None):
    p = subprocess.run(argv, capture_output=True, text=True, input=stdin)
    if check and p.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {p.stderr.strip()[-2000:]}")
    return p.stdout


def batch(lines):
    """Many commands of ip in one process."""
    if lines:
        sh("ip", "-batch", "-", stdin="".join(l + "\n" for l in lines))


def listing(folder):
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


def conf(prev='{"cniVersion":"1.0.0","interfaces":[],"ips":[]}', **keys):
    """The text on the plugin's standard input; prev as it is, None: no prevResult."""
    head = json.dumps({"cniVersion": "1.0.0", "name": "net", "type": "nametap", "bpffs": ROOT, "stateDir": STATE, **keys})
    return head if prev is None else f'{head[:-1]}, "prevResult": {prev}}}'


class Pod:
    def __init__(self, container, netns, host):
        self.id, self.netns, self.host = container, netns, host
        self.namespace, self.name, self.uid = "shop", f"pod-{container}", str(uuid.uuid4())
        self.path = f"/run/netns/{netns}"
        self.prev = json.dumps({"cniVersion": "1.0.0", "interfaces": [{"name": host}, {"name": "eth0", "sandbox": self.path}]})

    @property
    def args(self):
        return f"IgnoreUnknown=1;K8S_POD_NAMESPACE={self.namespace};K8S_POD_NAME={self.name};K8S_POD_UID={self.uid}"

    @property
    def netns_ino(self):
        return os.stat(self.path).st_ino

    @property
    def ifindex(self):
        return socket.if_nametoindex(self.host)

    def add(self, **keys):
        return {"verb": "ADD", "id": self.id, "netns": self.path, "args": self.args, "stdin": conf(self.prev, **keys)}

    def delete(self, netns=True, **keys):
        """netns False: as runtimes say it later, with neither namespace nor prevResult."""
        return {"verb": "DEL", "id": self.id, "netns": self.path if netns else "", "args": self.args,
                "stdin": conf(self.prev if netns else None, **keys)}


class Inside:
    """A raw socket in each of many network namespaces: what a pod sends, and its interface up."""

    def __init__(self, names):
        self.sockets = {}
        home = os.open("/proc/self/ns/net", os.O_RDONLY)
        for name in names:
            there = os.open(f"/run/netns/{name}", os.O_RDONLY)
            try:
                if LIBC.setns(there, CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"setns {name}")
                self.sockets[name] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
            finally:
                LIBC.setns(home, CLONE_NEWNET)
                os.close(there)
        os.close(home)

    def make_veths(self, pods, group=1):
        batch([f"link add {p.host} group {group} type veth peer name eth0 netns {p.netns}" for p in pods])
        sh("ip", "link", "set", "group", str(group), "up")
        self.up(pods)

    def up(self, pods):
        """Their eth0."""
        for p in pods:
            fcntl.ioctl(self.sockets[p.netns], SIOCSIFFLAGS, struct.pack("16sH22x", b"eth0", IFF_UP))

    def ask(self, pods):
        """One query out of each pod's eth0; the tap counts it now, or as soon as the CPU's backlog
        is served."""
        for p in pods:
            self.sockets[p.netns].sendto(dns_frame(), ("eth0", 0))

    def close(self):
        for s in self.sockets.values():
            s.close()


def end_veths(group=1):
    """All of a group at once, which waits for the kernel once."""
    sh("ip", "link", "del", "group", str(group), check=False)


def make_netns(names):
    batch([f"netns add {n}" for n in names])


def end_netns(names):
    """As `ip netns del` does it, in this process."""
    for n in names:
        path = f"/run/netns/{n}"
        if LIBC.umount2(path.encode(), MNT_DETACH):
            raise OSError(ctypes.get_errno(), f"umount {path}")
        os.unlink(path)


def dns_frame():
    """A query for www.example.com, as it leaves a pod: Ethernet, IPv4, UDP."""
    dns = b"\x12\x34\x01\x00\x00\x01" + bytes(6) + b"\x03www\x07example\x03com\x00\x00\x01\x00\x01"
    udp = struct.pack(">HHHH", 40000, 53, 8 + len(dns), 0) + dns
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, bytes([10, 0, 0, 2]), bytes([10, 0, 0, 1]))
    total = sum(struct.unpack(">10H", ip))
    total = (total & 0xffff) + (total >> 16)
    ip = ip[:10] + struct.pack(">H", ~total & 0xffff) + ip[12:]
    return b"\xff" * 6 + b"\x02\0\0\0\0\x09" + b"\x08\x00" + ip + udp


class Calls:
    """The plugin, by tests/helpers/cnicalls."""

    def __init__(self, plugin=NAMETAP):
        self.process = subprocess.Popen([HELPERS[0], plugin], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, jobs, at_once=20):
        self.process.stdin.write("".join(json.dumps(j) + "\n" for j in jobs) + json.dumps({"go": at_once}) + "\n")
        self.process.stdin.flush()
        return [json.loads(self.process.stdout.readline()) for _ in jobs]

    def one(self, job):
        return self.run([job])[0]

    def close(self):
        self.process.stdin.close()
        return self.process.wait(30)


def wrong(jobs, answers):
    """Calls that did not end as they must: exit 0, ADD prints prevResult, DEL nothing."""
    found = []
    for job, a in zip(jobs, answers):
        want = json.loads(job["stdin"])["prevResult"] if job["verb"] == "ADD" else None
        got = json.loads(a["out"]) if a["code"] == 0 and a["out"] else None
        if a["code"] or got != want or a["err"]:
            found.append(f"{job['verb']} {job['id']} {job['netns']}: {a}")
    return found


class State:
    """What the root holds (tests/helpers/tapstate)."""

    def __init__(self, root=ROOT):
        self.__dict__.update(json.loads(sh(HELPERS[1], root)))

    def attached(self, container=None):
        return [p for p in self.pods if p["attached"] and container in (None, p["id"])]

    def ending(self):
        """Those whose DEL has come while their link was there; the agent closes them when it goes."""
        return [p for p in self.pods if p["ending"]]

    def faults(self, pods, packets=None):
        """Why the live pods are not exactly these, each tapped once under its own identity, with so
        many packets counted; in words."""
        found, records = [], {}
        for r in self.attached():
            records.setdefault(r["id"], []).append(r)
        for p in pods:
            rs = records.pop(p.id, [])
            if len(rs) != 1:
                found.append(f"{p.id}: {len(rs)} attached records")
                continue
            r = rs[0]
            want = {"namespace": p.namespace, "name": p.name, "uid": p.uid, "netns": p.netns_ino, "ifindex": p.ifindex, "ifname": "eth0"}
            got = {k: r[k] for k in want}
            if got != want:
                found.append(f"{p.id}: {got} instead of {want}")
            if not all(any(way) for way in r["tapped"]):
                found.append(f"{p.id}: programs on the link: {r['tapped']}")
            if packets is not None and r["seq"] != [packets, 0]:
                found.append(f"{p.id}: {r['seq']} packets instead of {packets}")
        found += [f"{i}: attached, but no such pod is" for i in records]
        return found + self.leaks()

    def leaks(self):
        """Entries of maps and programs on links that no record stands for."""
        attached = {r["ep_id"]: r for r in self.attached()}
        live = sorted(self.live)
        want = sorted([r["id"], r["ifname"], e] for e, r in attached.items())
        found = [] if live == want else [f"live has {len(live)} entries for {len(want)} attached: "
                                         f"{[e for e in live if e not in want][:5]} more, {[e for e in want if e not in live][:5]} less"]
        tapped = list(attached.values()) + self.ending()
        ends, want = sorted(self.endpoints), sorted([r["ifindex"], r["ep_id"]] for r in tapped)
        if ends != want:
            found.append(f"endpoints: {[e for e in ends if e not in want][:5]} more, {[e for e in want if e not in ends][:5]} less")
        if sorted(self.links) != sorted(r["ifindex"] for r in tapped if r["attached"] or any(map(any, r["tapped"]))):
            found.append(f"programs on links {self.links}")
        # An ADD that was killed after it wrote the record, and then a DEL, leave one without counters.
        counted = sum(r["seq"] is not None for r in self.pods)
        if self.entries != {"counters": counted, "scopes": 0, "rules": 0, "slots": 0}:
            found.append(f"{self.entries} for {counted} records with counters")
        return found


def litter(tapped=()):
    """Files and pins that should not be there, in words; tapped: records of pods that may have links."""
    ending = State().ending() if os.path.isdir(ROOT) else []
    links = {f"{r['ep_id']}-{way}" for r in [*tapped, *ending] for way in ("from_pod", "to_pod")}
    want = {ROOT: PINS, sandbox.BPFFS: ["nametap"], STATE: ["lock"]}
    found = []
    for folder, names in want.items():
        # The kernel puts these into each bpffs; links and failed are folders that may stay, empty,
        # seen has a mark for each way and verb.
        got = [n for n in listing(folder) if n not in ("maps.debug", "progs.debug")]
        if "seen" in got:
            got.remove("seen")
            found += [f"{folder}/seen/{n}" for n in listing(f"{folder}/seen") if n not in MARKS]
        for spare in ("links", "failed"):
            if spare in got:
                got.remove(spare)
                found += [f"{folder}/{spare}/{n}" for n in listing(f"{folder}/{spare}") if n not in links]
        found += [f"{folder}/{n} more" for n in got if n not in names] + [f"{folder}/{n} less" for n in names if n not in got]
    return found


def eventually(look, seconds=20.0):
    """look() again until it is empty; what it was last."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.02)


class Agent:
    """The real one, with a stand-in for the controller."""

    def __init__(self):
        with open(f"{sandbox.WORK}/token", "w") as f:
            f.write("token\n")
        self.sink = Sink(f"{sandbox.WORK}/sink", AGENT[1], "token")
        self.log = open(f"{sandbox.WORK}/agent.log", "w+")
        self.process = subprocess.Popen(
            [AGENT[0], "--pin-root", ROOT, "--state-dir", STATE, "--spool", f"{sandbox.WORK}/spool", "--controller", self.sink.url,
             "--token-file", f"{sandbox.WORK}/token", "--node", "node1", "--flush", "200ms", "--timeout", "1s",
             "--host-network", "off", "--cni-cache", "none"], stdout=self.log, stderr=self.log)

    def descriptors(self):
        """What it has open, by kind; its files in the spool come and go."""
        folder, found = f"/proc/{self.process.pid}/fd", []
        for fd in listing(folder):
            try:
                found.append(os.readlink(f"{folder}/{fd}").split(":")[0])
            except OSError:
                pass  # closed meanwhile
        return sorted(f for f in found if "/spool/" not in f and f != "socket")

    def said(self):
        self.log.flush()
        with open(self.log.name) as f:
            return f.read()[-3000:]

    def end(self):
        self.process.terminate()
        code = self.process.wait(60)
        self.sink.close()
        return code


def settled():
    """Everything is as on a node without pods."""
    s = State()
    links = [f for f in litter() if "agent.sock" not in f]
    return s.faults([]) + ([f"{len(s.pods)} records"] if s.pods else []) + links
