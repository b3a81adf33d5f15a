# SPDX-License-Identifier: Apache-2.0
"""What a node is, as far as nametap could have changed it: files with their octets, mode and owner, the bpffs, links with
their qdiscs and filters. take() before and after; differences() in words."""
import hashlib
import json
import os
import stat
import subprocess


def file_of(path):
    st = os.lstat(path)
    head = f"{stat.filemode(st.st_mode)} {st.st_uid}:{st.st_gid}"
    if stat.S_ISLNK(st.st_mode):
        return f"{head} -> {os.readlink(path)}"
    if not stat.S_ISREG(st.st_mode):
        return head
    try:
        with open(path, "rb") as f:
            return f"{head} {hashlib.sha256(f.read()).hexdigest()}"
    except OSError:  # a pin
        return head


def tree(folder):
    """Path below folder -> what is there; the folder itself, too."""
    found = {}
    if os.path.lexists(folder):
        found[folder] = file_of(folder)
    for place, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(place, name)
            try:
                found[path] = file_of(path)
            except FileNotFoundError:
                pass
    return found


def links(enter):
    """Per link: kind, state, addresses without their lifetimes, qdiscs, filters, tcx programs."""
    def run(*argv):
        p = subprocess.run([*enter, *argv], capture_output=True, text=True, timeout=60)
        return p.stdout

    found = {}
    for l in json.loads(run("ip", "-j", "-d", "addr", "show")):
        name = l["ifname"]
        found[f"link {name}"] = (l["ifindex"], l.get("linkinfo", {}).get("info_kind"), sorted(l["flags"]),
                                 sorted(f"{a['local']}/{a['prefixlen']}" for a in l["addr_info"]))
        found[f"qdisc {name}"] = sorted(run("tc", "qdisc", "show", "dev", name).splitlines())
        for direction in ("ingress", "egress"):
            found[f"filter {name} {direction}"] = run("tc", "filter", "show", "dev", name, direction)
    found["programs on links"] = run("bpftool", "net", "show")
    return found


def take(folders, enter):
    found = links(enter)
    for f in folders:
        found.update(tree(f))
    return found


def differences(before, after):
    lines = []
    for key in sorted(set(before) | set(after)):
        a, b = before.get(key), after.get(key)
        if a != b:
            lines.append(f"{key}: before {a!r}, after {b!r}")
    return lines
