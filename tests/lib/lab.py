# SPDX-License-Identifier: Apache-2.0
"""A node, pods made by a real conflist, a resolver, our programs: what the demo and the netns tests
share. Runs inside sandbox.run(). All names carry the prefix; all children are known by pid.

    node network namespace            the machine's own network namespace
      cni0, ptp veths, agent            controller on 127.0.0.1
      pods: ntdemo-<namespace>-<pod>    a relay carries the agent's uploads from the node's
                                        127.0.0.1 to the controller's
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "../demo"))
sys.path.insert(0, HERE)
import cni_runtime  # noqa: E402
import sandbox  # noqa: E402
from api import Api, figures, until  # noqa: E402

TREE = os.path.abspath(os.path.join(HERE, "../.."))
DEBIAN_PLUGINS = "/usr/lib/cni"
SERVICE_IPS = ["10.96.0.10", "fd00:10:96::a"]
METRICS_AT = "127.0.0.1:9153"  # --listen of an agent whose metrics are read, in the node's network
COMMANDS = ["ip", "nsenter", "unshare", "setpriv", "mount", "unbound", "dig"]
PLUGINS = [f"{DEBIAN_PLUGINS}/{p}" for p in ("bridge", "ptp", "host-local")]
OURS = ["nametap", "nametap-agent", "nametap-controller"]
NAMETAP = {"type": "nametap", "capabilities": {"dns": True, "io.kubernetes.cri.pod-annotations": True}}
RANGES = {"bridge": [[{"subnet": "10.244.0.0/24"}], [{"subnet": "fd00:10:244::/64"}]],
          "ptp": [[{"subnet": "10.244.1.0/24"}], [{"subnet": "fd00:10:244:1::/64"}]]}
ROUTES = [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}]
# What a program in a pod may look up on disk, instead of this machine's /etc (nss modules, nscd).
NSSWITCH = "passwd: files\ngroup: files\nhosts: files dns\nnetworks: files\nprotocols: files\nservices: files\n"


class Failed(Exception):
    """Something that must work did not; the text says what, with the end of its log."""


class Child:
    def __init__(self, name, process, log, needed):
        self.name, self.process, self.log, self.needed = name, process, log, needed

    @property
    def pid(self):
        return self.process.pid

    def tail(self, lines=15):
        try:
            with open(self.log, errors="replace") as f:
                return "".join(f.readlines()[-lines:])
        except OSError:
            return ""

    def end(self, number=signal.SIGTERM, seconds=30.0):
        """Exit code; SIGKILL when it did not follow in time."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


class Pod:
    """Identity as the runtime has it, and where it runs. ips is what the kernel says, not the plugin."""

    def __init__(self, namespace, name, uid, netns, network, dns):
        self.namespace, self.name, self.uid = namespace, name, uid
        self.netns, self.network, self.dns = netns, network, dns
        self.sandbox = cni_runtime.Sandbox(namespace, name, uid, f"/var/run/netns/{netns}", dns)
        self.ips, self.host_ifindex, self.etc = [], 0, None

    @property
    def key(self):
        return f"{self.namespace}/{self.name}"


class Lab:
    def __init__(self, build, prefix="ntdemo", work=sandbox.WORK):
        self.build, self.prefix, self.work = build, prefix, work
        self.bpf = f"{sandbox.BPFFS}/nametap"
        self.evidence = f"{work}/evidence"
        self.node = f"{prefix}-node"
        self.children, self.pods, self.netns, self.relays = [], [], [], []
        self.networks = {}
        self.controller_url, self.token_file = None, f"{work}/token"
        self.lacking = []
        self.lock = threading.Lock()
        for d in (self.evidence, f"{work}/log", f"{work}/objects", f"{work}/cni/bin"):
            os.makedirs(d, exist_ok=True)
        with open(self.token_file, "w") as f:
            f.write(uuid.uuid4().hex + "\n")
        os.chmod(self.token_file, 0o600)

    # --- processes ---------------------------------------------------------------------------
    def run(self, *argv, netns=None, check=True, timeout=60, **kw):
        p = subprocess.run(self.inside(netns) + list(argv), capture_output=True, text=True, timeout=timeout, **kw)
        if check and p.returncode:
            raise Failed(f"{' '.join(argv)}: {(p.stderr or p.stdout).strip()}")
        return p

    @staticmethod
    def inside(netns):
        # Not `ip netns exec`: that mounts a new /sys and with it hides a bpffs below.
        return ["nsenter", f"--net=/run/netns/{netns}", "--"] if netns else []

    def spawn(self, name, argv, netns=None, needed=True, stdin=subprocess.DEVNULL, stdout=None, env=None):
        log = f"{self.work}/log/{name}.log"
        with open(log, "ab") as f:
            process = subprocess.Popen(self.inside(netns) + list(argv), stdin=stdin, stdout=stdout or f, stderr=f,
                                       start_new_session=True, env=env)
        child = Child(name, process, log, needed)
        self.children.append(child)
        return child

    def in_pod(self, pod, argv):
        """The command line that runs argv in the pod, with the pod's own /etc."""
        return self.inside(pod.netns) + ["unshare", "--mount", "sh", "-c",
                                         'mount --bind "$0" /etc && exec "$@"', pod.etc, *argv]

    def spawn_in(self, pod, name, argv, needed=True, **kw):
        return self.spawn(name, self.in_pod(pod, argv), needed=needed, **kw)

    def end(self, child, number=signal.SIGTERM, seconds=30.0):
        code = child.end(number, seconds)
        if child in self.children:
            self.children.remove(child)
        return code

    def end_all(self, children, seconds=30.0):
        """All at once, not one after the other's time-out; exit codes."""
        for child in children:
            if child.process.poll() is None:
                child.process.send_signal(signal.SIGTERM)
        return [self.end(child, seconds=seconds) for child in list(children)]

    def dead(self):
        """The first child that had to live and does not."""
        return next((c for c in self.children if c.needed and c.process.poll() is not None), None)

    def dead_is_failure(self):
        child = self.dead()
        if child:
            raise Failed(f"{child.name} ended with {child.process.returncode}:\n{child.tail()}")

    # --- the node ------------------------------------------------------------------------------
    def start_node(self):
        self.make_netns(self.node)
        for key in ("net/ipv4/ip_forward", "net/ipv6/conf/all/forwarding"):
            self.sysctl(self.node, key, 1)
        for key in ("all", "default"):  # the Service's address is on the same link as its clients
            self.sysctl(self.node, f"net/ipv4/conf/{key}/send_redirects", 0)
        for plugin in os.listdir(DEBIAN_PLUGINS):
            os.symlink(f"{DEBIAN_PLUGINS}/{plugin}", f"{self.work}/cni/bin/{plugin}")
        self.put_plugin()
        for kind in RANGES:
            self.networks[kind] = self.make_network(kind)

    def lack(self, features):
        """From now on agents and plugin run as on a kernel without these (tests/helpers/refuse); "": with all."""
        self.lacking = [f"{self.build}/tests/helpers/refuse", features] if features else []
        self.put_plugin()

    def put_plugin(self):
        path, ours = f"{self.work}/cni/bin/nametap", f"{self.build}/nametap"
        if os.path.lexists(path):
            os.unlink(path)
        if self.lacking:
            with open(path, "w") as f:
                f.write(f"#!/bin/sh\nexec {' '.join(self.lacking)} {ours}\n")
            os.chmod(path, 0o755)
        elif os.path.exists(ours):
            os.symlink(ours, path)

    def make_netns(self, name):
        self.run("ip", "netns", "add", name)
        self.netns.append(name)
        # Addresses made by the plugins are unique; waiting for duplicate detection costs seconds.
        self.run("sh", "-c", "ip link set lo up; for d in default all; do "
                 "echo 0 >/proc/sys/net/ipv6/conf/$d/accept_dad; echo 0 >/proc/sys/net/ipv6/conf/$d/disable_ipv6; done",
                 netns=name)

    def del_netns(self, name):
        self.run("ip", "netns", "del", name)
        with self.lock:
            self.netns.remove(name)

    def sysctl(self, netns, key, value):
        self.run("sh", "-c", f"echo {value} >/proc/sys/{key}", netns=netns)

    def make_network(self, kind):
        ipam = {"type": "host-local", "ranges": RANGES[kind], "routes": ROUTES, "dataDir": f"{self.work}/cni/ipam"}
        first = {"type": kind, "ipam": ipam}
        if kind == "bridge":
            first.update(bridge="cni0", isGateway=True)
        ours = dict(NAMETAP, bpffs=self.bpf, stateDir=f"{self.work}/state")
        conflist = {"cniVersion": "1.0.0", "name": f"{self.prefix}-{kind}", "plugins": [first, ours]}
        with open(f"{self.work}/cni/{kind}.conflist", "w") as f:
            json.dump(conflist, f, indent=2)
        return cni_runtime.Network(conflist, [f"{self.work}/cni/bin"], self.inside(self.node))

    # --- pods ----------------------------------------------------------------------------------
    def add_pod(self, namespace, name, uid=None, network="bridge", servers=SERVICE_IPS[:1],
                options=("ndots:5",), searches=()):
        """searches: after the cluster's, as a kubelet adds those of the node's own resolv.conf."""
        dns = {"Servers": list(servers), "Options": list(options), "Searches":
               [f"{namespace}.svc.cluster.local", "svc.cluster.local", "cluster.local", *searches]}
        pod = Pod(namespace, name, uid or str(uuid.uuid4()), f"{self.prefix}-{namespace}-{name}", network, dns)
        self.make_netns(pod.netns)
        self.pods.append(pod)
        self.networks[network].add(pod.sandbox)
        pod.etc = self.make_etc(pod)
        self.note(pod)
        return pod

    def make_etc(self, pod):
        etc = f"{self.work}/etc/{pod.netns}"
        os.makedirs(etc)
        for name in ("passwd", "group", "protocols", "services", "ld.so.cache"):
            if os.path.exists(f"/etc/{name}"):
                shutil.copy(f"/etc/{name}", etc)
        texts = {"nsswitch.conf": NSSWITCH, "hosts": "127.0.0.1 localhost\n::1 localhost\n",
                 "hostname": pod.name + "\n", "resolv.conf": "".join(f"nameserver {s}\n" for s in pod.dns["Servers"]) +
                 f"search {' '.join(pod.dns['Searches'])}\noptions {' '.join(pod.dns['Options'])}\n"}
        for name, text in texts.items():
            with open(f"{etc}/{name}", "w") as f:
                f.write(text)
        return etc

    def note(self, pod):
        """What the kernel says of the pod's interface goes into the evidence: the judge's own list
        of addresses and host links, also for pods that are gone when it looks."""
        links = json.loads(self.run("ip", "-n", pod.netns, "-j", "addr", "show", "dev", "eth0").stdout)
        pod.ips = [a["local"] for a in links[0]["addr_info"] if a.get("scope") == "global"]
        pod.host_ifindex = links[0]["link_index"]
        line = {"netns": pod.netns, "namespace": pod.namespace, "name": pod.name, "uid": pod.uid, "links": links,
                "searches": pod.dns["Searches"]}
        with self.lock, open(f"{self.evidence}/pods.jsonl", "a") as f:
            f.write(json.dumps(line) + "\n")

    def host_link(self, pod):
        """The name of its link at the node, as it is now."""
        links = json.loads(self.run("ip", "-j", "link", "show", netns=self.node).stdout)
        name = next((l["ifname"] for l in links if l["ifindex"] == pod.host_ifindex), None)
        if not name:
            raise Failed(f"{pod.key}: the node has no link {pod.host_ifindex}")
        return name

    def del_pod(self, pod, times=2):
        self.networks[pod.network].delete(pod.sandbox, times=times)
        self.drop_pod(pod)

    def drop_pod(self, pod):
        """It goes with its network namespace, and no DEL comes."""
        self.del_netns(pod.netns)
        with self.lock:
            self.pods.remove(pod)
        shutil.rmtree(pod.etc, ignore_errors=True)

    def add_service(self, pod):
        """Gives the pod the DNS Service's addresses and routes them to it, in place of kube-proxy."""
        for ip in SERVICE_IPS:
            bits, family = ("128", "-6") if ":" in ip else ("32", "-4")
            self.run("ip", "-n", pod.netns, "addr", "add", f"{ip}/{bits}", "dev", "lo")
            via = next(i for i in pod.ips if (":" in i) == (":" in ip))
            self.run("ip", "-n", self.node, family, "route", "add", f"{ip}/{bits}", "via", via)

    def start_recording(self, *options):
        """Counts packets on every link of the node from now on; before the first pod. options: of capture.py."""
        child = self.spawn("capture", [sys.executable, f"{HERE}/capture.py", f"{self.evidence}/packets.pcap", *options],
                           netns=self.node)
        self.wait_for(child, "recording")
        return child

    # --- our programs ----------------------------------------------------------------------------
    def wait_for(self, child, text, seconds=60.0):
        """Waits for a text in the child's log and returns its line; not for a child that has ended."""
        def look():
            with open(child.log, errors="replace") as f:
                line = next((l for l in f if text in l), None)
            return line or (child.process.poll() is not None and "\n")
        line = until(look, seconds, 0.02)
        if not line or not line.strip():
            how = f"ended with {child.process.returncode}" if child.process.poll() is not None else "is not ready"
            raise Failed(f"{child.name} {how}:\n{child.tail()}")
        return line.strip()

    def start_controller(self, listen="127.0.0.1:0", name="controller", extra=()):
        child = self.spawn(name, [f"{self.build}/nametap-controller", "--data", f"{self.work}/data", "--listen", listen,
                                  "--objects", f"{self.work}/objects", "--token-file", self.token_file, *extra])
        line = self.wait_for(child, "listening on http://")
        self.controller_url = "http://" + line.split("http://", 1)[1].split()[0].rstrip("/")
        self.api = Api(self.controller_url)
        return child

    def write_node_resolv_conf(self, *searches):
        """The node's own, which is evidence too: only these search domains are trusted."""
        path = f"{self.evidence}/node-resolv.conf"
        with open(path, "w") as f:
            f.write(f"nameserver {SERVICE_IPS[0]}\nsearch {' '.join(searches)}\n")
        return path

    def agent_argv(self, flush="1s", extra=()):
        return [f"{self.build}/nametap-agent", "--pin-root", self.bpf, "--state-dir", f"{self.work}/state", "--spool",
                f"{self.work}/spool", "--controller", self.controller_url, "--token-file", self.token_file, "--node",
                "node1", "--flush", flush, "--host-network", "off", *extra]

    def start_agent(self, flush="1s", name="agent", extra=()):
        os.makedirs(f"{self.work}/spool", exist_ok=True)
        if not self.relays:
            self.start_relay()
        return self.spawn(name, [*self.lacking, *self.agent_argv(flush, extra)], netns=self.node)

    def page_of_metrics(self):
        """Of an agent that was started with --listen METRICS_AT."""
        return self.run("curl", "-sf", f"http://{METRICS_AT}/metrics", netns=self.node).stdout

    def metrics(self):
        return figures(self.page_of_metrics())

    def start_relay(self):
        port = int(self.controller_url.rsplit(":", 1)[1])
        self.relays.append(Relay(listener_in(self.node, port), ("127.0.0.1", port)))

    def unshipped(self):
        """Batches in the spool that the controller has not acknowledged."""
        return [f for f in os.listdir(f"{self.work}/spool") if f.endswith(".batch")]

    def ship_rest(self, seconds=120.0):
        """Once the agent has ended: it ships for two seconds more, which a busy machine may take for
        itself. A successor ships what is left."""
        for _ in range(5):
            if not self.unshipped():
                return
            agent = self.start_agent(name="agent-rest")
            until(lambda: self.dead() or not self.unshipped(), seconds)
            self.dead_is_failure()
            self.end(agent)
        raise Failed(f"the controller does not take {' '.join(self.unshipped())}")

    def wait_for_agent(self, seconds=60.0):
        """Until the plugin can ask it."""
        if not until(lambda: self.dead() or os.path.exists(f"{self.work}/state/agent.sock"), seconds, 0.02):
            raise Failed("the agent has no socket for the plugin")
        self.dead_is_failure()

    # --- the end ---------------------------------------------------------------------------------
    def close(self):
        """Ends all children, deletes all pods and namespaces. Goes on whatever fails; what failed is
        returned in words."""
        problems = []
        self.end_all([c for c in reversed(self.children)], seconds=15.0)
        for relay in self.relays:
            relay.close()
        for pod in list(self.pods):
            try:
                self.del_pod(pod)
            except (Failed, cni_runtime.Error, OSError, subprocess.SubprocessError) as e:
                problems.append(str(e))
        for name in reversed(self.netns):
            problems += [p.stderr.strip() for p in [self.run("ip", "netns", "del", name, check=False)] if p.returncode]
        return problems


LISTEN = """
import socket, sys
peer = socket.socket(fileno=0)
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("127.0.0.1", int(sys.argv[1])))
s.listen(16)
socket.send_fds(peer, [b"x"], [s.fileno()])
"""


def listener_in(netns, port):
    """A listening socket on 127.0.0.1 of another network namespace."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        p = subprocess.run(["nsenter", f"--net=/run/netns/{netns}", "--", sys.executable, "-c", LISTEN, str(port)],
                           stdin=theirs, capture_output=True, text=True, timeout=20)
        if p.returncode:
            raise Failed(f"cannot listen in {netns}: {p.stderr.strip()}")
        return socket.socket(fileno=socket.recv_fds(ours, 1, 1)[1][0])


class Relay:
    """Carries connections octet by octet; a connection that cannot be made is closed. Counts these,
    and what the controller answers to uploads."""

    def __init__(self, listener, target):
        self.listener, self.target = listener, target
        self.refused = self.appended = self.duplicates = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                a, _ = self.listener.accept()
            except OSError:
                return
            try:
                b = socket.create_connection(self.target, 5)
                b.settimeout(None)
            except OSError:
                self.refused += 1
                a.close()
                continue
            for source, sink, answers in ((a, b, False), (b, a, True)):
                threading.Thread(target=self.copy, args=(source, sink, answers), daemon=True).start()

    def copy(self, source, sink, answers):
        try:
            while data := source.recv(1 << 16):
                if answers:
                    self.appended += data.count(b'"appended"')
                    self.duplicates += data.count(b'"duplicate"')
                sink.sendall(data)
        except OSError:
            pass
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def close(self):
        self.listener.close()


def wait_gone(seconds, condition):
    end = time.monotonic() + seconds
    while time.monotonic() < end and not condition():
        time.sleep(0.05)
    return condition()
