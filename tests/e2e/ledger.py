# SPDX-License-Identifier: Apache-2.0
"""The books of pods that ask for names of their own, ANYTHING.POD.apps.example.com: what a recording has on their links, what the
cluster's DNS server has written into its log, and what nametap's log has. Only UDP."""
import glob
import gzip
import re
from collections import Counter

import capture
from kube import ZONE

SERVED = re.compile(r"info: (\S+) (\S+)\. A IN$", re.M)


def below(name):
    """A filter: the names of a pod."""
    return f'qname IN {{"*.{name}.{ZONE}"}}'


class Recorded:
    """packets, replies: by the link's index; queries: by index and name."""

    def __init__(self, path):
        self.packets, self.replies, self.queries = Counter(), Counter(), Counter()
        for packet in capture.packets(path):
            for d in packet.datagrams():
                self.packets[d.ifindex] += 1
                if d.reply:
                    self.replies[d.ifindex] += 1
                else:
                    self.queries[d.ifindex, d.qname] += 1

    def queries_on(self, links):
        """Name -> number."""
        found = Counter()
        for (ifindex, qname), n in self.queries.items():
            if ifindex in links:
                found[qname] += n
        return found


def served(folder):
    """From the files of the kubelet, where the API server is not asked: (address, name) -> number."""
    found = Counter()
    for path in glob.glob(f"{folder}/var-log/pods/kube-system_kube-dns-*/unbound/*.log*"):
        with (gzip.open if path.endswith(".gz") else open)(path, "rt", errors="replace") as f:
            found.update((ip, name.lower()) for ip, name in SERVED.findall(f.read()))
    return found


class Logged:
    """What nametap's log has of a pod. packets: in rows; unlogged: by reason; queries: by name; server_side: packets in the server's
    rows of clients that are tapped nowhere, which name nobody; strangers: other rows with the pod's names that are not its own, but
    for the forwards of the server."""

    def __init__(self, api, name, uid):
        self.packets, self.server_side, self.queries, self.unlogged, self.strangers = 0, 0, Counter(), Counter(), []
        for r in api.rows(q=below(name)):
            if r["side"] == "client" and r.get("client_uid") == uid:
                self.packets += r["queries"] + r["replies"]
                self.queries[r["qname"]] += r["queries"]
            elif r["side"] == "server" and not r.get("client_name"):
                self.server_side += r["queries"] + r["replies"]
                self.queries[r["qname"]] += r["queries"]
            elif r["role"] != "resolver" or r.get("client_namespace") != "kube-system":
                self.strangers.append(r)
        for r in api.rows(type="UNLOGGED"):
            if r.get("client_uid") == uid:
                self.unlogged[r["reason"]] += r["count"]

    @property
    def accounted(self):
        return self.packets + self.server_side + sum(self.unlogged.values())


def size_of(api, name):
    """Lookups that the log has of a pod by now."""
    return api.get("/api/v1/summary", side="client", role="workload", q=below(name), **{"from": "now-1h", "to": "now+1m"})["sums"]["count"]
