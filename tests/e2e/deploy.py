# SPDX-License-Identifier: Apache-2.0
"""nametap on a cluster as a user brings it there: images of `make image`, `kubectl apply -k`; then what it says by its API, through
`kubectl port-forward`. node() is the kit's cluster with the images in it."""
import contextlib
import json
import os
import re
import subprocess

import yaml

import given
import kit
from api import Api
from kit import BUILD, wait
from lab import TREE, Failed
from product import Product

IMAGES = [f"{BUILD}/image/nametap-{n}.tar" for n in ("agent", "controller")]
# The node shares the machine's /var/lib. The store stays when nametap is deleted, the spool does not.
STORE = "/var/lib/nametap-store"
MAKES = ["/var/lib/nametap", STORE]
CONTAINERD = "/etc/containerd/config.toml"
API = "127.0.0.1:8053"
NAMESPACE = "nametap"
SYS_RESOURCE = 24


def build_images():
    """Their files; made anew when a program is younger."""
    newest = max(os.path.getmtime(f) for f in (*kit.OURS, f"{BUILD}/nametapctl"))
    if not all(os.path.exists(f) and os.path.getmtime(f) > newest for f in IMAGES):
        p = subprocess.run([f"{TREE}/manifests/image/build", BUILD], capture_output=True, text=True, timeout=600)
        if p.returncode:
            raise Failed(f"manifests/image/build: {p.stdout}{p.stderr}")
    return IMAGES


@contextlib.contextmanager
def node(base="ptp", **environment):
    images = build_images()
    with kit.Cluster(base, makes=MAKES, **environment) as cluster:
        if os.path.exists(CONTAINERD):  # the machine's, whose containerd is another than this node's
            cluster.exec("mount", "--bind", f"{cluster.folder}/containerd.toml", CONTAINERD)
        for tar in images:
            cluster.load(tar)
        yield cluster


def make_volume(cluster):
    """For the claim of overlays/pvc, where no StorageClass makes one."""
    folder = f"{cluster.work}/volume"
    os.mkdir(folder)
    os.chown(folder, 65532, 65532)  # a folder of the node gets no fsGroup
    volume = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "e2e-store"}, "spec": {
        "capacity": {"storage": "20Gi"}, "accessModes": ["ReadWriteOnce"], "hostPath": {"path": folder}}}
    cluster.kubectl("apply", "-f", "-", input=json.dumps(volume))


@contextlib.contextmanager
def target(makes):
    """The cluster of KUBECONFIG when there is one, else the kit's. makes: namespaces that the test makes."""
    if not given.wanted():
        with node() as cluster:
            yield cluster
        return
    images = [*build_images(), f"{BUILD}/image/pod.tar"]
    given.make_pod_image(images[-1])
    with given.Given(makes) as cluster:
        for tar in images:
            cluster.load(tar)
        yield cluster


# --- an overlay -----------------------------------------------------------------------------------------


def may(capability):
    """Could a container here have it at all?"""
    with open("/proc/self/status") as f:
        return int(re.search(r"^CapBnd:\s*(\w+)", f.read(), re.M)[1], 16) >> capability & 1


def capabilities():
    """What the agent's container gets."""
    with open(f"{TREE}/manifests/base/agent.yaml") as f:
        return yaml.safe_load(f)["spec"]["template"]["spec"]["containers"][0]["securityContext"]["capabilities"]["add"]


def write_overlay(folder, base, arguments):
    """A kustomization over a folder of manifests/, as an operator would write one: more arguments for the agent, and no
    capability that this machine cannot give."""
    os.makedirs(folder)
    place = "/spec/template/spec/containers/0"
    patch = [{"op": "add", "path": f"{place}/args/-", "value": a} for a in arguments]
    if not may(SYS_RESOURCE):
        patch.append({"op": "replace", "path": f"{place}/securityContext/capabilities/add", "value": [c for c in capabilities() if c != "SYS_RESOURCE"]})
    target = {"group": "apps", "version": "v1", "kind": "DaemonSet", "name": "nametap-agent", "namespace": NAMESPACE}
    with open(f"{folder}/agent.json", "w") as f:
        json.dump(patch, f)
    with open(f"{folder}/kustomization.yaml", "w") as f:
        json.dump({"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization",
                   "bases": [os.path.relpath(os.path.realpath(f"{TREE}/manifests/{base}"), os.path.realpath(folder))],
                   "patchesJson6902": [{"target": target, "path": "agent.json"}]}, f)


# --- there, and what it says --------------------------------------------------------------------------------


class Deployed(Product):
    """nametap in pods of a cluster; what Product starts by itself (agent, controller) is not used, the recording is."""

    def __init__(self, cluster, *arguments):
        """arguments: more of the agent's."""
        super().__init__(f"{cluster.work}/product")
        self.cluster, self.arguments, self.forward, self.forwards = cluster, arguments, None, 0

    def overlay(self, base):
        folder = f"{self.work}/{os.path.basename(os.path.normpath(f'{TREE}/manifests/{base}'))}"
        if not os.path.exists(folder):
            write_overlay(folder, base, self.arguments)
        return folder

    def kubectl(self, *words, **kw):
        return self.cluster.kubectl("-n", NAMESPACE, *words, **kw)

    def apply(self, base=""):
        """base: a folder below manifests/. Returns when it runs."""
        self.cluster.kubectl("apply", "-k", self.overlay(base))
        self.is_ready()

    def delete(self, base="", seconds=180):
        return self.cluster.kubectl("delete", "-k", self.overlay(base), f"--timeout={seconds}s")

    def is_ready(self, seconds=120):
        for what in ("deploy/nametap-controller", "ds/nametap-agent"):
            p = wait(lambda: self.kubectl("rollout", "status", what, "--timeout=5s", check=False), lambda p: p.returncode == 0, seconds, 0.5)
            if p.returncode:
                raise Failed(f"{what} is not ready: {p.stderr}\n{self.kubectl('describe', 'pods', check=False).stdout[-3000:]}{self.log()}")

    def pods_of(self, name):
        """Objects of nametap-agent's or nametap-controller's pods that nobody has deleted; none while the API is away."""
        p = self.kubectl("get", "pods", "-l", f"app.kubernetes.io/name={name}", "-o", "json", check=False)
        return [o for o in json.loads(p.stdout)["items"] if "deletionTimestamp" not in o["metadata"]] if p.returncode == 0 else []

    def log(self, name="nametap-agent", lines=25):
        return self.kubectl("logs", "-l", f"app.kubernetes.io/name={name}", f"--tail={lines}", check=False).stdout

    # --- its API -----------------------------------------------------------------------------------
    @property
    def api(self):
        """By a tunnel that works now: it goes with the controller's pod."""
        if not self.forward or self.forward.process.poll() is not None or not self._api.healthy():
            if not wait(self.open_api, bool, pause=0.5):
                raise Failed(f"the controller's API does not answer: {self.forward.tail()}{self.log('nametap-controller')}")
        return self._api

    def open_api(self):
        if self.forward:
            self.end(self.forward)
        self.forwards += 1
        words = ["-n", NAMESPACE, "port-forward", "deploy/nametap-controller", ":8053"]
        self.forward = self.spawn(f"port-forward-{self.forwards}", [*self.cluster.kubectl_words, *words], needed=False)
        try:
            line = self.wait_for(self.forward, "Forwarding from 127.0.0.1:", 20)
        except Failed:
            return False
        # The controller answers to its own name only, and its own port is taken on its node.
        self._api = Api("http://127.0.0.1:" + re.search(r"127\.0\.0\.1:(\d+)", line)[1], API)
        return self._api.healthy()

    def spooled(self):
        """Batches that wait on the kit's node."""
        p = self.cluster.exec("find", "/var/lib/nametap/spool", "-name", "*.batch", check=False)
        return p.stdout.split()
