# SPDX-License-Identifier: Apache-2.0
"""Debian packages of other releases and another architecture, from the mirror that this machine
uses, without touching what the machine itself has: lists, archives and status are all private.

Exact versions vanish from a mirror, so names are resolved each time; what was unpacked is kept."""
import os, re, shutil, subprocess, tempfile

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Missing(Exception):
    """A package cannot be had; the message says what was tried."""


def run(*command, **kwargs):
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, **kwargs)


def host_release():
    with open("/etc/os-release") as f:
        m = re.search(r"^VERSION_CODENAME=(\w+)", f.read(), re.M)
    if not m:
        raise Missing("/etc/os-release names no Debian release")
    return m.group(1)


def mirrors():
    """(main archive, security archive) as apt is configured here."""
    release = host_release()
    found = {}
    for line in run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(CODENAME)",
                    "Created-By: Packages").stdout.splitlines():
        uri, *names = line.split()
        for name in names:
            found.setdefault(name, uri.rstrip("/"))
    main = found.get(release) or found.get("stable")
    if not main:
        raise Missing(f"apt knows no mirror of {release} on this machine")
    return main, found.get(release + "-security") or found.get("stable-security") or main


class Archive:
    """Some suites of one architecture; a context whose lists go when it ends."""

    def __init__(self, arch, suites):
        self.arch, self.suites = arch, list(dict.fromkeys(suites))

    def __enter__(self):
        self.folder = tempfile.mkdtemp(prefix="nt-apt-")
        main, security = mirrors()
        with open(f"{self.folder}/sources.list", "w") as f:
            for suite in self.suites:
                uri = security if suite.endswith("-security") else main
                print(f"deb [signed-by={KEYRING} arch={self.arch}] {uri} {suite} main", file=f)
        open(f"{self.folder}/status", "w").close()
        for sub in ("lists/partial", "archives/partial"):
            os.makedirs(f"{self.folder}/{sub}")
        self.options = [x for o in (
            f"Dir::Etc::SourceList={self.folder}/sources.list", "Dir::Etc::SourceParts=/dev/null",
            f"Dir::State::Lists={self.folder}/lists", f"Dir::State::status={self.folder}/status",
            f"Dir::Cache::Archives={self.folder}/archives", "Dir::Cache::pkgcache=",
            "Dir::Cache::srcpkgcache=", f"APT::Architecture={self.arch}",
            f"APT::Architectures={self.arch}", "APT::Sandbox::User=root",
            "Acquire::Languages=none", "Acquire::Retries=3", "Acquire::http::Timeout=60",
        ) for x in ("-o", o)]
        # A suite that is gone from the mirror matters only if nothing else has the package.
        self.complaint = run("apt-get", *self.options, "update").stdout
        return self

    def __exit__(self, *_):
        shutil.rmtree(self.folder, ignore_errors=True)

    def apt(self, tool, *args, **kwargs):
        return run(tool, *self.options, *args, **kwargs)

    def fields(self, package):
        """Each version that the suites have: a dict of its control fields, the newest first."""
        text = self.apt("apt-cache", "show", package).stdout
        return [dict(re.findall(r"^([A-Za-z-]+): (.*)$", block, re.M))
                for block in text.split("\n\n") if block.startswith("Package:")]

    def unpack(self, packages, folder):
        """Downloads and unpacks them below `folder`; the archives are not kept."""
        pool = f"{self.folder}/pool"
        shutil.rmtree(pool, ignore_errors=True)
        os.makedirs(pool)
        p = self.apt("apt-get", "download", *packages, cwd=pool)
        if p.returncode:
            raise Missing("apt-get download " + " ".join(packages) + f"\n{p.stdout}{self.complaint}")
        for deb in sorted(os.listdir(pool)):
            p = run("dpkg-deb", "-x", f"{pool}/{deb}", folder)
            if p.returncode:
                raise Missing(f"unpack {deb}: {p.stdout}")
