# SPDX-License-Identifier: Apache-2.0
"""The plugin called by hand as a runtime would, behind Debian's ptp and bridge with host-local, and what it left in the
maps. For tests inside of sandbox.py's place."""
import json
import os
import subprocess
import sys
import time

import sandbox

TREE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
BUILD = os.path.abspath(os.environ.get("BUILD") or f"{TREE}/build")
NAMETAP = f"{BUILD}/nametap"
PLUGINS = "/usr/lib/cni"
ROOT = f"{sandbox.BPFFS}/nametap"
STATE = f"{sandbox.WORK}/state"
ARGS = "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web-0;K8S_POD_UID=5f872824-d55e"
# With what decoders like to change: order, a big number, escapes, spaces.
ODD = ('{ "z" : 18446744073709551616, "interfaces":[ {"name":"eth0","sandbox":"/x"} ],"dns":{},\n'
       '"a":"\\u00e9\\/","ips":[{"address":"10.9.9.9/24","interface":0}], "cniVersion":"1.0.0" }')


def sh(*argv, check=True):
    p = subprocess.run(argv, capture_output=True, text=True)
    if check and p.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {p.stderr.strip()}")
    return p.stdout


class Answer:
    def __init__(self, p):
        self.code, self.out, self.err = p.returncode, p.stdout, p.stderr
        try:
            self.json = json.loads(p.stdout)
        except ValueError:
            self.json = {}

    def __repr__(self):
        return f"exit {self.code}\nstdout: {self.out}\nstderr: {self.err}"

    def is_error(self, code, *words):
        text = self.json.get("details", "") + self.json.get("msg", "")
        return (self.code != 0 and self.json.get("code") == code and self.json.get("cniVersion", "") != ""
                and all(w in text for w in words))


def call(verb, stdin, container="c1", ifname="eth0", netns=None, args=ARGS, plugin=NAMETAP, wrap=()):
    env = {"PATH": os.environ["PATH"], "CNI_COMMAND": verb, "CNI_CONTAINERID": container, "CNI_IFNAME": ifname,
           "CNI_PATH": PLUGINS}
    if netns is not None:
        env["CNI_NETNS"] = netns
    if args:
        env["CNI_ARGS"] = args
    if isinstance(stdin, dict):
        stdin = json.dumps(stdin)
    if isinstance(stdin, str):
        stdin = stdin.encode("utf-8", "surrogateescape")
    p = subprocess.run([*wrap, plugin], input=stdin, env=env, capture_output=True, timeout=60)
    p.stdout, p.stderr = p.stdout.decode(errors="replace"), p.stderr.decode(errors="replace")
    return Answer(p)


def conf(prev=None, version="1.0.0", **keys):
    """The text that a runtime would write; prev is put in as it is."""
    head = json.dumps({"cniVersion": version, "name": "net", "type": "nametap", "bpffs": ROOT, "stateDir": STATE, **keys})
    return head if prev is None else head[:-1] + f', "prevResult": {prev}}}'


def path_of(name):
    return f"/run/netns/{name}"


def primary(kind, verb, container, netns, ifname="eth0"):
    n = 77 if ifname == "eth0" else 78
    ranges = [[{"subnet": f"10.{n}.0.0/24"}], [{"subnet": f"fd00:{n}::/64"}]]
    c = {"cniVersion": "1.0.0", "name": "net", "type": kind,
         "ipam": {"type": "host-local", "ranges": ranges, "dataDir": f"{sandbox.WORK}/ipam",
                  "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}] if n == 77 else []}}
    if kind == "bridge":
        c.update(bridge="ntbr0", isGateway=True)
    a = call(verb, c, container, ifname=ifname, netns=netns, plugin=f"{PLUGINS}/{kind}")
    if a.code:
        raise RuntimeError(f"{kind} {verb}: {a}")
    return a.out


def make_pod(name, kind="ptp"):
    sh("ip", "netns", "add", name)
    return primary(kind, "ADD", name, path_of(name)).strip()


def end_pod(name, kind="ptp"):
    primary(kind, "DEL", name, path_of(name))
    sh("ip", "netns", "del", name)


def host_of(prev):
    return next(i["name"] for i in json.loads(prev)["interfaces"] if i["name"].startswith("veth"))


def dump(name):
    p = subprocess.run(["bpftool", "-j", "map", "dump", "pinned", f"{ROOT}/{name}"], capture_output=True, text=True)
    return [e.get("formatted", e) for e in json.loads(p.stdout)] if p.returncode == 0 else []


def pods(container=None):
    return [p["value"] for p in dump("pods") if container in (None, p["value"]["container_id"])]


def attached(container):
    return [p for p in pods(container) if p["state"] == 1]


def seen(ep_id):
    """DNS packets from and to the pod."""
    for e in dump("counters"):
        if e["key"] == ep_id:
            return tuple(sum(v["value"]["seq"][d] for v in e["values"]) for d in (0, 1))
    return None


def filters(link):
    return [sh("tc", "filter", "show", "dev", link, way).count("handle 0x4e540001") for way in ("ingress", "egress")]


def failed_files():
    folder = f"{STATE}/failed"
    return sorted(os.listdir(folder)) if os.path.isdir(folder) else []


SEND = """
import socket, sys
s = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(b"\\x12\\x34\\x01\\x00\\x00\\x01" + bytes(6) + b"\\x03www\\x07example\\x03com\\x00\\x00\\x01\\x00\\x01", (sys.argv[1], 53))
"""


def send_from(name, address):
    sh("ip", "netns", "exec", name, sys.executable, "-c", SEND, address)


def wait_seen(ep_id, wanted):
    for _ in range(1500):
        if (seen(ep_id) or (0, 0))[0] >= wanted:
            break
        time.sleep(0.02)
    return seen(ep_id)
