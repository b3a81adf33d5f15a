# SPDX-License-Identifier: Apache-2.0
"""What a test could leave on the machine: snapshot() before and after, differences() in words. On a
machine of its own (machine.py), so that all that is there is the test's.

Processes are found by a mark in their environment (mark() makes one; children inherit it), BPF maps
by what those processes hold while a Watch looks: these two have no place of their own. What the
kernel frees a moment later is waited for."""
import os
import re
import subprocess
import threading
import time
import uuid

MARK = "NT_TEST_MARK"


def mark():
    return uuid.uuid4().hex


def processes(value):
    """pid -> name of the living processes that carry the mark."""
    found, wanted = {}, f"{MARK}={value}".encode()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/environ", "rb") as f:
                if wanted not in f.read().split(b"\0"):
                    continue
            with open(f"/proc/{pid}/comm") as f:
                found[int(pid)] = f.read().strip()
        except OSError:
            pass  # it has ended, or is a zombie
    return found


def held_maps(value):
    """Identifiers of the BPF maps that the marked processes have open."""
    found = set()
    for pid in processes(value):
        try:
            for fd in os.listdir(f"/proc/{pid}/fdinfo"):
                with open(f"/proc/{pid}/fdinfo/{fd}") as f:
                    found.update(re.findall(r"^map_id:\s*(\d+)$", f.read(), re.M))
        except OSError:
            pass  # it has ended
    return found


class Watch(threading.Thread):
    """Collects, until end(), the BPF maps that the marked processes ever held: when the maps are gone,
    so are the programs that use them. left() says which are still there."""

    def __init__(self, value):
        super().__init__(daemon=True)
        self.value, self.maps, self.ending = value, set(), threading.Event()
        self.start()

    def run(self):
        while not self.ending.wait(0.3):
            self.maps |= held_maps(self.value)

    def left(self):
        self.ending.set()
        self.join()
        there = {l.split(":")[0] for l in output("bpftool", "map", "show")}
        return self.maps & there


def output(*argv):
    return set(subprocess.run(argv, capture_output=True, text=True).stdout.splitlines())


def listing(folder):
    return set(os.listdir(folder)) if os.path.isdir(folder) else set()


def text(path):
    try:
        with open(path) as f:
            return {f.read().strip()}
    except OSError:
        return set()


def snapshot(value=None):
    links = {re.sub(r"^\d+: ", "", l).split("@")[0].split(":")[0] for l in output("ip", "-o", "link")}
    return {
        "network namespaces": output("ip", "netns", "list"), "links": links,
        "qdiscs": output("tc", "qdisc", "show"),
        "mounts": {l.split(" ", 4)[4] for l in output("cat", "/proc/self/mountinfo")},
        "pins": listing("/sys/fs/bpf"), "files in /run": listing("/run"), "files in /tmp": listing("/tmp"),
        "files in /var/lib/cni": listing("/var/lib/cni"),
        "addresses": output("ip", "-o", "-br", "addr"), "routes": output("ip", "route"),
        "ip_forward": text("/proc/sys/net/ipv4/ip_forward"),
        "IPv6 forwarding": text("/proc/sys/net/ipv6/conf/all/forwarding"),
        "processes": {f"{pid} {name}" for pid, name in processes(value).items()} if value else set()}


def differences(before, value=None, watch=None, seconds=20.0):
    """In words; empty when all is as before."""
    end = time.monotonic() + seconds
    while True:
        after = snapshot(value)
        found = [f"{what}: {', '.join(sorted(after[what] - before[what])) or 'nothing'} more, "
                 f"{', '.join(sorted(before[what] - after[what])) or 'nothing'} less"
                 for what in before if after[what] != before[what]]
        maps = watch.left() if watch else ()
        if maps:
            found.append(f"BPF maps: {', '.join(sorted(maps))} more")
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.1)
