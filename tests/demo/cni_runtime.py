# SPDX-License-Identifier: Apache-2.0
"""The container runtime's side of CNI, as containerd 1.6 with libcni 1.1 does it.

A Network is one conflist. add() runs its plugins in order, each with the result of the one before
as prevResult, and keeps the last result as libcni's cache does; delete() runs them in reverse.
Plugins get what the recordings of real runtimes show: environment CNI_COMMAND, CNI_CONTAINERID,
CNI_NETNS, CNI_IFNAME, CNI_ARGS (its parts in any order), CNI_PATH; on stdin the plugin's entry with
name, cniVersion, prevResult, and runtimeConfig with those capabilities that the entry declares.
DEL comes several times: the first with netns and prevResult, later ones with neither.

Not done: GC, STATUS, several networks in one call, host ports, bandwidth.
"""
import base64
import json
import os
import random
import subprocess

# A plugin that hangs must not hang the tests; containerd gives up after two minutes.
LIMIT_SECONDS = 60


class Error(Exception):
    """A plugin said no: .code and .details are CNI's, .plugin its type."""

    def __init__(self, plugin, verb, code, msg, details=""):
        super().__init__(f"{plugin} {verb}: {msg}{' (' + details + ')' if details else ''} [{code}]")
        self.plugin, self.verb, self.code, self.msg, self.details = plugin, verb, code, msg, details


class Sandbox:
    """What the runtime knows of a pod when it calls: names, its network namespace, its resolvers."""

    def __init__(self, namespace, name, uid, netns, dns=None, annotations=None, container_id=None):
        self.namespace, self.name, self.uid, self.netns = namespace, name, uid, netns
        self.dns, self.annotations = dns, annotations or {}
        self.container_id = container_id or f"{random.getrandbits(256):064x}"
        self.result = None

    def arguments(self):
        parts = [f"K8S_POD_NAMESPACE={self.namespace}", f"K8S_POD_NAME={self.name}",
                 f"K8S_POD_INFRA_CONTAINER_ID={self.container_id}", f"K8S_POD_UID={self.uid}", "IgnoreUnknown=1"]
        random.shuffle(parts)
        return ";".join(parts)

    def capabilities(self):
        known = {"io.kubernetes.cri.pod-annotations": self.annotations}
        if self.dns:
            known["dns"] = self.dns
        return known


class Network:
    def __init__(self, conflist, path, prefix=(), cache=None):
        """conflist: a dict or a file. path: folders with plugins. prefix: words before each plugin's
        command, such as nsenter into the node's network namespace. cache: libcni's folder of results,
        which containerd and podman have under /var/lib/cni."""
        if not isinstance(conflist, dict):
            with open(conflist) as f:
                conflist = json.load(f)
        self.conflist, self.path, self.prefix, self.cache = conflist, path, list(prefix), cache

    def add(self, sandbox, ifname="eth0"):
        """Returns the last plugin's result. On Error the caller sends DEL, as runtimes do."""
        result = None
        for entry in self.conflist["plugins"]:
            result = self.call("ADD", entry, sandbox, ifname, result)
        sandbox.result = result
        if self.cache:
            self.keep(sandbox, ifname)
        return result

    def cached(self, sandbox, ifname="eth0"):
        return f"{self.cache}/{self.conflist['name']}-{sandbox.container_id}-{ifname}"

    def keep(self, sandbox, ifname="eth0"):
        """What libcni writes when all plugins have succeeded, in its order of keys."""
        config = base64.b64encode(json.dumps(self.conflist).encode()).decode()
        entry = {"kind": "cniCacheV1", "containerId": sandbox.container_id, "config": config, "ifName": ifname,
                 "networkName": self.conflist["name"], "cniArgs": [p.split("=", 1) for p in sandbox.arguments().split(";")],
                 "capabilityArgs": sandbox.capabilities(), "result": sandbox.result}
        with open(self.cached(sandbox, ifname), "w") as f:
            json.dump(entry, f, separators=(",", ":"))

    def check(self, sandbox, ifname="eth0"):
        for entry in self.conflist["plugins"]:
            self.call("CHECK", entry, sandbox, ifname, sandbox.result)

    def delete(self, sandbox, ifname="eth0", times=1):
        for n in range(times):
            for entry in reversed(self.conflist["plugins"]):
                self.call("DEL", entry, sandbox, ifname, None if n else sandbox.result, with_netns=n == 0)
            if self.cache and os.path.exists(self.cached(sandbox, ifname)):
                os.unlink(self.cached(sandbox, ifname))

    def entry_of(self, entry, sandbox, previous):
        config = dict(entry, name=self.conflist["name"], cniVersion=self.conflist["cniVersion"])
        if previous is not None:
            config["prevResult"] = previous
        wanted = {c for c, on in entry.get("capabilities", {}).items() if on}
        given = {c: v for c, v in sandbox.capabilities().items() if c in wanted}
        if given:
            config["runtimeConfig"] = given
        return config

    def call(self, verb, entry, sandbox, ifname, previous, with_netns=True):
        env = {"PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"), "CNI_COMMAND": verb,
               "CNI_CONTAINERID": sandbox.container_id, "CNI_IFNAME": ifname, "CNI_ARGS": sandbox.arguments(),
               "CNI_PATH": ":".join(self.path), "CNI_NETNS": sandbox.netns if with_netns else ""}
        program = self.find(entry["type"])
        p = subprocess.run(self.prefix + [program], input=json.dumps(self.entry_of(entry, sandbox, previous)),
                           env=env, cwd="/", capture_output=True, text=True, timeout=LIMIT_SECONDS)
        if p.returncode:
            raise self.error_of(entry["type"], verb, p)
        if verb != "ADD":
            return None
        try:
            return json.loads(p.stdout)
        except ValueError:
            raise Error(entry["type"], verb, 6, f"its result is no JSON: {p.stdout[:200]!r}") from None

    def find(self, kind):
        for folder in self.path:
            program = os.path.join(folder, kind)
            if os.access(program, os.X_OK):
                return program
        raise Error(kind, "find", 2, f"failed to find plugin \"{kind}\" in path {self.path}")

    @staticmethod
    def error_of(kind, verb, p):
        try:
            e = json.loads(p.stdout)
            return Error(kind, verb, e.get("code"), e.get("msg", ""), e.get("details", ""))
        except (ValueError, AttributeError):
            return Error(kind, verb, None, f"exit code {p.returncode}: {(p.stdout + p.stderr)[:500]}")
