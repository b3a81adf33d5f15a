# SPDX-License-Identifier: Apache-2.0
"""DNS for the lab: unbound as the pod kube-system/kube-dns-0 behind the Service's addresses, and a
second unbound as the world outside, in a network namespace that is no pod. Zones and both
configurations are in tests/demo/world. Nothing is asked beyond these two.

With log=True both write each query (and the resolver each reply) to log/resolver.log and
log/outside.log: what the judge reads.
"""
import os

from lab import SERVICE_IPS, TREE

SOURCE = f"{TREE}/tests/demo/world"
OUTSIDE = "172.30.0.2"
CLUSTER_ZONES = ["cluster.local", "96.10.in-addr.arpa"]


class World:
    def __init__(self, lab, log=True):
        self.lab, self.log = lab, log
        self.folder = f"{lab.work}/world"
        os.makedirs(self.folder, exist_ok=True)

    def start_outside(self):
        lab, netns = self.lab, f"{self.lab.prefix}-outside"
        lab.make_netns(netns)
        lab.run("ip", "-n", lab.node, "link", "add", "outside0", "type", "veth", "peer", "name", "eth0",
                "netns", netns)
        lab.run("ip", "-n", lab.node, "addr", "add", "172.30.0.1/30", "dev", "outside0")
        lab.run("ip", "-n", lab.node, "link", "set", "outside0", "up")
        lab.run("ip", "-n", netns, "addr", "add", f"{OUTSIDE}/30", "dev", "eth0")
        lab.run("ip", "-n", netns, "link", "set", "eth0", "up")
        lab.run("ip", "-n", netns, "route", "add", "default", "via", "172.30.0.1")
        names = [f[:-len(".zone")] for f in sorted(os.listdir(SOURCE)) if f.endswith(".zone")]
        zones = [self.zone(n, downstream=True) for n in names if n not in CLUSTER_ZONES]
        conf = self.render("outside.conf", ZONES="".join(zones))
        return self.start("outside", conf, netns)

    def start_resolver(self, pod, headless=()):
        """headless: (name below cluster.local, address) pairs to add to the zone."""
        self.lab.add_service(pod)
        lines = [f"{name} IN {'AAAA' if ':' in ip else 'A'} {ip}" for name, ip in headless]
        zones = "".join(self.zone(n, downstream=False, HEADLESS="\n".join(lines)) for n in CLUSTER_ZONES)
        addresses = "".join(f"  interface: {ip}\n" for ip in [*pod.ips, *SERVICE_IPS, "127.0.0.1"])
        conf = self.render("resolver.conf", ZONES=zones, INTERFACES=addresses.rstrip("\n"))
        return self.start("resolver", conf, pod.netns)

    def zone(self, name, downstream, **words):
        """downstream: answers come straight from the zone. Else the iterator asks the zone, which
        follows a CNAME out of it and caches."""
        self.render(f"{name}.zone", **words)
        yes, no = ("yes", "no") if downstream else ("no", "yes")
        return (f'auth-zone:\n  name: "{"." if name == "root" else name + "."}"\n  zonefile: "{name}.zone"\n'
                f"  for-downstream: {yes}\n  for-upstream: {no}\n")

    def render(self, name, **words):
        with open(f"{SOURCE}/{name}") as f:
            text = f.read()
        # TXT answers of 62 KiB, and above what one packet carries.
        huge, frag = (["x" * 250 + str(i) for i in range(n)] for n in (240, 10))
        records = [f'{name} IN TXT "{text}"' for name, texts in (("huge", huge), ("frag", frag)) for text in texts]
        known = {"LARGE": "\n".join(records), "DIR": self.folder, "OUTSIDE4": OUTSIDE, "LOG": "yes" if self.log else "no"}
        for word, value in {**known, **words}.items():
            text = text.replace(f"@{word}@", value)
        path = f"{self.folder}/{name}"
        with open(path, "w") as f:
            f.write(text)
        return path

    def start(self, name, conf, netns):
        child = self.lab.spawn(name, ["unbound", "-d", "-c", conf], netns=netns)
        self.lab.wait_for(child, "start of service")
        return child
