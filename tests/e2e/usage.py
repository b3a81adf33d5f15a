# SPDX-License-Identifier: Apache-2.0
"""What nametap's containers take, by the kubelet's own word, against what the manifests request for them."""
import json
import time
from datetime import datetime

import yaml

from kit import TREE

MIB = 1 << 20


def summary(cluster, node):
    """Container -> (CPU time in seconds, as of when, working set in octets)."""
    said = json.loads(cluster.kubectl("get", "--raw", f"/api/v1/nodes/{node}/proxy/stats/summary"))
    found = {}
    for p in said["pods"]:
        for c in p["containers"] if p["podRef"]["namespace"] == "nametap" else ():
            when = datetime.fromisoformat(c["cpu"]["time"].replace("Z", "+00:00")).timestamp()
            found[c["name"]] = c["cpu"]["usageCoreNanoSeconds"] / 1e9, when, c["memory"]["workingSetBytes"]
    return found


def during(cluster, node, seconds):
    """Container -> (CPU in thousandths, largest working set in octets) while that time passes."""
    first, most, end = summary(cluster, node), {}, time.monotonic() + seconds
    while time.monotonic() < end:
        time.sleep(5)
        last = summary(cluster, node)
        most = {c: max(most.get(c, 0), v[2]) for c, v in last.items()}
    return {c: (round(1000 * (v[0] - first[c][0]) / max(v[1] - first[c][1], 1)), most[c]) for c, v in last.items()}


def requested():
    """Container -> octets of memory, of manifests/base."""
    found = {}
    for name in ("agent", "controller"):
        with open(f"{TREE}/manifests/base/{name}.yaml") as f:
            workload = next(o for o in yaml.safe_load_all(f) if o["kind"] in ("DaemonSet", "Deployment"))
        for c in workload["spec"]["template"]["spec"]["containers"]:
            found[c["name"]] = int(c["resources"]["requests"]["memory"].removesuffix("Mi")) * MIB
    return found
