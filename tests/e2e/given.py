# SPDX-License-Identifier: Apache-2.0
"""Somebody's cluster, by KUBECONFIG, with as much of kit.Cluster as a test can have there: kubectl, images by the hook E2E_LOAD_IMAGE.
The image of the pods is made here, from this machine's busybox."""
import glob
import os
import shlex
import shutil
import subprocess
import tempfile

import kit
import kube
import sandbox
import tap
from kit import BUILD
from lab import Failed

LOAD = "E2E_LOAD_IMAGE"
# A name that every cluster's own DNS server answers by itself: that there is none.
ZONE = f"{kube.NAMESPACE}.svc.cluster.local"


def wanted():
    return bool(os.environ.get("KUBECONFIG"))


def ready():
    """Is all there that the test needs? False, having said what is not."""
    problems = sandbox.missing(["kubectl", "podman", "busybox"], kit.OURS)
    if not os.environ.get(LOAD):
        problems.append(f"{LOAD} is not set: the command that loads an image into the nodes; it gets the path of a tar")
    for p in problems:
        tap.ok("prerequisites of a cluster by KUBECONFIG", False, p)
    return not problems


def make_pod_image(tar):
    """kube.IMAGE as a docker-archive: busybox with its commands, and nothing else."""
    busybox = shutil.which("busybox")
    with tempfile.TemporaryDirectory(dir=f"{BUILD}/image") as work:
        os.makedirs(f"{work}/root/bin")
        shutil.copy(busybox, f"{work}/root/bin/busybox")
        for name in subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True).stdout.split():
            if name != "busybox":
                os.symlink("busybox", f"{work}/root/bin/{name}")
        podman = ["podman", "--root", f"{work}/store", "--runroot", f"{work}/run", "--storage-driver", "vfs"]
        for words in (["tar", "-C", f"{work}/root", "-cf", f"{work}/root.tar", "."],
                      [*podman, "import", "--quiet", f"{work}/root.tar", kube.IMAGE],
                      [*podman, "save", "--quiet", "--format", "docker-archive", "-o", tar, kube.IMAGE]):
            p = subprocess.run(words, capture_output=True, text=True, timeout=300)
            if p.returncode:
                raise Failed(f"{' '.join(words)}: {p.stdout}{p.stderr}")


class Given:
    """For a with statement. makes: namespaces that the test makes, which must not be there."""
    is_kit = False
    kubectl_words = ["kubectl"]

    def __init__(self, makes):
        self.makes = makes

    def __enter__(self):
        there = [n for n in self.makes if self.kubectl("get", "namespace", n, check=False).returncode == 0]
        if there:
            raise Failed(f"namespace {', '.join(there)} is there already on the cluster of KUBECONFIG; the test would delete it")
        self.work = kit.work_folder()
        # Overlays that were applied are in the folder of what is deployed.
        self.guard = kit.Guard('work=$1; shift; for f in "$work"/*/*/kustomization.yaml; do kubectl delete -k "${f%/*}" --ignore-not-found; done; '
                               'kubectl delete namespace "$@" --ignore-not-found; rm -rf "$work"', self.work, *self.makes)
        return self

    def __exit__(self, *_):
        for f in glob.glob(f"{self.work}/*/*/kustomization.yaml"):
            self.kubectl("delete", "-k", os.path.dirname(f), "--ignore-not-found", check=False)
        p = self.kubectl("delete", "namespace", *self.makes, "--ignore-not-found", "--timeout=120s", check=False)
        shutil.rmtree(self.work, ignore_errors=True)
        self.guard.done()
        tap.ok("what the test made on the cluster is gone", p.returncode == 0, p.stderr)

    def kubectl(self, *words, check=True, timeout=300, **kw):
        p = subprocess.run([*self.kubectl_words, *words], capture_output=True, text=True, timeout=timeout, **kw)
        if check and p.returncode:
            raise Failed(f"kubectl {' '.join(words)}: {(p.stderr + p.stdout)[-3000:].strip()}")
        return p.stdout if check else p

    def load(self, tar):
        p = subprocess.run([*shlex.split(os.environ[LOAD]), tar], capture_output=True, text=True, timeout=600)
        if p.returncode:
            raise Failed(f"{LOAD}={os.environ[LOAD]} {tar}: {(p.stderr + p.stdout)[-1000:].strip()}")

