# SPDX-License-Identifier: Apache-2.0
"""A kernel of Debian's for a virtual machine: found, fetched once, and its few modules kept.

The flavour is "cloud": same source, version and network options as the others, a third of the
size. What is kept below the cache folder is the kernel image and the modules a guest needs."""
import gzip, lzma, os, re, shutil, subprocess, tempfile

import packages

# series -> where Debian has it, at one time or another.
SUITES = {
    "5.10": ["bullseye-security", "bullseye"],
    "6.1": ["bookworm-security", "bookworm"],
    "6.12": ["trixie-security", "trixie", "bookworm-backports"],
    "newest": ["sid", "trixie-backports"],
}
MODULES = ["veth", "sch_ingress", "cls_bpf", "act_bpf", "8021q", "dummy"]


class Kernel:
    """`name` is "6.1" or "6.1-arm64"."""

    def __init__(self, name, cache):
        self.name = name
        self.series, _, self.arch = name.partition("-")
        self.arch = self.arch or "amd64"
        if self.series not in SUITES or self.arch not in ("amd64", "arm64"):
            raise packages.Missing(f"no kernel is called {name!r}; there are "
                                   + ", ".join(SUITES) + ", each also with -arm64")
        self.folder = f"{cache}/{self.series}-{self.arch}"

    @property
    def image(self):
        return f"{self.folder}/vmlinuz"

    @property
    def release(self):
        with open(f"{self.folder}/release") as f:
            return f.read().strip()

    def modules(self):
        """Paths of the modules, each behind those that it needs."""
        with open(f"{self.folder}/modules") as f:
            return [f"{self.folder}/{name}.ko" for name in f.read().split()]

    def is_here(self):
        return os.path.exists(f"{self.folder}/release")

    def fetch(self, archive):
        shutil.rmtree(self.folder, ignore_errors=True)
        os.makedirs(self.folder)
        with tempfile.TemporaryDirectory(prefix="nt-kernel-") as tree:
            release = self.resolve(archive)
            names = [f"linux-image-{release}"]
            if archive.fields(f"linux-binary-{release}"):
                # From 7 on the image package is a stub.
                names = [f"linux-binary-{release}", f"linux-modules-{release}"]
            archive.unpack(names, tree)
            self.keep(tree)
            with open(f"{self.folder}/release", "w") as f:
                print(release, file=f)

    def resolve(self, archive):
        """The release's name out of the package that always depends on the latest."""
        latest = []
        for fields in archive.fields(f"linux-image-cloud-{self.arch}"):
            m = re.search(r"linux-image-((\d+\.\d+)\.\S+-cloud-\w+)", fields.get("Depends", ""))
            if m and self.series in ("newest", m.group(2)):
                version = [int(n) for n in re.findall(r"\d+", fields["Version"])[:3]]
                latest.append((version, m.group(1)))
        if not latest:
            raise packages.Missing(f"no suite of {', '.join(archive.suites)} has a cloud kernel "
                                   f"{self.series} for {self.arch}\n{archive.complaint}")
        return max(latest)[1]

    def keep(self, tree):
        files = {}
        for folder, _, names in os.walk(tree):
            for name in names:
                files[name] = f"{folder}/{name}"
        image = next((path for name, path in files.items() if name.startswith("vmlinuz")), None)
        if not image:
            raise packages.Missing(f"no kernel image in the packages of {self.name}")
        shutil.copy(image, self.image)
        kept = []
        for name in MODULES:
            self.keep_module(name, files, kept)
        with open(f"{self.folder}/modules", "w") as f:
            print(" ".join(kept), file=f)

    def keep_module(self, name, files, kept):
        """A module behind the ones it depends on; what is no module is built in."""
        if name in kept:
            return
        for ending, opener in ((".ko", open), (".ko.xz", lzma.open), (".ko.gz", gzip.open)):
            path = files.get(name + ending) or files.get(name.replace("_", "-") + ending)
            if path:
                with opener(path, "rb") as f:
                    octets = f.read()
                break
        else:
            return
        needs = re.search(rb"\0depends=([^\0]*)\0", octets)
        for need in needs.group(1).decode().split(",") if needs else []:
            if need:
                self.keep_module(need, files, kept)
        with open(f"{self.folder}/{name}.ko", "wb") as f:
            f.write(octets)
        kept.append(name)


def fetch_missing(kernels):
    """Fetches what is not in the cache yet: name -> why it cannot be had."""
    troubles = {}
    for arch in sorted({k.arch for k in kernels}):
        missing = [k for k in kernels if k.arch == arch and not k.is_here()]
        if not missing:
            continue
        with packages.Archive(arch, [s for k in missing for s in SUITES[k.series]]) as archive:
            for k in missing:
                try:
                    k.fetch(archive)
                except (packages.Missing, OSError, subprocess.SubprocessError) as e:
                    troubles[k.name] = str(e)
    return troubles
