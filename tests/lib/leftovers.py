# SPDX-License-Identifier: Apache-2.0
"""What a test could leave on the machine: snapshot() before and after, differences() in words.

Processes are found by a mark in their environment (mark() makes one; children inherit it), so that
nobody else's count. What the kernel frees a moment later is waited for."""
import os
import re
import subprocess
import time
import uuid

MARK = "NT_TEST_MARK"
OURS = re.compile(r"nametap|ntdemo|unbound|cni", re.I)


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


def output(*argv):
    return set(subprocess.run(argv, capture_output=True, text=True).stdout.splitlines())


def listing(folder, pattern=None):
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return {n for n in names if not pattern or pattern.search(n)}


def text(path):
    try:
        with open(path) as f:
            return {f.read().strip()}
    except OSError:
        return set()


def snapshot(value=None):
    links = {re.sub(r"^\d+: ", "", l).split("@")[0].split(":")[0] for l in output("ip", "-o", "link")}
    programs = {l.split(":")[0] for l in output("bpftool", "prog", "show")
                if " name from_pod" in l or " name to_pod" in l}
    return {
        "network namespaces": output("ip", "netns", "list"), "links": links,
        "qdiscs": output("tc", "qdisc", "show"),
        "mounts": {l.split(" ", 4)[4] for l in output("cat", "/proc/self/mountinfo")},
        "pins": listing("/sys/fs/bpf"), "BPF programs": programs, "files in /run": listing("/run", OURS),
        "files in /tmp": listing("/tmp", OURS), "files in /var/lib/cni": listing("/var/lib/cni"),
        "addresses": output("ip", "-o", "-br", "addr"), "routes": output("ip", "route"),
        "ip_forward": text("/proc/sys/net/ipv4/ip_forward"),
        "IPv6 forwarding": text("/proc/sys/net/ipv6/conf/all/forwarding"),
        "processes": {f"{pid} {name}" for pid, name in processes(value).items()} if value else set()}


def differences(before, value=None, seconds=5.0):
    """In words; empty when all is as before."""
    end = time.monotonic() + seconds
    while True:
        after = snapshot(value)
        once = lambda what: what not in ("BPF programs", "processes")  # these may have been about to go
        found = [f"{what}: {', '.join(sorted(after[what] - before[what])) or 'nothing'} more, "
                 f"{', '.join(sorted(before[what] - after[what])) or 'nothing'} less"
                 for what in before if after[what] - before[what] or once(what) and before[what] - after[what]]
        if not found or time.monotonic() > end:
            return found
        time.sleep(0.1)
