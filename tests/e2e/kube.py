# SPDX-License-Identifier: Apache-2.0
"""What a test asks a Kubernetes for, and what Kubernetes and containerd say of a pod: its UID, its sandboxes."""
import json
import os

import kit
import tap
from kit import SECONDS, wait
from lab import Failed

NAMESPACE = "e2e"
IMAGE = "local.test/busybox:1"
ENTRY = {"type": "nametap", "capabilities": {"dns": True, "io.kubernetes.cri.pod-annotations": True}}
# A name outside that has an address; the kit's resolver answers any word in front of it.
ZONE = "apps.example.com"


def chained(*entries):
    return ",".join(json.dumps(e) for e in entries)


def pod(name, command="exec sleep 100000", namespace=NAMESPACE, restart="Always", **spec):
    """A pod of one busybox that runs a line of shell, where $POD is its name; ports: of its container."""
    container = {"name": "c", "image": IMAGE, "imagePullPolicy": "Never", "command": ["sh", "-c", command], "ports": spec.pop("ports", []),
                 "env": [{"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": namespace, "labels": {"app": name},
                                                            "annotations": spec.pop("annotations", {})},
            "spec": {"terminationGracePeriodSeconds": 1, "restartPolicy": restart, "containers": [container], **spec}}


def workload(kind, name, command, version="apps/v1", restart="Always", **spec):
    """What makes pods of that kind; spec: more of its own, beside selector and template."""
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": pod(name, command, restart=restart)["spec"]}
    if kind == "CronJob":
        spec["jobTemplate"] = {"spec": {"template": template}}
    elif kind == "Job":
        spec["template"] = template
    else:
        spec.update(selector={"matchLabels": labels}, template=template)
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": NAMESPACE}, "spec": spec}


def asks(word, zone=ZONE):
    """A line of shell: one lookup, the first thing that the pod does."""
    return f"nslookup -type=a {word}.{zone}."


class Kube:
    def __init__(self, cluster, product):
        self.cluster, self.product = cluster, product

    def apply(self, *objects):
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)})
        # Only once; a new namespace gets its account a moment later.
        wait(lambda: self.cluster.kubectl("apply", "-f", "-", input=text, check=False), lambda p: p.returncode == 0, 20, 0.5)

    def namespace(self, name=NAMESPACE):
        self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
        wait(lambda: self.cluster.kubectl("-n", name, "get", "serviceaccount", "default", check=False), lambda p: p.returncode == 0, 30)

    def get(self, name, namespace=NAMESPACE):
        p = self.cluster.kubectl("-n", namespace, "get", "pod", name, "-o", "json", check=False)
        return json.loads(p.stdout) if p.returncode == 0 else None

    def running(self, name, namespace=NAMESPACE, seconds=SECONDS):
        """The pod's object as soon as its containers are ready; Failed else."""
        def look():
            o = self.get(name, namespace)
            states = o["status"].get("containerStatuses", []) if o else []
            return o if states and all(s["ready"] for s in states) else None
        o = wait(look, bool, seconds, 0.3)
        if not o:
            raise Failed(f"pod {name} does not run:\n{self.cluster.kubectl('-n', namespace, 'describe', 'pod', name, check=False).stdout[-2000:]}")
        return o

    def ended(self, name, seconds=SECONDS):
        return wait(lambda: ((self.get(name) or {}).get("status") or {}).get("phase"), lambda v: v in ("Succeeded", "Failed"), seconds, 0.3)

    def uid(self, o):
        """As CNI is told it: a static pod's is the hash of its file."""
        return o["metadata"].get("annotations", {}).get("kubernetes.io/config.hash") or o["metadata"]["uid"]

    def sandboxes(self, uid):
        """containerd's own list of a pod's sandboxes, by UID in their labels."""
        rows = self.cluster.exec("ctr", "-n", "k8s.io", "containers", "ls", "-q",
                                 f'labels."io.kubernetes.pod.uid"=={uid},labels."io.cri-containerd.kind"==sandbox').split()
        return rows

    def ask(self, name, word, namespace=NAMESPACE):
        """One lookup in a running pod by its own resolv.conf; has it been answered?"""
        p = self.cluster.kubectl("-n", namespace, "exec", name, "--", *asks(word).split(), check=False)
        return p.returncode == 0 and "Address" in p.stdout

    def who(self, o):
        """(namespace, name, uid, interface), as rows have it."""
        m = o["metadata"]
        return m["namespace"], m["name"], self.uid(o), "eth0"

    def events(self, name, reason, namespace=NAMESPACE):
        p = self.cluster.kubectl("-n", namespace, "get", "events", "-o", "json", "--field-selector", f"involvedObject.name={name},reason={reason}")
        return [e["message"] for e in json.loads(p)["items"]]

    def delete(self, name, *options, namespace=NAMESPACE):
        return self.cluster.kubectl("-n", namespace, "delete", "pod", name, "--wait=false", *options)

    def is_gone(self, name, namespace=NAMESPACE, seconds=SECONDS):
        return wait(lambda: self.get(name, namespace) is None, bool, seconds, 0.3)

    def write_conflist(self, change):
        """change(list of plugins) edits the chain in place; containerd has read it when this returns."""
        path = self.cluster.conflist
        with open(path) as f:
            conflist = json.load(f)
        change(conflist["plugins"])
        with open(path + ".new", "w") as f:
            json.dump(conflist, f, indent=1)
        os.rename(path + ".new", path)
        # It reads within a second, and there is nothing to be seen of it.
        wait(lambda: None, bool, 1.5)


def tell(story, base, entries=(), plugins=(), commands=()):
    """story(cluster) on a cluster with these entries at the end of its chain; exit code. For one call, at the end."""
    if not kit.ready("bpftool", "nsenter", "setpriv", *commands):
        return tap.done()
    kit.end_by_exception()
    try:
        with kit.told("the story is told to its end"), kit.Cluster(base, chained(*entries), plugins) as cluster:
            story(cluster)
    except kit.Ended as e:
        tap.ok("the story is told to its end", False, f"ended by {e}")
    return tap.done()
