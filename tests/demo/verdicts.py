# SPDX-License-Identifier: Apache-2.0
"""Which names a pod may look up, read by the judge itself from the DNSPolicy manifests and the Pods'
labels: the third reading beside lib/policy and the BPF program, and sharing nothing with them. And
what a pod that was denied a name must have got instead.

What the demo does not use is refused, not guessed: matchExpressions. Search domains below the
cluster's are left out, since all names there are allowed."""
import os
import re
from collections import Counter

import yaml

CLUSTER = ["cluster", "local"]
BLOCKED = 15  # RFC 8914
# A denial waits for nothing: the fastest that a pod got shows it, whatever a busy machine did to the others.
LIMIT_S = 0.05
NOT_FOUND = {"Name or service not known", "Name does not resolve"}


def objects(folder, *kinds):
    """All objects of these kinds in the folder's manifests."""
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
        if name.endswith(".yaml"):
            with open(f"{folder}/{name}") as f:
                yield from (o for o in yaml.safe_load_all(f) if o and o["kind"] in kinds)


def labels_of(name):
    return [] if name == "." else re.split(r"(?<!\\)\.", name.lower())


def ends_with(labels, suffix):
    return not suffix or labels[-len(suffix):] == suffix


def allows(entry, labels):
    if entry.startswith("*."):
        suffix = labels_of(entry[2:])
        return len(labels) > len(suffix) and ends_with(labels, suffix)
    return labels == labels_of(entry)


def node_searches(path):
    if not os.path.exists(path):
        return []
    with open(path) as f:
        return [word for line in f if line.startswith("search ") for word in line.split()[1:]]


class Policies:
    def __init__(self, evidence, pods):
        """pods: each with its key and its resolv.conf's search list."""
        self.policies, self.labels = [], {}
        for o in objects(f"{evidence}/objects", "Pod", "DNSPolicy"):
            self.take(o)
        node = node_searches(f"{evidence}/node-resolv.conf")
        self.trusted = {p.key: [labels_of(s) for s in p.searches if s in node] for p in pods}

    def take(self, o):
        meta = o["metadata"]
        if o["kind"] == "Pod":
            self.labels[f"{meta['namespace']}/{meta['name']}"] = meta.get("labels", {})
            return
        selector = o["spec"].get("podSelector", {})
        if set(selector) - {"matchLabels"}:
            raise ValueError(f"the judge does not know {' '.join(selector)}")
        self.policies.append((meta["namespace"], meta["name"], selector.get("matchLabels", {}), o["spec"]))

    def of(self, pod, mode):
        """Policies of this mode that select the pod."""
        labels = self.labels.get(pod, {})
        return [(f"{namespace}/{name}", spec) for namespace, name, wanted, spec in self.policies
                if spec["mode"] == mode and pod.startswith(f"{namespace}/") and wanted.items() <= labels.items()]

    def readings(self, pod, qname):
        """The name as it is, and what is left of it below the longest trusted search domain."""
        labels = labels_of(qname)
        yield labels
        found = [s for s in self.trusted.get(pod, ()) if len(labels) > len(s) and ends_with(labels, s)]
        if found:
            yield labels[:-len(max(found, key=len))]

    def judge(self, pod, qname):
        """(verdict, policy that decided) as the log should have them; "" where no policy selects the pod."""
        names, selected = list(self.readings(pod, qname)), False
        for mode, verdict in (("Enforce", "deny"), ("Audit", "audit")):
            policies = self.of(pod, mode)
            selected |= bool(policies)
            if policies and not ends_with(names[0], CLUSTER) and \
                    not any(allows(e, n) for n in names for _, spec in policies for e in spec["allow"]):
                return verdict, policies[0][0]
        return ("allow" if selected else ""), ""

    def denied(self, pod, qname):
        return self.judge(pod, qname)[0] == "deny"


class Denials:
    """Queries that had to be denied: what came of them, pod by pod."""

    def __init__(self, policies, seen, pods):
        self.policies, self.seen = policies, seen
        self.owner = {ip: p.key for p in pods for ip in p.ips}
        self.queries = Counter({(key, *item): n for key, s in seen.items() for item, n in s.queries.items()
                                if policies.denied(key, item[0])})
        self.let_through = self.misjudged = 0

    @property
    def count(self):
        return sum(self.queries.values())

    def compare(self, report, rows):
        self.compare_verdicts(report, rows)
        self.compare_replies(report)

    def compare_verdicts(self, report, rows):
        """Each query in the rows bears the verdict and the policy that the manifests give it."""
        for r in rows:
            if r["type"] != "LOG" or r["side"] != "client" or not r.get("queries"):
                continue
            # by its address: a row that bears another pod's name is that fault, and not this one too
            key = self.owner.get(r.get("client_ip"), f"{r.get('client_namespace', '')}/{r.get('client_name', '')}")
            verdict, policy = self.policies.judge(key, r["qname"])
            theirs, their_policy = r.get("verdict") or "", r.get("policy") or ""
            if (theirs, their_policy if policy else "") != (verdict, policy):
                self.misjudged += r["queries"]
                report.differ(f"wrong verdict: {key}: {r['qname']} {r['qtype']}: nametap says "
                              f"{theirs or 'none'} {their_policy}, the policies say {verdict or 'none'} {policy}")

    def compare_replies(self, report):
        """The pod gets NXDOMAIN at once, with the extended error where it can be told (T28)."""
        for key, s in self.seen.items():
            took = []
            for query, reply in s.pairs:
                if not self.policies.denied(key, query.qname):
                    continue
                what = f"{key}: denied {query.qname} {query.qtype}"
                if reply is None:
                    report.differ(f"{what}: no reply")
                    continue
                if reply.rcode != "NXDOMAIN":
                    report.differ(f"{what}: the reply is {reply.rcode}")
                if (reply.edns, reply.error) != (query.edns, BLOCKED if query.edns else None):
                    report.differ(f"{what}: EDNS {query.edns} in the query, {reply.edns} with error {reply.error} "
                                  "in the reply")
                took.append((reply.ns - query.ns) / 1e9)
            self.compare_quickest(report, f"{key}: a denied query's reply", took)

    @staticmethod
    def compare_quickest(report, what, took_s):
        if took_s and min(took_s) > LIMIT_S:
            report.differ(f"{what} took {min(took_s) * 1e3:.1f} ms, and that was the fastest of {len(took_s)}")

    def compare_server(self, report, log, outside):
        """None came to a server: not on its link, not into its log, and nobody outside was asked."""
        at_link = Counter()
        for s in self.seen.values():
            for (ip, qname, qtype), n in s.served.items():
                at_link[self.owner.get(ip, ip), qname, qtype] += n
        passed = {item: max(at_link[item], log[item]) for item in set(at_link) | set(log)
                  if self.policies.denied(item[0], item[1])}
        for item, n in sorted(passed.items()):
            self.let_through += n
            report.differ(f"let through: {' '.join(item)} came to a resolver {n} times")
        asked = {qname for key, s in self.seen.items() for qname, _ in s.queries
                 if not s.server_side and not self.policies.denied(key, qname)}
        for qname in sorted({qname for _, qname, _ in self.queries} - asked):
            lines = sum(n for item, n in outside.items() if item[1] == qname)
            if lines:
                report.differ(f"let through: {qname} is in outside.log, {lines} lines")

    def compare_client(self, report, said):
        """What a client itself says it got."""
        if said["names"] and "blocked" in said and all(self.policies.denied(said["pod"], n) for n in said["names"]):
            if {said[what] for what in ("received", "nxdomain", "blocked")} != {said["sent"]}:
                report.differ(f"{said['pod']}: {' '.join(said['names'])} is denied; its client sent {said['sent']}, "
                              f"got {said['received']}: {said['nxdomain']} NXDOMAIN, {said['blocked']} with error 15")
        self.compare_lookups(report, said["pod"], said.get("results", ()))

    def compare_lookups(self, report, pod, results):
        took = []
        for r in results:
            denied = self.policies.denied(pod, r["name"].rstrip("."))
            if denied and r["error"] not in NOT_FOUND:
                report.differ(f"{pod}: its resolver says of the denied {r['name']}: "
                              f"{r['error'] or ' '.join(r['answer'])}")
            if not denied and r["error"]:
                report.differ(f"{pod}: its resolver says of {r['name']}, which is allowed: {r['error']}")
            took += [r["us"] / 1e6] if denied else []
        self.compare_quickest(report, f"{pod}: a denied lookup", took)
