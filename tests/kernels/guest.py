# SPDX-License-Identifier: Apache-2.0
"""The initial file system of a guest: a shell, busybox, iproute2, modules, test programs."""
import os, re, shutil, subprocess

import packages

HERE = os.path.dirname(os.path.abspath(__file__))
TRIPLET = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
# Not busybox's shell: it would run its own `ip`, which knows no namespaces.
TOOLS = ["/usr/bin/dash", "/usr/sbin/ip", "/usr/sbin/tc"]


def find(root, path):
    """A program below `root`, wherever a release keeps it; links there may lead out of it."""
    name = os.path.basename(path)
    for folder in ("/usr/sbin", "/usr/bin", "/sbin", "/bin"):
        here = f"{root}{folder}/{name}"
        if os.path.exists(here) and not os.path.islink(here):
            return here
    raise packages.Missing(f"{path} is not installed below {root or '/'}")


def needed(path, root, arch):
    """(path in the guest, path here) of the loader and of each library, theirs included."""
    found, todo = {}, [path]
    while todo:
        text = subprocess.run(["readelf", "-dlW", todo.pop()], capture_output=True, text=True).stdout
        loader = re.search(r"program interpreter: (/[^\]]+)\]", text)
        names = re.findall(r"\(NEEDED\).*\[(.+)\]", text)
        wanted = [(loader.group(1), [root + loader.group(1)])] if loader else []
        wanted += [(f"/lib/{TRIPLET[arch]}/{name}",
                    [f"{root}{p}/{TRIPLET[arch]}/{name}" for p in ("/usr/lib", "/lib")])
                   for name in names if not name.startswith("ld-linux")]
        for inside, places in wanted:
            here = next((p for p in places if os.path.exists(p)), None)
            if not here:
                raise packages.Missing(f"{places[0]} is missing (needed by {path})")
            if inside not in found:
                found[inside] = here
                todo.append(here)
    return sorted(found.items())


def put(folder, inside, here, mode=0o755):
    path = folder + inside
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copyfile(here, path)
    os.chmod(path, mode)


def build(kernel, root, programs, objects, out):
    """Writes `out`, a compressed archive for the kernel's initrd. root: where the guest's own
    tools are ("" for those of this machine); out + ".d" is filled on the way."""
    folder = out + ".d"
    shutil.rmtree(folder, ignore_errors=True)
    for sub in ("dev", "proc", "run", "sys", "tmp", "etc", "sbin", "bin", "usr/bin"):
        os.makedirs(f"{folder}/{sub}")
    put(folder, "/bin/busybox", find(root, "/usr/bin/busybox"))
    os.symlink("dash", f"{folder}/bin/sh")
    for tool in TOOLS:
        here = find(root, tool)
        put(folder, ("/bin/" if tool.endswith("dash") else "/sbin/") + os.path.basename(tool), here)
        for inside, library in needed(here, root, kernel.arch):
            put(folder, inside, library)
    for n, module in enumerate(kernel.modules()):
        put(folder, f"/modules/{n:02}-{os.path.basename(module)}", module, 0o644)
    for program in programs:
        put(folder, f"/tests/{os.path.basename(program)}", program)
    for o in objects:
        put(folder, f"/bpf/{os.path.basename(o)}", o, 0o644)
    put(folder, "/init", f"{HERE}/init")
    pack(folder, out)
    shutil.rmtree(folder)


def pack(folder, out):
    with open(out, "wb") as f:
        p = subprocess.run("find . | busybox cpio -o -H newc 2>/dev/null | gzip -1", shell=True,
                           cwd=folder, stdout=f)
    if p.returncode:
        raise OSError(f"cannot pack {folder}")
