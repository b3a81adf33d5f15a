# SPDX-License-Identifier: Apache-2.0
"""A machine where nobody else is: enter() starts this very program again with a network of its own
and with empty folders of its own where the demo could leave something. A comparison of before and
after (leftovers.py) is exact there, whatever other programs do at the same time.

BPF objects and processes have no such place: they are known by who made them."""
import os
import subprocess
import sys

INSIDE = "NT_TEST_MACHINE"
EMPTY = ("/run", "/tmp", "/var/lib/cni")
BPFFS = "/sys/fs/bpf"


def enter(*kept):
    """kept: folders that stay where they are, even below an empty one."""
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", "--net", sys.executable,
                              os.path.abspath(sys.argv[0]), *sys.argv[1:]])
    del os.environ[INSIDE]
    places = {os.path.realpath(k): os.open(k, os.O_PATH) for k in kept}
    for folder in EMPTY:
        os.makedirs(folder, exist_ok=True)
        mount("-t", "tmpfs", "-o", f"mode={'1777' if folder == '/tmp' else '0755'}", "tmpfs", folder)
    for path, fd in places.items():
        if not os.path.exists(path):
            os.makedirs(path)
            mount("--no-canonicalize", "--bind", f"/proc/{os.getpid()}/fd/{fd}", path)
        os.close(fd)
    mount("-t", "bpf", "-o", "mode=0700", "bpf", BPFFS)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def mount(*words):
    p = subprocess.run(["mount", *words], capture_output=True, text=True)
    if p.returncode:
        sys.exit(f"mount {' '.join(words)}: {p.stderr.strip()}")
