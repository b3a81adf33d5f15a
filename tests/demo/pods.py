# SPDX-License-Identifier: Apache-2.0
"""The demo's cast: which pods there are, how they reach the resolver, what they look up and how
often. Names and UIDs are those of manifests/examples/demo."""
import os
import re

# Asked for by the programs that count their datagrams, and by nobody else.
COUNTED = "dns-version.cluster.local"
# scratch's TXT lookups of a name that does not exist: 20 per second for 4 s, so often.
BURST_EVERY = 45.0
# In the node's resolv.conf.
NODE_SEARCH = "corp.example"
SERVICE4, SERVICE6 = "10.96.0.10", "fd00:10:96::a"


class Cast:
    """counted: programs beside the traffic that say what they got: (names that only they ask for, or
    none, command)."""

    def __init__(self, namespace, name, network, servers, traffic, counted=(), searches=()):
        self.namespace, self.name, self.network, self.servers = namespace, name, network, servers
        self.traffic, self.counted, self.searches = traffic, counted, searches


def dig(*words):
    return ["dig", "+tries=1", "+time=2", "+noall", *words]


def raw(build, server, interval_ms, name, *options):
    """A program that counts its own datagrams of this name."""
    return [name], [f"{build}/demo/client_raw", "--server", server, "--interval", str(interval_ms), "--name", name,
                    "--count", "1000000000", *options]


def steady(build, program, interval_ms, *names):
    """A real resolver over and over, with what became of each lookup."""
    return [], [f"{build}/demo/{program}", "--seconds", "1000000", "--interval", str(interval_ms), *names]


def clients(build):
    """The two resolvers that programs have: glibc's, and musl's in a static binary."""
    glibc, musl = f"{build}/demo/client_resolv", f"{build}/demo/client_resolv_musl"
    return (lambda name: [glibc, name]), (lambda name: [musl, name])


def cast(build):
    """Pace in seconds, first at, command."""
    glibc, musl = clients(build)
    return [
        Cast("shop", "web-6659c9d65f-x2x7k", "bridge", [SERVICE4], [
            [0.8, 0.0, *glibc("www.example.com")],
            [1.1, 0.3, *glibc("cart-0.cart")],
            [1.3, 0.5, *glibc("img.cdn.example")],
            [1.7, 0.7, *glibc("payments")],
            [4.0, 1.0, *dig("example.com", "HTTPS")],
        ]),
        Cast("shop", "web-6659c9d65f-9kq4p", "bridge", [SERVICE6], [
            [0.9, 0.1, *glibc("www.example.com")],
            [1.2, 0.4, *glibc("fonts.cdn.example")],
            [2.1, 0.6, *glibc("web")],
        ]),
        Cast("shop", "cart-0", "ptp", [SERVICE4], [
            [1.0, 0.1, *glibc("payments.shop.svc.cluster.local")],
            [1.5, 0.4, *dig("_http._tcp.web.shop.svc.cluster.local", "SRV")],
            [2.5, 0.8, *dig("-x", "10.96.0.21")],
            [3.0, 0.2, *glibc("logs.example.net")],
        ], counted=[raw(build, SERVICE4, 500, COUNTED, "--type", "TXT")]),
        Cast("shop", "payments-5d8c7b9f6d-lm2zq", "bridge", [SERVICE4, SERVICE6], [
            [0.7, 0.0, *musl("api.payments.example")],
            [1.4, 0.3, *musl("gateway")],
            [2.3, 0.9, *musl("hooks.payments.example")],
            [3.1, 0.5, *dig("_api._tcp.payments.example", "SRV")],
        ]),
        # Under an enforced policy: of each pair of names one is allowed. The second search domain is
        # none of the node's: a pod may not widen its policy by it.
        Cast("shop", "checkout-84b6d7c9f5-tk4wd", "bridge", [SERVICE4, SERVICE6], [
            [2.0, 0.3, *dig("api.example.com", "A")],
            [2.4, 0.8, *dig("example.com", "A")],
            [2.9, 1.1, *dig(f"@{SERVICE6}", "telemetry.cdn.example", "A")],
        ], counted=[steady(build, "client_resolv", 400, "www.example.com", "telemetry.cdn.example"),
                    steady(build, "client_resolv_musl", 500, "api.payments.example", "ads.cdn.example"),
                    raw(build, SERVICE4, 500, "pixel.example.net", "--edns"),
                    raw(build, SERVICE6, 700, "tags.example.net", "--edns", "--type", "AAAA"),
                    raw(build, SERVICE4, 600, "v4only.example.com", "--edns")],
            searches=[NODE_SEARCH, "wide.example"]),
        Cast("monitoring", "prometheus-0", "ptp", [SERVICE6], [
            [1.0, 0.2, *dig("_web._tcp.prometheus.monitoring.svc.cluster.local", "SRV")],
            [1.2, 0.3, *dig("_dns._udp.kube-dns.kube-system.svc.cluster.local", "SRV")],
            [1.6, 0.6, *dig("-x", "10.96.0.10")],
            [2.2, 0.5, *dig("-x", "2001:db8::10")],
            [1.9, 0.8, *glibc("metrics.example.net")],
            [4.3, 1.6, *dig("+tcp", "+keepopen", "www.example.com", "A", "www.example.com", "AAAA", "big.example.com",
                            "TXT")],
        ], counted=[raw(build, SERVICE6, 2000, COUNTED, "--gso")]),
        Cast("dev", "toolbox", "ptp", [SERVICE4], [
            [2.0, 0.2, *dig("example.com", "MX")],
            [2.2, 0.6, *dig("example.com", "TXT")],
            [3.1, 0.9, *dig("example.com", "CAA")],
            [3.3, 1.2, *dig("example.com", "NS")],
            [3.7, 1.5, *dig("example.org", "SOA")],
            [2.9, 1.8, *dig("big.example.com", "TXT", "+ignore", "+noedns")],
            [3.5, 2.0, *dig("big.example.com", "TXT")],
            [2.7, 0.4, *dig("-x", "192.0.2.25")],
            [4.1, 0.8, *dig(f"@{SERVICE6}", "v6only.example.com", "AAAA")],
        ]),
        Cast("dev", "legacy-7c9d4f5b8-q8w2r", "bridge", [SERVICE4], [
            [1.5, 0.1, *glibc("old-api.example.org")],
            [2.0, 0.5, *dig("broken.example", "A")],
            [2.8, 0.7, *dig("+tcp", "old-api.example.org", "A")],
            [3.4, 1.3, *dig("big.example.com", "TXT", "+noedns")],  # truncated, then over TCP
            [2.5, 0.9, *dig("dangling.example.com", "A")],
            [3.0, 0.3, "dig", "+tries=2", "+time=1", "+noall", "void.example.net", "A"],
            [9.0, 1.0, *glibc("void.example.net.")],
        ]),
        Cast("dev", "scratch", "ptp", [SERVICE4], [
            [BURST_EVERY, 3.0, f"{build}/demo/client_raw", "--server", SERVICE4, "--name", "orders.updates.example",
             "--type", "TXT", "--count", "80", "--interval", "50"],
            [5.0, 0.6, *dig("www.example.com", "A")],
        ]),
    ]


NODE_TRAFFIC = [[2.0, 0.5, *dig(f"@{SERVICE4}", "kubernetes.default.svc.cluster.local", "A")]]

RESOLVER = ("kube-system", "kube-dns-0")


def job_traffic(build, number):
    """What the n-th pod of the CronJob report asks for in its short life."""
    glibc, _ = clients(build)
    return [[0.5, 0.0, *glibc("prometheus.monitoring")], [0.6, 0.1, *glibc("deb.example.org")],
            [9.0, 0.2, *dig(f"run-{number}.apps.example.com", "A")]]


def uids(folder):
    """namespace/name -> UID of each Pod manifest. Reads just what these files hold."""
    found = {}
    for name in sorted(os.listdir(folder)):
        if not name.startswith("pod-"):
            continue
        with open(f"{folder}/{name}") as f:
            text = f.read()
        value = lambda key: re.search(rf"^  {key}: (\S+)$", text, re.M).group(1)
        found[f"{value('namespace')}/{value('name')}"] = value("uid")
    return found


JOB = """apiVersion: batch/v1
kind: Job
metadata:
  name: report-{number}
  namespace: batch
  uid: {job_uid}
  ownerReferences:
  - {{apiVersion: batch/v1, kind: CronJob, name: report, uid: {cron_uid}, controller: true}}
---
apiVersion: v1
kind: Pod
metadata:
  name: report-{number}-{suffix}
  namespace: batch
  uid: {pod_uid}
  labels: {{app: report, job-name: report-{number}}}
  ownerReferences:
  - {{apiVersion: batch/v1, kind: Job, name: report-{number}, uid: {job_uid}, controller: true}}
spec:
  nodeName: node1
  containers:
  - {{name: report, image: "demo/report:1"}}
"""
